# An immediate stop in the middle of writes: after recovery the audit log and
# the data agree, row for row.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "cipguard.kek_command = 'printf %064d 1'\n");
$node->start;

$node->safe_psql('postgres', q{
	CREATE EXTENSION cipguard CASCADE;
	CREATE EXTENSION amcheck;
	CREATE TABLE counter (id int PRIMARY KEY, v int NOT NULL, mobile cipguard.enc_text('mobile'));
	CREATE TABLE line (id bigserial PRIMARY KEY, counter int NOT NULL, note text);
	SECURITY LABEL FOR cipguard ON COLUMN counter.id IS 'subject';
	SECURITY LABEL FOR cipguard ON COLUMN line.note IS 'address';
	INSERT INTO counter SELECT i, 0, '13800138000' FROM generate_series(1, 20) i;
	SELECT cipguard.audit_table('counter'), cipguard.audit_table('line');
});

my $script = $node->basedir . '/write.sql';
append_to_file($script, q{
\set id random(1, 20)
\set dice random(1, 4)
BEGIN;
UPDATE counter SET v = v + 1 WHERE id = :id;
SAVEPOINT s;
INSERT INTO line (counter, note) VALUES (:id, 'Nanjing Road');
\if :dice = 1
ROLLBACK TO s;
\elif :dice = 2
DELETE FROM line WHERE id = (SELECT id FROM line WHERE counter = :id ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED);
\endif
\if :dice = 3
ROLLBACK;
\else
COMMIT;
\endif
});

for my $round (1 .. 3)
{
	my ($out, $err) = ('', '');
	my $before = $node->safe_psql('postgres', 'SELECT count(*) FROM cipguard.audit_event');
	my $writers = IPC::Run::start(
		[ 'pgbench', '-n', '-c', '4', '-T', '300', '-f', $script, '-h', $node->host, '-p', $node->port, 'postgres' ],
		'>' => \$out,
		'2>' => \$err);

	ok($node->poll_query_until('postgres', "SELECT count(*) > $before + 300 FROM cipguard.audit_event"),
		"round $round: writers are at work");
	$node->stop('immediate');
	$writers->finish;
	$node->start;

	is($node->safe_psql('postgres', q{
		SELECT (SELECT sum(v) FROM counter) - (SELECT count(*) FROM cipguard.audit_log
			WHERE relation = 'public.counter' AND action = 'UPDATE')
	}), '0', "round $round: each update has its event");
	is($node->safe_psql('postgres', q{
		SELECT count(*) FROM counter c
		FULL JOIN (SELECT DISTINCT ON (before ->> 'id') before ->> 'id' AS id, after ->> 'v' AS v FROM cipguard.audit_log
			WHERE relation = 'public.counter' AND action = 'UPDATE' ORDER BY before ->> 'id', (after ->> 'v')::int DESC) l
			ON l.id = c.id::text
		WHERE c.v <> coalesce(l.v, '0')::int
	}), '0', "round $round: the last event of each row shows what is in it");
	is($node->safe_psql('postgres', q{
		SELECT count(*) FROM (
			(SELECT after ->> 'id' FROM cipguard.audit_log WHERE relation = 'public.line' AND action = 'INSERT'
				EXCEPT ALL SELECT before ->> 'id' FROM cipguard.audit_log WHERE relation = 'public.line' AND action = 'DELETE')
			EXCEPT ALL SELECT id::text FROM line) x
	}), '0', "round $round: no event without its row");
	is($node->safe_psql('postgres', q{
		SELECT count(*) FROM (
			SELECT id::text FROM line EXCEPT ALL
			(SELECT after ->> 'id' FROM cipguard.audit_log WHERE relation = 'public.line' AND action = 'INSERT'
				EXCEPT ALL SELECT before ->> 'id' FROM cipguard.audit_log WHERE relation = 'public.line' AND action = 'DELETE')) x
	}), '0', "round $round: no row without its event");
	is($node->safe_psql('postgres', q{
		SELECT count(*) FROM cipguard.audit_log WHERE login_role IS NULL OR before ? '?1' OR after ? '?1'
	}), '0', "round $round: sessions and schemas are there");
	is($node->safe_psql('postgres', q{
		SELECT count(*) FROM (SELECT bt_index_check(indexrelid, true) FROM pg_index JOIN pg_class c ON c.oid = indexrelid
			JOIN pg_am a ON a.oid = c.relam
			WHERE indrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent IN ('cipguard.audit_change'::regclass, 'cipguard.audit_record'::regclass)) AND amname = 'btree') x
		HAVING count(*) = 0
	}), '', "round $round: indexes fit their tables");
	is($node->safe_psql('postgres', q{
		SELECT count(*) FROM (SELECT seq FROM cipguard.audit_event GROUP BY seq HAVING count(*) > 1) x
	}), '0', "round $round: no number was given twice");
}

$node->stop;
done_testing();

# 191_reencrypt.pl
#	Rotation of a table that others write: nothing is lost, nobody is stopped,
#	and neither a crash of the worker nor one of the server matters.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use IPC::Run qw(start finish);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rows = 50000;
my $dir = PostgreSQL::Test::Utils::tempdir();
my $node = new_cluster('reencrypt',
	conf => "cipguard.worker_interval = 1\nrestart_after_crash = on\nmax_prepared_transactions = 2\nfull_page_writes = on\n");
as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql());
as($node, undef, <<"SQL");
SET ROLE owner;
CREATE TYPE app.pair AS (a cipguard.enc_text('address'), b int);
CREATE TABLE app.client (
	id int PRIMARY KEY,
	phone cipguard.enc_text('mobile') UNIQUE,
	address cipguard.enc_text('address'),
	old_phones cipguard.enc_text('mobile')[],
	pair app.pair,
	is_phone text,
	is_address text,
	n int NOT NULL DEFAULT 0
);
CREATE INDEX ON app.client USING hash (phone);
CREATE TABLE app.visit (client int REFERENCES app.client ON DELETE CASCADE, phone cipguard.enc_text('mobile') REFERENCES app.client (phone) ON UPDATE CASCADE);
CREATE TABLE app.tally (what text, id int);
CREATE SEQUENCE app.ids START 1000000;
CREATE SEQUENCE app.phones;
INSERT INTO app.client
	SELECT i, '138' || to_char(i, 'FM00000000'), 'road ' || i, ARRAY['137' || to_char(i, 'FM00000000'), NULL]::cipguard.enc_text('mobile')[],
		ROW(('street ' || i)::cipguard.enc_text('address'), i)::app.pair, '138' || to_char(i, 'FM00000000'), 'road ' || i
	FROM generate_series(1, $rows) i;
INSERT INTO app.visit SELECT 1, '138' || to_char(1, 'FM00000000') FROM generate_series(1, 10);
CREATE FUNCTION app.trip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO app.tally VALUES (''trigger'', NEW.id); RETURN NEW; END';
GRANT SELECT ON ALL TABLES IN SCHEMA app TO reader;
SQL

sub progress
{
	my ($columns, $relation) = @_;
	return as($node, undef, "SELECT $columns FROM cipguard.reencrypt_progress WHERE relation = '" . ($relation // 'app.client') . "'::regclass");
}

# Values by version of the data key of a table's columns.
sub versions
{
	my ($category, $relation) = @_;
	return as($node, undef, "SELECT string_agg(DISTINCT version::text, ',') FROM cipguard.key_use() WHERE kind = 'd' AND owner = cipguard.category_id('$category') AND place = 'column' AND relation = '" . ($relation // 'app.client') . "'::regclass");
}

# Each row says itself what its encrypted values are.
sub all_is_well
{
	my ($when) = @_;
	is(as($node, 'reader', <<'SQL'), '0', "$when: every value is what its row says");
SELECT count(*) FROM app.client
	WHERE phone::text IS DISTINCT FROM is_phone OR address::text IS DISTINCT FROM is_address
		OR (pair).a::text IS DISTINCT FROM 'street ' || (pair).b OR old_phones[2] IS NOT NULL
		OR old_phones[1]::text IS DISTINCT FROM '137' || to_char((pair).b, 'FM00000000')
SQL
	is(as($node, undef, "SELECT count(*) - $rows - count(*) FILTER (WHERE false) FROM app.client"),
		as($node, undef, "SELECT count(*) FILTER (WHERE what = 'ins') - count(*) FILTER (WHERE what = 'del') FROM app.tally"),
		"$when: no row is lost, none came back");
	is(as($node, undef, 'SELECT sum(n) FROM app.client WHERE id <= 5'),
		as($node, undef, "SELECT count(*) FROM app.tally WHERE what = 'same'"),
		"$when: nor is a change of the rows that all change");
	is(as($node, 'reader', "SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT count(*) FROM app.client c WHERE NOT EXISTS (SELECT FROM app.client d WHERE d.phone = c.phone AND d.id = c.id)"),
		'0', "$when: the indexes find every row");
}

# 1. In the foreground, nobody writing.
is(versions('mobile'), '1', 'written under the first version');
is(as($node, 'officer', "SELECT cipguard.rotate_key('mobile'), cipguard.rotate_key('address')"), '2|2', 'new keys');
as($node, undef, 'CREATE TRIGGER trip BEFORE UPDATE ON app.client FOR EACH ROW EXECUTE FUNCTION app.trip(); ALTER TABLE app.client ENABLE ALWAYS TRIGGER trip; ALTER TABLE app.client ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY');
refused($node, 'clerk', "CALL cipguard.reencrypt('app.client')", '42501', 'not for everybody');
refused($node, 'clerk', "SELECT cipguard.reencrypt_step('app.client')", '42501', 'nor by what it calls');
refused($node, 'clerk', "SELECT cipguard.start_reencrypt('app.client')", '42501', 'nor in the worker');
is(as($node, 'clerk', 'SELECT count(*) FROM cipguard.reencrypt_progress'), '0', 'and nobody sees what is not his');
refused($node, 'owner', "CALL cipguard.reencrypt('app.client', 0)", '22023', 'a batch has rows');
like(error_of($node, 'owner', "BEGIN; CALL cipguard.reencrypt('app.client')"), qr/invalid transaction termination/, 'not inside a transaction');
my ($out, $err) = run_as($node, 'owner', "CALL cipguard.reencrypt('app.client', 700)");
like($err, qr/\b200000 values in 50000 rows encrypted anew/, 'the owner may, and is told');
is(progress('state, pass, rows_replaced, values_renewed'), 'done|1|50000|200000', 'one pass');
is(as($node, 'owner', 'SELECT count(*) FROM cipguard.reencrypt_progress'), '1', 'the owner sees it');
is(versions('mobile'), '2', 'all mobile numbers have the new key');
is(versions('address'), '2', 'and all addresses');
is(as($node, undef, "SELECT count(*) FROM app.tally"), '0', 'no trigger has fired');
is(as($node, undef, "SELECT cipguard.audit_note(new, 1), cipguard.audit_note(new, 2) FROM cipguard.audit_event WHERE kind = 'G' AND relid = 'app.client'::regclass AND cipguard.audit_note(new, 1) = 'reencryption'"),
	'reencryption|200000 values in 50000 rows encrypted anew, asked for by owner', 'one event for all of it');
as($node, undef, 'DROP TRIGGER trip ON app.client; ALTER TABLE app.client DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY');
all_is_well('foreground');
($out, $err) = run_as($node, 'officer', "CALL cipguard.reencrypt('app.client')");
like($err, qr/\b0 values in 0 rows/, 'an officer finds nothing left to do');

# 2. What it is refused for, and special tables.
as($node, undef, <<'SQL');
SET ROLE owner;
CREATE TABLE app.parted (k int, phone cipguard.enc_text('mobile')) PARTITION BY LIST (k);
CREATE TABLE app.parted1 PARTITION OF app.parted FOR VALUES IN (1);
CREATE TABLE app.parted2 PARTITION OF app.parted FOR VALUES IN (2) PARTITION BY LIST (k);
CREATE TABLE app.parted3 PARTITION OF app.parted2 DEFAULT;
INSERT INTO app.parted SELECT 1 + i % 2, '13800000001' FROM generate_series(1, 1000) i;
CREATE UNLOGGED TABLE app.quick (a cipguard.enc_text('address'));
INSERT INTO app.quick SELECT repeat(md5('x'), 400) FROM generate_series(1, 50);
CREATE TABLE app.plain (a text);
INSERT INTO app.plain VALUES ('x');
SQL
as($node, undef, "SELECT cipguard.grant_access('owner', 'address', 'read')");
as($node, undef, "SET ROLE owner; CREATE MATERIALIZED VIEW app.m AS SELECT a FROM app.quick");
as($node, 'officer', "SELECT cipguard.rotate_key('mobile'), cipguard.rotate_key('address')");
refused($node, 'owner', "CALL cipguard.reencrypt('app.m')", '42809', 'materialized views are refreshed', like => qr/REFRESH/);
refused($node, 'owner', "CALL cipguard.reencrypt('app.ids')", '42809', 'a sequence has no values');
as($node, 'owner', "CALL cipguard.reencrypt('app.plain')");
is(progress('state, rows_replaced', 'app.plain'), 'done|0', 'a plain table is no work');
as($node, 'owner', "CALL cipguard.reencrypt('app.parted', 100)");
is(progress('state, rows_replaced', 'app.parted'), 'done|1000', 'all partitions');
is(versions('mobile', "app.$_"), '3', "$_ has the new key") foreach qw(parted1 parted3);
as($node, 'owner', "CALL cipguard.reencrypt('app.quick')");
is(versions('address', 'app.quick'), '3', 'long values of an unlogged table');
is(as($node, 'reader', "SELECT count(*) FROM app.quick WHERE a::text = repeat(md5('x'), 400)"), '50', 'are what they were')
  if as($node, undef, 'GRANT SELECT ON app.quick TO reader') eq '';
is(versions('address', 'app.m'), '2', 'the materialized view has the old key');
as($node, 'owner', 'REFRESH MATERIALIZED VIEW app.m');
is(versions('address', 'app.m'), '3', 'until it is refreshed');
is(as($node, 'owner', "CREATE TEMP TABLE t (a cipguard.enc_text('mobile')); INSERT INTO t VALUES ('13800000001'); CALL cipguard.reencrypt('t'); SELECT state FROM cipguard.reencrypt_progress WHERE relation = 't'::regclass"),
	'done', 'a temporary table');
my $orphans = 'SELECT count(*) FROM cipguard.reencrypt_job j WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = j.relation)';
ok($node->poll_query_until('postgres', $orphans, '1'), 'goes silently');
as($node, 'owner', "CREATE TABLE app.brief (id int PRIMARY KEY, a cipguard.enc_text('mobile'), b text); CALL cipguard.reencrypt('app.brief')");
as($node, undef, "SELECT cipguard.encrypt_column_begin('app.brief'::regclass, 'b', 'mobile', 100)");
is(as($node, undef, $orphans), '0', 'and the next job clears away after it');
my $brief = as($node, undef, "SELECT 'app.brief'::regclass::oid");
is(as($node, undef, "SELECT (SELECT count(*) FROM cipguard.reencrypt_job WHERE relation = $brief), (SELECT count(*) FROM cipguard.column_conversion WHERE relation = $brief)"), '1|1', 'a table with both jobs');
as($node, 'owner', 'DROP TABLE app.brief');
is(as($node, undef, "SELECT (SELECT count(*) FROM cipguard.reencrypt_job WHERE relation = $brief), (SELECT count(*) FROM cipguard.column_conversion WHERE relation = $brief)"), '0|0', 'takes them along');
refused($node, 'owner', "CREATE TEMP TABLE t (a cipguard.enc_text('mobile')); SELECT cipguard.start_reencrypt('t')", '0A000', 'which the worker cannot do');

# 3. Rows that somebody holds are left, not waited for; so is the table.
my $holder = $node->background_psql('postgres', on_error_stop => 0);
$holder->query_safe('BEGIN; SELECT id FROM app.client WHERE id = 17 FOR UPDATE');
as($node, 'owner', "SELECT cipguard.start_reencrypt('app.client', 5000)");
ok($node->poll_query_until('postgres', "SELECT rows_replaced = $rows - 1 FROM cipguard.reencrypt_progress WHERE relation = 'app.client'::regclass"),
	'the worker does all rows but one');
my $cycles = as($node, undef, "SELECT cycles FROM cipguard.worker_status WHERE database = 'postgres'");
ok($node->poll_query_until('postgres', "SELECT cycles > $cycles + 1 AND error IS NULL FROM cipguard.worker_status WHERE database = 'postgres'"), 'its other work goes on');
$holder->query_safe('COMMIT');
ok($node->poll_query_until('postgres', "SELECT state = 'done' FROM cipguard.reencrypt_progress WHERE relation = 'app.client'::regclass"),
	'and then that one');
cmp_ok(progress('pass'), '>', 1, 'in another pass');
is(versions('mobile'), '3', 'nothing is left');
as($node, 'officer', "SELECT cipguard.rotate_key('mobile')");
$holder->query_safe('BEGIN; LOCK TABLE app.client');
as($node, 'owner', "SELECT cipguard.start_reencrypt('app.client')");
ok($node->poll_query_until('postgres', "SELECT state = 'waiting' FROM cipguard.reencrypt_progress WHERE relation = 'app.client'::regclass"), 'the worker waits for a table, but in no queue');
is(as($node, 'owner', "SELECT cipguard.stop_reencrypt('app.client')"), 't', 'one can stop it');
$holder->query_safe('COMMIT');
is(progress('state, rows_replaced'), 'stopped|0', 'it is stopped');

# 4. Errors are kept in the job; the worker tries again, and gives up.
as($node, undef, "ALTER TABLE app.client REPLICA IDENTITY NOTHING; CREATE PUBLICATION p FOR TABLE app.client");
as($node, 'owner', "SELECT cipguard.start_reencrypt('app.client')");
ok($node->poll_query_until('postgres', "SELECT failures > 0 AND last_error LIKE '%replica identity%' FROM cipguard.reencrypt_progress WHERE relation = 'app.client'::regclass"),
	'a table that cannot be published is told of');
as($node, undef, "DROP PUBLICATION p; ALTER TABLE app.client REPLICA IDENTITY DEFAULT");
ok($node->poll_query_until('postgres', "SELECT state = 'done' FROM cipguard.reencrypt_progress WHERE relation = 'app.client'::regclass"), 'and done when it can be');

# 5. Under load, with crashes.
my $script = write_file("$dir/load.sql", <<"SQL", 0644);
\\set id random(10, $rows)
\\set same random(1, 5)
\\set what random(1, 100)
\\if :what <= 30
BEGIN;
UPDATE app.client SET n = n + 1, address = 'road ' || n, is_address = 'road ' || n WHERE id = :same;
INSERT INTO app.tally SELECT 'same', :same;
COMMIT;
\\elif :what <= 60
BEGIN;
UPDATE app.client c SET phone = '139' || to_char(v, 'FM00000000'), is_phone = '139' || to_char(v, 'FM00000000') FROM nextval('app.phones') v WHERE id = :id;
UPDATE app.client SET n = n + 1 WHERE id = :id - 5 AND id > 5;
UPDATE app.client SET is_address = is_address WHERE id = :id - 7 AND id > 5;
COMMIT;
\\elif :what <= 80
BEGIN;
INSERT INTO app.client SELECT v, '136' || to_char(v, 'FM00000000'), 'lane', ARRAY['137' || to_char(v, 'FM00000000'), NULL]::cipguard.enc_text('mobile')[],
	ROW(('street ' || v)::cipguard.enc_text('address'), v)::app.pair, '136' || to_char(v, 'FM00000000'), 'lane' FROM nextval('app.ids') v;
INSERT INTO app.tally VALUES ('ins', 0);
COMMIT;
\\else
WITH d AS (DELETE FROM app.client WHERE id = :id AND id > 5 RETURNING id) INSERT INTO app.tally SELECT 'del', id FROM d;
\\endif
SQL
my $stop = "$dir/stop";

# Each writer begins again when the server is back.
sub writers
{
	return map {
		start([ 'sh', '-c', "while [ ! -e '$stop' ]; do pgbench -n -c 1 -T 600 -f '$script' '" . $node->connstr('postgres') . "' & p=\$!; while kill -0 \$p 2>/dev/null && [ ! -e '$stop' ]; do sleep 0.2; done; kill \$p 2>/dev/null; wait \$p; done" ],
			'<', '/dev/null', '>', "$dir/writer$_.log", '2>', "$dir/writer$_.err")
	} 1 .. 3;
}

sub up_again
{
	my ($offset) = @_;
	foreach (1 .. 600)
	{
		return 1 if log_since($node, $offset) =~ /database system is ready to accept connections/;
		select(undef, undef, undef, 0.1);
	}
	return 0;
}

as($node, 'officer', "SELECT cipguard.rotate_key('mobile'), cipguard.rotate_key('address')");
my @writers = writers();
$node->poll_query_until('postgres', "SELECT count(*) > 300 FROM app.tally");
my $log = -s $node->logfile;
as($node, 'owner', "SELECT cipguard.start_reencrypt('app.client', 200)");
foreach my $victim ('worker', 'server', 'worker')
{
	my $before = progress('rows_replaced') || 0;
	$node->poll_query_until('postgres', "SELECT rows_replaced >= $before + 2000 OR state = 'done' FROM cipguard.reencrypt_progress WHERE relation = 'app.client'::regclass");
	$before = progress('rows_replaced');
	isnt(progress('state'), 'done', "at work before the $victim dies");
	if ($victim eq 'server')
	{
		$node->kill9;
		# Its children notice, and go.  What is left of it could look alive where
		# nobody takes note of its end.
		foreach (1 .. 600)
		{
			last if system("pgrep -f '^postgres: reencrypt: ' > /dev/null") != 0;
			select(undef, undef, undef, 0.1);
		}
		unlink($node->data_dir . '/postmaster.pid', $node->host . '/.s.PGSQL.' . $node->port . '.lock');
		$node->start;
	}
	else
	{
		my $offset = -s $node->logfile;
		my $pid = as($node, undef, "SELECT pid FROM cipguard.worker_status WHERE database = 'postgres' AND pid > 0");
		kill('KILL', $pid) if $pid;
		ok(up_again($offset), 'the server restarts when the worker is killed');
	}
	wait_up($node);
	cmp_ok(progress('rows_replaced'), '>=', $before, "what was done before the $victim died is done");
}
ok($node->poll_query_until('postgres', "SELECT state = 'done' FROM cipguard.reencrypt_progress WHERE relation = 'app.client'::regclass"), 'the job gets to its end under load')
  or diag(progress('*'));
is(progress('last_error'), '', 'without an error');
my $current = as($node, undef, "SELECT max(version) FROM cipguard.data_key WHERE kind = 'd' AND owner = cipguard.category_id('mobile')");
is(versions('mobile'), $current, 'every value has the current key while others write on');
write_file($stop, '');
finish($_) foreach @writers;
unlike(log_since($node, $log), qr/deadlock detected/, 'no deadlock');
cmp_ok(as($node, undef, "SELECT count(*) FROM app.tally"), '>', 500, 'there was a load');
all_is_well('load');
is(as($node, undef, "SELECT count(*) FROM app.visit v WHERE NOT EXISTS (SELECT FROM app.client c WHERE c.id = v.client)"), '0', 'references hold');
$node->stop;
done_testing();

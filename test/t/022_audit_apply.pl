# Changes that logical replication applies are audited, in batches or not, and
# the log itself cannot be replicated into.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = new_cluster('publisher', allows_streaming => 'logical', masking => 0);
my $subscriber = new_cluster('subscriber', allows_streaming => 'logical', masking => 0, conf => "log_min_messages = warning\n");
my $tables = q{
	CREATE TABLE t (id int PRIMARY KEY, v text);
	CREATE TABLE part (id int, k text, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
	CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a');
	CREATE TABLE part_b PARTITION OF part FOR VALUES IN ('b');
};
$publisher->safe_psql('postgres', "$tables INSERT INTO t SELECT i, 'copied' FROM generate_series(1, 500) i; CREATE PUBLICATION p FOR TABLE t, part WITH (publish_via_partition_root = true)");
$subscriber->safe_psql('postgres', "CREATE EXTENSION cipguard CASCADE; $tables SELECT cipguard.audit_table('t'), cipguard.audit_table('part')");
my $connection = $publisher->connstr('postgres');
$connection =~ s{'}{''}g;
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION s CONNECTION '$connection' PUBLICATION p");
$subscriber->wait_for_subscription_sync($publisher, 's');

sub events
{
	my ($where) = @_;
	$publisher->wait_for_catchup('s');
	return $subscriber->safe_psql('postgres', "SELECT action, relation, count(*) FROM cipguard.audit_log WHERE action IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE') AND $where GROUP BY 1, 2 ORDER BY 1, 2");
}

is(events('true'), 'INSERT|public.t|500', 'the initial copy');
my $mark = $subscriber->safe_psql('postgres', 'SELECT max(seq) FROM cipguard.audit_event');
$publisher->safe_psql('postgres', q{
	BEGIN;
	UPDATE t SET v = 'changed';
	SAVEPOINT s;
	DELETE FROM t;
	ROLLBACK TO s;
	DELETE FROM t WHERE id = 1;
	COMMIT;
	INSERT INTO part SELECT i, 'a' FROM generate_series(1, 3) i;
	UPDATE part SET k = 'b' WHERE id = 2;
	TRUNCATE part;
});
is(events("seq > $mark"), "DELETE|public.part_a|1\nDELETE|public.t|1\nINSERT|public.part_a|3\nINSERT|public.part_b|1\nTRUNCATE|public.part|1\nTRUNCATE|public.part_a|1\nTRUNCATE|public.part_b|1\nUPDATE|public.t|500",
	'inserts, updates, deletes, moves and TRUNCATE');
is($subscriber->safe_psql('postgres', 'SELECT bool_and(apply_worker) FROM cipguard.audit_session s WHERE EXISTS (SELECT FROM cipguard.audit_event e WHERE e.session_id = s.session_id AND e.seq > ' . $mark . ')'),
	't', 'by a session that is marked as replication');

# A transaction that is streamed while it runs, with subtransactions.
$mark = $subscriber->safe_psql('postgres', 'SELECT max(seq) FROM cipguard.audit_event');
$publisher->append_conf('postgresql.conf', 'logical_decoding_work_mem = 64kB');
$publisher->reload;
$subscriber->safe_psql('postgres', 'ALTER SUBSCRIPTION s SET (streaming = on)');
$publisher->safe_psql('postgres', q{
	BEGIN;
	INSERT INTO t SELECT i, repeat('s', 100) FROM generate_series(10001, 13000) i;
	SAVEPOINT a;
	INSERT INTO t SELECT i, repeat('s', 100) FROM generate_series(20001, 23000) i;
	ROLLBACK TO a;
	INSERT INTO t SELECT i, repeat('s', 100) FROM generate_series(30001, 31000) i;
	COMMIT;
});
is(events("seq > $mark"), 'INSERT|public.t|4000', 'a streamed transaction: what was committed of it');
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM t'), '4499', 'as in the table');

$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION s');
$subscriber->stop;
$publisher->stop;
done_testing();

# 130_worker.pl
#	The background workers: one for each database that has the extension, in
#	nobody's way, and with errors that are shown and end nothing.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'time';

my $node = new_cluster('worker',
	conf => "cipguard.worker_interval = 1\nmax_worker_processes = 12\nrestart_after_crash = on\n");

sub status
{
	my ($columns, $where) = @_;
	return as($node, undef, "SELECT $columns FROM cipguard.worker_status WHERE $where ORDER BY database");
}

sub soon
{
	my ($sql, $what, $want) = @_;
	ok($node->poll_query_until('postgres', $sql, $want // 't'), $what);
}

# How long a statement takes.
sub timed
{
	my ($sql, $what, %opt) = @_;
	my $began = time;
	is(error_of($node, undef, $sql, %opt), '', $what);
	cmp_ok(time - $began, '<', 3, 'at once');
}

# 1. Databases come and go.
as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, "CREATE ROLE officer LOGIN IN ROLE cipguard_officer; CREATE ROLE auditor LOGIN IN ROLE cipguard_auditor; CREATE ROLE clerk LOGIN");
soon("SELECT count(*) = 1 FROM cipguard.worker_status WHERE database = 'postgres' AND state = 'running' AND role = 'primary' AND cycles > 1 AND error IS NULL",
	'a worker begins when the extension is made');
as($node, undef, 'CREATE DATABASE bare');
as($node, undef, 'CREATE DATABASE second');
as($node, undef, 'CREATE EXTENSION cipguard CASCADE', db => 'second');
soon("SELECT count(*) = 1 FROM cipguard.worker_status WHERE database = 'second' AND pid IS NOT NULL", 'in a second database, too');
is(status('database', "database NOT IN ('postgres', 'second')"), '', 'and in no other');
is(as($node, undef, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'cipguard launcher'"), '1', 'one launcher');
is(as($node, $_, 'SELECT count(*) FROM cipguard.worker_status'), '2', "$_ sees the workers") foreach qw(officer auditor);
refused($node, 'clerk', 'SELECT * FROM cipguard.worker_status', '42501', 'an ordinary role does not');
refused($node, 'clerk', 'SELECT * FROM cipguard.worker_status_rows()', '42501', 'nor by the function');
is(as($node, undef, "SELECT error_code FROM (SELECT pg_catalog.set_config('search_path', '', false)) s, cipguard.worker_status"), "\n", 'no path is needed');

# 2. A worker is in nobody's way.
timed('ALTER DATABASE second RENAME TO third', 'rename a database that has a worker');
soon("SELECT count(*) = 1 FROM cipguard.worker_status WHERE database = 'third' AND pid IS NOT NULL", 'its worker comes back');
timed('CREATE DATABASE fourth TEMPLATE third', 'copy it');
soon("SELECT count(*) = 2 FROM cipguard.worker_status WHERE database IN ('third', 'fourth') AND pid IS NOT NULL", 'the copy has a worker');
my $space = PostgreSQL::Test::Utils::tempdir();
as($node, undef, "CREATE TABLESPACE elsewhere LOCATION '$space'");
timed('ALTER DATABASE fourth SET TABLESPACE elsewhere', 'move it');
soon("SELECT count(*) = 1 FROM cipguard.worker_status WHERE database = 'fourth' AND pid IS NOT NULL", 'the moved one has a worker');
my $pid = status('pid', "database = 'third'");
refused($node, 'clerk', 'DROP DATABASE third', '42501', 'somebody else does not drop it');
refused($node, 'clerk', 'CREATE DATABASE mine TEMPLATE third', '42501', 'nor copy it');
is(status('pid', "database = 'third'"), $pid, 'which does not end its worker');
timed('DROP DATABASE third', 'drop it');
timed('DROP DATABASE fourth', 'drop the copy');
is(status('database', "pid IS NOT NULL AND database <> 'postgres'"), '', 'their workers are gone');
as($node, undef, 'CREATE DATABASE fifth');
as($node, undef, 'CREATE EXTENSION cipguard CASCADE', db => 'fifth');
soon("SELECT count(*) = 1 FROM cipguard.worker_status WHERE database = 'fifth' AND cycles > 0", 'a database for the next test');
timed('DROP EXTENSION cipguard', 'drop the extension', db => 'fifth');
soon("SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'fifth'", 'its worker ends');
as($node, undef, 'BEGIN; CREATE EXTENSION cipguard CASCADE; ROLLBACK', db => 'fifth');
as($node, undef, 'CREATE EXTENSION cipguard CASCADE', db => 'fifth');
soon("SELECT count(*) = 1 FROM cipguard.worker_status WHERE database = 'fifth' AND pid IS NOT NULL", 'and another one begins when it is there again');
timed('DROP DATABASE fifth', 'drop that database');

# 3. Settings of databases and roles do not reach it.
as($node, undef, q(ALTER DATABASE postgres SET default_transaction_read_only = on; ALTER DATABASE postgres SET search_path = nowhere; ALTER DATABASE postgres SET row_security = off));
as($node, undef, q(SET default_transaction_read_only = off; SELECT pg_terminate_backend(pid) FROM cipguard.worker_status WHERE database = 'postgres'));
soon("SELECT count(*) = 1 FROM cipguard.worker_status WHERE database = 'postgres' AND pid IS NOT NULL AND cycles > 1 AND error IS NULL",
	'a worker that was terminated is started again');
as($node, undef, q(SET default_transaction_read_only = off; ALTER DATABASE postgres RESET ALL));

# 4. Switching it off and on.
$node->append_conf('postgresql.conf', "cipguard.worker_interval = 0\n");
$node->reload;
soon("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'cipguard worker'", 'an interval of 0 ends it');
$node->append_conf('postgresql.conf', "cipguard.worker_interval = 1\n");
$node->reload;
soon("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'cipguard worker'", 'another one begins it');

# 5. A kill restarts the server, and the workers with it.
$pid = status('pid', "database = 'postgres'");
PostgreSQL::Test::Utils::system_or_bail('pg_ctl', 'kill', 'KILL', $pid);
soon("SELECT count(*) = 1 FROM cipguard.worker_status WHERE database = 'postgres' AND pid IS NOT NULL AND pid <> $pid AND cycles > 0", 'a worker that was killed');
$pid = as($node, undef, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'cipguard launcher'");
PostgreSQL::Test::Utils::system_or_bail('pg_ctl', 'kill', 'KILL', $pid);
soon("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'cipguard launcher' AND pid <> $pid", 'a launcher that was killed');
soon("SELECT count(*) = 1 FROM cipguard.worker_status WHERE database = 'postgres' AND cycles > 0", 'finds its database');

# 6. A shutdown does not wait for it.
my $offset = -s $node->logfile;
my $began = time;
$node->stop('fast');
cmp_ok(time - $began, '<', 10, 'a fast shutdown');
unlike(log_since($node, $offset), qr/terminating background worker "cipguard worker/, 'about which workers say nothing');

# 7. Fewer background workers than databases: they take turns.
$node->append_conf('postgresql.conf', "max_worker_processes = 2\nmax_logical_replication_workers = 0\n");
$node->start;
foreach my $db (qw(a b))
{
	as($node, undef, "CREATE DATABASE $db");
	as($node, undef, 'CREATE EXTENSION cipguard CASCADE', db => $db);
}
soon("SELECT count(*) = 3 FROM cipguard.worker_status WHERE cycles > 1", 'three databases share one worker');
like(log_since($node, $offset), qr/HINT:  Raise max_worker_processes/, 'and the log says what to do');

# 8. Not preloaded: there are no workers.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;
is(as($node, undef, "SELECT count(*) FROM cipguard.worker_status"), '0', 'not preloaded, no status');
is(as($node, undef, "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'cipguard%'"), '0', 'nor workers');
is(error_of($node, undef, 'CREATE DATABASE c TEMPLATE a; DROP DATABASE c'), '', 'and nothing else is amiss');

$node->stop;
done_testing();

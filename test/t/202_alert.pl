# 202_alert.pl
#	Alerts with a worker at work: a row and a notification within seconds,
#	exactly once over crashes, whatever the one does whom they are about; new
#	addresses; suspensions that reach open sessions; standbys; dumps.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('primary', allows_streaming => 1,
	conf => "cipguard.worker_interval = 1\nrestart_after_crash = on\nlisten_addresses = '127.0.0.1'\ncipguard.default_budgets = off\n");
as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql());
as($node, undef, <<'SQL');
CREATE ROLE auditor LOGIN IN ROLE cipguard_auditor;
CREATE TABLE app.client (id int PRIMARY KEY, mobile cipguard.enc_text('mobile'));
SECURITY LABEL FOR cipguard ON COLUMN app.client.id IS 'subject';
INSERT INTO app.client SELECT g, '1380013' || (1000 + g) FROM generate_series(1, 20) g;
GRANT SELECT ON app.client TO reader, clerk;
CREATE FUNCTION app.alarm(detail text, kind text DEFAULT 'canary') RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT cipguard.raise_alert(kind, detail, ''mobile'', ''app.client'')';
SQL

sub soon
{
	my ($sql, $what, $on) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(($on // $node)->poll_query_until('postgres', $sql), $what);
}
sub alerts
{
	my ($where) = @_;
	return as($node, undef, "SELECT kind || ' ' || login_role || ' ' || count FROM cipguard.alert WHERE $where ORDER BY id");
}
sub settled
{
	soon("SELECT count(*) = 0 FROM cipguard.journal()", 'all is taken in');
}

# 1. A row and a notification, soon; the client is not told, the log is.
my $listener = $node->background_psql('postgres', extra_params => [ '-U', 'auditor' ]);
$listener->query('LISTEN cipguard_alert');
my $offset = -s $node->logfile;
my ($out, $err) = run_as($node, 'reader', "SET client_min_messages = debug1; BEGIN; SELECT app.alarm('first'); ROLLBACK; DO \$\$ BEGIN PERFORM app.alarm('second', 'budget'); RAISE division_by_zero; EXCEPTION WHEN OTHERS THEN NULL; END \$\$");
unlike($err, qr/first|second/, 'the client is not told');
like(log_since($node, $offset), qr/LOG:  alert "canary": first\n.*DETAIL:  Role "\w+", logged in as "reader", category "mobile", table app\.client\.\n/, 'the server log is');
soon("SELECT count(*) = 2 FROM cipguard.alert WHERE detail IN ('first', 'second') AND count = 1 AND login_role = 'reader'", 'rows, though all was rolled back');
my $told = $listener->query('SELECT 1');
like($told, qr/"cipguard_alert" with payload "\{"id":\d+,"kind":"canary","at":"[^"]+","role":"\w+","category":"mobile","relation":"app\.client"\}"/, 'and a notification');
unlike($told, qr/1380013/, 'that says no value');

# 2. He ends his own backend.
run_as($node, 'reader', "SELECT app.alarm('killed'), pg_terminate_backend(pg_backend_pid())");
soon("SELECT count(*) = 1 FROM cipguard.alert WHERE detail = 'killed' OR (detail = 'first' AND count = 2)", 'an alert of a backend that ended itself');

# 3. An officer who acknowledges and does not commit holds nothing up.
my $officer = $node->background_psql('postgres', extra_params => [ '-U', 'officer' ]);
$officer->query("BEGIN; SELECT cipguard.acknowledge_alert(id, 'looked at') FROM cipguard.alerts_open WHERE kind = 'budget'");
as($node, 'reader', "SELECT app.alarm('third', 'budget')");
soon("SELECT count(*) = 1 FROM cipguard.alert WHERE detail = 'third'", 'another row while one is being acknowledged');
$officer->query('COMMIT');
is(as($node, undef, "SELECT acknowledged_by FROM cipguard.alert WHERE detail = 'second'"), 'officer', 'which is acknowledged');

# 4. Exactly once over crashes of the worker and of the server.
for my $i (1 .. 3)
{
	as($node, 'reader', "SELECT app.alarm('crash', 'made-$i')");
	my $pid = as($node, undef, "SELECT coalesce(max(pid), 0) FROM cipguard.worker_status WHERE database = 'postgres'");
	if ($i == 2) { $node->stop('immediate'); $node->start; next; }
	PostgreSQL::Test::Utils::system_or_bail('pg_ctl', 'kill', 'KILL', $pid) if $pid;
	wait_up($node);
}
soon("SELECT count(*) = 3 FROM cipguard.alert WHERE detail = 'crash'", 'alerts around crashes');
settled();
is(alerts("detail = 'crash'"), "made-1 reader 1\nmade-2 reader 1\nmade-3 reader 1", 'each once');

# 5. An address that a login has not read from; the first one is learned.
as($node, undef, "SET ROLE cipguard_officer; SELECT cipguard.set_condition(NULL, 'tls', 'off')");
# The address is that of the client; none: the local socket.
sub reads
{
	my ($address) = @_;
	local $ENV{PGHOSTADDR} = $address if defined $address;
	return as($node, 'reader', 'SELECT mobile FROM app.client WHERE id = 1');
}
is(reads(), '13800131001', 'read by the local socket');
reads();
settled();
is(alerts("kind = 'new-address'"), '', 'the first address is learned');
is(reads('127.0.0.1'), '13800131001', 'read over TCP');
settled();
is(alerts("kind = 'new-address' AND address = '127.0.0.1'"), 'new-address reader 1', 'another one raises an alert');
reads($_) foreach '127.0.0.1', undef;
settled();
is(alerts("kind = 'new-address'"), 'new-address reader 1', 'but once');

# 6. A suspension reaches open sessions, and ends.
as($node, 'officer', "SELECT cipguard.set_alert_rule('canary', true, suspend => true)");
my $reader = $node->background_psql('postgres', extra_params => [ '-U', 'reader' ]);
is($reader->query('SELECT mobile FROM app.client WHERE id = 2'), '13800131002', 'an open session reads');
as($node, 'reader', "SELECT app.alarm('first')");
soon("SELECT count(*) = 1 FROM cipguard.suspension WHERE login = 'reader'::regrole AND category = 'mobile' AND lifted_at IS NULL", 'the access is suspended');
is($reader->query('SELECT mobile FROM app.client WHERE id = 2'), '138****1002', 'the open session sees masks');
as($node, undef, "GRANT cipguard_officer TO reader");
refused($node, 'reader', "SELECT cipguard.lift_suspension(id, 'I am sorry') FROM cipguard.suspension", 'ZC035', 'nobody ends his own suspension');
refused($node, 'reader', "SET ROLE cipguard_officer; SELECT cipguard.lift_suspension(id, 'I am sorry') FROM cipguard.suspension", 'ZC035', 'nor in another role');
refused($node, 'reader', "SELECT cipguard.acknowledge_alert(id, 'nothing') FROM cipguard.alerts_open WHERE kind = 'canary'", 'ZC035', 'nor acknowledges an alert about himself');
as($node, undef, "REVOKE cipguard_officer FROM reader");
settled();
is(as($node, undef, "SELECT count(*) > 0 FROM cipguard.alert WHERE kind = 'self-grant' AND login_role = 'reader'"), 't', 'which raises another one');

# 7. A dump holds suspensions and rules that were changed.
my $dump = "${PostgreSQL::Test::Utils::tmp_check}/dump.sql";
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump, '--no-sync' ], 'dump');
as($node, undef, 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump ], 'restore');
is(as($node, undef, "SELECT kind, suspend FROM cipguard.alert_rule WHERE changed", db => 'restored'), 'canary|t', 'rules');
is(as($node, 'reader', 'SELECT mobile FROM app.client WHERE id = 2', db => 'restored'), '138****1002', 'suspensions');
as($node, undef, 'DROP DATABASE restored');

as($node, 'officer', "SELECT cipguard.lift_suspension(id, 'it was a test') FROM cipguard.suspension");
is($reader->query('SELECT mobile FROM app.client WHERE id = 2'), '13800131002', 'resumed');
$reader->quit;

# 8. What happens on a standby is alerted on the primary; suspensions get there.
$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->start;
as($standby, 'reader', "SELECT app.alarm('on the standby', 'lockdown')");
soon("SELECT count(*) = 1 FROM cipguard.alert WHERE detail = 'on the standby' AND count = 1", 'an alert of a standby');
as($standby, 'reader', "SELECT app.alarm('suspended')");
soon("SELECT count(*) = 1 FROM cipguard.suspension WHERE lifted_at IS NULL", 'and the access is suspended');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is(as($standby, 'reader', 'SELECT mobile FROM app.client WHERE id = 2'), '138****1002', 'there, too');

# 9. Nobody can fill the table.
my $rows = as($node, undef, 'SELECT count(*) FROM cipguard.alert');
as($node, 'clerk', "SELECT app.alarm('flood', 'break-glass'), pg_sleep(1.01)") foreach 1 .. 3;
settled();
is(as($node, undef, 'SELECT count(*) FROM cipguard.alert'), $rows + 1, 'the same alert again only counts');
is(alerts("detail = 'flood'"), 'break-glass clerk 3', 'and is not lost');

$standby->stop;
$node->stop;
done_testing();

# 150_guard.pl
#	The guard where it takes several sessions, databases or starts of the
#	server: refusals and logins are recorded whatever becomes of the transaction,
#	dumps can be restored, and a start without the library shows afterwards.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('guard', conf => "cipguard.log_logins = all\n");
as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql());
as($node, undef, <<'SQL');
CREATE ROLE auditor LOGIN IN ROLE cipguard_auditor;
CREATE ROLE secret LOGIN PASSWORD 'right horse';
SET ROLE owner;
CREATE TABLE app.client (id int PRIMARY KEY, name text, phone cipguard.enc_text('mobile'));
CREATE TABLE app.other (id int, label text);
CREATE TABLE app.part (id int, k text) PARTITION BY LIST (k);
CREATE TABLE app.part_a PARTITION OF app.part FOR VALUES IN ('a');
SECURITY LABEL FOR cipguard ON COLUMN app.client.name IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN app.other.label IS 'mobile';
SELECT cipguard.audit_table('app.client'), cipguard.audit_table('app.part');
INSERT INTO app.client VALUES (1, 'Li', '13800138000');
GRANT SELECT ON app.client TO clerk;
RESET ROLE;
SQL
my $super = as($node, undef, 'SELECT current_user');

# What the audit log has of records, once they were taken in.
sub records
{
	my ($where) = @_;
	as($node, undef, 'SELECT cipguard.ingest()');
	return as($node, undef,
		"SELECT e.kind, r.kind, e.cur_role, e.relname, r.detail FROM cipguard.audit_event e, cipguard.audit_record(e.new) r WHERE e.spooled AND $where ORDER BY e.seq");
}

# 1. Refusals outlive the transaction, and the error that was caught.
refused($node, 'owner', 'BEGIN; ALTER TABLE app.part_a DISABLE TRIGGER USER', 'ZC015', 'the owner is refused');
is(records("r.relation = 'app.part_a' AND e.kind = 'X'"),
	'X|refused|owner|app.part_a|switch off trigger "cipguard_audit_row" of table "part_a"',
	'which is recorded');
as($node, 'clerk', "DO 'BEGIN PERFORM phone::text = ''1'' FROM app.client; PERFORM phone = ''13800138000'' FROM app.client; EXCEPTION WHEN insufficient_privilege THEN NULL; END'");
like(records("e.cur_role = 'clerk' AND e.kind = 'X'"), qr/^X\|refused\|clerk\|\|(reading|comparing) values of category mobile$/, 'so is one that was caught');
as($node, 'clerk', "DO 'BEGIN FOR i IN 1 .. 500 LOOP BEGIN PERFORM cipguard.audit_table(''app.client''); EXCEPTION WHEN insufficient_privilege THEN NULL; END; END LOOP; END'");
my @flood = split(/\n/, records("e.cur_role = 'clerk' AND r.detail LIKE 'auditing of a table%'"));
cmp_ok(scalar(@flood), '>=', 1, 'a flood of refusals is recorded');
cmp_ok(scalar(@flood), '<', 60, 'but not each of them');

# 2. Superusers at protected tables, once in a session.
as($node, undef, 'SELECT count(id) FROM app.client; SELECT id FROM app.client; SELECT id FROM app.other; SELECT count(*) FROM app.part');
is(records("r.kind = 'superuser' AND r.login_role = '$super' AND r.relation ~ '^app' AND r.pid = (SELECT max(x.pid) FROM cipguard.audit_event f, cipguard.audit_record(f.new) x WHERE f.spooled AND x.kind = 'superuser' AND x.relation = 'app.other')"),
	"E|superuser|$super|app.client|\nE|superuser|$super|app.other|", 'each table once');

# 3. Logins, good ones and others, without the password.
my $hba = slurp_file($node->data_dir . '/pg_hba.conf');
write_file($node->data_dir . '/pg_hba.conf', "local all secret scram-sha-256\n$hba");
$node->reload;
{
	local $ENV{PGPASSWORD} = 'wrong horse';
	like(error_of($node, 'secret', 'SELECT 1'), qr/password authentication failed/, 'a wrong password');
	$ENV{PGPASSWORD} = 'right horse';
	is(as($node, 'secret', 'SELECT 1'), '1', 'the right one');
}
like(error_of($node, 'nobody', 'SELECT 1'), qr/role "nobody" does not exist/, 'no such role');
my $logins = records("r.detail LIKE '%\"secret\"%' OR r.detail LIKE '%\"nobody\"%'");
like($logins, qr/^L\|login failed\|[^|]*\|\|database "postgres": user "secret" from \S+ by scram-sha-256$/m, 'a failed login is recorded');
like($logins, qr/^L\|login\|[^|]*\|\|database "postgres": user "secret" from \S+ by scram-sha-256$/m, 'so is one that succeeded');
unlike(join('', map { slurp_file($_) } files_below($node->data_dir . '/cipguard')), qr/horse/, 'without passwords');

# 4. Settings, from where they could be changed.
as($node, undef, 'CREATE DATABASE plain');
refused($node, undef, "ALTER SYSTEM SET shared_preload_libraries = ''", 'ZC015', 'the library stays loaded');
refused($node, undef, "ALTER SYSTEM SET shared_preload_libraries = ''", 'ZC015', 'from another database, too', db => 'plain');
as($node, undef, "ALTER SYSTEM SET shared_preload_libraries = 'cipguard, auto_explain'");
refused($node, undef, 'ALTER SYSTEM RESET shared_preload_libraries', 'ZC015', 'nor is the setting taken back');
as($node, undef, open_window() . "ALTER SYSTEM RESET shared_preload_libraries");
as($node, undef, 'SET ROLE cipguard_officer; SELECT cipguard.close_maintenance()');
as($node, undef, 'UPDATE pg_class SET relhastriggers = relhastriggers WHERE false', db => 'plain');
pass('databases without the extension are as they were');

# 5. A session of its own, by dblink, is guarded as well.
SKIP:
{
	skip 'dblink is not there', 1
	  unless as($node, undef, "SELECT count(*) FROM pg_available_extensions WHERE name = 'dblink'") eq '1';
	as($node, undef, 'CREATE EXTENSION dblink');
	my $conn = 'host=' . $node->host . ' port=' . $node->port . ' dbname=postgres';
	refused($node, undef, "SELECT dblink_exec('$conn', 'UPDATE pg_trigger SET tgenabled = ''D''')", 'ZC015', 'dblink');
	as($node, undef, 'DROP EXTENSION dblink');
}

# 6. A window of one session is one of all, and ends for all.
as($node, 'officer', "SELECT cipguard.open_maintenance('shared')");
as($node, 'owner', 'ALTER TABLE app.client DROP COLUMN name, ADD COLUMN name text');
as($node, 'officer', 'SELECT cipguard.close_maintenance()');
refused($node, 'owner', 'ALTER TABLE app.client DROP COLUMN name', 'ZC015', 'closed for all');
is(as($node, 'auditor', "SELECT cur_role, detail FROM cipguard.audit_log WHERE action = 'MAINTENANCE' AND relation = 'app.client'"),
	'owner|drop column "name" of audited table "client"', 'what was done in it');

# 7. A dump is restored whole; over tables that are there it takes a window.
my $dump = $node->backup_dir . '.sql';
my $custom = $node->backup_dir . '.dump';
command_ok([ 'pg_dump', '-p', $node->port, '-h', $node->host, '-f', $dump, 'postgres' ], 'pg_dump');
command_ok([ 'pg_dump', '-Fc', '-p', $node->port, '-h', $node->host, '-f', $custom, 'postgres' ], 'pg_dump -Fc');
as($node, undef, 'CREATE DATABASE restored');
command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-p', $node->port, '-h', $node->host, '-d', 'restored', '-f', $dump ], 'is restored');
is(as($node, undef, "SELECT relation, rows, truncates FROM cipguard.audited_tables ORDER BY relation::text", db => 'restored'),
	"app.client|t|t\napp.part|t|t\napp.part_a|t|t", 'with its triggers in force');
refused($node, undef, 'ALTER TABLE app.client DISABLE TRIGGER ALL', 'ZC015', 'and guarded', db => 'restored');
command_fails([ 'pg_restore', '--clean', '--exit-on-error', '-p', $node->port, '-h', $node->host, '-d', 'restored', $custom ], 'not over itself');
as($node, undef, 'DROP DATABASE restored');

# 8. A start without the library leaves a policy that is another.
my $before = as($node, undef, 'SELECT cipguard.policy_statement()');
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$node->restart;
# Event triggers load the library, but not in a session of that role.
as($node, undef, 'SET session_replication_role = replica; ALTER TABLE app.part DISABLE TRIGGER cipguard_audit_row; ALTER TABLE app.part ENABLE ALWAYS TRIGGER cipguard_audit_row');
refused($node, undef, 'SELECT cipguard.preloaded(); ALTER TABLE app.part DISABLE TRIGGER ALL', 'ZC015', 'a session that has called a function is guarded');
my $without = as($node, undef, 'SELECT cipguard.policy_statement()');
like($without, qr/^extension \S+ not preloaded$/m, 'the statement says so');
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'cipguard'");
$node->restart;
my $after = as($node, undef, 'SELECT cipguard.policy_statement()');
my %lines = map { $_ => 1 } split(/\n/, $before);
my @changed = grep { !$lines{$_} } split(/\n/, $after);
is(join("\n", map { s/transaction \d+/transaction N/r } @changed),
	join("\n", map { "trigger cipguard_audit_row on app.$_: cipguard.audit_row A 29, row of transaction N" } qw(part part_a)),
	'and later shows what was switched off and on meanwhile');

$node->stop;
done_testing();

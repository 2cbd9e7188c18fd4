# 204_conditions.pl
#	Conditions of a session: TLS, networks, hours, trainings and policies, over
#	TCP, in parallel plans, in cursors that are still open when they end, and
#	by people who act as somebody else.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use POSIX qw(strftime);
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir();
system_or_bail('openssl', 'req', '-new', '-x509', '-days', '30', '-nodes', '-subj', '/CN=localhost', '-newkey', 'rsa:2048',
	'-keyout', "$dir/server.key", '-out', "$dir/server.crt");
chmod(0600, "$dir/server.key") or die "could not chmod the key: $!";
my $network = "listen_addresses = '127.0.0.1'\nssl = on\nssl_cert_file = '$dir/server.crt'\nssl_key_file = '$dir/server.key'\n";

# Output and error of SQL over TCP; $ssl is an sslmode.
sub over_tcp
{
	my ($node, $role, $ssl, $sql) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose', '-d',
			'host=127.0.0.1 port=' . $node->port . " dbname=postgres user=$role sslmode=$ssl", '-f', '-' ],
		'<', \$sql, '>', \$out, '2>', \$err);
	chomp $out;
	return ($out, $err);
}

my $tables = <<'SQL';
CREATE TABLE app.client (id int PRIMARY KEY, phone cipguard.enc_text('mobile'), mail cipguard.enc_text('email'), home cipguard.enc_text('address'));
INSERT INTO app.client SELECT g, '138' || lpad(g::text, 8, '0'), 'p' || g || '@example.org', 'Road ' || g FROM generate_series(1, 2000) g;
GRANT SELECT ON app.client TO reader, searcher, clerk;
ANALYZE app.client;
SQL
my $parallel = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; '
  . 'SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off;';
my $one = 'SELECT phone FROM app.client WHERE id = 7';
my $plain_phone = '13800000007';

my $node = new_cluster('conditions', conf => $network . "max_worker_processes = 8\n");
as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql());
as($node, undef, $tables);

# Hours that end with this minute, or with the next if that is near; what is
# left of it is waited for at the end.
my $now = time();
my $end = $now - $now % 60 + ($now % 60 > 40 ? 120 : 60);
my $hours = 'Mon-Sun ' . strftime('%H:%M', gmtime($now - 3600)) . '-' . strftime('%H:%M', gmtime($end)) . ' UTC';
as($node, 'officer', "SELECT cipguard.set_condition('email', 'hours', '$hours')");
my $cursor = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'reader' ]);
is($cursor->query('BEGIN; DECLARE c CURSOR FOR SELECT mail FROM app.client ORDER BY id; FETCH 2 FROM c;'),
	"p1\@example.org\np2\@example.org", 'in hours a cursor gives plaintext');

# 1. TLS.
is(as($node, 'reader', $one), $plain_phone, 'a local socket needs no TLS');
my ($out, $err) = over_tcp($node, 'reader', 'require', $one);
is($out, $plain_phone, 'TLS will do');
is($err, '', 'without a warning');
($out, $err) = over_tcp($node, 'reader', 'disable', $one);
is($out, '138****0007', 'without TLS it is a mask');
like($err, qr/^(?:psql[^\n]*?)?WARNING:  ZC023: [^\n]*"mobile"/m, 'and a warning');
like($err, qr/HINT:  Connect with sslmode=require/, 'that says what to do');
($out, $err) = over_tcp($node, 'clerk', 'disable', $one);
is($err, '', 'who has no grant hears nothing of it');
($out, $err) = over_tcp($node, 'reader', 'disable', "SET cipguard.on_refusal = error; $one");
like($err, qr/ERROR:  ZC023: /, 'or an error, if that is wanted');
($out, $err) = over_tcp($node, 'searcher', 'disable', "SELECT id FROM app.client WHERE phone = '$plain_phone'");
like($err, qr/ERROR:  ZC023: /, 'nothing is found, which would confirm a guess');
($out, $err) = over_tcp($node, 'searcher', 'disable', "SELECT cipguard.verify_match(phone, '$plain_phone') FROM app.client WHERE id = 7");
like($err, qr/ERROR:  ZC023: /, 'nor verified');
($out, $err) = over_tcp($node, 'searcher', 'require', "SELECT cipguard.verify_match(phone, '$plain_phone') FROM app.client WHERE id = 7");
is($out, 't', 'as it is over TLS');
($out, $err) = over_tcp($node, 'reader', 'disable', 'SELECT count(*) FROM (SELECT cipguard.set_condition(\'mobile\', \'tls\', \'off\')) s');
like($err, qr/ERROR:  42501: /, 'the reader does not switch it off');

# In parallel workers, which have no connection of their own.
my $scan = "$parallel SELECT count(*) FROM app.client WHERE phone::text LIKE '1380%'";
like(as($node, 'reader', "$parallel EXPLAIN (COSTS OFF) SELECT count(*) FROM app.client WHERE phone::text LIKE '1380%'"), qr/Parallel Seq Scan/, 'a parallel plan');
is((over_tcp($node, 'reader', 'require', $scan))[0], '2000', 'workers see what their leader sees over TLS');
is((over_tcp($node, 'reader', 'disable', "$parallel SELECT count(*) FROM app.client WHERE phone::text LIKE '1380%'"))[0] || 0, '0', 'and no more than he without');
is(as($node, 'reader', $scan), '2000', 'and on a local socket');

as($node, 'officer', "SELECT cipguard.set_condition('mobile', 'tls', 'off')");
is((over_tcp($node, 'reader', 'disable', $one))[0], $plain_phone, 'it can be switched off for a category');
as($node, 'officer', "SELECT cipguard.set_condition('mobile', 'tls', NULL)");
is((over_tcp($node, 'reader', 'disable', $one))[0], '138****0007', 'and on again');

# 2. Networks.
as($node, 'officer', "SELECT cipguard.set_condition('mobile', 'network', '10.0.0.0/8, 127.0.0.0/30, ::1')");
is((over_tcp($node, 'reader', 'require', $one))[0], $plain_phone, 'in one of the networks');
is((over_tcp($node, 'reader', 'require', $scan))[0], '2000', 'with parallel workers, too');
($out, $err) = run_as($node, 'reader', $one);
is($out, '138****0007', 'a local socket is in none');
like($err, qr/WARNING:  ZC024: /, 'and that is said');
as($node, 'officer', "SELECT cipguard.set_condition('mobile', 'network', '127.0.0.0/32, local')");
is(as($node, 'reader', $one), $plain_phone, 'unless it is listed');
($out, $err) = over_tcp($node, 'reader', 'require', $one);
is($out, '138****0007', 'a neighbour is outside');
like($err, qr/WARNING:  ZC024: /, 'and hears of it');
as($node, 'officer', "SELECT cipguard.set_condition('mobile', 'network', NULL)");

# 3. Trainings.
as($node, 'officer', "SELECT cipguard.set_condition('mobile', 'training', 'privacy')");
($out, $err) = run_as($node, 'reader', $one);
is($out, '138****0007', 'not trained');
like($err, qr/WARNING:  ZC027: /, 'and told so');
as($node, 'officer', "SELECT cipguard.record_training('reader', 'privacy', clock_timestamp() + interval '4 s')");
is(as($node, 'reader', "$one; SELECT count(*) FROM (SELECT pg_sleep(5)) s; $one"), "$plain_phone\n1\n138****0007", 'trained, until that expires');
as($node, 'officer', "SELECT cipguard.record_training('reader', 'privacy', clock_timestamp() + interval '3 s')");
is(as($node, 'reader', "BEGIN; DECLARE c CURSOR FOR SELECT phone FROM app.client ORDER BY id; FETCH 1 FROM c; SELECT count(*) FROM (SELECT pg_sleep(4)) s; FETCH 1 FROM c"),
	"13800000001\n1\n138****0002", 'in an open cursor, too');
as($node, 'officer', "SELECT cipguard.record_training('reader', 'privacy')");
is(as($node, 'reader', $one), $plain_phone, 'without an end');
is(as($node, 'reader', $scan), '2000', 'and in parallel workers');
# A person is trained, not a role.
as($node, undef, 'GRANT reader TO clerk; CREATE FUNCTION app.definer() RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = app, pg_temp BEGIN ATOMIC SELECT phone::text FROM app.client WHERE id = 7; END; ALTER FUNCTION app.definer() OWNER TO reader; GRANT EXECUTE ON FUNCTION app.definer() TO PUBLIC');
is(as($node, 'clerk', "SET ROLE reader; $one"), '138****0007', 'SET ROLE makes nobody trained');
unlike((run_as($node, 'clerk', 'SELECT app.definer()'))[0], qr/$plain_phone/, 'nor does a SECURITY DEFINER function');
is(as($node, undef, "SET SESSION AUTHORIZATION reader; $one"), '138****0007', 'nor SET SESSION AUTHORIZATION');
as($node, undef, 'GRANT cipguard_officer TO reader; CREATE ROLE other LOGIN IN ROLE cipguard_officer; GRANT other TO clerk');
refused($node, 'reader', "SELECT cipguard.record_training('reader', 'privacy')", 'ZC035', 'nobody records a training of his own');
refused($node, 'clerk', "SET ROLE other; SELECT cipguard.record_training('clerk', 'privacy')", 'ZC035', 'nor by SET ROLE');
refused($node, 'reader', "SELECT cipguard.set_condition('mobile', 'training', 'other')", 'ZC035', 'nor does he weaken what binds him');
refused($node, 'reader', "SELECT cipguard.set_condition('mobile', 'tls', 'off')", 'ZC035', 'not even what holds by itself');
refused($node, 'clerk', "SET ROLE other; SELECT cipguard.set_condition(NULL, 'tls', 'off')", 'ZC035', 'not by SET ROLE and for every category');
is(as($node, 'reader', "SELECT cipguard.set_condition('mobile', 'network', '10.0.0.0/8'); SELECT setting FROM cipguard.category_rule WHERE condition = 'network'"), "\n10.0.0.0/8", 'he may add a condition');
refused($node, 'reader', "SELECT cipguard.set_condition('mobile', 'network', NULL)", 'ZC035', 'which then binds him');
as($node, undef, 'REVOKE cipguard_officer FROM reader; REVOKE reader FROM clerk');
as($node, 'officer', "SELECT cipguard.set_condition('mobile', 'network', NULL)");
as($node, 'officer', "SELECT cipguard.record_training('reader', 'privacy', passed => false)");
is(as($node, 'reader', $one), '138****0007', 'who failed the last time is not trained');
as($node, 'officer', "SELECT cipguard.set_condition('mobile', 'training', 'off')");

# 4. Policies.
as($node, 'officer', "SELECT cipguard.set_condition('mobile', 'policy', 'secrecy')");
is(as($node, 'reader', $one), '138****0007', 'a policy that was never published');
as($node, 'officer', "SELECT cipguard.publish_policy('secrecy', 'Tell nobody.')");
($out, $err) = run_as($node, 'reader', $one);
like($err, qr/WARNING:  ZC028: /, 'one that was not acknowledged');
like($err, qr/Version 1 of policy "secrecy"/, 'and which it is');
refused($node, undef, "SET SESSION AUTHORIZATION reader; SELECT cipguard.acknowledge('secrecy')", 'ZC035', 'nobody acknowledges for somebody else');
refused($node, 'other', "INSERT INTO cipguard.acknowledgement VALUES ('secrecy', 1, 'reader', now())", '42501', 'not an officer');
refused($node, undef, "INSERT INTO cipguard.acknowledgement VALUES ('secrecy', 1, 'reader', now())", 'ZC035', 'not a superuser');
as($node, undef, "CREATE FUNCTION app.sly() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = app, pg_temp AS 'SELECT cipguard.acknowledge(''secrecy'')'; ALTER FUNCTION app.sly() OWNER TO reader");
refused($node, 'clerk', 'SELECT app.sly()', 'ZC035', 'and no function for its owner');
as($node, undef, 'GRANT reader TO clerk');
refused($node, 'clerk', "SET ROLE reader; SELECT cipguard.acknowledge('secrecy')", 'ZC035', 'nor a member');
as($node, undef, 'REVOKE reader FROM clerk');
is(as($node, 'reader', "SELECT cipguard.acknowledge('secrecy', 1); $one"), "1\n$plain_phone", 'the person himself does');
as($node, 'officer', "SELECT cipguard.publish_policy('secrecy', 'Tell nobody, ever.')");
is(as($node, 'reader', $one), '138****0007', 'a new version has to be acknowledged anew');
refused($node, 'reader', "SELECT cipguard.acknowledge('secrecy', 1)", '22023', 'and not the old one');
is(as($node, 'reader', "SELECT cipguard.acknowledge('secrecy'); $one"), "2\n$plain_phone", 'then it opens again');
for my $table (qw(training_record policy_version acknowledgement))
{
	refused($node, undef, "DELETE FROM cipguard.$table", 'ZC036', "$table is only added to");
	refused($node, undef, "TRUNCATE cipguard.$table", 'ZC036', "$table is not truncated");
	refused($node, undef, "SET session_replication_role = replica; DELETE FROM cipguard.$table", 'ZC036', "$table: triggers fire always");
}

# 5. All of this is in the log.
as($node, undef, 'SELECT cipguard.ingest()');
my $log = as($node, undef, "SELECT string_agg(concat_ws(' ', action, cur_role, relation, detail), E'\n') FROM cipguard.audit_log");
for my $pattern (
	qr/^REFUSED reader .*reading mobile: tls$/m, qr/^REFUSED searcher .*comparing mobile: tls$/m, qr/^REFUSED reader .*reading mobile: training$/m,
	qr/^REFUSED \w+ .*acknowledgement for somebody else$/m, qr/^REFUSED reader .*weakening of a condition of one's own grant$/m,
	qr/^CATEGORY_RULE officer .*INSERT category=mobile condition=tls setting=off$/m, qr/^CATEGORY_RULE officer .*DELETE /m,
	qr/^TRAINING_RECORD officer .*person=reader course=privacy/m, qr/^POLICY_VERSION officer .*version=2/m, qr/^ACKNOWLEDGEMENT \w+ .*person=reader/m)
{
	like($log, $pattern, "in the log: $pattern");
}

# 6. A dump brings the registers along.
$node->command_ok([ 'pg_dump', '-f', "$dir/dump.sql", '-d', $node->connstr('postgres') ], 'dump');
as($node, undef, 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/dump.sql", '-d', $node->connstr('restored') ], 'restore');
for my $table (qw(category_rule training_record policy_version acknowledgement))
{
	my $rows = "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM cipguard.$table t";
	is(as($node, undef, $rows, db => 'restored'), as($node, undef, $rows), "$table is as it was");
}
like(as($node, 'officer', "SELECT cipguard.record_training('reader', 'x')", db => 'restored'), qr/^\d+$/, 'and goes on');

# 7. The end of hours.
sleep(1) while time() <= $end;
is($cursor->query('FETCH 1 FROM c;'), '***@example.org', 'after hours the cursor gives masks') or diag($hours);
like($cursor->{stderr}, qr/hours/, 'and says why');
$cursor->quit;
$node->stop;

# 8. Not preloaded: the same, by armor.
my $plain = new_cluster('conditions_plain', preload => 0, conf => $network);
as($plain, undef, 'CREATE EXTENSION cipguard CASCADE');
as($plain, undef, roles_sql());
as($plain, undef, $tables);
my $cast = 'SELECT DISTINCT left(phone::text, 4) FROM app.client';
is((over_tcp($plain, 'reader', 'require', $one))[0], $plain_phone, 'not preloaded: TLS will do');
is((over_tcp($plain, 'reader', 'require', "$parallel $cast"))[0], '1380', 'in workers, too');
($out, $err) = over_tcp($plain, 'reader', 'disable', $one);
like($out, qr/^cip1:/, 'without it is armor');
($out, $err) = over_tcp($plain, 'reader', 'disable', "$parallel $cast");
unlike($out, qr/1380/, 'in workers, too');
$plain->stop;

done_testing();

# 100_journal.pl
#	The disclosure journal: plaintext that was given away is recorded, whatever
#	becomes of the transaction, the session or the server.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('journal', allows_streaming => 1,
	conf => "max_prepared_transactions = 5\nrestart_after_crash = on\n");
as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql());
as($node, undef, <<'SQL');
CREATE ROLE auditor LOGIN IN ROLE cipguard_auditor;
SET ROLE owner;
CREATE TABLE app.client (id int PRIMARY KEY, phone cipguard.enc_text('mobile'), contact text);
SECURITY LABEL FOR cipguard ON COLUMN app.client.contact IS 'name';
INSERT INTO app.client SELECT g, '139' || lpad(g::text, 8, '0'), 'contact ' || g FROM generate_series(1, 100) g;
SELECT cipguard.create_masking_view('app.client');
GRANT SELECT ON app.client_masked TO reader, clerk;
RESET ROLE;
ANALYZE app.client;
-- A door to what a planner hook will call: subjects and columns.
CREATE FUNCTION app.probe(regclass, smallint, text, bigint, int, int) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS '$libdir/cipguard', 'cipguard_journal_probe';
SQL

my $files = $node->data_dir . '/cipguard/journal';
my $app = 0;

# Run SQL under an application user of its own; $want is what the journal has
# of him then: kind, role, relation, columns and values, added up.
sub recorded
{
	my ($role, $sql, $want, $name, %opt) = @_;
	my $server = $opt{node} // $node;
	my $user = 'test ' . ++$app;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($out, $err) = run_as($server, $role, "SET cipguard.app_user = '$user'; $sql", stop => 0);
	like($err, $opt{error}, "$name: the error") if $opt{error};
	is($err, '', "$name: no error") unless $opt{error} || $opt{dies};
	is(of($user, $server), $want, $name);
	return $user;
}

sub of
{
	my ($user, $server) = @_;
	return as($server // $node, 'auditor',
		"SELECT kind, role, relation, array_to_string(columns, ' '), sum(values) FROM cipguard.disclosures WHERE app_user = '$user' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4");
}

sub subjects
{
	my ($user, $what) = @_;
	return as($node, 'auditor',
		"SELECT $what FROM cipguard.disclosures d, unnest(subjects) s WHERE app_user = '$user'");
}

is(as($node, 'auditor', 'SELECT count(*) FROM cipguard.disclosures'), '0', 'an empty journal');

# 1. Who and what.
recorded('reader', 'SELECT phone FROM app.client_masked', 'read|reader|app.client|phone|100', 'a reader\'s values of an encrypted column');
recorded('reader', 'SELECT contact FROM app.client_masked', 'read|reader|app.client|contact|100', 'of a labelled column');
recorded('reader', 'SELECT phone, contact FROM app.client_masked WHERE id <= 5', 'read|reader|app.client|phone contact|10', 'of both');
recorded('reader', 'SELECT id FROM app.client_masked', '', 'of neither');
recorded('reader', 'EXPLAIN SELECT phone FROM app.client_masked', '', 'EXPLAIN discloses nothing');
recorded('clerk', 'SELECT phone, contact FROM app.client_masked', '', 'masks are no disclosure');
recorded(undef, 'SELECT phone, contact FROM app.client_masked', '', 'nor those that a superuser sees');
recorded(undef, 'SET SESSION AUTHORIZATION reader; SELECT phone FROM app.client_masked WHERE id = 1', 'read|reader|app.client|phone|1', 'a superuser in the role of a reader');
my $login = as($node, undef, 'SELECT current_user');
is(as($node, 'auditor', 'SELECT login_role, role, application_name, session_id > 0, pid > 0, remark IS NULL, subjects IS NULL FROM cipguard.disclosures ORDER BY ts DESC LIMIT 1'),
	"$login|reader|100_journal.pl|t|t|t|t", 'is named as who logged in');
recorded('reader', "SET cipguard.purpose = 'contract'; SELECT phone FROM app.client_masked WHERE id = 1", 'read|reader|app.client|phone|1', 'a purpose');
is(as($node, 'auditor', "SELECT purpose FROM cipguard.disclosures WHERE app_user = 'test $app'"), 'contract', 'is recorded');

# 2. Nothing undoes it.
recorded('reader', 'BEGIN; SELECT phone FROM app.client_masked WHERE id <= 3; ROLLBACK', 'read|reader|app.client|phone|3', 'a transaction rolled back');
recorded('reader', 'BEGIN; SAVEPOINT s; SELECT phone FROM app.client_masked WHERE id <= 3; ROLLBACK TO s; COMMIT', 'read|reader|app.client|phone|3', 'a savepoint rolled back');
recorded('reader', 'SELECT phone, 1 / (50 - id) FROM app.client_masked ORDER BY id', 'read|reader|app.client|phone|50', 'a statement that fails half-way', error => qr/22012/);
recorded('reader', q(DO $$ DECLARE r record; BEGIN BEGIN FOR r IN SELECT phone, 1 / (50 - id) FROM app.client_masked ORDER BY id LOOP END LOOP; EXCEPTION WHEN division_by_zero THEN NULL; END; END $$),
	'read|reader|app.client|phone|50', 'an error that is caught');
recorded('reader', 'BEGIN READ ONLY; SELECT phone FROM app.client_masked WHERE id <= 3; COMMIT', 'read|reader|app.client|phone|3', 'a read-only transaction');
recorded('reader', "BEGIN; SELECT phone FROM app.client_masked WHERE id <= 3; PREPARE TRANSACTION 'p'; ROLLBACK PREPARED 'p'", 'read|reader|app.client|phone|3', 'a prepared transaction');
recorded('reader', 'CREATE TEMP TABLE t AS SELECT phone FROM app.client_masked', 'read|reader|app.client|phone|100', 'CREATE TABLE AS');
recorded('reader', 'COPY (SELECT phone FROM app.client_masked) TO STDOUT', 'read|reader|app.client|phone|100', 'COPY');
recorded('reader', q(DO $$ DECLARE x text; BEGIN x := cipguard.disclose('a'::text, 'name', 'app.client'); END $$), 'read|reader|app.client||1', 'outside of a query');
recorded('reader', 'SELECT phone, pg_terminate_backend(pg_backend_pid()) FROM app.client_masked WHERE id = 7', 'read|reader|app.client|phone|1', 'a session terminated in the statement', dies => 1);
recorded('reader', q(PREPARE s AS SELECT phone FROM app.client_masked WHERE id = $1; EXECUTE s(1); EXECUTE s(2)), 'read|reader|app.client|phone|2', 'a prepared statement');

# A claim that changes within a statement ends a record.
as($node, 'reader', "SELECT phone, set_config('cipguard.app_user', 'change ' || id, false) FROM app.client_masked WHERE id <= 3");
is(as($node, 'auditor', "SELECT app_user, values FROM cipguard.disclosures WHERE app_user LIKE 'change%' ORDER BY 1"),
	"change 1|1\nchange 2|1", 'the application user at the time of each value');

# So does another role.
as($node, undef, "CREATE ROLE second LOGIN; GRANT second TO reader; GRANT SELECT ON app.client_masked TO second; SELECT cipguard.grant_access('second', 'mobile', 'read')");
as($node, 'reader', "SET cipguard.app_user = 'two roles'; SELECT phone, set_config('role', 'second', false) FROM app.client_masked WHERE id <= 3");
is(of('two roles'), "read|reader|app.client|phone|1\nread|second|app.client|phone|2", 'the role at the time of each value');

# 3. Cursors: recorded when the rows are fetched.
my $user = 'test ' . ++$app;
my $session = $node->background_psql('postgres', extra_params => [ '-U', 'reader' ]);
$session->query_safe("SET cipguard.app_user = '$user'");
$session->query_safe('BEGIN');
$session->query_safe('DECLARE c CURSOR FOR SELECT phone FROM app.client_masked ORDER BY id');
is(of($user), '', 'a cursor that was opened');
$session->query_safe('FETCH 10 FROM c');
is(of($user), 'read|reader|app.client|phone|10', 'the rows that were fetched');
$session->query_safe("SET LOCAL cipguard.app_user = '$user, later'");
$session->query_safe('FETCH 20 FROM c');
is(of($user) . ' ' . of("$user, later"), 'read|reader|app.client|phone|10 read|reader|app.client|phone|20', 'the next ones, under what the session says now');
$session->query_safe('ROLLBACK');
is(of($user), 'read|reader|app.client|phone|10', 'a rollback changes nothing');
$session->quit;

# 4. Parallel workers.
my $force = as($node, undef, "SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
$user = recorded('reader', "SET $force = on; SELECT phone FROM app.client_masked", 'read|reader|app.client|phone|100', 'a parallel worker');
is(as($node, 'auditor', "SELECT DISTINCT session_id IS NULL, login_role, purpose IS NULL FROM cipguard.disclosures WHERE app_user = '$user'"), 't|reader|t', 'names who let it work');

# What a query groups by is shown as what it is grouped by: with grouping sets
# it is null in some rows.
as($node, undef, 'GRANT SELECT ON app.client TO reader');
foreach my $case (
	[ 'SELECT left(contact, 8), count(*) FROM app.client GROUP BY ROLLUP (left(contact, 8)) HAVING count(*) > 1 ORDER BY 1', "contact |100\n|100", 'an expression' ],
	[ q(SELECT left(contact, 7) || '!', count(*) FROM app.client GROUP BY ROLLUP (left(contact, 7)) ORDER BY 1), "contact!|100\n|100", 'an expression of it' ],
	[ 'SELECT DISTINCT contact, count(*) FROM app.client GROUP BY ROLLUP (contact) HAVING contact IS NULL', '|100', 'the distinct ones' ],
	[ 'SELECT DISTINCT contact, count(*) FROM app.client WHERE id < 3 GROUP BY ROLLUP (contact) ORDER BY contact DESC', "|2\ncontact 2|1\ncontact 1|1", 'the distinct ones in order' ])
{
	my ($sql, $want, $what) = @$case;
	is(as($node, 'reader', $sql), $want, "grouping sets of $what");
}
recorded('reader', 'SELECT left(contact, 8), count(*) FROM app.client GROUP BY 1', 'read|reader|app.client|contact|1', 'a group is one value');

# A transaction that failed ends although what was looked up is out of date.
my ($rolled_back) = run_as($node, 'reader', "BEGIN; CREATE TYPE pg_temp.t AS ENUM ('a'); SELECT 1 / 0; ROLLBACK; SELECT 'alive'", stop => 0);
is($rolled_back, 'alive', 'a rollback looks nothing up');

# 5. Subjects and columns.
$user = recorded(undef, q(SELECT app.probe('app.client', 2::smallint, '', 1, 10000, 1), app.probe('app.client', 3::smallint, '', 1, 10000, 1)),
	"read|$login|app.client|phone|9280\nread|$login|app.client|phone contact|10720", 'batches');
is(subjects($user, 'count(*), count(DISTINCT s), min(s::int), max(s::int)'), '20000|10000|1|10000', 'all subjects are there');
$user = recorded(undef, q(SELECT app.probe('app.client', 2::smallint, '', -5000, 10000, 7919)), "read|$login|app.client|phone|10000", 'in any order');
is(subjects($user, 'count(*), count(DISTINCT s), min(s::int), max(s::int)'), '10000|10000|-5000|4999', 'negative numbers, too');
$user = recorded(undef, q(SELECT app.probe('app.client', 2::smallint, '', 9223372036854775800, 8, 3), app.probe('app.client', 2::smallint, '', (-9223372036854775808)::bigint, 8, 5)), "read|$login|app.client|phone|16", 'the largest and the smallest');
is(subjects($user, 'count(*), min(s::bigint), max(s::bigint)'), '16|-9223372036854775808|9223372036854775807', 'integers');
$user = recorded(undef, q(SELECT app.probe('app.client', 2::smallint, '', 1, 100, 1) FROM generate_series(1, 300)), "read|$login|app.client|phone|30000", 'repeated subjects');
is(as($node, 'auditor', "SELECT count(*), sum(cardinality(subjects)) FROM cipguard.disclosures WHERE app_user = '$user'"), '4|364', 'fill no batch');
$user = recorded(undef, q(SELECT app.probe('app.client', 2::smallint, 'client-', 1, 10000, 7919)), "read|$login|app.client|phone|10000", 'subjects that are text');
is(subjects($user, "count(*), count(DISTINCT s), min(substr(s, 8)::int), max(substr(s, 8)::int)"), '10000|10000|1|10000', 'all of them');
$user = recorded(undef, q(SELECT app.probe('app.client', 2::smallint, repeat('x', 59), 1, 9999, 1)), "read|$login|app.client|phone|9999", 'equal beginnings');
is(subjects($user, 'count(*), count(DISTINCT s)'), '9999|9999', 'are told apart');
recorded(undef, q(SELECT app.probe('app.client', 0::smallint, 'dump', 0, 0, 0)), "dump|$login|app.client||0", 'an event without values');
recorded(undef, q(SELECT app.probe(c.oid, 1::smallint, '', 1, 1, 1) FROM (SELECT oid FROM pg_class ORDER BY oid LIMIT 300) c), as($node, undef,
	"SELECT 'read', '$login', format('%I.%I', nspname, relname) AS name, attname, 1 FROM (SELECT oid, relname, relnamespace FROM pg_class ORDER BY oid LIMIT 300) c JOIN pg_namespace n ON n.oid = relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND attnum = 1 ORDER BY name"),
	'many relations in one statement');

# 6. The files.
my @stat = stat($files);
is(sprintf('%04o', $stat[2] & 07777), '0700', 'nobody else reads the directory');
my @journals = files_below($files);
is(scalar(@journals), 1, 'one file');
like($journals[0], qr/\/[0-9a-f]{8}\.\d{6}$/, 'of the database and the month');
is(sprintf('%04o', (stat $journals[0])[2] & 07777), '0600', 'that nobody else reads');
as($node, undef, q(SELECT app.probe('app.client', 2::smallint, 'TELLTALE', 1, 3, 1)));
is(join("\n", find_bytes(\@journals, 'TELLTALE', 'client-', '13900000001', 'contact 1')), '', 'neither subjects nor values are in clear in it');
refused($node, 'clerk', 'SELECT * FROM cipguard.disclosures', '42501', 'an ordinary role does not read the journal');
refused($node, 'reader', 'SELECT * FROM cipguard.journal()', '42501', 'nor does a reader');

# 7. A crash keeps what was complete.
$user = recorded('reader', 'BEGIN; SELECT phone FROM app.client_masked', 'read|reader|app.client|phone|100', 'before the crash');
$session = $node->background_psql('postgres', extra_params => [ '-U', 'reader' ]);
$session->query_safe("SET cipguard.app_user = 'crash'");
$session->query_safe('BEGIN');
$session->query_safe('SELECT phone FROM app.client_masked WHERE id <= 40');
$node->stop('immediate');
eval { $session->quit };
$node->start;
is(of('crash'), 'read|reader|app.client|phone|40', 'an immediate stop right after a statement keeps its record');
is(of($user), 'read|reader|app.client|phone|100', 'and all others');

# A process that is killed loses what its statement disclosed since the last
# batch, and nothing else.
$session = $node->background_psql('postgres', on_error_stop => 0);
$session->query_until(qr/started/, "SET cipguard.app_user = 'killed';\n\\echo started\n"
	  . "SELECT app.probe('app.client', 2::smallint, '', 1, 10000, 1), pg_sleep(300);\n");
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'") or die;
my $victim = as($node, undef, "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
PostgreSQL::Test::Utils::system_or_bail('pg_ctl', 'kill', 'KILL', $victim);
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'") or die;
eval { $session->quit };
is(of('killed'), "read|$login|app.client|phone|9280", 'a process killed in a statement has written its full batches');

# A torn frame at the end, others behind it, and rubbish.
my $count = as($node, 'auditor', 'SELECT count(*) FROM cipguard.disclosures');
my $content = slurp_file($journals[0]);
sub append
{
	my ($bytes) = @_;
	open(my $fh, '>>:raw', $journals[0]) or die $!;
	print $fh $bytes;
	close($fh);
}
append(substr($content, 0, 70));
my ($out, $err) = run_as($node, 'auditor', 'SELECT count(*) FROM cipguard.disclosures');
is("$out$err", $count, 'a torn frame at the end is tolerated');
recorded('reader', 'SELECT phone FROM app.client_masked WHERE id = 1', 'read|reader|app.client|phone|1', 'a record behind a torn one');
append("CGJ\1\0\0\0\x60" . 'CGJ' . ("\0" x 70000) . "CGJ\1\0\xff\xff\xff");
recorded('reader', 'SELECT phone FROM app.client_masked WHERE id = 1', 'read|reader|app.client|phone|1', 'or behind rubbish');
($out, $err) = run_as($node, 'auditor', 'SELECT count(*) FROM cipguard.disclosures');
is($out, $count + 2, 'nothing is lost');
like($err, qr/WARNING:  ZC012: 70089 bytes of the disclosure journal/, 'and the auditor is told');
my $flipped = $content;
substr($flipped, 100, 1) ^= "\x01";
append($flipped);
($out) = run_as($node, 'auditor', 'SELECT count(*) FROM cipguard.disclosures');
is($out, 2 * $count + 1, 'a record with a changed byte is none');

# 8. A file that is removed, replaced, or cannot be made.
$session = $node->background_psql('postgres', extra_params => [ '-U', 'reader' ]);
$session->query_safe("SET cipguard.app_user = 'removed'");
$session->query_safe('SELECT phone FROM app.client_masked WHERE id <= 2');
unlink($journals[0]) or die $!;
$session->query_safe('SELECT phone FROM app.client_masked WHERE id <= 3');
is(of('removed'), 'read|reader|app.client|phone|3', 'a removed file is made anew');
rename($journals[0], "$journals[0].old") or die $!;
$session->query_safe('SELECT phone FROM app.client_masked WHERE id <= 4');
is(of('removed'), 'read|reader|app.client|phone|7', 'so is one that was renamed, and both are read');
rename($files, "$files.away") or die $!;
$session->query_safe('SELECT phone FROM app.client_masked WHERE id <= 5');
is(of('removed'), 'read|reader|app.client|phone|5', 'and the directory');
$session->quit;
PostgreSQL::Test::Utils::system_or_bail('rm', '-r', $files);
rename("$files.away", $files) or die $!;
mkdir("$journals[0].dir") or die $!;
rename($journals[0], "$journals[0].older") or die $!;
rename("$journals[0].dir", $journals[0]) or die $!;
($out, $err) = run_as($node, 'reader', 'SELECT phone FROM app.client_masked');
is($out, '', 'what cannot be recorded is not shown');
like($err, qr/^(psql.*)?ERROR:  ZC012: could not open the disclosure journal/, 'but refused');
is(as($node, 'clerk', 'SELECT phone FROM app.client_masked WHERE id = 1'), '139****0001', 'masks are shown');
rmdir($journals[0]) or die $!;
recorded('reader', 'SELECT phone FROM app.client_masked WHERE id = 1', 'read|reader|app.client|phone|1', 'and all is well when it can be written again');

SKIP:
{
	skip 'no /dev/full', 3 unless -c '/dev/full';
	unlink($journals[0]) or die $!;
	symlink('/dev/full', $journals[0]) or die $!;
	my $offset = -s $node->logfile;
	($out, $err) = run_as($node, 'reader', 'SELECT phone FROM app.client_masked');
	like($err, qr/ERROR:  ZC012: could not write to the disclosure journal/, 'a full disk is an error');
	like($err, qr/WARNING:  ZC012: the record of a disclosure was lost/, 'that says that a record was lost');
	like(log_since($node, $offset), qr/DETAIL:  Role "reader" was given \d+ values of "app\.client"\./, 'and the log says which');
	unlink($journals[0]) or die $!;
}

# 9. Another database has a journal of its own.
$node->safe_psql('postgres', 'CREATE DATABASE other');
as($node, undef, 'CREATE EXTENSION cipguard CASCADE', db => 'other');
is(as($node, undef, 'SELECT count(*) FROM cipguard.disclosures', db => 'other'), '0', 'another database sees nothing of it');

# 10. A standby.
$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('journal_standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
recorded('reader', 'SELECT phone FROM app.client_masked', 'read|reader|app.client|phone|100', 'a standby records', node => $standby);
is(of("test $app"), '', 'in a journal of its own');
recorded('reader', 'BEGIN; SELECT contact FROM app.client_masked; ROLLBACK', 'read|reader|app.client|contact|100', 'whatever becomes of the transaction', node => $standby);
$standby->stop;

# 11. Keys.
as($node, undef, q(SELECT app.probe('app.client', 2::smallint, '', 1, 3, 1)));
$node->append_conf('postgresql.conf', "cipguard.kek_file = ''\n");
$node->restart;
$user = recorded(undef, q(SELECT app.probe('app.client', 2::smallint, '', 1, 3, 1)), "read|$login|app.client|phone|3", 'without a key');
is(as($node, 'auditor', "SELECT subjects IS NULL, remark FROM cipguard.disclosures WHERE app_user = '$user'"), 't|subjects left out: no key', 'subjects are left out');
is(as($node, 'auditor', 'SELECT DISTINCT remark FROM cipguard.disclosures WHERE remark IS NOT NULL ORDER BY 1'), "subjects cannot be decrypted\nsubjects left out: no key", 'and those there are cannot be read');

# 12. Without preloading nothing is recorded, and nothing fails.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\ncipguard.kek_file = '" . new_kek('main') . "'\n");
$node->restart;
recorded('reader', 'SELECT phone FROM app.client_masked WHERE id = 1', '', 'not preloaded');
refused($node, undef, q(SELECT app.probe('app.client', 2::smallint, '', 1, 3, 1)), 'XX000', 'a feature that needs the journal refuses');

$node->stop;
done_testing();

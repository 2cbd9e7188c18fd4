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
use Time::HiRes 'usleep';

# The worker would move records from the files into the audit log meanwhile.
my $node = new_cluster('journal', allows_streaming => 1,
	conf => "max_prepared_transactions = 5\nrestart_after_crash = on\ncipguard.worker_interval = 0\ncipguard.spool_segment_size = 1MB\n");
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
-- Persons by number, in an order of their own, and by name.
CREATE TABLE app.person (id bigint PRIMARY KEY, place int, contact text);
CREATE TABLE app.named (name text PRIMARY KEY, place int, contact text);
INSERT INTO app.person SELECT g - 5000, g * 7919 % 10007, 'contact ' || g FROM generate_series(1, 10000) g;
INSERT INTO app.person VALUES (9223372036854775807, -2, 'last'), (-9223372036854775808, -1, 'first');
INSERT INTO app.named SELECT 'TELLTALE-' || repeat('x', g % 60) || g, g, 'contact ' || g FROM generate_series(1, 10000) g;
INSERT INTO app.named VALUES (repeat('y', 2000), -1, 'long');
SECURITY LABEL FOR cipguard ON COLUMN app.person.contact IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN app.named.contact IS 'name';
CREATE INDEX ON app.person (place);
CREATE INDEX ON app.named (place);
GRANT SELECT ON app.person, app.named TO reader, clerk;
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN app.person.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN app.named.name IS 'subject';
ANALYZE app.client, app.person, app.named;
-- Gives the process that calls it to the test, at a row of its choice.
CREATE FUNCTION app.wait_at(at bigint, here bigint) RETURNS int LANGUAGE plpgsql VOLATILE AS
	$$BEGIN IF at = here THEN PERFORM pg_sleep(300); END IF; RETURN 1; END$$;
GRANT EXECUTE ON FUNCTION app.wait_at(bigint, bigint) TO PUBLIC;
SQL

my $spool = $node->data_dir . '/cipguard/journal';
my $app = 0;
my ($out, $err, $count);

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
		"SELECT kind, role, relation, (SELECT string_agg(DISTINCT c, ' ' ORDER BY c) FROM unnest(string_to_array(string_agg(array_to_string(columns, ' '), ' '), ' ')) c), sum(values) FROM cipguard.disclosures WHERE app_user = '$user' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3");
}

sub subjects
{
	my ($user, $what) = @_;
	return as($node, 'auditor',
		"SELECT $what FROM cipguard.disclosures d, unnest(subjects) s WHERE app_user = '$user'");
}

# The records of an application user in the order of writing.
sub frames
{
	my ($user, $what) = @_;
	return as($node, 'auditor', "SELECT $what FROM cipguard.disclosures WHERE app_user = '$user' ORDER BY number");
}

# Segments in order, and their records that are frames of this node.
sub segments
{
	my ($dir) = @_;
	return sort grep { /\/[0-9a-f]{8}\.[0-9a-f]{32}\.\d{6}\.\d{6}$/ } files_below($dir // $spool);
}

# A session that sleeps in a statement, and its process.
sub sleeper
{
	my ($user, $sql) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'reader' ]);
	$session->query_until(qr/started/, "SET cipguard.app_user = '$user';\n\\echo started\n$sql;\n");
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'") or die;
	return ($session, as($node, undef, "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"));
}

sub kill_sleeper
{
	my ($signal, $user, $sql) = @_;
	my ($session, $pid) = sleeper($user, $sql);
	PostgreSQL::Test::Utils::system_or_bail('pg_ctl', 'kill', $signal, $pid);
	# The server starts again after a process was killed.
	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid") or die;
	eval { $session->quit };
	return $pid;
}

is(as($node, 'auditor', 'SELECT count(*) FROM cipguard.disclosures'), '0', 'an empty journal');

# 1. Who and what.
recorded('reader', 'SELECT phone FROM app.client_masked', 'read|reader|app.client|phone|100', 'a reader\'s values of an encrypted column');
recorded('reader', 'SELECT contact FROM app.client_masked', 'read|reader|app.client|contact|100', 'of a labelled column');
recorded('reader', 'SELECT phone, contact FROM app.client_masked WHERE id <= 5', 'read|reader|app.client|contact phone|10', 'of both');
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
is(as($node, 'auditor', "SELECT DISTINCT session_id > 0, login_role, purpose IS NULL, writer <> pid FROM cipguard.disclosures WHERE app_user = '$user'"), 't|reader|t|t', 'names who let it work');
recorded('reader', "SET $force = off; SELECT phone FROM app.client_masked; SET $force = on; SELECT phone FROM app.client_masked", 'read|reader|app.client|phone|200', 'both');
is(as($node, 'auditor', "SELECT count(DISTINCT session_id), count(DISTINCT pid), count(DISTINCT writer) FROM cipguard.disclosures WHERE app_user = 'test $app'"), '1|1|2', 'are of one session');

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

# 5. Subjects, batches, and columns.
$user = recorded('reader', 'SELECT contact FROM app.person WHERE place = 1', 'read|reader|app.person|contact|1', 'one value');
is(frames($user, 'values, statement IS NOT NULL, number IS NOT NULL'), '1|t|t', 'is one record');
is(subjects($user, 'count(*)'), '1', 'with its subject');
$user = recorded('reader', 'SELECT contact FROM app.person WHERE place BETWEEN 1 AND 10000 ORDER BY place', 'read|reader|app.person|contact|9994', 'many values');
is(subjects($user, 'count(*), count(DISTINCT s), min(s::int), max(s::int)'), '9994|9994|-4999|5000', 'all subjects are there, each once');
is(as($node, 'auditor', "SELECT max(cardinality(subjects)), count(*) FROM cipguard.disclosures WHERE app_user = '$user'"), '128|80', 'in batches of 128 at most');
$user = recorded('reader', 'SELECT contact FROM app.person WHERE place < 0', 'read|reader|app.person|contact|2', 'the largest and the smallest');
is(subjects($user, 'count(*), min(s::bigint), max(s::bigint)'), '2|-9223372036854775808|9223372036854775807', 'integers');
$user = recorded('reader', 'SELECT contact FROM app.person, generate_series(1, 300) WHERE place BETWEEN 1 AND 100', 'read|reader|app.person|contact|30000', 'repeated subjects');
is(subjects($user, 'count(*), count(DISTINCT s)'), '100|100', 'are listed once');
$user = recorded('reader', 'SELECT contact FROM app.named WHERE place > 0', 'read|reader|app.named|contact|10000', 'subjects that are text');
is(subjects($user, 'count(*), count(DISTINCT s)'), '10000|10000', 'all of them, each once');
$user = recorded('reader', 'SELECT n.contact FROM app.named n, generate_series(1, 3) WHERE place BETWEEN -1 AND 100', 'read|reader|app.named|contact|303', 'repeated ones');
is(subjects($user, 'count(*), count(DISTINCT s), max(length(s))'), '101|101|2000', 'are listed once, too');
$user = recorded('reader', q(SELECT p.contact, c.contact FROM app.person p LEFT JOIN app.client_masked c ON c.id = p.place AND c.id < 3 WHERE p.place BETWEEN 1 AND 4),
	"read|reader|app.client|contact|2\nread|reader|app.person|contact|4", 'two relations in one statement');
recorded(undef, q(SET row_security = off; SELECT contact FROM app.person WHERE place = 1), "dump|$login|app.person||0", 'an event without values');

# What a statement was is recorded once for a process, without its constants.
$user = recorded('reader', q(SELECT contact FROM app.person WHERE place = 1 AND contact <> 'secret 1'; SELECT contact FROM app.person WHERE place = 2 AND contact <> 'secret 2'),
	'read|reader|app.person|contact|2', 'two queries that differ in constants');
is(as($node, 'auditor', "SELECT DISTINCT query FROM cipguard.disclosures WHERE app_user = '$user'"), 'SELECT contact FROM app.person WHERE place = ? AND contact <> ?', 'are one, and are known');
is(as($node, 'auditor', "SELECT count(DISTINCT statement), count(DISTINCT writer), count(DISTINCT query_id), bool_and(authentic) FROM cipguard.disclosures WHERE app_user = '$user'"), '2|1|1|t', 'of two statements of one process');

# 6. The files.  Each statement of a DO block is one.
as($node, 'reader', 'DO $$BEGIN FOR i IN 1 .. 4000 LOOP PERFORM contact FROM app.person WHERE place = i; END LOOP; END$$');
my @stat = stat($spool);
is(sprintf('%04o', $stat[2] & 07777), '0700', 'nobody else reads the directory');
my @journals = segments();
cmp_ok(scalar(@journals), '>', 1, 'a segment that is full is followed by another');
is(scalar(grep { (stat($_))[2] & 0077 } @journals), 0, 'nobody else reads them');
cmp_ok((sort { $b <=> $a } map { -s } @journals)[0], '<', 1.5 * 1024 * 1024, 'none is much larger than was set');
is($journals[-1] =~ /\.(\d+)$/ ? $1 + 0 : 0, scalar(@journals), 'their numbers have no gap');
is(join("\n", find_bytes(\@journals, 'TELLTALE', '13900000001', 'contact 1', 'secret')), '', 'neither subjects nor values nor constants are in clear in them');
refused($node, 'clerk', 'SELECT * FROM cipguard.disclosures', '42501', 'an ordinary role does not read the journal');
refused($node, 'reader', 'SELECT * FROM cipguard.journal()', '42501', 'nor does a reader');

# Many processes append at the same time.
$count = as($node, 'auditor', 'SELECT count(*) FROM cipguard.disclosures');
$node->pgbench('-n -c 4 -j 2 -t 200 -U reader', 0, [qr/processed: 800\/800/], [qr/^$/], 'concurrent readers',
	{ '100_journal_read' => "\\set p random(1, 10000)\nSELECT contact FROM app.person WHERE place BETWEEN :p AND :p + 1;\n" });
is(as($node, 'auditor', 'SELECT count(*) FILTER (WHERE authentic IS NOT TRUE) FROM cipguard.journal()'), '0', 'their records are whole');

# Frames of a process (node, writer, start) name the ones before.
sub frames_of
{
	my ($bytes) = @_;
	my @frames;
	push @frames, substr($bytes, 0, unpack('x4 N', $bytes), '') while length($bytes) >= 8;
	return @frames;
}

sub broken_links
{
	my (%number, %mac, $broken);
	foreach my $frame (map { frames_of(slurp_file($_)) } segments())
	{
		my $process = substr($frame, 20, 16) . substr($frame, 52, 12);
		my $number = unpack('x64 Q>', $frame);
		$broken++ if $number != ($number{$process} // 0) + 1 || substr($frame, 72, 32) ne ($mac{$process} // "\0" x 32);
		$number{$process} = $number;
		$mac{$process} = substr($frame, -32);
	}
	return ($broken // 0, scalar(keys %number) > 20);
}
is(join(' ', broken_links()), '0 1', 'the records of each process are a chain');

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
# batch, and nothing else.  The first value and its person are there in any
# case, and so is every 128th.
foreach my $case ([ 1, 1 ], [ 128, 1 ], [ 129, 129 ], [ 400, 385 ])
{
	my ($at, $want) = @$case;
	kill_sleeper('KILL', "killed at $at", "SELECT contact, app.wait_at(place, $at) FROM app.person WHERE place BETWEEN 1 AND 500 ORDER BY place");
	is(of("killed at $at"), "read|reader|app.person|contact|$want", "killed after $at values");
	is(subjects("killed at $at", 'count(DISTINCT s)'), $want, 'the persons of what is recorded');
}
kill_sleeper('TERM', 'terminated', 'SELECT contact, app.wait_at(place, 200) FROM app.person WHERE place BETWEEN 1 AND 500 ORDER BY place');
is(of('terminated'), 'read|reader|app.person|contact|200', 'a process that is terminated has written all');
kill_sleeper('KILL', 'fetched', "BEGIN; DECLARE c CURSOR FOR SELECT contact FROM app.person WHERE place > 0 ORDER BY place; FETCH 100 FROM c; SELECT pg_sleep(300)");
is(of('fetched'), 'read|reader|app.person|contact|100', 'what was fetched before a process was killed is complete');

# A torn frame at the end, others behind it, and rubbish.
@journals = segments();
$count = as($node, 'auditor', 'SELECT count(*) FROM cipguard.disclosures');
my $content = slurp_file($journals[0]);
sub append
{
	my ($bytes) = @_;
	open(my $fh, '>>:raw', $journals[-1]) or die $!;
	print $fh $bytes;
	close($fh);
}
append(substr($content, 0, 70));
($out, $err) = run_as($node, 'auditor', 'SELECT count(*) FROM cipguard.disclosures');
is("$out$err", $count, 'a torn frame at the end is tolerated');
recorded('reader', 'SELECT phone FROM app.client_masked WHERE id = 1', 'read|reader|app.client|phone|1', 'a record behind a torn one', dies => 1);
append("CGJ\2\0\0\0\xcc" . 'CGJ' . ("\0" x 70000) . "CGJ\2\0\xff\xff\xff");
recorded('reader', 'SELECT phone FROM app.client_masked WHERE id = 1', 'read|reader|app.client|phone|1', 'or behind rubbish', dies => 1);
($out, $err) = run_as($node, 'auditor', 'SELECT count(*) FROM cipguard.disclosures');
is($out, $count + 2, 'nothing is lost');
# How many bytes depends on whether the server has begun another segment.
like($err, qr/WARNING:  ZC012: \d+ bytes of/, 'and the auditor is told');

# A byte that is changed makes it no frame; changed with its checksum, it is
# one that is not authentic.
my ($frame) = grep { substr($_, 144, 6) eq "\0\4read" } frames_of($content);
sub crc32c
{
	my $crc = 0xffffffff;
	foreach my $byte (unpack('C*', $_[0]))
	{
		$crc ^= $byte;
		$crc = ($crc & 1) ? ($crc >> 1) ^ 0x82f63b78 : $crc >> 1 for 1 .. 8;
	}
	return $crc ^ 0xffffffff;
}
$count = as($node, 'auditor', "SELECT count(*), count(*) FILTER (WHERE NOT authentic) FROM cipguard.journal()");
substr($frame, 140, 1) ^= "\x01";
append($frame);
is(as($node, 'auditor', "SELECT count(*), count(*) FILTER (WHERE NOT authentic) FROM cipguard.journal()"), $count, 'a record with a changed byte is none');
substr($frame, 8, 4) = pack('N', crc32c(substr($frame, 12)));
append($frame);
is(as($node, 'auditor', "SELECT count(*) FILTER (WHERE NOT authentic) FROM cipguard.journal()"), '1', 'nor is it authentic if its checksum was made right');

# 8. Files that are removed or replaced, and where records cannot be written.
sub last_segment { return (segments())[-1]; }
$session = $node->background_psql('postgres', extra_params => [ '-U', 'reader' ]);
$session->query_safe("SET cipguard.app_user = 'removed'");
$session->query_safe('SELECT phone FROM app.client_masked WHERE id <= 2');
unlink(last_segment()) or die $!;
usleep(20000);
$session->query_safe('SELECT phone FROM app.client_masked WHERE id <= 3');
is(of('removed'), 'read|reader|app.client|phone|3', 'a removed file is made anew');
rename($spool, "$spool.away") or die $!;
usleep(20000);
$session->query_safe('SELECT phone FROM app.client_masked WHERE id <= 5');
is(of('removed'), 'read|reader|app.client|phone|5', 'and the directory');
$session->quit;
my $away = slurp_file("$spool.away/node");
isnt(slurp_file("$spool/node"), $away, 'as another node');
PostgreSQL::Test::Utils::system_or_bail('rm', '-r', $spool);

# A copy is another node's: its files are read and not appended to.
PostgreSQL::Test::Utils::system_or_bail('cp', '-rp', "$spool.away", $spool);
my %before = map { $_ => -s } segments();
$user = recorded('reader', 'SELECT phone FROM app.client_masked WHERE id = 1', 'read|reader|app.client|phone|1', 'a directory that was copied', dies => 1);
isnt(slurp_file("$spool/node") =~ s/ .*//rs, $away =~ s/ .*//rs, 'is of another node');
is(scalar(grep { -s $_ != $before{$_} } keys %before), 0, 'and its segments stay as they are');
is(as($node, 'auditor', "SELECT count(DISTINCT node) > 1, count(*) FILTER (WHERE app_user = '$user') FROM cipguard.journal()"), 't|1', 'both are read');
PostgreSQL::Test::Utils::system_or_bail('rm', '-r', $spool);
rename("$spool.away", $spool) or die $!;
recorded('reader', 'SELECT phone FROM app.client_masked WHERE id = 1', 'read|reader|app.client|phone|1', 'the directory in its place again', dies => 1);
is(slurp_file("$spool/node"), $away, 'is that of before');

# What is shown when records cannot be written.
my $masks = join("\n", map { sprintf('139****%04d', $_) } 1 .. 3);
my $plain = join("\n", map { sprintf('139%08d', $_) } 1 .. 3);
my $select = 'SELECT phone FROM app.client_masked WHERE id <= 3 ORDER BY id';
rename($spool, "$spool.away") or die $!;
write_file($spool, "no directory\n");
($out, $err) = run_as($node, 'reader', $select);
is($out, $masks, 'masks instead of values that cannot be recorded');
is(() = $err =~ /WARNING:  ZC012: the disclosure journal could not be written/g, 1, 'and one warning');
($out, $err) = run_as($node, 'reader', 'SELECT c.contact, p.contact FROM app.client_masked c JOIN app.person p ON p.place = c.id WHERE c.id <= 3');
unlike($out, qr/contact \d/, 'of all relations');
is(() = $err =~ /WARNING:  ZC012: /g, 1, 'and one warning for all');
refused($node, undef, 'SET row_security = off; SELECT contact FROM app.person', 'ZC012', 'stored values have no mask');
$node->append_conf('postgresql.conf', "cipguard.on_audit_failure = deny\n");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('cipguard.on_audit_failure') = 'deny'") or die;
refused($node, 'reader', $select, 'ZC012', 'an error instead of values that cannot be recorded');
is(as($node, 'clerk', $select), $masks, 'who is shown masks is shown them');
$node->append_conf('postgresql.conf', "cipguard.on_audit_failure = warn\n");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('cipguard.on_audit_failure') = 'warn'") or die;
my $offset = -s $node->logfile;
($out, $err) = run_as($node, 'reader', $select);
is($out, $plain, 'values that are not recorded');
like($err, qr/WARNING:  ZC012: the disclosure journal could not be written/, 'with a warning');
like(log_since($node, $offset), qr/DETAIL:  Role "reader" was given 3 values of app\.client\./, 'and the log says how many');
$node->append_conf('postgresql.conf', "cipguard.on_audit_failure = mask\n");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('cipguard.on_audit_failure') = 'mask'") or die;
unlink($spool) or die $!;
mkdir($spool) or die $!;
chmod(0777, $spool) or die $!;
is((run_as($node, 'reader', $select))[0], $masks, 'a directory in which others may write is none');
rmdir($spool) or die $!;
rename("$spool.away", $spool) or die $!;
recorded('reader', $select, 'read|reader|app.client|phone|3', 'and all is well when it can be written again', dies => 1);

# A disk that is full between two values of a statement.
SKIP:
{
	skip 'no /dev/full', 6 unless -c '/dev/full';
	my ($sleeping, $pid) = sleeper('full', 'SELECT contact, app.wait_at(place, 200) FROM app.person WHERE place BETWEEN 1 AND 500 ORDER BY place');
	my $segment = last_segment();
	rename($segment, "$segment.away") or die $!;
	symlink('/dev/full', $segment) or die $!;
	$offset = -s $node->logfile;
	as($node, undef, "SELECT pg_cancel_backend($pid)");
	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'") or die;
	eval { $sleeping->quit };
	like(log_since($node, $offset), qr/WARNING:  (ZC012: )?the record of a disclosure was lost/, 'what cannot be written at the end is lost');
	like(log_since($node, $offset), qr/DETAIL:  Role "reader" was given 71 values of app\.person\./, 'and the log says how much');
	($out, $err) = run_as($node, 'reader', $select);
	is($out, $masks, 'a full disk gives masks, too');
	unlink($segment) or die $!;
	rename("$segment.away", $segment) or die $!;
	is(of('full'), 'read|reader|app.person|contact|129', 'what was written before is there');
}

# The directory can be elsewhere.
my $outside = PostgreSQL::Test::Utils::tempdir() . '/spool';
$node->append_conf('postgresql.conf', "cipguard.spool_directory = '$outside'\ncipguard.spool_sync = statement\n");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('cipguard.spool_directory') = '$outside'") or die;
$user = recorded('reader', $select, 'read|reader|app.client|phone|3', 'a directory outside of the data directory', dies => 1);
cmp_ok(scalar(my @outside = segments($outside)), '>', 0, 'has the records');
is(as($node, undef, "SELECT count(*) FROM pg_settings WHERE name = 'cipguard.spool_directory' AND setting = '$outside'"), '1', 'a superuser sees where');
refused($node, 'reader', 'SHOW cipguard.spool_directory', '42501', 'others do not');
$offset = -s $node->logfile;
$node->append_conf('postgresql.conf', "cipguard.spool_directory = 'relative'\n");
$node->reload;
$node->wait_for_log(qr/invalid value for parameter "cipguard.spool_directory": "relative"/, $offset);
is(as($node, undef, 'SHOW cipguard.spool_directory'), $outside, 'it must be absolute');
$node->append_conf('postgresql.conf', "cipguard.spool_directory = ''\n");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('cipguard.spool_directory') = ''") or die;

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
$node->append_conf('postgresql.conf', "cipguard.kek_file = ''\n");
$node->restart;
my $keyless = 'SELECT contact FROM app.person WHERE place = 1';
$user = recorded('reader', $keyless, 'read|reader|app.person|contact|1', 'without a key', dies => 1);
is(frames($user, 'subjects IS NULL, authentic IS NULL, remark'), 't|t|subjects left out: no key', 'subjects are left out');
is(as($node, 'auditor', 'SELECT DISTINCT remark FROM cipguard.disclosures WHERE remark NOT LIKE \'intent without%\' ORDER BY 1'), "subjects cannot be decrypted\nsubjects left out: no key", 'and those there are cannot be read');

# 12. Where tables are not masked, and what is brought back as armor.
$node->append_conf('postgresql.conf', "cipguard.kek_file = '" . new_kek('main') . "'\n");
$node->restart;
as($node, undef, 'GRANT SELECT ON app.client TO reader, clerk');
my $armor = as($node, undef, 'SET row_security = off; SELECT phone FROM app.client WHERE id = 1');
recorded('reader', "SELECT '$armor'::cipguard.enc_text('mobile')", 'read|reader|0||1', 'armor brought back');
recorded('clerk', "SELECT '$armor'::cipguard.enc_text('mobile')", '', 'by who may not read it');
$node->append_conf('postgresql.conf', "cipguard.transparent_masking = off\n");
$node->restart;
recorded('reader', "SELECT phone FROM app.client; COPY app.client TO STDOUT", 'read|reader|0||200', 'not masked: types record what they show');
recorded('reader', "SET debug_parallel_query = 1; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SELECT count(to_jsonb(phone)) FROM app.client",
	'read|reader|0||100', 'in expressions, too', dies => 1);
recorded('clerk', 'SELECT phone FROM app.client', '', 'and no armor');

# 13. Without preloading nothing is recorded, and nothing fails.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\ncipguard.kek_file = '" . new_kek('main') . "'\n");
$node->restart;
recorded('reader', 'SELECT phone FROM app.client_masked WHERE id = 1', '', 'not preloaded', dies => 1);

$node->stop;
done_testing();

# 131_ingest.pl
#	Records of the spool come into the audit log, each once, whatever crashes.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('ingest', allows_streaming => 1,
	conf => "cipguard.worker_interval = 0\nmax_worker_processes = 12\nrestart_after_crash = on\ncipguard.spool_segment_size = 1MB\n");
as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql());
as($node, undef, <<'SQL');
CREATE ROLE auditor LOGIN IN ROLE cipguard_auditor;
SET ROLE owner;
CREATE TABLE app.client (id int PRIMARY KEY, phone cipguard.enc_text('mobile'), contact text);
SECURITY LABEL FOR cipguard ON COLUMN app.client.contact IS 'name';
INSERT INTO app.client SELECT g, '139' || lpad(g::text, 8, '0'), 'contact ' || g FROM generate_series(1, 1000) g;
GRANT SELECT ON app.client TO reader;
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN app.client.id IS 'subject';
ANALYZE app.client;
SET ROLE owner;
CREATE TABLE app.many (id text, contact text);
SECURITY LABEL FOR cipguard ON COLUMN app.many.contact IS 'name';
INSERT INTO app.many SELECT repeat('x', 50) || g, 'contact ' || g FROM generate_series(1, 40000) g;
GRANT SELECT ON app.many TO reader;
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN app.many.id IS 'subject';
SQL
my $dir = $node->data_dir . '/cipguard/journal';
my $app = 0;

sub disclose
{
	my ($where, %opt) = @_;
	my $user = 'user ' . ++$app;
	as($opt{node} // $node, 'reader', "SET cipguard.app_user = '$user'; SELECT contact FROM app.client WHERE $where");
	return $user;
}

# What is known of an application user: in the log, and in all.
sub logged
{
	my ($user, $server) = @_;
	return as($server // $node, 'auditor',
		"SELECT coalesce(sum(values), 0), coalesce(sum(cardinality(subjects)), 0) FROM cipguard.disclosures WHERE event_id IS NOT NULL AND app_user = '$user'");
}

sub known
{
	my ($user, $server) = @_;
	return as($server // $node, 'auditor',
		"SELECT coalesce(sum(values), 0), coalesce(sum(cardinality(subjects)), 0) FROM cipguard.disclosures WHERE app_user = '$user'");
}

sub ingest
{
	my ($server) = @_;
	return as($server // $node, 'auditor', 'SELECT cipguard.ingest()');
}

# How many records are there more than once?  Those that ingest() makes itself
# have no number.
sub twice
{
	my ($server) = @_;
	return as($server, 'auditor',
		'SELECT count(*) FROM (SELECT node, writer, started, number FROM cipguard.disclosures WHERE number > 0 AND authentic IS DISTINCT FROM false GROUP BY 1, 2, 3, 4 HAVING count(*) > 1) d');
}

sub segments
{
	return grep { m{/(?!00000000)[0-9a-f]{8}\.[0-9a-f]{32}\.} } files_below($dir);
}

sub append_to
{
	my ($path, $bytes) = @_;
	open(my $fh, '>>:raw', $path) or die $!;
	print $fh $bytes;
	close($fh);
}

# The records of a part of a segment.
sub frames
{
	my ($bytes) = @_;
	my @result;
	while (length($bytes) > 0)
	{
		my $len = unpack('N', substr($bytes, 4, 4));
		push @result, substr($bytes, 0, $len, '');
	}
	return @result;
}

sub crc32c
{
	my ($bytes) = @_;
	my $crc = 0xffffffff;
	foreach my $byte (unpack('C*', $bytes))
	{
		$crc ^= $byte;
		$crc = ($crc >> 1) ^ ($crc & 1 ? 0x82f63b78 : 0) foreach 1 .. 8;
	}
	return $crc ^ 0xffffffff;
}

# 1. A record becomes an event.
ingest();
is(ingest(), '0', 'nothing to take in');
my $user = disclose('id <= 3');
is(known($user), '3|3', 'a disclosure is known before it is in the log');
is(logged($user), '0|0', 'and is not there yet');
is(ingest(), '2', 'it is taken in: the first value, then the others');
is(known($user), '3|3', 'and known once');
is(logged($user), '3|3', 'by the log');
is(ingest(), '0', 'which takes it in once');
is(as($node, 'auditor', "SELECT kind, role, relation, columns, values, subjects, authentic, remark IS NULL, query, event_id > 0 FROM cipguard.disclosures WHERE app_user = '$user' ORDER BY number"),
	join("\n", map { "read|reader|app.client|{contact}|$_|t|t|SELECT contact FROM app.client WHERE id <= ?|t" } '1|{1}', '2|{2,3}'), 'with all that it says');
is(as($node, undef, "SELECT kind, spooled, relid = 'app.client'::regclass, relname, cur_role, app_verified, subjects = (SELECT array_agg(t ORDER BY t) FROM (SELECT cipguard.subject_tag(g::text) t FROM generate_series(2, 3) g) s) FROM cipguard.audit_event WHERE app_user = '$user' ORDER BY seq DESC LIMIT 1"),
	'R|t|t|app.client|reader|f|t', 'as a row of the log, which knows persons by their tags');
$user = disclose('id <= 200');
ingest();
is(logged($user), '200|200', 'a statement of several batches');
is(as($node, undef, 'SELECT count(*) FROM cipguard.audit_intent'), '0', 'which completes leaves no intent');
is(as($node, undef, "SELECT count(*) FROM cipguard.audit_query WHERE text LIKE 'SELECT contact FROM app.client WHERE id <= ?'"), '1', 'the text of a query is kept once');

# Logins happen outside of any database: each takes in its own, and those of
# databases that do not exist.
as($node, undef, 'CREATE DATABASE other');
as($node, undef, 'CREATE EXTENSION cipguard CASCADE', db => 'other');
$node->append_conf('postgresql.conf', "cipguard.log_logins = all\n");
$node->reload;
$node->poll_query_until('postgres', "SELECT setting = 'all' FROM pg_settings WHERE name = 'cipguard.log_logins'") or die;
run_as($node, $_->[0], 'SELECT 1', db => $_->[1]) foreach ([ 'clerk', 'postgres' ], [ 'clerk', 'other' ], [ 'clerk', 'nowhere' ]);
$node->append_conf('postgresql.conf', "cipguard.log_logins = off\n");
$node->reload;
$node->poll_query_until('postgres', "SELECT setting = 'off' FROM pg_settings WHERE name = 'cipguard.log_logins'") or die;
as($node, undef, 'SELECT cipguard.ingest()', db => $_) foreach qw(postgres other);
is(as($node, undef, q(SELECT action, substring(detail, 'database "[^"]*": user "[^"]*"'), login_role FROM cipguard.audit_log WHERE action = 'LOGIN' AND detail LIKE '%"clerk"%' ORDER BY seq), db => $_),
	qq(LOGIN|database "$_": user "clerk"|clerk\nLOGIN|database "nowhere": user "clerk"|clerk), "logins in the log of $_") foreach qw(postgres other);
as($node, undef, 'DROP DATABASE other');
is(as($node, 'auditor', "SELECT DISTINCT action, relation, login_role, cur_role, application_name FROM cipguard.audit_log WHERE app_user = '$user'"),
	'DISCLOSURE|app.client|reader|reader|131_ingest.pl', 'the log shows disclosures beside changes');

# 2. Who may, and who may not.
refused($node, 'reader', 'SELECT cipguard.ingest()', '42501', 'a reader takes nothing in');
refused($node, 'reader', "SELECT cipguard.audit_record('\\x00')", '42501', 'and reads no record');
like(error_of($node, undef, $_), qr/ERROR:  ZC01[25]/, "$_: refused to a superuser, too")
  foreach ('DELETE FROM cipguard.audit_spool', 'UPDATE cipguard.audit_spool SET ingested = 0', 'TRUNCATE cipguard.audit_spool',
	'DELETE FROM cipguard.audit_intent', 'DELETE FROM cipguard.audit_query');
my @frames = ("gen_random_uuid(), 0, 202601, 1, sha256(''), 1, '\\x00', false", 'NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL');
refused($node, 'reader', "SELECT cipguard.ingest_frames($frames[0])", '42501', 'nor does a reader forward');
is(as($node, 'reader', "SELECT cipguard.ingest_frames($frames[1]) IS NULL"), 't', 'null is null');
refused($node, undef, "SELECT cipguard.ingest_frames(gen_random_uuid(), 0, 202601, 1, sha256(''), 0, '\\x00', false)", '22023', 'no part of a segment');
refused($node, undef, "SELECT cipguard.ingest_frames(gen_random_uuid(), 1, 202601, 1, sha256(''), 1, '\\x00', false)", '22023', 'another database');
refused($node, 'reader', "SELECT cipguard.ingest_lost(gen_random_uuid(), '{1}', '{1}')", '42501', 'nor tells of intents');
refused($node, undef, "SELECT cipguard.ingest_lost(gen_random_uuid(), '{1}', '{}')", '22023', 'arrays must match');
is(as($node, 'auditor', "SELECT (cipguard.audit_record(b)).remark FROM (VALUES ('\\x00'::bytea), ('\\x'), (repeat('CGJ', 100)::bytea)) v (b)"), "no record\nno record\nno record", 'what is no record');

# 3. Transactions.
ingest();
$user = disclose('id <= 5');
as($node, 'auditor', 'BEGIN; SELECT cipguard.ingest(); ROLLBACK');
is(known($user) . ' ' . logged($user), '5|5 0|0', 'a rollback takes nothing in');
as($node, 'auditor', 'BEGIN; SAVEPOINT s; SELECT cipguard.ingest(); ROLLBACK TO s; COMMIT');
is(known($user) . ' ' . logged($user), '5|5 0|0', 'nor one to a savepoint');
is(as($node, 'auditor', 'BEGIN; SAVEPOINT s; SELECT cipguard.ingest(); RELEASE s; COMMIT'), '2', 'a savepoint that is released');
is(logged($user), '5|5', 'takes it in');
refused($node, 'auditor', 'BEGIN READ ONLY; SELECT cipguard.ingest()', '25006', 'a read-only transaction cannot') if disclose('id = 1');
ingest();
my $session = $node->background_psql('postgres');
$user = disclose('id <= 5');
$session->query_safe('BEGIN');
is($session->query_safe('SELECT cipguard.ingest()'), '2', 'while one session takes in');
is(ingest(), '0', 'another one does nothing');
is(known($user), '5|5', 'and sees the record in the spool');
$session->query_safe('COMMIT');
is(known($user) . ' ' . logged($user), '5|5 5|5', 'until it is in the log');
$session->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
$session->query_safe('SELECT 1');
$user = disclose('id <= 7');
ingest();
is($session->query_safe("SELECT sum(values) FROM cipguard.disclosures WHERE app_user = '$user'"), '7', 'an older snapshot sees it once');
$session->query_safe('COMMIT');
$session->quit;

# 4. Several sessions at once, several segments.
my $before = as($node, undef, "SELECT count(*) FROM cipguard.audit_event WHERE spooled");
as($node, 'reader', "SET cipguard.app_user = 'many'; SELECT contact FROM app.many");
cmp_ok(scalar(segments()), '>', 2, 'several segments');
my @sessions = map { $node->background_psql('postgres') } 1 .. 4;
$_->query_until(qr/go/, "\\echo go\nSELECT cipguard.ingest() FROM generate_series(1, 5);\n") foreach @sessions;
$_->quit foreach @sessions;
ingest();
is(as($node, 'auditor', "SELECT sum(values), count(DISTINCT s), count(*) FROM cipguard.disclosures d, unnest(subjects) s WHERE app_user = 'many' AND event_id IS NOT NULL") =~ /\|40000\|40000$/ ? 1 : 0, 1, 'each person of a long statement once');
is(as($node, 'auditor', "SELECT sum(values) FROM cipguard.disclosures WHERE app_user = 'many'"), '40000', 'and each value');
is(twice($node), '0', 'no record is there twice');
is(as($node, undef, 'SELECT count(*) > 1, sum(damaged) FROM cipguard.audit_spool WHERE closed_at IS NOT NULL'), 't|0', 'full segments are closed');

# 5. Damage.
my $segment = (segments())[-1];
my $content = slurp_file($segment);
$user = disclose('id <= 2');
my $record = (frames(substr(slurp_file($segment), length($content))))[-1];
ingest();
append_to($segment, substr($record, 0, 100));
is(ingest(), '0', 'a torn record at the end is left alone');
$user = disclose('id <= 3');
is(known($user), '3|3', 'a record behind it');
is(ingest(), '3', 'is taken in, and the damage told');
is(as($node, undef, "SELECT r.kind, r.detail ~ '^100 bytes of segment [0-9a-f.]+ are no record\$', r.authentic FROM cipguard.audit_event e, cipguard.audit_record(e.new) r WHERE e.kind = 'E' ORDER BY seq DESC LIMIT 1"), 'damaged spool|t|t', 'as an event');
# The CRC of a record is right, its MAC is not.
substr($record, 136, 8) = pack('Q>', 99);
substr($record, 8, 4) = pack('N', crc32c(substr($record, 12)));
append_to($segment, $record);
is(ingest(), '1', 'a record that somebody has changed');
is(as($node, undef, "SELECT e.kind, r.kind, r.values, r.authentic, r.remark, e.subjects IS NULL FROM cipguard.audit_event e, cipguard.audit_record(e.new) r WHERE spooled ORDER BY seq DESC LIMIT 1"),
	'E|read|99|f|this record is not authentic|t', 'is in the log as such');
is(ingest(), '0', 'once');

# 6. Crashes.
$user = disclose('id <= 11');
my $early = $user;
$session = $node->background_psql('postgres');
$session->query_safe('BEGIN');
$session->query_safe('SELECT cipguard.ingest()');
$node->stop('immediate');
eval { $session->quit };
$node->start;
is(known($user) . ' ' . logged($user), '11|11 0|0', 'a crash while a record is taken in');
$user = disclose('id <= 12');
is(ingest(), '4', 'afterwards');
is(logged($early) . ' ' . logged($user), '11|11 12|12', 'it is taken in once');

# A process that is killed in its statement: an intent without its last batch.
$session = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'reader' ]);
$session->query_until(qr/started/, "SET cipguard.app_user = 'killed';\n\\echo started\n"
	  . "SELECT contact, CASE WHEN id = 100 THEN pg_sleep(300) END FROM app.client WHERE id <= 100 ORDER BY id;\n");
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'") or die;
ingest();
is(as($node, undef, 'SELECT count(*) FROM cipguard.audit_intent'), '1', 'a statement that runs is remembered');
is(as($node, 'auditor', "SELECT count(*) FROM cipguard.disclosures WHERE app_user = 'killed' AND remark LIKE 'intent%'"), '0', 'and is no event');
my $victim = as($node, undef, "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
PostgreSQL::Test::Utils::system_or_bail('pg_ctl', 'kill', 'KILL', $victim);
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'") or die;
eval { $session->quit };
ingest();
is(as($node, 'auditor', "SELECT sum(values), sum(cardinality(subjects)), count(*) FILTER (WHERE remark LIKE 'intent without its last batch%') FROM cipguard.disclosures WHERE app_user = 'killed'"),
	'65|65|1', 'when its process is killed the log says what is known, and that there can be more');
is(as($node, undef, 'SELECT count(*) FROM cipguard.audit_intent'), '0', 'and forgets the intent');

# The worker does all that by itself, and a kill of it loses nothing.
$node->append_conf('postgresql.conf', "cipguard.worker_interval = 1\n");
$node->reload;
my @users = map { disclose("id <= $_") } 1 .. 10;
for my $round (1 .. 3)
{
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM cipguard.worker_status WHERE pid IS NOT NULL") or die;
	my $pid = as($node, undef, "SELECT pid FROM cipguard.worker_status WHERE database = 'postgres'");
	push @users, disclose('id <= ' . (10 + $round));
	PostgreSQL::Test::Utils::system_or_bail('pg_ctl', 'kill', 'KILL', $pid);
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM cipguard.worker_status WHERE pid IS NOT NULL AND pid <> $pid") or die;
}
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM cipguard.journal()") or die;
is(join(' ', map { logged($_) } @users), join(' ', map { "$_|$_" } 1 .. 13), 'a worker that is killed loses and doubles nothing');
is(as($node, 'auditor', "SELECT ingested > 0, pending_bytes, error FROM cipguard.worker_status WHERE database = 'postgres'"), 't|0|', 'the status says that all is well');

# 7. Keys.
$node->append_conf('postgresql.conf', "cipguard.kek_file = ''\n");
$node->restart;
$user = disclose('id <= 3');
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM cipguard.worker_status WHERE error_code = 'ZC005' AND pending_bytes > 0") or die;
refused($node, 'auditor', 'SELECT cipguard.ingest()', 'ZC005', 'without keys nothing is taken in');
my $offset = -s $node->logfile;
$node->poll_query_until('postgres', "SELECT cycles > " . (2 + as($node, undef, 'SELECT cycles FROM cipguard.worker_status')) . ' FROM cipguard.worker_status') or die;
unlike(log_since($node, $offset), qr/audit worker/, 'of which the worker tells once');
$node->append_conf('postgresql.conf', "cipguard.kek_file = '" . new_kek('main') . "'\n");
$node->restart;
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM cipguard.journal()") or die;
is(as($node, 'auditor', "SELECT sum(values), count(subjects), count(authentic), min(remark) FROM cipguard.disclosures WHERE app_user = '$user' AND event_id IS NOT NULL"), '3|0|0|subjects left out: no key', 'with keys it comes in');
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM cipguard.worker_status WHERE error IS NULL AND cycles > 0") or die;

# 8. Removing.
is(as($node, undef, 'SELECT count(*) > 0 FROM cipguard.audit_spool WHERE closed_at IS NOT NULL AND removed_at IS NULL'), 't', 'closed segments are kept');
$node->append_conf('postgresql.conf', "cipguard.spool_keep = 0\n");
$node->reload;
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM cipguard.audit_spool WHERE closed_at IS NOT NULL AND removed_at IS NULL") or die;
is(scalar(segments()), 1, 'until they are old');
is(as($node, undef, "SELECT count(*) FROM cipguard.audit_event e, cipguard.audit_record(e.new) r WHERE e.kind = 'E' AND r.kind = 'missing spool'"), '0', 'of which nobody hears');
unlink((segments())[0]) or die;
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM cipguard.audit_event e, cipguard.audit_record(e.new) r WHERE e.kind = 'E' AND r.kind = 'missing spool' AND r.detail ~ 'is gone; \\d+ bytes of it had been taken in'") or die;
pass('but of one that somebody has removed');
$user = disclose('id <= 4');
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM cipguard.journal()") or die;
is(logged($user), '4|4', 'the one made anew under the same name is another one');

# 9. A standby sends what it has disclosed.
$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('ingest_standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
my $events = as($node, undef, 'SELECT count(*) FROM cipguard.audit_event WHERE spooled');
$user = disclose('id <= 20', node => $standby);
ok($node->poll_query_until('postgres', "SELECT sum(values) = 20 FROM cipguard.disclosures WHERE app_user = '$user' AND event_id IS NOT NULL"), 'what a standby discloses comes into the log of the primary');
$node->wait_for_catchup($standby);
is(known($user, $standby), '20|20', 'and back, once');
is(as($standby, undef, "SELECT role, error FROM cipguard.worker_status"), 'standby|', 'its worker is well');
is(as($node, 'auditor', "SELECT DISTINCT authentic FROM cipguard.disclosures WHERE app_user = '$user'"), 't', 'the record is authentic');
$node->stop;
my @late = map { disclose("id <= $_", node => $standby) } 1 .. 5;
$standby->poll_query_until('postgres', "SELECT count(*) = 1 FROM cipguard.worker_status WHERE error_code = '08006' OR error_code = '08000' OR error LIKE '%connect%'") or die;
is(known($late[2], $standby), '3|3', 'while the primary is down the standby knows');
$node->start;
ok($node->poll_query_until('postgres', "SELECT sum(values) = 15 FROM cipguard.disclosures WHERE app_user IN (" . join(',', map { "'$_'" } @late) . ") AND event_id IS NOT NULL"), 'and sends when it is up again');
$standby->poll_query_until('postgres', "SELECT count(*) = 1 FROM cipguard.worker_status WHERE error IS NULL AND pending_bytes = 0") or die;
is(twice($node), '0', 'nothing twice');

# A process of the standby that is killed.
$session = $standby->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'reader' ]);
$session->query_until(qr/started/, "SET cipguard.app_user = 'killed there';\n\\echo started\n"
	  . "SELECT contact, CASE WHEN id = 100 THEN pg_sleep(300) END FROM app.client WHERE id <= 100 ORDER BY id;\n");
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM cipguard.audit_intent") or die;
$victim = as($standby, undef, "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
PostgreSQL::Test::Utils::system_or_bail('pg_ctl', 'kill', 'KILL', $victim);
eval { $session->quit };
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM cipguard.disclosures WHERE app_user = 'killed there' AND remark LIKE 'intent%' AND event_id IS NOT NULL"), 'a process of the standby that is killed in its statement');

# Forging: a replication role cannot add to the log what no server has written.
as($node, undef, 'CREATE ROLE forwarder LOGIN REPLICATION');
my $spool = slurp_file((segments())[0]);
$events = as($node, undef, "SELECT count(*) FROM cipguard.audit_event WHERE spooled AND kind = 'R'");
my $hex = unpack('H*', $spool);
is(as($node, 'forwarder', "SELECT cipguard.ingest_frames(gen_random_uuid(), d.oid, 202601, 1, sha256(substr(b, 1, 204)), 0, b, false) = length(b) FROM pg_database d, (SELECT '\\x$hex'::bytea b) s WHERE datname = 'postgres'"), 't', 'records of another node under a new name');
is(as($node, undef, "SELECT count(*) FROM cipguard.audit_event WHERE spooled AND kind = 'R'"), $events, 'are no events');

# 10. The standby is promoted: it takes in by itself.
@late = map { disclose("id <= $_", node => $standby) } 1 .. 3;
$node->stop('immediate');
push @late, disclose('id <= 4', node => $standby);
$standby->promote;
push @late, disclose('id <= 5', node => $standby);
$standby->poll_query_until('postgres', "SELECT count(*) = 0 FROM cipguard.journal()") or die;
is(join(' ', map { logged($_, $standby) } @late), join(' ', map { "$_|$_" } 1 .. 5), 'after a promotion nothing is lost');
is(twice($standby), '0', 'or twice');
is(as($standby, undef, "SELECT role FROM cipguard.worker_status"), 'primary', 'the worker knows');
$standby->stop;
done_testing();

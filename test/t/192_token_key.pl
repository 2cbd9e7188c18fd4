# 192_token_key.pl
#	Rotation of token keys where it takes several sessions or servers: whoever
#	waits for it writes new tokens, whoever began before it sees the rows that he
#	saw, prepared statements find them, standbys and dumps follow; suites chosen
#	by default survive a dump.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('rotated', masking => 0, allows_streaming => 1);
as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql());
as($node, undef, <<'SQL');
SET ROLE owner;
CREATE TABLE app.client (id int PRIMARY KEY, phone cipguard.enc_text('mobile') UNIQUE);
CREATE TABLE app.call (id int, phone cipguard.enc_text('mobile') REFERENCES app.client (phone));
CREATE TABLE app.plain (id int);
INSERT INTO app.client SELECT g, '136' || to_char(g, 'FM00000000') FROM generate_series(1, 2000) g;
INSERT INTO app.call SELECT id, phone FROM app.client WHERE id % 4 = 0;
GRANT ALL ON ALL TABLES IN SCHEMA app TO reader, clerk;
SELECT cipguard.audit_table('app.client');
-- Encrypts, waits, and only then asks for the table.
CREATE FUNCTION app.late(id int, phone text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	kept cipguard.enc_text('mobile') := late.phone;
BEGIN
	PERFORM pg_advisory_xact_lock(1);
	INSERT INTO app.client VALUES (late.id, kept);
END
$$;
RESET ROLE;
SQL

sub session
{
	my ($role, $n) = @_;
	return ($n // $node)->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', $role ]);
}

# Rows of a statement, or the SQLSTATE of its error.
sub ask
{
	my ($s, $sql) = @_;
	my $out = $s->query("$sql\n\\if :ERROR\n\\echo :SQLSTATE\n\\endif\n");
	$out =~ s/\s+\z//;
	return $out;
}

# Send a statement that will wait; its result comes with the next question.
sub send_waiting
{
	my ($s, $sql, $like) = @_;
	$s->query_until(qr/sent/, "\\echo sent\n$sql\n\\if :ERROR\n\\echo :SQLSTATE\n\\endif\n");
	$node->poll_query_until('postgres',
		"SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ '$like'")
	  or die "$like does not wait";
	return;
}

sub tokens
{
	my ($n) = @_;
	return as($n // $node, undef, "SET cipguard.output = armor; SELECT string_agg(DISTINCT get_byte(cipguard.enc_text_send(phone), 1) || '/' || get_byte(cipguard.enc_text_send(phone), 11), ' ') FROM app.client");
}

# 1. A writer is waited for; who waits writes tokens of the new version.
is(tokens(), '2/1', 'tokens of the first version');
my $events = as($node, undef, 'SELECT count(*) FROM cipguard.audit_event');
my $first = session('reader');
my $second = session('reader');
my $rotator = session('officer');
my $old = session('reader');
my $prepared = session('reader');
ask($prepared, 'SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;');
ask($prepared, 'PREPARE f (text) AS SELECT id FROM app.client WHERE phone = $1;');
ask($prepared, 'PREPARE j AS SELECT count(*) FROM app.client JOIN app.call USING (phone);');
is(ask($prepared, q(EXECUTE f ('13600000007');)), '7', 'found by a prepared statement');
is(ask($prepared, 'EXECUTE j;'), '500', 'joined by one');
is(ask($old, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM app.plain;'), '0', 'a snapshot from before');
as($node, undef, q(DELETE FROM app.client WHERE id = 1999; UPDATE app.client SET id = 3000 WHERE id = 1998));
ask($first, q(BEGIN; INSERT INTO app.client VALUES (2001, '13600002001');));
send_waiting($rotator, q(SELECT cipguard.rotate_token_key('mobile', 'sm4');), 'rotate_token_key');
send_waiting($second, q(INSERT INTO app.client VALUES (2002, '13600002002');), 'VALUES .2002');
is(ask($first, 'COMMIT;'), '', 'the first writer commits');
is(ask($rotator, 'SELECT 1;'), "2502\n1", 'the rotation has replaced all values, those of rows that the snapshot sees too');
is(ask($second, 'SELECT id FROM app.client WHERE id = 2002;'), '2002', 'the second writer could go on');
is(tokens(), '4/2', 'and wrote a token of the new version');
is(ask($second, q(SELECT id FROM app.client WHERE phone IN ('13600002001', '13600002002') ORDER BY id;)), "2001\n2002", 'both are found');
is(ask($second, q(INSERT INTO app.client VALUES (9, '13600002002');)), '23505', 'and are unique');
is(ask($second, q(INSERT INTO app.call VALUES (9, '13600002002');)), '', 'and can be referred to');

# 2. Plans and snapshots from before.
is(ask($prepared, q(EXECUTE f ('13600000007');)), '7', 'found by the prepared statement');
is(ask($prepared, 'EXECUTE j;'), '501', 'joined by it');
is(ask($old, 'SELECT count(*), count(*) FILTER (WHERE id = 3000) FROM app.client;'), '2000|0', 'the snapshot shows the rows of then');
is(ask($old, q(SELECT id FROM app.client WHERE phone = '13600001999';)), '1999', 'and finds those that are gone by now');
is(ask($old, 'SELECT count(*) FROM app.client JOIN app.call USING (phone);'), '500', 'and joins them');
is(ask($old, 'SET enable_seqscan = off; SET enable_indexscan = off;' . q(SELECT id FROM app.client WHERE phone = '13600001998';)), '1998', 'by index, too');
ask($old, 'COMMIT;');
is(ask($old, q(SELECT id FROM app.client WHERE phone = '13600001998';)), '3000', 'and then those of now');

# 3. What is on record.
is(as($node, undef, "SELECT action, count(*) FROM cipguard.audit_log WHERE seq IN (SELECT seq FROM cipguard.audit_event ORDER BY seq OFFSET $events) AND action IN ('TOKEN_KEY', 'CATEGORY', 'UPDATE', 'INSERT', 'DELETE') GROUP BY 1 ORDER BY 1"),
	"CATEGORY|1\nDELETE|1\nINSERT|2\nTOKEN_KEY|1\nUPDATE|1", 'one event for the rotation, none for its rows');

# 4. A value that was encrypted before the rotation, and is written after it.
my $gate = session('reader');
ask($gate, 'SELECT pg_advisory_lock(1);');
send_waiting($second, q(SELECT app.late(2003, '13600002003');), 'app.late');
is(as($node, 'officer', q(SELECT cipguard.rotate_token_key('mobile') > 0)), 't', 'rotated meanwhile');
ask($gate, 'SELECT pg_advisory_unlock(1);');
is(ask($second, 'SELECT count(*) FROM app.client WHERE id = 2003;'), "40001\n0", 'it is not written with an old token');
is(ask($second, q(SELECT app.late(2003, '13600002003');)), '', 'the next time');
is(tokens(), '4/3', 'it has a new one');
# One that only compares, and one of another domain, are left in peace.
ask($gate, 'SELECT pg_advisory_lock(1);');
as($node, undef, "SET ROLE owner; CREATE TABLE app.named (name cipguard.enc_text('name')); GRANT ALL ON app.named TO reader");
ask($second, q(BEGIN; INSERT INTO app.named VALUES ('Li');));
is(as($node, 'officer', q(SELECT cipguard.rotate_token_key('mobile', 'aes') > 0)), 't', 'rotated once more');
is(ask($second, 'COMMIT;'), '', 'another domain does not matter');

# 5. A failed rotation leaves everything as it was.
ask($first, q(BEGIN; LOCK TABLE app.call IN ACCESS SHARE MODE;));
like(error_of($node, 'officer', q(SET lock_timeout = '100ms'; SELECT cipguard.rotate_token_key('mobile', 'sm4'))), qr/55P03/, 'a rotation gives up waiting');
ask($first, 'COMMIT;');
is(tokens(), '2/4', 'tokens are as they were');
is(ask($second, q(SELECT id FROM app.client WHERE phone = '13600000100';)), '100', 'and found');
is(as($node, undef, q(SELECT string_agg(version || state, ' ' ORDER BY version) FROM cipguard.key_status WHERE kind = 'token key' AND of = 'mobile')),
	'1retiring 2retiring 3retiring 4active', 'keys are as they were');

# 6. A temporary table of somebody else.
ask($first, 'CREATE TEMP TABLE mine AS SELECT * FROM app.client;');
refused($node, 'officer', q(SELECT cipguard.rotate_token_key('mobile')), '55006', 'a temporary table of another session is refused');
ask($first, 'DROP TABLE mine;');
refused($node, 'clerk', q(SELECT cipguard.rotate_token_key('mobile')), '42501', 'and so is a clerk');

# 7. A crash right after.
is(as($node, 'officer', q(SELECT cipguard.rotate_token_key('mobile', 'sm4') > 0)), 't', 'rotated');
$_->quit foreach ($first, $second, $rotator, $old, $prepared, $gate);
$node->stop('immediate');
$node->start;
is(tokens(), '4/5', 'a crash loses nothing');
is(as($node, 'reader', q(SET enable_seqscan = off; SELECT id FROM app.client WHERE phone = '13600002003')), '2003', 'indexes are there');

# 8. A standby.
$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('rotated_standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
my $there = session('reader', $standby);
ask($there, 'SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;');
ask($there, 'PREPARE f (text) AS SELECT id FROM app.client WHERE phone = $1;');
is(ask($there, q(EXECUTE f ('13600000007');)), '7', 'standby: found');
as($node, 'officer', q(SELECT cipguard.rotate_token_key('mobile', 'aes')));
$node->wait_for_catchup($standby);
is(ask($there, q(EXECUTE f ('13600000007');)), '7', 'standby: found after a rotation');
is(ask($there, 'SELECT count(*) FROM app.client JOIN app.call USING (phone);'), '501', 'standby: joined');
$there->quit;
$standby->stop;

# 9. Dumps, and the family of new databases.
my $dir = PostgreSQL::Test::Utils::tempdir();
my ($out, $err);
as($node, undef, q(SELECT cipguard.rotate_token_key('mobile', 'sm4'); SELECT cipguard.alter_category_suite('address', 'sm4')));
my $suites = q(SELECT count(*) FILTER (WHERE suite ~ '^sm4'), count(*) FILTER (WHERE suite ~ '^aes') FROM cipguard.category);
my $before = as($node, undef, $suites);
is($before, '2|20', 'suites of the first database');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/d1", '-d', $node->connstr('postgres') ], 'dumped');
as($node, undef, 'CREATE DATABASE sm4', stop => 1);
as($node, undef, 'SET cipguard.default_suite = sm4; CREATE EXTENSION cipguard CASCADE', db => 'sm4');
is(as($node, undef, $suites, db => 'sm4'), '22|0', 'all categories of a database of SM4');
as($node, undef, q(SELECT cipguard.add_category('badge', 'searchable') > 0; CREATE TABLE staff (badge cipguard.enc_text('badge'), note cipguard.enc_text('address')); INSERT INTO staff VALUES ('17', 'x')), db => 'sm4');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/d2", '-d', $node->connstr('sm4') ], 'dumped');
as($node, undef, 'CREATE DATABASE back1');
as($node, undef, 'CREATE DATABASE back2');
as($node, undef, 'ALTER DATABASE back1 SET cipguard.default_suite = sm4', db => 'template1');
$node->command_ok([ 'pg_restore', '-e', '-d', $node->connstr('back1'), "$dir/d1" ], 'restored where SM4 is the default');
is(as($node, undef, $suites, db => 'back1'), $before, 'suites are those of the dump');
is(as($node, 'reader', q(SET enable_seqscan = off; SELECT id FROM app.client WHERE phone = '13600002003'; SELECT count(*) FROM app.client JOIN app.call USING (phone)), db => 'back1'), "2003\n501", 'values are found');
$node->command_ok([ 'pg_restore', '-e', '-d', $node->connstr('back2'), "$dir/d2" ], 'restored where AES is the default');
is(as($node, undef, $suites, db => 'back2'), '22|1', 'suites are those of the dump, and one more')
  or diag(as($node, undef, 'SELECT name, suite FROM cipguard.category', db => 'back2'));
is(as($node, 'officer', q(SELECT cipguard.rotate_token_key('mobile')), db => 'back1'), '2503', 'a restored database can rotate');

$node->stop;
done_testing();

# 070_sessions.pl
#	Rights are judged when a value is touched: in other sessions, in prepared
#	statements and functions, in parallel workers, on a standby.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $phone = '13912345678';
my $node = new_cluster('sessions', allows_streaming => 1, masking => 0,
	conf => "wal_level = logical\nhot_standby_feedback = on\n");
as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql());
as($node, undef, <<"SQL");
CREATE ROLE team;
CREATE ROLE member LOGIN IN ROLE team;
GRANT clerk, reader TO owner;
SET ROLE owner;
CREATE TABLE app.client (id int PRIMARY KEY, phone cipguard.enc_text('mobile') UNIQUE, address cipguard.enc_text('address'));
CREATE TABLE app.contract (id int, phone cipguard.enc_text('mobile'));
CREATE INDEX ON app.contract (phone);
INSERT INTO app.client VALUES (1, '$phone', 'Happiness Road 77');
INSERT INTO app.client SELECT g, '136' || to_char(g, 'FM00000000'), 'road' || g FROM generate_series(2, 3000) g;
INSERT INTO app.contract SELECT id, phone FROM app.client WHERE id % 3 = 1;
ANALYZE app.client, app.contract;
SELECT cipguard.create_masking_view('app.client');
GRANT SELECT ON app.client, app.contract, app.client_masked TO PUBLIC;
CREATE FUNCTION app.show() RETURNS text LANGUAGE plpgsql AS 'DECLARE v text; BEGIN SELECT format(''%s'', phone) INTO v FROM app.client WHERE id = 1; RETURN v; END';
CREATE FUNCTION app.find(text) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM app.client WHERE phone = \$1); END';
SQL

sub session
{
	my ($role, $n) = @_;
	my $s = ($n // $node)->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', $role ]);
	return $s;
}

# Rows of a statement, or the SQLSTATE of its error.
sub ask
{
	my ($s, $sql) = @_;
	my $out = $s->query("$sql\n\\if :ERROR\n\\echo :SQLSTATE\n\\endif\n");
	$out =~ s/\s+\z//;
	return $out =~ /^cip1:/ ? 'armor' : $out;
}

# 1. SET ROLE, and plans made before it.
my $s = session('owner');
foreach my $mode ('auto', 'force_generic_plan', 'force_custom_plan')
{
	ask($s, "RESET ROLE; SET plan_cache_mode = $mode; DEALLOCATE ALL; SET search_path = app;");
	ask($s, 'PREPARE r AS SELECT phone FROM app.client WHERE id = 1;');
	ask($s, 'PREPARE f (text) AS SELECT count(*) FROM app.client WHERE phone = $1;');
	ask($s, 'PREPARE e (cipguard.enc_text) AS SELECT count(*) FROM app.client WHERE phone = $1;');
	ask($s, 'PREPARE j AS SELECT count(*) FROM app.client c JOIN app.contract t ON c.phone = t.phone;');
	ask($s, 'PREPARE n AS SELECT count(*) FROM app.client WHERE phone NOT IN (SELECT phone FROM app.contract);');
	foreach my $round (1 .. 7)
	{
		my $role = $round % 2 ? 'reader' : 'clerk';
		my $reads = $round % 2;
		ask($s, "RESET ROLE; SET ROLE $role;");
		my @got = (ask($s, 'EXECUTE r;'), ask($s, "EXECUTE f ('$phone');"), ask($s, "EXECUTE e ('$phone');"),
			ask($s, 'EXECUTE j;'), ask($s, 'EXECUTE n;'), ask($s, 'SELECT app.show();'), ask($s, "SELECT app.find('$phone');"),
			ask($s, 'SELECT phone FROM app.client_masked WHERE id = 1;'));
		is("@got", $reads ? "$phone 1 1 1000 2000 $phone 1 $phone" : 'armor 42501 42501 42501 42501 armor 42501 139****5678',
			"$mode, round $round: prepared statements and functions as $role");
	}
}
$s->quit;

# 2. Grant and revoke reach another open session at its next statement.
$s = session('clerk');
my $prepare = sub {
	my ($q) = @_;
	ask($q, 'PREPARE r AS SELECT phone FROM app.client WHERE id = 1;');
	ask($q, 'PREPARE f (text) AS SELECT count(*) FROM app.client WHERE phone = $1;');
	ask($q, 'PREPARE j AS SELECT count(*) FROM app.client c JOIN app.contract t ON c.phone = t.phone;');
	return;
};
my $state = sub {
	my ($q) = @_;
	return join(' ', ask($q, 'EXECUTE r;'), ask($q, "EXECUTE f ('$phone');"), ask($q, 'EXECUTE j;'), ask($q, 'SELECT app.show();'), ask($q, "SELECT app.find('$phone');"));
};
my $closed = 'armor 42501 42501 armor 42501';
my $search = 'armor 1 1000 armor 1';
my $open = "$phone 1 1000 $phone 1";
$prepare->($s);
is($state->($s), $closed, 'before a grant');
foreach my $round (1, 2)
{
	my $id = as($node, 'officer', "SELECT cipguard.grant_access('clerk', 'mobile', 'search')");
	is($state->($s), $search, "round $round: a grant to search reaches an open session");
	my $id2 = as($node, 'officer', "SELECT cipguard.grant_access('clerk', 'mobile')");
	is($state->($s), $open, "round $round: a grant to read");
	as($node, 'officer', "SELECT cipguard.revoke_access($id2)");
	is($state->($s), $search, "round $round: and its revocation");
	as($node, 'officer', "SELECT cipguard.revoke_access($id)");
	is($state->($s), $closed, "round $round: and the other");
}
# Not committed, not granted; within one transaction of the session, too.
ask($s, 'BEGIN;');
is(ask($s, 'EXECUTE r;'), 'armor', 'in a transaction');
my $id = as($node, 'officer', "SELECT cipguard.grant_access('clerk', 'mobile')");
is($state->($s), $open, 'a grant reaches a transaction that is open and holds its locks');
as($node, 'officer', "SELECT cipguard.revoke_access($id)");
is(ask($s, 'EXECUTE r;'), 'armor', 'a revocation, too');
is(ask($s, 'EXECUTE j;'), '42501', 'and the plan of a join');
ask($s, 'ROLLBACK;');
ask($s, 'BEGIN ISOLATION LEVEL REPEATABLE READ;');
is(ask($s, 'EXECUTE r;'), 'armor', 'with an old snapshot');
$id = as($node, 'officer', "SELECT cipguard.grant_access('clerk', 'mobile')");
is(ask($s, 'EXECUTE r;'), $phone, 'a grant counts');
as($node, 'officer', "SELECT cipguard.revoke_access($id)");
is(ask($s, 'EXECUTE r;'), 'armor', 'and a revocation');
ask($s, 'ROLLBACK;');
as($node, 'officer', "BEGIN; SELECT cipguard.grant_access('clerk', 'mobile'); ROLLBACK");
is($state->($s), $closed, 'a grant rolled back is none');
# An open cursor: rows not yet fetched follow the revocation.
$id = as($node, 'officer', "SELECT cipguard.grant_access('clerk', 'mobile')");
ask($s, 'BEGIN;');
ask($s, 'DECLARE c CURSOR FOR SELECT phone FROM app.client ORDER BY id;');
is(ask($s, 'FETCH 1 FROM c;'), $phone, 'a cursor of a reader');
as($node, 'officer', "SELECT cipguard.revoke_access($id)");
is(ask($s, "SELECT 1; FETCH 1 FROM c;") =~ s/^1\s+//r =~ s/^cip1:.*/armor/r, 'armor', 'shows armor after the revocation');
ask($s, 'ROLLBACK;');

# 3. Time limits, with plans in place.
$id = as($node, 'officer', "SELECT cipguard.grant_access('clerk', 'mobile', valid_until => now() + interval '4 s')");
is($state->($s), $open, 'a grant with an end');
is(ask($s, 'EXECUTE j;'), '1000', 'the plan is in place');
$node->poll_query_until('postgres', "SELECT valid_until < now() FROM cipguard.access_grant WHERE id = $id");
is($state->($s), $closed, 'ends by itself, without an invalidation');
is(as($node, 'officer', "SELECT count(*) FROM cipguard.access_grants WHERE id = $id"), '0', 'and is not listed');
refused($node, 'officer', "SELECT cipguard.grant_access('clerk', 'mobile', valid_until => now() - interval '1 s')", '22023', 'an end in the past is refused');

# 4. Purpose.
$id = as($node, 'officer', "SELECT cipguard.grant_access('clerk', 'mobile', purpose => 'contract')");
is($state->($s), $closed, 'without the purpose');
ask($s, "BEGIN; SET LOCAL cipguard.purpose = 'contract';");
is($state->($s), $open, 'with the purpose, by SET LOCAL');
ask($s, 'COMMIT;');
is($state->($s), $closed, 'it ends with the transaction');
ask($s, "BEGIN; SAVEPOINT a; SET LOCAL cipguard.purpose = 'contract';");
is(ask($s, 'EXECUTE r;'), $phone, 'within a savepoint');
ask($s, 'ROLLBACK TO a;');
is(ask($s, 'EXECUTE r;'), 'armor', 'which is rolled back');
ask($s, "SET LOCAL cipguard.purpose = 'other';");
is(ask($s, 'EXECUTE r;'), 'armor', 'another purpose opens nothing');
ask($s, "SET LOCAL cipguard.purpose = 'Contract';");
is(ask($s, 'EXECUTE r;'), 'armor', 'nor one in other case');
ask($s, 'ROLLBACK;');
as($node, 'officer', "SELECT cipguard.revoke_access($id)");
$s->quit;

# 5. Membership.
my $id_team = as($node, 'officer', "SELECT cipguard.grant_access('team', 'mobile')");
$s = session('member');
$prepare->($s);
is($state->($s), $open, 'a member of a granted role reads');
as($node, undef, 'REVOKE team FROM member');
is($state->($s), $closed, 'not after he left it');
as($node, undef, 'GRANT team TO member');
is($state->($s), $open, 'again after he came back');
as($node, undef, 'ALTER ROLE member NOINHERIT');
is($state->($s), $closed, 'not by NOINHERIT') if $node->pg_version < 16;
ask($s, 'SET ROLE team;');
is(ask($s, 'EXECUTE r;'), $phone, 'but by SET ROLE');
$s->quit;
as($node, undef, 'ALTER ROLE member INHERIT');

# 6. Parallel plans give the same.
my $parallel = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET min_parallel_index_scan_size = 0; SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off; SET plan_cache_mode = force_custom_plan; ';
my $force = $node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
my @queries = (
	"SELECT md5(string_agg(t, ',' ORDER BY t)) FROM (SELECT phone::text AS t FROM app.client OFFSET 0) x",
	"SELECT md5(string_agg(t, ',' ORDER BY t)) FROM (SELECT format('%s', phone) AS t FROM app.client OFFSET 0) x",
	"SELECT md5(string_agg(phone, ',' ORDER BY id)) FROM app.client_masked",
	"SELECT count(*) FROM app.client WHERE phone = '$phone'",
	"SELECT count(*) FROM app.client WHERE phone = '$phone'::text AND address::text LIKE 'Happ%'",
	'SELECT count(*) FROM app.client c JOIN app.contract t ON c.phone = t.phone',
	'SELECT count(DISTINCT phone) FROM app.contract',
	"SELECT count(*) FROM app.client WHERE cipguard.can_access('mobile')",
	'SELECT count(*) FROM app.client WHERE phone NOT IN (SELECT phone FROM app.contract)');
as($node, 'officer', "SELECT cipguard.grant_access('clerk', 'uscc', purpose => 'x')");
foreach my $role ('reader', 'searcher', 'clerk')
{
	foreach my $query (@queries)
	{
		my $serial = join('|', map { s/^.*?ERROR:  (\w+).*/$1/sr } (run_as($node, $role, "SET max_parallel_workers_per_gather = 0; $query"))[ 0, 1 ]);
		foreach my $set ($parallel, "SET $force = on; $parallel")
		{
			my $got = join('|', map { s/^.*?ERROR:  (\w+).*/$1/sr } (run_as($node, $role, "$set$query"))[ 0, 1 ]);
			is($got, $serial, "$role, parallel: $query");
		}
	}
}
like(as($node, 'reader', "${parallel}EXPLAIN SELECT phone::text FROM app.client"), qr/Gather/, 'the plans are parallel');
is(as($node, 'clerk', "SET cipguard.purpose = 'x'; SET $force = on; ${parallel}SELECT DISTINCT cipguard.can_access('uscc') FROM app.client"),
	't', 'workers know the purpose');
is(as($node, 'owner', "SET ROLE clerk; SET $force = on; ${parallel}SELECT count(*) FROM (SELECT format('%s', phone) AS t FROM app.client OFFSET 0) x WHERE t LIKE 'cip1:%'"),
	'3000', 'workers know the current role');

# 7. Logical decoding: no plaintext, and no stale verdicts after it.
SKIP:
{
	my $super = as($node, undef, 'SELECT current_user');
	my ($out, $err, $rc) = run_as($node, undef, "SELECT pg_create_logical_replication_slot('s', 'test_decoding')");
	skip 'test_decoding is not installed', 3 if $rc != 0;
	as($node, undef, "INSERT INTO cipguard.access_grant (grantee, category, level) VALUES ('team', 'address', 'read'); GRANT team TO \"$super\"");
	as($node, 'owner', "INSERT INTO app.client VALUES (5000, '13955556666', 'Decoding Road'); UPDATE app.client SET address = 'Decoded Road' WHERE id = 5000");
	my $changes = as($node, undef, "SELECT phone FROM app.client WHERE id = 5000; SELECT data FROM pg_logical_slot_peek_changes('s', NULL, NULL)");
	like($changes, qr/^13955556666$/m, 'the superuser reads');
	$changes =~ s/^13955556666$//m;
	like($changes, qr/app\.client: INSERT.*cip1:/, 'changes are decoded');
	unlike($changes, qr/13955556666|Road/, 'and show no plaintext');
	my $again = as($node, undef, "SELECT count(*) > 0 FROM pg_logical_slot_peek_changes('s', NULL, NULL); SELECT phone FROM app.client WHERE id = 5000; SET ROLE clerk; SELECT phone FROM app.client WHERE id = 5000");
	like($again, qr/^t\n13955556666\ncip1:/, 'after decoding, the same session judges as before');
	as($node, undef, "SELECT pg_drop_replication_slot('s')");
}

# 8. A standby.
$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is(as($standby, 'reader', "SELECT phone FROM app.client WHERE phone = '$phone'"), $phone, 'standby: a reader reads and searches');
$s = session('clerk', $standby);
$prepare->($s);
is($state->($s), $closed, 'standby: a clerk does not');
$id = as($node, 'officer', "SELECT cipguard.grant_access('clerk', 'mobile')");
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($state->($s), $open, 'standby: a grant of the primary arrives in an open session');
as($node, 'officer', "SELECT cipguard.revoke_access($id)");
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($state->($s), $closed, 'standby: and its revocation');
$s->quit;
refused($standby, undef, 'SELECT cipguard.init()', '25006', 'standby: no keys are made');
is(as($standby, 'clerk', 'SELECT phone FROM app.client_masked WHERE id = 1'), '139****5678', 'standby: masks');
$standby->promote;
is(as($standby, undef, "INSERT INTO app.client VALUES (6000, '13811112222'); SELECT cipguard.init(); SET ROLE reader; SELECT phone FROM app.client WHERE id = 6000"),
	"0\n13811112222", 'standby: writes with the same keys after promotion');
$standby->stop;
# Binary COPY, out and in again: a reader moves text, others the datum.
as($node, undef, <<'SQL');
CREATE DOMAIN app.tel AS cipguard.enc_text('mobile');
CREATE TABLE app.bin (id int, phone cipguard.enc_text('mobile'), phones cipguard.enc_text('mobile')[], tel app.tel, address cipguard.enc_text('address'));
GRANT SELECT, INSERT, DELETE ON app.bin TO PUBLIC;
SQL
as($node, 'reader', "INSERT INTO app.bin VALUES (1, '$phone', ARRAY['$phone', NULL, '13800000001'], '13800000002', 'Happiness Road 77'), (2, NULL, '{}', NULL, '')");
my $binary = PostgreSQL::Test::Utils::tempdir() . '/bin';
my $datums = 'SELECT md5(string_agg(b::text, \'\' ORDER BY id)) FROM app.bin b';
my $texts = as($node, 'reader', 'SELECT * FROM app.bin ORDER BY id');
my $armors = as($node, 'clerk', $datums);
foreach my $role ('clerk', 'reader')
{
	as($node, $role, "\\copy app.bin TO '$binary' (FORMAT binary)");
	my $seen = scalar(find_bytes([$binary], $phone, 'Happiness'));
	is($seen, $role eq 'reader' ? 2 : 0, "binary COPY by a $role: plaintext or none");
	as($node, $role, "BEGIN; DELETE FROM app.bin; \n\\copy app.bin FROM '$binary' (FORMAT binary)\nCOMMIT");
	is(as($node, 'reader', 'SELECT * FROM app.bin ORDER BY id'), $texts, "binary COPY by a $role: equal values come back");
	is(as($node, 'clerk', $datums), $armors, 'binary COPY by a clerk: equal ciphertext comes back') if $role eq 'clerk';
}

# Parameters of the extended protocol.
my $script = PostgreSQL::Test::Utils::tempdir() . '/script';
PostgreSQL::Test::Utils::append_to_file($script, <<"SQL");
\\set phone $phone
\\set other 13777777777
SELECT 1 / count(*) FROM app.client WHERE phone = :phone;
SELECT 1 / (1 - count(*)) FROM app.client WHERE phone = :other;
INSERT INTO app.bin (id, phone) VALUES (3, :other);
SELECT 1 / count(*) FROM app.bin WHERE phone = :other;
DELETE FROM app.bin WHERE phone = :other;
SQL
foreach my $mode ('extended', 'prepared')
{
	$node->command_ok([ 'pgbench', '-n', '-M', $mode, '-t', '8', '-f', $script, '-U', 'reader', '-h', $node->host, '-p', $node->port, 'postgres' ],
		"pgbench -M $mode finds, inserts and deletes by parameter");
}

$node->stop;
done_testing();

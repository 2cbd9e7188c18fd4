# 201_lockdown.pl
#	A lockdown stops what is running, everywhere, at the next row; it survives
#	a restart, a crash and a dump, and two persons lift it.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('lockdown', allows_streaming => 1, conf => "hot_standby_feedback = on\nmax_connections = 40\nmax_prepared_transactions = 2\n");
as($node, undef, <<'SQL');
CREATE EXTENSION cipguard CASCADE;
CREATE ROLE ann LOGIN IN ROLE cipguard_officer;
CREATE ROLE bob LOGIN IN ROLE cipguard_officer;
CREATE ROLE eve LOGIN IN ROLE cipguard_emergency;
CREATE ROLE staff;
CREATE ROLE reader LOGIN;
CREATE ROLE other LOGIN;
CREATE ROLE owner LOGIN;
GRANT staff TO reader;
CREATE TABLE client (id int PRIMARY KEY, mobile text, enc cipguard.enc_text('mobile'));
CREATE TABLE plain (id int, enc cipguard.enc_text('email'));
CREATE TABLE parent (id int, mobile text) PARTITION BY LIST (id);
CREATE TABLE child PARTITION OF parent FOR VALUES IN (1);
SET client_min_messages = warning;
SECURITY LABEL FOR cipguard ON COLUMN client.mobile IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN client.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN parent.mobile IS 'mobile';
INSERT INTO client SELECT i, '138' || lpad(i::text, 8, '0'), '139' || lpad(i::text, 8, '0') FROM generate_series(1, 20000) i;
INSERT INTO plain VALUES (1, 'a@example.com');
INSERT INTO parent VALUES (1, '13700000001');
GRANT SELECT, INSERT ON client, plain, parent, child TO PUBLIC;
ALTER TABLE parent OWNER TO owner;
SELECT cipguard.grant_access(r, c) FROM unnest(ARRAY['staff', 'reader', 'other', 'owner']::regrole[]) r, unnest(ARRAY['mobile', 'email']) c;
CREATE FUNCTION slowly(i int) RETURNS int LANGUAGE plpgsql VOLATILE PARALLEL SAFE AS $$ BEGIN PERFORM pg_sleep(0.01); RETURN i; END $$;
CREATE FUNCTION gather() RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY SELECT mobile FROM client WHERE id < 100; END $$;
SQL

sub lock_down
{
	my ($scope, $role) = @_;
	return as($node, $role // 'ann', "SELECT cipguard.lockdown('$scope', 'drill')");
}

sub lift
{
	my ($id) = @_;
	my $request = as($node, 'ann', "SELECT cipguard.lift_lockdown($id, 'over')");
	return as($node, 'bob', "SELECT cipguard.approve($request)");
}

# Starts a session, waits until it has printed something, or is where it should be.
sub start_session
{
	my ($on, $role, @extra) = @_;
	return $on->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', $role, '-v', 'VERBOSITY=verbose', @extra ]);
}

sub query_of
{
	my ($s, $sql) = @_;
	$s->{stderr} = '';
	my $out = $s->query($sql);
	my $err = $s->{stderr};
	return "$out$err";
}
my $plain = qr/13[789]0000\d{4}/;
my $stopped = qr/ZC021/;

# 1. What has begun gives not one row more.
my %running = (
	scan => 'DECLARE c CURSOR FOR SELECT id, mobile FROM client',
	encrypted => 'DECLARE c CURSOR FOR SELECT enc FROM client',
	sorted => 'DECLARE c CURSOR FOR SELECT mobile FROM client ORDER BY md5(id::text)',
	grouped => 'DECLARE c CURSOR FOR SELECT id % 10, string_agg(mobile, \',\') FROM client GROUP BY 1',
	function => 'DECLARE c CURSOR FOR SELECT * FROM gather()',
	predicate => "DECLARE c CURSOR FOR SELECT id FROM client WHERE mobile LIKE '138%'",
	held => 'DECLARE c CURSOR WITH HOLD FOR SELECT mobile FROM client WHERE id < 100',
);
my %session;
foreach my $name (sort keys %running)
{
	my $s = $session{$name} = start_session($node, 'reader');
	if ($name eq 'held')
	{
		query_of($s, $running{$name} . ';');
	}
	else
	{
		query_of($s, "BEGIN; $running{$name};");
		like(query_of($s, 'FETCH 1 FROM c'), qr/\d/, "$name: a row before");
	}
}
my $prepared = start_session($node, 'reader');
query_of($prepared, 'PREPARE p AS SELECT mobile, enc FROM client WHERE id = 7');
like(query_of($prepared, 'EXECUTE p'), $plain, 'prepared: plaintext before');
my $unheard = start_session($node, 'reader');
query_of($unheard, 'SELECT 1');

my $dir = PostgreSQL::Test::Utils::tempdir();
my %slow = (
	select => ['SELECT slowly(id), mobile FROM client', 'ON'],
	copy => ['COPY (SELECT slowly(id), mobile FROM client) TO STDOUT', 'ON'],
	parallel => ["SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET debug_parallel = 1; SELECT slowly(id), mobile FROM client", 'ON'],
);
$slow{parallel}[0] =~ s/SET debug_parallel = 1; //;
my %proc;
foreach my $name (sort keys %slow)
{
	my ($out, $err) = ('', '');
	my $h = { out => \$out, err => \$err };
	$h->{run} = IPC::Run::start([ 'psql', '-XAtq', '-U', 'reader', '-v', 'VERBOSITY=verbose', '-v', 'FETCH_COUNT=1', '-d', $node->connstr('postgres'), '-c', $slow{$name}[0] ], '<', \undef, '>', \$out, '2>', \$err);
	$proc{$name} = $h;
}
$node->poll_query_until('postgres', "SELECT count(*) >= 3 FROM pg_stat_activity WHERE usename = 'reader' AND state = 'active' AND query LIKE '%slowly%' AND clock_timestamp() - query_start > '0.3 s'");
my $all = lock_down('all');
foreach my $name (sort keys %slow)
{
	my $h = $proc{$name};
	$h->{run}->finish;
	like(${ $h->{err} }, $stopped, "$name: stopped");
	my @rows = split /\n/, ${ $h->{out} };
	cmp_ok(scalar(@rows), '<', 20000, "$name: before its end");
}
foreach my $name (sort keys %running)
{
	next if $name eq 'function';
	my $got = query_of($session{$name}, 'FETCH 1 FROM c');
	like($got, $stopped, "$name: refused");
	unlike($got, $plain, "$name: no plaintext");
}
my $again = query_of($prepared, 'EXECUTE p');
unlike($again, $plain, 'prepared: masked');
like($again, qr/138\*+0007/, 'and not refused');
unlike(query_of($unheard, 'SELECT mobile, enc FROM client WHERE id = 7'), $plain, 'a session that had not read: masked');
$_->quit foreach values %session, $prepared, $unheard;

# A scan that reads on while something happens, in the middle of it.
sub scan_stopped
{
	my ($on, $name, $event) = @_;
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ 'psql', '-XAtq', '-U', 'reader', '-v', 'VERBOSITY=verbose', '-d', $on->connstr('postgres'), '-c', 'COPY (SELECT slowly(id), mobile FROM client WHERE id < 3000) TO STDOUT' ], '<', \undef, '>', \$out, '2>', \$err);
	$on->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_stat_activity WHERE usename = 'reader' AND state = 'active' AND clock_timestamp() - query_start > '0.3 s'");
	$event->();
	$run->finish;
	like($err, $stopped, "$name: stopped");
	cmp_ok(scalar(split /\n/, $out), '<', 2999, "$name: before its end");
	return;
}

# 2. Whoever it is.
unlike(join('', run_as($node, $_, 'SELECT mobile, enc FROM client WHERE id = 7; SELECT mobile FROM parent; SELECT enc FROM plain')), qr/$plain|a\@example/, "$_: nothing") foreach 'reader', 'owner', 'ann', $node->{_user} // 'postgres';
refused($node, 'other', "SELECT count(*) FROM client WHERE enc = '13900000007'", 'ZC021', 'no guess is confirmed');
refused($node, 'owner', 'SET row_security = off; SELECT mobile FROM parent', '42501', 'the owner has no stored values');
like(as($node, undef, "SET row_security = off; SELECT enc FROM client WHERE id = 7"), qr/^cip1:/, 'ciphertext stays: backups go on');
as($node, 'reader', "INSERT INTO client VALUES (30000, '13800030000', '13900030000')");
pass('and so do writes');
like(as($node, undef, "SELECT cipguard.rotate_key('mobile')"), qr/\d/, 'and rotation of keys');

# 3. One person does not lift it, nor does a superuser by hand.
my $request = as($node, 'ann', "SELECT cipguard.lift_lockdown($all, 'over')");
refused($node, 'ann', "SELECT cipguard.approve($request)", 'ZC035', 'who asks does not approve');
refused($node, 'eve', "SELECT cipguard.lift_lockdown($all, 'x')", '42501', 'emergency staff close, and do not open');
refused($node, undef, "UPDATE cipguard.lockdown SET lifted_at = now(), lift_request = $request", '42501', 'a superuser does not lift it by hand');
refused($node, undef, $_, 'ZC035', "superuser: $_") foreach 'DELETE FROM cipguard.lockdown', 'TRUNCATE cipguard.lockdown';
refused($node, 'ann', "SELECT cipguard.lift_lockdown(4711, 'x')", '42704', 'there is none of that number');
unlike(as($node, 'reader', 'SELECT mobile FROM client WHERE id = 7'), $plain, 'still closed');

# 4. It survives.
$node->restart;
unlike(as($node, 'reader', 'SELECT mobile, enc FROM client WHERE id = 7'), $plain, 'after a restart');
$node->stop('immediate');
$node->start;
unlike(as($node, 'reader', 'SELECT mobile, enc FROM client WHERE id = 7'), $plain, 'after a crash');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/d", 'postgres' ], 'a dump is made');
as($node, undef, 'CREATE DATABASE copy');
$node->command_ok([ 'pg_restore', '-d', 'copy', "$dir/d" ], 'and restored');
is(as($node, undef, 'SELECT scope, locked_by FROM cipguard.lockdowns', db => 'copy'), 'all|ann', 'with the lockdown');
unlike(as($node, 'reader', 'SELECT mobile, enc FROM client WHERE id = 7', db => 'copy'), $plain, 'which is in force');

# 5. Two persons lift it.
is(as($node, 'bob', "SELECT cipguard.approve($request)"), 'approved', 'another officer approves');
like(as($node, 'reader', 'SELECT mobile, enc FROM client WHERE id = 7'), $plain, 'open again');
is(as($node, 'ann', 'SELECT count(*) FROM cipguard.lockdowns'), '0', 'none in force');

# What was prepared is in force from when it is committed, by whomever.
as($node, undef, "BEGIN; INSERT INTO cipguard.lockdown (scope, reason) VALUES ('all', 'drill'); PREPARE TRANSACTION 'p'");
like(as($node, 'reader', 'SELECT mobile FROM client WHERE id = 7'), $plain, 'prepared, not committed: open');
scan_stopped($node, 'prepared', sub { as($node, undef, "COMMIT PREPARED 'p'") });
is(lift(as($node, 'ann', 'SELECT id FROM cipguard.lockdowns')), 'approved', 'lifted');

# 6. A standby.
$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->append_conf('postgresql.conf', "cipguard.spool_directory = ''\n");
$standby->start;
my $s = start_session($standby, 'reader');
query_of($s, 'BEGIN; DECLARE c CURSOR FOR SELECT enc FROM client');
query_of($s, 'FETCH 1 FROM c');
refused($standby, 'ann', "SELECT cipguard.lockdown('all', 'x')", '25006', 'it is locked down at the primary');
my $here = lock_down('category: mobile', 'eve');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
my $got = query_of($s, 'FETCH 1 FROM c');
unlike($got, $plain, 'standby: not a row more');
$s->quit;
is(lift($here), 'approved', 'lifted');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
scan_stopped($standby, 'standby', sub { $here = lock_down('category: mobile') });
is(lift($here), 'approved', 'lifted again');

# 7. Scopes.
my $id = lock_down('relation child');
unlike(join('', run_as($node, 'reader', 'SELECT mobile FROM child; SELECT mobile FROM parent')), $plain, 'relation: it, and what is above it');
like(as($node, 'reader', 'SELECT mobile FROM client WHERE id = 7'), $plain, 'not another');
run_as($node, 'owner', 'ALTER TABLE parent DETACH PARTITION child');
unlike(join('', run_as($node, 'owner', 'SELECT mobile FROM child')), $plain, 'detaching opens nothing');
lift($id);
$id = lock_down('role staff');
unlike(as($node, 'reader', 'SELECT mobile FROM client WHERE id = 7'), $plain, 'role: its members');
like(as($node, 'other', 'SELECT mobile FROM client WHERE id = 7'), $plain, 'nobody else');
as($node, undef, 'GRANT other TO reader');
unlike(as($node, 'reader', 'SET ROLE other; SELECT mobile FROM client WHERE id = 7'), $plain, 'whatever role they act in');
lift($id);
like(as($node, 'reader', 'SELECT mobile FROM client WHERE id = 7'), $plain, 'lifted');
refused($node, 'ann', "SELECT cipguard.lockdown('$_->[0]', 'x')", $_->[1], "no such scope: $_->[0]") foreach
  [ 'everything', '22023' ], [ 'all of it', '22023' ], [ 'role nobody', '42704' ], [ 'relation nothing', '42P01' ], [ 'category none', 'ZC008' ], [ 'relation pg_class', '55000' ];
refused($node, 'ann', "SELECT cipguard.lockdown('all', ' ')", '22023', 'a reason is needed');
refused($node, 'other', "SELECT cipguard.lockdown('all', 'x')", '42501', 'officers and emergency staff only');

# 8. Without preloading types' output obeys as well.
my $bare = new_cluster('bare', preload => 0);
as($bare, undef, <<'SQL');
CREATE EXTENSION cipguard CASCADE;
CREATE ROLE ann LOGIN IN ROLE cipguard_officer;
CREATE ROLE reader LOGIN;
CREATE TABLE client (id int PRIMARY KEY, enc cipguard.enc_text('mobile'));
INSERT INTO client SELECT i, '139' || lpad(i::text, 8, '0') FROM generate_series(1, 100) i;
GRANT SELECT ON client TO PUBLIC;
SELECT cipguard.grant_access('reader', 'mobile');
SQL
my $b = start_session($bare, 'reader');
like(query_of($b, 'BEGIN; DECLARE c CURSOR FOR SELECT enc FROM client; FETCH 1 FROM c'), $plain, 'plain mode: a row before');
as($bare, 'ann', "SELECT cipguard.lockdown('all', 'drill')");
unlike(query_of($b, 'FETCH 1 FROM c'), $plain, 'plain mode: not a row more');
$b->quit;
refused($bare, 'ann', "SELECT cipguard.place_hold('1', 'x')", '55000', 'plain mode: no legal hold that would not hold');

done_testing();

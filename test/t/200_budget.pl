# 200_budget.pl
#	Budgets hold whatever sessions do at the same time, and whatever becomes of
#	the server: nobody is shown more, or fewer, values than he may be.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('budget', budgets => 1, allows_streaming => 1,
	conf => "fsync = on\nmax_connections = 50\nmax_parallel_workers = 8\nrestart_after_crash = on\n");
my $file = $node->data_dir . '/cipguard/budget';
as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql());
as($node, undef, <<'SQL');
SET ROLE owner;
CREATE TABLE app.client (id int PRIMARY KEY, phone cipguard.enc_text('mobile'), card text, name text);
SECURITY LABEL FOR cipguard ON COLUMN app.client.card IS 'bank_card';
SECURITY LABEL FOR cipguard ON COLUMN app.client.name IS 'name';
INSERT INTO app.client SELECT g, '138' || lpad(g::text, 8, '0'), '62220200' || lpad(g::text, 8, '0'), 'Li' FROM generate_series(1, 3000) g;
CREATE FUNCTION app.phones() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT phone::text FROM app.client';
GRANT SELECT ON app.client TO PUBLIC;
RESET ROLE;
ANALYZE app.client;
SQL
my $n = 0;

# A new role that may read, with a budget of values of category mobile.
sub new_reader
{
	my ($hour, $day) = @_;
	my $role = 'r' . ++$n;
	as($node, undef, "CREATE ROLE $role LOGIN");
	as($node, 'officer', "SELECT cipguard.grant_access('$role', 'mobile')");
	as($node, 'officer', "SELECT cipguard.set_budget('$role', 'mobile', $hour, $day)");
	return $role;
}

# How many values are plaintext in what a statement gives.
sub plain
{
	my ($role, $sql, %opt) = @_;
	my ($out, $err) = run_as($opt{node} // $node, $role, $sql, stop => 0);
	return scalar(grep { /^138\d{8}$/ } split(/\n/, $out));
}

sub used
{
	my ($role, $on) = @_;
	return as($on // $node, undef, "SELECT coalesce(max(hour_used), 0) FROM cipguard.budget_status WHERE role = '$role'::regrole AND category = 'mobile'");
}

sub alerts
{
	return as($node, undef, "SELECT cipguard.ingest(); SELECT count(*) FROM cipguard.alert WHERE kind = 'budget'") =~ /(\d+)\z/ ? $1 : -1;
}

my $all = 'SELECT phone FROM app.client';

# 1. Sessions at the same time.
my $role = new_reader(1000, 'NULL');
my @sessions = map { { out => '', err => '' } } 1 .. 8;
$_->{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-U', $role, '-c', $all ],
	'<', '/dev/null', '>', \$_->{out}, '2>', \$_->{err}) foreach @sessions;
$_->{run}->finish foreach @sessions;
my $sum = 0;
foreach (@sessions)
{
	my @rows = split(/\n/, $_->{out});
	is(scalar(@rows), 3000, 'a session gets all rows') or diag($_->{err});
	$sum += grep { /^138\d{8}$/ } @rows;
}
is($sum, 1000, 'eight sessions get 1000 values in all, no more and no fewer');
is(used($role), 1000, 'as many are counted');
is(plain($role, $all), 0, 'then there is none left');

# 2. The answer, and who hears of it.
like((run_as($node, $role, "$all LIMIT 1"))[1], qr/ZC033/, 'a warning says why, with its SQLSTATE');
refused($node, $role, "SET cipguard.on_refusal = error; $all LIMIT 1", 'ZC033', 'an error if that is wanted', like => qr/set_budget/);
is(alerts(), 1, 'one alert for all of them');
is(as($node, $role, 'SELECT hour_used, hour_limit, day_used, day_limit IS NULL FROM cipguard.budget_status'), '1000|1000|1000|t', 'he sees what was counted');
is(as($node, new_reader(1, 1), 'SELECT count(*) FROM cipguard.budget_status'), '0', 'others do not');
is(as($node, 'officer', 'SELECT count(*) FROM cipguard.budget_status'), '1', 'officers do');

# 3. What does not help.
$role = new_reader(100, 100);
my $other = new_reader(70, 1000);
as($node, undef, "GRANT $other TO $role");
is(plain($role, "BEGIN; $all; ROLLBACK; BEGIN; $all; ROLLBACK"), 100, 'a transaction that is rolled back');
is(plain($role, "SET ROLE $other; $all"), 0, 'another role of his');
is(used($other), 0, 'of which nothing is taken then');
is(plain($other, $all), 70, 'which has its own budget');
as($node, 'officer', "SELECT cipguard.set_budget('owner', 'mobile', NULL, NULL), cipguard.grant_access('owner', 'mobile')");
$role = new_reader(100, 'NULL');
is(plain($role, 'SELECT * FROM app.phones()'), 100, 'a function of somebody who has no limit');
$role = new_reader(300, 300);
is(plain($role, 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 4; ' . $all), 300, 'parallel workers');
$role = new_reader(50, 50);
is(plain($role, "BEGIN; DECLARE c CURSOR FOR $all; FETCH 40 FROM c; SET ROLE NONE; FETCH ALL FROM c"), 50, 'a cursor');

# 4. Of two windows the one that has less left counts, and a raised budget at
# once.
$role = new_reader(100, 60);
is(plain($role, $all), 60, 'the day has less than the hour');
as($node, 'officer', "SELECT cipguard.set_budget('$role', 'mobile', 90, 1000)");
is(plain($role, $all), 30, 'the rest of the hour');
as($node, 'officer', "SELECT cipguard.set_budget('$role', 'mobile', 0, 0)");
is(plain($role, $all), 0, 'a budget of nothing');

# 5. By default, half of what the courts count.
as($node, undef, 'CREATE ROLE nobody_set LOGIN');
as($node, 'officer', "SELECT cipguard.grant_access('nobody_set', c) FROM unnest(ARRAY['mobile', 'bank_card', 'name']) c");
is(plain('nobody_set', $all), 2500, 'phone numbers');
is(scalar(grep { /^62220200\d{8}$/ } split(/\n/, as($node, 'nobody_set', 'SELECT card FROM app.client'))),
	as($node, undef, "SELECT CASE level WHEN 4 THEN 25 WHEN 3 THEN 250 ELSE 2500 END FROM cipguard.category WHERE name = 'bank_card'"), 'numbers of bank cards');
$node->append_conf('postgresql.conf', "cipguard.default_budgets = off\n");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('cipguard.default_budgets') = 'off'");
is(plain('nobody_set', $all), 3000, 'no limit when that is switched off');

# 6. A long statement sets values aside while there are plenty.  What it does
# not give is put back, however it ends; and the last value is had.
$role = new_reader(2000000, 'NULL');
is(plain($role, "$all LIMIT 1777"), 1777, 'of a large budget');
is(used($role), 1777, 'what was given counts');
my $in_order = 'SET synchronize_seqscans = off;';
plain($role, "$in_order SELECT phone, 1 / (id - 900) FROM app.client");
is(used($role), 1777 + 900, 'an error: what was set aside is put back');
my $before = used($role);
is(plain($role, "BEGIN; DECLARE c CURSOR FOR $all; FETCH 700 FROM c; SELECT hour_used - $before FROM cipguard.budget_status WHERE category = 'mobile' AND hour_limit = 2000000"), 700, 'a cursor');
is(used($role), $before + 700, 'a transaction that is not ended');
like(as($node, $role, "$in_order SELECT phone, CASE WHEN id = 300 THEN (SELECT hour_used + 0 * id FROM cipguard.budget_status WHERE hour_limit = 2000000) - $before - 700 END FROM app.client WHERE id <= 300"), qr/\|300\z/, 'who looks on the way sees what was given so far');
$before = used($role);
{
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-U', $role, '-c', "$in_order SELECT phone, CASE WHEN id = 1500 THEN pg_sleep(600) END FROM app.client" ], '<', '/dev/null', '>', \$out, '2>', \$err);
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE usename = '$role' AND wait_event = 'PgSleep'") or die 'does not sleep';
	as($node, undef, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '$role'");
	$run->finish;
	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = '$role'");
}
is(used($role) - $before, 1500, 'a session that is ended');
$role = new_reader(12000, 'NULL');
@sessions = map { { out => '', err => '' } } 1 .. 8;
$_->{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-U', $role, '-c', $all ],
	'<', '/dev/null', '>', \$_->{out}, '2>', \$_->{err}) foreach @sessions;
$_->{run}->finish foreach @sessions;
$sum = 0;
$sum += grep { /^138\d{8}$/ } split(/\n/, $_->{out}) foreach @sessions;
is($sum, 12000, 'eight sessions that set aside get all of a budget and no more');
is(used($role), 12000, 'as many are counted');

# 7. Crashes.  What is counted afterwards is what was, or a sixteenth of the
# limit more.
sub crash_test
{
	my ($name, $limit, $spend, $slack, $crash) = @_;
	my $role = new_reader($limit, 'NULL');
	is(plain($role, "$all LIMIT $spend"), $spend, "$name: values before");
	$crash->();
	wait_up($node);
	my $counted = used($role);
	cmp_ok($counted, '>=', $spend, "$name: nothing is forgotten");
	cmp_ok($counted, '<=', $spend + $slack, "$name: and little is added");
	is(plain($role, $all), $limit - $counted, "$name: the rest is to be had");
	is(plain($role, $all), 0, "$name: and no more");
	return;
}
my $kill_backend = sub {
	my $pid = as($node, undef, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'");
	kill 'KILL', $pid;
	foreach (1 .. 600)
	{
		last unless kill 0, $pid;
		select(undef, undef, undef, 0.1);
	}
};
my $kill_all = sub {
	my @pids = split(/\n/, as($node, undef, "SELECT pid FROM pg_stat_activity WHERE backend_type <> 'client backend'"));
	$node->kill9;
	# Its children notice and go.
	foreach (1 .. 600)
	{
		last unless kill 0, @pids;
		select(undef, undef, undef, 0.1);
	}
	# The number of a process that is gone, but that nobody waited for, looks
	# alive.
	unlink($node->data_dir . '/postmaster.pid', $node->host . '/.s.PGSQL.' . $node->port . '.lock');
	$node->start;
};
crash_test('killed backend', 800, 431, 50, $kill_backend);
crash_test('killed postmaster', 800, 433, 50, $kill_all);
crash_test('killed postmaster, small budget', 10, 7, 1, $kill_all);
crash_test('immediate stop', 160, 77, 10, sub { $node->stop('immediate'); $node->start });
crash_test('clean restart', 800, 433, 0, sub { $node->restart });
crash_test('crash after clean restart', 800, 433, 0, sub { $node->restart; $kill_backend->() });

# 8. A standby counts for itself.
$role = new_reader(100, 100);
is(plain($role, "$all LIMIT 60"), 60, 'primary: values');
$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
like(slurp_file($standby->logfile), qr/copy of another node's/, 'standby: it knows that the file is not its own');
is(used($role, $standby), 0, 'standby: what the primary gave does not count');
is(plain($role, $all, node => $standby), 100, 'standby: its own budget');
is(plain($role, $all), 40, 'primary: the rest there');
$role = new_reader(80, 100);
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is(plain($role, $all, node => $standby), 80, 'standby: budgets set on the primary hold');
$standby->restart;
is(plain($role, $all, node => $standby), 0, 'standby: after a restart, too');
$standby->stop;

# 9. A file that was tampered with.
$role = new_reader(100, 100);
is(plain($role, "$all LIMIT 60"), 60, 'before the damage');
sub damage
{
	my ($at, $bytes) = @_;
	$node->stop;
	open(my $fh, '+<:raw', $file) or die "could not open $file: $!";
	my $size = -s $file;
	seek($fh, $at < 0 ? $size + $at : $at, 0);
	print $fh $bytes;
	close($fh);
	$node->start;
	return;
}
my $offset = -s $node->logfile;
damage(-500, 'xxxx');
like(log_since($node, $offset), qr/file of budgets was damaged/, 'damage of an entry is noticed');
is(plain($role, $all), 0, 'and all budgets are spent');
is(plain('nobody_set', $all), 3000, 'but not of whoever has none');
$node->restart;
is(plain($role, $all), 0, 'after another start, too');
refused($node, 'officer', 'SELECT cipguard.reset_budgets()', '42501', 'officers do not reset that');
refused($node, undef, 'SELECT cipguard.reset_budgets()', 'ZC015', 'superusers only in a window');
as($node, undef, open_window() . 'SELECT cipguard.reset_budgets(); SET ROLE cipguard_officer; SELECT cipguard.close_maintenance()');
is(plain($role, $all), 100, 'and then it begins anew');
$kill_backend->();
wait_up($node);
is(plain($role, $all), 0, 'and is counted as ever');
damage(0, 'nonsense');
is(plain($role, $all), 0, 'damage of the head');
as($node, undef, open_window() . 'SELECT cipguard.reset_budgets()');
$node->stop;
truncate($file, 700);
$node->start;
is(plain(new_reader(5, 5), $all), 0, 'a file cut short');
as($node, undef, open_window() . 'SELECT cipguard.reset_budgets()');

# 10. A file that cannot be written, and memory that is full.
$role = new_reader(1000, 1000);
rename($file, "$file.away") or die $!;
is(plain($role, $all), 0, 'nothing is given that cannot be counted');
rename("$file.away", $file) or die $!;
is(plain($role, "$all LIMIT 5"), 5, 'until it can be again');
$node->append_conf('postgresql.conf', "cipguard.budget_slots = 64\n");
$node->restart;
is(plain($role, "$all LIMIT 5"), 5, 'fewer slots');
as($node, undef, "CREATE ROLE many_$_ LOGIN; SELECT cipguard.grant_access('many_$_', 'mobile')") foreach 1 .. 70;
as($node, 'officer', "SELECT cipguard.set_budget(NULL, 'mobile', 9, NULL)");
my @given = map { plain("many_$_", "$all LIMIT 10") } 1 .. 70;
is(scalar(grep { $_ == 9 || $_ == 0 } @given), 70, 'each gets all of his budget, or nothing');
cmp_ok(scalar(grep { $_ == 0 } @given), '>', 5, 'who finds no slot gets nothing');
like(log_since($node, $offset), qr/no room to count.*\n.*HINT:  Raise cipguard.budget_slots/, 'and the log says what to do');
is(plain('many_1', "$all LIMIT 10"), 0, 'who has one gets no second budget');

$node->stop;
done_testing();

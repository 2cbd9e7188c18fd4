# 180_soak.pl
#	Clients write and read while somebody decides, keys change, tables are
#	maintained, processes are killed and servers stopped.  Afterwards no row is
#	lost, every committed change is in the log exactly once, every value that a
#	client was given is recorded, nothing was given that was forbidden, the
#	seals hold, and no file has plaintext.
#
#	CIPGUARD_SOAK_SECONDS (5) is how long they work: from 30 on with a standby,
#	which is promoted at the end, and, in the last third, without kills, so that
#	memory can be measured.  `make soak` does minutes.  SOAK_SEED begins the
#	random numbers of a run; what is done depends on it, when does not.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use Cwd 'abs_path';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SoakClient;
use SoakConductor;
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{CIPGUARD_SOAK_SECONDS} // 5;
my $seed = $ENV{SOAK_SEED} || 1 + int rand 1_000_000;
my $long = $seconds >= 30;
my $rows = $long ? 3000 : 1000;
my $budget = 300;
my $dir = abs_path(PostgreSQL::Test::Utils::tempdir());
my $started = time();
srand($seed);
note("$seconds seconds, SOAK_SEED=$seed");

# --- Servers

mkdir("$dir/epochs", 0700);
my $primary = new_cluster('primary', allows_streaming => 1,
	conf => "cipguard.worker_interval = 1\ncipguard.spool_segment_size = 1MB\ncipguard.epoch_directory = '$dir/epochs'\n"
	  . "restart_after_crash = on\nmax_connections = 60\nmax_prepared_transactions = 10\nmax_worker_processes = 12\n"
	  . "wal_keep_size = 512MB\nmax_wal_size = 256MB\nhot_standby_feedback = on\nlog_line_prefix = '%m [%p] %e %b '\n"
	  . "log_lock_waits = off\nmax_standby_streaming_delay = 2s\n");
as($primary, undef, <<'SQL');
CREATE EXTENSION cipguard CASCADE;
CREATE ROLE ann LOGIN IN ROLE cipguard_officer;
CREATE ROLE bob LOGIN IN ROLE cipguard_officer;
CREATE ROLE eve LOGIN IN ROLE cipguard_emergency;
CREATE ROLE auditor LOGIN IN ROLE cipguard_auditor;
CREATE ROLE reader LOGIN;
CREATE ROLE agent LOGIN;
CREATE ROLE fickle LOGIN;
CREATE ROLE nobody LOGIN;
CREATE ROLE clerk LOGIN;
CREATE ROLE checker LOGIN;
SELECT cipguard.grant_access(r, c) FROM unnest('{reader,agent,checker}'::regrole[]) r, unnest('{name,mobile,address}'::text[]) c;
CREATE TABLE client (id int PRIMARY KEY, name text, phone cipguard.enc_text('mobile') UNIQUE, address cipguard.enc_text('address'), v int NOT NULL DEFAULT 0);
CREATE TABLE visit (id int, at date, client int, address cipguard.enc_text('address')) PARTITION BY RANGE (at);
CREATE TABLE tenant (id int PRIMARY KEY, phone cipguard.enc_text('mobile'), address cipguard.enc_text('address'));
CREATE TABLE bench (id bigserial PRIMARY KEY, client int, phone cipguard.enc_text('mobile'));
CREATE TABLE extra (contact text);
CREATE TABLE tx (w int, n int, PRIMARY KEY (w, n));
DO $$
BEGIN
	FOR i IN 0 .. 3 LOOP
		EXECUTE format('CREATE TABLE visit_%s PARTITION OF visit FOR VALUES FROM (%L) TO (%L)', i, current_date + i * 20 - 1, current_date + i * 20 + 19);
	END LOOP;
END
$$;
SECURITY LABEL FOR cipguard ON COLUMN client.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN client.name IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN visit.client IS 'subject of client';
SECURITY LABEL FOR cipguard ON COLUMN tenant.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN bench.client IS 'subject of client';
SECURITY LABEL FOR cipguard ON COLUMN extra.contact IS 'name';
SELECT cipguard.use_subject_keys('tenant');
SELECT cipguard.audit_table(t) FROM unnest('{client,visit,tenant,bench}'::regclass[]) t;
GRANT SELECT, INSERT, UPDATE, DELETE ON client, visit, tenant, bench, tx TO clerk;
GRANT SELECT ON client, visit, tenant, bench TO reader, agent, fickle, nobody, checker, auditor;
GRANT SELECT ON extra TO nobody;
GRANT USAGE ON SEQUENCE bench_id_seq TO clerk;
SQL
as($primary, undef, "INSERT INTO client VALUES " . join(', ', map { sprintf("(%d, '%s', '%s', '%s')", $_, values_of(0, $_)) } 1 .. $rows)
	  . "; INSERT INTO extra SELECT 'QzOpen' || g FROM generate_series(1, 5) g; ANALYZE");
as($primary, 'ann', "SELECT cipguard.add_activity('newsletter', 'send the newsletter', 'consent', '{name,mobile,address}', 'marketing');\n"
	  . "SELECT cipguard.set_budget('agent', 'mobile', $budget, $budget)");

my ($standby, @nodes) = (undef, $primary);
if ($long)
{
	$primary->backup('b');
	$standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($primary, 'b', has_streaming => 1);
	$standby->start;
	push @nodes, $standby;
}

# --- Clients

my $began = time();
my $end = $began + $seconds;
# No kills from then on.
my $calm = $long ? $began + 0.65 * $seconds : $end - 0.5;
my (%done, @pids);
my $clients = 0;

sub client
{
	my ($what, $name, %opt) = @_;
	push @pids, launch($what, dir => $dir, name => $name, until => $end, began => $began, seed => $seed * 100 + ++$clients, rows => $rows, budget => $budget,
		host => $primary->host, port => $primary->port, pause => $long ? 0.03 : 0.04, %opt);
	return;
}

client(\&writer, "writer$_", writer => $_) foreach 1 .. ($long ? 3 : 2);
client(\&reader, $_, role => $_) foreach qw(reader fickle agent nobody);
client(\&masses, 'masses', rate => $long ? 40 : 20);
client(\&policy, 'policy', pause => $long ? 0.05 : 0.02);
client(\&maintenance, 'maintenance', pause => $long ? 0.05 : 0.02,
	kek => new_kek('main'), data => [ map { $_->data_dir } @nodes ], standbys => [ $standby ? $standby->port : () ]);
if ($standby)
{
	client(\&reader, "standby.$_", role => $_, port => $standby->port, pause => 0.1) foreach qw(reader nobody);
}

# --- Kills

# What must never be in a file, and what must not be in logs and spools: labelled
# columns are in the tables as they are.
sub plaintext_in
{
	my ($pattern, @where) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'grep', '-rlaE', $pattern, @where ], '>', \$out, '2>', \$err);
	return $out;
}
# Tags of persons are long numbers.
my $encrypted = 'QzAddr[0-9]|(^|[^0-9])1377[0-9]{7}([^0-9]|$)';
my $any = "$encrypted|QzName[0-9]";
my $plaintext = '';

# Signals to a random process; none of this may be a surprise to psql.
sub signal
{
	my ($name, $signal, $where) = @_;
	my ($out, $err) = ('', '');
	my $rc = eval { $primary->psql('postgres', "SELECT pid FROM pg_stat_activity WHERE $where AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1", stdout => \$out, stderr => \$err) } // 1;
	return unless $rc == 0 && $out =~ /^\d+$/;
	kill($signal, $out) and $done{$name}++;
	return;
}

my %blow = (
	'backends killed' => sub { signal($_[0], 'KILL', q{backend_type = 'client backend'}) },
	'workers killed' => sub { signal($_[0], 'KILL', q{backend_type LIKE 'cipguard%'}) },
	'server processes killed' => sub { signal($_[0], 'KILL', q{backend_type IN ('checkpointer', 'walwriter', 'background writer')}) },
	'backends terminated' => sub { signal($_[0], 'TERM', q{backend_type = 'client backend'}) },
	'statements cancelled' => sub { signal($_[0], 'INT', q{backend_type = 'client backend' AND state = 'active'}) },
	'immediate stops' => sub {
		exclusively($dir, sub {
			$primary->stop('immediate');
			# Temporary files are still there.
			$plaintext .= plaintext_in($encrypted, $primary->data_dir);
			$primary->start;
			return;
		});
		$done{ $_[0] }++;
	},
	'fast restarts' => sub { exclusively($dir, sub { $primary->restart; return; }); $done{ $_[0] }++; },
	'stops of the standby' => sub {
		exclusively($dir, sub { $standby->stop(rand() < 0.5 ? 'immediate' : 'fast'); $standby->start; return; });
		$done{ $_[0] }++;
	});
my @order = ('backends killed', 'workers killed', 'immediate stops', 'backends terminated', 'statements cancelled', 'server processes killed', 'fast restarts');
push @order, 'stops of the standby' if $standby;
for (my $n = 0; ; $n++)
{
	sleep($long ? 1 + rand 3 : 0.6 + rand 0.4);
	last if time() > $calm - ($long ? 2 : 0.5);
	my $what = $n < @order ? $order[$n] : $order[ rand @order ];
	$blow{$what}->($what);
}
wait_up($_) foreach @nodes;

# --- The calm: sessions and the worker that go on have memory to measure.

sub worker_pid { return as($primary, undef, "SELECT pid FROM cipguard.worker_status WHERE database = 'postgres'"); }

my @memory;
# What killed and stopped last may have taken until the end.
my $left = 0;
if ($long)
{
	sleep(1) while time() < $calm;
	client(\&elder, 'elder');
	$left = $end - time();
	sleep(0.3 * $left) if $left > 0;
	my $worker = worker_pid();
	my $first = $worker ? memory_of($worker) : undef;
	my $ingested = as($primary, undef, 'SELECT sum(ingested) FROM cipguard.worker_status');
	sleep(0.5) while time() < $end - 1;
	push @memory, [ 'the worker', $first, memory_of($worker), as($primary, undef, 'SELECT sum(ingested) FROM cipguard.worker_status') - $ingested ]
	  if defined $first && worker_pid() eq $worker;
}
my $bad_exit = 0;
foreach my $pid (@pids) { waitpid($pid, 0); $bad_exit++ if $?; }
is($bad_exit, 0, 'every client ended well');

# --- What they say

my (%ledger, %given, @errors, @observed, @forbidden, %destroying, @wrong);
foreach my $file (glob("$dir/*.notes"))
{
	foreach my $line (split(/\n/, slurp_file($file)))
	{
		my ($type, @f) = split(/\t/, $line, -1);
		if ($type eq 'T') { $ledger{ $f[0] } = [ $f[1], $f[2] ]; }
		elsif ($type eq 'O') { push @observed, [@f] unless $file =~ /standby/; }
		elsif ($type eq 'D') { $given{ $f[0] } = [ @f[ 1 .. 4 ] ]; }
		elsif ($type eq 'E') { push @errors, [@f]; }
		elsif ($type eq 'X') { push @wrong, "$f[0]: $f[1]"; }
		elsif ($type eq 'M') { push @memory, [@f]; }
		elsif ($type eq 'I') { push @forbidden, [@f]; }
		elsif ($f[0] =~ /^destroying (\d+)/) { $destroying{$1} = 1; }
		else { $done{ $f[0] } += $f[1]; }
	}
}
is(join("\n", @wrong), '', 'nobody received what he must not');

# Errors that somebody may get, with the roles.  The first are of kills, of
# changes that exclude each other, and of a server without keys.
my @expected = (
	[ qr/57P01|57P02|57P03|57014/, '.*' ],
	[ qr/40001|40P01|ZC001/, '.*' ],
	# What follows in the same transaction.
	[ qr/25P02|34000|3B001/, 'reader|fickle|agent|nobody|clerk' ],
	# Lockdowns; rights that change between planning and execution.
	[ qr/ZC021|42501 the right to read table "\w+" has changed since/, 'reader|fickle|agent' ],
	# The person's key is destroyed.
	[ qr/ZC019/, 'clerk' ],
	# What a masked role tries.
	[ qr/42501|22P02/, 'nobody' ],
	# Keys in use, or already destroyed; what somebody did meanwhile.
	[ qr/ZC017|ZC019|42704/, 'ann|bob|eve|postgres' ]);
my (%errors, %surprises);
foreach (@errors)
{
	my ($role, $state, $text, $sql) = @$_;
	$errors{"$role $state"}++;
	next if grep { "$state $text" =~ /^(?:$_->[0])/ && $role =~ /^(?:$_->[1])$/ } @expected;
	$surprises{"$role $state"} //= "$text | " . substr($sql, 0, 300);
}
is(join("\n", map { "$errors{$_} x $_: $surprises{$_}" } sort keys %surprises), '', 'errors of clients are those to be expected');

# What was forbidden was not given, by statements that began after it was and
# ended before it was not any more.
my %kind = (mobile => 'p', name => 'n', address => 'a');
my @broken;
@observed = sort { $a->[1] <=> $b->[1] } @observed;
foreach my $interval (@forbidden)
{
	my ($what, $from, $until) = @$interval;
	my ($low, $high) = (0, scalar @observed);
	while ($low < $high)
	{
		my $middle = int(($low + $high) / 2);
		if ($observed[$middle][1] < $from) { $low = $middle + 1; } else { $high = $middle; }
	}
	for (; $low < @observed && $observed[$low][1] < $until; $low++)
	{
		my ($role, $begin, $finish, $kinds, $persons) = @{ $observed[$low] };
		next if $finish > $until;
		my $hit = $what =~ /^role (\w+)/ ? $role eq $1 && $kinds =~ /[npa]/
		  : $what =~ /^lock (?:all|relation)/ ? $kinds =~ /[npa]/
		  : $what =~ /^lock role (\w+)/ ? $role eq $1 && $kinds =~ /[npa]/
		  : $what =~ /^lock category (\w+)/ ? $kinds =~ /$kind{$1}/
		  : $what =~ /^consent (\d+)/ ? $role eq 'agent' && $persons =~ /\b$1\b/
		  : $what =~ /^restrict (\d+)/ ? $persons =~ /\b$1\b/
		  : $role eq 'nobody' && $kinds =~ /x/;
		push @broken, sprintf('%s for %.3f s, and %s received %s of %s after %.3f s', $what, $until - $from, $role, $kinds, $persons, $begin - $from) if $hit;
		$done{'statements while something was forbidden'}++;
	}
}
is(join("\n", @broken), '', 'what was forbidden was not given');
cmp_ok($done{'values given to reader'} // 0, '>', $long ? 50 * $seconds : 50, 'readers have received values');
cmp_ok($done{'phones given to agent'} // 0, '<=', $budget, 'an agent was given no more than his budget');

# --- What the servers say

$primary->restart;
ok($primary->poll_query_until('postgres', 'SELECT NOT EXISTS (SELECT FROM cipguard.journal())'), 'the journal was taken in');
if ($standby)
{
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	ok($standby->poll_query_until('postgres', 'SELECT NOT EXISTS (SELECT FROM cipguard.journal())'), 'that of the standby, too')
	  or diag(as($standby, undef, 'SELECT * FROM cipguard.worker_status'));
}
is(as($primary, undef, 'SELECT count(*) FROM pg_prepared_xacts'), '0', 'no transaction is left prepared');
ok($primary->poll_query_until('postgres', q{SELECT NOT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
	WHERE l.pid <> pg_backend_pid() AND a.backend_type <> 'walsender' AND locktype <> 'virtualxid')}), 'no lock is left');

# Rows and events, as the ledger has them.
my (%row, %event);
my %there = map { $_ => 1 } split(/\n/, as($primary, undef, "SELECT w || '-' || n FROM tx"));
my ($lost, $undead, $committed) = (0, 0, 0);
foreach my $tx (sort { my ($aw, $an, $bw, $bn) = map { split /-/ } $a, $b; $aw <=> $bw || $an <=> $bn } keys %ledger)
{
	my ($outcome, $changes) = @{ $ledger{$tx} };
	my ($w) = split(/-/, $tx);
	$lost++ if $outcome && !$there{$tx};
	$undead++ if !$outcome && $there{$tx};
	next unless $outcome;
	$committed++;
	foreach my $change (split(/ /, $changes))
	{
		my ($what, $table, $id, $columns) = split(/:/, $change);
		$event{"$table $what $id"}++;
		delete $row{"$table $id"} if $what eq 'DELETE';
		next unless defined $columns;
		foreach (split(/,/, $columns))
		{
			my ($column, $n) = split(/=/);
			my %value;
			@value{qw(name phone address)} = values_of($w, $n);
			$row{"$table $id"}{$column} = $value{$column};
		}
	}
}
is("$lost $undead", '0 0', "what was committed is there, and nothing else: $committed transactions");
@{ $row{"client $_"} }{qw(name phone address)} = values_of(0, $_) foreach 1 .. $rows;
cmp_ok($committed, '>', $long ? $seconds : 4, 'enough of them');

# As a reader sees them.  Of persons whose keys are destroyed nothing is left.
my (%found, $differ, $example);
foreach my $line (split(/\n/, as($primary, 'checker', join(';',
	"SELECT 'client', id, name, phone::text, address::text FROM client",
	"SELECT 'visit', id, NULL, NULL, address::text FROM visit",
	"SELECT 'tenant', id, NULL, phone::text, address::text FROM tenant")))
  )
{
	my ($table, $id, $name, $phone, $address) = split(/\|/, $line, -1);
	$found{"$table $id"} = { name => $name, phone => $phone, address => $address };
}
my ($gone, $forgotten) = (0, 0);
foreach my $key (sort keys %{ { %row, %found } })
{
	my ($want, $got) = ($row{$key}, $found{$key});
	if ($want && $got && $key =~ /^tenant (\d+)/ && $destroying{$1} && $got->{phone} eq '' && $got->{address} eq '')
	{
		$forgotten++;
		next;
	}
	next if $want && $got && !grep { $want->{$_} ne $got->{$_} } keys %$want;
	$differ++;
	$example //= "$key: wanted " . join(', ', map { "$_ $want->{$_}" } sort keys %{ $want // {} }) . '; got ' . join(', ', map { "$_ $got->{$_}" } sort keys %{ $got // {} });
}
is($differ // 0, 0, 'rows hold what was written: ' . keys %found) or diag($example);
$done{'persons forgotten'} = $forgotten;

# The log.
my %logged = map { my ($key, $n) = split(/\|/); ($key => $n) } split(/\n/, as($primary, undef,
	q{SELECT CASE WHEN relation LIKE 'public.visit%' THEN 'visit' ELSE split_part(relation, '.', 2) END || ' ' || action || ' ' || coalesce(before ->> 'id', after ->> 'id'), count(*)
	FROM cipguard.audit_log WHERE action IN ('INSERT', 'UPDATE', 'DELETE') GROUP BY 1}));
$event{"client INSERT $_"}++ foreach 1 .. $rows;
foreach my $line (split(/\n/, as($primary, undef, 'SELECT id, client FROM bench')))
{
	my ($id, $client) = split(/\|/, $line);
	$event{"bench INSERT $id"}++;
	$event{"client UPDATE $client"}++;
}
my @unequal = grep { ($event{$_} // 0) != ($logged{$_} // 0) } sort keys %{ { %event, %logged } };
is(scalar @unequal, 0, 'every change is in the log once: ' . keys %logged)
  or diag(join("\n", map { "$_: " . ($event{$_} // 0) . ' committed, ' . ($logged{$_} // 0) . ' logged' } splice(@unequal, 0, 10)));

# Disclosures.
my (%recorded, %subjects);
foreach my $line (split(/\n/, as($primary, 'auditor',
	q{SELECT app_user, sum(values), count(*) FILTER (WHERE remark LIKE 'intent without its last batch%'),
		coalesce(sum(values) FILTER (WHERE remark LIKE 'subjects left out: no key%'), 0)
	FROM cipguard.disclosures WHERE app_user LIKE '%.%' GROUP BY app_user})))
{
	my ($user, @f) = split(/\|/, $line);
	$recorded{$user} = \@f;
}
foreach my $line (split(/\n/, as($primary, 'auditor',
	q{SELECT app_user, string_agg(DISTINCT split_part(relation, '.', 2) || '/' || s, ',') FROM cipguard.disclosures, unnest(subjects) s WHERE app_user LIKE '%.%' GROUP BY app_user})))
{
	my ($user, $list) = split(/\|/, $line);
	$subjects{$user} = { map { $_ => 1 } split(/,/, $list) };
}
my ($values_given, @unrecorded) = (0);
foreach my $user (sort keys %given)
{
	my ($values, $clean, $complete, $partial) = @{ $given{$user} };
	my ($recorded, $intents, $keyless) = @{ $recorded{$user} // [ 0, 0, 0 ] };
	$values_given += $values;
	push @unrecorded, "$user: $values values given, $recorded recorded" if $recorded < $values;
	my @missing = grep { !$subjects{$user}{$_} } split(/,/, $complete);
	# A session that had no key when its statement began records how many values.
	push @unrecorded, "$user: not recorded: @missing" if @missing > $keyless;
	# Of a statement that was cut off: what the journal may lose.
	my @cut = grep { !$subjects{$user}{$_} } split(/,/, $partial);
	push @unrecorded, "$user: $intents intents, and of a statement that was cut off are missing: @cut" if @cut > 127 * $intents + $keyless;
}
is(join("\n", @unrecorded), '', "every value that was given is recorded: $values_given");
is(as($primary, undef,
	q{SELECT count(*) FROM (SELECT node, number, writer, started FROM cipguard.disclosures WHERE number IS NOT NULL
		GROUP BY node, number, writer, started HAVING count(*) > 1) d}), '0', 'no record was taken in twice');
is(as($primary, undef, q{SELECT count(*) FROM cipguard.disclosures WHERE authentic IS FALSE}), '0', 'all records are authentic');

# Seals, and a proof of one of the events to somebody without the server.
as($primary, 'ann', 'SELECT cipguard.seal()');
is(as($primary, undef, q{SELECT status, finding, block, event, detail FROM cipguard.audit_verify() WHERE status IN ('error', 'failed')}), '', 'the log verifies');
my $event = as($primary, undef, q{SELECT seq FROM cipguard.audit_log WHERE action = 'UPDATE' ORDER BY random() LIMIT 1});
write_file("$dir/proof", as($primary, 'ann', "SELECT cipguard.audit_proof($event)"));
command_ok([ $^X, "$FindBin::RealBin/../tools/verify_proof.pl", "$dir/proof", as($primary, 'ann', 'SELECT cipguard.seal_public_key()') ], 'an event is proved');

# Files.
my @spools = map { $_->data_dir . '/cipguard' } @nodes;
$plaintext .= plaintext_in($encrypted, map { $_->data_dir } @nodes) . plaintext_in($any, @spools, map { $_->logfile } @nodes);
is($plaintext, '', 'no plaintext in files, spools and logs');
my $logs = join('', map { slurp_file($_->logfile) } @nodes);
my $killed = ($done{'backends killed'} // 0) + ($done{'workers killed'} // 0) + ($done{'server processes killed'} // 0);
my $died = () = $logs =~ /was terminated by signal 9/g;
cmp_ok($died, '<=', $killed, "as many processes died as were killed: $died");
is(join("\n", $logs =~ /^.*(?:was terminated by signal (?!9)|PANIC|TRAP|double free|stack smashing|XX00\w [a-z ]+ (?:ERROR|FATAL):).*$/mg), '', 'and no other');
# What other processes than those of clients complain of: servers that are away,
# or have no keys.  A parallel worker may find its leader gone.
my %complaints;
while ($logs =~ /^\S+ \S+ \S+ \[\d+\] (\w{5}) (?!client backend|postmaster)([a-z ]+) ((?:ERROR|FATAL|PANIC|LOG|WARNING):  .*)$/mg)
{
	my ($state, $process, $text) = ($1, $2, $3);
	$complaints{"$state $process"} //= $text
	  unless $state =~ /^(?:00000|57P01|57P03|08006|08P01|40001|40P01|ZC001|ZC005)$/ || $text =~ /could not (?:map dynamic shared memory segment|attach to dynamic shared area)/;
}
is(join("\n", map { "$_: $complaints{$_}" } sort keys %complaints), '', 'processes of the server have nothing else to complain of');

# Memory.  A session may keep what it prepared, the keys of persons and a
# ledger of consents; a worker its buffers.  In a minute there are some 1000
# statements, so 8 MB are a few kB of each: more than any of these, less than
# what a statement that forgets its memory leaves.
is(scalar @memory, 2, 'memory was measured') if $left > 15;
foreach my $m (@memory)
{
	my ($who, $first, $last, $n) = @$m;
	note("memory of $who: $first kB, after $n more $last kB");
	cmp_ok($last - $first, '<', 8192, "$who does not grow");
}

# --- The standby

if ($standby)
{
	my $digest = q{SET row_security = off; SELECT 'client', md5(string_agg(c::text, ',' ORDER BY id)) FROM client c UNION ALL SELECT 'tenant', md5(string_agg(c::text, ',' ORDER BY id)) FROM tenant c
		UNION ALL SELECT 'log', md5(string_agg(e::text, ',' ORDER BY seq)) FROM cipguard.audit_event e WHERE seq <= } . as($primary, undef, 'SELECT max(seq) FROM cipguard.audit_event') . ' ORDER BY 1';
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	is(as($standby, undef, $digest), as($primary, undef, $digest), 'the standby equals the primary');
	$primary->stop;
	$standby->promote;
	as($standby, 'clerk', sprintf("INSERT INTO client VALUES (9000000, '%s', '%s', '%s')", values_of(9, 1)));
	is(as($standby, 'checker', 'SELECT phone FROM client WHERE id = 9000000'), (values_of(9, 1))[1], 'and takes its place');
	as($standby, 'ann', 'SELECT cipguard.seal()');
	is(as($standby, undef, q{SELECT status, finding, block, event, detail FROM cipguard.audit_verify() WHERE status IN ('error', 'failed')}), '', 'where the log verifies, too');
	$standby->stop;
}
else
{
	$primary->stop;
}

# --- What was done

note(sprintf('%-45s %8s', 'done', 'times'));
note(sprintf('%-45s %8d', $_, $done{$_})) foreach sort keys %done;
note(sprintf('%-45s %8d', 'errors that clients had', scalar @errors));
note(sprintf('  %-43s %8d', $_, $errors{$_})) foreach sort keys %errors;
note(sprintf('took %.0f s, SOAK_SEED=%d', time() - $started, $seed));
done_testing();

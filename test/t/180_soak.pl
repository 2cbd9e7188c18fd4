# Clients at work while processes and the server are killed: afterwards every
# committed change is in the log exactly once, every value that a client has
# received is recorded, and the seals hold.
#
# CIPGUARD_SOAK_SECONDS (12) is how long; a minute or more is for by hand.
use strict;
use warnings FATAL => 'all';

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{CIPGUARD_SOAK_SECONDS} // 12;
my $rows = 3000;

my $node = new_cluster('main',
	conf => "cipguard.worker_interval = 1\ncipguard.spool_segment_size = 1MB\n"
	  . "restart_after_crash = on\nmax_connections = 40\nrow_security = on\n");
$node->safe_psql('postgres', "CREATE EXTENSION cipguard CASCADE;\n" . roles_sql());
as($node, undef, qq{
	CREATE TABLE client (id int PRIMARY KEY, name text, phone cipguard.enc_text('mobile'), v int NOT NULL DEFAULT 0);
	SECURITY LABEL FOR cipguard ON COLUMN client.id IS 'subject';
	SECURITY LABEL FOR cipguard ON COLUMN client.name IS 'name';
	INSERT INTO client SELECT i, 'Person ' || i, '13' || to_char(100000000 + i, 'FM999999999') FROM generate_series(1, $rows) i;
	SELECT cipguard.audit_table('client');
	GRANT SELECT, INSERT, UPDATE, DELETE ON client TO reader, clerk;
});

# A client: one connection after another, each for one script; what it heard is in $file.
sub client
{
	my ($role, $file, $make) = @_;
	my $pid = fork();
	die "fork: $!" unless defined $pid;
	return $pid if $pid != 0;

	my $end = time() + $seconds;
	srand($$);
	for (my $n = 0; time() < $end; $n++)
	{
		my ($in, $err) = ($make->($n), '');
		my @psql = ('psql', '-XAtq', '-h', $node->host, '-p', $node->port, '-U', $role, '-v', 'ON_ERROR_STOP=1', '-f', '-', 'postgres');
		open(my $out, '>>', $file) or POSIX::_exit(1);
		my $ok = eval { IPC::Run::run(\@psql, '<' => \$in, '>' => $out, '2>' => \$err) };
		# Output may stop within a line.
		print $out "\n";
		close($out);
		sleep(0.2) unless $ok;
	}
	POSIX::_exit(0);
}

my $dir = $node->basedir;
my @reads = map { "$dir/read.$_" } 1 .. 3;
my @writes = map { "$dir/write.$_" } 1 .. 2;
my @pids;
require POSIX;

# One value, many, and many through a cursor of a transaction that is rolled back.
push @pids, client('reader', $reads[0], sub {
	join('', map { 'SELECT id, name FROM client WHERE id = ' . (1 + int rand $rows) . ";\n" } 1 .. 20) });
push @pids, client('reader', $reads[1], sub {
	my $from = 1 + int rand($rows - 500);
	"SELECT id, name FROM client WHERE id BETWEEN $from AND $from + 400;\n" });
push @pids, client('reader', $reads[2], sub {
	"\\set FETCH_COUNT 50\nBEGIN;\nSELECT id, phone FROM client ORDER BY md5(id::text || '" . rand() . "') LIMIT 700;\nROLLBACK;\n" });

# Writers say what was committed after COMMIT.
foreach my $w (1 .. 2)
{
	push @pids, client('clerk', $writes[ $w - 1 ], sub {
		my ($n) = @_;
		join('', map {
			my $id = 1_000_000 * $w + $n * 100 + $_;
			"BEGIN;\nINSERT INTO client (id, name) VALUES ($id, 'New');\nSAVEPOINT s;\n"
			  . "UPDATE client SET v = v + 1 WHERE id = " . (1 + int rand $rows) . ";\n"
			  . ($_ % 3 == 0 ? "ROLLBACK TO s;\n" : '')
			  . ($_ % 5 == 0 ? "ROLLBACK;\n" : "COMMIT;\nSELECT $id;\n") } 1 .. 10) });
}

# Meanwhile: the end of a backend, of the worker, of the server.
my $end = time() + $seconds - 2;
my %kills = (backend => 0, worker => 0, server => 0);
while (time() < $end)
{
	sleep(1.5 + rand 1);
	my $what = (qw(backend worker backend server))[ ($kills{backend} + $kills{worker} + $kills{server}) % 4 ];
	if ($what eq 'server')
	{
		$node->stop('immediate');
		$node->start;
	}
	else
	{
		my ($out, $err) = ('', '');
		my $where = $what eq 'worker' ? q{backend_type LIKE 'cipguard%'} : q{backend_type = 'client backend' AND pid <> pg_backend_pid()};
		my $rc = $node->psql('postgres', "SELECT pid FROM pg_stat_activity WHERE $where ORDER BY random() LIMIT 1", stdout => \$out, stderr => \$err);
		next unless $rc == 0 && $out =~ /^\d+$/;
		kill('KILL', $out);
	}
	$kills{$what}++;
}
waitpid($_, 0) foreach @pids;
note("killed: " . join(', ', map { "$_ $kills{$_}" } sort keys %kills));

# The server may still be recovering.
wait_up($node);
$node->restart;
$node->poll_query_until('postgres', 'SELECT NOT EXISTS (SELECT FROM cipguard.journal())');

# Changes.
my @committed = map { grep { /^\d+$/ } split(/\n/, slurp_file($_)) } @writes;
cmp_ok(scalar @committed, '>', 50, 'writers have committed: ' . @committed);
is(as($node, undef, q{
	SELECT count(*) FROM client c
	WHERE c.id > 1000000 AND (SELECT count(*) FROM cipguard.audit_log l
		WHERE l.action = 'INSERT' AND l.relation = 'public.client' AND l.after ->> 'id' = c.id::text) <> 1}),
	'0', 'each row that is there was inserted once by the log');
is(as($node, undef, q{
	SELECT count(*) FROM cipguard.audit_log l
	WHERE l.action = 'INSERT' AND l.relation = 'public.client'
		AND NOT EXISTS (SELECT FROM client c WHERE c.id::text = l.after ->> 'id')}),
	'0', 'and no other');
is(as($node, undef, q{
	SELECT count(*) FROM client c
	WHERE c.v <> (SELECT count(*) FROM cipguard.audit_log l
		WHERE l.action = 'UPDATE' AND l.relation = 'public.client' AND l.before ->> 'id' = c.id::text)}),
	'0', 'and each update is an event');
my $missing = 0;
my %there = map { $_ => 1 } split(/\n/, as($node, undef, 'SELECT id FROM client WHERE id > 1000000'));
$missing += !$there{$_} foreach @committed;
is($missing, 0, 'what clients heard to be committed is there');

# Disclosures: a client received these persons' values, so they are listed, or
# the process died and left an intent, which says that there may be some more.
my %received;
foreach my $file (@reads)
{
	foreach (split(/\n/, slurp_file($file)))
	{
		$received{$1} = 1 if /^(\d+)\|(Person \d+|13\d{9})$/ && $1 <= $rows;
	}
}
cmp_ok(scalar keys %received, '>', 500, 'readers have received values of persons: ' . keys %received);
my %listed = map { $_ => 1 } split(/\n/, as($node, undef,
	q{SELECT DISTINCT unnest(subjects) FROM cipguard.disclosures WHERE relation = 'public.client'}));
my $open = as($node, undef, q{SELECT count(*) FROM cipguard.disclosures WHERE remark LIKE 'intent without its last batch%'});
my @unlisted = grep { !$listed{$_} } sort { $a <=> $b } keys %received;
cmp_ok(scalar @unlisted, '<=', 127 * $open, "persons whose values were received are listed: " . @unlisted . " are not, $open intents are open");
is(as($node, undef, q{
	SELECT count(*) FROM (SELECT node, number, writer, started FROM cipguard.disclosures WHERE number IS NOT NULL
		GROUP BY node, number, writer, started HAVING count(*) > 1) d}),
	'0', 'no record was taken in twice');

# Seals.
as($node, undef, 'SELECT cipguard.seal()');
is(as($node, undef, q{SELECT count(*) FROM cipguard.audit_verify(NULL, NULL) WHERE status IN ('error', 'failed')}),
	'0', 'the log verifies');

done_testing();

# 050_crash.pl
#	The server dies in the middle of writes: committed rows are there and can
#	be read, nothing else is, and the keys are the same.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use IPC::Run qw(start finish);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir();
my $node = new_cluster('crash',
	conf => "fsync = on\nfull_page_writes = on\nrestart_after_crash = on\n");
as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql());
as($node, undef, <<'SQL');
SET ROLE owner;
CREATE TABLE app.client (id int PRIMARY KEY, phone cipguard.enc_text('mobile') UNIQUE, address cipguard.enc_text('address'));
CREATE INDEX ON app.client USING hash (phone);
CREATE TABLE app.progress (worker int, id int);
GRANT SELECT ON app.client, app.progress TO reader;
SELECT cipguard.create_masking_view('app.client');
SQL
my $keys = as($node, undef, 'SELECT md5(string_agg(k::text, chr(10) ORDER BY k::text)) FROM cipguard.data_key k');

# Each writer notes in the same transaction what it has written.
sub writer
{
	my ($w) = @_;
	my $sql = '';
	foreach my $i (1 .. 2000)
	{
		my $id = $w * 10000 + $i;
		$sql .= sprintf("BEGIN; INSERT INTO app.client VALUES (%d, '139%08d', 'road %d'); UPDATE app.client SET address = address WHERE id = %d; INSERT INTO app.progress VALUES (%d, %d); COMMIT;\n",
			$id, $id, $id, $id - 1, $w, $id);
	}
	return $sql;
}

foreach my $round (1 .. 3)
{
	my @writers;
	foreach my $w (1, 2)
	{
		# From a file: nothing would feed a pipe while this script waits.
		my $file = write_file("$dir/writer$w", writer($round * 10 + $w));
		push @writers, start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-f', $file ],
			'<', '/dev/null', '>', '/dev/null', '2>', '/dev/null');
	}
	my $low = ($round * 10 + 1) * 10000;
	$node->poll_query_until('postgres', "SELECT count(DISTINCT worker) = 2 AND count(*) > 50 FROM app.progress WHERE id > $low");
	$node->stop('immediate');
	finish($_) foreach @writers;
	$node->start;

	is( as($node, 'reader', "SELECT count(*), count(*) FILTER (WHERE phone::text = '139' || to_char(id, 'FM00000000') AND address::text = 'road ' || id) FROM app.client"),
		as($node, 'reader', 'SELECT count(*), count(*) FROM app.progress'),
		"round $round: every committed row is there, and no other, and can be read");
	is( as($node, 'reader', "SET enable_seqscan = off; SELECT count(*) FROM app.progress p WHERE NOT EXISTS (SELECT FROM app.client c WHERE c.phone = '139' || to_char(p.id, 'FM00000000'))"),
		'0', "round $round: and found by index");
	is(as($node, undef, 'SELECT md5(string_agg(k::text, chr(10) ORDER BY k::text)) FROM cipguard.data_key k'),
		$keys, "round $round: the keys are the same");
	is(as($node, undef, 'SELECT cipguard.init()'), '0', "round $round: and complete");
}

# Keys made in a transaction that did not commit leave nothing.
my ($out, $err) = run_as($node, undef, "BEGIN; SELECT cipguard.add_category('lost', 'searchable'); SELECT count(*) FROM cipguard.data_key; ROLLBACK; SELECT count(*) FROM cipguard.data_key");
my ($id, $inside, $after) = split(/\n/, $out);
cmp_ok($inside, '>', $after, 'a category adds keys');
refused($node, undef, "CREATE TABLE x (a cipguard.enc_text('lost'))", 'ZC008', 'a category rolled back is unknown');
is(as($node, undef, "BEGIN; SELECT cipguard.add_category('lost', 'searchable'); ROLLBACK; SELECT cipguard.add_category('lost', 'searchable') = $id; CREATE TABLE app.lost (a cipguard.enc_text('lost')); INSERT INTO app.lost VALUES ('x'); SELECT cipguard.mask(a) FROM app.lost"),
	"$id\nt\n*", 'and can be added again: no key of the first is remembered');

# A backend that dies takes nobody's keys along.  Its session decrypts before
# it is killed; the server restarts by itself.
my $victim = $node->background_psql('postgres', on_error_stop => 0);
$victim->query_safe('SET ROLE reader');
is($victim->query_safe('SELECT count(phone::text) > 0 FROM app.client'), 't', 'a session decrypts');
my $victim_pid = $victim->query_safe('SELECT pg_backend_pid()');
my $start = as($node, undef, 'SELECT pg_postmaster_start_time()');
my $offset = -s $node->logfile;
kill('KILL', $victim_pid);
foreach (1 .. 600)
{
	last if log_since($node, $offset) =~ /database system is ready to accept connections/;
	select(undef, undef, undef, 0.1);
}
is(as($node, undef, 'SELECT pg_postmaster_start_time()'), $start, 'the server restarted by itself');
is(as($node, 'reader', 'SELECT count(phone::text) > 0 FROM app.client'), 't', 'and everything can be read');
eval { $victim->quit };

$node->stop;
done_testing();

# 195_logical.pl
#	Logical replication sends ciphertext, in the text and in the binary format,
#	in the first copy and in the stream, and it is stored byte for byte: where
#	the keys are too it is read, elsewhere it is ciphertext.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir();
my $pub = new_cluster('publisher', allows_streaming => 'logical', conf => "max_replication_slots = 40\nmax_wal_senders = 40\nmax_connections = 60\n");
as($pub, undef, 'CREATE EXTENSION cipguard CASCADE');
as($pub, undef, roles_sql());
as($pub, undef, typed_sql());
as($pub, undef, <<'SQL');
SET ROLE owner;
CREATE TABLE app.filtered (id int PRIMARY KEY, kind int, v cipguard.enc_text('t_text'));
ALTER TABLE app.filtered REPLICA IDENTITY FULL;
CREATE TABLE app.parted (id int, v cipguard.enc_text('t_text')) PARTITION BY RANGE (id);
CREATE TABLE app.parted1 PARTITION OF app.parted FOR VALUES FROM (0) TO (1000);
ALTER TABLE app.parted1 REPLICA IDENTITY FULL;
GRANT ALL ON app.filtered, app.parted TO reader, clerk;
SQL
# The definitions, keys, categories and grants, but no rows.
my ($out, $err) = ('', '');
ok(IPC::Run::run([ 'pg_dump', '-d', $pub->connstr('postgres'), '--exclude-table-data=app.t_*', '-f', "$dir/definitions" ], '>', \$out, '2>', \$err), 'definitions and keys dumped')
  or diag($err);
is(scalar(find_bytes(["$dir/definitions"], 'CREATE EXTENSION')), 1, 'and there is something in it');
as($pub, undef, 'SELECT app.insert_typed(1, 40)');
as($pub, 'owner', "INSERT INTO app.filtered SELECT g, g % 2, 'QzCANARYzQ' || g FROM generate_series(1, 40) g; INSERT INTO app.parted SELECT g, 'QzCANARYzQ' || g FROM generate_series(1, 40) g");
as($pub, undef, 'CREATE PUBLICATION all_types FOR TABLES IN SCHEMA app');
as($pub, undef, 'CREATE PUBLICATION odd FOR TABLE app.filtered WHERE (kind = 1)');
refused($pub, undef, "CREATE PUBLICATION hidden FOR TABLE app.filtered WHERE (v = 'QzCANARYzQ1')", '0A000', 'a row filter over values is refused, as any user-defined operator is');

my $source = $pub->connstr('postgres') =~ s/'/''/gr;
my @subscribers;
# Subscriber: binary, key, whether it masks tables.
foreach my $case ([ 'text', 'false', 'main', 0 ], [ 'binary', 'true', 'main', 1 ], [ 'no_key', 'true', undef, 1 ], [ 'other_key', 'false', 'other', 1 ])
{
	my ($name, $binary, $kek, $masking) = @$case;
	my $sub = new_cluster("s_$name", kek => $kek, masking => $masking, allows_streaming => 'logical');
	$sub->psql('postgres', 'CREATE ROLE officer LOGIN; CREATE ROLE reader LOGIN; CREATE ROLE searcher LOGIN; CREATE ROLE clerk LOGIN; CREATE ROLE owner LOGIN');
	my $ok = IPC::Run::run([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $sub->connstr('postgres'), '-f', "$dir/definitions" ], '>', \$out, '2>', \$err);
	ok($ok, "$name: definitions and keys restored") or diag($err);
	as($sub, undef, sprintf("TRUNCATE app.typed; CREATE SUBSCRIPTION s CONNECTION '%s' PUBLICATION all_types WITH (slot_name = '%s', binary = %s)", $source, "s_$name", $binary));
	push @subscribers, [ $sub, $name, defined $kek ];
}
# The keys do not open with another one: it is an error until it is corrected.
my ($other) = map { $_->[0] } grep { $_->[1] eq 'other_key' } @subscribers;
$other->wait_for_log(qr/ZC004|key-encryption key is not the one/);
is(as($other, undef, 'SELECT count(*) FROM app.t_text'), '0', 'other_key: nothing is stored');
$other->adjust_conf('postgresql.conf', 'cipguard.kek_file', "'" . new_kek('main') . "'");
$other->restart;

# The slots name the subscription's application.
sub caught_up
{
	foreach my $s (@subscribers)
	{
		$pub->poll_query_until('postgres', "SELECT confirmed_flush_lsn >= '" . $pub->lsn('write') . "' FROM pg_replication_slots WHERE slot_name = 's_$s->[1]'")
		  or die "$s->[1]: not caught up\n" . log_since($s->[0]);
	}
	return;
}

my $digest = "SET row_security = off; SELECT 'filtered', count(*), md5(string_agg(id || v::text, ',' ORDER BY id)) FROM (SELECT id, cipguard.enc_text_send(v) AS v FROM app.filtered) x;"
  . "SELECT 'parted', count(*), md5(string_agg(id || v::text, ',' ORDER BY id)) FROM (SELECT id, cipguard.enc_text_send(v) AS v FROM app.parted) x";

sub same
{
	my ($step, $from, $to) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $want = typed_digest($pub) . as($pub, undef, $digest);
	foreach my $s (@subscribers)
	{
		my ($sub, $name, $reads) = @$s;
		is(typed_digest($sub) . as($sub, undef, $digest), $want, "$name: $step, byte for byte");
		next unless defined $from;
		if ($reads)
		{
			my $all = join("\n", map { "$_|t|" . ($to - $from + 1) } split(/\n/, as($sub, undef, 'SELECT name FROM app.typed ORDER BY name')));
			is(as($sub, 'reader', typed_check($from, $to)), $all, "$name: $step, a reader reads");
			is(as($sub, 'reader', "SET enable_seqscan = off; SELECT id FROM app.t_text WHERE v = 'QzCANARYzQ$from'"), $from, "$name: $step, found by index");
		}
		else
		{
			like(error_of($sub, 'reader', 'SELECT v FROM app.t_text'), qr/ZC00[14]/, "$name: $step, a reader is told why he cannot read");
		}
	}
	return;
}

foreach my $s (@subscribers)
{
	$s->[0]->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate <> 'r'")
	  or die "$s->[1]: no initial copy\n" . log_since($s->[0]);
}
same('first copy', 1, 40);

as($pub, undef, 'SELECT app.insert_typed(41, 60)');
as($pub, 'reader', "UPDATE app.t_text SET v = v || 'x' WHERE id = 1; UPDATE app.t_text SET vs = vs || vs WHERE id = 2; UPDATE app.t_text SET v = NULL WHERE id = 3; DELETE FROM app.t_text WHERE id = 4; UPDATE app.t_text SET id = 1004 WHERE id = 5");
as($pub, 'reader', "UPDATE app.filtered SET v = 'changed QzCANARYzQ' WHERE id = 7; DELETE FROM app.filtered WHERE id = 8; UPDATE app.parted SET v = 'moved QzCANARYzQ' WHERE id = 9; DELETE FROM app.parted WHERE id = 10");
# Large values, stored out of line and unchanged in the second statement.
as($pub, 'reader', "INSERT INTO app.filtered VALUES (2000, 0, repeat('QzCANARYzQ', 20000)); UPDATE app.filtered SET kind = 1 WHERE id = 2000");
caught_up();
same('stream', 41, 60);

as($pub, undef, 'TRUNCATE app.filtered');
as($pub, 'owner', "BEGIN; INSERT INTO app.filtered VALUES (1, 1, 'QzCANARYzQ'); SAVEPOINT a; INSERT INTO app.filtered VALUES (2, 1, 'QzCANARYzQ'); ROLLBACK TO a; COMMIT");
caught_up();
same('TRUNCATE and subtransactions');

# Row filters and column lists over other columns.
{
	my ($sub, $name) = @{ $subscribers[0] };
	as($sub, undef, 'ALTER SUBSCRIPTION s DISABLE');
	as($sub, undef, 'TRUNCATE app.filtered');
	as($pub, 'owner', "INSERT INTO app.filtered SELECT g, g % 2, 'QzCANARYzQ' || g FROM generate_series(10, 20) g");
	as($sub, undef, sprintf("CREATE SUBSCRIPTION o CONNECTION '%s' PUBLICATION odd WITH (slot_name = 'o')", $source));
	$sub->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = srsubid WHERE subname = 'o' AND srsubstate = 'r'");
	is(as($sub, 'reader', 'SELECT count(*), bool_and(kind = 1 AND v IS NOT NULL) FROM app.filtered'), '6|t', 'row filter: first copy');
	as($pub, 'owner', "INSERT INTO app.filtered VALUES (21, 1, 'QzCANARYzQ21'), (22, 0, 'QzCANARYzQ22')");
	$pub->poll_query_until('postgres', "SELECT confirmed_flush_lsn >= '" . $pub->lsn('write') . "' FROM pg_replication_slots WHERE slot_name = 'o'");
	is(as($sub, 'reader', "SELECT string_agg(v::text, ',') FROM app.filtered WHERE id > 20"), 'QzCANARYzQ21', 'row filter: stream');
	as($sub, undef, 'DROP SUBSCRIPTION o');
}

# Nothing but ciphertext was on the way, on either side.
foreach my $n ($pub, map { $_->[0] } @subscribers)
{
	my @found = find_bytes([ files_below($n->data_dir), $n->logfile ], typed_needles());
	is(scalar(@found), 0, $n->name . ': no plaintext in files or log') or diag(join("\n", @found));
}
foreach my $s (@subscribers)
{
	as($s->[0], undef, 'DROP SUBSCRIPTION s') if $s->[1] ne 'text';
	$s->[0]->stop;
}
$pub->stop;
done_testing();

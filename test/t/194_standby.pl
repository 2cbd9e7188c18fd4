# 194_standby.pl
#	A physical standby decrypts with a key-encryption key that it fetches
#	itself; new key versions, and grants that end, reach sessions that are open
#	there; a standby without the key starts and shows ciphertext.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_cluster('primary', allows_streaming => 1, conf => "hot_standby_feedback = on\n");
as($primary, undef, 'CREATE EXTENSION cipguard CASCADE');
as($primary, undef, roles_sql());
as($primary, undef, typed_sql());
as($primary, undef, 'SELECT app.insert_typed(1, 50)');

sub new_standby
{
	my ($name, $conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init_from_backup($primary, 'b', has_streaming => 1);
	$node->append_conf('postgresql.conf', "cipguard.spool_directory = ''\n$conf");
	$node->start;
	return $node;
}
$primary->backup('b');
# The same key by another way: a standby is another machine.
my $fetched = PostgreSQL::Test::Utils::tempdir() . '/fetched';
my $standby = new_standby('standby', "cipguard.kek_file = ''\ncipguard.kek_command = 'echo x >> $fetched; cat " . new_kek('main') . "'\n");
my $sealed = new_standby('sealed', "cipguard.kek_file = ''\n");
my $wrong = new_standby('wrong', "cipguard.kek_file = '" . new_kek('other') . "'\n");

sub caught_up
{
	$primary->wait_for_catchup($_, 'replay', $primary->lsn('insert')) foreach @_;
	return;
}
caught_up($standby, $sealed, $wrong);

# 1. All types are read, searched and found by index there.
my $want = join("\n", map { "$_|t|50" } split(/\n/, as($primary, undef, 'SELECT name FROM app.typed ORDER BY name')));
is(as($primary, 'reader', typed_check(1, 50)), $want, 'primary: a reader reads every type');
is(as($standby, 'reader', typed_check(1, 50)), $want, 'standby: a reader reads every type');
is(slurp_file($fetched), "x\n", 'standby: the key was fetched there, once');
is(as($standby, 'reader', "SET enable_seqscan = off; SELECT id FROM app.t_text WHERE v = 'QzCANARYzQ7'"), '7', 'standby: found by index');
is(typed_digest($standby), typed_digest($primary), 'standby: the same ciphertext');
unlike(as($standby, 'clerk', 'SELECT v, vs FROM app.t_text'), qr/CANARY/, 'standby: a clerk sees no plaintext');

# 2. Open sessions there.
sub session
{
	my ($node, $role) = @_;
	my $s = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', $role ]);
	$s->query('SET statement_timeout = 0');
	return $s;
}
my $reader = session($standby, 'reader');
my $clerk = session($standby, 'clerk');
my $early = session($wrong, 'reader');
# What a session sees of one row: plaintext or not.
sub sees
{
	my ($s, $id) = @_;
	return $s->query("SELECT v FROM app.t_text WHERE id = $id") =~ /^QzCANARYzQ$id$/m ? 'plaintext' : 'none';
}
is(sees($reader, 1) . ' ' . sees($clerk, 1), 'plaintext none', 'open sessions: reader and clerk');

my $grant = as($primary, undef, "SELECT cipguard.grant_access('clerk', 't_text')");
caught_up($standby);
is(sees($clerk, 2), 'plaintext', 'a grant arrives in an open session');
as($primary, undef, "SELECT cipguard.revoke_access($grant)");
caught_up($standby);
is(sees($clerk, 2), 'none', 'and so does its end');
as($primary, undef, "GRANT reader TO clerk");
caught_up($standby);
is(sees($clerk, 2), 'plaintext', 'a membership arrives');
as($primary, undef, "REVOKE reader FROM clerk");
caught_up($standby);
is(sees($clerk, 2), 'none', 'and so does its end');

# 3. New versions of keys.
SKIP:
{
	skip 'no rotate_key()', 5 if as($primary, undef, "SELECT count(*) FROM pg_proc WHERE pronamespace = 'cipguard'::regnamespace AND proname = 'rotate_key'") eq '0';
	as($primary, undef, "SELECT cipguard.rotate_key('t_' || name) FROM app.typed");
	as($primary, undef, 'SELECT app.insert_typed(51, 60)');
	caught_up($standby, $wrong);
	is(sees($reader, 51) . ' ' . sees($reader, 1), 'plaintext plaintext', 'open session: values of the new key version, and of the old one');
	is($reader->query("SELECT id FROM app.t_text WHERE v = 'QzCANARYzQ55' OR v = 'QzCANARYzQ5' ORDER BY id"), "5\n55", 'and both are found');
	is(as($standby, 'reader', typed_check(51, 60)), $want =~ s/50$/10/gmr, 'new session: every type');
	is(as($primary, undef, "SELECT count(DISTINCT version) FROM cipguard.data_key WHERE kind = 'd' AND owner_name = 't_text'"), '2', 'there are two versions');
	my ($out, $err) = run_as($standby, undef, "SELECT cipguard.rotate_key('t_text')");
	like($err, qr/25006/, 'a standby rotates nothing');
}

# 4. Without the key.
foreach my $n ($sealed, $wrong)
{
	my $name = $n->name;
	refused($n, 'reader', 'SELECT v FROM app.t_text WHERE id = 1', $n == $sealed ? 'ZC001' : 'ZC004', "$name: reading says why it cannot");
	refused($n, 'clerk', 'SELECT v, vs FROM app.t_text', $n == $sealed ? 'ZC001' : 'ZC004', "$name: so does masking, which needs values");
	is(as($n, 'clerk', 'SELECT count(*) FROM app.t_text WHERE id <= 50'), '50', "$name: what needs no value works");
	is(typed_digest($n), typed_digest($primary), "$name: the same ciphertext");
	ok(sees($early, 1) eq 'none', "$name: no plaintext in a session that was open") if $n == $wrong;
}
# The key arrives.
$sealed->adjust_conf('postgresql.conf', 'cipguard.kek_file', "'" . new_kek('main') . "'");
$sealed->restart;
is(as($sealed, 'reader', typed_check(1, 50)), $want, 'the key arrived: reads');

# 5. Promotion: the standby writes on.
$reader->quit;
$clerk->quit;
$early->quit;
$standby->promote;
as($standby, undef, 'SELECT app.insert_typed(101, 120)');
is(as($standby, 'reader', typed_check(101, 120)), $want =~ s/50$/20/gmr, 'promoted: writes and reads');
is(as($standby, undef, 'SELECT cipguard.init()'), '0', 'promoted: no key is missing');

foreach my $n ($primary, $standby, $sealed, $wrong)
{
	is(scalar(find_bytes([ files_below($n->data_dir), $n->logfile ], typed_needles())), 0, $n->name . ': no plaintext in files or log')
	  or diag(join("\n", find_bytes([ files_below($n->data_dir), $n->logfile ], typed_needles())));
	$n->stop;
}
done_testing();

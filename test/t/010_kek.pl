# 010_kek.pl
#	Where the key-encryption key comes from, and what is said when it does not.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Cwd 'abs_path';
use MIME::Base64;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $canary = '13912345678';
my $right = new_kek('main');
my $hex = slurp_file($right);
chomp($hex);
my $dir = abs_path(PostgreSQL::Test::Utils::tempdir());

# A server in plain mode; each session fetches the key by its own settings.
my $node = new_cluster('plain', preload => 0, kek => undef);
$node->safe_psql('postgres', 'CREATE DATABASE t');

sub with
{
	my ($file, $sql) = @_;
	return "LOAD 'cipguard'; SET cipguard.kek_file = '$file'; $sql";
}

# 1. No key at hand: the extension installs and says what to do.
my ($out, $err, $rc) =
  run_as($node, undef, 'CREATE EXTENSION cipguard CASCADE', db => 't');
is($rc, 0, 'extension is created without a key');
like($err, qr/WARNING:.*no keys were made: no key-encryption key is configured/,
	'a warning says that no keys were made');
like($err, qr/HINT:.*cipguard\.kek_command or cipguard\.kek_file/,
	'and how to make them');
my $keys = 'SELECT count(*) FROM cipguard.data_key';
is(as($node, undef, $keys, db => 't'), '0', 'there are no keys');
refused($node, undef, 'SELECT cipguard.init()', 'ZC001',
	'missing setting', db => 't', like => qr/HINT:.*kek_command.*kek_file/);

# 2. Each fault of a file.
my %file = (
	'short' => [ 'abcdef', 0600, 'ZC002', qr/too short/ ],
	'one digit short' => [ substr($hex, 0, 63), 0600, 'ZC002', qr/too short/ ],
	'long' => [ $hex . 'ab', 0600, 'ZC002', qr/too long/ ],
	'very long' => [ $hex x 100, 0600, 'ZC002', qr/too long/ ],
	'empty' => [ '', 0600, 'ZC002', qr/empty/ ],
	'blank' => [ " \n\t ", 0600, 'ZC002', qr/empty/ ],
	'no hex digits' => [ 'zz' . substr($hex, 2), 0600, 'ZC002', qr/malformed/ ],
	'a zero byte' => [ "\0" . substr($hex, 1), 0600, 'ZC002', qr/malformed/ ],
	'32 raw bytes' => [ pack('H*', $hex), 0600, 'ZC002', qr/too short/ ],
	'base64 with bits left over' =>
	  [ ('B' x 43) . '=', 0600, 'ZC002', qr/malformed/ ],
	'zeros' => [ '0' x 64, 0600, 'ZC002', qr/one byte repeated/ ],
	'base64 zeros' => [ ('A' x 43) . '=', 0600, 'ZC002', qr/one byte/ ],
	'world-readable' => [ $hex, 0644, 'ZC003', qr/group or world access/ ],
	'group-readable' => [ $hex, 0640, 'ZC003', qr/group or world access/ ],
	'group-writable' => [ $hex, 0620, 'ZC003', qr/group or world access/ ],);
my $n = 0;
foreach my $fault (sort keys %file)
{
	my ($text, $mode, $state, $like) = @{ $file{$fault} };
	my $path = write_file("$dir/fault" . $n++, $text, $mode);
	refused($node, undef, with($path, 'SELECT cipguard.init()'),
		$state, "key file: $fault", db => 't', like => $like);
}
refused($node, undef, with("$dir/none", 'SELECT cipguard.init()'),
	'ZC001', 'key file: missing', db => 't', like => qr/could not open/);
refused($node, undef, with('relative/kek', 'SELECT cipguard.init()'),
	'ZC001', 'key file: relative path', db => 't', like => qr/absolute path/);
refused($node, undef, with($dir, 'SELECT cipguard.init()'),
	'ZC003', 'key file: a directory', db => 't');
is(as($node, undef, $keys, db => 't'), '0', 'still no keys');

# 3. Each fault of a command, and what a command may print.
sub command
{
	my ($command, $sql) = @_;
	$command =~ s/'/''/g;
	return "LOAD 'cipguard'; SET cipguard.kek_command = '$command'; $sql";
}
refused($node, undef, command("echo secretword; exit 3", 'SELECT cipguard.init()'),
	'ZC001', 'command fails', db => 't', like => qr/exit code 3/);
refused($node, undef, command('/nonexistent/secretword', 'SELECT cipguard.init()'),
	'ZC001', 'command does not exist', db => 't', like => qr/kek_command/);
refused($node, undef, command('true secretword', 'SELECT cipguard.init()'),
	'ZC002', 'command prints nothing', db => 't', like => qr/empty/);
refused($node, undef, command('kill -9 $$', 'SELECT cipguard.init()'),
	'ZC001', 'command is killed', db => 't', like => qr/signal/);
refused($node, undef,
	command('yes secretword', 'SELECT cipguard.init()'),
	'ZC001', 'command prints without end', db => 't');

# 4. The right key.  Text around it, upper case and base64 are the same key.
my $table = <<'SQL';
CREATE TABLE client (id int PRIMARY KEY, phone cipguard.enc_text('mobile') UNIQUE);
SQL
as($node, undef, with($right, 'SELECT cipguard.init()'), db => 't');
my $made = as($node, undef, $keys, db => 't');
cmp_ok($made, '>', 10, 'init() makes keys');
is(as($node, undef, with($right, 'SELECT cipguard.init()'), db => 't'),
	'0', 'init() again makes none');
as($node, undef, with($right, "$table INSERT INTO client VALUES (1, '$canary')"),
	db => 't');
as($node, undef, 'CREATE ROLE reader LOGIN', db => 't');
as( $node, undef,
	"SELECT cipguard.grant_access('reader', 'mobile');"
	  . " GRANT SELECT ON client TO reader", db => 't');
my $read = 'SET ROLE reader; SELECT phone FROM client';
is(as($node, undef, with($right, $read), db => 't'), $canary, 'a reader reads');
my %same = (
	'upper case' => uc($hex),
	'white space' => "\n  $hex \r\n",
	'base64' => encode_base64(pack('H*', $hex)),);
$same{'base64 without ='} = $same{'base64'} =~ s/=//r;
($same{'base64url'} = $same{'base64'}) =~ tr,+/,-_,;
foreach my $form (sort keys %same)
{
	my $path = write_file("$dir/same" . $n++, $same{$form});
	is(as($node, undef, with($path, $read), db => 't'),
		$canary, "key file: $form");
}
is(as($node, undef, command("cat '$right'", $read), db => 't'),
	$canary, 'a command gives the key');
is( as( $node, undef,
		command("cat '$right'", "SET cipguard.kek_file = '/none'; $read"),
		db => 't'),
	$canary, 'the command takes precedence');
refused($node, undef,
	command('exit 1', "SET cipguard.kek_file = '$right'; $read"),
	'ZC001', 'also when it fails', db => 't');
is( as( $node, undef,
		with($right, "$read; RESET ROLE; SET cipguard.kek_file = '$dir/none'; "
			  . "SET cipguard.kek_file = '$right'; $read"), db => 't'),
	"$canary\n$canary", 'the settings may change within a session');

# 5. A wrong key never makes a second set.
my $wrong = new_kek('wrong');
my $before = as($node, undef,
	'SELECT md5(string_agg(d::text, chr(10) ORDER BY d::text)) FROM cipguard.data_key d',
	db => 't');
my $refusal = refused($node, undef, with($wrong, 'SELECT cipguard.init()'),
	'ZC004', 'wrong key: init() refuses', db => 't', like => qr/No key was created/);
like($refusal, qr/configured key is named ([0-9a-f]{8}), .* wrapped by (?!\1)[0-9a-f]{8}/,
	'wrong key: both keys are named');
refused($node, undef, with($wrong, $read), 'ZC004', 'wrong key: reading', db => 't');
refused($node, undef,
	with($wrong, "INSERT INTO client VALUES (2, '13812345678')"),
	'ZC004', 'wrong key: writing', db => 't');
refused($node, undef,
	with($wrong, "SELECT cipguard.add_category('extra', 'searchable')"),
	'ZC004', 'wrong key: adding a category', db => 't');
is( as( $node, undef,
		'SELECT md5(string_agg(d::text, chr(10) ORDER BY d::text)) FROM cipguard.data_key d',
		db => 't'),
	$before, 'wrong key: cipguard.data_key is as it was');
is(as($node, undef, with($right, $read), db => 't'),
	$canary, 'with the right key the data can be read again');
is( as($node, undef, with($right, "$read; RESET ROLE; SET cipguard.kek_file = '$wrong'; SELECT 1"), db => 't'),
	"$canary\n1", 'pointing elsewhere disturbs nobody who reads nothing');
refused($node, undef,
	with($right, "$read; RESET ROLE; SET cipguard.kek_file = '$wrong'; $read"),
	'ZC004', 'a key once fetched is not kept beside a wrong one', db => 't');
{
	# A second database shares the KEK, not the keys.
	$node->safe_psql('postgres', 'CREATE DATABASE t2');
	as($node, undef, with($right, 'CREATE EXTENSION cipguard CASCADE'), db => 't2');
	is(as($node, undef, $keys, db => 't2'), $made, 'keys made at once when there is a KEK');
}

# 6. Keys that were tampered with.
refused(
	$node, undef,
	with($right, <<'SQL'),
BEGIN;
UPDATE cipguard.data_key SET wrapped = overlay(wrapped PLACING '\x00'::bytea FROM 20);
SET LOCAL ROLE reader;
SELECT phone FROM client;
SQL
	'ZC006', 'a damaged key', db => 't');
refused(
	$node, undef,
	with($right, <<'SQL'),
BEGIN;
UPDATE cipguard.data_key m SET wrapped = n.wrapped FROM cipguard.data_key n
	WHERE m.kind = 'd' AND n.kind = 'd' AND m.owner = cipguard.category_id('mobile') AND n.owner = cipguard.category_id('name');
SET LOCAL ROLE reader;
SELECT phone FROM client;
SQL
	'ZC006', 'a key in the place of another', db => 't');
refused($node, undef,
	with($right, 'BEGIN; DELETE FROM cipguard.data_key; SET LOCAL ROLE reader; SELECT phone FROM client'),
	'ZC005', 'a key that is gone', db => 't');

# 7. Inside the data directory: works, and warns.
my $inside = write_file($node->data_dir . '/kek', $hex);
($out, $err, $rc) = run_as($node, undef, with($inside, $read), db => 't');
is($out, $canary, 'a key file inside the data directory works');
like($err, qr/WARNING:  ZC003:.*inside the data directory/, 'and warns');
unlink($inside);

# 8. Not for ordinary users.
foreach my $name ('cipguard.kek_file', 'cipguard.kek_command')
{
	refused($node, 'reader', "SELECT cipguard.category_id('x'); SHOW $name",
		'42501', "$name is not shown to ordinary users", db => 't');
	refused($node, 'reader',
		"SELECT cipguard.category_id('x'); SELECT current_setting('$name')",
		'42501', "$name: nor by current_setting()", db => 't');
	refused($node, 'reader', "SELECT cipguard.category_id('x'); SET $name = '/x'",
		'42501', "$name: not set by ordinary users", db => 't');
	is( as( $node, 'reader',
			"SELECT cipguard.category_id('x'); SELECT count(*) FROM pg_settings WHERE name = '$name'",
			db => 't'),
		as($node, 'reader', "SELECT cipguard.category_id('x')", db => 't') . "\n0",
		"$name is not listed in pg_settings");
}

# A placeholder set before the library is loaded must not survive it.
($out, $err, $rc) = run_as($node, 'reader',
	"SET cipguard.kek_file = '/planted'; SELECT phone FROM client", db => 't');
unlike($err, qr{/planted}, 'a planted placeholder is not used');

# 9. Nothing of the key or of the command in the log.
my $log = slurp_file($node->logfile);
$log =~ s/^.*STATEMENT: .*\n(?:\t.*\n)*//mg;    # tests put commands into SQL
$log =~ s/^sh: .*\n//mg;                          # what the shell says itself
unlike($log, qr/\Q$hex\E/i, 'the log has no key');
unlike($log, qr/secretword/, 'the log has no text of a command');
unlike($log, qr/$canary/, 'the log has no plaintext');
$node->stop;

# 10. A preloaded server whose key cannot be had starts all the same.
my $broken = new_cluster('broken', kek => undef, masking => 0,
	conf => "cipguard.kek_command = 'echo secretword >&2; exit 1'\n");
like(log_since($broken), qr/WARNING:.*server starts without key-encryption key/,
	'broken key: the server starts and warns');
is(as($broken, undef, 'CREATE TABLE plain (a int); INSERT INTO plain VALUES (1); SELECT a FROM plain'),
	'1', 'broken key: plain tables work');
($out, $err, $rc) = run_as($broken, undef, 'CREATE EXTENSION cipguard CASCADE');
is($rc, 0, 'broken key: the extension installs');
as($broken, undef, "$table CREATE TABLE labelled (id int, phone text);"
	  . "SECURITY LABEL FOR cipguard ON COLUMN labelled.phone IS 'mobile';"
	  . "INSERT INTO labelled VALUES (1, '13812345678')");
is(as($broken, undef, "SELECT cipguard.mask(phone, 'mobile') FROM labelled"),
	'138****5678', 'broken key: masks work');
refused($broken, undef, "INSERT INTO client VALUES (1, '$canary')",
	'ZC005', 'broken key: protected columns refuse, with a hint', like => qr/HINT:.*cipguard\.init\(\)/);
refused($broken, undef, 'SELECT cipguard.init()', 'ZC001', 'broken key: init() says why',
	like => qr/HINT:.*operating-system user/);
$broken->adjust_conf('postgresql.conf', 'cipguard.kek_command', "'cat $right'");
$broken->reload;
ok( $broken->poll_query_until('postgres', 'SELECT cipguard.init() >= 0'),
	'a key that becomes available is used without a restart');
as($broken, undef, "INSERT INTO client VALUES (1, '$canary')");

# With keys in the database, a server that has lost its KEK says so.
$broken->adjust_conf('postgresql.conf', 'cipguard.kek_command', "'exit 1'");
$broken->restart;
refused($broken, undef, "INSERT INTO client VALUES (2, '13812345678')",
	'ZC001', 'lost key: writing says so', like => qr/HINT/);
refused($broken, undef, 'SELECT cipguard.mask(phone) FROM client',
	'ZC001', 'lost key: masking says so');
is(as($broken, undef, 'SELECT a FROM plain'), '1', 'lost key: plain tables work');
like(as($broken, undef, 'SELECT phone FROM client'), qr/^cip1:/,
	'lost key: armor is shown, a dump can be made');
$broken->adjust_conf('postgresql.conf', 'cipguard.kek_command', "'cat $right'");
$broken->restart;
is(as($broken, undef, 'SELECT cipguard.mask(phone) FROM client'),
	'139****5678', 'key found again: data can be read');

# 11. Fetched once, at start: the source may go away, and reading the
#     configuration again does not fetch again.
my $away = "$dir/away";
write_file($away, "$hex\n", 0600);
$broken->adjust_conf('postgresql.conf', 'cipguard.kek_command', "'cat $away'");
$broken->restart;
unlink($away);
is(as($broken, undef, 'SELECT cipguard.mask(phone) FROM client'),
	'139****5678', 'the key is kept when its source is gone');
$broken->append_conf('postgresql.conf', "work_mem = '5MB'\n");
$broken->reload;
ok($broken->poll_query_until('postgres', "SELECT current_setting('work_mem') = '5MB'"), 'configuration is read again');
is(as($broken, undef, 'SELECT cipguard.mask(phone) FROM client'),
	'139****5678', 'and the key is still there');
unlike(slurp_file($broken->logfile), qr/(?:WARNING|ERROR|DETAIL|HINT).*secretword/,
	'the log has no text of the command');
unlike(slurp_file($broken->logfile), qr/\Q$hex\E/i, 'nor the key');
$broken->stop;

done_testing();

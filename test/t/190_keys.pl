# 190_keys.pl
#	A server that is sealed, unsealed and sealed again; rotation of the KEK and
#	of data keys, on a standby too; escrow; retirement; self-tests that fail.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Cwd 'abs_path';
use IPC::Run ();
use Time::HiRes qw(time usleep);

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = abs_path(PostgreSQL::Test::Utils::tempdir());
my $phone = '13912345678';
my $kek = new_kek('main');
my $hex = slurp_file($kek);
chomp($hex);

sub session
{
	my ($node, $role, $db) = @_;
	return $node->background_psql($db // 'postgres', on_error_stop => 0,
		extra_params => [ '-U', $role ]);
}

# Rows of a statement, or the SQLSTATE of its error.
sub ask
{
	my ($s, $sql) = @_;
	my $out = $s->query("$sql\n\\if :ERROR\n\\echo :SQLSTATE\n\\endif\n");
	$out =~ s/\s+\z//;
	return $out;
}

sub superuser
{
	my ($node) = @_;
	return $node->safe_psql('postgres', 'SELECT current_user');
}

# DEK version in the header of the value of a row.
sub dek
{
	my ($node, $id, %opt) = @_;
	return as($node, undef,
		"SET cipguard.output = armor; SELECT get_byte(cipguard.enc_text_send(phone), 9) FROM client WHERE id = $id", %opt);
}

# 1. A command that does not answer keeps no server from starting, and the
#    server that starts without a key does what needs none.
my $began = time;
my $node = new_cluster('sealed', kek => undef, masking => 0, allows_streaming => 1,
	conf => "cipguard.kek_timeout = 1\ncipguard.kek_command = 'echo canaryword >&2; sleep 120'\ncipguard.worker_interval = 1\nmax_prepared_transactions = 5\nrestart_after_crash = on\n");
cmp_ok(time - $began, '<', 60, 'the server starts all the same');
like(log_since($node), qr/WARNING:.*server starts without key-encryption key.*\n.*killed after 1 second/,
	'and says that the command took too long');
my $super = superuser($node);
my ($out, $err, $rc) = run_as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
is($rc, 0, 'sealed: the extension installs');
as($node, undef, roles_sql());
sub write_kek_command
{
	my ($command) = @_;
	$command =~ s/'/''/g;
	$node->adjust_conf('postgresql.conf', 'cipguard.kek_command', "'$command'");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT current_setting('cipguard.kek_command') = '$command'")
	  or die 'the configuration is not read again';
}
write_kek_command("cat $kek");
as($node, 'officer', 'SELECT cipguard.init()');
as($node, undef, <<"SQL");
CREATE TABLE client (id int PRIMARY KEY, phone cipguard.enc_text('mobile') UNIQUE);
INSERT INTO client VALUES (1, '$phone');
CREATE TABLE plain (a int);
GRANT SELECT, INSERT, UPDATE, DELETE ON client, plain TO PUBLIC;
SELECT cipguard.audit_table('plain');
SQL

write_kek_command('echo canaryword >&2; exit 3');
$node->restart;
like(log_since($node), qr/WARNING:.*server starts without key-encryption key/, 'sealed: a warning at start');
my $running = session($node, 'reader');
refused($node, 'reader', 'SELECT phone FROM client', 'ZC001', 'sealed: no plaintext goes out',
	like => qr/the server is sealed.*HINT:.*cipguard\.unseal\(\)/s);
refused($node, 'reader', "INSERT INTO client VALUES (2, '13812345678')", 'ZC001', 'sealed: none comes in',
	like => qr/HINT:.*cipguard\.unseal\(\)/s);
refused($node, 'officer', "SELECT cipguard.rotate_key('mobile')", 'ZC001', 'sealed: no key is made');
# The worker may be at it.
my $untaken = '';
for (my $i = 0; $i < 50 && $untaken eq ''; $i++) { $untaken = error_of($node, undef, 'SELECT cipguard.ingest()'); }
like($untaken, qr/HINT:.*cipguard\.unseal\(\)/, 'sealed: records wait for the key');
is(ask($running, 'SELECT phone FROM client;'), 'ZC001', 'sealed: a running session says so, too');
like(as($node, 'clerk', 'SELECT phone FROM client'), qr/^cip1:/, 'sealed: armor goes out');
is(as($node, 'clerk', 'INSERT INTO plain VALUES (1); SELECT count(*) FROM plain'), '1', 'sealed: plain tables work, audited ones too');
ok(IPC::Run::run([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', "$dir/sealed.sql" ], '2>', \$err), 'sealed: a dump is made') or diag($err);
like(slurp_file("$dir/sealed.sql"), qr/^1\tcip1:/m, 'sealed: of armor');
ok($node->poll_query_until('postgres',
	"SELECT count(*) > 0 FROM cipguard.worker_status WHERE last_cycle > now() - interval '30 s'"),
	'sealed: the worker keeps going');
refused($node, 'officer', 'SELECT cipguard.unseal()', 'ZC001', 'unseal() says why it cannot', like => qr/exit code 3/);
refused($node, 'clerk', 'SELECT cipguard.unseal()', '42501', 'unseal() is not for everybody');

# 2. unseal() reaches sessions that run already; a wrong key changes nothing.
my $wrong = new_kek('wrong');
write_kek_command("cat $wrong");
refused($node, 'officer', 'SELECT cipguard.unseal()', 'ZC004', 'unseal() refuses a wrong key', like => qr/No key was created/);
is(ask($running, 'SELECT phone FROM client;'), 'ZC001', 'and the server stays sealed');
write_kek_command("cat $kek");
is(ask($running, 'SELECT phone FROM client;'), 'ZC001', 'reading the configuration does not fetch');
my $name = as($node, 'officer', 'SELECT cipguard.unseal()');
like($name, qr/^[0-9a-f]{8}$/, 'unseal() names the key');
is(as($node, undef, 'SELECT string_agg(DISTINCT kek, $$,$$) FROM cipguard.key_status'), $name, 'which is that of the keys');
is(ask($running, 'SELECT phone FROM client;'), $phone, 'a running session reads');
write_kek_command("cat $wrong");
refused($node, 'officer', 'SELECT cipguard.unseal()', 'ZC004', 'a wrong key does not take the place of the right one');
is(ask($running, 'SELECT phone FROM client;'), $phone, 'which stays in force');
is(as($node, 'reader', 'SELECT phone FROM client'), $phone, 'in new sessions, too');
write_kek_command("cat $kek");

# 3. seal_keys(): nothing is decrypted any more, in running sessions either.
as($node, 'officer', 'BEGIN; SELECT cipguard.seal_keys(); ROLLBACK');
is(ask($running, 'SELECT phone FROM client;'), 'ZC001', 'sealed again: a running session has dropped what it had');
refused($node, 'reader', 'SELECT phone FROM client', 'ZC001', 'sealed again: a new one has nothing');
as($node, undef, 'SELECT cipguard.unseal()');
is(ask($running, 'SELECT phone FROM client;'), $phone, 'and unsealed');
ok($node->poll_query_until('postgres',
	"SELECT count(DISTINCT action) = 2 FROM cipguard.audit_log WHERE action IN ('UNSEAL', 'SEAL_KEYS')"),
	'both are recorded, rolled back or not');

# A session of a superuser with a source of its own.
is(as($node, undef, "SET cipguard.kek_file = '$kek'; SET cipguard.kek_command = ''; SELECT cipguard.mask(phone) FROM client"),
	'139****5678', 'a source of the session is taken');
refused($node, undef, "SET cipguard.kek_file = '$wrong'; SET cipguard.kek_command = ''; SELECT cipguard.mask(phone) FROM client",
	'ZC004', 'also a wrong one');
($out, $err) = run_as($node, undef, "SET cipguard.kek_file = '$kek'; SET cipguard.kek_command = ''; SELECT cipguard.unseal()");
like($err, qr/NOTICE:.*for this session only/, 'unseal() is for that session then');
refused($node, undef, "SET cipguard.kek_file = '$kek'; SELECT cipguard.seal_keys()", '55000', 'and seal_keys() is not');
is(ask($running, 'SELECT phone FROM client;'), $phone, 'others notice nothing');

# 4. Where the key is: locked, and in no core dump.
SKIP:
{
	my $pid = (split(/\n/, slurp_file($node->data_dir . '/postmaster.pid')))[0];
	skip 'no /proc/PID/smaps', 3 unless -r "/proc/$pid/smaps";
	my $backend = as($node, undef, 'SELECT 1; SELECT pg_backend_pid()') =~ s/^1\n//r;
	# Shared, anonymous, one page: "rw-s ... /dev/zero (deleted)".
	my @maps = grep { /\A\S+ rw-s .*\/dev\/zero/ && /^Size: +4 kB/m } split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m, slurp_file("/proc/$pid/smaps"));
	is(scalar(@maps), 1, 'the postmaster has one page that it shares');
	like($maps[0], qr/^VmFlags:.*\bdd\b/m, 'which is left out of core dumps');
	SKIP:
	{
		skip 'memory cannot be locked here', 1 if log_since($node) =~ /could not lock memory/;
		like($maps[0], qr/^VmFlags:.*\blo\b/m, 'and locked');
	}
}

# 5. rotate_kek(): what the old key wraps opens by the previous one.
my $second = new_kek('second');
my $before = as($node, undef, 'SELECT count(*) FROM cipguard.data_key');
$node->safe_psql('postgres', 'CREATE DATABASE other');
as($node, undef, 'CREATE EXTENSION cipguard CASCADE', db => 'other');
as($node, undef, "CREATE TABLE client (id int, phone cipguard.enc_text('mobile')); INSERT INTO client VALUES (1, '$phone')", db => 'other');
$node->append_conf('postgresql.conf', "cipguard.previous_kek_command = 'cat $kek'\n");
write_kek_command("cat $second");
is(as($node, undef, 'SELECT cipguard.rotate_kek()'), '0', 'no key is wrapped anew before unseal()');
my $new_name = as($node, undef, 'SELECT cipguard.unseal()');
isnt($new_name, $name, 'another key-encryption key');
is(ask($running, 'SELECT phone FROM client;'), $phone, 'keys of the old one open by the previous one');
as($node, 'officer', "BEGIN; SELECT cipguard.rotate_kek(); ROLLBACK");
is(as($node, undef, 'SELECT string_agg(DISTINCT kek, $$,$$) FROM cipguard.key_status'), $name, 'a rotation that rolls back never was');
is(as($node, 'officer', 'SELECT cipguard.rotate_kek()'), $before, 'every key is wrapped anew');
is(as($node, 'officer', 'SELECT cipguard.rotate_kek()'), '0', 'once');
is(as($node, undef, 'SELECT string_agg(DISTINCT kek, $$,$$) FROM cipguard.key_status'), $new_name, 'by the new one');
is(ask($running, 'SELECT phone FROM client;'), $phone, 'a running session reads');
as($node, undef, "SELECT cipguard.add_category('later', 'searchable')");
$node->adjust_conf('postgresql.conf', 'cipguard.previous_kek_command', "''");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('cipguard.previous_kek_command') = ''");
as($node, undef, 'SELECT cipguard.unseal()');
is(ask($running, 'SELECT phone FROM client;'), $phone, 'without the previous one');
refused($node, undef, 'SELECT cipguard.mask(phone) FROM client', 'ZC004', 'the other database was forgotten', db => 'other',
	like => qr/HINT:.*previous_kek_command/);
refused($node, undef, 'SELECT cipguard.unseal()', 'ZC004', 'and unseal() there refuses', db => 'other');
$node->adjust_conf('postgresql.conf', 'cipguard.previous_kek_command', "'cat $kek'");
$node->restart;
$running = session($node, 'reader');
is(as($node, undef, 'SELECT cipguard.rotate_kek() > 0', db => 'other'), 't', 'with the previous one, from the start, it is wrapped anew');
is(as($node, undef, 'SELECT cipguard.mask(phone) FROM client', db => 'other'), '139****5678', 'and reads');

# 6. rotate_key(): what runs finishes, what begins has the new version.
is(dek($node, 1), '1', 'the first version');
my $writer = session($node, $super);
ask($writer, "PREPARE w AS INSERT INTO client VALUES (\$1, \$2);");
ask($writer, "EXECUTE w(10, '13800000010');");
is(as($node, 'officer', "SELECT cipguard.rotate_key('mobile')"), '2', 'rotated');
ask($writer, "EXECUTE w(11, '13800000011');");
is(dek($node, 10), '1', 'written before');
is(dek($node, 11), '2', 'written after, by a prepared statement of a running session');
is(as($node, 'reader', "SELECT string_agg(phone::text, ',' ORDER BY id) FROM client"), "$phone,13800000010,13800000011", 'all versions are read');
is(as($node, 'reader', "SELECT id FROM client WHERE phone = '13800000010'"), '10', 'and found');
{
	my $other = session($node, $super);
	ask($other, 'BEGIN;');
	is(ask($other, "SELECT cipguard.rotate_key('mobile');"), '3', 'two rotations at once: the first');
	my $h = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', "SELECT cipguard.rotate_key('mobile')" ], '>', \my $second_out, '2>', \my $second_err);
	ok($node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'cipguard.data_key'::regclass"), 'the second waits');
	ask($other, 'COMMIT;');
	$h->finish;
	is($second_out, "4\n", 'and makes the next version') or diag($second_err);
	is(as($node, undef, "SELECT string_agg(version || ' ' || state, ', ' ORDER BY version) FROM cipguard.key_status WHERE kind = 'data key' AND of = 'mobile'"),
		'1 retiring, 2 retiring, 3 retiring, 4 active', 'one is active');
	$other->quit;
}

# 7. On a standby, and after a crash.
{
	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	$node->wait_for_catchup($standby);
	my $reader = session($standby, 'reader');
	is(ask($reader, 'SELECT phone FROM client WHERE id = 1;'), $phone, 'standby: reads');
	as($node, 'officer', "SELECT cipguard.rotate_key('mobile')");
	as($node, undef, "INSERT INTO client VALUES (20, '13800000020')");
	$node->wait_for_catchup($standby);
	is(ask($reader, 'SELECT phone FROM client WHERE id = 20;'), '13800000020', 'standby: a running session reads the new version');
	is(as($standby, undef, "SELECT state FROM cipguard.key_status WHERE kind = 'data key' AND of = 'mobile' AND version = 5"), 'active', 'standby: rows of the keys are there');
	refused($standby, 'officer', "SELECT cipguard.rotate_key('mobile')", '25006', 'standby: rotates nothing');
	as($standby, 'officer', 'SELECT cipguard.seal_keys()');
	is(ask($reader, 'SELECT phone FROM client WHERE id = 20;'), 'ZC001', 'standby: can be sealed by itself');
	is(ask($running, 'SELECT phone FROM client WHERE id = 20;'), '13800000020', 'its primary is not');
	as($standby, 'officer', 'SELECT cipguard.unseal()');
	is(ask($reader, 'SELECT phone FROM client WHERE id = 20;'), '13800000020', 'standby: and unsealed');
	$reader->quit;
	$standby->stop;
}
{
	my $victim = session($node, $super);
	ask($victim, "BEGIN; SELECT cipguard.rotate_key('mobile'); INSERT INTO client VALUES (30, '13800000030');");
	$writer->quit;
	$running->quit;
	$node->stop('immediate');
	$node->start;
	eval { $victim->quit };
	is(as($node, undef, "SELECT max(version) FROM cipguard.key_status WHERE kind = 'data key' AND of = 'mobile'"), '5', 'crash: the rotation that did not commit is gone');
	is(as($node, 'reader', "SELECT count(phone::text) FROM client"), '4', 'crash: what committed is read');
}

# A backend that crashes takes the others along, not the key.
write_kek_command('exit 1');
{
	my $victim = as($node, undef, 'SELECT 1; SELECT pg_backend_pid()') =~ s/^1\n//r;
	my $idle = session($node, $super);
	my $pid = ask($idle, 'SELECT pg_backend_pid();');
	kill('KILL', $pid);
	ok($node->poll_query_until('postgres', 'SELECT 1', '1'), 'a backend is killed, and the server is there again');
	usleep(300_000) while !eval { $node->safe_psql('postgres', 'SELECT 1'); 1 };
	is(as($node, 'reader', 'SELECT phone FROM client WHERE id = 1'), $phone, 'with its key, though the source is gone');
	eval { $idle->quit };
}
write_kek_command("cat $second");

# 8. Dump and restore, and a template, with versions in several states.
as($node, undef, "SELECT cipguard.rotate_key('name'); SELECT cipguard.retire_key('name', 1)");
ok(IPC::Run::run([ 'pg_dump', '-Fc', '-d', $node->connstr('postgres'), '-f', "$dir/dump" ], '2>', \$err), 'dumped') or diag($err);
$node->safe_psql('postgres', 'CREATE DATABASE restored');
ok(IPC::Run::run([ 'pg_restore', '-e', '-d', $node->connstr('restored'), "$dir/dump" ], '2>', \$err), 'restored') or diag($err);
my $keys = "SELECT md5(string_agg(k::text, ',' ORDER BY k::text)) FROM cipguard.data_key k";
my $values = "SET cipguard.output = armor; SELECT md5(string_agg(c::text, ',' ORDER BY id)) FROM client c";
is(as($node, undef, $keys, db => 'restored'), as($node, undef, $keys), 'with the same keys');
is(as($node, undef, $values, db => 'restored'), as($node, undef, $values), 'and the same bytes');
is(as($node, 'reader', 'SELECT count(phone::text) FROM client', db => 'restored'), '4', 'which are read');
is(as($node, 'officer', "SELECT cipguard.rotate_key('name')", db => 'restored'), '3', 'and rotated on');
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE restored');
is(as($node, 'reader', 'SELECT count(phone::text) FROM client', db => 'copy'), '4', 'a copy of the database has its keys');
is(as($node, 'officer', "SELECT cipguard.rotate_key('name')", db => 'copy'), '4', 'and goes its own way');
is(as($node, undef, "SELECT max(version) FROM cipguard.key_status WHERE of = 'name' AND kind = 'data key'", db => 'restored'), '3', 'alone');

# 9. Escrow.
SKIP:
{
	skip 'gpg is not installed', 17 unless IPC::Run::run([ 'sh', '-c', 'command -v gpg' ], '>', \$out);
	local $ENV{GNUPGHOME} = "$dir/gnupg";
	mkdir($ENV{GNUPGHOME}, 0700);
	my $batch = write_file("$dir/batch", "%no-protection\nKey-Type: RSA\nKey-Length: 2048\nSubkey-Type: RSA\nSubkey-Length: 2048\nName-Real: escrow\nExpire-Date: 0\n%commit\n");
	ok(IPC::Run::run([ 'gpg', '--batch', '--gen-key', $batch ], '>', \$out, '2>', \$err), 'a key of gpg') or diag($err);
	IPC::Run::run([ 'gpg', '--armor', '--export', 'escrow' ], '>', \my $public);
	IPC::Run::run([ 'gpg', '--armor', '--batch', '--export-secret-keys', 'escrow' ], '>', \my $secret);
	IPC::Run::run([ 'gpg', '--batch', '--export-secret-keys', 'escrow' ], '>', \my $binary);
	my $file = write_file("$dir/private.asc", $secret);
	my $binary_file = write_file("$dir/private.gpg", $binary);
	my $export = "SELECT cipguard.export_keys(\$pgp\$$public\$pgp\$)";

	refused($node, 'officer', $export, '42501', 'an officer alone exports no keys');
	refused($node, undef, $export, 'ZC015', 'nor does a superuser', like => qr/HINT:.*open_maintenance/);
	as($node, 'officer', "SELECT cipguard.open_maintenance('escrow', 5)");
	refused($node, undef, 'SELECT cipguard.export_keys($$x$$)', '39000', 'what is no key is no key');
	my $message = as($node, undef, $export);
	like($message, qr/\A-----BEGIN PGP MESSAGE-----/, 'together they do');
	write_file("$dir/message", $message);
	ok(IPC::Run::run([ 'gpg', '--batch', '--decrypt', "$dir/message" ], '>', \my $plain, '2>', \$err), 'gpg opens it') or diag($err);
	my $usable = as($node, undef, 'SELECT count(wrapped) FROM cipguard.data_key');
	my @lines = $plain =~ /^key [dts] \d+ \d+ (?:active|retiring) [0-9a-f]{64} \S+$/mg;
	is(scalar(@lines), $usable, 'it holds every key');
	like($plain, qr/\Acipguard keys 1\n.*^end $usable\n\z/ms, 'from beginning to end');

	# Here all are known.
	my $import = "SELECT cipguard.import_keys(\$m\$$message\$m\$, '$file')";
	is(as($node, undef, $import), '0', 'an import of what is there adds nothing');
	refused($node, 'officer', $import, '42501', 'an officer imports nothing');
	chmod(0644, $file);
	refused($node, undef, $import, 'ZC003', 'a private key that others can read is refused');
	chmod(0600, $file);
	# The KEK is lost: the keys come back under another.
	$node->safe_psql('postgres', 'CREATE DATABASE lost TEMPLATE restored');
	as($node, undef, 'DELETE FROM cipguard.data_key', db => 'lost');
	refused($node, undef, 'SELECT cipguard.mask(phone) FROM client', 'ZC005', 'without keys nothing is read', db => 'lost');
	is(as($node, undef, $import, db => 'lost'), $usable, 'all are added');
	is(as($node, 'reader', 'SELECT count(phone::text) FROM client', db => 'lost'), '4', 'and open the values');
	is(as($node, undef, "SELECT string_agg(version || ' ' || state, ', ' ORDER BY version) FROM cipguard.key_status WHERE kind = 'data key' AND of = 'mobile'", db => 'lost'),
		'1 retiring, 2 retiring, 3 retiring, 4 retiring, 5 active', 'each in its state');
	# One version that is missing does not come back to encrypt.
	as($node, undef, "DELETE FROM cipguard.data_key WHERE kind = 'd' AND owner = cipguard.category_id('mobile') AND version = 5; UPDATE cipguard.data_key SET state = 'active' WHERE kind = 'd' AND owner = cipguard.category_id('mobile') AND version = 4", db => 'lost');
	is(as($node, undef, "SELECT cipguard.import_keys(\$m\$$message\$m\$, '$binary_file')", db => 'lost'), '1', 'a missing version is added, by a binary private key');
	is(as($node, undef, "SELECT string_agg(version || ' ' || state, ', ' ORDER BY version) FROM cipguard.key_status WHERE kind = 'data key' AND of = 'mobile' AND version > 3", db => 'lost'),
		'4 active, 5 retiring', 'and encrypts nothing');
	# Another key of the same number.
	$node->safe_psql('postgres', 'CREATE DATABASE stranger');
	as($node, undef, 'CREATE EXTENSION cipguard CASCADE', db => 'stranger');
	refused($node, undef, $import, '42710', 'another key of the same version is not overwritten', db => 'stranger', like => qr/no key was imported/);
	refused($node, undef, "SELECT cipguard.import_keys(\$m\$$public\$m\$, '$file')", '39000', 'what is no message is none');
	IPC::Run::run([ 'gpg', '--batch', '--trust-model', 'always', '--armor', '-r', 'escrow', '--encrypt' ], '<', \"cipguard keys 1\nkey d 5 1 active 00 x\nend 1\n", '>', \my $forged, '2>', \$err);
	refused($node, undef, "SELECT cipguard.import_keys(\$m\$$forged\$m\$, '$file')", '22023', 'a message that holds something else is refused');

	# With a passphrase.
	my $batch2 = write_file("$dir/batch2", "Key-Type: RSA\nKey-Length: 2048\nSubkey-Type: RSA\nSubkey-Length: 2048\nName-Real: locked\nExpire-Date: 0\nPassphrase: opensesame\n%commit\n");
	IPC::Run::run([ 'gpg', '--batch', '--pinentry-mode', 'loopback', '--gen-key', $batch2 ], '>', \$out, '2>', \$err);
	IPC::Run::run([ 'gpg', '--armor', '--export', 'locked' ], '>', \$public);
	IPC::Run::run([ 'gpg', '--armor', '--batch', '--pinentry-mode', 'loopback', '--passphrase', 'opensesame', '--export-secret-keys', 'locked' ], '>', \$secret, '2>', \$err);
	$file = write_file("$dir/locked.asc", $secret);
	my $word = write_file("$dir/passphrase", "opensesame\n");
	my $badword = write_file("$dir/badword", "opensesam\n");
	$message = as($node, undef, "SELECT cipguard.export_keys(\$pgp\$$public\$pgp\$)");
	as($node, undef, 'DELETE FROM cipguard.data_key', db => 'lost');
	refused($node, undef, "SELECT cipguard.import_keys(\$m\$$message\$m\$, '$file', '$badword')", '39000', 'a wrong passphrase', db => 'lost');
	is(as($node, undef, "SELECT cipguard.import_keys(\$m\$$message\$m\$, '$file', '$word')", db => 'lost'), $usable, 'the right passphrase');
	is(as($node, 'reader', 'SELECT count(phone::text) FROM client', db => 'lost'), '4', 'and the values are read');
	as($node, 'officer', 'SELECT cipguard.close_maintenance()');
	ok($node->poll_query_until('postgres', "SELECT count(*) = 2 FROM cipguard.audit_log WHERE action = 'EXPORT_KEYS' AND detail LIKE '%SHA-256%'"),
		'exports are recorded');
	my $log = slurp_file($node->logfile);
	unlike($log, qr/opensesame/, 'the log has no passphrase');
	my ($first) = $plain =~ /^key d \d+ \d+ \w+ ([0-9a-f]{64})/m;
	unlike($log, qr/$first/, 'nor a key');
	is_deeply([ find_bytes([ files_below($node->data_dir) ], $first, pack('H*', $first)) ], [], 'nor any file of the server');
	IPC::Run::run([ 'gpgconf', '--kill', 'gpg-agent' ], '>', \$out, '2>', \$err);
}

# 10. Retirement waits for whoever could still hold a value.
{
	as($node, undef, "SELECT cipguard.rotate_key('email')");
	my $old = session($node, $super);
	ask($old, 'BEGIN; SELECT 1;');
	refused($node, undef, "SET lock_timeout = '200ms'; SELECT cipguard.retire_key('email', 1)", '55P03', 'a transaction that runs is waited for, as long as is allowed');
	my $h = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', "SELECT cipguard.retire_key('email', 1)" ], '>', \$out, '2>', \my $e);
	ok($node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND locktype = 'virtualxid'"), 'it waits');
	is(as($node, undef, "SELECT state FROM cipguard.key_status WHERE of = 'email' AND kind = 'data key' AND version = 1"), 'retiring', 'meanwhile nothing is destroyed');
	ask($old, 'COMMIT;');
	$h->finish;
	is($h->result(0), 0, 'and goes on') or diag($e);
	is(as($node, undef, "SELECT state FROM cipguard.key_status WHERE of = 'email' AND kind = 'data key' AND version = 1"), 'destroyed', 'the version is destroyed');
	$old->quit;
	as($node, undef, "SELECT cipguard.rotate_key('email')");
	as($node, undef, "BEGIN; CREATE TABLE prepared (a int); PREPARE TRANSACTION 'held'");
	refused($node, undef, "SELECT cipguard.retire_key('email', 2)", 'ZC017', 'a prepared transaction could hold values', like => qr/DETAIL:.*held/);
	as($node, undef, "ROLLBACK PREPARED 'held'");
	as($node, undef, "SELECT cipguard.retire_key('email', 2)");
}

# 11. A library that does not compute (but for the random numbers that the
#     server itself needs): no key is used.
SKIP:
{
	my $conf = write_file("$dir/openssl.cnf", "openssl_conf = init\n[init]\nproviders = providers\nalg_section = algs\nrandom = rand\n[providers]\ndefault = default_sect\n[default_sect]\nactivate = 1\n"
		  . "[rand]\nrandom = CTR-DRBG\ncipher = AES-256-CTR\nproperties = -nosuch\nseed = SEED-SRC\nseed_properties = -nosuch\n[algs]\ndefault_properties = nosuch=yes\n");
	$node->stop;
	local $ENV{OPENSSL_CONF} = $conf;
	skip 'the server does not start with this configuration of OpenSSL', 4 if $node->start(fail_ok => 1) == 0;
	like(log_since($node), qr/WARNING:.*server starts without key-encryption key: self-test "[^"]+" failed/, 'self-tests fail: the server says so');
	($out, $err, $rc) = run_as($node, undef, 'SELECT count(*) FROM cipguard.selftest() WHERE NOT ok');
	cmp_ok($out, '>', 5, 'self-tests fail on demand');
	($out, $err, $rc) = run_as($node, 'reader', 'SELECT phone FROM client');
	isnt($rc, 0, 'no value is decrypted');
	refused($node, undef, 'SELECT cipguard.unseal()', 'ZC001', 'nor is a key fetched', like => qr/self-test/);
	$node->stop;
}

# 12. Nothing of keys in the log.
my $log = slurp_file($node->logfile);
$log =~ s/^.*parameter "cipguard\.kek_command" changed to .*\n//mg;    # by the server itself
unlike($log, qr/canaryword/, 'the log has nothing that a command said');
unlike($log, qr/\Q$hex\E/i, 'the log has no key');
done_testing();

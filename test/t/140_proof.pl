# 140_proof.pl
#	Proofs that are checked without the server, checkpoints that are kept
#	elsewhere, and tokens of applications.
#
# The servers do not preload cipguard: nobody but the test seals, and a
# superuser in a session that has not loaded it can do what he likes.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use JSON::PP;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $verify = "$FindBin::RealBin/../tools/verify_proof.pl";
my $dir = PostgreSQL::Test::Utils::tempdir();
my $json = JSON::PP->new->canonical->ascii;

my $node = new_cluster('proof', preload => 0, allows_streaming => 1);
as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql());
as($node, undef, <<'SQL');
CREATE ROLE auditor LOGIN IN ROLE cipguard_auditor;
CREATE TABLE client (id int PRIMARY KEY, name text);
GRANT ALL ON client TO clerk;
SELECT cipguard.audit_table('client');
SQL

# The verifier: exit status, and what it said, of each of some calls.
require $verify;
sub verify_all
{
	my @results;
	foreach my $call (@_)
	{
		my ($proof, @more) = @$call;
		my $file = write_file("$dir/proof.json", $proof);
		my ($out, $err) = ('', '');
		open(my $stdout, '>', \$out) or die $!;
		open(my $stderr, '>', \$err) or die $!;
		local (*STDOUT, *STDERR) = ($stdout, $stderr);
		push @results, [ CipguardProof::main($file, @more), $out, $err ];
	}
	return @results;
}

# As it is called by people.
sub verify
{
	my ($proof, @more) = @_;
	my $file = write_file("$dir/proof.json", $proof);
	my ($out, $err) = ('', '');
	IPC::Run::run [ $^X, $verify, $file, @more ], '>', \$out, '2>', \$err;
	return ($? >> 8, $out, $err);
}

sub right
{
	my ($proof, $like, $name, @more) = @_;
	my ($rc, $out, $err) = verify($proof, @more);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($rc == 0 && $out =~ $like && $err eq '', $name) or diag("$rc: $out$err");
}

sub wrong
{
	my ($proof, $like, $name, @more) = @_;
	my ($rc, $out, $err) = verify($proof, @more);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($rc == 1 && $err =~ $like, $name) or diag("$rc: $out$err");
}

# What check_anchor() says of a checkpoint.
sub check
{
	my ($note, $server) = @_;
	return as($server // $node, 'auditor',
		"SELECT verdict, block FROM cipguard.check_anchor(\$note\$$note\$note\$)");
}

# The proof of an event whose number SQL finds.
sub proof
{
	my ($sql, $db) = @_;
	my $event = as($node, undef, "SELECT $sql", db => $db // 'postgres');
	return as($node, 'auditor', "SELECT cipguard.audit_proof($event)", db => $db // 'postgres');
}

sub checkpoint { return as($_[0] // $node, 'auditor', 'SELECT cipguard.audit_checkpoint()') }

# ---------- the key ----------

my $key = as($node, 'auditor', 'SELECT cipguard.seal_public_key()');
my $log = as($node, undef, 'SELECT log_id FROM cipguard.audit_identity');
like($key, qr{^cipguard/\Q$log\E\+[0-9a-f]{8}\+[A-Za-z0-9+/]{43}[A-Za-z0-9+/=]$}, 'public key of the log');
is(as($node, 'officer', "SELECT kind, of, version, state FROM cipguard.key_status WHERE kind = 'signing key'"),
	'signing key|cipguard.seal|1|active', 'its private half is one of the keys');
is(as($node, 'auditor', 'SELECT cipguard.audit_checkpoint() IS NULL'), 't', 'nothing is sealed yet');
refused($node, 'auditor', 'SELECT cipguard.audit_proof(1)', '55000', 'nothing can be proved', like => qr/seal\(\)/);
refused($node, 'auditor', 'SELECT cipguard.audit_consistency(1, 1)', '22023', 'nothing can be compared');
foreach my $call ('seal_public_key()', 'audit_checkpoint()', "check_anchor('')", 'audit_proof(1)',
	'audit_consistency(1, 1)', 'anchor()', "add_app_key('a', 'b')", "revoke_app_key('a')", "app_public_key('a')")
{
	refused($node, 'clerk', "SELECT cipguard.$call", '42501', "a clerk may not call $call");
}

# ---------- proofs ----------

my @notes;
my $id = 0;
foreach my $events (1, 2, 3, 7, 64, 1, 100)
{
	my ($from, $to) = ($id + 1, $id + $events);
	$id = $to;
	as($node, undef, "INSERT INTO client SELECT g, 'name ' || g FROM generate_series($from, $to) g; SELECT cipguard.seal()");
	push @notes, checkpoint();
}
is(as($node, undef, 'SELECT count(*), max(block) FROM cipguard.audit_block'), '7|7', 'seven blocks');

my @events = split /\n/, as($node, undef, <<'SQL');
SELECT seq FROM (
	SELECT seq, row_number() OVER (PARTITION BY xid ORDER BY seq) AS n, count(*) OVER (PARTITION BY xid) AS of
	FROM cipguard.audit_event) e
WHERE n IN (1, 2, 3, of) ORDER BY seq
SQL
cmp_ok(scalar(@events), '>', 15, 'events of blocks of all sizes');
my @proofs = split /\n/, as($node, 'auditor', join(';', map { "SELECT cipguard.audit_proof($_)" } @events));
is(scalar(grep { $_->[0] == 0 && $_->[1] =~ /^signature:  right$/m } verify_all(map { [ $_, $key ] } @proofs)),
	scalar(@events), 'each is proved');
right(proof('min(seq) FROM cipguard.audit_session'), qr/row:\s+session/,
	'so is the session', $key);
right(proof('min(seq) FROM cipguard.audit_schema'), qr/row:\s+columns/,
	'so are the columns', $key);
refused($node, 'auditor', 'SELECT cipguard.audit_proof(1000000)', '42704', 'what is not there is not');
is(as($node, 'auditor', 'SELECT cipguard.audit_proof(NULL) IS NULL, cipguard.audit_consistency(NULL, 1) IS NULL, cipguard.check_anchor(NULL) IS NULL'),
	't|t|t', 'nothing of nothing');

my $proof = proof('max(seq) - 30 FROM cipguard.audit_event');
right($proof, qr/^event: .* in block 7 of 7\n(?s:.*)^relation:   public\.client\n/m, 'an event in the middle of a block', $key);
right($proof, qr/NOT CHECKED/, 'without key, too');
wrong($proof, qr/not signed by this key/, 'not with another key',
	$key =~ s/\+.*//r . '+' . do { my $k = "\1" . "k" x 32; require Digest::SHA;
		substr(Digest::SHA::sha256_hex(($key =~ s/\+.*//r) . "\n" . $k), 0, 8) . '+' . encode_base64($k, '') });
wrong($proof, qr/does not have that id/, 'nor with one that was changed', $key =~ s/(?<=\+)(.)/chr(ord($1) ^ 1)/er);
ok(length($json->encode($json->decode($proof)->{path})) < 48 * 8, 'the path is short');

# A change of any field, at any place of it.
sub changed
{
	my ($field, $value, $round) = @_;
	return $value + 1 if $value =~ /^\d+$/;
	my $text = $field =~ /checkpoint/ ? $value : decode_base64($value);
	my $at = int(length($text) * ($round + 0.5) / 5);
	# Of the space between parts, and the line ends, others are not looked for.
	substr($text, $at, 1) = chr((ord(substr($text, $at, 1)) ^ 1) & 0xff);
	return $field =~ /checkpoint/ ? $text : encode_base64($text, '');
}
sub changes
{
	my ($text) = @_;
	my $whole = $json->decode($text);
	my @changes;
	foreach my $field (sort keys %$whole)
	{
		my $value = $whole->{$field};
		my %less = %$whole;
		delete $less{$field};
		push @changes, [ "without $field", \%less ];
		next if $field eq 'format';
		foreach my $round (0 .. 4)
		{
			next if ref($value) ? @$value <= $round : $round > 0 && $value =~ /^\d+$/;
			my $changed = ref($value) ? [@$value] : changed($field, $value, $round);
			$changed->[$round] = changed($field, $value->[$round], $round) if ref($value);
			push @changes, [ "$field, $round", { %$whole, $field => $changed } ];
		}
		next unless ref($value);
		push @changes, map { [ "other $field", { %$whole, $field => $_ } ] }
		  [ @$value[ 0 .. $#$value - 1 ] ], [ @$value, encode_base64('x' x 32, '') ], [ reverse @$value ];
	}
	return @changes;
}
my @changes = map { changes($_) } $proof, as($node, 'auditor', 'SELECT cipguard.audit_consistency(3, 7)');
my @results = verify_all(map { [ $json->encode($_->[1]), $key ] } @changes);
cmp_ok(scalar(@changes), '>', 70, 'proofs were changed in many places');
is(join("\n", map { $results[$_][0] == 1 && $results[$_][2] =~ /^WRONG: / ? () : $changes[$_][0] } 0 .. $#changes), '',
	'and no changed one is right');
wrong('{}', qr/unknown format/, 'nothing is proved by nothing', $key);
wrong('[', qr/not JSON/, 'nor by what is no JSON', $key);
wrong($proof =~ s/"event_id"/"event_id": 1, "event_id"/r, qr/twice/, 'nor by two answers', $key);

# An event of one log with the block of another.
my $other = $json->decode(proof('min(seq) FROM cipguard.audit_event'));
my $mixed = { %{ $json->decode($proof) }, map { $_ => $other->{$_} } qw(event_id event leaf index path) };
wrong($json->encode($mixed), qr/event in its block/, 'an event is in its block only', $key);

# ---------- consistency, and checkpoints that were kept ----------

write_file("$dir/anchor$_", $notes[ $_ - 1 ]) foreach 1 .. 7;
my @pairs = map { my $first = $_; map { [ $first, $_ ] } $first .. 7 } 1 .. 7;
my @paths = split /\n/, as($node, 'auditor', join(';', map { "SELECT cipguard.audit_consistency($_->[0], $_->[1])" } @pairs));
@results = verify_all(map { [ $paths[$_], $key, "$dir/anchor$pairs[$_][0]" ] } 0 .. $#pairs);
is(scalar(grep { $results[$_][0] == 0 && $results[$_][1] =~ /of $pairs[$_][1] blocks begins with the one of $pairs[$_][0]\n(?s:.*)agrees/ }
	  0 .. $#pairs), scalar(@pairs), 'all sizes are consistent, and with the checkpoints of their time');
refused($node, 'auditor', 'SELECT cipguard.audit_consistency(3, 2)', '22023', 'not the larger with the smaller');
refused($node, 'auditor', 'SELECT cipguard.audit_consistency(1, 8)', '22023', 'not with one that is not there');
refused($node, 'auditor', 'SELECT cipguard.audit_consistency(0, 1)', '22023', 'not with none');
wrong($proof, qr/audit_consistency/, 'a proof for a larger log than the anchor', $key, write_file("$dir/anchor", $notes[2]));
right($proof, qr/agrees/, 'and for that of the anchor', $key, write_file("$dir/anchor", $notes[6]));

is(join(' ', map { check($_) } @notes), join(' ', ('ok|') x 7), 'the log agrees with all its checkpoints');
is(check("$notes[3]\n"), 'ok|', 'with a line end too many');
is(check($notes[3] =~ s/timeline 1/timeline 2/r), 'bad signature|', 'one that was changed');
is(check($notes[3] =~ s/\n4\n/\n5\n/r), 'bad signature|', 'whatever was');
is(check(''), 'no checkpoint|', 'nothing');
is(check($notes[3] =~ s/\n\n.*//sr), 'no checkpoint|', 'one that is not signed');

# ---------- anchors ----------

sub configure
{
	my ($server, %settings) = @_;
	foreach my $name (sort keys %settings)
	{
		$server->append_conf('postgresql.conf', "$name = '" . ($settings{$name} =~ s/\\/\\\\/gr) . "'");
	}
	$server->reload;
	foreach my $name (sort keys %settings)
	{
		$server->poll_query_until('postgres', "SELECT cipguard.kek_configured() AND current_setting('$name') = '$settings{$name}'")
		  or die "$name is not in force";
	}
}

my $receipts = 'SELECT tree_size, target, succeeded, receipt FROM cipguard.audit_anchor ORDER BY at DESC LIMIT 1';
is(as($node, undef, 'SELECT cipguard.anchor(false) IS NULL'), 't', 'without target there is no anchor');
refused($node, undef, 'SELECT cipguard.anchor()', '55000', 'and at once it is an error', like => qr/anchor_command/);
my $kept = "$dir/kept";
configure($node, 'cipguard.anchor_command' => "cat > $kept && echo receipt 4711 && echo more");
refused($node, 'officer', 'SELECT cipguard.anchor()', '42501', 'the command is not for officers', like => qr/audit_checkpoint/);
refused($node, undef, "BEGIN; INSERT INTO client VALUES (100000); SELECT cipguard.anchor()", '25001',
	'nor within a transaction that could be rolled back');
is(as($node, undef, 'SELECT cipguard.anchor()'), '7', 'a checkpoint is given away');
is(slurp_file($kept), "$notes[6]", 'as it is, with its last line end') if $notes[6] =~ /\n\z/;
is(slurp_file($kept) =~ s/\n\z//r, $notes[6] =~ s/\n\z//r, 'as it is');
is(as($node, 'auditor', $receipts), '7|command|t|receipt 4711', 'and answered');
is(as($node, undef, 'SELECT cipguard.anchor(false) IS NULL'), 't', 'not again when nothing is new');
as($node, undef, "UPDATE client SET name = 'x' WHERE id = 1; SELECT cipguard.seal()");
is(as($node, undef, 'SELECT cipguard.anchor(false) IS NULL'), 't', 'nor so soon after the last');
configure($node, 'cipguard.anchor_interval' => '1s');
$node->poll_query_until('postgres', 'SELECT cipguard.anchor(false)', '8') or die 'no anchor';
is(check(slurp_file($kept)), 'ok|', 'but then');

sub fails
{
	my ($command, $receipt, $name) = @_;
	configure($node, 'cipguard.anchor_command' => $command);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($out, $err) = run_as($node, undef, 'SELECT cipguard.anchor() IS NULL');
	ok($out eq 't' && $err =~ /WARNING:  ZC012: .*\Q$receipt\E/ && $err !~ /\Q$command\E/, "$name: a warning") or diag("$out$err");
	is(as($node, undef, $receipts), "8|command|f|$receipt", "$name: and recorded");
}
fails('cat > /dev/null; echo sorry; exit 3', 'sorry', 'a command that refuses');
fails('exit 3', 'child process exited with exit code 3', 'a silent one');
fails('kill -9 $$', 'child process was terminated by signal 9: Killed', 'a killed one');
fails('printf "a\tb\377\n"; exit 1', 'a?b?', 'one that prints what is no text');
configure($node, 'cipguard.anchor_timeout' => '1s');
my $marker = "7$$" . '7';
fails("sleep $marker & sleep $marker", 'was killed after 1 seconds', 'one that hangs');
sub sleeping { return scalar(grep { (slurp($_) // '') =~ /\Q$marker\E/ } glob('/proc/[0-9]*/cmdline')) }
# What is killed takes a moment to go.
sub soon_gone { for (1 .. 50) { return 1 if !sleeping(); select(undef, undef, undef, 0.1) } return 0 }
sub slurp { open(my $f, '<', $_[0]) or return undef; local $/; my $s = <$f>; close $f; return $s; }
ok(soon_gone(), 'with all it has started');
configure($node, 'cipguard.anchor_timeout' => '90s');
refused($node, undef, "SET statement_timeout = '200ms'; SELECT cipguard.anchor()", '57014', 'or when it is cancelled');
ok(soon_gone(), 'at once');
configure($node, 'cipguard.anchor_command' => 'yes | head -c 1000000');
is(as($node, undef, 'SELECT cipguard.anchor()'), '8', 'one that does not read, and prints much');
configure($node, 'cipguard.anchor_command' => 'ls /proc/self/fd | tr "\n" " "');
as($node, undef, 'SELECT cipguard.anchor()');
like(as($node, undef, $receipts), qr/\|0 1 2 3 $/, 'a command has no descriptor of the server');
configure($node, 'cipguard.anchor_command' => '', 'cipguard.anchor_log' => 'on');
my $offset = -s $node->logfile;
is(as($node, undef, 'SELECT cipguard.anchor()'), '8', 'the server log is a target, too');
my $root = (split /\n/, checkpoint())[2];
like(log_since($node, $offset), qr/LOG:  audit log \Q$log\E of database "postgres" has 8 blocks with root \Q$root\E$/m, 'that names the root');
refused($node, 'officer', "SELECT cipguard.audit_checkpoint(); SET cipguard.anchor_command = 'x'", '55P02', 'nobody sets the command in a session');
is(as($node, 'officer', "SELECT count(*) FROM pg_settings WHERE name = 'cipguard.anchor_command'"), '0', 'or sees it');
refused($node, undef, 'DELETE FROM cipguard.audit_anchor', 'ZC012', 'anchors are not deleted');

# ---------- a name of one's own, and no key ----------

configure($node, 'cipguard.seal_origin' => 'audit.example.com/clients');
my $named = checkpoint();
my $named_key = as($node, 'auditor', 'SELECT cipguard.seal_public_key()');
like($named, qr{\Aaudit\.example\.com/clients\n8\n.*\n\x{e2}\x{80}\x{94} audit\.example\.com/clients [A-Za-z0-9+/=]+$}s, 'a name of the log');
right(as($node, 'auditor', 'SELECT cipguard.audit_consistency(8, 8)'), qr/audit\.example\.com/, 'and of the key', $named_key);
wrong(as($node, 'auditor', 'SELECT cipguard.audit_consistency(8, 8)'), qr/not signed/, 'is not the other', $key);
is(check($notes[3]) . check($named), 'ok|ok|', 'checkpoints under another name are compared all the same');
$node->append_conf('postgresql.conf', "cipguard.seal_origin = '$_'"), $node->reload,
  $node->poll_query_until('postgres', "SELECT setting = '$_' FROM pg_file_settings WHERE name = 'cipguard.seal_origin' ORDER BY seqno DESC LIMIT 1"),
  like((run_as($node, undef, 'SELECT cipguard.kek_configured()'))[1], qr/invalid value for parameter "cipguard\.seal_origin"/, "no name: $_")
  foreach ('a b', 'a+b', 'n' x 201);
configure($node, 'cipguard.seal_origin' => '');

is(as($node, undef, 'CREATE DATABASE latin TEMPLATE template0 ENCODING latin1 LC_COLLATE "C" LC_CTYPE "C"'), '', 'another encoding');
as($node, undef, "CREATE EXTENSION cipguard CASCADE; CREATE TABLE t (id int); SELECT cipguard.audit_table('t');"
	. 'INSERT INTO t VALUES (1); SELECT cipguard.seal()', db => 'latin');
right(proof('max(seq) FROM cipguard.audit_event', 'latin'), qr/right/,
	'proofs are the same in any encoding', as($node, 'auditor', 'SELECT cipguard.seal_public_key()', db => 'latin'));

# ---------- histories that differ ----------

# What a superuser can do who knows how, in a session that has not loaded
# cipguard: event triggers would.
sub tamper
{
	my ($sql, $server) = @_;
	my $triggers = "UPDATE pg_trigger SET tgenabled = '%s' WHERE tgname LIKE 'audit_protect%%'";
	as($server // $node, undef, join(';', sprintf($triggers, 'D'), $sql, sprintf($triggers, 'A')));
}

my $last = checkpoint();
$node->backup('before');
as($node, undef, "UPDATE client SET name = 'y' WHERE id = 1; SELECT cipguard.seal()");
my $after = checkpoint();

my $fork = PostgreSQL::Test::Cluster->new('fork');
$fork->init_from_backup($node, 'before');
$fork->set_standby_mode;
$fork->start;
is(checkpoint($fork), $last, 'a standby makes checkpoints');
is(check($after, $fork), 'truncated|9', 'and knows what it has not');
$fork->promote;
$fork->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
is(check($after, $fork), 'fork|9', 'promoted, it is on a way of its own');
as($fork, undef, "UPDATE client SET name = 'z' WHERE id = 1; SELECT cipguard.seal()");
as($fork, undef, "UPDATE client SET name = 'z' WHERE id = 2; SELECT cipguard.seal()");
is(check($after, $fork), 'fork|9', 'and has been since that block');
is(check($last, $fork), 'ok|', 'not before');
$fork->stop;

tamper(join(';', map { "DELETE FROM cipguard.$_ WHERE block = 9" } qw(audit_block audit_print audit_mark)));
is(check($after), 'truncated|9', 'a log that was cut');
is(check($last), 'ok|', 'but not before the anchor');
as($node, undef, "UPDATE client SET name = 'y' WHERE id = 3; SELECT cipguard.seal()");
is(check($after), 'rewritten|9', 'cut and continued: rewritten after the last anchor that is known here');
tamper("UPDATE cipguard.audit_block SET head = sha256('x') WHERE block = 8");
is(check($last), 'rewritten|8', 'a head that was changed, after the anchor of 7 blocks');
tamper('DELETE FROM cipguard.audit_anchor');
is(check($last), 'rewritten|1', 'or after the beginning if nothing is known');
tamper("UPDATE cipguard.audit_block SET block = block + 100 WHERE block = 5");
is(check($notes[6]), 'rewritten|1', 'a block that is missing');
is(check($notes[3]), 'ok|', 'only after it');
refused($node, 'auditor', 'SELECT cipguard.audit_checkpoint()', 'ZC012', 'a log with a gap has no checkpoint');
tamper("UPDATE cipguard.audit_identity SET log_id = gen_random_uuid()");
is(check($notes[0]), 'another log|', 'another log');

# ---------- tokens of applications ----------

sub base64url { my $s = encode_base64($_[0], ''); $s =~ tr{+/}{-_}; $s =~ s/=+\z//; return $s; }

sub token
{
	my ($application, $payload) = @_;
	write_file("$dir/payload", $payload);
	system_or_bail('openssl', 'pkeyutl', '-sign', '-rawin', '-inkey', "$dir/$application.key", '-in', "$dir/payload", '-out', "$dir/sig");
	return base64url($payload) . '.' . base64url(slurp_file("$dir/sig"));
}

my $app = new_cluster('app', preload => 0);
as($app, undef, 'CREATE EXTENSION cipguard CASCADE');
as($app, undef, roles_sql());
as($app, undef, "CREATE TABLE client (id serial PRIMARY KEY, name text); GRANT ALL ON client, client_id_seq TO clerk; SELECT cipguard.audit_table('client')");
my %public;
foreach my $application ('web', 'batch', 'rogue')
{
	system_or_bail('openssl', 'genpkey', '-algorithm', 'ed25519', '-out', "$dir/$application.key");
	system_or_bail('openssl', 'pkey', '-in', "$dir/$application.key", '-pubout', '-out', "$dir/$application.pub");
	$public{$application} = slurp_file("$dir/$application.pub");
}
my $raw = decode_base64((split /\n/, $public{batch})[1]);
is(as($app, undef, "SELECT count(DISTINCT cipguard.app_public_key(k)) FROM (VALUES ('$public{batch}'), ('" . encode_base64(substr($raw, 12), '')
	  . "'), ('" . unpack('H*', substr($raw, 12)) . "')) v (k)"), '1', 'PEM, base64 and hexadecimal digits of one key');
refused($app, 'officer', "SELECT cipguard.add_app_key('web', '$_')", '22023', "not a key: " . substr($_, 0, 20))
  foreach ('', 'x', unpack('H*', substr($raw, 12)) . '0', 'g' x 64, $public{batch} =~ s/PUBLIC/PRIVATE/gr, $public{batch} =~ s/MCow/MCox/r);
refused($app, 'officer', "SELECT cipguard.add_app_key(NULL, 'x')", '22004', 'a key has a name');
as($app, 'officer', "SELECT cipguard.add_app_key('$_', '$public{$_}')") foreach ('web', 'batch');
refused($app, 'officer', "UPDATE cipguard.app_key SET public_key = sha256('x')", '42501', 'officers do not change keys in place');

# Who the session is, and what an event says of it.
sub identity
{
	my ($token, $sql) = @_;
	return as($app, 'clerk', "SET cipguard.app_user = 'claimed'; SET cipguard.app_token = '$token'; " . ($sql // 'SELECT * FROM cipguard.app_identity()'));
}
sub refuses
{
	my ($token, $like, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	refused($app, 'clerk', "SET cipguard.app_token = '$token'; SELECT * FROM cipguard.app_identity()", 'ZC016', $name, like => $like);
}
my $soon = time() + 3600;
my $good = token('web', "v1|ann|$soon|postgres|1");
is(identity(''), 'claimed|f', 'a claim');
is(identity($good), 'ann|t', 'a token');
is(identity(token('batch', "v1|bob|$soon|postgres|")), 'bob|t', 'of another application');
is(identity(token('web', "v1|\xe5\xbc\xa0\xe4\xb8\x89|$soon|postgres|")), "\xe5\xbc\xa0\xe4\xb8\x89|t", 'a user with a name in Chinese');
refuses(token('rogue', "v1|ann|$soon|postgres|1"), qr/registered/, 'not of one that is unknown');
refuses(token('web', 'v1|ann|' . (time() - 1) . '|postgres|1'), qr/expired/, 'not one that has expired');
refuses(token('web', "v1|ann|$soon|template1|1"), qr/another database/, 'not one for another database');
refuses(token('web', "v1|ann|$soon|postgres|pid=1"), qr/another backend/, 'not one for another backend');
refuses(base64url("v1|eve|$soon|postgres|1") . ($good =~ s/.*\././r), qr/registered/, 'not one whose user was changed');
refuses(token('web', "v1|\xff|$soon|postgres|1"), qr/encoding/, 'not one whose user is no text');
my $secret = 'c2VjcmV0.c2VjcmV0';
my $err = refused($app, 'clerk', "SELECT cipguard.app_identity(); SET cipguard.app_token = '$secret'", '22023', 'a malformed one cannot be set');
unlike($err =~ s/^LINE.*//mr, qr/c2VjcmV0/, 'and is not repeated');
is(as($app, 'clerk', 'SELECT * FROM cipguard.app_identity()'), '|f', 'nobody');
is(as($app, undef, 'SELECT count(*) FROM pg_settings WHERE name = \'cipguard.app_token\''), '0', 'tokens are not listed');

my $last_event = 'SELECT app_user, app_verified FROM cipguard.audit_event ORDER BY seq DESC LIMIT 1';
identity($good, "INSERT INTO client (name) VALUES ('x')");
is(as($app, undef, $last_event), 'ann|t', 'the log knows who was verified');
identity($good, "BEGIN; SET LOCAL cipguard.app_token = ''; INSERT INTO client (name) VALUES ('x'); COMMIT");
is(as($app, undef, $last_event), 'claimed|f', 'and who was not');
identity('', "BEGIN; SET LOCAL cipguard.app_token = '$good'; INSERT INTO client (name) VALUES ('x'); COMMIT");
is(as($app, undef, $last_event), 'ann|t', 'transaction by transaction');
my $count = as($app, undef, 'SELECT count(*) FROM client');
refused($app, 'clerk', "SET cipguard.app_token = '" . token('rogue', "v1|ann|$soon|postgres|1") . "'; INSERT INTO client (name) VALUES ('x')",
	'ZC016', 'a false token changes nothing');
is(as($app, undef, 'SELECT count(*) FROM client'), $count, 'nothing at all');
my ($out) = run_as($app, 'clerk', "SET cipguard.app_token = '" . token('rogue', "v1|ann|$soon|postgres|1")
	  . "'; INSERT INTO client (name) VALUES ('x'); RESET cipguard.app_token; INSERT INTO client (name) VALUES ('x') RETURNING 'in'", stop => 0);
is($out, 'in', 'and locks nobody out');

# In a session that goes on: expiry, and a key that is revoked.
my $session = $app->background_psql('postgres', on_error_stop => 0);
my $pid = $session->query('SELECT pg_backend_pid()');
$session->query("SET cipguard.app_token = '" . token('web', "v1|ann|$soon|postgres|pid=$pid") . "'");
is($session->query('SELECT * FROM cipguard.app_identity()'), 'ann|t', 'a token for this backend');
my $end = time() + 2;
$session->query("SET cipguard.app_token = '" . token('web', "v1|ann|$end|postgres|") . "'");
is($session->query('SELECT * FROM cipguard.app_identity()'), 'ann|t', 'a token for a moment');
$app->poll_query_until('postgres', "SELECT extract(epoch FROM clock_timestamp()) > $end + 0.1");
is($session->query('SELECT * FROM cipguard.app_identity()'), '', 'which passes');
$session->query("SET cipguard.app_token = '$good'");
is($session->query('SELECT * FROM cipguard.app_identity()'), 'ann|t', 'a longer one');
as($app, 'officer', "SELECT cipguard.revoke_app_key('web')");
is($session->query('SELECT * FROM cipguard.app_identity()'), '', 'until the key is revoked');
$session->quit;
refused($app, 'officer', "SELECT cipguard.revoke_app_key('web')", '42704', 'once');
refused($app, 'officer', 'SELECT cipguard.revoke_app_key(NULL)', '42704', 'not nobody\'s');
is(as($app, undef, "SELECT string_agg(action, ',' ORDER BY seq) FROM cipguard.audit_log WHERE action LIKE '%KEY%'"),
	'ADD APPLICATION KEY,ADD APPLICATION KEY,REVOKE APPLICATION KEY', 'changes of keys are events');
is(as($app, undef, 'SELECT name, added_by, revoked_by FROM cipguard.app_key ORDER BY name'),
	"batch|officer|\nweb|officer|officer", 'and who made them is known');

# The journal of a server that preloads cipguard knows it, too.
my $journal = new_cluster('journal');
as($journal, undef, 'CREATE EXTENSION cipguard CASCADE');
as($journal, undef, roles_sql());
as($journal, undef, "CREATE TABLE t (id int, phone text); SECURITY LABEL FOR cipguard ON COLUMN t.phone IS 'mobile';"
	. "INSERT INTO t VALUES (1, '13900000001'); GRANT SELECT ON t TO reader");
as($journal, 'officer', "SELECT cipguard.add_app_key('batch', '$public{batch}')");
my $by_ann = token('batch', "v1|ann|$soon|postgres|1");
my $by_rogue = token('rogue', "v1|ann|$soon|postgres|1");
is(as($journal, 'reader', "SET cipguard.app_token = '$by_ann'; SELECT phone FROM t"), '13900000001', 'a verified user reads');
refused($journal, 'reader', "SET cipguard.app_token = '$by_rogue'; SELECT phone FROM t", 'ZC016', 'one with a false token does not');
as($journal, 'reader', "SET cipguard.app_user = 'me'; SELECT phone FROM t");
is(as($journal, undef, "SELECT app_user, app_verified FROM cipguard.disclosures WHERE kind = 'read' GROUP BY 1, 2 ORDER BY 1"),
	"ann|t\nme|f", 'and the journal tells them apart');

# The text of the query is part of the log, and so has a proof.
as($journal, undef, 'SELECT cipguard.ingest()');
$journal->poll_query_until('postgres', 'SELECT count(*) > 0 FROM cipguard.audit_query') or die 'no text of a query';
as($journal, undef, 'SELECT cipguard.seal()');
my $query = as($journal, undef, 'SELECT min(seq) FROM cipguard.audit_query');
right(as($journal, undef, "SELECT cipguard.audit_proof($query)"), qr/^event:      $query, (?s:.*)^row:        query text\n(?s:.*)^signature:  right$/m,
	'the text of a query is proved', as($journal, undef, 'SELECT cipguard.seal_public_key()'));

done_testing();

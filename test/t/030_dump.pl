# 030_dump.pl
#	pg_dump and restore: ciphertext byte for byte, no plaintext in any file, and
#	keys, categories, grants and masking views as they were.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Cwd 'abs_path';

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $mark = 'QzCANARYzQ';
my $node = new_cluster('source', masking => 0);
$node->safe_psql('postgres', 'CREATE DATABASE src');
my $dir = abs_path(PostgreSQL::Test::Utils::tempdir());

as($node, undef, 'CREATE EXTENSION cipguard CASCADE', db => 'src');
as($node, undef, roles_sql() . <<"SQL", db => 'src');
CREATE SCHEMA aaa AUTHORIZATION owner;
CREATE SCHEMA zzz AUTHORIZATION owner;
SELECT cipguard.add_category('note', 'searchable', mask => 'name', pad => 32, description => 'added by the user');
CREATE FUNCTION app.last_two(text, jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS \$\$SELECT '**' || right(\$1, 2)\$\$;
SELECT cipguard.add_category('badge', mask => 'custom', mask_function => 'app.last_two(text, jsonb)', mask_options => '{"size": 10}');
SELECT cipguard.alter_category_mask('plate', 'suppress', '{"unit": "day"}');
SELECT cipguard.grant_access('reader', 'note'), cipguard.grant_access('owner', 'note', 'search');
SELECT cipguard.grant_access('clerk', 'plate', 'read', purpose => 'audit', valid_until => '2999-01-01');
SELECT cipguard.revoke_access(cipguard.grant_access('clerk', 'note'));
SET ROLE owner;
CREATE TABLE aaa.archive (id int PRIMARY KEY, note cipguard.enc_text('note'), phone cipguard.enc_text('mobile') UNIQUE);
CREATE TABLE app.client (
	id int PRIMARY KEY,
	name cipguard.enc_text('name') DEFAULT '$mark default',
	phone cipguard.enc_text('mobile') UNIQUE,
	address cipguard.enc_text('address'),
	note cipguard.enc_text('note'),
	phones cipguard.enc_text('mobile')[],
	label text
);

SECURITY LABEL FOR cipguard ON COLUMN app.client.label IS 'mobile';
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN app.client.id IS 'subject';
SET ROLE owner;
CREATE INDEX ON app.client USING hash (note);
CREATE TABLE app.contract (id int, phone cipguard.enc_text('mobile') REFERENCES app.client (phone));
CREATE TABLE app.parted (id int, note cipguard.enc_text('note')) PARTITION BY HASH (note);
CREATE TABLE app.parted0 PARTITION OF app.parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE app.parted1 PARTITION OF app.parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE zzz.checked (id int, note cipguard.enc_text('note') CHECK (note <> '$mark check'));
CREATE DOMAIN app.mobile AS cipguard.enc_text('mobile');
CREATE TABLE app.dom (id int, phone app.mobile);
SELECT cipguard.create_masking_view('app.client');
GRANT SELECT ON app.client_masked TO clerk, reader;
GRANT SELECT ON app.client, app.parted, aaa.archive, app.dom TO reader, clerk;
GRANT USAGE ON SCHEMA aaa TO PUBLIC;
INSERT INTO app.client (id, phone, address, note, phones)
	SELECT g, '139' || to_char(g, 'FM00000000'), '$mark address' || g, '$mark' || g, ARRAY['13900000001', NULL, '139' || to_char(g, 'FM00000000')] FROM generate_series(1, 200) g;
INSERT INTO aaa.archive SELECT id, note, phone FROM app.client;
INSERT INTO app.contract SELECT id, phone FROM app.client WHERE id <= 10;
INSERT INTO zzz.checked SELECT id, note FROM app.client;
INSERT INTO app.parted SELECT id, note FROM app.client;
INSERT INTO app.dom SELECT id, phone FROM app.client;
RESET ROLE;
SET ROLE reader;
RESET ROLE;
CREATE VIEW app.v AS SELECT id, note FROM app.client WHERE phone = '13900000005';
ALTER VIEW app.v OWNER TO owner;
GRANT SELECT ON app.v TO reader;
SELECT cipguard.audit_table('app.client');
UPDATE app.client SET note = '${mark} changed' WHERE id = 1;
SQL

# What must be equal on both sides.
sub digest
{
	my ($n, $db) = @_;
	return as($n, undef, <<'SQL', db => $db);
SET cipguard.output = 'armor';
SELECT 'client', count(*), md5(string_agg(cipguard.enc_text_send(name) || cipguard.enc_text_send(phone) || cipguard.enc_text_send(address) || cipguard.enc_text_send(note) || phones::text::bytea, '' ORDER BY id)) FROM app.client;
SELECT 'archive', count(*), md5(string_agg(cipguard.enc_text_send(note) || cipguard.enc_text_send(phone), '' ORDER BY id)) FROM aaa.archive;
SELECT 'parted', count(*), md5(string_agg(cipguard.enc_text_send(note), '' ORDER BY id)) FROM app.parted;
SELECT 'dom', count(*), md5(string_agg(cipguard.enc_text_send(phone), '' ORDER BY id)) FROM app.dom;
SELECT 'contract', count(*), md5(string_agg(cipguard.enc_text_send(phone), '' ORDER BY id)) FROM app.contract;
SELECT 'keys', count(*), md5(string_agg(k::text, ',' ORDER BY k::text)) FROM cipguard.data_key k;
SELECT 'grants', count(*), md5(string_agg(g::text, ',' ORDER BY g::text)) FROM cipguard.access_grant g;
SELECT 'categories', count(*), md5(string_agg(c::text, ',' ORDER BY c::text)) FROM cipguard.category c;
SELECT 'views', string_agg(relation::text || ' ' || view::text || ' ' || view_name || ' ' || coalesce(owner::text, ''), ',' ORDER BY relation::text) FROM cipguard.masking_view;
SELECT 'labels', string_agg(l.objname || ' ' || label, ',' ORDER BY l.objname) FROM pg_seclabels l WHERE provider = 'cipguard';
SELECT 'types', string_agg(a.attrelid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod), ',' ORDER BY a.attrelid::regclass::text, attname) FROM pg_attribute a WHERE format_type(atttypid, atttypmod) LIKE '%enc_text%' AND attrelid::regclass::text ~ '^(app|aaa|zzz)\.';
SELECT 'acl', string_agg(relname || ' ' || relacl::text, ',' ORDER BY relname) FROM pg_class WHERE relnamespace IN ('app'::regnamespace, 'aaa'::regnamespace);
SQL
}
my $want = digest($node, 'src');
like($want, qr/^client\|200\|[0-9a-f]{32}$/m, 'the source has rows');

# What must work in a restored database.
sub works
{
	my ($n, $db, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(digest($n, $db), $want, "$name: everything is as it was, byte for byte");
	is( as( $n, 'reader', "SELECT phone, note, phones FROM app.client WHERE id = 7; SELECT note FROM aaa.archive WHERE phone = '13900000009'; SELECT note FROM app.v", db => $db),
		"13900000007|${mark}7|{13900000001,NULL,13900000007}\n${mark}9\n${mark}5",
		"$name: a reader reads");
	like(as($n, 'clerk', 'SELECT phone FROM app.client WHERE id = 7', db => $db),
		qr/^cip1:/, "$name: a clerk does not");
	is(as($n, 'clerk', 'SELECT phone FROM app.client_masked WHERE id = 7', db => $db),
		'139****0007', "$name: the masking view masks");
	is(as($n, 'reader', 'SELECT phone FROM app.client_masked WHERE id = 7', db => $db),
		'13900000007', "$name: the masking view discloses");
	is( as( $n, 'owner', 'BEGIN; ALTER TABLE app.client ADD COLUMN more text; SELECT count(*) FROM pg_attribute WHERE attrelid = \'app.client_masked\'::regclass AND attname = \'more\'; ROLLBACK', db => $db),
		'1', "$name: the masking view follows its table");
	is( as( $n, undef, "BEGIN; SELECT cipguard.init(); INSERT INTO app.client (id, phone) VALUES (1000, '13911110000'); SET LOCAL ROLE reader; SELECT name, phone FROM app.client WHERE id = 1000; ROLLBACK", db => $db),
		"0\n$mark default|13911110000", "$name: new rows, no new keys, the default");
	is( as($n, 'clerk', "SELECT cipguard.mask('A1234567', 'badge'), cipguard.mask(127, 'badge'), cipguard.mask('A12345', 'plate') IS NULL", db => $db),
		'**67|120|t', "$name: changed and custom masks mask");
	refused($n, undef, "INSERT INTO app.client (id, phone) VALUES (1000, '139-0000-0007')", '23505', "$name: unique is unique", db => $db);
	refused($n, 'owner', "INSERT INTO zzz.checked VALUES (1000, '$mark check')", '23514', "$name: the check checks", db => $db);
	return;
}

sub create_target
{
	my ($n, $db) = @_;
	$n->safe_psql('postgres', "DROP DATABASE IF EXISTS $db");
	$n->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0");
	return;
}

# Files that pg_dump wrote hold no plaintext; compressed ones are not looked
# into, so nothing is compressed here.
sub clean
{
	my ($path, $name) = @_;
	my @files = -d $path ? files_below($path) : ($path);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @found = find_bytes(\@files, $mark, '13900000007');
	is(scalar(@found), 0, "$name: no plaintext in the dump") or diag("@found");
	my @armor = find_bytes(\@files, 'cip1:');
	cmp_ok(scalar(@armor), '>=', 1, "$name: but armor");
	return;
}

# 1. As superuser, in every format.
my @formats = (
	[ 'plain', ['-Fp'] ],
	[ 'plain with --inserts', [ '-Fp', '--inserts' ] ],
	[ 'plain with --rows-per-insert', [ '-Fp', '--column-inserts', '--rows-per-insert=7' ] ],
	[ 'custom', [ '-Fc', '-Z0' ] ],
	[ 'tar', ['-Ft'] ],
	[ 'directory, 2 jobs', [ '-Fd', '-j2', '-Z0' ] ],
	[ 'with --enable-row-security', [ '-Fp', '--enable-row-security' ] ],
	[ 'custom with --serializable-deferrable', [ '-Fc', '-Z0', '--serializable-deferrable' ] ],);
# A superuser who may read is the hard case.
my $superuser = as($node, undef, 'SELECT current_user', db => 'src');
as($node, undef, "GRANT reader TO \"$superuser\"", db => 'src');
is(as($node, undef, 'SELECT phone FROM app.client WHERE id = 7', db => 'src'), '13900000007', 'the superuser may read');
my $i = 0;
foreach my $format (@formats)
{
	my ($name, $options) = @$format;
	my $path = "$dir/dump" . $i++;
	my ($out, $err) = ('', '');
	ok( IPC::Run::run([ 'pg_dump', '-d', $node->connstr('src'), '-f', $path, @$options ], '>', \$out, '2>', \$err),
		"$name: dumped") or diag($err);
	clean($path, $name);
	create_target($node, 'dst');
	my $plain = $options->[0] eq '-Fp';
	foreach my $jobs ($name =~ /directory|^custom$/ ? (1, 2) : (1))
	{
		create_target($node, 'dst');
		my @restore = $plain
		  ? ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('dst'), '-f', $path)
		  : ('pg_restore', '-e', "-j$jobs", '-d', $node->connstr('dst'), $path);
		my $ok = IPC::Run::run(\@restore, '>', \$out, '2>', \$err);
		ok($ok, "$name: restored, $jobs jobs") or diag(substr($err, 0, 2000));
		works($node, 'dst', "$name, $jobs jobs") if $ok;
	}
}

# 2. Into another cluster with the same KEK, and without one.
my $fresh = new_cluster('fresh', masking => 0);
my ($globals, $err) = ('', '');
IPC::Run::run([ 'pg_dumpall', '-g', '-d', $node->connstr('postgres') ], '>', "$dir/globals", '2>', \$err)
  or die $err;
clean_globals();
sub clean_globals
{
	my @found = find_bytes(["$dir/globals"], $mark);
	is(scalar(@found), 0, 'globals hold no plaintext');
	return;
}
$fresh->psql('postgres', slurp_file("$dir/globals"), on_error_stop => 0);
create_target($fresh, 'dst');
$fresh->command_ok([ 'pg_restore', '-e', '-d', $fresh->connstr('dst'), "$dir/dump3" ],
	'restored into another cluster');
works($fresh, 'dst', 'another cluster');
$fresh->adjust_conf('postgresql.conf', 'cipguard.kek_file', "'$dir/missing'");
$fresh->restart;
create_target($fresh, 'nokek');
foreach my $dump (3, 0)
{
	create_target($fresh, 'nokek');
	my @restore = $dump == 3
	  ? ('pg_restore', '-e', '-d', $fresh->connstr('nokek'), "$dir/dump3")
	  : ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $fresh->connstr('nokek'), '-f', "$dir/dump0");
	my ($out, $e) = ('', '');
	my $ok = IPC::Run::run(\@restore, '>', \$out, '2>', \$e);
	ok($ok, "KEK missing: dump $dump is restored") or diag(substr($e, 0, 1500));
	next unless $ok;
	refused($fresh, 'reader', 'SELECT phone FROM app.client WHERE id = 7', 'ZC001',
		"KEK missing: reading says so, dump $dump", db => 'nokek');
	like(as($fresh, 'clerk', 'SELECT phone FROM app.client WHERE id = 7', db => 'nokek'), qr/^cip1:/, 'KEK missing: armor is shown');
}
$fresh->adjust_conf('postgresql.conf', 'cipguard.kek_file', "'" . new_kek('other') . "'");
$fresh->restart;
create_target($fresh, 'otherkek');
{
	my ($out, $e) = ('', '');
	my $ok = IPC::Run::run([ 'pg_restore', '-e', '-d', $fresh->connstr('otherkek'), "$dir/dump3" ], '>', \$out, '2>', \$e);
	ok(!$ok && $e =~ /not the one that protects the keys/, 'another KEK: a CHECK of an encrypted column stops the restore, and says why') or diag($e);
	refused($fresh, undef, 'SELECT cipguard.init()', 'ZC004', 'another KEK: no second set of keys', db => 'otherkek');
}
$fresh->adjust_conf('postgresql.conf', 'cipguard.kek_file', "'" . new_kek('main') . "'");
$fresh->restart;
works($fresh, 'nokek', 'KEK found later');

# 3. As other roles.
{
	# Rows alone, of one table, need no right but SELECT.  A reader's dump is
	# ciphertext, too.
	my ($out, $e) = ('', '');
	foreach my $role ('reader', 'clerk', 'owner')
	{
		foreach my $options ([ '-Fp', '--no-sync' ], [ '-Fp', '--inserts' ], [ '-Fp', '--enable-row-security' ], [ '-Fc', '-Z0' ], [ '-Fd', '-Z0' ])
		{
			my $name = "$role, one table, @$options";
			my $ok = IPC::Run::run([ 'pg_dump', '-d', $node->connstr('src') . " user=$role", '-t', 'app.client', '--data-only', '-f', "$dir/role", @$options ], '>', \$out, '2>', \$e);
			ok($ok, "$name: dumped") or diag($e);
			clean("$dir/role", $name);
			as($node, undef, "SET session_replication_role = 'replica'; DELETE FROM app.client", db => 'dst');
			my @restore = $options->[0] eq '-Fp'
			  ? ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('dst'), '-f', "$dir/role")
			  : ('pg_restore', '-e', '-a', '-d', $node->connstr('dst'), "$dir/role");
			ok(IPC::Run::run(\@restore, '>', \$out, '2>', \$e), "$name: restored") or diag(substr($e, 0, 1500));
			is(digest($node, 'dst'), $want, "$name: byte for byte");
			IPC::Run::run([ 'rm', '-rf', "$dir/role" ]);
		}
	}
	# A whole database needs the extension's tables, keys among them.
	my $ok = IPC::Run::run([ 'pg_dump', '-d', $node->connstr('src') . ' user=owner', '-f', "$dir/role" ], '>', \$out, '2>', \$e);
	ok(!$ok && $e =~ /permission denied for|lack SELECT privilege/, 'owner, whole database: refused without the right to the keys') or diag($e);
	# His schemas he can dump.
	$ok = IPC::Run::run([ 'pg_dump', '-d', $node->connstr('src') . ' user=owner', '-n', 'app', '-n', 'aaa', '-f', "$dir/schemas" ], '>', \$out, '2>', \$e);
	ok($ok, 'owner, his schemas: dumped') or diag($e);
	clean("$dir/schemas", 'owner, his schemas');

	# A role for backups reads everything, and no plaintext.
	as($node, undef, 'CREATE ROLE backup LOGIN; GRANT pg_read_all_data TO backup', db => 'src');
	$ok = IPC::Run::run([ 'pg_dump', '-d', $node->connstr('src') . ' user=backup', '-Fc', '-Z0', '-f', "$dir/backup" ], '>', \$out, '2>', \$e);
	ok($ok, 'pg_read_all_data, whole database: dumped') or diag($e);
	clean("$dir/backup", 'pg_read_all_data, whole database');
	create_target($node, 'dst');
	$ok = IPC::Run::run([ 'pg_restore', '-e', '-d', $node->connstr('dst'), "$dir/backup" ], '>', \$out, '2>', \$e);
	ok($ok, 'pg_read_all_data, whole database: restored') or diag($e);
	works($node, 'dst', 'pg_read_all_data') if $ok;
}

# 4. An ordinary COPY by a reader is plain text, on purpose; with
#    row_security off it is armor.
is(as($node, 'reader', 'COPY (SELECT phone FROM app.client WHERE id = 7) TO stdout', db => 'src'), '13900000007', 'COPY by a reader gives plain text');
like(as($node, 'reader', 'SET row_security = off; COPY (SELECT phone FROM app.client WHERE id = 7) TO stdout', db => 'src'), qr/^cip1:/, 'with row_security off armor');

$node->stop;
$fresh->stop;
done_testing();

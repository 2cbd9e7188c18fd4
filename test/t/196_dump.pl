# 196_dump.pl
#	pg_dump of every encrypted type: in parallel, in sections, one table, all
#	databases.  What is restored has the same bytes, defaults, checks,
#	partitions and indexes; 030_dump.pl has the formats and the rights.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir();
my $node = new_cluster('source');
$node->safe_psql('postgres', 'CREATE DATABASE src');
as($node, undef, 'CREATE EXTENSION cipguard CASCADE', db => 'src');
as($node, undef, roles_sql() . typed_sql(), db => 'src');
as($node, undef, "SELECT cipguard.grant_access('owner', 't_' || name) FROM app.typed", db => 'src');
as($node, undef, 'SELECT app.insert_typed(1, 100)', db => 'src');

# What has constants of each type in the catalogs: defaults, a check, a policy,
# a view, partition bounds, an index predicate, an extended table.
as($node, undef, <<'SQL', db => 'src');
SET ROLE owner;
SELECT format('ALTER TABLE app.t_%1$s ALTER v SET DEFAULT %2$L, ADD COLUMN w cipguard.enc_%1$s(%3$L) DEFAULT %2$L, ADD CHECK (w IS DISTINCT FROM %4$L)',
	name, first, 't_' || name, second)
	FROM (VALUES ('text', 'QzCANARYzQ default', 'QzCANARYzQ check'), ('int8', '7731947000000000001', '7731947000000000002'), ('numeric', '773194700000000.1', '773194700000000.2'),
		('bool', 'true', NULL), ('date', '2001-02-03', '2001-02-04'), ('timestamptz', '2001-02-03 00:00:00+00', '2001-02-04 00:00:00+00'),
		('uuid', '0190163d-8694-739b-aea5-966c26f8ad90', '0190163d-8694-739b-aea5-966c26f8ad91'), ('inet', '2001:db8:7777:7777::1', '2001:db8:7777:7777::2'),
		('jsonb', '{"a": "QzCANARYzQ"}', '{"b": "QzCANARYzQ"}'), ('bytea', '\x517a43414e4152597a51', '\x517a43414e4152597a52')) v (type, first, second)
	JOIN app.typed ON name = type ORDER BY name \gexec
SELECT format('CREATE TABLE app.list_%1$s (id int, v cipguard.enc_%1$s(%2$L)) PARTITION BY HASH (v)', name, 't_' || name) FROM app.typed \gexec
SELECT format('CREATE TABLE app.list_%1$s_%2$s PARTITION OF app.list_%1$s FOR VALUES WITH (MODULUS 2, REMAINDER %2$s)', name, r) FROM app.typed, generate_series(0, 1) r \gexec
SELECT format('INSERT INTO app.list_%1$s SELECT id, v FROM app.t_%1$s', name) FROM app.typed \gexec
SELECT format('CREATE INDEX ON app.t_%1$s USING hash (v)', name) FROM app.typed \gexec
SELECT format('CREATE INDEX ON app.t_%1$s (id) WHERE v IS NOT NULL', name) FROM app.typed \gexec
SELECT format('CREATE VIEW app.v_%1$s AS SELECT id, v FROM app.t_%1$s WHERE w IS NULL OR w = (SELECT w FROM app.t_%1$s LIMIT 1)', name) FROM app.typed \gexec
CREATE TABLE app.list (v cipguard.enc_text('t_text'), id int) PARTITION BY LIST (v);
CREATE TABLE app.list1 PARTITION OF app.list FOR VALUES IN ('QzCANARYzQ1', 'QzCANARYzQ2');
CREATE TABLE app.list2 PARTITION OF app.list DEFAULT;
INSERT INTO app.list SELECT v, id FROM app.t_text;
SQL

sub digest
{
	my ($n, $db) = @_;
	return typed_digest($n, db => $db) . "\n" . as($n, undef, <<'SQL', db => $db);
SET row_security = off;
SELECT format('SELECT %L, count(*), md5(string_agg(id || tableoid::regclass::text || encode(cipguard.enc_%1$s_send(v), ''hex''), '','' ORDER BY id)) FROM app.list_%1$s', name)
	FROM app.typed ORDER BY name \gexec
SELECT format('SELECT %L, count(*), md5(string_agg(id || encode(cipguard.enc_%1$s_send(w), ''hex''), '','' ORDER BY id)) FROM app.t_%1$s', name)
	FROM app.typed ORDER BY name \gexec
SELECT 'list', count(*), md5(string_agg(id || tableoid::regclass::text || encode(cipguard.enc_text_send(v), 'hex'), ',' ORDER BY id)) FROM app.list;
SELECT 'defaults', string_agg(adrelid::regclass || ' ' || md5(pg_get_expr(adbin, adrelid)), ',' ORDER BY adrelid::regclass::text, adnum) FROM pg_attrdef WHERE adrelid::regclass::text LIKE 'app.%';
SELECT 'checks', string_agg(conrelid::regclass || ' ' || md5(pg_get_constraintdef(oid)), ',' ORDER BY conrelid::regclass::text, conname) FROM pg_constraint WHERE conrelid::regclass::text LIKE 'app.%';
SELECT 'bounds', string_agg(oid::regclass || ' ' || md5(pg_get_expr(relpartbound, oid)), ',' ORDER BY oid::regclass::text) FROM pg_class WHERE relispartition AND oid::regclass::text LIKE 'app.%';
SELECT 'indexes', string_agg(indexdef, ',' ORDER BY indexdef) FROM pg_indexes WHERE schemaname = 'app';
SELECT 'views', string_agg(md5(definition), ',' ORDER BY viewname) FROM pg_views WHERE schemaname = 'app';
SELECT 'keys', count(*), md5(string_agg(k::text, ',' ORDER BY k::text)) FROM cipguard.data_key k;
SQL
}
my $want = digest($node, 'src');
my $types = as($node, undef, "SELECT string_agg(name, ' ' ORDER BY name) FROM app.typed", db => 'src');
diag("types: $types");

sub works
{
	my ($n, $db, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(digest($n, $db), $want, "$name: byte for byte");
	is( as($n, 'reader', typed_check(1, 100), db => $db),
		join("\n", map { "$_|t|100" } split(/ /, $types)), "$name: a reader reads every type");
	is(as($n, 'reader', "SET enable_seqscan = off; SELECT id FROM app.t_text WHERE v = 'QzCANARYzQ77'", db => $db), '77', "$name: found by index");
	is( as($n, undef, "BEGIN; INSERT INTO app.t_text (id) VALUES (500); SET LOCAL ROLE reader; SELECT v FROM app.t_text WHERE id = 500; ROLLBACK", db => $db),
		'QzCANARYzQ default', "$name: the default");
	refused($n, undef, "INSERT INTO app.t_text (id, w) VALUES (501, 'QzCANARYzQ check')", '23514', "$name: the check", db => $db);
	is(as($n, 'clerk', 'SELECT count(*) FROM app.t_text WHERE v::text LIKE $$%CANARY%$$', db => $db), '0', "$name: a clerk sees masks");
	return;
}

sub ok_run
{
	my ($name, @command) = @_;
	my ($out, $err) = ('', '');
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(IPC::Run::run(\@command, '>', \$out, '2>', \$err), $name) || (diag(substr($err, 0, 3000)), 0)[1];
}

sub clean
{
	my ($path, $name) = @_;
	my @files = -d $path ? files_below($path) : ($path);
	my @found = find_bytes(\@files, typed_needles(), '517a43414e4152597a51', '2001-02-03', '0190163d-8694-739b');
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(scalar(@found), 0, "$name: no plaintext in the dump") or diag("@found");
	cmp_ok(scalar(find_bytes(\@files, 'cip1:')), '>=', 1, "$name: but armor");
	return;
}

sub target
{
	my ($n) = @_;
	$n->safe_psql('postgres', 'DROP DATABASE IF EXISTS dst');
	$n->safe_psql('postgres', 'CREATE DATABASE dst TEMPLATE template0');
	return $n->connstr('dst');
}
my @from = ('-d', $node->connstr('src'));

# A superuser who may read is the hard case.
my $superuser = as($node, undef, 'SELECT current_user', db => 'src');
as($node, undef, "GRANT reader TO \"$superuser\"", db => 'src');

# 1. Parallel.
ok_run('parallel dump', 'pg_dump', @from, '-Fd', '-j4', '-Z0', '-f', "$dir/parallel");
clean("$dir/parallel", 'parallel dump');
ok_run('parallel restore', 'pg_restore', '-e', '-j4', '-d', target($node), "$dir/parallel");
works($node, 'dst', 'parallel');
ok_run('restore with --single-transaction', 'pg_restore', '-e', '-1', '-d', target($node), "$dir/parallel");
works($node, 'dst', 'single transaction');

# 2. Definitions first, then rows; and by section.
foreach my $parts ([ 'definitions, then rows', '--schema-only', '--data-only' ], [ 'by section', map { "--section=$_" } qw(pre-data data post-data) ])
{
	my ($name, @parts) = @$parts;
	my $to = target($node);
	foreach my $part (@parts)
	{
		my $file = "$dir/part$part";
		ok_run("$name: dump of $part", 'pg_dump', @from, $part, '-f', $file);
		is(scalar(find_bytes([$file], typed_needles())), 0, "$name: no plaintext in $part");
		ok_run("$name: restore of $part", 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $to, '-f', $file);
	}
	works($node, 'dst', $name);
}
# The same of an archive, in parallel; to switch triggers off, those of our
# tables too, takes a maintenance window.
foreach my $options ([], ['--disable-triggers'])
{
	my $name = "archive, definitions, then rows @$options";
	my $to = target($node);
	ok_run("$name: definitions", 'pg_restore', '-e', '--schema-only', '-d', $to, "$dir/parallel");
	as($node, undef, open_window(), db => 'dst') if @$options;
	ok_run("$name: rows", 'pg_restore', '-e', '--data-only', @$options, '-j4', '-d', $to, "$dir/parallel");
	works($node, 'dst', $name);
}

# 3. One table, back into where it came from.
foreach my $type (split(/ /, $types))
{
	ok_run("one table, $type: dump", 'pg_dump', @from, '-Fc', '-Z0', '-t', "app.t_$type", '-f', "$dir/one");
	is(scalar(find_bytes(["$dir/one"], typed_needles())), 0, "one table, $type: no plaintext");
	as($node, undef, "DROP TABLE app.t_$type CASCADE", db => 'dst');
	ok_run("one table, $type: restore", 'pg_restore', '-e', '-d', $node->connstr('dst'), "$dir/one");
	as($node, undef, "CREATE VIEW app.v_$type AS SELECT id, v FROM app.t_$type", db => 'dst');
}
is(typed_digest($node, db => 'dst'), typed_digest($node, db => 'src'), 'one table each: byte for byte');

# 4. Everything, into a new cluster.
{
	my ($out, $err) = ('', '');
	$node->safe_psql('postgres', 'DROP DATABASE dst');
	ok(IPC::Run::run([ 'pg_dumpall', '-d', $node->connstr('postgres') ], '>', "$dir/all", '2>', \$err), 'pg_dumpall') or diag($err);
	clean("$dir/all", 'pg_dumpall');
	my $fresh = new_cluster('fresh');
	# Its bootstrap superuser exists already.
	ok(IPC::Run::run([ 'psql', '-X', '-q', '-d', $fresh->connstr('postgres'), '-f', "$dir/all" ], '>', \$out, '2>', \$err), 'pg_dumpall: restored');
	unlike($err, qr/ERROR:(?!  role ".*" already exists)/, 'pg_dumpall: without errors');
	works($fresh, 'src', 'pg_dumpall');
	$fresh->stop;
}

# 5. A file as --inserts, with the on-conflict clause.
ok_run('--inserts', 'pg_dump', @from, '--inserts', '--on-conflict-do-nothing', '-f', "$dir/inserts");
clean("$dir/inserts", '--inserts');
ok_run('--inserts: restored', 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', target($node), '-f', "$dir/inserts");
works($node, 'dst', '--inserts');

$node->stop;
done_testing();

# 120_transparent_dump.pl
#	pg_dump and restore where tables are masked: a dump holds stored values or
#	is refused, what is restored is protected as it was, and a masked dump is
#	made on purpose only.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('transparent_dump');
my $dir = PostgreSQL::Test::Utils::tempdir();
$node->safe_psql('postgres', 'CREATE DATABASE src');

as($node, undef, 'CREATE EXTENSION cipguard CASCADE', db => 'src');
as($node, undef, roles_sql() . <<'SQL', db => 'src');
SELECT cipguard.add_category('birthday', mask => 'year');
SELECT cipguard.grant_access('reader', 'birthday');
SET ROLE owner;
BEGIN;
CREATE TABLE app.client (
	id int PRIMARY KEY,
	tel varchar(20) UNIQUE,
	born date,
	big text GENERATED ALWAYS AS (upper(tel)) STORED,
	mobile cipguard.enc_text('mobile'),
	CHECK (tel ~ '^1')
);
CREATE INDEX ON app.client (lower(tel));
COMMIT;
CREATE TABLE app.call (id int, tel varchar(20) REFERENCES app.client (tel));
CREATE TABLE app.part (id int, tel text) PARTITION BY LIST (id);
CREATE TABLE app.part1 PARTITION OF app.part FOR VALUES IN (1);
CREATE VIEW app.v AS SELECT id, tel FROM app.client;
CREATE MATERIALIZED VIEW app.m AS SELECT id, born FROM app.client;
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN app.client.id IS 'subject';
SET ROLE owner;
SECURITY LABEL FOR cipguard ON COLUMN app.client.tel IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN app.client.born IS 'birthday';
SECURITY LABEL FOR cipguard ON COLUMN app.call.tel IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN app.part.tel IS 'mobile';
SELECT cipguard.create_masking_view('app.client');
GRANT SELECT ON ALL TABLES IN SCHEMA app TO reader, clerk;
INSERT INTO app.client (id, tel, born, mobile) VALUES (1, '13800138001', '1990-03-07', '13800138011'), (2, '13900139002', '1980-01-02', NULL), (3, NULL, NULL, NULL);
INSERT INTO app.call VALUES (1, '13800138001');
INSERT INTO app.part VALUES (1, '13700137001');
REFRESH MATERIALIZED VIEW app.m;
RESET ROLE;
SQL

my $all = 'SELECT c.*, call.tel, part.tel FROM app.client c LEFT JOIN app.call USING (id) LEFT JOIN app.part USING (id) ORDER BY id';
my $seen = as($node, 'clerk', $all, db => 'src');
my $real = as($node, 'reader', $all, db => 'src');
my $view = as($node, 'clerk', 'SELECT * FROM app.client_masked ORDER BY id', db => 'src');
like($seen, qr/^1\|138\*{4}8001\|1990-01-01\|\|138\*{4}8011\|/, 'a clerk sees masks');
like($real, qr/^1\|13800138001\|1990-03-07\|13800138001\|13800138011\|/, 'a reader does not');
# A materialised view of a masked owner holds masks; restored, it has stored
# values and labels.
my $summary = as($node, 'clerk', 'SELECT * FROM app.m ORDER BY id', db => 'src');
my $labels = q(SELECT objoid::regclass, objsubid, label FROM pg_seclabel WHERE provider = 'cipguard' AND objoid <> 'app.m'::regclass ORDER BY objoid::regclass::text, 2);
my $labelled = as($node, undef, $labels, db => 'src');

# Of stored values, by a superuser.
foreach my $format ([ 'plain' ], [ 'inserts', '--inserts' ], [ 'columns', '--column-inserts', '--rows-per-insert=2' ], [ 'custom', '-Fc' ])
{
	my ($name, @options) = @$format;
	my $file = "$dir/$name";
	$node->command_ok([ 'pg_dump', @options, '-f', $file, 'src' ], "$name: dumped");
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	if ($name eq 'custom')
	{
		$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $name, $file ], "$name: restored");
	}
	else
	{
		unlike(slurp_file($file), qr/138\*{4}8001|13800138011/, "$name: neither masks nor plaintext of encrypted columns in it");
		$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $file, '-d', $name ], "$name: restored");
	}
	is(as($node, 'reader', $all, db => $name), $real, "$name: a reader's values");
	is(as($node, 'clerk', $all, db => $name), $seen, "$name: a clerk's masks");
	is(as($node, 'clerk', 'SELECT * FROM app.client_masked ORDER BY id', db => $name), $view, "$name: through the masking view");
	is(as($node, 'clerk', 'SELECT * FROM app.m ORDER BY id', db => $name), $summary, "$name: a materialised view");
	is(as($node, undef, $labels, db => $name), $labelled, "$name: the labels");
}
is(as($node, undef, "SELECT count(*) > 0 FROM cipguard.disclosures WHERE kind = 'dump' AND relation LIKE '%client'", db => 'src'), 't', 'dumps are recorded');

# Tables of whom may read; not of those who may not.
my @tables = ('-t', 'app.client', '--data-only');
$node->command_ok([ 'pg_dump', @tables, '-U', 'reader', '-f', "$dir/reader", 'src' ], 'a reader dumps a table');
like(slurp_file("$dir/reader"), qr/13800138001\t1990-03-07\tcip1:/, 'with its values; ciphertext as armor');
$node->command_ok([ 'pg_dump', @tables, '-U', 'owner', '-f', "$dir/owner", 'src' ], 'so does the owner');
like(slurp_file("$dir/owner"), qr/13800138001\t1990-03-07\tcip1:/, 'with what is stored');
$node->command_fails_like([ 'pg_dump', @tables, '-U', 'clerk', '-f', "$dir/clerk", 'src' ], qr/would be affected by masking/, 'a clerk gets an error');
$node->command_ok([ 'pg_dump', @tables, '--enable-row-security', '--column-inserts', '-U', 'clerk', '-f', "$dir/masked", 'src' ], 'or, on purpose, a masked dump');
my $masked = slurp_file("$dir/masked");
like($masked, qr/138\*{4}8001/, 'with masks');
unlike($masked, qr/13800138001|1990-03-07|cip1:/, 'and nothing else');

done_testing();

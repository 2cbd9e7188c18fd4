# 040_leaks.pl
#	Values of encrypted columns are nowhere in the files of the server, nor in
#	what it says: log, errors, statistics, plans.
#
#	A control table in plain text holds values that must be found: a search
#	that cannot fail proves nothing.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Every canary has this in it; the digits tell the path it took.
my $mark = 'QzCANARYzQ';
sub canary { return "$mark$_[0]x"; }

# Values written as one phone number each, for the searchable path.
sub mobile { return sprintf('1391234%04d', $_[0]); }

my $node = new_cluster('leaks',
	conf => "shared_preload_libraries = 'cipguard,auto_explain'\nlog_min_messages = debug1\n"
	  . "wal_level = logical\nlog_temp_files = 0\n");
as($node, undef, 'CREATE EXTENSION cipguard CASCADE; CREATE EXTENSION pageinspect');
as($node, undef, roles_sql());
as($node, undef, "SELECT cipguard.grant_access('owner', name, 'read') FROM cipguard.category WHERE name <> 'unclassified'");
as($node, undef, "SELECT cipguard.add_category('note', 'searchable'), cipguard.add_category('essay', 'random');"
	  . "SELECT cipguard.grant_access(r, c) FROM unnest('{reader,owner}'::regrole[]) r, unnest('{note,essay}'::text[]) c;"
	  . 'GRANT pg_read_server_files, pg_write_server_files TO owner');

# The files of this server's client side are not the server's: COPY data is
# piped through psql's standard input.
my $tables = <<'SQL';
CREATE TABLE app.control (id int, v text);
CREATE TABLE app.client (
	id int PRIMARY KEY,
	note cipguard.enc_text('note'),
	essay cipguard.enc_text('essay'),
	phone cipguard.enc_text('mobile') UNIQUE,
	notes cipguard.enc_text('note')[],
	CHECK (id > 0)
);
CREATE TABLE app.big (id int, note cipguard.enc_text('note'), essay cipguard.enc_text('essay'));
CREATE TABLE app.parted (id int, note cipguard.enc_text('note')) PARTITION BY HASH (note);
CREATE TABLE app.parted0 PARTITION OF app.parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE app.parted1 PARTITION OF app.parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
GRANT ALL ON app.client TO clerk, reader;
SELECT cipguard.create_masking_view('app.client');
SQL
as($node, 'owner', $tables);
as($node, undef, "SELECT cipguard.audit_table('app.client')");

my $n = 0;
my @canaries;

# The next canary, remembered.
sub fresh
{
	my $v = canary(++$n);
	push @canaries, $v;
	return $v;
}

# 1. Every way in.
my $plain_control = 'PLAINzCONTROL';
as($node, 'owner', "INSERT INTO app.control VALUES (1, '$plain_control'); CREATE INDEX ON app.control (v)");
as($node, 'owner', sprintf("INSERT INTO app.client VALUES (%d, '%s', '%s', '%s', ARRAY['%s', '%s'])",
	1, fresh(), fresh(), mobile(1), fresh(), fresh()));
as($node, 'owner', sprintf("PREPARE p (int, text, varchar, text) AS INSERT INTO app.client (id, note, essay, phone) VALUES (\$1, \$2, \$3, \$4); EXECUTE p (2, '%s', '%s', '%s')",
	fresh(), fresh(), mobile(2)));
as($node, 'owner', sprintf("SET plan_cache_mode = force_generic_plan; PREPARE p (int, cipguard.enc_text) AS INSERT INTO app.client (id, note) VALUES (\$1, \$2); EXECUTE p (3, '%s')",
	fresh()));
as($node, 'owner', sprintf("COPY app.client (id, note, essay, phone, notes) FROM stdin;\n4\t%s\t%s\t%s\t{%s,%s}\n\\.\n",
	fresh(), fresh(), mobile(4), fresh(), fresh()));
as($node, 'owner', sprintf("COPY app.client (id, note, essay, phone) FROM stdin (FORMAT csv);\n5,\"%s\",%s,%s\n\\.\n",
	fresh(), fresh(), mobile(5)));

# Binary COPY through files outside of the data directory: plain text in, as
# a client in binary mode would send it.
my $dir = PostgreSQL::Test::Utils::tempdir_short();
chmod(0777, $dir);
as($node, 'owner', sprintf("COPY (SELECT 6, '%s'::text, '%s'::text, '%s'::text) TO '%s/binary' (FORMAT binary)",
	fresh(), fresh(), mobile(6), $dir));
as($node, 'owner', "COPY app.client (id, note, essay, phone) FROM '$dir/binary' (FORMAT binary)");
is(as($node, 'reader', 'SELECT note, phone FROM app.client WHERE id = 6') =~ /^$mark\d+x\|13912340006$/ ? 1 : 0,
	1, 'binary COPY takes plain text');

as($node, 'owner', sprintf("UPDATE app.client SET note = '%s', essay = '%s' WHERE id = 3", fresh(), fresh()));
as($node, 'owner', sprintf("INSERT INTO app.client (id, note) VALUES (3, '%s') ON CONFLICT (id) DO UPDATE SET note = excluded.note", fresh()));
as($node, 'owner', sprintf("MERGE INTO app.client c USING (VALUES (3, '%s')) v (id, note) ON c.id = v.id WHEN MATCHED THEN UPDATE SET essay = v.note", fresh()));
as($node, 'owner', sprintf("DO \$\$ DECLARE v text := '%s'; BEGIN INSERT INTO app.client (id, note, essay) VALUES (7, v, v); EXECUTE format('UPDATE app.client SET essay = %%L WHERE id = 7', '%s'); END \$\$", fresh(), fresh()));

# A value of 100 kB, stored out of line.
as($node, 'owner', sprintf("INSERT INTO app.big SELECT 8, string_agg('%s' || g, ','), string_agg(g || '%s', ',') FROM generate_series(1, 6000) g",
	fresh(), fresh()));
cmp_ok(as($node, 'owner', 'SET cipguard.output = armor; SELECT octet_length(cipguard.enc_text_send(essay)) FROM app.big'),
	'>', 100000, 'a large value is stored');
is(as($node, 'owner', 'SELECT pg_relation_size(reltoastrelid) > 0 FROM pg_class WHERE oid = \'app.big\'::regclass'),
	't', 'out of line');

# Many rows, for sorts that spill, and index builds.
as($node, 'owner', <<"SQL");
INSERT INTO app.client (id, note, essay, phone) SELECT g, '${mark}bulk' || g, 'essay ${mark}bulk' || g, '136' || to_char(g, 'FM00000000') FROM generate_series(100, 12000) g;
INSERT INTO app.parted SELECT g, '${mark}part' || g FROM generate_series(1, 100) g;
CREATE INDEX ON app.client (note);
CREATE INDEX ON app.client USING hash (note);
CREATE TEMP TABLE t AS SELECT note, essay FROM app.client;
CREATE INDEX ON t (note);
CREATE MATERIALIZED VIEW app.mv AS SELECT id, note FROM app.client;
SQL
as($node, 'owner', <<"SQL");
SET work_mem = '64kB';
BEGIN;
SELECT count(*) FROM (SELECT note, essay FROM app.client ORDER BY note OFFSET 0) x;
SELECT count(*) FROM (SELECT DISTINCT note FROM app.client) x;
SELECT count(*) FROM app.client a JOIN app.client b ON a.note = b.note;
SELECT count(*) FROM (SELECT note::text FROM app.client WHERE id = 1 ORDER BY 1) x;
COMMIT;
SQL
like(slurp_file($node->logfile), qr/temporary file/, 'sorts did spill');

as($node, undef, 'VACUUM FULL app.client');

# Held cursors and CTEs of ciphertext that spill, kept while files are looked at.
my $session = $node->background_psql('postgres', on_error_stop => 1);
$session->query_safe("SET SESSION AUTHORIZATION owner; SET work_mem = '64kB';");
$session->query_safe('CREATE TEMP TABLE held AS SELECT note, essay, phone FROM app.client');
$session->query_safe("BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT note, essay FROM app.client ORDER BY note; COMMIT;");
$session->query_safe("BEGIN; DECLARE d CURSOR FOR WITH w AS MATERIALIZED (SELECT note, essay FROM app.client) SELECT * FROM w ORDER BY note;");
$session->query_safe("FETCH 1 FROM d; FETCH 1 FROM c;");

as($node, undef, 'ANALYZE; VACUUM; CHECKPOINT; SELECT pg_switch_wal()');
as($node, 'owner', 'UPDATE app.client SET phone = NULL WHERE id = 101; DELETE FROM app.client WHERE id = 102');

my @needles = ($mark, mobile(1), mobile(2), mobile(4), mobile(5), mobile(6), '13600000100');
sub data_files { return [ files_below($node->data_dir) ]; }
is(scalar(grep { /base\/pgsql_tmp\// } @{ data_files() }) > 0 ? 1 : 0,
	1, 'there are temporary files to be searched');

# 2. Nothing of it in any file, while the server runs and after it stopped.
my @found = find_bytes(data_files(), @needles);
is(scalar(@found), 0, 'files of the running server hold no canary')
  or diag(join("\n", @found));
$session->query_safe('COMMIT;');
$session->quit;
@found = find_bytes(data_files(), $plain_control);
cmp_ok(scalar(grep { /\/base\// } @found), '>=', 1, 'the control is found in tables');
cmp_ok(scalar(grep { /\/pg_wal\// } @found), '>=', 1, 'and in WAL');
my @log_found = find_bytes([ $node->logfile ], @needles);
is(scalar(@log_found), 0, 'the server log holds no canary')
  or diag(join("\n", grep { /$mark|139123/ } split(/\n/, slurp_file($node->logfile))));

# 3. Statistics.
my $stats = as($node, undef, <<'SQL');
SELECT s::text FROM pg_statistic s WHERE starelid IN ('app.client'::regclass, 'app.parted0'::regclass, 'app.mv'::regclass);
SELECT s::text FROM pg_stats s WHERE schemaname = 'app' AND tablename <> 'control';
SELECT s::text FROM pg_stats_ext s;
SQL
unlike($stats, qr/$mark|1391234|cip1:/, 'statistics hold neither plaintext nor ciphertext');
$stats = as($node, 'owner', "SELECT s::text FROM pg_stats s WHERE schemaname = 'app' AND tablename <> 'control'");
unlike($stats, qr/$mark|1391234|cip1:/, 'also not for a reader who owns the table');
as($node, 'owner', 'CREATE STATISTICS app.nd (ndistinct) ON id, phone FROM app.client; ANALYZE app.client');
refused($node, 'owner', 'CREATE STATISTICS app.bad ON (note::text), id FROM app.client',
	'0A000', 'statistics of a decrypted column are refused');
refused($node, 'owner', 'CREATE STATISTICS app.bad (mcv) ON id, phone FROM app.client',
	'0A000', 'most common values, too');
# Expressions over the whole row hide the column.
run_as($node, 'owner', "CREATE STATISTICS app.whole ON (client::text), id FROM app.client", stop => 0);
run_as($node, 'owner', "CREATE STATISTICS app.whole2 ON ((to_jsonb(client))), id FROM app.client", stop => 0);
as($node, 'owner', 'ANALYZE app.client');
$stats = as($node, undef, "SELECT s::text FROM pg_stats_ext s; SELECT s::text FROM pg_stats_ext_exprs s");
unlike($stats, qr/$mark|1391234/, 'statistics of whole rows hold no plaintext');

# 4. Definitions and plans, for a reader.
as($node, 'owner', "CREATE VIEW app.v AS SELECT id, note FROM app.client WHERE phone = '13912340001' OR note = '" . canary(1) . "';"
	  . "CREATE TABLE app.d (id int, note cipguard.enc_text('note') DEFAULT '${mark}default', CHECK (note <> '${mark}check'));"
	  . "GRANT SELECT, INSERT ON app.v, app.d TO reader; INSERT INTO app.d VALUES (1)");
is(as($node, 'reader', 'SELECT note FROM app.d'), "${mark}default", 'a default of an encrypted column works');
my $defs = as($node, 'reader', <<'SQL');
SELECT pg_get_viewdef('app.v');
SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'app.d'::regclass;
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'app.d'::regclass;
SELECT adbin::text FROM pg_attrdef;
SELECT ev_action::text FROM pg_rewrite WHERE ev_class = 'app.v'::regclass;
SELECT view_definition FROM information_schema.views WHERE table_schema = 'app';
SELECT column_default FROM information_schema.columns WHERE table_schema = 'app';
SQL
unlike($defs, qr/$mark|1391234/, 'definitions show no plaintext, not even to a reader');
like($defs, qr/cip1:/, 'but armor');
my $plans = as($node, 'reader', <<"SQL");
EXPLAIN VERBOSE SELECT * FROM app.client WHERE note = '${\canary(1)}';
EXPLAIN VERBOSE SELECT * FROM app.v;
EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM app.client WHERE phone IN ('13912340001', '13912340002');
SET plan_cache_mode = force_custom_plan;
PREPARE p (cipguard.enc_text) AS SELECT * FROM app.client WHERE note = \$1;
EXPLAIN VERBOSE EXECUTE p ('${\canary(1)}');
EXPLAIN VERBOSE INSERT INTO app.d VALUES (1, '${\canary(1)}');
SQL
unlike($plans, qr/$mark|1391234/, 'plans show no plaintext, not even to a reader');

# 5. Errors: nothing of another row, and nothing in the log.
my $offset = -s $node->logfile;
foreach my $role ('clerk', 'reader')
{
	my $err = refused($node, $role, "INSERT INTO app.client (id, phone) VALUES (20000, '13912340001')",
		'23505', "$role: unique violation");
	unlike($err, qr/$mark/, "$role: unique violation shows nothing else");
	$err = refused($node, $role, "UPDATE app.client SET phone = (SELECT phone FROM app.client WHERE id = 2) WHERE id = 1",
		$role eq 'reader' ? '23505' : 'ZC013', "$role: unique violation with a value he did not type");
	unlike($err, qr/1391234/, "$role: which is not shown");
	$err = refused($node, $role, 'UPDATE app.client SET id = -id WHERE id = 1', '23514', "$role: check violation");
	unlike($err, qr/$mark|1391234/, "$role: the failing row is not shown");
	$err = refused($node, $role, 'UPDATE app.client SET id = NULL WHERE id = 1', '23502', "$role: not-null violation");
	unlike($err, qr/$mark|1391234/, "$role: the failing row is not shown");
	$err = refused($node, $role, "UPDATE app.client SET phone = '1391234' WHERE id = 1", 'ZC007', "$role: invalid value");
	unlike($err, qr/1391234(?!' WHERE)/, "$role: it is not echoed");
	$err = refused($node, $role, "COPY app.client (id, phone) FROM stdin;\n20000\t139123499\n\\.\n", 'ZC007', "$role: invalid value in COPY");
	$err = refused($node, $role, "COPY app.client (id, note, phone) FROM stdin;\n20000\t${mark}copy\t13912340001\n\\.\n", '23505', "$role: unique violation in COPY");
	$err = refused($node, $role, "COPY app.client (id, note, phone) FROM stdin;\n20000\t${mark}copy\n\\.\n", '22P04', "$role: missing column in COPY");
	$err = refused($node, $role, "PREPARE p (int, text) AS INSERT INTO app.client (id, phone) VALUES (\$1, \$2); EXECUTE p (20000, '13912340001')", '23505', "$role: unique violation, prepared");
	$err = refused($node, $role, "DO \$\$ BEGIN EXECUTE format('INSERT INTO app.client (id, phone) VALUES (20000, %L)', '13912340001'); END \$\$", '23505', "$role: unique violation in dynamic SQL");
	$err = refused($node, $role, "INSERT INTO app.client (id, note, phone) VALUES (-1, '${mark}typed', '13912349999')", '23514', "$role: check violation of typed values");
}
my $err = refused($node, 'reader', "BEGIN; ALTER TABLE app.client ADD CONSTRAINT x UNIQUE (essay)", '42501', 'a reader is no owner');
$err = refused($node, 'owner', "BEGIN; ALTER TABLE app.client ADD CHECK (id < 5)", '23514', 'owner: violated by some row');
unlike($err, qr/$mark|1391234/, 'owner: it is not shown');
$err = refused($node, 'owner', "BEGIN; UPDATE app.client SET note = 'twin' WHERE id IN (1, 2); CREATE UNIQUE INDEX ON app.client (note)", '23505', 'owner: unique index over twins');
unlike($err, qr/twin(?!')/, 'owner: the value is not shown');
# Foreign keys, and constraints that wait for the commit.
as($node, 'owner', "CREATE TABLE app.fk (phone cipguard.enc_text('mobile') REFERENCES app.client (phone) DEFERRABLE INITIALLY DEFERRED); GRANT ALL ON app.fk TO reader");
$err = refused($node, 'reader', "INSERT INTO app.fk VALUES ('13912349998')", '23503', 'reader: deferred foreign key');
unlike($err, qr/DETAIL.*1391234/, 'reader: the value is not shown');
$err = refused($node, 'reader', "BEGIN; INSERT INTO app.fk VALUES ('13912349998'); COMMIT", '23503', 'reader: deferred foreign key at commit');
unlike($err, qr/DETAIL.*1391234/, 'reader: the value is not shown');
# A function of a reader does the work for a clerk.
as($node, undef, "SET ROLE owner; CREATE FUNCTION app.move(int) RETURNS void LANGUAGE sql SECURITY DEFINER AS 'UPDATE app.client SET id = -1 WHERE id = \$1'");
$err = refused($node, 'clerk', 'SELECT app.move(1)', '23514', 'clerk: check violation in a function of a reader');
unlike($err, qr/$mark|1391234/, 'clerk: the failing row is not shown');

my $log = log_since($node, $offset);
my @lines = grep { /$mark|1391234/ } split(/\n/, $log);
is(scalar(@lines), 0, 'the log of all these errors holds no value') or diag(join("\n", @lines));
like($log, qr/duplicate key value violates unique constraint "client_phone_key"/, 'it tells the error');

# Errors about tables without encrypted columns are logged as ever.
$offset = -s $node->logfile;
refused($node, 'owner', 'INSERT INTO app.nowhere VALUES (1)', '42P01', 'an error about plain tables');
like(log_since($node, $offset), qr/STATEMENT:.*app\.nowhere/, 'is logged with its statement');
as($node, 'owner', 'CREATE TABLE app.plain (id int PRIMARY KEY); INSERT INTO app.plain VALUES (1)');
refused($node, 'owner', 'INSERT INTO app.plain VALUES (1)', '23505', 'an error with detail');
like(log_since($node, $offset), qr/DETAIL:  Key \(id\)=\(1\) already exists/, 'is logged with it');

# 6. auto_explain logs the plan; constants of encrypted columns are armor there.
$offset = -s $node->logfile;
as($node, undef, <<"SQL");
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_verbose = on;
SET SESSION AUTHORIZATION reader;
SELECT count(*) FROM app.v;
SQL
$log = log_since($node, $offset);
like($log, qr/Seq Scan|Index/, 'auto_explain logs plans');
unlike($log, qr/$mark|1391234/, 'auto_explain shows no constant of a view');

# 7. After a clean stop and a crash, nothing in any file.
as($node, undef, 'CHECKPOINT');
$node->stop('immediate');
@found = find_bytes(data_files(), $mark, mobile(1), mobile(2), mobile(4), mobile(5), mobile(6), '13600000100');
is(scalar(@found), 0, 'files of the stopped server hold no canary') or diag(join("\n", @found));
$node->start;
is(as($node, 'reader', 'SELECT note FROM app.client WHERE id = 1'), canary(1), 'and yet the reader reads');
$node->stop;

done_testing();

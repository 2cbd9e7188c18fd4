# 198_versions.pl
#	What only newer servers have: MERGE with RETURNING (17); columns that are
#	computed when they are read, OLD and NEW in RETURNING, GROUP BY that later
#	clauses refer to, GIN indexes built in parallel (18).

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('versions');
my $version = as($node, undef, "SELECT current_setting('server_version_num')::int / 10000");

as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql());
as($node, undef, <<'SQL');
SET client_min_messages = error;
SELECT cipguard.add_category('day', 'searchable'), cipguard.add_category('road', 'searchable');
CREATE TABLE client (
	id int PRIMARY KEY,
	name text,
	phone cipguard.enc_text('mobile') UNIQUE,
	born cipguard.enc_date('day'),
	road cipguard.enc_text('road')
);
SELECT cipguard.grant_access('reader', 'day'), cipguard.grant_access('reader', 'road');
SECURITY LABEL FOR cipguard ON COLUMN client.name IS 'name';
INSERT INTO client SELECT i, 'QzNAME' || i % 5, '138' || to_char(i, 'FM00000000'), date '1990-01-01' + (i * 7 % 50), 'QzROAD ' || i % 20 FROM generate_series(1, 200) i;
GRANT SELECT, INSERT, UPDATE, DELETE ON client TO reader, clerk;
SELECT cipguard.create_masking_view('client');
GRANT SELECT, INSERT, UPDATE, DELETE ON client_masked TO reader, clerk;
SQL

# Nothing of the plaintext gets to the clerk, whichever way the query goes.
my $plain = qr/QzNAME|QzROAD|1380000|1990-(?!01-01)/;
sub hides
{
	my ($sql, $name, $rows) = @_;
	my ($out, $err) = run_as($node, 'clerk', "BEGIN; $sql; ROLLBACK");
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	unlike("$out$err", $plain, "$name: no plaintext");
	if ($rows) { is(scalar(my @lines = split(/\n/, $out)), $rows, "$name: the rows are there") or diag($err); }
	else { isnt($err, '', "$name: refused"); }
	return $out;
}

# All versions.
is(as($node, 'reader', "SELECT string_agg(road::text, ',' ORDER BY road) FROM client WHERE id <= 3"), 'QzROAD 1,QzROAD 2,QzROAD 3', 'an ordered aggregate');
is(as($node, 'reader', "SELECT road::text || ' ' || count(*) FROM client GROUP BY road ORDER BY road LIMIT 2"), "QzROAD 0 10\nQzROAD 1 10", 'groups in the order of plaintext');
is(as($node, 'reader', 'SELECT born, count(*), min(born) = born FROM client GROUP BY born HAVING count(*) > 1 ORDER BY born DESC LIMIT 2'), "1990-02-19|4|t\n1990-02-18|4|t", 'and of dates');
is(as($node, 'reader', 'SELECT count(*) FROM (SELECT DISTINCT ON (road) road, born FROM client ORDER BY road, born DESC) d'), '20', 'DISTINCT ON');
is(as($node, 'reader', 'SELECT road, born, count(*) FROM client WHERE id <= 4 GROUP BY ROLLUP (road, born) ORDER BY road NULLS FIRST, born NULLS FIRST LIMIT 3'), "||4\nQzROAD 1||1\nQzROAD 1|1990-01-08|1", 'ROLLUP');
hides('SELECT name, phone, road, born, count(*) FROM client GROUP BY name, phone, road, born ORDER BY name, phone', 'grouping by what is protected', 200);
hides('SELECT phone, count(*) FROM client GROUP BY ROLLUP (phone)', 'ROLLUP', 201);

SKIP:
{
	skip 'needs PostgreSQL 17', 1 if $version < 17;
	my $merge = 'USING (VALUES (1), (2), (500)) v (id) ON c.id = v.id WHEN MATCHED AND v.id = 1 THEN DELETE WHEN MATCHED THEN UPDATE SET id = 1000'
	  . " WHEN NOT MATCHED THEN INSERT (id, name, phone) VALUES (500, 'x', '13911112222') RETURNING merge_action(), c.*";
	is(as($node, 'reader', "BEGIN; MERGE INTO client c $merge; ROLLBACK"),
		"DELETE|1|QzNAME1|13800000001|1990-01-08|QzROAD 1\nUPDATE|1000|QzNAME2|13800000002|1990-01-15|QzROAD 2\nINSERT|500|x|13911112222||",
		'MERGE returns to a reader what is there');
	hides("MERGE INTO client c $merge", 'MERGE', 3);
	hides("MERGE INTO client c $merge, name, phone, c.name || '!'", 'MERGE with columns by name', 3);
	hides("WITH m AS (MERGE INTO client c $merge) SELECT * FROM m", 'MERGE in WITH', 3);
	hides("MERGE INTO client c USING (VALUES (1)) v (id) ON c.id = v.id WHEN NOT MATCHED BY SOURCE AND c.id > 198 THEN UPDATE SET id = c.id + 1000 RETURNING c", 'MERGE with rows of no source', 2);
	hides("SELECT j.* FROM client, JSON_TABLE(to_jsonb(client), '\$' COLUMNS (n text PATH '\$.name', p text PATH '\$.phone', r text PATH '\$.road')) j", 'JSON_TABLE', 200);
	hides("SELECT JSON_OBJECT('a': name, 'b': phone), JSON_ARRAY(name, road), JSON_QUERY(to_jsonb(client), '\$.*' WITH WRAPPER), JSON_SCALAR(name), JSON_SERIALIZE(to_json(client)) FROM client", 'JSON', 200);
	hides("SELECT merged.* FROM (SELECT 1) one, LATERAL (SELECT name, phone FROM client_masked) merged", 'LATERAL', 200);
}

SKIP:
{
	skip 'needs PostgreSQL 18', 1 if $version < 18;
	as($node, undef, "ALTER TABLE client ADD COLUMN loud text GENERATED ALWAYS AS (upper(name)) VIRTUAL, ADD COLUMN first text GENERATED ALWAYS AS (left(name, 7)) VIRTUAL");
	is(as($node, 'reader', 'SELECT loud, first FROM client WHERE id = 1'), 'QZNAME1|QzNAME1', 'a reader reads a computed column');
	my $hidden = hides('SELECT loud, first FROM client ORDER BY id', 'a computed column', 200);
	unlike($hidden, qr/QzNAME/i, 'nor its result');
	unlike(hides('SELECT client FROM client', 'the whole row', 200), qr/QzNAME/i, 'with its computed column');
	unlike(hides('SELECT to_jsonb(client), row(client.*) FROM client', 'the row as an argument', 200), qr/QzNAME/i, 'with its computed column');
	unlike(hides('SELECT loud, first FROM client_masked', 'and of the view', 200), qr/QzNAME/i, 'nor its result');

	unlike(hides("UPDATE client SET id = id + 1000 WHERE id <= 3 RETURNING OLD.*, NEW.*", 'OLD and NEW', 3), qr/QzNAME/i, 'none in OLD and NEW');
	unlike(hides("UPDATE client SET id = id + 1000 WHERE id <= 3 RETURNING WITH (OLD AS o, NEW AS n) o, n, o.name || n.name, o.phone, n.phone::text", 'OLD and NEW as rows', 3), qr/QzNAME/i, 'none in the rows');
	unlike(hides("DELETE FROM client WHERE id <= 3 RETURNING OLD.name, OLD.phone, OLD.loud, NEW.name", 'DELETE', 3), qr/QzNAME/i, 'none in OLD');
	unlike(hides("INSERT INTO client (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 2000 RETURNING OLD.name, OLD, NEW.phone, NEW", 'upsert', 1), qr/QzNAME/i, 'none in OLD');
	unlike(hides("MERGE INTO client c USING (VALUES (1)) v (id) ON c.id = v.id WHEN MATCHED THEN DELETE RETURNING OLD, NEW, OLD.road, OLD.loud", 'MERGE', 1), qr/QzNAME/i, 'none in OLD');
	hides("UPDATE client_masked SET id = id + 1000 WHERE id <= 3 RETURNING OLD.name, OLD.phone, OLD.road, NEW.name, NEW", 'OLD and NEW of the view', 3);
	is(as($node, 'reader', "BEGIN; UPDATE client SET name = 'new', phone = '13911112222' WHERE id = 1 RETURNING OLD.name, NEW.name, OLD.phone, NEW.phone, NEW.loud, OLD.loud; ROLLBACK"),
		'QzNAME1|new|13800000001|13911112222|NEW|QZNAME1', 'a reader gets both');

	as($node, undef, <<'SQL');
SET client_min_messages = error;
CREATE TABLE big (id int, v cipguard.enc_text('address'));
INSERT INTO big SELECT i, 'road ' || i FROM generate_series(1, 5000) i;
ALTER TABLE big SET (parallel_workers = 2);
SET max_parallel_maintenance_workers = 2;
SET min_parallel_table_scan_size = 0;
SET maintenance_work_mem = '256MB';
CREATE INDEX big_gin ON big USING gin (v cipguard.enc_text_ngram_ops);
GRANT SELECT ON big TO reader;
ANALYZE big;
SQL
	my $search = "SELECT count(*) FROM big WHERE v LIKE '%d 12%'";
	is(as($node, 'reader', "SET enable_seqscan = off; $search"), as($node, 'reader', "SET enable_indexscan = off; SET enable_bitmapscan = off; $search"),
		'an index that was built in parallel finds the same');
	like(as($node, 'reader', "SET enable_seqscan = off; EXPLAIN (COSTS OFF) $search"), qr/big_gin/, 'and is used');
}

done_testing();

#!/bin/bash
#
# search.sh
#		Ranges, order and patterns on encrypted columns against plain ones.
#
#	search.sh [ROWS [ROUNDS]]			default 1000000 5
#
# Runs against the server that PGHOST, PGPORT and PGUSER (a superuser) name,
# which preloads cipguard and knows pg_trgm, in a database of its own, which it
# drops again.  Plain and encrypted take turns in each round; the table that it
# prints, in Markdown, has medians of wall time in milliseconds.

set -eu -o pipefail
: "${PGHOST:?}" "${PGUSER:?}"
rows=${1:-1000000}
rounds=${2:-5}
export PGCLIENTENCODING=UTF8
database=cipguard_bench_search
role=cipguard_bench_search

clean_up()
{
	PGDATABASE=postgres psql -Xq -c "DROP DATABASE IF EXISTS $database WITH (FORCE)" -c "DROP ROLE IF EXISTS $role" 2> /dev/null || true
}
trap clean_up EXIT

clean_up
PGDATABASE=postgres psql -Xq -c "CREATE DATABASE $database" -c "CREATE ROLE $role"
export PGDATABASE=$database
psql -Xq -v ON_ERROR_STOP=1 -v rows="$rows" -v rounds="$rounds" -v role="$role" <<'SQL'
SET client_min_messages = error;
CREATE EXTENSION cipguard CASCADE;
CREATE EXTENSION pg_trgm;
SELECT cipguard.grant_access(:'role', 'mobile', 'read'), cipguard.grant_access(:'role', 'qq', 'read') \gset
CREATE TABLE plain AS SELECT g AS id, '138' || lpad((g::bigint * 245489 % 100000000)::text, 8, '0') AS m, g::bigint * 7919 % 1000003 AS i
	FROM generate_series(1, :rows) g;
CREATE TABLE enc (id int, m cipguard.enc_text('mobile'), i cipguard.enc_int8('qq'));
INSERT INTO enc SELECT * FROM plain;
VACUUM ANALYZE;
CREATE TABLE job (n int GENERATED ALWAYS AS IDENTITY, name text, plain text, enc text, times int);
INSERT INTO job (name, plain, enc, times) VALUES
	('btree index, text by value', 'DROP INDEX IF EXISTS plain_m; CREATE INDEX plain_m ON plain (m)', 'DROP INDEX IF EXISTS enc_m; CREATE INDEX enc_m ON enc (m cipguard.enc_text_order_ops)', 1),
	('btree index, bigint by value', 'DROP INDEX IF EXISTS plain_i; CREATE INDEX plain_i ON plain (i)', 'DROP INDEX IF EXISTS enc_i; CREATE INDEX enc_i ON enc (i cipguard.enc_int8_order_ops)', 1),
	('GIN index of pieces (plain: pg_trgm)', 'DROP INDEX IF EXISTS plain_g; CREATE INDEX plain_g ON plain USING gin (m gin_trgm_ops)',
		'DROP INDEX IF EXISTS enc_g; CREATE INDEX enc_g ON enc USING gin (m cipguard.enc_text_ngram_ops)', 1),
	('range of 1 in 200, text', $$SELECT count(id) FROM plain WHERE m BETWEEN '13850000000' AND '13850500000'$$, $$SELECT count(id) FROM enc WHERE m BETWEEN '13850000000' AND '13850500000'$$, 10),
	('first ten by value', 'SELECT id FROM plain ORDER BY m LIMIT 10', 'SELECT id FROM enc ORDER BY m USING < LIMIT 10', 200),
	('least value', 'SELECT min(i) FROM plain', 'SELECT min(i) FROM enc', 200),
	('last four digits', $$SELECT count(id) FROM plain WHERE m LIKE '%1234'$$, $$SELECT count(id) FROM enc WHERE m LIKE '%1234'$$, 20),
	('sort of all rows', 'SELECT count(*) FROM (SELECT m FROM plain ORDER BY m OFFSET 0) s', 'SELECT count(*) FROM (SELECT m FROM enc ORDER BY m USING < OFFSET 0) s', 1);
CREATE TABLE result (n int, plain float8, enc float8);
CREATE FUNCTION took(statement text, times int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz := clock_timestamp();
BEGIN
	FOR i IN 1 .. times LOOP
		EXECUTE statement;
	END LOOP;
	RETURN extract(epoch FROM clock_timestamp() - began) * 1000 / times;
END
$$;
ALTER TABLE plain OWNER TO :role;
ALTER TABLE enc OWNER TO :role;
GRANT ALL ON ALL TABLES IN SCHEMA public TO :role;
GRANT CREATE ON SCHEMA public TO :role;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET max_parallel_maintenance_workers = 0;
SET maintenance_work_mem = '512MB';
SET work_mem = '256MB';
SET ROLE :role;
-- A statement of its own each, since an index is not used in the transaction that made it if rows changed there.
SELECT format('INSERT INTO result SELECT %s, took(%L, %s), took(%L, %s)', n, plain, times, enc, times) FROM generate_series(1, :rounds) r, job ORDER BY r, n \gexec
\pset format unaligned
\pset tuples_only on
SELECT format('%s rows, medians of %s rounds', :rows, :rounds);
SELECT E'\n| | plain, ms | encrypted, ms | ratio |\n|---|---:|---:|---:|';
SELECT format('| %s | %s | %s | %s |', name, round(p::numeric, 3), round(e::numeric, 3), round((e / p)::numeric, 2))
	FROM (SELECT n, percentile_cont(0.5) WITHIN GROUP (ORDER BY plain) AS p, percentile_cont(0.5) WITHIN GROUP (ORDER BY enc) AS e FROM result GROUP BY n) r JOIN job USING (n) ORDER BY n;
SQL

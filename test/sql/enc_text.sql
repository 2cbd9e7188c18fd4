-- enc_text: input, output, armor, casts, arrays, domains, COPY, large values.
CREATE ROLE regress_cipguard_reader;
CREATE ROLE regress_cipguard_clerk;
SELECT cipguard.grant_access('regress_cipguard_reader', c) IS NOT NULL AS granted FROM unnest(ARRAY['name', 'mobile', 'address']) c;
CREATE SCHEMA regress_enc;
GRANT USAGE, CREATE ON SCHEMA regress_enc TO regress_cipguard_reader, regress_cipguard_clerk;
SET search_path = regress_enc;

CREATE TABLE client (id int PRIMARY KEY, name cipguard.enc_text('name'), mobile cipguard.enc_text('mobile'), address cipguard.enc_text('address'));
GRANT ALL ON client TO regress_cipguard_reader, regress_cipguard_clerk;
INSERT INTO client VALUES (1, '张三', '13800138000', '上海市浦东新区世纪大道100号'), (2, NULL, NULL, NULL), (3, '', '+86 138-0013-8001', '');
INSERT INTO client SELECT 4, '李四'::text, '13800138002'::varchar(20), '北京市'::char(20);
PREPARE ins (int, cipguard.enc_text, text) AS INSERT INTO client VALUES ($1, $2, $3, $3);
EXECUTE ins(5, '王五', '13800138003');

-- A reader sees plaintext, everybody else armor; superusers are not exempt.
SET ROLE regress_cipguard_reader;
SELECT * FROM client ORDER BY id;
SELECT id, mobile::text, name::varchar, address::bpchar, name::name, to_json(name), to_jsonb(mobile) FROM client WHERE id = 1;
SELECT row_to_json(c) FROM client c WHERE id = 3;
SET ROLE regress_cipguard_clerk;
SELECT id, mobile IS NULL AS is_null, test.raw(mobile) IS NULL AS no_bytes, client.mobile::text IS NULL FROM client WHERE id = 2;
SELECT id, to_json(name)::text ~ '^"cip1:[A-Za-z0-9_-]+"$' AS armor, left(row_to_json(c)::text, 20) FROM client c WHERE id = 1;
SELECT test.error_of($$SELECT mobile::text FROM regress_enc.client WHERE id = 1$$);
SELECT test.error_of($$SELECT mobile::varchar FROM regress_enc.client WHERE id = 1$$);
SELECT test.error_of($$SELECT mobile::bpchar FROM regress_enc.client WHERE id = 1$$);
SELECT test.error_of($$SELECT mobile::name FROM regress_enc.client WHERE id = 1$$);
RESET ROLE;
SELECT test.error_of($$SELECT mobile::text FROM regress_enc.client WHERE id = 1$$) AS superuser;
SELECT test.error_of($$SELECT mobile || 'x' FROM regress_enc.client WHERE id = 1$$) AS concatenation;

-- Random mode: equal values differ; searchable: equal values are equal.
INSERT INTO client SELECT g, '同名', '13900139000', '同一地址' FROM generate_series(100, 199) g;
SELECT count(DISTINCT test.raw(address)) AS addresses, count(DISTINCT test.raw(name)) AS names, count(DISTINCT test.raw(mobile)) AS mobiles FROM client WHERE id >= 100;
-- The token hides spelling, the value keeps it.
INSERT INTO client (id, mobile) VALUES (200, '139 0013 9000');
SELECT substr(test.raw(a.mobile), 13, 16) = substr(test.raw(b.mobile), 13, 16) AS same_token, substr(test.raw(a.mobile), 29) <> substr(test.raw(b.mobile), 29) AS other_text FROM client a, client b WHERE a.id = 100 AND b.id = 200;
-- Padding: lengths of 1 to 15 bytes are one.
SELECT length(test.raw('1'::cipguard.enc_text('name'))) = length(test.raw('123456789012345'::cipguard.enc_text('name'))) AS hidden, length(test.raw('1234567890123456'::cipguard.enc_text('name'))) - length(test.raw('1'::cipguard.enc_text('name'))) AS next_step;
-- The operators of the btree are of one order, and agree with equality. (NOT would make the planner ask the negator.)
SET ROLE regress_cipguard_reader;
SELECT count(*) AS pairs, bool_and((a.mobile OPERATOR(cipguard.#<=#) b.mobile) <> (a.mobile OPERATOR(cipguard.#>#) b.mobile)
		AND (a.mobile OPERATOR(cipguard.#>=#) b.mobile) <> (a.mobile OPERATOR(cipguard.#<#) b.mobile)
		AND (a.mobile OPERATOR(cipguard.#<=#) b.mobile AND a.mobile OPERATOR(cipguard.#>=#) b.mobile) = (a.mobile = b.mobile)
		AND (a.mobile OPERATOR(cipguard.#<#) b.mobile) = (b.mobile OPERATOR(cipguard.#>#) a.mobile)) AS one_order
	FROM client a, client b WHERE (a.id < 4 OR a.id >= 198) AND (b.id < 4 OR b.id >= 198) AND a.mobile IS NOT NULL AND b.mobile IS NOT NULL;
SELECT count(*) FILTER (WHERE a.mobile <> b.mobile) AS unequal, count(*) FILTER (WHERE a.mobile <> '+8613800138000'::text) AS to_text, count(*) FILTER (WHERE '+8613800138000'::text <> a.mobile) AS of_text
	FROM client a, client b WHERE (a.id < 4 OR a.id >= 198) AND (b.id < 4 OR b.id >= 198) AND a.mobile IS NOT NULL AND b.mobile IS NOT NULL;
RESET ROLE;

-- Armor goes out and comes back, byte for byte, for a role that cannot read it.
CREATE TABLE copy (LIKE client);
GRANT ALL ON copy TO regress_cipguard_reader, regress_cipguard_clerk;
SET ROLE regress_cipguard_clerk;
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT id, format('%s', name) AS name, format('%s', mobile) AS mobile, format('%s', address) AS address FROM regress_enc.client WHERE id = 1 LOOP
		INSERT INTO regress_enc.copy VALUES (r.id, r.name, r.mobile, r.address);
	END LOOP;
END
$$;
RESET ROLE;
SELECT test.raw(a.name) = test.raw(b.name) AND test.raw(a.mobile) = test.raw(b.mobile) AND test.raw(a.address) = test.raw(b.address) AS equal FROM client a JOIN copy b USING (id);

-- Bad armor: cut, changed, of another column, and text that only looks like it.
SELECT format('%s', mobile) AS armor FROM client WHERE id = 1 \gset
SELECT cut, left(test.error_of(format('SELECT %L::cipguard.enc_text', left(:'armor', -cut))), 5) IN ('ZC006', 'ZC010') AS refused FROM generate_series(1, 8) cut;
SELECT count(*) AS changes, count(*) FILTER (WHERE test.error_of(format('SELECT %L::cipguard.enc_text', overlay(:'armor' placing chr(CASE substr(:'armor', at, 1) WHEN 'A' THEN 66 ELSE 65 END) from at for 1))) ~ '^ZC0(05|06|10): ') AS refused
	FROM generate_series(6, length(:'armor')) at;
SELECT test.error_of(format('SELECT %L::cipguard.enc_text', :'armor' || '='));
SELECT test.error_of(format('SELECT %L::cipguard.enc_text', :'armor' || ' '));
SELECT test.error_of($$SELECT 'cip1:'::cipguard.enc_text$$);
SELECT test.error_of($$SELECT 'cip1:hello'::cipguard.enc_text('name')$$);
SELECT test.error_of($$SELECT 'cip1:hello'::text::cipguard.enc_text('name')$$);
SET ROLE regress_cipguard_clerk;
-- Unknown key version, as if a dump were restored: not for everybody.
SET check_function_bodies = off;
SELECT test.error_of(format('INSERT INTO regress_enc.copy (id, mobile) VALUES (9, %L)', overlay(:'armor' placing 'D' from 17 for 1))) AS forged;
RESET check_function_bodies;
SELECT test.error_of(format('INSERT INTO regress_enc.copy (id, address) VALUES (9, %L)', :'armor')) AS laundering;
SET ROLE regress_cipguard_reader;
INSERT INTO copy (id, address) VALUES (9, :'armor');
SELECT address FROM copy WHERE id = 9;
RESET ROLE;

-- Values that the category refuses change nothing and are not repeated.
SELECT test.error_of($$INSERT INTO regress_enc.client (id, mobile) VALUES (300, '12345')$$);
SELECT test.error_of($$INSERT INTO regress_enc.client (id, mobile) VALUES (300, '12345'::text)$$);
SELECT test.error_of($$UPDATE regress_enc.client SET mobile = '12345' WHERE id = 1$$);
SELECT test.error_of($$SELECT '12345'::cipguard.enc_text('mobile')$$);
SELECT count(*) FROM client WHERE id = 300;

-- Type modifier.
SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'client'::regclass AND attname = 'mobile';
SELECT test.error_of($$CREATE TABLE regress_enc.bad (v cipguard.enc_text('mobil'))$$);
SELECT test.error_of($$CREATE TABLE regress_enc.bad (v cipguard.enc_text('zzzzzzzzzz'))$$);
SELECT test.error_of($$CREATE TABLE regress_enc.bad (v cipguard.enc_text('name', 'mobile'))$$);
SELECT test.error_of($$CREATE TABLE regress_enc.bad (v cipguard.enc_text('unclassified'))$$);
SELECT test.error_of($$CREATE TABLE regress_enc.bad (v cipguard.enc_text)$$);
SELECT test.error_of($$CREATE SCHEMA regress_enc2 CREATE TABLE bad (v cipguard.enc_text)$$);
SELECT test.error_of($$CREATE TABLE regress_enc.bad (v cipguard.enc_text[])$$);
SELECT test.error_of($$CREATE DOMAIN regress_enc.bad AS cipguard.enc_text$$);
SELECT test.error_of($$CREATE TYPE regress_enc.bad AS (v cipguard.enc_text)$$);
SELECT test.error_of($$CREATE TABLE regress_enc.bad AS SELECT 'x'::cipguard.enc_text AS v$$);
SELECT test.error_of($$ALTER TABLE regress_enc.client ADD v cipguard.enc_text$$);
SELECT test.error_of($$ALTER TABLE regress_enc.client ALTER mobile TYPE cipguard.enc_text$$);
SELECT test.error_of($$CREATE TABLE regress_enc.bad (v cipguard.enc_text('#x'))$$);
SELECT test.error_of($$CREATE TABLE regress_enc.bad (v cipguard.enc_text('#1'))$$);

-- Plaintext is never stored by assignment.
CREATE TABLE plain (t text, v varchar, b char(20), n name, j json);
GRANT ALL ON plain TO regress_cipguard_reader;
SET ROLE regress_cipguard_reader;
SELECT test.error_of('INSERT INTO regress_enc.plain (t) SELECT mobile FROM regress_enc.client');
SELECT test.error_of('INSERT INTO regress_enc.plain (v) SELECT mobile FROM regress_enc.client');
SELECT test.error_of('INSERT INTO regress_enc.plain (b) SELECT mobile FROM regress_enc.client');
SELECT test.error_of('INSERT INTO regress_enc.plain (n) SELECT mobile FROM regress_enc.client');
SELECT test.error_of('INSERT INTO regress_enc.plain (j) SELECT mobile FROM regress_enc.client');
INSERT INTO plain (t) SELECT mobile::text FROM client WHERE id = 1;
SELECT t FROM plain;
RESET ROLE;

-- Arrays, domains, composites.
CREATE DOMAIN phone AS cipguard.enc_text('mobile');
CREATE TYPE contact AS (who cipguard.enc_text('name'), phone phone);
CREATE TABLE book (id int, phones cipguard.enc_text('mobile')[], main phone, contact contact);
GRANT ALL ON book TO regress_cipguard_reader, regress_cipguard_clerk;
INSERT INTO book VALUES (1, '{13800138000,NULL,13800138001}', '13800138000', ROW('张三', '13800138000')), (2, ARRAY['13800138002'], '13800138002'::text, NULL), (3, '{}', NULL, NULL);
SELECT test.error_of($$INSERT INTO regress_enc.book VALUES (4, '{1}', NULL, NULL)$$);
SELECT test.error_of($$INSERT INTO regress_enc.book VALUES (4, NULL, '1', NULL)$$);
SET ROLE regress_cipguard_reader;
SELECT * FROM book ORDER BY id;
SELECT id, u FROM book, unnest(phones) u ORDER BY id, u IS NULL;
SET ROLE regress_cipguard_clerk;
SELECT id, array_length(phones, 1), phones[1]::text IS NULL FROM book WHERE id = 3;
SELECT format('%s', phones) LIKE '{cip1:%,NULL,cip1:%}' AS armor FROM book WHERE id = 1;
RESET ROLE;

-- COPY: text, csv, binary; plaintext and armor; and back.
SET ROLE regress_cipguard_reader;
COPY (SELECT id, name, mobile FROM client WHERE id IN (1, 2, 3) ORDER BY id) TO STDOUT;
COPY (SELECT id, name, mobile FROM client WHERE id IN (1, 2, 3) ORDER BY id) TO STDOUT (FORMAT csv, HEADER);
RESET ROLE;
COPY copy (id, name, mobile) FROM STDIN;
20	赵六	13800138006
21	\N	\N
\.
COPY copy (id, name, mobile) FROM STDIN (FORMAT csv);
22,"钱七",13800138007
23,,13800138008
\.
COPY copy (id, mobile) FROM STDIN;
24	123
\.
SET ROLE regress_cipguard_reader;
SELECT id, name, mobile FROM copy WHERE id BETWEEN 20 AND 29 ORDER BY id;
RESET ROLE;

-- Binary output and input: text for readers, the datum for others.
SET ROLE regress_cipguard_reader;
SELECT convert_from(cipguard.enc_text_send(mobile), 'UTF8') FROM client WHERE id = 1;
SET ROLE regress_cipguard_clerk;
SELECT substr(cipguard.enc_text_send(mobile), 1, 4) AS header FROM client WHERE id = 1;
RESET ROLE;

-- Large values: toasted, not compressed, read back whole.
INSERT INTO client (id, address) SELECT 400, string_agg(md5(g::text), '') FROM generate_series(1, 4000) g;
INSERT INTO client (id, name) SELECT 401, repeat('长', 50000);
SET ROLE regress_cipguard_reader;
SELECT id, md5(address::text) = (SELECT md5(string_agg(md5(g::text), '')) FROM generate_series(1, 4000) g) AS whole, length(name::text) FROM client WHERE id IN (400, 401) ORDER BY id;
RESET ROLE;
SELECT id, octet_length(test.raw(address)) > 128000 AS stored, pg_column_size(address) > 128000 AS uncompressed FROM client WHERE id = 400;

-- Row_security off, as in pg_dump, and cipguard.output give armor to a reader.
SET ROLE regress_cipguard_reader;
SET cipguard.output = armor;
SELECT format('%s', mobile) LIKE 'cip1:%' AS armor FROM client WHERE id = 1;
RESET cipguard.output;
SET row_security = off;
SELECT format('%s', mobile) LIKE 'cip1:%' AS armor FROM client WHERE id = 1;
RESET row_security;
SET cipguard.output = plain;
RESET ROLE;

-- Defaults, generated columns, expression indexes.
CREATE TABLE def (id int, m cipguard.enc_text('mobile') DEFAULT '13800138000');
INSERT INTO def (id) VALUES (1), (2);
SELECT count(DISTINCT test.raw(m)) FROM def;
SELECT test.error_of('CREATE INDEX ON regress_enc.client ((mobile::text))');
SELECT test.error_of('ALTER TABLE regress_enc.client ADD g text GENERATED ALWAYS AS (mobile::text) STORED');

-- Temporary tables, cursors, functions of a definer, parallel plans: the
-- current user decides, when the value is shown.
CREATE TEMP TABLE scratch (v cipguard.enc_text('mobile'));
INSERT INTO scratch SELECT mobile FROM client WHERE id = 1;
CREATE TEMP TABLE untyped AS SELECT coalesce(mobile, mobile) AS v FROM client WHERE id = 1;
GRANT SELECT ON scratch, untyped TO regress_cipguard_reader, regress_cipguard_clerk;
CREATE FUNCTION peek() RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = regress_enc, pg_temp AS 'SELECT mobile::text FROM client WHERE id = 1';
ALTER FUNCTION peek() OWNER TO regress_cipguard_reader;
-- An error in a function of a reader tells the caller no values.
ALTER TABLE client ADD status text CHECK (status <> 'bad');
CREATE FUNCTION set_status(text) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = regress_enc, pg_temp AS $$UPDATE client SET status = $1 WHERE id = 1 AND mobile = '13800138000'$$;
ALTER FUNCTION set_status(text) OWNER TO regress_cipguard_reader;
SET ROLE regress_cipguard_clerk;
DO $$
DECLARE
	detail text;
BEGIN
	PERFORM regress_enc.set_status('bad');
EXCEPTION WHEN check_violation THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RAISE NOTICE '%', detail;
END
$$;
RESET ROLE;
BEGIN;
SET LOCAL ROLE regress_cipguard_reader;
SELECT s.v, u.v FROM scratch s, untyped u;
DECLARE c CURSOR FOR SELECT format('%s', mobile) FROM client WHERE id IN (1, 4) ORDER BY id;
FETCH 1 FROM c;
SET LOCAL ROLE regress_cipguard_clerk;
SELECT format('%s', v) LIKE 'cip1:%' AS armor FROM scratch;
SELECT peek() AS by_definer;
COMMIT;
CREATE TABLE big AS SELECT g AS id, mobile FROM client, generate_series(1, 3000) g WHERE client.id = 1;
ANALYZE big;
GRANT SELECT ON big TO regress_cipguard_reader, regress_cipguard_clerk;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET ROLE regress_cipguard_reader;
SELECT test.plan_has('SELECT count(*) FROM regress_enc.big WHERE length(mobile::text) = 11', 'Gather') AS parallel;
SELECT count(*), count(DISTINCT format('%s', mobile)) FROM big WHERE length(mobile::text) = 11 AND mobile = '13800138000';
SET ROLE regress_cipguard_clerk;
SELECT test.error_of('SELECT count(*) FROM regress_enc.big WHERE length(mobile::text) = 11');
SELECT count(*) FROM big WHERE format('%s', mobile) LIKE 'cip1:%';
RESET ROLE;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
DROP TABLE scratch, untyped;

-- A plain column becomes encrypted in place, and plain again for a reader.
CREATE TABLE conv (id int, m text);
INSERT INTO conv VALUES (1, '13800138000'), (2, NULL);
ALTER TABLE conv ALTER m TYPE cipguard.enc_text('mobile');
SELECT format('%s', m) LIKE 'cip1:%' AS armor FROM conv WHERE id = 1;
SELECT test.error_of('ALTER TABLE regress_enc.conv ALTER m TYPE text');
SELECT test.error_of('ALTER TABLE regress_enc.conv ALTER m TYPE text USING m::text');
ALTER TABLE conv OWNER TO regress_cipguard_reader;
SET ROLE regress_cipguard_reader;
ALTER TABLE conv ALTER m TYPE text USING m::text;
SELECT * FROM conv ORDER BY id;
RESET ROLE;

-- ANALYZE keeps no values.
ANALYZE client, book;
SELECT a.attname, s.stanullfrac > 0 AS nulls, s.stadistinct <> 0 AS counted, s.stakind1 = 0 AND s.stavalues1 IS NULL AS no_values
	FROM pg_statistic s JOIN pg_attribute a ON a.attrelid = s.starelid AND a.attnum = s.staattnum
	WHERE s.starelid = 'client'::regclass AND a.attname NOT IN ('id', 'status') ORDER BY a.attnum;
SELECT attname FROM pg_stats WHERE tablename = 'book' AND schemaname = 'regress_enc' ORDER BY 1;
SELECT test.error_of('CREATE STATISTICS regress_enc.s (mcv) ON id, mobile FROM regress_enc.client');
SELECT test.error_of('CREATE STATISTICS regress_enc.s ON (mobile::text) FROM regress_enc.client');
CREATE STATISTICS s (ndistinct) ON id, mobile FROM client;

RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA regress_enc CASCADE;
DELETE FROM cipguard.access_grant WHERE grantee::text LIKE 'regress%';
DROP ROLE regress_cipguard_reader, regress_cipguard_clerk;

-- server: masked
-- Every encrypted type under transparent masking: readers see plaintext, and
-- whoever may not read sees the mask, or NULL where nothing can be shown, in
-- whatever way a query is written.
SET client_min_messages = error;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
CREATE ROLE regress_cipguard_owner;
CREATE ROLE regress_cipguard_clerk;
CREATE ROLE regress_cipguard_search;
CREATE ROLE regress_cipguard_reader;
CREATE SCHEMA regress_em AUTHORIZATION regress_cipguard_owner;
GRANT USAGE, CREATE ON SCHEMA regress_em TO PUBLIC;
SELECT cipguard.add_category('regress_enc', mode => 'searchable',
	mask_options => '{"size": 1000, "prefix": 8, "paths": {"name": "name", "n": "keep"}}') > 0 AS made \gset
SELECT count(cipguard.grant_access('regress_cipguard_reader', c)) AS made FROM unnest('{regress_enc,mobile,name}'::text[]) c \gset
SELECT count(cipguard.grant_access('regress_cipguard_search', c, 'search')) AS made FROM unnest('{regress_enc,mobile}'::text[]) c \gset
SET search_path = regress_em, test;

SET ROLE regress_cipguard_owner;
CREATE DOMAIN pay AS cipguard.enc_int8('regress_enc');
CREATE TABLE t (
	id int PRIMARY KEY,
	txt cipguard.enc_text('mobile'),
	i8 cipguard.enc_int8('regress_enc'),
	num cipguard.enc_numeric('regress_enc'),
	flag cipguard.enc_bool('regress_enc'),
	day cipguard.enc_date('regress_enc'),
	at cipguard.enc_timestamptz('regress_enc'),
	uid cipguard.enc_uuid('regress_enc'),
	ip cipguard.enc_inet('regress_enc'),
	doc cipguard.enc_jsonb('regress_enc'),
	raw cipguard.enc_bytea('regress_enc'),
	arr cipguard.enc_int8('regress_enc')[],
	pays pay[],
	one pay
);
GRANT ALL ON t TO regress_cipguard_clerk, regress_cipguard_search, regress_cipguard_reader;
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN t.id IS 'subject';
-- Everything that must stay unseen contains 7351, 73.51 or 05-17.
CREATE TABLE plain (id int, txt text, i8 bigint, num numeric, flag boolean, day date, at timestamptz, uid uuid, ip inet, doc jsonb, raw bytea, arr bigint[], pays bigint[], one bigint);
INSERT INTO plain VALUES
	(1, '13873510001', 17351, 7351.25, true, '1973-05-17', '1973-05-17 07:35:01+00', '73517351-9c0b-4ef8-bb6d-6bb9bd380a11', '10.20.73.51', '{"n": 1, "x": 7351, "name": "7351"}', '\x7351', '{17351,NULL}', '{27351}', -7351),
	(2, '13973510002', -73510, 0.7351, false, '2073-05-17', '2073-05-17 00:00:00+00', '83517351-9c0b-4ef8-bb6d-6bb9bd380a11', '2001:db8::7351', '{"x": "7351"}', '\x737351', '{}', '{7351,7351}', 73510),
	(3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO t SELECT * FROM plain;
ANALYZE t;
CREATE TABLE col (n serial, name text, enc text, plain text);
INSERT INTO col (name, enc, plain)
	SELECT a.attname, format_type(e.atttypid, NULL), format_type(a.atttypid, NULL)
	FROM pg_attribute a JOIN pg_attribute e ON e.attrelid = 't'::regclass AND e.attname = a.attname
	WHERE a.attrelid = 'plain'::regclass AND a.attnum > 1 ORDER BY a.attnum;
GRANT SELECT ON col, plain TO PUBLIC;

-- Of each type the mask is of the plain type.
SET ROLE regress_cipguard_clerk;
SELECT id, txt, i8, num, flag, day, at FROM t ORDER BY id;
SELECT id, uid, ip, doc, raw, arr, pays, one FROM t ORDER BY id;
SELECT pg_typeof(cipguard.mask(i8)), pg_typeof(cipguard.mask(day)), pg_typeof(cipguard.mask(doc)), cipguard.mask(num), cipguard.mask(at), cipguard.mask(ip) FROM t WHERE id = 1;
SELECT txt::text, i8::bigint + 1 AS i8, num::numeric * 2 AS num, flag::boolean, extract(year FROM day::date) AS year, at::timestamptz, uid::uuid, host(ip::inet), doc::jsonb -> 'name' AS name, raw::bytea, i8::text, day::text FROM t WHERE id = 1;
SELECT to_jsonb(t) FROM t WHERE id = 1;
SET DateStyle = 'German, DMY';
SELECT day, day::date, at FROM t WHERE id = 1;
SET DateStyle = 'ISO, YMD';
RESET ROLE;

-- Readers: what was stored, in every form.
SET ROLE regress_cipguard_reader;
SELECT id, txt, i8, num, flag, day, at FROM t ORDER BY id;
SELECT id, uid, ip, doc, raw, arr, pays, one FROM t ORDER BY id;
SELECT to_jsonb(t) FROM t WHERE id = 1;
RESET ROLE;
SET client_min_messages = error;

-- What is wrong with a query of each column, by column; the canaries must not
-- come out, whoever raises the error.
CREATE FUNCTION probe(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record;
	shown text := '';
	message text;
	more text;
	hint text;
	place text;
	state text := '';
BEGIN
	BEGIN
		IF query ~* '^(select|with|values|table|explain|insert.*returning|update.*returning|delete.*returning|execute)' THEN
			FOR r IN EXECUTE query LOOP
				shown := shown || r::text;
			END LOOP;
		ELSE
			EXECUTE query;
		END IF;
		RAISE EXCEPTION USING ERRCODE = 'RT000';
	EXCEPTION WHEN SQLSTATE 'RT000' THEN
		NULL;
	WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, more = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, place = PG_EXCEPTION_CONTEXT, state = RETURNED_SQLSTATE;
		shown := shown || concat(message, more, hint, CASE WHEN place !~ 'SQL statement' THEN place END);
		IF current_setting('probe.debug', true) = 'on' THEN
			RAISE WARNING '%: % %', query, message, more;
		END IF;
	END;
	IF shown ~* '7351|73\.51|05-17|17\.05|HIT' THEN
		RETURN 'LEAK ' || state;
	END IF;
	RETURN state;
END
$$;
-- One line for each kind of result that a form of query has.
CREATE FUNCTION probes(who text, form text) RETURNS TABLE (result text, columns text) LANGUAGE plpgsql AS $$
DECLARE
	c record;
BEGIN
	CREATE TEMP TABLE IF NOT EXISTS found (n int, name text, result text);
	DELETE FROM found;
	FOR c IN SELECT * FROM regress_em.col ORDER BY n LOOP
		EXECUTE 'SET LOCAL ROLE regress_cipguard_' || who;
		result := regress_em.probe(replace(replace(replace(form, '%c', c.name), '%e', c.enc), '%p', c.plain));
		RESET ROLE;
		INSERT INTO found VALUES (c.n, c.name, result);
	END LOOP;
	RETURN QUERY SELECT CASE WHEN f.result = '' THEN 'ok' ELSE f.result END, CASE WHEN count(*) = 13 THEN 'all' ELSE string_agg(f.name, ' ' ORDER BY f.n) END
		FROM found f GROUP BY f.result ORDER BY f.result;
END
$$;
CREATE TABLE form (n serial, who text, query text);
-- Controls: the detector works.
INSERT INTO form (who, query) VALUES
	('reader', 'SELECT %c FROM t'),
	('reader', 'SELECT %c::text FROM t'),
	('reader', 'SELECT %c::%p FROM t'),
	('reader', 'SELECT t FROM t');
INSERT INTO form (who, query) SELECT 'clerk', q FROM unnest(ARRAY[
	'SELECT %c FROM t',
	'SELECT %c::text FROM t',
	'SELECT %c::%p FROM t',
	'SELECT %c::varchar, %c::json, %c::jsonb FROM t',
	'SELECT t FROM t',
	'SELECT t::text, row(%c), (t).%c, %c(t), to_jsonb(t), row_to_json(t), json_build_object(''a'', %c), jsonb_build_array(%c), json_agg(%c) OVER () FROM t',
	'SELECT array_agg(%c), json_agg(%c), jsonb_agg(t), jsonb_object_agg(id, %c), count(%c) FROM t',
	'SELECT string_agg(%c::text, '','') FROM t',
	'SELECT format(''%s'', %c), concat(%c), concat_ws(''-'', %c, id), quote_literal(%c::text), length(%c::text) FROM t',
	'SELECT ''HIT'' FROM t WHERE %c::text LIKE ''%73%51%''',
	'SELECT ''HIT'' FROM t, plain p WHERE t.%c::text = p.%c::text AND t.%c::text ~ ''73.?51|05-17''',
	'SELECT ''HIT'' FROM t WHERE %c = (SELECT p.%c FROM plain p WHERE p.id = 1)',
	'SELECT ''HIT'' FROM t WHERE %c IN (SELECT p.%c FROM plain p)',
	'SELECT ''HIT'' FROM t WHERE %c NOT IN (SELECT p.%c FROM plain p)',
	'SELECT ''HIT'' FROM t WHERE %c < (SELECT p.%c FROM plain p WHERE p.id = 1)',
	'SELECT a.id, b.id FROM t a JOIN t b ON a.%c = b.%c AND a.id < b.id',
	'SELECT a.id FROM t a JOIN t b USING (%c) ORDER BY 1',
	'SELECT %c, count(*) FROM t GROUP BY %c',
	'SELECT %c FROM t GROUP BY GROUPING SETS ((%c), ()) HAVING count(*) > 0',
	'SELECT DISTINCT %c FROM t',
	'SELECT DISTINCT ON (%c) %c, id FROM t ORDER BY %c, id',
	'SELECT %c FROM t ORDER BY %c DESC NULLS LAST LIMIT 2',
	'SELECT id FROM t WHERE %c IS NOT NULL ORDER BY %c',
	'SELECT min(%c) FROM t',
	'SELECT max(%c) FROM t',
	'SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY %c) FROM t',
	'SELECT mode() WITHIN GROUP (ORDER BY %c) FROM t',
	'SELECT first_value(%c) OVER (ORDER BY id), lag(%c) OVER (ORDER BY %c), rank() OVER (ORDER BY %c) FROM t',
	'SELECT greatest(%c, %c) FROM t',
	'SELECT coalesce(%c, (SELECT %c FROM t WHERE id = 1)), nullif(%c, %c), CASE WHEN id = 1 THEN %c END FROM t',
	'SELECT ARRAY[%c], (ARRAY[%c])[1], ARRAY(SELECT %c FROM t) FROM t',
	'SELECT u FROM t, unnest(ARRAY[%c]) u',
	'SELECT %c FROM t UNION SELECT %c FROM t',
	'SELECT %c FROM t UNION ALL SELECT %c FROM t ORDER BY 1',
	'SELECT %c FROM t INTERSECT SELECT %c FROM t',
	'WITH c AS MATERIALIZED (SELECT %c FROM t) SELECT * FROM c',
	'WITH RECURSIVE c AS (SELECT %c, 1 AS n FROM t UNION ALL SELECT %c, n + 1 FROM c WHERE n < 2) SELECT * FROM c',
	'SELECT * FROM (SELECT %c FROM t OFFSET 0) s',
	'SELECT l.* FROM generate_series(1, 3) g, LATERAL (SELECT %c FROM t WHERE id = g) l',
	'SELECT (SELECT %c FROM t WHERE id = 1)',
	'SELECT xmlforest(%c::text AS a), xmlelement(name a, %c::text) FROM t',
	'SELECT * FROM jsonb_each_text((SELECT to_jsonb(t) FROM t WHERE id = 1))',
	'SELECT * FROM jsonb_populate_record((SELECT t FROM t WHERE id = 1), ''{}'')',
	'SELECT jsonb_path_query(to_jsonb(t), ''$.%c'') FROM t',
	'SELECT query_to_xml(''SELECT %c FROM t'', true, false, '''')',
	'SELECT cipguard.disclose_value(%c, ''t''::regclass, 1, 1, NULL) FROM t',
	'SELECT cipguard.mask_value(%c, cipguard.category_id(''regress_enc'')) FROM t',
	'SELECT cipguard.keep_value(%c, %c, cipguard.category_id(''regress_enc'')) FROM t',
	'SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = ''t'' AND attname = ''%c''',
	'SELECT s FROM pg_statistic s WHERE starelid = ''t''::regclass',
	'EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT %c FROM t WHERE %c IS NOT NULL ORDER BY %c',
	'CREATE TEMP TABLE copy AS SELECT %c FROM t',
	'CREATE MATERIALIZED VIEW mv AS SELECT %c FROM t',
	'INSERT INTO t (id, %c) SELECT id + 10, %c FROM t RETURNING %c',
	'INSERT INTO t (id, %c) SELECT id + 10, %c::%p FROM t',
	'INSERT INTO t (id, %c) VALUES (11, NULL) RETURNING %c, t',
	'UPDATE t SET %c = %c RETURNING %c, t.*',
	'UPDATE t SET %c = s.%c FROM t s WHERE s.id = 1 AND t.id = 2',
	'UPDATE t SET %c = %c::%p WHERE id = 1',
	'DELETE FROM t RETURNING %c',
	'MERGE INTO t USING plain p ON t.%c::text = p.%c::text WHEN MATCHED THEN UPDATE SET id = t.id + 100',
	'CREATE TABLE gen (a %e, b text GENERATED ALWAYS AS (a::text) STORED)',
	'CREATE INDEX ON t ((%c::text))',
	'ALTER TABLE t ALTER %c TYPE text USING %c::text',
	'SELECT %c::inet, %c::date, %c::uuid FROM t',
	'SELECT %c::int FROM t WHERE id = 1',
	'SELECT %e_send(%c) FROM t',
	'SELECT %e_out(%c) FROM t',
	'SELECT ''HIT'' FROM t WHERE %c = ANY (SELECT p.%c FROM plain p) OR EXISTS (SELECT FROM plain p WHERE p.%c = t.%c)',
	'SELECT ''HIT'' FROM t JOIN plain p ON t.%c = p.%c',
	'SELECT ''HIT'' FROM t WHERE (%c, id) = (SELECT p.%c, 1 FROM plain p WHERE p.id = 1)',
	'SELECT %c -> ''x'', %c ->> ''name'', %c #>> ''{x}'' FROM t',
	'SELECT ''HIT'' FROM t WHERE %c @> jsonb_build_object(''x'', 7350 + 1) OR %c ? ''x''',
	'SELECT ''HIT'' FROM t WHERE %c LIKE ''%73510%''',
	'SELECT ''HIT'' FROM t WHERE %c ~~* ''%73510001'' OR %c LIKE ''13873%''',
	'SELECT id FROM t WHERE %c BETWEEN %c AND %c ORDER BY %c USING <',
	'SELECT id FROM t ORDER BY %c USING >',
	'SELECT id FROM t ORDER BY %c USING OPERATOR(cipguard.#>#)']) q;
INSERT INTO form (who, query) SELECT 'search', q FROM unnest(ARRAY[
	'SELECT %c FROM t',
	'SELECT %c::text FROM t',
	'SELECT %c::%p FROM t',
	'SELECT id FROM t WHERE %c = (SELECT p.%c FROM plain p WHERE p.id = 1)',
	'SELECT id FROM t WHERE %c IN (SELECT p.%c FROM plain p WHERE p.id <> 3)',
	'SELECT count(*) FROM t JOIN plain p ON t.%c = p.%c',
	'SELECT count(*) FROM t a JOIN t b USING (%c)',
	'SELECT count(DISTINCT %c) FROM t',
	'SELECT %c, count(*) FROM t GROUP BY %c ORDER BY %c',
	'SELECT ''HIT'' FROM t WHERE %c < (SELECT p.%c FROM plain p WHERE p.id = 1)',
	'SELECT min(%c), max(%c) FROM t',
	'INSERT INTO t (id, %c) SELECT id + 10, %c FROM t RETURNING %c',
	'UPDATE t SET %c = s.%c FROM t s WHERE s.id = 1 AND t.id = 2 RETURNING t.%c',
	'SELECT %e_send(%c), %e_out(%c) FROM t',
	'SELECT %c -> ''x'', %c ->> ''name'', %c #>> ''{x}'' FROM t',
	'SELECT ''HIT'' FROM t WHERE %c @> jsonb_build_object(''x'', 7350 + 1) OR %c ? ''x''',
	'SELECT ''HIT'' FROM t WHERE %c LIKE ''%73510%''',
	'SELECT id FROM t ORDER BY %c USING <']) q;
SELECT f.n, f.who, f.query, p.result, p.columns FROM form f, probes(who, query) p ORDER BY f.n, p.result COLLATE "C";

-- Types and functions of the clerk's own making, and COPY.
SET ROLE regress_cipguard_clerk;
CREATE FUNCTION spread(cipguard.enc_int8, cipguard.enc_int8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1::bigint - $2::bigint; END';
CREATE TYPE ran AS RANGE (subtype = cipguard.enc_int8, subtype_diff = spread);
CREATE FUNCTION take(anyelement) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN $1::text; END';
CREATE FUNCTION rows_of(t) RETURNS text LANGUAGE sql AS 'SELECT ($1).i8::text || ($1).day::text';
CREATE CAST (cipguard.enc_int8 AS int) WITH INOUT;
CREATE FUNCTION keep_last(text, anyelement) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN $2::text; END';
CREATE AGGREGATE last (anyelement) (sfunc = keep_last, stype = text);
SELECT lower(ran(i8, NULL)), upper(ran(NULL, i8)), spread(i8, one), take(i8), take(day), rows_of(t), last(i8) OVER () FROM t WHERE id = 1;
CREATE TABLE mine (i8 cipguard.enc_int8('regress_enc'), day cipguard.enc_date('regress_enc'), r ran);
INSERT INTO mine (i8) SELECT i8 FROM t;
INSERT INTO mine (r) SELECT ran(i8, NULL) FROM t;
INSERT INTO mine (r) VALUES (ran(1::bigint, NULL));
INSERT INTO mine (i8, day) VALUES (1999, '1999-09-09') RETURNING *;
COPY t (id, i8, num, day) TO STDOUT;
COPY (SELECT doc, ip, arr FROM t) TO STDOUT;
COPY mine FROM STDIN;
1	x	\N
\.
RESET ROLE;

-- Equality finds values for whoever may search, by literal, parameter and list.
SET ROLE regress_cipguard_search;
SELECT count(*) FROM t WHERE txt = '13873510001' AND i8 = 17351 AND num = 7351.250 AND flag = true AND day = '1973-05-17' AND at = '1973-05-17 15:35:01+08'
	AND uid = '73517351-9c0b-4ef8-bb6d-6bb9bd380a11' AND ip = '10.20.73.51' AND doc = '{"name": "7351", "n": 1.0, "x": 7351}' AND raw = '\x7351' AND one = -7351;
SELECT count(*) FROM t WHERE i8 IN (1, 17351) AND num = ANY ('{7351.25}'::numeric[]) AND day = ANY (ARRAY['1973-05-17'::date]) AND 17351 = ANY (arr) AND 27351 = ANY (pays) AND one <> 4;
PREPARE find (bigint, numeric, date, uuid) AS SELECT count(*) FROM t WHERE i8 = $1 AND num = $2 AND day = $3 AND uid = $4;
EXECUTE find (17351, 7351.25, '1973-05-17', '73517351-9c0b-4ef8-bb6d-6bb9bd380a11');
RESET ROLE;
SET ROLE regress_cipguard_clerk;
EXECUTE find (17351, 7351.25, '1973-05-17', '73517351-9c0b-4ef8-bb6d-6bb9bd380a11');
RESET ROLE;

-- One plan for several roles.
PREPARE show AS SELECT i8, day, doc, flag FROM t WHERE id = 1;
SET ROLE regress_cipguard_reader;
EXECUTE show;
SET ROLE regress_cipguard_clerk;
EXECUTE show;
RESET ROLE;

-- An application that writes back what it read loses nothing, whether it
-- sends text or values of the plain types.
CREATE FUNCTION differs() RETURNS TABLE (id int, columns text) LANGUAGE plpgsql AS $$
DECLARE
	c record;
	n int;
BEGIN
	SET LOCAL ROLE regress_cipguard_reader;
	FOR c IN SELECT * FROM regress_em.col ORDER BY col.n LOOP
		FOR n IN EXECUTE format('SELECT p.id FROM regress_em.plain p LEFT JOIN regress_em.t USING (id) WHERE t.%1$I::%2$s::text IS DISTINCT FROM p.%1$I::text', c.name, c.plain) LOOP
			RETURN QUERY SELECT n, c.name;
		END LOOP;
	END LOOP;
	RESET ROLE;
END
$$;
SELECT * FROM differs();
SET ROLE regress_cipguard_clerk;
SELECT format('UPDATE t SET (txt, i8, num, flag, day, at, uid, ip, doc, raw, arr, pays, one) = ROW(%s) WHERE id = %s',
	concat_ws(', ', quote_nullable(txt::text), quote_nullable(i8::text), quote_nullable(num::text), quote_nullable(flag::text), quote_nullable(day::text), quote_nullable(at::text),
		quote_nullable(uid::text), quote_nullable(ip::text), quote_nullable(doc::text), quote_nullable(raw::text), quote_nullable(arr::text), quote_nullable(pays::text), quote_nullable(one::text)), id)
	FROM t ORDER BY id \gexec
RESET ROLE;
SELECT * FROM differs();
SET ROLE regress_cipguard_clerk;
UPDATE t SET i8 = m.i8, num = m.num, flag = m.flag, day = m.day, at = m.at, uid = m.uid, ip = m.ip, doc = m.doc, raw = m.raw
	FROM (VALUES (1, 17000::bigint, 7000::numeric, NULL::boolean, '1973-01-01'::date, '1973-01-01'::timestamptz, NULL::uuid, '10.0.0.0/8'::inet, '{"n": 1, "x": null, "name": "****"}'::jsonb, NULL::bytea)) m (id, i8, num, flag, day, at, uid, ip, doc, raw)
	WHERE t.id = m.id;
RESET ROLE;
SELECT * FROM differs();
-- New values are stored, and so is NULL where the mask is none.
BEGIN;
SET LOCAL ROLE regress_cipguard_clerk;
UPDATE t SET i8 = 5, num = 5.5::float8, flag = true, day = '2001-02-03', at = '2001-02-03'::date, uid = '00000000-0000-0000-0000-000000000001', ip = '10.1.1.1'::cidr, doc = '[]', raw = '\x00', arr = '{1}', pays = ARRAY[2::bigint]::pay[], one = 3 WHERE id = 1;
UPDATE t SET i8 = NULL, day = NULL WHERE id = 2;
INSERT INTO t (id, i8, num, flag, day) VALUES (4, 17000, 1, false, '1973-01-01');
SET LOCAL ROLE regress_cipguard_reader;
SELECT * FROM t ORDER BY id;
ROLLBACK;
SELECT test.error_of($$SET LOCAL ROLE regress_cipguard_clerk; UPDATE t SET i8 = 'x'$$), test.error_of($$SET LOCAL ROLE regress_cipguard_clerk; UPDATE t SET txt = '139****0001' WHERE id = 1$$);

-- Masking views show the plain types.
RESET ROLE;
SELECT cipguard.create_masking_view('t');
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 't_masked'::regclass AND attnum > 0 ORDER BY attnum;
GRANT SELECT, INSERT, UPDATE ON t_masked TO regress_cipguard_clerk, regress_cipguard_reader;
SET ROLE regress_cipguard_clerk;
SELECT id, txt, i8, num, flag, day, at FROM t_masked ORDER BY id;
SELECT id, uid, ip, doc, raw, arr, pays, one FROM t_masked ORDER BY id;
SELECT count(*) FROM t_masked WHERE i8 = 17000 AND extract(year FROM day) = 1973 AND i8 + num = 24000;
UPDATE t_masked SET i8 = 17000, day = '1973-01-01', flag = NULL, ip = '10.0.0.0/8', arr = '{17000,NULL}', pays = '{27000}', one = -8000 WHERE id = 1;
RESET ROLE;
SELECT * FROM differs();
SET ROLE regress_cipguard_reader;
SELECT id, txt, i8, num, flag, day, at FROM t_masked ORDER BY id;
SELECT id, uid, ip, doc, raw, arr, pays, one FROM t_masked ORDER BY id;
BEGIN;
UPDATE t_masked SET i8 = 9, day = '2009-09-09', flag = true WHERE id = 1 RETURNING i8, day, flag;
ROLLBACK;
RESET ROLE;
ALTER TABLE t ADD more cipguard.enc_date('regress_enc')[];
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 't_masked'::regclass AND attname = 'more';

-- Views and functions of others, cursors, a table of the row type.
SET ROLE regress_cipguard_owner;
CREATE VIEW v AS SELECT id, i8, i8::bigint AS plain_i8, day::date AS plain_day, doc::jsonb -> 'x' AS x FROM t;
CREATE FUNCTION f() RETURNS SETOF t LANGUAGE sql STABLE AS 'SELECT * FROM t';
GRANT SELECT ON v TO PUBLIC;
SET ROLE regress_cipguard_clerk;
SELECT * FROM v ORDER BY id;
SELECT i8, day, doc FROM f() ORDER BY id;
BEGIN;
DECLARE c CURSOR FOR SELECT i8, num, day FROM t ORDER BY id;
FETCH 1 FROM c;
SET LOCAL ROLE regress_cipguard_reader;
FETCH 1 FROM c;
ROLLBACK;

-- A grant for the table alone opens its columns, and nothing else.
RESET ROLE;
SELECT cipguard.grant_access('regress_cipguard_clerk', 'regress_enc', 'read', 't') > 0 AS made \gset
SET ROLE regress_cipguard_clerk;
SELECT id, i8, num, flag, day, at, uid, ip, doc, raw, arr, pays, one FROM t WHERE id = 1;
SELECT i8::bigint + 1, day::date + 1, doc::jsonb -> 'x', num::numeric * 2, to_jsonb(t) ->> 'uid' FROM t WHERE id = 1;
SELECT i8, day, flag, arr FROM t_masked WHERE id = 1;
RESET ROLE;

-- ORDER BY is by plaintext for readers, and by mask for others.
CREATE TABLE o (id int PRIMARY KEY, i8 cipguard.enc_int8('regress_enc'), num cipguard.enc_numeric('regress_enc'), day cipguard.enc_date('regress_enc'), txt cipguard.enc_text('mobile'), flag cipguard.enc_bool('regress_enc'));
INSERT INTO o SELECT i, (i * 7919) % 1000 - 500, ((i * 7919) % 1000)::numeric, '2000-01-01'::date + (i * 7919) % 1000, '138' || lpad(((i * 7919) % 1000)::text, 8, '0'), i % 2 = 0 FROM generate_series(1, 300) i;
INSERT INTO o (id) VALUES (301);
CREATE INDEX o_i8 ON o (i8 cipguard.enc_int8_order_ops);
CREATE INDEX o_day ON o (day cipguard.enc_date_order_ops DESC NULLS LAST, id);
CREATE INDEX o_num ON o (num);
ANALYZE o;
GRANT SELECT ON o TO PUBLIC;
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		RETURN NEXT line;
	END LOOP;
END
$$;
SET ROLE regress_cipguard_reader;
SELECT plan('SELECT id, i8 FROM o ORDER BY i8 LIMIT 3');
SELECT id, i8 FROM o ORDER BY i8 LIMIT 3;
SELECT plan('SELECT id, i8 FROM o ORDER BY i8 DESC NULLS FIRST LIMIT 3');
SELECT id, i8 FROM o ORDER BY i8 DESC NULLS LAST LIMIT 2;
SELECT plan('SELECT day FROM o ORDER BY day DESC NULLS LAST, id LIMIT 3');
SELECT day FROM o ORDER BY day DESC NULLS LAST, id LIMIT 3;
SELECT i8 FROM o WHERE i8 > 490 ORDER BY 1;
SELECT plan('SELECT i8 FROM o WHERE i8 BETWEEN 480 AND 490 ORDER BY 1');
SELECT num, txt FROM o ORDER BY num, txt LIMIT 2;
SELECT txt FROM o WHERE txt IS NOT NULL ORDER BY txt DESC LIMIT 2;
SELECT DISTINCT i8 FROM o ORDER BY i8 LIMIT 2;
SELECT DISTINCT ON (flag, i8) flag, i8 FROM o WHERE flag = true ORDER BY flag, i8 LIMIT 2;
SELECT i8, count(*) FROM o GROUP BY i8 ORDER BY i8 LIMIT 2;
SELECT flag, min(i8), max(i8), (array_agg(i8 ORDER BY i8 DESC NULLS LAST))[1:2] FROM o WHERE flag IS NOT NULL GROUP BY flag ORDER BY min(i8);
SELECT i8, rank() OVER (ORDER BY i8), lag(i8) OVER (ORDER BY i8) FROM o ORDER BY i8 LIMIT 2;
SELECT i8, row_number() OVER (PARTITION BY i8 ORDER BY id), sum(id) OVER (PARTITION BY i8 ORDER BY num) FROM o ORDER BY i8, num LIMIT 2;
SELECT i8 FROM (SELECT i8 FROM o ORDER BY i8 LIMIT 3) s ORDER BY i8 DESC;
SELECT i8 FROM (SELECT i8, id FROM o UNION ALL SELECT i8, id FROM o) u ORDER BY i8 LIMIT 3;
(SELECT i8 FROM o WHERE id < 10) UNION (SELECT i8 FROM o WHERE id < 5) ORDER BY i8 LIMIT 3;
SELECT grouping(i8), i8, count(*) FROM o GROUP BY GROUPING SETS ((i8), ()) ORDER BY i8 NULLS LAST LIMIT 2;
SELECT a.i8 FROM o a JOIN o b USING (i8) ORDER BY a.i8 LIMIT 2;
SELECT coalesce(i8, i8) FROM o ORDER BY 1 LIMIT 2;
WITH c AS (SELECT * FROM o) SELECT i8 FROM c ORDER BY i8 LIMIT 2;
SELECT (SELECT i8 FROM o ORDER BY i8 LIMIT 1);
PREPARE low AS SELECT i8 FROM o ORDER BY i8 LIMIT 2;
EXECUTE low;
SET enable_hashjoin = off; SET enable_nestloop = off;
SELECT plan('SELECT count(*) FROM o a JOIN o b USING (i8)');
SELECT count(*) FROM o a JOIN o b USING (i8);
SET ROLE regress_cipguard_search;
SELECT plan('SELECT count(*) FROM o a JOIN o b USING (i8)');
SELECT count(*) FROM o a JOIN o b USING (i8);
RESET enable_hashjoin; RESET enable_nestloop;
SET ROLE regress_cipguard_clerk;
SELECT plan('SELECT id, i8 FROM o ORDER BY i8 LIMIT 3');
EXECUTE low;
SELECT DISTINCT i8::text FROM o ORDER BY 1;
SET ROLE regress_cipguard_search;
SELECT plan('SELECT id, i8 FROM o ORDER BY i8 LIMIT 3');
SELECT DISTINCT i8::text COLLATE "C" FROM (SELECT i8 FROM o ORDER BY i8 LIMIT 300) s ORDER BY 1;
SELECT min(i8), max(i8) FROM o;
SELECT plan('SELECT id FROM o WHERE i8 = 5');
RESET ROLE;

-- Pseudonyms: equal for equal values of a type.
SET ROLE regress_cipguard_search;
SELECT cipguard.pseudonym('1.0'::cipguard.enc_numeric('regress_enc')) = cipguard.pseudonym('1.00'::cipguard.enc_numeric('regress_enc')) AS same,
	cipguard.pseudonym('1'::cipguard.enc_numeric('regress_enc')) = cipguard.pseudonym('1'::cipguard.enc_int8('regress_enc')) AS across;
SELECT count(DISTINCT upper(cipguard.pseudonym(day))), count(cipguard.pseudonym(i8)) FROM t;
SET ROLE regress_cipguard_owner;
SELECT cipguard.pseudonym(day) FROM t;
RESET ROLE;

RESET search_path;
DROP SCHEMA regress_em CASCADE;
UPDATE cipguard.access_grant SET revoked_at = now() WHERE grantee::text LIKE 'regress_cipguard_%' AND revoked_at IS NULL;
DELETE FROM cipguard.access_grant WHERE grantee::text LIKE 'regress%';
DELETE FROM cipguard.category WHERE name LIKE 'regress%';
DELETE FROM cipguard.data_key k WHERE NOT EXISTS (SELECT FROM cipguard.category c WHERE k.owner = c.id OR k.owner = cipguard.category_id(c.token_domain)) AND k.owner NOT IN (cipguard.category_id('cipguard.subject'), cipguard.category_id('cipguard.journal'));
DROP ROLE regress_cipguard_owner, regress_cipguard_clerk, regress_cipguard_search, regress_cipguard_reader;

-- Ranges, order, min and max of encrypted values: the same results as on plain columns, with and without an index, and for readers only.
-- server: masked
SET jit = off;
CREATE ROLE regress_cipguard_reader;
CREATE ROLE regress_cipguard_searcher;
CREATE ROLE regress_cipguard_clerk;
CREATE SCHEMA regress_order;
SET search_path = regress_order;
SELECT cipguard.add_category('order_word', 'searchable', mask => 'stars') IS NOT NULL AS added;
SELECT cipguard.add_category('order_secret', 'random', mask => 'stars') IS NOT NULL AS added;
SELECT count(*) FROM unnest(ARRAY['order_word', 'order_secret', 'mobile']) c, cipguard.grant_access('regress_cipguard_reader', c, 'read');
SELECT count(*) FROM unnest(ARRAY['order_word', 'mobile']) c, cipguard.grant_access('regress_cipguard_searcher', c, 'search');
GRANT USAGE ON SCHEMA regress_order TO regress_cipguard_reader, regress_cipguard_searcher, regress_cipguard_clerk;
GRANT CREATE ON SCHEMA regress_order TO regress_cipguard_clerk;

-- Values that are easily ordered wrongly, and many that are not.
CREATE TABLE plain_t (id int PRIMARY KEY, t text, i bigint, n numeric, d date, z timestamptz);
SET timezone = 'UTC';
INSERT INTO plain_t VALUES
	(1, '', 0, 0, 'epoch', 'epoch'), (2, NULL, NULL, NULL, NULL, NULL),
	(3, '0', 9223372036854775807, 'NaN', 'infinity', 'infinity'), (4, '/', -9223372036854775808, 'Infinity', '-infinity', '-infinity'),
	(5, ':', 1, '-Infinity', '2000-01-01', '2000-01-01 00:00:00.000001'), (6, '00', -1, 1.0, '1999-12-31', '1999-12-31 23:59:59.999999'),
	(7, '0/', 255, 1.00, '0001-01-01 BC', '0001-01-01 BC'), (8, '0:', 256, -0.00001, '9999-12-31', '9999-12-31'),
	(9, '1234567890123456', 65536, 10000, '2024-02-29', '2024-02-29 12:00'), (10, '12345678901234567', -65536, 9999.9999, '2024-03-01', '2024-02-29 12:00:01'),
	(11, '12345678901234566', 2147483648, 1e30, '2024-02-28', '2024-02-29 11:59'), (12, '张三', -2147483649, -1e30, '1970-01-02', '1970-01-02'),
	(13, '张', 10, 1e-30, '1970-01-03', '1970-01-03'), (14, '李四', 100, 0.1, '1970-01-04', '1970-01-04'),
	(15, '😀', 1000, 12345678901234567890, '1970-01-05', '1970-01-05'), (16, 'ａ', 10000, 12345678901234567890.5, '1970-01-06', '1970-01-06'),
	(17, repeat('长', 100), 5, 20000, '1970-01-07', '1970-01-07'), (18, repeat('长', 100) || 'x', 6, 100010001, '1970-01-08', '1970-01-08'),
	(19, 'ABC', 7, 100010000, '1970-01-09', '1970-01-09'), (20, 'abc', 8, -100010000, '1970-01-10', '1970-01-10'),
	(21, 'abc', 8, -100010000, '1970-01-10', '1970-01-10');
INSERT INTO plain_t SELECT g, m, ('x' || m)::bit(24)::int - 8000000, (('x' || m)::bit(24)::int - 8000000) / 1000.0,
		'2000-01-01'::date + ('x' || m)::bit(12)::int, '2000-01-01'::timestamptz + ('x' || m)::bit(28)::int * interval '1 second'
	FROM (SELECT g, md5(g::text) AS m FROM generate_series(22, 400) g) s;
CREATE TABLE enc_t (id int PRIMARY KEY, t cipguard.enc_text('order_word'), i cipguard.enc_int8('order_word'), n cipguard.enc_numeric('order_word'),
	d cipguard.enc_date('order_word'), z cipguard.enc_timestamptz('order_word'));
CREATE TABLE random_t (id int PRIMARY KEY, t cipguard.enc_text('order_secret'), i cipguard.enc_int8('order_secret'), n cipguard.enc_numeric('order_secret'),
	d cipguard.enc_date('order_secret'), z cipguard.enc_timestamptz('order_secret'));
INSERT INTO enc_t SELECT * FROM plain_t;
INSERT INTO random_t SELECT * FROM plain_t;

-- The rows that a query gives of one table, of the plain one and of the others.
CREATE FUNCTION rows_of(query text, tab text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT string_agg(r::text, E''\n'') FROM (%s) r', replace(query, 'TAB', tab)) INTO result;
	RETURN coalesce(result, '');
END
$$;
CREATE FUNCTION differs(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	tab text;
	how text;
	want text;
BEGIN
	want := rows_of(query, 'plain_t');
	FOREACH tab IN ARRAY ARRAY['enc_t', 'random_t'] LOOP
		FOREACH how IN ARRAY ARRAY['enable_seqscan', 'enable_indexscan', 'enable_bitmapscan'] LOOP
			PERFORM set_config('enable_seqscan', (how = 'enable_seqscan')::text, true), set_config('enable_indexscan', (how = 'enable_indexscan')::text, true),
				set_config('enable_indexonlyscan', (how = 'enable_indexscan')::text, true), set_config('enable_bitmapscan', (how = 'enable_bitmapscan')::text, true);
			IF rows_of(query, tab) <> want THEN
				RETURN NEXT format('%s %s: %s', tab, how, query);
			END IF;
		END LOOP;
	END LOOP;
END
$$;
CREATE VIEW queries AS
	SELECT format('SELECT id FROM TAB WHERE %s %s %L ORDER BY id', c, op, value) AS query
		FROM (VALUES ('t', '0/'), ('t', ''), ('t', '12345678901234567'), ('t', '张'), ('t', 'abc'), ('t', '8f'), ('t', repeat('长', 100)), ('t', '😁'),
			('i', '0'), ('i', '-1'), ('i', '256'), ('i', '9223372036854775807'), ('i', '-9223372036854775808'), ('n', '1'), ('n', '0'), ('n', 'NaN'), ('n', '-0.00001'), ('n', '10000'),
			('n', '-1e30'), ('n', 'Infinity'), ('d', '1970-01-10'), ('d', 'infinity'), ('d', '2000-01-01'), ('z', '2000-01-01'), ('z', '1970-01-09'), ('z', '-infinity')) v (c, value),
			unnest(ARRAY['<', '<=', '>=', '>']) op
	UNION ALL
	SELECT format('SELECT id FROM TAB WHERE %s %s %L::%s ORDER BY id', c, op, value, type)
		FROM (VALUES ('t', 'abc', 'text'), ('t', '张', 'varchar'), ('i', '255', 'bigint'), ('n', '1.000', 'numeric'), ('d', '1970-01-10', 'date'), ('z', '1970-01-10', 'timestamptz')) v (c, value, type),
			unnest(ARRAY['<', '<=', '>=', '>']) op
	UNION ALL
	SELECT format('SELECT id FROM TAB WHERE %L::%s %s %s ORDER BY id', value, type, op, c)
		FROM (VALUES ('t', 'abc', 'text'), ('i', '255', 'bigint'), ('n', '1.000', 'numeric'), ('d', '1970-01-10', 'date'), ('z', '1970-01-10', 'timestamptz')) v (c, value, type),
			unnest(ARRAY['<', '<=', '>=', '>']) op
	UNION ALL
	SELECT format('SELECT id FROM TAB ORDER BY %s USING %s, id', c, op) FROM unnest(ARRAY['t', 'i', 'n', 'd', 'z']) c, unnest(ARRAY['<', '>']) op
	UNION ALL
	SELECT format('SELECT id FROM TAB ORDER BY %s USING %s NULLS %s, id LIMIT 5', c, op, nulls) FROM unnest(ARRAY['t', 'i', 'n', 'd', 'z']) c, unnest(ARRAY['<', '>']) op, unnest(ARRAY['FIRST', 'LAST']) nulls
	UNION ALL
	SELECT format('SELECT (%s(%s))::text FROM TAB%s', f, c, cond) FROM unnest(ARRAY['min', 'max']) f, unnest(ARRAY['t', 'i', 'd', 'z']) c, unnest(ARRAY['', ' WHERE id > 30', ' WHERE id < 0']) cond
	UNION ALL
	SELECT format('SELECT id FROM TAB WHERE %s BETWEEN %L AND %L ORDER BY id', c, a, b)
		FROM (VALUES ('t', '2', '4'), ('t', '4', '2'), ('i', '-100', '300'), ('n', '-1', '1.5'), ('d', '1970-01-03', '1970-01-08'), ('z', '1970-01-03', '1970-01-08')) v (c, a, b)
	UNION ALL
	SELECT format('SELECT id FROM TAB WHERE %s NOT BETWEEN %L AND %L ORDER BY id', c, a, b) FROM (VALUES ('t', '2', '4'), ('i', '-100', '300')) v (c, a, b)
	UNION ALL
	SELECT format('SELECT id FROM TAB WHERE %s > ANY (ARRAY[%L, %L]::%s[]) ORDER BY id', c, a, b, type)
		FROM (VALUES ('t', 'abc', '张', 'text'), ('i', '7', '256', 'bigint'), ('d', '1970-01-10', '1970-01-05', 'date')) v (c, a, b, type)
	UNION ALL
	SELECT format('SELECT id FROM TAB WHERE %s > %L AND %s > %L ORDER BY id', c, a, c, b) FROM (VALUES ('t', '2', '4'), ('i', '7', '100')) v (c, a, b)
	UNION ALL
	SELECT format('SELECT id FROM TAB WHERE (i, id) %s (''8'', 20) ORDER BY id', op) FROM unnest(ARRAY['<', '<=', '>=', '>']) op
	UNION ALL
	SELECT format('SELECT a.id, b.id FROM TAB a JOIN TAB b ON a.%1$s < b.%1$s WHERE a.id < 15 AND b.id < 25 ORDER BY 1, 2', c) FROM unnest(ARRAY['t', 'i', 'n', 'd', 'z']) c
	UNION ALL
	SELECT format('SELECT id, rank() OVER (ORDER BY %s USING <) FROM TAB ORDER BY 2, 1', c) FROM unnest(ARRAY['t', 'i', 'n']) c
	UNION ALL
	SELECT 'SELECT id FROM TAB WHERE i < 256 ORDER BY id'
	UNION ALL
	SELECT 'SELECT id FROM TAB WHERE n < 2 AND i > -65536 ORDER BY id';
GRANT ALL ON ALL TABLES IN SCHEMA regress_order TO regress_cipguard_reader, regress_cipguard_searcher, regress_cipguard_clerk;
SELECT count(*) > 200 AS many FROM queries;

SET ROLE regress_cipguard_reader;
SELECT d FROM queries, differs(query) d;
RESET ROLE;
CREATE INDEX enc_t_i ON enc_t (i cipguard.enc_int8_order_ops, id);
CREATE INDEX enc_t_t ON enc_t (t cipguard.enc_text_order_ops);
CREATE INDEX enc_t_n ON enc_t (n cipguard.enc_numeric_order_ops);
CREATE INDEX enc_t_d ON enc_t (d cipguard.enc_date_order_ops DESC NULLS LAST);
CREATE INDEX enc_t_z ON enc_t (z cipguard.enc_timestamptz_order_ops);
CREATE INDEX random_t_i ON random_t (i cipguard.enc_int8_order_ops, id);
CREATE INDEX random_t_t ON random_t (t cipguard.enc_text_order_ops);
CREATE INDEX random_t_n ON random_t (n cipguard.enc_numeric_order_ops);
CREATE INDEX random_t_d ON random_t (d cipguard.enc_date_order_ops);
CREATE INDEX random_t_z ON random_t (z cipguard.enc_timestamptz_order_ops);
VACUUM ANALYZE enc_t, random_t;
SET ROLE regress_cipguard_reader;
SELECT d FROM queries, differs(query) d;
SET enable_seqscan = off;
SELECT test.plan_has($$SELECT id FROM enc_t WHERE t < 'abc'$$, 'enc_t_t') AS literal, test.plan_has($$SELECT id FROM enc_t WHERE t < 'abc'::text$$, 'enc_t_t') AS text,
	test.plan_has($$SELECT id FROM enc_t WHERE i BETWEEN 1 AND 5$$, 'enc_t_i') AS between, test.plan_has($$SELECT id FROM enc_t ORDER BY n USING < LIMIT 3$$, 'enc_t_n') AS first,
	test.plan_has($$SELECT id FROM enc_t ORDER BY d USING > NULLS LAST LIMIT 3$$, 'Sort') AS sorted, test.plan_has($$SELECT min(z) FROM enc_t$$, 'enc_t_z') AS least,
	test.plan_has($$SELECT max(z) FROM random_t$$, 'random_t_z') AS greatest;
RESET enable_seqscan;

-- Prepared, generic, with the parameter of either type.
SET plan_cache_mode = force_generic_plan;
PREPARE below AS SELECT count(*) FROM enc_t WHERE n < $1;
PREPARE below_plain (numeric) AS SELECT count(*) FROM enc_t WHERE n < $1;
EXECUTE below('1');
EXECUTE below('2.50');
EXECUTE below_plain(1);
EXECUTE below_plain(2.5);
SELECT test.plan_has('EXECUTE below_plain(2)', 'enc_t_n') AS indexed;
RESET plan_cache_mode;
SELECT count(*) FROM enc_t a JOIN enc_t b ON a.t = b.t;
SET enable_hashjoin = off; SET enable_nestloop = off;
SELECT count(*) FROM enc_t a JOIN enc_t b ON a.t = b.t;
RESET enable_hashjoin; RESET enable_nestloop;

-- What is equal has one place, however it was entered.
RESET ROLE;
CREATE TABLE phone (id int, mobile cipguard.enc_text('mobile'));
INSERT INTO phone VALUES (1, '13800000003'), (2, '+86 138-0000-0002'), (3, '13800000002'), (4, '138 0000 0001');
GRANT ALL ON phone TO regress_cipguard_reader, regress_cipguard_searcher, regress_cipguard_clerk;
CREATE UNIQUE INDEX phone_o ON phone (mobile cipguard.enc_text_order_ops);
DELETE FROM phone WHERE id = 3;
CREATE UNIQUE INDEX phone_o ON phone (mobile cipguard.enc_text_order_ops);
INSERT INTO phone VALUES (5, '138-0000-0003');
SET ROLE regress_cipguard_reader;
SELECT id, mobile FROM phone ORDER BY mobile USING <;
SELECT id FROM phone WHERE mobile >= '138 0000 0002' ORDER BY id;
SET enable_seqscan = off;
SELECT id FROM phone WHERE mobile >= '138 0000 0002' ORDER BY id;
SELECT id FROM phone WHERE mobile = '+8613800000002';
SELECT id FROM phone WHERE mobile > '+8613800000002' AND mobile > '13700000000' ORDER BY id;
SELECT id FROM phone WHERE mobile > ANY (ARRAY['+8613800000001', '13800000003']) ORDER BY id;
SELECT id FROM phone WHERE mobile > ANY ('{+8613800000001,13800000003}') ORDER BY id;
RESET enable_seqscan;

-- By the collation of the database, which is C here.
RESET ROLE;
CREATE INDEX enc_t_c ON enc_t (t cipguard.enc_text_collate_order_ops);
SET ROLE regress_cipguard_reader;
SELECT array_agg(id) = (SELECT array_agg(id) FROM (SELECT id FROM plain_t ORDER BY t, id) p) AS same FROM (SELECT id FROM enc_t ORDER BY t USING OPERATOR(cipguard.~<), id) e;
SELECT count(*) = (SELECT count(*) FROM plain_t WHERE t < 'abc') AS same FROM enc_t WHERE t OPERATOR(cipguard.~<) 'abc'::text;
SELECT test.plan_has($$SELECT FROM enc_t WHERE t OPERATOR(cipguard.~<) 'abc'$$, 'enc_t_c') AS indexed;

-- Values of different categories; a value against a mask.
SELECT test.error_of($$SELECT FROM enc_t e, random_t r WHERE e.i < r.i$$);

-- With the right to search: no range, order, extreme or pattern, by whatever index; equality all the same.
SET ROLE regress_cipguard_searcher;
SELECT test.error_of($$SELECT id FROM enc_t WHERE i < 0$$) AS range;
SELECT test.error_of($$SELECT id FROM enc_t WHERE 'm'::text > t$$) AS text;
SELECT test.error_of($$SELECT id FROM enc_t WHERE (i, id) < ('8', 20)$$) AS row;
SELECT test.error_of($$SELECT id FROM enc_t WHERE i < ANY ('{1,2}'::bigint[])$$) AS list;
-- Where masks stand for values, functions that are called by name see them.
SELECT count(*) AS function FROM enc_t WHERE cipguard.enc_order_lt(i, 1) OR NOT cipguard.enc_order_lt(i, 1);
SELECT count(*) AS cmp FROM enc_t WHERE cipguard.enc_order_cmp(i, 1::bigint) IS NOT NULL;
SELECT test.error_of($$SELECT id FROM enc_t ORDER BY i USING <$$) AS sort;
SELECT test.error_of($$SELECT id, rank() OVER (ORDER BY i USING <) FROM enc_t$$) AS windowed;
SELECT count(*) AS sublink FROM enc_t a WHERE (i < ALL (SELECT i FROM enc_t b WHERE b.id <> a.id)) IS NOT NULL;
SELECT test.error_of($$SELECT id FROM enc_t WHERE t LIKE 'a%'$$) AS pattern;
SELECT min(t) FROM enc_t WHERE id IN (10, 11);
SET enable_seqscan = off; SET enable_bitmapscan = off;
SELECT test.plan_has($$SELECT id FROM enc_t WHERE i IS NOT NULL$$, 'enc_t_i') AS walks;
SELECT test.plan_has($$SELECT id FROM enc_t WHERE t = 'abc'$$, 'enc_t_t') AS equal;
SET enable_hashjoin = off; SET enable_nestloop = off;
SELECT test.plan_has($$SELECT a.id FROM phone a JOIN phone b ON a.mobile = b.mobile$$, 'phone_o') AS merged;
RESET enable_seqscan; RESET enable_bitmapscan; RESET enable_hashjoin; RESET enable_nestloop;
SELECT id FROM enc_t WHERE t = 'abc' ORDER BY id;

-- With none: masks are compared with masks and with nothing else.
SET ROLE regress_cipguard_clerk;
SELECT test.error_of($$SELECT id FROM phone WHERE mobile < '13900000000'$$) AS range;
SELECT test.error_of($$SELECT id FROM phone WHERE mobile < '13900000000'::text$$) AS text;
SELECT test.error_of($$SELECT id FROM phone WHERE mobile LIKE '%0001'$$) AS pattern;
SELECT id, mobile FROM phone ORDER BY mobile USING <, id;
SELECT min(mobile), max(mobile) FROM phone;
CREATE TABLE copy AS SELECT * FROM phone WITH NO DATA;
SELECT test.error_of($$INSERT INTO copy SELECT * FROM phone$$);
SELECT test.error_of($$CREATE INDEX ON copy (mobile cipguard.enc_text_order_ops)$$);
EXPLAIN (COSTS OFF) SELECT id FROM phone WHERE mobile IS NOT NULL ORDER BY mobile USING <;
-- Whoever may write a row may write it into the index.
INSERT INTO phone VALUES (6, '13800000000');
UPDATE phone SET mobile = '13700000000' WHERE id = 6;
SET ROLE regress_cipguard_reader;
SELECT id FROM phone WHERE mobile < '13800000001' ORDER BY id;

-- A plan that was made for a reader is made anew when the right is gone.
PREPARE ordered AS SELECT id FROM phone ORDER BY mobile USING < LIMIT 2;
SET plan_cache_mode = force_generic_plan;
EXECUTE ordered;
RESET ROLE;
SELECT cipguard.revoke_access(id) IS NOT NULL AS revoked FROM cipguard.access_grant WHERE grantee = 'regress_cipguard_reader'::regrole AND category = 'mobile';
SET ROLE regress_cipguard_reader;
EXECUTE ordered;
SET ROLE regress_cipguard_clerk;
EXECUTE ordered;
RESET plan_cache_mode;
RESET ROLE;
DEALLOCATE ordered;

-- More than one page, and out of order.
TRUNCATE enc_t;
INSERT INTO enc_t (id, i) SELECT g, (g * 7919) % 10007 FROM generate_series(1, 5000) g;
DELETE FROM enc_t WHERE i > 5000::bigint;
SELECT test.error_of($$DELETE FROM enc_t WHERE i > 5000$$);
SET ROLE regress_cipguard_reader;
DELETE FROM enc_t WHERE i > 5000;
RESET ROLE;
VACUUM enc_t;
REINDEX INDEX enc_t_i;
SET ROLE regress_cipguard_reader;
SELECT count(*), bool_and(ok) FROM (SELECT i::bigint >= coalesce(lag(i::bigint) OVER (ORDER BY i USING <), 0) AS ok FROM enc_t) s;
RESET ROLE;

-- Rows in the order of values tell it, whoever chose the index.
CREATE TABLE shelf (id int PRIMARY KEY, i cipguard.enc_int8('order_word'), t cipguard.enc_text('order_word'));
INSERT INTO shelf VALUES (1, 3, 'c'), (2, 1, 'a'), (3, 2, 'b');
CREATE INDEX shelf_i ON shelf (i cipguard.enc_int8_order_ops);
CREATE INDEX shelf_t ON shelf (id, t cipguard.enc_text_order_ops);
GRANT CREATE ON SCHEMA regress_order TO regress_cipguard_reader;
GRANT SELECT ON shelf TO regress_cipguard_reader;
SET ROLE regress_cipguard_reader;
CREATE MATERIALIZED VIEW shelf_view AS SELECT * FROM shelf;
RESET ROLE;
CREATE INDEX shelf_view_i ON shelf_view (i cipguard.enc_int8_order_ops);
ALTER TABLE shelf OWNER TO regress_cipguard_clerk;
ALTER MATERIALIZED VIEW shelf_view OWNER TO regress_cipguard_clerk;
SET ROLE regress_cipguard_clerk;
SELECT test.error_of(s) FROM unnest(ARRAY['CLUSTER shelf USING shelf_i', 'CLUSTER shelf USING shelf_t', 'ALTER TABLE shelf CLUSTER ON shelf_i', 'ALTER TABLE shelf CLUSTER ON shelf_t',
	'CLUSTER shelf_view USING shelf_view_i', 'ALTER MATERIALIZED VIEW shelf_view CLUSTER ON shelf_view_i']) s;
RESET ROLE;
ALTER TABLE shelf CLUSTER ON shelf_i;
SET ROLE regress_cipguard_clerk;
SELECT test.error_of('CLUSTER shelf');
CLUSTER;
VACUUM FULL shelf;
SELECT id FROM shelf ORDER BY ctid;
ALTER TABLE shelf SET WITHOUT CLUSTER;
CLUSTER;
CLUSTER shelf USING shelf_pkey;
CLUSTER shelf;
RESET ROLE;
ALTER TABLE shelf OWNER TO regress_cipguard_reader;
SET ROLE regress_cipguard_reader;
CLUSTER shelf USING shelf_i;
SELECT id FROM shelf ORDER BY ctid;
RESET ROLE;
CLUSTER shelf USING shelf_pkey;
CLUSTER shelf USING shelf_i;

\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA regress_order CASCADE;
DROP ROLE regress_cipguard_reader, regress_cipguard_searcher, regress_cipguard_clerk;

-- server: masked
-- Indexes on columns without a label serve a role that sees masks in every
-- shape of a query, and its plans are those of a reader.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE ROLE regress_cipguard_reader;
CREATE ROLE regress_cipguard_clerk;
CREATE SCHEMA regress_plans;
GRANT USAGE ON SCHEMA regress_plans TO regress_cipguard_reader, regress_cipguard_clerk;
SET search_path = regress_plans;
SELECT cipguard.grant_access('regress_cipguard_reader', c, 'read') IS NOT NULL AS granted FROM unnest('{name,mobile}'::text[]) c;
CREATE TABLE person (id int PRIMARY KEY, name text, mobile text, code text COLLATE "C", boss int, since date, tags int[]);
INSERT INTO person
	SELECT i, '张三', '138' || lpad(i::text, 8, '0'), 'c' || lpad(i::text, 6, '0'), i / 10, DATE '2000-01-01' + i, ARRAY[i % 1000, 1000 + i % 777]
	FROM generate_series(1, 20000) i;
CREATE INDEX person_code ON person (code text_pattern_ops);
CREATE INDEX person_since ON person (since);
CREATE INDEX person_boss ON person (boss);
CREATE INDEX person_tags ON person USING gin (tags);
CREATE TABLE visit (id int PRIMARY KEY, person int, note text);
INSERT INTO visit SELECT i, i, 'n' FROM generate_series(1, 20000) i;
CREATE INDEX visit_person ON visit (person);
CREATE TABLE log (at date, person int, mobile text) PARTITION BY RANGE (at);
CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
CREATE INDEX log_person ON log (person);
INSERT INTO log SELECT DATE '2024-01-01' + i % 60, i, '138' || lpad(i::text, 8, '0') FROM generate_series(1, 5000) i;
CREATE VIEW named AS SELECT id, name, mobile, boss FROM person WHERE since >= '2000-01-01';
CREATE FUNCTION found(wanted int) RETURNS SETOF person LANGUAGE sql STABLE AS 'SELECT * FROM regress_plans.person WHERE id = wanted';
SECURITY LABEL FOR cipguard ON COLUMN person.name IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN person.mobile IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN log.mobile IS 'mobile';
GRANT SELECT ON ALL TABLES IN SCHEMA regress_plans TO regress_cipguard_reader, regress_cipguard_clerk;
VACUUM (ANALYZE, FREEZE) person, visit, log;
SET max_parallel_workers_per_gather = 0;
SET jit = off;
\set ON_ERROR_STOP off

-- The nodes of a plan and their indexes, without what they compute.
CREATE FUNCTION nodes(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	result text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		CONTINUE WHEN line !~ '->|^[A-Z]';
		result := result || CASE result WHEN '' THEN '' ELSE ' < ' END || btrim(line, ' ->');
	END LOOP;
	RETURN result;
END
$$;
CREATE TEMPORARY TABLE shape (n int, what text, query text);
GRANT SELECT ON shape TO PUBLIC;
INSERT INTO shape VALUES
	(1, 'point', 'SELECT name, mobile FROM person WHERE id = 5'),
	(2, 'whole row', 'SELECT p FROM person p WHERE id = 5'),
	(3, 'IN', 'SELECT name FROM person WHERE id IN (1, 2, 3)'),
	(4, 'range, ORDER BY, LIMIT', 'SELECT name, mobile FROM person ORDER BY since LIMIT 5'),
	(5, 'ORDER BY descending, LIMIT', 'SELECT * FROM person WHERE since < ''2020-01-01'' ORDER BY since DESC LIMIT 5'),
	(6, 'LIKE', 'SELECT name FROM person WHERE code LIKE ''c00012%'''),
	(7, 'MIN and MAX', 'SELECT min(since), max(since) FROM person'),
	(8, 'join', 'SELECT p.name, v.note FROM visit v JOIN person p ON p.id = v.person WHERE v.id = 7'),
	(9, 'outer join', 'SELECT v.note, p.mobile FROM visit v LEFT JOIN person p ON p.id = v.person WHERE v.id < 5'),
	(10, 'self join', 'SELECT a.name, b.name FROM person a JOIN person b ON b.id = a.boss WHERE a.id = 77'),
	(11, 'sub-select in FROM', 'SELECT s.name FROM (SELECT id, name FROM person WHERE id < 4 OFFSET 0) s JOIN visit v ON v.person = s.id WHERE v.id = 3'),
	(12, 'sub-select, pulled up', 'SELECT s.name FROM (SELECT id, name FROM person) s WHERE s.id = 3'),
	(13, 'IN with a sub-select', 'SELECT name FROM person WHERE id IN (SELECT person FROM visit WHERE id < 4)'),
	(14, 'EXISTS', 'SELECT note FROM visit v WHERE id < 4 AND EXISTS (SELECT 1 FROM person p WHERE p.id = v.person)'),
	(15, 'scalar sub-select', 'SELECT (SELECT mobile FROM person p WHERE p.id = v.person) FROM visit v WHERE id = 3'),
	(16, 'view', 'SELECT name, mobile FROM named WHERE id = 5'),
	(17, 'function in FROM', 'SELECT name FROM found(5)'),
	(18, 'LATERAL', 'SELECT v.id, p.name FROM visit v, LATERAL (SELECT name FROM person WHERE id = v.person LIMIT 1) p WHERE v.id < 3'),
	(19, 'CTE', 'WITH c AS (SELECT id, name FROM person) SELECT name FROM c WHERE id = 9'),
	(20, 'UNION ALL', 'SELECT name FROM person WHERE id = 1 UNION ALL SELECT mobile FROM person WHERE id = 2'),
	(21, 'GIN', 'SELECT name FROM person WHERE tags @> ARRAY[17]'),
	(22, 'partition pruning', 'SELECT mobile FROM log WHERE at = ''2024-01-05'' AND person = 4'),
	(23, 'all partitions', 'SELECT mobile FROM log WHERE person = 4'),
	(24, 'index-only', 'SELECT since FROM person WHERE since = ''2001-01-01'''),
	(25, 'aggregate', 'SELECT count(mobile), max(name) FROM person WHERE boss = 12'),
	(26, 'window', 'SELECT name, row_number() OVER (ORDER BY id) FROM person WHERE boss = 12'),
	(27, 'masked and other condition', 'SELECT id FROM person WHERE id = 5 AND mobile LIKE ''138%'''),
	(28, 'UPDATE', 'UPDATE person SET code = ''x'' WHERE id = 5'),
	(29, 'DELETE', 'DELETE FROM person WHERE id = 5');
GRANT UPDATE, DELETE ON person TO regress_cipguard_reader, regress_cipguard_clerk;

\pset format unaligned
\pset tuples_only on
SET ROLE regress_cipguard_reader;
CREATE TEMPORARY TABLE reader_shape AS SELECT n, nodes(query) AS plan FROM shape;
GRANT SELECT ON reader_shape TO PUBLIC;
SET ROLE regress_cipguard_clerk;
-- By an index, never by reading all, and as for the reader.
SELECT what, nodes(query) ~ 'Index' AS index, nodes(query) !~ 'Seq Scan' AS no_scan, nodes(query) = plan AS as_reader FROM shape JOIN reader_shape USING (n) ORDER BY n;
-- What they give are masks all the same.
SELECT name, mobile FROM person WHERE id = 5;
SELECT name FROM found(5);
SELECT p.name, v.note FROM visit v JOIN person p ON p.id = v.person WHERE v.id = 7;
SELECT name, mobile FROM person ORDER BY since LIMIT 2;
-- A generic plan, too.
PREPARE look(int) AS SELECT name, mobile FROM person WHERE id = $1;
SET plan_cache_mode = force_generic_plan;
SELECT nodes('EXECUTE look(5)') ~ 'Index';
RESET plan_cache_mode;
-- A condition on a masked column compares masks: no index of that column.
SELECT nodes('SELECT id FROM person WHERE mobile = ''138****0005''') ~ 'Seq Scan' AS sequential;

RESET ROLE;
\pset format aligned
\pset tuples_only off
SET client_min_messages = warning;
DROP SCHEMA regress_plans CASCADE;
DROP TABLE shape, reader_shape;
SELECT count(cipguard.revoke_access(id)) > 0 AS revoked FROM cipguard.access_grant WHERE grantee = 'regress_cipguard_reader'::regrole AND revoked_at IS NULL;
DROP ROLE regress_cipguard_reader;
DROP ROLE regress_cipguard_clerk;

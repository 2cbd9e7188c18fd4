-- server: masked
-- What the journal records of readers' queries: the columns and subjects that
-- a statement gave out, and nothing else.  Rows that a set operation, OFFSET or
-- MOVE takes away again may be recorded, too; merged rows have no subject.
\i test/sql/transparent.inc
SET ROLE regress_cipguard_owner;
CREATE VIEW v AS SELECT id AS n, tel AS phone, name FROM client;
CREATE VIEW vv AS SELECT * FROM v WHERE phone IS NOT NULL;
CREATE TABLE orders (no int PRIMARY KEY, client_id int, ship_to text);
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN orders.client_id IS 'subject of client';
SET ROLE regress_cipguard_owner;
SECURITY LABEL FOR cipguard ON COLUMN orders.ship_to IS 'address';
INSERT INTO orders VALUES (101, 1, '世纪大道100号'), (102, 1, '世纪大道101号'), (103, 2, '世纪大道2号');
CREATE TABLE part (id int, tel text) PARTITION BY LIST (id);
CREATE TABLE part1 (tel text, id int);
ALTER TABLE part ATTACH PARTITION part1 FOR VALUES IN (1);
CREATE TABLE part2 PARTITION OF part DEFAULT;
SECURITY LABEL FOR cipguard ON COLUMN part.tel IS 'mobile';
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN part.id IS 'subject';
SET ROLE regress_cipguard_owner;
INSERT INTO part VALUES (1, '13800138001'), (2, '13900139002');
CREATE FUNCTION f_sql(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT tel FROM regress_tr.client WHERE id = $1';
CREATE FUNCTION f_set() RETURNS SETOF client LANGUAGE sql STABLE AS 'SELECT * FROM regress_tr.client';
CREATE FUNCTION f_plpgsql(int) RETURNS text LANGUAGE plpgsql AS 'DECLARE t text; BEGIN SELECT tel INTO t FROM regress_tr.client WHERE id = $1; RETURN t; END';
SELECT cipguard.create_masking_view('client');
GRANT ALL ON v, vv, orders, part, client_masked TO PUBLIC;
RESET ROLE;
CREATE TABLE statements (n serial, statement text);
GRANT SELECT ON statements TO PUBLIC;
INSERT INTO statements (statement) VALUES
	('SELECT tel FROM client WHERE id = 1'), ('SELECT tel FROM client'), ('SELECT name, tel, note FROM client WHERE id < 3'), ('SELECT mobile FROM client'), ('SELECT mobile::text, upper(home::text), phones, phones[1] FROM client WHERE id = 1'),
	('SELECT c FROM client c WHERE id < 3'), ('SELECT to_jsonb(c) FROM client c WHERE id = 1'), ('SELECT (c).tel, c.doc ->> ''name'', (c.adr).city FROM client c WHERE id = 1'), ('SELECT upper(name) || tel FROM client WHERE id = 1'),
	('SELECT CASE WHEN tel = ''x'' THEN name ELSE note END FROM client'), ('SELECT coalesce(tel, dom) FROM client WHERE id = 2'), ('SELECT big, area FROM client WHERE id = 1'),
	('SELECT j.tel FROM (client a JOIN orders o ON o.client_id = a.id) j WHERE no = 103'), ('SELECT tel FROM client a JOIN (SELECT id FROM client) b USING (id) WHERE id = 2'), ('SELECT a.tel, o.ship_to FROM client a LEFT JOIN orders o ON o.client_id = a.id WHERE a.id < 3'),
	('SELECT ship_to FROM orders'), ('SELECT phone FROM v WHERE n = 1'), ('SELECT phone, name FROM vv'), ('SELECT tel FROM client_masked WHERE id = 1'), ('SELECT mobile, born FROM client_masked WHERE id = 1'), ('SELECT tel FROM part'),
	('WITH c AS MATERIALIZED (SELECT * FROM client) SELECT tel FROM c WHERE id = 1'), ('WITH c AS NOT MATERIALIZED (SELECT * FROM client) SELECT tel FROM c WHERE id = 1'), ('WITH c AS (SELECT id, tel FROM client), d AS (SELECT * FROM c) SELECT d.tel FROM d, c WHERE c.id = d.id AND c.id = 2'),
	('SELECT tel FROM (SELECT * FROM client ORDER BY id LIMIT 2) s'), ('SELECT tel FROM (SELECT tel FROM (SELECT * FROM client) a) b WHERE tel LIKE ''139%'''), ('SELECT tel FROM (SELECT tel FROM client ORDER BY id) s WHERE tel LIKE ''138%'''), ('SELECT b, tel FROM (SELECT tel FROM client) b WHERE tel LIKE ''138%'''), ('SELECT u FROM (SELECT upper(tel) AS u, id FROM client) s WHERE id = 1'), ('SELECT l.tel FROM orders o, LATERAL (SELECT tel FROM client WHERE id = o.client_id) l WHERE no = 103'),
	('SELECT (SELECT tel FROM client WHERE id = 2)'), ('SELECT id, (SELECT tel FROM client i WHERE i.id = c.id) FROM client c WHERE id = 1'), ('SELECT ARRAY(SELECT tel FROM client ORDER BY id)'), ('SELECT o.no, (SELECT c.tel FROM client c WHERE c.id = o.client_id LIMIT 1) FROM orders o WHERE no = 101'),
	('SELECT tel FROM client WHERE id = 1 UNION ALL SELECT ship_to FROM orders WHERE no = 103'), ('SELECT tel FROM client UNION SELECT tel FROM part'), ('SELECT tel FROM client EXCEPT SELECT ''123'''),
	('SELECT tel, count(*) FROM client GROUP BY tel'), ('SELECT DISTINCT tel FROM client'), ('SELECT DISTINCT ON (id) tel FROM client'), ('SELECT max(tel), min(born) FROM client'), ('SELECT string_agg(name, '','') FROM client'), ('SELECT array_agg(tel) FROM client GROUP BY id'), ('SELECT id, tel FROM client GROUP BY id'),
	('SELECT lag(tel) OVER (ORDER BY id) FROM client'), ('SELECT tel, row_number() OVER (ORDER BY tel) FROM client WHERE id < 3'),
	('SELECT tel FROM client ORDER BY pay DESC NULLS LAST LIMIT 1'), ('SELECT tel, name FROM client ORDER BY tel, born LIMIT 1'), ('SELECT tel FROM client ORDER BY id OFFSET 1 LIMIT 1'), ('SELECT tel FROM client WHERE id > 0 AND pay > 1000 FOR UPDATE'),
	('UPDATE client SET note = note WHERE id = 1 RETURNING tel'), ('INSERT INTO client (id, tel) VALUES (1, ''1'') ON CONFLICT (id) DO UPDATE SET note = client.note RETURNING tel'), ('WITH u AS (UPDATE client SET note = note WHERE id = 2 RETURNING tel, name) SELECT name FROM u'), ('DELETE FROM orders WHERE no = 103 RETURNING ship_to'),
	('SELECT f_sql(1)'), ('SELECT f_plpgsql(1)'), ('SELECT tel FROM f_set() WHERE id = 1'), ('SELECT (f).tel FROM f_set() f WHERE id = 1'), ('SELECT t FROM client, unnest(tags) t WHERE id = 1'), ('SELECT value FROM client, jsonb_each(doc) WHERE id = 1'),
	('DO $$ DECLARE r record; BEGIN FOR r IN SELECT tel FROM client WHERE id = 1 LOOP END LOOP; END $$'), ('CREATE TEMP TABLE copy AS SELECT tel FROM client WHERE id < 3'),
	-- Nothing.
	('SELECT id, note FROM client'), ('SELECT id FROM client WHERE tel LIKE ''138%'' AND mobile = ''13800138001'' AND born > ''1900-01-01'''), ('SELECT id FROM client ORDER BY tel, name'), ('SELECT count(tel), count(DISTINCT name), count(*) FROM client'), ('SELECT tel IS NULL, c IS NULL FROM client c'),
	('SELECT count(*) FROM client GROUP BY tel'), ('SELECT a.id FROM client a JOIN part b ON a.tel = b.tel'), ('SELECT EXISTS (SELECT tel FROM client), 1 IN (SELECT id FROM client WHERE tel IS NOT NULL)'), ('SELECT cipguard.mask(tel, ''mobile''), cipguard.mask(mobile) FROM client'),
	('SELECT tel FROM client WHERE false'), ('SELECT tel FROM client WHERE id = 3'), ('UPDATE client SET tel = tel WHERE tel LIKE ''138%'''), ('EXPLAIN SELECT tel FROM client'), ('SELECT a.id FROM (SELECT id, tel FROM client) a'), ('SELECT CASE WHEN tel = ''13800138001'' THEN 1 ELSE 2 END FROM client');
CREATE FUNCTION run(n int, statement text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	PERFORM set_config('cipguard.app_user', format('record %s %s', pg_backend_pid(), n), false);
	IF statement ~ '^(SELECT|WITH|.*RETURNING|EXPLAIN)' THEN FOR r IN EXECUTE statement LOOP END LOOP; ELSE EXECUTE statement; END IF;
	PERFORM set_config('cipguard.app_user', '', false);
END
$$;
SELECT pg_backend_pid() AS pid \gset
-- Relation, columns, number of values, subjects.
SET ROLE regress_cipguard_auditor;
CREATE FUNCTION records(int) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT string_agg(format('%s%s(%s) %s {%s}', CASE WHEN kind <> 'read' THEN kind || ' ' END, regexp_replace(relation, '.*\.', ''), columns, v, subjects), '; ' ORDER BY relation, columns) FROM (
		SELECT kind, relation, (SELECT string_agg(DISTINCT c, ',' ORDER BY c) FROM unnest(array_agg(array_to_string(columns, ','))) a, regexp_split_to_table(a, ',') c) AS columns, sum("values") AS v, (SELECT string_agg(DISTINCT s, ',' ORDER BY s) FROM unnest(array_agg(array_to_string(subjects, ','))) a, regexp_split_to_table(a, ',') s) AS subjects
		FROM cipguard.disclosures WHERE app_user = format('record %s %s', pg_backend_pid(), $1) GROUP BY 1, 2) d
$$;
SET ROLE regress_cipguard_reader;
BEGIN;
SELECT count(run(n, statement)) FROM statements;
ROLLBACK;
SELECT statement, records(n) FROM statements WHERE records(n) IS NOT NULL ORDER BY n;
SELECT statement FROM statements WHERE records(n) IS NULL ORDER BY n;

-- Cursors: the rows that were fetched, and by whom.
SELECT set_config('cipguard.app_user', format('record %s 1001', pg_backend_pid()), false) IS NOT NULL AS set;
BEGIN;
DECLARE c CURSOR FOR SELECT id, tel FROM client ORDER BY id;
FETCH 1 c;
SELECT set_config('cipguard.app_user', format('record %s 1002', pg_backend_pid()), false) IS NOT NULL AS set;
MOVE 1 IN c;
FETCH 2 c;
SET LOCAL ROLE regress_cipguard_clerk;
DECLARE d CURSOR FOR SELECT id, tel FROM client ORDER BY id;
SET LOCAL ROLE regress_cipguard_reader;
SELECT set_config('cipguard.app_user', format('record %s 1003', pg_backend_pid()), false) IS NOT NULL AS set;
FETCH 1 d;
COMMIT;
-- COPY, and a prepared statement that runs twice.
SELECT set_config('cipguard.app_user', format('record %s 1004', pg_backend_pid()), false) IS NOT NULL AS set;
COPY client (id, tel, mobile) TO STDOUT;
SELECT set_config('cipguard.app_user', format('record %s 1005', pg_backend_pid()), false) IS NOT NULL AS set;
COPY (SELECT born FROM client WHERE id < 3) TO STDOUT;
SELECT set_config('cipguard.app_user', format('record %s 1006', pg_backend_pid()), false) IS NOT NULL AS set;
PREPARE p (int) AS SELECT tel FROM client WHERE id = $1;
EXECUTE p (1);
SET plan_cache_mode = force_generic_plan;
EXECUTE p (2);
RESET plan_cache_mode;
-- What was rolled back, and what failed half-way.
SELECT set_config('cipguard.app_user', format('record %s 1007', pg_backend_pid()), false) IS NOT NULL AS set;
BEGIN;
SELECT tel FROM client WHERE id = 1;
ROLLBACK;
SELECT tel, 1 / (2 - id) FROM client ORDER BY id;
-- Masked roles are given masks, which is no disclosure; nor are stored values
-- that are shown as armor.
SELECT set_config('cipguard.app_user', format('record %s 1008', pg_backend_pid()), false) IS NOT NULL AS set;
SET ROLE regress_cipguard_clerk;
SELECT tel, mobile FROM client WHERE id = 1;
EXECUTE p (1);
SET ROLE regress_cipguard_search;
SELECT tel, mobile FROM client WHERE id = 1;
SET ROLE regress_cipguard_owner;
SELECT tel, mobile FROM client WHERE id = 1;
RESET ROLE;
SELECT tel, mobile FROM client WHERE id = 1;
-- The same statement in a reader's function is one, of his.
SET ROLE regress_cipguard_reader;
SELECT set_config('cipguard.app_user', format('record %s 1009', pg_backend_pid()), false) IS NOT NULL AS set;
CREATE FUNCTION door() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = regress_tr, pg_temp AS 'BEGIN RETURN (SELECT tel FROM client WHERE id = 1); END';
SET ROLE regress_cipguard_clerk;
SELECT door();
RESET ROLE;
SELECT set_config('cipguard.app_user', format('record %s 1010', pg_backend_pid()), false) IS NOT NULL AS set;
SET row_security = off;
SELECT tel FROM client WHERE id = 1;
COPY orders (no, ship_to) TO STDOUT;
RESET row_security;
SET ROLE regress_cipguard_reader;
RESET cipguard.app_user;
SELECT n, records(n) FROM generate_series(1001, 1010) n;
RESET ROLE;
SET ROLE regress_cipguard_auditor;
SELECT DISTINCT role = session_user AS superuser, login_role = session_user AS login FROM cipguard.disclosures WHERE app_user IN (format('record %s 1009', :pid), format('record %s 1010', :pid)) ORDER BY 1;
-- Nobody writes into the journal by calling what plans call: there is no proof
-- but the planner's, and no proof at all is none.
SET ROLE regress_cipguard_clerk;
SELECT cipguard.disclose_value('13800138000'::text, 'pg_class'::regclass, 1, 'somebody else', NULL::cipguard.checked);
SELECT cipguard.disclose_value('13800138000'::text, 'pg_class'::regclass, 1, 'somebody else', 'checked');
RESET ROLE;
SELECT count(*) AS forged FROM cipguard.disclosures WHERE 'somebody else' = ANY (subjects);
SET client_min_messages = error;
RESET ROLE;
DROP FUNCTION records(int);
DROP VIEW client_masked;
\i test/sql/transparent_end.inc

-- server: masked
-- Copies keep the protection of what they were made of, and masked roles'
-- copies hold masks.  Labels stay when tables, columns and parents go.
\i test/sql/transparent.inc
-- Columns of a copy with their labels; and what a clerk sees of it.
CREATE FUNCTION labels(text) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(attname || ' ' || coalesce(label, '-'), ', ' ORDER BY attnum), 'none')
	FROM pg_attribute LEFT JOIN pg_seclabel ON objoid = attrelid AND classoid = 'pg_class'::regclass AND objsubid = attnum AND provider = 'cipguard'
	WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('id', 'note')
$$;
CREATE TABLE copies (n serial, name text, statement text);
GRANT SELECT ON copies TO PUBLIC;
INSERT INTO copies (name, statement) VALUES
	('c1', 'CREATE TABLE c1 AS SELECT id, name, tel, note FROM client'),
	('c2', NULL),
	('c3', 'CREATE TABLE c3 (id, other) AS SELECT id, upper(tel) FROM client'),
	('c4', 'CREATE TABLE c4 AS WITH w AS MATERIALIZED (SELECT id, tel FROM client) SELECT w.id, w.tel, x.born FROM w JOIN client x USING (id)'),
	('c5', 'CREATE TABLE c5 AS SELECT id, tel FROM client UNION ALL SELECT id, dom FROM client'),
	('c6', 'CREATE TABLE c6 AS SELECT max(tel) AS tel, min(born) AS born, count(*) AS n FROM client'),
	('c7', 'CREATE TABLE c7 AS SELECT id, (SELECT tel FROM client i WHERE i.id = c.id) AS tel, ARRAY(SELECT dom FROM client ORDER BY id) AS doms, tags[1] AS tag FROM client c'),
	('c8', 'CREATE TABLE c8 AS SELECT DISTINCT tel FROM client'),
	('c9', 'CREATE TABLE c9 AS SELECT * FROM v'),
	('c10', 'CREATE TEMP TABLE c10 AS TABLE client'),
	('c11', 'CREATE UNLOGGED TABLE c11 AS SELECT area, big, case when id > 1 then tel end AS some, coalesce(tel, dom) AS any FROM client'),
	('c12', 'CREATE TABLE c12 AS EXECUTE q (1)'),
	('c13', 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) CREATE TABLE c13 AS SELECT id, tel FROM client'),
	('c14', 'CREATE TABLE c14 AS SELECT id, tel FROM client WITH NO DATA'),
	('c15', 'CREATE MATERIALIZED VIEW c15 AS SELECT id, tel, mobile::text AS mobile FROM client'),
	('c16', 'CREATE MATERIALIZED VIEW c16 AS SELECT id, name FROM client WITH NO DATA'),
	('c17', 'CREATE TABLE c17 AS SELECT id, mobile, home, phones FROM client'),
	('c18', 'CREATE TABLE c18 AS SELECT id, mobile::text AS mobile, phones::text[] AS phones, home::text FROM client'),
	('c19', 'CREATE TABLE c19 AS SELECT f.* FROM f_sql() f'),
	('c21', 'CREATE TABLE c21 AS SELECT id, lag(tel) OVER (ORDER BY id) AS before, tel = dom AS same FROM client'),
	('c22', 'CREATE TABLE c22 AS SELECT id, tel IS NULL AS missing, count(tel) OVER () AS n FROM client'),
	('c23', 'CREATE TABLE c23 AS SELECT tel || name AS both FROM client'),
	('c24', 'CREATE TABLE c24 AS SELECT to_jsonb(c) AS c FROM client c'),
	('c25', 'CREATE TABLE c25 AS SELECT c FROM client c'),
	('c26', 'CREATE TABLE c26 AS SELECT name AS n FROM client UNION ALL SELECT tel FROM client'),
	('c27', 'CREATE TABLE c27 AS WITH u AS (UPDATE client SET note = note RETURNING id, tel) TABLE u');
SET ROLE regress_cipguard_owner;
CREATE VIEW v AS SELECT id, name, tel AS phone, note FROM client;
GRANT SELECT ON v TO PUBLIC;
RESET ROLE;
CREATE FUNCTION f_sql() RETURNS TABLE (id int, tel text) LANGUAGE sql STABLE AS 'SELECT id, tel FROM client';

SET ROLE regress_cipguard_reader;
PREPARE q (int) AS SELECT id, tel, born FROM client WHERE id = $1;
EXECUTE q (1);
CREATE FUNCTION attempt(statement text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	IF statement ~ '^EXPLAIN' THEN EXECUTE statement INTO line; ELSE EXECUTE statement; END IF;
EXCEPTION WHEN OTHERS THEN
	RAISE WARNING '%: % in %', SQLSTATE, SQLERRM, statement;
END
$$;
SET client_min_messages = warning;
SELECT count(attempt(statement)) FROM copies WHERE statement IS NOT NULL;
SELECT id, name, tel INTO c2 FROM client;
REFRESH MATERIALIZED VIEW c16;
SELECT name, labels(name) FROM copies WHERE to_regclass(name) IS NOT NULL ORDER BY n;
SELECT * FROM c1 ORDER BY id;
SELECT * FROM c16 ORDER BY id;
SELECT (c).tel, (c).mobile FROM c25;
-- Others see masks of them.
SELECT string_agg(name, ', ' ORDER BY n) AS tables FROM copies WHERE to_regclass(name) IS NOT NULL AND name <> 'c10' \gset
GRANT SELECT ON :tables TO regress_cipguard_clerk;
SET ROLE regress_cipguard_clerk;
SELECT * FROM c1 ORDER BY id;
SELECT * FROM c4 ORDER BY id;
SELECT * FROM c6;
SELECT * FROM c7 WHERE id = 1;
SELECT * FROM c11;
SELECT * FROM c12;
SELECT * FROM c13 WHERE id = 1;
SELECT * FROM c15 WHERE id = 1;
SELECT * FROM c16 WHERE id = 1;
SELECT * FROM c17 WHERE id = 1;
SELECT * FROM c18 WHERE id = 1;
SELECT * FROM c19 WHERE id = 1;
SELECT * FROM c22 WHERE id = 1;
SELECT (c).tel FROM c25;

-- A materialised view stays labelled, whoever refreshes it.
RESET ROLE;
ALTER MATERIALIZED VIEW c15 OWNER TO regress_cipguard_reader;
CREATE UNIQUE INDEX ON c15 (id);
REFRESH MATERIALIZED VIEW c15;
SET ROLE regress_cipguard_reader;
REFRESH MATERIALIZED VIEW CONCURRENTLY c15;
REFRESH MATERIALIZED VIEW c15 WITH NO DATA;
REFRESH MATERIALIZED VIEW c15;
SELECT labels('c15'), (SELECT tel FROM c15 WHERE id = 1);

-- Copies that masked roles make hold masks, of the same types.
SET ROLE regress_cipguard_clerk;
CREATE TABLE m1 AS SELECT * FROM v;
CREATE TABLE m2 AS SELECT id, tel, card, dom, born, bonus, tags, big, cipguard.mask(mobile) AS mobile FROM client WHERE id = 1;
SELECT test.error_of('CREATE TABLE m3 AS SELECT mobile FROM client'), test.error_of('CREATE TABLE m3 AS SELECT phones FROM client');
CREATE TABLE m3 AS SELECT mobile::text AS mobile, count(DISTINCT phones) FROM client GROUP BY 1;
CREATE MATERIALIZED VIEW m4 AS SELECT id, tel, cipguard.mask(mobile) AS mobile FROM client;
CREATE UNIQUE INDEX ON m4 (id);
REFRESH MATERIALIZED VIEW CONCURRENTLY m4;
PREPARE m AS SELECT id, tel FROM client WHERE id = 1;
CREATE TABLE m5 AS EXECUTE m;
CREATE TABLE m6 (LIKE client);
INSERT INTO m6 (id, tel, note) SELECT id, tel, name FROM client WHERE id = 1;
INSERT INTO m1 SELECT id + 10, name, tel, note FROM client WHERE id = 1;
GRANT SELECT ON m1, m2, m4, m5, m6 TO regress_cipguard_reader;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'm2'::regclass AND attnum > 0 ORDER BY attnum;
SET ROLE regress_cipguard_reader;
SELECT * FROM m1 ORDER BY id;
SELECT * FROM m2;
SELECT * FROM m4 ORDER BY id;
SELECT * FROM m5;
SELECT id, tel, note FROM m6;
RESET ROLE;
REFRESH MATERIALIZED VIEW m4;
SET ROLE regress_cipguard_reader;
SELECT * FROM m4 WHERE id = 1;
SET ROLE regress_cipguard_search;
CREATE TABLE s1 AS SELECT id, tel FROM client;
SELECT test.error_of('CREATE TABLE s2 AS SELECT mobile FROM client');
GRANT SELECT ON s1 TO regress_cipguard_reader;
SET ROLE regress_cipguard_reader;
SELECT * FROM s1 ORDER BY id;

-- A table is labelled by its owner, who is told what that means for him; what
-- he may not read he cannot set free.
SET client_min_messages = notice;
SET ROLE regress_cipguard_owner;
CREATE TABLE p (id int, tel text, note text) PARTITION BY LIST (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);
SECURITY LABEL FOR cipguard ON COLUMN p.tel IS 'mobile';
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN p.id IS 'subject';
SET ROLE regress_cipguard_owner;
SECURITY LABEL FOR cipguard ON COLUMN p.tel IS 'mobile';
SELECT test.error_of('SECURITY LABEL FOR cipguard ON COLUMN regress_tr.p.tel IS NULL'), test.error_of($$SECURITY LABEL FOR cipguard ON COLUMN regress_tr.p.tel IS 'name'$$), test.error_of($$SECURITY LABEL FOR cipguard ON COLUMN regress_tr.p.note IS 'no such'$$);
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN p.id IS NULL;
SET ROLE regress_cipguard_owner;
SET ROLE regress_cipguard_clerk;
SELECT test.error_of($$SECURITY LABEL FOR cipguard ON COLUMN regress_tr.p.note IS 'name'$$);
SET ROLE regress_cipguard_reader;
SECURITY LABEL FOR cipguard ON COLUMN c3.other IS NULL;
SECURITY LABEL FOR cipguard ON COLUMN c3.other IS 'name';
RESET ROLE;
SET client_min_messages = warning;
GRANT ALL ON p, p1, p2 TO PUBLIC;
INSERT INTO p VALUES (1, '13800138001', 'x'), (2, '13900139002', 'y');

-- They stay when a parent goes.
SET ROLE regress_cipguard_owner;
ALTER TABLE p DETACH PARTITION p1;
SELECT labels('p1');
SELECT * FROM p1;
ALTER TABLE p ATTACH PARTITION p1 FOR VALUES IN (1);
SELECT * FROM p ORDER BY id;
ALTER TABLE p DETACH PARTITION p1;
ALTER TABLE p1 DROP COLUMN note;
DROP TABLE p1;
CREATE TABLE top (id int, tel text, name text);
CREATE TABLE kid (born date) INHERITS (top);
CREATE TABLE grandkid () INHERITS (kid);
SECURITY LABEL FOR cipguard ON COLUMN top.tel IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN top.name IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN kid.born IS 'birth_date';
INSERT INTO grandkid VALUES (1, '13800138001', '张三丰', '1990-03-07');
SELECT * FROM top;
ALTER TABLE ONLY top DROP COLUMN name;
SELECT labels('kid'), labels('grandkid');
ALTER TABLE kid NO INHERIT top;
SELECT labels('kid'), labels('grandkid');
SELECT * FROM kid;
ALTER TABLE grandkid NO INHERIT kid;
SELECT labels('grandkid');
SELECT * FROM grandkid;
ALTER TABLE grandkid INHERIT kid;
DROP TABLE top;
SELECT * FROM kid;
-- Under other names, too.
ALTER TABLE grandkid NO INHERIT kid;
ALTER TABLE grandkid RENAME COLUMN tel TO number;
ALTER TABLE grandkid RENAME TO alone;
RESET ROLE;
CREATE SCHEMA regress_tr2;
GRANT ALL ON SCHEMA regress_tr2 TO PUBLIC;
SET ROLE regress_cipguard_owner;
ALTER TABLE alone SET SCHEMA regress_tr2;
SELECT * FROM regress_tr2.alone;
DROP TABLE regress_tr2.alone;
RESET ROLE;
DROP SCHEMA regress_tr2;

-- A generated column that is one no more.
SET ROLE regress_cipguard_owner;
SELECT test.error_of('ALTER TABLE regress_tr.client ALTER big DROP EXPRESSION');
RESET ROLE;
BEGIN;
ALTER TABLE client ALTER big DROP EXPRESSION;
SELECT labels('client');
SET LOCAL ROLE regress_cipguard_clerk;
SELECT big FROM client WHERE id = 1;
ROLLBACK;
DROP TABLE c10;
\i test/sql/transparent_end.inc

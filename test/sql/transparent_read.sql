-- server: masked
-- What roles read of protected columns: whoever may not read sees the mask,
-- the same in whatever way a query is written, and readers see what is stored.
\i test/sql/transparent.inc
-- What is stored, and what cipguard.mask() makes of it.  A function of a
-- reader's that runs with his rights is a door, which this test needs.
SET ROLE regress_cipguard_reader;
CREATE FUNCTION door() RETURNS TABLE (id int, stored jsonb, masked jsonb) LANGUAGE sql SECURITY DEFINER SET search_path = regress_tr, pg_temp AS $$
	SELECT id, to_jsonb(c), to_jsonb(c) || jsonb_build_object(
		'name', cipguard.mask(name, 'name'), 'tel', cipguard.mask(tel, 'mobile'), 'card', rpad(cipguard.mask(rtrim(card), 'bank_card'), 20),
		'nick', cipguard.mask(nick, 'name'), 'dom', cipguard.mask(dom, 'mobile'), 'born', cipguard.mask(born, 'birth_date'),
		'seen', cipguard.mask(seen, 'birth_date'), 'pay', cipguard.mask(pay, 'regress_income'), 'bonus', cipguard.mask(bonus, 'regress_income')::numeric(12,2),
		'ip', cipguard.mask(ip, 'ip_address'), 'doc', cipguard.mask(doc, 'regress_client'), 'pic', NULL, 'uid', NULL, 'tags', cipguard.mask(tags, 'mobile'),
		'adr', NULL, 'mobile', cipguard.mask(mobile), 'phones', cipguard.mask(phones::text[], 'mobile'), 'home', cipguard.mask(home),
		'big', NULL, 'area', cipguard.mask(area, 'name'))
	FROM client c
$$;
RESET ROLE;
CREATE TABLE expected AS SELECT * FROM door();
GRANT SELECT ON expected TO PUBLIC;
SELECT id, masked FROM expected ORDER BY id;

-- Every way to write the same query.
-- What is wrong with the rows of a query: columns, or an error.
CREATE FUNCTION gives(query text, want text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record;
	e jsonb;
	rows int := 0;
	wrong text[];
BEGIN
	FOR r IN EXECUTE query LOOP
		rows := rows + 1;
		SELECT CASE want WHEN 'masked' THEN masked ELSE stored END INTO STRICT e FROM regress_tr.expected WHERE id = r.id;
		wrong := wrong || ARRAY(SELECT k FROM jsonb_object_keys(e) k WHERE coalesce(to_jsonb(r) -> 'whole', to_jsonb(r)) -> k IS DISTINCT FROM e -> k);
	END LOOP;
	RETURN nullif(CASE WHEN rows <> 4 THEN rows || ' rows' ELSE '' END || array_to_string(ARRAY(SELECT DISTINCT unnest(wrong) ORDER BY 1), ' '), '');
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END
$$;
SET ROLE regress_cipguard_owner;
CREATE VIEW v AS SELECT * FROM client;
CREATE VIEW vv WITH (security_barrier) AS SELECT * FROM v;
CREATE FUNCTION f_sql() RETURNS SETOF client LANGUAGE sql STABLE AS 'SELECT * FROM client';
CREATE FUNCTION f_atomic() RETURNS SETOF client LANGUAGE sql STABLE BEGIN ATOMIC SELECT * FROM client; END;
CREATE FUNCTION f_plpgsql() RETURNS SETOF client LANGUAGE plpgsql AS 'BEGIN RETURN QUERY SELECT * FROM client; END';
CREATE FUNCTION f_loop() RETURNS SETOF client LANGUAGE plpgsql AS 'DECLARE r client; BEGIN FOR r IN SELECT * FROM client LOOP RETURN NEXT r; END LOOP; END';
CREATE FUNCTION f_one(int) RETURNS client LANGUAGE sql AS 'SELECT * FROM client WHERE id = $1';
CREATE TABLE child () INHERITS (client);
GRANT SELECT ON v, vv TO PUBLIC;
RESET ROLE;
CREATE TABLE form (n serial, query text);
INSERT INTO form (query) VALUES
	('TABLE client'), ('SELECT (c).* FROM client c'), ('SELECT * FROM ONLY client'), ('TABLE v'), ('TABLE vv'),
	('WITH c AS MATERIALIZED (TABLE client) TABLE c'), ('WITH c AS NOT MATERIALIZED (TABLE client) TABLE c'),
	('WITH RECURSIVE r AS (SELECT * FROM client WHERE id = 1 UNION ALL SELECT c.* FROM client c JOIN r ON c.id = r.id + 1) TABLE r'),
	('SELECT * FROM (SELECT * FROM client OFFSET 0) s'), ('TABLE client UNION ALL SELECT * FROM client WHERE false'),
	('SELECT l.* FROM generate_series(1, 4) g, LATERAL (SELECT * FROM client WHERE id = g) l'),
	('SELECT * FROM f_sql()'), ('SELECT * FROM f_atomic()'), ('SELECT * FROM f_plpgsql()'), ('SELECT * FROM f_loop()'), ('SELECT (f_one(g)).* FROM generate_series(1, 4) g'),
	('SELECT f.* FROM generate_series(1, 4) g, f_one(g) f'), ('SELECT a.* FROM client a LEFT JOIN client b USING (id)'),
	('SELECT b.* FROM client a LEFT JOIN client b ON a.id = b.id'), ('SELECT j.* FROM (client a NATURAL JOIN (SELECT id FROM client) b) j'),
	('SELECT (unnest(array_agg(c))).* FROM client c'), ('SELECT (array_agg(c))[1].* FROM client c GROUP BY id'), ('SELECT c.* FROM client c GROUP BY id'),
	('SELECT * FROM client ORDER BY name, tel, born, mobile LIMIT 10'), ('SELECT DISTINCT ON (id) * FROM client'),
	('SELECT * FROM client TABLESAMPLE SYSTEM (100)'), ('SELECT * FROM client FOR UPDATE'), ('SELECT (SELECT c).* FROM client c'),
	('SELECT (c.x).* FROM (SELECT c AS x FROM client c) c'), ('SELECT id, to_jsonb(c) AS whole FROM client c'),
	('SELECT id, to_jsonb(s) AS whole FROM (SELECT * FROM client) s'), ('SELECT id, to_jsonb(s) AS whole FROM (SELECT * FROM v OFFSET 0) s'),
	('WITH s AS MATERIALIZED (TABLE client) SELECT id, to_jsonb(s) AS whole FROM s'), ('SELECT id, to_jsonb(f) AS whole FROM f_sql() f');
GRANT ALL ON form TO PUBLIC;
SET ROLE regress_cipguard_clerk;
SELECT query, gives FROM form, gives(query, 'masked') WHERE gives IS NOT NULL ORDER BY n;
SET ROLE regress_cipguard_search;
SELECT query, gives FROM form, gives(query, 'masked') WHERE gives IS NOT NULL ORDER BY n;
SET ROLE regress_cipguard_owner;
SELECT query, gives FROM form, gives(query, 'masked') WHERE gives IS NOT NULL ORDER BY n;
RESET ROLE;
SELECT query, gives FROM form, gives(query, 'masked') WHERE gives IS NOT NULL ORDER BY n;
SET ROLE regress_cipguard_reader;
SELECT query, gives FROM form, gives(query, 'stored') WHERE gives IS NOT NULL ORDER BY n;
RESET ROLE;
-- A grant for this table alone is as good.
CREATE ROLE regress_cipguard_local;
GRANT SELECT, UPDATE ON client TO regress_cipguard_local;
SELECT count(cipguard.grant_access('regress_cipguard_local', name, relation => 'client')) > 0 AS granted FROM cipguard.category WHERE name <> 'unclassified';
SET ROLE regress_cipguard_local;
SELECT query, gives FROM form, gives(query, 'stored') WHERE gives IS NOT NULL ORDER BY n;
RESET ROLE;

-- With row_security off there are stored values (of encrypted columns: armor),
-- or an error.
SET row_security = off;
SELECT name, tel, card, born, pay, bonus, doc, pic, adr, tags, big FROM client WHERE id = 1;
SELECT starts_with(format('%s', mobile), 'cip1:') AS armor, starts_with(to_jsonb(c) ->> 'home', 'cip1:') AS also FROM client c WHERE id = 1;
SET ROLE regress_cipguard_owner;
SELECT name, tel, card, born, pay, bonus, doc, pic, adr, tags, big FROM client WHERE id = 1;
SELECT starts_with(format('%s', mobile), 'cip1:') AS armor, starts_with(to_jsonb(c) ->> 'home', 'cip1:') AS also FROM client c WHERE id = 1;
SET ROLE regress_cipguard_clerk;
SELECT error_of('SELECT tel FROM regress_tr.client');
SELECT error_of('SELECT id, note FROM regress_tr.client');
SET ROLE regress_cipguard_reader;
SELECT gives('TABLE client', 'stored') AS armor_only;
RESET ROLE;
RESET row_security;

-- The whole language over masks, as a clerk; type modifiers stay.
SET ROLE regress_cipguard_clerk;
SELECT c.tel, c.born FROM generate_series(0, 1) g LEFT JOIN client c ON c.id = g ORDER BY g;
SELECT count(c) AS rows, count(c.tel) AS tels, count(*), bool_or(c IS NULL) AS missing, bool_and(c.tel IS NULL) AS also FROM (VALUES (0), (5)) g (n) LEFT JOIN client c ON c.id = n;
SELECT count(c) AS rows, count(tel) AS tels FROM client c;
SELECT min(tel), max(tel), min(born), max(pay), sum(bonus) FILTER (WHERE id < 3), string_agg(name, ',' ORDER BY id), array_agg(tags[1] ORDER BY id) FROM client;
SELECT id FROM client WHERE tel = '138****8001';
SELECT id FROM client WHERE tel = '13800138001';
SELECT id FROM client WHERE name LIKE '张*%' AND born = '1990-01-01' AND pay BETWEEN 12000 AND 12999 AND doc ->> 'name' = '张**' AND '138****8021' = ANY (tags);
SELECT a.id, b.id FROM client a JOIN client b ON a.tel = b.tel AND a.born = b.born ORDER BY 1;
SELECT id FROM client a NATURAL JOIN (SELECT tel, born FROM client) b ORDER BY id;
SELECT tel, born FROM client a FULL JOIN (SELECT '138****8001'::varchar AS tel) b USING (tel) ORDER BY tel;
SELECT born, count(*) FROM client GROUP BY born HAVING count(*) > 0 ORDER BY born;
SELECT extract(year FROM born) AS year, count(*) FROM client GROUP BY ROLLUP (1) ORDER BY 1, 2;
SELECT DISTINCT area FROM client ORDER BY area;
SELECT DISTINCT mobile FROM client ORDER BY mobile;
SELECT id, lag(tel) OVER w, first_value(name) OVER w, row_number() OVER (PARTITION BY area ORDER BY id) FROM client WINDOW w AS (ORDER BY id) ORDER BY id;
SELECT tel FROM client WHERE id = 1 UNION SELECT tel FROM client WHERE id = 1 UNION ALL SELECT note FROM client WHERE id = 1 ORDER BY 1;
SELECT CASE WHEN tel IS NULL THEN 'none' ELSE tel END, coalesce(name, 'nobody'), tel || '/' || name, upper(nick::text), (adr).city, length(card), doc -> 'phones' -> 0, tags[1], phones[1] FROM client ORDER BY id;
SELECT id, (SELECT tel FROM client i WHERE i.id = c.id) AS one, ARRAY(SELECT tel FROM client i WHERE i.id <= c.id ORDER BY id) AS more, EXISTS (SELECT FROM client i WHERE i.tel = c.tel) AS same FROM client c ORDER BY id;
SELECT t FROM client c, unnest(c.tags) t ORDER BY t;
SELECT key, value FROM client c, jsonb_each(c.doc) WHERE id = 1 ORDER BY key;
SELECT mobile::text, mobile || '', length(home::text), format('%s %s', tel, mobile) FROM client WHERE id = 1;
CREATE TABLE pg_temp.copy AS SELECT name, tel, card, nick, dom, bonus, tags, doc, area FROM client WHERE id = 1;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'copy'::regclass AND attnum > 0 ORDER BY attnum;
SELECT * FROM copy;
DROP TABLE copy;

-- A reader's indexes serve; a masked role's on other columns, too.
RESET ROLE;
CREATE INDEX ON client (tel);
CREATE INDEX ON client ((doc ->> 'x'));
SET enable_seqscan = off;
SET ROLE regress_cipguard_reader;
SELECT plan_has($$SELECT name FROM client WHERE tel = '13800138001'$$, 'Index Cond: ((tel)::text = ''13800138001''::text)') AS tel, plan_has($$SELECT mobile FROM client WHERE mobile = '13800138001'$$, 'client_mobile_key') AS mobile, plan_has('SELECT max(tel) FROM ONLY client', 'Index Only Scan Backward') AS max,
	plan_has('SELECT tel FROM ONLY client ORDER BY tel LIMIT 1', 'Index Scan using client_tel_idx') AS sorted, plan_has($$SELECT name FROM v WHERE tel = '13800138001'$$, 'client_tel_idx') AS through_view;
SELECT name, doc FROM client WHERE tel = '13800138001' AND doc ->> 'x' = 'y';
SET ROLE regress_cipguard_search;
SELECT plan_has($$SELECT mobile FROM client WHERE mobile = '13800138001'$$, 'client_mobile_key') AS mobile, plan_has($$SELECT id FROM client WHERE tel = '13800138001'$$, 'client_tel_idx') AS tel;
SELECT id, mobile, tel FROM client WHERE mobile = '13800138001';
SELECT a.id FROM client a JOIN client b USING (mobile) ORDER BY 1;
SET ROLE regress_cipguard_clerk;
SELECT plan_has('SELECT tel FROM client WHERE id = 1', 'client_pkey') AS id;
RESET ROLE;
RESET enable_seqscan;

-- Cursors, prepared statements and functions follow who runs them.
SET ROLE regress_cipguard_clerk;
PREPARE p (int) AS SELECT name, tel, mobile FROM client WHERE id = $1;
EXECUTE p (1);
SET ROLE regress_cipguard_reader;
EXECUTE p (1);
SET ROLE regress_cipguard_search;
EXECUTE p (1);
SET ROLE regress_cipguard_clerk;
EXECUTE p (1);
SET plan_cache_mode = force_generic_plan;
EXECUTE p (2);
SET ROLE regress_cipguard_reader;
EXECUTE p (2);
RESET plan_cache_mode;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id, tel, mobile FROM client ORDER BY id;
FETCH 1 c;
SET LOCAL ROLE regress_cipguard_clerk;
FETCH 1 c;
DECLARE d SCROLL CURSOR WITH HOLD FOR SELECT id, tel, mobile FROM client ORDER BY id;
SET LOCAL ROLE regress_cipguard_reader;
FETCH LAST d;
COMMIT;
FETCH FIRST d;
CLOSE d;
SET ROLE regress_cipguard_owner;
CREATE FUNCTION of_invoker() RETURNS text LANGUAGE plpgsql AS $$ DECLARE t text; BEGIN SELECT format('%s %s', tel, mobile) INTO t FROM regress_tr.client WHERE id = 1; RETURN t; END $$;
SET ROLE regress_cipguard_reader;
CREATE FUNCTION of_reader() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = regress_tr, pg_temp AS $$ DECLARE t text; BEGIN SELECT format('%s %s', tel, mobile) INTO t FROM client WHERE id = 1; RETURN t; END $$;
SELECT of_invoker(), of_reader();
SET ROLE regress_cipguard_clerk;
CREATE FUNCTION of_clerk() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = regress_tr, pg_temp AS $$ BEGIN RETURN of_invoker(); END $$;
SELECT of_invoker(), of_reader(), of_clerk();
SET ROLE regress_cipguard_reader;
SELECT of_invoker(), of_reader(), of_clerk();
RESET ROLE;
SELECT of_invoker() AS superuser;

-- COPY gives what SELECT does.
SET ROLE regress_cipguard_clerk;
COPY client (id, name, tel, born, mobile, phones) TO STDOUT WITH (NULL '-');
COPY (SELECT mobile, tel FROM client WHERE id = 1) TO STDOUT WITH (FORMAT csv, HEADER);
SET ROLE regress_cipguard_reader;
COPY client (id, name, tel, born, mobile, phones) TO STDOUT WITH (NULL '-');
RESET ROLE;

SET client_min_messages = error;
DROP OWNED BY regress_cipguard_local;
DELETE FROM cipguard.access_grant WHERE grantee::text = 'regress_cipguard_local';
DROP ROLE regress_cipguard_local;
\i test/sql/transparent_end.inc

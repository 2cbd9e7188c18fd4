-- server: masked
-- A reader who wants no trace uses the value anywhere but in the output list:
-- whatever could carry it away is recorded, with the person.  What only
-- compares is not, and finds its index.
\i test/sql/transparent.inc
SET ROLE regress_cipguard_owner;
CREATE TABLE plain (id int PRIMARY KEY, word text, n int);
INSERT INTO plain VALUES (1, 'one', 1), (2, 'two', 2);
CREATE INDEX client_name ON client (name text_pattern_ops);
CREATE TABLE ruled (id int PRIMARY KEY, name text, note text);
CREATE FUNCTION owners(text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN $1 IS NOT NULL; END';
CREATE POLICY p ON ruled USING (owners(name));
ALTER TABLE ruled ENABLE ROW LEVEL SECURITY;
GRANT ALL ON plain, ruled TO PUBLIC;
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN ruled.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN ruled.name IS 'name';
INSERT INTO ruled VALUES (1, '张三丰', 'x'), (2, '欧阳锋', 'x');
-- What the reader makes himself.
SET ROLE regress_cipguard_reader;
CREATE FUNCTION leak(anyelement) RETURNS bool LANGUAGE plpgsql COST 0.0001 AS 'BEGIN RAISE DEBUG ''leak %'', $1; RETURN true; END';
CREATE FUNCTION leak_fixed(text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS 'BEGIN RETURN $1; END';
CREATE FUNCTION leak_two(text, text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
CREATE FUNCTION leak_set(text) RETURNS SETOF text LANGUAGE plpgsql AS 'BEGIN RETURN NEXT $1; END';
CREATE FUNCTION leak_int(text) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE FUNCTION leak_state(text, text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN $2; END';
CREATE OPERATOR ~~~ (FUNCTION = leak_two, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR ### (FUNCTION = parse_ident, LEFTARG = text, RIGHTARG = bool);
CREATE OPERATOR #### (FUNCTION = to_date, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR ##### (FUNCTION = cipguard.mask, LEFTARG = text, RIGHTARG = text);
CREATE AGGREGATE leak_all(text) (SFUNC = leak_state, STYPE = text);
CREATE DOMAIN leaking AS text CHECK (leak(VALUE));
CREATE VIEW leaking_view AS SELECT id, note FROM client WHERE leak(name);
CREATE VIEW leaking_barrier WITH (security_barrier) AS SELECT id, note, name FROM client WHERE leak(name);
CREATE VIEW leaking_check AS SELECT * FROM client WHERE leak(name) WITH CHECK OPTION;
RESET ROLE;
CREATE TABLE statements (n serial, statement text);
GRANT SELECT ON statements TO PUBLIC;
INSERT INTO statements (statement) VALUES
	('SELECT id FROM client WHERE id = 1 AND leak(name)'), ('SELECT count(*) FROM client WHERE leak(name)'), ('SELECT id FROM client c WHERE id = 1 AND leak(c)'),
	('SELECT id FROM client WHERE id = 1 AND set_config(''my.x'', name, false) IS NOT NULL'), ('SELECT id FROM client WHERE id = 1 AND name::int = 1'), ('SELECT id FROM client WHERE id = 1 AND mobile::text::inet = ''::1'''),
	('SELECT id FROM client WHERE id = 1 AND pg_notify(''x'', name) IS NOT NULL'), ('SELECT id FROM client WHERE id = 1 AND query_to_xml(format(''select %L'', name), false, false, '''') IS NULL'), ('SELECT id FROM client WHERE id = 1 AND pg_sleep(length(name) * 0) IS NULL'), ('SELECT id FROM client WHERE id = 1 AND current_setting(name, true) IS NULL'),
	('SELECT id FROM client WHERE id = 1 AND to_date(tel, ''Q'') IS NULL'), ('SELECT id FROM client WHERE id = 1 AND has_table_privilege(name, ''select'')'), ('SELECT id FROM client WHERE id = 1 AND parse_ident(tel) IS NULL'), ('SELECT id FROM client WHERE id = 1 AND (tel ### true) IS NULL'), ('SELECT id FROM client WHERE id = 1 AND (tel::text #### ''Q'') IS NULL'), ('SELECT id FROM client WHERE id = 1 AND (''x'' ##### name) IS NULL'), ('SELECT id FROM client WHERE id = 1 AND int4in(textout(name)) = 1'), ('SELECT id FROM client WHERE id = 1 AND date_part(name, born) = 1'), ('SELECT id FROM client WHERE id = 1 AND jsonb_path_exists(doc, ''$.name.double()'')'), ('SELECT id FROM client WHERE id = 1 AND xmlparse(content ''<'' || name) IS NULL'),
	('SELECT id FROM client WHERE id = 1 AND tags::int[] IS NULL'), ('SELECT id FROM client WHERE id = 1 AND name::leaking IS NULL'), ('SELECT id FROM client WHERE id = 1 AND leak(leak_fixed(upper(name)) || ''x'')'), ('SELECT id FROM client WHERE id = 1 AND leak(length(name) + 1)'),
	('SELECT c.id FROM client c WHERE id = 1 AND leak((c.adr).city)'), ('SELECT id FROM client WHERE id = 1 AND name ~~~ ''x'''), ('SELECT id FROM client WHERE id = 1 AND ''x'' ~~~ ANY (ARRAY[name, ''y''])'), ('SELECT id FROM plain WHERE word ~~~ ANY (SELECT name FROM client WHERE client.id = 1)'), ('SELECT id, CASE name WHEN ''x'' THEN 1 ELSE 2 END FROM client WHERE id = 1 AND CASE name WHEN ''x'' THEN true ELSE leak(name) END'),
	('SELECT id FROM client WHERE id < 3 ORDER BY leak(name)'), ('SELECT id, note FROM client WHERE id < 3 ORDER BY note, leak_fixed(name) DESC'), ('SELECT DISTINCT id, leak(name) FROM client WHERE id < 3 ORDER BY leak(name)'), ('SELECT DISTINCT ON (leak_fixed(name)) id FROM client WHERE id < 3 ORDER BY leak_fixed(name), id'),
	('SELECT count(*) FILTER (WHERE leak(name)) FROM client'), ('SELECT count(leak(name)) FROM client'), ('SELECT sum(leak_int(name)) FROM client WHERE id = 1'), ('SELECT 1 FROM client HAVING count(leak(name)) > 0'), ('SELECT leak_all(name) FROM client'), ('SELECT 1 FROM client HAVING leak_all(name) IS NOT NULL'), ('SELECT 1 FROM client HAVING leak(max(name))'), ('SELECT count(*) FROM client WHERE id < 3 GROUP BY leak_fixed(name)'), ('SELECT leak_fixed(name), count(*) FROM client WHERE id < 3 GROUP BY leak_fixed(name) HAVING leak_fixed(name) <> ''x'' ORDER BY leak_fixed(name)'), ('SELECT count(*) FROM client WHERE id < 3 GROUP BY upper(name) HAVING leak(upper(name))'), ('SELECT count(*) FROM client WHERE id < 3 GROUP BY name HAVING leak(upper(name))'), ('SELECT count(*) FROM client WHERE id < 3 GROUP BY ROLLUP (leak_fixed(upper(name)), upper(name)) HAVING leak(leak_fixed(upper(name)))'), ('SELECT count(*) FROM client WHERE id < 3 GROUP BY id HAVING leak(name)'),
	('SELECT id, row_number() OVER (ORDER BY leak(name)) FROM client WHERE id < 3'), ('SELECT id, count(leak(name)) OVER (PARTITION BY leak_fixed(name)) FROM client WHERE id < 3'), ('SELECT id, count(*) OVER (ROWS BETWEEN (SELECT leak_int(name) FROM client WHERE id = 1) PRECEDING AND CURRENT ROW) FROM client'), ('SELECT id FROM client LIMIT (SELECT leak_int(name) FROM client WHERE id = 1)'), ('SELECT id FROM client OFFSET (SELECT name::int FROM client WHERE id = 1)'),
	('SELECT p.id FROM plain p JOIN client c ON c.id = p.id AND leak(c.name)'), ('SELECT p.id, c.note FROM plain p LEFT JOIN client c ON c.id = p.id AND leak(c.name) WHERE p.id = 1'), ('SELECT p.id FROM plain p LEFT JOIN client c ON c.id = p.id WHERE leak_two(c.name, p.word) IS NOT NULL'), ('SELECT p.id FROM plain p FULL JOIN client c USING (id) WHERE leak(c.name)'), ('SELECT p.id FROM plain p, LATERAL (SELECT name FROM client WHERE id = p.id OFFSET 0) l WHERE leak(l.name)'), ('SELECT c.id FROM client c, LATERAL leak_set(c.name) WHERE c.id = 1'), ('SELECT c.id FROM client c, LATERAL (VALUES (leak(c.name))) v (x) WHERE c.id = 1 AND x'), ('SELECT c.id FROM client c, jsonb_to_record(c.doc) AS r (name int) WHERE c.id = 1'), ('SELECT c.id FROM client c, xmltable(''/a'' PASSING xmlelement(name a, c.name) COLUMNS x int PATH ''.'') WHERE c.id = 1'),
	('SELECT n FROM (SELECT id AS n, upper(name) AS u FROM client) s WHERE leak(u) AND n < 3'), ('SELECT count(*) FROM (SELECT leak(name) FROM client WHERE id = 1 OFFSET 0) s'), ('SELECT count(*) FROM (SELECT name FROM client WHERE id = 1 UNION ALL SELECT word FROM plain) s WHERE leak(name)'), ('WITH c AS MATERIALIZED (SELECT * FROM client WHERE id = 1) SELECT id FROM c WHERE leak(name)'), ('WITH c AS (SELECT leak(name) AS l FROM client WHERE id = 1) SELECT count(l) FROM c'), ('WITH RECURSIVE r AS (SELECT 1 AS n, name FROM client WHERE id = 1 UNION ALL SELECT n + 1, name FROM r WHERE n < 3 AND leak(name)) SELECT count(*) FROM r'), ('WITH RECURSIVE r AS (SELECT 1 AS n, NULL::text AS v UNION ALL SELECT n + 1, c.name FROM r, client c WHERE c.id = 1 AND n < 3 AND leak_two(v, ''x'') ) SELECT count(*) FROM r'), ('SELECT EXISTS (SELECT FROM client WHERE id = 1 AND leak(name))'), ('SELECT id FROM plain p WHERE id = 1 AND (SELECT leak(c.name) FROM client c WHERE c.id = p.id)'), ('SELECT count((SELECT leak(c.name) FROM plain p LIMIT 1)) FROM client c WHERE id = 1'), ('SELECT (SELECT leak(c.name) FROM plain p LIMIT 1) FROM client c WHERE id < 3 GROUP BY c.name'), ('SELECT count(*) FROM client WHERE leak((SELECT name FROM client WHERE id = 1)) AND id < 3'),
	('SELECT count(*) FROM leaking_view'), ('SELECT id FROM leaking_barrier WHERE id = 1'), ('SELECT id FROM leaking_barrier WHERE id = 1 AND leak_two(name, note)'), ('UPDATE leaking_view SET note = note WHERE id = 1'), ('UPDATE leaking_barrier SET note = note WHERE id = 1'), ('UPDATE leaking_check SET note = ''x'' WHERE id = 1'),
	('UPDATE client SET note = note WHERE id = 1 AND leak(name)'), ('UPDATE client SET note = leak(name)::text WHERE id = 1'), ('UPDATE plain p SET word = leak_fixed(c.name) FROM client c WHERE c.id = p.id AND c.id = 1'), ('DELETE FROM client WHERE id = 1 AND NOT leak(name)'), ('DELETE FROM plain p USING client c WHERE c.id = p.id AND leak(c.name)'), ('INSERT INTO plain SELECT 100, leak_fixed(name) FROM client WHERE id = 1'), ('INSERT INTO client (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET note = ''x'' WHERE leak(client.name)'), ('INSERT INTO client (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET note = leak_fixed(client.name)'), ('INSERT INTO client (id, name) SELECT id, name FROM client WHERE id = 1 ON CONFLICT (id) DO UPDATE SET note = ''x'' WHERE leak(excluded.name)'), ('WITH u AS (UPDATE client SET note = note WHERE id = 1 RETURNING leak(name)) SELECT count(*) FROM u'), ('UPDATE plain SET n = n RETURNING (SELECT leak_int(name) FROM client WHERE client.id = plain.id)'),
	('MERGE INTO plain p USING client c ON p.id = c.id AND leak(c.name) WHEN MATCHED THEN DO NOTHING'), ('MERGE INTO plain p USING client c ON p.id = c.id WHEN MATCHED AND leak(c.name) THEN UPDATE SET n = 1'), ('MERGE INTO client c USING plain p ON p.id = c.id WHEN MATCHED THEN UPDATE SET note = leak_fixed(c.name)'),
	('SELECT id FROM client WHERE id = 1 AND leak(mobile)'), ('SELECT id FROM client WHERE id = 1 AND leak(mobile::text)'), ('SELECT id FROM client WHERE id = 1 AND cipguard.mask(''x'', name) IS NULL'), ('SELECT id FROM client WHERE id = 1 AND leak(cipguard.disclose(mobile, ''client''))'), ('SELECT id FROM ruled WHERE leak(name)'),
	-- Nothing.
	('SELECT id FROM client WHERE name = ''x'' OR name < ''y'' OR name LIKE ''z%'' OR name IN (''x'', ''y'') OR tel BETWEEN ''1'' AND ''2'' OR name IS NULL OR name ~ ''x'' OR name = ANY (SELECT word FROM plain)'), ('SELECT id FROM client WHERE length(name) > 1 AND lower(name) = ''x'' AND substr(tel, 1, 3) = ''138'' AND upper(trim(name)) || ''x'' <> ''y'' AND left(card, 4) = ''6222'''), ('SELECT id FROM client WHERE born > ''1980-01-01'' AND date_part(''year'', born) > 1900 AND seen < now() AND seen - interval ''1 day'' < now() AND born + 1 < current_date AND date_trunc(''day'', seen) < now() AND extract(month FROM born) = 3 AND to_char(born, ''MM'') = ''03'''), ('SELECT id FROM client WHERE pay * 2 > 100 AND bonus::int > 0 AND abs(pay) > 5 AND pay::numeric / 3 > 1 AND pay::text LIKE ''1%'' AND round(bonus) > 1 AND ip << ''10.0.0.0/8'''), ('SELECT id FROM client WHERE doc @> ''{"name": "x"}'' AND doc ->> ''name'' = ''x'' AND doc @? ''$.name'' AND tags && ARRAY[''x''] AND tags[1] = ''x'' AND cardinality(tags) = 1 AND ''x'' = ANY (tags) AND (doc -> ''pay'')::int > 1'), ('SELECT id FROM client WHERE mobile = ''13800138001'' AND mobile IN (''13800138001'', ''x'') AND mobile::text LIKE ''138%'' AND length(home::text) > 1 AND cipguard.disclose(mobile, ''client'') LIKE ''1%'''), ('SELECT id FROM client WHERE regexp_replace(name, ''x'', ''y'') = ''x'' AND coalesce(name, tel) = ''x'' AND greatest(name, tel) = ''x'' AND (name, tel) < (''x'', ''y'') AND CASE name WHEN ''x'' THEN true ELSE name = ''y'' END AND to_jsonb(name) = ''1'' AND concat(name, tel) = ''x'' AND cipguard.mask(name, ''name'') = ''x'' AND cipguard.validate(tel, ''mobile'') IS NULL'),
	('SELECT id FROM client ORDER BY name, lower(tel), mobile::text'), ('SELECT count(*) FROM client GROUP BY name, upper(tel) HAVING min(name) < max(name) AND count(DISTINCT tel) > 1 AND string_agg(name, '','') <> ''x'''), ('SELECT count(*) FILTER (WHERE name LIKE ''x%'') FROM client'), ('SELECT row_number() OVER (PARTITION BY name ORDER BY lag) FROM (SELECT name, lag(name) OVER (ORDER BY tel) FROM client) s'), ('SELECT p.id FROM plain p JOIN client c ON c.name = p.word LEFT JOIN client d ON d.tel = c.tel'), ('SELECT id FROM client WHERE leak(note) AND leak(id) AND note::text IS NOT NULL AND set_config(''my.x'', note, false) IS NOT NULL'),
	('UPDATE plain p SET word = upper(c.name) FROM client c WHERE c.id = p.id'), ('INSERT INTO plain SELECT id + 100, name FROM client WHERE id < 3'), ('UPDATE client SET name = name || ''x'', note = lower(name) WHERE id = 1'), ('SELECT id FROM ruled'), ('SELECT id FROM ruled WHERE name = ''x''');
CREATE FUNCTION run(n int, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	PERFORM set_config('cipguard.app_user', format('handed %s %s', pg_backend_pid(), n), false);
	IF statement ~ '^(SELECT|WITH|.*RETURNING)' THEN FOR r IN EXECUTE statement LOOP END LOOP; ELSE EXECUTE statement; END IF;
	PERFORM set_config('cipguard.app_user', '', false);
	RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZ999';
EXCEPTION
	WHEN SQLSTATE 'ZZ999' THEN RETURN NULL;
	WHEN OTHERS THEN RETURN SQLSTATE;
END
$$;
-- Not all that a plan has to record comes to pass.
CREATE FUNCTION discloses(statement text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	line text;
	found bool := false;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || statement LOOP found := found OR line ~ 'disclose_value'; END LOOP;
	RETURN found;
END
$$;
CREATE FUNCTION plan(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || statement LOOP RETURN NEXT regexp_replace(line, '''\d+''::oid', 'relation'); END LOOP;
END
$$;
SET ROLE regress_cipguard_auditor;
CREATE FUNCTION records(int) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT string_agg(format('%s(%s) %s {%s}', regexp_replace(relation, '.*\.', ''), columns, v, subjects), '; ' ORDER BY relation, columns) FROM (
		SELECT relation, (SELECT string_agg(DISTINCT c, ',' ORDER BY c) FROM unnest(array_agg(array_to_string(columns, ','))) a, regexp_split_to_table(a, ',') c) AS columns, sum("values") AS v, (SELECT string_agg(DISTINCT s, ',' ORDER BY s) FROM unnest(array_agg(array_to_string(subjects, ','))) a, regexp_split_to_table(a, ',') s) AS subjects
		FROM cipguard.disclosures WHERE kind = 'read' AND app_user = format('handed %s %s', pg_backend_pid(), $1) GROUP BY 1) d
$$;
SET ROLE regress_cipguard_reader;
-- Those whose error would have told.
CREATE TEMP TABLE ran AS SELECT statement, run(n, statement) AS state FROM statements ORDER BY n;
SELECT state, statement FROM ran WHERE state IS NOT NULL;
-- Of expressions that a query groups by, 18 and later know the persons.
SELECT statement, CASE WHEN statement ~ 'GROUP BY .*leak_fixed' THEN replace(records(n), CASE WHEN current_setting('server_version_num')::int < 180000 THEN '{}' ELSE '{1,2}' END, '{?}') ELSE records(n) END AS records FROM statements WHERE records(n) IS NOT NULL ORDER BY n;
SELECT statement, discloses(statement) FROM statements WHERE records(n) IS NULL ORDER BY n;
-- An equality of the reader's own, found by its name.
RESET ROLE;
CREATE SCHEMA regress_tr_own AUTHORIZATION regress_cipguard_reader;
SET ROLE regress_cipguard_reader;
SET search_path = regress_tr_own, pg_catalog, regress_tr, test;
CREATE OPERATOR = (FUNCTION = leak_two, LEFTARG = text, RIGHTARG = text);
SELECT discloses('SELECT CASE name WHEN ''x'' THEN 1 END FROM client'), discloses('SELECT 1 FROM client WHERE NULLIF(name, ''x'') IS NULL'), discloses('SELECT 1 FROM client WHERE name IN (''x'', ''y'')'), discloses('SELECT 1 FROM client a JOIN plain ON name = word'), discloses('SELECT 1 FROM client WHERE name IS DISTINCT FROM ''x''');
DROP SCHEMA regress_tr_own CASCADE;
SET search_path = regress_tr, test;

-- Conditions that only compare find their indexes beside others that do not.
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT plan('SELECT id FROM client WHERE name LIKE ''x%'' AND leak(name)');
RESET ROLE;
CREATE INDEX client_lower ON client (lower(tel::text));
SET ROLE regress_cipguard_reader;
SELECT plan('SELECT id FROM client WHERE lower(tel::text) = ''x'' AND leak(tel)');
RESET enable_seqscan;
RESET enable_bitmapscan;
SELECT plan('SELECT id FROM ruled WHERE name = ''x''');

-- Somebody who sees masks hands over masks, and a plan is made anew.
PREPARE p AS SELECT id, leak_fixed(note) FROM client WHERE id = 1 AND leak_fixed(name) LIKE '张%';
EXECUTE p;
SET ROLE regress_cipguard_clerk;
SELECT id FROM client WHERE id = 1 AND leak_fixed(name) = '张三丰';
EXECUTE p;
RESET ROLE;
SET client_min_messages = error;
DROP FUNCTION records(int);
DROP VIEW leaking_view, leaking_barrier, leaking_check;
DEALLOCATE p;
DROP TABLE ran;
\i test/sql/transparent_end.inc

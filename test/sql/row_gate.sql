-- server: masked
-- A reader may not read of every person: row by row he sees the mask, at each
-- door and in each position, and nothing that he gets depends on what is
-- behind it.
\set ON_ERROR_STOP on
SET client_min_messages = error;
CREATE ROLE regress_cipguard_officer LOGIN;
CREATE ROLE regress_cipguard_reader LOGIN;
CREATE ROLE regress_cipguard_searcher LOGIN;
GRANT cipguard_officer, cipguard_registrar TO regress_cipguard_officer;
CREATE SCHEMA regress_row;
GRANT ALL ON SCHEMA regress_row TO PUBLIC;
SET search_path = regress_row;
CREATE TABLE client (
	id int PRIMARY KEY,
	name text,
	tel text,
	num int,
	mob cipguard.enc_text('mobile'),
	mobs cipguard.enc_text('mobile')[],
	day cipguard.enc_date('birth_date'),
	city text,
	loud text GENERATED ALWAYS AS (upper(name)) STORED
);
SECURITY LABEL FOR cipguard ON COLUMN client.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN client.name IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN client.tel IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN client.num IS 'mobile';
INSERT INTO client SELECT i, (ARRAY['王小明', '李四', 'Anna Lee'])[1 + i % 3], '1380013800' || i, i * 1000, '1380013800' || i,
	ARRAY['1380013800' || i]::cipguard.enc_text('mobile')[], NULL, 'c' || i % 2 FROM generate_series(1, 9) i;
CREATE INDEX ON client (tel);
CREATE INDEX ON client (city, tel);
CREATE INDEX ON client (mob);
CREATE INDEX ON client (mob cipguard.enc_text_order_ops);
CREATE TABLE visit (client int, tel text, note text);
SECURITY LABEL FOR cipguard ON COLUMN visit.client IS 'subject of client';
SECURITY LABEL FOR cipguard ON COLUMN visit.tel IS 'mobile';
INSERT INTO visit SELECT i, '1380013800' || i, 'v' || i FROM generate_series(5, 8) i;
CREATE TABLE part (id int, tel text) PARTITION BY LIST (tel);
CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('13800138006', '13800138007');
CREATE TABLE part_b PARTITION OF part DEFAULT;
SECURITY LABEL FOR cipguard ON COLUMN part.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN part.tel IS 'mobile';
INSERT INTO part SELECT i, '1380013800' || i FROM generate_series(1, 9) i;
CREATE TABLE nobody (tel text);
SECURITY LABEL FOR cipguard ON COLUMN nobody.tel IS 'mobile';
INSERT INTO nobody VALUES ('13800138001');
CREATE VIEW seen AS SELECT id, tel AS t, mob AS m FROM client;
SELECT cipguard.create_masking_view('client');
GRANT ALL ON ALL TABLES IN SCHEMA regress_row TO regress_cipguard_reader, regress_cipguard_searcher;
SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT cipguard.grant_access('regress_cipguard_reader', c) > 0 FROM unnest('{mobile,name,birth_date}'::text[]) c;
SELECT cipguard.grant_access('regress_cipguard_searcher', c, 'search') > 0 FROM unnest('{mobile,name}'::text[]) c;
SELECT cipguard.add_activity('regress_survey', 'ask', 'consent', '{mobile,name,birth_date}', 'us') > 0;
SELECT cipguard.record_consent(i::text, 'regress_survey', 'give', separate => true) > 0 FROM generate_series(1, 9) i WHERE i <> 7;
RESET SESSION AUTHORIZATION;
ANALYZE client;
\set ON_ERROR_STOP off
SET cipguard.purpose = 'regress_survey';
SET client_min_messages = warning;

-- What he sees, and that he is told once.
SET ROLE regress_cipguard_reader;
\set VERBOSITY terse
SELECT * FROM client WHERE id IN (6, 7) ORDER BY id;
SELECT * FROM client_masked WHERE id IN (6, 7) ORDER BY id;
SET client_min_messages = error;
SELECT c FROM client c WHERE id IN (6, 7) ORDER BY id;
SELECT * FROM nobody;
COPY (SELECT id, tel, mob FROM client WHERE id IN (6, 7) ORDER BY id) TO STDOUT;
SET cipguard.output = armor;
SELECT id, mob::text, length(mob::text) FROM client WHERE id = 7;
SELECT count(*) FILTER (WHERE tel LIKE '%*%') FROM client;
RESET cipguard.output;
BEGIN;
DECLARE c CURSOR FOR SELECT id, tel, mob FROM client WHERE id IN (6, 7) ORDER BY id;
FETCH ALL c;
COMMIT;
-- Without that purpose everybody is open, and the plan is made anew.
PREPARE p AS SELECT id, tel, mob FROM client WHERE id = 7;
EXECUTE p;
BEGIN;
SET LOCAL cipguard.purpose = '';
EXECUTE p;
COMMIT;
EXECUTE p;
-- Stored values or an error.
SET row_security = off;
SELECT id, tel FROM client WHERE id = 7;
SELECT id, left(mob::text, 5) FROM client WHERE id = 7;
SELECT id FROM client WHERE mob = '13800138007';
RESET row_security;
-- Nobody may name an open person for a withheld one.
SELECT id, cipguard.disclose(mob, 'client', 6, NULL::text) FROM client WHERE id = 7;
SELECT id, cipguard.gate_value(tel, 'client'::regclass, 3, 6, NULL::text, NULL) FROM client WHERE id = 7;
SELECT id, cipguard.disclose(tel, 'mobile', 'client', 6, NULL::text) FROM client WHERE id = 7;
-- Nobody's statistics.
SELECT attname, most_common_vals IS NULL AND histogram_bounds IS NULL AS none FROM pg_stats
	WHERE schemaname = 'regress_row' AND tablename = 'client' AND attname IN ('tel', 'name', 'loud', 'city') ORDER BY 1;
RESET ROLE;

-- A hundred queries, of two values behind the same mask: the highest and the
-- lowest of all.
CREATE TABLE shape (n int GENERATED ALWAYS AS IDENTITY, q text);
INSERT INTO shape (q) SELECT replace(t, '%', c) FROM unnest('{tel,num,mob}'::text[]) WITH ORDINALITY c (c, i),
	unnest(ARRAY[
		'SELECT id, % FROM client',
		'SELECT id FROM client ORDER BY %',
		'SELECT id FROM client ORDER BY % DESC NULLS LAST LIMIT 3',
		'SELECT %, count(*) FROM client GROUP BY % ORDER BY 1',
		'SELECT count(DISTINCT %), max(id) FROM client',
		'SELECT max(%), min(%) FROM client',
		'SELECT id, rank() OVER (ORDER BY %), lag(%) OVER (ORDER BY id) FROM client ORDER BY id',
		'SELECT a.id, b.id FROM client a JOIN client b ON a.% = b.% ORDER BY 1, 2',
		'SELECT a.id, b.id, b.% FROM client a LEFT JOIN client b ON a.id = b.id + 2 AND b.% IS NOT NULL ORDER BY 1',
		'SELECT a.id FROM client a WHERE EXISTS (SELECT FROM client b WHERE b.% = a.% AND b.id <> a.id) ORDER BY 1',
		'SELECT id FROM client WHERE % IN (SELECT % FROM client WHERE id > 6) ORDER BY 1',
		'SELECT id FROM client WHERE % = (SELECT % FROM client WHERE id = 7) ORDER BY 1',
		'SELECT id FROM client WHERE % > (SELECT % FROM client WHERE id = 5) ORDER BY 1',
		'SELECT % FROM client WHERE id > 5 UNION SELECT % FROM client WHERE id < 8 ORDER BY 1',
		'SELECT id FROM (SELECT id, % AS v FROM client OFFSET 0) s ORDER BY v, id',
		'WITH x AS MATERIALIZED (SELECT id, % AS v FROM client) SELECT a.id, b.id FROM x a JOIN x b ON a.v = b.v ORDER BY 1, 2',
		'SELECT c.id, l.v FROM client c, LATERAL (SELECT b.% AS v FROM client b WHERE b.id >= c.id ORDER BY b.% LIMIT 1) l ORDER BY 1',
		'SELECT DISTINCT ON (%) id, % FROM client ORDER BY %, id',
		'SELECT id, CASE WHEN % IS NULL THEN 0 ELSE 1 END FROM client',
		'SELECT id, md5(%::text), %::text || id FROM client',
		'SELECT array_agg(id ORDER BY %, id), string_agg(%::text, '','' ORDER BY %) FROM client',
		'SELECT city, max(%) FROM client GROUP BY ROLLUP (city) ORDER BY 1',
		'SELECT to_jsonb(c) FROM client c'
	]) WITH ORDINALITY t (t, j) ORDER BY i, j;
INSERT INTO shape (q) SELECT replace(replace(t, '%', c), '#', v) FROM unnest('{tel,mob}'::text[]) c, unnest('{13899998007,13800008007}'::text[]) v,
	unnest(ARRAY[
		'SELECT id FROM client WHERE % = ''#''',
		'SELECT id FROM client WHERE % <> ''#'' ORDER BY 1',
		'SELECT id FROM client WHERE % < ''#'' ORDER BY 1',
		'SELECT id FROM client WHERE % = ANY (''{#,13800138001}'') ORDER BY 1',
		'SELECT id FROM client WHERE NOT (% = ''#'') ORDER BY 1',
		'SELECT id FROM client WHERE % = ''#'' OR id = 3 ORDER BY 1',
		'SELECT id FROM client WHERE %::text LIKE left(''#'', 5) || ''%'' ORDER BY 1',
		'SELECT id FROM seen WHERE t = ''#'' OR m = ''#''',
		'SELECT id FROM seen WHERE t = ''#''',
		'SELECT id FROM client_masked WHERE % = ''#''',
		'SELECT a.id FROM client a LEFT JOIN client b ON a.id = b.id + 1 WHERE b.% = ''#''',
		'SELECT a.id, b.id FROM client a LEFT JOIN client b ON a.id = b.id AND b.% = ''#'' ORDER BY 1',
		'SELECT id, noticed(id) FROM client WHERE noticed(id) AND % = ''#''',
		'SELECT id FROM client WHERE % = ''#'' FOR UPDATE',
		'SELECT id, nullif(%, ''#'') IS NULL, % IS DISTINCT FROM ''#'' FROM client ORDER BY 1',
		'SELECT count(*) FILTER (WHERE % = ''#'') FROM client',
		'UPDATE client SET city = city WHERE % = ''#'' RETURNING id, %',
		'DELETE FROM visit USING client c WHERE visit.tel = ''#'' AND c.id = visit.client RETURNING visit.*',
		'MERGE INTO visit v USING client c ON v.client = c.id AND c.% = ''#'' WHEN MATCHED THEN UPDATE SET note = ''x''',
		'SELECT id FROM part WHERE tel = ''#''',
		'SELECT mobs[1] = ''#'' FROM client ORDER BY id'
	]) t;
INSERT INTO shape (q) VALUES
	('SELECT id FROM client WHERE city = ''c1'''),
	('SELECT id, mobs, mobs[1] FROM client'),
	('SELECT id, u FROM client, unnest(mobs) u ORDER BY u'),
	('SELECT v.note, c.id FROM visit v JOIN client c USING (tel) ORDER BY 1'),
	('SELECT v.note, c.id FROM visit v FULL JOIN client c ON v.tel = c.tel ORDER BY 1, 2'),
	('SELECT c.id FROM client c JOIN part p ON c.tel = p.tel ORDER BY 1'),
	('UPDATE client SET city = tel RETURNING id, city'),
	('UPDATE client SET city = m.tel FROM client m WHERE m.id = client.id RETURNING client.id, client.city'),
	('INSERT INTO client (id, city) SELECT id + 100, tel FROM client RETURNING id, city'),
	('INSERT INTO client (id, tel) VALUES (7, ''13800138111'') ON CONFLICT (id) DO UPDATE SET city = client.tel RETURNING city, tel'),
	('SELECT * FROM client TABLESAMPLE SYSTEM (100)'),
	('SELECT * FROM ONLY part_a'),
	('EXPLAIN (COSTS OFF) SELECT id FROM client WHERE tel = ''13800138007'''),
	('EXPLAIN (COSTS OFF) SELECT id FROM client ORDER BY tel'),
	('SELECT cipguard.mask(mob), cipguard.pseudonym(mob) IS NULL FROM client ORDER BY id'),
	('TABLE client_masked');
CREATE TABLE noted (id int);
GRANT ALL ON noted, shape TO PUBLIC;
CREATE FUNCTION noticed(i int) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$BEGIN INSERT INTO regress_row.noted VALUES (i); RETURN true; END$$;
CREATE FUNCTION outcome(q text) RETURNS text LANGUAGE plpgsql SET search_path = regress_row AS $$
DECLARE
	r record;
	result text := '';
BEGIN
	BEGIN
		IF q ~ '^MERGE' AND current_setting('server_version_num')::int < 150000 THEN
			RETURN 'no MERGE';
		END IF;
		IF q ~ '^MERGE' THEN
			EXECUTE q;
			SELECT string_agg(v.note, ',' ORDER BY client) INTO result FROM regress_row.visit v;
		ELSE
			FOR r IN EXECUTE q LOOP
				result := result || r || E'\n';
			END LOOP;
		END IF;
		result := result || coalesce((SELECT string_agg(id::text, ',' ORDER BY id) FROM regress_row.noted), '');
		RAISE EXCEPTION USING ERRCODE = 'ZZ999', MESSAGE = result;
	EXCEPTION WHEN OTHERS THEN
		RETURN CASE WHEN SQLSTATE = 'ZZ999' THEN '' ELSE SQLSTATE || ' ' END || SQLERRM;
	END;
END
$$;
CREATE TABLE outcomes (role text, run int, seqscan text, n int, result text);
GRANT ALL ON outcomes TO PUBLIC;
CREATE PROCEDURE run_all(run int) LANGUAGE plpgsql AS $$
DECLARE
	who text;
	way text;
BEGIN
	FOREACH who IN ARRAY '{reader,searcher}'::text[] LOOP
		EXECUTE format('SET ROLE regress_cipguard_%I', who);
		FOREACH way IN ARRAY '{on,off}'::text[] LOOP
			PERFORM set_config('enable_seqscan', way, false);
			INSERT INTO regress_row.outcomes SELECT who, run, way, s.n, regress_row.outcome(s.q) FROM regress_row.shape s
				WHERE who = 'reader' AND way = 'on' OR s.q ~ '13899998007|city';
		END LOOP;
		RESET ROLE;
	END LOOP;
	SET enable_seqscan = on;
END
$$;
SET cipguard.purpose = '';
UPDATE client SET tel = '13899998007', name = '王大伟', num = 999999, mob = '13899998007', mobs = ARRAY['13899998007']::cipguard.enc_text('mobile')[] WHERE id = 7;
UPDATE visit SET tel = '13899998007' WHERE client = 7;
UPDATE part SET tel = '13899998007' WHERE id = 7;
SET cipguard.purpose = 'regress_survey';
CALL run_all(1);
UPDATE client SET tel = '13800008007', name = '王一一', num = -999999, mob = '13800008007', mobs = ARRAY['13800008007']::cipguard.enc_text('mobile')[] WHERE id = 7;
UPDATE visit SET tel = '13800008007' WHERE client = 7;
UPDATE part SET tel = '13800008007' WHERE id = 7;
CALL run_all(2);
SELECT count(DISTINCT n) AS shapes FROM outcomes;
SELECT role, seqscan, s.q, a.result AS high, b.result AS low FROM outcomes a JOIN outcomes b USING (role, seqscan, n) JOIN shape s USING (n)
	WHERE a.run = 1 AND b.run = 2 AND a.result <> b.result ORDER BY 1, 2, s.n;
-- Nor does it depend on the plan.
SELECT s.q, a.result AS by_scan, b.result AS by_index FROM outcomes a JOIN outcomes b USING (role, run, n) JOIN shape s USING (n)
	WHERE a.seqscan = 'on' AND b.seqscan = 'off' AND a.result <> b.result AND s.q ~ 'ORDER BY' AND s.q !~ 'EXPLAIN' AND run = 1
	ORDER BY role, s.n;
SELECT role, result, count(*) FROM outcomes WHERE result ~ '^[0-9A-Z]{5} ' GROUP BY 1, 2 ORDER BY 1, 2;

-- The same queries tell the two apart where the person is open.
TRUNCATE outcomes;
SET cipguard.purpose = '';
CALL run_all(2);
UPDATE client SET tel = '13899998007', mob = '13899998007' WHERE id = 7;
CALL run_all(1);
SELECT count(*) > 40 AS told FROM outcomes a JOIN outcomes b USING (role, seqscan, n) WHERE a.run = 1 AND b.run = 2 AND a.result <> b.result;

-- Writing.
SET cipguard.purpose = 'regress_survey';
SET ROLE regress_cipguard_reader;
UPDATE client SET tel = tel, mob = mob, name = name WHERE id IN (6, 7);
UPDATE client SET tel = '138****8007', mob = '138****8007' WHERE id = 7;
UPDATE client SET tel = upper(tel) WHERE id = 7;
INSERT INTO visit SELECT id, tel FROM client;
CREATE TEMP TABLE copied AS SELECT id, mob FROM client WHERE id = 7;
CREATE TEMP TABLE copied AS SELECT id, mob FROM client WHERE id = 6;
DROP TABLE copied;
UPDATE client SET tel = '13800138777' WHERE id = 7;
RESET ROLE;
SET cipguard.purpose = '';
SET ROLE regress_cipguard_reader;
SELECT id, tel, mob, name FROM client WHERE id IN (6, 7) ORDER BY id;
RESET ROLE;

SET client_min_messages = error;
RESET search_path;
DROP SCHEMA regress_row CASCADE;
SELECT cipguard.end_activity('regress_survey') \gset
UPDATE cipguard.access_grant SET revoked_at = now() WHERE grantee::text LIKE 'regress_cipguard_%' AND revoked_at IS NULL;
DELETE FROM cipguard.access_grant WHERE grantee::text LIKE 'regress%';
DROP ROLE regress_cipguard_reader, regress_cipguard_searcher, regress_cipguard_officer;

-- server: masked
-- Masks must not destroy what is stored.  "safe" says that afterwards a reader
-- finds every value as it was, "LOST" that one has changed; ZC013 is the
-- refusal to store a mask.  The controls must say LOST.
-- redteam_write_1.out is for servers that mask nothing.
\set ECHO none
SELECT current_setting('shared_preload_libraries') !~ 'cipguard' OR current_setting('cipguard.transparent_masking', true) = 'off' AS unmasked \gset
\if :unmasked
\echo needs a preloaded server
\quit
\endif
\i test/sql/redteam.inc
SELECT name, regress_rt.attempt(steps) FROM (VALUES
(1, 'control: a reader writes a mask', '@reader UPDATE client SET tel = ''x'''),
(2, 'control: a clerk writes a new value', '@clerk UPDATE client SET tel = ''15912340000'' WHERE id = 1'),
(3, 'control: encrypted', '@clerk UPDATE client SET mobile = ''15912340000'' WHERE id = 1'),
(10, 'itself', '@clerk UPDATE client SET tel = tel, mobile = mobile, born = born, pay = pay, tags = tags, adr = adr, dom = dom, doc = doc, phones = phones RETURNING *;;UPDATE other SET tel = tel, mobile = mobile'),
(11, 'its mask', '@clerk UPDATE client SET tel = ''138****8011'', mobile = ''138****8001'', dom = ''138****8041'', phones = ''{138****8071}'', tags = ''{138****8021,138****8031}'' WHERE id = 1'),
(12, 'its mask by parameter', '@clerk PREPARE p (text, text, int) AS UPDATE client SET tel = $1, mobile = $2 WHERE id = $3;;EXECUTE p(''138****8011'', ''138****8001'', 1);;SET LOCAL plan_cache_mode = force_generic_plan;;EXECUTE p(''138****8012'', ''138****8002'', 2)'),
(13, 'all masks of a row, as text', '@clerk DO $d$ DECLARE r client; BEGIN FOR r IN SELECT * FROM client LOOP EXECUTE format(''UPDATE client SET tel = %L, mobile = %L, born = %L, pay = %L, tags = %L, adr = %L, dom = %L, doc = %L, phones = %L, note = %L WHERE id = %L'', r.tel, r.mobile, r.born, r.pay, r.tags, r.adr, r.dom, r.doc, r.phones, r.note, r.id); END LOOP; END $d$'),
(14, 'all masks of a row, as values', '@clerk DO $d$ DECLARE r client; BEGIN FOR r IN SELECT * FROM client LOOP UPDATE client SET tel = r.tel, born = r.born, pay = r.pay, tags = r.tags, adr = r.adr, dom = r.dom, doc = r.doc, mobile = r.mobile, phones = r.phones WHERE id = r.id; END LOOP; END $d$'),
(15, 'ORM: read, change one column, write all', '@clerk DO $d$ DECLARE j jsonb; BEGIN SELECT to_jsonb(c) || ''{"note": "edited"}'' INTO j FROM client c WHERE id = 1; UPDATE client c SET tel = j->>''tel'', mobile = j->>''mobile'', dom = j->>''dom'', born = (j->>''born'')::date, pay = (j->>''pay'')::numeric, note = j->>''note'' WHERE id = 1; END $d$'),
(16, 'ORM through a view', '@clerk CREATE VIEW v AS SELECT id, tel, mobile, note FROM client WITH CHECK OPTION;;UPDATE v SET tel = ''138****8011'', mobile = ''138****8001'', note = ''x'' WHERE id = 1;;UPDATE v SET tel = tel, mobile = mobile'),
(17, 'ON CONFLICT with masks', '@clerk INSERT INTO other VALUES (1, ''138****8101'', ''138****8111'') ON CONFLICT (id) DO UPDATE SET tel = excluded.tel;;INSERT INTO other (id, tel) VALUES (1, ''138****8111'') ON CONFLICT (id) DO UPDATE SET tel = excluded.tel, note = ''x'';;INSERT INTO other (id, tel) VALUES (1, ''x'') ON CONFLICT (id) DO UPDATE SET tel = other.tel'),
(20, 'expression', '@clerk UPDATE client SET tel = upper(tel);;UPDATE client SET tel = tel || '''';;UPDATE client SET tel = nullif(tel, ''x'');;UPDATE client SET tel = greatest(tel, '''');;UPDATE client SET tel = format(''%s'', tel);;UPDATE client SET born = born + 1;;UPDATE client SET pay = pay * 2'),
(21, 'possible results', '@clerk UPDATE client SET tel = coalesce(NULL, tel);;UPDATE client SET tel = CASE WHEN tel = ''138****8011'' THEN tel ELSE tel END;;UPDATE client SET tel = coalesce(tel, dom);;UPDATE client SET tel = CASE WHEN true THEN dom ELSE tel END'),
(22, 'another column', '@clerk UPDATE client SET tel = dom;;UPDATE client SET dom = tel;;UPDATE client SET tel = mobile::text;;UPDATE client SET mobile = tel;;UPDATE client SET mobile = phones[1];;UPDATE client SET phones[1] = mobile;;UPDATE client SET tel = tags[1];;UPDATE client SET tel = big'),
(23, 'another row', '@clerk UPDATE client c SET tel = d.tel FROM client d WHERE d.id = c.id;;UPDATE client c SET tel = o.tel FROM other o WHERE o.id = c.id;;UPDATE client c SET mobile = o.mobile FROM other o WHERE o.id = c.id'),
(24, 'sub-select', '@clerk UPDATE client SET tel = (SELECT max(tel) FROM client);;UPDATE client SET tel = (SELECT d.tel FROM client d WHERE d.id = client.id);;UPDATE client SET tags = ARRAY(SELECT tel FROM client);;UPDATE client SET mobile = (SELECT mobile FROM other LIMIT 1)'),
(25, 'several columns at once', '@clerk UPDATE client SET (tel, note) = (dom, tel);;UPDATE client SET (tel, dom) = (SELECT tel, dom FROM client d WHERE d.id = client.id);;UPDATE client SET (note, tel) = (SELECT ''x'', o.tel FROM other o WHERE o.id = client.id);;UPDATE client SET (mobile, tel) = ROW (mobile, tel)'),
(26, 'CTE', '@clerk WITH x AS (SELECT id, tel FROM client) UPDATE client c SET tel = x.tel FROM x WHERE x.id = c.id;;WITH x AS MATERIALIZED (SELECT max(tel) AS t FROM other), y AS (SELECT t FROM x) UPDATE client SET tel = y.t FROM y;;WITH x AS (UPDATE other SET note = ''x'' RETURNING id, tel) UPDATE client c SET tel = x.tel FROM x WHERE x.id = c.id'),
(27, 'recursive CTE', '@clerk WITH RECURSIVE x AS (SELECT id, tel FROM client UNION ALL SELECT id + 1, tel FROM x WHERE id < 2) UPDATE client c SET tel = x.tel FROM x WHERE x.id = c.id;;WITH RECURSIVE x AS (SELECT 1 AS id, ''y''::varchar AS t UNION ALL SELECT x.id + 1, c.tel FROM x JOIN client c USING (id)) UPDATE client c SET tel = x.t FROM x WHERE x.id = c.id + 1'),
(28, 'set operation, VALUES, lateral', '@clerk UPDATE client c SET tel = u.t FROM (SELECT 1 AS i, ''5'' AS t UNION ALL SELECT id, tel FROM client) u WHERE u.i = c.id;;UPDATE client c SET tel = v.t FROM (VALUES (1, (SELECT tel FROM client LIMIT 1))) v (i, t) WHERE v.i = c.id;;UPDATE client c SET tel = l.t FROM client d, LATERAL (SELECT d.tel) l (t)'),
(29, 'whole row', '@clerk UPDATE client c SET tel = (x.r).tel FROM (SELECT d AS r FROM client d) x WHERE (x.r).id = c.id;;UPDATE client c SET doc = to_jsonb(c);;UPDATE client c SET tags = ARRAY[c::text]'),
(30, 'function', '@clerk CREATE FUNCTION f() RETURNS SETOF client LANGUAGE sql STABLE AS ''SELECT * FROM client'';;UPDATE client c SET tel = f.tel FROM f() f WHERE f.id = c.id;;CREATE FUNCTION g() RETURNS text LANGUAGE sql STABLE AS ''SELECT max(tel) FROM client'';;UPDATE client c SET mobile = x.mobile FROM f() x WHERE x.id = c.id'),
(31, 'joined, window, aggregate', '@clerk UPDATE client c SET tel = j.tel FROM (client a JOIN plain p USING (id)) j WHERE j.id = c.id;;UPDATE client c SET tel = w.t FROM (SELECT id, lag(tel) OVER (ORDER BY id) AS t FROM client) w WHERE w.id = c.id;;UPDATE client c SET tel = g.t FROM (SELECT id, string_agg(tel, '''') AS t FROM client GROUP BY id) g WHERE g.id = c.id'),
(32, 'array element and slice', '@clerk UPDATE client SET tags[1] = tags[2];;UPDATE client SET tags[1:2] = tags[1:2];;UPDATE client SET tags = array_append(tags, ''x'');;UPDATE client SET tags = tags || tags;;UPDATE client SET phones = phones || phones'),
(33, 'field', '@clerk UPDATE client SET adr.city = (adr).street;;UPDATE client SET adr = ROW ((adr).city, ''x'')::addr;;UPDATE client SET adr.city = tel'),
(34, 'jsonb subscript', '@clerk UPDATE client SET doc[''k''] = doc[''k''];;UPDATE client SET doc = doc || ''{}'';;UPDATE client SET doc[''k''] = to_jsonb(tel);;UPDATE client SET doc = jsonb_set(doc, ''{z}'', ''1'')'),
(35, 'MERGE', '@clerk MERGE INTO client c USING other o ON o.id = c.id WHEN MATCHED THEN UPDATE SET tel = o.tel;;MERGE INTO client c USING (SELECT id, tel FROM client) s ON s.id = c.id WHEN MATCHED THEN UPDATE SET tel = s.tel;;MERGE INTO client c USING plain p ON p.id = c.id WHEN MATCHED THEN UPDATE SET tel = c.tel, mobile = c.mobile;;MERGE INTO other o USING client c ON o.id = c.id + 50 WHEN NOT MATCHED THEN INSERT VALUES (c.id + 50, c.mobile, c.tel)'),
(36, 'INSERT SELECT', '@clerk INSERT INTO other SELECT id + 50, mobile, tel FROM client;;INSERT INTO other (id, tel) SELECT id + 50, dom FROM client;;INSERT INTO other (id, tel) VALUES (50, (SELECT tel FROM client LIMIT 1));;INSERT INTO other (id, tel) WITH x AS (SELECT tel FROM client) SELECT 50, tel FROM x;;INSERT INTO other (id, tel) SELECT 50, ''1'' UNION ALL SELECT 51, max(tel) FROM client;;INSERT INTO other TABLE other'),
(37, 'ON CONFLICT', '@clerk INSERT INTO other (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET tel = other.tel || ''x'';;INSERT INTO other (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET tel = (SELECT max(tel) FROM client);;INSERT INTO other (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET (tel, mobile) = (SELECT tel, mobile FROM client LIMIT 1)'),
(38, 'partition', '@clerk UPDATE part SET tel = upper(tel);;UPDATE part1 SET tel = note || tel;;UPDATE part SET id = 2, tel = tel WHERE id = 1;;INSERT INTO part SELECT 1, tel, ''x'' FROM part'),
(39, 'view with check option', '@clerk CREATE VIEW v AS SELECT id, tel, note FROM client WHERE id < 9 WITH CHECK OPTION;;UPDATE v SET tel = upper(tel);;INSERT INTO v SELECT id + 5, tel, note FROM v;;UPDATE v SET tel = v2.tel FROM v v2 WHERE v2.id = v.id'),
(40, 'INSTEAD OF trigger', '@clerk CREATE VIEW v AS SELECT id, tel, note FROM client;;CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN UPDATE client SET tel = NEW.tel, note = NEW.note WHERE id = OLD.id; RETURN NEW; END'';;CREATE TRIGGER t INSTEAD OF UPDATE ON v FOR EACH ROW EXECUTE FUNCTION t();;UPDATE v SET note = ''x'''),
(41, 'rule', '@clerk CREATE VIEW v AS SELECT id, tel, note FROM client;;CREATE RULE r AS ON UPDATE TO v DO INSTEAD UPDATE client SET tel = new.tel, note = new.note WHERE id = old.id;;UPDATE v SET note = ''x'';;UPDATE v SET tel = ''138****8011'' WHERE id = 1'),
(42, 'cursor', '@clerk DO $d$ DECLARE c CURSOR FOR SELECT * FROM client FOR UPDATE; r record; BEGIN OPEN c; LOOP FETCH c INTO r; EXIT WHEN NOT FOUND; UPDATE client SET tel = r.tel, mobile = r.mobile, note = ''y'' WHERE CURRENT OF c; END LOOP; END $d$'),
(43, 'searcher', '@searcher UPDATE client SET tel = upper(tel);;UPDATE client SET mobile = mobile, tel = tel;;UPDATE client SET mobile = ''138****8001'' WHERE id = 1;;UPDATE client SET mobile = mobile::text;;UPDATE client SET phones = ARRAY[mobile]::cipguard.enc_text[]'),
(44, 'owner and superuser', '@owner UPDATE client SET tel = upper(tel);;UPDATE client SET mobile = phones[1];;@super UPDATE client SET tel = upper(tel);;UPDATE client SET tel = tel, mobile = mobile'),
(45, 'NULL masks', '@clerk UPDATE client SET pay = NULL, doc = NULL, adr = NULL WHERE id = 1;;UPDATE client SET adr = DEFAULT'),
(46, 'domain check', '@clerk CREATE DOMAIN nosy AS text CHECK (peek(VALUE));;UPDATE client SET dom = dom::nosy;;CREATE DOMAIN nosy20 AS varchar(20) CHECK (peek(VALUE));;UPDATE client SET tel = tel::nosy20;;CREATE DOMAIN nosys AS text[] CHECK (peek(VALUE::text));;UPDATE client SET tags = tags::nosys;;UPDATE client SET tel = coalesce(tel::nosy20, ''x'')'),
(48, 'mask of another row', '@clerk UPDATE client SET tel = ''138****8011'' WHERE id = 2;;DO $d$ DECLARE t text; BEGIN SELECT tel INTO t FROM client WHERE id = 1; UPDATE client SET dom = t WHERE id = 2; END $d$;;UPDATE client SET mobile = ''138****8001'' WHERE id = 2'),
(47, 'domain over the encrypted type', '@clerk CREATE DOMAIN nosy AS cipguard.enc_text(''mobile'') CHECK (peek(VALUE::text));;UPDATE client SET mobile = mobile::nosy;;SELECT mobile::nosy FROM client;;@searcher UPDATE client SET mobile = mobile::nosy')
) a (n, name, steps) ORDER BY n;

-- Values that were meant to change do; what is beside them stays.
SET ROLE regress_cipguard_clerk;
UPDATE client SET adr.city = 'NY', tags[2] = 'q', doc['z'] = '1', phones[2] = '13900139000' WHERE id = 3;
INSERT INTO other (id, mobile, tel) VALUES (1, '13900139001', '13900139002') ON CONFLICT (id) DO UPDATE SET tel = coalesce(excluded.tel, other.tel), mobile = excluded.mobile RETURNING *;
INSERT INTO other (id, mobile, tel) VALUES (2, '13900139001', '138****8112') ON CONFLICT (id) DO UPDATE SET tel = excluded.tel RETURNING *;
SET ROLE regress_cipguard_reader;
SELECT id, tags, adr, doc, phones FROM client ORDER BY id;
SELECT id, mobile, tel FROM other WHERE id < 3 ORDER BY id;
SET ROLE regress_cipguard_clerk;
-- COPY FROM
COPY other (id, mobile, tel) FROM stdin;
20	13900139000	13900139000
\.
COPY other (id, mobile) FROM stdin;
21	138****8001
\.
SELECT id, mobile, tel FROM other WHERE id >= 20 ORDER BY id;
RESET ROLE;

SET ROLE regress_cipguard_clerk;
CREATE TYPE pair AS (e cipguard.enc_text('mobile'), n int);
CREATE TABLE sink (id int UNIQUE, e cipguard.enc_text('mobile'), a cipguard.enc_text('mobile')[], r pair);
GRANT SELECT ON sink TO PUBLIC;
CREATE FUNCTION get() RETURNS cipguard.enc_text LANGUAGE plpgsql AS $$
DECLARE
	v cipguard.enc_text;
BEGIN
	SELECT mobile INTO v FROM regress_rt.client ORDER BY id LIMIT 1;
	RETURN v;
END
$$;
CREATE FUNCTION get_row() RETURNS regress_rt.client LANGUAGE plpgsql AS $$
DECLARE
	v regress_rt.client;
BEGIN
	SELECT * INTO v FROM regress_rt.client ORDER BY id LIMIT 1;
	RETURN v;
END
$$;
RESET ROLE;
-- What an encrypted column shows in place of a value is never stored.  The
-- alarm is raised if it was: as the only value that prints as a mask to a
-- reader.
SELECT name, regress_rt.attempt(steps || ';;@reader SELECT peek(CASE WHEN s::text ~ ''138\*'' THEN ''1380013'' ELSE s.ctid::text END) FROM sink s') FROM (VALUES
(100, 'control: text', '@clerk DROP TABLE sink;;CREATE TABLE sink AS SELECT cipguard.mask(mobile) AS t FROM client;;GRANT SELECT ON sink TO PUBLIC'),
(101, 'INSERT SELECT', '@clerk INSERT INTO sink (e) SELECT mobile FROM client;;INSERT INTO sink (a) SELECT phones FROM client;;INSERT INTO sink (a) SELECT ARRAY[mobile] FROM client;;INSERT INTO sink (a[1]) SELECT mobile FROM client'),
(102, 'function', '@clerk INSERT INTO sink (e) SELECT get();;INSERT INTO sink (a) SELECT ARRAY[get()];;INSERT INTO sink (e) VALUES ((get_row()).mobile);;INSERT INTO sink (a) VALUES ((get_row()).phones);;INSERT INTO sink (e) SELECT mobile FROM get_row()'),
(103, 'UPDATE', '@clerk INSERT INTO sink (e) VALUES (NULL);;UPDATE sink SET e = get();;UPDATE sink SET e = (get_row()).mobile;;UPDATE sink SET a[1] = get();;UPDATE sink SET (e, a) = (SELECT mobile, phones FROM get_row())'),
(104, 'MERGE, ON CONFLICT', '@clerk MERGE INTO sink USING get_row() g ON false WHEN NOT MATCHED THEN INSERT (e) VALUES (g.mobile);;INSERT INTO sink (id, e) VALUES (1, NULL);;INSERT INTO sink (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET e = get()'),
(105, 'variable', '@clerk DO $d$ DECLARE v cipguard.enc_text; r client; BEGIN SELECT mobile INTO v FROM client LIMIT 1; INSERT INTO sink (e) VALUES (v); END $d$;;DO $d$ DECLARE r client; BEGIN SELECT * INTO r FROM client LIMIT 1; INSERT INTO sink (e, a) VALUES (r.mobile, r.phones); END $d$;;DO $d$ DECLARE r client; BEGIN SELECT * INTO r FROM client LIMIT 1; EXECUTE ''INSERT INTO sink (e) VALUES ($1.mobile)'' USING r; END $d$'),
(106, 'composite', '@clerk CREATE TABLE sink2 (c client);;INSERT INTO sink2 SELECT c FROM client c;;INSERT INTO sink2 SELECT get_row();;INSERT INTO sink2 (c.mobile) SELECT get();;INSERT INTO sink (r) SELECT ROW (get(), 1)::pair'),
(107, 'range', '@clerk CREATE TYPE texts AS RANGE (subtype = cipguard.enc_text, subtype_opclass = cipguard.enc_text_ops);;DROP TABLE sink;;CREATE TABLE sink (r texts);;INSERT INTO sink SELECT texts(get(), NULL);;INSERT INTO sink SELECT texts(mobile, NULL) FROM client;;GRANT SELECT ON sink TO PUBLIC'),
(108, 'domain', '@clerk CREATE DOMAIN mine AS cipguard.enc_text(''mobile'');;INSERT INTO sink (e) SELECT get()::mine;;ALTER TABLE sink ADD m mine;;INSERT INTO sink (m) SELECT mobile FROM client;;INSERT INTO sink (m) SELECT mobile FROM get_row()'),
(109, 'CREATE TABLE AS', '@clerk DROP TABLE sink;;CREATE TABLE sink AS SELECT mobile FROM client;;CREATE TABLE sink AS SELECT (get_row()).*;;GRANT SELECT ON sink TO PUBLIC'),
(110, 'CREATE TABLE AS, nested function', '@clerk DROP TABLE sink;;CREATE TABLE sink AS SELECT * FROM get_row();;GRANT SELECT ON sink TO PUBLIC'),
(111, 'CREATE TABLE AS, array and row', '@clerk DROP TABLE sink;;CREATE TABLE sink AS SELECT phones FROM get_row();;CREATE TABLE sink AS SELECT get_row() AS r;;GRANT SELECT ON sink TO PUBLIC'),
(112, 'materialized view', '@clerk DROP TABLE sink;;CREATE MATERIALIZED VIEW sink AS SELECT mobile FROM client;;CREATE MATERIALIZED VIEW sink AS SELECT mobile, phones FROM get_row();;GRANT SELECT ON sink TO PUBLIC'),
(113, 'materialized view refreshed', '@clerk DROP TABLE sink;;CREATE MATERIALIZED VIEW sink AS SELECT mobile, phones FROM get_row() WITH NO DATA;;REFRESH MATERIALIZED VIEW sink;;GRANT SELECT ON sink TO PUBLIC'),
(114, 'temporary table', '@clerk DROP TABLE sink;;CREATE TEMP TABLE sink AS SELECT get() AS e;;GRANT SELECT ON sink TO PUBLIC'),
(115, 'prepared', '@clerk DROP TABLE sink;;PREPARE p AS SELECT mobile FROM client;;SET LOCAL plan_cache_mode = force_generic_plan;;EXECUTE p;;CREATE TABLE sink AS EXECUTE p;;GRANT SELECT ON sink TO PUBLIC'),
(116, 'EXPLAIN ANALYZE', '@clerk DROP TABLE sink;;EXPLAIN ANALYZE CREATE TABLE sink AS SELECT mobile FROM client;;EXPLAIN ANALYZE CREATE TABLE sink AS SELECT mobile FROM get_row();;GRANT SELECT ON sink TO PUBLIC'),
(117, 'default', '@clerk ALTER TABLE sink ALTER e SET DEFAULT (get_row()).mobile;;INSERT INTO sink (id) VALUES (1);;INSERT INTO sink DEFAULT VALUES'),
(118, 'known limit, ADD COLUMN with default', '@clerk INSERT INTO sink (id) VALUES (1);;ALTER TABLE sink ADD f cipguard.enc_text(''mobile'') DEFAULT (get_row()).mobile'),
(119, 'ALTER TYPE', '@clerk INSERT INTO sink (id) VALUES (1);;ALTER TABLE sink ADD f text;;ALTER TABLE sink ALTER f TYPE cipguard.enc_text(''mobile'') USING (get_row()).mobile'),
(120, 'trigger of one''s own', '@clerk CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN SELECT mobile INTO NEW.e FROM client LIMIT 1; RETURN NEW; END'';;CREATE TRIGGER t BEFORE INSERT ON sink FOR EACH ROW EXECUTE FUNCTION t();;INSERT INTO sink (id) VALUES (1)'),
(121, 'known limit, trigger of a reader', '@reader CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN SELECT mobile INTO NEW.e FROM client LIMIT 1; RETURN NEW; END'';;@clerk CREATE TRIGGER t BEFORE INSERT ON sink FOR EACH ROW EXECUTE FUNCTION t();;INSERT INTO sink (id) VALUES (1)'),
(122, 'generated column', '@clerk CREATE FUNCTION gen(int) RETURNS cipguard.enc_text LANGUAGE plpgsql IMMUTABLE AS ''BEGIN RETURN regress_evil.get(); END'';;ALTER TABLE sink ADD f cipguard.enc_text(''mobile'') GENERATED ALWAYS AS (gen(id)) STORED;;INSERT INTO sink (id) VALUES (1)'),
(123, 'index of a function', '@clerk CREATE FUNCTION gen(int) RETURNS cipguard.enc_text LANGUAGE plpgsql IMMUTABLE AS ''BEGIN RETURN regress_evil.get(); END'';;INSERT INTO sink (id) VALUES (1);;CREATE INDEX ON sink (gen(id))'),
(124, 'searcher', '@searcher CREATE TABLE sink3 AS SELECT mobile FROM client;;GRANT ALL ON sink3 TO PUBLIC;;INSERT INTO sink3 SELECT mobile FROM client;;@clerk DROP TABLE sink;;@searcher ALTER TABLE sink3 RENAME TO sink'),
(125, 'cursor', '@clerk DO $d$ DECLARE c refcursor; v cipguard.enc_text; BEGIN OPEN c FOR SELECT mobile FROM client; FETCH c INTO v; INSERT INTO sink (e) VALUES (v); END $d$'),
(126, 'definer of a reader that stores', '@reader CREATE FUNCTION put(v cipguard.enc_text) RETURNS void LANGUAGE sql SECURITY DEFINER AS ''INSERT INTO sink (e) VALUES (v)'';;@clerk GRANT INSERT ON sink TO PUBLIC;;SELECT put(mobile) FROM client;;SELECT put(get())'),
(127, 'row of another table', '@clerk CREATE TABLE sink2 OF pair;;INSERT INTO sink2 SELECT (ROW (get(), 1)::pair).*;;INSERT INTO sink (e) SELECT x FROM (SELECT (get_row()).mobile AS x) q')
) a (n, name, steps) ORDER BY n;
-- A reader by a grant that is limited to one table sees plaintext in the same
-- way; what was stored would be plaintext for everybody, and in the file.
RESET ROLE;
CREATE ROLE regress_cipguard_local;
GRANT SELECT ON client TO regress_cipguard_local;
SELECT cipguard.grant_access('regress_cipguard_local', 'mobile', relation => 'client') AS granted \gset
SELECT name, regress_rt.attempt(steps || ';;@clerk SELECT s FROM sink s') FROM (VALUES
(200, 'control: limited grant', '@local SELECT peek(mobile::text) FROM client'),
(201, 'plaintext: INSERT', '@clerk GRANT ALL ON sink TO PUBLIC;;@local INSERT INTO sink (e) SELECT mobile FROM client;;INSERT INTO sink (e) SELECT get();;INSERT INTO sink (a) SELECT phones FROM get_row()'),
(202, 'plaintext: CREATE TABLE AS', '@clerk DROP TABLE sink;;@local CREATE TABLE sink AS SELECT mobile, phones FROM client;;GRANT SELECT ON sink TO PUBLIC;;CREATE TABLE sink2 AS SELECT mobile FROM get_row();;GRANT SELECT ON sink2 TO PUBLIC;;@clerk SELECT * FROM sink2'),
(203, 'plaintext: ADD COLUMN', '@clerk DROP TABLE sink;;@local CREATE TABLE sink (id int);;INSERT INTO sink VALUES (1);;ALTER TABLE sink ADD f cipguard.enc_text(''mobile'') DEFAULT (get_row()).mobile;;GRANT SELECT ON sink TO PUBLIC'),
(204, 'plaintext: trigger', '@local CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN SELECT mobile INTO NEW.e FROM client LIMIT 1; RETURN NEW; END'';;@super CREATE TRIGGER t BEFORE INSERT ON sink FOR EACH ROW EXECUTE FUNCTION t();;@clerk GRANT ALL ON sink TO PUBLIC;;@local INSERT INTO sink (id) VALUES (1)'),
(205, 'plaintext: temporary table and matview', '@clerk DROP TABLE sink;;@local CREATE MATERIALIZED VIEW sink AS SELECT mobile FROM get_row();;GRANT SELECT ON sink TO PUBLIC;;CREATE TEMP TABLE t AS SELECT mobile FROM client;;GRANT SELECT ON t TO PUBLIC;;@clerk SELECT * FROM t')
) a (n, name, steps) ORDER BY n;
-- Known limit: defaults are evaluated by COPY FROM, too.  What is stored stays
-- a mask.
SET ROLE regress_cipguard_clerk;
ALTER TABLE sink ALTER e SET DEFAULT (get_row()).mobile;
COPY sink (id) FROM stdin;
5
\.
SELECT count(*) AS stored FROM sink;
RESET ROLE;
DROP TABLE sink;
DROP OWNED BY regress_cipguard_local;
UPDATE cipguard.access_grant SET revoked_at = now() WHERE grantee = 'regress_cipguard_local'::regrole;
DELETE FROM cipguard.access_grant WHERE grantee = 'regress_cipguard_local'::regrole;
DROP ROLE regress_cipguard_local;
\i test/sql/redteam_end.inc

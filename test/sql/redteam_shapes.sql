-- server: masked
-- Query shapes: wherever a column stands in a query, a role that may not read
-- sees its mask.  "safe" is what every attempt must give, "LEAK" what the
-- controls must (a reader sees the values, so the detector works).
-- redteam_shapes_1.out is for servers that mask nothing, redteam_shapes_2.out for
-- 16 and later, which refuse a generated column of a child only by themselves.
\set ECHO none
SELECT current_setting('shared_preload_libraries') !~ 'cipguard' OR current_setting('cipguard.transparent_masking', true) = 'off' AS unmasked \gset
\if :unmasked
\echo needs a preloaded server
\quit
\endif
\i test/sql/redteam.inc
SELECT name, regress_rt.attempt(steps) FROM (VALUES
(1, 'control: column', '@control SELECT tel FROM client'),
(2, 'control: encrypted', '@control SELECT mobile FROM client'),
(3, 'control: function', '@reader SELECT id FROM client WHERE peek(tel)'),
(4, 'control: error', '@control SELECT tel::int FROM client'),
(10, 'star', '@clerk SELECT * FROM client'),
(11, 'table', '@clerk TABLE client'),
(12, 'owner', '@owner SELECT * FROM client'),
(13, 'superuser', '@super CREATE TEMP TABLE shown AS SELECT tel, born, dom, doc FROM client;;GRANT SELECT ON shown TO PUBLIC;;@clerk SELECT * FROM shown'),
(14, 'searcher', '@searcher SELECT * FROM client'),
(20, 'whole row', '@clerk SELECT c FROM client c'),
(21, 'whole row as text', '@clerk SELECT c::text, row(c.*)::text, (c).tel, (c).*, tel(c) FROM client c'),
(22, 'whole row in JSON', '@clerk SELECT to_jsonb(c), row_to_json(c), to_json(c.*), jsonb_each(to_jsonb(c)) FROM client c'),
(23, 'whole row aggregated', '@clerk SELECT array_agg(c), json_agg(c), jsonb_object_agg(id, c) FROM client c'),
(24, 'whole row populated', '@clerk SELECT jsonb_populate_record(c, ''{"id": 7}'') FROM client c'),
(25, 'whole row of a join', '@clerk SELECT j FROM (client a JOIN other b ON a.id = b.id) AS j (a1, a2, a3)'),
(26, 'whole row of a sub-query', '@clerk SELECT q, (q).tel FROM (SELECT * FROM client) q'),
(27, 'whole row, outer join', '@clerk SELECT c, count(c) FROM plain p LEFT JOIN client c ON c.id = p.id + 90 GROUP BY c'),
(28, 'whole row compared', '@clerk SELECT a.id FROM client a JOIN client b ON a.* *= b.* WHERE a.tel = ''138'' || ''00138011'' OR peek_row(a)'),
(30, 'predicate =', '@clerk SELECT ''HIT'' FROM client WHERE tel = ''138'' || ''00138011'''),
(31, 'predicate LIKE', '@clerk SELECT ''HIT'' FROM client WHERE tel LIKE ''%00138%'' OR tel ~ ''00138'' OR starts_with(tel, ''1380'')'),
(32, 'predicate range', '@clerk SELECT ''HIT'' FROM client WHERE tel BETWEEN ''1380'' AND ''1381'' OR born > ''1938-06-01'' OR pay > 1'),
(33, 'predicate IN', '@clerk SELECT ''HIT'' FROM client WHERE tel IN (''138'' || ''00138011'', ''x'') OR tel = ANY (ARRAY[''138'' || ''00138012''])'),
(34, 'predicate row', '@clerk SELECT ''HIT'' FROM client WHERE (tel, id) = (''138'' || ''00138011'', 1) OR (id, tel) BETWEEN (1, ''1380'') AND (1, ''1381'')'),
(35, 'predicate with function', '@clerk SELECT id FROM client WHERE peek(tel) AND peek(dom) AND peek(born::text) AND peek(pay::text) AND peek(tags::text) AND peek_row(adr) AND peek(doc::text) AND peek(mobile::text) AND peek(phones::text) AND peek(big)'),
(36, 'predicate on parts', '@clerk SELECT ''HIT'' FROM client WHERE tags[1] LIKE ''1380%'' OR (adr).city LIKE ''1380%'' OR doc->>''k'' LIKE ''1380%'' OR doc @> jsonb_build_object(''k'', ''138'' || ''00138061'') OR tags @> ARRAY[''138'' || ''00138021'']'),
(37, 'predicate on encrypted', '@clerk SELECT ''HIT'' FROM client WHERE mobile = ''138'' || ''00138001'''),
(38, 'predicate on encrypted text', '@clerk SELECT ''HIT'' FROM client WHERE mobile::text LIKE ''1380%'' OR mobile::text = ''138'' || ''00138001'''),
(39, 'searcher looks inside', '@searcher SELECT ''HIT'' FROM client WHERE mobile::text LIKE ''1380%'' OR tel LIKE ''1380%'' OR tel || '''' = ''138'' || ''00138011'' OR upper(tel) = ''138'' || ''00138011'';;SELECT tel FROM client WHERE peek(mobile::text) AND peek(tel) AND tel = tel'),
(90, 'searcher finds', '@searcher SELECT tel, mobile FROM client WHERE tel = ''138'' || ''00138011'' AND mobile = ''138'' || ''00138001'''),
(91, 'searcher sorts by a join', '@super INSERT INTO client (id, tel) VALUES (9, ''13800138000'');;@searcher SET LOCAL enable_hashjoin = off;;SET LOCAL enable_nestloop = off;;SELECT ''HIT'' FROM (SELECT array_agg(id) AS a FROM (SELECT c.id FROM client c FULL JOIN (VALUES (''138'' || ''0013801'')) g (t) ON c.tel = g.t) q) q WHERE a = ARRAY[9, NULL, 1, 2, 3]'),
(40, 'join on', '@clerk SELECT a.tel, ''HIT'' FROM client a JOIN (VALUES (''138'' || ''00138011'')) b (tel) ON a.tel = b.tel'),
(41, 'join using', '@clerk SELECT tel, ''HIT'' FROM client JOIN (VALUES (''138'' || ''00138011'')) b (tel) USING (tel)'),
(42, 'natural join', '@clerk SELECT *, ''HIT'' FROM client NATURAL JOIN (VALUES (''138'' || ''00138011'')) b (tel)'),
(43, 'full join', '@clerk SELECT tel FROM client FULL JOIN other USING (tel) WHERE peek(tel)'),
(44, 'join alias', '@clerk SELECT j.t, j FROM (client JOIN other USING (id)) AS j (id, m, t)'),
(45, 'join with function', '@clerk SELECT 1 FROM client a JOIN other b ON peek(a.tel || b.tel)'),
(46, 'anti and semi join', '@clerk SELECT c.id FROM client c WHERE NOT EXISTS (SELECT FROM other o WHERE peek(o.tel) AND peek(c.tel) AND o.id = c.id) AND c.id IN (SELECT id FROM other WHERE peek(tel))'),
(50, 'lateral sub-query', '@clerk SELECT l.* FROM client c, LATERAL (SELECT c.tel, c.mobile::text, peek(c.tel)) l'),
(51, 'lateral values', '@clerk SELECT l.* FROM client c, LATERAL (VALUES (c.tel, c.mobile, c)) l'),
(52, 'lateral function', '@clerk SELECT u.* FROM client c, unnest(c.tags, c.phones, ARRAY[c.tel]) u'),
(53, 'lateral XMLTABLE', '@clerk SELECT x.* FROM client c, XMLTABLE(''/a'' PASSING xmlelement(name a, c.tel) COLUMNS v text PATH ''.'') x'),
(54, 'lateral, two levels', '@clerk SELECT * FROM client c, LATERAL (SELECT * FROM other o, LATERAL (SELECT c.tel || o.tel WHERE peek(c.tel)) a) b'),
(55, 'lateral JSON', '@clerk SELECT * FROM client c, jsonb_each_text(c.doc), jsonb_to_record(to_jsonb(c)) AS r (tel text)'),
(60, 'CTE', '@clerk WITH x AS MATERIALIZED (SELECT * FROM client), y AS (SELECT x FROM x) SELECT x.tel, x.mobile, y.x, (y.x).tel FROM x, y WHERE peek(x.tel)'),
(61, 'CTE recursive', '@clerk WITH RECURSIVE r AS (SELECT id, tel, mobile FROM client WHERE id = 1 UNION ALL SELECT c.id, c.tel, c.mobile FROM client c JOIN r ON c.id = r.id + 1 WHERE peek(r.tel)) SELECT * FROM r'),
(62, 'CTE search', '@clerk WITH RECURSIVE r AS (SELECT id, tel FROM client WHERE id = 1 UNION ALL SELECT c.id, c.tel FROM client c JOIN r ON c.id = r.id + 1) SEARCH DEPTH FIRST BY tel SET o SELECT * FROM r'),
(63, 'CTE cycle', '@clerk WITH RECURSIVE r AS (SELECT id, tel FROM client WHERE id = 1 UNION ALL SELECT c.id, c.tel FROM client c JOIN r ON c.id = r.id + 1) CYCLE tel SET again USING way SELECT * FROM r'),
(64, 'CTE modifying', '@clerk WITH u AS (UPDATE client SET note = tel RETURNING *), d AS (DELETE FROM part RETURNING *), i AS (INSERT INTO plain VALUES (2, ''x'') RETURNING word) SELECT u, d, i, u.tel FROM u, d, i'),
(70, 'sub-select scalar', '@clerk SELECT (SELECT o.tel FROM other o WHERE o.id = c.id), (SELECT c.tel), (SELECT c) FROM client c'),
(71, 'sub-select array', '@clerk SELECT ARRAY(SELECT tel FROM client), ARRAY(SELECT c FROM client c), ARRAY(SELECT mobile FROM client)'),
(72, 'sub-select EXISTS', '@clerk SELECT ''HIT'' WHERE EXISTS (SELECT FROM client WHERE tel LIKE ''1380%'')'),
(73, 'sub-select IN', '@clerk SELECT ''HIT'' WHERE ''138'' || ''00138011'' IN (SELECT tel FROM client)'),
(74, 'sub-select NOT IN', '@clerk SELECT ''HIT'' WHERE NOT (''138'' || ''00138011'' NOT IN (SELECT tel FROM client))'),
(75, 'sub-select ANY and ALL', '@clerk SELECT ''HIT'' WHERE ''1380'' || ''0'' > ANY (SELECT tel FROM client WHERE tel < ''138*'' OR tel > ''1380'') OR ''1381'' > ALL (SELECT tel FROM client WHERE tel > ''1380'' UNION ALL SELECT ''2'')'),
(76, 'sub-select row', '@clerk SELECT ''HIT'' FROM client WHERE (id, tel) IN (SELECT 1, ''138'' || ''00138011'')'),
(77, 'sub-select in other places', '@clerk SELECT id FROM client ORDER BY (SELECT peek(tel)) OFFSET (SELECT length(max(tel)) - 11 FROM client) LIMIT (SELECT 1 + count(*) FROM client WHERE peek(tel))'),
(78, 'sub-select, three levels', '@clerk SELECT (SELECT (SELECT (SELECT c.tel || o.tel FROM part p LIMIT 1) FROM other o LIMIT 1)) FROM client c'),
(80, 'UNION', '@clerk SELECT tel FROM client UNION SELECT tel FROM other UNION ALL SELECT big FROM client'),
(81, 'UNION of encrypted', '@clerk SELECT mobile FROM client UNION ALL SELECT mobile FROM other'),
(82, 'INTERSECT, EXCEPT', '@clerk SELECT tel, ''HIT'' FROM client INTERSECT SELECT ''138'' || ''00138011'', ''HIT''')
) a (n, name, steps) ORDER BY n;
SELECT name, regress_rt.attempt(steps) FROM (VALUES
(100, 'group by column', '@clerk SELECT tel, count(*) FROM client GROUP BY tel HAVING peek(tel)'),
(101, 'group by key', '@clerk SELECT id, tel, mobile, adr FROM client GROUP BY id'),
(102, 'grouping sets', '@clerk SELECT tel, born, grouping(tel), count(*) FROM client GROUP BY GROUPING SETS ((tel), (born), ())'),
(103, 'cube and rollup', '@clerk SELECT tel, dom, big, max(tel) FROM client GROUP BY CUBE (tel, dom), ROLLUP (big)'),
(104, 'distinct', '@clerk SELECT DISTINCT tel, big FROM client'),
(105, 'distinct on', '@clerk SELECT DISTINCT ON (tel) tel, dom FROM client ORDER BY tel, dom'),
(106, 'aggregates', '@clerk SELECT min(tel), max(tel), min(born), sum(pay), avg(pay), string_agg(tel, '',''), array_agg(tel ORDER BY tel), array_agg(mobile), max(mobile::text) FROM client'),
(107, 'aggregate filter', '@clerk SELECT count(*) FILTER (WHERE peek(tel)), bool_or(tel LIKE ''1380%'') FROM client'),
(108, 'ordered-set aggregates', '@clerk SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY tel), mode() WITHIN GROUP (ORDER BY tel), rank(''138'') WITHIN GROUP (ORDER BY tel) FROM client'),
(109, 'window functions', '@clerk SELECT lag(tel) OVER w, first_value(mobile) OVER w, string_agg(tel, '','') OVER w, nth_value(c, 1) OVER w FROM client c WINDOW w AS (PARTITION BY left(tel, 3) ORDER BY tel)'),
(110, 'order', '@clerk SELECT tel FROM client ORDER BY tel USING <, tel COLLATE "C" DESC, peek(tel)'),
(111, 'VALUES', '@clerk VALUES ((SELECT tel FROM client LIMIT 1)), ((SELECT mobile::text FROM client LIMIT 1))'),
(112, 'TABLESAMPLE', '@clerk SELECT tel FROM client TABLESAMPLE bernoulli (100) REPEATABLE ((SELECT length(max(tel)) FROM client))'),
(113, 'FOR UPDATE', '@clerk SELECT * FROM client FOR UPDATE;;SELECT q FROM (SELECT * FROM client FOR SHARE) q'),
(114, 'ctid', '@clerk SELECT tel, c FROM client c WHERE ctid = ''(0,1)'''),
(115, 'system columns', '@clerk SELECT ctid, xmin, tableoid::regclass, tel FROM client'),
(116, 'WHERE CURRENT OF', '@clerk DO $d$ DECLARE c CURSOR FOR SELECT * FROM client FOR UPDATE; r record; BEGIN OPEN c; FETCH c INTO r; PERFORM peek_row(r); UPDATE client SET note = tel WHERE CURRENT OF c; END $d$;;SELECT note FROM client'),
(117, 'subscripts and fields', '@clerk SELECT tags[1], tags[1:2], phones[1], (adr).city, (adr).*, doc[''k''], doc->''k'', (c).adr.street FROM client c'),
(118, 'casts', '@clerk SELECT tel::text, tel::char(7), tel::name, tel::bytea, born::timestamp, pay::int, dom::varchar, mobile::text, mobile::json, mobile::varchar, phones::text[] FROM client'),
(119, 'cast error', '@clerk SELECT tel::int FROM client;;SELECT dom::date FROM client;;SELECT mobile::text::int FROM client;;SELECT doc::text::int FROM client'),
(120, 'CASE and friends', '@clerk SELECT CASE WHEN tel LIKE ''1380%'' THEN ''HIT'' ELSE tel END, coalesce(tel, ''''), nullif(tel, ''''), greatest(tel, ''''), coalesce(mobile, NULL), tel IS DISTINCT FROM ''x'' FROM client'),
(121, 'domain', '@clerk SELECT dom, dom || '''', ARRAY[dom] FROM client'),
(122, 'domain check', '@clerk CREATE DOMAIN nosy AS text CHECK (peek(VALUE));;SELECT tel::nosy, dom::nosy, mobile::text::nosy FROM client'),
(123, 'array domain', '@clerk CREATE DOMAIN nosys AS text[] CHECK (peek(VALUE::text));;SELECT tags::nosys FROM client'),
(124, 'XML', '@clerk SELECT xmlforest(tel, mobile), xmlelement(name a, xmlattributes(tel)), xmlagg(xmlelement(name b, tel)) FROM client GROUP BY tel, mobile::text, mobile'),
(125, 'length and hash', '@clerk SELECT md5(tel), ''HIT'' FROM client WHERE md5(tel) = md5(''138'' || ''00138011'') OR hashtext(tel) = hashtext(''138'' || ''00138011'') OR sha256(tel::bytea) = sha256((''138'' || ''00138011'')::bytea)'),
(130, 'partition', '@clerk SELECT p, p.tel FROM part p;;SELECT p, tel FROM part1 p WHERE peek(tel);;SELECT * FROM ONLY part2'),
(131, 'partition moved', '@clerk UPDATE part SET id = 2, note = tel WHERE id = 1 RETURNING *'),
(132, 'inheritance', '@owner CREATE TABLE kid (extra text) INHERITS (client);;@super INSERT INTO kid (id, tel, mobile) VALUES (9, ''13800138015'', ''13800138016'');;@clerk SELECT c, tel FROM client c;;@super GRANT SELECT ON kid TO PUBLIC;;@clerk SELECT k, tel FROM kid k WHERE peek(tel)'),
(133, 'parent of a labelled table', '@owner CREATE TABLE top (tel varchar(20));;ALTER TABLE client INHERIT top;;SELECT tel FROM top WHERE peek(tel)'),
(134, 'second parent', '@owner CREATE TABLE top1 (tel varchar(20));;CREATE TABLE top2 (tel varchar(20));;CREATE TABLE kid () INHERITS (top1);;@super SECURITY LABEL FOR cipguard ON COLUMN top1.tel IS ''mobile'';;INSERT INTO kid VALUES (''13800138015'');;@owner ALTER TABLE kid INHERIT top2;;SELECT * FROM top2'),
(135, 'generated in the child only', '@owner CREATE TABLE kid (tel varchar(20), word text GENERATED ALWAYS AS (upper(tel)) STORED);;@super SECURITY LABEL FOR cipguard ON COLUMN kid.tel IS ''mobile'';;INSERT INTO kid VALUES (''13800138015'');;@owner CREATE TABLE top (word text);;ALTER TABLE kid INHERIT top;;SELECT * FROM top'),
(136, 'renamed', '@super ALTER TABLE client RENAME tel TO telephone;;ALTER TABLE client RENAME TO customer;;@clerk SELECT c, telephone FROM customer c WHERE peek(telephone)'),
(137, 'moved to another schema', '@super ALTER TABLE client SET SCHEMA regress_evil;;@clerk SELECT tel FROM client'),
(138, 'temporary table', '@clerk CREATE TEMP TABLE mine AS SELECT tel, dom, born, doc FROM client;;SELECT * FROM mine;;CREATE TEMP TABLE client AS SELECT tel FROM regress_rt.client;;SELECT tel FROM client'),
(139, 'column with a default', '@super ALTER TABLE client ADD fax text DEFAULT ''13800138017'';;SECURITY LABEL FOR cipguard ON COLUMN client.fax IS ''mobile'';;@clerk SELECT fax, c FROM client c'),
(140, 'derived column', '@clerk SELECT big, upper(big), c.big FROM client c WHERE peek(big)'),
(150, 'view', '@clerk CREATE VIEW v AS SELECT *, tel || dom AS pair FROM client;;SELECT * FROM v WHERE peek(pair);;SELECT v FROM v'),
(151, 'view over view', '@clerk CREATE VIEW v AS SELECT id, tel AS t FROM client;;CREATE VIEW w AS SELECT t AS u, count(*) FROM v GROUP BY 1;;SELECT w, u FROM w WHERE peek(u)'),
(152, 'view of a reader', '@reader CREATE VIEW v AS SELECT tel, mobile FROM client;;GRANT SELECT ON v TO PUBLIC;;@clerk SELECT v, tel, mobile FROM v WHERE peek(tel)'),
(153, 'barrier view', '@clerk CREATE VIEW v WITH (security_barrier) AS SELECT * FROM client WHERE peek(tel);;SELECT * FROM v WHERE peek(tel);;UPDATE v SET note = tel WHERE peek(dom) RETURNING *;;DELETE FROM v WHERE peek(tel) AND note = ''z'''),
(154, 'invoker view', '@reader CREATE VIEW v WITH (security_invoker) AS SELECT tel FROM client;;GRANT SELECT ON v TO PUBLIC;;@clerk SELECT * FROM v'),
(155, 'check option', '@clerk CREATE VIEW v AS SELECT * FROM client WHERE peek(tel) WITH CHECK OPTION;;UPDATE v SET note = ''x'' RETURNING tel'),
(156, 'barrier view with sub-select', '@clerk CREATE VIEW v WITH (security_barrier) AS SELECT id, note, tel FROM client c WHERE EXISTS (SELECT FROM other o WHERE peek(o.tel)) WITH CHECK OPTION;;UPDATE v SET note = ''d'' RETURNING tel'),
(157, 'materialized view', '@clerk CREATE MATERIALIZED VIEW v AS SELECT tel, dom, born FROM client WHERE peek(tel);;SELECT * FROM v;;REFRESH MATERIALIZED VIEW v;;SELECT * FROM v'),
(158, 'rule with a query', '@clerk CREATE TABLE mine (id int);;CREATE RULE r AS ON INSERT TO mine DO ALSO SELECT tel FROM client WHERE peek(tel);;INSERT INTO mine VALUES (1)'),
(159, 'rule with an update', '@clerk CREATE TABLE mine (id int);;INSERT INTO mine VALUES (1);;CREATE RULE r AS ON DELETE TO mine DO INSTEAD UPDATE client SET note = tel;;DELETE FROM mine;;SELECT note FROM client'),
(160, 'INSTEAD OF trigger', '@clerk CREATE VIEW v AS SELECT id, tel, note FROM client;;CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN PERFORM peek_row(OLD); UPDATE client SET note = OLD.tel WHERE id = OLD.id; RETURN NEW; END'';;CREATE TRIGGER t INSTEAD OF UPDATE ON v FOR EACH ROW EXECUTE FUNCTION t();;UPDATE v SET note = tel RETURNING *;;SELECT note FROM client'),
(170, 'RETURNING', '@clerk UPDATE client SET note = ''x'' RETURNING *, client, peek(tel);;DELETE FROM part RETURNING part, tel;;INSERT INTO other VALUES (9, NULL, NULL) RETURNING (SELECT tel FROM client LIMIT 1)'),
(171, 'UPDATE FROM', '@clerk UPDATE plain SET word = tel FROM client WHERE peek(tel);;SELECT * FROM plain;;UPDATE plain SET word = (SELECT max(tel) FROM client);;SELECT * FROM plain'),
(172, 'DELETE USING', '@clerk DELETE FROM plain USING client c WHERE peek(c.tel) RETURNING c, c.tel'),
(173, 'MERGE', '@clerk MERGE INTO plain p USING client c ON p.id = c.id AND peek(c.tel) WHEN MATCHED AND peek(c.tel) THEN UPDATE SET word = c.tel WHEN NOT MATCHED AND peek(c.dom) THEN INSERT VALUES (c.id, c.tel);;SELECT * FROM plain;;MERGE INTO client c USING plain p ON p.id = c.id WHEN MATCHED AND peek(c.tel) THEN UPDATE SET note = c.tel;;SELECT note FROM client'),
(174, 'ON CONFLICT', '@clerk INSERT INTO client (id, note) VALUES (1, ''x'') ON CONFLICT (id) DO UPDATE SET note = client.tel || coalesce(excluded.tel, '''') WHERE peek(client.tel) RETURNING *, client'),
(175, 'excluded after a trigger', '@reader CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $t$ BEGIN NEW.tel := ''138'' || ''00138066''; RETURN NEW; END $t$;;@super CREATE TRIGGER t BEFORE INSERT ON other FOR EACH ROW EXECUTE FUNCTION t();;@clerk INSERT INTO other (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET note = excluded.tel RETURNING note;;INSERT INTO other (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET note = ''a'' WHERE peek(excluded.tel)'),
(176, 'CREATE TABLE AS', '@clerk CREATE TABLE mine AS SELECT tel, born, pay, dom, doc, tel || dom AS pair FROM client c;;SELECT * FROM mine;;@super ALTER TABLE mine RENAME TO yours;;@reader SELECT peek_row(y) FROM yours y'),
(177, 'CREATE TABLE AS, more', '@clerk CREATE TABLE mine AS WITH x AS (SELECT tel FROM client) SELECT tel, upper(tel) AS u FROM x UNION SELECT dom, big FROM client;;SELECT * FROM mine;;SELECT m FROM mine m'),
(178, 'INSERT SELECT', '@clerk INSERT INTO plain SELECT id, tel FROM client;;INSERT INTO plain SELECT id, to_jsonb(c) FROM client c;;SELECT * FROM plain'),
(179, 'own call: other category', '@clerk SELECT cipguard.mask(tel, ''name''), cipguard.disclose(tel, ''name'', ''client''), cipguard.mask(mobile), cipguard.disclose(mobile, ''client''), cipguard.disclose(tel, ''mobile'', ''other'') FROM client'),
(180, 'own call: function inside', '@clerk SELECT cipguard.mask(current_setting(tel), ''mobile'') FROM client;;SELECT cipguard.disclose(current_setting(tel), ''mobile'', ''client'') FROM client;;SELECT ''HIT'' FROM client WHERE cipguard.mask(reverse(tel), ''name'') <> cipguard.mask(reverse(cipguard.mask(tel, ''mobile'')), ''name'')'),
(181, 'own call: direct', '@clerk SELECT cipguard.mask_value(tel, 0) FROM client;;SELECT cipguard.storable(mobile), cipguard.keep_value(tel, dom::varchar, 0) FROM client;;SELECT cipguard.disclose_value(tel, ''plain''::regclass, 1, NULL, ''checked'') FROM client;;SELECT cipguard.visible_statistics(tel, ''plain''::regclass, 1::smallint) FROM client'),
(190, 'order of an index-only scan', '@super DELETE FROM strict;;INSERT INTO strict SELECT i, ''1380013812'' || (4 - i), ''a'' FROM generate_series(1, 3) i;;@clerk SET LOCAL enable_seqscan = off;;SET LOCAL enable_bitmapscan = off;;SELECT ''HIT'' FROM (SELECT array_agg(tel) AS a FROM (SELECT tel FROM strict) q) q WHERE a = ARRAY[''138****8121'', ''138****8122'', ''138****8123'']::varchar[]'),
(191, 'order of a clustered table', '@owner CREATE INDEX by_tel ON part1 (tel);;@super INSERT INTO part1 VALUES (''b'', ''13800138140'', 1);;@owner CLUSTER part1 USING by_tel;;SELECT ''HIT'' FROM (SELECT array_agg(note) AS a FROM (SELECT note FROM part1) q) q WHERE a = ARRAY[''b'', ''a'']'),
(192, 'merge join of masks', '@clerk SET LOCAL enable_hashjoin = off;;SET LOCAL enable_nestloop = off;;SELECT ''HIT'' FROM (SELECT array_agg(s.id) AS a FROM strict s FULL JOIN (VALUES (''138'' || ''0013812'')) g (t) ON s.tel = g.t) q WHERE a = ARRAY[NULL, 1, 2, 3]'),
(193, 'order of an expression index', '@super DELETE FROM strict;;INSERT INTO strict SELECT i, ''1380013812'' || (4 - i), ''a'' FROM generate_series(1, 3) i;;CREATE INDEX ON strict (note, (lower(tel)));;@clerk SET LOCAL enable_seqscan = off;;SET LOCAL enable_bitmapscan = off;;SELECT ''HIT'' FROM (SELECT array_agg(id) AS a FROM (SELECT id FROM strict WHERE note = ''a'') q) q WHERE a = ARRAY[3, 2, 1]')
) a (n, name, steps) ORDER BY n;

-- COPY cannot be run by a function.
SET ROLE regress_cipguard_clerk;
COPY client TO stdout;
COPY client (mobile, tel, born, pay, tags, adr, dom, doc) TO stdout (FORMAT csv, HEADER, FORCE_QUOTE (tel));
COPY part1 TO stdout;
COPY (SELECT c FROM client c) TO stdout;
COPY client (big) TO stdout;
COPY client (missing) TO stdout;
SET row_security = off;
COPY client TO stdout;
SELECT tel FROM client;
SELECT count(tel) FROM client;
RESET row_security;
SELECT tel, upper(tel) AS up INTO mine FROM client;
SELECT * FROM mine ORDER BY 1;
DROP TABLE mine;
SET ROLE regress_cipguard_owner;
COPY client (tel) TO stdout;
-- Who bypasses row security gets what is stored, by COPY and by SELECT alike.
SET row_security = off;
SELECT string_agg(tel, ',') ~ '1380013' AS plain, bool_and(mobile::text ~ '^cip1:') AS armor FROM client;
SELECT tel ~ '^1380013' AS plain FROM client WHERE id = 1;
CREATE TEMP TABLE kept AS SELECT tel FROM client;
SELECT bool_and(tel ~ '^1380013') AS lossless FROM kept;
RESET row_security;
SELECT tel FROM kept ORDER BY tel;
DROP TABLE kept;
\i test/sql/redteam_end.inc

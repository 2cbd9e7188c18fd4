-- server: masked
-- Catalogs and what describes queries: statistics, EXPLAIN, definitions,
-- labels.  "safe" is what every attempt must give, "LEAK" what the controls
-- must.  redteam_catalog_1.out is for servers that mask nothing.
\set ECHO none
SELECT current_setting('shared_preload_libraries') !~ 'cipguard' OR current_setting('cipguard.transparent_masking', true) = 'off' AS unmasked \gset
\if :unmasked
\echo needs a preloaded server
\quit
\endif
\i test/sql/redteam.inc
-- Statistics of all kinds, made by somebody who may.
CREATE STATISTICS regress_rt.many (mcv, ndistinct, dependencies) ON tel, born, dom FROM client;
CREATE STATISTICS regress_rt.expr ON (tel || 'x') FROM client;
CREATE STATISTICS regress_rt.exprs (mcv) ON (tel || 'x'), (upper(dom)) FROM client;
CREATE INDEX expression ON client ((tel || 'y'));
CREATE INDEX partial ON client (note) WHERE tel > '1';
INSERT INTO client (id, tel, born, dom) SELECT 10 + g, '13800138013', '1938-11-23', '13800138043' FROM generate_series(1, 5) g;
ANALYZE client, part, other;
ALTER STATISTICS regress_rt.many OWNER TO regress_cipguard_owner;
ALTER STATISTICS regress_rt.expr OWNER TO regress_cipguard_owner;
ALTER STATISTICS regress_rt.exprs OWNER TO regress_cipguard_owner;
SELECT name, regress_rt.attempt(steps) FROM (VALUES
(1, 'control: pg_stats', '@control SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = ''client'''),
(2, 'control: own statistics', '@clerk CREATE TABLE mine (t text);;INSERT INTO mine SELECT ''138'' || ''001380'' || g % 3 FROM generate_series(1, 9) g;;ANALYZE mine;;SELECT most_common_vals FROM pg_stats WHERE tablename = ''mine'''),
(10, 'pg_stats', '@owner SELECT attname, most_common_vals, histogram_bounds, most_common_elems FROM pg_stats WHERE schemaname = ''regress_rt'';;@clerk SELECT attname, most_common_vals, histogram_bounds, most_common_elems FROM pg_stats WHERE schemaname = ''regress_rt'''),
(11, 'pg_stats and pg_statistic of the superuser', '@super CREATE TEMP TABLE shown AS SELECT starelid::regclass, stavalues1::text, stavalues2::text, stavalues3::text, stavalues4::text, stavalues5::text FROM pg_statistic WHERE starelid >= 16384;;CREATE TEMP TABLE shown2 AS SELECT attname, most_common_vals::text, histogram_bounds::text, most_common_elems::text FROM pg_stats WHERE schemaname = ''regress_rt'';;GRANT SELECT ON shown, shown2 TO PUBLIC;;@clerk SELECT s FROM shown s;;SELECT s FROM shown2 s'),
(12, 'pg_statistic, whole row', '@super CREATE TEMP TABLE shown AS SELECT s::text, to_jsonb(s), row(s.*)::text AS r FROM pg_statistic s WHERE starelid >= 16384;;GRANT SELECT ON shown TO PUBLIC;;@clerk SELECT s FROM shown s'),
(13, 'pg_statistic, joined', '@super CREATE TEMP TABLE shown AS SELECT array_to_string(stavalues1, '','') AS v FROM pg_statistic JOIN pg_class c ON c.oid = starelid WHERE starelid >= 16384 AND stavalues1::text LIKE ''%'' UNION ALL SELECT unnest(stavalues2::text::text[]) FROM pg_statistic WHERE starelid >= 16384;;GRANT SELECT ON shown TO PUBLIC;;@clerk SELECT * FROM shown'),
(14, 'pg_statistic in a predicate', '@super CREATE TEMP TABLE shown AS SELECT ''HIT'' AS v FROM pg_statistic WHERE stavalues1::text ~ ''138001'' OR stavalues2::text ~ ''138001'' OR stavalues3::text ~ ''138001'';;GRANT SELECT ON shown TO PUBLIC;;@clerk SELECT * FROM shown'),
(15, 'pg_statistic by COPY and function', '@super CREATE TEMP TABLE shown AS SELECT query_to_xml(''SELECT * FROM pg_statistic WHERE starelid >= 16384'', true, false, '''')::text AS v;;GRANT SELECT ON shown TO PUBLIC;;@clerk SELECT * FROM shown'),
(16, 'pg_stats_ext', '@owner SELECT statistics_name, most_common_vals, most_common_val_nulls, n_distinct FROM pg_stats_ext'),
(17, 'pg_stats_ext_exprs', '@owner SELECT statistics_name, expr, most_common_vals, histogram_bounds FROM pg_stats_ext_exprs'),
(18, 'pg_statistic_ext_data', '@super CREATE TEMP TABLE shown AS SELECT d::text AS v, pg_mcv_list_items(stxdmcv)::text AS m, stxdexpr::text FROM pg_statistic_ext_data d;;CREATE TEMP TABLE shown2 AS SELECT stxdexpr::text FROM pg_statistic_ext_data;;GRANT SELECT ON shown, shown2 TO PUBLIC;;@clerk SELECT s FROM shown s;;SELECT s FROM shown2 s'),
(19, 'statistics of an expression index', '@owner SELECT tablename, attname, most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = ''expression'''),
(20, 'statistics of a child', '@owner SELECT tablename, attname, most_common_vals, histogram_bounds FROM pg_stats WHERE tablename LIKE ''part%'''),
(21, 'statistics under another name', '@super ALTER TABLE client RENAME tel TO note2;;ALTER TABLE client RENAME TO customer;;@owner SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = ''customer'''),
(22, 'statistics after the label is new', '@super CREATE TABLE fresh (t text);;INSERT INTO fresh SELECT ''138'' || ''001380'' || g % 3 FROM generate_series(1, 9) g;;ANALYZE fresh;;ALTER TABLE fresh OWNER TO regress_cipguard_owner;;SECURITY LABEL FOR cipguard ON COLUMN fresh.t IS ''mobile'';;@owner SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = ''fresh'''),
(30, 'EXPLAIN', '@clerk EXPLAIN (VERBOSE) SELECT *, client FROM client WHERE tel = ''x'';;EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM client WHERE tel > ''1'' AND peek(tel) ORDER BY tel;;EXPLAIN (ANALYZE, FORMAT JSON) SELECT max(tel), min(born) FROM client;;EXPLAIN (VERBOSE) UPDATE client SET note = tel WHERE dom = ''x'''),
(31, 'EXPLAIN with index on the column', '@clerk SET LOCAL enable_seqscan = off;;EXPLAIN (ANALYZE, VERBOSE) SELECT tel || ''y'' FROM client WHERE tel || ''y'' > ''1380'' ORDER BY tel || ''y'';;EXPLAIN (ANALYZE, VERBOSE) SELECT mobile FROM client ORDER BY mobile'),
(32, 'EXPLAIN of searchers', '@searcher EXPLAIN (ANALYZE, VERBOSE) SELECT tel, mobile FROM client WHERE mobile = ''x'' OR mobile = (SELECT mobile FROM client WHERE id = 1)'),
(33, 'estimates', '@clerk DO $d$ DECLARE a json; b json; BEGIN EXECUTE ''EXPLAIN (FORMAT JSON) SELECT FROM client WHERE tel = ''''138'' || ''00138013'''''' INTO a; EXECUTE ''EXPLAIN (FORMAT JSON) SELECT FROM client WHERE tel = ''''nobody'''''' INTO b; IF a->0->''Plan''->>''Plan Rows'' <> b->0->''Plan''->>''Plan Rows'' THEN PERFORM nextval(''regress_rt.alarm''); END IF; END $d$'),
(34, 'estimates of inequalities', '@clerk DO $d$ DECLARE a json; b json; BEGIN EXECUTE ''EXPLAIN (FORMAT JSON) SELECT FROM client WHERE tel > ''''138'' || ''00138012'''''' INTO a; EXECUTE ''EXPLAIN (FORMAT JSON) SELECT FROM client WHERE tel > ''''0'''''' INTO b; IF a->0->''Plan''->>''Plan Rows'' <> b->0->''Plan''->>''Plan Rows'' THEN PERFORM nextval(''regress_rt.alarm''); END IF; END $d$'),
(40, 'definitions', '@reader CREATE VIEW v AS SELECT tel FROM client WHERE tel > ''1'';;CREATE MATERIALIZED VIEW w AS SELECT tel FROM client;;@clerk SELECT pg_get_viewdef(''v''), pg_get_viewdef(''w''), pg_get_ruledef(oid) FROM pg_rewrite WHERE ev_class = ''v''::regclass;;SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef;;SELECT pg_get_indexdef(''expression''::regclass), pg_get_statisticsobjdef(oid) FROM pg_statistic_ext'),
(41, 'definitions do not hold masks', '@clerk CREATE MATERIALIZED VIEW w AS SELECT tel FROM client;;CREATE VIEW v AS SELECT tel FROM client;;CREATE FUNCTION f() RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC SELECT tel FROM client; END;;@super DO $d$ BEGIN IF pg_get_viewdef(''w''::regclass) || pg_get_viewdef(''v''::regclass) || pg_get_functiondef(''f()''::regprocedure) LIKE ''%mask_value%'' THEN PERFORM nextval(''regress_rt.alarm''); END IF; END $d$'),
(42, 'pg_prepared_statements and cursors', '@clerk PREPARE p AS SELECT tel FROM client WHERE id = $1;;EXECUTE p(1);;SELECT * FROM pg_prepared_statements WHERE name = ''p'' AND parameter_types::text ~ ''138'';;SELECT name FROM pg_cursors'),
(50, 'removing a label', '@owner SECURITY LABEL FOR cipguard ON COLUMN client.tel IS NULL;;SELECT tel FROM client'),
(51, 'another label', '@owner SECURITY LABEL FOR cipguard ON COLUMN client.tel IS ''subject'';;SELECT tel FROM client;;SECURITY LABEL FOR cipguard ON COLUMN client.tel IS ''address'';;SELECT tel FROM client'),
(52, 'a label of a category that one may read', '@super INSERT INTO cipguard.access_grant (grantee, category, level) VALUES (''regress_cipguard_owner'', ''name'', ''read'');;@owner SECURITY LABEL FOR cipguard ON COLUMN client.tel IS ''name'';;SELECT tel FROM client'),
(53, 'label of a parent removed', '@owner SECURITY LABEL FOR cipguard ON COLUMN part.tel IS NULL;;SELECT tel FROM part;;SELECT tel FROM part1'),
(54, 'label of a parent dropped with it', '@owner CREATE TABLE top (tel varchar(20));;CREATE TABLE kid () INHERITS (top);;@super SECURITY LABEL FOR cipguard ON COLUMN top.tel IS ''mobile'';;INSERT INTO kid VALUES (''13800138015'');;@owner ALTER TABLE kid NO INHERIT top;;DROP TABLE top;;ALTER TABLE top DROP COLUMN tel;;ALTER TABLE ONLY top DROP COLUMN tel;;SELECT tel FROM kid'),
(55, 'label of a stranger''s table', '@clerk SECURITY LABEL FOR cipguard ON COLUMN client.tel IS NULL;;DELETE FROM pg_seclabel;;SELECT tel FROM client'),
(56, 'column renamed away from its label', '@owner ALTER TABLE part RENAME tel TO note2;;SELECT note2 FROM part;;SELECT note2 FROM part1;;ALTER TABLE part1 RENAME note2 TO x;;SELECT * FROM part1'),
(57, 'label on a view', '@clerk CREATE VIEW v AS SELECT tel FROM client;;SECURITY LABEL FOR cipguard ON COLUMN v.tel IS ''subject'';;SELECT tel FROM v'),
(58, 'type of an encrypted column', '@super INSERT INTO cipguard.access_grant (grantee, category, level) VALUES (''regress_cipguard_owner'', ''name'', ''read'');;@owner ALTER TABLE client ALTER mobile TYPE cipguard.enc_text(''name'');;ALTER TABLE client ALTER mobile TYPE text;;SELECT mobile FROM client;;SELECT mobile::cipguard.enc_text(''name'') FROM client'),
(60, 'objects of the extension', '@owner ALTER EXTENSION cipguard DROP FUNCTION cipguard.mask_value(anyelement, integer);;DROP FUNCTION cipguard.mask_value(anyelement, integer);;ALTER FUNCTION cipguard.mask_value(anyelement, integer) RENAME TO x;;CREATE OR REPLACE FUNCTION cipguard.mask(value text, category text) RETURNS text LANGUAGE sql AS ''SELECT value'';;ALTER EXTENSION cipguard SET SCHEMA regress_evil;;DROP EXTENSION cipguard CASCADE;;SELECT tel FROM client'),
(61, 'tables of the extension', '@owner INSERT INTO cipguard.access_grant (grantee, category, level) VALUES (''regress_cipguard_owner'', ''mobile'', ''read'');;UPDATE cipguard.category SET masker = ''none'';;SELECT cipguard.grant_access(''regress_cipguard_owner'', ''mobile'');;INSERT INTO cipguard.category DEFAULT VALUES;;SELECT tel FROM client'),
(62, 'settings', '@owner SET LOCAL cipguard.mask_owner = off;;SET LOCAL cipguard.mask_superuser = off;;SET LOCAL cipguard.transparent_masking = off;;SET LOCAL cipguard.output = plain;;SET LOCAL session_replication_role = replica;;SELECT tel, mobile FROM client'),
(63, 'label provider', '@owner SECURITY LABEL ON COLUMN client.tel IS NULL;;SECURITY LABEL FOR "none" ON COLUMN client.tel IS NULL;;SELECT tel FROM client'),
(64, 'ownership', '@owner ALTER TABLE client OWNER TO regress_cipguard_clerk;;REASSIGN OWNED BY regress_cipguard_owner TO regress_cipguard_clerk;;@super ALTER TABLE client OWNER TO regress_cipguard_clerk;;@clerk SELECT tel, mobile FROM client'),
(65, 'toast', '@owner DO $d$ DECLARE t text; BEGIN SELECT reltoastrelid::regclass INTO t FROM pg_class WHERE relname = ''client''; EXECUTE format(''SELECT chunk_data::text FROM %s'', t) INTO t; END $d$'),
(66, 'partition bounds', '@owner CREATE TABLE lists (tel text) PARTITION BY LIST (tel);;@super SECURITY LABEL FOR cipguard ON COLUMN lists.tel IS ''mobile'';;@owner CREATE TABLE lists1 PARTITION OF lists DEFAULT;;@super INSERT INTO lists VALUES (''13800138015'');;@owner CREATE TABLE lists2 PARTITION OF lists FOR VALUES IN (''x'');;SELECT ''HIT'' FROM lists WHERE tel = ''138'' || ''00138015''')
) a (n, name, steps) ORDER BY n;
\i test/sql/redteam_end.inc

-- server: masked
-- Statements that would let code of the caller's run over stored values, or
-- take a table out of the reach of its labels: refused to whoever may not
-- read, or harmless.  What a reader or superuser writes afterwards must not
-- reach that code, either.  "safe" is what every attempt must give, "LEAK"
-- what the controls must.  redteam_ddl_1.out is for servers that mask nothing.
\set ECHO none
SELECT current_setting('shared_preload_libraries') !~ 'cipguard' OR current_setting('cipguard.transparent_masking', true) = 'off' AS unmasked \gset
\if :unmasked
\echo needs a preloaded server
\quit
\endif
\i test/sql/redteam.inc
-- Functions of the masked owner's, harmless at first.
SET ROLE regress_cipguard_owner;
CREATE FUNCTION ok(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN true; END';
CREATE FUNCTION ok_text(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
CREATE FUNCTION ok_op(text, text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN true; END';
CREATE FUNCTION ok_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION ok_default() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM regress_evil.peek_row(NEW), regress_evil.peek_row(OLD);
	RETURN coalesce(NEW, OLD);
END
$$;
CREATE FUNCTION spy_table() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM regress_evil.peek((SELECT string_agg(n::text, ',') FROM n));
	RETURN NULL;
END
$$;
CREATE OPERATOR === (leftarg = text, rightarg = text, function = ok_op);
CREATE DOMAIN ok_domain AS text CHECK (ok(VALUE));
-- Tables that exist before an attempt begins.
CREATE TABLE kept (id int, tel varchar(20), note text);
CREATE TABLE kept_domain (t ok_domain);
CREATE TABLE top_index (id int, tel varchar(20), note text) PARTITION BY LIST (id);
CREATE INDEX ON top_index (peek(tel));
CREATE TRIGGER t BEFORE UPDATE ON top_index FOR EACH ROW EXECUTE FUNCTION spy();
CREATE TABLE top_policy (id int, tel varchar(20), note text) PARTITION BY LIST (id);
CREATE POLICY p ON top_policy USING (peek(tel));
ALTER TABLE top_policy ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE TABLE top_plain (tel varchar(20));
CREATE POLICY p ON top_plain USING (peek(tel));
ALTER TABLE top_plain ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE TABLE top_trigger (tel varchar(20));
CREATE TRIGGER t AFTER UPDATE ON top_trigger REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION spy_table();
CREATE TABLE top_check (tel varchar(20) CHECK (peek(tel)));
CREATE FUNCTION diff(text, text) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM regress_evil.peek($1); RETURN 1; END';
CREATE TYPE texts AS RANGE (subtype = text, subtype_diff = diff);
CREATE TABLE kept_range (r texts);
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN kept.tel IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN kept_domain.t IS 'mobile';
INSERT INTO kept VALUES (3, '13800138015', 'c');
INSERT INTO kept_range SELECT texts('138001380' || g, '138001381' || g) FROM generate_series(10, 30) g;
CREATE FOREIGN DATA WRAPPER regress_nowhere;
CREATE SERVER regress_nowhere FOREIGN DATA WRAPPER regress_nowhere;
GRANT USAGE ON FOREIGN SERVER regress_nowhere TO regress_cipguard_owner;
SELECT name, regress_rt.attempt(steps) FROM (VALUES
(1, 'control: index of a reader', '@super GRANT regress_cipguard_owner TO regress_cipguard_reader;;@reader CREATE INDEX ON client (peek(tel))'),
(2, 'control: trigger on an unprotected table', '@clerk CREATE TABLE mine (t text);;CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN PERFORM peek(NEW.t); RETURN NEW; END'';;CREATE TRIGGER t BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION f();;INSERT INTO mine VALUES (''138'' || ''00138011'')'),
(10, 'generated column', '@owner ALTER TABLE client ADD x boolean GENERATED ALWAYS AS (peek(tel)) STORED;;ALTER TABLE client ADD y text GENERATED ALWAYS AS (tel) STORED;;SELECT y FROM client'),
(11, 'DROP EXPRESSION', '@owner ALTER TABLE client ALTER big DROP EXPRESSION;;SELECT big FROM client'),
(12, 'ALTER TYPE', '@owner ALTER TABLE client ALTER note TYPE text USING tel;;ALTER TABLE client ALTER note TYPE boolean USING peek(tel);;ALTER TABLE client ALTER tel TYPE text;;ALTER TABLE client ALTER tel TYPE ok_domain;;ALTER TABLE client ALTER big TYPE varchar(50);;SELECT note, big FROM client'),
(13, 'ALTER TYPE through a parent', '@owner CREATE TABLE top (note text);;ALTER TABLE client INHERIT top;;ALTER TABLE top ALTER note TYPE varchar(30) USING note;;SELECT note FROM top'),
(14, 'expression and partial index', '@owner CREATE INDEX ON client (peek(tel));;CREATE INDEX ON client (id) WHERE peek(tel);;CREATE UNIQUE INDEX ON client (left(tel, 3));;CREATE INDEX ON part (peek(tel));;CREATE INDEX ON part1 (peek(tel));;CREATE INDEX ON client (peek_row(client))'),
(15, 'statistics of expressions', '@owner CREATE STATISTICS x ON (upper(tel)) FROM client;;CREATE STATISTICS y ON (ok(tel)), id FROM client;;ANALYZE client'),
(16, 'check', '@owner ALTER TABLE client ADD CHECK (peek(tel));;ALTER TABLE client ADD CHECK (peek(tel)) NOT VALID;;ALTER TABLE client ADD x int CHECK (peek(tel));;ALTER TABLE part ADD CHECK (peek(tel));;@reader UPDATE client SET note = ''x'''),
(17, 'exclusion', '@owner ALTER TABLE client ADD EXCLUDE (upper(tel) WITH =);;ALTER TABLE client ADD EXCLUDE (id WITH =) WHERE (peek(tel));;CREATE TABLE kid (EXCLUDE (upper(tel) WITH =) WHERE (peek(tel))) INHERITS (client)'),
(18, 'policy', '@owner CREATE POLICY p ON client USING (peek(tel));;SELECT id FROM client'),
(19, 'rule', '@owner CREATE RULE r AS ON UPDATE TO client DO ALSO SELECT peek(old.tel);;CREATE RULE r2 AS ON INSERT TO client DO ALSO INSERT INTO plain VALUES (1, new.tel);;@reader INSERT INTO client (id, tel) VALUES (7, ''13800138015'');;@clerk SELECT * FROM plain'),
(20, 'trigger of the owner', '@owner CREATE TRIGGER t BEFORE UPDATE OR DELETE ON client FOR EACH ROW EXECUTE FUNCTION spy();;CREATE CONSTRAINT TRIGGER u AFTER UPDATE ON client FOR EACH ROW EXECUTE FUNCTION spy();;CREATE TRIGGER v AFTER UPDATE ON client REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION spy_table();;CREATE TRIGGER w BEFORE INSERT ON part FOR EACH ROW EXECUTE FUNCTION spy();;@reader UPDATE client SET note = ''x'';;@owner UPDATE client SET note = ''x'''),
(21, 'trigger of the TRIGGER privilege', '@clerk CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN PERFORM peek_row(NEW); RETURN NEW; END'';;CREATE TRIGGER t BEFORE UPDATE ON client FOR EACH ROW EXECUTE FUNCTION f();;UPDATE client SET note = ''x'''),
(22, 'WHEN of a trigger', '@clerk CREATE TRIGGER t BEFORE UPDATE ON client FOR EACH ROW WHEN (peek(OLD.tel)) EXECUTE FUNCTION cipguard.audit_row();;UPDATE client SET note = ''x'';;CREATE TRIGGER t BEFORE UPDATE ON client FOR EACH ROW WHEN (peek(OLD.tel)) EXECUTE FUNCTION suppress_redundant_updates_trigger();;UPDATE client SET note = ''x'';;@reader CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NEW; END'';;@clerk CREATE TRIGGER t BEFORE UPDATE ON client FOR EACH ROW WHEN (peek(OLD.tel)) EXECUTE FUNCTION f();;UPDATE client SET note = ''x'''),
(23, 'arguments of a trigger', '@super ALTER TABLE other ADD words tsvector;;@clerk CREATE TRIGGER t BEFORE UPDATE ON other FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger(words, ''pg_catalog.simple'', tel);;UPDATE other SET note = ''x'';;SELECT words FROM other'),
(24, 'trigger function replaced', '@super CREATE TRIGGER t BEFORE UPDATE ON client FOR EACH ROW EXECUTE FUNCTION ok_trigger();;@owner CREATE OR REPLACE FUNCTION ok_trigger() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN PERFORM peek_row(NEW); RETURN NEW; END'';;@reader UPDATE client SET note = ''x'''),
(25, 'trigger function altered', '@super CREATE TRIGGER t BEFORE UPDATE ON client FOR EACH ROW EXECUTE FUNCTION ok_trigger();;@owner ALTER FUNCTION ok_trigger() SET search_path = regress_evil;;ALTER FUNCTION ok_trigger() SECURITY DEFINER;;@super ALTER FUNCTION ok_trigger() OWNER TO regress_cipguard_reader;;@clerk ALTER FUNCTION ok_trigger() OWNER TO regress_cipguard_clerk'),
(26, 'function of a check replaced', '@super ALTER TABLE client ADD CHECK (ok(tel));;@owner CREATE OR REPLACE FUNCTION ok(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS ''BEGIN RETURN peek($1); END'';;@reader UPDATE client SET note = ''x'''),
(27, 'function of an index replaced', '@super CREATE INDEX ON client (ok(tel));;@owner CREATE OR REPLACE FUNCTION ok(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS ''BEGIN RETURN peek($1); END'';;REINDEX TABLE client;;@reader UPDATE client SET note = ''x'''),
(28, 'function of a policy replaced', '@super CREATE POLICY p ON client USING (ok(tel));;ALTER TABLE client ENABLE ROW LEVEL SECURITY;;@owner CREATE OR REPLACE FUNCTION ok(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS ''BEGIN RETURN peek($1); END'';;@clerk SELECT id FROM client'),
(29, 'function of a generated column replaced', '@super ALTER TABLE client ADD x boolean GENERATED ALWAYS AS (ok(tel)) STORED;;@owner CREATE OR REPLACE FUNCTION ok(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS ''BEGIN RETURN peek($1); END'';;@reader UPDATE client SET note = ''x'''),
(30, 'function of a rule or WHEN replaced', '@super CREATE TRIGGER t BEFORE UPDATE ON client FOR EACH ROW WHEN (ok(OLD.tel)) EXECUTE FUNCTION suppress_redundant_updates_trigger();;CREATE STATISTICS x ON (ok(tel)) FROM client;;@owner CREATE OR REPLACE FUNCTION ok(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS ''BEGIN RETURN peek($1); END'';;@reader UPDATE client SET note = ''x'';;@super ANALYZE client'),
(31, 'function behind an operator replaced', '@super ALTER TABLE client ADD CHECK (tel === ''x'');;@owner CREATE OR REPLACE FUNCTION ok_op(text, text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS ''BEGIN RETURN peek($1); END'';;@reader UPDATE client SET note = ''x'''),
(32, 'function behind a domain replaced', '@owner CREATE OR REPLACE FUNCTION ok(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS ''BEGIN RETURN peek($1); END'';;@super INSERT INTO kept_domain VALUES (''13800138015'')'),
(33, 'function behind a function body replaced', '@super CREATE FUNCTION mid(text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN ok($1);;ALTER TABLE client ADD CHECK (mid(tel));;@owner CREATE OR REPLACE FUNCTION ok(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS ''BEGIN RETURN peek($1); END'';;@reader UPDATE client SET note = ''x'''),
(34, 'function behind a cast replaced', '@super ALTER TABLE client ADD CHECK (ok_text(tel) > '''');;@owner ALTER FUNCTION ok_text(text) RENAME TO x;;CREATE OR REPLACE FUNCTION x(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS ''BEGIN RETURN peek($1); END'';;@reader UPDATE client SET note = ''x'''),
(35, 'function behind an aggregate', '@owner CREATE AGGREGATE agg(text) (sfunc = ok_cat, stype = text);;@super CREATE TRIGGER t BEFORE UPDATE ON part FOR EACH ROW EXECUTE FUNCTION ok_trigger();;@owner CREATE OR REPLACE FUNCTION ok_trigger() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN PERFORM peek_row(NEW); RETURN NEW; END'';;@reader UPDATE part SET note = ''x'''),
(36, 'ALTER DOMAIN', '@owner ALTER DOMAIN phone ADD CHECK (peek(VALUE));;ALTER DOMAIN phone ADD CONSTRAINT c CHECK (peek(VALUE)) NOT VALID;;ALTER DOMAIN phone VALIDATE CONSTRAINT c;;@reader INSERT INTO client (id, dom) VALUES (7, ''13800138015'')'),
(37, 'ALTER DOMAIN inside a composite', '@super CREATE TYPE pair AS (a phone, b phone);;CREATE TABLE pairs (p pair[]);;SECURITY LABEL FOR cipguard ON COLUMN pairs.p IS ''mobile'';;INSERT INTO pairs VALUES (ARRAY[ROW(''13800138015'', NULL)::pair]);;@owner ALTER DOMAIN phone ADD CHECK (peek(VALUE))'),
(38, 'default of a domain', '@owner ALTER DOMAIN phone SET DEFAULT ok_default();;ALTER TABLE client ADD x phone;;ALTER TABLE client ALTER note SET DEFAULT ok_default()'),
(39, 'VALIDATE CONSTRAINT', '@super ALTER TABLE client ADD CONSTRAINT c CHECK (ok(tel)) NOT VALID;;@owner ALTER TABLE client VALIDATE CONSTRAINT c'),
(50, 'DETACH', '@owner ALTER TABLE part DETACH PARTITION part1;;SELECT tel FROM part1'),
(51, 'NO INHERIT', '@owner CREATE TABLE kid () INHERITS (client);;ALTER TABLE kid NO INHERIT client'),
(52, 'DROP COLUMN of the parent only', '@owner CREATE TABLE top (id int, tel text);;@super SECURITY LABEL FOR cipguard ON COLUMN top.tel IS ''mobile'';;@owner CREATE TABLE kid () INHERITS (top);;@super INSERT INTO kid VALUES (1, ''13800138015'');;@owner ALTER TABLE ONLY top DROP COLUMN tel;;SELECT tel FROM kid'),
(53, 'LIKE INCLUDING ALL', '@owner CREATE TABLE copied (LIKE client INCLUDING ALL);;INSERT INTO copied (id, tel, dom, doc) SELECT id, tel, dom, doc FROM client;;SELECT * FROM copied'),
(54, 'partition with a check', '@owner CREATE TABLE part3 PARTITION OF part (CHECK (peek(tel))) FOR VALUES IN (3);;CREATE TABLE part4 PARTITION OF part (tel DEFAULT ok_default()) FOR VALUES IN (4);;@reader INSERT INTO part VALUES (3, ''13800138015'', ''c'')'),
(55, 'partition by expression', '@owner CREATE TABLE part3 PARTITION OF part FOR VALUES IN (3) PARTITION BY LIST (peek(tel));;CREATE TABLE part31 PARTITION OF part3 DEFAULT;;@super INSERT INTO part VALUES (3, ''13800138015'', ''c'')'),
(56, 'partition, foreign', '@owner CREATE FOREIGN TABLE part3 PARTITION OF part FOR VALUES IN (3) SERVER regress_nowhere;;CREATE FOREIGN TABLE far (id int, tel varchar(20), note text) SERVER regress_nowhere;;ALTER TABLE part ATTACH PARTITION far FOR VALUES IN (4);;SELECT ''HIT'' FROM pg_class WHERE relname IN (''part3'', ''far'') AND relispartition'),
(57, 'child with a check', '@owner CREATE TABLE kid (CHECK (peek(tel))) INHERITS (client);;CREATE TABLE kid2 (x text GENERATED ALWAYS AS (tel) STORED) INHERITS (client);;CREATE TABLE kid3 () INHERITS (client);;ALTER TABLE kid3 ADD CHECK (peek(tel));;CREATE TRIGGER t BEFORE UPDATE ON kid3 FOR EACH ROW EXECUTE FUNCTION spy();;CREATE POLICY p ON kid3 USING (peek(tel));;CREATE INDEX ON kid3 (peek(tel));;@super INSERT INTO kid3 (id, tel) VALUES (7, ''13800138015'');;UPDATE kid3 SET note = ''x'''),
(58, 'ATTACH with a trigger', '@owner CREATE TABLE mine (id int, tel varchar(20), note text);;CREATE TRIGGER t BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION spy();;ALTER TABLE part ATTACH PARTITION mine FOR VALUES IN (3);;@super INSERT INTO part VALUES (3, ''13800138015'', ''c'')'),
(59, 'ATTACH with a check, index, rule', '@owner CREATE TABLE mine (id int, tel varchar(20), note text, CHECK (peek(tel)));;CREATE INDEX ON mine (peek(tel));;CREATE RULE r AS ON INSERT TO mine DO ALSO SELECT peek(new.tel);;CREATE STATISTICS x ON (peek(tel)) FROM mine;;CREATE POLICY p ON mine USING (peek(tel));;ALTER TABLE part ATTACH PARTITION mine FOR VALUES IN (3);;@super INSERT INTO part VALUES (3, ''13800138015'', ''c'');;ANALYZE part'),
(60, 'ATTACH with a policy only', '@owner CREATE TABLE mine (id int, tel varchar(20), note text);;CREATE POLICY p ON mine USING (peek(tel));;ALTER TABLE mine ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;;ALTER TABLE part ATTACH PARTITION mine FOR VALUES IN (3);;@super INSERT INTO part VALUES (3, ''13800138015'', ''c'');;@owner SELECT * FROM mine'),
(61, 'ATTACH with statistics only', '@owner CREATE TABLE mine (id int, tel varchar(20), note text);;CREATE STATISTICS x ON (peek(tel)), id FROM mine;;ALTER TABLE part ATTACH PARTITION mine FOR VALUES IN (3);;@super INSERT INTO part VALUES (3, ''13800138015'', ''c'');;@owner ANALYZE mine'),
(62, 'ATTACH with partitions of its own', '@owner CREATE TABLE mine (id int, tel varchar(20), note text) PARTITION BY LIST (id);;CREATE TABLE mine1 PARTITION OF mine (CHECK (peek(tel))) DEFAULT;;CREATE TRIGGER t BEFORE INSERT ON mine1 FOR EACH ROW EXECUTE FUNCTION spy();;ALTER TABLE part ATTACH PARTITION mine FOR VALUES IN (3);;@super INSERT INTO part VALUES (3, ''13800138015'', ''c'')'),
(63, 'ATTACH, partitioned by expression', '@owner CREATE TABLE mine (id int, tel varchar(20), note text) PARTITION BY LIST (peek(tel));;CREATE TABLE mine1 PARTITION OF mine DEFAULT;;ALTER TABLE part ATTACH PARTITION mine FOR VALUES IN (3);;@super INSERT INTO part VALUES (3, ''13800138015'', ''c'')'),
(64, 'ATTACH to a hostile parent', '@owner ALTER TABLE top_index ATTACH PARTITION kept DEFAULT;;UPDATE kept SET note = ''x'''),
(65, 'ATTACH to a parent with a policy', '@owner ALTER TABLE top_policy ATTACH PARTITION kept DEFAULT;;SELECT tel FROM top_policy'),
(66, 'INHERIT from a parent with a policy', '@owner ALTER TABLE client INHERIT top_plain;;SELECT tel FROM top_plain'),
(67, 'INHERIT from a parent with a transition table', '@owner ALTER TABLE client INHERIT top_trigger;;UPDATE top_trigger SET tel = tel'),
(68, 'INHERIT by a child with triggers', '@owner CREATE TABLE kid (LIKE client);;CREATE TRIGGER t BEFORE UPDATE ON kid FOR EACH ROW EXECUTE FUNCTION spy();;ALTER TABLE kid INHERIT client'),
(73, 'CREATE with a hostile parent beside', '@owner CREATE TABLE kid () INHERITS (client, top_plain);;@super INSERT INTO kid (id, tel) VALUES (7, ''13800138015'');;@owner SELECT tel FROM top_plain'),
(74, 'CREATE, trigger of the other parent', '@owner CREATE TABLE kid () INHERITS (top_trigger, client);;@super INSERT INTO kid (id, tel) VALUES (7, ''13800138015'');;@owner UPDATE top_trigger SET tel = tel'),
(75, 'CREATE, check of the other parent', '@owner CREATE TABLE kid () INHERITS (client, top_check);;@super INSERT INTO kid (id, tel) VALUES (7, ''13800138015'')'),
(76, 'code on a new partition', '@owner CREATE TABLE part3 PARTITION OF part FOR VALUES IN (3);;CREATE TRIGGER t BEFORE INSERT ON part3 FOR EACH ROW EXECUTE FUNCTION spy();;ALTER TABLE part3 ADD CHECK (peek(tel));;CREATE INDEX ON part3 (peek(tel));;CREATE POLICY p ON part3 USING (peek(tel));;CREATE RULE r AS ON INSERT TO part3 DO ALSO SELECT peek(new.tel);;@super INSERT INTO part VALUES (3, ''13800138015'', ''c'')'),
(77, 'code on a new table of encrypted values', '@owner CREATE TABLE mine (id int, mobile cipguard.enc_text(''mobile''));;CREATE TRIGGER t BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION spy();;@reader SELECT 1'),
(69, 'label after the code is there', '@owner CREATE TABLE mine (tel text);;CREATE POLICY p ON mine USING (peek(tel));;ALTER TABLE mine ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;;@super SECURITY LABEL FOR cipguard ON COLUMN mine.tel IS ''mobile'';;INSERT INTO mine VALUES (''x'');;@owner DROP POLICY p ON mine;;CREATE POLICY p ON mine USING (peek(tel))'),
(70, 'foreign key over a user''s cast', '@owner CREATE FUNCTION cast_addr(addr) RETURNS text LANGUAGE plpgsql IMMUTABLE AS ''BEGIN PERFORM peek(($1).city); RETURN 1; END'';;CREATE CAST (addr AS text) WITH FUNCTION cast_addr(addr) AS IMPLICIT;;CREATE TABLE pk (v text PRIMARY KEY);;ALTER TABLE client ADD FOREIGN KEY (adr) REFERENCES pk'),
(71, 'foreign key NOT VALID over a cast', '@owner CREATE FUNCTION cast_addr(addr) RETURNS text LANGUAGE plpgsql IMMUTABLE AS ''BEGIN PERFORM peek(($1).city); RETURN 1; END'';;CREATE CAST (addr AS text) WITH FUNCTION cast_addr(addr) AS IMPLICIT;;CREATE TABLE pk (v text PRIMARY KEY);;ALTER TABLE client ADD CONSTRAINT c FOREIGN KEY (adr) REFERENCES pk NOT VALID;;ALTER TABLE client VALIDATE CONSTRAINT c;;UPDATE client SET id = id + 10'),
(72, 'range type with subtype_diff', '@super SECURITY LABEL FOR cipguard ON COLUMN kept_range.r IS ''mobile'';;CREATE TABLE kept_text (r int4range);;SECURITY LABEL FOR cipguard ON COLUMN kept_text.r IS ''mobile'';;@owner SELECT 1'),
(80, 'publication', '@owner CREATE PUBLICATION regress_p FOR TABLE client;;CREATE PUBLICATION regress_p;;ALTER PUBLICATION regress_p ADD TABLE client, part;;ALTER PUBLICATION regress_p SET TABLE part1;;CREATE PUBLICATION regress_q FOR TABLES IN SCHEMA regress_rt'),
(81, 'CREATE SCHEMA with statements', '@owner CREATE SCHEMA regress_nested CREATE TABLE kid (CHECK (regress_evil.peek(tel))) INHERITS (regress_rt.client);;CREATE SCHEMA regress_nested CREATE VIEW v AS SELECT tel FROM regress_rt.client CREATE TABLE t (id int PRIMARY KEY);;SELECT tel FROM regress_nested.v'),
(82, 'ALTER POLICY', '@super CREATE POLICY p ON client USING (true);;@owner ALTER POLICY p ON client USING (peek(tel));;ALTER POLICY p ON client RENAME TO q;;ALTER TABLE client ENABLE ROW LEVEL SECURITY;;@clerk SELECT id FROM client'),
(83, 'event trigger', '@owner CREATE EVENT TRIGGER regress_e ON ddl_command_end EXECUTE FUNCTION spy()'),
(84, 'view replaced under a matview', '@reader CREATE VIEW v AS SELECT note AS t FROM client;;GRANT SELECT ON v TO PUBLIC;;@clerk CREATE OR REPLACE VIEW v AS SELECT tel::text AS t FROM client;;SELECT t FROM v'),
(85, 'function in DO and EXECUTE', '@owner DO $d$ BEGIN EXECUTE ''CREATE INDEX ON client (peek(tel))''; END $d$;;DO $d$ BEGIN EXECUTE ''CREATE TRIGGER t BEFORE UPDATE ON client FOR EACH ROW EXECUTE FUNCTION spy()''; END $d$;;CREATE FUNCTION f() RETURNS void LANGUAGE sql AS ''CREATE INDEX ON client (peek(tel))'';;SELECT f()'),
(86, 'renamed, then', '@owner ALTER TABLE client RENAME TO customer;;CREATE INDEX ON customer (peek(tel));;ALTER TABLE customer RENAME tel TO note2;;CREATE INDEX ON customer (peek(note2));;ALTER INDEX client_pkey RENAME TO x;;ALTER TABLE x ALTER COLUMN 1 SET STATISTICS 5'),
(87, 'ownership of a trigger function', '@super CREATE TRIGGER t BEFORE UPDATE ON client FOR EACH ROW EXECUTE FUNCTION ok_trigger();;@owner DROP FUNCTION ok_trigger();;DROP FUNCTION ok_trigger() CASCADE;;CREATE FUNCTION ok_trigger() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN PERFORM peek_row(NEW); RETURN NEW; END'';;@reader UPDATE client SET note = ''x'''),
(88, 'trigger on a masking view', '@owner SELECT cipguard.create_masking_view(''regress_rt.client'');;GRANT ALL ON client_masked TO PUBLIC;;CREATE TRIGGER t INSTEAD OF UPDATE ON client_masked FOR EACH ROW EXECUTE FUNCTION spy();;@reader UPDATE client_masked SET note = ''x'''),
(93, 'copies of a reader', '@reader CREATE TABLE a AS SELECT id, tel, born, big FROM client;;CREATE TABLE b AS TABLE client;;CREATE MATERIALIZED VIEW c AS SELECT max(tel) AS t FROM client;;CREATE TABLE d AS SELECT upper(tel) AS t, phones FROM client;;CREATE TABLE e AS WITH x AS (SELECT tel FROM client) SELECT (SELECT max(tel) FROM x) AS t UNION SELECT dom FROM client;;GRANT SELECT ON a, b, c, d, e TO PUBLIC;;@clerk SELECT a FROM a;;SELECT b FROM b;;SELECT c FROM c;;SELECT d FROM d;;SELECT e FROM e'),
(94, 'copies of a reader, whole rows', '@reader CREATE TABLE a AS SELECT to_jsonb(c) AS j FROM client c;;GRANT SELECT ON a TO PUBLIC;;@clerk SELECT * FROM a;;@reader CREATE TABLE b AS SELECT o AS r FROM other o;;GRANT SELECT ON b TO PUBLIC;;@clerk SELECT * FROM b'),
(95, 'copies of a reader, EXPLAIN and REFRESH', '@reader EXPLAIN ANALYZE CREATE TABLE a AS SELECT tel FROM client;;GRANT SELECT ON a TO PUBLIC;;@clerk SELECT * FROM a;;@reader CREATE MATERIALIZED VIEW b AS SELECT tel FROM client WITH NO DATA;;REFRESH MATERIALIZED VIEW b;;GRANT SELECT ON b TO PUBLIC;;@clerk SELECT * FROM b'),
(96, 'copies of a reader, EXECUTE', '@reader PREPARE p AS SELECT id, tel FROM client;;CREATE TABLE a AS EXECUTE p;;SET LOCAL plan_cache_mode = force_generic_plan;;EXECUTE p;;CREATE TABLE b AS EXECUTE p;;GRANT SELECT ON a, b TO PUBLIC;;@clerk SELECT * FROM a;;SELECT * FROM b'),
(97, 'copies of a reader, by EXECUTE in plpgsql', '@reader DO $d$ BEGIN EXECUTE ''CREATE TABLE a AS SELECT tel FROM client''; END $d$;;DO $d$ BEGIN CREATE TABLE c AS SELECT tel FROM client; END $d$;;GRANT SELECT ON a, c TO PUBLIC;;@clerk SELECT * FROM a;;SELECT * FROM c'),
(90, 'allowed: what shows nothing', '@owner ALTER TABLE client ADD x int DEFAULT 3;;CREATE INDEX ON client (tel);;ALTER TABLE client ALTER note SET NOT NULL;;ALTER TABLE client ADD UNIQUE (note);;CREATE TABLE u (id int) PARTITION BY LIST (id);;CREATE TABLE u1 (id int CHECK (id > 0));;ALTER TABLE u ATTACH PARTITION u1 DEFAULT;;CREATE TABLE fk (id int REFERENCES client (id));;INSERT INTO fk VALUES (1);;DELETE FROM client WHERE id = 3 AND false;;TRUNCATE plain'),
(91, 'allowed: triggers of readers', '@reader CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN NEW.note := upper(NEW.note); RETURN NEW; END'';;@owner CREATE TRIGGER t BEFORE UPDATE ON client FOR EACH ROW EXECUTE FUNCTION f();;UPDATE client SET note = ''x''')
) a (n, name, steps) ORDER BY n;
DROP FOREIGN DATA WRAPPER regress_nowhere CASCADE;
\i test/sql/redteam_end.inc

-- server: masked
-- Messages: no error that a role that may not read can provoke shows values of
-- protected tables, be it to a handler or to the client.  "safe" is what every
-- attempt must give, "LEAK" what the controls must.
-- redteam_errors_1.out is for servers that mask nothing.
\set ECHO none
SELECT current_setting('shared_preload_libraries') !~ 'cipguard' OR current_setting('cipguard.transparent_masking', true) = 'off' AS unmasked \gset
\if :unmasked
\echo needs a preloaded server
\quit
\endif
\i test/sql/redteam.inc
CREATE TABLE regress_rt.lists (tel varchar(20), note text) PARTITION BY LIST (tel);
SECURITY LABEL FOR cipguard ON COLUMN lists.tel IS 'mobile';
CREATE TABLE regress_rt.lists1 PARTITION OF lists FOR VALUES IN ('13800138151');
INSERT INTO lists VALUES ('13800138151', 'a');
CREATE TABLE regress_rt.rooms (tel varchar(20), n int, EXCLUDE USING btree (tel WITH =), EXCLUDE USING btree (n WITH =) DEFERRABLE);
SECURITY LABEL FOR cipguard ON COLUMN rooms.tel IS 'mobile';
INSERT INTO rooms VALUES ('13800138161', 1), ('13800138162', 2);
CREATE DOMAIN regress_rt.short AS text CHECK (length(VALUE) < 12);
CREATE TABLE regress_rt.kids (id int PRIMARY KEY, tel varchar(20) REFERENCES strict (tel) ON UPDATE CASCADE, n int, e cipguard.enc_text('mobile') UNIQUE, s short);
SECURITY LABEL FOR cipguard ON COLUMN kids.tel IS 'mobile';
INSERT INTO kids VALUES (1, '13800138121', 1, '13800138171', 'x');
CREATE TABLE regress_rt.late (id int PRIMARY KEY, note text, tel varchar(20) UNIQUE DEFERRABLE INITIALLY DEFERRED);
SECURITY LABEL FOR cipguard ON COLUMN late.tel IS 'mobile';
INSERT INTO late VALUES (1, 'a', '13800138181'), (2, 'b', '13800138182');
GRANT SELECT, INSERT, UPDATE, DELETE, REFERENCES ON lists, lists1, rooms, kids, late TO regress_cipguard_clerk, regress_cipguard_owner;
ALTER TABLE strict OWNER TO regress_cipguard_owner;
SELECT name, regress_rt.attempt(steps) FROM (VALUES
(1, 'control: value of one''s own', '@clerk SELECT (''138'' || ''00138011x'')::int'),
(2, 'control: message', '@control SELECT tel::int FROM client'),
(10, 'check', '@clerk UPDATE strict SET n = 9;;INSERT INTO strict VALUES (9, ''x'', ''x'', 9);;@owner UPDATE strict SET n = 9'),
(11, 'not null', '@clerk UPDATE strict SET note = NULL;;@owner UPDATE strict SET note = NULL WHERE id = 1'),
(12, 'unique', '@clerk INSERT INTO strict VALUES (9, ''138'' || ''00138121'', ''x'');;UPDATE strict SET id = 1 WHERE id = 2;;UPDATE strict SET tel = ''x'';;UPDATE client SET mobile = ''138'' || ''00138002'' WHERE id = 1'),
(13, 'unique, conflict elsewhere', '@clerk INSERT INTO strict VALUES (1, ''138'' || ''00138122'', ''x'') ON CONFLICT (id) DO UPDATE SET tel = excluded.tel;;INSERT INTO strict VALUES (9, ''138'' || ''00138122'', ''x'') ON CONFLICT (id) DO NOTHING'),
(14, 'exclusion', '@clerk UPDATE rooms SET n = 1;;INSERT INTO rooms VALUES (''138'' || ''00138161'', 9);;INSERT INTO rooms VALUES (''x'', 1);;SET CONSTRAINTS ALL IMMEDIATE'),
(15, 'deferred', '@clerk UPDATE late SET tel = ''x'';;SET CONSTRAINTS ALL IMMEDIATE'),
(16, 'deferred, old value', '@clerk INSERT INTO late VALUES (3, ''c'', ''138'' || ''00138181'');;SET CONSTRAINTS ALL IMMEDIATE'),
(17, 'foreign key', '@clerk UPDATE kids SET tel = ''x'';;INSERT INTO kids VALUES (2, ''x'');;DELETE FROM strict;;UPDATE strict SET tel = ''y'' WHERE id = 1'),
(18, 'foreign key of one''s own', '@clerk CREATE TABLE mine (tel varchar(20));;INSERT INTO mine VALUES (''x'');;ALTER TABLE mine ADD FOREIGN KEY (tel) REFERENCES strict (tel);;CREATE TABLE mine2 (tel varchar(20) REFERENCES strict (tel));;INSERT INTO mine2 VALUES (''y'');;@owner DELETE FROM strict'),
(19, 'foreign key of a protected column', '@owner CREATE TABLE pk (tel varchar(20) PRIMARY KEY);;ALTER TABLE strict ADD FOREIGN KEY (tel) REFERENCES pk'),
(20, 'partition', '@clerk INSERT INTO lists VALUES (''x'');;UPDATE lists SET tel = ''y'';;UPDATE lists1 SET tel = ''y'';;UPDATE part SET id = 9;;UPDATE part1 SET id = 9'),
(21, 'partition, attached and detached', '@owner CREATE TABLE part3 (id int, tel varchar(20), note text);;INSERT INTO part3 VALUES (9, ''x'');;ALTER TABLE part ATTACH PARTITION part3 FOR VALUES IN (3);;CREATE TABLE part9 PARTITION OF part DEFAULT'),
(22, 'view with check option', '@clerk CREATE VIEW v AS SELECT * FROM strict WHERE n < 3 WITH CHECK OPTION;;UPDATE v SET n = 4;;INSERT INTO v VALUES (9, ''x'', ''x'', 4);;CREATE VIEW w AS SELECT * FROM v WHERE note = ''a'' WITH CASCADED CHECK OPTION;;UPDATE w SET note = ''z'''),
(23, 'policy', '@super CREATE POLICY p ON strict USING (true) WITH CHECK (n < 3);;ALTER TABLE strict ENABLE ROW LEVEL SECURITY;;@clerk UPDATE strict SET n = 4;;INSERT INTO strict VALUES (9, ''x'', ''x'', 4);;INSERT INTO strict VALUES (1, ''x'', ''x'', 1) ON CONFLICT (id) DO UPDATE SET n = 4'),
(24, 'cardinality', '@clerk MERGE INTO strict s USING (VALUES (1), (1)) v (i) ON s.id = v.i WHEN MATCHED THEN UPDATE SET note = ''x'';;INSERT INTO strict (id, note) VALUES (1, ''x''), (1, ''y'') ON CONFLICT (id) DO UPDATE SET note = ''z'';;SELECT (SELECT tel FROM strict)'),
(30, 'handler', '@clerk CREATE FUNCTION f(s text) RETURNS text LANGUAGE plpgsql AS $f$ DECLARE a text; b text; c text; d text; BEGIN EXECUTE s; RETURN ''done''; EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS a = MESSAGE_TEXT, b = PG_EXCEPTION_DETAIL, c = PG_EXCEPTION_CONTEXT, d = PG_EXCEPTION_HINT; PERFORM peek(concat(a, b, c, d)); RETURN concat(a, b, c, d); END $f$;;SELECT f(''UPDATE strict SET n = 9'');;SELECT f(''UPDATE strict SET note = NULL'');;SELECT f(''UPDATE strict SET id = 1'');;SELECT f(''UPDATE part SET id = 9'');;SELECT f(''UPDATE late SET tel = $$x$$; SET CONSTRAINTS ALL IMMEDIATE'');;SELECT f(''UPDATE kids SET tel = $$x$$'');;SELECT f(''UPDATE rooms SET n = 1'')'),
(31, 'handler around deferred', '@clerk SET CONSTRAINTS ALL DEFERRED;;DO $d$ DECLARE t text; BEGIN UPDATE late SET tel = ''x''; SET CONSTRAINTS ALL IMMEDIATE; EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS t = PG_EXCEPTION_DETAIL; PERFORM peek(t); RAISE; END $d$'),
(32, 'handler in a trigger', '@clerk CREATE TABLE mine (id int);;CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $t$ DECLARE d text; BEGIN UPDATE strict SET n = 9; RETURN NEW; EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL; PERFORM peek(d); RETURN NEW; END $t$;;CREATE TRIGGER t BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION t();;INSERT INTO mine VALUES (1)'),
(33, 'definer of a reader fails', '@reader CREATE FUNCTION f() RETURNS void LANGUAGE sql SECURITY DEFINER AS ''UPDATE strict SET n = 9'';;@clerk SELECT f();;DO $d$ DECLARE t text; BEGIN PERFORM f(); EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS t = PG_EXCEPTION_DETAIL; PERFORM peek(t); RAISE; END $d$'),
(40, 'CREATE UNIQUE INDEX', '@owner CREATE UNIQUE INDEX ON strict (n, tel);;CREATE UNIQUE INDEX ON strict (n);;ALTER TABLE strict ADD UNIQUE (note);;ALTER TABLE strict ADD EXCLUDE (n WITH =);;@super INSERT INTO client (id, tel) VALUES (8, ''13800138011'');;@owner CREATE UNIQUE INDEX ON client (tel);;ALTER TABLE client ADD UNIQUE (tel);;ALTER TABLE client ADD EXCLUDE (tel WITH =);;REINDEX TABLE client'),
(41, 'SET NOT NULL, VALIDATE', '@owner ALTER TABLE strict ALTER late SET NOT NULL;;ALTER TABLE strict ADD CHECK (n < 1);;ALTER TABLE strict ADD CONSTRAINT c CHECK (n < 1) NOT VALID;;ALTER TABLE strict VALIDATE CONSTRAINT c'),
(42, 'materialized view with duplicates', '@owner CREATE MATERIALIZED VIEW m AS SELECT n, tel FROM strict WITH NO DATA;;CREATE UNIQUE INDEX ON m (n);;REFRESH MATERIALIZED VIEW m;;DROP MATERIALIZED VIEW m;;CREATE MATERIALIZED VIEW m AS SELECT id, n, tel FROM strict;;CREATE UNIQUE INDEX ON m (id);;INSERT INTO strict VALUES (7, ''x'', ''x'');;REFRESH MATERIALIZED VIEW CONCURRENTLY m'),
(43, 'materialized view of a reader, concurrently', '@super CREATE VIEW v AS SELECT tel FROM strict UNION ALL SELECT tel FROM strict WHERE n = 2;;ALTER VIEW v OWNER TO regress_cipguard_reader;;GRANT SELECT ON v TO PUBLIC;;@clerk CREATE MATERIALIZED VIEW m AS SELECT * FROM v;;CREATE UNIQUE INDEX ON m (tel);;@super UPDATE strict SET n = 2;;@clerk REFRESH MATERIALIZED VIEW CONCURRENTLY m;;REFRESH MATERIALIZED VIEW m'),
(50, 'casts', '@clerk SELECT tel::int, dom::int FROM client;;SELECT born::text::int FROM client;;SELECT mobile::text::int FROM client;;SELECT doc::text::int FROM client;;SELECT tags::int[] FROM client;;SELECT adr::text::int FROM client;;INSERT INTO plain (id) SELECT tel::int FROM client;;UPDATE plain SET id = (SELECT max(tel)::int FROM client)'),
(51, 'domain check', '@clerk SELECT (tel || ''xx'')::short FROM client;;INSERT INTO kids (id, s) SELECT id + 50, tel || ''xx'' FROM client;;UPDATE kids SET s = ''much too long for it'''),
(52, 'type input', '@clerk SELECT tel::xml, tel::json FROM client;;SELECT tel::uuid FROM client;;SELECT xmlparse(document tel) FROM client;;SELECT tel::regproc FROM client;;SELECT json_populate_record(NULL::kids, to_json(c)) FROM client c;;SELECT tel::jsonpath FROM client;;SELECT tel::tsquery FROM client'),
(53, 'value too long', '@clerk CREATE TABLE mine (t varchar(3));;INSERT INTO mine SELECT tel FROM client;;INSERT INTO mine SELECT mobile::text FROM client;;UPDATE client SET tel = tel || ''much too long for the column'''),
(54, 'invalid values for an encrypted column', '@clerk UPDATE client SET mobile = ''x'';;INSERT INTO other (id, mobile) VALUES (50, ''12'');;UPDATE client SET mobile = ''cip1:AAAA'';;UPDATE client SET mobile = note'),
(55, 'policy that casts', '@super CREATE POLICY p ON client TO regress_cipguard_clerk USING (tel::bigint > 0 AND dom::int > 0);;CREATE POLICY q ON client TO regress_cipguard_reader USING (true);;ALTER TABLE client ENABLE ROW LEVEL SECURITY;;@clerk SELECT id FROM client'),
(56, 'check that casts', '@super ALTER TABLE client ADD CHECK (note <> ''z'' OR tel::int > 0);;@clerk UPDATE client SET note = ''z'''),
(57, 'index that casts', '@super CREATE INDEX ON client ((tel::int)) WHERE note = ''z'';;@clerk UPDATE client SET note = ''z'''),
(58, 'names that were swapped', '@super CREATE SCHEMA regress_a AUTHORIZATION regress_cipguard_owner;;CREATE SCHEMA regress_b AUTHORIZATION regress_cipguard_owner;;CREATE TABLE regress_a.t (id int, tel text, n int CHECK (n < 5));;ALTER TABLE regress_a.t OWNER TO regress_cipguard_owner;;SECURITY LABEL FOR cipguard ON COLUMN regress_a.t.tel IS ''mobile'';;INSERT INTO regress_a.t VALUES (1, ''13800138011'', 1);;@owner CREATE TABLE regress_b.t (id int);;SELECT * FROM regress_b.t;;SELECT count(*) FROM regress_a.t;;UPDATE regress_a.t SET n = 9;;ALTER SCHEMA regress_b RENAME TO regress_c;;ALTER SCHEMA regress_a RENAME TO regress_b;;UPDATE regress_b.t SET n = 9'),
(59, 'table renamed to a plain one''s name', '@owner CREATE TABLE regress_rt.calm (id int);;SELECT * FROM calm;;SELECT count(*) FROM strict;;DROP TABLE calm;;ALTER TABLE strict RENAME TO calm;;UPDATE calm SET n = 9'),
(60, 'temporary table of the same name', '@clerk CREATE TEMP TABLE strict (id int);;SELECT * FROM strict;;UPDATE regress_rt.strict SET n = 9'),
(61, 'RAISE', '@clerk DO $d$ BEGIN RAISE EXCEPTION USING MESSAGE = (SELECT max(tel) FROM client), DETAIL = (SELECT max(dom) FROM client), SCHEMA = ''x'', TABLE = ''y''; END $d$')
) a (n, name, steps) ORDER BY n;

-- What is only found at the end of a transaction, on its way to the client.
SET ROLE regress_cipguard_clerk;
UPDATE late SET tel = 'x';
BEGIN;
INSERT INTO late VALUES (3, 'c', '138' || '00138181');
COMMIT;
CREATE PROCEDURE p() LANGUAGE plpgsql AS $$
BEGIN
	UPDATE late SET tel = 'x';
	COMMIT;
END
$$;
CALL p();
DO $$ BEGIN UPDATE late SET tel = 'x'; COMMIT; END $$;
-- In a session that has not looked at the table before.
RESET ROLE;
\c :db
SET search_path = regress_evil, regress_rt;
SET ROLE regress_cipguard_clerk;
UPDATE strict SET n = 9;
\c :db
SET search_path = regress_evil, regress_rt;
SET ROLE regress_cipguard_clerk;
COPY strict (id, note, n) FROM stdin;
9	x	9
\.
COPY strict (id, note, tel) FROM stdin;
9	x	x
1	x	y
\.
\i test/sql/redteam_end.inc

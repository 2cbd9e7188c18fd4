-- Attempts to change an audited table without an event, to change the log, or
-- to stop the audit.  Each is refused, or leaves an event; afterwards the
-- triggers are in force, and no event is gone.
\set ECHO none
SET client_min_messages = error;
CREATE SCHEMA regress_ra;
CREATE SCHEMA regress_ra_evil;
CREATE ROLE regress_cipguard_owner;
CREATE ROLE regress_cipguard_clerk;
GRANT USAGE, CREATE ON SCHEMA regress_ra, regress_ra_evil TO regress_cipguard_owner, regress_cipguard_clerk;
GRANT USAGE ON SCHEMA test TO regress_cipguard_owner, regress_cipguard_clerk;
SELECT current_user AS super \gset
SET search_path = regress_ra, pg_temp;
SET ROLE regress_cipguard_owner;
CREATE TABLE client (id int PRIMARY KEY, v text, n int GENERATED ALWAYS AS (id + 1) STORED);
CREATE TABLE line (id int PRIMARY KEY, client int REFERENCES client ON UPDATE CASCADE ON DELETE SET NULL);
CREATE TABLE part (id int, k text) PARTITION BY LIST (k);
CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a');
CREATE TABLE part_b PARTITION OF part FOR VALUES IN ('b');
CREATE TABLE spare (id int, k text);
INSERT INTO client SELECT g, 'v' FROM generate_series(1, 3) g;
INSERT INTO line SELECT g, g FROM generate_series(1, 3) g;
INSERT INTO part VALUES (1, 'a'), (2, 'b');
CREATE VIEW v AS SELECT * FROM client;
GRANT ALL ON client, line, part, part_a, v TO regress_cipguard_clerk;
RESET ROLE;
SELECT count(cipguard.audit_table(t)) AS audited FROM unnest(ARRAY['client', 'line', 'part']::regclass[]) t \gset

-- What becomes of statements, each by itself; "@role" first changes the role.
-- All is rolled back.
CREATE FUNCTION attempt(statements text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	statement text;
	outcome text := '';
	role text := session_user;
	seqs bigint[] := (SELECT array_agg(seq) FROM cipguard.audit_event);
	last bigint := (SELECT max(seq) FROM cipguard.audit_event);
	found text;
	lost bigint;
BEGIN
	FOREACH statement IN ARRAY string_to_array(statements, ';;') LOOP
		BEGIN
			IF statement LIKE '@%' THEN
				role := substr(split_part(statement, ' ', 1), 2);
				role := CASE role WHEN 'owner' THEN 'regress_cipguard_owner' WHEN 'clerk' THEN 'regress_cipguard_clerk' ELSE session_user END;
				statement := substr(statement, strpos(statement, ' ') + 1);
			END IF;
			EXECUTE format('SET LOCAL ROLE %I', role);
			EXECUTE statement;
			SET LOCAL ROLE NONE;
		EXCEPTION WHEN OTHERS THEN
			outcome := outcome || SQLSTATE || ' ';
		END;
		SET LOCAL ROLE NONE;
	END LOOP;
	SELECT string_agg(DISTINCT lower(e.action), ', ') INTO found FROM cipguard.audit_log e WHERE e.seq > last AND e.action <> ALL (ARRAY['EVENT', 'REFUSED', 'DISCLOSURE', 'LOGIN']);
	SELECT count(*) INTO lost FROM unnest(seqs) s WHERE NOT EXISTS (SELECT FROM cipguard.audit_event e WHERE e.seq = s);
	IF lost > 0 THEN
		outcome := outcome || 'EVENTS ARE LOST ';
	END IF;
	IF (SELECT count(*) FILTER (WHERE a.rows AND a.truncates) FROM cipguard.audited_tables a WHERE a.relation::text ~ '^(regress_ra\.)?(client|line|part|part_a|part_b)$') < 5 THEN
		outcome := outcome || 'TRIGGERS ARE GONE ';
	END IF;
	IF outcome = '' AND found IS NULL THEN
		outcome := 'NOTHING IS KNOWN OF IT';
	END IF;
	outcome := outcome || coalesce('event: ' || found, '');
	RAISE EXCEPTION USING ERRCODE = 'RT000', MESSAGE = outcome;
EXCEPTION WHEN SQLSTATE 'RT000' THEN
	RETURN trim(SQLERRM);
END
$$;
SELECT no, name, attempt(statements) AS outcome FROM (VALUES
(1, 'all triggers disabled', '@owner ALTER TABLE client DISABLE TRIGGER ALL;;UPDATE client SET v = ''x'''),
(2, 'one disabled', '@super ALTER TABLE client DISABLE TRIGGER cipguard_audit_row;;UPDATE client SET v = ''x'''),
(3, 'dropped', '@owner DROP TRIGGER cipguard_audit_row ON client;;UPDATE client SET v = ''x'''),
(4, 'dropped from a partition', '@super DROP TRIGGER cipguard_audit_row ON part_a;;UPDATE part_a SET id = 5'),
(5, 'disabled on a partition', '@owner ALTER TABLE part_a DISABLE TRIGGER USER;;UPDATE part_a SET id = 5'),
(6, 'renamed', '@super ALTER TRIGGER cipguard_audit_row ON client RENAME TO x;;UPDATE client SET v = ''x'''),
(7, 'replaced', '@super CREATE OR REPLACE TRIGGER cipguard_audit_row AFTER DELETE ON client FOR EACH ROW WHEN (false) EXECUTE FUNCTION cipguard.audit_row();;UPDATE client SET v = ''x'''),
(8, 'for the replica role only', '@super ALTER TABLE client ENABLE REPLICA TRIGGER cipguard_audit_row;;UPDATE client SET v = ''x'''),
(9, 'replica role', '@super SET LOCAL session_replication_role = replica;;UPDATE client SET v = ''x'''),
(10, 'replica role by function', '@super SELECT set_config(''session_replication_role'', ''replica'', true);;DELETE FROM client'),
(11, 'catalog row', '@super UPDATE pg_trigger SET tgenabled = ''D'';;UPDATE client SET v = ''x'''),
(12, 'catalog row with table mods', '@super SET LOCAL allow_system_table_mods = on;;UPDATE pg_trigger SET tgenabled = ''D'';;UPDATE client SET v = ''x'''),
(13, 'catalog row in DO', '@super DO ''BEGIN DELETE FROM pg_trigger; END'';;UPDATE client SET v = ''x'''),
(14, 'catalog row in a CTE', '@super WITH d AS (DELETE FROM pg_trigger RETURNING 1) SELECT count(*) FROM d'),
(15, 'catalog row by MERGE', '@super MERGE INTO pg_trigger t USING (VALUES (1)) x ON true WHEN MATCHED THEN DELETE'),
(16, 'pg_class: no triggers', '@super UPDATE pg_class SET relhastriggers = false WHERE oid = ''regress_ra.client''::regclass;;UPDATE client SET v = ''x'''),
(17, 'pg_proc: another body', '@super UPDATE pg_proc SET prosrc = ''cipguard_preloaded'' WHERE proname = ''audit_row'''),
(18, 'pg_depend: no member any more', '@super DELETE FROM pg_depend WHERE deptype = ''e'';;DROP FUNCTION cipguard.audit_row() CASCADE'),
(19, 'catalog view', '@super UPDATE pg_settings SET setting = ''replica'' WHERE name = ''session_replication_role'';;UPDATE client SET v = ''x'''),
(20, 'function replaced', '@super CREATE OR REPLACE FUNCTION cipguard.audit_row() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NULL; END'''),
(21, 'function dropped', '@super DROP FUNCTION cipguard.audit_row() CASCADE;;UPDATE client SET v = ''x'''),
(22, 'function taken out and dropped', '@super ALTER EXTENSION cipguard DROP FUNCTION cipguard.audit_row();;DROP FUNCTION cipguard.audit_row() CASCADE'),
(23, 'extension dropped', '@super DROP EXTENSION cipguard CASCADE;;UPDATE client SET v = ''x'''),
(24, 'what it requires dropped', '@super DROP EXTENSION pgcrypto CASCADE'),
(25, 'log truncated', '@super TRUNCATE cipguard.audit_event'),
(26, 'log deleted', '@super DELETE FROM cipguard.audit_event;;DELETE FROM cipguard.audit_change'),
(27, 'log changed', '@super UPDATE cipguard.audit_event SET cur_role = ''somebody'''),
(28, 'log by MERGE', '@super MERGE INTO cipguard.audit_session s USING (VALUES (1)) x ON true WHEN MATCHED THEN DELETE'),
(29, 'event forged', '@super INSERT INTO cipguard.audit_event SELECT * FROM cipguard.audit_event LIMIT 1'),
(30, 'protection of the log disabled', '@super ALTER TABLE cipguard.audit_change DISABLE TRIGGER ALL;;DELETE FROM cipguard.audit_change'),
(31, 'partition of the log dropped', format('@super DROP TABLE cipguard.audit_change_%s', to_char(now() AT TIME ZONE 'UTC', 'YYYYMM'))),
(32, 'partition of the log detached', format('@super ALTER TABLE cipguard.audit_change DETACH PARTITION cipguard.audit_change_%s', to_char(now() AT TIME ZONE 'UTC', 'YYYYMM'))),
(33, 'rule on the log', '@super CREATE RULE r AS ON INSERT TO cipguard.audit_session DO INSTEAD NOTHING;;UPDATE client SET v = ''x'''),
(34, 'trigger on the log', '@super CREATE TRIGGER t BEFORE INSERT ON cipguard.audit_session FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();;UPDATE client SET v = ''x'''),
(35, 'view of the log replaced', '@super ALTER VIEW cipguard.audit_log RENAME TO old'),
(36, 'log given away', '@super ALTER TABLE cipguard.audit_session OWNER TO regress_cipguard_owner'),
(37, 'table dropped', '@owner DROP TABLE line;;DROP TABLE client CASCADE'),
(38, 'schema dropped', '@super DROP SCHEMA regress_ra CASCADE'),
(39, 'owned dropped', '@super DROP OWNED BY regress_cipguard_owner CASCADE'),
(40, 'owned reassigned', '@super REASSIGN OWNED BY regress_cipguard_owner TO regress_cipguard_clerk;;@clerk UPDATE client SET v = ''x'''),
(41, 'type of a column', '@owner ALTER TABLE client ALTER COLUMN v TYPE text USING ''rewritten'''),
(42, 'column dropped and added', '@owner ALTER TABLE client DROP COLUMN v, ADD COLUMN v text DEFAULT ''x'''),
(43, 'generated column', '@owner ALTER TABLE client ALTER COLUMN n DROP EXPRESSION;;UPDATE client SET n = 9'),
(44, 'unlogged', '@owner ALTER TABLE client SET UNLOGGED'),
(45, 'rule instead', '@owner CREATE RULE r AS ON UPDATE TO client DO INSTEAD NOTHING;;UPDATE client SET v = ''x'''),
(46, 'rule on a view', '@owner CREATE RULE r AS ON UPDATE TO v DO INSTEAD UPDATE client SET v = ''x'';;UPDATE v SET v = ''y'''),
(47, 'partition detached, changed, attached', '@owner ALTER TABLE part DETACH PARTITION part_a;;UPDATE part_a SET id = 7;;ALTER TABLE part ATTACH PARTITION part_a FOR VALUES IN (''a'')'),
(48, 'partition exchanged', '@owner ALTER TABLE spare ADD CHECK (k = ''c'');;INSERT INTO spare VALUES (9, ''c'');;ALTER TABLE part ATTACH PARTITION spare FOR VALUES IN (''c'')'),
(49, 'partition made, filled', '@owner CREATE TABLE part_c PARTITION OF part FOR VALUES IN (''c'');;INSERT INTO part_c VALUES (3, ''c'');;TRUNCATE part_c'),
(50, 'partition written directly', '@clerk INSERT INTO part_a VALUES (8, ''a'');;UPDATE part_a SET id = 9;;DELETE FROM part_a'),
(51, 'row moved', '@clerk UPDATE part SET k = ''b'''),
(52, 'child made, filled', '@owner CREATE TABLE kid () INHERITS (client);;INSERT INTO kid VALUES (9)'),
(53, 'renamed', '@owner ALTER TABLE client RENAME TO other;;UPDATE other SET v = ''x'';;ALTER TABLE other RENAME TO client'),
(54, 'moved to another schema', '@owner ALTER TABLE client SET SCHEMA regress_ra_evil;;UPDATE regress_ra_evil.client SET v = ''x'';;ALTER TABLE regress_ra_evil.client SET SCHEMA regress_ra'),
(55, 'a table of its name before it', '@owner CREATE TEMP TABLE client (id int);;UPDATE regress_ra.client SET v = ''x'''),
(56, 'MERGE', '@clerk MERGE INTO client c USING (VALUES (1)) x (id) ON c.id = x.id WHEN MATCHED THEN UPDATE SET v = ''m'' WHEN NOT MATCHED THEN INSERT VALUES (x.id)'),
(57, 'ON CONFLICT', '@clerk INSERT INTO client VALUES (1, ''x'') ON CONFLICT (id) DO UPDATE SET v = ''c'''),
(58, 'cascade', '@clerk UPDATE client SET id = id + 10 WHERE id = 1;;DELETE FROM client WHERE id = 2'),
(59, 'TRUNCATE', '@clerk TRUNCATE client CASCADE'),
(60, 'through a view', '@clerk UPDATE v SET v = ''x'''),
(61, 'SECURITY DEFINER', '@owner CREATE FUNCTION definer() RETURNS void LANGUAGE sql SECURITY DEFINER AS ''UPDATE regress_ra.client SET v = 1'';;@clerk SELECT regress_ra.definer()'),
(62, 'DO', '@clerk DO ''BEGIN UPDATE regress_ra.client SET v = 2; END'''),
(63, 'SET ROLE', '@super SET LOCAL ROLE regress_cipguard_clerk;;UPDATE client SET v = ''x'''),
(64, 'error caught', '@clerk DO ''BEGIN BEGIN UPDATE regress_ra.client SET v = 3; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN UPDATE regress_ra.client SET v = 4; END; END'''),
(65, 'names in the way', '@owner SET LOCAL search_path = regress_ra_evil, pg_catalog;;CREATE FUNCTION regress_ra_evil.audit_row() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NULL; END'';;UPDATE regress_ra.client SET v = ''x'''),
(66, 'trigger that swallows', '@owner CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NULL; END'';;CREATE TRIGGER a BEFORE UPDATE ON client FOR EACH ROW EXECUTE FUNCTION swallow();;UPDATE client SET v = ''x'''),
(67, 'deferred trigger on the way', '@owner CREATE CONSTRAINT TRIGGER z AFTER UPDATE ON client DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();;SET CONSTRAINTS ALL DEFERRED;;DROP TRIGGER z ON client;;UPDATE client SET v = ''x'''),
(68, 'event trigger that disables while we act', '@super CREATE FUNCTION disable() RETURNS event_trigger LANGUAGE plpgsql AS ''BEGIN ALTER TABLE regress_ra.client DISABLE TRIGGER ALL; END'';;CREATE EVENT TRIGGER regress_cipguard_ra ON ddl_command_end WHEN TAG IN (''CREATE TRIGGER'') EXECUTE FUNCTION disable();;ALTER EVENT TRIGGER regress_cipguard_ra ENABLE ALWAYS;;SELECT cipguard.audit_table(''regress_ra.spare'');;UPDATE client SET v = ''x'''),
(69, 'event trigger that writes catalogs while we act', '@super CREATE FUNCTION disable() RETURNS event_trigger LANGUAGE plpgsql AS ''BEGIN UPDATE pg_trigger SET tgenabled = chr(68)::"char"; END'';;CREATE EVENT TRIGGER regress_cipguard_ra ON ddl_command_end WHEN TAG IN (''CREATE TRIGGER'') EXECUTE FUNCTION disable();;ALTER EVENT TRIGGER regress_cipguard_ra ENABLE ALWAYS;;SELECT cipguard.audit_table(''regress_ra.spare'')'),
(70, 'our event triggers disabled', '@super ALTER EVENT TRIGGER cipguard_audit_new_tables DISABLE;;ALTER EVENT TRIGGER cipguard_after_ddl DISABLE'),
(71, 'audit ended by the owner', '@owner SELECT cipguard.unaudit_table(''regress_ra.client'');;UPDATE client SET v = ''x'''),
(72, 'by a superuser', '@super SELECT cipguard.unaudit_table(''regress_ra.client'');;UPDATE client SET v = ''x'''),
(73, 'window by a superuser', '@super SELECT cipguard.open_maintenance(''me'')'),
(74, 'window by one who makes himself an officer', '@super GRANT cipguard_officer TO CURRENT_USER;;SELECT cipguard.open_maintenance(''me'');;ALTER TABLE client ALTER COLUMN v TYPE text USING ''x'''),
(75, 'window forged', '@super INSERT INTO cipguard.maintenance SELECT 1, now(), ''x'', ''x'', ''x'', now() + interval ''1 hour'''),
(76, 'role of the log', '@super ALTER ROLE cipguard_auditor RENAME TO other;;DROP ROLE cipguard_auditor'),
(77, 'row security on the log', '@super ALTER TABLE cipguard.audit_event ENABLE ROW LEVEL SECURITY'),
(78, 'access method', '@owner ALTER TABLE client SET ACCESS METHOD heap;;UPDATE client SET v = ''x'''),
(79, 'subject label taken away', '@owner SECURITY LABEL FOR cipguard ON COLUMN client.id IS ''subject'';;@super SECURITY LABEL FOR cipguard ON COLUMN client.id IS ''subject'';;SECURITY LABEL FOR cipguard ON COLUMN client.id IS NULL')
) a (no, name, statements) ORDER BY no;
SET ROLE cipguard_officer;
SELECT cipguard.open_maintenance('end of test') IS NOT NULL AS opened;
RESET ROLE;
DROP SCHEMA regress_ra, regress_ra_evil CASCADE;
SET ROLE cipguard_officer;
SELECT cipguard.close_maintenance();
RESET ROLE;
REVOKE USAGE ON SCHEMA test FROM regress_cipguard_owner, regress_cipguard_clerk;
DROP ROLE regress_cipguard_owner, regress_cipguard_clerk;

-- The guard: what the audit stands on is out of reach, but for a recorded
-- maintenance window; and what is recorded besides changes of rows.
CREATE SCHEMA guarded;
GRANT USAGE ON SCHEMA guarded TO PUBLIC;
CREATE ROLE regress_cipguard_owner;
CREATE ROLE regress_cipguard_clerk;
CREATE ROLE regress_cipguard_officer IN ROLE cipguard_officer;
GRANT CREATE ON SCHEMA guarded TO regress_cipguard_owner;
SET search_path = guarded, pg_temp;
SET client_min_messages = warning;

-- Notes since the last call; names of monthly partitions are not the same
-- next month.
CREATE FUNCTION notes(OUT action text, OUT relation text, OUT who text, OUT detail text)
RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
	RETURN QUERY SELECT e.action, e.relation,
			CASE WHEN e.cur_role = session_user THEN 'super' ELSE replace(e.cur_role, 'regress_cipguard_', '') END,
			replace(regexp_replace(e.detail, '_\d{6}', '_YYYYMM', 'g'), session_user, 'super')
		FROM cipguard.audit_log e
		WHERE e.seq > coalesce(nullif(current_setting('guarded.mark', true), ''), '0')::bigint AND e.detail IS NOT NULL
			AND e.action <> ALL (ARRAY['EVENT', 'REFUSED', 'DISCLOSURE', 'LOGIN'])
		ORDER BY e.seq;
	PERFORM set_config('guarded.mark', coalesce((SELECT max(seq) FROM cipguard.audit_event), 0)::text, false);
END
$$;
SELECT count(*) >= 0 AS begin FROM notes();

-- 1. Windows
SELECT test.error_of('SELECT cipguard.open_maintenance(''superusers are no officers'')'), test.error_of('SELECT cipguard.close_maintenance()');
SET ROLE regress_cipguard_clerk;
SELECT cipguard.open_maintenance('clerk');
SELECT cipguard.close_maintenance();
SELECT cipguard.policy_statement();
SELECT * FROM cipguard.maintenance_windows;
RESET ROLE;
SET ROLE regress_cipguard_officer;
SELECT cipguard.close_maintenance();
SELECT test.error_of(s) FROM unnest(ARRAY[
	'SELECT cipguard.open_maintenance(NULL)',
	'SELECT cipguard.open_maintenance('' '')',
	'SELECT cipguard.open_maintenance(repeat(''x'', 1001))',
	'SELECT cipguard.open_maintenance(''x'', NULL)',
	'SELECT cipguard.open_maintenance(''x'', 0)',
	'SELECT cipguard.open_maintenance(''x'', 121)',
	'SELECT cipguard.open_maintenance(''x'', 1, 0::regclass)']) s;
SELECT cipguard.open_maintenance(E'two\nlines', 120) - now() BETWEEN interval '119 min' AND interval '121 min' AS until;
SELECT cipguard.open_maintenance(repeat('x', 1000), 1) IS NOT NULL AS long;
SELECT left(reason, 10) AS reason, relation, opened_by = session_user AS by_login, until > opened_at AS later, closed_at IS NULL AS not_closed, open FROM cipguard.maintenance_windows WHERE open ORDER BY id;
SELECT cipguard.close_maintenance();
SELECT count(*) FROM cipguard.maintenance_windows WHERE open;
RESET ROLE;
-- only the functions write the table
SELECT test.error_of(s) FROM unnest(ARRAY[
	'INSERT INTO cipguard.maintenance SELECT * FROM cipguard.maintenance',
	'UPDATE cipguard.maintenance SET until = now() + interval ''1 hour''',
	'DELETE FROM cipguard.maintenance',
	'TRUNCATE cipguard.maintenance']) s;
SELECT action, who, left(detail, 20) AS detail FROM notes() WHERE action LIKE 'MAINTENANCE%';

-- 2. What is refused, to owners and superusers
SET ROLE regress_cipguard_owner;
CREATE TABLE client (id int PRIMARY KEY, name text, phone text, n int DEFAULT 1);
CREATE TABLE part (id int, k text) PARTITION BY LIST (k);
CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a');
CREATE TABLE top (id int);
CREATE TABLE kid () INHERITS (top);
CREATE TYPE mood AS ENUM ('good');
CREATE TABLE moody (id int, m mood);
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
RESET ROLE;
SELECT count(cipguard.audit_table(t)) AS audited FROM unnest(ARRAY['client', 'part', 'top', 'moody']::regclass[]) t;
INSERT INTO client VALUES (1, 'Li');
CREATE FUNCTION refused(s text) RETURNS text LANGUAGE sql AS $$ SELECT regexp_replace(test.error_of('SET LOCAL search_path = guarded; ' || s), '_\d{6}', '_YYYYMM', 'g') $$;
SET ROLE regress_cipguard_owner;
SELECT test.error_of(s) FROM unnest(ARRAY[
	'ALTER TABLE guarded.client DISABLE TRIGGER ALL',
	'DROP TABLE guarded.client',
	'DROP TRIGGER cipguard_audit_row ON guarded.client',
	'SELECT cipguard.unaudit_table(''guarded.client'')']) s;
RESET ROLE;
\set VERBOSITY terse
SELECT refused(s) FROM unnest(ARRAY[
	'ALTER TABLE client DISABLE TRIGGER ALL',
	'ALTER TABLE client DISABLE TRIGGER USER',
	'ALTER TABLE client DISABLE TRIGGER cipguard_audit_truncate',
	'ALTER TABLE client ENABLE TRIGGER cipguard_audit_row',
	'ALTER TABLE client ENABLE REPLICA TRIGGER cipguard_audit_row',
	'ALTER TABLE part_a DISABLE TRIGGER cipguard_audit_row',
	'ALTER TABLE ONLY part DISABLE TRIGGER cipguard_audit_row',
	'ALTER TABLE top DISABLE TRIGGER ALL',
	'ALTER TRIGGER cipguard_audit_row ON client RENAME TO other',
	'ALTER TRIGGER cipguard_audit_row ON client DEPENDS ON EXTENSION plpgsql',
	'DROP TRIGGER cipguard_audit_row ON client',
	'CREATE OR REPLACE TRIGGER cipguard_audit_row AFTER INSERT ON client FOR EACH ROW EXECUTE FUNCTION nothing()',
	'CREATE OR REPLACE TRIGGER cipguard_audit_row AFTER INSERT ON client FOR EACH ROW WHEN (false) EXECUTE FUNCTION cipguard.audit_row()',
	'DROP TABLE client',
	'DROP TABLE part_a',
	'DROP SCHEMA guarded CASCADE',
	'DROP OWNED BY regress_cipguard_owner CASCADE',
	'DROP TYPE mood CASCADE',
	'ALTER TABLE client DROP COLUMN name',
	'ALTER TABLE client ALTER COLUMN name TYPE text USING ''x''',
	'ALTER TABLE top ALTER COLUMN id TYPE bigint USING 0',
	'ALTER TABLE moody ALTER COLUMN id TYPE guarded.mood',
	'ALTER TABLE client SET UNLOGGED',
	'CREATE RULE r AS ON UPDATE TO client DO INSTEAD NOTHING',
	'ALTER TABLE part DETACH PARTITION part_a',
	'ALTER TABLE part DETACH PARTITION part_a CONCURRENTLY',
	'ALTER TABLE kid NO INHERIT top']) s;
-- objects of the extension, and its schema
SELECT refused(s) FROM unnest(ARRAY[
	'CREATE OR REPLACE FUNCTION cipguard.audit_row() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NULL; END''',
	'ALTER FUNCTION cipguard.audit_row() RENAME TO other',
	'ALTER FUNCTION cipguard.audit_row() OWNER TO regress_cipguard_owner',
	'ALTER FUNCTION cipguard.audit_row() SET SCHEMA guarded',
	'ALTER FUNCTION cipguard.policy_statement() SET work_mem = ''1MB''',
	'ALTER FUNCTION cipguard.audit_row() DEPENDS ON EXTENSION plpgsql',
	'ALTER INDEX cipguard.audit_session_id_idx DEPENDS ON EXTENSION plpgsql',
	'DROP FUNCTION cipguard.audit_row() CASCADE',
	'CREATE FUNCTION cipguard.audit_row(int) RETURNS int LANGUAGE sql AS ''SELECT 1''',
	'CREATE TABLE cipguard.audit_change_209901 (a int)',
	'CREATE VIEW cipguard.audit AS SELECT 1',
	'ALTER SCHEMA cipguard RENAME TO other',
	'ALTER EVENT TRIGGER cipguard_after_ddl DISABLE',
	'ALTER EXTENSION cipguard DROP FUNCTION cipguard.audit_row()',
	'ALTER EXTENSION cipguard ADD FUNCTION guarded.nothing()',
	'DROP EXTENSION cipguard CASCADE',
	'DROP EXTENSION pgcrypto CASCADE']) s;
-- the log and system catalogs
SELECT refused(s) FROM unnest(ARRAY[
	'INSERT INTO cipguard.audit_event SELECT * FROM cipguard.audit_event',
	'UPDATE cipguard.audit_session SET auth_user = ''other''',
	'DELETE FROM cipguard.audit_schema',
	'MERGE INTO cipguard.audit_schema USING (VALUES (1)) v ON true WHEN MATCHED THEN DELETE',
	'WITH d AS (DELETE FROM cipguard.audit_schema RETURNING 1) SELECT count(*) FROM d',
	'COPY cipguard.audit_session FROM ''/nowhere''',
	'ALTER TABLE cipguard.audit_event DISABLE TRIGGER ALL',
	'ALTER TABLE cipguard.audit_session OWNER TO regress_cipguard_owner',
	'ALTER TABLE cipguard.audit_session RENAME TO other',
	'ALTER TABLE cipguard.audit_session SET SCHEMA guarded',
	'ALTER TABLE cipguard.audit_session ADD COLUMN a int',
	'ALTER TABLE cipguard.audit_session ENABLE ROW LEVEL SECURITY',
	'ALTER TABLE cipguard.audit_session SET (autovacuum_enabled = off)',
	'ALTER SEQUENCE cipguard.audit_event_seq RESTART',
	'CREATE INDEX ON cipguard.audit_session ((pid + 1))',
	'CREATE INDEX ON cipguard.audit_session (pid) WHERE pid > 0',
	'CREATE INDEX ON cipguard.audit_session (auth_user)',
	'CREATE TRIGGER t BEFORE INSERT ON cipguard.audit_session FOR EACH ROW EXECUTE FUNCTION nothing()',
	'CREATE RULE r AS ON INSERT TO cipguard.audit_session DO INSTEAD NOTHING',
	'CREATE POLICY p ON cipguard.audit_session USING (false)',
	'CREATE OR REPLACE VIEW cipguard.audit_log AS SELECT 1',
	'DROP INDEX cipguard.audit_session_id_idx',
	'GRANT INSERT ON cipguard.audit_session TO regress_cipguard_owner',
	'GRANT INSERT ON ALL TABLES IN SCHEMA cipguard TO regress_cipguard_owner',
	'UPDATE pg_trigger SET tgenabled = ''D''',
	'SET LOCAL allow_system_table_mods = on; DELETE FROM pg_trigger',
	'DELETE FROM pg_catalog.pg_seclabel',
	'DO ''BEGIN UPDATE pg_proc SET prosrc = prosrc WHERE false; END''']) s;
VACUUM FULL cipguard.audit_session;
CLUSTER cipguard.audit_session USING audit_session_id_idx;
CREATE INDEX CONCURRENTLY ON cipguard.audit_session (pid);
\copy pg_trigger FROM /dev/null
VACUUM cipguard.audit_session;
BEGIN;
CREATE INDEX plain ON cipguard.audit_session (pid);
ROLLBACK;
-- settings; what nothing stands on is free
ALTER SYSTEM SET cipguard.mask_owner = off;
ALTER SYSTEM RESET ALL;
SELECT refused(s) FROM unnest(ARRAY[
	format('ALTER DATABASE %I SET cipguard.kek_command = ''true''', current_database()),
	'ALTER ROLE regress_cipguard_owner SET cipguard.kek_file = ''x''',
	'ALTER ROLE regress_cipguard_owner SET local_preload_libraries = ''x''',
	'ALTER ROLE regress_cipguard_owner SET cipguard.purpose = ''x''',
	'ALTER ROLE regress_cipguard_owner SET work_mem = ''1MB''']) s;
-- nothing of all that has happened, and nothing was recorded of it
SELECT relation, rows, truncates FROM cipguard.audited_tables ORDER BY relation::text;
SELECT action, relation, who, detail FROM notes();
-- a superuser may do what does no harm; a trigger may be put back in force
ALTER TABLE client ENABLE ALWAYS TRIGGER cipguard_audit_row;
ALTER TABLE client ALTER COLUMN name TYPE varchar(100);
ALTER TABLE client ADD COLUMN added int DEFAULT 2;
CREATE TRIGGER t BEFORE INSERT ON client FOR EACH ROW EXECUTE FUNCTION nothing();
DROP TRIGGER t ON client;
CREATE TABLE part_b PARTITION OF part FOR VALUES IN ('b');
CREATE TABLE part_c (id int, k text);
ALTER TABLE part ATTACH PARTITION part_c FOR VALUES IN ('c');
CREATE TABLE kid2 (id int);
ALTER TABLE kid2 INHERIT top;
TRUNCATE part_b;
SELECT relation, rows, truncates FROM cipguard.audited_tables WHERE relation::text ~ '^(part|kid)' ORDER BY relation::text;
SELECT action, relation, who, detail FROM notes();

-- 3. In a window all that may be done, and is recorded
SET ROLE regress_cipguard_officer;
SELECT cipguard.open_maintenance('one table', 10, 'client') IS NOT NULL AS opened;
RESET ROLE;
SELECT refused('DROP TABLE part_a'), refused('DELETE FROM pg_seclabel WHERE false'), refused('ALTER EXTENSION cipguard DROP FUNCTION cipguard.audit_row()');
ALTER TABLE client DROP COLUMN added;
CREATE RULE r AS ON DELETE TO client DO INSTEAD NOTHING;
DROP RULE r ON client;
SET ROLE regress_cipguard_officer;
SELECT cipguard.close_maintenance();
SELECT cipguard.open_maintenance('a parent', 10, 'part') IS NOT NULL AS opened;
RESET ROLE;
ALTER TABLE part DETACH PARTITION part_c;
DROP TABLE part_a;
SELECT refused('DROP TABLE client');
SET ROLE regress_cipguard_officer;
SELECT cipguard.close_maintenance();
SELECT cipguard.open_maintenance('all', 10) IS NOT NULL AS opened;
RESET ROLE;
ALTER TABLE client DISABLE TRIGGER cipguard_audit_row, ENABLE ALWAYS TRIGGER cipguard_audit_row;
BEGIN;
DELETE FROM pg_seclabel WHERE false;
ALTER FUNCTION cipguard.mask(text, text) COST 200;
DROP OWNED BY regress_cipguard_owner CASCADE;
ROLLBACK;
SET ROLE regress_cipguard_owner;
SELECT cipguard.unaudit_table('moody');
RESET ROLE;
SELECT action, relation, who, detail FROM notes();
-- even so no statement writes the log
SELECT refused('DELETE FROM cipguard.audit_event'), refused('UPDATE cipguard.maintenance SET until = until');
BEGIN;
DROP EXTENSION cipguard CASCADE;
ROLLBACK;
BEGIN;
DROP EXTENSION pgcrypto CASCADE;
ROLLBACK;
SET ROLE regress_cipguard_officer;
SELECT cipguard.close_maintenance();
RESET ROLE;
SELECT refused('ALTER TABLE client DISABLE TRIGGER ALL');
-- what is closed in a transaction that rolls back is open
BEGIN;
SET LOCAL ROLE regress_cipguard_officer;
SELECT cipguard.open_maintenance('rolled back') IS NOT NULL AS opened;
RESET ROLE;
ALTER TABLE client DISABLE TRIGGER USER;
ROLLBACK;
SELECT refused('ALTER TABLE client DISABLE TRIGGER ALL');
SELECT count(*) > 0 AS mark FROM notes();

-- 4. Who may have what audited and labelled
CREATE TEMP TABLE temporary (id int);
SELECT cipguard.audit_table('temporary');
SET ROLE regress_cipguard_clerk;
SELECT cipguard.audit_table('client');
SELECT cipguard.unaudit_table('client');
SET ROLE regress_cipguard_owner;
SELECT test.error_of(s) FROM unnest(ARRAY[
	'SECURITY LABEL FOR cipguard ON COLUMN guarded.client.id IS ''subject''',
	'SECURITY LABEL FOR cipguard ON COLUMN guarded.client.n IS ''subject of guarded.client''']) s;
SECURITY LABEL FOR cipguard ON COLUMN client.phone IS 'mobile';
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN client.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN client.n IS 'subject of guarded.client';
SECURITY LABEL FOR cipguard ON COLUMN client.n IS 'subject of client';
SELECT test.error_of(s) FROM unnest(ARRAY[
	'SECURITY LABEL FOR cipguard ON COLUMN guarded.client.n IS ''subject of nowhere''',
	'SECURITY LABEL FOR cipguard ON COLUMN guarded.client.n IS ''subject of guarded.nowhere''',
	'SECURITY LABEL FOR cipguard ON COLUMN guarded.client.n IS ''subject of "''',
	'SECURITY LABEL FOR cipguard ON COLUMN guarded.client.n IS ''subject of ''']) s;
SET ROLE regress_cipguard_owner;
SELECT test.error_of('SECURITY LABEL FOR cipguard ON COLUMN guarded.client.id IS NULL');
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN client.n IS NULL;
SET ROLE cipguard_officer;
SELECT cipguard.unaudit_table(t.relation) FROM cipguard.audited_tables t WHERE t.relation::text = 'top';
RESET ROLE;
SELECT action, relation, who, detail FROM notes();

-- 5. What else is recorded: names, and no value
SELECT cipguard.grant_access('regress_cipguard_clerk', 'mobile', purpose => 'contract', valid_until => '2040-01-01 08:00+08') AS made \gset
SELECT cipguard.revoke_access(:made);
DELETE FROM cipguard.access_grant WHERE id = :made;
SELECT cipguard.add_category('regress_guard') IS NOT NULL AS added;
SELECT cipguard.alter_category_mask('regress_guard', 'suppress');
DELETE FROM cipguard.data_key WHERE owner_name = 'regress_guard';
DELETE FROM cipguard.category WHERE name = 'regress_guard';
GRANT SELECT (id, name), UPDATE ON client TO regress_cipguard_clerk, PUBLIC;
REVOKE ALL ON client FROM PUBLIC;
GRANT SELECT ON cipguard.audit_log TO regress_cipguard_clerk;
REVOKE SELECT ON cipguard.audit_log FROM regress_cipguard_clerk;
GRANT SELECT ON ALL TABLES IN SCHEMA guarded TO regress_cipguard_clerk;
CREATE ROLE regress_cipguard_made LOGIN PASSWORD 'very secret' CREATEDB IN ROLE regress_cipguard_clerk;
ALTER ROLE regress_cipguard_made SUPERUSER PASSWORD 'more secret' VALID UNTIL '2040-01-01';
ALTER ROLE regress_cipguard_made RENAME TO regress_cipguard_renamed;
GRANT cipguard_officer TO regress_cipguard_renamed WITH ADMIN OPTION;
REVOKE cipguard_officer FROM regress_cipguard_renamed;
ALTER ROLE regress_cipguard_renamed SET session_replication_role = replica;
REASSIGN OWNED BY regress_cipguard_renamed TO regress_cipguard_clerk;
DROP OWNED BY regress_cipguard_renamed;
DROP ROLE regress_cipguard_renamed;
SET session_replication_role = replica;
RESET session_replication_role;
SET cipguard.purpose = 'free';
RESET cipguard.purpose;
CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER regress_cipguard_ddl ON ddl_command_end EXECUTE FUNCTION on_ddl();
DROP EVENT TRIGGER regress_cipguard_ddl;
CREATE TABLE encrypted (id int, phone cipguard.enc_text('mobile'));
ALTER TABLE encrypted ADD COLUMN more text DEFAULT 'very secret', ADD CHECK (more <> 'more secret');
CREATE INDEX ON encrypted (more);
CREATE TABLE plain (id int);
ALTER TABLE plain ADD COLUMN more int;
DROP TABLE plain, encrypted;
SELECT action, relation, who, regexp_replace(detail, ' (id|valid_from)=(\S+ \S+ UTC|\S+)', ' \1=...', 'g') AS detail FROM notes();
SELECT count(*) FROM cipguard.audit_event WHERE encode(coalesce(new, ''), 'escape') ~ '(very|more) secret';

-- 6. The policy statement: sorted lines, the same until something changes
SELECT cipguard.policy_statement() AS before \gset
SELECT cipguard.policy_statement() = :'before' AS same;
SET TimeZone = 'Asia/Shanghai';
SET DateStyle = 'German';
SET search_path = pg_temp;
SELECT cipguard.policy_statement() = :'before' AS same;
RESET TimeZone;
RESET DateStyle;
SET search_path = guarded, pg_temp;
SELECT array_agg(l ORDER BY n) = array_agg(l ORDER BY l COLLATE "C") AS sorted FROM regexp_split_to_table(:'before', E'\n') WITH ORDINALITY x (l, n) WHERE n > 1;
SELECT regexp_replace(l, ', row of.*', '') FROM regexp_split_to_table(:'before', E'\n') l WHERE l ~ 'guarded\.' ORDER BY l COLLATE "C";
CREATE FUNCTION changes(old text) RETURNS TABLE (line text) LANGUAGE sql AS $$
	SELECT x.l FROM (
		(SELECT '- ' || l AS l FROM regexp_split_to_table(old, E'\n') l EXCEPT ALL SELECT '- ' || l FROM regexp_split_to_table(cipguard.policy_statement(), E'\n') l)
		UNION ALL
		(SELECT '+ ' || l FROM regexp_split_to_table(cipguard.policy_statement(), E'\n') l EXCEPT ALL SELECT '+ ' || l FROM regexp_split_to_table(old, E'\n') l)) x
	ORDER BY substr(x.l, 3) COLLATE "C", x.l
$$;
BEGIN;
SECURITY LABEL FOR cipguard ON COLUMN client.name IS 'name';
CREATE ROLE regress_cipguard_super SUPERUSER;
GRANT cipguard_officer TO regress_cipguard_super;
SELECT cipguard.grant_access('regress_cipguard_clerk', 'mobile') IS NOT NULL AS granted;
SET LOCAL ROLE regress_cipguard_officer;
SELECT cipguard.open_maintenance('seen') IS NOT NULL AS opened;
RESET ROLE;
ALTER TABLE client DISABLE TRIGGER cipguard_audit_row;
ALTER TABLE client ENABLE ALWAYS TRIGGER cipguard_audit_row;
ALTER TABLE client DISABLE TRIGGER cipguard_audit_truncate;
CREATE TRIGGER other BEFORE INSERT ON client FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT regexp_replace(regexp_replace(regexp_replace(line, 'transaction \d+', 'transaction N'), '[0-9a-f]{64}', '<digest>'), 'window .* by \S+', 'window N until T by W') AS line FROM changes(:'before')
	WHERE line !~ '^. grants ';
SELECT count(*) AS grants FROM changes(:'before') WHERE line ~ '^. grants \d+ [0-9a-f]{64}$';
ROLLBACK;
SELECT * FROM changes(:'before');

SET ROLE cipguard_officer;
SELECT cipguard.open_maintenance('end of test') IS NOT NULL AS opened;
RESET ROLE;
SET client_min_messages = error;
DROP SCHEMA guarded CASCADE;
SET ROLE cipguard_officer;
SELECT cipguard.close_maintenance();
RESET ROLE;
DROP ROLE regress_cipguard_owner, regress_cipguard_clerk, regress_cipguard_officer;

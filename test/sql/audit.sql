-- Audit triggers and the audit log.
CREATE SCHEMA audit_test;
GRANT USAGE ON SCHEMA audit_test TO PUBLIC;
CREATE ROLE regress_cipguard_owner;
CREATE ROLE regress_cipguard_clerk;
CREATE ROLE regress_cipguard_auditor IN ROLE cipguard_auditor;
GRANT CREATE ON SCHEMA audit_test TO regress_cipguard_owner, regress_cipguard_clerk;
SET search_path = audit_test, pg_temp;

SELECT current_user AS super \gset
-- Much below is refused without a window; what is recorded of it: guard.sql.
SET ROLE cipguard_officer;
SELECT cipguard.open_maintenance('tests of the log', 120) IS NOT NULL AS opened;
RESET ROLE;

-- Changes since the last call; a worker writes what came through the spool.
CREATE FUNCTION events(OUT action text, OUT relation text, OUT who text, OUT changed text, OUT before text, OUT after text)
RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
	RETURN QUERY SELECT e.action, e.relation,
			CASE WHEN e.cur_role = session_user THEN 'super' ELSE replace(e.cur_role, 'regress_cipguard_', '') END,
			e.changed::text,
			regexp_replace(e.before::text, 'cip1:[\w-]+', '<armor>', 'g'),
			regexp_replace(e.after::text, 'cip1:[\w-]+', '<armor>', 'g')
		FROM cipguard.audit_log e
		WHERE e.seq > coalesce(nullif(current_setting('audit_test.mark', true), ''), '0')::bigint
			AND e.action = ANY (ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'AUDIT ON', 'AUDIT OFF'])
		ORDER BY e.seq;
	PERFORM set_config('audit_test.mark', coalesce((SELECT max(seq) FROM cipguard.audit_change), 0)::text, false);
END
$$;
SELECT count(*) >= 0 AS begin FROM events();

-- 1. The four kinds of change, by a role that has no right on the log
SET ROLE regress_cipguard_owner;
CREATE TABLE client (
	id int PRIMARY KEY,
	name text,
	mobile cipguard.enc_text('mobile'),
	address text,
	note text
);
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN client.id IS 'subject';
SET ROLE regress_cipguard_owner;
SECURITY LABEL FOR cipguard ON COLUMN client.address IS 'address';
SELECT cipguard.audit_table('client');
SELECT cipguard.audit_table('client');
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON client TO regress_cipguard_clerk;
SET ROLE regress_cipguard_clerk;
INSERT INTO client VALUES (1, 'Li', '13800138000', 'Nanjing Road 1', NULL), (2, 'Wang', NULL, NULL, '');
SET cipguard.output = 'armor';
SELECT mobile AS stored FROM client WHERE id = 1 \gset
RESET cipguard.output;
UPDATE client SET name = 'Li Na', note = 'x' WHERE id = 1;
UPDATE client SET address = 'Nanjing Road 2' WHERE id = 1;
UPDATE client SET name = name WHERE id = 2;
UPDATE client SET id = 3 WHERE id = 2;
DELETE FROM client WHERE id = 3;
TRUNCATE client;
RESET ROLE;
SELECT * FROM events();
-- nothing of a protected value in any byte of the log
SELECT count(*) FROM cipguard.audit_event
	WHERE encode(coalesce(old, '') || coalesce(new, ''), 'escape') ~ 'Nanjing|13800138000';
-- an encrypted value is in the log as it was stored
SELECT count(*) FROM cipguard.audit_log WHERE relation = 'audit_test.client' AND after ->> 'mobile' = :'stored';
SELECT action, count(*) FROM cipguard.audit_log
	WHERE relation = 'audit_test.client' AND subject = cipguard.subject_tag('1') GROUP BY action ORDER BY action;
SELECT action, count(*) FROM cipguard.audit_log
	WHERE relation = 'audit_test.client' AND subject = cipguard.subject_tag('2') GROUP BY action ORDER BY action;

-- 2. Who
SELECT DISTINCT login_role = :'super' AS login, session_user_name = :'super' AS session, app_user, app_verified, purpose,
		client_addr IS NULL OR family(client_addr) > 0 AS addr, application_name = current_setting('application_name') AS application,
		xid::text::bigint > 0 AS xid, ts BETWEEN now() - interval '1 hour' AND clock_timestamp() AS ts
	FROM cipguard.audit_log WHERE relation = 'audit_test.client';
BEGIN;
SET LOCAL cipguard.app_user = 'zhang.san';
SET LOCAL cipguard.purpose = 'contract';
INSERT INTO client (id) VALUES (1);
COMMIT;
INSERT INTO client (id) VALUES (2);
SELECT app_user, app_verified, purpose FROM cipguard.audit_log
	WHERE relation = 'audit_test.client' AND app_user IS NOT NULL ORDER BY seq;
-- session_user can be spoofed, the login role cannot; the pooler's client changes
SET SESSION AUTHORIZATION regress_cipguard_clerk;
INSERT INTO client (id) VALUES (3);
RESET SESSION AUTHORIZATION;
SET application_name = 'other';
INSERT INTO client (id) VALUES (4);
RESET application_name;
SELECT login_role = :'super' AS login, replace(session_user_name, :'super', 'super') AS session, replace(cur_role, :'super', 'super') AS role,
		application_name = 'other' AS other
	FROM cipguard.audit_log WHERE relation = 'audit_test.client' AND after ->> 'id' IN ('3', '4') AND action = 'INSERT'
		AND before IS NULL AND seq > current_setting('audit_test.mark')::bigint ORDER BY seq;
SELECT count(*) = count(DISTINCT session_id) AS one_row_each FROM cipguard.audit_session WHERE pid = pg_backend_pid();
SELECT count(*) FROM events();

-- 3. Rollback
BEGIN;
UPDATE client SET note = 'undone';
ROLLBACK;
BEGIN;
SAVEPOINT a;
UPDATE client SET note = 'undone' WHERE id = 1;
ROLLBACK TO a;
UPDATE client SET note = 'done' WHERE id = 1;
SAVEPOINT b;
UPDATE client SET note = 'done' WHERE id = 2;
RELEASE b;
COMMIT;
DO $$
BEGIN
	UPDATE audit_test.client SET note = 'undone' WHERE id = 3;
	RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
	UPDATE audit_test.client SET note = 'caught' WHERE id = 4;
END
$$;
SELECT * FROM events();
-- the row of a session is written again if its transaction rolled back
\c -
SET search_path = audit_test, pg_temp;
SELECT set_config('audit_test.mark', (SELECT max(seq) FROM cipguard.audit_change)::text, false) IS NULL AS mark;
BEGIN;
DELETE FROM client WHERE id = 4;
ROLLBACK;
BEGIN;
SAVEPOINT a;
DELETE FROM client WHERE id = 4;
ROLLBACK TO a;
COMMIT;
SELECT count(*) FROM cipguard.audit_session WHERE pid = pg_backend_pid();
DELETE FROM client WHERE id = 4;
DELETE FROM client WHERE id = 3;
SELECT e.action, e.login_role IS NOT NULL AS known FROM cipguard.audit_log e
	WHERE seq > current_setting('audit_test.mark')::bigint ORDER BY seq;
SELECT count(*) FROM events();

-- 4. The log explains itself after DDL
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE ddl (id int PRIMARY KEY, a int, b text, m mood);
SELECT cipguard.audit_table('ddl');
INSERT INTO ddl VALUES (1, 10, 'ten', 'sad');
ALTER TABLE ddl RENAME COLUMN a TO amount;
ALTER TABLE ddl ALTER COLUMN amount TYPE text USING 'was ' || amount;
ALTER TABLE ddl DROP COLUMN b;
ALTER TABLE ddl ADD COLUMN c int DEFAULT 7;
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';
UPDATE ddl SET amount = 'new', c = 8;
ALTER TABLE ddl RENAME TO ddl2;
UPDATE ddl2 SET m = 'happy';
DROP TABLE ddl2;
DROP TYPE mood;
SELECT * FROM events();
-- a type that is gone, or a schema that is not in the log: bytes
CREATE TYPE money_range AS RANGE (subtype = int4);
CREATE TABLE ddl3 (id int PRIMARY KEY, r money_range);
SELECT cipguard.audit_table('ddl3');
INSERT INTO ddl3 VALUES (1, '[1,5)'), (2, NULL);
SELECT after FROM events() WHERE action = 'INSERT';
ALTER TABLE ddl3 DROP COLUMN r;
DROP TYPE money_range;
SELECT after FROM cipguard.audit_log WHERE relation = 'audit_test.ddl3' AND action = 'INSERT' ORDER BY seq;
SELECT cipguard.audit_image(1, new) FROM cipguard.audit_event WHERE relname = 'audit_test.ddl3' AND kind = 'I' ORDER BY seq;
DROP TABLE ddl3;
-- hostile images
SELECT cipguard.audit_image(1, ''), cipguard.audit_image(1, '\x01'), cipguard.audit_image(1, '\x0200'), cipguard.audit_image(1, '\x010000000000000001');
SELECT cipguard.audit_image(1, '\x01000000000000000100');
SELECT cipguard.audit_image(1, '\x01000000000000000100010fff00');
SELECT cipguard.audit_image(1, '\x0100000000000000010001fe0000ffff00');
SELECT cipguard.audit_image(1, '\x0100000000000000010001fe0000');
SELECT cipguard.audit_image(1, '\x0100000000000000010000ff');
SELECT cipguard.audit_image(1, '\x010000000000000001f001ff');
SELECT cipguard.audit_image(1, '\x01000000000000000100010161');
SELECT cipguard.audit_image(1, '\x010000000000000001100101ff');
SELECT count(*) FROM events();

-- 5. Types
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE pair AS (a int, b text);
CREATE TYPE secret_pair AS (a int, m cipguard.enc_text('mobile'));
CREATE TABLE types (
	id bigint PRIMARY KEY,
	b bool, i2 int2, i4 int4, f4 float4, f8 float8, n numeric, t text, vc varchar(10), bp char(4), nm name, ba bytea, c "char",
	d date, ti time, ts timestamp, tz timestamptz, iv interval, u uuid, j json, jb jsonb, ip inet, mc macaddr, bt bit(3), o oid,
	rc regclass, ia int[], ta text[], tt timestamptz[], r int4range, mr int4multirange, pt point, acl aclitem, dom positive,
	doma positive[], p pair, pa pair[], en cipguard.enc_text('name'), ena cipguard.enc_text('name')[], sp secret_pair, tv tsvector, xm money,
	gen int GENERATED ALWAYS AS (i4 * 2) STORED
);
SECURITY LABEL FOR cipguard ON COLUMN types.d IS 'birth_date';
SELECT cipguard.audit_table('types');
SET timezone = 'Asia/Shanghai';
SET datestyle = 'German';
SET intervalstyle = 'sql_standard';
SET extra_float_digits = -5;
INSERT INTO types VALUES (1,
	true, -2, 4, 1.5, 0.1, 12.340, '中文', 'vc', 'bp', 'nm', '\x00ff', 'x',
	'01.02.1990', '12:30', '31.12.2020 12:00', '31.12.2020 12:00', '1 day 2 hours', '00000000-0000-0000-0000-000000000001', '{"a" : 1}', '{"b":[2]}', '10.0.0.1/8', '08:00:2b:01:02:03', '101', 42,
	'pg_class', '{1,NULL,3}', '{a,"b c"}', '{31.12.2020 12:00}', '[1,5)', '{[1,5),[7,9)}', '(1,2)', format('%s=r/%s', current_user, current_user)::aclitem, 5,
	'{1,2}', '(1,x)', '{"(1,x)"}', '王小明', '{王小明}', '(1,13800138000)', 'a b', 3.5);
INSERT INTO types (id) VALUES (2);
RESET datestyle;
RESET intervalstyle;
RESET extra_float_digits;
-- another session's encoding makes no difference
SET client_encoding = 'LATIN1';
UPDATE types SET t = U&'\00e9t\00e9', jb = '{"a": "\u00e9"}', ta = ARRAY[U&'\00e9'] WHERE id = 2;
SET client_encoding = 'UTF8';
SET timezone = 'UTC';
\x on
SELECT regexp_replace(after, current_user || '=r/' || current_user, 'role=r/role') AS after FROM events() WHERE after IS NOT NULL;
\x off
RESET timezone;
DROP TABLE types;

-- 6. Values stored out of line
CREATE TABLE big (id int PRIMARY KEY, v text, w text);
ALTER TABLE big ALTER COLUMN v SET STORAGE EXTERNAL;
SELECT cipguard.audit_table('big');
INSERT INTO big SELECT 1, repeat('v', 100000), repeat('w', 100000);
UPDATE big SET w = 'short';
UPDATE big SET v = v || '';
UPDATE big SET v = overlay(v PLACING 'x' FROM 50000);
INSERT INTO big VALUES (2, repeat('x', 1048577), NULL);
SELECT action, changed, length(before), length(after), CASE WHEN length(after) < 100 THEN after END AS after FROM events();
DROP TABLE big;

-- 7. Keys: primary, else replica identity, else the whole row
CREATE TABLE nokey (a int, b int);
CREATE TABLE ident (a int NOT NULL UNIQUE, b int);
ALTER TABLE ident REPLICA IDENTITY USING INDEX ident_a_key;
SELECT cipguard.audit_table('nokey'), cipguard.audit_table('ident');
INSERT INTO nokey VALUES (1, 1);
INSERT INTO ident VALUES (1, 1);
UPDATE nokey SET b = 2;
UPDATE ident SET b = 2;
SELECT relation, before, after FROM events() WHERE action = 'UPDATE';
DROP TABLE nokey, ident;

-- 8. Ways to change rows
CREATE TABLE parent (id int PRIMARY KEY, v text);
CREATE TABLE child (id int PRIMARY KEY, p int REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE);
SELECT cipguard.audit_table('parent'), cipguard.audit_table('child');
COPY parent FROM stdin;
1	one
2	two
\.
INSERT INTO child VALUES (10, 1), (20, 2);
INSERT INTO parent VALUES (1, 'uno') ON CONFLICT (id) DO UPDATE SET v = excluded.v;
INSERT INTO parent VALUES (1, 'nothing') ON CONFLICT DO NOTHING;
MERGE INTO parent p USING (VALUES (1, 'eins'), (3, 'drei')) s (id, v) ON p.id = s.id
	WHEN MATCHED THEN UPDATE SET v = s.v
	WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v);
UPDATE parent SET id = 11 WHERE id = 1;
DELETE FROM parent WHERE id = 2;
WITH d AS (DELETE FROM child RETURNING p) UPDATE parent SET v = 'cte' WHERE id IN (SELECT p FROM d);
TRUNCATE parent CASCADE;
SELECT action, relation, changed, before, after FROM events();
DROP TABLE child, parent;
-- what a BEFORE trigger made of the row
CREATE TABLE before_trigger (id int PRIMARY KEY, v text);
CREATE FUNCTION rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.v := 'rewritten';
	RETURN NEW;
END
$$;
CREATE TRIGGER a BEFORE INSERT ON before_trigger FOR EACH ROW EXECUTE FUNCTION rewrite();
SELECT cipguard.audit_table('before_trigger');
INSERT INTO before_trigger VALUES (1, 'given');
SELECT action, after FROM events();
DROP TABLE before_trigger;
-- a deferred trigger, a recursive one, two tables at once, no columns at all
CREATE TABLE late (id int PRIMARY KEY, v int);
CREATE TABLE empty ();
SELECT cipguard.audit_table('late'), cipguard.audit_table('empty');
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.v < 3 THEN
		UPDATE audit_test.late SET v = v + 1 WHERE id = NEW.id;
		INSERT INTO audit_test.empty DEFAULT VALUES;
	END IF;
	RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
INSERT INTO late VALUES (1, 1);
DELETE FROM empty;
SELECT action, relation, before, after FROM events();
DROP TABLE late, empty;
-- cursors, isolation levels, read-only transactions
CREATE TABLE iso (id int PRIMARY KEY, v int);
CREATE TEMP TABLE tmp (id int PRIMARY KEY);
SELECT cipguard.audit_table('iso');
SELECT cipguard.audit_table('tmp');
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO iso VALUES (1, 1);
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
INSERT INTO iso VALUES (2, 2);
COMMIT;
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM iso WHERE id = 2 FOR UPDATE;
FETCH c;
UPDATE iso SET v = 3 WHERE CURRENT OF c;
COMMIT;
SELECT action, relation, before, after FROM events();
DROP TABLE iso, tmp;

-- 9. Partitions and children
CREATE TABLE part (id int, k text, plain text, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a');
CREATE TABLE part_b (plain text, gone int, k text NOT NULL, id int NOT NULL);
ALTER TABLE part_b DROP COLUMN gone;
ALTER TABLE part ATTACH PARTITION part_b FOR VALUES IN ('b');
SECURITY LABEL FOR cipguard ON COLUMN part.plain IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN part.id IS 'subject';
SELECT cipguard.audit_table('part');
CREATE TABLE part_c PARTITION OF part FOR VALUES IN ('c');
INSERT INTO part VALUES (1, 'a', '王小明');
INSERT INTO part_b VALUES ('王小明', 'b', 2);
INSERT INTO part VALUES (3, 'c', NULL);
UPDATE part SET k = 'b' WHERE id = 1;
UPDATE part_b SET plain = '李娜' WHERE id = 2;
TRUNCATE part_a;
SELECT * FROM events();
SELECT count(DISTINCT subject) FROM cipguard.audit_event WHERE relname LIKE 'audit\_test.part\_%' AND subject IN (cipguard.subject_tag('1'), cipguard.subject_tag('2'), cipguard.subject_tag('3'));
-- a label on the parent set later counts for the partition, too
SECURITY LABEL FOR cipguard ON COLUMN part.plain IS NULL;
UPDATE part_b SET plain = 'plain' WHERE id = 2;
SECURITY LABEL FOR cipguard ON COLUMN part.plain IS 'name';
UPDATE part_b SET plain = '王小明' WHERE id = 2;
SELECT action, relation, before, after FROM events();
-- partitions made later are audited, too
SELECT relation, rows, truncates FROM cipguard.audited_tables WHERE relation::text LIKE 'part%' ORDER BY relation::text COLLATE "C";
CREATE TABLE part_d (id int NOT NULL, k text NOT NULL, plain text, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE part_d1 PARTITION OF part_d FOR VALUES IN ('d');
ALTER TABLE part ATTACH PARTITION part_d FOR VALUES IN ('d', 'e');
CREATE TABLE part_d2 PARTITION OF part_d FOR VALUES IN ('e');
SELECT cipguard.audit_table('part');
SELECT relation, rows, truncates FROM cipguard.audited_tables WHERE relation::text LIKE 'part%' ORDER BY relation::text COLLATE "C";
SELECT action, relation FROM events();
SELECT cipguard.unaudit_table('part_a');
SELECT cipguard.unaudit_table('part');
SELECT cipguard.unaudit_table('part');
-- a partition that was audited before its parent
SELECT cipguard.audit_table('part_a');
SELECT cipguard.audit_table('part');
INSERT INTO part VALUES (4, 'a', NULL);
SELECT action, relation, after FROM events();
SELECT cipguard.unaudit_table('part');
DROP TABLE part;
CREATE TABLE top (id int);
CREATE TABLE sub () INHERITS (top);
SELECT cipguard.audit_table('top');
INSERT INTO sub VALUES (1);
UPDATE top SET id = 2;
CREATE TABLE sub2 () INHERITS (top);
CREATE TABLE subsub () INHERITS (sub2);
CREATE TABLE late_sub (id int);
INSERT INTO late_sub VALUES (0);
ALTER TABLE late_sub INHERIT top;
SELECT cipguard.audit_table('top');
INSERT INTO sub2 VALUES (3);
INSERT INTO subsub VALUES (4);
UPDATE top SET id = 5 WHERE id = 0;
TRUNCATE subsub;
SELECT action, relation, before, after FROM events();
DROP TABLE top CASCADE;
SELECT count(*) FROM events();

-- 10. What cannot be audited
CREATE VIEW v AS SELECT * FROM client;
CREATE MATERIALIZED VIEW mv AS SELECT 1;
CREATE FOREIGN DATA WRAPPER regress_cipguard_fdw;
CREATE SERVER regress_cipguard_server FOREIGN DATA WRAPPER regress_cipguard_fdw;
CREATE FOREIGN TABLE ft (a int) SERVER regress_cipguard_server;
SELECT cipguard.audit_table('v');
SELECT cipguard.audit_table('mv');
SELECT cipguard.audit_table('ft');
SELECT cipguard.audit_table('pg_class');
SELECT cipguard.audit_table('cipguard.category');
SELECT cipguard.audit_table('cipguard.audit_event');
SELECT cipguard.audit_table('client_pkey');
SELECT cipguard.audit_table(0::regclass);
SELECT cipguard.audit_table(NULL);
DROP FOREIGN DATA WRAPPER regress_cipguard_fdw CASCADE;
DROP MATERIALIZED VIEW mv;
DROP VIEW v;
SELECT * FROM events();

-- 11. Attacks by ordinary roles
SET ROLE regress_cipguard_clerk;
SELECT cipguard.audit_table('client');
SELECT cipguard.unaudit_table('client');
CREATE TABLE mine (id int PRIMARY KEY, v text);
CREATE TRIGGER forged AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION cipguard.audit_row();
CREATE TRIGGER forged AFTER TRUNCATE ON mine FOR EACH STATEMENT EXECUTE FUNCTION cipguard.audit_truncate();
SELECT cipguard.audit_row();
SELECT cipguard.audit_image(1, '\x01');
SELECT cipguard.subject_tag('1');
SELECT * FROM cipguard.audit_log;
SELECT * FROM cipguard.audit_event;
INSERT INTO cipguard.audit_session SELECT * FROM cipguard.audit_session;
SELECT nextval('cipguard.audit_event_seq');
BEGIN;
LOCK TABLE cipguard.audit_event;
ROLLBACK;
DROP TABLE cipguard.audit_event;
ALTER TABLE cipguard.audit_event DISABLE TRIGGER ALL;
CREATE TABLE cipguard.audit_change_209901 (a int);
-- hijack by names: operators, casts and functions of our own in the path
CREATE FUNCTION audit_test.evil(name, name) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hijacked as %', current_user; END $$;
CREATE OPERATOR audit_test.= (LEFTARG = name, RIGHTARG = name, FUNCTION = audit_test.evil);
CREATE FUNCTION audit_test.audit_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
SET search_path = audit_test, pg_catalog, cipguard;
SELECT cipguard.audit_table('mine');
INSERT INTO mine VALUES (1, 'x');
SET search_path = audit_test, pg_temp;
SELECT tgfoid::regproc FROM pg_trigger WHERE tgrelid = 'mine'::regclass ORDER BY tgname;
-- a domain whose CHECK runs the maker's code, meant to run as the auditor
CREATE FUNCTION audit_test.spy(int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'check runs as %', current_user; RETURN true; END $$;
CREATE DOMAIN trap AS int CHECK (audit_test.spy(VALUE));
ALTER TABLE mine ADD COLUMN t trap, ADD COLUMN ta trap[];
INSERT INTO mine VALUES (2, 'x', 5, '{6}');
-- the owner can turn it off by DDL; unaudit_table leaves an event
SELECT cipguard.unaudit_table('mine');
UPDATE mine SET v = 'unseen';
SELECT cipguard.audit_table('mine');
ALTER TABLE mine DISABLE TRIGGER USER;
SELECT cipguard.audit_table('mine');
ALTER TABLE mine ENABLE TRIGGER cipguard_audit_row;
SELECT cipguard.audit_table('mine');
UPDATE mine SET v = 'seen' WHERE id = 1;
SET ROLE regress_cipguard_auditor;
SELECT count(*) > 0 AS reads FROM cipguard.audit_log;
SELECT after -> 't' AS t, after -> 'ta' AS ta FROM cipguard.audit_log WHERE relation = 'audit_test.mine' AND after ->> 'id' = '2';
SELECT cipguard.subject_tag('1') IS NOT NULL AS tag;
DELETE FROM cipguard.audit_log;
INSERT INTO cipguard.audit_event SELECT * FROM cipguard.audit_event;
SELECT count(*) > 0 AS reads FROM cipguard.audit_event;
RESET ROLE;
SELECT * FROM events();
DROP TABLE mine;
-- who acts in a definer's function is the definer; the login role stays
CREATE FUNCTION definer() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ INSERT INTO audit_test.client (id) VALUES (99) $$;
ALTER FUNCTION definer() OWNER TO regress_cipguard_owner;
SET ROLE regress_cipguard_clerk;
SELECT definer();
RESET ROLE;
SELECT action, who, after FROM events();

-- 12. Attacks by a superuser: every statement is refused, too
SELECT replace(test.error_of(s), to_char(now() AT TIME ZONE 'UTC', 'YYYYMM'), 'YYYYMM') AS refused FROM unnest(ARRAY[
	'INSERT INTO cipguard.audit_event SELECT * FROM cipguard.audit_event',
	'INSERT INTO cipguard.audit_event SELECT * FROM cipguard.audit_event WHERE false',
	'UPDATE cipguard.audit_event SET cur_role = ''x''',
	'DELETE FROM cipguard.audit_event',
	'TRUNCATE cipguard.audit_event',
	'DELETE FROM cipguard.audit_session',
	'TRUNCATE cipguard.audit_session',
	'UPDATE cipguard.audit_schema SET names = types::text[]',
	'DELETE FROM cipguard.audit_log',
	'MERGE INTO cipguard.audit_session USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE',
	'SET session_replication_role = replica; DELETE FROM cipguard.audit_event',
	format('DELETE FROM cipguard.audit_change_%s', to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')),
	format('TRUNCATE cipguard.audit_change_%s', to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')),
	format('UPDATE cipguard.audit_change_%s SET cmd = 1', to_char(now() AT TIME ZONE 'UTC', 'YYYYMM'))
	]) s;
COPY cipguard.audit_session FROM stdin;
\.
-- replication roles do not silence the triggers
SET session_replication_role = replica;
UPDATE client SET note = 'replica' WHERE id = 99;
RESET session_replication_role;
SELECT action, changed FROM events();
-- a trigger made by hand that would miss events is refused when it fires
CREATE TABLE hand (id int, v int);
CREATE TRIGGER hand AFTER UPDATE OF v ON hand FOR EACH ROW EXECUTE FUNCTION cipguard.audit_row();
INSERT INTO hand VALUES (1, 1);
UPDATE hand SET v = 2;
DROP TRIGGER hand ON hand;
CREATE TRIGGER hand AFTER INSERT ON hand FOR EACH ROW EXECUTE FUNCTION cipguard.audit_row('pg_class');
INSERT INTO hand DEFAULT VALUES;
DROP TRIGGER hand ON hand;
CREATE TRIGGER hand BEFORE UPDATE ON hand FOR EACH ROW EXECUTE FUNCTION cipguard.audit_row();
UPDATE hand SET v = 2;
DROP TABLE hand;

-- 13. Errors fail the change
CREATE TABLE broken (id int PRIMARY KEY, v text);
SECURITY LABEL FOR cipguard ON COLUMN broken.v IS 'name';
SELECT cipguard.audit_table('broken');
-- even what a window allows: the log could not tell of it
SELECT regexp_replace(test.error_of(t), '_\d{6}_', '_YYYYMM_') FROM unnest(ARRAY[
	'ALTER TABLE cipguard.audit_session RENAME TO hidden',
	'CREATE INDEX odd ON cipguard.audit_change ((cmd + 1))']) t;
SELECT replace(test.error_of('ALTER TABLE cipguard.audit_change DETACH PARTITION cipguard.audit_change_' || m), m, 'YYYYMM')
	FROM to_char(now() AT TIME ZONE 'UTC', 'YYYYMM') m;
INSERT INTO broken VALUES (1, NULL);
SELECT count(*) FROM broken;
SELECT action, relation FROM events();
DROP TABLE broken;

-- an error inside an image leaves the session's settings as they were
CREATE TABLE keyless (id int PRIMARY KEY, v text, c text);
SECURITY LABEL FOR cipguard ON COLUMN keyless.v IS 'name';
SELECT cipguard.audit_table('keyless');
SET client_encoding = 'LATIN1';
SET datestyle = 'German';
BEGIN;
DELETE FROM cipguard.data_key WHERE owner_name = 'name';
SELECT left(test.error_of('INSERT INTO audit_test.keyless VALUES (1, ''Li'')'), 5);
SELECT count(*) FROM keyless;
SELECT date '2020-12-31', current_setting('client_encoding'), convert_to(U&'\00e9', 'LATIN1');
ROLLBACK;
INSERT INTO keyless VALUES (1, 'Li', U&'\00e9');
RESET datestyle;
SET client_encoding = 'UTF8';
SELECT action, after FROM events();
DROP TABLE keyless;

-- 14. Partitions of the log
SELECT count(*) >= 3 AS months,
		bool_and(d.deptype = 'e') AS members,
		bool_and(c.relacl IS NULL OR NOT EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner)) AS private,
		bool_and((SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgenabled = 'A') = 2) AS protected,
		bool_and(obj_description(c.oid, 'pg_class') IS NOT NULL) AS commented
	FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
	JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e'
	WHERE i.inhparent IN ('cipguard.audit_change'::regclass, 'cipguard.audit_record'::regclass);
-- a missing one is made by the writer, out of reach of the user's settings and of default privileges
BEGIN;
SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMM') AS this \gset
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO regress_cipguard_clerk;
ALTER EXTENSION cipguard DROP TABLE cipguard.audit_change_:this;
DROP TABLE cipguard.audit_change_:this;
SET LOCAL timezone = 'Asia/Shanghai';
SET LOCAL datestyle = 'German';
SET LOCAL ROLE regress_cipguard_clerk;
INSERT INTO client (id) VALUES (100);
SAVEPOINT s;
INSERT INTO client (id) VALUES (101);
ROLLBACK TO s;
INSERT INTO client (id) VALUES (102);
SELECT has_table_privilege('cipguard.audit_change_' || :'this', 'SELECT');
RESET ROLE;
SELECT after FROM events();
ROLLBACK;
-- an event trigger that writes to an audited table does not get in the way
BEGIN;
ALTER EXTENSION cipguard DROP TABLE cipguard.audit_change_:this;
DROP TABLE cipguard.audit_change_:this;
CREATE FUNCTION ddl_writes() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE audit_test.client SET note = 'ddl';
END
$$;
CREATE EVENT TRIGGER regress_cipguard_ddl ON ddl_command_end EXECUTE FUNCTION ddl_writes();
INSERT INTO client (id) VALUES (109);
SELECT action, after FROM events();
ROLLBACK;
-- one that a rollback to a savepoint takes away
BEGIN;
ALTER EXTENSION cipguard DROP TABLE cipguard.audit_change_:this;
DROP TABLE cipguard.audit_change_:this;
SAVEPOINT u;
INSERT INTO client (id) VALUES (103), (104);
ROLLBACK TO u;
INSERT INTO client (id) VALUES (105);
SELECT after FROM events();
-- an index made meanwhile gets its entries
CREATE UNIQUE INDEX extra ON cipguard.audit_change_:this (seq);
INSERT INTO client (id) VALUES (106);
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT count(*) FROM cipguard.audit_change_:this WHERE seq >= (SELECT max(seq) FROM cipguard.audit_change);
SELECT after FROM events();
ROLLBACK;
INSERT INTO client (id) VALUES (107);
SELECT after FROM events();
-- 15. Nobody writes without us: the extension stays while tables are audited
\set VERBOSITY terse
DROP EXTENSION cipguard;

RESET search_path;
DROP SCHEMA audit_test CASCADE;
SET ROLE cipguard_officer;
SELECT cipguard.close_maintenance();
RESET ROLE;
DROP ROLE regress_cipguard_owner, regress_cipguard_clerk, regress_cipguard_auditor;

-- server: masked
-- Restriction, legal hold and canaries.
CREATE SCHEMA person;
SET search_path = person, pg_catalog;
CREATE FUNCTION person.try(stmt text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE stmt;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
CREATE ROLE regress_cipguard_officer LOGIN IN ROLE cipguard_officer;
CREATE ROLE regress_cipguard_reader LOGIN;
GRANT USAGE ON SCHEMA person TO PUBLIC;
CREATE TABLE client (id integer PRIMARY KEY, part integer NOT NULL DEFAULT 1, mobile text);
CREATE TABLE visit (no integer PRIMARY KEY, client integer REFERENCES client ON DELETE CASCADE, phone text);
CREATE TABLE tree (id integer, part integer, mobile text) PARTITION BY LIST (part);
CREATE TABLE tree1 PARTITION OF tree FOR VALUES IN (1);
CREATE TABLE tree2 PARTITION OF tree FOR VALUES IN (2);
INSERT INTO client SELECT i, 1, '1380013800' || i FROM generate_series(1, 5) i;
INSERT INTO visit SELECT i, i, '1390013900' || i FROM generate_series(1, 5) i;
INSERT INTO tree SELECT i, 1 + (i > 2)::integer, '1370013700' || i FROM generate_series(1, 5) i;
SET client_min_messages = warning;
SECURITY LABEL FOR cipguard ON COLUMN client.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN client.mobile IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN visit.client IS 'subject of person.client';
SECURITY LABEL FOR cipguard ON COLUMN visit.phone IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN tree.id IS 'subject of person.client';
SECURITY LABEL FOR cipguard ON COLUMN tree.mobile IS 'mobile';
GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA person TO regress_cipguard_reader;
SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT cipguard.grant_access('regress_cipguard_reader', 'mobile') > 0 AS granted;

-- A restricted person is masked for whoever is granted, and only she.
SELECT cipguard.restrict_subject('2', 'disputes what is stored') > 0 AS restricted;
SET SESSION AUTHORIZATION regress_cipguard_reader;
SELECT id, mobile FROM client ORDER BY id;
SELECT client, phone FROM visit ORDER BY no;
SELECT id, mobile FROM tree ORDER BY id;
-- Nobody but officers and auditors sees the registers, or writes them.
SELECT person.try('SELECT * FROM cipguard.restriction'), person.try('SELECT * FROM cipguard.canary'), person.try('SELECT * FROM cipguard.legal_hold');
SELECT person.try($$SELECT cipguard.restrict_subject('1', 'x')$$), person.try($$SELECT cipguard.add_canary('1', 'x')$$),
	person.try($$SELECT cipguard.place_hold('1', 'x')$$), person.try($$SELECT cipguard.release_hold('1', 'x')$$);
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT cipguard.lift_restriction('2', 'settled'), cipguard.lift_restriction('2', 'again'), cipguard.lift_restriction('9', 'never');
SELECT person.try($$SELECT cipguard.restrict_subject(NULL, 'x')$$), person.try($$SELECT cipguard.restrict_subject('3', ' ')$$);
SET SESSION AUTHORIZATION regress_cipguard_reader;
SELECT id, mobile FROM client WHERE id = 2;
RESET SESSION AUTHORIZATION;
-- History stays, also for superusers.
SELECT subject, reason, end_reason, ended_at IS NOT NULL AS ended FROM cipguard.restriction WHERE subject = '2';
DELETE FROM cipguard.restriction;
TRUNCATE cipguard.restriction;
UPDATE cipguard.restriction SET subject = '3';
UPDATE cipguard.restriction SET ended_at = NULL;

-- Legal hold: rows stay, and stay hers.
SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT cipguard.place_hold('3', 'lawsuit') > 0 AS held;
RESET SESSION AUTHORIZATION;
SELECT tgrelid::regclass::text, tgenabled FROM pg_trigger WHERE tgname = 'cipguard_legal_hold' AND tgrelid::regclass::text !~ '\.' ORDER BY 1;
DELETE FROM client WHERE id = 3;
SELECT person.try(s), s FROM unnest(ARRAY[
	'DELETE FROM client',
	'DELETE FROM visit WHERE client = 3',
	'UPDATE client SET id = 33 WHERE id = 3',
	'UPDATE visit SET client = NULL WHERE client = 3',
	'UPDATE visit SET phone = NULL WHERE client = 3',
	'UPDATE tree SET part = 1 WHERE id = 3',
	'MERGE INTO visit USING client ON visit.client = client.id WHEN MATCHED THEN DELETE',
	'TRUNCATE visit', 'TRUNCATE client CASCADE', 'DROP TABLE visit', 'DROP TABLE tree', 'DROP TABLE tree2', 'DROP SCHEMA person CASCADE',
	'ALTER TABLE tree DETACH PARTITION tree2', 'ALTER TABLE visit DROP COLUMN phone', 'ALTER TABLE visit DROP COLUMN client',
	'ALTER TABLE client ALTER COLUMN id TYPE text', 'SECURITY LABEL FOR cipguard ON COLUMN visit.client IS NULL',
	'ALTER TABLE visit DISABLE TRIGGER cipguard_legal_hold', 'DROP TRIGGER cipguard_legal_hold ON visit']) s;
-- What touches others, or only corrects, goes on.
SELECT person.try(s), s FROM unnest(ARRAY[
	'DELETE FROM client WHERE id = 4', 'UPDATE client SET mobile = ''13800138009'' WHERE id = 3',
	'CREATE TABLE tree3 PARTITION OF tree FOR VALUES IN (3)', 'INSERT INTO tree VALUES (3, 3, ''13700137003'')', 'DELETE FROM tree WHERE part = 3', 'DELETE FROM tree WHERE id <> 3', 'DROP TABLE tree1']) s;
-- Nor is it undone that a held row was inserted.
CREATE TABLE noted (id integer PRIMARY KEY, mobile text);
SECURITY LABEL FOR cipguard ON COLUMN noted.id IS 'subject of person.client';
SECURITY LABEL FOR cipguard ON COLUMN noted.mobile IS 'mobile';
SELECT cipguard.audit_table('noted');
INSERT INTO noted VALUES (3, '13800138003'), (4, '13800138004');
SELECT row_id, person.try(format('SELECT cipguard.undo(%s)', event_id)) FROM generate_series(3, 4) row_id, cipguard.changes('noted', row_id::text) WHERE action = 'INSERT' ORDER BY 1;
SELECT id FROM noted;
-- A table that is labelled later, and a replica, are held too.
CREATE TABLE late (who integer, mail text);
INSERT INTO late VALUES (3, 'a@example.com'), (4, 'b@example.com');
SECURITY LABEL FOR cipguard ON COLUMN late.who IS 'subject of person.client';
SELECT person.try('DELETE FROM late WHERE who = 3'), person.try('DELETE FROM late WHERE who = 4');
SET session_replication_role = replica;
SELECT person.try('DELETE FROM late WHERE who = 3');
RESET session_replication_role;
SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT cipguard.release_hold('3', 'settled');
RESET SESSION AUTHORIZATION;
SELECT person.try('DELETE FROM late WHERE who = 3'), person.try('DELETE FROM client WHERE id = 3'), person.try('DROP TABLE late');

-- A canary looks like anybody else to who reads.
SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT cipguard.add_canary('5', 'does not exist') > 0 AS added;
SET SESSION AUTHORIZATION regress_cipguard_reader;
SELECT id, mobile FROM client WHERE id = 5;
EXPLAIN (COSTS OFF) SELECT mobile FROM client WHERE id = 5;
EXPLAIN (COSTS OFF) SELECT mobile FROM client WHERE id = 1;
SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT cipguard.remove_canary('5'), cipguard.remove_canary('5');
SELECT cipguard.open_maintenance('end of a test') IS NOT NULL AS opened;
RESET SESSION AUTHORIZATION;

DROP SCHEMA person CASCADE;
SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT cipguard.close_maintenance();
RESET SESSION AUTHORIZATION;
DROP OWNED BY regress_cipguard_officer, regress_cipguard_reader;
DROP ROLE regress_cipguard_officer, regress_cipguard_reader;

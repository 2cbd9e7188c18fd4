-- server: masked
-- Questions about the audit log, undo, and what the law says about it.
SET client_min_messages = error;
CREATE ROLE regress_cipguard_owner;
CREATE ROLE regress_cipguard_clerk;
CREATE ROLE regress_cipguard_reader IN ROLE cipguard_auditor;
CREATE ROLE regress_cipguard_auditor IN ROLE cipguard_auditor;
CREATE ROLE regress_cipguard_officer IN ROLE cipguard_officer;
CREATE SCHEMA question_test AUTHORIZATION regress_cipguard_owner;
GRANT USAGE ON SCHEMA question_test TO PUBLIC;
SET search_path = question_test, pg_temp;
SELECT count(cipguard.grant_access('regress_cipguard_reader', c)) AS grants FROM unnest('{name,mobile,birth_date}'::text[]) c;
SELECT clock_timestamp() AS begun \gset
-- What is guarded is changed here, too.
SET ROLE regress_cipguard_officer;
SELECT cipguard.open_maintenance('test', 120) IS NOT NULL AS open;
RESET ROLE;

-- What a question shows, without what differs from run to run.
CREATE FUNCTION shown(key text, relation text DEFAULT 'client', OUT action text, OUT who text, OUT purpose text, OUT columns text, OUT before text, OUT after text, OUT remark text)
	RETURNS SETOF record LANGUAGE sql AS $$
	SELECT action, replace(replace(role, current_user, 'me'), 'regress_cipguard_', ''), purpose, columns::text,
		regexp_replace(before::text, 'cip1:[\w-]+', '<armor>', 'g'), regexp_replace(after::text, 'cip1:[\w-]+', '<armor>', 'g'),
		regexp_replace(remark, 'event \d+', 'event n')
	FROM cipguard.changes(relation, key) ORDER BY ts, event_id
$$;
-- The last event of a row.
CREATE FUNCTION last_event(key text, relation text DEFAULT 'client') RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = question_test, pg_temp AS
	'SELECT event_id FROM cipguard.changes(relation, key) ORDER BY ts DESC, event_id DESC LIMIT 1';
-- What is really there: as the reader sees it.
SET check_function_bodies = off;
CREATE FUNCTION stored() RETURNS SETOF text LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = question_test, pg_temp SET datestyle = 'ISO'
	AS 'SELECT concat_ws('' '', id, name, mobile::text, contact, born, amount) FROM client ORDER BY id';
RESET check_function_bodies;
ALTER FUNCTION stored() OWNER TO regress_cipguard_reader;
-- What fails, without numbers of events.
CREATE FUNCTION error_of(statement text) RETURNS text LANGUAGE sql AS
	'SELECT regexp_replace(test.error_of(statement), ''event \d+'', ''event n'', ''g'')';

SET ROLE regress_cipguard_owner;
CREATE TABLE client (
	id int PRIMARY KEY,
	name text,
	mobile cipguard.enc_text('mobile'),
	contact text,
	born date,
	amount numeric(10, 2)
);
SECURITY LABEL FOR cipguard ON COLUMN client.contact IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN client.born IS 'birth_date';
SELECT cipguard.audit_table('client');
GRANT ALL ON client TO regress_cipguard_reader, regress_cipguard_clerk;
GRANT SELECT ON client TO regress_cipguard_auditor;
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN client.id IS 'subject';
SELECT clock_timestamp() AS t0 \gset
SET ROLE regress_cipguard_reader;
INSERT INTO client VALUES (1, 'Li', '13800138000', '李四', '1990-05-06', 1.5), (2, 'Wang', '13900139000', '王*五', '1991-07-08', 2);
SELECT clock_timestamp() AS t1 \gset
BEGIN;
SET LOCAL cipguard.purpose = 'contract';
UPDATE client SET mobile = '13700137000', amount = 7 WHERE id = 1;
COMMIT;
SELECT clock_timestamp() AS t2 \gset
UPDATE client SET id = 11, contact = '李四四' WHERE id = 1;
SELECT clock_timestamp() AS t3 \gset
RESET ROLE;
ALTER TABLE client RENAME COLUMN amount TO worth;
ALTER TABLE client RENAME COLUMN worth TO amount;
SET ROLE regress_cipguard_clerk;
UPDATE client SET amount = 8 WHERE id = 11;
SELECT clock_timestamp() AS t4 \gset
DELETE FROM client WHERE id = 11;
RESET ROLE;
SELECT clock_timestamp() AS t5 \gset

-- 1. Changes of a row
SELECT * FROM shown('1');
SELECT * FROM shown('{"id": 11}');
SELECT * FROM shown('2', 'question_test.client');
SELECT * FROM shown('99');
SELECT * FROM shown(NULL);
SELECT count(*) FROM cipguard.changes('client', '1', :'t1', :'t2');
SELECT error_of($$SELECT * FROM cipguard.changes('client', 'x')$$);
SELECT error_of($$SELECT * FROM cipguard.changes('client', '{"nothing": 1}')$$);
SELECT error_of($$SELECT * FROM cipguard.changes('no_client', '1')$$);
SELECT count(*) FROM cipguard.changes(NULL, '1');
SELECT error_of($$SELECT * FROM cipguard.changes('client', '{}')$$);
-- a column that had another name; a protected one as armor
ALTER TABLE client RENAME COLUMN id TO no;
SELECT count(*) FROM cipguard.changes('client', '{"no": 1}');
SELECT count(*) FROM cipguard.changes('client', '{"id": 1}');
ALTER TABLE client RENAME COLUMN no TO id;
SELECT after ->> 'mobile' AS armor, after ->> 'contact' AS sealed FROM cipguard.changes('client', '1') WHERE action = 'INSERT' \gset
SELECT action FROM cipguard.changes('client', jsonb_build_object('mobile', :'armor')::text) ORDER BY ts;
SELECT action FROM cipguard.changes('client', jsonb_build_object('contact', :'sealed')::text) ORDER BY ts;
SELECT error_of($$SELECT * FROM cipguard.changes('client', '{"mobile": "13800138000"}')$$);

-- 2. Partitions: the root covers them, a row that moves is one change
CREATE TABLE part (id int, region text, name text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE part_east (name text, gone int, region text NOT NULL, id int NOT NULL);
ALTER TABLE part_east DROP COLUMN gone;
ALTER TABLE part ATTACH PARTITION part_east FOR VALUES IN ('east');
CREATE TABLE part_west PARTITION OF part FOR VALUES IN ('west');
SELECT cipguard.audit_table('part');
INSERT INTO part VALUES (1, 'east', 'a'), (2, 'west', 'b');
UPDATE part SET name = 'aa' WHERE id = 1;
SELECT clock_timestamp() AS p1 \gset
UPDATE part SET region = 'west', name = 'c' WHERE id = 1;
UPDATE part_west SET name = 'd' WHERE id = 1;
SELECT action, relation_name, columns, before, after, regexp_replace(remark, '\d+', 'n') AS remark FROM cipguard.changes('part', '{"id": 1}') ORDER BY ts;
SELECT error_of($$SELECT * FROM cipguard.changes('part', '1')$$);
SELECT cipguard.row_as_of('part', '{"id": 1, "region": "east"}', :'p1');
SELECT cipguard.row_as_of('part', '{"id": 2, "region": "west"}', :'p1');
SELECT cipguard.row_as_of('part', '{"id": 1, "region": "west"}', :'p1') IS NULL AS none;
-- of a table that is gone, by what it was called; one of several keys
SELECT clock_timestamp() AS p2 \gset
SELECT 'part_west'::regclass::oid AS west \gset
DROP TABLE part;
SELECT action, after ->> 'name' AS name FROM cipguard.changes('part_west', '{"id": 1}') ORDER BY ts;
SELECT action, after ->> 'name' AS name FROM cipguard.changes('question_test.part_east', '{"id": 1}') ORDER BY ts;
SELECT count(*) FROM cipguard.changes(:'west', '{"id": 1}');
SELECT cipguard.row_as_of('part_west', '{"id": 2, "region": "west"}', :'p2');

-- 3. A row as it was: by the rights of whoever asks
SET ROLE regress_cipguard_auditor;
SELECT n, cipguard.row_as_of('client', '1', t) FROM unnest(ARRAY[:'t0', :'t1', :'t2', :'t3']::timestamptz[]) WITH ORDINALITY AS u (t, n) ORDER BY n;
SELECT n, cipguard.row_as_of('client', '11', t) FROM unnest(ARRAY[:'t2', :'t3', :'t4', :'t5']::timestamptz[]) WITH ORDINALITY AS u (t, n) ORDER BY n;
SELECT cipguard.row_as_of('client', '2', :'t1');
SET ROLE regress_cipguard_reader;
SELECT n, cipguard.row_as_of('client', '1', t) FROM unnest(ARRAY[:'t1', :'t2']::timestamptz[]) WITH ORDINALITY AS u (t, n) ORDER BY n;
SELECT cipguard.row_as_of('client', '2', :'t1');
SELECT cipguard.row_as_of('client', NULL, :'t1') IS NULL AND cipguard.row_as_of('client', '1', NULL) IS NULL AS nulls;
SELECT error_of(format('SELECT cipguard.row_as_of(%L, %L, %L)', 'client', '1', clock_timestamp() + interval '1 hour'));
SELECT error_of(format('SELECT cipguard.row_as_of(%L, %L, %L)', 'client', '1', :'begun'));
RESET ROLE;
-- that disclosed values of two persons
SELECT subjects, sum("values") FROM cipguard.disclosures
	WHERE kind = 'read' AND role = 'regress_cipguard_reader' AND relation = 'question_test.client' AND ts > :'t5' GROUP BY 1 ORDER BY 1;
-- whoever may not select from the table sees what the log has in full, and no more
CREATE TABLE closed (id int PRIMARY KEY, name text, note text);
SELECT cipguard.audit_table('closed');
INSERT INTO closed VALUES (1, 'a', 'x'), (2, 'b', 'y'), (3, 'c', 'z');
SELECT clock_timestamp() AS c1 \gset
UPDATE closed SET note = 'xx' WHERE id < 3;
DELETE FROM closed WHERE id = 1;
SET ROLE regress_cipguard_auditor;
SELECT cipguard.row_as_of('closed', '1', :'c1');
SELECT error_of(format('SELECT cipguard.row_as_of(%L, %L, %L)', 'closed', '2', :'c1'));
RESET ROLE;
-- TRUNCATE: back to the insertion, if the log has it
TRUNCATE closed;
SELECT cipguard.row_as_of('closed', '2', :'c1'), cipguard.row_as_of('closed', '2', clock_timestamp()) IS NULL AS gone;
CREATE TABLE late (id int PRIMARY KEY, a text, b text);
INSERT INTO late VALUES (1, 'a', 'b');
SELECT cipguard.audit_table('late');
SELECT clock_timestamp() AS l1 \gset
SELECT cipguard.row_as_of('late', '1', :'l1');
UPDATE late SET a = 'aa';
SELECT cipguard.row_as_of('late', '1', :'l1');
SELECT clock_timestamp() AS l2 \gset
TRUNCATE late;
SELECT error_of(format('SELECT cipguard.row_as_of(%L, %L, %L)', 'late', '1', :'l2'));
SELECT action, remark FROM cipguard.changes('late', '1') ORDER BY ts;
-- a time when nobody looked
INSERT INTO late VALUES (2, 'a', 'b');
SELECT clock_timestamp() AS l3 \gset
SELECT cipguard.unaudit_table('late');
UPDATE late SET a = 'unseen';
SELECT cipguard.audit_table('late');
SET client_min_messages = warning;
\set VERBOSITY terse
SELECT cipguard.row_as_of('late', '2', :'l3');
\set VERBOSITY default
SET client_min_messages = error;

-- 4. Undo, by the owner, who sees masks
SET ROLE regress_cipguard_owner;
SELECT * FROM stored();
SELECT cipguard.undo(last_event('11'));
SELECT * FROM stored();
SELECT name, mobile, contact, born, amount FROM client ORDER BY id;
UPDATE client SET name = NULL, contact = '赵', born = '2000-01-01', amount = NULL WHERE id = 2;
SELECT * FROM stored();
SELECT last_event('2') AS e \gset
SELECT cipguard.undo(:e);
SELECT * FROM stored();
-- what was undone can be done again, but not undone twice
SELECT error_of(format('SELECT cipguard.undo(%s)', :e));
SELECT cipguard.undo(last_event('2'));
SELECT * FROM stored();
SELECT cipguard.undo(last_event('2'));
-- step by step, back to the beginning
UPDATE client SET amount = 3 WHERE id = 2;
UPDATE client SET amount = 4 WHERE id = 2;
SELECT last_event('2') AS e4 \gset
RESET ROLE;
SELECT max(event_id) AS e3 FROM cipguard.changes('client', '2') WHERE event_id < :e4 \gset
SET ROLE regress_cipguard_owner;
SELECT error_of(format('SELECT cipguard.undo(%s)', :e3));
SELECT cipguard.undo(:e4);
SELECT cipguard.undo(:e3);
SELECT * FROM stored();
-- other columns may have changed
UPDATE client SET amount = 5 WHERE id = 2;
SELECT last_event('2') AS e5 \gset
UPDATE client SET name = 'Wang Wu' WHERE id = 2;
SELECT cipguard.undo(:e5);
SELECT * FROM stored();
-- guessing: whether a stored guess is the value is not told
UPDATE client SET contact = '王五五' WHERE id = 2;
SELECT last_event('2') AS e6 \gset
UPDATE client SET contact = '王五' WHERE id = 2;
SELECT error_of(format('SELECT cipguard.undo(%s)', :e6));
UPDATE client SET contact = '王五五' WHERE id = 2;
SELECT error_of(format('SELECT cipguard.undo(%s)', :e6));
-- an insertion
INSERT INTO client (id, name) VALUES (3, 'Zhao');
SELECT last_event('3') AS e7 \gset
SELECT cipguard.undo(:e7);
SELECT count(*) FROM client WHERE id = 3;
SELECT error_of(format('SELECT cipguard.undo(%s)', :e7));
-- a value goes nowhere but where it was
DELETE FROM client WHERE id = 11;
SELECT last_event('11') AS e8 \gset
RESET ROLE;
BEGIN;
SECURITY LABEL FOR cipguard ON COLUMN client.born IS NULL;
SELECT error_of(format('SELECT cipguard.undo(%s)', :e8));
ROLLBACK;
BEGIN;
SECURITY LABEL FOR cipguard ON COLUMN client.born IS 'name';
SELECT error_of(format('SELECT cipguard.undo(%s)', :e8));
ROLLBACK;
BEGIN;
ALTER TABLE client DROP COLUMN name;
SELECT cipguard.undo(:e8);
SELECT count(*) FROM client WHERE id = 11;
ROLLBACK;
BEGIN;
SELECT cipguard.unaudit_table('client');
UPDATE client SET amount = 0;
SELECT cipguard.audit_table('client');
SELECT error_of(format('SELECT cipguard.undo(%s)', :e8));
ROLLBACK;
-- by nobody else
SET ROLE regress_cipguard_clerk;
SELECT error_of(format('SELECT cipguard.undo(%s)', :e8));
SET ROLE regress_cipguard_auditor;
SELECT error_of(format('SELECT cipguard.undo(%s)', :e8));
RESET ROLE;
SELECT cipguard.undo(:e8);
SELECT error_of('SELECT cipguard.undo(0)'), cipguard.undo(NULL) IS NULL AS nothing;
SELECT error_of(format('SELECT cipguard.undo(%s)', min(seq))) FROM cipguard.audit_log WHERE relation = 'question_test.client' AND action = 'AUDIT ON';
SELECT error_of(format('SELECT cipguard.undo(%s)', min(seq))) FROM cipguard.audit_log WHERE relation = 'question_test.late' AND action = 'TRUNCATE';
SELECT error_of(format('SELECT cipguard.undo(%s)', min(seq))) FROM cipguard.audit_log WHERE relation = 'question_test.part_west' AND action = 'UPDATE';
-- without a key rows are not told apart; triggers, policies and rules of the table count
CREATE TABLE nokey (a int, b text);
SELECT cipguard.audit_table('nokey');
INSERT INTO nokey VALUES (1, 'x'), (1, 'x');
UPDATE nokey SET b = 'y' WHERE ctid = '(0,1)';
DELETE FROM nokey WHERE b = 'x';
SELECT error_of(format('SELECT cipguard.undo(%s)', max(seq))) FROM cipguard.audit_log WHERE relation = 'question_test.nokey' AND action = 'UPDATE';
SELECT cipguard.undo(max(seq)) FROM cipguard.audit_log WHERE relation = 'question_test.nokey' AND action = 'DELETE';
SELECT * FROM nokey ORDER BY b;
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TABLE kept (id int PRIMARY KEY, v text);
SELECT cipguard.audit_table('kept');
INSERT INTO kept VALUES (1, 'a');
UPDATE kept SET v = 'b';
CREATE TRIGGER keep BEFORE UPDATE ON kept FOR EACH ROW EXECUTE FUNCTION keep();
SELECT error_of(format('SELECT cipguard.undo(%s)', last_event('1', 'kept')));
DROP TRIGGER keep ON kept;
ALTER TABLE kept DISABLE TRIGGER ALL;
UPDATE kept SET v = 'unseen';
ALTER TABLE kept ENABLE TRIGGER ALL;
SELECT error_of(format('SELECT cipguard.undo(%s)', last_event('1', 'kept')));
-- types that change their text with settings, and generated columns
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN short AS text CHECK (length(VALUE) < 5);
CREATE TABLE kinds (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz, i interval, m mood, s short, j jsonb, a int[], f float8,
	g text GENERATED ALWAYS AS (s || '!') STORED, r int4range);
SELECT cipguard.audit_table('kinds');
INSERT INTO kinds (at, i, m, s, j, a, f, r) VALUES ('2026-03-04 05:06:07.89+08', '1 year 2 days', 'sad', 'abc', '{"a": [1]}', '{1,NULL}', 0.1, '[1,5)');
CREATE TABLE kinds_before AS SELECT * FROM kinds;
SET DateStyle = 'German'; SET IntervalStyle = 'iso_8601'; SET TimeZone = 'Asia/Shanghai';
DELETE FROM kinds;
SELECT cipguard.undo(max(seq)) FROM cipguard.audit_log WHERE relation = 'question_test.kinds' AND action = 'DELETE';
SET DateStyle = 'ISO';
SELECT k = b::text::kinds AS same FROM kinds k, kinds_before b;
SET DateStyle = 'German';
UPDATE kinds SET at = NULL, i = '1 day', m = 'happy', s = 'de', j = 'null', a = '{}', f = 'NaN', r = 'empty';
SELECT cipguard.undo(last_event('1', 'kinds'));
RESET DateStyle; RESET IntervalStyle; RESET TimeZone;
SELECT k = b::text::kinds AS same FROM kinds k, kinds_before b;
-- undone events are known
SELECT count(*) > 10 AS notes FROM cipguard.audit_log WHERE action = 'UNDO' AND detail ~ '^event \d+$' AND ts > :'begun';

-- 5. Who saw a person
SELECT clock_timestamp() AS w0 \gset
SET ROLE regress_cipguard_reader;
BEGIN;
SET LOCAL cipguard.purpose = 'claim';
SELECT mobile FROM client WHERE id = 2;
ROLLBACK;
SELECT count(mobile) FROM client WHERE id = 2;
SELECT DISTINCT born FROM client WHERE id = 2;
SELECT mobile, contact FROM client WHERE id = 11;
SET ROLE regress_cipguard_auditor;
SELECT certainty, replace(role, 'regress_cipguard_', '') AS role, purpose, relation, columns, remark FROM cipguard.who_saw('2', :'w0');
SELECT certainty, columns FROM cipguard.who_saw('11', :'w0', 'infinity');
SELECT count(*) FROM cipguard.who_saw('99', :'w0') WHERE certainty = 'yes';
SELECT count(*) FROM cipguard.who_saw(NULL);
RESET ROLE;
SET row_security = off;
SELECT count(*) FROM client;
RESET row_security;
SELECT certainty, relation, remark FROM cipguard.who_saw('2', :'w0') WHERE role = current_user;

-- 6. What a person may be told: of nobody else, and no values
SELECT what, replace(replace(role, current_user, 'me'), 'regress_cipguard_', '') AS role, purpose, relation, columns
	FROM cipguard.subject_receipt('11', :'begun', :'w0');
SELECT what, replace(replace(role, current_user, 'me'), 'regress_cipguard_', '') AS role, purpose, relation, columns
	FROM cipguard.subject_receipt('2', :'w0');
SELECT count(*) FROM cipguard.subject_receipt(NULL);

-- 7. What somebody did
SET ROLE regress_cipguard_auditor;
SELECT action, acting_role = 'regress_cipguard_reader' AS himself, purpose, relation, sum("values") AS "values", max(persons) AS persons
	FROM cipguard.activity_of('regress_cipguard_reader', :'w0') WHERE action <> 'asked' GROUP BY action, 2, purpose, relation, detail ORDER BY min(ts);
SELECT relation, action, events, "values" FROM cipguard.activity_summary('regress_cipguard_clerk', :'begun') WHERE action <> 'asked' ORDER BY 1, 2;
SELECT count(*) FROM cipguard.activity_of(NULL);
-- who asks is watched, too
SELECT count(*) > 0 AS watched FROM cipguard.activity_of('regress_cipguard_auditor', :'begun') WHERE action = 'asked';
RESET ROLE;

-- 8. Who may ask
SET ROLE regress_cipguard_clerk;
SELECT error_of($$SELECT * FROM cipguard.changes('client', '1')$$);
SELECT error_of($$SELECT cipguard.row_as_of('client', '1', now())$$);
SELECT error_of($$SELECT * FROM cipguard.who_saw('1')$$);
SELECT error_of($$SELECT * FROM cipguard.subject_receipt('1')$$);
SELECT error_of($$SELECT * FROM cipguard.activity_of('regress_cipguard_clerk')$$);
SELECT error_of($$SELECT cipguard.note_question('x', 0)$$);
SELECT error_of($$SELECT cipguard.changed_since(1, '{1}')$$);
SET ROLE regress_cipguard_officer;
SELECT error_of($$SELECT * FROM cipguard.changes('client', '1')$$);
RESET ROLE;

-- 9. What the law says
SELECT kind, keep, regulation FROM cipguard.audit_floor();
SET ROLE regress_cipguard_officer;
INSERT INTO cipguard.regulation (key, jurisdiction, law, article, topic, rule, keep, kinds) VALUES ('own.rule', 'CN', 'x', '1', 'retention', 'changes are kept for five years', '5 years', '{I,U}');
SELECT kind, keep, regulation FROM cipguard.audit_floor() WHERE keep > '3 years';
UPDATE cipguard.regulation SET valid_until = CURRENT_DATE WHERE key = 'own.rule';
SELECT error_of($$UPDATE cipguard.regulation SET valid_until = CURRENT_DATE - 1 WHERE key = 'own.rule'$$);
SELECT error_of($$UPDATE cipguard.regulation SET valid_until = CURRENT_DATE WHERE key = 'cn.pipl.56'$$);
SELECT error_of($$UPDATE cipguard.regulation SET keep = '1 day' WHERE key = 'own.rule'$$);
SELECT error_of($$DELETE FROM cipguard.regulation$$);
SELECT error_of($$INSERT INTO cipguard.regulation (key, jurisdiction, law, article, topic, rule, keep, kinds) VALUES ('own.x', 'CN', 'x', '1', 'retention', 'x', '1 year', '{Q}')$$);
SELECT error_of($$INSERT INTO cipguard.regulation (key, jurisdiction, law, article, topic, rule, kinds) VALUES ('own.x', 'CN', 'x', '1', 'retention', 'x', '{I}')$$);
SELECT error_of($$INSERT INTO cipguard.regulation (key, jurisdiction, law, article, topic, rule, builtin) VALUES ('own.x', 'CN', 'x', '1', 'retention', 'x', true)$$);
RESET ROLE;
SELECT error_of($$UPDATE cipguard.regulation SET keep = '1 day' WHERE key = 'cn.pipl.56'$$);
SELECT error_of($$DELETE FROM cipguard.regulation WHERE key = 'own.rule'$$);
SELECT error_of($$INSERT INTO cipguard.regulation (key, jurisdiction, law, article, topic, rule, builtin) VALUES ('own.x', 'CN', 'x', '1', 'retention', 'x', true)$$);
ALTER TABLE cipguard.regulation DISABLE TRIGGER guard_regulation;
DELETE FROM cipguard.regulation WHERE NOT builtin;
ALTER TABLE cipguard.regulation ENABLE ALWAYS TRIGGER guard_regulation;

SELECT count(cipguard.revoke_access(id)) AS revoked FROM cipguard.access_grants WHERE grantee = 'regress_cipguard_reader'::regrole;
DROP SCHEMA question_test CASCADE;
SET ROLE regress_cipguard_officer;
SELECT cipguard.close_maintenance();
RESET ROLE;
DROP ROLE regress_cipguard_owner, regress_cipguard_clerk, regress_cipguard_reader, regress_cipguard_auditor, regress_cipguard_officer;

-- Events are written in batches: nobody can tell.
CREATE SCHEMA audit_batch;
SET search_path = audit_batch, pg_temp;
SET ROLE cipguard_officer;
SELECT cipguard.open_maintenance('tests of batches', 120) IS NOT NULL AS opened;
RESET ROLE;
CREATE TABLE item (id int PRIMARY KEY, v text);
CREATE TABLE other (id int, v text);
SELECT cipguard.audit_table('item'), cipguard.audit_table('other');

-- Events since the last call, equal neighbours counted.
CREATE FUNCTION events(OUT action text, OUT relation text, OUT n bigint, OUT first text, OUT last text)
RETURNS SETOF record LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
	RETURN QUERY SELECT g.action, g.relation, count(*), min(g.value) FILTER (WHERE g.seq = g.least), min(g.value) FILTER (WHERE g.seq = g.greatest)
		FROM (SELECT h.*, min(h.seq) OVER w AS least, max(h.seq) OVER w AS greatest
			FROM (SELECT e.action, replace(e.relation, 'audit_batch.', '') AS relation, e.seq, e.xid, coalesce(e.after, e.before)::text AS value,
					row_number() OVER (ORDER BY e.seq) - row_number() OVER (PARTITION BY e.xid, e.action, e.relation ORDER BY e.seq) AS run
				FROM cipguard.audit_log e
				WHERE e.seq > current_setting('audit_batch.mark')::bigint
					AND e.action <> ALL (ARRAY['DEFINITION', 'LABEL', 'PRIVILEGE', 'SETTING', 'MAINTENANCE', 'EVENT', 'REFUSED', 'DISCLOSURE'])) h
			WINDOW w AS (PARTITION BY h.xid, h.action, h.relation, h.run)) g
		GROUP BY g.xid, g.action, g.relation, g.run
		ORDER BY min(g.seq);
	PERFORM set_config('audit_batch.mark', (SELECT max(e.seq) FROM cipguard.audit_change e)::text, false);
END
$$;
SELECT set_config('audit_batch.mark', max(seq)::text, false) IS NULL AS mark FROM cipguard.audit_change;

-- 1. The first statement of a session, which loads the library
\c -
SET search_path = audit_batch, pg_temp;
SELECT set_config('audit_batch.mark', max(seq)::text, false) IS NULL AS mark FROM cipguard.audit_change;
BEGIN;
INSERT INTO item VALUES (1, 'one');
SELECT action, first FROM events();
COMMIT;
\c -
SET search_path = audit_batch, pg_temp;
SELECT set_config('audit_batch.mark', max(seq)::text, false) IS NULL AS mark FROM cipguard.audit_change;
BEGIN;
INSERT INTO item VALUES (2, 'two');
SAVEPOINT s;
ROLLBACK TO s;
COMMIT;
SELECT action, first FROM events();

-- 2. More than a batch; what a rollback takes away
INSERT INTO item SELECT i, repeat('x', i % 300) FROM generate_series(101, 1100) i;
SELECT action, relation, n FROM events();
BEGIN;
UPDATE item SET v = 'a' WHERE id <= 300;
SAVEPOINT s;
UPDATE item SET v = 'b' WHERE id > 100;
ROLLBACK TO s;
UPDATE item SET v = 'c' WHERE id <= 102;
RELEASE s;
COMMIT;
SELECT action, n, last FROM events();
COPY item FROM PROGRAM 'seq -f "%g;copied" 2001 2700' (DELIMITER ';');
SELECT action, n, first, last FROM events();
-- single statements larger than a batch of bytes
INSERT INTO item SELECT i, repeat('y', 100000) FROM generate_series(3001, 3003) i;
ALTER TABLE item ALTER COLUMN v SET STORAGE external;
INSERT INTO item SELECT i, repeat('z', 100000) FROM generate_series(3004, 3006) i;
SELECT action, n, length(first), length(last) FROM events();
-- each number once
SELECT count(*) = count(DISTINCT seq) AS once FROM cipguard.audit_event;

-- 3. Triggers that change data, read the log and catch errors
CREATE FUNCTION busy() RETURNS trigger LANGUAGE plpgsql SET search_path = audit_batch, pg_temp AS $$
DECLARE
	seen bigint;
BEGIN
	SELECT count(*) INTO seen FROM cipguard.audit_log WHERE xid = pg_current_xact_id() AND relation = 'audit_batch.item';
	INSERT INTO other VALUES (NEW.id, 'item events seen: ' || seen);
	BEGIN
		INSERT INTO other VALUES (NEW.id, 'undone');
		RAISE division_by_zero;
	EXCEPTION WHEN division_by_zero THEN
		INSERT INTO other VALUES (NEW.id, 'caught');
	END;
	BEGIN
		INSERT INTO other VALUES (NEW.id, 'kept');
	EXCEPTION WHEN division_by_zero THEN
		RAISE;
	END;
	RETURN NULL;
END
$$;
CREATE TRIGGER zz_busy AFTER INSERT ON item FOR EACH ROW EXECUTE FUNCTION busy();
INSERT INTO item VALUES (4001, 'x'), (4002, 'y');
SELECT action, relation, first FROM events();
DELETE FROM other;
SELECT action, n FROM events();
-- before ours, when nothing of this row has been recorded yet
ALTER TRIGGER zz_busy ON item RENAME TO aa_busy;
INSERT INTO item VALUES (4003, 'x'), (4004, 'y');
SELECT action, relation, first FROM events();
DROP TRIGGER aa_busy ON item;
-- a subtransaction around a failing statement, with events of the outer one waiting
CREATE FUNCTION nested() RETURNS trigger LANGUAGE plpgsql SET search_path = audit_batch, pg_temp AS $$
BEGIN
	FOR depth IN 1 .. 300 LOOP
		BEGIN
			INSERT INTO other VALUES (depth, NEW.v);
			IF depth % 3 = 1 THEN
				RAISE division_by_zero;
			END IF;
		EXCEPTION WHEN division_by_zero THEN
			NULL;
		END;
	END LOOP;
	RETURN NULL;
END
$$;
CREATE TRIGGER zz_nested AFTER UPDATE ON item FOR EACH ROW EXECUTE FUNCTION nested();
UPDATE item SET v = 'n' || id WHERE id IN (1, 2);
SELECT action, relation, n FROM (SELECT action, relation, sum(n) AS n, min(first) AS f FROM events() GROUP BY 1, 2) x ORDER BY 1, 2;
SELECT count(*) FROM other;
DROP TRIGGER zz_nested ON item;
-- an error after the events were made leaves nothing
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
CREATE TRIGGER zz_fail AFTER UPDATE ON item FOR EACH STATEMENT EXECUTE FUNCTION fail();
UPDATE item SET v = 'never' WHERE id < 1000;
DO $$
BEGIN
	UPDATE audit_batch.item SET v = 'never' WHERE id < 1000;
EXCEPTION WHEN raise_exception THEN
	DELETE FROM audit_batch.other WHERE id = 2;
END
$$;
SELECT action, relation, n FROM events();
DROP TRIGGER zz_fail ON item;

-- 4. Cascades at once and at commit
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, p int REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO parent SELECT generate_series(1, 400);
INSERT INTO child SELECT i, i FROM generate_series(1, 400) i;
SELECT cipguard.audit_table('parent'), cipguard.audit_table('child');
UPDATE parent SET id = id + 1000 WHERE id <= 300;
DELETE FROM parent WHERE id > 1000;
SELECT action, relation, sum(n) AS n FROM events() GROUP BY 1, 2 ORDER BY 1, 2;
BEGIN;
DELETE FROM parent;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT action, relation, sum(n) AS n FROM events() GROUP BY 1, 2 ORDER BY 1, 2;
ROLLBACK;
CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql SET search_path = audit_batch, pg_temp AS $$
BEGIN
	INSERT INTO item VALUES (5000 + NEW.id, 'at commit');
	RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON parent DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit();
BEGIN;
INSERT INTO parent VALUES (1), (2);
SELECT action, relation, first FROM events();
COMMIT;
SELECT action, relation, first FROM events();
DROP TABLE child, parent;

-- 5. Cursors see what was there when they were opened
BEGIN;
INSERT INTO item VALUES (6001, 'before');
DECLARE c CURSOR FOR SELECT after ->> 'id' AS id FROM cipguard.audit_log WHERE xid = pg_current_xact_id() AND action = 'INSERT' ORDER BY seq;
INSERT INTO item VALUES (6002, 'after');
FETCH ALL FROM c;
COMMIT;
-- procedures that commit; prepared statements; functions of several statements
CREATE PROCEDURE several() LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	INSERT INTO audit_batch.other VALUES (1, 'p');
END
$$;
DO $$
BEGIN
	FOR i IN 1 .. 3 LOOP
		UPDATE audit_batch.item SET v = 'loop ' || i WHERE id = 1;
		IF i = 2 THEN ROLLBACK; ELSE COMMIT; END IF;
	END LOOP;
END
$$;
CALL several();
PREPARE up (int) AS UPDATE item SET v = v || '!' WHERE id = $1;
EXECUTE up (1);
EXECUTE up (2);
DEALLOCATE up;
WITH a AS (UPDATE item SET v = 'w' WHERE id = 1 RETURNING id), b AS (INSERT INTO other SELECT id FROM a RETURNING id) SELECT * FROM b;
SELECT action, relation, first FROM events();

-- 6. Rows that move between partitions
CREATE TABLE part (id int, k text, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a');
CREATE TABLE part_b PARTITION OF part FOR VALUES IN ('b');
SELECT cipguard.audit_table('part');
INSERT INTO part VALUES (1, 'a'), (2, 'a'), (3, 'b');
UPDATE part SET k = CASE k WHEN 'a' THEN 'b' ELSE 'a' END;
DELETE FROM part WHERE id = 3;
SELECT action, relation, moved, changed, coalesce(before, after) AS row FROM cipguard.audit_log WHERE relation LIKE 'audit\_batch.part\__' AND action <> 'AUDIT ON' ORDER BY seq;
SELECT count(DISTINCT cmd) AS commands FROM cipguard.audit_event WHERE relname LIKE 'audit\_batch.part\__' AND cols IS NOT NULL;
SELECT count(*) > 0 AS begin FROM events();
-- a trigger that inserts in between, one that swallows the row
CREATE FUNCTION noisy() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	IF pg_trigger_depth() = 1 THEN
		INSERT INTO part VALUES (OLD.id + 100, 'a');
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER zz_noisy AFTER DELETE ON part FOR EACH ROW EXECUTE FUNCTION noisy();
UPDATE part SET k = 'a' WHERE id = 1;
DROP TRIGGER zz_noisy ON part;
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER zz_swallow BEFORE INSERT ON part_b FOR EACH ROW EXECUTE FUNCTION swallow();
BEGIN;
UPDATE part SET k = 'b' WHERE id = 1;
DROP TRIGGER zz_swallow ON part_b;
INSERT INTO part VALUES (9, 'b');
COMMIT;
SELECT action, relation, moved, coalesce(before, after) AS row FROM cipguard.audit_log
	WHERE relation LIKE 'audit\_batch.part\__' AND action <> 'DEFINITION' AND seq > current_setting('audit_batch.mark')::bigint ORDER BY seq;
DROP TABLE part;
SELECT count(*) > 0 AS begin FROM events();

-- 7. Months that are over get indexes
SET client_min_messages = warning;
CREATE TABLE cipguard.audit_change_202001 PARTITION OF cipguard.audit_change FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2020-02-01 00:00+00');
RESET client_min_messages;
SELECT cipguard.index_closed_months();
SELECT cipguard.index_closed_months();
SELECT indexdef FROM pg_indexes WHERE tablename = 'audit_change_202001' ORDER BY 1;
DROP TABLE cipguard.audit_change_202001;

-- 8. The extension goes in the transaction of a change
BEGIN;
INSERT INTO item VALUES (7001, 'x');
SET LOCAL client_min_messages = warning;
DROP EXTENSION cipguard CASCADE;
INSERT INTO item VALUES (7002, 'not audited');
ROLLBACK;
INSERT INTO item VALUES (7003, 'audited');
SELECT action, first FROM events();

-- 9. Notes
SELECT cipguard.audit_note('\x0261006263', 1), cipguard.audit_note('\x0261006263', 2), cipguard.audit_note('\x0261', 1),
	cipguard.audit_note('\x0261', 2), cipguard.audit_note('\x026100', 2), cipguard.audit_note('\x02', 1), cipguard.audit_note('', 1), cipguard.audit_note('\x01', 1),
	cipguard.audit_note('\x0261', 3), cipguard.audit_note(NULL, 1);
SELECT cipguard.audit_note('\x02ff', 1);

RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA audit_batch CASCADE;
SET ROLE cipguard_officer;
SELECT cipguard.close_maintenance();
RESET ROLE;

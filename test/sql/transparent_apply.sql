-- server: masked
-- What applications do inside of the server: functions that read a row and
-- write it back, triggers, row security, defaults, COPY FROM, CTEs that write.
\i test/sql/transparent.inc
-- Stored values, as a reader's function tells them.
SET ROLE regress_cipguard_reader;
CREATE FUNCTION stored(int) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = regress_tr, pg_temp AS 'SELECT format(''%s %s %s %s %s %s %s %s %s'', tel, born, pay, tags, adr, doc, mobile, phones, note) FROM client WHERE id = $1';
SELECT stored(1);

-- Variables of functions hold masks, and are written back like those.
SET ROLE regress_cipguard_clerk;
BEGIN;
DO $$
DECLARE
	r client;
	e record;
	t text;
BEGIN
	SELECT * INTO r FROM client WHERE id = 1;
	r.note := 'row';
	UPDATE client SET name = r.name, tel = r.tel, card = r.card, nick = r.nick, dom = r.dom, born = r.born, seen = r.seen, pay = r.pay, bonus = r.bonus, ip = r.ip, doc = r.doc, pic = r.pic, uid = r.uid, tags = r.tags, adr = r.adr, note = r.note WHERE id = 1;
	UPDATE client SET (tel, born, tags, mobile, phones) = (SELECT r.tel, r.born, r.tags, r.mobile, r.phones) WHERE id = 1;
	UPDATE client SET mobile = r.mobile, phones = r.phones, home = r.home WHERE id = 1;
	FOR e IN SELECT * FROM client LOOP
		UPDATE client SET tel = e.tel, mobile = e.mobile, doc = e.doc, note = note || ' loop' WHERE id = e.id;
	END LOOP;
	SELECT mobile INTO t FROM client WHERE id = 1;
	UPDATE client SET mobile = t WHERE id = 1;
	EXECUTE 'UPDATE client SET tel = $1, phones = $2 WHERE id = 1' USING r.tel, r.phones;
END
$$;
SELECT stored(1);
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM client WHERE id = 1 FOR UPDATE;
FETCH 1 c \gset
UPDATE client SET tel = :'tel', born = :'born', mobile = :'mobile', note = 'cursor' WHERE CURRENT OF c;
SELECT stored(1);
SAVEPOINT s;
UPDATE client SET tel = '1';
ROLLBACK TO s;
SELECT stored(1);
ROLLBACK;
BEGIN;
UPDATE client c SET tel = p.tel, born = p.born, pay = p.pay, note = 'json' FROM jsonb_to_recordset('[{"id": 1, "tel": "138****8001", "born": "1990-01-01", "pay": 12000}, {"id": 2, "tel": "13911112222", "born": "1980-01-02", "pay": null}]') p (id int, tel text, born date, pay int) WHERE p.id = c.id;
SELECT stored(1);
SELECT stored(2);
ROLLBACK;

-- Triggers see what is stored; those of readers keep it.
SET ROLE regress_cipguard_reader;
CREATE TABLE history (n serial, id int, old text, new text, mobile cipguard.enc_text('mobile'));
SECURITY LABEL FOR cipguard ON COLUMN history.old IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN history.new IS 'mobile';
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = regress_tr, pg_temp AS $$ BEGIN INSERT INTO history (id, old, new, mobile) SELECT o.id, o.tel, n.tel, o.mobile FROM o JOIN n USING (id) ORDER BY id; RETURN NULL; END $$;
CREATE FUNCTION trimmed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = regress_tr, pg_temp AS $$ BEGIN NEW.tel := replace(NEW.tel, ' ', ''); IF NEW.name IS NULL THEN SELECT name INTO NEW.name FROM client WHERE tel = NEW.tel; END IF; RETURN NEW; END $$;
SET ROLE regress_cipguard_owner;
CREATE TRIGGER keep AFTER UPDATE ON client REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION keep();
CREATE TRIGGER trimmed BEFORE INSERT OR UPDATE ON client FOR EACH ROW EXECUTE FUNCTION trimmed();
SET ROLE regress_cipguard_clerk;
BEGIN;
UPDATE client SET note = 'touched' WHERE id < 3;
UPDATE client SET tel = '139 1111222' WHERE id = 2 RETURNING tel;
INSERT INTO client (id, tel) VALUES (5, '13800138001') RETURNING name, tel;
SET LOCAL ROLE regress_cipguard_reader;
SELECT id, old, new, mobile FROM history ORDER BY n;
SELECT name, tel FROM client WHERE id = 5;
ROLLBACK;
RESET ROLE;
DROP TRIGGER keep ON client;
DROP TRIGGER trimmed ON client;

-- Policies judge what is stored; conditions of users see masks.
CREATE POLICY seen ON client USING (tel LIKE '13_0013%' AND born > '1900-01-01');
CREATE POLICY written ON client FOR INSERT WITH CHECK (tel LIKE '13%');
ALTER TABLE client ENABLE ROW LEVEL SECURITY;
SET ROLE regress_cipguard_clerk;
SELECT id, tel FROM client ORDER BY id;
SELECT id FROM client WHERE tel LIKE '1380%';
BEGIN;
UPDATE client SET tel = tel, note = 'policy';
UPDATE client SET tel = '138****8001' WHERE id = 1;
INSERT INTO client (id, tel) VALUES (5, '13911112222');
SELECT stored(1);
UPDATE client SET tel = '22' WHERE id = 1;
ROLLBACK;
SELECT test.error_of($$INSERT INTO regress_tr.client (id, tel) VALUES (5, '22')$$);
SET ROLE regress_cipguard_reader;
SELECT id, tel FROM client ORDER BY id;
RESET ROLE;
DROP POLICY seen ON client;
DROP POLICY written ON client;
ALTER TABLE client DISABLE ROW LEVEL SECURITY;

-- Defaults, identity, COPY FROM, statements that write in a CTE.
CREATE TABLE made (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tel text DEFAULT '13800000000', up text GENERATED ALWAYS AS (upper(tel)) STORED, mobile cipguard.enc_text('mobile') DEFAULT '13900000000');
CREATE TABLE bin (id int, tel text, mobile text);
SECURITY LABEL FOR cipguard ON COLUMN made.tel IS 'mobile';
GRANT ALL ON made, bin TO PUBLIC;
SET ROLE regress_cipguard_clerk;
INSERT INTO made DEFAULT VALUES RETURNING *;
INSERT INTO made (tel) VALUES (DEFAULT), ('13911112222') RETURNING *;
UPDATE made SET tel = DEFAULT, mobile = DEFAULT, up = DEFAULT WHERE id = 3 RETURNING *;
COPY made (tel, mobile) FROM STDIN;
13922223333	13922223333
\.
WITH i AS (INSERT INTO made (tel, mobile) VALUES ('13933334444', '13933334444') RETURNING id, tel) SELECT * FROM i;
WITH u AS (UPDATE made SET tel = '13944445555' WHERE id = 1 RETURNING *), d AS (DELETE FROM made WHERE id = 2 RETURNING *) SELECT u.tel, d.tel, d.mobile FROM u, d;
WITH d AS (DELETE FROM made WHERE id = 4 RETURNING *) INSERT INTO bin SELECT id, tel, mobile::text FROM d;
SELECT test.error_of('WITH d AS (DELETE FROM regress_tr.made RETURNING *) INSERT INTO regress_tr.made (tel) SELECT tel FROM d');
SELECT * FROM made ORDER BY id;
SET ROLE regress_cipguard_reader;
SELECT * FROM made ORDER BY id;
SELECT * FROM bin;
WITH d AS (DELETE FROM made WHERE id = 5 RETURNING *) INSERT INTO made (tel, mobile) SELECT tel, mobile FROM d;
SELECT tel, mobile FROM made WHERE id = 6;
RESET ROLE;
\i test/sql/transparent_end.inc

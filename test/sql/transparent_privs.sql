-- server: masked
-- What masked owners may still do with their tables, and foreign keys from and
-- to protected columns.
\i test/sql/transparent.inc
CREATE FUNCTION did(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END
$$;
SET ROLE regress_cipguard_reader;
CREATE FUNCTION of_reader() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = regress_tr, pg_temp AS $$ BEGIN NEW.note := coalesce(NEW.note, '') || ' seen'; RETURN NEW; END $$;
SET ROLE regress_cipguard_owner;
CREATE TABLE plain (id int PRIMARY KEY, note text);
INSERT INTO plain SELECT generate_series(1, 4);
CREATE TABLE p (id int, tel varchar(20), note text) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (10);
SECURITY LABEL FOR cipguard ON COLUMN p.tel IS 'mobile';
INSERT INTO p VALUES (1, '13800138001', 'x');
CREATE TABLE p2 (note text, tel varchar(20), id int);
INSERT INTO p2 VALUES ('y', '13900139002', 12);

-- Definitions that run no code of theirs on what is stored.
SELECT did(s), s FROM unnest(ARRAY[
	'ALTER TABLE client ADD COLUMN extra int', 'ALTER TABLE client ADD COLUMN made timestamptz NOT NULL DEFAULT now()', 'ALTER TABLE client ADD COLUMN wechat cipguard.enc_text(''wechat'')', 'ALTER TABLE client ADD COLUMN ref int REFERENCES plain',
	'ALTER TABLE client ALTER note SET DEFAULT ''none''', 'ALTER TABLE client ALTER tel SET DEFAULT NULL', 'ALTER TABLE client ALTER extra TYPE bigint', 'ALTER TABLE client ALTER id SET NOT NULL', 'ALTER TABLE p ALTER tel SET NOT NULL', 'ALTER TABLE p ALTER tel DROP NOT NULL',
	'ALTER TABLE client ADD CONSTRAINT tel_key UNIQUE (tel)', 'ALTER TABLE client ADD UNIQUE (note, born)', 'CREATE INDEX born_idx ON client (born, tel)', 'CREATE INDEX phones_idx ON client USING gin (tags)', 'CREATE STATISTICS st ON tel, born FROM client',
	'ALTER TABLE client RENAME COLUMN note TO remark', 'ALTER TABLE client RENAME COLUMN remark TO note', 'ALTER TABLE client RENAME TO customer', 'ALTER TABLE customer RENAME TO client', 'ALTER TABLE client SET (fillfactor = 80)', 'ALTER TABLE client ALTER tel SET STATISTICS 10', 'ALTER TABLE client CLUSTER ON client_pkey',
	'ALTER TABLE client DROP COLUMN extra', 'ALTER TABLE client DROP CONSTRAINT tel_key', 'ALTER TABLE client ENABLE ROW LEVEL SECURITY', 'ALTER TABLE client DISABLE ROW LEVEL SECURITY', 'ALTER TABLE client REPLICA IDENTITY FULL', 'COMMENT ON COLUMN client.tel IS ''telephone''', 'GRANT SELECT ON client TO PUBLIC',
	'CREATE TRIGGER t BEFORE INSERT OR UPDATE ON client FOR EACH ROW EXECUTE FUNCTION of_reader()', 'ALTER TABLE client DISABLE TRIGGER t', 'ALTER TABLE client ENABLE TRIGGER t', 'CREATE VIEW of_owner AS SELECT tel FROM client', 'CREATE FUNCTION f() RETURNS SETOF client LANGUAGE sql AS ''TABLE client''',
	'CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (20) TO (30)', 'ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20)', 'ALTER TABLE p DETACH PARTITION p3', 'ALTER TABLE p ATTACH PARTITION p3 FOR VALUES FROM (20) TO (30)', 'CREATE TABLE p4 PARTITION OF p DEFAULT PARTITION BY LIST (note)',
	'CREATE INDEX ON p (tel)', 'ALTER TABLE p ADD COLUMN extra text', 'CREATE TABLE like_it (LIKE client INCLUDING ALL)', 'CREATE TABLE kid () INHERITS (client)', 'CREATE TABLE kid2 (own int) INHERITS (client)',
	'CREATE TABLE fresh (id int PRIMARY KEY, tel cipguard.enc_text(''mobile'') NOT NULL UNIQUE, age int CHECK (age > 0), up text GENERATED ALWAYS AS (age::text || ''!'') STORED, CHECK (id > age))', 'ALTER TABLE fresh ADD CHECK (age < 200)', 'TRUNCATE fresh', 'DROP TABLE fresh',
	'ANALYZE client', 'REINDEX TABLE client', 'CLUSTER client', 'LOCK TABLE client', 'DROP VIEW of_owner', 'ALTER TABLE plain ADD CHECK (id > 0)', 'CREATE INDEX ON plain ((note || ''x''))', 'ALTER TABLE client ADD CONSTRAINT ex EXCLUDE USING btree (note WITH =)']) s;
CREATE INDEX CONCURRENTLY nick_idx ON client (nick);
REINDEX INDEX CONCURRENTLY nick_idx;
VACUUM (ANALYZE) client;
-- What a table and its label are made of in one transaction.
BEGIN;
CREATE TABLE fresh (id int, tel text);
SECURITY LABEL FOR cipguard ON COLUMN fresh.tel IS 'mobile';
ALTER TABLE fresh ADD CHECK (tel ~ '^1'), ADD COLUMN up text GENERATED ALWAYS AS (upper(tel)) STORED;
CREATE INDEX ON fresh (lower(tel));
COMMIT;
INSERT INTO fresh VALUES (1, '13800138001');
SELECT * FROM fresh;
INSERT INTO client (id, tel, note) VALUES (9, '13911112222', 'new') RETURNING tel, note;
SELECT id, tel, note FROM p ORDER BY id;
SELECT * FROM p2;
-- What would run it, or show what is stored.
SELECT did(s), s FROM unnest(ARRAY[
	'ALTER TABLE client ADD CHECK (tel <> ''x'')', 'ALTER TABLE client ADD COLUMN g text GENERATED ALWAYS AS (lower(tel)) STORED', 'ALTER TABLE client ALTER tel TYPE text', 'ALTER TABLE client ALTER note TYPE text USING tel', 'CREATE INDEX ON client (lower(tel))', 'CREATE INDEX ON client (id) WHERE tel = ''x''',
	'CREATE STATISTICS st2 ON lower(tel) FROM client', 'CREATE POLICY po ON client USING (true)', 'CREATE RULE ru AS ON INSERT TO client DO ALSO NOTHING']) s;
-- A superuser, and who may read, may.
RESET ROLE;
SELECT did(s), s FROM unnest(ARRAY['ALTER TABLE client ADD CONSTRAINT su CHECK (tel <> ''x'')', 'CREATE INDEX ON client (lower(tel)) WHERE id > 0', 'CREATE POLICY po ON client USING (true)', 'ALTER TABLE client DROP CONSTRAINT su', 'DROP POLICY po ON client', 'ALTER TABLE client ALTER card TYPE varchar(20)', 'ALTER TABLE client ALTER card TYPE text USING trim(card)', 'ALTER TABLE client ALTER dom TYPE cipguard.enc_text(''mobile'') USING dom::text']) s;
DROP TABLE kid, kid2;
ALTER TABLE client OWNER TO regress_cipguard_reader;
SET ROLE regress_cipguard_reader;
SELECT did(s), s FROM unnest(ARRAY['ALTER TABLE client ADD CONSTRAINT re CHECK (tel <> ''x'')', 'CREATE INDEX ON client (upper(tel))', 'CREATE POLICY po ON client USING (true)', 'ALTER TABLE client ADD COLUMN g text GENERATED ALWAYS AS (lower(tel)) STORED']) s;
SELECT id, tel, card, dom, g FROM client WHERE id = 1;
SET ROLE regress_cipguard_clerk;
SELECT id, tel, card, dom, g FROM client WHERE id = 1;
RESET ROLE;

-- Foreign keys, made by a masked owner: to unprotected columns, between
-- encrypted columns, between labelled ones.
SET ROLE regress_cipguard_owner;
CREATE TABLE person (id int PRIMARY KEY, tel varchar(20) UNIQUE, mobile cipguard.enc_text('mobile') UNIQUE, boss int REFERENCES person DEFERRABLE INITIALLY DEFERRED, note text);
CREATE TABLE orders (no int PRIMARY KEY, person int REFERENCES person ON UPDATE CASCADE ON DELETE CASCADE, ship_to text);
CREATE TABLE calls (no int PRIMARY KEY, tel varchar(20) REFERENCES person (tel) ON UPDATE CASCADE ON DELETE CASCADE, mobile cipguard.enc_text('mobile') REFERENCES person (mobile) ON UPDATE CASCADE ON DELETE SET NULL);
CREATE TABLE late (no int, tel varchar(20) DEFAULT '13900139009' REFERENCES person (tel) ON DELETE SET DEFAULT DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE nulls (no int, tel varchar(20) REFERENCES person (tel) ON DELETE SET NULL ON UPDATE SET NULL);
CREATE TABLE parted (no int, mobile cipguard.enc_text('mobile') REFERENCES person (mobile) ON UPDATE CASCADE ON DELETE CASCADE, person int) PARTITION BY LIST (no);
CREATE TABLE parted1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted2 (person int, mobile cipguard.enc_text('mobile'), no int);
ALTER TABLE parted ATTACH PARTITION parted2 FOR VALUES IN (2);
SECURITY LABEL FOR cipguard ON COLUMN person.tel IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN calls.tel IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN late.tel IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN nulls.tel IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN orders.ship_to IS 'address';
INSERT INTO person VALUES (1, '13800138001', '13800138001', 2), (2, '13900139002', '13900139002', NULL), (9, '13900139009', '13900139009', 9);
INSERT INTO orders VALUES (1, 1, 'x'), (2, 2, 'y'), (3, NULL, 'z');
INSERT INTO calls VALUES (1, '13800138001', '13900139002'), (2, '13900139002', '13800138001'), (3, NULL, NULL);
INSERT INTO late VALUES (1, '13800138001'), (2, '13900139002');
INSERT INTO nulls VALUES (1, '13800138001'), (2, '13900139002');
INSERT INTO parted VALUES (1, '13800138001', 1), (2, '13800138001', 1), (2, '13900139002', 2);
SELECT did(s), s FROM unnest(ARRAY['ALTER TABLE parted ADD FOREIGN KEY (person) REFERENCES person ON DELETE SET NULL', 'ALTER TABLE calls ADD COLUMN person int REFERENCES person', 'ALTER TABLE person ADD CONSTRAINT nv FOREIGN KEY (boss) REFERENCES person NOT VALID', 'ALTER TABLE person VALIDATE CONSTRAINT nv', 'ALTER TABLE person DROP CONSTRAINT nv']) s;
GRANT ALL ON person, orders, calls, late, nulls, parted TO PUBLIC;
-- What is stored after a statement, as a reader's function tells it.
SET ROLE regress_cipguard_reader;
CREATE FUNCTION stored() RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = regress_tr, pg_temp AS $$
	SELECT concat_ws(' | ', (SELECT string_agg(format('%s %s %s', id, right(tel, 4), right(mobile::text, 4)), ', ' ORDER BY id) FROM person), (SELECT string_agg(format('%s %s', no, person), ', ' ORDER BY no) FROM orders),
		(SELECT string_agg(format('%s %s %s', no, right(tel, 4), right(mobile::text, 4)), ', ' ORDER BY no) FROM calls), (SELECT string_agg(format('%s %s', no, right(tel, 4)), ', ' ORDER BY no) FROM late), (SELECT string_agg(format('%s %s', no, right(tel, 4)), ', ' ORDER BY no) FROM nulls), (SELECT string_agg(format('%s %s %s', no, right(mobile::text, 4), person), ', ' ORDER BY no, mobile::text) FROM parted))
$$;
RESET ROLE;
CREATE FUNCTION ends(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	SET CONSTRAINTS ALL IMMEDIATE;
	RAISE SQLSTATE 'ZZ000' USING MESSAGE = stored();
EXCEPTION
	WHEN SQLSTATE 'ZZ000' THEN
		RETURN SQLERRM;
	WHEN OTHERS THEN
		RETURN SQLSTATE || ': ' || SQLERRM;
END
$$;
CREATE TABLE keys (n serial, statement text, ends text);
GRANT SELECT, UPDATE ON keys TO PUBLIC;
INSERT INTO keys (statement) VALUES
	('UPDATE person SET note = ''x'''), ('DELETE FROM calls; DELETE FROM late; DELETE FROM parted; DELETE FROM person WHERE id = 1'), ('DELETE FROM calls; DELETE FROM nulls; DELETE FROM parted; DELETE FROM person WHERE id = 1'), ('DELETE FROM calls; DELETE FROM late; DELETE FROM nulls; DELETE FROM person WHERE id = 1'), ('DELETE FROM late; UPDATE person SET tel = ''13700137007'' WHERE id = 1'), ('DELETE FROM parted; UPDATE person SET id = 7 WHERE id = 9'), ('DELETE FROM person WHERE id = 1'), ('DELETE FROM person WHERE id = 2'), ('UPDATE person SET boss = NULL WHERE id = 1; DELETE FROM person WHERE id = 2'), ('UPDATE person SET id = 7 WHERE id = 1'), ('UPDATE person SET tel = ''13700137007'' WHERE id = 9'),
	('UPDATE person SET tel = ''13700137007'' WHERE id = 1'), ('UPDATE person SET mobile = ''13700137007'' WHERE id = 1'), ('UPDATE person SET tel = ''13900139002'' WHERE id = 1'), ('UPDATE person SET tel = tel, mobile = mobile'),
	('INSERT INTO calls VALUES (4, ''13800138001'', ''13800138001'')'), ('INSERT INTO calls VALUES (4, ''13700137007'', NULL)'), ('INSERT INTO calls VALUES (4, NULL, ''13700137007'')'), ('UPDATE calls SET tel = ''13900139002'', mobile = ''13900139002'' WHERE no = 1'),
	('UPDATE calls SET no = no + 10'), ('UPDATE calls SET tel = ''13700137007'' WHERE no = 1'), ('DELETE FROM calls'), ('INSERT INTO late VALUES (3, ''13700137007''); INSERT INTO person (id, tel) VALUES (7, ''13700137007'')'), ('INSERT INTO late VALUES (3, ''13700137007'')'),
	('INSERT INTO parted VALUES (1, ''13900139002'', 2)'), ('INSERT INTO parted VALUES (2, ''13700137007'', 2)'), ('UPDATE parted SET no = 1'), ('UPDATE orders SET person = 8'), ('INSERT INTO orders VALUES (4, 2)');
SET ROLE regress_cipguard_reader;
UPDATE keys SET ends = ends(statement);
SELECT statement, ends FROM keys ORDER BY n;
SET ROLE regress_cipguard_clerk;
SELECT statement, ends(statement) FROM keys WHERE ends(statement) IS DISTINCT FROM ends ORDER BY n;
SET ROLE regress_cipguard_search;
SELECT statement, ends(statement) FROM keys WHERE ends(statement) IS DISTINCT FROM ends ORDER BY n;
SET ROLE regress_cipguard_owner;
SELECT statement, ends(statement) FROM keys WHERE ends(statement) IS DISTINCT FROM ends ORDER BY n;
RESET ROLE;
SELECT statement, ends(statement) FROM keys WHERE ends(statement) IS DISTINCT FROM ends ORDER BY n;

-- A superuser restores what pg_dump wrote: rows by COPY, then constraints,
-- indexes, labels and triggers.
BEGIN;
SET LOCAL check_function_bodies = off;
SET LOCAL row_security = off;
CREATE TABLE restored (id int, tel varchar(20), note text, up text GENERATED ALWAYS AS (upper(tel)) STORED, mobile cipguard.enc_text('mobile'));
SECURITY LABEL FOR cipguard ON COLUMN restored.tel IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN restored.id IS 'subject';
COPY restored (id, tel) FROM STDIN;
1	13800138001
2	13900139002
\.
ALTER TABLE restored ADD CONSTRAINT restored_pkey PRIMARY KEY (id), ADD CONSTRAINT c CHECK (tel <> 'x');
CREATE INDEX ON restored (lower(tel));
ALTER TABLE restored ADD CONSTRAINT fk FOREIGN KEY (tel) REFERENCES person (tel);
CREATE TRIGGER t BEFORE INSERT ON restored FOR EACH ROW EXECUTE FUNCTION of_reader();
COMMIT;
SELECT id, tel, up FROM restored ORDER BY id;
\i test/sql/transparent_end.inc

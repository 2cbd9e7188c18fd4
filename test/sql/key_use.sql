-- What still uses which version of a key.
CREATE SCHEMA regress_use;
SET search_path = regress_use, public;
SELECT cipguard.add_category('regress_used', 'searchable') IS NOT NULL AS added;
CREATE ROLE regress_cipguard_use;
SELECT cipguard.grant_access('regress_cipguard_use', 'regress_used', 'search') IS NOT NULL AS granted;
GRANT USAGE ON SCHEMA regress_use TO regress_cipguard_use;
CREATE FUNCTION uses() RETURNS TABLE (kind "char", version int, relation text, attribute text, place text, "rows" bigint) LANGUAGE sql AS $$
	SELECT u.kind, u.version, u.relation::text, u.attribute, u.place, u.rows
	FROM cipguard.key_use() u
	WHERE u.owner = cipguard.category_id('regress_used')
	ORDER BY u.kind, u.place, u.relation::text COLLATE "C", u.attribute COLLATE "C", u.version
$$;
SELECT * FROM uses();

-- Columns of all kinds.
CREATE TYPE pair AS (a cipguard.enc_text('regress_used'), b int);
CREATE DOMAIN used AS cipguard.enc_text('regress_used');
CREATE TABLE kinds (id int, plain cipguard.enc_text('regress_used'), array1 cipguard.enc_text('regress_used')[], pair pair, pairs pair[], used used, gone cipguard.enc_text('regress_used'));
INSERT INTO kinds VALUES
	(1, 'a', ARRAY['a', NULL, 'b']::cipguard.enc_text('regress_used')[], ROW('a'::cipguard.enc_text('regress_used'), 1)::pair,
		ARRAY[ROW('a'::cipguard.enc_text('regress_used'), 1)::pair, NULL, ROW(NULL::cipguard.enc_text('regress_used'), 2)::pair], 'a', 'x'),
	(2, repeat('long ', 100000), '{}', NULL, NULL, NULL, 'x');
ALTER TABLE kinds DROP gone;
CREATE TABLE later (id int);
INSERT INTO later VALUES (1), (2);
-- Nobody wrote these two.
ALTER TABLE later ADD value cipguard.enc_text('regress_used') DEFAULT 'a'::cipguard.enc_text('regress_used');
CREATE TEMP TABLE temporary (value cipguard.enc_text('regress_used'));
INSERT INTO temporary VALUES ('a');
CREATE TABLE parted (value cipguard.enc_text('regress_used')) PARTITION BY LIST (value);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
GRANT ALL ON parted, parted_a, parted_rest TO regress_cipguard_use;
SET ROLE regress_cipguard_use;
INSERT INTO parted VALUES ('a'), ('b');
RESET ROLE;
SELECT * FROM uses() WHERE place = 'column';

-- Rolled back, deleted and replaced ones do not count.
BEGIN;
SET LOCAL ROLE regress_cipguard_use;
INSERT INTO parted VALUES ('c');
RESET ROLE;
SELECT * FROM uses() WHERE relation = 'parted_rest' AND place = 'column';
ROLLBACK;
DELETE FROM parted WHERE value IS NOT NULL;
SELECT * FROM uses() WHERE relation ~ '^parted' AND place = 'column';

-- Constants.
SELECT * FROM uses() WHERE place = 'constant';

-- Images of the log, of values in arrays too.
SELECT cipguard.audit_table('kinds');
UPDATE kinds SET plain = 'c', array1 = NULL WHERE id = 1;
DELETE FROM kinds WHERE id = 1;
SELECT kind, version, relation, attribute, place, "rows" FROM uses() WHERE place = 'audit';

-- After another version nothing is left of the first but constants and images.
SELECT cipguard.rotate_key('regress_used');
CALL cipguard.reencrypt('kinds');
CALL cipguard.reencrypt('later');
CALL cipguard.reencrypt('temporary');
SELECT * FROM uses();

RESET search_path;
SET client_min_messages = warning;
SET ROLE cipguard_officer;
SELECT cipguard.open_maintenance('test') IS NOT NULL AS opened;
RESET ROLE;
DROP SCHEMA regress_use CASCADE;
DROP TABLE pg_temp.temporary;
DROP ROLE regress_cipguard_use;
SET ROLE cipguard_officer;
SELECT cipguard.close_maintenance();

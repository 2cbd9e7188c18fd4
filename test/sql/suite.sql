-- Cipher suites: by default and by category, tables with values of several,
-- rotation of token keys.
CREATE ROLE regress_cipguard_reader;
CREATE ROLE regress_cipguard_officer;
GRANT cipguard_officer TO regress_cipguard_officer;
CREATE SCHEMA regress_suite;
GRANT USAGE, CREATE ON SCHEMA regress_suite TO regress_cipguard_reader, regress_cipguard_officer;
SET search_path = regress_suite;

-- Suite, and versions of data and token key, in the header of a value.
CREATE FUNCTION regress_suite.head(value cipguard.enc_text) RETURNS text LANGUAGE sql AS
	$$SELECT format('suite %s, data key %s, token key %s', get_byte(b, 1), get_byte(b, 9), get_byte(b, 11)) FROM test.raw(value) b$$;

-- Categories of either family.
SELECT cipguard.add_category('regress_a', suite => 'sm4') > 0 AS added;
SELECT cipguard.add_category('regress_b', mode => 'searchable', normalizer => 'phone', suite => 'sm4-searchable') > 0 AS added;
SELECT cipguard.add_category('regress_c', mode => 'searchable') > 0 AS added;
SELECT cipguard.add_category('regress_d', mode => 'searchable', token_domain => 'regress_b') > 0 AS added;
SET cipguard.default_suite = sm4;
SELECT cipguard.add_category('regress_e') > 0 AS added;
SELECT cipguard.add_category('regress_f', mode => 'searchable') > 0 AS added;
SELECT cipguard.add_category('regress_g', mode => 'searchable', token_domain => 'regress_c') > 0 AS added;
SELECT cipguard.add_category('regress_h', suite => 'aes') > 0 AS added;
RESET cipguard.default_suite;
SELECT name, mode, suite, token_domain FROM cipguard.category WHERE name LIKE 'regress\__' ORDER BY name COLLATE "C";
SELECT test.error_of($$SET cipguard.default_suite = 'des'$$);
SELECT test.error_of($$SELECT cipguard.add_category('regress_x', suite => 'sm4-searchable')$$);
SELECT test.error_of($$SELECT cipguard.add_category('regress_x', mode => 'searchable', suite => 'sm4-random')$$);
SELECT test.error_of($$SELECT cipguard.add_category('regress_x', suite => 'des')$$);
SELECT test.error_of($$SELECT cipguard.add_category('regress_x', suite => '')$$);
SELECT test.error_of($$SELECT cipguard.add_category('regress_x', mode => 'searchable', token_domain => 'regress_b', suite => 'aes')$$);
SELECT test.error_of($$SELECT cipguard.add_category('regress_x', mode => 'searchable', token_domain => 'cipguard.subject')$$);

SELECT cipguard.grant_access('regress_cipguard_reader', c) IS NOT NULL AS granted FROM unnest(ARRAY['regress_a', 'regress_b', 'regress_c', 'regress_d', 'regress_e']) c;
GRANT ALL ON SCHEMA regress_suite TO regress_cipguard_reader;

-- SM4: what is written is read and found.
SET ROLE regress_cipguard_reader;
CREATE TABLE client (id int PRIMARY KEY, note cipguard.enc_text('regress_a'), phone cipguard.enc_text('regress_b') UNIQUE);
INSERT INTO client VALUES (1, 'one', '13800138000'), (2, '', '138 0013 8002'), (3, repeat('长', 1000), NULL), (4, NULL, '');
SELECT id, length(note::text), left(note::text, 3), phone FROM client ORDER BY id;
SELECT id, head(note), head(phone) FROM client ORDER BY id;
SELECT id FROM client WHERE phone = '+86 138-0013-8002';
SELECT id FROM client WHERE phone = '13800138000'::text;
SELECT test.error_of($$INSERT INTO regress_suite.client VALUES (9, NULL, '138-0013-8000')$$);
SELECT id, note = note FROM client WHERE id = 1;
INSERT INTO client SELECT id + 10, note FROM client WHERE id = 1;
SELECT test.raw(a.note) <> test.raw(b.note) AS other_bytes, octet_length(test.raw(a.note)) - 12 - 16 - 16 AS padded FROM client a, client b WHERE a.id = 1 AND b.id = 2;
-- An armor with one bit changed.
SELECT test.error_of(format($$SELECT %L::cipguard.enc_text$$, 'cip1:' || rtrim(translate(encode(set_bit(test.raw(c.note), n, 1 - get_bit(test.raw(c.note), n)), 'base64'), E'+/\n', '-_'), '='))) AS damaged, count(*)
	FROM client c, unnest(ARRAY[64, 100, 224, 300, 340]) n WHERE id = 1 GROUP BY 1;
RESET ROLE;

-- Random categories change at once, and what is there stays readable.
SELECT test.error_of($$SELECT cipguard.alter_category_suite('regress_none', 'aes')$$);
SELECT test.error_of($$SELECT cipguard.alter_category_suite('regress_a', 'des')$$);
SELECT test.error_of($$SELECT cipguard.alter_category_suite('regress_a', 'aes-searchable')$$);
SET ROLE regress_cipguard_reader;
SELECT test.error_of($$SELECT cipguard.alter_category_suite('regress_a', 'aes')$$);
SET ROLE regress_cipguard_officer;
SELECT cipguard.alter_category_suite('regress_a', 'aes');
SET ROLE regress_cipguard_reader;
INSERT INTO client VALUES (5, 'five', '13800138005');
SELECT id, left(note::text, 5), head(note) FROM client WHERE id IN (1, 5) ORDER BY id;
RESET ROLE;
-- Searchable ones where no table has values.
SET ROLE regress_cipguard_officer;
SELECT cipguard.alter_category_suite('regress_g', 'sm4');
SELECT name, suite, suite_changed FROM cipguard.category WHERE token_domain = 'regress_c' ORDER BY name COLLATE "C";
SELECT cipguard.alter_category_suite('regress_b', 'aes');
SELECT relation FROM cipguard.token_domain_tables('regress_b');
RESET ROLE;

-- A dump brings the suite of a built-in category.
SELECT cipguard.alter_category_suite('wechat', 'sm4');
SELECT name, suite, suite_changed, mask_changed, builtin FROM cipguard.category WHERE name = 'wechat';
UPDATE cipguard.category SET suite = 'aes-random', suite_changed = false WHERE name = 'wechat';
INSERT INTO cipguard.category (name, level, sensitive, mask, validator, normalizer, mode, suite, token_domain, pad, builtin, mask_options, suite_changed) VALUES
	('wechat', 2, false, 'stars', 'none', 'none', 'random', 'sm4-random', 'wechat', 16, true, '{}', true);
SELECT name, mask, suite, suite_changed, mask_changed FROM cipguard.category WHERE name = 'wechat';
UPDATE cipguard.category SET suite = 'aes-random', suite_changed = false WHERE name = 'wechat';

-- Rotation: every place where tokens are, at once.
SET ROLE regress_cipguard_reader;
CREATE TYPE pair AS (label text, phone cipguard.enc_text('regress_b'));
CREATE DOMAIN phones AS cipguard.enc_text('regress_d');
CREATE TABLE visit (id int, phone cipguard.enc_text('regress_b') REFERENCES client (phone) ON UPDATE CASCADE, others cipguard.enc_text('regress_d')[], gone int, rest pair, d phones, city text);
INSERT INTO visit SELECT g, '13800138000', ARRAY['1390013900' || g, NULL, '13700137000']::cipguard.enc_text[], g, row('x', '1360013600' || g)::pair, '1350013500' || g, 'c' || g FROM generate_series(1, 4) g;
INSERT INTO visit SELECT 5, NULL, NULL, NULL, NULL, NULL, NULL;
ALTER TABLE visit DROP COLUMN gone;
ALTER TABLE visit ADD COLUMN late cipguard.enc_text('regress_b') DEFAULT '13400134000';
UPDATE visit SET city = 'x' WHERE id = 2;
DELETE FROM visit WHERE id = 3;
CREATE INDEX visit_hash ON visit USING hash (phone);
CREATE INDEX visit_d ON visit (d) WHERE city <> 'x';
CREATE TABLE part (id int, phone cipguard.enc_text('regress_b')) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE part_2 (phone cipguard.enc_text('regress_b'), id int);
ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES FROM (10) TO (20);
CREATE UNIQUE INDEX ON part (phone, id);
INSERT INTO part VALUES (1, '13800138000'), (11, '13800138000'), (12, '13800138012');
CREATE TEMP TABLE mine AS SELECT id, phone FROM client;
CREATE TABLE kept (armor text);
INSERT INTO kept SELECT cipguard.enc_text_out(phone)::text FROM client WHERE id = 1;
SET cipguard.output = armor;
UPDATE kept SET armor = (SELECT cipguard.enc_text_out(phone)::text FROM client WHERE id = 1);
RESET cipguard.output;
CREATE TABLE checked (phone cipguard.enc_text('regress_b') CHECK (phone <> '13800138000'));
SET plan_cache_mode = force_generic_plan;
PREPARE find(text) AS SELECT id FROM client WHERE phone = $1 ORDER BY id;
PREPARE joined AS SELECT c.id, v.id FROM client c JOIN visit v USING (phone) ORDER BY v.id;
EXECUTE find('13800138000');
EXECUTE joined;
SELECT test.error_of($$SELECT cipguard.rotate_token_key('regress_b')$$);
RESET ROLE;
CREATE TABLE xmins AS SELECT id, xmin::text AS x FROM regress_suite.client;
SET ROLE regress_cipguard_officer;
SELECT relation FROM cipguard.token_domain_tables('regress_b') ORDER BY relation::text COLLATE "C";
SELECT cipguard.rotate_token_key('regress_b', 'aes');
RESET ROLE;
SELECT count(*) AS same_xmin FROM client c JOIN xmins x ON x.id = c.id AND x.x = c.xmin::text;
SET ROLE regress_cipguard_reader;
EXECUTE find('13800138000');
EXECUTE joined;
SELECT id, phone, head(phone) FROM client ORDER BY id;
SELECT id, phone, others, rest, d, city, late FROM visit ORDER BY id;
SELECT DISTINCT head(e) FROM visit v, unnest(v.others || (v.rest).phone || v.d::cipguard.enc_text || v.late) e;
SELECT p.id, c.id, head(p.phone) FROM part p JOIN client c USING (phone) ORDER BY p.id;
SELECT count(*) FROM mine JOIN client USING (phone);
SELECT id FROM client WHERE phone = (SELECT armor FROM kept)::cipguard.enc_text;
SELECT id FROM client WHERE phone = (SELECT armor FROM kept);
SELECT id FROM visit WHERE '13900139004'::cipguard.enc_text('regress_d') = ANY (others);
SELECT id FROM visit WHERE d = '13500135001' ;
SET enable_seqscan = off;
SELECT id FROM visit WHERE phone = '13800138000' ORDER BY id;
SELECT id FROM part WHERE phone = '13800138012';
RESET enable_seqscan;
SELECT test.error_of($$INSERT INTO regress_suite.client VALUES (9, NULL, '138-0013-8000')$$);
SELECT test.error_of($$INSERT INTO regress_suite.visit (phone) VALUES ('13900000000')$$);
SELECT test.error_of($$INSERT INTO regress_suite.checked VALUES ('13800138000')$$);
SELECT test.error_of($$INSERT INTO regress_suite.part VALUES (1, '13800138000')$$);
INSERT INTO visit (id, phone, late) VALUES (7, '13800138005', (SELECT armor FROM kept));
SELECT id, head(late), late FROM visit WHERE id = 7;
INSERT INTO checked VALUES ('13800138001'), ((SELECT armor FROM kept)::cipguard.enc_text);
UPDATE client SET phone = '13800138111' WHERE id = 1;
SELECT id FROM visit WHERE phone = '13800138111' ORDER BY id;
RESET ROLE;
SELECT kind, version, state FROM cipguard.key_status WHERE of = 'regress_b' ORDER BY kind, version;
SELECT name, suite, suite_changed FROM cipguard.category WHERE token_domain = 'regress_b' ORDER BY name COLLATE "C";

-- A value that was somewhere else meanwhile, here in a variable across
-- transactions, compares as if it had been replaced.
DO $$
DECLARE
	kept cipguard.enc_text('regress_b') := '13800138077';
BEGIN
	COMMIT;
	PERFORM cipguard.rotate_token_key('regress_b', 'sm4');
	COMMIT;
	INSERT INTO regress_suite.client VALUES (30, 'kept', kept);
	COMMIT;
	BEGIN
		INSERT INTO regress_suite.client VALUES (31, 'again', kept);
	EXCEPTION WHEN unique_violation THEN
		RAISE NOTICE 'there is one already';
	END;
END
$$;
INSERT INTO client SELECT g, 'x', '138' || g FROM generate_series(10000031, 10000060) g;
SET ROLE regress_cipguard_reader;
SELECT head(phone) FROM client WHERE id = 30;
SET enable_seqscan = off;
SELECT id FROM client WHERE phone = '13800138077';
INSERT INTO visit (id, phone) VALUES (30, '13800138077'), (31, '13810000031');
SELECT c.id, v.id FROM client c JOIN visit v USING (phone) WHERE v.id IN (30, 31) ORDER BY v.id;
RESET enable_seqscan;
SET enable_nestloop = off;
SET enable_mergejoin = off;
SELECT c.id, v.id FROM client c JOIN visit v USING (phone) WHERE v.id IN (30, 31) ORDER BY v.id;
RESET enable_nestloop;
RESET enable_mergejoin;
SELECT test.error_of($$INSERT INTO regress_suite.client VALUES (9, NULL, '138-0013-8077')$$);
RESET ROLE;
SELECT cipguard.rotate_token_key('regress_b', 'aes');
SELECT head(phone) FROM client WHERE id = 30;
BEGIN;
-- In one transaction, after values of the version before, and undone.
SET ROLE regress_cipguard_reader;
INSERT INTO client VALUES (20, 'twenty', '13800138020');
SET ROLE regress_cipguard_officer;
SELECT cipguard.rotate_token_key('regress_b');
SET ROLE regress_cipguard_reader;
SELECT id, head(phone) FROM client WHERE phone = '13800138020';
INSERT INTO client VALUES (21, 'more', '13800138021');
RESET ROLE;
SAVEPOINT s;
SELECT cipguard.rotate_token_key('regress_b', 'sm4');
SET ROLE regress_cipguard_reader;
SELECT id, head(phone) FROM client WHERE phone = '13800138021';
ROLLBACK TO s;
SET ROLE regress_cipguard_reader;
SELECT id, head(phone) FROM client WHERE phone IN ('13800138020', '13800138021') ORDER BY id;
COMMIT;
SELECT id, head(phone) FROM client WHERE phone IN ('13800138020', '13800138021') ORDER BY id;
RESET ROLE;

-- What refuses.
CREATE TABLE hashed (phone cipguard.enc_text('regress_b')) PARTITION BY HASH (phone);
CREATE TABLE listed (phone cipguard.enc_text('regress_d')) PARTITION BY LIST (phone);
\set SHOW_CONTEXT never
SELECT cipguard.rotate_token_key('regress_b');
DROP TABLE hashed, listed;
SELECT test.error_of($$SELECT cipguard.rotate_token_key(NULL)$$);
SELECT test.error_of($$SELECT cipguard.rotate_token_key('regress_a')$$);
SELECT test.error_of($$SELECT cipguard.rotate_token_key('cipguard.subject')$$);
SELECT test.error_of($$SELECT cipguard.rotate_token_key('regress_b', 'sm4-random')$$);
CREATE FUNCTION in_use() RETURNS void LANGUAGE plpgsql AS $$DECLARE r record; BEGIN FOR r IN SELECT 1 FROM regress_suite.client LOOP PERFORM cipguard.rotate_token_key('regress_b'); END LOOP; END$$;
SELECT test.error_of($$SELECT regress_suite.in_use()$$);
SELECT version, state FROM cipguard.key_status WHERE of = 'regress_b' AND kind = 'token key' ORDER BY version;

-- What is on record of a rotation.
SELECT action, detail FROM cipguard.audit_log
	WHERE xid = (SELECT xid FROM cipguard.audit_log WHERE action = 'TOKEN_KEY' AND detail LIKE '% regress\_b: version 3,%' ORDER BY seq DESC LIMIT 1) ORDER BY seq;

SET client_min_messages = warning;
DROP SCHEMA regress_suite CASCADE;
DROP TABLE IF EXISTS mine;
DELETE FROM cipguard.access_grant WHERE category LIKE 'regress\_%';
DELETE FROM cipguard.category WHERE name LIKE 'regress\_%';
DELETE FROM cipguard.data_key k WHERE NOT EXISTS (SELECT FROM cipguard.category c WHERE k.owner = c.id OR k.owner = cipguard.category_id(c.token_domain)) AND k.owner NOT IN (cipguard.category_id('cipguard.subject'), cipguard.category_id('cipguard.journal')) AND k.kind <> 's';
DROP ROLE regress_cipguard_reader, regress_cipguard_officer;

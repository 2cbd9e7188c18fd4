-- Categories: what ships, what an officer adds, what is refused.
SELECT name, id, level, sensitive, mask, validator, normalizer, mode, suite, token_domain, pad, builtin
	FROM cipguard.category ORDER BY name COLLATE "C";

-- Every category has a key, every searchable one a token key.
SELECT c.name FROM cipguard.category c
	WHERE NOT EXISTS (SELECT FROM cipguard.key_status k WHERE k.of = c.name AND k.kind = 'data key')
	OR (c.mode = 'searchable') <> EXISTS (SELECT FROM cipguard.key_status k WHERE k.of = c.token_domain AND k.kind = 'token key');

CREATE ROLE regress_cipguard_officer IN ROLE cipguard_officer;
CREATE ROLE regress_cipguard_nobody;
SET ROLE regress_cipguard_nobody;
SELECT test.error_of($$SELECT cipguard.add_category('x')$$);
SELECT test.error_of($$INSERT INTO cipguard.category (name) VALUES ('x')$$);
SELECT test.error_of($$UPDATE cipguard.category SET mask = 'stars'$$);
SELECT test.error_of($$SELECT * FROM cipguard.data_key$$);
SELECT test.error_of($$SELECT * FROM cipguard.key_status$$);
SELECT test.error_of($$SELECT cipguard.init()$$);
SET ROLE regress_cipguard_officer;
SELECT cipguard.add_category('regress_wechat', mode => 'searchable', mask => 'stars', normalizer => 'code', level => 3, sensitive => true, description => 'WeChat id') = cipguard.category_id('regress_wechat') AS added;
SELECT cipguard.add_category('regress_note') = cipguard.category_id('regress_note') AS added;
SELECT cipguard.add_category('regress_alias', mode => 'searchable', token_domain => 'regress_wechat') > 0 AS added;
SELECT kind, of, version, state, retired FROM cipguard.key_status WHERE of LIKE 'regress%' ORDER BY kind, of COLLATE "C";
SELECT cipguard.init() AS nothing_to_make;
SELECT test.error_of($$SELECT cipguard.add_category('regress_note')$$);
SELECT test.error_of($$SELECT cipguard.add_category('Bad Name')$$);
SELECT test.error_of($$SELECT cipguard.add_category('regress_x', mode => 'open')$$);
SELECT test.error_of($$SELECT cipguard.add_category('regress_x', mask => 'nomask')$$);
SELECT test.error_of($$SELECT cipguard.add_category('regress_x', validator => 'novalidator')$$);
SELECT test.error_of($$SELECT cipguard.add_category('regress_x', normalizer => 'nonormalizer')$$);
SELECT test.error_of($$SELECT cipguard.add_category('regress_x', level => 5)$$);
SELECT test.error_of($$SELECT cipguard.add_category('regress_x', pad => 0)$$);
SELECT test.error_of($$SELECT cipguard.add_category('regress_x', pad => 256)$$);
SELECT test.error_of($$SELECT cipguard.add_category(NULL)$$);
SELECT test.error_of($$UPDATE cipguard.category SET mask = 'stars'$$);
SELECT test.error_of($$DELETE FROM cipguard.category$$);

-- The mask of any category can be changed, nothing else of it.
SELECT cipguard.alter_category_mask('regress_note', 'name', '{"style": "standard"}');
SELECT cipguard.alter_category_mask('plate', 'suppress');
SELECT name, mask, mask_options, mask_function, mask_changed, builtin FROM cipguard.category WHERE name IN ('plate', 'regress_note') ORDER BY name COLLATE "C";
SELECT cipguard.mask('沪A12345', 'plate'), cipguard.mask('张三丰', 'regress_note');
SELECT test.error_of($$SELECT cipguard.alter_category_mask('regress_x', 'stars')$$);
SELECT test.error_of($$SELECT cipguard.alter_category_mask('plate', 'nomask')$$);
SELECT test.error_of($$SELECT cipguard.alter_category_mask('plate', 'stars', '{"colour": "red"}')$$);
SELECT test.error_of($$SELECT cipguard.alter_category_mask('plate', 'custom')$$);
SELECT cipguard.mask('沪A12345', 'plate') AS still;
SELECT cipguard.alter_category_mask('plate', 'plate');
SET ROLE regress_cipguard_nobody;
SELECT test.error_of($$SELECT cipguard.alter_category_mask('plate', 'stars')$$);
RESET ROLE;
-- A dump brings the masks of built-in categories that were changed; there they
-- are already.
BEGIN;
INSERT INTO cipguard.category (name, level, sensitive, mask, validator, normalizer, mode, suite, token_domain, pad, builtin, mask_options, mask_changed) VALUES
	('plate', 1, false, 'stars', 'none', 'none', 'random', 'aes-random', 'x', 16, true, '{"size": 5}', true),
	('regress_later', 1, false, 'stars', 'none', 'none', 'random', 'aes-random', 'x', 16, true, '{}', true);
SELECT name, level, mask, validator, mode, mask_options, mask_changed FROM cipguard.category WHERE name IN ('plate', 'regress_later') ORDER BY name;
ROLLBACK;
UPDATE cipguard.category SET mask_changed = false WHERE name = 'plate';

-- Two categories of one token domain compare; others do not.
CREATE SCHEMA regress_category;
SET search_path = regress_category;
CREATE TABLE a (v cipguard.enc_text('regress_wechat'));
CREATE TABLE b (v cipguard.enc_text('regress_alias'));
CREATE TABLE c (v cipguard.enc_text('name'));
INSERT INTO a VALUES ('WX-1');
INSERT INTO b VALUES ('WX1');
INSERT INTO c VALUES ('WX1');
CREATE ROLE regress_cipguard_reader;
SELECT cipguard.grant_access('regress_cipguard_reader', n) IS NOT NULL FROM unnest(ARRAY['regress_wechat', 'regress_alias', 'name']) n;
GRANT USAGE ON SCHEMA regress_category TO regress_cipguard_reader;
GRANT SELECT ON a, b, c TO regress_cipguard_reader;
SET ROLE regress_cipguard_reader;
SELECT a.v, b.v FROM a JOIN b ON a.v = b.v;
SELECT test.error_of('SELECT FROM regress_category.a JOIN regress_category.c ON a.v = c.v');
RESET ROLE;

-- Validators, by category; the value is never repeated.
SELECT v, cipguard.validate(v, 'mobile') FROM unnest(ARRAY['13800138000', '+86 138-0013-8000', '１３８００１３８０００', '12345678901', '1380013800', '', 'x', '138****8000']) v;
SELECT v, cipguard.validate(v, 'email') FROM unnest(ARRAY['a@example.com', '张三@例子.公司', 'a@b', 'a.example.com', '']) v;
SELECT v, cipguard.validate(v, 'resident_id') FROM unnest(ARRAY['119999194912310021', '319999800101001', '119999199003070010', '389999199003070019', '11999919901301001X']) v;
SELECT v, cipguard.validate(v, 'bank_card') FROM unnest(ARRAY['6222020000000007', '6222020000000008', '62220200']) v;
SELECT v, cipguard.validate(v, 'uscc') FROM unnest(ARRAY['91319999MA1FL0015J', '91319999MA1FL0015K', '91319999MA1FL00129']) v;
SELECT v, cipguard.validate(v, 'plate') FROM unnest(ARRAY['沪A12345', '粤BD12345', '沪A1']) v;
SELECT v, cipguard.validate(v, 'birth_date') FROM unnest(ARRAY['1990-03-07', '19900307', '1990-02-30', 'yesterday']) v;
SELECT cipguard.validate('anything', 'name'), cipguard.validate(NULL, 'name'), cipguard.validate('x', NULL);
SELECT test.error_of($$SELECT cipguard.validate('x', 'nam')$$);

SET client_min_messages = warning;
DROP SCHEMA regress_category CASCADE;
DELETE FROM cipguard.access_grant WHERE grantee = 'regress_cipguard_reader'::regrole;
DELETE FROM cipguard.category WHERE name LIKE 'regress%';
DELETE FROM cipguard.data_key k WHERE NOT EXISTS (SELECT FROM cipguard.category c WHERE k.owner = c.id OR k.owner = cipguard.category_id(c.token_domain)) AND k.owner NOT IN (cipguard.category_id('cipguard.subject'), cipguard.category_id('cipguard.journal')) AND k.kind <> 's';
DROP ROLE regress_cipguard_officer, regress_cipguard_nobody, regress_cipguard_reader;

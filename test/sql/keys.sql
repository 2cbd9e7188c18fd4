-- Rotation and retirement of keys, what needs which right, self-tests.
\set ON_ERROR_STOP on
CREATE SCHEMA regress_keys;
CREATE ROLE regress_cipguard_officer IN ROLE cipguard_officer;
CREATE ROLE regress_cipguard_auditor IN ROLE cipguard_auditor;
CREATE ROLE regress_cipguard_reader;
CREATE ROLE regress_cipguard_clerk;
GRANT USAGE ON SCHEMA regress_keys TO PUBLIC;
SET client_min_messages = warning;
SELECT cipguard.add_category('regress_key', 'searchable') IS NOT NULL AS made;
SELECT cipguard.add_category('regress_rand') IS NOT NULL AS made;
SELECT cipguard.grant_access('regress_cipguard_reader', 'regress_key') > 0 AS granted;
SELECT cipguard.grant_access('regress_cipguard_reader', 'regress_rand') > 0 AS granted;
CREATE TABLE regress_keys.t (id int PRIMARY KEY, s cipguard.enc_text('regress_key') UNIQUE, r cipguard.enc_text('regress_rand'));
GRANT SELECT, INSERT, UPDATE, DELETE ON regress_keys.t TO regress_cipguard_reader, regress_cipguard_clerk;
\set ON_ERROR_STOP off

-- DEK version in the header of a value.
CREATE FUNCTION regress_keys.dek(value cipguard.enc_text) RETURNS int LANGUAGE sql VOLATILE AS
	'SELECT get_byte(test.raw(value), 8) * 256 + get_byte(test.raw(value), 9)';

-- 1. A new version is current at once; old values stay readable and equal.
INSERT INTO regress_keys.t VALUES (1, 'one', 'eins'), (2, 'two', 'zwei');
SELECT cipguard.rotate_key('regress_key'), cipguard.rotate_key('regress_rand');
INSERT INTO regress_keys.t VALUES (3, 'three', 'drei');
SELECT id, regress_keys.dek(s) AS s, regress_keys.dek(r) AS r FROM regress_keys.t ORDER BY id;
SET ROLE regress_cipguard_reader;
SELECT id, s, r FROM regress_keys.t ORDER BY id;
SELECT id FROM regress_keys.t WHERE s = 'one';
SELECT id FROM regress_keys.t WHERE s = 'three';
INSERT INTO regress_keys.t VALUES (4, 'one', NULL);
RESET ROLE;
UPDATE regress_keys.t SET s = 'two' WHERE id = 2;
SELECT id, regress_keys.dek(s) AS s FROM regress_keys.t WHERE id = 2;
SELECT kind, of, version, state, retired IS NULL AS kept FROM cipguard.key_status
	WHERE of = ANY ('{regress_key,regress_rand}') ORDER BY of COLLATE "C", kind COLLATE "C", version;

-- 2. A rotation that rolls back never was.
BEGIN;
SELECT cipguard.rotate_key('regress_key');
SELECT cipguard.rotate_key('regress_key');
INSERT INTO regress_keys.t VALUES (5, 'five', NULL);
SELECT regress_keys.dek(s) FROM regress_keys.t WHERE id = 5;
ROLLBACK;
BEGIN;
SAVEPOINT a;
SELECT cipguard.rotate_key('regress_key');
ROLLBACK TO a;
INSERT INTO regress_keys.t VALUES (5, 'five', NULL);
SELECT regress_keys.dek(s) FROM regress_keys.t WHERE id = 5;
COMMIT;
SET ROLE regress_cipguard_reader;
SELECT s FROM regress_keys.t WHERE id = 5;
RESET ROLE;

-- 3. What a client brings back is encrypted anew, unless a dump is restored.
SET cipguard.output = armor;
SELECT s AS old_s, r AS old_r FROM regress_keys.t WHERE id = 1 \gset
RESET cipguard.output;
DELETE FROM regress_keys.t WHERE id = 1;
INSERT INTO regress_keys.t VALUES (1, :'old_s', :'old_r');
SELECT regress_keys.dek(s) AS s, regress_keys.dek(r) AS r FROM regress_keys.t WHERE id = 1;
DELETE FROM regress_keys.t WHERE id = 1;
SET check_function_bodies = off;
INSERT INTO regress_keys.t VALUES (1, :'old_s', :'old_r');
RESET check_function_bodies;
SELECT regress_keys.dek(s) AS s, regress_keys.dek(r) AS r FROM regress_keys.t WHERE id = 1;
SET ROLE regress_cipguard_clerk;
SET check_function_bodies = off;
UPDATE regress_keys.t SET r = :'old_r' WHERE id = 1;
RESET check_function_bodies;
RESET ROLE;
SELECT regress_keys.dek(r) AS "no way around it" FROM regress_keys.t WHERE id = 1;
SET session_replication_role = replica;
UPDATE regress_keys.t SET s = :'old_s', r = :'old_r' WHERE id = 1;
RESET session_replication_role;
SELECT regress_keys.dek(s) AS "as the publisher has it", regress_keys.dek(r) FROM regress_keys.t WHERE id = 1;
SET ROLE regress_cipguard_reader;
SELECT s, r FROM regress_keys.t WHERE id = 1;
SELECT id FROM regress_keys.t WHERE s = :'old_s';
RESET ROLE;

-- 4. Retirement.
SELECT test.error_of($$SELECT cipguard.retire_key('regress_key', 2)$$);
SELECT test.error_of($$SELECT cipguard.retire_key('regress_key', 0)$$);
SELECT test.error_of($$SELECT cipguard.retire_key('regress_key', 3)$$);
SELECT test.error_of($$SELECT cipguard.retire_key('regress_key', 65536)$$);
SELECT test.error_of($$SELECT cipguard.retire_key('regress_none', 1)$$);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT cipguard.retire_key('regress_key', 1);
ROLLBACK;
DELETE FROM regress_keys.t;
BEGIN;
SELECT cipguard.retire_key('regress_key', 1);
SELECT state, kek IS NULL AS gone, retired IS NOT NULL AS retired FROM cipguard.key_status WHERE of = 'regress_key' AND kind = 'data key' AND version = 1;
ROLLBACK;
SELECT state FROM cipguard.key_status WHERE of = 'regress_key' AND kind = 'data key' AND version = 1;
SELECT cipguard.retire_key('regress_key', 1);
SELECT version, state, retired IS NOT NULL AS retired FROM cipguard.key_status WHERE of = 'regress_key' AND kind = 'data key' ORDER BY version;
SELECT wrapped IS NULL AS gone FROM cipguard.data_key WHERE kind = 'd' AND version = 1 AND owner = cipguard.category_id('regress_key');
SELECT test.error_of(format('INSERT INTO regress_keys.t VALUES (1, %L, NULL)', :'old_s'));
SELECT test.error_of($$SELECT cipguard.retire_key('regress_key', 1)$$);
SELECT cipguard.rotate_key('regress_key') AS "the number is not used again";

-- 5. The last version there can be.
BEGIN;
INSERT INTO cipguard.data_key (kind, owner, version, state) VALUES ('d', cipguard.category_id('regress_rand'), 65535, 'destroyed');
SELECT cipguard.rotate_key('regress_rand');
ROLLBACK;

-- 6. Rights.
SET ROLE regress_cipguard_officer;
SELECT cipguard.rotate_key('regress_rand');
SELECT cipguard.rotate_kek();
SELECT bool_and(ok) FROM cipguard.selftest();
SELECT count(*) > 0 AS some FROM cipguard.key_status WHERE rows = 0;
SELECT test.error_of($$SELECT cipguard.export_keys('x')$$);
SELECT test.error_of($$SELECT cipguard.import_keys('x', '/x')$$);
SET ROLE regress_cipguard_auditor;
SELECT bool_and(ok) FROM cipguard.selftest();
SELECT count(*) > 0 AS some FROM cipguard.key_status WHERE rows = 0;
SELECT test.error_of($$SELECT cipguard.rotate_key('regress_rand')$$);
SET ROLE regress_cipguard_reader;
SELECT test.error_of($$SELECT cipguard.rotate_key('regress_rand')$$);
SELECT test.error_of($$SELECT cipguard.rotate_kek()$$);
SELECT test.error_of($$SELECT cipguard.retire_key('regress_rand', 1)$$);
SELECT test.error_of($$SELECT cipguard.unseal()$$);
SELECT test.error_of($$SELECT cipguard.seal_keys()$$);
SELECT test.error_of($$SELECT cipguard.selftest()$$);
SELECT test.error_of($$SELECT cipguard.key_rows()$$);
RESET ROLE;
SELECT test.error_of($$SELECT cipguard.rotate_key('nonesuch')$$);
SELECT cipguard.rotate_key(NULL) IS NULL AS is_null;

-- 7. Escrow: what is refused before anything is decrypted.
SELECT test.error_of($$SELECT cipguard.export_keys('-----BEGIN PGP PRIVATE KEY BLOCK-----')$$);
SELECT test.error_of($$SELECT cipguard.export_keys('-----BEGIN PGP PUBLIC KEY BLOCK-----')$$);
SELECT test.error_of($$SELECT cipguard.import_keys('x', '/nonexistent')$$);
SELECT test.error_of($$SELECT cipguard.import_keys(armor('x'), 'relative')$$);
SELECT test.error_of($$SELECT cipguard.import_keys(armor('x'), '/nonexistent')$$);
SELECT cipguard.import_keys(NULL, NULL) IS NULL AS is_null;

-- 8. Self-tests have names, and all pass.
SELECT count(*) >= 15 AS enough, count(DISTINCT test) = count(*) AS named, bool_and(ok) AS good FROM cipguard.selftest();

DROP SCHEMA regress_keys CASCADE;
DELETE FROM cipguard.access_grant WHERE grantee = 'regress_cipguard_reader'::regrole;
DELETE FROM cipguard.category WHERE name LIKE 'regress\_%';
DELETE FROM cipguard.data_key k WHERE NOT EXISTS (SELECT FROM cipguard.category c WHERE k.owner = c.id OR k.owner = cipguard.category_id(c.token_domain)) AND k.owner NOT IN (cipguard.category_id('cipguard.subject'), cipguard.category_id('cipguard.journal')) AND k.kind <> 's';
DROP ROLE regress_cipguard_officer, regress_cipguard_auditor, regress_cipguard_reader, regress_cipguard_clerk;

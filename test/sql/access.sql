-- Grants: who may, until when, for what, and that nobody helps himself.
CREATE ROLE regress_cipguard_officer IN ROLE cipguard_officer;
CREATE ROLE regress_cipguard_boss;
CREATE ROLE regress_cipguard_member IN ROLE regress_cipguard_boss;
CREATE ROLE regress_cipguard_distant NOINHERIT IN ROLE regress_cipguard_boss;
CREATE ROLE regress_cipguard_super SUPERUSER;
CREATE SCHEMA regress_access;
CREATE TABLE regress_access.client (id int, mobile cipguard.enc_text('mobile'));
CREATE TABLE regress_access.other (id int, mobile cipguard.enc_text('mobile'));
INSERT INTO regress_access.client VALUES (1, '13800138000');
GRANT USAGE ON SCHEMA regress_access TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA regress_access TO PUBLIC;

SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT cipguard.grant_access('regress_cipguard_boss', 'mobile') AS g1 \gset
SELECT grantee, category, level, relation, purpose, valid_until, granted_by <> '' AS by, granted_at IS NOT NULL AS at FROM cipguard.access_grants WHERE id = :g1;
SELECT test.error_of($$SELECT cipguard.grant_access('regress_cipguard_officer', 'mobile')$$) AS myself;
SELECT test.error_of($$SELECT cipguard.grant_access('cipguard_officer', 'mobile')$$) AS my_group;
SELECT test.error_of($$INSERT INTO cipguard.access_grant (grantee, category, level) VALUES ('regress_cipguard_officer', 'mobile', 'read')$$) AS directly;
SELECT test.error_of($$INSERT INTO cipguard.access_grant (grantee, category, level, granted_by) VALUES ('regress_cipguard_boss', 'mobile', 'read', 'x')$$) AS as_another;
SELECT test.error_of($$UPDATE cipguard.access_grant SET grantee = 'regress_cipguard_officer'$$) AS changed;
SELECT test.error_of($$DELETE FROM cipguard.access_grant$$) AS deleted;
SELECT test.error_of($$SELECT cipguard.grant_access('regress_cipguard_nobody', 'mobile')$$);
SELECT test.error_of($$SELECT cipguard.grant_access('regress_cipguard_boss', 'mobil')$$);
SELECT test.error_of($$SELECT cipguard.grant_access('regress_cipguard_boss', 'mobile', 'write')$$);
SELECT test.error_of($$SELECT cipguard.grant_access(NULL, 'mobile')$$);
SELECT test.error_of($$SELECT cipguard.grant_access('regress_cipguard_boss', NULL)$$);
SELECT test.error_of($$SELECT cipguard.grant_access('regress_cipguard_boss', 'mobile', valid_until => now() - interval '1 s')$$);
SELECT test.error_of($$SELECT cipguard.grant_access('regress_cipguard_boss', 'mobile', purpose => '')$$);
SELECT test.error_of($$INSERT INTO cipguard.access_grant (grantee, category, level) VALUES ('regress_cipguard_boss', 'no_such', 'read')$$);
SELECT test.error_of($$INSERT INTO cipguard.access_grant (grantee, category, level, purpose) VALUES ('regress_cipguard_boss', 'mobile', 'read', '')$$);
SELECT test.error_of($$SELECT cipguard.grant_access('regress_cipguard_boss', 'address', 'search')$$);
SELECT test.error_of($$SELECT cipguard.grant_access('regress_cipguard_boss', 'unclassified')$$);
SELECT test.error_of($$SELECT cipguard.grant_access('regress_cipguard_boss', 'mobile', relation => 'pg_class_oid_index')$$);
SET ROLE cipguard_officer;
SELECT test.error_of($$SELECT cipguard.grant_access('regress_cipguard_officer', 'mobile')$$) AS by_set_role;
RESET SESSION AUTHORIZATION;
SET ROLE regress_cipguard_boss;
SELECT test.error_of($$SELECT cipguard.grant_access('regress_cipguard_member', 'mobile')$$) AS no_officer;
SELECT test.error_of($$SELECT * FROM cipguard.access_grants$$) AS no_officer;
RESET ROLE;
SELECT test.error_of(format('SELECT cipguard.grant_access(%L, %L)', current_user, 'mobile')) AS superuser;

-- Members by inheritance count; superusers only by what was granted to them.
SET ROLE regress_cipguard_boss;
SELECT cipguard.can_access('mobile'), cipguard.can_access('mobile', 'search'), cipguard.can_access('name'), cipguard.can_access('mobile', 'read', 'regress_access.client');
SET ROLE regress_cipguard_member;
SELECT cipguard.can_access('mobile'), mobile FROM regress_access.client;
SET ROLE regress_cipguard_distant;
SELECT cipguard.can_access('mobile');
SET ROLE regress_cipguard_super;
SELECT cipguard.can_access('mobile'), cipguard.can_access('mobile', 'search');
RESET ROLE;
GRANT regress_cipguard_boss TO regress_cipguard_super;
SET ROLE regress_cipguard_super;
SELECT cipguard.can_access('mobile');
RESET ROLE;
REVOKE regress_cipguard_boss FROM regress_cipguard_super;
SET ROLE regress_cipguard_super;
SELECT cipguard.can_access('mobile');
SELECT cipguard.can_access(NULL), cipguard.can_access('mobile', NULL);
SELECT test.error_of($$SELECT cipguard.can_access('mobil')$$);
SELECT test.error_of($$SELECT cipguard.can_access('mobile', 'all')$$);
RESET ROLE;

-- Revoking works at once, also inside the transaction, and can be undone by rollback.
PREPARE look AS SELECT mobile::text FROM regress_access.client;
BEGIN;
SET LOCAL ROLE regress_cipguard_boss;
EXECUTE look;
RESET ROLE;
SELECT cipguard.revoke_access(:g1), cipguard.revoke_access(:g1), cipguard.revoke_access(-1), cipguard.revoke_access(NULL);
SET LOCAL ROLE regress_cipguard_boss;
SAVEPOINT s;
EXECUTE look;
ROLLBACK TO s;
ROLLBACK;
SET ROLE regress_cipguard_boss;
EXECUTE look;
RESET ROLE;
SELECT cipguard.revoke_access(:g1);
SELECT count(*) FROM cipguard.access_grants WHERE id = :g1;
SELECT revoked_by <> '' AS by, revoked_at IS NOT NULL AS at FROM cipguard.access_grant WHERE id = :g1;
UPDATE cipguard.access_grant SET revoked_at = NULL;
SELECT count(*) FROM cipguard.access_grants WHERE id = :g1;

-- Purpose: only while it is set.
SELECT cipguard.grant_access('regress_cipguard_boss', 'mobile', purpose => 'contract') AS g2 \gset
SET ROLE regress_cipguard_boss;
SELECT cipguard.can_access('mobile');
BEGIN;
SET LOCAL cipguard.purpose = 'contract';
SELECT cipguard.can_access('mobile'), mobile FROM regress_access.client;
SET LOCAL cipguard.purpose = 'marketing';
SELECT cipguard.can_access('mobile');
COMMIT;
SELECT cipguard.can_access('mobile');
SELECT left(test.error_of(format('SET cipguard.purpose = %L', repeat('x', 201))), 60);
SELECT left(test.error_of(E'SET cipguard.app_user = \'boss\nforged line\''), 60);
SELECT count(cipguard.can_access('mobile', 'read', n::oid)) FROM generate_series(100000, 110000) n;
RESET ROLE;
SELECT cipguard.revoke_access(:g2);

-- One table: through its masking view, not through the type.
SELECT cipguard.grant_access('regress_cipguard_boss', 'mobile', relation => 'regress_access.client') AS g3 \gset
SET ROLE regress_cipguard_boss;
SELECT cipguard.can_access('mobile'), cipguard.can_access('mobile', 'read', 'regress_access.client'), cipguard.can_access('mobile', 'read', 'regress_access.other');
RESET ROLE;
DROP TABLE regress_access.client;
SELECT count(*) AS revoked_with_the_table FROM cipguard.access_grant WHERE id = :g3 AND revoked_at IS NOT NULL;

-- A search grant does not read; read includes search.
SELECT cipguard.grant_access('regress_cipguard_boss', 'name', 'search') AS g4 \gset
SET ROLE regress_cipguard_boss;
SELECT cipguard.can_access('name', 'search'), cipguard.can_access('name', 'read');
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA regress_access CASCADE;
DELETE FROM cipguard.access_grant WHERE grantee::text LIKE 'regress%';
DROP ROLE regress_cipguard_officer, regress_cipguard_boss, regress_cipguard_member, regress_cipguard_distant, regress_cipguard_super;

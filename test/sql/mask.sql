-- Masks as SQL functions, and masking views.
LOAD 'cipguard';
SELECT c, v, cipguard.mask(v, c) FROM (VALUES
	('name', '张三丰'), ('name', '欧阳'), ('name', '张'), ('mobile', '13800138000'), ('mobile', '12345678901'), ('mobile', '+14155550123'),
	('email', 'zhangsan@example.com'), ('email', 'a@b.com'), ('email', 'not-an-email'), ('resident_id', '319999199306151200'),
	('resident_id', '31999919930615120'), ('bank_card', '6222020000000007'), ('bank_card', '62220200'), ('uscc', '91319999MA1FL0015J'),
	('address', '上海市浦东新区世纪大道100号'), ('address', '世纪大道100号'), ('birth_date', '1990-03-07'), ('birth_date', 'March'),
	('plate', '沪A12345'), ('unclassified', 'secret'), ('name', ''), ('name', NULL), ('mobile', '138****8000'), ('unclassified', 'a longer secret of thirty bytes')) v (c, v);
SELECT test.error_of($$SELECT cipguard.mask('x', 'nam')$$);
SELECT cipguard.mask('13800138000'::cipguard.enc_text('mobile')), cipguard.mask('13800138000'::cipguard.enc_text), cipguard.mask(NULL::cipguard.enc_text);

CREATE ROLE regress_cipguard_owner;
CREATE ROLE regress_cipguard_clerk;
CREATE ROLE regress_cipguard_manager;
CREATE ROLE regress_cipguard_local;
CREATE SCHEMA regress_mask AUTHORIZATION regress_cipguard_owner;
GRANT USAGE, CREATE ON SCHEMA regress_mask TO PUBLIC;
SET search_path = regress_mask;
SET ROLE regress_cipguard_owner;
CREATE TABLE client (
	id int PRIMARY KEY,
	name cipguard.enc_text('name'),
	mobile cipguard.enc_text('mobile') UNIQUE,
	contact varchar(20),
	born date,
	phones cipguard.enc_text('mobile')[],
	note text
);
CREATE TABLE other (id int, mobile cipguard.enc_text('mobile'));
SECURITY LABEL FOR cipguard ON COLUMN client.contact IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN client.born IS 'birth_date';
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN client.id IS 'subject';
SET ROLE regress_cipguard_owner;
INSERT INTO client VALUES
	(1, '张三', '13800138000', '李四', '1990-03-07', '{13800138001,13800138002}', 'first'),
	(2, NULL, NULL, NULL, NULL, NULL, NULL),
	(3, '欧阳锋', '+86 138-0013-8003', '王五', '1980-01-02', '{}', 'third');
INSERT INTO other VALUES (1, '13900139000');
SELECT test.error_of($$SECURITY LABEL FOR cipguard ON COLUMN regress_mask.client.note IS 'nam'$$);
SELECT test.error_of($$SECURITY LABEL FOR cipguard ON COLUMN regress_mask.client.name IS 'name'$$);
SELECT test.error_of($$SECURITY LABEL FOR cipguard ON TABLE regress_mask.client IS 'name'$$);
SELECT cipguard.create_masking_view('client');
SELECT cipguard.create_masking_view('client') AS again;
SELECT cipguard.create_masking_view('other', 'Other "view"');
SELECT test.error_of($$SELECT cipguard.create_masking_view('regress_mask.client', 'other')$$);
SELECT test.error_of($$SELECT cipguard.create_masking_view('regress_mask.client_masked')$$);
SELECT cipguard.create_masking_view(NULL);
GRANT SELECT, INSERT, UPDATE, DELETE ON client_masked TO regress_cipguard_clerk, regress_cipguard_manager, regress_cipguard_local;
GRANT SELECT ON "Other ""view""" TO regress_cipguard_local;
RESET ROLE;
SELECT cipguard.grant_access('regress_cipguard_manager', c) IS NOT NULL AS granted FROM unnest(ARRAY['name', 'mobile']) c;
SELECT cipguard.grant_access('regress_cipguard_local', 'mobile', relation => 'client') AS g1 \gset
SELECT pg_get_userbyid(relowner) AS owner, reloptions FROM pg_class WHERE oid = 'client_masked'::regclass;

-- Three roles, three views of the same rows.
SET ROLE regress_cipguard_clerk;
SELECT * FROM client_masked ORDER BY id;
SELECT test.error_of('SELECT * FROM regress_mask.client');
SELECT test.error_of($$SELECT cipguard.create_masking_view('regress_mask.client', 'mine')$$);
SELECT id FROM client_masked WHERE mobile = '138****8000';
SELECT id FROM client_masked WHERE mobile = '13800138000';
SELECT id FROM client_masked WHERE name LIKE '张%';
SET ROLE regress_cipguard_manager;
SELECT * FROM client_masked ORDER BY id;
SELECT id FROM client_masked WHERE mobile = '13800138000';
SET ROLE regress_cipguard_local;
SELECT id, name, mobile, phones FROM client_masked ORDER BY id;
SELECT * FROM "Other ""view""";
SET ROLE regress_cipguard_owner;
SELECT id, mobile FROM client_masked ORDER BY id;
RESET ROLE;

-- A function of the caller sees masks only, however cheap it is.
SET ROLE regress_cipguard_clerk;
CREATE FUNCTION peek(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$;
SELECT id FROM client_masked WHERE peek(mobile) AND id < 3;
RESET ROLE;

-- A grant limited to one table cannot be used on another by naming it.
GRANT SELECT ON client, other TO regress_cipguard_local;
SET ROLE regress_cipguard_local;
SELECT cipguard.disclose(mobile, 'client') FROM client WHERE id = 1;
SELECT cipguard.disclose(mobile, 'client') AS lied, cipguard.disclose(mobile, 'other') AS honest FROM other;
SELECT cipguard.disclose((SELECT mobile FROM other), 'client') AS lied;
SELECT cipguard.disclose(o.mobile, 'client') AS lied FROM client c JOIN other o ON c.id = o.id;
SELECT cipguard.disclose(coalesce(o.mobile, c.mobile), 'client') AS lied FROM client c JOIN other o ON c.id = o.id;
SELECT cipguard.disclose(mobile, 'client'::regclass, NULL) IS NULL AS nothing FROM other;
SELECT test.error_of($$SELECT cipguard.disclose(mobile, 'regress_mask.client'::regclass, 't') FROM regress_mask.other$$);
RESET ROLE;
REVOKE SELECT ON client, other FROM regress_cipguard_local;

-- Updatable for the rest; protected columns are not written through it.
SET ROLE regress_cipguard_clerk;
UPDATE client_masked SET note = 'changed' WHERE id = 1;
INSERT INTO client_masked (id, note) VALUES (4, 'new');
DELETE FROM client_masked WHERE id = 4;
SELECT test.error_of($$UPDATE regress_mask.client_masked SET mobile = '13800138009'$$);
SELECT id, note FROM client_masked ORDER BY id;
RESET ROLE;

-- It follows its table: add, rename, change type, drop, relabel.
SET ROLE regress_cipguard_owner;
ALTER TABLE client ADD email cipguard.enc_text('email') DEFAULT 'zhangsan@example.com';
ALTER TABLE client RENAME note TO remark;
ALTER TABLE client ALTER contact TYPE text;
ALTER TABLE client DROP COLUMN born, ADD city text;
SECURITY LABEL FOR cipguard ON COLUMN client.city IS 'address';
ALTER TABLE client ALTER city TYPE cipguard.enc_text('address');
ALTER TABLE client RENAME TO customer;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'client_masked'::regclass AND attnum > 0 ORDER BY attnum;
SELECT test.error_of('SELECT relation, view FROM cipguard.masking_view');
RESET ROLE;
SELECT grantee, privilege_type, is_grantable FROM information_schema.role_table_grants WHERE table_name = 'client_masked' AND grantee LIKE 'regress_cipguard_c%' ORDER BY 1, 2;
SELECT relation, view FROM cipguard.masking_view ORDER BY 1;
SET ROLE regress_cipguard_clerk;
SELECT * FROM client_masked ORDER BY id;
RESET ROLE;
-- A view on top of it keeps PostgreSQL's usual protection.
CREATE VIEW on_top AS SELECT id, remark FROM client_masked;
SELECT test.error_of('ALTER TABLE regress_mask.customer DROP COLUMN city') ~ 'other objects depend on it' AS refused;
DROP VIEW on_top;
ALTER TABLE customer DROP COLUMN city;
-- EXPLAIN can print what the planner made of it.
SELECT test.plan_has($$SELECT FROM regress_mask.client_masked WHERE mobile = '138****8000'$$, '''checked''::cipguard.checked') AS explained;
-- Rights on it are those of who granted them, after it was made anew, too.
SET ROLE regress_cipguard_owner;
CREATE TABLE r (id int, name cipguard.enc_text('name'), a int, b int);
SELECT cipguard.create_masking_view('r');
GRANT SELECT ON r_masked TO regress_cipguard_clerk;
GRANT SELECT (id, a), UPDATE (b) ON r_masked TO regress_cipguard_local;
ALTER TABLE r DROP COLUMN a;
ALTER TABLE r RENAME b TO c;
SELECT relacl::text ~ 'regress_cipguard_clerk=r/regress_cipguard_owner' AS as_granted FROM pg_class WHERE oid = 'r_masked'::regclass;
SELECT attname, attacl FROM pg_attribute WHERE attrelid = 'r_masked'::regclass AND attacl IS NOT NULL ORDER BY attnum;
REVOKE ALL ON r_masked FROM regress_cipguard_clerk;
SELECT has_table_privilege('regress_cipguard_clerk', 'r_masked', 'SELECT') AS still;
-- It stays where it is; what would be lost with it stops the statement.
RESET ROLE;
CREATE SCHEMA regress_mask2 AUTHORIZATION regress_cipguard_owner;
SET ROLE regress_cipguard_owner;
ALTER TABLE r SET SCHEMA regress_mask2;
ALTER TABLE regress_mask2.r DROP COLUMN c;
SELECT 'r_masked'::regclass;
CREATE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER instead INSTEAD OF UPDATE ON r_masked FOR EACH ROW EXECUTE FUNCTION instead();
SELECT test.error_of('ALTER TABLE regress_mask2.r DROP COLUMN id');
RESET ROLE;
DROP TRIGGER instead ON r_masked;
SET ROLE regress_cipguard_owner;
CREATE VIEW over AS SELECT * FROM r_masked;
SELECT test.error_of('ALTER TABLE regress_mask2.r DROP COLUMN id');
ALTER TABLE regress_mask2.r RENAME id TO number;
ALTER TABLE regress_mask2.r ADD d int;
SELECT attname FROM pg_attribute WHERE attrelid = 'r_masked'::regclass AND attnum > 0 ORDER BY attnum;
DROP VIEW over;
-- A new owner of the table takes over the rights on the view, and those given.
GRANT SELECT ON r_masked TO regress_cipguard_clerk;
RESET ROLE;
GRANT USAGE, CREATE ON SCHEMA regress_mask2 TO regress_cipguard_manager;
ALTER TABLE regress_mask2.r OWNER TO regress_cipguard_manager;
SELECT has_table_privilege('regress_cipguard_owner', 'r_masked', 'SELECT') AS old_owner, has_table_privilege('regress_cipguard_manager', 'r_masked', 'SELECT WITH GRANT OPTION') AS new_owner;
SELECT relacl::text ~ 'regress_cipguard_clerk=r/regress_cipguard_manager' AS passed_on FROM pg_class WHERE oid = 'r_masked'::regclass;
DROP VIEW r_masked;
ALTER TABLE regress_mask2.r OWNER TO regress_cipguard_owner;
SET ROLE regress_cipguard_owner;
DROP TABLE regress_mask2.r;
RESET ROLE;
DROP SCHEMA regress_mask2;
-- A mask wider than its column is cut, never an error.
SET ROLE regress_cipguard_owner;
CREATE TABLE narrow (e varchar(6));
INSERT INTO narrow VALUES ('a@b.cn');
SECURITY LABEL FOR cipguard ON COLUMN narrow.e IS 'email';
SELECT cipguard.create_masking_view('narrow');
SELECT * FROM narrow_masked;
DROP VIEW narrow_masked;
ALTER TABLE narrow ADD x int;
RESET ROLE;
SELECT count(*) FROM cipguard.masking_view WHERE view_name = 'narrow_masked';

-- Labels of a partitioned table count for its partitions, now and later.
CREATE TABLE part (id int, contact text) PARTITION BY LIST (id);
CREATE TABLE part1 PARTITION OF part FOR VALUES IN (1);
INSERT INTO part VALUES (1, '张三');
SECURITY LABEL FOR cipguard ON COLUMN part.contact IS 'name';
SELECT cipguard.create_masking_view('part'), cipguard.create_masking_view('part1');
SELECT p.contact, c.contact FROM part_masked p JOIN part1_masked c USING (id);
SECURITY LABEL FOR cipguard ON COLUMN part.contact IS NULL;
SELECT contact FROM part1_masked;
SECURITY LABEL FOR cipguard ON COLUMN part.contact IS 'address';
SELECT contact FROM part1_masked;

-- A column of the parent goes, with the views of both; check_function_bodies
-- does not keep them from coming back.
SET ROLE regress_cipguard_owner;
CREATE TABLE par (id int, z int) PARTITION BY LIST (id);
CREATE TABLE par1 PARTITION OF par FOR VALUES IN (1);
SELECT cipguard.create_masking_view('par'), cipguard.create_masking_view('par1');
SET check_function_bodies = off;
ALTER TABLE par DROP COLUMN z;
RESET check_function_bodies;
SELECT count(*) FROM par_masked JOIN par1_masked USING (id);
-- A mask need not pass the CHECK of a domain.
CREATE DOMAIN number AS text CHECK (VALUE ~ '^1[0-9]{10}$');
CREATE TABLE dom (n number);
INSERT INTO dom VALUES ('13800138000');
SECURITY LABEL FOR cipguard ON COLUMN dom.n IS 'mobile';
SELECT cipguard.create_masking_view('dom');
SELECT * FROM dom_masked;
ALTER TABLE dom ADD x int;
SELECT * FROM dom_masked;
RESET ROLE;

RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA regress_mask CASCADE;
SELECT count(*) FROM cipguard.masking_view;
DELETE FROM cipguard.access_grant WHERE grantee::text LIKE 'regress%';
DROP ROLE regress_cipguard_owner, regress_cipguard_clerk, regress_cipguard_manager, regress_cipguard_local;

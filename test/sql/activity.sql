-- server: masked
-- Activities: what purposes open, whom and what they are limited to, and that
-- nothing is stored for no purpose.
SET client_min_messages = error;
CREATE ROLE regress_cipguard_officer IN ROLE cipguard_officer;
CREATE ROLE regress_cipguard_reader;
CREATE ROLE regress_cipguard_clerk;
CREATE ROLE regress_cipguard_sales IN ROLE regress_cipguard_reader;
CREATE SCHEMA regress_activity;
CREATE TABLE regress_activity.client (id bigint PRIMARY KEY, mobile cipguard.enc_text('mobile'), other cipguard.enc_text('mobile'), name text);
CREATE TABLE regress_activity.part (LIKE regress_activity.client) PARTITION BY LIST (id);
CREATE TABLE regress_activity.part1 PARTITION OF regress_activity.part FOR VALUES IN (1);
SECURITY LABEL FOR cipguard ON COLUMN regress_activity.client.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN regress_activity.client.name IS 'name';
INSERT INTO regress_activity.client VALUES (1, '13800138000', '13911112222', 'Wang');
INSERT INTO regress_activity.part VALUES (1, '13800138000', '13911112222', 'Wang');
SELECT cipguard.create_masking_view('regress_activity.client') IS NOT NULL AS view_made;
GRANT USAGE ON SCHEMA regress_activity TO PUBLIC;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA regress_activity TO PUBLIC;
SET search_path = regress_activity;
RESET client_min_messages;

SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT cipguard.grant_access('regress_cipguard_reader', c) > 0 FROM unnest(ARRAY['mobile', 'name']) c;
SELECT cipguard.add_activity('delivery', 'bring parcels', 'contract', '{mobile,name}', 'logistics', retention => '3 years') AS a1 \gset
SELECT cipguard.add_activity('calls', 'call clients back', 'other_law', '{mobile}', 'sales',
	columns => '{regress_activity.client.mobile,regress_activity.part.mobile}') > 0 AS limited_to_columns;
SELECT cipguard.add_activity('visits', 'visit clients', 'contract', '{mobile}', 'sales', roles => '{regress_cipguard_sales}') > 0 AS limited_to_roles;
SELECT name, version, purpose, legal_basis, categories FROM cipguard.activities ORDER BY name;
SELECT made_by <> '' AS by, valid_from <= clock_timestamp() AS at, ended_at, ended_by, limited, necessary, roles FROM cipguard.activity ORDER BY name;
-- What an activity cannot be.
SELECT test.error_of($$SELECT cipguard.add_activity('delivery', 'p', 'contract', '{mobile}', 'o')$$);
SELECT test.error_of($$SELECT cipguard.add_activity('x', 'p', 'interest', '{mobile}', 'o')$$);
SELECT test.error_of($$SELECT cipguard.add_activity('x', 'p', NULL, '{mobile}', 'o')$$);
SELECT test.error_of($$SELECT cipguard.add_activity('x', 'p', 'contract', '{mobil}', 'o')$$);
SELECT test.error_of($$SELECT cipguard.add_activity('x', 'p', 'contract', '{NULL}', 'o')$$);
SELECT test.error_of($$SELECT cipguard.add_activity('x', 'p', 'contract', '{}', 'o')$$);
SELECT test.error_of($$SELECT cipguard.add_activity('x', NULL, 'contract', '{mobile}', 'o')$$);
SELECT test.error_of($$SELECT cipguard.add_activity('', 'p', 'contract', '{mobile}', 'o')$$);
SELECT test.error_of(format('SELECT cipguard.add_activity(%L, ''p'', ''contract'', ''{mobile}'', ''o'')', repeat('x', 201)));
SELECT test.error_of($$SELECT cipguard.add_activity(E'a\nb', 'p', 'contract', '{mobile}', 'o')$$);
SELECT test.error_of($$SELECT cipguard.add_activity('x', 'p', 'contract', '{mobile}', 'o', roles => '{regress_cipguard_nobody}')$$);
SELECT test.error_of($$SELECT cipguard.add_activity('x', 'p', 'contract', '{mobile}', 'o', columns => '{client.mobile}')$$);
SELECT test.error_of($$SELECT cipguard.add_activity('x', 'p', 'contract', '{mobile}', 'o', columns => '{regress_activity.nothing.mobile}')$$);
SELECT test.error_of($$SELECT cipguard.add_activity('x', 'p', 'contract', '{mobile}', 'o', columns => '{regress_activity.client.id}')$$);
SELECT test.error_of($$SELECT cipguard.add_activity('x', 'p', 'contract', '{mobile}', 'o', columns => '{regress_activity.client.name}')$$);
-- It is only ended; who did so, and when, is who and when it was.
SELECT test.error_of($$UPDATE cipguard.activity SET categories = '{mobile,name}'$$);
SELECT test.error_of($$INSERT INTO cipguard.activity (name, version, purpose, legal_basis, categories, owner, necessary, limited) VALUES ('x', 7, 'p', 'contract', '{mobile}', 'o', true, false)$$);
SELECT test.error_of($$INSERT INTO cipguard.activity_column (activity, relation, column_name) SELECT id, 'client', 'other' FROM cipguard.activity WHERE name = 'calls'$$);
SELECT cipguard.end_activity('nothing'), cipguard.end_activity(NULL);
SELECT test.error_of($$SELECT cipguard.revise_activity('nothing')$$);
RESET SESSION AUTHORIZATION;
SELECT test.error_of($$UPDATE cipguard.activity SET categories = '{mobile,name}'$$);
SELECT test.error_of($$DELETE FROM cipguard.activity$$);
SELECT test.error_of($$TRUNCATE cipguard.activity$$);
SELECT test.error_of($$UPDATE cipguard.activity_column SET column_name = 'other'$$);
SELECT test.error_of($$DELETE FROM cipguard.activity_column$$);
SET ROLE regress_cipguard_reader;
SELECT count(*) FROM cipguard.activities;
SELECT test.error_of($$SELECT * FROM cipguard.activity$$);
SELECT test.error_of($$SELECT cipguard.add_activity('x', 'p', 'contract', '{mobile}', 'o')$$);
SELECT test.error_of($$SELECT cipguard.end_activity('calls')$$);
SELECT test.error_of($$SET cipguard.require_purpose = off$$);
RESET ROLE;

-- Which purpose opens what.
SET cipguard.require_purpose = on;
SET ROLE regress_cipguard_reader;
RESET ROLE;
CREATE FUNCTION missing(category text, relation regclass DEFAULT NULL) RETURNS text
	LANGUAGE sql AS $$SELECT coalesce(detail, 'met') FROM cipguard.why(category, relation) WHERE condition = 'purpose'$$;
SET ROLE regress_cipguard_reader;
SELECT * FROM client;
SELECT missing('mobile');
SET client_min_messages = error;
SET cipguard.purpose = 'nothing';
SELECT *, missing('mobile') FROM client;
SET cipguard.purpose = 'visits';
SELECT *, missing('mobile') FROM client;
SET cipguard.purpose = 'calls';
SELECT *, missing('name', 'client') FROM client;
SELECT missing('mobile'), missing('mobile', 'client'), missing('mobile', 'pg_class');
SELECT mobile, other FROM part;
SELECT mobile, other FROM part1;
-- The view knows no column, so it opens none while one of the category is closed.
SELECT mobile, other FROM client_masked;
SELECT mobile::text IS NULL AS none, test.error_of('SELECT mobile = ''13800138000'' FROM client') FROM client;
SET cipguard.purpose = 'delivery';
SELECT *, missing('mobile') FROM client;
SELECT mobile, other, name FROM client_masked;
SET ROLE regress_cipguard_sales;
SET cipguard.purpose = 'visits';
SELECT * FROM client;
-- Without a grant no purpose opens anything.
SET ROLE regress_cipguard_clerk;
SET cipguard.purpose = 'delivery';
SELECT * FROM client;
RESET cipguard.purpose;

-- Every way to state it; plans and cursors follow.
SET ROLE regress_cipguard_reader;
BEGIN;
SET LOCAL cipguard.purpose = 'delivery';
SELECT mobile FROM client;
COMMIT;
SELECT mobile FROM client;
RESET ROLE;
CREATE FUNCTION with_purpose() RETURNS SETOF text LANGUAGE plpgsql SET cipguard.purpose = 'delivery'
	AS $$BEGIN RETURN QUERY SELECT c.name FROM client c; END$$;
SET ROLE regress_cipguard_reader;
SELECT with_purpose(), name FROM client;
PREPARE look AS SELECT mobile, name FROM client;
SET plan_cache_mode = force_generic_plan;
EXECUTE look;
SET cipguard.purpose = 'delivery';
EXECUTE look;
SET cipguard.purpose = 'calls';
EXECUTE look;
RESET plan_cache_mode;
BEGIN;
SET LOCAL cipguard.purpose = 'delivery';
DECLARE c CURSOR FOR SELECT mobile, other, name FROM client, generate_series(1, 3);
FETCH c;
SET LOCAL cipguard.purpose = 'calls';
FETCH c;
SET LOCAL cipguard.purpose = 'nothing';
FETCH c;
COMMIT;
SET cipguard.purpose = 'delivery';
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT mobile, name FROM client;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET cipguard.purpose;
RESET ROLE;
ALTER ROLE regress_cipguard_reader SET cipguard.purpose = 'delivery';
SELECT setconfig FROM pg_db_role_setting WHERE setrole = 'regress_cipguard_reader'::regrole;

-- Another column that takes the name of a listed one is not it.
SET client_min_messages = error;
BEGIN;
ALTER TABLE client RENAME mobile TO moved;
ALTER TABLE client RENAME other TO mobile;
SET LOCAL ROLE regress_cipguard_reader;
SET LOCAL cipguard.purpose = 'calls';
SELECT moved, mobile FROM client;
ROLLBACK;
-- Nor does a copy of a table open what the table does not.
CREATE TABLE copy (LIKE client);
INSERT INTO copy VALUES (1, '13800138000', '13911112222', 'Wang');
GRANT SELECT ON copy TO PUBLIC;
SET ROLE regress_cipguard_reader;
SET cipguard.purpose = 'calls';
SELECT mobile, other FROM copy;
RESET cipguard.purpose;
RESET ROLE;
DROP TABLE copy;

-- Ending and revising count at once, and are undone by rollback.
BEGIN;
SELECT cipguard.end_activity('delivery');
SET LOCAL ROLE regress_cipguard_reader;
SET LOCAL cipguard.purpose = 'delivery';
SELECT name FROM client;
ROLLBACK;
SELECT cipguard.revise_activity('delivery', categories => '{mobile}') > :a1 AS revised;
SELECT version, categories, ended_at IS NULL AS live, ended_by IS NULL AS nobody, retention FROM cipguard.activity WHERE name = 'delivery' ORDER BY version;
SELECT cipguard.revise_activity('calls', purpose => 'call') > 0 AS keeps_columns;
SELECT a.version, c.relation, c.column_name FROM cipguard.activity_column c JOIN cipguard.activity a ON a.id = c.activity ORDER BY 1, 2, 3;
SET ROLE regress_cipguard_reader;
SET cipguard.purpose = 'delivery';
SELECT mobile, name FROM client;
RESET cipguard.purpose;
RESET ROLE;
RESET cipguard.require_purpose;

-- Grants bound to a purpose need no activity.
SELECT cipguard.revoke_access(id) FROM cipguard.access_grants WHERE grantee = 'regress_cipguard_reader'::regrole;
SELECT cipguard.grant_access('regress_cipguard_reader', 'name', purpose => 'any words') > 0 AS bound;
SET ROLE regress_cipguard_reader;
SELECT name FROM client;
SET cipguard.purpose = 'any words';
SELECT name FROM client;
RESET cipguard.purpose;
RESET ROLE;

-- Writes: mobile is used, name is not any longer.
SELECT object, severity FROM cipguard.lint_exposure() WHERE kind = 'no_activity' AND object LIKE '%regress_activity%' ORDER BY 1;
INSERT INTO client (id, name) VALUES (2, 'Li');
SET cipguard.require_activity = on;
SET ROLE regress_cipguard_clerk;
INSERT INTO client (id, mobile) VALUES (3, '13800138001');
UPDATE client SET mobile = '13800138002' WHERE id = 3;
SELECT test.error_of($$INSERT INTO client VALUES (4, NULL, NULL, 'Zhao')$$);
SELECT test.error_of($$INSERT INTO client (id, name) SELECT 4, 'Zhao'$$);
SELECT test.error_of($$UPDATE client SET name = 'Zhao'$$);
SELECT test.error_of($$INSERT INTO client (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = 'Zhao'$$);
SELECT test.error_of($$WITH w AS (UPDATE client SET name = 'Zhao' RETURNING id) SELECT * FROM w$$);
SELECT test.error_of($$UPDATE client_masked SET name = 'Zhao'$$);
SELECT test.error_of($$INSERT INTO part (id, name) VALUES (1, 'Zhao')$$) AS no_label;
PREPARE put AS INSERT INTO client (id, name) VALUES (5, 'Qian');
EXECUTE put;
\copy client (id, name) FROM /dev/null
COPY client (id, mobile) FROM stdin;
6	13800138006
\.
DO $$BEGIN INSERT INTO regress_activity.client (id, name) VALUES (7, 'Sun'); END$$;
RESET ROLE;
SELECT test.error_of($$MERGE INTO client c USING (VALUES (1)) v (i) ON c.id = v.i WHEN MATCHED THEN UPDATE SET name = 'Zhao'$$);
SELECT cipguard.add_activity('letters', 'write letters', 'contract', '{name}', 'office', columns => '{regress_activity.client.name}') > 0 AS letters;
INSERT INTO client (id, name) VALUES (8, 'Zhou');
SELECT cipguard.end_activity('letters');
SELECT test.error_of($$INSERT INTO client (id, name) VALUES (9, 'Wu')$$);
-- A dump is restored as it is.
SET check_function_bodies = off;
INSERT INTO client (id, name) VALUES (9, 'Wu');
SET ROLE regress_cipguard_clerk;
SELECT test.error_of($$INSERT INTO client (id, name) VALUES (10, 'Wu')$$);
RESET ROLE;
RESET check_function_bodies;
RESET cipguard.require_activity;
SELECT id, name IS NOT NULL AS named FROM client ORDER BY id;

SET client_min_messages = error;
SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT cipguard.open_maintenance('end of the test') > now() AS window;
RESET SESSION AUTHORIZATION;
DELETE FROM cipguard.activity_column;
DELETE FROM cipguard.activity;
SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT cipguard.close_maintenance();
RESET SESSION AUTHORIZATION;
RESET search_path;
DROP SCHEMA regress_activity CASCADE;
UPDATE cipguard.access_grant SET revoked_at = now() WHERE grantee::text LIKE 'regress_cipguard_%' AND revoked_at IS NULL;
DELETE FROM cipguard.access_grant WHERE grantee::text LIKE 'regress%';
DROP ROLE regress_cipguard_officer, regress_cipguard_reader, regress_cipguard_clerk, regress_cipguard_sales;

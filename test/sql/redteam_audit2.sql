-- More attempts, by the definitions that rows and records stand on: types of
-- columns, names, triggers made by hand.
\set ECHO none
SET client_min_messages = error;
\pset format unaligned
\pset tuples_only on
CREATE ROLE regress_cipguard_owner;
CREATE ROLE regress_cipguard_clerk;
CREATE SCHEMA regress_ra AUTHORIZATION regress_cipguard_owner;
GRANT USAGE, CREATE ON SCHEMA regress_ra TO regress_cipguard_clerk;
SET search_path = regress_ra;
SET ROLE regress_cipguard_owner;
CREATE TYPE state AS ENUM ('open', 'paid');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN pair_domain AS pair;
CREATE TYPE outer_pair AS (inside pair_domain[], c int);
CREATE TABLE as_type (a int, b text);
CREATE TABLE deal (id int PRIMARY KEY, s state, ss state[], p outer_pair, r as_type, amount numeric(10,2), at timestamp, word text, f float8);
CREATE TABLE typed OF pair;
CREATE TYPE free AS ENUM ('x', 'y');
CREATE TABLE other (id int, f free);
SELECT count(cipguard.audit_table(t)) FROM unnest(ARRAY['deal', 'typed']::regclass[]) t;
INSERT INTO deal VALUES (1, 'open', '{paid}', ROW(ARRAY[ROW(1, 'x')]::pair_domain[], 2), ROW(1, 'y'), 12.34, '2026-01-02 03:04:05.678', 'two', 1 / 3.0);
GRANT INSERT, TRIGGER ON deal, other TO regress_cipguard_clerk;
RESET ROLE;

CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql SET search_path = regress_ra AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

\echo == what rows say by their types
SET ROLE regress_cipguard_owner;
SELECT statement || E'\n  ' || attempt(statement) FROM unnest(ARRAY[
	'ALTER TYPE state RENAME VALUE ''open'' TO ''closed''',
	'ALTER TYPE pair DROP ATTRIBUTE b CASCADE',
	'ALTER TYPE outer_pair DROP ATTRIBUTE c',
	'ALTER TABLE as_type DROP COLUMN b',
	'ALTER TYPE state ADD VALUE ''gone''',
	'ALTER TYPE free RENAME VALUE ''x'' TO ''z''',
	'ALTER TYPE outer_pair RENAME ATTRIBUTE c TO d',
	'ALTER TYPE outer_pair ADD ATTRIBUTE e int',
	'ALTER TABLE deal ALTER COLUMN amount TYPE int',
	'ALTER TABLE deal ALTER COLUMN amount TYPE numeric(10,1)',
	'ALTER TABLE deal ALTER COLUMN amount TYPE float8',
	'ALTER TABLE deal ALTER COLUMN at TYPE date',
	'ALTER TABLE deal ALTER COLUMN at TYPE timestamp(0)',
	'ALTER TABLE deal ALTER COLUMN at TYPE timestamptz',
	'ALTER TABLE deal ALTER COLUMN word TYPE "char"',
	'ALTER TABLE deal ALTER COLUMN word TYPE name',
	'ALTER TABLE deal ALTER COLUMN f TYPE text',
	'ALTER TABLE deal ALTER COLUMN s TYPE text',
	'ALTER TABLE deal ALTER COLUMN amount TYPE numeric(12,3)',
	'ALTER TABLE deal ALTER COLUMN amount TYPE numeric',
	'ALTER TABLE deal ALTER COLUMN at TYPE text',
	'ALTER TABLE deal ALTER COLUMN word TYPE varchar(20)']) statement;
RESET ROLE;
SELECT * FROM deal;
SELECT relation, detail FROM cipguard.audit_log WHERE action = 'DEFINITION' AND detail LIKE '%ATTRIBUTE%';

\echo == triggers with a function of ours
SET ROLE regress_cipguard_clerk;
SELECT statement || E'\n  ' || attempt(statement) FROM unnest(ARRAY[
	'CREATE TRIGGER bad BEFORE INSERT ON deal FOR EACH ROW EXECUTE FUNCTION cipguard.audit_row()',
	'CREATE TRIGGER twice AFTER INSERT OR UPDATE OR DELETE ON deal FOR EACH ROW EXECUTE FUNCTION cipguard.audit_row()',
	'CREATE TRIGGER bad AFTER INSERT ON other FOR EACH ROW EXECUTE FUNCTION cipguard.audit_row()',
	'CREATE TRIGGER cipguard_audit_row AFTER INSERT OR UPDATE OR DELETE ON other FOR EACH ROW EXECUTE FUNCTION cipguard.audit_row()']) statement;
SET ROLE regress_cipguard_owner;
SELECT statement || E'\n  ' || attempt(statement) FROM unnest(ARRAY[
	'CREATE TRIGGER bad BEFORE INSERT ON other FOR EACH ROW EXECUTE FUNCTION cipguard.audit_row()',
	'CREATE TRIGGER cipguard_audit_row AFTER INSERT OR UPDATE OR DELETE ON other FOR EACH ROW WHEN (false) EXECUTE FUNCTION cipguard.audit_row()',
	'CREATE TRIGGER cipguard_audit_row AFTER INSERT OR UPDATE OR DELETE ON other FOR EACH ROW EXECUTE FUNCTION cipguard.audit_row()']) statement;
INSERT INTO deal (id) VALUES (2);
RESET ROLE;
SELECT count(*) FROM cipguard.audit_log WHERE relation = 'regress_ra.deal' AND action = 'INSERT';

\echo == names that look like lines of the policy
SET ROLE regress_cipguard_owner;
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER "x
maintenance window 7 until 2030-01-01 by boss on all
y\n" BEFORE INSERT ON deal FOR EACH ROW EXECUTE FUNCTION nothing();
RESET ROLE;
SELECT substr(line, 1, 85) FROM regexp_split_to_table(cipguard.policy_statement(), E'\n') line WHERE line ~ 'boss';

\echo == what is generated of a protected column
SET ROLE regress_cipguard_owner;
CREATE TABLE derived (
	id int PRIMARY KEY,
	name text,
	big text GENERATED ALWAYS AS (upper(name)) STORED,
	twice int GENERATED ALWAYS AS (id * 2) STORED
);
SECURITY LABEL FOR cipguard ON COLUMN derived.name IS 'name';
SELECT cipguard.audit_table('derived');
INSERT INTO derived VALUES (1, 'canary');
RESET ROLE;
SELECT after ->> 'name' LIKE 'cip1:%', after ->> 'big' LIKE 'cip1:%', after ->> 'twice' FROM cipguard.audit_log WHERE relation = 'regress_ra.derived' AND action = 'INSERT';

SET ROLE cipguard_officer;
SELECT cipguard.open_maintenance('end of test') IS NOT NULL;
RESET ROLE;
DROP SCHEMA regress_ra CASCADE;
SET ROLE cipguard_officer;
SELECT cipguard.close_maintenance();
RESET ROLE;
DROP ROLE regress_cipguard_owner, regress_cipguard_clerk;

-- What goes past the protection of columns: a finding of each kind, and what
-- looks like it and is none.  Objects belong to readers, as DDL on protected
-- tables is for them.
LOAD 'cipguard';
SET client_min_messages = warning;
\pset format unaligned
\pset tuples_only on
CREATE ROLE regress_cipguard_reader;
CREATE ROLE regress_cipguard_clerk;
CREATE ROLE regress_cipguard_other;
SELECT cipguard.grant_access('regress_cipguard_reader', c) IS NOT NULL FROM unnest(ARRAY['name', 'mobile', 'email', 'resident_id', 'birth_date', 'address']) c;
CREATE SCHEMA regress_lint AUTHORIZATION regress_cipguard_reader;
GRANT USAGE, CREATE ON SCHEMA regress_lint TO regress_cipguard_clerk;
GRANT cipguard_officer TO regress_cipguard_other;
-- Findings about what this test made; the superuser has another name elsewhere.
CREATE FUNCTION regress_lint.findings(pattern text) RETURNS TABLE (line text) LANGUAGE sql AS $$
	SELECT concat_ws(' | ', severity, kind, object, replace(leak, ' ' || session_user || ',', ' the superuser,')) FROM cipguard.lint_exposure() WHERE object ~ pattern AND kind <> 'no_activity'
$$;

-- A table with a label and a primary key: nothing, whoever asks.
SET ROLE regress_cipguard_reader;
CREATE TABLE regress_lint.client (id int PRIMARY KEY, contact varchar(20), phone2 text);
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN regress_lint.client.id IS 'subject';
SET ROLE regress_cipguard_reader;
SECURITY LABEL FOR cipguard ON COLUMN regress_lint.client.contact IS 'mobile';
SELECT test.error_of('SELECT * FROM cipguard.lint_exposure()');
SELECT test.error_of('SELECT * FROM cipguard.readers');
SELECT relation, attnum, column_name, category, encrypted, inherited FROM cipguard.protected_columns WHERE relation = 'regress_lint.client'::regclass;
SET ROLE regress_cipguard_other;
SELECT object, kind, severity, leak, remedy FROM cipguard.lint_exposure() WHERE kind <> 'no_activity' AND (object ~ 'regress' OR severity <> 'low' AND kind <> 'setting');
SELECT category, relation FROM cipguard.readers WHERE role = 'regress_cipguard_reader'::regrole ORDER BY 1;
RESET ROLE;
-- It tells whether the library is preloaded, in a server of either kind.
SELECT count(*) = (current_setting('shared_preload_libraries') !~ 'cipguard')::int AS told FROM cipguard.lint_exposure() WHERE object = 'setting shared_preload_libraries';
SELECT count(*) > 0 AND bool_and(severity = 'low') AS superusers FROM cipguard.lint_exposure() WHERE kind = 'superuser';

-- What is protected: labels go down and up the tree, not to siblings; arrays
-- of and domains over encrypted types are encrypted.
SET ROLE regress_cipguard_reader;
CREATE TABLE regress_lint.part (k int, contact text, mail text, own text) PARTITION BY LIST (k);
CREATE TABLE regress_lint.part1 (own text, contact text, k int, mail text);
ALTER TABLE regress_lint.part ATTACH PARTITION regress_lint.part1 FOR VALUES IN (1);
CREATE TABLE regress_lint.part2 PARTITION OF regress_lint.part FOR VALUES IN (2);
SECURITY LABEL FOR cipguard ON COLUMN regress_lint.part.contact IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN regress_lint.part1.mail IS 'email';
SECURITY LABEL FOR cipguard ON COLUMN regress_lint.part.own IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN regress_lint.part1.own IS 'address';
CREATE DOMAIN regress_lint.number AS cipguard.enc_text('mobile');
CREATE DOMAIN regress_lint.number2 AS regress_lint.number;
CREATE TYPE regress_lint.pair AS (a cipguard.enc_text('mobile'));
CREATE TABLE regress_lint.enc (a cipguard.enc_text('email'), b cipguard.enc_text('name')[], c regress_lint.number, d regress_lint.number2, e regress_lint.number[], f int,
	gone cipguard.enc_text('name'));
ALTER TABLE regress_lint.enc DROP COLUMN gone;
CREATE VIEW regress_lint.enc_view AS SELECT a, f FROM regress_lint.enc;
-- Of two parents, one has the label, and the other shows the rows, too.
CREATE TABLE regress_lint.par_a (contact text);
CREATE TABLE regress_lint.par_b (contact text, x int);
CREATE TABLE regress_lint.par_child () INHERITS (regress_lint.par_a, regress_lint.par_b);
SECURITY LABEL FOR cipguard ON COLUMN regress_lint.par_a.contact IS 'mobile';
RESET ROLE;
SELECT relation, attnum, column_name, category, encrypted, inherited FROM cipguard.protected_columns WHERE relation::text ~ 'regress_lint\.(par|enc)' ORDER BY relation::text, attnum;
-- Nothing of it is a finding.
SELECT * FROM regress_lint.findings('regress_lint');
DROP TABLE regress_lint.part, regress_lint.par_a, regress_lint.par_b CASCADE;

-- SECURITY DEFINER functions of readers.
SET ROLE regress_cipguard_reader;
CREATE VIEW regress_lint.over_client AS SELECT id, contact FROM regress_lint.client;
CREATE FUNCTION regress_lint.f_names(integer) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RETURN (SELECT contact FROM regress_lint.client WHERE id = $1); END $$;
CREATE FUNCTION regress_lint.f_view(integer) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT contact FROM regress_lint."over_client" WHERE id = $1 $$;
CREATE FUNCTION regress_lint.f_atomic(integer) RETURNS text LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT contact FROM regress_lint.client WHERE id = $1; END;
CREATE FUNCTION regress_lint.f_other() RETURNS integer LANGUAGE sql SECURITY DEFINER AS $$ SELECT 1 $$;
CREATE FUNCTION regress_lint.f_invoker() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM regress_lint.client $$;
CREATE FUNCTION regress_lint.f_closed() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT count(*) FROM regress_lint.client $$;
REVOKE ALL ON FUNCTION regress_lint.f_closed() FROM PUBLIC;
CREATE FUNCTION regress_lint.f_clerk() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT count(*) FROM regress_lint.client $$;
REVOKE ALL ON FUNCTION regress_lint.f_clerk() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION regress_lint.f_clerk() TO regress_cipguard_clerk;
SET ROLE regress_cipguard_clerk;
CREATE FUNCTION regress_lint.f_not_reader() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT count(*) FROM regress_lint.client $$;
RESET ROLE;
SELECT * FROM regress_lint.findings('regress_lint');
-- The owner may read by a grant for one table, for one purpose, or as a member.
SELECT cipguard.grant_access('regress_cipguard_clerk', 'mobile', relation => 'regress_lint.enc') AS g \gset
SELECT * FROM regress_lint.findings('f_not_reader');
SELECT cipguard.revoke_access(:g);
SELECT cipguard.grant_access('regress_cipguard_clerk', 'mobile', relation => 'regress_lint.client', purpose => 'call') AS g \gset
SELECT * FROM regress_lint.findings('f_not_reader');
SELECT cipguard.revoke_access(:g);
GRANT regress_cipguard_reader TO regress_cipguard_clerk;
SELECT * FROM regress_lint.findings('f_clerk|f_not_reader');
REVOKE regress_cipguard_reader FROM regress_cipguard_clerk;
SELECT cipguard.grant_access('regress_cipguard_clerk', 'mobile', 'search') AS g \gset
SELECT * FROM regress_lint.findings('f_not_reader');
SELECT cipguard.revoke_access(:g);
DROP FUNCTION regress_lint.f_names, regress_lint.f_view, regress_lint.f_atomic, regress_lint.f_other, regress_lint.f_invoker, regress_lint.f_closed, regress_lint.f_clerk, regress_lint.f_not_reader;

-- Triggers.
CREATE FUNCTION regress_lint.t_super() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
SET ROLE regress_cipguard_clerk;
CREATE FUNCTION regress_lint.t_clerk() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
SET ROLE regress_cipguard_reader;
CREATE FUNCTION regress_lint.t_reader() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION regress_lint.t_reads() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM FROM regress_lint.client WHERE id = NEW.id; RETURN NEW; END';
CREATE FUNCTION regress_lint.t_definer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN PERFORM FROM regress_lint.client WHERE id = NEW.id; RETURN NEW; END';
REVOKE ALL ON FUNCTION regress_lint.t_definer() FROM PUBLIC;
CREATE TRIGGER t_reader BEFORE UPDATE ON regress_lint.client FOR EACH ROW EXECUTE FUNCTION regress_lint.t_reader();
CREATE TRIGGER t_reads BEFORE UPDATE ON regress_lint.client FOR EACH ROW EXECUTE FUNCTION regress_lint.t_reads();
CREATE TRIGGER t_definer BEFORE UPDATE ON regress_lint.client FOR EACH ROW EXECUTE FUNCTION regress_lint.t_definer();
CREATE TRIGGER t_builtin BEFORE UPDATE ON regress_lint.client FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE TABLE regress_lint.plain (id int PRIMARY KEY, note text);
CREATE TRIGGER t_clerk BEFORE UPDATE ON regress_lint.plain FOR EACH ROW EXECUTE FUNCTION regress_lint.t_clerk();
RESET ROLE;
CREATE TRIGGER t_clerk BEFORE UPDATE ON regress_lint.client FOR EACH ROW EXECUTE FUNCTION regress_lint.t_clerk();
CREATE TRIGGER t_super BEFORE UPDATE ON regress_lint.client FOR EACH ROW EXECUTE FUNCTION regress_lint.t_super();
SELECT cipguard.audit_table('regress_lint.client');
SELECT * FROM regress_lint.findings('regress_lint');
SET ROLE cipguard_officer;
SELECT cipguard.open_maintenance('end of a test') IS NOT NULL AS opened;
RESET ROLE;
SELECT cipguard.unaudit_table('regress_lint.client');
SET ROLE cipguard_officer;
SELECT cipguard.close_maintenance();
RESET ROLE;
DROP FUNCTION regress_lint.t_super, regress_lint.t_clerk, regress_lint.t_reader, regress_lint.t_reads, regress_lint.t_definer CASCADE;

-- Rules, policies.
SET ROLE regress_cipguard_reader;
CREATE RULE r_log AS ON UPDATE TO regress_lint.client DO ALSO INSERT INTO regress_lint.plain VALUES (NEW.id, NEW.contact) ON CONFLICT DO NOTHING;
CREATE RULE r_plain AS ON UPDATE TO regress_lint.plain DO ALSO NOTHING;
CREATE POLICY p_contact ON regress_lint.client USING (contact LIKE '138%');
CREATE POLICY p_id ON regress_lint.client USING (id > 0);
CREATE POLICY p_row ON regress_lint.client USING (client IS NOT NULL);
CREATE POLICY p_elsewhere ON regress_lint.plain USING (EXISTS (SELECT FROM regress_lint.client c WHERE c.contact = note));
RESET ROLE;
SELECT * FROM regress_lint.findings('regress_lint');
DROP RULE r_log ON regress_lint.client;
DROP POLICY p_contact ON regress_lint.client;
DROP POLICY p_id ON regress_lint.client;
DROP POLICY p_row ON regress_lint.client;
DROP POLICY p_elsewhere ON regress_lint.plain;

-- Materialized views: what the owner may see is in them.
SET ROLE regress_cipguard_reader;
CREATE MATERIALIZED VIEW regress_lint.m_direct AS SELECT id, contact FROM regress_lint.client;
CREATE MATERIALIZED VIEW regress_lint.m_over AS SELECT count(contact) FROM regress_lint.over_client;
CREATE MATERIALIZED VIEW regress_lint.m_row AS SELECT to_jsonb(c) FROM regress_lint.client c;
CREATE MATERIALIZED VIEW regress_lint.m_ids AS SELECT id FROM regress_lint.client;
CREATE MATERIALIZED VIEW regress_lint.m_labelled AS SELECT id, contact FROM regress_lint.client;
CREATE MATERIALIZED VIEW regress_lint.m_encrypted AS SELECT a FROM regress_lint.enc;
CREATE MATERIALIZED VIEW regress_lint.m_cast AS SELECT a::text AS plain FROM regress_lint.enc;
CREATE MATERIALIZED VIEW regress_lint.m_clerk AS SELECT contact FROM regress_lint.client;
RESET ROLE;
ALTER MATERIALIZED VIEW regress_lint.m_clerk OWNER TO regress_cipguard_clerk;
-- Transparent masking labels what a reader makes.
DO $$
DECLARE
	c record;
BEGIN
	FOR c IN SELECT attrelid::regclass AS relation, attname FROM pg_attribute a JOIN pg_class r ON r.oid = attrelid
			WHERE relnamespace = 'regress_lint'::regnamespace AND relkind = 'm' AND attnum > 0 AND attname <> 'a' LOOP
		EXECUTE format('SECURITY LABEL FOR cipguard ON COLUMN %s.%I IS %L', c.relation, c.attname,
			CASE WHEN c.relation = 'regress_lint.m_labelled'::regclass AND c.attname = 'contact' THEN 'mobile' END);
	END LOOP;
END
$$;
SELECT * FROM regress_lint.findings('regress_lint\.m_[^c]|m_cast');
SELECT severity = CASE WHEN cipguard.preloaded() THEN 'medium' ELSE 'high' END, kind, object, leak FROM cipguard.lint_exposure() WHERE object ~ 'm_clerk';
DROP MATERIALIZED VIEW regress_lint.m_direct, regress_lint.m_over, regress_lint.m_row, regress_lint.m_ids, regress_lint.m_labelled, regress_lint.m_encrypted, regress_lint.m_cast, regress_lint.m_clerk;
DROP VIEW regress_lint.over_client;

-- Indexes and extended statistics.
SET ROLE regress_cipguard_clerk;
CREATE FUNCTION regress_lint.spy(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
SET ROLE regress_cipguard_reader;
CREATE INDEX i_plain ON regress_lint.client (id, contact);
CREATE INDEX i_hash ON regress_lint.client USING hash (contact);
CREATE INDEX i_include ON regress_lint.client (id) INCLUDE (contact);
CREATE INDEX i_expr ON regress_lint.client (lower(contact));
CREATE INDEX i_both ON regress_lint.client (contact) WHERE contact LIKE '1%';
CREATE INDEX i_partial ON regress_lint.client (id) WHERE contact IS NULL;
CREATE INDEX i_row ON regress_lint.client ((client IS NULL));
CREATE INDEX i_other ON regress_lint.client (lower(phone2)) WHERE id > 0;
CREATE INDEX i_enc ON regress_lint.enc (a);
CREATE STATISTICS regress_lint.s_mcv (mcv) ON id, contact FROM regress_lint.client;
CREATE STATISTICS regress_lint.s_expr ON lower(contact) FROM regress_lint.client;
CREATE STATISTICS regress_lint.s_dep (dependencies) ON id, contact FROM regress_lint.client;
CREATE STATISTICS regress_lint.s_other (mcv) ON id, phone2 FROM regress_lint.client;
CREATE STATISTICS regress_lint.s_enc (dependencies) ON a, f FROM regress_lint.enc;
RESET ROLE;
CREATE INDEX i_spy ON regress_lint.client (regress_lint.spy(contact));
SELECT * FROM regress_lint.findings('regress_lint');
DROP INDEX regress_lint.i_plain, regress_lint.i_hash, regress_lint.i_include, regress_lint.i_expr, regress_lint.i_both, regress_lint.i_partial, regress_lint.i_spy, regress_lint.i_row, regress_lint.i_other, regress_lint.i_enc;
DROP STATISTICS regress_lint.s_mcv, regress_lint.s_expr, regress_lint.s_dep, regress_lint.s_other, regress_lint.s_enc;

-- Unique and foreign keys, and unlabelled columns that hold the same.
SET ROLE regress_cipguard_reader;
ALTER TABLE regress_lint.client ADD CONSTRAINT u_contact UNIQUE (contact), ADD CONSTRAINT u_phone2 UNIQUE (phone2);
CREATE UNIQUE INDEX u_enc ON regress_lint.enc (f, a);
CREATE UNIQUE INDEX u_include ON regress_lint.enc (f) INCLUDE (a);
CREATE TABLE regress_lint.visit (id int PRIMARY KEY REFERENCES regress_lint.client, number varchar(20) CONSTRAINT f_number REFERENCES regress_lint.client (contact));
CREATE TABLE regress_lint.call (contact varchar(20), born date, mobile text, name text, email text);
CREATE VIEW regress_lint.call_view AS SELECT contact FROM regress_lint.call;
RESET ROLE;
SELECT * FROM regress_lint.findings('regress_lint');
-- Who may write matters: not readers, not the owner.
GRANT INSERT ON regress_lint.client TO regress_cipguard_clerk, regress_cipguard_reader;
GRANT UPDATE (contact) ON regress_lint.client TO PUBLIC;
GRANT REFERENCES (contact) ON regress_lint.client TO regress_cipguard_other;
GRANT SELECT, DELETE ON regress_lint.visit TO PUBLIC;
SELECT * FROM regress_lint.findings('u_contact|f_number');
-- The remedy is a statement.
SELECT remedy FROM cipguard.lint_exposure() WHERE kind = 'unlabelled_copy' AND object ~ 'regress_lint.visit' \gexec
SELECT * FROM regress_lint.findings('regress_lint\.visit\.');
DROP TABLE regress_lint.visit, regress_lint.call CASCADE;
ALTER TABLE regress_lint.client DROP CONSTRAINT u_contact, DROP CONSTRAINT u_phone2;
DROP INDEX regress_lint.u_enc, regress_lint.u_include;

-- Partition keys, generated columns.
SET ROLE regress_cipguard_reader;
CREATE TABLE regress_lint.by_value (contact text, x text GENERATED ALWAYS AS (upper(contact)) STORED, n int, y int GENERATED ALWAYS AS (n + 1) STORED) PARTITION BY LIST (contact);
SECURITY LABEL FOR cipguard ON COLUMN regress_lint.by_value.contact IS 'mobile';
CREATE TABLE regress_lint.by_expr (id int, contact text) PARTITION BY RANGE (id, lower(contact));
SECURITY LABEL FOR cipguard ON COLUMN regress_lint.by_expr.contact IS 'mobile';
CREATE TABLE regress_lint.by_hash (mail cipguard.enc_text('email')) PARTITION BY HASH (mail);
CREATE TABLE regress_lint.by_id (id int, contact text) PARTITION BY LIST (id);
SECURITY LABEL FOR cipguard ON COLUMN regress_lint.by_id.contact IS 'mobile';
RESET ROLE;
SELECT * FROM regress_lint.findings('regress_lint') WHERE line !~ 'generated_column';
SELECT severity = CASE WHEN cipguard.preloaded() THEN 'low' ELSE 'high' END, kind, object, leak FROM cipguard.lint_exposure() WHERE kind = 'generated_column';
SELECT remedy FROM cipguard.lint_exposure() WHERE kind = 'generated_column' \gexec
SELECT * FROM regress_lint.findings('regress_lint.by_value.');
DROP TABLE regress_lint.by_value, regress_lint.by_expr, regress_lint.by_hash, regress_lint.by_id;

-- The mask that leaves ten digits, beside what tells the others.
SET ROLE regress_cipguard_reader;
CREATE TABLE regress_lint.person (number text, born date, gender text, city text);
SECURITY LABEL FOR cipguard ON COLUMN regress_lint.person.number IS 'resident_id';
SECURITY LABEL FOR cipguard ON COLUMN regress_lint.person.born IS 'birth_date';
CREATE TABLE regress_lint.policy (number text, start date, sex text, born date);
SECURITY LABEL FOR cipguard ON COLUMN regress_lint.policy.born IS 'birth_date';
CREATE VIEW regress_lint.person_sex AS SELECT p.number, q.sex FROM regress_lint.person p JOIN regress_lint.policy q USING (number);
CREATE VIEW regress_lint.person_born AS SELECT p.number, q.born AS x FROM regress_lint.person p JOIN regress_lint.policy q USING (number);
CREATE VIEW regress_lint.person_start AS SELECT p.number, q.start FROM regress_lint.person p JOIN regress_lint.policy q USING (number);
RESET ROLE;
SELECT * FROM regress_lint.findings('regress_lint\.person');
BEGIN;
SELECT NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'cipguard.category'::regclass AND attname = 'mask_options') AS missing \gset
\if :missing
ALTER TABLE cipguard.category ADD mask_options jsonb;
\endif
UPDATE cipguard.category SET mask_options = '{"style": "legacy"}' WHERE name = 'resident_id';
SELECT * FROM regress_lint.findings('regress_lint\.person');
ROLLBACK;
DROP TABLE regress_lint.person, regress_lint.policy CASCADE;

-- Publications, foreign tables.
SET client_min_messages = error;
CREATE PUBLICATION regress_lint_column FOR TABLE regress_lint.client (id);
CREATE PUBLICATION regress_lint_list FOR TABLE regress_lint.client (id, contact), regress_lint.plain;
CREATE PUBLICATION regress_lint_table FOR TABLE regress_lint.client;
CREATE PUBLICATION regress_lint_schema FOR TABLES IN SCHEMA regress_lint;
CREATE PUBLICATION regress_lint_enc FOR TABLE regress_lint.enc;
SELECT object, count(*) FROM cipguard.lint_exposure() WHERE kind = 'publication' AND object ~ 'regress_lint' GROUP BY 1 ORDER BY 1;
SELECT * FROM regress_lint.findings('publication regress_lint_table');
DROP PUBLICATION regress_lint_column, regress_lint_list, regress_lint_table, regress_lint_schema, regress_lint_enc;
CREATE PUBLICATION regress_lint_all FOR ALL TABLES;
SELECT severity, kind, object FROM cipguard.lint_exposure() WHERE object ~ 'regress_lint_all';
DROP PUBLICATION regress_lint_all;
SET client_min_messages = warning;
CREATE FOREIGN DATA WRAPPER regress_lint_wrapper;
CREATE SERVER regress_lint_server FOREIGN DATA WRAPPER regress_lint_wrapper;
CREATE FOREIGN TABLE regress_lint.remote (contact text) SERVER regress_lint_server;
CREATE FOREIGN TABLE regress_lint.remote_plain (f int) SERVER regress_lint_server;
SECURITY LABEL FOR cipguard ON COLUMN regress_lint.remote.contact IS 'mobile';
SELECT * FROM regress_lint.findings('regress_lint');
CREATE USER MAPPING FOR PUBLIC SERVER regress_lint_server;
GRANT USAGE ON FOREIGN SERVER regress_lint_server TO regress_cipguard_clerk, regress_cipguard_reader;
SELECT * FROM regress_lint.findings('regress_lint');
DROP FOREIGN DATA WRAPPER regress_lint_wrapper CASCADE;

-- Roles.
ALTER ROLE regress_cipguard_clerk REPLICATION BYPASSRLS;
ALTER ROLE regress_cipguard_reader REPLICATION BYPASSRLS;
GRANT pg_read_all_data, pg_read_server_files, pg_execute_server_program TO regress_cipguard_other;
SELECT * FROM regress_lint.findings('role regress_cipguard');
-- Whoever may read all that is protected was none of them.
SECURITY LABEL FOR cipguard ON COLUMN regress_lint.client.phone2 IS 'uscc';
SELECT * FROM regress_lint.findings('role regress_cipguard_reader');
SECURITY LABEL FOR cipguard ON COLUMN regress_lint.client.phone2 IS NULL;
-- Encrypted values are armor for a replica; files hold keys, too.
SECURITY LABEL FOR cipguard ON COLUMN regress_lint.client.contact IS NULL;
SELECT * FROM regress_lint.findings('role regress_cipguard');
SECURITY LABEL FOR cipguard ON COLUMN regress_lint.client.contact IS 'mobile';
-- An officer finds what a superuser finds.
SELECT md5(string_agg(l::text, '')) AS found FROM cipguard.lint_exposure() l \gset
SET ROLE regress_cipguard_other;
SELECT md5(string_agg(l::text, '')) = :'found' AS same, count(*) > 3 AS many FROM cipguard.lint_exposure() l;
RESET ROLE;
ALTER ROLE regress_cipguard_clerk NOREPLICATION NOBYPASSRLS;
CREATE ROLE regress_cipguard_root SUPERUSER;
SELECT * FROM regress_lint.findings('role regress_cipguard_root');
ALTER ROLE regress_cipguard_root LOGIN;
SELECT * FROM regress_lint.findings('role regress_cipguard_root');
-- A superuser is a reader only as member of one.
SELECT count(*) FROM cipguard.readers WHERE role = 'regress_cipguard_root'::regrole;
GRANT regress_cipguard_reader TO regress_cipguard_root;
SELECT count(*) FROM cipguard.readers WHERE role = 'regress_cipguard_root'::regrole;
SELECT * FROM regress_lint.findings('role regress_cipguard_root');
DROP ROLE regress_cipguard_root;

-- Languages that PostgreSQL's rights do not bind: one that claims to be so.
CREATE LANGUAGE regress_lint_u HANDLER plpgsql_call_handler;
CREATE FUNCTION regress_lint.u_public() RETURNS int LANGUAGE regress_lint_u AS 'BEGIN RETURN 1; END';
CREATE FUNCTION regress_lint.u_closed() RETURNS int LANGUAGE regress_lint_u AS 'BEGIN RETURN 1; END';
REVOKE ALL ON FUNCTION regress_lint.u_closed() FROM PUBLIC;
SELECT * FROM regress_lint.findings('regress_lint');
DROP LANGUAGE regress_lint_u CASCADE;

-- A grant of a role that is gone, a category that is gone: no error.
CREATE ROLE regress_cipguard_gone;
SELECT cipguard.grant_access('regress_cipguard_gone', 'mobile') IS NOT NULL;
DROP ROLE regress_cipguard_gone;
BEGIN;
SELECT cipguard.add_category('regress_gone') IS NOT NULL;
SECURITY LABEL FOR cipguard ON COLUMN regress_lint.client.phone2 IS 'regress_gone';
DELETE FROM cipguard.category WHERE name = 'regress_gone';
SELECT column_name, category FROM cipguard.protected_columns WHERE relation = 'regress_lint.client'::regclass ORDER BY attnum;
SELECT * FROM regress_lint.findings('regress_lint');
ROLLBACK;
-- Without anything protected there is nothing to find.
DROP TABLE regress_lint.client, regress_lint.enc CASCADE;
SELECT count(*) FROM cipguard.protected_columns;
SELECT * FROM cipguard.lint_exposure();
SELECT cipguard.short_list('{}'), cipguard.short_list('{b,a,b}'), cipguard.short_list('{g,f,e,d,c,b,a}'), cipguard.short_list(NULL);

DROP SCHEMA regress_lint CASCADE;
DELETE FROM cipguard.access_grant WHERE grantee::text ~ '^(regress|[0-9])';
DROP ROLE regress_cipguard_reader, regress_cipguard_clerk, regress_cipguard_other;

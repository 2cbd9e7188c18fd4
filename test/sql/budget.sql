-- Budgets: who may set them, which one counts, and what becomes of the rest.
-- server: masked
CREATE ROLE regress_cipguard_officer IN ROLE cipguard_officer;
CREATE ROLE regress_cipguard_second IN ROLE cipguard_officer;
CREATE ROLE regress_cipguard_auditor IN ROLE cipguard_auditor;
CREATE ROLE regress_cipguard_team;
CREATE ROLE regress_cipguard_crew;
CREATE ROLE regress_cipguard_reader IN ROLE regress_cipguard_team, regress_cipguard_crew;
CREATE ROLE regress_cipguard_clerk;
CREATE SCHEMA regress_budget;
CREATE TABLE regress_budget.client (id int PRIMARY KEY, mobile cipguard.enc_text('mobile'), email text);
SECURITY LABEL FOR cipguard ON COLUMN regress_budget.client.email IS 'email';
INSERT INTO regress_budget.client SELECT g, '138' || lpad(g::text, 8, '0'), 'person' || g || '@example.com' FROM generate_series(1, 40) g;
GRANT USAGE ON SCHEMA regress_budget TO PUBLIC;
GRANT SELECT ON regress_budget.client TO PUBLIC;

-- How many rows are plaintext.
CREATE PROCEDURE regress_budget.reads(role text, query text, INOUT plain int) LANGUAGE plpgsql SET client_min_messages = error AS $$
DECLARE
	value text;
BEGIN
	plain := 0;
	EXECUTE format('SET LOCAL ROLE %I', role);
	FOR value IN EXECUTE query LOOP
		plain := plain + (value !~ '\*')::int;
	END LOOP;
	RESET ROLE;
END
$$;
\set mobiles '\'SELECT mobile::text FROM regress_budget.client\''
\set emails '\'SELECT email FROM regress_budget.client\''

-- Who sets them.
SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT cipguard.grant_access('regress_cipguard_reader', 'mobile') > 0, cipguard.grant_access('regress_cipguard_reader', 'email') > 0;
SELECT cipguard.set_budget('regress_cipguard_clerk', 'mobile', 5, 7);
SELECT grantee, category, per_hour, per_day, set_by, set_at IS NOT NULL FROM cipguard.budget;
SELECT cipguard.set_budget('regress_cipguard_clerk', 'mobile', NULL, 8);
SELECT grantee, category, per_hour, per_day FROM cipguard.budget;
SELECT cipguard.clear_budget('regress_cipguard_clerk', 'mobile'), cipguard.clear_budget('regress_cipguard_clerk', 'mobile');
SELECT test.error_of($$SELECT cipguard.set_budget('regress_cipguard_officer', 'mobile', 5, 5)$$) AS myself;
SELECT test.error_of($$SELECT cipguard.set_budget('cipguard_officer', NULL, 5, 5)$$) AS my_group;
SELECT test.error_of($$INSERT INTO cipguard.budget (grantee, per_hour) VALUES ('regress_cipguard_officer', 5)$$) AS directly;
SELECT test.error_of($$INSERT INTO cipguard.budget (grantee, set_by) VALUES ('regress_cipguard_clerk', 'x')$$) AS as_another;
SELECT test.error_of($$SELECT cipguard.set_budget('regress_cipguard_clerk', 'mobil', 5, 5)$$);
SELECT test.error_of($$SELECT cipguard.set_budget('regress_cipguard_clerk', 'unclassified', 5, 5)$$);
SELECT test.error_of($$SELECT cipguard.set_budget('regress_cipguard_clerk', 'mobile', -1, 5)$$);
SELECT test.error_of($$INSERT INTO cipguard.budget (grantee, per_day) VALUES ('regress_cipguard_clerk', -1)$$);
SELECT test.error_of($$INSERT INTO cipguard.budget (grantee, category) VALUES ('regress_cipguard_clerk', 'no_such')$$);
SELECT test.error_of($$SELECT cipguard.set_budget('regress_cipguard_nobody', 'mobile', 5, 5)$$);
SET ROLE cipguard_officer;
SELECT test.error_of($$SELECT cipguard.set_budget('regress_cipguard_officer', 'mobile', 5, 5)$$) AS by_set_role;
RESET SESSION AUTHORIZATION;
SET ROLE regress_cipguard_reader;
SELECT test.error_of($$SELECT cipguard.set_budget('regress_cipguard_clerk', 'mobile', 5, 5)$$) AS no_officer;
SELECT test.error_of($$SELECT * FROM cipguard.budget$$) AS no_officer;
SELECT test.error_of($$SELECT cipguard.reset_budgets()$$) AS no_superuser;
RESET ROLE;
SELECT test.error_of($$SELECT cipguard.reset_budgets()$$) AS no_window;
SELECT test.error_of($$TRUNCATE cipguard.budget$$) AS truncated;

-- An officer who is granted values himself leaves budgets that could be his
-- to another one.
SET SESSION AUTHORIZATION regress_cipguard_second;
SELECT cipguard.grant_access('regress_cipguard_officer', 'mobile') AS own \gset
SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT test.error_of($$SELECT cipguard.set_budget(NULL, 'mobile', 5, 5)$$) AS every_role;
SELECT test.error_of($$SELECT cipguard.set_budget(NULL, NULL, 5, 5)$$) AS every_category;
SELECT cipguard.set_budget(NULL, 'email', 5, 5);
SET SESSION AUTHORIZATION regress_cipguard_second;
SELECT cipguard.revoke_access(:own), cipguard.clear_budget(NULL, 'email');

-- Which one counts: the role's own, then the largest of its groups, then that
-- of every role; and of the category before that of every category.
-- That of every role is one of who logged in here, too.
SELECT cipguard.set_budget(NULL, NULL, 3, NULL);
RESET SESSION AUTHORIZATION;
CALL regress_budget.reads('regress_cipguard_reader', :mobiles, NULL);
SET SESSION AUTHORIZATION regress_cipguard_second;
SELECT cipguard.set_budget(NULL, 'mobile', 5, NULL);
RESET SESSION AUTHORIZATION;
CALL regress_budget.reads('regress_cipguard_reader', :mobiles, NULL);
SET SESSION AUTHORIZATION regress_cipguard_second;
SELECT cipguard.clear_budget(NULL, NULL), cipguard.clear_budget(NULL, 'mobile');
SELECT cipguard.set_budget('regress_cipguard_team', NULL, 9, NULL), cipguard.set_budget('regress_cipguard_crew', 'mobile', 8, NULL);
RESET SESSION AUTHORIZATION;
CALL regress_budget.reads('regress_cipguard_reader', :mobiles, NULL);
SET SESSION AUTHORIZATION regress_cipguard_second;
SELECT cipguard.set_budget('regress_cipguard_team', 'mobile', 6, NULL);
RESET SESSION AUTHORIZATION;
CALL regress_budget.reads('regress_cipguard_reader', :mobiles, NULL);
SET SESSION AUTHORIZATION regress_cipguard_second;
SELECT cipguard.set_budget('regress_cipguard_reader', NULL, 12, NULL);
RESET SESSION AUTHORIZATION;
CALL regress_budget.reads('regress_cipguard_reader', :mobiles, NULL);
SET SESSION AUTHORIZATION regress_cipguard_second;
SELECT cipguard.set_budget('regress_cipguard_reader', 'mobile', 20, 14);
RESET SESSION AUTHORIZATION;
CALL regress_budget.reads('regress_cipguard_reader', :mobiles, NULL);
-- Each category has its own count.
CALL regress_budget.reads('regress_cipguard_reader', :emails, NULL);
SELECT role, category, hour_used, hour_limit, day_used, day_limit FROM cipguard.budget_status WHERE role::text ~ '^regress' ORDER BY 1, 2;
SET ROLE regress_cipguard_auditor;
SELECT count(*) FROM cipguard.budget_status WHERE role::text = 'regress_cipguard_reader';
SET ROLE regress_cipguard_clerk;
SELECT count(*) FROM cipguard.budget_status WHERE role::text = 'regress_cipguard_reader';
SET ROLE regress_cipguard_reader;
SELECT category, hour_used FROM cipguard.budget_status WHERE role::text = 'regress_cipguard_reader' ORDER BY 1;
SELECT mobile FROM regress_budget.client WHERE id = 1;
SET cipguard.on_refusal = error;
SELECT test.error_of($$SELECT mobile FROM regress_budget.client WHERE id = 1$$);
RESET cipguard.on_refusal;
RESET ROLE;

-- A row limit of a grant; another grant without a limit opens the rest.
SET SESSION AUTHORIZATION regress_cipguard_second;
SELECT cipguard.set_budget('regress_cipguard_clerk', NULL, NULL, NULL);
RESET SESSION AUTHORIZATION;
INSERT INTO cipguard.access_grant (grantee, category, level, row_limit) VALUES ('regress_cipguard_clerk', 'mobile', 'read', 10) RETURNING id AS first \gset
CALL regress_budget.reads('regress_cipguard_clerk', :mobiles, NULL);
CALL regress_budget.reads('regress_cipguard_clerk', :mobiles, NULL);
SELECT cipguard.shown_under(:first);
INSERT INTO cipguard.access_grant (grantee, category, level, row_limit) VALUES ('regress_cipguard_clerk', 'mobile', 'read', 7) RETURNING id AS second \gset
CALL regress_budget.reads('regress_cipguard_clerk', :mobiles, NULL);
SELECT cipguard.shown_under(:first), cipguard.shown_under(:second);
INSERT INTO cipguard.access_grant (grantee, category, level, relation) VALUES ('regress_cipguard_clerk', 'mobile', 'read', 'regress_budget.client') RETURNING id AS third \gset
CALL regress_budget.reads('regress_cipguard_clerk', :mobiles, NULL);
SELECT cipguard.shown_under(:first), cipguard.shown_under(:second);

-- What is set is an event.
SELECT count(*) >= 7 AS noted FROM cipguard.audit_log WHERE relation = 'cipguard.budget' OR relation = 'budget';

RESET SESSION AUTHORIZATION;
SELECT count(cipguard.revoke_access(id)) > 0 FROM cipguard.access_grant WHERE grantee::text ~ '^regress' AND revoked_at IS NULL;
DELETE FROM cipguard.budget;
DROP SCHEMA regress_budget CASCADE;
DROP ROLE regress_cipguard_officer, regress_cipguard_second, regress_cipguard_auditor, regress_cipguard_reader, regress_cipguard_clerk, regress_cipguard_team, regress_cipguard_crew;

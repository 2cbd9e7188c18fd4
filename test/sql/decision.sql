-- server: masked
-- The decision: a grant counts as long as every condition in force is met; who
-- has one and misses a condition is told, and nobody gets round it.
SET client_min_messages = warning;
SELECT clock_timestamp() AS began \gset
CREATE ROLE regress_cipguard_officer IN ROLE cipguard_officer;
CREATE ROLE regress_cipguard_auditor IN ROLE cipguard_auditor;
CREATE ROLE regress_cipguard_group;
CREATE ROLE regress_cipguard_reader;
CREATE ROLE regress_cipguard_member IN ROLE regress_cipguard_group;
CREATE ROLE regress_cipguard_search;
CREATE ROLE regress_cipguard_clerk;
CREATE SCHEMA regress_dec;
GRANT USAGE, CREATE ON SCHEMA regress_dec TO PUBLIC;
SET search_path = regress_dec, test;
CREATE TABLE client (id int PRIMARY KEY, name text, mobile cipguard.enc_text('mobile'));
SECURITY LABEL FOR cipguard ON COLUMN client.name IS 'name';
CREATE TABLE other (id int PRIMARY KEY, mobile cipguard.enc_text('mobile'));
CREATE TABLE caught (id int, mobile cipguard.enc_text('mobile'));
INSERT INTO client VALUES (1, '张三丰', '13800138000'), (2, '李四', '13900139000');
INSERT INTO other VALUES (1, '13700137000');
CREATE VIEW seen AS SELECT id, mobile FROM client;
GRANT SELECT ON client, other, caught, seen TO PUBLIC;
-- What errors and warnings give: SQLSTATE and the whole text.
CREATE FUNCTION told(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(detail, ''), nullif(hint, ''));
END
$$;
SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT cipguard.grant_access('regress_cipguard_reader', 'mobile') AS g \gset
SELECT cipguard.grant_access('regress_cipguard_reader', 'name', relation => 'client') AS gn \gset
SELECT cipguard.grant_access('regress_cipguard_group', 'mobile', purpose => 'other purpose') AS gp \gset
SELECT cipguard.grant_access('regress_cipguard_search', 'mobile', 'search') AS gs \gset
SELECT count(cipguard.add_activity('regress_calls', 'call clients', 'contract', '{mobile,name}', 'sales', '1 year', true)) AS made \gset
RESET SESSION AUTHORIZATION;

-- Nothing is in force: the grant alone decides.
SET ROLE regress_cipguard_reader;
SELECT * FROM client ORDER BY id;
SELECT condition, met, replace(detail, :'g', 'N') AS detail FROM cipguard.why('mobile') WHERE in_force AND condition <> 'budget';
RESET ROLE;

-- A purpose is required.  One warning for each category, and the mask.
SET cipguard.require_purpose = on;
SET ROLE regress_cipguard_reader;
SELECT * FROM client ORDER BY id;
SELECT c.mobile, o.mobile FROM client c, other o ORDER BY c.id;
SELECT id FROM client ORDER BY id;
SELECT id FROM seen ORDER BY id;
SELECT count(*) FROM seen;
SELECT mobile FROM seen ORDER BY id;
SELECT (SELECT mobile FROM client WHERE id = 1) IS NULL AS none;
EXPLAIN (COSTS OFF) SELECT mobile FROM client;
CREATE FUNCTION thrice() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r text := '';
BEGIN
	FOR i IN 1..3 LOOP
		r := r || (SELECT string_agg(id::text, '') FROM client WHERE mobile IS NOT NULL);
	END LOOP;
	RETURN r;
END
$$;
SELECT thrice();
SELECT told('SELECT mobile::text FROM client');
SELECT told($$SELECT id FROM client WHERE mobile = '13800138000'$$);
SELECT told($$SELECT id FROM client WHERE mobile > '13800138000'$$);
SELECT told($$SELECT cipguard.pseudonym(mobile) FROM client$$);
SELECT condition, in_force, met, detail, law, remedy FROM cipguard.why('mobile') WHERE condition IN ('lockdown', 'purpose', 'consent');
-- With one, it is given again, also by plans that were made without.
PREPARE p AS SELECT id, mobile FROM client ORDER BY id;
EXECUTE p;
BEGIN;
SET LOCAL cipguard.purpose = 'regress_calls';
EXECUTE p;
SELECT thrice();
SELECT id FROM client WHERE mobile = '13800138000';
COMMIT;
EXECUTE p;
BEGIN;
SET LOCAL cipguard.purpose = 'regress_nothing';
EXECUTE p;
COMMIT;
SET plan_cache_mode = force_generic_plan;
SET cipguard.purpose = 'regress_calls';
EXECUTE p;
SET ROLE regress_cipguard_clerk;
EXECUTE p;
SET ROLE regress_cipguard_reader;
EXECUTE p;
RESET cipguard.purpose;
EXECUTE p;
RESET plan_cache_mode;

-- As an error, for who wants no masks by mistake.
SET cipguard.on_refusal = error;
SELECT told('SELECT mobile FROM client');
SELECT told('SELECT * FROM other');
SELECT id FROM seen ORDER BY id;
SELECT told('EXPLAIN SELECT mobile FROM client');
-- Who catches it has been recorded all the same.
DO $$
BEGIN
	PERFORM mobile FROM caught;
EXCEPTION WHEN OTHERS THEN
	NULL;
END
$$;
RESET cipguard.on_refusal;
-- Without a grant nobody is told of conditions: there are masks, or 42501.
SET ROLE regress_cipguard_clerk;
SELECT mobile FROM client ORDER BY id;
SET cipguard.on_refusal = error;
SELECT mobile FROM client ORDER BY id;
RESET cipguard.on_refusal;
SELECT told('SELECT mobile::text FROM client');
SELECT told($$SELECT id FROM client WHERE mobile = '13800138000'$$);
SELECT condition, in_force, met, detail, remedy FROM cipguard.why('mobile', 'client', '1') WHERE condition IN ('grant', 'restriction', 'consent');
-- Search is gated, too; masks are no news to who has no more.
SET ROLE regress_cipguard_search;
SELECT mobile FROM client ORDER BY id;
SELECT told($$SELECT id FROM client WHERE mobile = '13800138000'$$);
SELECT told($$SELECT count(*) FROM client c JOIN other o ON c.mobile = o.mobile$$);
SET ROLE regress_cipguard_member;
SELECT mobile FROM client ORDER BY id;
SELECT condition, met, replace(detail, :'gp', 'N') AS detail FROM cipguard.why('mobile') LIMIT 1;

-- SECURITY DEFINER: what counts is who the function runs as.
SET ROLE regress_cipguard_reader;
CREATE FUNCTION as_reader() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER SET search_path = regress_dec, pg_temp AS
	'SELECT mobile::text FROM client ORDER BY id';
SET ROLE regress_cipguard_clerk;
CREATE FUNCTION as_clerk() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER SET search_path = regress_dec, pg_temp AS
	'SELECT mobile::text FROM client ORDER BY id';
SELECT * FROM as_reader();
SET cipguard.purpose = 'regress_calls';
SELECT * FROM as_reader();
SET ROLE regress_cipguard_reader;
SELECT * FROM as_clerk();
RESET ROLE;
RESET cipguard.purpose;
SET cipguard.require_purpose = off;

-- A grant that is suspended ends at once, in open cursors too, and nobody
-- resumes his own.
SET ROLE regress_cipguard_reader;
BEGIN;
DECLARE c CURSOR FOR SELECT id, mobile FROM client ORDER BY id;
FETCH c;
SET LOCAL ROLE regress_cipguard_officer;
SELECT cipguard.suspend_access(:g, 'looked at by night');
SET LOCAL ROLE regress_cipguard_reader;
FETCH c;
COMMIT;
SELECT mobile FROM client ORDER BY id;
SELECT condition, met, replace(detail, :'g', 'N') AS detail FROM cipguard.why('mobile') LIMIT 1;
SELECT test.error_of(format('SELECT cipguard.resume_access(%s)', :g)) AS no_officer;
RESET ROLE;
GRANT cipguard_officer TO regress_cipguard_reader;
SET SESSION AUTHORIZATION regress_cipguard_reader;
SELECT test.error_of(format('SELECT cipguard.resume_access(%s)', :g)) AS oneself;
SET ROLE cipguard_officer;
SELECT test.error_of(format('SELECT cipguard.resume_access(%s)', :g)) AS by_set_role;
SELECT test.error_of(format('UPDATE cipguard.access_grant SET suspended_at = NULL WHERE id = %s', :g)) AS directly;
SELECT test.error_of(format('UPDATE cipguard.access_grant SET suspended_at = NULL, minors = true WHERE id = %s', :g)) AS more;
RESET SESSION AUTHORIZATION;
REVOKE cipguard_officer FROM regress_cipguard_reader;
SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT test.error_of(format('SELECT cipguard.suspend_access(%s, %L)', :g, '')) AS no_reason;
SELECT test.error_of(format('UPDATE cipguard.access_grant SET minors = true WHERE id = %s', :g)) AS widened;
SELECT cipguard.suspend_access(:g, 'again'), cipguard.suspend_access(-1, 'none'), cipguard.suspend_access(NULL, 'none');
SELECT count(*) FROM cipguard.access_grants WHERE id = :g;
SELECT cipguard.resume_access(:g), cipguard.resume_access(:g), cipguard.resume_access(NULL);
SELECT suspended_at, suspended_for FROM cipguard.access_grant WHERE id = :g;
RESET SESSION AUTHORIZATION;
SET ROLE regress_cipguard_reader;
SELECT mobile FROM client ORDER BY id;

-- The decision on others is for officers and auditors.
SELECT * FROM cipguard.access_decision('regress_cipguard_reader', 'mobile');
SELECT * FROM cipguard.access_decision('regress_cipguard_reader', 'name');
SELECT * FROM cipguard.access_decision('regress_cipguard_reader', 'name', 'client');
SELECT * FROM cipguard.access_decision('regress_cipguard_reader', 'mobile', 'client', '1');
SELECT told($$SELECT cipguard.access_decision('regress_cipguard_clerk', 'mobile')$$);
SELECT told($$SELECT cipguard.access_decision('regress_cipguard_reader', 'no such')$$);
SELECT told($$SELECT * FROM cipguard.why('no such')$$);
SELECT cipguard.access_decision(NULL, 'mobile') IS NULL AS null_role, count(*) FROM cipguard.why(NULL);
RESET ROLE;
SET cipguard.require_purpose = on;
SET ROLE regress_cipguard_auditor;
SELECT r, d.* FROM unnest(ARRAY['reader', 'search', 'clerk']) r, cipguard.access_decision(('regress_cipguard_' || r)::regrole, 'mobile') d;
SET cipguard.purpose = 'regress_calls';
SELECT r, d.* FROM unnest(ARRAY['reader', 'search', 'clerk']) r, cipguard.access_decision(('regress_cipguard_' || r)::regrole, 'mobile') d;
RESET cipguard.purpose;
RESET ROLE;
SET cipguard.require_purpose = off;

-- A lockdown comes before all else; a category that is never disclosed can be
-- compared still.
BEGIN;
SELECT count(cipguard.lockdown('category mobile', 'test')) AS made;
SET LOCAL ROLE regress_cipguard_reader;
SET LOCAL cipguard.on_refusal = error;
SELECT regexp_replace(told('SELECT mobile FROM client'), 'Lockdown \d+', 'Lockdown N') AS told;
SELECT told('SELECT name FROM client');
SELECT * FROM cipguard.access_decision('regress_cipguard_reader', 'mobile');
ROLLBACK;
SELECT count(cipguard.add_category('regress_secret', 'searchable', level => 4)) AS made \gset
CREATE TABLE secret (id int, value cipguard.enc_text('regress_secret'));
INSERT INTO secret VALUES (1, 'open sesame');
GRANT SELECT ON secret TO PUBLIC;
SET ROLE regress_cipguard_officer;
SELECT cipguard.grant_access('regress_cipguard_reader', 'regress_secret') AS gl \gset
SELECT cipguard.set_condition('regress_secret', 'level', 'on');
SET ROLE regress_cipguard_reader;
SELECT value FROM secret;
SELECT id FROM secret WHERE value = 'open sesame';
SELECT told($$SELECT id FROM secret WHERE value > 'open'$$);
SELECT * FROM cipguard.access_decision('regress_cipguard_reader', 'regress_secret');
-- It leaves `=` only if all else is met.
RESET ROLE;
SET cipguard.require_purpose = on;
SET ROLE regress_cipguard_reader;
SELECT told($$SELECT id FROM secret WHERE value = 'open sesame'$$);
SELECT * FROM cipguard.access_decision('regress_cipguard_reader', 'regress_secret');
RESET ROLE;
SET cipguard.require_purpose = off;
SET ROLE regress_cipguard_officer;
SELECT cipguard.set_condition('regress_secret', 'level', 'off');
RESET ROLE;

-- What was refused is in the log, by whom and why; persons are tags there.
SELECT cipguard.ingest() >= 0 AS taken;
SELECT cur_role, relation, regexp_replace(detail, ' \(and \d+ times before\)', '') AS detail FROM cipguard.audit_log
	WHERE action = 'REFUSED' AND cur_role LIKE 'regress\_cipguard\_%' AND ts >= :'began'
	GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SET ROLE regress_cipguard_officer;
SELECT count(cipguard.add_activity('regress_mail', 'send mail', 'consent', '{mobile}', 'sales', '1 year', false)) AS made \gset
RESET ROLE;
GRANT cipguard_registrar TO regress_cipguard_officer;
SET ROLE regress_cipguard_officer;
SELECT count(cipguard.record_consent('regress person', 'regress_mail', 'give', channel => repeat('好', 90))) AS made \gset
RESET ROLE;
SELECT detail LIKE '%subject=' || cipguard.subject_tag('regress person') || ' %' AS tag, detail LIKE '%regress person%' AS name,
	detail LIKE '%channel=' || repeat('好', 66) || '...%' AS cut
	FROM cipguard.audit_log WHERE action = 'CONSENT_EVENT' ORDER BY seq DESC LIMIT 1;

SET client_min_messages = error;
SET ROLE regress_cipguard_officer;
SELECT bool_and(cipguard.revoke_access(id)) FROM unnest(ARRAY[:g, :gn, :gp, :gs, :gl]::bigint[]) id;
SELECT count(cipguard.end_activity(a)) FROM unnest(ARRAY['regress_calls', 'regress_mail']) a;
RESET ROLE;
DROP SCHEMA regress_dec CASCADE;
DROP ROLE regress_cipguard_member, regress_cipguard_group, regress_cipguard_reader, regress_cipguard_search, regress_cipguard_clerk, regress_cipguard_officer, regress_cipguard_auditor;

-- server: masked
-- Alerts: raised whatever becomes of the transaction, once; derived from what
-- is disclosed and refused; acknowledged by others; and suspensions.
CREATE SCHEMA alerted;
GRANT USAGE ON SCHEMA alerted TO PUBLIC;
CREATE ROLE regress_cipguard_officer LOGIN IN ROLE cipguard_officer;
CREATE ROLE regress_cipguard_auditor LOGIN IN ROLE cipguard_auditor;
CREATE ROLE regress_cipguard_reader LOGIN;
SET client_min_messages = warning;
CREATE TABLE alerted.client (id int PRIMARY KEY, mobile cipguard.enc_text('mobile'));
SECURITY LABEL FOR cipguard ON COLUMN alerted.client.id IS 'subject';
INSERT INTO alerted.client SELECT g, '1380013' || (1000 + g) FROM generate_series(1, 40) g;
GRANT SELECT ON alerted.client TO regress_cipguard_reader;
SELECT cipguard.grant_access('regress_cipguard_reader', 'mobile') > 0 AS granted;
-- Alerts since the beginning, in the order in which they were raised.
CREATE VIEW alerted.news AS
	SELECT id, kind, replace(login_role, current_user, 'super') AS login_role, replace(role, current_user, 'super') AS role,
		category, relation, detail, count, suspension IS NOT NULL AS suspends, acknowledged_by IS NOT NULL AS seen
	FROM cipguard.alert;
-- A worker may be at it just now.
CREATE FUNCTION alerted.ingest() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 100 LOOP
		PERFORM cipguard.ingest();
		IF NOT EXISTS (SELECT FROM cipguard.journal()) THEN
			RETURN true;
		END IF;
		PERFORM pg_sleep(0.1);
	END LOOP;
	RETURN false;
END
$$;

-- What was before is none of ours.
SELECT alerted.ingest();
SELECT current_user AS super, coalesce(max(id), 0) AS mark FROM cipguard.alert \gset

-- 1. Raised in what is rolled back, read only, or swallowed
BEGIN;
SELECT cipguard.raise_alert('canary', 'one', 'mobile', 'alerted.client');
ROLLBACK;
BEGIN READ ONLY;
SELECT cipguard.raise_alert('budget', 'two', 'mobile');
COMMIT;
DO $$
BEGIN
	PERFORM cipguard.raise_alert('lockdown', 'three');
	RAISE EXCEPTION 'no';
EXCEPTION WHEN OTHERS THEN
	NULL;
END
$$;
SELECT alerted.ingest();
SELECT kind, login_role, role, category, relation, detail, count, suspends, seen FROM alerted.news WHERE id > :mark ORDER BY id;
SELECT alerted.ingest();
SELECT count(*) FROM alerted.news WHERE id > :mark;
-- the client is not told, whatever level it asks for
SET client_min_messages = debug1;
SELECT cipguard.raise_alert('break-glass', 'four', NULL, 'alerted.client');
SET client_min_messages = warning;
-- the event that it names
SELECT a.kind, e.action, e.detail FROM cipguard.alert a JOIN cipguard.audit_log e ON e.seq = a.event WHERE a.id > :mark ORDER BY a.id;
-- NULLs, an unknown category, an unknown kind
SELECT test.error_of(s) FROM unnest(ARRAY[
	'SELECT cipguard.raise_alert(NULL, ''x'')',
	'SELECT cipguard.raise_alert(''canary'', NULL)',
	'SELECT cipguard.raise_alert(''canary'', ''x'', ''nothing'')']) s;
SELECT cipguard.raise_alert('made-up', repeat('长', 400));
SELECT alerted.ingest();
SELECT kind, length(detail) FROM alerted.news WHERE id > :mark AND kind = 'made-up';

-- 2. Once for the same, and counted
SELECT count(cipguard.raise_alert('canary', 'again', 'mobile', 'alerted.client')) FROM generate_series(1, 5);
SELECT pg_sleep(1.1);
SELECT cipguard.raise_alert('canary', 'again', 'mobile', 'alerted.client');
SELECT alerted.ingest();
SELECT kind, count, detail FROM alerted.news WHERE id > :mark AND kind = 'canary';
-- not by a row that was acknowledged
SET ROLE regress_cipguard_auditor;
SELECT test.error_of(format('SELECT cipguard.acknowledge_alert(%s, ''mine'')', id)) FROM cipguard.alerts_open WHERE id > :mark AND kind = 'canary';
RESET ROLE;

-- 3. Refused attempts
SET ROLE regress_cipguard_officer;
SELECT cipguard.set_alert_rule('refusals', true, 3, '5 minutes');
RESET ROLE;
\c - regress_cipguard_reader
SELECT test.error_of(format('SELECT * FROM cipguard.%I', r)) FROM unnest(ARRAY['alert', 'alerts_open', 'alert_rule', 'suspension', 'alert_tally', 'alert_address']) r;
SELECT test.error_of('SELECT cipguard.raise_alert(''canary'', ''x'')'), test.error_of('LISTEN cipguard_alert'), test.error_of('LISTEN other_channel');
SELECT pg_sleep(1.1);
SELECT test.error_of('LISTEN cipguard_alert');
\c - :super
SELECT alerted.ingest();
SELECT kind, login_role, role, count FROM alerted.news WHERE login_role = 'regress_cipguard_reader';
\c - regress_cipguard_reader
SELECT test.error_of('LISTEN cipguard_alert');
\c - :super
SELECT alerted.ingest();
SELECT kind, login_role, role, count FROM alerted.news WHERE login_role = 'regress_cipguard_reader';
SELECT test.error_of('LISTEN cipguard_alert') AS superuser;
SET ROLE regress_cipguard_auditor;
LISTEN cipguard_alert;
UNLISTEN *;
RESET ROLE;

-- 4. Readings: a superuser is known as one, whatever role he takes
SET ROLE regress_cipguard_reader;
SELECT mobile FROM alerted.client WHERE id = 1;
RESET ROLE;
SELECT alerted.ingest();
SELECT kind, login_role, role, relation, suspends FROM alerted.news WHERE id > :mark AND kind = 'superuser';
-- others are not; off-hours, by hours of which none is now
SET ROLE regress_cipguard_officer;
SELECT cipguard.set_alert_rule('off-hours', true, setting => (SELECT to_char(now() AT TIME ZONE 'UTC' + interval '3 days', 'Dy') || ' 08:00-08:01 UTC'));
\c - regress_cipguard_reader
SELECT mobile FROM alerted.client WHERE id = 1;
\c - :super
SELECT alerted.ingest();
SELECT kind, detail FROM alerted.news WHERE login_role = 'regress_cipguard_reader' AND kind <> 'refusals' ORDER BY id;
-- not by hours that are always, and not where it is switched off
SET ROLE regress_cipguard_officer;
SELECT cipguard.set_alert_rule('off-hours', true, setting => 'Sun-Sat 00:00-12:00, Sun-Sat 12:00-00:00 UTC');
RESET ROLE;
\c - regress_cipguard_reader
SELECT mobile FROM alerted.client WHERE id = 2;
\c - :super
SELECT alerted.ingest();
SELECT kind, count FROM alerted.news WHERE login_role = 'regress_cipguard_reader' AND kind <> 'refusals' ORDER BY id;
SET ROLE regress_cipguard_officer;
SELECT cipguard.set_alert_rule('off-hours', false, setting => 'Mon-Fri 08:00-18:00 Asia/Shanghai');
-- many values: 40 of them, and 40 again
SELECT cipguard.set_alert_rule('bulk', true, 60, '1 hour', true);
RESET ROLE;
\c - regress_cipguard_reader
\copy (SELECT mobile FROM alerted.client) TO '/dev/null'
SELECT mobile FROM alerted.client WHERE id = 1;
\c - :super
SELECT alerted.ingest();
SELECT kind FROM alerted.news WHERE login_role = 'regress_cipguard_reader' AND kind = 'bulk';
\c - regress_cipguard_reader
\copy (SELECT mobile FROM alerted.client) TO '/dev/null'
\c - :super
SELECT alerted.ingest();
SELECT kind, detail, suspends FROM alerted.news WHERE login_role = 'regress_cipguard_reader' AND kind = 'bulk';

-- the rule takes the access away, of this login alone
\c - regress_cipguard_reader
SELECT mobile FROM alerted.client WHERE id = 1;
SELECT cipguard.can_access('mobile');
SELECT test.error_of('SELECT cipguard.lift_suspension(1, ''please'')');
\c - :super
SET ROLE regress_cipguard_reader;
SELECT cipguard.can_access('mobile');
RESET ROLE;
SELECT count(*) AS recorded FROM cipguard.audit_log WHERE action = 'SUSPENSION' AND detail LIKE 'access of regress_cipguard_reader to every category is suspended for alert %: bulk';
SELECT id AS suspension FROM cipguard.suspension WHERE login = 'regress_cipguard_reader'::regrole AND lifted_at IS NULL \gset
SELECT test.error_of(format('SELECT cipguard.lift_suspension(%s, ''rank'')', :suspension)) AS superuser;
SET ROLE regress_cipguard_officer;
SELECT test.error_of(format('SELECT cipguard.lift_suspension(%s, NULL)', :suspension));
SELECT test.error_of(format('SELECT cipguard.lift_suspension(%s, repeat(''x'', 1001))', :suspension));
SELECT cipguard.lift_suspension(:suspension, 'the monthly report'), cipguard.lift_suspension(:suspension, 'again'), cipguard.lift_suspension(-1, 'none');
SELECT test.error_of(format('UPDATE cipguard.suspension SET reason = ''again'' WHERE id = %s', :suspension));
SELECT kind, lifted_by IS NOT NULL AS by, lifted_at >= since AS later, reason FROM cipguard.suspension WHERE id = :suspension;
SELECT cipguard.acknowledge_alert(id, 'the monthly report') FROM cipguard.alerts_open WHERE login_role = 'regress_cipguard_reader' AND kind = 'bulk';
SELECT test.error_of(format('UPDATE cipguard.alert SET note = ''again'' WHERE id = %s', id)) FROM cipguard.alert WHERE login_role = 'regress_cipguard_reader' AND kind = 'bulk';
RESET ROLE;
SELECT kind, seen FROM alerted.news WHERE login_role = 'regress_cipguard_reader' ORDER BY id;
SELECT count(*) AS recorded FROM cipguard.audit_log WHERE action IN ('ALERT', 'SUSPENSION') AND detail LIKE 'UPDATE id=% reason=the monthly report' OR action = 'ALERT' AND detail LIKE 'UPDATE id=% note=the monthly report';
\c - regress_cipguard_reader
SELECT mobile FROM alerted.client WHERE id = 1;
\c - :super
SET client_min_messages = warning;

-- 5. Attempts to give oneself access
SELECT max(id) AS mark5 FROM cipguard.alert \gset
SET ROLE regress_cipguard_officer;
SELECT test.error_of('SELECT cipguard.grant_access(''regress_cipguard_officer'', ''mobile'')');
RESET ROLE;
SELECT alerted.ingest();
SELECT kind, CASE WHEN kind = 'self-grant' THEN role END AS role, detail FROM alerted.news WHERE id > :mark5 ORDER BY kind;

-- 6. Rules: what is refused
SET ROLE regress_cipguard_officer;
SELECT test.error_of(s) FROM unnest(ARRAY[
	'SELECT cipguard.set_alert_rule(NULL, true)',
	'SELECT cipguard.set_alert_rule(''none'', true)',
	'SELECT cipguard.set_alert_rule(''refusals'', true, 0)',
	'SELECT cipguard.set_alert_rule(''refusals'', true, 1, ''-1 second'')',
	'SELECT cipguard.set_alert_rule(''refusals'', true, 1, ''11 years'')',
	'SELECT cipguard.set_alert_rule(''canary'', true, 1)',
	'SELECT cipguard.set_alert_rule(''canary'', true, period => ''1 day'')',
	'SELECT cipguard.set_alert_rule(''canary'', true, setting => ''x'')',
	'SELECT cipguard.set_alert_rule(''off-hours'', true, setting => ''sometimes'')',
	'UPDATE cipguard.alert_rule SET kind = ''x''',
	'DELETE FROM cipguard.alert_rule']) s;
RESET ROLE;
-- a superuser is no officer
SELECT test.error_of(s) FROM unnest(ARRAY[
	'SELECT cipguard.set_alert_rule(''canary'', false)',
	'UPDATE cipguard.alert_rule SET enabled = false',
	'UPDATE cipguard.alert_rule SET kind = kind',
	'INSERT INTO cipguard.alert_rule (kind, enabled) VALUES (''x'', true)',
	'DELETE FROM cipguard.alert_rule',
	'TRUNCATE cipguard.alert_rule',
	'ALTER TABLE cipguard.alert_rule DISABLE TRIGGER ALL',
	'DROP TRIGGER guard_row ON cipguard.alert_rule']) s;
SET session_replication_role = replica;
SELECT test.error_of('UPDATE cipguard.alert_rule SET enabled = false');
RESET session_replication_role;
SELECT count(*) AS changed_rules FROM cipguard.alert_rule WHERE changed;
SELECT count(*) > 0 AS recorded FROM cipguard.audit_log WHERE action = 'ALERT_RULE' AND detail LIKE 'UPDATE kind=off-hours enabled=f%';

-- 7. The table takes nothing but an acknowledgement, with a note, once
SET ROLE regress_cipguard_officer;
SELECT test.error_of(s) FROM unnest(ARRAY[
	'UPDATE cipguard.alert SET kind = ''x''',
	'DELETE FROM cipguard.alert']) s;
RESET ROLE;
SELECT test.error_of(s) FROM unnest(ARRAY[
	'INSERT INTO cipguard.alert SELECT * FROM cipguard.alert',
	'DELETE FROM cipguard.alert',
	'TRUNCATE cipguard.alert',
	'UPDATE cipguard.alert SET note = ''x''',
	'DELETE FROM cipguard.alert_tally',
	'UPDATE cipguard.alert_tally SET n = NULL',
	'DELETE FROM cipguard.alert_address',
	'INSERT INTO cipguard.suspension (id, login, since, kind, alert) VALUES (-1, ''regress_cipguard_reader'', now(), ''x'', 1)',
	'TRUNCATE cipguard.suspension',
	'DROP TABLE cipguard.alert',
	'ALTER TABLE cipguard.alert DISABLE TRIGGER guard_row',
	'ALTER TABLE cipguard.alert RENAME TO gone']) s;
SET session_replication_role = replica;
SELECT test.error_of('DELETE FROM cipguard.alert');
RESET session_replication_role;

-- 8. This login is whom they are about, whatever role it takes
SELECT id AS about_super FROM cipguard.alerts_open WHERE id > :mark AND kind = 'budget' \gset
SET ROLE regress_cipguard_officer;
SELECT test.error_of(format('SELECT cipguard.acknowledge_alert(%s, ''mine'')', :about_super));
SELECT test.error_of(format('UPDATE cipguard.alert SET note = ''mine'' WHERE id = %s', :about_super));
SELECT cipguard.acknowledge_alert(-1, 'none'), cipguard.acknowledge_alert(NULL, 'none');
-- tests that come after read more
SELECT cipguard.set_alert_rule('bulk', true, 10000, '1 hour', false);
RESET ROLE;
SELECT count(*) FROM cipguard.suspension WHERE lifted_at IS NULL;

DROP SCHEMA alerted CASCADE;
DROP ROLE regress_cipguard_officer, regress_cipguard_auditor, regress_cipguard_reader;

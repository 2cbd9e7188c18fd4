-- Conditions of a session and their settings, trainings, policies, minors, and
-- comparing what is not disclosed.
CREATE ROLE regress_cipguard_officer IN ROLE cipguard_officer;
CREATE ROLE regress_cipguard_reader;
CREATE ROLE regress_cipguard_searcher;
CREATE ROLE regress_cipguard_clerk;
CREATE ROLE regress_cipguard_pupil LOGIN;
CREATE SCHEMA regress_condition;
GRANT USAGE ON SCHEMA regress_condition TO PUBLIC;
SELECT cipguard.add_category('regress_secret', 'searchable', level => 4) IS NOT NULL AS made;
CREATE TABLE regress_condition.client (id int PRIMARY KEY, mobile cipguard.enc_text('mobile'), home cipguard.enc_text('address'),
	born cipguard.enc_date('birth_date'), secret cipguard.enc_text('regress_secret'), amount cipguard.enc_numeric('address'));
INSERT INTO regress_condition.client VALUES (1, '+86 138-0013-8000', 'Road 1', '2000-02-29', 's3cret', 1.50), (2, '13800138001', NULL, NULL, NULL, NULL);
GRANT SELECT ON regress_condition.client TO PUBLIC;
SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT count(cipguard.grant_access('regress_cipguard_reader', c)) AS granted FROM unnest(ARRAY['mobile', 'address', 'birth_date', 'regress_secret']) c;
SELECT count(cipguard.grant_access('regress_cipguard_searcher', c, 'search')) AS granted FROM unnest(ARRAY['mobile', 'regress_secret']) c;
RESET SESSION AUTHORIZATION;

-- Settings.
SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT condition, left(setting, 60) AS setting, left(test.error_of(format('SELECT cipguard.set_condition(%L, %L, %L)', 'mobile', condition, setting)), 120) AS error
	FROM (VALUES
		('tls', 'on'), ('tls', 'off'), ('tls', 'yes'), ('tls', ''), ('minor', 'on'), ('minor', '18'), ('level', 'off'), ('level', '4'),
		('network', '10.0.0.0/8'), ('network', ' 10.1.2.3 ,local, fd00::/8'), ('network', 'on'), ('network', ''), ('network', ','),
		('network', '10.0.0.1/8'), ('network', '10.0.0.0/33'), ('network', '10.0'), ('network', 'fd00::1/8'), ('network', '::/0'),
		('network', '0.0.0.0/0'), ('network', 'localhost'),
		('hours', 'Mon-Fri 08:00-18:00 Asia/Shanghai'), ('hours', 'mon,wed , Fri-Sun 22:00 - 06:00 UTC'), ('hours', 'Mon 00:00-24:00, Tue 00:00-24:00 Etc/GMT-8'),
		('hours', 'Mon-Fri 08:00-18:00'), ('hours', 'Mon-Fri 08:00-18:00 Asia/Shanghia'), ('hours', 'Mon-Fri 08:00-18:00 UTC+8'),
		('hours', 'Mon-Fri 08:00-18:00 EST5EDT'), ('hours', 'Mon-Fri 08:00-08:00 UTC'), ('hours', 'Mon-Fri 24:00-08:00 UTC'), ('hours', 'Mon-Fri 08:00-24:01 UTC'),
		('hours', 'Mon-Fri 8:00-18:00 UTC'), ('hours', 'Mon-Fri 08:60-18:00 UTC'), ('hours', '08:00-18:00 UTC'), ('hours', 'Mon- 08:00-18:00 UTC'),
		('hours', 'Monday 08:00-18:00 UTC'), ('hours', 'Mon 08:00-18:00 UTC UTC'), ('hours', 'Mon 08:00-18:00 UTC,'), ('hours', 'on'), ('hours', ''),
		('hours', 'Mon 08:00-18:00 ' || repeat('x', 300)),
		('training', 'privacy'), ('training', 'on'), ('training', ' , '), ('policy', 'secrecy, other'), ('policy', ''),
		('tsl', 'on'), ('lockdown', 'on'), ('', 'on')) v (condition, setting);
SELECT test.error_of($$SELECT cipguard.set_condition('mobil', 'tls', 'on')$$) AS no_category;
SELECT test.error_of($$SELECT cipguard.set_condition('mobile', NULL, 'on')$$) AS no_condition;
SELECT test.error_of($$SELECT cipguard.set_condition('mobile', 'tsl', NULL)$$) AS unknown_removed;
SELECT test.error_of($$UPDATE cipguard.category_rule SET category = 'email'$$) AS moved;
SELECT test.error_of($$TRUNCATE cipguard.category_rule$$) AS truncated;
SELECT category, condition, setting FROM cipguard.category_rule ORDER BY condition;
SELECT count(cipguard.set_condition('mobile', c, 'default')) AS reset FROM unnest(ARRAY['tls', 'network', 'hours', 'training', 'policy', 'minor', 'level']) c;
SELECT count(*) AS rules FROM cipguard.category_rule;
RESET SESSION AUTHORIZATION;
SELECT test.error_of($$TRUNCATE cipguard.category_rule$$) AS truncated;
SET ROLE regress_cipguard_clerk;
SELECT test.error_of($$SELECT cipguard.set_condition('mobile', 'tls', 'off')$$) AS no_officer;
SELECT test.error_of($$TABLE cipguard.category_rule$$) AS not_told;
RESET ROLE;

-- Hours: who is in them, and how long that stays so; clocks change.
SET timezone = 'UTC';
SELECT setting, at, h.*
	FROM (VALUES
		('Mon-Fri 08:00-18:00 Asia/Shanghai', '2026-11-30 00:00+00'), ('Mon-Fri 08:00-18:00 Asia/Shanghai', '2026-11-29 23:59:59.999999+00'),
		('Mon-Fri 08:00-18:00 Asia/Shanghai', '2026-11-30 10:00+00'), ('Mon-Fri 08:00-18:00 Asia/Shanghai', '2026-12-05 02:00+00'),
		('Fri-Mon 22:00-06:00 UTC', '2026-12-01 05:59+00'), ('Fri-Mon 22:00-06:00 UTC', '2026-12-01 06:00+00'), ('Fri-Mon 22:00-06:00 UTC', '2026-12-01 23:00+00'),
		('Sat 22:00-06:00 Europe/Berlin', '2026-03-29 03:59+00'), ('Sat 22:00-06:00 Europe/Berlin', '2026-10-25 04:59+00'),
		('Sun 02:30-04:00 Europe/Berlin', '2026-03-29 01:15+00'), ('Sun 02:30-04:00 Europe/Berlin', '2026-03-29 01:45+00'),
		('Sun 00:00-24:00 Europe/Berlin', '2026-10-25 22:30+00'), ('Mon 00:00-24:00, Tue 00:00-24:00 UTC', '2026-11-30 12:00+00'),
		('Mon 08:00-12:00, Mon 13:00-17:00 America/St_Johns', '2026-11-30 16:00+00'), ('Sun 23:00-01:00 Pacific/Kiritimati', '2026-11-29 10:30+00'), ('off', '2026-11-30 16:00+00')) v (setting, at),
		cipguard.in_hours(v.setting, v.at::timestamptz) h;
SELECT test.error_of($$SELECT cipguard.in_hours('Mon', now())$$) AS wrong;
SELECT test.error_of($$SELECT cipguard.in_hours('off', 'infinity')$$) AS never;
RESET timezone;

-- What a reader gets.  A local socket is TLS enough; only listed networks count.
CREATE FUNCTION regress_condition.seen() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT concat_ws(' ', cipguard.can_access('mobile', 'search'), cipguard.can_access('mobile')));
END
$$;
GRANT EXECUTE ON FUNCTION regress_condition.seen() TO PUBLIC;
CREATE FUNCTION regress_condition.with(category text, condition text, setting text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM cipguard.set_condition(category, condition, setting);
	SET LOCAL ROLE regress_cipguard_reader;
	result := regress_condition.seen();
	RESET ROLE;
	RETURN result;
END
$$;
SELECT category, condition, setting, regress_condition.with(category, condition, setting)
	FROM (VALUES (1, 'mobile', 'tls', 'on'), (2, NULL, 'network', '10.0.0.0/8'), (3, 'mobile', 'network', 'local'), (4, 'mobile', 'network', NULL),
		(5, 'mobile', 'network', 'off'), (6, NULL, 'network', NULL), (7, 'mobile', 'network', 'default'), (8, 'mobile', 'hours', 'Mon-Sun 00:00-24:00 UTC'),
		(9, 'mobile', 'hours', 'off'), (10, 'mobile', 'training', 'x'), (11, 'mobile', 'training', NULL), (12, 'mobile', 'policy', 'x'), (13, 'mobile', 'policy', NULL),
		(14, 'mobile', 'level', 'on'), (15, NULL, 'level', 'on'), (16, 'mobile', 'minor', 'on'), (17, 'mobile', 'minor', NULL)) v (n, category, condition, setting) ORDER BY n;

-- Level 4 is compared, and not read.
SET ROLE regress_cipguard_reader;
SELECT cipguard.can_access('regress_secret', 'search') AS search, cipguard.can_access('regress_secret') AS read;
-- Where tables are masked there is a warning.
SET client_min_messages = error;
SELECT id, cipguard.verify_match(secret, 's3cret') AS right, cipguard.verify_match(secret, 'S3cret') AS wrong FROM regress_condition.client ORDER BY id;
RESET client_min_messages;
SELECT cipguard.verify_match(mobile, '13800138000') AS mobile, cipguard.verify_match(home, 'Road 1') AS random, cipguard.verify_match(home, 'Road 1 ') AS longer,
	cipguard.verify_match(born, '2000-02-29') AS date, cipguard.verify_match(amount, 1.5) AS number, cipguard.verify_match(amount, 1.51) AS other,
	cipguard.verify_match(home, '') AS empty, cipguard.verify_match(home, NULL) AS unknown
	FROM regress_condition.client WHERE id = 1;
SELECT id FROM regress_condition.client WHERE cipguard.verify_match(mobile, '13800138001');
SET ROLE regress_cipguard_searcher;
SELECT cipguard.verify_match(mobile, '13800138000'), cipguard.verify_match(secret, 's3cret') FROM regress_condition.client WHERE id = 1;
SELECT test.error_of($$SELECT cipguard.verify_match(home, 'Road 1') FROM regress_condition.client$$) AS no_grant;
SET ROLE regress_cipguard_clerk;
SELECT test.error_of($$SELECT cipguard.verify_match(mobile, '13800138000') FROM regress_condition.client$$) AS no_grant;
RESET ROLE;
SELECT cipguard.set_condition('mobile', 'network', '10.0.0.0/8');
SET ROLE regress_cipguard_searcher;
SELECT test.error_of($$SELECT cipguard.verify_match(mobile, '13800138000') FROM regress_condition.client$$) AS outside;
SELECT test.error_of($$SELECT id FROM regress_condition.client WHERE mobile = '13800138000'$$) AS outside;
RESET ROLE;
SELECT cipguard.set_condition('mobile', 'network', NULL);
-- Where it must be known whom a value is about, it is not answered.
SELECT cipguard.set_condition('mobile', 'minor', 'on');
SET ROLE regress_cipguard_searcher;
SELECT test.error_of($$SELECT cipguard.verify_match(mobile, '13800138000') FROM regress_condition.client$$) AS nobody_known;
RESET ROLE;
SELECT cipguard.set_condition('mobile', 'minor', NULL), cipguard.set_condition(NULL, 'level', NULL);

-- Registers.
SELECT test.error_of($$SELECT cipguard.record_training(NULL, 'x')$$) AS nobody;
SELECT test.error_of($$SELECT cipguard.record_training('regress_cipguard_clerk', 'x')$$) AS no_login;
SELECT test.error_of($$SELECT cipguard.record_training('regress_cipguard_pupil', 'x, y')$$) AS comma;
SELECT test.error_of($$SELECT cipguard.record_training('regress_cipguard_pupil', ' x')$$) AS blank;
SELECT test.error_of($$SELECT cipguard.record_training('regress_cipguard_pupil', '')$$) AS empty;
SELECT test.error_of($$SELECT cipguard.record_training('regress_cipguard_pupil', 'x', taken => now() + interval '1 hour')$$) AS future;
SELECT test.error_of($$SELECT cipguard.record_training('regress_cipguard_pupil', 'x', valid_until => now() - interval '1 hour')$$) AS over;
SELECT test.error_of($$SELECT cipguard.record_training('regress_cipguard_pupil', 'x', evidence_hash => '\x00')$$) AS no_hash;
SELECT cipguard.record_training('regress_cipguard_pupil', 'x', evidence_hash => sha256('paper'), score => 98.5, version => '2026') > 0 AS made;
SELECT person, course, version, score, passed, valid_until, recorded_by IS NOT NULL AS by, recorded_at IS NOT NULL AS at
	FROM cipguard.training_record WHERE person = 'regress_cipguard_pupil'::regrole;
SET ROLE regress_cipguard_clerk;
SELECT test.error_of($$SELECT cipguard.record_training('regress_cipguard_pupil', 'x')$$) AS no_registrar;
SELECT test.error_of($$SELECT cipguard.publish_policy('x', 'y')$$) AS no_officer;
SELECT test.error_of($$TABLE cipguard.training_record$$) AS not_told;
SELECT test.error_of($$SELECT cipguard.acknowledge('regress_x')$$) AS by_another;
RESET ROLE;
SELECT test.error_of($$SELECT cipguard.acknowledge('regress_no_such')$$) AS none;
SELECT test.error_of($$SELECT cipguard.acknowledge(NULL)$$) AS none;
SELECT test.error_of($$SELECT cipguard.publish_policy('x', '')$$) AS no_text;
SELECT test.error_of($$SELECT cipguard.publish_policy('x,y', 'z')$$) AS comma;
SELECT cipguard.publish_policy('regress x', 'Text'), cipguard.publish_policy('regress x', 'Text 2', 'https://example.org');
SELECT version, text_hash = sha256(convert_to('Text 2', 'UTF8')) AS hash, location FROM cipguard.policy_version WHERE policy = 'regress x' ORDER BY version;
SELECT cipguard.acknowledge('regress x'), cipguard.acknowledge('regress x', 2);
SELECT test.error_of($$SELECT cipguard.acknowledge('regress x', 1)$$) AS old;
SELECT version, acknowledged_at IS NOT NULL AS at FROM cipguard.acknowledgement WHERE policy = 'regress x';
SELECT test.error_of($$UPDATE cipguard.acknowledgement SET version = 3$$) AS changed;
SELECT test.error_of($$DELETE FROM cipguard.policy_version$$) AS deleted;
SELECT test.error_of($$TRUNCATE cipguard.training_record$$) AS truncated;

-- Of the person who logged in: acting as somebody else changes nothing.
SELECT cipguard.set_condition('mobile', 'policy', 'regress x');
SET ROLE regress_cipguard_reader;
SELECT cipguard.can_access('mobile') AS login_acknowledged;
RESET ROLE;
SELECT cipguard.publish_policy('regress x', 'Text 3');
SET ROLE regress_cipguard_reader;
SELECT cipguard.can_access('mobile') AS new_version;
RESET ROLE;
SELECT cipguard.set_condition('mobile', 'policy', 'off');

-- Nobody weakens what binds a grant of his own.
GRANT regress_cipguard_reader TO regress_cipguard_officer;
SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT condition, setting, test.error_of(format('SELECT cipguard.set_condition(%L, %L, %L)', category, condition, setting)) AS error
	FROM (VALUES (1, 'mobile', 'tls', 'off'), (2, NULL, 'tls', 'off'), (3, 'email', 'tls', 'off'), (4, 'mobile', 'tls', 'on'), (5, 'mobile', 'tls', NULL),
		(6, 'mobile', 'network', 'local'), (7, 'mobile', 'network', 'local, 10.0.0.0/8'), (8, 'mobile', 'network', 'off'), (9, 'mobile', 'network', NULL),
		(10, 'mobile', 'network', 'local')) v (n, category, condition, setting) ORDER BY n;
RESET SESSION AUTHORIZATION;
REVOKE regress_cipguard_reader FROM regress_cipguard_officer;
SELECT category, condition, setting FROM cipguard.category_rule ORDER BY category, condition;

SET client_min_messages = warning;
DELETE FROM cipguard.category_rule;
SELECT count(cipguard.revoke_access(g.id)) AS revoked FROM cipguard.access_grants g
	WHERE g.grantee IN ('regress_cipguard_reader'::regrole, 'regress_cipguard_searcher'::regrole);
DROP SCHEMA regress_condition CASCADE;
DROP ROLE regress_cipguard_reader, regress_cipguard_searcher, regress_cipguard_clerk, regress_cipguard_officer, regress_cipguard_pupil;

-- server: masked
-- Consents: who consented to what, and that only their rows are shown.
SET client_min_messages = error;
CREATE ROLE regress_cipguard_officer IN ROLE cipguard_officer;
CREATE ROLE regress_cipguard_registrar IN ROLE cipguard_registrar;
CREATE ROLE regress_cipguard_reader;
CREATE SCHEMA regress_consent;
CREATE TABLE regress_consent.client (id bigint PRIMARY KEY, mobile cipguard.enc_text('mobile'), card cipguard.enc_text('bank_card'), name text);
CREATE TABLE regress_consent.member (code text PRIMARY KEY, name text);
CREATE TABLE regress_consent.visitor (name text);
SECURITY LABEL FOR cipguard ON COLUMN regress_consent.client.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN regress_consent.client.name IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN regress_consent.member.code IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN regress_consent.member.name IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN regress_consent.visitor.name IS 'name';
INSERT INTO regress_consent.client SELECT i, '1380013800' || i, '6222020200112233445', 'Wang ' || i FROM generate_series(1, 4) i;
INSERT INTO regress_consent.member VALUES ('1', 'Li'), ('01', 'Zhao'), (' 1', 'Qian'), ('M-1', 'Sun');
INSERT INTO regress_consent.visitor VALUES ('Zhou');
SELECT cipguard.create_masking_view('regress_consent.client') IS NOT NULL AS view_made;
GRANT USAGE ON SCHEMA regress_consent TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA regress_consent TO PUBLIC;
SET search_path = regress_consent;

SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT count(cipguard.grant_access('regress_cipguard_reader', c)) AS grants FROM unnest(ARRAY['mobile', 'name', 'bank_card']) c;
SELECT cipguard.add_activity('news', 'send a newsletter', 'consent', '{mobile,name,bank_card}', 'marketing') AS news \gset
SELECT cipguard.add_activity('delivery', 'bring parcels', 'contract', '{mobile,name,bank_card}', 'logistics') AS delivery \gset

-- Who records, and what.
SET SESSION AUTHORIZATION regress_cipguard_registrar;
SELECT cipguard.record_consent('1', 'news', 'ask', channel => 'app', notice_version => '2.1') AS first \gset
SELECT cipguard.record_consent('1', 'news', 'give', separate => true, written => true, channel => 'app', notice_version => '2.1', evidence_hash => sha256('form')) > :first AS later;
SELECT cipguard.record_consent('2', 'news', 'give') > 0 AS not_separate;
SELECT cipguard.record_consent('3', 'news', 'refuse') > 0 AS refused;
SELECT test.error_of($$SELECT cipguard.record_consent('1', 'new', 'give')$$);
SELECT test.error_of($$SELECT cipguard.record_consent('1', NULL, 'give')$$);
SELECT test.error_of($$SELECT cipguard.record_consent('1', 'delivery', 'give')$$);
SELECT test.error_of($$SELECT cipguard.record_consent('1', 'news', 'agree')$$);
SELECT test.error_of($$SELECT cipguard.record_consent('1', 'news', NULL)$$);
SELECT test.error_of($$SELECT cipguard.record_consent('', 'news', 'give')$$);
SELECT test.error_of($$SELECT cipguard.record_consent(NULL, 'news', 'give')$$);
SELECT test.error_of($$SELECT cipguard.record_consent('1', 'news', 'give', evidence_hash => '\x00')$$);
SELECT test.error_of($$SELECT cipguard.record_consent('1', 'news', 'give', guardian => '')$$);
-- Time, number and author are not theirs to say; nobody changes what was recorded.
SELECT test.error_of($$INSERT INTO cipguard.consent_event (id, activity, at, action, subject, recorded_by) SELECT 1, activity, '2020-01-01', 'give', '3', 'boss' FROM cipguard.consent_event LIMIT 1$$);
SELECT test.error_of($$INSERT INTO cipguard.consent_event (activity, action, subject) VALUES (-1, 'withdraw', '3')$$);
SELECT test.error_of($$INSERT INTO cipguard.consent_event (activity, action, subject) VALUES (NULL, 'give', '3')$$);
SELECT test.error_of($$UPDATE cipguard.consent_event SET subject = '4'$$);
SELECT test.error_of($$DELETE FROM cipguard.consent_event$$);
SELECT test.error_of($$SELECT setval('cipguard.consent_event_id_seq', 1)$$);
SELECT test.error_of($$SELECT cipguard.add_activity('x', 'p', 'consent', '{mobile}', 'o')$$);
RESET SESSION AUTHORIZATION;
INSERT INTO cipguard.consent_event (id, activity, at, action, subject, recorded_by) VALUES (-5, :news, '2020-01-01', 'refuse', '4', 'boss');
SELECT id > :first AS id, at > now() - interval '1 hour' AS at, recorded_by <> 'boss' AS by FROM cipguard.consent_event WHERE subject = '4';
SELECT test.error_of($$UPDATE cipguard.consent_event SET subject = '4'$$);
SELECT test.error_of($$DELETE FROM cipguard.consent_event$$);
SELECT test.error_of($$TRUNCATE cipguard.consent_event$$);
SET session_replication_role = replica;
SELECT test.error_of($$DELETE FROM cipguard.consent_event$$) AS replica;
RESET session_replication_role;
SET ROLE regress_cipguard_reader;
SELECT test.error_of($$SELECT * FROM cipguard.consent_event$$);
SELECT test.error_of($$SELECT * FROM cipguard.consent_state$$);
SELECT test.error_of($$SELECT cipguard.record_consent('3', 'news', 'give')$$);
RESET ROLE;
SELECT subject, activity, version, state, separate, written, by_guardian FROM cipguard.consent_state ORDER BY subject;

-- Who consented is shown: to sensitive data with a separate consent.
SET ROLE regress_cipguard_reader;
SELECT * FROM client ORDER BY id;
SET cipguard.purpose = 'delivery';
SELECT id, mobile, name FROM client ORDER BY id;
SET cipguard.purpose = 'news';
SELECT * FROM client ORDER BY id;
SELECT * FROM client_masked ORDER BY id;
SELECT name, count(*) FROM client GROUP BY name ORDER BY 2, 1;
SELECT id FROM client WHERE name = 'Wang 3';
SELECT * FROM visitor;
SELECT subject, reason, sqlstate FROM unnest(ARRAY['1', '2', '3', '5', NULL]) subject
	CROSS JOIN LATERAL cipguard.access_decision('regress_cipguard_reader', 'bank_card', 'client', subject) d;
SELECT detail FROM unnest(ARRAY['2', '3']) subject CROSS JOIN LATERAL cipguard.why('bank_card', 'client', subject) w WHERE condition = 'consent';
SET cipguard.on_refusal = error;
SELECT test.error_of('SELECT name FROM client WHERE id = 3');
RESET cipguard.on_refusal;
-- A person is the text of the id, letter by letter.
SELECT code, name FROM member ORDER BY name COLLATE "C", code;
RESET ROLE;
SELECT cipguard.record_consent('M-1', 'news', 'give') > 0, cipguard.record_consent('01', 'news', 'give') > 0;
SET ROLE regress_cipguard_reader;
SELECT code, name FROM member ORDER BY code;
RESET ROLE;

-- Withdrawal works at the next statement, in a transaction with an old snapshot too.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) > 0 AS snapshot FROM client;
SELECT cipguard.record_consent('1', 'news', 'withdraw') > 0 AS withdrawn;
SET LOCAL ROLE regress_cipguard_reader;
SELECT id, name FROM client ORDER BY id;
ROLLBACK;
SET ROLE regress_cipguard_reader;
SELECT id, name FROM client ORDER BY id;
PREPARE look AS SELECT id, name FROM client WHERE id < 3 ORDER BY id;
EXECUTE look;
RESET ROLE;
SELECT cipguard.record_consent('1', 'news', 'withdraw') > 0 AS withdrawn;
SET ROLE regress_cipguard_reader;
EXECUTE look;
RESET ROLE;
-- Asking is no answer; giving again is one.
SELECT cipguard.record_consent('2', 'news', 'ask') > 0, cipguard.record_consent('3', 'news', 'ask') > 0, cipguard.record_consent('1', 'news', 'give', separate => true) > 0;
SET ROLE regress_cipguard_reader;
SELECT * FROM client ORDER BY id;
RESET ROLE;
SELECT object, severity, leak FROM cipguard.lint_exposure() WHERE kind = 'asked_again';

-- A new version lapses what was given to the last; withdrawing that changes nothing.
SELECT cipguard.revise_activity('news', purpose => 'send two newsletters') > :news AS revised;
SET ROLE regress_cipguard_reader;
SELECT id, name FROM client ORDER BY id;
RESET ROLE;
SELECT test.error_of(format('INSERT INTO cipguard.consent_event (activity, action, subject) VALUES (%s, ''give'', ''1'')', :news)) AS to_the_old;
SELECT subject, version, state FROM cipguard.consent_state ORDER BY subject;
SELECT cipguard.record_consent('2', 'news', 'give') > 0 AS to_the_new;
INSERT INTO cipguard.consent_event (activity, action, subject) VALUES (:news, 'withdraw', '2');
SET ROLE regress_cipguard_reader;
SELECT id, name FROM client ORDER BY id;
RESET ROLE;

-- More persons than are looked up one by one: the whole ledger is read.
INSERT INTO client SELECT i, NULL, NULL, 'Many ' || i FROM generate_series(11, 6000) i;
SELECT count(cipguard.record_consent(i::text, 'news', CASE WHEN i % 3 = 0 THEN 'refuse' ELSE 'give' END)) FROM generate_series(11, 6000) i;
SELECT cipguard.record_consent('14', 'news', 'withdraw') > 0, cipguard.record_consent('15', 'news', 'give') > 0;
SET ROLE regress_cipguard_reader;
SELECT count(*) FILTER (WHERE name LIKE 'Many%') AS shown, count(*) FILTER (WHERE name = 'Many ' || id AND id % 3 = 0) AS refused, bool_or(id = 14 AND name LIKE 'Many%') AS withdrawn,
	bool_or(id = 15 AND name LIKE 'Many%') AS given FROM client WHERE id > 10;
SELECT code, name FROM member ORDER BY code;
RESET ROLE;
SELECT cipguard.record_consent('16', 'news', 'withdraw') > 0;
SET ROLE regress_cipguard_reader;
SELECT count(*) FILTER (WHERE name LIKE 'Many%') AS one_less FROM client WHERE id > 10;
-- Workers decide alike.
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT count(*) FILTER (WHERE name LIKE 'Many%') AS workers FROM client WHERE id > 10;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
-- Ending the activity ends the purpose.
RESET ROLE;
SELECT cipguard.end_activity('news');
SET cipguard.require_purpose = on;
SET ROLE regress_cipguard_reader;
SELECT id, name FROM client WHERE id < 3 ORDER BY id;
RESET ROLE;
RESET cipguard.require_purpose;
RESET cipguard.purpose;

SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT cipguard.open_maintenance('end of the test') > now() AS window;
RESET SESSION AUTHORIZATION;
DELETE FROM cipguard.consent_event;
DELETE FROM cipguard.activity;
SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT cipguard.close_maintenance();
RESET SESSION AUTHORIZATION;
RESET search_path;
DROP SCHEMA regress_consent CASCADE;
UPDATE cipguard.access_grant SET revoked_at = now() WHERE grantee::text LIKE 'regress_cipguard_%' AND revoked_at IS NULL;
DELETE FROM cipguard.access_grant WHERE grantee::text LIKE 'regress%';
DROP ROLE regress_cipguard_officer, regress_cipguard_registrar, regress_cipguard_reader;

-- Requests: what may be asked, that it stays as it was asked, and that nobody
-- decides on what he asked for.  Several people are in test/t/203_request.pl;
-- here is one login, a superuser, and requests of others come from a "dump".
CREATE ROLE regress_cipguard_asker;
CREATE ROLE regress_cipguard_team;
CREATE ROLE regress_cipguard_officer IN ROLE cipguard_officer;
CREATE SCHEMA regress_request;
CREATE TABLE regress_request.client (id int, mobile cipguard.enc_text('mobile'));
CREATE VIEW regress_request.view AS SELECT id FROM regress_request.client;
-- Numbers of requests depend on what ran before.
CREATE FUNCTION regress_request.error_of(statement text) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT regexp_replace(test.error_of(statement), 'request [1-9][0-9]*', 'request N')
$$;
GRANT USAGE ON SCHEMA regress_request TO PUBLIC;
SELECT current_user AS me \gset

-- 1. What may be asked.
SELECT cipguard.request_access('mobile', 'contract', E'to call\nback', '2 days', 'regress_request.client', 5) AS r1 \gset
SELECT kind, state, detail, reason, needed, requested_by = session_user AS by, requested_role = current_user AS role, approved_by,
	expires_at - requested_at BETWEEN interval '6 days 23 hours' AND interval '7 days' AS week, decided_at, carried_out_at FROM cipguard.requests WHERE id = :r1;
SELECT waits_for, overdue FROM cipguard.requests_open WHERE id = :r1;
SELECT regress_request.error_of('SELECT cipguard.request_access(' || s || ')') AS refused FROM unnest(ARRAY[
	$$NULL, 'p', 'r', '1 day'$$, $$'mobile', NULL, 'r', '1 day'$$, $$'mobile', 'p', NULL, '1 day'$$, $$'mobile', 'p', 'r', NULL$$,
	$$'mobile', 'p', 'r', '1 day', minors => NULL$$, $$'mobile', 'p', 'r', '1 day', level => NULL$$,
	$$'mobil', 'p', 'r', '1 day'$$, $$'unclassified', 'p', 'r', '1 day'$$, $$'address', 'p', 'r', '1 day', level => 'search'$$, $$'mobile', 'p', 'r', '1 day', level => 'write'$$,
	$$'mobile', '', 'r', '1 day'$$, $$'mobile', ' ', 'r', '1 day'$$, $$'mobile', E'a\nb', 'r', '1 day'$$, $$'mobile', repeat('x', 201), 'r', '1 day'$$,
	$$'mobile', 'p', '', '1 day'$$, $$'mobile', 'p', E' \n', '1 day'$$, $$'mobile', 'p', repeat('x', 1001), '1 day'$$,
	$$'mobile', 'p', 'r', '0'$$, $$'mobile', 'p', 'r', '-1 day'$$, $$'mobile', 'p', 'r', '90 days 1 second'$$, $$'mobile', 'p', 'r', '1000000 years'$$,
	$$'mobile', 'p', 'r', '1 day', 'pg_class_oid_index'$$, $$'mobile', 'p', 'r', '1 day', 'regress_request.view'$$, $$'mobile', 'p', 'r', '1 day', 1::regclass$$,
	$$'mobile', 'p', 'r', '1 day', row_limit => 0$$]) s;
SELECT cipguard.request_access('mobile', repeat('x', 200), repeat('x', 1000), '90 days', minors => true, level => 'search') AS longest \gset
SELECT needed, detail ->> 'level' AS level FROM cipguard.requests WHERE id = :longest;
SELECT regress_request.error_of($$SELECT cipguard.open_request('x y', '{}', 'r')$$);
SELECT regress_request.error_of($$SELECT cipguard.open_request('export', '[]', 'r')$$);
SELECT regress_request.error_of($$SELECT cipguard.open_request('export', '{}', 'r', 0)$$);
SELECT regress_request.error_of($$SELECT cipguard.open_request('export', '{}', 'r', NULL)$$);
SELECT regress_request.error_of($$SELECT cipguard.open_request('export', '{}', 'r', 11)$$);
SELECT regress_request.error_of($$SELECT cipguard.open_request('export', '{}', 'r', 1, NULL, '0')$$);
SELECT regress_request.error_of($$SELECT cipguard.open_request('export', '{}', 'r', 1, NULL, '31 days')$$);
-- Not in the name of a group of the extension, nor of somebody else.
SET ROLE cipguard_officer;
SELECT regress_request.error_of($$SELECT cipguard.request_access('mobile', 'p', 'r', '1 day')$$);
SET ROLE regress_cipguard_asker;
SELECT regress_request.error_of($$SELECT cipguard.request_access('mobile', 'p', 'r', '1 day')$$);
SELECT regress_request.error_of($$SELECT cipguard.open_request('access', '{}', 'r')$$);
SELECT regress_request.error_of($$SELECT cipguard.approve(1)$$);
SELECT regress_request.error_of($$SELECT cipguard.reject(1, 'no')$$);
SELECT regress_request.error_of($$SELECT cipguard.review(1, 'justified', 'ok')$$);
SELECT regress_request.error_of($$SELECT cipguard.carry_out(1)$$);
SELECT regress_request.error_of($$SELECT cipguard.break_glass('mobile', 'p', 'r')$$);
SELECT regress_request.error_of($$SELECT * FROM cipguard.request$$);
SELECT count(*) AS of_the_login FROM cipguard.requests WHERE id >= :r1;
SELECT count(*) FROM cipguard.requests_open WHERE id >= :r1;
RESET ROLE;
SET SESSION AUTHORIZATION regress_cipguard_asker;
SELECT regress_request.error_of($$SELECT cipguard.request_access('mobile', 'p', 'r', '1 day')$$) AS login_is_another;
RESET SESSION AUTHORIZATION;

-- 2. Rank is no membership, and one's own is one's own under every name.
SELECT regress_request.error_of(format('SELECT cipguard.approve(%s)', :r1));
SELECT regress_request.error_of(format($$SELECT cipguard.reject(%s, 'no')$$, :r1));
GRANT cipguard_officer TO :"me";
SELECT regress_request.error_of(format('SELECT cipguard.approve(%s)', :r1));
SET ROLE regress_cipguard_officer;
SELECT regress_request.error_of(format('SELECT cipguard.approve(%s)', :r1)) AS set_role;
RESET ROLE;
SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT regress_request.error_of(format('SELECT cipguard.approve(%s)', :r1)) AS session_authorization;
RESET SESSION AUTHORIZATION;
SELECT regress_request.error_of(format('INSERT INTO cipguard.approval VALUES (%s, %L, %L, %L, now())', :r1, 'regress_cipguard_officer', 'regress_cipguard_officer', '{cipguard_officer}')) AS directly;
SELECT regress_request.error_of(format($$UPDATE cipguard.request SET state = 'approved' WHERE id = %s$$, :r1)) AS without_approval;
SELECT regress_request.error_of(format($$INSERT INTO cipguard.access_grant (grantee, category, level, relation, purpose, valid_until, request, row_limit) VALUES ('regress_cipguard_asker', 'mobile', 'read', 'regress_request.client', 'contract', now() + interval '1 day', %s, 5)$$, :r1)) AS grant_for_it;
SELECT regress_request.error_of($$INSERT INTO cipguard.access_grant (grantee, category, level, minors) VALUES ('regress_cipguard_asker', 'mobile', 'read', true)$$) AS minors_alone;
SELECT regress_request.error_of($$INSERT INTO cipguard.access_grant (grantee, category, level, request) VALUES ('regress_cipguard_asker', 'mobile', 'read', 0)$$) AS no_request;
SELECT regress_request.error_of('SELECT cipguard.approve(0)');
SELECT regress_request.error_of(format('SELECT cipguard.carry_out(%s)', :r1));
-- What was asked for stays as it is.
SET client_min_messages = warning;
SELECT s, regress_request.error_of(format('UPDATE cipguard.request SET %s WHERE id = %s', s, :r1)) AS changed FROM unnest(ARRAY['detail = ''{}''', 'reason = ''x''', 'needed = 0',
	'login_id = ''regress_cipguard_asker''', 'requested_by = ''x''', 'role_id = ''regress_cipguard_asker''', 'expires_at = now() + interval ''1 year''', 'relation_id = NULL',
	'kind = ''export''', 'state = ''expired''', 'state = ''open''', 'decision = ''x''', 'carried_out_at = now()', 'reviewed_at = now(), verdict = ''justified''',
	'state = ''rejected'', detail = ''{}''', 'requested_at = now()', 'result = ''{}''']) s;
SELECT regress_request.error_of(s) FROM unnest(ARRAY['DELETE FROM cipguard.request', 'TRUNCATE cipguard.approval', 'TRUNCATE cipguard.request CASCADE']) s;
RESET client_min_messages;
SELECT regress_request.error_of(format($$SELECT cipguard.reject(%s, '')$$, :r1));
SELECT regress_request.error_of(format($$SELECT cipguard.reject(%s, NULL)$$, :r1));
SELECT regress_request.error_of($$SELECT cipguard.reject(0, 'no')$$);
SELECT regress_request.error_of($$SELECT cipguard.cancel_request(0)$$);
SET ROLE regress_cipguard_asker;
SELECT cipguard.cancel_request(:r1);
RESET ROLE;
SELECT state, decided_by = session_user AS by, decided_at IS NOT NULL AS at FROM cipguard.requests WHERE id = :r1;
SELECT regress_request.error_of(format('SELECT cipguard.cancel_request(%s)', :r1));
SELECT regress_request.error_of(format($$SELECT cipguard.reject(%s, 'no')$$, :r1));
SELECT regress_request.error_of(format($$UPDATE cipguard.request SET state = 'open' WHERE id = %s$$, :r1)) AS reopened;
SELECT regress_request.error_of(format($$UPDATE cipguard.request SET state = 'rejected' WHERE id = %s$$, :r1)) AS decided_twice;
SELECT cipguard.reject(:longest, 'too long') FROM generate_series(1, 1);
SELECT state, decision FROM cipguard.requests WHERE id = :longest;

-- 3. Requests of another login, as a dump brings them.
CREATE FUNCTION regress_request.restore(kind text DEFAULT 'access', detail jsonb DEFAULT '{}', expires interval DEFAULT '1 day', needed int DEFAULT 1, relation regclass DEFAULT NULL,
	role text DEFAULT 'regress_cipguard_asker') RETURNS bigint LANGUAGE sql VOLATILE SET check_function_bodies = off AS $$
	INSERT INTO cipguard.request (kind, state, login_id, requested_by, role_id, requested_role, requested_at, expires_at, needed, detail, relation_id, reason)
	VALUES (kind, CASE kind WHEN 'break_glass' THEN 'approved' ELSE 'open' END, 'regress_cipguard_asker', 'regress_cipguard_asker', role::regrole, role, now() - interval '2 days', now() + expires, needed,
		'{"category": "mobile", "level": "read", "purpose": "contract", "duration": "02:00:00", "minors": false}'::jsonb || detail, relation, 'restored')
	RETURNING id
$$;
SELECT regress_request.restore(detail => '{"row_limit": 7, "relation": "regress_request.client"}', relation => 'regress_request.client') AS r2 \gset
SELECT cipguard.approve(:r2);
SELECT g.grantee, g.category, g.level, g.relation, g.purpose, g.row_limit, g.minors, g.granted_by = session_user AS by, g.valid_until BETWEEN now() AND now() + interval '2 hours 1 minute' AS ends
	FROM cipguard.access_grant g WHERE g.request = :r2;
SELECT r.state, r.approved_by = ARRAY[session_user::text] AS approved_by_me, r.decided_by = session_user AS by, r.carried_out_at IS NOT NULL AS done, g.request = r.id AS result
	FROM cipguard.requests r JOIN cipguard.access_grant g ON g.id = (r.result ->> 'grant')::bigint WHERE r.id = :r2;
SELECT roles FROM cipguard.approval WHERE request = :r2;
SELECT regress_request.error_of(format('SELECT cipguard.approve(%s)', :r2)) AS once;
SELECT regress_request.error_of(format('SELECT cipguard.carry_out(%s)', :r2)) AS once;
SELECT regress_request.error_of(format('UPDATE cipguard.request SET carried_out_at = now() WHERE id = %s', :r2)) AS once;
SELECT regress_request.error_of(format($$UPDATE cipguard.approval SET approver = 'x' WHERE request = %s$$, :r2));
SELECT regress_request.error_of(format('DELETE FROM cipguard.approval WHERE request = %s', :r2));
-- Too late, by two, of a kind that nobody knows, of what has another name now.
SELECT regress_request.error_of(format('SELECT cipguard.approve(%s)', regress_request.restore(expires => '-1 second'))) AS expired;
SELECT regress_request.restore(needed => 2) AS r3 \gset
SELECT cipguard.approve(:r3);
SELECT regress_request.error_of(format('SELECT cipguard.approve(%s)', :r3)) AS twice;
SELECT state, carried_out_at FROM cipguard.requests WHERE id = :r3;
SELECT regress_request.error_of(format('SELECT cipguard.approve(%s)', regress_request.restore('nothing'))) AS kind;
SELECT regress_request.restore(detail => '{"relation": "regress_request.client"}', relation => 'regress_request.client') AS r4 \gset
ALTER TABLE regress_request.client RENAME TO other;
SELECT regress_request.error_of(format('SELECT cipguard.approve(%s)', :r4)) AS renamed;
CREATE TABLE regress_request.client (id int);
SELECT regress_request.error_of(format('SELECT cipguard.approve(%s)', :r4)) AS another;
DROP TABLE regress_request.client;
ALTER TABLE regress_request.other RENAME TO client;
SELECT regress_request.restore() AS r5 \gset
ALTER ROLE regress_cipguard_asker RENAME TO regress_cipguard_renamed;
SELECT regress_request.error_of(format('SELECT cipguard.approve(%s)', :r5)) AS renamed;
ALTER ROLE regress_cipguard_renamed RENAME TO regress_cipguard_asker;
SELECT regress_request.error_of(format('SELECT cipguard.approve(%s)', regress_request.restore(role => 'regress_cipguard_team'))) AS no_member;
GRANT regress_cipguard_team TO regress_cipguard_asker;
SELECT regress_request.restore(role => 'regress_cipguard_team') AS r6 \gset
GRANT regress_cipguard_team TO :"me";
SELECT regress_request.error_of(format('SELECT cipguard.approve(%s)', :r6)) AS member_too;
REVOKE regress_cipguard_team FROM :"me";
SELECT cipguard.approve(:r6);
SELECT grantee FROM cipguard.access_grants WHERE id = (SELECT (result ->> 'grant')::bigint FROM cipguard.requests WHERE id = :r6);
-- More than may be asked for is not given, whatever a dump says.
SELECT regress_request.error_of(format('SELECT cipguard.approve(%s)', regress_request.restore(detail => '{"duration": "91 days"}')));
SELECT regress_request.error_of(format('SELECT cipguard.approve(%s)', regress_request.restore(detail => '{"duration": null}')));
SELECT regress_request.error_of(format('SELECT cipguard.approve(%s)', regress_request.restore(detail => '{"category": "no_such"}')));
-- Minors take two persons.
SELECT regress_request.restore(detail => '{"minors": true}', needed => 2) AS r7 \gset
GRANT cipguard_minor_approver TO :"me";
SELECT cipguard.approve(:r7);
SELECT roles FROM cipguard.approval WHERE request = :r7;
SELECT regress_request.restore(detail => '{"minors": true}', needed => 1) AS r8 \gset
SELECT cipguard.approve(:r8) AS too_few_were_needed;
REVOKE cipguard_minor_approver FROM :"me";

-- 4. Broken glass.
SELECT regress_request.error_of($$SELECT cipguard.break_glass('mobile', 'p', 'fire')$$);
SELECT regress_request.error_of($$INSERT INTO cipguard.request (kind, detail, reason, needed) VALUES ('break_glass', '{}', 'fire', 0)$$);
GRANT cipguard_emergency TO :"me";
SELECT regress_request.error_of('SELECT cipguard.break_glass(' || s || ')') FROM unnest(ARRAY[$$'mobile', 'p', ''$$, $$'mobile', NULL, 'fire'$$, $$'mobile', 'p', 'fire', '4 hours 1 second'$$, $$'mobile', 'p', 'fire', '0'$$,
	$$'nothing', 'p', 'fire'$$]) s;
SELECT cipguard.can_access('mobile') AS before;
SET cipguard.purpose = 'rescue';
SELECT cipguard.break_glass('mobile', 'rescue', 'fire') AS b1 \gset
SELECT cipguard.can_access('mobile') AS now;
SELECT state, needed, detail, carried_out_at IS NOT NULL AS done, reviewed_at FROM cipguard.requests WHERE id = :b1;
SELECT waits_for, overdue FROM cipguard.requests_open WHERE id = :b1;
SELECT granted_by = session_user AS by_himself, valid_until BETWEEN now() + interval '59 minutes' AND now() + interval '1 hour' AS hour FROM cipguard.access_grant WHERE request = :b1;
SELECT regress_request.error_of($$SELECT cipguard.break_glass('mobile', 'rescue', 'again')$$);
SELECT regress_request.error_of(format($$SELECT cipguard.review(%s, 'justified', 'it was me')$$, :b1));
SET ROLE regress_cipguard_officer;
SELECT regress_request.error_of(format($$SELECT cipguard.review(%s, 'justified', 'it was me')$$, :b1));
RESET ROLE;
SELECT regress_request.error_of(format('UPDATE cipguard.request SET reviewed_at = now(), verdict = %L WHERE id = %s', 'justified', :b1));
SELECT regress_request.error_of($$INSERT INTO cipguard.access_grant (grantee, category, level, request, purpose, valid_until) VALUES (current_user::regrole, 'mobile', 'read', $$ || :b1 || $$, 'rescue', now() + interval '1 hour')$$) AS once_more;
SELECT cipguard.revoke_access((SELECT (result ->> 'grant')::bigint FROM cipguard.requests WHERE id = :b1));
SELECT cipguard.can_access('mobile') AS revoked;
-- Of another login: an officer reviews it.
SELECT regress_request.restore('break_glass', needed => 0, expires => '-2 days') AS b2 \gset
SELECT cipguard.carry_out(:b2);
SELECT overdue FROM cipguard.requests_open WHERE id = :b2;
SELECT object = 'request ' || :b2 AS overdue, severity, leak, remedy ~ 'cipguard.review' AS remedy FROM cipguard.lint_exposure() WHERE kind = 'break_glass';
SELECT regress_request.error_of(format('SELECT cipguard.review(%s, %s)', :b2, s)) FROM unnest(ARRAY[$$NULL, 'x'$$, $$'maybe', 'x'$$, $$'justified', NULL$$, $$'justified', ' '$$, $$'justified', repeat('x', 1001)$$]) s;
SELECT cipguard.review(:b2, 'unjustified', E'no\nfire');
SELECT verdict, review_note, reviewed_by = session_user AS by, reviewed_at IS NOT NULL AS at FROM cipguard.requests WHERE id = :b2;
SELECT revoked_at IS NOT NULL AS revoked, revoked_by = session_user AS by FROM cipguard.access_grant WHERE request = :b2;
SELECT regress_request.error_of(format($$SELECT cipguard.review(%s, 'justified', 'it was a fire')$$, :b2)) AS twice;
SELECT regress_request.error_of(format($$SELECT cipguard.review(%s, 'justified', 'no glass')$$, :r2));

-- 5. It is all in the log.
SELECT action, split_part(detail, ' ', 1) AS what, count(*) > 0 AS any FROM cipguard.audit_log WHERE relation IN ('cipguard.request', 'cipguard.approval') GROUP BY 1, 2 ORDER BY 1, 2;

-- The end.  Requests stay, but for a maintenance window.
RESET cipguard.purpose;
REVOKE cipguard_emergency, cipguard_officer FROM :"me";
SET ROLE regress_cipguard_officer;
SELECT cipguard.open_maintenance('end of test') > now() AS open;
RESET ROLE;
DELETE FROM cipguard.approval WHERE request >= :r1;
DELETE FROM cipguard.request WHERE id >= :r1;
SET ROLE regress_cipguard_officer;
SELECT cipguard.close_maintenance();
RESET ROLE;
UPDATE cipguard.access_grant SET revoked_at = now() WHERE revoked_at IS NULL AND request >= :r1;
SET client_min_messages = warning;
DROP SCHEMA regress_request CASCADE;
DROP ROLE regress_cipguard_asker, regress_cipguard_team, regress_cipguard_officer;

-- The decision where tables are not masked: the types themselves ask, give
-- armor, and tell once in a statement what is missing.
SET client_min_messages = warning;
CREATE ROLE regress_cipguard_officer IN ROLE cipguard_officer;
CREATE ROLE regress_cipguard_reader;
CREATE ROLE regress_cipguard_clerk;
CREATE SCHEMA regress_dec;
GRANT USAGE ON SCHEMA regress_dec TO PUBLIC;
SET search_path = regress_dec, test;
CREATE TABLE client (id int PRIMARY KEY, mobile cipguard.enc_text('mobile'));
INSERT INTO client VALUES (1, '13800138000'), (2, '13900139000');
GRANT SELECT ON client TO PUBLIC;
SET SESSION AUTHORIZATION regress_cipguard_officer;
SELECT cipguard.grant_access('regress_cipguard_reader', 'mobile') AS g \gset
SELECT count(cipguard.add_activity('regress_calls', 'call clients', 'contract', '{mobile}', 'sales', '1 year', true)) AS made \gset
RESET SESSION AUTHORIZATION;
SET cipguard.require_purpose = on;
SET ROLE regress_cipguard_reader;
-- An encrypted value prints as it is shown, so only a client sees it.
\copy (SELECT mobile FROM client ORDER BY id) TO PROGRAM 'cut -c 1-5'
SELECT length(json_agg(mobile)::text) > 100 AS armor FROM client;
SELECT test.error_of('SELECT mobile::text FROM client');
SELECT test.error_of($$SELECT id FROM client WHERE mobile = '13800138000'$$);
SELECT test.error_of($$SELECT id FROM client WHERE mobile > '13800138000'$$);
SELECT test.error_of($$SELECT mobile::cipguard.enc_text('name') FROM client$$);
SELECT test.error_of($$SELECT cipguard.pseudonym(mobile) FROM client$$);
SET cipguard.on_refusal = error;
SELECT test.error_of('SELECT json_agg(mobile) FROM client');
\copy (SELECT mobile FROM client ORDER BY id) TO PROGRAM 'cut -c 1-5'
SET cipguard.purpose = 'regress_calls';
SELECT mobile FROM client ORDER BY id;
SELECT mobile::text FROM client WHERE mobile = '13800138000';
SET ROLE regress_cipguard_clerk;
\copy (SELECT mobile FROM client ORDER BY id) TO PROGRAM 'cut -c 1-5'
SELECT test.error_of('SELECT mobile::text FROM client');
RESET cipguard.purpose;
SELECT test.error_of('SELECT mobile::text FROM client');
RESET ROLE;
RESET cipguard.on_refusal;
SET cipguard.require_purpose = off;
SET ROLE regress_cipguard_officer;
SELECT cipguard.revoke_access(:g), cipguard.end_activity('regress_calls') IS NOT NULL AS ended;
RESET ROLE;
SET client_min_messages = error;
DROP SCHEMA regress_dec CASCADE;
DROP ROLE regress_cipguard_reader, regress_cipguard_clerk, regress_cipguard_officer;

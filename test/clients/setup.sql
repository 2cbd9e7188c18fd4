-- setup.sql: what the clients write to and read from
--
-- A table in plain text and one encrypted for each encrypted type that this
-- version has: a client does the same with both, and both must answer alike.
-- client_type tells the clients which types there are.  Values are in the form
-- that the plain type prints under the settings of the database.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION cipguard CASCADE;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''UTC''', current_database()); END $$;

CREATE TABLE client_type (name text PRIMARY KEY, plain text NOT NULL, v1 text NOT NULL, v2 text NOT NULL, v3 text NOT NULL, as_text boolean NOT NULL);
COMMENT ON COLUMN client_type.as_text IS 'drivers have no value for it but a string';
INSERT INTO client_type VALUES
	('text', 'text', '张三丰 O''Neil "x", {y}', 'second value', '13800138000', true),
	('int8', 'bigint', '9007199254740993', '-4200000001', '7', false),
	('numeric', 'numeric', '1234567890123.4500', '-0.001', '70000', false),
	('bool', 'boolean', 't', 'f', 't', false),
	('date', 'date', '2024-02-29', '1949-10-01', '2001-01-01', false),
	('timestamptz', 'timestamptz', '2024-02-29 12:34:56.789+00', '1971-05-06 07:08:09+00', '2001-01-01 00:00:00.000001+00', false),
	('uuid', 'uuid', '0190163d-8694-739b-aea5-966c26f8ad90', '00000000-0000-4000-8000-000000000000', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', false),
	('inet', 'inet', '192.0.2.33/24', '2001:db8::1', '198.51.100.7', false),
	('jsonb', 'jsonb', '{"a": [1, 2.50, null], "名": "张三"}', '[]', '{"n": -1}', false),
	('bytea', 'bytea', '\xdeadbeef00ff', '\x', '\x5c78', false);
DELETE FROM client_type WHERE pg_catalog.to_regtype('cipguard.enc_' || name) IS NULL;

CREATE ROLE client_reader LOGIN;
CREATE ROLE client_clerk LOGIN;
SELECT format('SELECT cipguard.add_category(%L, ''searchable'')', 'c_' || name) FROM client_type \gexec
SELECT format('CREATE TABLE plain_%1$s (id integer PRIMARY KEY, v %2$s, vs %2$s[])', name, plain) FROM client_type \gexec
SELECT format('CREATE TABLE enc_%1$s (id integer PRIMARY KEY, v cipguard.enc_%1$s(%2$L), vs cipguard.enc_%1$s(%2$L)[])', name, 'c_' || name)
	FROM client_type \gexec
SELECT format('SELECT cipguard.grant_access(''client_reader'', %L)', 'c_' || name) FROM client_type \gexec
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO client_reader, client_clerk;

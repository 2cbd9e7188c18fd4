-- Tables and functions of the benchmark; see run.sh, which makes the roles.
--
--	rows	of the large tables
--	values	of the tables for costs per value
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET synchronous_commit = off;

CREATE EXTENSION cipguard CASCADE;
CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO bench_reader, bench_clerk;
ALTER DEFAULT PRIVILEGES IN SCHEMA bench GRANT SELECT ON TABLES TO bench_reader;

SELECT cipguard.grant_access('bench_reader', category, 'read')
	FROM unnest('{name,mobile,address,resident_id}'::text[]) AS category;

\ir clock.sql

-- Key of the peers.
CREATE FUNCTION bench.key() RETURNS bytea
	LANGUAGE sql IMMUTABLE
	AS $$ SELECT '\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'::bytea $$;

-- The source of everything: mobile numbers of a network code that was never
-- assigned, and a random initialization vector for the peers.
CREATE TABLE bench.src (id integer NOT NULL, v text NOT NULL, iv bytea NOT NULL) WITH (autovacuum_enabled = off);
INSERT INTO bench.src
	SELECT i, '160' || lpad(i::text, 8, '0'), gen_random_bytes(16)
	FROM generate_series(0, :rows - 1) i;

-- Costs per value. Each table has nothing but what one function takes.
CREATE TABLE bench.v WITH (autovacuum_enabled = off) AS
	SELECT '160' || lpad(i::text, 8, '0') AS v FROM generate_series(0, :values - 1) i;
CREATE TABLE bench.v_pgp WITH (autovacuum_enabled = off) AS
	SELECT v FROM bench.v LIMIT :values / 500;
CREATE TABLE bench.v_cbc WITH (autovacuum_enabled = off) AS
	SELECT convert_to(v, 'UTF8') AS v, gen_random_bytes(16) AS iv FROM bench.v;
CREATE TABLE bench.c_cbc WITH (autovacuum_enabled = off) AS
	SELECT encrypt_iv(v, bench.key(), iv, 'aes') AS c, iv FROM bench.v_cbc;
CREATE TABLE bench.c_pgp WITH (autovacuum_enabled = off) AS
	SELECT pgp_sym_encrypt(v, 'passphrase') AS c FROM bench.v_pgp;
CREATE TABLE bench.c_address (c cipguard.enc_text('address')) WITH (autovacuum_enabled = off);
INSERT INTO bench.c_address SELECT v FROM bench.v;
CREATE TABLE bench.c_name (c cipguard.enc_text('name')) WITH (autovacuum_enabled = off);
INSERT INTO bench.c_name SELECT v FROM bench.v;
CREATE TABLE bench.c_mobile (c cipguard.enc_text('mobile')) WITH (autovacuum_enabled = off);
INSERT INTO bench.c_mobile SELECT v FROM bench.v;

-- Bulk insert and scan.
CREATE TABLE bench.ins_plain (id integer, v text) WITH (autovacuum_enabled = off);
CREATE TABLE bench.ins_address (id integer, v cipguard.enc_text('address')) WITH (autovacuum_enabled = off);
CREATE TABLE bench.ins_name (id integer, v cipguard.enc_text('name')) WITH (autovacuum_enabled = off);
CREATE TABLE bench.ins_mobile (id integer, v cipguard.enc_text('mobile')) WITH (autovacuum_enabled = off);
CREATE TABLE bench.ins_cbc (id integer, v bytea, iv bytea) WITH (autovacuum_enabled = off);

-- Unique index.
CREATE TABLE bench.look_plain (id integer, v text) WITH (autovacuum_enabled = off);
CREATE TABLE bench.look_enc (id integer, v cipguard.enc_text('mobile')) WITH (autovacuum_enabled = off);
INSERT INTO bench.look_plain SELECT id, v FROM bench.src;
INSERT INTO bench.look_enc SELECT id, v FROM bench.src;
CREATE UNIQUE INDEX look_plain_v ON bench.look_plain (v COLLATE "C");
CREATE UNIQUE INDEX look_enc_v ON bench.look_enc (v);

CREATE FUNCTION bench.look_loop(n integer) RETURNS void
	LANGUAGE plpgsql
AS $$
DECLARE
	number text;
BEGIN
	FOR k IN 1 .. n LOOP
		number := '160' || lpad((k * 7919::bigint % ROWS)::text, 8, '0');
	END LOOP;
END
$$;
-- The same with a look-up in each turn; and ROWS is the number of rows.
SELECT replace(replace(replace(pg_get_functiondef('bench.look_loop'::regproc),
		'bench.look_loop', 'bench.' || name),
		E'\n\tEND LOOP', format(E'\n\t\tSELECT id INTO STRICT found_id FROM bench.%I WHERE %s = number;\n\tEND LOOP', name, col)),
		E'\tnumber text;', E'\tnumber text;\n\tfound_id integer;')
	FROM (VALUES ('look_plain', 'v COLLATE "C"'), ('look_enc', 'v')) AS t (name, col)
	\gexec
SELECT replace(pg_get_functiondef(f::regproc), '% ROWS', '% ' || :rows)
	FROM unnest('{bench.look_loop,bench.look_plain,bench.look_enc}'::text[]) AS f
	\gexec

-- Masking views: a client table with two protected columns, labelled or
-- encrypted.
CREATE TABLE bench.mask_plain (id integer, name text, mobile text, company text, since date, remark text)
	WITH (autovacuum_enabled = off);
CREATE TABLE bench.mask_enc (id integer, name cipguard.enc_text('name'), mobile cipguard.enc_text('mobile'), company text, since date, remark text)
	WITH (autovacuum_enabled = off);
INSERT INTO bench.mask_plain
	SELECT id, (ARRAY['张三', '欧阳晓', '李四维', '王小二'])[1 + id % 4], v, '某某工程咨询有限公司' || id, DATE '2020-01-01' + id % 2000, '按季度对账'
	FROM bench.src;
INSERT INTO bench.mask_enc SELECT * FROM bench.mask_plain;
CREATE TABLE bench.mask_bare (LIKE bench.mask_plain) WITH (autovacuum_enabled = off);
INSERT INTO bench.mask_bare SELECT * FROM bench.mask_plain;
SECURITY LABEL FOR cipguard ON COLUMN bench.mask_plain.name IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN bench.mask_plain.mobile IS 'mobile';
SELECT cipguard.create_masking_view('bench.mask_plain');
SELECT cipguard.create_masking_view('bench.mask_enc');
GRANT SELECT ON bench.mask_plain_masked, bench.mask_enc_masked TO bench_reader, bench_clerk;
GRANT SELECT ON bench.mask_enc TO bench_clerk;

-- Masks in the table itself: people with a valid name, number and identity
-- number, without labels and with.
CREATE FUNCTION bench.resident_id(i integer) RETURNS text
	LANGUAGE sql IMMUTABLE
	AS $$
		SELECT body || substr('10X98765432', 1 + (SELECT sum(substr(body, k, 1)::integer * (2::numeric ^ (18 - k)))::bigint % 11 FROM generate_series(1, 17) k)::integer, 1)
		FROM (SELECT (ARRAY['110101', '310104', '440305', '510107'])[1 + i % 4] || to_char(DATE '1950-01-01' + i % 18000, 'YYYYMMDD') || lpad((i % 1000)::text, 3, '0')) AS t (body)
	$$;
CREATE TEMPORARY TABLE number AS SELECT i, bench.resident_id(i) FROM generate_series(0, 9999) i;
CREATE TABLE bench.people_plain (
	id integer NOT NULL,
	name text,
	mobile text,
	resident_id text,
	company text,
	since date,
	remark text
) WITH (autovacuum_enabled = off, fillfactor = 100);
INSERT INTO bench.people_plain
	SELECT id, (ARRAY['张三', '欧阳晓', '李四维', '王小二'])[1 + id % 4], '138' || lpad(id::text, 8, '0'), resident_id, '某某工程咨询有限公司' || id, DATE '2020-01-01' + id % 2000, '按季度对账'
	FROM bench.src JOIN number ON i = id % 10000;
CREATE TABLE bench.people (LIKE bench.people_plain) WITH (autovacuum_enabled = off);
INSERT INTO bench.people SELECT * FROM bench.people_plain;
CREATE TABLE bench.change_plain (LIKE bench.people_plain) WITH (autovacuum_enabled = off, fillfactor = 50);
INSERT INTO bench.change_plain SELECT * FROM bench.people_plain WHERE id < :values;
CREATE TABLE bench.change (LIKE bench.people_plain) WITH (autovacuum_enabled = off, fillfactor = 50);
INSERT INTO bench.change SELECT * FROM bench.people_plain WHERE id < :values;
ALTER TABLE bench.people_plain ADD PRIMARY KEY (id);
ALTER TABLE bench.people ADD PRIMARY KEY (id);
SELECT format('SECURITY LABEL FOR cipguard ON COLUMN bench.%I.%I IS %L', t, c, c)
	FROM unnest('{people,change}'::text[]) t, unnest('{name,mobile,resident_id}'::text[]) c
	\gexec
SELECT cipguard.create_masking_view('bench.change');
GRANT SELECT ON bench.people_plain, bench.people TO bench_clerk;
GRANT SELECT, UPDATE ON bench.change_plain, bench.change, bench.change_masked TO bench_clerk;

VACUUM (ANALYZE);
CHECKPOINT;

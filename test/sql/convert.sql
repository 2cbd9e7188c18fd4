-- Plain columns become encrypted ones, and back.
\set SHOW_CONTEXT never
CREATE SCHEMA regress_convert;
CREATE ROLE regress_cipguard_convert;
CREATE ROLE regress_cipguard_convert_clerk;
GRANT ALL ON SCHEMA regress_convert TO regress_cipguard_convert, regress_cipguard_convert_clerk;
SELECT cipguard.grant_access('regress_cipguard_convert', c.name, 'read') IS NOT NULL AS granted
	FROM cipguard.category c WHERE c.name IN ('address', 'mobile') ORDER BY c.name;
-- A category whose values can be compared, whatever they are.
SELECT cipguard.add_category('regress_any', 'searchable') IS NOT NULL AS added;
SELECT cipguard.grant_access('regress_cipguard_convert', 'regress_any', 'read') IS NOT NULL AS granted;
SET search_path = regress_convert, public;
SET ROLE regress_cipguard_convert;

-- 1. In place, with all that hangs on the column.
CREATE TABLE client (
	id int PRIMARY KEY,
	phone varchar(20) NOT NULL DEFAULT '13800000000' UNIQUE,
	note text
);
CREATE INDEX client_phone_note ON client (phone, note);
CREATE INDEX client_phone_hash ON client USING hash (phone);
COMMENT ON COLUMN client.phone IS 'telephone';
INSERT INTO client SELECT i, '138' || to_char(i, 'FM00000000'), 'n' FROM generate_series(1, 100) i;
ALTER TABLE client ALTER phone TYPE cipguard.enc_text('mobile');
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef, col_description(a.attrelid, a.attnum)
	FROM pg_attribute a WHERE a.attrelid = 'client'::regclass AND a.attnum = 2;
SELECT indexrelid::regclass, indisunique, indisvalid FROM pg_index WHERE indrelid = 'client'::regclass ORDER BY 1::text;
SELECT conname, contype FROM pg_constraint WHERE conrelid = 'client'::regclass AND contype IN ('p', 'u') ORDER BY 1;
INSERT INTO client (id) VALUES (0);
SELECT id, phone::text FROM client WHERE phone = '13800000007';
SELECT id, phone::text FROM client WHERE id = 0;
INSERT INTO client VALUES (101, '138 0000 0007');
INSERT INTO client VALUES (102, 'x');
SELECT count(DISTINCT phone), count(*) FROM client;

-- And back, for who may read.
GRANT ALL ON client TO regress_cipguard_convert_clerk;
RESET ROLE;
ALTER TABLE client OWNER TO regress_cipguard_convert_clerk;
SET ROLE regress_cipguard_convert_clerk;
ALTER TABLE client ALTER phone TYPE text USING phone::text;
RESET ROLE;
ALTER TABLE client OWNER TO regress_cipguard_convert;
SET ROLE regress_cipguard_convert;
ALTER TABLE client ALTER phone DROP DEFAULT, ALTER phone TYPE text USING phone::text;
SELECT id, phone FROM client WHERE phone = '13800000007';
SELECT indexrelid::regclass, indisunique, indisvalid FROM pg_index WHERE indrelid = 'client'::regclass ORDER BY 1::text;
-- Values that the category does not take stop it.
INSERT INTO client VALUES (103, 'x');
ALTER TABLE client ALTER phone TYPE cipguard.enc_text('mobile');
DELETE FROM client WHERE id = 103;

-- Both sides of a foreign key, which from 18 on cannot be between text and
-- a type without collation.
CREATE TABLE parent (phone text PRIMARY KEY);
CREATE TABLE child (phone text REFERENCES parent);
INSERT INTO parent VALUES ('13800000001');
INSERT INTO child VALUES ('13800000001');
ALTER TABLE child DROP CONSTRAINT child_phone_fkey;
ALTER TABLE parent ALTER phone TYPE cipguard.enc_text('mobile');
ALTER TABLE child ALTER phone TYPE cipguard.enc_text('mobile');
ALTER TABLE child ADD FOREIGN KEY (phone) REFERENCES parent;
INSERT INTO child VALUES ('13800000002');
-- Partitions.
CREATE TABLE parted (k int, phone text) PARTITION BY LIST (k);
CREATE TABLE parted1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted2 PARTITION OF parted FOR VALUES IN (2);
CREATE INDEX ON parted (phone);
INSERT INTO parted SELECT 1 + i % 2, '138' || to_char(i, 'FM00000000') FROM generate_series(1, 10) i;
ALTER TABLE parted ALTER phone TYPE cipguard.enc_text('mobile');
SELECT tableoid::regclass, count(*), count(DISTINCT phone) FROM parted GROUP BY 1 ORDER BY 1::text;
SELECT count(*) FROM parted WHERE phone = '13800000005';

-- Every type.
CREATE TABLE every (
	id int PRIMARY KEY, a_text text, a_varchar varchar(30), a_int2 smallint, a_int4 integer, a_int8 bigint, a_numeric numeric(10, 2), a_bool boolean,
	a_date date, a_timestamptz timestamptz, a_uuid uuid, a_inet inet, a_cidr cidr, a_jsonb jsonb, a_bytea bytea
);
INSERT INTO every VALUES
	(1, 'a', 'b', -1, 2147483647, -9223372036854775808, 1.50, true, '2024-02-29', '2024-02-29 12:00+00', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '10.0.0.1/24', '10.0.0.0/8', '{"a": [1, null]}', '\x00ff'),
	(3, '', '', 0, 0, 0, 0, false, 'infinity', '-infinity', '00000000-0000-0000-0000-000000000000', '::1', '::/0', 'null', '');
INSERT INTO every (id) VALUES (2);
CREATE TABLE every_kept AS SELECT * FROM every;
ALTER TABLE every
	ALTER a_text TYPE cipguard.enc_text('regress_any'), ALTER a_varchar TYPE cipguard.enc_text('address'),
	ALTER a_int2 TYPE cipguard.enc_int8('regress_any'), ALTER a_int4 TYPE cipguard.enc_int8('regress_any'), ALTER a_int8 TYPE cipguard.enc_int8('regress_any'),
	ALTER a_numeric TYPE cipguard.enc_numeric('regress_any'), ALTER a_bool TYPE cipguard.enc_bool('regress_any'),
	ALTER a_date TYPE cipguard.enc_date('regress_any'), ALTER a_timestamptz TYPE cipguard.enc_timestamptz('regress_any'), ALTER a_uuid TYPE cipguard.enc_uuid('regress_any'),
	ALTER a_inet TYPE cipguard.enc_inet('regress_any'), ALTER a_cidr TYPE cipguard.enc_inet('regress_any'),
	ALTER a_jsonb TYPE cipguard.enc_jsonb('regress_any'), ALTER a_bytea TYPE cipguard.enc_bytea('regress_any');
SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a WHERE a.attrelid = 'every'::regclass AND a.attnum > 1 ORDER BY a.attnum;
ALTER TABLE every
	ALTER a_text TYPE text USING a_text::text, ALTER a_varchar TYPE varchar(30) USING a_varchar::text,
	ALTER a_int2 TYPE smallint USING a_int2::bigint, ALTER a_int4 TYPE integer USING a_int4::bigint, ALTER a_int8 TYPE bigint USING a_int8::bigint,
	ALTER a_numeric TYPE numeric(10, 2) USING a_numeric::numeric, ALTER a_bool TYPE boolean USING a_bool::boolean,
	ALTER a_date TYPE date USING a_date::date, ALTER a_timestamptz TYPE timestamptz USING a_timestamptz::timestamptz, ALTER a_uuid TYPE uuid USING a_uuid::uuid,
	ALTER a_inet TYPE inet USING a_inet::inet, ALTER a_cidr TYPE cidr USING a_cidr::inet,
	ALTER a_jsonb TYPE jsonb USING a_jsonb::jsonb, ALTER a_bytea TYPE bytea USING a_bytea::bytea;
SELECT count(*) AS same FROM every e, every_kept k WHERE e.id = k.id AND e::text = k::text;

-- 2. Online.
CREATE TABLE online (
	id int PRIMARY KEY,
	phone text NOT NULL DEFAULT '13800000000' CONSTRAINT online_phone UNIQUE DEFERRABLE,
	note text
);
COMMENT ON COLUMN online.phone IS 'telephone';
COMMENT ON CONSTRAINT online_phone ON online IS 'each once';
CREATE INDEX online_two ON online (note, phone DESC) INCLUDE (id) WITH (fillfactor = 70);
COMMENT ON INDEX online_two IS 'two';
CREATE INDEX online_hash ON online USING hash (phone);
GRANT SELECT (phone), UPDATE (phone) ON online TO regress_cipguard_convert_clerk;
ALTER TABLE online ALTER phone SET STATISTICS 7, ALTER phone SET (n_distinct = -1);
INSERT INTO online SELECT i, '138' || to_char(i, 'FM00000000'), 'n' FROM generate_series(1, 1000) i;

-- What cannot be kept is listed.
CREATE VIEW online_lower AS SELECT lower(phone) AS phone FROM online;
CREATE INDEX online_expression ON online (upper(phone));
CREATE INDEX online_partial ON online (id) WHERE phone IS NOT NULL;
CREATE INDEX online_pattern ON online (phone text_pattern_ops);
CREATE TABLE online_parent AS SELECT phone FROM online UNION SELECT '13800000000';
ALTER TABLE online_parent ADD PRIMARY KEY (phone);
ALTER TABLE online ADD FOREIGN KEY (phone) REFERENCES online_parent;
ALTER TABLE online ADD CONSTRAINT online_check CHECK (phone > '1');
CREATE STATISTICS online_statistics ON phone, note FROM online;
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER online_trigger BEFORE UPDATE OF phone ON online FOR EACH ROW EXECUTE FUNCTION nothing();
CALL cipguard.encrypt_column('online', 'phone', 'mobile');
DROP INDEX online_expression, online_partial, online_pattern;
DROP TABLE online_parent CASCADE;
DROP STATISTICS online_statistics;
DROP TRIGGER online_trigger ON online;
ALTER TABLE online DROP CONSTRAINT online_check;
CALL cipguard.encrypt_column('online', 'phone', 'mobile');
DROP VIEW online_lower;
CALL cipguard.encrypt_column('online', 'nothing', 'mobile');
CALL cipguard.encrypt_column('online', 'phone', 'nothing');
CALL cipguard.encrypt_column('online', 'phone', 'address');
CALL cipguard.encrypt_column('parted', 'k', 'regress_any');
SELECT count(*) FROM pg_attribute WHERE attrelid = 'online'::regclass AND attnum > 0;

-- Views are made again.
CREATE VIEW online_view WITH (security_barrier) AS SELECT id, phone FROM online WHERE phone <> '13800000001';
CREATE VIEW online_view_of_view AS SELECT phone AS telephone FROM online_view;
COMMENT ON VIEW online_view IS 'a view';
COMMENT ON COLUMN online_view.phone IS 'its column';
GRANT SELECT ON online_view TO regress_cipguard_convert_clerk;
GRANT SELECT (telephone) ON online_view_of_view TO PUBLIC;

-- Values that are refused stop it, and are not shown.
UPDATE online SET phone = 'wrong' WHERE id = 500;
SET ROLE regress_cipguard_convert_clerk;
CALL cipguard.encrypt_column('online', 'phone', 'mobile');
SELECT cipguard.cancel_encrypt_column('online', 'phone');
SELECT cipguard.encrypt_column_begin('online'::regclass, 'phone', 'mobile', 1);
SET ROLE regress_cipguard_convert;
\set VERBOSITY terse
CALL cipguard.encrypt_column('online', 'phone', 'mobile', 100);
\set VERBOSITY default
SELECT count(*) FROM online WHERE phone_cipguard IS NULL;
-- Writes meanwhile are kept in step; wrong ones are refused.
INSERT INTO online VALUES (1001, '139 0000 0001', 'new'), (1002, DEFAULT, 'new');
INSERT INTO online VALUES (1003, 'wrong', 'new');
UPDATE online SET phone = '13900000002' WHERE id = 2;
UPDATE online SET note = 'still wrong' WHERE id = 500;
DELETE FROM online WHERE id = 3;
SELECT id, phone, phone_cipguard::text FROM online WHERE id IN (2, 500, 1001, 1002) ORDER BY id;
-- Taken back, and begun again.
SELECT cipguard.cancel_encrypt_column('online', 'phone');
SELECT cipguard.cancel_encrypt_column('online', 'phone');
SELECT count(*) FROM pg_attribute WHERE attrelid = 'online'::regclass AND attnum > 0 AND NOT attisdropped;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'online'::regclass AND NOT tgisinternal;
UPDATE online SET phone = '13900000500' WHERE id = 500;
CALL cipguard.encrypt_column('online', 'phone', 'mobile', 100);
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef, col_description(a.attrelid, a.attnum), a.attacl::text,
		ARRAY(SELECT o FROM unnest(a.attoptions) o WHERE o LIKE 'n%') AS options
	FROM pg_attribute a WHERE a.attrelid = 'online'::regclass AND a.attname = 'phone';
SELECT to_jsonb(a) ->> 'attstattarget' AS target FROM pg_attribute a WHERE a.attrelid = 'online'::regclass AND a.attname = 'phone';
SELECT pg_get_indexdef(indexrelid), obj_description(indexrelid, 'pg_class') FROM pg_index WHERE indrelid = 'online'::regclass ORDER BY 1;
SELECT conname, pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE conrelid = 'online'::regclass AND contype IN ('p', 'u', 'c') ORDER BY 1;
SELECT c.oid::regclass, c.reloptions, pg_get_userbyid(c.relowner), has_table_privilege('regress_cipguard_convert_clerk', c.oid, 'SELECT'), obj_description(c.oid, 'pg_class')
	FROM pg_class c WHERE c.relname LIKE 'online_view%' ORDER BY c.relname;
SELECT col_description('online_view'::regclass, 2), has_column_privilege('public', 'online_view_of_view', 'telephone', 'SELECT');
SELECT count(*), count(*) FILTER (WHERE phone::text = '138' || to_char(id, 'FM00000000')) AS as_they_were FROM online;
SELECT id, phone::text FROM online WHERE phone = '13900000001';
INSERT INTO online (id) VALUES (0);
SELECT count(*) FROM online_view_of_view WHERE telephone = '13800000005';
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'online'::regclass AND NOT tgisinternal AND tgname LIKE '~%';
CALL cipguard.encrypt_column('online', 'phone', 'mobile');

-- A labelled column stays in its category, unless for whoever may read it.
CREATE TABLE labelled (id int PRIMARY KEY, name text);
SET client_min_messages = warning;
SECURITY LABEL FOR cipguard ON COLUMN labelled.name IS 'name';
RESET client_min_messages;
INSERT INTO labelled VALUES (1, 'Zhang San');
CALL cipguard.encrypt_column('labelled', 'name', 'regress_any');
CALL cipguard.encrypt_column('labelled', 'name', 'name');
SELECT cipguard.mask(name) FROM labelled;

-- Every type.
CREATE FUNCTION every_type() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT a.attname || ' ' || format_type(a.atttypid, a.atttypmod) FROM pg_attribute a WHERE a.attrelid = 'every'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attname
$$;
SET client_min_messages = warning;
CALL cipguard.encrypt_column('every', 'a_text', 'regress_any');
CALL cipguard.encrypt_column('every', 'a_varchar', 'address');
CALL cipguard.encrypt_column('every', 'a_int2', 'regress_any');
CALL cipguard.encrypt_column('every', 'a_int4', 'regress_any');
CALL cipguard.encrypt_column('every', 'a_int8', 'regress_any');
CALL cipguard.encrypt_column('every', 'a_numeric', 'regress_any');
CALL cipguard.encrypt_column('every', 'a_bool', 'regress_any');
CALL cipguard.encrypt_column('every', 'a_date', 'regress_any');
CALL cipguard.encrypt_column('every', 'a_timestamptz', 'regress_any');
CALL cipguard.encrypt_column('every', 'a_uuid', 'regress_any');
CALL cipguard.encrypt_column('every', 'a_inet', 'regress_any');
CALL cipguard.encrypt_column('every', 'a_cidr', 'regress_any');
CALL cipguard.encrypt_column('every', 'a_jsonb', 'regress_any');
CALL cipguard.encrypt_column('every', 'a_bytea', 'regress_any');
RESET client_min_messages;
SELECT every_type();
SELECT count(*) AS same FROM every e, every_kept k WHERE e.id = k.id
	AND e.a_text::text IS NOT DISTINCT FROM k.a_text AND e.a_varchar::text IS NOT DISTINCT FROM k.a_varchar::text
	AND e.a_int2::bigint IS NOT DISTINCT FROM k.a_int2 AND e.a_int4::bigint IS NOT DISTINCT FROM k.a_int4 AND e.a_int8::bigint IS NOT DISTINCT FROM k.a_int8
	AND e.a_numeric::numeric IS NOT DISTINCT FROM k.a_numeric AND e.a_bool::boolean IS NOT DISTINCT FROM k.a_bool
	AND e.a_date::date IS NOT DISTINCT FROM k.a_date AND e.a_timestamptz::timestamptz IS NOT DISTINCT FROM k.a_timestamptz
	AND e.a_uuid::uuid IS NOT DISTINCT FROM k.a_uuid AND e.a_inet::inet IS NOT DISTINCT FROM k.a_inet AND e.a_cidr::inet IS NOT DISTINCT FROM k.a_cidr
	AND e.a_jsonb::jsonb IS NOT DISTINCT FROM k.a_jsonb AND e.a_bytea::bytea IS NOT DISTINCT FROM k.a_bytea;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA regress_convert CASCADE;
DROP OWNED BY regress_cipguard_convert, regress_cipguard_convert_clerk;
DROP ROLE regress_cipguard_convert, regress_cipguard_convert_clerk;

-- What comparison, order, laundering and malformed values tell or do that they must not, for all types; the same with masking and without.
-- Each attempt says "refused", or what it was told.
SET client_min_messages = error;
CREATE ROLE regress_cipguard_clerk;
CREATE ROLE regress_cipguard_reader;
CREATE ROLE regress_cipguard_other;
CREATE ROLE regress_cipguard_chief IN ROLE cipguard_officer;
CREATE ROLE regress_cipguard_super SUPERUSER;
CREATE SCHEMA regress_rtt;
CREATE SCHEMA regress_rtt_evil AUTHORIZATION regress_cipguard_clerk;
GRANT USAGE ON SCHEMA regress_rtt, regress_rtt_evil TO PUBLIC;
GRANT CREATE ON SCHEMA regress_rtt_evil TO PUBLIC;
SET search_path = regress_rtt_evil, regress_rtt;
SELECT cipguard.add_category('rtt_pay', 'random') IS NOT NULL AS added, cipguard.add_category('rtt_memo', 'random') IS NOT NULL AS added;
SELECT cipguard.grant_access('regress_cipguard_reader', 'rtt_pay') IS NOT NULL AS granted, cipguard.grant_access('regress_cipguard_other', 'rtt_memo') IS NOT NULL AS granted;

-- A value that the clerk has got hold of, as armor.
CREATE TABLE regress_rtt.got (name text, armor text);
GRANT SELECT ON regress_rtt.got TO PUBLIC;
SET cipguard.output = armor;
INSERT INTO got VALUES
	('int8', cipguard.enc_int8_out(54321::bigint::cipguard.enc_int8('rtt_pay'))),
	('text', cipguard.enc_text_out('secret'::cipguard.enc_text('rtt_pay')));
RESET cipguard.output;
-- Steps divided by ";;", {int8} and {text} being the values; the answer is that of the last one.
CREATE FUNCTION regress_rtt.attempt(actor text, steps text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	step text;
	answer text;
	told text := '';
BEGIN
	SELECT replace(replace(steps, '{int8}', quote_literal(max(armor) FILTER (WHERE name = 'int8')) || '::cipguard.enc_int8(''rtt_pay'')'),
			'{text}', quote_literal(max(armor) FILTER (WHERE name = 'text')) || '::cipguard.enc_text(''rtt_pay'')')
		INTO steps FROM regress_rtt.got;
	BEGIN
		EXECUTE 'SET LOCAL ROLE regress_cipguard_' || actor;
		FOREACH step IN ARRAY string_to_array(steps, ';;') LOOP
			answer := 'done';
			IF step ~* '^\s*(select|insert.* returning)' THEN
				EXECUTE step INTO answer;
			ELSE
				EXECUTE step;
			END IF;
		END LOOP;
		told := coalesce(answer, 'null');
		RAISE SQLSTATE 'RT000';
	EXCEPTION
		WHEN SQLSTATE 'RT000' THEN
			NULL;
		WHEN OTHERS THEN
			told := CASE WHEN SQLSTATE = ANY (ARRAY['42501', 'ZC005', 'ZC006', 'ZC009', 'ZC010', 'ZC015', 'ZC020', '23514', '42846']) THEN 'refused' ELSE SQLSTATE || ' ' || SQLERRM END;
	END;
	RESET ROLE;
	RETURN told;
END
$$;

-- Support functions of a class, where no operator is spelled out.
SELECT steps, attempt('clerk', steps) AS clerk, attempt('other', steps) AS other, attempt('reader', steps) AS reader
FROM unnest(ARRAY[
	'SELECT ARRAY[{int8}] < ARRAY[''54322''::cipguard.enc_int8(''rtt_pay'')]',
	'SELECT ARRAY[{int8}] = ARRAY[''54321''::cipguard.enc_int8(''rtt_pay'')]',
	'SELECT ARRAY[{text}] > ARRAY[''secres''::cipguard.enc_text(''rtt_pay'')]',
	'SELECT width_bucket({int8}, ARRAY[''54320''::cipguard.enc_int8(''rtt_pay''), ''54321''::cipguard.enc_int8(''rtt_pay''), ''54322''::cipguard.enc_int8(''rtt_pay'')])',
	'SELECT array_position(ARRAY[{int8}], ''54321''::cipguard.enc_int8(''rtt_pay''))',
	'SELECT array_remove(ARRAY[{int8}], ''54321''::cipguard.enc_int8(''rtt_pay'')) = ''{}''',
	'SELECT ARRAY[{text}] && ARRAY[''secret''::cipguard.enc_text(''rtt_pay'')]',
	'SELECT ROW({int8}) < ROW(''54322''::cipguard.enc_int8(''rtt_pay''))',
	'SELECT {int8} < 54322',
	'SELECT {text} LIKE ''sec%'''
]) steps;
-- Ranges, whatever class orders their bounds.
SELECT attempt('clerk', 'CREATE TYPE r AS RANGE (subtype = cipguard.enc_int8);;SELECT isempty(r({int8}, ''54322''::cipguard.enc_int8(''rtt_pay'')))') AS by_token,
	attempt('clerk', 'CREATE TYPE r AS RANGE (subtype = cipguard.enc_int8, subtype_opclass = cipguard.enc_int8_order_ops);;SELECT isempty(r({int8}, ''54322''::cipguard.enc_int8(''rtt_pay'')))') AS by_order,
	attempt('clerk', 'CREATE TYPE r AS RANGE (subtype = cipguard.enc_int8, subtype_opclass = cipguard.enc_int8_order_ops);;SELECT isempty(r({int8}, ''54320''::cipguard.enc_int8(''rtt_pay'')))') AS wrong_bounds;

-- Where a row gets to, and which other row it meets.
SELECT attempt('clerk', 'CREATE TABLE p (v cipguard.enc_int8(''rtt_pay'')) PARTITION BY LIST (v);;CREATE TABLE p1 PARTITION OF p FOR VALUES IN (''54321''::cipguard.enc_int8(''rtt_pay''));;INSERT INTO p VALUES ({int8}) RETURNING tableoid::regclass') AS list,
	attempt('clerk', 'CREATE TABLE p (v cipguard.enc_int8(''rtt_pay'')) PARTITION BY RANGE (v cipguard.enc_int8_order_ops);;CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (''54321'') TO (''54322'');;INSERT INTO p VALUES ({int8}) RETURNING tableoid::regclass') AS range,
	attempt('clerk', 'CREATE TABLE p (v cipguard.enc_int8(''rtt_pay'')) PARTITION BY RANGE (v cipguard.enc_int8_order_ops);;CREATE TABLE p1 (v cipguard.enc_int8(''rtt_pay''));;ALTER TABLE p ATTACH PARTITION p1 FOR VALUES FROM (''54321'') TO (''54322'');;INSERT INTO p VALUES ({int8}) RETURNING tableoid::regclass') AS attached,
	attempt('clerk', 'CREATE TABLE u (v cipguard.enc_int8(''rtt_pay''));;INSERT INTO u VALUES ({int8});;CREATE UNIQUE INDEX ON u (v cipguard.enc_int8_order_ops);;INSERT INTO u VALUES (''54321'') ON CONFLICT DO NOTHING') AS unique_index,
	attempt('clerk', 'CREATE TABLE u (v cipguard.enc_text(''rtt_pay''));;CREATE UNIQUE INDEX ON u (v cipguard.enc_text_collate_order_ops);;INSERT INTO u VALUES ({text}), (''secret'')') AS collated,
	attempt('clerk', 'CREATE TABLE u (v cipguard.enc_int8(''rtt_pay''), EXCLUDE USING btree (v cipguard.enc_int8_order_ops WITH =));;INSERT INTO u VALUES ({int8}), (''54321'')') AS exclusion;

-- From a category to another.
SELECT steps, attempt('other', steps) AS other
FROM unnest(ARRAY[
	'SELECT {text}::cipguard.enc_text(''rtt_memo'')::text',
	'SELECT coalesce(NULL::cipguard.enc_text(''rtt_memo''), {text})::text',
	'SELECT cipguard.enc_text({text}, cipguard.category_id(''rtt_memo''), true)::text',
	'SELECT cipguard.enc_text_in(cipguard.enc_text_out({text}), 0, cipguard.category_id(''rtt_memo''))::text',
	'CREATE TEMP TABLE t (v cipguard.enc_text, w cipguard.enc_text(''rtt_memo''), a cipguard.enc_text(''rtt_memo'')[]);;INSERT INTO t (v) VALUES ({text});;ALTER TABLE t ALTER v TYPE cipguard.enc_text(''rtt_memo'');;SELECT v::text FROM t',
	'CREATE TEMP TABLE t (v cipguard.enc_text, w cipguard.enc_text(''rtt_memo''), a cipguard.enc_text(''rtt_memo'')[]);;INSERT INTO t (a[1]) VALUES ({text});;SELECT a::text FROM t',
	'CREATE TYPE c AS (v cipguard.enc_text(''rtt_memo''));;SELECT (jsonb_populate_record(NULL::c, jsonb_build_object(''v'', {text}))).v::text'
]) steps;
-- A value of another type, by input.
SELECT attempt('reader', 'SELECT ' || quote_literal(armor) || '::cipguard.enc_text(''rtt_pay'')::text') AS other_type FROM got WHERE name = 'int8';

-- Keys that the extension has for itself are no token domains.
SELECT d, attempt('chief', format('INSERT INTO cipguard.category (name, mode, level, token_domain, suite, mask, validator, normalizer, pad, sensitive) VALUES (''rtt_x'', ''searchable'', 2, %L, ''aes-searchable'', ''stars'', ''none'', ''none'', 16, false)', d)) AS chief
FROM unnest(ARRAY['cipguard.journal', 'cipguard.subject', 'cipguard.subject_key', 'cipguard.ngram']) d;
-- The trigger that seals rows for persons is nobody's to make.
SELECT attempt('clerk', 'CREATE TABLE s (id int);;CREATE TRIGGER z BEFORE INSERT ON s FOR EACH ROW EXECUTE FUNCTION cipguard.seal_subject(''garbage'')') AS clerk;

-- A dump may hold a mask that got stored; not in place of a value of another type, which reading it would take for an address.
SET check_function_bodies = off;
SELECT t, attempt('super', format('SELECT cipguard.%1$s_out(v), v::text FROM (SELECT %2$L::cipguard.%1$s) q (v)', t,
	'cip1:' || rtrim(translate(encode(decode('c10008' || k || '0000000100000000' || repeat('41', 8), 'hex'), 'base64'), E'+/\n', '-_'), '='))) AS restored
FROM (VALUES ('enc_text', '02'), ('enc_int8', '01'), ('enc_jsonb', '02'), ('enc_numeric', '05'), ('enc_inet', '06'), ('enc_bytea', '04')) m (t, k);
RESET check_function_bodies;

-- Bytes that were changed, cut or prolonged are refused, by whatever type they are given to.
CREATE FUNCTION regress_rtt.mutations(n int) RETURNS TABLE (taken bigint, crashed bigint) LANGUAGE plpgsql AS $$
DECLARE
	types text[] := ARRAY['text', 'int8', 'numeric', 'bool', 'date', 'timestamptz', 'uuid', 'inet', 'jsonb', 'bytea'];
	samples text[] := ARRAY['a', '5', '5.5', 't', '2020-01-01', '2020-01-01 00:00Z', 'c0ffee00-0000-4000-8000-000000000000', '10.0.0.1', '{"a": 1}', '\x0102'];
	sample bytea;
	b bytea;
	i int;
	k int;
	at int;
BEGIN
	taken := 0;
	crashed := 0;
	PERFORM setseed(0.5);
	SET LOCAL cipguard.output = armor;
	FOR i IN 1 .. n LOOP
		k := 1 + i % 10;
		EXECUTE format('SELECT cipguard.enc_%1$s_send(%2$L::%1$s::cipguard.enc_%1$s(%3$L))', types[k], samples[k], CASE WHEN i % 20 < 10 THEN 'rtt_pay' ELSE 'name' END) INTO sample;
		b := CASE i % 3 WHEN 0 THEN substr(sample, 1, floor(random() * octet_length(sample))::int) WHEN 1 THEN sample || '\x00' ELSE sample END;
		IF b = sample THEN
			at := floor(random() * octet_length(b))::int;
			b := set_byte(b, at, get_byte(b, at) # (1 + floor(random() * 255)::int));
		END IF;
		BEGIN
			EXECUTE format('SELECT %L::cipguard.enc_%s IS NULL',
				'cip1:' || rtrim(translate(encode(b, 'base64'), E'+/\n', '-_'), '='), types[1 + (k + i / 7) % 10]);
			taken := taken + 1;
		EXCEPTION
			WHEN internal_error THEN
				crashed := crashed + 1;
			WHEN OTHERS THEN
				NULL;
		END;
	END LOOP;
	RETURN NEXT;
END
$$;
SELECT * FROM mutations(600);

-- Names with what format() takes for its own.
CREATE TABLE regress_rtt."t%s" ("a%1$sb" text DEFAULT 'x%y');
INSERT INTO "t%s" VALUES ('one'), ('two');
CREATE INDEX "i%s" ON "t%s" ("a%1$sb");
CALL cipguard.encrypt_column('"t%s"', 'a%1$sb', 'name');
\d "t%s"

RESET search_path;
DROP SCHEMA regress_rtt, regress_rtt_evil CASCADE;
UPDATE cipguard.access_grant SET revoked_at = now() WHERE grantee::text LIKE 'regress_cipguard_%' AND revoked_at IS NULL;
DELETE FROM cipguard.access_grant WHERE grantee::text LIKE 'regress%';
DELETE FROM cipguard.data_key WHERE owner IN (SELECT id FROM cipguard.category WHERE name LIKE 'rtt\_%');
DELETE FROM cipguard.category WHERE name LIKE 'rtt\_%';
DROP ROLE regress_cipguard_clerk, regress_cipguard_reader, regress_cipguard_other, regress_cipguard_chief, regress_cipguard_super;

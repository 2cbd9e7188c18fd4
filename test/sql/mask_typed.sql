-- Masks of values of any type, custom maskers, pseudonyms.
CREATE SCHEMA regress_typed;
GRANT USAGE ON SCHEMA regress_typed TO PUBLIC;
SET search_path = regress_typed;
SET DateStyle = 'ISO, YMD';
SET TimeZone = 'UTC';
CREATE ROLE regress_cipguard_officer IN ROLE cipguard_officer;
CREATE ROLE regress_cipguard_searcher;
CREATE ROLE regress_cipguard_clerk;
-- SQLSTATE, message and hint of a statement that must fail.
CREATE FUNCTION hint_of(statement text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ': ' || SQLERRM || E'\n' || hint;
END
$$;

SET ROLE regress_cipguard_officer;
SELECT cipguard.add_category('regress_income', mask_options => '{"size": 1000}') IS NOT NULL AS income,
	cipguard.add_category('regress_month', mask => 'year', mask_options => '{"unit": "month", "prefix": 16}') IS NOT NULL AS month,
	cipguard.add_category('regress_day', mask => 'year', mask_options => '{"unit": "day", "prefix": 64, "size": 0.5}') IS NOT NULL AS day,
	cipguard.add_category('regress_none', mask => 'suppress', mask_options => '{"size": 10, "paths": {"": "keep"}}') IS NOT NULL AS suppress,
	cipguard.add_category('regress_client', mask_options => '{"paths": {"name": "name", "contact.mobile": "mobile", "contact.*": "suppress", "*.id": "regress_income", "pay": "regress_income", "open": "keep", "open.secret": "suppress", "phones": "mobile", "nobody": "regress_none"}}') IS NOT NULL AS client,
	cipguard.add_category('regress_open', mask_options => '{"paths": {"": "keep"}}') IS NOT NULL AS open;
RESET ROLE;

-- Literals are text; other strings become text; other types stay.
SELECT cipguard.mask('13800138000', 'mobile'), cipguard.mask(NULL, 'mobile'), pg_typeof(cipguard.mask('13800138000', 'mobile'));
SELECT pg_typeof(cipguard.mask('x'::varchar(5), 'name')), pg_typeof(cipguard.mask('x'::char(5), 'name')), pg_typeof(cipguard.mask('x'::name, 'name')), pg_typeof(cipguard.mask(1::smallint, 'regress_income'));
SELECT test.error_of($$SELECT cipguard.mask(1, 'nam')$$), test.error_of($$SELECT cipguard.mask(1, '')$$);
SELECT hint_of($$SELECT cipguard.mask('x'::cipguard.enc_text('name'), 'name')$$);

-- Dates and times: the first moment of the year, month or day, of UTC.
SELECT v, cipguard.mask(v, 'birth_date') AS year, cipguard.mask(v, 'regress_month') AS month, cipguard.mask(v, 'regress_day') AS day, cipguard.mask(v, 'regress_none') AS none
	FROM unnest('{1990-03-07, 2000-02-29, 0001-05-06 BC, 4714-12-01 BC, 5874897-12-31, infinity, -infinity, NULL}'::date[]) v;
SELECT v, cipguard.mask(v, 'birth_date') AS year, cipguard.mask(v, 'regress_month') AS month, cipguard.mask(v, 'regress_day') AS day
	FROM unnest('{1990-03-07 12:34:56.789, 4714-11-24 00:00:00 BC, 294276-12-31 23:59:59.999999, infinity, NULL}'::timestamp[]) v;
SELECT cipguard.mask(v, 'birth_date') AS year, cipguard.mask(v, 'regress_day') AS day FROM unnest('{1990-01-01 07:59:59+08, 1990-01-01 08:00:00+08}'::timestamptz[]) v;
SET TimeZone = 'Asia/Shanghai';
SELECT cipguard.mask(v, 'birth_date') AS year, cipguard.mask(v, 'regress_day') AS day FROM unnest('{1990-01-01 07:59:59+08, 1990-01-01 08:00:00+08}'::timestamptz[]) v;
SET DateStyle = 'SQL, DMY';
SELECT cipguard.mask('2000-02-29'::date, 'regress_month');
SET DateStyle = 'ISO, YMD';
SET TimeZone = 'UTC';
SELECT cipguard.mask('12:34'::time, 'birth_date'), cipguard.mask('1 day'::interval, 'birth_date');

-- Numbers: the lower bound of the interval, also below zero; never an overflow.
SELECT v, cipguard.mask(v, 'regress_income') FROM unnest('{0, 1, 999, 1000, 123456, -1, -1000, -1001, 2147483647, -2147483648}'::int[]) v;
SELECT v, cipguard.mask(v, 'regress_income') FROM unnest('{32767, -32768, -32000}'::int2[]) v;
SELECT v, cipguard.mask(v, 'regress_income') FROM unnest('{9223372036854775807, -9223372036854775808, -9223372036854775000}'::int8[]) v;
SELECT v, cipguard.mask(v, 'regress_income') FROM unnest('{123456.789, -0.001, 0, 1000.000, 1e20, NaN, Infinity, -Infinity}'::numeric[]) v;
SELECT cipguard.mask(('9' || repeat('0', 130000))::numeric, 'regress_income') IS NULL AS huge;
SELECT v, cipguard.mask(v, 'regress_income'), cipguard.mask(v, 'regress_day') AS by_half FROM unnest('{123456.7, -0.25, 0.3, 1e-300, 1.7976931348623157e308, -1.7976931348623157e308, NaN, Infinity}'::float8[]) v;
SELECT v, cipguard.mask(v, 'regress_income') FROM unnest('{123456.7, -0.25, 3.4028235e38, NaN}'::float4[]) v;
SELECT v, cipguard.mask(v, 'regress_income') FROM unnest('{123456.78, -0.01}'::money[]) v;
-- An interval of one unit or less would show every whole number.
SELECT cipguard.mask(5, 'regress_day'), cipguard.mask(5.7, 'regress_day'), cipguard.mask(5.67::money, 'regress_day');
-- No size, no number.
SELECT cipguard.mask(1, 'name'), cipguard.mask(1::int2, 'name'), cipguard.mask(1::int8, 'name'), cipguard.mask(1.5, 'name'), cipguard.mask(1.5::float8, 'name'), cipguard.mask(1.5::float4, 'name'), cipguard.mask(1::money, 'name'), cipguard.mask(1, 'regress_none');

-- Networks.
SELECT v, cipguard.mask(v, 'name'), cipguard.mask(v, 'regress_month') AS by_16, cipguard.mask(v, 'regress_day') AS by_64
	FROM unnest('{192.168.3.4, 192.168.3.4/25, 10.1.2.3/8, 0.0.0.0/0, 2001:db8:1:2:3::5, ::ffff:192.168.3.4, ::1}'::inet[]) v;
SELECT v, cipguard.mask(v, 'name') FROM unnest('{192.168.3.0/24, 192.168.3.4/32, 10.0.0.0/8, 2001:db8:1:2::/64}'::cidr[]) v;
SELECT cipguard.mask('08:00:2b:01:02:03'::macaddr, 'name');

-- JSON: keys and structure stay, values by their paths, all others null.
\set document '{"name": "张三丰", "x": "secret", "n": null, "contact": {"mobile": "13800138000", "wechat": "abc", "deep": {"a": 1}}, "pay": 123456.78, "open": {"a": [1, "b", true, null], "secret": {"k": 1}}, "phones": ["13800138000", {"other": "13900139000"}, 7, true], "c": {"id": 1234, "z": 1}, "nobody": "x"}'
SELECT cipguard.mask(:'document'::jsonb, 'regress_client');
SELECT cipguard.mask(:'document'::json, 'regress_client');
SELECT cipguard.mask(:'document'::jsonb, 'regress_open') = :'document'::jsonb AS kept, cipguard.mask(:'document'::jsonb, 'name') AS no_paths, cipguard.mask(:'document'::json, 'regress_none') AS suppressed;
SELECT v, cipguard.mask(v::jsonb, 'regress_client') FROM unnest(ARRAY['"x"', '1', 'true', 'null', '[]', '{}', '["x", {"name": "李四"}]']) v;
-- However a value is written; what jsonb cannot hold is no error.
SELECT cipguard.mask('{ "n\u0061me" :"\u5f20\u4e09", "name":"bad\u0000", "pay":1e999999, "pay":1.23456e5, "open":{"s\u0065cret":1, "s\u0000":2, "\ud800":3, "a":1e999999,"b":"\u0000"}, "phones":["\t1380013\u0038000\n"], "e":[] }'::json, 'regress_client');
SELECT cipguard.mask('{"name": "\ud842\udfb7三", "open": "a\"}b", "x": "\"}{[\\"}'::json, 'regress_client');
SELECT cipguard.mask('{"name": ["\ud842x", "\ud842\u0041", "\udc00", "\u5f20\/\\"], "phones": ["\b\f\r138001\u00338000"], "open": "\b\f\r\/\\"}'::json, 'regress_client');
SELECT length(cipguard.mask((repeat('[', 1000) || '"x"' || repeat(']', 1000))::jsonb, 'regress_open')::text) AS too_deep;

-- Other types and arrays.
SELECT cipguard.mask('\x01'::bytea, 'name'), cipguard.mask('00000000-0000-0000-0000-000000000001'::uuid, 'name'), cipguard.mask(true, 'name'), cipguard.mask('(1,2)'::point, 'name'), cipguard.mask('x'::xml, 'name'), cipguard.mask(ROW(1, 'x'), 'name'), cipguard.mask('[1,2)'::int4range, 'regress_income'), cipguard.mask('pg_class'::regclass, 'name');
SELECT cipguard.mask('[2:3][0:1]={{13800138000,NULL},{x,""}}'::text[], 'mobile'), cipguard.mask('{}'::text[], 'mobile'), cipguard.mask('{1234,NULL,-1}'::int[], 'regress_income'), cipguard.mask('{infinity,1990-03-07}'::date[], 'birth_date'), cipguard.mask('{t,f}'::bool[], 'name'), cipguard.mask('{1}'::int[], 'name'), cipguard.mask('1000 2000'::int2vector, 'regress_income');
CREATE DOMAIN phone AS varchar(11) NOT NULL CHECK (VALUE ~ '^1[0-9]{10}$');
CREATE DOMAIN pay AS numeric(5, 2);
CREATE DOMAIN phones AS phone[];
SELECT cipguard.mask('13800138000'::phone, 'mobile'), cipguard.mask('{13800138000}'::phone[], 'mobile'), cipguard.mask('{13800138000}'::phones, 'mobile');
SELECT v, cipguard.mask(v::pay, 'regress_income'), cipguard.mask(v::pay, 'regress_day') FROM unnest('{999.99, -999.99, 1.3}'::numeric[]) v;
-- What does not fit a type becomes stars.
CREATE DOMAIN short AS varchar(6);
CREATE DOMAIN fixed AS char(12);
CREATE DOMAIN shorter AS char(3);
SELECT cipguard.mask('{a@b.cn,NULL,x}'::short[], 'email'), cipguard.mask('{13800138000,x}'::fixed[], 'mobile'), cipguard.mask('{张三丰}'::shorter[], 'address'), cipguard.mask('{张三丰}'::name[], 'name');
SELECT octet_length(((cipguard.mask('{x}'::fixed[], 'name'))[1])::bytea) AS padded;
-- Toasted.
CREATE TABLE wide (t text[], j jsonb);
INSERT INTO wide SELECT array_agg(md5(i::text)), jsonb_object_agg(i, md5(i::text)) FROM generate_series(1, 2000) i;
SELECT cardinality(cipguard.mask(t, 'name')), cipguard.mask(j, 'regress_open') = j AS kept FROM wide;
-- A domain of text masks as text, whatever the session says.
SET search_path = pg_temp;
SELECT cipguard.mask('{13800138000}'::regress_typed.phones, 'mobile');
SET search_path = regress_typed;
SELECT bool_and(m = '138****8000') AS all_alike FROM (SELECT cipguard.mask('{13800138000}'::text[], 'mobile') FROM generate_series(1, 3)) x (a), unnest(a) m;
-- The category may change from row to row, and from call to call.
SELECT c, cipguard.mask(123456, c) FROM unnest(ARRAY['regress_income', 'name', 'regress_income', 'regress_none']) c;
PREPARE masked AS SELECT cipguard.mask(123456, 'regress_income');
EXECUTE masked;
SELECT cipguard.alter_category_mask('regress_income', 'stars', '{"size": 5000}');
EXECUTE masked;
SELECT cipguard.alter_category_mask('regress_income', 'stars', '{"size": 1000}');
DEALLOCATE masked;
SELECT cipguard.mask('x', 'regress_none'), cipguard.disclose('x'::text, 'regress_none', 'wide');

-- What an officer may set.
SET ROLE regress_cipguard_officer;
SELECT regress_typed.hint_of($$SELECT cipguard.add_category('regress_x', mask_options => '{"colour": "red"}')$$);
SELECT o, test.error_of(format('SELECT cipguard.add_category(%L, mask_options => %L)', 'regress_x', o)) FROM unnest(ARRAY[
	'[]', '1', '{"style": 1}', '{"style": "loose"}', '{"unit": "hour"}', '{"unit": null}', '{"size": "10"}', '{"size": 0}', '{"size": -1}', '{"size": 0.0000001}', '{"size": 1e16}',
	'{"prefix": 24.5}', '{"prefix": -1}', '{"prefix": 128}', '{"paths": []}', '{"paths": "x"}', '{"paths": {"a": 1}}', '{"paths": {"a..b": "keep"}}', '{"paths": {".": "keep"}}',
	'{"paths": {"a": {"b": "keep"}}}', '{"paths": {"a": "nam"}}', NULL]) o;
SELECT regress_typed.hint_of($$SELECT cipguard.add_category('regress_x', mask_options => '{"paths": {"a": "nam"}}')$$);
SELECT regress_typed.hint_of($$SELECT cipguard.alter_category_mask('nam', 'stars')$$);
SELECT regress_typed.hint_of($$SELECT cipguard.alter_category_mask('name', 'nomask')$$);
SELECT test.error_of($$SELECT cipguard.alter_category_mask('name', NULL)$$), test.error_of($$SELECT cipguard.alter_category_mask(NULL, 'stars')$$), test.error_of($$SELECT cipguard.alter_category_mask('name', 'stars', NULL)$$);
SELECT test.error_of($$INSERT INTO cipguard.category (name, level, sensitive, mask, validator, normalizer, mode, suite, token_domain, pad, mask_options)
	VALUES ('regress_x', 1, false, 'stars', 'none', 'none', 'random', 'aes-random', 'x', 16, '{"colour": "red"}')$$);
SELECT test.error_of($$INSERT INTO cipguard.category (name, level, sensitive, mask, validator, normalizer, mode, suite, token_domain, pad, builtin, mask_changed)
	VALUES ('name', 1, false, 'stars', 'none', 'none', 'random', 'aes-random', 'x', 16, true, true)$$);
SET ROLE regress_cipguard_clerk;
SELECT test.error_of($$SELECT cipguard.alter_category_mask('name', 'stars')$$);
RESET ROLE;

-- Custom maskers: what an officer may register.
CREATE FUNCTION last_two(value text, options jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT '...' || right(value, 2)$$;
CREATE FUNCTION f_volatile(text, jsonb) RETURNS text LANGUAGE sql VOLATILE AS $$SELECT 'x'$$;
CREATE FUNCTION f_definer(text, jsonb) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER AS $$SELECT 'x'$$;
CREATE FUNCTION f_atomic(text, jsonb) RETURNS text LANGUAGE sql STABLE RETURN 'x';
CREATE FUNCTION f_set(text, jsonb) RETURNS SETOF text LANGUAGE sql STABLE AS $$SELECT 'x'$$;
CREATE FUNCTION f_args(text) RETURNS text LANGUAGE sql STABLE AS $$SELECT 'x'$$;
CREATE FUNCTION f_result(text, jsonb) RETURNS varchar LANGUAGE sql STABLE AS $$SELECT 'x'::varchar$$;
CREATE FUNCTION f_secret(text, jsonb) RETURNS text LANGUAGE sql STABLE AS $$SELECT 'x'$$;
REVOKE EXECUTE ON FUNCTION f_secret FROM PUBLIC;
CREATE FUNCTION pg_temp.f_temp(text, jsonb) RETURNS text LANGUAGE sql STABLE AS $$SELECT 'x'$$;
SET ROLE regress_cipguard_officer;
SELECT f, test.error_of(format('SELECT cipguard.add_category(%L, mask => %L, mask_function => %L)', 'regress_x', 'custom', f)) FROM unnest(ARRAY['regress_typed.f_volatile(text, jsonb)', 'regress_typed.f_definer(text, jsonb)',
	'regress_typed.f_atomic(text, jsonb)', 'regress_typed.f_set(text, jsonb)', 'regress_typed.f_args(text)', 'regress_typed.f_result(text, jsonb)', 'regress_typed.f_secret(text, jsonb)', 'pg_temp.f_temp(text, jsonb)', 'max(text)', 'regress_typed.f_none(text, jsonb)', NULL]) f;
SELECT test.error_of($$SELECT cipguard.add_category('regress_x', mask_function => 'regress_typed.last_two(text, jsonb)')$$);
SELECT regress_typed.hint_of($$SELECT cipguard.add_category('regress_x', mask => 'custom', mask_function => 'regress_typed.f_volatile(text, jsonb)')$$);
SELECT regress_typed.hint_of($$SELECT cipguard.add_category('regress_x', mask => 'custom')$$);
SELECT cipguard.add_category('regress_custom', mode => 'searchable', mask => 'custom', mask_options => '{"size": 1000}', mask_function => 'regress_typed.last_two(text, jsonb)') IS NOT NULL AS added;
RESET ROLE;
SELECT mask, mask_function, length(mask_digest), mask_changed FROM cipguard.category WHERE name = 'regress_custom';

-- Custom maskers: what they give.
SELECT v, cipguard.mask(v, 'regress_custom') FROM unnest(ARRAY['secret value', 'x', '', '张三丰', NULL]) v;
SELECT cipguard.mask('secret value'::cipguard.enc_text('regress_custom')), cipguard.mask(123456, 'regress_custom'), cipguard.mask('{secret value,NULL}'::varchar[], 'regress_custom');
SELECT cipguard.add_category('regress_nest', mask_options => '{"paths": {"a": "regress_custom"}}') IS NOT NULL AS added;
SELECT cipguard.mask('{"a": "secret value"}'::jsonb, 'regress_nest');
SET ROLE regress_cipguard_clerk;
SELECT cipguard.mask('secret value', 'regress_custom');
RESET ROLE;
-- Whoever replaces the function gets stars, until it is registered again.
CREATE OR REPLACE FUNCTION last_two(value text, options jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT reverse(value)$$;
SELECT cipguard.mask('secret value', 'regress_custom');
ALTER FUNCTION last_two RENAME TO gone;
SELECT cipguard.mask('secret value', 'regress_custom');
-- It is given nothing to tell with.
CREATE TABLE told (v text);
GRANT ALL ON told TO PUBLIC;
CREATE FUNCTION try(value text, options jsonb) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
	n int := 0;
BEGIN
	CASE value
		WHEN 'options' THEN RETURN options::text;
		WHEN 'who' THEN RETURN current_user || ' ' || current_setting('search_path') || ' ' || current_setting('TimeZone');
		WHEN 'same' THEN RETURN value;
		WHEN 'within' THEN RETURN '<' || value || '>';
		WHEN 'null' THEN RETURN NULL;
		WHEN 'long' THEN RETURN repeat('*', 100);
		WHEN 'error' THEN RAISE EXCEPTION 'the value is %', value;
		WHEN 'talk' THEN
			RAISE NOTICE 'the value is %', value;
			RAISE WARNING 'the value is %', value;
			RAISE INFO 'the value is %', value;
			RAISE LOG 'the value is %', value;
			PERFORM set_config('client_min_messages', 'debug1', false);
			RAISE NOTICE 'the value is %', value;
			RETURN 'silent';
		WHEN 'set' THEN
			PERFORM set_config('cipguard.purpose', value, false);
			RETURN 'done';
		WHEN 'notify' THEN
			PERFORM pg_notify('regress_cipguard', value);
			RETURN 'done';
		WHEN 'insert' THEN
			INSERT INTO regress_typed.told VALUES (value);
			RETURN 'done';
		WHEN 'role' THEN
			PERFORM set_config('role', 'none', false);
			RETURN 'done';
		WHEN 'again' THEN RETURN cipguard.mask('other', 'regress_try');
		WHEN 'cancel' THEN RAISE EXCEPTION USING ERRCODE = 'query_canceled', MESSAGE = 'the value is ' || value;
		ELSE RETURN 'else';
	END CASE;
END
$$;
SELECT cipguard.add_category('regress_try', mask => 'custom', mask_options => '{"size": 10}', mask_function => 'regress_typed.try(text, jsonb)') IS NOT NULL AS added;
LISTEN regress_cipguard;
SET client_min_messages = debug1;
SELECT v, cipguard.mask(v, 'regress_try') FROM unnest(ARRAY['options', 'who', 'same', 'within', 'null', 'long', 'error', 'talk', 'set', 'notify', 'insert', 'role', 'again', 'else']) v;
RESET client_min_messages;
SELECT current_user = session_user AS same_user, current_setting('cipguard.purpose') AS purpose, current_setting('client_min_messages') AS messages, count(*) AS told FROM told;
-- An error that asks to cancel is one, but without its message.
SELECT cipguard.mask('cancel', 'regress_try');
UNLISTEN *;
SELECT cipguard.mask('again', 'regress_try') FROM generate_series(1, 3);
-- A subtransaction cannot begin in a parallel worker.
CREATE TABLE many AS SELECT 'who' AS v FROM generate_series(1, 100);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT DISTINCT cipguard.mask(v, 'regress_try') FROM many;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- Pseudonyms: for whoever may compare.
SELECT cipguard.grant_access('regress_cipguard_searcher', c, 'search') IS NOT NULL AS granted FROM unnest(ARRAY['mobile', 'name']) c;
CREATE TABLE client (id int, mobile cipguard.enc_text('mobile'));
INSERT INTO client VALUES (1, '13800138000'), (2, '+86 138-0013-8000'), (3, '13900139000'), (4, NULL);
GRANT SELECT ON client TO PUBLIC;
SET ROLE regress_cipguard_searcher;
SELECT cipguard.pseudonym('13800138000', 'mobile') ~ '^p_[A-Za-z0-9_-]{22}$' AS looks_right, cipguard.pseudonym('13800138000', 'mobile') = cipguard.pseudonym('+86 138 0013 8000', 'mobile') AS canonical,
	cipguard.pseudonym('13800138000', 'mobile') <> cipguard.pseudonym('13800138001', 'mobile') AS differ, cipguard.pseudonym('13800138000', 'mobile') <> cipguard.pseudonym('13800138000', 'name') AS per_domain,
	cipguard.pseudonym('', 'name') IS NOT NULL AS empty, cipguard.pseudonym(NULL, 'name') IS NULL AS nothing;
SELECT id, cipguard.pseudonym(mobile) = cipguard.pseudonym('13800138000', 'mobile') AS same FROM client ORDER BY id;
SELECT translate(substr(cipguard.pseudonym(mobile), 3), '-_', '+/') || '==' AS p FROM client WHERE id = 1 \gset
SELECT regress_typed.hint_of($$SELECT cipguard.pseudonym('x', 'address')$$);
SELECT regress_typed.hint_of($$SELECT cipguard.pseudonym('x', 'regress_income')$$);
SELECT regress_typed.hint_of($$SELECT cipguard.pseudonym('x', 'email')$$);
SELECT regress_typed.hint_of($$SELECT cipguard.pseudonym('cip1:AAAA', 'mobile')$$);
SELECT test.error_of($$SELECT cipguard.pseudonym('x', 'nam')$$), test.error_of($$SELECT cipguard.pseudonym('x'::cipguard.enc_text)$$);
SET ROLE regress_cipguard_clerk;
SELECT test.error_of($$SELECT cipguard.pseudonym(mobile) FROM regress_typed.client$$), test.error_of($$SELECT cipguard.pseudonym('13800138000', 'mobile')$$);
RESET ROLE;
-- The token that is part of a value is not its pseudonym.
SELECT strpos(encode(test.raw(mobile), 'hex'), encode(decode(:'p', 'base64'), 'hex')) AS found FROM client WHERE id = 1;

SET client_min_messages = warning;
RESET search_path;
DROP SCHEMA regress_typed CASCADE;
DELETE FROM cipguard.access_grant WHERE grantee::text LIKE 'regress%';
DELETE FROM cipguard.category WHERE name LIKE 'regress%';
DELETE FROM cipguard.data_key k WHERE NOT EXISTS (SELECT FROM cipguard.category c WHERE k.owner = c.id OR k.owner = cipguard.category_id(c.token_domain)) AND k.owner NOT IN (cipguard.category_id('cipguard.subject'), cipguard.category_id('cipguard.journal')) AND k.kind <> 's';
DROP ROLE regress_cipguard_officer, regress_cipguard_searcher, regress_cipguard_clerk;

-- New keys for values inside ranges and multiranges, by who may not read them; what a row says is what it was.
CREATE SCHEMA regress_renew;
SET search_path = regress_renew, public;
SELECT cipguard.add_category('regress_renewed', 'searchable') IS NOT NULL AS added;
CREATE ROLE regress_cipguard_renew;
SELECT cipguard.grant_access('regress_cipguard_renew', 'regress_renewed', 'read') IS NOT NULL AS granted;
CREATE TYPE span AS RANGE (subtype = cipguard.enc_int8, subtype_opclass = cipguard.enc_int8_order_ops, multirange_type_name = spans);
CREATE TYPE token_span AS RANGE (subtype = cipguard.enc_int8);
CREATE TYPE pair AS (inner_span span, n int);
GRANT USAGE ON SCHEMA regress_renew TO regress_cipguard_renew;
CREATE FUNCTION uses() RETURNS TABLE (kind "char", version int, attribute text, "rows" bigint) LANGUAGE sql AS $$
	SELECT u.kind, u.version, u.attribute, u.rows FROM cipguard.key_use() u
	WHERE u.owner = cipguard.category_id('regress_renewed') AND u.place = 'column'
	ORDER BY u.kind, u.attribute COLLATE "C", u.version
$$;
CREATE FUNCTION enc(n bigint) RETURNS cipguard.enc_int8('regress_renewed') LANGUAGE plpgsql AS 'DECLARE v cipguard.enc_int8(''regress_renewed'') := n; BEGIN RETURN v; END';
CREATE TABLE held (id int PRIMARY KEY, one span, many spans, listed span[], row pair);
GRANT SELECT, INSERT ON held TO regress_cipguard_renew;
SET ROLE regress_cipguard_renew;
INSERT INTO held VALUES
	(1, span(enc(1), enc(5)), spans(span(enc(1), enc(2)), span(enc(10), enc(20), '[]')), ARRAY[span(enc(3), enc(4)), NULL], ROW(span(enc(7), enc(8)), 1)),
	(2, span(NULL, enc(5)), spans(span(NULL, enc(2)), span(enc(10), NULL)), '{}', NULL),
	(3, span(enc(5), NULL), spans(), NULL, ROW(NULL, 1)),
	(4, span(NULL, NULL), spans(span(NULL, NULL)), NULL, NULL),
	(5, 'empty', NULL, ARRAY['empty'::span], ROW('empty', 1)),
	(6, NULL, NULL, NULL, NULL);
CREATE TEMP TABLE before AS SELECT id, one::text, many::text, listed::text, "row"::text FROM held;
TABLE before ORDER BY id;
RESET ROLE;
SELECT * FROM uses();
SELECT cipguard.rotate_key('regress_renewed');
CALL cipguard.reencrypt('held');
SELECT * FROM uses();
SELECT cipguard.rotate_token_key('regress_renewed');
SELECT * FROM uses();
SET ROLE regress_cipguard_renew;
SELECT id, one::text, many::text, listed::text, "row"::text FROM held EXCEPT TABLE before;
SELECT id FROM held WHERE one @> enc(3) ORDER BY id;
RESET ROLE;

-- Another suite, of other sizes or not.
SELECT cipguard.rotate_token_key('regress_renewed', 'sm4');
SET ROLE regress_cipguard_renew;
SELECT id, one::text, many::text, listed::text, "row"::text FROM held EXCEPT TABLE before;
SELECT id FROM held WHERE one @> enc(3) ORDER BY id;
RESET ROLE;

-- In the order of tokens: another data key keeps it, another token key does not.
CREATE TABLE by_token (id int PRIMARY KEY, r token_span);
GRANT SELECT, INSERT ON by_token TO regress_cipguard_renew;
SET ROLE regress_cipguard_renew;
INSERT INTO by_token SELECT i, CASE WHEN enc(i) OPERATOR(cipguard.#<#) enc(i + 1000) THEN token_span(enc(i), enc(i + 1000)) ELSE token_span(enc(i + 1000), enc(i)) END FROM generate_series(1, 20) i;
RESET ROLE;
SELECT cipguard.rotate_key('regress_renewed');
CALL cipguard.reencrypt('by_token');
SELECT * FROM uses() WHERE attribute = 'r';
SELECT test.error_of($$SELECT cipguard.rotate_token_key('regress_renewed')$$);
SELECT * FROM uses() WHERE attribute = 'r';

RESET search_path;
SET client_min_messages = warning;
SET ROLE cipguard_officer;
SELECT cipguard.open_maintenance('test') IS NOT NULL AS opened;
RESET ROLE;
DROP TABLE pg_temp.before;
DROP SCHEMA regress_renew CASCADE;
DROP ROLE regress_cipguard_renew;
SET ROLE cipguard_officer;
SELECT cipguard.close_maintenance();

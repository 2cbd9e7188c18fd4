-- Parts of encrypted JSON, for readers.
CREATE ROLE regress_cipguard_reader;
CREATE ROLE regress_cipguard_clerk;
CREATE SCHEMA regress_json;
SET search_path = regress_json;
SELECT cipguard.add_category('json_file', 'random') IS NOT NULL AS added;
SELECT cipguard.grant_access('regress_cipguard_reader', 'json_file', 'read') IS NOT NULL AS granted;
CREATE TABLE plain_t (id int PRIMARY KEY, j jsonb);
INSERT INTO plain_t VALUES (1, '{}'), (2, NULL), (3, 'null'), (4, '[]'), (5, '"text"'), (6, '12.50'), (7, '{"name": "张三", "tags": ["a", "b", {"c": 1.10}], "n": null, "": 0}'), (8, '["x", null, 3, {"name": "y"}]'), (9, '{"name": {"first": "三"}, "emoji": "😀"}');
CREATE TABLE enc_t (id int PRIMARY KEY, j cipguard.enc_jsonb('json_file'));
INSERT INTO enc_t SELECT * FROM plain_t;
GRANT USAGE ON SCHEMA regress_json TO regress_cipguard_reader, regress_cipguard_clerk;
GRANT ALL ON ALL TABLES IN SCHEMA regress_json TO regress_cipguard_reader, regress_cipguard_clerk;
CREATE FUNCTION value_of(tab text, expr text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT string_agg(coalesce((%s)::text, ''null''), '' | '' ORDER BY id) FROM %I', expr, tab) INTO result;
	RETURN result;
END
$$;
SET ROLE regress_cipguard_reader;
SELECT expr, value_of('enc_t', expr) = value_of('plain_t', expr) AS same, value_of('enc_t', expr) AS value
	FROM unnest(ARRAY[$$j -> 'name'$$, $$j ->> 'name'$$, $$j -> 'tags' -> 0$$, $$j -> 0$$, $$j -> -1$$, $$j ->> 1$$, $$j ->> 'n'$$, $$j #> '{tags,2,c}'$$, $$j #>> '{tags,2,c}'$$, $$j #>> '{}'$$, $$j #> '{3,name}'$$,
		$$j @> '{"name": "张三"}'$$, $$j @> '["x"]'$$, $$j @> '{}'$$, $$j ? 'name'$$, $$j ? 'x'$$, $$j -> ''$$]) WITH ORDINALITY e (expr, n) ORDER BY n;
SELECT id FROM enc_t WHERE j @> '{"name": {}}' ORDER BY id;
SELECT id FROM enc_t WHERE j ->> 'name' = '张三';
SELECT pg_typeof(j -> 'name'), pg_typeof(j ->> 'name') FROM enc_t WHERE id = 7;

SET ROLE regress_cipguard_clerk;
SELECT n, test.error_of(format('SELECT %s FROM enc_t WHERE id = 7', expr)) ~ '^(42501: permission denied to look into values of category "json_file"|ZC009)' AS refused
	FROM unnest(ARRAY[$$j -> 'name'$$, $$j ->> 'name'$$, $$j -> 0$$, $$j ->> 0$$, $$j #> '{tags,2,c}'$$, $$j #>> '{tags,2,c}'$$, $$j @> '{}'$$, $$j ? 'name'$$]) WITH ORDINALITY e (expr, n) ORDER BY n;
SELECT test.error_of($$SELECT id FROM enc_t WHERE j @> '{}'$$);
SELECT test.error_of($$SELECT id FROM enc_t WHERE j ? 'name'$$);
SELECT test.error_of($$SELECT cipguard.enc_jsonb_field(j, 'name') FROM enc_t$$);
RESET ROLE;
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA regress_json CASCADE;
DROP ROLE regress_cipguard_reader, regress_cipguard_clerk;

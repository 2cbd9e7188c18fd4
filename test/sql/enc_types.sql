-- The encrypted types: each stands for a plain type, and behaves as enc_text does.
CREATE ROLE regress_cipguard_reader;
CREATE ROLE regress_cipguard_clerk;
SELECT cipguard.add_category('regress_equal', mode => 'searchable') > 0 AS added, cipguard.add_category('regress_random') > 0 AS added, cipguard.add_category('regress_shared', mode => 'searchable', token_domain => 'regress_equal') > 0 AS added;
SELECT cipguard.grant_access('regress_cipguard_reader', c) IS NOT NULL AS granted FROM unnest(ARRAY['regress_equal', 'regress_random', 'regress_shared', 'birth_date']) c;
CREATE SCHEMA regress_types;
GRANT USAGE, CREATE ON SCHEMA regress_types TO regress_cipguard_reader, regress_cipguard_clerk;
SET search_path = regress_types;
SET timezone = 'UTC';

-- Of each type: a value, an equal one in another spelling, another value, what
-- is malformed, and the other types that are assigned to it.
CREATE TABLE sample (name text PRIMARY KEY, plain text, a text, same text, b text, bad text, assigned text[]);
INSERT INTO sample VALUES
	('int8', 'bigint', '-9223372036854775808', ' -9223372036854775808 ', '42', '12x', '{42::smallint,42::integer,42.4::numeric,42::real,42::double precision}'),
	('numeric', 'numeric', '1.50', '1.5000', '-0.001', '1.5.0', '{42::smallint,42::integer,42::bigint,42.5::real,42.5::double precision}'),
	('bool', 'boolean', 'true', 'yes', 'false', 'maybe', '{}'),
	('date', 'date', '1985-02-03', 'Feb 3 1985', '0044-03-15 BC', '1985-02-30', '{"timestamp ''1985-02-03 04:05''","timestamptz ''1985-02-03 04:05+00''"}'),
	('timestamptz', 'timestamptz', '1985-02-03 04:05:06.789+00', '1985-02-03 12:05:06.789+08', '2000-01-01 00:00:00+00', '1985-02-03 25:00', '{"timestamp ''1985-02-03 04:05''","date ''1985-02-03''"}'),
	('uuid', 'uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'A0EEBC999C0B4EF8BB6D6BB9BD380A11', '00000000-0000-0000-0000-000000000000', 'a0eebc99', '{}'),
	('inet', 'inet', '10.1.2.3', '10.1.2.3/32', '2001:db8::/32', '10.1.2.256', '{"cidr ''10.0.0.0/8''"}'),
	('jsonb', 'jsonb', '{"b": [1.0, "张三\n1.50"], "a": null}', '{"a":null,"b":[1.000,"张三\n1.50"]}', '[]', '{"a":', '{"json ''[1.0]''"}'),
	('bytea', 'bytea', '\x00ff', E'\\000\\377', '', '\x0', '{}');

-- One table of a type, two columns: searchable and random.
DO $$
DECLARE
	s regress_types.sample;
BEGIN
	FOR s IN SELECT * FROM regress_types.sample LOOP
		EXECUTE format('CREATE TABLE regress_types.t_%1$s (id int PRIMARY KEY, v cipguard.enc_%1$s(''regress_equal''), r cipguard.enc_%1$s(''regress_random''))', s.name);
		EXECUTE format('GRANT ALL ON regress_types.t_%s TO regress_cipguard_reader, regress_cipguard_clerk', s.name);
		EXECUTE format('INSERT INTO regress_types.t_%1$s VALUES (1, %2$L, %2$L), (2, %3$L, %3$L), (3, %4$L, %4$L), (4, NULL, NULL)', s.name, s.a, s.same, s.b);
		EXECUTE format('INSERT INTO regress_types.t_%1$s SELECT 5, %2$L::%3$s, %2$L::%3$s', s.name, s.a, s.plain);
	END LOOP;
END
$$;

-- A query for each type, with its name for %1$s and the plain type for %2$s.
CREATE FUNCTION each(query text) RETURNS TABLE (name text, result text) LANGUAGE plpgsql AS $$
DECLARE
	s regress_types.sample;
BEGIN
	FOR s IN SELECT * FROM regress_types.sample ORDER BY sample.name COLLATE "C" LOOP
		name := s.name;
		BEGIN
			EXECUTE format(query, s.name, s.plain, s.a, s.same, s.b, s.bad) INTO result;
		EXCEPTION WHEN OTHERS THEN
			result := SQLSTATE || ': ' || SQLERRM;
		END;
		RETURN NEXT;
	END LOOP;
END
$$;
-- The same of statements that give no rows.
CREATE FUNCTION each_do(statements text) RETURNS TABLE (name text, result text) LANGUAGE plpgsql AS $$
DECLARE
	s regress_types.sample;
BEGIN
	FOR s IN SELECT * FROM regress_types.sample ORDER BY sample.name COLLATE "C" LOOP
		name := s.name;
		result := 'done';
		BEGIN
			EXECUTE format(statements, s.name, s.plain, s.a, s.same, s.b, s.bad);
		EXCEPTION WHEN OTHERS THEN
			result := SQLSTATE || ': ' || SQLERRM;
		END;
		RETURN NEXT;
	END LOOP;
END
$$;
GRANT SELECT ON sample TO PUBLIC;

-- A reader gets the values as they were entered, with and without casts.
SET ROLE regress_cipguard_reader;
SELECT * FROM each('SELECT string_agg(coalesce(format(''%%s|%%s'', v, r), ''null''), '' ; '' ORDER BY id) FROM regress_types.t_%1$s');
SELECT * FROM each('SELECT bool_and(v::%2$s::text = %3$L::%2$s::text AND v::text = %3$L::%2$s::text AND v::varchar = v::text AND v::bpchar = v::text AND v::name::text = left(v::text, 63)) FROM regress_types.t_%1$s WHERE id = 1');
SELECT * FROM each('SELECT row_to_json(x)::text = row_to_json(y)::text AND to_jsonb(x) = to_jsonb(y) AND to_json(x.v)::text = to_json(y.v)::text FROM (SELECT id, v FROM regress_types.t_%1$s) x, (SELECT id, v::%2$s FROM regress_types.t_%1$s) y WHERE x.id = 1 AND y.id = 1');
SELECT * FROM each('SELECT v::json::text || '' '' || v::jsonb::text FROM regress_types.t_%1$s WHERE id = 3');
-- Binary form: that of the plain type.
SELECT * FROM each('SELECT cipguard.enc_%1$s_send(v) = %1$s_send(v::%2$s) FROM regress_types.t_%1$s WHERE id = 3'
	) WHERE name NOT IN ('int8', 'bool', 'bytea');
SELECT cipguard.enc_int8_send(v) = int8send(42) FROM t_int8 WHERE id = 3;
SELECT cipguard.enc_bool_send(v) = boolsend(false) FROM t_bool WHERE id = 3;
SELECT cipguard.enc_bytea_send(v) = '\x00ff' FROM t_bytea WHERE id = 1;

-- A clerk gets armor, and nothing by casts; superusers are clerks.
SET ROLE regress_cipguard_clerk;
SELECT * FROM each('SELECT bool_and(format(''%%s'', v) LIKE ''cip1:%%'' AND format(''%%s'', r) LIKE ''cip1:%%'') FROM regress_types.t_%1$s WHERE id <> 4');
SELECT * FROM each('SELECT v::%2$s FROM regress_types.t_%1$s WHERE id = 1');
SELECT * FROM each('SELECT count(v::text) FROM regress_types.t_%1$s');
SELECT * FROM each('SELECT row_to_json(x)->>''v'' LIKE ''cip1:%%'' AND to_jsonb(x)->>''v'' LIKE ''cip1:%%'' FROM regress_types.t_%1$s x WHERE id = 1');
SELECT * FROM each('SELECT substr(cipguard.enc_%1$s_send(v), 1, 4) FROM regress_types.t_%1$s WHERE id = 1');
RESET ROLE;
SELECT * FROM each('SELECT v::%2$s FROM regress_types.t_%1$s WHERE id = 1');

-- NULL, malformed input, and armor: of the same value, of another type, cut.
SELECT * FROM each('SELECT (SELECT v IS NULL AND v::%2$s IS NULL AND v::json IS NULL FROM regress_types.t_%1$s WHERE id = 4) AND (NULL::%2$s)::cipguard.enc_%1$s IS NULL');
SELECT * FROM each('SELECT %6$L::cipguard.enc_%1$s(''regress_equal'')');
SELECT * FROM each('SELECT cipguard.enc_%1$s_in(%6$L, 0, -1)');
SELECT * FROM each('SELECT '''' ::cipguard.enc_%1$s') WHERE name <> 'bytea';
SELECT test.error_of($$SELECT '9223372036854775808'::cipguard.enc_int8$$), test.error_of($$SELECT '5874898-01-01'::cipguard.enc_date$$), test.error_of($$SELECT '1985-13-01'::cipguard.enc_timestamptz$$), test.error_of($$SELECT '1e200000'::cipguard.enc_numeric$$);
CREATE TABLE armor (name text, armor text);
GRANT ALL ON armor TO regress_cipguard_clerk;
DO $$
DECLARE
	n text;
BEGIN
	FOR n IN SELECT name FROM regress_types.sample LOOP
		EXECUTE format('INSERT INTO regress_types.armor SELECT %1$L, format(''%%s'', v) FROM regress_types.t_%1$s WHERE id = 3', n);
	END LOOP;
END
$$;
SET ROLE regress_cipguard_clerk;
SELECT * FROM each('INSERT INTO regress_types.t_%1$s (id, v) SELECT 6, armor::cipguard.enc_%1$s FROM regress_types.armor WHERE name = %1$L RETURNING format(''%%s'', v) = (SELECT armor FROM regress_types.armor WHERE name = %1$L)');
SELECT name, count(*) AS others, count(*) FILTER (WHERE test.error_of(format('SELECT %L::cipguard.enc_%s', armor, t)) ~ '^ZC010: ') AS refused FROM armor a CROSS JOIN LATERAL (SELECT s.name AS t FROM sample s WHERE s.name <> a.name UNION ALL SELECT 'text') o GROUP BY 1 ORDER BY name COLLATE "C";
SELECT name, count(*) AS changed, count(*) FILTER (WHERE test.error_of(format('SELECT %L::cipguard.enc_%s', overlay(armor placing CASE substr(armor, at, 1) WHEN 'A' THEN 'B' ELSE 'A' END from at for 1), name)) ~ '^ZC0(05|06|10): ') AS refused
	FROM armor CROSS JOIN LATERAL generate_series(6, least(length(armor), 75)) at GROUP BY 1 HAVING count(*) <> count(*) FILTER (WHERE test.error_of(format('SELECT %L::cipguard.enc_%s', overlay(armor placing CASE substr(armor, at, 1) WHEN 'A' THEN 'B' ELSE 'A' END from at for 1), name)) ~ '^ZC0(05|06|10): ');
SELECT * FROM each('INSERT INTO regress_types.t_%1$s (id, r) SELECT 7, v FROM regress_types.t_%1$s WHERE id = 1');
RESET ROLE;

-- Of fixed length: nothing of a value shows in the length of its ciphertext.
SELECT * FROM each('SELECT count(DISTINCT pg_column_size(v)) || '' '' || min(pg_column_size(v)) || '' '' || min(pg_column_size(r)) FROM regress_types.t_%1$s WHERE id < 4') WHERE name IN ('int8', 'bool', 'date', 'timestamptz', 'uuid');

-- Plaintext is never stored by assignment.
CREATE TABLE text_types (t text, v varchar, b char(20), n name, j json, jb jsonb);
SET ROLE regress_cipguard_reader;
SELECT col, each.* FROM unnest(ARRAY['t', 'v', 'b', 'n', 'j', 'jb']) WITH ORDINALITY u (col, at), LATERAL each(format('INSERT INTO regress_types.text_types (%I) SELECT v FROM regress_types.t_%%1$s', col)) WHERE name = 'int8' ORDER BY at;
SELECT name, count(*) FILTER (WHERE result LIKE '42804: %') AS refused FROM unnest(ARRAY['t', 'v', 'b', 'n', 'j', 'jb']) col, LATERAL each(format('INSERT INTO regress_types.text_types (%I) SELECT v FROM regress_types.t_%%1$s', col)) GROUP BY 1 ORDER BY name COLLATE "C";
SELECT * FROM each('SELECT coalesce(v, %3$L::%2$s)::text = %3$L::%2$s::text FROM regress_types.t_%1$s WHERE id = 4');
SELECT * FROM each('SELECT length(v) FROM regress_types.t_%1$s WHERE id = 1');
SELECT * FROM each('SELECT count(*) FROM regress_types.t_%1$s WHERE v::text LIKE ''%%''');
RESET ROLE;

-- What is assigned to the plain type is assigned to the encrypted one.
SET ROLE regress_cipguard_reader;
SELECT name, expr, result FROM sample, unnest(assigned) WITH ORDINALITY u (expr, at), LATERAL (SELECT e.result FROM each(format('INSERT INTO regress_types.t_%%1$s (id, v) VALUES (8 + %s, %s) RETURNING v::text', at, replace(expr, '%', '%%'))) e WHERE e.name = sample.name) r ORDER BY name COLLATE "C", at;
RESET ROLE;
DO $$
DECLARE
	n text;
BEGIN
	FOR n IN SELECT name FROM regress_types.sample LOOP
		EXECUTE format('DELETE FROM regress_types.t_%s WHERE id > 5', n);
	END LOOP;
END
$$;

-- Equality: of two columns, with literals, with the plain type on either side.
SET ROLE regress_cipguard_reader;
SELECT * FROM each('SELECT string_agg(x.id || ''='' || y.id, '' '' ORDER BY x.id, y.id) FROM regress_types.t_%1$s x JOIN regress_types.t_%1$s y ON x.v = y.v AND x.id < y.id');
SELECT * FROM each('SELECT string_agg(id::text, '' '' ORDER BY id) FROM regress_types.t_%1$s WHERE v = %4$L');
SELECT * FROM each('SELECT string_agg(id::text, '' '' ORDER BY id) FROM regress_types.t_%1$s WHERE v <> %4$L');
SELECT * FROM each('SELECT string_agg(id::text, '' '' ORDER BY id) FROM regress_types.t_%1$s WHERE v = %4$L::%2$s');
SELECT * FROM each('SELECT string_agg(id::text, '' '' ORDER BY id) FROM regress_types.t_%1$s WHERE %4$L::%2$s = v');
SELECT * FROM each('SELECT string_agg(id::text, '' '' ORDER BY id) FROM regress_types.t_%1$s WHERE v <> %4$L::%2$s AND %4$L::%2$s <> v');
SELECT * FROM each('SELECT string_agg(id::text, '' '' ORDER BY id) FROM regress_types.t_%1$s WHERE v IN (%4$L, %5$L)');
SELECT * FROM each('SELECT string_agg(x.id::text, '' '' ORDER BY x.id) FROM regress_types.t_%1$s x JOIN (SELECT %5$L::%2$s AS p) y ON x.v = y.p');
SELECT * FROM each('SELECT count(*) FROM (SELECT DISTINCT v FROM regress_types.t_%1$s) d');
SELECT * FROM each('SELECT string_agg(n::text, '' '' ORDER BY n) FROM (SELECT count(*) AS n FROM regress_types.t_%1$s GROUP BY v) g');
SELECT * FROM each('SELECT (ARRAY(SELECT v FROM regress_types.t_%1$s WHERE id IN (1, 3) ORDER BY id) = ARRAY(SELECT v FROM regress_types.t_%1$s WHERE id IN (2, 3) ORDER BY id))::text');
-- Of a random category, of other categories, of another domain, to a clerk: not.
SELECT * FROM each('SELECT count(*) FROM regress_types.t_%1$s WHERE r = %4$L');
SELECT * FROM each('SELECT count(*) FROM regress_types.t_%1$s WHERE r = %4$L::%2$s') WHERE name IN ('int8', 'bytea');
SELECT * FROM each('SELECT count(*) FROM regress_types.t_%1$s x, regress_types.t_%1$s y WHERE x.v = y.v::cipguard.enc_%1$s(''regress_shared'')');
SELECT * FROM each('SELECT (%3$L::cipguard.enc_%1$s = %3$L::cipguard.enc_%1$s)::text') WHERE name IN ('int8', 'bytea');
SET ROLE regress_cipguard_clerk;
SELECT * FROM each('SELECT count(*) FROM regress_types.t_%1$s WHERE v = %4$L');
SELECT * FROM each('SELECT count(*) FROM regress_types.t_%1$s WHERE %4$L::%2$s = v');
SELECT * FROM each('SELECT count(*) FROM regress_types.t_%1$s x JOIN regress_types.t_%1$s y USING (v)');
RESET ROLE;

-- Indexes of both kinds, unique ones, foreign keys, ON CONFLICT.
SELECT * FROM each_do('CREATE INDEX ON regress_types.t_%1$s (v); CREATE INDEX ON regress_types.t_%1$s USING hash (v)');
SELECT * FROM each_do('CREATE UNIQUE INDEX u_%1$s ON regress_types.t_%1$s (v)');
SELECT * FROM each_do('DELETE FROM regress_types.t_%1$s WHERE id IN (2, 5); CREATE UNIQUE INDEX u_%1$s ON regress_types.t_%1$s (v)');
SELECT * FROM each_do('INSERT INTO regress_types.t_%1$s VALUES (9, %4$L)');
SELECT * FROM each('INSERT INTO regress_types.t_%1$s VALUES (9, %4$L) ON CONFLICT (v) DO UPDATE SET id = 1 RETURNING id');
SELECT * FROM each_do('CREATE TABLE regress_types.fk_%1$s (v cipguard.enc_%1$s(''regress_equal'') REFERENCES regress_types.t_%1$s (v) ON UPDATE CASCADE); INSERT INTO regress_types.fk_%1$s VALUES (%4$L)');
SELECT * FROM each_do('TRUNCATE regress_types.fk_%1$s; INSERT INTO regress_types.fk_%1$s SELECT v FROM regress_types.t_%1$s WHERE id < 3; DELETE FROM regress_types.t_%1$s WHERE id = 3; GRANT SELECT ON regress_types.fk_%1$s TO regress_cipguard_reader');
SELECT * FROM each_do('INSERT INTO regress_types.fk_%1$s VALUES (%5$L)');
SELECT * FROM each_do('DELETE FROM regress_types.t_%1$s');
SELECT * FROM each_do('UPDATE regress_types.t_%1$s SET v = %5$L WHERE id = 1');
SET ROLE regress_cipguard_reader;
SELECT * FROM each('SELECT string_agg(v::text, '' '') FROM regress_types.fk_%1$s') WHERE name <> 'bytea';
RESET ROLE;
CREATE FUNCTION fill() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	n text;
	value text;
BEGIN
	FOREACH n IN ARRAY ARRAY['int8', 'numeric', 'date', 'timestamptz', 'uuid', 'inet', 'jsonb', 'bytea'] LOOP
		value := CASE n WHEN 'int8' THEN 'g::bigint' WHEN 'numeric' THEN 'g::numeric / 100' WHEN 'date' THEN 'date ''1950-01-01'' + g'
			WHEN 'timestamptz' THEN 'timestamptz ''1950-01-01 00:00+00'' + g * interval ''1 h''' WHEN 'uuid' THEN 'md5(g::text)::uuid' WHEN 'inet' THEN 'inet ''10.0.0.0'' + g'
			WHEN 'jsonb' THEN 'jsonb_build_object(''id'', g)' ELSE 'decode(md5(g::text), ''hex'')' END;
		EXECUTE format('CREATE TABLE regress_types.big_%1$s AS SELECT g AS id, (%2$s)::cipguard.enc_%1$s(''regress_equal'') AS v, (%2$s) AS plain FROM generate_series(1, 2000) g', n, value);
		EXECUTE format('CREATE UNIQUE INDEX ON regress_types.big_%1$s (v)', n);
		EXECUTE format('ANALYZE regress_types.big_%s', n);
		EXECUTE format('GRANT SELECT ON regress_types.big_%s TO PUBLIC', n);
	END LOOP;
END
$$;
SELECT fill();
SET ROLE regress_cipguard_reader;
SELECT name, result FROM each('SELECT count(*) FROM regress_types.big_%1$s WHERE v = (SELECT plain::text::cipguard.enc_%1$s FROM regress_types.big_%1$s WHERE id = 7)') WHERE name <> 'bool';
SELECT name, result FROM each('SELECT count(*) FROM regress_types.big_%1$s x JOIN regress_types.big_%1$s y USING (v)') WHERE name <> 'bool';
SET enable_hashjoin = off;
SET enable_nestloop = off;
SELECT name, result FROM each('SELECT test.plan_has($q$SELECT count(*) FROM regress_types.big_%1$s x JOIN (TABLE regress_types.big_%1$s OFFSET 0) y USING (v)$q$, ''Merge Join'') || '' '' || (SELECT count(*) FROM regress_types.big_%1$s x JOIN regress_types.big_%1$s y USING (v))') WHERE name <> 'bool';
RESET enable_hashjoin;
RESET enable_nestloop;
SELECT name, result FROM each('SELECT test.plan_has(format(''SELECT id FROM regress_types.big_%1$s WHERE v = %%L'', plain), ''Index'') FROM regress_types.big_%1$s WHERE id = 7') WHERE name <> 'bool';
SELECT name, result FROM each('SELECT count(*) FROM regress_types.big_%1$s WHERE v::text = plain::text AND v = plain') WHERE name <> 'bool';
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SELECT name, result FROM each('SELECT test.plan_has(''SELECT count(*) FROM regress_types.big_%1$s WHERE length(v::text) > 0'', ''Gather'') || '' '' || (SELECT count(*) FROM regress_types.big_%1$s WHERE length(v::text) > 0) || '' '' || (SELECT count(*) FROM (SELECT v FROM regress_types.big_%1$s GROUP BY v) g)') WHERE name <> 'bool';
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
RESET ROLE;

-- ANALYZE counts, and keeps no value.
SELECT starelid::regclass, stadistinct, stanullfrac, num_nonnulls(stavalues1, stavalues2, stavalues3, stavalues4, stavalues5) AS kept, stakind1 + stakind2 + stakind3 AS kinds
	FROM pg_statistic WHERE starelid::regclass::text LIKE 'big\_%' AND staattnum = 2 ORDER BY starelid::regclass::text COLLATE "C";

-- Partitions by hash, list and range of the token, arrays, domains, composites.
SELECT * FROM each_do('CREATE TABLE regress_types.part_%1$s (id int, v cipguard.enc_%1$s(''regress_equal'')) PARTITION BY HASH (v); CREATE TABLE regress_types.part0_%1$s PARTITION OF regress_types.part_%1$s FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE regress_types.part1_%1$s PARTITION OF regress_types.part_%1$s FOR VALUES WITH (MODULUS 2, REMAINDER 1); INSERT INTO regress_types.part_%1$s VALUES (1, %3$L), (2, %4$L), (3, %5$L), (4, NULL)');
SELECT * FROM each_do('CREATE TABLE regress_types.list_%1$s (id int, v cipguard.enc_%1$s(''regress_equal'')) PARTITION BY LIST (v); CREATE TABLE regress_types.list0_%1$s PARTITION OF regress_types.list_%1$s FOR VALUES IN (%3$L); CREATE TABLE regress_types.list1_%1$s PARTITION OF regress_types.list_%1$s FOR VALUES IN (%5$L, NULL); INSERT INTO regress_types.list_%1$s VALUES (1, %3$L), (2, %4$L), (3, %5$L), (4, NULL)');
SELECT * FROM each_do('CREATE TABLE regress_types.range_%1$s (id int, v cipguard.enc_%1$s(''regress_equal'')) PARTITION BY RANGE (v); CREATE TABLE regress_types.range0_%1$s PARTITION OF regress_types.range_%1$s FOR VALUES FROM (MINVALUE) TO (%3$L); CREATE TABLE regress_types.range1_%1$s PARTITION OF regress_types.range_%1$s FOR VALUES FROM (%3$L) TO (MAXVALUE); INSERT INTO regress_types.range_%1$s VALUES (1, %3$L), (2, %4$L), (3, %5$L)');
SELECT * FROM each('SELECT (SELECT count(*) FROM regress_types.list0_%1$s) || '' '' || (SELECT string_agg(id::text, '' '' ORDER BY id) FROM regress_types.range1_%1$s WHERE id < 3)');
SELECT * FROM each_do('CREATE DOMAIN regress_types.d_%1$s AS cipguard.enc_%1$s(''regress_equal''); CREATE TABLE regress_types.book_%1$s (id int, a cipguard.enc_%1$s(''regress_equal'')[], d regress_types.d_%1$s); INSERT INTO regress_types.book_%1$s VALUES (1, ARRAY[%3$L, NULL, %5$L]::cipguard.enc_%1$s[], %4$L), (2, ARRAY[%3$L::%2$s], %5$L::%2$s), (3, ''{}'', NULL); GRANT SELECT ON regress_types.book_%1$s TO regress_cipguard_reader');
SET ROLE regress_cipguard_reader;
SELECT * FROM each('SELECT string_agg(format(''%%s %%s'', a, d), '' ; '' ORDER BY id) FROM regress_types.book_%1$s');
SELECT * FROM each('SELECT (SELECT string_agg(id::text, '' '' ORDER BY id) FROM regress_types.book_%1$s WHERE d = %3$L) || '' '' || (SELECT string_agg(id::text, '' '' ORDER BY id) FROM regress_types.book_%1$s WHERE %3$L = ANY (a))');
RESET ROLE;

-- COPY text, csv, binary through files of the server.
SELECT setting || '/regress_cipguard_types' AS file FROM pg_settings WHERE name = 'data_directory' \gset
SELECT count(set_config('regress.file', :'file', false));
SET ROLE regress_cipguard_reader;
COPY (SELECT id, v FROM t_numeric UNION ALL SELECT 5, '1.50'::cipguard.enc_numeric('regress_equal') ORDER BY id) TO STDOUT;
COPY (SELECT x.id, x.v, y.v, z.v FROM t_date x JOIN t_jsonb y USING (id) JOIN t_bytea z USING (id) ORDER BY id) TO STDOUT (FORMAT csv);
RESET ROLE;
COPY t_int8 (id, v, r) FROM STDIN (FORMAT csv);
20,20,20
21,,
\.
COPY t_int8 (id, v) FROM STDIN;
22	2x2
\.
COPY t_date (id, v) FROM STDIN;
22	1985-02-30
\.
CREATE FUNCTION binary_copy(reader boolean) RETURNS TABLE (name text, equal boolean) LANGUAGE plpgsql AS $$
DECLARE
	n text;
	file text := current_setting('regress.file');
BEGIN
	FOR n IN SELECT sample.name FROM regress_types.sample ORDER BY sample.name COLLATE "C" LOOP
		EXECUTE format('CREATE TABLE regress_types.from_%s (LIKE regress_types.t_%1$s)', n);
		EXECUTE format('COPY regress_types.t_%s TO %L (FORMAT binary)', n, file);
		EXECUTE format('COPY regress_types.from_%s FROM %L (FORMAT binary)', n, file);
		name := n;
		EXECUTE format('SELECT bool_and(format(''%%s %%s'', x.v, x.r) = format(''%%s %%s'', y.v, y.r)) FROM regress_types.t_%1$s x FULL JOIN regress_types.from_%1$s y USING (id)', n) INTO equal;
		EXECUTE format('DROP TABLE regress_types.from_%s', n);
		RETURN NEXT;
	END LOOP;
END
$$;
-- Raw datums, byte for byte, as a clerk has them; plain forms, as a reader has.
SELECT * FROM binary_copy(false);
GRANT pg_read_server_files, pg_write_server_files TO regress_cipguard_reader;
SET ROLE regress_cipguard_reader;
SELECT * FROM binary_copy(true);
RESET ROLE;
-- What a client sends in binary: plain forms, datums, and neither.
CREATE FUNCTION receive(type text, sent bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	file text := current_setting('regress.file');
	result text;
BEGIN
	EXECUTE format('CREATE TEMP TABLE received (v cipguard.enc_%s(''regress_equal''))', type);
	EXECUTE format('COPY (SELECT %L::bytea) TO %L (FORMAT binary)', sent, file);
	EXECUTE format('COPY received FROM %L (FORMAT binary)', file);
	SELECT v::text INTO result FROM received;
	DROP TABLE received;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END
$$;
GRANT SELECT ON armor TO regress_cipguard_reader;
SET ROLE regress_cipguard_reader;
SELECT receive('int8', '\xc102010200000001'), receive('uuid', '\xc1020107000000010001000100000000'), receive('numeric', '\xc10200000000000000000000'), receive('date', '\xc1020105'), receive('bool', '\xc1');
SELECT receive('jsonb', '\x01' || convert_to('{"a": 1.0}', 'UTF8')), receive('jsonb', '\x01' || convert_to('{"secret": x}', 'UTF8')), receive('jsonb', '\xc1'), receive('inet', '\xc1200004'), receive('int8', '\x00');
SELECT receive('bytea', '\xc1'), receive('bytea', '\xc1020107000000010001000100000000'), receive('bytea', decode('c1020101000000010001000100' || repeat('00', 40), 'hex')), left(receive('bytea', decode('c10201ff000000010001000100' || repeat('00', 40), 'hex')), 8) AS no_type;
SELECT a.name, count(*) FILTER (WHERE result ~ '^ZC010: ') AS refused, bool_or(result = e.value) FILTER (WHERE s.name = a.name) AS kept
	FROM armor a JOIN each('SELECT v::text FROM regress_types.t_%1$s WHERE id = 1') e (name, value) USING (name) CROSS JOIN LATERAL (SELECT name FROM sample WHERE sample.name IN (a.name, 'date', 'bytea')) s
		CROSS JOIN LATERAL (SELECT receive(s.name, decode(rpad(translate(substr(armor, 6), '-_', '+/'), 4 * ((length(armor) - 5 + 3) / 4), '='), 'base64')) AS result) r GROUP BY 1 ORDER BY a.name COLLATE "C";
RESET ROLE;
\setenv REGRESS_FILE :file
\! rm -f "$REGRESS_FILE"

-- Special values.
SET ROLE regress_cipguard_reader;
SELECT v, v::numeric FROM (VALUES ('NaN'), ('Infinity'), ('-Infinity'), ('0.000'), ('-0'), ('1e-20'), ('99999999.990000')) x (t), LATERAL (SELECT t::cipguard.enc_numeric('regress_equal') AS v) y;
SELECT 'NaN'::cipguard.enc_numeric('regress_equal') = 'NaN'::numeric AS nan, '0.000'::cipguard.enc_numeric('regress_equal') = '0'::numeric AS zero, '1e10'::cipguard.enc_numeric('regress_equal') = '10000000000.00'::numeric AS big, '1e-5'::cipguard.enc_numeric('regress_equal') = '0.00001000'::numeric AS small, '12345.678'::cipguard.enc_numeric('regress_equal') = '12345.6780'::numeric AS mixed, '1'::cipguard.enc_numeric('regress_equal') = '10'::numeric AS other;
SELECT v FROM (VALUES ('infinity'), ('-infinity'), ('5874897-12-31'), ('4713-01-01 BC')) x (t), LATERAL (SELECT t::cipguard.enc_date('regress_equal') AS v) y;
SELECT v FROM (VALUES ('infinity'), ('-infinity'), ('294276-12-31 23:59:59.999999+00'), ('4714-11-24 00:00:00+00 BC')) x (t), LATERAL (SELECT t::cipguard.enc_timestamptz('regress_equal') AS v) y;
SELECT 'infinity'::cipguard.enc_date('regress_equal') = date 'infinity' AS date, '-infinity'::cipguard.enc_timestamptz('regress_equal') = timestamptz '-infinity' AS timestamptz, '2000-01-01'::cipguard.enc_timestamptz('regress_equal') = date '2000-01-01' AS mixed;
SELECT '10.0.0.0/8'::cipguard.enc_inet('regress_equal') = cidr '10.0.0.0/8' AS cidr, '10.1.2.3/8'::cipguard.enc_inet('regress_equal') = inet '10.0.0.0/8' AS host_bits, (cidr '10.0.0.0/8')::cipguard.enc_inet('regress_equal'), '::ffff:1.2.3.4'::cipguard.enc_inet('regress_equal') = inet '1.2.3.4' AS family;
SELECT '{"a":{"b":[1.10,-2.0,100,0.0]},"c":"1.0\"2.0"}'::cipguard.enc_jsonb('regress_equal') = jsonb '{"c":"1.0\"2.0","a":{"b":[1.1,-2,100.00,0]}}' AS same, '"1.0"'::cipguard.enc_jsonb('regress_equal') = jsonb '"1"' AS string, '1.0'::cipguard.enc_jsonb('regress_equal') = jsonb '1' AS scalar, '1.0'::cipguard.enc_jsonb('regress_equal') AS kept, '{}'::cipguard.enc_jsonb = '[]'::cipguard.enc_jsonb('regress_equal') AS empty;
SELECT ''::cipguard.enc_bytea('regress_equal') = ''::bytea AS empty, length(v::bytea), md5(v::bytea) = md5(decode(repeat('00ff', 200000), 'hex')) AS whole FROM (SELECT decode(repeat('00ff', 200000), 'hex')::cipguard.enc_bytea('regress_equal') AS v OFFSET 0) x;
SET bytea_output = escape;
SELECT '\x00ff'::cipguard.enc_bytea('regress_equal');
RESET bytea_output;
SET datestyle = 'SQL, DMY';
SELECT '1985-02-03'::cipguard.enc_date('regress_equal'), '1985-02-03 04:05+00'::cipguard.enc_timestamptz('regress_equal');
-- Validators judge the ISO form.
SELECT '03/02/1985'::cipguard.enc_date('birth_date');
RESET datestyle;
SELECT test.error_of($$SELECT 'infinity'::cipguard.enc_date('birth_date')$$);
SELECT test.error_of($$SELECT 12345::bigint::cipguard.enc_int8('mobile')$$);
RESET ROLE;

-- A plain binary form may begin with the byte that marks a datum.
CREATE TABLE c1 (id int, i cipguard.enc_int8('regress_equal'), u cipguard.enc_uuid('regress_equal'), b cipguard.enc_bytea('regress_equal'));
INSERT INTO c1 VALUES (1, -4539628424389459968, 'c1020100-0000-0000-0000-000000000000', '\xc1020107000000010001000100000000'), (2, 0, NULL, decode('c1' || repeat('00', 99), 'hex'));
GRANT ALL ON c1 TO regress_cipguard_reader;
-- Bytes that are a datum are kept, not encrypted once more; those that only
-- look like one are refused.
SELECT cipguard.enc_bytea_send(v) AS datum FROM t_bytea WHERE id = 1 \gset
INSERT INTO c1 VALUES (3, NULL, NULL, :'datum'::bytea);
SELECT test.error_of(format('INSERT INTO regress_types.c1 VALUES (4, NULL, NULL, %L::bytea)', overlay(:'datum'::bytea placing '\x00' from 30 for 1)));
SELECT test.error_of(format('INSERT INTO regress_types.c1 VALUES (4, NULL, NULL, %L::bytea)', cipguard.enc_text_send('x'::cipguard.enc_text('name'))));
SET ROLE regress_cipguard_reader;
SELECT id, i, u, length(b::bytea), left(b::text, 6) FROM c1 ORDER BY id;
SELECT count(*) FROM c1 WHERE b = '\x00ff';
RESET ROLE;

-- Variables of plpgsql, parameters, defaults.
CREATE FUNCTION twice(v cipguard.enc_int8) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	w cipguard.enc_int8('regress_equal') := v;
	x bigint := w::bigint;
BEGIN
	w := x * 2;
	RETURN w::bigint;
END
$$;
CREATE TABLE def (id int, v cipguard.enc_date('regress_random') DEFAULT '1985-02-03', w cipguard.enc_int8('regress_equal') DEFAULT 7);
INSERT INTO def (id) VALUES (1), (2);
GRANT SELECT ON def TO regress_cipguard_reader;
SET ROLE regress_cipguard_reader;
SELECT twice(21::bigint), twice('21'::cipguard.enc_int8('regress_equal'));
SELECT v, w FROM def;
PREPARE find (bigint) AS SELECT count(*) FROM big_int8 WHERE v = $1;
PREPARE find_any AS SELECT count(*) FROM big_int8 WHERE v = $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE find(1000);
EXECUTE find(-1);
EXECUTE find_any('1000');
EXECUTE find_any(1000);
RESET plan_cache_mode;
SELECT count(*) FROM big_int8 WHERE v = 1000::smallint;
SELECT count(*) FROM big_int8 WHERE v = ANY (ARRAY[1, 2, 3000]::bigint[]);
SELECT count(*) FROM big_int8 WHERE v IN (1, 2, 3000);
RESET ROLE;

-- A plain column becomes encrypted in place, and plain again for a reader.
CREATE TABLE conv (i bigint, s int, n numeric(10,2), b boolean, d date, t timestamptz, u uuid, a inet, j jsonb, y bytea);
INSERT INTO conv VALUES (1, 2, 3.50, true, '1985-02-03', '1985-02-03 04:05+00', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '10.1.2.3', '{"a": 1.0}', '\x00'), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
ALTER TABLE conv ALTER i TYPE cipguard.enc_int8('regress_equal'), ALTER s TYPE cipguard.enc_int8('regress_equal'), ALTER n TYPE cipguard.enc_numeric('regress_equal'), ALTER b TYPE cipguard.enc_bool('regress_random'), ALTER d TYPE cipguard.enc_date('regress_equal'), ALTER t TYPE cipguard.enc_timestamptz('regress_equal'),
	ALTER u TYPE cipguard.enc_uuid('regress_equal'), ALTER a TYPE cipguard.enc_inet('regress_equal'), ALTER j TYPE cipguard.enc_jsonb('regress_equal'), ALTER y TYPE cipguard.enc_bytea('regress_equal');
ALTER TABLE conv OWNER TO regress_cipguard_reader;
SET ROLE regress_cipguard_reader;
SELECT * FROM conv;
ALTER TABLE conv ALTER i TYPE bigint USING i::bigint, ALTER s TYPE int USING s::bigint, ALTER n TYPE numeric(10,2) USING n::numeric, ALTER b TYPE boolean USING b::boolean, ALTER j TYPE jsonb USING j::jsonb;
SELECT i, s, n, b, j FROM conv;
RESET ROLE;

-- A value of another type in a column's place, as a superuser could put it.
CREATE CAST (cipguard.enc_int8 AS cipguard.enc_date) WITHOUT FUNCTION;
CREATE TABLE forged (id int, v cipguard.enc_date('regress_equal'));
SELECT test.error_of('INSERT INTO regress_types.forged SELECT id, v::cipguard.enc_date FROM regress_types.big_int8 WHERE id <= 2');
CREATE TEMP VIEW forged_view AS SELECT id, v::cipguard.enc_date AS v FROM big_int8 WHERE id <= 2;
GRANT SELECT ON forged_view TO regress_cipguard_reader;
SET ROLE regress_cipguard_reader;
SELECT q, test.error_of(format(q, 'pg_temp.forged_view')) FROM unnest(ARRAY['SELECT count(format(''%%s'', v)) FROM %s', 'SELECT v::date FROM %s', 'SELECT v::text FROM %s', 'SELECT v::json FROM %s', 'SELECT cipguard.enc_date_send(v) FROM %s',
	'SELECT v = date ''2000-01-01'' FROM %s', 'SELECT count(*) FROM %s f, regress_types.big_date b WHERE f.v = b.v', 'SELECT v::cipguard.enc_date(''regress_equal'') FROM %s']) q;
RESET ROLE;
DROP VIEW forged_view;
DROP CAST (cipguard.enc_int8 AS cipguard.enc_date);

-- By hand, with what is no type and no value of ours.
SELECT cipguard.holds_encrypted(0), cipguard.holds_encrypted(4294967295), cipguard.holds_encrypted('record'::regtype), cipguard.holds_encrypted('forged'::regtype);
SELECT test.error_of(format('SELECT cipguard.keep_plain(%s, cipguard.category_id(''mobile''))', args)) FROM unnest(ARRAY['''1''::text, ''1''::text', '1, 1', 'NULL::text, NULL::text', '''1''::text, NULL::cipguard.enc_text[]', '1, NULL::cipguard.enc_text']) args;

RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA regress_types CASCADE;
DELETE FROM cipguard.access_grant WHERE grantee::text LIKE 'regress%';
REVOKE pg_read_server_files, pg_write_server_files FROM regress_cipguard_reader;
DROP ROLE regress_cipguard_reader, regress_cipguard_clerk;

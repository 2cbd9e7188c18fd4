-- Patterns on encrypted text: the same results as on a plain column, with and without an index of its pieces.
CREATE ROLE regress_cipguard_reader;
CREATE ROLE regress_cipguard_searcher;
CREATE SCHEMA regress_ngram;
SET search_path = regress_ngram;
SELECT cipguard.add_category('ngram_word', 'searchable') IS NOT NULL AND cipguard.add_category('ngram_secret', 'random') IS NOT NULL AS added;
SELECT count(*) FROM unnest(ARRAY['ngram_word', 'ngram_secret']) c, cipguard.grant_access('regress_cipguard_reader', c, 'read');
SELECT cipguard.grant_access('regress_cipguard_searcher', 'ngram_word', 'search') IS NOT NULL AS granted;
CREATE TABLE plain_t (id int PRIMARY KEY, t text);
INSERT INTO plain_t VALUES (1, ''), (2, NULL), (3, 'a'), (4, 'ab'), (5, 'abc'), (6, 'ABC'), (7, 'aBcD'), (8, '张三'), (9, '张'), (10, '张三丰'), (11, '李张三'),
	(12, '张a1'), (13, 'a张1b'), (14, '😀'), (15, '😀😁😂'), (16, '100%'), (17, 'a_b'), (18, 'a\b'), (19, 'a%b_c\d'), (20, 'Straße'), (21, 'STRASSE'), (22, 'İstanbul'),
	(23, 'ıssız'), (24, 'Kelvin' || U&'\212A'), (25, 'ÄÖÜ'), (26, 'äöü'), (27, '13800001234'), (28, '1234'), (29, '12341234'), (30, '  x  '), (31, 'ひらがな'), (32, '한국어 이름'), (33, repeat('长', 300) || '尾');
INSERT INTO plain_t SELECT g, CASE g % 3 WHEN 0 THEN '138' || lpad((g * 7919 % 100000000)::text, 8, '0') WHEN 1 THEN md5(g::text) ELSE chr(19968 + g % 50) || chr(19968 + g % 71) || chr(19968 + g % 37) END FROM generate_series(34, 700) g;
CREATE TABLE enc_t (id int PRIMARY KEY, t cipguard.enc_text('ngram_word'));
CREATE TABLE random_t (id int PRIMARY KEY, t cipguard.enc_text('ngram_secret'));
INSERT INTO enc_t SELECT * FROM plain_t;
INSERT INTO random_t SELECT * FROM plain_t;
CREATE FUNCTION rows_of(tab text, op text, pattern text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT string_agg(id::text, '' '' ORDER BY id) FROM %I WHERE t %s %L', tab, op, pattern) INTO result;
	RETURN coalesce(result, '');
END
$$;
CREATE FUNCTION differs() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	pattern text;
	op text;
	tab text;
	want text;
	state text;
BEGIN
	FOR pattern, op IN SELECT DISTINCT p, o FROM patterns, unnest(ARRAY['LIKE', 'NOT LIKE', 'ILIKE', 'NOT ILIKE']) o ORDER BY 1, 2 LOOP
		want := rows_of('plain_t', op, pattern);
		FOREACH tab IN ARRAY ARRAY['enc_t', 'random_t'] LOOP
			FOREACH state IN ARRAY ARRAY['on', 'off'] LOOP
				PERFORM set_config('enable_seqscan', state, true);
				IF rows_of(tab, op, pattern) <> want THEN
					RETURN NEXT format('%s %s %s %s', tab, state, op, pattern);
				END IF;
			END LOOP;
		END LOOP;
	END LOOP;
END
$$;
CREATE TABLE patterns (p text);
INSERT INTO patterns VALUES (''), ('%'), ('_'), ('%%'), ('_%_'), ('a'), ('a%'), ('%a'), ('%a%'), ('ab%'), ('%bc'), ('abc'), ('%abc%'), ('a_c'), ('a%c'), ('ABC%'), ('%张三%'), ('张%'), ('%张'), ('%三'), ('张三'), ('张_'),
	('%张a%'), ('%张a1%'), ('😀%'), ('%😁%'), ('%😀😁😂%'), ('100\%'), ('a\_b'), ('a\\b'), ('%\_c\\\\d'), ('\a\b\c'), ('%stra%'), ('%STRASSE'), ('%straße%'), ('istan%'), ('%ISTAN%'), ('ı%'), ('%ssız'), ('%nk'), ('kelvink'), ('%KELVIN%'),
	('ä%'), ('%ÖÜ'), ('äöü'), ('%1234'), ('%1234%'), ('1234%'), ('138%'), ('138%1234'), ('%00%'), ('%  x  %'), ('  %'), ('%らが%'), ('%국어%'), ('%이름'), ('%长长%'), ('%长尾'), ('%长%尾');
-- Pieces of the values themselves, with something left open.
INSERT INTO patterns SELECT '%' || substr(t, 2, 4) || '%' FROM plain_t WHERE id % 17 = 0 AND t !~ '[\\%_]';
INSERT INTO patterns SELECT substr(t, 1, 3) || '%' || right(t, 2) FROM plain_t WHERE id % 19 = 0 AND t !~ '[\\%_]';
INSERT INTO patterns SELECT overlay(t PLACING '_' FROM 3) FROM plain_t WHERE id % 23 = 0 AND length(t) > 5 AND t !~ '[\\%_]';
GRANT USAGE ON SCHEMA regress_ngram TO regress_cipguard_reader, regress_cipguard_searcher;
GRANT ALL ON ALL TABLES IN SCHEMA regress_ngram TO regress_cipguard_reader, regress_cipguard_searcher;
SET ROLE regress_cipguard_reader;
SELECT * FROM differs();
RESET ROLE;
CREATE INDEX enc_t_n ON enc_t USING gin (t cipguard.enc_text_ngram_ops);
CREATE INDEX random_t_n ON random_t USING gin (t cipguard.enc_text_ngram_ops) WITH (fastupdate = off);
SET ROLE regress_cipguard_reader;
SELECT * FROM differs();
SELECT test.plan_has($$SELECT id FROM enc_t WHERE t LIKE '%1234'$$, 'enc_t_n') AS suffix, test.plan_has($$SELECT id FROM enc_t WHERE t ILIKE '%abc%'$$, 'enc_t_n') AS folded;
SELECT id FROM enc_t WHERE t LIKE '%1234' ORDER BY id;
SELECT id FROM enc_t WHERE t LIKE 'a!_b' ESCAPE '!' ORDER BY id;
SELECT id FROM enc_t WHERE t LIKE NULL;
SET enable_seqscan = off;
SELECT id FROM enc_t WHERE t LIKE 'a!_b' ESCAPE '!' ORDER BY id;
SELECT test.error_of($$SELECT id FROM enc_t WHERE t LIKE 'abc\'$$);
PREPARE matching (text) AS SELECT count(*) FROM enc_t WHERE t LIKE $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE matching('%1234');
EXECUTE matching('%4%');
RESET plan_cache_mode;
-- Rows that come and change afterwards.
INSERT INTO enc_t VALUES (1001, '新的名字'), (1002, 'zzz9876');
UPDATE enc_t SET t = 'zzz5432' WHERE id = 1002;
SELECT id FROM enc_t WHERE t LIKE '%的名%' OR t LIKE '%9876' OR t LIKE '%5432' ORDER BY id;
DELETE FROM enc_t WHERE id > 1000;
RESET enable_seqscan;
RESET ROLE;
VACUUM enc_t;
REINDEX INDEX enc_t_n;

-- Who may only search, or nothing, is refused.
SET ROLE regress_cipguard_searcher;
SELECT test.error_of(format('SELECT id FROM enc_t WHERE t %s ''%%1234''', op)) FROM unnest(ARRAY['LIKE', 'NOT LIKE', 'ILIKE', 'NOT ILIKE']) op;
SELECT test.error_of($$SELECT cipguard.enc_text_like(t, '%') FROM enc_t$$);
SELECT test.error_of($$SELECT id FROM random_t WHERE t LIKE '%'$$);
SELECT test.error_of($$SELECT e.id FROM enc_t e JOIN plain_t p ON e.t LIKE p.t$$);
RESET ROLE;
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA regress_ngram CASCADE;
DROP ROLE regress_cipguard_reader, regress_cipguard_searcher;

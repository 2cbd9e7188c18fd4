-- plpgsql_check.sql: what plpgsql_check finds in the functions of cipguard
--
-- Prints a line for each finding; none means that all is well.  Functions in
-- LANGUAGE sql need no such tool: CREATE FUNCTION reads their bodies, as
-- check_function_bodies is on when the extension is made.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION cipguard CASCADE;
CREATE EXTENSION plpgsql_check;

-- Each with the tables that it is a trigger of.
CREATE TEMP TABLE function_to_check AS
SELECT p.oid, p.proname, coalesce(t.tgrelid, 0) AS relation
	FROM pg_proc p
		JOIN pg_language l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
		LEFT JOIN (SELECT DISTINCT tgfoid, tgrelid FROM pg_trigger WHERE NOT tgisinternal) t ON t.tgfoid = p.oid
	WHERE p.pronamespace = 'cipguard'::regnamespace;

-- What was looked at and left as it is.
CREATE TEMP TABLE exception (function text, message text, reason text);
INSERT INTO exception VALUES
	('encrypt_column\_%', 'unused parameter %',
		'the steps of a conversion are called by one statement, so they have the same parameters'),
	('%', 'routine is marked as VOLATILE, should be STABLE',
		'they run dynamic SQL, of which plpgsql_check says that it cannot tell'),
	('encrypt_column_check', 'text type variable is not sanitized', 'the expression is made by format() of %I'),
	('encrypt_column_index', 'text type variable is not sanitized', 'the definition is made by format() and pg_get_indexdef()'),
	('index_closed_months', 'text type variable is not sanitized', 'the columns are literals of the function'),
	('present_row', 'text type variable is not sanitized', 'both texts are made by format() of %I and %L');

SELECT format('%s line %s: %s: %s', f.oid::regprocedure, c.lineno, c.level,
		concat_ws('; ', c.message, nullif(c.detail, ''), nullif(c.hint, ''), nullif(c.context, ''))) AS finding
	FROM function_to_check f,
		plpgsql_check_function_tb(f.oid, f.relation, fatal_errors => false, all_warnings => true) c
	WHERE NOT EXISTS (SELECT FROM exception e WHERE f.proname LIKE e.function AND c.message LIKE e.message)
	ORDER BY f.oid::regprocedure::text, c.lineno, c.message;
SELECT 'there is no function to check' WHERE NOT EXISTS (SELECT FROM function_to_check);

-- plpgsql_check.sql: what plpgsql_check finds in the functions of cipguard
--
-- Prints a line for each finding; none means that all is well.  Functions in
-- LANGUAGE sql need no such tool: CREATE FUNCTION reads their bodies, as
-- check_function_bodies is on when the extension is made.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION cipguard CASCADE;
SELECT cipguard.init() > 0 AS made \gset
CREATE EXTENSION plpgsql_check;

-- Each with the tables that it is a trigger of; at least one must be found, or
-- this looked at nothing.
CREATE TEMP TABLE function_to_check AS
SELECT p.oid, coalesce(t.tgrelid, 0) AS relation
	FROM pg_proc p
		JOIN pg_language l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
		LEFT JOIN (SELECT DISTINCT tgfoid, tgrelid FROM pg_trigger WHERE NOT tgisinternal) t ON t.tgfoid = p.oid
	WHERE p.pronamespace = 'cipguard'::regnamespace;
SELECT count(DISTINCT oid) AS functions FROM function_to_check \gset

SELECT format('%s line %s: %s: %s', f.oid::regprocedure, c.lineno, c.level,
		concat_ws('; ', c.message, nullif(c.detail, ''), nullif(c.hint, ''), nullif(c.context, ''))) AS finding
	FROM function_to_check f,
		plpgsql_check_function_tb(f.oid, f.relation, fatal_errors => false, all_warnings => true) c
	ORDER BY f.oid::regprocedure::text, c.lineno, c.message;
SELECT 'no function was found to check' WHERE :functions = 0;

-- What every other test needs: the extension, keys, and three helpers.
\set ON_ERROR_STOP on
SET client_min_messages = error;
CREATE EXTENSION cipguard CASCADE;

-- A server without a key-encryption key gets one, for this database only.
SELECT NOT cipguard.kek_configured() AS no_kek, current_database() AS db \gset
\if :no_kek
ALTER DATABASE :"db" SET cipguard.kek_command =
	'echo 8f1d3c5ab27e6094d1c8f3a65b7e2094c1d8f3a65b7e20948f1d3c5ab27e6094';
\c -
SET client_min_messages = error;
SELECT cipguard.init() > 0 AS made \gset
\endif

CREATE SCHEMA test;
GRANT USAGE ON SCHEMA test TO PUBLIC;

-- SQLSTATE and message of a statement that must fail.
CREATE FUNCTION test.error_of(statement text) RETURNS text
	LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END
$$;

-- Whether the plan of a query contains a word.
CREATE FUNCTION test.plan_has(query text, word text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	line text;
	found boolean := false;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		found := found OR strpos(line, word) > 0;
	END LOOP;
	RETURN found;
END
$$;

-- The bytes of a stored value, whoever asks.
CREATE FUNCTION test.raw(value cipguard.enc_text) RETURNS bytea
	LANGUAGE sql VOLATILE SET cipguard.output = armor AS
	'SELECT cipguard.enc_text_send(value)';
SELECT count(*) > 0 AS keys FROM cipguard.data_key;

-- Whether a value is what somebody says it is (src/verify.c).
DO $do$
DECLARE
	name text;
	plain text;
BEGIN
	FOR name, plain IN
		SELECT v.name, v.plain
		FROM (VALUES ('enc_text', 'text'), ('enc_int8', 'bigint'), ('enc_numeric', 'numeric'), ('enc_bool', 'boolean'), ('enc_date', 'date'),
			('enc_timestamptz', 'timestamptz'), ('enc_uuid', 'uuid'), ('enc_inet', 'inet'), ('enc_jsonb', 'jsonb'), ('enc_bytea', 'bytea')) v (name, plain)
	LOOP
		EXECUTE pg_catalog.format($sql$
			CREATE FUNCTION cipguard.verify_match(value cipguard.%1$I, candidate %2$s) RETURNS boolean
				AS 'MODULE_PATHNAME', 'cipguard_verify_match'
				LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
			COMMENT ON FUNCTION cipguard.verify_match(cipguard.%1$I, %2$s) IS 'whether an encrypted value is the candidate, for roles that may compare or read; each answer is recorded and counts as a value of the budget';
		$sql$, name, plain);
	END LOOP;
END
$do$;

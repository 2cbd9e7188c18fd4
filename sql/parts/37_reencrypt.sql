-- Where keys are used, and moving values to the key and suite of today.

-- Reads every table, whoever owns it, and so says nothing of values: counts.
CREATE FUNCTION cipguard.key_use() RETURNS TABLE (
	kind "char",
	owner integer,
	version integer,
	relation regclass,
	attribute text,
	place text,
	rows bigint
)
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	ROWS 100
	AS 'MODULE_PATHNAME', 'cipguard_key_use';
REVOKE ALL ON FUNCTION cipguard.key_use() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.key_use() IS 'how many stored values use each version of each key, by place: column, constant (of a default, view, function ...), index (that decrypts to compare), audit (images of the log)';

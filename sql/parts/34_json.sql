-- Parts of encrypted JSON, for readers.  They are plaintext.

CREATE FUNCTION cipguard.enc_partsel(internal, oid, internal, integer) RETURNS double precision
	AS 'MODULE_PATHNAME', 'cipguard_enc_partsel'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_partsel(internal, oid, internal, integer) IS 'selectivity of a condition on encrypted JSON; asks for the right to read';

CREATE FUNCTION cipguard.enc_partjoinsel(internal, oid, internal, smallint, internal) RETURNS double precision
	AS 'MODULE_PATHNAME', 'cipguard_enc_partjoinsel'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_partjoinsel(internal, oid, internal, smallint, internal) IS 'selectivity of a condition on encrypted JSON; asks for the right to read';

DO LANGUAGE plpgsql $do$
DECLARE
	op text;
	func text;
	arg text;
	result text;
	says text;
BEGIN
	FOR op, func, arg, result, says IN VALUES
		('->', 'field', 'text', 'jsonb', 'field of an object'),
		('->>', 'field_text', 'text', 'text', 'field of an object, as text'),
		('->', 'element', 'integer', 'jsonb', 'element of an array'),
		('->>', 'element_text', 'integer', 'text', 'element of an array, as text'),
		('#>', 'path', 'text[]', 'jsonb', 'what is at a path'),
		('#>>', 'path_text', 'text[]', 'text', 'what is at a path, as text'),
		('@>', 'contains', 'jsonb', 'boolean', 'contains'),
		('?', 'exists', 'text', 'boolean', 'has a key')
	LOOP
		EXECUTE pg_catalog.format('CREATE FUNCTION cipguard.enc_jsonb_%s(cipguard.enc_jsonb, %s) RETURNS %s AS %L, %L LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10',
			func, arg, result, 'MODULE_PATHNAME', pg_catalog.concat('cipguard_enc_jsonb_', func));
		EXECUTE pg_catalog.format('COMMENT ON FUNCTION cipguard.enc_jsonb_%s(cipguard.enc_jsonb, %s) IS %L', func, arg, pg_catalog.concat(says, ', for roles that may read'));
		EXECUTE pg_catalog.format('CREATE OPERATOR pg_catalog.%s (LEFTARG = cipguard.enc_jsonb, RIGHTARG = %s, FUNCTION = cipguard.enc_jsonb_%s%s)',
			op, arg, func, CASE WHEN result OPERATOR(pg_catalog.=) 'boolean' THEN ', RESTRICT = cipguard.enc_partsel, JOIN = cipguard.enc_partjoinsel' ELSE '' END);
		EXECUTE pg_catalog.format('COMMENT ON OPERATOR pg_catalog.%s (cipguard.enc_jsonb, %s) IS %L', op, arg, pg_catalog.concat(says, '; needs the right to read'));
	END LOOP;
END
$do$;

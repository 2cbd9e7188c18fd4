-- Patterns on encrypted text, for readers, and an index of its pieces.

CREATE FUNCTION cipguard.enc_likesel(internal, oid, internal, integer) RETURNS double precision
	AS 'MODULE_PATHNAME', 'cipguard_enc_likesel'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_likesel(internal, oid, internal, integer) IS 'selectivity of a pattern on encrypted text; asks for the right to read';

CREATE FUNCTION cipguard.enc_nlikesel(internal, oid, internal, integer) RETURNS double precision
	AS 'MODULE_PATHNAME', 'cipguard_enc_nlikesel'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_nlikesel(internal, oid, internal, integer) IS 'selectivity of a pattern on encrypted text; asks for the right to read';

CREATE FUNCTION cipguard.enc_likejoinsel(internal, oid, internal, smallint, internal) RETURNS double precision
	AS 'MODULE_PATHNAME', 'cipguard_enc_likejoinsel'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_likejoinsel(internal, oid, internal, smallint, internal) IS 'selectivity of a pattern on encrypted text; asks for the right to read';

CREATE FUNCTION cipguard.enc_nlikejoinsel(internal, oid, internal, smallint, internal) RETURNS double precision
	AS 'MODULE_PATHNAME', 'cipguard_enc_nlikejoinsel'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_nlikejoinsel(internal, oid, internal, smallint, internal) IS 'selectivity of a pattern on encrypted text; asks for the right to read';

CREATE FUNCTION cipguard.enc_text_like(cipguard.enc_text, text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_text_like'
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION cipguard.enc_text_like(cipguard.enc_text, text) IS 'matches a LIKE pattern, for roles that may read';

CREATE FUNCTION cipguard.enc_text_nlike(cipguard.enc_text, text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_text_nlike'
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION cipguard.enc_text_nlike(cipguard.enc_text, text) IS 'does not match a LIKE pattern, for roles that may read';

CREATE FUNCTION cipguard.enc_text_ilike(cipguard.enc_text, text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_text_ilike'
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION cipguard.enc_text_ilike(cipguard.enc_text, text) IS 'matches a LIKE pattern whatever the case, for roles that may read';

CREATE FUNCTION cipguard.enc_text_nilike(cipguard.enc_text, text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_text_nilike'
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION cipguard.enc_text_nilike(cipguard.enc_text, text) IS 'does not match a LIKE pattern whatever the case, for roles that may read';

CREATE OPERATOR pg_catalog.~~ (
	LEFTARG = cipguard.enc_text, RIGHTARG = text, FUNCTION = cipguard.enc_text_like,
	NEGATOR = OPERATOR(pg_catalog.!~~),
	RESTRICT = cipguard.enc_likesel, JOIN = cipguard.enc_likejoinsel
);
COMMENT ON OPERATOR pg_catalog.~~ (cipguard.enc_text, text) IS 'LIKE; needs the right to read';
CREATE OPERATOR pg_catalog.!~~ (
	LEFTARG = cipguard.enc_text, RIGHTARG = text, FUNCTION = cipguard.enc_text_nlike,
	NEGATOR = OPERATOR(pg_catalog.~~),
	RESTRICT = cipguard.enc_nlikesel, JOIN = cipguard.enc_nlikejoinsel
);
COMMENT ON OPERATOR pg_catalog.!~~ (cipguard.enc_text, text) IS 'NOT LIKE; needs the right to read';
CREATE OPERATOR pg_catalog.~~* (
	LEFTARG = cipguard.enc_text, RIGHTARG = text, FUNCTION = cipguard.enc_text_ilike,
	NEGATOR = OPERATOR(pg_catalog.!~~*),
	RESTRICT = cipguard.enc_likesel, JOIN = cipguard.enc_likejoinsel
);
COMMENT ON OPERATOR pg_catalog.~~* (cipguard.enc_text, text) IS 'ILIKE; needs the right to read';
CREATE OPERATOR pg_catalog.!~~* (
	LEFTARG = cipguard.enc_text, RIGHTARG = text, FUNCTION = cipguard.enc_text_nilike,
	NEGATOR = OPERATOR(pg_catalog.~~*),
	RESTRICT = cipguard.enc_nlikesel, JOIN = cipguard.enc_nlikejoinsel
);
COMMENT ON OPERATOR pg_catalog.!~~* (cipguard.enc_text, text) IS 'NOT ILIKE; needs the right to read';

CREATE FUNCTION cipguard.enc_text_grams(cipguard.enc_text, internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'cipguard_enc_text_grams'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_grams(cipguard.enc_text, internal, internal) IS 'gin support: keys of the pieces of a text';

-- What they are given is the pattern, which is text; amvalidate() wants them
-- declared by the type that is indexed.
CREATE FUNCTION cipguard.enc_text_pattern_grams(cipguard.enc_text, internal, smallint, internal, internal, internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'cipguard_enc_text_pattern_grams'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_pattern_grams(cipguard.enc_text, internal, smallint, internal, internal, internal, internal) IS 'gin support: keys of the pieces that a pattern requires';

CREATE FUNCTION cipguard.enc_text_grams_match(internal, smallint, cipguard.enc_text, integer, internal, internal, internal) RETURNS "char"
	AS 'MODULE_PATHNAME', 'cipguard_enc_text_grams_match'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_grams_match(internal, smallint, cipguard.enc_text, integer, internal, internal, internal) IS 'gin support: whether a text with some of the keys can match';

CREATE OPERATOR FAMILY cipguard.enc_text_ngram_ops USING gin;
COMMENT ON OPERATOR FAMILY cipguard.enc_text_ngram_ops USING gin IS 'patterns on encrypted text';
CREATE OPERATOR CLASS cipguard.enc_text_ngram_ops FOR TYPE cipguard.enc_text USING gin FAMILY cipguard.enc_text_ngram_ops AS
	OPERATOR 1 pg_catalog.~~ (cipguard.enc_text, text),
	OPERATOR 2 pg_catalog.~~* (cipguard.enc_text, text),
	FUNCTION 1 (cipguard.enc_text, cipguard.enc_text) pg_catalog.btint4cmp(integer, integer),
	FUNCTION 2 (cipguard.enc_text, cipguard.enc_text) cipguard.enc_text_grams(cipguard.enc_text, internal, internal),
	FUNCTION 3 (cipguard.enc_text, cipguard.enc_text) cipguard.enc_text_pattern_grams(cipguard.enc_text, internal, smallint, internal, internal, internal, internal),
	FUNCTION 6 (cipguard.enc_text, cipguard.enc_text) cipguard.enc_text_grams_match(internal, smallint, cipguard.enc_text, integer, internal, internal, internal),
	STORAGE integer;
COMMENT ON OPERATOR CLASS cipguard.enc_text_ngram_ops USING gin IS 'LIKE and ILIKE on encrypted text; the index tells which rows share pieces';

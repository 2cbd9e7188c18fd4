-- enc_text: text that is encrypted wherever it is stored.
CREATE TYPE cipguard.enc_text;

CREATE FUNCTION cipguard.enc_text_in(cstring, oid, integer) RETURNS cipguard.enc_text
	AS 'MODULE_PATHNAME', 'cipguard_enc_in'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_in(cstring, oid, integer) IS 'input: encrypts plaintext, keeps armor';

CREATE FUNCTION cipguard.enc_text_out(cipguard.enc_text) RETURNS cstring
	AS 'MODULE_PATHNAME', 'cipguard_enc_out'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_out(cipguard.enc_text) IS 'output: plaintext for roles that may read, armor for others';

CREATE FUNCTION cipguard.enc_text_recv(internal, oid, integer) RETURNS cipguard.enc_text
	AS 'MODULE_PATHNAME', 'cipguard_enc_recv'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_recv(internal, oid, integer) IS 'binary input: text or encrypted bytes';

CREATE FUNCTION cipguard.enc_text_send(cipguard.enc_text) RETURNS bytea
	AS 'MODULE_PATHNAME', 'cipguard_enc_send'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_send(cipguard.enc_text) IS 'binary output: text for roles that may read, encrypted bytes for others';

CREATE FUNCTION cipguard.enc_typmod_in(cstring[]) RETURNS integer
	AS 'MODULE_PATHNAME', 'cipguard_enc_typmod_in'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_typmod_in(cstring[]) IS 'type modifier input: a category';

CREATE FUNCTION cipguard.enc_typmod_out(integer) RETURNS cstring
	AS 'MODULE_PATHNAME', 'cipguard_enc_typmod_out'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_typmod_out(integer) IS 'type modifier output: a category';

CREATE FUNCTION cipguard.enc_typanalyze(internal) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_typanalyze'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION cipguard.enc_typanalyze(internal) IS 'ANALYZE of encrypted types: fractions and counts, no values';

CREATE TYPE cipguard.enc_text (
	INPUT = cipguard.enc_text_in,
	OUTPUT = cipguard.enc_text_out,
	RECEIVE = cipguard.enc_text_recv,
	SEND = cipguard.enc_text_send,
	TYPMOD_IN = cipguard.enc_typmod_in,
	TYPMOD_OUT = cipguard.enc_typmod_out,
	ANALYZE = cipguard.enc_typanalyze,
	INTERNALLENGTH = VARIABLE,
	STORAGE = external
);
COMMENT ON TYPE cipguard.enc_text IS 'encrypted text; the type modifier names the category';

CREATE FUNCTION cipguard.holds_encrypted(type oid) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_holds_encrypted'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.holds_encrypted(oid) IS 'whether values of a type are encrypted or hold encrypted elements or fields';

-- Casts.  From plain types implicit, since drivers send text and varchar; to
-- plain types explicit, so that no assignment stores plaintext unawares.
CREATE FUNCTION cipguard.enc_text(cipguard.enc_text, integer, boolean) RETURNS cipguard.enc_text
	AS 'MODULE_PATHNAME', 'cipguard_enc_coerce'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text(cipguard.enc_text, integer, boolean) IS 'brings a value under the category of a column';

CREATE FUNCTION cipguard.enc_text(text, integer, boolean) RETURNS cipguard.enc_text
	AS 'MODULE_PATHNAME', 'cipguard_text_to_enc'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text(text, integer, boolean) IS 'encrypts text';

CREATE FUNCTION cipguard.enc_text(varchar, integer, boolean) RETURNS cipguard.enc_text
	AS 'MODULE_PATHNAME', 'cipguard_text_to_enc'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text(varchar, integer, boolean) IS 'encrypts text';

CREATE FUNCTION cipguard.enc_text(bpchar, integer, boolean) RETURNS cipguard.enc_text
	AS 'MODULE_PATHNAME', 'cipguard_bpchar_to_enc'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text(bpchar, integer, boolean) IS 'encrypts text, without the padding of char(n)';

CREATE FUNCTION cipguard.to_text(cipguard.enc_text) RETURNS text
	AS 'MODULE_PATHNAME', 'cipguard_enc_to_text'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.to_text(cipguard.enc_text) IS 'decrypts, for roles that may read';

CREATE FUNCTION cipguard.to_varchar(cipguard.enc_text) RETURNS varchar
	AS 'MODULE_PATHNAME', 'cipguard_enc_to_text'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.to_varchar(cipguard.enc_text) IS 'decrypts, for roles that may read';

CREATE FUNCTION cipguard.to_bpchar(cipguard.enc_text) RETURNS bpchar
	AS 'MODULE_PATHNAME', 'cipguard_enc_to_text'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.to_bpchar(cipguard.enc_text) IS 'decrypts, for roles that may read';

CREATE FUNCTION cipguard.to_name(cipguard.enc_text) RETURNS name
	AS 'MODULE_PATHNAME', 'cipguard_enc_to_name'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.to_name(cipguard.enc_text) IS 'decrypts, for roles that may read';

CREATE FUNCTION cipguard.to_json(cipguard.enc_text) RETURNS json
	AS 'MODULE_PATHNAME', 'cipguard_enc_to_json'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.to_json(cipguard.enc_text) IS 'plaintext for roles that may read, armor for others, as a JSON string';

CREATE FUNCTION cipguard.to_jsonb(cipguard.enc_text) RETURNS jsonb
	AS 'MODULE_PATHNAME', 'cipguard_enc_to_jsonb'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.to_jsonb(cipguard.enc_text) IS 'plaintext for roles that may read, armor for others, as a JSON string';

CREATE CAST (cipguard.enc_text AS cipguard.enc_text) WITH FUNCTION cipguard.enc_text(cipguard.enc_text, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (cipguard.enc_text AS cipguard.enc_text) IS 'brings a value under the category of a column';
CREATE CAST (text AS cipguard.enc_text) WITH FUNCTION cipguard.enc_text(text, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (text AS cipguard.enc_text) IS 'encrypts';
CREATE CAST (varchar AS cipguard.enc_text) WITH FUNCTION cipguard.enc_text(varchar, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (varchar AS cipguard.enc_text) IS 'encrypts';
CREATE CAST (bpchar AS cipguard.enc_text) WITH FUNCTION cipguard.enc_text(bpchar, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (bpchar AS cipguard.enc_text) IS 'encrypts';
CREATE CAST (cipguard.enc_text AS text) WITH FUNCTION cipguard.to_text(cipguard.enc_text);
COMMENT ON CAST (cipguard.enc_text AS text) IS 'decrypts, for roles that may read';
CREATE CAST (cipguard.enc_text AS varchar) WITH FUNCTION cipguard.to_varchar(cipguard.enc_text);
COMMENT ON CAST (cipguard.enc_text AS varchar) IS 'decrypts, for roles that may read';
CREATE CAST (cipguard.enc_text AS bpchar) WITH FUNCTION cipguard.to_bpchar(cipguard.enc_text);
COMMENT ON CAST (cipguard.enc_text AS bpchar) IS 'decrypts, for roles that may read';
CREATE CAST (cipguard.enc_text AS name) WITH FUNCTION cipguard.to_name(cipguard.enc_text);
COMMENT ON CAST (cipguard.enc_text AS name) IS 'decrypts, for roles that may read';
CREATE CAST (cipguard.enc_text AS json) WITH FUNCTION cipguard.to_json(cipguard.enc_text);
COMMENT ON CAST (cipguard.enc_text AS json) IS 'plaintext for roles that may read, armor for others';
CREATE CAST (cipguard.enc_text AS jsonb) WITH FUNCTION cipguard.to_jsonb(cipguard.enc_text);
COMMENT ON CAST (cipguard.enc_text AS jsonb) IS 'plaintext for roles that may read, armor for others';

-- Selectivity, which is also where the right to search is asked for.
CREATE FUNCTION cipguard.enc_eqsel(internal, oid, internal, integer) RETURNS double precision
	AS 'MODULE_PATHNAME', 'cipguard_enc_eqsel'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_eqsel(internal, oid, internal, integer) IS 'selectivity of comparing encrypted values; asks for the right to search';

CREATE FUNCTION cipguard.enc_neqsel(internal, oid, internal, integer) RETURNS double precision
	AS 'MODULE_PATHNAME', 'cipguard_enc_neqsel'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_neqsel(internal, oid, internal, integer) IS 'selectivity of comparing encrypted values; asks for the right to search';

CREATE FUNCTION cipguard.enc_eqjoinsel(internal, oid, internal, smallint, internal) RETURNS double precision
	AS 'MODULE_PATHNAME', 'cipguard_enc_eqjoinsel'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_eqjoinsel(internal, oid, internal, smallint, internal) IS 'selectivity of comparing encrypted values; asks for the right to search';

CREATE FUNCTION cipguard.enc_neqjoinsel(internal, oid, internal, smallint, internal) RETURNS double precision
	AS 'MODULE_PATHNAME', 'cipguard_enc_neqjoinsel'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_neqjoinsel(internal, oid, internal, smallint, internal) IS 'selectivity of comparing encrypted values; asks for the right to search';

-- What a query compares with; the planner puts these calls in.
CREATE FUNCTION cipguard.search_key(cipguard.enc_text, integer) RETURNS cipguard.enc_text
	AS 'MODULE_PATHNAME', 'cipguard_search_key'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.search_key(cipguard.enc_text, integer) IS 'value made comparable with a column of that category, for roles that may search';

CREATE FUNCTION cipguard.search_key(text, integer) RETURNS cipguard.enc_text
	AS 'MODULE_PATHNAME', 'cipguard_search_key_plain'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.search_key(text, integer) IS 'text made comparable with a column of that category, for roles that may search';

CREATE FUNCTION cipguard.search_keys(cipguard.enc_text[], integer) RETURNS cipguard.enc_text[]
	AS 'MODULE_PATHNAME', 'cipguard_search_keys'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.search_keys(cipguard.enc_text[], integer) IS 'values made comparable with a column of that category, for roles that may search';

CREATE FUNCTION cipguard.search_keys(text[], integer) RETURNS cipguard.enc_text[]
	AS 'MODULE_PATHNAME', 'cipguard_search_keys_plain'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.search_keys(text[], integer) IS 'texts made comparable with a column of that category, for roles that may search';

-- Operators.  Those that queries write are in pg_catalog, or else they would
-- be found only by sessions that have cipguard in their search_path.
CREATE FUNCTION cipguard.enc_text_eq(cipguard.enc_text, cipguard.enc_text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_eq'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_eq(cipguard.enc_text, cipguard.enc_text) IS 'equal, by equality token';

CREATE FUNCTION cipguard.enc_text_ne(cipguard.enc_text, cipguard.enc_text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_ne'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_ne(cipguard.enc_text, cipguard.enc_text) IS 'not equal, by equality token';

CREATE FUNCTION cipguard.enc_text_eq(cipguard.enc_text, text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_eq_plain'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_eq(cipguard.enc_text, text) IS 'equal, by equality token';

CREATE FUNCTION cipguard.enc_text_ne(cipguard.enc_text, text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_ne_plain'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_ne(cipguard.enc_text, text) IS 'not equal, by equality token';

CREATE FUNCTION cipguard.enc_text_eq(text, cipguard.enc_text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_plain_eq_enc'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_eq(text, cipguard.enc_text) IS 'equal, by equality token';

CREATE FUNCTION cipguard.enc_text_ne(text, cipguard.enc_text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_plain_ne_enc'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_ne(text, cipguard.enc_text) IS 'not equal, by equality token';

CREATE FUNCTION cipguard.enc_text_lt(cipguard.enc_text, cipguard.enc_text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_lt'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_lt(cipguard.enc_text, cipguard.enc_text) IS 'before in token order';

CREATE FUNCTION cipguard.enc_text_le(cipguard.enc_text, cipguard.enc_text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_le'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_le(cipguard.enc_text, cipguard.enc_text) IS 'not after in token order';

CREATE FUNCTION cipguard.enc_text_ge(cipguard.enc_text, cipguard.enc_text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_ge'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_ge(cipguard.enc_text, cipguard.enc_text) IS 'not before in token order';

CREATE FUNCTION cipguard.enc_text_gt(cipguard.enc_text, cipguard.enc_text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_gt'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_gt(cipguard.enc_text, cipguard.enc_text) IS 'after in token order';

CREATE OPERATOR pg_catalog.= (
	LEFTARG = cipguard.enc_text, RIGHTARG = cipguard.enc_text, FUNCTION = cipguard.enc_text_eq,
	COMMUTATOR = OPERATOR(pg_catalog.=), NEGATOR = OPERATOR(pg_catalog.<>),
	RESTRICT = cipguard.enc_eqsel, JOIN = cipguard.enc_eqjoinsel,
	HASHES, MERGES
);
COMMENT ON OPERATOR pg_catalog.= (cipguard.enc_text, cipguard.enc_text) IS 'equal; needs the right to search';
CREATE OPERATOR pg_catalog.<> (
	LEFTARG = cipguard.enc_text, RIGHTARG = cipguard.enc_text, FUNCTION = cipguard.enc_text_ne,
	COMMUTATOR = OPERATOR(pg_catalog.<>), NEGATOR = OPERATOR(pg_catalog.=),
	RESTRICT = cipguard.enc_neqsel, JOIN = cipguard.enc_neqjoinsel
);
COMMENT ON OPERATOR pg_catalog.<> (cipguard.enc_text, cipguard.enc_text) IS 'not equal; needs the right to search';

CREATE OPERATOR pg_catalog.= (
	LEFTARG = cipguard.enc_text, RIGHTARG = text, FUNCTION = cipguard.enc_text_eq,
	COMMUTATOR = OPERATOR(pg_catalog.=), NEGATOR = OPERATOR(pg_catalog.<>),
	RESTRICT = cipguard.enc_eqsel, JOIN = cipguard.enc_eqjoinsel
);
COMMENT ON OPERATOR pg_catalog.= (cipguard.enc_text, text) IS 'equal; needs the right to search';
CREATE OPERATOR pg_catalog.<> (
	LEFTARG = cipguard.enc_text, RIGHTARG = text, FUNCTION = cipguard.enc_text_ne,
	COMMUTATOR = OPERATOR(pg_catalog.<>), NEGATOR = OPERATOR(pg_catalog.=),
	RESTRICT = cipguard.enc_neqsel, JOIN = cipguard.enc_neqjoinsel
);
COMMENT ON OPERATOR pg_catalog.<> (cipguard.enc_text, text) IS 'not equal; needs the right to search';

CREATE OPERATOR pg_catalog.= (
	LEFTARG = text, RIGHTARG = cipguard.enc_text, FUNCTION = cipguard.enc_text_eq,
	COMMUTATOR = OPERATOR(pg_catalog.=), NEGATOR = OPERATOR(pg_catalog.<>),
	RESTRICT = cipguard.enc_eqsel, JOIN = cipguard.enc_eqjoinsel
);
COMMENT ON OPERATOR pg_catalog.= (text, cipguard.enc_text) IS 'equal; needs the right to search';
CREATE OPERATOR pg_catalog.<> (
	LEFTARG = text, RIGHTARG = cipguard.enc_text, FUNCTION = cipguard.enc_text_ne,
	COMMUTATOR = OPERATOR(pg_catalog.<>), NEGATOR = OPERATOR(pg_catalog.=),
	RESTRICT = cipguard.enc_neqsel, JOIN = cipguard.enc_neqjoinsel
);
COMMENT ON OPERATOR pg_catalog.<> (text, cipguard.enc_text) IS 'not equal; needs the right to search';

CREATE OPERATOR cipguard.#<# (
	LEFTARG = cipguard.enc_text, RIGHTARG = cipguard.enc_text, FUNCTION = cipguard.enc_text_lt,
	COMMUTATOR = OPERATOR(cipguard.#>#), NEGATOR = OPERATOR(cipguard.#>=#),
	RESTRICT = cipguard.enc_neqsel, JOIN = cipguard.enc_neqjoinsel
);
COMMENT ON OPERATOR cipguard.#<# (cipguard.enc_text, cipguard.enc_text) IS 'token order of the btree index; says nothing of the values';

CREATE OPERATOR cipguard.#<=# (
	LEFTARG = cipguard.enc_text, RIGHTARG = cipguard.enc_text, FUNCTION = cipguard.enc_text_le,
	COMMUTATOR = OPERATOR(cipguard.#>=#), NEGATOR = OPERATOR(cipguard.#>#),
	RESTRICT = cipguard.enc_neqsel, JOIN = cipguard.enc_neqjoinsel
);
COMMENT ON OPERATOR cipguard.#<=# (cipguard.enc_text, cipguard.enc_text) IS 'token order of the btree index; says nothing of the values';

CREATE OPERATOR cipguard.#>=# (
	LEFTARG = cipguard.enc_text, RIGHTARG = cipguard.enc_text, FUNCTION = cipguard.enc_text_ge,
	COMMUTATOR = OPERATOR(cipguard.#<=#), NEGATOR = OPERATOR(cipguard.#<#),
	RESTRICT = cipguard.enc_neqsel, JOIN = cipguard.enc_neqjoinsel
);
COMMENT ON OPERATOR cipguard.#>=# (cipguard.enc_text, cipguard.enc_text) IS 'token order of the btree index; says nothing of the values';

CREATE OPERATOR cipguard.#># (
	LEFTARG = cipguard.enc_text, RIGHTARG = cipguard.enc_text, FUNCTION = cipguard.enc_text_gt,
	COMMUTATOR = OPERATOR(cipguard.#<#), NEGATOR = OPERATOR(cipguard.#<=#),
	RESTRICT = cipguard.enc_neqsel, JOIN = cipguard.enc_neqjoinsel
);
COMMENT ON OPERATOR cipguard.#># (cipguard.enc_text, cipguard.enc_text) IS 'token order of the btree index; says nothing of the values';

-- Operator classes.
CREATE FUNCTION cipguard.enc_text_cmp(cipguard.enc_text, cipguard.enc_text) RETURNS integer
	AS 'MODULE_PATHNAME', 'cipguard_enc_cmp'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_cmp(cipguard.enc_text, cipguard.enc_text) IS 'btree support: token order';

CREATE FUNCTION cipguard.enc_text_sortsupport(internal) RETURNS void
	AS 'MODULE_PATHNAME', 'cipguard_enc_sortsupport'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_sortsupport(internal) IS 'btree support: fast sorting';

CREATE FUNCTION cipguard.enc_text_hash(cipguard.enc_text) RETURNS integer
	AS 'MODULE_PATHNAME', 'cipguard_enc_hash'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_hash(cipguard.enc_text) IS 'hash support: hash of the token';

CREATE FUNCTION cipguard.enc_text_hash_extended(cipguard.enc_text, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'cipguard_enc_hash_extended'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text_hash_extended(cipguard.enc_text, bigint) IS 'hash support: seeded hash of the token';

CREATE OPERATOR FAMILY cipguard.enc_text_ops USING btree;
COMMENT ON OPERATOR FAMILY cipguard.enc_text_ops USING btree IS 'equality of encrypted text';
CREATE OPERATOR CLASS cipguard.enc_text_ops DEFAULT FOR TYPE cipguard.enc_text USING btree FAMILY cipguard.enc_text_ops AS
	OPERATOR 1 cipguard.#<#,
	OPERATOR 2 cipguard.#<=#,
	OPERATOR 3 pg_catalog.=,
	OPERATOR 4 cipguard.#>=#,
	OPERATOR 5 cipguard.#>#,
	FUNCTION 1 cipguard.enc_text_cmp(cipguard.enc_text, cipguard.enc_text),
	FUNCTION 2 cipguard.enc_text_sortsupport(internal);
COMMENT ON OPERATOR CLASS cipguard.enc_text_ops USING btree IS 'equality of encrypted text, by token';
CREATE OPERATOR FAMILY cipguard.enc_text_ops USING hash;
COMMENT ON OPERATOR FAMILY cipguard.enc_text_ops USING hash IS 'equality of encrypted text';
CREATE OPERATOR CLASS cipguard.enc_text_ops DEFAULT FOR TYPE cipguard.enc_text USING hash FAMILY cipguard.enc_text_ops AS
	OPERATOR 1 pg_catalog.=,
	FUNCTION 1 cipguard.enc_text_hash(cipguard.enc_text),
	FUNCTION 2 cipguard.enc_text_hash_extended(cipguard.enc_text, bigint);
COMMENT ON OPERATOR CLASS cipguard.enc_text_ops USING hash IS 'equality of encrypted text, by token';

-- Encrypted types.  Each stands for a plain type, and all have the same
-- functions, casts, operators and operator classes, so one template makes them;
-- what only enc_text has follows after it.  The C functions are shared: they
-- learn the type from the declaration they were called by.
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

CREATE FUNCTION cipguard.holds_encrypted(type oid) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_holds_encrypted'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.holds_encrypted(oid) IS 'whether values of a type are encrypted or hold encrypted elements or fields';

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

-- Casts from plain types are implicit from the plain type itself, since
-- drivers send that, and assignments from what is assigned to it; casts to
-- plain types are explicit, so that no assignment stores plaintext unawares.
-- Operators that queries write are in pg_catalog, or else they would be found
-- only by sessions that have cipguard in their search_path.
DO $do$
DECLARE
	-- %1 name, %2 plain type, %3 its name in to_...(), %4 what it is called
	template text := $template$
CREATE TYPE cipguard.enc_%1$s;

CREATE FUNCTION cipguard.enc_%1$s_in(cstring, oid, integer) RETURNS cipguard.enc_%1$s
	AS 'MODULE_PATHNAME', 'cipguard_enc_in'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s_in(cstring, oid, integer) IS 'input: encrypts plaintext, keeps armor';

CREATE FUNCTION cipguard.enc_%1$s_out(cipguard.enc_%1$s) RETURNS cstring
	AS 'MODULE_PATHNAME', 'cipguard_enc_out'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s_out(cipguard.enc_%1$s) IS 'output: plaintext for roles that may read, armor for others';

CREATE FUNCTION cipguard.enc_%1$s_recv(internal, oid, integer) RETURNS cipguard.enc_%1$s
	AS 'MODULE_PATHNAME', 'cipguard_enc_recv'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s_recv(internal, oid, integer) IS 'binary input: %4$s or encrypted bytes';

CREATE FUNCTION cipguard.enc_%1$s_send(cipguard.enc_%1$s) RETURNS bytea
	AS 'MODULE_PATHNAME', 'cipguard_enc_send'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s_send(cipguard.enc_%1$s) IS 'binary output: %4$s for roles that may read, encrypted bytes for others';

CREATE TYPE cipguard.enc_%1$s (
	INPUT = cipguard.enc_%1$s_in,
	OUTPUT = cipguard.enc_%1$s_out,
	RECEIVE = cipguard.enc_%1$s_recv,
	SEND = cipguard.enc_%1$s_send,
	TYPMOD_IN = cipguard.enc_typmod_in,
	TYPMOD_OUT = cipguard.enc_typmod_out,
	ANALYZE = cipguard.enc_typanalyze,
	INTERNALLENGTH = VARIABLE,
	STORAGE = external
);
COMMENT ON TYPE cipguard.enc_%1$s IS 'encrypted %4$s; the type modifier names the category';

-- Casts.
CREATE FUNCTION cipguard.enc_%1$s(cipguard.enc_%1$s, integer, boolean) RETURNS cipguard.enc_%1$s
	AS 'MODULE_PATHNAME', 'cipguard_enc_coerce'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s(cipguard.enc_%1$s, integer, boolean) IS 'brings a value under the category of a column';

CREATE FUNCTION cipguard.enc_%1$s(%2$s, integer, boolean) RETURNS cipguard.enc_%1$s
	AS 'MODULE_PATHNAME', 'cipguard_plain_to_enc'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s(%2$s, integer, boolean) IS 'encrypts %4$s';

CREATE FUNCTION cipguard.to_%3$s(cipguard.enc_%1$s) RETURNS %2$s
	AS 'MODULE_PATHNAME', 'cipguard_enc_to_plain'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.to_%3$s(cipguard.enc_%1$s) IS 'decrypts, for roles that may read';

CREATE CAST (cipguard.enc_%1$s AS cipguard.enc_%1$s) WITH FUNCTION cipguard.enc_%1$s(cipguard.enc_%1$s, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (cipguard.enc_%1$s AS cipguard.enc_%1$s) IS 'brings a value under the category of a column';
CREATE CAST (%2$s AS cipguard.enc_%1$s) WITH FUNCTION cipguard.enc_%1$s(%2$s, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (%2$s AS cipguard.enc_%1$s) IS 'encrypts';
CREATE CAST (cipguard.enc_%1$s AS %2$s) WITH FUNCTION cipguard.to_%3$s(cipguard.enc_%1$s);
COMMENT ON CAST (cipguard.enc_%1$s AS %2$s) IS 'decrypts, for roles that may read';

-- What a query compares with; the planner puts these calls in.
CREATE FUNCTION cipguard.search_key(cipguard.enc_%1$s, integer) RETURNS cipguard.enc_%1$s
	AS 'MODULE_PATHNAME', 'cipguard_search_key'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.search_key(cipguard.enc_%1$s, integer) IS 'value made comparable with a column of that category, for roles that may search';

CREATE FUNCTION cipguard.search_key(%2$s, integer) RETURNS cipguard.enc_%1$s
	AS 'MODULE_PATHNAME', 'cipguard_search_key_plain'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.search_key(%2$s, integer) IS '%4$s made comparable with a column of that category, for roles that may search';

CREATE FUNCTION cipguard.search_keys(cipguard.enc_%1$s[], integer) RETURNS cipguard.enc_%1$s[]
	AS 'MODULE_PATHNAME', 'cipguard_search_keys'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.search_keys(cipguard.enc_%1$s[], integer) IS 'values made comparable with a column of that category, for roles that may search';

CREATE FUNCTION cipguard.search_keys(%2$s[], integer) RETURNS cipguard.enc_%1$s[]
	AS 'MODULE_PATHNAME', 'cipguard_search_keys_plain'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.search_keys(%2$s[], integer) IS 'values of %4$s made comparable with a column of that category, for roles that may search';

-- Operators.
CREATE FUNCTION cipguard.enc_%1$s_eq(cipguard.enc_%1$s, cipguard.enc_%1$s) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_eq'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s_eq(cipguard.enc_%1$s, cipguard.enc_%1$s) IS 'equal, by equality token';

CREATE FUNCTION cipguard.enc_%1$s_eq(cipguard.enc_%1$s, %2$s) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_eq_plain'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s_eq(cipguard.enc_%1$s, %2$s) IS 'equal, by equality token';

CREATE FUNCTION cipguard.enc_%1$s_eq(%2$s, cipguard.enc_%1$s) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_plain_eq_enc'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s_eq(%2$s, cipguard.enc_%1$s) IS 'equal, by equality token';

CREATE FUNCTION cipguard.enc_%1$s_ne(cipguard.enc_%1$s, cipguard.enc_%1$s) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_ne'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s_ne(cipguard.enc_%1$s, cipguard.enc_%1$s) IS 'not equal, by equality token';

CREATE FUNCTION cipguard.enc_%1$s_ne(cipguard.enc_%1$s, %2$s) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_ne_plain'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s_ne(cipguard.enc_%1$s, %2$s) IS 'not equal, by equality token';

CREATE FUNCTION cipguard.enc_%1$s_ne(%2$s, cipguard.enc_%1$s) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_plain_ne_enc'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s_ne(%2$s, cipguard.enc_%1$s) IS 'not equal, by equality token';

CREATE FUNCTION cipguard.enc_%1$s_lt(cipguard.enc_%1$s, cipguard.enc_%1$s) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_lt'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s_lt(cipguard.enc_%1$s, cipguard.enc_%1$s) IS 'before in token order';

CREATE FUNCTION cipguard.enc_%1$s_le(cipguard.enc_%1$s, cipguard.enc_%1$s) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_le'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s_le(cipguard.enc_%1$s, cipguard.enc_%1$s) IS 'not after in token order';

CREATE FUNCTION cipguard.enc_%1$s_ge(cipguard.enc_%1$s, cipguard.enc_%1$s) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_ge'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s_ge(cipguard.enc_%1$s, cipguard.enc_%1$s) IS 'not before in token order';

CREATE FUNCTION cipguard.enc_%1$s_gt(cipguard.enc_%1$s, cipguard.enc_%1$s) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_enc_gt'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s_gt(cipguard.enc_%1$s, cipguard.enc_%1$s) IS 'after in token order';

CREATE OPERATOR pg_catalog.= (
	LEFTARG = cipguard.enc_%1$s, RIGHTARG = cipguard.enc_%1$s, FUNCTION = cipguard.enc_%1$s_eq,
	COMMUTATOR = OPERATOR(pg_catalog.=), NEGATOR = OPERATOR(pg_catalog.<>),
	RESTRICT = cipguard.enc_eqsel, JOIN = cipguard.enc_eqjoinsel,
	HASHES, MERGES
);
COMMENT ON OPERATOR pg_catalog.= (cipguard.enc_%1$s, cipguard.enc_%1$s) IS 'equal; needs the right to search';

CREATE OPERATOR pg_catalog.<> (
	LEFTARG = cipguard.enc_%1$s, RIGHTARG = cipguard.enc_%1$s, FUNCTION = cipguard.enc_%1$s_ne,
	COMMUTATOR = OPERATOR(pg_catalog.<>), NEGATOR = OPERATOR(pg_catalog.=),
	RESTRICT = cipguard.enc_neqsel, JOIN = cipguard.enc_neqjoinsel
);
COMMENT ON OPERATOR pg_catalog.<> (cipguard.enc_%1$s, cipguard.enc_%1$s) IS 'not equal; needs the right to search';

CREATE OPERATOR pg_catalog.= (
	LEFTARG = cipguard.enc_%1$s, RIGHTARG = %2$s, FUNCTION = cipguard.enc_%1$s_eq,
	COMMUTATOR = OPERATOR(pg_catalog.=), NEGATOR = OPERATOR(pg_catalog.<>),
	RESTRICT = cipguard.enc_eqsel, JOIN = cipguard.enc_eqjoinsel
);
COMMENT ON OPERATOR pg_catalog.= (cipguard.enc_%1$s, %2$s) IS 'equal; needs the right to search';

CREATE OPERATOR pg_catalog.<> (
	LEFTARG = cipguard.enc_%1$s, RIGHTARG = %2$s, FUNCTION = cipguard.enc_%1$s_ne,
	COMMUTATOR = OPERATOR(pg_catalog.<>), NEGATOR = OPERATOR(pg_catalog.=),
	RESTRICT = cipguard.enc_neqsel, JOIN = cipguard.enc_neqjoinsel
);
COMMENT ON OPERATOR pg_catalog.<> (cipguard.enc_%1$s, %2$s) IS 'not equal; needs the right to search';

CREATE OPERATOR pg_catalog.= (
	LEFTARG = %2$s, RIGHTARG = cipguard.enc_%1$s, FUNCTION = cipguard.enc_%1$s_eq,
	COMMUTATOR = OPERATOR(pg_catalog.=), NEGATOR = OPERATOR(pg_catalog.<>),
	RESTRICT = cipguard.enc_eqsel, JOIN = cipguard.enc_eqjoinsel
);
COMMENT ON OPERATOR pg_catalog.= (%2$s, cipguard.enc_%1$s) IS 'equal; needs the right to search';

CREATE OPERATOR pg_catalog.<> (
	LEFTARG = %2$s, RIGHTARG = cipguard.enc_%1$s, FUNCTION = cipguard.enc_%1$s_ne,
	COMMUTATOR = OPERATOR(pg_catalog.<>), NEGATOR = OPERATOR(pg_catalog.=),
	RESTRICT = cipguard.enc_neqsel, JOIN = cipguard.enc_neqjoinsel
);
COMMENT ON OPERATOR pg_catalog.<> (%2$s, cipguard.enc_%1$s) IS 'not equal; needs the right to search';

CREATE OPERATOR cipguard.#<# (
	LEFTARG = cipguard.enc_%1$s, RIGHTARG = cipguard.enc_%1$s, FUNCTION = cipguard.enc_%1$s_lt,
	COMMUTATOR = OPERATOR(cipguard.#>#), NEGATOR = OPERATOR(cipguard.#>=#),
	RESTRICT = cipguard.enc_neqsel, JOIN = cipguard.enc_neqjoinsel
);
COMMENT ON OPERATOR cipguard.#<# (cipguard.enc_%1$s, cipguard.enc_%1$s) IS 'token order of the btree index; says nothing of the values';

CREATE OPERATOR cipguard.#<=# (
	LEFTARG = cipguard.enc_%1$s, RIGHTARG = cipguard.enc_%1$s, FUNCTION = cipguard.enc_%1$s_le,
	COMMUTATOR = OPERATOR(cipguard.#>=#), NEGATOR = OPERATOR(cipguard.#>#),
	RESTRICT = cipguard.enc_neqsel, JOIN = cipguard.enc_neqjoinsel
);
COMMENT ON OPERATOR cipguard.#<=# (cipguard.enc_%1$s, cipguard.enc_%1$s) IS 'token order of the btree index; says nothing of the values';

CREATE OPERATOR cipguard.#>=# (
	LEFTARG = cipguard.enc_%1$s, RIGHTARG = cipguard.enc_%1$s, FUNCTION = cipguard.enc_%1$s_ge,
	COMMUTATOR = OPERATOR(cipguard.#<=#), NEGATOR = OPERATOR(cipguard.#<#),
	RESTRICT = cipguard.enc_neqsel, JOIN = cipguard.enc_neqjoinsel
);
COMMENT ON OPERATOR cipguard.#>=# (cipguard.enc_%1$s, cipguard.enc_%1$s) IS 'token order of the btree index; says nothing of the values';

CREATE OPERATOR cipguard.#># (
	LEFTARG = cipguard.enc_%1$s, RIGHTARG = cipguard.enc_%1$s, FUNCTION = cipguard.enc_%1$s_gt,
	COMMUTATOR = OPERATOR(cipguard.#<#), NEGATOR = OPERATOR(cipguard.#<=#),
	RESTRICT = cipguard.enc_neqsel, JOIN = cipguard.enc_neqjoinsel
);
COMMENT ON OPERATOR cipguard.#># (cipguard.enc_%1$s, cipguard.enc_%1$s) IS 'token order of the btree index; says nothing of the values';

-- Operator classes.
CREATE FUNCTION cipguard.enc_%1$s_cmp(cipguard.enc_%1$s, cipguard.enc_%1$s) RETURNS integer
	AS 'MODULE_PATHNAME', 'cipguard_enc_cmp'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s_cmp(cipguard.enc_%1$s, cipguard.enc_%1$s) IS 'btree support: token order';

CREATE FUNCTION cipguard.enc_%1$s_sortsupport(internal) RETURNS void
	AS 'MODULE_PATHNAME', 'cipguard_enc_sortsupport'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s_sortsupport(internal) IS 'btree support: fast sorting';

CREATE FUNCTION cipguard.enc_%1$s_hash(cipguard.enc_%1$s) RETURNS integer
	AS 'MODULE_PATHNAME', 'cipguard_enc_hash'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s_hash(cipguard.enc_%1$s) IS 'hash support: hash of the token';

CREATE FUNCTION cipguard.enc_%1$s_hash_extended(cipguard.enc_%1$s, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'cipguard_enc_hash_extended'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s_hash_extended(cipguard.enc_%1$s, bigint) IS 'hash support: seeded hash of the token';

CREATE OPERATOR FAMILY cipguard.enc_%1$s_ops USING btree;
COMMENT ON OPERATOR FAMILY cipguard.enc_%1$s_ops USING btree IS 'equality of encrypted %4$s';
CREATE OPERATOR CLASS cipguard.enc_%1$s_ops DEFAULT FOR TYPE cipguard.enc_%1$s USING btree FAMILY cipguard.enc_%1$s_ops AS
	OPERATOR 1 cipguard.#<#,
	OPERATOR 2 cipguard.#<=#,
	OPERATOR 3 pg_catalog.=,
	OPERATOR 4 cipguard.#>=#,
	OPERATOR 5 cipguard.#>#,
	FUNCTION 1 cipguard.enc_%1$s_cmp(cipguard.enc_%1$s, cipguard.enc_%1$s),
	FUNCTION 2 cipguard.enc_%1$s_sortsupport(internal);
COMMENT ON OPERATOR CLASS cipguard.enc_%1$s_ops USING btree IS 'equality of encrypted %4$s, by token';
CREATE OPERATOR FAMILY cipguard.enc_%1$s_ops USING hash;
COMMENT ON OPERATOR FAMILY cipguard.enc_%1$s_ops USING hash IS 'equality of encrypted %4$s';
CREATE OPERATOR CLASS cipguard.enc_%1$s_ops DEFAULT FOR TYPE cipguard.enc_%1$s USING hash FAMILY cipguard.enc_%1$s_ops AS
	OPERATOR 1 pg_catalog.=,
	FUNCTION 1 cipguard.enc_%1$s_hash(cipguard.enc_%1$s),
	FUNCTION 2 cipguard.enc_%1$s_hash_extended(cipguard.enc_%1$s, bigint);
COMMENT ON OPERATOR CLASS cipguard.enc_%1$s_ops USING hash IS 'equality of encrypted %4$s, by token';
$template$;

	-- %1 name, %2 target, %3 C function, %4 what it does
	outward text := $template$
CREATE FUNCTION cipguard.to_%2$s(cipguard.enc_%1$s) RETURNS %2$s
	AS 'MODULE_PATHNAME', '%3$s'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.to_%2$s(cipguard.enc_%1$s) IS %4$L;
CREATE CAST (cipguard.enc_%1$s AS %2$s) WITH FUNCTION cipguard.to_%2$s(cipguard.enc_%1$s);
COMMENT ON CAST (cipguard.enc_%1$s AS %2$s) IS %4$L;
$template$;

	-- %1 name, %2 source
	inward text := $template$
CREATE FUNCTION cipguard.enc_%1$s(%2$s, integer, boolean) RETURNS cipguard.enc_%1$s
	AS 'MODULE_PATHNAME', 'cipguard_other_to_enc'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_%1$s(%2$s, integer, boolean) IS 'encrypts, converted to the plain type first';
CREATE CAST (%2$s AS cipguard.enc_%1$s) WITH FUNCTION cipguard.enc_%1$s(%2$s, integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (%2$s AS cipguard.enc_%1$s) IS 'encrypts, converted to the plain type first';
$template$;
	t record;
	other text;
BEGIN
	FOR t IN SELECT * FROM (VALUES
			('text', 'text', 'text', 'text', '{}'::text[]),
			('int8', 'bigint', 'int8', 'integers', '{smallint,integer,numeric,real,"double precision"}'),
			('numeric', 'numeric', 'numeric', 'numbers', '{smallint,integer,bigint,real,"double precision"}'),
			('bool', 'boolean', 'bool', 'truth values', '{}'),
			('date', 'date', 'date', 'dates', '{timestamp,timestamptz}'),
			('timestamptz', 'timestamptz', 'timestamptz', 'points in time', '{date,timestamp}'),
			('uuid', 'uuid', 'uuid', 'UUIDs', '{}'),
			('inet', 'inet', 'inet', 'network addresses', '{cidr}'),
			('jsonb', 'jsonb', 'jsonb', 'JSON documents', '{json}'),
			('bytea', 'bytea', 'bytea', 'bytes', '{}')
		) v (name, plain, short, words, others)
	LOOP
		EXECUTE pg_catalog.format(template, t.name, t.plain, t.short, t.words);
		-- One for each string type, or else PostgreSQL would allow assignment
		-- to it by I/O conversion, and store plaintext silently.
		FOREACH other IN ARRAY ARRAY['text', 'varchar', 'bpchar']
		LOOP
			IF other OPERATOR(pg_catalog.<>) t.name THEN
				EXECUTE pg_catalog.format(outward, t.name, other, 'cipguard_enc_to_text', 'decrypts, for roles that may read');
			END IF;
		END LOOP;
		EXECUTE pg_catalog.format(outward, t.name, 'name', 'cipguard_enc_to_name', 'decrypts, for roles that may read');
		-- row_to_json() and its like use the cast to json for every column.
		EXECUTE pg_catalog.format(outward, t.name, 'json', 'cipguard_enc_to_json', 'plaintext for roles that may read, armor for others');
		IF t.name OPERATOR(pg_catalog.<>) 'jsonb' THEN
			EXECUTE pg_catalog.format(outward, t.name, 'jsonb', 'cipguard_enc_to_jsonb', 'plaintext for roles that may read, armor for others');
		END IF;
		FOREACH other IN ARRAY t.others
		LOOP
			EXECUTE pg_catalog.format(inward, t.name, other);
		END LOOP;
	END LOOP;
END
$do$;

-- Drivers send varchar, too.
CREATE FUNCTION cipguard.enc_text(varchar, integer, boolean) RETURNS cipguard.enc_text
	AS 'MODULE_PATHNAME', 'cipguard_text_to_enc'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text(varchar, integer, boolean) IS 'encrypts text';

CREATE FUNCTION cipguard.enc_text(bpchar, integer, boolean) RETURNS cipguard.enc_text
	AS 'MODULE_PATHNAME', 'cipguard_bpchar_to_enc'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_text(bpchar, integer, boolean) IS 'encrypts text, without the padding of char(n)';

CREATE CAST (varchar AS cipguard.enc_text) WITH FUNCTION cipguard.enc_text(varchar, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (varchar AS cipguard.enc_text) IS 'encrypts';
CREATE CAST (bpchar AS cipguard.enc_text) WITH FUNCTION cipguard.enc_text(bpchar, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (bpchar AS cipguard.enc_text) IS 'encrypts';

-- Drivers send numbers and dates for text, too; PostgreSQL assigns any type to
-- text by its output.  Not those that print in another way than they cast.
DO $cast$
DECLARE
	source text;
BEGIN
	FOREACH source IN ARRAY '{smallint,integer,bigint,numeric,real,double precision,date,timestamp,timestamptz,uuid}'::text[] LOOP
		EXECUTE pg_catalog.format('CREATE CAST (%1$s AS cipguard.enc_text) WITH INOUT AS ASSIGNMENT', source);
		EXECUTE pg_catalog.format('COMMENT ON CAST (%1$s AS cipguard.enc_text) IS %2$L', source, 'encrypts what the value prints as');
	END LOOP;
END
$cast$;

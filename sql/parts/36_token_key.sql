-- Rotation of token keys.
CREATE FUNCTION cipguard.token_domain_tables(token_domain text, OUT relation regclass) RETURNS SETOF regclass
	AS 'MODULE_PATHNAME', 'cipguard_token_domain_tables'
	LANGUAGE C STABLE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.token_domain_tables(text) IS 'tables and materialized views with columns that can hold values of a token domain: what rotate_token_key() locks';
REVOKE ALL ON FUNCTION cipguard.token_domain_tables(text) FROM PUBLIC;

CREATE FUNCTION cipguard.rotate_token_key(token_domain text, suite text DEFAULT NULL) RETURNS bigint
	AS 'MODULE_PATHNAME', 'cipguard_rotate_token_key'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.rotate_token_key(text, text) IS 'makes the next token key of a domain, in another suite if asked, and writes all tables of the domain anew while nobody else can use them; returns the number of values';
REVOKE ALL ON FUNCTION cipguard.rotate_token_key(text, text) FROM PUBLIC;

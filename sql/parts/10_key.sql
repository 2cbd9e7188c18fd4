-- Keys, wrapped by the key-encryption key.  Columns in the order of keyring.c.
CREATE TABLE cipguard.data_key (
	kind "char" NOT NULL CHECK (kind OPERATOR(pg_catalog.=) ANY (ARRAY['d', 't', 's']::"char"[])),
	owner integer NOT NULL,
	owner_name text,
	version integer NOT NULL CHECK (version OPERATOR(pg_catalog.>=) 1 AND version OPERATOR(pg_catalog.<=) 65535),
	state text NOT NULL DEFAULT 'active'
		CHECK (state OPERATOR(pg_catalog.=) ANY (ARRAY['active', 'retiring', 'destroyed'])),
	kek_id bytea,
	wrapped bytea,
	created timestamptz NOT NULL DEFAULT pg_catalog.now(),
	retired timestamptz,
	PRIMARY KEY (kind, owner, version),
	CHECK ((state OPERATOR(pg_catalog.=) 'destroyed') OPERATOR(pg_catalog.=) (wrapped IS NULL))
);
COMMENT ON TABLE cipguard.data_key IS 'data keys, token keys and the signing key of seals, each wrapped by the key-encryption key (AES-256-KWP, RFC 5649)';
COMMENT ON COLUMN cipguard.data_key.kind IS 'd: data key of a category; t: token key of a token domain; s: seed of the Ed25519 key that signs seals';
COMMENT ON COLUMN cipguard.data_key.owner IS 'number of the category or token domain, or of the name of the signing key';
COMMENT ON COLUMN cipguard.data_key.owner_name IS 'its name when the key was made';
COMMENT ON COLUMN cipguard.data_key.version IS 'version that the header of each value names, 1 to 65535';
COMMENT ON COLUMN cipguard.data_key.state IS 'active: encrypts and decrypts; retiring: decrypts; destroyed: gone';
COMMENT ON COLUMN cipguard.data_key.kek_id IS 'public name of the key-encryption key that wraps it';
COMMENT ON COLUMN cipguard.data_key.wrapped IS 'wrapped key';
COMMENT ON COLUMN cipguard.data_key.retired IS 'when it was destroyed';
REVOKE ALL ON TABLE cipguard.data_key FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('cipguard.data_key', '');

CREATE TRIGGER invalidate_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.data_key
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.invalidate_cache();
ALTER TABLE cipguard.data_key ENABLE ALWAYS TRIGGER invalidate_cache;

CREATE FUNCTION cipguard.init() RETURNS integer
	AS 'MODULE_PATHNAME', 'cipguard_init'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.init() IS 'makes the keys that are missing and returns their number; refuses when the key-encryption key does not open the keys there are';
REVOKE ALL ON FUNCTION cipguard.init() FROM PUBLIC;

CREATE FUNCTION cipguard.restores_dump() RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_restores_dump'
	LANGUAGE C STABLE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.restores_dump() IS 'whether CREATE EXTENSION is part of a dump, which brings its own keys';
REVOKE ALL ON FUNCTION cipguard.restores_dump() FROM PUBLIC;

CREATE FUNCTION cipguard.kek_configured() RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_kek_configured'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.kek_configured() IS 'whether a source of the key-encryption key is configured';
REVOKE ALL ON FUNCTION cipguard.kek_configured() FROM PUBLIC;

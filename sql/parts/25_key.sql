-- Rotation, unsealing and escrow of keys.
CREATE FUNCTION cipguard.unseal() RETURNS text
	AS 'MODULE_PATHNAME', 'cipguard_unseal'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.unseal() IS 'fetches the key-encryption key anew, for all sessions of a preloaded server, and returns its public name; keeps the one there is if the new one does not open the keys of this database';
REVOKE ALL ON FUNCTION cipguard.unseal() FROM PUBLIC;

CREATE FUNCTION cipguard.seal_keys() RETURNS void
	AS 'MODULE_PATHNAME', 'cipguard_seal_keys'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.seal_keys() IS 'makes a preloaded server forget the key-encryption key until unseal(): no value is encrypted or decrypted';
REVOKE ALL ON FUNCTION cipguard.seal_keys() FROM PUBLIC;

CREATE FUNCTION cipguard.rotate_key(category text) RETURNS integer
	AS 'MODULE_PATHNAME', 'cipguard_rotate_key'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.rotate_key(text) IS 'makes a new version of the data key of a category, which new values take at once, and returns it; older versions decrypt';
REVOKE ALL ON FUNCTION cipguard.rotate_key(text) FROM PUBLIC;

CREATE FUNCTION cipguard.rotate_kek() RETURNS integer
	AS 'MODULE_PATHNAME', 'cipguard_rotate_kek'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.rotate_kek() IS 'wraps every key of this database by the current key-encryption key, and returns how many were wrapped by another';
REVOKE ALL ON FUNCTION cipguard.rotate_kek() FROM PUBLIC;

CREATE FUNCTION cipguard.selftest() RETURNS TABLE (test text, ok boolean)
	AS 'MODULE_PATHNAME', 'cipguard_selftest'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	ROWS 20;
COMMENT ON FUNCTION cipguard.selftest() IS 'known-answer tests of the cryptography; after a failure the session uses no key any more';
REVOKE ALL ON FUNCTION cipguard.selftest() FROM PUBLIC;

CREATE FUNCTION cipguard.export_keys(pgp_public_key text) RETURNS text
	AS 'MODULE_PATHNAME', 'cipguard_export_keys'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.export_keys(text) IS 'all keys as an armored OpenPGP message to a public key; for superusers in a maintenance window';
REVOKE ALL ON FUNCTION cipguard.export_keys(text) FROM PUBLIC;

CREATE FUNCTION cipguard.import_keys(message text, private_key_file text, passphrase_file text DEFAULT NULL) RETURNS integer
	AS 'MODULE_PATHNAME', 'cipguard_import_keys'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.import_keys(text, text, text) IS 'adds the keys of a message of export_keys() that are missing, and returns their number; reads the private key and its passphrase from files of the server; for superusers';
REVOKE ALL ON FUNCTION cipguard.import_keys(text, text, text) FROM PUBLIC;

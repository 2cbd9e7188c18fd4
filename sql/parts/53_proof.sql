-- Proofs: what lets somebody who does not trust the server check the audit
-- log, and what shows a cut or rewritten one.
--
-- Rows of audit_anchor are written by C code (src/seal_anchor.c), which knows
-- the order of its columns. They are for the people of this server; the proof
-- is what the command in cipguard.anchor_command has kept.

CREATE TABLE cipguard.audit_anchor (
	tree_size bigint NOT NULL,
	root bytea NOT NULL,
	target text NOT NULL,
	succeeded boolean NOT NULL,
	receipt text,
	at timestamptz NOT NULL
);
REVOKE ALL ON TABLE cipguard.audit_anchor FROM PUBLIC;
COMMENT ON TABLE cipguard.audit_anchor IS
	'checkpoints of the audit log that were given away';
COMMENT ON COLUMN cipguard.audit_anchor.tree_size IS
	'number of blocks';
COMMENT ON COLUMN cipguard.audit_anchor.root IS
	'root of the tree over their heads';
COMMENT ON COLUMN cipguard.audit_anchor.target IS
	'command (cipguard.anchor_command) or log (cipguard.anchor_log)';
COMMENT ON COLUMN cipguard.audit_anchor.succeeded IS
	'whether the command exited with 0';
COMMENT ON COLUMN cipguard.audit_anchor.receipt IS
	'first line of what the command printed, or what went wrong';
CREATE INDEX audit_anchor_size_idx ON cipguard.audit_anchor
	USING btree (tree_size);
COMMENT ON INDEX cipguard.audit_anchor_size_idx IS
	'anchors in the order of the log';
CREATE INDEX audit_anchor_at_idx ON cipguard.audit_anchor USING btree (at);
COMMENT ON INDEX cipguard.audit_anchor_at_idx IS
	'the last attempt';

CREATE TRIGGER audit_protect_statement
	BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.audit_anchor
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.audit_protect();
ALTER TABLE cipguard.audit_anchor
	ENABLE ALWAYS TRIGGER audit_protect_statement;
CREATE TRIGGER audit_protect_row
	BEFORE INSERT OR UPDATE OR DELETE ON cipguard.audit_anchor
	FOR EACH ROW EXECUTE FUNCTION cipguard.audit_protect();
ALTER TABLE cipguard.audit_anchor ENABLE ALWAYS TRIGGER audit_protect_row;

CREATE FUNCTION cipguard.seal_public_key() RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'cipguard_seal_public_key';
REVOKE ALL ON FUNCTION cipguard.seal_public_key() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.seal_public_key() IS
	'public key that checks signatures of checkpoints, as a verifier of c2sp.org/signed-note';

CREATE FUNCTION cipguard.audit_checkpoint() RETURNS text
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_audit_checkpoint';
REVOKE ALL ON FUNCTION cipguard.audit_checkpoint() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_checkpoint() IS
	'signed state of the sealed audit log (c2sp.org/tlog-checkpoint); null before the first block';

CREATE FUNCTION cipguard.check_anchor(
	checkpoint text,
	OUT verdict text,
	OUT block bigint,
	OUT explanation text
)
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_check_anchor';
REVOKE ALL ON FUNCTION cipguard.check_anchor(text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.check_anchor(text) IS
	'compares the audit log with a checkpoint that was kept elsewhere: ok, rewritten, truncated, fork, another log, bad signature, no checkpoint; block is the first that is not known to be as it was';

CREATE FUNCTION cipguard.audit_proof(event_id bigint) RETURNS json
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_audit_proof';
REVOKE ALL ON FUNCTION cipguard.audit_proof(bigint) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_proof(bigint) IS
	'proof that an event is in the audit log, to be checked outside of the server';

CREATE FUNCTION cipguard.audit_consistency(size1 bigint, size2 bigint)
	RETURNS json
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_audit_consistency';
REVOKE ALL ON FUNCTION cipguard.audit_consistency(bigint, bigint)
	FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_consistency(bigint, bigint) IS
	'proof that the audit log of size2 blocks begins with the one of size1 blocks';

CREATE FUNCTION cipguard.anchor(at_once boolean DEFAULT true) RETURNS bigint
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_anchor';
REVOKE ALL ON FUNCTION cipguard.anchor(boolean) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.anchor(boolean) IS
	'gives the newest checkpoint to cipguard.anchor_command and the server log and returns its number of blocks; if not at once, only when it is due';

-- Applications that may say for whom they act. Columns in the order of
-- src/app_token.c. A key is revoked, never deleted: the log names its user as
-- verified.
CREATE TABLE cipguard.app_key (
	name text PRIMARY KEY
		CHECK (name OPERATOR(pg_catalog.<>) '' AND pg_catalog.octet_length(name) OPERATOR(pg_catalog.<=) 200),
	public_key bytea NOT NULL UNIQUE
		CHECK (pg_catalog.octet_length(public_key) OPERATOR(pg_catalog.=) 32),
	added_by text NOT NULL,
	added_at timestamptz NOT NULL,
	revoked_by text,
	revoked_at timestamptz
);
REVOKE ALL ON TABLE cipguard.app_key FROM PUBLIC;
COMMENT ON TABLE cipguard.app_key IS
	'applications whose tokens (cipguard.app_token) verify for whom they act, with those revoked';
COMMENT ON COLUMN cipguard.app_key.public_key IS
	'32 bytes of an Ed25519 key';
COMMENT ON COLUMN cipguard.app_key.added_by IS
	'login role of the officer';
SELECT pg_catalog.pg_extension_config_dump('cipguard.app_key', '');

CREATE TRIGGER invalidate_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.app_key
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.invalidate_cache();
ALTER TABLE cipguard.app_key ENABLE ALWAYS TRIGGER invalidate_cache;

CREATE FUNCTION cipguard.note_app_key() RETURNS trigger
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_note_app_key';
REVOKE ALL ON FUNCTION cipguard.note_app_key() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.note_app_key() IS
	'trigger: records changes of the keys of applications in the audit log';
CREATE TRIGGER note_app_key AFTER INSERT OR UPDATE OR DELETE ON cipguard.app_key
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_app_key();
ALTER TABLE cipguard.app_key ENABLE ALWAYS TRIGGER note_app_key;

CREATE FUNCTION cipguard.app_public_key(public_key text) RETURNS bytea
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'cipguard_app_public_key';
REVOKE ALL ON FUNCTION cipguard.app_public_key(text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.app_public_key(text) IS
	'the 32 bytes of an Ed25519 public key in PEM, base64 or hexadecimal digits';

-- SECURITY DEFINER: officers have no right on the table, or they could change
-- a key in place, and with it whose users the log calls verified.
CREATE FUNCTION cipguard.add_app_key(name text, public_key text) RETURNS void
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF add_app_key.name IS NULL OR add_app_key.public_key IS NULL THEN
		RAISE EXCEPTION 'name and public key of an application must not be null'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Give both; the private key stays with the application.';
	END IF;
	INSERT INTO cipguard.app_key (name, public_key, added_by, added_at)
	VALUES (add_app_key.name, cipguard.app_public_key(add_app_key.public_key), session_user, pg_catalog.now());
END
$$;
REVOKE ALL ON FUNCTION cipguard.add_app_key(text, text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.add_app_key(text, text) IS
	'registers the Ed25519 public key of an application that signs tokens for its users';

-- SECURITY DEFINER: see add_app_key.
CREATE FUNCTION cipguard.revoke_app_key(name text) RETURNS void
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE cipguard.app_key k SET revoked_by = session_user, revoked_at = pg_catalog.now()
	WHERE k.name OPERATOR(pg_catalog.=) revoke_app_key.name AND k.revoked_at IS NULL;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no application "%" with a key in force', revoke_app_key.name
			USING ERRCODE = 'undefined_object', HINT = 'Table cipguard.app_key lists the applications.';
	END IF;
END
$$;
REVOKE ALL ON FUNCTION cipguard.revoke_app_key(text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.revoke_app_key(text) IS
	'lets no token of an application verify anybody any more';

CREATE FUNCTION cipguard.app_identity(
	OUT app_user text,
	OUT verified boolean
)
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'cipguard_app_identity';
REVOKE ALL ON FUNCTION cipguard.app_identity() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.app_identity() IS
	'for whom the session acts, and whether a token proves it; an error if the token is not valid';

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

-- Seal: the audit log as a chain of closed blocks.
--
-- Nothing of this is dumped: a restored database begins a new log, with
-- another number. Rows are written by C code past the executor, as in the log
-- itself, and the same triggers stop every statement.
--
-- The column order of the tables is known to src/seal.c and src/seal_purge.c.

CREATE TABLE cipguard.audit_identity (
	log_id uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
REVOKE ALL ON TABLE cipguard.audit_identity FROM PUBLIC;
COMMENT ON TABLE cipguard.audit_identity IS
	'number of this audit log; one row';
INSERT INTO cipguard.audit_identity DEFAULT VALUES;

CREATE TABLE cipguard.audit_block (
	block bigint NOT NULL PRIMARY KEY,
	log_id uuid NOT NULL,
	snapshot pg_snapshot NOT NULL,
	events bigint NOT NULL,
	root bytea NOT NULL,
	policy bytea NOT NULL,
	prev_head bytea NOT NULL,
	head bytea NOT NULL,
	timeline integer NOT NULL,
	system_id bigint NOT NULL,
	sealed_at timestamptz NOT NULL,
	tables oid[] NOT NULL,
	files oid[] NOT NULL,
	first_pages bigint[] NOT NULL,
	last_pages bigint[] NOT NULL
);
REVOKE ALL ON TABLE cipguard.audit_block FROM PUBLIC;
COMMENT ON TABLE cipguard.audit_block IS
	'closed blocks of the audit log';
COMMENT ON COLUMN cipguard.audit_block.block IS
	'number: 1 is the first';
COMMENT ON COLUMN cipguard.audit_block.snapshot IS
	'the block has the events of transactions that this snapshot shows and the one before does not';
COMMENT ON COLUMN cipguard.audit_block.root IS
	'root of the RFC 6962 tree over its events in the order (xid, seq)';
COMMENT ON COLUMN cipguard.audit_block.policy IS
	'SHA-256 of cipguard.policy_statement() then, refers to cipguard.audit_policy';
COMMENT ON COLUMN cipguard.audit_block.head IS
	'SHA-256 of all columns above and below up to sealed_at, see cipguard.audit_block_preimage';
COMMENT ON COLUMN cipguard.audit_block.tables IS
	'where its events were then; only saves reading the rest';

CREATE TABLE cipguard.audit_print (
	block bigint NOT NULL PRIMARY KEY,
	prints bytea NOT NULL
);
ALTER TABLE cipguard.audit_print ALTER COLUMN prints SET STORAGE EXTERNAL;
REVOKE ALL ON TABLE cipguard.audit_print FROM PUBLIC;
COMMENT ON TABLE cipguard.audit_print IS
	'fingerprints of the events of a block, to name the one that was changed';

CREATE TABLE cipguard.audit_policy (
	digest bytea NOT NULL PRIMARY KEY,
	statement text NOT NULL,
	first_block bigint NOT NULL
);
REVOKE ALL ON TABLE cipguard.audit_policy FROM PUBLIC;
COMMENT ON TABLE cipguard.audit_policy IS
	'what blocks found in force, see cipguard.policy_statement';

CREATE TABLE cipguard.audit_mark (
	block bigint NOT NULL PRIMARY KEY,
	next_xid xid8 NOT NULL,
	tables oid[] NOT NULL,
	files oid[] NOT NULL,
	pages bigint[] NOT NULL
);
REVOKE ALL ON TABLE cipguard.audit_mark FROM PUBLIC;
COMMENT ON TABLE cipguard.audit_mark IS
	'where the next block has to look for events';

CREATE TABLE cipguard.audit_purge (
	seq bigint NOT NULL,
	xid xid8 NOT NULL,
	ts timestamptz NOT NULL,
	session_id bigint NOT NULL,
	cur_role text NOT NULL,
	leaf text NOT NULL,
	lower timestamptz NOT NULL,
	upper timestamptz NOT NULL,
	events bigint NOT NULL,
	regulation text NOT NULL,
	reason text,
	blocks bigint[] NOT NULL
) WITH (vacuum_truncate = off);
REVOKE ALL ON TABLE cipguard.audit_purge FROM PUBLIC;
COMMENT ON TABLE cipguard.audit_purge IS
	'months that were purged from the audit log; part of the log itself';
COMMENT ON COLUMN cipguard.audit_purge.blocks IS
	'blocks of which nothing is left: first and last of each run';

CREATE TABLE cipguard.audit_kept_node (
	block bigint NOT NULL,
	level integer NOT NULL,
	index bigint NOT NULL,
	hash bytea NOT NULL,
	PRIMARY KEY (block, level, index)
);
REVOKE ALL ON TABLE cipguard.audit_kept_node FROM PUBLIC;
COMMENT ON TABLE cipguard.audit_kept_node IS
	'roots of the subtrees of purged events, of blocks of which something is left';

DO $$
DECLARE
	part name;
BEGIN
	FOREACH part IN ARRAY ARRAY['audit_identity', 'audit_block', 'audit_print', 'audit_policy', 'audit_mark', 'audit_purge', 'audit_kept_node'] LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER audit_protect_statement
			BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.%I
			FOR EACH STATEMENT EXECUTE FUNCTION cipguard.audit_protect()', part);
		EXECUTE pg_catalog.format('ALTER TABLE cipguard.%I ENABLE ALWAYS TRIGGER audit_protect_statement', part);
		EXECUTE pg_catalog.format('CREATE TRIGGER audit_protect_row
			BEFORE INSERT OR UPDATE OR DELETE ON cipguard.%I
			FOR EACH ROW EXECUTE FUNCTION cipguard.audit_protect()', part);
		EXECUTE pg_catalog.format('ALTER TABLE cipguard.%I ENABLE ALWAYS TRIGGER audit_protect_row', part);
	END LOOP;
END
$$;

CREATE FUNCTION cipguard.seal() RETURNS bigint
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_seal';
REVOKE ALL ON FUNCTION cipguard.seal() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.seal() IS
	'closes a block over the events that were committed since the last; its number, or null if there was nothing to close';

CREATE FUNCTION cipguard.audit_block_preimage(block bigint) RETURNS bytea
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'cipguard_audit_block_preimage';
REVOKE ALL ON FUNCTION cipguard.audit_block_preimage(bigint) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_block_preimage(bigint) IS
	'bytes whose SHA-256 is the head of a block; null if there is no such block';

CREATE FUNCTION cipguard.audit_canonical(event bigint) RETURNS bytea
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'cipguard_audit_canonical';
REVOKE ALL ON FUNCTION cipguard.audit_canonical(bigint) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_canonical(bigint) IS
	'canonical encoding of an event: its leaf is SHA-256 of a zero byte and these bytes; null if there is no such event';

CREATE FUNCTION cipguard.audit_block_leaves(block bigint) RETURNS TABLE (
	place bigint,
	level integer,
	event bigint,
	xid xid8,
	hash bytea
)
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'cipguard_audit_block_leaves';
REVOKE ALL ON FUNCTION cipguard.audit_block_leaves(bigint) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_block_leaves(bigint) IS
	'leaves of the tree of a block as the log has them now; of purged events subtrees of 2^level leaves';

CREATE FUNCTION cipguard.audit_verify(from_block bigint DEFAULT NULL, to_block bigint DEFAULT NULL)
	RETURNS TABLE (
		status text,
		block bigint,
		event bigint,
		finding text,
		detail text
	)
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_audit_verify';
REVOKE ALL ON FUNCTION cipguard.audit_verify(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_verify(bigint, bigint) IS
	'checks the audit log against its blocks: a row for each error and for what is worth a note, then "ok" or "failed"';

-- Not of the same name, which would make literals ambiguous.
CREATE FUNCTION cipguard.audit_verify_span(since timestamptz, until timestamptz DEFAULT NULL)
	RETURNS TABLE (
		status text,
		block bigint,
		event bigint,
		finding text,
		detail text
	)
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_audit_verify_span';
REVOKE ALL ON FUNCTION cipguard.audit_verify_span(timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_verify_span(timestamptz, timestamptz) IS
	'the same as cipguard.audit_verify for the blocks that were closed in a span of time and the one after; a null is no limit';

CREATE FUNCTION cipguard.purge_audit(before timestamptz, reason text DEFAULT NULL)
	RETURNS TABLE (
		month text,
		events bigint
	)
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_purge_audit';
REVOKE ALL ON FUNCTION cipguard.purge_audit(timestamptz, text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.purge_audit(timestamptz, text) IS
	'drops the months of the audit log that ended before, if the law allows it; what remains still verifies';

-- Workers that keep the audit log up to date (src/worker.c).

CREATE FUNCTION cipguard.worker_status_rows() RETURNS TABLE (
	database text,
	state text,
	pid integer,
	role text,
	cycles bigint,
	last_cycle timestamptz,
	last_ingest timestamptz,
	ingested bigint,
	pending_bytes bigint,
	failed_at timestamptz,
	error_code text,
	error text
)
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'cipguard_worker_status';
REVOKE ALL ON FUNCTION cipguard.worker_status_rows() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.worker_status_rows() IS
	'what the workers of all databases do; empty unless preloaded';

CREATE VIEW cipguard.worker_status AS
	SELECT w.database, w.state, w.pid, w.role, w.cycles, w.last_cycle,
		w.last_ingest, w.ingested, w.pending_bytes, w.failed_at, w.error_code,
		w.error
	FROM cipguard.worker_status_rows() w;
REVOKE ALL ON TABLE cipguard.worker_status FROM PUBLIC;
COMMENT ON VIEW cipguard.worker_status IS
	'workers of the audit log, by database';
COMMENT ON COLUMN cipguard.worker_status.state IS
	'idle, starting or running';
COMMENT ON COLUMN cipguard.worker_status.role IS
	'primary: takes events into the log; standby: forwards them';
COMMENT ON COLUMN cipguard.worker_status.cycles IS
	'since the server started';
COMMENT ON COLUMN cipguard.worker_status.ingested IS
	'events taken in or forwarded since the server started';
COMMENT ON COLUMN cipguard.worker_status.pending_bytes IS
	'bytes of the spool that the last cycle left';
COMMENT ON COLUMN cipguard.worker_status.failed_at IS
	'last cycle, if a part of it failed';

-- Taking the disclosure journal into the log (src/ingest.c). Rows of these
-- tables are written past the executor, as those of the log are; the order of
-- their columns is known to src/ingest_state.c.

CREATE TABLE cipguard.audit_spool (
	node uuid NOT NULL,
	database oid NOT NULL,
	month integer NOT NULL,
	segment integer NOT NULL,
	head bytea NOT NULL,
	ingested bigint NOT NULL,
	records bigint NOT NULL,
	damaged bigint NOT NULL,
	forwarded boolean NOT NULL,
	closed_at timestamptz,
	removed_at timestamptz,
	PRIMARY KEY (node, database, month, segment, head)
) WITH (fillfactor = 70);
REVOKE ALL ON TABLE cipguard.audit_spool FROM PUBLIC;
COMMENT ON TABLE cipguard.audit_spool IS
	'how far segments of the disclosure journal were taken into the log';
COMMENT ON COLUMN cipguard.audit_spool.node IS
	'server that wrote the segment, as its spool directory names it';
COMMENT ON COLUMN cipguard.audit_spool.database IS
	'as pg_database.oid; 0: what happens outside of any';
COMMENT ON COLUMN cipguard.audit_spool.month IS
	'YYYYMM';
COMMENT ON COLUMN cipguard.audit_spool.head IS
	'digest of its first bytes: another file of that name is another segment';
COMMENT ON COLUMN cipguard.audit_spool.ingested IS
	'bytes from its beginning that were taken in';
COMMENT ON COLUMN cipguard.audit_spool.damaged IS
	'bytes of these that are no record';
COMMENT ON COLUMN cipguard.audit_spool.forwarded IS
	'a standby sends it';
COMMENT ON COLUMN cipguard.audit_spool.closed_at IS
	'when nothing could be added to it any more';
COMMENT ON COLUMN cipguard.audit_spool.removed_at IS
	'when it was gone';

CREATE TABLE cipguard.audit_intent (
	taken_at timestamptz NOT NULL,
	forwarded boolean NOT NULL,
	frame bytea NOT NULL
);
REVOKE ALL ON TABLE cipguard.audit_intent FROM PUBLIC;
COMMENT ON TABLE cipguard.audit_intent IS
	'statements that disclose and whose last record is not there yet';

CREATE TABLE cipguard.audit_query (
	query_id bigint NOT NULL,
	seq bigint NOT NULL,
	xid xid8 NOT NULL,
	ts timestamptz NOT NULL,
	text text NOT NULL
) WITH (vacuum_truncate = off);
REVOKE ALL ON TABLE cipguard.audit_query FROM PUBLIC;
COMMENT ON TABLE cipguard.audit_query IS
	'queries that disclosed, without their constants; part of the log itself';
COMMENT ON COLUMN cipguard.audit_query.query_id IS
	'beginning of the SHA-256 of the text';
CREATE INDEX audit_query_id_idx ON cipguard.audit_query
	USING btree (query_id);
COMMENT ON INDEX cipguard.audit_query_id_idx IS
	'look-up by records';

DO $$
DECLARE
	relation name;
BEGIN
	FOREACH relation IN ARRAY ARRAY['audit_spool', 'audit_intent', 'audit_query'] LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER audit_protect_statement
			BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.%I
			FOR EACH STATEMENT EXECUTE FUNCTION cipguard.audit_protect()', relation);
		EXECUTE pg_catalog.format('ALTER TABLE cipguard.%I ENABLE ALWAYS TRIGGER audit_protect_statement', relation);
		EXECUTE pg_catalog.format('CREATE TRIGGER audit_protect_row
			BEFORE INSERT OR UPDATE OR DELETE ON cipguard.%I
			FOR EACH ROW EXECUTE FUNCTION cipguard.audit_protect()', relation);
		EXECUTE pg_catalog.format('ALTER TABLE cipguard.%I ENABLE ALWAYS TRIGGER audit_protect_row', relation);
	END LOOP;
END
$$;

CREATE FUNCTION cipguard.ingest() RETURNS bigint
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_ingest';
REVOKE ALL ON FUNCTION cipguard.ingest() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.ingest() IS
	'takes records of the disclosure journal into the audit log; number of events';

-- What is not in the log yet is in files of the server that disclosed it: each
-- server, a standby too, shows its own.
CREATE FUNCTION cipguard.journal() RETURNS TABLE (
	ts timestamptz,
	kind text,
	login_role text,
	role text,
	app_user text,
	purpose text,
	relation text,
	columns text[],
	"values" bigint,
	subjects text[],
	remark text,
	session_id bigint,
	pid integer,
	client_addr text,
	application_name text,
	authentic boolean,
	app_verified boolean,
	detail text,
	query_id bigint,
	query text,
	statement bigint,
	node uuid,
	writer integer,
	started timestamptz,
	number bigint
)
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'cipguard_journal';
REVOKE ALL ON FUNCTION cipguard.journal() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.journal() IS
	'records of this server about this database that are not in the audit log yet, oldest segment first';

CREATE VIEW cipguard.disclosures AS
	SELECT e.seq AS event_id, e.ts, r.kind, r.login_role, e.cur_role AS role,
		e.app_user, e.purpose, e.relname AS relation, r.columns, r."values",
		r.subjects, r.remark, r.client_addr, r.application_name,
		r.session_id, r.pid, r.authentic, r.app_verified, r.detail,
		r.query_id, r.query, r.statement, r.node, r.writer, r.started,
		r.number
	FROM cipguard.audit_event e, cipguard.audit_record(e.new) r
	WHERE e.spooled
		AND e.kind OPERATOR(pg_catalog.=) ANY ('{R,E}'::"char"[])
		AND r.kind OPERATOR(pg_catalog.=) ANY ('{read,dump}'::text[])
	UNION ALL
	SELECT NULL::bigint, j.ts, j.kind, j.login_role, j.role, j.app_user,
		j.purpose, j.relation, j.columns, j."values", j.subjects, j.remark,
		j.client_addr, j.application_name, j.session_id, j.pid, j.authentic,
		j.app_verified, j.detail, j.query_id, j.query, j.statement, j.node,
		j.writer, j.started, j.number
	FROM cipguard.journal() j
	WHERE j.kind OPERATOR(pg_catalog.=) ANY ('{read,dump}'::text[]);
REVOKE ALL ON TABLE cipguard.disclosures FROM PUBLIC;
COMMENT ON VIEW cipguard.disclosures IS
	'what plaintext was given to whom, for auditors; order by ts';
COMMENT ON COLUMN cipguard.disclosures.event_id IS
	'number in the audit log; null: in the journal of this server only';
COMMENT ON COLUMN cipguard.disclosures.ts IS
	'clock when the record was written, at the latest when the statement ended';
COMMENT ON COLUMN cipguard.disclosures.kind IS
	'read, or dump: stored values were given under row_security = off';
COMMENT ON COLUMN cipguard.disclosures.login_role IS
	'role that logged in; SET SESSION AUTHORIZATION does not change it';
COMMENT ON COLUMN cipguard.disclosures.role IS
	'role that acted';
COMMENT ON COLUMN cipguard.disclosures.relation IS
	'table, as it was named then';
COMMENT ON COLUMN cipguard.disclosures.columns IS
	'columns, as they were named then; empty where they are not known';
COMMENT ON COLUMN cipguard.disclosures."values" IS
	'number of values';
COMMENT ON COLUMN cipguard.disclosures.subjects IS
	'persons they are about, each once; null where they are not known';
COMMENT ON COLUMN cipguard.disclosures.remark IS
	'why there are no subjects, or not all';
COMMENT ON COLUMN cipguard.disclosures.session_id IS
	'refers to cipguard.audit_session if the session changed anything audited; null of a parallel worker';
COMMENT ON COLUMN cipguard.disclosures.pid IS
	'process; of a parallel worker its leader';
COMMENT ON COLUMN cipguard.disclosures.authentic IS
	'is the record as it was written? null: that cannot be told';
COMMENT ON COLUMN cipguard.disclosures.query IS
	'the statement, without its constants';
COMMENT ON COLUMN cipguard.disclosures.statement IS
	'number of the statement in its process: records of one have it in common';
COMMENT ON COLUMN cipguard.disclosures.node IS
	'server that disclosed';
COMMENT ON COLUMN cipguard.disclosures.number IS
	'counts the records of a writer since it started: a gap means that one was removed';

-- A standby sends its records by these; they ask for the attribute REPLICATION.
CREATE FUNCTION cipguard.ingest_frames(node uuid, database oid, month integer, segment integer, head bytea, start bigint, frames bytea, final boolean)
	RETURNS bigint
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_ingest_frames';
REVOKE ALL ON FUNCTION cipguard.ingest_frames(uuid, oid, integer, integer, bytea, bigint, bytea, boolean) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.ingest_frames(uuid, oid, integer, integer, bytea, bigint, bytea, boolean) IS
	'takes in a part of a segment of a standby; bytes of it that are in the log then';

CREATE FUNCTION cipguard.ingest_lost(node uuid, writers integer[], started bigint[])
	RETURNS bigint
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_ingest_lost';
REVOKE ALL ON FUNCTION cipguard.ingest_lost(uuid, integer[], bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.ingest_lost(uuid, integer[], bigint[]) IS
	'says which processes of a standby are gone';

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

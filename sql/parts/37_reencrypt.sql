-- Where keys are used, and moving values to the key and suite of today.

-- Reads every table, whoever owns it, and so says nothing of values: counts.
CREATE FUNCTION cipguard.key_use() RETURNS TABLE (
	kind "char",
	owner integer,
	version integer,
	relation regclass,
	attribute text,
	place text,
	rows bigint
)
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	ROWS 100
	AS 'MODULE_PATHNAME', 'cipguard_key_use';
REVOKE ALL ON FUNCTION cipguard.key_use() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.key_use() IS 'how many stored values use each version of each key, by place: column, constant (of a default, view, function ...), index (that decrypts to compare), audit (images of the log)';

-- Columns are known to src/reencrypt_job.c.  Not dumped: what a dump holds is
-- no farther than it was, and has other tables.
CREATE TABLE cipguard.reencrypt_job (
	relation oid PRIMARY KEY,
	relname text NOT NULL,
	role text NOT NULL,
	batch integer NOT NULL,
	background boolean NOT NULL,
	state text NOT NULL DEFAULT 'queued'
		CHECK (state OPERATOR(pg_catalog.=) ANY (ARRAY['queued', 'running', 'waiting', 'done', 'failed', 'stopped'])),
	leaf oid NOT NULL DEFAULT 0,
	next_block bigint NOT NULL DEFAULT 0,
	end_block bigint NOT NULL DEFAULT 0,
	blocks_done bigint NOT NULL DEFAULT 0,
	blocks_total bigint NOT NULL DEFAULT 0,
	rows bigint NOT NULL DEFAULT 0,
	renewed bigint NOT NULL DEFAULT 0,
	skipped bigint NOT NULL DEFAULT 0,
	moved bigint NOT NULL DEFAULT 0,
	leftover bigint NOT NULL DEFAULT 0,
	pass integer NOT NULL DEFAULT 0,
	begun bigint NOT NULL DEFAULT 0,
	failures integer NOT NULL DEFAULT 0,
	last_error text,
	asked timestamptz NOT NULL DEFAULT pg_catalog.now(),
	started timestamptz,
	updated timestamptz NOT NULL DEFAULT pg_catalog.now(),
	not_before timestamptz NOT NULL DEFAULT pg_catalog.now(),
	finished timestamptz
) WITH (fillfactor = 50);
REVOKE ALL ON TABLE cipguard.reencrypt_job FROM PUBLIC;
COMMENT ON TABLE cipguard.reencrypt_job IS 'tables that are being encrypted anew, and how far each is';
COMMENT ON COLUMN cipguard.reencrypt_job.relation IS 'table, as pg_class.oid';
COMMENT ON COLUMN cipguard.reencrypt_job.leaf IS 'the table below it that is at work, 0: none yet';
COMMENT ON COLUMN cipguard.reencrypt_job.next_block IS 'block of that with which the next batch begins';
COMMENT ON COLUMN cipguard.reencrypt_job.skipped IS 'rows that this pass left because others had locked them';
COMMENT ON COLUMN cipguard.reencrypt_job.moved IS 'rows that this pass replaced';
COMMENT ON COLUMN cipguard.reencrypt_job.leftover IS 'values that had to be renewed when the last pass had ended';
COMMENT ON COLUMN cipguard.reencrypt_job.begun IS 'transactions from this number on write under the current key';
COMMENT ON COLUMN cipguard.reencrypt_job.failures IS 'failed batches since the last good one; the worker gives up after five';

-- Whoever owns the table may see the job; so may officers and auditors.
CREATE VIEW cipguard.reencrypt_progress AS
	SELECT j.relation::regclass AS relation, j.state, j.background,
		j.blocks_done, j.blocks_total, j.renewed AS values_renewed,
		j.rows AS rows_replaced, j.skipped AS rows_skipped, j.pass, j.started,
		CASE WHEN j.state OPERATOR(pg_catalog.=) 'running' AND j.pass OPERATOR(pg_catalog.=) 1
				AND j.blocks_done OPERATOR(pg_catalog.>) 0
				AND j.blocks_total OPERATOR(pg_catalog.>=) j.blocks_done
			THEN j.updated OPERATOR(pg_catalog.+) ((j.updated OPERATOR(pg_catalog.-) j.started) OPERATOR(pg_catalog.*)
				((j.blocks_total OPERATOR(pg_catalog.-) j.blocks_done)::double precision
					OPERATOR(pg_catalog./) j.blocks_done::double precision))
		END AS eta,
		j.finished, j.failures, j.last_error
	FROM cipguard.reencrypt_job j
	WHERE EXISTS (SELECT FROM pg_catalog.pg_class c
			WHERE c.oid OPERATOR(pg_catalog.=) j.relation AND pg_catalog.pg_has_role(c.relowner, 'USAGE'))
		OR pg_catalog.pg_has_role('cipguard_officer', 'USAGE')
		OR pg_catalog.pg_has_role('cipguard_auditor', 'USAGE');
REVOKE ALL ON TABLE cipguard.reencrypt_progress FROM PUBLIC;
COMMENT ON VIEW cipguard.reencrypt_progress IS 'tables that are being encrypted anew, for their owners, officers and auditors';
COMMENT ON COLUMN cipguard.reencrypt_progress.state IS 'queued, running, waiting (for locks or transactions of others), done, failed, stopped';
COMMENT ON COLUMN cipguard.reencrypt_progress.background IS 'is it a matter of the worker?';
COMMENT ON COLUMN cipguard.reencrypt_progress.blocks_done IS 'of the current pass';
COMMENT ON COLUMN cipguard.reencrypt_progress.rows_skipped IS 'rows of the current pass that others had locked: the next will find them';
COMMENT ON COLUMN cipguard.reencrypt_progress.eta IS 'when the first pass will end, if it goes on so';

CREATE FUNCTION cipguard.queue_reencrypt(relation regclass, batch integer, background boolean) RETURNS void
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_queue_reencrypt';
REVOKE ALL ON FUNCTION cipguard.queue_reencrypt(regclass, integer, boolean) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.queue_reencrypt(regclass, integer, boolean) IS 'notes that a table is to be encrypted anew (its owner, officers)';

CREATE FUNCTION cipguard.start_reencrypt(relation regclass, batch integer DEFAULT 1000) RETURNS void
	LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT cipguard.queue_reencrypt(relation, batch, true) $$;
REVOKE ALL ON FUNCTION cipguard.start_reencrypt(regclass, integer) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.start_reencrypt(regclass, integer) IS 'lets the background worker encrypt a table anew where key or suite are not those of today (its owner, officers)';

CREATE FUNCTION cipguard.stop_reencrypt(relation regclass) RETURNS boolean
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_stop_reencrypt';
REVOKE ALL ON FUNCTION cipguard.stop_reencrypt(regclass) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.stop_reencrypt(regclass) IS 'ends that after the batch at work; what is renewed stays so';

CREATE FUNCTION cipguard.reencrypt_step(relation regclass) RETURNS integer
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_reencrypt_step';
REVOKE ALL ON FUNCTION cipguard.reencrypt_step(regclass) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.reencrypt_step(regclass) IS 'one batch of that: milliseconds until the next, null when there is none';

-- A procedure that commits can neither be SECURITY DEFINER nor pin a setting.
CREATE PROCEDURE cipguard.reencrypt(relation regclass, batch integer DEFAULT 1000)
	LANGUAGE plpgsql
AS $$
DECLARE
	nap integer;
	told text;
BEGIN
	PERFORM cipguard.queue_reencrypt(relation, batch, false);
	COMMIT;
	LOOP
		nap := cipguard.reencrypt_step(relation);
		COMMIT;
		EXIT WHEN nap IS NULL;
		IF nap OPERATOR(pg_catalog.>) 0 THEN
			PERFORM pg_catalog.pg_sleep(nap::double precision OPERATOR(pg_catalog./) 1000::double precision);
			COMMIT;
		END IF;
	END LOOP;
	SELECT pg_catalog.format('%s values in %s rows encrypted anew', p.values_renewed, p.rows_replaced)
		INTO told
		FROM cipguard.reencrypt_progress p
		WHERE p.relation OPERATOR(pg_catalog.=) reencrypt.relation;
	RAISE NOTICE '%', told;
END
$$;
REVOKE ALL ON PROCEDURE cipguard.reencrypt(regclass, integer) FROM PUBLIC;
COMMENT ON PROCEDURE cipguard.reencrypt(regclass, integer) IS 'encrypts a table anew where key or suite are not those of today, a transaction for each batch (its owner, officers)';

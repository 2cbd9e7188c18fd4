-- The disclosure journal: which plaintext was given to whom. It is in files of
-- the server (src/journal_file.c), so it is no table, is not dumped, and a
-- standby has one of its own.
--
-- The order of the columns is known to src/journal_view.c.

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
	application_name text
)
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'cipguard_journal';
REVOKE ALL ON FUNCTION cipguard.journal() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.journal() IS
	'records of this server about plaintext of this database that was given away, oldest month first';

CREATE VIEW cipguard.disclosures AS
	SELECT j.ts, j.kind, j.login_role, j.role, j.app_user, j.purpose,
		j.relation, j.columns, j."values", j.subjects, j.remark,
		j.client_addr, j.application_name, j.session_id, j.pid
	FROM cipguard.journal() j
	WHERE j.kind OPERATOR(pg_catalog.=) ANY ('{read,dump}'::text[]);
REVOKE ALL ON TABLE cipguard.disclosures FROM PUBLIC;
COMMENT ON VIEW cipguard.disclosures IS
	'the disclosure journal of this server for auditors; order by ts';
COMMENT ON COLUMN cipguard.disclosures.ts IS
	'clock when the record was written, at the latest when the statement ended';
COMMENT ON COLUMN cipguard.disclosures.kind IS
	'read, or the name of an event without values';
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
	'why there are no subjects, or that one was cut';
COMMENT ON COLUMN cipguard.disclosures.session_id IS
	'refers to cipguard.audit_session if the session changed anything audited; null of a parallel worker';
COMMENT ON COLUMN cipguard.disclosures.pid IS
	'process; of a parallel worker its leader';

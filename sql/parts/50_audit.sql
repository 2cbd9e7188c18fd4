-- Audit: who changed what in audited tables.
--
-- Nothing of this is dumped: a restored database begins a new log. Rows are
-- written by C code past the executor; the protecting triggers stop every SQL
-- statement, that of a superuser too. (He can disable a trigger or drop a
-- table; noticing that is the task of seals and anchors.)
--
-- The column order of the tables is known to src/audit_store.c and
-- src/audit_relation.h.

CREATE FUNCTION cipguard.audit_row() RETURNS trigger
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_audit_row';
REVOKE ALL ON FUNCTION cipguard.audit_row() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_row() IS
	'records an inserted, updated or deleted row (made by audit_table)';

CREATE FUNCTION cipguard.audit_truncate() RETURNS trigger
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_audit_truncate';
REVOKE ALL ON FUNCTION cipguard.audit_truncate() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_truncate() IS
	'records a TRUNCATE (made by audit_table)';

CREATE FUNCTION cipguard.audit_protect() RETURNS trigger
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_audit_protect';
REVOKE ALL ON FUNCTION cipguard.audit_protect() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_protect() IS
	'refuses any statement that would change the audit log';

-- Gaps mean nothing. Each value opens a block of numbers, which a session
-- hands out itself: that keeps the sequence off the hot path.
CREATE SEQUENCE cipguard.audit_event_seq AS bigint INCREMENT 128;
REVOKE ALL ON SEQUENCE cipguard.audit_event_seq FROM PUBLIC;
COMMENT ON SEQUENCE cipguard.audit_event_seq IS
	'orders rows of the audit log within one transaction';

CREATE TABLE cipguard.audit_event (
	seq bigint NOT NULL,
	xid xid8 NOT NULL,
	ts timestamptz NOT NULL,
	session_id bigint NOT NULL,
	subject bigint,
	relid oid NOT NULL,
	cmd integer NOT NULL,
	kind "char" NOT NULL,
	app_verified boolean NOT NULL,
	spooled boolean NOT NULL,
	relname text NOT NULL,
	cur_role text NOT NULL,
	app_user text,
	purpose text,
	cols smallint[],
	old bytea,
	new bytea,
	subjects bigint[]
) PARTITION BY LIST (spooled);
REVOKE ALL ON TABLE cipguard.audit_event FROM PUBLIC;
COMMENT ON TABLE cipguard.audit_event IS
	'audit events';
COMMENT ON COLUMN cipguard.audit_event.seq IS
	'order within a transaction; gaps mean nothing';
COMMENT ON COLUMN cipguard.audit_event.xid IS
	'top-level transaction';
COMMENT ON COLUMN cipguard.audit_event.ts IS
	'clock when the event happened';
COMMENT ON COLUMN cipguard.audit_event.session_id IS
	'refers to cipguard.audit_session';
COMMENT ON COLUMN cipguard.audit_event.subject IS
	'tag of the person the row is about, see cipguard.subject_tag';
COMMENT ON COLUMN cipguard.audit_event.relid IS
	'table, as pg_class.oid at that time';
COMMENT ON COLUMN cipguard.audit_event.cmd IS
	'command number within the transaction';
COMMENT ON COLUMN cipguard.audit_event.kind IS
	'I insert, U update, D delete, T truncate, G note; R disclosure, X refusal, L login, E other record';
COMMENT ON COLUMN cipguard.audit_event.app_verified IS
	'false: app_user is only what the session claimed';
COMMENT ON COLUMN cipguard.audit_event.spooled IS
	'the event did not depend on its transaction: it came through the spool';
COMMENT ON COLUMN cipguard.audit_event.relname IS
	'table, schema-qualified, as it was named then';
COMMENT ON COLUMN cipguard.audit_event.cur_role IS
	'role that acted';
COMMENT ON COLUMN cipguard.audit_event.app_user IS
	'user of the application (cipguard.app_user)';
COMMENT ON COLUMN cipguard.audit_event.purpose IS
	'purpose the session stated (cipguard.purpose)';
COMMENT ON COLUMN cipguard.audit_event.cols IS
	'attribute numbers of changed columns of an update; none: row moved between partitions';
COMMENT ON COLUMN cipguard.audit_event.old IS
	'row image: deleted row, or key and old values of changed columns';
COMMENT ON COLUMN cipguard.audit_event.new IS
	'row image: inserted row, or new values of changed columns; a note; or the frame of the spool';
COMMENT ON COLUMN cipguard.audit_event.subjects IS
	'tags of the persons a record is about';

CREATE TABLE cipguard.audit_change PARTITION OF cipguard.audit_event
	FOR VALUES IN (false) PARTITION BY RANGE (ts);
REVOKE ALL ON TABLE cipguard.audit_change FROM PUBLIC;
COMMENT ON TABLE cipguard.audit_change IS
	'events of committed transactions, by month (UTC)';
CREATE TABLE cipguard.audit_record PARTITION OF cipguard.audit_event
	FOR VALUES IN (true) PARTITION BY RANGE (ts);
REVOKE ALL ON TABLE cipguard.audit_record FROM PUBLIC;
COMMENT ON TABLE cipguard.audit_record IS
	'events that came through the spool, by month (UTC)';

-- A month that is being written has no btree, which would cost each change
-- more than its event: index_closed_months() makes them later.
CREATE INDEX audit_change_time_idx ON cipguard.audit_change
	USING brin (ts, seq) WITH (pages_per_range = 32, autosummarize = on);
COMMENT ON INDEX cipguard.audit_change_time_idx IS
	'events of a span of time, and one event';
CREATE INDEX audit_record_time_idx ON cipguard.audit_record
	USING brin (ts, seq) WITH (pages_per_range = 32, autosummarize = on);
COMMENT ON INDEX cipguard.audit_record_time_idx IS
	'records of a span of time, and one record';
CREATE INDEX audit_record_relation_idx ON cipguard.audit_record
	USING btree (relid, ts);
COMMENT ON INDEX cipguard.audit_record_relation_idx IS
	'records of a table';
CREATE INDEX audit_record_subjects_idx ON cipguard.audit_record
	USING gin (subjects);
COMMENT ON INDEX cipguard.audit_record_subjects_idx IS
	'records about a person';

-- The row trigger is for logical replication, whose apply worker fires no
-- statement triggers. Partitions get it as a clone, and the statement trigger
-- when they are made.
DO $$
DECLARE
	branch name;
BEGIN
	FOREACH branch IN ARRAY ARRAY['audit_event', 'audit_change', 'audit_record'] LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER audit_protect_statement
			BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.%I
			FOR EACH STATEMENT EXECUTE FUNCTION cipguard.audit_protect()', branch);
		EXECUTE pg_catalog.format('ALTER TABLE cipguard.%I ENABLE ALWAYS TRIGGER audit_protect_statement', branch);
	END LOOP;
END
$$;
CREATE TRIGGER audit_protect_row
	BEFORE INSERT OR UPDATE OR DELETE ON cipguard.audit_event
	FOR EACH ROW EXECUTE FUNCTION cipguard.audit_protect();
ALTER TABLE cipguard.audit_event ENABLE ALWAYS TRIGGER audit_protect_row;

CREATE TABLE cipguard.audit_session (
	session_id bigint NOT NULL,
	seq bigint NOT NULL,
	xid xid8 NOT NULL,
	ts timestamptz NOT NULL,
	backend_start timestamptz NOT NULL,
	pid integer NOT NULL,
	auth_user text,
	session_user_name text,
	system_user_name text,
	client_addr inet,
	client_port integer,
	application_name text,
	tls_version text,
	tls_cipher text,
	tls_client_dn text,
	database text,
	apply_worker boolean NOT NULL
) WITH (vacuum_truncate = off);
REVOKE ALL ON TABLE cipguard.audit_session FROM PUBLIC;
COMMENT ON TABLE cipguard.audit_session IS
	'sessions that wrote audit events; equal rows can repeat';
COMMENT ON COLUMN cipguard.audit_session.session_id IS
	'random number';
COMMENT ON COLUMN cipguard.audit_session.auth_user IS
	'role that logged in; SET SESSION AUTHORIZATION does not change it';
COMMENT ON COLUMN cipguard.audit_session.session_user_name IS
	'session_user; a change begins a new row';
COMMENT ON COLUMN cipguard.audit_session.system_user_name IS
	'authentication method and identity, on PostgreSQL 16 and later';
COMMENT ON COLUMN cipguard.audit_session.application_name IS
	'as the client sent it; a change begins a new row';
COMMENT ON COLUMN cipguard.audit_session.apply_worker IS
	'true for logical replication';
CREATE INDEX audit_session_id_idx ON cipguard.audit_session
	USING btree (session_id);
COMMENT ON INDEX cipguard.audit_session_id_idx IS
	'look-up by the audit log';

CREATE TRIGGER audit_protect_statement
	BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.audit_session
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.audit_protect();
ALTER TABLE cipguard.audit_session
	ENABLE ALWAYS TRIGGER audit_protect_statement;
CREATE TRIGGER audit_protect_row
	BEFORE INSERT OR UPDATE OR DELETE ON cipguard.audit_session
	FOR EACH ROW EXECUTE FUNCTION cipguard.audit_protect();
ALTER TABLE cipguard.audit_session ENABLE ALWAYS TRIGGER audit_protect_row;

CREATE TABLE cipguard.audit_schema (
	id bigint NOT NULL,
	seq bigint NOT NULL,
	xid xid8 NOT NULL,
	ts timestamptz NOT NULL,
	relid oid NOT NULL,
	relname text NOT NULL,
	attnums smallint[] NOT NULL,
	names text[] NOT NULL,
	types oid[] NOT NULL,
	type_names text[] NOT NULL
) WITH (vacuum_truncate = off);
REVOKE ALL ON TABLE cipguard.audit_schema FROM PUBLIC;
COMMENT ON TABLE cipguard.audit_schema IS
	'columns of audited tables as row images use them; equal rows can repeat';
COMMENT ON COLUMN cipguard.audit_schema.id IS
	'digest of what the row says; row images carry it';
COMMENT ON COLUMN cipguard.audit_schema.types IS
	'types, domains replaced by their base type';
CREATE INDEX audit_schema_id_idx ON cipguard.audit_schema USING btree (id);
COMMENT ON INDEX cipguard.audit_schema_id_idx IS
	'look-up by row images';

CREATE TRIGGER audit_protect_statement
	BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.audit_schema
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.audit_protect();
ALTER TABLE cipguard.audit_schema
	ENABLE ALWAYS TRIGGER audit_protect_statement;
CREATE TRIGGER audit_protect_row
	BEFORE INSERT OR UPDATE OR DELETE ON cipguard.audit_schema
	FOR EACH ROW EXECUTE FUNCTION cipguard.audit_protect();
ALTER TABLE cipguard.audit_schema ENABLE ALWAYS TRIGGER audit_protect_row;

CREATE FUNCTION cipguard.audit_table(relation regclass) RETURNS void
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_audit_table';
REVOKE ALL ON FUNCTION cipguard.audit_table(regclass) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_table(regclass) IS
	'starts recording changes of a table and the tables below it (its owner)';

CREATE FUNCTION cipguard.unaudit_table(relation regclass) RETURNS void
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_unaudit_table';
REVOKE ALL ON FUNCTION cipguard.unaudit_table(regclass) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.unaudit_table(regclass) IS
	'stops recording changes of a table and the tables below it (its owner)';

-- Triggers are not inherited, and those of TRUNCATE not even by partitions.
CREATE FUNCTION cipguard.audit_new_tables() RETURNS event_trigger
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_audit_new_tables';
REVOKE ALL ON FUNCTION cipguard.audit_new_tables() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_new_tables() IS
	'event trigger: audits tables that come below an audited table';
CREATE EVENT TRIGGER cipguard_audit_new_tables ON ddl_command_end
	WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE', 'CREATE FOREIGN TABLE',
		'ALTER FOREIGN TABLE', 'CREATE SCHEMA')
	EXECUTE FUNCTION cipguard.audit_new_tables();
ALTER EVENT TRIGGER cipguard_audit_new_tables ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER cipguard_audit_new_tables IS
	'audits tables that come below an audited table';

-- Runs with the rights of the caller, who has to own the log. A month is
-- left for the next time when somebody is writing to it still.
CREATE FUNCTION cipguard.index_closed_months() RETURNS integer
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	SET lock_timeout = '2s'
AS $$
DECLARE
	leaf record;
	made integer := 0;
BEGIN
	FOR leaf IN
		SELECT c.relname, c.oid, x.suffix, x.columns
		FROM pg_inherits i
		JOIN pg_class c ON c.oid = i.inhrelid,
			(VALUES ('subject', 'subject'), ('relation', 'relid, ts')) AS x (suffix, columns)
		WHERE i.inhparent = 'cipguard.audit_change'::regclass
			AND c.relname ~ '^audit_change_[0-9]{6}$'
			AND right(c.relname, 6) < to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')
			AND NOT EXISTS (SELECT FROM pg_index n JOIN pg_class k ON k.oid = n.indexrelid
				WHERE n.indrelid = c.oid AND k.relname = c.relname || '_' || x.suffix || '_idx')
		ORDER BY c.relname, x.suffix
	LOOP
		BEGIN
			EXECUTE format('CREATE INDEX %I ON cipguard.%I (%s)', leaf.relname || '_' || leaf.suffix || '_idx', leaf.relname, leaf.columns);
			made := made + 1;
		EXCEPTION WHEN lock_not_available THEN
			RAISE DEBUG 'table "%" is in use', leaf.relname;
		END;
	END LOOP;
	RETURN made;
END
$$;
REVOKE ALL ON FUNCTION cipguard.index_closed_months() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.index_closed_months() IS
	'indexes months of the audit log that are over; how many indexes it made';

CREATE FUNCTION cipguard.audit_image(relid oid, image bytea) RETURNS jsonb
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'cipguard_audit_image';
REVOKE ALL ON FUNCTION cipguard.audit_image(oid, bytea) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_image(oid, bytea) IS
	'a row image of the audit log as jsonb; protected values as armor';

CREATE FUNCTION cipguard.audit_columns(relid oid, image bytea, cols smallint[])
	RETURNS text[]
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'cipguard_audit_columns';
REVOKE ALL ON FUNCTION cipguard.audit_columns(oid, bytea, smallint[])
	FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_columns(oid, bytea, smallint[]) IS
	'names of the columns that an audit event changed';

-- A note is \x02, what happened, \x00 and details, in the encoding of the
-- database.
CREATE FUNCTION cipguard.audit_note(image bytea, part integer) RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'cipguard_audit_note';
REVOKE ALL ON FUNCTION cipguard.audit_note(bytea, integer) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_note(bytea, integer) IS
	'part of a note in the audit log: 1 what happened, 2 details';

CREATE FUNCTION cipguard.subject_tag(subject text) RETURNS bigint
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'cipguard_subject_tag';
REVOKE ALL ON FUNCTION cipguard.subject_tag(text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.subject_tag(text) IS
	'tag under which the audit log files a subject, to search for it';

-- The order of the columns is known to src/journal_view.c.
CREATE FUNCTION cipguard.audit_record(
	frame bytea,
	OUT ts timestamptz,
	OUT kind text,
	OUT login_role text,
	OUT role text,
	OUT app_user text,
	OUT purpose text,
	OUT relation text,
	OUT columns text[],
	OUT "values" bigint,
	OUT subjects text[],
	OUT remark text,
	OUT session_id bigint,
	OUT pid integer,
	OUT client_addr text,
	OUT application_name text,
	OUT authentic boolean,
	OUT app_verified boolean,
	OUT detail text,
	OUT query_id bigint,
	OUT query text,
	OUT statement bigint,
	OUT node uuid,
	OUT writer integer,
	OUT started timestamptz,
	OUT number bigint
)
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'cipguard_audit_record';
REVOKE ALL ON FUNCTION cipguard.audit_record(bytea) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_record(bytea) IS
	'what a record in the audit log (column new of a spooled event) says';

CREATE VIEW cipguard.audit_log AS
	SELECT e.seq, e.ts, e.xid,
		CASE
			WHEN e.kind OPERATOR(pg_catalog.=) 'I' THEN 'INSERT'
			WHEN e.kind OPERATOR(pg_catalog.=) 'U' THEN 'UPDATE'
			WHEN e.kind OPERATOR(pg_catalog.=) 'D' THEN 'DELETE'
			WHEN e.kind OPERATOR(pg_catalog.=) 'T' THEN 'TRUNCATE'
			WHEN e.kind OPERATOR(pg_catalog.=) 'G'
				THEN pg_catalog.upper(cipguard.audit_note(e.new, 1))
			WHEN e.kind OPERATOR(pg_catalog.=) 'R' THEN 'DISCLOSURE'
			WHEN e.kind OPERATOR(pg_catalog.=) 'X' THEN 'REFUSED'
			ELSE pg_catalog.upper((cipguard.audit_record(e.new)).kind)
		END AS action,
		e.relname AS relation,
		CASE WHEN e.spooled THEN (cipguard.audit_record(e.new)).login_role
			ELSE s.auth_user END AS login_role,
		s.session_user_name,
		e.cur_role,
		e.app_user,
		e.app_verified,
		e.purpose,
		e.subject,
		CASE WHEN e.kind OPERATOR(pg_catalog.=) 'U'
			THEN cipguard.audit_columns(e.relid, e.old, e.cols) END AS changed,
		cipguard.audit_image(e.relid, e.old) AS before,
		CASE WHEN NOT e.spooled THEN cipguard.audit_image(e.relid, e.new) END AS after,
		CASE WHEN e.kind OPERATOR(pg_catalog.=) 'G'
			THEN cipguard.audit_note(e.new, 2)
			WHEN e.spooled THEN (cipguard.audit_record(e.new)).detail
			END AS detail,
		e.kind OPERATOR(pg_catalog.<>) 'U' AND e.cols IS NOT NULL AS moved,
		s.client_addr,
		CASE WHEN e.spooled
			THEN (cipguard.audit_record(e.new)).application_name
			ELSE s.application_name END AS application_name,
		e.session_id
	FROM cipguard.audit_event e
	LEFT JOIN LATERAL (
		SELECT a.auth_user, a.session_user_name, a.client_addr,
			a.application_name
		FROM cipguard.audit_session a
		WHERE a.session_id OPERATOR(pg_catalog.=) e.session_id
		ORDER BY a.seq
		LIMIT 1
	) s ON true;
REVOKE ALL ON TABLE cipguard.audit_log FROM PUBLIC;
COMMENT ON VIEW cipguard.audit_log IS
	'the audit log for auditors; order by ts, or by seq within one xid';

CREATE VIEW cipguard.audited_tables AS
	SELECT c.oid::regclass AS relation,
		pg_catalog.bool_or(p.proname OPERATOR(pg_catalog.=) 'audit_row'
			AND t.tgenabled OPERATOR(pg_catalog.=) 'A') AS rows,
		pg_catalog.bool_or(p.proname OPERATOR(pg_catalog.=) 'audit_truncate'
			AND t.tgenabled OPERATOR(pg_catalog.=) 'A') AS truncates
	FROM pg_catalog.pg_trigger t
	JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.tgrelid
	JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) t.tgfoid
	JOIN pg_catalog.pg_namespace n
		ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
	WHERE n.nspname OPERATOR(pg_catalog.=) 'cipguard'
		AND p.proname OPERATOR(pg_catalog.=)
			ANY (ARRAY['audit_row', 'audit_truncate']::name[])
	GROUP BY c.oid;
REVOKE ALL ON TABLE cipguard.audited_tables FROM PUBLIC;
COMMENT ON VIEW cipguard.audited_tables IS
	'tables with audit triggers, and whether these are in force';

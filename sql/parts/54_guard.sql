-- The guard: what would switch the audit off, or change its log, is refused to
-- everybody (src/guard.c), unless an officer has opened a maintenance window.
--
-- The order of the columns is known to src/maintenance.c.

CREATE TABLE cipguard.maintenance (
	id bigint NOT NULL,
	ts timestamptz NOT NULL,
	officer text NOT NULL,
	cur_role text NOT NULL,
	reason text,
	until timestamptz,
	relation oid,
	closes bigint
);
REVOKE ALL ON TABLE cipguard.maintenance FROM PUBLIC;
COMMENT ON TABLE cipguard.maintenance IS
	'maintenance windows: a row when one is opened, another when it is closed early';
COMMENT ON COLUMN cipguard.maintenance.officer IS
	'role that logged in';
COMMENT ON COLUMN cipguard.maintenance.cur_role IS
	'role that acted';
COMMENT ON COLUMN cipguard.maintenance.relation IS
	'the window is for this table and those above and below it; null: for all';
COMMENT ON COLUMN cipguard.maintenance.closes IS
	'number of the window that this row closes';

CREATE TRIGGER audit_protect_statement
	BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.maintenance
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.audit_protect();
ALTER TABLE cipguard.maintenance ENABLE ALWAYS TRIGGER audit_protect_statement;
CREATE TRIGGER audit_protect_row
	BEFORE INSERT OR UPDATE OR DELETE ON cipguard.maintenance
	FOR EACH ROW EXECUTE FUNCTION cipguard.audit_protect();
ALTER TABLE cipguard.maintenance ENABLE ALWAYS TRIGGER audit_protect_row;

CREATE FUNCTION cipguard.open_maintenance(reason text, minutes integer DEFAULT 15, relation regclass DEFAULT NULL) RETURNS timestamptz
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_open_maintenance';
REVOKE ALL ON FUNCTION cipguard.open_maintenance(text, integer, regclass) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.open_maintenance(text, integer, regclass) IS
	'lets what is guarded be changed for some minutes, recorded (officers); returns the end';

CREATE FUNCTION cipguard.close_maintenance() RETURNS integer
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_close_maintenance';
REVOKE ALL ON FUNCTION cipguard.close_maintenance() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.close_maintenance() IS
	'closes all maintenance windows (officers); returns how many were open';

CREATE VIEW cipguard.maintenance_windows AS
	SELECT m.id, m.ts AS opened_at, m.officer AS opened_by, m.reason,
		m.until, m.relation::regclass AS relation,
		c.ts AS closed_at, c.officer AS closed_by,
		c.ts IS NULL AND m.until OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp() AS open
	FROM cipguard.maintenance m
	LEFT JOIN cipguard.maintenance c ON c.closes OPERATOR(pg_catalog.=) m.id
	WHERE m.closes IS NULL;
REVOKE ALL ON TABLE cipguard.maintenance_windows FROM PUBLIC;
COMMENT ON VIEW cipguard.maintenance_windows IS
	'maintenance windows, with those that have ended';

-- What officers change in tables of the extension is an event, too.
CREATE FUNCTION cipguard.note_change() RETURNS trigger
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_note_change';
REVOKE ALL ON FUNCTION cipguard.note_change() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.note_change() IS
	'trigger: records changes of grants, categories and keys, without the keys';

CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.access_grant
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.access_grant ENABLE ALWAYS TRIGGER note_change;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.category
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.category ENABLE ALWAYS TRIGGER note_change;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.data_key
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.data_key ENABLE ALWAYS TRIGGER note_change;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.request
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.request ENABLE ALWAYS TRIGGER note_change;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.approval
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.approval ENABLE ALWAYS TRIGGER note_change;
-- Budgets.
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.budget
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.budget ENABLE ALWAYS TRIGGER note_change;

-- Lockdowns, restrictions, holds, canaries.
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.lockdown
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.lockdown ENABLE ALWAYS TRIGGER note_change;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.restriction
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.restriction ENABLE ALWAYS TRIGGER note_change;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.legal_hold
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.legal_hold ENABLE ALWAYS TRIGGER note_change;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.canary
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.canary ENABLE ALWAYS TRIGGER note_change;
-- Conditions.
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.category_rule
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.category_rule ENABLE ALWAYS TRIGGER note_change;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.training_record
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.training_record ENABLE ALWAYS TRIGGER note_change;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.policy_version
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.policy_version ENABLE ALWAYS TRIGGER note_change;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.acknowledgement
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.acknowledgement ENABLE ALWAYS TRIGGER note_change;
-- Activities and consents.
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.activity
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.activity ENABLE ALWAYS TRIGGER note_change;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.activity_column
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.activity_column ENABLE ALWAYS TRIGGER note_change;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.consent_event
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.consent_event ENABLE ALWAYS TRIGGER note_change;

CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.alert
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.alert ENABLE ALWAYS TRIGGER note_change;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.alert_rule
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.alert_rule ENABLE ALWAYS TRIGGER note_change;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.suspension
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.suspension ENABLE ALWAYS TRIGGER note_change;

-- SECURITY DEFINER: settings that only superusers see are part of it; of those
-- that could hold a key it says only whether they are set.
CREATE FUNCTION cipguard.policy_statement() RETURNS text
	LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
	SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET "TimeZone" = 'UTC'
	SET "DateStyle" = 'ISO, YMD'
AS $$
BEGIN
RETURN (
WITH RECURSIVE
	ours AS (
		SELECT p.oid, p.proname FROM pg_proc p
		WHERE p.pronamespace = 'cipguard'::regnamespace
			AND p.proname = ANY (ARRAY['audit_row', 'audit_truncate', 'audit_protect']::name[])
	),
	audited AS (
		SELECT DISTINCT t.tgrelid AS oid FROM pg_trigger t JOIN ours o ON o.oid = t.tgfoid
	),
	belongs(role, member) AS (
		SELECT m.roleid, m.member FROM pg_auth_members m
		UNION
		SELECT b.role, m.member FROM belongs b JOIN pg_auth_members m ON m.roleid = b.member
	),
	encrypted(oid) AS (
		SELECT t.oid FROM pg_type t
		WHERE t.typnamespace = 'cipguard'::regnamespace AND t.typname ~ '^_?enc_'
		UNION
		SELECT t.oid FROM encrypted e JOIN pg_type t ON t.typbasetype = e.oid OR t.typelem = e.oid
	),
	lines(line) AS (
		SELECT format('server %s', current_setting('server_version_num'))
		UNION ALL
		SELECT format('extension %s %s', e.extversion, CASE WHEN cipguard.preloaded() THEN 'preloaded' ELSE 'not preloaded' END)
			FROM pg_extension e WHERE e.extname = 'cipguard'
		UNION ALL
		SELECT format('setting %s = %s', s.name, CASE WHEN s.name LIKE '%.kek\_%' THEN CASE WHEN s.reset_val = '' THEN 'not set' ELSE 'set' END ELSE s.reset_val END)
			FROM pg_settings s
			WHERE s.name = ANY (ARRAY['shared_preload_libraries', 'session_preload_libraries', 'local_preload_libraries',
					'session_replication_role', 'allow_system_table_mods', 'row_security'])
				OR (s.name LIKE 'cipguard.%' AND s.context <> 'user')
		UNION ALL
		SELECT format('setting of %s in %s: %s', coalesce((SELECT r.rolname FROM pg_roles r WHERE r.oid = d.setrole), 'all'),
				CASE WHEN d.setdatabase = 0 THEN 'all' ELSE 'this database' END,
				CASE WHEN split_part(c, '=', 1) LIKE '%.kek\_%' THEN split_part(c, '=', 1) ELSE c END)
			FROM pg_db_role_setting d, unnest(d.setconfig) c
			WHERE d.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
				AND (c LIKE 'cipguard.%' OR split_part(c, '=', 1) = ANY (ARRAY['session_preload_libraries', 'local_preload_libraries',
					'session_replication_role', 'allow_system_table_mods', 'row_security']))
		UNION ALL
		SELECT format('trigger %I on %I.%I: %s %s %s%s, row of transaction %s', t.tgname, n.nspname, c.relname,
				coalesce('cipguard.' || o.proname, 'other ' || p.prosrc_digest), t.tgenabled, t.tgtype,
				CASE WHEN t.tgqual IS NULL AND t.tgattr::text = '' AND NOT t.tgdeferrable THEN '' ELSE ' limited' END, t.xmin)
			FROM audited a
				JOIN pg_trigger t ON t.tgrelid = a.oid AND NOT t.tgisinternal
				JOIN pg_class c ON c.oid = t.tgrelid
				JOIN pg_namespace n ON n.oid = c.relnamespace
				LEFT JOIN ours o ON o.oid = t.tgfoid
				LEFT JOIN LATERAL (SELECT encode(sha256(convert_to(f.prosrc, getdatabaseencoding())), 'hex') AS prosrc_digest
					FROM pg_proc f WHERE f.oid = t.tgfoid) p ON true
		UNION ALL
		SELECT format('rule %I on %I.%I: %s', r.rulename, n.nspname, c.relname, r.ev_enabled)
			FROM audited a
				JOIN pg_rewrite r ON r.ev_class = a.oid
				JOIN pg_class c ON c.oid = a.oid
				JOIN pg_namespace n ON n.oid = c.relnamespace
		UNION ALL
		SELECT format('label on %I.%I.%I: %s', n.nspname, c.relname, a.attname, l.label)
			FROM pg_seclabel l
				JOIN pg_class c ON c.oid = l.objoid
				JOIN pg_namespace n ON n.oid = c.relnamespace
				JOIN pg_attribute a ON a.attrelid = l.objoid AND a.attnum = l.objsubid
			WHERE l.provider = 'cipguard' AND l.classoid = 'pg_class'::regclass
		UNION ALL
		SELECT format('encrypted %I.%I.%I: %s', n.nspname, c.relname, a.attname, a.atttypmod)
			FROM encrypted e
				JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid = e.oid AND d.classid = 'pg_class'::regclass
				JOIN pg_attribute a ON a.attrelid = d.objid AND a.attnum = d.objsubid AND a.atttypid = e.oid
				JOIN pg_class c ON c.oid = a.attrelid
				JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE c.relkind = ANY (ARRAY['r', 'p', 'm', 'f']::"char"[])
		UNION ALL
		SELECT format('log %I: %s %s %s %s', c.relname, c.relkind, c.relowner::regrole, c.relpersistence, c.relrowsecurity)
			FROM pg_class c
			WHERE c.relnamespace = 'cipguard'::regnamespace AND c.relkind = ANY (ARRAY['r', 'p']::"char"[])
		UNION ALL
		SELECT format('functions %s %s', count(*), encode(sha256(convert_to(coalesce(string_agg(f.text, '' ORDER BY f.oid), ''), getdatabaseencoding())), 'hex'))
			FROM (SELECT p.oid, concat_ws('|', p.xmin, p.proname, p.proargtypes, p.proowner, p.prolang, p.prosecdef, p.provolatile, p.proconfig, p.prosrc, p.probin) AS text
				FROM pg_proc p WHERE p.pronamespace = 'cipguard'::regnamespace) f
		UNION ALL
		SELECT format('event trigger %I: %s %s %s', e.evtname, e.evtevent, e.evtenabled, e.evtfoid::regproc)
			FROM pg_event_trigger e
		UNION ALL
		SELECT format('categories %s %s', count(*), encode(sha256(convert_to(coalesce(string_agg(c::text, '' ORDER BY c.name COLLATE "C"), ''), getdatabaseencoding())), 'hex'))
			FROM cipguard.category c
		UNION ALL
		SELECT format('grants %s %s', count(*), encode(sha256(convert_to(coalesce(string_agg(g::text, '' ORDER BY g.id), ''), getdatabaseencoding())), 'hex'))
			FROM cipguard.access_grant g WHERE g.revoked_at IS NULL
		UNION ALL
		SELECT format('condition %s of %s: %s', r.condition, coalesce(r.category, 'every category'), r.setting)
			FROM cipguard.category_rule r
		UNION ALL
		SELECT format('role %I:%s%s%s%s%s', r.rolname, CASE WHEN r.rolsuper THEN ' superuser' END,
				CASE WHEN r.rolbypassrls THEN ' bypassrls' END, CASE WHEN r.rolreplication THEN ' replication' END,
				CASE WHEN r.rolcreaterole THEN ' createrole' END, CASE WHEN r.rolcanlogin THEN ' login' END)
			FROM pg_roles r WHERE r.rolsuper OR r.rolbypassrls OR r.rolreplication OR r.rolcreaterole
		UNION ALL
		SELECT format('member of %I: %I', r.rolname, m.rolname)
			FROM belongs b
				JOIN pg_roles r ON r.oid = b.role
				JOIN pg_roles m ON m.oid = b.member
			WHERE r.rolname = ANY (ARRAY['cipguard_officer', 'cipguard_auditor', 'cipguard_masker',
				'cipguard_emergency', 'cipguard_minor_approver', 'cipguard_registrar', 'pg_read_all_data', 'pg_write_all_data',
				'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program']::name[])
		UNION ALL
		SELECT format('language %I: untrusted', l.lanname) FROM pg_language l
			WHERE NOT l.lanpltrusted AND l.lanname <> ALL (ARRAY['internal', 'c', 'sql']::name[])
		UNION ALL
		SELECT format('functions in C of no extension: %s', count(*))
			FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang AND l.lanname = 'c'
			WHERE p.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend d
				WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
		UNION ALL
		SELECT format('maintenance window %s until %s by %s on %s', w.id, w.until, w.opened_by, coalesce(w.relation::text, 'all'))
			FROM cipguard.maintenance_windows w WHERE w.open
	)
-- A name with a line feed must not look like a line of its own.
SELECT 'cipguard policy 1' || E'\n' || string_agg(l.line, E'\n' ORDER BY l.line COLLATE "C")
	FROM (SELECT replace(replace(replace(line, '\', '\\'), E'\n', '\n'), E'\r', '\r') AS line FROM lines) l);
END
$$;
REVOKE ALL ON FUNCTION cipguard.policy_statement() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.policy_statement() IS
	'everything that decides whether and how the audit works, as sorted text';

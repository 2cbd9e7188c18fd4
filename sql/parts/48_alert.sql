-- Alerts: what somebody should look at soon (src/alert.c).
--
-- Rows are written by C code past the executor when their event is taken into
-- the audit log; SQL can acknowledge them and do nothing else. Columns in the
-- order of src/alert_row.c, alert_rule.c, alert_tally.c, alert_address.c and
-- suspension.c.
--
-- Alerts belong to the log, and are not dumped: a restored database begins
-- new ones.

CREATE SEQUENCE cipguard.alert_id_seq AS bigint;
REVOKE ALL ON SEQUENCE cipguard.alert_id_seq FROM PUBLIC;
COMMENT ON SEQUENCE cipguard.alert_id_seq IS 'numbers of alerts; gaps mean nothing';

CREATE TABLE cipguard.alert (
	id bigint PRIMARY KEY,
	kind text COLLATE "C" NOT NULL,
	at timestamptz NOT NULL,
	last_at timestamptz NOT NULL,
	count bigint NOT NULL,
	login oid NOT NULL,
	login_role text NOT NULL,
	role text NOT NULL,
	address text NOT NULL,
	category text,
	relation text NOT NULL,
	detail text NOT NULL,
	event bigint NOT NULL,
	suspension bigint,
	acknowledged_by text,
	acknowledged_at timestamptz,
	note text
);
REVOKE ALL ON TABLE cipguard.alert FROM PUBLIC;
COMMENT ON TABLE cipguard.alert IS 'alerts, with those acknowledged';
COMMENT ON COLUMN cipguard.alert.kind IS 'rule that raised it, see cipguard.alert_rule';
COMMENT ON COLUMN cipguard.alert.at IS 'when that happened';
COMMENT ON COLUMN cipguard.alert.last_at IS 'when it happened for the last time that counts here';
COMMENT ON COLUMN cipguard.alert.count IS 'how often it happened: the same again within ten minutes only counts';
COMMENT ON COLUMN cipguard.alert.login IS 'role that logged in, as pg_authid.oid';
COMMENT ON COLUMN cipguard.alert.login_role IS 'its name then';
COMMENT ON COLUMN cipguard.alert.role IS 'role that acted';
COMMENT ON COLUMN cipguard.alert.address IS 'address of the client; empty: a local socket';
COMMENT ON COLUMN cipguard.alert.category IS 'category of personal data, if it is about one';
COMMENT ON COLUMN cipguard.alert.relation IS 'table, as it was named then; empty if it is about none';
COMMENT ON COLUMN cipguard.alert.detail IS 'what happened, without values and persons';
COMMENT ON COLUMN cipguard.alert.event IS 'first event of the audit log that tells it (audit_log.seq)';
COMMENT ON COLUMN cipguard.alert.suspension IS 'suspension that it led to, see cipguard.suspension';
COMMENT ON COLUMN cipguard.alert.acknowledged_by IS 'login role of whoever looked at it';
CREATE INDEX alert_login_idx ON cipguard.alert USING btree (login, kind, at);
COMMENT ON INDEX cipguard.alert_login_idx IS 'look-up of alerts that are the same';

CREATE TABLE cipguard.alert_rule (
	kind text COLLATE "C" PRIMARY KEY,
	enabled boolean NOT NULL,
	threshold bigint CHECK (threshold OPERATOR(pg_catalog.>) 0),
	period interval CHECK (period OPERATOR(pg_catalog.>) '0' AND period OPERATOR(pg_catalog.<=) '10 years'),
	suspend boolean NOT NULL DEFAULT false,
	setting text,
	changed boolean NOT NULL DEFAULT false
);
REVOKE ALL ON TABLE cipguard.alert_rule FROM PUBLIC;
COMMENT ON TABLE cipguard.alert_rule IS 'what raises an alert, and what an alert does';
COMMENT ON COLUMN cipguard.alert_rule.enabled IS 'false: there is an event and a line in the server log at most';
COMMENT ON COLUMN cipguard.alert_rule.threshold IS 'how many in the period raise it';
COMMENT ON COLUMN cipguard.alert_rule.suspend IS 'whether it takes the access away from the login';
COMMENT ON COLUMN cipguard.alert_rule.setting IS 'off-hours: the hours, such as Mon-Fri 08:00-18:00 Asia/Shanghai';
COMMENT ON COLUMN cipguard.alert_rule.changed IS 'not as it was shipped: a dump holds it';
INSERT INTO cipguard.alert_rule (kind, enabled, threshold, period, setting) VALUES
	('budget', true, NULL, NULL, NULL),
	('canary', true, NULL, NULL, NULL),
	('off-hours', false, NULL, NULL, 'Mon-Fri 08:00-18:00 Asia/Shanghai'),
	('new-address', true, NULL, '90 days', NULL),
	('refusals', true, 5, '10 minutes', NULL),
	('superuser', true, NULL, NULL, NULL),
	('bulk', true, 10000, '1 hour', NULL),
	('self-grant', true, NULL, NULL, NULL),
	('break-glass', true, NULL, NULL, NULL),
	('lockdown', true, NULL, NULL, NULL);
SELECT pg_catalog.pg_extension_config_dump('cipguard.alert_rule', 'WHERE changed');

-- What the rules count by; part of the log, too.
CREATE TABLE cipguard.alert_tally (
	login oid NOT NULL,
	kind text COLLATE "C" NOT NULL,
	at timestamptz[] NOT NULL,
	n bigint[] NOT NULL,
	PRIMARY KEY (login, kind)
) WITH (fillfactor = 70);
REVOKE ALL ON TABLE cipguard.alert_tally FROM PUBLIC;
COMMENT ON TABLE cipguard.alert_tally IS 'how often logins did lately what a rule of alerts counts';
COMMENT ON COLUMN cipguard.alert_tally.n IS 'how often at each of these times';

CREATE TABLE cipguard.alert_address (
	login oid NOT NULL,
	address text COLLATE "C" NOT NULL,
	first_at timestamptz NOT NULL,
	last_at timestamptz NOT NULL,
	PRIMARY KEY (login, address)
) WITH (fillfactor = 70);
REVOKE ALL ON TABLE cipguard.alert_address FROM PUBLIC;
COMMENT ON TABLE cipguard.alert_address IS 'addresses from which logins read personal data';
COMMENT ON COLUMN cipguard.alert_address.last_at IS 'when for the last time, to the hour';

-- A dump holds suspensions, too: restoring one must not end them.
CREATE SEQUENCE cipguard.suspension_id_seq AS bigint;
REVOKE ALL ON SEQUENCE cipguard.suspension_id_seq FROM PUBLIC;
COMMENT ON SEQUENCE cipguard.suspension_id_seq IS 'numbers of suspensions; gaps mean nothing';
SELECT pg_catalog.pg_extension_config_dump('cipguard.suspension_id_seq', '');

CREATE TABLE cipguard.suspension (
	id bigint PRIMARY KEY,
	login regrole NOT NULL,
	category text,
	since timestamptz NOT NULL,
	kind text NOT NULL,
	alert bigint NOT NULL,
	lifted_at timestamptz,
	lifted_by text,
	reason text
);
REVOKE ALL ON TABLE cipguard.suspension FROM PUBLIC;
COMMENT ON TABLE cipguard.suspension IS 'logins whose access is suspended for an alert, with those that have ended';
COMMENT ON COLUMN cipguard.suspension.login IS 'grants do not count in its sessions, nor for whoever acts as it';
COMMENT ON COLUMN cipguard.suspension.category IS 'of this category only; null: of every category';
COMMENT ON COLUMN cipguard.suspension.kind IS 'rule of alerts that suspended it';
COMMENT ON COLUMN cipguard.suspension.alert IS 'number of the alert';
COMMENT ON COLUMN cipguard.suspension.lifted_by IS 'login role of the officer who ended it';
COMMENT ON COLUMN cipguard.suspension.reason IS 'why he did';
SELECT pg_catalog.pg_extension_config_dump('cipguard.suspension', 'WHERE EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = login)');

CREATE TRIGGER invalidate_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.suspension
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.invalidate_cache();
ALTER TABLE cipguard.suspension ENABLE ALWAYS TRIGGER invalidate_cache;

CREATE FUNCTION cipguard.guard_alert() RETURNS trigger
	AS 'MODULE_PATHNAME', 'cipguard_guard_alert'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION cipguard.guard_alert() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.guard_alert() IS 'trigger: alerts are acknowledged only, and not by whom they are about';
CREATE FUNCTION cipguard.guard_suspension() RETURNS trigger
	AS 'MODULE_PATHNAME', 'cipguard_guard_suspension'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION cipguard.guard_suspension() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.guard_suspension() IS 'trigger: suspensions are ended only, by officers, and not for themselves';
CREATE FUNCTION cipguard.guard_alert_rule() RETURNS trigger
	AS 'MODULE_PATHNAME', 'cipguard_guard_alert_rule'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION cipguard.guard_alert_rule() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.guard_alert_rule() IS 'trigger: rules of alerts are changed by officers, and none is added or removed';

-- The triggers of rows are for logical replication, too, whose apply worker
-- fires no statement triggers.
DO $$
DECLARE
	guarded record;
BEGIN
	FOR guarded IN
		SELECT * FROM (VALUES ('alert', 'guard_alert', 'INSERT OR DELETE OR TRUNCATE'),
			('alert_tally', 'guard_alert', 'INSERT OR UPDATE OR DELETE OR TRUNCATE'),
			('alert_address', 'guard_alert', 'INSERT OR UPDATE OR DELETE OR TRUNCATE'),
			('suspension', 'guard_suspension', 'DELETE OR TRUNCATE'),
			('alert_rule', 'guard_alert_rule', 'DELETE OR TRUNCATE')) AS g (relation, function, verbs)
	LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER guard_statement BEFORE %s ON cipguard.%I
			FOR EACH STATEMENT EXECUTE FUNCTION cipguard.%I()', guarded.verbs, guarded.relation, guarded.function);
		EXECUTE pg_catalog.format('ALTER TABLE cipguard.%I ENABLE ALWAYS TRIGGER guard_statement', guarded.relation);
		EXECUTE pg_catalog.format('CREATE TRIGGER guard_row BEFORE INSERT OR UPDATE OR DELETE ON cipguard.%I
			FOR EACH ROW EXECUTE FUNCTION cipguard.%I()', guarded.relation, guarded.function);
		EXECUTE pg_catalog.format('ALTER TABLE cipguard.%I ENABLE ALWAYS TRIGGER guard_row', guarded.relation);
	END LOOP;
END
$$;

CREATE FUNCTION cipguard.raise_alert(kind text, detail text, category text DEFAULT NULL, relation regclass DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME', 'cipguard_raise_alert'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION cipguard.raise_alert(text, text, text, regclass) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.raise_alert(text, text, text, regclass) IS 'raises an alert about the caller, whatever becomes of the transaction';

CREATE VIEW cipguard.alerts_open AS
	SELECT id, kind, at, last_at, count, login_role, role, address, category,
		relation, detail, event, suspension
	FROM cipguard.alert
	WHERE acknowledged_at IS NULL;
REVOKE ALL ON TABLE cipguard.alerts_open FROM PUBLIC;
COMMENT ON VIEW cipguard.alerts_open IS 'alerts that nobody has looked at; order by at';

CREATE FUNCTION cipguard.acknowledge_alert(id bigint, note text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE cipguard.alert a SET note = acknowledge_alert.note
		WHERE a.id = acknowledge_alert.id AND a.acknowledged_at IS NULL;
	RETURN FOUND;
END
$$;
REVOKE ALL ON FUNCTION cipguard.acknowledge_alert(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.acknowledge_alert(bigint, text) IS 'says that an alert was looked at, and what was found (officers and auditors, but not whom it is about); false if there is no open one by that number';

CREATE FUNCTION cipguard.resume_access(suspension bigint, reason text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE cipguard.suspension s SET reason = resume_access.reason
		WHERE s.id = resume_access.suspension AND s.lifted_at IS NULL;
	RETURN FOUND;
END
$$;
REVOKE ALL ON FUNCTION cipguard.resume_access(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.resume_access(bigint, text) IS 'ends a suspension (officers, but not for themselves); false if there is none in force by that number';

CREATE FUNCTION cipguard.set_alert_rule(kind text, enabled boolean, threshold bigint DEFAULT NULL, period interval DEFAULT NULL, suspend boolean DEFAULT NULL, setting text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM cipguard.alert_rule r WHERE r.kind = set_alert_rule.kind) THEN
		RAISE EXCEPTION 'there is no rule of alerts of kind "%"', set_alert_rule.kind
			USING ERRCODE = 'undefined_object', HINT = 'cipguard.alert_rule lists the kinds.';
	END IF;
	IF set_alert_rule.threshold <= 0 OR set_alert_rule.period <= '0' OR set_alert_rule.period > '10 years' THEN
		RAISE EXCEPTION 'threshold and period of a rule of alerts must be greater than zero, and the period 10 years at most'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave out what shall stay as it is.';
	END IF;
	IF set_alert_rule.threshold IS NOT NULL AND set_alert_rule.kind <> ALL (ARRAY['refusals', 'bulk'])
		OR set_alert_rule.period IS NOT NULL AND set_alert_rule.kind <> ALL (ARRAY['refusals', 'bulk', 'new-address']) THEN
		RAISE EXCEPTION 'alerts of kind "%" are not counted like that', set_alert_rule.kind
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Kinds "refusals" and "bulk" have a threshold and a period, "new-address" has a period.';
	END IF;
	UPDATE cipguard.alert_rule r SET
			enabled = coalesce(set_alert_rule.enabled, r.enabled),
			threshold = coalesce(set_alert_rule.threshold, r.threshold),
			period = coalesce(set_alert_rule.period, r.period),
			suspend = coalesce(set_alert_rule.suspend, r.suspend),
			setting = coalesce(set_alert_rule.setting, r.setting)
		WHERE r.kind = set_alert_rule.kind;
	IF NOT cipguard.preloaded() THEN
		RAISE WARNING 'no alerts are raised: the library is not preloaded'
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Add cipguard to shared_preload_libraries and restart the server.';
	END IF;
END
$$;
REVOKE ALL ON FUNCTION cipguard.set_alert_rule(text, boolean, bigint, interval, boolean, text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.set_alert_rule(text, boolean, bigint, interval, boolean, text) IS 'changes a rule of alerts; what is null stays as it is (officers)';

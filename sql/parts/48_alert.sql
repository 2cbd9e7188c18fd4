-- Alerts: what somebody should look at soon (src/alert.c).
--
-- Rows are written by C code past the executor when their event is taken into
-- the audit log; SQL can acknowledge them and do nothing else. Columns in the
-- order of src/alert_row.c and src/alert_rule.c. Triggers are in 54_guard.sql,
-- which defines their functions.
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

CREATE FUNCTION cipguard.raise_alert(kind text, detail text, category text DEFAULT NULL, relation regclass DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME', 'cipguard_raise_alert'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION cipguard.raise_alert(text, text, text, regclass) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.raise_alert(text, text, text, regclass) IS 'raises an alert about the caller, whatever becomes of the transaction';

-- Consents of persons to activities: a ledger that only grows.  Columns in the
-- order of consent.c.
--
-- Which event of a person is the last is told by id: whoever writes waits for
-- others who write about the same person, and gets the next number when they
-- have ended, so that numbers of a person follow the order of commits.
CREATE SEQUENCE cipguard.consent_event_id_seq;
COMMENT ON SEQUENCE cipguard.consent_event_id_seq IS 'numbers of events in the ledger of consents';
REVOKE ALL ON SEQUENCE cipguard.consent_event_id_seq FROM PUBLIC;

CREATE TABLE cipguard.consent_event (
	id bigint CONSTRAINT consent_event_pkey PRIMARY KEY,
	activity bigint NOT NULL,
	at timestamptz NOT NULL,
	action text NOT NULL CHECK (action OPERATOR(pg_catalog.=) ANY (ARRAY['ask', 'give', 'refuse', 'withdraw'])),
	subject text COLLATE "C" NOT NULL CHECK (subject OPERATOR(pg_catalog.<>) ''),
	separate boolean NOT NULL DEFAULT false,
	written boolean NOT NULL DEFAULT false,
	channel text,
	notice_version text,
	evidence_hash bytea CHECK (pg_catalog.octet_length(evidence_hash) OPERATOR(pg_catalog.>=) 32 AND pg_catalog.octet_length(evidence_hash) OPERATOR(pg_catalog.<=) 64),
	guardian text CHECK (guardian OPERATOR(pg_catalog.<>) ''),
	recorded_by text NOT NULL
);
CREATE INDEX consent_event_subject ON cipguard.consent_event (activity, subject, id);
COMMENT ON TABLE cipguard.consent_event IS 'consents of persons to activities: what was asked, given, refused and withdrawn';
COMMENT ON COLUMN cipguard.consent_event.id IS 'grows with each event of a person';
COMMENT ON COLUMN cipguard.consent_event.activity IS 'version of the activity (cipguard.activity) that the person was told of';
COMMENT ON COLUMN cipguard.consent_event.at IS 'when it was recorded';
COMMENT ON COLUMN cipguard.consent_event.action IS 'ask, give, refuse or withdraw';
COMMENT ON COLUMN cipguard.consent_event.subject IS 'the person, as in subject columns';
COMMENT ON COLUMN cipguard.consent_event.separate IS 'given for this alone, as sensitive personal information needs it (PIPL article 29)';
COMMENT ON COLUMN cipguard.consent_event.written IS 'given in writing';
COMMENT ON COLUMN cipguard.consent_event.channel IS 'where: app, counter, telephone, ...';
COMMENT ON COLUMN cipguard.consent_event.notice_version IS 'version of the notice that was shown';
COMMENT ON COLUMN cipguard.consent_event.evidence_hash IS 'digest of what proves it, kept elsewhere';
COMMENT ON COLUMN cipguard.consent_event.guardian IS 'who gave it for a person under 14 (PIPL article 31)';
COMMENT ON COLUMN cipguard.consent_event.recorded_by IS 'login role of who recorded it';
REVOKE ALL ON TABLE cipguard.consent_event FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('cipguard.consent_event', '');
SELECT pg_catalog.pg_extension_config_dump('cipguard.consent_event_id_seq', '');

CREATE FUNCTION cipguard.guard_consent() RETURNS trigger
	AS 'MODULE_PATHNAME', 'cipguard_guard_consent'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.guard_consent() IS 'trigger: gives events number, time and author, and lets consent be given to live activities only';
REVOKE ALL ON FUNCTION cipguard.guard_consent() FROM PUBLIC;

CREATE TRIGGER guard_consent BEFORE INSERT ON cipguard.consent_event
	FOR EACH ROW EXECUTE FUNCTION cipguard.guard_consent();
ALTER TABLE cipguard.consent_event ENABLE ALWAYS TRIGGER guard_consent;
CREATE TRIGGER protect_register BEFORE UPDATE OR DELETE OR TRUNCATE ON cipguard.consent_event
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.protect_register();
ALTER TABLE cipguard.consent_event ENABLE ALWAYS TRIGGER protect_register;
CREATE TRIGGER invalidate_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.consent_event
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.invalidate_cache();
ALTER TABLE cipguard.consent_event ENABLE ALWAYS TRIGGER invalidate_cache;

CREATE FUNCTION cipguard.record_consent(
	subject text,
	activity text,
	action text,
	separate boolean DEFAULT false,
	written boolean DEFAULT false,
	channel text DEFAULT NULL,
	notice_version text DEFAULT NULL,
	evidence_hash bytea DEFAULT NULL,
	guardian text DEFAULT NULL
) RETURNS bigint
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	of bigint;
	made bigint;
BEGIN
	IF (record_consent.action = ANY (ARRAY['ask', 'give', 'refuse', 'withdraw'])) IS NOT TRUE THEN
		RAISE EXCEPTION 'unrecognized action: %', coalesce(quote_literal(record_consent.action), 'null')
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Valid actions are ask, give, refuse and withdraw.';
	END IF;
	IF coalesce(record_consent.subject, '') = '' THEN
		RAISE EXCEPTION 'subject of a consent must not be null or empty'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Give the id of the person as it is in subject columns.';
	END IF;
	SELECT a.id INTO of FROM cipguard.activity a WHERE a.name = record_consent.activity ORDER BY a.version DESC LIMIT 1;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'activity "%" does not exist', record_consent.activity
			USING ERRCODE = 'undefined_object', HINT = 'cipguard.activities lists those that are live.';
	END IF;
	INSERT INTO cipguard.consent_event (activity, subject, action, separate, written, channel, notice_version, evidence_hash, guardian)
		VALUES (of, record_consent.subject, record_consent.action, coalesce(record_consent.separate, false), coalesce(record_consent.written, false),
			record_consent.channel, record_consent.notice_version, record_consent.evidence_hash, record_consent.guardian)
		RETURNING id INTO made;
	RETURN made;
END
$$;
COMMENT ON FUNCTION cipguard.record_consent(text, text, text, boolean, boolean, text, text, bytea, text) IS 'records that a person was asked for consent to an activity, gave, refused or withdrew it; returns the number of the event';
REVOKE ALL ON FUNCTION cipguard.record_consent(text, text, text, boolean, boolean, text, text, bytea, text) FROM PUBLIC;

-- Asking changes nothing; what was answered last counts.
CREATE VIEW cipguard.consent_state AS
	SELECT DISTINCT ON (e.subject, a.name) e.subject, a.name AS activity, a.version,
		CASE WHEN e.action OPERATOR(pg_catalog.<>) 'give' THEN e.action
			WHEN a.ended_at IS NULL THEN 'live' ELSE 'lapsed' END AS state,
		e.separate, e.written, e.guardian IS NOT NULL AS by_guardian, e.at, e.id AS event
	FROM cipguard.consent_event e JOIN cipguard.activity a ON a.id OPERATOR(pg_catalog.=) e.activity
	WHERE e.action OPERATOR(pg_catalog.<>) 'ask'
	ORDER BY e.subject, a.name, e.id DESC;
COMMENT ON VIEW cipguard.consent_state IS 'last answer of each person to each activity';
COMMENT ON COLUMN cipguard.consent_state.version IS 'version of the activity that the answer was to';
COMMENT ON COLUMN cipguard.consent_state.state IS 'live; lapsed: given to a version that has ended; refuse; withdraw';
COMMENT ON COLUMN cipguard.consent_state.event IS 'number of the event (cipguard.consent_event)';
REVOKE ALL ON TABLE cipguard.consent_state FROM PUBLIC;

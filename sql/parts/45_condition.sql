-- Conditions of a session that plaintext of a category is given under, beside
-- the grant (src/rule.c).  Columns in the order of rule.c.
CREATE TABLE cipguard.category_rule (
	category text,
	condition text NOT NULL,
	setting text NOT NULL,
	UNIQUE NULLS NOT DISTINCT (category, condition)
);
COMMENT ON TABLE cipguard.category_rule IS 'conditions that were switched on or off for a category';
COMMENT ON COLUMN cipguard.category_rule.category IS 'null: every category that has no row of its own';
COMMENT ON COLUMN cipguard.category_rule.condition IS 'tls (on unless switched off), network, hours, training, policy, minor, level (off unless switched on)';
COMMENT ON COLUMN cipguard.category_rule.setting IS 'off, or: on (tls, minor, level), networks, hours with a time zone, courses, policies';
REVOKE ALL ON TABLE cipguard.category_rule FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('cipguard.category_rule', '');

CREATE FUNCTION cipguard.guard_rule() RETURNS trigger
	AS 'MODULE_PATHNAME', 'cipguard_guard_rule'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.guard_rule() IS 'trigger: settings of conditions are valid, and nobody weakens one that binds a grant of his own';
REVOKE ALL ON FUNCTION cipguard.guard_rule() FROM PUBLIC;

CREATE TRIGGER guard_rule BEFORE INSERT OR UPDATE OR DELETE ON cipguard.category_rule
	FOR EACH ROW EXECUTE FUNCTION cipguard.guard_rule();
ALTER TABLE cipguard.category_rule ENABLE ALWAYS TRIGGER guard_rule;
CREATE TRIGGER guard_rule_truncate BEFORE TRUNCATE ON cipguard.category_rule
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.guard_rule();
ALTER TABLE cipguard.category_rule ENABLE ALWAYS TRIGGER guard_rule_truncate;
CREATE TRIGGER invalidate_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.category_rule
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.invalidate_cache();
ALTER TABLE cipguard.category_rule ENABLE ALWAYS TRIGGER invalidate_cache;

CREATE FUNCTION cipguard.set_condition(category text, condition text, setting text) RETURNS void
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF set_condition.setting IS NULL OR set_condition.setting = 'default' THEN
		IF set_condition.condition IS NULL
			OR set_condition.condition <> ALL (ARRAY['tls', 'network', 'hours', 'training', 'policy', 'minor', 'level']) THEN
			RAISE EXCEPTION 'unrecognized condition "%"', coalesce(set_condition.condition, 'null')
				USING ERRCODE = 'invalid_parameter_value',
					HINT = 'Conditions are tls, network, hours, training, policy, minor and level.';
		END IF;
		DELETE FROM cipguard.category_rule r
			WHERE r.category IS NOT DISTINCT FROM set_condition.category AND r.condition = set_condition.condition;
		RETURN;
	END IF;
	UPDATE cipguard.category_rule r SET setting = set_condition.setting
		WHERE r.category IS NOT DISTINCT FROM set_condition.category AND r.condition = set_condition.condition;
	IF NOT FOUND THEN
		INSERT INTO cipguard.category_rule (category, condition, setting)
			VALUES (set_condition.category, set_condition.condition, set_condition.setting);
	END IF;
END
$$;
COMMENT ON FUNCTION cipguard.set_condition(text, text, text) IS 'switches a condition of a category (null: of every category without a row of its own) on or off; null or default: back to what holds by itself';
REVOKE ALL ON FUNCTION cipguard.set_condition(text, text, text) FROM PUBLIC;

CREATE FUNCTION cipguard.in_hours(setting text, at timestamptz, OUT met boolean, OUT since timestamptz, OUT until timestamptz) RETURNS record
	AS 'MODULE_PATHNAME', 'cipguard_in_hours'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.in_hours(text, timestamptz) IS 'whether a time is in hours as condition hours takes them, and in what span around it the answer is the same';

-- Registers of trainings and policies (src/training.c), which are only added
-- to.  Columns in the order of training.c.
CREATE TABLE cipguard.training_record (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	person regrole NOT NULL,
	course text NOT NULL CHECK (course OPERATOR(pg_catalog.~) '^[^,[:space:]]([^,]*[^,[:space:]])?$' AND pg_catalog.octet_length(course) OPERATOR(pg_catalog.<=) 200),
	version text,
	score numeric,
	passed boolean NOT NULL,
	taken timestamptz NOT NULL,
	valid_until timestamptz CHECK (valid_until OPERATOR(pg_catalog.>) taken),
	evidence_hash bytea CHECK (pg_catalog.octet_length(evidence_hash) OPERATOR(pg_catalog.=) 32),
	recorded_by text,
	recorded_at timestamptz
);
CREATE INDEX training_record_person ON cipguard.training_record (person);
COMMENT ON TABLE cipguard.training_record IS 'trainings that persons took; of each course the last counts';
COMMENT ON COLUMN cipguard.training_record.person IS 'role that the person logs in as';
COMMENT ON COLUMN cipguard.training_record.course IS 'name that condition training asks for';
COMMENT ON COLUMN cipguard.training_record.version IS 'edition of the course';
COMMENT ON COLUMN cipguard.training_record.score IS 'result of the examination, in the scale of the course';
COMMENT ON COLUMN cipguard.training_record.valid_until IS 'when it must have been taken again; null: never';
COMMENT ON COLUMN cipguard.training_record.evidence_hash IS 'SHA-256 of the paper that proves it';
COMMENT ON COLUMN cipguard.training_record.recorded_by IS 'login role of who recorded it';
REVOKE ALL ON TABLE cipguard.training_record FROM PUBLIC;
-- A record of a role that is gone must not become one of whoever gets its OID.
SELECT pg_catalog.pg_extension_config_dump('cipguard.training_record', 'WHERE EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = person)');
SELECT pg_catalog.pg_extension_config_dump('cipguard.training_record_id_seq', '');

CREATE TABLE cipguard.policy_version (
	policy text NOT NULL CHECK (policy OPERATOR(pg_catalog.~) '^[^,[:space:]]([^,]*[^,[:space:]])?$' AND pg_catalog.octet_length(policy) OPERATOR(pg_catalog.<=) 200),
	version integer NOT NULL CHECK (version OPERATOR(pg_catalog.>) 0),
	text_hash bytea NOT NULL CHECK (pg_catalog.octet_length(text_hash) OPERATOR(pg_catalog.=) 32),
	location text,
	published_by text,
	published_at timestamptz,
	PRIMARY KEY (policy, version)
);
COMMENT ON TABLE cipguard.policy_version IS 'policies that readers acknowledge; the newest version of each is in force';
COMMENT ON COLUMN cipguard.policy_version.policy IS 'name that condition policy asks for';
COMMENT ON COLUMN cipguard.policy_version.text_hash IS 'SHA-256 of the text in UTF-8';
COMMENT ON COLUMN cipguard.policy_version.location IS 'where the text is found';
COMMENT ON COLUMN cipguard.policy_version.published_by IS 'login role of the officer';
REVOKE ALL ON TABLE cipguard.policy_version FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('cipguard.policy_version', '');

CREATE TABLE cipguard.acknowledgement (
	policy text NOT NULL,
	version integer NOT NULL,
	person regrole NOT NULL,
	acknowledged_at timestamptz NOT NULL,
	PRIMARY KEY (policy, version, person)
);
CREATE INDEX acknowledgement_person ON cipguard.acknowledgement (person);
COMMENT ON TABLE cipguard.acknowledgement IS 'who took note of which version of a policy';
COMMENT ON COLUMN cipguard.acknowledgement.person IS 'role that the person logged in as';
REVOKE ALL ON TABLE cipguard.acknowledgement FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('cipguard.acknowledgement', 'WHERE EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = person)');

CREATE FUNCTION cipguard.guard_training() RETURNS trigger
	AS 'MODULE_PATHNAME', 'cipguard_guard_training'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.guard_training() IS 'trigger: registers are only added to, and nobody records or acknowledges for whom he may not';
REVOKE ALL ON FUNCTION cipguard.guard_training() FROM PUBLIC;

CREATE TRIGGER guard_training BEFORE INSERT OR UPDATE OR DELETE ON cipguard.training_record
	FOR EACH ROW EXECUTE FUNCTION cipguard.guard_training();
ALTER TABLE cipguard.training_record ENABLE ALWAYS TRIGGER guard_training;
CREATE TRIGGER guard_training_truncate BEFORE TRUNCATE ON cipguard.training_record
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.guard_training();
ALTER TABLE cipguard.training_record ENABLE ALWAYS TRIGGER guard_training_truncate;
CREATE TRIGGER invalidate_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.training_record
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.invalidate_cache();
ALTER TABLE cipguard.training_record ENABLE ALWAYS TRIGGER invalidate_cache;

CREATE TRIGGER guard_training BEFORE INSERT OR UPDATE OR DELETE ON cipguard.policy_version
	FOR EACH ROW EXECUTE FUNCTION cipguard.guard_training();
ALTER TABLE cipguard.policy_version ENABLE ALWAYS TRIGGER guard_training;
CREATE TRIGGER guard_training_truncate BEFORE TRUNCATE ON cipguard.policy_version
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.guard_training();
ALTER TABLE cipguard.policy_version ENABLE ALWAYS TRIGGER guard_training_truncate;
CREATE TRIGGER invalidate_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.policy_version
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.invalidate_cache();
ALTER TABLE cipguard.policy_version ENABLE ALWAYS TRIGGER invalidate_cache;

CREATE TRIGGER guard_training BEFORE INSERT OR UPDATE OR DELETE ON cipguard.acknowledgement
	FOR EACH ROW EXECUTE FUNCTION cipguard.guard_training();
ALTER TABLE cipguard.acknowledgement ENABLE ALWAYS TRIGGER guard_training;
CREATE TRIGGER guard_training_truncate BEFORE TRUNCATE ON cipguard.acknowledgement
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.guard_training();
ALTER TABLE cipguard.acknowledgement ENABLE ALWAYS TRIGGER guard_training_truncate;
CREATE TRIGGER invalidate_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.acknowledgement
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.invalidate_cache();
ALTER TABLE cipguard.acknowledgement ENABLE ALWAYS TRIGGER invalidate_cache;

CREATE FUNCTION cipguard.record_training(
	person regrole,
	course text,
	valid_until timestamptz DEFAULT NULL,
	passed boolean DEFAULT true,
	taken timestamptz DEFAULT pg_catalog.now(),
	version text DEFAULT NULL,
	score numeric DEFAULT NULL,
	evidence_hash bytea DEFAULT NULL
) RETURNS bigint
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	made bigint;
BEGIN
	IF record_training.person IS NULL OR record_training.course IS NULL OR record_training.passed IS NULL OR record_training.taken IS NULL THEN
		RAISE EXCEPTION 'person, course, time and outcome of a training must not be null'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Name the role that the person logs in as, and the course.';
	END IF;
	IF record_training.course !~ '^[^,[:space:]]([^,]*[^,[:space:]])?$' OR octet_length(record_training.course) > 200 THEN
		RAISE EXCEPTION 'invalid name of a course'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 to 200 bytes without commas, and without blanks around them.';
	END IF;
	IF record_training.valid_until <= record_training.taken THEN
		RAISE EXCEPTION 'training ends before it was taken'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give an end after it was taken, or NULL for none.';
	END IF;
	IF octet_length(record_training.evidence_hash) <> 32 THEN
		RAISE EXCEPTION 'evidence_hash is not 32 bytes long'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the SHA-256 of the paper, as sha256() makes it.';
	END IF;
	INSERT INTO cipguard.training_record (person, course, version, score, passed, taken, valid_until, evidence_hash)
		VALUES (record_training.person, record_training.course, record_training.version, record_training.score,
			record_training.passed, record_training.taken, record_training.valid_until, record_training.evidence_hash)
		RETURNING id INTO made;
	RETURN made;
END
$$;
COMMENT ON FUNCTION cipguard.record_training(regrole, text, timestamptz, boolean, timestamptz, text, numeric, bytea) IS 'records that somebody else took a course, and returns the number of the record (registrars, officers)';
REVOKE ALL ON FUNCTION cipguard.record_training(regrole, text, timestamptz, boolean, timestamptz, text, numeric, bytea) FROM PUBLIC;

CREATE FUNCTION cipguard.publish_policy(policy text, content text, location text DEFAULT NULL) RETURNS integer
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	made integer;
BEGIN
	IF publish_policy.policy IS NULL OR coalesce(publish_policy.content, '') = '' THEN
		RAISE EXCEPTION 'a policy needs a name and a text'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Give the whole text: its SHA-256 is kept, and that is what is acknowledged.';
	END IF;
	IF publish_policy.policy !~ '^[^,[:space:]]([^,]*[^,[:space:]])?$' OR octet_length(publish_policy.policy) > 200 THEN
		RAISE EXCEPTION 'invalid name of a policy'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 to 200 bytes without commas, and without blanks around them.';
	END IF;
	INSERT INTO cipguard.policy_version (policy, version, text_hash, location)
		SELECT publish_policy.policy, coalesce(max(v.version), 0) + 1,
				sha256(convert_to(publish_policy.content, 'UTF8')), publish_policy.location
			FROM cipguard.policy_version v WHERE v.policy = publish_policy.policy
		RETURNING version INTO made;
	RETURN made;
END
$$;
COMMENT ON FUNCTION cipguard.publish_policy(text, text, text) IS 'puts a new version of a policy in force and returns its number; acknowledgements of older ones count no more (officers)';
REVOKE ALL ON FUNCTION cipguard.publish_policy(text, text, text) FROM PUBLIC;

CREATE FUNCTION cipguard.acknowledge(policy text, version integer DEFAULT NULL) RETURNS integer
	AS 'MODULE_PATHNAME', 'cipguard_acknowledge'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.acknowledge(text, integer) IS 'takes note of the newest version of a policy, which version names if it is given; by the person who is logged in, for himself';
REVOKE ALL ON FUNCTION cipguard.acknowledge(text, integer) FROM PUBLIC;

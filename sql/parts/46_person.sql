-- Persons whose processing is restricted, whose data must not be destroyed, and
-- who are canaries.  All three have the same columns in the same order: see
-- subject_set.h.  A subject is written as the subject column prints it.
CREATE FUNCTION cipguard.guard_listed() RETURNS trigger
	AS 'MODULE_PATHNAME', 'cipguard_guard_listed'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.guard_listed() IS 'trigger: entries are ended once, and otherwise neither changed nor deleted';
REVOKE ALL ON FUNCTION cipguard.guard_listed() FROM PUBLIC;

CREATE TABLE cipguard.restriction (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	subject text NOT NULL CHECK (subject OPERATOR(pg_catalog.<>) ''),
	reason text NOT NULL CHECK (reason OPERATOR(pg_catalog.~) '[^ ]' AND pg_catalog.octet_length(reason) OPERATOR(pg_catalog.<=) 1000),
	set_by text NOT NULL,
	set_at timestamptz NOT NULL,
	ended_by text,
	ended_at timestamptz,
	end_reason text
);
CREATE UNIQUE INDEX restriction_subject ON cipguard.restriction (subject) WHERE ended_at IS NULL;
COMMENT ON TABLE cipguard.restriction IS 'persons whose processing is restricted, with those for whom that was lifted';
COMMENT ON COLUMN cipguard.restriction.id IS 'number of the entry';
COMMENT ON COLUMN cipguard.restriction.subject IS 'person, as the subject column prints it';
COMMENT ON COLUMN cipguard.restriction.reason IS 'why';
COMMENT ON COLUMN cipguard.restriction.set_by IS 'login role of who restricted it';
COMMENT ON COLUMN cipguard.restriction.set_at IS 'when';
COMMENT ON COLUMN cipguard.restriction.ended_by IS 'login role of who ended it';
COMMENT ON COLUMN cipguard.restriction.ended_at IS 'when it was lifted; null: in force';
COMMENT ON COLUMN cipguard.restriction.end_reason IS 'why it was lifted';
REVOKE ALL ON TABLE cipguard.restriction FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('cipguard.restriction', '');
SELECT pg_catalog.pg_extension_config_dump('cipguard.restriction_id_seq', '');
CREATE TRIGGER guard_listed BEFORE INSERT OR UPDATE OR DELETE ON cipguard.restriction
	FOR EACH ROW EXECUTE FUNCTION cipguard.guard_listed();
ALTER TABLE cipguard.restriction ENABLE ALWAYS TRIGGER guard_listed;
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON cipguard.restriction
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.guard_listed();
ALTER TABLE cipguard.restriction ENABLE ALWAYS TRIGGER guard_truncate;
CREATE TRIGGER invalidate_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.restriction
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.invalidate_cache();
ALTER TABLE cipguard.restriction ENABLE ALWAYS TRIGGER invalidate_cache;

CREATE TABLE cipguard.legal_hold (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	subject text NOT NULL CHECK (subject OPERATOR(pg_catalog.<>) ''),
	reason text NOT NULL CHECK (reason OPERATOR(pg_catalog.~) '[^ ]' AND pg_catalog.octet_length(reason) OPERATOR(pg_catalog.<=) 1000),
	set_by text NOT NULL,
	set_at timestamptz NOT NULL,
	ended_by text,
	ended_at timestamptz,
	end_reason text
);
CREATE UNIQUE INDEX legal_hold_subject ON cipguard.legal_hold (subject) WHERE ended_at IS NULL;
COMMENT ON TABLE cipguard.legal_hold IS 'persons whose data must not be destroyed, with those who were released';
COMMENT ON COLUMN cipguard.legal_hold.id IS 'number of the entry';
COMMENT ON COLUMN cipguard.legal_hold.subject IS 'person, as the subject column prints it';
COMMENT ON COLUMN cipguard.legal_hold.reason IS 'why';
COMMENT ON COLUMN cipguard.legal_hold.set_by IS 'login role of who placed it';
COMMENT ON COLUMN cipguard.legal_hold.set_at IS 'when';
COMMENT ON COLUMN cipguard.legal_hold.ended_by IS 'login role of who ended it';
COMMENT ON COLUMN cipguard.legal_hold.ended_at IS 'when it was released; null: in force';
COMMENT ON COLUMN cipguard.legal_hold.end_reason IS 'why it was released';
REVOKE ALL ON TABLE cipguard.legal_hold FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('cipguard.legal_hold', '');
SELECT pg_catalog.pg_extension_config_dump('cipguard.legal_hold_id_seq', '');
CREATE TRIGGER guard_listed BEFORE INSERT OR UPDATE OR DELETE ON cipguard.legal_hold
	FOR EACH ROW EXECUTE FUNCTION cipguard.guard_listed();
ALTER TABLE cipguard.legal_hold ENABLE ALWAYS TRIGGER guard_listed;
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON cipguard.legal_hold
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.guard_listed();
ALTER TABLE cipguard.legal_hold ENABLE ALWAYS TRIGGER guard_truncate;
CREATE TRIGGER invalidate_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.legal_hold
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.invalidate_cache();
ALTER TABLE cipguard.legal_hold ENABLE ALWAYS TRIGGER invalidate_cache;

CREATE TABLE cipguard.canary (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	subject text NOT NULL CHECK (subject OPERATOR(pg_catalog.<>) ''),
	note text NOT NULL CHECK (note OPERATOR(pg_catalog.~) '[^ ]' AND pg_catalog.octet_length(note) OPERATOR(pg_catalog.<=) 1000),
	set_by text NOT NULL,
	set_at timestamptz NOT NULL,
	ended_by text,
	ended_at timestamptz,
	end_reason text
);
CREATE UNIQUE INDEX canary_subject ON cipguard.canary (subject) WHERE ended_at IS NULL;
COMMENT ON TABLE cipguard.canary IS 'persons whose data nobody needs to see, with those who were removed';
COMMENT ON COLUMN cipguard.canary.id IS 'number of the entry';
COMMENT ON COLUMN cipguard.canary.subject IS 'person, as the subject column prints it';
COMMENT ON COLUMN cipguard.canary.note IS 'why';
COMMENT ON COLUMN cipguard.canary.set_by IS 'login role of who added it';
COMMENT ON COLUMN cipguard.canary.set_at IS 'when';
COMMENT ON COLUMN cipguard.canary.ended_by IS 'login role of who ended it';
COMMENT ON COLUMN cipguard.canary.ended_at IS 'when it was removed; null: in force';
COMMENT ON COLUMN cipguard.canary.end_reason IS 'why it was removed';
REVOKE ALL ON TABLE cipguard.canary FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('cipguard.canary', '');
SELECT pg_catalog.pg_extension_config_dump('cipguard.canary_id_seq', '');
CREATE TRIGGER guard_listed BEFORE INSERT OR UPDATE OR DELETE ON cipguard.canary
	FOR EACH ROW EXECUTE FUNCTION cipguard.guard_listed();
ALTER TABLE cipguard.canary ENABLE ALWAYS TRIGGER guard_listed;
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON cipguard.canary
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.guard_listed();
ALTER TABLE cipguard.canary ENABLE ALWAYS TRIGGER guard_truncate;
CREATE TRIGGER invalidate_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.canary
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.invalidate_cache();
ALTER TABLE cipguard.canary ENABLE ALWAYS TRIGGER invalidate_cache;

CREATE FUNCTION cipguard.restrict_subject(subject text, reason text) RETURNS bigint
	LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO cipguard.restriction (subject, reason) VALUES ($1, $2) RETURNING id
$$;
COMMENT ON FUNCTION cipguard.restrict_subject(text, text) IS 'masks a person for everybody, whoever is granted, until that is lifted; returns the number of the entry';
REVOKE ALL ON FUNCTION cipguard.restrict_subject(text, text) FROM PUBLIC;

CREATE FUNCTION cipguard.lift_restriction(subject text, reason text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE cipguard.restriction l SET ended_at = clock_timestamp(), end_reason = lift_restriction.reason
		WHERE l.subject = lift_restriction.subject AND l.ended_at IS NULL;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION cipguard.lift_restriction(text, text) IS 'ends the restriction of a person; false if there is none';
REVOKE ALL ON FUNCTION cipguard.lift_restriction(text, text) FROM PUBLIC;

CREATE FUNCTION cipguard.hold_row() RETURNS trigger
	AS 'MODULE_PATHNAME', 'cipguard_hold_row'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.hold_row() IS 'trigger: refuses to destroy rows about persons under legal hold';
REVOKE ALL ON FUNCTION cipguard.hold_row() FROM PUBLIC;

CREATE FUNCTION cipguard.place_hold(subject text, reason text) RETURNS bigint
	AS 'MODULE_PATHNAME', 'cipguard_place_hold'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.place_hold(text, text) IS 'forbids to destroy data of a person, until that is released; returns the number of the entry';
REVOKE ALL ON FUNCTION cipguard.place_hold(text, text) FROM PUBLIC;

CREATE FUNCTION cipguard.release_hold(subject text, reason text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE cipguard.legal_hold l SET ended_at = clock_timestamp(), end_reason = release_hold.reason
		WHERE l.subject = release_hold.subject AND l.ended_at IS NULL;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION cipguard.release_hold(text, text) IS 'ends the legal hold of a person; false if there is none';
REVOKE ALL ON FUNCTION cipguard.release_hold(text, text) FROM PUBLIC;

CREATE FUNCTION cipguard.add_canary(subject text, note text) RETURNS bigint
	LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO cipguard.canary (subject, note) VALUES ($1, $2) RETURNING id
$$;
COMMENT ON FUNCTION cipguard.add_canary(text, text) IS 'raises an alert whenever data of the person is disclosed; returns the number of the entry';
REVOKE ALL ON FUNCTION cipguard.add_canary(text, text) FROM PUBLIC;

CREATE FUNCTION cipguard.remove_canary(subject text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE cipguard.canary l SET ended_at = clock_timestamp(), end_reason = 'removed'
		WHERE l.subject = remove_canary.subject AND l.ended_at IS NULL;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION cipguard.remove_canary(text) IS 'the person is no canary any more; false if she was none';
REVOKE ALL ON FUNCTION cipguard.remove_canary(text) FROM PUBLIC;

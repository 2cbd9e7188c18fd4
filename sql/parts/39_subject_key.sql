-- Keys of persons.  Columns of the tables in the order of subject_key.h and
-- subject_epoch.h.
CREATE TABLE cipguard.subject_epoch (
	epoch integer PRIMARY KEY CHECK (epoch OPERATOR(pg_catalog.>) 0),
	name text NOT NULL CHECK (name OPERATOR(pg_catalog.~) '^[0-9a-f]{16}$'),
	root_version integer NOT NULL,
	state text NOT NULL CHECK (state OPERATOR(pg_catalog.=) ANY (ARRAY['open', 'closed', 'destroyed'])),
	created timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	closed timestamptz,
	destroyed timestamptz
);
COMMENT ON TABLE cipguard.subject_epoch IS 'epochs of keys of subjects; the key of each is kept outside of the database';
COMMENT ON COLUMN cipguard.subject_epoch.name IS 'what tells epochs of the same number apart where their keys are kept';
COMMENT ON COLUMN cipguard.subject_epoch.root_version IS 'version of the key of cipguard.data_key that, with the epoch key, wraps keys of subjects';
COMMENT ON COLUMN cipguard.subject_epoch.state IS 'open: wraps new keys; closed: wraps none, its key is to be destroyed; destroyed: it was';
COMMENT ON COLUMN cipguard.subject_epoch.created IS 'when the epoch began';
COMMENT ON COLUMN cipguard.subject_epoch.closed IS 'when the keys that were left went to the next epoch';
COMMENT ON COLUMN cipguard.subject_epoch.destroyed IS 'when its key was destroyed';
REVOKE ALL ON TABLE cipguard.subject_epoch FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('cipguard.subject_epoch', '');

CREATE TABLE cipguard.subject_key (
	key_id bigint NOT NULL CHECK (key_id OPERATOR(pg_catalog.<>) 0),
	person bigint NOT NULL,
	tag bytea NOT NULL,
	subject bigint NOT NULL,
	epoch integer NOT NULL,
	wrapped bytea,
	state text NOT NULL DEFAULT 'active' CHECK (state OPERATOR(pg_catalog.=) ANY (ARRAY['active', 'destroyed'])),
	created timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	destroyed_at timestamptz,
	CONSTRAINT subject_key_pkey PRIMARY KEY (key_id),
	CONSTRAINT subject_key_person UNIQUE (person, tag),
	CHECK ((state OPERATOR(pg_catalog.=) 'destroyed') OPERATOR(pg_catalog.=) (wrapped IS NULL))
);
COMMENT ON TABLE cipguard.subject_key IS 'data keys of persons, wrapped by their epoch';
COMMENT ON COLUMN cipguard.subject_key.key_id IS 'what the header of a value names; random, so that no restored database gives it once more';
COMMENT ON COLUMN cipguard.subject_key.person IS 'number of the table of persons, which is the argument of the triggers';
COMMENT ON COLUMN cipguard.subject_key.tag IS 'pseudonym of the person: a MAC, under a key of cipguard.data_key';
COMMENT ON COLUMN cipguard.subject_key.subject IS 'subject tag, as in the audit log';
COMMENT ON COLUMN cipguard.subject_key.epoch IS 'epoch that wraps the key';
COMMENT ON COLUMN cipguard.subject_key.wrapped IS 'wrapped key';
COMMENT ON COLUMN cipguard.subject_key.state IS 'active: encrypts and decrypts; destroyed: gone, and no other is made for the person';
COMMENT ON COLUMN cipguard.subject_key.created IS 'when the key was made';
COMMENT ON COLUMN cipguard.subject_key.destroyed_at IS 'when the key was destroyed';
REVOKE ALL ON TABLE cipguard.subject_key FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('cipguard.subject_key', '');

CREATE TABLE cipguard.destruction_certificate (
	id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
	subject bigint NOT NULL,
	key_id bigint NOT NULL,
	epoch integer NOT NULL,
	relation text,
	destroyed_values bigint NOT NULL,
	destroyed_rows bigint NOT NULL,
	destroyed_by text NOT NULL,
	reason text NOT NULL,
	unreadable_since timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	unrecoverable_since timestamptz
);
COMMENT ON TABLE cipguard.destruction_certificate IS 'keys of subjects that were destroyed';
COMMENT ON COLUMN cipguard.destruction_certificate.id IS 'number of the certificate';
COMMENT ON COLUMN cipguard.destruction_certificate.subject IS 'subject tag, as in the audit log';
COMMENT ON COLUMN cipguard.destruction_certificate.key_id IS 'key that was destroyed';
COMMENT ON COLUMN cipguard.destruction_certificate.epoch IS 'epoch that wrapped it';
COMMENT ON COLUMN cipguard.destruction_certificate.relation IS 'table that was named; null if keys were destroyed again in a restored database';
COMMENT ON COLUMN cipguard.destruction_certificate.destroyed_values IS 'values that were replaced by noise';
COMMENT ON COLUMN cipguard.destruction_certificate.destroyed_rows IS 'rows that held them';
COMMENT ON COLUMN cipguard.destruction_certificate.destroyed_by IS 'role that destroyed it';
COMMENT ON COLUMN cipguard.destruction_certificate.reason IS 'reason that was given';
COMMENT ON COLUMN cipguard.destruction_certificate.unreadable_since IS 'no SQL shows what was under the key since then';
COMMENT ON COLUMN cipguard.destruction_certificate.unrecoverable_since IS 'no backup helps since then: the epoch key was destroyed; null until the epoch is closed';
REVOKE ALL ON TABLE cipguard.destruction_certificate FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('cipguard.destruction_certificate', '');

-- New keys change nothing that anybody remembers.
CREATE TRIGGER invalidate_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.subject_epoch
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.invalidate_cache();
ALTER TABLE cipguard.subject_epoch ENABLE ALWAYS TRIGGER invalidate_cache;
CREATE TRIGGER invalidate_cache AFTER UPDATE OR DELETE OR TRUNCATE ON cipguard.subject_key
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.invalidate_cache();
ALTER TABLE cipguard.subject_key ENABLE ALWAYS TRIGGER invalidate_cache;

CREATE FUNCTION cipguard.protect_certificate() RETURNS trigger
	AS 'MODULE_PATHNAME', 'cipguard_protect_certificate'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.protect_certificate() IS 'refuses to change or delete certificates';
REVOKE ALL ON FUNCTION cipguard.protect_certificate() FROM PUBLIC;
CREATE TRIGGER protect_certificate BEFORE UPDATE OR DELETE OR TRUNCATE ON cipguard.destruction_certificate
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.protect_certificate();
ALTER TABLE cipguard.destruction_certificate ENABLE ALWAYS TRIGGER protect_certificate;

CREATE FUNCTION cipguard.seal_subject() RETURNS trigger
	AS 'MODULE_PATHNAME', 'cipguard_seal_subject'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.seal_subject() IS 'seals encrypted values of a row under the key of its subject';
REVOKE ALL ON FUNCTION cipguard.seal_subject() FROM PUBLIC;

CREATE FUNCTION cipguard.use_subject_keys(relation regclass) RETURNS void
	AS 'MODULE_PATHNAME', 'cipguard_use_subject_keys'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.use_subject_keys(regclass) IS 'from now on values of a table are under the keys of the persons its rows are about';
REVOKE ALL ON FUNCTION cipguard.use_subject_keys(regclass) FROM PUBLIC;

CREATE FUNCTION cipguard.destroy_subject_key(subject text, relation regclass, reason text DEFAULT NULL) RETURNS uuid
	AS 'MODULE_PATHNAME', 'cipguard_destroy_subject_key'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.destroy_subject_key(text, regclass, text) IS 'destroys the key of a person, and what her values would tell; returns the number of the certificate';
REVOKE ALL ON FUNCTION cipguard.destroy_subject_key(text, regclass, text) FROM PUBLIC;

CREATE FUNCTION cipguard.destroy_key_of(key_id bigint, reason text) RETURNS uuid
	AS 'MODULE_PATHNAME', 'cipguard_destroy_key_of'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.destroy_key_of(bigint, text) IS 'destroys a key again that was destroyed in another copy of the database';
REVOKE ALL ON FUNCTION cipguard.destroy_key_of(bigint, text) FROM PUBLIC;

CREATE PROCEDURE cipguard.close_epoch(INOUT epoch integer DEFAULT NULL, INOUT kept bigint DEFAULT NULL, INOUT destroyed bigint DEFAULT NULL)
	AS 'MODULE_PATHNAME', 'cipguard_close_epoch'
	LANGUAGE C;
COMMENT ON PROCEDURE cipguard.close_epoch(integer, bigint, bigint) IS 'wraps the keys that are left under a new epoch key, commits, and destroys the old one';
REVOKE ALL ON PROCEDURE cipguard.close_epoch(integer, bigint, bigint) FROM PUBLIC;

CREATE FUNCTION cipguard.finish_epochs() RETURNS integer
	AS 'MODULE_PATHNAME', 'cipguard_finish_epochs'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.finish_epochs() IS 'destroys keys of epochs whose closing was broken off; returns their number';
REVOKE ALL ON FUNCTION cipguard.finish_epochs() FROM PUBLIC;

CREATE VIEW cipguard.subject_key_status AS
	SELECT e.epoch,
		e.state,
		e.created,
		e.closed,
		e.destroyed,
		pg_catalog.count(*) FILTER (WHERE k.state OPERATOR(pg_catalog.=) 'active') AS active_keys,
		pg_catalog.count(*) FILTER (WHERE k.state OPERATOR(pg_catalog.=) 'destroyed') AS destroyed_keys
	FROM cipguard.subject_epoch e
		LEFT JOIN cipguard.subject_key k ON k.epoch OPERATOR(pg_catalog.=) e.epoch
	GROUP BY e.epoch;
COMMENT ON VIEW cipguard.subject_key_status IS 'epochs of keys of subjects, and how many keys each wraps';
REVOKE ALL ON TABLE cipguard.subject_key_status FROM PUBLIC;

-- SECURITY DEFINER: officers may not read the table.  The keys are wrapped.
CREATE FUNCTION cipguard.export_subject_keys() RETURNS jsonb
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object('format', 1,
		'epochs', (SELECT coalesce(jsonb_agg(to_jsonb(e) ORDER BY e.epoch), '[]') FROM cipguard.subject_epoch e),
		'keys', (SELECT coalesce(jsonb_agg(to_jsonb(k) ORDER BY k.key_id), '[]') FROM cipguard.subject_key k))
$$;
COMMENT ON FUNCTION cipguard.export_subject_keys() IS 'keys of subjects, wrapped as they are, and which were destroyed: what a backup of an older epoch needs';
REVOKE ALL ON FUNCTION cipguard.export_subject_keys() FROM PUBLIC;

CREATE FUNCTION cipguard.subject_key_opens(key_id bigint, epoch integer, wrapped bytea) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_subject_key_opens'
	LANGUAGE C STABLE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.subject_key_opens(bigint, integer, bytea) IS 'whether an epoch opens a wrapped key of a subject; false if the epoch key was destroyed, an error if the key is not of this epoch';
REVOKE ALL ON FUNCTION cipguard.subject_key_opens(bigint, integer, bytea) FROM PUBLIC;

CREATE FUNCTION cipguard.epoch_key_exists(epoch integer) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_epoch_key_exists'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.epoch_key_exists(integer) IS 'whether the key of an epoch can be had from where epoch keys are kept';
REVOKE ALL ON FUNCTION cipguard.epoch_key_exists(integer) FROM PUBLIC;

-- SECURITY DEFINER: officers may not write the tables.  Nothing is made
-- readable that the epoch keys that still exist would not open.
CREATE FUNCTION cipguard.import_subject_keys(keys jsonb, OUT brought bigint, OUT destroyed bigint)
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	gone bigint;
BEGIN
	IF jsonb_typeof(keys) IS DISTINCT FROM 'object' OR (keys ->> 'format') IS DISTINCT FROM '1' THEN
		RAISE EXCEPTION 'these are no keys of subjects'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Pass what cipguard.export_subject_keys() gave.';
	END IF;
	LOCK TABLE cipguard.subject_key IN SHARE ROW EXCLUSIVE MODE;

	-- An epoch of this number that another database made is not the same.
	IF EXISTS (SELECT FROM jsonb_populate_recordset(NULL::cipguard.subject_epoch, keys -> 'epochs') n
			JOIN cipguard.subject_epoch e ON e.epoch = n.epoch AND e.name <> n.name) THEN
		RAISE EXCEPTION 'the keys belong to epochs that this database does not share'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Keys can be brought into a copy of the database that has closed no epoch of its own.';
	END IF;

	-- Certificates will say so: it must be true.  They do not say when it was
	-- elsewhere, which nobody here can tell, but when this database learned it.
	INSERT INTO cipguard.subject_epoch
		SELECT n.epoch, n.name, n.root_version, CASE WHEN n.state = 'destroyed' THEN 'closed' ELSE n.state END, n.created, n.closed
		FROM jsonb_populate_recordset(NULL::cipguard.subject_epoch, keys -> 'epochs') n
		ON CONFLICT (epoch) DO NOTHING;
	IF EXISTS (SELECT FROM jsonb_populate_recordset(NULL::cipguard.subject_epoch, keys -> 'epochs') n
			JOIN cipguard.subject_epoch e ON e.epoch = n.epoch AND e.state <> 'destroyed'
			WHERE n.state = 'destroyed' AND cipguard.epoch_key_exists(e.epoch)) THEN
		RAISE EXCEPTION 'an epoch that these keys call destroyed still has its key'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Destroy the epoch key where this database finds it, too; cipguard.epoch_directory or cipguard.epoch_command tells where.';
	END IF;
	UPDATE cipguard.subject_epoch e SET state = n.state, closed = n.closed, destroyed = CASE WHEN n.state = 'destroyed' THEN now() END
		FROM jsonb_populate_recordset(NULL::cipguard.subject_epoch, keys -> 'epochs') n
		WHERE n.epoch = e.epoch AND e.state <> 'destroyed' AND n.state <> e.state;

	-- What was destroyed there is destroyed here, rows included.
	destroyed := 0;
	FOR gone IN
		SELECT k.key_id FROM jsonb_populate_recordset(NULL::cipguard.subject_key, keys -> 'keys') n
			JOIN cipguard.subject_key k ON k.key_id = n.key_id
			WHERE n.state = 'destroyed' AND k.state = 'active' ORDER BY 1
	LOOP
		PERFORM cipguard.destroy_key_of(gone, 'destroyed elsewhere');
		destroyed := destroyed + 1;
	END LOOP;

	-- What replaces a key must be one.
	IF EXISTS (SELECT FROM jsonb_populate_recordset(NULL::cipguard.subject_key, keys -> 'keys') n
			LEFT JOIN cipguard.subject_key k ON k.key_id = n.key_id
			WHERE n.state = 'active' AND (k.epoch, k.wrapped) IS DISTINCT FROM (n.epoch, n.wrapped)
				AND NOT cipguard.subject_key_opens(n.key_id, n.epoch, n.wrapped)) THEN
		RAISE EXCEPTION 'the keys belong to an epoch whose key was destroyed'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Export them again, from the database that goes on.';
	END IF;
	WITH n AS (
		SELECT p.* FROM jsonb_populate_recordset(NULL::cipguard.subject_key, keys -> 'keys') p
	), changed AS (
		UPDATE cipguard.subject_key k SET epoch = n.epoch, wrapped = n.wrapped
			FROM n WHERE k.key_id = n.key_id AND k.state = 'active' AND n.state = 'active'
				AND (k.epoch <> n.epoch OR k.wrapped <> n.wrapped)
			RETURNING 1
	), added AS (
		INSERT INTO cipguard.subject_key
			SELECT n.key_id, n.person, n.tag, n.subject, n.epoch, n.wrapped, n.state, n.created, CASE WHEN n.state = 'destroyed' THEN now() END
			FROM n
			ON CONFLICT DO NOTHING
			RETURNING 1
	)
	SELECT (SELECT count(*) FROM changed) + (SELECT count(*) FROM added) INTO brought;

	-- Certificates of epochs that have ended are completed.
	PERFORM cipguard.finish_epochs();
END
$$;
COMMENT ON FUNCTION cipguard.import_subject_keys(jsonb) IS 'brings keys of subjects into an older copy of the database, and destroys there what was destroyed since';
REVOKE ALL ON FUNCTION cipguard.import_subject_keys(jsonb) FROM PUBLIC;

-- What personal data are used for.  Columns in the order of activity.c.
--
-- The name of a processing activity is what cipguard.purpose is set to.  A
-- version is never changed, only ended; another one takes its place, and
-- consents to the one before count no longer.
CREATE TABLE cipguard.activity (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	name text NOT NULL CHECK (name OPERATOR(pg_catalog.<>) '' AND pg_catalog.octet_length(name) OPERATOR(pg_catalog.<=) 200
		AND name OPERATOR(pg_catalog.!~) '[\x01-\x1f\x7f]'),
	version integer NOT NULL CHECK (version OPERATOR(pg_catalog.>) 0),
	purpose text NOT NULL CHECK (purpose OPERATOR(pg_catalog.<>) ''),
	legal_basis text NOT NULL CHECK (legal_basis OPERATOR(pg_catalog.=) ANY
		(ARRAY['consent', 'contract', 'legal_obligation', 'emergency', 'news', 'public', 'other_law'])),
	categories text[] NOT NULL CHECK (pg_catalog.cardinality(categories) OPERATOR(pg_catalog.>) 0),
	owner text NOT NULL CHECK (owner OPERATOR(pg_catalog.<>) ''),
	retention text,
	necessary boolean NOT NULL,
	limited boolean NOT NULL,
	roles text[] CHECK (pg_catalog.cardinality(roles) OPERATOR(pg_catalog.>) 0),
	valid_from timestamptz NOT NULL,
	made_by text NOT NULL,
	ended_at timestamptz,
	ended_by text,
	CONSTRAINT activity_version UNIQUE (name, version)
);
CREATE UNIQUE INDEX activity_live ON cipguard.activity (name) WHERE ended_at IS NULL;
COMMENT ON TABLE cipguard.activity IS 'processing activities: what personal data are used for, and on what legal basis; each version is a row';
COMMENT ON COLUMN cipguard.activity.id IS 'number of the version, which consents are for';
COMMENT ON COLUMN cipguard.activity.name IS 'what cipguard.purpose is set to';
COMMENT ON COLUMN cipguard.activity.version IS 'counts the versions under a name';
COMMENT ON COLUMN cipguard.activity.purpose IS 'purpose in the words that persons are told';
COMMENT ON COLUMN cipguard.activity.legal_basis IS 'of PIPL article 13: consent contract legal_obligation emergency news public other_law';
COMMENT ON COLUMN cipguard.activity.categories IS 'categories of personal data that it may use';
COMMENT ON COLUMN cipguard.activity.owner IS 'who answers for it';
COMMENT ON COLUMN cipguard.activity.retention IS 'how long the data are kept for it';
COMMENT ON COLUMN cipguard.activity.necessary IS 'whether the service cannot be had without it (PIPL article 16)';
COMMENT ON COLUMN cipguard.activity.limited IS 'whether it may use the columns of cipguard.activity_column only';
COMMENT ON COLUMN cipguard.activity.roles IS 'roles that may state it, themselves or as members; null: whoever has a grant';
COMMENT ON COLUMN cipguard.activity.valid_from IS 'when the version was made';
COMMENT ON COLUMN cipguard.activity.made_by IS 'login role of the officer who made it';
COMMENT ON COLUMN cipguard.activity.ended_at IS 'when it ended; null: it is live';
COMMENT ON COLUMN cipguard.activity.ended_by IS 'login role of the officer who ended it';
REVOKE ALL ON TABLE cipguard.activity FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('cipguard.activity', '');
SELECT pg_catalog.pg_extension_config_dump('cipguard.activity_id_seq', '');

-- A column counts only while it has both the name and the number that it had:
-- another one that takes its name is not it.
CREATE TABLE cipguard.activity_column (
	activity bigint NOT NULL,
	relation regclass NOT NULL,
	column_name name NOT NULL,
	attnum smallint NOT NULL,
	PRIMARY KEY (activity, relation, column_name)
);
COMMENT ON TABLE cipguard.activity_column IS 'columns that activities are limited to';
COMMENT ON COLUMN cipguard.activity_column.activity IS 'number of the version (cipguard.activity)';
COMMENT ON COLUMN cipguard.activity_column.relation IS 'the table; those below it are meant, too';
COMMENT ON COLUMN cipguard.activity_column.attnum IS 'number of the column, filled in by a trigger';
REVOKE ALL ON TABLE cipguard.activity_column FROM PUBLIC;
-- One of a table that is gone must not become one of whatever gets its OID;
-- that its activity is limited does not depend on it.
SELECT pg_catalog.pg_extension_config_dump('cipguard.activity_column', 'WHERE EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = relation)');

CREATE FUNCTION cipguard.guard_activity() RETURNS trigger
	AS 'MODULE_PATHNAME', 'cipguard_guard_activity'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.guard_activity() IS 'trigger: activities use categories and roles that exist, and are only ended, never changed';
REVOKE ALL ON FUNCTION cipguard.guard_activity() FROM PUBLIC;
CREATE FUNCTION cipguard.guard_activity_column() RETURNS trigger
	AS 'MODULE_PATHNAME', 'cipguard_guard_activity_column'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.guard_activity_column() IS 'trigger: columns come with their activity, and are protected ones of its categories';
REVOKE ALL ON FUNCTION cipguard.guard_activity_column() FROM PUBLIC;
CREATE FUNCTION cipguard.protect_register() RETURNS trigger
	AS 'MODULE_PATHNAME', 'cipguard_protect_register'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.protect_register() IS 'trigger: refuses to change what a register holds, outside of maintenance windows';
REVOKE ALL ON FUNCTION cipguard.protect_register() FROM PUBLIC;

CREATE TRIGGER guard_activity BEFORE INSERT OR UPDATE ON cipguard.activity
	FOR EACH ROW EXECUTE FUNCTION cipguard.guard_activity();
ALTER TABLE cipguard.activity ENABLE ALWAYS TRIGGER guard_activity;
CREATE TRIGGER protect_register BEFORE DELETE OR TRUNCATE ON cipguard.activity
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.protect_register();
ALTER TABLE cipguard.activity ENABLE ALWAYS TRIGGER protect_register;
CREATE TRIGGER invalidate_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.activity
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.invalidate_cache();
ALTER TABLE cipguard.activity ENABLE ALWAYS TRIGGER invalidate_cache;

CREATE TRIGGER guard_activity_column BEFORE INSERT ON cipguard.activity_column
	FOR EACH ROW EXECUTE FUNCTION cipguard.guard_activity_column();
ALTER TABLE cipguard.activity_column ENABLE ALWAYS TRIGGER guard_activity_column;
CREATE TRIGGER protect_register BEFORE UPDATE OR DELETE OR TRUNCATE ON cipguard.activity_column
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.protect_register();
ALTER TABLE cipguard.activity_column ENABLE ALWAYS TRIGGER protect_register;
CREATE TRIGGER invalidate_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.activity_column
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.invalidate_cache();
ALTER TABLE cipguard.activity_column ENABLE ALWAYS TRIGGER invalidate_cache;

-- Everything that NULL may not stand for was said by the caller; the triggers
-- judge the rest.
CREATE FUNCTION cipguard.write_activity(new cipguard.activity, columns text[]) RETURNS bigint
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	made bigint;
	full_name text;
	parts text[];
	relation regclass;
BEGIN
	IF (new.legal_basis = ANY (ARRAY['consent', 'contract', 'legal_obligation', 'emergency', 'news', 'public', 'other_law'])) IS NOT TRUE THEN
		RAISE EXCEPTION 'unrecognized legal basis of an activity: %', coalesce(quote_literal(new.legal_basis), 'null')
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Valid ones are consent, contract, legal_obligation, emergency, news, public and other_law.';
	END IF;
	IF new.name = '' OR octet_length(new.name) > 200 OR new.name ~ '[\x01-\x1f\x7f]' THEN
		RAISE EXCEPTION 'name of an activity must be 1 to 200 bytes long, without control characters'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Take a short name: cipguard.purpose is set to it.';
	END IF;
	IF new.name IS NULL OR coalesce(new.purpose, '') = '' OR coalesce(new.owner, '') = '' OR coalesce(cardinality(new.categories), 0) = 0 THEN
		RAISE EXCEPTION 'an activity must have a name, a purpose, categories and an owner'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Give all four; cipguard.category lists the categories.';
	END IF;
	INSERT INTO cipguard.activity (name, purpose, legal_basis, categories, owner, retention, necessary, limited, roles)
		VALUES (new.name, new.purpose, new.legal_basis, new.categories, new.owner, new.retention, coalesce(new.necessary, true),
			coalesce(cardinality(columns), 0) > 0, nullif(new.roles, '{}'))
		RETURNING id INTO made;
	FOREACH full_name IN ARRAY coalesce(columns, '{}') LOOP
		parts := parse_ident(full_name);
		IF cardinality(parts) <> 3 THEN
			RAISE EXCEPTION 'invalid column of an activity: %', quote_literal(full_name)
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Write schema.table.column.';
		END IF;
		relation := to_regclass(format('%I.%I', parts[1], parts[2]));
		IF relation IS NULL THEN
			RAISE EXCEPTION 'relation "%.%" does not exist', parts[1], parts[2]
				USING ERRCODE = 'undefined_table', HINT = 'Write schema.table.column.';
		END IF;
		INSERT INTO cipguard.activity_column (activity, relation, column_name) VALUES (made, relation, parts[3]::name);
	END LOOP;
	RETURN made;
END
$$;
COMMENT ON FUNCTION cipguard.write_activity(cipguard.activity, text[]) IS 'makes a version of an activity, with its columns';
REVOKE ALL ON FUNCTION cipguard.write_activity(cipguard.activity, text[]) FROM PUBLIC;

CREATE FUNCTION cipguard.add_activity(
	name text,
	purpose text,
	legal_basis text,
	categories text[],
	owner text,
	retention text DEFAULT NULL,
	necessary boolean DEFAULT true,
	columns text[] DEFAULT NULL,
	roles text[] DEFAULT NULL
) RETURNS bigint
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	new cipguard.activity;
BEGIN
	IF EXISTS (SELECT FROM cipguard.activity a WHERE a.name = add_activity.name AND a.ended_at IS NULL) THEN
		RAISE EXCEPTION 'activity "%" already exists', add_activity.name
			USING ERRCODE = 'duplicate_object', HINT = 'Make another version of it with cipguard.revise_activity().';
	END IF;
	new.name := add_activity.name;
	new.purpose := add_activity.purpose;
	new.legal_basis := add_activity.legal_basis;
	new.categories := add_activity.categories;
	new.owner := add_activity.owner;
	new.retention := add_activity.retention;
	new.necessary := add_activity.necessary;
	new.roles := add_activity.roles;
	RETURN cipguard.write_activity(new, add_activity.columns);
END
$$;
COMMENT ON FUNCTION cipguard.add_activity(text, text, text, text[], text, text, boolean, text[], text[]) IS 'registers a processing activity; returns the number of its version';
REVOKE ALL ON FUNCTION cipguard.add_activity(text, text, text, text[], text, text, boolean, text[], text[]) FROM PUBLIC;

CREATE FUNCTION cipguard.revise_activity(
	name text,
	purpose text DEFAULT NULL,
	legal_basis text DEFAULT NULL,
	categories text[] DEFAULT NULL,
	owner text DEFAULT NULL,
	retention text DEFAULT NULL,
	necessary boolean DEFAULT NULL,
	columns text[] DEFAULT NULL,
	roles text[] DEFAULT NULL
) RETURNS bigint
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	old cipguard.activity;
	new cipguard.activity;
	kept text[];
BEGIN
	-- The newest version: of two who revise at once the second builds on the first.
	PERFORM cipguard.end_activity(revise_activity.name);
	SELECT a.* INTO old FROM cipguard.activity a WHERE a.name = revise_activity.name ORDER BY a.version DESC LIMIT 1;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'activity "%" does not exist', revise_activity.name
			USING ERRCODE = 'undefined_object', HINT = 'Register it with cipguard.add_activity().';
	END IF;
	kept := (SELECT array_agg(format('%I.%I.%I', n.nspname, r.relname, c.column_name))
		FROM cipguard.activity_column c
			JOIN pg_class r ON r.oid = c.relation
			JOIN pg_namespace n ON n.oid = r.relnamespace
		WHERE c.activity = old.id);
	IF old.limited AND kept IS NULL AND revise_activity.columns IS NULL THEN
		RAISE EXCEPTION 'the tables of all columns of activity "%" are gone', revise_activity.name
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Name columns, or none (''{}'') for all of its categories.';
	END IF;
	new.name := old.name;
	new.purpose := coalesce(revise_activity.purpose, old.purpose);
	new.legal_basis := coalesce(revise_activity.legal_basis, old.legal_basis);
	new.categories := coalesce(revise_activity.categories, old.categories);
	new.owner := coalesce(revise_activity.owner, old.owner);
	new.retention := coalesce(revise_activity.retention, old.retention);
	new.necessary := coalesce(revise_activity.necessary, old.necessary);
	new.roles := coalesce(revise_activity.roles, old.roles);
	RETURN cipguard.write_activity(new, coalesce(revise_activity.columns, kept));
END
$$;
COMMENT ON FUNCTION cipguard.revise_activity(text, text, text, text[], text, text, boolean, text[], text[]) IS 'makes another version of an activity, null keeps what the last had; consents lapse; returns its number';
REVOKE ALL ON FUNCTION cipguard.revise_activity(text, text, text, text[], text, text, boolean, text[], text[]) FROM PUBLIC;

CREATE FUNCTION cipguard.end_activity(name text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE cipguard.activity a SET ended_at = now() WHERE a.name = end_activity.name AND a.ended_at IS NULL;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION cipguard.end_activity(text) IS 'ends an activity at once, in every session; false if there is no live one of that name';
REVOKE ALL ON FUNCTION cipguard.end_activity(text) FROM PUBLIC;

CREATE VIEW cipguard.activities AS
	SELECT name, version, purpose, legal_basis, categories
	FROM cipguard.activity
	WHERE ended_at IS NULL;
COMMENT ON VIEW cipguard.activities IS 'live activities: what cipguard.purpose can be set to';
REVOKE ALL ON TABLE cipguard.activities FROM PUBLIC;

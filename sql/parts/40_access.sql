-- Who may compare or read values.  Columns in the order of access.c.
CREATE TABLE cipguard.access_grant (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	grantee regrole NOT NULL,
	category text NOT NULL,
	level text NOT NULL CHECK (level OPERATOR(pg_catalog.=) 'search' OR level OPERATOR(pg_catalog.=) 'read'),
	relation regclass,
	purpose text CHECK (purpose OPERATOR(pg_catalog.<>) '' AND pg_catalog.octet_length(purpose) OPERATOR(pg_catalog.<=) 200),
	valid_from timestamptz NOT NULL DEFAULT pg_catalog.now(),
	valid_until timestamptz,
	granted_by text,
	granted_at timestamptz,
	revoked_by text,
	revoked_at timestamptz,
	request bigint,
	row_limit bigint CHECK (row_limit OPERATOR(pg_catalog.>) 0),
	minors boolean NOT NULL DEFAULT false,
	suspended_at timestamptz,
	suspended_for text
);
COMMENT ON TABLE cipguard.access_grant IS 'grants of access to personal data, with those revoked';
COMMENT ON COLUMN cipguard.access_grant.relation IS 'the grant opens this table and its masking view only; null: every table';
COMMENT ON COLUMN cipguard.access_grant.purpose IS 'counts only while cipguard.purpose has this value; null: always';
COMMENT ON COLUMN cipguard.access_grant.request IS 'request that was approved; null: granted by an officer alone';
COMMENT ON COLUMN cipguard.access_grant.row_limit IS 'values that may be shown under the grant in all; null: as many as the budget has';
COMMENT ON COLUMN cipguard.access_grant.minors IS 'opens data of minors, where that takes a second approval';
COMMENT ON COLUMN cipguard.access_grant.suspended_at IS 'does not count since then; an officer may end that';
COMMENT ON COLUMN cipguard.access_grant.suspended_for IS 'alert that suspended it';
COMMENT ON COLUMN cipguard.access_grant.granted_by IS 'login role of the officer';
REVOKE ALL ON TABLE cipguard.access_grant FROM PUBLIC;
-- A grant to a role that is gone must not become one to whoever gets its OID.
SELECT pg_catalog.pg_extension_config_dump('cipguard.access_grant', 'WHERE EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = grantee)');
SELECT pg_catalog.pg_extension_config_dump('cipguard.access_grant_id_seq', '');

CREATE FUNCTION cipguard.guard_grant() RETURNS trigger
	AS 'MODULE_PATHNAME', 'cipguard_guard_grant'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.guard_grant() IS 'trigger: nobody grants access to himself, and grants are only revoked or suspended, never changed';
REVOKE ALL ON FUNCTION cipguard.guard_grant() FROM PUBLIC;

CREATE TRIGGER guard_grant BEFORE INSERT OR UPDATE ON cipguard.access_grant
	FOR EACH ROW EXECUTE FUNCTION cipguard.guard_grant();
ALTER TABLE cipguard.access_grant ENABLE ALWAYS TRIGGER guard_grant;
CREATE TRIGGER invalidate_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.access_grant
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.invalidate_cache();
ALTER TABLE cipguard.access_grant ENABLE ALWAYS TRIGGER invalidate_cache;

CREATE FUNCTION cipguard.can_access(category text, level text DEFAULT 'read', relation regclass DEFAULT NULL) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_can_access'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.can_access(text, text, regclass) IS 'whether the current user may search or read values of the category, of that table or of any';

CREATE FUNCTION cipguard.grant_access(
	grantee regrole,
	category text,
	level text DEFAULT 'read',
	relation regclass DEFAULT NULL,
	purpose text DEFAULT NULL,
	valid_until timestamptz DEFAULT NULL
) RETURNS bigint
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	made bigint;
BEGIN
	IF grant_access.grantee IS NULL OR grant_access.category IS NULL OR grant_access.level IS NULL THEN
		RAISE EXCEPTION 'grantee, category and level of a grant must not be null'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Name all three; cipguard.category lists the categories.';
	END IF;
	-- Raises, with a hint, for a category or level that does not exist.
	PERFORM cipguard.can_access(grant_access.category, grant_access.level);
	IF grant_access.category = 'unclassified' THEN
		RAISE EXCEPTION 'category "%" is for values outside of columns', grant_access.category
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Grant a category that columns have; cipguard.category lists them.';
	END IF;
	IF grant_access.level = 'search' AND EXISTS (SELECT FROM cipguard.category c WHERE c.name = grant_access.category AND c.mode = 'random') THEN
		RAISE EXCEPTION 'values of category "%" cannot be searched', grant_access.category
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Grant level "read"; only searchable categories know "search".';
	END IF;
	PERFORM FROM pg_class c WHERE c.oid = grant_access.relation AND c.relkind = ANY (ARRAY['r', 'p']::"char"[]);
	IF grant_access.relation IS NOT NULL AND NOT FOUND THEN
		RAISE EXCEPTION '"%" is not a table', grant_access.relation
			USING ERRCODE = 'wrong_object_type', HINT = 'Name the table, not its masking view.';
	END IF;
	IF grant_access.purpose = '' OR octet_length(grant_access.purpose) > 200 THEN
		RAISE EXCEPTION 'purpose of a grant must be 1 to 200 bytes long'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out for a grant that counts whatever the purpose.';
	END IF;
	IF grant_access.valid_until <= now() THEN
		RAISE EXCEPTION 'end of the grant lies in the past'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a time in the future, or NULL for a grant without end.';
	END IF;
	INSERT INTO cipguard.access_grant (grantee, category, level, relation, purpose, valid_until)
		VALUES (grant_access.grantee, grant_access.category, grant_access.level, grant_access.relation,
			grant_access.purpose, grant_access.valid_until)
		RETURNING id INTO made;
	RETURN made;
END
$$;
COMMENT ON FUNCTION cipguard.grant_access(regrole, text, text, regclass, text, timestamptz) IS 'lets a role search or read values of a category; returns the number of the grant';
REVOKE ALL ON FUNCTION cipguard.grant_access(regrole, text, text, regclass, text, timestamptz) FROM PUBLIC;

CREATE FUNCTION cipguard.revoke_access(grant_id bigint) RETURNS boolean
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE cipguard.access_grant SET revoked_at = now()
		WHERE id = revoke_access.grant_id AND revoked_at IS NULL;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION cipguard.revoke_access(bigint) IS 'ends a grant at once, in every session; false if there is none in force by that number';
REVOKE ALL ON FUNCTION cipguard.revoke_access(bigint) FROM PUBLIC;

CREATE FUNCTION cipguard.suspend_access(grant_id bigint, reason text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF suspend_access.reason IS NULL OR suspend_access.reason = '' THEN
		RAISE EXCEPTION 'a suspension needs a reason'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Say what is to be cleared before the grant counts again.';
	END IF;
	UPDATE cipguard.access_grant SET suspended_at = now(), suspended_for = suspend_access.reason
		WHERE id = suspend_access.grant_id AND revoked_at IS NULL AND suspended_at IS NULL;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION cipguard.suspend_access(bigint, text) IS 'makes a grant not count until it is resumed, in every session at once; false if there is none in force by that number';
REVOKE ALL ON FUNCTION cipguard.suspend_access(bigint, text) FROM PUBLIC;

CREATE FUNCTION cipguard.resume_access(grant_id bigint) RETURNS boolean
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE cipguard.access_grant SET suspended_at = NULL, suspended_for = NULL
		WHERE id = resume_access.grant_id AND revoked_at IS NULL AND suspended_at IS NOT NULL;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION cipguard.resume_access(bigint) IS 'ends the suspension of a grant; nobody does that for himself; false if none by that number is suspended';
REVOKE ALL ON FUNCTION cipguard.resume_access(bigint) FROM PUBLIC;

CREATE VIEW cipguard.access_grants AS
	SELECT id, grantee, category, level, relation, purpose, valid_from, valid_until, granted_by, granted_at, request, row_limit, minors
	FROM cipguard.access_grant
	WHERE revoked_at IS NULL AND suspended_at IS NULL
		AND (valid_until IS NULL OR valid_until OPERATOR(pg_catalog.>) pg_catalog.now());
COMMENT ON VIEW cipguard.access_grants IS 'grants in force';
REVOKE ALL ON TABLE cipguard.access_grants FROM PUBLIC;

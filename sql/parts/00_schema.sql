\echo Use "CREATE EXTENSION cipguard" to load this file. \quit

CREATE SCHEMA cipguard;
COMMENT ON SCHEMA cipguard IS 'client information protection guard: encryption, masking and audit of personal data';

-- Roles belong to the whole cluster: made when missing, never dropped.
DO $$
DECLARE
	role_name text;
BEGIN
	FOREACH role_name IN ARRAY ARRAY['cipguard_officer', 'cipguard_auditor', 'cipguard_masker',
			'cipguard_emergency', 'cipguard_minor_approver', 'cipguard_registrar'] LOOP
		IF pg_catalog.to_regrole(role_name) IS NULL THEN
			EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', role_name);
		END IF;
	END LOOP;
	-- Whoever acts as cipguard_masker reads every table that has a masking view.
	IF EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) 'cipguard_masker'
			AND (r.rolcanlogin OR r.rolsuper OR EXISTS (SELECT FROM pg_catalog.pg_auth_members m WHERE m.roleid OPERATOR(pg_catalog.=) r.oid))) THEN
		RAISE EXCEPTION 'role "cipguard_masker" exists and can log in, is a superuser or has members'
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Nobody may act as this role. Drop it, or take LOGIN, SUPERUSER and its members away.';
	END IF;
END
$$;

CREATE FUNCTION cipguard.invalidate_cache() RETURNS trigger
	AS 'MODULE_PATHNAME', 'cipguard_invalidate_cache'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.invalidate_cache() IS 'trigger: tells every session that a table of the extension has changed';
REVOKE ALL ON FUNCTION cipguard.invalidate_cache() FROM PUBLIC;

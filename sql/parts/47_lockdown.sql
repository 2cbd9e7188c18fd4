-- Lockdowns: nobody reads, whatever the grants.  Columns in the order of
-- lockdown.c.
CREATE TABLE cipguard.lockdown (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	scope text NOT NULL CHECK (scope OPERATOR(pg_catalog.=) ANY (ARRAY['all', 'category', 'relation', 'role'])),
	category text,
	relations regclass[],
	role regrole,
	reason text NOT NULL,
	locked_by text NOT NULL,
	locked_at timestamptz NOT NULL,
	lift_request bigint,
	lifted_at timestamptz,
	CHECK ((category IS NOT NULL) OPERATOR(pg_catalog.=) (scope OPERATOR(pg_catalog.=) 'category')
		AND (relations IS NOT NULL) OPERATOR(pg_catalog.=) (scope OPERATOR(pg_catalog.=) 'relation')
		AND (role IS NOT NULL) OPERATOR(pg_catalog.=) (scope OPERATOR(pg_catalog.=) 'role')),
	CHECK ((lift_request IS NULL) OPERATOR(pg_catalog.=) (lifted_at IS NULL))
);
COMMENT ON TABLE cipguard.lockdown IS 'lockdowns, with those that were lifted';
COMMENT ON COLUMN cipguard.lockdown.id IS 'number of the lockdown';
COMMENT ON COLUMN cipguard.lockdown.scope IS 'all, category, relation or role';
COMMENT ON COLUMN cipguard.lockdown.category IS 'category that is closed';
COMMENT ON COLUMN cipguard.lockdown.relations IS 'table that is closed, and those that were below it';
COMMENT ON COLUMN cipguard.lockdown.role IS 'role that reads nothing, nor do its members';
COMMENT ON COLUMN cipguard.lockdown.reason IS 'why';
COMMENT ON COLUMN cipguard.lockdown.locked_by IS 'login role of who locked down';
COMMENT ON COLUMN cipguard.lockdown.locked_at IS 'when; in force since the transaction committed';
COMMENT ON COLUMN cipguard.lockdown.lift_request IS 'request that was approved; null: in force';
COMMENT ON COLUMN cipguard.lockdown.lifted_at IS 'when it was lifted; null: in force';
REVOKE ALL ON TABLE cipguard.lockdown FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('cipguard.lockdown', '');
SELECT pg_catalog.pg_extension_config_dump('cipguard.lockdown_id_seq', '');

CREATE FUNCTION cipguard.guard_lockdown() RETURNS trigger
	AS 'MODULE_PATHNAME', 'cipguard_guard_lockdown'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.guard_lockdown() IS 'trigger: a lockdown is lifted by two persons, and never deleted';
REVOKE ALL ON FUNCTION cipguard.guard_lockdown() FROM PUBLIC;

CREATE TRIGGER guard_lockdown BEFORE INSERT OR DELETE ON cipguard.lockdown
	FOR EACH ROW EXECUTE FUNCTION cipguard.guard_lockdown();
ALTER TABLE cipguard.lockdown ENABLE ALWAYS TRIGGER guard_lockdown;
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON cipguard.lockdown
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.guard_lockdown();
ALTER TABLE cipguard.lockdown ENABLE ALWAYS TRIGGER guard_truncate;
CREATE TRIGGER invalidate_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.lockdown
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.invalidate_cache();
ALTER TABLE cipguard.lockdown ENABLE ALWAYS TRIGGER invalidate_cache;

CREATE FUNCTION cipguard.guard_lift() RETURNS trigger
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF OLD.lifted_at IS NOT NULL OR NEW.lifted_at IS NULL
		OR (NEW.id, NEW.scope, NEW.reason, NEW.locked_by, NEW.locked_at) IS DISTINCT FROM (OLD.id, OLD.scope, OLD.reason, OLD.locked_by, OLD.locked_at)
		OR (NEW.category, NEW.relations, NEW.role) IS DISTINCT FROM (OLD.category, OLD.relations, OLD.role)
		OR NOT EXISTS (SELECT FROM cipguard.request r
			WHERE r.id = NEW.lift_request AND r.kind = 'lift_lockdown' AND r.state = 'approved' AND r.carried_out_at IS NULL
				AND (r.detail ->> 'lockdown')::bigint = OLD.id AND r.needed > 0) THEN
		PERFORM cipguard.refuse_request('change of a lockdown', 'a lockdown is lifted by two persons, and never changed',
			'Ask with cipguard.lift_lockdown(); another officer approves.');
	END IF;
	NEW.lifted_at := clock_timestamp();
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION cipguard.guard_lift() IS 'trigger: a lockdown is changed only to be lifted, by a request that was approved';
REVOKE ALL ON FUNCTION cipguard.guard_lift() FROM PUBLIC;
CREATE TRIGGER guard_lift BEFORE UPDATE ON cipguard.lockdown
	FOR EACH ROW EXECUTE FUNCTION cipguard.guard_lift();
ALTER TABLE cipguard.lockdown ENABLE ALWAYS TRIGGER guard_lift;

CREATE FUNCTION cipguard.lockdown(scope text, reason text) RETURNS bigint
	AS 'MODULE_PATHNAME', 'cipguard_lockdown'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.lockdown(text, text) IS 'closes everything, a category, a table or a role to everybody, from the commit on; returns the number of the lockdown';
REVOKE ALL ON FUNCTION cipguard.lockdown(text, text) FROM PUBLIC;

-- SECURITY DEFINER: the request is recorded for whoever asks, and officers may
-- not write the table.
CREATE FUNCTION cipguard.lift_lockdown(id bigint, reason text) RETURNS bigint
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET check_function_bodies = on
AS $$
BEGIN
	PERFORM FROM cipguard.lockdown l WHERE l.id = lift_lockdown.id AND l.lifted_at IS NULL;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no lockdown % in force', COALESCE(lift_lockdown.id::text, 'NULL')
			USING ERRCODE = 'undefined_object', HINT = 'View cipguard.lockdowns lists those in force.';
	END IF;
	RETURN cipguard.open_request('lift_lockdown', jsonb_build_object('lockdown', lift_lockdown.id), lift_lockdown.reason);
END
$$;
COMMENT ON FUNCTION cipguard.lift_lockdown(bigint, text) IS 'asks that a lockdown be lifted, which another officer has to approve; returns the number of the request';
REVOKE ALL ON FUNCTION cipguard.lift_lockdown(bigint, text) FROM PUBLIC;

CREATE FUNCTION cipguard.carry_out_lift(request bigint) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	lifted bigint;
BEGIN
	UPDATE cipguard.lockdown l SET lift_request = r.id, lifted_at = clock_timestamp()
		FROM cipguard.request r
		WHERE r.id = carry_out_lift.request AND l.id = (r.detail ->> 'lockdown')::bigint AND l.lifted_at IS NULL
		RETURNING l.id INTO lifted;
	RETURN jsonb_build_object('lockdown', lifted);
END
$$;
COMMENT ON FUNCTION cipguard.carry_out_lift(bigint) IS 'lifts the lockdown of an approved request';
REVOKE ALL ON FUNCTION cipguard.carry_out_lift(bigint) FROM PUBLIC;

CREATE VIEW cipguard.lockdowns AS
	SELECT id, scope, COALESCE(category, relations[1]::pg_catalog.text, role::pg_catalog.text) AS target,
		reason, locked_by, locked_at
	FROM cipguard.lockdown
	WHERE lifted_at IS NULL;
COMMENT ON VIEW cipguard.lockdowns IS 'lockdowns in force';
COMMENT ON COLUMN cipguard.lockdowns.target IS 'category, table or role that is closed; null: everything';
REVOKE ALL ON TABLE cipguard.lockdowns FROM PUBLIC;

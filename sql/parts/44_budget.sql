-- How many values a role may be shown.  Columns in the order of budget.c.
CREATE TABLE cipguard.budget (
	grantee regrole,
	category text,
	per_hour bigint CHECK (per_hour OPERATOR(pg_catalog.>=) 0),
	per_day bigint CHECK (per_day OPERATOR(pg_catalog.>=) 0),
	set_by text,
	set_at timestamptz,
	UNIQUE NULLS NOT DISTINCT (grantee, category)
);
COMMENT ON TABLE cipguard.budget IS 'how many values roles may be shown in an hour and in a day';
COMMENT ON COLUMN cipguard.budget.grantee IS 'role, or role of whose members each has that budget; null: every role that no other row names';
COMMENT ON COLUMN cipguard.budget.category IS 'category of the values; null: each category that no other row of the grantee names';
COMMENT ON COLUMN cipguard.budget.per_hour IS 'values in any 60 minutes; null: without limit';
COMMENT ON COLUMN cipguard.budget.per_day IS 'values in any 24 hours; null: without limit';
COMMENT ON COLUMN cipguard.budget.set_by IS 'login role of the officer';
COMMENT ON COLUMN cipguard.budget.set_at IS 'when it was set';
REVOKE ALL ON TABLE cipguard.budget FROM PUBLIC;
-- A budget of a role that is gone must not become one of whoever gets its OID.
SELECT pg_catalog.pg_extension_config_dump('cipguard.budget', 'WHERE grantee IS NULL OR EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = grantee)');

CREATE FUNCTION cipguard.guard_budget() RETURNS trigger
	AS 'MODULE_PATHNAME', 'cipguard_guard_budget'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.guard_budget() IS 'trigger: nobody sets his own budget';
REVOKE ALL ON FUNCTION cipguard.guard_budget() FROM PUBLIC;

CREATE TRIGGER guard_budget BEFORE INSERT OR UPDATE OR DELETE ON cipguard.budget
	FOR EACH ROW EXECUTE FUNCTION cipguard.guard_budget();
ALTER TABLE cipguard.budget ENABLE ALWAYS TRIGGER guard_budget;
CREATE TRIGGER invalidate_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.budget
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.invalidate_cache();
ALTER TABLE cipguard.budget ENABLE ALWAYS TRIGGER invalidate_cache;

CREATE FUNCTION cipguard.set_budget(
	grantee regrole,
	category text,
	per_hour bigint,
	per_day bigint
) RETURNS void
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF set_budget.category IS NOT NULL THEN
		-- Raises, with a hint, for a category that does not exist.
		PERFORM cipguard.can_access(set_budget.category);
	END IF;
	IF set_budget.category = 'unclassified' THEN
		RAISE EXCEPTION 'category "%" is for values outside of columns', set_budget.category
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Name a category that columns have; cipguard.category lists them.';
	END IF;
	IF set_budget.per_hour < 0 OR set_budget.per_day < 0 THEN
		RAISE EXCEPTION 'budget must not be negative'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a number of values, 0 for none, or NULL for no limit.';
	END IF;
	INSERT INTO cipguard.budget AS b (grantee, category, per_hour, per_day)
		VALUES (set_budget.grantee, set_budget.category, set_budget.per_hour, set_budget.per_day)
		ON CONFLICT ON CONSTRAINT budget_grantee_category_key
		DO UPDATE SET per_hour = EXCLUDED.per_hour, per_day = EXCLUDED.per_day;
END
$$;
COMMENT ON FUNCTION cipguard.set_budget(regrole, text, bigint, bigint) IS 'sets how many values of a category (null: of each) a role (null: every role) may be shown in an hour and in a day';
REVOKE ALL ON FUNCTION cipguard.set_budget(regrole, text, bigint, bigint) FROM PUBLIC;

CREATE FUNCTION cipguard.clear_budget(grantee regrole, category text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	DELETE FROM cipguard.budget b
		WHERE b.grantee IS NOT DISTINCT FROM clear_budget.grantee
			AND b.category IS NOT DISTINCT FROM clear_budget.category;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION cipguard.clear_budget(regrole, text) IS 'takes a budget away, so that the next more general one counts; false if there is none';
REVOKE ALL ON FUNCTION cipguard.clear_budget(regrole, text) FROM PUBLIC;

CREATE FUNCTION cipguard.budget_rows(
	OUT role regrole, OUT category text,
	OUT hour_used bigint, OUT hour_limit bigint,
	OUT day_used bigint, OUT day_limit bigint
) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'cipguard_budget_rows'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED ROWS 100;
COMMENT ON FUNCTION cipguard.budget_rows() IS 'what roles were shown, as far as it counts: to officers and auditors of all, to others of themselves';
REVOKE ALL ON FUNCTION cipguard.budget_rows() FROM PUBLIC;

CREATE VIEW cipguard.budget_status AS
	SELECT role, category, hour_used, hour_limit, day_used, day_limit FROM cipguard.budget_rows();
COMMENT ON VIEW cipguard.budget_status IS 'values shown on this server in the last hour and day, and the limits; null: without limit';
REVOKE ALL ON TABLE cipguard.budget_status FROM PUBLIC;

CREATE FUNCTION cipguard.shown_under(grant_id bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'cipguard_shown_under'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION cipguard.shown_under(bigint) IS 'values shown on this server under a grant with a row limit';
REVOKE ALL ON FUNCTION cipguard.shown_under(bigint) FROM PUBLIC;

CREATE FUNCTION cipguard.reset_budgets() RETURNS void
	AS 'MODULE_PATHNAME', 'cipguard_reset_budgets'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.reset_budgets() IS 'forgets what this server has counted in the database; for superusers, in a maintenance window';
REVOKE ALL ON FUNCTION cipguard.reset_budgets() FROM PUBLIC;

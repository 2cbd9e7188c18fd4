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

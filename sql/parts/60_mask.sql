-- Masks, masking views, and what follows table definitions.
CREATE FUNCTION cipguard.mask(value text, category text) RETURNS text
	AS 'MODULE_PATHNAME', 'cipguard_mask_text'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.mask(text, text) IS 'mask of a text as of that category; what does not parse becomes stars';

CREATE FUNCTION cipguard.mask(value anyelement, category text) RETURNS anyelement
	AS 'MODULE_PATHNAME', 'cipguard_mask_any'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.mask(anyelement, text) IS 'mask of a value of any type as of that category, of the same type; null when nothing of it can be shown';

CREATE FUNCTION cipguard.pseudonym(value text, category text) RETURNS text
	AS 'MODULE_PATHNAME', 'cipguard_pseudonym_text'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.pseudonym(text, text) IS 'what stands for a text as of that category, the same for equal values; for roles that may compare them';

CREATE FUNCTION cipguard.disclose_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'cipguard_disclose_support'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.disclose_support(internal) IS 'planner support: checks which table a disclosed value is from';

CREATE TYPE cipguard.checked;
CREATE FUNCTION cipguard.checked_in(cstring) RETURNS cipguard.checked
	AS 'MODULE_PATHNAME', 'cipguard_checked_in'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.checked_in(cstring) IS 'input: refuses';
CREATE FUNCTION cipguard.checked_out(cipguard.checked) RETURNS cstring
	AS 'MODULE_PATHNAME', 'cipguard_checked_out'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.checked_out(cipguard.checked) IS 'output, for EXPLAIN';
CREATE TYPE cipguard.checked (INPUT = cipguard.checked_in, OUTPUT = cipguard.checked_out, LIKE = boolean);
COMMENT ON TYPE cipguard.checked IS 'proof of the planner that a value is a column of the table; no SQL can make one';

-- Of each encrypted type; what is shown is of its plain type.
DO $do$
DECLARE
	name text;
	plain text;
BEGIN
	FOR name, plain IN
		SELECT v.name, v.plain
		FROM (VALUES ('enc_text', 'text'), ('enc_int8', 'bigint'), ('enc_numeric', 'numeric'), ('enc_bool', 'boolean'), ('enc_date', 'date'),
			('enc_timestamptz', 'timestamptz'), ('enc_uuid', 'uuid'), ('enc_inet', 'inet'), ('enc_jsonb', 'jsonb'), ('enc_bytea', 'bytea')) v (name, plain)
	LOOP
		EXECUTE pg_catalog.format($sql$
			CREATE FUNCTION cipguard.mask(value cipguard.%1$I) RETURNS %2$s
				AS 'MODULE_PATHNAME', 'cipguard_mask_enc'
				LANGUAGE C STABLE STRICT PARALLEL SAFE;
			COMMENT ON FUNCTION cipguard.mask(cipguard.%1$I) IS 'mask of an encrypted value, for everybody; null when nothing of it can be shown';

			CREATE FUNCTION cipguard.pseudonym(value cipguard.%1$I) RETURNS text
				AS 'MODULE_PATHNAME', 'cipguard_pseudonym_enc'
				LANGUAGE C STABLE STRICT PARALLEL SAFE;
			COMMENT ON FUNCTION cipguard.pseudonym(cipguard.%1$I) IS 'what stands for an encrypted value, the same for equal values; for roles that may compare them';

			CREATE FUNCTION cipguard.disclose(value cipguard.%1$I, relation regclass) RETURNS %2$s
				AS 'MODULE_PATHNAME', 'cipguard_disclose_enc'
				LANGUAGE C STABLE STRICT PARALLEL SAFE
				SUPPORT cipguard.disclose_support;
			COMMENT ON FUNCTION cipguard.disclose(cipguard.%1$I, regclass) IS 'plaintext for roles that may read, the mask for others; grants limited to the table count for its own columns';

			CREATE FUNCTION cipguard.disclose(value cipguard.%1$I, relation regclass, proof cipguard.checked) RETURNS %2$s
				AS 'MODULE_PATHNAME', 'cipguard_disclose_trusted'
				LANGUAGE C STABLE STRICT PARALLEL SAFE;
			COMMENT ON FUNCTION cipguard.disclose(cipguard.%1$I, regclass, cipguard.checked) IS 'what the planner makes of disclose() when the value is a column of the table';

			CREATE FUNCTION cipguard.disclose(value cipguard.%1$I, relation regclass, subject "any", birthday "any") RETURNS %2$s
				AS 'MODULE_PATHNAME', 'cipguard_disclose_enc'
				LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE
				SUPPORT cipguard.disclose_support;
			COMMENT ON FUNCTION cipguard.disclose(cipguard.%1$I, regclass, "any", "any") IS 'the same of a column of the table, with the columns that name the person and tell the birthday; null if there is none';

			CREATE FUNCTION cipguard.disclose(value cipguard.%1$I, relation regclass, subject "any", birthday "any", proof cipguard.checked) RETURNS %2$s
				AS 'MODULE_PATHNAME', 'cipguard_disclose_trusted'
				LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE;
			COMMENT ON FUNCTION cipguard.disclose(cipguard.%1$I, regclass, "any", "any", cipguard.checked) IS 'what the planner makes of it when all are columns of the table'
		$sql$, name, plain);
	END LOOP;
END
$do$;

CREATE FUNCTION cipguard.disclose(value text, category text, relation regclass) RETURNS text
	AS 'MODULE_PATHNAME', 'cipguard_disclose_text'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.disclose(text, text, regclass) IS 'the text for roles that may read the category, its mask for others';

CREATE FUNCTION cipguard.disclose(value text, category text, relation regclass, subject "any", birthday "any") RETURNS text
	AS 'MODULE_PATHNAME', 'cipguard_disclose_text'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.disclose(text, text, regclass, "any", "any") IS 'the same of a person, and with the birthday if it is known';

CREATE FUNCTION cipguard.opens_row(category text, relation regclass, subject "any", birthday "any") RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_opens_row'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.opens_row(text, regclass, "any", "any") IS 'whether the caller may read the category of that person; of masking views';

CREATE FUNCTION cipguard.validate(value text, category text) RETURNS text
	AS 'MODULE_PATHNAME', 'cipguard_validate'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.validate(text, text) IS 'ok, or the reason why the category refuses the value: empty, length, charset, format, province, region, date, date_range, checksum; ok_luhn_soft and ok_org_soft are accepted with a wrong check digit';

CREATE TABLE cipguard.masking_view (
	relation regclass NOT NULL,
	view regclass,
	view_name name NOT NULL,
	owner regrole,
	view_schema oid,
	saved_rights jsonb,
	PRIMARY KEY (relation, view_name)
);
COMMENT ON TABLE cipguard.masking_view IS 'masking views that follow their tables';
COMMENT ON COLUMN cipguard.masking_view.owner IS 'owner of the table, who may pass on rights on the view';
COMMENT ON COLUMN cipguard.masking_view.view_schema IS 'its schema, while it is being made anew';
COMMENT ON COLUMN cipguard.masking_view.saved_rights IS 'rights on it, while it is being made anew';
REVOKE ALL ON TABLE cipguard.masking_view FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('cipguard.masking_view', 'WHERE view IS NOT NULL');

CREATE FUNCTION cipguard.create_masking_view(relation regclass, view_name name DEFAULT NULL) RETURNS regclass
	AS 'MODULE_PATHNAME', 'cipguard_create_masking_view'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.create_masking_view(regclass, name) IS 'makes a view of a table, named table_masked unless told otherwise, that masks protected columns for roles that may not read them';

CREATE FUNCTION cipguard.rebuild_masking_view(relation regclass) RETURNS void
	AS 'MODULE_PATHNAME', 'cipguard_rebuild_masking_view'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.rebuild_masking_view(regclass) IS 'brings the masking views of a table up to date with it';
REVOKE ALL ON FUNCTION cipguard.rebuild_masking_view(regclass) FROM PUBLIC;

-- Without a search_path of its own: it looks up the table that the statement
-- names, as the statement will.
CREATE FUNCTION cipguard.before_ddl() RETURNS event_trigger
	AS 'MODULE_PATHNAME', 'cipguard_before_ddl'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.before_ddl() IS 'event trigger: takes masking views out of the way of ALTER TABLE, and clears labels and grants before DROP EXTENSION';
REVOKE ALL ON FUNCTION cipguard.before_ddl() FROM PUBLIC;

-- SECURITY DEFINER: rebuilds masking views, which belong to cipguard_masker.
CREATE FUNCTION cipguard.after_ddl() RETURNS event_trigger
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found record;
BEGIN
	-- A dump that is being restored brings everything as it was; only what
	-- before_ddl() took away comes back.
	IF NOT current_setting('check_function_bodies')::boolean
			AND EXISTS (SELECT FROM pg_roles WHERE rolname = session_user AND rolsuper) THEN
		FOR found IN SELECT DISTINCT m.relation FROM cipguard.masking_view m WHERE m.view IS NULL LOOP
			PERFORM cipguard.rebuild_masking_view(found.relation);
		END LOOP;
		RETURN;
	END IF;

	-- Without a category a column would take values that nobody may read and
	-- that anybody could move to a category of his own.
	FOR found IN
		SELECT a.attname, r.relname
		FROM pg_event_trigger_ddl_commands() d
			JOIN pg_class r ON (d.classid = 'pg_class'::regclass AND r.oid = d.objid)
				OR (d.classid = 'pg_type'::regclass AND r.reltype = d.objid)
			JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
			JOIN pg_type t ON t.oid = a.atttypid
			JOIN pg_type e ON e.oid = CASE WHEN t.typelem <> 0 AND t.typlen = -1 THEN t.typelem ELSE t.oid END
		WHERE r.relkind = ANY (ARRAY['r', 'p', 'f', 'c']::"char"[]) AND r.relpersistence <> 't'
			AND a.atttypmod = -1 AND e.typname LIKE 'enc\_%' AND e.typnamespace = 'cipguard'::regnamespace
	LOOP
		RAISE EXCEPTION 'column "%" of "%" has an encrypted type without a category', found.attname, found.relname
			USING ERRCODE = 'invalid_table_definition',
				HINT = 'Name the category, for example: cipguard.enc_text(''mobile'').';
	END LOOP;
	FOR found IN
		SELECT t.typname
		FROM pg_event_trigger_ddl_commands() d
			JOIN pg_type t ON d.classid = 'pg_type'::regclass AND t.oid = d.objid
			JOIN pg_type e ON e.oid = t.typbasetype
		WHERE t.typtype = 'd' AND t.typtypmod = -1 AND e.typname LIKE 'enc\_%' AND e.typnamespace = 'cipguard'::regnamespace
	LOOP
		RAISE EXCEPTION 'domain "%" is over an encrypted type without a category', found.typname
			USING ERRCODE = 'invalid_object_definition',
				HINT = 'Name the category, for example: cipguard.enc_text(''mobile'').';
	END LOOP;

	-- An index on values that do not compare would fail at the second row,
	-- unless it decrypts them.
	FOR found IN
		SELECT DISTINCT a.attname, r.relname, c.name
		FROM pg_event_trigger_ddl_commands() d
			JOIN pg_index i ON d.classid = 'pg_class'::regclass AND (i.indexrelid = d.objid OR i.indrelid = d.objid)
			JOIN pg_class r ON r.oid = i.indrelid
			JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
			JOIN pg_type t ON t.oid = a.atttypid AND t.typname LIKE 'enc\_%' AND t.typnamespace = 'cipguard'::regnamespace
			JOIN cipguard.category c ON c.id = a.atttypmod AND c.mode = 'random'
		WHERE EXISTS (SELECT FROM unnest(i.indkey::int2[], i.indclass::oid[]) k (attnum, opclass) JOIN pg_opclass o ON o.oid = k.opclass
			WHERE k.attnum = a.attnum AND o.opcname !~ '_(order|ngram)_ops$')
	LOOP
		RAISE EXCEPTION 'column "%" of "%" cannot be indexed: values of category "%" do not compare', found.attname, found.relname, found.name
			USING ERRCODE = 'ZC009', HINT = 'Use a searchable category.';
	END LOOP;

	-- Statistics that keep values: of arrays and composites that hold
	-- encrypted values, extended statistics of lists or expressions.
	FOR found IN
		-- Materialized, so that holds_encrypted(), which opens the tables of row
		-- types, is never called for other types than those of these columns.
		WITH changed AS MATERIALIZED (
			SELECT r.oid, r.relkind, a.attname, t.oid AS type
			FROM pg_event_trigger_ddl_commands() d
				JOIN pg_class r ON d.classid = 'pg_class'::regclass AND r.oid = d.objid
				JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
				JOIN pg_type t ON t.oid = a.atttypid AND (t.typtype <> 'b' OR t.typcategory = 'A')
			WHERE r.relkind = ANY (ARRAY['r', 'p', 'f', 'm']::"char"[])
				AND coalesce(a.attstattarget, -1) <> 0 AND t.typanalyze <> 'cipguard.enc_typanalyze'::regproc
		)
		SELECT c.oid::regclass AS relation, c.attname, c.relkind
		FROM changed c
		WHERE cipguard.holds_encrypted(c.type)
	LOOP
		EXECUTE format('ALTER %s %s ALTER COLUMN %I SET STATISTICS 0',
			CASE WHEN found.relkind = 'm' THEN 'MATERIALIZED VIEW' WHEN found.relkind = 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
			found.relation, found.attname);
	END LOOP;
	FOR found IN
		SELECT s.stxname
		FROM pg_event_trigger_ddl_commands() d
			JOIN pg_statistic_ext s ON d.classid = 'pg_statistic_ext'::regclass AND s.oid = d.objid
			JOIN pg_depend p ON p.classid = d.classid AND p.objid = s.oid AND p.refclassid = 'pg_class'::regclass
			JOIN pg_attribute a ON a.attrelid = p.refobjid AND a.attnum = p.refobjsubid
			JOIN pg_type t ON t.oid = a.atttypid
			JOIN pg_type e ON e.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype
				WHEN t.typelem <> 0 AND t.typlen = -1 THEN t.typelem ELSE t.oid END
		WHERE (s.stxexprs IS NOT NULL OR 'm' = ANY (s.stxkind))
			AND e.typname LIKE 'enc\_%' AND e.typnamespace = 'cipguard'::regnamespace
	LOOP
		RAISE EXCEPTION 'statistics "%" would store values of an encrypted column', found.stxname
			USING ERRCODE = 'feature_not_supported',
				HINT = 'Leave the column out, or ask for ndistinct and dependencies only.';
	END LOOP;

	-- Labels count for the tables below, too.
	FOR found IN
		WITH RECURSIVE changed (relation) AS (
			SELECT d.objid FROM pg_event_trigger_ddl_commands() d WHERE d.classid = 'pg_class'::regclass
			UNION
			SELECT i.inhrelid FROM pg_inherits i JOIN changed c ON i.inhparent = c.relation
		)
		SELECT DISTINCT m.relation
		FROM changed c JOIN cipguard.masking_view m ON m.relation = c.relation
	LOOP
		PERFORM cipguard.rebuild_masking_view(found.relation);
	END LOOP;
END
$$;
COMMENT ON FUNCTION cipguard.after_ddl() IS 'event trigger: refuses encrypted columns without category and statistics that keep values, and rebuilds masking views';
REVOKE ALL ON FUNCTION cipguard.after_ddl() FROM PUBLIC;

-- SECURITY DEFINER: the register belongs to the extension.
CREATE FUNCTION cipguard.after_drop() RETURNS event_trigger
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	DELETE FROM cipguard.masking_view m
		USING pg_event_trigger_dropped_objects() d
		WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0 AND d.objid IN (m.relation, m.view);
	-- Another table can get its OID.  Whoever is at work on a job has it locked,
	-- and waits for the table.
	DELETE FROM cipguard.reencrypt_job j
		WHERE j.relation = ANY (ARRAY(SELECT r.relation FROM cipguard.reencrypt_job r JOIN pg_event_trigger_dropped_objects() d ON d.objid = r.relation
			WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0 FOR UPDATE OF r SKIP LOCKED));
	DELETE FROM cipguard.column_conversion c
		WHERE c.relation = ANY (ARRAY(SELECT r.relation FROM cipguard.column_conversion r JOIN pg_event_trigger_dropped_objects() d ON d.objid = r.relation
			WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0 FOR UPDATE OF r SKIP LOCKED));
	-- Even an UPDATE of no row makes every session judge anew.
	IF EXISTS (SELECT FROM cipguard.access_grant g JOIN pg_event_trigger_dropped_objects() d ON d.objid = g.relation
			WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0 AND g.revoked_at IS NULL) THEN
		UPDATE cipguard.access_grant g SET revoked_at = now()
			FROM pg_event_trigger_dropped_objects() d
			WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0 AND d.objid = g.relation AND g.revoked_at IS NULL;
	END IF;
END
$$;
COMMENT ON FUNCTION cipguard.after_drop() IS 'event trigger: forgets masking views and jobs, and revokes grants, of dropped tables';
REVOKE ALL ON FUNCTION cipguard.after_drop() FROM PUBLIC;

CREATE EVENT TRIGGER cipguard_before_ddl ON ddl_command_start
	WHEN TAG IN ('ALTER TABLE', 'DROP EXTENSION')
	EXECUTE FUNCTION cipguard.before_ddl();
COMMENT ON EVENT TRIGGER cipguard_before_ddl IS 'takes masking views out of the way of ALTER TABLE, and labels and grants away before DROP EXTENSION';
CREATE EVENT TRIGGER cipguard_after_ddl ON ddl_command_end
	WHEN TAG IN ('ALTER TABLE', 'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE',
		'CREATE SCHEMA', 'IMPORT FOREIGN SCHEMA', 'CREATE MATERIALIZED VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER STATISTICS',
		'CREATE INDEX', 'CREATE TYPE', 'ALTER TYPE', 'CREATE DOMAIN', 'CREATE STATISTICS', 'SECURITY LABEL')
	EXECUTE FUNCTION cipguard.after_ddl();
COMMENT ON EVENT TRIGGER cipguard_after_ddl IS 'keeps protection true when definitions change';
CREATE EVENT TRIGGER cipguard_after_drop ON sql_drop
	EXECUTE FUNCTION cipguard.after_drop();
COMMENT ON EVENT TRIGGER cipguard_after_drop IS 'forgets masking views and jobs, and revokes grants, of dropped tables';

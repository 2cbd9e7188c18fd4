-- Encrypting a plain column of a table that is in use (src/encrypt_column.c).

-- Not dumped: in a restored database the twin is a column like others, which
-- a trigger keeps in step, and can be dropped like others.
CREATE TABLE cipguard.column_conversion (
	relation oid NOT NULL,
	attribute name NOT NULL,
	twin name NOT NULL,
	category text NOT NULL,
	next_block bigint NOT NULL DEFAULT 0,
	end_block bigint NOT NULL DEFAULT -1,
	complete boolean NOT NULL DEFAULT false,
	filled bigint NOT NULL DEFAULT 0,
	skipped bigint NOT NULL DEFAULT 0,
	refused bigint NOT NULL DEFAULT 0,
	places tid[] NOT NULL DEFAULT '{}',
	started timestamptz NOT NULL DEFAULT pg_catalog.now(),
	PRIMARY KEY (relation, attribute)
);
REVOKE ALL ON TABLE cipguard.column_conversion FROM PUBLIC;
COMMENT ON TABLE cipguard.column_conversion IS 'columns that are being encrypted';
COMMENT ON COLUMN cipguard.column_conversion.twin IS 'column of an encrypted type that takes its place in the end';
COMMENT ON COLUMN cipguard.column_conversion.next_block IS 'block with which the next batch begins';
COMMENT ON COLUMN cipguard.column_conversion.complete IS 'does every value have its twin?';
COMMENT ON COLUMN cipguard.column_conversion.skipped IS 'rows that this pass left because others had locked them';
COMMENT ON COLUMN cipguard.column_conversion.refused IS 'values that the category does not take';
COMMENT ON COLUMN cipguard.column_conversion.places IS 'rows of the first of them';

CREATE FUNCTION cipguard.keep_in_step() RETURNS trigger
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_keep_in_step';
REVOKE ALL ON FUNCTION cipguard.keep_in_step() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.keep_in_step() IS 'trigger: encrypts a column into its twin (made by encrypt_column)';

CREATE FUNCTION cipguard.encrypt_column_fill(relation regclass, plain name, twin name, start bigint, finish bigint, batch integer,
		OUT next bigint, OUT filled bigint, OUT skipped bigint, OUT refused bigint, OUT places tid[])
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_encrypt_column_fill';
REVOKE ALL ON FUNCTION cipguard.encrypt_column_fill(regclass, name, name, bigint, bigint, integer) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.encrypt_column_fill(regclass, name, name, bigint, bigint, integer) IS 'encrypts a batch of values into their empty twins';

CREATE FUNCTION cipguard.encrypted_form(type regtype) RETURNS name
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT t.form
	FROM (VALUES
		('text', 'enc_text'), ('character varying', 'enc_text'), ('character', 'enc_text'), ('name', 'enc_text'),
		('smallint', 'enc_int8'), ('integer', 'enc_int8'), ('bigint', 'enc_int8'), ('numeric', 'enc_numeric'),
		('boolean', 'enc_bool'), ('date', 'enc_date'), ('timestamp with time zone', 'enc_timestamptz'),
		('uuid', 'enc_uuid'), ('inet', 'enc_inet'), ('cidr', 'enc_inet'), ('jsonb', 'enc_jsonb'), ('bytea', 'enc_bytea')
	) t (plain, form)
	WHERE format_type(encrypted_form.type, NULL) = t.plain
$$;
REVOKE ALL ON FUNCTION cipguard.encrypted_form(regtype) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.encrypted_form(regtype) IS 'encrypted type for values of a plain one, null if there is none that keeps them as they are';

-- Views are kept by making them again, if nothing hangs on them but views.
CREATE FUNCTION cipguard.views_on(rel oid, number smallint) RETURNS TABLE (view oid, depth integer, problem text)
	LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH RECURSIVE v (view, depth) AS (
		SELECT r.ev_class, 1
		FROM pg_depend d, pg_rewrite r
		WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
			AND d.refobjid = rel AND d.refobjsubid = number AND r.oid = d.objid AND r.ev_class <> rel
		UNION
		SELECT r.ev_class, v.depth + 1
		FROM v, pg_depend d, pg_rewrite r
		WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
			AND d.refobjid = v.view AND r.oid = d.objid AND r.ev_class <> v.view
	)
	SELECT w.view, w.depth,
		CASE
			WHEN c.relkind <> 'v' THEN 'not a view'
			WHEN c.relpersistence <> 'p' THEN 'temporary'
			-- Made again by cipguard.after_ddl().
			WHEN pg_get_userbyid(c.relowner) = 'cipguard_masker' THEN
				CASE WHEN EXISTS (SELECT FROM pg_depend e, pg_rewrite r WHERE e.classid = 'pg_rewrite'::regclass AND e.refclassid = 'pg_class'::regclass
						AND e.refobjid = c.oid AND r.oid = e.objid AND r.ev_class <> c.oid) THEN 'a masking view with other views on it' END
			WHEN EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid) THEN 'it has triggers'
			WHEN EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_type <> '1') THEN 'it has rules'
			WHEN EXISTS (SELECT FROM pg_attrdef f WHERE f.adrelid = c.oid) THEN 'it has defaults'
			WHEN EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e') THEN 'it belongs to an extension'
		END
	FROM (SELECT v.view, max(v.depth) AS depth FROM v GROUP BY v.view) w, pg_class c
	WHERE c.oid = w.view
$$;
REVOKE ALL ON FUNCTION cipguard.views_on(oid, smallint) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.views_on(oid, smallint) IS 'views that show a column, by how far they are from it, and what keeps them from being made again';

CREATE FUNCTION cipguard.view_statements(view oid) RETURNS text[]
	LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT ARRAY[
			format('CREATE VIEW %s%s AS %s', c.oid::regclass,
				CASE WHEN c.reloptions IS NOT NULL THEN format(' WITH (%s)', array_to_string(c.reloptions, ', ')) END, pg_get_viewdef(c.oid)),
			format('ALTER VIEW %s OWNER TO %I', c.oid::regclass, pg_get_userbyid(c.relowner))
		] || ARRAY(
			SELECT format('GRANT %s ON %s TO %s%s', x.privilege_type, c.oid::regclass,
				CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END, CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' END)
			FROM aclexplode(c.relacl) x WHERE x.grantee <> c.relowner
		) || ARRAY(
			SELECT format('GRANT %s (%I) ON %s TO %s%s', x.privilege_type, a.attname, c.oid::regclass,
				CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END, CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' END)
			FROM pg_attribute a, aclexplode(a.attacl) x WHERE a.attrelid = c.oid
		) || ARRAY(
			SELECT CASE WHEN d.objsubid = 0 THEN format('COMMENT ON VIEW %s IS %L', c.oid::regclass, d.description)
				ELSE format('COMMENT ON COLUMN %s.%I IS %L', c.oid::regclass, a.attname, d.description) END
			FROM pg_description d LEFT JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid
			WHERE d.classoid = 'pg_class'::regclass AND d.objoid = c.oid
		) || ARRAY(
			SELECT CASE WHEN l.objsubid = 0 THEN format('SECURITY LABEL FOR %I ON VIEW %s IS %L', l.provider, c.oid::regclass, l.label)
				ELSE format('SECURITY LABEL FOR %I ON COLUMN %s.%I IS %L', l.provider, c.oid::regclass, a.attname, l.label) END
			FROM pg_seclabel l LEFT JOIN pg_attribute a ON a.attrelid = l.objoid AND a.attnum = l.objsubid
			WHERE l.classoid = 'pg_class'::regclass AND l.objoid = c.oid
		)
	FROM pg_class c
	WHERE c.oid = view
$$;
REVOKE ALL ON FUNCTION cipguard.view_statements(oid) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.view_statements(oid) IS 'how to make a view again, as it is';

CREATE FUNCTION cipguard.encrypt_column_problems(rel oid, attribute name, category text) RETURNS text[]
	LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	a pg_attribute;
	kind "char";
	searchable boolean;
	found text[] := '{}'::text[];
BEGIN
	SELECT c.relkind INTO kind FROM pg_class c WHERE c.oid = rel;
	IF kind = 'p' THEN
		found := found || 'a partitioned table: use ALTER TABLE ... ALTER COLUMN ... TYPE'::text;
	ELSIF kind IS DISTINCT FROM 'r' THEN
		RETURN ARRAY['not a table of this server'];
	END IF;
	SELECT * INTO a FROM pg_attribute x
		WHERE x.attrelid = rel AND x.attname = attribute AND x.attnum > 0 AND NOT x.attisdropped;
	IF a.attnum IS NULL THEN
		RETURN ARRAY['there is no such column'];
	END IF;
	SELECT c.mode = 'searchable' INTO searchable FROM cipguard.category c WHERE c.name = category;
	IF searchable IS NULL THEN
		RETURN ARRAY['there is no such category'];
	END IF;
	IF cipguard.encrypted_form(a.atttypid::regtype) IS NULL THEN
		found := found || format('type %s has no encrypted form', format_type(a.atttypid, a.atttypmod));
	END IF;
	IF a.attidentity <> '' THEN
		found := found || 'an identity column'::text;
	END IF;
	IF a.attgenerated <> '' THEN
		found := found || 'a generated column'::text;
	END IF;
	IF EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = rel OR i.inhrelid = rel) THEN
		found := found || 'the table has children or a parent'::text;
	END IF;

	-- Indexes that cannot be made for the encrypted type.
	found := found || ARRAY(
		SELECT format('index %s: %s', i.indexrelid::regclass,
			CASE
				WHEN i.indexprs IS NOT NULL OR i.indpred IS NOT NULL THEN 'it has an expression or a condition'
				WHEN m.amname <> 'btree' AND m.amname <> 'hash' THEN format('%s knows no encrypted types', m.amname)
				WHEN i.indisreplident THEN 'it is the replica identity'
				WHEN i.indisexclusion THEN 'it excludes'
				WHEN NOT i.indisvalid THEN 'it is not valid'
				WHEN NOT searchable THEN format('values of category %s cannot be compared', category)
				ELSE 'its operator class is not the default one'
			END)
		FROM pg_index i, pg_class c, pg_am m
		WHERE i.indrelid = rel AND c.oid = i.indexrelid AND m.oid = c.relam
			AND (EXISTS (SELECT FROM pg_depend d
					WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
						AND d.refclassid = 'pg_class'::regclass AND d.refobjid = rel AND d.refobjsubid = a.attnum)
				OR a.attnum = ANY (i.indkey::smallint[]))
			AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL OR i.indisreplident OR i.indisexclusion OR NOT i.indisvalid
				OR m.amname <> 'btree' AND m.amname <> 'hash'
				OR EXISTS (SELECT FROM generate_series(0, i.indnkeyatts - 1) k, pg_opclass o
					WHERE i.indkey[k] = a.attnum AND o.oid = i.indclass[k] AND (NOT o.opcdefault OR NOT searchable)))
		ORDER BY 1);

	found := found || ARRAY(
		SELECT format('view %s: %s', v.view::regclass, v.problem)
		FROM cipguard.views_on(rel, a.attnum) v
		WHERE v.problem IS NOT NULL
		ORDER BY 1);

	-- Whatever else knows the column, but its own default and its keys.
	found := found || ARRAY(
		SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid)
		FROM pg_depend d
		WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = rel AND d.refobjsubid = a.attnum
			AND NOT (d.classid = 'pg_attrdef'::regclass AND EXISTS (SELECT FROM pg_attrdef f
				WHERE f.oid = d.objid AND f.adrelid = rel AND f.adnum = a.attnum))
			AND NOT (d.classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_index i
				WHERE i.indexrelid = d.objid AND i.indrelid = rel))
			AND NOT (d.classid = 'pg_rewrite'::regclass AND EXISTS (SELECT FROM pg_rewrite r
				WHERE r.oid = d.objid AND r.ev_class <> rel))
			AND NOT (d.classid = 'pg_constraint'::regclass AND EXISTS (SELECT FROM pg_constraint c
				WHERE c.oid = d.objid AND c.conrelid = rel
					AND (c.contype = 'p' OR c.contype = 'u' OR c.contype = 'n' OR c.conname = format('cipguard_twin_%s', a.attnum)
						OR c.conname = format('cipguard_twin_not_null_%s', a.attnum))))
		ORDER BY 1);
	RETURN found;
END
$$;
REVOKE ALL ON FUNCTION cipguard.encrypt_column_problems(oid, name, text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.encrypt_column_problems(oid, name, text) IS 'what keeps encrypt_column() from a column';

CREATE FUNCTION cipguard.refuse_problems(rel oid, attribute name, category text) RETURNS void
	LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	problems text[] := cipguard.encrypt_column_problems(rel, attribute, category);
BEGIN
	IF problems <> '{}' THEN
		RAISE EXCEPTION 'column "%" of table "%" cannot be encrypted as it is', attribute, rel::regclass
			USING ERRCODE = 'dependent_objects_still_exist',
				DETAIL = array_to_string(problems, E'\n'),
				HINT = 'Drop what is listed and make it again afterwards, for the encrypted column.';
	END IF;
END
$$;
REVOKE ALL ON FUNCTION cipguard.refuse_problems(oid, name, text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.refuse_problems(oid, name, text) IS 'raises if there is anything';

CREATE FUNCTION cipguard.twin_indexes(rel oid, attribute name, twin name)
	RETURNS TABLE (index oid, name name, built boolean, definition text)
	LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT i.indexrelid, t.name,
		EXISTS (SELECT FROM pg_class x, pg_index y
			WHERE x.relnamespace = c.relnamespace AND x.relname = t.name AND y.indexrelid = x.oid AND y.indrelid = rel AND y.indisvalid),
		format('CREATE %sINDEX %%s%I ON %s USING %I (%s)%s%s%s%s',
			CASE WHEN i.indisunique THEN 'UNIQUE ' END, t.name, rel::regclass, m.amname,
			(SELECT string_agg(concat_ws(' ',
					CASE WHEN a.attname = attribute THEN quote_ident(twin) ELSE quote_ident(a.attname) END,
					CASE WHEN a.attname <> attribute AND i.indcollation[k] <> 0 AND i.indcollation[k] <> a.attcollation THEN
						(SELECT format('COLLATE %I.%I', n.nspname, o.collname) FROM pg_collation o, pg_namespace n
							WHERE o.oid = i.indcollation[k] AND n.oid = o.collnamespace) END,
					(SELECT format('%I.%I', n.nspname, o.opcname) FROM pg_opclass o, pg_namespace n
						WHERE a.attname <> attribute AND o.oid = i.indclass[k] AND NOT o.opcdefault AND n.oid = o.opcnamespace),
					CASE WHEN i.indoption[k] & 1 = 1 THEN 'DESC' END,
					CASE WHEN m.amname = 'btree' THEN
						CASE WHEN i.indoption[k] & 2 = 2 THEN 'NULLS FIRST' ELSE 'NULLS LAST' END END), ', ' ORDER BY k)
				FROM generate_series(0, i.indnkeyatts - 1) k, pg_attribute a
				WHERE a.attrelid = rel AND a.attnum = i.indkey[k]),
			(SELECT format(' INCLUDE (%s)', string_agg(CASE WHEN a.attname = attribute THEN quote_ident(twin) ELSE quote_ident(a.attname) END, ', ' ORDER BY k))
				FROM generate_series(i.indnkeyatts, i.indnatts - 1) k, pg_attribute a
				WHERE a.attrelid = rel AND a.attnum = i.indkey[k]
				HAVING count(*) > 0),
			CASE WHEN i.indnullsnotdistinct THEN ' NULLS NOT DISTINCT' END,
			CASE WHEN c.reloptions IS NOT NULL THEN format(' WITH (%s)', array_to_string(c.reloptions, ', ')) END,
			(SELECT format(' TABLESPACE %I', s.spcname) FROM pg_tablespace s WHERE s.oid = c.reltablespace))
	FROM pg_index i, pg_class c, pg_am m, pg_attribute p,
		LATERAL (SELECT format('%s_cipguard', left(c.relname, 54))::name) t (name)
	WHERE i.indrelid = rel AND c.oid = i.indexrelid AND m.oid = c.relam
		AND p.attrelid = rel AND p.attname = attribute AND p.attnum = ANY (i.indkey::smallint[])
$$;
REVOKE ALL ON FUNCTION cipguard.twin_indexes(oid, name, name) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.twin_indexes(oid, name, name) IS 'indexes of a column, and how to make those of its twin';

CREATE FUNCTION cipguard.swap_names(rel oid, attribute name, twin name, final boolean) RETURNS void
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	t text := rel::regclass::text;
	dropped text[];
	made text[] := '{}'::text[];
	v record;
	s text;
BEGIN
	dropped := ARRAY(SELECT format('DROP VIEW %s', w.view::regclass)
		FROM pg_attribute a, cipguard.views_on(rel, a.attnum) w, pg_class c
		WHERE a.attrelid = rel AND a.attname = attribute AND c.oid = w.view AND pg_get_userbyid(c.relowner) <> 'cipguard_masker'
		ORDER BY w.depth DESC);
	FOR v IN SELECT w.view FROM pg_attribute a, cipguard.views_on(rel, a.attnum) w, pg_class c
		WHERE a.attrelid = rel AND a.attname = attribute AND c.oid = w.view AND pg_get_userbyid(c.relowner) <> 'cipguard_masker'
		ORDER BY w.depth LOOP
		made := made || cipguard.view_statements(v.view);
	END LOOP;
	FOREACH s IN ARRAY dropped LOOP
		EXECUTE s;
	END LOOP;
	IF final THEN
		EXECUTE format('ALTER TABLE ONLY %s DROP COLUMN %I', t, attribute);
	ELSE
		EXECUTE format('ALTER TABLE ONLY %s RENAME COLUMN %I TO %I', t, attribute, left('~' || attribute, 63));
	END IF;
	EXECUTE format('ALTER TABLE ONLY %s RENAME COLUMN %I TO %I', t, twin, attribute);
	FOREACH s IN ARRAY made LOOP
		EXECUTE s;
	END LOOP;
END
$$;
REVOKE ALL ON FUNCTION cipguard.swap_names(oid, name, name, boolean) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.swap_names(oid, name, name, boolean) IS 'lets the twin of a column take its name, in views too';

-- The steps.  Each is called as a superuser by encrypt_column_step(), which
-- asks whether the caller owns the table.
CREATE FUNCTION cipguard.encrypt_column_begin(rel oid, attribute name, category text, batch integer) RETURNS text
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j cipguard.column_conversion;
	twin_name name := format('%s_cipguard', left(attribute, 54))::name;
	plain_type oid;
	number smallint;
	reason text;
BEGIN
	SELECT * INTO j FROM cipguard.column_conversion c WHERE c.relation = rel AND c.attribute = encrypt_column_begin.attribute;
	IF FOUND THEN
		IF j.category <> category THEN
			RAISE EXCEPTION 'column "%" is being encrypted as "%"', attribute, j.category
				USING ERRCODE = 'object_in_use', HINT = 'Go on with that category, or take it back with cipguard.cancel_encrypt_column().';
		END IF;
		RETURN 'goes on';
	END IF;
	EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', rel::regclass);
	PERFORM cipguard.refuse_problems(rel, attribute, category);
	SELECT a.atttypid, a.attnum INTO plain_type, number FROM pg_attribute a WHERE a.attrelid = rel AND a.attname = attribute;
	EXECUTE format('ALTER TABLE %s ADD COLUMN %I cipguard.%I(%L)', rel::regclass, twin_name,
		cipguard.encrypted_form(plain_type::regtype), category);
	-- Views can be kept if they can be made: try, and take it back.
	BEGIN
		PERFORM cipguard.swap_names(rel, attribute, twin_name, false);
		RAISE SQLSTATE 'ZC000';
	EXCEPTION
		WHEN SQLSTATE 'ZC000' THEN
			NULL;
		WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
			RAISE EXCEPTION 'column "%" of table "%" cannot be encrypted as it is', attribute, rel::regclass
				USING ERRCODE = 'dependent_objects_still_exist',
					DETAIL = format('Its views cannot be made again: %s', reason),
					HINT = 'Drop the view that needs it and make it again afterwards, for the encrypted column.';
	END;
	-- Triggers fire in the order of their names: this one last.
	EXECUTE format('CREATE TRIGGER %I BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION cipguard.keep_in_step(%L, %L)',
		format('~cipguard_twin_%s', number), rel::regclass, attribute, twin_name);
	EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', rel::regclass, format('~cipguard_twin_%s', number));
	INSERT INTO cipguard.column_conversion (relation, attribute, twin, category) VALUES (rel, attribute, twin_name, category);
	RETURN 'begins';
END
$$;
REVOKE ALL ON FUNCTION cipguard.encrypt_column_begin(oid, name, text, integer) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.encrypt_column_begin(oid, name, text, integer) IS 'step of encrypt_column: the twin and its trigger';

CREATE FUNCTION cipguard.encrypt_column_job(rel oid, attribute name) RETURNS cipguard.column_conversion
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j cipguard.column_conversion;
BEGIN
	SELECT * INTO j FROM cipguard.column_conversion c
		WHERE c.relation = rel AND c.attribute = encrypt_column_job.attribute FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'column "%" of table "%" is not being encrypted', attribute, rel::regclass
			USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	RETURN j;
END
$$;
REVOKE ALL ON FUNCTION cipguard.encrypt_column_job(oid, name) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.encrypt_column_job(oid, name) IS 'locks the row about a column that is being encrypted';

-- more: another batch; wait: others hold rows; refused ...: values that the
-- category does not take; null: all are there.
CREATE FUNCTION cipguard.encrypt_column_fill(rel oid, attribute name, category text, batch integer) RETURNS text
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j cipguard.column_conversion := cipguard.encrypt_column_job(rel, attribute);
	r record;
	answer text;
BEGIN
	IF j.complete THEN
		RETURN NULL;
	END IF;
	IF j.next_block = 0 THEN
		j.end_block := pg_relation_size(rel) / current_setting('block_size')::bigint;
		j.skipped := 0;
		j.refused := 0;
		j.places := '{}';
	END IF;
	SELECT * INTO r FROM cipguard.encrypt_column_fill(rel::regclass, j.attribute, j.twin, j.next_block, j.end_block, batch);
	j.next_block := r.next;
	j.filled := j.filled + r.filled;
	j.skipped := j.skipped + r.skipped;
	j.refused := j.refused + r.refused;
	j.places := (j.places || r.places)[1:10];
	IF j.next_block < j.end_block THEN
		answer := 'more';
	ELSE
		j.next_block := 0;
		IF j.skipped > 0 THEN
			answer := 'wait';
		ELSIF j.refused > 0 THEN
			answer := format('refused %s values; rows of the first: %s', j.refused, array_to_string(j.places, ' '));
		ELSE
			j.complete := true;
		END IF;
	END IF;
	UPDATE cipguard.column_conversion c
		SET next_block = j.next_block, end_block = j.end_block, complete = j.complete, filled = j.filled,
			skipped = j.skipped, refused = j.refused, places = j.places
		WHERE c.relation = rel AND c.attribute = j.attribute;
	RETURN answer;
END
$$;
REVOKE ALL ON FUNCTION cipguard.encrypt_column_fill(oid, name, text, integer) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.encrypt_column_fill(oid, name, text, integer) IS 'step of encrypt_column: a batch of values';

-- Constraints that are valid spare the swap a look at every row.
CREATE FUNCTION cipguard.encrypt_column_check(rel oid, attribute name, category text, batch integer) RETURNS text
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j cipguard.column_conversion := cipguard.encrypt_column_job(rel, attribute);
	a pg_attribute;
	c record;
	made boolean := false;
BEGIN
	SELECT * INTO a FROM pg_attribute x WHERE x.attrelid = rel AND x.attname = attribute;
	FOR c IN SELECT * FROM (VALUES
			(format('cipguard_twin_%s', a.attnum), format('(%I IS NULL) OPERATOR(pg_catalog.=) (%I IS NULL)', attribute, j.twin), true),
			(format('cipguard_twin_not_null_%s', a.attnum), format('%I IS NOT NULL', j.twin), a.attnotnull)) v (name, expression, wanted)
		WHERE v.wanted AND NOT EXISTS (SELECT FROM pg_constraint n WHERE n.conrelid = rel AND n.conname = v.name) LOOP
		EXECUTE format('ALTER TABLE ONLY %s ADD CONSTRAINT %I CHECK (%s) NOT VALID', rel::regclass, c.name, c.expression);
		made := true;
	END LOOP;
	IF made THEN
		RETURN 'more';
	END IF;
	FOR c IN SELECT n.conname FROM pg_constraint n
		WHERE n.conrelid = rel AND NOT n.convalidated
			AND (n.conname = format('cipguard_twin_%s', a.attnum) OR n.conname = format('cipguard_twin_not_null_%s', a.attnum)) LOOP
		EXECUTE format('ALTER TABLE ONLY %s VALIDATE CONSTRAINT %I', rel::regclass, c.conname);
	END LOOP;
	RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION cipguard.encrypt_column_check(oid, name, text, integer) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.encrypt_column_check(oid, name, text, integer) IS 'step of encrypt_column: is every value there?';

-- CREATE INDEX CONCURRENTLY works in no function; of a small table the lock
-- is short.
CREATE FUNCTION cipguard.encrypt_column_index(rel oid, attribute name, category text, batch integer) RETURNS text
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j cipguard.column_conversion := cipguard.encrypt_column_job(rel, attribute);
	i record;
	left_over text[] := '{}'::text[];
BEGIN
	FOR i IN SELECT * FROM cipguard.twin_indexes(rel, attribute, j.twin) t WHERE NOT t.built LOOP
		IF pg_relation_size(rel) <= 128 * 1024 * 1024 THEN
			EXECUTE regexp_replace(i.definition, '^(CREATE (UNIQUE )?INDEX )%s', '\1');
		ELSE
			left_over := left_over || (regexp_replace(i.definition, '^(CREATE (UNIQUE )?INDEX )%s', '\1CONCURRENTLY ') || ';');
		END IF;
	END LOOP;
	RETURN nullif(array_to_string(left_over, E'\n'), '');
END
$$;
REVOKE ALL ON FUNCTION cipguard.encrypt_column_index(oid, name, text, integer) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.encrypt_column_index(oid, name, text, integer) IS 'step of encrypt_column: indexes of the twin, or the statements that make them';

CREATE FUNCTION cipguard.encrypt_column_swap(rel oid, attribute name, category text, batch integer) RETURNS text
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j cipguard.column_conversion := cipguard.encrypt_column_job(rel, attribute);
	a pg_attribute;
	t text := rel::regclass::text;
	s text;
	after text[];
BEGIN
	EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', t);
	PERFORM cipguard.refuse_problems(rel, attribute, category);
	SELECT * INTO a FROM pg_attribute x WHERE x.attrelid = rel AND x.attname = attribute;
	IF NOT j.complete OR EXISTS (SELECT FROM cipguard.twin_indexes(rel, attribute, j.twin) i WHERE NOT i.built)
		OR NOT EXISTS (SELECT FROM pg_constraint n
			WHERE n.conrelid = rel AND n.conname = format('cipguard_twin_%s', a.attnum) AND n.convalidated)
		OR NOT EXISTS (SELECT FROM pg_trigger g
			WHERE g.tgrelid = rel AND g.tgname = format('~cipguard_twin_%s', a.attnum) AND g.tgenabled = 'A') THEN
		RAISE EXCEPTION 'column "%" of table "%" has changed meanwhile', attribute, t
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Call cipguard.encrypt_column() again.';
	END IF;

	-- What the column has, as statements about the one that takes its name.
	after := ARRAY(
		SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s USING INDEX %I%s', t, n.conname,
			CASE WHEN n.contype = 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END, i.name,
			CASE WHEN n.condeferred THEN ' DEFERRABLE INITIALLY DEFERRED' WHEN n.condeferrable THEN ' DEFERRABLE' END)
		FROM cipguard.twin_indexes(rel, attribute, j.twin) i, pg_constraint n
		WHERE n.conindid = i.index AND n.conrelid = rel AND (n.contype = 'p' OR n.contype = 'u')
	) || ARRAY(
		SELECT format('ALTER INDEX %I.%I RENAME TO %I', p.nspname, i.name, c.relname)
		FROM cipguard.twin_indexes(rel, attribute, j.twin) i, pg_class c, pg_namespace p
		WHERE c.oid = i.index AND p.oid = c.relnamespace
			AND NOT EXISTS (SELECT FROM pg_constraint n WHERE n.conindid = i.index AND n.conrelid = rel)
	) || ARRAY(
		SELECT format('COMMENT ON INDEX %I.%I IS %L', p.nspname, c.relname, obj_description(c.oid, 'pg_class'))
		FROM cipguard.twin_indexes(rel, attribute, j.twin) i, pg_class c, pg_namespace p
		WHERE c.oid = i.index AND p.oid = c.relnamespace AND obj_description(c.oid, 'pg_class') IS NOT NULL
	) || ARRAY(
		SELECT format('COMMENT ON CONSTRAINT %I ON %s IS %L', n.conname, t, obj_description(n.oid, 'pg_constraint'))
		FROM pg_constraint n
		WHERE n.conrelid = rel AND a.attnum = ANY (n.conkey) AND (n.contype = 'p' OR n.contype = 'u')
			AND obj_description(n.oid, 'pg_constraint') IS NOT NULL
	) || ARRAY(
		SELECT format('ALTER TABLE %s CLUSTER ON %I', t, c.relname)
		FROM cipguard.twin_indexes(rel, attribute, j.twin) i, pg_class c, pg_index x
		WHERE c.oid = i.index AND x.indexrelid = i.index AND x.indisclustered
	) || ARRAY(
		SELECT format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', t, attribute, pg_get_expr(d.adbin, d.adrelid))
		FROM pg_attrdef d WHERE d.adrelid = rel AND d.adnum = a.attnum
	) || ARRAY(
		SELECT format('COMMENT ON COLUMN %s.%I IS %L', t, attribute, col_description(rel, a.attnum))
		WHERE col_description(rel, a.attnum) IS NOT NULL
	) || ARRAY(
		SELECT format('GRANT %s (%I) ON %s TO %s%s', x.privilege_type, attribute, t,
			CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END,
			CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' END)
		FROM aclexplode(a.attacl) x
	) || ARRAY(
		-- The type says the category.
		SELECT format('SECURITY LABEL FOR %I ON COLUMN %s.%I IS %L', l.provider, t, attribute, l.label)
		FROM pg_seclabel l
		WHERE l.classoid = 'pg_class'::regclass AND l.objoid = rel AND l.objsubid = a.attnum
			AND (l.provider <> 'cipguard' OR l.label = 'subject' OR l.label LIKE 'subject of %')
	) || ARRAY(
		SELECT format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS %s', t, attribute, x.target)
		FROM (SELECT to_jsonb(a) ->> 'attstattarget') x (target)
		WHERE x.target::integer >= 0
	) || ARRAY(
		SELECT format('ALTER TABLE %s ALTER COLUMN %I SET (%s)', t, attribute, o)
		FROM unnest(a.attoptions) o
		WHERE o LIKE 'n\_distinct%'
	);

	IF a.attnotnull THEN
		EXECUTE format('ALTER TABLE ONLY %s ALTER COLUMN %I SET NOT NULL', t, j.twin);
		EXECUTE format('ALTER TABLE ONLY %s DROP CONSTRAINT %I', t, format('cipguard_twin_not_null_%s', a.attnum));
	END IF;
	EXECUTE format('DROP TRIGGER %I ON %s', format('~cipguard_twin_%s', a.attnum), t);
	EXECUTE format('ALTER TABLE ONLY %s DROP CONSTRAINT %I', t, format('cipguard_twin_%s', a.attnum));
	PERFORM cipguard.swap_names(rel, attribute, j.twin, true);
	FOREACH s IN ARRAY after LOOP
		EXECUTE s;
	END LOOP;
	DELETE FROM cipguard.column_conversion c WHERE c.relation = rel AND c.attribute = j.attribute;
	RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION cipguard.encrypt_column_swap(oid, name, text, integer) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.encrypt_column_swap(oid, name, text, integer) IS 'step of encrypt_column: the twin takes the place of the column';

CREATE FUNCTION cipguard.encrypt_column_cancel(rel oid, attribute name, category text, batch integer) RETURNS text
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j cipguard.column_conversion := cipguard.encrypt_column_job(rel, attribute);
	a pg_attribute;
BEGIN
	EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', rel::regclass);
	SELECT * INTO a FROM pg_attribute x WHERE x.attrelid = rel AND x.attname = attribute;
	EXECUTE format('DROP TRIGGER IF EXISTS %I ON %s', format('~cipguard_twin_%s', a.attnum), rel::regclass);
	EXECUTE format('ALTER TABLE ONLY %s DROP CONSTRAINT IF EXISTS %I, DROP CONSTRAINT IF EXISTS %I', rel::regclass,
		format('cipguard_twin_%s', a.attnum), format('cipguard_twin_not_null_%s', a.attnum));
	EXECUTE format('ALTER TABLE ONLY %s DROP COLUMN IF EXISTS %I', rel::regclass, j.twin);
	DELETE FROM cipguard.column_conversion c WHERE c.relation = rel AND c.attribute = j.attribute;
	RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION cipguard.encrypt_column_cancel(oid, name, text, integer) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.encrypt_column_cancel(oid, name, text, integer) IS 'step of cancel_encrypt_column';

CREATE FUNCTION cipguard.encrypt_column_step(relation regclass, attribute name, category text, batch integer, step text) RETURNS text
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_encrypt_column_step';
REVOKE ALL ON FUNCTION cipguard.encrypt_column_step(regclass, name, text, integer, text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.encrypt_column_step(regclass, name, text, integer, text) IS 'a step of encrypt_column (owner of the table)';

-- A procedure that commits can neither be SECURITY DEFINER nor pin a setting.
CREATE PROCEDURE cipguard.encrypt_column(relation regclass, attribute name, category text, batch integer DEFAULT 1000)
	LANGUAGE plpgsql
AS $$
DECLARE
	answer text;
BEGIN
	PERFORM cipguard.encrypt_column_step(relation, attribute, category, batch, 'begin');
	COMMIT;
	LOOP
		answer := cipguard.encrypt_column_step(relation, attribute, category, batch, 'fill');
		COMMIT;
		EXIT WHEN answer IS NULL;
		IF pg_catalog.left(answer, 7) OPERATOR(pg_catalog.=) 'refused' THEN
			RAISE EXCEPTION 'column "%" has values that category "%" does not take', attribute, category
				USING ERRCODE = 'ZC007', DETAIL = pg_catalog.format('Category %s %s.', category, answer),
					HINT = 'Mend these rows and call cipguard.encrypt_column() again, or take it back with cipguard.cancel_encrypt_column().';
		END IF;
		IF answer OPERATOR(pg_catalog.=) 'wait' THEN
			PERFORM pg_catalog.pg_sleep(0.1);
			COMMIT;
		END IF;
	END LOOP;
	LOOP
		answer := cipguard.encrypt_column_step(relation, attribute, category, batch, 'check');
		COMMIT;
		EXIT WHEN answer IS NULL;
	END LOOP;
	answer := cipguard.encrypt_column_step(relation, attribute, category, batch, 'index');
	COMMIT;
	IF answer IS NOT NULL THEN
		RAISE NOTICE 'indexes of a large table are made without a long lock only outside of a procedure'
			USING DETAIL = answer, HINT = 'Execute these statements, then call cipguard.encrypt_column() again.';
		RETURN;
	END IF;
	PERFORM cipguard.encrypt_column_step(relation, attribute, category, batch, 'swap');
	COMMIT;
	RAISE NOTICE 'column "%" is encrypted, and now the last one of table "%"', attribute, relation
		USING HINT = 'Its plaintext is still in old row versions, WAL and backups: VACUUM FULL rewrites the table, and the others have to expire.';
END
$$;
REVOKE ALL ON PROCEDURE cipguard.encrypt_column(regclass, name, text, integer) FROM PUBLIC;
COMMENT ON PROCEDURE cipguard.encrypt_column(regclass, name, text, integer) IS 'encrypts a plain column of a table that is in use, a transaction for each batch; call it again to go on (owner of the table)';

CREATE FUNCTION cipguard.cancel_encrypt_column(relation regclass, attribute name) RETURNS void
	LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT cipguard.encrypt_column_step(relation, attribute, '', 1, 'cancel') $$;
REVOKE ALL ON FUNCTION cipguard.cancel_encrypt_column(regclass, name) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.cancel_encrypt_column(regclass, name) IS 'takes back what encrypt_column began and has not finished (owner of the table)';

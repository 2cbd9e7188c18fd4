-- Questions about the audit log, for auditors: who saw a person's data, who
-- changed a row, what it was, what somebody did.
--
-- All of it runs with the rights of whoever asks: auditors may read the tables
-- of the log, in which protected values are ciphertext, and plaintext takes a
-- grant, as everywhere.  Asking is an event of its own.
--
-- Values are text as row images have it, whatever the session's settings.
-- Names of tables are resolved in functions that pin no search_path, and
-- nothing else is done there; their bodies were parsed when they were made.

CREATE FUNCTION cipguard.note_question(question text, relid oid) RETURNS void
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_note_question';
REVOKE ALL ON FUNCTION cipguard.note_question(text, oid) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.note_question(text, oid) IS
	'records that the log was asked something (kind "asked")';

CREATE FUNCTION cipguard.audit_key(schema_id bigint, attnums smallint[], types oid[], vals text[])
	RETURNS bytea
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'cipguard_audit_key';
REVOKE ALL ON FUNCTION cipguard.audit_key(bigint, smallint[], oid[], text[]) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_key(bigint, smallint[], oid[], text[]) IS
	'values as row images with that description of the table hold them';

-- A number and no boolean: of "= ANY (...)" the planner thinks that it holds
-- for few events, so it looks for them in parallel.
CREATE FUNCTION cipguard.audit_match(old bytea, new bytea, parts bytea[]) RETURNS integer
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 10
	AS 'MODULE_PATHNAME', 'cipguard_audit_match';
REVOKE ALL ON FUNCTION cipguard.audit_match(bytea, bytea, bytea[]) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_match(bytea, bytea, bytea[]) IS
	'whether the images of an event have all values of something that audit_key() made: 1 the old one, 2 the new one, 3 both';

CREATE FUNCTION cipguard.audit_keyed(old bytea, new bytea, parts bytea[]) RETURNS integer
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'cipguard_audit_keyed';
REVOKE ALL ON FUNCTION cipguard.audit_keyed(bytea, bytea, bytea[]) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_keyed(bytea, bytea, bytea[]) IS
	'whether the images of an event have any column of what audit_key() made: 1 the old one, 2 the new one, 3 both';

CREATE FUNCTION cipguard.audit_schema_id(image bytea) RETURNS bigint
	LANGUAGE C STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'cipguard_audit_schema_id';
REVOKE ALL ON FUNCTION cipguard.audit_schema_id(bytea) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_schema_id(bytea) IS
	'description (audit_schema.id) that a row image was made with';

CREATE FUNCTION cipguard.audit_sealed(image bytea) RETURNS smallint[]
	LANGUAGE C STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'cipguard_audit_sealed';
REVOKE ALL ON FUNCTION cipguard.audit_sealed(bytea) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_sealed(bytea) IS
	'attribute numbers of the values that are ciphertext in a row image';

CREATE FUNCTION cipguard.audit_disclose(armor text, relid oid, attnum smallint, subject text)
	RETURNS text
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'cipguard_audit_disclose';
REVOKE ALL ON FUNCTION cipguard.audit_disclose(text, oid, smallint, text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_disclose(text, oid, smallint, text) IS
	'plaintext, recorded, or mask of a value of the log, by the rights of the current user';

-- Which tables a name means: the table and those below it; if there is none
-- of that name any more, those that the log knows by it.  Digits are an OID.
CREATE FUNCTION cipguard.audited_oids(relation oid, name text) RETURNS oid[]
	LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found oid[];
BEGIN
	IF audited_oids.relation IS NOT NULL THEN
		RETURN ARRAY(
			WITH RECURSIVE tree (oid) AS (
				SELECT audited_oids.relation
				UNION
				SELECT i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid
			)
			SELECT t.oid FROM tree t);
	ELSIF audited_oids.name IS NULL THEN
		RETURN NULL;
	END IF;
	found := ARRAY(
		SELECT DISTINCT s.relid
		FROM cipguard.audit_schema s
		WHERE s.relname = audited_oids.name
			OR strpos(audited_oids.name, '.') = 0 AND right(s.relname, length(audited_oids.name) + 1) = '.' || audited_oids.name);
	IF found = '{}' THEN
		RAISE EXCEPTION 'neither the database nor the audit log has a table "%"', audited_oids.name
			USING ERRCODE = 'undefined_table', HINT = 'Write the name as cipguard.audit_log has it, with its schema.';
	END IF;
	RETURN found;
END
$$;
REVOKE ALL ON FUNCTION cipguard.audited_oids(oid, text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audited_oids(oid, text) IS
	'tables that events of a table can be of: itself, those below it, those that are gone';

-- A key is a jsonb object of columns, or the value of the only column of the
-- primary key.
CREATE FUNCTION cipguard.key_object(relation oid, key text) RETURNS jsonb
	LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	names text[];
BEGIN
	IF key_object.key IS NULL THEN
		RETURN NULL;
	END IF;
	IF starts_with(key_object.key, '{') THEN
		names := ARRAY(SELECT jsonb_object_keys(key_object.key::jsonb));
		IF names = '{}' THEN
			RAISE EXCEPTION 'key without columns'
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the key as an object: ''{"id": 7}''.';
		END IF;
		RETURN key_object.key::jsonb;
	END IF;
	names := ARRAY(
		SELECT a.attname::text
		FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::smallint[])
		WHERE i.indrelid = key_object.relation AND i.indisprimary);
	IF cardinality(names) <> 1 THEN
		RAISE EXCEPTION 'the table has no primary key of one column'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the key as an object: ''{"id": 7}''.';
	END IF;
	RETURN jsonb_build_object(names[1], key_object.key);
END
$$;
REVOKE ALL ON FUNCTION cipguard.key_object(oid, text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.key_object(oid, text) IS
	'key of a row as jsonb object';

-- Columns go by the name they have now, those of a table that is gone by the
-- last one; a name that was given up serves, too, if no other column has it.
CREATE FUNCTION cipguard.audit_keys(tables oid[], key jsonb) RETURNS bytea[]
	LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	parts bytea[];
	missing text;
BEGIN
	SELECT min(w.name) INTO missing
	FROM jsonb_object_keys(audit_keys.key) AS w (name)
	WHERE NOT EXISTS (
			SELECT FROM cipguard.audit_schema s
			WHERE s.relid = ANY (audit_keys.tables) AND w.name = ANY (s.names))
		AND NOT EXISTS (
			SELECT FROM pg_attribute a
			WHERE a.attrelid = ANY (audit_keys.tables) AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped);
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION 'table has no column "%"', missing
			USING ERRCODE = 'undefined_column', HINT = 'Name the columns of the primary key.';
	END IF;
	SELECT array_agg(p.part) INTO parts
	FROM (
		SELECT cipguard.audit_key(s.id, array_agg(c.attnum), array_agg(c.type), array_agg(w.value)) AS part
		FROM (SELECT DISTINCT ON (r.id, r.relid) r.id, r.relid, r.attnums, r.types
				FROM cipguard.audit_schema r
				WHERE r.relid = ANY (audit_keys.tables)
				ORDER BY r.id, r.relid, r.seq) s
			CROSS JOIN jsonb_each_text(audit_keys.key) AS w (name, value)
			CROSS JOIN LATERAL (
				SELECT coalesce(
					(SELECT a.attnum FROM pg_attribute a
						WHERE a.attrelid = s.relid AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped),
					(SELECT u.attnum
						FROM cipguard.audit_schema r CROSS JOIN LATERAL unnest(r.attnums, r.names) AS u (attnum, name)
						WHERE r.relid = s.relid AND u.name = w.name
						ORDER BY r.ts DESC, r.seq DESC LIMIT 1)) AS attnum
			) n
			CROSS JOIN LATERAL unnest(s.attnums, s.types) AS c (attnum, type)
		WHERE c.attnum = n.attnum
		GROUP BY s.id, s.relid
		HAVING count(*) = (SELECT count(*) FROM jsonb_object_keys(audit_keys.key))
	) p
	WHERE p.part IS NOT NULL;
	RETURN coalesce(parts, '{}');
END
$$;
REVOKE ALL ON FUNCTION cipguard.audit_keys(oid[], jsonb) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_keys(oid[], jsonb) IS
	'a key as each description of the tables has it, for audit_match()';

CREATE FUNCTION cipguard.only_keys(object jsonb, keys text[]) RETURNS jsonb
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(jsonb_object_agg(o.key, o.value), '{}')
	FROM jsonb_each(only_keys.object) AS o
	WHERE o.key = ANY (only_keys.keys)
$$;
REVOKE ALL ON FUNCTION cipguard.only_keys(jsonb, text[]) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.only_keys(jsonb, text[]) IS
	'a jsonb object reduced to some keys';

CREATE FUNCTION cipguard.row_changes(
	relation oid,
	name text,
	key text,
	since timestamptz,
	until timestamptz
) RETURNS TABLE (
	event_id bigint,
	ts timestamptz,
	action text,
	relation_name text,
	login_role text,
	role text,
	app_user text,
	app_verified boolean,
	purpose text,
	columns text[],
	before jsonb,
	after jsonb,
	client_addr inet,
	application_name text,
	remark text
)
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	SET datestyle = 'ISO'
	SET intervalstyle = 'postgres'
	SET extra_float_digits = 1
	SET bytea_output = 'hex'
AS $$
DECLARE
	tables oid[];
	parts bytea[];
BEGIN
	IF row_changes.key IS NULL OR row_changes.name IS NULL THEN
		RETURN;
	END IF;
	tables := cipguard.audited_oids(row_changes.relation, row_changes.name);
	parts := cipguard.audit_keys(tables, cipguard.key_object(row_changes.relation, row_changes.key));
	PERFORM cipguard.note_question('changes', tables[1]);
	RETURN QUERY
	WITH found AS MATERIALIZED (
		SELECT e.seq, e.xid, e.ts, e.session_id, e.relid, e.cmd, e.kind, e.app_verified, e.relname, e.cur_role,
			e.app_user, e.purpose, e.cols, e.old, e.new
		FROM cipguard.audit_event e
		WHERE e.relid = ANY ((SELECT tables)::oid[])
			AND e.ts >= coalesce(row_changes.since, '-infinity') AND e.ts < coalesce(row_changes.until, 'infinity')
			AND NOT e.spooled
			-- As values of sub-queries the keys are passed flat and once.
			AND (e.kind = 'T' OR cipguard.audit_match(e.old, e.new, (SELECT parts)) = ANY ('{1,2,3}'))
	),
	-- A row that goes to another partition is deleted here and inserted there,
	-- by one command.
	moved AS (
		SELECT d.seq AS gone, i.seq AS come, i.new, i.relid, i.relname
		FROM found d JOIN found i ON i.xid = d.xid AND i.cmd = d.cmd AND i.relid <> d.relid
		WHERE d.kind = 'D' AND i.kind = 'I' AND d.cols = '{}' AND i.cols = '{}'
	),
	shown AS (
		SELECT f.*, m.come,
			cipguard.audit_image(f.relid, f.old) AS was,
			CASE WHEN m.come IS NOT NULL THEN cipguard.audit_image(m.relid, m.new) ELSE cipguard.audit_image(f.relid, f.new) END AS is_now,
			CASE WHEN m.come IS NOT NULL THEN 'went to ' || m.relname || ', event ' || m.come
				WHEN f.kind = 'D' AND f.cols = '{}' THEN 'the row went to another partition, under another key'
				WHEN f.kind = 'I' AND f.cols = '{}' THEN 'the row came from another partition, where it had another key'
				WHEN f.kind = 'T' THEN 'all rows of the table'
				WHEN f.kind = 'U' AND cipguard.audit_match(f.old, f.new, parts) = 2 THEN 'the row had another key before'
				WHEN f.kind = 'U' AND cipguard.audit_match(f.old, f.new, parts) = 1 AND cipguard.audit_keyed(f.old, f.new, parts) = 3
					THEN 'the row has another key since'
			END AS remark
		FROM found f LEFT JOIN moved m ON m.gone = f.seq
		WHERE f.seq NOT IN (SELECT n.come FROM moved n)
	)
	SELECT s.seq, s.ts,
		CASE s.kind WHEN 'I' THEN 'INSERT' WHEN 'U' THEN 'UPDATE' WHEN 'T' THEN 'TRUNCATE'
			WHEN 'D' THEN CASE WHEN s.come IS NULL THEN 'DELETE' ELSE 'MOVE' END END,
		s.relname, a.auth_user, s.cur_role, s.app_user, s.app_verified, s.purpose,
		c.columns,
		CASE WHEN c.columns IS NULL THEN s.was ELSE cipguard.only_keys(s.was, c.columns) END,
		CASE WHEN c.columns IS NULL THEN s.is_now ELSE cipguard.only_keys(s.is_now, c.columns) END,
		a.client_addr, a.application_name, s.remark
	FROM shown s
		CROSS JOIN LATERAL (
			SELECT CASE WHEN s.come IS NOT NULL THEN ARRAY(
						SELECT k.key FROM jsonb_each(s.is_now) AS k WHERE k.value IS DISTINCT FROM s.was -> k.key ORDER BY k.key)
				WHEN s.kind = 'U' THEN cipguard.audit_columns(s.relid, s.old, s.cols) END AS columns
		) c
		LEFT JOIN LATERAL (
			SELECT r.auth_user, r.client_addr, r.application_name
			FROM cipguard.audit_session r
			WHERE r.session_id = s.session_id
			ORDER BY r.seq
			LIMIT 1
		) a ON true
	ORDER BY s.ts, s.xid, s.seq;
END
$$;
REVOKE ALL ON FUNCTION cipguard.row_changes(oid, text, text, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.row_changes(oid, text, text, timestamptz, timestamptz) IS
	'what changes() answers, of a table whose name was resolved';

-- The table that a name means to the caller; null if there is none now.
CREATE FUNCTION cipguard.table_named(name text) RETURNS oid
	LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED
	RETURN CASE WHEN name OPERATOR(pg_catalog.~) '^[0-9]+$'::pg_catalog.text THEN name::pg_catalog.oid
		ELSE pg_catalog.to_regclass(name)::pg_catalog.oid END;
REVOKE ALL ON FUNCTION cipguard.table_named(text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.table_named(text) IS
	'OID of a table by name, or by itself';

CREATE FUNCTION cipguard.changes(
	relation text,
	key text,
	since timestamptz DEFAULT NULL,
	until timestamptz DEFAULT NULL
) RETURNS TABLE (
	event_id bigint,
	ts timestamptz,
	action text,
	relation_name text,
	login_role text,
	role text,
	app_user text,
	app_verified boolean,
	purpose text,
	columns text[],
	before jsonb,
	after jsonb,
	client_addr inet,
	application_name text,
	remark text
)
	LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT c.event_id, c.ts, c.action, c.relation_name, c.login_role, c.role, c.app_user, c.app_verified, c.purpose,
		c.columns, c.before, c.after, c.client_addr, c.application_name, c.remark
	FROM cipguard.row_changes(cipguard.table_named(relation), relation, key, since, until) c;
END;
REVOKE ALL ON FUNCTION cipguard.changes(text, text, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.changes(text, text, timestamptz, timestamptz) IS
	'what happened to a row: table, or what it was called; key as value or as jsonb object';

-- After such a note changes of its table may have left no event.
CREATE FUNCTION cipguard.ends_audit(note bytea) RETURNS boolean
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT cipguard.audit_note(ends_audit.note, 1) = 'audit off'
		OR cipguard.audit_note(ends_audit.note, 1) = 'maintenance' AND strpos(cipguard.audit_note(ends_audit.note, 2), 'trigger') > 0
$$;
REVOKE ALL ON FUNCTION cipguard.ends_audit(bytea) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.ends_audit(bytea) IS
	'whether a note tells that a table was no longer audited, or its triggers were changed';

-- Values of an image, with the names that columns have now.
CREATE FUNCTION cipguard.audit_values(relid oid, image bytea)
	RETURNS TABLE (attnum smallint, name text, value jsonb, sealed boolean)
	LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.attnum, coalesce(a.attname::text, c.name), j.value, c.attnum = ANY (cipguard.audit_sealed(audit_values.image))
	FROM (SELECT s.attnums, s.names
			FROM cipguard.audit_schema s
			WHERE s.id = cipguard.audit_schema_id(audit_values.image) AND s.relid = audit_values.relid
			LIMIT 1) s
		CROSS JOIN LATERAL unnest(s.attnums, s.names) AS c (attnum, name)
		JOIN jsonb_each(cipguard.audit_image(audit_values.relid, audit_values.image)) AS j ON j.key = c.name OR j.key = '?' || c.attnum
		LEFT JOIN pg_attribute a ON a.attrelid = audit_values.relid AND a.attnum = c.attnum AND NOT a.attisdropped
$$;
REVOKE ALL ON FUNCTION cipguard.audit_values(oid, bytea) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_values(oid, bytea) IS
	'values of a row image by column; names as they are now';

-- The row as it is, as the caller sees it, with text as in row images.
CREATE FUNCTION cipguard.present_row(relation oid, key jsonb) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	shown text;
	wanted text;
	made jsonb;
	result jsonb;
BEGIN
	PERFORM FROM pg_class c WHERE c.oid = present_row.relation AND c.relkind = ANY ('{r,p}'::"char"[]);
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	SELECT format('%L::text[], ARRAY[%s]', array_agg(a.attname ORDER BY a.attnum), string_agg(
			CASE WHEN p.encrypted THEN format('cipguard.disclose(t.%I, %L::regclass)::text', a.attname, present_row.relation::regclass)
				ELSE format('t.%I::text', a.attname) END, ', ' ORDER BY a.attnum))
		INTO shown
		FROM pg_attribute a
			LEFT JOIN cipguard.protected_columns p ON p.relation = a.attrelid AND p.attnum = a.attnum AND p.encrypted
				AND EXISTS (SELECT FROM pg_type e WHERE e.oid = a.atttypid AND e.typnamespace = 'cipguard'::regnamespace AND e.typname LIKE 'enc\_%')
		WHERE a.attrelid = present_row.relation AND a.attnum > 0 AND NOT a.attisdropped;
	SELECT string_agg(
			CASE WHEN k.value IS NULL THEN format('t.%I IS NULL', k.key)
				ELSE format('t.%I = %L::%s', k.key, k.value, format_type(a.atttypid, a.atttypmod)) END, ' AND ')
		INTO wanted
		FROM jsonb_each_text(present_row.key) AS k
			JOIN pg_attribute a ON a.attrelid = present_row.relation AND a.attname = k.key AND NOT a.attisdropped;
	-- No aggregate: of what it makes the journal knows no persons.
	FOR made IN EXECUTE format('SELECT jsonb_object(%s) FROM %s t WHERE %s LIMIT 2', shown, present_row.relation::regclass, wanted) LOOP
		IF result IS NOT NULL THEN
			RAISE EXCEPTION 'the key is that of several rows'
				USING ERRCODE = 'cardinality_violation', HINT = 'Name all columns of the primary key.';
		END IF;
		result := made;
	END LOOP;
	RETURN result;
END
$$;
REVOKE ALL ON FUNCTION cipguard.present_row(oid, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.present_row(oid, jsonb) IS
	'a row as the caller sees it now, as row_as_of() shows it';

-- Values of columns as they were: of the first event after that time that
-- changed the column, the value before; else of the row as it is now, or, if
-- it is gone in a way that left no image, of the last event before, the value
-- after.  An insertion as the first event after that time means that there
-- was no such row.
CREATE FUNCTION cipguard.row_at(relation oid, name text, key text, at timestamptz) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	SET datestyle = 'ISO'
	SET intervalstyle = 'postgres'
	SET extra_float_digits = 1
	SET bytea_output = 'hex'
AS $$
DECLARE
	tables oid[];
	wanted jsonb;
	parts bytea[];
	e record;
	state jsonb := '{}'::jsonb;
	found_in oid;
	subject text;
	from_ts timestamptz := row_at.at;
	from_seq bigint;
	again boolean;
	lived boolean := false;
	ended boolean := false;
	complete boolean := false;
	off_at timestamptz;
	now_there jsonb;
	result jsonb;
BEGIN
	IF row_at.name IS NULL OR row_at.key IS NULL OR row_at.at IS NULL THEN
		RETURN NULL;
	END IF;
	tables := cipguard.audited_oids(row_at.relation, row_at.name);
	wanted := cipguard.key_object(row_at.relation, row_at.key);
	IF row_at.at > clock_timestamp() THEN
		RAISE EXCEPTION 'that time has not come yet'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a time that is over.';
	END IF;
	PERFORM cipguard.note_question('row_as_of', tables[1]);

	-- Does the log reach back that far?  The notes need a look at the events.
	PERFORM FROM cipguard.audit_schema s WHERE s.relid = ANY (tables) AND s.ts <= row_at.at LIMIT 1;
	IF NOT FOUND THEN
		PERFORM FROM cipguard.audit_event g
			WHERE NOT g.spooled AND g.kind = 'G' AND g.relid = ANY (tables) AND g.ts <= row_at.at
			LIMIT 1;
	END IF;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'the audit log of the table does not reach back to that time'
			USING ERRCODE = 'no_data_found', HINT = 'Its first event is in cipguard.audit_log.';
	END IF;

	-- Forward, while the row goes by this key.
	LOOP
		again := false;
		parts := cipguard.audit_keys(tables, wanted);
		FOR e IN
			SELECT v.seq, v.ts, v.xid, v.relid, v.kind, v.old, v.new,
				cipguard.audit_match(v.old, v.new, parts) AS it, cipguard.audit_keyed(v.old, v.new, parts) AS keyed
			FROM cipguard.audit_event v
			WHERE v.relid = ANY ((SELECT tables)::oid[]) AND v.ts >= from_ts AND NOT v.spooled
				AND (v.ts > from_ts OR v.seq > from_seq)
				AND (v.kind = ANY ('{T,G}'::"char"[]) OR cipguard.audit_match(v.old, v.new, (SELECT parts)) = ANY ('{1,2,3}'))
			ORDER BY v.ts, v.xid, v.seq
		LOOP
			IF e.kind = 'G' THEN
				IF off_at IS NULL AND cipguard.ends_audit(e.new) THEN
					off_at := e.ts;
				END IF;
				CONTINUE;
			ELSIF e.kind = 'T' THEN
				ended := true;
				EXIT;
			ELSIF e.it & 1 = 0 THEN
				IF NOT lived THEN
					RETURN NULL;
				END IF;
				ended := true;
				EXIT;
			END IF;
			lived := true;
			found_in := e.relid;
			SELECT coalesce(jsonb_object_agg(v.name, jsonb_build_object('v', v.value, 's', v.sealed, 'n', v.attnum)), '{}') || state
				INTO state FROM cipguard.audit_values(e.relid, e.old) v;
			IF e.kind = 'D' THEN
				complete := true;
				EXIT;
			ELSIF e.keyed & 2 = 2 AND e.it & 2 = 0 THEN
				SELECT wanted || coalesce(jsonb_object_agg(v.name, v.value), '{}')
					INTO wanted FROM cipguard.audit_values(e.relid, e.new) v WHERE wanted ? v.name;
				from_ts := e.ts;
				from_seq := e.seq;
				again := true;
				EXIT;
			END IF;
		END LOOP;
		EXIT WHEN NOT again;
	END LOOP;
	IF off_at IS NOT NULL THEN
		RAISE WARNING 'the table was not audited all the time since then'
			USING ERRCODE = 'warning', DETAIL = format('Auditing ended at %s.', off_at), HINT = 'What changed then is not known.';
	END IF;

	-- As it is now.
	IF NOT complete AND NOT ended THEN
		now_there := cipguard.present_row(row_at.relation, wanted);
		IF now_there IS NOT NULL THEN
			SELECT coalesce(jsonb_object_agg(n.key, jsonb_build_object('v', n.value, 's', false)), '{}') || state
				INTO state FROM jsonb_each(now_there) AS n;
			complete := true;
		END IF;
	END IF;

	-- Backward: the row ended by TRUNCATE, or was deleted before that time.
	IF NOT complete THEN
		wanted := cipguard.key_object(row_at.relation, row_at.key);
		from_ts := row_at.at;
		from_seq := NULL;
		LOOP
			again := false;
			parts := cipguard.audit_keys(tables, wanted);
			FOR e IN
				SELECT v.seq, v.ts, v.xid, v.relid, v.kind, v.old, v.new,
					cipguard.audit_match(v.old, v.new, parts) AS it, cipguard.audit_keyed(v.old, v.new, parts) AS keyed
				FROM cipguard.audit_event v
				WHERE v.relid = ANY ((SELECT tables)::oid[]) AND v.ts <= from_ts AND NOT v.spooled
					AND (v.ts < from_ts OR from_seq IS NULL OR v.seq < from_seq)
					AND (v.kind = 'T' OR cipguard.audit_match(v.old, v.new, (SELECT parts)) = ANY ('{1,2,3}'))
				ORDER BY v.ts DESC, v.xid DESC, v.seq DESC
			LOOP
				IF e.kind = 'T' OR e.kind = 'D' OR e.kind = 'U' AND e.keyed & 2 = 2 AND e.it & 2 = 0 THEN
					-- It went away, or to another key, before.
					IF NOT lived THEN
						RETURN NULL;
					END IF;
					EXIT;
				END IF;
				lived := true;
				found_in := e.relid;
				SELECT coalesce(jsonb_object_agg(v.name, jsonb_build_object('v', v.value, 's', v.sealed, 'n', v.attnum)), '{}') || state
					INTO state FROM cipguard.audit_values(e.relid, e.new) v;
				IF e.kind = 'I' THEN
					complete := true;
					EXIT;
				ELSIF e.it & 1 = 0 THEN
					SELECT wanted || coalesce(jsonb_object_agg(v.name, v.value), '{}')
						INTO wanted FROM cipguard.audit_values(e.relid, e.old) v WHERE wanted ? v.name;
					from_ts := e.ts;
					from_seq := e.seq;
					again := true;
					EXIT;
				END IF;
			END LOOP;
			EXIT WHEN NOT again;
		END LOOP;
		IF NOT complete AND NOT lived THEN
			RETURN NULL;
		ELSIF NOT complete THEN
			RAISE EXCEPTION 'the row is not known as it was at that time'
				USING ERRCODE = 'no_data_found', DETAIL = 'It was there before the table was audited, and went without leaving an image.',
				HINT = 'cipguard.changes() shows what is known of it.';
		END IF;
	END IF;

	SELECT state -> a.attname ->> 'v' INTO subject
		FROM pg_seclabel l
			JOIN pg_attribute a ON a.attrelid = l.objoid AND a.attnum = l.objsubid
		WHERE l.provider = 'cipguard' AND l.classoid = 'pg_class'::regclass AND l.objoid = ANY (tables)
			AND (l.label = 'subject' OR starts_with(l.label, 'subject of ')) AND NOT (state -> a.attname ->> 's')::boolean
		LIMIT 1;
	SELECT jsonb_object_agg(c.key, CASE WHEN (c.value ->> 's')::boolean
			THEN to_jsonb(cipguard.audit_disclose(c.value ->> 'v', coalesce(row_at.relation, found_in), (c.value ->> 'n')::smallint, subject))
			ELSE c.value -> 'v' END)
		INTO result FROM jsonb_each(state) AS c;
	RETURN result;
END
$$;
REVOKE ALL ON FUNCTION cipguard.row_at(oid, text, text, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.row_at(oid, text, text, timestamptz) IS
	'what row_as_of() answers, of a table whose name was resolved';

CREATE FUNCTION cipguard.row_as_of(relation text, key text, at timestamptz) RETURNS jsonb
	LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	RETURN cipguard.row_at(cipguard.table_named(relation), relation, key, at);
REVOKE ALL ON FUNCTION cipguard.row_as_of(text, text, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.row_as_of(text, text, timestamptz) IS
	'a row as it was, protected values by the rights of the caller; null if there was none';

-- Three sources: records of the person, found by his tag; records of which the
-- persons are not known; and what is still in files of this server.
CREATE FUNCTION cipguard.disclosed_to(subject text, since timestamptz, until timestamptz)
	RETURNS TABLE (
		event_id bigint,
		ts timestamptz,
		certainty text,
		login_role text,
		role text,
		app_user text,
		app_verified boolean,
		purpose text,
		relation text,
		columns text[],
		query text,
		client_addr text,
		application_name text,
		remark text
	)
	LANGUAGE sql VOLATILE STRICT PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH found AS (
		SELECT e.seq, r.*
		FROM cipguard.audit_event e CROSS JOIN LATERAL cipguard.audit_record(e.new) r
		WHERE e.spooled AND e.subjects @> ARRAY[(SELECT cipguard.subject_tag(disclosed_to.subject))]
			AND e.ts >= disclosed_to.since AND e.ts < disclosed_to.until
		UNION ALL
		SELECT e.seq, r.*
		FROM cipguard.audit_event e CROSS JOIN LATERAL cipguard.audit_record(e.new) r
		WHERE e.spooled AND e.subjects <@ '{}' AND e.kind = ANY ('{R,E}'::"char"[])
			AND e.ts >= disclosed_to.since AND e.ts < disclosed_to.until
		UNION ALL
		SELECT NULL, j.*
		FROM cipguard.journal() j
		WHERE j.ts >= disclosed_to.since AND j.ts < disclosed_to.until
	)
	-- Of one statement there are several records, which differ in columns.
	SELECT min(f.seq), min(f.ts), f.certainty, f.login_role, f.role, f.app_user, f.app_verified, f.purpose,
		nullif(f.relation, ''), array_agg(DISTINCT c.name ORDER BY c.name) FILTER (WHERE c.name IS NOT NULL), f.query,
		nullif(f.client_addr, ''), f.application_name, f.note
	FROM (
		SELECT r.*, CASE WHEN disclosed_to.subject = ANY (r.subjects) THEN 'yes' ELSE 'possible' END AS certainty,
			CASE WHEN NOT r.authentic THEN concat_ws('; ', 'the record is not as it was written', r.remark)
				WHEN r.remark IS NOT NULL THEN r.remark
				WHEN r.kind = 'dump' THEN 'stored values of the table, under row_security = off'
				WHEN r.subjects IS NULL THEN 'persons are not known' END AS note,
			CASE WHEN r.statement > 0 THEN r.statement ELSE - r.number END AS part
		FROM found r
		WHERE disclosed_to.subject = ANY (r.subjects)
			OR r.subjects IS NULL AND (r.kind = 'dump' OR r.kind IS NULL
				OR r.kind = 'read' AND (r."values" > 0 OR r.remark IS NOT NULL))
	) f
		LEFT JOIN LATERAL unnest(f.columns) AS c (name) ON true
	GROUP BY f.node, f.writer, f.started, f.part, f.certainty, f.login_role, f.role, f.app_user, f.app_verified, f.purpose,
		f.relation, f.query, f.client_addr, f.application_name, f.note
$$;
REVOKE ALL ON FUNCTION cipguard.disclosed_to(text, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.disclosed_to(text, timestamptz, timestamptz) IS
	'what who_saw() answers';

CREATE FUNCTION cipguard.who_saw(
	subject text,
	since timestamptz DEFAULT NULL,
	until timestamptz DEFAULT NULL
) RETURNS TABLE (
	event_id bigint,
	ts timestamptz,
	certainty text,
	login_role text,
	role text,
	app_user text,
	app_verified boolean,
	purpose text,
	relation text,
	columns text[],
	query text,
	client_addr text,
	application_name text,
	remark text
)
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF who_saw.subject IS NULL THEN
		RETURN;
	END IF;
	PERFORM cipguard.note_question('who_saw, person ' || cipguard.subject_tag(who_saw.subject), 0::oid);
	RETURN QUERY
		SELECT d.event_id, d.ts, d.certainty, d.login_role, d.role, d.app_user, d.app_verified, d.purpose, d.relation, d.columns,
			d.query, d.client_addr, d.application_name, d.remark
		FROM cipguard.disclosed_to(who_saw.subject, coalesce(who_saw.since, '-infinity'), coalesce(who_saw.until, 'infinity')) d
		ORDER BY d.certainty DESC, d.ts, d.event_id;
END
$$;
REVOKE ALL ON FUNCTION cipguard.who_saw(text, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.who_saw(text, timestamptz, timestamptz) IS
	'who was given protected values of a person, and who possibly was, since (inclusive) and until (exclusive)';

-- For the person: nothing but what concerns him, and no values.
CREATE FUNCTION cipguard.subject_receipt(
	subject text,
	since timestamptz DEFAULT NULL,
	until timestamptz DEFAULT NULL
) RETURNS TABLE (
	ts timestamptz,
	what text,
	role text,
	app_user text,
	purpose text,
	relation text,
	columns text[]
)
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF subject_receipt.subject IS NULL THEN
		RETURN;
	END IF;
	PERFORM cipguard.note_question('subject_receipt, person ' || cipguard.subject_tag(subject_receipt.subject), 0::oid);
	RETURN QUERY
		SELECT d.ts, CASE d.certainty WHEN 'yes' THEN 'read' ELSE 'possibly read' END, d.role, d.app_user, d.purpose, d.relation, d.columns
		FROM cipguard.disclosed_to(subject_receipt.subject, coalesce(subject_receipt.since, '-infinity'),
			coalesce(subject_receipt.until, 'infinity')) d
		UNION ALL
		SELECT e.ts, CASE e.kind WHEN 'I' THEN 'entered' WHEN 'U' THEN 'changed' ELSE 'deleted' END,
			e.cur_role, e.app_user, e.purpose, e.relname,
			CASE WHEN e.kind = 'U' THEN cipguard.audit_columns(e.relid, e.old, e.cols) END
		FROM cipguard.audit_event e
		WHERE e.subject = (SELECT cipguard.subject_tag(subject_receipt.subject)) AND NOT e.spooled
			AND e.ts >= coalesce(subject_receipt.since, '-infinity') AND e.ts < coalesce(subject_receipt.until, 'infinity')
			AND e.kind = ANY ('{I,U,D}'::"char"[])
		ORDER BY 1;
END
$$;
REVOKE ALL ON FUNCTION cipguard.subject_receipt(text, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.subject_receipt(text, timestamptz, timestamptz) IS
	'for a person: who read or changed his data, and for what purpose; no values, and nobody else';

CREATE FUNCTION cipguard.activity_of(
	role text,
	since timestamptz DEFAULT NULL,
	until timestamptz DEFAULT NULL
) RETURNS TABLE (
	event_id bigint,
	ts timestamptz,
	action text,
	login_role text,
	acting_role text,
	app_user text,
	app_verified boolean,
	purpose text,
	relation text,
	columns text[],
	"values" bigint,
	persons bigint,
	detail text,
	client_addr text,
	application_name text
)
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF activity_of.role IS NULL THEN
		RETURN;
	END IF;
	PERFORM cipguard.note_question('activity_of ' || quote_ident(activity_of.role), 0::oid);
	RETURN QUERY
		SELECT e.seq, e.ts,
			CASE e.kind WHEN 'I' THEN 'INSERT' WHEN 'U' THEN 'UPDATE' WHEN 'D' THEN 'DELETE' WHEN 'T' THEN 'TRUNCATE'
				ELSE cipguard.audit_note(e.new, 1) END,
			s.auth_user, e.cur_role, e.app_user, e.app_verified, e.purpose, e.relname,
			CASE WHEN e.kind = 'U' THEN cipguard.audit_columns(e.relid, e.old, e.cols) END,
			NULL::bigint, CASE WHEN e.subject IS NOT NULL THEN 1::bigint END,
			CASE WHEN e.kind = 'G' THEN nullif(cipguard.audit_note(e.new, 2), '') END,
			host(s.client_addr), s.application_name
		FROM cipguard.audit_event e
			LEFT JOIN LATERAL (
				SELECT a.auth_user, a.client_addr, a.application_name
				FROM cipguard.audit_session a
				WHERE a.session_id = e.session_id
				ORDER BY a.seq
				LIMIT 1
			) s ON true
		WHERE NOT e.spooled AND e.ts >= coalesce(activity_of.since, '-infinity') AND e.ts < coalesce(activity_of.until, 'infinity')
			AND (e.cur_role = activity_of.role OR e.session_id = ANY (ARRAY(
				SELECT a.session_id FROM cipguard.audit_session a WHERE a.auth_user = activity_of.role)))
		UNION ALL
		-- Names stand in a record as they are: so few must be taken apart.
		SELECT f.seq, f.ts, f.kind, f.login_role, f.role, f.app_user, f.app_verified, f.purpose, nullif(f.relation, ''),
			nullif(f.columns, '{}'), f."values", cardinality(f.subjects)::bigint, coalesce(nullif(f.detail, ''), f.query, f.remark),
			nullif(f.client_addr, ''), f.application_name
		FROM (
			SELECT e.seq, r.*
			FROM cipguard.audit_event e CROSS JOIN LATERAL cipguard.audit_record(e.new) r
			WHERE e.spooled AND e.ts >= coalesce(activity_of.since, '-infinity') AND e.ts < coalesce(activity_of.until, 'infinity')
				AND position(convert_to(activity_of.role, getdatabaseencoding()) IN e.new) > 0
			UNION ALL
			SELECT NULL, j.*
			FROM cipguard.journal() j
			WHERE j.ts >= coalesce(activity_of.since, '-infinity') AND j.ts < coalesce(activity_of.until, 'infinity')
		) f
		WHERE f.role = activity_of.role OR f.login_role = activity_of.role
		ORDER BY 2, 1;
END
$$;
REVOKE ALL ON FUNCTION cipguard.activity_of(text, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.activity_of(text, timestamptz, timestamptz) IS
	'what a role did, as login role or as acting role';

CREATE FUNCTION cipguard.activity_summary(
	role text,
	since timestamptz DEFAULT NULL,
	until timestamptz DEFAULT NULL
) RETURNS TABLE (
	relation text,
	action text,
	events bigint,
	"values" numeric,
	first_ts timestamptz,
	last_ts timestamptz
)
	LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT a.relation, a.action, count(*), sum(a."values"), min(a.ts), max(a.ts)
	FROM cipguard.activity_of(activity_summary.role, activity_summary.since, activity_summary.until) a
	GROUP BY a.relation, a.action
	ORDER BY a.relation, a.action
$$;
REVOKE ALL ON FUNCTION cipguard.activity_summary(text, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.activity_summary(text, timestamptz, timestamptz) IS
	'activity_of(), counted by table and action';

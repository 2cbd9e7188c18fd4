-- What protection there is, and what goes past it: findings for whoever runs
-- the database.  Masks follow the reader; what is listed here follows somebody
-- else, keeps values where no mask is, or answers questions about them.
CREATE VIEW cipguard.protected_columns AS
	WITH RECURSIVE encrypted (type, typmod) AS (
		-- Encrypted types, and arrays of and domains over them.
		SELECT t.oid, -1
		FROM pg_catalog.pg_type t
		WHERE t.typnamespace OPERATOR(pg_catalog.=) 'cipguard'::pg_catalog.regnamespace
			AND pg_catalog.starts_with(t.typname::pg_catalog.text, 'enc_') AND t.typtype OPERATOR(pg_catalog.=) 'b'
		UNION ALL
		SELECT t.oid, CASE WHEN t.typtypmod OPERATOR(pg_catalog.<>) -1 THEN t.typtypmod ELSE e.typmod END
		FROM encrypted e JOIN pg_catalog.pg_type t ON e.type OPERATOR(pg_catalog.=)
			CASE WHEN t.typtype OPERATOR(pg_catalog.=) 'd' THEN t.typbasetype
				WHEN t.typlen OPERATOR(pg_catalog.=) -1 THEN t.typelem END
	),
	-- A label counts for the same column below, whose rows the table shows,
	-- and above, where those are shown.  Siblings show other rows.
	below (relation, column_name, category, distance) AS (
		SELECT l.objoid, a.attname, l.label, 0
		FROM pg_catalog.pg_seclabel l
			JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) l.objoid AND a.attnum OPERATOR(pg_catalog.=) l.objsubid
		WHERE l.provider OPERATOR(pg_catalog.=) 'cipguard' AND l.classoid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
			AND NOT a.attisdropped AND l.label OPERATOR(pg_catalog.<>) 'subject' AND NOT pg_catalog.starts_with(l.label, 'subject of ')
		UNION ALL
		SELECT i.inhrelid, b.column_name, b.category, b.distance OPERATOR(pg_catalog.+) 1
		FROM below b JOIN pg_catalog.pg_inherits i ON i.inhparent OPERATOR(pg_catalog.=) b.relation
	),
	above (relation, column_name, category, distance) AS (
		SELECT b.relation, b.column_name, b.category, b.distance
		FROM below b
		UNION
		SELECT i.inhparent, a.column_name, a.category, a.distance OPERATOR(pg_catalog.+) 1
		FROM above a JOIN pg_catalog.pg_inherits i ON i.inhrelid OPERATOR(pg_catalog.=) a.relation
	),
	-- Its own label comes first, then that of the nearest ancestor.
	labelled AS (
		SELECT DISTINCT ON (l.relation, l.column_name) l.relation, l.column_name, l.category, l.distance OPERATOR(pg_catalog.>) 0 AS inherited
		FROM (SELECT relation, column_name, category, distance, false AS up FROM below
			UNION ALL
			SELECT relation, column_name, category, distance, true FROM above) l
		ORDER BY l.relation, l.column_name, l.up, l.distance, l.category
	),
	-- Every column depends on its type, by an index of pg_depend; that spares
	-- reading all columns of all tables.
	found AS (
		SELECT d.objid AS relation, d.objsubid AS attnum,
			CASE WHEN a.atttypmod OPERATOR(pg_catalog.<>) -1 THEN a.atttypmod ELSE e.typmod END AS typmod,
			NULL::pg_catalog.text AS label, true AS encrypted, false AS inherited
		FROM encrypted e
			JOIN pg_catalog.pg_depend d ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass
				AND d.refobjid OPERATOR(pg_catalog.=) e.type
				AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
			JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) d.objid AND a.attnum OPERATOR(pg_catalog.=) d.objsubid
				AND a.atttypid OPERATOR(pg_catalog.=) e.type
		UNION
		SELECT l.relation, a.attnum, NULL, l.category, false, l.inherited
		FROM labelled l
			JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) l.relation AND a.attname OPERATOR(pg_catalog.=) l.column_name
		WHERE NOT EXISTS (SELECT FROM encrypted e WHERE e.type OPERATOR(pg_catalog.=) a.atttypid)
	)
	SELECT f.relation::pg_catalog.regclass AS relation, a.attnum, a.attname AS column_name,
		CASE WHEN NOT f.encrypted THEN f.label WHEN f.typmod OPERATOR(pg_catalog.=) -1 THEN 'unclassified' ELSE c.name END AS category,
		f.encrypted, f.inherited
	FROM found f
		JOIN pg_catalog.pg_class r ON r.oid OPERATOR(pg_catalog.=) f.relation
		JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) f.relation AND a.attnum OPERATOR(pg_catalog.=) f.attnum
		LEFT JOIN cipguard.category c ON c.id OPERATOR(pg_catalog.=) f.typmod
	WHERE r.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p', 'f', 'm', 'v']::pg_catalog."char"[])
		AND NOT pg_catalog.pg_is_other_temp_schema(r.relnamespace) AND NOT a.attisdropped;
COMMENT ON VIEW cipguard.protected_columns IS 'encrypted and labelled columns; a label counts for the tables below and above, too';
COMMENT ON COLUMN cipguard.protected_columns.category IS 'null: the type names a category that does not exist';
COMMENT ON COLUMN cipguard.protected_columns.inherited IS 'the label is that of a table above or below';
REVOKE ALL ON TABLE cipguard.protected_columns FROM PUBLIC;

-- Membership counts as in access.c: superusers are members of what they were
-- made members of.
CREATE VIEW cipguard.readers AS
	WITH RECURSIVE membership (member, role) AS (
		SELECT r.oid, r.oid
		FROM pg_catalog.pg_roles r
		WHERE r.rolsuper
		UNION
		SELECT m.member, a.roleid
		FROM membership m JOIN pg_catalog.pg_auth_members a ON a.member OPERATOR(pg_catalog.=) m.role
	),
	given AS (
		SELECT g.grantee::pg_catalog.oid AS grantee, g.category, g.relation
		FROM cipguard.access_grants g
		WHERE g.level OPERATOR(pg_catalog.=) 'read' AND g.valid_from OPERATOR(pg_catalog.<=) pg_catalog.now()
		UNION ALL
		SELECT r.relowner, p.category, p.relation
		FROM cipguard.protected_columns p JOIN pg_catalog.pg_class r ON r.oid OPERATOR(pg_catalog.=) p.relation
		WHERE NOT p.encrypted AND pg_catalog.current_setting('cipguard.mask_owner', true) OPERATOR(pg_catalog.=) 'off'
	),
	can AS (
		SELECT r.oid AS role, g.grantee
		FROM (SELECT DISTINCT grantee FROM given) g
			JOIN pg_catalog.pg_roles r ON CASE
				WHEN r.rolsuper THEN EXISTS (SELECT FROM membership m WHERE m.member OPERATOR(pg_catalog.=) r.oid
					AND m.role OPERATOR(pg_catalog.=) g.grantee)
				ELSE pg_catalog.pg_has_role(r.oid, g.grantee, 'USAGE') END
	)
	SELECT r.role::pg_catalog.regrole AS role, g.category, g.relation
	FROM given g JOIN can r ON r.grantee OPERATOR(pg_catalog.=) g.grantee
	UNION
	SELECT r.oid, p.category, p.relation
	FROM pg_catalog.pg_roles r CROSS JOIN cipguard.protected_columns p
	WHERE r.rolsuper AND NOT p.encrypted
		AND pg_catalog.current_setting('cipguard.mask_superuser', true) OPERATOR(pg_catalog.=) 'off';
COMMENT ON VIEW cipguard.readers IS 'roles that may read values now, whatever the purpose they must state, by grants of their own and of roles they are members of';
COMMENT ON COLUMN cipguard.readers.relation IS 'that table only; null: every table';
REVOKE ALL ON TABLE cipguard.readers FROM PUBLIC;

-- SECURITY DEFINER: only superusers may see shared_preload_libraries.
CREATE FUNCTION cipguard.preloaded() RETURNS boolean
	LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT current_setting('shared_preload_libraries') ~ '(^|[/, "])cipguard(\.so)?($|[, "])'
$$;
COMMENT ON FUNCTION cipguard.preloaded() IS 'whether the server loads cipguard when it starts';
REVOKE ALL ON FUNCTION cipguard.preloaded() FROM PUBLIC;

CREATE FUNCTION cipguard.short_list(names text[]) RETURNS text
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(n.name, ', ' ORDER BY n.number) FILTER (WHERE n.number <= 5)
		|| CASE WHEN count(*) > 5 THEN format(' and %s more', count(*) - 5) ELSE '' END
	FROM (SELECT d.name, row_number() OVER (ORDER BY d.name COLLATE "C") AS number
		FROM (SELECT DISTINCT u.name FROM unnest(names) u (name) WHERE u.name IS NOT NULL) d) n
$$;
COMMENT ON FUNCTION cipguard.short_list(text[]) IS 'the first five of different names, and how many more there are';
REVOKE ALL ON FUNCTION cipguard.short_list(text[]) FROM PUBLIC;

CREATE FUNCTION cipguard.identity_of(class regclass, object oid, part integer DEFAULT 0) RETURNS text
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT i.type || ' ' || i.identity FROM pg_identify_object(class, object, part) i
$$;
COMMENT ON FUNCTION cipguard.identity_of(regclass, oid, integer) IS 'type and full name of an object';
REVOKE ALL ON FUNCTION cipguard.identity_of(regclass, oid, integer) FROM PUBLIC;

-- Views and materialized views over protected columns, and over such views.
-- Whole rows leave no dependency on columns, but stand in the stored tree.
CREATE FUNCTION cipguard.lint_views(columns cipguard.protected_columns[])
	RETURNS TABLE (view oid, category text, relation regclass)
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH RECURSIVE over (view, category, relation) AS (
		SELECT w.ev_class, p.category, p.relation
		FROM unnest(columns) p
			JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = p.relation AND d.refobjsubid = ANY (ARRAY[0, p.attnum])
				AND d.classid = 'pg_rewrite'::regclass
			JOIN pg_rewrite w ON w.oid = d.objid AND w.rulename = '_RETURN' AND w.ev_class <> p.relation
				AND (d.refobjsubid > 0 OR w.ev_action::text LIKE '%:varattno 0 %')
		UNION
		SELECT w.ev_class, o.category, o.relation
		FROM over o
			JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = o.view AND d.classid = 'pg_rewrite'::regclass
			JOIN pg_rewrite w ON w.oid = d.objid AND w.rulename = '_RETURN' AND w.ev_class <> o.view
	)
	SELECT o.view, o.category, o.relation FROM over o
$$;
COMMENT ON FUNCTION cipguard.lint_views(cipguard.protected_columns[]) IS 'views that use protected columns, themselves or through other views';
REVOKE ALL ON FUNCTION cipguard.lint_views(cipguard.protected_columns[]) FROM PUBLIC;

-- Indexes, statistics, constraints, partition keys, generated columns, copies,
-- masks beside each other.  Compiling such queries takes 100 times as long as
-- running them, hence no JIT here and below.
CREATE FUNCTION cipguard.lint_columns(columns cipguard.protected_columns[], readers cipguard.readers[])
	RETURNS TABLE (object text, kind text, severity text, leak text, remedy text)
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
	WITH protected AS MATERIALIZED (
		SELECT p.relation, p.attnum, p.column_name, p.category, p.encrypted
		FROM unnest(columns) p
	),
	-- Foreign keys, a row for each pair of columns; not the copies that
	-- partitions have.
	pair AS MATERIALIZED (
		SELECT c.oid AS id, c.conrelid, c.confrelid, k.attnum AS own, k.refnum AS other,
			p.column_name AS own_name, q.column_name AS other_name, coalesce(p.category, q.category) AS category,
			p.relation IS NOT NULL AS own_protected, q.relation IS NOT NULL AS other_protected
		FROM pg_constraint c
			CROSS JOIN LATERAL unnest(c.conkey, c.confkey) k (attnum, refnum)
			LEFT JOIN protected p ON p.relation = c.conrelid AND p.attnum = k.attnum
			LEFT JOIN protected q ON q.relation = c.confrelid AND q.attnum = k.refnum
		WHERE c.contype = 'f' AND c.conparentid = 0 AND (p.relation IS NOT NULL OR q.relation IS NOT NULL)
	),
	touched AS (
		SELECT p.relation::oid AS relation FROM protected p
		UNION SELECT p.conrelid FROM pair p
		UNION SELECT p.confrelid FROM pair p
	),
	-- Who, besides the owner, may try values.
	trier AS MATERIALIZED (
		SELECT t.relation, a.grantee, a.privilege_type = 'REFERENCES' AS refers
		FROM touched t
			JOIN pg_class r ON r.oid = t.relation
			CROSS JOIN LATERAL aclexplode(r.relacl) a
		WHERE a.privilege_type = ANY (ARRAY['INSERT', 'UPDATE', 'REFERENCES']) AND a.grantee <> r.relowner
		UNION
		SELECT t.relation, a.grantee, a.privilege_type = 'REFERENCES'
		FROM touched t
			JOIN pg_class r ON r.oid = t.relation
			JOIN pg_attribute c ON c.attrelid = t.relation AND c.attacl IS NOT NULL
			CROSS JOIN LATERAL aclexplode(c.attacl) a
		WHERE a.privilege_type = ANY (ARRAY['INSERT', 'UPDATE', 'REFERENCES']) AND a.grantee <> r.relowner
	),
	key AS MATERIALIZED (
		SELECT i.indexrelid, i.indrelid, p.attnum, p.column_name, p.category, p.encrypted,
			i.indisunique OR i.indisexclusion AS tells, a.amname = 'btree' AS ordered
		FROM protected p
			JOIN pg_index i ON i.indrelid = p.relation AND p.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
			JOIN pg_class c ON c.oid = i.indexrelid AND NOT c.relispartition
			JOIN pg_am a ON a.oid = c.relam
	),
	-- Resident numbers that show all but birth date, sequence and sex.  The
	-- column mask_options is not in every version of the table.
	weak AS MATERIALIZED (
		SELECT p.relation, p.attnum, '(^|_)(birth|dob|sex|gender|csrq|xb|xingbie)|生日|出生|性别' AS tells
		FROM protected p
			JOIN cipguard.category c ON c.name = p.category AND c.mask = 'resident_id' AND to_jsonb(c) -> 'mask_options' ->> 'style' = 'legacy'
	),
	found (class, id, part, kind, severity, leak, remedy) AS (
		SELECT 'pg_class'::regclass, k.indexrelid, 0, 'unique_key',
			CASE WHEN count(t.grantee) > 0 THEN 'medium' ELSE 'low' END,
			format('Whoever writes a value learns whether %s has it already%s.', cipguard.short_list(array_agg(k.column_name::text)),
				'; besides the owner ' || cipguard.short_list(array_agg(CASE WHEN t.grantee = 0 THEN 'PUBLIC' ELSE t.grantee::regrole::text END) FILTER (WHERE t.grantee IS NOT NULL))),
			'Let readers only, or a function that counts attempts, insert and update the column.'
		FROM key k
			LEFT JOIN trier t ON t.relation = k.indrelid AND NOT t.refers
				AND NOT EXISTS (SELECT FROM unnest(readers) r WHERE r.role = t.grantee AND r.category = k.category AND (r.relation IS NULL OR r.relation = k.indrelid))
		WHERE k.tells
		GROUP BY k.indexrelid
		UNION ALL
		SELECT 'pg_class'::regclass, k.indexrelid, 0, 'index', 'low',
			format('Rows come in the order of the stored values of %s when the index is read.', cipguard.short_list(array_agg(k.column_name::text))),
			'Drop the index if readers do not search by the column, or use an encrypted type, whose indexes tell equality only.'
		FROM key k
		WHERE NOT k.tells AND k.ordered AND NOT k.encrypted
		GROUP BY k.indexrelid
		UNION ALL
		-- Operator classes that look at more than tokens.
		SELECT 'pg_class'::regclass, i.indexrelid, 0, 'ordered_index', CASE WHEN max(g.level) >= 3 THEN 'medium' ELSE 'low' END,
			format('Its file tells a thief %s of %s.',
				string_agg(DISTINCT CASE WHEN o.opcname LIKE '%\_order\_ops' THEN 'the order' ELSE 'common pieces' END, ' and '),
				cipguard.short_list(array_agg(p.column_name::text))),
			'Drop the index if nobody searches by range or pattern.'
		FROM protected p
			JOIN pg_index i ON i.indrelid = p.relation
			JOIN pg_class c ON c.oid = i.indexrelid AND NOT c.relispartition
			CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[]) k (attnum, class)
			JOIN pg_opclass o ON o.oid = k.class AND o.opcnamespace = 'cipguard'::regnamespace
				AND (o.opcname LIKE '%\_order\_ops' OR o.opcname LIKE '%\_ngram\_ops')
			LEFT JOIN cipguard.category g ON g.name = p.category
		WHERE p.encrypted AND k.attnum = p.attnum
		GROUP BY i.indexrelid
		UNION ALL
		-- A key column depends once; once more if it is in an expression, too.
		SELECT 'pg_class'::regclass, x.indexrelid, 0, 'expression_index', CASE WHEN bool_or(x.foreign_code) THEN 'high' ELSE 'medium' END,
			format('The server computes an expression or condition of it from the stored values of %s, autovacuum included%s.',
				cipguard.short_list(array_agg(x.column_name::text)),
				CASE WHEN bool_or(x.foreign_code) THEN ', with a function of a role that may not read them' ELSE '' END),
			'Let it call functions of readers and of PostgreSQL only, label what they write, and keep its statistics to readers.'
		FROM (
			SELECT i.indexrelid, p.column_name,
				EXISTS (SELECT FROM pg_depend f JOIN pg_proc o ON o.oid = f.refobjid
					WHERE f.classid = 'pg_class'::regclass AND f.objid = i.indexrelid AND f.refclassid = 'pg_proc'::regclass
						AND NOT EXISTS (SELECT FROM unnest(readers) r WHERE r.role = o.proowner AND r.category = p.category)
						AND NOT EXISTS (SELECT FROM pg_roles s WHERE s.oid = o.proowner AND s.rolsuper)) AS foreign_code
			FROM protected p
				JOIN pg_index i ON i.indrelid = p.relation AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
				JOIN pg_class c ON c.oid = i.indexrelid AND NOT c.relispartition
				CROSS JOIN LATERAL (SELECT concat(i.indexprs, i.indpred) LIKE '%:varattno 0 %' AS whole_row) w
				LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
					AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p.relation AND d.refobjsubid = p.attnum
			WHERE NOT p.encrypted
			GROUP BY i.indexrelid, p.relation, p.attnum, p.column_name, p.category, i.indkey, w.whole_row
			HAVING w.whole_row OR count(d.objid) > CASE WHEN p.attnum = ANY (i.indkey::int2[]) THEN 1 ELSE 0 END) x
		GROUP BY x.indexrelid
		UNION ALL
		SELECT 'pg_statistic_ext'::regclass, s.oid, 0, 'statistics', CASE WHEN x.kept THEN 'medium' ELSE 'low' END,
			format(CASE WHEN x.kept THEN 'ANALYZE keeps values of %s where no mask is.' ELSE 'ANALYZE keeps how %s goes with other columns.' END,
				cipguard.short_list(array_agg(p.column_name::text))),
			'Drop them, or ask for dependencies and ndistinct of other columns only.'
		FROM protected p
			JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = p.relation AND d.refobjsubid = p.attnum
				AND d.classid = 'pg_statistic_ext'::regclass
			JOIN pg_statistic_ext s ON s.oid = d.objid
			CROSS JOIN LATERAL (SELECT s.stxexprs IS NOT NULL OR 'm' = ANY (s.stxkind) AS kept) x
		WHERE NOT p.encrypted
		GROUP BY s.oid, x.kept
		UNION ALL
		SELECT 'pg_constraint'::regclass, p.id, 0, 'foreign_key',
			CASE WHEN count(t.grantee) > 0 THEN 'medium' ELSE 'low' END,
			format('Whoever writes %s, or may refer to %s, learns whether a value exists%s.', p.conrelid::regclass, p.confrelid::regclass,
				'; besides the owners ' || cipguard.short_list(array_agg(CASE WHEN t.grantee = 0 THEN 'PUBLIC' ELSE t.grantee::regrole::text END) FILTER (WHERE t.grantee IS NOT NULL))),
			'Let the tables refer to each other by a number without meaning.'
		FROM pair p
			LEFT JOIN trier t ON CASE WHEN t.refers THEN t.relation = p.confrelid AND p.other_protected ELSE t.relation = p.conrelid END
				AND NOT EXISTS (SELECT FROM unnest(readers) r WHERE r.role = t.grantee AND r.category = p.category AND r.relation IS NULL)
		GROUP BY p.id, p.conrelid, p.confrelid
		UNION ALL
		SELECT 'pg_class'::regclass, p.relation, 0, 'partition_key', CASE WHEN bool_and(p.encrypted) THEN 'low' ELSE 'medium' END,
			format('tableoid tells everybody in which partition a row is, by its %s%s.', cipguard.short_list(array_agg(p.column_name::text)),
				CASE WHEN bool_and(p.encrypted) THEN '' ELSE ', and the bounds of the partitions are values' END),
			'Partition by a column that is not personal data, or grant access to the parent alone and hash an encrypted column.'
		FROM protected p
			JOIN pg_class r ON r.oid = p.relation AND r.relkind = 'p'
			-- Columns of a partition key depend on their table.
			JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = p.relation AND d.objsubid = p.attnum
				AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p.relation AND d.refobjsubid = 0 AND d.deptype = 'i'
		GROUP BY p.relation
		UNION ALL
		SELECT 'pg_class'::regclass, a.attrelid, a.attnum, 'generated_column',
			-- Then transparent masking shows NULL.
			CASE WHEN cipguard.preloaded() THEN 'low' ELSE 'high' END,
			format('It holds what was computed from %s, without a label of its own.', cipguard.short_list(array_agg(p.column_name::text))),
			format('SECURITY LABEL FOR cipguard ON COLUMN %s.%I IS %L;', a.attrelid::regclass, a.attname, min(p.category))
		FROM protected p
			-- On the column itself, or on its expression.
			JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = p.relation AND d.refobjsubid = p.attnum
				AND (d.classid = 'pg_class'::regclass AND d.objid = p.relation OR d.classid = 'pg_attrdef'::regclass)
			LEFT JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
			JOIN pg_attribute a ON a.attrelid = p.relation AND a.attnum = coalesce(f.adnum, d.objsubid) AND a.attgenerated <> ''
		WHERE NOT EXISTS (SELECT FROM protected q WHERE q.relation = a.attrelid AND q.attnum = a.attnum)
		GROUP BY a.attrelid, a.attnum, a.attname
		UNION ALL
		(SELECT DISTINCT ON (u.relation, u.attnum) 'pg_class'::regclass, u.relation, u.attnum, 'unlabelled_copy', u.severity, u.leak,
			format('SECURITY LABEL FOR cipguard ON COLUMN %s.%I IS %L; -- or an encrypted type', u.relation::regclass, a.attname, u.category)
		FROM (
			SELECT p.conrelid AS relation, p.own AS attnum, p.category, 'high' AS severity, 1 AS weight,
				format('It holds values of %s.%I, to which it refers, and has no label.', p.confrelid::regclass, p.other_name) AS leak
			FROM pair p
			WHERE NOT p.own_protected
			UNION ALL
			SELECT p.confrelid, p.other, p.category, 'high', 1,
				format('%s.%I refers to it, and it has no label.', p.conrelid::regclass, p.own_name)
			FROM pair p
			WHERE NOT p.other_protected
			UNION ALL
			SELECT a.attrelid, a.attnum, p.category,
				CASE WHEN p.relation IS NULL THEN 'low' ELSE 'medium' END, CASE WHEN p.relation IS NULL THEN 3 ELSE 2 END,
				CASE WHEN p.relation IS NULL THEN format('Its name is one of category %s, and it has no label.', p.category)
					ELSE format('It has the name of %s.%I, and no label.', p.relation, p.column_name) END
			FROM (
				SELECT min(q.relation::text COLLATE "C") AS relation, q.column_name, q.category, t.typcategory = 'D' AS dates
				FROM protected q
					JOIN pg_attribute c ON c.attrelid = q.relation AND c.attnum = q.attnum
					JOIN pg_type t ON t.oid = c.atttypid
				-- Names that mean something else in the next table.
				WHERE NOT lower(q.column_name) = ANY (ARRAY['id', 'name', 'code', 'value', 'type', 'note', 'remark', 'title', 'data', 'number',
						'text', 'content', 'description', 'comment', '名称', '备注'])
					AND (q.encrypted OR t.typcategory = ANY (ARRAY['S', 'D']::"char"[]))
				GROUP BY q.column_name, q.category, t.typcategory = 'D'
				UNION ALL
				SELECT NULL, w.word, w.category, w.category = 'birth_date'
				FROM (VALUES
						('name', ARRAY['real_name', 'full_name', 'xingming', '姓名']),
						('mobile', ARRAY['mobile', 'mobile_no', 'mobile_phone', 'mobile_number', 'cellphone', 'phone_no', 'phone_number', 'shouji', 'sjhm', '手机', '手机号', '手机号码']),
						('email', ARRAY['email', 'e_mail', 'email_address', '邮箱', '电子邮箱', '电子邮件']),
						('resident_id', ARRAY['resident_id', 'id_card', 'id_card_no', 'id_card_number', 'idcard', 'idcard_no', 'sfzh', 'sfzhm', '身份证', '身份证号', '身份证号码', '公民身份号码']),
						('bank_card', ARRAY['bank_card', 'bank_card_no', 'bank_card_number', 'yhkh', '银行卡', '银行卡号']),
						('address', ARRAY['home_address', 'jtzz', '住址', '家庭住址']),
						('birth_date', ARRAY['birth_date', 'birthdate', 'birthday', 'date_of_birth', 'dob', 'csrq', '出生日期', '生日']),
						('plate', ARRAY['plate_no', 'plate_number', 'license_plate', 'cphm', '车牌', '车牌号'])) v (category, words)
					CROSS JOIN LATERAL unnest(v.words) d (word)
					CROSS JOIN LATERAL (SELECT v.category, d.word) w
				WHERE EXISTS (SELECT FROM protected q WHERE q.category = v.category)) p
				JOIN pg_attribute a ON a.attname = p.column_name AND a.attnum > 0 AND NOT a.attisdropped
				JOIN pg_class r ON r.oid = a.attrelid AND r.relkind = ANY (ARRAY['r', 'p', 'f']::"char"[]) AND NOT r.relispartition
				JOIN pg_namespace n ON n.oid = r.relnamespace
				JOIN pg_type t ON t.oid = a.atttypid AND (t.typcategory = 'S' OR p.dates AND t.typcategory = 'D')
			WHERE NOT starts_with(n.nspname, 'pg_') AND n.nspname <> 'information_schema' AND n.nspname <> 'cipguard'
				AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = r.oid AND e.deptype = 'e')) u
			JOIN pg_attribute a ON a.attrelid = u.relation AND a.attnum = u.attnum
		WHERE NOT EXISTS (SELECT FROM protected q WHERE q.relation = u.relation AND q.attnum = u.attnum)
		ORDER BY u.relation, u.attnum, u.weight, u.leak)
		UNION ALL
		SELECT 'pg_class'::regclass, b.relation, b.attnum, 'mask_style', 'medium',
			format('Its mask shows region and last digits; beside %s few people remain, or one.', cipguard.short_list(array_agg(b.beside))),
			'Give the category the default style of mask, or keep these columns out of the same table or view.'
		FROM (
			SELECT w.relation::oid AS relation, w.attnum, a.attname::text AS beside
			FROM weak w
				JOIN pg_attribute a ON a.attrelid = w.relation AND a.attnum > 0 AND a.attnum <> w.attnum AND NOT a.attisdropped
			WHERE a.attname ~* w.tells OR EXISTS (SELECT FROM protected q WHERE q.relation = w.relation AND q.attnum = a.attnum AND q.category = 'birth_date')
			UNION ALL
			-- Views that join it with such a column of another table.
			SELECT v.ev_class, 0, format('%s.%I', a.attrelid::regclass, a.attname)
			FROM weak w
				JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = w.relation AND d.refobjsubid = w.attnum
					AND d.classid = 'pg_rewrite'::regclass
				JOIN pg_rewrite v ON v.oid = d.objid AND v.rulename = '_RETURN'
				JOIN pg_depend e ON e.classid = 'pg_rewrite'::regclass AND e.objid = v.oid
					AND e.refclassid = 'pg_class'::regclass AND e.refobjid <> w.relation AND e.refobjid <> v.ev_class
				JOIN pg_attribute a ON a.attrelid = e.refobjid AND a.attnum = e.refobjsubid AND a.attnum > 0
			WHERE a.attname ~* w.tells OR EXISTS (SELECT FROM protected q WHERE q.relation = a.attrelid AND q.attnum = a.attnum AND q.category = 'birth_date')) b
		GROUP BY b.relation, b.attnum
	)
	SELECT cipguard.identity_of(f.class, f.id, f.part), f.kind, f.severity, f.leak, f.remedy FROM found f
$$;
COMMENT ON FUNCTION cipguard.lint_columns(cipguard.protected_columns[], cipguard.readers[]) IS 'findings about what is made of protected columns';
REVOKE ALL ON FUNCTION cipguard.lint_columns(cipguard.protected_columns[], cipguard.readers[]) FROM PUBLIC;

-- Rules, policies, materialized views, foreign tables, publications.
CREATE FUNCTION cipguard.lint_relations(columns cipguard.protected_columns[], readers cipguard.readers[])
	RETURNS TABLE (object text, kind text, severity text, leak text, remedy text)
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
	WITH protected AS MATERIALIZED (
		SELECT p.relation, p.attnum, p.column_name, p.category, p.encrypted
		FROM unnest(columns) p
	),
	found (class, id, part, kind, severity, leak, remedy) AS (
		SELECT DISTINCT 'pg_rewrite'::regclass, w.oid, 0, 'rule', 'medium',
			'It writes what it takes from NEW and OLD, plaintext of whoever writes, wherever it says.',
			'Label the columns it writes, or use a trigger instead whose function belongs to a reader.'
		FROM protected p
			JOIN pg_rewrite w ON w.ev_class = p.relation AND w.rulename <> '_RETURN'
		UNION ALL
		SELECT 'pg_policy'::regclass, o.oid, 0, 'policy', 'medium',
			format('Which rows are shown depends on stored values of %s, and functions that the policy calls see them.',
				cipguard.short_list(array_agg(format('%s.%I', p.relation, p.column_name)))),
			'Decide by a column that is not protected, or call functions of readers and of PostgreSQL only.'
		FROM protected p
			JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = p.relation AND d.refobjsubid = ANY (ARRAY[0, p.attnum])
				AND d.classid = 'pg_policy'::regclass
			JOIN pg_policy o ON o.oid = d.objid
				AND (d.refobjsubid > 0 OR concat(o.polqual, o.polwithcheck) LIKE '%:varattno 0 %')
		GROUP BY o.oid
		UNION ALL
		SELECT 'pg_class'::regclass, m.oid, 0, 'materialized_view',
			CASE WHEN bool_or(x.reads) OR NOT cipguard.preloaded() THEN 'high' ELSE 'medium' END,
			format('It keeps what its owner %s saw of %s when it was filled, without a label%s.', m.relowner::regrole,
				cipguard.short_list(array_agg(v.category)), CASE WHEN bool_or(x.reads) THEN ', and the owner may read' ELSE '' END),
			'Label its columns and refresh it, or give it to a role that may not read and refresh it.'
		FROM cipguard.lint_views(columns) v
			JOIN pg_class m ON m.oid = v.view AND m.relkind = 'm'
			CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM unnest(readers) r WHERE r.role = m.relowner AND r.category = v.category
				AND (r.relation IS NULL OR r.relation = v.relation)) AS reads) x
		WHERE NOT EXISTS (SELECT FROM protected q WHERE q.relation = m.oid AND q.category = v.category)
		GROUP BY m.oid, m.relowner
		UNION ALL
		SELECT 'pg_class'::regclass, f.ftrelid, 0, 'foreign_table',
			CASE WHEN count(a.grantee) > 0 THEN 'high' ELSE 'medium' END,
			format('Server "%s" does not know its labels: a foreign table of the same data without them shows it%s%s.', s.srvname,
				', and may be made by ' || cipguard.short_list(array_agg(CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END) FILTER (WHERE a.grantee IS NOT NULL)),
				'; user mappings: ' || cipguard.short_list((SELECT array_agg(CASE WHEN u.umuser = 0 THEN 'PUBLIC' ELSE u.umuser::regrole::text END) FROM pg_user_mappings u WHERE u.srvid = s.oid))),
			'Protect the data on its server, map users to a remote role that sees masks, and grant USAGE on the server to readers only.'
		FROM protected p
			JOIN pg_foreign_table f ON f.ftrelid = p.relation
			JOIN pg_foreign_server s ON s.oid = f.ftserver
			LEFT JOIN LATERAL aclexplode(s.srvacl) a ON a.privilege_type = 'USAGE' AND a.grantee <> s.srvowner
				AND NOT EXISTS (SELECT FROM unnest(readers) r WHERE r.role = a.grantee AND r.category = p.category AND (r.relation IS NULL OR r.relation = p.relation))
		WHERE NOT p.encrypted
		GROUP BY f.ftrelid, s.oid, s.srvname
		UNION ALL
		SELECT 'pg_publication'::regclass, b.oid, 0, 'publication', 'high',
			format('Subscribers get stored values of %s.', cipguard.short_list(array_agg(format('%s.%I', p.relation, p.column_name)))),
			'Publish a column list without them, use encrypted types, or subscribe only where the labels are in force, too.'
		FROM protected p
			JOIN pg_class r ON r.oid = p.relation AND r.relkind = ANY (ARRAY['r', 'p']::"char"[]) AND r.relpersistence = 'p'
			CROSS JOIN pg_publication b
			-- FOR ALL TABLES names those it leaves out, from PostgreSQL 19 on.
			LEFT JOIN pg_publication_rel l ON l.prpubid = b.oid AND l.prrelid = p.relation
		WHERE NOT p.encrypted AND coalesce(to_jsonb(l) ->> 'prexcept', 'false') = 'false'
			AND (b.puballtables
				OR l.prattrs IS NULL AND l.oid IS NOT NULL OR p.attnum = ANY (l.prattrs::int2[])
				OR EXISTS (SELECT FROM pg_publication_namespace n WHERE n.pnpubid = b.oid AND n.pnnspid = r.relnamespace))
		GROUP BY b.oid
	)
	SELECT cipguard.identity_of(f.class, f.id, f.part), f.kind, f.severity, f.leak, f.remedy FROM found f
$$;
COMMENT ON FUNCTION cipguard.lint_relations(cipguard.protected_columns[], cipguard.readers[]) IS 'findings about what hangs on protected tables';
REVOKE ALL ON FUNCTION cipguard.lint_relations(cipguard.protected_columns[], cipguard.readers[]) FROM PUBLIC;

-- Functions of readers that others may call, functions of others that see
-- values, and code that masks do not bind.
CREATE FUNCTION cipguard.lint_code(columns cipguard.protected_columns[], readers cipguard.readers[])
	RETURNS TABLE (object text, kind text, severity text, leak text, remedy text)
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
	WITH protected AS MATERIALIZED (
		SELECT p.relation, p.attnum, p.column_name, p.category, p.encrypted
		FROM unnest(columns) p
	),
	-- Protected tables and the views over them, by which a body names them.
	source AS MATERIALIZED (
		SELECT s.named, lower(c.relname) AS word, s.category, s.relation
		FROM (SELECT DISTINCT p.relation::oid AS named, p.category, p.relation FROM protected p
			UNION
			SELECT v.view, v.category, v.relation FROM cipguard.lint_views(columns) v) s
			JOIN pg_class c ON c.oid = s.named
	),
	-- Who may read what of it.
	owner AS MATERIALIZED (
		SELECT r.role, r.category, r.relation
		FROM unnest(readers) r
		WHERE EXISTS (SELECT FROM source s WHERE s.category = r.category AND (r.relation IS NULL OR r.relation = s.relation))
	),
	-- Functions in question: of readers, SECURITY DEFINER; of triggers.  Not
	-- those of this extension.
	candidate AS MATERIALIZED (
		SELECT f.oid, f.proowner, f.prosecdef, f.prosrc, f.proacl
		FROM (SELECT d.oid
			FROM pg_proc d JOIN owner o ON o.role = d.proowner
			WHERE d.prosecdef
			UNION
			SELECT t.tgfoid
			FROM pg_trigger t JOIN protected p ON p.relation = t.tgrelid
			WHERE NOT t.tgisinternal) q
			JOIN pg_proc f ON f.oid = q.oid
		WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = f.oid AND e.deptype = 'e'
				AND e.refclassid = 'pg_extension'::regclass AND e.refobjid = (SELECT x.oid FROM pg_extension x WHERE x.extname = 'cipguard'))
	),
	-- What their bodies name: SQL-standard ones depend on it, others are text.
	words AS MATERIALIZED (
		SELECT c.oid, lower(w.word) AS word
		FROM candidate c
			CROSS JOIN LATERAL regexp_split_to_table(c.prosrc, '[][[:space:]"''(),.;:=<>+*/|-]+') w (word)
	),
	names AS MATERIALIZED (
		SELECT w.oid, s.named, s.category, s.relation
		FROM words w
			JOIN source s ON s.word = w.word
		UNION
		SELECT c.oid, s.named, s.category, s.relation
		FROM candidate c
			JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
			JOIN source s ON s.named = d.refobjid
		UNION
		SELECT c.oid, s.named, s.category, s.relation
		FROM candidate c
			JOIN source s ON s.word ~ '[][[:space:]"''(),.;:=<>+*/|-]' AND strpos(lower(c.prosrc), s.word) > 0
	),
	found (id, class, kind, severity, leak, remedy) AS (
		SELECT c.oid, 'pg_proc'::regclass, 'definer_function',
			CASE WHEN count(n.named) > 0 THEN 'high' ELSE 'low' END,
			format('It runs as %s, who may read %s, for %s; %s.', c.proowner::regrole,
				coalesce(cipguard.short_list(array_agg(n.category)), cipguard.short_list(array_agg(o.category))),
				cipguard.short_list(array_agg(CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END)),
				coalesce('its body names ' || cipguard.short_list(array_agg(n.named::regclass::text)), 'its body names no protected table, unless it makes up statements')),
			'Revoke EXECUTE from those who may not read, or give it to an owner who may not.'
		FROM candidate c
			JOIN owner o ON o.role = c.proowner
			CROSS JOIN LATERAL aclexplode(coalesce(c.proacl, acldefault('f', c.proowner))) a
			LEFT JOIN names n ON n.oid = c.oid AND n.category = o.category AND (o.relation IS NULL OR o.relation = n.relation)
		WHERE c.prosecdef AND a.privilege_type = 'EXECUTE' AND a.grantee <> c.proowner
			AND NOT EXISTS (SELECT FROM unnest(readers) r WHERE r.role = a.grantee AND r.category = o.category AND (r.relation IS NULL OR r.relation = o.relation))
		GROUP BY c.oid, c.proowner
		UNION ALL
		SELECT t.oid, 'pg_trigger'::regclass, 'trigger', CASE WHEN bool_or(s.rolsuper) THEN 'medium' ELSE 'high' END,
			format('Its function belongs to %s, who may not read %s but sees NEW and OLD as they are stored, and encrypted values while a reader writes.',
				c.proowner::regrole, cipguard.short_list(array_agg(p.category))),
			'Give the function to a reader, or drop the trigger.'
		FROM protected p
			JOIN pg_trigger t ON t.tgrelid = p.relation AND NOT t.tgisinternal AND t.tgparentid = 0
			JOIN candidate c ON c.oid = t.tgfoid
			JOIN pg_roles s ON s.oid = c.proowner
			JOIN pg_proc f ON f.oid = c.oid
			JOIN pg_language l ON l.oid = f.prolang
		WHERE NOT EXISTS (SELECT FROM unnest(readers) r WHERE r.role = c.proowner AND r.category = p.category AND (r.relation IS NULL OR r.relation = p.relation))
			-- What a superuser had compiled is trusted.
			AND NOT (s.rolsuper AND NOT l.lanispl AND l.lanname <> 'sql')
		GROUP BY t.oid, c.proowner
		UNION ALL
		SELECT t.oid, 'pg_trigger'::regclass, 'trigger_reads', 'medium',
			format('Its function runs as whoever writes and names %s: what it reads there and writes elsewhere are masks when he may not read.',
				cipguard.short_list(array_agg(n.named::regclass::text))),
			'Make the function SECURITY DEFINER and give it to a reader.'
		FROM pg_trigger t
			JOIN candidate c ON c.oid = t.tgfoid AND NOT c.prosecdef
			JOIN names n ON n.oid = c.oid
		WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND EXISTS (SELECT FROM protected p WHERE p.relation = t.tgrelid)
		GROUP BY t.oid
		UNION ALL
		SELECT f.oid, 'pg_proc'::regclass, 'untrusted_language', 'medium',
			format('It runs outside of PostgreSQL''s rights, as the operating system user of the server, for %s.',
				cipguard.short_list(array_agg(CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END))),
			'Revoke EXECUTE from all but those who need it, and review what it reads.'
		FROM pg_language l
			JOIN pg_proc f ON f.prolang = l.oid
			CROSS JOIN LATERAL aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
			LEFT JOIN pg_roles s ON s.oid = a.grantee
		WHERE l.lanispl AND NOT l.lanpltrusted AND a.privilege_type = 'EXECUTE' AND a.grantee <> f.proowner AND s.rolsuper IS NOT TRUE
			AND cardinality(columns) > 0
		GROUP BY f.oid
		UNION ALL
		SELECT l.oid, 'pg_language'::regclass, 'untrusted_language', 'high',
			'It is marked as trusted, so that whoever has USAGE runs code as the operating system user of the server.',
			format('UPDATE pg_catalog.pg_language SET lanpltrusted = false WHERE lanname = %L;', l.lanname)
		FROM pg_language l
		WHERE l.lanpltrusted AND l.lanname = ANY (ARRAY['plpython3u', 'plpython2u', 'plpythonu', 'plperlu', 'pltclu']) AND cardinality(columns) > 0
	)
	SELECT cipguard.identity_of(f.class, f.id), f.kind, f.severity, f.leak, f.remedy FROM found f
$$;
COMMENT ON FUNCTION cipguard.lint_code(cipguard.protected_columns[], cipguard.readers[]) IS 'findings about functions and triggers';
REVOKE ALL ON FUNCTION cipguard.lint_code(cipguard.protected_columns[], cipguard.readers[]) FROM PUBLIC;

-- Roles that get at stored values past every mask, and settings.
CREATE FUNCTION cipguard.lint_server(columns cipguard.protected_columns[], readers cipguard.readers[])
	RETURNS TABLE (object text, kind text, severity text, leak text, remedy text)
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
	WITH used AS MATERIALIZED (
		SELECT p.category, bool_or(NOT p.encrypted) AS labelled
		FROM unnest(columns) p
		GROUP BY p.category
	),
	-- What of the categories in use each role may not read.
	lack AS MATERIALIZED (
		SELECT r.oid, r.rolsuper, r.rolcanlogin, r.rolreplication, r.rolbypassrls, bool_or(u.labelled) AS labelled
		FROM pg_roles r CROSS JOIN used u
		WHERE NOT starts_with(r.rolname, 'pg_')
			AND NOT EXISTS (SELECT FROM unnest(readers) g WHERE g.role = r.oid AND g.category = u.category AND g.relation IS NULL)
		GROUP BY r.oid, r.rolsuper, r.rolcanlogin, r.rolreplication, r.rolbypassrls
	),
	found (id, kind, severity, leak, remedy) AS (
		SELECT l.oid, 'superuser', 'low',
			'Masks are shown to it, too, but it can read files and memory of the server and switch masking off.',
			'Log in with it for maintenance only, and take SUPERUSER or LOGIN away otherwise.'
		FROM lack l
		WHERE l.rolsuper AND l.rolcanlogin
		UNION ALL
		SELECT l.oid, 'replication', 'high', 'It can stream stored values of labelled columns, with REPLICATION.',
			format('ALTER ROLE %s NOREPLICATION; or let replicas log in with a role of their own, from their own addresses.', l.oid::regrole)
		FROM lack l
		WHERE l.rolreplication AND NOT l.rolsuper AND l.labelled
		UNION ALL
		SELECT l.oid, 'bypass_rls', 'high', 'SET row_security = off shows it stored values of labelled columns, with BYPASSRLS.',
			format('ALTER ROLE %s NOBYPASSRLS; or grant it access.', l.oid::regrole)
		FROM lack l
		WHERE l.rolbypassrls AND NOT l.rolsuper AND l.labelled
		UNION ALL
		SELECT l.oid, 'server_files', 'high', format('It can read files of the server, keys included, as member of %s.', cipguard.short_list(array_agg(m.role))),
			format('REVOKE %s FROM %s; or the membership by which it got there.', cipguard.short_list(array_agg(m.role)), l.oid::regrole)
		FROM lack l
			JOIN unnest(ARRAY['pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program']) m (role)
				ON pg_has_role(l.oid, m.role, 'MEMBER')
		WHERE NOT l.rolsuper
		GROUP BY l.oid
		UNION ALL
		SELECT l.oid, 'read_all_data', 'low', 'It reads every table, those made tomorrow without a label included, as member of pg_read_all_data.',
			format('REVOKE pg_read_all_data FROM %s; and grant SELECT on the tables it needs.', l.oid::regrole)
		FROM lack l
		WHERE NOT l.rolsuper AND pg_has_role(l.oid, 'pg_read_all_data', 'MEMBER')
	)
	SELECT cipguard.identity_of('pg_authid', f.id), f.kind, f.severity, f.leak, f.remedy FROM found f
	UNION ALL
	SELECT 'setting shared_preload_libraries', 'setting', 'high', 'Labels are not enforced: cipguard is not loaded when the server starts.',
		'Add cipguard to shared_preload_libraries and restart the server.'
	WHERE EXISTS (SELECT FROM used u WHERE u.labelled) AND NOT cipguard.preloaded()
	UNION ALL
	SELECT 'setting ' || s.name, 'setting', 'high', s.leak, format('Set %s = on in the configuration file.', s.name)
	FROM (VALUES ('cipguard.transparent_masking', 'The tables themselves are not masked: labelled columns are shown to all who may select.'),
		('cipguard.mask_owner', 'Owners of tables see stored values of labelled columns without a grant.'),
		('cipguard.mask_superuser', 'Superusers see stored values of labelled columns without a grant.')) s (name, leak)
	WHERE EXISTS (SELECT FROM used u WHERE u.labelled) AND current_setting(s.name, true) = 'off'
	UNION ALL
	-- A rule of the category goes before that of every category.
	SELECT format('category %s', c.name), 'level', 'low',
		format('It is of level 4, and is disclosed to %s.', cipguard.short_list(array_agg(DISTINCT g.grantee::text))),
		format('SELECT cipguard.set_condition(%L, ''level'', ''on'');%s', c.name, CASE c.mode WHEN 'searchable' THEN ' or grant "search" only.' ELSE '' END)
	FROM cipguard.category c
		JOIN cipguard.access_grant g ON g.category = c.name AND g.level = 'read' AND g.revoked_at IS NULL
			AND (g.valid_until IS NULL OR g.valid_until > now())
	WHERE c.level = 4
		AND coalesce((SELECT r.setting FROM cipguard.category_rule r
			WHERE r.condition = 'level' AND (r.category = c.name OR r.category IS NULL)
			ORDER BY r.category NULLS LAST LIMIT 1), 'off') <> 'on'
	GROUP BY c.name
	UNION ALL
	SELECT format('data key of category %s, version %s', k.of, k.version), 'old_key', 'low',
		CASE k.state WHEN 'active' THEN format('It has encrypted new values since %s.', k.created::date)
			ELSE format('New values have not taken it since %s, but it still opens old ones, backups included.', n.created::date) END,
		CASE k.state WHEN 'active' THEN format('SELECT cipguard.rotate_key(%L);', k.of)
			ELSE format('CALL cipguard.reencrypt(...) for the tables that cipguard.key_use() lists, then SELECT cipguard.retire_key(%L, %s);', k.of, k.version) END
	FROM cipguard.key_status k
		LEFT JOIN cipguard.key_status n ON n.kind = k.kind AND n.of = k.of AND n.version = k.version + 1
	WHERE k.kind = 'data key' AND (k.state = 'active' AND k.created < now() - interval '2 years'
			OR k.state = 'retiring' AND n.created < now() - interval '90 days')
		AND EXISTS (SELECT FROM used u WHERE u.category = k.of)
	UNION ALL
	SELECT format('request %s', q.id), 'break_glass', 'high', format('%s broke the glass for category %s, and nobody has reviewed it in 24 hours.', q.requested_by, q.detail ->> 'category'),
		format('SELECT cipguard.review(%s, ...); as an officer who is not the one.', q.id)
	FROM cipguard.requests_open q
	WHERE q.overdue
$$;
COMMENT ON FUNCTION cipguard.lint_server(cipguard.protected_columns[], cipguard.readers[]) IS 'findings about roles, settings and keys';
REVOKE ALL ON FUNCTION cipguard.lint_server(cipguard.protected_columns[], cipguard.readers[]) FROM PUBLIC;

-- Columns that are kept for no purpose, in databases that register purposes;
-- persons who are asked until they agree.
CREATE FUNCTION cipguard.lint_activities(columns cipguard.protected_columns[])
	RETURNS TABLE (object text, kind text, severity text, leak text, remedy text)
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
	SELECT cipguard.identity_of('pg_class', p.relation, p.attnum), 'no_activity', 'medium',
		format('It is kept for no purpose: no live activity may use %s (PIPL articles 6 and 13).', coalesce(p.category, 'it')),
		'Register the activity with cipguard.add_activity(), or drop the column.'
	FROM unnest(columns) p
		JOIN pg_class r ON r.oid = p.relation
	WHERE (EXISTS (SELECT FROM cipguard.activity) OR current_setting('cipguard.require_activity', true) = 'on')
		AND r.relkind = ANY (ARRAY['r', 'p']::"char"[])
		-- Those below are judged with the table on top.
		AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = p.relation)
		AND NOT EXISTS (SELECT FROM cipguard.activity a
			WHERE a.ended_at IS NULL AND p.category = ANY (a.categories)
				AND (NOT a.limited OR EXISTS (SELECT FROM cipguard.activity_column c
					WHERE c.activity = a.id AND c.relation = p.relation AND c.column_name = p.column_name AND c.attnum = p.attnum)))
	UNION ALL
	SELECT format('activity %s', a.name), 'asked_again', 'medium',
		format('%s persons who had refused were asked again (网络数据安全管理条例 22).', count(DISTINCT e.subject)),
		'Ask no more; SELECT * FROM cipguard.consent_event shows whom.'
	FROM cipguard.consent_event e
		JOIN cipguard.activity a ON a.id = e.activity
	WHERE e.action = 'ask' AND EXISTS (SELECT FROM cipguard.consent_event f JOIN cipguard.activity b ON b.id = f.activity
			WHERE f.subject = e.subject AND b.name = a.name AND f.id < e.id AND f.action = 'refuse')
	GROUP BY a.name
	UNION ALL
	SELECT 'setting cipguard.require_activity', 'setting', 'high', 'It has no effect: cipguard is not loaded when the server starts.',
		'Add cipguard to shared_preload_libraries and restart the server.'
	WHERE current_setting('cipguard.require_activity', true) = 'on' AND NOT cipguard.preloaded()
$$;
COMMENT ON FUNCTION cipguard.lint_activities(cipguard.protected_columns[]) IS 'findings about purposes and consents';
REVOKE ALL ON FUNCTION cipguard.lint_activities(cipguard.protected_columns[]) FROM PUBLIC;

CREATE FUNCTION cipguard.lint_exposure()
	RETURNS TABLE (object text, kind text, severity text, leak text, remedy text)
	LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
	SELECT f.object, f.kind, f.severity, f.leak, f.remedy
	FROM (SELECT coalesce((SELECT array_agg(p) FROM cipguard.protected_columns p), '{}') AS columns,
			coalesce((SELECT array_agg(r) FROM cipguard.readers r), '{}') AS readers OFFSET 0) a
		CROSS JOIN LATERAL (
			SELECT * FROM cipguard.lint_columns(a.columns, a.readers)
			UNION ALL SELECT * FROM cipguard.lint_relations(a.columns, a.readers)
			UNION ALL SELECT * FROM cipguard.lint_code(a.columns, a.readers)
			UNION ALL SELECT * FROM cipguard.lint_server(a.columns, a.readers)
			UNION ALL SELECT * FROM cipguard.lint_activities(a.columns)) f
	ORDER BY array_position(ARRAY['high', 'medium', 'low'], f.severity), f.kind COLLATE "C", f.object COLLATE "C", f.leak COLLATE "C"
$$;
COMMENT ON FUNCTION cipguard.lint_exposure() IS 'what goes past the protection of columns, how, and what to do; worst first';
REVOKE ALL ON FUNCTION cipguard.lint_exposure() FROM PUBLIC;

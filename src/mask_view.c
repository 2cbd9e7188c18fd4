/*
 * mask_view.c
 *		Masking views, and what keeps them true when tables change.
 *
 * A masking view shows a table with each protected column disclosed to
 * whoever may read and masked for others.  It belongs to cipguard_masker, a
 * role that nobody logs in as and that may read the table, so users need
 * rights on the view alone.  It is plain, not security_barrier: it hides no
 * row, and its expressions give no more than the mask to any function that a
 * query brings along; so indexes on the other columns stay usable.
 *
 * cipguard.masking_view registers the views.  Event triggers rebuild a view
 * when its table changes, and drop it just before a column that it shows is
 * dropped or changes its type, since PostgreSQL would refuse that.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/event_trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"

#include "acting.h"
#include "cipguard.h"
#include "enc_type.h"
#include "label.h"
#include "minor.h"
#include "protect.h"

static char *build_query(Oid relid);
static void add_column(StringInfo buf, Oid relid, Form_pg_attribute att,
					   const char *relation);
static const char *category_literal(int32 category);
static char *column_or_null(Oid relid, AttrNumber attnum);
static char *person_of(Oid relid);
static void add_plain_column(StringInfo buf, Oid relid, AttrNumber attnum,
							 const char *relation, const char *name);
static bool follow_names(Oid viewid, Oid relid, const char *view);
static void rebuild(Oid relid);
static void define_view(const char *verb, const char *view, Oid relid);
static void drop_view(Oid viewid);
static void save_rights(Oid viewid);
static void restore_rights(Oid viewid);
static void follow_owner(Oid viewid, Oid relid);
static void before_alter_table(AlterTableStmt *stmt);
static void before_drop_extension(DropStmt *stmt);
static bool is_string(Oid typid);
static Oid	relation_owner(Oid relid);
static char *qualified_name(Oid relid);

/*
 * create_masking_view(relation regclass, view_name name DEFAULT NULL)
 *		RETURNS regclass
 */
PG_FUNCTION_INFO_V1(cipguard_create_masking_view);
Datum
cipguard_create_masking_view(PG_FUNCTION_ARGS)
{
	Oid			relid;
	Oid			nspid;
	Oid			viewid;
	char		relkind;
	char	   *name;
	char	   *view;
	CgActing	acting;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	relid = PG_GETARG_OID(0);
	relkind = get_rel_relkind(relid);
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("masking views are for tables"),
				 errhint("Name the table that the rows come from.")));
	if (get_rel_persistence(relid) == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot create a masking view of a temporary table"),
				 errhint("Other sessions cannot see it; use %s on its columns.",
						 "cipguard.mask()")));
	if (!cg_owns_relation(relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(relid));
	nspid = get_rel_namespace(relid);
	cg_require_create(nspid);

	name = PG_ARGISNULL(1) ?
		makeObjectName(get_rel_name(relid), NULL, "masked") :
		NameStr(*PG_GETARG_NAME(1));
	view = quote_qualified_identifier(get_namespace_name(nspid), name);

	cg_act_begin(&acting, BOOTSTRAP_SUPERUSERID);
	viewid = get_relname_relid(name, nspid);
	if (OidIsValid(viewid))
	{
		cg_act_execute("SELECT FROM cipguard.masking_view WHERE view = %u AND relation = %u",
					   viewid, relid);
		if (SPI_processed == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_TABLE),
					 errmsg("relation \"%s\" already exists", name),
					 errhint("Give the view another name as second argument.")));
		rebuild(relid);
	}
	else
	{
		char	   *owner = GetUserNameFromId(relation_owner(relid), false);

		cg_act_execute("GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE %s TO %s",
					   qualified_name(relid), CG_ROLE_MASKER);
		define_view("CREATE", view, relid);
		cg_act_execute("GRANT ALL ON TABLE %s TO %s WITH GRANT OPTION",
					   view, quote_identifier(owner));
		viewid = get_relname_relid(name, nspid);
		cg_act_execute("INSERT INTO cipguard.masking_view (relation, view, view_name, owner) VALUES (%u, %u, %s, %u)",
					   relid, viewid, quote_literal_cstr(name),
					   relation_owner(relid));
	}
	cg_act_end(&acting);
	PG_RETURN_OID(viewid);
}

/* rebuild_masking_view(relation regclass) RETURNS void */
PG_FUNCTION_INFO_V1(cipguard_rebuild_masking_view);
Datum
cipguard_rebuild_masking_view(PG_FUNCTION_ARGS)
{
	CgActing	acting;

	cg_act_begin(&acting, BOOTSTRAP_SUPERUSERID);
	rebuild(PG_GETARG_OID(0));
	cg_act_end(&acting);
	PG_RETURN_VOID();
}

/* before_ddl() RETURNS event_trigger, on ddl_command_start */
PG_FUNCTION_INFO_V1(cipguard_before_ddl);
Datum
cipguard_before_ddl(PG_FUNCTION_ARGS)
{
	EventTriggerData *trigdata = (EventTriggerData *) fcinfo->context;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called as an event trigger")));
	if (IsA(trigdata->parsetree, AlterTableStmt))
		before_alter_table((AlterTableStmt *) trigdata->parsetree);
	else if (IsA(trigdata->parsetree, DropStmt))
		before_drop_extension((DropStmt *) trigdata->parsetree);
	return PointerGetDatum(NULL);
}

/* Out of the way of a dropped column or a changed type; made anew after. */
static void
before_alter_table(AlterTableStmt *stmt)
{
	ListCell   *lc;
	bool		blocked = false;
	Oid			relid;
	StringInfoData relids;
	CgActing	acting;
	SPITupleTable *found;
	uint64		n;
	uint64		i;

	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_DropColumn ||
			cmd->subtype == AT_AlterColumnType)
			blocked = true;
	}
	if (!blocked)
		return;
	relid = RangeVarGetRelid(stmt->relation, NoLock, true);
	if (!OidIsValid(relid) || !cg_owns_relation(relid, GetUserId()))
		return;					/* the statement will be refused */

	/* The columns of partitions and children go along. */
	initStringInfo(&relids);
	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
		appendStringInfo(&relids, "%s%u", relids.len > 0 ? "," : "",
						 lfirst_oid(lc));

	cg_act_begin(&acting, BOOTSTRAP_SUPERUSERID);
	cg_act_execute("SELECT view::pg_catalog.oid FROM cipguard.masking_view"
				   " WHERE relation IN (%s) AND view IS NOT NULL",
				   relids.data);
	found = SPI_tuptable;
	n = SPI_processed;
	for (i = 0; i < n; i++)
	{
		bool		isnull;

		drop_view(DatumGetObjectId(SPI_getbinval(found->vals[i],
												 found->tupdesc, 1,
												 &isnull)));
	}
	cg_act_end(&acting);
}

/*
 * Drop a masking view that will be made anew.  Its schema and rights are
 * kept; what cannot be kept makes it an error.
 */
static void
drop_view(Oid viewid)
{
	char	   *view = qualified_name(viewid);

	cg_act_execute("SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = %u"
				   " UNION ALL SELECT FROM pg_catalog.pg_rewrite WHERE ev_class = %u AND rulename <> '_RETURN'"
				   " UNION ALL SELECT FROM pg_catalog.pg_depend d"
				   " WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = %u AND d.deptype = 'n'"
				   " AND NOT EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = d.objid AND r.ev_class = %u)"
				   " UNION ALL SELECT FROM pg_catalog.pg_type t JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.refobjid = t.oid AND d.deptype = 'n'"
				   " WHERE t.typrelid = %u",
				   viewid, viewid, viewid, viewid, viewid);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("masking view %s must be made anew, but other objects depend on it",
						view),
				 errdetail("Views, functions, rules or triggers on it would be lost."),
				 errhint("Drop them, change the table, and create them again.")));
	save_rights(viewid);
	cg_act_execute("UPDATE cipguard.masking_view m SET view = NULL, view_schema = c.relnamespace"
				   " FROM pg_catalog.pg_class c WHERE m.view = %u AND c.oid = m.view",
				   viewid);
	cg_act_execute("DROP VIEW %s", view);
}

/* What was granted on a view, into the register. */
static void
save_rights(Oid viewid)
{
	cg_act_execute("UPDATE cipguard.masking_view m SET"
				   " saved_rights = (SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(g)) FROM ("
				   "SELECT x.grantor, x.grantee, x.privilege_type AS privilege, x.is_grantable AS grantable, NULL::name AS col"
				   " FROM pg_catalog.aclexplode(c.relacl) x"
				   " UNION ALL SELECT x.grantor, x.grantee, x.privilege_type, x.is_grantable, a.attname"
				   " FROM pg_catalog.pg_attribute a, pg_catalog.aclexplode(a.attacl) x WHERE a.attrelid = c.oid AND NOT a.attisdropped) g)"
				   " FROM pg_catalog.pg_class c WHERE m.view = %u AND c.oid = m.view",
				   viewid);
}

/*
 * The rights of the table's owner on the view, and those that he gave, pass
 * to his successor.
 */
static void
follow_owner(Oid viewid, Oid relid)
{
	Oid			owner = relation_owner(relid);
	char	   *view = qualified_name(viewid);
	bool		isnull;
	Datum		old;

	cg_act_execute("SELECT r.oid FROM cipguard.masking_view m LEFT JOIN pg_catalog.pg_roles r ON r.oid = m.owner"
				   " WHERE m.view = %u AND m.owner <> %u", viewid, owner);
	if (SPI_processed == 0)
		return;
	old = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						&isnull);
	if (!isnull)
	{
		save_rights(viewid);
		cg_act_execute("UPDATE cipguard.masking_view SET saved_rights = (SELECT pg_catalog.jsonb_agg("
					   "CASE WHEN e ->> 'grantor' = '%u' THEN e || '{\"grantor\": %u}' ELSE e END)"
					   " FROM pg_catalog.jsonb_array_elements(saved_rights) e WHERE e ->> 'grantee' <> '%u')"
					   " WHERE view = %u",
					   DatumGetObjectId(old), owner, DatumGetObjectId(old),
					   viewid);
		cg_act_execute("REVOKE ALL ON TABLE %s FROM %s CASCADE", view,
					   quote_identifier(GetUserNameFromId(DatumGetObjectId(old),
														  false)));
	}
	cg_act_execute("GRANT ALL ON TABLE %s TO %s WITH GRANT OPTION", view,
				   quote_identifier(GetUserNameFromId(owner, false)));
	cg_act_execute("UPDATE cipguard.masking_view SET owner = %u WHERE view = %u",
				   owner, viewid);
	restore_rights(viewid);
}

/* Grant on a view made anew what was granted on it, by whom it was granted. */
static void
restore_rights(Oid viewid)
{
	SPITupleTable *found;
	uint64		n;
	uint64		i;
	Oid			masker = get_role_oid(CG_ROLE_MASKER, true);
	Oid			user;
	int			context;

	cg_act_execute("SELECT g.grantor, pg_catalog.format('GRANT %%s%%s ON TABLE %%s TO %%s%%s', g.privilege,"
				   " CASE WHEN g.col IS NULL THEN '' ELSE pg_catalog.format(' (%%I)', g.col) END, %s,"
				   " CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(e.rolname) END,"
				   " CASE WHEN g.grantable AND g.grantee <> 0 THEN ' WITH GRANT OPTION' ELSE '' END)"
				   " FROM cipguard.masking_view m,"
				   " pg_catalog.jsonb_to_recordset(m.saved_rights) g (grantor pg_catalog.oid, grantee pg_catalog.oid, privilege text, grantable boolean, col name)"
				   " LEFT JOIN pg_catalog.pg_roles e ON e.oid = g.grantee"
				   " JOIN pg_catalog.pg_roles o ON o.oid = g.grantor"
				   " WHERE m.view = %u AND (g.grantee = 0 OR e.oid IS NOT NULL) AND (g.col IS NULL OR EXISTS ("
				   "SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = m.view AND a.attname = g.col AND NOT a.attisdropped))"
				   " ORDER BY o.rolname <> '%s', g.grantable DESC",
				   quote_literal_cstr(qualified_name(viewid)), viewid,
				   CG_ROLE_MASKER);
	found = SPI_tuptable;
	n = SPI_processed;
	GetUserIdAndSecContext(&user, &context);
	for (i = 0; i < n; i++)
	{
		bool		isnull;
		Datum		grantor = SPI_getbinval(found->vals[i], found->tupdesc, 1,
											&isnull);

		/*
		 * What a superuser grants, the view's owner grants, who may lack
		 * USAGE of the schema.
		 */
		if (DatumGetObjectId(grantor) != masker)
			SetUserIdAndSecContext(DatumGetObjectId(grantor), context);
		cg_act_execute("%s",
					   SPI_getvalue(found->vals[i], found->tupdesc, 2));
		SetUserIdAndSecContext(user, context);
	}
	cg_act_execute("UPDATE cipguard.masking_view SET saved_rights = NULL, view_schema = NULL WHERE view = %u",
				   viewid);
}

/* Labels and grants are no dependencies: they would be left behind. */
static void
before_drop_extension(DropStmt *stmt)
{
	ListCell   *lc;
	CgActing	acting;
	uint64		i;
	SPITupleTable *found;
	uint64		n;

	if (stmt->removeType != OBJECT_EXTENSION)
		return;
	foreach(lc, stmt->objects)
	{
		const char *name = strVal(lfirst(lc));

		/* pgcrypto takes us along, by CASCADE. */
		if (strcmp(name, CG_SCHEMA) == 0 ||
			(strcmp(name, "pgcrypto") == 0 &&
			 stmt->behavior == DROP_CASCADE))
			break;
	}
	if (lc == NULL)
		return;

	cg_act_begin(&acting, BOOTSTRAP_SUPERUSERID);
	cg_act_execute("DELETE FROM pg_catalog.pg_seclabel"
				   " WHERE provider = '" CG_SCHEMA "'");
	cg_act_execute("SELECT DISTINCT relation::pg_catalog.oid FROM cipguard.masking_view m"
				   " JOIN pg_catalog.pg_class c ON c.oid = m.relation");
	found = SPI_tuptable;
	n = SPI_processed;
	for (i = 0; i < n; i++)
	{
		bool		isnull;
		Oid			relid = DatumGetObjectId(SPI_getbinval(found->vals[i],
														   found->tupdesc, 1,
														   &isnull));

		cg_act_execute("REVOKE ALL ON TABLE %s FROM %s",
					   qualified_name(relid), CG_ROLE_MASKER);
	}
	cg_act_end(&acting);
}

/*
 * Bring the views of a table up to date.  CREATE OR REPLACE keeps rights and
 * dependents, and so does renaming a column; where a type or the number of
 * columns forbids it, the view is dropped and created.
 */
static void
rebuild(Oid relid)
{
	SPITupleTable *found;
	uint64		n;
	uint64		i;

	cg_act_execute("SELECT view::pg_catalog.oid, view_name, view_schema"
				   " FROM cipguard.masking_view WHERE relation = %u", relid);
	found = SPI_tuptable;
	n = SPI_processed;
	for (i = 0; i < n; i++)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(found->vals[i], found->tupdesc, 1,
										  &isnull);
		Oid			viewid = isnull ? InvalidOid : DatumGetObjectId(value);
		char	   *registered = SPI_getvalue(found->vals[i],
											  found->tupdesc, 2);
		char	   *name = registered;
		Oid			nspid;
		char	   *view;

		if (OidIsValid(viewid))
		{
			name = get_rel_name(viewid);
			nspid = get_rel_namespace(viewid);
			if (name == NULL)
				continue;
		}
		else
			nspid = DatumGetObjectId(SPI_getbinval(found->vals[i],
												   found->tupdesc, 3,
												   &isnull));
		view = quote_qualified_identifier(get_namespace_name(nspid), name);
		if (OidIsValid(viewid) && follow_names(viewid, relid, view))
		{
			define_view("CREATE OR REPLACE", view, relid);
			follow_owner(viewid, relid);
			continue;
		}
		if (OidIsValid(viewid))
			drop_view(viewid);
		define_view("CREATE", view, relid);
		viewid = get_relname_relid(name, nspid);
		cg_act_execute("UPDATE cipguard.masking_view SET view = %u"
					   " WHERE relation = %u AND view_name = %s",
					   viewid, relid, quote_literal_cstr(registered));
		restore_rights(viewid);
	}
}

/*
 * Do the view's columns begin those of the table, by type?  Then give them
 * the table's names.
 */
static bool
follow_names(Oid viewid, Oid relid, const char *view)
{
	Relation	viewrel = relation_open(viewid, AccessShareLock);
	Relation	rel = relation_open(relid, AccessShareLock);
	TupleDesc	vdesc = RelationGetDescr(viewrel);
	TupleDesc	rdesc = RelationGetDescr(rel);
	List	   *renames = NIL;
	ListCell   *lc;
	int			v = 0;
	int			r;
	bool		same = true;

	for (r = 0; r < rdesc->natts && v < vdesc->natts && same; r++)
	{
		Form_pg_attribute ratt = TupleDescAttr(rdesc, r);
		Form_pg_attribute vatt = TupleDescAttr(vdesc, v);
		Oid			type = ratt->atttypid;
		int32		typmod = ratt->atttypmod;

		if (ratt->attisdropped)
			continue;
		if (cg_is_encrypted_type(type))
		{
			type = cg_enc_type_of(getBaseType(type))->plain;
			typmod = -1;
		}
		else if (cg_is_encrypted_type(get_base_element_type(type)))
		{
			type = getBaseType(get_base_element_type(type));
			type = get_array_type(cg_enc_type_of(type)->plain);
			typmod = -1;
		}
		else if (is_string(type) &&
				 cg_column_category(relid, ratt->attnum) != NULL)
			type = getBaseTypeAndTypmod(type, &typmod);
		same = vatt->atttypid == type && vatt->atttypmod == typmod;
		if (strcmp(NameStr(ratt->attname), NameStr(vatt->attname)) != 0)
			renames = lappend(renames,
							  psprintf("ALTER VIEW %s RENAME COLUMN %s TO %s",
									   view,
									   quote_identifier(NameStr(vatt->attname)),
									   quote_identifier(NameStr(ratt->attname))));
		v++;
	}
	same = same && v == vdesc->natts && list_length(renames) <= 1;
	relation_close(rel, AccessShareLock);
	relation_close(viewrel, AccessShareLock);
	if (same)
		foreach(lc, renames)
			cg_act_execute("%s", (char *) lfirst(lc));
	return same;
}

static void
define_view(const char *verb, const char *view, Oid relid)
{
	cg_act_execute("%s VIEW %s AS %s", verb, view, build_query(relid));
	cg_act_execute("ALTER VIEW %s OWNER TO %s", view, CG_ROLE_MASKER);
	cg_act_execute("COMMENT ON VIEW %s IS %s", view,
				   quote_literal_cstr(psprintf("masking view of %s, kept by cipguard",
											   qualified_name(relid))));
}

static char *
build_query(Oid relid)
{
	StringInfoData buf;
	Relation	rel = relation_open(relid, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	char	   *relation = psprintf("%s::pg_catalog.regclass",
									quote_literal_cstr(qualified_name(relid)));
	bool		first = true;
	int			i;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "SELECT ");
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			continue;
		if (!first)
			appendStringInfoString(&buf, ", ");
		first = false;
		add_column(&buf, relid, att, relation);
	}
	appendStringInfo(&buf, " FROM %s t", qualified_name(relid));
	relation_close(rel, AccessShareLock);
	return buf.data;
}

static const char *
category_literal(int32 category)
{
	return quote_literal_cstr(NameStr(cg_category_by_id(category,
														false)->name));
}

static char *
column_or_null(Oid relid, AttrNumber attnum)
{
	return attnum == InvalidAttrNumber ? pstrdup("NULL::pg_catalog.text") :
		psprintf("t.%s", quote_identifier(get_attname(relid, attnum, false)));
}

/* The columns that name the person of a row and tell the birthday. */
static char *
person_of(Oid relid)
{
	return psprintf("%s, %s", column_or_null(relid, cg_subject_column(relid)),
					column_or_null(relid, cg_birthday_column(relid)));
}

/* One that is generated from protected ones is for whoever may read those. */
static void
add_plain_column(StringInfo buf, Oid relid, AttrNumber attnum,
				 const char *relation, const char *name)
{
	const CgProtection *p = cg_protection(relid);
	const CgProtectedColumn *column = p == NULL ? NULL :
	cg_protected_column(p, attnum);
	int			i;

	if (column == NULL || !column->derived)
	{
		appendStringInfo(buf, "t.%s", name);
		return;
	}
	appendStringInfoString(buf, "CASE WHEN (SELECT ");
	for (i = 0; i < column->n_needs; i++)
		appendStringInfo(buf, "%scipguard.can_access(%s, 'read', %s)",
						 i > 0 ? " AND " : "", category_literal(column->needs[i]),
						 relation);
	appendStringInfoString(buf, ")");
	for (i = 0; i < column->n_needs; i++)
		appendStringInfo(buf, " AND cipguard.opens_row(%s, %s, %s)",
						 category_literal(column->needs[i]), relation,
						 person_of(relid));
	appendStringInfo(buf, " THEN t.%s END AS %s", name, name);
}

/*
 * Types that have no mask are NULL to whoever may not read.  Elements of an
 * array are no columns, so grants limited to this table do not open them.
 */
static void
add_column(StringInfo buf, Oid relid, Form_pg_attribute att,
		   const char *relation)
{
	const CgCategory *c = cg_column_category(relid, att->attnum);
	const char *name = quote_identifier(NameStr(att->attname));
	const char *category;

	if (c == NULL)
	{
		add_plain_column(buf, relid, att->attnum, relation, name);
		return;
	}
	category = quote_literal_cstr(NameStr(c->name));

	if (cg_is_encrypted_type(att->atttypid))
		appendStringInfo(buf, "cipguard.disclose(t.%s, %s, %s)", name, relation,
						 person_of(relid));
	else if (cg_is_encrypted_type(get_base_element_type(att->atttypid)))
		appendStringInfo(buf,
						 "CASE WHEN t.%s IS NOT NULL THEN ARRAY("
						 "SELECT cipguard.disclose(u.e, %s)"
						 " FROM pg_catalog.unnest(t.%s) WITH ORDINALITY u (e, n)"
						 " ORDER BY u.n) END",
						 name, relation, name);
	else if (is_string(att->atttypid))
	{
		/* Of a domain the base type: a mask need not pass its CHECK. */
		int32		typmod = att->atttypmod;
		Oid			type = getBaseTypeAndTypmod(att->atttypid, &typmod);

		appendStringInfo(buf,
						 "cipguard.disclose(t.%s::pg_catalog.text, %s, %s, %s)::%s",
						 name, category, relation, person_of(relid),
						 format_type_with_typemod(type, typmod));
	}
	else
		appendStringInfo(buf,
						 "CASE WHEN (SELECT cipguard.can_access(%s, 'read', %s))"
						 " AND cipguard.opens_row(%s, %s, %s)"
						 " THEN t.%s ELSE cipguard.mask(t.%s, %s) END",
						 category, relation, category, relation,
						 person_of(relid), name, name, category);
	appendStringInfo(buf, " AS %s", name);
}

static bool
is_string(Oid typid)
{
	char		category;
	bool		preferred;

	get_type_category_preferred(getBaseType(typid), &category, &preferred);
	return category == TYPCATEGORY_STRING;
}

static Oid
relation_owner(Oid relid)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	Oid			owner = rel->rd_rel->relowner;

	relation_close(rel, AccessShareLock);
	return owner;
}

static char *
qualified_name(Oid relid)
{
	if (get_rel_name(relid) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

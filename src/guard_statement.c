/*
 * guard_statement.c
 *		What utility statements do to the audit, and what of them is recorded.
 *
 * The object access hook does not tell of privileges, roles and settings, nor
 * how a column changes its type.  What is recorded names objects, roles and
 * settings, never a value: the log must not hold passwords or data.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "parser/parse_type.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "compat.h"

#include "alert.h"
#include "catalog.h"
#include "cipguard.h"
#include "guard.h"
#include "label.h"
#include "subject_key.h"

static void look_at_roles(Node *stmt, const char *command);
static void look_at_rename_role(RenameStmt *stmt, const char *command);
static void look_at_drop_extension(DropStmt *stmt);
static void look_at_depends(AlterObjectDependsStmt *stmt);
static void look_at_alter_table(AlterTableStmt *stmt);
static void look_at_command(Oid relid, AlterTableCmd *cmd);
static bool names_persons(Oid relid, const char *name);
static void look_at_grant(GrantStmt *stmt);
static void look_at_grant_role(GrantRoleStmt *stmt);
static void look_at_vacuum(VacuumStmt *stmt);
static void look_at_setting(VariableSetStmt *set, const char *where);
static bool audit_stands_on(const char *name);
static bool names_us(List *args);
static void look_at_copy(CopyStmt *stmt);
static void refuse_on_log(RangeVar *relation, const char *verb);
static Oid	resolve(RangeVar *relation);
static void add_roles(StringInfo buf, List *roles);
static char *role_name(const RoleSpec *role);
static void add_options(StringInfo buf, List *options);
static bool is_ours(const char *extension);

/* Settings that any session may change, and that nothing stands on. */
static const char *const free_settings[] = {
	CG_SCHEMA ".app_token",
	CG_SCHEMA ".app_user",
	CG_SCHEMA ".output",
	CG_SCHEMA ".purpose"
};

void
cg_guard_statement(Node *stmt)
{
	const char *command = GetCommandTagName(CreateCommandTag(stmt));

	switch (nodeTag(stmt))
	{
		case T_AlterTableStmt:
			look_at_alter_table((AlterTableStmt *) stmt);
			break;
		case T_IndexStmt:
			if (((IndexStmt *) stmt)->concurrent)
				refuse_on_log(((IndexStmt *) stmt)->relation, "index");
			break;
		case CG_CLUSTER_STMT:
			refuse_on_log(CG_CLUSTER_RELATION(stmt), "rewrite");
			break;
		case T_VacuumStmt:
			look_at_vacuum((VacuumStmt *) stmt);
			break;
		case T_CopyStmt:
			look_at_copy((CopyStmt *) stmt);
			break;
		case T_GrantStmt:
			look_at_grant((GrantStmt *) stmt);
			break;
		case T_GrantRoleStmt:
			look_at_grant_role((GrantRoleStmt *) stmt);
			break;
		case T_CreateRoleStmt:
		case T_AlterRoleStmt:
		case T_DropRoleStmt:
		case T_DropOwnedStmt:
		case T_ReassignOwnedStmt:
			look_at_roles(stmt, command);
			break;
		case T_AlterEnumStmt:
			cg_guard_alter_enum((AlterEnumStmt *) stmt);
			break;
		case T_RenameStmt:
			if (((RenameStmt *) stmt)->renameType == OBJECT_ATTRIBUTE)
				cg_guard_rename_attribute((RenameStmt *) stmt);
			if (((RenameStmt *) stmt)->renameType == OBJECT_ROLE)
				look_at_rename_role((RenameStmt *) stmt, command);
			break;
		case T_AlterRoleSetStmt:
			look_at_setting(((AlterRoleSetStmt *) stmt)->setstmt,
							((AlterRoleSetStmt *) stmt)->role == NULL ?
							"ALTER ROLE ALL" :
							psprintf("ALTER ROLE %s",
									 role_name(((AlterRoleSetStmt *) stmt)->role)));
			break;
		case T_AlterDatabaseSetStmt:
			look_at_setting(((AlterDatabaseSetStmt *) stmt)->setstmt,
							"ALTER DATABASE");
			break;
		case T_AlterSystemStmt:
			look_at_setting(((AlterSystemStmt *) stmt)->setstmt,
							"ALTER SYSTEM");
			break;
		case T_VariableSetStmt:
			look_at_setting((VariableSetStmt *) stmt, NULL);
			break;
		case T_DropStmt:
			if (((DropStmt *) stmt)->removeType == OBJECT_EXTENSION)
				look_at_drop_extension((DropStmt *) stmt);
			break;
		case T_AlterExtensionContentsStmt:
			if (is_ours(((AlterExtensionContentsStmt *) stmt)->extname))
				cg_guard_offend(InvalidOid, psprintf("%s objects of extension \"%s\"",
													 ((AlterExtensionContentsStmt *) stmt)->action > 0 ?
													 "add" : "take away",
													 CG_SCHEMA));
			break;
		case T_AlterExtensionStmt:
			if (is_ours(((AlterExtensionStmt *) stmt)->extname))
				cg_guard_fact("definition", InvalidOid, NULL, command);
			break;
		case T_AlterObjectDependsStmt:
			look_at_depends((AlterObjectDependsStmt *) stmt);
			break;
		case T_CreateEventTrigStmt:
		case T_AlterEventTrigStmt:
		case T_CreatePublicationStmt:
		case T_AlterPublicationStmt:
		case T_CreateSubscriptionStmt:
		case T_AlterSubscriptionStmt:
			cg_guard_fact("definition", InvalidOid, NULL, command);
			break;
		case T_ListenStmt:
			cg_alert_guard_listen(((ListenStmt *) stmt)->conditionname);
			break;
		case T_LoadStmt:
			cg_guard_fact("definition", InvalidOid, NULL,
						  psprintf("LOAD %s", ((LoadStmt *) stmt)->filename));
			break;
		default:
			break;
	}
}

/* Commands that make or drop roles, or what roles own. */
static void
look_at_roles(Node *stmt, const char *command)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, command);
	switch (nodeTag(stmt))
	{
		case T_CreateRoleStmt:
			appendStringInfo(&buf, " %s", ((CreateRoleStmt *) stmt)->role);
			add_options(&buf, ((CreateRoleStmt *) stmt)->options);
			break;
		case T_AlterRoleStmt:
			appendStringInfo(&buf, " %s",
							 role_name(((AlterRoleStmt *) stmt)->role));
			add_options(&buf, ((AlterRoleStmt *) stmt)->options);
			break;
		case T_DropRoleStmt:
			add_roles(&buf, ((DropRoleStmt *) stmt)->roles);
			break;
		case T_DropOwnedStmt:
			cg_guard_note_any(cg_guard_any());
			add_roles(&buf, ((DropOwnedStmt *) stmt)->roles);
			break;
		case T_ReassignOwnedStmt:
			add_roles(&buf, ((ReassignOwnedStmt *) stmt)->roles);
			break;
		default:
			break;
	}
	cg_guard_fact("role", InvalidOid, NULL, buf.data);
	pfree(buf.data);
}

/* Our roles are found by their names. */
static void
look_at_rename_role(RenameStmt *stmt, const char *command)
{
	if (strncmp(stmt->subname, CG_SCHEMA "_", strlen(CG_SCHEMA "_")) == 0 &&
		cg_guard_any())
		cg_guard_offend(InvalidOid,
						psprintf("rename role \"%s\"", stmt->subname));
	else
		cg_guard_fact("role", InvalidOid, NULL,
					  psprintf("%s %s RENAME TO %s", command, stmt->subname,
							   stmt->newname));
}

/*
 * By CASCADE the log goes before it is known that the extension does, and with
 * it the chance to record the refusal.
 */
static void
look_at_drop_extension(DropStmt *stmt)
{
	ListCell   *lc;
	bool		any = cg_guard_any();

	cg_guard_note_any(any);
	if (!any || stmt->behavior != DROP_CASCADE || !superuser())
		return;
	foreach(lc, stmt->objects)
		if (is_ours(strVal(lfirst(lc))))
		cg_guard_offend_now(InvalidOid, CG_GUARD_DROPS_EXTENSION);
}

static bool
is_ours(const char *extension)
{
	return strcmp(extension, CG_SCHEMA) == 0 && OidIsValid(cg_schema_oid());
}

static Oid
resolve(RangeVar *relation)
{
	return relation == NULL || !OidIsValid(cg_schema_oid()) ? InvalidOid :
		RangeVarGetRelid(relation, NoLock, true);
}

/* What depends on an extension goes with it. */
static void
look_at_depends(AlterObjectDependsStmt *stmt)
{
	Oid			relid = resolve(stmt->relation);
	ObjectAddress object;
	Relation	rel = NULL;

	if (!OidIsValid(cg_schema_oid()))
		return;
	if (stmt->objectType == OBJECT_TRIGGER)
	{
		if ((cg_guard_kind(relid) & (CG_GUARD_AUDITED | CG_GUARD_OURS)) != 0)
			cg_guard_offend(relid, psprintf("let triggers of audited table \"%s\" depend on an extension",
											get_rel_name(relid)));
		return;
	}
	object = get_object_address(stmt->objectType, stmt->object, &rel,
								AccessShareLock, true);
	if (rel != NULL)
		table_close(rel, AccessShareLock);
	if (OidIsValid(object.objectId))
		cg_guard_object(OAT_POST_ALTER, object.classId, object.objectId, 0);
}

/* ---------- tables ---------- */

static void
look_at_alter_table(AlterTableStmt *stmt)
{
	Oid			relid;
	ListCell   *lc;

	if (stmt->objtype != OBJECT_TABLE &&
		stmt->objtype != OBJECT_FOREIGN_TABLE && stmt->objtype != OBJECT_TYPE)
		return;
	relid = resolve(stmt->relation);
	if (!OidIsValid(relid) || !cg_owns_relation(relid, GetUserId()))
		return;					/* it will be refused */
	foreach(lc, stmt->cmds)
		cg_guard_alter_row_type(get_rel_type_id(relid),
								lfirst_node(AlterTableCmd, lc));
	if (stmt->objtype == OBJECT_TYPE)
		return;
	if ((cg_guard_kind(relid) & CG_GUARD_OURS) != 0)
		cg_guard_offend(relid, psprintf("alter \"%s\", which belongs to cipguard",
										get_rel_name(relid)));
	foreach(lc, stmt->cmds)
		look_at_command(relid, lfirst_node(AlterTableCmd, lc));
}

static void
look_at_command(Oid relid, AlterTableCmd *cmd)
{
	Oid			other = InvalidOid;
	const char *offence = NULL;

	switch (cmd->subtype)
	{
		case AT_AlterColumnType:
			{
				ColumnDef  *def = (ColumnDef *) cmd->def;
				AttrNumber	attnum = get_attnum(relid, cmd->name);
				Oid			type;
				int32		typmod;
				Oid			old_type;
				int32		old_typmod;
				Oid			collation;

				if (attnum <= 0)
					return;
				typenameTypeIdAndMod(NULL, def->typeName, &type, &typmod);
				get_atttypetypmodcoll(relid, attnum, &old_type, &old_typmod,
									  &collation);
				/* A cast of somebody's is as good as an expression. */
				if (def->raw_default != NULL)
					offence = "rewrite a column of";
				else if (!cg_guard_keeps_spelling(old_type, old_typmod, type,
												  typmod) &&
						 names_persons(relid, cmd->name))
					offence = "give another type to the subject column of";
				else if (!cg_holds_encrypted(type) &&
						 !cg_guard_keeps_values(old_type, old_typmod, type,
												typmod))
					offence = "give another type to a column of";
				break;
			}
		case AT_SetUnLogged:
			offence = "make unlogged";
			break;
		case AT_DetachPartition:
			other = resolve(((PartitionCmd *) cmd->def)->name);
			offence = "take a partition away from";
			break;
		case AT_DropInherit:
			other = resolve((RangeVar *) cmd->def);
			offence = "take a child away from";
			break;
		default:
			if (!CG_SETS_EXPRESSION(cmd->subtype))
				return;
			offence = "rewrite a column of";
			break;
	}
	if (offence == NULL)
		return;
	if (cmd->subtype == AT_DropInherit)
		relid = other;
	if (OidIsValid(relid) &&
		(cg_guard_kind_of_tree(relid) & CG_GUARD_AUDITED) != 0)
	{
		cg_guard_offend_now(relid, psprintf("%s audited table \"%s\"", offence,
											get_rel_name(relid)));
		if (OidIsValid(other))
			cg_guard_cover(other);
	}
}

/*
 * Does a column name persons by whom values are encrypted, in the table or
 * one below?  Their keys are found by how the value is spelled.
 */
static bool
names_persons(Oid relid, const char *name)
{
	List	   *tree = find_all_inheritors(relid, NoLock, NULL);
	ListCell   *lc;

	foreach(lc, tree)
	{
		Oid			table = lfirst_oid(lc);
		Relation	rel;
		bool		result;

		if ((cg_guard_kind(table) & CG_GUARD_AUDITED) == 0 ||
			get_rel_relkind(table) == RELKIND_FOREIGN_TABLE)
			continue;
		rel = try_relation_open(table, AccessShareLock);
		if (rel == NULL)
			continue;
		result = cg_subject_persons(rel) != 0 &&
			cg_subject_column(table) != InvalidAttrNumber &&
			cg_subject_column(table) == get_attnum(table, name);
		relation_close(rel, AccessShareLock);
		if (result)
			return true;
	}
	return false;
}

/* For the log only, as what the statement does cannot be undone. */
static void
refuse_on_log(RangeVar *relation, const char *verb)
{
	Oid			relid = resolve(relation);

	if (OidIsValid(relid) && cg_owns_relation(relid, GetUserId()) &&
		(cg_guard_kind(relid) & CG_GUARD_LOG) != 0)
		cg_guard_offend_now(relid, psprintf("%s \"%s\", which is part of the log",
											verb, get_rel_name(relid)));
}

static void
look_at_vacuum(VacuumStmt *stmt)
{
	ListCell   *lc;
	bool		full = false;

	foreach(lc, stmt->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "full") == 0)
			full = defGetBoolean(option);
	}
	if (full)
		foreach(lc, stmt->rels)
			refuse_on_log(lfirst_node(VacuumRelation, lc)->relation,
						  "rewrite");
}

static void
look_at_copy(CopyStmt *stmt)
{
	Oid			relid;

	if (!stmt->is_from || stmt->relation == NULL)
		return;
	relid = resolve(stmt->relation);
	if (OidIsValid(relid) && IsCatalogRelationOid(relid))
		cg_guard_offend_now(relid, psprintf("change rows of system catalog \"%s\"",
											get_rel_name(relid)));
	else if (OidIsValid(relid) && get_rel_namespace(relid) == cg_schema_oid())
	{
		refuse_on_log(stmt->relation, "change rows of");
		cg_guard_register(relid);
	}
}

/* ---------- privileges and roles ---------- */

static char *
role_name(const RoleSpec *role)
{
	switch (role->roletype)
	{
		case ROLESPEC_CSTRING:
			return pstrdup(role->rolename);
		case ROLESPEC_PUBLIC:
			return "PUBLIC";
		case ROLESPEC_SESSION_USER:
			return GetUserNameFromId(GetSessionUserId(), false);
		default:
			return GetUserNameFromId(GetUserId(), false);
	}
}

static void
add_roles(StringInfo buf, List *roles)
{
	ListCell   *lc;

	foreach(lc, roles)
		appendStringInfo(buf, "%s%s", lc == list_head(roles) ? " " : ", ",
						 role_name(lfirst_node(RoleSpec, lc)));
}

/* Names of options, and whether they are switched on or off. */
static void
add_options(StringInfo buf, List *options)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (option->arg != NULL && IsA(option->arg, Boolean))
			appendStringInfo(buf, " %s%s", defGetBoolean(option) ? "" : "no ",
							 option->defname);
		else if (option->arg != NULL && IsA(option->arg, List) &&
				 strcmp(option->defname, "password") != 0)
		{
			appendStringInfo(buf, " %s", option->defname);
			add_roles(buf, (List *) option->arg);
		}
		else
			appendStringInfo(buf, " %s", option->defname);
	}
}

static void
look_at_grant(GrantStmt *stmt)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfoString(&buf, stmt->is_grant ? "GRANT" : "REVOKE");
	if (stmt->privileges == NIL)
		appendStringInfoString(&buf, " ALL");
	foreach(lc, stmt->privileges)
	{
		AccessPriv *privilege = lfirst_node(AccessPriv, lc);
		ListCell   *column;

		appendStringInfo(&buf, "%s%s",
						 lc == list_head(stmt->privileges) ? " " : ", ",
						 privilege->priv_name == NULL ? "ALL" :
						 privilege->priv_name);
		foreach(column, privilege->cols)
			appendStringInfo(&buf, "%s%s",
							 column == list_head(privilege->cols) ? " (" : ", ",
							 strVal(lfirst(column)));
		if (privilege->cols != NIL)
			appendStringInfoChar(&buf, ')');
	}
	appendStringInfoString(&buf, stmt->is_grant ? " TO" : " FROM");
	add_roles(&buf, stmt->grantees);
	if (stmt->grant_option)
		appendStringInfoString(&buf, " (grant option)");

	if (stmt->targtype == ACL_TARGET_ALL_IN_SCHEMA)
	{
		foreach(lc, stmt->objects)
		{
			char	   *schema = strVal(lfirst(lc));

			if (is_ours(schema) && stmt->objtype == OBJECT_TABLE)
				cg_guard_offend(InvalidOid, psprintf("%s privileges on all tables of schema \"%s\"",
													 stmt->is_grant ? "grant" : "revoke",
													 schema));
			else
				cg_guard_fact("privilege", InvalidOid, NULL,
							  psprintf("%s, all in schema %s", buf.data,
									   schema));
		}
		return;
	}
	if (stmt->targtype != ACL_TARGET_OBJECT || stmt->objtype != OBJECT_TABLE)
		return;
	foreach(lc, stmt->objects)
	{
		Oid			relid = resolve(lfirst_node(RangeVar, lc));
		int			kind = OidIsValid(relid) ? cg_guard_kind(relid) : 0;
		char		relkind = get_rel_relkind(relid);

		if (kind == 0)
			continue;
		if ((kind & CG_GUARD_LOG) != 0 && relkind != RELKIND_VIEW)
			cg_guard_offend(relid, psprintf("%s privileges on \"%s\", which is part of the log",
											stmt->is_grant ? "grant" : "revoke",
											get_rel_name(relid)));
		else
			cg_guard_fact("privilege", relid, NULL, buf.data);
	}
}

/* Any role may have been granted access, so each membership counts. */
static void
look_at_grant_role(GrantRoleStmt *stmt)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfoString(&buf, stmt->is_grant ? "GRANT" : "REVOKE");
	foreach(lc, stmt->granted_roles)
		appendStringInfo(&buf, "%s%s",
						 lc == list_head(stmt->granted_roles) ? " " : ", ",
						 lfirst_node(AccessPriv, lc)->priv_name);
	appendStringInfoString(&buf, stmt->is_grant ? " TO" : " FROM");
	add_roles(&buf, stmt->grantee_roles);
	if (cg_grants_admin(stmt))
		appendStringInfoString(&buf, " (admin option)");
	cg_guard_fact("role", InvalidOid, NULL, buf.data);
}

/* ---------- settings ---------- */

/* Does a setting decide whether, or how, the audit works? */
static bool
audit_stands_on(const char *name)
{
	int			i;

	for (i = 0; i < (int) lengthof(free_settings); i++)
		if (pg_strcasecmp(name, free_settings[i]) == 0)
			return false;
	return pg_strncasecmp(name, CG_SCHEMA ".", strlen(CG_SCHEMA ".")) == 0 ||
		pg_strcasecmp(name, "shared_preload_libraries") == 0 ||
		pg_strcasecmp(name, "session_preload_libraries") == 0 ||
		pg_strcasecmp(name, "local_preload_libraries") == 0 ||
		pg_strcasecmp(name, "session_replication_role") == 0 ||
		pg_strcasecmp(name, "allow_system_table_mods") == 0;
}

/* Is our library among the values? */
static bool
names_us(List *args)
{
	ListCell   *lc;

	foreach(lc, args)
	{
		Node	   *arg = lfirst(lc);

		if (IsA(arg, A_Const) &&
			IsA(&((A_Const *) arg)->val, String) &&
			strstr(strVal(&((A_Const *) arg)->val), CG_SCHEMA) != NULL)
			return true;
	}
	return false;
}

/* where: the statement that makes it last; NULL for SET. */
static void
look_at_setting(VariableSetStmt *set, const char *where)
{
	bool		ours = OidIsValid(cg_schema_oid());
	bool		offends;

	if (set->kind == VAR_SET_MULTI || set->kind == VAR_SET_CURRENT ||
		(set->kind == VAR_RESET_ALL && where == NULL))
		return;
	if (set->kind == VAR_RESET_ALL)
	{
		if (ours && strncmp(where, "ALTER ROLE", 10) != 0 && cg_guard_any())
			cg_guard_offend_now(InvalidOid, psprintf("reset all settings by %s",
													 where));
		else
			cg_guard_fact("setting", InvalidOid, NULL,
						  psprintf("%s RESET ALL", where));
		return;
	}
	if (!audit_stands_on(set->name))
		return;
	if (where == NULL)
	{
		if (superuser())
			cg_guard_fact("setting", InvalidOid, NULL,
						  psprintf("SET %s", set->name));
		return;
	}
	if (pg_strcasecmp(set->name, "shared_preload_libraries") == 0)
		offends = cg_preloaded && !names_us(set->args);
	else if (strstr(set->name, "preload_libraries") != NULL)
		offends = ours && !names_us(set->args) &&
			strstr(GetConfigOption(set->name, false, false),
				   CG_SCHEMA) != NULL && cg_guard_any();
	else
		offends = ours && cg_guard_any() && strchr(set->name, '.') != NULL;
	if (superuser() && offends)
		cg_guard_offend_now(InvalidOid, psprintf("change setting \"%s\" by %s",
												 set->name, where));
	else
		cg_guard_fact("setting", InvalidOid, NULL,
					  psprintf("%s SET %s", where, set->name));
}

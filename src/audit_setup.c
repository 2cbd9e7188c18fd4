/*
 * audit_setup.c
 *		cipguard.audit_table() and unaudit_table().
 *
 * The owner of a table decides that it is audited, but may not execute the
 * trigger functions: with that right he could put them where they record
 * something else than they seem to.  So the triggers are made here, as the
 * owner of the log, after checking that the caller owns the table.
 *
 * Row triggers of a partitioned table are cloned to its partitions, present
 * and future.  TRUNCATE triggers are not, nor are any triggers inherited by
 * tables made with INHERITS: audit_table() gives each table below the named one
 * what it lacks, and an event trigger those that are added later.
 *
 * Locks: ShareRowExclusiveLock on every table of the tree, parents first, as
 * CREATE TRIGGER takes.  Ownership is checked before a lock is asked for.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/event_trigger.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "access.h"
#include "acting.h"
#include "audit_partition.h"
#include "audit_relation.h"
#include "audit_setup.h"
#include "audit_store.h"
#include "catalog.h"
#include "cipguard.h"
#include "event.h"
#include "guard.h"
#include "hold.h"
#include "label.h"
#include "subject_sql.h"

#define MONTHS_AHEAD	2

typedef enum CgTriggerState
{
	TRIGGER_ABSENT,
	TRIGGER_GOOD,
	TRIGGER_WRONG				/* disabled, or not as we make it */
} CgTriggerState;

static bool is_officer(void);
static void check_table(Oid relid, bool named);
static List *lock_tree(Oid relid);
static Oid	trigger_function(const CgTriggerKind *kind);
static CgTriggerState find_trigger(Oid relid, const CgTriggerKind *kind,
								   bool *cloned, char **name);
static char *sql_name(Oid relid);
static bool drop_trigger(Oid relid, const CgTriggerKind *kind);
static bool has_trigger(Oid relid, const CgTriggerKind *kind);
static bool adds_tables(Node *statement);
static void cover_tree(Oid relid);

static const CgTriggerKind row_trigger = {
	CG_ROW_TRIGGER, "audit_row",
	TRIGGER_TYPE_ROW | TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE |
	TRIGGER_TYPE_DELETE,
	"INSERT OR UPDATE OR DELETE", "ROW"
};
static const CgTriggerKind truncate_trigger = {
	CG_TRUNCATE_TRIGGER, "audit_truncate",
	TRIGGER_TYPE_TRUNCATE,
	"TRUNCATE", "STATEMENT"
};

/* audit_table(relation regclass) RETURNS void */
PG_FUNCTION_INFO_V1(cipguard_audit_table);
Datum
cipguard_audit_table(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	List	   *tree = lock_tree(relid);
	ListCell   *lc;
	bool		any = false;
	int			i;

	for (i = 0; i <= MONTHS_AHEAD; i++)
	{
		CgMonth		month;

		cg_month_of(GetCurrentTimestamp(), i, &month);
		(void) cg_audit_partition(CG_AUDIT_CHANGE, &month);
		(void) cg_audit_partition(CG_AUDIT_RECORD, &month);
	}

	foreach(lc, tree)
	{
		Oid			member = lfirst_oid(lc);
		char		relkind = get_rel_relkind(member);
		bool		done = false;

		/* Else CREATE TRIGGER on the parent meets triggers of that name. */
		if (relkind == RELKIND_PARTITIONED_TABLE)
		{
			bool		cloned;
			char	   *name;
			ListCell   *lc2;

			if (find_trigger(member, &row_trigger, &cloned,
							 &name) != TRIGGER_GOOD && !cloned)
				foreach(lc2, find_all_inheritors(member, NoLock, NULL))
					drop_trigger(lfirst_oid(lc2), &row_trigger);
		}
		done |= cg_ensure_trigger(member, &row_trigger);
		if (relkind != RELKIND_FOREIGN_TABLE)
			done |= cg_ensure_trigger(member, &truncate_trigger);
		if (done)
			cg_audit_note("audit on", member, NULL, "");
		any |= done;
	}
	if (!any)
		ereport(NOTICE,
				(errmsg("table \"%s\" is audited already",
						get_rel_name(relid))));
	PG_RETURN_VOID();
}

/* unaudit_table(relation regclass) RETURNS void */
PG_FUNCTION_INFO_V1(cipguard_unaudit_table);
Datum
cipguard_unaudit_table(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	List	   *tree = lock_tree(relid);
	ListCell   *lc;
	bool		any = false;
	bool		cloned;
	char	   *name;

	if (!is_officer())
		cg_guard_offend_now(relid, psprintf("stop auditing table \"%s\"",
											get_rel_name(relid)));
	(void) find_trigger(relid, &row_trigger, &cloned, &name);
	if (cloned)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("partition \"%s\" is audited through its parent",
						get_rel_name(relid)),
				 errhint("Call %s for the partitioned table.",
						 "cipguard.unaudit_table()")));

	foreach(lc, tree)
	{
		Oid			member = lfirst_oid(lc);
		bool		done;

		/*
		 * Clones go with the trigger of the parent, which comes first; they
		 * are gone when we get here.
		 */
		done = drop_trigger(member, &row_trigger);
		done |= drop_trigger(member, &truncate_trigger);
		if (done)
			cg_audit_note("audit off", member, NULL, "");
		any |= done;
	}
	if (!any)
		ereport(NOTICE,
				(errmsg("table \"%s\" is not audited", get_rel_name(relid))));
	PG_RETURN_VOID();
}

/* Officers may have any table audited, and no longer. */
static bool
is_officer(void)
{
	return cg_has_privs_of(GetUserId(), get_role_oid(CG_ROLE_OFFICER, false));
}

/* Raises unless the caller may have this table audited. */
static void
check_table(Oid relid, bool named)
{
	char		relkind = get_rel_relkind(relid);
	char	   *name = get_rel_name(relid);
	Oid			nspoid = get_rel_namespace(relid);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	if (!cg_owns_relation(relid, GetUserId()) && !is_officer())
	{
		cg_event_refused("auditing of a table", relid);
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of table %s", name),
				 errhint("Let the owner of the table, a member of %s or a superuser call the function.",
						 CG_ROLE_OFFICER)));
	}
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE &&
		(relkind != RELKIND_FOREIGN_TABLE || named))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table", name),
				 relkind == RELKIND_FOREIGN_TABLE ?
				 errdetail("Changes made at the foreign server would not be seen.") : 0,
				 relkind == RELKIND_FOREIGN_TABLE ?
				 errhint("Audit the table at the foreign server.") :
				 errhint("Name the table that holds the rows.")));
	if (relid < FirstUnpinnedObjectId || IsCatalogNamespace(nspoid) ||
		IsToastNamespace(nspoid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a system catalog", name)));
	if (nspoid == cg_schema_oid())
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table \"%s\" belongs to cipguard", name)));
	if (isAnyTempNamespace(nspoid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a temporary table", name),
				 errdetail("It goes with its session, without an event."),
				 errhint("Audit tables that stay.")));
}

/* The table and all below it, locked, parents before children. */
static List *
lock_tree(Oid relid)
{
	List	   *tree;
	ListCell   *lc;

	check_table(relid, true);
	LockRelationOid(relid, ShareRowExclusiveLock);
	check_table(relid, true);

	/* Our lock keeps children from coming and going. */
	tree = find_all_inheritors(relid, NoLock, NULL);
	foreach(lc, tree)
	{
		if (lfirst_oid(lc) == relid)
			continue;
		check_table(lfirst_oid(lc), false);
		LockRelationOid(lfirst_oid(lc), ShareRowExclusiveLock);
		check_table(lfirst_oid(lc), false);
	}
	return tree;
}

static Oid
trigger_function(const CgTriggerKind *kind)
{
	oidvector  *no_args = buildoidvector(NULL, 0);
	Oid			oid;

	oid = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						  CStringGetDatum(kind->function),
						  PointerGetDatum(no_args),
						  ObjectIdGetDatum(cg_schema_oid()));
	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("function \"%s.%s\" is missing",
						CG_SCHEMA, kind->function),
				 errhint("Restore it, or drop the extension and create it again, which loses the log.")));
	return oid;
}

/*
 * Look for a trigger by its function.  *cloned: it came from the partitioned
 * table above; *name: what it is called.
 */
static CgTriggerState
find_trigger(Oid relid, const CgTriggerKind *kind, bool *cloned, char **name)
{
	Relation	rel = table_open(relid, NoLock);
	TriggerDesc *desc = rel->trigdesc;
	Oid			function = trigger_function(kind);
	CgTriggerState state = TRIGGER_ABSENT;
	int			i;

	*cloned = false;
	*name = NULL;
	for (i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		Trigger    *t = &desc->triggers[i];

		if (t->tgfoid != function)
			continue;
		*cloned = t->tgisclone;
		*name = pstrdup(t->tgname);
		state = TRIGGER_WRONG;
		if (t->tgtype == kind->type && t->tgenabled == TRIGGER_FIRES_ALWAYS &&
			t->tgqual == NULL && t->tgnattr == 0 && !t->tgdeferrable)
		{
			state = TRIGGER_GOOD;
			break;
		}
	}
	table_close(rel, NoLock);
	return state;
}

static char *
sql_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

bool
cg_ensure_trigger(Oid relid, const CgTriggerKind *kind)
{
	CgActing	acting;
	char	   *name;
	bool		cloned;
	CgTriggerState state = find_trigger(relid, kind, &cloned, &name);

	if (state == TRIGGER_GOOD)
		return false;
	if (state == TRIGGER_WRONG && !cloned)
		drop_trigger(relid, kind);

	cg_act_begin(&acting, cg_audit_owner());
	if (!cloned)
	{
		name = pstrdup(kind->name);
		cg_act_execute("CREATE TRIGGER %s AFTER %s ON %s FOR EACH %s"
					   " EXECUTE FUNCTION cipguard.%s()",
					   kind->name, kind->events, sql_name(relid),
					   kind->level, kind->function);
	}
	cg_act_execute("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s",
				   sql_name(relid), quote_identifier(name));
	cg_act_end(&acting);
	CommandCounterIncrement();
	return true;
}

/* Drop all our triggers of a kind but clones; true if there was one. */
static bool
drop_trigger(Oid relid, const CgTriggerKind *kind)
{
	bool		any = false;

	for (;;)
	{
		CgActing	acting;
		char	   *name;
		bool		cloned;

		if (find_trigger(relid, kind, &cloned, &name) == TRIGGER_ABSENT ||
			cloned)
			return any;
		cg_act_begin(&acting, cg_audit_owner());
		cg_act_execute("DROP TRIGGER %s ON %s", quote_identifier(name),
					   sql_name(relid));
		cg_act_end(&acting);
		CommandCounterIncrement();
		any = true;
	}
}

static bool
has_trigger(Oid relid, const CgTriggerKind *kind)
{
	char	   *name;
	bool		cloned;

	return find_trigger(relid, kind, &cloned, &name) != TRIGGER_ABSENT;
}

/* audit_new_tables() RETURNS event_trigger, on ddl_command_end */
PG_FUNCTION_INFO_V1(cipguard_audit_new_tables);
Datum
cipguard_audit_new_tables(PG_FUNCTION_ARGS)
{
	List	   *relids = NIL;
	ListCell   *lc;
	EventTriggerData *trigdata = (EventTriggerData *) fcinfo->context;
	MemoryContext context = CurrentMemoryContext;
	CgActing	acting;
	uint64		i;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called as an event trigger")));
	if (!adds_tables(trigdata->parsetree))
		return PointerGetDatum(NULL);

	cg_act_begin(&acting, cg_audit_owner());
	cg_act_execute("SELECT DISTINCT d.objid"
				   " FROM pg_catalog.pg_event_trigger_ddl_commands() d"
				   " WHERE d.classid OPERATOR(pg_catalog.=)"
				   " 'pg_catalog.pg_class'::pg_catalog.regclass AND"
				   " d.objsubid OPERATOR(pg_catalog.=) 0");
	for (i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		relid = SPI_getbinval(SPI_tuptable->vals[i],
										  SPI_tuptable->tupdesc, 1, &isnull);
		MemoryContext old = MemoryContextSwitchTo(context);

		relids = lappend_oid(relids, DatumGetObjectId(relid));
		MemoryContextSwitchTo(old);
	}
	cg_act_end(&acting);

	foreach(lc, relids)
	{
		char		relkind = get_rel_relkind(lfirst_oid(lc));

		if (relkind == RELKIND_RELATION || relkind == RELKIND_FOREIGN_TABLE ||
			relkind == RELKIND_PARTITIONED_TABLE)
			cover_tree(lfirst_oid(lc));
	}
	return PointerGetDatum(NULL);
}

/*
 * Can it put a table below another?  What ensure_trigger() executes cannot,
 * and is not looked at again.
 */
static bool
adds_tables(Node *statement)
{
	ListCell   *lc;

	if (IsA(statement, CreateStmt))
		return ((CreateStmt *) statement)->inhRelations != NIL;
	if (!IsA(statement, AlterTableStmt))
		return true;
	foreach(lc, ((AlterTableStmt *) statement)->cmds)
		if (lfirst_node(AlterTableCmd, lc)->subtype != AT_EnableAlwaysTrig)
		return true;
	return false;
}

/*
 * Give a table and those below it the triggers that a table above has, and
 * they have not.  One that was disabled is left: it was there.
 */
static void
cover_tree(Oid relid)
{
	ListCell   *lc;
	ListCell   *above;

	foreach(lc, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		Oid			member = lfirst_oid(lc);
		bool		audited = false;
		bool		done = false;

		foreach(above, cg_ancestors(member))
		{
			LockRelationOid(lfirst_oid(above), AccessShareLock);
			audited |= has_trigger(lfirst_oid(above), &row_trigger);
		}
		if (get_rel_relkind(member) != RELKIND_FOREIGN_TABLE)
		{
			(void) cg_subject_cover(member, cg_ancestors(member));
			if (cg_subject_column(member) != InvalidAttrNumber)
				(void) cg_hold_cover(member);
		}
		if (!audited)
			continue;
		if (!has_trigger(member, &row_trigger))
			done |= cg_ensure_trigger(member, &row_trigger);
		if (get_rel_relkind(member) != RELKIND_FOREIGN_TABLE &&
			!has_trigger(member, &truncate_trigger))
			done |= cg_ensure_trigger(member, &truncate_trigger);
		if (done)
			cg_audit_note("audit on", member, NULL,
						  "below an audited table");
	}
}

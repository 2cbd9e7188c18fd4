/*
 * maintenance.c
 *		Windows of time in which what is guarded may be changed.
 *
 * An officer opens a window, with a reason and for two hours at most.  All
 * sessions of the database may then do what guard.c refuses, if they have the
 * right to do it, and each such act is an event.  A window is a row of
 * cipguard.maintenance; its end before time is another row, so that the table
 * only grows.  Rows are inserted past SQL, which the table's triggers refuse.
 *
 * The table is read anew each time, with a snapshot of that moment: a window
 * that was closed elsewhere does not stay open for a long transaction.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "access.h"
#include "audit_store.h"
#include "catalog.h"
#include "cipguard.h"
#include "event.h"
#include "label.h"
#include "maintenance.h"

#define MAX_MINUTES		120
#define MAX_REASON		1000

/* Columns of cipguard.maintenance, in the order of sql/parts/54_guard.sql. */
enum
{
	MA_ID,
	MA_TS,
	MA_OFFICER,
	MA_ROLE,
	MA_REASON,
	MA_UNTIL,
	MA_RELATION,
	MA_CLOSES,
	MA_COLUMNS
};

/* A window that is open. */
typedef struct CgWindow
{
	int64		id;
	TimestampTz until;
	Oid			relation;
} CgWindow;

static Relation open_table(LOCKMODE lock);
static List *open_windows(void);
static void require_officer(void);
static void append(Datum *values, bool *nulls);
static bool covers(const CgWindow *window, Oid relid);

/* NULL in a database without the extension. */
static Relation
open_table(LOCKMODE lock)
{
	Oid			nspoid = cg_schema_oid();
	Oid			relid = OidIsValid(nspoid) ?
	get_relname_relid("maintenance", nspoid) : InvalidOid;

	return OidIsValid(relid) ? table_open(relid, lock) : NULL;
}

static List *
open_windows(void)
{
	Relation	rel = open_table(AccessShareLock);
	TimestampTz now = GetCurrentTimestamp();
	List	   *windows = NIL;
	List	   *closed = NIL;
	SysScanDesc scan;
	HeapTuple	tuple;
	ListCell   *lc;

	if (rel == NULL)
		return NIL;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Datum		values[MA_COLUMNS];
		bool		nulls[MA_COLUMNS];

		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		if (!nulls[MA_CLOSES])
		{
			int64	   *id = palloc(sizeof(int64));

			*id = DatumGetInt64(values[MA_CLOSES]);
			closed = lappend(closed, id);
		}
		else if (DatumGetTimestampTz(values[MA_UNTIL]) > now)
		{
			CgWindow   *window = palloc(sizeof(CgWindow));

			window->id = DatumGetInt64(values[MA_ID]);
			window->until = DatumGetTimestampTz(values[MA_UNTIL]);
			window->relation = nulls[MA_RELATION] ? InvalidOid :
				DatumGetObjectId(values[MA_RELATION]);
			windows = lappend(windows, window);
		}
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);

	/* The row that closes a window can come before it. */
	foreach(lc, windows)
	{
		ListCell   *lc2;

		foreach(lc2, closed)
		{
			if (*(int64 *) lfirst(lc2) != ((CgWindow *) lfirst(lc))->id)
				continue;
			windows = foreach_delete_current(windows, lc);
			break;
		}
	}
	return windows;
}

/* A window for a table is one for those above and below it. */
static bool
covers(const CgWindow *window, Oid relid)
{
	if (!OidIsValid(window->relation) || window->relation == relid)
		return true;
	return OidIsValid(relid) &&
		(list_member_oid(cg_ancestors(relid), window->relation) ||
		 list_member_oid(cg_ancestors(window->relation), relid));
}

bool
cg_maintenance_open(Oid relid)
{
	ListCell   *lc;

	foreach(lc, open_windows())
		if (covers(lfirst(lc), relid))
		return true;
	return false;
}

/* Rank is not enough: a superuser would have to make himself one, visibly. */
static void
require_officer(void)
{
	if (cg_has_privs_of(GetUserId(), get_role_oid(CG_ROLE_OFFICER, false)))
		return;
	cg_event_refused("maintenance window", InvalidOid);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for maintenance windows"),
			 errdetail("Only members of %s may open and close them.",
					   CG_ROLE_OFFICER),
			 errhint("Ask an officer.")));
}

static void
append(Datum *values, bool *nulls)
{
	Relation	rel = open_table(RowExclusiveLock);
	HeapTuple	tuple;

	if (rel == NULL)
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("table \"%s.%s\" is missing", CG_SCHEMA,
						"maintenance"),
				 errhint("Restore it, or drop the extension and create it again, which loses the log.")));
	values[MA_ID] = Int64GetDatum(cg_audit_next_seq());
	values[MA_TS] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[MA_OFFICER] =
		CStringGetTextDatum(GetUserNameFromId(GetAuthenticatedUserId(), false));
	values[MA_ROLE] = CStringGetTextDatum(GetUserNameFromId(GetUserId(),
															false));
	tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);
	CatalogTupleInsert(rel, tuple);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

/*
 * open_maintenance(reason text, minutes integer DEFAULT 15,
 *					relation regclass DEFAULT NULL) RETURNS timestamptz
 */
PG_FUNCTION_INFO_V1(cipguard_open_maintenance);
Datum
cipguard_open_maintenance(PG_FUNCTION_ARGS)
{
	char	   *reason = PG_ARGISNULL(0) ? "" :
	text_to_cstring(PG_GETARG_TEXT_PP(0));
	int32		minutes = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
	Oid			relation = PG_ARGISNULL(2) ? InvalidOid : PG_GETARG_OID(2);
	Datum		values[MA_COLUMNS];
	bool		nulls[MA_COLUMNS] = {0};
	TimestampTz until;
	char	   *p;

	require_officer();
	if (reason[strspn(reason, " ")] == '\0' || strlen(reason) > MAX_REASON)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a maintenance window needs a reason of at most %d bytes",
						MAX_REASON),
				 errhint("Say what is to be done, without data of persons.")));
	for (p = reason; *p != '\0'; p++)
		if ((unsigned char) *p < 0x20 || *p == 0x7f)
			*p = ' ';
	if (minutes < 1 || minutes > MAX_MINUTES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a maintenance window must last 1 to %d minutes",
						MAX_MINUTES),
				 errhint("Open another one when it has ended.")));
	if (!PG_ARGISNULL(2) && get_rel_name(relation) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relation),
				 errhint("Name a table, or leave it out.")));

	until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
										minutes * INT64CONST(60000));
	values[MA_REASON] = CStringGetTextDatum(reason);
	values[MA_UNTIL] = TimestampTzGetDatum(until);
	values[MA_RELATION] = ObjectIdGetDatum(relation);
	nulls[MA_RELATION] = !OidIsValid(relation);
	nulls[MA_CLOSES] = true;
	append(values, nulls);
	cg_event_done("maintenance opened", relation, NULL,
				  psprintf("%d min: %s", minutes, reason));
	PG_RETURN_TIMESTAMPTZ(until);
}

/* close_maintenance() RETURNS integer */
PG_FUNCTION_INFO_V1(cipguard_close_maintenance);
Datum
cipguard_close_maintenance(PG_FUNCTION_ARGS)
{
	List	   *windows;
	ListCell   *lc;

	require_officer();
	windows = open_windows();
	foreach(lc, windows)
	{
		CgWindow   *window = lfirst(lc);
		Datum		values[MA_COLUMNS];
		bool		nulls[MA_COLUMNS] = {0};

		nulls[MA_REASON] = nulls[MA_UNTIL] = nulls[MA_RELATION] = true;
		values[MA_CLOSES] = Int64GetDatum(window->id);
		append(values, nulls);
		cg_event_done("maintenance closed", window->relation, NULL, "");
	}
	PG_RETURN_INT32(list_length(windows));
}

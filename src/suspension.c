/*
 * suspension.c
 *		Logins whose access is suspended for an alert.
 *
 * Grants are mostly given to groups; to suspend one would hit all members for
 * what one of them did.  So it is the login that is suspended, whatever role
 * it acts in: a row of cipguard.suspension, which is written straight to the
 * table in the transaction that writes the alert.  SQL can end one, and do
 * nothing else (alert_guard.c).
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "access.h"
#include "alert_row.h"
#include "catalog.h"
#include "category.h"
#include "cipguard.h"
#include "ingest_event.h"
#include "ingest_state.h"
#include "suspension.h"

#define SUSPENSION_TABLE	"suspension"
#define SUSPENSION_SEQUENCE	"suspension_id_seq"
#define EVERY_CATEGORY		(-1)

/* Columns of cipguard.suspension, in the order of sql/parts/48_alert.sql. */
enum
{
	SU_ID,
	SU_LOGIN,
	SU_CATEGORY,
	SU_SINCE,
	SU_KIND,
	SU_ALERT,
	SU_LIFTED_AT,
	SU_LIFTED_BY,
	SU_REASON,
	SU_COLUMNS
};

/* One that is in force. */
typedef struct CgSuspension
{
	Oid			login;
	int32		category;
} CgSuspension;

static void load(void);
static int64 find(Relation rel, const CgAlert *alert);

static CgWatch watch = {.relname = SUSPENSION_TABLE,.natts = SU_COLUMNS};
static uint64 loaded = 0;		/* generation of suspensions[] */
static CgSuspension *suspensions = NULL;
static int	num_suspensions = 0;
static int	max_suspensions = 0;

void
cg_suspension_init(void)
{
	cg_watch_access(&watch);
}

bool
cg_is_suspended(Oid user, int32 category)
{
	Oid			login = GetAuthenticatedUserId();
	int			i;

	if (loaded != watch.generation)
		load();
	for (i = 0; i < num_suspensions; i++)
		if ((suspensions[i].category == category ||
			 suspensions[i].category == EVERY_CATEGORY) &&
			(suspensions[i].login == login || suspensions[i].login == user))
			return true;
	return false;
}

static void
load(void)
{
	uint64		generation = watch.generation;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;

	loaded = 0;
	num_suspensions = 0;
	rel = cg_watch_open(&watch);
	if (rel == NULL)
		return;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Datum		values[SU_COLUMNS];
		bool		nulls[SU_COLUMNS];

		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		if (!nulls[SU_LIFTED_AT])
			continue;
		if (num_suspensions == max_suspensions)
		{
			int			max = Max(16, 2 * max_suspensions);

			suspensions = suspensions == NULL ?
				MemoryContextAlloc(CacheMemoryContext,
								   max * sizeof(CgSuspension)) :
				repalloc(suspensions, max * sizeof(CgSuspension));
			max_suspensions = max;
		}
		suspensions[num_suspensions].login =
			DatumGetObjectId(values[SU_LOGIN]);
		suspensions[num_suspensions++].category =
			nulls[SU_CATEGORY] ? EVERY_CATEGORY :
			cg_name_hash(TextDatumGetCString(values[SU_CATEGORY]));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	loaded = generation;
}

/* The one in force that has what the alert asks for, or 0. */
static int64
find(Relation rel, const CgAlert *alert)
{
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0,
										  NULL);
	HeapTuple	tuple;
	int64		id = 0;

	while (id == 0 && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Datum		values[SU_COLUMNS];
		bool		nulls[SU_COLUMNS];

		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		if (nulls[SU_LIFTED_AT] &&
			DatumGetObjectId(values[SU_LOGIN]) == alert->login &&
			(nulls[SU_CATEGORY] ||
			 (alert->category != NULL &&
			  strcmp(TextDatumGetCString(values[SU_CATEGORY]),
					 alert->category) == 0)))
			id = DatumGetInt64(values[SU_ID]);
	}
	systable_endscan(scan);
	return id;
}

int64
cg_suspend(const CgAlert *alert, int64 alert_id)
{
	Relation	rel = cg_state_table(SUSPENSION_TABLE, SU_COLUMNS,
									 RowExclusiveLock);
	int64		id = find(rel, alert);
	Datum		values[SU_COLUMNS];
	bool		nulls[SU_COLUMNS] = {false};

	if (id == 0)
	{
		id = nextval_internal(get_relname_relid(SUSPENSION_SEQUENCE,
												RelationGetNamespace(rel)),
							  false);
		values[SU_ID] = Int64GetDatum(id);
		values[SU_LOGIN] = ObjectIdGetDatum(alert->login);
		values[SU_CATEGORY] = alert->category == NULL ? (Datum) 0 :
			CStringGetTextDatum(alert->category);
		nulls[SU_CATEGORY] = alert->category == NULL;
		values[SU_SINCE] = TimestampTzGetDatum(GetCurrentTimestamp());
		values[SU_KIND] = CStringGetTextDatum(alert->kind);
		values[SU_ALERT] = Int64GetDatum(alert_id);
		nulls[SU_LIFTED_AT] = nulls[SU_LIFTED_BY] = nulls[SU_REASON] = true;
		CatalogTupleInsert(rel, heap_form_tuple(RelationGetDescr(rel), values,
												nulls));
		CacheInvalidateRelcache(rel);
		CommandCounterIncrement();
		cg_record_note(alert->node, "suspension",
					   psprintf("access of %s to %s is suspended for alert %lld: %s",
								alert->login_role,
								alert->category == NULL ? "every category" :
								psprintf("category %s", alert->category),
								(long long) alert_id, alert->kind));
	}
	table_close(rel, NoLock);
	return id;
}

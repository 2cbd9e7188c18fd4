/*
 * grant.c
 *		Grants of access: the cached table, and the rules of what enters it.
 *
 * A grant is a row of cipguard.access_grant: role x category (optionally one
 * table) x level, from-to, purpose.  Rows are never deleted; a grant is
 * revoked, or suspended and resumed.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "alert.h"
#include "catalog.h"
#include "category.h"
#include "cipguard.h"
#include "event.h"
#include "grant.h"
#include "request.h"

/* Columns of cipguard.access_grant, in the order of sql/parts/40_access.sql. */
enum
{
	COL_ID = 1,
	COL_GRANTEE,
	COL_CATEGORY,
	COL_LEVEL,
	COL_RELATION,
	COL_PURPOSE,
	COL_VALID_FROM,
	COL_VALID_UNTIL,
	COL_GRANTED_BY,
	COL_GRANTED_AT,
	COL_REVOKED_BY,
	COL_REVOKED_AT,
	COL_REQUEST,
	COL_ROW_LIMIT,
	COL_MINORS,
	COL_SUSPENDED_AT,
	COL_SUSPENDED_FOR
};
#define NUM_COLS COL_SUSPENDED_FOR

static void load(void);
static void read_grant(CgGrant *g, const Datum *values, const bool *nulls);
static bool is_of_this_transaction(HeapTuple tuple);
static bool is_for_oneself(Oid grantee);
static bool gives_to_oneself(HeapTuple tuple, TupleDesc desc, Oid grantee);
static void require_unchanged(HeapTuple old, HeapTuple tuple, TupleDesc desc);
static HeapTuple stamp(HeapTuple tuple, TupleDesc desc, int who, int when);

static CgWatch watch = {.relname = "access_grant",.natts = NUM_COLS};
static uint64 loaded = 0;		/* watch generation of grants[] */
static MemoryContext grant_context = NULL;
static CgGrant *grants = NULL;
static int	num_grants = 0;
static bool have_limits = false;

void
cg_grant_init(void)
{
	cg_watch_access(&watch);
}

const CgGrant *
cg_grants(int *n)
{
	if (loaded != watch.generation)
		load();
	*n = num_grants;
	return grants;
}

bool
cg_grants_have_limits(void)
{
	return have_limits;
}

static void
load(void)
{
	uint64		generation = watch.generation;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	int			allocated = 32;

	loaded = 0;
	num_grants = 0;
	have_limits = false;
	if (grant_context == NULL)
		grant_context = AllocSetContextCreate(CacheMemoryContext,
											  "cipguard grants",
											  ALLOCSET_SMALL_SIZES);
	MemoryContextReset(grant_context);
	grants = MemoryContextAlloc(grant_context, allocated * sizeof(CgGrant));

	rel = cg_watch_open(&watch);
	if (rel != NULL)
	{
		scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			Datum		values[NUM_COLS];
			bool		nulls[NUM_COLS];

			heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
			if (!nulls[COL_REVOKED_AT - 1] ||
				(!nulls[COL_REQUEST - 1] && is_of_this_transaction(tuple)))
				continue;
			if (num_grants == allocated)
			{
				allocated *= 2;
				grants = repalloc(grants, allocated * sizeof(CgGrant));
			}
			read_grant(&grants[num_grants++], values, nulls);
		}
		systable_endscan(scan);
		table_close(rel, AccessShareLock);
	}
	loaded = generation;
}

/*
 * What was requested counts when it is committed: whoever breaks the glass
 * could read, and roll back what tells that he did.
 */
static bool
is_of_this_transaction(HeapTuple tuple)
{
	return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data));
}

static void
read_grant(CgGrant *g, const Datum *values, const bool *nulls)
{
	g->id = DatumGetInt64(values[COL_ID - 1]);
	g->grantee = DatumGetObjectId(values[COL_GRANTEE - 1]);
	g->category =
		cg_name_hash(TextDatumGetCString(values[COL_CATEGORY - 1]));
	g->level =
		cg_level_by_name(TextDatumGetCString(values[COL_LEVEL - 1]));
	g->relation = nulls[COL_RELATION - 1] ? InvalidOid :
		DatumGetObjectId(values[COL_RELATION - 1]);
	g->purpose = nulls[COL_PURPOSE - 1] ? NULL :
		MemoryContextStrdup(grant_context,
							TextDatumGetCString(values[COL_PURPOSE - 1]));
	g->valid_from = DatumGetTimestampTz(values[COL_VALID_FROM - 1]);
	g->valid_until = nulls[COL_VALID_UNTIL - 1] ? DT_NOEND :
		DatumGetTimestampTz(values[COL_VALID_UNTIL - 1]);
	g->row_limit = nulls[COL_ROW_LIMIT - 1] ? 0 :
		DatumGetInt64(values[COL_ROW_LIMIT - 1]);
	g->minors = DatumGetBool(values[COL_MINORS - 1]);
	g->suspended = !nulls[COL_SUSPENDED_AT - 1];
	if (g->valid_until != DT_NOEND || g->valid_from > GetCurrentTimestamp())
		have_limits = true;
}

CgLevel
cg_level_by_name(const char *name)
{
	if (strcmp(name, "read") == 0)
		return CG_LEVEL_READ;
	if (strcmp(name, "search") == 0)
		return CG_LEVEL_SEARCH;
	return CG_LEVEL_NONE;
}

/*
 * guard_grant() RETURNS trigger
 *
 * The rules of cipguard.access_grant, kept with the table so that no function
 * that writes it can forget them: nobody gives access to himself, or gives it
 * back to himself, and who granted or revoked is who did it.
 */
PG_FUNCTION_INFO_V1(cipguard_guard_grant);
Datum
cipguard_guard_grant(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	HeapTuple	tuple;
	HeapTuple	old = NULL;
	bool		isnull;
	bool		was_suspended;
	bool		is_suspended;
	Oid			grantee;

	cg_require_our_trigger(fcinfo);
	desc = RelationGetDescr(trigdata->tg_relation);
	tuple = trigdata->tg_trigtuple;
	if (!TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
	{
		old = tuple;
		tuple = trigdata->tg_newtuple;
	}

	/* Restoring a dump repeats what was granted elsewhere. */
	if (superuser() && !check_function_bodies)
		return PointerGetDatum(tuple);

	grantee = DatumGetObjectId(heap_getattr(tuple, COL_GRANTEE, desc,
											&isnull));
	if (old == NULL)
	{
		Datum		category = heap_getattr(tuple, COL_CATEGORY, desc,
											&isnull);

		(void) cg_category_by_name(TextDatumGetCString(category), false);
		if (gives_to_oneself(tuple, desc, grantee))
		{
			cg_event_refused("grant of access to oneself", InvalidOid);
			cg_alert("self-grant", InvalidOid, -1,
					 "grant of access to oneself");
			ereport(ERROR,
					(errcode(CG_ERRCODE_SELF_GRANT),
					 errmsg("cannot grant access to yourself or to a role you are a member of"),
					 errhint("Ask another member of %s.", CG_ROLE_OFFICER)));
		}
		return PointerGetDatum(stamp(tuple, desc, COL_GRANTED_BY,
									 COL_GRANTED_AT));
	}

	require_unchanged(old, tuple, desc);
	if (!heap_attisnull(old, COL_REVOKED_AT, desc))
		return PointerGetDatum(NULL);	/* was revoked before */
	if (!heap_attisnull(tuple, COL_REVOKED_AT, desc))
		return PointerGetDatum(stamp(tuple, desc, COL_REVOKED_BY,
									 COL_REVOKED_AT));
	was_suspended = !heap_attisnull(old, COL_SUSPENDED_AT, desc);
	is_suspended = !heap_attisnull(tuple, COL_SUSPENDED_AT, desc);
	if (was_suspended == is_suspended)
		return PointerGetDatum(NULL);	/* neither revoked nor suspended */
	if (was_suspended && is_for_oneself(grantee))
	{
		cg_event_refused("end of the suspension of one's own grant",
						 InvalidOid);
		cg_alert("self-grant", InvalidOid, -1,
				 "attempt to end the suspension of one's own grant");
		ereport(ERROR,
				(errcode(CG_ERRCODE_SELF_GRANT),
				 errmsg("cannot end the suspension of a grant to yourself or to a role you are a member of"),
				 errhint("Ask another member of %s.", CG_ROLE_OFFICER)));
	}
	return PointerGetDatum(tuple);
}

/* Whoever acts, under whatever name. */
static bool
is_for_oneself(Oid grantee)
{
	return is_member_of_role_nosuper(GetUserId(), grantee) ||
		is_member_of_role_nosuper(GetSessionUserId(), grantee) ||
		is_member_of_role_nosuper(GetAuthenticatedUserId(), grantee);
}

/*
 * Others have approved, or the glass is broken, which needs no approval.
 * Then it is the owner of the extension who inserts: see cipguard.approve().
 */
static bool
gives_to_oneself(HeapTuple tuple, TupleDesc desc, Oid grantee)
{
	bool		isnull;
	Datum		request = heap_getattr(tuple, COL_REQUEST, desc, &isnull);

	switch (isnull ? CG_REQUEST_NONE :
			cg_request_behind(DatumGetInt64(request)))
	{
		case CG_REQUEST_BREAKS_GLASS:
			return false;
		case CG_REQUEST_APPROVED:
			return is_member_of_role_nosuper(GetSessionUserId(), grantee) ||
				is_member_of_role_nosuper(GetAuthenticatedUserId(), grantee);
		default:
			return is_for_oneself(grantee);
	}
}

/* An update may revoke, suspend or resume, and do nothing else. */
static void
require_unchanged(HeapTuple old, HeapTuple tuple, TupleDesc desc)
{
	int			i;

	for (i = COL_ID; i <= COL_MINORS; i++)
	{
		bool		old_null;
		bool		new_null;
		Datum		old_value = heap_getattr(old, i, desc, &old_null);
		Datum		new_value = heap_getattr(tuple, i, desc, &new_null);
		Form_pg_attribute att = TupleDescAttr(desc, i - 1);

		if (i == COL_REVOKED_BY || i == COL_REVOKED_AT)
			continue;
		if (old_null != new_null ||
			(!old_null && !datumIsEqual(old_value, new_value,
										att->attbyval, att->attlen)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a grant cannot be changed, only revoked"),
					 errhint("Revoke it with %s and make a new one.",
							 "cipguard.revoke_access()")));
	}
}

/* Who did it, and when. */
static HeapTuple
stamp(HeapTuple tuple, TupleDesc desc, int who, int when)
{
	int			cols[2] = {who, when};
	bool		nulls[2] = {false, false};
	Datum		values[2];

	values[0] = CStringGetTextDatum(GetUserNameFromId(GetAuthenticatedUserId(),
													  false));
	values[1] = TimestampTzGetDatum(GetCurrentTimestamp());
	return heap_modify_tuple_by_cols(tuple, desc, 2, cols, values, nulls);
}

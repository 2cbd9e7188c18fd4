/*
 * access.c
 *		Who may compare or read values of which category.
 *
 * A grant is a row of cipguard.access_grant: role x category (optionally one
 * table) x level, from-to, purpose.  Verdicts are given for the current user
 * at the moment a value is touched, never when a plan is made, since plans
 * survive SET ROLE.  They are cached per (user, category, relation) until a
 * grant, a role membership or the purpose changes, or a time limit passes.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "access.h"
#include "catalog.h"
#include "category.h"
#include "cipguard.h"
#include "crypt.h"
#include "event.h"
#include "guc.h"

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

typedef struct CgGrant
{
	Oid			grantee;
	int32		category;
	CgLevel		level;
	Oid			relation;		/* InvalidOid: every table */
	char	   *purpose;		/* NULL: whatever the purpose */
	TimestampTz valid_from;
	TimestampTz valid_until;
} CgGrant;

typedef struct CgVerdictKey
{
	Oid			user;
	int32		category;
	Oid			relation;
} CgVerdictKey;

typedef struct CgAccessVerdict
{
	CgVerdictKey key;
	CgLevel		level;
	TimestampTz from;			/* true of statements that start in */
	TimestampTz until;			/* [from, until) */
} CgAccessVerdict;

#define MAX_WATCHES 16			/* tables of conditions */
#define NUM_RECENT	32
#define MAX_VERDICTS	4096	/* then begin anew: anybody may name relations */

static void load_grants(void);
static CgLevel find_level(int32 category, Oid relation, TimestampTz now);
static void forget_verdicts(uint64 epoch);
static void judge(CgAccessVerdict *verdict, TimestampTz now);
static void membership_changed(Datum arg, int cacheid, uint32 hashvalue);
static CgLevel level_by_name(const char *name);

static CgWatch watch = {.relname = "access_grant",.natts = NUM_COLS};
static CgWatch *watches[MAX_WATCHES];
static int	num_watches = 0;
static uint64 membership_generation = 1;
static uint64 loaded_epoch = 0; /* watch generation of grants[] */
static uint64 verdict_epoch = 0;	/* sum of generations of verdicts */
static MemoryContext grant_context = NULL;
static CgGrant *grants = NULL;
static int	num_grants = 0;
static bool grants_have_limits = false;
static TimestampTz ticked_at = 0;
static HTAB *verdicts = NULL;
static CgAccessVerdict *recent_verdicts[NUM_RECENT];	/* in verdicts */

void
cg_access_init(void)
{
	cg_watch(&watch);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, membership_changed,
								  (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, membership_changed, (Datum) 0);
}

static void
membership_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	membership_generation++;
	ResetPlanCache();
}

/*
 * PostgreSQL listens for news when it takes a lock, and a transaction that
 * holds one takes it no more.
 */
void
cg_access_tick(void)
{
	AcceptInvalidationMessages();
	if (grants_have_limits)
		ticked_at = GetCurrentTimestamp();
}

void
cg_access_listen(void)
{
	if (!HistoricSnapshotActive())
		AcceptInvalidationMessages();
}

TimestampTz
cg_access_now(void)
{
	return Max(ticked_at, GetCurrentStatementStartTimestamp());
}

uint64
cg_access_epoch(void)
{
	uint64		epoch = watch.generation + membership_generation +
	cg_guc_generation;
	int			i;

	for (i = 0; i < num_watches; i++)
		epoch += watches[i]->generation;
	return epoch;
}

void
cg_watch_access(CgWatch *of)
{
	Assert(num_watches < MAX_WATCHES);
	watches[num_watches++] = of;
	cg_watch(of);
}

/* Most calls are about one of the last verdicts, which still holds. */
CgLevel
cg_access_level(int32 category, Oid relation)
{
	const CgAccessVerdict *verdict;
	TimestampTz now = cg_access_now();

	cg_access_listen();
	verdict = recent_verdicts[(category ^ relation) % NUM_RECENT];
	if (likely(verdict_epoch == cg_access_epoch() && verdict != NULL &&
			   verdict->key.category == category &&
			   verdict->key.user == GetUserId() &&
			   verdict->key.relation == relation &&
			   now >= verdict->from && now < verdict->until))
		return verdict->level;
	return find_level(category, relation, now);
}

static CgLevel
find_level(int32 category, Oid relation, TimestampTz now)
{
	CgAccessVerdict *verdict;
	uint64		epoch = cg_access_epoch();
	CgVerdictKey key;
	bool		found;

	key.user = GetUserId();
	key.category = category;
	key.relation = relation;
	if (verdict_epoch != epoch ||
		hash_get_num_entries(verdicts) >= MAX_VERDICTS)
		forget_verdicts(epoch);
	verdict = hash_search(verdicts, &key, HASH_ENTER, &found);
	if (!found)
		verdict->from = verdict->until = 0;
	recent_verdicts[(category ^ relation) % NUM_RECENT] = verdict;
	if (now < verdict->from || now >= verdict->until)
		judge(verdict, now);
	return verdict->level;
}

static void
forget_verdicts(uint64 epoch)
{
	HASHCTL		ctl;

	verdict_epoch = 0;
	load_grants();
	if (verdicts != NULL)
		hash_destroy(verdicts);
	verdicts = NULL;
	memset(recent_verdicts, 0, sizeof(recent_verdicts));
	ctl.keysize = sizeof(CgVerdictKey);
	ctl.entrysize = sizeof(CgAccessVerdict);
	ctl.hcxt = CacheMemoryContext;
	verdicts = hash_create("cipguard verdicts", 64, &ctl,
						   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	verdict_epoch = epoch;
}

void
cg_require_search(int32 category)
{
	const CgCategory *c;

	if (cg_access_level(category, InvalidOid) >= CG_LEVEL_SEARCH)
		return;

	/* CHECK constraints must hold while a dump is restored, too. */
	if (!check_function_bodies && superuser())
		return;
	c = cg_category_by_id(category, true);
	if (c != NULL && !c->searchable)
		return;					/* comparing will say that it cannot */

	/* What was compared with may stand in the statement. */
	cg_plain_at = GetCurrentTransactionStartTimestamp();
	cg_event_refused(psprintf("comparing values of category %s",
							  c ? NameStr(c->name) : "?"), InvalidOid);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to compare values of category \"%s\"",
					c ? NameStr(c->name) : "?"),
			 errhint("An officer can allow it with %s.",
					 "cipguard.grant_access(..., 'search')")));
}

bool
cg_has_privs_of(Oid member, Oid role)
{
	if (superuser_arg(member))
		return is_member_of_role_nosuper(member, role);
	return has_privs_of_role(member, role);
}

static void
load_grants(void)
{
	uint64		epoch = watch.generation;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	int			allocated = 32;

	if (loaded_epoch == epoch)
		return;

	loaded_epoch = 0;
	num_grants = 0;
	grants_have_limits = false;
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
			CgGrant    *g;

			heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
			if (!nulls[COL_REVOKED_AT - 1])
				continue;
			if (num_grants == allocated)
			{
				allocated *= 2;
				grants = repalloc(grants, allocated * sizeof(CgGrant));
			}
			g = &grants[num_grants++];
			g->grantee = DatumGetObjectId(values[COL_GRANTEE - 1]);
			g->category =
				cg_name_hash(TextDatumGetCString(values[COL_CATEGORY - 1]));
			g->level =
				level_by_name(TextDatumGetCString(values[COL_LEVEL - 1]));
			g->relation = nulls[COL_RELATION - 1] ? InvalidOid :
				DatumGetObjectId(values[COL_RELATION - 1]);
			g->purpose = nulls[COL_PURPOSE - 1] ? NULL :
				MemoryContextStrdup(grant_context,
									TextDatumGetCString(values[COL_PURPOSE - 1]));
			g->valid_from = DatumGetTimestampTz(values[COL_VALID_FROM - 1]);
			g->valid_until = nulls[COL_VALID_UNTIL - 1] ? DT_NOEND :
				DatumGetTimestampTz(values[COL_VALID_UNTIL - 1]);
			if (g->valid_until != DT_NOEND ||
				g->valid_from > GetCurrentTimestamp())
				grants_have_limits = true;
		}
		systable_endscan(scan);
		table_close(rel, AccessShareLock);
	}
	loaded_epoch = epoch;
}

/* Work out the level, and how long it will stay so. */
static void
judge(CgAccessVerdict *verdict, TimestampTz now)
{
	CgLevel		level = CG_LEVEL_NONE;
	TimestampTz from = DT_NOBEGIN;
	TimestampTz until = DT_NOEND;
	int			i;

	for (i = 0; i < num_grants; i++)
	{
		const CgGrant *g = &grants[i];

		if (g->category != verdict->key.category ||
			(OidIsValid(g->relation) &&
			 g->relation != verdict->key.relation) ||
			(g->purpose != NULL &&
			 strcmp(g->purpose, cg_purpose ? cg_purpose : "") != 0) ||
			!cg_has_privs_of(verdict->key.user, g->grantee))
			continue;

		/* The verdict holds until the next limit of a grant that counts. */
		if (now < g->valid_from)
			until = Min(until, g->valid_from);
		else if (now >= g->valid_until)
			from = Max(from, g->valid_until);
		else
		{
			from = Max(from, g->valid_from);
			until = Min(until, g->valid_until);
			level = Max(level, g->level);
		}
	}
	verdict->level = level;		/* last, since a look-up above may fail */
	verdict->from = from;
	verdict->until = until;
}

static CgLevel
level_by_name(const char *name)
{
	if (strcmp(name, "read") == 0)
		return CG_LEVEL_READ;
	if (strcmp(name, "search") == 0)
		return CG_LEVEL_SEARCH;
	return CG_LEVEL_NONE;
}

/*
 * can_access(category text, level text DEFAULT 'read',
 *			  relation regclass DEFAULT NULL) RETURNS boolean
 */
PG_FUNCTION_INFO_V1(cipguard_can_access);
Datum
cipguard_can_access(PG_FUNCTION_ARGS)
{
	CgLevel		wanted;
	const CgCategory *c;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	c = cg_category_by_name(text_to_cstring(PG_GETARG_TEXT_PP(0)), false);
	wanted = level_by_name(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	if (wanted == CG_LEVEL_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized access level \"%s\"",
						text_to_cstring(PG_GETARG_TEXT_PP(1))),
				 errhint("Valid levels are \"%s\" and \"%s\".",
						 "search", "read")));
	PG_RETURN_BOOL(cg_access_level(c->id, PG_ARGISNULL(2) ? InvalidOid :
								   PG_GETARG_OID(2)) >= wanted);
}

/*
 * guard_grant() RETURNS trigger
 *
 * The rules of cipguard.access_grant, kept with the table so that no function
 * that writes it can forget them: nobody gives access to himself, and who
 * granted or revoked is who did it.
 */
PG_FUNCTION_INFO_V1(cipguard_guard_grant);
Datum
cipguard_guard_grant(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	HeapTuple	tuple;
	bool		insert;
	bool		isnull;
	int			who_col;
	int			when_col;
	int			cols[2];
	Datum		values[2];
	bool		nulls[2] = {false, false};
	Oid			grantee;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called as a trigger")));
	desc = RelationGetDescr(trigdata->tg_relation);
	insert = TRIGGER_FIRED_BY_INSERT(trigdata->tg_event);
	tuple = insert ? trigdata->tg_trigtuple : trigdata->tg_newtuple;

	/* Restoring a dump repeats what was granted elsewhere. */
	if (superuser() && !check_function_bodies)
		return PointerGetDatum(tuple);

	grantee = DatumGetObjectId(heap_getattr(tuple, COL_GRANTEE, desc,
											&isnull));
	if (insert)
		(void) cg_category_by_name(TextDatumGetCString(heap_getattr(tuple,
																	COL_CATEGORY,
																	desc,
																	&isnull)),
								   false);
	if (insert &&
		(is_member_of_role_nosuper(GetUserId(), grantee) ||
		 is_member_of_role_nosuper(GetSessionUserId(), grantee) ||
		 is_member_of_role_nosuper(GetAuthenticatedUserId(), grantee)))
	{
		cg_event_refused("grant of access to oneself", InvalidOid);
		ereport(ERROR,
				(errcode(CG_ERRCODE_SELF_GRANT),
				 errmsg("cannot grant access to yourself or to a role you are a member of"),
				 errhint("Ask another member of %s.", CG_ROLE_OFFICER)));
	}

	if (!insert)
	{
		/* An update may revoke and do nothing else. */
		HeapTuple	old = trigdata->tg_trigtuple;
		int			i;

		for (i = COL_ID; i < COL_REVOKED_BY; i++)
		{
			bool		old_null;
			bool		new_null;
			Datum		old_value = heap_getattr(old, i, desc, &old_null);
			Datum		new_value = heap_getattr(tuple, i, desc, &new_null);
			Form_pg_attribute att = TupleDescAttr(desc, i - 1);

			if (old_null != new_null ||
				(!old_null && !datumIsEqual(old_value, new_value,
											att->attbyval, att->attlen)))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("a grant cannot be changed, only revoked"),
						 errhint("Revoke it with %s and make a new one.",
								 "cipguard.revoke_access()")));
		}
		(void) heap_getattr(old, COL_REVOKED_AT, desc, &isnull);
		if (!isnull)
			return PointerGetDatum(NULL);	/* was revoked before */
		(void) heap_getattr(tuple, COL_REVOKED_AT, desc, &isnull);
		if (isnull)
			return PointerGetDatum(NULL);	/* not a revocation */
	}

	who_col = insert ? COL_GRANTED_BY : COL_REVOKED_BY;
	when_col = insert ? COL_GRANTED_AT : COL_REVOKED_AT;
	cols[0] = who_col;
	cols[1] = when_col;
	values[0] = CStringGetTextDatum(GetUserNameFromId(GetAuthenticatedUserId(),
													  false));
	values[1] = TimestampTzGetDatum(GetCurrentTimestamp());
	return PointerGetDatum(heap_modify_tuple_by_cols(tuple, desc, 2, cols,
													 values, nulls));
}

/*
 * access.c
 *		Who may compare or read values of which category.
 *
 * A verdict is what grants give (grant.c) and what the conditions of a
 * statement leave of it (decision.c).  Verdicts are given for the current user
 * at the moment a value is touched, never when a plan is made, since plans
 * survive SET ROLE.  They are cached per (user, category, relation) until a
 * table behind them, a role membership or the purpose changes, or a time
 * limit passes.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "access.h"
#include "catalog.h"
#include "category.h"
#include "cipguard.h"
#include "crypt.h"
#include "decision.h"
#include "event.h"
#include "grant.h"
#include "guc.h"
#include "listen.h"
#include "suspension.h"

typedef struct CgVerdictKey
{
	Oid			user;
	int32		category;
	Oid			relation;
} CgVerdictKey;

typedef struct CgAccessVerdict
{
	CgVerdictKey key;
	CgAccess	access;
} CgAccessVerdict;

#define NUM_RECENT	32
#define MAX_VERDICTS	4096	/* then begin anew: anybody may name relations */

static const CgAccess *find(int32 category, Oid relation, TimestampTz now);
static void forget_verdicts(uint64 epoch);
static void sum_grants(CgAccess *access, Oid user, int32 category,
					   Oid relation, TimestampTz now);
static void add_limit(CgAccess *access, const CgGrant *grant);
static void membership_changed(Datum arg, int cacheid, uint32 hashvalue);

TimestampTz cg_access_ticked_at = 0;

static uint64 verdict_epoch = 0;	/* epoch of verdicts */
static bool verdicts_have_limits = false;
static MemoryContext verdict_context = NULL;
static HTAB *verdicts = NULL;
static CgAccessVerdict *recent_verdicts[NUM_RECENT];	/* in verdicts */

void
cg_access_init(void)
{
	cg_grant_init();
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, membership_changed,
								  (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, membership_changed, (Datum) 0);
}

static void
membership_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	cg_access_generation++;
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
	if (verdicts_have_limits || cg_grants_have_limits())
		cg_access_ticked_at = GetCurrentTimestamp();
}

void
cg_watch_access(CgWatch *of)
{
	of->access = true;
	cg_watch(of);
}

/* Most calls are about one of the last verdicts, which still holds. */
static inline const CgAccess *
verdict_on(int32 category, Oid relation)
{
	const CgAccessVerdict *verdict;
	TimestampTz now = cg_access_now();

	cg_listen();
	verdict = recent_verdicts[(category ^ relation) % NUM_RECENT];
	if (likely(verdict_epoch == cg_access_epoch() && verdict != NULL &&
			   verdict->key.category == category &&
			   verdict->key.user == GetUserId() &&
			   verdict->key.relation == relation &&
			   now >= verdict->access.from && now < verdict->access.until))
		return &verdict->access;
	return find(category, relation, now);
}

CgLevel
cg_access_level(int32 category, Oid relation)
{
	return verdict_on(category, relation)->level;
}

bool
cg_access_open(int32 category, Oid relation)
{
	const CgAccess *access = verdict_on(category, relation);

	return access->level == CG_LEVEL_READ && access->rows == 0;
}

CgReason
cg_access_missing(int32 category, Oid relation, CgLevel wanted)
{
	const CgAccess *access = verdict_on(category, relation);

	return wanted == CG_LEVEL_READ ? access->no_read : access->no_search;
}

CgReason
cg_access_reason(int32 category, Oid relation)
{
	return cg_access_missing(category, relation, CG_LEVEL_READ);
}

CgLevel
cg_access_exempt_level(int32 category, Oid relation)
{
	return verdict_on(category, relation)->locked ? CG_LEVEL_NONE :
		CG_LEVEL_READ;
}

CgRowConditions
cg_access_row_conditions(int32 category, Oid relation)
{
	return verdict_on(category, relation)->rows;
}

bool
cg_rows_gated(int32 category, Oid relation)
{
	return cg_access_row_conditions(category, relation) != 0;
}

bool
cg_access_minors(int32 category, Oid relation)
{
	return verdict_on(category, relation)->minors;
}

int
cg_access_row_limits(int32 category, Oid relation, const CgRowLimit **limits)
{
	const CgAccess *access = verdict_on(category, relation);

	*limits = access->limits;
	return access->n_limits;
}

static const CgAccess *
find(int32 category, Oid relation, TimestampTz now)
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
		memset(&verdict->access, 0, sizeof(CgAccess));
	recent_verdicts[(category ^ relation) % NUM_RECENT] = verdict;
	if (now < verdict->access.from || now >= verdict->access.until)
	{
		CgAccess	access;

		/* A look-up may fail, and then there is no verdict. */
		cg_access_judge(key.user, category, relation, now, &access);
		if (access.limits != NULL)
		{
			Size		size = access.n_limits * sizeof(CgRowLimit);

			access.limits = memcpy(MemoryContextAlloc(verdict_context, size),
								   access.limits, size);
		}
		if (verdict->access.limits != NULL)
			pfree(verdict->access.limits);
		verdict->access = access;
		if (access.from != DT_NOBEGIN || access.until != DT_NOEND)
			verdicts_have_limits = true;
	}
	return &verdict->access;
}

static void
forget_verdicts(uint64 epoch)
{
	HASHCTL		ctl;

	verdict_epoch = 0;
	if (verdicts != NULL)
		hash_destroy(verdicts);
	verdicts = NULL;
	memset(recent_verdicts, 0, sizeof(recent_verdicts));
	if (verdict_context == NULL)
		verdict_context = AllocSetContextCreate(CacheMemoryContext,
												"cipguard limits of grants",
												ALLOCSET_SMALL_SIZES);
	MemoryContextReset(verdict_context);
	verdicts_have_limits = false;
	ctl.keysize = sizeof(CgVerdictKey);
	ctl.entrysize = sizeof(CgAccessVerdict);
	ctl.hcxt = CacheMemoryContext;
	verdicts = hash_create("cipguard verdicts", 64, &ctl,
						   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	verdict_epoch = epoch;
}

void
cg_access_judge(Oid user, int32 category, Oid relation, TimestampTz now,
				CgAccess *result)
{
	CgAsk		ask = {.user = user,.category = category,
	.relation = relation,.now = now};
	CgAnswer	answer = {DT_NOBEGIN, DT_NOEND, NULL};

	memset(result, 0, sizeof(CgAccess));
	result->from = DT_NOBEGIN;
	result->until = DT_NOEND;
	sum_grants(result, user, category, relation, now);
	result->no_search = result->granted >= CG_LEVEL_SEARCH ? CG_GRANTED :
		CG_NO_GRANT;
	result->no_read = result->granted >= CG_LEVEL_READ ? CG_GRANTED :
		CG_NO_GRANT;

	ask.minors = result->minors;
	result->locked = !cg_condition_met(CG_LOCKED_DOWN, &ask, &answer);
	if (result->no_read == CG_GRANTED)
		result->no_read = cg_decide_statement(&ask, CG_LEVEL_READ, &answer);
	if (result->no_search == CG_GRANTED && result->no_read != CG_GRANTED)
		result->no_search = cg_decide_statement(&ask, CG_LEVEL_SEARCH,
												&answer);
	result->level = result->no_read == CG_GRANTED ? CG_LEVEL_READ :
		result->no_search == CG_GRANTED ? CG_LEVEL_SEARCH : CG_LEVEL_NONE;
	result->rows = cg_row_conditions(&ask);
	result->from = Max(result->from, answer.from);
	result->until = Min(result->until, answer.until);
}

/* The grants that count, and how long they will be the same. */
static void
sum_grants(CgAccess *access, Oid user, int32 category, Oid relation,
		   TimestampTz now)
{
	int			n;
	const CgGrant *grants = cg_grants(&n);
	bool		unlimited = false;
	int			i;

	if (cg_is_suspended(user, category))
		return;
	for (i = 0; i < n; i++)
	{
		const CgGrant *g = &grants[i];

		if (g->category != category || g->suspended ||
			(OidIsValid(g->relation) && g->relation != relation) ||
			(g->purpose != NULL &&
			 strcmp(g->purpose, cg_purpose ? cg_purpose : "") != 0) ||
			!cg_has_privs_of(user, g->grantee))
			continue;
		if (now < g->valid_from)
			access->until = Min(access->until, g->valid_from);
		else if (now >= g->valid_until)
			access->from = Max(access->from, g->valid_until);
		else
		{
			access->from = Max(access->from, g->valid_from);
			access->until = Min(access->until, g->valid_until);
			access->granted = Max(access->granted, g->level);
			if (g->level < CG_LEVEL_READ)
				continue;
			access->minors = access->minors || g->minors;
			if (g->row_limit == 0)
				unlimited = true;
			else
				add_limit(access, g);
		}
	}
	if (unlimited && access->limits != NULL)
	{
		pfree(access->limits);
		access->limits = NULL;
		access->n_limits = 0;
	}
}

static void
add_limit(CgAccess *access, const CgGrant *grant)
{
	CgRowLimit *limit;

	access->limits = access->limits == NULL ? palloc(sizeof(CgRowLimit)) :
		repalloc(access->limits, (access->n_limits + 1) * sizeof(CgRowLimit));
	limit = &access->limits[access->n_limits++];
	limit->grant = grant->id;
	limit->limit = grant->row_limit;
}

void
cg_require_search(int32 category)
{
	CgReason	missing = cg_access_missing(category, InvalidOid,
											CG_LEVEL_SEARCH);
	const CgCategory *c;

	if (missing == CG_GRANTED)
		return;

	/* CHECK constraints must hold while a dump is restored, too. */
	if (!check_function_bodies && superuser())
		return;
	c = cg_category_by_id(category, true);
	if (c != NULL && !c->searchable)
		return;					/* comparing will say that it cannot */

	/* What was compared with may stand in the statement. */
	cg_plain_at = GetCurrentTransactionStartTimestamp();
	if (missing != CG_NO_GRANT)
		cg_raise_refusal(category, InvalidOid, missing, "comparing");
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
	wanted = cg_level_by_name(text_to_cstring(PG_GETARG_TEXT_PP(1)));
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

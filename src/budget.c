/*
 * budget.c
 *		How many values a role may be shown in an hour and in a day.
 *
 * What is spent is charged to the current user and to the role that logged in,
 * so that SET ROLE and functions of others give nobody a budget of their own;
 * in each case to the role itself, though the limit may be that of a group.  A
 * grant with a row limit, where no other one opens the values, is charged too.
 *
 * Call sites ask value for value.  What a value is charged to is remembered
 * for each category and relation until the statement, the user, a grant, a
 * budget or a category changes.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "compat.h"

#include "access.h"
#include "alert.h"
#include "budget.h"
#include "budget_limit.h"
#include "budget_slot.h"
#include "catalog.h"
#include "category.h"
#include "cipguard.h"
#include "event.h"
#include "guc.h"
#include "maintenance.h"

#define NUM_CHARGES			32

/* What a value of a category and relation is charged to. */
typedef struct CgCharge
{
	Oid			user;			/* InvalidOid: nothing is known yet */
	int32		category;
	Oid			relation;
	TimestampTz statement;
	uint64		epoch;
	uint64		categories;		/* cg_category_generation() */
	bool		defaults;		/* cg_default_budgets */
	int			n_roles;
	CgAccount	role[2];
	int			n_grants;		/* any of them will do; 0: none is needed */
	CgAccount  *grant;			/* space for max_grants */
	int			max_grants;
	CgPurse		purse;
	uint32		want;			/* to set aside next time */
} CgCharge;

/* A value that was paid for before it is given. */
typedef struct CgPrepaid
{
	Oid			user;			/* InvalidOid: none */
	int32		category;
	TimestampTz statement;
} CgPrepaid;

static CgBudgetKey role_key(Oid role, int32 category);
static CgBudgetKey grant_key(int64 grant);
static inline CgCharge *charge_of(int32 category, Oid relation);
static void prepare(CgCharge *charge, int32 category, Oid relation);
static void add_role(CgCharge *charge, Oid role);
static void add_grants(CgCharge *charge);
static bool spend(CgCharge *charge, uint32 n, const char *doing);
static void empty_purses(void);
static void transaction_ends(XactEvent event, void *arg);
static void refuse(const CgCharge *charge, CgSpent why,
				   const CgAccount *which, bool first, int error,
				   const char *doing);
static bool make_room(void);
static List *grants_over(void);
static bool holds(List *numbers, int64 number);
static bool sees_all(void);
static bool would_help(Oid grantee, int32 category);
static bool is_granted(Oid role, int32 category);
static void show(ReturnSetInfo *result, const CgBudgetKey *key);

static CgCharge charges[NUM_CHARGES];
static CgPrepaid prepaid[NUM_CHARGES];
static bool running = false;	/* a statement, at whose end purses empty */
static bool purses_used = false;
static uint64 last_serial = 0;

void
cg_budget_init(void)
{
	cg_budget_limit_init();
	cg_budget_slot_init();
	RegisterXactCallback(transaction_ends, NULL);
}

/* ---------- charging ---------- */

static CgBudgetKey
role_key(Oid role, int32 category)
{
	CgBudgetKey key = {0, MyDatabaseId, role, category, 0};

	return key;
}

static CgBudgetKey
grant_key(int64 grant)
{
	CgBudgetKey key = {grant, MyDatabaseId, InvalidOid, -1, 0};

	return key;
}

bool
cg_budget_spend(int32 category, Oid relation, uint32 n)
{
	CgCharge   *charge;
	CgPrepaid  *paid;

	if (!cg_budget_counts())
		return true;
	charge = charge_of(category, relation);
	if (charge->n_roles == 0 && charge->n_grants == 0)
		return true;
	paid = &prepaid[(uint32) category % NUM_CHARGES];
	if (paid->user == GetUserId() && paid->category == category &&
		paid->statement == cg_access_now())
	{
		paid->user = InvalidOid;
		n--;
	}
	return n == 0 || spend(charge, n, NULL);
}

struct CgPurse *
cg_budget_purse(int32 category, Oid relation)
{
	CgCharge   *charge = charge_of(category, relation);

	return charge->purse.left > 0 ? &charge->purse : NULL;
}

void
cg_budget_compare(int32 category, Oid relation)
{
	CgPrepaid  *paid = &prepaid[(uint32) category % NUM_CHARGES];
	CgCharge   *charge;

	if (cg_budget_is_free(category, relation))
		return;
	charge = charge_of(category, relation);
	(void) spend(charge, 1, "comparing");
	charge->purse.serial = ++last_serial;
	paid->category = category;
	paid->user = GetUserId();
	paid->statement = cg_access_now();
}

bool
cg_budget_is_free(int32 category, Oid relation)
{
	CgCharge   *charge;

	if (!cg_budget_counts())
		return true;
	charge = charge_of(category, relation);
	return charge->n_roles == 0 && charge->n_grants == 0;
}

bool
cg_budget_is_unlimited(int32 category, Oid user)
{
	uint64		hour;
	uint64		day;

	cg_budget_left(category, user, &hour, &day);
	return hour == PG_UINT64_MAX && day == PG_UINT64_MAX;
}

static inline CgCharge *
charge_of(int32 category, Oid relation)
{
	CgCharge   *charge = &charges[(category ^ relation) % NUM_CHARGES];

	if (unlikely(charge->user != GetUserId() ||
				 charge->category != category ||
				 charge->relation != relation ||
				 charge->statement != cg_access_now() ||
				 charge->epoch != cg_access_epoch() ||
				 charge->categories != cg_category_generation() ||
				 charge->defaults != cg_default_budgets))
		prepare(charge, category, relation);
	return charge;
}

static void
prepare(CgCharge *charge, int32 category, Oid relation)
{
	Oid			login = GetAuthenticatedUserId();

	cg_budget_put_back(&charge->purse);
	charge->purse.serial = ++last_serial;
	charge->want = 0;
	charge->user = InvalidOid;
	charge->category = category;
	charge->relation = relation;
	charge->statement = cg_access_now();
	charge->epoch = cg_access_epoch();
	charge->categories = cg_category_generation();
	charge->defaults = cg_default_budgets;
	charge->n_roles = 0;
	add_role(charge, GetUserId());
	if (OidIsValid(login) && login != GetUserId())
		add_role(charge, login);
	add_grants(charge);
	charge->user = GetUserId();
}

static void
add_role(CgCharge *charge, Oid role)
{
	CgLimits	limits = cg_budget_limits(role, charge->category);
	CgAccount  *account;

	if (limits.per_hour == CG_NO_LIMIT && limits.per_day == CG_NO_LIMIT)
		return;
	account = &charge->role[charge->n_roles++];
	account->key = role_key(role, charge->category);
	account->per_hour = limits.per_hour;
	account->per_day = limits.per_day;
	account->slot = NULL;
}

static void
add_grants(CgCharge *charge)
{
	const CgRowLimit *limits;
	int			n = cg_access_row_limits(charge->category, charge->relation,
										 &limits);
	int			i;

	charge->n_grants = 0;
	if (n > charge->max_grants)
	{
		if (charge->grant != NULL)
			pfree(charge->grant);
		charge->grant = NULL;
		charge->max_grants = 0;
		charge->grant = MemoryContextAlloc(TopMemoryContext,
										   n * sizeof(CgAccount));
		charge->max_grants = n;
	}
	for (i = 0; i < n; i++)
	{
		charge->grant[i].key = grant_key(limits[i].grant);
		charge->grant[i].per_hour = (uint64) limits[i].limit;
		charge->grant[i].per_day = CG_NO_LIMIT;
		charge->grant[i].slot = NULL;
	}
	charge->n_grants = n;
}

/* doing: what it is an error not to have budget for; NULL: there are masks. */
static bool
spend(CgCharge *charge, uint32 n, const char *doing)
{
	CgAccount  *accounts[3];
	CgAccount  *which = NULL;
	CgSpent		result;
	bool		first;
	int			error;
	int			i = 0;

	if (cg_budget_pay(&charge->purse, n))
		return true;
	cg_budget_put_back(&charge->purse);
	for (;;)
	{
		int			n_accounts = 0;

		while (n_accounts < charge->n_roles)
		{
			accounts[n_accounts] = &charge->role[n_accounts];
			n_accounts++;
		}
		if (charge->n_grants > 0)
			accounts[n_accounts++] = &charge->grant[i];
		result = cg_budget_charge(accounts, n_accounts, n,
								  running ? charge->want : 0, &charge->purse,
								  &which, &first);
		if (likely(result == CG_SPEND_DONE))
		{
			/* Who is shown one value shall not pay for setting aside. */
			charge->want = Min(2 * charge->want + 1, CG_MAX_PURSE);
			purses_used = purses_used || charge->purse.left > 0;
			return true;
		}
		error = errno;
		if (result == CG_SPEND_GRANT && i + 1 < charge->n_grants)
			i++;
		else if (result != CG_SPEND_FULL || !make_room())
			break;
	}
	refuse(charge, result, which, first, error, doing);
	return false;
}

void
cg_budget_running(bool begins)
{
	running = begins;
	if (!begins)
		empty_purses();
}

static void
empty_purses(void)
{
	int			i;

	for (i = 0; i < NUM_CHARGES && purses_used; i++)
		cg_budget_put_back(&charges[i].purse);
	purses_used = false;
}

/* If a session is ended, its statement has no end of its own. */
static void
transaction_ends(XactEvent event, void *arg)
{
	empty_purses();
}

static void
refuse(const CgCharge *charge, CgSpent why, const CgAccount *which,
	   bool first, int error, const char *doing)
{
	const char *whose = which->key.role == charge->user ? "role" :
	"role that logged in";
	char	   *detail = NULL;

	if (first)
		switch (why)
		{
			case CG_SPEND_DONE:
				break;
			case CG_SPEND_HOUR:
				detail = psprintf("the budget of the %s, " UINT64_FORMAT
								  " values in an hour, is spent",
								  whose, which->per_hour);
				break;
			case CG_SPEND_DAY:
				detail = psprintf("the budget of the %s, " UINT64_FORMAT
								  " values in a day, is spent",
								  whose, which->per_day);
				break;
			case CG_SPEND_GRANT:
				detail = psprintf("the row limit of grant " INT64_FORMAT ", "
								  UINT64_FORMAT " values, is reached",
								  which->key.grant, which->per_hour);
				break;
			case CG_SPEND_CLOSED:
				detail = pstrdup("the file of budgets was damaged");
				break;
			case CG_SPEND_FULL:
				ereport(LOG,
						(errcode(CG_ERRCODE_BUDGET),
						 errmsg("there is no room to count what is disclosed"),
						 errhint("Raise %s.", "cipguard.budget_slots")));
				detail = pstrdup("there is no room to count; see cipguard.budget_slots");
				break;
			case CG_SPEND_UNWRITTEN:
				errno = error;
				ereport(LOG,
						(errcode_for_file_access(),
						 errmsg("could not write the file of budgets: %m")));
				detail = pstrdup("the file of budgets cannot be written");
				break;
		}
	if (detail != NULL)
		cg_alert("budget", charge->relation, charge->category, detail);
	if (doing != NULL)
		cg_raise_refusal(charge->category, charge->relation, CG_BUDGET_SPENT,
						 doing);
	cg_report_refusal(charge->category, charge->relation, CG_BUDGET_SPENT);
}

/*
 * Slots of roles are reused when their windows have passed; those of grants
 * only when it is certain that the grant is over.
 */
static bool
make_room(void)
{
	static TimestampTz tried_at = 0;
	CgBudgetKey *keys;
	List	   *over;
	bool		made = false;
	int			n;
	int			i;

	if (tried_at == cg_access_now())
		return false;
	tried_at = cg_access_now();
	over = grants_over();
	keys = cg_budget_keys(&n);
	for (i = 0; i < n; i++)
	{
		if (keys[i].grant == 0)
			continue;
		if (keys[i].database == MyDatabaseId ?
			!holds(over, keys[i].grant) :
			SearchSysCacheExists1(DATABASEOID,
								  ObjectIdGetDatum(keys[i].database)))
			continue;
		cg_budget_drop(&keys[i]);
		made = true;
	}
	pfree(keys);
	list_free_deep(over);
	return made;
}

/* Pointers to the numbers of grants that were revoked or have ended. */
static List *
grants_over(void)
{
	Oid			nspoid = cg_schema_oid();
	Oid			relid = OidIsValid(nspoid) ?
	get_relname_relid("access_grant", nspoid) : InvalidOid;
	TimestampTz now = GetCurrentTimestamp();
	List	   *result = NIL;
	AttrNumber	id;
	AttrNumber	revoked;
	AttrNumber	until;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (!OidIsValid(relid))
		return NIL;
	id = get_attnum(relid, "id");
	revoked = get_attnum(relid, "revoked_at");
	until = get_attnum(relid, "valid_until");
	rel = table_open(relid, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		TupleDesc	desc = RelationGetDescr(rel);
		bool		never_revoked;
		bool		endless;
		bool		isnull;
		Datum		end;
		int64	   *over;

		(void) heap_getattr(tuple, revoked, desc, &never_revoked);
		end = heap_getattr(tuple, until, desc, &endless);
		if (never_revoked && (endless || DatumGetTimestampTz(end) > now))
			continue;
		over = palloc(sizeof(int64));
		*over = DatumGetInt64(heap_getattr(tuple, id, desc, &isnull));
		result = lappend(result, over);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

static bool
holds(List *numbers, int64 number)
{
	ListCell   *lc;

	foreach(lc, numbers)
		if (*(int64 *) lfirst(lc) == number)
		return true;
	return false;
}

void
cg_budget_left(int32 category, Oid user, uint64 *hour_left, uint64 *day_left)
{
	Oid			roles[2];
	int			n = 0;
	int			i;

	*hour_left = *day_left = PG_UINT64_MAX;
	if (!cg_budget_counts())
		return;
	empty_purses();
	roles[n++] = user;
	if (user == GetUserId() && OidIsValid(GetAuthenticatedUserId()) &&
		GetAuthenticatedUserId() != user)
		roles[n++] = GetAuthenticatedUserId();
	for (i = 0; i < n; i++)
	{
		CgLimits	limits = cg_budget_limits(roles[i], category);
		CgBudgetKey key = role_key(roles[i], category);
		CgBudgetCount count;

		cg_budget_used(&key, &count);
		if (limits.per_hour != CG_NO_LIMIT)
			*hour_left = Min(*hour_left, limits.per_hour > count.hour ?
							 limits.per_hour - count.hour : 0);
		if (limits.per_day != CG_NO_LIMIT)
			*day_left = Min(*day_left, limits.per_day > count.day ?
							limits.per_day - count.day : 0);
	}
}

/* ---------- SQL ---------- */

/*
 * guard_budget() RETURNS trigger
 *
 * Nobody sets a budget that is his own, by name or by membership, and nobody
 * who was granted values of a category that of every role: what he is shown
 * would depend on it.
 */
PG_FUNCTION_INFO_V1(cipguard_guard_budget);
Datum
cipguard_guard_budget(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	HeapTuple	tuples[2];
	HeapTuple	tuple;
	TupleDesc	desc;
	int			cols[2] = {CG_BUDGET_SET_BY, CG_BUDGET_SET_AT};
	Datum		values[2];
	bool		nulls[2] = {false, false};
	int			i;

	cg_require_our_trigger(fcinfo);
	desc = RelationGetDescr(trigdata->tg_relation);
	tuples[0] = trigdata->tg_trigtuple;
	tuples[1] = TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event) ?
		trigdata->tg_newtuple : NULL;
	tuple = tuples[1] != NULL ? tuples[1] : tuples[0];

	/* Restoring a dump repeats what was set elsewhere. */
	if (superuser() && !check_function_bodies)
		return PointerGetDatum(tuple);

	for (i = 0; i < 2 && tuples[i] != NULL; i++)
	{
		bool		every_role;
		bool		every_category;
		Datum		grantee = heap_getattr(tuples[i], CG_BUDGET_GRANTEE, desc,
										   &every_role);
		Datum		name = heap_getattr(tuples[i], CG_BUDGET_CATEGORY, desc,
										&every_category);
		int32		category = CG_EVERY_CATEGORY;

		if (!every_category && TRIGGER_FIRED_BY_DELETE(trigdata->tg_event))
			category = cg_name_hash(TextDatumGetCString(name));
		else if (!every_category)
			category = cg_category_by_name(TextDatumGetCString(name),
										   false)->id;
		if (!would_help(every_role ? InvalidOid : DatumGetObjectId(grantee),
						category))
			continue;
		cg_event_refused("budget of oneself", InvalidOid);
		ereport(ERROR,
				(errcode(CG_ERRCODE_SELF_GRANT),
				 every_role ?
				 errmsg("cannot set the budget of every role while you are granted what it is about") :
				 errmsg("cannot set the budget of yourself or of a role you are a member of"),
				 errhint("Ask another member of %s.", CG_ROLE_OFFICER)));
	}
	if (TRIGGER_FIRED_BY_DELETE(trigdata->tg_event))
		return PointerGetDatum(tuple);
	values[0] = CStringGetTextDatum(GetUserNameFromId(GetAuthenticatedUserId(),
													  false));
	values[1] = TimestampTzGetDatum(GetCurrentTimestamp());
	return PointerGetDatum(heap_modify_tuple_by_cols(tuple, desc, 2, cols,
													 values, nulls));
}

/* Would whoever acts be shown more by another budget of a role? */
static bool
would_help(Oid grantee, int32 category)
{
	Oid			persons[3];
	int			i;

	persons[0] = GetUserId();
	persons[1] = GetSessionUserId();
	persons[2] = GetAuthenticatedUserId();
	for (i = 0; i < 3; i++)
		if (OidIsValid(grantee) ?
			is_member_of_role_nosuper(persons[i], grantee) :
			is_granted(persons[i], category))
			return true;
	return false;
}

/* May a role be shown values of the category, by a grant for any table? */
static bool
is_granted(Oid role, int32 category)
{
	Oid			relid = get_relname_relid("access_grant", cg_schema_oid());
	Relation	rel = table_open(relid, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	AttrNumber	grantee = get_attnum(relid, "grantee");
	AttrNumber	name = get_attnum(relid, "category");
	AttrNumber	level = get_attnum(relid, "level");
	AttrNumber	revoked = get_attnum(relid, "revoked_at");
	AttrNumber	until = get_attnum(relid, "valid_until");
	TimestampTz now = GetCurrentTimestamp();
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0,
										  NULL);
	HeapTuple	tuple;
	bool		result = false;

	while (!result && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		end;

		(void) heap_getattr(tuple, revoked, desc, &isnull);
		if (!isnull)
			continue;
		end = heap_getattr(tuple, until, desc, &isnull);
		if (!isnull && DatumGetTimestampTz(end) <= now)
			continue;
		if (strcmp(TextDatumGetCString(heap_getattr(tuple, level, desc,
													&isnull)), "read") != 0)
			continue;
		if (category != CG_EVERY_CATEGORY &&
			category != cg_name_hash(TextDatumGetCString(heap_getattr(tuple,
																	  name,
																	  desc,
																	  &isnull))))
			continue;
		result = is_member_of_role_nosuper(role,
										   DatumGetObjectId(heap_getattr(tuple,
																		 grantee,
																		 desc,
																		 &isnull)));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/*
 * budget_rows(OUT role regrole, OUT category text, OUT hour_used bigint,
 *			   OUT hour_limit bigint, OUT day_used bigint,
 *			   OUT day_limit bigint) RETURNS SETOF record
 */
PG_FUNCTION_INFO_V1(cipguard_budget_rows);
Datum
cipguard_budget_rows(PG_FUNCTION_ARGS)
{
	bool		all = sees_all();
	CgBudgetKey *keys;
	int			n;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	if (!cg_budget_counts())
		return (Datum) 0;
	empty_purses();
	keys = cg_budget_keys(&n);
	for (i = 0; i < n; i++)
		if (keys[i].database == MyDatabaseId && keys[i].grant == 0 &&
			(all || keys[i].role == GetUserId() ||
			 keys[i].role == GetAuthenticatedUserId()))
			show((ReturnSetInfo *) fcinfo->resultinfo, &keys[i]);
	return (Datum) 0;
}

static bool
sees_all(void)
{
	return superuser() ||
		cg_has_privs_of(GetUserId(), get_role_oid(CG_ROLE_OFFICER, false)) ||
		cg_has_privs_of(GetUserId(), get_role_oid(CG_ROLE_AUDITOR, false));
}

static void
show(ReturnSetInfo *result, const CgBudgetKey *key)
{
	const CgCategory *c = cg_category_by_id(key->category, true);
	CgLimits	limits;
	CgBudgetCount count;
	Datum		values[6];
	bool		nulls[6] = {false};

	if (c == NULL)
		return;
	values[1] = CStringGetTextDatum(NameStr(c->name));
	cg_budget_used(key, &count);
	limits = cg_budget_limits(key->role, key->category);
	values[0] = ObjectIdGetDatum(key->role);
	values[2] = Int64GetDatum((int64) count.hour);
	values[3] = Int64GetDatum((int64) limits.per_hour);
	nulls[3] = limits.per_hour == CG_NO_LIMIT;
	values[4] = Int64GetDatum((int64) count.day);
	values[5] = Int64GetDatum((int64) limits.per_day);
	nulls[5] = limits.per_day == CG_NO_LIMIT;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* shown_under(grant_id bigint) RETURNS bigint */
PG_FUNCTION_INFO_V1(cipguard_shown_under);
Datum
cipguard_shown_under(PG_FUNCTION_ARGS)
{
	CgBudgetKey key = grant_key(PG_GETARG_INT64(0));
	CgBudgetCount count;

	if (!cg_budget_counts())
		PG_RETURN_NULL();
	empty_purses();
	cg_budget_used(&key, &count);
	PG_RETURN_INT64((int64) count.all);
}

/* reset_budgets() RETURNS void */
PG_FUNCTION_INFO_V1(cipguard_reset_budgets);
Datum
cipguard_reset_budgets(PG_FUNCTION_ARGS)
{
	if (!superuser())
	{
		cg_event_refused("reset of budgets", InvalidOid);
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to reset budgets"),
				 errhint("Only superusers can, in a maintenance window; an officer can raise a budget with %s.",
						 "cipguard.set_budget()")));
	}
	if (!cg_maintenance_open(InvalidOid))
	{
		cg_event_refused("reset of budgets", InvalidOid);
		ereport(ERROR,
				(errcode(CG_ERRCODE_GUARDED),
				 errmsg("budgets are reset in a maintenance window only"),
				 errhint("A member of %s opens one with %s.", CG_ROLE_OFFICER,
						 "cipguard.open_maintenance(reason)")));
	}
	if (!cg_budget_counts())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("nothing is counted"),
				 errhint("Add cipguard to shared_preload_libraries, and restart.")));
	cg_event_done("reset of budgets", InvalidOid, NULL, "");
	if (!cg_budget_forget(MyDatabaseId))
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not write the file of budgets: %m"),
				 errhint("See to it that the server can write cipguard/budget in its data directory, and call the function again.")));
	PG_RETURN_VOID();
}

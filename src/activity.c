/*
 * activity.c
 *		Processing activities: what personal data are used for.
 *
 * Live versions are rows of cipguard.activity without an end.  They are kept
 * in the backend until the table, or that of their columns, changes; which of
 * them the session has stated is found again when cipguard.purpose changes.
 *
 * An activity that is limited to columns opens no others: not those of other
 * tables either, or a copy of a table would open what the table does not.  A
 * table below a listed one shows the same columns.
 *
 * Activities bind columns, too: with cipguard.require_activity a column that
 * no live one may use is not written into.  That is asked where PostgreSQL
 * asks for the right to write, so that every way is met that has one: INSERT,
 * UPDATE, MERGE, COPY FROM, through views and in functions.  Replication
 * copies what was written elsewhere and does not come here.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "parser/parsetree.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "acting.h"
#include "activity.h"
#include "catalog.h"
#include "category.h"
#include "cipguard.h"
#include "event.h"
#include "guc.h"
#include "label.h"
#include "maintenance.h"
#include "plan.h"
#include "protect.h"

/* Columns of cipguard.activity, in the order of sql/parts/41_activity.sql. */
enum
{
	COL_ID = 1,
	COL_NAME,
	COL_VERSION,
	COL_PURPOSE,
	COL_LEGAL_BASIS,
	COL_CATEGORIES,
	COL_OWNER,
	COL_RETENTION,
	COL_NECESSARY,
	COL_LIMITED,
	COL_ROLES,
	COL_VALID_FROM,
	COL_MADE_BY,
	COL_ENDED_AT,
	COL_ENDED_BY
};
#define NUM_COLS COL_ENDED_BY

/* And of cipguard.activity_column. */
enum
{
	COL_ACTIVITY = 1,
	COL_RELATION,
	COL_COLUMN_NAME,
	COL_ATTNUM
};
#define NUM_COLUMN_COLS COL_ATTNUM

typedef struct CgActivityColumn
{
	int64		activity;
	Oid			relation;
	NameData	name;
	AttrNumber	attnum;
} CgActivityColumn;

typedef struct CgActivity
{
	int64		id;
	char	   *name;
	bool		consent;		/* its legal basis */
	bool		limited;		/* to the columns in columns[] */
	int			n_categories;
	int32	   *categories;
	int			n_roles;		/* 0: whoever has a grant */
	char	  **roles;
} CgActivity;

static void load(void);
static void load_activities(void);
static void load_columns(void);
static char **text_array(Datum array, int *n);
static const CgActivity *stated(void);
static bool is_for(const CgActivity *activity, Oid user);
static bool uses_category(const CgActivity *activity, int32 category);
static bool lists_column(const CgActivity *activity, Oid relid,
						 List *ancestors, const char *name);
static bool still_is(const CgActivityColumn *column);
static bool lists_any(const CgActivity *activity, Oid relid);
static char *why_not(const CgActivity *activity, const CgAsk *ask);
static bool check_write(CG_CHECK_PERMS_PARAMS);
static void check_columns(Oid relid, const Bitmapset *written);
static bool is_bound(const CgProtection *p, AttrNumber attnum);
static bool restores(void);
static void check_categories(Datum array);
static void check_roles(Datum array);
static int32 next_version(Datum name);
static HeapTuple find_activity(Relation rel, int64 id);
static void require_row_trigger(FunctionCallInfo fcinfo);

static CgWatch watch = {.relname = "activity",.natts = NUM_COLS};
static CgWatch column_watch = {.relname = "activity_column",
.natts = NUM_COLUMN_COLS};
static uint64 loaded = 0;		/* generations of what follows */
static MemoryContext context = NULL;
static CgActivity *activities = NULL;
static int	num_activities = 0;
static CgActivityColumn *columns = NULL;
static int	num_columns = 0;
static uint64 stated_at = 0;	/* generations of stated_activity */
static const CgActivity *stated_activity = NULL;
static ExecutorCheckPerms_hook_type prev_check_perms = NULL;

void
cg_activity_init(void)
{
	cg_watch_access(&watch);
	cg_watch_access(&column_watch);
	if (!cg_preloaded)
		return;
	prev_check_perms = ExecutorCheckPerms_hook;
	ExecutorCheckPerms_hook = check_write;
}

static void
load(void)
{
	uint64		generation = watch.generation + column_watch.generation;

	if (loaded == generation)
		return;
	loaded = stated_at = 0;
	num_activities = num_columns = 0;
	if (context == NULL)
		context = AllocSetContextCreate(CacheMemoryContext,
										"cipguard activities",
										ALLOCSET_SMALL_SIZES);
	MemoryContextReset(context);
	load_activities();
	load_columns();
	loaded = generation;
}

static void
load_activities(void)
{
	Relation	rel = cg_watch_open(&watch);
	SysScanDesc scan;
	HeapTuple	tuple;
	int			allocated = 16;

	if (rel == NULL)
		return;
	activities = MemoryContextAlloc(context, allocated * sizeof(CgActivity));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Datum		values[NUM_COLS];
		bool		nulls[NUM_COLS];
		CgActivity *a;
		char	  **names;
		int			i;

		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		if (!nulls[COL_ENDED_AT - 1])
			continue;
		if (num_activities == allocated)
		{
			allocated *= 2;
			activities = repalloc(activities, allocated * sizeof(CgActivity));
		}
		a = &activities[num_activities++];
		memset(a, 0, sizeof(CgActivity));
		a->id = DatumGetInt64(values[COL_ID - 1]);
		a->name = MemoryContextStrdup(context,
									  TextDatumGetCString(values[COL_NAME - 1]));
		a->consent =
			strcmp(TextDatumGetCString(values[COL_LEGAL_BASIS - 1]),
				   "consent") == 0;
		a->limited = DatumGetBool(values[COL_LIMITED - 1]);
		names = text_array(values[COL_CATEGORIES - 1], &a->n_categories);
		a->categories = MemoryContextAlloc(context, a->n_categories *
										   sizeof(int32));
		for (i = 0; i < a->n_categories; i++)
			a->categories[i] = cg_name_hash(names[i]);
		if (!nulls[COL_ROLES - 1])
			a->roles = text_array(values[COL_ROLES - 1], &a->n_roles);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

static void
load_columns(void)
{
	Relation	rel = cg_watch_open(&column_watch);
	SysScanDesc scan;
	HeapTuple	tuple;
	int			allocated = 16;

	if (rel == NULL)
		return;
	columns = MemoryContextAlloc(context,
								 allocated * sizeof(CgActivityColumn));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Datum		values[NUM_COLUMN_COLS];
		bool		nulls[NUM_COLUMN_COLS];
		CgActivityColumn *c;

		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		if (num_columns == allocated)
		{
			allocated *= 2;
			columns = repalloc(columns, allocated * sizeof(CgActivityColumn));
		}
		c = &columns[num_columns++];
		c->activity = DatumGetInt64(values[COL_ACTIVITY - 1]);
		c->relation = DatumGetObjectId(values[COL_RELATION - 1]);
		namestrcpy(&c->name,
				   NameStr(*DatumGetName(values[COL_COLUMN_NAME - 1])));
		c->attnum = DatumGetInt16(values[COL_ATTNUM - 1]);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* The elements of a text[] without nulls, in the cache's context. */
static char **
text_array(Datum array, int *n)
{
	Datum	   *elems;
	bool	   *nulls;
	char	  **result;
	int			i;
	int			k = 0;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &elems, &nulls, n);
	result = MemoryContextAlloc(context, Max(*n, 1) * sizeof(char *));
	for (i = 0; i < *n; i++)
		if (!nulls[i])
			result[k++] = MemoryContextStrdup(context,
											  TextDatumGetCString(elems[i]));
	*n = k;
	return result;
}

/* The activity that the session has stated, if it is live. */
static const CgActivity *
stated(void)
{
	uint64		generation;
	int			i;

	if (cg_purpose == NULL || cg_purpose[0] == '\0')
		return NULL;
	generation = watch.generation + column_watch.generation +
		cg_guc_generation;
	if (likely(stated_at == generation))
		return stated_activity;
	load();
	stated_activity = NULL;
	for (i = 0; i < num_activities; i++)
		if (strcmp(activities[i].name, cg_purpose) == 0)
			stated_activity = &activities[i];
	stated_at = generation;
	return stated_activity;
}

static bool
is_for(const CgActivity *activity, Oid user)
{
	int			i;

	for (i = 0; i < activity->n_roles; i++)
	{
		Oid			role = get_role_oid(activity->roles[i], true);

		if (OidIsValid(role) && cg_has_privs_of(user, role))
			return true;
	}
	return activity->n_roles == 0;
}

static bool
uses_category(const CgActivity *activity, int32 category)
{
	int			i;

	for (i = 0; i < activity->n_categories; i++)
		if (activity->categories[i] == category)
			return true;
	return false;
}

/* Does it list a column of that name of a table, or of one above? */
static bool
lists_column(const CgActivity *activity, Oid relid, List *ancestors,
			 const char *name)
{
	int			i;

	for (i = 0; i < num_columns; i++)
	{
		const CgActivityColumn *c = &columns[i];

		if (c->activity == activity->id &&
			strcmp(NameStr(c->name), name) == 0 &&
			(c->relation == relid ||
			 list_member_oid(ancestors, c->relation)) &&
			still_is(c))
			return true;
	}
	return false;
}

static bool
still_is(const CgActivityColumn *column)
{
	return get_attnum(column->relation,
					  NameStr(column->name)) == column->attnum;
}

/* Does it list any column of a table, or of one above? */
static bool
lists_any(const CgActivity *activity, Oid relid)
{
	List	   *ancestors = cg_ancestors(relid);
	int			i;

	for (i = 0; i < num_columns; i++)
		if (columns[i].activity == activity->id &&
			(columns[i].relation == relid ||
			 list_member_oid(ancestors, columns[i].relation)) &&
			still_is(&columns[i]))
			return true;
	return false;
}

bool
cg_purpose_applies(const CgAsk *ask)
{
	return cg_require_purpose;
}

bool
cg_purpose_met(const CgAsk *ask, CgAnswer *answer)
{
	const CgActivity *activity = stated();

	if (activity != NULL && is_for(activity, ask->user) &&
		uses_category(activity, ask->category) &&
		(!activity->limited || (OidIsValid(ask->relation) &&
								lists_any(activity, ask->relation))))
		return true;
	if (ask->explain)
		answer->detail = why_not(activity, ask);
	return false;
}

static char *
why_not(const CgActivity *activity, const CgAsk *ask)
{
	const CgCategory *c;

	if (cg_purpose == NULL || cg_purpose[0] == '\0')
		return pstrdup("No purpose is set.");
	if (activity == NULL)
		return psprintf("No live activity is called \"%s\".", cg_purpose);
	if (!is_for(activity, ask->user))
		return psprintf("Activity \"%s\" is for other roles.", cg_purpose);
	c = cg_category_by_id(ask->category, true);
	if (!uses_category(activity, ask->category))
		return psprintf("Activity \"%s\" may not use category \"%s\".",
						cg_purpose, c ? NameStr(c->name) : "?");
	if (!OidIsValid(ask->relation))
		return psprintf("Activity \"%s\" is limited to columns, and it is not known of which the value is.",
						cg_purpose);
	return psprintf("Activity \"%s\" is limited to columns, none of them of table \"%s\".",
					cg_purpose, get_rel_name(ask->relation));
}

int64
cg_activity_now(int32 category, Oid relation)
{
	const CgActivity *activity = stated();

	if (activity == NULL || !is_for(activity, GetUserId()) ||
		!uses_category(activity, category) ||
		(activity->limited && OidIsValid(relation) &&
		 !lists_any(activity, relation)))
		return 0;
	return activity->id;
}

int64
cg_activity_stated(bool *needs_consent)
{
	const CgActivity *activity = stated();

	*needs_consent = activity != NULL && activity->consent;
	return activity == NULL ? 0 : activity->id;
}

int64
cg_activity_with_consent(int32 category, int64 after)
{
	int64		result = 0;
	int			i;

	load();
	for (i = 0; i < num_activities; i++)
		if (activities[i].consent && activities[i].id > after &&
			(result == 0 || activities[i].id < result) &&
			uses_category(&activities[i], category))
			result = activities[i].id;
	return result;
}

bool
cg_activity_opens_column(Oid relid, AttrNumber attnum)
{
	const CgActivity *activity;
	char	   *name;

	if (!cg_require_purpose || (activity = stated()) == NULL ||
		!activity->limited)
		return true;
	name = get_attname(relid, attnum, true);
	return name != NULL &&
		lists_column(activity, relid, cg_ancestors(relid), name);
}

bool
cg_activity_opens_category(int32 category, Oid relid)
{
	const CgActivity *activity;
	const CgProtection *p;
	int			i;
	int			k;

	if (!cg_require_purpose || (activity = stated()) == NULL ||
		!activity->limited)
		return true;
	p = cg_protection(relid);
	for (i = 0; p != NULL && i < p->natts; i++)
		for (k = 0; p->columns[i] != NULL && k < p->columns[i]->n_needs; k++)
			if (p->columns[i]->needs[k] == category &&
				!cg_activity_opens_column(relid, i + 1))
				return false;
	return p != NULL;
}

bool
cg_activity_asks_consent(int64 activity)
{
	int			i;

	load();
	for (i = 0; i < num_activities; i++)
		if (activities[i].id == activity)
			return activities[i].consent;
	return false;
}

bool
cg_activity_exists(int64 activity)
{
	Relation	rel = cg_watch_open(&watch);
	HeapTuple	tuple;

	if (rel == NULL)
		return false;
	tuple = find_activity(rel, activity);
	table_close(rel, AccessShareLock);
	return tuple != NULL;
}

/* ---------- writes into columns of no activity ---------- */

static bool
check_write(CG_CHECK_PERMS_PARAMS)
{
	ListCell   *lc;

	if (ereport_on_violation && cg_require_activity && cg_search_ready() &&
		!restores() &&
		!(cg_acting_depth >= 0 && cg_utility_depth == cg_acting_depth))
		foreach(lc, CG_PERMISSIONS)
	{
		const CgPermission *permission = lfirst(lc);

		if (CG_PERMISSION_IS_OF_RELATION(permission))
		{
			check_columns(permission->relid, permission->insertedCols);
			check_columns(permission->relid, permission->updatedCols);
		}
	}
	return prev_check_perms == NULL || prev_check_perms(CG_CHECK_PERMS_ARGS);
}

static void
check_columns(Oid relid, const Bitmapset *written)
{
	const CgProtection *p;
	int			n = -1;

	if (written == NULL || get_rel_relkind(relid) == RELKIND_VIEW)
		return;
	p = cg_protection(relid);
	if (p == NULL)
		return;
	while ((n = bms_next_member(written, n)) >= 0)
	{
		AttrNumber	attnum = n + FirstLowInvalidHeapAttributeNumber;

		if (cg_protected_column(p, attnum) == NULL || is_bound(p, attnum))
			continue;
		cg_event_refused(psprintf("writing column %s, which belongs to no activity",
								  get_attname(relid, attnum, false)), relid);
		ereport(ERROR,
				(errcode(CG_ERRCODE_UNBOUND),
				 errmsg("column \"%s\" of table \"%s\" belongs to no activity",
						get_attname(relid, attnum, false),
						get_rel_name(relid)),
				 errdetail("Personal data are stored for the purpose of a live activity only."),
				 errhint("An officer can register the activity with %s.",
						 "cipguard.add_activity()")));
	}
}

/* May a live activity use the column, for each category that it holds? */
static bool
is_bound(const CgProtection *p, AttrNumber attnum)
{
	const CgProtectedColumn *column = cg_protected_column(p, attnum);
	List	   *ancestors = cg_ancestors(p->relid);
	char	   *name = get_attname(p->relid, attnum, false);
	int			i;
	int			k;

	load();
	for (k = 0; k < column->n_needs; k++)
	{
		for (i = 0; i < num_activities; i++)
			if (uses_category(&activities[i], column->needs[k]) &&
				(!activities[i].limited ||
				 lists_column(&activities[i], p->relid, ancestors, name)))
				break;
		if (i == num_activities)
			return false;
	}
	return true;
}

/* ---------- guards of the tables ---------- */

/* A dump brings what was registered elsewhere. */
static bool
restores(void)
{
	return superuser() && !check_function_bodies;
}

static void
require_row_trigger(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_FOR_ROW(((TriggerData *) fcinfo->context)->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called as a trigger")));
}

static void
check_categories(Datum array)
{
	Datum	   *elems;
	bool	   *nulls;
	int			n;
	int			i;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &elems, &nulls, &n);
	for (i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("category of an activity must not be null"),
					 errhint("%s lists the categories.", "cipguard.category")));
		(void) cg_category_by_name(TextDatumGetCString(elems[i]), false);
	}
}

static void
check_roles(Datum array)
{
	Datum	   *elems;
	bool	   *nulls;
	int			n;
	int			i;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &elems, &nulls, &n);
	for (i = 0; i < n; i++)
		if (nulls[i] ||
			!OidIsValid(get_role_oid(TextDatumGetCString(elems[i]), true)))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("role \"%s\" does not exist",
							nulls[i] ? "null" : TextDatumGetCString(elems[i])),
					 errhint("Leave the roles out if whoever has a grant may state the activity.")));
}

static int32
next_version(Datum name)
{
	Relation	rel = cg_watch_open(&watch);
	SysScanDesc scan;
	HeapTuple	tuple;
	int32		last = 0;

	if (rel == NULL)
		elog(ERROR, "table of activities is missing");
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		other = heap_getattr(tuple, COL_NAME,
										 RelationGetDescr(rel), &isnull);

		if (strcmp(TextDatumGetCString(other),
				   TextDatumGetCString(name)) == 0)
			last = Max(last, DatumGetInt32(heap_getattr(tuple, COL_VERSION,
														RelationGetDescr(rel),
														&isnull)));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return last + 1;
}

/* A copy; NULL if there is none. */
static HeapTuple
find_activity(Relation rel, int64 id)
{
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0,
										  NULL);
	HeapTuple	tuple;
	HeapTuple	result = NULL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;

		if (DatumGetInt64(heap_getattr(tuple, COL_ID, RelationGetDescr(rel),
									   &isnull)) == id)
		{
			result = heap_copytuple(tuple);
			break;
		}
	}
	systable_endscan(scan);
	return result;
}

/*
 * guard_activity() RETURNS trigger
 *
 * The rules of cipguard.activity, kept with the table: whoever writes it,
 * versions are counted, and only ended.
 */
PG_FUNCTION_INFO_V1(cipguard_guard_activity);
Datum
cipguard_guard_activity(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	HeapTuple	tuple;
	Datum		who;
	Datum		at;
	bool		isnull;
	Datum		roles;
	int			cols[5];
	Datum		values[5];
	bool		nulls[5] = {false};

	require_row_trigger(fcinfo);
	desc = RelationGetDescr(trigdata->tg_relation);
	tuple = TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) ?
		trigdata->tg_trigtuple : trigdata->tg_newtuple;
	if (restores())
		return PointerGetDatum(tuple);
	who = CStringGetTextDatum(GetUserNameFromId(GetAuthenticatedUserId(),
												false));
	at = TimestampTzGetDatum(GetCurrentTimestamp());

	if (!TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
	{
		int			i;

		for (i = COL_ID; i < COL_ENDED_AT; i++)
		{
			bool		old_null;
			bool		new_null;
			Datum		old_value = heap_getattr(trigdata->tg_trigtuple, i,
												 desc, &old_null);
			Datum		new_value = heap_getattr(tuple, i, desc, &new_null);
			Form_pg_attribute att = TupleDescAttr(desc, i - 1);

			if (old_null != new_null ||
				(!old_null && !datum_image_eq(old_value, new_value,
											  att->attbyval, att->attlen)))
				ereport(ERROR,
						(errcode(CG_ERRCODE_REGISTER),
						 errmsg("an activity cannot be changed, only ended"),
						 errhint("Make another version of it with %s.",
								 "cipguard.revise_activity()")));
		}
		(void) heap_getattr(trigdata->tg_trigtuple, COL_ENDED_AT, desc,
							&isnull);
		if (!isnull)
			return PointerGetDatum(NULL);	/* had ended before */
		(void) heap_getattr(tuple, COL_ENDED_AT, desc, &isnull);
		if (isnull)
			return PointerGetDatum(NULL);	/* nothing changes */
		cols[0] = COL_ENDED_AT;
		values[0] = at;
		cols[1] = COL_ENDED_BY;
		values[1] = who;
		return PointerGetDatum(heap_modify_tuple_by_cols(tuple, desc, 2, cols,
														 values, nulls));
	}

	check_categories(heap_getattr(tuple, COL_CATEGORIES, desc, &isnull));
	roles = heap_getattr(tuple, COL_ROLES, desc, &isnull);
	if (!isnull)
		check_roles(roles);
	cols[0] = COL_VERSION;
	values[0] = Int32GetDatum(next_version(heap_getattr(tuple, COL_NAME, desc,
														&isnull)));
	cols[1] = COL_VALID_FROM;
	values[1] = at;
	cols[2] = COL_MADE_BY;
	values[2] = who;
	cols[3] = COL_ENDED_AT;
	cols[4] = COL_ENDED_BY;
	values[3] = values[4] = (Datum) 0;
	nulls[3] = nulls[4] = true;
	return PointerGetDatum(heap_modify_tuple_by_cols(tuple, desc, 5, cols,
													 values, nulls));
}

/*
 * guard_activity_column() RETURNS trigger
 *
 * A version that is there is not widened: its columns come in the transaction
 * that makes it.
 */
PG_FUNCTION_INFO_V1(cipguard_guard_activity_column);
Datum
cipguard_guard_activity_column(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	HeapTuple	tuple;
	HeapTuple	activity;
	Relation	rel;
	int64		id;
	Oid			relid;
	char	   *name;
	AttrNumber	attnum;
	const CgProtection *p;
	const CgProtectedColumn *column;
	CgActivity	made;
	bool		isnull;
	int			col = COL_ATTNUM;
	Datum		value;
	bool		limited;
	int			i;

	require_row_trigger(fcinfo);
	desc = RelationGetDescr(trigdata->tg_relation);
	tuple = trigdata->tg_trigtuple;
	id = DatumGetInt64(heap_getattr(tuple, COL_ACTIVITY, desc, &isnull));
	relid = DatumGetObjectId(heap_getattr(tuple, COL_RELATION, desc,
										  &isnull));
	name = NameStr(*DatumGetName(heap_getattr(tuple, COL_COLUMN_NAME, desc,
											  &isnull)));
	attnum = get_attnum(relid, name);
	isnull = false;
	value = Int16GetDatum(attnum);
	tuple = heap_modify_tuple_by_cols(tuple, desc, 1, &col, &value, &isnull);
	if (restores())
		return PointerGetDatum(tuple);

	rel = cg_watch_open(&watch);
	activity = rel == NULL ? NULL : find_activity(rel, id);
	limited = activity != NULL &&
		DatumGetBool(heap_getattr(activity, COL_LIMITED,
								  RelationGetDescr(rel), &isnull));
	if (!limited ||
		!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(activity->t_data)))
		ereport(ERROR,
				(errcode(CG_ERRCODE_REGISTER),
				 errmsg("columns of an activity cannot be changed"),
				 errhint("Make another version of it with %s.",
						 "cipguard.revise_activity()")));
	p = attnum <= 0 ? NULL : cg_protection(relid);
	column = p == NULL ? NULL : cg_protected_column(p, attnum);
	if (column == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table \"%s\" has no protected column \"%s\"",
						get_rel_name(relid), name),
				 errhint("%s lists what an activity can be limited to.",
						 "cipguard.protected_columns")));
	load();
	for (i = 0; i < num_activities; i++)
		if (activities[i].id == id)
			break;
	table_close(rel, AccessShareLock);
	if (i == num_activities)
		elog(ERROR, "activity " INT64_FORMAT " has ended", id);
	made = activities[i];
	for (i = 0; i < column->n_needs; i++)
		if (!uses_category(&made, column->needs[i]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column \"%s\" of table \"%s\" is of category \"%s\", which the activity does not list",
							name, get_rel_name(relid),
							NameStr(cg_category_by_id(column->needs[i],
													  false)->name)),
					 errhint("Add the category to the activity, or leave the column out.")));
	return PointerGetDatum(tuple);
}

/*
 * protect_register() RETURNS trigger
 *
 * For registers that only grow, superusers included.
 */
PG_FUNCTION_INFO_V1(cipguard_protect_register);
Datum
cipguard_protect_register(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called as a trigger")));
	if (cg_maintenance_open(RelationGetRelid(trigdata->tg_relation)))
		return PointerGetDatum(NULL);
	cg_event_refused("changing a register",
					 RelationGetRelid(trigdata->tg_relation));
	ereport(ERROR,
			(errcode(CG_ERRCODE_REGISTER),
			 errmsg("entries of register \"%s\" cannot be changed",
					RelationGetRelationName(trigdata->tg_relation)),
			 errhint("An officer can open a window with %s.",
					 "cipguard.open_maintenance()")));
	return PointerGetDatum(NULL);
}

/*
 * budget_limit.c
 *		How many values of a category a role may be shown: cipguard.budget.
 *
 * The limit of a role is that of the row of cipguard.budget which names it;
 * else the largest of those which name a role that it is a member of; else
 * that of the row for every role; and in each case of the category rather than
 * of every category.  Where there is none, half of the number counts from
 * which the courts take the disclosure of such data for a crime (article 5 of
 * the interpretation 法释〔2017〕10号: 50, 500 and 5000).
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"

#include "access.h"
#include "budget_limit.h"
#include "category.h"
#include "guc.h"

#define DEFAULT_LEVEL_4		25
#define DEFAULT_SENSITIVE	250
#define DEFAULT_OTHER		2500
#define NUM_COLS			CG_BUDGET_SET_AT

typedef struct CgBudgetRow
{
	Oid			grantee;		/* InvalidOid: every role */
	int32		category;		/* CG_EVERY_CATEGORY */
	CgLimits	limits;
} CgBudgetRow;

static void load_rows(void);
static uint64 limit_of(Datum value, bool isnull);
static const CgBudgetRow *row_of(Oid grantee, int32 category);
static CgLimits default_limits(int32 category);

static CgWatch watch = {.relname = "budget",.natts = NUM_COLS};
static MemoryContext context = NULL;
static uint64 loaded = 0;		/* generation of rows[] */
static CgBudgetRow *rows = NULL;
static int	num_rows = 0;

void
cg_budget_limit_init(void)
{
	cg_watch_access(&watch);
}

static void
load_rows(void)
{
	uint64		generation = watch.generation;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	int			allocated = 16;

	if (loaded == generation)
		return;
	loaded = 0;
	num_rows = 0;
	if (context == NULL)
		context = AllocSetContextCreate(CacheMemoryContext,
										"cipguard budgets",
										ALLOCSET_SMALL_SIZES);
	MemoryContextReset(context);
	rows = MemoryContextAlloc(context, allocated * sizeof(CgBudgetRow));
	rel = cg_watch_open(&watch);
	if (rel != NULL)
	{
		scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			Datum		values[NUM_COLS];
			bool		nulls[NUM_COLS];
			CgBudgetRow *row;

			heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
			if (num_rows == allocated)
			{
				allocated *= 2;
				rows = repalloc(rows, allocated * sizeof(CgBudgetRow));
			}
			row = &rows[num_rows++];
			row->grantee = nulls[CG_BUDGET_GRANTEE - 1] ? InvalidOid :
				DatumGetObjectId(values[CG_BUDGET_GRANTEE - 1]);
			row->category = nulls[CG_BUDGET_CATEGORY - 1] ? CG_EVERY_CATEGORY :
				cg_name_hash(TextDatumGetCString(values[CG_BUDGET_CATEGORY - 1]));
			row->limits.per_hour = limit_of(values[CG_BUDGET_PER_HOUR - 1],
											nulls[CG_BUDGET_PER_HOUR - 1]);
			row->limits.per_day = limit_of(values[CG_BUDGET_PER_DAY - 1],
										   nulls[CG_BUDGET_PER_DAY - 1]);
		}
		systable_endscan(scan);
		table_close(rel, AccessShareLock);
	}
	loaded = generation;
}

static uint64
limit_of(Datum value, bool isnull)
{
	return isnull ? CG_NO_LIMIT : (uint64) DatumGetInt64(value);
}

CgLimits
cg_budget_limits(Oid role, int32 category)
{
	const CgBudgetRow *row;
	CgLimits	most = {0, 0};
	bool		member = false;
	int			i;

	load_rows();
	row = row_of(role, category);
	if (row != NULL)
		return row->limits;
	for (i = 0; i < num_rows; i++)
	{
		if (!OidIsValid(rows[i].grantee) ||
			(rows[i].category != category &&
			 rows[i].category != CG_EVERY_CATEGORY) ||
			row_of(rows[i].grantee, category) != &rows[i] ||
			!cg_has_privs_of(role, rows[i].grantee))
			continue;
		member = true;
		most.per_hour = Max(most.per_hour, rows[i].limits.per_hour);
		most.per_day = Max(most.per_day, rows[i].limits.per_day);
	}
	if (member)
		return most;
	row = row_of(InvalidOid, category);
	return row != NULL ? row->limits : default_limits(category);
}

/* That of the category rather than that of every category. */
static const CgBudgetRow *
row_of(Oid grantee, int32 category)
{
	const CgBudgetRow *found = NULL;
	int			i;

	for (i = 0; i < num_rows; i++)
	{
		if (rows[i].grantee != grantee)
			continue;
		if (rows[i].category == category)
			return &rows[i];
		if (rows[i].category == CG_EVERY_CATEGORY)
			found = &rows[i];
	}
	return found;
}

static CgLimits
default_limits(int32 category)
{
	const CgCategory *c = cg_category_by_id(category, true);
	CgLimits	limits = {CG_NO_LIMIT, CG_NO_LIMIT};

	if (!cg_default_budgets || c == NULL)
		return limits;
	limits.per_hour = limits.per_day = c->level >= 4 ? DEFAULT_LEVEL_4 :
		c->level == 3 || c->sensitive ? DEFAULT_SENSITIVE : DEFAULT_OTHER;
	return limits;
}

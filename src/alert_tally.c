/*
 * alert_tally.c
 *		How often a login did something in a span of time.
 *
 * A tally is a list of marks, each a time and a number; those that are older
 * than the period are dropped.  When there are too many, the two that are
 * closest become one of the later time: then something counts for a little
 * longer than it should, never shorter.  Tallies are rows of
 * cipguard.alert_tally, changed in the transaction of ingest(); whoever calls
 * holds its lock.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "alert_tally.h"
#include "ingest_state.h"

#define TALLY_TABLE		"alert_tally"
#define TALLY_INDEX		"alert_tally_pkey"
#define MAX_MARKS		32

/* Columns of cipguard.alert_tally, in the order of sql/parts/48_alert.sql. */
enum
{
	TA_LOGIN,
	TA_KIND,
	TA_AT,
	TA_N,
	TA_COLUMNS
};

typedef struct CgTallyKey
{
	Oid			login;
	char		kind[32];
} CgTallyKey;

typedef struct CgTally
{
	CgTallyKey	key;
	bool		stored;
	ItemPointerData tid;
	bool		changed;
	int			marks;
	TimestampTz at[MAX_MARKS + 1];	/* ascending */
	int64		n[MAX_MARKS + 1];
} CgTally;

struct CgTallies
{
	HTAB	   *table;			/* of CgTally */
};

static void load(CgTally *tally);
static int	read_array(Datum value, int64 *out);
static void drop_old(CgTally *tally, TimestampTz limit);
static void insert_mark(CgTally *tally, TimestampTz at, int64 n);
static void merge_closest(CgTally *tally);
static Datum array_of(const int64 *values, int n, Oid type);

CgTallies *
cg_tallies_begin(void)
{
	CgTallies  *tallies = palloc(sizeof(CgTallies));
	HASHCTL		ctl;

	ctl.keysize = sizeof(CgTallyKey);
	ctl.entrysize = sizeof(CgTally);
	ctl.hcxt = CurrentMemoryContext;
	tallies->table = hash_create("cipguard tallies", 16, &ctl,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return tallies;
}

bool
cg_tally_add(CgTallies *tallies, const CgAlertRule *rule, Oid login,
			 TimestampTz at, uint64 n)
{
	CgTallyKey	key;
	CgTally    *tally;
	bool		found;
	int64		sum = 0;
	TimestampTz limit;
	int			i;

	if (rule->threshold == 0 || rule->period == 0)
		return false;
	memset(&key, 0, sizeof(key));
	key.login = login;
	strlcpy(key.kind, rule->kind, sizeof(key.kind));
	tally = hash_search(tallies->table, &key, HASH_ENTER, &found);
	if (!found)
		load(tally);

	limit = tally->marks == 0 ? at : Max(at, tally->at[tally->marks - 1]);
	limit -= rule->period;
	drop_old(tally, limit);
	if (at <= limit)
		return false;
	tally->changed = true;
	insert_mark(tally, at, (int64) Min(n, (uint64) PG_INT32_MAX));
	for (i = 0; i < tally->marks; i++)
		sum += tally->n[i];
	if (sum < rule->threshold)
		return false;
	tally->marks = 0;
	return true;
}

static void
load(CgTally *tally)
{
	Relation	rel = cg_state_table(TALLY_TABLE, TA_COLUMNS, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	tally->stored = tally->changed = false;
	tally->marks = 0;
	ScanKeyInit(&keys[0], TA_LOGIN + 1, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(tally->key.login));
	ScanKeyInit(&keys[1], TA_KIND + 1, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(tally->key.kind));
	keys[1].sk_collation = C_COLLATION_OID;
	scan = systable_beginscan(rel, cg_state_relation(TALLY_INDEX), true, NULL,
							  2, keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Datum		values[TA_COLUMNS];
		bool		nulls[TA_COLUMNS];

		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		tally->stored = true;
		tally->tid = tuple->t_self;
		tally->marks = read_array(values[TA_AT], tally->at);
		if (read_array(values[TA_N], tally->n) != tally->marks)
			tally->marks = 0;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

static int
read_array(Datum value, int64 *out)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));

	if (n > MAX_MARKS || ARR_HASNULL(array))
		return 0;
	memcpy(out, ARR_DATA_PTR(array), n * sizeof(int64));
	return n;
}

static void
drop_old(CgTally *tally, TimestampTz limit)
{
	int			old = 0;

	while (old < tally->marks && tally->at[old] <= limit)
		old++;
	if (old == 0)
		return;
	tally->marks -= old;
	memmove(tally->at, tally->at + old, tally->marks * sizeof(TimestampTz));
	memmove(tally->n, tally->n + old, tally->marks * sizeof(int64));
	tally->changed = true;
}

static void
insert_mark(CgTally *tally, TimestampTz at, int64 n)
{
	int			i = tally->marks++;

	for (; i > 0 && tally->at[i - 1] > at; i--)
	{
		tally->at[i] = tally->at[i - 1];
		tally->n[i] = tally->n[i - 1];
	}
	tally->at[i] = at;
	tally->n[i] = n;
	if (tally->marks > MAX_MARKS)
		merge_closest(tally);
}

static void
merge_closest(CgTally *tally)
{
	int			closest = 1;
	int			i;

	for (i = 2; i < tally->marks; i++)
		if (tally->at[i] - tally->at[i - 1] <
			tally->at[closest] - tally->at[closest - 1])
			closest = i;
	tally->n[closest] += tally->n[closest - 1];
	tally->marks--;
	memmove(tally->at + closest - 1, tally->at + closest,
			(tally->marks - closest + 1) * sizeof(TimestampTz));
	memmove(tally->n + closest - 1, tally->n + closest,
			(tally->marks - closest + 1) * sizeof(int64));
}

static Datum
array_of(const int64 *values, int n, Oid type)
{
	Datum	   *elems = palloc(sizeof(Datum) * Max(n, 1));
	int			i;

	for (i = 0; i < n; i++)
		elems[i] = Int64GetDatum(values[i]);
	return PointerGetDatum(construct_array(elems, n, type, sizeof(int64),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

void
cg_tallies_write(CgTallies *tallies)
{
	Relation	rel = cg_state_table(TALLY_TABLE, TA_COLUMNS,
									 RowExclusiveLock);
	HASH_SEQ_STATUS seq;
	CgTally    *tally;

	hash_seq_init(&seq, tallies->table);
	while ((tally = hash_seq_search(&seq)) != NULL)
	{
		Datum		values[TA_COLUMNS];
		bool		nulls[TA_COLUMNS] = {false};
		HeapTuple	tuple;

		if (!tally->changed)
			continue;
		if (tally->marks == 0)
		{
			if (tally->stored)
				CatalogTupleDelete(rel, &tally->tid);
			continue;
		}
		values[TA_LOGIN] = ObjectIdGetDatum(tally->key.login);
		values[TA_KIND] = CStringGetTextDatum(tally->key.kind);
		values[TA_AT] = array_of(tally->at, tally->marks, TIMESTAMPTZOID);
		values[TA_N] = array_of(tally->n, tally->marks, INT8OID);
		tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);
		if (tally->stored)
			CatalogTupleUpdate(rel, &tally->tid, tuple);
		else
			CatalogTupleInsert(rel, tuple);
	}
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

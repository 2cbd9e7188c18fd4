/*
 * audit_index.c
 *		Index entries of new rows of the audit log.
 *
 * There is no btree on the partition that changes go to.  Its BRIN index on
 * time and number wants to know the least and greatest of each range of
 * pages, so just those of each page are told.
 *
 * What the access methods find out about an index is kept from one statement
 * to the next; that is half the cost of an index entry when a transaction
 * changes one row.  A relcache invalidation of the partition or of one of its
 * indexes makes it start anew.
 *
 * Indexes are not locked: the lock on the partition keeps out whoever makes,
 * drops or rebuilds one.
 */
#include "postgres.h"

#include "access/genam.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "audit_buffer.h"
#include "audit_index.h"
#include "cipguard.h"
#include "inval.h"

#define MAX_INDEXES		16
#define PARTITIONS		2		/* that are written in turns: one a branch */

typedef struct CgIndex
{
	Oid			oid;
	IndexInfo  *info;
	bool		extremes;		/* wants those of a page only */
} CgIndex;

typedef struct CgIndexes
{
	Oid			heap;			/* InvalidOid: nothing is known */
	MemoryContext context;		/* of all that hangs below */
	int			n;
	CgIndex		index[MAX_INDEXES];
} CgIndexes;

static void relation_changed(Datum arg, Oid relid);
static CgIndexes *indexes_of(Relation heap);
static bool wants_extremes(Relation index, const IndexInfo *info);
static void enter(Relation heap, Relation index, IndexInfo *info,
				  TupleTableSlot *row);
static void enter_extremes(Relation heap, Relation index, IndexInfo *info,
						   TupleTableSlot **rows, int n);

static CgIndexes known[PARTITIONS];
static int	oldest = 0;			/* of known */

void
cg_audit_index_init(void)
{
	cg_on_relcache(relation_changed);
}

static void
relation_changed(Datum arg, Oid relid)
{
	int			i;
	int			k;

	for (i = 0; i < PARTITIONS; i++)
	{
		if (!OidIsValid(relid) || relid == known[i].heap)
			known[i].heap = InvalidOid;
		for (k = 0; k < known[i].n; k++)
			if (relid == known[i].index[k].oid)
				known[i].heap = InvalidOid;
	}
}

/* Describe the indexes of a partition, unless that is known. */
static CgIndexes *
indexes_of(Relation heap)
{
	CgIndexes  *indexes;
	MemoryContext old;
	List	   *oids;
	ListCell   *lc;
	int			i;

	for (i = 0; i < PARTITIONS; i++)
		if (known[i].heap == RelationGetRelid(heap))
			return &known[i];

	indexes = &known[oldest];
	oldest = (oldest + 1) % PARTITIONS;
	indexes->heap = InvalidOid;
	indexes->n = 0;
	if (indexes->context != NULL)
		MemoryContextReset(indexes->context);
	else
		indexes->context = AllocSetContextCreate(TopMemoryContext,
												 "cipguard audit indexes",
												 ALLOCSET_SMALL_SIZES);

	/* News that arrive meanwhile are not lost. */
	oids = RelationGetIndexList(heap);
	indexes->heap = RelationGetRelid(heap);
	old = MemoryContextSwitchTo(indexes->context);
	foreach(lc, oids)
	{
		Relation	index = index_open(lfirst_oid(lc), RowExclusiveLock);
		IndexInfo  *info = BuildIndexInfo(index);

		if (indexes->n == MAX_INDEXES || info->ii_Expressions != NIL ||
			info->ii_Predicate != NIL || info->ii_ExclusionOps != NULL)
		{
			indexes->heap = InvalidOid;
			ereport(ERROR,
					(errcode(CG_ERRCODE_AUDIT),
					 errmsg("index \"%s\" does not suit the audit log",
							RelationGetRelationName(index)),
					 errdetail("There can be at most %d indexes, on plain columns only.",
							   MAX_INDEXES),
					 errhint("Drop the index.")));
		}
		if (info->ii_ReadyForInserts)
		{
			indexes->index[indexes->n].oid = RelationGetRelid(index);
			indexes->index[indexes->n].info = info;
			indexes->index[indexes->n].extremes = wants_extremes(index, info);
			indexes->n++;
		}
		index_close(index, NoLock);
	}
	MemoryContextSwitchTo(old);
	list_free(oids);
	return indexes;
}

/* Is it enough to tell the index the extremes of each page? */
static bool
wants_extremes(Relation index, const IndexInfo *info)
{
	int			i;

	if (index->rd_rel->relam != BRIN_AM_OID)
		return false;
	for (i = 0; i < info->ii_NumIndexAttrs; i++)
		if (info->ii_IndexAttrNumbers[i] != CG_EV_TS + 1 &&
			info->ii_IndexAttrNumbers[i] != CG_EV_SEQ + 1)
			return false;
	return true;
}

void
cg_audit_index(Relation heap, TupleTableSlot **rows, int n)
{
	CgIndexes  *indexes = indexes_of(heap);
	int			i;
	int			k;

	for (k = 0; k < indexes->n; k++)
	{
		IndexInfo  *info = indexes->index[k].info;
		Relation	index = RelationIdGetRelation(indexes->index[k].oid);

		if (!RelationIsValid(index))
			elog(ERROR, "could not open index %u of the audit log",
				 indexes->index[k].oid);
		if (indexes->index[k].extremes)
			enter_extremes(heap, index, info, rows, n);
		else
			for (i = 0; i < n; i++)
				enter(heap, index, info, rows[i]);
		index_insert_cleanup(index, info);
		RelationClose(index);
	}
}

/* The first and last, oldest and newest row of each page. */
static void
enter_extremes(Relation heap, Relation index, IndexInfo *info,
			   TupleTableSlot **rows, int n)
{
	bool		isnull;
	int			first;
	int			next;

	for (first = 0; first < n; first = next)
	{
		BlockNumber page = ItemPointerGetBlockNumber(&rows[first]->tts_tid);
		int			least = first;
		int			greatest = first;
		TimestampTz min;
		TimestampTz max;

		min = max = DatumGetTimestampTz(slot_getattr(rows[first],
													 CG_EV_TS + 1, &isnull));

		/* Numbers only grow; clocks can be set back. */
		for (next = first + 1; next < n &&
			 ItemPointerGetBlockNumber(&rows[next]->tts_tid) == page; next++)
		{
			TimestampTz ts;

			ts = DatumGetTimestampTz(slot_getattr(rows[next], CG_EV_TS + 1,
												  &isnull));
			if (ts < min)
			{
				min = ts;
				least = next;
			}
			else if (ts >= max)
			{
				max = ts;
				greatest = next;
			}
		}
		enter(heap, index, info, rows[first]);
		if (next - 1 > first)
			enter(heap, index, info, rows[next - 1]);
		if (least != first && least != next - 1)
			enter(heap, index, info, rows[least]);
		if (greatest != first && greatest != next - 1)
			enter(heap, index, info, rows[greatest]);
	}
}

static void
enter(Relation heap, Relation index, IndexInfo *info, TupleTableSlot *row)
{
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];
	int			k;

	for (k = 0; k < info->ii_NumIndexAttrs; k++)
		values[k] = slot_getattr(row, info->ii_IndexAttrNumbers[k], &nulls[k]);
	index_insert(index, values, nulls, &row->tts_tid, heap,
				 info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO,
				 false, info);
}

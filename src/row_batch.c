/*
 * row_batch.c
 *		Replacing rows of a table below the executor, batch by batch.
 *
 * For changes that leave everything as it was that a row says, and only
 * how it is stored becomes another: triggers do not fire, row security does
 * not hide, the audit log gets no event for each, and constraints hold as
 * they held before.  What does notice is what sees stored bytes: indexes,
 * which hold whole values and so get an entry for each new one, replicas and
 * logical replication, and transactions in a mode that allows no concurrent
 * change (repeatable read, serializable) that update the same row.
 *
 * No lock is waited for while a row is locked, so there can be no deadlock:
 * a row that somebody else has locked is tried again for some milliseconds,
 * and then left for the next pass.  Those who wait for us wait for one batch.
 *
 * Expressions of indexes are code of the table's owner, and run as such.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/sysattr.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"

#include "compat.h"

#include "row_batch.h"

/* Blocks that a batch looks at: 32 MB. */
#define MAX_BLOCKS	4096

static LockTupleMode lock_mode(Relation rel, const CgRowWork *work);
static bool lock_row(Relation rel, LockTupleMode mode, ItemPointer tid,
					 TupleTableSlot *locked, Snapshot snapshot,
					 int *patience);
static int64 replace_row(const CgRowWork *work, LockTupleMode mode,
						 ResultRelInfo *table, EState *estate,
						 TupleTableSlot *old, TupleTableSlot *locked,
						 TupleTableSlot *new, Snapshot snapshot,
						 int *patience);

/* What the server takes when these columns are updated. */
static LockTupleMode
lock_mode(Relation rel, const CgRowWork *work)
{
	Bitmapset  *key = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_KEY);
	int			column = -1;

	while ((column = bms_next_member(work->columns, column)) >= 0)
		if (bms_is_member(column - FirstLowInvalidHeapAttributeNumber, key))
			return LockTupleExclusive;
	return LockTupleNoKeyExclusive;
}

void
cg_row_writer_begin(CgRowWriter *w, Relation rel)
{
	GetUserIdAndSecContext(&w->user, &w->context);
	SetUserIdAndSecContext(rel->rd_rel->relowner,
						   w->context | SECURITY_RESTRICTED_OPERATION);
	w->guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	w->estate = CreateExecutorState();
	w->table = makeNode(ResultRelInfo);
	InitResultRelInfo(w->table, rel, 0, NULL, 0);
	ExecOpenIndices(w->table, false);
}

void
cg_row_writer_end(CgRowWriter *w)
{
	ExecCloseIndices(w->table);
	FreeExecutorState(w->estate);
	AtEOXact_GUC(false, w->guc_level);
	SetUserIdAndSecContext(w->user, w->context);
}

void
cg_row_batch(Relation rel, const CgRowWork *work, BlockNumber start,
			 BlockNumber end, int rows, int patience, CgBatch *batch)
{
	CgRowWriter writer;
	Snapshot	snapshot;
	TableScanDesc scan;
	TupleTableSlot *slot;
	TupleTableSlot *locked;
	TupleTableSlot *new;
	ItemPointerData first;
	ItemPointerData last;
	MemoryContext per_row;
	LockTupleMode mode;

	memset(batch, 0, sizeof(CgBatch));
	batch->next = end;
	if (start >= end)
		return;
	CheckCmdReplicaIdentity(rel, CMD_UPDATE);
	if (end - start > MAX_BLOCKS)
		end = start + MAX_BLOCKS;

	mode = lock_mode(rel, work);
	cg_row_writer_begin(&writer, rel);
	slot = table_slot_create(rel, NULL);
	locked = table_slot_create(rel, NULL);
	new = table_slot_create(rel, NULL);
	per_row = AllocSetContextCreate(CurrentMemoryContext,
									"cipguard row", ALLOCSET_DEFAULT_SIZES);

	/* Rows of our own making are too new for it. */
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	PushActiveSnapshot(snapshot);
	ItemPointerSet(&first, start, FirstOffsetNumber);
	ItemPointerSet(&last, end - 1, MaxOffsetNumber);
	scan = CG_BEGINSCAN_TIDRANGE(rel, snapshot, &first, &last);
	batch->next = end;
	while (table_scan_getnextslot_tidrange(scan, ForwardScanDirection, slot))
	{
		MemoryContext old;
		int64		n;

		CHECK_FOR_INTERRUPTS();
		if (batch->rows >= rows)
		{
			batch->next = ItemPointerGetBlockNumber(&slot->tts_tid);
			break;
		}
		old = MemoryContextSwitchTo(per_row);
		slot_getsomeattrs(slot, work->natts);
		n = work->wanted(slot, work->arg);
		if (n > 0)
		{
			n = replace_row(work, mode, writer.table, writer.estate, slot,
							locked, new, snapshot, &patience);
			if (n > 0)
			{
				batch->rows++;
				batch->values += n;
			}
			else if (n < 0)
				batch->skipped++;
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(per_row);
		ResetPerTupleExprContext(writer.estate);
	}
	table_endscan(scan);
	PopActiveSnapshot();
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(slot);
	ExecDropSingleTupleTableSlot(locked);
	ExecDropSingleTupleTableSlot(new);
	MemoryContextDelete(per_row);
	cg_row_writer_end(&writer);
}

/*
 * Lock the newest version of a row; false if it is gone or somebody else has
 * it.  Versions newer than the snapshot stay as long as that does, so the
 * chain can be followed.
 */
static bool
lock_row(Relation rel, LockTupleMode mode, ItemPointer tid,
		 TupleTableSlot *locked, Snapshot snapshot, int *patience)
{
	for (;;)
	{
		TM_FailureData failure;

		CHECK_FOR_INTERRUPTS();
		switch (table_tuple_lock(rel, tid, snapshot, locked,
								 GetCurrentCommandId(false), mode,
								 LockWaitSkip, 0, &failure))
		{
			case TM_Ok:
				return true;
			case TM_Updated:
				if (ItemPointerIndicatesMovedPartitions(&failure.ctid) ||
					ItemPointerEquals(&failure.ctid, tid))
					return false;
				*tid = failure.ctid;
				break;
			case TM_WouldBlock:
				if (--*patience < 0)
					return false;
				pg_usleep(1000);
				break;
			default:
				return false;
		}
	}
}

/*
 * Returns the number of values that were changed, -1 if somebody else has the
 * row.
 */
static int64
replace_row(const CgRowWork *work, LockTupleMode mode, ResultRelInfo *table,
			EState *estate, TupleTableSlot *old, TupleTableSlot *locked,
			TupleTableSlot *new, Snapshot snapshot, int *patience)
{
	TupleDesc	desc = RelationGetDescr(table->ri_RelationDesc);
	ItemPointerData tid = old->tts_tid;
	int64		n;
	int			i;

	if (!lock_row(table->ri_RelationDesc, mode, &tid, locked, snapshot,
				  patience))
		return -1;

	slot_getallattrs(locked);
	n = work->wanted(locked, work->arg);
	if (n > 0)
	{
		ExecClearTuple(new);
		for (i = 0; i < desc->natts; i++)
		{
			new->tts_values[i] = locked->tts_values[i];
			new->tts_isnull[i] = locked->tts_isnull[i] ||
				TupleDescAttr(desc, i)->attisdropped;
		}
		work->change(new, work->arg);
		ExecStoreVirtualTuple(new);
		cg_replace_row(table, estate, &tid, new, snapshot);
		ExecClearTuple(new);
	}
	ExecClearTuple(locked);
	return n;
}

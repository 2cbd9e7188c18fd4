/*
 * reencrypt.c
 *		Encrypting values of a table anew, under the key and suite of today.
 *
 * Rows are replaced below the executor: triggers do not fire, row security
 * does not hide, the audit log gets no event for each, because nothing that
 * a row says changes.  Constraints, too, hold as they held before, tokens
 * being the same.  What does notice is what sees stored bytes: indexes,
 * which hold whole values and so get an entry for each new one, the replicas
 * and logical replication, and transactions in a mode that allows no
 * concurrent change (repeatable read, serializable) that update the same row.
 *
 * Nobody is waited for while a row is locked, so there can be no deadlock:
 * a row that somebody else has locked is left for the next pass.  Those who
 * wait for us wait for one batch.
 *
 * Expressions of indexes are code of the table's owner, and run as such.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/sysattr.h"
#include "access/table.h"
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

#include "reencrypt.h"
#include "renew.h"

/* Blocks that a batch looks at: 32 MB. */
#define MAX_BLOCKS	4096

typedef struct CgColumns
{
	int			natts;			/* up to the last that matters */
	CgHolder  **holders;		/* NULL: no encrypted values */
	LockTupleMode lock;			/* that changing one takes */
} CgColumns;

static bool describe(Relation rel, CgColumns *columns);
static int64 stale_values(const CgColumns *columns, TupleTableSlot *slot);
static bool renew_row(const CgColumns *columns, ResultRelInfo *table,
					  EState *estate, TupleTableSlot *old,
					  TupleTableSlot *locked, TupleTableSlot *new,
					  Snapshot snapshot);

/* False if there is nothing to be renewed in any row. */
static bool
describe(Relation rel, CgColumns *columns)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Bitmapset  *key;
	int			i;

	columns->natts = 0;
	columns->holders = palloc0(sizeof(CgHolder *) * (desc->natts + 1));
	columns->lock = LockTupleNoKeyExclusive;
	key = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_KEY);
	for (i = 0; i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		columns->holders[i] = cg_holder(TupleDescAttr(desc, i)->atttypid,
										CurrentMemoryContext);
		if (columns->holders[i] == NULL)
			continue;
		columns->natts = i + 1;
		if (bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, key))
			columns->lock = LockTupleExclusive;
	}
	return columns->natts > 0;
}

bool
cg_reencrypt_concerns(Relation rel)
{
	CgColumns	columns;

	return describe(rel, &columns);
}

static int64
stale_values(const CgColumns *columns, TupleTableSlot *slot)
{
	int64		n = 0;
	int			i;

	slot_getsomeattrs(slot, columns->natts);
	for (i = 0; i < columns->natts; i++)
		if (columns->holders[i] != NULL && !slot->tts_isnull[i])
			n += cg_holder_stale(columns->holders[i], slot->tts_values[i]);
	return n;
}

void
cg_reencrypt_batch(Relation rel, BlockNumber start, BlockNumber end, int rows,
				   CgBatch *batch)
{
	CgColumns	columns;
	EState	   *estate;
	ResultRelInfo *table;
	Snapshot	snapshot;
	TableScanDesc scan;
	TupleTableSlot *slot;
	TupleTableSlot *locked;
	TupleTableSlot *new;
	ItemPointerData first;
	ItemPointerData last;
	MemoryContext per_row;
	Oid			user;
	int			context;
	int			guc_level;

	memset(batch, 0, sizeof(CgBatch));
	if (start >= end || !describe(rel, &columns))
	{
		batch->next = end;
		return;
	}
	CheckCmdReplicaIdentity(rel, CMD_UPDATE);
	if (end - start > MAX_BLOCKS)
		end = start + MAX_BLOCKS;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(rel->rd_rel->relowner,
						   context | SECURITY_RESTRICTED_OPERATION);
	guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);

	estate = CreateExecutorState();
	table = makeNode(ResultRelInfo);
	InitResultRelInfo(table, rel, 0, NULL, 0);
	ExecOpenIndices(table, false);
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
		n = stale_values(&columns, slot);
		if (n > 0)
		{
			if (renew_row(&columns, table, estate, slot, locked, new,
						  snapshot))
			{
				batch->rows++;
				batch->values += n;
			}
			else
				batch->skipped++;
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(per_row);
		ResetPerTupleExprContext(estate);
	}
	table_endscan(scan);
	PopActiveSnapshot();
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(slot);
	ExecDropSingleTupleTableSlot(locked);
	ExecDropSingleTupleTableSlot(new);
	ExecCloseIndices(table);
	FreeExecutorState(estate);
	MemoryContextDelete(per_row);
	AtEOXact_GUC(false, guc_level);
	SetUserIdAndSecContext(user, context);
}

/* False if somebody else changes the row. */
static bool
renew_row(const CgColumns *columns, ResultRelInfo *table, EState *estate,
		  TupleTableSlot *old, TupleTableSlot *locked, TupleTableSlot *new,
		  Snapshot snapshot)
{
	Relation	rel = table->ri_RelationDesc;
	int			natts = RelationGetDescr(rel)->natts;
	ItemPointerData tid = old->tts_tid;
	TM_FailureData failure;
	int			i;

	if (table_tuple_lock(rel, &tid, snapshot, locked,
						 GetCurrentCommandId(false), columns->lock,
						 LockWaitSkip, 0, &failure) != TM_Ok)
		return false;

	slot_getallattrs(locked);
	ExecClearTuple(new);
	for (i = 0; i < natts; i++)
	{
		new->tts_values[i] = locked->tts_values[i];
		new->tts_isnull[i] = locked->tts_isnull[i];
		if (TupleDescAttr(RelationGetDescr(rel), i)->attisdropped)
			new->tts_isnull[i] = true;
		else if (i < columns->natts && columns->holders[i] != NULL &&
				 !new->tts_isnull[i])
			new->tts_values[i] = cg_holder_renew(columns->holders[i],
												 new->tts_values[i]);
	}
	ExecStoreVirtualTuple(new);
	cg_replace_row(table, estate, &tid, new, snapshot);
	ExecClearTuple(new);
	ExecClearTuple(locked);
	return true;
}

int64
cg_reencrypt_left(Relation rel, Snapshot snapshot)
{
	CgColumns	columns;
	TableScanDesc scan;
	TupleTableSlot *slot;
	MemoryContext per_row;
	int64		n = 0;

	if (!describe(rel, &columns))
		return 0;
	per_row = AllocSetContextCreate(CurrentMemoryContext,
									"cipguard row", ALLOCSET_DEFAULT_SIZES);
	slot = table_slot_create(rel, NULL);
	scan = CG_BEGINSCAN(rel, snapshot);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		MemoryContext old = MemoryContextSwitchTo(per_row);

		CHECK_FOR_INTERRUPTS();
		n += stale_values(&columns, slot);
		MemoryContextSwitchTo(old);
		MemoryContextReset(per_row);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(per_row);
	return n;
}

/*
 * heap_copy.c
 *		Replacing the rows of a table in place, all versions of each.
 *
 * As CLUSTER does, all rows that some snapshot could still see are copied with
 * the transactions that made and deleted them, so a transaction that has begun
 * before sees the rows that it saw, changed.  (ALTER TABLE would hide all rows
 * from it.)  Rows keep their xmin, and nothing is frozen that was not.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/rewriteheap.h"
#include "access/table.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"

#include "heap_copy.h"

static void copy_rows(Relation old, Relation new, CgChange change, void *arg);
static bool is_dead(TupleTableSlot *slot, HeapTuple tuple,
					TransactionId oldest);

void
cg_heap_copy(Relation rel, CgChange change, void *arg)
{
	Oid			relid = RelationGetRelid(rel);
	TransactionId frozen = rel->rd_rel->relfrozenxid;
	MultiXactId min_multi = rel->rd_rel->relminmxid;
	char		persistence = rel->rd_rel->relpersistence;
	Oid			newid;
	Relation	new;

	/* What vacuum removes there, it would miss here. */
	if (OidIsValid(rel->rd_rel->reltoastrelid))
		LockRelationOid(rel->rd_rel->reltoastrelid, AccessExclusiveLock);
	newid = make_new_heap(relid, rel->rd_rel->reltablespace,
						  rel->rd_rel->relam, persistence,
						  AccessExclusiveLock);
	new = table_open(newid, NoLock);
	copy_rows(rel, new, change, arg);
	table_close(new, NoLock);
	table_close(rel, NoLock);
	CG_FINISH_HEAP_SWAP(relid, newid, frozen, min_multi, persistence);
}

static void
copy_rows(Relation old, Relation new, CgChange change, void *arg)
{
	TupleDesc	desc = RelationGetDescr(old);
	Datum	   *values = palloc(sizeof(Datum) * (desc->natts + 1));
	bool	   *nulls = palloc(sizeof(bool) * (desc->natts + 1));
	TransactionId oldest = GetOldestNonRemovableTransactionId(old);
	MemoryContext per_row = AllocSetContextCreate(CurrentMemoryContext,
												  "cipguard row",
												  ALLOCSET_DEFAULT_SIZES);
	RewriteState rewrite;
	TableScanDesc scan;
	TupleTableSlot *slot = table_slot_create(old, NULL);
	int			i;

	rewrite = begin_heap_rewrite(old, new, oldest,
								 old->rd_rel->relfrozenxid,
								 old->rd_rel->relminmxid);
	scan = CG_BEGINSCAN(old, SnapshotAny);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		HeapTuple	tuple = ExecFetchSlotHeapTuple(slot, false, NULL);
		MemoryContext context;

		CHECK_FOR_INTERRUPTS();
		if (is_dead(slot, tuple, oldest))
		{
			(void) rewrite_heap_dead_tuple(rewrite, tuple);
			continue;
		}
		context = MemoryContextSwitchTo(per_row);
		heap_deform_tuple(tuple, desc, values, nulls);
		for (i = 0; i < desc->natts; i++)
			if (TupleDescAttr(desc, i)->attisdropped)
				nulls[i] = true;
		change(desc, values, nulls, arg);
		rewrite_heap_tuple(rewrite, tuple,
						   heap_form_tuple(RelationGetDescr(new), values,
										   nulls));
		MemoryContextSwitchTo(context);
		MemoryContextReset(per_row);
	}
	table_endscan(scan);
	end_heap_rewrite(rewrite);
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(per_row);
}

/*
 * Can nobody see the row any more?  What is in progress is of this
 * transaction, since it has the table for itself.
 */
static bool
is_dead(TupleTableSlot *slot, HeapTuple tuple, TransactionId oldest)
{
	Buffer		buffer = ((BufferHeapTupleTableSlot *) slot)->buffer;
	bool		dead;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	dead = HeapTupleSatisfiesVacuum(tuple, oldest, buffer) == HEAPTUPLE_DEAD;
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	return dead;
}

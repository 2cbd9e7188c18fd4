/*
 * reencrypt.c
 *		Encrypting values of a table anew, under the key and suite of today.
 *
 * Tokens stay as they are, so whatever compares values does not notice.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/tableam.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"

#include "reencrypt.h"
#include "renew.h"
#include "subject_key.h"

typedef struct CgColumns
{
	int			natts;			/* up to the last that matters */
	CgHolder  **holders;		/* NULL: no encrypted values */
	Bitmapset  *numbers;		/* of those that have one */
	Relation	rel;
	bool		subjects;		/* the table uses keys of persons */
} CgColumns;

static bool describe(Relation rel, CgColumns *columns);
static int64 stale_values(TupleTableSlot *row, void *arg);
static void renew_values(TupleTableSlot *row, void *arg);

/* False if there is nothing to be renewed in any row. */
static bool
describe(Relation rel, CgColumns *columns)
{
	TupleDesc	desc = RelationGetDescr(rel);
	int			i;

	columns->natts = 0;
	columns->rel = rel;
	columns->subjects = cg_subject_persons(rel) != 0;
	columns->numbers = NULL;
	columns->holders = palloc0(sizeof(CgHolder *) * (desc->natts + 1));
	for (i = 0; i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		columns->holders[i] = cg_holder(TupleDescAttr(desc, i)->atttypid,
										CurrentMemoryContext);
		if (columns->holders[i] == NULL)
			continue;
		columns->natts = i + 1;
		columns->numbers = bms_add_member(columns->numbers, i + 1);
	}
	return columns->natts > 0;
}

static int64
stale_values(TupleTableSlot *row, void *arg)
{
	const CgColumns *columns = arg;
	int64		n = 0;
	int			i;

	/* Values that are to be under the key of a person are stale, too. */
	if (columns->subjects)
		n = cg_subject_wanted(columns->rel, row);
	for (i = 0; i < columns->natts; i++)
		if (columns->holders[i] != NULL && !row->tts_isnull[i])
			n += cg_holder_stale(columns->holders[i], row->tts_values[i]);
	return n;
}

static void
renew_values(TupleTableSlot *row, void *arg)
{
	const CgColumns *columns = arg;
	int			i;

	if (columns->subjects)
		cg_subject_change(columns->rel, row);
	for (i = 0; i < columns->natts; i++)
		if (columns->holders[i] != NULL && !row->tts_isnull[i])
			row->tts_values[i] = cg_holder_renew(columns->holders[i],
												 row->tts_values[i]);
}

void
cg_reencrypt_batch(Relation rel, BlockNumber start, BlockNumber end, int rows,
				   int patience, CgBatch *batch)
{
	CgColumns	columns;
	CgRowWork	work = {0};

	memset(batch, 0, sizeof(CgBatch));
	batch->next = end;
	if (!describe(rel, &columns))
		return;
	work.natts = columns.natts;
	work.columns = columns.numbers;
	work.arg = &columns;
	work.wanted = stale_values;
	work.change = renew_values;
	cg_row_batch(rel, &work, start, end, rows, patience, batch);
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
		slot_getsomeattrs(slot, columns.natts);
		n += stale_values(slot, &columns);
		MemoryContextSwitchTo(old);
		MemoryContextReset(per_row);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(per_row);
	return n;
}

/*
 * seal_verify.c
 *		Checking the audit log against its blocks: cipguard.audit_verify().
 *
 * Every page of the log is read once, wherever a row claims to belong: a row
 * that was put at the end of another month with an old transaction number
 * must be found, too.  Rows are gathered by block, and a block is done when
 * it has as many events as it should and they give its root.  Blocks are
 * worked off in windows: before a window is checked, each table is read up to
 * the last page that had events of it when it was closed.  So only the rows of
 * a window are in memory, as long as the tables are as they were; after VACUUM
 * FULL more of them are, and nothing else changes.
 *
 * A block that does not come out right waits until all has been read, since
 * the row that it lacks can be anywhere.  Then its fingerprints
 * (seal_print.h) name the events.
 *
 * Runs on a standby, too.  The lock of the sealer is held only while tables
 * are opened and the snapshot is taken.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"

#include "acting.h"
#include "audit_store.h"
#include "catalog.h"
#include "cipguard.h"
#include "seal_check.h"
#include "seal_print.h"

#define WINDOW_EVENTS		200000
#define FETCHED_BLOCKS		1000
#define COLUMNS_BEFORE		11	/* those of CG_BLOCK_COLUMNS */

static bool find_span(FunctionCallInfo fcinfo, int64 *from, int64 *to);
static void open_log(CgCheck *check);
static void read_blocks(CgCheck *check, int64 from, int64 to);
static void check_tail(CgCheck *check, int64 last);
static void add_block(CgCheck *check, const CgBlock *block,
					  const CgSnapshot *snapshot, bool ambiguous);
static void widen_window(CgCheck *check, HeapTuple row, TupleDesc desc);
static void read_purged(CgCheck *check);
static CgCheckBlock *block_numbered(CgCheck *check, int64 number);
static void name_events(CgCheck *check, CgCheckBlock *block);
static int	compare_leaves(const void *a, const void *b);
static int	compare_prints(const void *a, const void *b);

/* audit_verify(from_block bigint, to_block bigint) RETURNS TABLE (...) */
PG_FUNCTION_INFO_V1(cipguard_audit_verify);
Datum
cipguard_audit_verify(PG_FUNCTION_ARGS)
{
	int64		from = PG_ARGISNULL(0) ? 1 : Max(PG_GETARG_INT64(0), 1);
	int64		to = PG_ARGISNULL(1) ? PG_INT64_MAX : PG_GETARG_INT64(1);
	CgCheck		check;

	InitMaterializedSRF(fcinfo, 0);
	memset(&check, 0, sizeof(check));
	check.result = (ReturnSetInfo *) fcinfo->resultinfo;
	check.whole = PG_ARGISNULL(1);
	(void) cg_check_log(&check, from, to);
	cg_check_summary(&check);
	return (Datum) 0;
}

/* audit_verify_span(since timestamptz, until timestamptz) RETURNS TABLE (...) */
PG_FUNCTION_INFO_V1(cipguard_audit_verify_span);
Datum
cipguard_audit_verify_span(PG_FUNCTION_ARGS)
{
	CgCheck		check;
	int64		from;
	int64		to;

	InitMaterializedSRF(fcinfo, 0);
	memset(&check, 0, sizeof(check));
	check.result = (ReturnSetInfo *) fcinfo->resultinfo;
	check.whole = find_span(fcinfo, &from, &to);
	(void) cg_check_log(&check, from, to);
	cg_check_summary(&check);
	return (Datum) 0;
}

/*
 * Blocks closed in a span of time, and the one after, which has the events of
 * its end.  True if that is up to the last one.  Clocks can be put back: then
 * there are more blocks than needed.
 */
static bool
find_span(FunctionCallInfo fcinfo, int64 *from, int64 *to)
{
	Oid			types[2] = {TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		args[2] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};
	char		nulls[2] = {PG_ARGISNULL(0) ? 'n' : ' ',
	PG_ARGISNULL(1) ? 'n' : ' '};
	CgActing	acting;
	int64		found[4];
	bool		missing[4];
	int			i;

	cg_act_begin(&acting, cg_audit_owner());
	PushActiveSnapshot(GetLatestSnapshot());
	if (SPI_execute_with_args("SELECT pg_catalog.min(block) FILTER"
							  " (WHERE sealed_at OPERATOR(pg_catalog.>=) $1),"
							  " pg_catalog.max(block) FILTER"
							  " (WHERE sealed_at OPERATOR(pg_catalog.<=) $2),"
							  " pg_catalog.min(block), pg_catalog.max(block)"
							  " FROM cipguard.audit_block", 2, types, args,
							  nulls, true, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not read the blocks of the audit log");
	for (i = 0; i < 4; i++)
		found[i] = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
											   SPI_tuptable->tupdesc, i + 1,
											   &missing[i]));
	PopActiveSnapshot();
	cg_act_end(&acting);

	*from = 1;
	*to = PG_INT64_MAX;
	if (missing[3])
		return true;
	if (!PG_ARGISNULL(0))
		*from = Max(missing[0] ? found[3] + 1 : found[0], 1);
	if (PG_ARGISNULL(1) || (!missing[1] && found[1] == found[3]))
		return true;
	*to = missing[1] ? found[2] : found[1] + 1;
	return false;
}

bool
cg_check_log(CgCheck *check, int64 from, int64 to)
{
	CgActing	acting;
	int			i;

	check->from = from;
	check->context = CurrentMemoryContext;
	cg_act_begin(&acting, cg_audit_owner());
	open_log(check);
	read_blocks(check, from, to);
	read_purged(check);
	cg_check_rows(check);
	for (i = 0; i < check->nblocks; i++)
		if (!check->blocks[i].done)
			name_events(check, &check->blocks[i]);

	for (i = 0; i < check->ntables; i++)
		table_close(check->tables[i]->rel, AccessShareLock);
	PopActiveSnapshot();
	cg_act_end(&acting);
	return check->errors == 0;
}

/*
 * Open all tables, as of one moment: neither can a block be closed meanwhile
 * nor a month be purged.
 */
static void
open_log(CgCheck *check)
{
	Oid			lock = get_relname_relid("audit_block", cg_schema_oid());
	List	   *tables;
	ListCell   *lc;

	if (!RecoveryInProgress())
		cg_seal_lock();
	PushActiveSnapshot(GetLatestSnapshot());
	check->snapshot = GetActiveSnapshot();
	check->next_xid = U64FromFullTransactionId(ReadNextFullTransactionId());
	cg_log_id(&check->log_id);
	tables = cg_log_open(&check->log_id);
	if (!RecoveryInProgress())
		UnlockRelationOid(lock, ShareUpdateExclusiveLock);

	check->tables = palloc(list_length(tables) * sizeof(CgLogTable *));
	foreach(lc, tables)
	{
		CgLogTable *table = lfirst(lc);

		table->coder.tolerant = true;
		check->tables[check->ntables++] = table;
	}
}

/* ---------- blocks ---------- */

static void
read_blocks(CgCheck *check, int64 from, int64 to)
{
	Oid			types[2] = {INT8OID, INT8OID};
	Datum		args[2];
	Portal		portal;
	MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext,
												"cipguard audit blocks",
												ALLOCSET_DEFAULT_SIZES);
	MemoryContext context = check->context;
	CgBlock		before;
	bool		has_before = false;
	int64		expected = from;

	/* The block before the first limits what belongs to it. */
	args[0] = Int64GetDatum(from - 1);
	args[1] = Int64GetDatum(to);
	portal = SPI_cursor_open_with_args(NULL, "SELECT " CG_BLOCK_COLUMNS
									   ", tables, files, last_pages"
									   " FROM cipguard.audit_block"
									   " WHERE block OPERATOR(pg_catalog.>=) $1"
									   " AND block OPERATOR(pg_catalog.<=) $2"
									   " ORDER BY block",
									   2, types, args, NULL, true, 0);
	for (;;)
	{
		uint64		i;

		SPI_cursor_fetch(portal, true, FETCHED_BLOCKS);
		if (SPI_processed == 0)
			break;
		for (i = 0; i < SPI_processed; i++)
		{
			SPITupleTable *rows = SPI_tuptable;
			uint64		n = SPI_processed;
			HeapTuple	row = rows->vals[i];
			CgBlock		block;
			CgSnapshot	snapshot;
			bool		good;
			bool		gap;

			MemoryContextSwitchTo(batch);
			good = cg_block_from_row(row, rows->tupdesc, &block);
			MemoryContextSwitchTo(context);
			cg_snapshot_parse(&snapshot, block.snapshot);
			if (block.block < from)
			{
				if (block.block == from - 1 && from > 1)
				{
					check->has_lower = true;
					check->lower = snapshot;
					before = block;
					has_before = true;
				}
				else
					cg_check_error(check, block.block, -1, "block inserted",
								   "the first block is 1");
				continue;
			}
			gap = block.block != expected;
			if (gap && block.block - expected > 1)
				cg_check_error(check, expected, -1, "block missing",
							   "and all up to " INT64_FORMAT,
							   block.block - 1);
			else if (gap)
				cg_check_error(check, expected, -1, "block missing",
							   "there are later ones");
			MemoryContextSwitchTo(batch);
			cg_check_link(check, &block, has_before && !gap ? &before : NULL,
						  good);
			MemoryContextSwitchTo(context);
			add_block(check, &block, &snapshot,
					  gap || (block.block > 1 && !has_before));
			widen_window(check, row, rows->tupdesc);
			before = block;
			has_before = true;
			expected = block.block + 1;

			/* Looking for texts of policies has replaced them. */
			SPI_tuptable = rows;
			SPI_processed = n;
		}
		SPI_freetuptable(SPI_tuptable);
		if (has_before)
			before.snapshot = pstrdup(before.snapshot);
		MemoryContextReset(batch);
	}
	SPI_cursor_close(portal);
	if (check->whole)
		check_tail(check, expected - 1);
}

/*
 * Other tables know of blocks, too.  Whoever removes the last ones can change
 * these as well; only a head that was kept elsewhere tells for sure.
 */
static void
check_tail(CgCheck *check, int64 last)
{
	bool		isnull;
	int64		known;

	if (SPI_execute("SELECT greatest((SELECT pg_catalog.max(block)"
					" FROM cipguard.audit_mark),"
					" (SELECT pg_catalog.max(block)"
					" FROM cipguard.audit_print),"
					" (SELECT pg_catalog.max(first_block)"
					" FROM cipguard.audit_policy))", true, 1) !=
		SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read the marks of the audit log");
	known = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
										SPI_tuptable->tupdesc, 1, &isnull));
	if (!isnull && known > last && known >= check->from)
		cg_check_error(check, Max(last + 1, check->from), -1, "block missing",
					   "there were blocks up to " INT64_FORMAT " at least",
					   known);
}

static void
add_block(CgCheck *check, const CgBlock *block, const CgSnapshot *snapshot,
		  bool ambiguous)
{
	CgCheckBlock *added;

	if (check->nblocks == check->room)
	{
		check->room = Max(check->room * 2, 1024);
		if (check->blocks == NULL)
			check->blocks = palloc(check->room * sizeof(CgCheckBlock));
		else
			check->blocks = repalloc_huge(check->blocks, check->room *
										  sizeof(CgCheckBlock));
	}
	added = &check->blocks[check->nblocks++];
	memset(added, 0, sizeof(*added));
	added->number = block->block;
	added->events = added->expected = block->events;
	added->ambiguous = ambiguous;
	added->snapshot = *snapshot;
	memcpy(added->root, block->root, CG_SHA256_LEN);
}

/* Let the window of the last block reach as far as its rows do. */
static void
widen_window(CgCheck *check, HeapTuple row, TupleDesc desc)
{
	CgCheckWindow *window;
	int64		events = 0;
	Datum	   *columns[3];
	int			counts[3];
	int			i;
	int			k;

	if (check->nwindows > 0)
	{
		int			first = check->nwindows > 1 ?
		check->windows[check->nwindows - 2].end : 0;

		for (i = first; i < check->nblocks - 1 && events < WINDOW_EVENTS; i++)
			events += check->blocks[i].events;
	}
	if (check->nwindows == 0 || events >= WINDOW_EVENTS)
	{
		if (check->nwindows == check->windows_room)
		{
			check->windows_room = Max(check->windows_room * 2, 64);
			if (check->windows == NULL)
				check->windows = palloc(check->windows_room *
										sizeof(CgCheckWindow));
			else
				check->windows = repalloc(check->windows,
										  check->windows_room *
										  sizeof(CgCheckWindow));
		}
		window = &check->windows[check->nwindows++];
		window->last = palloc0(check->ntables * sizeof(BlockNumber));
	}
	window = &check->windows[check->nwindows - 1];
	window->end = check->nblocks;

	for (k = 0; k < 3; k++)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(row, desc, COLUMNS_BEFORE + k + 1,
										  &isnull);

		deconstruct_array(DatumGetArrayTypeP(value),
						  k < 2 ? OIDOID : INT8OID,
						  k < 2 ? sizeof(Oid) : sizeof(int64),
						  k < 2 ? true : FLOAT8PASSBYVAL,
						  k < 2 ? TYPALIGN_INT : TYPALIGN_DOUBLE,
						  &columns[k], NULL, &counts[k]);
	}
	for (i = 0; i < Min(counts[0], Min(counts[1], counts[2])); i++)
		for (k = 0; k < check->ntables; k++)
		{
			CgLogTable *table = check->tables[k];
			int64		page = DatumGetInt64(columns[2][i]) + 1;

			if (DatumGetObjectId(columns[0][i]) ==
				RelationGetRelid(table->rel) &&
				DatumGetObjectId(columns[1][i]) ==
				table->rel->rd_rel->relfilenode)
				window->last[k] = Max(window->last[k],
									  Min(page, table->nblocks));
		}
	for (k = 0; k < 3; k++)
		pfree(columns[k]);
}

/* What was purged need not be there. */
static void
read_purged(CgCheck *check)
{
	uint64		i;

	if (SPI_execute("SELECT leaf, events, ts::text, cur_role, reason, blocks"
					" FROM cipguard.audit_purge ORDER BY xid, seq", true, 0) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not read what was purged");
	for (i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		Datum	   *ranges;
		char	   *reason = SPI_getvalue(row, desc, 5);
		int			n;
		int			k;

		cg_check_note(check, -1, "purged", "%s with %s events, %s by %s%s%s",
					  SPI_getvalue(row, desc, 1), SPI_getvalue(row, desc, 2),
					  SPI_getvalue(row, desc, 3), SPI_getvalue(row, desc, 4),
					  reason ? ": " : "", reason ? reason : "");
		deconstruct_array(DatumGetArrayTypeP(SPI_getbinval(row, desc, 6,
														   &isnull)),
						  INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
						  TYPALIGN_DOUBLE, &ranges, NULL, &n);
		for (k = 0; k + 1 < n; k += 2)
		{
			int64		number = DatumGetInt64(ranges[k]);

			for (; number <= DatumGetInt64(ranges[k + 1]); number++)
			{
				CgCheckBlock *block = block_numbered(check, number);

				if (block != NULL)
					block->expected = 0;
			}
		}
	}
	SPI_freetuptable(SPI_tuptable);

	if (SPI_execute("SELECT block, pg_catalog.sum(1::bigint"
					" OPERATOR(pg_catalog.<<) level)::bigint"
					" FROM cipguard.audit_kept_node GROUP BY block", true,
					0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the nodes of purged events");
	for (i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		int64		number = DatumGetInt64(SPI_getbinval(row, desc, 1,
														 &isnull));
		CgCheckBlock *block = block_numbered(check, number);

		if (block != NULL)
			block->expected = block->events -
				DatumGetInt64(SPI_getbinval(row, desc, 2, &isnull));
	}
	SPI_freetuptable(SPI_tuptable);
}

static CgCheckBlock *
block_numbered(CgCheck *check, int64 number)
{
	int			first = 0;
	int			end = check->nblocks;

	while (first < end)
	{
		int			middle = first + (end - first) / 2;

		if (check->blocks[middle].number == number)
			return &check->blocks[middle];
		if (check->blocks[middle].number < number)
			first = middle + 1;
		else
			end = middle;
	}
	return NULL;
}

/* ---------- what is wrong ---------- */

static void
name_events(CgCheck *check, CgCheckBlock *block)
{
	CgPrint    *prints = NULL;
	int64		i = 0;
	int64		k = 0;
	int64		errors = check->errors;

	if (block->ambiguous)
	{
		cg_check_note(check, block->number, "not checked",
					  "which events belong to it cannot be told without the block before");
		cg_check_finish(block);
		return;
	}
	if (!cg_print_read(block->number, block->expected, &prints))
	{
		cg_check_error(check, block->number, -1, "events differ",
					   INT64_FORMAT " events instead of " INT64_FORMAT
					   ", or others; without fingerprints they cannot be named",
					   block->n, block->expected);
		cg_check_finish(block);
		return;
	}

	/* Compare by number; both are in the order of the log till then. */
	if (block->n > 1)
		qsort(block->leaves, block->n, sizeof(CgLeaf), compare_leaves);
	qsort(prints, block->expected, sizeof(CgPrint), compare_prints);
	while (i < block->n || k < block->expected)
	{
		const CgLeaf *leaf = i < block->n ? &block->leaves[i] : NULL;
		const CgPrint *print = k < block->expected ? &prints[k] : NULL;

		Assert(leaf != NULL || print != NULL);
		if (print == NULL || (leaf != NULL && leaf->seq < print->seq))
		{
			cg_check_error(check, block->number, leaf->seq, "event inserted",
						   "it was not there when the block was closed");
			i++;
			continue;
		}
		if (leaf == NULL || print->seq < leaf->seq)
		{
			cg_check_error(check, block->number, print->seq, "event removed",
						   "it was there when the block was closed");
			k++;
			continue;
		}

		/* Of several rows with that number, one can be the true one. */
		if (memcmp(leaf->hash, print->hash, CG_PRINT_LEN) != 0)
		{
			bool		repeated = i + 1 < block->n &&
			block->leaves[i + 1].seq == leaf->seq;

			cg_check_error(check, block->number, leaf->seq,
						   repeated ? "event inserted" : "event changed",
						   repeated ?
						   "another event has the same number" :
						   "it is not as it was when the block was closed");
			i++;
			if (!repeated)
				k++;
			continue;
		}
		i++;
		k++;
	}
	if (check->errors == errors)
		cg_check_error(check, block->number, -1, "events differ",
					   "they do not give the root of the block; the fingerprints were changed along with them");
	pfree(prints);
	cg_check_finish(block);
}

static int
compare_leaves(const void *a, const void *b)
{
	const CgLeaf *p = a;
	const CgLeaf *q = b;

	return p->seq < q->seq ? -1 : p->seq > q->seq ? 1 : 0;
}

static int
compare_prints(const void *a, const void *b)
{
	const CgPrint *p = a;
	const CgPrint *q = b;

	return p->seq < q->seq ? -1 : p->seq > q->seq ? 1 : 0;
}

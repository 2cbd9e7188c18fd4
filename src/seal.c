/*
 * seal.c
 *		Closing blocks of the audit log: cipguard.seal().
 *
 * Membership by snapshot needs no order of commits, no lock that writers take
 * and no change of a row: it can be computed again from a row's transaction
 * and two snapshots.  What was rolled back is never visible, and a
 * transaction that stays open for days, or prepared, is in the block that is
 * closed after it has committed.
 *
 * Where to look.  Rows are put at the end of their table (audit_store.c): the
 * first of a transaction goes into the last page or a new one.  With each
 * block, cipguard.audit_mark keeps of each table a page at or before which
 * nothing can be added any more: the last page where the block's snapshot saw
 * a row.  Unlike the number of pages it survives a crash, which takes pages
 * away that were not written to yet.  The row of the mark also has the number
 * of the next transaction, read after the tables were measured.  Whoever has
 * that number or a later one began to write then, so not before the mark.
 * The events of a new block are of transactions that the previous snapshot
 * did not show; the mark to begin from is the last one that is not newer than
 * the oldest of these.  Another file (VACUUM FULL) or one that has become
 * shorter is read from its beginning.
 *
 * Locks: one sealer at a time, by ShareUpdateExclusiveLock on
 * cipguard.audit_block until the end of its transaction.  Its snapshot is
 * taken when it has the lock, so it sees the block before.
 *
 * A session that has closed a block refuses to go on from an older one: who
 * removes the last blocks and lets the worker close others in their place has
 * to restart it, and the checkpoints show it still.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
#include "utils/xid8.h"

#include "compat.h"

#include "acting.h"
#include "audit_store.h"
#include "bytes.h"
#include "catalog.h"
#include "cipguard.h"
#include "guc.h"
#include "seal.h"
#include "seal_print.h"

/* Columns of cipguard.audit_block, in the order of sql/parts/52_seal.sql. */
enum
{
	BL_BLOCK,
	BL_LOG_ID,
	BL_SNAPSHOT,
	BL_EVENTS,
	BL_ROOT,
	BL_POLICY,
	BL_PREV_HEAD,
	BL_HEAD,
	BL_TIMELINE,
	BL_SYSTEM_ID,
	BL_SEALED_AT,
	BL_TABLES,
	BL_FILES,
	BL_FIRST_PAGES,
	BL_LAST_PAGES,
	BL_COLUMNS
};

/* Columns of cipguard.audit_mark. */
enum
{
	MA_BLOCK,
	MA_NEXT_XID,
	MA_TABLES,
	MA_FILES,
	MA_PAGES,
	MA_COLUMNS
};

/* A table while its new rows are collected. */
typedef struct CgSpan
{
	CgLogTable *table;
	BlockNumber start;			/* where it is read from */
	BlockNumber last_seen;		/* last page with a visible row, or the mark */
	bool		any;			/* any event of this block? */
	BlockNumber first;			/* pages of the block's events */
	BlockNumber last;
} CgSpan;

typedef struct CgCollector
{
	const CgSnapshot *now;
	const CgSnapshot *before;	/* NULL for the first block */
	CgSpan	   *span;			/* of the table being read */
	int64		n;
	int64		room;
	CgLeaf	   *leaves;
} CgCollector;

static bool is_due(const CgBlock *last, const uint8 *policy);
static char *policy_statement(uint8 digest[CG_SHA256_LEN]);
static void record_policy(const uint8 *digest, const char *statement,
						  int64 block);
static CgSpan *plan_spans(List *tables, const CgSnapshot *now,
						  const CgSnapshot *before);
static void collect_row(void *arg, CgLogTable *table, HeapTuple tuple);
static void compute_root(const CgLeaf *leaves, int64 n, uint8 *root);
static void append_block(const CgBlock *block, const CgSpan *spans, int n);
static void append_mark(int64 block, uint64 next, const CgSpan *spans, int n);
static void forget_marks(uint64 xmin);
static void delete_rows(const char *table, const char *sql, Oid type,
						Datum arg);
static void check_memory(const CgBlock *last, bool found);
static bytea *bytea_of(const void *data, Size len);
static ArrayType *oid_array(const Oid *oids, int n);
static ArrayType *page_array(const BlockNumber *pages, int n);

/* The last block that this session has closed. */
static struct
{
	FullTransactionId xid;
	Oid			database;
	pg_uuid_t	log_id;
	int64		block;
	uint8		head[CG_SHA256_LEN];
}			memory;

/* seal() RETURNS bigint */
PG_FUNCTION_INFO_V1(cipguard_seal);
Datum
cipguard_seal(PG_FUNCTION_ARGS)
{
	CgActing	acting;
	CgBlock		last;
	CgBlock		block;
	CgSnapshot	now;
	CgSnapshot	before;
	Snapshot	snapshot;
	CgCollector collector;
	List	   *tables;
	CgSpan	   *spans;
	char	   *statement;
	uint64		next;
	bool		found;
	int			i;

	PreventCommandDuringRecovery("cipguard.seal()");
	PreventCommandIfReadOnly("cipguard.seal()");
	PreventCommandIfParallelMode("cipguard.seal()");

	cg_seal_lock();
	cg_act_begin(&acting, cg_audit_owner());
	PushActiveSnapshot(GetLatestSnapshot());
	snapshot = GetActiveSnapshot();

	memset(&block, 0, sizeof(block));
	cg_log_id(&block.log_id);
	found = cg_block_last(&last);
	check_memory(&last, found);
	if (found && memcmp(&last.log_id, &block.log_id, UUID_LEN) != 0)
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("the last block of the audit log belongs to another log"),
				 errhint("Somebody has changed %s or %s.",
						 "cipguard.audit_identity", "cipguard.audit_block")));

	cg_snapshot_take(&now, snapshot);
	if (found)
		cg_snapshot_parse(&before, last.snapshot);

	tables = cg_log_open(&block.log_id);
	next = U64FromFullTransactionId(ReadNextFullTransactionId());
	spans = plan_spans(tables, &now, found ? &before : NULL);

	memset(&collector, 0, sizeof(collector));
	collector.now = &now;
	collector.before = found ? &before : NULL;
	for (i = 0; i < list_length(tables); i++)
	{
		collector.span = &spans[i];
		cg_log_scan(spans[i].table, snapshot, spans[i].start,
					spans[i].table->nblocks, collect_row, NULL, &collector);
	}

	statement = policy_statement(block.policy);
	if (found && collector.n == 0 && !is_due(&last, block.policy))
	{
		cg_log_close(tables);
		PopActiveSnapshot();
		cg_act_end(&acting);
		PG_RETURN_NULL();
	}

	if (collector.n > 0)
		qsort(collector.leaves, collector.n, sizeof(CgLeaf),
			  cg_leaf_compare);
	block.block = found ? last.block + 1 : 1;
	block.snapshot = cg_snapshot_text(&now);
	block.events = collector.n;
	compute_root(collector.leaves, collector.n, block.root);
	if (found)
		memcpy(block.prev_head, last.head, CG_SHA256_LEN);
	block.timeline = (int32) GetWALInsertionTimeLine();
	block.system_id = (int64) GetSystemIdentifier();
	block.sealed_at = GetCurrentTimestamp();
	cg_block_head(&block, block.head);

	append_block(&block, spans, list_length(tables));
	cg_print_append(block.block, collector.leaves, collector.n);
	append_mark(block.block, next, spans, list_length(tables));
	record_policy(block.policy, statement, block.block);
	CommandCounterIncrement();
	forget_marks(now.xmin);

	memory.xid = GetTopFullTransactionId();
	memory.database = MyDatabaseId;
	memory.log_id = block.log_id;
	memory.block = block.block;
	memcpy(memory.head, block.head, CG_SHA256_LEN);

	cg_log_close(tables);
	PopActiveSnapshot();
	cg_act_end(&acting);
	PG_RETURN_INT64(block.block);
}

/* Is a block without events to be closed? */
static bool
is_due(const CgBlock *last, const uint8 *policy)
{
	if (memcmp(last->policy, policy, CG_SHA256_LEN) != 0)
		return true;
	if (last->timeline != (int32) GetWALInsertionTimeLine() ||
		last->system_id != (int64) GetSystemIdentifier())
		return true;
	return cg_seal_heartbeat > 0 &&
		TimestampDifferenceExceeds(last->sealed_at, GetCurrentTimestamp(),
								   cg_seal_heartbeat * 60 * 1000);
}

void
cg_seal_lock(void)
{
	Oid			oid = get_relname_relid("audit_block", cg_schema_oid());

	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("relation \"%s.%s\" of the audit log is missing",
						CG_SCHEMA, "audit_block"),
				 errhint("Restore it, or drop the extension and create it again, which loses the log.")));
	LockRelationOid(oid, ShareUpdateExclusiveLock);
}

/*
 * A block that this session has closed must still be there.  Its transaction
 * can have been rolled back, or be the present one.
 */
static void
check_memory(const CgBlock *last, bool found)
{
	CgBlock		block;

	if (!FullTransactionIdIsValid(memory.xid) ||
		memory.database != MyDatabaseId ||
		(!TransactionIdIsCurrentTransactionId(XidFromFullTransactionId(memory.xid)) &&
		 !TransactionIdDidCommit(XidFromFullTransactionId(memory.xid))))
		return;
	if (found && memcmp(&last->log_id, &memory.log_id, UUID_LEN) != 0)
		return;
	if (!cg_block_read(memory.block, &block) ||
		memcmp(block.head, memory.head, CG_SHA256_LEN) != 0)
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("block " INT64_FORMAT " of the audit log, which this session has closed, was changed or removed",
						memory.block),
				 errhint("Find out who did that; %s tells what is left. A new session goes on from there.",
						 "cipguard.audit_verify()")));
}

/* ---------- policy ---------- */

static char *
policy_statement(uint8 digest[CG_SHA256_LEN])
{
	char	   *statement;

	if (SPI_execute("SELECT cipguard.policy_statement()", true, 1) !=
		SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read the audit policy");
	statement = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (statement == NULL)
		statement = pstrdup("");
	if (cg_sha256(statement, strlen(statement), digest) != CG_OK)
		elog(ERROR, "SHA-256 is not available");
	return statement;
}

/* Keep the text of a policy that has not been seen yet. */
static void
record_policy(const uint8 *digest, const char *statement, int64 block)
{
	Oid			type = BYTEAOID;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	values[0] = PointerGetDatum(bytea_of(digest, CG_SHA256_LEN));
	if (SPI_execute_with_args("SELECT FROM cipguard.audit_policy"
							  " WHERE digest OPERATOR(pg_catalog.=) $1",
							  1, &type, values, NULL, true, 1) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not read the audit policies");
	if (SPI_processed > 0)
		return;
	values[1] = CStringGetTextDatum(statement);
	values[2] = Int64GetDatum(block);
	cg_seal_append("audit_policy", values, nulls);
}

/* ---------- collecting ---------- */

/* Where to read each table from, see the banner. */
static CgSpan *
plan_spans(List *tables, const CgSnapshot *now, const CgSnapshot *before)
{
	CgSpan	   *spans = palloc0(Max(list_length(tables), 1) * sizeof(CgSpan));
	uint64		oldest;
	Oid			type = XID8OID;
	Datum		arg;
	Datum	   *relids = NULL;
	Datum	   *files = NULL;
	Datum	   *pages = NULL;
	int			n = 0;
	int			i;
	int			k;

	for (i = 0; i < list_length(tables); i++)
		spans[i].table = list_nth(tables, i);
	if (before == NULL)
		return spans;

	oldest = before->xmax;
	for (i = 0; i < (int) before->nxip; i++)
	{
		if (before->xip[i] < oldest &&
			cg_snapshot_shows(now, before->xip[i]))
			oldest = before->xip[i];
	}

	arg = FullTransactionIdGetDatum(FullTransactionIdFromU64(oldest));
	if (SPI_execute_with_args("SELECT tables, files, pages"
							  " FROM cipguard.audit_mark"
							  " WHERE next_xid OPERATOR(pg_catalog.<=) $1"
							  " ORDER BY block DESC LIMIT 1",
							  1, &type, &arg, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the marks of the audit log");
	if (SPI_processed == 1)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		int			counts[3];

		deconstruct_array(DatumGetArrayTypeP(SPI_getbinval(row, desc, 1, &isnull)),
						  OIDOID, sizeof(Oid), true, TYPALIGN_INT,
						  &relids, NULL, &counts[0]);
		deconstruct_array(DatumGetArrayTypeP(SPI_getbinval(row, desc, 2, &isnull)),
						  OIDOID, sizeof(Oid), true, TYPALIGN_INT,
						  &files, NULL, &counts[1]);
		deconstruct_array(DatumGetArrayTypeP(SPI_getbinval(row, desc, 3, &isnull)),
						  INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
						  TYPALIGN_DOUBLE, &pages, NULL, &counts[2]);
		n = Min(counts[0], Min(counts[1], counts[2]));
	}
	for (i = 0; i < list_length(tables); i++)
	{
		Relation	rel = spans[i].table->rel;

		for (k = 0; k < n; k++)
			if (DatumGetObjectId(relids[k]) == RelationGetRelid(rel) &&
				DatumGetObjectId(files[k]) == rel->rd_rel->relfilenode &&
				DatumGetInt64(pages[k]) < (int64) spans[i].table->nblocks)
				spans[i].start = spans[i].last_seen =
					(BlockNumber) DatumGetInt64(pages[k]);
	}
	return spans;
}

static void
collect_row(void *arg, CgLogTable *table, HeapTuple tuple)
{
	CgCollector *collector = arg;
	CgSpan	   *span = collector->span;
	BlockNumber page = ItemPointerGetBlockNumber(&tuple->t_self);
	CgLeaf		leaf;

	span->last_seen = page;
	if (!cg_leaf_position(&table->coder, tuple, &leaf))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("page %u of table \"%s\" of the audit log has a malformed row",
						page, RelationGetRelationName(table->rel)),
				 errhint("Restore the page from a backup; %s tells more.",
						 "cipguard.audit_verify()")));
	if (!cg_snapshot_shows(collector->now, leaf.xid) ||
		(collector->before != NULL &&
		 cg_snapshot_shows(collector->before, leaf.xid)))
		return;
	if (!cg_leaf_hash(&table->coder, tuple, leaf.hash))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("page %u of table \"%s\" of the audit log has a malformed row",
						page, RelationGetRelationName(table->rel)),
				 errhint("Restore the page from a backup; %s tells more.",
						 "cipguard.audit_verify()")));

	cg_leaf_push(&collector->leaves, &collector->n, &collector->room, &leaf);
	if (!span->any)
		span->first = page;
	span->any = true;
	span->last = page;
}

static void
compute_root(const CgLeaf *leaves, int64 n, uint8 *root)
{
	CgMerkle	tree;
	int64		i;

	cg_merkle_init(&tree);
	for (i = 0; i < n; i++)
		if (cg_merkle_add(&tree, leaves[i].hash) != CG_OK)
			elog(ERROR, "could not hash the events of a block");
	if (cg_merkle_root(&tree, root) != CG_OK)
		elog(ERROR, "could not hash the events of a block");
}

/* ---------- rows of our tables ---------- */

void
cg_seal_append(const char *table, Datum *values, bool *nulls)
{
	Oid			oid = get_relname_relid(table, cg_schema_oid());
	Relation	rel;

	if (!OidIsValid(oid))
		elog(ERROR, "relation \"%s.%s\" is missing", CG_SCHEMA, table);
	rel = table_open(oid, RowExclusiveLock);
	cg_audit_append_to(rel, values, nulls);
	table_close(rel, NoLock);
}

static void
append_block(const CgBlock *block, const CgSpan *spans, int n)
{
	Datum		values[BL_COLUMNS];
	bool		nulls[BL_COLUMNS];
	Oid		   *relids = palloc(Max(n, 1) * sizeof(Oid));
	Oid		   *files = palloc(Max(n, 1) * sizeof(Oid));
	BlockNumber *first = palloc(Max(n, 1) * sizeof(BlockNumber));
	BlockNumber *last = palloc(Max(n, 1) * sizeof(BlockNumber));
	int			used = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		if (!spans[i].any)
			continue;
		relids[used] = RelationGetRelid(spans[i].table->rel);
		files[used] = spans[i].table->rel->rd_rel->relfilenode;
		first[used] = spans[i].first;
		last[used++] = spans[i].last;
	}

	memset(nulls, 0, sizeof(nulls));
	values[BL_BLOCK] = Int64GetDatum(block->block);
	values[BL_LOG_ID] = UUIDPGetDatum(&block->log_id);
	values[BL_SNAPSHOT] = DirectFunctionCall1(pg_snapshot_in,
											  CStringGetDatum(block->snapshot));
	values[BL_EVENTS] = Int64GetDatum(block->events);
	values[BL_ROOT] = PointerGetDatum(bytea_of(block->root, CG_SHA256_LEN));
	values[BL_POLICY] = PointerGetDatum(bytea_of(block->policy,
												 CG_SHA256_LEN));
	values[BL_PREV_HEAD] = PointerGetDatum(bytea_of(block->prev_head,
													CG_SHA256_LEN));
	values[BL_HEAD] = PointerGetDatum(bytea_of(block->head, CG_SHA256_LEN));
	values[BL_TIMELINE] = Int32GetDatum(block->timeline);
	values[BL_SYSTEM_ID] = Int64GetDatum(block->system_id);
	values[BL_SEALED_AT] = TimestampTzGetDatum(block->sealed_at);
	values[BL_TABLES] = PointerGetDatum(oid_array(relids, used));
	values[BL_FILES] = PointerGetDatum(oid_array(files, used));
	values[BL_FIRST_PAGES] = PointerGetDatum(page_array(first, used));
	values[BL_LAST_PAGES] = PointerGetDatum(page_array(last, used));
	cg_seal_append("audit_block", values, nulls);
}

static void
append_mark(int64 block, uint64 next, const CgSpan *spans, int n)
{
	Datum		values[MA_COLUMNS];
	bool		nulls[MA_COLUMNS];
	Oid		   *relids = palloc(Max(n, 1) * sizeof(Oid));
	Oid		   *files = palloc(Max(n, 1) * sizeof(Oid));
	BlockNumber *pages = palloc(Max(n, 1) * sizeof(BlockNumber));
	int			i;

	for (i = 0; i < n; i++)
	{
		relids[i] = RelationGetRelid(spans[i].table->rel);
		files[i] = spans[i].table->rel->rd_rel->relfilenode;
		pages[i] = spans[i].last_seen;
	}
	memset(nulls, 0, sizeof(nulls));
	values[MA_BLOCK] = Int64GetDatum(block);
	values[MA_NEXT_XID] = FullTransactionIdGetDatum(FullTransactionIdFromU64(next));
	values[MA_TABLES] = PointerGetDatum(oid_array(relids, n));
	values[MA_FILES] = PointerGetDatum(oid_array(files, n));
	values[MA_PAGES] = PointerGetDatum(page_array(pages, n));
	cg_seal_append("audit_mark", values, nulls);
}

/*
 * Remove the marks that no later block can need: a transaction that is not
 * finished yet has at least the number xmin.
 */
static void
forget_marks(uint64 xmin)
{
	Oid			type = XID8OID;
	Datum		arg = FullTransactionIdGetDatum(FullTransactionIdFromU64(xmin));

	delete_rows("audit_mark", "SELECT m.ctid FROM cipguard.audit_mark m"
				" WHERE m.block OPERATOR(pg_catalog.<) ("
				"SELECT pg_catalog.max(b.block) FROM cipguard.audit_mark b"
				" WHERE b.next_xid OPERATOR(pg_catalog.<=) $1)", type, arg);
}

void
cg_seal_delete(const char *table, int64 block)
{
	char	   *sql = psprintf("SELECT t.ctid FROM cipguard.%s t"
							   " WHERE t.block OPERATOR(pg_catalog.=) $1",
							   table);

	delete_rows(table, sql, INT8OID, Int64GetDatum(block));
	pfree(sql);
}

/* Past all triggers; sql gives the ctid of the rows. */
static void
delete_rows(const char *table, const char *sql, Oid type, Datum arg)
{
	Relation	rel;
	uint64		i;

	if (SPI_execute_with_args(sql, 1, &type, &arg, NULL, true, 0) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not read \"%s.%s\"", CG_SCHEMA, table);
	rel = table_open(get_relname_relid(table, cg_schema_oid()),
					 RowExclusiveLock);
	for (i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		ctid = SPI_getbinval(SPI_tuptable->vals[i],
										 SPI_tuptable->tupdesc, 1, &isnull);

		simple_heap_delete(rel, (ItemPointer) DatumGetPointer(ctid));
	}
	SPI_freetuptable(SPI_tuptable);
	table_close(rel, NoLock);
}

static bytea *
bytea_of(const void *data, Size len)
{
	bytea	   *result = palloc(VARHDRSZ + len);

	SET_VARSIZE(result, VARHDRSZ + len);
	memcpy(VARDATA(result), data, len);
	return result;
}

static ArrayType *
oid_array(const Oid *oids, int n)
{
	Datum	   *values = palloc(Max(n, 1) * sizeof(Datum));
	int			i;

	for (i = 0; i < n; i++)
		values[i] = ObjectIdGetDatum(oids[i]);
	return construct_array(values, n, OIDOID, sizeof(Oid), true,
						   TYPALIGN_INT);
}

static ArrayType *
page_array(const BlockNumber *pages, int n)
{
	Datum	   *values = palloc(Max(n, 1) * sizeof(Datum));
	int			i;

	for (i = 0; i < n; i++)
		values[i] = Int64GetDatum((int64) pages[i]);
	return construct_array(values, n, INT8OID, sizeof(int64),
						   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

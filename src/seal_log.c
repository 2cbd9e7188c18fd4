/*
 * seal_log.c
 *		The log as the sealer sees it: its tables, and which transactions a
 *		snapshot shows.
 *
 * Rows are found by their position: leaves only grow at the end, and have no
 * index on the transaction.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_inherits.h"
#include "executor/spi.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/uuid.h"

#include "compat.h"

#include "audit_store.h"
#include "catalog.h"
#include "cipguard.h"
#include "seal_log.h"

/* One run over some pages, and how far it came. */
typedef struct CgPageScan
{
	CgLogTable *table;
	Snapshot	snapshot;
	CgLogVisit	visit;
	void	   *arg;
	BlockNumber done;			/* first page with no row visited yet */
} CgPageScan;

static int	compare_xids(const void *a, const void *b);
static CgLogTable *open_table(Oid relid, CgLeafTag tag,
							  const pg_uuid_t *log_id);
static void scan_pages(CgPageScan *scan, BlockNumber first, BlockNumber end);
static char *scan_guarded(CgPageScan *scan, BlockNumber first, BlockNumber end);

static const struct
{
	const char *name;
	CgLeafTag	tag;
}			side_tables[] = {
	{"audit_session", CG_LEAF_SESSION},
	{"audit_schema", CG_LEAF_SCHEMA},
	{"audit_purge", CG_LEAF_PURGE},
	{"audit_query", CG_LEAF_QUERY}
};

/* ---------- snapshots ---------- */

static int
compare_xids(const void *a, const void *b)
{
	uint64		p = *(const uint64 *) a;
	uint64		q = *(const uint64 *) b;

	return p < q ? -1 : p > q ? 1 : 0;
}

void
cg_snapshot_take(CgSnapshot *taken, Snapshot snapshot)
{
	FullTransactionId next = ReadNextFullTransactionId();
	FullTransactionId own = GetTopFullTransactionIdIfAny();
	uint64		xid;
	uint32		i;
	uint32		n = 0;

	/* Transaction numbers of a snapshot are less than one epoch old. */
#define WIDEN(x) \
	(U64FromFullTransactionId(next) - \
	 (uint32) (XidFromFullTransactionId(next) - (x)))

	taken->xmin = WIDEN(snapshot->xmin);
	taken->xmax = WIDEN(snapshot->xmax);
	taken->xip = palloc((snapshot->xcnt + 1) * sizeof(uint64));
	for (i = 0; i < snapshot->xcnt; i++)
		taken->xip[n++] = WIDEN(snapshot->xip[i]);
#undef WIDEN

	if (FullTransactionIdIsValid(own))
	{
		xid = U64FromFullTransactionId(own);
		if (xid < taken->xmax)
			taken->xip[n++] = xid;
		taken->xmin = Min(taken->xmin, xid);
	}
	if (n > 0)
		qsort(taken->xip, n, sizeof(uint64), compare_xids);

	/* A transaction that is being prepared is there twice. */
	taken->nxip = 0;
	for (i = 0; i < n; i++)
		if (taken->nxip == 0 || taken->xip[taken->nxip - 1] != taken->xip[i])
			taken->xip[taken->nxip++] = taken->xip[i];
}

void
cg_snapshot_parse(CgSnapshot *snapshot, const char *text)
{
	const char *p;
	char	   *end;
	uint32		n = 1;

	for (p = text; *p != '\0'; p++)
		if (*p == ',')
			n++;
	snapshot->xip = palloc(n * sizeof(uint64));
	snapshot->nxip = 0;
	snapshot->xmin = strtoull(text, &end, 10);
	if (*end++ != ':')
		elog(ERROR, "invalid snapshot \"%s\"", text);
	snapshot->xmax = strtoull(end, &end, 10);
	if (*end++ != ':')
		elog(ERROR, "invalid snapshot \"%s\"", text);
	while (*end != '\0' && snapshot->nxip < n)
	{
		snapshot->xip[snapshot->nxip++] = strtoull(end, &end, 10);
		if (*end == ',')
			end++;
	}
}

char *
cg_snapshot_text(const CgSnapshot *snapshot)
{
	StringInfoData text;
	uint32		i;

	initStringInfo(&text);
	appendStringInfo(&text, UINT64_FORMAT ":" UINT64_FORMAT ":",
					 snapshot->xmin, snapshot->xmax);
	for (i = 0; i < snapshot->nxip; i++)
		appendStringInfo(&text, "%s" UINT64_FORMAT, i > 0 ? "," : "",
						 snapshot->xip[i]);
	return text.data;
}

bool
cg_snapshot_shows(const CgSnapshot *snapshot, uint64 xid)
{
	if (xid < snapshot->xmin)
		return true;
	if (xid >= snapshot->xmax)
		return false;
	return snapshot->nxip == 0 ||
		bsearch(&xid, snapshot->xip, snapshot->nxip, sizeof(uint64),
				compare_xids) == NULL;
}

/* ---------- tables ---------- */

List *
cg_log_open(const pg_uuid_t *log_id)
{
	List	   *tables = NIL;
	List	   *oids;
	ListCell   *lc;
	int			i;

	oids = find_all_inheritors(cg_audit_oid(CG_AUDIT_EVENT), AccessShareLock,
							   NULL);
	foreach(lc, oids)
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_RELATION)
		tables = lappend(tables, open_table(lfirst_oid(lc), CG_LEAF_EVENT,
											log_id));
	for (i = 0; i < lengthof(side_tables); i++)
	{
		Oid			oid = get_relname_relid(side_tables[i].name,
											cg_schema_oid());

		if (!OidIsValid(oid))
			ereport(ERROR,
					(errcode(CG_ERRCODE_AUDIT),
					 errmsg("relation \"%s.%s\" of the audit log is missing",
							CG_SCHEMA, side_tables[i].name),
					 errhint("Restore it, or drop the extension and create it again, which loses the log.")));
		tables = lappend(tables, open_table(oid, side_tables[i].tag, log_id));
	}
	return tables;
}

static CgLogTable *
open_table(Oid relid, CgLeafTag tag, const pg_uuid_t *log_id)
{
	CgLogTable *table = palloc0(sizeof(CgLogTable));

	table->rel = table_open(relid, AccessShareLock);
	cg_leaf_begin(&table->coder, table->rel, tag, log_id);
	table->nblocks = RelationGetNumberOfBlocks(table->rel);
	return table;
}

void
cg_log_close(List *tables)
{
	ListCell   *lc;

	foreach(lc, tables)
		table_close(((CgLogTable *) lfirst(lc))->rel, AccessShareLock);
}

void
cg_log_id(pg_uuid_t *log_id)
{
	bool		isnull;
	Datum		id;

	if (SPI_execute("SELECT log_id FROM cipguard.audit_identity", true, 2) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not read the identity of the audit log");
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("table \"%s\" must have one row",
						"cipguard.audit_identity"),
				 errhint("Somebody has changed it; the number of the log is in %s, too.",
						 "cipguard.audit_block")));
	id = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
					   &isnull);
	memcpy(log_id, DatumGetUUIDP(id), sizeof(pg_uuid_t));
}

/* ---------- rows ---------- */

static void
scan_pages(CgPageScan *scan, BlockNumber first, BlockNumber end)
{
	TableScanDesc desc;
	HeapTuple	tuple;

	desc = table_beginscan_strat(scan->table->rel, scan->snapshot, 0, NULL,
								 true, false);
	heap_setscanlimits(desc, first, end - first);
	while ((tuple = heap_getnext(desc, ForwardScanDirection)) != NULL)
	{
		scan->done = ItemPointerGetBlockNumber(&tuple->t_self) + 1;
		scan->visit(scan->arg, scan->table, tuple);
		CHECK_FOR_INTERRUPTS();
	}
	table_endscan(desc);
}

/* The same; NULL, or the message of the error that stopped it. */
static char *
scan_guarded(CgPageScan *scan, BlockNumber first, BlockNumber end)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	char	   *volatile message = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		scan_pages(scan, first, end);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode != ERRCODE_DATA_CORRUPTED &&
			error->sqlerrcode != ERRCODE_INDEX_CORRUPTED &&
			ERRCODE_TO_CATEGORY(error->sqlerrcode) !=
			ERRCODE_TO_CATEGORY(ERRCODE_IO_ERROR))
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		message = error->message;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return message;
}

void
cg_log_scan(CgLogTable *table, Snapshot snapshot, BlockNumber first,
			BlockNumber end, CgLogVisit visit, CgLogBadPage bad, void *arg)
{
	CgPageScan	scan;

	scan.table = table;
	scan.snapshot = snapshot;
	scan.visit = visit;
	scan.arg = arg;
	scan.done = first;
	if (first >= end)
		return;
	if (bad == NULL)
	{
		scan_pages(&scan, first, end);
		return;
	}

	/*
	 * After an error, go on page by page until the one that cannot be read;
	 * it is the first whose reading fails after the rows visited so far.
	 */
	while (scan.done < end && scan_guarded(&scan, scan.done, end) != NULL)
	{
		char	   *message = NULL;
		BlockNumber page = scan.done;

		while (page < end && message == NULL)
		{
			message = scan_guarded(&scan, page, page + 1);
			page++;
		}
		if (message != NULL)
			bad(arg, table, page - 1, message);
		scan.done = page;
	}
}

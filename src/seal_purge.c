/*
 * seal_purge.c
 *		Dropping whole months of the audit log: cipguard.purge_audit().
 *
 * What remains must still verify, and prove.  Of a block of which nothing is
 * left, the head stays.  Of another, the roots of the subtrees stay that its
 * purged events make up, as wide as they can be: a block of a thousand events
 * of which one is left needs ten of them.  cipguard.audit_purge says which
 * blocks need not be there; its rows are events of the log themselves, so a
 * purge cannot be made up later without being sealed, too.
 *
 * Nothing is dropped before it is sealed, or when the log does not verify.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/xid8.h"

#include "compat.h"

#include "acting.h"
#include "audit_store.h"
#include "catalog.h"
#include "cipguard.h"
#include "seal_check.h"
#include "seal_print.h"

/* Columns of cipguard.audit_purge, in the order of sql/parts/52_seal.sql. */
enum
{
	PU_SEQ,
	PU_XID,
	PU_TS,
	PU_SESSION,
	PU_ROLE,
	PU_LEAF,
	PU_LOWER,
	PU_UPPER,
	PU_EVENTS,
	PU_REGULATION,
	PU_REASON,
	PU_BLOCKS,
	PU_COLUMNS
};

/* A month that is to go. */
typedef struct CgPurgeMonth
{
	Oid			relid;
	char	   *name;
	TimestampTz lower;
	TimestampTz upper;
	char	   *regulation;		/* that asked to keep it till now */
	int64		events;
} CgPurgeMonth;

/* A row of it, and the block that it is in. */
typedef struct CgPurgeRow
{
	int64		block;
	CgLeaf		leaf;
} CgPurgeRow;

typedef struct CgPurgeRows
{
	CgCheck    *check;			/* has all blocks */
	int64		n;
	int64		room;
	CgPurgeRow *rows;
} CgPurgeRows;

static List *months_before(TimestampTz before);
static void check_floor(CgPurgeMonth *month);
static void purge_month(CgCheck *check, CgPurgeMonth *month, const char *role,
						const char *reason);
static void gather(void *arg, CgLogTable *table, HeapTuple tuple);
static int	compare_rows(const void *a, const void *b);
static bool purge_from_block(int64 number, const CgPurgeRow *rows, int64 n);
static void keep_nodes(int64 number, CgTree *tree, const bool *gone);
static void subtree_root(CgTree *tree, unsigned level, uint64 index,
						 uint8 *hash);
static void record(const CgPurgeMonth *month, const char *role, const char *reason,
				   List *runs);
static void drop_month(const CgPurgeMonth *month);

/* purge_audit(before timestamptz, reason text) RETURNS TABLE (...) */
PG_FUNCTION_INFO_V1(cipguard_purge_audit);
Datum
cipguard_purge_audit(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *reason = PG_ARGISNULL(1) ? NULL :
	text_to_cstring(PG_GETARG_TEXT_PP(1));
	TimestampTz before;
	char	   *role = GetUserNameFromId(GetUserId(), false);
	CgActing	acting;
	CgCheck		check;
	List	   *months;
	ListCell   *lc;

	PreventCommandDuringRecovery("cipguard.purge_audit()");
	PreventCommandIfReadOnly("cipguard.purge_audit()");
	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	before = PG_GETARG_TIMESTAMPTZ(0);

	cg_seal_lock();
	cg_act_begin(&acting, cg_audit_owner());
	PushActiveSnapshot(GetLatestSnapshot());
	months = months_before(before);
	foreach(lc, months)
	{
		CgPurgeMonth *month = lfirst(lc);

		LockRelationOid(month->relid, AccessExclusiveLock);
	}
	PopActiveSnapshot();

	/* Nobody adds to them any more. */
	PushActiveSnapshot(GetLatestSnapshot());
	foreach(lc, months)
		check_floor(lfirst(lc));
	memset(&check, 0, sizeof(check));
	check.whole = true;
	if (months != NIL && !cg_check_log(&check, 1, PG_INT64_MAX))
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("the audit log does not verify, so nothing was purged"),
				 errhint("%s tells what is wrong with it.",
						 "cipguard.audit_verify()")));
	PopActiveSnapshot();

	foreach(lc, months)
	{
		CgPurgeMonth *month = lfirst(lc);
		Datum		values[2];
		bool		nulls[2] = {false, false};

		PushActiveSnapshot(GetLatestSnapshot());
		purge_month(&check, month, role, reason);
		PopActiveSnapshot();
		drop_month(month);
		CommandCounterIncrement();

		values[0] = CStringGetTextDatum(month->name);
		values[1] = Int64GetDatum(month->events);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values,
							 nulls);
	}
	cg_act_end(&acting);
	return (Datum) 0;
}

/* ---------- what may go ---------- */

/* Months that ended at that time or before. */
static List *
months_before(TimestampTz before)
{
	Oid			type = TIMESTAMPTZOID;
	Datum		arg = TimestampTzGetDatum(before);
	List	   *months = NIL;
	uint64		i;

	if (SPI_execute_with_args("SELECT m.oid, m.relname, m.lower,"
							  " m.upper FROM ("
							  "SELECT c.oid, c.relname,"
							  " l.month AT TIME ZONE 'UTC' AS lower,"
							  " (l.month OPERATOR(pg_catalog.+)"
							  " '1 month'::interval) AT TIME ZONE 'UTC' AS upper"
							  " FROM pg_catalog.pg_inherits i"
							  " JOIN pg_catalog.pg_class c"
							  " ON c.oid OPERATOR(pg_catalog.=) i.inhrelid,"
							  " LATERAL (SELECT pg_catalog.make_timestamp("
							  "pg_catalog.substr(c.relname, pg_catalog.length(c.relname) OPERATOR(pg_catalog.-) 5, 4)::integer,"
							  "pg_catalog.right(c.relname, 2)::integer, 1, 0, 0, 0) AS month) l"
							  " WHERE i.inhparent OPERATOR(pg_catalog.=) ANY"
							  " (ARRAY['cipguard.audit_change', 'cipguard.audit_record']::regclass[])"
							  " AND c.relname OPERATOR(pg_catalog.~)"
							  " '^audit_(change|record)_[0-9]{6}$') m"
							  " WHERE m.upper OPERATOR(pg_catalog.<=) $1"
							  " ORDER BY m.lower, m.relname",
							  1, &type, &arg, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the months of the audit log");
	for (i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		CgPurgeMonth *month = palloc0(sizeof(CgPurgeMonth));
		bool		isnull;

		month->relid = DatumGetObjectId(SPI_getbinval(row, desc, 1, &isnull));
		month->name = SPI_getvalue(row, desc, 2);
		month->lower = DatumGetTimestampTz(SPI_getbinval(row, desc, 3,
														 &isnull));
		month->upper = DatumGetTimestampTz(SPI_getbinval(row, desc, 4,
														 &isnull));
		months = lappend(months, month);
	}
	SPI_freetuptable(SPI_tuptable);
	return months;
}

/* Raise if the law wants the month kept, for any kind of event in it. */
static void
check_floor(CgPurgeMonth *month)
{
	StringInfoData sql;
	Oid			type = TIMESTAMPTZOID;
	Datum		arg = TimestampTzGetDatum(month->upper);
	bool		isnull;
	char	   *until;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT f.regulation,"
					 " ($1 AT TIME ZONE 'UTC' OPERATOR(pg_catalog.+) f.keep)"
					 " AT TIME ZONE 'UTC' AS until"
					 " FROM cipguard.audit_floor() f"
					 " WHERE f.kind OPERATOR(pg_catalog.=) ANY ("
					 "SELECT e.kind FROM cipguard.%s e)"
					 " OR NOT EXISTS (SELECT FROM cipguard.%s e)"
					 " ORDER BY f.keep DESC LIMIT 1",
					 quote_identifier(month->name),
					 quote_identifier(month->name));
	if (SPI_execute_with_args(sql.data, 1, &type, &arg, NULL, true, 1) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not read how long the law wants records kept");
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("no regulation says how long \"%s\" is to be kept",
						month->name),
				 errhint("Insert one into %s.", "cipguard.regulation")));
	month->regulation = SPI_getvalue(SPI_tuptable->vals[0],
									 SPI_tuptable->tupdesc, 1);
	until = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
	if (DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0],
										  SPI_tuptable->tupdesc, 2,
										  &isnull)) >
		GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("\"%s\" of the audit log must be kept until %s",
						month->name, until),
				 errdetail("Regulation \"%s\" asks for that.",
						   month->regulation),
				 errhint("Purge earlier months only.")));
	SPI_freetuptable(SPI_tuptable);
}

/* ---------- taking it out of the blocks ---------- */

static void
purge_month(CgCheck *check, CgPurgeMonth *month, const char *role,
			const char *reason)
{
	CgPurgeRows rows;
	List	   *runs = NIL;		/* first and last block of each */
	List	   *tables;
	ListCell   *lc;
	int64		i;
	int64		n;

	memset(&rows, 0, sizeof(rows));
	rows.check = check;
	tables = cg_log_open(&check->log_id);
	foreach(lc, tables)
	{
		CgLogTable *table = lfirst(lc);

		if (RelationGetRelid(table->rel) == month->relid)
			cg_log_scan(table, GetActiveSnapshot(), 0, table->nblocks, gather,
						NULL, &rows);
	}
	cg_log_close(tables);
	if (rows.n > 1)
		qsort(rows.rows, rows.n, sizeof(CgPurgeRow), compare_rows);

	for (i = 0; i < rows.n; i += n)
	{
		int64		number = rows.rows[i].block;
		int64	   *last = runs == NIL ? NULL : llast(runs);

		for (n = 1; i + n < rows.n && rows.rows[i + n].block == number; n++)
			continue;
		if (!purge_from_block(number, rows.rows + i, n))
			continue;
		if (last == NULL || *last + 1 != number)
		{
			int64	   *first = palloc(sizeof(int64));

			last = palloc(sizeof(int64));
			*first = number;
			runs = lappend(lappend(runs, first), last);
		}
		*last = number;
		CHECK_FOR_INTERRUPTS();
	}
	month->events = rows.n;
	record(month, role, reason, runs);
	if (rows.rows != NULL)
		pfree(rows.rows);
}

static void
gather(void *arg, CgLogTable *table, HeapTuple tuple)
{
	CgPurgeRows *rows = arg;
	CgPurgeRow *row;
	CgLeaf		leaf;
	int			i;

	if (!cg_leaf_position(&table->coder, tuple, &leaf) ||
		!cg_leaf_hash(&table->coder, tuple, leaf.hash))
		elog(ERROR, "malformed row in \"%s\"",
			 RelationGetRelationName(table->rel));
	i = cg_check_find(rows->check, leaf.xid);
	if (i == rows->check->nblocks)
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("event " INT64_FORMAT " of \"%s\" is in no block yet",
						leaf.seq, RelationGetRelationName(table->rel)),
				 errhint("Call %s first, in a transaction of its own.",
						 "cipguard.seal()")));
	if (rows->n == rows->room)
	{
		rows->room = Max(rows->room * 2, 1024);
		if (rows->rows == NULL)
			rows->rows = palloc(rows->room * sizeof(CgPurgeRow));
		else
			rows->rows = repalloc_huge(rows->rows, rows->room * sizeof(CgPurgeRow));
	}
	row = &rows->rows[rows->n++];
	row->block = rows->check->blocks[i].number;
	row->leaf = leaf;
}

static int
compare_rows(const void *a, const void *b)
{
	const CgPurgeRow *p = a;
	const CgPurgeRow *q = b;

	if (p->block != q->block)
		return p->block < q->block ? -1 : 1;
	return cg_leaf_compare(&p->leaf, &q->leaf);
}

/*
 * Take rows, which are in the order of the log, out of their block.  True if
 * nothing is left of it.
 */
static bool
purge_from_block(int64 number, const CgPurgeRow *rows, int64 n)
{
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext,
											   "cipguard purged block",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext context = MemoryContextSwitchTo(work);
	CgBlock		block;
	CgTree		tree;
	CgLeaf	   *left;
	int64		nleft = 0;
	bool	   *gone;
	int64		i;
	int64		k = 0;

	if (!cg_block_read(number, &block))
		elog(ERROR, "block " INT64_FORMAT " is missing", number);
	cg_tree_read(&block, &tree);
	left = MemoryContextAllocHuge(work, (tree.nleaves + 1) * sizeof(CgLeaf));
	gone = MemoryContextAllocHuge(work, tree.size + 1);
	memset(gone, true, tree.size);
	for (i = 0; i < tree.nleaves; i++)
	{
		if (k < n && cg_leaf_compare(&tree.leaves[i], &rows[k].leaf) == 0)
		{
			k++;
			continue;
		}
		gone[tree.places != NULL ? tree.places[i] : i] = false;
		left[nleft++] = tree.leaves[i];
	}
	if (k < n)
		elog(ERROR, "event " INT64_FORMAT " is not in block " INT64_FORMAT,
			 rows[k].leaf.seq, number);

	cg_seal_delete("audit_print", number);
	cg_seal_delete("audit_kept_node", number);
	if (nleft > 0)
	{
		cg_print_append(number, left, nleft);
		keep_nodes(number, &tree, gone);
	}
	MemoryContextSwitchTo(context);
	MemoryContextDelete(work);
	return nleft == 0;
}

/* Keep the roots of the widest subtrees of which all leaves are gone. */
static void
keep_nodes(int64 number, CgTree *tree, const bool *gone)
{
	int64		first = 0;
	int64		end;

	for (; first < tree->size; first = end)
	{
		end = first + 1;
		if (!gone[first])
			continue;
		while (end < tree->size && gone[end])
			end++;
		while (first < end)
		{
			int			level = 0;
			uint8		hash[CG_SHA256_LEN];
			bytea	   *bytes = palloc(VARHDRSZ + CG_SHA256_LEN);
			Datum		values[4];
			bool		nulls[4] = {false, false, false, false};

			while (level < 62 &&
				   (first & ((INT64CONST(2) << level) - 1)) == 0 &&
				   first + (INT64CONST(2) << level) <= end)
				level++;
			subtree_root(tree, level, (uint64) first >> level, hash);
			SET_VARSIZE(bytes, VARHDRSZ + CG_SHA256_LEN);
			memcpy(VARDATA(bytes), hash, CG_SHA256_LEN);
			values[0] = Int64GetDatum(number);
			values[1] = Int32GetDatum(level);
			values[2] = Int64GetDatum(first >> level);
			values[3] = PointerGetDatum(bytes);
			cg_seal_append("audit_kept_node", values, nulls);
			first += INT64CONST(1) << level;
		}
	}
}

/* By way of what leaves and nodes there are. */
static void
subtree_root(CgTree *tree, unsigned level, uint64 index, uint8 *hash)
{
	uint8		left[CG_SHA256_LEN];
	uint8		right[CG_SHA256_LEN];
	CgStatus	status = cg_tree_fetch(tree, level, index, hash);

	if (status == CG_OK)
		return;
	if (status != CG_E_LIMIT || level == 0)
		elog(ERROR, "the tree of a block has a hole");
	subtree_root(tree, level - 1, index * 2, left);
	subtree_root(tree, level - 1, index * 2 + 1, right);
	if (cg_merkle_node(left, right, hash) != CG_OK)
		elog(ERROR, "could not hash purged events");
}

/* ---------- the record, and the end ---------- */

static void
record(const CgPurgeMonth *month, const char *role, const char *reason, List *runs)
{
	Datum		values[PU_COLUMNS];
	bool		nulls[PU_COLUMNS];
	Datum	   *blocks = palloc((list_length(runs) + 1) * sizeof(Datum));
	char	   *detail;
	ListCell   *lc;
	int			n = 0;

	foreach(lc, runs)
		blocks[n++] = Int64GetDatum(*(int64 *) lfirst(lc));

	memset(nulls, 0, sizeof(nulls));
	values[PU_SEQ] = Int64GetDatum(cg_audit_next_seq());
	values[PU_XID] = FullTransactionIdGetDatum(GetTopFullTransactionId());
	values[PU_TS] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[PU_SESSION] = Int64GetDatum(cg_audit_session());
	values[PU_ROLE] = CStringGetTextDatum(role);
	values[PU_LEAF] = CStringGetTextDatum(month->name);
	values[PU_LOWER] = TimestampTzGetDatum(month->lower);
	values[PU_UPPER] = TimestampTzGetDatum(month->upper);
	values[PU_EVENTS] = Int64GetDatum(month->events);
	values[PU_REGULATION] = CStringGetTextDatum(month->regulation);
	nulls[PU_REASON] = (reason == NULL);
	values[PU_REASON] = reason ? CStringGetTextDatum(reason) : (Datum) 0;
	values[PU_BLOCKS] =
		PointerGetDatum(construct_array(blocks, n, INT8OID, sizeof(int64),
										FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	cg_seal_append("audit_purge", values, nulls);

	detail = psprintf(INT64_FORMAT " events; by %s%s%s", month->events, role,
					  reason ? ": " : "", reason ? reason : "");
	cg_audit_note("purge", month->relid, month->name, detail);
}

static void
drop_month(const CgPurgeMonth *month)
{
	/* No event triggers, which could do anything as the owner of the log. */
	(void) set_config_option("session_replication_role", "replica",
							 PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
							 0, false);
	cg_act_execute("ALTER EXTENSION cipguard DROP TABLE cipguard.%s",
				   quote_identifier(month->name));
	cg_act_execute("DROP TABLE cipguard.%s", quote_identifier(month->name));
}

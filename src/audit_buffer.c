/*
 * audit_buffer.c
 *		Events on their way into the audit log.
 *
 * Events are collected and written many at a time, straight into the heap of
 * the partition of their month: that costs a third of single insertions.  They
 * are written before anybody could miss them:
 *
 * - when the statement ends (in ExecutorFinish, or at the end of a utility
 *   statement), when many wait, and before the transaction commits or is
 *   prepared: an error while writing fails the change;
 * - before a query that reads the log;
 * - before a subtransaction commits.  Those of one that is rolled back are
 *   dropped.
 *
 * A row bears the (sub)transaction that writes it.  So when a subtransaction
 * begins while events wait, in a trigger that catches errors, these wait until
 * it has ended; only its own can be written meanwhile.
 *
 * Rows bear the command number of the last of them.  A query that reads the
 * log has them written first, so it sees what was done before it began and
 * nothing else, as if each had been written at once.
 *
 * Partitions grow at their end only: no free space is looked for, and a
 * transaction begins with the last page, not with one that this backend has
 * filled earlier.  So the rows of a transaction lie in or after what was the
 * last page when it began, and whoever seals the log finds new rows without an
 * index.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"

#include "audit_buffer.h"
#include "audit_index.h"
#include "audit_partition.h"
#include "cipguard.h"
#include "inval.h"

#define MAX_EVENTS		256
#define MAX_BYTES		(64 * 1024)

/* The branches, as indexes of arrays. */
#define BRANCHES		2
#define BRANCH(object)	((object) == CG_AUDIT_CHANGE ? 0 : 1)

typedef struct CgPending
{
	CgAuditObject branch;
	TimestampTz ts;
	HeapTuple	tuple;			/* NULL once a slot owns it */
} CgPending;

/* A subtransaction that began while events waited. */
typedef struct CgLevel
{
	SubTransactionId subid;
	int			first;			/* of those that wait for its end */
	struct CgLevel *outer;
} CgLevel;

/* Where the events of a branch go. */
typedef struct CgTarget
{
	CgMonth		month;
	Oid			partition;		/* InvalidOid if not known */
	Oid			at_end;			/* this transaction began at its end */
	bool		ahead;			/* the next month's was seen to ... */
	bool		ahead_now;		/* ... by this transaction */
} CgTarget;

static void relation_changed(Datum arg, Oid relid);
static void xact_ended(XactEvent event, void *arg);
static void subxact_changed(SubXactEvent event, SubTransactionId subid,
							SubTransactionId parent, void *arg);
static void forget_ahead(void);
static void drop_from(int from);
static void make_buffer(void);
static void flush(void);
static Relation open_partition(CgAuditObject branch, TimestampTz ts);
static int	write_run(int from);

static MemoryContext lasting;	/* the arrays and slots */
static MemoryContext tuples;	/* the tuples of all that wait */
static MemoryContext work;		/* whatever writing needs */
static TupleDesc descriptor = NULL;
static Oid	described = InvalidOid;
static TupleTableSlot *slots[MAX_EVENTS];
static int	used_slots = 0;
static CgPending *pending = NULL;
static int	capacity = 0;
static int	count = 0;
static int	first = 0;			/* of this subtransaction */
static Size bytes = 0;			/* of those from first on */
static CommandId last_cid;
static CgLevel *levels = NULL;
static CgTarget targets[BRANCHES];
static bool closing = false;	/* others end after us: nothing may wait */
static SubTransactionId flushing = InvalidSubTransactionId;

static ExecutorStart_hook_type prev_executor_start = NULL;
static ExecutorFinish_hook_type prev_executor_finish = NULL;
static ProcessUtility_hook_type prev_process_utility = NULL;

/* ---------- what comes to an end ---------- */

static void
relation_changed(Datum arg, Oid relid)
{
	int			i;

	for (i = 0; i < BRANCHES; i++)
		if (!OidIsValid(relid) || relid == targets[i].partition)
			targets[i].partition = InvalidOid;
}

static void
forget_ahead(void)
{
	int			i;

	for (i = 0; i < BRANCHES; i++)
		if (targets[i].ahead_now)
			targets[i].ahead = false;
}

/* Forget the events from this one on. */
static void
drop_from(int from)
{
	int			i;

	for (i = 0; i < used_slots; i++)
		ExecClearTuple(slots[i]);
	used_slots = 0;
	if (from == 0)
		MemoryContextReset(tuples);
	else
		for (i = from; i < count; i++)
			if (pending[i].tuple != NULL)
				heap_freetuple(pending[i].tuple);
	count = from;
	bytes = 0;
}

static void
xact_ended(XactEvent event, void *arg)
{
	int			i;

	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			if (count > 0)
				flush();
			closing = true;
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
		case XACT_EVENT_ABORT:
			if (event != XACT_EVENT_COMMIT)
				forget_ahead();
			for (i = 0; i < BRANCHES; i++)
			{
				targets[i].at_end = InvalidOid;
				targets[i].ahead_now = false;
			}
			closing = false;
			levels = NULL;		/* they were in the transaction's memory */
			first = 0;
			flushing = InvalidSubTransactionId;
			if (count > 0)
				drop_from(0);
			break;
		default:
			break;
	}
}

static void
subxact_changed(SubXactEvent event, SubTransactionId subid,
				SubTransactionId parent, void *arg)
{
	switch (event)
	{
		case SUBXACT_EVENT_START_SUB:
			if (count > first)
			{
				CgLevel    *level = MemoryContextAlloc(TopTransactionContext,
													   sizeof(CgLevel));

				level->subid = subid;
				level->first = first;
				level->outer = levels;
				levels = level;
				first = count;
				bytes = 0;
			}
			return;
		case SUBXACT_EVENT_PRE_COMMIT_SUB:
			if (count > first)
				flush();
			return;
		case SUBXACT_EVENT_ABORT_SUB:
			forget_ahead();
			if (flushing == subid)
				flushing = InvalidSubTransactionId;
			if (count > first)
				drop_from(first);
			break;
		case SUBXACT_EVENT_COMMIT_SUB:
			break;
	}
	if (levels != NULL && levels->subid == subid)
	{
		first = levels->first;
		levels = levels->outer;
	}
}

/* ---------- taking events ---------- */

static void
make_buffer(void)
{
	Relation	rel = table_open(cg_audit_oid(CG_AUDIT_EVENT),
								 AccessShareLock);
	MemoryContext old;
	int			i;

	if (lasting == NULL)
	{
		lasting = AllocSetContextCreate(TopMemoryContext, "cipguard audit",
										ALLOCSET_DEFAULT_SIZES);
		tuples = AllocSetContextCreate(lasting, "cipguard audit events",
									   0, 2 * MAX_BYTES, 8 * MAX_BYTES);
		work = AllocSetContextCreate(lasting, "cipguard audit writer",
									 ALLOCSET_DEFAULT_SIZES);
	}
	if (rel->rd_att->natts != CG_EV_COLUMNS)
		elog(ERROR, "the audit log has %d columns", rel->rd_att->natts);
	old = MemoryContextSwitchTo(lasting);
	if (descriptor == NULL)
	{
		descriptor = CreateTupleDescCopy(RelationGetDescr(rel));
		for (i = 0; i < MAX_EVENTS; i++)
			slots[i] = MakeSingleTupleTableSlot(descriptor, &TTSOpsHeapTuple);
	}
	MemoryContextSwitchTo(old);
	described = RelationGetRelid(rel);
	table_close(rel, AccessShareLock);
}

void
cg_buffer_prepare(CgAuditObject branch, TimestampTz ts)
{
	CgTarget   *target = &targets[BRANCH(branch)];

	if (OidIsValid(target->partition) && target->ahead &&
		ts >= target->month.lower && ts < target->month.upper)
		return;

	if (ts < target->month.lower || ts >= target->month.upper)
		target->ahead = false;
	cg_month_of(ts, 0, &target->month);
	target->partition = InvalidOid;
	target->partition = cg_audit_partition(branch, &target->month);
	if (target->ahead)
		return;
	target->ahead = target->ahead_now = true;
	if (branch == CG_AUDIT_CHANGE)
	{
		CgMonth		next;

		cg_month_of(ts, 1, &next);
		cg_audit_partition_ahead(branch, &next);
	}
}

void
cg_buffer_add(CgAuditObject branch, const Datum *values, const bool *nulls)
{
	CgPending  *event;
	MemoryContext old;

	if (described != cg_audit_oid(CG_AUDIT_EVENT))
		make_buffer();
	if (count == capacity)
	{
		int			larger = capacity + MAX_EVENTS;

		if (pending == NULL)
			pending = MemoryContextAlloc(lasting, sizeof(CgPending) * larger);
		else
			pending = repalloc(pending, sizeof(CgPending) * larger);
		capacity = larger;
	}
	old = MemoryContextSwitchTo(tuples);
	event = &pending[count];
	event->tuple = heap_form_tuple(descriptor, unconstify(Datum *, values),
								   unconstify(bool *, nulls));
	MemoryContextSwitchTo(old);
	event->branch = branch;
	event->ts = DatumGetTimestampTz(values[CG_EV_TS]);
	last_cid = GetCurrentCommandId(true);
	bytes += event->tuple->t_len;
	count++;
	if (count - first >= MAX_EVENTS || bytes >= MAX_BYTES || closing)
		flush();
}

/* ---------- writing them ---------- */

/* Write the events of this subtransaction. */
static void
flush(void)
{
	MemoryContext old;
	int			done = first;
	bool		pushed;

	/* Making a partition runs statements, which end here, too. */
	if (flushing != InvalidSubTransactionId)
		return;
	flushing = GetCurrentSubTransactionId();
	old = MemoryContextSwitchTo(work);
	pushed = cg_audit_snapshot();
	while (done < count)
	{
		done += write_run(done);
		MemoryContextReset(work);
	}
	if (pushed)
		PopActiveSnapshot();
	MemoryContextSwitchTo(old);
	flushing = InvalidSubTransactionId;
	drop_from(first);
}

/*
 * Open and lock the partition for an event.  Its OID is known from preparing;
 * since then it can have been dropped or detached, until it is locked.
 */
static Relation
open_partition(CgAuditObject branch, TimestampTz ts)
{
	CgTarget   *target = &targets[BRANCH(branch)];

	for (;;)
	{
		Relation	rel;

		cg_buffer_prepare(branch, ts);
		rel = try_relation_open(target->partition, RowExclusiveLock);
		if (rel != NULL && rel->rd_rel->relispartition)
		{
			if (target->at_end != RelationGetRelid(rel))
				RelationSetTargetBlock(rel, InvalidBlockNumber);
			target->at_end = RelationGetRelid(rel);
			return rel;
		}
		if (rel != NULL)
			relation_close(rel, RowExclusiveLock);
		target->partition = InvalidOid;
		CHECK_FOR_INTERRUPTS();
	}
}

/* Write events from this one on that have one partition; says how many. */
static int
write_run(int from)
{
	CgAuditObject branch = pending[from].branch;
	const CgMonth *month = &targets[BRANCH(branch)].month;
	Relation	heap = open_partition(branch, pending[from].ts);
	const CgPending *run = &pending[from];
	int			n;
	int			i;

	if (RelationGetNumberOfAttributes(heap) != CG_EV_COLUMNS)
		elog(ERROR, "partition \"%s\" of the audit log has %d columns",
			 RelationGetRelationName(heap),
			 RelationGetNumberOfAttributes(heap));

	for (n = 0; from + n < count && n < MAX_EVENTS; n++)
	{
		if (run[n].branch != branch || run[n].ts < month->lower ||
			run[n].ts >= month->upper)
			break;
		/* A tuple that the slot did not own would be copied. */
		ExecStoreHeapTuple(run[n].tuple, slots[n], true);
		pending[from + n].tuple = NULL;
		used_slots = n + 1;
	}
	heap_multi_insert(heap, slots, n, last_cid, HEAP_INSERT_SKIP_FSM, NULL);

	cg_audit_index(heap, slots, n);
	for (i = 0; i < n; i++)
		ExecClearTuple(slots[i]);
	used_slots = 0;
	relation_close(heap, NoLock);
	return n;
}

/* ---------- when they are written ---------- */

static bool
reads_log(const PlannedStmt *plan)
{
	ListCell   *lc;

	foreach(lc, plan->relationOids)
	{
		Oid			relid = lfirst_oid(lc);
		int			i;

		if (relid == described || relid == cg_audit_oid(CG_AUDIT_CHANGE) ||
			relid == cg_audit_oid(CG_AUDIT_RECORD))
			return true;
		for (i = 0; i < BRANCHES; i++)
			if (relid == targets[i].partition)
				return true;
	}
	return false;
}

static void
executor_start(QueryDesc *queryDesc, int eflags)
{
	if (count > first && reads_log(queryDesc->plannedstmt))
		flush();
	if (prev_executor_start != NULL)
		prev_executor_start(queryDesc, eflags);
	else
		standard_ExecutorStart(queryDesc, eflags);
}

static void
executor_finish(QueryDesc *queryDesc)
{
	if (prev_executor_finish != NULL)
		prev_executor_finish(queryDesc);
	else
		standard_ExecutorFinish(queryDesc);
	if (count > first)
		flush();
}

static void
process_utility(PlannedStmt *pstmt, const char *queryString,
				bool readOnlyTree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *queryEnv,
				DestReceiver *dest, QueryCompletion *qc)
{
	/* Afterwards a SAVEPOINT has begun already. */
	bool		transaction = IsA(pstmt->utilityStmt, TransactionStmt);

	if (count > first && transaction)
		flush();
	if (prev_process_utility != NULL)
		prev_process_utility(pstmt, queryString, readOnlyTree, context,
							 params, queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context,
								params, queryEnv, dest, qc);
	if (count > first && !transaction)
		flush();
}

void
cg_buffer_init(void)
{
	cg_audit_index_init();
	cg_on_relcache(relation_changed);
	RegisterXactCallback(xact_ended, NULL);
	RegisterSubXactCallback(subxact_changed, NULL);
	prev_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
	prev_executor_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = executor_finish;
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}

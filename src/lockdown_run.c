/*
 * lockdown_run.c
 *		Statements that are running when a lockdown comes.
 *
 * A value that is given is asked for at its door, which listens for news.  But
 * by then a sort may hold what was given, and so may a cursor or the result of
 * a function; and what a row shows in the clear may have been chosen by what
 * it does not show.  So each row that leaves a plan is stopped here, if the
 * plan was made for somebody who could read or compare what is locked down
 * now, or if the session was given such since it began.
 *
 * The answer is an error, not a mask.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "nodes/parsenodes.h"
#include "tcop/dest.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/portal.h"
#include "utils/rls.h"
#include "utils/guc.h"

#include "compat.h"

#include "budget.h"
#include "cipguard.h"
#include "guc.h"
#include "held.h"
#include "lockdown.h"
#include "plan.h"
#include "plan_mask.h"
#include "protect.h"

#define MAX_GIVEN	32			/* then it counts as everything */

/* Stands between a plan and where its rows go. */
typedef struct CgStop
{
	DestReceiver pub;
	DestReceiver *next;
	PlannedStmt *stmt;
	bool		touches;		/* something protected */
	uint64		generation;		/* lockdowns that were looked at */
} CgStop;

static void run(CG_EXECUTOR_RUN_PARAMS);
static void utility(PlannedStmt *pstmt, const char *query_string,
					bool read_only_tree, ProcessUtilityContext context,
					ParamListInfo params, QueryEnvironment *env,
					DestReceiver *dest, QueryCompletion *qc);
static bool stop_row(TupleTableSlot *slot, DestReceiver *self);
static void stop_startup(DestReceiver *self, int operation, TupleDesc desc);
static void stop_shutdown(DestReceiver *self);
static void stop_destroy(DestReceiver *self);
static bool touches_protected(PlannedStmt *stmt);
static void check_plan(PlannedStmt *stmt);
static bool plan_locked_down(PlannedStmt *stmt, Oid *relid, int32 *category);
static bool relation_locked_down(RangeTblEntry *rte, int32 *category);
static void begin_statement(void);
static void note_held(const char *name);
static void close_held(void);
static void check_given(void);

static ExecutorRun_hook_type prev_run = NULL;
static ProcessUtility_hook_type prev_utility = NULL;

/* What doors gave since the outermost statement at work began. */
static struct
{
	int32		category;
	Oid			relation;
}			given[MAX_GIVEN];
static int	num_given = 0;
static TimestampTz given_at = 0;
static int	depth = 0;

static List *held = NIL;		/* names of cursors WITH HOLD */
static uint64 held_generation = 0;	/* rights that they were closed for */

void
cg_lockdown_run_init(void)
{
	if (!cg_masks())
		return;
	prev_run = ExecutorRun_hook;
	ExecutorRun_hook = run;
	prev_utility = ProcessUtility_hook;
	ProcessUtility_hook = utility;
}

void
cg_note_given(int32 category, Oid relation)
{
	int			i;

	if (given_at != GetCurrentStatementStartTimestamp())
	{
		given_at = GetCurrentStatementStartTimestamp();
		num_given = 0;
	}
	for (i = Min(num_given, MAX_GIVEN) - 1; i >= 0; i--)
		if (given[i].category == category && given[i].relation == relation)
			return;
	if (num_given < MAX_GIVEN)
	{
		given[num_given].category = category;
		given[num_given].relation = relation;
	}
	if (num_given <= MAX_GIVEN)
		num_given++;
}

static void
run(CG_EXECUTOR_RUN_PARAMS)
{
	ExecutorRun_hook_type next = prev_run ? prev_run : standard_ExecutorRun;
	CgHeld	   *holding = cg_holding;
	bool		stops = !IsParallelWorker() && queryDesc->dest != NULL;
	CgStop		stop;

	begin_statement();
	stop.pub.receiveSlot = stop_row;
	stop.pub.rStartup = stop_startup;
	stop.pub.rShutdown = stop_shutdown;
	stop.pub.rDestroy = stop_destroy;
	stop.pub.mydest = stops ? queryDesc->dest->mydest : DestNone;
	stop.next = queryDesc->dest;
	stop.stmt = queryDesc->plannedstmt;
	stop.touches = touches_protected(stop.stmt);
	stop.generation = 0;
	if (depth++ == 0)
		cg_budget_running(true);
	PG_TRY();
	{
		if (stops)
		{
			cg_held_run(queryDesc, direction, count);
			queryDesc->dest = &stop.pub;
		}
		next(CG_EXECUTOR_RUN_ARGS);
	}
	PG_FINALLY();
	{
		queryDesc->dest = stop.next;
		cg_holding = holding;
		if (--depth == 0)
			cg_budget_running(false);
	}
	PG_END_TRY();
}

static bool
stop_row(TupleTableSlot *slot, DestReceiver *self)
{
	CgStop	   *stop = (CgStop *) self;

	if (stop->touches || num_given > 0)
	{
		uint64		generation = cg_lockdown_generation();

		if (unlikely(stop->generation != generation))
		{
			if (stop->touches)
				check_plan(stop->stmt);
			check_given();
			stop->generation = generation;
		}
	}
	return stop->next->receiveSlot(slot, stop->next);
}

static void
stop_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	CgStop	   *stop = (CgStop *) self;

	stop->next->rStartup(stop->next, operation, desc);
}

static void
stop_shutdown(DestReceiver *self)
{
	CgStop	   *stop = (CgStop *) self;

	stop->next->rShutdown(stop->next);
}

/* Whoever made the receiver behind it destroys that. */
static void
stop_destroy(DestReceiver *self)
{
}

/*
 * A cursor that is held, or whose rows cannot be had one by one, keeps what
 * the plan gave.
 */
static void
utility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree,
		ProcessUtilityContext context, ParamListInfo params,
		QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc)
{
	ProcessUtility_hook_type next = prev_utility ? prev_utility :
	standard_ProcessUtility;

	if (IsA(pstmt->utilityStmt, FetchStmt))
	{
		FetchStmt  *fetch = (FetchStmt *) pstmt->utilityStmt;
		Portal		portal = fetch->portalname == NULL ? NULL :
		GetPortalByName(fetch->portalname);
		ListCell   *lc;

		if (PortalIsValid(portal) && portal->holdStore != NULL)
		{
			if (cg_lockdown_generation() != 0)
				foreach(lc, portal->stmts)
					check_plan(lfirst_node(PlannedStmt, lc));
			cg_held_check(portal);
		}
	}
	else
		begin_statement();
	next(pstmt, query_string, read_only_tree, context, params, env, dest, qc);
	if (IsA(pstmt->utilityStmt, DeclareCursorStmt))
	{
		DeclareCursorStmt *declare = (DeclareCursorStmt *) pstmt->utilityStmt;

		if ((declare->options & CURSOR_OPT_HOLD) != 0)
			note_held(declare->portalname);
	}
}

static void
note_held(const char *name)
{
	MemoryContext old;
	ListCell   *lc;

	foreach(lc, held)
		if (!PortalIsValid(GetPortalByName(lfirst(lc))) ||
			strcmp(lfirst(lc), name) == 0)
	{
		pfree(lfirst(lc));
		held = foreach_delete_current(held, lc);
	}
	old = MemoryContextSwitchTo(TopMemoryContext);
	held = lappend(held, pstrdup(name));
	MemoryContextSwitchTo(old);
}

/* Nothing was given yet; and what is held from before may be closed now. */
static void
begin_statement(void)
{
	if (depth > 0)
		return;
	num_given = 0;
	if (held == NIL || !IsTransactionState())
		return;
	(void) cg_lockdown_generation();
	if (held_generation != cg_access_generation)
	{
		held_generation = cg_access_generation;
		close_held();
	}
}

/*
 * FETCH says why it gives nothing from a cursor that is held; but a function
 * may fetch, too, and no hook is there.
 */
static void
close_held(void)
{
	ListCell   *lc;

	foreach(lc, held)
	{
		char	   *name = lfirst(lc);
		Portal		portal = GetPortalByName(name);
		bool		closed = false;
		Oid			relid;
		int32		category;
		ListCell   *stmt;

		if (PortalIsValid(portal) && !portal->portalPinned)
		{
			closed = cg_held_is_lost(portal);
			foreach(stmt, portal->stmts)
				closed = closed ||
				plan_locked_down(lfirst_node(PlannedStmt, stmt), &relid,
								 &category);
		}
		if (closed)
			PortalDrop(portal, false);
		if (closed || !PortalIsValid(portal))
		{
			held = foreach_delete_current(held, lc);
			pfree(name);
		}
	}
}

static bool
touches_protected(PlannedStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->rtable)
		if (lfirst_node(RangeTblEntry, lc)->enrname != NULL)
		return true;
	return false;
}

static void
check_plan(PlannedStmt *stmt)
{
	Oid			relid;
	int32		category;

	if (plan_locked_down(stmt, &relid, &category))
		cg_raise_refusal(category, relid, CG_LOCKED_DOWN, "read");
}

static bool
plan_locked_down(PlannedStmt *stmt, Oid *relid, int32 *category)
{
	ListCell   *lc;

	if (cg_any_lockdown())
		foreach(lc, stmt->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		*relid = rte->relid;
		if (rte->rtekind == RTE_RELATION &&
			relation_locked_down(rte, category))
			return true;
	}
	return false;
}

/* The mark of a relation (plan_mask.c) says what could be read. */
static bool
relation_locked_down(RangeTblEntry *rte, int32 *category)
{
	const size_t len = strlen(CG_RTE_MARK);
	const CgProtection *p;
	const char *mark = rte->enrname;
	Oid			marked = 0;
	int			i;
	int			k;

	if (mark == NULL || strncmp(mark, CG_RTE_MARK, len) != 0)
		return false;
	for (mark += len; *mark >= '0' && *mark <= '9'; mark++)
		marked = marked * 10 + (*mark - '0');
	if (marked != rte->relid || *mark++ == '\0')
		return false;
	p = cg_protection(rte->relid);
	if (p == NULL || (!row_security && cg_bypasses_row_security(p)))
		return false;
	for (i = 0; i < p->natts && mark[i] != '\0' &&
		 strchr("-012ABC", mark[i]) != NULL; i++)
	{
		const CgProtectedColumn *column = cg_protected_column(p, i + 1);

		if (column == NULL || mark[i] == '-' || mark[i] == '0' ||
			mark[i] == CG_RTE_GATED)
			continue;
		for (k = 0; k < column->n_needs; k++)
			if (cg_is_locked_down(column->needs[k], p->relid))
			{
				*category = column->needs[k];
				return true;
			}
	}
	return false;
}

void
cg_stop_locked_down(const CgProtection *p, AttrNumber attnum)
{
	int			i;
	int			k;

	if (!cg_any_lockdown())
		return;
	for (i = 1; i <= p->natts; i++)
	{
		const CgProtectedColumn *column = cg_protected_column(p, i);

		if (column == NULL || (attnum > 0 && attnum != i))
			continue;
		for (k = 0; k < column->n_needs; k++)
			if (cg_is_locked_down(column->needs[k], p->relid))
				cg_raise_refusal(column->needs[k], p->relid, CG_LOCKED_DOWN,
								 "read");
	}
}

void
cg_stop_given(int32 category, Oid relation)
{
	int			i;

	if (!cg_any_lockdown() || !cg_is_locked_down(category, relation) ||
		given_at != GetCurrentStatementStartTimestamp())
		return;
	for (i = 0; i < Min(num_given, MAX_GIVEN); i++)
		if (given[i].category == category)
			cg_raise_refusal(category, relation, CG_LOCKED_DOWN, "read");
}

static void
check_given(void)
{
	int			i;

	if (!cg_any_lockdown())
		return;
	if (num_given > MAX_GIVEN)
		cg_raise_refusal(given[0].category, InvalidOid, CG_LOCKED_DOWN,
						 "read");
	for (i = 0; i < num_given; i++)
		if (cg_is_locked_down(given[i].category, given[i].relation))
			cg_raise_refusal(given[i].category, given[i].relation,
							 CG_LOCKED_DOWN, "read");
}

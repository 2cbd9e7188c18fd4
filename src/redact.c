/*
 * redact.c
 *		Values of encrypted columns kept out of what PostgreSQL prints.
 *
 * EXPLAIN prints constants through their output functions; while it runs,
 * those give armor even to a reader.  So they do while auto_explain is at
 * work.
 *
 * PostgreSQL prints values where a constraint is violated ("Failing row
 * contains ..."), and statements and lines of COPY with every error.  Once a
 * transaction has encrypted or decrypted anything, its reports are redacted
 * (and so are those about tables with labelled columns, at any time):
 * the detail of constraint violations is replaced, for the client too, since
 * a function of a definer may be at work for somebody who may not read; and
 * the log gets neither statement nor context.
 *
 * The detail is replaced where an error leaves the executor or a utility
 * statement, before anybody can catch it and look at it.  The log hook does
 * the rest: it sees what is on its way to the log, before it goes to the
 * client, the errors of deferred constraints among it.  log_min_messages
 * above ERROR would bypass that one; only a superuser can set it.  What users
 * have logged on purpose (log_statement, log_duration, auto_explain) is not
 * changed.
 *
 * The log hook runs while an error is pending: no catalog, and strings have
 * to live in the memory of the error.
 *
 * The hook of utility statements also notes what tells a restore.  A dump
 * sets check_function_bodies off before it creates the extension, but so does
 * CREATE EXTENSION for its script.  A session that loads the library only
 * then, by the script, cannot know; row_security tells it of all dumps but
 * those with --enable-row-security.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/elog.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rls.h"

#include "compat.h"

#include "crypt.h"
#include "plan.h"
#include "protect.h"
#include "redact.h"
#include "redact_log.h"
#include "redact_state.h"

static void redact(ErrorData *edata);
static void redact_run(CG_EXECUTOR_RUN_PARAMS);
static void redact_finish(QueryDesc *queryDesc);
static void redact_end(QueryDesc *queryDesc);
static void forget_depth(XactEvent event, void *arg);
static void redact_utility(PlannedStmt *pstmt, const char *query_string,
						   bool read_only_tree,
						   ProcessUtilityContext context,
						   ParamListInfo params, QueryEnvironment *env,
						   DestReceiver *dest, QueryCompletion *qc);
static bool touched_values(void);
static bool shows_rows(int sqlerrcode);
static bool shows_values(const ErrorData *edata);
static bool runs_hidden_code(QueryDesc *queryDesc);
static void rethrow(MemoryContext context, QueryDesc *queryDesc);

static emit_log_hook_type prev_emit_log = NULL;
static ExecutorRun_hook_type prev_run = NULL;
static ExecutorFinish_hook_type prev_finish = NULL;
static ExecutorEnd_hook_type prev_end = NULL;
static ProcessUtility_hook_type prev_utility = NULL;
static bool bodies_checked = true;	/* when CREATE EXTENSION began */

void
cg_redact_init(void)
{
	prev_emit_log = emit_log_hook;
	emit_log_hook = redact;
	prev_run = ExecutorRun_hook;
	ExecutorRun_hook = redact_run;
	prev_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = redact_finish;
	prev_end = ExecutorEnd_hook;
	ExecutorEnd_hook = redact_end;
	RegisterXactCallback(forget_depth, NULL);
	prev_utility = ProcessUtility_hook;
	ProcessUtility_hook = redact_utility;
	cg_redact_state_init();
}

/* Did this transaction encrypt or decrypt anything? */
static bool
touched_values(void)
{
	return cg_plain_at != 0 &&
		cg_plain_at == GetCurrentTransactionStartTimestamp();
}

/* Does a report of this kind hold values of rows? */
static bool
shows_rows(int sqlerrcode)
{
	return ERRCODE_TO_CATEGORY(sqlerrcode) ==
		ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
		sqlerrcode == ERRCODE_WITH_CHECK_OPTION_VIOLATION ||
		sqlerrcode == ERRCODE_CARDINALITY_VIOLATION;
}

/*
 * Does it hold protected ones?  The report of a foreign key names one of its
 * two tables, which need not be the protected one.
 */
static bool
shows_values(const ErrorData *edata)
{
	if (!shows_rows(edata->sqlerrcode))
		return false;
	if (touched_values())
		return true;
	return cg_knows_protected() &&
		(edata->table_name == NULL ||
		 edata->sqlerrcode == ERRCODE_FOREIGN_KEY_VIOLATION ||
		 cg_may_be_protected(edata->table_name));
}

/*
 * Do a policy, a check or another expression of a table run over values that
 * the user sees masked?  The plan knows: see plan.h.
 */
static bool
runs_hidden_code(QueryDesc *queryDesc)
{
	ListCell   *lc;

	if (queryDesc != NULL)
		foreach(lc, queryDesc->plannedstmt->rtable)
	{
		const char *mark = lfirst_node(RangeTblEntry, lc)->enrname;

		if (mark != NULL &&
			strncmp(mark, CG_RTE_MARK, strlen(CG_RTE_MARK)) == 0 &&
			strchr(mark + strlen(CG_RTE_MARK), CG_RTE_RUNS_CODE) != NULL)
			return true;
	}
	return false;
}

/* Pass on the error that was caught, without the values in it. */
static void
rethrow(MemoryContext context, QueryDesc *queryDesc)
{
	ErrorData  *edata;

	/* Such an error quotes what could not be converted. */
	if (ERRCODE_TO_CATEGORY(geterrcode()) == ERRCODE_DATA_EXCEPTION &&
		runs_hidden_code(queryDesc))
	{
		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
		edata->message_id = "a value cannot be used in an expression";
		edata->message = pstrdup(edata->message_id);
		edata->detail = pstrdup(cg_redact_hidden);
		edata->detail_log = edata->hint = edata->context = NULL;
		ReThrowError(edata);
	}
	if (!shows_rows(geterrcode()) ||
		(!touched_values() && !cg_knows_protected()))
		PG_RE_THROW();
	MemoryContextSwitchTo(context);
	edata = CopyErrorData();
	FlushErrorState();
	if (shows_values(edata))
	{
		if (edata->detail != NULL)
			edata->detail = pstrdup(cg_redact_hidden);
		edata->detail_log = NULL;
	}
	ReThrowError(edata);
}

static void
redact_run(CG_EXECUTOR_RUN_PARAMS)
{
	MemoryContext context = CurrentMemoryContext;

	cg_state_run(queryDesc);
	PG_TRY();
	{
		if (prev_run)
			prev_run(CG_EXECUTOR_RUN_ARGS);
		else
			standard_ExecutorRun(CG_EXECUTOR_RUN_ARGS);
	}
	PG_CATCH();
	{
		rethrow(context, queryDesc);
	}
	PG_END_TRY();
	cg_state_ran(queryDesc);
}

static void
redact_finish(QueryDesc *queryDesc)
{
	MemoryContext context = CurrentMemoryContext;
	bool		whole = cg_state_whole(queryDesc);

	PG_TRY();
	{
		if (prev_finish)
			prev_finish(queryDesc);
		else
			standard_ExecutorFinish(queryDesc);
	}
	PG_CATCH();
	{
		rethrow(context, queryDesc);
	}
	PG_END_TRY();
	cg_armor_depth++;
	cg_redact_plan_of(queryDesc, whole);
}

/*
 * Between the finish and the end of a statement nothing goes to a client, but
 * auto_explain prints its plan, constants and all.
 */
static void
redact_end(QueryDesc *queryDesc)
{
	bool		finished = queryDesc->estate != NULL &&
	queryDesc->estate->es_finished;

	if (prev_end)
		prev_end(queryDesc);
	else
		standard_ExecutorEnd(queryDesc);
	cg_redact_plan_of(NULL, false);
	if (finished && cg_armor_depth > 0)
		cg_armor_depth--;
}

/* An error came in between. */
static void
forget_depth(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PARALLEL_ABORT)
	{
		cg_armor_depth = 0;
		cg_redact_plan_of(NULL, false);
	}
}

static void
redact_utility(PlannedStmt *pstmt, const char *query_string,
			   bool read_only_tree, ProcessUtilityContext context,
			   ParamListInfo params, QueryEnvironment *env,
			   DestReceiver *dest, QueryCompletion *qc)
{
	ProcessUtility_hook_type next = prev_utility ? prev_utility :
	standard_ProcessUtility;
	MemoryContext memory = CurrentMemoryContext;
	bool		explain = IsA(pstmt->utilityStmt, ExplainStmt);
	const char *query = debug_query_string;
	char	   *worker_text;

	cg_state_utility(pstmt);
	worker_text = cg_worker_text(pstmt);
	if (worker_text != NULL)
		debug_query_string = worker_text;
	if (IsA(pstmt->utilityStmt, CreateExtensionStmt))
		bodies_checked = check_function_bodies;
	if (explain)
		cg_armor_depth++;
	PG_TRY();
	{
		next(pstmt, query_string, read_only_tree, context, params, env, dest,
			 qc);
	}
	PG_CATCH();
	{
		if (worker_text != NULL)
			debug_query_string = query;
		if (explain)
			cg_armor_depth--;
		rethrow(memory, NULL);
	}
	PG_END_TRY();
	if (worker_text != NULL)
		debug_query_string = query;
	if (explain)
		cg_armor_depth--;
}

/* restores_dump() RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_restores_dump);
Datum
cipguard_restores_dump(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!bodies_checked || !row_security);
}

static void
redact(ErrorData *edata)
{
	bool		rows = edata->elevel >= WARNING && shows_values(edata);

	if (rows && edata->detail != NULL && edata->assoc_context != NULL)
		edata->detail = edata->detail_log =
			MemoryContextStrdup(edata->assoc_context, cg_redact_hidden);
	if (rows || (edata->elevel >= WARNING && touched_values()))
	{
		if (!cg_redacts())
		{
			edata->hide_stmt = true;
			edata->hide_ctx = true;
		}
		edata->internalquery = NULL;
		edata->internalpos = 0;
	}
	cg_redact_others(edata);
	if (!cg_redact_report(edata, prev_emit_log) && prev_emit_log)
		prev_emit_log(edata);
}

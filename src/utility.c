/*
 * utility.c
 *		Plaintext kept out of what PostgreSQL prints about statements.
 *
 * EXPLAIN prints constants through their output functions; while it runs,
 * those give armor even to a reader.
 */
#include "postgres.h"

#include "tcop/utility.h"

#include "crypt.h"
#include "utility.h"

static void around_utility(PlannedStmt *pstmt, const char *query_string,
						   bool read_only_tree,
						   ProcessUtilityContext context,
						   ParamListInfo params, QueryEnvironment *env,
						   DestReceiver *dest, QueryCompletion *qc);

static ProcessUtility_hook_type prev_utility = NULL;

void
cg_utility_init(void)
{
	prev_utility = ProcessUtility_hook;
	ProcessUtility_hook = around_utility;
}

static void
around_utility(PlannedStmt *pstmt, const char *query_string,
			   bool read_only_tree, ProcessUtilityContext context,
			   ParamListInfo params, QueryEnvironment *env,
			   DestReceiver *dest, QueryCompletion *qc)
{
	ProcessUtility_hook_type next = prev_utility ? prev_utility :
		standard_ProcessUtility;

	if (!IsA(pstmt->utilityStmt, ExplainStmt))
	{
		next(pstmt, query_string, read_only_tree, context, params, env, dest,
			 qc);
		return;
	}

	cg_armor_depth++;
	PG_TRY();
	{
		next(pstmt, query_string, read_only_tree, context, params, env, dest,
			 qc);
	}
	PG_FINALLY();
	{
		cg_armor_depth--;
	}
	PG_END_TRY();
}

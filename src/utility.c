/*
 * utility.c
 *		Plaintext kept out of what PostgreSQL prints about statements.
 *
 * EXPLAIN prints constants through their output functions; while it runs,
 * those give armor even to a reader.
 *
 * A dump sets check_function_bodies off before it creates the extension, but
 * so does CREATE EXTENSION for its script, so what was set before is noted
 * here.  A session that loads the library only then, by the script, cannot
 * know; row_security tells it of all but dumps with --enable-row-security.
 */
#include "postgres.h"

#include "fmgr.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/rls.h"

#include "crypt.h"
#include "utility.h"

static void around_utility(PlannedStmt *pstmt, const char *query_string,
						   bool read_only_tree,
						   ProcessUtilityContext context,
						   ParamListInfo params, QueryEnvironment *env,
						   DestReceiver *dest, QueryCompletion *qc);

static ProcessUtility_hook_type prev_utility = NULL;
static bool bodies_checked = true;	/* when CREATE EXTENSION began */

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

	if (IsA(pstmt->utilityStmt, CreateExtensionStmt))
		bodies_checked = check_function_bodies;
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

/* restores_dump() RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_restores_dump);
Datum
cipguard_restores_dump(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!bodies_checked || !row_security);
}

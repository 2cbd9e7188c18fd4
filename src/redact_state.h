/*
 * redact_state.h
 *		What is known about the statement at work: may its text be shown?
 */
#ifndef CG_REDACT_STATE_H
#define CG_REDACT_STATE_H

#include "executor/execdesc.h"
#include "nodes/plannodes.h"

/* Are statements redacted in this database?  Yes while that is not known. */
extern bool cg_redacts(void);

/*
 * It was proved, when the statement was analyzed, that it cannot touch a
 * protected relation.  Says no where debug_query_string is another text.
 */
extern bool cg_statement_harmless(void);

/* Was the text of the message understood by the parser? */
extern bool cg_statement_parsed(void);

/*
 * For the end of a message: it was analyzed and ran, and can have touched
 * nothing.
 */
extern bool cg_statement_spared(void);

/*
 * Redact the text of this backend in pg_stat_activity, unless the statement is
 * harmless.  Needs no catalog and raises nothing.
 */
extern void cg_redact_activity(void);

/* The same for a text that was not understood, with what is to be shown. */
extern void cg_replace_activity(const char *text);

/* Called before a plan or a utility statement is run, and after a plan. */
extern void cg_state_run(QueryDesc *queryDesc);
extern void cg_state_ran(QueryDesc *queryDesc);
extern void cg_state_utility(PlannedStmt *pstmt);

/*
 * The text that the parallel workers of a utility statement are to report, or
 * NULL if it may be the text itself.
 */
extern char *cg_worker_text(PlannedStmt *pstmt);

/*
 * Called before a plan is finished: was it run by this very message, and is
 * its text all of its source?  Else what it touched says too little.
 */
extern bool cg_state_whole(QueryDesc *queryDesc);

/* At load: hook into the analysis of statements. */
extern void cg_redact_state_init(void);

#endif							/* CG_REDACT_STATE_H */

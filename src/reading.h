/*
 * reading.h
 *		The right to read, asked for by operators that look inside values.
 */
#ifndef CG_READING_H
#define CG_READING_H

#include "fmgr.h"
#include "nodes/pathnodes.h"

#include "envelope.h"

/*
 * Raise an error unless the current user may read the category, whomever a
 * value is about: 42501 without a grant, else that of the condition that is
 * not met.  The second is for what was disclosed to him: display datums.
 */
extern void cg_require_read(int32 category);
extern void cg_require_read_shown(int32 category);

/*
 * The same of all encrypted expressions among the arguments of an operator
 * whose selectivity the planner asks for: an index scan never calls the
 * operator's function for rows that it skips.
 */
extern void cg_require_read_clause(PlannerInfo *root, List *args);

/*
 * Is this a call that a query spells out?  Those of an index are not, and
 * serve whoever may write the row.
 */
extern bool cg_is_spelled_out(FunctionCallInfo fcinfo);

/*
 * While a dump is restored, rows may come before their keys; then a CHECK
 * constraint over their values cannot be decided.
 */
extern bool cg_is_undecidable(const CgEnvelope *env);

#endif							/* CG_READING_H */

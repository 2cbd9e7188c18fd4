/*
 * plan_order.h
 *		What a query compares an encrypted column with by order.
 */
#ifndef CG_PLAN_ORDER_H
#define CG_PLAN_ORDER_H

#include "nodes/plannodes.h"

/*
 * Make search keys of what encrypted columns are compared with.  True if any
 * are compared by order.
 */
extern bool cg_plan_order(Query *query);

/* Of the plan of such a query: leave out what nobody can read any more. */
extern void cg_plan_recheck(PlannedStmt *stmt);

#endif							/* CG_PLAN_ORDER_H */

/*
 * plan_order.h
 *		What a query compares an encrypted column with by order.
 */
#ifndef CG_PLAN_ORDER_H
#define CG_PLAN_ORDER_H

#include "nodes/parsenodes.h"

/* Make search keys of what encrypted columns are compared with. */
extern void cg_plan_order(Query *query);

#endif							/* CG_PLAN_ORDER_H */

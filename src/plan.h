/*
 * plan.h
 *		Our part in planning.
 */
#ifndef CG_PLAN_H
#define CG_PLAN_H

#include "nodes/parsenodes.h"

/* Mark of a range table entry that was looked at, in its field enrname. */
#define CG_RTE_MARK		"cipguard "

/* The query that is being planned touches a protected relation. */
extern bool cg_plan_touches;

/* Is this one of the operators that compare encrypted values by token? */
extern bool cg_is_comparison(Oid opno);

/* plan_search.c: wrap what encrypted columns are compared with. */
extern bool cg_search_ready(void);
extern bool cg_plan_search(Query *query);
extern bool cg_search_forbids_join(List *range_table);

/*
 * plan_output.c: with cg_want_categories set, the next query that is planned
 * leaves the categories of its labelled output columns, by position, -1 for
 * others, in cg_output_categories.
 */
extern bool cg_want_categories;
extern List *cg_output_categories;

extern void cg_plan_init(void);

#endif							/* CG_PLAN_H */

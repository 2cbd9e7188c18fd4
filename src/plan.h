/*
 * plan.h
 *		Our part in planning.
 */
#ifndef CG_PLAN_H
#define CG_PLAN_H

#include "nodes/parsenodes.h"

/*
 * Mark of a range table entry that was looked at, in its field enrname.  Behind
 * it stand, for a protected relation, its OID (a child has a copy of the mark
 * of its parent), '+' or '-' for row_security and a digit for the level on
 * each protected column ('-' for others; a letter if it depends on the person), CG_RTE_RUNS_CODE if expressions of
 * the table run over values that the user sees masked; CG_RTE_COMPARED and the
 * numbers of the columns that the query compares, each between commas; then, in
 * the first entry of a query, perhaps CG_RTE_CATEGORIES and a list of the categories of
 * its output columns.
 */
#define CG_RTE_MARK			"cipguard "
#define CG_RTE_CATEGORIES	'|'
#define CG_RTE_COMPARED	'<'
#define CG_RTE_RUNS_CODE	'c'
#define CG_RTE_GATED		'A' /* in place of '0': by person */

#define CG_NO_CATEGORY		(-1)
#define CG_MANY_CATEGORIES	(-2)

/* The query that is being planned touches a protected relation. */
extern bool cg_plan_touches;

/*
 * The next query that assigns to this table restores values that it had: they
 * are stored as they are, though they could be masks.  Taken back by the query.
 */
extern Oid	cg_plan_restores;

/* Is this one of the operators that compare encrypted values by token? */
extern bool cg_is_comparison(Oid opno);

/*
 * The operator that orders by plaintext, if sortop orders values of that type
 * by token; else InvalidOid.
 */
extern Oid	cg_order_operator(Oid sortop);

/* plan_search.c: wrap what encrypted columns are compared with. */
extern bool cg_search_ready(void);
extern bool cg_plan_search(Query *query);
extern bool cg_search_forbids_join(List *range_table);

/*
 * Do to a rewritten query, which will not be planned, what planning would: its
 * range table has the marks then.
 */
extern void cg_mark_query(Query *query);

/* At load: hooks into planning, and if tables are masked into execution. */
extern void cg_plan_init(void);

#endif							/* CG_PLAN_H */

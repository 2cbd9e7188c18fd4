/*
 * plan_search.h
 *		What a query compares an encrypted column with.
 */
#ifndef CG_PLAN_SEARCH_H
#define CG_PLAN_SEARCH_H

extern void cg_plan_search_init(void);

#endif							/* CG_PLAN_SEARCH_H */

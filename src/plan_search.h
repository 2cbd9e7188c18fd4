/*
 * plan_search.h
 *		What a query compares an encrypted column with.
 */
#ifndef CG_PLAN_SEARCH_H
#define CG_PLAN_SEARCH_H

/*
 * At load: have what is known of types and operators forgotten when they
 * change.
 */
extern void cg_plan_search_init(void);

#endif							/* CG_PLAN_SEARCH_H */

/*
 * budget_limit.h
 *		How many values of a category a role may be shown: cipguard.budget.
 */
#ifndef CG_BUDGET_LIMIT_H
#define CG_BUDGET_LIMIT_H

#include "budget_slot.h"

#define CG_EVERY_CATEGORY	(-1)

/* Columns of cipguard.budget, in the order of sql/parts/44_budget.sql. */
enum
{
	CG_BUDGET_GRANTEE = 1,
	CG_BUDGET_CATEGORY,
	CG_BUDGET_PER_HOUR,
	CG_BUDGET_PER_DAY,
	CG_BUDGET_SET_BY,
	CG_BUDGET_SET_AT
};

/* CG_NO_LIMIT: none. */
typedef struct CgLimits
{
	uint64		per_hour;
	uint64		per_day;
} CgLimits;

/* Those of a role, by rows that name it, its groups or every role. */
extern CgLimits cg_budget_limits(Oid role, int32 category);

/* At load: watch the table. */
extern void cg_budget_limit_init(void);

#endif							/* CG_BUDGET_LIMIT_H */

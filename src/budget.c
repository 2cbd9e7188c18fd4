/*
 * budget.c
 *		How many values a role may be shown in an hour and in a day.
 */
#include "postgres.h"

#include "compat.h"

#include "budget.h"

bool
cg_budget_spend(int32 category, Oid relation, uint32 n)
{
	return true;
}

void
cg_budget_left(int32 category, Oid user, uint64 *hour_left, uint64 *day_left)
{
	*hour_left = *day_left = PG_UINT64_MAX;
}

void
cg_budget_init(void)
{
}

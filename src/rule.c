/*
 * rule.c
 *		Conditions of a session that were switched on for a category.
 */
#include "postgres.h"

#include "compat.h"

#include "rule.h"

bool
cg_level_applies(const CgAsk *ask)
{
	return false;
}

bool
cg_level_met(const CgAsk *ask, CgAnswer *answer)
{
	return true;
}

bool
cg_tls_applies(const CgAsk *ask)
{
	return false;
}

bool
cg_tls_met(const CgAsk *ask, CgAnswer *answer)
{
	return true;
}

bool
cg_network_applies(const CgAsk *ask)
{
	return false;
}

bool
cg_network_met(const CgAsk *ask, CgAnswer *answer)
{
	return true;
}

bool
cg_hours_applies(const CgAsk *ask)
{
	return false;
}

bool
cg_hours_met(const CgAsk *ask, CgAnswer *answer)
{
	return true;
}

void
cg_rule_init(void)
{
}

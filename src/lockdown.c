/*
 * lockdown.c
 *		Lockdowns: nobody reads, whatever the grants.
 */
#include "postgres.h"

#include "compat.h"

#include "lockdown.h"

bool
cg_lockdown_applies(const CgAsk *ask)
{
	return false;
}

bool
cg_lockdown_met(const CgAsk *ask, CgAnswer *answer)
{
	return true;
}

void
cg_lockdown_init(void)
{
}

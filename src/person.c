/*
 * person.c
 *		Persons whose processing is restricted, and canaries.
 */
#include "postgres.h"

#include "compat.h"

#include "person.h"

bool
cg_restriction_applies(const CgAsk *ask)
{
	return false;
}

bool
cg_restriction_met(const CgAsk *ask, CgAnswer *answer)
{
	return true;
}

bool
cg_any_restricted(void)
{
	return false;
}

bool
cg_is_restricted(const CgSubject *subject)
{
	return false;
}

void
cg_canary_disclosed(int32 category, Oid relation, const CgSubject *subject)
{
}

void
cg_person_init(void)
{
}

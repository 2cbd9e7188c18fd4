/*
 * consent.c
 *		Consents of persons to activities.
 */
#include "postgres.h"

#include "compat.h"

#include "consent.h"

bool
cg_consent_applies(const CgAsk *ask)
{
	return false;
}

bool
cg_consent_met(const CgAsk *ask, CgAnswer *answer)
{
	return true;
}

void
cg_consent_init(void)
{
}

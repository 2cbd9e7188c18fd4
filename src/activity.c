/*
 * activity.c
 *		Processing activities: what personal data are used for.
 */
#include "postgres.h"

#include "compat.h"

#include "activity.h"

bool
cg_purpose_applies(const CgAsk *ask)
{
	return false;
}

bool
cg_purpose_met(const CgAsk *ask, CgAnswer *answer)
{
	return true;
}

int64
cg_activity_now(int32 category, Oid relation)
{
	return 0;
}

bool
cg_activity_needs_consent(int64 activity)
{
	return false;
}

void
cg_activity_init(void)
{
}

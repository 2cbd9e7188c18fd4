/*
 * training.c
 *		Trainings and policies that readers must have taken note of.
 */
#include "postgres.h"

#include "compat.h"

#include "training.h"

bool
cg_training_applies(const CgAsk *ask)
{
	return false;
}

bool
cg_training_met(const CgAsk *ask, CgAnswer *answer)
{
	return true;
}

bool
cg_policy_applies(const CgAsk *ask)
{
	return false;
}

bool
cg_policy_met(const CgAsk *ask, CgAnswer *answer)
{
	return true;
}

void
cg_training_init(void)
{
}

/*
 * training.h
 *		Trainings and policies that readers must have taken note of.
 */
#ifndef CG_TRAINING_H
#define CG_TRAINING_H

#include "decision.h"

/*
 * The condition that the person who asks has passed the courses (see
 * CgCondition) ...
 */
extern bool cg_training_applies(const CgAsk *ask);
extern bool cg_training_met(const CgAsk *ask, CgAnswer *answer);

/* ... and acknowledged the policies in their present version. */
extern bool cg_policy_applies(const CgAsk *ask);
extern bool cg_policy_met(const CgAsk *ask, CgAnswer *answer);

/* The newest version of a policy; 0 if none was published. */
extern int32 cg_policy_version(const char *policy);

/* Has who is logged in acknowledged that version? */
extern bool cg_policy_acknowledged(const char *policy, int32 version);

/* At load: watch trainings, policies and acknowledgements. */
extern void cg_training_init(void);

#endif							/* CG_TRAINING_H */

/*
 * training.h
 *		Trainings and policies that readers must have taken note of.
 */
#ifndef CG_TRAINING_H
#define CG_TRAINING_H

#include "decision.h"

extern bool cg_training_applies(const CgAsk *ask);
extern bool cg_training_met(const CgAsk *ask, CgAnswer *answer);
extern bool cg_policy_applies(const CgAsk *ask);
extern bool cg_policy_met(const CgAsk *ask, CgAnswer *answer);

extern void cg_training_init(void);

#endif							/* CG_TRAINING_H */

/*
 * person.h
 *		Persons whose processing is restricted, and canaries.
 */
#ifndef CG_PERSON_H
#define CG_PERSON_H

#include "decision.h"

/*
 * The condition that processing of the person is not restricted (see
 * CgCondition).
 */
extern bool cg_restriction_applies(const CgAsk *ask);
extern bool cg_restriction_met(const CgAsk *ask, CgAnswer *answer);

/* Is anybody restricted at all?  And is this person? */
extern bool cg_any_restricted(void);
extern bool cg_is_restricted(const CgSubject *subject);

/* Are there canaries? */
extern bool cg_any_canary(void);

/* Plaintext of a person was given: an alert if the person is a canary. */
extern void cg_canary_disclosed(int32 category, Oid relation,
								const CgSubject *subject);

/* At load: watch restrictions, canaries and holds. */
extern void cg_person_init(void);

#endif							/* CG_PERSON_H */

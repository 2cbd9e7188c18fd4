/*
 * consent.h
 *		Consents of persons to activities.
 */
#ifndef CG_CONSENT_H
#define CG_CONSENT_H

#include "decision.h"

/*
 * The condition that the person has consented to the activity stated, if it
 * needs consent (see CgCondition).
 */
extern bool cg_consent_applies(const CgAsk *ask);
extern bool cg_consent_met(const CgAsk *ask, CgAnswer *answer);

/* Has the person consented to that activity, as the category takes it? */
extern bool cg_consent_covers(int64 activity, const CgAsk *ask,
							  CgAnswer *answer);

/* At load: watch the ledger of consents. */
extern void cg_consent_init(void);

#endif							/* CG_CONSENT_H */

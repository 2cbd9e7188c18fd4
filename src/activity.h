/*
 * activity.h
 *		Processing activities: what personal data are used for.
 */
#ifndef CG_ACTIVITY_H
#define CG_ACTIVITY_H

#include "decision.h"

extern bool cg_purpose_applies(const CgAsk *ask);
extern bool cg_purpose_met(const CgAsk *ask, CgAnswer *answer);

/*
 * The activity that cipguard.purpose names, if it is live and may use the
 * category (of the table, if that is known): its number; 0 if there is none.
 */
extern int64 cg_activity_now(int32 category, Oid relation);

/* Is its legal basis the consent of the person (PIPL article 13 (1))? */
extern bool cg_activity_needs_consent(int64 activity);

extern void cg_activity_init(void);

#endif							/* CG_ACTIVITY_H */

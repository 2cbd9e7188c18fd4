/*
 * alert_tally.h
 *		How often a login did something in a span of time.
 */
#ifndef CG_ALERT_TALLY_H
#define CG_ALERT_TALLY_H

#include "alert_rule.h"

/*
 * Tallies of one call of ingest(): begin, add, write.  Memory is of the
 * context of the begin.
 */
typedef struct CgTallies CgTallies;

/* Nothing counted yet.  Lives in the current memory context. */
extern CgTallies *cg_tallies_begin(void);

/*
 * It was done n times more.  True if the rule's threshold is reached within
 * its period; the tally begins anew then.
 */
extern bool cg_tally_add(CgTallies *tallies, const CgAlertRule *rule,
						 Oid login, TimestampTz at, uint64 n);

/* Store what has changed; what counts nothing any more is deleted. */
extern void cg_tallies_write(CgTallies *tallies);

#endif							/* CG_ALERT_TALLY_H */

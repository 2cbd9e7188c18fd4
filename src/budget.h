/*
 * budget.h
 *		How many values a role may be shown in an hour and in a day.
 */
#ifndef CG_BUDGET_H
#define CG_BUDGET_H

#include "decision.h"

/*
 * Spend n values of a category, just before they are given to the current
 * user: from his budget, from that of the role that he logged in as, and from
 * the row limit of the grant, if it has one.  All of it or nothing: false if
 * any does not have so many left; that is reported then (cg_report_refusal())
 * and alerted.  Without preloading nothing is counted.
 */
extern bool cg_budget_spend(int32 category, Oid relation, uint32 n);

/*
 * What is set aside for values of a category and relation; NULL: nothing.
 * Until the user, the statement or the epoch is another, or the serial number
 * of the purse, cg_budget_pay() out of it does what cg_budget_spend() does.
 */
extern struct CgPurse *cg_budget_purse(int32 category, Oid relation);

/*
 * A statement of the current user compares values of a category, as it
 * begins.  Without seeing any it could ask about all of them, so it costs one;
 * the first value that it is given is not charged again.  An error if the
 * budget is spent.
 */
extern void cg_budget_compare(int32 category, Oid relation);

/*
 * Is that without limits, so that nothing is counted?  True holds until
 * cg_access_now() or cg_access_epoch() is another.
 */
extern bool cg_budget_is_free(int32 category, Oid relation);

/* Has a user, who may be another one, no budget?  Row limits do not count. */
extern bool cg_budget_is_unlimited(int32 category, Oid user);

/*
 * How many values a user can still be shown in the current hour and day (and
 * the current user's login role, for his sessions); PG_UINT64_MAX: no limit.
 */
extern void cg_budget_left(int32 category, Oid user, uint64 *hour_left,
						   uint64 *day_left);

/*
 * The outermost statement begins or ends: in between, values are set aside
 * for it.  Raises nothing.
 */
extern void cg_budget_running(bool begins);

/* At load: watch the table of budgets and set up their shared memory. */
extern void cg_budget_init(void);

#endif							/* CG_BUDGET_H */

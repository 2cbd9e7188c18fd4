/*
 * activity.h
 *		Processing activities: what personal data are used for.
 */
#ifndef CG_ACTIVITY_H
#define CG_ACTIVITY_H

#include "access/attnum.h"

#include "decision.h"

/*
 * The condition that a purpose is stated which may use the category (see
 * CgCondition).
 */
extern bool cg_purpose_applies(const CgAsk *ask);
extern bool cg_purpose_met(const CgAsk *ask, CgAnswer *answer);

/*
 * The activity that cipguard.purpose names, if it is live and the current user
 * may use the category for it (of the table, if that is known): its number; 0
 * if there is none.
 */
extern int64 cg_activity_now(int32 category, Oid relation);

/*
 * The activity that cipguard.purpose names, if it is live, whatever it may
 * use: its number, 0 if there is none.  Is its legal basis the consent of the
 * person (PIPL article 13 (1))?
 */
extern int64 cg_activity_stated(bool *needs_consent);

/*
 * An activity may be limited to columns.  Does that of now leave a column of
 * a table open?  Of a place that does not know which column it shows: all of
 * the category in the table?  Always so without cipguard.require_purpose.
 */
extern bool cg_activity_opens_column(Oid relid, AttrNumber attnum);
extern bool cg_activity_opens_category(int32 category, Oid relid);

/*
 * The next live activity after that number that may use a category and stands
 * on consent; 0: no more.
 */
extern int64 cg_activity_with_consent(int32 category, int64 after);

/* Is consent to that version of an activity of any use?  It is live then. */
extern bool cg_activity_asks_consent(int64 activity);

/* Was there ever such a version? */
extern bool cg_activity_exists(int64 activity);

/*
 * At load: watch the tables of activities; when preloaded, hook into the
 * check of permissions.
 */
extern void cg_activity_init(void);

#endif							/* CG_ACTIVITY_H */

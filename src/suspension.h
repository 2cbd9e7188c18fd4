/*
 * suspension.h
 *		Logins whose access is suspended for an alert.
 */
#ifndef CG_SUSPENSION_H
#define CG_SUSPENSION_H

/*
 * Is access to a category suspended for the login of this session, or for the
 * role that wants to read?  Cheap: cached until a suspension begins or ends,
 * which makes another cg_access_epoch().
 */
extern bool cg_is_suspended(Oid user, int32 category);

/*
 * Suspend the access of an alert's login to its category, or to all; returns
 * the number of the suspension that is in force then.
 */
struct CgAlert;
extern int64 cg_suspend(const struct CgAlert *alert, int64 id);

/* At load: watch the table of suspensions. */
extern void cg_suspension_init(void);

#endif							/* CG_SUSPENSION_H */

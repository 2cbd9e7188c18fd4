/*
 * forward.h
 *		Sending the spool of a standby to its primary.
 */
#ifndef CG_FORWARD_H
#define CG_FORWARD_H

/*
 * Send what the primary does not have yet; bytes sent.  In a transaction.
 * Errors: those of the connection, and those of the primary.
 */
extern int64 cg_forward(void);

#endif							/* CG_FORWARD_H */

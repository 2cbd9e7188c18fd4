/*
 * reason.h
 *		Why plaintext is not given.
 */
#ifndef CG_REASON_H
#define CG_REASON_H

/* In the order in which they are asked: the cheapest first. */
typedef enum CgReason
{
	CG_GRANTED,
	CG_NO_GRANT,
	/* of a statement */
	CG_LOCKED_DOWN,
	CG_NEVER_DISCLOSED,
	CG_NO_TLS,
	CG_OUTSIDE_NETWORK,
	CG_OUTSIDE_HOURS,
	CG_NO_PURPOSE,
	CG_NOT_TRAINED,
	CG_NOT_ACKNOWLEDGED,
	/* of a row */
	CG_SUBJECT_UNKNOWN,
	CG_RESTRICTED,
	CG_NO_CONSENT,
	CG_MINOR,
	/* of a value */
	CG_BUDGET_SPENT,
	CG_NUM_REASONS
} CgReason;

/* A set of conditions of a row: bit (1 << reason). */
typedef uint32 CgRowConditions;

#endif							/* CG_REASON_H */

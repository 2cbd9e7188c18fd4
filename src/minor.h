/*
 * minor.h
 *		Persons under age.
 */
#ifndef CG_MINOR_H
#define CG_MINOR_H

#include "access/attnum.h"
#include "decision.h"

/*
 * The condition that the person is of age, or the reader may see minors (see
 * CgCondition).
 */
extern bool cg_minor_applies(const CgAsk *ask);
extern bool cg_minor_met(const CgAsk *ask, CgAnswer *answer);

/*
 * Birthday, as in CgAsk, by a value of a category that holds one: resident
 * identity numbers (GB 11643) and dates of birth.  0 if it tells none.
 */
extern int	cg_birthday_of(int32 category, Oid type, Datum value);

/* The column of a relation that tells birthdays; 0 if it has none. */
extern AttrNumber cg_birthday_column(Oid relid);

#endif							/* CG_MINOR_H */

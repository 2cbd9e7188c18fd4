/*
 * keep_person.h
 *		Whom a row is about, and how old, is not changed to open it.
 */
#ifndef CG_KEEP_PERSON_H
#define CG_KEEP_PERSON_H

#include "nodes/parsenodes.h"

/*
 * Wrap what a query assigns to subject columns and to columns that tell
 * birthdays; the last thing before it is planned.
 */
extern void cg_keep_persons(Query *query);

#endif							/* CG_KEEP_PERSON_H */

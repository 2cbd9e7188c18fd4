/*
 * held.h
 *		What cursors hold: values that were given before they are fetched.
 */
#ifndef CG_HELD_H
#define CG_HELD_H

#include "executor/execdesc.h"
#include "utils/portal.h"

#include "decision.h"

struct CgRowGate;

/* A cursor, and what was given while it ran. */
typedef struct CgHeld CgHeld;

/* The one that is running and may hold values; NULL: none. */
extern CgHeld *cg_holding;

/*
 * A query is about to run, for that many rows (0: all).  If it is a cursor's,
 * what the cursor holds is asked about first; from now on cg_holding is set if
 * it may hold values.  The caller restores what it was.
 */
extern void cg_held_run(QueryDesc *queryDesc, ScanDirection direction,
						uint64 count);

/* A value was given: of that person, if it is known. */
extern void cg_held_note(const struct CgRowGate *gate, const CgSubject *subject);

/*
 * May the current user be given what a cursor holds?  Else an error, of the
 * condition that is not met any more.
 */
extern void cg_held_check(Portal portal);

/* The same question of who opened it; true: he may not. */
extern bool cg_held_is_lost(Portal portal);

#endif							/* CG_HELD_H */

/*
 * lockdown.h
 *		Lockdowns: nobody reads, whatever the grants.
 */
#ifndef CG_LOCKDOWN_H
#define CG_LOCKDOWN_H

#include "decision.h"
#include "protect.h"

/* The condition that no lockdown is in force (see CgCondition). */
extern bool cg_lockdown_applies(const CgAsk *ask);
extern bool cg_lockdown_met(const CgAsk *ask, CgAnswer *answer);

/*
 * Is the category, or the table (InvalidOid: not known), locked down for the
 * current user, whatever he was granted?
 */
extern bool cg_is_locked_down(int32 category, Oid relation);

/* Is there any lockdown? */
extern bool cg_any_lockdown(void);

/*
 * The same of the stored values of a table, which those who bypass row
 * security may have.  Backups go on: superusers and roles with BYPASSRLS make
 * them, unless the role itself is locked down.
 */
extern bool cg_stored_locked_down(const CgProtection *p);

/* Listens for news; another number means other lockdowns. */
extern uint64 cg_lockdown_generation(void);

/* ---------- lockdown_run.c: statements that are running ---------- */

/*
 * A door gives plaintext.  If a lockdown comes before the statement ends,
 * which may hold it in a sort or a function, the statement is stopped.
 */
extern void cg_note_given(int32 category, Oid relation);

/*
 * Somebody whose statement was planned when he could read is about to get a
 * mask: an error instead, if that is for a lockdown.
 */
extern void cg_stop_locked_down(const CgProtection *p, AttrNumber attnum);

/* The same where a statement may have been given plaintext already. */
extern void cg_stop_given(int32 category, Oid relation);

/* At load: hooks into execution, if tables are masked. */
extern void cg_lockdown_run_init(void);

/* At load: watch the table of lockdowns, and hook into execution. */
extern void cg_lockdown_init(void);

#endif							/* CG_LOCKDOWN_H */

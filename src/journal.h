/*
 * journal.h
 *		The disclosure journal: what plaintext was given to whom.
 *
 * Usage, per value and before it is given away:
 *
 *		if (generation != cg_journal_generation)
 *		{
 *			d = cg_journal_entry(relid);
 *			cg_journal_column(d, attnum);
 *			generation = cg_journal_generation;
 *		}
 *		if (!cg_journal_int(d, subject))
 *			... give the mask instead
 *
 * Whoever keeps d for another value compares the generation again.  Nothing
 * else has to be watched: a change of user, purpose or application user is
 * noticed here.  All of it needs the library to be preloaded (cg_preloaded).
 */
#ifndef CG_JOURNAL_H
#define CG_JOURNAL_H

#include "access/attnum.h"

/* What a statement disclosed of one relation to one user. */
typedef struct CgDisclosed CgDisclosed;

/* Entries are valid while this is unchanged; never 0. */
extern uint64 cg_journal_generation;

/*
 * Find or create the entry of the current user and statement.  Errors:
 * CG_ERRCODE_APP_TOKEN.
 */
extern CgDisclosed *cg_journal_entry(Oid relid);

/* Of a column values are disclosed; 0 is the whole row.  Cheap to repeat. */
extern void cg_journal_column(CgDisclosed *d, AttrNumber attnum);

/*
 * Record a value, with its subject if it has one.  The text form of a subject
 * that is an integer is its decimal number.  False if it cannot be recorded
 * and must not be given away therefore: a warning was given then.  Errors:
 * CG_ERRCODE_AUDIT, by the choice of cipguard.on_audit_failure.
 */
extern bool cg_journal_rows(CgDisclosed *d);
extern bool cg_journal_int(CgDisclosed *d, int64 subject);
extern bool cg_journal_text(CgDisclosed *d, const char *subject, Size len);

/*
 * The same of one value of which neither relation nor person is known; true
 * without preloading, when nothing is recorded.
 */
extern bool cg_journal_value(void);

/*
 * Record an event without values at once, such as 'dump': stored values given
 * under row_security = off.  These have no masks, so if it cannot be recorded
 * that is an error unless cipguard.on_audit_failure is warn.
 */
extern void cg_journal_note(const char *what, Oid relid);

/*
 * Record an event that happens in any case, such as 'refused', just before an
 * error is raised or outside of any transaction.  relid may be InvalidOid and
 * detail NULL.  Does nothing if the library is not preloaded; if it cannot be
 * recorded there is a warning.
 */
extern void cg_journal_event(const char *what, Oid relid, const char *detail);

/*
 * At load: when preloaded, hooks and callbacks that write what was disclosed.
 */
extern void cg_journal_init(void);

#endif							/* CG_JOURNAL_H */

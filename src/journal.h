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
 *		cg_journal_int(d, subject);
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
 * CG_ERRCODE_AUDIT if the journal cannot be opened.
 */
extern CgDisclosed *cg_journal_entry(Oid relid);

/* Of a column values are disclosed; 0 is the whole row.  Cheap to repeat. */
extern void cg_journal_column(CgDisclosed *d, AttrNumber attnum);

/*
 * Count a value, with its subject if it has one.  The text form of a subject
 * that is an integer is its decimal number.  Errors: CG_ERRCODE_AUDIT if a
 * batch cannot be written; the value must not be given away then.
 */
extern void cg_journal_rows(CgDisclosed *d);
extern void cg_journal_int(CgDisclosed *d, int64 subject);
extern void cg_journal_text(CgDisclosed *d, const char *subject, Size len);

/*
 * Record an event without values at once, such as 'dump': stored values given
 * under row_security = off.  Errors: CG_ERRCODE_AUDIT.
 */
extern void cg_journal_note(const char *what, Oid relid);

extern void cg_journal_init(void);

#endif							/* CG_JOURNAL_H */

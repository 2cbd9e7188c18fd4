/*
 * subject_key.h
 *		Data keys of persons: destroying one makes every copy of what is sealed
 *		under it unreadable.
 */
#ifndef CG_SUBJECT_KEY_H
#define CG_SUBJECT_KEY_H

#include "executor/tuptable.h"
#include "utils/relcache.h"

#include "envelope.h"

/* The token domain whose key, with an epoch key, wraps keys of subjects. */
#define CG_DOMAIN_SUBJECT_KEY	"cipguard.subject_key"

/* The DEK version in the header of values under a subject's key. */
#define CG_SUBJECT_DEK_VERSION	1

/*
 * The cipher of a subject's key, valid until the next call of this module.
 * Errors: CG_ERRCODE_SUBJECT_DESTROYED, CG_ERRCODE_KEY_MISSING,
 * CG_ERRCODE_KEK_*; with missing_ok NULL instead of the first two.
 */
extern CgCipher *cg_subject_cipher(uint64 id, int suite, bool missing_ok);

/*
 * Was the key destroyed?  What is sealed under it is then shown as armor,
 * reads as NULL, and is left alone by whatever renews values.  Raises nothing
 * for a key that is there or that there never was.
 */
extern bool cg_subject_destroyed(uint64 id);

/* The same of a parsed value; false for one under the key of its category. */
static inline bool
cg_is_destroyed(const CgEnvelope *env)
{
	return env->subject != 0 && cg_subject_destroyed(env->subject);
}

/*
 * The id of the key of the person whom a row is about, which is made if there
 * is none; 0 if the table does not use keys of subjects or the row has no
 * subject.  The key may be destroyed.
 */
extern uint64 cg_subject_of_row(Relation rel, TupleTableSlot *slot);

extern void cg_subject_init(void);

#endif							/* CG_SUBJECT_KEY_H */

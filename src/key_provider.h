/*
 * key_provider.h
 *		The key-encryption keys (KEK) at hand: the current one, and the one
 *		before it while keys are still wrapped by that.
 */
#ifndef CG_KEY_PROVIDER_H
#define CG_KEY_PROVIDER_H

#include "port/atomics.h"

#include "guc.h"
#include "keywrap.h"

#define CG_KEK_ID_LEN	8

/*
 * The current KEK, to wrap keys; the caller wipes it.  id may be NULL.
 * Errors: CG_ERRCODE_KEK_*.
 */
extern void cg_kek_current(uint8 key[CG_KEK_LEN], uint8 id[CG_KEK_ID_LEN]);

/*
 * The KEK of that name, the current or the previous one, to unwrap keys; the
 * caller wipes it.  False if neither has the name.  Errors: CG_ERRCODE_KEK_*
 * if there is no KEK at all.
 */
extern bool cg_kek_named(const uint8 id[CG_KEK_ID_LEN],
						 uint8 key[CG_KEK_LEN]);

/* Number of times the shared KEKs were set; NULL unless they are shared. */
extern pg_atomic_uint64 *cg_kek_number;

/* Is it the shared memory that counts for this session? */
static inline bool
cg_kek_shared(void)
{
	return cg_kek_number != NULL && !cg_kek_settings_local;
}

/* Changes whenever what the two above give may have; never 0. */
static inline uint64
cg_kek_epoch(void)
{
	/* odd and even, so that the two never look the same */
	return cg_kek_shared() ? pg_atomic_read_u64(cg_kek_number) * 2 + 2 :
		cg_kek_generation * 2 + 1;
}

/* Does a setting say where the KEK comes from?  Never raises. */
extern bool cg_kek_configured(void);

/*
 * Can the KEK be had?  Does not raise if it cannot, and asks a source that
 * failed once in a transaction only.
 */
extern bool cg_kek_reachable(void);

/* Is this session served by a server that holds no KEK? */
extern bool cg_kek_sealed(void);

/* Public name of a KEK: 8 bytes derived one-way from it. */
extern void cg_kek_id(const uint8 *key, uint8 id[CG_KEK_ID_LEN]);

/* In the postmaster: fetch the KEKs, or log a warning and start sealed. */
extern void cg_kek_fetch_at_start(void);

/*
 * Fetch the KEKs anew, and hand them to all sessions of a preloaded server
 * that have no settings of their own (then returns true), else to this
 * session.  verify is called while what was fetched is in force for this
 * process alone; if it raises, all stays as it was.
 */
extern bool cg_kek_unseal(void (*verify) (void));

/* Wipe the KEKs of a preloaded server; false if this session has its own. */
extern bool cg_kek_seal(void);

/*
 * No KEK is given out after a self-test has failed: all are run when this
 * process, or the postmaster that it was forked from, first needs one.  This
 * tells of one that failed later.
 */
extern void cg_kek_distrust(const char *selftest);

#endif							/* CG_KEY_PROVIDER_H */

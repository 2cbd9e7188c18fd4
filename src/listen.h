/*
 * listen.h
 *		News of what other sessions committed, heard within a statement.
 */
#ifndef CG_LISTEN_H
#define CG_LISTEN_H

#include "port/atomics.h"

/* Transactions that the server committed; NULL without preloading. */
extern pg_atomic_uint64 *cg_commits;
extern uint64 cg_commits_heard;

/*
 * Hear of what was committed elsewhere since, a lockdown above all.  What is
 * cached of catalogs may be made anew meanwhile.  Who has waited for a lock of
 * a row hears what the transaction did that held it.
 */
extern void cg_listen_now(void);

/*
 * The same, except for a transaction whose client was not told yet that it is
 * committed.  Whoever gives plaintext calls it before each value, since a
 * statement takes long.
 */
static inline void
cg_listen(void)
{
	if (unlikely(cg_commits == NULL ||
				 pg_atomic_read_u64(cg_commits) != cg_commits_heard))
		cg_listen_now();
}

/* At load: when preloaded, count commits in shared memory. */
extern void cg_listen_init(void);

#endif							/* CG_LISTEN_H */

/*
 * reencrypt.h
 *		Encrypting values of a table anew, under the key and suite of today.
 */
#ifndef CG_REENCRYPT_H
#define CG_REENCRYPT_H

#include "utils/snapshot.h"

#include "row_batch.h"

/* Renew what is stale in some blocks: see cg_row_batch(). */
extern void cg_reencrypt_batch(Relation rel, BlockNumber start,
							   BlockNumber end, int rows, int patience,
							   CgBatch *batch);

/* Number of stale values that a snapshot shows. */
extern int64 cg_reencrypt_left(Relation rel, Snapshot snapshot);

/*
 * As the worker of a database: take a batch of a job, if there is one.
 * Returns the number of milliseconds until there is more to do, -1 if there is
 * nothing.
 */
extern int64 cg_reencrypt_work(void);

/* The last call failed so, and its transaction was rolled back. */
extern int64 cg_reencrypt_failed(const char *message);

#endif							/* CG_REENCRYPT_H */

/*
 * reencrypt.h
 *		Encrypting values of a table anew, under the key and suite of today.
 */
#ifndef CG_REENCRYPT_H
#define CG_REENCRYPT_H

#include "storage/block.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

/* What a batch did. */
typedef struct CgBatch
{
	BlockNumber next;			/* where the next one begins */
	int64		rows;			/* that were replaced */
	int64		values;			/* in them */
	int64		skipped;		/* rows that somebody else was changing */
} CgBatch;

/* Does any column of the table hold encrypted values? */
extern bool cg_reencrypt_concerns(Relation rel);

/*
 * Renew what is stale in blocks from start to before end, until so many rows
 * have been replaced or some megabytes looked at.  The table is locked for
 * writing rows.  Waits for nobody: rows that others have locked are skipped.
 */
extern void cg_reencrypt_batch(Relation rel, BlockNumber start,
							   BlockNumber end, int rows, CgBatch *batch);

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

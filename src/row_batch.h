/*
 * row_batch.h
 *		Replacing rows of a table below the executor, batch by batch.
 */
#ifndef CG_ROW_BATCH_H
#define CG_ROW_BATCH_H

#include "executor/tuptable.h"
#include "nodes/bitmapset.h"
#include "nodes/execnodes.h"
#include "storage/block.h"
#include "utils/relcache.h"

/* What is to be done with rows. */
typedef struct CgRowWork
{
	int			natts;			/* attributes that wanted looks at */
	Bitmapset  *columns;		/* attribute numbers that change changes */
	void	   *arg;

	/* How many values of a row want to be changed; none: leave it. */
	int64		(*wanted) (TupleTableSlot *row, void *arg);

	/* Change values of a row that is as it was and is locked. */
	void		(*change) (TupleTableSlot *row, void *arg);
} CgRowWork;

/* What a batch did. */
typedef struct CgBatch
{
	BlockNumber next;			/* where the next one begins */
	int64		rows;			/* that were replaced */
	int64		values;			/* in them */
	int64		skipped;		/* rows that somebody else was changing */
} CgBatch;

/*
 * Do so in blocks from start to before end, until so many rows have been
 * replaced or some megabytes looked at.  The table is locked for writing
 * rows.  Rows that others have locked are tried again, in all for patience
 * milliseconds, and then skipped.  Memory of the calls is freed after each row.
 */
extern void cg_row_batch(Relation rel, const CgRowWork *work,
						 BlockNumber start, BlockNumber end, int rows,
						 int patience, CgBatch *batch);

/* What it takes to write rows of a table without the executor. */
typedef struct CgRowWriter
{
	EState	   *estate;
	ResultRelInfo *table;
	Oid			user;			/* what is put back */
	int			context;
	int			guc_level;
} CgRowWriter;

/*
 * Between these two the user is the table's owner, restricted, with a pinned
 * search path: expressions of indexes are the owner's code.
 */
extern void cg_row_writer_begin(CgRowWriter *w, Relation rel);
extern void cg_row_writer_end(CgRowWriter *w);

#endif							/* CG_ROW_BATCH_H */

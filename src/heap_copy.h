/*
 * heap_copy.h
 *		Replacing the rows of a table in place, all versions of each.
 */
#ifndef CG_HEAP_COPY_H
#define CG_HEAP_COPY_H

#include "access/tupdesc.h"
#include "utils/relcache.h"

/*
 * Change values of a row that has been taken apart.  Called with a memory
 * context that is reset afterwards.
 */
typedef void (*CgChange) (TupleDesc desc, Datum *values, bool *nulls,
						  void *arg);

/*
 * Write a table anew, each row changed, and build its indexes anew.  The table
 * is locked against everybody (AccessExclusiveLock) and not in use by a
 * statement of this session; its access method is heap.  No trigger fires.
 */
extern void cg_heap_copy(Relation rel, CgChange change, void *arg);

#endif							/* CG_HEAP_COPY_H */

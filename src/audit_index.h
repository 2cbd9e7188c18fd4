/*
 * audit_index.h
 *		Index entries of new rows of the audit log.
 */
#ifndef CG_AUDIT_INDEX_H
#define CG_AUDIT_INDEX_H

#include "executor/tuptable.h"
#include "utils/relcache.h"

/*
 * Enter rows that were just inserted into all indexes of a partition, which
 * is locked for writing.
 */
extern void cg_audit_index(Relation heap, TupleTableSlot **rows, int n);

/* At load: have what is kept of indexes forgotten when a relation changes. */
extern void cg_audit_index_init(void);

#endif							/* CG_AUDIT_INDEX_H */

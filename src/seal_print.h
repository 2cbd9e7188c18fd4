/*
 * seal_print.h
 *		Fingerprints: what names the event of a block that was changed.
 *
 * A root tells that a block is not what it was, but not why.  So for each
 * block there are, in the order of its events, the first 8 bytes of the leaf
 * and the event's number, about 9 bytes an event together.  They prove
 * nothing: who changes them as well is still found by the root.
 */
#ifndef CG_SEAL_PRINT_H
#define CG_SEAL_PRINT_H

#include "audit_leaf.h"

#define CG_PRINT_LEN	8

typedef struct CgPrint
{
	int64		seq;
	uint8		hash[CG_PRINT_LEN];
} CgPrint;

/* Keep the fingerprints of a block. */
extern void cg_print_append(int64 block, const CgLeaf *leaves, int64 n);

/*
 * Read them, palloc'd; false if there are none, or not n of them.  SPI must
 * be connected.
 */
extern bool cg_print_read(int64 block, int64 n, CgPrint **prints);

#endif							/* CG_SEAL_PRINT_H */

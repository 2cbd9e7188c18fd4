/*
 * seal_tree.h
 *		The tree over the heads of all blocks of the audit log.
 *
 * All functions need SPI connected with the rights of cg_audit_owner(), and
 * an active snapshot: they see the blocks that it shows.
 */
#ifndef CG_SEAL_TREE_H
#define CG_SEAL_TREE_H

#include "merkle.h"

/* Number of blocks, and of the last one: the first is block 1. */
extern int64 cg_heads_size(void);

/*
 * Root over the first size blocks, and paths.  Those of an earlier call in
 * this session may be used again.  Errors: CG_ERRCODE_AUDIT when a block is
 * missing.
 */
extern void cg_heads_root(int64 size, uint8 root[CG_MERKLE_LEN]);
extern size_t cg_heads_inclusion(int64 block, int64 size,
								 uint8 path[][CG_MERKLE_LEN]);
extern size_t cg_heads_consistency(int64 first, int64 second,
								   uint8 path[][CG_MERKLE_LEN]);

/*
 * Compare what the table holds now with a root over its first size blocks,
 * reading all of them.  *matches is the largest size of an anchor kept in
 * cipguard.audit_anchor whose root is still right, 0 if there is none.  A
 * missing or damaged head is one that differs.
 */
extern bool cg_heads_match(int64 size, const uint8 root[CG_MERKLE_LEN],
						   int64 *matches);

#endif							/* CG_SEAL_TREE_H */

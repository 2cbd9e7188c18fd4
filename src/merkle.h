/*
 * merkle.h
 *		Merkle trees of RFC 6962 (RFC 9162 section 2.1) over SHA-256: roots,
 *		inclusion and consistency paths, and their verification.
 *
 * The hash of a leaf is SHA-256(0x00 || data), of a node SHA-256(0x01 || left
 * || right): no node passes for a leaf.  A tree of n leaves splits at the
 * largest power of two below n.
 */
#ifndef CG_MERKLE_H
#define CG_MERKLE_H

#include "digest.h"

#define CG_MERKLE_LEN		CG_SHA256_LEN
#define CG_MERKLE_MAX_PATH	65	/* hashes in a path through any tree */

/* Hash of a leaf over its data, and of a node over its two children. */
extern CgStatus cg_merkle_leaf(const void *data, size_t len,
							   uint8_t out[CG_MERKLE_LEN]);
extern CgStatus cg_merkle_node(const uint8_t left[CG_MERKLE_LEN],
							   const uint8_t right[CG_MERKLE_LEN],
							   uint8_t out[CG_MERKLE_LEN]);

/*
 * A tree that grows: the roots of its complete subtrees, widest first, one
 * for each bit that is set in size.  It holds no pointer, so it may be copied
 * and stored.
 */
typedef struct CgMerkle
{
	uint64_t	size;			/* leaves so far */
	uint8_t		stack[64][CG_MERKLE_LEN];
} CgMerkle;

/* Make it the empty tree.  It owns nothing, so there is nothing to free. */
extern void cg_merkle_init(CgMerkle *tree);

/* Append the hash of a leaf. */
extern CgStatus cg_merkle_add(CgMerkle *tree,
							  const uint8_t leaf[CG_MERKLE_LEN]);

/* The root over the leaves so far; the tree may go on growing. */
extern CgStatus cg_merkle_root(const CgMerkle *tree,
							   uint8_t out[CG_MERKLE_LEN]);

/*
 * Gives the root of the complete subtree over the leaves index << level and
 * following, 1 << level of them.  CG_E_LIMIT if it has none of that level at
 * hand: then its children are asked for.  Level 0, the hash of a leaf, must
 * be there for every index.  Any other error ends the call.
 */
typedef CgStatus (*CgMerkleFetch) (void *arg, unsigned level, uint64_t index,
								   uint8_t out[CG_MERKLE_LEN]);

/* Fetches from an array of leaf hashes, one after the other. */
extern CgStatus cg_merkle_fetch_array(void *leaves, unsigned level,
									  uint64_t index,
									  uint8_t out[CG_MERKLE_LEN]);

/*
 * Paths, in the order of RFC 9162: from the leaf up.  *path_len receives the
 * number of hashes.  CG_E_LIMIT when there is no such leaf, or when the first
 * tree is not the smaller one.  Between equal sizes, and from the empty tree,
 * a consistency path has no hashes.
 */
extern CgStatus cg_merkle_inclusion(CgMerkleFetch fetch, void *arg,
									uint64_t index, uint64_t size,
									uint8_t path[][CG_MERKLE_LEN],
									size_t *path_len);
extern CgStatus cg_merkle_consistency(CgMerkleFetch fetch, void *arg,
									  uint64_t first, uint64_t second,
									  uint8_t path[][CG_MERKLE_LEN],
									  size_t *path_len);

/* The root of a tree of size leaves, by way of fetch. */
extern CgStatus cg_merkle_fetch_root(CgMerkleFetch fetch, void *arg,
									 uint64_t size,
									 uint8_t out[CG_MERKLE_LEN]);

/*
 * CG_OK if the path leads from the leaf, or from the first root, to the root;
 * CG_E_FORMAT if a path between such sizes cannot have that many hashes,
 * CG_E_AUTH if it leads elsewhere.  All arguments may come from outside.
 */
extern CgStatus cg_merkle_check_inclusion(const uint8_t leaf[CG_MERKLE_LEN],
										  uint64_t index, uint64_t size,
										  const uint8_t path[][CG_MERKLE_LEN],
										  size_t path_len,
										  const uint8_t root[CG_MERKLE_LEN]);
extern CgStatus cg_merkle_check_consistency(uint64_t first,
											const uint8_t first_root[CG_MERKLE_LEN],
											uint64_t second,
											const uint8_t second_root[CG_MERKLE_LEN],
											const uint8_t path[][CG_MERKLE_LEN],
											size_t path_len);

#endif							/* CG_MERKLE_H */

/*
 * seal.h
 *		Blocks of the audit log.
 *
 * A block holds the events whose transactions its snapshot shows and the
 * snapshot of the block before does not, in the order (xid, seq).  Its root
 * is that of an RFC 6962 tree over their leaves (audit_leaf.h).  Its head is
 * the SHA-256 of, integers being big-endian,
 *
 *	"cipguard.block.v1"		17 bytes
 *	log						16 bytes, uuid of cipguard.audit_identity
 *	number					8 bytes, the first block is 1
 *	head of the block before	32 bytes; zero in block 1
 *	snapshot				length in bytes (4 bytes), text form of pg_snapshot
 *	events					8 bytes, how many
 *	root					32 bytes
 *	policy					32 bytes, SHA-256 of cipguard.policy_statement()
 *	timeline				4 bytes
 *	system identifier		8 bytes
 *	closed at				8 bytes, microseconds since 2000-01-01 00:00 UTC
 *
 * Heads are the data of the leaves of a second tree.
 */
#ifndef CG_SEAL_H
#define CG_SEAL_H

#include "datatype/timestamp.h"
#include "executor/spi.h"

#include "audit_leaf.h"
#include "merkle.h"
#include "seal_log.h"

typedef struct CgBlock
{
	int64		block;
	pg_uuid_t	log_id;
	char	   *snapshot;
	int64		events;
	uint8		root[CG_SHA256_LEN];
	uint8		policy[CG_SHA256_LEN];
	uint8		prev_head[CG_SHA256_LEN];
	uint8		head[CG_SHA256_LEN];
	int32		timeline;
	int64		system_id;
	TimestampTz sealed_at;
} CgBlock;

/* Columns of cipguard.audit_block for cg_block_from_row(), in this order. */
#define CG_BLOCK_COLUMNS \
	"block, log_id, snapshot::text, events, root, policy, prev_head, head," \
	" timeline, system_id, sealed_at"

/* A row of these columns; false if a digest has not 32 bytes. */
extern bool cg_block_from_row(HeapTuple row, TupleDesc desc, CgBlock *block);

/* What the head is the hash of, and that hash. */
extern void cg_block_encode(const CgBlock *block, StringInfo out);
extern void cg_block_head(const CgBlock *block, uint8 head[CG_SHA256_LEN]);

/*
 * All below need SPI connected with the rights of cg_audit_owner(), and an
 * active snapshot.
 */

/* A block; false if there is none of that number. */
extern bool cg_block_read(int64 number, CgBlock *block);

/* The last block; false if there is none. */
extern bool cg_block_last(CgBlock *block);

/*
 * The tree of one block, for cg_merkle_inclusion() with cg_tree_fetch.  Of
 * purged events there are nodes only, so not all leaves need be there: those
 * that are have their place in the tree beside them.
 */
typedef struct CgTree
{
	int64		size;			/* leaves of the tree */
	int64		nleaves;		/* leaves at hand */
	CgLeaf	   *leaves;			/* in the order of the log */
	int64	   *places;			/* NULL: leaf i is at place i */
	int			nnodes;
	struct CgNode *nodes;		/* ordered by level, index */
} CgTree;

typedef struct CgNode
{
	int32		level;
	int64		index;
	uint8		hash[CG_SHA256_LEN];
} CgNode;

/* Collect the events of a block from the log. */
extern void cg_tree_read(const CgBlock *block, CgTree *tree);

/* The same of rows that were read already, in the order of the log. */
extern void cg_tree_of(int64 number, int64 events, CgLeaf *leaves,
					   int64 nleaves, CgTree *tree);

/*
 * The hash of a node of the CgTree arg, for functions of merkle.h; CG_E_LIMIT if
 * the tree does not have it.
 */
extern CgStatus cg_tree_fetch(void *arg, unsigned level, uint64_t index,
							  uint8_t out[CG_MERKLE_LEN]);

/*
 * The event of that number: its block, the tree of that, its place in the
 * tree (from 0), and its canonical encoding.  Any of tree and place, and
 * canonical, may be NULL.  block->block is 0 as long as the event is in none;
 * then tree and place are not set.  False if there is no such event.
 */
extern bool cg_event_find(int64 seq, CgBlock *block, CgTree *tree,
						  uint64 *place, StringInfo canonical);

/* Serialises seal() and purge_audit() until the transaction ends. */
extern void cg_seal_lock(void);

/* Append a row to a table of the extension, past all privileges. */
extern void cg_seal_append(const char *table, Datum *values, bool *nulls);


/* Remove what such a table says of a block. */
extern void cg_seal_delete(const char *table, int64 block);

#endif							/* CG_SEAL_H */

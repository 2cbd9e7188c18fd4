/*
 * seal_check.h
 *		The state of a check of the audit log, and its findings.
 */
#ifndef CG_SEAL_CHECK_H
#define CG_SEAL_CHECK_H

#include "nodes/execnodes.h"

#include "seal.h"

typedef struct CgCheckBlock
{
	int64		number;
	int64		events;
	int64		expected;		/* of them that were not purged */
	bool		done;			/* came out right, or was reported */
	bool		ambiguous;		/* the block before is missing */
	uint8		root[CG_SHA256_LEN];
	CgSnapshot	snapshot;
	int64		n;				/* rows found so far */
	int64		room;
	CgLeaf	   *leaves;
} CgCheckBlock;

/* Blocks that are checked together, and what is to be read before. */
typedef struct CgCheckWindow
{
	int			end;			/* index of the block after the last */
	BlockNumber *last;			/* of each table, the page after the last */
} CgCheckWindow;

typedef struct CgCheck
{
	ReturnSetInfo *result;		/* NULL: findings are only counted */
	int64		errors;
	int64		rows;			/* findings that were returned */
	int64		events;
	int64		unsealed;
	bool		whole;			/* up to the last block */
	int64		from;

	pg_uuid_t	log_id;
	Snapshot	snapshot;
	uint64		next_xid;
	bool		has_lower;		/* events that this shows are not looked at */
	CgSnapshot	lower;

	int			ntables;
	CgLogTable **tables;
	BlockNumber *positions;		/* next page to read of each */

	int			nblocks;
	int			room;
	CgCheckBlock *blocks;
	int			nwindows;
	int			windows_room;
	CgCheckWindow *windows;

	uint64		found_xid;		/* what cg_check_find() was last asked */
	int			found;
} CgCheck;

/* Check the log from one block to another; true if there is no error. */
extern bool cg_check_log(CgCheck *check, int64 from, int64 to);

/*
 * Index of the first of the blocks that were checked whose snapshot shows a
 * transaction; the number of blocks if there is none.
 */
extern int	cg_check_find(CgCheck *check, uint64 xid);

/* Report what was found; block and event are left out when negative. */
extern void cg_check_error(CgCheck *check, int64 block, int64 event,
						   const char *finding, const char *format,...)
			pg_attribute_printf(5, 6);
extern void cg_check_note(CgCheck *check, int64 block, const char *finding,
						  const char *format,...) pg_attribute_printf(4, 5);

/* The last row: "ok" or "failed". */
extern void cg_check_summary(CgCheck *check);

/*
 * Check a block against the one before (NULL: there is none, or it was not
 * read).  good: all its digests have 32 bytes.
 */
extern void cg_check_link(CgCheck *check, const CgBlock *block,
						  const CgBlock *before, bool good);

#endif							/* CG_SEAL_CHECK_H */

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

/* Pages that are read together, and the blocks that are complete then. */
typedef struct CgCheckStep
{
	int			block;
	int			end_block;		/* after the last */
	BlockNumber *ends;			/* of each table, the page after the last */
} CgCheckStep;

/* Something that is reported later. */
typedef struct CgFinding
{
	int64		block;
	int64		event;
	char	   *finding;
	char	   *detail;
} CgFinding;

typedef struct CgCheck
{
	ReturnSetInfo *result;		/* NULL: findings are only counted */
	MemoryContext context;		/* of the blocks, which outlive SPI */
	bool		later;			/* errors are kept in findings */
	List	   *findings;
	int64		errors;
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

	int			nblocks;
	int			room;
	CgCheckBlock *blocks;
	int			nwindows;
	int			windows_room;
	CgCheckWindow *windows;
	int			nsteps;
	int			steps_room;
	CgCheckStep *steps;

	uint64		found_xid;		/* what cg_check_find() was last asked */
	int			found;
} CgCheck;

/* Check the log from one block to another; true if there is no error. */
extern bool cg_check_log(CgCheck *check, int64 from, int64 to);

/*
 * Read the rows of all pages.  Blocks that came out right are done then, the
 * others have what was found of them.
 */
extern void cg_check_rows(CgCheck *check);

/*
 * The same with the help of other processes; false if nothing was done,
 * because it would not pay or there is something that cannot be read.  Blocks
 * may then have come together that are not done yet.
 */
extern bool cg_check_parallel(CgCheck *check);

/* Make the steps, of at most so many pages each unless that is 0. */
extern void cg_check_plan(CgCheck *check, int64 pages);

/* How many pages the first so many steps have. */
extern int64 cg_check_pages(const CgCheck *check, int steps);

/*
 * Read steps first to end - 1.  What cannot be read is a finding if guarded,
 * else an error.
 */
extern void cg_check_steps(CgCheck *check, int first, int end, bool guarded);

/* A block is right, or was reported: forget its rows. */
extern void cg_check_finish(CgCheckBlock *block);

/*
 * Index of the first of the blocks that were checked whose snapshot shows a
 * transaction; the number of blocks if there is none.
 */
extern int	cg_check_find(CgCheck *check, uint64 xid);

/* More errors than that are counted, but not returned. */
#define CG_CHECK_ERRORS		1000

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

/*
 * seal_log.h
 *		The log as the sealer sees it: its tables, and which transactions a
 *		snapshot shows.
 */
#ifndef CG_SEAL_LOG_H
#define CG_SEAL_LOG_H

#include "nodes/pg_list.h"
#include "storage/block.h"
#include "utils/snapshot.h"

#include "audit_leaf.h"

/* What a pg_snapshot says.  xip is sorted. */
typedef struct CgSnapshot
{
	uint64		xmin;
	uint64		xmax;
	uint32		nxip;
	uint64	   *xip;
} CgSnapshot;

/*
 * The transactions that a snapshot shows, without the present one: what that
 * wrote can still be rolled back.
 */
extern void cg_snapshot_take(CgSnapshot *taken, Snapshot snapshot);

/* From and to the text form of pg_snapshot. */
extern void cg_snapshot_parse(CgSnapshot *snapshot, const char *text);
extern char *cg_snapshot_text(const CgSnapshot *snapshot);

/* Had the transaction ended when the snapshot was taken? */
extern bool cg_snapshot_shows(const CgSnapshot *snapshot, uint64 xid);

/* A table of the log, opened and locked. */
typedef struct CgLogTable
{
	Relation	rel;
	CgLeafCoder coder;
	BlockNumber nblocks;		/* when it was opened */
} CgLogTable;

/* All tables that hold rows of the log, partitions first. */
extern List *cg_log_open(const pg_uuid_t *log_id);
extern void cg_log_close(List *tables);

/* One of them. */
extern CgLogTable *cg_log_table(Oid relid, CgLeafTag tag,
								const pg_uuid_t *log_id);

/* The uuid of this log. */
extern void cg_log_id(pg_uuid_t *log_id);

/*
 * Call visit for the rows of pages first to end - 1 that the snapshot shows.
 * A page that cannot be read is an error, or with a bad function given, is
 * told to that and left out.
 */
typedef void (*CgLogVisit) (void *arg, CgLogTable *table, HeapTuple tuple);
typedef void (*CgLogBadPage) (void *arg, CgLogTable *table,
							  BlockNumber page, const char *message);

/*
 * Visit the rows in pages [first, end) in their order.  With bad, an
 * unreadable page is reported by it and passed over; without, it is an error.
 */
extern void cg_log_scan(CgLogTable *table, Snapshot snapshot,
						BlockNumber first, BlockNumber end,
						CgLogVisit visit, CgLogBadPage bad, void *arg);

#endif							/* CG_SEAL_LOG_H */

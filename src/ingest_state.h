/*
 * ingest_state.h
 *		How far the spool was taken into the log: tables of the database.
 */
#ifndef CG_INGEST_STATE_H
#define CG_INGEST_STATE_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "storage/itemptr.h"
#include "storage/lock.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

#include "journal_read.h"

/* Open a table of ours, which has that many columns. */
extern Relation cg_state_table(const char *name, int columns, LOCKMODE mode);

/* An index or sequence of theirs. */
extern Oid	cg_state_relation(const char *name);

/* A segment, as a row of cipguard.audit_spool tells of it. */
typedef struct CgSpoolState
{
	ItemPointerData tid;		/* of the row */
	bool		stored;			/* is there a row? */
	bool		changed;		/* since it was read */
	uint8		node[CG_FRAME_NODE_LEN];
	Oid			database;
	int			month;
	uint32		number;
	uint8		head[CG_SHA256_LEN];
	int64		ingested;		/* bytes from the beginning */
	int64		records;		/* in these */
	int64		damaged;		/* bytes of these that are no record */
	bool		forwarded;		/* by a standby: the file is there */
	TimestampTz closed;			/* when nothing could be added; 0: not yet */
	TimestampTz removed;		/* when the file was found to be gone; or 0 */
} CgSpoolState;

/*
 * All rows, as the snapshot sees them (NULL: the latest).  The list is for
 * cg_spool_state() and can be changed there.
 */
extern List *cg_spool_states(Snapshot snapshot);

/* Of a file; NULL if there is none. */
extern CgSpoolState *cg_spool_state(List *states, const CgSpoolFile *file);

/* The same; a new one, of which nothing was taken in, if there is none. */
extern CgSpoolState *cg_spool_state_make(List **states,
										 const CgSpoolFile *file);

/* Write those that have changed, past all triggers and privileges. */
extern void cg_spool_states_write(List *states);

/* Text of a query, NULL if it is not there. */
extern char *cg_query_text(uint64 id);

/* Keep the text of a query, if it is not there. */
extern void cg_query_text_write(uint64 id, const char *s, Size len);

#endif							/* CG_INGEST_STATE_H */

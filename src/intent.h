/*
 * intent.h
 *		Statements that disclose and of which more records can come.
 */
#ifndef CG_INTENT_H
#define CG_INTENT_H

#include "datatype/timestamp.h"
#include "storage/itemptr.h"
#include "nodes/pg_list.h"
#include "utils/hsearch.h"

#include "journal_frame.h"

/* A process that writes; compared byte by byte, so without padding. */
typedef struct CgWriterKey
{
	uint8		node[CG_FRAME_NODE_LEN];
	int64		started;
	uint32		database;
	uint32		writer;
} CgWriterKey;

typedef struct CgWriter
{
	CgWriterKey key;
	bool		gone;			/* before reading began */
	List	   *intents;		/* CgIntent */
} CgWriter;

typedef struct CgIntent
{
	ItemPointerData tid;
	bool		stored;			/* is it in the table? */
	bool		open;			/* false: the statement has ended */
	bool		forwarded;		/* by a standby: we do not see its process */
	TimestampTz taken;			/* when it was read first */
	bytea	   *frame;
	CgFrame		decoded;		/* of that */
} CgIntent;

/*
 * A table of CgWriter in the current memory context: empty, or with the rows
 * of cipguard.audit_intent.
 */
extern HTAB *cg_intents_make(void);
extern HTAB *cg_intents_load(void);

/* Take note of a record: it can begin a statement, and end one. */
extern void cg_intents_see(HTAB *writers, const CgFrame *frame,
						   const uint8 *data, Size len, bool forwarded);

/* Is the process gone that wrote it, if that was one of this server? */
extern bool cg_writer_gone(const CgWriterKey *key);

/* Write those that are open, and not those that are not, to the table. */
extern void cg_intents_write(HTAB *writers);

#endif							/* CG_INTENT_H */

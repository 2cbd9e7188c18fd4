/*
 * intent.c
 *		Statements that disclose and of which more records can come.
 *
 * See journal_frame.h for what begins and ends them.  Those that are open when
 * a call of ingest() ends are kept in cipguard.audit_intent: one for each
 * process whose last statement has disclosed a single value, until it does
 * something else.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "miscadmin.h"
#include "storage/procarray.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "ingest_event.h"
#include "ingest_state.h"
#include "intent.h"

#define INTENT_TABLE	"audit_intent"

enum
{
	IN_TAKEN,
	IN_FORWARDED,
	IN_FRAME,
	IN_COLUMNS
};

static CgWriter *find_writer(HTAB *writers, const CgFrame *frame, bool make);
static CgIntent *add_intent(HTAB *writers, CgWriter *writer,
							const uint8 *data, Size len);

HTAB *
cg_intents_make(void)
{
	HASHCTL		ctl;

	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = sizeof(CgWriterKey);
	ctl.entrysize = sizeof(CgWriter);
	ctl.hcxt = CurrentMemoryContext;
	return hash_create("cipguard writers", 64, &ctl,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static CgWriter *
find_writer(HTAB *writers, const CgFrame *frame, bool make)
{
	CgWriterKey key;
	CgWriter   *writer;
	bool		found;

	memcpy(key.node, frame->node, CG_FRAME_NODE_LEN);
	key.started = frame->started;
	key.database = frame->database;
	key.writer = frame->writer;
	writer = hash_search(writers, &key, make ? HASH_ENTER : HASH_FIND,
						 &found);
	if (make && !found)
	{
		writer->gone = false;
		writer->intents = NIL;
	}
	return writer;
}

/* With a copy of its frame, which can be decoded. */
static CgIntent *
add_intent(HTAB *writers, CgWriter *writer, const uint8 *data, Size len)
{
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(writers));
	CgIntent   *intent = palloc0(sizeof(CgIntent));

	intent->frame = palloc(VARHDRSZ + len);
	SET_VARSIZE(intent->frame, VARHDRSZ + len);
	memcpy(VARDATA(intent->frame), data, len);
	(void) cg_frame_decode((uint8 *) VARDATA(intent->frame), len,
						   &intent->decoded);
	intent->open = true;
	writer->intents = lappend(writer->intents, intent);
	MemoryContextSwitchTo(old);
	return intent;
}

HTAB *
cg_intents_load(void)
{
	HTAB	   *writers = cg_intents_make();
	Relation	rel = cg_state_table(INTENT_TABLE, IN_COLUMNS,
									 AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0,
										  NULL);
	HeapTuple	tuple;

	while ((tuple = systable_getnext(scan)) != NULL)
	{
		Datum		values[IN_COLUMNS];
		bool		nulls[IN_COLUMNS];
		CgIntent   *intent;
		CgFrame		frame;
		bytea	   *data;
		const uint8 *bytes;
		Size		len;

		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		data = DatumGetByteaPP(values[IN_FRAME]);
		bytes = (const uint8 *) VARDATA_ANY(data);
		len = VARSIZE_ANY_EXHDR(data);
		if (cg_frame_decode(bytes, len, &frame) != CG_OK)
			continue;
		intent = add_intent(writers, find_writer(writers, &frame, true),
							bytes, len);
		intent->tid = tuple->t_self;
		intent->stored = true;
		intent->forwarded = DatumGetBool(values[IN_FORWARDED]);
		intent->taken = DatumGetTimestampTz(values[IN_TAKEN]);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return writers;
}

void
cg_intents_see(HTAB *writers, const CgFrame *frame, const uint8 *data,
			   Size len, bool forwarded)
{
	bool		opens = (frame->flags & CG_FRAME_INTENT) != 0;
	CgWriter   *writer = find_writer(writers, frame, opens);
	bool		ended;
	ListCell   *lc;

	if (writer == NULL)
		return;
	ended = cg_record_is_kind(frame, CG_FRAME_END);
	foreach(lc, writer->intents)
	{
		CgIntent   *intent = lfirst(lc);
		const CgFrame *begun = &intent->decoded;

		if (frame->number <= begun->number)
			continue;
		if (ended ||
			(frame->statement != 0 && frame->statement != begun->statement) ||
			((frame->flags & CG_FRAME_LAST) != 0 &&
			 frame->user == begun->user &&
			 frame->relation == begun->relation))
			intent->open = false;
	}
	if (opens)
	{
		CgIntent   *intent = add_intent(writers, writer, data, len);

		intent->forwarded = forwarded;
		intent->taken = GetCurrentTimestamp();
	}

	/* Forget those of which the table knows nothing. */
	foreach(lc, writer->intents)
	{
		CgIntent   *intent = lfirst(lc);

		if (intent->open || intent->stored)
			continue;
		writer->intents = foreach_delete_current(writer->intents, lc);
		pfree(intent->frame);
		pfree(intent);
	}
}

bool
cg_writer_gone(const CgWriterKey *key)
{
	return key->started < PgStartTime ||
		BackendPidGetProc((int) key->writer) == NULL;
}

void
cg_intents_write(HTAB *writers)
{
	Relation	rel = cg_state_table(INTENT_TABLE, IN_COLUMNS,
									 RowExclusiveLock);
	HASH_SEQ_STATUS seq;
	CgWriter   *writer;
	ListCell   *lc;

	hash_seq_init(&seq, writers);
	while ((writer = hash_seq_search(&seq)) != NULL)
	{
		foreach(lc, writer->intents)
		{
			CgIntent   *intent = lfirst(lc);
			Datum		values[IN_COLUMNS];
			bool		nulls[IN_COLUMNS] = {false};

			if (intent->open == intent->stored)
				continue;
			if (intent->stored)
				CatalogTupleDelete(rel, &intent->tid);
			else
			{
				HeapTuple	tuple;

				values[IN_TAKEN] = TimestampTzGetDatum(intent->taken);
				values[IN_FORWARDED] = BoolGetDatum(intent->forwarded);
				values[IN_FRAME] = PointerGetDatum(intent->frame);
				tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);
				CatalogTupleInsert(rel, tuple);
				intent->tid = tuple->t_self;
			}
			intent->stored = intent->open;
		}
	}
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

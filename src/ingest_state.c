/*
 * ingest_state.c
 *		How far the spool was taken into the log: tables of the database.
 *
 * Rows are written straight to the tables, as those of the log are: whoever
 * may take records in needs no privilege on them, and their triggers refuse
 * everybody else.  Whoever calls holds the lock of ingest.c.
 *
 * The column order of the tables is that of sql/parts/56_worker.sql.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_type.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
#include "utils/xid8.h"

#include "compat.h"

#include "audit_store.h"
#include "catalog.h"
#include "cipguard.h"
#include "ingest_state.h"

#define SPOOL_TABLE		"audit_spool"
#define INTENT_TABLE	"audit_intent"
#define QUERY_TABLE		"audit_query"
#define QUERY_INDEX		"audit_query_id_idx"

enum
{
	SP_NODE,
	SP_DATABASE,
	SP_MONTH,
	SP_SEGMENT,
	SP_HEAD,
	SP_INGESTED,
	SP_RECORDS,
	SP_DAMAGED,
	SP_FORWARDED,
	SP_CLOSED,
	SP_REMOVED,
	SP_COLUMNS
};

enum
{
	IN_TAKEN,
	IN_FORWARDED,
	IN_FRAME,
	IN_COLUMNS
};

enum
{
	QU_ID,
	QU_SEQ,
	QU_XID,
	QU_TS,
	QU_TEXT,
	QU_COLUMNS
};

static Relation open_table(const char *name, int columns, LOCKMODE mode);
static Oid	our_relation(const char *name);
static char *find_query(Relation rel, uint64 id);
static bytea *bytes(const void *data, Size len);

static Oid
our_relation(const char *name)
{
	Oid			relid = get_relname_relid(name, cg_schema_oid());

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("relation \"%s.%s\" of the audit log is missing",
						CG_SCHEMA, name),
				 errhint("Restore it, or drop the extension and create it again, which loses the log.")));
	return relid;
}

static Relation
open_table(const char *name, int columns, LOCKMODE mode)
{
	Relation	rel = table_open(our_relation(name), mode);

	if (RelationGetNumberOfAttributes(rel) != columns)
		elog(ERROR, "table \"%s\" has %d columns", name,
			 RelationGetNumberOfAttributes(rel));
	return rel;
}

static bytea *
bytes(const void *data, Size len)
{
	bytea	   *result = palloc(VARHDRSZ + len);

	SET_VARSIZE(result, VARHDRSZ + len);
	memcpy(VARDATA(result), data, len);
	return result;
}

/* ---------- segments ---------- */

List *
cg_spool_states(Snapshot snapshot)
{
	Relation	rel = open_table(SPOOL_TABLE, SP_COLUMNS, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, snapshot, 0,
										  NULL);
	List	   *states = NIL;
	HeapTuple	tuple;

	while ((tuple = systable_getnext(scan)) != NULL)
	{
		CgSpoolState *state = palloc0(sizeof(CgSpoolState));
		Datum		values[SP_COLUMNS];
		bool		nulls[SP_COLUMNS];
		bytea	   *head;

		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		state->tid = tuple->t_self;
		state->stored = true;
		memcpy(state->node, DatumGetUUIDP(values[SP_NODE])->data,
			   CG_FRAME_NODE_LEN);
		state->database = DatumGetObjectId(values[SP_DATABASE]);
		state->month = DatumGetInt32(values[SP_MONTH]);
		state->number = (uint32) DatumGetInt32(values[SP_SEGMENT]);
		head = DatumGetByteaPP(values[SP_HEAD]);
		if (VARSIZE_ANY_EXHDR(head) == CG_SHA256_LEN)
			memcpy(state->head, VARDATA_ANY(head), CG_SHA256_LEN);
		state->ingested = DatumGetInt64(values[SP_INGESTED]);
		state->records = DatumGetInt64(values[SP_RECORDS]);
		state->damaged = DatumGetInt64(values[SP_DAMAGED]);
		state->forwarded = DatumGetBool(values[SP_FORWARDED]);
		if (!nulls[SP_CLOSED])
			state->closed = DatumGetTimestampTz(values[SP_CLOSED]);
		if (!nulls[SP_REMOVED])
			state->removed = DatumGetTimestampTz(values[SP_REMOVED]);
		states = lappend(states, state);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return states;
}

CgSpoolState *
cg_spool_state(List *states, const CgSpoolFile *file)
{
	ListCell   *lc;

	foreach(lc, states)
	{
		CgSpoolState *state = lfirst(lc);

		if (state->number == file->segment.number &&
			state->month == file->segment.month &&
			state->database == file->segment.database &&
			memcmp(state->node, file->node, CG_FRAME_NODE_LEN) == 0 &&
			memcmp(state->head, file->head, CG_SHA256_LEN) == 0)
			return state;
	}
	return NULL;
}

CgSpoolState *
cg_spool_state_make(List **states, const CgSpoolFile *file)
{
	CgSpoolState *state = cg_spool_state(*states, file);

	if (state != NULL)
		return state;
	state = palloc0(sizeof(CgSpoolState));
	memcpy(state->node, file->node, CG_FRAME_NODE_LEN);
	state->database = file->segment.database;
	state->month = file->segment.month;
	state->number = file->segment.number;
	memcpy(state->head, file->head, CG_SHA256_LEN);
	*states = lappend(*states, state);
	return state;
}

void
cg_spool_states_write(List *states)
{
	Relation	rel = open_table(SPOOL_TABLE, SP_COLUMNS, RowExclusiveLock);
	ListCell   *lc;

	foreach(lc, states)
	{
		CgSpoolState *state = lfirst(lc);
		Datum		values[SP_COLUMNS];
		bool		nulls[SP_COLUMNS] = {false};
		HeapTuple	tuple;

		if (!state->changed)
			continue;
		values[SP_NODE] = UUIDPGetDatum((pg_uuid_t *) state->node);
		values[SP_DATABASE] = ObjectIdGetDatum(state->database);
		values[SP_MONTH] = Int32GetDatum(state->month);
		values[SP_SEGMENT] = Int32GetDatum((int32) state->number);
		values[SP_HEAD] = PointerGetDatum(bytes(state->head, CG_SHA256_LEN));
		values[SP_INGESTED] = Int64GetDatum(state->ingested);
		values[SP_RECORDS] = Int64GetDatum(state->records);
		values[SP_DAMAGED] = Int64GetDatum(state->damaged);
		values[SP_FORWARDED] = BoolGetDatum(state->forwarded);
		values[SP_CLOSED] = TimestampTzGetDatum(state->closed);
		nulls[SP_CLOSED] = state->closed == 0;
		values[SP_REMOVED] = TimestampTzGetDatum(state->removed);
		nulls[SP_REMOVED] = state->removed == 0;
		tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);
		if (state->stored)
			CatalogTupleUpdate(rel, &state->tid, tuple);
		else
			CatalogTupleInsert(rel, tuple);
		state->tid = tuple->t_self;
		state->stored = true;
		state->changed = false;
	}
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

/* ---------- intents ---------- */

void
cg_intent_key(const CgFrame *frame, CgIntentKey *key)
{
	memcpy(key->node, frame->node, CG_FRAME_NODE_LEN);
	key->started = frame->started;
	key->statement = frame->statement;
	key->database = frame->database;
	key->writer = frame->writer;
	key->user = frame->user;
	key->relation = frame->relation;
}

HTAB *
cg_intents(void)
{
	Relation	rel = open_table(INTENT_TABLE, IN_COLUMNS, AccessShareLock);
	SysScanDesc scan;
	HeapTuple	tuple;
	HASHCTL		ctl;
	HTAB	   *intents;

	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = sizeof(CgIntentKey);
	ctl.entrysize = sizeof(CgIntent);
	ctl.hcxt = CurrentMemoryContext;
	intents = hash_create("cipguard intents", 64, &ctl,
						  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while ((tuple = systable_getnext(scan)) != NULL)
	{
		Datum		values[IN_COLUMNS];
		bool		nulls[IN_COLUMNS];
		CgIntentKey key;
		CgIntent   *intent;
		CgFrame		frame;
		bytea	   *data;

		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		data = DatumGetByteaPCopy(values[IN_FRAME]);
		if (cg_frame_decode((uint8 *) VARDATA(data),
							VARSIZE(data) - VARHDRSZ, &frame) != CG_OK)
			continue;
		cg_intent_key(&frame, &key);
		intent = hash_search(intents, &key, HASH_ENTER, NULL);
		intent->tid = tuple->t_self;
		intent->stored = true;
		intent->open = true;
		intent->forwarded = DatumGetBool(values[IN_FORWARDED]);
		intent->gone = false;
		intent->taken = DatumGetTimestampTz(values[IN_TAKEN]);
		intent->frame = data;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return intents;
}

bool
cg_intent_lost(const CgIntentKey *key)
{
	return key->started < PgStartTime ||
		BackendPidGetProc((int) key->writer) == NULL;
}

/* Store those that are open and are not stored, and the other way round. */
void
cg_intents_write(HTAB *intents)
{
	Relation	rel = NULL;
	HASH_SEQ_STATUS seq;
	CgIntent   *intent;

	hash_seq_init(&seq, intents);
	while ((intent = hash_seq_search(&seq)) != NULL)
	{
		Datum		values[IN_COLUMNS];
		bool		nulls[IN_COLUMNS] = {false};

		if (intent->open == intent->stored)
			continue;
		if (rel == NULL)
			rel = open_table(INTENT_TABLE, IN_COLUMNS, RowExclusiveLock);
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
	if (rel != NULL)
	{
		table_close(rel, NoLock);
		CommandCounterIncrement();
	}
}

/* ---------- texts of queries ---------- */

static char *
find_query(Relation rel, uint64 id)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *result = NULL;
	bool		isnull;

	ScanKeyInit(&key, QU_ID + 1, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum((int64) id));
	scan = systable_beginscan(rel, our_relation(QUERY_INDEX), true, NULL, 1,
							  &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		result = TextDatumGetCString(heap_getattr(tuple, QU_TEXT + 1,
												  RelationGetDescr(rel),
												  &isnull));
	systable_endscan(scan);
	return result;
}

char *
cg_query_text(uint64 id)
{
	Relation	rel = open_table(QUERY_TABLE, QU_COLUMNS, AccessShareLock);
	char	   *result = find_query(rel, id);

	table_close(rel, AccessShareLock);
	return result;
}

void
cg_query_text_write(uint64 id, const char *s, Size len)
{
	Relation	rel = open_table(QUERY_TABLE, QU_COLUMNS, RowExclusiveLock);
	Datum		values[QU_COLUMNS];
	bool		nulls[QU_COLUMNS] = {false};

	if (find_query(rel, id) == NULL)
	{
		values[QU_ID] = Int64GetDatum((int64) id);
		values[QU_SEQ] = Int64GetDatum(cg_audit_next_seq());
		values[QU_XID] =
			FullTransactionIdGetDatum(GetTopFullTransactionId());
		values[QU_TS] = TimestampTzGetDatum(GetCurrentTimestamp());
		values[QU_TEXT] = PointerGetDatum(cstring_to_text_with_len(s, len));
		CatalogTupleInsert(rel, heap_form_tuple(RelationGetDescr(rel), values,
												nulls));
		CommandCounterIncrement();
	}
	table_close(rel, NoLock);
}

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
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
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
#define QUERY_TABLE		"audit_query"
#define QUERY_INDEX		"audit_query_id_idx"
#define KNOWN_QUERIES	64

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
	QU_ID,
	QU_SEQ,
	QU_XID,
	QU_TS,
	QU_TEXT,
	QU_COLUMNS
};

static char *find_query(Relation rel, uint64 id);
static bytea *bytes(const void *data, Size len);

Oid
cg_state_relation(const char *name)
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

Relation
cg_state_table(const char *name, int columns, LOCKMODE mode)
{
	Relation	rel = table_open(cg_state_relation(name), mode);

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
	Relation	rel = cg_state_table(SPOOL_TABLE, SP_COLUMNS, AccessShareLock);
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
	Relation	rel = cg_state_table(SPOOL_TABLE, SP_COLUMNS, RowExclusiveLock);
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
	scan = systable_beginscan(rel, cg_state_relation(QUERY_INDEX), true, NULL, 1,
							  &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		result = TextDatumGetCString(heap_getattr(tuple, QU_TEXT + 1,
												  RelationGetDescr(rel),
												  &isnull));
	systable_endscan(scan);
	return result;
}

/* Texts are remembered: a number never stands for another one. */
char *
cg_query_text(uint64 id)
{
	static struct
	{
		uint64		id;
		char	   *text;
	}			known[KNOWN_QUERIES];
	int			slot = id % KNOWN_QUERIES;
	Relation	rel;
	char	   *text;

	if (known[slot].text != NULL && known[slot].id == id)
		return known[slot].text;
	rel = cg_state_table(QUERY_TABLE, QU_COLUMNS, AccessShareLock);
	text = find_query(rel, id);
	table_close(rel, AccessShareLock);
	if (text != NULL)
	{
		if (known[slot].text != NULL)
			pfree(known[slot].text);
		known[slot].text = NULL;
		known[slot].text = MemoryContextStrdup(TopMemoryContext, text);
		known[slot].id = id;
	}
	return text;
}

void
cg_query_text_write(uint64 id, const char *s, Size len)
{
	Relation	rel = cg_state_table(QUERY_TABLE, QU_COLUMNS, RowExclusiveLock);
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
		cg_audit_append_to(rel, values, nulls);
		CommandCounterIncrement();
	}
	table_close(rel, NoLock);
}

/*
 * alert_row.c
 *		Rows of cipguard.alert, and who is told of them.
 *
 * Rows are written straight to the table, as those of the log are, in the
 * transaction that takes their event into it: exactly once.  Whoever calls
 * holds the lock of ingest.c.  Of SQL the table allows only that an alert is
 * acknowledged; a row that somebody is about to acknowledge is left alone, so
 * that nobody can hold up the log, and there is another one.
 *
 * A table that anybody could fill would hide what counts: the same alert
 * again is a number in its row, and no notification.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "commands/sequence.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"

#include "alert.h"
#include "alert_row.h"
#include "catalog.h"
#include "cipguard.h"
#include "ingest_state.h"
#include "suspension.h"

#define ALERT_TABLE		"alert"
#define ALERT_INDEX		"alert_login_idx"
#define ALERT_SEQUENCE	"alert_id_seq"
#define SAME			(10 * 60 * USECS_PER_SEC)	/* one row for so long */
#define QUEUE_FULL		0.9

/* Columns of cipguard.alert, in the order of sql/parts/48_alert.sql. */
enum
{
	AL_ID,
	AL_KIND,
	AL_AT,
	AL_LAST_AT,
	AL_COUNT,
	AL_LOGIN,
	AL_LOGIN_ROLE,
	AL_ROLE,
	AL_ADDRESS,
	AL_CATEGORY,
	AL_RELATION,
	AL_DETAIL,
	AL_EVENT,
	AL_SUSPENSION,
	AL_ACK_BY,
	AL_ACK_AT,
	AL_NOTE,
	AL_COLUMNS
};

/* A row that will be made, or one that counts further. */
typedef struct CgAlertRow
{
	CgAlert		alert;
	int64		id;
	TimestampTz last;
	uint64		times;			/* since it was read or begun */
	int64		suspension;		/* 0: none */
	bool		stored;
	ItemPointerData tid;		/* if it is stored */
	struct CgAlertRow *next;	/* in the order in which they came */
} CgAlertRow;

struct CgAlertRows
{
	MemoryContext context;
	HTAB	   *latest;			/* of CgLatest */
	CgAlertRow *first;
	CgAlertRow **end;
};

typedef struct CgLatest
{
	uint64		digest;			/* hash key: of what makes alerts the same */
	CgAlertRow *row;
} CgLatest;

static uint64 digest_of(const CgAlert *alert);
static bool is_same(const CgAlert *a, const CgAlert *b);
static bool find_stored(const CgAlert *alert, CgAlertRow *row);
static bool text_is(Datum value, bool isnull, const char *s);
static void copy_alert(CgAlert *to, const CgAlert *from);
static bool count_further(Relation rel, CgAlertRow *row);
static void insert_row(Relation rel, CgAlertRow *row);
static void write_line(const CgAlertRow *row);
static void notify(const CgAlertRow *row);
static void append_field(StringInfo buf, const char *name, const char *value);

CgAlertRows *
cg_alert_rows_begin(void)
{
	CgAlertRows *rows = palloc0(sizeof(CgAlertRows));
	HASHCTL		ctl;

	rows->context = CurrentMemoryContext;
	rows->end = &rows->first;
	ctl.keysize = sizeof(uint64);
	ctl.entrysize = sizeof(CgLatest);
	ctl.hcxt = CurrentMemoryContext;
	rows->latest = hash_create("cipguard alerts", 16, &ctl,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return rows;
}

static uint64
digest_of(const CgAlert *alert)
{
	StringInfoData buf;
	uint64		digest;

	initStringInfo(&buf);
	appendStringInfo(&buf, "%u\n%s\n%s\n%s\n%s\n%s", alert->login,
					 alert->kind, alert->role, alert->address,
					 alert->category == NULL ? "" : alert->category,
					 alert->relation);
	digest = hash_bytes_extended((unsigned char *) buf.data, buf.len, 0);
	pfree(buf.data);
	return digest;
}

static bool
is_same(const CgAlert *a, const CgAlert *b)
{
	return a->login == b->login && strcmp(a->kind, b->kind) == 0 &&
		strcmp(a->role, b->role) == 0 &&
		strcmp(a->address, b->address) == 0 &&
		strcmp(a->relation, b->relation) == 0 &&
		(a->category == NULL ? b->category == NULL :
		 b->category != NULL && strcmp(a->category, b->category) == 0);
}

void
cg_alert_rows_add(CgAlertRows *rows, const CgAlert *alert)
{
	uint64		digest = digest_of(alert);
	MemoryContext old = MemoryContextSwitchTo(rows->context);
	CgLatest   *latest;
	CgAlertRow *row;
	bool		found;

	latest = hash_search(rows->latest, &digest, HASH_ENTER, &found);
	if (!found)
		latest->row = NULL;
	row = latest->row;
	if (row == NULL || !is_same(&row->alert, alert) ||
		alert->at >= row->alert.at + SAME || alert->at <= row->alert.at - SAME)
	{
		row = palloc0(sizeof(CgAlertRow));
		copy_alert(&row->alert, alert);
		row->last = alert->at;
		row->stored = find_stored(alert, row);
		*rows->end = row;
		rows->end = &row->next;
		latest->row = row;
	}
	row->times += alert->times;
	row->last = Max(row->last, alert->at);
	row->alert.suspend |= alert->suspend;
	MemoryContextSwitchTo(old);
}

static void
copy_alert(CgAlert *to, const CgAlert *from)
{
	*to = *from;
	to->kind = pstrdup(from->kind);
	to->login_role = pstrdup(from->login_role);
	to->role = pstrdup(from->role);
	to->address = pstrdup(from->address);
	to->category = from->category == NULL ? NULL : pstrdup(from->category);
	to->relation = pstrdup(from->relation);
	to->detail = pstrdup(from->detail);
}

static bool
text_is(Datum value, bool isnull, const char *s)
{
	return isnull ? s == NULL :
		s != NULL && strcmp(TextDatumGetCString(value), s) == 0;
}

/* The open row that counts this alert, if there is one. */
static bool
find_stored(const CgAlert *alert, CgAlertRow *row)
{
	Relation	rel = cg_state_table(ALERT_TABLE, AL_COLUMNS, AccessShareLock);
	ScanKeyData keys[3];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&keys[0], AL_LOGIN + 1, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(alert->login));
	ScanKeyInit(&keys[1], AL_KIND + 1, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(alert->kind));
	keys[1].sk_collation = C_COLLATION_OID;
	ScanKeyInit(&keys[2], AL_AT + 1, BTGreaterStrategyNumber,
				F_TIMESTAMPTZ_GT, TimestampTzGetDatum(alert->at - SAME));
	scan = systable_beginscan(rel, cg_state_relation(ALERT_INDEX), true, NULL, 3,
							  keys);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Datum		values[AL_COLUMNS];
		bool		nulls[AL_COLUMNS];

		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		if (!nulls[AL_ACK_AT] ||
			DatumGetTimestampTz(values[AL_AT]) >= alert->at + SAME ||
			!text_is(values[AL_ROLE], nulls[AL_ROLE], alert->role) ||
			!text_is(values[AL_ADDRESS], nulls[AL_ADDRESS], alert->address) ||
			!text_is(values[AL_CATEGORY], nulls[AL_CATEGORY],
					 alert->category) ||
			!text_is(values[AL_RELATION], nulls[AL_RELATION],
					 alert->relation))
			continue;
		row->tid = tuple->t_self;
		row->id = DatumGetInt64(values[AL_ID]);
		row->alert.at = DatumGetTimestampTz(values[AL_AT]);
		row->last = Max(row->last, DatumGetTimestampTz(values[AL_LAST_AT]));
		found = true;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

void
cg_alert_rows_write(CgAlertRows *rows)
{
	Relation	rel;
	CgAlertRow *row;

	if (rows->first == NULL)
		return;
	rel = cg_state_table(ALERT_TABLE, AL_COLUMNS, RowExclusiveLock);
	for (row = rows->first; row != NULL; row = row->next)
	{
		if (row->alert.suspend && row->stored)
			row->suspension = cg_suspend(&row->alert, row->id);
		if (!row->stored || !count_further(rel, row))
		{
			insert_row(rel, row);
			if (row->alert.derived)
				write_line(row);
			notify(row);
		}
	}
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

/* False if the row was acknowledged since it was read, or is just being. */
static bool
count_further(Relation rel, CgAlertRow *row)
{
	int			cols[] = {AL_LAST_AT + 1, AL_COUNT + 1, AL_SUSPENSION + 1};
	bool		nulls[] = {false, false, false};
	HeapTupleData stored;
	HeapTuple	tuple;
	Buffer		buffer;
	TM_FailureData failure;
	TM_Result	result;
	Datum		values[3];
	bool		isnull;

	stored.t_self = row->tid;
	result = heap_lock_tuple(rel, &stored, GetCurrentCommandId(true),
							 LockTupleNoKeyExclusive, LockWaitSkip, false,
							 &buffer, &failure);
	if (result == TM_Ok)
	{
		values[0] = TimestampTzGetDatum(row->last);
		values[1] =
			Int64GetDatum(DatumGetInt64(heap_getattr(&stored, AL_COUNT + 1,
													 RelationGetDescr(rel),
													 &isnull)) +
						  (int64) row->times);
		values[2] = Int64GetDatum(row->suspension);
		tuple = heap_modify_tuple_by_cols(&stored, RelationGetDescr(rel),
										  row->suspension == 0 ? 2 : 3, cols, values, nulls);
		ReleaseBuffer(buffer);
		CatalogTupleUpdate(rel, &row->tid, tuple);
		return true;
	}
	ReleaseBuffer(buffer);
	return false;
}

static void
insert_row(Relation rel, CgAlertRow *row)
{
	const CgAlert *alert = &row->alert;
	Datum		values[AL_COLUMNS];
	bool		nulls[AL_COLUMNS] = {false};

	row->id = nextval_internal(cg_state_relation(ALERT_SEQUENCE), false);
	if (alert->suspend && row->suspension == 0)
		row->suspension = cg_suspend(alert, row->id);
	values[AL_ID] = Int64GetDatum(row->id);
	values[AL_KIND] = CStringGetTextDatum(alert->kind);
	values[AL_AT] = TimestampTzGetDatum(alert->at);
	values[AL_LAST_AT] = TimestampTzGetDatum(row->last);
	values[AL_COUNT] = Int64GetDatum((int64) row->times);
	values[AL_LOGIN] = ObjectIdGetDatum(alert->login);
	values[AL_LOGIN_ROLE] = CStringGetTextDatum(alert->login_role);
	values[AL_ROLE] = CStringGetTextDatum(alert->role);
	values[AL_ADDRESS] = CStringGetTextDatum(alert->address);
	values[AL_CATEGORY] = alert->category == NULL ? (Datum) 0 :
		CStringGetTextDatum(alert->category);
	nulls[AL_CATEGORY] = alert->category == NULL;
	values[AL_RELATION] = CStringGetTextDatum(alert->relation);
	values[AL_DETAIL] = CStringGetTextDatum(alert->detail);
	values[AL_EVENT] = Int64GetDatum(alert->event);
	values[AL_SUSPENSION] = Int64GetDatum(row->suspension);
	nulls[AL_SUSPENSION] = row->suspension == 0;
	nulls[AL_ACK_BY] = nulls[AL_ACK_AT] = nulls[AL_NOTE] = true;
	CatalogTupleInsert(rel, heap_form_tuple(RelationGetDescr(rel), values,
											nulls));
}

/* As alert.c does for others. */
static void
write_line(const CgAlertRow *row)
{
	const CgAlert *alert = &row->alert;

	ereport(LOG_SERVER_ONLY,
			(errmsg("alert \"%s\": %s", alert->kind, alert->detail),
			 alert->relation[0] == '\0' ?
			 errdetail("Role \"%s\", logged in as \"%s\".", alert->role,
					   alert->login_role) :
			 errdetail("Role \"%s\", logged in as \"%s\", table %s.",
					   alert->role, alert->login_role, alert->relation),
			 errhidestmt(true),
			 errhidecontext(true)));
}

/*
 * Somebody who filled the queue must not keep alerts out of the table.
 */
static void
notify(const CgAlertRow *row)
{
	const CgAlert *alert = &row->alert;
	static const int utc = 0;
	char		at[MAXDATELEN + 1];
	StringInfoData json;

	if (DatumGetFloat8(DirectFunctionCall1(pg_notification_queue_usage,
										   (Datum) 0)) > QUEUE_FULL)
	{
		ereport(LOG_SERVER_ONLY,
				(errmsg("alert %lld is not told on channel \"%s\": the queue of notifications is full",
						(long long) row->id, CG_ALERT_CHANNEL),
				 errhint("End the session that has listened for long in one transaction.")));
		return;
	}
	JsonEncodeDateTime(at, TimestampTzGetDatum(alert->at), TIMESTAMPTZOID,
					   &utc);
	initStringInfo(&json);
	appendStringInfo(&json, "{\"id\":%lld", (long long) row->id);
	append_field(&json, "kind", alert->kind);
	append_field(&json, "at", at);
	append_field(&json, "role", alert->role);
	append_field(&json, "category", alert->category);
	append_field(&json, "relation",
				 alert->relation[0] == '\0' ? NULL : alert->relation);
	appendStringInfoChar(&json, '}');
	Async_Notify(CG_ALERT_CHANNEL, json.data);
	pfree(json.data);
}

static void
append_field(StringInfo buf, const char *name, const char *value)
{
	appendStringInfo(buf, ",\"%s\":", name);
	if (value == NULL)
		appendStringInfoString(buf, "null");
	else
		escape_json(buf, value);
}

/*
 * audit_store.c
 *		Writing to the audit log: events, sessions, side tables.
 *
 * Rows are inserted directly into heap and indexes: the privileges of whoever
 * changes the audited table do not matter, and no SQL statement can add to the
 * log or change it (cipguard.audit_protect()).
 *
 * The partition of the month and its indexes are opened at the first event of
 * a transaction, under the top transaction's resource owner, and closed before
 * commit; that saves a tenth of the cost of a bulk write.  A partition or index
 * made in a subtransaction of this very transaction is closed after each event
 * instead: a rollback to a savepoint would pull it from under us.
 *
 * Order of the log is (xid, seq): within one transaction seq, taken from a
 * cached sequence, grows with time; gaps mean nothing.  There are no columns
 * for a leaf hash or MAC: leaves can be computed from the rows.  Rows of
 * sessions and schemas carry xid and seq for that, too.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/sequence.h"
#include "libpq/libpq.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "compat.h"

#include "audit_partition.h"
#include "audit_store.h"
#include "catalog.h"
#include "cipguard.h"
#include "guc.h"

#define MAX_INDEXES			16

/* Columns of cipguard.audit_event, in the order of sql/parts/50_audit.sql. */
enum
{
	EV_SEQ,
	EV_XID,
	EV_TS,
	EV_SESSION,
	EV_SUBJECT,
	EV_RELID,
	EV_CMD,
	EV_KIND,
	EV_APP_VERIFIED,
	EV_RELNAME,
	EV_ROLE,
	EV_APP_USER,
	EV_PURPOSE,
	EV_COLS,
	EV_OLD,
	EV_NEW,
	EV_COLUMNS
};

/* Columns of cipguard.audit_session. */
enum
{
	SE_ID,
	SE_SEQ,
	SE_XID,
	SE_TS,
	SE_START,
	SE_PID,
	SE_AUTH_USER,
	SE_SESSION_USER,
	SE_SYSTEM_USER,
	SE_ADDR,
	SE_PORT,
	SE_APPLICATION,
	SE_TLS_VERSION,
	SE_TLS_CIPHER,
	SE_TLS_CLIENT_DN,
	SE_DATABASE,
	SE_APPLY_WORKER,
	SE_COLUMNS
};

/* The partition being written, see the banner. */
typedef struct CgWriter
{
	Relation	heap;			/* NULL when closed */
	bool		busy;			/* being opened, or inside an insertion */
	bool		stale;			/* changed since it was opened */
	bool		transient;		/* made in this subtransaction: see banner */
	CgMonth		month;
	int			indexes;
	Relation	index[MAX_INDEXES];
	IndexInfo  *info[MAX_INDEXES];
} CgWriter;

/* The row of cipguard.audit_session that stands for us now. */
typedef struct CgSession
{
	int64		id;				/* 0 before the first */
	Oid			table;			/* where the row is: DROP EXTENSION ends it */
	Oid			session_user;
	char		application[NAMEDATALEN];
	CgOnce		once;
} CgSession;

static void relation_changed(Datum arg, Oid relid);
static void role_changed(Datum arg, SysCacheIdentifier cacheid, uint32 hash);
static void xact_ended(XactEvent event, void *arg);
static void subxact_ended(SubXactEvent event, SubTransactionId subid,
						  SubTransactionId parent, void *arg);
static Relation open_partition(void);
static void open_writer(TimestampTz now);
static void close_writer(void);
static void insert_event(Datum *values, bool *nulls);
static int64 current_session(void);
static void write_session(const char *application);
static Datum call_no_args(PGFunction function, bool *isnull);
static Datum current_role_name(void);
static bool claim(const char *setting, Datum *value);
static Datum text_or_null(const char *s, bool *isnull);

static const char *const object_names[CG_AUDIT_OBJECTS] = {
	"audit_event",
	"audit_event_seq",
	"audit_session",
	"audit_schema",
	"audit_schema_id_idx"
};

static Oid	objects[CG_AUDIT_OBJECTS];
static CgOnce *pending = NULL;
static CgWriter writer;
static Oid	partition = InvalidOid; /* of partition_month, known good */
static TimestampTz partition_month = 0;
static TimestampTz prepared = 0;	/* month whose successor was made ... */
static bool prepared_now = false;	/* ... by this transaction */
static CgSession session;
static bool role_valid = false;
static bool registered = false;

void
cg_audit_store_init(void)
{
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, role_changed, (Datum) 0);
	RegisterXactCallback(xact_ended, NULL);
	RegisterSubXactCallback(subxact_ended, NULL);
	registered = true;
}

static void
relation_changed(Datum arg, Oid relid)
{
	int			i;

	for (i = 0; i < CG_AUDIT_OBJECTS; i++)
		if (!OidIsValid(relid) || relid == objects[i])
			objects[i] = InvalidOid;
	if (!OidIsValid(relid) || relid == partition)
		partition = InvalidOid;
	if (writer.heap != NULL &&
		(!OidIsValid(relid) || relid == RelationGetRelid(writer.heap)))
		writer.stale = true;
}

static void
role_changed(Datum arg, SysCacheIdentifier cacheid, uint32 hash)
{
	role_valid = false;
}

Oid
cg_audit_oid(CgAuditObject object)
{
	Oid			oid = objects[object];

	if (!OidIsValid(oid))
	{
		oid = get_relname_relid(object_names[object], cg_schema_oid());
		if (!OidIsValid(oid))
			ereport(ERROR,
					(errcode(CG_ERRCODE_AUDIT),
					 errmsg("relation \"%s.%s\" of the audit log is missing",
							CG_SCHEMA, object_names[object]),
					 errhint("Restore it, or drop the extension and create it again, which loses the log.")));
		objects[object] = oid;
	}
	return oid;
}

int64
cg_audit_next_seq(void)
{
	return nextval_internal(cg_audit_oid(CG_AUDIT_SEQUENCE), false);
}

void
cg_audit_append(CgAuditObject object, Datum *values, bool *nulls)
{
	Relation	rel = table_open(cg_audit_oid(object), RowExclusiveLock);
	HeapTuple	tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);

	CatalogTupleInsert(rel, tuple);
	heap_freetuple(tuple);
	table_close(rel, NoLock);
}

/* ---------- rows that are written once ---------- */

void
cg_once_mark(CgOnce *once)
{
	once->done = true;
	once->pending = true;
	once->subid = GetCurrentSubTransactionId();
	once->next = pending;
	pending = once;
}

void
cg_once_reset(CgOnce *once)
{
	CgOnce	  **p;

	for (p = &pending; *p != NULL; p = &(*p)->next)
	{
		if (*p != once)
			continue;
		*p = once->next;
		break;
	}
	once->done = once->pending = false;
}

static void
xact_ended(XactEvent event, void *arg)
{
	CgOnce	   *once;

	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			close_writer();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:

			/*
			 * A prepared transaction can still be rolled back, so what it
			 * wrote is written again: readers take the first of equal rows.
			 */
			for (once = pending; once != NULL; once = once->next)
			{
				once->pending = false;
				once->done = (event == XACT_EVENT_COMMIT);
			}
			pending = NULL;
			if (prepared_now && event != XACT_EVENT_COMMIT)
				prepared = 0;
			prepared_now = false;
			writer.heap = NULL; /* released by its resource owner */
			writer.busy = false;
			break;
		default:
			break;
	}
}

static void
subxact_ended(SubXactEvent event, SubTransactionId subid,
			  SubTransactionId parent, void *arg)
{
	CgOnce	  **p = &pending;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	while (*p != NULL)
	{
		CgOnce	   *once = *p;

		if (once->subid == subid && event == SUBXACT_EVENT_ABORT_SUB)
		{
			once->pending = once->done = false;
			*p = once->next;
			continue;
		}
		if (once->subid == subid)
			once->subid = parent;
		p = &once->next;
	}
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		if (prepared_now)
			prepared = 0;
		if (writer.busy)
			close_writer();
	}
}

Oid
cg_audit_owner(void)
{
	HeapTuple	tuple;
	Oid			owner;

	tuple = SearchSysCache1(RELOID,
							ObjectIdGetDatum(cg_audit_oid(CG_AUDIT_EVENT)));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for the audit log");
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* ---------- the partition of the month ---------- */

/*
 * Open and lock the partition of writer.month.  Its OID is cached from one
 * transaction to the next; it can be dropped or detached until it is locked.
 */
static Relation
open_partition(void)
{
	for (;;)
	{
		Oid			oid = partition;
		Relation	rel;

		if (!OidIsValid(oid) || partition_month != writer.month.lower)
		{
			oid = cg_audit_partition(&writer.month);
			partition = oid;
			partition_month = writer.month.lower;
		}
		rel = try_relation_open(oid, RowExclusiveLock);
		if (rel != NULL && rel->rd_rel->relispartition)
			return rel;
		if (rel != NULL)
			relation_close(rel, RowExclusiveLock);
		partition = InvalidOid;
		CHECK_FOR_INTERRUPTS();
	}
}

/* Point the writer at the partition for an event of this moment. */
static void
open_writer(TimestampTz now)
{
	MemoryContext context;
	ResourceOwner owner;
	List	   *oids;
	ListCell   *lc;

	if (writer.heap != NULL)
	{
		if (!writer.stale && now >= writer.month.lower &&
			now < writer.month.upper)
			return;
		close_writer();
	}

	cg_month_of(now, 0, &writer.month);
	if (prepared != writer.month.lower)
	{
		CgMonth		next;

		(void) cg_audit_partition(&writer.month);
		cg_month_of(now, 1, &next);
		cg_audit_partition_ahead(&next);
		prepared = writer.month.lower;
		prepared_now = true;
	}

	owner = CurrentResourceOwner;
	CurrentResourceOwner = TopTransactionResourceOwner;
	context = MemoryContextSwitchTo(TopTransactionContext);
	writer.busy = true;
	writer.stale = false;
	writer.indexes = 0;
	writer.heap = open_partition();
	writer.transient = writer.heap->rd_createSubid > TopSubTransactionId;
	if (RelationGetNumberOfAttributes(writer.heap) != EV_COLUMNS)
		elog(ERROR, "partition \"%s\" of the audit log has %d columns",
			 RelationGetRelationName(writer.heap),
			 RelationGetNumberOfAttributes(writer.heap));
	oids = RelationGetIndexList(writer.heap);
	foreach(lc, oids)
	{
		Relation	index = index_open(lfirst_oid(lc), RowExclusiveLock);
		IndexInfo  *info;

		writer.index[writer.indexes++] = index;
		info = writer.info[writer.indexes - 1] = BuildIndexInfo(index);
		if (index->rd_createSubid > TopSubTransactionId)
			writer.transient = true;
		if (writer.indexes == MAX_INDEXES || info->ii_Expressions != NIL ||
			info->ii_Predicate != NIL || info->ii_ExclusionOps != NULL)
			ereport(ERROR,
					(errcode(CG_ERRCODE_AUDIT),
					 errmsg("index \"%s\" does not suit the audit log",
							RelationGetRelationName(index)),
					 errdetail("There can be at most %d indexes, on plain columns only.",
							   MAX_INDEXES - 1),
					 errhint("Drop the index.")));
	}
	list_free(oids);
	writer.busy = false;
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

static void
close_writer(void)
{
	ResourceOwner owner = CurrentResourceOwner;
	int			i;

	if (writer.heap == NULL)
		return;
	CurrentResourceOwner = TopTransactionResourceOwner;
	for (i = 0; i < writer.indexes; i++)
	{
		if (!writer.busy)
			index_insert_cleanup(writer.index[i], writer.info[i]);
		index_close(writer.index[i], NoLock);
	}
	table_close(writer.heap, NoLock);
	CurrentResourceOwner = owner;
	writer.heap = NULL;
	writer.busy = false;
}

static void
insert_event(Datum *values, bool *nulls)
{
	ResourceOwner owner = CurrentResourceOwner;
	HeapTuple	tuple;
	int			i;

	writer.busy = true;
	tuple = heap_form_tuple(RelationGetDescr(writer.heap), values, nulls);
	heap_insert(writer.heap, tuple, GetCurrentCommandId(true), 0, NULL);

	/* BRIN keeps buffers pinned from one insertion to the next. */
	CurrentResourceOwner = TopTransactionResourceOwner;
	for (i = 0; i < writer.indexes; i++)
	{
		IndexInfo  *info = writer.info[i];
		Datum		ivalues[INDEX_MAX_KEYS];
		bool		inulls[INDEX_MAX_KEYS];
		int			k;

		if (!info->ii_ReadyForInserts)
			continue;
		for (k = 0; k < info->ii_NumIndexAttrs; k++)
		{
			ivalues[k] = values[info->ii_IndexAttrNumbers[k] - 1];
			inulls[k] = nulls[info->ii_IndexAttrNumbers[k] - 1];
		}
		index_insert(writer.index[i], ivalues, inulls, &tuple->t_self,
					 writer.heap,
					 info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO,
					 false, info);
	}
	CurrentResourceOwner = owner;
	heap_freetuple(tuple);
	writer.busy = false;

	if (writer.transient)
		close_writer();
}

void
cg_audit_write(const CgAuditEvent *event)
{
	Datum		values[EV_COLUMNS];
	bool		nulls[EV_COLUMNS];
	TimestampTz now = GetCurrentTimestamp();

	if (!registered)
		elog(ERROR, "the audit modules were not initialized");

	memset(nulls, 0, sizeof(nulls));
	values[EV_SESSION] = Int64GetDatum(current_session());
	open_writer(now);

	values[EV_SEQ] = Int64GetDatum(cg_audit_next_seq());
	values[EV_XID] = FullTransactionIdGetDatum(GetTopFullTransactionId());
	values[EV_TS] = TimestampTzGetDatum(now);
	values[EV_SUBJECT] = Int64GetDatum(event->subject);
	nulls[EV_SUBJECT] = !event->has_subject;
	values[EV_RELID] = ObjectIdGetDatum(event->relid);
	values[EV_CMD] = Int32GetDatum((int32) GetCurrentCommandId(false));
	values[EV_KIND] = CharGetDatum(event->kind);
	values[EV_APP_VERIFIED] = BoolGetDatum(false);
	values[EV_RELNAME] = PointerGetDatum(event->relname);
	values[EV_ROLE] = current_role_name();
	nulls[EV_APP_USER] = !claim(cg_app_user, &values[EV_APP_USER]);
	nulls[EV_PURPOSE] = !claim(cg_purpose, &values[EV_PURPOSE]);
	values[EV_COLS] = PointerGetDatum(event->cols);
	nulls[EV_COLS] = (event->cols == NULL);
	values[EV_OLD] = PointerGetDatum(event->before);
	nulls[EV_OLD] = (event->before == NULL);
	values[EV_NEW] = PointerGetDatum(event->after);
	nulls[EV_NEW] = (event->after == NULL);

	insert_event(values, nulls);
}

/* ---------- who ---------- */

/*
 * A change of session_user or application_name (a pooler hands the connection
 * to another client) begins a new session.
 */
int64
cg_audit_session(void)
{
	const char *application = application_name ? application_name : "";

	if (session.id == 0 || session.session_user != GetSessionUserId() ||
		session.table != cg_audit_oid(CG_AUDIT_SESSION) ||
		strncmp(session.application, application, NAMEDATALEN - 1) != 0)
	{
		CgSession	fresh;

		cg_once_reset(&session.once);
		memset(&fresh, 0, sizeof(fresh));
		if (!pg_strong_random(&fresh.id, sizeof(fresh.id)))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not generate a random session number")));
		fresh.id &= PG_INT64_MAX;
		fresh.id |= 1;
		fresh.session_user = GetSessionUserId();
		fresh.table = cg_audit_oid(CG_AUDIT_SESSION);
		strlcpy(fresh.application, application, NAMEDATALEN);
		session = fresh;
	}
	return session.id;
}

/* The same, with its row written when it is not there yet. */
static int64
current_session(void)
{
	(void) cg_audit_session();
	if (!session.once.done)
	{
		write_session(session.application);
		cg_once_mark(&session.once);
	}
	return session.id;
}

static void
write_session(const char *application)
{
	Datum		values[SE_COLUMNS];
	bool		nulls[SE_COLUMNS];
	PgBackendStatus *me = MyBEEntry;
	bool		tls = me != NULL && me->st_ssl && me->st_sslstatus != NULL;

	memset(nulls, 0, sizeof(nulls));
	values[SE_ID] = Int64GetDatum(session.id);
	values[SE_SEQ] = Int64GetDatum(cg_audit_next_seq());
	values[SE_XID] = FullTransactionIdGetDatum(GetTopFullTransactionId());
	values[SE_TS] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[SE_START] = TimestampTzGetDatum(MyStartTimestamp);
	values[SE_PID] = Int32GetDatum(MyProcPid);
	values[SE_AUTH_USER] =
		text_or_null(GetUserNameFromId(GetAuthenticatedUserId(), true),
					 &nulls[SE_AUTH_USER]);
	values[SE_SESSION_USER] =
		text_or_null(GetUserNameFromId(GetSessionUserId(), true),
					 &nulls[SE_SESSION_USER]);
	values[SE_SYSTEM_USER] = text_or_null(cg_system_user(),
										  &nulls[SE_SYSTEM_USER]);
	values[SE_ADDR] = call_no_args(inet_client_addr, &nulls[SE_ADDR]);
	values[SE_PORT] = call_no_args(inet_client_port, &nulls[SE_PORT]);
	values[SE_APPLICATION] = text_or_null(application,
										  &nulls[SE_APPLICATION]);
	values[SE_TLS_VERSION] = text_or_null(tls ? me->st_sslstatus->ssl_version :
										  NULL, &nulls[SE_TLS_VERSION]);
	values[SE_TLS_CIPHER] = text_or_null(tls ? me->st_sslstatus->ssl_cipher :
										 NULL, &nulls[SE_TLS_CIPHER]);
	values[SE_TLS_CLIENT_DN] =
		text_or_null(tls && me->st_sslstatus->ssl_client_dn[0] != '\0' ?
					 me->st_sslstatus->ssl_client_dn : NULL,
					 &nulls[SE_TLS_CLIENT_DN]);
	values[SE_DATABASE] = text_or_null(get_database_name(MyDatabaseId),
									   &nulls[SE_DATABASE]);
	values[SE_APPLY_WORKER] = BoolGetDatum(IsLogicalWorker());

	cg_audit_append(CG_AUDIT_SESSION, values, nulls);
}

/* Call an SQL function without arguments that can return NULL. */
static Datum
call_no_args(PGFunction function, bool *isnull)
{
	LOCAL_FCINFO(fcinfo, 0);
	Datum		result;

	InitFunctionCallInfoData(*fcinfo, NULL, 0, InvalidOid, NULL, NULL);
	result = function(fcinfo);
	*isnull = fcinfo->isnull;
	return result;
}

/* Name of the role that acts now, as a text datum that stays allocated. */
static Datum
current_role_name(void)
{
	static Oid	role = InvalidOid;
	static text *name = NULL;
	Oid			userid = GetUserId();

	if (!role_valid || role != userid)
	{
		char	   *s = GetUserNameFromId(userid, true);
		MemoryContext context = MemoryContextSwitchTo(TopMemoryContext);

		if (name != NULL)
			pfree(name);
		name = NULL;
		name = s != NULL ? cstring_to_text(s) :
			cstring_to_text(psprintf("%u", userid));
		MemoryContextSwitchTo(context);
		role = userid;
		role_valid = true;
	}
	return PointerGetDatum(name);
}

/* What the session claims about itself; false when it says nothing. */
static bool
claim(const char *setting, Datum *value)
{
	*value = (Datum) 0;
	if (setting == NULL || setting[0] == '\0')
		return false;
	*value = CStringGetTextDatum(setting);
	return true;
}

static Datum
text_or_null(const char *s, bool *isnull)
{
	*isnull = (s == NULL);
	return s == NULL ? (Datum) 0 : CStringGetTextDatum(s);
}

/*
 * audit_store.c
 *		Writing to the audit log: events, sessions, side tables.
 *
 * Rows are inserted directly into heap and indexes: the privileges of whoever
 * changes the audited table do not matter, and no SQL statement can add to the
 * log or change it (cipguard.audit_protect()).
 *
 * Order of the log is (xid, seq): within one transaction seq grows with time;
 * gaps mean nothing.  A session takes numbers in blocks from the sequence and
 * hands them out itself.  There are no columns for a leaf hash or MAC: leaves
 * can be computed from the rows.  Rows of sessions and schemas carry xid and
 * seq for that, too.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
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
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "compat.h"

#include "app_token.h"
#include "audit_buffer.h"
#include "audit_image.h"
#include "audit_store.h"
#include "catalog.h"
#include "cipguard.h"
#include "guc.h"
#include "inval.h"

/* The increment of cipguard.audit_event_seq. */
#define SEQUENCE_BLOCK		128

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

/* The row of cipguard.audit_session that stands for us now. */
typedef struct CgSession
{
	int64		id;				/* 0 before the first */
	Oid			table;			/* where the row is: DROP EXTENSION ends it */
	Oid			session_user;
	char		application[NAMEDATALEN];
	CgOnce		once;
} CgSession;

/* What the session claims, as a datum. */
typedef struct CgClaim
{
	char	   *setting;
	text	   *value;
} CgClaim;

static void relation_changed(Datum arg, Oid relid);
static void role_changed(Datum arg, SysCacheIdentifier cacheid, uint32 hash);
static void xact_ended(XactEvent event, void *arg);
static void subxact_ended(SubXactEvent event, SubTransactionId subid,
						  SubTransactionId parent, void *arg);
static int64 current_session(void);
static void write_session(const char *application);
static Datum call_no_args(PGFunction function, bool *isnull);
static Datum current_role_name(void);
static bool claim(CgClaim *claim, const char *setting, Datum *value);
static Datum text_or_null(const char *s, bool *isnull);

static const char *const object_names[CG_AUDIT_OBJECTS] = {
	"audit_event",
	"audit_change",
	"audit_record",
	"audit_event_seq",
	"audit_session",
	"audit_schema",
	"audit_schema_id_idx"
};

static Oid	objects[CG_AUDIT_OBJECTS];
static CgOnce *pending = NULL;
static CgSession session;
static CgClaim app_user;
static CgClaim purpose;
static bool role_valid = false;
static bool registered = false;

void
cg_audit_store_init(void)
{
	cg_on_relcache(relation_changed);
	CacheRegisterSyscacheCallback(AUTHOID, role_changed, (Datum) 0);
	RegisterXactCallback(xact_ended, NULL);
	RegisterSubXactCallback(subxact_ended, NULL);
	cg_buffer_init();
	registered = true;
}

static void
relation_changed(Datum arg, Oid relid)
{
	int			i;

	for (i = 0; i < CG_AUDIT_OBJECTS; i++)
		if (!OidIsValid(relid) || relid == objects[i])
			objects[i] = InvalidOid;
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

const char *
cg_audit_name(CgAuditObject object)
{
	return object_names[object];
}

int64
cg_audit_next_seq(void)
{
	static Oid	sequence = InvalidOid;
	static int64 next = 0;
	static int64 end = 0;
	Oid			oid = cg_audit_oid(CG_AUDIT_SEQUENCE);

	if (next == end || oid != sequence)
	{
		next = nextval_internal(oid, false);
		end = next + SEQUENCE_BLOCK;
		sequence = oid;
	}
	return next++;
}

/* That of the catalogs, as SET TRANSACTION can still come. */
bool
cg_audit_snapshot(void)
{
	if (ActiveSnapshotSet())
		return false;
	PushActiveSnapshot(GetCatalogSnapshot(InvalidOid));
	return true;
}

/* Such a table grows at its end only, as partitions do: see audit_buffer.c. */
void
cg_audit_append(CgAuditObject object, Datum *values, bool *nulls)
{
	Relation	rel = table_open(cg_audit_oid(object), RowExclusiveLock);

	cg_audit_append_to(rel, values, nulls);
	table_close(rel, NoLock);
}

/* At the end of the table, where the sealer looks for it. */
void
cg_audit_append_to(Relation rel, Datum *values, bool *nulls)
{
	HeapTuple	tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);
	List	   *indexes = RelationGetIndexList(rel);
	ListCell   *lc;
	bool		pushed = cg_audit_snapshot();

	RelationSetTargetBlock(rel, InvalidBlockNumber);
	heap_insert(rel, tuple, GetCurrentCommandId(true), HEAP_INSERT_SKIP_FSM,
				NULL);
	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), RowExclusiveLock);
		IndexInfo  *info = BuildIndexInfo(index);
		Datum		ivalues[INDEX_MAX_KEYS];
		bool		inulls[INDEX_MAX_KEYS];
		int			k;

		if (info->ii_Expressions != NIL || info->ii_Predicate != NIL ||
			info->ii_ExclusionOps != NULL)
			ereport(ERROR,
					(errcode(CG_ERRCODE_AUDIT),
					 errmsg("index \"%s\" does not suit the audit log",
							RelationGetRelationName(index)),
					 errdetail("There can be indexes on plain columns only."),
					 errhint("Drop the index.")));
		for (k = 0; k < info->ii_NumIndexAttrs; k++)
		{
			ivalues[k] = values[info->ii_IndexAttrNumbers[k] - 1];
			inulls[k] = nulls[info->ii_IndexAttrNumbers[k] - 1];
		}
		if (info->ii_ReadyForInserts)
			index_insert(index, ivalues, inulls, &tuple->t_self, rel,
						 info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO,
						 false, info);
		index_close(index, NoLock);
	}
	if (pushed)
		PopActiveSnapshot();
	heap_freetuple(tuple);
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

/* ---------- events ---------- */

void
cg_audit_begin(CgAuditEvent *event, char kind)
{
	if (!registered)
		elog(ERROR, "the audit modules were not initialized");
	if (XactReadOnly)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot write to the audit log in a read-only transaction"),
				 errhint("Change audited tables, temporary ones too, in a transaction that is not read-only.")));

	cg_app_token_require();

	memset(event, 0, sizeof(*event));
	event->kind = kind;
	event->ts = GetCurrentTimestamp();
	event->cmd = GetCurrentCommandId(false);
	event->session = current_session();
	cg_buffer_prepare(CG_AUDIT_CHANGE, event->ts);
}

void
cg_audit_write(const CgAuditEvent *event)
{
	Datum		values[CG_EV_COLUMNS];
	bool		nulls[CG_EV_COLUMNS];
	bool		verified;

	memset(nulls, 0, sizeof(nulls));
	values[CG_EV_SEQ] = Int64GetDatum(cg_audit_next_seq());
	values[CG_EV_XID] = FullTransactionIdGetDatum(GetTopFullTransactionId());
	values[CG_EV_TS] = TimestampTzGetDatum(event->ts);
	values[CG_EV_SESSION] = Int64GetDatum(event->session);
	values[CG_EV_SUBJECT] = Int64GetDatum(event->subject);
	nulls[CG_EV_SUBJECT] = !event->has_subject;
	values[CG_EV_RELID] = ObjectIdGetDatum(event->relid);
	values[CG_EV_CMD] = Int32GetDatum((int32) event->cmd);
	values[CG_EV_KIND] = CharGetDatum(event->kind);
	values[CG_EV_SPOOLED] = BoolGetDatum(false);
	values[CG_EV_RELNAME] = PointerGetDatum(event->relname);
	values[CG_EV_ROLE] = current_role_name();
	nulls[CG_EV_APP_USER] = !claim(&app_user, cg_app_identity(&verified),
								   &values[CG_EV_APP_USER]);
	values[CG_EV_APP_VERIFIED] = BoolGetDatum(verified);
	nulls[CG_EV_PURPOSE] = !claim(&purpose, cg_purpose,
								  &values[CG_EV_PURPOSE]);
	values[CG_EV_COLS] = PointerGetDatum(event->cols);
	nulls[CG_EV_COLS] = (event->cols == NULL);
	values[CG_EV_OLD] = PointerGetDatum(event->before);
	nulls[CG_EV_OLD] = (event->before == NULL);
	values[CG_EV_NEW] = PointerGetDatum(event->after);
	nulls[CG_EV_NEW] = (event->after == NULL);
	values[CG_EV_SUBJECTS] = (Datum) 0;
	nulls[CG_EV_SUBJECTS] = true;

	cg_buffer_add(CG_AUDIT_CHANGE, values, nulls);
}

void
cg_audit_note(const char *what, Oid relid, const char *relname,
			  const char *detail)
{
	CgAuditEvent event;

	cg_audit_begin(&event, CG_EVENT_NOTE);
	event.relid = relid;
	if (relname == NULL)
		relname = OidIsValid(relid) ? cg_audit_relation_name(relid) : "";
	event.relname = cstring_to_text(relname);
	event.after = cg_image_note(what, detail);
	cg_audit_write(&event);
}

int64
cg_audit_write_record(const CgAuditRecord *record)
{
	Datum		values[CG_EV_COLUMNS];
	bool		nulls[CG_EV_COLUMNS];
	int64		seq;

	memset(nulls, 0, sizeof(nulls));
	cg_buffer_prepare(CG_AUDIT_RECORD, record->ts);
	seq = cg_audit_next_seq();
	values[CG_EV_SEQ] = Int64GetDatum(seq);
	values[CG_EV_XID] = FullTransactionIdGetDatum(GetTopFullTransactionId());
	values[CG_EV_TS] = TimestampTzGetDatum(record->ts);
	values[CG_EV_SESSION] = Int64GetDatum(record->session);
	values[CG_EV_SUBJECT] = Int64GetDatum(record->subject);
	nulls[CG_EV_SUBJECT] = !record->has_subject;
	values[CG_EV_RELID] = ObjectIdGetDatum(record->relid);
	values[CG_EV_CMD] = Int32GetDatum(record->cmd);
	values[CG_EV_KIND] = CharGetDatum(record->kind);
	values[CG_EV_APP_VERIFIED] = BoolGetDatum(record->app_verified);
	values[CG_EV_SPOOLED] = BoolGetDatum(true);
	values[CG_EV_RELNAME] = CStringGetTextDatum(record->relname);
	values[CG_EV_ROLE] = CStringGetTextDatum(record->role);
	values[CG_EV_APP_USER] = text_or_null(record->app_user,
										  &nulls[CG_EV_APP_USER]);
	values[CG_EV_PURPOSE] = text_or_null(record->purpose,
										 &nulls[CG_EV_PURPOSE]);
	values[CG_EV_COLS] = (Datum) 0;
	nulls[CG_EV_COLS] = true;
	values[CG_EV_OLD] = (Datum) 0;
	nulls[CG_EV_OLD] = true;
	values[CG_EV_NEW] = PointerGetDatum(record->frame);
	nulls[CG_EV_NEW] = (record->frame == NULL);
	values[CG_EV_SUBJECTS] = PointerGetDatum(record->subjects);
	nulls[CG_EV_SUBJECTS] = (record->subjects == NULL);

	cg_buffer_add(CG_AUDIT_RECORD, values, nulls);
	return seq;
}

char *
cg_audit_relation_name(Oid relid)
{
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		return psprintf("%u", relid);
	return quote_qualified_identifier(get_namespace_name_or_temp(get_rel_namespace(relid)),
									  name);
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
claim(CgClaim *claimed, const char *setting, Datum *value)
{
	*value = (Datum) 0;
	if (setting == NULL || setting[0] == '\0')
		return false;
	if (claimed->setting == NULL || strcmp(claimed->setting, setting) != 0)
	{
		MemoryContext context = MemoryContextSwitchTo(TopMemoryContext);

		if (claimed->setting != NULL)
		{
			pfree(claimed->setting);
			pfree(claimed->value);
			claimed->setting = NULL;
		}
		claimed->value = cstring_to_text(setting);
		claimed->setting = pstrdup(setting);
		MemoryContextSwitchTo(context);
	}
	*value = PointerGetDatum(claimed->value);
	return true;
}

static Datum
text_or_null(const char *s, bool *isnull)
{
	*isnull = (s == NULL);
	return s == NULL ? (Datum) 0 : CStringGetTextDatum(s);
}

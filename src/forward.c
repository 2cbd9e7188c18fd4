/*
 * forward.c
 *		Sending the spool of a standby to its primary.
 *
 * The primary takes parts of segments in by cipguard.ingest_frames() and says
 * how far it has got, in its table cipguard.audit_spool; that is replicated,
 * so a standby that starts anew knows, too.  As long as replication lags, what
 * the primary answered last is remembered here.  The primary refuses a part
 * that does not begin where the one before ended, and answers with where that
 * is: so each record gets there once, whatever breaks when.
 *
 * A connection is made when there is something to send, and closed when it was
 * sent.  It is made by libpqwalreceiver, which every server has that can be a
 * standby, with cipguard.forward_conninfo or else primary_conninfo.
 */
#include "postgres.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xlogrecovery.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "replication/walreceiver.h"
#include "storage/fd.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "compat.h"

#include "cipguard.h"
#include "forward.h"
#include "guc.h"
#include "ingest_state.h"
#include "intent.h"
#include "journal_read.h"

#define ANSWER_TRUSTED	(60 * USECS_PER_SEC)	/* that replication can lag */
#define MAX_PART		(1024 * 1024)	/* sent at a time, and a frame more */

/* How far the primary has said it is with a segment. */
typedef struct CgAnswer
{
	uint8		head[CG_SHA256_LEN];
	int64		ingested;
	bool		closed;
	TimestampTz at;
} CgAnswer;

static void send_file(const CgSpoolFile *file, int64 known, int64 *sent);
static int64 send_part(const CgSpoolFile *file, int64 start,
					   const uint8 *data, Size len, bool final);
static bool nobody_writes(const CgSpoolReader *reader);
static void send_lost(HTAB *writers, const uint8 *node);
static int64 query(const char *sql);
static void connect_primary(void);
static char *connection_string(void);
static CgAnswer *answer_of(const CgSpoolFile *file);
static void remove_old(const CgSpoolFile *file, const CgSpoolState *state);
static bool own_node(uint8 *node, List *files);

static WalReceiverConn *connection = NULL;
static List *answers = NIL;

int64
cg_forward(void)
{
	List	   *states = cg_spool_states(NULL);
	HTAB	   *writers = cg_intents_load();
	HASH_SEQ_STATUS seq;
	CgWriter   *writer;
	volatile int64 sent = 0;
	List	   *files;
	uint8		node[CG_FRAME_NODE_LEN];

	/* Which processes are gone must be known before their files are read. */
	hash_seq_init(&seq, writers);
	while ((writer = hash_seq_search(&seq)) != NULL)
		writer->gone = cg_writer_gone(&writer->key);

	files = list_concat(cg_spool_files(InvalidOid),
						cg_spool_files(MyDatabaseId));
	PG_TRY();
	{
		ListCell   *lc;

		foreach(lc, files)
		{
			const CgSpoolFile *file = lfirst(lc);
			CgSpoolState *state = cg_spool_state(states, file);
			int64		n = 0;

			if (state != NULL && state->closed != 0)
				remove_old(file, state);
			else
				send_file(file, state == NULL ? 0 : state->ingested, &n);
			sent += n;
		}
		if (own_node(node, files))
			send_lost(writers, node);
	}
	PG_FINALLY();
	{
		if (connection != NULL)
			walrcv_disconnect(connection);
		connection = NULL;
	}
	PG_END_TRY();
	return sent;
}

static bool
own_node(uint8 *node, List *files)
{
	char		text[CG_NODE_TEXT + 1];
	ListCell   *lc;

	if (!cg_journal_node(text))
		return false;
	foreach(lc, files)
	{
		const CgSpoolFile *file = lfirst(lc);

		if (strcmp(file->segment.node, text) != 0)
			continue;
		memcpy(node, file->node, CG_FRAME_NODE_LEN);
		return true;
	}
	return false;
}

/* ---------- segments ---------- */

static CgAnswer *
answer_of(const CgSpoolFile *file)
{
	MemoryContext old;
	CgAnswer   *answer;
	ListCell   *lc;

	foreach(lc, answers)
	{
		answer = lfirst(lc);
		if (memcmp(answer->head, file->head, CG_SHA256_LEN) == 0)
			return answer;
	}
	old = MemoryContextSwitchTo(TopMemoryContext);
	answer = palloc0(sizeof(CgAnswer));
	memcpy(answer->head, file->head, CG_SHA256_LEN);
	answers = lappend(answers, answer);
	MemoryContextSwitchTo(old);
	return answer;
}

/* Send what comes behind `known` bytes of a segment. */
static void
send_file(const CgSpoolFile *file, int64 known, int64 *sent)
{
	CgAnswer   *answer = answer_of(file);
	CgSpoolReader reader;
	StringInfoData part;

	/* After a fail-over or a recovery the primary can be further back. */
	if (GetCurrentTimestamp() - answer->at > ANSWER_TRUSTED)
	{
		answer->ingested = known;
		answer->closed = false;
	}
	answer->ingested = Max(answer->ingested, known);
	if (answer->closed || !cg_spool_open(&reader, file, answer->ingested))
		return;
	initStringInfo(&part);
	for (;;)
	{
		int64		start = answer->ingested;
		bool		final = false;
		Size		len;

		resetStringInfo(&part);
		while (part.len < MAX_PART && cg_spool_next(&reader, &len) != NULL)
			part.len = reader.sound - start;
		if (part.len == 0 && file->current)
			break;
		if (part.len < MAX_PART && !file->current && nobody_writes(&reader))
		{
			/* What is left at the end of a closed segment is damaged. */
			final = true;
			part.len = reader.size - start;
		}
		if (part.len == 0 && !final)
			break;
		len = part.len;
		part.len = 0;
		enlargeStringInfo(&part, len);
		if (pread(reader.fd, part.data, len, start) != (ssize_t) len)
			break;
		answer->ingested = send_part(file, start, (uint8 *) part.data, len,
									 final);
		answer->at = GetCurrentTimestamp();
		*sent += len;
		if (answer->ingested == start + (int64) len && final)
		{
			answer->closed = true;
			break;
		}
		if (answer->ingested < 0 || answer->ingested > reader.size)
			break;
		reader.sound = answer->ingested;
		reader.skipped = 0;
	}
	cg_spool_close(&reader);
	pfree(part.data);
}

/* Nothing can be added to a segment that nobody has open, and that is read. */
static bool
nobody_writes(const CgSpoolReader *reader)
{
	struct stat st;

	return flock(reader->fd, LOCK_EX | LOCK_NB) == 0 &&
		fstat(reader->fd, &st) == 0 && st.st_size == reader->size;
}

/* Returns how far the primary has got with that segment. */
static int64
send_part(const CgSpoolFile *file, int64 start, const uint8 *data, Size len,
		  bool final)
{
	StringInfoData sql;
	int64		result;

	initStringInfo(&sql);
	appendStringInfo(&sql,
					 "SELECT %s.ingest_frames('%s'::pg_catalog.uuid, %u, %d, %u, '\\x",
					 CG_SCHEMA, file->segment.node, file->segment.database,
					 file->segment.month, file->segment.number);
	enlargeStringInfo(&sql, 2 * CG_SHA256_LEN + 1);
	sql.len += hex_encode((const char *) file->head, CG_SHA256_LEN,
						  sql.data + sql.len);
	sql.data[sql.len] = '\0';
	appendStringInfo(&sql, "'::pg_catalog.bytea, " INT64_FORMAT ", '\\x",
					 start);
	enlargeStringInfo(&sql, 2 * len + 1);
	sql.len += hex_encode((const char *) data, len, sql.data + sql.len);
	sql.data[sql.len] = '\0';
	appendStringInfo(&sql, "'::pg_catalog.bytea, %s)",
					 final ? "true" : "false");
	result = query(sql.data);
	pfree(sql.data);
	return result;
}

/* Once the primary has closed it. */
static void
remove_old(const CgSpoolFile *file, const CgSpoolState *state)
{
	if (!file->current && file->size <= state->ingested &&
		GetCurrentTimestamp() - state->closed > cg_spool_keep * USECS_PER_SEC)
		(void) unlink(file->path);
}

/* Tell which processes are gone whose statements the primary thinks open. */
static void
send_lost(HTAB *writers, const uint8 *node)
{
	StringInfoData pids;
	StringInfoData started;
	HASH_SEQ_STATUS seq;
	CgWriter   *writer;
	char		text[CG_NODE_TEXT + 1];
	int			i;

	initStringInfo(&pids);
	initStringInfo(&started);
	hash_seq_init(&seq, writers);
	while ((writer = hash_seq_search(&seq)) != NULL)
	{
		if (!writer->gone ||
			memcmp(writer->key.node, node, CG_FRAME_NODE_LEN) != 0)
			continue;
		appendStringInfo(&pids, "%s%u", pids.len > 0 ? "," : "",
						 writer->key.writer);
		appendStringInfo(&started, "%s" INT64_FORMAT,
						 started.len > 0 ? "," : "", writer->key.started);
	}
	if (pids.len == 0)
		return;
	for (i = 0; i < CG_FRAME_NODE_LEN; i++)
		snprintf(text + 2 * i, 3, "%02x", node[i]);
	(void) query(psprintf("SELECT %s.ingest_lost('%s'::pg_catalog.uuid, '{%s}'::pg_catalog.int4[], '{%s}'::pg_catalog.int8[])",
						  CG_SCHEMA, text, pids.data, started.data));
}

/* ---------- the connection ---------- */

/* Run a query that returns one integer. */
static int64
query(const char *sql)
{
	const Oid	type = INT8OID;
	WalRcvExecResult *result;
	TupleTableSlot *slot;
	int64		value;
	bool		isnull;

	if (connection == NULL)
		connect_primary();
	result = walrcv_exec(connection, sql, 1, &type);
	if (result->status != WALRCV_OK_TUPLES)
		ereport(ERROR,
				(errcode(result->sqlstate != 0 ? result->sqlstate :
						 ERRCODE_CONNECTION_FAILURE),
				 errmsg("the primary did not take in records: %s",
						result->err == NULL ? "" : result->err),
				 errhint("They stay on this server and are sent again; %s says how many bytes wait.",
						 "cipguard.worker_status")));
	slot = MakeSingleTupleTableSlot(result->tupledesc, &TTSOpsMinimalTuple);
	if (!tuplestore_gettupleslot(result->tuplestore, true, false, slot))
		elog(ERROR, "the primary returned no row");
	value = DatumGetInt64(slot_getattr(slot, 1, &isnull));
	ExecDropSingleTupleTableSlot(slot);
	walrcv_clear_result(result);
	return value;
}

static void
connect_primary(void)
{
	char	   *error = NULL;

	if (WalReceiverFunctions == NULL)
		load_file("libpqwalreceiver", false);
	Assert(WalReceiverFunctions != NULL);
	connection = CG_WALRCV_CONNECT(connection_string(), "cipguard worker",
								   &error);
	if (connection == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("could not connect to the primary: %s", error),
				 errhint("The role of %s needs the attribute REPLICATION, and pg_hba.conf of the primary must let it connect to the database.",
						 cg_forward_conninfo[0] != '\0' ?
						 "cipguard.forward_conninfo" : "primary_conninfo")));
}

/* The setting, with the name of this database. */
static char *
connection_string(void)
{
	const char *base = cg_forward_conninfo[0] != '\0' ? cg_forward_conninfo :
	PrimaryConnInfo;
	const char *name = get_database_name(MyDatabaseId);
	StringInfoData s;

	if (base == NULL || base[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no connection to the primary"),
				 errhint("Set primary_conninfo, or %s.",
						 "cipguard.forward_conninfo")));
	initStringInfo(&s);
	appendStringInfoString(&s, base);
	if (strncmp(base, "postgres://", 11) == 0 ||
		strncmp(base, "postgresql://", 13) == 0)
	{
		appendStringInfo(&s, "%cdbname=", strchr(base, '?') ? '&' : '?');
		for (; *name != '\0'; name++)
			appendStringInfo(&s, "%%%02X", (unsigned char) *name);
		return s.data;
	}
	appendStringInfoString(&s, " dbname='");
	for (; *name != '\0'; name++)
	{
		if (*name == '\'' || *name == '\\')
			appendStringInfoChar(&s, '\\');
		appendStringInfoChar(&s, *name);
	}
	appendStringInfoChar(&s, '\'');
	return s.data;
}

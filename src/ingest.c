/*
 * ingest.c
 *		Taking what is in the spool into the audit log, exactly once.
 *
 * A row of cipguard.audit_spool tells how far a segment was taken in; it is
 * changed in the transaction that writes the events.  So whatever crashes, or
 * is rolled back, a record is in the log or comes behind that mark.  Before,
 * the segment is fsynced: a mark never points behind what the disk has.
 *
 * Of concurrent callers one works; the others go away at once.
 *
 * What a record becomes: the text of a query goes to cipguard.audit_query; any
 * other one is an event, one that is not authentic of kind E.  If a statement
 * has begun to disclose and its process is gone without saying that it has
 * ended (intent.c), there is an event more: values of more persons can have
 * been given away than its records list.
 *
 * Bytes that are no record are counted, and recorded as an event.  At the end
 * of a segment that is still written they can be a record that is being
 * written; a segment is closed when there is a younger one and no process has
 * it open for writing any more.  Closed ones are removed when they were that
 * for cipguard.spool_keep: until then a database that is recovered to an
 * earlier point in time can take them in again.
 *
 * Without keys nothing is taken in: persons would have no tags.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "compat.h"

#include "alert_ingest.h"
#include "catalog.h"
#include "cipguard.h"
#include "guc.h"
#include "ingest.h"
#include "ingest_event.h"
#include "ingest_state.h"
#include "intent.h"
#include "journal_key.h"
#include "journal_read.h"

#define MAX_BYTES		(16 * 1024 * 1024)	/* in one transaction */
#define NODE_OFFSET		20		/* of the node in a frame */
#define FOREIGN_PATIENCE	USECS_PER_DAY	/* with intents of other nodes */

/* What a call has to do with. */
typedef struct CgIngest
{
	List	   *states;
	HTAB	   *writers;
	CgAlerts   *alerts;
	bool		forwarded;		/* frames come from a standby */
	int64		events;
	int64		bytes;			/* that were read */
	MemoryContext context;		/* reset after each frame */
} CgIngest;

static bool take_lock(bool wait);
static void require_keys(void);
static void begin(CgIngest *in);
static void end(CgIngest *in);
static void find_gone(CgIngest *in);
static void give_up_intents(CgIngest *in, bool forwarded);
static void require_forwarder(void);
static bool read_file(CgIngest *in, const CgSpoolFile *file);
static bool is_own(const CgSpoolFile *file);
static bool read_frames(CgIngest *in, CgSpoolReader *reader,
						CgSpoolState *state);
static void close_file(CgIngest *in, const CgSpoolFile *file, int fd,
					   CgSpoolState *state);
static void tell_damage(CgIngest *in, CgSpoolState *state, int64 bytes);
static void take(CgIngest *in, CgSpoolState *state, const uint8 *data,
				 Size len);
static bool is_credible(const CgSpoolState *state, const CgFrame *frame,
						CgProof proof);
static bool remember(CgIngest *in, const CgFrame *frame, const uint8 *data,
					 Size len);
static void remove_old(CgIngest *in, List *files);
static bool remove_file(const CgSpoolFile *file, const CgSpoolState *state);
static char *segment_name(const CgSpoolState *state);

bool		cg_ingest_behind = false;

/* ingest() RETURNS bigint */
PG_FUNCTION_INFO_V1(cipguard_ingest);
Datum
cipguard_ingest(PG_FUNCTION_ARGS)
{
	CgIngest	in;
	List	   *files;
	ListCell   *lc;

	PreventCommandDuringRecovery("cipguard.ingest()");
	cg_ingest_behind = false;
	if (!take_lock(false))
		PG_RETURN_INT64(0);
	require_keys();
	begin(&in);
	find_gone(&in);
	files = list_concat(cg_spool_files(InvalidOid),
						cg_spool_files(MyDatabaseId));
	foreach(lc, files)
	{
		if (!read_file(&in, lfirst(lc)))
		{
			cg_ingest_behind = true;
			break;
		}
	}
	if (!cg_ingest_behind)
	{
		give_up_intents(&in, false);
		remove_old(&in, files);
	}
	end(&in);
	PG_RETURN_INT64(in.events);
}

/*
 * Until the transaction ends.  No SQL command takes that lock: an advisory
 * one anybody could hold.
 */
static bool
take_lock(bool wait)
{
	Oid			relid = get_relname_relid("audit_spool", cg_schema_oid());
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, RelationRelationId, relid, 0);
	return LockAcquire(&tag, ExclusiveLock, false, !wait) !=
		LOCKACQUIRE_NOT_AVAIL;
}

static void
require_keys(void)
{
	cg_journal_get_keys();
	if (cg_journal_keys.hmac == NULL)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEY_MISSING),
				 errmsg("records of the disclosure journal cannot be taken into the audit log without keys"),
				 errdetail("They stay in the journal."),
				 errhint("Make the key-encryption key available, call %s if it is sealed, and %s if keys were never made.",
						 "cipguard.unseal()", "cipguard.init()")));
}

static void
begin(CgIngest *in)
{
	memset(in, 0, sizeof(*in));
	in->states = cg_spool_states(NULL);
	in->writers = cg_intents_load();
	in->alerts = cg_alerts_begin();
	in->context = AllocSetContextCreate(CurrentMemoryContext,
										"cipguard ingest",
										ALLOCSET_DEFAULT_SIZES);
}

static void
end(CgIngest *in)
{
	cg_intents_write(in->writers);
	cg_spool_states_write(in->states);
	cg_alerts_end(in->alerts);
	MemoryContextDelete(in->context);
}

/* ---------- intents ---------- */

/*
 * Which processes are gone?  To be asked before reading: what they have
 * written is in the files then.
 */
static void
find_gone(CgIngest *in)
{
	HASH_SEQ_STATUS seq;
	CgWriter   *writer;

	hash_seq_init(&seq, in->writers);
	while ((writer = hash_seq_search(&seq)) != NULL)
		writer->gone = cg_writer_gone(&writer->key);
}

static void
give_up_intents(CgIngest *in, bool forwarded)
{
	TimestampTz now = GetCurrentTimestamp();
	HASH_SEQ_STATUS seq;
	CgWriter   *writer;
	ListCell   *lc;

	hash_seq_init(&seq, in->writers);
	while ((writer = hash_seq_search(&seq)) != NULL)
	{
		foreach(lc, writer->intents)
		{
			CgIntent   *intent = lfirst(lc);

			if (!intent->open ||
				(intent->forwarded == forwarded ? !writer->gone :
				 now - intent->taken < FOREIGN_PATIENCE))
				continue;
			cg_record_unfinished(&intent->decoded);
			in->events++;
			intent->open = false;
		}
	}
}

/* ---------- segments ---------- */

/* False if that is enough for one transaction. */
static bool
read_file(CgIngest *in, const CgSpoolFile *file)
{
	CgSpoolState *state = cg_spool_state_make(&in->states, file);
	CgSpoolReader reader;
	bool		finished;

	if (state->closed != 0 && file->size <= state->ingested)
		return true;
	if (!cg_spool_open(&reader, file, state->ingested))
		return true;
	if (state->forwarded || state->removed != 0)
	{
		state->forwarded = false;
		state->removed = 0;
		state->changed = true;
	}
	if (reader.size < state->ingested && !is_own(file))
	{
		/* The copy of a part of what was taken in elsewhere. */
		cg_spool_close(&reader);
		return true;
	}
	if (reader.size < state->ingested)
	{
		cg_record_note(file->node, "damaged spool",
					   psprintf("segment %s was cut from %lld bytes to %lld",
								segment_name(state), (long long) state->ingested,
								(long long) reader.size));
		in->events++;
		reader.sound = state->ingested = reader.size;
		state->changed = true;
	}

	finished = read_frames(in, &reader, state);
	if (reader.sound > state->ingested)
	{
		/* A read-only descriptor will do for that. */
		if (enableFsync && fsync(reader.fd) != 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not fsync file \"%s\": %m", file->path)));
		state->ingested = reader.sound;
		state->closed = 0;
		state->changed = true;
	}
	if (finished && !file->current)
		close_file(in, file, reader.fd, state);
	cg_spool_close(&reader);
	return finished;
}

static bool
is_own(const CgSpoolFile *file)
{
	char		node[CG_NODE_TEXT + 1];

	return cg_journal_node(node) && strcmp(node, file->segment.node) == 0;
}

/* False if that is enough for one transaction. */
static bool
read_frames(CgIngest *in, CgSpoolReader *reader, CgSpoolState *state)
{
	const uint8 *data;
	Size		len;
	bool		finished = true;

	while (finished && (data = cg_spool_next(reader, &len)) != NULL)
	{
		take(in, state, data, len);
		state->records++;
		in->bytes += len;
		finished = in->bytes < MAX_BYTES;
	}
	if (reader->skipped > 0)
		tell_damage(in, state, reader->skipped);
	return finished;
}

/* Close a segment that has a younger one, if nobody writes to it any more. */
static void
close_file(CgIngest *in, const CgSpoolFile *file, int fd, CgSpoolState *state)
{
	struct stat st;

	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return;
	if (fstat(fd, &st) != 0 || st.st_size < state->ingested)
		return;
	if (st.st_size > state->ingested)
	{
		/* What came since we have read?  Then there is a frame. */
		CgSpoolReader reader;
		Size		len;
		bool		more;

		if (!cg_spool_open(&reader, file, state->ingested))
			return;
		more = cg_spool_next(&reader, &len) != NULL;
		cg_spool_close(&reader);
		if (more)
		{
			cg_ingest_behind = true;
			return;
		}
		tell_damage(in, state, st.st_size - state->ingested);
		state->ingested = st.st_size;
	}
	state->closed = GetCurrentTimestamp();
	state->changed = true;
}

static void
tell_damage(CgIngest *in, CgSpoolState *state, int64 bytes)
{
	state->damaged += bytes;
	state->changed = true;
	cg_record_note(state->node, "damaged spool",
				   psprintf("%lld bytes of segment %s are no record",
							(long long) bytes, segment_name(state)));
	in->events++;
}

/*
 * Remove segments that have been closed for long, and note which are gone.
 * What was closed by this transaction can still be rolled back.
 */
static void
remove_old(CgIngest *in, List *files)
{
	TimestampTz now = GetCurrentTimestamp();
	ListCell   *lc;
	List	   *present = NIL;

	foreach(lc, files)
	{
		const CgSpoolFile *file = lfirst(lc);
		CgSpoolState *state = cg_spool_state(in->states, file);

		if (state != NULL && state->closed != 0 && !state->changed &&
			now - state->closed > cg_spool_keep * USECS_PER_SEC &&
			remove_file(file, state))
			continue;
		present = lappend(present, state);
	}
	foreach(lc, in->states)
	{
		CgSpoolState *state = lfirst(lc);

		if (!state->stored || state->forwarded || state->removed != 0 ||
			(state->database != MyDatabaseId &&
			 state->database != InvalidOid) ||
			list_member_ptr(present, state))
			continue;
		state->removed = now;
		state->changed = true;
		if (state->closed != 0)
			continue;
		cg_record_note(state->node, "missing spool",
					   psprintf("segment %s is gone; %lld bytes of it had been taken in",
								segment_name(state),
								(long long) state->ingested));
		in->events++;
	}
	list_free(present);
}

/* Unless somebody appends to it after all. */
static bool
remove_file(const CgSpoolFile *file, const CgSpoolState *state)
{
	int			fd = OpenTransientFile(file->path, O_RDONLY | PG_BINARY);
	struct stat st;
	bool		removed;

	if (fd < 0)
		return errno == ENOENT;
	removed = flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 &&
		st.st_size <= state->ingested && unlink(file->path) == 0;
	CloseTransientFile(fd);
	return removed;
}

static char *
segment_name(const CgSpoolState *state)
{
	CgSegment	segment;
	char		name[128];
	int			i;

	segment.database = state->database;
	segment.month = state->month;
	segment.number = state->number;
	for (i = 0; i < CG_FRAME_NODE_LEN; i++)
		snprintf(segment.node + 2 * i, 3, "%02x", state->node[i]);
	cg_segment_name(&segment, name, sizeof(name));
	return pstrdup(name);
}

/* ---------- records ---------- */

static void
take(CgIngest *in, CgSpoolState *state, const uint8 *data, Size len)
{
	MemoryContext old = MemoryContextSwitchTo(in->context);
	CgFrame		frame;
	CgProof		proof;

	CHECK_FOR_INTERRUPTS();
	if (cg_frame_decode(data, len, &frame) != CG_OK)
	{
		/* Its CRC is right, yet we did not write it. */
		cg_record_note(data + NODE_OFFSET, "damaged spool",
					   "a record cannot be read");
		in->events++;
	}
	else if (cg_record_is_ours(&frame))
	{
		proof = cg_journal_verify(data, len);
		if (in->forwarded && !is_credible(state, &frame, proof))
			tell_damage(in, state, len);
		else if (proof == CG_PROOF_BAD || !remember(in, &frame, data, len))
		{
			cg_alerts_see(in->alerts, &frame, proof,
						  cg_record_write(&frame, proof, data, len));
			in->events++;
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(in->context);
}

/*
 * Whoever may forward records could forge them.  What happens outside of any
 * database, logins, has no MAC.
 */
static bool
is_credible(const CgSpoolState *state, const CgFrame *frame, CgProof proof)
{
	return memcmp(frame->node, state->node, CG_FRAME_NODE_LEN) == 0 &&
		frame->database == state->database &&
		(proof == CG_PROOF_GOOD || frame->database == InvalidOid);
}

/*
 * Take note of what a record tells besides.  False if it is an event: texts of
 * queries and ends of processes are none.
 */
static bool
remember(CgIngest *in, const CgFrame *frame, const uint8 *data, Size len)
{
	cg_intents_see(in->writers, frame, data, len, in->forwarded);
	if (cg_record_is_kind(frame, CG_FRAME_END))
		return true;
	if (cg_record_is_kind(frame, CG_FRAME_QUERY))
	{
		char	   *text = cg_record_text(&frame->text[CG_FRAME_DETAIL]);

		cg_query_text_write(frame->query, text, strlen(text));
		return true;
	}
	return false;
}

/* ---------- what a standby sends ---------- */

/*
 * ingest_frames(node uuid, database oid, month integer, segment integer,
 * head bytea, start bigint, frames bytea, final boolean) RETURNS bigint
 */
PG_FUNCTION_INFO_V1(cipguard_ingest_frames);
Datum
cipguard_ingest_frames(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *node = PG_GETARG_UUID_P(0);
	Oid			database = PG_GETARG_OID(1);
	int32		month = PG_GETARG_INT32(2);
	int32		number = PG_GETARG_INT32(3);
	bytea	   *head = PG_GETARG_BYTEA_PP(4);
	int64		start = PG_GETARG_INT64(5);
	bytea	   *frames = PG_GETARG_BYTEA_PP(6);
	bool		final = PG_GETARG_BOOL(7);
	const uint8 *data = (const uint8 *) VARDATA_ANY(frames);
	Size		len = VARSIZE_ANY_EXHDR(frames);
	uint8		digest[CG_SHA256_LEN];
	CgSpoolFile file;
	CgSpoolState *state;
	CgSpoolReader reader;
	CgIngest	in;

	PreventCommandDuringRecovery("cipguard.ingest_frames()");
	require_forwarder();
	if (database != MyDatabaseId && database != InvalidOid)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("records of another database cannot be taken in"),
				 errhint("Let the standby name this database in %s.",
						 "cipguard.forward_conninfo")));
	if (VARSIZE_ANY_EXHDR(head) != CG_SHA256_LEN || number <= 0 ||
		start < 0 ||
		(start == 0 && (len < CG_FRAME_MIN ||
						cg_sha256(data, CG_FRAME_MIN, digest) != CG_OK ||
						memcmp(digest, VARDATA_ANY(head),
							   CG_SHA256_LEN) != 0)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("this is no part of a segment"),
				 errhint("Only the worker of a standby is to call this function.")));

	(void) take_lock(true);
	require_keys();
	begin(&in);
	in.forwarded = true;
	memset(&file, 0, sizeof(file));
	memcpy(file.node, node->data, CG_FRAME_NODE_LEN);
	file.segment.database = database;
	file.segment.month = month;
	file.segment.number = (uint32) number;
	memcpy(file.head, VARDATA_ANY(head), CG_SHA256_LEN);
	state = cg_spool_state_make(&in.states, &file);
	if (start != state->ingested)
		PG_RETURN_INT64(state->ingested);

	cg_spool_open_bytes(&reader, data, len, start);
	if (read_frames(&in, &reader, state) && final &&
		reader.size > reader.sound)
	{
		tell_damage(&in, state, reader.size - reader.sound);
		reader.sound = reader.size;
	}
	state->ingested = reader.sound;
	state->forwarded = true;
	state->removed = 0;
	state->closed = final && reader.sound == reader.size ?
		GetCurrentTimestamp() : 0;
	state->changed = true;
	end(&in);
	PG_RETURN_INT64(state->ingested);
}

/*
 * ingest_lost(node uuid, writers integer[], started bigint[]) RETURNS bigint
 *
 * These processes of a standby are gone, and all that they have written was
 * sent: their open intents become events.
 */
PG_FUNCTION_INFO_V1(cipguard_ingest_lost);
Datum
cipguard_ingest_lost(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *node = PG_GETARG_UUID_P(0);
	ArrayType  *writers = PG_GETARG_ARRAYTYPE_P(1);
	ArrayType  *started = PG_GETARG_ARRAYTYPE_P(2);
	int			n = ArrayGetNItems(ARR_NDIM(writers), ARR_DIMS(writers));
	HASH_SEQ_STATUS seq;
	CgWriter   *writer;
	CgIngest	in;
	int			i;

	PreventCommandDuringRecovery("cipguard.ingest_lost()");
	require_forwarder();
	if (array_contains_nulls(writers) || array_contains_nulls(started) ||
		ArrayGetNItems(ARR_NDIM(started), ARR_DIMS(started)) != n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("both arrays must have an element for each process")));
	(void) take_lock(true);
	require_keys();
	begin(&in);
	hash_seq_init(&seq, in.writers);
	while ((writer = hash_seq_search(&seq)) != NULL)
		for (i = 0; i < n; i++)
			if (memcmp(writer->key.node, node->data,
					   CG_FRAME_NODE_LEN) == 0 &&
				writer->key.writer == ((uint32 *) ARR_DATA_PTR(writers))[i] &&
				writer->key.started == ((int64 *) ARR_DATA_PTR(started))[i])
				writer->gone = true;
	give_up_intents(&in, true);
	end(&in);
	PG_RETURN_INT64(in.events);
}

static void
require_forwarder(void)
{
	if (!has_rolreplication(GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to forward records of another server"),
				 errhint("The role needs the attribute REPLICATION.")));
}

int64
cg_ingest_pending(void)
{
	List	   *states = cg_spool_states(NULL);
	int64		pending = 0;
	ListCell   *lc;

	foreach(lc, cg_spool_files(MyDatabaseId))
	{
		const CgSpoolFile *file = lfirst(lc);
		CgSpoolState *state = cg_spool_state(states, file);

		if (state == NULL)
			pending += file->size;
		else if (file->size > state->ingested)
			pending += file->size - state->ingested;
	}
	return pending;
}

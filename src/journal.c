/*
 * journal.c
 *		The disclosure journal: what plaintext was given to whom.
 *
 * Whatever becomes of the transaction, plaintext that was shown stays shown;
 * so records go to files (journal_file.c), not to a table.  That works in
 * read-only transactions and on standbys, too.
 *
 * A statement here is what runs between two times that the server is about to
 * answer: one statement of the client, or of a procedure or DO block of his,
 * or one FETCH.  Of each relation that it discloses values of, to each user,
 * the journal gets
 *
 *	- an intent with the first value, before that is given away;
 *	- a batch before the value is given away that is of the CG_SET_PENDING-th
 *	  person (or much text) since the last one, and at FIRST_VALUES values,
 *	  then LIMIT_GROWTH times as many, and so on up to MAX_VALUES: values need
 *	  not be of other persons, or of any that is known;
 *	- the last batch, if there was any value but the first: when the executor
 *	  comes back from the statement, before the client hears that it is
 *	  complete; at the end of the transaction, failed ones included, for what
 *	  was disclosed outside of the executor or when that did not come back;
 *	  and when the process exits in good order, pg_terminate_backend()
 *	  included.
 *
 * Most statements read one value: that is one frame.  That there was no more
 * is seen from the next frame of the process, which is of another statement;
 * at the latest when it exits it writes one.
 *
 * A parallel worker has intents and batches of its own.  Each person is listed
 * once for a statement (journal_set.c), unless it goes on to disclose another
 * column: then again, with that.
 *
 * So a process that dies without warning (SIGKILL, crash of another one)
 * loses of its statement less than CG_SET_PENDING persons of each relation,
 * and the number of values since the last batch; that this may be so is seen
 * from the intent, which has neither a last batch nor a frame of another
 * statement after it.  Statements that were complete are in the file, whole.
 * What a crash of the system takes, see journal_file.c.
 *
 * When a frame cannot be written, cipguard.on_audit_failure decides.  For the
 * intent that is before any value.  A later batch hardly fails, as space was
 * reserved; if one does, the values after it are treated like those of a
 * statement whose intent failed, and those before it are tried again at the
 * end.  If that fails, too, there is a warning that a record was lost, with
 * `deny` an error, and the intent.
 *
 * Entries and what they have looked up serve again for the next statement:
 * most statements are like the one before.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "compat.h"

#include "app_token.h"
#include "cipguard.h"
#include "guc.h"
#include "inval.h"
#include "journal.h"
#include "journal_file.h"
#include "journal_query.h"
#include "journal_set.h"
#include "journal_who.h"

#define FIRST_VALUES	CG_SET_PENDING
#define LIMIT_GROWTH	16
#define MAX_VALUES		65536
#define MAX_ENTRIES		256		/* then all are written: bounds the memory */
#define KEPT_ENTRIES	16		/* for the next statement */
#define KEPT_COLUMNS	8
#define RELATION_LEN	(4 * NAMEDATALEN + 8)	/* every byte may be a quote */

typedef enum CgEntryState
{
	CG_ENTRY_NEW,				/* nothing is written yet */
	CG_ENTRY_OPEN,				/* values are recorded */
	CG_ENTRY_MASKED,			/* they cannot be: masks are shown */
	CG_ENTRY_LOST				/* they cannot be: plaintext is shown */
} CgEntryState;

struct CgDisclosed
{
	CgDisclosed *next;
	CgEntryState state;
	CgWho		who;
	Oid			relid;
	uint64		names;			/* names_generation of what was looked up */
	char		relation[RELATION_LEN]; /* qualified name */
	uint64		query;
	int			frames;			/* that are written; the first is the intent */
	uint64		limit;			/* of values; at first 1 */
	uint64		values;			/* since it was written last */
	uint16		flags;			/* of the next frame */
	CgSubjectSet subjects;

	uint8	   *texts;			/* as in the frame; NULL: to be made */
	Size		text_len;
	uint8	   *text_buffer;
	Size		text_max;
	/* Columns stay when it was written: later batches are of them, too. */
	uint16		num_columns;
	uint32		column_len;
	uint32		column_max;
	uint8	   *column_bytes;	/* as in the frame */
	uint64		seen[MaxHeapAttributeNumber / 64 + 1];

	/* Those of the statement before: most disclose the same. */
	int			num_kept;
	struct
	{
		AttrNumber	attnum;
		uint32		end;		/* in column_bytes */
	}			kept[KEPT_COLUMNS];
};

static void journal_run(CG_EXECUTOR_RUN_PARAMS);
static void journal_finish(QueryDesc *queryDesc);
static void journal_end(QueryDesc *queryDesc);
static void xact_ended(XactEvent event, void *arg);
static void at_exit(int code, Datum arg);
static void names_changed(Datum arg, Oid relid);
static void schema_changed(Datum arg, int cacheid, uint32 hash);
static void end_statement(int elevel);
static void prepare(void);
static bool begin(CgDisclosed *d);
static bool flush(CgDisclosed *d);
static int	failure_level(void);
static void make_texts(CgDisclosed *d);
static bool incomplete(const CgDisclosed *d);
static void reset(CgDisclosed *d);
static void set_text(CgFrame *frame, int i, const char *s);
static bool write_batch(CgDisclosed *d, uint16 flags, int elevel);
static uint64 record_query(void);
static bool record_event(const char *what, Oid relid, const char *detail,
						 int elevel);
static void relation_name(Oid relid, char *name);

uint64		cg_journal_generation = 1;

static ExecutorRun_hook_type prev_run = NULL;
static ExecutorFinish_hook_type prev_finish = NULL;
static ExecutorEnd_hook_type prev_end = NULL;

static int	level = 0;			/* executors that are running */
static QueryDesc *outermost = NULL; /* the first of them */
static uint64 statement = 1;
static uint64 warned = 0;		/* statement in which there was a warning */
static uint64 unclosed = 0;		/* statement of the last frame, an intent */
static uint64 names_generation = 1;

static MemoryContext entry_context = NULL;
static CgDisclosed *entries = NULL; /* of this statement */
static int	num_entries = 0;
static CgDisclosed *idle = NULL;	/* of earlier ones */
static int	num_idle = 0;
static uint8 *list = NULL;		/* buffer of journal_file.c */

void
cg_journal_init(void)
{
	if (!cg_preloaded)
		return;
	cg_journal_who_init();
	prev_run = ExecutorRun_hook;
	ExecutorRun_hook = journal_run;
	prev_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = journal_finish;
	prev_end = ExecutorEnd_hook;
	ExecutorEnd_hook = journal_end;
	RegisterXactCallback(xact_ended, NULL);
	cg_on_relcache(names_changed);
	CacheRegisterSyscacheCallback(NAMESPACEOID, schema_changed, (Datum) 0);
}

/* ---------- when entries are written ---------- */

/* If the last batch cannot be written. */
static int
end_level(void)
{
	return cg_on_audit_failure == CG_FAILURE_DENY ? ERROR : WARNING;
}

static void
journal_run(CG_EXECUTOR_RUN_PARAMS)
{
	int			outer = level;

	if (outer == 0)
	{
		outermost = queryDesc;
		if (queryDesc->plannedstmt->parallelModeNeeded)
			cg_journal_share_session();
	}
	level = outer + 1;
	PG_TRY();
	{
		if (prev_run)
			prev_run(CG_EXECUTOR_RUN_ARGS);
		else
			standard_ExecutorRun(CG_EXECUTOR_RUN_ARGS);
	}
	PG_FINALLY();
	{
		level = outer;
		if (outer == 0)
			outermost = NULL;
	}
	PG_END_TRY();
	if (outer == 0)
		end_statement(end_level());
}

static void
journal_finish(QueryDesc *queryDesc)
{
	int			outer = level;

	if (outer == 0)
		outermost = queryDesc;
	level = outer + 1;
	PG_TRY();
	{
		if (prev_finish)
			prev_finish(queryDesc);
		else
			standard_ExecutorFinish(queryDesc);
	}
	PG_FINALLY();
	{
		level = outer;
		if (outer == 0)
			outermost = NULL;
	}
	PG_END_TRY();
	if (outer == 0)
		end_statement(end_level());
}

static void
journal_end(QueryDesc *queryDesc)
{
	if (level == 0)
		end_statement(end_level());
	if (prev_end)
		prev_end(queryDesc);
	else
		standard_ExecutorEnd(queryDesc);
}

static void
xact_ended(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
			end_statement(end_level());
			break;
		default:
			end_statement(WARNING);
			break;
	}
}

/* After an intent alone, say that there was no more. */
static void
at_exit(int code, Datum arg)
{
	CgFrame		frame;

	end_statement(LOG);
	if (unclosed == 0)
		return;
	memset(&frame, 0, sizeof(frame));
	frame.statement = statement;
	set_text(&frame, CG_FRAME_KIND, CG_FRAME_END);
	(void) cg_journal_append(&frame, NULL, 0, LOG);
}

static void
names_changed(Datum arg, Oid relid)
{
	names_generation++;
}

static void
schema_changed(Datum arg, int cacheid, uint32 hash)
{
	names_generation++;
}

/*
 * Write the last batches and let the entries go.  If that raises, they stay
 * as they are: the end of the transaction tries once more, and then they go
 * in any case.
 */
static void
end_statement(int elevel)
{
	CgDisclosed *d;
	bool		written = false;
	bool		large = false;

	if (entries == NULL)
		return;
	for (d = entries; d != NULL; d = d->next)
	{
		written = written || d->frames > 0;
		if (!incomplete(d))
			continue;
		if (write_batch(d, CG_FRAME_LAST,
						warned == statement ? DEBUG1 : Min(elevel, WARNING)))
			written = true;
		else
			ereport(elevel,
					(errcode(CG_ERRCODE_AUDIT),
					 errmsg("the record of a disclosure was lost"),
					 errdetail_log("Role \"%s\" was given %llu values of %s.",
								   d->who.user_name,
								   (unsigned long long) d->values,
								   d->relation),
					 errhint("Free some space, or see that %s can be written to.",
							 "cipguard.spool_directory")));
		reset(d);
	}
	if (written && cg_spool_sync == CG_SYNC_STATEMENT)
		(void) cg_journal_sync(elevel);

	while (entries != NULL)
	{
		d = entries;
		entries = d->next;
		reset(d);
		d->num_columns = 0;
		d->column_len = 0;
		memset(d->seen, 0, sizeof(d->seen));
		large = large || cg_set_is_large(&d->subjects);
		d->next = idle;
		idle = d;
		num_idle++;
	}
	if (num_idle > KEPT_ENTRIES || large)
	{
		idle = NULL;
		num_idle = 0;
		MemoryContextReset(entry_context);
	}
	num_entries = 0;
	statement++;
	cg_journal_generation++;
}

/* ---------- entries ---------- */

/* Whatever writing an entry needs, while the catalogs can be read. */
static void
prepare(void)
{
	static int	registered = 0;

	if (!cg_preloaded)
		elog(ERROR, "the disclosure journal needs the library to be preloaded");
	list = cg_journal_prepare();
	if (entry_context == NULL)
		entry_context = AllocSetContextCreate(TopMemoryContext,
											  "cipguard disclosures",
											  ALLOCSET_DEFAULT_SIZES);
	if (registered != MyProcPid)
	{
		before_shmem_exit(at_exit, (Datum) 0);
		registered = MyProcPid;
	}
}

CgDisclosed *
cg_journal_entry(Oid relid)
{
	const CgWho *who;
	CgDisclosed **p;
	CgDisclosed *d;

	cg_app_token_require();
	prepare();
	who = cg_journal_who();
	for (d = entries; d != NULL; d = d->next)
		if (d->relid == relid && d->who.stamp == who->stamp)
			return d;
	if (num_entries >= MAX_ENTRIES)
		end_statement(end_level());

	for (p = &idle; (d = *p) != NULL; p = &d->next)
		if (d->relid == relid)
			break;
	if (d == NULL)
	{
		d = MemoryContextAllocZero(entry_context, sizeof(CgDisclosed));
		d->relid = relid;
		d->limit = 1;
		cg_set_init(&d->subjects, entry_context);
		d->next = idle;
		idle = d;
		num_idle++;
		p = &idle;
	}
	if (d->names != names_generation)
	{
		uint64		generation = names_generation;

		d->names = 0;
		d->texts = NULL;
		d->num_kept = 0;
		relation_name(relid, d->relation);
		d->names = generation;
	}
	if (d->who.stamp != who->stamp)
	{
		d->texts = NULL;
		d->who = *who;
	}
	*p = d->next;
	num_idle--;
	d->next = entries;
	entries = d;
	num_entries++;
	return d;
}

void
cg_journal_column(CgDisclosed *d, AttrNumber attnum)
{
	uint64		bit = UINT64CONST(1) << (attnum & 63);
	char	   *name;
	Size		len;

	if (attnum < 0 || attnum > MaxHeapAttributeNumber ||
		(d->seen[attnum >> 6] & bit) != 0)
		return;

	cg_set_forget(&d->subjects);
	d->seen[attnum >> 6] |= bit;
	if (d->num_columns < d->num_kept &&
		d->kept[d->num_columns].attnum == attnum)
	{
		d->column_len = d->kept[d->num_columns].end;
		d->num_columns++;
		return;
	}
	name = attnum == 0 ? pstrdup("*") : get_attname(d->relid, attnum, true);
	len = name == NULL ? 0 : strlen(name);
	if (d->column_max - d->column_len < CG_FRAME_COLUMN_MAX + len)
	{
		uint32		max = 2 * d->column_max + CG_FRAME_COLUMN_MAX + NAMEDATALEN;

		if (d->column_bytes == NULL)
			d->column_bytes = MemoryContextAlloc(entry_context, max);
		else
			d->column_bytes = repalloc(d->column_bytes, max);
		d->column_max = max;
	}
	d->column_len += cg_frame_put_column(d->column_bytes + d->column_len,
										 attnum, name == NULL ? "" : name,
										 (uint16) len);
	d->num_kept = Min(d->num_kept, d->num_columns);
	if (d->num_columns == d->num_kept && d->num_kept < KEPT_COLUMNS)
	{
		d->kept[d->num_kept].attnum = attnum;
		d->kept[d->num_kept].end = d->column_len;
		d->num_kept++;
	}
	d->num_columns++;
	if (name != NULL)
		pfree(name);
}

/*
 * To be called before anything is added to an entry: has it begun, and is the
 * user the same?
 */
static inline bool
admit(CgDisclosed *d)
{
	if (likely(d->state == CG_ENTRY_OPEN &&
			   d->who.claims == cg_claim_generation &&
			   d->who.user == GetUserId()))
		return true;
	return begin(d);
}

/* Count a value whose subject was added. */
static inline bool
count(CgDisclosed *d)
{
	d->values++;
	if (unlikely(d->values >= d->limit || cg_set_full(&d->subjects)))
		return flush(d);
	return true;
}

bool
cg_journal_rows(CgDisclosed *d)
{
	return admit(d) && count(d);
}

bool
cg_journal_int(CgDisclosed *d, int64 subject)
{
	if (!admit(d))
		return false;
	if (d->state == CG_ENTRY_OPEN)
		cg_set_put_integer(&d->subjects, subject);
	return count(d);
}

bool
cg_journal_text(CgDisclosed *d, const char *subject, Size len)
{
	if (!admit(d))
		return false;
	if (len > CG_SET_SUBJECT_LEN)
	{
		len = CG_SET_SUBJECT_LEN;
		d->flags |= CG_FRAME_CUT;
	}
	if (d->state == CG_ENTRY_OPEN)
		cg_set_put_text(&d->subjects, subject, len);
	return count(d);
}

bool
cg_journal_value(void)
{
	return !cg_preloaded || cg_journal_rows(cg_journal_entry(InvalidOid));
}

/*
 * The first value; or the user or what he claims is another one than before,
 * and what was collected is of the former.
 */
static bool
begin(CgDisclosed *d)
{
	const CgWho *who = cg_journal_who();

	if (d->who.stamp != who->stamp)
	{
		if (incomplete(d))
			(void) write_batch(d, CG_FRAME_LAST, failure_level());
		reset(d);
		d->texts = NULL;
		d->who = *who;
	}
	if (d->texts == NULL)
		make_texts(d);
	if (d->state == CG_ENTRY_NEW)
	{
		d->query = record_query();
		d->state = CG_ENTRY_OPEN;
	}
	return d->state != CG_ENTRY_MASKED;
}

/*
 * Write the intent or a batch; false if the value that was counted last must
 * not be given away.
 */
static bool
flush(CgDisclosed *d)
{
	if (d->frames == 0)
		d->limit = FIRST_VALUES;
	else if (d->values >= d->limit)
		d->limit = Min(d->limit * LIMIT_GROWTH, MAX_VALUES);
	if (d->state != CG_ENTRY_OPEN ||
		write_batch(d, d->frames == 0 ? CG_FRAME_INTENT : 0, failure_level()))
		return true;
	if (cg_on_audit_failure == CG_FAILURE_WARN)
	{
		d->state = CG_ENTRY_LOST;
		return true;
	}
	d->state = CG_ENTRY_MASKED;
	d->values--;
	if (d->frames == 0)
		cg_set_clear(&d->subjects);
	return false;
}

/* The texts of its frames. */
static void
make_texts(CgDisclosed *d)
{
	CgFrame		frame;

	memset(&frame, 0, sizeof(frame));
	cg_journal_name_frame(&frame, &d->who);
	cg_journal_name_texts(&frame, &d->who);
	set_text(&frame, CG_FRAME_KIND, CG_FRAME_READ);
	set_text(&frame, CG_FRAME_RELATION, d->relation);
	d->text_len = cg_frame_texts_len(&frame);
	if (d->text_len > d->text_max)
	{
		d->text_max = 0;
		d->text_buffer = MemoryContextAlloc(entry_context, d->text_len);
		d->text_max = d->text_len;
	}
	d->texts = d->text_buffer;
	(void) cg_frame_put_texts(&frame, d->texts);
}

/* Has it something to say when the statement ends? */
static bool
incomplete(const CgDisclosed *d)
{
	if (d->frames == 0)
		return d->state == CG_ENTRY_LOST;
	return d->frames > 1 || d->values > 0;
}

/* Make an entry one of which nothing was given yet. */
static void
reset(CgDisclosed *d)
{
	d->state = CG_ENTRY_NEW;
	d->frames = 0;
	d->flags = 0;
	d->limit = 1;
	d->values = 0;
	cg_set_clear(&d->subjects);
}

/* ---------- frames ---------- */

/* Of a message about a frame that could not be written. */
static int
failure_level(void)
{
	if (cg_on_audit_failure == CG_FAILURE_DENY)
		return ERROR;
	if (warned == statement)
		return DEBUG1;
	warned = statement;
	return WARNING;
}

static void
set_text(CgFrame *frame, int i, const char *s)
{
	Size		len = strlen(s);

	if (len > PG_UINT16_MAX)
	{
		len = pg_mbcliplen(s, (int) len, PG_UINT16_MAX);
		frame->flags |= CG_FRAME_CUT;
	}
	frame->text[i].s = s;
	frame->text[i].len = (uint16) len;
}

/* Write what an entry has collected, and empty it. */
static bool
write_batch(CgDisclosed *d, uint16 flags, int elevel)
{
	CgFrame		frame;

	memset(&frame, 0, sizeof(frame));
	cg_journal_name_frame(&frame, &d->who);
	frame.flags |= flags | d->flags;
	frame.statement = statement;
	frame.query = d->query;
	frame.relation = d->relid;
	frame.values = d->values;
	frame.columns = d->num_columns;
	frame.column_bytes = d->column_bytes;
	frame.column_len = d->column_len;
	frame.text_bytes = d->texts;
	frame.text_len = d->text_len;
	if (!cg_journal_append(&frame, list, cg_set_pack(&d->subjects, list),
						   elevel))
		return false;
	cg_set_packed(&d->subjects);
	d->frames++;
	d->values = 0;
	d->flags = 0;
	unclosed = (flags & CG_FRAME_INTENT) ? statement : 0;
	return true;
}

/* The number of the query that runs; its text is recorded if it is new. */
static uint64
record_query(void)
{
	const CgQuery *query;
	CgFrame		frame;

	if (outermost != NULL)
		query = cg_query(outermost->sourceText,
						 outermost->plannedstmt->stmt_location,
						 outermost->plannedstmt->stmt_len);
	else
		query = cg_query(debug_query_string, -1, 0);
	if (query->id == 0 || query->recorded)
		return query->id;

	memset(&frame, 0, sizeof(frame));
	frame.query = query->id;
	set_text(&frame, CG_FRAME_KIND, CG_FRAME_QUERY);
	frame.text[CG_FRAME_DETAIL].s = query->text;
	frame.text[CG_FRAME_DETAIL].len = query->len;
	if (cg_journal_append(&frame, NULL, 0, DEBUG1))
		cg_query_recorded(query);
	return query->id;
}

static bool
record_event(const char *what, Oid relid, const char *detail, int elevel)
{
	CgFrame		frame;
	const CgWho *who;
	char		relation[RELATION_LEN] = "";

	prepare();
	who = cg_journal_who();
	if (OidIsValid(relid) && IsTransactionState())
		relation_name(relid, relation);
	memset(&frame, 0, sizeof(frame));
	frame.statement = statement;
	if (OidIsValid(MyDatabaseId))
		frame.query = record_query();
	frame.relation = relid;
	cg_journal_name_frame(&frame, who);
	cg_journal_name_texts(&frame, who);
	set_text(&frame, CG_FRAME_KIND, what);
	set_text(&frame, CG_FRAME_RELATION, relation);
	set_text(&frame, CG_FRAME_DETAIL, detail == NULL ? "" : detail);
	return cg_journal_append(&frame, NULL, 0, elevel) &&
		(cg_spool_sync == CG_SYNC_OFF || cg_journal_sync(elevel));
}

void
cg_journal_note(const char *what, Oid relid)
{
	(void) record_event(what, relid, NULL,
						cg_on_audit_failure == CG_FAILURE_WARN ? WARNING :
						ERROR);
}

void
cg_journal_event(const char *what, Oid relid, const char *detail)
{
	if (cg_preloaded)
		(void) record_event(what, relid, detail,
							IsTransactionState() ? WARNING : LOG);
}

/* Its number, if there is no such relation any more. */
static void
relation_name(Oid relid, char *name)
{
	char	   *relname = get_rel_name(relid);
	char	   *schema;

	if (relname == NULL)
	{
		snprintf(name, RELATION_LEN, "%u", relid);
		return;
	}
	schema = get_namespace_name(get_rel_namespace(relid));
	strlcpy(name, quote_qualified_identifier(schema, relname), RELATION_LEN);
}

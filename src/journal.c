/*
 * journal.c
 *		The disclosure journal: what plaintext was given to whom.
 *
 * Whatever becomes of the transaction, plaintext that was shown stays shown;
 * so records go to a file (journal_file.c), not to a table.  That works in
 * read-only transactions and on standbys, too.
 *
 * Values are counted, and their subjects collected, in memory of the process:
 * an entry for each relation and user.  An entry is written
 *
 *	- when it has MAX_SUBJECTS distinct subjects, or MAX_TEXT bytes of them,
 *	  before the value that would be one too many is given away;
 *	- when it has FIRST_VALUES values, then LIMIT_GROWTH times as many, and so
 *	  on up to MAX_VALUES, before the last of them is given away: a long
 *	  statement leaves its mark early, a short one writes once;
 *	- when the executor comes back from the statement of the client, or from
 *	  one FETCH of its cursor, before the client hears that it is complete;
 *	- at the end of the transaction, failed ones included, for what was
 *	  disclosed outside of the executor or when that did not come back;
 *	- in a parallel worker, which has entries of its own, just the same;
 *	- when the process exits in good order, pg_terminate_backend() included.
 *
 * So a process that dies without that (SIGKILL, crash of another one, power)
 * loses what its statement disclosed since the last record: of each relation
 * at most MAX_SUBJECTS subjects and MAX_VALUES values, and less than 16 times
 * what is in the file of that statement, if it was FIRST_VALUES or more.
 * Statements that were complete are in the file.
 *
 * What cannot be recorded is not given away, as far as that is possible: the
 * file is opened before the first value, and a batch that cannot be written
 * raises.  But when the last batch of a statement cannot be written, for a
 * full disk say, the client has seen values of it; it gets an error instead
 * of completion, and a warning that a record was lost goes to the log.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "compat.h"

#include "audit_store.h"
#include "bytes.h"
#include "cipguard.h"
#include "guc.h"
#include "journal.h"
#include "journal_file.h"

#define MAX_SUBJECTS	4096
#define MAX_TEXT		(256 * 1024)	/* bytes of subjects that are text */
#define MAX_SUBJECT_LEN 4096	/* longer ones are cut: no key can be longer */
#define FIRST_SUBJECTS	64
#define FIRST_VALUES	64
#define LIMIT_GROWTH	16
#define MAX_VALUES		65536
#define RADIX_MIN		256		/* fewer subjects are sorted by comparison */
#define MAX_ENTRIES		256		/* then all are written: bounds the memory */
#define KIND_READ		"read"

/* Whom a record names. */
typedef struct CgWho
{
	Oid			user;
	Oid			login;
	int64		session;
	int			pid;
	uint64		claims;			/* cg_claim_generation */
	char		user_name[NAMEDATALEN];
	char		login_name[NAMEDATALEN];
	char		app_user[CG_MAX_CLAIM + 1];
	char		purpose[CG_MAX_CLAIM + 1];
	char		application[NAMEDATALEN];
} CgWho;

/* A subject that is text; the bytes are in CgDisclosed.bytes. */
typedef struct CgTextSubject
{
	uint64		prefix;			/* first bytes: most comparisons end here */
	uint32		offset;
	uint32		len;
} CgTextSubject;

struct CgDisclosed
{
	CgDisclosed *next;
	CgWho		who;
	Oid			relid;
	char	   *relation;		/* qualified name */
	uint16		flags;
	uint64		limit;			/* of values */
	uint64		values;			/* since it was written last, as all below */

	int64		last_integer;	/* added last, if there are any */
	bool		unordered;		/* integers do not ascend */
	int			num_integers;
	int			max_integers;
	int64	   *integers;

	int			num_texts;
	int			max_texts;
	CgTextSubject *texts;
	uint32		num_bytes;
	uint32		max_bytes;
	char	   *bytes;

	/* Columns stay when it was written: later batches are of them, too. */
	uint16		num_columns;
	uint32		column_len;
	uint32		column_max;
	uint8	   *column_bytes;	/* as in the frame */
	uint64		seen[MaxHeapAttributeNumber / 64 + 1];
};

static void journal_run(CG_EXECUTOR_RUN_PARAMS);
static void journal_finish(QueryDesc *queryDesc);
static void journal_end(QueryDesc *queryDesc);
static void xact_ended(XactEvent event, void *arg);
static void at_exit(int code, Datum arg);
static void prepare(void);
static void get_who(CgWho *who);
static const char *client_address(void);
static char *relation_name(Oid relid);
static void who_changed(CgDisclosed *d);
static void make_room_integer(CgDisclosed *d);
static void make_room_text(CgDisclosed *d, Size len);
static bool write_entry(CgDisclosed *d, int elevel);
static void write_all(int elevel);
static void name_frame(CgFrame *frame, const CgWho *who, const char *kind,
					   Oid relid, const char *relation);
static Size pack_subjects(CgDisclosed *d);
static void unique_integers(CgDisclosed *d);
static void unique_texts(CgDisclosed *d);

uint64		cg_journal_generation = 1;

static ExecutorRun_hook_type prev_run = NULL;
static ExecutorFinish_hook_type prev_finish = NULL;
static ExecutorEnd_hook_type prev_end = NULL;
static int	level = 0;			/* executors that are running */
static MemoryContext entry_context = NULL;
static CgDisclosed *entries = NULL;
static int	num_entries = 0;
static uint8 *list = NULL;		/* buffer of journal_file.c */
static CgTextSubject *scratch = NULL;	/* MAX_SUBJECTS, for sorting */

#define ST_SORT sort_integers
#define ST_ELEMENT_TYPE int64
#define ST_COMPARE(a, b) (*(a) < *(b) ? -1 : *(a) > *(b))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

static inline int
compare_texts(const CgTextSubject *a, const CgTextSubject *b,
			  const char *bytes)
{
	int			result;

	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	result = memcmp(bytes + a->offset, bytes + b->offset,
					Min(a->len, b->len));
	if (result == 0 && a->len != b->len)
		result = a->len < b->len ? -1 : 1;
	return result;
}

#define ST_SORT sort_texts
#define ST_ELEMENT_TYPE CgTextSubject
#define ST_COMPARE(a, b, bytes) compare_texts(a, b, bytes)
#define ST_COMPARE_ARG_TYPE const char
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

void
cg_journal_init(void)
{
	if (!cg_preloaded)
		return;
	prev_run = ExecutorRun_hook;
	ExecutorRun_hook = journal_run;
	prev_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = journal_finish;
	prev_end = ExecutorEnd_hook;
	ExecutorEnd_hook = journal_end;
	RegisterXactCallback(xact_ended, NULL);
}

/* ---------- when entries are written ---------- */

static void
journal_run(CG_EXECUTOR_RUN_PARAMS)
{
	int			outer = level;

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
	}
	PG_END_TRY();
	if (outer == 0)
		write_all(ERROR);
}

static void
journal_finish(QueryDesc *queryDesc)
{
	int			outer = level;

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
	}
	PG_END_TRY();
	if (outer == 0)
		write_all(ERROR);
}

static void
journal_end(QueryDesc *queryDesc)
{
	if (level == 0)
		write_all(ERROR);
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
			write_all(ERROR);
			break;
		default:
			write_all(WARNING);
			break;
	}
}

static void
at_exit(int code, Datum arg)
{
	write_all(LOG);
}

/*
 * Write all entries and forget them.  If that raises, they are kept: the end
 * of the transaction tries once more, and then forgets them in any case.
 */
static void
write_all(int elevel)
{
	CgDisclosed *d;

	if (entries == NULL)
		return;
	for (d = entries; d != NULL; d = d->next)
		if (!write_entry(d, elevel))
			ereport(elevel,
					(errcode(CG_ERRCODE_AUDIT),
					 errmsg("the record of a disclosure was lost"),
					 errdetail_log("Role \"%s\" was given %llu values of \"%s\".",
								   d->who.user_name,
								   (unsigned long long) d->values,
								   d->relation)));
	entries = NULL;
	num_entries = 0;
	cg_journal_generation++;
	MemoryContextReset(entry_context);
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
	if (scratch == NULL)
		scratch = MemoryContextAlloc(TopMemoryContext,
									 MAX_SUBJECTS * sizeof(CgTextSubject));
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
	Oid			user = GetUserId();
	CgDisclosed **p;
	CgDisclosed *d;
	char	   *name;
	CgWho		who;

	for (p = &entries; *p != NULL; p = &(*p)->next)
		if ((*p)->relid == relid && (*p)->who.user == user &&
			(*p)->who.claims == cg_claim_generation)
			return *p;
	if (num_entries >= MAX_ENTRIES)
	{
		write_all(ERROR);
		p = &entries;
	}

	prepare();
	get_who(&who);
	name = relation_name(relid);
	d = MemoryContextAllocZero(entry_context, sizeof(CgDisclosed));
	d->relation = MemoryContextStrdup(entry_context, name);
	pfree(name);
	d->who = who;
	d->relid = relid;
	d->limit = FIRST_VALUES;
	*p = d;
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
	d->num_columns++;
	d->seen[attnum >> 6] |= bit;
	if (name != NULL)
		pfree(name);
}

/* To be called before anything is added to an entry. */
static inline void
check_who(CgDisclosed *d)
{
	if (unlikely(d->who.claims != cg_claim_generation ||
				 d->who.user != GetUserId()))
		who_changed(d);
}

static inline void
count_value(CgDisclosed *d)
{
	if (unlikely(++d->values >= d->limit))
	{
		(void) write_entry(d, ERROR);
		d->limit = Min(d->limit * LIMIT_GROWTH, MAX_VALUES);
	}
}

void
cg_journal_rows(CgDisclosed *d)
{
	check_who(d);
	count_value(d);
}

void
cg_journal_int(CgDisclosed *d, int64 subject)
{
	check_who(d);
	if (d->num_integers == 0 || d->last_integer != subject)
	{
		if (unlikely(d->num_integers == d->max_integers))
			make_room_integer(d);
		if (d->num_integers > 0 && subject < d->last_integer)
			d->unordered = true;
		d->integers[d->num_integers++] = subject;
		d->last_integer = subject;
	}
	count_value(d);
}

void
cg_journal_text(CgDisclosed *d, const char *subject, Size len)
{
	CgTextSubject *t;
	uint8		prefix[8] = {0};

	check_who(d);
	if (len > MAX_SUBJECT_LEN)
	{
		len = MAX_SUBJECT_LEN;
		d->flags |= CG_FRAME_CUT;
	}
	if (d->num_texts > 0)
	{
		t = &d->texts[d->num_texts - 1];
		if (t->len == len && memcmp(d->bytes + t->offset, subject, len) == 0)
		{
			count_value(d);
			return;
		}
	}
	if (unlikely(d->num_texts == d->max_texts ||
				 d->max_bytes - d->num_bytes < len))
		make_room_text(d, len);
	t = &d->texts[d->num_texts++];
	memcpy(prefix, subject, Min(len, sizeof(prefix)));
	t->prefix = cg_get_u64(prefix);
	t->offset = d->num_bytes;
	t->len = (uint32) len;
	memcpy(d->bytes + d->num_bytes, subject, len);
	d->num_bytes += len;
	count_value(d);
}

void
cg_journal_note(const char *what, Oid relid)
{
	CgFrame		frame;
	CgWho		who;

	prepare();
	get_who(&who);
	memset(&frame, 0, sizeof(frame));
	name_frame(&frame, &who, what, relid, relation_name(relid));
	(void) cg_journal_append(&frame, NULL, 0, ERROR);
}

/*
 * The user or what he claims is another one than before, within a statement:
 * what was collected is of the former.
 */
static void
who_changed(CgDisclosed *d)
{
	CgWho		who;

	get_who(&who);
	(void) write_entry(d, ERROR);
	d->who = who;
}

static void
make_room_integer(CgDisclosed *d)
{
	if (d->integers == NULL)
	{
		d->integers = MemoryContextAlloc(entry_context,
										 FIRST_SUBJECTS * sizeof(int64));
		d->max_integers = FIRST_SUBJECTS;
	}
	else if (d->max_integers < MAX_SUBJECTS)
	{
		d->integers = repalloc(d->integers,
							   2 * d->max_integers * sizeof(int64));
		d->max_integers *= 2;
	}
	else
	{
		/* Joins repeat subjects: it might not be time to write yet. */
		unique_integers(d);
		if (d->num_integers > MAX_SUBJECTS / 2)
			(void) write_entry(d, ERROR);
		else
			d->unordered = true;	/* last_integer is not the last one */
	}
}

static void
make_room_text(CgDisclosed *d, Size len)
{
	if (d->num_texts == MAX_SUBJECTS || d->num_bytes + len > MAX_TEXT)
		(void) write_entry(d, ERROR);
	if (d->texts == NULL)
	{
		d->texts = MemoryContextAlloc(entry_context,
									  FIRST_SUBJECTS * sizeof(CgTextSubject));
		d->max_texts = FIRST_SUBJECTS;
	}
	else if (d->num_texts == d->max_texts)
	{
		d->texts = repalloc(d->texts,
							2 * d->max_texts * sizeof(CgTextSubject));
		d->max_texts *= 2;
	}
	if (d->bytes == NULL || d->max_bytes - d->num_bytes < len)
	{
		uint32		max = Min(2 * (d->max_bytes + len) + 1024, MAX_TEXT);

		if (d->bytes == NULL)
			d->bytes = MemoryContextAlloc(entry_context, max);
		else
			d->bytes = repalloc(d->bytes, max);
		d->max_bytes = max;
	}
}

/* ---------- records ---------- */

static void
copy_name(char *to, Size size, const char *from)
{
	strlcpy(to, from == NULL ? "" : from, size);
}

static void
get_who(CgWho *who)
{
	who->user = GetUserId();
	who->login = GetAuthenticatedUserId();
	/* A parallel worker is known by the process for which it works. */
	who->session = IsParallelWorker() ? 0 : cg_audit_session();
	who->pid = MyProc->lockGroupLeader != NULL ?
		MyProc->lockGroupLeader->pid : MyProcPid;
	who->claims = cg_claim_generation;
	copy_name(who->user_name, sizeof(who->user_name),
			  GetUserNameFromId(who->user, true));
	copy_name(who->login_name, sizeof(who->login_name),
			  GetUserNameFromId(who->login, true));
	copy_name(who->app_user, sizeof(who->app_user), cg_app_user);
	copy_name(who->purpose, sizeof(who->purpose), cg_purpose);
	copy_name(who->application, sizeof(who->application), application_name);
	(void) client_address();
}

/* Of this process: known from the first entry on, "" if there is none. */
static const char *
client_address(void)
{
	static char *address = NULL;

	if (address == NULL)
	{
		LOCAL_FCINFO(fcinfo, 0);
		Datum		result;
		char	   *s = NULL;

		InitFunctionCallInfoData(*fcinfo, NULL, 0, InvalidOid, NULL, NULL);
		result = inet_client_addr(fcinfo);
		if (!fcinfo->isnull)
			s = DatumGetCString(DirectFunctionCall1(inet_out, result));
		address = MemoryContextStrdup(TopMemoryContext, s == NULL ? "" : s);
	}
	return address;
}

static char *
relation_name(Oid relid)
{
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		return psprintf("%u", relid);
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  name);
}

static void
set_text(CgFrame *frame, int i, const char *s)
{
	frame->text[i].s = s;
	frame->text[i].len = (uint16) strlen(s);
}

static void
name_frame(CgFrame *frame, const CgWho *who, const char *kind, Oid relid,
		   const char *relation)
{
	frame->database = MyDatabaseId;
	frame->session = who->session;
	frame->pid = (uint32) who->pid;
	frame->user = who->user;
	frame->login = who->login;
	frame->relation = relid;
	set_text(frame, CG_FRAME_KIND, kind);
	set_text(frame, CG_FRAME_USER, who->user_name);
	set_text(frame, CG_FRAME_LOGIN, who->login_name);
	set_text(frame, CG_FRAME_APP_USER, who->app_user);
	set_text(frame, CG_FRAME_PURPOSE, who->purpose);
	set_text(frame, CG_FRAME_APPLICATION, who->application);
	set_text(frame, CG_FRAME_ADDRESS, client_address());
	set_text(frame, CG_FRAME_RELATION, relation);
}

/* Write an entry if there is anything in it, and empty it. */
static bool
write_entry(CgDisclosed *d, int elevel)
{
	CgFrame		frame;

	if (d->values == 0)
		return true;
	memset(&frame, 0, sizeof(frame));
	name_frame(&frame, &d->who, KIND_READ, d->relid, d->relation);
	frame.flags = d->flags;
	frame.values = d->values;
	frame.columns = d->num_columns;
	frame.column_bytes = d->column_bytes;
	frame.column_len = d->column_len;
	if (!cg_journal_append(&frame, list, pack_subjects(d), elevel))
		return false;
	d->values = 0;
	d->flags = 0;
	d->unordered = false;
	d->num_integers = 0;
	d->num_texts = 0;
	d->num_bytes = 0;
	return true;
}

/* The subjects of an entry into the buffer; 0 if it has none. */
static Size
pack_subjects(CgDisclosed *d)
{
	Size		len;
	int			i;

	if (d->num_integers == 0 && d->num_texts == 0)
		return 0;
	unique_integers(d);
	len = cg_put_integers(list, d->integers, d->num_integers);

	unique_texts(d);
	len += cg_put_varint(list + len, d->num_texts);
	for (i = 0; i < d->num_texts; i++)
	{
		const CgTextSubject *t = &d->texts[i];

		len += cg_put_varint(list + len, t->len);
		memcpy(list + len, d->bytes + t->offset, t->len);
		len += t->len;
	}
	Assert(len <= CG_JOURNAL_LIST_MAX);
	return len;
}

/*
 * Sort n elements of so many words by the first one, byte by byte from the
 * lowest; bytes in which all are equal cost nothing.  sign is a bit of the
 * word that counts the other way.
 */
static pg_attribute_always_inline void
radix_sort(uint64 *v, int n, int words, uint64 sign)
{
	uint64	   *from = v;
	uint64	   *to = (uint64 *) scratch;
	uint64		varying = 0;
	int			shift;
	int			i;

	for (i = 1; i < n; i++)
		varying |= v[i * words] ^ v[0];
	for (shift = 0; shift < 64; shift += 8)
	{
		uint64	   *old = from;
		int			at[256];
		int			sum = 0;

		if (((varying >> shift) & 0xff) == 0)
			continue;
		memset(at, 0, sizeof(at));
		for (i = 0; i < n; i++)
			at[((from[i * words] ^ sign) >> shift) & 0xff]++;
		for (i = 0; i < 256; i++)
		{
			int			count = at[i];

			at[i] = sum;
			sum += count;
		}
		for (i = 0; i < n; i++)
		{
			uint64	   *e = &from[i * words];
			int			k = at[((e[0] ^ sign) >> shift) & 0xff]++;

			to[k * words] = e[0];
			if (words == 2)
				to[k * words + 1] = e[1];
		}
		from = to;
		to = old;
	}
	if (from != v)
		memcpy(v, from, n * words * sizeof(uint64));
}

/* Put the integers in order, and keep each once. */
static void
unique_integers(CgDisclosed *d)
{
	int64	   *value = d->integers;
	int			n = d->num_integers;
	int			kept = 0;
	int			i;

	if (!d->unordered)
		return;					/* equal neighbours were dropped */
	if (n < RADIX_MIN)
		sort_integers(value, n);
	else
		radix_sort((uint64 *) value, n, 1, UINT64CONST(1) << 63);
	for (i = 0; i < n; i++)
		if (kept == 0 || value[kept - 1] != value[i])
			value[kept++] = value[i];
	d->num_integers = kept;
	d->unordered = false;
}

/* The same of texts; where prefixes are equal, comparison decides. */
static void
unique_texts(CgDisclosed *d)
{
	CgTextSubject *t = d->texts;
	int			n = d->num_texts;
	int			kept = 0;
	int			i;

	StaticAssertStmt(sizeof(CgTextSubject) == 2 * sizeof(uint64),
					 "subjects must be two words");
	if (n < 2)
		return;
	if (n >= RADIX_MIN)
		radix_sort((uint64 *) t, n, 2, 0);
	sort_texts(t, n, d->bytes);
	for (i = 0; i < n; i++)
		if (kept == 0 || compare_texts(&t[kept - 1], &t[i], d->bytes) != 0)
			t[kept++] = t[i];
	d->num_texts = kept;
}

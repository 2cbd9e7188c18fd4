/*
 * journal_view.c
 *		Reading the disclosure journal of this database and this server.
 *
 * Whoever may call journal() sees subjects as their text form: these are
 * names of persons in tables (numbers of clients), not what is known of them,
 * and an auditor must be able to say of whom data was read.
 *
 * Nothing in a file fails the query.  Bytes that are no record are skipped;
 * if others follow, a warning tells of it.  At the end of a file it can be a
 * record that is being written just now.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/pg_list.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "compat.h"

#include "bytes.h"
#include "cipguard.h"
#include "journal_dir.h"
#include "journal_key.h"

#define READ_AHEAD		(64 * 1024)

/* Result of journal(), in the order of sql/parts/55_journal.sql. */
enum
{
	OUT_TS,
	OUT_KIND,
	OUT_LOGIN_ROLE,
	OUT_ROLE,
	OUT_APP_USER,
	OUT_PURPOSE,
	OUT_RELATION,
	OUT_COLUMNS,
	OUT_VALUES,
	OUT_SUBJECTS,
	OUT_REMARK,
	OUT_SESSION,
	OUT_PID,
	OUT_ADDRESS,
	OUT_APPLICATION,
	OUT_COUNT
};

/* A file being read; bytes [start, end) of it are in buffer. */
typedef struct CgReader
{
	int			fd;
	off_t		size;			/* when it was opened */
	off_t		pos;
	off_t		start;
	off_t		end;
	uint8	   *buffer;
} CgReader;

static List *journal_files(void);
static void read_journal(const char *path, uint8 *buffer,
						 ReturnSetInfo *result, MemoryContext context);
static const uint8 *window(CgReader *reader, Size len);
static Size next_frame(CgReader *reader);
static void put_frame(const CgFrame *frame, ReturnSetInfo *result);
static Datum text_of(const char *s, Size len);
static Datum columns_of(const CgFrame *frame);
static bool subjects_of(const CgFrame *frame, Datum *subjects);

/* journal() RETURNS SETOF record */
PG_FUNCTION_INFO_V1(cipguard_journal);
Datum
cipguard_journal(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext context;
	uint8	   *buffer = palloc(CG_FRAME_MAX);
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	if (result->setDesc->natts != OUT_COUNT)
		elog(ERROR, "result of journal() has %d columns",
			 result->setDesc->natts);
	context = AllocSetContextCreate(CurrentMemoryContext, "cipguard journal",
									ALLOCSET_DEFAULT_SIZES);
	foreach(lc, journal_files())
		read_journal(lfirst(lc), buffer, result, context);
	MemoryContextDelete(context);
	return (Datum) 0;
}

static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/* Paths of this database's files, oldest month first. */
static List *
journal_files(void)
{
	const char *path = cg_journal_directory();
	DIR		   *dir = AllocateDir(path);
	struct dirent *de;
	CgSegment	segment;
	List	   *files = NIL;

	if (dir == NULL && errno == ENOENT)
		return NIL;
	while ((de = ReadDir(dir, path)) != NULL)
		if (cg_segment_parse(de->d_name, &segment) &&
			segment.database == MyDatabaseId)
			files = lappend(files, psprintf("%s/%s", path, de->d_name));
	FreeDir(dir);
	list_sort(files, compare_names);
	return files;
}

static void
read_journal(const char *path, uint8 *buffer, ReturnSetInfo *result,
			 MemoryContext context)
{
	CgReader	reader;
	struct stat st;
	off_t		skipped = 0;
	off_t		sound = 0;		/* end of the last frame that is one */
	Size		len;

	memset(&reader, 0, sizeof(reader));
	reader.buffer = buffer;
	reader.fd = OpenTransientFile(path, O_RDONLY | PG_BINARY);
	if (reader.fd < 0 && errno == ENOENT)
		return;
	if (reader.fd < 0 || fstat(reader.fd, &st) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read the disclosure journal \"%s\": %m",
						path),
				 errhint("Check the permissions of \"%s\" in the data directory.",
						 "cipguard/journal")));
	reader.size = st.st_size;

	while ((len = next_frame(&reader)) > 0)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		CgFrame		frame;

		skipped += reader.pos - sound;
		if (cg_frame_decode(window(&reader, len), len, &frame) == CG_OK)
			put_frame(&frame, result);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
		reader.pos += len;
		sound = reader.pos;
		CHECK_FOR_INTERRUPTS();
	}
	CloseTransientFile(reader.fd);
	if (skipped > 0)
		ereport(WARNING,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("%lld bytes of the disclosure journal \"%s\" are no record",
						(long long) skipped, path),
				 errdetail("A server that crashes or runs out of space can leave a part of a record; other records were read.")));
}

/*
 * The next len bytes of the file, or NULL if there are less, or if it cannot
 * be read: what is left is skipped then.
 */
static const uint8 *
window(CgReader *reader, Size len)
{
	if (reader->pos + (off_t) len > reader->size)
		return NULL;
	if (reader->pos < reader->start ||
		reader->pos + (off_t) len > reader->end)
	{
		Size		want = Min(Max(len, READ_AHEAD),
							   (Size) (reader->size - reader->pos));
		Size		have = 0;

		while (have < want)
		{
			ssize_t		n = pread(reader->fd, reader->buffer + have,
								  want - have, reader->pos + have);

			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)
				break;
			have += n;
		}
		reader->start = reader->pos;
		reader->end = reader->pos + have;
		if (have < len)
			return NULL;
	}
	return reader->buffer + (reader->pos - reader->start);
}

/* Go to the next frame; its length, or 0 at the end of the file. */
static Size
next_frame(CgReader *reader)
{
	const uint8 *p;

	for (; (p = window(reader, CG_FRAME_CRC_START)) != NULL; reader->pos++)
	{
		Size		len = cg_frame_length(p);
		pg_crc32c	crc;

		if (((reader->pos + 1) & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (len == 0)
			continue;
		p = window(reader, len);
		if (p == NULL)
			continue;
		INIT_CRC32C(crc);
		COMP_CRC32C(crc, p + CG_FRAME_CRC_START, len - CG_FRAME_CRC_START);
		FIN_CRC32C(crc);
		if (crc == cg_get_u32(p + CG_FRAME_CRC_START - 4))
			return len;
	}
	return 0;
}

static void
put_frame(const CgFrame *frame, ReturnSetInfo *result)
{
	static const struct
	{
		int			from;
		int			to;
	}			texts[] = {
		{CG_FRAME_KIND, OUT_KIND},
		{CG_FRAME_LOGIN, OUT_LOGIN_ROLE},
		{CG_FRAME_USER, OUT_ROLE},
		{CG_FRAME_APP_USER, OUT_APP_USER},
		{CG_FRAME_PURPOSE, OUT_PURPOSE},
		{CG_FRAME_RELATION, OUT_RELATION},
		{CG_FRAME_ADDRESS, OUT_ADDRESS},
		{CG_FRAME_APPLICATION, OUT_APPLICATION}
	};
	Datum		values[OUT_COUNT];
	bool		nulls[OUT_COUNT];
	const char *remark = NULL;
	int			i;

	memset(nulls, 0, sizeof(nulls));
	for (i = 0; i < lengthof(texts); i++)
	{
		const CgFrameText *t = &frame->text[texts[i].from];

		nulls[texts[i].to] = t->len == 0;
		values[texts[i].to] = text_of(t->s, t->len);
	}
	values[OUT_TS] = TimestampTzGetDatum(frame->ts);
	values[OUT_COLUMNS] = columns_of(frame);
	values[OUT_VALUES] = Int64GetDatum((int64) frame->values);
	values[OUT_SESSION] = Int64GetDatum(frame->session);
	nulls[OUT_SESSION] = frame->session == 0;
	values[OUT_PID] = Int32GetDatum((int32) frame->pid);

	nulls[OUT_SUBJECTS] = true;
	if (frame->sealed_len > 0)
	{
		nulls[OUT_SUBJECTS] = !subjects_of(frame, &values[OUT_SUBJECTS]);
		if (nulls[OUT_SUBJECTS])
			remark = "subjects cannot be decrypted";
		else if (frame->flags & CG_FRAME_CUT)
			remark = "a long subject was cut";
	}
	else if (frame->flags & CG_FRAME_NO_KEY)
		remark = "subjects left out: no key";
	nulls[OUT_REMARK] = remark == NULL;
	if (remark != NULL)
		values[OUT_REMARK] = CStringGetTextDatum(remark);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* What is no text in this encoding was not written by us: "?". */
static Datum
text_of(const char *s, Size len)
{
	if (!pg_verifymbstr(s, len, true))
		return CStringGetTextDatum("?");
	return PointerGetDatum(cstring_to_text_with_len(s, len));
}

static Datum
array_of(Datum *elems, int n)
{
	return PointerGetDatum(construct_array(elems, n, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

static Datum
columns_of(const CgFrame *frame)
{
	Datum	   *elems = palloc(sizeof(Datum) * (frame->columns + 1));
	size_t		cursor = 0;
	int16_t		number;
	CgFrameText name;
	int			n = 0;

	while (n < frame->columns &&
		   cg_frame_column(frame, &cursor, &number, &name))
		elems[n++] = name.len > 0 ? text_of(name.s, name.len) :
			CStringGetTextDatum(psprintf("?%d", number));
	return array_of(elems, n);
}

/* False if the list cannot be decrypted, whatever the reason. */
static bool
subjects_of(const CgFrame *frame, Datum *subjects)
{
	CgSubjects	list;
	CgSubject	subject;
	CgStatus	status;
	Size		len;
	uint8	   *plain = cg_journal_list(frame, &len);
	Datum	   *elems;
	int			max = 64;
	int			n = 0;

	if (plain == NULL)
		return false;
	elems = palloc(max * sizeof(Datum));
	cg_subjects_begin(&list, plain, len);
	while (cg_subjects_next(&list, &subject, &status))
	{
		if (n == max)
		{
			max *= 2;
			elems = repalloc(elems, max * sizeof(Datum));
		}
		elems[n++] = subject.text !=NULL ?
			text_of(subject.text, subject.len) :
			CStringGetTextDatum(psprintf("%lld", (long long) subject.value));
	}
	if (status != CG_OK)
		return false;
	*subjects = array_of(elems, n);
	return true;
}

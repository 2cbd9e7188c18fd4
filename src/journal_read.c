/*
 * journal_read.c
 *		Reading the segments of the spool.
 *
 * Others append while we read.  At the end there can be a frame that is being
 * written just now: it is left for the next time.  A part of a frame that a
 * killed process or a full disk has left is told from that by the frames
 * behind it.
 *
 * A segment is known by the digest of its first bytes, besides its name: one
 * that was removed by hand, and made again under the same name, is another.
 * A copy of it is the same, however much of it was copied.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"

#include "compat.h"

#include "bytes.h"
#include "cipguard.h"
#include "hex.h"
#include "journal_read.h"

#define READ_AHEAD		(256 * 1024)

static bool look_at(CgSpoolFile *file);
static const uint8 *window(CgSpoolReader *reader, off_t pos, Size len);
static Size frame_at(CgSpoolReader *reader, off_t pos);
static void cannot_read(const char *path);

static void
cannot_read(const char *path)
{
	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not read the disclosure journal \"%s\": %m", path),
			 errhint("Check the permissions of the directory \"%s\" and of the files in it.",
					 cg_journal_directory())));
}

static int
compare_files(const ListCell *a, const ListCell *b)
{
	const CgSpoolFile *x = lfirst(a);
	const CgSpoolFile *y = lfirst(b);

	return strcmp(x->path, y->path);
}

List *
cg_spool_files(Oid database)
{
	const char *directory = cg_journal_directory();
	DIR		   *dir = AllocateDir(directory);
	struct dirent *de;
	List	   *files = NIL;
	CgSpoolFile *younger = NULL;
	int			i;

	if (dir == NULL && errno == ENOENT)
		return NIL;
	if (dir == NULL)
		cannot_read(directory);
	while ((de = ReadDir(dir, directory)) != NULL)
	{
		CgSpoolFile *file = palloc0(sizeof(CgSpoolFile));

		if (!cg_segment_parse(de->d_name, &file->segment) ||
			file->segment.database != database)
			continue;
		snprintf(file->path, MAXPGPATH, "%s/%s", directory, de->d_name);
		(void) cg_hex_decode(file->segment.node, file->node, CG_FRAME_NODE_LEN);
		files = lappend(files, file);
	}
	FreeDir(dir);
	list_sort(files, compare_files);

	for (i = list_length(files) - 1; i >= 0; i--)
	{
		CgSpoolFile *file = list_nth(files, i);

		file->current = younger == NULL ||
			strcmp(younger->segment.node, file->segment.node) != 0;
		younger = file;
		if (!look_at(file))
			files = list_delete_nth_cell(files, i);
	}
	return files;
}

/* Size and head of a file; false if there is nothing to be read. */
static bool
look_at(CgSpoolFile *file)
{
	int			fd = OpenTransientFile(file->path, O_RDONLY | PG_BINARY);
	uint8		first[CG_FRAME_MIN];
	struct stat st;
	ssize_t		n;

	if (fd < 0 && errno == ENOENT)
		return false;
	if (fd < 0 || fstat(fd, &st) != 0)
		cannot_read(file->path);
	do
		n = pread(fd, first, sizeof(first), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		cannot_read(file->path);
	CloseTransientFile(fd);
	file->size = st.st_size;
	if (n < (ssize_t) sizeof(first))
		return false;
	if (cg_sha256(first, sizeof(first), file->head) != CG_OK)
		elog(ERROR, "could not compute a digest");
	return true;
}

bool
cg_spool_open(CgSpoolReader *reader, const CgSpoolFile *file, off_t from)
{
	struct stat st;

	memset(reader, 0, sizeof(*reader));
	reader->fd = OpenTransientFile(file->path, O_RDONLY | PG_BINARY);
	if (reader->fd < 0 && errno == ENOENT)
		return false;
	if (reader->fd < 0 || fstat(reader->fd, &st) != 0)
		cannot_read(file->path);
	reader->file = file;
	reader->size = st.st_size;
	reader->pos = reader->sound = from;
	reader->buffer = reader->memory = palloc(CG_FRAME_MAX);
	return true;
}

void
cg_spool_open_bytes(CgSpoolReader *reader, const uint8 *data, Size len,
					off_t from)
{
	memset(reader, 0, sizeof(*reader));
	reader->fd = -1;
	reader->pos = reader->sound = reader->start = from;
	reader->size = reader->end = from + len;
	reader->buffer = data;
}

void
cg_spool_close(CgSpoolReader *reader)
{
	CloseTransientFile(reader->fd);
	pfree(reader->memory);
}

/* len bytes of the file, or NULL if there are less. */
static const uint8 *
window(CgSpoolReader *reader, off_t pos, Size len)
{
	if (pos + (off_t) len > reader->size)
		return NULL;
	if (pos < reader->start || pos + (off_t) len > reader->end)
	{
		Size		want = Min(Max(len, READ_AHEAD),
							   (Size) (reader->size - pos));
		Size		have = 0;

		while (have < want)
		{
			ssize_t		n = pread(reader->fd, reader->memory + have,
								  want - have, pos + have);

			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				cannot_read(reader->file->path);
			if (n == 0)
				break;
			have += n;
		}
		reader->start = pos;
		reader->end = pos + have;
		if (have < len)
			return NULL;
	}
	return reader->buffer + (pos - reader->start);
}

/* Length of the frame that is there, 0 if none is. */
static Size
frame_at(CgSpoolReader *reader, off_t pos)
{
	const uint8 *p = window(reader, pos, CG_FRAME_CRC_START);
	Size		len = p == NULL ? 0 : cg_frame_length(p);
	pg_crc32c	crc;

	if (len == 0)
		return 0;
	p = window(reader, pos, len);
	if (p == NULL)
		return 0;
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, p + CG_FRAME_CRC_START, len - CG_FRAME_CRC_START);
	FIN_CRC32C(crc);
	return crc == cg_get_u32(p + CG_FRAME_CRC_START - 4) ? len : 0;
}

const uint8 *
cg_spool_next(CgSpoolReader *reader, Size *len)
{
	off_t		pos = reader->sound;

	while (pos + CG_FRAME_MIN <= reader->size)
	{
		const uint8 *p;
		const uint8 *next;
		Size		left;

		*len = frame_at(reader, pos);
		if (*len > 0)
		{
			reader->skipped += pos - reader->sound;
			reader->pos = pos;
			reader->sound = pos + *len;
			return window(reader, pos, *len);
		}

		/* Go to where the next frame could begin. */
		pos++;
		p = window(reader, pos, 1);
		if (p == NULL)
			break;
		left = reader->end - pos;
		next = memchr(p, CG_FRAME_MAGIC[0], left);
		pos += next == NULL ? left : next - p;
		CHECK_FOR_INTERRUPTS();
	}
	return NULL;
}

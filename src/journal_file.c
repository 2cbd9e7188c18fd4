/*
 * journal_file.c
 *		Appending to the disclosure journal.
 *
 * A frame is appended to a segment (journal_dir.c) by a single write() to a
 * descriptor opened with O_APPEND.  Local file systems of the systems that
 * PostgreSQL runs on serialize such writes on the inode, so frames of
 * concurrent processes do not interleave, and no lock is needed; NFS gives no
 * such promise.
 *
 * What each kind of crash can lose.  A write() that has returned is in the
 * kernel: it survives the death of this process, of all processes, and an
 * immediate shutdown.  A crash of the operating system or loss of power can
 * take the last seconds (Linux: about 30), unless cipguard.spool_sync makes
 * each statement wait for fdatasync() before it completes.  A process that is
 * killed by SIGKILL while it writes can leave a torn frame, and so can a full
 * disk where no space could be reserved: others append behind it, and readers
 * skip it.
 *
 * A descriptor is kept open from one statement to the next.  Every
 * CHECK_INTERVAL or CHECK_BYTES stat() tells whether its file is still the one
 * of that name, and not full.  (Not with each frame: since Linux 6.13 a write
 * after it costs more, for a finer time stamp.)
 *
 * Appending also happens where a transaction has failed: there nothing can be
 * allocated or looked up, hence cg_journal_prepare().
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "bytes.h"
#include "cipguard.h"
#include "guc.h"
#include "journal_dir.h"
#include "journal_file.h"
#include "journal_key.h"

#define CHECK_INTERVAL	10000	/* microseconds */
#define CHECK_BYTES		(128 * 1024)	/* written by this process */

/* Frames of a process in a database, of which each names the one before. */
typedef struct CgChain
{
	int			pid;
	Oid			database;
	uint64		number;			/* of the last frame */
	uint8		mac[CG_SHA256_LEN]; /* of that, too */
} CgChain;

static void link_frame(CgFrame *frame);
static Size build_frame(CgFrame *frame, const uint8 *list, Size len);
static bool have_file(TimestampTz now, int elevel);
static int	month_of(TimestampTz t);
static void close_file(void);
static bool report(int elevel, const char *what, const char *path);

static uint8 *frame_buffer = NULL;
static uint8 *list_buffer = NULL;

static CgChain chain;

static int	file = -1;
static char file_path[MAXPGPATH];
static CgSegment file_segment;
static uint8 file_node[CG_FRAME_NODE_LEN];
static uint64 file_generation = 0;	/* cg_spool_generation */
static TimestampTz file_checked = 0;	/* when it was looked up by name */
static Size file_written = 0;	/* since then */
static dev_t file_dev;
static ino_t file_ino;

uint8 *
cg_journal_prepare(void)
{
	/* The memory is touched, and so becomes resident, only as far as used. */
	if (frame_buffer == NULL)
		frame_buffer = MemoryContextAlloc(TopMemoryContext, CG_FRAME_MAX);
	if (list_buffer == NULL)
		list_buffer = MemoryContextAlloc(TopMemoryContext, CG_SET_LIST_MAX);
	if (IsTransactionState() && OidIsValid(MyDatabaseId))
		cg_journal_get_keys();
	return list_buffer;
}

bool
cg_journal_append(CgFrame *frame, const uint8 *list, Size len, int elevel)
{
	ssize_t		written;

	frame->ts = GetCurrentTimestamp();
	if (!have_file(frame->ts, elevel))
		return false;
	link_frame(frame);
	len = build_frame(frame, list, len);
	if (len == 0)
	{
		errno = EMSGSIZE;
		return report(elevel, "write to", file_path);
	}
	do
	{
		errno = 0;
		written = write(file, frame_buffer, len);
	} while (written < 0 && errno == EINTR);
	if (written == (ssize_t) len)
	{
		file_written += len;
		chain.number = frame->number;
		memcpy(chain.mac, frame_buffer + len - CG_SHA256_LEN, CG_SHA256_LEN);
		return true;
	}

	/* The rest cannot be appended: others may have written behind it. */
	if (errno == 0)
		errno = ENOSPC;
	return report(elevel, "write to", file_path);
}

bool
cg_journal_sync(int elevel)
{
	if (file < 0 || pg_fdatasync(file) == 0)
		return true;
	return report(elevel, "synchronize", file_path);
}

/* Whatever says which frame of which process this will be. */
static void
link_frame(CgFrame *frame)
{
	if (chain.pid != MyProcPid || chain.database != MyDatabaseId)
	{
		memset(&chain, 0, sizeof(chain));
		chain.pid = MyProcPid;
		chain.database = MyDatabaseId;
	}
	frame->node = file_node;
	frame->database = MyDatabaseId;
	frame->writer = (uint32) MyProcPid;
	frame->started = MyStartTimestamp;
	frame->number = chain.number + 1;
	frame->previous = chain.mac;
	frame->key_version = cg_journal_keys.version;
}

/* All bytes of a frame into the buffer; 0 if there are too many. */
static Size
build_frame(CgFrame *frame, const uint8 *list, Size len)
{
	const CgJournalKeys *keys = &cg_journal_keys;
	Size		room = len == 0 ? 0 : CG_STREAM_BOUND(len);
	Size		begun;
	size_t		sealed = 0;
	uint8	   *mac;
	pg_crc32c	crc;

	/* Without a key the record says so, and is written all the same. */
	if (len > 0 && keys->stream == NULL)
		frame->flags |= CG_FRAME_NO_KEY;
	begun = cg_frame_begin(frame, room, frame_buffer, CG_FRAME_MAX);
	if (begun == 0)
		return 0;
	if (len > 0 && keys->stream != NULL &&
		cg_stream_seal(keys->stream, list, len, frame_buffer + begun,
					   &sealed) != CG_OK)
	{
		sealed = 0;
		frame->flags |= CG_FRAME_NO_KEY;
		begun = cg_frame_begin(frame, 0, frame_buffer, CG_FRAME_MAX);
	}
	len = cg_frame_end(frame_buffer, begun, sealed);
	mac = frame_buffer + len - CG_SHA256_LEN;
	if (keys->hmac != NULL &&
		cg_frame_mac(keys->hmac, frame_buffer, len, mac) != CG_OK)
		memset(mac, 0, CG_SHA256_LEN);

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, frame_buffer + CG_FRAME_CRC_START,
				len - CG_FRAME_CRC_START);
	FIN_CRC32C(crc);
	cg_put_u32(frame_buffer + CG_FRAME_CRC_START - 4, crc);
	return len;
}

/* Have a segment open that takes frames of this moment. */
static bool
have_file(TimestampTz now, int elevel)
{
	int			month = month_of(now);
	off_t		limit = (off_t) cg_spool_segment_size * 1024 * 1024;
	struct stat st;
	CgSpoolFault fault;

	if (file >= 0 && file_segment.month == month &&
		file_segment.database == MyDatabaseId &&
		file_generation == cg_spool_generation)
	{
		if (now - file_checked >= 0 && now - file_checked < CHECK_INTERVAL &&
			file_written < CHECK_BYTES)
			return true;
		if (stat(file_path, &st) == 0 && st.st_dev == file_dev &&
			st.st_ino == file_ino && st.st_size < limit)
		{
			file_checked = now;
			file_written = 0;
			return true;
		}
	}

	close_file();
	file_generation = cg_spool_generation;
	file = cg_segment_open(MyDatabaseId, month, limit, &file_segment,
						   file_path, file_node, &fault);
	if (file < 0)
		return report(elevel, fault.what, fault.path);
	ReserveExternalFD();
	if (fstat(file, &st) != 0)
	{
		close_file();
		return report(elevel, "read", file_path);
	}
	file_checked = now;
	file_written = 0;
	file_dev = st.st_dev;
	file_ino = st.st_ino;
	return true;
}

/* YYYYMM in UTC. */
static int
month_of(TimestampTz t)
{
	static int64 last_day = -1;
	static int	month = 0;
	int64		day = t / USECS_PER_DAY;

	if (day != last_day)
	{
		pg_time_t	seconds = timestamptz_to_time_t(t);
		struct pg_tm *tm = pg_gmtime(&seconds);

		month = (tm->tm_year + 1900) * 100 + tm->tm_mon + 1;
		last_day = day;
	}
	return month;
}

static void
close_file(void)
{
	int			save_errno = errno;

	if (file >= 0)
	{
		close(file);
		file = -1;
		ReleaseExternalFD();
	}
	errno = save_errno;
}

/* Always false. */
static bool
report(int elevel, const char *what, const char *path)
{
	static const char *const outcomes[] = {
		[CG_FAILURE_MASK] = "readers are shown masks",
		[CG_FAILURE_DENY] = "statements that would show plaintext fail",
		[CG_FAILURE_WARN] = "plaintext is shown and not recorded"
	};

	ereport(elevel,
			(errcode(CG_ERRCODE_AUDIT),
			 errmsg("the disclosure journal could not be written"),
			 errdetail_log("Could not %s \"%s\": %m.", what, path),
			 errhint("Free some space, or see that %s is a directory in which only the operating-system user of the server may write; until then %s.",
					 "cipguard.spool_directory",
					 outcomes[cg_on_audit_failure])));
	return false;
}

/*
 * journal_file.c
 *		Files of the disclosure journal: appending and finding them.
 *
 * A database has a file for each month (UTC), mode 0600, in a directory of
 * mode 0700 inside the data directory.  A frame is appended by a single
 * write() to a descriptor opened with O_APPEND.  Local file systems of the
 * systems that PostgreSQL runs on serialize such writes on the inode, so
 * frames of concurrent processes do not interleave, and no lock is needed;
 * NFS gives no such promise.
 *
 * What each kind of crash can lose.  A write() that has returned is in the
 * kernel: it survives the death of this process, of all processes, and an
 * immediate shutdown.  There is no fsync: a crash of the operating system or
 * loss of power can take the last seconds (Linux: about 30).  A process that
 * is killed by SIGKILL while it writes can leave a torn frame, and so can a
 * full disk: others append behind it, and readers skip it.
 *
 * A descriptor is kept open from one statement to the next.  With the first
 * value of each statement, stat() tells whether its file is still the one of
 * that name, and with each record fstat() whether it was removed, so that
 * records do not vanish into a file that somebody has removed or replaced.
 *
 * Appending also happens where a transaction has failed: there nothing can be
 * allocated or looked up, hence cg_journal_prepare().  The key is that of the
 * category `unclassified`, as a cipher context of our own, since those of the
 * keyring go away when keys change.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "pgtime.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "bytes.h"
#include "category.h"
#include "cipguard.h"
#include "envelope.h"
#include "journal_file.h"
#include "keyring.h"

#define SUITE		CG_SUITE_AES_RANDOM
#define PAD			16
#define FILE_TRUSTED	USECS_PER_SEC	/* before it is looked up by name */

static void get_key(void);
static bool open_file(TimestampTz now, bool by_name, int elevel);
static int	open_path(const char *path);
static void close_file(void);
static void link_frame(CgFrame *frame);
static void close_frame(uint8 *data, Size len);
static Size seal(const uint8 *list, Size len, uint8 *out, Size cap);

static uint8 *frame_buffer = NULL;
static uint8 *list_buffer = NULL;

static CgCipher *cipher = NULL; /* NULL: no key can be had */
static uint16 cipher_version = 0;
static CgHmac *hmac = NULL;		/* the same */
static uint16 hmac_version = 0;
static uint64 cipher_keyring = 0;	/* cg_keyring_refresh() when they were made */

/* The chain of this process in this database. */
static int	chain_pid = 0;
static Oid	chain_database = InvalidOid;
static uint64 chain_number = 0;
static uint8 chain_mac[CG_SHA256_LEN];

static int	file = -1;
static int	file_month = 0;		/* YYYYMM */
static TimestampTz file_checked = 0;	/* when it was looked up by name */
static dev_t file_dev;
static ino_t file_ino;

uint8 *
cg_journal_prepare(void)
{
	/* The memory is touched, and so becomes resident, only as far as used. */
	if (frame_buffer == NULL)
		frame_buffer = MemoryContextAlloc(TopMemoryContext, CG_FRAME_MAX);
	if (list_buffer == NULL)
		list_buffer = MemoryContextAlloc(TopMemoryContext,
										 CG_JOURNAL_LIST_MAX);
	get_key();
	(void) open_file(GetCurrentTimestamp(), true, ERROR);
	return list_buffer;
}

/* A key that cannot be had is asked for again next time. */
static void
get_key(void)
{
	uint64		keyring = cg_keyring_refresh();

	if (cipher != NULL && cipher_keyring == keyring)
		return;
	if (cipher != NULL)
		cg_cipher_free(cipher);
	cipher = NULL;
	cipher_version = 0;
	cipher = cg_keyring_own_cipher(cg_category_unclassified(),
								   &cipher_version, SUITE);
	if (hmac != NULL)
		cg_hmac_free(hmac);
	hmac = NULL;
	hmac_version = 0;
	hmac = cg_keyring_own_hmac(cg_name_hash(CG_DOMAIN_JOURNAL), &hmac_version,
							   CG_JOURNAL_KEY_INFO);
	cipher_keyring = keyring;
}

/* Whatever says which frame of which process this will be. */
static void
link_frame(CgFrame *frame)
{
	if (chain_pid != MyProcPid || chain_database != MyDatabaseId)
	{
		chain_pid = MyProcPid;
		chain_database = MyDatabaseId;
		chain_number = 0;
		memset(chain_mac, 0, sizeof(chain_mac));
	}
	frame->ts = GetCurrentTimestamp();
	frame->database = MyDatabaseId;
	frame->writer = (uint32) MyProcPid;
	frame->started = MyStartTimestamp;
	frame->number = chain_number + 1;
	frame->previous = chain_mac;
	frame->key_version = hmac == NULL ? 0 : hmac_version;
}

/* Close a frame: MAC and CRC. */
static void
close_frame(uint8 *data, Size len)
{
	pg_crc32c	crc;

	if (hmac != NULL &&
		cg_frame_mac(hmac, data, len, data + len - CG_SHA256_LEN) != CG_OK)
		memset(data + len - CG_SHA256_LEN, 0, CG_SHA256_LEN);
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, data + CG_FRAME_CRC_START, len - CG_FRAME_CRC_START);
	FIN_CRC32C(crc);
	cg_put_u32(data + CG_FRAME_CRC_START - 4, crc);
}

bool
cg_journal_append(CgFrame *frame, const uint8 *list, Size len, int elevel)
{
	Size		room = len == 0 ? 0 : cg_envelope_bound(SUITE, len, PAD);
	Size		begun;
	Size		sealed = 0;
	ssize_t		written;

	link_frame(frame);
	if (!open_file(frame->ts, frame->ts - file_checked > FILE_TRUSTED, elevel))
		return false;

	/* Without a key the record says so, and is written all the same. */
	if (len > 0 && cipher == NULL)
		frame->flags |= CG_FRAME_NO_KEY;
	begun = cg_frame_begin(frame, room, frame_buffer, CG_FRAME_MAX);
	if (begun == 0)
	{
		ereport(elevel,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg_internal("record of disclosure is too long")));
		return false;
	}
	if (len > 0 && cipher != NULL)
	{
		sealed = seal(list, len, frame_buffer + begun, CG_FRAME_MAX - begun);
		if (sealed == 0)
		{
			frame->flags |= CG_FRAME_NO_KEY;
			begun = cg_frame_begin(frame, 0, frame_buffer, CG_FRAME_MAX);
		}
	}
	len = cg_frame_end(frame_buffer, begun, sealed);
	close_frame(frame_buffer, len);

	do
	{
		errno = 0;
		written = write(file, frame_buffer, len);
	} while (written < 0 && errno == EINTR);
	if (written == (ssize_t) len)
	{
		chain_number++;
		memcpy(chain_mac, frame_buffer + len - CG_SHA256_LEN, CG_SHA256_LEN);
		return true;
	}

	/* The rest cannot be appended: others may have written behind it. */
	if (errno == 0)
		errno = ENOSPC;
	ereport(elevel,
			(errcode(CG_ERRCODE_AUDIT),
			 errmsg("could not write to the disclosure journal in \"%s\": %m",
					CG_JOURNAL_DIR),
			 errdetail("The directory is in the data directory of the server."),
			 errhint("Free some space; until then roles that may read get an error instead of plaintext.")));
	return false;
}

/* Seal a list of subjects; 0 if that cannot be done. */
static Size
seal(const uint8 *list, Size len, uint8 *out, Size cap)
{
	uint8		nonce[CG_MAX_NONCE_LEN];
	CgSealSpec	spec;
	size_t		out_len = 0;

	if (!pg_strong_random(nonce, cg_suite_by_id(SUITE)->nonce_len))
		return 0;
	spec.type = CG_TYPE_SUBJECTS;
	spec.category = (uint32) cg_category_unclassified();
	spec.dek_version = cipher_version;
	spec.token_version = 0;
	spec.pad = PAD;
	if (cg_envelope_seal(cipher, NULL, &spec, list, len, NULL, 0, nonce,
						 out, cap, &out_len) != CG_OK)
		return 0;
	return out_len;
}

/* Have the file of this moment open; by_name: and be sure that it is. */
static bool
open_file(TimestampTz now, bool by_name, int elevel)
{
	pg_time_t	t = timestamptz_to_time_t(now);
	struct pg_tm *tm = pg_gmtime(&t);
	int			month = (tm->tm_year + 1900) * 100 + tm->tm_mon + 1;
	char		path[MAXPGPATH];
	struct stat st;

	if (!by_name && file >= 0 && month == file_month &&
		fstat(file, &st) == 0 && st.st_nlink > 0)
		return true;

	snprintf(path, sizeof(path), "%s/" CG_JOURNAL_PREFIX "%06d",
			 CG_JOURNAL_DIR, MyDatabaseId, month);
	if (file >= 0 && month == file_month && stat(path, &st) == 0 &&
		st.st_dev == file_dev && st.st_ino == file_ino)
	{
		file_checked = now;
		return true;
	}

	close_file();
	file = open_path(path);
	if (file >= 0 && fstat(file, &st) == 0)
	{
		file_month = month;
		file_checked = now;
		file_dev = st.st_dev;
		file_ino = st.st_ino;
		ReserveExternalFD();
		return true;
	}
	if (file >= 0)
	{
		int			save_errno = errno;

		close(file);
		file = -1;
		errno = save_errno;
	}
	ereport(elevel,
			(errcode(CG_ERRCODE_AUDIT),
			 errmsg("could not open the disclosure journal \"%s\": %m", path),
			 errdetail("The path is relative to the data directory of the server."),
			 errhint("The operating-system user of the server must be able to write there; until then roles that may read get an error instead of plaintext.")));
	return false;
}

/* -1, and errno, if it cannot be opened. */
static int
open_path(const char *path)
{
	const int	flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | PG_BINARY;
	int			fd = BasicOpenFilePerm(path, flags, S_IRUSR | S_IWUSR);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	if ((mkdir(CG_JOURNAL_PARENT, S_IRWXU) != 0 && errno != EEXIST) ||
		(mkdir(CG_JOURNAL_DIR, S_IRWXU) != 0 && errno != EEXIST))
		return -1;
	return BasicOpenFilePerm(path, flags, S_IRUSR | S_IWUSR);
}

static void
close_file(void)
{
	if (file < 0)
		return;
	close(file);
	file = -1;
	ReleaseExternalFD();
}

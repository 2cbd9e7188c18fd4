/*
 * epoch.c
 *		Where epoch keys are: outside of the database and of its backups.
 *
 * A backup holds the wrapped keys of all subjects there were, and the KEK
 * that would open them still exists.  So what wraps a subject's key depends
 * on an epoch key, too, of which there is one copy, where no backup goes:
 * a file in cipguard.epoch_directory, or what cipguard.epoch_command keeps.
 *
 * In the directory "epoch_N_NAME.key" holds 64 hexadecimal digits.  A key is
 * destroyed by leaving a note, "epoch_N_NAME.destroyed", writing other bytes
 * over it and removing it, each step on disk before the next: the note tells
 * a key that was destroyed from one on a device that is not mounted.  What a
 * file system or a device keeps of old blocks is out of reach from here.
 *
 * The command is run by a shell, %o replaced by create, get or destroy, %e by
 * N and %n by NAME.  To create and to get it prints 64 hexadecimal digits, to
 * get what was destroyed the word "destroyed".
 *
 * NAME is random: an epoch of the same number made by a copy of the database
 * is another epoch.
 */
#include "postgres.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"

#include "compat.h"

#include "cipguard.h"
#include "epoch.h"
#include "guc.h"
#include "wipe.h"

#define HEX_LEN		(2 * CG_KEK_LEN)
#define TEXT_MAX	256			/* what a source may print */

static bool by_command(void);
static void check_directory(void);
static char *file_name(int32 epoch, const char *name, const char *suffix);
static void write_file(const char *path, const char *text, int len,
					   bool existing);
static void remove_file(const char *path);
static int	run_command(const char *operation, int32 epoch, const char *name,
						char *text, bool raise);
static bool parse_key(const char *text, int len, uint8 *key);
static CgEpochStatus read_file(int32 epoch, const char *name, uint8 *key,
							   bool raise);
pg_noreturn static void unusable(const char *what);

static bool
by_command(void)
{
	return cg_epoch_command != NULL && cg_epoch_command[0] != '\0';
}

bool
cg_epoch_configured(void)
{
	return by_command() ||
		(cg_epoch_directory != NULL && cg_epoch_directory[0] != '\0');
}

void
cg_epoch_require(void)
{
	if (!cg_epoch_configured())
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("no place for epoch keys is configured"),
				 errdetail("Keys of subjects are wrapped by an epoch key, too, which is kept outside of the database so that it can be destroyed."),
				 errhint("Set %s or %s in postgresql.conf and reload.",
						 "cipguard.epoch_directory",
						 "cipguard.epoch_command")));
	if (!by_command())
		check_directory();
}

/* Where a base backup would take it along it could never be destroyed. */
static void
check_directory(void)
{
	struct stat st;
	char		real[PATH_MAX]; /* what realpath() asks for */
	char		data[PATH_MAX];

	if (!is_absolute_path(cg_epoch_directory) ||
		realpath(cg_epoch_directory, real) == NULL ||
		stat(real, &st) != 0 || !S_ISDIR(st.st_mode))
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("\"%s\" does not name a directory: \"%s\"",
						"cipguard.epoch_directory", cg_epoch_directory),
				 errhint("Make the directory, or mount what holds it; the path must be absolute.")));
	if (realpath(DataDir, data) == NULL)
		strlcpy(data, DataDir, sizeof(data));
	if (path_is_prefix_of_path(data, real))
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_INSECURE),
				 errmsg("\"%s\" lies inside the data directory",
						"cipguard.epoch_directory"),
				 errdetail("Backups would keep epoch keys that were destroyed."),
				 errhint("Choose a directory that no backup takes along.")));
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_INSECURE),
				 errmsg("directory \"%s\" of epoch keys has group or world access",
						cg_epoch_directory),
				 errdetail("The permissions are %04o.",
						   (unsigned int) (st.st_mode & 07777)),
				 errhint("Set the permissions to 0700.")));
}

static char *
file_name(int32 epoch, const char *name, const char *suffix)
{
	return psprintf("%s/epoch_%d_%s.%s", cg_epoch_directory, epoch, name,
					suffix);
}

static void
unusable(const char *what)
{
	ereport(ERROR,
			(errcode(CG_ERRCODE_KEK_MISSING),
			 errmsg("could not %s in the directory of epoch keys: %m", what),
			 errhint("The operating-system user of the server must own the directory that %s names, and there must be room.",
					 "cipguard.epoch_directory")));
}

/* All is on disk when it returns; a new file is not there before it is whole. */
static void
write_file(const char *path, const char *text, int len, bool existing)
{
	int			fd = OpenTransientFilePerm(path, O_WRONLY | PG_BINARY |
										   (existing ? 0 : O_CREAT | O_EXCL),
										   S_IRUSR | S_IWUSR);
	bool		good;
	int			save_errno;

	if (fd < 0)
		unusable(existing ? "write" : "create a file");
	errno = 0;
	good = write(fd, text, len) == len && fsync(fd) == 0;
	save_errno = errno;
	CloseTransientFile(fd);
	errno = save_errno != 0 ? save_errno : ENOSPC;
	if (!good)
	{
		if (!existing)
			unlink(path);
		errno = save_errno != 0 ? save_errno : ENOSPC;
		unusable("write");
	}
	fsync_fname(cg_epoch_directory, true);
}

static void
remove_file(const char *path)
{
	if (unlink(path) != 0 && errno != ENOENT)
		unusable("remove a file");
	fsync_fname(cg_epoch_directory, true);
}

void
cg_epoch_create(int32 epoch, const char *name, uint8 key[CG_KEK_LEN])
{
	static const char digits[] = "0123456789abcdef";
	char		text[TEXT_MAX + 1];
	int			len;
	int			i;

	cg_epoch_require();
	if (by_command())
	{
		bool		good;

		len = run_command("create", epoch, name, text, true);
		good = parse_key(text, len, key);
		cg_wipe(text, sizeof(text));
		if (!good)
			ereport(ERROR,
					(errcode(CG_ERRCODE_KEK_INVALID),
					 errmsg("command in \"%s\" gave no epoch key",
							"cipguard.epoch_command"),
					 errdetail("It must print 64 hexadecimal digits, and nothing else."),
					 errhint("Run it as the operating-system user of the server to see what it says.")));
		return;
	}
	if (!pg_strong_random(key, CG_KEK_LEN))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not get random bytes for a key")));
	for (i = 0; i < CG_KEK_LEN; i++)
	{
		text[2 * i] = digits[key[i] >> 4];
		text[2 * i + 1] = digits[key[i] & 15];
	}
	text[HEX_LEN] = '\n';
	PG_TRY();
	{
		write_file(file_name(epoch, name, "key"), text, HEX_LEN + 1, false);
	}
	PG_FINALLY();
	{
		cg_wipe(text, sizeof(text));
	}
	PG_END_TRY();
}

CgEpochStatus
cg_epoch_get(int32 epoch, const char *name, uint8 key[CG_KEK_LEN], bool raise)
{
	char		text[TEXT_MAX + 1];
	int			len;
	CgEpochStatus status;

	if (!cg_epoch_configured())
	{
		if (raise)
			cg_epoch_require();
		return CG_EPOCH_ABSENT;
	}
	if (!by_command())
		return read_file(epoch, name, key, raise);
	len = run_command("get", epoch, name, text, raise);
	if (parse_key(text, len, key))
		status = CG_EPOCH_FOUND;
	else if (len >= 9 && strncmp(text, "destroyed", 9) == 0)
		status = CG_EPOCH_DESTROYED;
	else
		status = CG_EPOCH_ABSENT;
	cg_wipe(text, sizeof(text));
	if (status == CG_EPOCH_ABSENT && raise)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("command in \"%s\" gave no key of epoch %d",
						"cipguard.epoch_command", epoch),
				 errhint("Run it as the operating-system user of the server to see what it says.")));
	return status;
}

static CgEpochStatus
read_file(int32 epoch, const char *name, uint8 *key, bool raise)
{
	char	   *path = file_name(epoch, name, "key");
	char		text[TEXT_MAX + 1];
	struct stat st;
	int			fd;
	ssize_t		len;
	bool		good;

	if (raise)
		check_directory();
	/* The note comes first: a crash may have left the key beside it. */
	if (access(file_name(epoch, name, "destroyed"), F_OK) == 0)
		return CG_EPOCH_DESTROYED;
	fd = OpenTransientFile(path, O_RDONLY | PG_BINARY);
	if (fd < 0)
	{
		if (!raise)
			return CG_EPOCH_ABSENT;
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("could not open the file \"%s\" of an epoch key: %m",
						path),
				 errhint("Put the file where it was, or mount what holds it. If the epoch was closed after this copy of the database was made, bring the keys of those who were left with %s.",
						 "cipguard.import_subject_keys()")));
	}
	len = fstat(fd, &st) == 0 ? read(fd, text, TEXT_MAX) : -1;
	CloseTransientFile(fd);
	if (raise && len >= 0 && (st.st_mode & (S_IRWXG | S_IRWXO)))
	{
		cg_wipe(text, sizeof(text));
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_INSECURE),
				 errmsg("key file \"%s\" has group or world access", path),
				 errhint("Set the permissions to 0600 or less.")));
	}
	good = len >= 0 && parse_key(text, (int) len, key);
	cg_wipe(text, sizeof(text));
	if (!good && raise)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_INVALID),
				 errmsg("file \"%s\" holds no epoch key", path),
				 errhint("Restore the file.")));
	return good ? CG_EPOCH_FOUND : CG_EPOCH_ABSENT;
}

void
cg_epoch_destroy(int32 epoch, const char *name)
{
	char	   *path;
	char		noise[HEX_LEN + 1];
	char		text[TEXT_MAX + 1];

	cg_epoch_require();
	if (by_command())
	{
		(void) run_command("destroy", epoch, name, text, true);
		cg_wipe(text, sizeof(text));
		return;
	}
	path = file_name(epoch, name, "destroyed");
	if (access(path, F_OK) != 0)
		write_file(path, "destroyed\n", 10, false);
	path = file_name(epoch, name, "key");
	if (access(path, F_OK) != 0)
		return;
	if (!pg_strong_random(noise, sizeof(noise)))
		memset(noise, 0, sizeof(noise));
	write_file(path, noise, sizeof(noise), true);
	remove_file(path);
}

/*
 * What the command printed, at most TEXT_MAX bytes and a zero.  Without raise
 * a command that fails printed nothing.  Its text is not repeated in
 * messages: it may hold credentials.
 */
static int
run_command(const char *operation, int32 epoch, const char *name, char *text,
			bool raise)
{
	StringInfoData command;
	const char *p;
	FILE	   *pipe;
	size_t		len;
	int			status;

	initStringInfo(&command);
	for (p = cg_epoch_command; *p != '\0'; p++)
	{
		if (p[0] != '%' || p[1] == '\0')
			appendStringInfoChar(&command, *p);
		else if (*++p == 'o')
			appendStringInfoString(&command, operation);
		else if (*p == 'e')
			appendStringInfo(&command, "%d", epoch);
		else if (*p == 'n')
			appendStringInfoString(&command, name);
		else
			appendStringInfoChar(&command, *p);
	}

	text[0] = '\0';
	(void) fflush(NULL);
	pipe = OpenPipeStream(command.data, "r");
	if (pipe == NULL)
		status = -1;
	else
	{
		len = fread(text, 1, TEXT_MAX, pipe);
		text[len] = '\0';
		status = ClosePipeStream(pipe);
		if (status == 0)
			return (int) len;
	}
	cg_wipe(text, TEXT_MAX);
	if (raise)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("command in \"%s\" could not %s the key of epoch %d",
						"cipguard.epoch_command", operation, epoch),
				 status > 0 ? errdetail_internal("%s", wait_result_to_str(status)) : 0,
				 errhint("Run the command as the operating-system user of the server to see what it says.")));
	return 0;
}

/* 64 hexadecimal digits, perhaps with white space after them. */
static bool
parse_key(const char *text, int len, uint8 *key)
{
	int			i;

	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		len--;
	if (len != HEX_LEN)
		return false;
	for (i = 0; i < HEX_LEN; i++)
	{
		char		c = text[i];
		int			digit = c >= '0' && c <= '9' ? c - '0' :
		c >= 'a' && c <= 'f' ? c - 'a' + 10 :
		c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (digit < 0)
			return false;
		key[i / 2] = (uint8) (i % 2 == 0 ? digit << 4 : key[i / 2] | digit);
	}
	return true;
}

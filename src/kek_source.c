/*
 * kek_source.c
 *		Fetching a key-encryption key (KEK) from where settings point.
 *
 * A command prints it (a KMS or vault client, an HSM tool) or a file of mode
 * 0600 holds it.  What a command says on its standard error is thrown away:
 * one that traces what it does would write the key to the server log.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"

#include "compat.h"

#include "cipguard.h"
#include "command.h"
#include "guc.h"
#include "kek_source.h"
#include "kek_text.h"
#include "wipe.h"

#define KEK_TEXT_MAX	256		/* what a source may print, with white space */

static Size read_command(const CgKekSource *source, char *text);
static void parse_kek(char *text, Size len, uint8 *key);

static bool
is_set(const char *setting)
{
	return setting != NULL && setting[0] != '\0';
}

bool
cg_kek_source_set(const CgKekSource *source)
{
	return is_set(source->command) || is_set(source->file);
}

void
cg_kek_fetch(const CgKekSource *source, uint8 key[CG_KEK_LEN])
{
	char		text[KEK_TEXT_MAX];
	Size		len;

	if (is_set(source->command))
		len = read_command(source, text);
	else if (is_set(source->file))
		len = cg_read_secret_file(source->file, source->file_setting, text,
								  KEK_TEXT_MAX);
	else
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("no key-encryption key is configured"),
				 errhint("Set %s or %s in postgresql.conf and reload; then call %s, or if the database has no keys yet, %s.",
						 source->command_setting, source->file_setting,
						 "cipguard.unseal()", "cipguard.init()")));
	parse_kek(text, len, key);
}

static Size
read_command(const CgKekSource *source, char *text)
{
	CgCommand	c = {.command = source->command,.timeout = cg_kek_timeout,
		.quiet = true,.out = text,.cap = KEK_TEXT_MAX
	};

	if (!cg_run_command(&c))
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("could not run the command in \"%s\": %m",
						source->command_setting),
				 errhint("The operating-system user of the server must be able to start a shell.")));
	if (c.late)
	{
		cg_wipe(text, KEK_TEXT_MAX);
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("command in \"%s\" gave no key-encryption key",
						source->command_setting),
				 errdetail("It was killed after %d seconds.", cg_kek_timeout),
				 errhint("Run the command as the operating-system user of the server to see what it waits for; %s sets the time it may take.",
						 "cipguard.kek_timeout")));
	}
	if (c.status != 0)
	{
		char	   *reason = wait_result_to_str(c.status);

		cg_wipe(text, KEK_TEXT_MAX);
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("command in \"%s\" gave no key-encryption key",
						source->command_setting),
				 errdetail_internal("%s", reason),
				 errhint("Run the command as the operating-system user of the server to see what it says.")));
	}
	return c.len;
}

Size
cg_read_secret_file(const char *path, const char *setting, char *text,
					Size max)
{
	struct stat st;
	int			fd;
	int			save_errno;
	ssize_t		len;

	if (!is_absolute_path(path))
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("\"%s\" must be an absolute path", setting),
				 errhint("Write a path that begins with \"/\".")));

	fd = OpenTransientFile(path, O_RDONLY | PG_BINARY | O_NONBLOCK);
	if (fd < 0)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("could not open the key file \"%s\": %m", path),
				 errhint("The operating-system user of the server must be able to read it, and to enter its directories.")));

	/*
	 * Closed before any complaint: the postmaster would keep it open.  A file
	 * that will be complained of is not read.
	 */
	len = fstat(fd, &st);
	if (len == 0 && S_ISREG(st.st_mode) &&
		(st.st_uid == geteuid() || st.st_uid == 0) &&
		(st.st_mode & (S_IRWXG | S_IRWXO)) == 0)
		len = read(fd, text, max);
	save_errno = errno;
	CloseTransientFile(fd);
	errno = save_errno;
	if (len < 0)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("could not read the key file \"%s\": %m", path),
				 errhint("Point %s at a file on a device that works.",
						 setting)));
	if (!S_ISREG(st.st_mode))
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_INSECURE),
				 errmsg("key file \"%s\" is not a regular file", path),
				 errhint("Point %s at a file.", setting)));
	if (st.st_uid != geteuid() && st.st_uid != 0)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_INSECURE),
				 errmsg("key file \"%s\" belongs to another user", path),
				 errhint("Make the server's operating-system user or root its owner.")));
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_INSECURE),
				 errmsg("key file \"%s\" has group or world access", path),
				 errdetail("The permissions are %04o.",
						   (unsigned int) (st.st_mode & 07777)),
				 errhint("Set the permissions to 0600 or less.")));
	if (DataDir != NULL && path_is_prefix_of_path(DataDir, path))
		ereport(WARNING,
				(errcode(CG_ERRCODE_KEK_INSECURE),
				 errmsg("key file \"%s\" lies inside the data directory",
						path),
				 errdetail("A base backup holds the key beside the data it protects."),
				 errhint("Move it to a place of its own.")));
	return (Size) len;
}

/* Wipes text. */
static void
parse_kek(char *text, Size len, uint8 *key)
{
	const char *fault = cg_kek_parse(text, len, key);

	cg_wipe(text, KEK_TEXT_MAX);
	if (fault != NULL)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_INVALID),
				 errmsg("key-encryption key is invalid: %s", fault),
				 errdetail("It must be 64 hexadecimal digits or base64 of 32 bytes, and nothing else."),
				 errhint("Make one with: %s", "openssl rand -hex 32")));
}

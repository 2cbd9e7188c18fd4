/*
 * key_provider.c
 *		Where the key-encryption key (KEK) comes from.
 *
 * The KEK lives outside the database: a command prints it (a KMS or vault
 * client, an HSM tool) or a file of mode 0600 holds it.  A preloaded server
 * fetches it once, in the postmaster, and its children inherit the memory;
 * otherwise each backend fetches it on first use.  When a superuser points
 * the settings elsewhere, the next use fetches again.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xact.h"
#include "common/string.h"
#include "miscadmin.h"
#include "storage/fd.h"

#include "bytes.h"
#include "cipguard.h"
#include "digest.h"
#include "guc.h"
#include "keywrap.h"
#include "key_provider.h"
#include "secret.h"
#include "wipe.h"

#define KEK_TEXT_MAX	256		/* what a source may print, with white space */

static void fetch_kek(uint8 *key);
static int	read_command(char *text);
static int	read_file(char *text);
static void parse_kek(char *text, int len, uint8 *key);
static bool is_blank(char c);
static int	hex_digit(char c);
static int	base64_digit(char c);

static uint8 *kek = NULL;		/* in secret memory */
static uint64 kek_generation = 0;	/* cg_kek_generation when fetched */

bool
cg_kek_configured(void)
{
	return (cg_kek_command != NULL && cg_kek_command[0] != '\0') ||
		(cg_kek_file != NULL && cg_kek_file[0] != '\0');
}

const uint8 *
cg_kek(void)
{
	if (kek_generation != cg_kek_generation)
	{
		if (kek == NULL)
			kek = cg_secret_alloc(CG_KEK_LEN);
		kek_generation = 0;
		cg_wipe(kek, CG_KEK_LEN);
		fetch_kek(kek);
		kek_generation = cg_kek_generation;
	}
	return kek;
}

bool
cg_kek_reachable(void)
{
	static TimestampTz failed_at = 0;
	MemoryContext context = CurrentMemoryContext;
	volatile bool reachable = true;

	if (kek_generation == cg_kek_generation)
		return true;
	if (failed_at == GetCurrentTransactionStartTimestamp())
		return false;
	PG_TRY();
	{
		(void) cg_kek();
	}
	PG_CATCH();
	{
		/* Fetching leaves nothing behind that a rollback would have to undo. */
		MemoryContextSwitchTo(context);
		if (ERRCODE_TO_CATEGORY(geterrcode()) !=
			ERRCODE_TO_CATEGORY(CG_ERRCODE_KEK_MISSING))
			PG_RE_THROW();
		FlushErrorState();
		failed_at = GetCurrentTransactionStartTimestamp();
		reachable = false;
	}
	PG_END_TRY();
	return reachable;
}

void
cg_kek_id(const uint8 *key, uint8 id[CG_KEK_ID_LEN])
{
	static const char info[] = "cipguard/v1/kek-id";

	if (cg_hkdf(key, CG_KEK_LEN, NULL, 0, info, sizeof(info) - 1,
				id, CG_KEK_ID_LEN) != CG_OK)
		elog(ERROR, "could not derive the name of a key");
}

/*
 * A server that cannot reach its KEK starts all the same: tables without
 * protected columns work, and the next use tries again.
 */
void
cg_kek_fetch_at_start(void)
{
	MemoryContext context = CurrentMemoryContext;

	if (!cg_kek_configured())
		return;
	PG_TRY();
	{
		(void) cg_kek();
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
		ereport(WARNING,
				(errcode(edata->sqlerrcode),
				 errmsg("server starts without key-encryption key: %s",
						edata->message),
				 edata->detail ? errdetail_internal("%s", edata->detail) : 0,
				 edata->hint ? errhint("%s", edata->hint) : 0));
		FreeErrorData(edata);
	}
	PG_END_TRY();
}

static void
fetch_kek(uint8 *key)
{
	char		text[KEK_TEXT_MAX + 1];
	int			len;

	if (cg_kek_command != NULL && cg_kek_command[0] != '\0')
		len = read_command(text);
	else if (cg_kek_file != NULL && cg_kek_file[0] != '\0')
		len = read_file(text);
	else
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("no key-encryption key is configured"),
				 errhint("Set %s or %s in postgresql.conf and reload; if the database has no keys yet, call %s.",
						 "cipguard.kek_command", "cipguard.kek_file",
						 "cipguard.init()")));
	parse_kek(text, len, key);
}

/*
 * Run the command and return what it printed.  Its text is not repeated in
 * messages: command lines of key stores may hold credentials.
 */
static int
read_command(char *text)
{
	FILE	   *pipe;
	size_t		len;
	int			status;

	fflush(NULL);
	pipe = OpenPipeStream(cg_kek_command, "r");
	if (pipe == NULL)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("could not run the command in \"%s\": %m",
						"cipguard.kek_command"),
				 errhint("The operating-system user of the server must be able to start a shell.")));
	len = fread(text, 1, KEK_TEXT_MAX, pipe);
	status = ClosePipeStream(pipe);
	if (status != 0)
	{
		char	   *reason = wait_result_to_str(status);

		cg_wipe(text, KEK_TEXT_MAX);
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("command in \"%s\" gave no key-encryption key",
						"cipguard.kek_command"),
				 errdetail_internal("%s", reason),
				 errhint("Run the command as the operating-system user of the server to see what it says.")));
	}
	return (int) len;
}

static int
read_file(char *text)
{
	struct stat st;
	int			fd;
	int			save_errno;
	ssize_t		len;

	if (!is_absolute_path(cg_kek_file))
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("\"%s\" must be an absolute path",
						"cipguard.kek_file"),
				 errhint("Write a path that begins with \"/\".")));

	fd = OpenTransientFile(cg_kek_file, O_RDONLY | PG_BINARY);
	if (fd < 0)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("could not open the key file \"%s\": %m",
						cg_kek_file),
				 errhint("The operating-system user of the server must be able to read it, and to enter its directories.")));

	/* Closed before any complaint: the postmaster would keep it open. */
	len = fstat(fd, &st) == 0 ? read(fd, text, KEK_TEXT_MAX) : -1;
	save_errno = errno;
	CloseTransientFile(fd);
	errno = save_errno;
	if (len < 0)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("could not read the key file \"%s\": %m",
						cg_kek_file),
				 errhint("Point %s at a file on a device that works.",
						 "cipguard.kek_file")));
	if (!S_ISREG(st.st_mode))
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_INSECURE),
				 errmsg("key file \"%s\" is not a regular file",
						cg_kek_file),
				 errhint("Point %s at a file; for anything else use %s.",
						 "cipguard.kek_file", "cipguard.kek_command")));
	if (st.st_uid != geteuid() && st.st_uid != 0)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_INSECURE),
				 errmsg("key file \"%s\" belongs to another user",
						cg_kek_file),
				 errhint("Make the server's operating-system user or root its owner.")));
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_INSECURE),
				 errmsg("key file \"%s\" has group or world access",
						cg_kek_file),
				 errdetail("The permissions are %04o.",
						   (unsigned int) (st.st_mode & 07777)),
				 errhint("Set the permissions to 0600 or less.")));
	if (DataDir != NULL && path_is_prefix_of_path(DataDir, cg_kek_file))
		ereport(WARNING,
				(errcode(CG_ERRCODE_KEK_INSECURE),
				 errmsg("key file \"%s\" lies inside the data directory",
						cg_kek_file),
				 errdetail("A base backup holds the key beside the data it protects."),
				 errhint("Move it to a place of its own.")));
	return (int) len;
}

/* Decode 64 hex digits or base64 of 32 bytes; wipes text. */
static void
parse_kek(char *text, int len, uint8 *key)
{
	char	   *start = text;
	const char *fault = NULL;
	int			i;

	text[len] = '\0';
	while (len > 0 && is_blank(start[len - 1]))
		start[--len] = '\0';
	while (len > 0 && is_blank(*start))
	{
		start++;
		len--;
	}

	if (len == 0)
		fault = "empty";
	else if (len == 2 * CG_KEK_LEN)
	{
		for (i = 0; i < CG_KEK_LEN && fault == NULL; i++)
		{
			int			high = hex_digit(start[2 * i]);
			int			low = hex_digit(start[2 * i + 1]);

			if (high < 0 || low < 0)
				fault = "malformed";
			else
				key[i] = (uint8) (high << 4 | low);
		}
	}
	else if (len == 43 || (len == 44 && start[43] == '='))
	{
		uint32		bits = 0;
		int			nbits = 0;
		int			n = 0;

		for (i = 0; i < 43 && fault == NULL; i++)
		{
			int			digit = base64_digit(start[i]);

			if (digit < 0)
				fault = "malformed";
			bits = bits << 6 | (uint32) digit;
			nbits += 6;
			if (nbits >= 8)
			{
				nbits -= 8;
				key[n++] = (uint8) (bits >> nbits);
				bits &= (1u << nbits) - 1;
			}
		}
		if (fault == NULL && bits != 0)
			fault = "malformed";
	}
	else if (len < 2 * CG_KEK_LEN)
		fault = "too short";
	else
		fault = "too long";
	cg_wipe(text, KEK_TEXT_MAX);

	/* A disk of zeros or a placeholder is no key. */
	for (i = 1; fault == NULL && i < CG_KEK_LEN && key[i] == key[0]; i++)
		;
	if (fault == NULL && i == CG_KEK_LEN)
		fault = "one byte repeated";

	if (fault != NULL)
	{
		cg_wipe(key, CG_KEK_LEN);
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_INVALID),
				 errmsg("key-encryption key is invalid: %s", fault),
				 errdetail("It must be 64 hexadecimal digits or base64 of 32 bytes, and nothing else."),
				 errhint("Make one with: %s", "openssl rand -hex 32")));
	}
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

/*
 * budget_file.c
 *		What of the budgets outlives the server: the file of their marks.
 *
 * The file is cipguard/budget in the data directory: a head and an entry for
 * each slot of shared memory, each in a sector of its own, so that the disk
 * has either the old or the new one, and each with a CRC.
 *
 * Its head holds the inode of the file.  In a copy, as pg_basebackup or a
 * restore makes it, that is another one: what a role was shown on another node
 * does not count here.  (Copying the file onto itself is the same as removing
 * it, and like that takes somebody who can write the data directory.)
 *
 * It is replaced when the server starts, which leaves out what has passed, and
 * when it stops; in between entries are overwritten.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file_perm.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"

#include "compat.h"

#include "budget_file.h"
#include "journal_dir.h"

#define FILE_NAME	CG_JOURNAL_PARENT "/budget"
#define NEW_NAME	FILE_NAME ".new"
#define SECTOR		512
#define MAGIC		"cipguard budget"
#define VERSION		1

typedef struct CgHead
{
	char		magic[16];
	uint32		version;
	uint32		unused;
	uint64		inode;
	uint64		closed_at;
	pg_crc32c	crc;
} CgHead;

typedef struct CgRecord
{
	CgBudgetEntry entry;
	pg_crc32c	crc;
} CgRecord;

typedef union CgSector
{
	CgHead		head;
	CgRecord	record;
	char		bytes[SECTOR];
} CgSector;

StaticAssertDecl(sizeof(CgSector) == SECTOR, "an entry fills a sector");

static pg_crc32c crc_of(const void *data, Size len);
static void fill_record(CgSector *sector, const CgBudgetEntry *entry);
static void fill_head(CgSector *sector, uint64 inode, uint64 closed_at);
static bool put(int i, const CgSector *sector);
static bool write_all(int fd, uint64 closed_at, int n,
					  void (*get) (int, CgBudgetEntry *));

static int	file = -1;			/* of this process */

static pg_crc32c
crc_of(const void *data, Size len)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, data, len);
	FIN_CRC32C(crc);
	return crc;
}

static void
fill_head(CgSector *sector, uint64 inode, uint64 closed_at)
{
	memset(sector, 0, sizeof(*sector));
	memcpy(sector->head.magic, MAGIC, sizeof(MAGIC));
	sector->head.version = VERSION;
	sector->head.inode = inode;
	sector->head.closed_at = closed_at;
	sector->head.crc = crc_of(&sector->head, offsetof(CgHead, crc));
}

static void
fill_record(CgSector *sector, const CgBudgetEntry *entry)
{
	memset(sector, 0, sizeof(*sector));
	sector->record.entry = *entry;
	sector->record.crc = crc_of(&sector->record, offsetof(CgRecord, crc));
}

CgBudgetFound
cg_budget_file_read(uint64 *closed_at, void (*entry) (const CgBudgetEntry *))
{
	static const CgSector zero;
	CgBudgetFound found = CG_BUDGET_FILE;
	CgSector	sector;
	struct stat st;
	ssize_t		len;
	int			fd = BasicOpenFile(FILE_NAME, O_RDONLY | PG_BINARY);

	*closed_at = 0;
	if (fd < 0)
		return errno == ENOENT ? CG_BUDGET_NONE : CG_BUDGET_DAMAGED;
	len = read(fd, &sector, SECTOR);
	if (len != SECTOR || fstat(fd, &st) != 0 ||
		memcmp(sector.head.magic, MAGIC, sizeof(MAGIC)) != 0 ||
		sector.head.version != VERSION ||
		sector.head.crc != crc_of(&sector.head, offsetof(CgHead, crc)))
	{
		close(fd);
		return CG_BUDGET_DAMAGED;
	}
	if (sector.head.inode != (uint64) st.st_ino)
	{
		close(fd);
		return CG_BUDGET_FOREIGN;
	}
	*closed_at = sector.head.closed_at;
	while ((len = read(fd, &sector, SECTOR)) == SECTOR)
	{
		/* Entries that were never written are a hole. */
		if (memcmp(sector.bytes, zero.bytes, SECTOR) == 0)
			continue;
		if (sector.record.crc != crc_of(&sector.record,
										offsetof(CgRecord, crc)) ||
			!cg_budget_sound(&sector.record.entry.count))
			found = CG_BUDGET_DAMAGED;
		else if (OidIsValid(sector.record.entry.key.database))
			entry(&sector.record.entry);
	}
	close(fd);
	return len == 0 ? found : CG_BUDGET_DAMAGED;
}

bool
cg_budget_file_replace(uint64 closed_at, int n,
					   void (*get) (int, CgBudgetEntry *))
{
	int			fd;
	bool		good;

	if (mkdir(CG_JOURNAL_PARENT, pg_dir_create_mode) != 0 && errno != EEXIST)
	{
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not create directory \"%s\": %m",
						CG_JOURNAL_PARENT)));
		return false;
	}
	fd = BasicOpenFile(NEW_NAME, O_RDWR | O_CREAT | O_TRUNC | PG_BINARY);
	good = fd >= 0 && write_all(fd, closed_at, n, get) && pg_fsync(fd) == 0;
	if (!good)
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not write file \"%s\": %m", NEW_NAME)));
	if (fd >= 0)
		close(fd);
	return good && durable_rename(NEW_NAME, FILE_NAME, LOG) == 0;
}

static bool
write_all(int fd, uint64 closed_at, int n, void (*get) (int, CgBudgetEntry *))
{
	CgSector	sector;
	struct stat st;
	int			i;

	if (fstat(fd, &st) != 0)
		return false;
	fill_head(&sector, (uint64) st.st_ino, closed_at);
	errno = ENOSPC;
	if (pg_pwrite(fd, &sector, SECTOR, 0) != SECTOR)
		return false;
	for (i = 0; i < n; i++)
	{
		CgBudgetEntry entry;

		memset(&entry, 0, sizeof(entry));
		get(i, &entry);
		if (!OidIsValid(entry.key.database))
			continue;
		fill_record(&sector, &entry);
		errno = ENOSPC;
		if (pg_pwrite(fd, &sector, SECTOR, SECTOR * (i + 1)) != SECTOR)
			return false;
	}
	return true;
}

bool
cg_budget_file_write(int i, const CgBudgetEntry *entry)
{
	CgSector	sector;

	fill_record(&sector, entry);
	return put(i + 1, &sector);
}

bool
cg_budget_file_open(void)
{
	CgSector	sector;
	struct stat st;

	if (stat(FILE_NAME, &st) != 0)
		return false;
	fill_head(&sector, (uint64) st.st_ino, 0);
	return put(0, &sector);
}

static bool
put(int i, const CgSector *sector)
{
	if (file < 0)
		file = BasicOpenFile(FILE_NAME, O_RDWR | PG_BINARY);
	if (file < 0)
		return false;
	errno = ENOSPC;
	return pg_pwrite(file, sector, SECTOR, (off_t) SECTOR * i) == SECTOR &&
		pg_fdatasync(file) == 0;
}

/*
 * journal_dir.c
 *		The spool directory: which node it is of, and its segments.
 *
 * The directory is one server's.  Its file `node` holds a number drawn at
 * random, and device and inode of that very file: in a copy, as pg_basebackup
 * or a restore makes it, these are other ones.  Then the copy gets a number
 * of its own, and the segments it came with stay the other node's: they are
 * read, but never appended to.  (A device number that changes when the machine
 * starts again has the same effect, and does no harm.  A snapshot of a whole
 * disk is not told from the original.)
 *
 * There is no shared memory in this: whoever opens the journal takes the
 * highest number there is of its database, node and month, and if that is
 * full, makes the next.  A new segment is made under another name, gets its
 * space, and is then linked to its own name; of several processes that make
 * the same one the first wins, and the others take the winner's.  So a full
 * disk is met when a segment is begun, and not in the middle of it, wherever
 * the file system can reserve space (fallocate() of Linux).
 *
 * Whoever has a segment open for appending holds flock(LOCK_SH) on it.  Who
 * wants to remove one takes LOCK_EX; and who gets a segment that was removed
 * while it was being opened opens again.
 */
#include "postgres.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"

#include "compat.h"

#include "guc.h"
#include "journal_dir.h"

#define NODE_FILE		"node"
#define NEW_FILE		".new." /* and the process that makes it */
#define NAME_SIZE		80
#define ATTEMPTS		10
#define RESERVE_MORE	(1024 * 1024)	/* the last frames are beyond the
										 * limit */

static bool make_directory(const char *dir, CgSpoolFault *fault);
static bool get_node(const char *dir, char *node, CgSpoolFault *fault);
static bool read_node(const char *path, char *node);
static bool write_node(const char *dir, const char *path, char *node,
					   CgSpoolFault *fault);
static bool last_segment(const char *dir, CgSegment *segment,
						 CgSpoolFault *fault);
static bool make_segment(const char *dir, const char *path, off_t size,
						 CgSpoolFault *fault);
static bool reserve(int fd, off_t size);
static bool failed(CgSpoolFault *fault, const char *what, const char *path);

const char *
cg_journal_directory(void)
{
	return cg_spool_directory != NULL && cg_spool_directory[0] != '\0' ?
		cg_spool_directory : CG_JOURNAL_DIR;
}

bool
cg_journal_node(char *node)
{
	char		path[MAXPGPATH];

	snprintf(path, sizeof(path), "%s/%s", cg_journal_directory(), NODE_FILE);
	return read_node(path, node);
}

void
cg_segment_name(const CgSegment *segment, char *name, Size size)
{
	snprintf(name, size, "%08x.%s.%06d.%06u", segment->database,
			 segment->node, segment->month, segment->number);
}

bool
cg_segment_parse(const char *name, CgSegment *segment)
{
	char		again[NAME_SIZE];

	if (sscanf(name, "%8x.%32[0-9a-f].%6d.%6u", &segment->database,
			   segment->node, &segment->month, &segment->number) != 4)
		return false;
	cg_segment_name(segment, again, sizeof(again));
	return strlen(segment->node) == CG_NODE_TEXT && strcmp(name, again) == 0;
}

int
cg_segment_open(Oid database, int month, off_t limit, CgSegment *segment,
				char *path, uint8 *node, CgSpoolFault *fault)
{
	const char *dir = cg_journal_directory();
	char		name[NAME_SIZE];
	int			attempt;
	int			i;

	segment->database = database;
	segment->month = month;
	if (!make_directory(dir, fault) || !get_node(dir, segment->node, fault))
		return -1;
	for (i = 0; i < CG_FRAME_NODE_LEN; i++)
	{
		unsigned	byte = 0;

		(void) sscanf(segment->node + 2 * i, "%2x", &byte);
		node[i] = (uint8) byte;
	}
	if (!last_segment(dir, segment, fault))
		return -1;

	for (attempt = 0; attempt < ATTEMPTS; attempt++)
	{
		struct stat st;
		int			fd;

		if (segment->number == 0)
			segment->number = 1;
		cg_segment_name(segment, name, sizeof(name));
		snprintf(path, MAXPGPATH, "%s/%s", dir, name);
		fd = BasicOpenFile(path, O_WRONLY | O_APPEND | O_CLOEXEC | PG_BINARY);
		if (fd < 0 && errno == ENOENT)
		{
			if (!make_segment(dir, path, limit, fault))
				return -1;
			continue;
		}
		if (fd < 0)
			break;
		if (flock(fd, LOCK_SH) == 0 && fstat(fd, &st) == 0)
		{
			if (st.st_nlink > 0 && st.st_size < limit)
				return fd;
			if (st.st_nlink > 0)
				segment->number++;
			close(fd);
			continue;
		}
		i = errno;
		close(fd);
		errno = i;
		break;
	}
	failed(fault, "open", path);
	return -1;
}

/* Only its last part, or the two of the default one, is made. */
static bool
make_directory(const char *dir, CgSpoolFault *fault)
{
	struct stat st;

	if (stat(dir, &st) != 0 &&
		(errno != ENOENT ||
		 (dir[0] != '/' && mkdir(CG_JOURNAL_PARENT, S_IRWXU) != 0 &&
		  errno != EEXIST) ||
		 (mkdir(dir, S_IRWXU) != 0 && errno != EEXIST) ||
		 stat(dir, &st) != 0))
		return failed(fault, "use directory", dir);
	if (!S_ISDIR(st.st_mode))
	{
		errno = ENOTDIR;
		return failed(fault, "use directory", dir);
	}
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
	{
		errno = EPERM;
		return failed(fault, "use directory", dir);
	}
	return true;
}

static bool
get_node(const char *dir, char *node, CgSpoolFault *fault)
{
	char		path[MAXPGPATH];
	bool		good;
	int			lock;
	int			save_errno;

	snprintf(path, sizeof(path), "%s/%s", dir, NODE_FILE);
	if (read_node(path, node))
		return true;
	lock = BasicOpenFile(dir, O_RDONLY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX) != 0)
	{
		failed(fault, "lock directory", dir);
		if (lock >= 0)
			close(lock);
		return false;
	}
	/* Somebody else may have made it meanwhile. */
	good = read_node(path, node) || write_node(dir, path, node, fault);
	save_errno = errno;
	close(lock);
	errno = save_errno;
	return good;
}

/* False if there is none, or one that was copied. */
static bool
read_node(const char *path, char *node)
{
	int			fd = BasicOpenFile(path, O_RDONLY | PG_BINARY | O_CLOEXEC);
	char		text[128];
	unsigned long long dev;
	unsigned long long ino;
	struct stat st;
	ssize_t		n;

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0 || fstat(fd, &st) != 0)
	{
		close(fd);
		return false;
	}
	close(fd);
	text[n] = '\0';
	return sscanf(text, "%32[0-9a-f] %llu %llu", node, &dev, &ino) == 3 &&
		strlen(node) == CG_NODE_TEXT &&
		dev == (unsigned long long) st.st_dev &&
		ino == (unsigned long long) st.st_ino;
}

static bool
write_node(const char *dir, const char *path, char *node, CgSpoolFault *fault)
{
	uint8		random[CG_FRAME_NODE_LEN];
	char		new_path[MAXPGPATH];
	char		text[128];
	struct stat st;
	int			fd;
	int			len;
	int			i;
	bool		good;

	if (!pg_strong_random(random, sizeof(random)))
		return failed(fault, "draw a number for", path);
	random[6] = (random[6] & 0x0f) | 0x40;	/* a UUID of version 4 */
	random[8] = (random[8] & 0x3f) | 0x80;
	for (i = 0; i < CG_FRAME_NODE_LEN; i++)
		snprintf(node + 2 * i, 3, "%02x", random[i]);

	snprintf(new_path, sizeof(new_path), "%s/%s%d", dir, NEW_FILE, MyProcPid);
	unlink(new_path);
	fd = BasicOpenFilePerm(new_path,
						   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | PG_BINARY,
						   S_IRUSR | S_IWUSR);
	if (fd < 0)
		return failed(fault, "create", new_path);
	good = fstat(fd, &st) == 0;
	len = snprintf(text, sizeof(text), "%s %llu %llu\n", node,
				   (unsigned long long) st.st_dev,
				   (unsigned long long) st.st_ino);
	errno = ENOSPC;
	good = good && write(fd, text, len) == len && fsync(fd) == 0;
	i = errno;
	close(fd);
	errno = i;
	if (!good || rename(new_path, path) != 0)
	{
		i = errno;
		unlink(new_path);
		errno = i;
		return failed(fault, "write", path);
	}
	return true;
}

/*
 * The highest number of a database, node and month, 0 if there is none.  What
 * processes that died left half made is removed.
 */
static bool
last_segment(const char *dir, CgSegment *segment, CgSpoolFault *fault)
{
	int			fd = BasicOpenFile(dir, O_RDONLY | O_CLOEXEC);
	DIR		   *handle = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	segment->number = 0;
	if (handle == NULL)
	{
		failed(fault, "read directory", dir);
		if (fd >= 0)
			close(fd);
		return false;
	}
	while ((de = readdir(handle)) != NULL)
	{
		CgSegment	other;
		int			pid;

		if (cg_segment_parse(de->d_name, &other) &&
			other.database == segment->database &&
			other.month == segment->month &&
			strcmp(other.node, segment->node) == 0)
			segment->number = Max(segment->number, other.number);
		else if (sscanf(de->d_name, NEW_FILE "%d", &pid) == 1 && pid > 0 &&
				 kill(pid, 0) != 0 && errno == ESRCH)
			(void) unlinkat(fd, de->d_name, 0);
	}
	closedir(handle);
	return true;
}

static bool
make_segment(const char *dir, const char *path, off_t size,
			 CgSpoolFault *fault)
{
	char		new_path[MAXPGPATH];
	int			fd;
	bool		good;
	int			save_errno;

	snprintf(new_path, sizeof(new_path), "%s/%s%d", dir, NEW_FILE, MyProcPid);
	unlink(new_path);
	fd = BasicOpenFilePerm(new_path,
						   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | PG_BINARY,
						   S_IRUSR | S_IWUSR);
	if (fd < 0)
		return failed(fault, "create", new_path);
	good = reserve(fd, size + RESERVE_MORE) &&
		(link(new_path, path) == 0 || errno == EEXIST);
	save_errno = errno;
	close(fd);
	unlink(new_path);
	errno = save_errno;
	return good || failed(fault, "reserve space for", path);
}

/* True if that was done or cannot be done on this file system. */
static bool
reserve(int fd, off_t size)
{
#ifdef FALLOC_FL_KEEP_SIZE
	int			rc;

	do
		rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, size);
	while (rc != 0 && errno == EINTR);
	return rc == 0 || errno == EOPNOTSUPP || errno == ENOSYS ||
		errno == EINVAL;
#else
	return true;
#endif
}

static bool
failed(CgSpoolFault *fault, const char *what, const char *path)
{
	fault->what = what;
	strlcpy(fault->path, path, sizeof(fault->path));
	return false;
}

/*
 * secret.c
 *		Memory for key-encryption keys.
 *
 * One anonymous mapping per process tree: locked against swapping where
 * RLIMIT_MEMLOCK allows, left out of core dumps, wiped at exit.  Children of
 * the postmaster inherit it, so a preloaded server fetches its key once.
 */
#include "postgres.h"

#include <sys/mman.h>
#include <unistd.h>

#include "storage/ipc.h"

#include "secret.h"
#include "wipe.h"

static void wipe_arena(int code, Datum arg);

static char *arena = NULL;
static Size arena_size = 0;
static Size arena_used = 0;

void *
cg_secret_alloc(Size size)
{
	void	   *result;

	if (arena == NULL)
	{
		Size		page = (Size) sysconf(_SC_PAGESIZE);
		void	   *map = mmap(NULL, page, PROT_READ | PROT_WRITE,
							   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (map == MAP_FAILED)
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("could not map memory for secrets: %m")));
		if (mlock(map, page) != 0)
			ereport(LOG,
					(errmsg("could not lock memory for secrets: %m"),
					 errhint("Raise the limit on locked memory of the server process (RLIMIT_MEMLOCK), or make sure that swap is encrypted.")));
#ifdef MADV_DONTDUMP
		(void) madvise(map, page, MADV_DONTDUMP);
#endif
		arena = map;
		arena_size = page;
		on_proc_exit(wipe_arena, (Datum) 0);
	}

	size = MAXALIGN(size);
	if (size > arena_size - arena_used)
		elog(ERROR, "out of memory for secrets");
	result = arena + arena_used;
	arena_used += size;
	return result;
}

static void
wipe_arena(int code, Datum arg)
{
	cg_wipe(arena, arena_size);
}

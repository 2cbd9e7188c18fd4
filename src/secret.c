/*
 * secret.c
 *		Memory for keys.
 *
 * Anonymous mappings: locked against swapping where RLIMIT_MEMLOCK allows,
 * left out of core dumps, wiped in the end.  A child does not inherit locks,
 * but a page that is shared stays in memory while any process has it locked.
 */
#include "postgres.h"

#include <sys/mman.h>
#include <unistd.h>

#include "storage/ipc.h"
#include "utils/memutils.h"

#include "secret.h"
#include "wipe.h"

typedef struct CgMapping
{
	MemoryContextCallback callback;
	void	   *start;
	Size		size;
} CgMapping;

static void map_secret(CgMapping *mapping, Size size, int flags);
static void wipe_at_exit(int code, Datum arg);
static void give_back(void *arg);

static CgMapping arena;
static Size arena_used = 0;
static CgMapping shared;

void *
cg_secret_alloc(Size size)
{
	void	   *result;

	if (arena.start == NULL)
	{
		map_secret(&arena, 1, MAP_PRIVATE);
		on_proc_exit(wipe_at_exit, PointerGetDatum(&arena));
	}
	size = MAXALIGN(size);
	if (size > arena.size - arena_used)
		elog(ERROR, "out of memory for secrets");
	result = (char *) arena.start + arena_used;
	arena_used += size;
	return result;
}

/* Children forget what the postmaster does at its end. */
void *
cg_secret_share(Size size)
{
	Assert(shared.start == NULL);
	map_secret(&shared, size, MAP_SHARED);
	on_proc_exit(wipe_at_exit, PointerGetDatum(&shared));
	return shared.start;
}

void *
cg_secret_buffer(Size size)
{
	CgMapping  *mapping = palloc0(sizeof(CgMapping));

	map_secret(mapping, size, MAP_PRIVATE);
	mapping->callback.func = give_back;
	mapping->callback.arg = mapping;
	MemoryContextRegisterResetCallback(CurrentMemoryContext,
									   &mapping->callback);
	return mapping->start;
}

static void
map_secret(CgMapping *mapping, Size size, int flags)
{
	Size		page = (Size) sysconf(_SC_PAGESIZE);
	void	   *start;

	size = TYPEALIGN(page, size);
	start = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS,
				 -1, 0);
	if (start == MAP_FAILED)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not map memory for secrets: %m")));
	if (mlock(start, size) != 0)
		ereport(LOG,
				(errmsg("could not lock memory for secrets: %m"),
				 errhint("Raise the limit on locked memory of the server process (RLIMIT_MEMLOCK), or make sure that swap is encrypted.")));
#ifdef MADV_DONTDUMP
	(void) madvise(start, size, MADV_DONTDUMP);
#endif
	mapping->start = start;
	mapping->size = size;
}

static void
wipe_at_exit(int code, Datum arg)
{
	CgMapping  *mapping = (CgMapping *) DatumGetPointer(arg);

	cg_wipe(mapping->start, mapping->size);
}

static void
give_back(void *arg)
{
	CgMapping  *mapping = (CgMapping *) arg;

	cg_wipe(mapping->start, mapping->size);
	(void) munmap(mapping->start, mapping->size);
}

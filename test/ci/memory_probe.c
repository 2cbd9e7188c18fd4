/*
 * memory_probe.c
 *		Functions that err on purpose.
 *
 * `make sanitize` and `make valgrind` call one of each kind in their servers
 * and have to hear of it: a tool that is silent here was not there at all.
 * The sizes and values are volatile, or the compiler would see through.
 */
#include "postgres.h"

#include "fmgr.h"

PG_MODULE_MAGIC;

static volatile int one = 1;

/*
 * probe_stack() returns integer: writes past an array on the stack, by a pointer,
 * as UBSan would stop at an index before
 */
PG_FUNCTION_INFO_V1(probe_stack);
Datum
probe_stack(PG_FUNCTION_ARGS)
{
	volatile char area[16] = {0};
	volatile char *volatile end = area + sizeof(area) - 1 + one;

	*end = 1;
	PG_RETURN_INT32(area[0]);
}

/* probe_index() returns integer: an index leads into the next member */
PG_FUNCTION_INFO_V1(probe_index);
Datum
probe_index(PG_FUNCTION_ARGS)
{
	struct
	{
		volatile char first[4];
		volatile char second[4];
	}			area = {{0}, {0}};

	PG_RETURN_INT32(area.first[sizeof(area.first) - 1 + one]);
}

/* probe_chunk() returns integer: reads one byte past what was allocated */
PG_FUNCTION_INFO_V1(probe_chunk);
Datum
probe_chunk(PG_FUNCTION_ARGS)
{
	volatile char *area = palloc0(13);

	PG_RETURN_INT32(area[12 + one]);
}

/* probe_unset() returns integer: decides by a byte that was never set */
PG_FUNCTION_INFO_V1(probe_unset);
Datum
probe_unset(PG_FUNCTION_ARGS)
{
	volatile char *area = palloc(13);

	if (area[one] == 'x')
		elog(LOG, "x it is");
	PG_RETURN_INT32(one);
}

/* probe_assert() returns integer: an assertion does not hold */
PG_FUNCTION_INFO_V1(probe_assert);
Datum
probe_assert(PG_FUNCTION_ARGS)
{
	Assert(one == 2);
	PG_RETURN_INT32(one);
}

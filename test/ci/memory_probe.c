/*-------------------------------------------------------------------------
 *
 * memory_probe.c
 *	  Functions that err on purpose.
 *
 * `make sanitize` and `make valgrind` call one of each kind in their servers
 * and have to hear of it: a tool that is silent here was not there at all.
 * The sizes and values are volatile, or the compiler would see through.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

PG_MODULE_MAGIC;

static volatile int one = 1;

/* probe_stack() returns integer: writes past an array on the stack */
PG_FUNCTION_INFO_V1(probe_stack);
Datum
probe_stack(PG_FUNCTION_ARGS)
{
	volatile char area[16] = {0};

	area[sizeof(area) - 1 + one] = 1;
	PG_RETURN_INT32(area[0]);
}

/* probe_overflow() returns integer: a signed integer overflows */
PG_FUNCTION_INFO_V1(probe_overflow);
Datum
probe_overflow(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(PG_INT32_MAX + one);
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

	PG_RETURN_INT32(area[one] == 'x' ? 1 : 2);
}

/* probe_assert() returns integer: an assertion does not hold */
PG_FUNCTION_INFO_V1(probe_assert);
Datum
probe_assert(PG_FUNCTION_ARGS)
{
	Assert(one == 2);
	PG_RETURN_INT32(one);
}

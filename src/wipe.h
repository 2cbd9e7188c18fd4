/*
 * wipe.h
 *		Erase secrets so that the compiler cannot drop the stores.
 *
 * memset on a buffer that is not read again is a dead store and disappears.
 */
#ifndef CG_WIPE_H
#define CG_WIPE_H

#include <stddef.h>
#include <string.h>

/* A null pointer with length 0 is fine. */
static inline void
cg_wipe(void *p, size_t n)
{
	if (n > 0)
		explicit_bzero(p, n);
}

#endif							/* CG_WIPE_H */

/*
 * order_cache.h
 *		Values made ready for comparison by what they mean.
 */
#ifndef CG_ORDER_CACHE_H
#define CG_ORDER_CACHE_H

#include "envelope.h"
#include "order_key.h"

/* A value to compare; its bytes are the canonical form, or a mask. */
typedef struct CgOrdered
{
	CgOrderForm form;
	const char *bytes;
	Size		len;
	char	   *owned;			/* the bytes, if they are not in the cache */
	void	   *slot;			/* where they are, if they are */
} CgOrdered;

typedef struct CgOrderCache CgOrderCache;

/*
 * A cache for the values of one sort, in a memory context that is wiped when
 * it is reset; entries is a power of two.
 */
extern CgOrderCache *cg_order_cache(MemoryContext context, int entries);

/* That of operators and index scans, for as long as the transaction lasts. */
extern CgOrderCache *cg_order_cache_of_transaction(void);

/*
 * Decrypt a value, and give it the canonical form of a category's texts.
 * beside is another value whose bytes must stay, or NULL.
 */
extern void cg_order_encrypted(CgOrderCache *cache, const CgEnvelope *env,
							   int32 category, const CgOrdered *beside,
							   CgOrdered *out);

/* The same of a plain datum of the type that a tag stands for. */
extern void cg_order_plain(CgOrderCache *cache, uint8 tag, Datum plain,
						   int32 category, CgOrdered *out);

/* Wipe and free what is not in the cache. */
extern void cg_order_release(CgOrdered *value);

#endif							/* CG_ORDER_CACHE_H */

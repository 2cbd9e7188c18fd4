/*
 * mask_datum.h
 *		Masks of values of any type, each of the type of the value.
 *
 * None of it looks anything up in the search path, depends on a setting that
 * a session can change, or raises an error because of what a value is.
 */
#ifndef CG_MASK_DATUM_H
#define CG_MASK_DATUM_H

#include "category.h"

typedef struct CgDatumMask CgDatumMask;

/*
 * What it takes to mask values of a type under a category; lives in context,
 * and needs the cache no more.  The category may be gone from the cache
 * afterwards.  Of a domain the mask is a value of its base type that fits the
 * type modifier; it need not pass its CHECK.
 */
extern CgDatumMask *cg_mask_datum_prepare(Oid type, int32 typmod,
										  const CgCategory *c,
										  MemoryContext context);

/*
 * The mask of a value, in the current memory context.  *isnull tells of the
 * value and then of the mask: what cannot be shown in part is NULL.  What is
 * given is not changed; it may be toasted.
 */
extern Datum cg_mask_datum(CgDatumMask *m, Datum value, bool *isnull);

/*
 * The mask of text in the server's encoding, NULL if the category's mask is to
 * suppress.  The category may be gone from the cache afterwards.
 */
extern text *cg_mask_text(const CgCategory *category, const char *plain,
						  Size len);

/*
 * Do masks of the category need a subtransaction?  If so, a plan that masks
 * must not be parallel, or it gives stars.
 */
extern bool cg_mask_needs_subtransaction(const CgCategory *c);

#endif							/* CG_MASK_DATUM_H */

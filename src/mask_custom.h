/*
 * mask_custom.h
 *		Masks computed by a function that an officer registered.
 */
#ifndef CG_MASK_CUSTOM_H
#define CG_MASK_CUSTOM_H

#include "category.h"

/*
 * The mask that the function of a category gives of text, in the current
 * memory context; NULL if it gives none that can be shown, for whatever
 * reason.  Errors: only that the statement is cancelled.  The category may be
 * gone from the cache afterwards.
 */
extern text * cg_mask_custom(const CgCategory *category, const char *plain,
							 Size len);

#endif							/* CG_MASK_CUSTOM_H */

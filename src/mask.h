/*
 * mask.h
 *		The masking engine: one pure function from value to mask.
 *
 * Fail closed: text that does not parse becomes stars, as many as its
 * characters but at most 16, and never an original character.  Empty or
 * blank text becomes the empty string.  No input is an error.
 */
#ifndef CG_MASK_H
#define CG_MASK_H

#include "status.h"

typedef enum CgMasker
{
	CG_MASK_STARS,				/* generic: stars only */
	CG_MASK_NAME,
	CG_MASK_MOBILE,
	CG_MASK_EMAIL,
	CG_MASK_RESIDENT_ID,		/* 1+1 */
	CG_MASK_BANK_CARD,			/* 6+4 */
	CG_MASK_USCC,
	CG_MASK_ADDRESS,			/* province to district */
	CG_MASK_PLATE,
	CG_MASK_YEAR				/* dates: 1990-**-** */
} CgMasker;

/* Variants of a masker; one that it does not have counts as standard. */
typedef enum CgMaskStyle
{
	CG_STYLE_STANDARD,
	CG_STYLE_STRICT,			/* shows less */
	CG_STYLE_REGION,			/* shows the region only */
	CG_STYLE_LEGACY				/* shows more, as older systems do */
} CgMaskStyle;

/* Upper bound of the mask's length in bytes for a value of n bytes. */
#define CG_MASK_BOUND(n)	((n) + 64)

/* false if unknown; names: stars name mobile email resident_id bank_card
 * uscc address plate year */
extern bool cg_masker_by_name(const char *name, CgMasker *masker);

/*
 * out must hold CG_MASK_BOUND(len) bytes; returns the mask's length.  Input
 * and output are UTF-8.
 */
extern size_t cg_mask(CgMasker masker, CgMaskStyle style,
					  const char *text, size_t len, char *out);

#endif							/* CG_MASK_H */

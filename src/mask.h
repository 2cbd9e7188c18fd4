/*
 * mask.h
 *		The masking engine: one pure function from value to mask.
 *
 * Fail closed: text that does not parse becomes stars, as many as its
 * characters but at most 16, and never an original character.  Empty or
 * blank text becomes the empty string.  No input is an error.  A mask masked
 * again shows nothing that the first one hid.
 */
#ifndef CG_MASK_H
#define CG_MASK_H

#include "status.h"

/* What each shows of a value that is valid, in its standard style. */
typedef enum CgMasker
{
	CG_MASK_STARS,				/* nothing */
	CG_MASK_NAME,				/* of a Chinese name the surname */
	CG_MASK_MOBILE,				/* mainland mobile: 3+4 */
	CG_MASK_EMAIL,				/* first character and domain */
	CG_MASK_RESIDENT_ID,		/* 1+1 */
	CG_MASK_BANK_CARD,			/* 6+4 */
	CG_MASK_USCC,				/* 2+4 */
	CG_MASK_ADDRESS,			/* province to district */
	CG_MASK_PLATE,				/* 2+2 */
	CG_MASK_YEAR,				/* dates: 1990-**-** */
	CG_MASK_LANDLINE,			/* mainland landline, 400, 800: area + 4 */
	CG_MASK_E164,				/* "+" or "00" and a number: country + 4 */
	CG_MASK_PASSPORT,			/* of China, Hong Kong, Macao: 1+2 */
	CG_MASK_PERMIT,				/* Hong Kong, Macao, Taiwan travel: 1+2 */
	CG_MASK_MILITARY_ID,		/* kind + 2 */
	CG_MASK_IBAN,				/* ISO 13616: 4+4 */
	CG_MASK_IMEI,				/* model: 8+0 */
	CG_MASK_IP,					/* v4: two of four; v6: three of eight */
	CG_MASK_MAC,				/* manufacturer: three of six */
	CG_MASK_QQ,					/* 2+2 */
	CG_MASK_WECHAT,				/* 2+1 */
	CG_MASK_US_SSN,				/* 0+4 */
	CG_MASK_SUPPRESS			/* nothing, not even stars: the mask is the
								 * empty string, and the layer above makes
								 * NULL of it */
} CgMasker;

#define CG_MASKERS		((int) CG_MASK_SUPPRESS + 1)

/*
 * Variants of a masker.  One that it does not have counts as standard; all
 * have standard.
 */
typedef enum CgMaskStyle
{
	CG_STYLE_STANDARD,
	CG_STYLE_STRICT,			/* shows less: of a bank card the last four,
								 * of an e-mail address no domain but the top
								 * level */
	CG_STYLE_REGION,			/* shows the region only: of a resident ID the
								 * province, 2+0 */
	CG_STYLE_LEGACY				/* shows more, as older systems do: of a
								 * resident ID 6+4, which is enough to find
								 * the person; opt-in only */
} CgMaskStyle;

#define CG_MASK_STYLES	((int) CG_STYLE_LEGACY + 1)

/* Upper bound of the mask's length in bytes for a value of n bytes. */
#define CG_MASK_BOUND(n)	((n) + 64)

/*
 * false if unknown; names: stars name mobile email resident_id bank_card
 * uscc address plate year landline e164 passport permit military_id iban
 * imei ip mac qq wechat us_ssn suppress
 */
extern bool cg_masker_by_name(const char *name, CgMasker *masker);

/* false if unknown; names: standard strict region legacy */
extern bool cg_mask_style_by_name(const char *name, CgMaskStyle *style);

/* Has the masker this style as one of its own? */
extern bool cg_masker_has_style(CgMasker masker, CgMaskStyle style);

/*
 * out must hold CG_MASK_BOUND(len) bytes; returns the mask's length.  Input
 * and output are UTF-8; the output is so whatever the input is.
 */
extern size_t cg_mask(CgMasker masker, CgMaskStyle style,
					  const char *text, size_t len, char *out);

#endif							/* CG_MASK_H */

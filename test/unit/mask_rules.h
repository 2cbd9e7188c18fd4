/*
 * mask_rules.h
 *		What must be true of any mask of any text, for tests and fuzzing.
 *
 * The rules are told independently of the maskers where that is possible: by
 * the validators, and by how much each kind may show at most.
 */
#ifndef CG_MASK_RULES_H
#define CG_MASK_RULES_H

#include <stdlib.h>
#include <string.h>

#include "ident_cn.h"
#include "mask.h"
#include "normal.h"

typedef struct CgMaskRule
{
	CgValidator validator;		/* of what is shown, if it is one of ours */
	unsigned	most[CG_MASK_STYLES];	/* code points shown, with those
										 * between them; 0: as standard */
	const char *literals;		/* shown though the text has them not; NULL:
								 * anything, for it is written anew */
} CgMaskRule;

static const CgMaskRule mask_rules[CG_MASKERS] = {
	[CG_MASK_STARS] = {CG_VALID_NONE, {0}, ""},
	[CG_MASK_NAME] = {CG_VALID_NONE, {4}, "\xC2\xB7"},
	[CG_MASK_MOBILE] = {CG_VALID_MOBILE, {10}, "+86"},
	[CG_MASK_EMAIL] = {CG_VALID_EMAIL, {253, 66}, "@"},
	[CG_MASK_RESIDENT_ID] = {CG_VALID_RESIDENT_ID, {2, 0, 2, 10}, ""},
	[CG_MASK_BANK_CARD] = {CG_VALID_BANK_CARD, {10, 4}, ""},
	[CG_MASK_USCC] = {CG_VALID_USCC, {6}, ""},
	[CG_MASK_ADDRESS] = {CG_VALID_NONE, {32}, ""},
	[CG_MASK_PLATE] = {CG_VALID_PLATE, {4}, ""},
	[CG_MASK_YEAR] = {CG_VALID_NONE, {7}, "-"},
	[CG_MASK_LANDLINE] = {CG_VALID_NONE, {10}, "0-"},
	[CG_MASK_E164] = {CG_VALID_NONE, {8}, "+"},
	[CG_MASK_PASSPORT] = {CG_VALID_NONE, {3}, ""},
	[CG_MASK_PERMIT] = {CG_VALID_NONE, {3}, ""},
	[CG_MASK_MILITARY_ID] = {CG_VALID_NONE, {6}, ""},
	[CG_MASK_IBAN] = {CG_VALID_NONE, {8}, ""},
	[CG_MASK_IMEI] = {CG_VALID_NONE, {8}, ""},
	[CG_MASK_IP] = {CG_VALID_NONE, {15}, NULL},
	[CG_MASK_MAC] = {CG_VALID_NONE, {11}, ":"},
	[CG_MASK_QQ] = {CG_VALID_NONE, {4}, ""},
	[CG_MASK_WECHAT] = {CG_VALID_NONE, {3}, ""},
	[CG_MASK_US_SSN] = {CG_VALID_NONE, {6}, "-"},
	[CG_MASK_SUPPRESS] = {CG_VALID_NONE, {0}, ""}
};

/* The mask of what does not parse. */
static inline bool
mask_is_stars(const char *mask, size_t n)
{
	size_t		i;

	for (i = 0; i < n; i++)
	{
		if (mask[i] != '*')
			return false;
	}
	return n <= 16;
}

static inline uint32_t
mask_fold(uint32_t c)
{
	c = cg_fold_width(c);
	return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
}

/* Has the text this character, whatever its width and case? */
static inline bool
mask_has_char(const char *text, size_t len, uint32_t c)
{
	const char *p = text;
	const char *end = text + len;

	while (p < end)
	{
		if (mask_fold(cg_utf8_next(&p, end)) == mask_fold(c))
			return true;
	}
	return false;
}

/*
 * What is wrong with the mask of a text, or NULL.  The mask of the mask is
 * computed in a buffer of just the size that mask.h asks for.
 */
static inline const char *
mask_fault(CgMasker masker, CgMaskStyle style, const char *text, size_t len,
		   const char *mask, size_t n)
{
	const CgMaskRule *rule = &mask_rules[masker];
	const char *p;
	unsigned	shown = 0;
	bool		blank = true;	/* nothing but blanks */
	bool		hyphens = true; /* nothing but blanks and hyphens */
	bool		stars = mask_is_stars(mask, n);
	char	   *again;
	size_t		again_n;

	if (n > CG_MASK_BOUND(len))
		return "longer than its bound";
	if (!cg_utf8_valid(mask, n))
		return "no UTF-8";
	for (p = text; p < text + len;)
	{
		uint32_t	c = cg_utf8_next(&p, text + len);

		blank = blank && cg_is_blank(c);
		hyphens = hyphens && (cg_is_blank(c) || cg_is_hyphen(c));
	}

	/* In some kinds hyphens are as good as blanks. */
	if (n == 0 ? !hyphens && masker != CG_MASK_SUPPRESS :
		blank || masker == CG_MASK_SUPPRESS)
		return "empty without reason, or not empty";
	if (n > 0 && memchr(mask, '*', n) == NULL)
		return "nothing hidden";
	if (!stars && !cg_utf8_valid(text, len))
		return "shows text that is no UTF-8";
	if (!stars && rule->validator != CG_VALID_NONE &&
		!cg_verdict_ok(cg_validate(rule->validator, text, len, 99991231)))
		return "shows an invalid value";

	for (p = mask; p < mask + n;)
	{
		uint32_t	c = cg_utf8_next(&p, mask + n);

		if (c == '*')
			continue;
		shown++;
		if (rule->literals != NULL && !mask_has_char(text, len, c) &&
			!mask_has_char(rule->literals, strlen(rule->literals), c))
			return "shows what the text has not";
	}
	if (shown > (rule->most[style] != 0 ? rule->most[style] : rule->most[0]))
		return "shows too much";

	/* Of a mask written back nothing is left, but of an address its region. */
	again = malloc(CG_MASK_BOUND(n));
	again_n = cg_mask(masker, style, mask, n, again);
	stars = mask_is_stars(again, again_n);
	if (masker == CG_MASK_ADDRESS)
		stars = again_n == n && memcmp(again, mask, n) == 0;
	free(again);
	return stars ? NULL : "its own mask shows more";
}

#endif							/* CG_MASK_RULES_H */

/*
 * masking.h
 *		What masks may show: which characters of a text, told without asking
 *		the masker.
 *
 * A target tells for each masker and style the mask of a text from the shape
 * of the identifier.  Here are the forms that most have, and the comparison;
 * mask_rules.h has what is true of every mask.
 */
#ifndef CG_FUZZ_MASKING_H
#define CG_FUZZ_MASKING_H

#include "identifier.h"
#include "mask.h"
#include "mask_rules.h"

#define NO_TODAY	99991231	/* masks do not depend on the day */

/* A mask that is expected; no text has a longer one. */
typedef struct FuzzMask
{
	char		s[1200];
	size_t		len;
} FuzzMask;

static inline void
mask_put(FuzzMask *mask, const char *s)
{
	size_t		len = strlen(s);

	REQUIRE(mask->len + len < sizeof(mask->s));
	memcpy(mask->s + mask->len, s, len);
	mask->len += len;
}

static inline void
mask_put_stars(FuzzMask *mask, size_t n)
{
	while (n-- > 0)
		mask_put(mask, "*");
}

static inline void
mask_put_shown(FuzzMask *mask, const uint32_t *c, size_t n)
{
	for (; n > 0; n--)
	{
		char		utf8[5] = {0};

		fuzz_encode(*c++, utf8);
		mask_put(mask, utf8);
	}
}

/* Of what does not parse: a star for each character, to 16. */
static inline FuzzMask
hidden(const FuzzText *text)
{
	FuzzMask	mask = {{0}, 0};

	mask_put_stars(&mask, text->n < 16 ? text->n : 16);
	return mask;
}

/* Of what does: the first, stars, the last ones. */
static inline FuzzMask
ends_of(const FuzzText *text, size_t first, size_t last)
{
	FuzzMask	mask = {{0}, 0};

	REQUIRE(text->n > first + last);
	mask_put_shown(&mask, text->c, first);
	mask_put_stars(&mask, text->n - first - last);
	mask_put_shown(&mask, text->c + text->n - last, last);
	return mask;
}

static inline FuzzMask
ends_if(bool parses, const FuzzText *text, size_t first, size_t last)
{
	return parses ? ends_of(text, first, last) : hidden(text);
}

/* The mask of a text in a buffer as large as mask.h asks for; to be freed. */
static inline char *
mask_of(CgMasker masker, CgMaskStyle style, const char *text, size_t len,
		size_t *n)
{
	char	   *mask = fuzz_buffer(CG_MASK_BOUND(len));

	*n = cg_mask(masker, style, text, len, mask);
	REQUIRE(*n <= CG_MASK_BOUND(len));
	REQUIRE(mask_fault(masker, style, text, len, mask, *n) == NULL);
	return mask;
}

static inline void
require_mask(CgMasker masker, CgMaskStyle style, const char *text, size_t len,
			 FuzzMask expected)
{
	size_t		n;
	char	   *mask = mask_of(masker, style, text, len, &n);

	if (n != expected.len || !fuzz_same(mask, expected.s, n))
		fprintf(stderr, "masker %d, style %d: got \"%.*s\", not \"%s\"\n",
				(int) masker, (int) style, (int) n, mask, expected.s);
	REQUIRE(n == expected.len && fuzz_same(mask, expected.s, n));
	free(mask);
}

/* A style that a masker does not have is the standard one. */
static inline void
require_styles(CgMasker masker, const char *text, size_t len)
{
	size_t		n;
	char	   *standard = mask_of(masker, CG_STYLE_STANDARD, text, len, &n);
	int			style;

	for (style = CG_STYLE_STANDARD; style < CG_MASK_STYLES; style++)
		if (!cg_masker_has_style(masker, (CgMaskStyle) style))
		{
			FuzzMask	expected = {{0}, n};

			REQUIRE(n < sizeof(expected.s));
			memcpy(expected.s, standard, n);
			require_mask(masker, (CgMaskStyle) style, text, len, expected);
		}
	free(standard);
}

#endif							/* CG_FUZZ_MASKING_H */

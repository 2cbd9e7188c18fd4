/*
 * mask.c
 *		The masking engine: one pure function from value to mask.
 *
 * Design notes:
 *
 * A mask shows something of a value only after the validator of its kind has
 * accepted it.  Everything else, be it a typing error, a value of another
 * kind, a mask or bytes that are not UTF-8, becomes stars.  Soft verdicts are
 * accepted; a birth date in the future is, too, because the mask of a value
 * must not depend on the day.
 *
 * Each masker reads its text once into a small array of code points, in the
 * form its validator uses, and writes the mask from that array.  A longer
 * text cannot be valid, so it is not read to its end, and no masker needs
 * memory in proportion to its input.  (The address is the exception: it is
 * read to the end to see whether it is UTF-8.)
 *
 * Stars tell the length only up to 16.  In a name even that would tell too
 * much; there the number stops at 3.
 *
 * To add a masker: a member of CgMasker, a function declared in mask_impl.h,
 * a row in "maskers".  A style more: a function and its place in the row.
 */
#include <string.h>

#include "mask.h"
#include "mask_impl.h"

/* No code that a validator accepts is longer. */
#define CODE_MAX		19

typedef struct CgMaskerEntry
{
	const char *name;
	CgMaskFunction *mask[CG_MASK_STYLES];	/* NULL: as standard */
} CgMaskerEntry;

static CgMaskFunction mask_stars;
static CgMaskFunction mask_suppress;

/* In a row: standard, strict, region, legacy. */
static const CgMaskerEntry maskers[CG_MASKERS] = {
	[CG_MASK_STARS] = {"stars", {mask_stars}},
	[CG_MASK_NAME] = {"name", {cg_mask_name}},
	[CG_MASK_MOBILE] = {"mobile", {cg_mask_mobile}},
	[CG_MASK_EMAIL] = {"email", {cg_mask_email, cg_mask_email_strict}},
	[CG_MASK_RESIDENT_ID] =
	{"resident_id", {cg_mask_resident_id, NULL,
	cg_mask_resident_id_region, cg_mask_resident_id_legacy}},
	[CG_MASK_BANK_CARD] =
	{"bank_card", {cg_mask_bank_card, cg_mask_bank_card_strict}},
	[CG_MASK_USCC] = {"uscc", {cg_mask_uscc}},
	[CG_MASK_ADDRESS] = {"address", {cg_mask_address}},
	[CG_MASK_PLATE] = {"plate", {cg_mask_plate}},
	[CG_MASK_YEAR] = {"year", {cg_mask_year}},
	[CG_MASK_LANDLINE] = {"landline", {cg_mask_landline}},
	[CG_MASK_E164] = {"e164", {cg_mask_e164}},
	[CG_MASK_PASSPORT] = {"passport", {cg_mask_passport}},
	[CG_MASK_PERMIT] = {"permit", {cg_mask_permit}},
	[CG_MASK_MILITARY_ID] = {"military_id", {cg_mask_military_id}},
	[CG_MASK_IBAN] = {"iban", {cg_mask_iban}},
	[CG_MASK_IMEI] = {"imei", {cg_mask_imei}},
	[CG_MASK_IP] = {"ip", {cg_mask_ip}},
	[CG_MASK_MAC] = {"mac", {cg_mask_mac}},
	[CG_MASK_QQ] = {"qq", {cg_mask_qq}},
	[CG_MASK_WECHAT] = {"wechat", {cg_mask_wechat}},
	[CG_MASK_US_SSN] = {"us_ssn", {cg_mask_us_ssn}},
	[CG_MASK_SUPPRESS] = {"suppress", {mask_suppress}}
};

bool
cg_masker_by_name(const char *name, CgMasker *masker)
{
	int			i;

	for (i = 0; i < CG_MASKERS; i++)
	{
		if (strcmp(name, maskers[i].name) == 0)
		{
			*masker = (CgMasker) i;
			return true;
		}
	}
	return false;
}

bool
cg_mask_style_by_name(const char *name, CgMaskStyle *style)
{
	static const char *const names[CG_MASK_STYLES] = {
		[CG_STYLE_STANDARD] = "standard",
		[CG_STYLE_STRICT] = "strict",
		[CG_STYLE_REGION] = "region",
		[CG_STYLE_LEGACY] = "legacy"
	};
	int			i;

	for (i = 0; i < CG_MASK_STYLES; i++)
	{
		if (strcmp(name, names[i]) == 0)
		{
			*style = (CgMaskStyle) i;
			return true;
		}
	}
	return false;
}

bool
cg_masker_has_style(CgMasker masker, CgMaskStyle style)
{
	return (size_t) masker < CG_MASKERS && (size_t) style < CG_MASK_STYLES &&
		maskers[masker].mask[style] != NULL;
}

size_t
cg_mask(CgMasker masker, CgMaskStyle style, const char *text, size_t len,
		char *out)
{
	if ((size_t) masker >= CG_MASKERS)
		masker = CG_MASK_STARS;
	if (!cg_masker_has_style(masker, style))
		style = CG_STYLE_STANDARD;
	return maskers[masker].mask[style] (text, len, out);
}

size_t
cg_put_stars(size_t n, char *out)
{
	if (n > STARS_MAX)
		n = STARS_MAX;
	memset(out, '*', n);
	return n;
}

char *
cg_put_shown(char *out, const uint32_t *c, size_t n)
{
	size_t		i;

	for (i = 0; i < n; i++)
	{
		if (c[i] < 0x80)
			*out++ = (char) c[i];
		else
			out += cg_utf8_put(c[i], out);
	}
	return out;
}

size_t
cg_put_ends(const uint32_t *c, size_t n, size_t first, size_t last, char *out)
{
	char	   *o = cg_put_shown(out, c, first);

	memset(o, '*', n - first - last);
	o = cg_put_shown(o + (n - first - last), c + (n - last), last);
	return (size_t) (o - out);
}

static inline bool
is_code(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

size_t
cg_mask_ends(CgValidator v, size_t first, size_t last,
			 const char *text, size_t len, char *out)
{
	uint32_t	c[CODE_MAX];
	size_t		n = 0;
	bool		bare;

	/* Most codes are digits and capitals, with nothing to leave out. */
	while (n < len && n < CODE_MAX && is_code(text[n]))
	{
		c[n] = (uint32_t) text[n];
		n++;
	}
	bare = n == len;
	if (!bare)
		n = cg_collect(CG_FORM_CODE, text, len, c, CODE_MAX);

	if (!cg_verdict_ok(cg_judge(v, c, n, NO_TODAY)))
		return cg_put_stars(n, out);
	if (!bare)
		return cg_put_ends(c, n, first, last, out);
	memcpy(out, text, first);
	memset(out + first, '*', n - first - last);
	memcpy(out + n - last, text + n - last, last);
	return n;
}

/*
 * Stars for text that is trimmed only, counted without an array: reading
 * stops as soon as there are enough.
 */
static size_t
mask_stars(const char *text, size_t len, char *out)
{
	const char *p = text;
	const char *end = text + len;
	size_t		n = 0;
	size_t		trimmed = 0;

	while (p < end && trimmed < STARS_MAX)
	{
		bool		blank = cg_is_blank(cg_utf8_next(&p, end));

		if (n > 0 || !blank)
			n++;
		if (!blank)
			trimmed = n;
	}
	return cg_put_stars(trimmed, out);
}

/* Not even whether there is a value; the layer above makes NULL of it. */
static size_t
mask_suppress(const char *text, size_t len, char *out)
{
	(void) text;
	(void) len;
	(void) out;
	return 0;
}

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
 * To add a masker: a member of CgMasker, a function, a row in "maskers".
 */
#include <string.h>

#include "ident_cn.h"
#include "mask.h"
#include "normal.h"
#include "regions_cn.h"

#define STARS_MAX		16
#define NO_TODAY		99991231	/* any date is in the past */

#define NAME_HAN_MAX	4		/* characters of a name without dot */
#define NAME_STARS_MAX	3
#define NAME_PARTS_MAX	4		/* of a name with dots */
#define NAME_PART_MAX	10

#define PLACE_MAX		48		/* code points; the longest region has 32 */

typedef size_t (*CgMaskFunction) (const char *text, size_t len, char *out);

typedef struct CgMaskerEntry
{
	const char *name;
	CgMaskFunction mask;
} CgMaskerEntry;

static size_t mask_stars(const char *text, size_t len, char *out);
static size_t mask_name(const char *text, size_t len, char *out);
static size_t mask_mobile(const char *text, size_t len, char *out);
static size_t mask_email(const char *text, size_t len, char *out);
static size_t mask_resident_id(const char *text, size_t len, char *out);
static size_t mask_bank_card(const char *text, size_t len, char *out);
static size_t mask_uscc(const char *text, size_t len, char *out);
static size_t mask_address(const char *text, size_t len, char *out);
static size_t mask_plate(const char *text, size_t len, char *out);
static size_t mask_year(const char *text, size_t len, char *out);

static const CgMaskerEntry maskers[] = {
	[CG_MASK_STARS] = {"stars", mask_stars},
	[CG_MASK_NAME] = {"name", mask_name},
	[CG_MASK_MOBILE] = {"mobile", mask_mobile},
	[CG_MASK_EMAIL] = {"email", mask_email},
	[CG_MASK_RESIDENT_ID] = {"resident_id", mask_resident_id},
	[CG_MASK_BANK_CARD] = {"bank_card", mask_bank_card},
	[CG_MASK_USCC] = {"uscc", mask_uscc},
	[CG_MASK_ADDRESS] = {"address", mask_address},
	[CG_MASK_PLATE] = {"plate", mask_plate},
	[CG_MASK_YEAR] = {"year", mask_year}
};

#define N_MASKERS	(sizeof(maskers) / sizeof(maskers[0]))

bool
cg_masker_by_name(const char *name, CgMasker *masker)
{
	size_t		i;

	for (i = 0; i < N_MASKERS; i++)
	{
		if (strcmp(name, maskers[i].name) == 0)
		{
			*masker = (CgMasker) i;
			return true;
		}
	}
	return false;
}

size_t
cg_mask(CgMasker masker, CgMaskStyle style, const char *text, size_t len,
		char *out)
{
	(void) style;
	if ((size_t) masker >= N_MASKERS)
		masker = CG_MASK_STARS;
	return maskers[masker].mask(text, len, out);
}

/* The mask of n characters that do not parse. */
static size_t
put_stars(size_t n, char *out)
{
	if (n > STARS_MAX)
		n = STARS_MAX;
	memset(out, '*', n);
	return n;
}

/* Write code points as they are. */
static char *
put_shown(char *out, const uint32_t *c, size_t n)
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

/* The usual shape: some characters, stars for those between, some more. */
static size_t
put_ends(const uint32_t *c, size_t n, size_t first, size_t last, char *out)
{
	char	   *o = put_shown(out, c, first);

	memset(o, '*', n - first - last);
	o = put_shown(o + (n - first - last), c + (n - last), last);
	return (size_t) (o - out);
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
	return put_stars(trimmed, out);
}

/*
 * The surname, or the first character of a name with dots, and at most three
 * stars.
 */
static size_t
mask_name(const char *text, size_t len, char *out)
{
	uint32_t	c[NAME_PARTS_MAX * (NAME_PART_MAX + 1)];
	size_t		part[NAME_PARTS_MAX] = {0};
	size_t		max = sizeof(c) / sizeof(c[0]);
	size_t		parts = 1;
	size_t		n = cg_collect(CG_FORM_WORD, text, len, c, max);
	size_t		shown = 1;
	size_t		i;
	char	   *o;

	if (n < 2 || n > max)
		return put_stars(n, out);
	for (i = 0; i < n; i++)
	{
		if (cg_is_han(c[i]))
		{
			if (++part[parts - 1] > NAME_PART_MAX)
				return put_stars(n, out);
		}
		else if (cg_is_middle_dot(c[i]))
		{
			if (part[parts - 1] == 0 || parts == NAME_PARTS_MAX)
				return put_stars(n, out);
			parts++;
		}
		else
			return put_stars(n, out);
	}
	if (part[parts - 1] == 0 || (parts == 1 && n > NAME_HAN_MAX))
		return put_stars(n, out);

	if (parts == 1 && n > 2)
	{
		char		surname[8];

		if (put_shown(surname, c, 2) - surname == 6 &&
			cg_is_compound_surname(surname))
			shown = 2;
	}

	/* A part of one character would be shown as a whole. */
	if (part[0] == 1)
		shown = 0;
	o = put_shown(out, c, shown);
	for (i = 0; i < parts; i++)
	{
		size_t		stars = part[i] - (i == 0 ? shown : 0);

		if (i > 0)
			o += cg_utf8_put(0xB7, o);
		if (stars > NAME_STARS_MAX)
			stars = NAME_STARS_MAX;
		memset(o, '*', stars);
		o += stars;
	}
	return (size_t) (o - out);
}

/* 3 + 4; every way to write the country code becomes +86. */
static size_t
mask_mobile(const char *text, size_t len, char *out)
{
	uint32_t	c[STARS_MAX];
	size_t		n;
	char	   *o = out;

	/* The way most are written takes a third of the time. */
	if (cg_is_bare_mobile(text, len))
	{
		memcpy(out, text, len);
		memset(out + 3, '*', 4);
		return len;
	}
	n = cg_collect(CG_FORM_CODE, text, len, c, STARS_MAX);
	if (!cg_verdict_ok(cg_judge(CG_VALID_MOBILE, c, n, NO_TODAY)))
		return put_stars(n, out);
	if (n > 11)
	{
		memcpy(o, "+86", 3);
		o += 3;
	}
	return (size_t) (o - out) + put_ends(c + (n - 11), 11, 3, 4, o);
}

/*
 * The domain and, of a local part of three characters or more, the first.
 * The domain is what the recipient's provider is, not who the recipient is.
 */
static size_t
mask_email(const char *text, size_t len, char *out)
{
	uint32_t	c[CG_IDENT_MAX];
	size_t		n = cg_collect(CG_FORM_LINE, text, len, c, CG_IDENT_MAX);
	size_t		at = 0;
	char	   *o = out;

	if (!cg_verdict_ok(cg_judge(CG_VALID_EMAIL, c, n, NO_TODAY)))
		return put_stars(n, out);
	while (c[at] != '@')
		at++;
	if (at > 2)
		o = put_shown(o, c, 1);
	memset(o, '*', 3);
	o = put_shown(o + 3, c + at, n - at);
	return (size_t) (o - out);
}

/* 1 + 1: what more is shown is soon enough to find the person. */
static size_t
mask_resident_id(const char *text, size_t len, char *out)
{
	uint32_t	c[18];
	size_t		n = cg_collect(CG_FORM_CODE, text, len, c, 18);

	if (!cg_verdict_ok(cg_judge(CG_VALID_RESIDENT_ID, c, n, NO_TODAY)))
		return put_stars(n, out);
	return put_ends(c, n, 1, 1, out);
}

/* 6 + 4: issuer and the digits on receipts. */
static size_t
mask_bank_card(const char *text, size_t len, char *out)
{
	uint32_t	c[19];
	size_t		n = cg_collect(CG_FORM_CODE, text, len, c, 19);

	if (!cg_verdict_ok(cg_judge(CG_VALID_BANK_CARD, c, n, NO_TODAY)))
		return put_stars(n, out);
	return put_ends(c, n, 6, 4, out);
}

/* 2 + 4: kind of registrar, and the last four. */
static size_t
mask_uscc(const char *text, size_t len, char *out)
{
	uint32_t	c[18];
	size_t		n = cg_collect(CG_FORM_CODE, text, len, c, 18);

	if (!cg_verdict_ok(cg_judge(CG_VALID_USCC, c, n, NO_TODAY)))
		return put_stars(n, out);
	return put_ends(c, n, 2, 4, out);
}

/* 2 + 2: province and city, and the last two. */
static size_t
mask_plate(const char *text, size_t len, char *out)
{
	uint32_t	c[STARS_MAX];
	size_t		n = cg_collect(CG_FORM_CODE, text, len, c, STARS_MAX);

	if (!cg_verdict_ok(cg_judge(CG_VALID_PLATE, c, n, NO_TODAY)))
		return put_stars(n, out);
	return put_ends(c, n, 2, 2, out);
}

/* The year of a date in one of the usual spellings. */
static size_t
mask_year(const char *text, size_t len, char *out)
{
	uint32_t	c[STARS_MAX];
	uint32_t	digits[8];		/* the date as YYYYMMDD */
	size_t		n = cg_collect(CG_FORM_LINE, text, len, c, STARS_MAX);
	size_t		i;
	char	   *o;

	for (i = 0; i < n && n <= STARS_MAX; i++)
	{
		if (cg_is_hyphen(c[i]))
			c[i] = '-';
	}
	if (n == 8 && c[4] - '0' < 10)
		memcpy(digits, c, sizeof(digits));
	else if (n == 10 && c[4] == c[7] &&
			 (c[4] == '-' || c[4] == '/' || c[4] == '.'))
	{
		memcpy(digits, c, 4 * sizeof(c[0]));
		memcpy(digits + 4, c + 5, 2 * sizeof(c[0]));
		memcpy(digits + 6, c + 8, 2 * sizeof(c[0]));
	}
	else if (n >= 9 && n <= 11 && c[4] == 0x5E74 && c[n - 1] == 0x65E5)
	{
		/* YYYY, year, M or MM, month, D or DD, day */
		size_t		month = c[6] == 0x6708 ? 1 : 2;
		size_t		day = n - 7 - month;

		if (c[5 + month] != 0x6708 || day < 1 || day > 2)
			return put_stars(n, out);
		memcpy(digits, c, 4 * sizeof(c[0]));
		digits[4] = month == 2 ? c[5] : '0';
		digits[5] = c[4 + month];
		digits[6] = day == 2 ? c[n - 3] : '0';
		digits[7] = c[n - 2];
	}
	else
		return put_stars(n, out);
	if (!cg_verdict_ok(cg_judge(CG_VALID_DATE, digits, 8, NO_TODAY)))
		return put_stars(n, out);

	o = put_shown(out, c, 4);
	for (i = 4; i < n; i++)
	{
		if (c[i] - '0' < 10)
			*o++ = '*';
		else
			o = put_shown(o, c + i, 1);
	}
	return (size_t) (o - out);
}

/*
 * The longest name behind one of the marks in places..end that text begins
 * with; returns its length or 0, and where it ends in *behind.
 */
static size_t
match_place(const char *places, const char *end, char mark,
			const char *text, size_t len, const char **behind)
{
	const char *p = places;
	size_t		best = 0;

	if (len < 3)
		return 0;
	while (p < end && (p = memchr(p, mark, (size_t) (end - p))) != NULL)
	{
		size_t		n = 0;

		p++;
		if (end - p < 3 || memcmp(p, text, 3) != 0)
			continue;			/* not even the first character */
		while (p + n < end && p[n] != '@' && p[n] != ',')
			n++;
		if (n > best && n <= len && memcmp(p, text, n) == 0)
		{
			best = n;
			*behind = p + n;
		}
	}
	return best;
}

/*
 * How many bytes of text are province, prefecture and county.  A province in
 * short form alone is none: many a street is named after a province or city.
 */
static size_t
region_length(const char *text, size_t len)
{
	const size_t district = strlen(cg_city_district);
	const CgProvince *province = NULL;
	const char *places;
	const char *end;
	const char *behind;
	size_t		pos = 0;
	size_t		n;
	bool		full = false;
	size_t		i;

	for (i = 0; i < CG_PROVINCES && province == NULL; i++)
	{
		const CgProvince *try = &cg_provinces[i];

		if (len >= try->short_len &&
			memcmp(text, try->name, try->short_len) == 0)
			province = try;
	}
	if (province == NULL)
		return 0;
	n = strlen(province->name);
	full = len >= n && memcmp(text, province->name, n) == 0;
	pos = full ? n : province->short_len;

	/* Forms that ask for province and city make of it the same name twice. */
	if (province->municipality)
	{
		if (len - pos >= n && memcmp(text + pos, province->name, n) == 0)
		{
			pos += n;
			full = true;
		}
		else if (len - pos >= district &&
				 memcmp(text + pos, cg_city_district, district) == 0)
			pos += district;
	}

	places = province->places;
	end = places + strlen(places);
	n = match_place(places, end, '@', text + pos, len - pos, &behind);
	if (n > 0)
	{
		pos += n;
		full = true;

		/* From here only the counties of this prefecture. */
		places = behind;
		end = memchr(places, '@', (size_t) (end - places));
		if (end == NULL)
			end = places + strlen(places);
	}
	n = match_place(places, end, ',', text + pos, len - pos, &behind);
	if (n == 0 && !full)
		return 0;
	return pos + n;
}

/* The region, if there is one, and four stars. */
static size_t
mask_address(const char *text, size_t len, char *out)
{
	uint32_t	c[PLACE_MAX];
	char		place[PLACE_MAX * 4];
	size_t		n = cg_collect(CG_FORM_WORD, text, len, c, PLACE_MAX);
	size_t		shown = 0;

	if (n == 0)
		return 0;
	if (cg_utf8_valid(text, len))
	{
		if (n > PLACE_MAX)
			n = PLACE_MAX;
		shown = region_length(place,
							  (size_t) (put_shown(place, c, n) - place));
		memcpy(out, place, shown);
	}
	memset(out + shown, '*', 4);
	return shown + 4;
}

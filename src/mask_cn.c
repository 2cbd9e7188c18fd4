/*
 * mask_cn.c
 *		Masks of Chinese names and papers.
 */
#include <string.h>

#include "mask_impl.h"
#include "regions_cn.h"

#define HAN_LEN			3		/* bytes of most characters */
#define NAME_HAN_MAX	4		/* characters of a name without dot */
#define NAME_STARS_MAX	3
#define NAME_PARTS_MAX	4		/* of a name with dots */
#define NAME_PART_MAX	10

#define PATTERN_MAX		11		/* characters of a pattern */

/* Of numbers: # a digit, @ a letter but I and O, others as they are. */
typedef char CgPattern[PATTERN_MAX + 1];

static bool is_bare_name(const char *text, size_t len);
static bool matches(const CgPattern pattern, const uint32_t *c, size_t n);
static size_t mask_pattern(const CgPattern *patterns, size_t count,
						   const char *text, size_t len, char *out);

/* Two to four characters, all of the common block, U+4E00 to 9FFF? */
static bool
is_bare_name(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *) text;
	size_t		i;

	if (len < 2 * HAN_LEN || len > NAME_HAN_MAX * HAN_LEN ||
		len % HAN_LEN != 0)
		return false;
	for (i = 0; i < len; i += HAN_LEN)
	{
		if (s[i] < 0xE4 || s[i] > 0xE9 || (s[i] == 0xE4 && s[i + 1] < 0xB8) ||
			(s[i + 1] & 0xC0) != 0x80 || (s[i + 2] & 0xC0) != 0x80)
			return false;
	}
	return true;
}

/*
 * The surname, or the first character of a name with dots, and at most three
 * stars.
 */
size_t
cg_mask_name(const char *text, size_t len, char *out)
{
	uint32_t	c[NAME_PARTS_MAX * (NAME_PART_MAX + 1)];
	size_t		part[NAME_PARTS_MAX] = {0};
	size_t		max = sizeof(c) / sizeof(c[0]);
	size_t		parts = 1;
	size_t		n;
	size_t		shown = 1;
	size_t		i;
	char	   *o;

	/* The way most are written takes half the time. */
	if (is_bare_name(text, len))
	{
		n = len / HAN_LEN;
		if (n > 2 && cg_is_compound_surname(text))
			shown = 2;
		memcpy(out, text, shown * HAN_LEN);
		memset(out + shown * HAN_LEN, '*', n - shown);
		return shown * HAN_LEN + (n - shown);
	}
	n = cg_collect(CG_FORM_WORD, text, len, c, max);
	if (n < 2 || n > max)
		return cg_put_stars(n, out);
	for (i = 0; i < n; i++)
	{
		if (cg_is_han(c[i]))
		{
			if (++part[parts - 1] > NAME_PART_MAX)
				return cg_put_stars(n, out);
		}
		else if (cg_is_middle_dot(c[i]))
		{
			if (part[parts - 1] == 0 || parts == NAME_PARTS_MAX)
				return cg_put_stars(n, out);
			parts++;
		}
		else
			return cg_put_stars(n, out);
	}
	if (part[parts - 1] == 0 || (parts == 1 && n > NAME_HAN_MAX))
		return cg_put_stars(n, out);

	if (parts == 1 && n > 2)
	{
		char		surname[8];

		if (cg_put_shown(surname, c, 2) - surname == 6 &&
			cg_is_compound_surname(surname))
			shown = 2;
	}

	/* A part of one character would be shown as a whole. */
	if (part[0] == 1)
		shown = 0;
	o = cg_put_shown(out, c, shown);
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

/* 1 + 1: what more is shown is soon enough to find the person. */
size_t
cg_mask_resident_id(const char *text, size_t len, char *out)
{
	return cg_mask_ends(CG_VALID_RESIDENT_ID, 1, 1, text, len, out);
}

/* 2 + 0: the province. */
size_t
cg_mask_resident_id_region(const char *text, size_t len, char *out)
{
	return cg_mask_ends(CG_VALID_RESIDENT_ID, 2, 0, text, len, out);
}

/* 6 + 4: beside a birth date it hides nothing. */
size_t
cg_mask_resident_id_legacy(const char *text, size_t len, char *out)
{
	return cg_mask_ends(CG_VALID_RESIDENT_ID, 6, 4, text, len, out);
}

/* 2 + 4: kind of registrar, and the last four. */
size_t
cg_mask_uscc(const char *text, size_t len, char *out)
{
	return cg_mask_ends(CG_VALID_USCC, 2, 4, text, len, out);
}

/* 2 + 2: province and city, and the last two. */
size_t
cg_mask_plate(const char *text, size_t len, char *out)
{
	return cg_mask_ends(CG_VALID_PLATE, 2, 2, text, len, out);
}

static bool
matches(const CgPattern pattern, const uint32_t *c, size_t n)
{
	size_t		i;

	for (i = 0; i < n; i++)
	{
		bool		good;

		if (pattern[i] == '#')
			good = is_digit(c[i]);
		else if (pattern[i] == '@')
			good = is_upper(c[i]) && c[i] != 'I' && c[i] != 'O';
		else
			good = pattern[i] != '\0' && c[i] == (uint32_t) pattern[i];
		if (!good)
			return false;
	}
	return pattern[n] == '\0';
}

/* 1 + 2 of a number that is like one of the patterns. */
static size_t
mask_pattern(const CgPattern *patterns, size_t count,
			 const char *text, size_t len, char *out)
{
	uint32_t	c[STARS_MAX];
	size_t		n = cg_collect(CG_FORM_CODE, text, len, c, STARS_MAX);
	size_t		i;

	for (i = 0; i < count && n > 0 && n <= PATTERN_MAX; i++)
	{
		if (matches(patterns[i], c, n))
			return cg_put_ends(c, n, 1, 2, out);
	}
	return cg_put_stars(n, out);
}

/* Those of China; of foreign ones the form is not known, nor what is safe. */
size_t
cg_mask_passport(const char *text, size_t len, char *out)
{
	static const CgPattern patterns[] = {
		"E########", "E@#######", "G########",	/* ordinary */
		"14#######", "15#######",	/* ordinary, before G */
		"DE#######", "SE#######", "PE#######",	/* diplomatic, service, public
												 * affairs */
		"D########", "S########", "P########",
		"D#######", "S#######", "P#######",
		"H########", "K########", "KJ#######",	/* Hong Kong */
		"M########", "MA#######", "MB#######"	/* Macao */
	};

	return mask_pattern(patterns, sizeof(patterns) / sizeof(patterns[0]),
						text, len, out);
}

/* What lets pass between the mainland and Hong Kong, Macao or Taiwan. */
size_t
cg_mask_permit(const char *text, size_t len, char *out)
{
	static const CgPattern patterns[] = {
		"C########", "C@#######", "W########",	/* to Hong Kong and Macao */
		"T########", "L########",	/* to Taiwan */
		"H########", "H##########", /* from Hong Kong; two more digits */
		"M########", "M##########", /* count the renewals; from Macao */
		"########"				/* from Taiwan */
	};

	return mask_pattern(patterns, sizeof(patterns) / sizeof(patterns[0]),
						text, len, out);
}

/*
 * One of the known kinds, "zi di", seven or eight characters, the first of
 * which may be a letter, and mostly "hao".  The kind and the last two are
 * shown.
 */
size_t
cg_mask_military_id(const char *text, size_t len, char *out)
{
	/*
	 * officers, soldiers, civilians, police, students, retired; the staff,
	 * and the regions that there were
	 */
	static const char kinds[] =
	"军士文武警兵义学职离退参政后装海空南北沈兰成济广";
	uint32_t	c[STARS_MAX];
	char		kind[5];
	size_t		n = cg_collect(CG_FORM_WORD, text, len, c, STARS_MAX);
	size_t		end = n;
	char	   *o;

	if (n > 0 && n <= STARS_MAX && c[n - 1] == 0x53F7)
		end--;					/* "hao" */
	if (n > STARS_MAX || end < 10 || end > 11 || !cg_is_han(c[0]) ||
		c[1] != 0x5B57 || c[2] != 0x7B2C)
		return cg_put_stars(n, out);
	*cg_put_shown(kind, c, 1) = '\0';
	if (strstr(kinds, kind) == NULL || !all_digits(c + 4, end - 4) ||
		!(is_digit(c[3]) || is_upper(c[3]) || c[3] - 'a' < 26))
		return cg_put_stars(n, out);

	o = cg_put_shown(out, c, 3);
	o += cg_put_ends(c + 3, end - 3, 0, 2, o);
	o = cg_put_shown(o, c + end, n - end);
	return (size_t) (o - out);
}

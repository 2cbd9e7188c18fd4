/*
 * mask_cn.c
 *		Masks of Chinese names and papers.
 */
#include <string.h>

#include "mask_impl.h"
#include "regions_cn.h"

#define NAME_HAN_MAX	4		/* characters of a name without dot */
#define NAME_STARS_MAX	3
#define NAME_PARTS_MAX	4		/* of a name with dots */
#define NAME_PART_MAX	10

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
	size_t		n = cg_collect(CG_FORM_WORD, text, len, c, max);
	size_t		shown = 1;
	size_t		i;
	char	   *o;

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

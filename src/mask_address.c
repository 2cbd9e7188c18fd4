/*
 * mask_address.c
 *		The mask of an address: where it is, down to the district.
 *
 * What is shown must be a region of regions_cn.c, of the right province and
 * prefecture; the notes there say why no pattern will do.
 */
#include <string.h>

#include "mask_impl.h"
#include "regions_cn.h"

#define PLACE_MAX		48		/* code points; the longest region has 32 */

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
size_t
cg_mask_address(const char *text, size_t len, char *out)
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
							  (size_t) (cg_put_shown(place, c, n) - place));
		memcpy(out, place, shown);
	}
	memset(out + shown, '*', 4);
	return shown + 4;
}

/*
 * fuzz_mask_address.c
 *		libFuzzer target: masks of addresses.
 *
 * The input is the text.  What is shown must be the beginning of the text,
 * and a province with at most two of its places behind it: by the lists of
 * regions_cn.c, which are data, and in no other way like the masker.
 */
#include "masking.h"
#include "regions_cn.h"

/* May the rest be names of places of the province, at most so many? */
static bool
are_places(const char *places, const char *rest, size_t len, int most)
{
	size_t		n;

	if (len == 0)
		return true;
	if (most == 0)
		return false;
	for (n = 6; n <= len; n += 3)
	{
		char		name[128] = "@";
		char	   *end = name + 1 + n;
		bool		found = false;
		const char *mark;
		const char *behind;

		REQUIRE(n < sizeof(name) - 2);
		memcpy(name + 1, rest, n);
		for (mark = "@,"; *mark != '\0' && !found; mark++)
			for (behind = "@,"; *behind != '\0' && !found; behind++)
			{
				size_t		all = strlen(places);

				name[0] = *mark;
				*end = *behind;
				end[1] = '\0';
				found = strstr(places, name) != NULL;
				*end = '\0';
				if (!found && all >= n + 1)
					found = strcmp(places + all - n - 1, name) == 0;
			}
		if (found && are_places(places, rest + n, len - n, most - 1))
			return true;
	}
	return false;
}

static bool
is_region(const char *shown, size_t len)
{
	int			i;

	for (i = 0; i < CG_PROVINCES; i++)
	{
		const CgProvince *province = &cg_provinces[i];
		size_t		full = strlen(province->name);
		size_t		heads[4] = {full, province->short_len};
		size_t		k;

		/* A municipality is written twice, or as its own district. */
		if (province->municipality)
		{
			size_t		first = len >= full &&
				memcmp(shown, province->name, full) == 0 ? full :
				province->short_len;

			if (len >= first + full &&
				memcmp(shown + first, province->name, full) == 0)
				heads[2] = first + full;
			if (len >= first + strlen(cg_city_district) &&
				memcmp(shown + first, cg_city_district,
					   strlen(cg_city_district)) == 0)
				heads[3] = first + strlen(cg_city_district);
		}
		if (len < province->short_len ||
			memcmp(shown, province->name, province->short_len) != 0)
			continue;
		for (k = 0; k < 4; k++)
			if (heads[k] > 0 && heads[k] <= len &&
				(heads[k] != full ||
				 memcmp(shown, province->name, full) == 0) &&
				are_places(province->places, shown + heads[k],
						   len - heads[k], 2))
				return true;
	}
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *s = fuzz_copy(data, size);
	FuzzText	word = fuzz_read(FUZZ_WORD, data, size);
	FuzzMask	text = {{0}, 0};
	size_t		n;
	char	   *mask = mask_of(CG_MASK_ADDRESS, CG_STYLE_STANDARD, s, size,
							   &n);

	if (word.n == 0)
		REQUIRE(n == 0);
	else
	{
		REQUIRE(n >= 4 && memcmp(mask + n - 4, "****", 4) == 0);
		n -= 4;
		mask_put_shown(&text, word.c, word.n < 64 ? word.n : 64);
		REQUIRE(n <= text.len && fuzz_same(mask, text.s, n));
		REQUIRE(n == 0 || (word.valid && is_region(mask, n)));
	}
	free(mask);
	fuzz_forget(&word);
	free(s);
	return 0;
}

/*
 * mask_intl.c
 *		Masks of identifiers that are the same in every country, and dates.
 */
#include <string.h>

#include "mask_impl.h"

/* 6 + 4: issuer and the digits on receipts. */
size_t
cg_mask_bank_card(const char *text, size_t len, char *out)
{
	return cg_mask_ends(CG_VALID_BANK_CARD, 6, 4, text, len, out);
}

/* 0 + 4: the issuer, too, is a fact about the holder. */
size_t
cg_mask_bank_card_strict(const char *text, size_t len, char *out)
{
	return cg_mask_ends(CG_VALID_BANK_CARD, 0, 4, text, len, out);
}

/* The year of a date in one of the usual spellings. */
size_t
cg_mask_year(const char *text, size_t len, char *out)
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
	if (n == 8 && is_digit(c[4]))
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
			return cg_put_stars(n, out);
		memcpy(digits, c, 4 * sizeof(c[0]));
		digits[4] = month == 2 ? c[5] : '0';
		digits[5] = c[4 + month];
		digits[6] = day == 2 ? c[n - 3] : '0';
		digits[7] = c[n - 2];
	}
	else
		return cg_put_stars(n, out);
	if (!cg_verdict_ok(cg_judge(CG_VALID_DATE, digits, 8, NO_TODAY)))
		return cg_put_stars(n, out);

	o = cg_put_shown(out, c, 4);
	for (i = 4; i < n; i++)
	{
		if (is_digit(c[i]))
			*o++ = '*';
		else
			o = cg_put_shown(o, c + i, 1);
	}
	return (size_t) (o - out);
}

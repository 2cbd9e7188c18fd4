/*
 * mask_intl.c
 *		Masks of identifiers that are the same in every country, and dates.
 */
#include <string.h>

#include "mask_impl.h"

#define IBAN_MAX		34

static bool is_iban(const uint32_t *c, size_t n);
static unsigned luhn_sum(const uint32_t *c, size_t n);

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

/* Country, check digits, as many characters as the country has, mod 97. */
static bool
is_iban(const uint32_t *c, size_t n)
{
	/* the registry of ISO 13616, as of 2024 */
	static const char lengths[] =
	"AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22"
	"DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28"
	"HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25"
	"MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29"
	"RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29"
	"VA22VG24XK20YE30";
	const char *row = lengths;
	unsigned	rest = 0;
	unsigned	check;
	size_t		i;

	if (n < 15 || n > IBAN_MAX || !all_digits(c + 2, 2))
		return false;
	while (row[0] != '\0' &&
		   (c[0] != (uint32_t) row[0] || c[1] != (uint32_t) row[1]))
		row += 4;
	if (row[0] == '\0' ||
		n != (size_t) (row[2] - '0') * 10 + (size_t) (row[3] - '0'))
		return false;

	/* 00, 01 and 99 are congruent to valid ones, and never given. */
	check = (c[2] - '0') * 10 + (c[3] - '0');
	if (check < 2 || check > 98)
		return false;
	for (i = 0; i < n; i++)
	{
		uint32_t	digit = c[(i + 4) % n];

		if (is_digit(digit))
			rest = (rest * 10 + (digit - '0')) % 97;
		else if (is_upper(digit))
			rest = (rest * 100 + (digit - 'A' + 10)) % 97;
		else
			return false;
	}
	return rest == 1;
}

/* 4 + 4: country and check digits, and the last four. */
size_t
cg_mask_iban(const char *text, size_t len, char *out)
{
	uint32_t	c[IBAN_MAX];
	size_t		n = cg_collect(CG_FORM_CODE, text, len, c, IBAN_MAX);

	if (!is_iban(c, n))
		return cg_put_stars(n, out);
	return cg_put_ends(c, n, 4, 4, out);
}

/* Of digits that end in their Luhn digit it is divisible by ten. */
static unsigned
luhn_sum(const uint32_t *c, size_t n)
{
	unsigned	sum = 0;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		unsigned	digit = c[n - 1 - i] - '0';

		if (i % 2 == 1)
			digit *= 2;
		sum += digit / 10 + digit % 10;
	}
	return sum;
}

/*
 * 8 + 0: the model.  14 digits without check digit, 15 with it, 16 with the
 * version of the software in its place.
 */
size_t
cg_mask_imei(const char *text, size_t len, char *out)
{
	uint32_t	c[STARS_MAX];
	size_t		n = cg_collect(CG_FORM_CODE, text, len, c, STARS_MAX);

	if (n < 14 || n > 16 || !all_digits(c, n) ||
		(n == 15 && luhn_sum(c, n) % 10 != 0))
		return cg_put_stars(n, out);
	return cg_put_ends(c, n, 8, 0, out);
}

/* 0 + 4; as nine digits, or 3-2-4 with hyphens or spaces. */
size_t
cg_mask_us_ssn(const char *text, size_t len, char *out)
{
	uint32_t	c[STARS_MAX];
	uint32_t	d[9];
	size_t		n = cg_collect(CG_FORM_LINE, text, len, c, STARS_MAX);
	size_t		gap = n == 11 ? 1 : 0;

	if ((n != 9 && n != 11) ||
		(gap == 1 && !(c[3] == ' ' && c[6] == ' ') &&
		 !(cg_is_hyphen(c[3]) && cg_is_hyphen(c[6]))))
		return cg_put_stars(n, out);
	memcpy(d, c, 3 * sizeof(c[0]));
	memcpy(d + 3, c + 3 + gap, 2 * sizeof(c[0]));
	memcpy(d + 5, c + 5 + 2 * gap, 4 * sizeof(c[0]));

	/* Neither area, group nor serial is zero; 666 and 9xx are no areas. */
	if (!all_digits(d, 9) || d[0] == '9' ||
		(d[0] == '0' && d[1] == '0' && d[2] == '0') ||
		(d[0] == '6' && d[1] == '6' && d[2] == '6') ||
		(d[3] == '0' && d[4] == '0') ||
		(d[5] == '0' && d[6] == '0' && d[7] == '0' && d[8] == '0'))
		return cg_put_stars(n, out);
	memcpy(out, "***-**-", 7);
	return (size_t) (cg_put_shown(out + 7, d + 5, 4) - out);
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

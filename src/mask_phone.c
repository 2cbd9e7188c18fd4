/*
 * mask_phone.c
 *		Masks of telephone numbers.
 *
 * A landline is read as groups of digits, because the groups alone tell an
 * extension from the number: 0755-2345678-8 and 0755-2345-6788 have the same
 * digits.  Other numbers are read as digits, however they are grouped.
 */
#include <string.h>

#include "mask_impl.h"

#define PHONE_MAX		40		/* characters of a number as written */
#define DIGITS_MAX		28		/* digits of it */
#define EXTENSION_MAX	6
#define E164_MAX		15		/* digits with the country's code */
#define NATIONAL_MIN	7		/* of a shorter one, four would be most */

typedef struct CgPhone
{
	bool		plus;			/* does it begin with "+"? */
	size_t		n;
	size_t		extension;		/* where the mark of one stands, or 0 */
	bool		begins[DIGITS_MAX]; /* is the digit the first of a group? */

	/* Zeros behind the last: a prefix is compared without regard to n. */
	uint32_t	digit[DIGITS_MAX + 8];
} CgPhone;

static bool read_groups(const uint32_t *c, size_t n, CgPhone *phone);
static size_t country_size(const uint32_t *d);

/* 3 + 4; every way to write the country code becomes +86. */
size_t
cg_mask_mobile(const char *text, size_t len, char *out)
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
		return cg_put_stars(n, out);
	if (n > 11)
	{
		memcpy(o, "+86", 3);
		o += 3;
	}
	return (size_t) (o - out) + cg_put_ends(c + (n - 11), 11, 3, 4, o);
}

/*
 * Digits in groups, with at most one pair of parentheses and one mark of an
 * extension; before all digits there may be a plus sign.
 */
static bool
read_groups(const uint32_t *c, size_t n, CgPhone *phone)
{
	int			parens = 0;
	bool		gap = true;
	size_t		i;

	memset(phone, 0, sizeof(*phone));
	for (i = 0; i < n; i++)
	{
		if (is_digit(c[i]))
		{
			if (phone->n == DIGITS_MAX)
				return false;
			phone->begins[phone->n] = gap;
			phone->digit[phone->n++] = c[i];
			gap = false;
			continue;
		}
		gap = true;
		switch (c[i])
		{
			case ' ':
			case '.':
				break;
			case '+':
				if (phone->plus || phone->n > 0)
					return false;
				phone->plus = true;
				break;
			case '(':
				if (parens++ != 0)
					return false;
				break;
			case ')':
				if (parens++ != 1)
					return false;
				break;
			case '#':
			case 'x':
			case 'X':
			case 0x8F6C:		/* "through to", simplified and traditional */
			case 0x8F49:
				if (phone->extension != 0 || phone->n == 0)
					return false;
				phone->extension = phone->n;
				break;
			default:
				if (!cg_is_hyphen(c[i]))
					return false;
		}
	}
	return parens != 1 && !gap;
}

/*
 * The area and the last four of the number; of an extension nothing.  Areas
 * are 010 and 02x with eight digits behind them, 03xx to 09xx with seven or
 * eight, and the services 400 and 800 with seven.
 */
size_t
cg_mask_landline(const char *text, size_t len, char *out)
{
	uint32_t	c[PHONE_MAX];
	CgPhone		phone;
	const uint32_t *d = phone.digit;
	size_t		n = cg_collect(CG_FORM_LINE, text, len, c, PHONE_MAX);
	size_t		area = 0;		/* where the parts begin */
	size_t		local;
	size_t		end;
	size_t		i;
	bool		service;
	char	   *o = out;

	if (n == 0 || n > PHONE_MAX || !read_groups(c, n, &phone))
		return cg_put_stars(n, out);
	if (!phone.plus && d[0] == '0' && d[1] == '0')
		area = 2;
	if (d[area] == '8' && d[area + 1] == '6')
		area += 2;
	else if (phone.plus || area > 0)
		return cg_put_stars(n, out);

	/* Behind the country's code there may be no trunk prefix. */
	service = (d[area] == '4' || d[area] == '8') &&
		d[area + 1] == '0' && d[area + 2] == '0';
	if (d[area] == '0')
		area++;
	else if (area == 0 && !service)
		return cg_put_stars(n, out);

	if (service || (d[area] >= '3' && d[area] <= '9' &&
					(d[area + 1] != '0' || d[area + 2] != '0')))
		local = area + 3;
	else if (d[area] == '1' ? d[area + 1] == '0' :
			 d[area] == '2' && is_digit(d[area + 1]) && d[area + 1] != '6')
		local = area + 2;
	else
		return cg_put_stars(n, out);
	end = local + 7;
	if (local == area + 2 ||
		(!service && end < phone.n && !phone.begins[end]))
		end++;

	if (end > phone.n || phone.n > end + EXTENSION_MAX ||
		(!service && d[local] < '2') ||
		(phone.extension != 0 && phone.extension != end) ||
		(end < phone.n && !phone.begins[end]))
		return cg_put_stars(n, out);
	for (i = end + 1; i < phone.n; i++)
	{
		if (phone.begins[i])
			return cg_put_stars(n, out);
	}

	if (!service)
		*o++ = '0';
	o = cg_put_shown(o, d + area, local - area);
	*o++ = '-';
	memset(o, '*', end - local - 4);
	o += end - local - 4;
	if (service)
		*o++ = '-';
	o = cg_put_shown(o, d + end - 4, 4);
	if (end < phone.n)
	{
		*o++ = '-';
		o += cg_put_stars(phone.n - end, o);
	}
	return (size_t) (o - out);
}

/*
 * How many digits of a number are the country's code of ITU-T E.164, or 0.
 * Each two digits that a code begins with, and the third if there are three.
 */
static size_t
country_size(const uint32_t *d)
{
	static const struct
	{
		char		first[3];
		char		third[11];
	}			zones[] = {
		{"20", ""}, {"21", "12368"}, {"22", "0123456789"},
		{"23", "0123456789"}, {"24", "0123456789"}, {"25", "012345678"},
		{"26", "0123456789"}, {"27", ""}, {"29", "01789"}, {"30", ""},
		{"31", ""}, {"32", ""}, {"33", ""}, {"34", ""},
		{"35", "0123456789"}, {"36", ""}, {"37", "012345678"},
		{"38", "01235679"}, {"39", ""}, {"40", ""}, {"41", ""},
		{"42", "013"}, {"43", ""}, {"44", ""}, {"45", ""}, {"46", ""},
		{"47", ""}, {"48", ""}, {"49", ""}, {"50", "0123456789"},
		{"51", ""}, {"52", ""}, {"53", ""}, {"54", ""}, {"55", ""},
		{"56", ""}, {"57", ""}, {"58", ""}, {"59", "0123456789"},
		{"60", ""}, {"61", ""}, {"62", ""}, {"63", ""}, {"64", ""},
		{"65", ""}, {"66", ""}, {"67", "023456789"}, {"68", "012356789"},
		{"69", "012"}, {"80", "08"}, {"81", ""}, {"82", ""}, {"84", ""},
		{"85", "02356"}, {"86", ""}, {"87", "08"}, {"88", "012368"},
		{"90", ""}, {"91", ""}, {"92", ""}, {"93", ""}, {"94", ""},
		{"95", ""}, {"96", "012345678"}, {"97", "012345679"}, {"98", ""},
		{"99", "234568"}
	};
	size_t		i;

	if (d[0] == '1' || d[0] == '7')
		return 1;
	for (i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
	{
		if (d[0] == (uint32_t) zones[i].first[0] &&
			d[1] == (uint32_t) zones[i].first[1])
		{
			if (zones[i].third[0] == '\0')
				return 2;
			return is_digit(d[2]) &&
				strchr(zones[i].third, (int) d[2]) != NULL ? 3 : 0;
		}
	}
	return 0;
}

/*
 * The country and the last four; a national number without "+" or "00" does
 * not tell its country and is none.  How long a number must be is known of
 * +1 and +86 only.
 */
size_t
cg_mask_e164(const char *text, size_t len, char *out)
{
	uint32_t	c[PHONE_MAX];
	CgPhone		phone;
	const uint32_t *d = phone.digit;
	size_t		n = cg_collect(CG_FORM_CODE, text, len, c, PHONE_MAX);
	size_t		country;
	size_t		national;
	bool		good = true;

	if (n == 0 || n > PHONE_MAX || !read_groups(c, n, &phone) ||
		phone.extension != 0)
		return cg_put_stars(n, out);
	if (!phone.plus)
	{
		if (d[0] != '0' || d[1] != '0')
			return cg_put_stars(n, out);
		d += 2;
		phone.n -= 2;
	}
	country = country_size(d);
	if (country == 0 || phone.n > E164_MAX ||
		phone.n < country + NATIONAL_MIN)
		return cg_put_stars(n, out);

	national = phone.n - country;
	if (d[0] == '1')
		good = national == 10 && d[1] >= '2' && d[4] >= '2';
	else if (country == 2 && d[0] == '8' && d[1] == '6')
		good = national == 11 || (national == 10 &&
								  (d[2] != '1' || d[3] == '0'));
	if (!good)
		return cg_put_stars(n, out);
	out[0] = '+';
	return 1 + cg_put_ends(d, phone.n, country, 4, out + 1);
}

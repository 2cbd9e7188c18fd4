/*
 * mask_net.c
 *		Masks of names and addresses in networks.
 */
#include <string.h>

#include "hex.h"
#include "mask_impl.h"

#define IP_MAX			49		/* 45 of IPv6 with IPv4 at its end, /128 */
#define IPV6_GROUPS		8
#define MAC_DIGITS		12

static size_t mask_email(bool strict, const char *text, size_t len,
						 char *out);
static bool parse_ipv4(const uint32_t *c, size_t n, unsigned octet[4]);
static bool parse_ipv6(const uint32_t *c, size_t n,
					   unsigned group[IPV6_GROUPS]);
static bool is_prefix_length(const uint32_t *c, size_t n, unsigned max);
static size_t put_ipv4(unsigned first, unsigned second, char *out);

/*
 * Of a local part of three characters or more the first, and the domain; if
 * strict, of the domain its last label.
 */
static size_t
mask_email(bool strict, const char *text, size_t len, char *out)
{
	uint32_t	c[CG_IDENT_MAX];
	size_t		n = cg_collect(CG_FORM_LINE, text, len, c, CG_IDENT_MAX);
	size_t		at = 0;
	size_t		shown;			/* where the rest begins that is shown */
	char	   *o = out;

	if (!cg_verdict_ok(cg_judge(CG_VALID_EMAIL, c, n, NO_TODAY)))
		return cg_put_stars(n, out);
	while (c[at] != '@')
		at++;
	if (at > 2)
		o = cg_put_shown(o, c, 1);
	memset(o, '*', 3);
	o += 3;
	shown = at;
	if (strict)
	{
		memcpy(o, "@***", 4);
		o += 4;
		shown = n - 1;
		while (c[shown] != '.')
			shown--;
	}
	o = cg_put_shown(o, c + shown, n - shown);
	return (size_t) (o - out);
}

/* The domain is who the recipient's provider is, not who the recipient is. */
size_t
cg_mask_email(const char *text, size_t len, char *out)
{
	return mask_email(false, text, len, out);
}

/* But for those who have a domain of their own. */
size_t
cg_mask_email_strict(const char *text, size_t len, char *out)
{
	return mask_email(true, text, len, out);
}

/* Four decimals of 0 to 255; a leading zero might mean octal. */
static bool
parse_ipv4(const uint32_t *c, size_t n, unsigned octet[4])
{
	size_t		i = 0;
	int			k;

	for (k = 0; k < 4; k++)
	{
		size_t		start = i;

		octet[k] = 0;
		for (; i < n && i - start < 3 && is_digit(c[i]); i++)
			octet[k] = octet[k] * 10 + (c[i] - '0');
		if (i == start || octet[k] > 255 ||
			(c[start] == '0' && i > start + 1))
			return false;
		if (k < 3 && (i == n || c[i++] != '.'))
			return false;
	}
	return i == n;
}

/*
 * The text forms of RFC 4291: eight groups, of which "::" may stand for one
 * or more, and an IPv4 address for the last two.
 */
static bool
parse_ipv6(const uint32_t *c, size_t n, unsigned group[IPV6_GROUPS])
{
	size_t		count = 0;
	size_t		gap = IPV6_GROUPS + 1;	/* how many groups are before it */
	size_t		i = 0;

	memset(group, 0, IPV6_GROUPS * sizeof(group[0]));
	if (n >= 2 && c[0] == ':' && c[1] == ':')
	{
		gap = 0;
		i = 2;
	}
	while (i < n)
	{
		size_t		start = i;
		unsigned	octet[4];

		if (count == IPV6_GROUPS)
			return false;
		for (; i < n && cg_hex_digit(c[i]) >= 0 && i - start < 4; i++)
			group[count] = group[count] * 16 + (unsigned) cg_hex_digit(c[i]);
		if (i < n && c[i] == '.')
		{
			if (count > IPV6_GROUPS - 2 ||
				!parse_ipv4(c + start, n - start, octet))
				return false;
			group[count++] = octet[0] << 8 | octet[1];
			group[count++] = octet[2] << 8 | octet[3];
			break;
		}
		if (i == start)
			return false;
		count++;
		if (i == n)
			break;
		if (c[i++] != ':' || i == n)
			return false;
		if (c[i] == ':')
		{
			if (gap <= IPV6_GROUPS)
				return false;
			gap = count;
			i++;
		}
	}
	if (gap > IPV6_GROUPS)
		return count == IPV6_GROUPS;
	if (count == IPV6_GROUPS)
		return false;

	/* What was behind the gap goes to the end. */
	for (i = 1; i <= count - gap; i++)
	{
		group[IPV6_GROUPS - i] = group[count - i];
		group[count - i] = 0;
	}
	return true;
}

/* Nothing, or a slash and a number up to max. */
static bool
is_prefix_length(const uint32_t *c, size_t n, unsigned max)
{
	unsigned	value = 0;
	size_t		i;

	if (n == 0)
		return true;
	if (n < 2 || n > 4 || !all_digits(c + 1, n - 1))
		return false;
	for (i = 1; i < n; i++)
		value = value * 10 + (c[i] - '0');
	return value <= max;
}

static size_t
put_ipv4(unsigned first, unsigned second, char *out)
{
	const unsigned octet[2] = {first, second};
	char	   *o = out;
	int			k;

	for (k = 0; k < 2; k++)
	{
		if (octet[k] >= 100)
			*o++ = (char) ('0' + octet[k] / 100);
		if (octet[k] >= 10)
			*o++ = (char) ('0' + octet[k] / 10 % 10);
		*o++ = (char) ('0' + octet[k] % 10);
		*o++ = '.';
	}
	memcpy(o, "*.*", 3);
	return (size_t) (o - out) + 3;
}

/*
 * Half of an IPv4 address, and of IPv6 the first three groups of eight, which
 * are what a provider gives to a site.  An IPv6 address that holds an IPv4
 * one where it would be shown, or is nothing else, is masked as that.  The
 * length of a prefix, which the type inet has in text, is dropped.
 */
size_t
cg_mask_ip(const char *text, size_t len, char *out)
{
	static const char hex[] = "0123456789abcdef";
	uint32_t	c[IP_MAX];
	unsigned	octet[4];
	unsigned	group[IPV6_GROUPS];
	size_t		n = cg_collect(CG_FORM_LINE, text, len, c, IP_MAX);
	size_t		end = 0;		/* of the address */
	char	   *o = out;
	int			k;

	if (n == 0 || n > IP_MAX)
		return cg_put_stars(n, out);
	while (end < n && c[end] != '/')
		end++;
	if (parse_ipv4(c, end, octet) && is_prefix_length(c + end, n - end, 32))
		return put_ipv4(octet[0], octet[1], out);
	if (!parse_ipv6(c, end, group) ||
		!is_prefix_length(c + end, n - end, 128))
		return cg_put_stars(n, out);
	if ((group[0] | group[1] | group[2] | group[3] | group[4]) == 0 &&
		group[5] == 0xFFFF)
		return put_ipv4(group[6] >> 8, group[6] & 0xFF, out);	/* mapped */
	if (group[0] == 0x2002)
		return put_ipv4(group[1] >> 8, group[1] & 0xFF, out);	/* 6to4 */
	for (k = 0; k < 3; k++)
	{
		*o++ = hex[group[k] >> 12];
		*o++ = hex[group[k] >> 8 & 15];
		*o++ = hex[group[k] >> 4 & 15];
		*o++ = hex[group[k] & 15];
		*o++ = ':';
	}
	*o++ = '*';
	return (size_t) (o - out);
}

/*
 * The manufacturer.  Twelve digits without separators, or in groups of two,
 * four or six with one and the same between them.
 */
size_t
cg_mask_mac(const char *text, size_t len, char *out)
{
	uint32_t	c[MAC_DIGITS + 5];
	uint32_t	d[MAC_DIGITS];
	size_t		max = sizeof(c) / sizeof(c[0]);
	size_t		n = cg_collect(CG_FORM_LINE, text, len, c, max);
	size_t		group = MAC_DIGITS;
	size_t		digits = 0;
	size_t		i;
	char	   *o = out;

	if (n > MAC_DIGITS && n <= max)
		group = MAC_DIGITS / (n - MAC_DIGITS + 1);
	if (n < MAC_DIGITS || n > max ||
		(group != 2 && group != 4 && group != 6 && group != MAC_DIGITS))
		return cg_put_stars(n, out);
	for (i = 0; i < n; i++)
	{
		if (i % (group + 1) == group)
		{
			if (c[i] != c[group] ||
				(c[i] != ':' && c[i] != '.' && !cg_is_hyphen(c[i])))
				return cg_put_stars(n, out);
		}
		else if (cg_hex_digit(c[i]) < 0 || digits == MAC_DIGITS)
			return cg_put_stars(n, out);
		else
			d[digits++] = c[i] >= 'a' ? c[i] - 'a' + 'A' : c[i];
	}
	if (digits != MAC_DIGITS)
		return cg_put_stars(n, out);

	for (i = 0; i < 6; i += 2)
	{
		o = cg_put_shown(o, d + i, 2);
		*o++ = ':';
	}
	memcpy(o, "**:**:**", 8);
	return (size_t) (o - out) + 8;
}

/*
 * 5 to 11 digits: 2 + 2, of seven or fewer 1 + 0.  Four stars hide how many
 * there are.  A mobile number is not taken for one.
 */
size_t
cg_mask_qq(const char *text, size_t len, char *out)
{
	uint32_t	c[STARS_MAX];
	size_t		n = cg_collect(CG_FORM_CODE, text, len, c, STARS_MAX);
	size_t		first = n > 7 ? 2 : 1;
	char	   *o;

	if (n < 5 || n > 11 || !all_digits(c, n) || c[0] == '0' ||
		cg_verdict_ok(cg_judge(CG_VALID_MOBILE, c, n, NO_TODAY)))
		return cg_put_stars(n, out);
	o = cg_put_shown(out, c, first);
	memset(o, '*', 4);
	o += 4;
	if (n > 7)
		o = cg_put_shown(o, c + (n - 2), 2);
	return (size_t) (o - out);
}

/*
 * 6 to 20 letters, digits, underscores and hyphens, a letter first: 2 + 1.
 * Four stars hide how many there are.
 */
size_t
cg_mask_wechat(const char *text, size_t len, char *out)
{
	uint32_t	c[20];
	size_t		n = cg_collect(CG_FORM_LINE, text, len, c, 20);
	size_t		i;
	char	   *o;

	if (n < 6 || n > 20 || is_digit(c[0]) || c[0] == '_' || c[0] == '-')
		return cg_put_stars(n, out);
	for (i = 0; i < n; i++)
	{
		if (!is_digit(c[i]) && !is_upper(c[i]) && c[i] - 'a' >= 26 &&
			c[i] != '_' && c[i] != '-')
			return cg_put_stars(n, out);
	}
	o = cg_put_shown(out, c, 2);
	memset(o, '*', 4);
	o = cg_put_shown(o + 4, c + (n - 1), 1);
	return (size_t) (o - out);
}

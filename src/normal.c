/*
 * normal.c
 *		Code points and normal forms of entered text.
 *
 * Design notes:
 *
 * Decoding is strict (no overlong forms, no surrogates, nothing above
 * U+10FFFF) and never looks past the end, so that a hostile or truncated
 * sequence costs one byte and yields U+FFFD, which no identifier contains.
 *
 * A normal form must be idempotent, or a value would change its token by
 * being stored twice.  Every transformation below therefore works on text
 * that is UTF-8 as a whole, and text that is not stays as it is: taking a
 * blank from between two stray bytes could join them to a character that the
 * next pass would treat differently.
 *
 * Upper and lower case are those of ASCII.  The functions of the C library
 * depend on the locale, and a token must not.  For the same reason there is
 * no NFC or NFKC here: it would need tables that change with each Unicode
 * version, and a changed table silently orphans stored tokens.
 */
#include <string.h>

#include "normal.h"

#define MIDDLE_DOT		0xB7
#define MOBILE_DIGITS	11

/* ASCII as CG_FORM_CODE has it: upper case; 0 for what is left out. */
static const unsigned char code_of_ascii[0x80] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, '!', '"', '#', '$', '%', '&', '\'', '(', ')',
	'*', '+', ',', 0, '.', '/', '0', '1', '2', '3', '4', '5', '6', '7', '8',
	'9', ':', ';', '<', '=', '>', '?', '@', 'A', 'B', 'C', 'D', 'E', 'F',
	'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T',
	'U', 'V', 'W', 'X', 'Y', 'Z', '[', '\\', ']', '^', '_', '`', 'A', 'B',
	'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P',
	'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', '{', '|', '}', '~', 0
};

static bool is_plain_name(const char *text, size_t len);
static bool is_plainly_normal(CgNormalizer n, const char *text, size_t len);
static bool is_mobile(const char *digits, size_t n);
static size_t put_bytes(uint32_t c, const char *from, const char *to,
						char *out);
static size_t normalize_name(const char *text, size_t len, char *out);
static size_t normalize_phone(const char *text, size_t len, char *out);
static size_t normalize_code(const char *text, size_t len, char *out);
static size_t normalize_email(const char *text, size_t len, char *out);

bool
cg_normalizer_by_name(const char *name, CgNormalizer *n)
{
	static const char *const names[] = {
		[CG_NORM_NONE] = "none",
		[CG_NORM_NAME] = "name",
		[CG_NORM_PHONE] = "phone",
		[CG_NORM_CODE] = "code",
		[CG_NORM_EMAIL] = "email"
	};
	size_t		i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (strcmp(name, names[i]) == 0)
		{
			*n = (CgNormalizer) i;
			return true;
		}
	}
	return false;
}

uint32_t
cg_utf8_next(const char **p, const char *end)
{
	const unsigned char *s = (const unsigned char *) *p;
	size_t		room = (size_t) (end - *p);
	uint32_t	c;

	if (s[0] < 0x80)
	{
		*p += 1;
		return s[0];
	}
	if (s[0] >= 0xC2 && s[0] <= 0xDF)
	{
		if (room >= 2 && (s[1] & 0xC0) == 0x80)
		{
			*p += 2;
			return (uint32_t) (s[0] & 0x1F) << 6 | (s[1] & 0x3F);
		}
	}
	else if ((s[0] & 0xF0) == 0xE0)
	{
		if (room >= 3 && (s[1] & 0xC0) == 0x80 && (s[2] & 0xC0) == 0x80)
		{
			c = (uint32_t) (s[0] & 0x0F) << 12 |
				(uint32_t) (s[1] & 0x3F) << 6 | (s[2] & 0x3F);
			if (c >= 0x800 && (c < 0xD800 || c > 0xDFFF))
			{
				*p += 3;
				return c;
			}
		}
	}
	else if (s[0] >= 0xF0 && s[0] <= 0xF4)
	{
		if (room >= 4 && (s[1] & 0xC0) == 0x80 && (s[2] & 0xC0) == 0x80 &&
			(s[3] & 0xC0) == 0x80)
		{
			c = (uint32_t) (s[0] & 0x07) << 18 |
				(uint32_t) (s[1] & 0x3F) << 12 |
				(uint32_t) (s[2] & 0x3F) << 6 | (s[3] & 0x3F);
			if (c >= 0x10000 && c <= 0x10FFFF)
			{
				*p += 4;
				return c;
			}
		}
	}
	*p += 1;
	return CG_UTF8_INVALID;
}

size_t
cg_utf8_put(uint32_t c, char *out)
{
	if (c < 0x80)
	{
		out[0] = (char) c;
		return 1;
	}
	if (c < 0x800)
	{
		out[0] = (char) (0xC0 | c >> 6);
		out[1] = (char) (0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000)
	{
		out[0] = (char) (0xE0 | c >> 12);
		out[1] = (char) (0x80 | (c >> 6 & 0x3F));
		out[2] = (char) (0x80 | (c & 0x3F));
		return 3;
	}
	out[0] = (char) (0xF0 | (c >> 18 & 0x07));
	out[1] = (char) (0x80 | (c >> 12 & 0x3F));
	out[2] = (char) (0x80 | (c >> 6 & 0x3F));
	out[3] = (char) (0x80 | (c & 0x3F));
	return 4;
}

bool
cg_utf8_valid(const char *text, size_t len)
{
	const char *p = text;
	const char *end = text + len;

	while (p < end)
	{
		const char *start = p;

		if ((*p & 0x80) == 0)
		{
			p++;
			continue;
		}

		/* The character U+FFFD itself takes three bytes and is valid. */
		if (cg_utf8_next(&p, end) == CG_UTF8_INVALID && p == start + 1)
			return false;
	}
	return true;
}

uint32_t
cg_fold_width(uint32_t c)
{
	if (c >= 0xFF01 && c <= 0xFF5E)
		return c - 0xFF01 + 0x21;
	if (c == 0x3000)
		return ' ';
	return c;
}

/*
 * Format characters without width count as blanks: the direction marks
 * U+202A to U+202E, for one, come with numbers copied from an address book
 * and make equal numbers look equal but compare different.
 */
bool
cg_is_blank(uint32_t c)
{
	if (c < 0x7F)
		return c <= ' ';
	if (c < 0x1680)
		return c <= 0xA0 || c == 0xAD;
	return c == 0x1680 || c == 0x180E || (c >= 0x2000 && c <= 0x200F) ||
		(c >= 0x2028 && c <= 0x202F) || (c >= 0x205F && c <= 0x206F) ||
		c == 0x3000 || c == 0xFEFF;
}

bool
cg_is_hyphen(uint32_t c)
{
	return c == '-' || (c >= 0x2010 && c <= 0x2015) || c == 0x2212;
}

bool
cg_is_middle_dot(uint32_t c)
{
	switch (c)
	{
		case MIDDLE_DOT:
		case 0x0387:			/* Greek ano teleia */
		case 0x2022:			/* bullet */
		case 0x2027:			/* hyphenation point */
		case 0x22C5:			/* dot operator */
		case 0x30FB:			/* katakana middle dot */
		case 0xFF65:			/* its half-width form */
			return true;
		default:
			return false;
	}
}

bool
cg_is_han(uint32_t c)
{
	return (c >= 0x4E00 && c <= 0x9FFF) ||
		(c >= 0x3400 && c <= 0x4DBF) ||
		(c >= 0x20000 && c <= 0x2FA1F) ||
		(c >= 0x30000 && c <= 0x323AF) ||
		(c >= 0xF900 && c <= 0xFAFF) ||
		c == 0x3005 || c == 0x3007; /* iteration mark, zero */
}

/*
 * This is half the time of a mask, so ASCII takes the short way: a table for
 * codes, one comparison for the others.
 */
size_t
cg_collect(CgForm form, const char *text, size_t len, uint32_t *out,
		   size_t max)
{
	const char *p = text;
	const char *end = text + len;
	size_t		n = 0;
	size_t		pending = 0;	/* inner blanks of a line, not yet written */

	while (p < end)
	{
		uint32_t	c = (unsigned char) *p;

		if (c < 0x80)
		{
			p++;
			if (form == CG_FORM_CODE)
			{
				c = code_of_ascii[c];
				if (c == 0)
					continue;
			}
			else if (c <= ' ' || c == 0x7F)
			{
				if (form == CG_FORM_LINE && n > 0)
					pending++;
				continue;
			}
		}
		else
		{
			c = cg_utf8_next(&p, end);

			/* What is not among the CJK letters is worth a closer look. */
			if (c <= 0x3000 || c >= 0xFE00)
			{
				c = cg_fold_width(c);
				if (cg_is_blank(c))
				{
					if (form == CG_FORM_LINE && n > 0)
						pending++;
					continue;
				}
				if (form == CG_FORM_CODE)
				{
					if (cg_is_hyphen(c))
						continue;
					if (c - 'a' < 26)
						c -= 'a' - 'A';
				}
			}
		}
		for (; pending > 0 && n < max; pending--)
			out[n++] = ' ';
		if (n == max)
			return max + 1;
		out[n++] = c;
	}
	return n;
}

bool
cg_is_bare_mobile(const char *text, size_t len)
{
	size_t		i;

	if (!is_mobile(text, len))
		return false;
	for (i = 0; i < len; i++)
		if (!(text[i] >= '0' && text[i] <= '9'))
			return false;
	return true;
}

/* Only ASCII graphics and U+4000-9FFF: no blank and no dot to normalise. */
static bool
is_plain_name(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *) text;
	size_t		i = 0;

	while (i < len)
	{
		if (s[i] > ' ' && s[i] < 0x7F)
			i++;
		else if (s[i] >= 0xE4 && s[i] <= 0xE9 && len - i >= 3 &&
				 (s[i + 1] & 0xC0) == 0x80 && (s[i + 2] & 0xC0) == 0x80)
			i += 3;
		else
			return false;
	}
	return true;
}

/*
 * Most values arrive in their normal form; telling that takes a tenth of the
 * time of making it.  False means nothing.
 */
static bool
is_plainly_normal(CgNormalizer n, const char *text, size_t len)
{
	size_t		i;

	switch (n)
	{
		case CG_NORM_NONE:
			break;
		case CG_NORM_NAME:
			return is_plain_name(text, len);
		case CG_NORM_PHONE:
			return cg_is_bare_mobile(text, len);
		case CG_NORM_CODE:
			for (i = 0; i < len; i++)
				if (!(text[i] >= '0' && text[i] <= '9') &&
					!(text[i] >= 'A' && text[i] <= 'Z'))
					return false;
			break;
		case CG_NORM_EMAIL:
			for (i = 0; i < len; i++)
				if (!(text[i] > ' ' && text[i] < 'A') &&
					!(text[i] > 'Z' && text[i] < 0x7F))
					return false;
			break;
	}
	return true;
}

size_t
cg_normalize(CgNormalizer n, const char *text, size_t len, char *out)
{
	static size_t (*const normalize[]) (const char *, size_t, char *) = {
		[CG_NORM_NAME] = normalize_name,
		[CG_NORM_PHONE] = normalize_phone,
		[CG_NORM_CODE] = normalize_code,
		[CG_NORM_EMAIL] = normalize_email
	};

	if (!is_plainly_normal(n, text, len) && cg_utf8_valid(text, len))
		return normalize[n] (text, len, out);
	if (len > 0)
		memcpy(out, text, len);
	return len;
}

/*
 * Write c, which was read from the bytes from..to.  What is unchanged goes
 * out as it came in.
 */
static size_t
put_bytes(uint32_t c, const char *from, const char *to, char *out)
{
	if (c < 0x80)
	{
		*out = (char) c;
		return 1;
	}
	memcpy(out, from, (size_t) (to - from));
	return (size_t) (to - from);
}

/*
 * Names are not folded: a compatibility ideograph may be how the person's
 * name is written.  The middle dot between the parts of a name counts as Han,
 * so that blanks around it go.  A run of characters without width is no blank
 * between two words.
 */
static size_t
normalize_name(const char *text, size_t len, char *out)
{
	const char *p = text;
	const char *end = text + len;
	char	   *o = out;
	bool		last_han = false;
	bool		gap = false;

	while (p < end)
	{
		const char *start = p;
		uint32_t	c = cg_utf8_next(&p, end);
		bool		dot;
		bool		han;

		if (cg_is_blank(c))
		{
			if (c != 0xAD && c != 0x180E && !(c >= 0x200B && c <= 0x200F) &&
				!(c >= 0x202A && c <= 0x202E) &&
				!(c >= 0x2060 && c <= 0x206F) && c != 0xFEFF)
				gap = true;
			continue;
		}
		dot = cg_is_middle_dot(c);
		han = dot || cg_is_han(c);
		if (gap && o > out && !(han && last_han))
			*o++ = ' ';
		gap = false;
		last_han = han;
		if (dot)
			o += cg_utf8_put(MIDDLE_DOT, o);
		else
			o += put_bytes(c, start, p, o);
	}
	return (size_t) (o - out);
}

static bool
is_mobile(const char *digits, size_t n)
{
	return n == MOBILE_DIGITS && digits[0] == '1' && digits[1] >= '3';
}

/*
 * Numbers of the mainland take the national form, whether mobile (11 digits)
 * or landline (0, area, number); all others keep their "+", because 1 415...
 * dialled at home and +1 415... are two numbers.
 */
static size_t
normalize_phone(const char *text, size_t len, char *out)
{
	const char *p = text;
	const char *end = text + len;
	size_t		n = 0;
	bool		plus = false;

	while (p < end)
	{
		uint32_t	c = cg_fold_width(cg_utf8_next(&p, end));

		if (c >= '0' && c <= '9')
			out[n++] = (char) c;
		else if (c == '+' && n == 0)
			plus = true;
	}

	/* Words such as "unknown" must not all equal the empty number. */
	if (n == 0)
		return normalize_code(text, len, out);

	if (!plus && n > 2 && memcmp(out, "00", 2) == 0)
	{
		plus = true;
		n -= 2;
		memmove(out, out + 2, n);
	}

	/* What is behind a "+" may still be 0086, by mistake. */
	if (n == MOBILE_DIGITS + 4 && memcmp(out, "0086", 4) == 0 &&
		is_mobile(out + 4, MOBILE_DIGITS))
	{
		memmove(out, out + 4, MOBILE_DIGITS);
		return MOBILE_DIGITS;
	}
	if (n == MOBILE_DIGITS + 2 && memcmp(out, "86", 2) == 0 &&
		is_mobile(out + 2, MOBILE_DIGITS))
	{
		memmove(out, out + 2, MOBILE_DIGITS);
		return MOBILE_DIGITS;
	}
	if (!plus)
		return n;

	/*
	 * +86 21 ... is 021 ...: the trunk prefix comes back.  Service numbers
	 * have none.  Short ones stay as they are, and so does a rest that begins
	 * 00, which the next pass would take for an international prefix.
	 */
	if (n >= 12 && memcmp(out, "86", 2) == 0 &&
		memcmp(out + 2, "00", 2) != 0)
	{
		bool		service = n == 12 && (memcmp(out + 2, "400", 3) == 0 ||
										  memcmp(out + 2, "800", 3) == 0);

		if (service || out[2] == '0')
		{
			n -= 2;
			memmove(out, out + 2, n);
		}
		else
		{
			n -= 1;
			memmove(out, out + 1, n);
			out[0] = '0';
		}
		return n;
	}
	memmove(out + 1, out, n);
	out[0] = '+';
	return n + 1;
}

static size_t
normalize_code(const char *text, size_t len, char *out)
{
	const char *p = text;
	const char *end = text + len;
	char	   *o = out;

	while (p < end)
	{
		const char *start = p;
		uint32_t	c = cg_fold_width(cg_utf8_next(&p, end));

		if (cg_is_blank(c) || cg_is_hyphen(c))
			continue;
		if (c - 'a' < 26)
			c -= 'a' - 'A';
		o += put_bytes(c, start, p, o);
	}
	return (size_t) (o - out);
}

/*
 * The local part is lowered too.  The standard lets a host tell a@x from A@x,
 * but none does, and people type their own address in either way.
 */
static size_t
normalize_email(const char *text, size_t len, char *out)
{
	const char *p = text;
	const char *end = text + len;
	char	   *o = out;
	char	   *last = out;		/* behind the last that is no blank */

	while (p < end)
	{
		const char *start = p;
		uint32_t	c = cg_fold_width(cg_utf8_next(&p, end));
		bool		blank = cg_is_blank(c);

		if (blank && o == out)
			continue;
		if (c - 'A' < 26)
			c += 'a' - 'A';
		o += put_bytes(c, start, p, o);
		if (!blank)
			last = o;
	}
	return (size_t) (last - out);
}

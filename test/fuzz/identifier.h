/*
 * identifier.h
 *		Which identifiers are valid, told again from the standards.
 *
 * Shapes are regular expressions of the C library over the code form; check
 * digits are computed as the standards define them, and not by the tables of
 * weights that the validators have.
 */
#ifndef CG_FUZZ_IDENTIFIER_H
#define CG_FUZZ_IDENTIFIER_H

#include <regex.h>

#include "ident_cn.h"
#include "reading.h"

#define TODAY	20261123

/* Does all of the text match?  Each call has a pattern of its own. */
#define MATCHES(pattern, text) \
	__extension__ ({ \
		static regex_t compiled; \
		static bool ready = false; \
		ready = ready || regcomp(&compiled, "^(" pattern ")$", \
								 REG_EXTENDED | REG_NOSUB) == 0; \
		REQUIRE(ready); \
		regexec(&compiled, (text), 0, NULL, 0) == 0; \
	})

static inline int
decimal(const char *digits, int n)
{
	int			value = 0;

	for (; n > 0; n--)
		value = value * 10 + (*digits++ - '0');
	return value;
}

static inline bool
is_calendar_date(int year, int month, int day)
{
	bool		leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
	int			days = month == 2 ? (leap ? 29 : 28) :
		month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;

	return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= days;
}

/* ISO 7064 MOD 11-2, by its recursion. */
static inline char
mod_11_2(const char *digits, int n)
{
	int			p = 0;
	int			check;

	for (; n > 0; n--)
		p = (p + (*digits++ - '0')) * 2 % 11;
	check = (12 - p) % 11;
	return (char) (check == 10 ? 'X' : '0' + check);
}

/* GB 32100: the sum of value times 3^i, modulo 31. */
#define USCC_ALPHABET	"0123456789ABCDEFGHJKLMNPQRTUWXY"

static inline char
uscc_check(const char *code)
{
	int			power = 1;
	int			sum = 0;
	int			i;

	for (i = 0; i < 17; i++, power = power * 3 % 31)
		sum += (int) (strchr(USCC_ALPHABET, code[i]) - USCC_ALPHABET) * power;
	return USCC_ALPHABET[(31 - sum % 31) % 31];
}

/* GB 11714: Horner's way, the weights being powers of two modulo 11. */
static inline char
organization_check(const char *code)
{
	int			sum = 0;
	int			check;
	int			i;

	for (i = 0; i < 8; i++)
		sum = (sum + (code[i] <= '9' ? code[i] - '0' : code[i] - 'A' + 10)) *
			2 % 11;
	check = (11 - sum) % 11;
	return (char) (check == 10 ? 'X' : '0' + check);
}

/* ISO/IEC 7812: from the right, every second digit doubled. */
static inline bool
luhn_holds(const char *digits, size_t n)
{
	int			sum = 0;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		int			digit = (digits[n - 1 - i] - '0') * (i % 2 == 1 ? 2 : 1);

		sum += digit > 9 ? digit - 9 : digit;
	}
	return sum % 10 == 0;
}

/* ---------- identifiers made of the input, valid by the standards ---------- */

static inline void
make_digits(FuzzInput *in, char *out, size_t n)
{
	while (n-- > 0)
		*out++ = (char) ('0' + fuzz_choice(in, 10));
}

/* Of a citizen or a permanent resident; returns the birth date. */
static inline int
make_resident_id(FuzzInput *in, char id[19])
{
	static const char *const provinces[] = {"11", "31", "44", "65", "83", "935"};
	const char *province = provinces[fuzz_choice(in, 6)];
	int			date = (1850 + (int) fuzz_choice(in, 250)) * 10000 +
		(1 + (int) fuzz_choice(in, 12)) * 100 + 1 + (int) fuzz_choice(in, 28);

	make_digits(in, id, 17);
	memcpy(id, province, strlen(province));
	snprintf(id + 6, 9, "%d", date);
	make_digits(in, id + 14, 3);
	id[17] = mod_11_2(id, 17);
	id[18] = '\0';
	return date;
}

static inline void
make_uscc(FuzzInput *in, char code[19])
{
	int			i;

	for (i = 0; i < 16; i++)
		code[i] = i >= 2 && i < 8 ? (char) ('0' + fuzz_choice(in, 10)) :
			USCC_ALPHABET[fuzz_choice(in, 31)];
	code[16] = organization_check(code + 8);
	code[17] = uscc_check(code);
	code[18] = '\0';
}

/* Returns how many digits it has. */
static inline size_t
make_bank_card(FuzzInput *in, char digits[20])
{
	size_t		n = 13 + fuzz_choice(in, 7);

	make_digits(in, digits, n);
	digits[0] = (char) ('1' + fuzz_choice(in, 9));
	for (digits[n - 1] = '0'; !luhn_holds(digits, n);)
		digits[n - 1]++;
	digits[n] = '\0';
	return n;
}

/* ---------- verdicts ---------- */

/* Text of code points that are not ASCII has '\1' in it. */
static inline bool
is_ascii(const FuzzText *text)
{
	return strchr(text->ascii, '\1') == NULL;
}

static inline CgVerdict
resident_id_verdict(const FuzzText *text, int today)
{
	const char *s = text->ascii;
	bool		old = text->n == 15;
	char		province[3] = {0};
	int			year;
	int			month;
	int			day;

	if (!old && text->n != 18)
		return CG_V_LENGTH;
	if (!MATCHES("[0-9]{15}([0-9]{2}[0-9X])?", s))
		return is_ascii(text) ? CG_V_FORMAT : CG_V_CHARSET;
	memcpy(province, s + (s[0] == '9' && !old ? 1 : 0), 2);
	if (!MATCHES("1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]",
				 province))
		return CG_V_PROVINCE;
	year = old ? 1900 + decimal(s + 6, 2) : decimal(s + 6, 4);
	month = decimal(s + (old ? 8 : 10), 2);
	day = decimal(s + (old ? 10 : 12), 2);
	if (!is_calendar_date(year, month, day))
		return CG_V_DATE;
	if (year < 1850 || year * 10000 + month * 100 + day > today)
		return CG_V_DATE_RANGE;
	return old || s[17] == mod_11_2(s, 17) ? CG_V_OK : CG_V_CHECKSUM;
}

static inline CgVerdict
bank_card_verdict(const FuzzText *text, int today)
{
	(void) today;
	if (text->n < 13 || text->n > 19)
		return CG_V_LENGTH;
	if (!MATCHES("[0-9]+", text->ascii))
		return CG_V_CHARSET;
	if (text->ascii[0] == '0')
		return CG_V_FORMAT;
	return luhn_holds(text->ascii, text->n) ? CG_V_OK : CG_V_OK_LUHN_SOFT;
}

static inline CgVerdict
uscc_verdict(const FuzzText *text, int today)
{
	const char *s = text->ascii;

	(void) today;
	if (text->n != 18)
		return CG_V_LENGTH;
	if (strspn(s, USCC_ALPHABET) != 18)
		return CG_V_CHARSET;
	if (!MATCHES("..[0-9]{6}.*", s))
		return CG_V_REGION;
	if (s[17] != uscc_check(s))
		return CG_V_CHECKSUM;
	return s[16] == organization_check(s + 8) ? CG_V_OK : CG_V_OK_ORG_SOFT;
}

static inline CgVerdict
mobile_verdict(const FuzzText *text, int today)
{
	(void) today;
	if (text->n != 11 && (text->n < 13 || text->n > 15))
		return CG_V_LENGTH;
	if (!MATCHES("[0-9+]+", text->ascii))
		return CG_V_CHARSET;
	return MATCHES("([+]86|0086|86)?1[3-9][0-9]{9}", text->ascii) ? CG_V_OK :
		CG_V_FORMAT;
}

/* Is c one of the code points of this text in UTF-8? */
static inline bool
is_among(uint32_t c, const char *chars)
{
	char		utf8[5] = {0};

	return fuzz_encode(c, utf8) > 0 && strstr(chars, utf8) != NULL;
}

/*
 * Seven characters, or eight of new energy.  For the pattern Han characters
 * are told by their part: P a province, U a use, H any other.
 */
static inline CgVerdict
plate_verdict(const FuzzText *text, int today)
{
	char		kinds[9] = {0};
	size_t		i;

	(void) today;
	if (text->n < 7 || text->n > 8)
		return CG_V_LENGTH;
	for (i = 0; i < text->n; i++)
	{
		uint32_t	c = text->c[i];

		if (fuzz_is_han(c))
			kinds[i] = is_among(c, "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂"
								"琼渝川贵云藏陕甘青宁新") ? 'p' :
				is_among(c, "挂学警港澳领使") ? 'u' : 'h';
		else if (c < 0x80 && MATCHES("[0-9A-HJ-NP-Z]", ((char[]) {
			(char) c, 0
		})))
			kinds[i] = (char) c;
		else
			return CG_V_CHARSET;
	}
	return MATCHES("p[A-HJ-NP-Z]([0-9A-Z]{4}[0-9A-Zu]|[A-HJK][0-9A-Z][0-9]{4}|"
				   "[0-9]{5}[A-HJK])", kinds) ? CG_V_OK : CG_V_FORMAT;
}

static inline CgVerdict
date_verdict(const FuzzText *text, int today)
{
	char		plain[11] = {0};
	size_t		i;
	int			skip;

	(void) today;
	if (text->n != 8 && text->n != 10)
		return CG_V_LENGTH;
	for (i = 0; i < text->n; i++)
	{
		plain[i] = fuzz_is_hyphen(text->c[i]) ? '-' : text->ascii[i];
		if (!MATCHES("[0-9-]", ((char[]) {
			plain[i], 0
		})))
			return CG_V_CHARSET;
	}
	if (!MATCHES("[0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}", plain))
		return CG_V_FORMAT;
	skip = text->n == 10;
	return is_calendar_date(decimal(plain, 4), decimal(plain + 4 + skip, 2),
							decimal(plain + 6 + 2 * skip, 2)) ? CG_V_OK :
		CG_V_DATE;
}

/* Sizes are in bytes, of which UTF-8 has one more from these on. */
static inline size_t
size_of(const uint32_t *c, size_t n)
{
	size_t		size = n;

	for (; n > 0; n--, c++)
		size += (*c >= 0x80) + (*c >= 0x800) + (*c >= 0x10000);
	return size;
}

/*
 * Whether it is an address; which reason is given for one that is not depends
 * on where one begins to look.  What is not ASCII is a letter in the pattern.
 */
static inline bool
is_email(const FuzzText *text)
{
	char	   *letters = fuzz_copy(text->ascii, text->n + 1);
	bool		good = text->n <= CG_IDENT_MAX &&
		size_of(text->c, text->n) <= 254;
	size_t		at = strcspn(text->ascii, "@");
	size_t		start;
	size_t		i;

	for (i = 0; i < text->n; i++)
	{
		if (text->c[i] == NO_CHARACTER)
			good = false;
		if (text->c[i] >= 0x80)
			letters[i] = 'z';
	}
	good = good &&
		MATCHES("[]0-9A-Za-z!#$%&'+/=?^_`{|}~-]+"
				"([.][]0-9A-Za-z!#$%&'+/=?^_`{|}~-]+)*"
				"@([0-9A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?[.])+"
				"[0-9A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?", letters) &&
		strchr(letters, ']') == NULL &&
		!MATCHES(".*[.@][0-9]+", letters) && size_of(text->c, at) <= 64;
	for (start = at + 1; good && start < text->n; start = i + 1)
	{
		i = start + strcspn(text->ascii + start, ".");
		good = size_of(text->c + start, i - start) <= 63;
	}
	free(letters);
	return good;
}

/*
 * A validator must give this verdict, and the same of the normal form of its
 * kind: a token must not bring together what validation tells apart.
 */
static inline void
require_verdict(CgValidator v, CgNormalizer normalizer, const void *data,
				size_t size, int today, CgVerdict verdict)
{
	char	   *text = fuzz_copy(data, size);
	char	   *form = fuzz_buffer(size);
	size_t		n;

	REQUIRE(cg_validate(v, text, size, today) == verdict);
	n = cg_normalize(normalizer, text, size, form);
	if (cg_verdict_ok(verdict))
		REQUIRE(cg_validate(v, form, n, today) == verdict);
	free(form);
	free(text);
}

/* The input as text: its verdict must be the one told here. */
static inline void
try_text(CgValidator v, CgNormalizer normalizer,
		 CgVerdict (*verdict_of) (const FuzzText *, int),
		 const void *data, size_t size, int today)
{
	FuzzText	text = fuzz_read(v == CG_VALID_DATE ? FUZZ_LINE : FUZZ_CODE,
								 data, size);

	require_verdict(v, normalizer, data, size, today, text.n == 0 ?
					CG_V_EMPTY : verdict_of(&text, today));
	fuzz_forget(&text);
}

#endif							/* CG_FUZZ_IDENTIFIER_H */

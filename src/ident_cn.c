/*
 * ident_cn.c
 *		Validators of identifiers.
 *
 * Design notes:
 *
 * The first check that is not passed names the reason, and the order is the
 * same everywhere, from outside to inside: empty, length, charset, format,
 * then what is special to the identifier (province or region, date, range of
 * the date, check digit).  So a report of data quality tells typing errors
 * from values of another kind.
 *
 * County codes are not checked: abolished ones stay valid on cards.  Of a
 * unified social credit code the first two characters are no white list
 * either, for new kinds of registrar appear without notice.
 */
#include <string.h>

#include "ident_cn.h"
#include "regions_cn.h"

#define BIRTH_YEAR_MIN	1850

typedef CgVerdict (*CgJudgeFunction) (const uint32_t *c, size_t n, int today);

typedef struct CgValidatorEntry
{
	const char *name;
	CgForm		form;
	size_t		max;			/* code points worth reading */
	CgJudgeFunction judge;
} CgValidatorEntry;

/* ASCII in the alphabet of GB 32100: the value and one, or 0. */
static const unsigned char uscc_value[0x80] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0, 0, 0, 0, 0,
	0, 11, 12, 13, 14, 15, 16, 17, 18, 0, 19, 20, 21, 22, 23, 0,
	24, 25, 26, 0, 27, 28, 0, 29, 30, 31, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
};

/* ASCII in e-mail addresses: 1 in the local part, 2 in the domain. */
#define EMAIL_LOCAL		1
#define EMAIL_DOMAIN	2

static const unsigned char email_class[0x80] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 1, 0, 1, 1, 1, 1, 1, 0, 0, 0, 1, 0, 3, 0, 1,
	3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 0, 0, 1, 0, 1,
	0, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3,
	3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 0, 0, 1, 1,
	1, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3,
	3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 1, 1, 1, 1, 0
};

static CgVerdict judge_mobile(const uint32_t *c, size_t n, int today);
static CgVerdict judge_email(const uint32_t *c, size_t n, int today);
static CgVerdict judge_resident_id(const uint32_t *c, size_t n, int today);
static CgVerdict judge_bank_card(const uint32_t *c, size_t n, int today);
static CgVerdict judge_uscc(const uint32_t *c, size_t n, int today);
static CgVerdict judge_plate(const uint32_t *c, size_t n, int today);
static CgVerdict judge_date(const uint32_t *c, size_t n, int today);

static const CgValidatorEntry validators[] = {
	[CG_VALID_NONE] = {"none", CG_FORM_LINE, 0, NULL},
	[CG_VALID_MOBILE] = {"mobile", CG_FORM_CODE, 16, judge_mobile},
	[CG_VALID_EMAIL] = {"email", CG_FORM_LINE, CG_IDENT_MAX, judge_email},
	[CG_VALID_RESIDENT_ID] =
	{"resident_id", CG_FORM_CODE, 18, judge_resident_id},
	[CG_VALID_BANK_CARD] = {"bank_card", CG_FORM_CODE, 19, judge_bank_card},
	[CG_VALID_USCC] = {"uscc", CG_FORM_CODE, 18, judge_uscc},
	[CG_VALID_PLATE] = {"plate", CG_FORM_CODE, 8, judge_plate},
	[CG_VALID_DATE] = {"date", CG_FORM_LINE, 10, judge_date}
};

#define N_VALIDATORS	(sizeof(validators) / sizeof(validators[0]))

static inline bool
is_digit(uint32_t c)
{
	return c - '0' < 10;
}

static inline bool
is_upper(uint32_t c)
{
	return c - 'A' < 26;
}

static bool
all_digits(const uint32_t *c, size_t n)
{
	size_t		i;

	for (i = 0; i < n; i++)
	{
		if (!is_digit(c[i]))
			return false;
	}
	return true;
}

static inline int
number(const uint32_t *c, size_t n)
{
	int			value = 0;
	size_t		i;

	for (i = 0; i < n; i++)
		value = value * 10 + (int) (c[i] - '0');
	return value;
}

bool
cg_validator_by_name(const char *name, CgValidator *v)
{
	size_t		i;

	for (i = 0; i < N_VALIDATORS; i++)
	{
		if (strcmp(name, validators[i].name) == 0)
		{
			*v = (CgValidator) i;
			return true;
		}
	}
	return false;
}

const char *
cg_verdict_word(CgVerdict verdict)
{
	switch (verdict)
	{
		case CG_V_OK:
			return "ok";
		case CG_V_OK_LUHN_SOFT:
			return "ok_luhn_soft";
		case CG_V_OK_ORG_SOFT:
			return "ok_org_soft";
		case CG_V_EMPTY:
			return "empty";
		case CG_V_LENGTH:
			return "length";
		case CG_V_CHARSET:
			return "charset";
		case CG_V_FORMAT:
			return "format";
		case CG_V_PROVINCE:
			return "province";
		case CG_V_REGION:
			return "region";
		case CG_V_DATE:
			return "date";
		case CG_V_DATE_RANGE:
			return "date_range";
		case CG_V_CHECKSUM:
			return "checksum";
	}
	return "format";
}

CgVerdict
cg_validate(CgValidator v, const char *text, size_t len, int today)
{
	uint32_t	c[CG_IDENT_MAX];
	size_t		n;

	if (v == CG_VALID_NONE)
		return CG_V_OK;
	if ((size_t) v >= N_VALIDATORS)
		return CG_V_FORMAT;
	n = cg_collect(validators[v].form, text, len, c, validators[v].max);
	return cg_judge(v, c, n, today);
}

CgVerdict
cg_judge(CgValidator v, const uint32_t *c, size_t n, int today)
{
	if (v == CG_VALID_NONE)
		return CG_V_OK;
	if ((size_t) v >= N_VALIDATORS)
		return CG_V_FORMAT;
	if (n == 0)
		return CG_V_EMPTY;
	if (n > validators[v].max)
		return CG_V_LENGTH;
	return validators[v].judge(c, n, today);
}

/*
 * 11 digits, or 13 behind 86, 14 behind +86, 15 behind 0086.  The caller may
 * rely on the last 11 being the number.
 */
static CgVerdict
judge_mobile(const uint32_t *c, size_t n, int today)
{
	size_t		prefix;
	size_t		i;

	(void) today;
	if (n != 11 && (n < 13 || n > 15))
		return CG_V_LENGTH;
	for (i = 0; i < n; i++)
	{
		if (!is_digit(c[i]) && c[i] != '+')
			return CG_V_CHARSET;
	}

	prefix = n - 11;
	if (prefix > 0 && (c[prefix - 2] != '8' || c[prefix - 1] != '6'))
		return CG_V_FORMAT;
	if (prefix == 3 && c[0] != '+')
		return CG_V_FORMAT;
	if (prefix == 4 && (c[0] != '0' || c[1] != '0'))
		return CG_V_FORMAT;
	if (!all_digits(c + prefix, 11) || c[prefix] != '1' ||
		c[prefix + 1] < '3')
		return CG_V_FORMAT;
	return CG_V_OK;
}

/*
 * What may stand in one part of an address, apart from the dot.  The star,
 * which the standard allows, is missing: it comes from a mask written back.
 */
static bool
is_email_char(uint32_t c, int part)
{
	if (c >= 0x80)
		return c != CG_UTF8_INVALID && !cg_is_blank(c);
	return (email_class[c] & part) != 0;
}

static size_t
utf8_size(uint32_t c)
{
	return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

/*
 * dot-atom @ domain of two labels or more; quoted local parts and address
 * literals, which the standard has too, no client table needs.  Sizes are in
 * bytes, as in RFC 6531.
 */
static CgVerdict
judge_email(const uint32_t *c, size_t n, int today)
{
	size_t		size = 0;
	size_t		at = n;
	size_t		label;			/* where the label begins */
	size_t		label_size = 0;
	size_t		i;

	(void) today;
	for (i = 0; i < n; i++)
		size += utf8_size(c[i]);
	if (size > 254)
		return CG_V_LENGTH;

	for (i = 0; i < n; i++)
	{
		if (c[i] == '@')
		{
			if (at < n)
				return CG_V_FORMAT;
			at = i;
		}
		else if (c[i] != '.' && !is_email_char(c[i], at < n ? EMAIL_DOMAIN :
											   EMAIL_LOCAL))
			return CG_V_CHARSET;
	}
	if (at == 0 || at == n)
		return CG_V_FORMAT;

	size = 0;
	for (i = 0; i < at; i++)
	{
		size += utf8_size(c[i]);
		if (c[i] == '.' && (i == 0 || i + 1 == at || c[i + 1] == '.'))
			return CG_V_FORMAT;
	}
	if (size > 64)
		return CG_V_LENGTH;

	label = at + 1;
	for (i = at + 1; i <= n; i++)
	{
		if (i < n && c[i] != '.')
		{
			label_size += utf8_size(c[i]);
			continue;
		}
		if (i == label || label_size > 63 || c[label] == '-' ||
			c[i - 1] == '-')
			return CG_V_FORMAT;
		if (i == n && (label == at + 1 || all_digits(c + label, n - label)))
			return CG_V_FORMAT; /* one label only, or an IP address */
		label = i + 1;
		label_size = 0;
	}
	return CG_V_OK;
}

static CgVerdict
judge_calendar(int year, int month, int day)
{
	static const unsigned char days[] =
	{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (year < 1 || month < 1 || month > 12 || day < 1)
		return CG_V_DATE;
	if (day <= days[month - 1])
		return CG_V_OK;
	return month == 2 && day == 29 && year % 4 == 0 &&
		(year % 100 != 0 || year % 400 == 0) ? CG_V_OK : CG_V_DATE;
}

static CgVerdict
judge_birth(int year, int month, int day, int today)
{
	CgVerdict	verdict = judge_calendar(year, month, day);

	if (verdict == CG_V_OK &&
		(year < BIRTH_YEAR_MIN || year * 10000 + month * 100 + day > today))
		verdict = CG_V_DATE_RANGE;
	return verdict;
}

/* Codes of provinces, and those the residence permits have: 81 to 83. */
static bool
is_province(const uint32_t *c)
{
	/* of each first digit, the first and the last second digit */
	static const char first[] = "1111101111";
	static const char last[] = "0537645130";
	uint32_t	decade = c[0] - '0';

	return c[1] >= (uint32_t) first[decade] && c[1] <= (uint32_t) last[decade];
}

/*
 * 18 characters, or 15 digits of the first standard, whose century is 1900.
 * The card of a foreign permanent resident has 18 too: 9, province, country,
 * and then as the others.
 */
static CgVerdict
judge_resident_id(const uint32_t *c, size_t n, int today)
{
	static const unsigned char weights[] =
	{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
	static const char check[] = "10X98765432";
	CgVerdict	verdict;
	unsigned	sum = 0;
	size_t		i;

	if (n != 15 && n != 18)
		return CG_V_LENGTH;
	if (!all_digits(c, n == 18 ? 17 : 15) ||
		(n == 18 && !is_digit(c[17]) && c[17] != 'X'))
	{
		for (i = 0; i < n; i++)
		{
			if (c[i] >= 0x80)
				return CG_V_CHARSET;
		}
		return CG_V_FORMAT;
	}
	if (n == 15)
	{
		if (!is_province(c))
			return CG_V_PROVINCE;
		return judge_birth(1900 + number(c + 6, 2), number(c + 8, 2),
						   number(c + 10, 2), today);
	}

	if (!is_province(c[0] == '9' ? c + 1 : c))
		return CG_V_PROVINCE;
	verdict = judge_birth(number(c + 6, 4), number(c + 10, 2),
						  number(c + 12, 2), today);
	if (verdict != CG_V_OK)
		return verdict;
	for (i = 0; i < 17; i++)
		sum += (c[i] - '0') * weights[i];
	return c[17] == (uint32_t) check[sum % 11] ? CG_V_OK : CG_V_CHECKSUM;
}

static CgVerdict
judge_bank_card(const uint32_t *c, size_t n, int today)
{
	/* a digit doubled, and 9 taken off what has two digits then */
	static const unsigned char doubled[] = {0, 2, 4, 6, 8, 1, 3, 5, 7, 9};
	unsigned	sum = 0;
	size_t		i;

	(void) today;
	if (n < 13)
		return CG_V_LENGTH;
	if (!all_digits(c, n))
		return CG_V_CHARSET;
	if (c[0] == '0')
		return CG_V_FORMAT;		/* no issuer of cards has a leading 0 */
	for (i = n % 2; i < n; i += 2)
		sum += doubled[c[i] - '0'] + (c[i + 1] - '0');
	if (n % 2 == 1)
		sum += c[0] - '0';
	return sum % 10 == 0 ? CG_V_OK : CG_V_OK_LUHN_SOFT;
}

static CgVerdict
judge_uscc(const uint32_t *c, size_t n, int today)
{
	static const unsigned char weights[] =
	{1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28};
	static const unsigned char org_weights[] = {3, 7, 9, 10, 5, 8, 4, 2};
	unsigned	value[18];
	unsigned	sum = 0;
	size_t		i;

	(void) today;
	if (n != 18)
		return CG_V_LENGTH;
	for (i = 0; i < 18; i++)
	{
		if (c[i] >= 0x80 || uscc_value[c[i]] == 0)
			return CG_V_CHARSET;
		value[i] = uscc_value[c[i]] - 1;
	}
	if (!all_digits(c + 2, 6))
		return CG_V_REGION;
	for (i = 0; i < 17; i++)
		sum += value[i] * weights[i];
	if (value[17] != (31 - sum % 31) % 31)
		return CG_V_CHECKSUM;

	/* The organisation code counts letters as GB 11714 does: A is 10. */
	sum = 0;
	for (i = 0; i < 8; i++)
	{
		uint32_t	o = c[8 + i];

		sum += (is_digit(o) ? o - '0' : o - 'A' + 10) * org_weights[i];
	}
	sum = (11 - sum % 11) % 11;
	return c[16] == (sum == 10 ? 'X' : '0' + sum) ? CG_V_OK :
		CG_V_OK_ORG_SOFT;
}

/* Is c one of the characters of a constant of Han characters? */
static bool
is_one_of(uint32_t c, const char *chars)
{
	const char *p = chars;
	const char *end = chars + strlen(chars);

	while (p < end)
	{
		if (cg_utf8_next(&p, end) == c)
			return true;
	}
	return false;
}

/* Letters of plates: no I, no O. */
static bool
is_plate_letter(uint32_t c)
{
	return is_upper(c) && c != 'I' && c != 'O';
}

static bool
is_energy_letter(uint32_t c)
{
	return c >= 'A' && c <= 'K' && c != 'I';
}

/*
 * Province, letter, then five characters, the last of which may be a kind of
 * use; or six for new energy: D12345 (small, letters A to K) or 12345D.
 */
static CgVerdict
judge_plate(const uint32_t *c, size_t n, int today)
{
	size_t		i;

	(void) today;
	if (n < 7)
		return CG_V_LENGTH;
	for (i = 0; i < n; i++)
	{
		if (c[i] >= 0x80 ? !cg_is_han(c[i]) :
			!is_digit(c[i]) && !is_plate_letter(c[i]))
			return CG_V_CHARSET;
	}
	if (!is_one_of(c[0], cg_plate_provinces) || !is_plate_letter(c[1]))
		return CG_V_FORMAT;
	for (i = 2; i + 1 < n; i++)
	{
		if (c[i] >= 0x80)
			return CG_V_FORMAT;
	}
	if (n == 7)
		return c[6] < 0x80 || is_one_of(c[6], cg_plate_uses) ? CG_V_OK :
			CG_V_FORMAT;
	if (is_energy_letter(c[2]) && all_digits(c + 4, 4))
		return CG_V_OK;
	if (all_digits(c + 2, 5) && is_energy_letter(c[7]))
		return CG_V_OK;
	return CG_V_FORMAT;
}

/* YYYYMMDD or YYYY-MM-DD. */
static CgVerdict
judge_date(const uint32_t *c, size_t n, int today)
{
	size_t		dash = n == 10 ? 1 : 0;
	size_t		i;

	(void) today;
	if (n != 8 && n != 10)
		return CG_V_LENGTH;
	for (i = 0; i < n; i++)
	{
		if (!is_digit(c[i]) && !cg_is_hyphen(c[i]))
			return CG_V_CHARSET;
	}
	if (!all_digits(c, 4) || !all_digits(c + 4 + dash, 2) ||
		!all_digits(c + 6 + 2 * dash, 2) ||
		(dash > 0 && (is_digit(c[4]) || is_digit(c[7]))))
		return CG_V_FORMAT;
	return judge_calendar(number(c, 4), number(c + 4 + dash, 2),
						  number(c + 6 + 2 * dash, 2));
}

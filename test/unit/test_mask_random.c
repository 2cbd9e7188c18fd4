/*
 * test_mask_random.c
 *		The maskers: what must be true of any input.
 */
#include <stdlib.h>

#include "mask_rules.h"
#include "tap.h"

#define N_RANDOM		60000
#define N_HIDDEN		300000
#define TEXT_MAX		256

/* A kind of value, and how much of its text the mask shows. */
typedef struct CgKind
{
	CgMasker	masker;
	CgMaskStyle style;
	size_t		first;			/* bytes shown at the begin */
	size_t		last;			/* and at the end */
} CgKind;

static const CgKind kinds[] = {
	{CG_MASK_MOBILE, CG_STYLE_STANDARD, 3, 4},
	{CG_MASK_EMAIL, CG_STYLE_STANDARD, 1, 12},
	{CG_MASK_EMAIL, CG_STYLE_STRICT, 1, 4},
	{CG_MASK_RESIDENT_ID, CG_STYLE_STANDARD, 1, 1},
	{CG_MASK_RESIDENT_ID, CG_STYLE_REGION, 2, 0},
	{CG_MASK_RESIDENT_ID, CG_STYLE_LEGACY, 6, 4},
	{CG_MASK_BANK_CARD, CG_STYLE_STANDARD, 6, 4},
	{CG_MASK_BANK_CARD, CG_STYLE_STRICT, 0, 4},
	{CG_MASK_USCC, CG_STYLE_STANDARD, 2, 4},
	{CG_MASK_ADDRESS, CG_STYLE_STANDARD, 21, 0},
	{CG_MASK_PLATE, CG_STYLE_STANDARD, 4, 2},
	{CG_MASK_YEAR, CG_STYLE_STANDARD, 4, 0},
	{CG_MASK_LANDLINE, CG_STYLE_STANDARD, 4, 4},
	{CG_MASK_E164, CG_STYLE_STANDARD, 4, 4},
	{CG_MASK_PASSPORT, CG_STYLE_STANDARD, 1, 2},
	{CG_MASK_PERMIT, CG_STYLE_STANDARD, 1, 2},
	{CG_MASK_MILITARY_ID, CG_STYLE_STANDARD, 9, 5},
	{CG_MASK_IBAN, CG_STYLE_STANDARD, 4, 4},
	{CG_MASK_IMEI, CG_STYLE_STANDARD, 8, 0},
	{CG_MASK_IP, CG_STYLE_STANDARD, 14, 0},
	{CG_MASK_MAC, CG_STYLE_STANDARD, 8, 0},
	{CG_MASK_QQ, CG_STYLE_STANDARD, 2, 2},
	{CG_MASK_WECHAT, CG_STYLE_STANDARD, 2, 1},
	{CG_MASK_US_SSN, CG_STYLE_STANDARD, 0, 4}
};

#define N_KINDS			(sizeof(kinds) / sizeof(kinds[0]))

static uint64_t state = UINT64_C(88172645463325252);

static unsigned
draw(unsigned below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned) (state >> 33) % below;
}

/* A piece of an identifier, or of none. */
static const char *
random_piece(bool whole)
{
	static const char *const pieces[] = {
		"0", "1", "2", "3", "8", "9", "86", "+86", "138", "62", "1990",
		"-01", "/02", "A", "x", "X", "z", "@", ".", "com", "-", " ", "\t",
		"张", "欧阳", "·", "𠮷", "上海市", "浦东新区", "杭州市", "沪A", "小区",
		"年", "月", "日", "１", "ａ", "＠", "\xE3\x80\x80", "\xEF\xBB\xBF",
		"*", "é", "021", "0755", "(", ")", "转", "00", "+852", "400", "E",
		"H", "军字第", "号", "GB82", ":", "::", "ffff", "2001:db8",
		"00:1A:2B", "wxid_", "12345678", "/64",

		"\xFF", "\xC3", "\xE4\xB8", "\xF0\x9F\x98", "\xED\xA0\x80",
		"\xEF\xBF\xBD"
	};
	size_t		count = sizeof(pieces) / sizeof(pieces[0]);

	return pieces[draw((unsigned) (whole ? count - 6 : count))];
}

/* Text of pieces. */
static size_t
random_text(char *text)
{
	unsigned	n = draw(24);
	size_t		len = 0;

	/* Mostly whole characters: with many pieces one is sure to be broken. */
	bool		whole = draw(4) != 0;

	while (n-- > 0)
	{
		const char *piece = random_piece(whole);
		size_t		size = strlen(piece);

		if (draw(60) == 0)
		{
			text[len++] = '\0';
			continue;
		}
		if (len + size + 1 > TEXT_MAX)
			break;
		memcpy(text + len, piece, size);
		len += size;
	}
	return len;
}

/* n random digits, the first of which is at least the given one. */
static size_t
put_digits(char *text, size_t n, unsigned least)
{
	size_t		i;

	for (i = 0; i < n; i++)
		text[i] = (char) ('0' + (i == 0 ? least + draw(10 - least) :
								 draw(10)));
	return n;
}

static size_t
random_resident_id(char *text)
{
	static const char check[] = "10X98765432";
	static const unsigned char weights[] =
	{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
	unsigned	sum = 0;
	size_t		i;

	snprintf(text, TEXT_MAX, "%u9999%u%02u%02u%03u", draw(2) ? 31u : 44u,
			 1900 + draw(120), 1 + draw(12), 1 + draw(28), draw(1000));
	for (i = 0; i < 17; i++)
		sum += (unsigned) (text[i] - '0') * weights[i];
	text[17] = check[sum % 11];
	return 18;
}

static size_t
random_uscc(char *text)
{
	static const char letters[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
	unsigned	sum = 0;
	unsigned	weight = 1;
	size_t		i;

	memcpy(text, "91", 2);
	put_digits(text + 2, 15, 0);
	for (i = 0; i < 17; i++)
	{
		sum += (unsigned) (text[i] - '0') * weight;
		weight = weight * 3 % 31;
	}
	text[17] = letters[(31 - sum % 31) % 31];
	return 18;
}

static size_t
random_iban(char *text)
{
	unsigned	rest = 0;
	size_t		i;

	memcpy(text, "DE00", 4);
	put_digits(text + 4, 18, 0);
	for (i = 4; i < 22; i++)
		rest = (rest * 10 + (unsigned) (text[i] - '0')) % 97;

	/* D is 13, E is 14, and the check digits are zero. */
	rest = (rest * 1000000 + 131400) % 97;
	rest = 98 - rest;
	text[2] = (char) ('0' + rest / 10);
	text[3] = (char) ('0' + rest % 10);
	return 22;
}

static size_t
random_imei(char *text)
{
	unsigned	sum = 0;
	size_t		i;

	put_digits(text, 14, 0);
	for (i = 0; i < 14; i++)
	{
		unsigned	digit = (unsigned) (text[i] - '0') * (1 + i % 2);

		sum += digit / 10 + digit % 10;
	}
	text[14] = (char) ('0' + (10 - sum % 10) % 10);
	return 15;
}

/* A valid value of the masker's kind, random where there is a choice. */
static size_t
random_valid(CgMasker masker, char *text)
{
	const char *head = "";
	const char *tail = "";
	size_t		n = 0;
	unsigned	least = 0;

	switch (masker)
	{
		case CG_MASK_RESIDENT_ID:
			return random_resident_id(text);
		case CG_MASK_USCC:
			return random_uscc(text);
		case CG_MASK_IBAN:
			return random_iban(text);
		case CG_MASK_IMEI:
			return random_imei(text);
		case CG_MASK_YEAR:
			return (size_t) snprintf(text, TEXT_MAX, "%u-%02u-%02u",
									 1900 + draw(120), 1 + draw(12),
									 1 + draw(28));
		case CG_MASK_IP:
			if (draw(2) == 0)
				return (size_t) snprintf(text, TEXT_MAX, "::ffff:198.51.%u.%u",
										 draw(256), draw(256));
			return (size_t) snprintf(text, TEXT_MAX,
									 "2001:db8:85a3:%x:%x::%x",
									 draw(65536), draw(65536), draw(65536));
		case CG_MASK_MAC:
			return (size_t) snprintf(text, TEXT_MAX,
									 "00:1A:2B:%02X:%02x:%02X",
									 draw(256), draw(256), draw(256));
		case CG_MASK_US_SSN:
			return (size_t) snprintf(text, TEXT_MAX, "%03u-%02u-%04u",
									 1 + draw(665), 1 + draw(99),
									 1 + draw(9999));
		case CG_MASK_MOBILE:
			head = "1", n = 10, least = 3;
			break;
		case CG_MASK_EMAIL:
			head = "u", n = 8, tail = "@example.com";
			break;
		case CG_MASK_BANK_CARD:
			n = 13 + draw(7), least = 1;
			break;
		case CG_MASK_ADDRESS:
			head = "上海市浦东新区世纪大道", n = 3, tail = "号";
			break;
		case CG_MASK_PLATE:
			head = "沪A", n = 5;
			break;
		case CG_MASK_LANDLINE:
			head = draw(2) ? "0755-" : "021-", n = 8, least = 2;
			break;
		case CG_MASK_E164:
			head = "+852", n = 8;
			break;
		case CG_MASK_PASSPORT:
			head = draw(2) ? "E" : "KJ", n = head[1] == '\0' ? 8 : 7;
			break;
		case CG_MASK_PERMIT:
			head = draw(2) ? "C" : "H", n = head[0] == 'C' ? 8 : 10;
			break;
		case CG_MASK_MILITARY_ID:
			head = "军字第", n = 7 + draw(2), tail = "号";
			break;
		case CG_MASK_QQ:
			n = 8 + draw(3), least = 1;
			break;
		case CG_MASK_WECHAT:
			head = "ab_", n = 5 + draw(10);
			break;
		default:
			n = 10;
			break;
	}
	memcpy(text, head, strlen(head));
	put_digits(text + strlen(head), n, least);
	n += strlen(head);
	memcpy(text + n, tail, strlen(tail));
	return n + strlen(tail);
}

/* Replace, remove or insert something; the text stays within its buffer. */
static size_t
damage(char *text, size_t len)
{
	const char *piece = random_piece(draw(4) != 0);
	size_t		size = draw(4) == 0 ? 0 : strlen(piece);
	size_t		at = draw((unsigned) len + 1);
	size_t		removed = at < len ? draw(2) : 0;

	if (len - removed + size > TEXT_MAX)
		return len;
	memmove(text + at + size, text + at + removed, len - at - removed);
	memcpy(text + at, piece, size);
	return len - removed + size;
}

/* All maskers in all their styles, of texts of any kind. */
static void
check_random(void)
{
	unsigned	faults = 0;
	unsigned	overruns = 0;
	unsigned	unstable = 0;
	unsigned	parsed[CG_MASKERS] = {0};
	unsigned	i;
	int			m;
	int			s;

	for (i = 0; i < N_RANDOM; i++)
	{
		char		text[TEXT_MAX];
		size_t		len;

		if (i % 2 == 0)
			len = random_text(text);
		else
		{
			unsigned	times = draw(3);

			len = random_valid((CgMasker) draw(CG_MASKERS), text);
			while (times-- > 0)
				len = damage(text, len);
		}

		for (m = 0; m < CG_MASKERS; m++)
		{
			for (s = 0; s < CG_MASK_STYLES; s++)
			{
				char		out[CG_MASK_BOUND(TEXT_MAX) + 1];
				char		again[CG_MASK_BOUND(TEXT_MAX)];
				size_t		n;
				const char *fault;
				bool		own = cg_masker_has_style((CgMasker) m,
													  (CgMaskStyle) s);

				/*
				 * One that it has not is standard; seeing that now and then
				 * is enough.
				 */
				if (!own && i % 16 != 0)
					continue;
				memset(out, 0x55, sizeof(out));
				n = cg_mask((CgMasker) m, (CgMaskStyle) s, text, len, out);
				if (out[CG_MASK_BOUND(len)] != 0x55)
					overruns++;
				fault = mask_fault((CgMasker) m, (CgMaskStyle) s, text, len,
								   out, n);
				if (fault != NULL && faults++ < 20)
					printf("# masker %d, style %d, \"%.*s\" to \"%.*s\": %s\n",
						   m, s, (int) len, text, (int) n, out, fault);
				if (!mask_is_stars(out, n))
					parsed[m]++;
				if (cg_mask((CgMasker) m, own ? (CgMaskStyle) s :
							CG_STYLE_STANDARD, text, len, again) != n ||
					memcmp(out, again, n) != 0)
					unstable++;
			}
		}
	}
	ok(faults == 0, "%u masks against the rules", faults);
	ok(overruns == 0, "%u masks wrote beyond their bound", overruns);
	ok(unstable == 0, "%u masks differ when computed again", unstable);

	/* Or nothing was tested. */
	for (m = 0; m < CG_MASKERS; m++)
		ok(parsed[m] > 100 || m == CG_MASK_STARS || m == CG_MASK_SUPPRESS,
		   "%u masks of masker %d show something", parsed[m], m);
}

/*
 * A mask does not depend on what it hides: another character there gives the
 * same mask, or stars if the value is none any more.
 */
static void
check_hidden(void)
{
	unsigned	refused = 0;
	unsigned	leaks = 0;
	unsigned	same[N_KINDS] = {0};
	unsigned	i;

	for (i = 0; i < N_HIDDEN; i++)
	{
		const CgKind *kind = &kinds[i % N_KINDS];
		char		text[TEXT_MAX];
		char		out[CG_MASK_BOUND(TEXT_MAX)];
		char		other[CG_MASK_BOUND(TEXT_MAX)];
		size_t		len = random_valid(kind->masker, text);
		size_t		n = cg_mask(kind->masker, kind->style, text, len, out);
		size_t		other_n;
		size_t		p = kind->first +
		draw((unsigned) (len - kind->last - kind->first));

		if (n == 0 || mask_is_stars(out, n))
		{
			if (refused++ < 10)
				printf("# refused: masker %d, \"%.*s\"\n",
					   (int) kind->masker, (int) len, text);
		}
		if (text[p] >= '0' && text[p] <= '9')
			text[p] = (char) ('0' + (text[p] - '0' + 1 + draw(9)) % 10);
		else if (text[p] >= 'a' && text[p] <= 'z')
			text[p] = (char) ('a' + (text[p] - 'a' + 1 + draw(25)) % 26);
		else
			continue;
		other_n = cg_mask(kind->masker, kind->style, text, len, other);
		if (other_n == n && memcmp(other, out, n) == 0)
			same[i % N_KINDS]++;
		else if (!mask_is_stars(other, other_n) && leaks++ < 10)
			printf("# masker %d, style %d, \"%.*s\": \"%.*s\" and \"%.*s\"\n",
				   (int) kind->masker, (int) kind->style, (int) len, text,
				   (int) n, out, (int) other_n, other);
	}
	ok(refused == 0, "%u masks of valid values only stars", refused);
	ok(leaks == 0, "%u masks depend on what they hide", leaks);

	/* A check digit tells nearly all changes. */
	for (i = 0; i < N_KINDS; i++)
		ok(same[i] > 100 || kinds[i].masker == CG_MASK_RESIDENT_ID ||
		   kinds[i].masker == CG_MASK_USCC ||
		   kinds[i].masker == CG_MASK_IBAN ||
		   kinds[i].masker == CG_MASK_IMEI,
		   "%u equal masks of masker %d, style %d", same[i],
		   (int) kinds[i].masker, (int) kinds[i].style);
}

static void
check_large(void)
{
	static const char *const units[] =
	{"1", "张", "\xFF", " ", "上海市", "a@b.", "0:", "-"};
	size_t		len = 3 << 20;
	char	   *text = malloc(len);
	char	   *out = malloc(CG_MASK_BOUND(len));
	size_t		i;
	int			m;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
	{
		size_t		size = strlen(units[i]);
		bool		good = true;
		size_t		p;

		for (p = 0; p < len; p += size)
			memcpy(text + p, units[i], len - p < size ? len - p : size);
		for (m = 0; m < CG_MASKERS; m++)
		{
			size_t		n = cg_mask((CgMasker) m, CG_STYLE_STANDARD, text,
									len, out);

			good = good && n <= 40;
			if (m != CG_MASK_ADDRESS)
				good = good && mask_is_stars(out, n);
		}
		ok(good, "3 MB of \"%s\"", units[i]);
	}
	free(text);
	free(out);
}

int
main(void)
{
	check_random();
	check_hidden();
	check_large();
	return tap_done();
}

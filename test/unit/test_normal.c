/*
 * test_normal.c
 *		Code points and normal forms: one form for all spellings of a value,
 *		different forms for different values.
 */
#include "normal.h"
#include "tap.h"

#define N_RANDOM	300000

typedef struct CgSpelling
{
	CgNormalizer n;
	const char *text;
	const char *form;
} CgSpelling;

static const CgSpelling spellings[] = {
	{CG_NORM_NONE, " aＢ - ", " aＢ - "},

	{CG_NORM_NAME, "张三", "张三"},
	{CG_NORM_NAME, " 张\xE3\x80\x80三 ", "张三"},
	{CG_NORM_NAME, "张 \t 三", "张三"},
	{CG_NORM_NAME, "John  \t Smith", "John Smith"},
	{CG_NORM_NAME, "John\xC2\xA0Smith", "John Smith"},
	{CG_NORM_NAME, "Jo\xE2\x80\x8Bhn", "John"},
	{CG_NORM_NAME, "张三 Smith", "张三 Smith"},
	{CG_NORM_NAME, "Smith 张三", "Smith 张三"},
	{CG_NORM_NAME, "买买提・艾力", "买买提·艾力"},
	{CG_NORM_NAME, "买买提 • 艾力", "买买提·艾力"},
	{CG_NORM_NAME, "买买提‧艾力", "买买提·艾力"},
	{CG_NORM_NAME, "买买提⋅艾力", "买买提·艾力"},
	{CG_NORM_NAME, "Ａ", "Ａ"},
	{CG_NORM_NAME, "\xE3\x80\x80", ""},

	{CG_NORM_PHONE, "13800138000", "13800138000"},
	{CG_NORM_PHONE, "+86 138-0013-8000", "13800138000"},
	{CG_NORM_PHONE, "0086 13800138000", "13800138000"},
	{CG_NORM_PHONE, "8613800138000", "13800138000"},
	{CG_NORM_PHONE, "(+86)138 0013 8000", "13800138000"},
	{CG_NORM_PHONE, "１３８００１３８０００", "13800138000"},
	{CG_NORM_PHONE, "＋８６１３８００１３８０００", "13800138000"},
	{CG_NORM_PHONE, "\xE2\x80\xAD" "13800138000\xE2\x80\xAC", "13800138000"},
	{CG_NORM_PHONE, "+1 (415) 555-0123", "+14155550123"},
	{CG_NORM_PHONE, "001 415 555 0123", "+14155550123"},
	{CG_NORM_PHONE, "14155550123", "14155550123"},
	{CG_NORM_PHONE, "+852 9123 4567", "+85291234567"},
	{CG_NORM_PHONE, "021-62345678", "02162345678"},
	{CG_NORM_PHONE, "+86-021-62345678", "02162345678"},
	{CG_NORM_PHONE, "+86 21 6234 5678", "02162345678"},
	{CG_NORM_PHONE, "0086 21 62345678", "02162345678"},
	{CG_NORM_PHONE, "+86 400-820-8820", "4008208820"},
	{CG_NORM_PHONE, "400-820-8820", "4008208820"},
	{CG_NORM_PHONE, "+86 10086", "+8610086"},
	{CG_NORM_PHONE, "862162345678", "862162345678"},
	{CG_NORM_PHONE, "00", "00"},
	{CG_NORM_PHONE, "+", "+"},
	{CG_NORM_PHONE, "not known", "NOTKNOWN"},
	{CG_NORM_PHONE, "", ""},

	{CG_NORM_CODE, "35999920120229022x", "35999920120229022X"},
	{CG_NORM_CODE, "３５９９９９２０１２０２２９０２２Ｘ",
	"35999920120229022X"},
	{CG_NORM_CODE, "359999 20120229-022x", "35999920120229022X"},
	{CG_NORM_CODE, "6222 0200 0000 0007", "6222020000000007"},
	{CG_NORM_CODE, "6222–0200—0000−0007", "6222020000000007"},
	{CG_NORM_CODE, "沪ａ－12345", "沪A12345"},
	{CG_NORM_CODE, "é", "é"},

	{CG_NORM_EMAIL, " ZhangSan@Example.COM\xE3\x80\x80",
	"zhangsan@example.com"},
	{CG_NORM_EMAIL, "ｚｈａｎｇ＠ｅｘａｍｐｌｅ．ｃｏｍ", "zhang@example.com"},
	{CG_NORM_EMAIL, "a b", "a b"},
	{CG_NORM_EMAIL, "a-b@c.cn", "a-b@c.cn"},

	/* Text that is not UTF-8 stays, even where a blank would join bytes. */
	{CG_NORM_CODE, "\xE3\x80 \x80" "a", "\xE3\x80 \x80" "a"},
	{CG_NORM_PHONE, "+86\xFF", "+86\xFF"},
	{CG_NORM_EMAIL, " A\xC3", " A\xC3"},
	{CG_NORM_NAME, " a\xED\xA0\x80", " a\xED\xA0\x80"}
};

static const struct
{
	const char *bytes;
	uint32_t	c;
	int			size;
}			codes[] = {
	{"A", 'A', 1},
	{"\x7F", 0x7F, 1},
	{"\xC2\x80", 0x80, 2},
	{"\xDF\xBF", 0x7FF, 2},
	{"\xE0\xA0\x80", 0x800, 3},
	{"\xED\x9F\xBF", 0xD7FF, 3},
	{"\xEE\x80\x80", 0xE000, 3},
	{"\xEF\xBF\xBF", 0xFFFF, 3},
	{"\xF0\x90\x80\x80", 0x10000, 4},
	{"\xF0\xA0\xAE\xB7", 0x20BB7, 4},
	{"\xF4\x8F\xBF\xBF", 0x10FFFF, 4},
	/* each of these is invalid and takes one byte */
	{"\x80", CG_UTF8_INVALID, 1},
	{"\xC0\x80", CG_UTF8_INVALID, 1},
	{"\xC1\xBF", CG_UTF8_INVALID, 1},
	{"\xC2", CG_UTF8_INVALID, 1},
	{"\xC2" "A", CG_UTF8_INVALID, 1},
	{"\xE0\x9F\xBF", CG_UTF8_INVALID, 1},
	{"\xE4\xB8", CG_UTF8_INVALID, 1},
	{"\xE4\xB8" "A", CG_UTF8_INVALID, 1},
	{"\xED\xA0\x80", CG_UTF8_INVALID, 1},
	{"\xED\xBF\xBF", CG_UTF8_INVALID, 1},
	{"\xF0\x8F\xBF\xBF", CG_UTF8_INVALID, 1},
	{"\xF0\x90\x80", CG_UTF8_INVALID, 1},
	{"\xF4\x90\x80\x80", CG_UTF8_INVALID, 1},
	{"\xF5\x80\x80\x80", CG_UTF8_INVALID, 1},
	{"\xFF", CG_UTF8_INVALID, 1}
};

static uint64_t state = UINT64_C(88172645463325252);

static unsigned
draw(unsigned below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned) (state >> 33) % below;
}

static void
check_names(void)
{
	static const char *const names[] =
	{"none", "name", "phone", "code", "email"};
	CgNormalizer n;
	size_t		i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ok(cg_normalizer_by_name(names[i], &n) && n == (CgNormalizer) i,
		   "normalizer %s", names[i]);
	ok(!cg_normalizer_by_name("digits", &n) && !cg_normalizer_by_name("", &n),
	   "unknown normalizer");
}

static void
check_codes(void)
{
	unsigned	wrong = 0;
	uint32_t	c;
	size_t		i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
	{
		const char *p = codes[i].bytes;
		const char *end = p + strlen(p);
		uint32_t	got = cg_utf8_next(&p, end);

		ok(got == codes[i].c && p == codes[i].bytes + codes[i].size,
		   "code point %u: U+%04X", (unsigned) i, (unsigned) got);
	}
	for (c = 0; c <= 0x10FFFF; c++)
	{
		char		bytes[4];
		const char *p = bytes;
		size_t		n;

		if (c >= 0xD800 && c <= 0xDFFF)
			continue;
		n = cg_utf8_put(c, bytes);
		if (cg_utf8_next(&p, bytes + n) != c || p != bytes + n)
			wrong++;
	}
	ok(wrong == 0, "%u code points change in a round trip", wrong);
	ok(cg_utf8_valid("\xEF\xBF\xBD", 3) && cg_utf8_valid("", 0) &&
	   !cg_utf8_valid("a\xE4\xB8", 3), "validity");
	ok(cg_is_blank(' ') && cg_is_blank(0) && cg_is_blank(0x3000) &&
	   cg_is_blank(0xFEFF) && cg_is_blank(0x200B) && !cg_is_blank('a') &&
	   !cg_is_blank(0x2010) && !cg_is_blank(0x4E00), "blanks");
	ok(cg_is_hyphen('-') && cg_is_hyphen(0x2010) && cg_is_hyphen(0x2015) &&
	   cg_is_hyphen(0x2212) && !cg_is_hyphen(0x2016) && !cg_is_hyphen('_'),
	   "hyphens");
	ok(cg_is_han(0x4E00) && cg_is_han(0x20BB7) && !cg_is_han(0x3042) &&
	   !cg_is_han('a') && !cg_is_han(CG_UTF8_INVALID), "Han characters");
}

static void
check_collect(void)
{
	uint32_t	c[4];

	ok(cg_collect(CG_FORM_CODE, " a-１ ", 7, c, 4) == 2 && c[0] == 'A' &&
	   c[1] == '1', "code");
	ok(cg_collect(CG_FORM_CODE, "a\xE2\x80\x93" "1\xEF\xBC\x8D\xEF\xBD\x81", 11, c, 4) == 3 &&
	   c[0] == 'A' && c[1] == '1' && c[2] == 'A', "code with wide hyphens");
	ok(cg_collect(CG_FORM_WORD, " a - ", 5, c, 4) == 2 && c[0] == 'a' &&
	   c[1] == '-', "word");
	ok(cg_collect(CG_FORM_LINE, " a\t- ", 5, c, 4) == 3 && c[1] == ' ',
	   "line");
	ok(cg_collect(CG_FORM_LINE, "abcd     ", 9, c, 4) == 4, "exactly full");
	ok(cg_collect(CG_FORM_LINE, "abcde", 5, c, 4) == 5, "over by one");
	ok(cg_collect(CG_FORM_LINE, "a      b", 8, c, 4) == 5 && c[3] == ' ',
	   "over by blanks");
	ok(cg_collect(CG_FORM_LINE, "a", 1, c, 0) == 1, "no room at all");
}

static size_t
random_text(char *text, size_t max)
{
	static const char *const pieces[] = {
		"0", "1", "3", "8", "6", "00", "86", "0086", "+86", "+",
		"13800138000", "400", "a", "Z", "@", "-", "(", " ", "\t", "张", "三",
		"·", "•", "・", "１", "Ａ", "＋", "－", "\xE3\x80\x80", "\xEF\xBB\xBF",
		"\xE2\x80\x8B", "\xE2\x80\x93", "é", "\xFF", "\xC3", "\xE3\x80",
		"\x80", "\xF0\x9F"
	};
	size_t		count = sizeof(pieces) / sizeof(pieces[0]);
	unsigned	n = draw(16);
	size_t		len = 0;

	if (draw(3) != 0)
		count -= 5;				/* the broken ones */
	while (n-- > 0)
	{
		const char *piece = pieces[draw((unsigned) count)];

		if (len + strlen(piece) > max)
			break;
		memcpy(text + len, piece, strlen(piece));
		len += strlen(piece);
	}
	return len;
}

static void
check_random(void)
{
	unsigned	too_long = 0;
	unsigned	unstable = 0;
	unsigned	broken = 0;
	unsigned	i;

	for (i = 0; i < N_RANDOM; i++)
	{
		char		text[128];
		size_t		len = random_text(text, sizeof(text));
		int			n;

		for (n = CG_NORM_NONE; n <= CG_NORM_EMAIL; n++)
		{
			char		once[sizeof(text) + 1];
			char		twice[sizeof(text)];
			size_t		size;
			size_t		again;

			once[len] = 0x55;
			size = cg_normalize((CgNormalizer) n, text, len, once);
			if (size > len || once[len] != 0x55)
			{
				too_long++;
				continue;
			}
			again = cg_normalize((CgNormalizer) n, once, size, twice);
			if (again != size || memcmp(once, twice, size) != 0)
				unstable++;
			if (cg_utf8_valid(text, len) != cg_utf8_valid(once, size))
				broken++;
		}
	}
	ok(too_long == 0, "%u forms longer than the text", too_long);
	ok(unstable == 0, "%u forms not idempotent", unstable);
	ok(broken == 0, "%u forms change whether text is UTF-8", broken);
}

int
main(void)
{
	size_t		i;

	check_names();
	check_codes();
	check_collect();
	for (i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++)
	{
		const CgSpelling *s = &spellings[i];
		char		out[256];
		char		name[300];
		size_t		n = cg_normalize(s->n, s->text, strlen(s->text), out);

		snprintf(name, sizeof(name), "normalizer %d: \"%s\"", (int) s->n,
				 s->text);
		is_bytes(out, n, s->form, strlen(s->form), name);
	}
	check_random();
	return tap_done();
}

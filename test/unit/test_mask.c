/*
 * test_mask.c
 *		The maskers: known pairs, and what must be true of any input.
 */
#include <stdlib.h>

#include "ident_cn.h"
#include "mask.h"
#include "normal.h"
#include "regions_cn.h"
#include "tap.h"

#define N_MASKERS		(CG_MASK_YEAR + 1)
#define N_RANDOM		200000
#define NO_TODAY		99991231

typedef struct CgPair
{
	CgMasker	masker;
	const char *text;
	const char *mask;
} CgPair;

static const CgPair pairs[] = {
	{CG_MASK_STARS, "abc", "***"},
	{CG_MASK_STARS, " a c\xE3\x80\x80", "***"},
	{CG_MASK_STARS, "", ""},
	{CG_MASK_STARS, "\xE3\x80\x80 \xEF\xBB\xBF", ""},
	{CG_MASK_STARS, "一二三四五六七八九十一二三四五六七八",
	"****************"},
	{CG_MASK_STARS, "\xFF\xC3", "**"},

	{CG_MASK_NAME, "欧阳娜娜", "欧阳**"},
	{CG_MASK_NAME, "歐陽修", "歐陽*"},
	{CG_MASK_NAME, "司马光", "司马*"},
	{CG_MASK_NAME, "贺兰英", "贺**"},
	{CG_MASK_NAME, "张*", "**"},
	{CG_MASK_NAME, "John Smith", "*********"},
	{CG_MASK_NAME, "张三丰李四", "*****"},
	{CG_MASK_NAME, "买买提・艾力", "买**·**"},
	{CG_MASK_NAME, "买买提 • 艾力", "买**·**"},
	{CG_MASK_NAME, "爱·新觉罗", "*·***"},
	{CG_MASK_NAME, "·艾力", "***"},
	{CG_MASK_NAME, "艾力·", "***"},
	{CG_MASK_NAME, "艾··力", "****"},
	{CG_MASK_NAME, "张三\xFF", "***"},
	{CG_MASK_NAME, "张三\xE4\xB8", "****"},

	{CG_MASK_MOBILE, "86 13800138000", "+86138****8000"},
	{CG_MASK_MOBILE, "138-0013-8000", "138****8000"},
	{CG_MASK_MOBILE, "138****8000", "***********"},
	{CG_MASK_MOBILE, "+86138****8000", "**************"},
	{CG_MASK_MOBILE, "1380013800a", "***********"},
	{CG_MASK_MOBILE, "13800138000\xFF", "************"},
	{CG_MASK_MOBILE, "138001380001380013800", "****************"},

	{CG_MASK_EMAIL, "Zhang.San@Example.COM", "Z***@Example.COM"},
	{CG_MASK_EMAIL, "a@b@example.com", "***************"},
	{CG_MASK_EMAIL, "abc@localhost", "*************"},
	{CG_MASK_EMAIL, "abc def@example.com", "****************"},
	{CG_MASK_EMAIL, "abc@10.0.0.1", "************"},
	{CG_MASK_EMAIL, "@example.com", "************"},
	{CG_MASK_EMAIL, "z***@example.com", "****************"},
	{CG_MASK_EMAIL, "***@example.com", "***************"},
	{CG_MASK_EMAIL, "\xFF" "bc@example.com", "***************"},

	{CG_MASK_RESIDENT_ID, "319999-19930615-1200", "3****************0"},
	{CG_MASK_RESIDENT_ID, "319999199306151201", "****************"},
	{CG_MASK_RESIDENT_ID, "3****************0", "****************"},
	{CG_MASK_BANK_CARD, "6222 0200 0000 0007", "622202******0007"},
	{CG_MASK_BANK_CARD, "622202******0007", "****************"},
	{CG_MASK_BANK_CARD, "62220200000000000000", "****************"},
	{CG_MASK_USCC, "91************015J", "****************"},

	{CG_MASK_ADDRESS, "上海市阳光花园小区5号楼", "上海市****"},
	{CG_MASK_ADDRESS, "浙江省杭州市永辉超市3楼", "浙江省杭州市****"},
	{CG_MASK_ADDRESS, "北京市朝阳区建国路1号", "北京市朝阳区****"},
	{CG_MASK_ADDRESS, "北京市北京市朝阳区建国路1号", "北京市北京市朝阳区****"},
	{CG_MASK_ADDRESS, "北京市市辖区朝阳区建国路1号", "北京市市辖区朝阳区****"},
	{CG_MASK_ADDRESS, "北京朝阳区建国路1号", "北京朝阳区****"},
	{CG_MASK_ADDRESS, "北京东路668号", "****"},
	{CG_MASK_ADDRESS, "北京建国路1号", "****"},
	{CG_MASK_ADDRESS, "山东路100号", "****"},
	{CG_MASK_ADDRESS, "广东深圳市南山区科技园", "广东深圳市南山区****"},
	{CG_MASK_ADDRESS, "江苏昆山市花桥镇", "江苏昆山市****"},
	{CG_MASK_ADDRESS, "江苏省苏州市苏州工业园区星湖街", "江苏省苏州市****"},
	{CG_MASK_ADDRESS, "江苏省苏州市阳光新区1号", "江苏省苏州市****"},
	{CG_MASK_ADDRESS, "浙江省杭州市浦东新区1号", "浙江省杭州市****"},
	{CG_MASK_ADDRESS, "浙江省杭州市鹿城区1号", "浙江省杭州市****"},
	{CG_MASK_ADDRESS, "浙江省杭州市幸福社区1号", "浙江省杭州市****"},
	{CG_MASK_ADDRESS, "广东省东莞市虎门镇", "广东省东莞市****"},
	{CG_MASK_ADDRESS, "海南省文昌市文城镇", "海南省文昌市****"},
	{CG_MASK_ADDRESS, "香港特别行政区湾仔区轩尼诗道",
	"香港特别行政区湾仔区****"},
	{CG_MASK_ADDRESS, "台湾省台北市大安区忠孝东路", "台湾省台北市大安区****"},
	{CG_MASK_ADDRESS, "上海市", "上海市****"},
	{CG_MASK_ADDRESS, "上海", "****"},
	{CG_MASK_ADDRESS, "上海市浦东新区****", "上海市浦东新区****"},
	{CG_MASK_ADDRESS, "上海市浦东新区世纪大道\xFF", "****"},
	{CG_MASK_ADDRESS, "上海市浦东新区世纪大道\xE4\xB8", "****"},

	{CG_MASK_PLATE, "苏A·12345", "********"},
	{CG_MASK_PLATE, "沪A***45", "*******"},

	{CG_MASK_YEAR, "1990-01-02", "1990-**-**"},
	{CG_MASK_YEAR, " 1990/01/02\xE3\x80\x80", "1990/**/**"},
	{CG_MASK_YEAR, "1990.01.02", "1990.**.**"},
	{CG_MASK_YEAR, "19900102", "1990****"},
	{CG_MASK_YEAR, "1990年1月2日", "1990年*月*日"},
	{CG_MASK_YEAR, "1990年01月02日", "1990年**月**日"},
	{CG_MASK_YEAR, "1990年1月31日", "1990年*月**日"},
	{CG_MASK_YEAR, "１９９０－０１－０２", "1990-**-**"},
	{CG_MASK_YEAR, "2000-02-29", "2000-**-**"},
	{CG_MASK_YEAR, "1900-02-29", "**********"},
	{CG_MASK_YEAR, "1990-13-01", "**********"},
	{CG_MASK_YEAR, "1990-01/02", "**********"},
	{CG_MASK_YEAR, "1990年1月2", "********"},
	{CG_MASK_YEAR, "1990年123月日", "**********"},
	{CG_MASK_YEAR, "1990-**-**", "**********"},
	{CG_MASK_YEAR, "1990", "****"},
	{CG_MASK_YEAR, "", ""}
};

/* A section of masks.tsv and the masker it is about. */
static const CgPair sections[] = {
	{CG_MASK_RESIDENT_ID, "resident_id · standard (1+1)", NULL},
	{CG_MASK_MOBILE, "mobile", NULL},
	{CG_MASK_BANK_CARD, "bank_card · standard (6+4)", NULL},
	{CG_MASK_USCC, "uscc", NULL},
	{CG_MASK_NAME, "name", NULL},
	{CG_MASK_EMAIL, "email · standard", NULL},
	{CG_MASK_ADDRESS, "address", NULL},
	{CG_MASK_PLATE, "licence plate", NULL}
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
check_pair(CgMasker masker, const char *text, const char *mask)
{
	char		out[1024];
	size_t		n = cg_mask(masker, CG_STYLE_STANDARD, text, strlen(text), out);
	char		name[600];

	snprintf(name, sizeof(name), "masker %d: \"%s\"", (int) masker, text);
	is_bytes(out, n, mask, strlen(mask), name);
}

static void
check_vectors(void)
{
	FILE	   *file = fopen("test/vectors/masks.tsv", "r");
	char		line[1024];
	unsigned	seen = 0;

	if (!ok(file != NULL, "open masks.tsv"))
		return;
	while (fgets(line, sizeof(line), file) != NULL)
	{
		char	   *text = strchr(line, '\t');
		char	   *mask = text == NULL ? NULL : strchr(text + 1, '\t');
		size_t		i;

		if (mask == NULL)
			continue;
		*text++ = '\0';
		*mask++ = '\0';
		mask[strcspn(mask, "\r\n")] = '\0';
		if (strcmp(text, "\\N") == 0)
			continue;
		for (i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		{
			if (strcmp(line, sections[i].text) == 0)
			{
				check_pair(sections[i].masker, text, mask);
				seen++;
			}
		}
	}
	fclose(file);
	ok(seen == 77, "%u pairs of masks.tsv", seen);
}

static void
check_names(void)
{
	static const char *const names[] = {
		"stars", "name", "mobile", "email", "resident_id", "bank_card",
		"uscc", "address", "plate", "year"
	};
	CgMasker	masker;
	size_t		i;

	for (i = 0; i < N_MASKERS; i++)
		ok(cg_masker_by_name(names[i], &masker) && masker == (CgMasker) i,
		   "masker %s", names[i]);
	ok(!cg_masker_by_name("Name", &masker) && !cg_masker_by_name("", &masker),
	   "unknown masker");
}

/* Every region of the table is shown in full, and nothing behind it. */
static void
check_regions(void)
{
	static const char *const tails[] = {
		"阳光花园小区5号楼", "永辉超市3楼", "幸福社区", "高新园区", "老校区",
		"", "人民路1号"
	};
	unsigned	seen = 0;
	unsigned	wrong = 0;
	size_t		i;

	for (i = 0; i < CG_PROVINCES; i++)
	{
		const CgProvince *province = &cg_provinces[i];
		const char *p = province->places;
		char		prefecture[64] = "";

		while (*p != '\0')
		{
			char		mark = *p++;
			size_t		n = strcspn(p, "@,");
			const char *tail = tails[seen % 7];
			char		text[512];
			char		want[512];
			char		out[512 + 64];
			size_t		length;

			if (mark == '@')
				snprintf(prefecture, sizeof(prefecture), "%.*s", (int) n, p);
			snprintf(want, sizeof(want), "%s%s%.*s", province->name,
					 prefecture, mark == '@' ? 0 : (int) n, p);
			snprintf(text, sizeof(text), "%s%s", want, tail);
			strcat(want, "****");
			length = cg_mask(CG_MASK_ADDRESS, CG_STYLE_STANDARD, text, strlen(text), out);
			if (length != strlen(want) || memcmp(out, want, length) != 0)
			{
				printf("# %s: %.*s\n", text, (int) length, out);
				wrong++;
			}
			seen++;
			p += n;
		}
	}
	ok(wrong == 0 && seen > 3000, "%u regions, %u wrong", seen, wrong);
}

static void
check_surnames(void)
{
	ok(cg_is_compound_surname("欧阳") && cg_is_compound_surname("万俟") &&
	   cg_is_compound_surname("鲜于") && cg_is_compound_surname("上官") &&
	   cg_is_compound_surname("诸葛") && cg_is_compound_surname("尉遲"),
	   "compound surnames");
	ok(!cg_is_compound_surname("张三") && !cg_is_compound_surname("一一") &&
	   !cg_is_compound_surname("龠龠"), "no compound surnames");
}

/* Text of pieces that occur in identifiers, some of them broken. */
static size_t
random_text(char *text, size_t max)
{
	static const char *const pieces[] = {
		"0", "1", "2", "3", "8", "9", "86", "+86", "138", "62", "1990",
		"-01", "/02", "A", "x", "X", "z", "@", ".", "com", "-", " ", "\t",
		"张", "欧阳", "·", "𠮷", "上海市", "浦东新区", "杭州市", "沪A", "小区",
		"年", "月", "日", "１", "ａ", "＠", "\xE3\x80\x80", "\xEF\xBB\xBF",
		"*", "é", "\xFF", "\xC3", "\xE4\xB8", "\xF0\x9F\x98", "\xED\xA0\x80",
		"\xEF\xBF\xBD"
	};
	size_t		count = sizeof(pieces) / sizeof(pieces[0]);
	unsigned	n = draw(24);
	size_t		len = 0;

	/* Mostly whole characters: with many pieces one is sure to be broken. */
	if (draw(4) != 0)
		count -= 6;
	while (n-- > 0)
	{
		const char *piece = pieces[draw((unsigned) count)];
		size_t		size = strlen(piece);

		if (draw(60) == 0)
		{
			text[len++] = '\0';
			continue;
		}
		if (len + size + 1 > max)
			break;
		memcpy(text + len, piece, size);
		len += size;
	}
	return len;
}

/* A valid value of the masker's kind, all digits random. */
static size_t
random_valid(CgMasker masker, char *text)
{
	static const char check[] = "10X98765432";
	static const unsigned char weights[] =
	{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
	unsigned	sum = 0;
	size_t		n;
	size_t		i;

	switch (masker)
	{
		case CG_MASK_MOBILE:
			n = (size_t) sprintf(text, "1%u%09u", 3 + draw(7),
								 draw(1000000000));
			break;
		case CG_MASK_EMAIL:
			n = (size_t) sprintf(text, "u%08u@example.com", draw(100000000));
			break;
		case CG_MASK_RESIDENT_ID:
			n = (size_t) sprintf(text, "%u9999%u%02u%02u%03u",
								 draw(2) ? 31 : 44, 1900 + draw(120),
								 1 + draw(12), 1 + draw(28), draw(1000));
			for (i = 0; i < 17; i++)
				sum += (unsigned) (text[i] - '0') * weights[i];
			text[n++] = check[sum % 11];
			break;
		case CG_MASK_BANK_CARD:
			n = (size_t) sprintf(text, "62%05u%04u%05u", draw(100000),
								 draw(10000), draw(100000));
			break;
		case CG_MASK_PLATE:
			n = (size_t) sprintf(text, "沪A%05u", draw(100000));
			break;
		case CG_MASK_YEAR:
			n = (size_t) sprintf(text, "%u-%02u-%02u", 1900 + draw(120),
								 1 + draw(12), 1 + draw(28));
			break;
		default:
			return 0;
	}
	return n;
}

static bool
only_stars(const char *out, size_t n, size_t max)
{
	size_t		i;

	for (i = 0; i < n; i++)
	{
		if (out[i] != '*')
			return false;
	}
	return n <= max;
}

/* What a masker may show must have been accepted by this validator. */
static CgValidator
validator_of(CgMasker masker)
{
	switch (masker)
	{
		case CG_MASK_MOBILE:
			return CG_VALID_MOBILE;
		case CG_MASK_EMAIL:
			return CG_VALID_EMAIL;
		case CG_MASK_RESIDENT_ID:
			return CG_VALID_RESIDENT_ID;
		case CG_MASK_BANK_CARD:
			return CG_VALID_BANK_CARD;
		case CG_MASK_USCC:
			return CG_VALID_USCC;
		case CG_MASK_PLATE:
			return CG_VALID_PLATE;
		default:
			return CG_VALID_NONE;
	}
}

static void
check_random(void)
{
	unsigned	too_long = 0;
	unsigned	not_utf8 = 0;
	unsigned	shown = 0;
	unsigned	broken_shown = 0;
	unsigned	unstable = 0;
	unsigned	i;

	for (i = 0; i < N_RANDOM; i++)
	{
		char		text[256];
		size_t		len = random_text(text, sizeof(text));
		int			m;

		for (m = 0; m < N_MASKERS; m++)
		{
			char		out[sizeof(text) + 64 + 1];
			char		again[sizeof(text) + 64];
			CgValidator v = validator_of((CgMasker) m);
			size_t		n;

			memset(out, 0x55, sizeof(out));
			n = cg_mask((CgMasker) m, CG_STYLE_STANDARD, text, len, out);
			if (n > CG_MASK_BOUND(len) || out[CG_MASK_BOUND(len)] != 0x55)
				too_long++;
			if (!cg_utf8_valid(out, n))
				not_utf8++;
			if (v != CG_VALID_NONE &&
				!cg_verdict_ok(cg_validate(v, text, len, NO_TODAY)) &&
				!only_stars(out, n, 16))
				shown++;
			if (!cg_utf8_valid(text, len) && !only_stars(out, n, 16))
				broken_shown++;
			if (cg_mask((CgMasker) m, CG_STYLE_STANDARD, text, len, again) != n ||
				memcmp(out, again, n) != 0)
				unstable++;
		}
	}
	ok(too_long == 0, "%u masks beyond the bound", too_long);
	ok(not_utf8 == 0, "%u masks are no UTF-8", not_utf8);
	ok(shown == 0, "%u masks show an invalid value", shown);
	ok(broken_shown == 0, "%u masks show text that is no UTF-8",
	   broken_shown);
	ok(unstable == 0, "%u masks differ when computed again", unstable);
}

/*
 * The mask of a valid value has no four characters of the hidden part in a
 * row, and after one damage of any kind only stars.
 */
static void
check_hidden(void)
{
	static const CgMasker kinds[] = {
		CG_MASK_MOBILE, CG_MASK_EMAIL, CG_MASK_RESIDENT_ID,
		CG_MASK_BANK_CARD, CG_MASK_PLATE, CG_MASK_YEAR
	};
	static const struct
	{
		size_t		first;
		size_t		last;
	}			ends[] = {{3, 4}, {1, 12}, {1, 1}, {6, 4}, {4, 2}, {4, 0}};
	unsigned	leaks = 0;
	unsigned	refused = 0;
	unsigned	i;

	for (i = 0; i < N_RANDOM; i++)
	{
		size_t		k = draw(6);
		char		text[64];
		char		out[64 + 64];
		size_t		len = random_valid(kinds[k], text);
		size_t		n = cg_mask(kinds[k], CG_STYLE_STANDARD, text, len, out);
		size_t		p;

		if (memchr(out, '*', n) == NULL || only_stars(out, n, n))
			refused++;
		for (p = ends[k].first; p + 4 <= len - ends[k].last; p++)
		{
			size_t		q;

			for (q = ends[k].first; q + 4 + ends[k].last <= n; q++)
			{
				if (memcmp(text + p, out + q, 4) == 0)
					leaks++;
			}
		}
	}
	ok(refused == 0, "%u masks of valid values only stars", refused);
	ok(leaks == 0, "%u masks with four hidden characters in a row", leaks);
}

static void
check_large(void)
{
	static const char *const units[] =
	{"1", "张", "\xFF", " ", "上海市", "a@b."};
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
		for (m = 0; m < N_MASKERS; m++)
		{
			size_t		n = cg_mask((CgMasker) m, CG_STYLE_STANDARD, text, len, out);

			good = good && n <= 40;
			if (m != CG_MASK_ADDRESS)
				good = good && only_stars(out, n, 16);
		}
		ok(good, "3 MB of \"%s\"", units[i]);
	}
	free(text);
	free(out);
}

int
main(void)
{
	size_t		i;

	check_names();
	check_vectors();
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		check_pair(pairs[i].masker, pairs[i].text, pairs[i].mask);
	check_regions();
	check_surnames();
	check_random();
	check_hidden();
	check_large();
	return tap_done();
}

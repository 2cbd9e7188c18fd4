/*
 * test_ngram.c
 *		Pieces of text and patterns; order of stored forms.
 */
#include <stdlib.h>

#include "ngram.h"
#include "order_key.h"
#include "tap.h"

/* How many pieces a text has. */
static size_t
count(const char *text)
{
	CgGram		grams[CG_GRAM_BOUND(64)];

	return cg_text_grams(text, strlen(text), grams);
}

/* 'n' none told, 'y' all of the pattern's pieces are in the text, else 'm'. */
static char
finds(const char *text, const char *pattern, bool fold)
{
	CgGram		in_text[CG_GRAM_BOUND(128)];
	CgGram		wanted[CG_MAX_PATTERN_GRAMS];
	size_t		n = cg_text_grams(text, strlen(text), in_text);
	size_t		m = cg_pattern_grams(pattern, strlen(pattern), fold, wanted);
	size_t		i;
	size_t		j;

	if (m == 0)
		return 'n';
	for (i = 0; i < m; i++)
	{
		for (j = 0; j < n && in_text[j] != wanted[i]; j++)
			;
		if (j == n)
			return 'm';
	}
	return 'y';
}

static int
sign(int n)
{
	return n < 0 ? -1 : n > 0 ? 1 : 0;
}

/* Of texts in ascending order. */
static void
test_prefixes(void)
{
	static const char *const texts[] = {
		"", "!", "/", "/0", "0", "0!", "0/", "0/abcdefg", "0/abcdefw", "00",
		"00/abcdefg", "00/abcdefw", "01", "0:", "1",
		"110101199001011", "11010119900101100", "11010119900101101",
		"1101011990010110X", "9", ":", "A", "a", "ab", "\xe5\xbc\xa0",
		"\xe5\xbc\xa0\xe4\xb8\x89", "\xf0\x9f\x98\x80"
	};
	int			n = sizeof(texts) / sizeof(texts[0]);
	int			wrong = 0;
	int			i;
	int			j;

	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++)
		{
			uint64_t	a = cg_order_prefix(CG_ORDER_BYTES, texts[i],
											strlen(texts[i]));
			uint64_t	b = cg_order_prefix(CG_ORDER_BYTES, texts[j],
											strlen(texts[j]));

			if (sign(cg_order_compare(CG_ORDER_BYTES,
									  texts[i], strlen(texts[i]),
									  texts[j], strlen(texts[j]))) !=
				sign(i - j) || (i < j && a > b))
				wrong++;
		}
	ok(wrong == 0, "texts and their prefixes are in order");
}

/* Of numbers in ascending order, as numeric_send() gives them. */
static void
test_numbers(void)
{
	static const struct
	{
		const char *bytes;
		size_t		len;
	}			numbers[] = {
		{"\0\0\0\0\xf0\0\0\0", 8},	/* -inf */
		{"\0\1\0\1\x40\0\0\0\0\1", 10}, /* -10000 */
		{"\0\2\0\0\x40\0\0\0\0\1\0\1", 12}, /* -1.0001 */
		{"\0\1\0\0\x40\0\0\0\0\1", 10}, /* -1 */
		{"\0\1\xff\xff\x40\0\0\0\0\1", 10}, /* -0.0001 */
		{"\0\0\0\0\0\0\0\0", 8},	/* 0 */
		{"\0\1\xff\xff\0\0\0\4\0\1", 10},	/* 0.0001 */
		{"\0\1\0\0\0\0\0\0\0\1", 10},	/* 1 */
		{"\0\2\0\0\0\0\0\4\0\1\0\1", 12},	/* 1.0001 */
		{"\0\4\0\0\0\0\0\4\0\1\0\0\0\0\0\1", 16},	/* 1.000000000001 */
		{"\0\1\0\1\0\0\0\0\0\1", 10},	/* 10000 */
		{"\0\0\0\0\xd0\0\0\0", 8},	/* inf */
		{"\0\0\0\0\xc0\0\0\0", 8}	/* NaN */
	};
	int			n = sizeof(numbers) / sizeof(numbers[0]);
	int			wrong = 0;
	int			i;
	int			j;

	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++)
		{
			bool		swapped = (i == 8 && j == 9) || (i == 9 && j == 8);
			int			want = swapped ? sign(j - i) : sign(i - j);
			uint64_t	a = cg_order_prefix(CG_ORDER_NUMERIC,
											numbers[i].bytes, numbers[i].len);
			uint64_t	b = cg_order_prefix(CG_ORDER_NUMERIC,
											numbers[j].bytes, numbers[j].len);

			if (sign(cg_order_compare(CG_ORDER_NUMERIC, numbers[i].bytes,
									  numbers[i].len, numbers[j].bytes,
									  numbers[j].len)) != want ||
				(want < 0 && a > b))
				wrong++;
		}
	ok(wrong == 0, "numbers and their prefixes are in order");
	ok(cg_order_compare(CG_ORDER_NUMERIC, "\0\1\0\0\0\0\0\0\0\1", 10,
						"\0\1\0\0\0\0\0\2\0\1", 10) == 0,
	   "the scale of a number does not count");
	ok(cg_order_compare(CG_ORDER_NUMERIC, "\0\1", 2,
						"\0\0\0\0\xf0\0\0\0", 8) < 0,
	   "what is no number comes first");
	ok(cg_order_compare(CG_ORDER_NUMERIC, "\0\1", 2, "\0\2", 2) < 0 &&
	   cg_order_compare(CG_ORDER_NUMERIC, "\0\2", 2, "\0\1", 2) > 0 &&
	   cg_order_compare(CG_ORDER_NUMERIC, "\0\1", 2, "\0\1", 2) == 0,
	   "in the order of its bytes");
	for (i = 0; i < 4; i++)
	{
		static const struct
		{
			const char *bytes;
			size_t		len;
		}			broken[] = {
			{"\0\2\0\0\0\0\0\0\0\1", 10},	/* a digit is missing */
			{"\0\1\0\0\0\0\0\0\0\1\0\1", 12},	/* one too many */
			{"\0\1\0\0\0\0\0\0\x27\x10", 10},	/* the digit 10000 */
			{"\0\1\0\0\x12\x34\0\0\0\1", 10}	/* no such sign */
		};

		ok(cg_order_compare(CG_ORDER_NUMERIC, broken[i].bytes, broken[i].len,
							numbers[0].bytes, numbers[0].len) < 0 &&
		   cg_order_prefix(CG_ORDER_NUMERIC, broken[i].bytes,
						   broken[i].len) == 0,
		   "nor are damaged ones numbers (%d)", i);
	}
}

/* Texts with letters whose case has to do with that of ASCII letters. */
static void
test_odd(void)
{
	static const char *const odd[] = {
		"\xC3\x8C", "\xC3\x8D", "\xC4\xA8", "\xC4\xAE", "\xC4\xB0",
		"\xC4\xB1", "\xE2\x84\xAA"
	};
	static const char *const even[] = {"i", "I", "K", "\xC3\x8E", "\xC4\xAD"};
	CgGram		grams[CG_GRAM_BOUND(8)];
	bool		good = true;
	size_t		n;
	int			i;

	for (i = 0; i < 7; i++)
	{
		n = cg_text_grams(odd[i], strlen(odd[i]), grams);
		good = good && n == 2 && grams[n - 1] == CG_GRAM_ODD;
	}
	ok(good, "a text that ILIKE may find otherwise is marked");
	for (i = 0, good = true; i < 5; i++)
	{
		n = cg_text_grams(even[i], strlen(even[i]), grams);
		good = good && n == 1 && grams[0] != CG_GRAM_ODD;
	}
	ok(good, "others are not");
}

/* No more pieces of a pattern than there is room for. */
static void
test_long_pattern(void)
{
	CgGram		grams[CG_MAX_PATTERN_GRAMS + 1];
	char		pattern[4 * CG_MAX_PATTERN_GRAMS];
	size_t		n;
	size_t		len;
	bool		good = true;

	for (len = 0; len < sizeof(pattern); len++)
		pattern[len] = (char) (len % 50 == 49 ? '%' : ' ' + (len * 7) % 60 + 6);
	for (len = 0; len <= sizeof(pattern); len++)
	{
		grams[CG_MAX_PATTERN_GRAMS] = 4711;
		n = cg_pattern_grams(pattern, len, false, grams);
		good = good && n <= CG_MAX_PATTERN_GRAMS && grams[CG_MAX_PATTERN_GRAMS] == 4711;
	}
	ok(good && n == CG_MAX_PATTERN_GRAMS, "a long pattern gives %d", CG_MAX_PATTERN_GRAMS);
	/* the last character of a run of Han adds two at once */
	for (len = 0; len + 3 <= sizeof(pattern) - 1; len += 3)
	{
		memcpy(pattern + len, "\xe5\xbc", 2);
		pattern[len + 2] = (char) (0x80 + len / 3);
	}
	for (; len > 0; len -= 3)
	{
		grams[CG_MAX_PATTERN_GRAMS] = 4711;
		n = cg_pattern_grams(pattern, len, false, grams);
		good = good && n <= CG_MAX_PATTERN_GRAMS && grams[CG_MAX_PATTERN_GRAMS] == 4711;
	}
	ok(good, "whatever it consists of");
}

int
main(void)
{
	ok(count("") == 0, "nothing in an empty text");
	ok(count("a") == 1, "one letter between its marks");
	ok(count("1234") == 4, "three characters each, with the marks");
	ok(count("\xe5\xbc\xa0\xe4\xb8\x89") == 3, "two of Han, with the marks");
	ok(finds("13800001234", "%1234", false) == 'y', "suffix");
	ok(finds("13800001234", "138%", false) == 'y', "prefix");
	ok(finds("13800001234", "%123", false) == 'm', "no suffix");
	ok(finds("13800001234", "%34", false) == 'y', "two at the end");
	ok(finds("13800001234", "%4", false) == 'n', "one at the end");
	ok(finds("13800001234", "%12%", false) == 'n', "two in the middle");
	ok(finds("abcdef", "a_cdef", false) == 'y', "underscore");
	ok(finds("a%b_c", "a\\%b\\_c", false) == 'y', "escaped");
	ok(finds("abc", "abc\\", false) == 'n', "escape at the end");
	ok(finds("ABC", "abc", true) == 'y', "case of ASCII");
	ok(finds("\xc3\x84" "bcd", "\xc3\xa4" "bcd", true) == 'y',
	   "case of others is not looked at");
	ok(finds("\xe5\xbc\xa0\xe4\xb8\x89", "\xe5\xbc\xa0%", false) == 'y',
	   "one Han character at the start");
	ok(finds("x\xe5\xbc\xa0\xe4\xb8\x89y", "%\xe5\xbc\xa0\xe4\xb8\x89%",
			 false) == 'y', "two in the middle");
	ok(finds("abc", "%\xff" "abc%", false) == 'y', "an invalid byte ends a run");
	ok(finds("\xf0\x9f\x98\x80" "ab", "\xf0\x9f\x98\x80" "AB", true) == 'y',
	   "a picture has no case");
	test_odd();
	test_long_pattern();
	test_prefixes();
	test_numbers();
	return tap_done();
}

/*
 * fuzz_ngram.c
 *		libFuzzer target: pieces of text and patterns, order of stored forms.
 *
 * A part of the text is found by the pattern that asks for it, whatever the
 * part.
 *
 * Build with: clang -fsanitize=fuzzer,address,undefined
 */
#include <stdlib.h>
#include <string.h>

#include "ngram.h"
#include "normal.h"
#include "order_key.h"

#define REQUIRE(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require_subset(const CgGram *part, size_t n, const CgGram *all, size_t m)
{
	size_t		i;
	size_t		j = 0;

	for (i = 0; i < n; i++)
	{
		while (j < m && all[j] < part[i])
			j++;
		REQUIRE(j < m && all[j] == part[i]);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text;
	size_t		len;
	size_t		from;
	size_t		to;
	size_t		n;
	size_t		m;
	size_t		i;
	size_t		p = 0;
	CgGram	   *grams;
	CgGram		wanted[CG_MAX_PATTERN_GRAMS];
	char	   *pattern;

	if (size < 2)
		return 0;
	text = (const char *) data + 2;
	len = size - 2;
	from = len == 0 ? 0 : data[0] % (len + 1);
	to = from + (len == from ? 0 : data[1] % (len - from + 1));

	grams = malloc(CG_GRAM_BOUND(len) * sizeof(CgGram));
	n = cg_text_grams(text, len, grams);
	REQUIRE(n <= CG_GRAM_BOUND(len));
	(void) cg_pattern_grams(text, len, false, wanted);
	(void) cg_pattern_grams(text, len, true, wanted);

	/* What stands in between, with the start and the end if it has them. */
	pattern = malloc(2 * len + 2);
	if (from > 0)
		pattern[p++] = '%';
	for (i = from; i < to; i++)
	{
		if (text[i] == '%' || text[i] == '_' || text[i] == '\\')
			pattern[p++] = '\\';
		pattern[p++] = text[i];
	}
	if (to < len)
		pattern[p++] = '%';
	if (cg_utf8_valid(text, len) && cg_utf8_valid(text + from, to - from))
	{
		m = cg_pattern_grams(pattern, p, false, wanted);
		require_subset(wanted, m, grams, n);
		m = cg_pattern_grams(pattern, p, true, wanted);
		require_subset(wanted, m, grams, n);
	}
	free(pattern);
	free(grams);

	for (i = CG_ORDER_BYTES; i <= CG_ORDER_NUMERIC; i++)
	{
		CgOrderForm form = (CgOrderForm) i;
		int			order = cg_order_compare(form, text, from, text + from,
											 len - from);
		uint64_t	a = cg_order_prefix(form, text, from);
		uint64_t	b = cg_order_prefix(form, text + from, len - from);

		REQUIRE(order >= 0 || a <= b);
		REQUIRE(order <= 0 || a >= b);
		REQUIRE(order != 0 || a == b);
	}
	return 0;
}

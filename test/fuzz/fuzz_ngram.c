/*
 * fuzz_ngram.c
 *		libFuzzer target: pieces of text and of patterns.
 *
 * The input is two numbers and a text.  A part of the text is found by the
 * pattern that asks for it, whatever the part.
 */
#include "fuzz.h"
#include "ngram.h"
#include "normal.h"

static void
require_sorted(const CgGram *gram, size_t n)
{
	size_t		i;

	for (i = 1; i < n; i++)
		REQUIRE(gram[i - 1] < gram[i]);
}

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

/* Pieces that a pattern tells, in a buffer of as many as there may be. */
static size_t
pattern_grams(const char *pattern, size_t len, bool fold, CgGram *out)
{
	char	   *copy = fuzz_copy(pattern, len);
	CgGram	   *wanted = fuzz_buffer(CG_MAX_PATTERN_GRAMS * sizeof(CgGram));
	size_t		n = cg_pattern_grams(copy, len, fold, wanted);

	REQUIRE(n <= CG_MAX_PATTERN_GRAMS);
	require_sorted(wanted, n);
	memcpy(out, wanted, n * sizeof(CgGram));
	free(wanted);
	free(copy);
	return n;
}

/* What stands in between, with the start and the end if it has them. */
static size_t
pattern_of(const char *text, size_t len, size_t from, size_t to, char *out)
{
	size_t		n = 0;
	size_t		i;

	if (from > 0)
		out[n++] = '%';
	for (i = from; i < to; i++)
	{
		if (text[i] == '%' || text[i] == '_' || text[i] == '\\')
			out[n++] = '\\';
		out[n++] = text[i];
	}
	if (to < len)
		out[n++] = '%';
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};
	size_t		a = fuzz_number(&in, 1);
	size_t		b = fuzz_number(&in, 1);
	size_t		len = in.left;
	char	   *text = fuzz_copy(in.p, len);
	size_t		from = a % (len + 1);
	size_t		to = from + b % (len - from + 1);
	CgGram	   *grams = fuzz_buffer(CG_GRAM_BOUND(len) * sizeof(CgGram));
	CgGram		wanted[CG_MAX_PATTERN_GRAMS];
	char	   *pattern = fuzz_buffer(2 * len + 2);
	size_t		pattern_len = pattern_of(text, len, from, to, pattern);
	size_t		n = cg_text_grams(text, len, grams);
	int			fold;

	REQUIRE(n <= CG_GRAM_BOUND(len));
	require_sorted(grams, n);
	for (fold = 0; fold < 2; fold++)
	{
		size_t		m;

		(void) pattern_grams(text, len, fold, wanted);
		m = pattern_grams(pattern, pattern_len, fold, wanted);
		if (cg_utf8_valid(text, len) &&
			cg_utf8_valid(text + from, to - from))
			require_subset(wanted, m, grams, n);
	}
	free(pattern);
	free(grams);
	free(text);
	return 0;
}

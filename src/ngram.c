/*
 * ngram.c
 *		Pieces of text by which an index finds what a pattern matches.
 *
 * Which pieces begin at a symbol depends on that and the next two only.  So
 * the pieces of a run of characters that a pattern requires are among those
 * of each text that has it.
 *
 * ILIKE compares what lower() makes of both sides, in the language of the
 * database.  Only characters without case, and ASCII letters, are known to
 * match nothing but themselves and each other; whatever else a pattern has
 * ends a run.  The texts for which even that is wrong are marked: Kelvin sign
 * and dotted capital I become ASCII in lower case, i without dot is the lower
 * case of an ASCII letter in Turkish, and Lithuanian takes accented capitals
 * of I apart.
 */
#include <stdlib.h>

#include "ngram.h"
#include "normal.h"

#define SYMBOL_NONE		0x1FFFFF
#define SYMBOL_START	0x1FFFFE
#define SYMBOL_END		0x1FFFFD

/* The last three symbols of a run. */
typedef struct CgRun
{
	uint32_t	symbols[3];
	int			n;
} CgRun;

static bool is_dense(uint32_t cp);
static bool is_pair(uint32_t a, uint32_t b);
static bool is_odd(uint32_t cp);
static bool has_no_case(uint32_t cp);
static uint32_t fold_ascii(uint32_t cp);
static CgGram make_gram(uint32_t a, uint32_t b, uint32_t c);
static size_t push(CgRun *run, uint32_t symbol, CgGram *out);
static size_t finish(CgRun *run, CgGram *out);
static size_t sort_distinct(CgGram *grams, size_t n);
static int	compare_grams(const void *a, const void *b);

size_t
cg_text_grams(const char *text, size_t len, CgGram *out)
{
	const char *end = text + len;
	CgRun		run = {{0}, 0};
	size_t		n = 0;
	bool		odd = false;

	n += push(&run, SYMBOL_START, out + n);
	while (text < end)
	{
		uint32_t	cp = cg_utf8_next(&text, end);

		odd = odd || is_odd(cp);
		n += push(&run, fold_ascii(cp), out + n);
	}
	n += push(&run, SYMBOL_END, out + n);
	n += finish(&run, out + n);
	if (odd)
		out[n++] = CG_GRAM_ODD;
	return sort_distinct(out, n);
}

size_t
cg_pattern_grams(const char *pattern, size_t len, bool fold,
				 CgGram out[CG_MAX_PATTERN_GRAMS])
{
	const char *end = pattern + len;
	CgGram		found[CG_MAX_PATTERN_GRAMS + 4];
	CgRun		run = {{0}, 0};
	size_t		n = 0;
	size_t		i;

	n += push(&run, SYMBOL_START, found + n);
	while (pattern < end && n < CG_MAX_PATTERN_GRAMS)
	{
		bool		wild = *pattern == '%' || *pattern == '_';
		uint32_t	cp;

		if (*pattern == '\\' && ++pattern == end)
			return 0;			/* matching it is an error */
		cp = cg_utf8_next(&pattern, end);
		if (wild || cp == CG_UTF8_INVALID || (fold && !has_no_case(cp)))
		{
			n += finish(&run, found + n);
			run.n = 0;
		}
		else
			n += push(&run, fold_ascii(cp), found + n);
	}
	if (pattern == end)
		n += push(&run, SYMBOL_END, found + n);
	n += finish(&run, found + n);
	n = sort_distinct(found, n);
	if (n > CG_MAX_PATTERN_GRAMS)
		n = CG_MAX_PATTERN_GRAMS;
	for (i = 0; i < n; i++)
		out[i] = found[i];
	return n;
}

/* Of a script in which two characters tell as much as three letters. */
static bool
is_dense(uint32_t cp)
{
	return (cp >= 0x3040 && cp <= 0x30FF) ||
		(cp >= 0x3400 && cp <= 0x9FFF) ||
		(cp >= 0xAC00 && cp <= 0xD7A3) ||
		(cp >= 0xF900 && cp <= 0xFAFF) ||
		(cp >= 0x20000 && cp <= 0x3FFFF);
}

static bool
is_pair(uint32_t a, uint32_t b)
{
	return (is_dense(a) && (is_dense(b) || b == SYMBOL_END)) ||
		(a == SYMBOL_START && is_dense(b));
}

static bool
is_odd(uint32_t cp)
{
	switch (cp)
	{
		case 0x00CC:			/* I with grave, acute, tilde, ogonek */
		case 0x00CD:
		case 0x0128:
		case 0x012E:
		case 0x0130:			/* capital I with dot */
		case 0x0131:			/* small i without dot */
		case 0x212A:			/* Kelvin sign */
			return true;
		default:
			return false;
	}
}

static bool
has_no_case(uint32_t cp)
{
	return cp < 0x80 || (cp >= 0x2E80 && cp <= 0x9FFF) ||
		(cp >= 0xAC00 && cp <= 0xD7A3) ||
		(cp >= 0x1F000 && cp <= 0x3FFFF);
}

static uint32_t
fold_ascii(uint32_t cp)
{
	return cp >= 'A' && cp <= 'Z' ? cp + ('a' - 'A') : cp;
}

static CgGram
make_gram(uint32_t a, uint32_t b, uint32_t c)
{
	return (CgGram) a << 42 | (CgGram) b << 21 | c;
}

/* At most two pieces. */
static size_t
push(CgRun *run, uint32_t symbol, CgGram *out)
{
	size_t		n = 0;
	uint32_t   *s = run->symbols;

	if (run->n == 3)
	{
		s[0] = s[1];
		s[1] = s[2];
		run->n = 2;
	}
	s[run->n] = symbol;

	run->n++;
	if (run->n < 3)
		return 0;
	if (is_pair(s[0], s[1]))
		out[n++] = make_gram(s[0], s[1], SYMBOL_NONE);
	if (!is_pair(s[0], s[1]) || !is_pair(s[1], s[2]))
		out[n++] = make_gram(s[0], s[1], s[2]);
	return n;
}

/* The pair at the end of a run. */
static size_t
finish(CgRun *run, CgGram *out)
{
	uint32_t	a;
	uint32_t	b;

	if (run->n < 2)
		return 0;
	a = run->symbols[run->n - 2];
	b = run->symbols[run->n - 1];
	if (!is_pair(a, b))
		return 0;
	out[0] = make_gram(a, b, SYMBOL_NONE);
	return 1;
}

static size_t
sort_distinct(CgGram *grams, size_t n)
{
	size_t		kept = 0;
	size_t		i;

	qsort(grams, n, sizeof(CgGram), compare_grams);
	for (i = 0; i < n; i++)
		if (kept == 0 || grams[kept - 1] != grams[i])
			grams[kept++] = grams[i];
	return kept;
}

static int
compare_grams(const void *a, const void *b)
{
	CgGram		x = *(const CgGram *) a;
	CgGram		y = *(const CgGram *) b;

	return x < y ? -1 : x > y ? 1 : 0;
}

/*
 * fuzz_text.c
 *		libFuzzer target: normal forms, validators and masks.
 *
 * Buffers have exactly the size that the headers ask for, so that the address
 * sanitizer sees one byte too many.  The input is the text, all of it; every
 * function sees every input.
 *
 * Build with: clang -fsanitize=fuzzer,address,undefined
 */
#include <stdlib.h>
#include <string.h>

#include "ident_cn.h"
#include "mask.h"
#include "normal.h"

#define NO_TODAY	99991231
#define STARS_MAX	16

#define REQUIRE(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Never NULL, and never one byte more than asked for. */
static char *
exact_copy(const void *data, size_t size)
{
	char	   *copy = malloc(size);

	if (size > 0)
	{
		REQUIRE(copy != NULL);
		memcpy(copy, data, size);
	}
	return copy;
}

static bool
only_stars(const char *out, size_t n)
{
	while (n > 0 && out[n - 1] == '*')
		n--;
	return n == 0;
}

static void
fuzz_normalize(const char *text, size_t len)
{
	int			n;

	for (n = CG_NORM_NONE; n <= CG_NORM_EMAIL; n++)
	{
		char	   *once = malloc(len);
		size_t		size = cg_normalize((CgNormalizer) n, text, len, once);
		char	   *exact;
		char	   *twice;

		REQUIRE(size <= len);
		REQUIRE(cg_utf8_valid(once, size) == cg_utf8_valid(text, len));
		exact = exact_copy(once, size);
		twice = malloc(size);
		REQUIRE(cg_normalize((CgNormalizer) n, exact, size, twice) == size);
		REQUIRE(size == 0 || memcmp(once, twice, size) == 0);
		free(twice);
		free(exact);
		free(once);
	}
}

/*
 * What is valid stays so in the normal form of its kind, with the same
 * verdict: a token must not bring together what validation tells apart.
 */
static void
fuzz_validate(const char *text, size_t len)
{
	static const CgNormalizer forms[] = {
		[CG_VALID_NONE] = CG_NORM_NONE,
		[CG_VALID_MOBILE] = CG_NORM_PHONE,
		[CG_VALID_EMAIL] = CG_NORM_EMAIL,
		[CG_VALID_RESIDENT_ID] = CG_NORM_CODE,
		[CG_VALID_BANK_CARD] = CG_NORM_CODE,
		[CG_VALID_USCC] = CG_NORM_CODE,
		[CG_VALID_PLATE] = CG_NORM_CODE,
		[CG_VALID_DATE] = CG_NORM_NONE
	};
	int			v;

	for (v = CG_VALID_NONE; v <= CG_VALID_DATE; v++)
	{
		CgVerdict	verdict = cg_validate((CgValidator) v, text, len,
										  20261123);
		char	   *form = malloc(len);
		size_t		n = cg_normalize(forms[v], text, len, form);

		REQUIRE(cg_verdict_word(verdict)[0] != '\0');
		if (cg_verdict_ok(verdict))
		{
			REQUIRE(cg_validate((CgValidator) v, form, n, 20261123) ==
					verdict);
			REQUIRE(v == CG_VALID_NONE || cg_utf8_valid(text, len));
		}
		free(form);
	}
}

static void
fuzz_mask(const char *text, size_t len)
{
	static const CgValidator validators[] = {
		[CG_MASK_STARS] = CG_VALID_NONE,
		[CG_MASK_NAME] = CG_VALID_NONE,
		[CG_MASK_MOBILE] = CG_VALID_MOBILE,
		[CG_MASK_EMAIL] = CG_VALID_EMAIL,
		[CG_MASK_RESIDENT_ID] = CG_VALID_RESIDENT_ID,
		[CG_MASK_BANK_CARD] = CG_VALID_BANK_CARD,
		[CG_MASK_USCC] = CG_VALID_USCC,
		[CG_MASK_ADDRESS] = CG_VALID_NONE,
		[CG_MASK_PLATE] = CG_VALID_PLATE,
		[CG_MASK_YEAR] = CG_VALID_NONE
	};
	bool		valid_text = cg_utf8_valid(text, len);
	int			m;

	for (m = CG_MASK_STARS; m <= CG_MASK_YEAR; m++)
	{
		char	   *out = malloc(CG_MASK_BOUND(len));
		size_t		n = cg_mask((CgMasker) m, CG_STYLE_STANDARD, text, len, out);
		CgValidator v = validators[m];
		bool		refused = !valid_text || m == CG_MASK_STARS;

		REQUIRE(n <= CG_MASK_BOUND(len));
		REQUIRE(cg_utf8_valid(out, n));
		if (v != CG_VALID_NONE)
			refused = !cg_verdict_ok(cg_validate(v, text, len, NO_TODAY));
		if (refused)
			REQUIRE(only_stars(out, n) && n <= STARS_MAX);
		else if (v != CG_VALID_NONE)
			REQUIRE(memchr(out, '*', n) != NULL);

		/* A name shows at most its surname, a date its year. */
		if (m == CG_MASK_NAME || m == CG_MASK_YEAR)
		{
			const char *p = out;
			size_t		shown = 0;

			while (p < out + n)
			{
				uint32_t	c = cg_utf8_next(&p, out + n);

				if (c != '*' && c != 0xB7 && c != '-' && c != '/' &&
					c != '.' && c != 0x5E74 && c != 0x6708 && c != 0x65E5)
					shown++;
			}
			REQUIRE(shown <= (m == CG_MASK_NAME ? 2 : 4));
		}
		free(out);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = exact_copy(data, size);

	fuzz_normalize(text, size);
	fuzz_validate(text, size);
	fuzz_mask(text, size);
	free(text);
	return 0;
}

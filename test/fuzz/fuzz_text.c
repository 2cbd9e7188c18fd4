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

#include "../unit/mask_rules.h"
#include "ident_cn.h"
#include "normal.h"

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

/* Every masker in every style; one that it does not have is its standard. */
static void
fuzz_mask(const char *text, size_t len)
{
	char	   *standard = malloc(CG_MASK_BOUND(len));
	char	   *out = malloc(CG_MASK_BOUND(len));
	int			m;
	int			k;

	for (m = 0; m < CG_MASKERS; m++)
	{
		CgMasker	masker = (CgMasker) m;
		size_t		standard_n = cg_mask(masker, CG_STYLE_STANDARD, text, len,
										 standard);

		REQUIRE(mask_fault(masker, CG_STYLE_STANDARD, text, len, standard,
						   standard_n) == NULL);
		for (k = CG_STYLE_STANDARD; k < CG_MASK_STYLES; k++)
		{
			CgMaskStyle style = (CgMaskStyle) k;
			size_t		n = cg_mask(masker, style, text, len, out);

			if (cg_masker_has_style(masker, style) &&
				style != CG_STYLE_STANDARD)
				REQUIRE(mask_fault(masker, style, text, len, out, n) == NULL);
			else
				REQUIRE(n == standard_n && memcmp(out, standard, n) == 0);
		}
	}
	free(out);
	free(standard);
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

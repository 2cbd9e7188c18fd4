/*
 * fuzz_normal.c
 *		libFuzzer target: UTF-8, code points and normal forms.
 *
 * Every form is idempotent, never longer than its input, and UTF-8 exactly if
 * that is; what is no UTF-8 is its own form.  Reading must give the code
 * points of reading.h, and writing a code point its bytes.
 */
#include "normal.h"
#include "reading.h"

static void
try_form(CgNormalizer n, const char *text, size_t len, bool valid)
{
	char	   *once = fuzz_buffer(len);
	size_t		size = cg_normalize(n, text, len, once);
	char	   *again;
	char	   *twice;

	REQUIRE(size <= len);
	REQUIRE(cg_utf8_valid(once, size) == valid);
	if (n == CG_NORM_NONE || !valid)
		REQUIRE(size == len && fuzz_same(once, text, len));
	again = fuzz_copy(once, size);
	twice = fuzz_buffer(size);
	REQUIRE(cg_normalize(n, again, size, twice) == size);
	REQUIRE(fuzz_same(once, twice, size));
	free(twice);
	free(again);
	free(once);
}

static void
try_reading(CgForm form, FuzzForm told, const char *text, size_t len,
			size_t max)
{
	FuzzText	expected = fuzz_read(told, text, len);
	uint32_t   *c = fuzz_buffer(max * sizeof(*c));
	size_t		n = cg_collect(form, text, len, c, max);

	REQUIRE(n == (expected.n <= max ? expected.n : max + 1));
	REQUIRE(fuzz_same(c, expected.c, (n <= max ? n : max) * sizeof(*c)));
	free(c);
	fuzz_forget(&expected);
}

static void
try_utf8(const char *text, size_t len)
{
	const char *p = text;
	const char *end = text + len;
	bool		valid = true;

	while (p < end)
	{
		const char *start = p;
		char		written[4];
		size_t		size;
		uint32_t	c = fuzz_decode((const uint8_t *) p, (size_t) (end - p),
									&size);

		REQUIRE(cg_utf8_next(&p, end) == c && p == start + size);
		if (c == NO_CHARACTER && size == 1)
			valid = false;
		else
			REQUIRE(cg_utf8_put(c, written) == size &&
					memcmp(written, start, size) == 0);
		REQUIRE(cg_is_blank(c) == fuzz_is_blank(c));
		REQUIRE(cg_is_hyphen(c) == fuzz_is_hyphen(c));
		REQUIRE(cg_is_han(c) == fuzz_is_han(c));
	}
	REQUIRE(cg_utf8_valid(text, len) == valid);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = fuzz_copy(data, size);
	bool		valid = cg_utf8_valid(text, size);
	int			n;

	try_utf8(text, size);
	try_reading(CG_FORM_CODE, FUZZ_CODE, text, size, 19);
	try_reading(CG_FORM_WORD, FUZZ_WORD, text, size, 4);
	try_reading(CG_FORM_LINE, FUZZ_LINE, text, size, 7);
	try_reading(CG_FORM_LINE, FUZZ_LINE, text, size, size);
	for (n = CG_NORM_NONE; n <= CG_NORM_EMAIL; n++)
		try_form((CgNormalizer) n, text, size, valid);
	free(text);
	return 0;
}

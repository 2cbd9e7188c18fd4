/*
 * fuzz_email.c
 *		libFuzzer target: e-mail addresses.
 *
 * The input is the text.
 */
#include "identifier.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzText	text = fuzz_read(FUZZ_LINE, data, size);
	char	   *copy = fuzz_copy(data, size);
	CgVerdict	verdict = cg_validate(CG_VALID_EMAIL, copy, size, TODAY);

	REQUIRE((verdict == CG_V_EMPTY) == (text.n == 0));
	REQUIRE(cg_verdict_ok(verdict) == is_email(&text));
	if (cg_verdict_ok(verdict))
		require_verdict(CG_VALID_EMAIL, CG_NORM_EMAIL, data, size, TODAY,
						verdict);
	free(copy);
	fuzz_forget(&text);
	return 0;
}

/*
 * fuzz_mobile.c
 *		libFuzzer target: mobile numbers of the mainland.
 *
 * The input is the text.  A number of digits chosen by it is valid with any
 * prefix, however it is grouped, and has one normal form.
 */
#include "identifier.h"

static void
try_made(FuzzInput in)
{
	static const char *const prefixes[] = {"", "86", "+86", "0086", "+86-", "86 "};
	char		number[12] = {'1'};
	char		written[40];
	char		form[40];
	size_t		n;
	int			i;

	number[1] = (char) ('3' + fuzz_choice(&in, 7));
	for (i = 2; i < 11; i++)
		number[i] = (char) ('0' + fuzz_choice(&in, 10));
	strcpy(written, prefixes[fuzz_choice(&in, 6)]);
	n = strlen(written);
	for (i = 0; i < 11; i++)
	{
		static const char gaps[] = " - ";
		size_t		gap = fuzz_choice(&in, 8);

		if (gap < 3)
			written[n++] = gaps[gap];
		written[n++] = number[i];
	}
	require_verdict(CG_VALID_MOBILE, CG_NORM_PHONE, written, n, TODAY,
					CG_V_OK);
	REQUIRE(cg_normalize(CG_NORM_PHONE, written, n, form) == 11 &&
			memcmp(form, number, 11) == 0);
	REQUIRE(cg_is_bare_mobile(written, n) == (n == 11));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_text(CG_VALID_MOBILE, CG_NORM_PHONE, mobile_verdict, data, size,
			 TODAY);
	try_made((FuzzInput) {data, size});
	return 0;
}

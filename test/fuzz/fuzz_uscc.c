/*
 * fuzz_uscc.c
 *		libFuzzer target: unified social credit codes of GB 32100.
 *
 * The input is the text.  A code made of it must be valid, and with any one
 * character changed it must not be, for 31 is a prime.  With a wrong check
 * character of the organisation's code alone it is accepted softly.
 */
#include "identifier.h"

static void
try_made(FuzzInput in)
{
	char		code[19];
	size_t		at;
	char		was;

	make_uscc(&in, code);
	require_verdict(CG_VALID_USCC, CG_NORM_CODE, code, 18, TODAY, CG_V_OK);

	at = fuzz_choice(&in, 18);
	was = code[at];
	code[at] = at >= 2 && at < 8 ? (char) ('0' + fuzz_choice(&in, 10)) :
		USCC_ALPHABET[fuzz_choice(&in, 31)];
	if (code[at] == was)
		return;
	require_verdict(CG_VALID_USCC, CG_NORM_CODE, code, 18, TODAY,
					CG_V_CHECKSUM);
	if (at == 16)
	{
		code[17] = uscc_check(code);
		require_verdict(CG_VALID_USCC, CG_NORM_CODE, code, 18, TODAY,
						CG_V_OK_ORG_SOFT);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_text(CG_VALID_USCC, CG_NORM_CODE, uscc_verdict, data, size, TODAY);
	try_made((FuzzInput) {data, size});
	return 0;
}

/*
 * fuzz_bank_card.c
 *		libFuzzer target: numbers of bank cards, ISO/IEC 7812.
 *
 * The input is the text.  A number made of it must be valid, and with any one
 * digit changed be accepted softly.
 */
#include "identifier.h"

static void
try_made(FuzzInput in)
{
	char		digits[20];
	size_t		n = make_bank_card(&in, digits);
	size_t		at;
	char		was;

	require_verdict(CG_VALID_BANK_CARD, CG_NORM_CODE, digits, n, TODAY,
					CG_V_OK);

	at = fuzz_choice(&in, n);
	was = digits[at];
	digits[at] = (char) ('1' + fuzz_choice(&in, 9));
	if (digits[at] != was)
		require_verdict(CG_VALID_BANK_CARD, CG_NORM_CODE, digits, n, TODAY,
						CG_V_OK_LUHN_SOFT);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_text(CG_VALID_BANK_CARD, CG_NORM_CODE, bank_card_verdict, data, size,
			 TODAY);
	try_made((FuzzInput) {data, size});
	return 0;
}

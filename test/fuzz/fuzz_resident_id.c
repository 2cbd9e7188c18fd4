/*
 * fuzz_resident_id.c
 *		libFuzzer target: resident IDs of GB 11643.
 *
 * The input is the text.  Digits of it, with the right check digit behind
 * them, must be valid whenever province and date are; and not with any one
 * character changed, if province and date still are.
 */
#include "identifier.h"

static void
try_made(FuzzInput in)
{
	static const char *const provinces[] = {"11", "31", "44", "65", "82"};
	char		id[19] = {0};
	int			year = 1850 + (int) fuzz_choice(&in, 250);
	int			month = 1 + (int) fuzz_choice(&in, 12);
	int			day = 1 + (int) fuzz_choice(&in, 28);
	int			today = year * 10000 + month * 100 + day;
	size_t		at;
	char		was;
	int			i;

	for (i = 0; i < 17; i++)
		id[i] = (char) ('0' + fuzz_choice(&in, 10));
	memcpy(id, provinces[fuzz_choice(&in, 5)], 2);
	for (i = 0; i < 8; i++, today /= 10)
		id[13 - i] = (char) ('0' + today % 10);
	today = year * 10000 + month * 100 + day;
	id[17] = mod_11_2(id, 17);
	require_verdict(CG_VALID_RESIDENT_ID, CG_NORM_CODE, id, 18, today,
					CG_V_OK);
	require_verdict(CG_VALID_RESIDENT_ID, CG_NORM_CODE, id, 18, today - 1,
					CG_V_DATE_RANGE);

	at = (size_t[]) {2, 3, 4, 5, 14, 15, 16, 17} [fuzz_choice(&in, 8)];
	was = id[at];
	id[at] = (char) ('0' + fuzz_choice(&in, 10));
	if (id[at] != was)
		require_verdict(CG_VALID_RESIDENT_ID, CG_NORM_CODE, id, 18, today,
						CG_V_CHECKSUM);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_text(CG_VALID_RESIDENT_ID, CG_NORM_CODE, resident_id_verdict, data,
			 size, TODAY);
	try_text(CG_VALID_RESIDENT_ID, CG_NORM_CODE, resident_id_verdict, data,
			 size, 99991231);
	try_made((FuzzInput) {data, size});
	return 0;
}

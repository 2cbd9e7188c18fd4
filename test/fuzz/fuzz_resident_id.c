/*
 * fuzz_resident_id.c
 *		libFuzzer target: resident IDs of GB 11643.
 *
 * The input is the text.  An ID made of it must be valid from the day of birth
 * on, and not with any one character changed that is of neither province nor
 * date.
 */
#include "identifier.h"

static void
try_made(FuzzInput in)
{
	char		id[19];
	int			birth = make_resident_id(&in, id);
	size_t		at;
	char		was;

	require_verdict(CG_VALID_RESIDENT_ID, CG_NORM_CODE, id, 18, birth,
					CG_V_OK);
	require_verdict(CG_VALID_RESIDENT_ID, CG_NORM_CODE, id, 18, birth - 1,
					CG_V_DATE_RANGE);

	at = (size_t[]) {3, 4, 5, 14, 15, 16, 17} [fuzz_choice(&in, 7)];
	was = id[at];
	id[at] = (char) ('0' + fuzz_choice(&in, 10));
	if (id[at] != was)
		require_verdict(CG_VALID_RESIDENT_ID, CG_NORM_CODE, id, 18, birth,
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

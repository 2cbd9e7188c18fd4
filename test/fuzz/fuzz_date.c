/*
 * fuzz_date.c
 *		libFuzzer target: dates of the calendar.
 *
 * The input is the text.  A year, month and day chosen by it have the same
 * verdict in both spellings.
 */
#include "identifier.h"

static void
try_made(FuzzInput in)
{
	int			year = 1 + (int) fuzz_choice(&in, 9999);
	int			month = 1 + (int) fuzz_choice(&in, 12);
	int			day = 1 + (int) fuzz_choice(&in, 32);
	char		text[40];
	CgVerdict	verdict = is_calendar_date(year, month, day) ? CG_V_OK :
		CG_V_DATE;

	snprintf(text, sizeof(text), "%04d%02d%02d", year, month, day);
	require_verdict(CG_VALID_DATE, CG_NORM_NONE, text, 8, TODAY, verdict);
	snprintf(text, sizeof(text), "%04d-%02d-%02d", year, month, day);
	require_verdict(CG_VALID_DATE, CG_NORM_NONE, text, 10, TODAY, verdict);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_text(CG_VALID_DATE, CG_NORM_NONE, date_verdict, data, size, TODAY);
	try_made((FuzzInput) {data, size});
	return 0;
}

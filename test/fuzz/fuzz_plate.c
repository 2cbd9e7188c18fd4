/*
 * fuzz_plate.c
 *		libFuzzer target: number plates of GA 36.
 */
#include "identifier.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_text(CG_VALID_PLATE, CG_NORM_CODE, plate_verdict, data, size, TODAY);
	return 0;
}

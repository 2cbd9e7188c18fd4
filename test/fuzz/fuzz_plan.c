/*
 * fuzz_plan.c
 *		libFuzzer target: plans without the values in them.
 *
 * The input is what follows the first line of a message, in any format.
 * Whatever it is, the result must fit.
 *
 * Build with: clang -fsanitize=fuzzer,address,undefined
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "redact_plan.h"

#define REQUIRE(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
redact(const char *message, size_t len, const char *query, size_t cap)
{
	char	   *out = malloc(cap);
	size_t		n = cg_redact_plan(message, len, query, true, out, cap);

	REQUIRE(n < cap && out[n] == '\0');
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char line[] = "duration: 1 ms  plan:\n";
	size_t		len = sizeof(line) - 1 + size;
	char	   *message = malloc(len);

	REQUIRE(message != NULL);
	memcpy(message, line, sizeof(line) - 1);
	if (size > 0)
		memcpy(message + sizeof(line) - 1, data, size);
	redact(message, len, "SELECT 'x', \"y\"", 2 * len + 1024);
	redact(message, len, NULL, 1 + size % 97);
	redact(message, size % len, "x", 64);
	free(message);
	return 0;
}

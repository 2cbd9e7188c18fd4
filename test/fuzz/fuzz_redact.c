/*
 * fuzz_redact.c
 *		libFuzzer target: SQL text without the values in it.
 *
 * The first byte chooses the settings and the size of the buffer.  Whatever
 * the text is, the result must fit, must not change when redacted again, and
 * must hold no quote outside of a quoted name.
 *
 * Build with: clang -fsanitize=fuzzer,address,undefined
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "redact_text.h"

#define REQUIRE(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
redact(const char *sql, size_t len, unsigned flags, char *out, size_t cap)
{
	size_t		n = (flags & 2) ?
	cg_redact_sql_strictly(sql, len, flags & 1, out, cap) :
	cg_redact_sql(sql, len, flags & 1, out, cap);

	REQUIRE(n < cap && out[n] == '\0');
	return n;
}

static void
no_quote(const char *text, size_t len)
{
	bool		in_name = false;
	size_t		i;

	for (i = 0; i < len; i++)
	{
		if (text[i] == '"')
			in_name = !in_name;
		REQUIRE(in_name || text[i] != '\'');
	}
	REQUIRE(!in_name);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned	flags;
	size_t		len;
	char	   *sql;
	char	   *once;
	char	   *twice;
	size_t		n;

	if (size == 0)
		return 0;
	flags = data[0];
	len = size - 1;
	sql = malloc(len + 1);
	REQUIRE(sql != NULL);
	memcpy(sql, data + 1, len);
	sql[len] = '\0';

	once = malloc(CG_REDACT_BOUND(len));
	n = redact(sql, len, flags, once, CG_REDACT_BOUND(len));
	no_quote(once, n);
	twice = malloc(CG_REDACT_BOUND(n));
	REQUIRE(redact(once, n, flags, twice, CG_REDACT_BOUND(n)) == n);
	REQUIRE(memcmp(once, twice, n) == 0);
	free(twice);
	free(once);

	once = malloc((flags >> 2) + 1);
	redact(sql, len, flags, once, (flags >> 2) + 1);
	cg_redact_format(sql, once, (flags >> 2) + 1);
	free(once);
	free(sql);
	return 0;
}

/*
 * fuzz_plan.c
 *		libFuzzer target: plans without the values in them.
 *
 * The input is what follows the first line of a message, in any format.
 * Whatever it is, the result must fit; and the text of the query, which the
 * message repeats, must not be in it.  And the input is a row of choices: of
 * the plan that they make, no constant may be left.
 */
#include "fuzz.h"
#include "redact_plan.h"

#define CANARY	"'canary'"

static void
redact(const char *message, size_t len, const char *query, size_t cap)
{
	char	   *copy = fuzz_copy(message, len);
	char	   *out = fuzz_buffer(cap);
	size_t		n = cg_redact_plan(copy, len, query, true, out, cap);

	REQUIRE(n < cap && out[n] == '\0');
	free(out);
	free(copy);
}

/* The input stands behind the text of a query, as a plan in text does. */
static void
try_query(const uint8_t *data, size_t size)
{
	static const char query[] = "SELECT a FROM t WHERE b = " CANARY;
	char	   *message = fuzz_buffer(size + 128);
	char	   *out = fuzz_buffer(2 * size + 1024);
	size_t		len = (size_t) sprintf(message, "duration: 1 ms  plan:\n"
									   "Query Text: %s\n", query);

	if (size > 0)
		memcpy(message + len, data, size);
	(void) cg_redact_plan(message, len + size, query, true, out,
						  2 * size + 1024);
	if (size < 6 || memmem(data, size, "canary", 6) == NULL)
		REQUIRE(strstr(out, "canary") == NULL);
	free(out);
	free(message);
}

static void
try_lines(FuzzInput in)
{
	static const char *const lines[] = {
		"Seq Scan on t  (cost=0.00..1.10 rows=1 width=4)\n",
		"  Filter: (b = 'canary'::text)\n",
		"  Filter: ((b)::text ~~ 'it''s %canary'::text)\n",
		"  Index Cond: (id = 4711)\n",
		"  Filter: (a4711 > '-4711'::integer)\n",
		"  Output: a, \"we'ird\", ('canary'::text || b)\n",
		"->  Index Scan using i on \"T 1\"  (cost=0.15..8.17 rows=1 width=32)\n",
		"  Rows Removed by Filter: 17\n",
		"  Filter: (x = ANY ('{4711,canary}'::text[]))\n",
		"Execution Time: 0.042 ms\n"
	};
	char		message[4096] = "duration: 1 ms  plan:\nQuery Text: q\n";
	char	   *p = message + strlen(message);
	char		out[2 * sizeof(message)];

	while (in.left > 0 && p < message + sizeof(message) - 256)
		p = stpcpy(p, lines[fuzz_choice(&in, 10)]);
	(void) cg_redact_plan(message, (size_t) (p - message), "q", true, out,
						  sizeof(out));
	REQUIRE(strstr(out, "canary") == NULL && strstr(out, " 4711") == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char line[] = "duration: 1 ms  plan:\n";
	size_t		len = sizeof(line) - 1 + size;
	char	   *message = fuzz_buffer(len);

	memcpy(message, line, sizeof(line) - 1);
	if (size > 0)
		memcpy(message + sizeof(line) - 1, data, size);
	redact(message, len, "SELECT 'x', \"y\"", 2 * len + 1024);
	redact(message, len, NULL, 1 + size % 97);
	redact(message, size % len, "x", 64);
	free(message);
	try_query(data, size);
	try_lines((FuzzInput) {data, size});
	return 0;
}

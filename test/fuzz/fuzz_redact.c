/*
 * fuzz_redact.c
 *		libFuzzer target: SQL text without the values in it.
 *
 * The first byte of the input chooses the settings and the size of a buffer,
 * the rest is the text: whatever it is, the result must fit, must not change
 * when redacted again, and must hold no quote outside of a quoted name.  And
 * it is a row of choices: of the statement that they make, in which a canary
 * stands in all kinds of constants, no canary may be left.
 */
#include "fuzz.h"
#include "redact_text.h"

#define CANARY	"canary"

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

static void
try_text(const char *sql, size_t len, unsigned flags)
{
	char	   *once = fuzz_buffer(CG_REDACT_BOUND(len));
	size_t		n = redact(sql, len, flags, once, CG_REDACT_BOUND(len));
	char	   *twice = fuzz_buffer(CG_REDACT_BOUND(n));
	char	   *small = fuzz_buffer((flags >> 2) + 1);

	no_quote(once, n);
	REQUIRE(redact(once, n, flags, twice, CG_REDACT_BOUND(n)) == n);
	REQUIRE(fuzz_same(once, twice, n));
	redact(sql, len, flags, small, (flags >> 2) + 1);
	cg_redact_format(sql, small, (flags >> 2) + 1);
	free(small);
	free(twice);
	free(once);
}

/*
 * What is between the quotes of a constant: characters that mean something
 * there, doubled or escaped as they must be.
 */
static size_t
put_inside(FuzzInput *in, bool escapes, char *out)
{
	static const char *const plain[] = {
		"''", "\"", "--", "/*", "$$", ";", "\n", "?", "%", " E"
	};
	static const char *const escaped[] = {"\\'", "\\\\", "\\n", "\\"};
	char	   *p = out;
	int			i;

	for (i = 0; i < 3; i++)
	{
		size_t		k = fuzz_choice(in, escapes ? 13 : 11);

		if (k < 10)
			p = stpcpy(p, plain[k]);
		else if (escapes)
			p = stpcpy(p, escaped[k - 10]);
		else
			p = stpcpy(p, escaped[3]);
		if (i == 1)
			p = stpcpy(p, CANARY);
	}
	return (size_t) (p - out);
}

static void
require_gone(const char *sql, const char *redacted)
{
	if (strstr(redacted, CANARY) != NULL)
		fprintf(stderr, "\"%s\" became \"%s\"\n", sql, redacted);
	REQUIRE(strstr(redacted, CANARY) == NULL);
}

static void
try_statement(FuzzInput in)
{
	static const char *const words[] = {
		" ", "SELECT ", " a", ", ", "(", ")", " = ", " \"name\" ", "::text ",
		" -- " CANARY "\n", " /* " CANARY " /* */ */ ", " 12.5e3 ", " $1 ",
		"\n", " IN (", " || ", "e", "u&", "_", "1"
	};
	static const char *const opens[] = {
		" '", " E'", " U&'", " X'", " N'", " $$", " $tag$", "('"
	};

	/* Without the commas a constant could go on behind a newline. */
	static const char *const closes[] = {
		"',", "',", "',", "',", "',", "$$,", "$tag$,", "',"
	};
	char		sql[4096];
	char		out[CG_REDACT_BOUND(sizeof(sql))];
	char	   *p = sql;

	while (in.left > 0 && p - sql < (ptrdiff_t) sizeof(sql) - 64)
	{
		size_t		k = fuzz_choice(&in, 28);

		if (k < 20)
			p = stpcpy(p, words[k]);
		else
		{
			char	   *body = p = stpcpy(p, opens[k - 20]);
			char	   *end;

			p += put_inside(&in, k == 21, p);

			/* This would end the constant. */
			while (k == 25 && (end = strstr(body, "$$")) != NULL)
				memcpy(end, "  ", 2);
			p = stpcpy(p, closes[k - 20]);
		}
	}
	*p = '\0';
	redact(sql, (size_t) (p - sql), 1, out, sizeof(out));
	require_gone(sql, out);
	redact(sql, (size_t) (p - sql), 3, out, sizeof(out));
	require_gone(sql, out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};
	unsigned	flags = (unsigned) fuzz_number(&in, 1);
	char	   *sql = fuzz_buffer(in.left + 1);

	if (in.left > 0)
		memcpy(sql, in.p, in.left);
	sql[in.left] = '\0';
	try_text(sql, in.left, flags);
	free(sql);
	try_statement(in);
	return 0;
}

/*
 * tap.h
 *		The few lines a unit test needs to speak TAP (Test Anything Protocol).
 *
 * A test program calls ok() and is_bytes() as it goes and ends with
 * "return tap_done();".  It takes no arguments and runs in the top directory
 * of the source tree, so vectors are opened as "test/vectors/...".
 */
#ifndef CG_TAP_H
#define CG_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int	tap_run;
static int	tap_failed;

static inline bool
ok(bool passed, const char *fmt,...)
{
	va_list		args;

	tap_run++;
	if (!passed)
		tap_failed++;
	printf("%sok %d - ", passed ? "" : "not ", tap_run);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	return passed;
}

static inline bool
is_bytes(const void *got, size_t got_len,
		 const void *want, size_t want_len, const char *name)
{
	const unsigned char *g = got;
	bool		same = got_len == want_len && memcmp(got, want, want_len) == 0;
	size_t		i;

	if (!ok(same, "%s", name))
	{
		printf("# got  ");
		for (i = 0; i < got_len; i++)
			printf("%02x", g[i]);
		printf("\n# want ");
		for (i = 0; i < want_len; i++)
			printf("%02x", ((const unsigned char *) want)[i]);
		putchar('\n');
	}
	return same;
}

static inline int
tap_done(void)
{
	printf("1..%d\n", tap_run);
	return tap_failed != 0;
}

#endif							/* CG_TAP_H */

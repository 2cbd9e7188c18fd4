/*
 * test_selftest.c
 *		Every self-test passes, and every one can fail.
 */
#include "selftest.h"
#include "tap.h"

int
main(void)
{
	int			i;

	ok(cg_selftest_count() >= 15, "there are tests");
	for (i = 0; i < cg_selftest_count(); i++)
	{
		ok(cg_selftest_run(i, false), "%s", cg_selftest_name(i));
		ok(!cg_selftest_run(i, true), "%s, spoilt", cg_selftest_name(i));
	}
	return tap_done();
}

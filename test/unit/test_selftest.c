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
	ok(cg_selftest_passed(), "all pass: %s", cg_selftest_failure());
	for (i = 0; i < cg_selftest_count(); i++)
	{
		ok(cg_selftest_run(i, false), "%s", cg_selftest_name(i));
		ok(!cg_selftest_run(i, true), "%s, spoilt", cg_selftest_name(i));
	}
	cg_selftest_note_failure(3);
	ok(!cg_selftest_passed(), "a failure stays one");
	ok(strcmp(cg_selftest_failure(), cg_selftest_name(3)) == 0,
	   "and has a name");
	return tap_done();
}

/*
 * selftest.h
 *		Known answers: does the cryptography of this build and library compute
 *		what it should?
 */
#ifndef CG_SELFTEST_H
#define CG_SELFTEST_H

#include "status.h"

/* The number of tests, and the name of one. */
extern int	cg_selftest_count(void);
extern const char *cg_selftest_name(int test);

/*
 * Run one.  spoil flips a bit of what was computed before it is compared, so
 * that every test can be seen to fail.
 */
extern bool cg_selftest_run(int test, bool spoil);

#endif							/* CG_SELFTEST_H */

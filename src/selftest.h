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

/*
 * Verdict of this process (or of the postmaster that it was forked from) on
 * all tests, made once; and the name of the first that failed.
 */
extern bool cg_selftest_passed(void);
extern const char *cg_selftest_failure(void);

/* A later run failed: nothing is to be trusted any more. */
extern void cg_selftest_note_failure(int test);

#endif							/* CG_SELFTEST_H */

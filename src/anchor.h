/*
 * anchor.h
 *		Running the command that keeps a checkpoint elsewhere.
 */
#ifndef CG_ANCHOR_H
#define CG_ANCHOR_H

#define CG_RECEIPT_MAX		200 /* bytes of what it answers that are kept */

/*
 * Give a shell command the input and wait for it, so many seconds at the
 * most.  True if it exits with 0.
 * receipt receives the first line of what it prints, or what went wrong.
 */
extern bool cg_run_anchor(const char *command, const char *input, Size len,
						  int timeout, char receipt[CG_RECEIPT_MAX + 1]);

#endif							/* CG_ANCHOR_H */

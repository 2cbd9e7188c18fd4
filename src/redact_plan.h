/*
 * redact_plan.h
 *		Plans, as EXPLAIN prints them, without the values in them.
 *
 * Pure: no server, no globals.
 */
#ifndef CG_REDACT_PLAN_H
#define CG_REDACT_PLAN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes what auto_explain logs, in any of its formats, with the text of the
 * query and every constant redacted; returns its length, not counting the zero
 * byte that follows.  cap must not be zero.
 *
 * query is the text of the query if it is known, or NULL.  If its end cannot
 * be found in the message, that ends there.
 */
extern size_t cg_redact_plan(const char *message, size_t len,
							 const char *query, bool standard_strings,
							 char *out, size_t cap);

#endif							/* CG_REDACT_PLAN_H */

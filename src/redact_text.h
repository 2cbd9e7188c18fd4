/*
 * redact_text.h
 *		SQL text without the values in it.
 *
 * Pure: no server, no globals.
 */
#ifndef CG_REDACT_TEXT_H
#define CG_REDACT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* A buffer that is large enough for any text of that length. */
#define CG_REDACT_BOUND(len)	(2 * (size_t) (len) + 8)

/* More than this of a statement is not worth logging. */
#define CG_REDACT_MAX		((size_t) 65536)

/*
 * Writes SQL text with every constant replaced by `?` and returns its length;
 * a zero byte follows that does not count.  cap must not be zero.
 *
 * Constants are strings of all kinds, numbers, true and false; lists of them
 * and of rows of them become `?, ...`.  Comments are dropped, white space is
 * one space.  Names, parameters ($1), operators and NULL stay, but quoted names
 * that begin with a digit or '+', or hold '@', are replaced.  Where the
 * text ends within a token, or cannot be understood, the rest is one `?`.  If
 * cap is less than CG_REDACT_BOUND(len) the result may end after any token.
 * Doing it again changes nothing.
 *
 * standard_strings is standard_conforming_strings when the text was parsed.
 */
extern size_t cg_redact_sql(const char *sql, size_t len,
							bool standard_strings, char *out, size_t cap);

/*
 * The same, but quoted identifiers are replaced, too: for text that the server
 * did not understand, where they may be strings in the wrong quotes.
 */
extern size_t cg_redact_sql_strictly(const char *sql, size_t len,
									 bool standard_strings, char *out,
									 size_t cap);

/*
 * Writes the format of a message, as in printf, with `?` for every directive
 * and for the quotes around it: the message without what was put into it.
 * Never longer than the format; same conventions.
 */
extern size_t cg_redact_format(const char *format, char *out, size_t cap);

#endif							/* CG_REDACT_TEXT_H */

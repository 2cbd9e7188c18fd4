/*
 * ngram.h
 *		Pieces of text by which an index finds what a pattern matches.
 *
 * The text is read as code points, ASCII letters in lower case, between a
 * mark for its start and one for its end.  A piece is three of those next to
 * each other; of Han, kana and hangul, which words need fewer of, two.  A mark
 * beside such a character counts as one.
 *
 * Input is UTF-8; an invalid byte is in no piece of a pattern.
 */
#ifndef CG_NGRAM_H
#define CG_NGRAM_H

#include "status.h"

/* Three symbols of 21 bits. */
typedef uint64_t CgGram;

/*
 * Of no piece: the text has a letter whose lower case is ASCII, or more than
 * one character, in some language.  ILIKE must look at every such text.
 */
#define CG_GRAM_ODD			((CgGram) 1 << 63)

/* More of a pattern add nothing. */
#define CG_MAX_PATTERN_GRAMS	32

/* How many pieces a text of len bytes can have. */
#define CG_GRAM_BOUND(len)	(2 * (size_t) (len) + 4)

/*
 * The pieces of a text, sorted, each once.  out must hold CG_GRAM_BOUND(len);
 * returns their number.
 */
extern size_t cg_text_grams(const char *text, size_t len, CgGram *out);

/*
 * Pieces of all texts that match a LIKE pattern (escape character backslash),
 * or with fold an ILIKE pattern unless they have CG_GRAM_ODD: sorted, each
 * once, at most CG_MAX_PATTERN_GRAMS.  0: the pattern tells none.
 */
extern size_t cg_pattern_grams(const char *pattern, size_t len, bool fold,
							   CgGram out[CG_MAX_PATTERN_GRAMS]);

#endif							/* CG_NGRAM_H */

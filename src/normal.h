/*
 * normal.h
 *		Code points and normal forms of entered text.
 *
 * A normal form serves equality: two spellings of one identifier have one
 * token.  The value itself is stored as entered.  Input is UTF-8; text that is
 * not is its own normal form, and nothing is ever read past the end.  Every
 * form is idempotent.  Case is that of ASCII.
 */
#ifndef CG_NORMAL_H
#define CG_NORMAL_H

#include "status.h"

typedef enum CgNormalizer
{
	CG_NORM_NONE,				/* bytes as entered */
	CG_NORM_NAME,				/* blanks removed between Han characters, runs
								 * of blanks elsewhere made one, trimmed,
								 * middle-dot variants made U+00B7 */
	CG_NORM_PHONE,				/* full-width folded, digits only; +86, 0086
								 * or 86 before a Chinese mobile removed, +86
								 * or 0086 before a landline made 0; any other
								 * international number begins "+", written
								 * "+" or "00".  Text without a digit takes
								 * the form of CODE. */
	CG_NORM_CODE,				/* full-width folded, blanks and hyphens
								 * removed, ASCII upper case */
	CG_NORM_EMAIL				/* full-width folded, trimmed, ASCII lower,
								 * the local part too */
} CgNormalizer;

/* What cg_utf8_next() gives for a byte that is no UTF-8. */
#define CG_UTF8_INVALID	0xFFFD

/* How cg_collect() reads text; all forms fold the width. */
typedef enum CgForm
{
	CG_FORM_CODE,				/* no blanks, no hyphens, ASCII upper case */
	CG_FORM_WORD,				/* no blanks */
	CG_FORM_LINE				/* trimmed, inner blanks made spaces */
} CgForm;

/* false if the name is unknown; names: none name phone code email */
extern bool cg_normalizer_by_name(const char *name, CgNormalizer *n);

/*
 * Write the normal form to out, which must hold len bytes (no form is longer
 * than its input) and may not overlap text; returns its length.
 */
extern size_t cg_normalize(CgNormalizer n, const char *text, size_t len,
						   char *out);

/* Is this a mobile number of the mainland, as 11 ASCII digits? */
extern bool cg_is_bare_mobile(const char *text, size_t len);

/*
 * Decode the code point at *p, advance *p past it, never beyond end.  An
 * invalid byte gives 0xFFFD and advances by one.
 */
extern uint32_t cg_utf8_next(const char **p, const char *end);

/* Encode; returns 1 to 4 bytes written. */
extern size_t cg_utf8_put(uint32_t c, char *out);

/* Is all of the text well-formed UTF-8? */
extern bool cg_utf8_valid(const char *text, size_t len);

/*
 * Read text as code points in the given form; returns how many there are.  Of
 * more than max the first max are in out, and the result is max + 1.  Invalid
 * bytes come as CG_UTF8_INVALID.
 */
extern size_t cg_collect(CgForm form, const char *text, size_t len,
						 uint32_t *out, size_t max);

/* Fold a full-width form (U+FF01-FF5E) or ideographic space to ASCII. */
extern uint32_t cg_fold_width(uint32_t c);

/* Blank: ASCII space and controls, U+00A0, U+2000-200B, U+3000, U+FEFF,
 * and the other format characters that have no width. */
extern bool cg_is_blank(uint32_t c);

/* Hyphen of the family U+002D, U+2010-2015, U+2212. */
extern bool cg_is_hyphen(uint32_t c);

/* Dot between the parts of a name: U+00B7 and its look-alikes. */
extern bool cg_is_middle_dot(uint32_t c);

/*
 * Is the character a Chinese one, or written like one (iteration mark, zero)?
 */
extern bool cg_is_han(uint32_t c);

#endif							/* CG_NORMAL_H */

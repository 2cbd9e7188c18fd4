/*
 * value.h
 *		The rules by which values enter a category, change it, and are shown.
 */
#ifndef CG_VALUE_H
#define CG_VALUE_H

#include "crypt.h"

/*
 * Validate and encrypt a plain datum under the category that typmod names; -1
 * means unclassified.  Validators judge the text that cg_plain_iso() gives.
 * Text that is armor, and bytes that are a value (cg_is_datum()), are kept as
 * they are: ciphertext that lost its way is not encrypted once more.  Returns
 * NULL after a soft error.  Errors: CG_ERRCODE_INVALID_VALUE, and what
 * cg_encrypt() and cg_take_datum() raise.
 */
extern struct varlena *cg_take_value(uint8 type, Datum plain, int32 typmod,
									 Node *escontext);

/* The same of what the input function of the plain type takes, or of armor. */
extern struct varlena *cg_take_text(uint8 type, const char *text, Size len,
									int32 typmod, Node *escontext);

/*
 * Do the bytes that a client sent look like those of an encrypted value?  No
 * plain form of a type but bytea does.  Bytes that do are never encrypted
 * once more: they are a value, or refused.
 */
extern bool cg_is_datum(const uint8 *data, Size len);

/*
 * Accept ciphertext as it is: structure, type, category and authenticity are
 * checked, the bytes kept.  Returns NULL after a soft error.
 */
extern struct varlena *cg_take_datum(uint8 type, const uint8 *data, Size len,
									 int32 typmod, Node *escontext);

/* Armor of the audit log, for a door that charges and records by itself. */
extern struct varlena *cg_take_armor(uint8 type, const char *armor, Size len);

/*
 * Bring a value under the category of a column.  A value that was just typed
 * in (unclassified) may go anywhere; one that belongs to another category
 * only for whoever may read it, or else plaintext could be moved to where
 * one may read.
 */
extern struct varlena *cg_recode(struct varlena *datum, int32 typmod);

/*
 * A value made comparable with a column of that category: what a query
 * compares with.  Raises 42501 without the right to search.
 */
extern struct varlena *cg_search_key(struct varlena *datum, int32 typmod);

/* The same of a plain datum; text may be armor. */
extern struct varlena *cg_search_value(uint8 type, Datum plain, int32 typmod);

/* May the current user see plaintext of the category here and now? */
extern bool cg_shows_plain(int32 category);

/* The same of a value, which nobody may if the key it is under is destroyed. */
extern bool cg_shows_value(const CgEnvelope *env);

/* Verdict of a category's validator on text in the server's encoding. */
extern CgVerdict cg_judge_text(const CgCategory *category, const char *plain,
							   Size len);

#endif							/* CG_VALUE_H */

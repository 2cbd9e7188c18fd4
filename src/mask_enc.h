/*
 * mask_enc.h
 *		Masks of encrypted values, as values of the plain type.
 */
#ifndef CG_MASK_ENC_H
#define CG_MASK_ENC_H

#include "envelope.h"

typedef struct CgEncMask CgEncMask;

/* What it takes to mask values of an encrypted type; lives in context. */
extern CgEncMask *cg_enc_mask_prepare(uint8 tag, MemoryContext context);

/*
 * The mask of an encrypted value, of the plain type, in the current memory
 * context.  *isnull: there is none.  Raises CG_ERRCODE_NOT_AUTHENTIC if the
 * value is of another type.
 */
extern Datum cg_enc_mask(CgEncMask *m, const CgEnvelope *env, bool *isnull);

/* The same of a plain value and a category. */
extern Datum cg_enc_mask_plain(CgEncMask *m, int32 category, Datum plain,
							   bool *isnull);

/*
 * The same of a detoasted datum, which may be a display datum: of one that
 * shows plaintext, the mask of that.
 */
extern Datum cg_enc_mask_datum(CgEncMask *m, struct varlena *datum,
							   bool *isnull);

/* What a display datum shows, as a value of the plain type. */
extern Datum cg_displayed(uint8 tag, struct varlena *datum);

/* A display datum that shows a value of the plain type. */
extern struct varlena *cg_enc_display(uint8 tag, int32 category,
									  Datum plain);

/*
 * Canonical form of a value, palloc'd or part of it; of text, which has one
 * only under a category, the stored form.
 */
extern const char *cg_plain_canon(uint8 tag, Datum plain, Size *len);

/* Do two values have the same canonical form? */
extern bool cg_same_plain(uint8 tag, Datum a, Datum b);

/* Overwrite a value of a plain type that is not needed any more. */
extern void cg_wipe_plain(uint8 tag, Datum plain);

#endif							/* CG_MASK_ENC_H */

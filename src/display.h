/*
 * display.h
 *		Display datums: what is shown in place of an encrypted value, as a value
 *		of its type.
 *
 * A display datum has the header of an encrypted value with CG_FLAG_DISPLAY
 * and no key versions; the byte of the suite is its kind:
 *
 *	0	a mask follows: for text in the encoding of the server, for any other
 *		type the stored form (enc_stored.h) of a value of it
 *	1	eight bytes of transaction start, four of process, and the encrypted
 *		value follow; it prints as plaintext, in that transaction only
 *	2	a mask, as 0, that a reader sees instead of the value of a person who
 *		is withheld from him; it stands beside values, equal to none of them
 *		and after all
 *
 * It is made while a query runs and must not be stored: whatever parses
 * encrypted values refuses it, and cg_refuse_display() stands before
 * assignments to encrypted columns.  If one gets there all the same (by a
 * default or a trigger), it stays what it is: a mask, or ciphertext.
 */
#ifndef CG_DISPLAY_H
#define CG_DISPLAY_H

#include "fmgr.h"

#include "envelope.h"
#include "reason.h"

#define CG_DISPLAY_PLAIN	1
#define CG_DISPLAY_WITHHELD	2	/* and the reason, if that is told */

/* Is this detoasted datum one? */
static inline bool
cg_is_display(const struct varlena *datum)
{
	const uint8 *p = (const uint8 *) VARDATA_ANY(datum);

	return VARSIZE_ANY_EXHDR(datum) >= CG_HEADER_LEN &&
		p[0] == CG_MAGIC && (p[2] & CG_FLAG_DISPLAY) != 0;
}

/* body is text in the encoding of the server, or a stored form: see above. */
extern struct varlena *cg_display_make(uint8 type, int32 category,
									   const char *body, Size len);

/* Is a display datum the mask of a person who is withheld from a reader? */
static inline bool
cg_is_withheld(const struct varlena *datum)
{
	return ((const uint8 *) VARDATA_ANY(datum))[1] >= CG_DISPLAY_WITHHELD;
}

/* Why?  CG_GRANTED: that is not told. */
static inline CgReason
cg_withheld_reason(const struct varlena *datum)
{
	return (CgReason) (((const uint8 *) VARDATA_ANY(datum))[1] -
					   CG_DISPLAY_WITHHELD);
}

/* Make it one. */
static inline void
cg_withhold(struct varlena *datum, CgReason reason)
{
	((uint8 *) VARDATA_ANY(datum))[1] = CG_DISPLAY_WITHHELD + reason;
}

/* One that prints as the plaintext of an encrypted value. */
extern struct varlena *cg_display_plain(const struct varlena *datum);

/* The text that a display datum prints as, *len bytes. */
extern const char *cg_display_text(const struct varlena *datum, Size *len);

/*
 * What it shows as a datum of the plain type; false if it shows ciphertext,
 * because its transaction is over.
 */
extern bool cg_display_datum(const struct varlena *datum, uint8 type,
							 Datum *plain);

/* The encrypted value in one that prints as plaintext, or NULL. */
extern struct varlena *cg_display_value(const struct varlena *datum);

/* Raise CG_ERRCODE_MASK_STORED if it is a display datum. */
extern void cg_refuse_mask(const struct varlena *datum);

/*
 * The same if the value of an encrypted type, or of an array or composite
 * of such, is or holds one.
 */
extern void cg_refuse_display(Oid type, Datum value);

#endif							/* CG_DISPLAY_H */

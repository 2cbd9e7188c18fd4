/*
 * display.h
 *		Display datums: what somebody who may not read sees of an encrypted
 *		column, as a value of the column's type.
 *
 * A display datum has the header of an encrypted value with CG_FLAG_DISPLAY
 * and no key versions; text to be shown follows in clear, in the encoding of
 * the server.  It prints as that text.  It is made while a query runs and
 * must never be stored: whatever parses encrypted values refuses it, and
 * cg_refuse_display() stands before every assignment to an encrypted column.
 */
#ifndef CG_DISPLAY_H
#define CG_DISPLAY_H

#include "fmgr.h"

#include "envelope.h"

/* Is this detoasted datum one? */
static inline bool
cg_is_display(const struct varlena *datum)
{
	const uint8 *p = (const uint8 *) VARDATA_ANY(datum);

	return VARSIZE_ANY_EXHDR(datum) >= CG_HEADER_LEN &&
		p[0] == CG_MAGIC && (p[2] & CG_FLAG_DISPLAY) != 0;
}

extern struct varlena *cg_display_make(uint8 type, int32 category,
									   const char *text, Size len);

/* The text of a display datum, *len bytes inside it. */
extern const char *cg_display_text(const struct varlena *datum, Size *len);

/* Raise CG_ERRCODE_MASK_STORED if it is a display datum. */
extern void cg_refuse_mask(const struct varlena *datum);

/*
 * The same if the value of an encrypted type, or of an array or composite
 * of such, is or holds one.
 */
extern void cg_refuse_display(Oid type, Datum value);

#endif							/* CG_DISPLAY_H */

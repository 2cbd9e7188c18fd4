/*
 * image_entry.h
 *		Entries of row images: the bytes of one column; see audit_image.h.
 */
#ifndef CG_IMAGE_ENTRY_H
#define CG_IMAGE_ENTRY_H

#include "status.h"

typedef enum CgImageMode
{
	CG_MODE_SEND,				/* bytes of the type's send function */
	CG_MODE_TEXT,				/* text, in the encoding of the database */
	CG_MODE_DATUM,				/* value of an encrypted type, as stored */
	CG_MODE_SEALED				/* text of a labelled column, encrypted */
} CgImageMode;

/* One entry of an image that is being read. */
typedef struct CgImageEntry
{
	int16_t		attnum;
	CgImageMode mode;
	bool		isnull;
	const char *data;			/* in the image */
	size_t		len;
} CgImageEntry;

#define CG_ENTRY_HEAD_MAX	7	/* bytes before the data */

/* Write what stands before the data; returns its length. */
extern size_t cg_entry_head(CgImageMode mode, int16_t attnum, bool isnull,
							size_t len, uint8_t *out);

/*
 * Read the entry at *cursor, and go behind it.  False at the end, and then
 * *status tells whether the bytes were sound.
 */
extern bool cg_entry_next(const char **cursor, const char *end,
						  CgImageEntry *entry, CgStatus *status);

#endif							/* CG_IMAGE_ENTRY_H */

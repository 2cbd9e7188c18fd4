/*
 * audit_image.h
 *		Row images of the audit log: how a row becomes bytes.
 *
 *	offset	bytes	field
 *	0		1		format: 1 row image; 2 note: text that says what happened,
 *					a null byte and text with details
 *	1		8		schema id (cipguard.audit_schema.id)
 *	9		..		entries, in order of attribute number:
 *					u16 mode << 12 | attribute number
 *					u8 length, or 0xFE and u32 length, or 0xFF for NULL
 *					bytes
 *
 * Integers are big-endian.
 */
#ifndef CG_AUDIT_IMAGE_H
#define CG_AUDIT_IMAGE_H

#include "access/attnum.h"
#include "fmgr.h"
#include "lib/stringinfo.h"

#include "image_entry.h"

#define CG_IMAGE_ROW	1
#define CG_IMAGE_NOTE	2
#define CG_IMAGE_HEADER_LEN	9

/* Largest sum of the images of one event; a row of the log must hold them. */
#define CG_IMAGE_MAX	((Size) 1000 * 1024 * 1024)

/* How to write one column. */
typedef struct CgImageColumn
{
	AttrNumber	attnum;
	CgImageMode mode;
	Oid			type;			/* domains replaced by their base type */
	int16		typlen;
	bool		typbyval;
	bool		verbatim;		/* varlena whose send function copies it */
	bool		key;			/* identifies the row */
	bool		delicate;		/* the output depends on settings */
	int32		category;		/* CG_MODE_SEALED: encrypt under this */
	FmgrInfo	convert;		/* send or output function */
} CgImageColumn;

/*
 * Choose mode and functions for a column whose type and category are known.
 * Memory of the functions is kept in context.
 */
extern void cg_image_describe(CgImageColumn *column, Oid type,
							  const int32 *category, MemoryContext context);

/* May the receive function of this type be run on bytes of the log? */
extern bool cg_image_receivable(Oid type);

extern void cg_image_begin(StringInfo buf, int64 schema_id);
extern void cg_image_add(StringInfo buf, const CgImageColumn *column,
						 Datum value, bool isnull);

/* The image in the buffer, whose memory it takes over. */
extern bytea *cg_image_finish(StringInfo buf);

/*
 * An image that says something instead of a row.  In the current memory
 * context.
 */
extern bytea *cg_image_note(const char *what, const char *detail);

/* The schema id of a row image; false if it is a note or no image at all. */
extern bool cg_image_open(const bytea *image, int64 *schema_id,
						  const char **cursor);

/* Next entry; false at the end.  Raises if the bytes are malformed. */
extern bool cg_image_next(const bytea *image, const char **cursor,
						  CgImageEntry *entry);

/*
 * Settings under which values are turned into bytes, so that the log does not
 * depend on the session: nothing but the encoding when output is false.
 */
typedef struct CgImageSettings
{
	int			encoding;
	int			date_style;
	int			interval_style;
	int			float_digits;
	int			bytea_style;
	bool		output;
} CgImageSettings;

extern bool cg_image_foreign_encoding(void);

/*
 * Set the client encoding to the database's, and with output also what texts
 * of values depend on; and set them back, which an error does not.
 */
extern void cg_image_settings_push(CgImageSettings *saved, bool output);
extern void cg_image_settings_pop(const CgImageSettings *saved);

#endif							/* CG_AUDIT_IMAGE_H */

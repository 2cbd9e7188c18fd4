/*
 * image_entry.c
 *		Entries of row images: the bytes of one column.
 *
 * Images are read from a table, and whoever can write its files can make them
 * hold anything; so nothing of an entry is believed.
 */
#include "bytes.h"
#include "image_entry.h"

#define LONG_LENGTH		0xFE
#define NULL_LENGTH		0xFF
#define MODE_SHIFT		12
#define ATTNUM_MASK		0x0FFF

size_t
cg_entry_head(CgImageMode mode, int16_t attnum, bool isnull, size_t len,
			  uint8_t *out)
{
	cg_put_u16(out, (uint16_t) ((unsigned) mode << MODE_SHIFT |
								(unsigned) attnum));
	if (!isnull && len >= LONG_LENGTH)
	{
		out[2] = LONG_LENGTH;
		cg_put_u32(out + 3, (uint32_t) len);
		return CG_ENTRY_HEAD_MAX;
	}
	out[2] = isnull ? NULL_LENGTH : (uint8_t) len;
	return 3;
}

bool
cg_entry_next(const char **cursor, const char *end, CgImageEntry *entry,
			  CgStatus *status)
{
	const uint8_t *p = (const uint8_t *) *cursor;
	size_t		left = (size_t) (end - *cursor);
	size_t		head = 3;
	unsigned	word;
	size_t		len;

	*status = left == 0 ? CG_OK : CG_E_FORMAT;
	if (left < head)
		return false;
	word = cg_get_u16(p);
	len = p[2];
	entry->attnum = (int16_t) (word & ATTNUM_MASK);
	entry->mode = (CgImageMode) (word >> MODE_SHIFT);
	entry->isnull = len == NULL_LENGTH;
	if (word >> MODE_SHIFT > CG_MODE_SEALED || entry->attnum == 0)
		return false;
	if (len == LONG_LENGTH)
	{
		head = CG_ENTRY_HEAD_MAX;
		if (left < head)
			return false;
		len = cg_get_u32(p + 3);
	}
	entry->len = entry->isnull ? 0 : len;
	if (entry->len > left - head)
		return false;
	entry->data = *cursor + head;
	*cursor = entry->data + entry->len;
	return true;
}

/*
 * test_image_entry.c
 *		Entries of row images: as they are written, and what is no entry.
 */
#include "image_entry.h"
#include "tap.h"

static void
is_entry(const char *bytes, size_t len, int attnum, CgImageMode mode,
		 bool isnull, const char *data, const char *name)
{
	const char *cursor = bytes;
	CgImageEntry entry;
	CgStatus	status;
	uint8_t		head[CG_ENTRY_HEAD_MAX];

	ok(cg_entry_next(&cursor, bytes + len, &entry, &status), "%s", name);
	ok(entry.attnum == attnum && entry.mode == mode &&
	   entry.isnull == isnull && entry.len == strlen(data) &&
	   memcmp(entry.data, data, entry.len) == 0, "%s: fields", name);
	ok(!cg_entry_next(&cursor, bytes + len, &entry, &status) &&
	   status == CG_OK, "%s: and that is all", name);
	is_bytes(head, cg_entry_head(mode, (int16_t) attnum, isnull,
								 strlen(data), head),
			 bytes, len - strlen(data), name);
}

static void
is_none(const char *bytes, size_t len, const char *name)
{
	const char *cursor = bytes;
	CgImageEntry entry;
	CgStatus	status;

	ok(!cg_entry_next(&cursor, bytes + len, &entry, &status) &&
	   status == CG_E_FORMAT, "%s", name);
}

int
main(void)
{
	char		large[7 + 300] = "\x20\x01\xFE\x00\x00\x01\x2C";
	char		data[301] = {0};

	is_entry("\x00\x05\x03" "abc", 6, 5, CG_MODE_SEND, false, "abc", "short");
	is_entry("\x1F\xFF\xFF", 3, 0xFFF, CG_MODE_TEXT, true, "", "null");
	is_entry("\x30\x02\x00", 3, 2, CG_MODE_SEALED, false, "", "empty");
	memset(large + 7, 'x', 300);
	memset(data, 'x', 300);
	is_entry(large, sizeof(large), 1, CG_MODE_DATUM, false, data, "long");
	is_none("\x00\x05", 2, "cut in its head");
	is_none("\x00\x05\x03" "ab", 5, "cut in its data");
	is_none("\x00\x05\xFE\x00\x00\x01", 6, "cut in its length");
	is_none("\x00\x00\x00", 3, "no column");
	is_none("\x40\x05\x00", 3, "an unknown mode");
	is_none("\x00\x05\xFE\xFF\xFF\xFF\xFF", 7, "longer than anything");
	return tap_done();
}

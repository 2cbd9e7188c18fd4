/*
 * fuzz_image.c
 *		libFuzzer target: entries of row images.
 *
 * The input is taken for a row of entries: each lies in it, and written again
 * is what it was, unless its length had more bytes than it takes.  And it is
 * the entries that are written: they must be read as they were.
 */
#include "fuzz.h"
#include "image_entry.h"

static void
try_entries(const char *image, size_t size)
{
	const char *end = image + size;
	const char *cursor = image;
	const char *start = image;
	CgImageEntry entry;
	CgStatus	status;

	for (; cg_entry_next(&cursor, end, &entry, &status); start = cursor)
	{
		uint8_t		head[CG_ENTRY_HEAD_MAX];
		size_t		len = cg_entry_head(entry.mode, entry.attnum,
										entry.isnull, entry.len, head);

		REQUIRE(entry.mode <= CG_MODE_SEALED && entry.attnum > 0);
		REQUIRE(!entry.isnull || entry.len == 0);
		REQUIRE(entry.data > start && entry.data + entry.len == cursor &&
				cursor <= end);
		if (start + len == entry.data)
			REQUIRE(memcmp(head, start, len) == 0);
		else
			REQUIRE(start + CG_ENTRY_HEAD_MAX == entry.data);
	}
	REQUIRE(status == CG_OK ? cursor == end :
			status == CG_E_FORMAT && cursor < end);
	REQUIRE(cursor == start);
}

static void
try_made(FuzzInput in)
{
	CgImageMode mode = (CgImageMode) fuzz_choice(&in, CG_MODE_SEALED + 1);
	int16_t		attnum = (int16_t) (1 + fuzz_choice(&in, 1600));
	bool		isnull = fuzz_choice(&in, 8) == 0;
	size_t		len = isnull ? 0 : fuzz_choice(&in, 600);
	uint8_t		head[CG_ENTRY_HEAD_MAX];
	size_t		head_len = cg_entry_head(mode, attnum, isnull, len, head);
	char	   *image = fuzz_buffer(head_len + len);
	const char *cursor = image;
	CgImageEntry entry;
	CgStatus	status;

	memcpy(image, head, head_len);
	memset(image + head_len, 'x', len);
	REQUIRE(cg_entry_next(&cursor, image + head_len + len, &entry, &status));
	REQUIRE(entry.mode == mode && entry.attnum == attnum &&
			entry.isnull == isnull && entry.len == len &&
			entry.data == image + head_len);
	REQUIRE(cursor == image + head_len + len);
	REQUIRE(!cg_entry_next(&cursor, cursor, &entry, &status) &&
			status == CG_OK);
	cursor = image;
	REQUIRE(!cg_entry_next(&cursor, image + head_len + len - 1, &entry,
						   &status) && status == CG_E_FORMAT);
	free(image);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *image = fuzz_copy(data, size);

	try_entries(image, size);
	free(image);
	try_made((FuzzInput) {data, size});
	return 0;
}

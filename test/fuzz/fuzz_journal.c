/*
 * fuzz_journal.c
 *		libFuzzer target: frames and lists of subjects of the journal.
 *
 * The input is taken for a frame, a list, and a sealed one.  Every byte that the results
 * point to must be readable, and lie in the input; and what was read from a
 * frame, written again, must give the same bytes (but for CRC and MAC).
 *
 * Build with: clang -fsanitize=fuzzer,address,undefined
 */
#include <stdlib.h>
#include <string.h>

#include "journal_frame.h"
#include "journal_stream.h"

#define REQUIRE(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sink;

static void
touch(const void *p, size_t len)
{
	const unsigned char *byte = p;
	size_t		i;

	for (i = 0; i < len; i++)
		sink += byte[i];
}

static void try_again(const CgFrame *frame, const uint8_t *data, size_t size);

static void
try_frame(const uint8_t *data, size_t size)
{
	CgFrame		frame;
	CgFrameText name;
	size_t		cursor = 0;
	int16_t		number;
	int			i;

	if (size >= CG_FRAME_CRC_START)
		REQUIRE(cg_frame_length(data) <= CG_FRAME_MAX);
	if (cg_frame_decode(data, size, &frame) != CG_OK)
		return;
	for (i = 0; i < CG_FRAME_TEXTS; i++)
		touch(frame.text[i].s, frame.text[i].len);
	while (cg_frame_column(&frame, &cursor, &number, &name))
		touch(name.s, name.len);
	REQUIRE(cursor <= frame.column_len);
	touch(frame.sealed, frame.sealed_len);
	touch(frame.node, CG_FRAME_NODE_LEN);
	touch(frame.previous, CG_SHA256_LEN);
	touch(frame.mac, CG_SHA256_LEN);
	try_again(&frame, data, size);
}

/* Only the magic, the length and the CRC are not in what decoding gives. */
static void
try_again(const CgFrame *frame, const uint8_t *data, size_t size)
{
	uint8_t    *out = malloc(size);
	size_t		begun;

	REQUIRE(out != NULL);
	begun = cg_frame_begin(frame, frame->sealed_len, out, size);
	REQUIRE(begun == size - CG_SHA256_LEN - frame->sealed_len);
	memcpy(out + begun, frame->sealed, frame->sealed_len);
	REQUIRE(cg_frame_end(out, begun, frame->sealed_len) == size);
	REQUIRE(memcmp(out + CG_FRAME_CRC_START, data + CG_FRAME_CRC_START,
				   size - CG_FRAME_CRC_START - CG_SHA256_LEN) == 0);
	free(out);
}

static void
try_list(const uint8_t *data, size_t size)
{
	CgSubjects	list;
	CgListedSubject subject;
	CgStatus	status;

	cg_subjects_begin(&list, data, size);
	while (cg_subjects_next(&list, &subject, &status))
		if (subject.text !=NULL)
			touch(subject.text, subject.len);
	REQUIRE(status == CG_OK || status == CG_E_FORMAT);
}

/* A sealed list: whatever comes out of it is no longer than it. */
static void
try_sealed(const uint8_t *data, size_t size)
{
	static const uint8_t key[CG_STREAM_KEY];
	static CgStream *stream = NULL;
	uint8_t    *out = malloc(size);
	size_t		len = 0;

	if (stream == NULL)
		stream = cg_stream_new(key);
	REQUIRE(stream != NULL && (out != NULL || size == 0));
	if (cg_stream_open(stream, data, size, out, &len) == CG_OK)
	{
		REQUIRE(len <= size);
		touch(out, len);
	}
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t    *copy = malloc(size);

	if (size > 0)
	{
		REQUIRE(copy != NULL);
		memcpy(copy, data, size);
	}
	try_frame(copy, size);
	try_list(copy, size);
	try_sealed(copy, size);
	free(copy);
	return 0;
}

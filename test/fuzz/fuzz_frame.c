/*
 * fuzz_frame.c
 *		libFuzzer target: frames of the journal.
 *
 * The input is taken for a frame: what the result points to lies in the input,
 * and written again gives the same bytes, but for CRC and MAC.  And it is the
 * fields of one that is written: it must have them when it is read, and
 * another MAC with any bit changed that is not of the CRC.
 */
#include "bytes.h"
#include "fuzz.h"
#include "journal_frame.h"

static void
require_inside(const void *p, size_t len, const uint8_t *data, size_t size)
{
	const uint8_t *from = p;

	REQUIRE(from >= data && from <= data + size &&
			len <= (size_t) (data + size - from));
}

static void
try_again(const CgFrame *frame, const uint8_t *data, size_t size)
{
	uint8_t    *out = fuzz_buffer(size);
	size_t		begun;

	REQUIRE(cg_frame_begin(frame, frame->sealed_len, out, size -
						   CG_SHA256_LEN - frame->sealed_len - 1) == 0);
	begun = cg_frame_begin(frame, frame->sealed_len, out, size);
	REQUIRE(begun == size - CG_SHA256_LEN - frame->sealed_len);
	memcpy(out + begun, frame->sealed, frame->sealed_len);
	REQUIRE(cg_frame_end(out, begun, frame->sealed_len) == size);
	REQUIRE(memcmp(out + CG_FRAME_CRC_START, data + CG_FRAME_CRC_START,
				   size - CG_FRAME_CRC_START - CG_SHA256_LEN) == 0);
	if (size <= CG_FRAME_MAX)
		REQUIRE(cg_frame_length(out) == size);
	free(out);
}

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
		require_inside(frame.text[i].s, frame.text[i].len, data, size);
	while (cg_frame_column(&frame, &cursor, &number, &name))
		require_inside(name.s, name.len, frame.column_bytes,
					   frame.column_len);
	REQUIRE(cursor <= frame.column_len);
	require_inside(frame.sealed, frame.sealed_len, data, size);
	require_inside(frame.node, CG_FRAME_NODE_LEN, data, size);
	require_inside(frame.previous, CG_SHA256_LEN, data, size);
	require_inside(frame.mac, CG_SHA256_LEN, data, size);
	REQUIRE(frame.mac == data + size - CG_SHA256_LEN);
	try_again(&frame, data, size);
}

static CgFrameText
text_of(FuzzInput *in)
{
	CgFrameText text;
	size_t		len;

	text.s = (const char *) fuzz_bytes(in, fuzz_choice(in, 40), &len);
	text.len = (uint16_t) len;
	return text;
}

static void
require_same_text(CgFrameText a, CgFrameText b)
{
	REQUIRE(a.len == b.len && fuzz_same(a.s, b.s, a.len));
}

static void
require_same(const CgFrame *a, const CgFrame *b)
{
	int			i;

	REQUIRE(a->ts == b->ts && a->database == b->database &&
			a->session == b->session && a->pid == b->pid &&
			a->writer == b->writer && a->started == b->started &&
			a->number == b->number && a->statement == b->statement &&
			a->query == b->query && a->user == b->user &&
			a->login == b->login && a->relation == b->relation &&
			a->flags == b->flags && a->key_version == b->key_version &&
			a->values == b->values && a->columns == b->columns);
	REQUIRE(memcmp(a->node, b->node, CG_FRAME_NODE_LEN) == 0 &&
			memcmp(a->previous, b->previous, CG_SHA256_LEN) == 0);
	for (i = 0; i < CG_FRAME_TEXTS; i++)
		require_same_text(a->text[i], b->text[i]);
	REQUIRE(a->column_len == b->column_len &&
			fuzz_same(a->column_bytes, b->column_bytes, a->column_len));
}

static void
try_mac(uint8_t *data, size_t len, size_t bit)
{
	static const uint8_t key[32] = {9};
	static CgHmac *hmac = NULL;
	uint8_t		mac[CG_SHA256_LEN];
	uint8_t		other[CG_SHA256_LEN];

	if (hmac == NULL)
		hmac = cg_hmac_new(key, sizeof(key));
	REQUIRE(cg_frame_mac(hmac, data, len, mac) == CG_OK);
	bit %= (len - CG_SHA256_LEN) * 8;
	fuzz_flip(data, bit);
	REQUIRE(cg_frame_mac(hmac, data, len, other) == CG_OK);
	REQUIRE((memcmp(mac, other, sizeof(mac)) == 0) ==
			(bit / 8 >= 8 && bit / 8 < CG_FRAME_CRC_START));
}

static void
try_made(FuzzInput in)
{
	CgFrame		frame = {0};
	CgFrame		read;
	CgFrameText name[3];
	uint8_t		node[CG_FRAME_NODE_LEN];
	uint8_t		previous[CG_SHA256_LEN];
	uint8_t		columns[3 * (CG_FRAME_COLUMN_MAX + 40)];
	const uint8_t *sealed;
	size_t		sealed_len;
	uint8_t    *out;
	size_t		cap;
	size_t		begun;
	size_t		len;
	size_t		bit = fuzz_number(&in, 2);
	size_t		cursor = 0;
	int16_t		number;
	int			i;

	for (i = 0; i < 3; i++)
	{
		name[i] = text_of(&in);
		frame.column_len += cg_frame_put_column(columns + frame.column_len,
												(int16_t) -i, name[i].s,
												name[i].len);
	}
	for (i = 0; i < CG_FRAME_TEXTS; i++)
		frame.text[i] = text_of(&in);
	fuzz_fill(&in, node, sizeof(node));
	fuzz_fill(&in, previous, sizeof(previous));
	frame.node = node;
	frame.previous = previous;
	frame.columns = 3;
	frame.column_bytes = columns;
	frame.ts = (int64_t) fuzz_number(&in, 8);
	frame.database = (uint32_t) fuzz_number(&in, 4);
	frame.session = (int64_t) fuzz_number(&in, 8);
	frame.pid = (uint32_t) fuzz_number(&in, 4);
	frame.writer = (uint32_t) fuzz_number(&in, 4);
	frame.started = (int64_t) fuzz_number(&in, 8);
	frame.number = fuzz_number(&in, 8);
	frame.statement = fuzz_number(&in, 8);
	frame.query = fuzz_number(&in, 8);
	frame.user = (uint32_t) fuzz_number(&in, 4);
	frame.login = (uint32_t) fuzz_number(&in, 4);
	frame.relation = (uint32_t) fuzz_number(&in, 4);
	frame.flags = (uint16_t) fuzz_number(&in, 2);
	frame.key_version = (uint16_t) fuzz_number(&in, 2);
	frame.values = fuzz_number(&in, 8);
	sealed = fuzz_bytes(&in, in.left, &sealed_len);

	cap = CG_FRAME_MIN - 2 * CG_FRAME_TEXTS + cg_frame_texts_len(&frame) +
		frame.column_len + sealed_len;
	out = fuzz_buffer(cap);
	begun = cg_frame_begin(&frame, sealed_len, out, cap);
	REQUIRE(begun > 0);
	if (sealed_len > 0)
		memcpy(out + begun, sealed, sealed_len);
	len = cg_frame_end(out, begun, sealed_len);
	REQUIRE(len == cap && cg_frame_length(out) == len);
	REQUIRE(cg_frame_decode(out, len, &read) == CG_OK);
	require_same(&frame, &read);
	REQUIRE(read.sealed_len == sealed_len &&
			fuzz_same(read.sealed, sealed, sealed_len));
	for (i = 0; i < 3; i++)
	{
		CgFrameText again;

		REQUIRE(cg_frame_column(&read, &cursor, &number, &again));
		REQUIRE(number == -i);
		require_same_text(again, name[i]);
	}
	REQUIRE(cursor == read.column_len);
	REQUIRE(cg_frame_decode(out, len - 1, &read) != CG_OK);
	try_mac(out, len, bit);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t    *copy = fuzz_copy(data, size);

	try_frame(copy, size);
	try_made((FuzzInput) {data, size});
	free(copy);
	return 0;
}

/*
 * test_journal.c
 *		Frames and lists of subjects of the disclosure journal.
 */
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "journal_frame.h"
#include "journal_stream.h"
#include "tap.h"

/* Lists of all lengths, one after the other and opened in any order. */
static void
test_stream(void)
{
	enum
	{
		LISTS = 300, MAX = 9000
	};
	static uint8_t sealed[LISTS][CG_STREAM_BOUND(MAX)];
	static size_t sealed_len[LISTS];
	static uint8_t list[MAX];
	static uint8_t back[CG_STREAM_BOUND(MAX)];
	static const uint8_t key[CG_STREAM_KEY] = {1, 2, 3};
	static const uint8_t other_key[CG_STREAM_KEY] = {1, 2, 4};
	CgStream   *stream = cg_stream_new(key);
	CgStream   *other = cg_stream_new(other_key);
	size_t		len = 0;
	size_t		i;
	bool		good = true;
	bool		apart = true;

	memset(list, 'x', sizeof(list));
	for (i = 0; i < LISTS; i++)
		good = good && cg_stream_seal(stream, list, i * 31 % MAX, sealed[i], &sealed_len[i]) == CG_OK;
	ok(good, "lists are sealed");
	for (i = LISTS; i > 0; i--)
		good = good && cg_stream_open(stream, sealed[i - 1], sealed_len[i - 1], back, &len) == CG_OK &&
			len == (i - 1) * 31 % MAX && memcmp(back, list, len) == 0;
	ok(good, "and opened");
	for (i = 1; i < LISTS; i++)
		apart = apart && memcmp(sealed[i - 1], sealed[i], CG_STREAM_HEAD) != 0 &&
			memcmp(sealed[i - 1] + CG_STREAM_HEAD, sealed[i] + CG_STREAM_HEAD, 16) != 0;
	ok(apart, "no two of them with the same bytes of the stream");
	for (i = 1, good = true; i < LISTS; i++)
		good = good && cg_stream_seal(stream, list, i * 31 % MAX, sealed[i], &sealed_len[i]) == CG_OK &&
			cg_stream_open(stream, sealed[i / 2], sealed_len[i / 2], back, &len) == CG_OK &&
			len == i / 2 * 31 % MAX && memcmp(back, list, len) == 0;
	for (i = LISTS - 1; i > 0; i--)
		good = good && cg_stream_open(stream, sealed[i], sealed_len[i], back, &len) == CG_OK &&
			len == i * 31 % MAX && memcmp(back, list, len) == 0;
	ok(good, "opening does not disturb sealing");
	good = cg_stream_open(other, sealed[5], sealed_len[5], back, &len) != CG_OK || memcmp(back, list, 5 * 31) != 0;
	ok(good, "another key does not open one");
	for (i = 0, good = true; i < sealed_len[1]; i++)
		good = good && cg_stream_open(stream, sealed[1], i, back, &len) == CG_E_FORMAT;
	ok(good, "no part of one is one");

	/*
	 * 62 bytes and two of padding: other numbers in the last, and in the one
	 * before
	 */
	for (i = 1, good = true; i < 256; i++)
	{
		sealed[2][sealed_len[2] - 1] ^= (uint8_t) i;
		good = good && (cg_stream_open(stream, sealed[2], sealed_len[2], back, &len) == CG_E_FORMAT || (2 ^ i) == 1);
		sealed[2][sealed_len[2] - 1] ^= (uint8_t) i;
		sealed[2][sealed_len[2] - 2] ^= (uint8_t) i;
		good = good && cg_stream_open(stream, sealed[2], sealed_len[2], back, &len) == CG_E_FORMAT;
		sealed[2][sealed_len[2] - 2] ^= (uint8_t) i;
	}
	ok(good, "nor what does not end in padding");
	ok(cg_stream_seal(stream, list, SIZE_MAX, sealed[0], &len) == CG_E_LIMIT &&
	   cg_stream_seal(stream, list, 512 * 1024 + 1, sealed[0], &len) == CG_E_LIMIT, "a list can be too long");
	ok(cg_stream_seal(stream, list, 0, sealed[0], &len) == CG_OK && len == CG_STREAM_HEAD + CG_STREAM_PAD &&
	   cg_stream_open(stream, sealed[0], len, back, &len) == CG_OK && len == 0, "an empty list is padded");
	cg_stream_free(stream);
	cg_stream_free(other);
	cg_stream_free(NULL);
}

static void
test_frames(void)
{
	static uint8_t out[4096];
	static uint8_t again[4096];
	uint8_t		texts[128];
	uint8_t		columns[64];
	uint8_t		node[CG_FRAME_NODE_LEN];
	uint8_t		previous[CG_SHA256_LEN];
	uint8_t		mac[CG_SHA256_LEN];
	uint8_t		other[CG_SHA256_LEN];
	CgHmac	   *hmac = cg_hmac_new((const uint8_t *) "key", 3);
	CgFrame		frame;
	CgFrame		back;
	CgFrameText name;
	size_t		begun;
	size_t		len;
	size_t		cursor = 0;
	size_t		i;
	int16_t		number;
	bool		same = true;

	memset(&frame, 0, sizeof(frame));
	begun = cg_frame_begin(&frame, 0, out, sizeof(out));
	ok(begun + CG_SHA256_LEN == CG_FRAME_MIN, "the smallest frame has %d bytes", CG_FRAME_MIN);
	ok(cg_frame_begin(&frame, 1, out, CG_FRAME_MIN) == 0, "no byte more fits into a buffer of that size");

	memset(node, 0xaa, sizeof(node));
	memset(previous, 0xbb, sizeof(previous));
	frame.ts = -5;
	frame.node = node;
	frame.writer = 4712;
	frame.started = -6;
	frame.number = UINT64_MAX - 1;
	frame.previous = previous;
	frame.statement = 1;
	frame.query = UINT64_MAX - 2;
	frame.key_version = 0xfffe;
	frame.database = 0xfffffff0;
	frame.session = INT64_MAX;
	frame.pid = 4711;
	frame.user = 10;
	frame.login = 11;
	frame.relation = 16384;
	frame.flags = CG_FRAME_CUT;
	frame.values = UINT64_MAX;
	for (i = 0; i < CG_FRAME_TEXTS; i++)
	{
		frame.text[i].s = "abcdefgh";
		frame.text[i].len = (uint16_t) i;
	}
	len = cg_frame_put_column(columns, 1, "id", 2);
	len += cg_frame_put_column(columns + len, 1600, "last", 4);
	frame.columns = 2;
	frame.column_bytes = columns;
	frame.column_len = len;
	begun = cg_frame_begin(&frame, 3, out, sizeof(out));
	memcpy(out + begun, "xyz", 3);
	len = cg_frame_end(out, begun, 3);
	ok(len == begun + 3 + CG_SHA256_LEN && cg_frame_length(out) == len, "a frame knows its length");
	ok(cg_frame_decode(out, len, &back) == CG_OK, "and can be taken apart");
	ok(back.ts == frame.ts && back.database == frame.database && back.session == frame.session &&
	   back.pid == frame.pid && back.user == frame.user && back.login == frame.login &&
	   back.relation == frame.relation && back.flags == frame.flags && back.values == frame.values,
	   "numbers are what they were");
	ok(back.writer == frame.writer && back.started == frame.started && back.number == frame.number &&
	   back.statement == frame.statement && back.query == frame.query && back.key_version == frame.key_version,
	   "those of the chain, too");
	ok(memcmp(back.node, node, sizeof(node)) == 0 && memcmp(back.previous, previous, sizeof(previous)) == 0, "and what it names");
	for (i = 0; i < CG_FRAME_TEXTS; i++)
		same = same && back.text[i].len == i && memcmp(back.text[i].s, "abcdefgh", i) == 0;
	ok(same, "texts, too");
	ok(back.sealed_len == 3 && memcmp(back.sealed, "xyz", 3) == 0, "and the sealed list");
	ok(cg_frame_column(&back, &cursor, &number, &name) && number == 1 && name.len == 2 && memcmp(name.s, "id", 2) == 0,
	   "the first column");
	ok(cg_frame_column(&back, &cursor, &number, &name) && number == 1600 && name.len == 4 && memcmp(name.s, "last", 4) == 0,
	   "the last one");
	ok(!cg_frame_column(&back, &cursor, &number, &name), "is the last one");
	back.column_len--;
	cursor -= CG_FRAME_COLUMN_MAX + 4;
	ok(!cg_frame_column(&back, &cursor, &number, &name), "a column whose name ends behind the columns is none");
	frame.text_bytes = texts;
	frame.text_len = cg_frame_put_texts(&frame, texts);
	ok(cg_frame_begin(&frame, 3, again, sizeof(again)) == begun && memcmp(again + 12, out + 12, begun - 16) == 0,
	   "texts written before make the same frame");
	for (i = 0, same = true; i < len; i++)
		same = same && cg_frame_decode(out, i, &back) == CG_E_FORMAT;
	ok(same, "no part of a frame is one");

	ok(cg_frame_mac(hmac, out, len, mac) == CG_OK, "a frame has a MAC");
	cg_put_u32(out + CG_FRAME_CRC_START - 4, 4711);
	memcpy(out + len - CG_SHA256_LEN, mac, CG_SHA256_LEN);
	ok(cg_frame_mac(hmac, out, len, other) == CG_OK && memcmp(mac, other, sizeof(mac)) == 0,
	   "that is the same when CRC and MAC are set");
	for (i = 0, same = false; i < len - CG_SHA256_LEN; i++)
	{
		out[i] ^= 1;
		if (i < CG_FRAME_CRC_START - 4 || i >= CG_FRAME_CRC_START)
			same = same || cg_frame_mac(hmac, out, len, other) != CG_OK || memcmp(mac, other, sizeof(mac)) == 0;
		out[i] ^= 1;
	}
	ok(!same, "and another one when any other byte is");
	ok(cg_frame_decode(out, len, &back) == CG_OK && back.mac == out + len - CG_SHA256_LEN, "decoding finds it");
	cg_hmac_free(hmac);

	out[3] = 1;
	ok(cg_frame_length(out) == 0, "nor is one of another version");
	memcpy(out, CG_FRAME_MAGIC, 4);
	cg_put_u32(out + 4, CG_FRAME_MAX + 1);
	ok(cg_frame_length(out) == 0, "nor one that is too long");
}

static void
test_lists(void)
{
	static uint8_t out[4096];
	static const int64_t values[] = {INT64_MIN, -300, -1, 0, 1, 127, 128, 1000000, INT64_MAX};
	const size_t n = sizeof(values) / sizeof(values[0]);
	CgSubjects	list;
	CgListedSubject subject;
	CgStatus	status;
	size_t		len;
	size_t		i;
	bool		same = true;

	len = cg_put_integers(out, values, n);
	len += cg_put_varint(out + len, 2);
	len += cg_put_varint(out + len, 0);
	len += cg_put_varint(out + len, 3);
	memcpy(out + len, "abc", 3);
	len += 3;
	cg_subjects_begin(&list, out, len);
	for (i = 0; i < n; i++)
		same = same && cg_subjects_next(&list, &subject, &status) && subject.text == NULL && subject.value == values[i];
	ok(same, "integers of all sizes");
	ok(cg_subjects_next(&list, &subject, &status) && subject.text !=NULL && subject.len == 0, "an empty text");
	ok(cg_subjects_next(&list, &subject, &status) && subject.len == 3 && memcmp(subject.text, "abc", 3) == 0, "a text");
	ok(!cg_subjects_next(&list, &subject, &status) && status == CG_OK, "the end of a sound list");
	for (i = 0, same = true; i < len; i++)
	{
		cg_subjects_begin(&list, out, i);
		while (cg_subjects_next(&list, &subject, &status))
			;
		same = same && status == CG_E_FORMAT;
	}
	ok(same, "no part of a list is one");
	cg_subjects_begin(&list, (const uint8_t *) "\0\0x", 3);
	ok(!cg_subjects_next(&list, &subject, &status) && status == CG_E_FORMAT, "nor what has more behind it");
	cg_subjects_begin(&list, (const uint8_t *) "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
	ok(!cg_subjects_next(&list, &subject, &status) && status == CG_E_FORMAT, "a number of more than 64 bits");
}

int
main(void)
{
	test_frames();
	test_lists();
	test_stream();
	return tap_done();
}

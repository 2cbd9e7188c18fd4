/*
 * fuzz_subjects.c
 *		libFuzzer target: lists of subjects of the journal, and their cipher.
 *
 * The input is taken for a list, and for a sealed one.  And it is integers and
 * texts: the list that is made of them has these, in that order, and comes
 * back when it is sealed and opened; a list that is cut is not sound.
 */
#include "fuzz.h"
#include "journal_frame.h"
#include "journal_stream.h"

#define MAX_INTEGERS	20
#define MAX_TEXTS		4

static const uint8_t key[CG_STREAM_KEY] = {5};

/* Every byte of a text must be of the list; returns how many there were. */
static size_t
read_list(const uint8_t *data, size_t size, CgStatus *status)
{
	CgSubjects	list;
	CgListedSubject subject;
	size_t		n = 0;

	cg_subjects_begin(&list, data, size);
	for (; cg_subjects_next(&list, &subject, status); n++)
	{
		const uint8_t *text = (const uint8_t *) subject.text;

		REQUIRE(text == NULL ||
				(text >= data && text + subject.len <= data + size));
	}
	REQUIRE(*status == CG_OK || *status == CG_E_FORMAT);
	return n;
}

static void
try_sealed(const uint8_t *data, size_t size)
{
	CgStream   *stream = cg_stream_new(key);
	uint8_t    *out = fuzz_buffer(size);
	size_t		len = 0;
	CgStatus	status = cg_stream_open(stream, data, size, out, &len);

	REQUIRE(status == CG_OK ? len < size : status == CG_E_FORMAT);
	free(out);
	cg_stream_free(stream);
}

/* Two lists in one stream, so that the second begins within it. */
static void
try_seal(const uint8_t *list, size_t len)
{
	CgStream   *stream = cg_stream_new(key);
	CgStream   *other = cg_stream_new(key);
	int			i;

	for (i = 0; i < 2; i++)
	{
		uint8_t    *sealed = fuzz_buffer(CG_STREAM_BOUND(len));
		uint8_t    *open;
		size_t		sealed_len;
		size_t		open_len;

		REQUIRE(cg_stream_seal(stream, list, len, sealed, &sealed_len) ==
				CG_OK && sealed_len <= CG_STREAM_BOUND(len));
		open = fuzz_buffer(sealed_len);
		REQUIRE(cg_stream_open(other, sealed, sealed_len, open, &open_len) ==
				CG_OK);
		REQUIRE(open_len == len && fuzz_same(open, list, len));
		free(open);
		free(sealed);
	}
	cg_stream_free(other);
	cg_stream_free(stream);
}

static void
require_same(const uint8_t *bytes, size_t len, const int64_t *value, size_t n,
			 const CgListedSubject *text, size_t texts)
{
	CgSubjects	list;
	CgListedSubject subject;
	CgStatus	status;
	size_t		i;

	cg_subjects_begin(&list, bytes, len);
	for (i = 0; i < n; i++)
	{
		REQUIRE(cg_subjects_next(&list, &subject, &status));
		REQUIRE(subject.text == NULL && subject.value == value[i]);
	}
	for (i = 0; i < texts; i++)
	{
		REQUIRE(cg_subjects_next(&list, &subject, &status));
		REQUIRE(subject.text != NULL && subject.len == text[i].len &&
				fuzz_same(subject.text, text[i].text, subject.len));
	}
	REQUIRE(!cg_subjects_next(&list, &subject, &status) && status == CG_OK);
}

static void
try_made(FuzzInput in)
{
	int64_t		value[MAX_INTEGERS];
	CgListedSubject text[MAX_TEXTS];
	uint8_t		packed[CG_VARINT_MAX * (MAX_INTEGERS + 1 + MAX_TEXTS + 1) +
					   MAX_TEXTS * 40];
	size_t		n = fuzz_choice(&in, MAX_INTEGERS + 1);
	size_t		texts = fuzz_choice(&in, MAX_TEXTS + 1);
	size_t		cut;
	size_t		len;
	size_t		i;
	CgStatus	status;
	uint8_t    *exact;

	/* Ascending, from anywhere, by steps of any size that still fit. */
	for (i = 0; i < n; i++)
	{
		uint64_t	gap = fuzz_number(&in, 1 + (int) fuzz_choice(&in, 8));

		if (i == 0)
			value[i] = (int64_t) gap;
		else if (gap >= (uint64_t) INT64_MAX - (uint64_t) value[i - 1])
			break;
		else
			value[i] = (int64_t) ((uint64_t) value[i - 1] + gap + 1);
	}
	n = i;
	exact = fuzz_buffer(CG_VARINT_MAX * (n + 1));
	len = cg_put_integers(exact, value, n);
	memcpy(packed, exact, len);
	free(exact);
	len += cg_put_varint(packed + len, texts);
	for (i = 0; i < texts; i++)
	{
		text[i].text = (const char *) fuzz_bytes(&in, fuzz_choice(&in, 40),
												 &text[i].len);
		len += cg_put_varint(packed + len, text[i].len);
		if (text[i].len > 0)
			memcpy(packed + len, text[i].text, text[i].len);
		len += text[i].len;
	}
	exact = fuzz_copy(packed, len);
	require_same(exact, len, value, n, text, texts);
	try_seal(exact, len);
	free(exact);
	cut = fuzz_choice(&in, len);
	exact = fuzz_copy(packed, cut);
	(void) read_list(exact, cut, &status);
	REQUIRE(status == CG_E_FORMAT);
	free(exact);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t    *copy = fuzz_copy(data, size);
	CgStatus	status;

	(void) read_list(copy, size, &status);
	try_sealed(copy, size);
	try_made(fuzz_input(data, size));
	free(copy);
	return 0;
}

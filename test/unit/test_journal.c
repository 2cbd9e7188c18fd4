/*
 * test_journal.c
 *		Frames and lists of subjects of the disclosure journal.
 */
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "journal_frame.h"
#include "tap.h"

int
main(void)
{
	static uint8_t out[4096];
	static const int64_t values[] = {INT64_MIN, -300, -1, 0, 1, 127, 128, 1000000, INT64_MAX};
	const size_t n = sizeof(values) / sizeof(values[0]);
	uint8_t		columns[64];
	CgFrame		frame;
	CgFrame		back;
	CgFrameText name;
	CgSubjects	list;
	CgSubject	subject;
	CgStatus	status;
	size_t		begun;
	size_t		len;
	size_t		cursor = 0;
	size_t		i;
	int16_t		number;
	bool		same = true;

	memset(&frame, 0, sizeof(frame));
	begun = cg_frame_begin(&frame, 0, out, sizeof(out));
	ok(begun == CG_FRAME_MIN, "the smallest frame has %d bytes", CG_FRAME_MIN);
	ok(cg_frame_begin(&frame, 1, out, CG_FRAME_MIN) == 0, "no byte more fits into a buffer of that size");

	frame.ts = -5;
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
	ok(len == begun + 3 && cg_frame_length(out) == len, "a frame knows its length");
	ok(cg_frame_decode(out, len, &back) == CG_OK, "and can be taken apart");
	ok(back.ts == frame.ts && back.database == frame.database && back.session == frame.session &&
	   back.pid == frame.pid && back.user == frame.user && back.login == frame.login &&
	   back.relation == frame.relation && back.flags == frame.flags && back.values == frame.values,
	   "numbers are what they were");
	for (i = 0; i < CG_FRAME_TEXTS; i++)
		same = same && back.text[i].len == i && memcmp(back.text[i].s, "abcdefgh", i) == 0;
	ok(same, "texts, too");
	ok(back.sealed_len == 3 && memcmp(back.sealed, "xyz", 3) == 0, "and the sealed list");
	ok(cg_frame_column(&back, &cursor, &number, &name) && number == 1 && name.len == 2 && memcmp(name.s, "id", 2) == 0,
	   "the first column");
	ok(cg_frame_column(&back, &cursor, &number, &name) && number == 1600 && name.len == 4 && memcmp(name.s, "last", 4) == 0,
	   "the last one");
	ok(!cg_frame_column(&back, &cursor, &number, &name), "is the last one");
	for (i = 0, same = true; i < len; i++)
		same = same && cg_frame_decode(out, i, &back) == CG_E_FORMAT;
	ok(same, "no part of a frame is one");
	out[3] = 2;
	ok(cg_frame_length(out) == 0, "nor is one of another version");
	memcpy(out, CG_FRAME_MAGIC, 4);
	cg_put_u32(out + 4, CG_FRAME_MAX + 1);
	ok(cg_frame_length(out) == 0, "nor one that is too long");

	len = cg_put_integers(out, values, n);
	len += cg_put_varint(out + len, 2);
	len += cg_put_varint(out + len, 0);
	len += cg_put_varint(out + len, 3);
	memcpy(out + len, "abc", 3);
	len += 3;
	cg_subjects_begin(&list, out, len);
	for (i = 0, same = true; i < n; i++)
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

	return tap_done();
}

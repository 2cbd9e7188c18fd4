/*
 * journal_frame.c
 *		The bytes of the disclosure journal: records and lists of subjects.
 */
#include "journal_frame.h"

#include <string.h>

#include "bytes.h"

#define OFF_LENGTH		4
#define OFF_TEXTS		144
#define HEAD_LEN		8		/* magic and length */

static bool take_varint(const uint8_t **p, const uint8_t *end, uint64_t *v);

size_t
cg_frame_begin(const CgFrame *frame, size_t room, uint8_t *out, size_t cap)
{
	size_t		texts = frame->text_bytes != NULL ? frame->text_len :
	cg_frame_texts_len(frame);
	uint8_t    *p = out;

	if (CG_FRAME_MIN - 2 * CG_FRAME_TEXTS + texts + frame->column_len + room >
		cap)
		return 0;

	memset(p, 0, OFF_TEXTS);
	memcpy(p, CG_FRAME_MAGIC, 4);
	cg_put_u64(p + 12, (uint64_t) frame->ts);
	if (frame->node != NULL)
		memcpy(p + 20, frame->node, CG_FRAME_NODE_LEN);
	cg_put_u32(p + 36, frame->database);
	cg_put_u64(p + 40, (uint64_t) frame->session);
	cg_put_u32(p + 48, frame->pid);
	cg_put_u32(p + 52, frame->writer);
	cg_put_u64(p + 56, (uint64_t) frame->started);
	cg_put_u64(p + 64, frame->number);
	if (frame->previous != NULL)
		memcpy(p + 72, frame->previous, CG_SHA256_LEN);
	cg_put_u64(p + 104, frame->statement);
	cg_put_u64(p + 112, frame->query);
	cg_put_u32(p + 120, frame->user);
	cg_put_u32(p + 124, frame->login);
	cg_put_u32(p + 128, frame->relation);
	cg_put_u16(p + 132, frame->flags);
	cg_put_u16(p + 134, frame->key_version);
	cg_put_u64(p + 136, frame->values);
	p += OFF_TEXTS;
	if (frame->text_bytes != NULL)
		memcpy(p, frame->text_bytes, texts);
	else
		(void) cg_frame_put_texts(frame, p);
	p += texts;
	cg_put_u16(p, frame->columns);
	cg_put_u32(p + 2, (uint32_t) frame->column_len);
	p += 6;
	if (frame->column_len > 0)
		memcpy(p, frame->column_bytes, frame->column_len);
	p += frame->column_len;
	cg_put_u32(p, 0);
	return (size_t) (p + 4 - out);
}

size_t
cg_frame_texts_len(const CgFrame *frame)
{
	size_t		len = 2 * CG_FRAME_TEXTS;
	int			i;

	for (i = 0; i < CG_FRAME_TEXTS; i++)
		len += frame->text[i].len;
	return len;
}

size_t
cg_frame_put_texts(const CgFrame *frame, uint8_t *out)
{
	uint8_t    *p = out;
	int			i;

	for (i = 0; i < CG_FRAME_TEXTS; i++)
	{
		cg_put_u16(p, frame->text[i].len);
		p += 2;
		if (frame->text[i].len > 0)
			memcpy(p, frame->text[i].s, frame->text[i].len);
		p += frame->text[i].len;
	}
	return (size_t) (p - out);
}

size_t
cg_frame_end(uint8_t *out, size_t begun, size_t sealed_len)
{
	size_t		len = begun + sealed_len + CG_SHA256_LEN;

	cg_put_u32(out + begun - 4, (uint32_t) sealed_len);
	cg_put_u32(out + OFF_LENGTH, (uint32_t) len);
	memset(out + begun + sealed_len, 0, CG_SHA256_LEN);
	return len;
}

CgStatus
cg_frame_mac(CgHmac *hmac, const uint8_t *data, size_t len, uint8_t *mac)
{
	return cg_hmac(hmac, data, HEAD_LEN, data + CG_FRAME_CRC_START,
				   len - CG_FRAME_CRC_START - CG_SHA256_LEN, mac);
}

size_t
cg_frame_length(const uint8_t *data)
{
	size_t		len;

	if (memcmp(data, CG_FRAME_MAGIC, 4) != 0)
		return 0;
	len = cg_get_u32(data + OFF_LENGTH);
	return len >= CG_FRAME_MIN && len <= CG_FRAME_MAX ? len : 0;
}

CgStatus
cg_frame_decode(const uint8_t *data, size_t len, CgFrame *frame)
{
	const uint8_t *p;
	const uint8_t *end;
	int			i;

	if (len < CG_FRAME_MIN)
		return CG_E_FORMAT;
	p = data + OFF_TEXTS;
	end = data + len - CG_SHA256_LEN;
	frame->ts = (int64_t) cg_get_u64(data + 12);
	frame->node = data + 20;
	frame->database = cg_get_u32(data + 36);
	frame->session = (int64_t) cg_get_u64(data + 40);
	frame->pid = cg_get_u32(data + 48);
	frame->writer = cg_get_u32(data + 52);
	frame->started = (int64_t) cg_get_u64(data + 56);
	frame->number = cg_get_u64(data + 64);
	frame->previous = data + 72;
	frame->statement = cg_get_u64(data + 104);
	frame->query = cg_get_u64(data + 112);
	frame->user = cg_get_u32(data + 120);
	frame->login = cg_get_u32(data + 124);
	frame->relation = cg_get_u32(data + 128);
	frame->flags = cg_get_u16(data + 132);
	frame->key_version = cg_get_u16(data + 134);
	frame->values = cg_get_u64(data + 136);
	frame->mac = end;
	frame->text_bytes = NULL;
	frame->text_len = 0;
	for (i = 0; i < CG_FRAME_TEXTS; i++)
	{
		if (end - p < 2)
			return CG_E_FORMAT;
		frame->text[i].len = cg_get_u16(p);
		p += 2;
		if (end - p < frame->text[i].len)
			return CG_E_FORMAT;
		frame->text[i].s = (const char *) p;
		p += frame->text[i].len;
	}
	if (end - p < 6)
		return CG_E_FORMAT;
	frame->columns = cg_get_u16(p);
	frame->column_len = cg_get_u32(p + 2);
	p += 6;
	if ((size_t) (end - p) < frame->column_len)
		return CG_E_FORMAT;
	frame->column_bytes = p;
	p += frame->column_len;
	if (end - p < 4)
		return CG_E_FORMAT;
	frame->sealed_len = cg_get_u32(p);
	p += 4;
	if ((size_t) (end - p) != frame->sealed_len)
		return CG_E_FORMAT;
	frame->sealed = p;
	return CG_OK;
}

size_t
cg_frame_put_column(uint8_t *out, int16_t number, const char *name,
					uint16_t len)
{
	cg_put_u16(out, (uint16_t) number);
	cg_put_u16(out + 2, len);
	memcpy(out + CG_FRAME_COLUMN_MAX, name, len);
	return CG_FRAME_COLUMN_MAX + (size_t) len;
}

bool
cg_frame_column(const CgFrame *frame, size_t *cursor, int16_t *number,
				CgFrameText *name)
{
	size_t		left = frame->column_len - *cursor;
	const uint8_t *p = frame->column_bytes + *cursor;

	if (left < CG_FRAME_COLUMN_MAX)
		return false;
	*number = (int16_t) cg_get_u16(p);
	name->len = cg_get_u16(p + 2);
	if (left - CG_FRAME_COLUMN_MAX < name->len)
		return false;
	name->s = (const char *) p + CG_FRAME_COLUMN_MAX;
	*cursor += CG_FRAME_COLUMN_MAX + (size_t) name->len;
	return true;
}

size_t
cg_put_varint(uint8_t *out, uint64_t v)
{
	size_t		n = 0;

	while (v >= 0x80)
	{
		out[n++] = (uint8_t) (v | 0x80);
		v >>= 7;
	}
	out[n++] = (uint8_t) v;
	return n;
}

static bool
take_varint(const uint8_t **p, const uint8_t *end, uint64_t *v)
{
	int			shift;

	*v = 0;
	for (shift = 0; shift < 64 && *p < end; shift += 7)
	{
		uint8_t		byte = *(*p)++;

		if (shift == 63 && byte > 1)
			return false;
		*v |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
			return true;
	}
	return false;
}

size_t
cg_put_integers(uint8_t *out, const int64_t *value, size_t n)
{
	size_t		len = cg_put_varint(out, n);
	size_t		i;

	for (i = 0; i < n; i++)
	{
		uint64_t	v = (uint64_t) value[i];

		if (i > 0)
			v -= (uint64_t) value[i - 1];
		else
			v = value[i] < 0 ? ~(v << 1) : v << 1;
		if (v < 0x80)
			out[len++] = (uint8_t) v;
		else
			len += cg_put_varint(out + len, v);
	}
	return len;
}

void
cg_subjects_begin(CgSubjects *list, const uint8_t *data, size_t len)
{
	memset(list, 0, sizeof(*list));
	list->p = data;
	list->end = data + len;
	list->first = true;
	if (!take_varint(&list->p, list->end, &list->integers))
		list->p = NULL;
}

bool
cg_subjects_next(CgSubjects *list, CgListedSubject *subject, CgStatus *status)
{
	uint64_t	v;

	*status = CG_E_FORMAT;
	if (list->p == NULL)
		return false;
	if (list->integers > 0)
	{
		if (!take_varint(&list->p, list->end, &v))
			return false;
		if (list->first)
			list->last = (v & 1) ? ~(v >> 1) : v >> 1;
		else
			list->last += v;
		list->first = false;
		list->integers--;
		subject->text = NULL;
		subject->len = 0;
		subject->value = (int64_t) list->last;
		return true;
	}
	if (!list->in_texts)
	{
		if (!take_varint(&list->p, list->end, &list->texts))
			return false;
		list->in_texts = true;
	}
	if (list->texts == 0)
	{
		if (list->p == list->end)
			*status = CG_OK;
		return false;
	}
	if (!take_varint(&list->p, list->end, &v) ||
		v > (uint64_t) (list->end - list->p))
		return false;
	list->texts--;
	subject->text = (const char *) list->p;
	subject->len = (size_t) v;
	subject->value = 0;
	list->p += v;
	return true;
}

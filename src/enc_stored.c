/*
 * enc_stored.c
 *		The bytes that stand for a value of each type before encryption.
 */
#include <string.h>

#include "bytes.h"
#include "enc_stored.h"
#include "envelope.h"

#define NUMERIC_BASE_DIGITS	4	/* decimal digits in one of base 10000 */
#define NUMERIC_SPECIAL		0xC000	/* NaN and infinities */
#define NUMERIC_MAX_DIGITS	0x4000

static size_t numeric_canon(const uint8_t *in, size_t len, uint8_t *out);
static size_t json_canon(const char *in, size_t len, char *out);

void
cg_stored_put_i32(uint8_t out[4], int32_t v)
{
	cg_put_u32(out, (uint32_t) v ^ 0x80000000u);
}

int32_t
cg_stored_get_i32(const uint8_t in[4])
{
	return (int32_t) (cg_get_u32(in) ^ 0x80000000u);
}

void
cg_stored_put_i64(uint8_t out[8], int64_t v)
{
	cg_put_u64(out, (uint64_t) v ^ ((uint64_t) 1 << 63));
}

int64_t
cg_stored_get_i64(const uint8_t in[8])
{
	return (int64_t) (cg_get_u64(in) ^ ((uint64_t) 1 << 63));
}

bool
cg_stored_is_numeric(const uint8_t *in, size_t len)
{
	return len >= CG_NUMERIC_HEAD &&
		cg_get_u16(in) <= NUMERIC_MAX_DIGITS &&
		len == CG_NUMERIC_HEAD + (size_t) cg_get_u16(in) * 2;
}

bool
cg_stored_fits(uint8_t type, const uint8_t *in, size_t len)
{
	switch (type)
	{
		case CG_TYPE_TEXT:
		case CG_TYPE_BYTEA:
			return true;
		case CG_TYPE_INT8:
		case CG_TYPE_TIMESTAMPTZ:
			return len == 8;
		case CG_TYPE_NUMERIC:
			return cg_stored_is_numeric(in, len);
		case CG_TYPE_BOOL:
			return len == 1 && in[0] <= 1;
		case CG_TYPE_DATE:
			return len == 4;
		case CG_TYPE_UUID:
			return len == 16;
		case CG_TYPE_INET:
			return len == 4 + 4 || len == 4 + 16;
		case CG_TYPE_JSONB:
			return len > 0;
	}
	return false;
}

size_t
cg_stored_canon(uint8_t type, const uint8_t *in, size_t len, uint8_t *out)
{
	if (type == CG_TYPE_NUMERIC && cg_stored_is_numeric(in, len))
		return numeric_canon(in, len, out);
	if (type == CG_TYPE_JSONB)
		return json_canon((const char *) in, len, (char *) out);
	if (len > 0)
		memcpy(out, in, len);
	return len;
}

/*
 * The least scale that shows every digit, as trim_scale() has it.  Digits of
 * base 10000 are stripped of zeros at both ends already.
 */
static size_t
numeric_canon(const uint8_t *in, size_t len, uint8_t *out)
{
	int			digits = cg_get_u16(in);
	int			weight = (int16_t) cg_get_u16(in + 2);
	int			scale = 0;

	memcpy(out, in, len);
	if ((cg_get_u16(in + 4) & NUMERIC_SPECIAL) == NUMERIC_SPECIAL)
		return len;
	if (digits > 0)
	{
		unsigned	last = cg_get_u16(in + len - 2);

		scale = (digits - 1 - weight) * NUMERIC_BASE_DIGITS;
		for (; scale > 0 && last > 0 && last % 10 == 0; last /= 10)
			scale--;
	}
	cg_put_u16(out + 6, (uint16_t) (scale > 0 ? scale : 0));
	return len;
}

/*
 * Numbers lose the zeros at the end of their fraction: jsonb compares them as
 * numeric, and prints no exponents.
 */
static size_t
json_canon(const char *in, size_t len, char *out)
{
	bool		quoted = false;
	bool		fraction = false;
	size_t		n = 0;
	size_t		i;

	for (i = 0; i < len; i++)
	{
		char		c = in[i];
		bool		digit = c >= '0' && c <= '9';

		if (quoted)
		{
			out[n++] = c;
			if (c == '\\' && i + 1 < len)
				out[n++] = in[++i];
			else if (c == '"')
				quoted = false;
			continue;
		}
		if (fraction && !digit)
		{
			while (out[n - 1] == '0')
				n--;
			if (out[n - 1] == '.')
				n--;
			fraction = false;
		}
		if (c == '"')
			quoted = true;
		else if (c == '.')
			fraction = true;
		out[n++] = c;
	}
	if (fraction)
	{
		while (out[n - 1] == '0')
			n--;
		if (out[n - 1] == '.')
			n--;
	}
	return n;
}

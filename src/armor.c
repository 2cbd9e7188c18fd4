/*
 * armor.c
 *		Text form of a datum: prefix and base64url without padding.
 *
 * What is coded is ciphertext, so table look-ups are fine.
 */
#include <string.h>

#include "armor.h"

static const char alphabet[] =
"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#define NONE	0xFF

/* Value of a character, NONE for all others. */
static const uint8_t value_of[256] = {
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, 62, NONE, NONE,
	52, 53, 54, 55, 56, 57, 58, 59,
	60, 61, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, 0, 1, 2, 3, 4, 5, 6,
	7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22,
	23, 24, 25, NONE, NONE, NONE, NONE, 63,
	NONE, 26, 27, 28, 29, 30, 31, 32,
	33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48,
	49, 50, 51, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE
};

bool
cg_is_armor(const char *text, size_t len)
{
	return len >= CG_ARMOR_PREFIX_LEN &&
		memcmp(text, CG_ARMOR_PREFIX, CG_ARMOR_PREFIX_LEN) == 0;
}

size_t
cg_armor_encode(const uint8_t *data, size_t len, char *out)
{
	char	   *p = out;

	memcpy(p, CG_ARMOR_PREFIX, CG_ARMOR_PREFIX_LEN);
	p += CG_ARMOR_PREFIX_LEN;
	for (; len >= 3; data += 3, len -= 3)
	{
		*p++ = alphabet[data[0] >> 2];
		*p++ = alphabet[(data[0] & 0x03) << 4 | data[1] >> 4];
		*p++ = alphabet[(data[1] & 0x0F) << 2 | data[2] >> 6];
		*p++ = alphabet[data[2] & 0x3F];
	}
	if (len > 0)
	{
		*p++ = alphabet[data[0] >> 2];
		if (len == 1)
			*p++ = alphabet[(data[0] & 0x03) << 4];
		else
		{
			*p++ = alphabet[(data[0] & 0x03) << 4 | data[1] >> 4];
			*p++ = alphabet[(data[1] & 0x0F) << 2];
		}
	}
	return (size_t) (p - out);
}

CgStatus
cg_armor_decode(const char *text, size_t len,
				uint8_t *out, size_t cap, size_t *out_len)
{
	const uint8_t *in;
	uint8_t    *p = out;
	size_t		rest;

	*out_len = 0;
	if (!cg_is_armor(text, len))
		return CG_E_FORMAT;
	in = (const uint8_t *) text + CG_ARMOR_PREFIX_LEN;
	len -= CG_ARMOR_PREFIX_LEN;
	rest = len % 4;
	if (rest == 1)
		return CG_E_FORMAT;
	if (cap < len / 4 * 3 + (rest > 0 ? rest - 1 : 0))
		return CG_E_SPACE;

	for (; len >= 4; in += 4, len -= 4)
	{
		uint8_t		a = value_of[in[0]];
		uint8_t		b = value_of[in[1]];
		uint8_t		c = value_of[in[2]];
		uint8_t		d = value_of[in[3]];

		if ((a | b | c | d) & 0xC0)
			return CG_E_FORMAT;
		*p++ = (uint8_t) (a << 2 | b >> 4);
		*p++ = (uint8_t) (b << 4 | c >> 2);
		*p++ = (uint8_t) (c << 6 | d);
	}
	if (rest > 0)
	{
		uint8_t		a = value_of[in[0]];
		uint8_t		b = value_of[in[1]];
		uint8_t		c = rest == 3 ? value_of[in[2]] : 0;

		if ((a | b | c) & 0xC0)
			return CG_E_FORMAT;
		/* bits that do not reach a byte are zero: one datum, one armor */
		if (rest == 2 ? (b & 0x0F) != 0 : (c & 0x03) != 0)
			return CG_E_FORMAT;
		*p++ = (uint8_t) (a << 2 | b >> 4);
		if (rest == 3)
			*p++ = (uint8_t) (b << 4 | c >> 2);
	}
	*out_len = (size_t) (p - out);
	return CG_OK;
}

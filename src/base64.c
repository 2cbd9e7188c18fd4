/*
 * base64.c
 *		Base64 of RFC 4648: with padding, and the form for URLs without.
 *
 * What is coded is ciphertext, signatures and public keys, so table look-ups
 * are fine.
 */
#include "base64.h"

static const char alphabets[][65] = {
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
};

#define NONE	0xFF

/* Value of a character of the form for URLs, NONE for all others. */
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

static inline uint8_t
digit(CgBase64 form, uint8_t c)
{
	if (form == CG_BASE64_STD)
	{
		if (c == '+')
			return 62;
		if (c == '/')
			return 63;
		if (c == '-' || c == '_')
			return NONE;
	}
	return value_of[c];
}

size_t
cg_base64_encode(CgBase64 form, const uint8_t *data, size_t len, char *out)
{
	const char *alphabet = alphabets[form];
	char	   *p = out;

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
		if (form == CG_BASE64_STD)
		{
			if (len == 1)
				*p++ = '=';
			*p++ = '=';
		}
	}
	return (size_t) (p - out);
}

CgStatus
cg_base64_decode(CgBase64 form, const char *text, size_t len,
				 uint8_t *out, size_t cap, size_t *out_len)
{
	const uint8_t *in = (const uint8_t *) text;
	uint8_t    *p = out;
	size_t		rest;

	*out_len = 0;
	if (form == CG_BASE64_STD)
	{
		if (len % 4 != 0)
			return CG_E_FORMAT;
		if (len > 0 && in[len - 1] == '=')
			len -= in[len - 2] == '=' ? 2 : 1;
	}
	rest = len % 4;
	if (rest == 1)
		return CG_E_FORMAT;
	if (cap < len / 4 * 3 + (rest > 0 ? rest - 1 : 0))
		return CG_E_SPACE;

	for (; len >= 4; in += 4, len -= 4)
	{
		uint8_t		a = digit(form, in[0]);
		uint8_t		b = digit(form, in[1]);
		uint8_t		c = digit(form, in[2]);
		uint8_t		d = digit(form, in[3]);

		if ((a | b | c | d) & 0xC0)
			return CG_E_FORMAT;
		*p++ = (uint8_t) (a << 2 | b >> 4);
		*p++ = (uint8_t) (b << 4 | c >> 2);
		*p++ = (uint8_t) (c << 6 | d);
	}
	if (rest > 0)
	{
		uint8_t		a = digit(form, in[0]);
		uint8_t		b = digit(form, in[1]);
		uint8_t		c = rest == 3 ? digit(form, in[2]) : 0;

		if ((a | b | c) & 0xC0)
			return CG_E_FORMAT;
		/* bits that do not reach a byte are zero: one text for one string */
		if (rest == 2 ? (b & 0x0F) != 0 : (c & 0x03) != 0)
			return CG_E_FORMAT;
		*p++ = (uint8_t) (a << 2 | b >> 4);
		if (rest == 3)
			*p++ = (uint8_t) (b << 4 | c >> 2);
	}
	*out_len = (size_t) (p - out);
	return CG_OK;
}

/*
 * kek_text.c
 *		Text of a key-encryption key, as a file or a command gives it.
 *
 * base64 is read in either alphabet and with or without its padding, since
 * tools differ, and not by base64.c, whose tables are looked up by what is
 * secret here.
 */
#include "hex.h"
#include "kek_text.h"
#include "wipe.h"

#define BASE64_DIGITS	43		/* of 32 bytes, without padding */

static const char *read_base64(const char *text, uint8_t *key);
static bool is_blank(char c);
static int	base64_digit(char c);

const char *
cg_kek_parse(const char *text, size_t len, uint8_t key[CG_KEK_LEN])
{
	const char *fault;
	size_t		i;

	while (len > 0 && is_blank(text[len - 1]))
		len--;
	for (; len > 0 && is_blank(*text); len--)
		text++;

	if (len == 0)
		fault = "empty";
	else if (len == 2 * CG_KEK_LEN)
		fault = cg_hex_decode(text, key, CG_KEK_LEN) == CG_OK ? NULL : "malformed";
	else if (len == BASE64_DIGITS ||
			 (len == BASE64_DIGITS + 1 && text[BASE64_DIGITS] == '='))
		fault = read_base64(text, key);
	else
		fault = len < 2 * CG_KEK_LEN ? "too short" : "too long";

	/* A disk of zeros or a placeholder is no key. */
	for (i = 1; fault == NULL && i < CG_KEK_LEN && key[i] == key[0]; i++)
		;
	if (i == CG_KEK_LEN)
		fault = "one byte repeated";
	if (fault != NULL)
		cg_wipe(key, CG_KEK_LEN);
	return fault;
}

/* The bits that do not reach a byte must be zero. */
static const char *
read_base64(const char *text, uint8_t *key)
{
	uint32_t	bits = 0;
	int			nbits = 0;
	size_t		n = 0;
	size_t		i;

	for (i = 0; i < BASE64_DIGITS; i++)
	{
		int			digit = base64_digit(text[i]);

		if (digit < 0)
			return "malformed";
		bits = bits << 6 | (uint32_t) digit;
		nbits += 6;
		if (nbits >= 8)
		{
			nbits -= 8;
			key[n++] = (uint8_t) (bits >> nbits);
			bits &= (1u << nbits) - 1;
		}
	}
	return bits == 0 ? NULL : "malformed";
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

/*
 * hex.h
 *		Hexadecimal text, in either case.
 */
#ifndef CG_HEX_H
#define CG_HEX_H

#include "status.h"

/* The value of a digit; -1: it is none. */
static inline int
cg_hex_digit(uint32_t c)
{
	if (c - '0' < 10)
		return (int) (c - '0');
	if (c - 'a' < 6)
		return (int) (c - 'a') + 10;
	if (c - 'A' < 6)
		return (int) (c - 'A') + 10;
	return -1;
}

/* Read n bytes from 2n digits; CG_E_FORMAT: one is none. */
static inline CgStatus
cg_hex_decode(const char *text, uint8_t *out, size_t n)
{
	size_t		i;

	for (i = 0; i < n; i++)
	{
		int			high = cg_hex_digit((uint8_t) text[2 * i]);
		int			low = cg_hex_digit((uint8_t) text[2 * i + 1]);

		if (high < 0 || low < 0)
			return CG_E_FORMAT;
		out[i] = (uint8_t) (high << 4 | low);
	}
	return CG_OK;
}

#endif							/* CG_HEX_H */

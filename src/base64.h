/*
 * base64.h
 *		Base64 of RFC 4648: section 4 with padding, and the form for URLs of
 *		section 5 without.
 */
#ifndef CG_BASE64_H
#define CG_BASE64_H

#include "status.h"

typedef enum CgBase64
{
	CG_BASE64_STD,				/* "+" and "/", padded */
	CG_BASE64_URL				/* "-" and "_", not padded */
} CgBase64;

/* Length of the padded form of n bytes, and of the form for URLs. */
#define CG_BASE64_LEN(n)		(((n) + 2) / 3 * 4)
#define CG_BASE64_URL_LEN(n)	((n) / 3 * 4 + ((n) % 3 ? (n) % 3 + 1 : 0))

/* Returns the length; writes no terminating zero. */
extern size_t cg_base64_encode(CgBase64 form, const uint8_t *data, size_t len,
							   char *out);

/*
 * Strict: no white space, padding exactly where it belongs, unused bits zero,
 * so that one string of bytes has one text.  CG_E_FORMAT, CG_E_SPACE.
 */
extern CgStatus cg_base64_decode(CgBase64 form, const char *text, size_t len,
								 uint8_t *out, size_t cap, size_t *out_len);

#endif							/* CG_BASE64_H */

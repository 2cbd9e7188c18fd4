/*
 * armor.h
 *		Text form of an encrypted value: "cip1:" and base64url (RFC 4648
 *		section 5) without padding.
 */
#ifndef CG_ARMOR_H
#define CG_ARMOR_H

#include "base64.h"
#include "status.h"

#define CG_ARMOR_PREFIX		"cip1:"
#define CG_ARMOR_PREFIX_LEN	5

/* Length of the armor of n bytes, without a terminating zero. */
#define CG_ARMOR_LEN(n)		(CG_ARMOR_PREFIX_LEN + CG_BASE64_URL_LEN(n))

/* True if the text starts with the armor prefix. */
extern bool cg_is_armor(const char *text, size_t len);

/* out must hold CG_ARMOR_LEN(len) bytes; returns that length. */
extern size_t cg_armor_encode(const uint8_t *data, size_t len, char *out);

/*
 * Strict: no padding, no white space, unused bits zero, so that one datum
 * has one armor.  out must hold len bytes.  CG_E_FORMAT.
 */
extern CgStatus cg_armor_decode(const char *text, size_t len,
								uint8_t *out, size_t cap, size_t *out_len);

#endif							/* CG_ARMOR_H */

/*
 * keywrap.h
 *		AES-256 key wrap with padding (RFC 5649, NIST SP 800-38F KWP).
 */
#ifndef CG_KEYWRAP_H
#define CG_KEYWRAP_H

#include "status.h"

#define CG_KEK_LEN		32

/* Bytes that wrapping n bytes yields. */
#define CG_WRAPPED_LEN(n)	((((n) + 7) / 8) * 8 + 8)

/*
 * out must hold CG_WRAPPED_LEN(len); *out_len receives the length.  Errors:
 * CG_E_SPACE, CG_E_CRYPTO.
 */
extern CgStatus cg_key_wrap(const uint8_t kek[CG_KEK_LEN],
							const uint8_t *key, size_t len,
							uint8_t *out, size_t cap, size_t *out_len);

/*
 * CG_E_AUTH when the integrity check fails: a wrong KEK or a damaged blob.
 * out must hold len - 8 bytes, and holds nothing of the key after an error.
 */
extern CgStatus cg_key_unwrap(const uint8_t kek[CG_KEK_LEN],
							  const uint8_t *wrapped, size_t len,
							  uint8_t *out, size_t cap, size_t *out_len);

#endif							/* CG_KEYWRAP_H */

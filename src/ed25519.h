/*
 * ed25519.h
 *		Signatures of RFC 8032 (Ed25519), by libcrypto.
 */
#ifndef CG_ED25519_H
#define CG_ED25519_H

#include "status.h"

#define CG_ED25519_SEED_LEN	32
#define CG_ED25519_KEY_LEN	32	/* public key */
#define CG_ED25519_SIG_LEN	64

/* CG_E_CRYPTO when libcrypto refuses. */
extern CgStatus cg_ed25519_public(const uint8_t seed[CG_ED25519_SEED_LEN],
								  uint8_t key[CG_ED25519_KEY_LEN]);
extern CgStatus cg_ed25519_sign(const uint8_t seed[CG_ED25519_SEED_LEN],
								const void *message, size_t len,
								uint8_t sig[CG_ED25519_SIG_LEN]);

/* CG_E_AUTH when the signature is not the key's over that message. */
extern CgStatus cg_ed25519_verify(const uint8_t key[CG_ED25519_KEY_LEN],
								  const void *message, size_t len,
								  const uint8_t sig[CG_ED25519_SIG_LEN]);

/*
 * A public key from text: PEM of a SubjectPublicKeyInfo (RFC 8410), or base64
 * or hexadecimal digits of the key alone.  CG_E_FORMAT.
 */
extern CgStatus cg_ed25519_read_public(const char *text, size_t len,
									   uint8_t key[CG_ED25519_KEY_LEN]);

#endif							/* CG_ED25519_H */

/*
 * seal_key.h
 *		The Ed25519 key that signs the state of the audit log.
 */
#ifndef CG_SEAL_KEY_H
#define CG_SEAL_KEY_H

#include "ed25519.h"

/*
 * Sign with the current version of the key, which *version receives (it may
 * be NULL).  Errors: CG_ERRCODE_KEY_MISSING, CG_ERRCODE_KEK_*.
 */
extern void cg_seal_sign(const void *message, Size len,
						 uint8 sig[CG_ED25519_SIG_LEN], uint16 *version);

/* Is this a signature by that version of the key?  False if there is none. */
extern bool cg_seal_verify(const void *message, Size len,
						   const uint8 sig[CG_ED25519_SIG_LEN],
						   uint16 version);

/* The public key of a version, false if there is none; 0 is the current one. */
extern bool cg_seal_public(uint16 version, uint8 key[CG_ED25519_KEY_LEN]);

/* The newest version, 0 if there is no key. */
extern uint16 cg_seal_newest(void);

#endif							/* CG_SEAL_KEY_H */

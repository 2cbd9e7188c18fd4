/*
 * seal_key.c
 *		The Ed25519 key that signs the state of the audit log.
 *
 * Its seed is a row of cipguard.data_key as any other key is, so a dump takes
 * it along, and nobody without the key-encryption key can sign.  It is
 * unwrapped for each signature and wiped at once: a seal is signed every few
 * seconds at the most.  The public half is derived when it is asked for, since
 * one that lay in a table could be exchanged.
 */
#include "postgres.h"

#include "category.h"
#include "keyring.h"
#include "seal_key.h"
#include "wipe.h"

void
cg_seal_sign(const void *message, Size len, uint8 sig[CG_ED25519_SIG_LEN],
			 uint16 *version)
{
	uint16		current = 0;
	uint8		seed[CG_KEY_LEN];
	CgStatus	status;

	(void) cg_keyring_secret(CG_KEY_KIND_SEAL, cg_name_hash(CG_SEAL_KEY_NAME),
							 &current, seed);
	status = cg_ed25519_sign(seed, message, len, sig);
	cg_wipe(seed, sizeof(seed));
	if (status != CG_OK)
		elog(ERROR, "could not sign");
	if (version != NULL)
		*version = current;
}

bool
cg_seal_verify(const void *message, Size len,
			   const uint8 sig[CG_ED25519_SIG_LEN], uint16 version)
{
	uint8		key[CG_ED25519_KEY_LEN];

	return version != 0 && cg_seal_public(version, key) &&
		cg_ed25519_verify(key, message, len, sig) == CG_OK;
}

bool
cg_seal_public(uint16 version, uint8 key[CG_ED25519_KEY_LEN])
{
	uint8		seed[CG_KEY_LEN];
	CgStatus	status;

	if (!cg_keyring_secret(CG_KEY_KIND_SEAL, cg_name_hash(CG_SEAL_KEY_NAME),
						   &version, seed))
		return false;
	status = cg_ed25519_public(seed, key);
	cg_wipe(seed, sizeof(seed));
	if (status != CG_OK)
		elog(ERROR, "could not derive a public key");
	return true;
}

uint16
cg_seal_newest(void)
{
	return cg_keyring_newest(CG_KEY_KIND_SEAL, cg_name_hash(CG_SEAL_KEY_NAME));
}

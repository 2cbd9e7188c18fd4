/*
 * ed25519.c
 *		Signatures of RFC 8032 (Ed25519), by libcrypto.
 *
 * Contexts are made for each call: one costs a few microseconds, a signature
 * about forty and its verification a hundred.  libcrypto wipes its copy of a
 * private key when it frees it.
 */
#include <openssl/err.h>
#include <openssl/evp.h>

#include "ed25519.h"

CgStatus
cg_ed25519_public(const uint8_t seed[CG_ED25519_SEED_LEN],
				  uint8_t key[CG_ED25519_KEY_LEN])
{
	EVP_PKEY   *pkey;
	size_t		len = CG_ED25519_KEY_LEN;
	bool		good;

	pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed,
										CG_ED25519_SEED_LEN);
	good = pkey != NULL && EVP_PKEY_get_raw_public_key(pkey, key, &len) == 1;
	EVP_PKEY_free(pkey);
	if (!good)
		ERR_clear_error();
	return good ? CG_OK : CG_E_CRYPTO;
}

CgStatus
cg_ed25519_sign(const uint8_t seed[CG_ED25519_SEED_LEN],
				const void *message, size_t len,
				uint8_t sig[CG_ED25519_SIG_LEN])
{
	EVP_PKEY   *pkey;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t		sig_len = CG_ED25519_SIG_LEN;
	bool		good;

	pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed,
										CG_ED25519_SEED_LEN);
	good = pkey != NULL && ctx != NULL &&
		EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
		EVP_DigestSign(ctx, sig, &sig_len, message, len) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	if (!good)
		ERR_clear_error();
	return good ? CG_OK : CG_E_CRYPTO;
}

CgStatus
cg_ed25519_verify(const uint8_t key[CG_ED25519_KEY_LEN],
				  const void *message, size_t len,
				  const uint8_t sig[CG_ED25519_SIG_LEN])
{
	EVP_PKEY   *pkey;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	CgStatus	status = CG_E_CRYPTO;

	pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key,
									   CG_ED25519_KEY_LEN);
	if (pkey != NULL && ctx != NULL &&
		EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1)
		status = EVP_DigestVerify(ctx, sig, CG_ED25519_SIG_LEN,
								  message, len) == 1 ? CG_OK : CG_E_AUTH;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	/* a wrong signature leaves an entry that the next user would see */
	ERR_clear_error();
	return status;
}

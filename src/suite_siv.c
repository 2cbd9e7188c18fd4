/*
 * suite_siv.c
 *		The searchable construction: equality tokens that are IV and tag at once.
 *
 * A token is a MAC of type and canonical plaintext, the synthetic IV of a
 * variant a MAC of header, token and padded plaintext (envelope.h); each is
 * the first 16 bytes of an HMAC.  The text is encrypted in counter mode from
 * there.  IVs are MACs, so two values share key stream only if MACs of
 * different messages collide or come within one text's length of each other.
 * Counter mode, IV and token have keys of their own.
 */
#include <openssl/crypto.h>
#include <string.h>

#include "digest.h"
#include "suite_impl.h"
#include "wipe.h"

typedef struct CgSivCipher
{
	CgCipher	base;
	CgCtr	   *ctr;
	CgHmac	   *siv;
} CgSivCipher;

typedef struct CgSivToken
{
	CgToken		base;
	CgHmac	   *hmac;
} CgSivToken;

CgCipher *
cg_siv_new(const CgSivSpec *spec, const uint8_t *dek)
{
	CgSivCipher *self = OPENSSL_zalloc(sizeof(CgSivCipher));
	uint8_t		key[CG_KEY_LEN];

	if (self == NULL)
		return NULL;
	if (cg_sub_key(dek, spec->info_ctr, key, spec->cipher->key_len))
		self->ctr = cg_ctr_new(spec->cipher, key);
	if (cg_sub_key(dek, spec->info_siv, key, sizeof(key)))
		self->siv = cg_hmac_new_of(spec->hash, key, sizeof(key));
	cg_wipe(key, sizeof(key));
	if (self->ctr == NULL || self->siv == NULL)
	{
		cg_siv_free(&self->base);
		return NULL;
	}
	return &self->base;
}

void
cg_siv_free(CgCipher *cipher)
{
	CgSivCipher *self = (CgSivCipher *) cipher;

	cg_ctr_free(self->ctr);
	cg_hmac_free(self->siv);
	OPENSSL_clear_free(self, sizeof(CgSivCipher));
}

CgStatus
cg_siv_stream(CgCipher *cipher, const uint8_t *iv,
			  const uint8_t *in, size_t len, uint8_t *out)
{
	return cg_ctr_run(((CgSivCipher *) cipher)->ctr, iv, in, len, out);
}

CgStatus
cg_siv_iv(CgCipher *cipher, const uint8_t *aad, size_t aad_len,
		  const uint8_t *in, size_t len, uint8_t *iv)
{
	uint8_t		mac[CG_HASH_LEN];
	CgStatus	status;

	status = cg_hmac(((CgSivCipher *) cipher)->siv, aad, aad_len, in, len,
					 mac);
	if (status == CG_OK)
		memcpy(iv, mac, CG_TOKEN_LEN);
	return status;
}

CgToken *
cg_siv_token_new(const CgSivSpec *spec, const uint8_t *key)
{
	CgSivToken *self = OPENSSL_zalloc(sizeof(CgSivToken));
	uint8_t		sub[CG_KEY_LEN];

	if (self == NULL)
		return NULL;
	if (cg_sub_key(key, spec->info_token, sub, sizeof(sub)))
		self->hmac = cg_hmac_new_of(spec->hash, sub, sizeof(sub));
	cg_wipe(sub, sizeof(sub));
	if (self->hmac == NULL)
	{
		cg_siv_token_free(&self->base);
		return NULL;
	}
	return &self->base;
}

void
cg_siv_token_free(CgToken *token)
{
	CgSivToken *self = (CgSivToken *) token;

	cg_hmac_free(self->hmac);
	OPENSSL_clear_free(self, sizeof(CgSivToken));
}

CgStatus
cg_siv_token_make(CgToken *token, uint8_t type, const uint8_t *canon, size_t len,
				  uint8_t *out)
{
	uint8_t		mac[CG_HASH_LEN];
	CgStatus	status;

	status = cg_hmac(((CgSivToken *) token)->hmac, &type, 1, canon, len, mac);
	if (status == CG_OK)
		memcpy(out, mac, CG_TOKEN_LEN);
	return status;
}

CgStatus
cg_siv_token_make_even(CgToken *token, uint8_t type, const uint8_t *canon, size_t len,
					   size_t len_max, uint8_t *out)
{
	uint8_t		mac[CG_HASH_LEN];
	CgStatus	status;

	status = cg_hmac_even(((CgSivToken *) token)->hmac, &type, 1,
						  canon, len, len_max, mac);
	if (status == CG_OK)
		memcpy(out, mac, CG_TOKEN_LEN);
	return status;
}

/*
 * suite.c
 *		Table of cipher suites, and dispatch to the file that implements one.
 *
 * A suite's number is on disk: it never changes its meaning and is never
 * given to another suite.
 */
#include <string.h>

#include "bytes.h"
#include "suite_impl.h"
#include "wipe.h"

/* In the order of their numbers, from 1. */
static const CgSuiteImpl *const suites[] = {
	&cg_suite_aes_random,
	&cg_suite_aes_searchable,
	&cg_suite_sm4_random,
	&cg_suite_sm4_searchable
};

#define N_SUITES	(sizeof(suites) / sizeof(suites[0]))

static const CgSuiteImpl *impl_by_id(int id);

const CgSuite *
cg_suite_by_id(int id)
{
	const CgSuiteImpl *impl = impl_by_id(id);

	return impl != NULL ? &impl->pub : NULL;
}

const CgSuite *
cg_suite_by_name(const char *name)
{
	size_t		i;

	for (i = 0; i < N_SUITES; i++)
	{
		if (strcmp(suites[i]->pub.name, name) == 0)
			return &suites[i]->pub;
	}
	return NULL;
}

bool
cg_suite_available(int id)
{
	const uint8_t key[CG_KEY_LEN] = {0};
	const CgSuiteImpl *impl = impl_by_id(id);
	CgCipher   *cipher = cg_cipher_new(id, key);
	CgToken    *token = cg_token_new(id, key);
	bool		available;

	available = cipher != NULL &&
		(token != NULL || impl->token_new == NULL);
	cg_cipher_free(cipher);
	cg_token_free(token);
	return available;
}

CgCipher *
cg_cipher_new(int suite, const uint8_t dek[CG_KEY_LEN])
{
	const CgSuiteImpl *impl = impl_by_id(suite);
	CgCipher   *cipher;

	if (impl == NULL)
		return NULL;
	cipher = impl->cipher_new(dek);
	if (cipher != NULL)
		cipher->impl = impl;
	return cipher;
}

void
cg_cipher_free(CgCipher *cipher)
{
	if (cipher != NULL)
		cipher->impl->cipher_free(cipher);
}

int
cg_cipher_suite(const CgCipher *cipher)
{
	return cipher->impl->pub.id;
}

CgStatus
cg_cipher_seal(CgCipher *cipher, const uint8_t *nonce,
			   const uint8_t *aad, size_t aad_len,
			   const uint8_t *in, size_t len, uint8_t *out)
{
	CgStatus	status;

	if (cipher->impl->seal == NULL)
		return CG_E_SUITE;
	status = cipher->impl->seal(cipher, nonce, aad, aad_len, in, len, out);
	if (status != CG_OK)
		cg_wipe(out, len);		/* out may be the plaintext */
	return status;
}

CgStatus
cg_cipher_open(CgCipher *cipher, const uint8_t *nonce,
			   const uint8_t *aad, size_t aad_len,
			   const uint8_t *in, size_t len, uint8_t *out)
{
	if (cipher->impl->open == NULL)
		return CG_E_SUITE;
	return cipher->impl->open(cipher, nonce, aad, aad_len, in, len, out);
}

CgStatus
cg_cipher_stream(CgCipher *cipher, const uint8_t iv[CG_TOKEN_LEN],
				 const uint8_t *in, size_t len, uint8_t *out)
{
	if (cipher->impl->stream == NULL)
		return CG_E_SUITE;
	return cipher->impl->stream(cipher, iv, in, len, out);
}

CgStatus
cg_cipher_siv(CgCipher *cipher, const uint8_t *aad, size_t aad_len,
			  const uint8_t *in, size_t len, uint8_t iv[CG_TOKEN_LEN])
{
	if (cipher->impl->siv == NULL)
		return CG_E_SUITE;
	return cipher->impl->siv(cipher, aad, aad_len, in, len, iv);
}

CgToken *
cg_token_new(int suite, const uint8_t key[CG_KEY_LEN])
{
	const CgSuiteImpl *impl = impl_by_id(suite);
	CgToken    *token;

	if (impl == NULL || impl->token_new == NULL)
		return NULL;
	token = impl->token_new(key);
	if (token != NULL)
		token->impl = impl;
	return token;
}

void
cg_token_free(CgToken *token)
{
	if (token != NULL)
		token->impl->token_free(token);
}

CgStatus
cg_token_make(CgToken *token, uint8_t type, const uint8_t *canon, size_t len,
			  uint8_t out[CG_TOKEN_LEN])
{
	return token->impl->token_make(token, type, canon, len, out);
}

CgStatus
cg_token_check(CgToken *token, uint8_t type, const uint8_t *canon, size_t len,
			   size_t len_max, const uint8_t want[CG_TOKEN_LEN])
{
	uint8_t		got[CG_TOKEN_LEN];
	CgStatus	status;

	status = token->impl->token_make_even(token, type, canon, len, len_max,
										  got);
	if (status == CG_OK && !cg_equal_ct(got, want, CG_TOKEN_LEN))
		status = CG_E_AUTH;
	return status;
}

static const CgSuiteImpl *
impl_by_id(int id)
{
	return id >= 1 && id <= (int) N_SUITES ? suites[id - 1] : NULL;
}

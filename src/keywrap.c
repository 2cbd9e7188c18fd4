/*
 * keywrap.c
 *		AES-256 key wrap with padding (RFC 5649) over OpenSSL's EVP interface.
 *
 * Unwrapping goes through a buffer of our own: when the integrity check
 * fails, libcrypto (3.0 at least) erases as many bytes of the output as the
 * input had, which is eight more than the caller owes us.
 */
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "keywrap.h"
#include "wipe.h"

#define MAX_WRAPPED		65536	/* far above any key, far below INT_MAX */

static EVP_CIPHER_CTX *wrap_context(const uint8_t *kek, int enc);

CgStatus
cg_key_wrap(const uint8_t kek[CG_KEK_LEN], const uint8_t *key, size_t len,
			uint8_t *out, size_t cap, size_t *out_len)
{
	EVP_CIPHER_CTX *ctx;
	int			n = 0;
	bool		good;

	*out_len = 0;
	if (len == 0 || len > MAX_WRAPPED)
		return CG_E_LIMIT;
	if (cap < CG_WRAPPED_LEN(len))
		return CG_E_SPACE;

	ctx = wrap_context(kek, 1);
	good = ctx != NULL && EVP_EncryptUpdate(ctx, out, &n, key, (int) len) &&
		n == (int) CG_WRAPPED_LEN(len);
	EVP_CIPHER_CTX_free(ctx);
	if (!good)
		return CG_E_CRYPTO;
	*out_len = (size_t) n;
	return CG_OK;
}

CgStatus
cg_key_unwrap(const uint8_t kek[CG_KEK_LEN],
			  const uint8_t *wrapped, size_t len,
			  uint8_t *out, size_t cap, size_t *out_len)
{
	EVP_CIPHER_CTX *ctx;
	uint8_t    *key;
	int			n = 0;
	CgStatus	status = CG_E_CRYPTO;

	*out_len = 0;
	if (len < 16 || len % 8 != 0 || len > MAX_WRAPPED)
		return CG_E_AUTH;
	if (cap < len - 8)
		return CG_E_SPACE;

	ERR_set_mark();				/* leave no error for others to find */
	ctx = wrap_context(kek, 0);
	key = OPENSSL_malloc(len);
	if (ctx != NULL && key != NULL)
	{
		/* the recovered length is checked by libcrypto: 0 < n <= len - 8 */
		if (EVP_DecryptUpdate(ctx, key, &n, wrapped, (int) len) &&
			n > 0 && (size_t) n <= len - 8)
		{
			memcpy(out, key, (size_t) n);
			*out_len = (size_t) n;
			status = CG_OK;
		}
		else
			status = CG_E_AUTH;
	}
	OPENSSL_clear_free(key, len);
	EVP_CIPHER_CTX_free(ctx);
	ERR_pop_to_mark();
	return status;
}

/* A context ready to wrap (enc 1) or unwrap (enc 0), or NULL. */
static EVP_CIPHER_CTX *
wrap_context(const uint8_t *kek, int enc)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-WRAP-PAD", NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (ctx != NULL)
		EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (cipher == NULL || ctx == NULL ||
		!EVP_CipherInit_ex2(ctx, cipher, kek, NULL, enc, NULL))
	{
		EVP_CIPHER_CTX_free(ctx);
		ctx = NULL;
	}
	EVP_CIPHER_free(cipher);
	return ctx;
}

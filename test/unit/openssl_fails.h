/*
 * openssl_fails.h
 *		Functions of libcrypto that fail when a test wants them to.
 *
 * A function that the program defines takes the place of the library's of the
 * same name.  Those below count the calls that come from the program itself
 * and fail the one that fails_at names, as the library would for want of
 * memory, an algorithm or randomness; all else goes on to the library.
 */
#ifndef CG_OPENSSL_FAILS_H
#define CG_OPENSSL_FAILS_H

#define OPENSSL_SUPPRESS_DEPRECATED

#include <dlfcn.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdbool.h>

/* Where the linker put the code of the program. */
extern const char __executable_start[];
extern const char etext[];

static long fails_at;			/* 0: none does */
static long fails_calls;		/* since the test set it to 0 */
static int	fails_inside;		/* calls of the library that have not returned */

static bool
fails(const void *caller)
{
	return fails_inside == 0 && (const char *) caller >= __executable_start &&
		(const char *) caller < etext && ++fails_calls == fails_at;
}

#define FAILS(result, failure, name, params, args) \
	result \
	name params \
	{ \
		static result (*real) params; \
		result		r; \
		if (real == NULL) \
			*(void **) &real = dlsym(RTLD_NEXT, #name); \
		if (fails(__builtin_return_address(0))) \
			return failure; \
		fails_inside++; \
		r = real args; \
		fails_inside--; \
		return r; \
	}

FAILS(void *, NULL, CRYPTO_malloc,
	  (size_t num, const char *file, int line), (num, file, line))
FAILS(void *, NULL, CRYPTO_zalloc,
	  (size_t num, const char *file, int line), (num, file, line))
FAILS(int, 0, RAND_bytes, (unsigned char *buf, int num), (buf, num))

FAILS(int, 0, SHA256_Init, (SHA256_CTX *c), (c))
FAILS(int, 0, SHA256_Update,
	  (SHA256_CTX *c, const void *data, size_t len), (c, data, len))
FAILS(int, 0, SHA256_Final, (unsigned char *md, SHA256_CTX *c), (md, c))
FAILS(unsigned char *, NULL, SHA256,
	  (const unsigned char *d, size_t n, unsigned char *md), (d, n, md))

FAILS(EVP_MD *, NULL, EVP_MD_fetch,
	  (OSSL_LIB_CTX *ctx, const char *algorithm, const char *properties),
	  (ctx, algorithm, properties))
FAILS(EVP_MD_CTX *, NULL, EVP_MD_CTX_new, (void), ())
FAILS(int, 0, EVP_MD_CTX_copy_ex,
	  (EVP_MD_CTX *out, const EVP_MD_CTX *in), (out, in))
FAILS(int, 0, EVP_DigestInit_ex2,
	  (EVP_MD_CTX *ctx, const EVP_MD *type, const OSSL_PARAM *params),
	  (ctx, type, params))
FAILS(int, 0, EVP_DigestUpdate,
	  (EVP_MD_CTX *ctx, const void *d, size_t cnt), (ctx, d, cnt))
FAILS(int, 0, EVP_DigestFinal_ex,
	  (EVP_MD_CTX *ctx, unsigned char *md, unsigned int *s), (ctx, md, s))
FAILS(int, 0, EVP_Q_digest,
	  (OSSL_LIB_CTX *libctx, const char *name, const char *propq,
	   const void *data, size_t datalen, unsigned char *md, size_t *mdlen),
	  (libctx, name, propq, data, datalen, md, mdlen))

FAILS(EVP_CIPHER *, NULL, EVP_CIPHER_fetch,
	  (OSSL_LIB_CTX *ctx, const char *algorithm, const char *properties),
	  (ctx, algorithm, properties))
FAILS(EVP_CIPHER_CTX *, NULL, EVP_CIPHER_CTX_new, (void), ())
FAILS(int, 0, EVP_CIPHER_CTX_get_params,
	  (EVP_CIPHER_CTX *ctx, OSSL_PARAM params[]), (ctx, params))
FAILS(int, 0, EVP_CIPHER_CTX_set_params,
	  (EVP_CIPHER_CTX *ctx, const OSSL_PARAM params[]), (ctx, params))
FAILS(int, 0, EVP_CipherInit_ex2,
	  (EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher, const unsigned char *key,
	   const unsigned char *iv, int enc, const OSSL_PARAM params[]),
	  (ctx, cipher, key, iv, enc, params))
FAILS(int, 0, EVP_EncryptInit_ex,
	  (EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher, ENGINE *impl,
	   const unsigned char *key, const unsigned char *iv),
	  (ctx, cipher, impl, key, iv))
FAILS(int, 0, EVP_EncryptInit_ex2,
	  (EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher, const unsigned char *key,
	   const unsigned char *iv, const OSSL_PARAM params[]),
	  (ctx, cipher, key, iv, params))
FAILS(int, 0, EVP_DecryptInit_ex2,
	  (EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher, const unsigned char *key,
	   const unsigned char *iv, const OSSL_PARAM params[]),
	  (ctx, cipher, key, iv, params))
FAILS(int, 0, EVP_EncryptUpdate,
	  (EVP_CIPHER_CTX *ctx, unsigned char *out, int *outl,
	   const unsigned char *in, int inl), (ctx, out, outl, in, inl))
FAILS(int, 0, EVP_DecryptUpdate,
	  (EVP_CIPHER_CTX *ctx, unsigned char *out, int *outl,
	   const unsigned char *in, int inl), (ctx, out, outl, in, inl))
FAILS(int, 0, EVP_EncryptFinal_ex,
	  (EVP_CIPHER_CTX *ctx, unsigned char *out, int *outl), (ctx, out, outl))
FAILS(int, -1, EVP_Cipher,
	  (EVP_CIPHER_CTX *c, unsigned char *out, const unsigned char *in,
	   unsigned int inl), (c, out, in, inl))

FAILS(EVP_PKEY *, NULL, EVP_PKEY_new_raw_private_key,
	  (int type, ENGINE *e, const unsigned char *priv, size_t len),
	  (type, e, priv, len))
FAILS(EVP_PKEY *, NULL, EVP_PKEY_new_raw_public_key,
	  (int type, ENGINE *e, const unsigned char *pub, size_t len),
	  (type, e, pub, len))
FAILS(int, 0, EVP_PKEY_get_raw_public_key,
	  (const EVP_PKEY *pkey, unsigned char *pub, size_t *len),
	  (pkey, pub, len))
FAILS(int, 0, EVP_DigestSignInit,
	  (EVP_MD_CTX *ctx, EVP_PKEY_CTX **pctx, const EVP_MD *type, ENGINE *e,
	   EVP_PKEY *pkey), (ctx, pctx, type, e, pkey))
FAILS(int, 0, EVP_DigestSign,
	  (EVP_MD_CTX *ctx, unsigned char *sigret, size_t *siglen,
	   const unsigned char *tbs, size_t tbslen),
	  (ctx, sigret, siglen, tbs, tbslen))
FAILS(int, 0, EVP_DigestVerifyInit,
	  (EVP_MD_CTX *ctx, EVP_PKEY_CTX **pctx, const EVP_MD *type, ENGINE *e,
	   EVP_PKEY *pkey), (ctx, pctx, type, e, pkey))

#endif							/* CG_OPENSSL_FAILS_H */

/*
 * suite_impl.h
 *		What suite.c and the files that implement suites share.
 *
 * Only suite*.c and their unit tests include this.
 */
#ifndef CG_SUITE_IMPL_H
#define CG_SUITE_IMPL_H

#include <limits.h>
#include <openssl/evp.h>

#include "digest.h"
#include "suite.h"

/*
 * One suite.  A random suite has seal and open, a searchable one stream, siv
 * and the token functions; the others are NULL.
 */
typedef struct CgSuiteImpl
{
	CgSuite		pub;
	CgCipher   *(*cipher_new) (const uint8_t *dek);
	void		(*cipher_free) (CgCipher *cipher);
	CgStatus	(*seal) (CgCipher *cipher, const uint8_t *nonce,
						 const uint8_t *aad, size_t aad_len,
						 const uint8_t *in, size_t len, uint8_t *out);
	CgStatus	(*open) (CgCipher *cipher, const uint8_t *nonce,
						 const uint8_t *aad, size_t aad_len,
						 const uint8_t *in, size_t len, uint8_t *out);
	CgStatus	(*stream) (CgCipher *cipher, const uint8_t *iv,
						   const uint8_t *in, size_t len, uint8_t *out);
	CgStatus	(*siv) (CgCipher *cipher, const uint8_t *aad, size_t aad_len,
						const uint8_t *in, size_t len, uint8_t *iv);
	CgToken    *(*token_new) (const uint8_t *key);
	void		(*token_free) (CgToken *token);
	CgStatus	(*token_make) (CgToken *token, uint8_t type,
							   const uint8_t *canon, size_t len,
							   uint8_t *out);
	CgStatus	(*token_make_even) (CgToken *token, uint8_t type,
									const uint8_t *canon, size_t len,
									size_t len_max, uint8_t *out);
} CgSuiteImpl;

/* First member of each suite's own cipher and token; suite.c sets it. */
struct CgCipher
{
	const CgSuiteImpl *impl;
};

struct CgToken
{
	const CgSuiteImpl *impl;
};

/* suite_aes.c, suite_sm4.c */
extern const CgSuiteImpl cg_suite_aes_random;
extern const CgSuiteImpl cg_suite_aes_searchable;
extern const CgSuiteImpl cg_suite_sm4_random;
extern const CgSuiteImpl cg_suite_sm4_searchable;

/* suite_ctr.c */

#define CG_BLOCK_LEN	16
#define CG_MAX_EVP_LEN	((size_t) INT_MAX - 64) /* EVP counts in int */

/* A block cipher, by the names that libcrypto has for its modes. */
typedef struct CgBlockCipher
{
	const char *ctr;
	const char *ecb;
	size_t		key_len;
} CgBlockCipher;

extern const CgBlockCipher cg_aes256;
extern const CgBlockCipher cg_sm4;

/* Counter mode, the IV being the first counter block.  In place is fine. */
typedef struct CgCtr CgCtr;

/* NULL if OpenSSL has no memory or no such cipher. */
extern CgCtr *cg_ctr_new(const CgBlockCipher *cipher, const uint8_t *key);
extern void cg_ctr_free(CgCtr *ctr);

/* Encrypt or decrypt: it is the same. */
extern CgStatus cg_ctr_run(CgCtr *ctr, const uint8_t *iv,
						   const uint8_t *in, size_t len, uint8_t *out);

/* A context of libcrypto, with or without a key; NULL if it has no such. */
extern EVP_CIPHER_CTX *cg_evp_context(const char *name, const uint8_t *key,
									  int enc);

/* A sub-key for one use, from a key of CG_KEY_LEN bytes. */
extern bool cg_sub_key(const uint8_t *key, const char *info,
					   uint8_t *out, size_t out_len);

/* suite_siv.c: what a searchable suite is made of. */
typedef struct CgSivSpec
{
	const CgBlockCipher *cipher;
	CgHash		hash;
	const char *info_ctr;
	const char *info_siv;
	const char *info_token;
} CgSivSpec;

/*
 * Cipher of a suite of this kind, with keys derived from dek; NULL if OpenSSL
 * has no memory or no such cipher.
 */
extern CgCipher *cg_siv_new(const CgSivSpec *spec, const uint8_t *dek);
extern void cg_siv_free(CgCipher *cipher);

/* Encrypt or decrypt with that initial value. */
extern CgStatus cg_siv_stream(CgCipher *cipher, const uint8_t *iv,
							  const uint8_t *in, size_t len, uint8_t *out);

/*
 * The initial value of a text, from all that is authenticated: CG_TOKEN_LEN
 * bytes.
 */
extern CgStatus cg_siv_iv(CgCipher *cipher, const uint8_t *aad,
						  size_t aad_len, const uint8_t *in, size_t len,
						  uint8_t *iv);

/*
 * Tokens of a suite of this kind, with a key derived from key; NULL on
 * failure.
 */
extern CgToken *cg_siv_token_new(const CgSivSpec *spec, const uint8_t *key);
extern void cg_siv_token_free(CgToken *token);

/* The token of a canonical value: CG_TOKEN_LEN bytes. */
extern CgStatus cg_siv_token_make(CgToken *token, uint8_t type,
								  const uint8_t *canon, size_t len,
								  uint8_t *out);

/* The same, in a time that depends on len_max and not on len. */
extern CgStatus cg_siv_token_make_even(CgToken *token, uint8_t type,
									   const uint8_t *canon, size_t len,
									   size_t len_max, uint8_t *out);

/*
 * AES-256-GCM, one direction.  key may be NULL to keep the one of the last
 * call, which saves the key schedule.  Same buffers as cg_cipher_seal and
 * cg_cipher_open.
 */
#define CG_GCM_NONCE_LEN	12
#define CG_GCM_TAG_LEN		16

typedef struct CgGcm CgGcm;

/*
 * AES-256-GCM for sealing or for opening; NULL if OpenSSL has no memory or no
 * such cipher.
 */
extern CgGcm *cg_gcm_new(bool sealing);
extern void cg_gcm_free(CgGcm *gcm);

/*
 * out gets len bytes of ciphertext and the tag; nothing is left in it on
 * failure.
 */
extern CgStatus cg_gcm_seal(CgGcm *gcm, const uint8_t *key,
							const uint8_t *nonce,
							const uint8_t *aad, size_t aad_len,
							const uint8_t *in, size_t len, uint8_t *out);

/*
 * in is ciphertext and tag; out gets the plaintext, and nothing is left in it
 * on failure.
 */
extern CgStatus cg_gcm_open(CgGcm *gcm, const uint8_t *key,
							const uint8_t *nonce,
							const uint8_t *aad, size_t aad_len,
							const uint8_t *in, size_t len, uint8_t *out);

/* XAES-256-GCM under its own key, not a DEK. */
#define CG_XAES_NONCE_LEN	24

typedef struct CgXaes CgXaes;

/* XAES-256-GCM with a key; NULL if OpenSSL has no memory or no such cipher. */
extern CgXaes *cg_xaes_new(const uint8_t key[CG_KEY_LEN]);
extern void cg_xaes_free(CgXaes *xaes);

/* As those of GCM, with the longer nonce. */
extern CgStatus cg_xaes_seal(CgXaes *xaes, const uint8_t *nonce,
							 const uint8_t *aad, size_t aad_len,
							 const uint8_t *in, size_t len, uint8_t *out);
extern CgStatus cg_xaes_open(CgXaes *xaes, const uint8_t *nonce,
							 const uint8_t *aad, size_t aad_len,
							 const uint8_t *in, size_t len, uint8_t *out);

#endif							/* CG_SUITE_IMPL_H */

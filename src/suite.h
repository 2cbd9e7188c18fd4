/*
 * suite.h
 *		Cipher suites: what each number in a datum's header means.
 *
 *	id	name			random/searchable	construction
 *	1	aes-random		random				XAES-256-GCM (C2SP XAES-256-GCM)
 *	2	aes-searchable	searchable			SIV: AES-256-CTR, IV = HMAC-SHA-256
 *	3	sm4-random		random				SM4-CTR, then HMAC-SM3
 *	4	sm4-searchable	searchable			SIV: SM4-CTR, IV = HMAC-SM3
 *
 * A data key (DEK) never touches a cipher itself: each suite derives its
 * sub-keys by HKDF-SHA-256 with an info string of its own, so one DEK may
 * serve rows of several suites.  Contexts are made once per key and reused:
 * that is most of the speed (234 ns against 1780 ns for 16 bytes).
 *
 * A CgCipher or CgToken is for one thread at a time.
 */
#ifndef CG_SUITE_H
#define CG_SUITE_H

#include "status.h"

#define CG_KEY_LEN			32
#define CG_TOKEN_LEN		16	/* equality token, also a synthetic IV */
#define CG_MAX_NONCE_LEN	24

#define CG_SUITE_AES_RANDOM		1
#define CG_SUITE_AES_SEARCHABLE	2
#define CG_SUITE_SM4_RANDOM		3
#define CG_SUITE_SM4_SEARCHABLE	4
#define CG_MAX_SUITE			4	/* arrays by suite have one more */

typedef struct CgSuite
{
	uint8_t		id;
	const char *name;
	bool		searchable;
	uint8_t		nonce_len;		/* random suites; 0 if searchable */
	uint8_t		tag_len;		/* random suites; 0 if searchable */
} CgSuite;

typedef struct CgCipher CgCipher;	/* one DEK under one suite */
typedef struct CgToken CgToken; /* one token key under one suite's MAC */

/* NULL if unknown. */
extern const CgSuite *cg_suite_by_id(int id);
extern const CgSuite *cg_suite_by_name(const char *name);

/*
 * Whether libcrypto has what the suite needs: a provider restricted to FIPS
 * 140 has neither SM4 nor SM3.
 */
extern bool cg_suite_available(int id);

/* NULL when the suite is unknown or libcrypto refuses. */
extern CgCipher *cg_cipher_new(int suite, const uint8_t dek[CG_KEY_LEN]);
extern void cg_cipher_free(CgCipher *cipher);
extern int	cg_cipher_suite(const CgCipher *cipher);

/*
 * Random suites.  seal writes len bytes of ciphertext and then tag_len bytes
 * of tag; open takes len bytes ending in the tag and writes len - tag_len.
 * out may be the very buffer of in, but may not overlap it otherwise.  On
 * any error out holds no plaintext.
 */
extern CgStatus cg_cipher_seal(CgCipher *cipher, const uint8_t *nonce,
							   const uint8_t *aad, size_t aad_len,
							   const uint8_t *in, size_t len, uint8_t *out);
extern CgStatus cg_cipher_open(CgCipher *cipher, const uint8_t *nonce,
							   const uint8_t *aad, size_t aad_len,
							   const uint8_t *in, size_t len, uint8_t *out);

/*
 * Searchable suites.  stream is its own inverse, and works in place too.  siv
 * is the synthetic IV of a value whose stored form is not its canonical one
 * (see envelope.h).
 */
extern CgStatus cg_cipher_stream(CgCipher *cipher,
								 const uint8_t iv[CG_TOKEN_LEN],
								 const uint8_t *in, size_t len, uint8_t *out);
extern CgStatus cg_cipher_siv(CgCipher *cipher,
							  const uint8_t *aad, size_t aad_len,
							  const uint8_t *in, size_t len,
							  uint8_t iv[CG_TOKEN_LEN]);

/*
 * Equality tokens: MAC(token key, type || canonical plaintext), first
 * CG_TOKEN_LEN bytes.  suite chooses the MAC (2: HMAC-SHA-256,
 * 4: HMAC-SM3).
 */
extern CgToken *cg_token_new(int suite, const uint8_t key[CG_KEY_LEN]);
extern void cg_token_free(CgToken *token);
extern CgStatus cg_token_make(CgToken *token, uint8_t type,
							  const uint8_t *canon, size_t len,
							  uint8_t out[CG_TOKEN_LEN]);

/*
 * CG_OK if want is the token of canon, CG_E_AUTH if not, in a time that
 * depends on len_max only: len is secret, at most len_max and at most 255
 * less.
 */
extern CgStatus cg_token_check(CgToken *token, uint8_t type,
							   const uint8_t *canon, size_t len,
							   size_t len_max,
							   const uint8_t want[CG_TOKEN_LEN]);

#endif							/* CG_SUITE_H */

/*
 * suite_impl.h
 *		What suite.c and the files that implement suites share.
 *
 * Only suite*.c and their unit tests include this.
 */
#ifndef CG_SUITE_IMPL_H
#define CG_SUITE_IMPL_H

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

/* suite_aes.c */
extern const CgSuiteImpl cg_suite_aes_random;
extern const CgSuiteImpl cg_suite_aes_searchable;

/*
 * AES-256-GCM, one direction.  key may be NULL to keep the one of the last
 * call, which saves the key schedule.  Same buffers as cg_cipher_seal and
 * cg_cipher_open.
 */
#define CG_GCM_NONCE_LEN	12
#define CG_GCM_TAG_LEN		16

typedef struct CgGcm CgGcm;

extern CgGcm *cg_gcm_new(bool sealing);
extern void cg_gcm_free(CgGcm *gcm);
extern CgStatus cg_gcm_seal(CgGcm *gcm, const uint8_t *key,
							const uint8_t *nonce,
							const uint8_t *aad, size_t aad_len,
							const uint8_t *in, size_t len, uint8_t *out);
extern CgStatus cg_gcm_open(CgGcm *gcm, const uint8_t *key,
							const uint8_t *nonce,
							const uint8_t *aad, size_t aad_len,
							const uint8_t *in, size_t len, uint8_t *out);

/* AES-256-CTR, the IV being the first counter block.  In place is fine. */
typedef struct CgCtr CgCtr;

extern CgCtr *cg_ctr_new(const uint8_t key[CG_KEY_LEN]);
extern void cg_ctr_free(CgCtr *ctr);
extern CgStatus cg_ctr_run(CgCtr *ctr, const uint8_t *iv,
						   const uint8_t *in, size_t len, uint8_t *out);

/* XAES-256-GCM under its own key, not a DEK. */
#define CG_XAES_NONCE_LEN	24

typedef struct CgXaes CgXaes;

extern CgXaes *cg_xaes_new(const uint8_t key[CG_KEY_LEN]);
extern void cg_xaes_free(CgXaes *xaes);
extern CgStatus cg_xaes_seal(CgXaes *xaes, const uint8_t *nonce,
							 const uint8_t *aad, size_t aad_len,
							 const uint8_t *in, size_t len, uint8_t *out);
extern CgStatus cg_xaes_open(CgXaes *xaes, const uint8_t *nonce,
							 const uint8_t *aad, size_t aad_len,
							 const uint8_t *in, size_t len, uint8_t *out);

#endif							/* CG_SUITE_IMPL_H */

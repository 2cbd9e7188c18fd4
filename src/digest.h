/*
 * digest.h
 *		SHA-256 and SM3, HMAC (RFC 2104) with either and a cached context, and
 *		HKDF-SHA-256 (RFC 5869).
 */
#ifndef CG_DIGEST_H
#define CG_DIGEST_H

#include "status.h"

#define CG_SHA256_LEN	32
#define CG_HASH_LEN		32		/* of each hash here */

typedef enum CgHash
{
	CG_HASH_SHA256,
	CG_HASH_SM3
} CgHash;

typedef struct CgHmac CgHmac;	/* a keyed, reusable HMAC context */

/* A string of bytes among several. */
typedef struct CgPart
{
	const void *data;
	size_t		len;
} CgPart;

/*
 * Keyed context, or NULL when libcrypto refuses or lacks the hash.  Freed by
 * cg_hmac_free.  cg_hmac_new takes SHA-256.
 */
extern CgHmac *cg_hmac_new(const uint8_t *key, size_t key_len);
extern CgHmac *cg_hmac_new_of(CgHash which, const uint8_t *key,
							  size_t key_len);
extern void cg_hmac_free(CgHmac *hmac);

/*
 * MAC of up to two byte strings, one after the other (the second may be NULL
 * with length 0).  mac receives CG_HASH_LEN bytes.
 */
extern CgStatus cg_hmac(CgHmac *hmac, const void *a, size_t a_len,
						const void *b, size_t b_len, uint8_t *mac);

/* MAC of any number of byte strings, one after the other. */
extern CgStatus cg_hmac_parts(CgHmac *hmac, const CgPart *parts, int n,
							  uint8_t *mac);

/*
 * The same MAC in a time that depends on b_max but not on b_len, for a length
 * that is secret.  b_len may be at most b_max and at most 255 less, or
 * CG_E_LIMIT.
 */
extern CgStatus cg_hmac_even(CgHmac *hmac, const void *a, size_t a_len,
							 const void *b, size_t b_len, size_t b_max,
							 uint8_t *mac);

/* SHA-256 of the data: CG_SHA256_LEN bytes in md. */
extern CgStatus cg_sha256(const void *data, size_t len, uint8_t *md);

/* CG_E_CRYPTO if libcrypto has no SM3. */
extern CgStatus cg_sm3(const void *data, size_t len, uint8_t *md);

/* RFC 5869 extract-and-expand; out_len at most 255 * 32. */
extern CgStatus cg_hkdf(const uint8_t *ikm, size_t ikm_len,
						const uint8_t *salt, size_t salt_len,
						const void *info, size_t info_len,
						uint8_t *out, size_t out_len);

#endif							/* CG_DIGEST_H */

/*
 * suite_sm4.c
 *		Suites 3 (sm4-random) and 4 (sm4-searchable): the block cipher of
 *		GB/T 32907 and the hash of GB/T 32905.
 *
 * OpenSSL 3.0 has no authenticated mode of SM4, so sm4-random encrypts in
 * counter mode from a random block and then authenticates by HMAC-SM3, cut to
 * 128 bits, under another key.  What is authenticated is
 *
 *		header || nonce || ciphertext || length of the header in bits (8 bytes)
 *
 * as in RFC 7518, section 5.2.2.1: the nonce has a fixed length and the header
 * tells its own at the end, so no two messages give the same bytes.  Opening
 * compares the tag in constant time before it decrypts anything.
 *
 * Each value draws 16 random bytes.  Key streams of two values overlap if one
 * of their counter blocks is the same: for n values of at most m blocks with
 * a probability below n^2 m / 2^127, which for 2^40 values of 64 kB under one
 * key is 2^-35.
 *
 * sm4-searchable is the construction of suite_siv.c with SM4 and HMAC-SM3.
 *
 * Sub-keys are derived from the data key and the token key by HKDF-SHA-256,
 * as for the other suites; a key of SM4 has 128 bits.
 */
#include <openssl/crypto.h>
#include <string.h>

#include "bytes.h"
#include "digest.h"
#include "suite_impl.h"
#include "wipe.h"

#define SM4_KEY_LEN		16
#define TAG_LEN			16

/* Never change one of these: they are part of the format. */
#define INFO_RANDOM_CTR	"cipguard/v1/sm4-random/ctr"
#define INFO_RANDOM_MAC	"cipguard/v1/sm4-random/mac"
#define INFO_CTR		"cipguard/v1/sm4-searchable/ctr"
#define INFO_SIV		"cipguard/v1/sm4-searchable/siv"
#define INFO_TOKEN		"cipguard/v1/sm4-searchable/token"

typedef struct CgSm4Cipher
{
	CgCipher	base;
	CgCtr	   *ctr;
	CgHmac	   *mac;
} CgSm4Cipher;

static CgCipher *random_new(const uint8_t *dek);
static void random_free(CgCipher *cipher);
static CgStatus random_mac(CgSm4Cipher *self, const uint8_t *nonce,
						   const uint8_t *aad, size_t aad_len,
						   const uint8_t *body, size_t len, uint8_t *tag);
static CgStatus random_seal(CgCipher *cipher, const uint8_t *nonce,
							const uint8_t *aad, size_t aad_len,
							const uint8_t *in, size_t len, uint8_t *out);
static CgStatus random_open(CgCipher *cipher, const uint8_t *nonce,
							const uint8_t *aad, size_t aad_len,
							const uint8_t *in, size_t len, uint8_t *out);
static CgCipher *search_new(const uint8_t *dek);
static CgToken *search_token_new(const uint8_t *key);

const CgBlockCipher cg_sm4 = {
	.ctr = "SM4-CTR",
	.ecb = "SM4-ECB",
	.key_len = SM4_KEY_LEN
};

static const CgSivSpec siv_spec = {
	.cipher = &cg_sm4,
	.hash = CG_HASH_SM3,
	.info_ctr = INFO_CTR,
	.info_siv = INFO_SIV,
	.info_token = INFO_TOKEN
};

const CgSuiteImpl cg_suite_sm4_random = {
	.pub = {
		.id = CG_SUITE_SM4_RANDOM,
		.name = "sm4-random",
		.searchable = false,
		.nonce_len = CG_BLOCK_LEN,
		.tag_len = TAG_LEN
	},
	.cipher_new = random_new,
	.cipher_free = random_free,
	.seal = random_seal,
	.open = random_open
};

const CgSuiteImpl cg_suite_sm4_searchable = {
	.pub = {
		.id = CG_SUITE_SM4_SEARCHABLE,
		.name = "sm4-searchable",
		.searchable = true
	},
	.cipher_new = search_new,
	.cipher_free = cg_siv_free,
	.stream = cg_siv_stream,
	.siv = cg_siv_iv,
	.token_new = search_token_new,
	.token_free = cg_siv_token_free,
	.token_make = cg_siv_token_make,
	.token_make_even = cg_siv_token_make_even
};

/* sm4-random */

static CgCipher *
random_new(const uint8_t *dek)
{
	CgSm4Cipher *self = OPENSSL_zalloc(sizeof(CgSm4Cipher));
	uint8_t		key[CG_KEY_LEN];

	if (self == NULL)
		return NULL;
	if (cg_sub_key(dek, INFO_RANDOM_CTR, key, SM4_KEY_LEN))
		self->ctr = cg_ctr_new(&cg_sm4, key);
	if (cg_sub_key(dek, INFO_RANDOM_MAC, key, sizeof(key)))
		self->mac = cg_hmac_new_of(CG_HASH_SM3, key, sizeof(key));
	cg_wipe(key, sizeof(key));
	if (self->ctr == NULL || self->mac == NULL)
	{
		random_free(&self->base);
		return NULL;
	}
	return &self->base;
}

static void
random_free(CgCipher *cipher)
{
	CgSm4Cipher *self = (CgSm4Cipher *) cipher;

	cg_ctr_free(self->ctr);
	cg_hmac_free(self->mac);
	OPENSSL_clear_free(self, sizeof(CgSm4Cipher));
}

static CgStatus
random_mac(CgSm4Cipher *self, const uint8_t *nonce,
		   const uint8_t *aad, size_t aad_len,
		   const uint8_t *body, size_t len, uint8_t *tag)
{
	uint8_t		mac[CG_HASH_LEN];
	uint8_t		aad_bits[8];
	CgPart		parts[4] = {
		{aad, aad_len},
		{nonce, CG_BLOCK_LEN},
		{body, len},
		{aad_bits, sizeof(aad_bits)}
	};
	CgStatus	status;

	cg_put_u64(aad_bits, (uint64_t) aad_len * 8);
	status = cg_hmac_parts(self->mac, parts, 4, mac);
	if (status == CG_OK)
		memcpy(tag, mac, TAG_LEN);
	return status;
}

static CgStatus
random_seal(CgCipher *cipher, const uint8_t *nonce,
			const uint8_t *aad, size_t aad_len,
			const uint8_t *in, size_t len, uint8_t *out)
{
	CgSm4Cipher *self = (CgSm4Cipher *) cipher;
	CgStatus	status;

	status = cg_ctr_run(self->ctr, nonce, in, len, out);
	if (status == CG_OK)
		status = random_mac(self, nonce, aad, aad_len, out, len, out + len);
	return status;
}

static CgStatus
random_open(CgCipher *cipher, const uint8_t *nonce,
			const uint8_t *aad, size_t aad_len,
			const uint8_t *in, size_t len, uint8_t *out)
{
	CgSm4Cipher *self = (CgSm4Cipher *) cipher;
	uint8_t		tag[TAG_LEN];
	CgStatus	status;

	if (len < TAG_LEN)
		return CG_E_AUTH;
	len -= TAG_LEN;
	status = random_mac(self, nonce, aad, aad_len, in, len, tag);
	if (status == CG_OK && !cg_equal_ct(tag, in + len, TAG_LEN))
		status = CG_E_AUTH;
	if (status == CG_OK)
		status = cg_ctr_run(self->ctr, nonce, in, len, out);
	if (status != CG_OK)
		cg_wipe(out, len);
	return status;
}

/* sm4-searchable */

static CgCipher *
search_new(const uint8_t *dek)
{
	return cg_siv_new(&siv_spec, dek);
}

static CgToken *
search_token_new(const uint8_t *key)
{
	return cg_siv_token_new(&siv_spec, key);
}

/*
 * suite_aes.c
 *		Suites 1 (aes-random) and 2 (aes-searchable).
 *
 * aes-random is XAES-256-GCM (https://c2sp.org/XAES-256-GCM): the first 12 of
 * 24 nonce bytes and the key give, by AES-CMAC, a key for AES-256-GCM with
 * the other 12.  The derived key stays in the GCM context, apart for sealing
 * and opening, until a nonce with another prefix comes: a value whose prefix
 * is that of the last one costs neither derivation nor key schedule (185 ns
 * of 400 at 16 bytes).
 *
 * To profit from that the server draws one random prefix for up to 256 values
 * and a fresh random suffix for each.  A nonce then repeats only if (a) two
 * suffixes below one draw of a prefix are equal, or (b) two draws give the
 * same prefix and two suffixes below them are equal too.  For d draws,
 * n = 256 d values, the probability is below
 *		(a) d * 256^2/2 / 2^96 = d / 2^81,
 *		(b) d^2/2 * 256^2 / 2^192 = d^2 / 2^177,
 * so that 2^57 values under one DEK (d = 2^49) stay at 2^-32, the bound of
 * NIST SP 800-38D.  Independent nonces would allow 2^80; both are out of
 * reach of a table.  Each derived key sees 256 values or a few times that,
 * far below the 2^32 which GCM allows with random nonces.  Nothing here
 * relies on the server doing so: the cache is keyed by the prefix.
 *
 * aes-searchable is the construction of suite_siv.c with AES-256 and
 * HMAC-SHA-256.
 *
 * Tags go through parameter arrays made once: EVP_CIPHER_CTX_ctrl would build
 * one per call (20 ns).  Opening goes through EVP_Cipher(), which hands what
 * it gets to the cipher and, given nothing, has it check the tag.
 */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

#include "bytes.h"
#include "digest.h"
#include "suite_impl.h"
#include "wipe.h"

#define XAES_PREFIX_LEN 12

/* Never change one of these: they are part of the format. */
#define INFO_RANDOM		"cipguard/v1/aes-random/key"
#define INFO_CTR		"cipguard/v1/aes-searchable/ctr"
#define INFO_SIV		"cipguard/v1/aes-searchable/siv"
#define INFO_TOKEN		"cipguard/v1/aes-searchable/token"

struct CgGcm
{
	EVP_CIPHER_CTX *ctx;
	OSSL_PARAM	tag_param[2];	/* points to tag */
	OSSL_PARAM	next_param[3];	/* points to tag and nonce */
	bool		quick;			/* opening: next_param starts a message */
	uint8_t		tag[CG_GCM_TAG_LEN];
	uint8_t		nonce[CG_GCM_NONCE_LEN];
};

/* A GCM context and the nonce prefix whose derived key it holds. */
typedef struct CgXaesSide
{
	CgGcm	   *gcm;
	bool		keyed;
	uint8_t		prefix[XAES_PREFIX_LEN];
} CgXaesSide;

struct CgXaes
{
	EVP_CIPHER_CTX *block;		/* AES-256, one block at a time */
	uint8_t		k1[CG_BLOCK_LEN];	/* CMAC subkey */
	CgXaesSide	seal;
	CgXaesSide	open;
};

typedef struct CgRandomCipher
{
	CgCipher	base;
	CgXaes	   *xaes;
} CgRandomCipher;

static bool gcm_start(CgGcm *gcm, const uint8_t *key);
static bool xaes_subkey(CgXaes *xaes);
static CgStatus xaes_derive(CgXaes *xaes, const uint8_t *prefix, uint8_t *key);
static CgStatus xaes_run(CgXaes *xaes, CgXaesSide *side, const uint8_t *nonce,
						 const uint8_t *aad, size_t aad_len,
						 const uint8_t *in, size_t len, uint8_t *out);

static CgCipher *random_new(const uint8_t *dek);
static void random_free(CgCipher *cipher);
static CgStatus random_seal(CgCipher *cipher, const uint8_t *nonce,
							const uint8_t *aad, size_t aad_len,
							const uint8_t *in, size_t len, uint8_t *out);
static CgStatus random_open(CgCipher *cipher, const uint8_t *nonce,
							const uint8_t *aad, size_t aad_len,
							const uint8_t *in, size_t len, uint8_t *out);

static CgCipher *search_new(const uint8_t *dek);
static CgToken *search_token_new(const uint8_t *key);

const CgBlockCipher cg_aes256 = {
	.ctr = "AES-256-CTR",
	.ecb = "AES-256-ECB",
	.key_len = 32
};

static const CgSivSpec siv_spec = {
	.cipher = &cg_aes256,
	.hash = CG_HASH_SHA256,
	.info_ctr = INFO_CTR,
	.info_siv = INFO_SIV,
	.info_token = INFO_TOKEN
};

const CgSuiteImpl cg_suite_aes_random = {
	.pub = {
		.id = CG_SUITE_AES_RANDOM,
		.name = "aes-random",
		.searchable = false,
		.nonce_len = CG_XAES_NONCE_LEN,
		.tag_len = CG_GCM_TAG_LEN
	},
	.cipher_new = random_new,
	.cipher_free = random_free,
	.seal = random_seal,
	.open = random_open
};

const CgSuiteImpl cg_suite_aes_searchable = {
	.pub = {
		.id = CG_SUITE_AES_SEARCHABLE,
		.name = "aes-searchable",
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

/* AES-256-GCM */

CgGcm *
cg_gcm_new(bool sealing)
{
	CgGcm	   *gcm = OPENSSL_zalloc(sizeof(CgGcm));

	if (gcm == NULL)
		return NULL;
	gcm->ctx = cg_evp_context("AES-256-GCM", NULL, sealing);
	if (gcm->ctx == NULL)
	{
		cg_gcm_free(gcm);
		return NULL;
	}
	gcm->tag_param[0] =
		OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG,
										  gcm->tag, sizeof(gcm->tag));
	gcm->tag_param[1] = OSSL_PARAM_construct_end();
	gcm->next_param[0] = gcm->tag_param[0];
	gcm->next_param[1] =
		OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TLS1_SET_IV_INV,
										  gcm->nonce, sizeof(gcm->nonce));
	gcm->next_param[2] = OSSL_PARAM_construct_end();
	return gcm;
}

void
cg_gcm_free(CgGcm *gcm)
{
	if (gcm == NULL)
		return;
	EVP_CIPHER_CTX_free(gcm->ctx);
	OPENSSL_clear_free(gcm, sizeof(CgGcm));
}

CgStatus
cg_gcm_seal(CgGcm *gcm, const uint8_t *key, const uint8_t *nonce,
			const uint8_t *aad, size_t aad_len,
			const uint8_t *in, size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = gcm->ctx;
	int			n;

	if (len > CG_MAX_EVP_LEN || aad_len > CG_MAX_EVP_LEN)
		return CG_E_LIMIT;
	if (!EVP_EncryptInit_ex2(ctx, NULL, key, nonce, NULL) ||
		(aad_len > 0 &&
		 !EVP_EncryptUpdate(ctx, NULL, &n, aad, (int) aad_len)) ||
		(len > 0 && !EVP_EncryptUpdate(ctx, out, &n, in, (int) len)) ||
		!EVP_EncryptFinal_ex(ctx, out + len, &n) ||
		!EVP_CIPHER_CTX_get_params(ctx, gcm->tag_param))
	{
		cg_wipe(out, len);
		return CG_E_CRYPTO;
	}
	memcpy(out + len, gcm->tag, CG_GCM_TAG_LEN);
	return CG_OK;
}

/*
 * Begin to open a message; its nonce and tag are in gcm.  Initialising a
 * context asks it for the lengths of its key and nonce, by name, which takes
 * a quarter of the time of a short value.  Setting nonce and tag in one call
 * does not.  The parameter is the one that TLS uses for records: it replaces
 * the last bytes of the nonce, here all of them, and works after a fixed part
 * was set.  Where it does not, messages begin in the ordinary way.
 */
static bool
gcm_start(CgGcm *gcm, const uint8_t *key)
{
	static uint8_t fixed[4];
	OSSL_PARAM	fixed_param[2];

	if (key == NULL && gcm->quick)
	{
		if (EVP_CIPHER_CTX_set_params(gcm->ctx, gcm->next_param))
			return true;
		gcm->quick = false;
	}
	if (key != NULL)
	{
		fixed_param[0] =
			OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TLS1_IV_FIXED,
											  fixed, sizeof(fixed));
		fixed_param[1] = OSSL_PARAM_construct_end();
		if (!EVP_DecryptInit_ex2(gcm->ctx, NULL, key, gcm->nonce, NULL))
			return false;
		gcm->quick = EVP_CIPHER_CTX_set_params(gcm->ctx, fixed_param);
	}
	return EVP_DecryptInit_ex2(gcm->ctx, NULL, NULL, gcm->nonce, NULL) &&
		EVP_CIPHER_CTX_set_params(gcm->ctx, gcm->tag_param);
}

CgStatus
cg_gcm_open(CgGcm *gcm, const uint8_t *key, const uint8_t *nonce,
			const uint8_t *aad, size_t aad_len,
			const uint8_t *in, size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = gcm->ctx;
	CgStatus	status = CG_OK;

	if (len < CG_GCM_TAG_LEN)
		return CG_E_AUTH;
	len -= CG_GCM_TAG_LEN;
	if (len > CG_MAX_EVP_LEN || aad_len > CG_MAX_EVP_LEN)
		return CG_E_LIMIT;
	memcpy(gcm->tag, in + len, CG_GCM_TAG_LEN);
	memcpy(gcm->nonce, nonce, CG_GCM_NONCE_LEN);
	if (!gcm_start(gcm, key) ||
		(aad_len > 0 && EVP_Cipher(ctx, NULL, aad, (unsigned int) aad_len) < 0) ||
		(len > 0 && EVP_Cipher(ctx, out, in, (unsigned int) len) < 0))
		status = CG_E_CRYPTO;
	else if (EVP_Cipher(ctx, NULL, NULL, 0) < 0)
		status = CG_E_AUTH;
	if (status != CG_OK)
		cg_wipe(out, len);
	return status;
}

/* XAES-256-GCM */

CgXaes *
cg_xaes_new(const uint8_t key[CG_KEY_LEN])
{
	CgXaes	   *xaes = OPENSSL_zalloc(sizeof(CgXaes));

	if (xaes == NULL)
		return NULL;
	xaes->block = cg_evp_context("AES-256-ECB", key, 1);
	xaes->seal.gcm = cg_gcm_new(true);
	xaes->open.gcm = cg_gcm_new(false);
	if (xaes->block == NULL || xaes->seal.gcm == NULL ||
		xaes->open.gcm == NULL || !xaes_subkey(xaes))
	{
		cg_xaes_free(xaes);
		return NULL;
	}
	return xaes;
}

void
cg_xaes_free(CgXaes *xaes)
{
	if (xaes == NULL)
		return;
	EVP_CIPHER_CTX_free(xaes->block);
	cg_gcm_free(xaes->seal.gcm);
	cg_gcm_free(xaes->open.gcm);
	OPENSSL_clear_free(xaes, sizeof(CgXaes));
}

CgStatus
cg_xaes_seal(CgXaes *xaes, const uint8_t *nonce,
			 const uint8_t *aad, size_t aad_len,
			 const uint8_t *in, size_t len, uint8_t *out)
{
	return xaes_run(xaes, &xaes->seal, nonce, aad, aad_len, in, len, out);
}

CgStatus
cg_xaes_open(CgXaes *xaes, const uint8_t *nonce,
			 const uint8_t *aad, size_t aad_len,
			 const uint8_t *in, size_t len, uint8_t *out)
{
	return xaes_run(xaes, &xaes->open, nonce, aad, aad_len, in, len, out);
}

static CgStatus
xaes_run(CgXaes *xaes, CgXaesSide *side, const uint8_t *nonce,
		 const uint8_t *aad, size_t aad_len,
		 const uint8_t *in, size_t len, uint8_t *out)
{
	uint8_t		key[CG_KEY_LEN];
	bool		same;
	CgStatus	status;

	same = side->keyed &&
		memcmp(side->prefix, nonce, XAES_PREFIX_LEN) == 0;
	if (!same)
	{
		/* if anything fails from here, the context's key is not known */
		side->keyed = false;
		status = xaes_derive(xaes, nonce, key);
		if (status != CG_OK)
			return status;
	}
	status = (side == &xaes->seal ? cg_gcm_seal : cg_gcm_open)
		(side->gcm, same ? NULL : key, nonce + XAES_PREFIX_LEN,
		 aad, aad_len, in, len, out);
	if (!same)
	{
		cg_wipe(key, sizeof(key));
		if (status == CG_OK)
		{
			memcpy(side->prefix, nonce, XAES_PREFIX_LEN);
			side->keyed = true;
		}
	}
	return status;
}

/* The CMAC subkey K1: AES of the zero block, doubled in GF(2^128). */
static bool
xaes_subkey(CgXaes *xaes)
{
	uint8_t		zero[CG_BLOCK_LEN] = {0};
	uint8_t		l[CG_BLOCK_LEN];
	int			n;
	int			i;

	if (!EVP_EncryptUpdate(xaes->block, l, &n, zero, CG_BLOCK_LEN))
		return false;
	for (i = 0; i < CG_BLOCK_LEN; i++)
	{
		uint8_t		carry = i + 1 < CG_BLOCK_LEN ? l[i + 1] >> 7 : 0;

		xaes->k1[i] = (uint8_t) ((l[i] << 1) | carry);
	}
	xaes->k1[CG_BLOCK_LEN - 1] ^= (uint8_t) (0x87 & -(l[0] >> 7));
	cg_wipe(l, sizeof(l));
	return true;
}

/*
 * The key for a nonce prefix: two blocks of the counter KDF of SP 800-108
 * over CMAC, each message one full block.
 */
static CgStatus
xaes_derive(CgXaes *xaes, const uint8_t *prefix, uint8_t *key)
{
	uint8_t		m[2 * CG_BLOCK_LEN];
	int			n;
	int			i;
	bool		good;

	for (i = 0; i < 2; i++)
	{
		uint8_t    *p = m + i * CG_BLOCK_LEN;

		cg_put_u16(p, (uint16_t) (i + 1));
		p[2] = 'X';
		p[3] = 0;
		memcpy(p + 4, prefix, XAES_PREFIX_LEN);
	}
	for (i = 0; i < 2 * CG_BLOCK_LEN; i++)
		m[i] ^= xaes->k1[i % CG_BLOCK_LEN];
	good = EVP_EncryptUpdate(xaes->block, key, &n, m, sizeof(m));
	cg_wipe(m, sizeof(m));
	return good ? CG_OK : CG_E_CRYPTO;
}

/* aes-random */

static CgCipher *
random_new(const uint8_t *dek)
{
	CgRandomCipher *self = OPENSSL_zalloc(sizeof(CgRandomCipher));
	uint8_t		key[CG_KEY_LEN];

	if (self == NULL)
		return NULL;
	if (cg_sub_key(dek, INFO_RANDOM, key, sizeof(key)))
		self->xaes = cg_xaes_new(key);
	cg_wipe(key, sizeof(key));
	if (self->xaes == NULL)
	{
		random_free(&self->base);
		return NULL;
	}
	return &self->base;
}

static void
random_free(CgCipher *cipher)
{
	CgRandomCipher *self = (CgRandomCipher *) cipher;

	cg_xaes_free(self->xaes);
	OPENSSL_clear_free(self, sizeof(CgRandomCipher));
}

static CgStatus
random_seal(CgCipher *cipher, const uint8_t *nonce,
			const uint8_t *aad, size_t aad_len,
			const uint8_t *in, size_t len, uint8_t *out)
{
	return cg_xaes_seal(((CgRandomCipher *) cipher)->xaes, nonce,
						aad, aad_len, in, len, out);
}

static CgStatus
random_open(CgCipher *cipher, const uint8_t *nonce,
			const uint8_t *aad, size_t aad_len,
			const uint8_t *in, size_t len, uint8_t *out)
{
	return cg_xaes_open(((CgRandomCipher *) cipher)->xaes, nonce,
						aad, aad_len, in, len, out);
}

/* aes-searchable */

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

/*
 * digest.c
 *		SHA-256, HMAC-SHA-256 and HKDF-SHA-256 over libcrypto.
 *
 * An HMAC context keeps two digest states, one after the inner and one after
 * the outer pad block, and copies them for each message.  The states are
 * SHA256_CTX, a plain structure, because an EVP_MD_CTX cannot be copied
 * without allocating: for 17 bytes that takes 103 ns, where copying
 * EVP_MD_CTX takes 149 ns, re-initialising an EVP_MAC_CTX 201 ns and hashing
 * both pad blocks anew 240 ns (OpenSSL 3.0).  One HMAC is most of the cost of
 * a searchable value.  OpenSSL 3 calls these functions deprecated in favour of
 * EVP; their code is the same.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

#include "digest.h"
#include "wipe.h"

#define SHA256_BLOCK	64
#define HKDF_MAX_BLOCKS 255
#define EVEN_SPREAD		255		/* lengths taking equally long */

struct CgHmac
{
	SHA256_CTX	inner;			/* after key ^ ipad */
	SHA256_CTX	outer;			/* after key ^ opad */
	SHA256_CTX	work;
	SHA256_CTX	sink;			/* takes the dummy blocks of cg_hmac_even */
};

static bool absorb_pad(SHA256_CTX *ctx, const uint8_t *key, uint8_t pad);
static void begin(CgHmac *hmac);
static bool update(CgHmac *hmac, const void *data, size_t len);
static bool finish(CgHmac *hmac, uint8_t *mac);
static size_t block_count(size_t len);

CgHmac *
cg_hmac_new(const uint8_t *key, size_t key_len)
{
	CgHmac	   *hmac = OPENSSL_zalloc(sizeof(CgHmac));
	uint8_t		block[SHA256_BLOCK] = {0};
	bool		good = hmac != NULL;

	if (key_len > SHA256_BLOCK)
		good = good && cg_sha256(key, key_len, block) == CG_OK;
	else if (key_len > 0)
		memcpy(block, key, key_len);
	good = good &&
		absorb_pad(&hmac->inner, block, 0x36) &&
		absorb_pad(&hmac->outer, block, 0x5c) &&
		SHA256_Init(&hmac->sink);

	cg_wipe(block, sizeof(block));
	if (!good)
	{
		cg_hmac_free(hmac);
		return NULL;
	}
	return hmac;
}

/* Accepts NULL. */
void
cg_hmac_free(CgHmac *hmac)
{
	if (hmac != NULL)
		OPENSSL_clear_free(hmac, sizeof(CgHmac));
}

CgStatus
cg_hmac(CgHmac *hmac, const void *a, size_t a_len,
		const void *b, size_t b_len, uint8_t *mac)
{
	begin(hmac);
	if (!update(hmac, a, a_len) || !update(hmac, b, b_len) ||
		!finish(hmac, mac))
		return CG_E_CRYPTO;
	return CG_OK;
}

/*
 * The work of a hash is counted in compressed blocks, so the blocks that a
 * longer message would have needed are compressed too, into a state that is
 * never read.  Whether that step happens depends on b_max only.
 */
CgStatus
cg_hmac_even(CgHmac *hmac, const void *a, size_t a_len,
			 const void *b, size_t b_len, size_t b_max, uint8_t *mac)
{
	static const uint8_t dummy[EVEN_SPREAD + 2 * SHA256_BLOCK];
	size_t		b_min = b_max > EVEN_SPREAD ? b_max - EVEN_SPREAD : 0;
	size_t		most = block_count(a_len + b_max);

	if (b_len > b_max || b_len < b_min)
		return CG_E_LIMIT;
	if (most != block_count(a_len + b_min))
	{
		size_t		spare = most - block_count(a_len + b_len);

		/* one more than needed: an update of no bytes would be quicker */
		if (!SHA256_Update(&hmac->sink, dummy, (spare + 1) * SHA256_BLOCK))
			return CG_E_CRYPTO;
	}
	return cg_hmac(hmac, a, a_len, b, b_len, mac);
}

CgStatus
cg_sha256(const void *data, size_t len, uint8_t *md)
{
	return SHA256(data, len, md) != NULL ? CG_OK : CG_E_CRYPTO;
}

CgStatus
cg_hkdf(const uint8_t *ikm, size_t ikm_len,
		const uint8_t *salt, size_t salt_len,
		const void *info, size_t info_len,
		uint8_t *out, size_t out_len)
{
	uint8_t		block[CG_SHA256_LEN];
	CgHmac	   *hmac;
	size_t		done = 0;
	uint8_t		counter;
	bool		good;

	if (out_len > (size_t) HKDF_MAX_BLOCKS * CG_SHA256_LEN)
		return CG_E_LIMIT;

	/* Extract.  No salt is a salt of zeros, which HMAC pads to anyway. */
	hmac = cg_hmac_new(salt, salt_len);
	good = hmac != NULL &&
		cg_hmac(hmac, ikm, ikm_len, NULL, 0, block) == CG_OK;
	cg_hmac_free(hmac);

	/* Expand. */
	hmac = good ? cg_hmac_new(block, sizeof(block)) : NULL;
	good = hmac != NULL;
	for (counter = 1; good && done < out_len; counter++)
	{
		size_t		n = out_len - done;

		if (n > CG_SHA256_LEN)
			n = CG_SHA256_LEN;
		begin(hmac);
		good = update(hmac, block, counter > 1 ? sizeof(block) : 0) &&
			update(hmac, info, info_len) &&
			update(hmac, &counter, 1) &&
			finish(hmac, block);
		if (good)
			memcpy(out + done, block, n);
		done += n;
	}
	cg_hmac_free(hmac);
	cg_wipe(block, sizeof(block));
	if (!good)
	{
		cg_wipe(out, out_len);
		return CG_E_CRYPTO;
	}
	return CG_OK;
}

static bool
absorb_pad(SHA256_CTX *ctx, const uint8_t *key, uint8_t pad)
{
	uint8_t		block[SHA256_BLOCK];
	bool		good;
	int			i;

	for (i = 0; i < SHA256_BLOCK; i++)
		block[i] = key[i] ^ pad;
	good = SHA256_Init(ctx) && SHA256_Update(ctx, block, sizeof(block));
	cg_wipe(block, sizeof(block));
	return good;
}

static void
begin(CgHmac *hmac)
{
	hmac->work = hmac->inner;
}

static bool
update(CgHmac *hmac, const void *data, size_t len)
{
	return len == 0 || SHA256_Update(&hmac->work, data, len);
}

static bool
finish(CgHmac *hmac, uint8_t *mac)
{
	uint8_t		inner[CG_SHA256_LEN];
	bool		good;

	good = SHA256_Final(inner, &hmac->work);
	hmac->work = hmac->outer;
	good = good && SHA256_Update(&hmac->work, inner, sizeof(inner)) &&
		SHA256_Final(mac, &hmac->work);
	cg_wipe(inner, sizeof(inner));
	return good;
}

/* Blocks that hashing len bytes and the end mark (9 bytes or more) takes. */
static size_t
block_count(size_t len)
{
	return (len + 8) / SHA256_BLOCK + 1;
}

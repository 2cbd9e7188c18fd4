/*
 * digest.c
 *		SHA-256, SM3, HMAC with either and HKDF-SHA-256 over libcrypto.
 *
 * An HMAC context keeps two digest states, one after the inner and one after
 * the outer pad block, and copies them for each message.  The states are
 * SHA256_CTX, a plain structure, because an EVP_MD_CTX cannot be copied
 * without allocating: for 17 bytes that takes 103 ns, where copying
 * EVP_MD_CTX takes 149 ns, re-initialising an EVP_MAC_CTX 201 ns and hashing
 * both pad blocks anew 240 ns (OpenSSL 3.0).  One HMAC is most of the cost of
 * a searchable value.  OpenSSL 3 calls these functions deprecated in favour of
 * EVP; their code is the same.  SM3 has no such functions: its states are
 * EVP_MD_CTX, each copy of which allocates.
 *
 * A message that fits into one block, as that of a phone number does, is
 * padded here: the two compressions are all that is left to do, without the
 * bookkeeping of SHA256_Update() and SHA256_Final().
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

#include "bytes.h"
#include "digest.h"
#include "wipe.h"

#define HASH_BLOCK		64		/* bytes, of each hash here */
#define HKDF_MAX_BLOCKS 255
#define EVEN_SPREAD		255		/* lengths taking equally long */
#define ONE_BLOCK		55		/* bytes that fill a block with the end mark */

/* A hash at work: evp if it is not NULL, else SHA-256. */
typedef struct CgState
{
	SHA256_CTX	sha;
	EVP_MD_CTX *evp;
} CgState;

struct CgHmac
{
	CgState		inner;			/* after key ^ ipad */
	CgState		outer;			/* after key ^ opad */
	CgState		work;
	CgState		sink;			/* takes the dummy blocks of cg_hmac_even */
};

static bool state_init(CgState *state, EVP_MD *md);
static bool state_copy(CgState *to, const CgState *from);
static bool state_update(CgState *state, const void *data, size_t len);
static bool state_final(CgState *state, uint8_t *md);
static bool hash(CgHash which, const void *data, size_t len, uint8_t *md);
static bool absorb_pad(CgState *state, EVP_MD *md, const uint8_t *key,
					   uint8_t pad);
static bool is_short(const CgHmac *hmac, size_t len);
static void hmac_short(CgHmac *hmac, const void *a, size_t a_len,
					   const void *b, size_t b_len, uint8_t *mac);
static CgStatus hmac_long(CgHmac *hmac, const void *a, size_t a_len,
						  const void *b, size_t b_len, uint8_t *mac);
static void put_digest(uint8_t *out, const SHA_LONG h[8]);
static void end_block(uint8_t *block, size_t used);
static bool begin(CgHmac *hmac);
static bool update(CgHmac *hmac, const void *data, size_t len);
static bool finish(CgHmac *hmac, uint8_t *mac);
static size_t block_count(size_t len);

CgHmac *
cg_hmac_new(const uint8_t *key, size_t key_len)
{
	return cg_hmac_new_of(CG_HASH_SHA256, key, key_len);
}

CgHmac *
cg_hmac_new_of(CgHash which, const uint8_t *key, size_t key_len)
{
	CgHmac	   *hmac = OPENSSL_zalloc(sizeof(CgHmac));
	EVP_MD	   *md = NULL;
	uint8_t		block[HASH_BLOCK] = {0};
	bool		good = hmac != NULL;

	if (which == CG_HASH_SM3)
	{
		md = EVP_MD_fetch(NULL, "SM3", NULL);
		good = good && md != NULL;
	}
	if (key_len > HASH_BLOCK)
		good = good && hash(which, key, key_len, block);
	else if (key_len > 0)
		memcpy(block, key, key_len);
	good = good &&
		absorb_pad(&hmac->inner, md, block, 0x36) &&
		absorb_pad(&hmac->outer, md, block, 0x5c) &&
		state_init(&hmac->work, md) &&
		state_init(&hmac->sink, md);

	cg_wipe(block, sizeof(block));
	EVP_MD_free(md);			/* the contexts hold it */
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
	if (hmac == NULL)
		return;
	EVP_MD_CTX_free(hmac->inner.evp);
	EVP_MD_CTX_free(hmac->outer.evp);
	EVP_MD_CTX_free(hmac->work.evp);
	EVP_MD_CTX_free(hmac->sink.evp);
	OPENSSL_clear_free(hmac, sizeof(CgHmac));
}

CgStatus
cg_hmac(CgHmac *hmac, const void *a, size_t a_len,
		const void *b, size_t b_len, uint8_t *mac)
{
	if (!is_short(hmac, a_len) || !is_short(hmac, a_len + b_len))
		return hmac_long(hmac, a, a_len, b, b_len, mac);
	hmac_short(hmac, a, a_len, b, b_len, mac);
	return CG_OK;
}

static bool
is_short(const CgHmac *hmac, size_t len)
{
	return len <= ONE_BLOCK && hmac->inner.evp == NULL;
}

static void
hmac_short(CgHmac *hmac, const void *a, size_t a_len,
		   const void *b, size_t b_len, uint8_t *mac)
{
	SHA256_CTX *work = &hmac->work.sha;
	uint8_t		block[HASH_BLOCK] = {0};

	memcpy(work->h, hmac->inner.sha.h, sizeof(work->h));
	if (a_len > 0)
		memcpy(block, a, a_len);
	if (b_len > 0)
		memcpy(block + a_len, b, b_len);
	end_block(block, a_len + b_len);
	SHA256_Transform(work, block);

	put_digest(block, work->h);
	memset(block + CG_SHA256_LEN, 0, HASH_BLOCK - CG_SHA256_LEN);
	end_block(block, CG_SHA256_LEN);
	memcpy(work->h, hmac->outer.sha.h, sizeof(work->h));
	SHA256_Transform(work, block);
	put_digest(mac, work->h);
	cg_wipe(block, sizeof(block));
}

static void
put_digest(uint8_t *out, const SHA_LONG h[8])
{
	int			i;

	for (i = 0; i < CG_SHA256_LEN / 4; i += 2)
		cg_put_u64(out + 4 * i, (uint64_t) h[i] << 32 | h[i + 1]);
}

/*
 * The end mark of a message whose only bytes after the pad are the first ones
 * of this block; the others are zeros.
 */
static void
end_block(uint8_t *block, size_t used)
{
	block[used] = 0x80;
	cg_put_u16(block + HASH_BLOCK - 2, (uint16_t) ((HASH_BLOCK + used) * 8));
}

static CgStatus
hmac_long(CgHmac *hmac, const void *a, size_t a_len,
		  const void *b, size_t b_len, uint8_t *mac)
{
	if (!begin(hmac) || !update(hmac, a, a_len) || !update(hmac, b, b_len) ||
		!finish(hmac, mac))
		return CG_E_CRYPTO;
	return CG_OK;
}

CgStatus
cg_hmac_parts(CgHmac *hmac, const CgPart *parts, int n, uint8_t *mac)
{
	bool		good = begin(hmac);
	int			i;

	for (i = 0; i < n; i++)
		good = good && update(hmac, parts[i].data, parts[i].len);
	return good && finish(hmac, mac) ? CG_OK : CG_E_CRYPTO;
}

/*
 * The work of a hash is counted in compressed blocks, so the blocks that a
 * longer message would have needed are compressed too, into a state that is
 * never read.  Whether that step happens depends on b_max only, and so does
 * which way a message takes.
 */
CgStatus
cg_hmac_even(CgHmac *hmac, const void *a, size_t a_len,
			 const void *b, size_t b_len, size_t b_max, uint8_t *mac)
{
	static const uint8_t dummy[EVEN_SPREAD + 2 * HASH_BLOCK];
	size_t		b_min = b_max > EVEN_SPREAD ? b_max - EVEN_SPREAD : 0;
	size_t		most = block_count(a_len + b_max);

	if (b_len > b_max || b_len < b_min)
		return CG_E_LIMIT;
	if (is_short(hmac, a_len) && is_short(hmac, a_len + b_max))
	{
		hmac_short(hmac, a, a_len, b, b_len, mac);
		return CG_OK;
	}
	if (most != block_count(a_len + b_min))
	{
		size_t		spare = most - block_count(a_len + b_len);

		/* one more than needed: an update of no bytes would be quicker */
		if (!state_update(&hmac->sink, dummy, (spare + 1) * HASH_BLOCK))
			return CG_E_CRYPTO;
	}
	return hmac_long(hmac, a, a_len, b, b_len, mac);
}

CgStatus
cg_sha256(const void *data, size_t len, uint8_t *md)
{
	return hash(CG_HASH_SHA256, data, len, md) ? CG_OK : CG_E_CRYPTO;
}

CgStatus
cg_sm3(const void *data, size_t len, uint8_t *md)
{
	return hash(CG_HASH_SM3, data, len, md) ? CG_OK : CG_E_CRYPTO;
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
		good = begin(hmac) &&
			update(hmac, block, counter > 1 ? sizeof(block) : 0) &&
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
state_init(CgState *state, EVP_MD *md)
{
	if (md == NULL)
		return SHA256_Init(&state->sha);
	state->evp = EVP_MD_CTX_new();
	return state->evp != NULL &&
		EVP_DigestInit_ex2(state->evp, md, NULL);
}

static bool
state_copy(CgState *to, const CgState *from)
{
	if (from->evp != NULL)
		return EVP_MD_CTX_copy_ex(to->evp, from->evp);
	to->sha = from->sha;
	return true;
}

static bool
state_update(CgState *state, const void *data, size_t len)
{
	if (state->evp != NULL)
		return EVP_DigestUpdate(state->evp, data, len);
	return SHA256_Update(&state->sha, data, len);
}

static bool
state_final(CgState *state, uint8_t *md)
{
	if (state->evp != NULL)
		return EVP_DigestFinal_ex(state->evp, md, NULL);
	return SHA256_Final(md, &state->sha);
}

static bool
hash(CgHash which, const void *data, size_t len, uint8_t *md)
{
	if (which == CG_HASH_SM3)
		return EVP_Q_digest(NULL, "SM3", NULL, data, len, md, NULL);
	return SHA256(data, len, md) != NULL;
}

static bool
absorb_pad(CgState *state, EVP_MD *md, const uint8_t *key, uint8_t pad)
{
	uint8_t		block[HASH_BLOCK];
	bool		good;
	int			i;

	for (i = 0; i < HASH_BLOCK; i++)
		block[i] = key[i] ^ pad;
	good = state_init(state, md) && state_update(state, block, sizeof(block));
	cg_wipe(block, sizeof(block));
	return good;
}

static bool
begin(CgHmac *hmac)
{
	return state_copy(&hmac->work, &hmac->inner);
}

static bool
update(CgHmac *hmac, const void *data, size_t len)
{
	return len == 0 || state_update(&hmac->work, data, len);
}

static bool
finish(CgHmac *hmac, uint8_t *mac)
{
	uint8_t		inner[CG_HASH_LEN];
	bool		good;

	good = state_final(&hmac->work, inner) &&
		state_copy(&hmac->work, &hmac->outer) &&
		state_update(&hmac->work, inner, sizeof(inner)) &&
		state_final(&hmac->work, mac);
	cg_wipe(inner, sizeof(inner));
	return good;
}

/* Blocks that hashing len bytes and the end mark (9 bytes or more) takes. */
static size_t
block_count(size_t len)
{
	return (len + 8) / HASH_BLOCK + 1;
}

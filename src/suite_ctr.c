/*
 * suite_ctr.c
 *		What the suites share: counter mode over a block cipher, contexts of
 *		libcrypto, sub-keys.
 *
 * All 16 bytes of the IV are the initial counter block, one big-endian number.
 *
 * Setting an IV costs 60 ns in OpenSSL 3.0, several times the work of a short
 * text.  So texts up to CTR_SHORT bytes encrypt their counter blocks through
 * an ECB context, which has none to set.  EVP_Cipher() hands whole blocks to
 * the cipher as they are, where EVP_EncryptUpdate() looks for rests of others.
 */
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "bytes.h"
#include "digest.h"
#include "suite_impl.h"
#include "wipe.h"

#define CTR_SHORT		128		/* a multiple of CG_BLOCK_LEN */

struct CgCtr
{
	EVP_CIPHER_CTX *stream;		/* counter mode, for long texts */
	EVP_CIPHER_CTX *block;		/* ECB, for short ones */
};

static CgStatus ctr_short(CgCtr *ctr, const uint8_t *iv,
						  const uint8_t *in, size_t len, uint8_t *out);

CgCtr *
cg_ctr_new(const CgBlockCipher *cipher, const uint8_t *key)
{
	CgCtr	   *ctr = OPENSSL_zalloc(sizeof(CgCtr));

	if (ctr == NULL)
		return NULL;
	ctr->stream = cg_evp_context(cipher->ctr, key, 1);
	ctr->block = cg_evp_context(cipher->ecb, key, 1);
	if (ctr->stream == NULL || ctr->block == NULL)
	{
		cg_ctr_free(ctr);
		return NULL;
	}
	return ctr;
}

void
cg_ctr_free(CgCtr *ctr)
{
	if (ctr == NULL)
		return;
	EVP_CIPHER_CTX_free(ctr->stream);
	EVP_CIPHER_CTX_free(ctr->block);
	OPENSSL_clear_free(ctr, sizeof(CgCtr));
}

CgStatus
cg_ctr_run(CgCtr *ctr, const uint8_t *iv,
		   const uint8_t *in, size_t len, uint8_t *out)
{
	int			n;

	if (len <= CTR_SHORT)
		return ctr_short(ctr, iv, in, len, out);
	if (len > CG_MAX_EVP_LEN)
		return CG_E_LIMIT;
	if (!EVP_EncryptInit_ex2(ctr->stream, NULL, NULL, iv, NULL) ||
		!EVP_EncryptUpdate(ctr->stream, out, &n, in, (int) len))
	{
		cg_wipe(out, len);
		return CG_E_CRYPTO;
	}
	return CG_OK;
}

/* The counter blocks of a short text, encrypted at once. */
static CgStatus
ctr_short(CgCtr *ctr, const uint8_t *iv,
		  const uint8_t *in, size_t len, uint8_t *out)
{
	uint8_t		stream[CTR_SHORT];
	uint64_t	high = cg_get_u64(iv);
	uint64_t	low = cg_get_u64(iv + 8);
	size_t		used;
	size_t		i;
	CgStatus	status = CG_OK;

	for (used = 0; used < len; used += CG_BLOCK_LEN)
	{
		cg_put_u64(stream + used, high);
		cg_put_u64(stream + used + 8, low);
		if (++low == 0)
			high++;
	}
	if (used > 0 && EVP_Cipher(ctr->block, stream, stream,
							   (unsigned int) used) != (int) used)
	{
		cg_wipe(out, len);
		status = CG_E_CRYPTO;
	}
	else
	{
		/* Eight at a time: in, out and stream have no alignment. */
		for (i = 0; i + 8 <= len; i += 8)
		{
			uint64_t	a;
			uint64_t	b;

			memcpy(&a, in + i, 8);
			memcpy(&b, stream + i, 8);
			a ^= b;
			memcpy(out + i, &a, 8);
		}
		for (; i < len; i++)
			out[i] = in[i] ^ stream[i];
	}
	cg_wipe(stream, used);
	return status;
}

bool
cg_sub_key(const uint8_t *key, const char *info, uint8_t *out, size_t out_len)
{
	return cg_hkdf(key, CG_KEY_LEN, NULL, 0, info, strlen(info),
				   out, out_len) == CG_OK;
}

/*
 * Padding is left on, though
 * no mode here has any (whole blocks of ECB never get to the final call):
 * turning it off would make each later init turn it off again, for 40 ns.
 */
EVP_CIPHER_CTX *
cg_evp_context(const char *name, const uint8_t *key, int enc)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (cipher == NULL || ctx == NULL ||
		!EVP_CipherInit_ex2(ctx, cipher, key, NULL, enc, NULL))
	{
		EVP_CIPHER_CTX_free(ctx);
		ctx = NULL;
	}
	EVP_CIPHER_free(cipher);
	return ctx;
}

/*
 * journal_stream.c
 *		Lists of subjects under AES-256-CTR.
 *
 * Most lists are a few bytes, and setting a cipher up for one takes many times
 * as long as encrypting it.  So the key stream is made in advance, and each
 * list takes the next bytes of it.  A stream begins at a counter block drawn at
 * random and has at most STREAM_MAX bytes: two of n streams overlap with a
 * probability below n * n * STREAM_MAX / 16 / 2^128.  Bytes that were taken
 * are never taken again, whatever becomes of the list.
 */
#include "journal_stream.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "bytes.h"
#include "wipe.h"

#define BLOCK			16
#define AHEAD			4096
#define STREAM_MAX		(1024 * 1024)

struct CgStream
{
	uint8_t		key[CG_STREAM_KEY];
	EVP_CIPHER_CTX *ctx;		/* at the end of ahead */
	EVP_CIPHER_CTX *opening;	/* NULL until something was opened */
	uint8_t		start[BLOCK];
	size_t		used;			/* of the stream; STREAM_MAX: there is none */
	size_t		left;			/* at the end of ahead */
	uint8_t		ahead[AHEAD];
};

static bool take(CgStream *stream, const uint8_t *in, size_t len,
				 uint8_t *out);
static bool aim(CgStream *stream, const uint8_t counter[BLOCK]);

CgStream *
cg_stream_new(const uint8_t key[CG_STREAM_KEY])
{
	CgStream   *stream = OPENSSL_zalloc(sizeof(CgStream));

	if (stream == NULL)
		return NULL;
	memcpy(stream->key, key, CG_STREAM_KEY);
	stream->used = STREAM_MAX;
	stream->ctx = EVP_CIPHER_CTX_new();
	if (stream->ctx == NULL)
	{
		cg_stream_free(stream);
		return NULL;
	}
	return stream;
}

void
cg_stream_free(CgStream *stream)
{
	if (stream == NULL)
		return;
	EVP_CIPHER_CTX_free(stream->ctx);
	EVP_CIPHER_CTX_free(stream->opening);
	OPENSSL_clear_free(stream, sizeof(CgStream));
}

CgStatus
cg_stream_seal(CgStream *stream, const uint8_t *list, size_t len,
			   uint8_t *out, size_t *out_len)
{
	uint8_t		pad = (uint8_t) (CG_STREAM_PAD - len % CG_STREAM_PAD);
	uint8_t    *body = out + CG_STREAM_HEAD;

	if (len > STREAM_MAX / 2)
		return CG_E_LIMIT;
	if (stream->used + len + pad > STREAM_MAX)
	{
		if (RAND_bytes(stream->start, BLOCK) != 1 ||
			EVP_EncryptInit_ex(stream->ctx, EVP_aes_256_ctr(), NULL,
							   stream->key, stream->start) != 1)
		{
			stream->used = STREAM_MAX;
			return CG_E_CRYPTO;
		}
		stream->used = 0;
		stream->left = 0;
	}
	memcpy(out, stream->start, BLOCK);
	cg_put_u32(out + BLOCK, (uint32_t) stream->used);
	memcpy(body, list, len);
	memset(body + len, pad, pad);
	if (!take(stream, body, len + pad, body))
	{
		stream->used = STREAM_MAX;
		cg_wipe(body, len + pad);
		return CG_E_CRYPTO;
	}
	*out_len = CG_STREAM_HEAD + len + pad;
	return CG_OK;
}

/* XOR with the next len bytes. */
static bool
take(CgStream *stream, const uint8_t *in, size_t len, uint8_t *out)
{
	while (len > 0)
	{
		const uint8_t *key;
		size_t		n;
		size_t		i;
		int			made;

		if (stream->left == 0)
		{
			memset(stream->ahead, 0, AHEAD);
			if (EVP_EncryptUpdate(stream->ctx, stream->ahead, &made,
								  stream->ahead, AHEAD) != 1)
				return false;
			stream->left = AHEAD;
		}
		n = len < stream->left ? len : stream->left;
		key = stream->ahead + AHEAD - stream->left;
		for (i = 0; i < n; i++)
			out[i] = in[i] ^ key[i];
		stream->left -= n;
		stream->used += n;
		in += n;
		out += n;
		len -= n;
	}
	return true;
}

/*
 * Set the context for opening to a counter block.  The one that seals is at
 * another place.  Setting one up anew takes as long as ten lists, so the next
 * time it is told the block alone.
 */
static bool
aim(CgStream *stream, const uint8_t counter[BLOCK])
{
	if (stream->opening != NULL)
		return EVP_EncryptInit_ex(stream->opening, NULL, NULL, NULL,
								  counter) == 1;
	stream->opening = EVP_CIPHER_CTX_new();
	if (stream->opening == NULL)
		return false;
	if (EVP_EncryptInit_ex(stream->opening, EVP_aes_256_ctr(), NULL,
						   stream->key, counter) == 1)
		return true;
	EVP_CIPHER_CTX_free(stream->opening);
	stream->opening = NULL;
	return false;
}

CgStatus
cg_stream_open(CgStream *stream, const uint8_t *sealed, size_t len,
			   uint8_t *out, size_t *out_len)
{
	uint8_t		counter[BLOCK];
	uint8_t		skipped[BLOCK];
	uint32_t	carry;
	size_t		i;
	int			n;

	if (len < CG_STREAM_HEAD + CG_STREAM_PAD ||
		(len - CG_STREAM_HEAD) % CG_STREAM_PAD != 0 || len > STREAM_MAX)
		return CG_E_FORMAT;
	memcpy(counter, sealed, BLOCK);
	carry = cg_get_u32(sealed + BLOCK) / BLOCK;
	for (i = BLOCK; i > 0; i--)
	{
		carry += counter[i - 1];
		counter[i - 1] = (uint8_t) carry;
		carry >>= 8;
	}
	memset(skipped, 0, sizeof(skipped));
	*out_len = len - CG_STREAM_HEAD;
	if (!aim(stream, counter) ||
		EVP_EncryptUpdate(stream->opening, skipped, &n, skipped,
						  (int) (cg_get_u32(sealed + BLOCK) % BLOCK)) != 1 ||
		EVP_EncryptUpdate(stream->opening, out, &n, sealed + CG_STREAM_HEAD,
						  (int) *out_len) != 1)
		return CG_E_CRYPTO;

	n = out[*out_len - 1];
	if (n < 1 || n > CG_STREAM_PAD)
		return CG_E_FORMAT;
	for (i = 1; i <= (size_t) n; i++)
		if (out[*out_len - i] != n)
			return CG_E_FORMAT;
	*out_len -= (size_t) n;
	return CG_OK;
}

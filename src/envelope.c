/*
 * envelope.c
 *		Write, take apart, decrypt and authenticate the bytes of a datum.
 *
 * The padded plaintext is built where the ciphertext will stand and encrypted
 * in place, so that no other copy of it needs wiping.
 *
 * Opening the compact searchable form is the one place where something is
 * computed from bytes not yet authenticated: the padding says how much of the
 * text the token covers.  Whoever may submit datums and learns, if only by
 * time, whether the padding or the token was wrong, can read a text byte by
 * byte (Vaudenay 2002).  So the padding is checked without branches on
 * secrets, the token is computed even if the padding is wrong, and in a time
 * that does not tell how long the text is.  The other forms authenticate the
 * padding before they look at it.
 *
 * The token of the compact form does not cover the amount of padding: who
 * knows a text, and thus its key stream, can shorten the padding of its datum.
 * It still opens to the same text and has the same token, so nothing may rely
 * on equal values being equal bytes.
 */
#include <string.h>

#include "bytes.h"
#include "envelope.h"
#include "wipe.h"

#define OFF_SUITE			1
#define OFF_FLAGS			2
#define OFF_TYPE			3
#define OFF_CATEGORY		4
#define OFF_DEK_VERSION		8
#define OFF_TOKEN_VERSION	10

#define SCAN_MAX			256 /* more than CG_MAX_PAD */

static size_t padded_len(size_t len, uint8_t pad);
static void pad_text(uint8_t *buf, size_t len, size_t total);
static inline uint8_t differs(uint8_t byte, unsigned distance, unsigned n);
static inline uint64_t differs_8(const uint8_t *p, unsigned distance,
								 unsigned n);
static size_t padding_in(const uint8_t *buf, size_t len);
static CgStatus open_random(CgCipher *cipher, const CgEnvelope *env,
							uint8_t *out, size_t *out_len);
static CgStatus open_compact(CgCipher *cipher, CgToken *token,
							 const CgEnvelope *env,
							 uint8_t *out, size_t *out_len);
static CgStatus open_variant(CgCipher *cipher, const CgEnvelope *env,
							 uint8_t *out, size_t *out_len);

CgStatus
cg_envelope_parse(const uint8_t *data, size_t len, CgEnvelope *env)
{
	const CgSuite *suite;
	size_t		need = CG_HEADER_LEN;
	bool		variant;

	memset(env, 0, sizeof(CgEnvelope));
	if (len < CG_HEADER_LEN || data[0] != CG_MAGIC)
		return CG_E_FORMAT;
	suite = cg_suite_by_id(data[OFF_SUITE]);
	if (suite == NULL)
		return CG_E_SUITE;

	env->suite = data[OFF_SUITE];
	env->flags = data[OFF_FLAGS];
	env->type = data[OFF_TYPE];
	env->category = cg_get_u32(data + OFF_CATEGORY);
	env->dek_version = cg_get_u16(data + OFF_DEK_VERSION);
	env->token_version = cg_get_u16(data + OFF_TOKEN_VERSION);
	variant = (env->flags & CG_FLAG_VARIANT) != 0;

	if ((env->flags & ~CG_FLAGS_KNOWN) != 0 ||
		((env->flags & CG_FLAG_SEARCHABLE) != 0) != suite->searchable ||
		(variant && !suite->searchable) ||
		env->dek_version == 0 ||
		(env->token_version != 0) != suite->searchable)
		return CG_E_FORMAT;

	env->head = data;
	if (suite->searchable)
	{
		env->token = data + need;
		need += CG_TOKEN_LEN;
	}
	if ((env->flags & CG_FLAG_SUBJECT) != 0)
	{
		if (len < need + CG_SUBJECT_LEN ||
			(env->subject = cg_get_u64(data + need)) == 0)
		{
			memset(env, 0, sizeof(CgEnvelope));
			return CG_E_FORMAT;
		}
		need += CG_SUBJECT_LEN;
	}
	env->head_len = need;
	if (variant)
	{
		env->nonce = data + need;
		need += CG_TOKEN_LEN;
	}
	else if (!suite->searchable)
	{
		env->nonce = data + need;
		need += suite->nonce_len;
	}

	/* There is at least one byte of padding. */
	if (len <= need + suite->tag_len ||
		len - need - suite->tag_len > CG_MAX_PLAIN_LEN + CG_MAX_PAD)
	{
		memset(env, 0, sizeof(CgEnvelope));
		return CG_E_FORMAT;
	}
	env->body = data + need;
	env->body_len = len - need;
	return CG_OK;
}

/* 0 if sealing would be refused: unknown suite, pad 0, text too long. */
size_t
cg_envelope_bound(int suite, size_t plain_len, uint8_t pad)
{
	const CgSuite *s = cg_suite_by_id(suite);
	size_t		head = CG_HEADER_LEN + CG_SUBJECT_LEN;

	if (s == NULL || pad == 0 || plain_len > CG_MAX_PLAIN_LEN)
		return 0;
	if (s->searchable)
		head += CG_TOKEN_LEN + CG_TOKEN_LEN;
	else
		head += s->nonce_len;
	return head + padded_len(plain_len, pad) + s->tag_len;
}

CgStatus
cg_envelope_seal(CgCipher *cipher, CgToken *token, const CgSealSpec *spec,
				 const uint8_t *plain, size_t plain_len,
				 const uint8_t *canon, size_t canon_len,
				 const uint8_t *nonce,
				 uint8_t *out, size_t cap, size_t *out_len)
{
	const CgSuite *suite = cg_suite_by_id(cg_cipher_suite(cipher));
	bool		variant = false;
	size_t		head_len = CG_HEADER_LEN;
	size_t		iv_len;
	size_t		body_len;
	uint8_t    *iv;
	uint8_t    *body;
	CgStatus	status;

	*out_len = 0;
	if (plain_len > CG_MAX_PLAIN_LEN)
		return CG_E_LIMIT;
	if (spec->pad == 0 || spec->dek_version == 0 ||
		(spec->token_version != 0) != suite->searchable ||
		(suite->searchable ? token == NULL : nonce == NULL))
		return CG_E_FORMAT;

	if (suite->searchable)
	{
		if (canon_len > CG_MAX_PLAIN_LEN)
			return CG_E_LIMIT;
		variant = plain_len != canon_len ||
			(plain != canon && plain_len > 0 &&
			 memcmp(plain, canon, plain_len) != 0);
		head_len += CG_TOKEN_LEN;
		iv_len = variant ? CG_TOKEN_LEN : 0;
	}
	else
		iv_len = suite->nonce_len;
	if (spec->subject != 0)
		head_len += CG_SUBJECT_LEN;
	body_len = padded_len(plain_len, spec->pad);
	if (cap < head_len + iv_len + body_len + suite->tag_len)
		return CG_E_SPACE;

	out[0] = CG_MAGIC;
	out[OFF_SUITE] = suite->id;
	out[OFF_FLAGS] = (uint8_t) ((suite->searchable ? CG_FLAG_SEARCHABLE : 0) |
								(spec->subject != 0 ? CG_FLAG_SUBJECT : 0) |
								(variant ? CG_FLAG_VARIANT : 0));
	out[OFF_TYPE] = spec->type;
	cg_put_u32(out + OFF_CATEGORY, spec->category);
	cg_put_u16(out + OFF_DEK_VERSION, spec->dek_version);
	cg_put_u16(out + OFF_TOKEN_VERSION, spec->token_version);
	if (spec->subject != 0)
		cg_put_u64(out + head_len - CG_SUBJECT_LEN, spec->subject);

	iv = out + head_len;
	body = iv + iv_len;
	if (plain_len > 0)
		memcpy(body, plain, plain_len);
	pad_text(body, plain_len, body_len);

	if (!suite->searchable)
	{
		memcpy(iv, nonce, iv_len);
		status = cg_cipher_seal(cipher, nonce, out, head_len, body, body_len,
								body);
	}
	else
	{
		uint8_t    *tok = out + CG_HEADER_LEN;

		status = cg_token_make(token, spec->type, canon, canon_len, tok);
		if (status == CG_OK && variant)
			status = cg_cipher_siv(cipher, out, head_len, body, body_len, iv);
		if (status == CG_OK)
			status = cg_cipher_stream(cipher, variant ? iv : tok,
									  body, body_len, body);
	}
	if (status != CG_OK)
	{
		cg_wipe(body, body_len);
		return status;
	}
	*out_len = head_len + iv_len + body_len + suite->tag_len;
	return CG_OK;
}

CgStatus
cg_envelope_open(CgCipher *cipher, CgToken *token, const CgEnvelope *env,
				 uint8_t *out, size_t cap, size_t *out_len)
{
	CgStatus	status;

	*out_len = 0;
	if (cg_cipher_suite(cipher) != env->suite)
		return CG_E_SUITE;
	if (cap < env->body_len)
		return CG_E_SPACE;

	if ((env->flags & CG_FLAG_SEARCHABLE) == 0)
		status = open_random(cipher, env, out, out_len);
	else if ((env->flags & CG_FLAG_VARIANT) != 0)
		status = open_variant(cipher, env, out, out_len);
	else if (token != NULL)
		status = open_compact(cipher, token, env, out, out_len);
	else
		status = CG_E_FORMAT;
	if (status != CG_OK)
	{
		cg_wipe(out, env->body_len);
		*out_len = 0;
	}
	return status;
}

static CgStatus
open_random(CgCipher *cipher, const CgEnvelope *env,
			uint8_t *out, size_t *out_len)
{
	const CgSuite *suite = cg_suite_by_id(env->suite);
	size_t		len = env->body_len - suite->tag_len;
	size_t		padding;
	CgStatus	status;

	status = cg_cipher_open(cipher, env->nonce, env->head, env->head_len,
							env->body, env->body_len, out);
	if (status != CG_OK)
		return status;
	padding = padding_in(out, len);
	if (padding == 0)
		return CG_E_AUTH;
	*out_len = len - padding;
	return CG_OK;
}

static CgStatus
open_compact(CgCipher *cipher, CgToken *token, const CgEnvelope *env,
			 uint8_t *out, size_t *out_len)
{
	size_t		len = env->body_len;
	size_t		padding;
	CgStatus	status;

	status = cg_cipher_stream(cipher, env->token, env->body, len, out);
	if (status != CG_OK)
		return status;
	padding = padding_in(out, len);
	status = cg_token_check(token, env->type, out, len - padding, len,
							env->token);
	if (status == CG_OK && padding == 0)
		status = CG_E_AUTH;
	*out_len = len - padding;
	return status;
}

/*
 * The token is not recomputed here: the synthetic IV authenticates it, and
 * only the normaliser knows the canonical form.
 */
static CgStatus
open_variant(CgCipher *cipher, const CgEnvelope *env,
			 uint8_t *out, size_t *out_len)
{
	size_t		len = env->body_len;
	uint8_t		iv[CG_TOKEN_LEN];
	size_t		padding;
	CgStatus	status;

	status = cg_cipher_stream(cipher, env->nonce, env->body, len, out);
	if (status == CG_OK)
		status = cg_cipher_siv(cipher, env->head, env->head_len, out, len, iv);
	if (status != CG_OK)
		return status;
	if (!cg_equal_ct(iv, env->nonce, CG_TOKEN_LEN))
		return CG_E_AUTH;
	padding = padding_in(out, len);
	if (padding == 0)
		return CG_E_AUTH;
	*out_len = len - padding;
	return CG_OK;
}

/* The least multiple of pad greater than len. */
static size_t
padded_len(size_t len, uint8_t pad)
{
	return (len / pad + 1) * pad;
}

static void
pad_text(uint8_t *buf, size_t len, size_t total)
{
	memset(buf + len, (int) (total - len), total - len);
}

/* Not zero if byte is one of the last n, at this distance, and is not n. */
static inline uint8_t
differs(uint8_t byte, unsigned distance, unsigned n)
{
	uint16_t	outside = (uint16_t) (n - distance) >> 15;

	return (uint8_t) ((byte ^ n) & (outside - 1));
}

/* The same of eight bytes, the first at this distance. */
static inline uint64_t
differs_8(const uint8_t *p, unsigned distance, unsigned n)
{
	int			inside = (int) n - (int) (distance - 8);
	int			spare;

	inside &= ~(inside >> 31);	/* at least 0 */
	spare = 8 - inside;
	inside = 8 - (spare & ~(spare >> 31));	/* at most 8 */

	/* The bytes inside are the last ones; no shift is by 64. */
	return (cg_get_u64(p) ^ n * UINT64_C(0x0101010101010101)) &
		((UINT64_C(1) << (4 * inside) << (4 * inside)) - 1);
}

/*
 * Number of padding bytes at the end of buf, 0 if they are not valid.  The
 * time depends on len alone (len is at least 1).
 */
static size_t
padding_in(const uint8_t *buf, size_t len)
{
	unsigned	n = buf[len - 1];
	unsigned	scan = len < SCAN_MAX ? (unsigned) len : SCAN_MAX;
	const uint8_t *p = buf + len - scan;
	unsigned	left = scan;	/* distance of p from the end */
	uint64_t	wrong = 0;
	unsigned	bad;

	for (; left % 8 != 0; left--, p++)
		wrong |= differs(*p, left, n);
	for (; left > 0; left -= 8, p += 8)
		wrong |= differs_8(p, left, n);

	/* top bit: n is more than there is, or some byte differs */
	wrong |= wrong >> 32;
	wrong |= wrong >> 16;
	wrong |= wrong >> 8;
	bad = (scan - n) | (0u - (unsigned) (wrong & 0xFF));
	return n & ((bad >> 31) - 1);
}

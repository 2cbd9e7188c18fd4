/*
 * envelope.h
 *		The bytes of an encrypted value: header, token, nonce, ciphertext, tag.
 *
 * After the varlena header, no alignment, integers big-endian:
 *
 *	offset	bytes		field
 *	0		1			0xC1: magic and format version
 *	1		1			suite
 *	2		1			flags
 *	3		1			plaintext type
 *	4		4			category id (= type modifier)
 *	8		2			DEK version, at least 1; 1 with a subject's key
 *	10		2			token key version, 0 if none
 *	12		0/16		token			(searchable)
 *	..		0/8			subject key id	(CG_FLAG_SUBJECT), not 0
 *	..		0/16/24		synthetic IV	(searchable with CG_FLAG_VARIANT: 16)
 *						or nonce		(random: the suite's nonce_len)
 *	..		n			ciphertext
 *	..		0/16		tag				(random)
 *
 * Random suites: everything before the ciphertext but the nonce is additional
 * authenticated data; the nonce is bound by the cipher.
 *
 * Searchable suites: the token is a MAC of the canonical plaintext.  When the
 * value was entered in its canonical form (13800138000), the token is at once
 * IV and tag, as in RFC 5297, and opening recomputes it.  When it was not
 * (+86 138-0013-8000), several spellings share one token: using it as IV
 * would encrypt two different texts with one key stream, and it could not
 * tell them apart as a tag.  Such a value carries CG_FLAG_VARIANT and a
 * second, synthetic IV: a MAC under the DEK of all bytes before it and of the
 * padded plaintext.  The other header bytes are authenticated
 * because each selects a key or enters a MAC.
 *
 * CG_FLAG_SUBJECT: the data key is not that of the category but that of the
 * person whom the value is about, and the header names it.  The id is bound
 * as the other bytes are: as additional data, in the MAC of a variant, and in
 * the compact form by choosing the key, for under another one the padding
 * and token are wrong.  The token is under the token key of the category's
 * domain all the same: values of different persons compare.
 *
 * Padding: the plaintext is padded to a multiple of `pad` bytes so that its
 * length shows less: n bytes of value n, 1 <= n <= pad (PKCS #7, RFC 5652
 * section 6.3).  pad is 1 to 255; with pad 1 one byte 0x01 is appended.
 * Opening checks every padding byte, and needs not know pad.
 */
#ifndef CG_ENVELOPE_H
#define CG_ENVELOPE_H

#include "suite.h"

#define CG_MAGIC			0xC1
#define CG_HEADER_LEN		12
#define CG_MAX_PLAIN_LEN	((size_t) 256 * 1024 * 1024)
#define CG_MAX_PAD			255

#define CG_FLAG_SEARCHABLE	0x01
#define CG_FLAG_SUBJECT		0x02	/* under the key of a person */
#define CG_FLAG_COMPRESSED	0x04	/* reserved */
#define CG_FLAG_DISPLAY		0x08	/* a mask, not a value: display.h */
#define CG_FLAG_VARIANT		0x10	/* stored form differs from canonical */
#define CG_FLAGS_KNOWN		(CG_FLAG_SEARCHABLE | CG_FLAG_SUBJECT | \
							 CG_FLAG_VARIANT)
#define CG_SUBJECT_LEN		8	/* bytes of a subject key id */

/* Types of plaintext, see enc_stored.h. */
#define CG_TYPE_TEXT		1
#define CG_TYPE_INT8		2
#define CG_TYPE_NUMERIC		3
#define CG_TYPE_BOOL		4
#define CG_TYPE_DATE		5
#define CG_TYPE_TIMESTAMPTZ	6
#define CG_TYPE_UUID		7
#define CG_TYPE_INET		8
#define CG_TYPE_JSONB		9
#define CG_TYPE_BYTEA		10
#define CG_NUM_TYPES		10
#define CG_TYPE_PSEUDONYM	0xFF	/* of no datum: what is MAC'd is the
									 * pseudonym of a value */

/* A parsed datum; the pointers point into the bytes given to parse. */
typedef struct CgEnvelope
{
	uint8_t		suite;
	uint8_t		flags;
	uint8_t		type;
	uint32_t	category;
	uint16_t	dek_version;
	uint16_t	token_version;
	uint64_t	subject;		/* id of the subject's key, 0 if none */
	const uint8_t *head;		/* all bytes before the nonce */
	size_t		head_len;
	const uint8_t *token;		/* CG_TOKEN_LEN bytes, or NULL */
	const uint8_t *nonce;		/* nonce or synthetic IV, or NULL */
	const uint8_t *body;		/* ciphertext and tag */
	size_t		body_len;
} CgEnvelope;

/* What to write into the header when sealing. */
typedef struct CgSealSpec
{
	uint8_t		type;
	uint32_t	category;
	uint16_t	dek_version;
	uint16_t	token_version;	/* 0 for a random suite */
	uint8_t		pad;
	uint64_t	subject;		/* id of the subject's key, 0 if none */
} CgSealSpec;

/*
 * Check structure only (magic, suite, flags, lengths, versions that fit the
 * suite) and fill env.  Hostile bytes are fine.  CG_E_FORMAT, CG_E_SUITE.
 */
extern CgStatus cg_envelope_parse(const uint8_t *data, size_t len,
								  CgEnvelope *env);

/* Largest datum that sealing plain_len bytes can give. */
extern size_t cg_envelope_bound(int suite, size_t plain_len, uint8_t pad);

/*
 * Seal plain.  cipher decides the suite.  For a searchable suite token is
 * required and canon is the canonical form (may be the same pointer as plain;
 * equal bytes give the compact form); for a random suite token and canon are
 * ignored and nonce must hold fresh random bytes of the suite's nonce_len.
 * out must hold cg_envelope_bound() bytes.  *out_len receives the length.
 */
extern CgStatus cg_envelope_seal(CgCipher *cipher, CgToken *token,
								 const CgSealSpec *spec,
								 const uint8_t *plain, size_t plain_len,
								 const uint8_t *canon, size_t canon_len,
								 const uint8_t *nonce,
								 uint8_t *out, size_t cap, size_t *out_len);

/*
 * Decrypt and authenticate.  out must hold env->body_len bytes; *out_len
 * receives the plaintext length (padding removed).  token may be NULL for a
 * random suite.  CG_E_AUTH says nothing about which check failed, and leaves
 * no plaintext in out.
 */
extern CgStatus cg_envelope_open(CgCipher *cipher, CgToken *token,
								 const CgEnvelope *env,
								 uint8_t *out, size_t cap, size_t *out_len);

#endif							/* CG_ENVELOPE_H */

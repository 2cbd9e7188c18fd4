/*
 * fuzz_envelope.c
 *		libFuzzer target for the bytes and the text of a datum.
 *
 *	clang -fsanitize=fuzzer,address,undefined -Isrc \
 *		test/fuzz/fuzz_envelope.c src/{armor,digest,envelope}.c \
 *		src/suite*.c -lcrypto -o /tmp/fuzz_envelope
 *	/tmp/fuzz_envelope -max_total_time=180 /tmp/corpus test/fuzz/corpus
 *
 * The first byte of the input chooses what the rest is:
 *	0	a datum: parse and open it
 *	1	an armor: what decodes must encode to the same text
 *	2	parameters and text: what is sealed must open, and must not open with
 *		one bit changed
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "armor.h"
#include "envelope.h"

static CgCipher *cipher[CG_MAX_SUITE + 1];
static CgToken *token[CG_MAX_SUITE + 1];	/* NULL: random suite */

extern int	LLVMFuzzerInitialize(int *argc, char ***argv);
extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_datum(const uint8_t *data, size_t size);
static void fuzz_armor(const uint8_t *data, size_t size);
static void fuzz_seal(const uint8_t *data, size_t size);
static void fuzz_bit(uint8_t *datum, size_t len, size_t bit);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	uint8_t		key[CG_KEY_LEN];
	int			i;

	(void) argc;
	(void) argv;
	for (i = 1; i <= CG_MAX_SUITE; i++)
	{
		memset(key, 0x11, sizeof(key));
		cipher[i] = cg_cipher_new(i, key);
		memset(key, 0x22, sizeof(key));
		token[i] = cg_token_new(i, key);
	}
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	switch (data[0])
	{
		case 0:
			fuzz_datum(data + 1, size - 1);
			break;
		case 1:
			fuzz_armor(data + 1, size - 1);
			break;
		case 2:
			fuzz_seal(data + 1, size - 1);
			break;
	}
	return 0;
}

static void
fuzz_datum(const uint8_t *data, size_t size)
{
	CgEnvelope	env;
	CgStatus	status = cg_envelope_parse(data, size, &env);
	uint8_t    *out;
	size_t		out_len;
	size_t		i;

	if (status != CG_OK)
	{
		assert(status == CG_E_FORMAT || status == CG_E_SUITE);
		return;
	}
	assert(env.head == data && env.body_len > 0 &&
		   env.body + env.body_len == data + size);
	out = malloc(env.body_len);
	memset(out, 0xEE, env.body_len);
	status = cg_envelope_open(cipher[env.suite], token[env.suite], &env,
							  out, env.body_len, &out_len);
	if (status == CG_OK)
		assert(out_len < env.body_len);
	else
	{
		assert(status == CG_E_AUTH && out_len == 0);
		for (i = 0; i < env.body_len; i++)
			assert(out[i] == 0);
	}
	free(out);
}

static void
fuzz_armor(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data;
	uint8_t    *out = malloc(size > 0 ? size : 1);
	size_t		out_len;
	CgStatus	status = cg_armor_decode(text, size, out, size, &out_len);

	if (status == CG_OK)
	{
		char	   *again = malloc(CG_ARMOR_LEN(out_len));

		assert(cg_is_armor(text, size));
		assert(cg_armor_encode(out, out_len, again) == size &&
			   CG_ARMOR_LEN(out_len) == size &&
			   memcmp(again, text, size) == 0);
		free(again);
		if (out_len > 0)
			fuzz_datum(out, out_len);
	}
	else
		assert(status == CG_E_FORMAT);
	free(out);
}

/* suite and whether of a subject, pad, type, bit (2 bytes), length of canonical form, nonce, text */
static void
fuzz_seal(const uint8_t *data, size_t size)
{
	CgSealSpec	spec = {0, 0x7FEDCBA9, 0x1234, 0, 0, 0};
	const uint8_t *nonce;
	int			suite;
	size_t		bit;
	size_t		canon_len;
	size_t		bound;
	size_t		len;
	size_t		out_len;
	uint8_t    *datum;
	uint8_t    *out;
	CgEnvelope	env;

	if (size < 6 + CG_MAX_NONCE_LEN)
		return;
	suite = data[0] & 1 ? CG_SUITE_AES_RANDOM : CG_SUITE_AES_SEARCHABLE;
	if (data[0] & 2)
		suite += CG_SUITE_SM4_RANDOM - CG_SUITE_AES_RANDOM;
	spec.pad = data[1] > 0 ? data[1] : 1;
	spec.type = data[2];
	spec.subject = data[0] & 0x80 ? UINT64_C(0x8123456789ABCDEF) : 0;
	spec.token_version = cg_suite_by_id(suite)->searchable ? 0x5678 : 0;
	bit = (size_t) data[3] << 8 | data[4];
	canon_len = data[5];
	nonce = data + 6;
	data += 6 + CG_MAX_NONCE_LEN;
	size -= 6 + CG_MAX_NONCE_LEN;
	if (canon_len > size)
		canon_len = size;

	bound = cg_envelope_bound(suite, size, spec.pad);
	datum = malloc(bound);
	assert(cg_envelope_seal(cipher[suite], token[suite], &spec, data, size,
							data, canon_len, nonce,
							datum, bound, &len) == CG_OK && len <= bound);
	assert(cg_envelope_parse(datum, len, &env) == CG_OK);
	assert(env.type == spec.type && env.category == spec.category &&
		   env.dek_version == spec.dek_version &&
		   env.token_version == spec.token_version &&
		   env.subject == spec.subject);
	out = malloc(env.body_len);
	assert(cg_envelope_open(cipher[suite], token[suite], &env, out,
							env.body_len, &out_len) == CG_OK);
	assert(out_len == size && memcmp(out, data, size) == 0);
	free(out);
	fuzz_bit(datum, len, bit % (len * 8));
	free(datum);
}

static void
fuzz_bit(uint8_t *datum, size_t len, size_t bit)
{
	CgEnvelope	env;
	uint8_t    *out;
	size_t		out_len;
	size_t		at = bit / 8;

	/* in the compact form these bytes only choose keys, and here is one */
	if ((datum[2] & ~CG_FLAG_SUBJECT) == CG_FLAG_SEARCHABLE &&
		((at >= 4 && at < CG_HEADER_LEN) ||
		 (datum[2] != CG_FLAG_SEARCHABLE &&
		  at >= CG_HEADER_LEN + CG_TOKEN_LEN &&
		  at < CG_HEADER_LEN + CG_TOKEN_LEN + CG_SUBJECT_LEN)))
		return;
	datum[at] ^= (uint8_t) (1 << bit % 8);
	if (cg_envelope_parse(datum, len, &env) != CG_OK)
		return;
	out = malloc(env.body_len);
	assert(cg_envelope_open(cipher[env.suite], token[env.suite], &env,
							out, env.body_len, &out_len) == CG_E_AUTH);
	free(out);
}

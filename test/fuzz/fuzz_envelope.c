/*
 * fuzz_envelope.c
 *		libFuzzer target: the bytes of an encrypted value.
 *
 * If the first byte of the input is zero, the rest is a datum, which is parsed
 * and opened.  Else the rest is parameters and a text: what is sealed must
 * open to the same, and not with a bit changed, cut short, or with a byte
 * behind it.
 */
#include "envelope.h"
#include "fuzz.h"

static CgCipher *cipher[CG_MAX_SUITE + 1];
static CgToken *token[CG_MAX_SUITE + 1];	/* NULL: random suite */

extern int	LLVMFuzzerInitialize(int *argc, char ***argv);

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

static CgStatus
open_into(const CgEnvelope *env, uint8_t *out, size_t *out_len)
{
	memset(out, 0xEE, env->body_len);
	return cg_envelope_open(cipher[env->suite], token[env->suite], env, out,
							env->body_len, out_len);
}

/* What does not open leaves no plaintext. */
static void
require_refused(const CgEnvelope *env)
{
	uint8_t    *out = fuzz_buffer(env->body_len);
	size_t		out_len;
	size_t		i;

	REQUIRE(open_into(env, out, &out_len) == CG_E_AUTH && out_len == 0);
	for (i = 0; i < env->body_len; i++)
		REQUIRE(out[i] == 0);
	free(out);
}

static void
try_datum(const uint8_t *data, size_t size)
{
	uint8_t    *datum = fuzz_copy(data, size);
	CgEnvelope	env;
	CgStatus	status = cg_envelope_parse(datum, size, &env);
	uint8_t    *out;
	size_t		out_len;

	if (status == CG_OK)
	{
		REQUIRE(env.head == datum && env.body_len > 0 &&
				env.body + env.body_len == datum + size);
		out = fuzz_buffer(env.body_len);
		if (open_into(&env, out, &out_len) == CG_OK)
			REQUIRE(out_len < env.body_len);
		else
			require_refused(&env);
		free(out);
	}
	else
		REQUIRE(status == CG_E_FORMAT || status == CG_E_SUITE);
	free(datum);
}

/* A datum that was changed to these bytes. */
static void
require_changed(const uint8_t *bytes, size_t len)
{
	uint8_t    *datum = fuzz_copy(bytes, len);
	CgEnvelope	env;

	if (cg_envelope_parse(datum, len, &env) == CG_OK)
		require_refused(&env);
	free(datum);
}

/* In the compact form these bytes only choose keys, and here is one. */
static bool
chooses_key(const uint8_t *datum, size_t at)
{
	size_t		subject = CG_HEADER_LEN + CG_TOKEN_LEN;

	if ((datum[2] & ~CG_FLAG_SUBJECT) != CG_FLAG_SEARCHABLE)
		return false;
	return (at >= 4 && at < CG_HEADER_LEN) ||
		(datum[2] != CG_FLAG_SEARCHABLE &&
		 at >= subject && at < subject + CG_SUBJECT_LEN);
}

static void
try_changes(const uint8_t *datum, size_t len, size_t choice)
{
	uint8_t    *changed = fuzz_buffer(len + 1);
	size_t		bit = choice % (len * 8);

	memcpy(changed, datum, len);
	changed[len] = (uint8_t) choice;
	require_changed(changed, len + 1);
	require_changed(changed, choice % len);
	require_changed(changed, len - 1);
	if (!chooses_key(datum, bit / 8))
	{
		fuzz_flip(changed, bit);
		require_changed(changed, len);
	}
	free(changed);
}

/*
 * Suite and whether of a subject, pad, type, what to change (2 bytes), length
 * of the canonical form, nonce, text.
 */
static void
try_seal(FuzzInput in)
{
	CgSealSpec	spec = {0, 0x7FEDCBA9, 0x1234, 0, 0, 0};
	uint8_t		nonce[CG_MAX_NONCE_LEN];
	uint8_t		choices = (uint8_t) fuzz_number(&in, 1);
	int			suite = choices & 1 ? CG_SUITE_AES_RANDOM :
		CG_SUITE_AES_SEARCHABLE;
	size_t		change;
	size_t		canon_len;
	const uint8_t *text;
	size_t		text_len;
	size_t		bound;
	size_t		len;
	size_t		out_len;
	uint8_t    *datum;
	uint8_t    *out;
	CgEnvelope	env;

	if (choices & 2)
		suite += CG_SUITE_SM4_RANDOM - CG_SUITE_AES_RANDOM;
	spec.subject = choices & 0x80 ? UINT64_C(0x8123456789ABCDEF) : 0;
	spec.token_version = cg_suite_by_id(suite)->searchable ? 0x5678 : 0;
	spec.pad = (uint8_t) fuzz_number(&in, 1);
	if (spec.pad == 0)
		spec.pad = 1;
	spec.type = (uint8_t) fuzz_number(&in, 1);
	change = fuzz_number(&in, 2);
	canon_len = fuzz_number(&in, 1);
	fuzz_fill(&in, nonce, sizeof(nonce));
	text = fuzz_bytes(&in, in.left, &text_len);
	if (canon_len > text_len)
		canon_len = text_len;

	bound = cg_envelope_bound(suite, text_len, spec.pad);
	datum = fuzz_buffer(bound);
	REQUIRE(cg_envelope_seal(cipher[suite], token[suite], &spec, text,
							 text_len, text, canon_len, nonce, datum, bound,
							 &len) == CG_OK && len <= bound);
	REQUIRE(cg_envelope_parse(datum, len, &env) == CG_OK);
	REQUIRE(env.type == spec.type && env.category == spec.category &&
			env.dek_version == spec.dek_version &&
			env.token_version == spec.token_version &&
			env.subject == spec.subject);
	out = fuzz_buffer(env.body_len);
	REQUIRE(open_into(&env, out, &out_len) == CG_OK);
	REQUIRE(out_len == text_len && fuzz_same(out, text, text_len));
	free(out);
	try_changes(datum, len, change);
	free(datum);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && data[0] == 0)
		try_datum(data + 1, size - 1);
	else if (size > 0)
		try_seal((FuzzInput) {data + 1, size - 1});
	return 0;
}

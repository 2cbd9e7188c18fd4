/*
 * test_failures.c
 *		What becomes of each piece of cryptography when any one call of
 *		libcrypto fails.
 *
 * A job does one thing from the beginning to the end.  It is done again and
 * again, with the first call failing, the second, and so on.  Each time it
 * has to be refused, not to give a wrong answer, and to leave neither
 * plaintext in its output nor a key on the stack, which is one of our own so
 * that it can be searched.  A job that made an object then tries once more
 * with it, now without failures.  What is not freed, the sanitizers see.
 */
#define _GNU_SOURCE				/* memmem, RTLD_NEXT */

#include <string.h>
#include <ucontext.h>

#include "openssl_fails.h"

#include "armor.h"
#include "checkpoint.h"
#include "envelope.h"
#include "journal_stream.h"
#include "keywrap.h"
#include "merkle.h"
#include "selftest.h"
#include "suite_impl.h"
#include "tap.h"

#define LONG_TEXT	300			/* bytes that go through counter mode */
#define ANY			(-1)

typedef enum CgOutcome
{
	RIGHT,
	REFUSED,
	WRONG
} CgOutcome;

typedef CgOutcome (*CgJob) (void);

static const uint8_t dek[CG_KEY_LEN] = "a data key that nobody may find.";
static const uint8_t token_key[CG_KEY_LEN] = "a token key that stays where it";
static const uint8_t kek[CG_KEK_LEN] = "the key all the others are under";
static const uint8_t seed[CG_ED25519_SEED_LEN] = "a seed that signs what is sealed";
static const uint8_t text[LONG_TEXT + 1] = "What only its reader may read, and that is more than a block.";
static const uint8_t nonce[CG_MAX_NONCE_LEN] = "prefix of 12suffix of 12";
static uint8_t subkey[8][CG_KEY_LEN];	/* derived from dek and token_key */

/* Which of the suites, and how much of text, the jobs of suites take. */
static int	suite;
static size_t text_len;
static int	selftest;

static uint8_t stack[512 * 1024];
static ucontext_t main_context;
static ucontext_t job_context;
static CgJob job;
static CgOutcome outcome;

/* Is any 16 bytes of a secret there? */
static bool
holds(const uint8_t *where, size_t len, const uint8_t *secret, size_t secret_len)
{
	size_t		i;

	for (i = 0; i + 16 <= secret_len; i += 16)
		if (memmem(where, len, secret + i, 16) != NULL)
			return true;
	return false;
}

static bool
key_on_stack(void)
{
	size_t		i;

	for (i = 0; i < sizeof(subkey) / sizeof(subkey[0]); i++)
		if (holds(stack, sizeof(stack), subkey[i], sizeof(subkey[i])))
			return true;
	return holds(stack, sizeof(stack), dek, sizeof(dek)) ||
		holds(stack, sizeof(stack), token_key, sizeof(token_key)) ||
		holds(stack, sizeof(stack), kek, sizeof(kek)) ||
		holds(stack, sizeof(stack), seed, sizeof(seed));
}

static void
start(void)
{
	outcome = job();
}

static CgOutcome
run(CgJob what, long failing)
{
	job = what;
	memset(stack, 0, sizeof(stack));
	getcontext(&job_context);
	job_context.uc_stack.ss_sp = stack;
	job_context.uc_stack.ss_size = sizeof(stack);
	job_context.uc_link = &main_context;
	makecontext(&job_context, start, 0);
	fails_calls = 0;
	fails_at = failing;
	swapcontext(&main_context, &job_context);
	fails_at = 0;
	return outcome;
}

/*
 * spare: of so many calls another way is found when they fail; ANY of a
 * self-test, which may want a refusal, and passes by what is absent.  The
 * first time the dynamic linker looks functions up, with what is in the
 * registers on the stack.
 */
static void
walk(CgJob what, int spare, const char *name)
{
	long		calls;
	long		n;
	long		found = 0;
	long		right = 0;
	bool		wrong = false;

	(void) run(what, 0);
	wrong = run(what, 0) != RIGHT;
	calls = fails_calls;
	found += key_on_stack();
	for (n = 1; n <= calls; n++)
	{
		CgOutcome	got = run(what, n);

		if (got == RIGHT)
			right++;
		if (got == WRONG)
			printf("# call %ld of %s\n", n, name);
		wrong = wrong || got == WRONG;
		if (key_on_stack())
		{
			printf("# a key is left by %s when call %ld fails\n", name, n);
			found++;
		}
	}
	ok(!wrong && calls > 0 && (spare == ANY ? right < calls : right == spare), "%s: refused when one of %ld calls fails (%ld are spare)", name, calls, right);
	ok(found == 0, "%s: no key is left", name);
}

static CgOutcome
status_outcome(CgStatus status, bool right)
{
	return status == CG_E_CRYPTO ? REFUSED : status == CG_OK && right ? RIGHT : WRONG;
}

/* HMAC and HKDF: the answers are those without failures, which test_crypto.c compares with published ones. */
static CgOutcome
mac_job(CgHash hash)
{
	static uint8_t want[2][CG_HASH_LEN];
	CgHmac	   *hmac = cg_hmac_new_of(hash, dek, sizeof(dek));
	CgPart		parts[2] = {{text, 100}, {text, 100}};
	uint8_t		mac[3][CG_HASH_LEN];
	CgStatus	status = CG_OK;
	int			i;

	if (hmac == NULL)
		return REFUSED;
	for (i = 0; i < 2; i++)
	{
		status = cg_hmac(hmac, text, 100, text, 100, mac[0]);
		if (status == CG_OK)
			status = cg_hmac_parts(hmac, parts, 2, mac[1]);
		if (status == CG_OK)
			status = cg_hmac_even(hmac, text, 100, text, 100, 200, mac[2]);
		if (status == CG_OK)
			break;
		fails_at = 0;			/* and what failed is done again */
	}
	if (want[hash][0] == 0)
		memcpy(want[hash], mac[0], CG_HASH_LEN);
	cg_hmac_free(hmac);
	if (memcmp(mac, want[hash], CG_HASH_LEN) != 0 || memcmp(mac[1], mac[0], CG_HASH_LEN) != 0 ||
		memcmp(mac[2], mac[0], CG_HASH_LEN) != 0)
		return WRONG;
	return i == 0 ? RIGHT : status == CG_OK ? REFUSED : WRONG;
}

static CgOutcome
sha256_mac_job(void)
{
	return mac_job(CG_HASH_SHA256);
}

static CgOutcome
sm3_mac_job(void)
{
	return mac_job(CG_HASH_SM3);
}

static CgOutcome
long_key_job(void)
{
	CgHmac	   *hmac = cg_hmac_new(text, 100);
	bool		made = hmac != NULL;

	cg_hmac_free(hmac);
	return made ? RIGHT : REFUSED;
}

static CgOutcome
hash_job(void)
{
	uint8_t		md[CG_HASH_LEN];
	CgStatus	status = cg_sha256(text, sizeof(text), md);

	if (status == CG_OK)
		status = cg_sm3(text, sizeof(text), md);
	return status_outcome(status, true);
}

static CgOutcome
hkdf_job(void)
{
	static const uint8_t zero[80];
	uint8_t		out[80];
	CgStatus	status;

	memset(out, 'x', sizeof(out));
	status = cg_hkdf(dek, sizeof(dek), text, 20, text, 10, out, sizeof(out));
	if (status != CG_OK && memcmp(out, zero, sizeof(zero)) != 0)
		return WRONG;
	return status_outcome(status, memcmp(out, zero, 32) != 0);
}

/* One that cannot be made is NULL; one that exists serves again after a failure. */
static CgOutcome
suite_job(void)
{
	bool		searchable = cg_suite_by_id(suite)->searchable;
	CgSealSpec	spec = {.type = CG_TYPE_TEXT,.category = 1,.dek_version = 1,.token_version = searchable,.pad = 16};
	const uint8_t *canon = text_len == 20 ? text : text + 1;	/* if long, a variant */
	CgCipher   *cipher = cg_cipher_new(suite, dek);
	CgToken    *token = searchable ? cg_token_new(suite, token_key) : NULL;
	CgOutcome	result = RIGHT;
	uint8_t		prefix[CG_MAX_NONCE_LEN];
	int			left = 4;		/* two values of each nonce prefix */

	if (cipher == NULL || (searchable && token == NULL))
		result = REFUSED;
	while (result != WRONG && left > 0 && cipher != NULL && (token != NULL || !searchable))
	{
		uint8_t		out[LONG_TEXT + 200];
		uint8_t		back[LONG_TEXT + 200];
		size_t		len = 0;
		size_t		back_len = 0;
		CgEnvelope	env;
		CgStatus	status;

		left--;
		memcpy(prefix, nonce, sizeof(prefix));
		prefix[0] = (uint8_t) (left / 2);
		memset(back, 0, sizeof(back));
		status = cg_envelope_seal(cipher, token, &spec, text, text_len, canon, text_len, prefix, out, sizeof(out), &len);
		if (status == CG_OK && cg_envelope_parse(out, len, &env) != CG_OK)
			result = WRONG;
		else if (status == CG_OK)
			status = cg_envelope_open(cipher, token, &env, back, sizeof(back), &back_len);
		if (holds(out, sizeof(out), text, 16) ||
			(status == CG_OK ? back_len != text_len || memcmp(back, text, text_len) != 0 :
			 status != CG_E_CRYPTO || back_len != 0 || holds(back, sizeof(back), text, 16)))
			result = WRONG;
		if (status != CG_OK)
		{
			if (result == REFUSED)
				result = WRONG; /* again, though nothing failed */
			else
			{
				result = REFUSED;
				left = 4;
			}
			fails_at = 0;
		}
	}
	cg_cipher_free(cipher);
	cg_token_free(token);
	return result;
}

/* Sealing over the plaintext itself leaves none of it when it fails. */
static CgOutcome
in_place_job(void)
{
	CgCipher   *cipher = cg_cipher_new(suite, dek);
	uint8_t		buf[64 + 16];
	CgStatus	status = CG_E_CRYPTO;

	memcpy(buf, text, 64);
	if (cipher != NULL)
	{
		status = cg_cipher_seal(cipher, nonce, dek, 0, buf, 64, buf);
		if (holds(buf, sizeof(buf), text, 64))
			status = CG_E_FORMAT;
	}
	cg_cipher_free(cipher);
	return status_outcome(status, true);
}

static CgOutcome
available_job(void)
{
	return cg_suite_available(suite) ? RIGHT : REFUSED;
}

static CgOutcome
wrap_job(void)
{
	uint8_t		wrapped[CG_WRAPPED_LEN(CG_KEY_LEN)];
	size_t		len;
	CgStatus	status = cg_key_wrap(kek, dek, sizeof(dek), wrapped, sizeof(wrapped), &len);

	if (holds(wrapped, len, dek, sizeof(dek)))
		return WRONG;
	return status_outcome(status, len == sizeof(wrapped));
}

/* That libcrypto cannot unwrap it, and that it is not authentic, look alike to it. */
static CgOutcome
unwrap_job(void)
{
	static uint8_t wrapped[CG_WRAPPED_LEN(CG_KEY_LEN)];
	static uint8_t key[CG_KEY_LEN];
	size_t		len;
	CgStatus	status;

	if (wrapped[0] == 0)
		(void) cg_key_wrap(kek, dek, sizeof(dek), wrapped, sizeof(wrapped), &len);
	fails_calls = 0;
	memset(key, 0, sizeof(key));
	status = cg_key_unwrap(kek, wrapped, sizeof(wrapped), key, sizeof(key), &len);
	if (status != CG_OK && (len != 0 || key[0] != 0))
		return WRONG;
	return status_outcome(status == CG_E_AUTH ? CG_E_CRYPTO : status, len == sizeof(dek) && memcmp(key, dek, len) == 0);
}

static CgOutcome
sign_job(void)
{
	uint8_t		key[CG_ED25519_KEY_LEN];
	uint8_t		sig[CG_ED25519_SIG_LEN];
	CgStatus	status = cg_ed25519_public(seed, key);

	if (status == CG_OK)
		status = cg_ed25519_sign(seed, text, 40, sig);
	if (status == CG_OK)
		status = cg_ed25519_verify(key, text, 40, sig);
	return status_outcome(status, true);
}

static CgOutcome
note_job(void)
{
	static const uint8_t root[CG_MERKLE_LEN];
	uint8_t		key[CG_ED25519_KEY_LEN];
	uint8_t		sig[CG_ED25519_SIG_LEN];
	char		note[2 * CG_NOTE_LINE_MAX + CG_CHECKPOINT_HEAD_MAX];
	char		line[CG_NOTE_LINE_MAX];
	size_t		len;
	size_t		line_len;
	CgCheckpoint checkpoint;

	len = cg_checkpoint_write("origin", 6, 1, root, "", 0, note, sizeof(note));
	if (cg_ed25519_public(seed, key) != CG_OK || cg_ed25519_sign(seed, note, len, sig) != CG_OK ||
		cg_note_verifier("origin", 6, key, line) == 0)
		return REFUSED;
	line_len = cg_note_signature("origin", 6, key, sig, line);
	if (line_len == 0)
		return REFUSED;
	note[len++] = '\n';
	memcpy(note + len, line, line_len);
	if (cg_checkpoint_parse(note, len + line_len, &checkpoint) != CG_OK)
		return WRONG;
	return status_outcome(cg_checkpoint_verify(note, &checkpoint, "origin", 6, key), true);
}

/* Trees of 7 and 11 leaves; every way of making a hash of others. */
static CgOutcome
merkle_job(void)
{
	static const uint8_t leaf_data[] = "leaf";
	uint8_t		leaf[11][CG_MERKLE_LEN];
	uint8_t		path[64][CG_MERKLE_LEN];
	uint8_t		root[12][CG_MERKLE_LEN];
	uint8_t		again[CG_MERKLE_LEN] = {0};
	CgMerkle	tree;
	size_t		len;
	CgStatus	status = CG_OK;
	uint64_t	i;

	cg_merkle_init(&tree);
	status = cg_merkle_root(&tree, root[0]);
	for (i = 0; status == CG_OK && i < 11; i++)
	{
		status = cg_merkle_leaf(leaf_data, i % 5, leaf[i]);
		if (status == CG_OK)
			status = cg_merkle_add(&tree, leaf[i]);
		if (status == CG_OK)
			status = cg_merkle_root(&tree, root[i + 1]);
	}
	if (status == CG_OK)
		status = cg_merkle_fetch_root(cg_merkle_fetch_array, leaf, 0, again);
	if (status == CG_OK && memcmp(again, root[0], CG_MERKLE_LEN) != 0)
		return WRONG;
	if (status == CG_OK)
		status = cg_merkle_fetch_root(cg_merkle_fetch_array, leaf, 11, again);
	if (status == CG_OK && memcmp(again, root[11], CG_MERKLE_LEN) != 0)
		return WRONG;
	for (i = 0; status == CG_OK && i < 11; i++)
	{
		status = cg_merkle_inclusion(cg_merkle_fetch_array, leaf, i, 11, path, &len);
		if (status == CG_OK)
			status = cg_merkle_check_inclusion(leaf[i], i, 11, path, len, root[11]);
	}
	for (i = 0; status == CG_OK && i <= 11; i++)
	{
		status = cg_merkle_consistency(cg_merkle_fetch_array, leaf, i, 11, path, &len);
		if (status == CG_OK)
			status = cg_merkle_check_consistency(i, root[i], 11, root[11], path, len);
	}
	return status_outcome(status, true);
}

static CgOutcome
stream_job(void)
{
	CgStream   *stream = cg_stream_new(dek);
	uint8_t		sealed[CG_STREAM_BOUND(64)];
	uint8_t		back[CG_STREAM_BOUND(64)];
	size_t		len;
	size_t		back_len;
	CgOutcome	result = RIGHT;
	int			left = 2;

	if (stream == NULL)
		return REFUSED;
	while (result != WRONG && left > 0)
	{
		CgStatus	status;

		left--;
		status = cg_stream_seal(stream, text, 64, sealed, &len);
		if (status != CG_OK && holds(sealed + CG_STREAM_HEAD, 64, text, 64))
			result = WRONG;
		if (status == CG_OK)
			status = cg_stream_open(stream, sealed, len, back, &back_len);
		if (status == CG_OK && (back_len != 64 || memcmp(back, text, 64) != 0))
			result = WRONG;
		if (status != CG_OK)
		{
			result = status == CG_E_CRYPTO && result == RIGHT ? REFUSED : WRONG;
			fails_at = 0;
			left = 2;
		}
	}
	cg_stream_free(stream);
	return result;
}

static CgOutcome
selftest_job(void)
{
	return cg_selftest_run(selftest, false) ? RIGHT : REFUSED;
}

int
main(void)
{
	static const char *const info[] = {
		"cipguard/v1/aes-random/key", "cipguard/v1/aes-searchable/ctr", "cipguard/v1/aes-searchable/siv",
		"cipguard/v1/aes-searchable/token", "cipguard/v1/sm4-random/mac", "cipguard/v1/sm4-searchable/siv",
		"cipguard/v1/sm4-searchable/token", "cipguard/v1/sm4-random/ctr"
	};
	char		name[80];
	int			absent = 0;
	int			present = 0;
	int			i;

	for (i = 0; i < 8; i++)
		(void) cg_sub_key(strstr(info[i], "token") == NULL ? dek : token_key, info[i], subkey[i], CG_KEY_LEN);

	walk(hash_job, 0, "hashes");
	walk(sha256_mac_job, 0, "HMAC-SHA-256");
	walk(sm3_mac_job, 0, "HMAC-SM3");
	walk(long_key_job, 0, "HMAC of a long key");
	walk(hkdf_job, 0, "HKDF");
	for (suite = 1; suite <= CG_MAX_SUITE; suite++)
	{
		/* Opening with the key in place has a quick way and an ordinary one. */
		int			spare = suite == CG_SUITE_AES_RANDOM ? 4 : 0;

		for (text_len = 20; text_len <= LONG_TEXT; text_len += LONG_TEXT - 20)
		{
			snprintf(name, sizeof(name), "%s, %zu bytes", cg_suite_by_id(suite)->name, text_len);
			walk(suite_job, spare, name);
		}
		snprintf(name, sizeof(name), "%s in place", cg_suite_by_id(suite)->name);
		if (!cg_suite_by_id(suite)->searchable)
			walk(in_place_job, 0, name);
		snprintf(name, sizeof(name), "%s available", cg_suite_by_id(suite)->name);
		walk(available_job, 0, name);
	}
	walk(wrap_job, 0, "wrapping a key");
	walk(unwrap_job, 0, "unwrapping a key");
	walk(sign_job, 0, "signatures");
	walk(note_job, 0, "notes");
	walk(merkle_job, 0, "Merkle trees");
	walk(stream_job, 0, "streams");
	for (selftest = 0; selftest < cg_selftest_count(); selftest++)
	{
		snprintf(name, sizeof(name), "self-test %s", cg_selftest_name(selftest));
		walk(selftest_job, ANY, name);
		fails_calls = 0;
		fails_at = 1;			/* to find the algorithm */
		absent += cg_selftest_absent(selftest);
		fails_at = 0;
		present += !cg_selftest_absent(selftest);
	}
	ok(absent > 0 && present == cg_selftest_count(), "%d self-tests are of what a library may lack", absent);
	return tap_done();
}

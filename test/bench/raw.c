/*
 * raw.c
 *		What one value costs: libcrypto alone, and our functions around it.
 *
 *	gcc -std=gnu99 -O2 -Isrc test/bench/raw.c \
 *		src/{digest,suite,suite_aes,envelope}.c -lcrypto -o /tmp/raw
 *
 * Prints name, bytes of plaintext and nanoseconds of CPU time for one value,
 * tab-separated: the median of 7 rounds.  The lines "raw_..." use cached
 * contexts in the most direct way and are the floor for the "seal_..." and
 * "open_..." below them, which also pad, write and check the header.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "digest.h"
#include "envelope.h"

#define ROUNDS		7
#define ROUND_NS	30000000.0	/* aim of one round */
#define MAX_BYTES	1024
#define PAD			16

typedef struct CgBench
{
	size_t		bytes;
	uint8_t		text[MAX_BYTES];
	uint8_t		canon[MAX_BYTES];	/* another spelling of text */
	uint8_t		nonce[CG_MAX_NONCE_LEN];
	uint8_t		out[MAX_BYTES + 512];
	uint8_t		datum[2][MAX_BYTES + 512];	/* two that differ in prefix */
	CgEnvelope	env[2];
	unsigned	turn;
	CgCipher   *random;
	CgCipher   *search;
	CgToken    *token;
	CgHmac	   *hmac;
	EVP_CIPHER_CTX *gcm;
	EVP_CIPHER_CTX *ctr;
	EVP_CIPHER_CTX *block;
	OSSL_PARAM	tag[2];
	uint8_t		tag_bytes[16];
} CgBench;

typedef void (*CgBenchFn) (CgBench *b);

static const CgSealSpec random_spec = {CG_TYPE_TEXT, 7, 1, 0, PAD};
static const CgSealSpec search_spec = {CG_TYPE_TEXT, 7, 1, 1, PAD};

static void set_up(CgBench *b);
static void make_datums(CgBench *b, int suite, bool variant);
static void run(CgBench *b, const char *name, CgBenchFn fn);
static double one_round(CgBench *b, CgBenchFn fn, long n);
static int	compare_double(const void *a, const void *b);
static void die(const char *what);
static void raw_gcm(CgBench *b);
static void raw_xaes(CgBench *b);
static void raw_ctr(CgBench *b);
static void raw_hmac(CgBench *b);
static void raw_hmac_ctr(CgBench *b);
static void seal_random(CgBench *b);
static void seal_random_new_prefix(CgBench *b);
static void seal_compact(CgBench *b);
static void seal_variant(CgBench *b);
static void open_same(CgBench *b);
static void open_turns(CgBench *b);
static void token(CgBench *b);

int
main(void)
{
	static const size_t sizes[] = {16, 64, 1024};
	CgBench    *b = calloc(1, sizeof(CgBench));
	size_t		i;

	if (b == NULL)
		die("memory");
	set_up(b);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		b->bytes = sizes[i];
		run(b, "raw_gcm_key_cached", raw_gcm);
		run(b, "raw_xaes_derive_each", raw_xaes);
		run(b, "raw_aes_ctr", raw_ctr);
		run(b, "raw_hmac_sha256", raw_hmac);
		run(b, "raw_hmac_sha256_aes_ctr", raw_hmac_ctr);
		run(b, "token_make", token);
		run(b, "seal_aes_random_same_prefix", seal_random);
		run(b, "seal_aes_random_new_prefix", seal_random_new_prefix);
		make_datums(b, CG_SUITE_AES_RANDOM, false);
		run(b, "open_aes_random_same_prefix", open_same);
		run(b, "open_aes_random_new_prefix", open_turns);
		run(b, "seal_aes_searchable", seal_compact);
		make_datums(b, CG_SUITE_AES_SEARCHABLE, false);
		run(b, "open_aes_searchable", open_same);
		run(b, "seal_aes_searchable_variant", seal_variant);
		make_datums(b, CG_SUITE_AES_SEARCHABLE, true);
		run(b, "open_aes_searchable_variant", open_same);
	}
	return 0;
}

static void
set_up(CgBench *b)
{
	EVP_CIPHER *gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	EVP_CIPHER *ctr = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL);
	EVP_CIPHER *ecb = EVP_CIPHER_fetch(NULL, "AES-256-ECB", NULL);
	uint8_t		key[CG_KEY_LEN];

	memset(key, 0x42, sizeof(key));
	memset(b->text, 't', sizeof(b->text));
	memset(b->canon, 'T', sizeof(b->canon));
	b->random = cg_cipher_new(CG_SUITE_AES_RANDOM, key);
	b->search = cg_cipher_new(CG_SUITE_AES_SEARCHABLE, key);
	b->token = cg_token_new(CG_SUITE_AES_SEARCHABLE, key);
	b->hmac = cg_hmac_new(key, sizeof(key));
	b->gcm = EVP_CIPHER_CTX_new();
	b->ctr = EVP_CIPHER_CTX_new();
	b->block = EVP_CIPHER_CTX_new();
	b->tag[0] = OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG,
												  b->tag_bytes, 16);
	b->tag[1] = OSSL_PARAM_construct_end();
	if (b->random == NULL || b->search == NULL || b->token == NULL ||
		b->hmac == NULL ||
		!EVP_EncryptInit_ex2(b->gcm, gcm, key, NULL, NULL) ||
		!EVP_EncryptInit_ex2(b->ctr, ctr, key, NULL, NULL) ||
		!EVP_EncryptInit_ex2(b->block, ecb, key, NULL, NULL))
		die("libcrypto");
	EVP_CIPHER_free(gcm);
	EVP_CIPHER_free(ctr);
	EVP_CIPHER_free(ecb);
}

/* Two datums of the present size to be opened. */
static void
make_datums(CgBench *b, int suite, bool variant)
{
	bool		random = suite == CG_SUITE_AES_RANDOM;
	size_t		len;
	int			i;

	for (i = 0; i < 2; i++)
	{
		b->nonce[0] ^= 1;
		if (cg_envelope_seal(random ? b->random : b->search, b->token,
							 random ? &random_spec : &search_spec,
							 b->text, b->bytes,
							 variant ? b->canon : b->text, b->bytes, b->nonce,
							 b->datum[i], sizeof(b->datum[i]),
							 &len) != CG_OK ||
			cg_envelope_parse(b->datum[i], len, &b->env[i]) != CG_OK)
			die("datum");
	}
}

static void
run(CgBench *b, const char *name, CgBenchFn fn)
{
	double		ns[ROUNDS];
	long		n;
	int			i;

	n = (long) (ROUND_NS / one_round(b, fn, 1000)) + 1;
	for (i = 0; i < ROUNDS; i++)
		ns[i] = one_round(b, fn, n);
	qsort(ns, ROUNDS, sizeof(ns[0]), compare_double);
	printf("%s\t%zu\t%.0f\n", name, b->bytes, ns[ROUNDS / 2]);
	fflush(stdout);
}

static double
one_round(CgBench *b, CgBenchFn fn, long n)
{
	struct timespec from;
	struct timespec to;
	long		i;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (i = 0; i < n; i++)
		fn(b);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	return ((double) (to.tv_sec - from.tv_sec) * 1e9 +
			(double) (to.tv_nsec - from.tv_nsec)) / (double) n;
}

static int
compare_double(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

static void
die(const char *what)
{
	fprintf(stderr, "raw: %s\n", what);
	exit(1);
}

/* Same work as suite 1 does for a header of 12 bytes and padded text. */
static void
raw_gcm(CgBench *b)
{
	int			n;

	b->nonce[12]++;
	if (!EVP_EncryptInit_ex2(b->gcm, NULL, NULL, b->nonce + 12, NULL) ||
		!EVP_EncryptUpdate(b->gcm, NULL, &n, b->text, 12) ||
		!EVP_EncryptUpdate(b->gcm, b->out, &n, b->text, (int) b->bytes) ||
		!EVP_EncryptFinal_ex(b->gcm, b->out + n, &n) ||
		!EVP_CIPHER_CTX_get_params(b->gcm, b->tag))
		die("gcm");
}

static void
raw_xaes(CgBench *b)
{
	uint8_t		key[32];
	int			n;

	b->nonce[0]++;
	memcpy(b->out, b->nonce, 12);
	if (!EVP_EncryptUpdate(b->block, key, &n, b->out, 32) ||
		!EVP_EncryptInit_ex2(b->gcm, NULL, key, b->nonce + 12, NULL) ||
		!EVP_EncryptUpdate(b->gcm, NULL, &n, b->text, 12) ||
		!EVP_EncryptUpdate(b->gcm, b->out, &n, b->text, (int) b->bytes) ||
		!EVP_EncryptFinal_ex(b->gcm, b->out + n, &n) ||
		!EVP_CIPHER_CTX_get_params(b->gcm, b->tag))
		die("xaes");
}

static void
raw_ctr(CgBench *b)
{
	int			n;

	if (!EVP_EncryptInit_ex2(b->ctr, NULL, NULL, b->nonce, NULL) ||
		!EVP_EncryptUpdate(b->ctr, b->out, &n, b->text, (int) b->bytes))
		die("ctr");
}

static void
raw_hmac(CgBench *b)
{
	if (cg_hmac(b->hmac, b->text, b->bytes, NULL, 0, b->out) != CG_OK)
		die("hmac");
}

static void
raw_hmac_ctr(CgBench *b)
{
	uint8_t		mac[CG_SHA256_LEN];
	int			n;

	if (cg_hmac(b->hmac, b->text, b->bytes, NULL, 0, mac) != CG_OK ||
		!EVP_EncryptInit_ex2(b->ctr, NULL, NULL, mac, NULL) ||
		!EVP_EncryptUpdate(b->ctr, b->out, &n, b->text, (int) b->bytes))
		die("hmac and ctr");
}

static void
token(CgBench *b)
{
	if (cg_token_make(b->token, CG_TYPE_TEXT, b->text, b->bytes,
					  b->out) != CG_OK)
		die("token");
}

static void
seal_random(CgBench *b)
{
	size_t		len;

	b->nonce[12]++;
	if (cg_envelope_seal(b->random, NULL, &random_spec, b->text, b->bytes,
						 NULL, 0, b->nonce,
						 b->out, sizeof(b->out), &len) != CG_OK)
		die("seal random");
}

static void
seal_random_new_prefix(CgBench *b)
{
	b->nonce[0]++;
	seal_random(b);
}

static void
seal_compact(CgBench *b)
{
	size_t		len;

	if (cg_envelope_seal(b->search, b->token, &search_spec,
						 b->text, b->bytes, b->text, b->bytes, NULL,
						 b->out, sizeof(b->out), &len) != CG_OK)
		die("seal searchable");
}

static void
seal_variant(CgBench *b)
{
	size_t		len;

	if (cg_envelope_seal(b->search, b->token, &search_spec,
						 b->text, b->bytes, b->canon, b->bytes, NULL,
						 b->out, sizeof(b->out), &len) != CG_OK)
		die("seal variant");
}

static void
open_same(CgBench *b)
{
	const CgEnvelope *env = &b->env[0];
	size_t		len;

	if (cg_envelope_open(env->token == NULL ? b->random : b->search, b->token,
						 env, b->out, sizeof(b->out), &len) != CG_OK)
		die("open");
}

static void
open_turns(CgBench *b)
{
	const CgEnvelope *env = &b->env[b->turn++ & 1];
	size_t		len;

	if (cg_envelope_open(b->random, NULL, env, b->out, sizeof(b->out),
						 &len) != CG_OK)
		die("open");
}

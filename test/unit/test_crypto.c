/*
 * test_crypto.c
 *		Published vectors for digest, keywrap and the suites, and the edges of
 *		their interfaces.
 */
#include <openssl/err.h>
#include <openssl/evp.h>

#include "digest.h"
#include "keywrap.h"
#include "suite_impl.h"
#include "tap.h"
#include "vectors.h"
#include "wipe.h"

/* "Accumulated randomized tests" of c2sp.org/XAES-256-GCM, 10 000 of them */
#define XAES_RANDOM_HASH \
	"e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939"

static void test_sha256(void);
static void test_sm3(void);
static void test_hmac(void);
static void test_hmac_sm3(void);
static void test_hmac_even(CgHash hash);
static void test_hkdf(void);
static void test_gcm(void);
static void test_ctr(const CgBlockCipher *cipher, const char *vectors);
static void test_sm4_block(void);
static void test_sm4_random(void);
static void test_xaes(void);
static void test_xaes_random(void);
static void test_xaes_cache(void);
static void test_keywrap(void);
static void test_keywrap_edges(void);
static void test_suites(void);
static void test_unavailable(void);
static void test_tokens(int suite);
static bool all_zero(const uint8_t *p, size_t n);

int
main(void)
{
	test_sha256();
	test_sm3();
	test_hmac();
	test_hmac_sm3();
	test_hmac_even(CG_HASH_SHA256);
	test_hmac_even(CG_HASH_SM3);
	test_hkdf();
	test_gcm();
	test_ctr(&cg_aes256, "aes256ctr.tsv");
	test_ctr(&cg_sm4, "sm4ctr.tsv");
	test_sm4_block();
	test_sm4_random();
	test_xaes();
	test_xaes_random();
	test_xaes_cache();
	test_keywrap();
	test_keywrap_edges();
	test_suites();
	test_tokens(CG_SUITE_AES_SEARCHABLE);
	test_tokens(CG_SUITE_SM4_SEARCHABLE);
	test_unavailable();
	return tap_done();
}

static void
test_sha256(void)
{
	CgVecFile	v;
	uint8_t		md[CG_SHA256_LEN];

	vec_open(&v, "sha256.tsv");
	while (vec_next(&v))
	{
		size_t		len;
		size_t		want_len;
		uint8_t    *data = vec_hex(v.field[0], &len);
		uint8_t    *want = vec_hex(v.field[1], &want_len);

		ok(cg_sha256(data, len, md) == CG_OK, "SHA-256 of %zu bytes", len);
		is_bytes(md, sizeof(md), want, want_len, "digest");
		free(data);
		free(want);
	}
}

static void
test_sm3(void)
{
	CgVecFile	v;
	uint8_t		md[CG_HASH_LEN];

	vec_open(&v, "sm3.tsv");
	while (vec_next(&v))
	{
		size_t		len;
		size_t		want_len;
		uint8_t    *data = vec_hex(v.field[0], &len);
		uint8_t    *want = vec_hex(v.field[1], &want_len);

		ok(cg_sm3(data, len, md) == CG_OK, "SM3 of %zu bytes", len);
		is_bytes(md, sizeof(md), want, want_len, "digest");
		free(data);
		free(want);
	}
}

/* Each vector whole, split in two, and repeated through one context. */
static void
test_hmac(void)
{
	CgVecFile	v;

	vec_open(&v, "hmac_sha256.tsv");
	while (vec_next(&v))
	{
		size_t		key_len;
		size_t		len;
		size_t		want_len;
		size_t		split;
		uint8_t    *key = vec_hex(v.field[0], &key_len);
		uint8_t    *data = vec_hex(v.field[1], &len);
		uint8_t    *want = vec_hex(v.field[2], &want_len);
		CgHmac	   *hmac = cg_hmac_new(key, key_len);
		uint8_t		mac[CG_SHA256_LEN];
		bool		same = true;

		cg_wipe(key, key_len);	/* the context does not point to it */
		ok(cg_hmac(hmac, data, len, NULL, 0, mac) == CG_OK,
		   "HMAC with a key of %zu bytes", key_len);
		is_bytes(mac, want_len, want, want_len, "mac");
		for (split = 0; split <= len; split++)
		{
			same = cg_hmac(hmac, data, split, data + split, len - split,
						   mac) == CG_OK &&
				memcmp(mac, want, want_len) == 0 && same;
		}
		ok(same, "mac, split at every place");
		cg_hmac_free(hmac);
		free(key);
		free(data);
		free(want);
	}
	cg_hmac_free(NULL);
}

/* Keys shorter and longer than a block, macs whole and cut to 128 bits. */
static void
test_hmac_sm3(void)
{
	CgVecFile	v;
	int			n = 0;

	vec_open(&v, "hmac_sm3.tsv");
	while (vec_next(&v))
	{
		size_t		key_len;
		size_t		len;
		size_t		want_len;
		uint8_t    *key = vec_hex(v.field[1], &key_len);
		uint8_t    *data = vec_hex(v.field[2], &len);
		uint8_t    *want = vec_hex(v.field[3], &want_len);
		CgHmac	   *hmac = cg_hmac_new_of(CG_HASH_SM3, key, key_len);
		uint8_t		mac[CG_HASH_LEN];
		bool		valid = strcmp(v.field[4], "valid") == 0;
		CgPart		parts[3] = {{data, len / 3}, {NULL, 0},
		{data + len / 3, len - len / 3}};

		cg_wipe(key, key_len);
		ok(cg_hmac(hmac, data, len, NULL, 0, mac) == CG_OK &&
		   (memcmp(mac, want, want_len) == 0) == valid, "HMAC-SM3 %s %s",
		   v.field[0], v.field[4]);
		ok(cg_hmac_parts(hmac, parts, 3, mac) == CG_OK &&
		   (memcmp(mac, want, want_len) == 0) == valid, "in parts");
		cg_hmac_free(hmac);
		free(key);
		free(data);
		free(want);
		n++;
	}
	ok(n == 174, "all vectors of HMAC-SM3");
}

static void
test_hmac_even(CgHash hash)
{
	uint8_t		key[32] = {7};
	uint8_t		data[700] = {1, 2, 3};
	uint8_t		mac[CG_SHA256_LEN];
	uint8_t		want[CG_SHA256_LEN];
	CgHmac	   *hmac = cg_hmac_new_of(hash, key, sizeof(key));
	bool		same = true;
	size_t		len;
	size_t		max;

	for (max = 0; max <= 700; max += 7)
	{
		for (len = max > 255 ? max - 255 : 0; len <= max; len++)
		{
			cg_hmac(hmac, "x", 1, data, len, want);
			same = cg_hmac_even(hmac, "x", 1, data, len, max, mac) == CG_OK &&
				memcmp(mac, want, sizeof(mac)) == 0 && same;
		}
	}
	ok(same, "HMAC in even time is the same MAC");
	ok(cg_hmac_even(hmac, NULL, 0, data, 11, 10, mac) == CG_E_LIMIT,
	   "length above the bound is refused");
	ok(cg_hmac_even(hmac, NULL, 0, data, 44, 300, mac) == CG_E_LIMIT,
	   "length too far below the bound is refused");
	cg_hmac_free(hmac);
}

static void
test_hkdf(void)
{
	CgVecFile	v;
	uint8_t		out[255 * CG_SHA256_LEN + 1];
	uint8_t		head[40];

	vec_open(&v, "hkdf_sha256.tsv");
	while (vec_next(&v))
	{
		size_t		ikm_len;
		size_t		salt_len;
		size_t		info_len;
		size_t		want_len;
		uint8_t    *ikm = vec_hex(v.field[0], &ikm_len);
		uint8_t    *salt = vec_hex(v.field[1], &salt_len);
		uint8_t    *info = vec_hex(v.field[2], &info_len);
		uint8_t    *want = vec_hex(v.field[3], &want_len);

		ok(cg_hkdf(ikm, ikm_len, salt_len > 0 ? salt : NULL, salt_len,
				   info, info_len, out, want_len) == CG_OK,
		   "HKDF of %zu bytes", want_len);
		is_bytes(out, want_len, want, want_len, "output key");
		free(ikm);
		free(salt);
		free(info);
		free(want);
	}
	ok(cg_hkdf(out, 32, NULL, 0, "i", 1, head, sizeof(head)) == CG_OK &&
	   cg_hkdf(out, 32, NULL, 0, "i", 1, out, 255 * CG_SHA256_LEN) == CG_OK &&
	   memcmp(out, head, sizeof(head)) == 0,
	   "longest output begins like a short one");
	ok(cg_hkdf(out, 32, NULL, 0, "i", 1, out, sizeof(out)) == CG_E_LIMIT,
	   "one byte more is refused");
}

/* Apart, in place, and with the key schedule of the call before. */
static void
test_gcm(void)
{
	CgVecFile	v;
	CgGcm	   *sealer = cg_gcm_new(true);
	CgGcm	   *opener = cg_gcm_new(false);

	vec_open(&v, "aes256gcm.tsv");
	while (vec_next(&v))
	{
		size_t		n;
		size_t		aad_len;
		size_t		len;
		uint8_t    *key = vec_hex(v.field[1], &n);
		uint8_t    *nonce = vec_hex(v.field[2], &n);
		uint8_t    *aad = vec_hex(v.field[3], &aad_len);
		uint8_t    *plain = vec_hex(v.field[4], &len);
		uint8_t    *want;
		uint8_t    *got = malloc(len + CG_GCM_TAG_LEN);
		uint8_t    *back = malloc(len + 1);
		char		both[VEC_MAX_LINE];
		bool		valid = strcmp(v.field[7], "valid") == 0;

		snprintf(both, sizeof(both), "%s%s", v.field[5], v.field[6]);
		want = vec_hex(both, &n);
		if (valid)
		{
			ok(cg_gcm_seal(sealer, key, nonce, aad, aad_len,
						   plain, len, got) == CG_OK, "GCM %s", v.field[0]);
			is_bytes(got, n, want, n, "sealed");
			cg_gcm_seal(sealer, NULL, nonce, aad, aad_len, plain, len, got);
			is_bytes(got, n, want, n, "sealed with the key kept");
			if (len > 0)
				memcpy(got, plain, len);
			cg_gcm_seal(sealer, NULL, nonce, aad, aad_len, got, len, got);
			is_bytes(got, n, want, n, "sealed in place");
			ok(cg_gcm_open(opener, key, nonce, aad, aad_len,
						   want, n, back) == CG_OK, "opens");
			is_bytes(back, len, plain, len, "opened");
			got[n - 1] ^= 1;
			ok(cg_gcm_open(opener, NULL, nonce, aad, aad_len,
						   got, n, got) == CG_E_AUTH && all_zero(got, len),
			   "tag of one other bit is refused, nothing left in place");
			ok(cg_gcm_open(opener, NULL, nonce, aad, aad_len,
						   want, n, back) == CG_OK &&
			   memcmp(back, plain, len) == 0, "opens after a refusal");
		}
		else
			ok(cg_gcm_open(opener, key, nonce, aad, aad_len, want, n, back) ==
			   CG_E_AUTH && all_zero(back, len), "GCM %s refused", v.field[0]);
		free(key);
		free(nonce);
		free(aad);
		free(plain);
		free(want);
		free(got);
		free(back);
	}
	ok(cg_gcm_open(opener, NULL, (const uint8_t *) "123456789012", NULL, 0,
				   (const uint8_t *) "123456789012345", 15, NULL) == CG_E_AUTH,
	   "shorter than a tag");
	ok(cg_gcm_seal(sealer, NULL, (const uint8_t *) "123456789012", NULL, 0,
				   NULL, CG_MAX_EVP_LEN + 1, NULL) == CG_E_LIMIT &&
	   cg_gcm_seal(sealer, NULL, (const uint8_t *) "123456789012", NULL,
				   SIZE_MAX, NULL, 0, NULL) == CG_E_LIMIT &&
	   cg_gcm_open(opener, NULL, (const uint8_t *) "123456789012", NULL, 0,
				   NULL, SIZE_MAX, NULL) == CG_E_LIMIT,
	   "longer than libcrypto counts");
	cg_gcm_free(sealer);
	cg_gcm_free(opener);
}

static void
test_ctr(const CgBlockCipher *cipher, const char *vectors)
{
	CgVecFile	v;
	uint8_t		ones[16];
	uint8_t		zeros[256] = {0};
	uint8_t		a[256];
	uint8_t		b[256];
	CgCtr	   *ctr;

	vec_open(&v, vectors);
	while (vec_next(&v))
	{
		size_t		n;
		size_t		len;
		size_t		cut;
		uint8_t    *key = vec_hex(v.field[0], &n);
		uint8_t    *iv = vec_hex(v.field[1], &n);
		uint8_t    *plain = vec_hex(v.field[2], &len);
		uint8_t    *want = vec_hex(v.field[3], &n);
		uint8_t    *got = malloc(len);
		bool		same = true;

		ctr = cg_ctr_new(cipher, key);
		ok(cg_ctr_run(ctr, iv, plain, len, got) == CG_OK, "%s", cipher->ctr);
		is_bytes(got, len, want, n, "ciphertext");
		for (cut = 0; cut <= len; cut++)
		{
			memcpy(got, plain, len);
			same = cg_ctr_run(ctr, iv, got, cut, got) == CG_OK &&
				memcmp(got, want, cut) == 0 &&
				memcmp(got + cut, plain + cut, len - cut) == 0 && same;
		}
		ok(same, "in place, every length");

		/* all 128 bits count: after 2^128 - 1 comes 0 */
		memset(ones, 0xFF, sizeof(ones));
		cg_ctr_run(ctr, ones, zeros, 32, a);
		cg_ctr_run(ctr, zeros, zeros, 16, b);
		is_bytes(a + 16, 16, b, 16, "counter wraps as one number");
		cg_ctr_run(ctr, ones, zeros, sizeof(a), a);
		is_bytes(a + 16, 16, b, 16, "in a long text too");

		/* the ways for short and for long texts give the same stream */
		for (ones[15] = 0, same = true; ones[15] < 255; ones[15]++)
		{
			cg_ctr_run(ctr, ones, zeros, sizeof(a), a);
			for (cut = 0; cut <= sizeof(a); cut += 3)
				same = cg_ctr_run(ctr, ones, zeros, cut, b) == CG_OK &&
					memcmp(a, b, cut) == 0 && same;
		}
		ok(same, "short and long texts");
		ok(cg_ctr_run(ctr, ones, zeros, CG_MAX_EVP_LEN + 1, a) == CG_E_LIMIT,
		   "not longer than libcrypto counts");
		cg_ctr_free(ctr);
		free(key);
		free(iv);
		free(plain);
		free(want);
		free(got);
	}
}

/* The block cipher alone, a million times over. */
static void
test_sm4_block(void)
{
	CgVecFile	v;

	vec_open(&v, "sm4ecb.tsv");
	while (vec_next(&v))
	{
		size_t		n;
		uint8_t    *key = vec_hex(v.field[0], &n);
		uint8_t    *block = vec_hex(v.field[1], &n);
		int			times = atoi(v.field[2]);
		uint8_t    *want = vec_hex(v.field[3], &n);
		uint8_t		zeros[CG_BLOCK_LEN] = {0};
		CgCtr	   *ctr = cg_ctr_new(&cg_sm4, key);
		int			i;

		/* the key stream at a counter is that block encrypted */
		for (i = 0; i < times; i++)
			cg_ctr_run(ctr, block, zeros, CG_BLOCK_LEN, block);
		is_bytes(block, CG_BLOCK_LEN, want, n, "SM4");
		cg_ctr_free(ctr);
		free(key);
		free(block);
		free(want);
	}
}

/* Apart, in place, and refused for any other header, nonce, text or tag. */
static void
test_sm4_random(void)
{
	uint8_t		dek[CG_KEY_LEN] = {1};
	uint8_t		nonce[16] = {2};
	uint8_t		head[30] = {3};
	uint8_t		plain[300];
	uint8_t		sealed[300 + 16];
	uint8_t		buf[300 + 16];
	CgCipher   *cipher = cg_cipher_new(CG_SUITE_SM4_RANDOM, dek);
	bool		same = true;
	bool		refused = true;
	size_t		len;
	size_t		i;

	for (i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t) i;
	for (len = 0; len <= sizeof(plain); len++)
	{
		size_t		head_len = len % (sizeof(head) + 1);

		same = cg_cipher_seal(cipher, nonce, head, head_len,
							  plain, len, sealed) == CG_OK && same;
		memcpy(buf, plain, len);
		same = cg_cipher_seal(cipher, nonce, head, head_len,
							  buf, len, buf) == CG_OK &&
			memcmp(buf, sealed, len + 16) == 0 &&
			cg_cipher_open(cipher, nonce, head, head_len,
						   buf, len + 16, buf) == CG_OK &&
			memcmp(buf, plain, len) == 0 && same;

		/* a byte moved from the header to the text is another message */
		if (head_len > 0)
			refused = cg_cipher_open(cipher, nonce, head, head_len - 1,
									 sealed, len + 16, buf) == CG_E_AUTH &&
				all_zero(buf, len) && refused;
		for (i = 0; i < len + 16; i++)
		{
			memcpy(buf, sealed, len + 16);
			buf[i] ^= 0x10;
			refused = cg_cipher_open(cipher, nonce, head, head_len,
									 buf, len + 16, buf) == CG_E_AUTH &&
				all_zero(buf, len) && refused;
		}
		nonce[len % 16] ^= 1;
		refused = cg_cipher_open(cipher, nonce, head, head_len,
								 sealed, len + 16, buf) == CG_E_AUTH && refused;
	}
	ok(same, "SM4-CTR with HMAC-SM3, in place and apart");
	ok(refused, "every byte of text, tag, header and nonce counts");
	ok(cg_cipher_open(cipher, nonce, head, 1, sealed, 15, buf) == CG_E_AUTH,
	   "shorter than a tag");
	cg_cipher_free(cipher);
}

static void
test_xaes(void)
{
	CgVecFile	v;

	vec_open(&v, "xaes256gcm.tsv");
	while (vec_next(&v))
	{
		size_t		n;
		size_t		aad_len;
		size_t		len;
		uint8_t    *key = vec_hex(v.field[0], &n);
		uint8_t    *nonce = vec_hex(v.field[1], &n);
		uint8_t    *aad = vec_hex(v.field[2], &aad_len);
		uint8_t    *plain = vec_hex(v.field[3], &len);
		uint8_t    *want = vec_hex(v.field[4], &n);
		uint8_t    *got = malloc(n);
		CgXaes	   *xaes = cg_xaes_new(key);

		ok(cg_xaes_seal(xaes, nonce, aad, aad_len, plain, len, got) == CG_OK,
		   "XAES-256-GCM, key %.2s...", v.field[0]);
		is_bytes(got, len + CG_GCM_TAG_LEN, want, n, "sealed");
		ok(cg_xaes_open(xaes, nonce, aad, aad_len, want, n, got) == CG_OK,
		   "opens");
		is_bytes(got, len, plain, len, "opened");
		cg_xaes_free(xaes);
		free(key);
		free(nonce);
		free(aad);
		free(plain);
		free(want);
		free(got);
	}
}

/* The accumulated test of the specification, 10 000 random inputs. */
static void
test_xaes_random(void)
{
	const size_t stream_len = 10000 * (32 + 24 + 1 + 255 + 1 + 255);
	uint8_t    *stream = malloc(stream_len);
	uint8_t    *p = stream;
	EVP_MD_CTX *rng = EVP_MD_CTX_new();
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	uint8_t		sum[32];
	size_t		want_len;
	uint8_t    *want = vec_hex(XAES_RANDOM_HASH, &want_len);
	bool		opened = true;
	int			i;

	EVP_DigestInit_ex(rng, EVP_shake128(), NULL);
	EVP_DigestFinalXOF(rng, stream, stream_len);
	EVP_DigestInit_ex(hash, EVP_shake128(), NULL);
	for (i = 0; i < 10000; i++)
	{
		const uint8_t *key = p;
		const uint8_t *nonce = key + CG_KEY_LEN;
		const uint8_t *plain = nonce + CG_XAES_NONCE_LEN + 1;
		size_t		len = plain[-1];
		const uint8_t *aad = plain + len + 1;
		size_t		aad_len = aad[-1];
		CgXaes	   *xaes = cg_xaes_new(key);
		uint8_t		sealed[255 + CG_GCM_TAG_LEN];
		uint8_t		back[255];

		p += 32 + 24 + 1 + len + 1 + aad_len;
		opened = cg_xaes_seal(xaes, nonce, aad, aad_len,
							  plain, len, sealed) == CG_OK &&
			cg_xaes_open(xaes, nonce, aad, aad_len,
						 sealed, len + CG_GCM_TAG_LEN, back) == CG_OK &&
			memcmp(back, plain, len) == 0 && opened;
		EVP_DigestUpdate(hash, sealed, len + CG_GCM_TAG_LEN);
		cg_xaes_free(xaes);
	}
	EVP_DigestFinalXOF(hash, sum, sizeof(sum));
	ok(opened, "XAES-256-GCM, 10000 random inputs open again");
	is_bytes(sum, sizeof(sum), want, want_len, "hash of their ciphertexts");
	EVP_MD_CTX_free(rng);
	EVP_MD_CTX_free(hash);
	free(stream);
	free(want);
}

/* A context that has seen other prefixes and failures, against a fresh one. */
static void
test_xaes_cache(void)
{
	uint8_t		key[CG_KEY_LEN] = {9};
	uint8_t		nonce[CG_XAES_NONCE_LEN] = {0};
	uint8_t		plain[40] = "forty bytes of text, more or less.....";
	uint8_t		sealed[40 + CG_GCM_TAG_LEN];
	uint8_t		want[40 + CG_GCM_TAG_LEN];
	uint8_t		back[40];
	CgXaes	   *xaes = cg_xaes_new(key);
	bool		same = true;
	bool		opened = true;
	bool		refused = true;
	unsigned	seed = 1;
	int			i;

	for (i = 0; i < 2000; i++)
	{
		CgXaes	   *fresh = cg_xaes_new(key);

		seed = seed * 1103515245 + 12345;
		nonce[(seed >> 16) % 12] = (uint8_t) ((seed >> 20) & 1);
		nonce[12 + (seed >> 16) % 12] = (uint8_t) (seed >> 24);
		cg_xaes_seal(fresh, nonce, NULL, 0, plain, sizeof(plain), want);
		same = cg_xaes_seal(xaes, nonce, NULL, 0,
							plain, sizeof(plain), sealed) == CG_OK &&
			memcmp(sealed, want, sizeof(want)) == 0 && same;
		if ((seed >> 18) & 1)
		{
			sealed[(seed >> 16) % sizeof(sealed)] ^= 0x40;
			refused = cg_xaes_open(xaes, nonce, NULL, 0, sealed,
								   sizeof(sealed), back) == CG_E_AUTH &&
				all_zero(back, sizeof(back)) && refused;
		}
		if ((seed >> 19) & 1)
			opened = cg_xaes_open(xaes, nonce, NULL, 0, want, sizeof(want),
								  back) == CG_OK &&
				memcmp(back, plain, sizeof(plain)) == 0 && opened;
		cg_xaes_free(fresh);
	}
	ok(same, "sealing under a cached derived key");
	ok(opened, "opening under a cached derived key");
	ok(refused, "refusing under a cached derived key");
	cg_xaes_free(xaes);
}

static void
test_keywrap(void)
{
	CgVecFile	v;

	vec_open(&v, "aes256kwp.tsv");
	while (vec_next(&v))
	{
		size_t		n;
		size_t		len;
		size_t		wrapped_len;
		size_t		out_len;
		uint8_t    *kek = vec_hex(v.field[1], &n);
		uint8_t    *key = vec_hex(v.field[2], &len);
		uint8_t    *wrapped = vec_hex(v.field[3], &wrapped_len);
		size_t		cap = CG_WRAPPED_LEN(len);
		uint8_t    *out;

		if (strcmp(v.field[4], "valid") == 0)
		{
			out = malloc(cap);
			ok(cg_key_wrap(kek, key, len, out, cap, &out_len) == CG_OK,
			   "KWP %s", v.field[0]);
			is_bytes(out, out_len, wrapped, wrapped_len, "wrapped");
			ok(cg_key_wrap(kek, key, len, out, cap - 1, &out_len) ==
			   CG_E_SPACE, "no room to wrap");
			free(out);
			cap = wrapped_len - 8;
			out = malloc(cap);
			ok(cg_key_unwrap(kek, wrapped, wrapped_len, out, cap,
							 &out_len) == CG_OK, "unwraps");
			is_bytes(out, out_len, key, len, "unwrapped");
			ok(cg_key_unwrap(kek, wrapped, wrapped_len, out, cap - 1,
							 &out_len) == CG_E_SPACE, "no room to unwrap");
		}
		else
		{
			/* room to the byte: the address sanitizer watches */
			cap = wrapped_len > 8 ? wrapped_len - 8 : 0;
			out = calloc(cap > 0 ? cap : 1, 1);
			ok(cg_key_unwrap(kek, wrapped, wrapped_len, out, cap,
							 &out_len) == CG_E_AUTH &&
			   out_len == 0 && all_zero(out, cap), "KWP %s refused",
			   v.field[0]);
		}
		free(out);
		free(kek);
		free(key);
		free(wrapped);
	}
}

static void
test_keywrap_edges(void)
{
	uint8_t		kek[CG_KEK_LEN] = {1};
	uint8_t		other[CG_KEK_LEN] = {2};
	uint8_t		key[CG_KEY_LEN] = {3};
	uint8_t		wrapped[CG_WRAPPED_LEN(CG_KEY_LEN)];
	uint8_t    *out = calloc(CG_KEY_LEN, 1);
	bool		refused = true;
	size_t		n;
	size_t		i;

	cg_key_wrap(kek, key, sizeof(key), wrapped, sizeof(wrapped), &n);
	ok(cg_key_unwrap(other, wrapped, n, out, CG_KEY_LEN, &n) == CG_E_AUTH &&
	   all_zero(out, CG_KEY_LEN), "other KEK");
	ok(ERR_peek_error() == 0, "no error is left in libcrypto's queue");
	for (i = 0; i < sizeof(wrapped) * 8; i++)
	{
		wrapped[i / 8] ^= (uint8_t) (1 << i % 8);
		refused = cg_key_unwrap(kek, wrapped, sizeof(wrapped), out,
								CG_KEY_LEN, &n) == CG_E_AUTH &&
			all_zero(out, CG_KEY_LEN) && refused;
		wrapped[i / 8] ^= (uint8_t) (1 << i % 8);
	}
	ok(refused, "every bit of a wrapped key counts");
	refused = true;
	for (i = 0; i < sizeof(wrapped); i++)
		refused = cg_key_unwrap(kek, wrapped, i, out, CG_KEY_LEN, &n) ==
			CG_E_AUTH && refused;
	ok(refused, "no part of a wrapped key unwraps");
	ok(cg_key_wrap(kek, key, 0, wrapped, sizeof(wrapped), &n) == CG_E_LIMIT,
	   "no empty key");
	ok(cg_key_wrap(kek, key, 65537, wrapped, sizeof(wrapped), &n) ==
	   CG_E_LIMIT, "no giant key");
	free(out);
}

static void
test_suites(void)
{
	uint8_t		dek[CG_KEY_LEN] = {1};
	uint8_t		buf[64] = {0};
	CgCipher   *random;
	CgCipher   *search;
	int			id;
	int			known = 0;

	for (id = -1; id < 300; id++)
	{
		const CgSuite *suite = cg_suite_by_id(id);

		if (suite == NULL)
			continue;
		known++;
		ok(suite->id == id && cg_suite_by_name(suite->name) == suite,
		   "suite %d is %s", id, suite->name);
	}
	ok(known == CG_MAX_SUITE, "four suites");
	ok(cg_suite_by_id(CG_SUITE_AES_RANDOM)->nonce_len == 24 &&
	   cg_suite_by_id(CG_SUITE_AES_RANDOM)->tag_len == 16 &&
	   !cg_suite_by_id(CG_SUITE_AES_RANDOM)->searchable, "aes-random");
	ok(cg_suite_by_id(CG_SUITE_AES_SEARCHABLE)->nonce_len == 0 &&
	   cg_suite_by_id(CG_SUITE_AES_SEARCHABLE)->tag_len == 0 &&
	   cg_suite_by_id(CG_SUITE_AES_SEARCHABLE)->searchable,
	   "aes-searchable");
	ok(cg_suite_by_id(CG_SUITE_SM4_RANDOM)->nonce_len == 16 &&
	   cg_suite_by_id(CG_SUITE_SM4_RANDOM)->tag_len == 16 &&
	   !cg_suite_by_id(CG_SUITE_SM4_RANDOM)->searchable, "sm4-random");
	ok(cg_suite_by_id(CG_SUITE_SM4_SEARCHABLE)->nonce_len == 0 &&
	   cg_suite_by_id(CG_SUITE_SM4_SEARCHABLE)->tag_len == 0 &&
	   cg_suite_by_id(CG_SUITE_SM4_SEARCHABLE)->searchable,
	   "sm4-searchable");
	ok(cg_suite_by_name("aes") == NULL && cg_suite_by_name("") == NULL,
	   "no suite of another name");
	ok(cg_cipher_new(0, dek) == NULL && cg_cipher_new(5, dek) == NULL,
	   "no cipher of an unknown suite");
	ok(cg_token_new(CG_SUITE_AES_RANDOM, dek) == NULL &&
	   cg_token_new(CG_SUITE_SM4_RANDOM, dek) == NULL &&
	   cg_token_new(9, dek) == NULL, "no token of a suite without");

	for (id = CG_SUITE_AES_RANDOM; id <= CG_SUITE_SM4_RANDOM; id += 2)
	{
		random = cg_cipher_new(id, dek);
		search = cg_cipher_new(id + 1, dek);
		ok(cg_cipher_suite(random) == id && cg_cipher_suite(search) == id + 1,
		   "suite of a cipher");
		ok(cg_cipher_stream(random, buf, buf, 1, buf) == CG_E_SUITE &&
		   cg_cipher_siv(random, buf, 1, buf, 1, buf) == CG_E_SUITE &&
		   cg_cipher_seal(search, buf, buf, 1, buf, 1, buf) == CG_E_SUITE &&
		   cg_cipher_open(search, buf, buf, 1, buf, 17, buf) == CG_E_SUITE,
		   "each suite refuses the other kind's calls");
		ok(cg_suite_available(id) && cg_suite_available(id + 1),
		   "libcrypto has what it takes");
		cg_cipher_free(random);
		cg_cipher_free(search);
	}
	ok(!cg_suite_available(0) && !cg_suite_available(5),
	   "no other suite is available");
	cg_cipher_free(NULL);
	cg_token_free(NULL);
}

/* A libcrypto without the algorithms, as one restricted to FIPS 140. */
static void
test_unavailable(void)
{
	uint8_t		key[CG_KEY_LEN] = {1};

	EVP_set_default_properties(NULL, "provider=none");
	ok(cg_cipher_new(CG_SUITE_SM4_RANDOM, key) == NULL &&
	   cg_cipher_new(CG_SUITE_SM4_SEARCHABLE, key) == NULL &&
	   cg_token_new(CG_SUITE_SM4_SEARCHABLE, key) == NULL &&
	   cg_cipher_new(CG_SUITE_AES_RANDOM, key) == NULL,
	   "no cipher and no token without SM4 and SM3");
	ok(!cg_suite_available(CG_SUITE_SM4_RANDOM) &&
	   !cg_suite_available(CG_SUITE_SM4_SEARCHABLE), "suites unavailable");
	ok(cg_sm3("abc", 3, key) == CG_E_CRYPTO, "no SM3");
	EVP_set_default_properties(NULL, "");
	ok(cg_suite_available(CG_SUITE_SM4_RANDOM), "available again");
	ERR_clear_error();
}

static void
test_tokens(int suite)
{
	uint8_t		key[CG_KEY_LEN] = {1};
	uint8_t		other_key[CG_KEY_LEN] = {2};
	const uint8_t *text = (const uint8_t *) "13800138000";
	uint8_t		a[CG_TOKEN_LEN];
	uint8_t		b[CG_TOKEN_LEN];
	CgToken    *token = cg_token_new(suite, key);
	CgToken    *other = cg_token_new(suite, other_key);

	cg_token_make(token, 1, text, 11, a);
	cg_token_make(token, 1, text, 11, b);
	is_bytes(a, sizeof(a), b, sizeof(b), "token is a function of the value");
	ok(cg_token_check(token, 1, text, 11, 16, a) == CG_OK, "token agrees");
	ok(cg_token_check(token, 2, text, 11, 16, a) == CG_E_AUTH, "other type");
	ok(cg_token_check(token, 1, text, 10, 16, a) == CG_E_AUTH, "other text");
	ok(cg_token_check(other, 1, text, 11, 16, a) == CG_E_AUTH, "other key");
	cg_token_make(token, 2, text, 11, b);
	ok(memcmp(a, b, sizeof(a)) != 0, "type enters the token");
	cg_token_make(other, 1, text, 11, b);
	ok(memcmp(a, b, sizeof(a)) != 0, "key enters the token");
	ok(cg_token_make(token, 1, NULL, 0, a) == CG_OK, "token of no text");
	cg_token_free(token);
	cg_token_free(other);
}

static bool
all_zero(const uint8_t *p, size_t n)
{
	size_t		i;

	for (i = 0; i < n; i++)
	{
		if (p[i] != 0)
			return false;
	}
	return true;
}

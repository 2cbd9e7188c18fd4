/*
 * selftest.c
 *		Known answers: does the cryptography of this build and library compute
 *		what it should?
 *
 * A library that was replaced, a provider that was configured away or a fault
 * of the machine would otherwise be found out by values that do not open any
 * more.  Answers come from published standards; those of whole suites from
 * test/vectors, which other implementations of the primitives confirm.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "bytes.h"
#include "digest.h"
#include "ed25519.h"
#include "envelope.h"
#include "keywrap.h"
#include "selftest.h"
#include "suite_impl.h"
#include "wipe.h"

#define MAX_BYTES	160

static bool has_sm(void);
static bool test_sha256(bool spoil);
static bool test_hmac_sha256(bool spoil);
static bool test_hkdf_sha256(bool spoil);
static bool test_aes_gcm(bool spoil);
static bool test_aes_ctr(bool spoil);
static bool test_xaes(bool spoil);
static bool test_key_wrap(bool spoil);
static bool test_key_unwrap(bool spoil);
static bool test_ed25519(bool spoil);
static bool test_sm3(bool spoil);
static bool test_sm4(bool spoil);
static bool test_random_suite(bool spoil);
static bool test_searchable_suite(bool spoil);
static bool test_sm4_random_suite(bool spoil);
static bool test_sm4_searchable_suite(bool spoil);
static bool test_suites(bool spoil);
static bool test_rng(bool spoil);

static const struct
{
	const char *name;
	bool		(*run) (bool spoil);
	bool		sm;				/* some libraries come without SM3 and SM4 */
}			tests[] = {
	{"SHA-256 (FIPS 180-4)", test_sha256},
	{"HMAC-SHA-256 (RFC 4231)", test_hmac_sha256},
	{"HKDF-SHA-256 (RFC 5869)", test_hkdf_sha256},
	{"AES-256-GCM (McGrew and Viega)", test_aes_gcm},
	{"AES-256-CTR (SP 800-38A)", test_aes_ctr},
	{"XAES-256-GCM (C2SP)", test_xaes},
	{"AES-256-KWP (RFC 5649)", test_key_wrap},
	{"AES-256-KWP of a damaged key", test_key_unwrap},
	{"Ed25519 (RFC 8032)", test_ed25519},
	{"SM3 (GB/T 32905)", test_sm3, true},
	{"SM4 (GB/T 32907)", test_sm4, true},
	{"suite aes-random", test_random_suite},
	{"suite aes-searchable", test_searchable_suite},
	{"suite sm4-random", test_sm4_random_suite, true},
	{"suite sm4-searchable", test_sm4_searchable_suite, true},
	{"every suite: seal, open, refuse", test_suites},
	{"random numbers", test_rng}
};

#define NUM_TESTS	((int) (sizeof(tests) / sizeof(tests[0])))

int
cg_selftest_count(void)
{
	return NUM_TESTS;
}

const char *
cg_selftest_name(int test)
{
	return tests[test].name;
}

bool
cg_selftest_absent(int test)
{
	return tests[test].sm && !has_sm();
}

static bool
has_sm(void)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "SM4-ECB", NULL);
	EVP_MD	   *md = EVP_MD_fetch(NULL, "SM3", NULL);
	bool		has = cipher != NULL && md != NULL;

	EVP_CIPHER_free(cipher);
	EVP_MD_free(md);
	return has;
}

bool
cg_selftest_run(int test, bool spoil)
{
	return tests[test].run(spoil);
}

static size_t
unhex(const char *hex, uint8_t *out)
{
	size_t		n = strlen(hex) / 2;
	size_t		i;

	for (i = 0; i < 2 * n; i++)
	{
		char		c = hex[i];
		uint8_t		digit = (uint8_t) (c <= '9' ? c - '0' : c - 'a' + 10);

		if (i % 2 == 0)
			out[i / 2] = (uint8_t) (digit << 4);
		else
			out[i / 2] |= digit;
	}
	return n;
}

static bool
answers(uint8_t *got, size_t len, const char *want_hex, bool spoil)
{
	uint8_t		want[MAX_BYTES];

	if (spoil)
		got[len / 2] ^= 0x10;
	return unhex(want_hex, want) == len && memcmp(got, want, len) == 0;
}

static bool
test_sha256(bool spoil)
{
	uint8_t		md[CG_SHA256_LEN];

	return cg_sha256("abc", 3, md) == CG_OK &&
		answers(md, sizeof(md),
				"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
				spoil);
}

static bool
test_hmac_sha256(bool spoil)
{
	CgHmac	   *hmac = cg_hmac_new((const uint8_t *) "Jefe", 4);
	uint8_t		mac[CG_SHA256_LEN];
	bool		good;

	good = hmac != NULL &&
		cg_hmac(hmac, "what do ya want ", 16, "for nothing?", 12,
				mac) == CG_OK &&
		answers(mac, sizeof(mac),
				"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
				spoil);
	cg_hmac_free(hmac);
	return good;
}

static bool
test_hkdf_sha256(bool spoil)
{
	uint8_t		ikm[22];
	uint8_t		salt[13];
	uint8_t		info[10];
	uint8_t		okm[42];

	memset(ikm, 0x0b, sizeof(ikm));
	(void) unhex("000102030405060708090a0b0c", salt);
	(void) unhex("f0f1f2f3f4f5f6f7f8f9", info);
	return cg_hkdf(ikm, sizeof(ikm), salt, sizeof(salt), info, sizeof(info),
				   okm, sizeof(okm)) == CG_OK &&
		answers(okm, sizeof(okm),
				"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
				"34007208d5b887185865", spoil);
}

static bool
test_aes_gcm(bool spoil)
{
	CgGcm	   *gcm = cg_gcm_new(true);
	uint8_t		key[CG_KEY_LEN];
	uint8_t		nonce[CG_GCM_NONCE_LEN];
	uint8_t		aad[20];
	uint8_t		text[60 + CG_GCM_TAG_LEN];
	bool		good;

	(void) unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", key);
	(void) unhex("cafebabefacedbaddecaf888", nonce);
	(void) unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2", aad);
	(void) unhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
				 "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39", text);
	good = gcm != NULL &&
		cg_gcm_seal(gcm, key, nonce, aad, sizeof(aad), text, 60,
					text) == CG_OK &&
		answers(text, sizeof(text),
				"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
				"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
				"76fc6ece0f4e1768cddf8853bb2d551b", spoil);
	cg_gcm_free(gcm);
	return good;
}

static bool
test_aes_ctr(bool spoil)
{
	uint8_t		key[CG_KEY_LEN];
	uint8_t		iv[16];
	uint8_t		text[64];
	CgCtr	   *ctr;
	bool		good;

	(void) unhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", key);
	(void) unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", iv);
	(void) unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
				 "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710", text);
	ctr = cg_ctr_new(&cg_aes256, key);
	good = ctr != NULL &&
		cg_ctr_run(ctr, iv, text, sizeof(text), text) == CG_OK &&
		answers(text, sizeof(text),
				"601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
				"2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6",
				spoil);
	cg_ctr_free(ctr);
	return good;
}

static bool
test_xaes(bool spoil)
{
	uint8_t		key[CG_KEY_LEN];
	uint8_t		text[12 + CG_GCM_TAG_LEN];
	CgXaes	   *xaes;
	bool		good;

	memset(key, 1, sizeof(key));
	memcpy(text, "XAES-256-GCM", 12);
	xaes = cg_xaes_new(key);
	good = xaes != NULL &&
		cg_xaes_seal(xaes, (const uint8_t *) "ABCDEFGHIJKLMNOPQRSTUVWX",
					 NULL, 0, text, 12, text) == CG_OK &&
		answers(text, sizeof(text),
				"ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271", spoil);
	cg_xaes_free(xaes);
	return good;
}

static const char kwp_kek[] =
"fce0429c610658ef8e7cfb0154c51de2239a8a317f5af5b6714f985fb5c4d75c";
static const char kwp_key[] = "287326b5ed0078e7ca0164d748f667e7";
static const char kwp_wrapped[] =
"e3eab96d9a2fda12f9e252053aff15e753e5ea6f5172c92b";

static bool
test_key_wrap(bool spoil)
{
	uint8_t		kek[CG_KEK_LEN];
	uint8_t		key[16];
	uint8_t		out[CG_WRAPPED_LEN(16)];
	size_t		len;

	(void) unhex(kwp_kek, kek);
	(void) unhex(kwp_key, key);
	return cg_key_wrap(kek, key, sizeof(key), out, sizeof(out),
					   &len) == CG_OK &&
		answers(out, len, kwp_wrapped, spoil) &&
		cg_key_unwrap(kek, out, len, key, sizeof(key), &len) == CG_OK &&
		answers(key, len, kwp_key, false);
}

static bool
test_key_unwrap(bool spoil)
{
	uint8_t		kek[CG_KEK_LEN];
	uint8_t		wrapped[CG_WRAPPED_LEN(16)];
	uint8_t		key[16];
	size_t		len = unhex(kwp_wrapped, wrapped);

	(void) unhex(kwp_kek, kek);
	if (!spoil)
		wrapped[11] ^= 1;
	return cg_key_unwrap(kek, wrapped, len, key, sizeof(key),
						 &len) == CG_E_AUTH;
}

static bool
test_ed25519(bool spoil)
{
	uint8_t		seed[CG_ED25519_SEED_LEN];
	uint8_t		key[CG_ED25519_KEY_LEN];
	uint8_t		sig[CG_ED25519_SIG_LEN];

	(void) unhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", seed);
	return cg_ed25519_public(seed, key) == CG_OK &&
		answers(key, sizeof(key),
				"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
				false) &&
		cg_ed25519_sign(seed, "\x72", 1, sig) == CG_OK &&
		answers(sig, sizeof(sig),
				"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
				"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
				spoil) &&
		cg_ed25519_verify(key, "\x72", 1, sig) == CG_OK &&
		cg_ed25519_verify(key, "\x73", 1, sig) == CG_E_AUTH;
}

static bool
test_sm3(bool spoil)
{
	uint8_t		md[EVP_MAX_MD_SIZE];
	size_t		len = 0;

	return EVP_Q_digest(NULL, "SM3", NULL, "abc", 3, md, &len) &&
		answers(md, len,
				"66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
				spoil);
}

static bool
test_sm4(bool spoil)
{
	static const char key_hex[] = "0123456789abcdeffedcba9876543210";
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "SM4-ECB", NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t		key[16];
	uint8_t		text[16];
	uint8_t		out[32];
	int			n = 0;
	bool		good;

	(void) unhex(key_hex, key);
	(void) unhex(key_hex, text);
	good = cipher != NULL && ctx != NULL &&
		EVP_EncryptInit_ex2(ctx, cipher, key, NULL, NULL) &&
		EVP_EncryptUpdate(ctx, out, &n, text, sizeof(text)) &&
		answers(out, (size_t) n, "681edf34d206965e86b3e94f536e4246", spoil);
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
	return good;
}

/* A golden datum, sealed and opened. */
static bool
is_golden(int suite, const char *dek, const char *token_key,
		  const CgSealSpec *spec, const char *plain_hex,
		  const char *nonce_hex, const char *datum, bool spoil)
{
	uint8_t		key[CG_KEY_LEN];
	uint8_t		plain[MAX_BYTES];
	uint8_t		nonce[CG_MAX_NONCE_LEN] = {0};
	uint8_t		out[MAX_BYTES];
	uint8_t		back[MAX_BYTES];
	CgCipher   *cipher;
	CgToken    *token = NULL;
	CgEnvelope	env;
	size_t		len = unhex(plain_hex, plain);
	size_t		out_len = 0;
	size_t		back_len = 0;
	bool		good;

	(void) unhex(dek, key);
	(void) unhex(nonce_hex, nonce);
	cipher = cg_cipher_new(suite, key);
	if (token_key != NULL)
	{
		(void) unhex(token_key, key);
		token = cg_token_new(suite, key);
	}
	good = cipher != NULL && (token != NULL || token_key == NULL) &&
		cg_envelope_seal(cipher, token, spec, plain, len, plain, len, nonce,
						 out, sizeof(out), &out_len) == CG_OK &&
		cg_envelope_parse(out, out_len, &env) == CG_OK &&
		cg_envelope_open(cipher, token, &env, back, sizeof(back),
						 &back_len) == CG_OK &&
		back_len == len && memcmp(back, plain, len) == 0 &&
		answers(out, out_len, datum, spoil);
	cg_cipher_free(cipher);
	cg_token_free(token);
	return good;
}

static bool
test_random_suite(bool spoil)
{
	static const CgSealSpec spec = {
		.type = 1,.category = 1161832437,.dek_version = 1,
		.token_version = 0,.pad = 16
	};

	return is_golden(CG_SUITE_AES_RANDOM,
					 "ddfb3d7f775aaf41900ce1fe169b6e5830745a13d54c856e9d81fb3b96459bfa",
					 NULL, &spec,
					 "3133383030313338303030",
					 "11d57b0c25545cf147621061bbb1e8352fde3481520fd9de",
					 "c1010001454027f50001000011d57b0c25545cf147621061bbb1e8352fde3481"
					 "520fd9de5438feca70e124ebf95bfd1fe10bf52f3d5061b518245113ce3e3cf2"
					 "2c134217",
					 spoil);
}

static bool
test_searchable_suite(bool spoil)
{
	static const CgSealSpec spec = {
		.type = 1,.category = 1161832437,.dek_version = 1,
		.token_version = 1,.pad = 16
	};

	return is_golden(CG_SUITE_AES_SEARCHABLE,
					 "ddfb3d7f775aaf41900ce1fe169b6e5830745a13d54c856e9d81fb3b96459bfa",
					 "a831d5275372af485fd3c9f039610c8b445c01ad7ee26df74e65974c5732a7c6",
					 &spec,
					 "3133383030313338303030",
					 "",
					 "c1020101454027f5000100015543c2ccd90c8daedf357cfdd66fdf0c56d1a204"
					 "34812ad28081ef7015411b6f",
					 spoil);
}

static bool
test_sm4_random_suite(bool spoil)
{
	static const CgSealSpec spec = {
		.type = 1,.category = 1428472224,.dek_version = 1,
		.token_version = 0,.pad = 16
	};

	return is_golden(CG_SUITE_SM4_RANDOM,
					 "7359e840e1f11c995d0fd7a20c617af0523a4ab265a58d4ddac59e23d388a6c4",
					 NULL, &spec,
					 "3133383030313338303030",
					 "4d2f6f6977173115d55327834f224b2c",
					 "c10300015524c1a0000100004d2f6f6977173115d55327834f224b2c6fb4bd88"
					 "644bb176280d4a30fc72a03d396e28141441af49810b52187a006db9",
					 spoil);
}

static bool
test_sm4_searchable_suite(bool spoil)
{
	static const CgSealSpec spec = {
		.type = 1,.category = 1428472224,.dek_version = 1,
		.token_version = 1,.pad = 16
	};

	return is_golden(CG_SUITE_SM4_SEARCHABLE,
					 "7359e840e1f11c995d0fd7a20c617af0523a4ab265a58d4ddac59e23d388a6c4",
					 "4cdaac120af0e2e372a1a9f7004a94d7874c79559da985d849ef041ca8efde7d", &spec,
					 "3133383030313338303030",
					 "",
					 "c10401015524c1a00001000119a7290743d23e8fb4e43f3ea2c331eabafc01ff"
					 "73b8b6487a7b3010a3e215ea",
					 spoil);
}

/* What one seals it opens, and a changed bit it refuses. */
static bool
test_suites(bool spoil)
{
	static const uint8_t plain[] = "13800138000";
	uint8_t		key[CG_KEY_LEN];
	int			suite;

	memset(key, 0x5a, sizeof(key));
	for (suite = 1; suite <= CG_MAX_SUITE; suite++)
	{
		const CgSuite *s = cg_suite_by_id(suite);
		CgSealSpec	spec = {.type = CG_TYPE_TEXT,.category = 1,.dek_version = 1,
			.pad = 16
		};
		uint8_t		nonce[CG_MAX_NONCE_LEN] = {7};
		uint8_t		out[MAX_BYTES];
		uint8_t		back[MAX_BYTES];
		size_t		len = 0;
		size_t		back_len = 0;
		CgCipher   *cipher;
		CgToken    *token = NULL;
		CgEnvelope	env;
		bool		good;

		if (s == NULL || (suite >= CG_SUITE_SM4_RANDOM && !has_sm()))
			continue;
		spec.token_version = s->searchable ? 1 : 0;
		cipher = cg_cipher_new(suite, key);
		if (s->searchable)
			token = cg_token_new(suite, key);
		good = cipher != NULL && (token != NULL || !s->searchable) &&
			cg_envelope_seal(cipher, token, &spec, plain, sizeof(plain),
							 plain, sizeof(plain), nonce, out, sizeof(out),
							 &len) == CG_OK &&
			cg_envelope_parse(out, len, &env) == CG_OK &&
			cg_envelope_open(cipher, token, &env, back, sizeof(back),
							 &back_len) == CG_OK &&
			back_len == sizeof(plain) &&
			memcmp(back, plain, sizeof(plain)) == 0;
		if (good && !spoil)
			out[len - 1] ^= 1;
		good = good &&
			cg_envelope_open(cipher, token, &env, back, sizeof(back),
							 &back_len) == CG_E_AUTH;
		cg_cipher_free(cipher);
		cg_token_free(token);
		if (!good)
			return false;
	}
	return true;
}

/* Two draws differ, and neither is one byte repeated. */
static bool
test_rng(bool spoil)
{
	uint8_t		a[32];
	uint8_t		b[32];
	bool		good;

	good = RAND_bytes(a, sizeof(a)) == 1 && RAND_bytes(b, sizeof(b)) == 1;
	if (spoil)
		memcpy(a, b, sizeof(a));
	good = good && memcmp(a, b, sizeof(a)) != 0 &&
		memcmp(a, a + 1, sizeof(a) - 1) != 0 &&
		memcmp(b, b + 1, sizeof(b) - 1) != 0;
	cg_wipe(a, sizeof(a));
	cg_wipe(b, sizeof(b));
	return good;
}

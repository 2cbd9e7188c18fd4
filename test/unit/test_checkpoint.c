/*
 * test_checkpoint.c
 *		Ed25519, base64, signed notes, checkpoints and claims of applications:
 *		published vectors, and everything that is almost right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app_claim.h"
#include "base64.h"
#include "checkpoint.h"
#include "tap.h"

/* The example of Go's golang.org/x/mod/sumdb/note. */
#define NOTE_NAME "PeterNeumann"
#define NOTE_TEXT "If you think cryptography is the answer to your problem,\n" \
	"then you don't know what your problem is.\n"
#define NOTE_SEED "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
#define NOTE_VERIFIER "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define NOTE_SIGNATURE "\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"

/* RFC 8032, section 7.1. */
static const struct
{
	const char *seed;
	const char *key;
	const char *message;
	const char *sig;
}			rfc8032[] = {

	{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
		"",
	"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
	{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
		"72",
	"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"}
};

/* RFC 4648, section 10, and the two characters in which the forms differ. */
static const struct
{
	const char *plain;
	const char *std;
	const char *url;
}			base64[] = {
	{"", "", ""},
	{"f", "Zg==", "Zg"},
	{"fo", "Zm8=", "Zm8"},
	{"foo", "Zm9v", "Zm9v"},
	{"foob", "Zm9vYg==", "Zm9vYg"},
	{"fooba", "Zm9vYmE=", "Zm9vYmE"},
	{"foobar", "Zm9vYmFy", "Zm9vYmFy"},
	{"\xfb\xff", "+/8=", "-_8"}
};

static const char *const bad_base64[] = {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zm8=Zg==", "=", "==", "===", "====", "Z===",
"Zm 9v", "-_8=", "Zg==\n", "Z\xff==", "Zg=a"};

static uint8_t seed[1 + CG_ED25519_SEED_LEN];
static uint8_t key[CG_ED25519_KEY_LEN];

static size_t
from_hex(const char *hex, uint8_t *out)
{
	unsigned	byte;
	size_t		n;

	for (n = 0; hex[2 * n] != '\0'; n++)
	{
		sscanf(hex + 2 * n, "%2x", &byte);
		out[n] = (uint8_t) byte;
	}
	return n;
}

static void
test_ed25519(void)
{
	uint8_t		seed_bytes[32];
	uint8_t		want[64];
	uint8_t		got[64];
	uint8_t		message[64];
	size_t		len;
	size_t		i;
	bool		brittle = true;

	for (i = 0; i < sizeof(rfc8032) / sizeof(rfc8032[0]); i++)
	{
		from_hex(rfc8032[i].seed, seed_bytes);
		from_hex(rfc8032[i].key, want);
		cg_ed25519_public(seed_bytes, got);
		is_bytes(got, 32, want, 32, "public key of RFC 8032");
		len = from_hex(rfc8032[i].message, message);
		from_hex(rfc8032[i].sig, want);
		cg_ed25519_sign(seed_bytes, message, len, got);
		is_bytes(got, 64, want, 64, "its signature");
		from_hex(rfc8032[i].key, want);
		ok(cg_ed25519_verify(want, message, len, got) == CG_OK, "which is right");
	}
	for (i = 0; i < 64 * 8; i++)
	{
		got[i / 8] ^= (uint8_t) (1 << i % 8);
		brittle = brittle && cg_ed25519_verify(want, message, len, got) == CG_E_AUTH;
		got[i / 8] ^= (uint8_t) (1 << i % 8);
	}
	ok(brittle, "and no longer with a bit changed");
	message[0] ^= 1;
	ok(cg_ed25519_verify(want, message, len, got) == CG_E_AUTH, "nor of another message");
}

#define KEY_HEX "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define KEY_BASE64 "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define KEY_DER "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define PEM(body) "-----BEGIN PUBLIC KEY-----" body "-----END PUBLIC KEY-----"

/* As openssl pkey -pubout prints the first key of RFC 8032, and bare. */
static void
test_public_text(void)
{
	static const char *const same[] = {
		KEY_HEX,
		"\r\n\t D75A980182B10AB7D54BFED3C964073A0EE172F3DAA62325AF021A68F707511A \n",
		KEY_BASE64,
		KEY_BASE64 "\n",
		PEM("\n" KEY_DER "\n"),
		" " PEM("\r\n" KEY_DER "\r\n") "\r\n",
		PEM(KEY_DER)
	};
	static const char *const others[] = {
		"",
		" \n",
		"-----BEGIN PUBLIC KEY----------END PUBLIC KEY-----",
		PEM("\n\n"),
		PEM("\n" KEY_BASE64 "\n"),	/* no SubjectPublicKeyInfo */
		PEM("\nMCowBQYDK2VuAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"),	/* X25519 */
		PEM("\nMCowBQYDK2VwAyEA11qY AYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"),
		"-----BEGIN PUBLIC KEY-----\n" KEY_DER "\n-----END PRIVATE KEY----",
		"-----BEGIN PRIVATE KEY----\n" KEY_DER "\n-----END PUBLIC KEY-----",
		KEY_DER,				/* without its lines */
		"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUQ==",
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511",
		KEY_HEX "1a",
		"g75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511G",
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511/"
	};
	char		endless[400];
	uint8_t		want[CG_ED25519_KEY_LEN];
	uint8_t		got[CG_ED25519_KEY_LEN];
	size_t		i;
	bool		good = true;

	from_hex(KEY_HEX, want);
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++)
	{
		memset(got, 0, sizeof(got));
		ok(cg_ed25519_read_public(same[i], strlen(same[i]), got) == CG_OK && memcmp(got, want, sizeof(want)) == 0,
		   "a public key in form %zu", i);
	}
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (cg_ed25519_read_public(others[i], strlen(others[i]), got) != CG_E_FORMAT)
		{
			printf("# taken: %s\n", others[i]);
			good = false;
		}
	ok(good, "what is almost one is none");
	memset(endless, 'a', sizeof(endless));
	ok(cg_ed25519_read_public(endless, sizeof(endless), got) == CG_E_FORMAT, "nor is a long text");
}

static void
test_base64(void)
{
	char		text[64];
	uint8_t		bytes[64];
	size_t		len;
	size_t		i;
	bool		refused = true;

	for (i = 0; i < sizeof(base64) / sizeof(base64[0]); i++)
	{
		size_t		plain_len = strlen(base64[i].plain);

		len = cg_base64_encode(CG_BASE64_STD, (const uint8_t *) base64[i].plain, plain_len, text);
		is_bytes(text, len, base64[i].std, strlen(base64[i].std), "base64");
		ok(len == CG_BASE64_LEN(plain_len), "of the length foretold");
		ok(cg_base64_decode(CG_BASE64_STD, text, len, bytes, plain_len, &len) == CG_OK && len == plain_len &&
		   memcmp(bytes, base64[i].plain, len) == 0, "and back");
		len = cg_base64_encode(CG_BASE64_URL, (const uint8_t *) base64[i].plain, plain_len, text);
		is_bytes(text, len, base64[i].url, strlen(base64[i].url), "base64url");
		ok(len == CG_BASE64_URL_LEN(plain_len), "of the length foretold");
		ok(cg_base64_decode(CG_BASE64_URL, text, len, bytes, plain_len, &len) == CG_OK && len == plain_len &&
		   memcmp(bytes, base64[i].plain, len) == 0, "and back");
		if (plain_len > 0)
			ok(cg_base64_decode(CG_BASE64_STD, base64[i].std, strlen(base64[i].std), bytes, plain_len - 1,
								&len) == CG_E_SPACE, "into enough room only");
	}
	for (i = 0; i < sizeof(bad_base64) / sizeof(bad_base64[0]); i++)
		if (cg_base64_decode(CG_BASE64_STD, bad_base64[i], strlen(bad_base64[i]), bytes, sizeof(bytes), &len) !=
			CG_E_FORMAT)
		{
			printf("# taken: %s\n", bad_base64[i]);
			refused = false;
		}
	ok(refused, "what is not base64 is refused");
	ok(cg_base64_decode(CG_BASE64_URL, "Zg==", 4, bytes, sizeof(bytes), &len) == CG_E_FORMAT,
	   "base64url has no padding");
	ok(cg_base64_decode(CG_BASE64_URL, "+/8", 3, bytes, sizeof(bytes), &len) == CG_E_FORMAT,
	   "and letters of its own");
}

static void
test_note(void)
{
	uint8_t		sig[CG_ED25519_SIG_LEN];
	char		line[CG_NOTE_LINE_MAX];
	size_t		len;

	cg_base64_decode(CG_BASE64_STD, NOTE_SEED, strlen(NOTE_SEED), seed, sizeof(seed), &len);
	ok(len == sizeof(seed) && seed[0] == 1, "a signer's seed");
	cg_ed25519_public(seed + 1, key);
	len = cg_note_verifier(NOTE_NAME, strlen(NOTE_NAME), key, line);
	is_bytes(line, len, NOTE_VERIFIER, strlen(NOTE_VERIFIER), "its verifier");
	cg_ed25519_sign(seed + 1, NOTE_TEXT, strlen(NOTE_TEXT), sig);
	len = cg_note_signature(NOTE_NAME, strlen(NOTE_NAME), key, sig, line);
	is_bytes(line, len, NOTE_SIGNATURE, strlen(NOTE_SIGNATURE), "its signature under a note");
	ok(cg_note_verifier("a b", 3, key, line) == 0 && cg_note_signature("", 0, key, sig, line) == 0,
	   "keys without a proper name have neither");
}

static CgStatus
parse(const char *text, CgCheckpoint *out)
{
	CgStatus	status;
	size_t		len = strlen(text);
	char	   *copy = malloc(len); /* so that sanitizers see the end */
	static char kept[CG_CHECKPOINT_MAX + 1];

	memcpy(copy, text, len);
	status = cg_checkpoint_parse(copy, len, out);
	free(copy);
	if (status == CG_OK)
	{
		memcpy(kept, text, len);
		cg_checkpoint_parse(kept, len, out);
	}
	return status;
}

#define ROOT "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define SIGN "\xe2\x80\x94 log AAAAAAA=\n"

static const char *const bad_notes[] = {
	"",
	"log\n1\n" ROOT "\n",
	"log\n1\n" ROOT "\n\n",
	"log\n1\n" ROOT "\n\n" "\xe2\x80\x94 log AAAAAAA=",
	"log\n1\n" ROOT "\n\n- log AAAAAAA=\n",
	"log\n1\n" ROOT "\n\n" "\xe2\x80\x94 log\n",
	"log\n1\n" ROOT "\n\n" "\xe2\x80\x94  AAAAAAA=\n",
	"log\n1\n" ROOT "\n\n" "\xe2\x80\x94 log AAAA\n",
	"log\n1\n" ROOT "\n\n" SIGN "\n",
	"log\n1\n" ROOT "\n\n" SIGN "x\n",
	"log\n1\n" ROOT "\n" SIGN,
	"log\n1\n" ROOT "\n\n\n" SIGN,
	"\n1\n" ROOT "\n\n" SIGN,
	"a log\n1\n" ROOT "\n\n" SIGN,
	"a+log\n1\n" ROOT "\n\n" SIGN,
	"a\xe2\x80\x83log\n1\n" ROOT "\n\n" SIGN,
	"a\xc2\xa0log\n1\n" ROOT "\n\n" SIGN,
	"a\xc2\x85log\n1\n" ROOT "\n\n" SIGN,
	"a\xe2\x80\xa8log\n1\n" ROOT "\n\n" SIGN,
	"a\xe2\x80\xaflog\n1\n" ROOT "\n\n" SIGN,
	"a\xe2\x81\x9flog\n1\n" ROOT "\n\n" SIGN,
	"a\xe1\x9a\x80log\n1\n" ROOT "\n\n" SIGN,
	"a\xe3\x80\x80log\n1\n" ROOT "\n\n" SIGN,
	"log\r\n1\n" ROOT "\n\n" SIGN,
	"log\n\n" ROOT "\n\n" SIGN,
	"log\n01\n" ROOT "\n\n" SIGN,
	"log\n-1\n" ROOT "\n\n" SIGN,
	"log\n+1\n" ROOT "\n\n" SIGN,
	"log\n1 \n" ROOT "\n\n" SIGN,
	"log\n9223372036854775808\n" ROOT "\n\n" SIGN,
	"log\n18446744073709551616\n" ROOT "\n\n" SIGN,
	"log\n1\n" "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU" "\n\n" SIGN,
	"log\n1\nAAAA\n\n" SIGN,
	"log\n1\n\n" SIGN,
	"log\n1\n" ROOT "\nmore\n\nmore\n\n" SIGN,
	"log\n1\n" ROOT "\na\tb\n\n" SIGN,
	"\n\n" SIGN,
	"\n\n\n"
};

static void
test_checkpoint(void)
{
	static const char name[] = "cipguard/log";
	static const char more[] = "timeline 7\nsealed\nsealed 2026-11-29T21:50:00Z\n";
	static char text[CG_CHECKPOINT_MAX + 2];
	char		long_name[CG_MAX_ORIGIN + 2];
	uint8_t		root[CG_MERKLE_LEN];
	uint8_t		sig[CG_ED25519_SIG_LEN];
	CgCheckpoint c;
	const char *value;
	size_t		body;
	size_t		len;
	size_t		i;
	int			bit;
	bool		good = true;

	cg_sha256("", 0, root);
	body = cg_checkpoint_write(name, strlen(name), INT64_MAX, root, more, strlen(more), text, sizeof(text));
	text[body] = '\0';
	ok(strcmp(text, "cipguard/log\n9223372036854775807\n" ROOT "\ntimeline 7\nsealed\nsealed 2026-11-29T21:50:00Z\n") == 0,
	   "a checkpoint");
	cg_ed25519_sign(seed + 1, text, body, sig);
	strcpy(text + body, "\n" SIGN);
	len = body + strlen(text + body);
	len += cg_note_signature(name, strlen(name), key, sig, text + len);
	text[len] = '\0';
	ok(parse(text, &c) == CG_OK, "signed, and by another key, too");
	ok(c.origin_len == strlen(name) && memcmp(c.origin, name, c.origin_len) == 0 && c.size == INT64_MAX &&
	   memcmp(c.root, root, sizeof(root)) == 0 && c.signed_len == body, "has its parts");
	value = cg_checkpoint_line(&c, "timeline", &len);
	ok(value != NULL && len == 1 && *value == '7', "further lines have values");
	value = cg_checkpoint_line(&c, "sealed", &len);
	ok(value != NULL && len == 20, "after their names");
	ok(cg_checkpoint_line(&c, "time", &len) == NULL && len == 0, "which are whole words");
	ok(cg_checkpoint_verify(text, &c, name, strlen(name), key) == CG_OK, "its signature is right");
	ok(cg_checkpoint_verify(text, &c, "log", 3, key) == CG_E_LIMIT, "under its name only");
	ok(cg_checkpoint_verify(text, &c, name, strlen(name), root) == CG_E_LIMIT, "and for its key");
	memset(long_name, 'n', sizeof(long_name));
	ok(cg_checkpoint_verify(text, &c, long_name, sizeof(long_name), key) == CG_E_LIMIT, "nothing under one that is too long");

	len = strlen(text);
	for (i = 0; i < len; i++)
		for (bit = 0; bit < 8; bit++)
		{
			bool		witness = i > body && i <= body + strlen(SIGN);

			text[i] ^= (char) (1 << bit);
			if (cg_checkpoint_parse(text, len, &c) == CG_OK &&
				cg_checkpoint_verify(text, &c, name, strlen(name), key) == CG_OK && !witness)
				good = false;
			text[i] ^= (char) (1 << bit);
		}
	ok(good, "no changed bit survives, but in the line of the other key");

	for (i = 0, good = true; i < sizeof(bad_notes) / sizeof(bad_notes[0]); i++)
		if (parse(bad_notes[i], &c) != CG_E_FORMAT)
		{
			printf("# taken: %s\n", bad_notes[i]);
			good = false;
		}
	ok(good, "what is almost a checkpoint is none");
	ok(parse("a\xe2\x80\xb0z\xe2\x80\x93\n0\n" ROOT "\n\n" SIGN, &c) == CG_OK, "other characters of Unicode are no spaces");
	ok(parse("log\n0\n" ROOT "\n\n" SIGN, &c) == CG_OK && c.size == 0 && c.more_len == 0, "the smallest one");
	memset(text, 'a', sizeof(text));
	ok(cg_checkpoint_parse(text, CG_CHECKPOINT_MAX + 1, &c) == CG_E_LIMIT, "and none is too long");

	ok(cg_origin_valid(long_name, CG_MAX_ORIGIN) && !cg_origin_valid(long_name, CG_MAX_ORIGIN + 1),
	   "a name has a longest length");
	ok(cg_checkpoint_write(long_name, CG_MAX_ORIGIN, 1, root, NULL, 0, text, CG_CHECKPOINT_HEAD_MAX) > 0 &&
	   cg_checkpoint_write(long_name, CG_MAX_ORIGIN, 1, root, NULL, 0, text, CG_CHECKPOINT_HEAD_MAX - 1) == 0,
	   "and its checkpoint fits into what is foretold");
	ok(cg_checkpoint_write("a b", 3, 1, root, NULL, 0, text, sizeof(text)) == 0, "no checkpoint without proper name");
}

static CgStatus
claim(const char *payload, size_t sig_len, CgAppClaim *out)
{
	char		text[2 * CG_APP_CLAIM_MAX];
	uint8_t		sig[CG_ED25519_SIG_LEN + 1] = {0};
	size_t		len;

	len = cg_base64_encode(CG_BASE64_URL, (const uint8_t *) payload, strlen(payload), text);
	text[len++] = '.';
	len += cg_base64_encode(CG_BASE64_URL, sig, sig_len, text + len);
	return cg_app_claim_parse(text, len, out);
}

static const char *const bad_claims[] = {
	"", "v1", "v1|ann|1|db", "v1|ann|1|db||", "v2|ann|1|db|", "|ann|1|db|", "v1||1|db|", "v1|ann||db|", "v1|ann|1||",
	"v1|ann|x|db|", "v1|ann|-1|db|", "v1|ann|9223372036854775808|db|", "v1|ann|92233720368547758070|db|",
	"v1|a\nn|1|db|", "v1|ann|1|d\x7f|", "v1|ann|1|db|pid=", "v1|ann|1|db|pid=0", "v1|ann|1|db|pid=2147483648",
	"v1|ann|1|db|pid=1x"
};

static void
test_claim(void)
{
	char		text[600];
	CgAppClaim	c;
	size_t		i;
	bool		good = true;

	ok(claim("v1|ann|1800000000|db|", 64, &c) == CG_OK && strcmp(c.user, "ann") == 0 &&
	   strcmp(c.database, "db") == 0 && c.expiry == 1800000000 && c.pid == 0, "an application's claim");
	ok(claim("v1|ann|9223372036854775807|db|pid=2147483647", 64, &c) == CG_OK && c.expiry == INT64_MAX &&
	   c.pid == INT32_MAX, "bound to a backend");
	ok(claim("v1|ann|1|db|4711", 64, &c) == CG_OK && c.pid == 0, "or told apart");
	ok(claim("v1|ann|1|db|", 63, &c) == CG_E_FORMAT && claim("v1|ann|1|db|", 65, &c) != CG_OK &&
	   claim("v1|ann|1|db|", 0, &c) == CG_E_FORMAT, "with a signature of the right length");
	for (i = 0; i < sizeof(bad_claims) / sizeof(bad_claims[0]); i++)
		if (claim(bad_claims[i], 64, &c) != CG_E_FORMAT)
		{
			printf("# taken: %s\n", bad_claims[i]);
			good = false;
		}
	ok(good, "what is almost a claim is none");
	snprintf(text, sizeof(text), "v1|%0200d|1|%063d|%064d", 1, 2, 3);
	ok(claim(text, 64, &c) == CG_OK, "the longest fields");
	snprintf(text, sizeof(text), "v1|%0201d|1|db|", 1);
	good = claim(text, 64, &c) == CG_E_FORMAT;
	snprintf(text, sizeof(text), "v1|ann|1|%064d|", 1);
	good = good && claim(text, 64, &c) == CG_E_FORMAT;
	snprintf(text, sizeof(text), "v1|ann|1|db|%065d", 1);
	ok(good && claim(text, 64, &c) == CG_E_FORMAT, "and longer ones");
	ok(cg_app_claim_parse("", 0, &c) == CG_E_FORMAT && cg_app_claim_parse(".", 1, &c) == CG_E_FORMAT &&
	   cg_app_claim_parse("Zg", 2, &c) == CG_E_FORMAT && cg_app_claim_parse("Z.Zg", 4, &c) == CG_E_FORMAT,
	   "nothing is no claim");
	ok(cg_app_claim_parse(text, CG_APP_CLAIM_MAX + 1, &c) == CG_E_LIMIT, "too much is none");
}

int
main(void)
{
	test_ed25519();
	test_public_text();
	test_base64();
	test_note();
	test_checkpoint();
	test_claim();
	return tap_done();
}

/*
 * fuzz_public_key.c
 *		libFuzzer target: public keys as text, and signatures.
 *
 * The input is the text.  A key that is read is in the text as hexadecimal
 * digits or base64, and is read again from each of the three ways to write
 * it.  A signature holds for its message, and for no other.
 */
#include <ctype.h>

#include "base64.h"
#include "ed25519.h"
#include "fuzz.h"

static void
require_reads(const char *text, size_t len, const uint8_t *key)
{
	char	   *copy = fuzz_copy(text, len);
	uint8_t		again[CG_ED25519_KEY_LEN];

	REQUIRE(cg_ed25519_read_public(copy, len, again) == CG_OK);
	REQUIRE(memcmp(again, key, sizeof(again)) == 0);
	free(copy);
}

static void
try_forms(const uint8_t *key)
{
	uint8_t		der[44] = {
		0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00
	};
	char		text[200];
	char		base64[64];
	size_t		n;
	int			i;

	for (i = 0; i < CG_ED25519_KEY_LEN; i++)
		snprintf(text + 2 * i, 3, i % 2 == 0 ? "%02x" : "%02X", key[i]);
	require_reads(text, 64, key);
	n = cg_base64_encode(CG_BASE64_STD, key, CG_ED25519_KEY_LEN, text);
	require_reads(text, n, key);
	memcpy(der + 12, key, CG_ED25519_KEY_LEN);
	n = cg_base64_encode(CG_BASE64_STD, der, sizeof(der), base64);
	n = (size_t) snprintf(text, sizeof(text),
						  "-----BEGIN PUBLIC KEY-----\n%.*s\n"
						  "-----END PUBLIC KEY-----\n", (int) n, base64);
	require_reads(text, n, key);
}

static void
try_text(const char *text, size_t size)
{
	uint8_t		key[CG_ED25519_KEY_LEN];
	char	   *packed;
	size_t		n = 0;
	size_t		i;

	if (cg_ed25519_read_public(text, size, key) != CG_OK)
		return;
	try_forms(key);

	/* Without white space it has one of three lengths. */
	packed = fuzz_buffer(size);
	for (i = 0; i < size; i++)
		if (!isspace((unsigned char) text[i]))
			packed[n++] = text[i];
	REQUIRE(n == 64 || n == 44 || memcmp(packed, "-----BEGIN", 10) == 0);
	free(packed);
}

static void
try_signature(FuzzInput in)
{
	uint8_t		seed[CG_ED25519_SEED_LEN];
	uint8_t		key[CG_ED25519_KEY_LEN];
	uint8_t		sig[CG_ED25519_SIG_LEN];
	size_t		bit = fuzz_number(&in, 2);
	const uint8_t *bytes;
	uint8_t    *message;
	size_t		len;

	fuzz_fill(&in, seed, sizeof(seed));
	bytes = fuzz_bytes(&in, in.left, &len);
	message = fuzz_copy(bytes, len);
	REQUIRE(cg_ed25519_public(seed, key) == CG_OK);
	REQUIRE(cg_ed25519_sign(seed, message, len, sig) == CG_OK);
	REQUIRE(cg_ed25519_verify(key, message, len, sig) == CG_OK);
	if (len > 0)
	{
		REQUIRE(cg_ed25519_verify(key, message, len - 1, sig) == CG_E_AUTH);
		fuzz_flip(message, bit % (len * 8));
		REQUIRE(cg_ed25519_verify(key, message, len, sig) == CG_E_AUTH);
		fuzz_flip(message, bit % (len * 8));
	}
	fuzz_flip(sig, bit % (sizeof(sig) * 8));
	REQUIRE(cg_ed25519_verify(key, message, len, sig) == CG_E_AUTH);
	free(message);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = fuzz_copy(data, size);

	try_text(text, size);
	try_signature((FuzzInput) {data, size});
	free(text);
	return 0;
}

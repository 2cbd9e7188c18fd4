/*
 * fuzz_note.c
 *		libFuzzer target: checkpoints, claims of applications, public keys and
 *		paths of Merkle trees.
 *
 * What is parsed must lie in the input, and be written back as it was.
 *
 * Build with: clang -fsanitize=fuzzer,address,undefined
 */
#include <stdlib.h>
#include <string.h>

#include "app_claim.h"
#include "base64.h"
#include "bytes.h"
#include "checkpoint.h"

#define REQUIRE(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_checkpoint(const char *text, size_t size)
{
	static const uint8_t key[CG_ED25519_KEY_LEN];
	static char out[CG_CHECKPOINT_MAX + CG_CHECKPOINT_HEAD_MAX];
	CgCheckpoint c;
	const char *line;
	size_t		len;

	if (cg_checkpoint_parse(text, size, &c) != CG_OK)
		return;
	REQUIRE(c.origin == text && c.origin_len <= CG_MAX_ORIGIN);
	REQUIRE(c.more >= text && c.more + c.more_len == text + c.signed_len);
	REQUIRE(c.signatures + c.signatures_len == text + size);
	len = cg_checkpoint_write(c.origin, c.origin_len, c.size, c.root, c.more,
							  c.more_len, out, sizeof(out));
	REQUIRE(len == c.signed_len && memcmp(out, text, len) == 0);
	line = cg_checkpoint_line(&c, "timeline", &len);
	REQUIRE(line == NULL || (line > c.more &&
							 line + len < c.more + c.more_len));
	(void) cg_checkpoint_verify(text, &c, c.origin, c.origin_len, key);
}

static void
try_claim(const char *text, size_t size)
{
	CgAppClaim	claim;

	if (cg_app_claim_parse(text, size, &claim) != CG_OK)
		return;
	REQUIRE(size <= CG_APP_CLAIM_MAX && claim.payload_len < size);
	REQUIRE(strlen(claim.user) > 0 && strlen(claim.user) <= CG_APP_USER_MAX);
	REQUIRE(strlen(claim.database) <= CG_APP_DATABASE_MAX);
	REQUIRE(claim.expiry >= 0 && claim.pid >= 0);
}

static void
try_base64(CgBase64 form, const char *text, size_t size)
{
	uint8_t    *bytes = malloc(size + 1);
	char	   *back = malloc(CG_BASE64_LEN(size) + 1);
	size_t		len;

	REQUIRE(bytes != NULL && back != NULL);
	if (cg_base64_decode(form, text, size, bytes, size, &len) == CG_OK)
		REQUIRE(cg_base64_encode(form, bytes, len, back) == size &&
				(size == 0 || memcmp(back, text, size) == 0));
	free(bytes);
	free(back);
}

/* Two numbers, a leaf and a root, and the rest is a path. */
static void
try_path(const uint8_t *data, size_t size)
{
	const uint8_t *leaf = data + 16;
	const uint8_t *root = leaf + CG_MERKLE_LEN;
	const uint8_t *path = root + CG_MERKLE_LEN;
	size_t		len;

	if (size < 16 + 2 * CG_MERKLE_LEN)
		return;
	len = (size - 16 - 2 * CG_MERKLE_LEN) / CG_MERKLE_LEN;
	(void) cg_merkle_check_inclusion(leaf, cg_get_u64(data),
									 cg_get_u64(data + 8),
									 (const uint8_t (*)[CG_MERKLE_LEN]) path,
									 len, root);
	(void) cg_merkle_check_consistency(cg_get_u64(data), leaf,
									   cg_get_u64(data + 8), root,
									   (const uint8_t (*)[CG_MERKLE_LEN]) path,
									   len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t		key[CG_ED25519_KEY_LEN];
	char	   *copy = malloc(size > 0 ? size : 1); /* so that its end is seen */

	REQUIRE(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	try_checkpoint(copy, size);
	try_claim(copy, size);
	try_base64(CG_BASE64_STD, copy, size);
	try_base64(CG_BASE64_URL, copy, size);
	try_path((uint8_t *) copy, size);
	(void) cg_ed25519_read_public(copy, size, key);
	free(copy);
	return 0;
}

/*
 * fuzz_kek.c
 *		libFuzzer target: text of key-encryption keys.
 *
 * The input is the text, and the key: that is read from each way to write it,
 * with white space around it, and not with a digit less or more.
 */
#include <openssl/evp.h>

#include "fuzz.h"
#include "kek_text.h"

static const char *
parse(const char *text, size_t len, uint8_t *key)
{
	char	   *copy = fuzz_copy(text, len);
	const char *fault = cg_kek_parse(copy, len, key);

	free(copy);
	return fault;
}

static void
require_reads(const char *text, size_t len, const uint8_t *want)
{
	uint8_t    *key = fuzz_buffer(CG_KEK_LEN);

	REQUIRE(parse(text, len, key) == NULL);
	REQUIRE(memcmp(key, want, CG_KEK_LEN) == 0);
	free(key);
}

static void
require_refused(const char *text, size_t len)
{
	uint8_t    *key = fuzz_buffer(CG_KEK_LEN);
	size_t		i;

	memset(key, 0xEE, CG_KEK_LEN);
	REQUIRE(parse(text, len, key) != NULL);
	for (i = 0; i < CG_KEK_LEN; i++)
		REQUIRE(key[i] == 0);
	free(key);
}

static void
try_key(const uint8_t *key, bool upper)
{
	char		text[100];
	int			i;

	for (i = 0; i < CG_KEK_LEN; i++)
		sprintf(text + 1 + 2 * i, upper ? "%02X" : "%02x", key[i]);
	text[0] = '\t';
	strcpy(text + 65, " \r\n");
	require_reads(text, 68, key);
	require_reads(text + 1, 64, key);
	require_refused(text + 1, 63);
	require_refused(text + 2, 64);
	text[0] = '0';
	require_refused(text, 65);

	REQUIRE(EVP_EncodeBlock((unsigned char *) text, key, CG_KEK_LEN) == 44);
	require_reads(text, 44, key);
	require_reads(text, 43, key);
	require_refused(text, 42);
	text[42]++;					/* a bit that reaches no byte */
	require_refused(text, 43);
	text[42]--;
	for (i = 0; i < 43; i++)
		text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
	require_reads(text, 43, key);
	text[44] = '=';
	require_refused(text, 45);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};
	uint8_t		key[CG_KEK_LEN];
	uint8_t		read[CG_KEK_LEN];
	bool		repeated = true;
	int			i;

	if (parse((const char *) data, size, read) == NULL)
		try_key(read, false);
	else
		require_refused((const char *) data, size);

	fuzz_fill(&in, key, sizeof(key));
	for (i = 1; i < CG_KEK_LEN; i++)
		repeated = repeated && key[i] == key[0];
	if (!repeated)
		try_key(key, key[0] & 1);
	else
		require_refused("0000000000000000000000000000000"
						"000000000000000000000000000000000", 64);
	return 0;
}

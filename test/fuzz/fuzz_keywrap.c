/*
 * fuzz_keywrap.c
 *		libFuzzer target: wrapped keys.
 *
 * The input is a key to wrap, which comes back from what it became, and from
 * nothing else: not with a bit changed, eight bytes less or more, or under
 * another KEK.  And it is a wrapped key itself.  After an error the buffer
 * holds what it held before.
 */
#include "fuzz.h"
#include "keywrap.h"

static const uint8_t kek[CG_KEK_LEN] = {0x11, 0x22, 0x33};

/* Unwrapping this must fail, and say nothing. */
static void
require_refused(const uint8_t *with, const uint8_t *wrapped, size_t len)
{
	size_t		room = len < 8 ? 0 : len - 8;
	uint8_t    *copy = fuzz_copy(wrapped, len);
	uint8_t    *out = fuzz_buffer(room);
	size_t		out_len;
	size_t		i;

	memset(out, 0xEE, room);
	REQUIRE(cg_key_unwrap(with, copy, len, out, room, &out_len) == CG_E_AUTH);
	REQUIRE(out_len == 0);
	for (i = 0; i < room; i++)
		REQUIRE(out[i] == 0xEE);
	free(out);
	free(copy);
}

static void
try_key(FuzzInput in)
{
	size_t		bit = fuzz_number(&in, 2);
	const uint8_t *bytes;
	size_t		len;
	size_t		wrapped_len;
	size_t		again_len;
	uint8_t    *key;
	uint8_t    *wrapped;
	uint8_t    *again;
	uint8_t		other[CG_KEK_LEN];

	bytes = fuzz_bytes(&in, in.left, &len);
	key = fuzz_copy(bytes, len);
	wrapped = fuzz_buffer(CG_WRAPPED_LEN(len) + 8);
	memset(wrapped, 0, CG_WRAPPED_LEN(len) + 8);
	if (len == 0)
		REQUIRE(cg_key_wrap(kek, key, len, wrapped, 8, &wrapped_len) ==
				CG_E_LIMIT);
	else
	{
		REQUIRE(cg_key_wrap(kek, key, len, wrapped, CG_WRAPPED_LEN(len) - 1,
							&wrapped_len) == CG_E_SPACE);
		REQUIRE(cg_key_wrap(kek, key, len, wrapped, CG_WRAPPED_LEN(len),
							&wrapped_len) == CG_OK);
		REQUIRE(wrapped_len == CG_WRAPPED_LEN(len));
		again = fuzz_buffer(wrapped_len - 8);
		REQUIRE(cg_key_unwrap(kek, wrapped, wrapped_len, again,
							  wrapped_len - 8, &again_len) == CG_OK);
		REQUIRE(again_len == len && memcmp(again, key, len) == 0);
		free(again);

		memcpy(other, kek, sizeof(other));
		fuzz_flip(other, bit % (sizeof(other) * 8));
		require_refused(other, wrapped, wrapped_len);
		require_refused(kek, wrapped, wrapped_len + 8);
		require_refused(kek, wrapped, wrapped_len + 1);
		require_refused(kek, wrapped, wrapped_len - 1);
		require_refused(kek, wrapped, wrapped_len - 8);
		fuzz_flip(wrapped, bit % (wrapped_len * 8));
		require_refused(kek, wrapped, wrapped_len);
	}
	free(wrapped);
	free(key);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t		made[CG_WRAPPED_LEN(32)] = {0};

	try_key((FuzzInput) {data, size});
	if (size > 0)
		memcpy(made, data, size < sizeof(made) ? size : sizeof(made));
	require_refused(kek, made, sizeof(made));
	require_refused(kek, data, size);
	return 0;
}

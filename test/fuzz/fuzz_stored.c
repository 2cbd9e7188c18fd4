/*
 * fuzz_stored.c
 *		libFuzzer target: stored and canonical forms.
 *
 * The first byte of the input is the type, and the rest its bytes.  A canonical
 * form is no longer than what it is of, fits its type if that did, and is its
 * own.  Integers come back, and their bytes have their order.
 */
#include "enc_stored.h"
#include "envelope.h"
#include "fuzz.h"

static void
try_canon(uint8_t type, const uint8_t *bytes, size_t len)
{
	uint8_t    *once = fuzz_buffer(len);
	size_t		once_len = cg_stored_canon(type, bytes, len, once);
	uint8_t    *exact;
	uint8_t    *twice;

	REQUIRE(once_len <= len);
	REQUIRE(once_len == len || type == CG_TYPE_JSONB);
	exact = fuzz_copy(once, once_len);
	twice = fuzz_buffer(once_len);
	REQUIRE(cg_stored_canon(type, exact, once_len, twice) == once_len);
	REQUIRE(fuzz_same(once, twice, once_len));
	if (type != CG_TYPE_JSONB && cg_stored_fits(type, bytes, len))
		REQUIRE(cg_stored_fits(type, exact, once_len));
	free(twice);
	free(exact);
	free(once);
}

static void
try_integers(FuzzInput in)
{
	int64_t		a = (int64_t) fuzz_number(&in, 8);
	int64_t		b = (int64_t) fuzz_number(&in, 8);
	uint8_t		bytes[2][8];
	int			order;

	cg_stored_put_i64(bytes[0], a);
	cg_stored_put_i64(bytes[1], b);
	order = memcmp(bytes[0], bytes[1], 8);
	REQUIRE(cg_stored_get_i64(bytes[0]) == a);
	REQUIRE((order > 0) - (order < 0) == (a > b) - (a < b));

	a = (int32_t) a;
	b = (int32_t) b;
	cg_stored_put_i32(bytes[0], (int32_t) a);
	cg_stored_put_i32(bytes[1], (int32_t) b);
	order = memcmp(bytes[0], bytes[1], 4);
	REQUIRE(cg_stored_get_i32(bytes[0]) == a);
	REQUIRE((order > 0) - (order < 0) == (a > b) - (a < b));
}

/* Zeros at the end of a fraction do not count, and nothing else goes. */
static void
try_json(FuzzInput in)
{
	char		plain[64];
	char		padded[64];
	char		canon[64];
	int			whole = (int) fuzz_choice(&in, 1000);
	int			fraction = (int) fuzz_choice(&in, 100);
	int			zeros = (int) fuzz_choice(&in, 9);
	size_t		len;

	snprintf(plain, sizeof(plain), fraction == 0 ? "{\"1.0\": [%d, \"0.10\"]}" :
			 fraction % 10 == 0 ? "{\"1.0\": [%d.%01d, \"0.10\"]}" :
			 "{\"1.0\": [%d.%02d, \"0.10\"]}", whole,
			 fraction % 10 == 0 ? fraction / 10 : fraction);
	len = (size_t) snprintf(padded, sizeof(padded),
							"{\"1.0\": [%d.%02d%.*s, \"0.10\"]}", whole,
							fraction, zeros, "000000000");
	len = cg_stored_canon(CG_TYPE_JSONB, (uint8_t *) padded, len,
						  (uint8_t *) canon);
	REQUIRE(len == strlen(plain) && memcmp(canon, plain, len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};
	uint8_t		type = (uint8_t) fuzz_number(&in, 1);
	uint8_t    *bytes = fuzz_copy(in.p, in.left);

	try_canon(type, bytes, in.left);
	free(bytes);
	try_integers(in);
	try_json(in);
	return 0;
}

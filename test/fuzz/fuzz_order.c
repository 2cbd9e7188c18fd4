/*
 * fuzz_order.c
 *		libFuzzer target: order of stored forms.
 *
 * The input is three values.  Order is one: of two values the reverse of that
 * of the same two the other way round, and with the third in between where it
 * says so.  Prefixes do not contradict it.  Numbers that are made of the input
 * compare as they do when they are doubles.
 */
#include "bytes.h"
#include "enc_stored.h"
#include "envelope.h"
#include "fuzz.h"
#include "order_key.h"

typedef struct Value
{
	char	   *bytes;
	size_t		len;
} Value;

static int
sign(int order)
{
	return (order > 0) - (order < 0);
}

static int
compare(CgOrderForm form, const Value *a, const Value *b)
{
	int			order = sign(cg_order_compare(form, a->bytes, a->len, b->bytes,
											  b->len));
	uint64_t	pa = cg_order_prefix(form, a->bytes, a->len);
	uint64_t	pb = cg_order_prefix(form, b->bytes, b->len);

	REQUIRE(order >= 0 || pa <= pb);
	REQUIRE(order <= 0 || pa >= pb);
	REQUIRE(order != 0 || pa == pb);
	return order;
}

static void
try_order(CgOrderForm form, const Value v[3])
{
	int			ab = compare(form, &v[0], &v[1]);
	int			bc = compare(form, &v[1], &v[2]);
	int			ac = compare(form, &v[0], &v[2]);

	REQUIRE(compare(form, &v[0], &v[0]) == 0);
	REQUIRE(compare(form, &v[1], &v[0]) == -ab);
	REQUIRE(ab != bc || ac == ab);
	REQUIRE(ab != 0 || ac == bc);
}

/* A number of few digits of base 10000, and what it is. */
static double
make_number(FuzzInput *in, uint8_t out[CG_NUMERIC_HEAD + 6], size_t *len)
{
	size_t		n = fuzz_choice(in, 4);
	int			weight = (int) fuzz_choice(in, 7) - 3;
	bool		negative = fuzz_choice(in, 2) == 1 && n > 0;
	double		value = 0;
	double		unit = 1;
	size_t		i;
	int			k;

	for (k = weight; k > 0; k--)
		unit *= 10000;
	for (k = weight; k < 0; k++)
		unit /= 10000;
	cg_put_u16(out, (uint16_t) n);
	cg_put_u16(out + 2, (uint16_t) (n > 0 ? weight : 0));
	cg_put_u16(out + 4, negative ? 0x4000 : 0);
	cg_put_u16(out + 6, (uint16_t) fuzz_choice(in, 5));
	for (i = 0; i < n; i++, unit /= 10000)
	{
		/* neither the first nor the last is zero */
		uint16_t	digit = (uint16_t) (1 + fuzz_choice(in, 9999));

		cg_put_u16(out + CG_NUMERIC_HEAD + 2 * i, digit);
		value += digit * unit;
	}
	*len = CG_NUMERIC_HEAD + 2 * n;
	return negative ? -value : value;
}

static void
try_numbers(FuzzInput in)
{
	uint8_t		bytes[2][CG_NUMERIC_HEAD + 6];
	uint8_t		canon[2][CG_NUMERIC_HEAD + 6];
	Value		v[2];
	double		is[2];
	int			i;

	for (i = 0; i < 2; i++)
	{
		is[i] = make_number(&in, bytes[i], &v[i].len);
		v[i].bytes = (char *) bytes[i];
		REQUIRE(cg_stored_fits(CG_TYPE_NUMERIC, bytes[i], v[i].len));
		REQUIRE(cg_stored_canon(CG_TYPE_NUMERIC, bytes[i], v[i].len,
								canon[i]) == v[i].len);
	}
	REQUIRE(compare(CG_ORDER_NUMERIC, &v[0], &v[1]) ==
			(is[0] > is[1]) - (is[0] < is[1]));

	/* Equal numbers have one canonical form, whatever their scales. */
	REQUIRE((is[0] == is[1]) == (v[0].len == v[1].len &&
								 memcmp(canon[0], canon[1], v[0].len) == 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};
	Value		v[3];
	int			i;

	try_numbers(in);
	for (i = 0; i < 3; i++)
	{
		size_t		most = i == 2 ? in.left : fuzz_choice(&in, 40);
		const uint8_t *bytes = fuzz_bytes(&in, most, &v[i].len);

		v[i].bytes = fuzz_copy(bytes, v[i].len);
	}
	try_order(CG_ORDER_BYTES, v);
	try_order(CG_ORDER_NUMERIC, v);
	for (i = 0; i < 3; i++)
		free(v[i].bytes);
	return 0;
}

/*
 * order_key.c
 *		Order of stored forms: which of two values is less.
 *
 * Sorting compares prefixes of eight bytes first, and values only where those
 * are equal.  Identity numbers and telephone numbers begin alike, so digits
 * are packed: as long as there are only digits, a character takes half a byte,
 *
 *		0		the end of the text
 *		1		a byte below '0' follows
 *		2..11	the digits
 *		12		a byte above '9' follows
 *
 * and from the first other character on, bytes follow as they are.
 *
 * numeric is compared in the form in which PostgreSQL sends it: number of
 * digits, weight of the first, sign, display scale, and digits of base 10000
 * without leading or trailing zeros, each two bytes.  The scale does not count.
 */
#include <string.h>

#include "bytes.h"
#include "order_key.h"

#define NUMERIC_HEAD	8
#define BASE			10000
#define SIGN_POSITIVE	0x0000
#define SIGN_NEGATIVE	0x4000
#define SIGN_NAN		0xC000
#define SIGN_PINF		0xD000
#define SIGN_NINF		0xF000

typedef struct CgNumber
{
	int			rank;			/* no number, -inf, negative, 0, positive,
								 * inf, NaN: -1 to 5; as numeric orders them */
	int			weight;
	size_t		digits;
	const uint8_t *digit;		/* two bytes each */
} CgNumber;

static int	compare_bytes(const char *a, size_t a_len, const char *b,
						  size_t b_len);
static void read_number(const char *bytes, size_t len, CgNumber *number);
static int	compare_magnitude(const CgNumber *a, const CgNumber *b);
static uint64_t bytes_prefix(const uint8_t *p, size_t len);
static uint64_t number_prefix(const CgNumber *number);

int
cg_order_compare(CgOrderForm form, const char *a, size_t a_len,
				 const char *b, size_t b_len)
{
	CgNumber	na;
	CgNumber	nb;

	if (form == CG_ORDER_BYTES)
		return compare_bytes(a, a_len, b, b_len);
	read_number(a, a_len, &na);
	read_number(b, b_len, &nb);
	if (na.rank != nb.rank)
		return na.rank < nb.rank ? -1 : 1;
	switch (na.rank)
	{
		case -1:
			return compare_bytes(a, a_len, b, b_len);
		case 1:
			return compare_magnitude(&nb, &na);
		case 3:
			return compare_magnitude(&na, &nb);
		default:
			return 0;
	}
}

static int
compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t		len = a_len < b_len ? a_len : b_len;
	int			result = len == 0 ? 0 : memcmp(a, b, len);

	return result != 0 ? result : a_len < b_len ? -1 : a_len > b_len ? 1 : 0;
}

static void
read_number(const char *bytes, size_t len, CgNumber *number)
{
	const uint8_t *p = (const uint8_t *) bytes;
	size_t		i;

	memset(number, 0, sizeof(*number));
	number->rank = -1;
	if (len < NUMERIC_HEAD)
		return;
	number->digits = cg_get_u16(p);
	number->weight = (int16_t) cg_get_u16(p + 2);
	number->digit = p + NUMERIC_HEAD;
	if (number->digits != (len - NUMERIC_HEAD) / 2)
		return;
	for (i = 0; i < number->digits; i++)
		if (cg_get_u16(number->digit + 2 * i) >= BASE)
			return;
	switch (cg_get_u16(p + 4))
	{
		case SIGN_NINF:
			number->rank = 0;
			break;
		case SIGN_NEGATIVE:
			number->rank = number->digits == 0 ? 2 : 1;
			break;
		case SIGN_POSITIVE:
			number->rank = number->digits == 0 ? 2 : 3;
			break;
		case SIGN_PINF:
			number->rank = 4;
			break;
		case SIGN_NAN:
			number->rank = 5;
			break;
		default:
			break;
	}
}

static int
compare_magnitude(const CgNumber *a, const CgNumber *b)
{
	if (a->weight != b->weight)
		return a->weight < b->weight ? -1 : 1;
	return compare_bytes((const char *) a->digit, a->digits * 2,
						 (const char *) b->digit, b->digits * 2);
}

uint64_t
cg_order_prefix(CgOrderForm form, const char *bytes, size_t len)
{
	CgNumber	number;

	if (form == CG_ORDER_BYTES)
		return bytes_prefix((const uint8_t *) bytes, len);
	read_number(bytes, len, &number);
	return number_prefix(&number);
}

/* See the top of the file. */
static uint64_t
bytes_prefix(const uint8_t *p, size_t len)
{
	uint64_t	result = 0;
	int			left = 64;
	size_t		i;

	for (i = 0; i < len && left > 0 && p[i] >= '0' && p[i] <= '9'; i++)
	{
		left -= 4;
		result |= (uint64_t) (p[i] - '0' + 2) << left;
	}
	if (i == len || left == 0)
		return result;
	left -= 4;
	result |= (uint64_t) (p[i] < '0' ? 1 : 12) << left;
	for (; i < len && left > 0; i++)
	{
		if (left < 8)
			return result | (uint64_t) (p[i] >> (8 - left));
		left -= 8;
		result |= (uint64_t) p[i] << left;
	}
	return result;
}

/*
 * Rank (3 bits), weight (16), and the first three digits (14 each); turned
 * round for what is negative.
 */
static uint64_t
number_prefix(const CgNumber *number)
{
	const uint64_t mask = ((uint64_t) 1 << 61) - 1;
	uint64_t	magnitude = 0;
	size_t		i;

	if (number->rank == 1 || number->rank == 3)
	{
		magnitude = (uint64_t) (number->weight + 0x8000) << 42;
		for (i = 0; i < 3 && i < number->digits; i++)
			magnitude |= (uint64_t) cg_get_u16(number->digit + 2 * i) <<
				(28 - 14 * i);
		if (number->rank == 1)
			magnitude = ~magnitude & mask;
	}
	return ((uint64_t) (number->rank + 1) << 61) | magnitude;
}

/*
 * fuzz.h
 *		What the libFuzzer targets share: conditions, buffers, numbers taken
 *		from the input.
 *
 * A target is test/fuzz/fuzz_NAME.c.  It says what must be true of a part of
 * the pure layer, and has no opinion on how that does it: where a result can
 * be computed in another way, by another standard or by the C library, it is.
 *
 * Buffers have the size that the headers ask for and not a byte more, so that
 * the address sanitizer sees whatever is read or written behind them.
 */
#ifndef CG_FUZZ_H
#define CG_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition) \
	do { \
		if (!(condition)) \
			fuzz_fail(#condition, __FILE__, __LINE__); \
	} while (0)

/* The input, of which bytes are taken from the front; zeros follow the end. */
typedef struct FuzzInput
{
	const uint8_t *p;
	size_t		left;
} FuzzInput;

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void
fuzz_fail(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: not true: %s\n", file, line, condition);
	abort();
}

/* A buffer of just that size. */
static inline void *
fuzz_buffer(size_t size)
{
	void	   *buffer = malloc(size);

	REQUIRE(buffer != NULL);
	return buffer;
}

static inline void *
fuzz_copy(const void *data, size_t size)
{
	void	   *copy = fuzz_buffer(size);

	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

static inline bool
fuzz_same(const void *a, const void *b, size_t size)
{
	return size == 0 || memcmp(a, b, size) == 0;
}

static inline uint64_t
fuzz_number(FuzzInput *in, int bytes)
{
	uint64_t	number = 0;

	for (; bytes > 0; bytes--)
	{
		number <<= 8;
		if (in->left > 0)
		{
			number |= *in->p++;
			in->left--;
		}
	}
	return number;
}

/* One of 0 to n - 1. */
static inline size_t
fuzz_choice(FuzzInput *in, size_t n)
{
	return (size_t) (fuzz_number(in, n > 256 ? 4 : 1) % n);
}

/* Up to max bytes; *len tells how many there were. */
static inline const uint8_t *
fuzz_bytes(FuzzInput *in, size_t max, size_t *len)
{
	const uint8_t *bytes = in->p;

	*len = in->left < max ? in->left : max;
	in->p += *len;
	in->left -= *len;
	return bytes;
}

static inline void
fuzz_fill(FuzzInput *in, uint8_t *out, size_t len)
{
	while (len-- > 0)
		*out++ = (uint8_t) fuzz_number(in, 1);
}

static inline void
fuzz_flip(uint8_t *bytes, size_t bit)
{
	bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
}

#endif							/* CG_FUZZ_H */

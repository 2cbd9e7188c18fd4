/*
 * bytes.h
 *		Big-endian loads and stores, and comparison in constant time.
 */
#ifndef CG_BYTES_H
#define CG_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Compilers see one instruction in shifts of up to four bytes, but not in
 * those of eight.
 */
#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define CG_SWAPS_U64 1
#else
#define CG_SWAPS_U64 0
#endif

static inline void
cg_put_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t) (v >> 8);
	p[1] = (uint8_t) v;
}

static inline uint16_t
cg_get_u16(const uint8_t *p)
{
	return (uint16_t) ((p[0] << 8) | p[1]);
}

static inline void
cg_put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t) (v >> 24);
	p[1] = (uint8_t) (v >> 16);
	p[2] = (uint8_t) (v >> 8);
	p[3] = (uint8_t) v;
}

static inline uint32_t
cg_get_u32(const uint8_t *p)
{
	return ((uint32_t) p[0] << 24) | ((uint32_t) p[1] << 16) |
		((uint32_t) p[2] << 8) | (uint32_t) p[3];
}

static inline uint64_t
cg_get_u64(const uint8_t *p)
{
#if CG_SWAPS_U64
	uint64_t	v;

	memcpy(&v, p, 8);
	return __builtin_bswap64(v);
#else
	return ((uint64_t) cg_get_u32(p) << 32) | cg_get_u32(p + 4);
#endif
}

static inline void
cg_put_u64(uint8_t *p, uint64_t v)
{
#if CG_SWAPS_U64
	v = __builtin_bswap64(v);
	memcpy(p, &v, 8);
#else
	cg_put_u32(p, (uint32_t) (v >> 32));
	cg_put_u32(p + 4, (uint32_t) v);
#endif
}

/* True if the n bytes are equal; the time taken does not depend on where not. */
static inline bool
cg_equal_ct(const uint8_t *a, const uint8_t *b, size_t n)
{
	uint64_t	diff = 0;
	size_t		i;

	for (i = 0; i + 8 <= n; i += 8)
		diff |= cg_get_u64(a + i) ^ cg_get_u64(b + i);
	for (; i < n; i++)
		diff |= (uint64_t) (a[i] ^ b[i]);
	return diff == 0;
}

#endif							/* CG_BYTES_H */

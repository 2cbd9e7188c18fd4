/*
 * enc_stored.h
 *		The bytes that stand for a value of each type before encryption.
 *
 * Stored form, integers big-endian:
 *
 *	text			UTF-8, as entered
 *	int8			8 bytes, sign bit flipped: byte order is value order
 *	numeric			what numeric_send() gives
 *	bool			1 byte, 0 or 1
 *	date			4 bytes, days since 2000-01-01, sign bit flipped
 *	timestamptz		8 bytes, microseconds since 2000-01-01 UTC, likewise
 *	uuid			16 bytes
 *	inet			what inet_send() gives
 *	jsonb			UTF-8 text as jsonb_out() gives it
 *	bytea			as it is
 *
 * Canonical form: equal values have one, and equality tokens are made of it.
 * It differs from the stored form for text (the category's normaliser), for
 * numeric (1.00 is stored, 1 is canonical) and for numbers inside of jsonb.
 */
#ifndef CG_ENC_STORED_H
#define CG_ENC_STORED_H

#include "status.h"

#define CG_NUMERIC_HEAD		8	/* digits, weight, sign, scale: 2 bytes each */

/* Numbers as bytes that sort as the numbers do. */
extern void cg_stored_put_i32(uint8_t out[4], int32_t v);
extern int32_t cg_stored_get_i32(const uint8_t in[4]);
extern void cg_stored_put_i64(uint8_t out[8], int64_t v);
extern int64_t cg_stored_get_i64(const uint8_t in[8]);

/* Is that the structure of numeric_send()? */
extern bool cg_stored_is_numeric(const uint8_t *in, size_t len);

/*
 * Could the bytes be of that type?  False for lengths that no value has; true
 * says nothing yet of what text holds.
 */
extern bool cg_stored_fits(uint8_t type, const uint8_t *in, size_t len);

/*
 * Canonical form of any type but text, at most len bytes.  out may not
 * overlap in.  Returns its length.
 */
extern size_t cg_stored_canon(uint8_t type, const uint8_t *in, size_t len,
							  uint8_t *out);

#endif							/* CG_ENC_STORED_H */

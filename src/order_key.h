/*
 * order_key.h
 *		Order of stored forms: which of two values is less.
 */
#ifndef CG_ORDER_KEY_H
#define CG_ORDER_KEY_H

#include "status.h"

/*
 * How the bytes of a type compare: as they are (text in canonical form, and
 * whatever is stored big-endian with its sign bit flipped), or as numeric is
 * sent.
 */
typedef enum CgOrderForm
{
	CG_ORDER_BYTES,
	CG_ORDER_NUMERIC
} CgOrderForm;

/*
 * Less than, equal to or greater than zero.  Hostile bytes are fine: what is
 * no number comes before all numbers, in the order of its bytes.
 */
extern int	cg_order_compare(CgOrderForm form, const char *a, size_t a_len,
							 const char *b, size_t b_len);

/*
 * A number that is never greater for the lesser of two values.  Equal ones
 * decide nothing.
 */
extern uint64_t cg_order_prefix(CgOrderForm form, const char *bytes,
								size_t len);

#endif							/* CG_ORDER_KEY_H */

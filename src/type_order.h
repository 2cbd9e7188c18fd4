/*
 * type_order.h
 *		Operator classes that order encrypted values by what they mean.
 */
#ifndef CG_TYPE_ORDER_H
#define CG_TYPE_ORDER_H

#include "fmgr.h"

/* Does an index of this operator family tell the order of its values? */
extern bool cg_is_order_family(Oid family);

/* Is this the comparison of an operator class that orders by what they mean? */
extern bool cg_compares_values(PGFunction function);

/*
 * Compare two values, or two masks, of a type that has an order; no right is
 * asked for.
 */
extern int	cg_order_values(Datum a, Datum b);

#endif							/* CG_TYPE_ORDER_H */

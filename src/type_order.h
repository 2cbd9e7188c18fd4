/*
 * type_order.h
 *		Operator classes that order encrypted values by what they mean.
 */
#ifndef CG_TYPE_ORDER_H
#define CG_TYPE_ORDER_H

/* Does an index of this operator family tell the order of its values? */
extern bool cg_is_order_family(Oid family);

#endif							/* CG_TYPE_ORDER_H */

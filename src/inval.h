/*
 * inval.h
 *		News of changed relations.
 */
#ifndef CG_INVAL_H
#define CG_INVAL_H

#include "utils/inval.h"

/*
 * Call a function, with 0 as its argument, whenever the description of a
 * relation has changed, or of all (InvalidOid).
 */
extern void cg_on_relcache(RelcacheCallbackFunction function);

#endif							/* CG_INVAL_H */

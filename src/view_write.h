/*
 * view_write.h
 *		Writing protected columns through masking views.
 */
#ifndef CG_VIEW_WRITE_H
#define CG_VIEW_WRITE_H

#include "nodes/parsenodes.h"

/*
 * Make real assignments, to columns of the result relation, of those that
 * were hidden from the rewriter.  Returns the list, changed in place.
 */
extern List *cg_take_hidden(List *targets, Query *query);

/* At load: hook into the analysis of statements, if tables are masked. */
extern void cg_view_write_init(void);

#endif							/* CG_VIEW_WRITE_H */

/*
 * plan_origin.h
 *		The protected columns that a value is made of.
 */
#ifndef CG_PLAN_ORIGIN_H
#define CG_PLAN_ORIGIN_H

#include "plan_mask.h"

/* A protected column that a value is made of. */
typedef struct CgOrigin
{
	Oid			relid;
	AttrNumber	attnum;			/* 0: the whole row */
	RangeTblEntry *rte;
	int32		category;		/* or CG_MANY_CATEGORIES */
	uint32		path;			/* by which the value came from there */
} CgOrigin;

typedef struct CgOriginSearch
{
	CgScope    *scope;
	List	   *origins;
	bool		plain;			/* without those that are shown as masks */
	bool		masks;			/* has it met a mask? */
	List	   *recursive;		/* CTEs that are being looked at */
	uint32		path;			/* range table entries passed so far, hashed */
} CgOriginSearch;

/*
 * Collect the origins of an expression, of a reference to a column, or of a
 * column of a sub-query's result (attnum 0: all of them).  The first is a
 * walker of expressions; context is the CgOriginSearch.
 */
extern bool cg_origins_of(Node *node, void *context);
extern void cg_origins_of_var(Var *var, CgOriginSearch *search);
extern void cg_origins_of_column(Query *query, CgScope *parent,
								 AttrNumber attnum, CgOriginSearch *search);

/* Those that are seen in clear: add of each its table and number. */
extern void cg_find_origins(Node *node, CgScope *scope,
							void (*add) (RangeTblEntry *rte,
										 AttrNumber attnum));

/* The category of a value that is made of two. */
extern int32 cg_combine_categories(int32 a, int32 b);

#endif							/* CG_PLAN_ORIGIN_H */

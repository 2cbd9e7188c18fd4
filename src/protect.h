/*
 * protect.h
 *		Which columns of a relation are protected: the cached answer.
 */
#ifndef CG_PROTECT_H
#define CG_PROTECT_H

#include "access/attnum.h"

#include "access.h"

/*
 * A build with COPT=-DCG_STRESS=0 (1, 2) is for tests only: everybody has that
 * level on every column of every table, the mask of a value is the value
 * itself, and nothing is refused or redacted.  So whatever a query gives must
 * be what it gives without us; test/ci/core_regress.sh --stress compares.
 */
#ifdef CG_STRESS
#define CG_STRESS_RETURN(result) return result
#else
#define CG_STRESS_RETURN(result) ((void) 0)
#endif

/* One protected column. */
typedef struct CgProtectedColumn
{
	int32		category;		/* whose mask it shows; -1: it shows NULL */
	bool		encrypted;		/* encrypted values, or an array of them */
	bool		derived;		/* generated from other protected columns */
	int			n_needs;
	int32	   *needs;			/* reading it takes `read` on all of these */
} CgProtectedColumn;

typedef struct CgProtection
{
	Oid			relid;
	Oid			owner;
	bool		runs_code;		/* has policies, checks or expressions */
	AttrNumber	subject;		/* subject column, or InvalidAttrNumber */
	int			natts;
	CgProtectedColumn **columns;	/* by attribute number - 1; NULL: plain */
} CgProtection;

/*
 * The protected columns of a table, view or foreign table by its own labels
 * and encrypted types and by the labels of its ancestors and descendants;
 * NULL if it has none.  The result stays valid until the transaction ends.
 * Raises CG_ERRCODE_UNKNOWN_CATEGORY when a label names no category.
 */
extern const CgProtection *cg_protection(Oid relid);

/* The column by attribute number; NULL if it is not protected. */
extern const CgProtectedColumn *cg_protected_column(const CgProtection *p,
													AttrNumber attnum);

/*
 * What the current user may do with a column: the lowest of his levels on
 * the categories that it needs.  Owners and superusers count as readers of
 * plain columns if cipguard.mask_owner or cipguard.mask_superuser is off.
 */
extern CgLevel cg_column_level(const CgProtection *p, AttrNumber attnum);

/*
 * Why that is below `read`, and of which category: a condition that is not
 * met, CG_NO_GRANT if that is all, or CG_GRANTED.
 */
extern CgReason cg_column_missing(const CgProtection *p, AttrNumber attnum,
								  int32 *category);

/* May the current user read every protected column of the relation? */
extern bool cg_reads_all(const CgProtection *p);

/*
 * For error reports, where no catalog can be read: has this session met a
 * protected relation?  If so, may one of that name be protected, that is: was
 * it not looked at and found plain?
 */
extern bool cg_knows_protected(void);
extern bool cg_may_be_protected(const char *relation);

/* At load: have what is known of a table forgotten when it changes. */
extern void cg_protect_init(void);

#endif							/* CG_PROTECT_H */

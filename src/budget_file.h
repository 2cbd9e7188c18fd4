/*
 * budget_file.h
 *		What of the budgets outlives the server: the file of their marks.
 */
#ifndef CG_BUDGET_FILE_H
#define CG_BUDGET_FILE_H

#include "budget_count.h"

/* What was found when the server started. */
typedef enum CgBudgetFound
{
	CG_BUDGET_NONE,				/* no file */
	CG_BUDGET_FOREIGN,			/* that of another node, which was copied */
	CG_BUDGET_DAMAGED,			/* something, but not what was written */
	CG_BUDGET_FILE
} CgBudgetFound;

/* Whose budget it is: of a role in a category, or of a grant. */
typedef struct CgBudgetKey
{
	int64		grant;			/* 0: none */
	Oid			database;
	Oid			role;			/* InvalidOid: of a grant */
	int32		category;		/* -1: of a grant */
	uint32		unused;			/* 0 */
} CgBudgetKey;

typedef struct CgBudgetEntry
{
	CgBudgetKey key;			/* database InvalidOid: none */
	CgBudgetCount count;
} CgBudgetEntry;

/*
 * Read the file; entry is called for each entry that is not damaged.  Sets
 * closed_at.  Raises nothing.
 */
extern CgBudgetFound cg_budget_file_read(uint64 *closed_at,
										 void (*entry) (const CgBudgetEntry *));

/*
 * Replace the file by one with n entries, of which get tells each.  False, and
 * a line of the log, if that cannot be.
 */
extern bool cg_budget_file_replace(uint64 closed_at, int n,
								   void (*get) (int, CgBudgetEntry *));

/*
 * Overwrite one entry, and do not return before the disk has it.  Raises
 * nothing; false with errno.
 */
extern bool cg_budget_file_write(int i, const CgBudgetEntry *entry);

/* Note that nothing is closed any more. */
extern bool cg_budget_file_open(void);

#endif							/* CG_BUDGET_FILE_H */

/*
 * budget_slot.h
 *		The counts of budgets, in shared memory.
 */
#ifndef CG_BUDGET_SLOT_H
#define CG_BUDGET_SLOT_H

#include "budget_file.h"

#define CG_NO_LIMIT		PG_UINT64_MAX

typedef struct CgBudgetSlot CgBudgetSlot;

/* What is charged: a budget and its limits. */
typedef struct CgAccount
{
	CgBudgetKey key;
	uint64		per_hour;		/* of a grant: in all */
	uint64		per_day;
	CgBudgetSlot *slot;			/* NULL: not looked for yet */
	uint32		generation;		/* of the slot when it was found */
} CgAccount;

typedef enum CgSpent
{
	CG_SPEND_DONE,
	CG_SPEND_HOUR,				/* the hour has not so many left */
	CG_SPEND_DAY,
	CG_SPEND_GRANT,				/* nor has the grant */
	CG_SPEND_CLOSED,			/* the file was damaged */
	CG_SPEND_FULL,				/* no slot is free */
	CG_SPEND_UNWRITTEN			/* the file cannot be written; errno */
} CgSpent;

#define CG_MAX_ACCOUNTS	3
#define CG_MAX_PURSE	256

/* Values that were set aside: counted as spent, and to be given yet. */
typedef struct CgPurse
{
	uint64		serial;			/* of what it is for; changes with that */
	uint32		left;
	int64		until;			/* seconds: then the next cell begins */
	int			n;
	CgAccount	accounts[CG_MAX_ACCOUNTS];
	int64		hour_cells[CG_MAX_ACCOUNTS];	/* that count them */
	int64		day_cells[CG_MAX_ACCOUNTS];
} CgPurse;

/*
 * Spend n values from each of the accounts (which may be put in another order),
 * or from none.  If not done, which is the account that it was for; first tells
 * whether nobody heard of that in the time that it lasts.  If done, up to want
 * more are set aside in the purse, which must be empty, while that is far from
 * the limit of each account.
 */
extern CgSpent cg_budget_charge(CgAccount **accounts, int n_accounts,
								uint32 n, uint32 want, CgPurse *purse,
								CgAccount **which, bool *first);

/* Spend n of what was set aside; false if that cannot be. */
extern bool cg_budget_pay(CgPurse *purse, uint32 n);

/* Give back what is left. */
extern void cg_budget_put_back(CgPurse *purse);

/* What counts of an account now. */
extern void cg_budget_used(const CgBudgetKey *key, CgBudgetCount *count);

/* The keys of all slots, palloc'd. */
extern CgBudgetKey *cg_budget_keys(int *n);

/* Give a slot back; what it counted is forgotten. */
extern void cg_budget_drop(const CgBudgetKey *key);

/*
 * Forget the counts of a database, and open what a damaged file closed.  False
 * with errno if the file cannot be written.
 */
extern bool cg_budget_forget(Oid database);

/* Was the library preloaded, so that there are counts? */
extern bool cg_budget_counts(void);

/* At load: when preloaded, request and attach the shared memory. */
extern void cg_budget_slot_init(void);

#endif							/* CG_BUDGET_SLOT_H */

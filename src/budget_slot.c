/*
 * budget_slot.c
 *		The counts of budgets, in shared memory.
 *
 * A slot counts what one role was shown of one category in one database, or
 * what was shown under a grant with a row limit.  It has a spinlock; whoever
 * charges several accounts holds those of all of them, taken in the order of
 * their addresses, looks whether each has enough left, and only then takes
 * from each.  So sessions at the same time can neither overdraw a budget nor
 * be refused because of what another one took and gave back.
 *
 * A long statement sets values aside, some hundred at a time, in a purse of its
 * own: taken from all accounts like values that are spent, given out without
 * locks, and put back when the statement ends or another cell begins.  Nobody
 * does that when more than half of a limit is used, so in the end it is exact,
 * but for statements that do not come on: what they took while there was
 * plenty, at most a thousandth of the limit each, others do not get meanwhile.
 *
 * Slots are found in a chained hash table, under a lock that is not needed
 * for a slot that was found before: its generation tells if it has become
 * somebody else's.  A slot whose windows have passed is given to the next who
 * wants one.
 *
 * What a server that crashes must not forget is in a file (budget_file.h), as
 * a mark that runs ahead: a slot may spend its credit, and before that is used
 * up the file gets the count with more credit added.  After a crash the count
 * begins at the mark, so it is never less than what was spent.  A credit is a
 * part of the limit, and ends with the cell of 5 minutes, since after a crash
 * what is left of it counts in that cell.  A server that is shut down writes
 * the counts themselves.
 *
 * A damaged file closes all budgets: none has anything left until its window
 * has passed, and a row limit, which has no window, never.
 *
 * Locks: table, then file, then spinlocks.
 */
#include "postgres.h"

#include <time.h>

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"

#include "compat.h"

#include "budget_slot.h"
#include "cipguard.h"
#include "guc.h"

#define TRANCHE			"cipguard_budget"
#define CREDIT_PART		16		/* of a limit */
#define MAX_CREDIT		10000
#define PURSE_PART		1024	/* of a limit, at most CG_MAX_PURSE */
#define TELL_SECONDS	3600
#define NO_SLOT			(-1)

#ifndef CLOCK_REALTIME_COARSE
#define CLOCK_REALTIME_COARSE CLOCK_REALTIME
#endif

struct CgBudgetSlot
{
	slock_t		lock;
	int			next;			/* in its chain, or of the free; of table lock */
	uint32		generation;		/* counts the keys it has had */
	CgBudgetKey key;			/* database InvalidOid: free */
	CgBudgetCount count;
	uint64		credit;			/* may be spent without the file */
	int64		hour_told;		/* cells when it was alerted; 0: never */
	int64		day_told;
};

typedef struct CgBudgets
{
	LWLock	   *table;			/* of chains and the free */
	LWLock	   *file;			/* of writing it */
	pg_atomic_uint64 closed_at; /* when a damaged file was found; 0: never */
	pg_atomic_uint64 told_at;	/* alert that is about no slot */
	int			n;
	int			free;
	CgBudgetSlot *slots;
	int			chains[FLEXIBLE_ARRAY_MEMBER];
} CgBudgets;

static Size budgets_size(void);
static void request_memory(void);
static void attach_memory(void);
static void restore(void);
static void restore_entry(const CgBudgetEntry *entry);
static void save(int code, Datum arg);
static void get_entry(int i, CgBudgetEntry *entry);
static int64 now_seconds(void);
static int *chain_of(const CgBudgetKey *key);
static CgBudgetSlot *slot_of(const CgBudgetKey *key);
static bool find_account(CgAccount *account);
static CgBudgetSlot *take_free(const CgBudgetKey *key);
static void release_slot(CgBudgetSlot *slot);
static void release_passed(void);
static bool has_passed(CgBudgetSlot *slot, int64 now);
static bool is_closed(const CgAccount *account, int64 now);
static CgSpent look(const CgAccount *account, uint32 n, int64 now,
					bool *first);
static uint64 left_of(uint64 limit, uint64 used);
static uint64 limit_of(const CgAccount *account, const CgBudgetCount *count,
					   uint64 *left);
static uint32 to_spare(const CgAccount *account, uint32 n);
static bool raise_mark(const CgAccount *account, uint32 n);
static bool tell_once(int64 now);

static CgBudgets *budgets = NULL;
static shmem_request_hook_type prev_request = NULL;
static shmem_startup_hook_type prev_startup = NULL;

void
cg_budget_slot_init(void)
{
	if (!cg_preloaded)
		return;
	prev_request = shmem_request_hook;
	shmem_request_hook = request_memory;
	prev_startup = shmem_startup_hook;
	shmem_startup_hook = attach_memory;
}

bool
cg_budget_counts(void)
{
	return budgets != NULL;
}

static Size
budgets_size(void)
{
	return MAXALIGN(add_size(offsetof(CgBudgets, chains),
							 mul_size(cg_budget_slots, sizeof(int))));
}

static void
request_memory(void)
{
	if (prev_request)
		prev_request();
	RequestAddinShmemSpace(add_size(budgets_size(),
									mul_size(cg_budget_slots,
											 sizeof(CgBudgetSlot))));
	RequestNamedLWLockTranche(TRANCHE, 2);
}

static void
attach_memory(void)
{
	Size		size = add_size(budgets_size(),
								mul_size(cg_budget_slots,
										 sizeof(CgBudgetSlot)));
	bool		found;

	if (prev_startup)
		prev_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	budgets = ShmemInitStruct("cipguard budgets", size, &found);
	if (!found)
	{
		int			i;

		memset(budgets, 0, size);
		budgets->table = &GetNamedLWLockTranche(TRANCHE)[0].lock;
		budgets->file = &GetNamedLWLockTranche(TRANCHE)[1].lock;
		pg_atomic_init_u64(&budgets->closed_at, 0);
		pg_atomic_init_u64(&budgets->told_at, 0);
		budgets->n = cg_budget_slots;
		budgets->slots = (CgBudgetSlot *) ((char *) budgets + budgets_size());
		for (i = 0; i < budgets->n; i++)
		{
			SpinLockInit(&budgets->slots[i].lock);
			budgets->slots[i].next = i + 1 < budgets->n ? i + 1 : NO_SLOT;
			budgets->chains[i] = NO_SLOT;
		}
		restore();
	}
	LWLockRelease(AddinShmemInitLock);

	/* In the postmaster, after all its children have ended. */
	if (!IsUnderPostmaster)
		on_shmem_exit(save, (Datum) 0);
}

/* ---------- the file ---------- */

/* When the server starts, and after a crash of one of its processes. */
static void
restore(void)
{
	uint64		closed_at;

	switch (cg_budget_file_read(&closed_at, restore_entry))
	{
		case CG_BUDGET_NONE:
			ereport(LOG,
					(errmsg("counting what is disclosed begins anew: there is no file of budgets yet")));
			break;
		case CG_BUDGET_FOREIGN:
			ereport(LOG,
					(errmsg("counting what is disclosed begins anew: the file of budgets is a copy of another node's")));
			break;
		case CG_BUDGET_DAMAGED:
			closed_at = (uint64) now_seconds();
			break;
		case CG_BUDGET_FILE:
			break;
	}
	/* restore_entry() closes, too. */
	if (closed_at > pg_atomic_read_u64(&budgets->closed_at))
		pg_atomic_write_u64(&budgets->closed_at, closed_at);
	if (pg_atomic_read_u64(&budgets->closed_at) + CG_DAY_CELLS * CG_DAY_CELL >
		(uint64) now_seconds())
		ereport(LOG,
				(errcode(CG_ERRCODE_BUDGET),
				 errmsg("the file of budgets was damaged: all budgets count as spent"),
				 errhint("They are counted anew when the hour and the day have passed, or after a superuser calls %s.",
						 "cipguard.reset_budgets()")));
	(void) cg_budget_file_replace(pg_atomic_read_u64(&budgets->closed_at),
								  budgets->n, get_entry);
}

static void
restore_entry(const CgBudgetEntry *entry)
{
	CgBudgetCount count = entry->count;
	CgBudgetSlot *slot;

	(void) cg_budget_advance(&count, now_seconds());
	if (entry->key.grant == 0 && count.hour == 0 && count.day == 0)
		return;
	slot = slot_of(&entry->key);
	if (slot == NULL)
		slot = take_free(&entry->key);
	else if (slot->count.hour_cell > count.hour_cell)
		return;
	if (slot == NULL)
	{
		ereport(LOG,
				(errcode(CG_ERRCODE_BUDGET),
				 errmsg("there is no room for all budgets of the file"),
				 errhint("Raise %s.", "cipguard.budget_slots")));
		pg_atomic_write_u64(&budgets->closed_at, (uint64) now_seconds());
		return;
	}
	slot->count = count;
}

static void
save(int code, Datum arg)
{
	if (code == 0)
		(void) cg_budget_file_replace(pg_atomic_read_u64(&budgets->closed_at),
									  budgets->n, get_entry);
}

static void
get_entry(int i, CgBudgetEntry *entry)
{
	entry->key = budgets->slots[i].key;
	entry->count = budgets->slots[i].count;
}

/* ---------- slots ---------- */

/* A few milliseconds old, and cheap enough for each value. */
static int64
now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return (int64) now.tv_sec;
}

static int *
chain_of(const CgBudgetKey *key)
{
	return &budgets->chains[hash_bytes((const unsigned char *) key,
									   sizeof(*key)) % budgets->n];
}

/* With the lock of the table, as all that follow. */
static CgBudgetSlot *
slot_of(const CgBudgetKey *key)
{
	int			i;

	for (i = *chain_of(key); i != NO_SLOT; i = budgets->slots[i].next)
		if (memcmp(&budgets->slots[i].key, key, sizeof(*key)) == 0)
			return &budgets->slots[i];
	return NULL;
}

/* NULL if none is free. */
static CgBudgetSlot *
take_free(const CgBudgetKey *key)
{
	int		   *chain = chain_of(key);
	int			i = budgets->free;
	CgBudgetSlot *slot;

	if (i == NO_SLOT)
		return NULL;
	slot = &budgets->slots[i];
	budgets->free = slot->next;
	slot->next = *chain;
	*chain = i;
	SpinLockAcquire(&slot->lock);
	slot->generation++;
	slot->key = *key;
	memset(&slot->count, 0, sizeof(slot->count));
	slot->credit = 0;
	slot->hour_told = slot->day_told = 0;
	SpinLockRelease(&slot->lock);
	return slot;
}

static void
release_slot(CgBudgetSlot *slot)
{
	int			i = (int) (slot - budgets->slots);
	int		   *at = chain_of(&slot->key);

	while (*at != i)
		at = &budgets->slots[*at].next;
	*at = slot->next;
	SpinLockAcquire(&slot->lock);
	slot->generation++;
	memset(&slot->key, 0, sizeof(slot->key));
	SpinLockRelease(&slot->lock);
	slot->next = budgets->free;
	budgets->free = i;
}

static void
release_passed(void)
{
	int64		now = now_seconds();
	int			i;

	for (i = 0; i < budgets->n; i++)
	{
		CgBudgetSlot *slot = &budgets->slots[i];

		if (OidIsValid(slot->key.database) && slot->key.grant == 0 &&
			has_passed(slot, now))
			release_slot(slot);
	}
}

static bool
has_passed(CgBudgetSlot *slot, int64 now)
{
	bool		result;

	SpinLockAcquire(&slot->lock);
	if (cg_budget_advance(&slot->count, now))
		slot->credit = 0;
	result = slot->count.hour == 0 && slot->count.day == 0;
	SpinLockRelease(&slot->lock);
	return result;
}

/* False if there is no room. */
static bool
find_account(CgAccount *account)
{
	CgBudgetSlot *slot;

	LWLockAcquire(budgets->table, LW_SHARED);
	slot = slot_of(&account->key);
	if (slot == NULL)
	{
		LWLockRelease(budgets->table);
		LWLockAcquire(budgets->table, LW_EXCLUSIVE);
		slot = slot_of(&account->key);
		if (slot == NULL)
			slot = take_free(&account->key);
		if (slot == NULL)
		{
			release_passed();
			slot = take_free(&account->key);
		}
	}
	if (slot != NULL)
		account->generation = slot->generation;
	account->slot = slot;
	LWLockRelease(budgets->table);
	return slot != NULL;
}

/* ---------- spending ---------- */

CgSpent
cg_budget_charge(CgAccount **accounts, int n_accounts, uint32 n,
				 uint32 want, CgPurse *purse, CgAccount **which, bool *first)
{
	Assert(n_accounts <= CG_MAX_ACCOUNTS);
	for (;;)
	{
		int64		now = now_seconds();
		CgSpent		result = CG_SPEND_DONE;
		CgAccount  *dry = NULL;
		bool		lost = false;
		int			i;
		int			j;

		*first = false;
		for (i = 0; i < n_accounts; i++)
		{
			*which = accounts[i];
			if (accounts[i]->slot == NULL && !find_account(accounts[i]))
				result = CG_SPEND_FULL;
			else if (is_closed(accounts[i], now))
				result = CG_SPEND_CLOSED;
			if (result != CG_SPEND_DONE)
			{
				*first = tell_once(now);
				return result;
			}
			for (j = i; j > 0 && accounts[j]->slot < accounts[j - 1]->slot;
				 j--)
			{
				CgAccount  *swap = accounts[j];

				accounts[j] = accounts[j - 1];
				accounts[j - 1] = swap;
			}
		}

		for (i = 0; i < n_accounts; i++)
			SpinLockAcquire(&accounts[i]->slot->lock);
		for (i = 0; i < n_accounts; i++)
			if (accounts[i]->generation != accounts[i]->slot->generation)
				lost = true;
		for (i = 0; i < n_accounts && !lost && result == CG_SPEND_DONE; i++)
		{
			*which = accounts[i];
			result = look(accounts[i], n, now, first);
			if (accounts[i]->slot->credit < n)
				dry = accounts[i];
		}
		if (!lost && result == CG_SPEND_DONE && dry == NULL)
		{
			for (i = 0; i < n_accounts && want > 0; i++)
				want = Min(want, to_spare(accounts[i], n));
			for (i = 0; i < n_accounts; i++)
			{
				CgBudgetSlot *slot = accounts[i]->slot;

				cg_budget_add(&slot->count, n + want);
				slot->credit -= n + want;
				purse->accounts[i] = *accounts[i];
				purse->hour_cells[i] = slot->count.hour_cell;
				purse->day_cells[i] = slot->count.day_cell;
			}
			purse->n = n_accounts;
			purse->left = want;
			purse->until = (now / CG_HOUR_CELL + 1) * CG_HOUR_CELL;
		}
		for (i = 0; i < n_accounts; i++)
			SpinLockRelease(&accounts[i]->slot->lock);

		if (lost)
		{
			for (i = 0; i < n_accounts; i++)
				accounts[i]->slot = NULL;
			continue;
		}
		if (result != CG_SPEND_DONE || dry == NULL)
			return result;
		if (!raise_mark(dry, n))
		{
			*which = dry;
			*first = tell_once(now);
			return CG_SPEND_UNWRITTEN;
		}
	}
}

static bool
is_closed(const CgAccount *account, int64 now)
{
	int64		at = (int64) pg_atomic_read_u64(&budgets->closed_at);

	if (likely(at == 0))
		return false;
	if (account->key.grant != 0)
		return true;
	return (account->per_hour != CG_NO_LIMIT &&
			now / CG_HOUR_CELL - at / CG_HOUR_CELL < CG_HOUR_CELLS) ||
		(account->per_day != CG_NO_LIMIT &&
		 now / CG_DAY_CELL - at / CG_DAY_CELL < CG_DAY_CELLS);
}

/* With the spinlock.  Has the account so many left? */
static CgSpent
look(const CgAccount *account, uint32 n, int64 now, bool *first)
{
	CgBudgetSlot *slot = account->slot;
	CgBudgetCount *count = &slot->count;

	if (cg_budget_advance(count, now))
		slot->credit = 0;
	if (account->key.grant != 0)
	{
		if (likely(n <= left_of(account->per_hour, count->all)))
			return CG_SPEND_DONE;
		*first = slot->day_told == 0;
		slot->day_told = count->day_cell;
		return CG_SPEND_GRANT;
	}
	if (unlikely(n > left_of(account->per_hour, count->hour)))
	{
		if (slot->hour_told == 0 ||
			count->hour_cell - slot->hour_told >= CG_HOUR_CELLS)
		{
			*first = true;
			slot->hour_told = count->hour_cell;
		}
		return CG_SPEND_HOUR;
	}
	if (unlikely(n > left_of(account->per_day, count->day)))
	{
		if (slot->day_told == 0 ||
			count->day_cell - slot->day_told >= CG_DAY_CELLS)
		{
			*first = true;
			slot->day_told = count->day_cell;
		}
		return CG_SPEND_DAY;
	}
	return CG_SPEND_DONE;
}

static inline uint64
left_of(uint64 limit, uint64 used)
{
	return limit > used ? limit - used : 0;
}

/* The limit that an account comes to first. */
static uint64
limit_of(const CgAccount *account, const CgBudgetCount *count, uint64 *left)
{
	if (account->key.grant != 0)
	{
		*left = left_of(account->per_hour, count->all);
		return account->per_hour;
	}
	*left = Min(left_of(account->per_hour, count->hour),
				left_of(account->per_day, count->day));
	return Min(account->per_hour, account->per_day);
}

/* With the spinlock.  How many may be set aside when n more are spent? */
static uint32
to_spare(const CgAccount *account, uint32 n)
{
	uint64		left;
	uint64		limit = limit_of(account, &account->slot->count, &left);
	uint64		most = Min(limit / PURSE_PART, CG_MAX_PURSE);

	if (left_of(left, n + most) < limit / 2)
		return 0;
	return (uint32) Min(most, account->slot->credit - n);
}

bool
cg_budget_pay(CgPurse *purse, uint32 n)
{
	int			i;

	if (purse->left < n || now_seconds() >= purse->until)
		return false;
	for (i = 0; i < purse->n; i++)
		if (purse->accounts[i].generation !=
			purse->accounts[i].slot->generation)
			return false;
	purse->left -= n;
	return true;
}

void
cg_budget_put_back(CgPurse *purse)
{
	int			i;

	for (i = 0; i < purse->n && purse->left > 0; i++)
	{
		CgBudgetSlot *slot = purse->accounts[i].slot;

		SpinLockAcquire(&slot->lock);
		if (slot->generation == purse->accounts[i].generation)
		{
			cg_budget_take_back(&slot->count, purse->left,
								purse->hour_cells[i], purse->day_cells[i]);
			if (slot->count.hour_cell == purse->hour_cells[i])
				slot->credit += purse->left;
		}
		SpinLockRelease(&slot->lock);
	}
	purse->left = 0;
}

/*
 * Give a slot credit for n values and some more, after the file has it.  Who
 * charges looks again then: others may have used it up.
 */
static bool
raise_mark(const CgAccount *account, uint32 n)
{
	CgBudgetSlot *slot = account->slot;
	CgBudgetEntry entry;
	uint64		credit;
	uint64		more;
	bool		needed;
	bool		written = true;
	int			error = 0;

	memset(&entry, 0, sizeof(entry));
	LWLockAcquire(budgets->file, LW_EXCLUSIVE);
	SpinLockAcquire(&slot->lock);
	needed = account->generation == slot->generation && slot->credit < n;
	entry.key = slot->key;
	entry.count = slot->count;
	credit = slot->credit;
	SpinLockRelease(&slot->lock);

	if (needed)
	{
		uint64		left;
		uint64		limit = limit_of(account, &entry.count, &left);

		more = Min(Max(limit / CREDIT_PART, 1), MAX_CREDIT);
		more = Min(more, left_of(left, credit));
		more = Max(more, n - credit);
		cg_budget_add(&entry.count, credit + more);
		written = cg_budget_file_write((int) (slot - budgets->slots), &entry);
		error = errno;
	}
	if (needed && written)
	{
		SpinLockAcquire(&slot->lock);
		if (account->generation == slot->generation &&
			slot->count.hour_cell == entry.count.hour_cell)
			slot->credit += more;
		SpinLockRelease(&slot->lock);
	}
	LWLockRelease(budgets->file);
	errno = error;
	return written;
}

/* For what is no single slot's fault. */
static bool
tell_once(int64 now)
{
	uint64		told = pg_atomic_read_u64(&budgets->told_at);

	return (uint64) now >= told + TELL_SECONDS &&
		pg_atomic_compare_exchange_u64(&budgets->told_at, &told,
									   (uint64) now);
}

/* ---------- looking and forgetting ---------- */

void
cg_budget_used(const CgBudgetKey *key, CgBudgetCount *count)
{
	CgBudgetSlot *slot;

	memset(count, 0, sizeof(*count));
	LWLockAcquire(budgets->table, LW_SHARED);
	slot = slot_of(key);
	if (slot != NULL)
	{
		SpinLockAcquire(&slot->lock);
		*count = slot->count;
		SpinLockRelease(&slot->lock);
		(void) cg_budget_advance(count, now_seconds());
	}
	LWLockRelease(budgets->table);
}

CgBudgetKey *
cg_budget_keys(int *n)
{
	CgBudgetKey *keys = palloc(mul_size(budgets->n, sizeof(CgBudgetKey)));
	int			i;

	*n = 0;
	LWLockAcquire(budgets->table, LW_SHARED);
	for (i = 0; i < budgets->n; i++)
		if (OidIsValid(budgets->slots[i].key.database))
			keys[(*n)++] = budgets->slots[i].key;
	LWLockRelease(budgets->table);
	return keys;
}

void
cg_budget_drop(const CgBudgetKey *key)
{
	CgBudgetSlot *slot;

	LWLockAcquire(budgets->table, LW_EXCLUSIVE);
	slot = slot_of(key);
	if (slot != NULL)
		release_slot(slot);
	LWLockRelease(budgets->table);
}

bool
cg_budget_forget(Oid database)
{
	CgBudgetEntry none;
	bool		written = true;
	int			error;
	int			i;

	memset(&none, 0, sizeof(none));
	LWLockAcquire(budgets->table, LW_EXCLUSIVE);
	LWLockAcquire(budgets->file, LW_EXCLUSIVE);
	for (i = 0; i < budgets->n && written; i++)
	{
		if (budgets->slots[i].key.database != database)
			continue;
		written = cg_budget_file_write(i, &none);
		if (written)
			release_slot(&budgets->slots[i]);
	}
	written = written && cg_budget_file_open();
	error = errno;
	if (written)
		pg_atomic_write_u64(&budgets->closed_at, 0);
	LWLockRelease(budgets->file);
	LWLockRelease(budgets->table);
	errno = error;
	return written;
}

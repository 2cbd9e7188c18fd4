/*
 * locks.h
 *		What begins has to end, told to clang's -Wthread-safety.
 *
 * Included before each source file by `make analyze`.  Locks, the connection
 * to SPI and the block of PG_TRY are "capabilities" to clang: one that is held
 * on one path to a place and not on another, at a return, or at the end of a
 * function, is warned of.  A path that ends in an error of the server ends
 * there, as the server lets go of all of them.
 */
#ifndef CG_ANALYZE_LOCKS_H
#define CG_ANALYZE_LOCKS_H

#include "postgres.h"

#include "executor/spi.h"
#include "storage/lwlock.h"
#include "storage/spin.h"

#include "acting.h"
#include "budget_slot.h"

#define ACQUIRES(...)	__attribute__((acquire_capability(__VA_ARGS__)))
#define RELEASES(...)	__attribute__((release_capability(__VA_ARGS__)))
#define NOT_ANALYZED	__attribute__((no_thread_safety_analysis))

typedef struct __attribute__((capability("block")))
{
	int			unused;
} AnalyzedBlock;

extern bool LWLockAcquire(LWLock *lock, LWLockMode mode) ACQUIRES(lock);
extern void LWLockRelease(LWLock *lock) RELEASES(lock);

extern void analyzed_spin_acquire(volatile slock_t *lock) ACQUIRES(lock);
extern void analyzed_spin_release(volatile slock_t *lock) RELEASES(lock);
#undef SpinLockAcquire
#undef SpinLockRelease
#define SpinLockAcquire(lock)	analyzed_spin_acquire(lock)
#define SpinLockRelease(lock)	analyzed_spin_release(lock)

extern AnalyzedBlock spi_connection;
extern int	SPI_connect(void) ACQUIRES(spi_connection);
extern int	SPI_connect_ext(int options) ACQUIRES(spi_connection);
extern int	SPI_finish(void) RELEASES(spi_connection);

/* These connect; an act may be inside another. */
extern void cg_act_begin(CgActing *acting, Oid as) ACQUIRES(acting) NOT_ANALYZED;
extern void cg_act_end(const CgActing *acting) RELEASES(acting) NOT_ANALYZED;

/* It holds the locks of all of its accounts at once, in two loops. */
extern CgSpent cg_budget_charge(CgAccount **accounts, int n_accounts,
								uint32 n, uint32 want, CgPurse *purse,
								CgAccount **which, bool *first) NOT_ANALYZED;

extern bool analyzed_enter(AnalyzedBlock *block) ACQUIRES(block);
extern void analyzed_leave(AnalyzedBlock *block) RELEASES(block);
#undef PG_TRY
#undef PG_CATCH
#undef PG_FINALLY
#undef PG_END_TRY
#define PG_TRY() \
	do { \
		AnalyzedBlock analyzed_block; \
		if (analyzed_enter(&analyzed_block)) {
#define PG_CATCH()	} else {
#define PG_FINALLY()	} {
#define PG_END_TRY() \
		} \
		analyzed_leave(&analyzed_block); \
	} while (0)

#endif							/* CG_ANALYZE_LOCKS_H */

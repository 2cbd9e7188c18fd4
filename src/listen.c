/*
 * listen.c
 *		News of what other sessions committed, heard within a statement.
 *
 * PostgreSQL listens for invalidations when it takes a lock, that is, as a
 * statement begins.  Who gives plaintext must hear of a lockdown before each
 * value, and asking the queue of invalidations each time would cost a tenth of
 * a scan.  So shared memory counts the transactions that were committed, and
 * the queue is asked only when there is another one.  It is every transaction,
 * rather than those that changed a table of ours: who commits what another
 * session prepared does not know what that changed.
 *
 * The counter grows when the invalidations of the transaction are in the
 * queue, and before its client is told that it is committed.  The startup
 * process of a standby, which puts them there as it replays a commit, runs
 * nothing of ours; so in recovery the queue is asked each time, as it is when
 * the library was not preloaded.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/inval.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "compat.h"

#include "cipguard.h"
#include "listen.h"

static void request_memory(void);
static void attach_memory(void);
static void owner_released(ResourceReleasePhase phase, bool isCommit,
						   bool isTopLevel, void *arg);

pg_atomic_uint64 *cg_commits = NULL;
uint64		cg_commits_heard = 0;

static shmem_request_hook_type prev_request = NULL;
static shmem_startup_hook_type prev_startup = NULL;

void
cg_listen_init(void)
{
	if (!cg_preloaded)
		return;
	prev_request = shmem_request_hook;
	shmem_request_hook = request_memory;
	prev_startup = shmem_startup_hook;
	shmem_startup_hook = attach_memory;
	RegisterResourceReleaseCallback(owner_released, NULL);
}

static void
request_memory(void)
{
	if (prev_request)
		prev_request();
	RequestAddinShmemSpace(PG_CACHE_LINE_SIZE);
}

/* A line of the cache for itself: writers of other data shall not take it. */
static void
attach_memory(void)
{
	bool		found;

	if (prev_startup)
		prev_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	cg_commits = ShmemInitStruct("cipguard commits", PG_CACHE_LINE_SIZE,
								 &found);
	if (!found)
		pg_atomic_init_u64(cg_commits, 1);
	LWLockRelease(AddinShmemInitLock);
}

/*
 * Locks are released after invalidations are sent; what is called at the
 * commit itself is called before.
 */
static void
owner_released(ResourceReleasePhase phase, bool isCommit, bool isTopLevel,
			   void *arg)
{
	if (phase == RESOURCE_RELEASE_LOCKS && isCommit && isTopLevel &&
		cg_commits != NULL)
		(void) pg_atomic_fetch_add_u64(cg_commits, 1);
}

/* Grants cannot be looked up in the historic snapshot of logical decoding. */
void
cg_listen_now(void)
{
	uint64		commits = cg_commits_heard;

	if (HistoricSnapshotActive())
		return;
	if (cg_commits != NULL && !RecoveryInProgress())
	{
		commits = pg_atomic_read_u64(cg_commits);
		pg_read_barrier();
	}
	AcceptInvalidationMessages();
	cg_commits_heard = commits;
}

/*
 * worker.c
 *		Background workers that keep the audit log up to date: who runs where.
 *
 * A launcher is started with the server.  It reads the list of databases and
 * starts a worker in each that has, or could have, the extension; the worker
 * (worker_cycle.c) tells in shared memory that there is none, and ends.  Such
 * a database is looked at again after RECHECK_SECONDS, or at once when
 * CREATE EXTENSION commits there.
 *
 * A worker is connected to its database, which must not stop anybody from
 * dropping, moving or copying that: whoever does so holds the worker first
 * (hold()), which ends it and keeps it from being started again for a while.
 *
 * When there are more databases than free background workers, those that run
 * end after a cycle, so that each gets its turn.
 *
 * The slots are protected by a lightweight lock.  The launcher alone makes and
 * frees slots, except that a session that creates the extension makes one.
 */
#include "postgres.h"

#include <signal.h>

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "cipguard.h"
#include "guc.h"
#include "worker.h"

#define TRANCHE				"cipguard_worker"
#define RECHECK_SECONDS		60	/* databases without the extension */
#define RESTART_SECONDS		10	/* of the launcher */
#define HOLD_SECONDS		30
#define LEAVE_MILLIS		5000	/* that is waited for a worker to end */

typedef struct CgWorkers
{
	LWLock	   *lock;
	Latch	   *launcher;		/* NULL while there is none */
	bool		crowded;		/* some database waits for its turn */
	CgWorkerSlot slot[CG_WORKER_SLOTS];
} CgWorkers;

/* What the launcher remembers of a database. */
typedef struct CgKnown
{
	Oid			database;		/* key */
	bool		listed;			/* in pg_database, and fit for a worker */
	TimestampTz absent;			/* when no extension was seen there, or 0 */
	TimestampTz started;		/* last attempt */
	BackgroundWorkerHandle *handle;
} CgKnown;

PGDLLEXPORT void cipguard_launcher_main(Datum arg);

static void request_shmem(void);
static void start_shmem(void);
static void leave_launcher(int code, Datum arg);
static void leave_worker(int code, Datum arg);
static void list_databases(HTAB *known);
static void look_after(HTAB *known);
static bool is_due(CgKnown *db);
static bool start_worker(CgKnown *db);
static CgWorkerSlot *find_slot(Oid database, bool create);
static bool is_held(const CgWorkerSlot *slot, TimestampTz now);
static void hold(Oid database);
static void release(Oid database);
static void want_worker(void);
static Oid	database_to_free(Node *stmt);
static bool names_extension(const DropStmt *stmt);
static void worker_utility(PlannedStmt *pstmt, const char *query_string,
						   bool read_only_tree, ProcessUtilityContext context,
						   ParamListInfo params, QueryEnvironment *env,
						   DestReceiver *dest, QueryCompletion *qc);
static void xact_ended(XactEvent event, void *arg);

static CgWorkers *workers = NULL;
static CgWorkerSlot *mine = NULL;	/* of this worker */
static bool extension_made = false; /* in this transaction */

static shmem_request_hook_type prev_request = NULL;
static shmem_startup_hook_type prev_startup = NULL;
static ProcessUtility_hook_type prev_utility = NULL;

void
cg_worker_init(void)
{
	BackgroundWorker worker;

	if (!cg_preloaded || IsBinaryUpgrade)
		return;
	prev_request = shmem_request_hook;
	shmem_request_hook = request_shmem;
	prev_startup = shmem_startup_hook;
	shmem_startup_hook = start_shmem;
	prev_utility = ProcessUtility_hook;
	ProcessUtility_hook = worker_utility;
	RegisterXactCallback(xact_ended, NULL);

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = RESTART_SECONDS;
	strlcpy(worker.bgw_library_name, CG_SCHEMA, BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "cipguard_launcher_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, "cipguard launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "cipguard launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

static void
request_shmem(void)
{
	if (prev_request)
		prev_request();
	RequestAddinShmemSpace(MAXALIGN(sizeof(CgWorkers)));
	RequestNamedLWLockTranche(TRANCHE, 1);
}

static void
start_shmem(void)
{
	bool		found;

	if (prev_startup)
		prev_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	workers = ShmemInitStruct("cipguard workers", sizeof(CgWorkers), &found);
	if (!found)
	{
		memset(workers, 0, sizeof(CgWorkers));
		workers->lock = &GetNamedLWLockTranche(TRANCHE)->lock;
	}
	LWLockRelease(AddinShmemInitLock);
}

/* ---------- slots ---------- */

/* With the lock held; NULL if there is none, or none is free. */
static CgWorkerSlot *
find_slot(Oid database, bool create)
{
	CgWorkerSlot *unused = NULL;
	int			i;

	for (i = 0; i < CG_WORKER_SLOTS; i++)
	{
		CgWorkerSlot *slot = &workers->slot[i];

		if (slot->database == database)
			return slot;
		if (unused == NULL && !OidIsValid(slot->database))
			unused = slot;
	}
	if (!create || unused == NULL)
		return NULL;
	memset(unused, 0, sizeof(CgWorkerSlot));
	unused->database = database;
	return unused;
}

static bool
is_held(const CgWorkerSlot *slot, TimestampTz now)
{
	return slot->held_until > now;
}

int
cg_worker_slots(CgWorkerSlot *slots)
{
	int			n = 0;
	int			i;

	if (workers == NULL)
		return 0;
	LWLockAcquire(workers->lock, LW_SHARED);
	for (i = 0; i < CG_WORKER_SLOTS; i++)
		if (OidIsValid(workers->slot[i].database) &&
			workers->slot[i].state != CG_WORKER_ABSENT)
			slots[n++] = workers->slot[i];
	LWLockRelease(workers->lock);
	return n;
}

bool
cg_worker_enter(Oid database)
{
	CgWorkerSlot *slot;

	if (workers == NULL)
		return false;
	LWLockAcquire(workers->lock, LW_EXCLUSIVE);
	slot = find_slot(database, false);
	if (slot != NULL && slot->pid == 0 &&
		!is_held(slot, GetCurrentTimestamp()))
	{
		mine = slot;
		slot->pid = MyProcPid;
		slot->state = CG_WORKER_RUNNING;
	}
	LWLockRelease(workers->lock);
	if (mine != NULL)
		on_shmem_exit(leave_worker, (Datum) 0);
	return mine != NULL;
}

static void
leave_worker(int code, Datum arg)
{
	LWLockAcquire(workers->lock, LW_EXCLUSIVE);
	mine->pid = 0;
	if (mine->state == CG_WORKER_RUNNING)
		mine->state = CG_WORKER_IDLE;
	LWLockRelease(workers->lock);
	mine = NULL;
}

bool
cg_worker_continues(void)
{
	bool		result;

	LWLockAcquire(workers->lock, LW_SHARED);
	result = !workers->crowded && !is_held(mine, GetCurrentTimestamp());
	LWLockRelease(workers->lock);
	return result;
}

void
cg_worker_absent(void)
{
	LWLockAcquire(workers->lock, LW_EXCLUSIVE);
	mine->state = CG_WORKER_ABSENT;
	LWLockRelease(workers->lock);
}

void
cg_worker_report(int64 events, int64 pending, int error_code,
				 const char *error)
{
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(workers->lock, LW_EXCLUSIVE);
	mine->cycles++;
	mine->cycle = now;
	mine->events += events;
	mine->pending = pending;
	if (events > 0)
		mine->took_in = now;
	mine->failed = error == NULL ? 0 : now;
	mine->error_code = error_code;
	strlcpy(mine->error, error == NULL ? "" : error, CG_WORKER_ERROR_LEN);
	LWLockRelease(workers->lock);
}

/* ---------- the launcher ---------- */

/*
 * The launcher, a background worker without a database: starts a worker for
 * each database that wants one, until it is terminated.
 */
void
cipguard_launcher_main(Datum arg)
{
	HASHCTL		ctl;
	HTAB	   *known;
	MemoryContext context;
	int			i;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(InvalidOid, InvalidOid, 0);

	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(CgKnown);
	known = hash_create("cipguard databases", 64, &ctl, HASH_ELEM | HASH_BLOBS);

	/* Of what a launcher before this one has started nothing is known. */
	LWLockAcquire(workers->lock, LW_EXCLUSIVE);
	workers->launcher = MyLatch;
	for (i = 0; i < CG_WORKER_SLOTS; i++)
		if (workers->slot[i].state == CG_WORKER_STARTING)
			workers->slot[i].state = CG_WORKER_WANTED;
	LWLockRelease(workers->lock);
	on_shmem_exit(leave_launcher, (Datum) 0);

	context = AllocSetContextCreate(TopMemoryContext, "cipguard launcher",
									ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		int			seconds = RECHECK_SECONDS;

		/* Not 0: it shall be started again when somebody terminates it. */
		if (ProcDiePending)
			proc_exit(1);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		if (cg_worker_interval > 0)
		{
			list_databases(known);
			MemoryContextSwitchTo(context);
			look_after(known);
			MemoryContextReset(context);
			seconds = Min(cg_worker_interval, RECHECK_SECONDS);
		}
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 seconds * 1000L, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

static void
leave_launcher(int code, Datum arg)
{
	LWLockAcquire(workers->lock, LW_EXCLUSIVE);
	workers->launcher = NULL;
	LWLockRelease(workers->lock);
}

/* Which databases are there?  Slots of others are free then. */
static void
list_databases(HTAB *known)
{
	TimestampTz now = GetCurrentTimestamp();
	HASH_SEQ_STATUS seq;
	CgKnown    *db;
	int			i;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	hash_seq_init(&seq, known);
	while ((db = hash_seq_search(&seq)) != NULL)
		db->listed = false;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);
		bool		found;

		/* A negative limit other than -1: being dropped. */
		if (form->datistemplate || !form->datallowconn ||
			form->datconnlimit < -1)
			continue;
		db = hash_search(known, &form->oid, HASH_ENTER, &found);
		if (!found)
		{
			db->absent = db->started = 0;
			db->handle = NULL;
		}
		db->listed = true;
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();

	LWLockAcquire(workers->lock, LW_EXCLUSIVE);
	for (i = 0; i < CG_WORKER_SLOTS; i++)
	{
		CgWorkerSlot *slot = &workers->slot[i];

		if (!OidIsValid(slot->database))
			continue;
		db = hash_search(known, &slot->database, HASH_FIND, NULL);
		if ((db == NULL || !db->listed) && slot->pid == 0 &&
			slot->state != CG_WORKER_STARTING && !is_held(slot, now))
			slot->database = InvalidOid;
	}
	LWLockRelease(workers->lock);
}

static int
compare_started(const ListCell *a, const ListCell *b)
{
	const CgKnown *x = lfirst(a);
	const CgKnown *y = lfirst(b);

	return x->started < y->started ? -1 : x->started > y->started;
}

/* Start the workers that are due, those first that have waited longest. */
static void
look_after(HTAB *known)
{
	HASH_SEQ_STATUS seq;
	CgKnown    *db;
	List	   *due = NIL;
	ListCell   *lc;
	bool		crowded = false;

	hash_seq_init(&seq, known);
	while ((db = hash_seq_search(&seq)) != NULL)
	{
		pid_t		pid;

		/* One that could not start, or is over. */
		if (db->handle != NULL &&
			GetBackgroundWorkerPid(db->handle, &pid) == BGWH_STOPPED)
		{
			pfree(db->handle);
			db->handle = NULL;
		}
		if (db->handle == NULL && is_due(db))
			due = lappend(due, db);
		else if (db->handle == NULL && !db->listed)
			(void) hash_search(known, &db->database, HASH_REMOVE, NULL);
	}

	list_sort(due, compare_started);
	foreach(lc, due)
	{
		db = lfirst(lc);
		if (start_worker(db))
			db->started = GetCurrentTimestamp();
		else
		{
			crowded = true;
			break;
		}
	}
	LWLockAcquire(workers->lock, LW_EXCLUSIVE);
	workers->crowded = crowded;
	LWLockRelease(workers->lock);
}

/* Is it time to start the worker of a database whose last one is over? */
static bool
is_due(CgKnown *db)
{
	TimestampTz now = GetCurrentTimestamp();
	CgWorkerSlot *slot;
	bool		due;

	LWLockAcquire(workers->lock, LW_EXCLUSIVE);
	slot = find_slot(db->database, false);
	if (slot != NULL && slot->pid == 0)
	{
		if (slot->state == CG_WORKER_STARTING)
			slot->state = CG_WORKER_IDLE;
		if (slot->state == CG_WORKER_ABSENT)
		{
			db->absent = now;
			slot->database = InvalidOid;
			slot = NULL;
		}
	}
	if (!db->listed)
		due = false;
	else if (slot == NULL)
		due = db->absent == 0 ||
			TimestampDifferenceExceeds(db->absent, now,
									   RECHECK_SECONDS * 1000);
	else if (slot->pid != 0 || is_held(slot, now))
		due = false;
	else
		due = slot->state == CG_WORKER_WANTED ||
			TimestampDifferenceExceeds(db->started, now,
									   cg_worker_interval * 1000 - 100);
	LWLockRelease(workers->lock);
	return due;
}

static bool
start_worker(CgKnown *db)
{
	static bool told = false;
	BackgroundWorker worker;
	MemoryContext context;
	CgWorkerSlot *slot;
	bool		started;

	LWLockAcquire(workers->lock, LW_EXCLUSIVE);
	slot = find_slot(db->database, true);
	if (slot != NULL)
	{
		slot->state = CG_WORKER_STARTING;
		slot->started = GetCurrentTimestamp();
	}
	LWLockRelease(workers->lock);
	if (slot == NULL)
		return false;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, CG_SCHEMA, BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "cipguard_worker_main", BGW_MAXLEN);
	snprintf(worker.bgw_name, BGW_MAXLEN, "cipguard worker of database %u",
			 db->database);
	strlcpy(worker.bgw_type, "cipguard worker", BGW_MAXLEN);
	worker.bgw_main_arg = ObjectIdGetDatum(db->database);
	worker.bgw_notify_pid = MyProcPid;

	context = MemoryContextSwitchTo(TopMemoryContext);
	started = RegisterDynamicBackgroundWorker(&worker, &db->handle);
	MemoryContextSwitchTo(context);
	if (!started && !told)
		ereport(LOG,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("there is no background worker free for the audit log of a database"),
				 errdetail("Databases take turns."),
				 errhint("Raise max_worker_processes by one for each database with the extension, and by one for the launcher.")));
	told = !started;
	if (!started)
	{
		LWLockAcquire(workers->lock, LW_EXCLUSIVE);
		slot->state = CG_WORKER_IDLE;
		LWLockRelease(workers->lock);
	}
	return started;
}

/* ---------- sessions ---------- */

/* Have a worker started in this database now. */
static void
want_worker(void)
{
	CgWorkerSlot *slot;

	if (workers == NULL)
		return;
	LWLockAcquire(workers->lock, LW_EXCLUSIVE);
	slot = find_slot(MyDatabaseId, true);
	if (slot != NULL)
	{
		slot->held_until = 0;
		if (slot->pid == 0)
			slot->state = CG_WORKER_WANTED;
	}
	if (workers->launcher != NULL)
		SetLatch(workers->launcher);
	LWLockRelease(workers->lock);
}

/* End the worker of a database, and let none run there for a while. */
static void
hold(Oid database)
{
	CgWorkerSlot *slot;
	int			pid = 0;
	int			waited;

	if (workers == NULL)
		return;
	LWLockAcquire(workers->lock, LW_EXCLUSIVE);
	slot = find_slot(database, true);
	if (slot != NULL)
	{
		slot->held_until = GetCurrentTimestamp() +
			HOLD_SECONDS * USECS_PER_SEC;
		pid = slot->pid;
		if (pid != 0)
			(void) kill(pid, SIGTERM);
	}
	LWLockRelease(workers->lock);

	/* If it does not end, the statement says that the database is in use. */
	for (waited = 0; pid != 0 && waited < LEAVE_MILLIS &&
		 BackendPidGetProc(pid) != NULL; waited += 10)
	{
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 10, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
release(Oid database)
{
	CgWorkerSlot *slot;

	if (workers == NULL)
		return;
	LWLockAcquire(workers->lock, LW_EXCLUSIVE);
	slot = find_slot(database, false);
	if (slot != NULL)
		slot->held_until = 0;
	LWLockRelease(workers->lock);
}

/* The database in which a statement, if it is permitted, wants nobody. */
static Oid
database_to_free(Node *stmt)
{
	const char *name = NULL;
	HeapTuple	tuple;
	Oid			database;
	bool		template = false;
	ListCell   *lc;

	switch (nodeTag(stmt))
	{
		case T_DropdbStmt:
			name = ((DropdbStmt *) stmt)->dbname;
			break;
		case T_RenameStmt:
			if (((RenameStmt *) stmt)->renameType == OBJECT_DATABASE)
				name = ((RenameStmt *) stmt)->subname;
			break;
		case T_AlterDatabaseStmt:
			foreach(lc, ((AlterDatabaseStmt *) stmt)->options)
				if (strcmp(((DefElem *) lfirst(lc))->defname, "tablespace") == 0)
				name = ((AlterDatabaseStmt *) stmt)->dbname;
			break;
		case T_CreatedbStmt:
			foreach(lc, ((CreatedbStmt *) stmt)->options)
			{
				DefElem    *def = lfirst(lc);

				if (strcmp(def->defname, "template") == 0 && def->arg != NULL)
					name = defGetString(def);
			}
			template = true;
			break;
		case T_DropStmt:
			if (names_extension((DropStmt *) stmt))
				return MyDatabaseId;
			break;
		default:
			break;
	}
	if (name == NULL)
		return InvalidOid;
	database = get_database_oid(name, true);
	if (!OidIsValid(database) || cg_owns_database(database, GetUserId()))
		return database;

	/* Whoever may create databases may copy what is a template. */
	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));
	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	template = template &&
		((Form_pg_database) GETSTRUCT(tuple))->datistemplate;
	ReleaseSysCache(tuple);
	return template ? database : InvalidOid;
}

static bool
names_extension(const DropStmt *stmt)
{
	ListCell   *lc;

	if (stmt->removeType != OBJECT_EXTENSION || !superuser())
		return false;
	foreach(lc, stmt->objects)
		if (strcmp(strVal(lfirst(lc)), CG_SCHEMA) == 0)
		return true;
	return false;
}

static void
worker_utility(PlannedStmt *pstmt, const char *query_string,
			   bool read_only_tree, ProcessUtilityContext context,
			   ParamListInfo params, QueryEnvironment *env,
			   DestReceiver *dest, QueryCompletion *qc)
{
	ProcessUtility_hook_type next = prev_utility ? prev_utility :
	standard_ProcessUtility;
	Node	   *stmt = pstmt->utilityStmt;
	Oid			held = InvalidOid;

	if (IsA(stmt, CreateExtensionStmt) &&
		strcmp(((CreateExtensionStmt *) stmt)->extname, CG_SCHEMA) == 0)
		extension_made = true;
	if (IsTransactionState())
		held = database_to_free(stmt);
	if (!OidIsValid(held))
	{
		next(pstmt, query_string, read_only_tree, context, params, env, dest,
			 qc);
		return;
	}

	hold(held);
	PG_TRY();
	{
		next(pstmt, query_string, read_only_tree, context, params, env, dest,
			 qc);
	}
	PG_FINALLY();
	{
		/* The extension is there until the transaction commits. */
		if (held != MyDatabaseId)
			release(held);
	}
	PG_END_TRY();
}

static void
xact_ended(XactEvent event, void *arg)
{
	if (extension_made && event == XACT_EVENT_COMMIT)
		want_worker();
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		extension_made = false;
}

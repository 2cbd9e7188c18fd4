/*
 * worker_cycle.c
 *		The worker of a database: what it does, again and again.
 *
 * Each cycle takes in what the spool holds, seals the log and anchors it, each
 * step in transactions of its own; in the time that is left it encrypts tables
 * anew, if that was asked for, a batch at a time.  On a standby it forwards the spool to the
 * primary instead.  A step that fails is told once in the server log and shown
 * in cipguard.worker_status until a cycle succeeds; the worker goes on.
 *
 * It runs as the bootstrap superuser, with settings of its own: those that
 * ALTER DATABASE or ALTER ROLE gives to sessions do not reach it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "compat.h"

#include "catalog.h"
#include "cipguard.h"
#include "forward.h"
#include "guc.h"
#include "ingest.h"
#include "reencrypt.h"
#include "worker.h"

#define DAY		(24 * 3600 * USECS_PER_SEC)

/* Between batches that encrypt anew, in milliseconds. */
#define MIN_REST	5
#define MAX_REST	1000

typedef enum CgStep
{
	FORWARD,
	INGEST,
	PENDING,
	SEAL,
	ANCHOR,
	INDEX_MONTHS,
	REENCRYPT,
	REENCRYPT_FAILED
} CgStep;

static const struct
{
	const char *what;
	const char *sql;			/* returns an integer */
}			steps[] = {
	[FORWARD] = {"forward the journal", NULL},
	[INGEST] = {"take in the journal", "SELECT cipguard.ingest()"},
	[PENDING] = {"look at the journal", NULL},
	[SEAL] = {"seal the log", "SELECT cipguard.seal()"},
	[ANCHOR] = {"anchor the log", "SELECT cipguard.anchor(false)"},
	[INDEX_MONTHS] = {"index the log", "SELECT cipguard.index_closed_months()"},
	[REENCRYPT] = {"encrypt a table anew", NULL},
	[REENCRYPT_FAILED] = {"note that", NULL}
};

/* What the steps of a cycle have met. */
typedef struct CgCycle
{
	int64		events;
	int64		pending;		/* bytes of the spool */
	int			error_code;
	char		error[CG_WORKER_ERROR_LEN]; /* of the first that failed */
	char		last_error[CG_WORKER_ERROR_LEN];
} CgCycle;

PGDLLEXPORT void cipguard_worker_main(Datum arg);

static void pin_settings(void);
static bool extension_is_here(void);
static void cycle(CgCycle *result);
static void reencrypt(TimestampTz began, CgCycle *result);
static bool call(CgStep step, int64 *value, CgCycle *result);
static int64 query(const char *sql);
static void note_error(const char *what, CgCycle *result);
static void tell(const char *what, const ErrorData *error);

static MemoryContext cycle_context = NULL;
static char database_name[NAMEDATALEN];

/*
 * The worker of a database, whose OID arg is: runs a cycle after each
 * interval, until it is terminated or not wanted any more.
 */
void
cipguard_worker_main(Datum arg)
{
	Oid			database = DatumGetObjectId(arg);
	TimestampTz began = 0;		/* of the last cycle */

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	if (!cg_worker_enter(database))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	pin_settings();
	cycle_context = AllocSetContextCreate(TopMemoryContext,
										  "cipguard worker",
										  ALLOCSET_DEFAULT_SIZES);

	for (;;)
	{
		CgCycle		result;
		long		wait;

		/* A worker that shall end does so without an entry in the log. */
		if (ProcDiePending)
			proc_exit(0);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		if (cg_worker_interval == 0)
			break;
		wait = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
											   began + cg_worker_interval *
											   USECS_PER_SEC);
		if (began != 0 && wait > 0)
		{
			(void) WaitLatch(MyLatch,
							 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
							 wait, PG_WAIT_EXTENSION);
			ResetLatch(MyLatch);
			continue;
		}
		began = GetCurrentTimestamp();
		if (!extension_is_here())
		{
			cg_worker_absent();
			break;
		}

		memset(&result, 0, sizeof(result));
		cycle(&result);
		reencrypt(began, &result);
		if (!extension_is_here())	/* which explains any error */
		{
			cg_worker_absent();
			break;
		}
		cg_worker_report(result.events, result.pending, result.error_code,
						 result.error[0] == '\0' ? NULL : result.error);
		MemoryContextReset(cycle_context);
		pgstat_report_stat(true);
		pgstat_report_activity(STATE_IDLE, NULL);
		if (!cg_worker_continues())
			break;
	}
	proc_exit(0);
}

static void
pin_settings(void)
{
	static const char *const settings[][2] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"session_replication_role", "origin"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
		{"default_tablespace", ""},
		{"default_table_access_method", "heap"},
		{"statement_timeout", "0"},
		{"lock_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"zero_damaged_pages", "off"},
		{"synchronous_commit", "local"},
		{"jit", "off"},
		{CG_SCHEMA ".app_user", ""},
		{CG_SCHEMA ".purpose", ""}
	};
	int			i;

	for (i = 0; i < (int) lengthof(settings); i++)
		SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET,
						PGC_S_OVERRIDE);
}

static bool
extension_is_here(void)
{
	MemoryContext old = CurrentMemoryContext;
	bool		result;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	result = OidIsValid(cg_schema_oid());
	if (database_name[0] == '\0')
		strlcpy(database_name, get_database_name(MyDatabaseId), NAMEDATALEN);
	CommitTransactionCommand();
	MemoryContextSwitchTo(old);
	return result;
}

static void
cycle(CgCycle *result)
{
	static TimestampTz closed = 0;
	int64		n;

	if (RecoveryInProgress())
	{
		(void) call(FORWARD, &result->events, result);
		(void) call(PENDING, &result->pending, result);
		return;
	}
	do
	{
		n = 0;
		if (!call(INGEST, &n, result))
			break;
		result->events += n;
	} while (cg_ingest_behind && !ProcDiePending);
	(void) call(PENDING, &result->pending, result);
	(void) call(SEAL, &n, result);
	(void) call(ANCHOR, &n, result);
	if (GetCurrentTimestamp() - closed >= DAY &&
		call(INDEX_MONTHS, &n, result))
		closed = GetCurrentTimestamp();
}

/*
 * Batches of jobs that encrypt tables anew, until the next cycle is due.  After
 * each it rests for as long as that took.
 */
static void
reencrypt(TimestampTz began, CgCycle *result)
{
	TimestampTz until = began + cg_worker_interval * USECS_PER_SEC;

	if (RecoveryInProgress())
		return;
	while (!ProcDiePending && !ConfigReloadPending)
	{
		TimestampTz start = GetCurrentTimestamp();
		int64		wait = -1;
		long		rest;

		if (!call(REENCRYPT, &wait, result))
			(void) call(REENCRYPT_FAILED, &wait, result);
		if (wait < 0)
			break;
		rest = TimestampDifferenceMilliseconds(start, GetCurrentTimestamp());
		rest = Max(Min(rest, MAX_REST), Max(wait, MIN_REST));
		if (GetCurrentTimestamp() + rest * 1000 >= until)
			break;
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 rest, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

/* Take a step in a transaction of its own; false if it fails. */
static bool
call(CgStep step, int64 *value, CgCycle *result)
{
	volatile bool good = false;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	PG_TRY();
	{
		if (step == FORWARD)
			*value = cg_forward();
		else if (step == PENDING)
			*value = cg_ingest_pending();
		else if (step == REENCRYPT)
			*value = cg_reencrypt_work();
		else if (step == REENCRYPT_FAILED)
			*value = cg_reencrypt_failed(result->last_error);
		else
			*value = query(steps[step].sql);
		good = true;
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		good = false;
		note_error(steps[step].what, result);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cycle_context);
	return good;
}

/* The integer that a query returns, 0 if it is none. */
static int64
query(const char *sql)
{
	bool		isnull = true;
	Datum		d = (Datum) 0;

	pgstat_report_activity(STATE_RUNNING, sql);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute(sql, false, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not execute \"%s\"", sql);
	if (SPI_gettypeid(SPI_tuptable->tupdesc, 1) == INT8OID)
		d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						  &isnull);
	SPI_finish();
	return isnull ? 0 : DatumGetInt64(d);
}

/* In PG_CATCH: clean up, and keep the error for the status. */
static void
note_error(const char *what, CgCycle *result)
{
	ErrorData  *error;

	HOLD_INTERRUPTS();
	MemoryContextSwitchTo(cycle_context);
	error = CopyErrorData();
	AbortCurrentTransaction();
	FlushErrorState();
	RESUME_INTERRUPTS();
	MemoryContextSwitchTo(cycle_context);
	strlcpy(result->last_error, error->message, CG_WORKER_ERROR_LEN);
	if (result->error[0] == '\0')
	{
		result->error_code = error->sqlerrcode;
		snprintf(result->error, CG_WORKER_ERROR_LEN, "%s: %s", what,
				 error->message);
	}
	tell(what, error);
}

/* The same error is told once. */
static void
tell(const char *what, const ErrorData *error)
{
	static char told[CG_WORKER_ERROR_LEN];
	char		text[CG_WORKER_ERROR_LEN];

	snprintf(text, sizeof(text), "%s: %s", what, error->message);
	if (strcmp(text, told) == 0)
		return;
	strlcpy(told, text, sizeof(told));
	ereport(LOG,
			(errcode(error->sqlerrcode),
			 errmsg("the audit worker of database \"%s\" could not %s: %s",
					database_name, what, error->message),
			 error->detail == NULL ? 0 :
			 errdetail_internal("%s", error->detail),
			 error->hint == NULL ? 0 : errhint("%s", error->hint)));
}

/* worker_status_rows() RETURNS SETOF record */
PG_FUNCTION_INFO_V1(cipguard_worker_status);
Datum
cipguard_worker_status(PG_FUNCTION_ARGS)
{
	static const char *const states[] = {
		"idle", "starting", "starting", "running", "absent"
	};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CgWorkerSlot *slots = palloc(sizeof(CgWorkerSlot) * CG_WORKER_SLOTS);
	int			n = cg_worker_slots(slots);
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	for (i = 0; i < n; i++)
	{
		const CgWorkerSlot *slot = &slots[i];
		char	   *name = get_database_name(slot->database);
		Datum		values[12];
		bool		nulls[12];

		if (name == NULL)
			continue;
		memset(nulls, 0, sizeof(nulls));
		values[0] = CStringGetTextDatum(name);
		values[1] = CStringGetTextDatum(states[slot->state]);
		values[2] = Int32GetDatum(slot->pid);
		nulls[2] = slot->pid == 0;
		values[3] = CStringGetTextDatum(RecoveryInProgress() ? "standby" :
										"primary");
		values[4] = Int64GetDatum(slot->cycles);
		values[5] = TimestampTzGetDatum(slot->cycle);
		nulls[5] = slot->cycle == 0;
		values[6] = TimestampTzGetDatum(slot->took_in);
		nulls[6] = slot->took_in == 0;
		values[7] = Int64GetDatum(slot->events);
		values[8] = Int64GetDatum(slot->pending);
		nulls[9] = nulls[10] = nulls[11] = slot->failed == 0;
		values[9] = TimestampTzGetDatum(slot->failed);
		values[10] = CStringGetTextDatum(unpack_sql_state(slot->error_code));
		values[11] = CStringGetTextDatum(slot->error);
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
	return (Datum) 0;
}

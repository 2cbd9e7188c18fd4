/*
 * reencrypt_job.c
 *		Jobs that encrypt tables anew, batch by batch.
 *
 * A job is a row of cipguard.reencrypt_job.  Each batch is a transaction that
 * renews rows and notes in that row how far it came, so a crash loses one
 * batch.  Whoever takes a batch locks the row; another worker or session
 * passes on.
 *
 * A job makes passes over all tables of an inheritance tree.  An update can
 * carry an old value from ahead of the scan to behind it, and a row can be
 * locked by others: so after each pass the values that are left are counted
 * in one snapshot, and only when there are none, and no transaction from
 * before the job is left that could still write under an old key, the job is
 * done.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/pg_inherits.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"

#include "access.h"
#include "acting.h"
#include "audit_store.h"
#include "cipguard.h"
#include "event.h"
#include "reencrypt.h"

#define NAP			100			/* milliseconds until others may be done */
#define PATIENCE	20			/* for locked rows, in milliseconds */
#define LATE_PATIENCE	1000	/* when few values are left */
#define FEW				1000
#define MAX_FAILURES	5		/* one after the other */

/* What a batch of a job left to do. */
typedef enum CgOutcome
{
	NOTHING,					/* the job is done, or not there */
	MORE,						/* another batch */
	WAIT						/* something that others must do first */
} CgOutcome;

typedef struct CgJob
{
	Oid			relation;
	char	   *name;
	char	   *role;			/* who asked for it */
	int			batch;
	bool		background;
	Oid			leaf;			/* that it is at, InvalidOid: none yet */
	BlockNumber next;
	BlockNumber end;
	int64		done;			/* blocks of this pass */
	int64		total;
	int64		rows;			/* all passes */
	int64		values;
	int64		skipped;		/* this pass */
	int64		moved;			/* rows of this pass */
	int64		left;			/* values, when the last pass had ended */
	int			pass;
	TransactionId begun;		/* every later transaction knows the key */
	CgOutcome	outcome;
	const char *state;
} CgJob;

static void check_target(Oid relid, bool background);
static void require_rights(Oid relid);
static bool load(Oid relation, bool background, CgJob *job);
static void store(const CgJob *job);
static List *leaves(Oid relation);
static CgOutcome take_batch(CgJob *job);
static bool begin_leaf(CgJob *job);
static bool finish_pass(CgJob *job);
static void finish(CgJob *job);

static Oid	working = InvalidOid;	/* of the worker's last batch */

/* ---------- asking for it ---------- */

static void
require_rights(Oid relid)
{
	Oid			officer = get_role_oid(CG_ROLE_OFFICER, true);

	if (cg_owns_relation(relid, GetUserId()) ||
		(OidIsValid(officer) && cg_has_privs_of(GetUserId(), officer)))
		return;
	cg_event_refused("encrypting a table anew", relid);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to encrypt \"%s\" anew",
					get_rel_name(relid)),
			 errhint("Only its owner and members of %s can.",
					 CG_ROLE_OFFICER)));
}

static void
check_target(Oid relid, bool background)
{
	char		relkind = get_rel_relkind(relid);
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	if (relkind == RELKIND_MATVIEW)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a materialized view", name),
				 errhint("Encrypt the tables that it reads anew, then %s.",
						 "REFRESH MATERIALIZED VIEW")));
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table of this server", name),
				 errhint("Encrypt values anew where they are stored.")));
	if (get_rel_persistence(relid) == RELPERSISTENCE_TEMP)
	{
		if (isAnyTempNamespace(get_rel_namespace(relid)) &&
			!isTempNamespace(get_rel_namespace(relid)))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("\"%s\" is a temporary table of another session",
							name),
					 errhint("That session can encrypt it anew.")));
		if (background)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("\"%s\" is a temporary table, which the worker cannot see",
							name),
					 errhint("Use %s.", "CALL cipguard.reencrypt(...)")));
	}
}

/* queue_reencrypt(relation regclass, batch int4, background bool) */
PG_FUNCTION_INFO_V1(cipguard_queue_reencrypt);
Datum
cipguard_queue_reencrypt(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	int			batch = PG_GETARG_INT32(1);
	bool		background = PG_GETARG_BOOL(2);
	CgActing	acting;
	char	   *role = GetUserNameFromId(GetUserId(), false);
	bool		resumed;

	check_target(relid, background);
	require_rights(relid);
	if (batch < 1 || batch > 1000000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the size of a batch must be from 1 to 1000000 rows"),
				 errhint("1000 is usual: writers wait for one batch at most.")));
	if (background && !cg_preloaded)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no worker, because the library is not preloaded"),
				 errhint("Add cipguard to shared_preload_libraries, or use %s.",
						 "CALL cipguard.reencrypt(...)")));
	PreventCommandIfReadOnly("cipguard.reencrypt()");

	cg_act_begin(&acting, cg_audit_owner());
	/* Temporary tables go without an event, and their OIDs come again. */
	cg_act_execute("DELETE FROM cipguard.reencrypt_job"
				   " WHERE relation = ANY (ARRAY(SELECT j.relation"
				   " FROM cipguard.reencrypt_job j WHERE NOT EXISTS"
				   " (SELECT FROM pg_class c WHERE c.oid = j.relation)"
				   " FOR UPDATE SKIP LOCKED))");
	cg_act_execute("UPDATE cipguard.reencrypt_job SET batch = %d,"
				   " background = background OR %s, failures = 0,"
				   " not_before = now()"
				   " WHERE relation = %u"
				   " AND state IN ('queued', 'running', 'waiting')",
				   batch, background ? "true" : "false", relid);
	resumed = SPI_processed > 0;
	if (!resumed)
	{
		cg_act_execute("DELETE FROM cipguard.reencrypt_job"
					   " WHERE relation = %u", relid);
		cg_act_execute("INSERT INTO cipguard.reencrypt_job"
					   " (relation, relname, role, batch, background)"
					   " VALUES (%u, %s, %s, %d, %s)",
					   relid,
					   quote_literal_cstr(cg_audit_relation_name(relid)),
					   quote_literal_cstr(role), batch,
					   background ? "true" : "false");
	}
	cg_act_end(&acting);
	if (resumed)
		ereport(NOTICE,
				(errmsg("encrypting \"%s\" anew goes on where it was",
						get_rel_name(relid))));
	PG_RETURN_VOID();
}

/* stop_reencrypt(relation regclass) RETURNS bool */
PG_FUNCTION_INFO_V1(cipguard_stop_reencrypt);
Datum
cipguard_stop_reencrypt(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	CgActing	acting;
	bool		stopped;

	/* Of a table that is gone nobody is the owner. */
	if (get_rel_name(relid) != NULL || !superuser())
		require_rights(relid);
	PreventCommandIfReadOnly("cipguard.stop_reencrypt()");
	cg_act_begin(&acting, cg_audit_owner());
	cg_act_execute("UPDATE cipguard.reencrypt_job SET state = 'stopped',"
				   " background = false, finished = now()"
				   " WHERE relation = %u"
				   " AND state IN ('queued', 'running', 'waiting', 'failed')",
				   relid);
	stopped = SPI_processed > 0;
	cg_act_end(&acting);
	if (stopped)
		cg_event_done("reencryption", relid, NULL, "stopped");
	PG_RETURN_BOOL(stopped);
}

/* ---------- doing it ---------- */

/* Lock a job that is to be done; false if there is none. */
static bool
load(Oid relation, bool background, CgJob *job)
{
	CgActing	acting;
	bool		found;
	char	   *which = background ?
	pstrdup("background AND not_before <= clock_timestamp()") :
	psprintf("relation = %u", relation);
	MemoryContext outside = CurrentMemoryContext;

	memset(job, 0, sizeof(CgJob));
	cg_act_begin(&acting, cg_audit_owner());
	cg_act_execute("SELECT relation, relname, role, batch, background, leaf,"
				   " next_block, end_block, blocks_done, blocks_total,"
				   " rows, renewed, skipped, moved, leftover, pass, begun"
				   " FROM cipguard.reencrypt_job"
				   " WHERE state IN ('queued', 'running', 'waiting') AND %s"
				   " ORDER BY updated LIMIT 1 FOR UPDATE SKIP LOCKED", which);
	found = SPI_processed == 1;
	if (found)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		int			i = 0;

#define NEXT_FIELD	SPI_getbinval(row, desc, ++i, &isnull)
		job->relation = DatumGetObjectId(NEXT_FIELD);
		job->name = MemoryContextStrdup(outside,
										SPI_getvalue(row, desc, ++i));
		job->role = MemoryContextStrdup(outside,
										SPI_getvalue(row, desc, ++i));
		job->batch = DatumGetInt32(NEXT_FIELD);
		job->background = DatumGetBool(NEXT_FIELD);
		job->leaf = DatumGetObjectId(NEXT_FIELD);
		job->next = (BlockNumber) DatumGetInt64(NEXT_FIELD);
		job->end = (BlockNumber) DatumGetInt64(NEXT_FIELD);
		job->done = DatumGetInt64(NEXT_FIELD);
		job->total = DatumGetInt64(NEXT_FIELD);
		job->rows = DatumGetInt64(NEXT_FIELD);
		job->values = DatumGetInt64(NEXT_FIELD);
		job->skipped = DatumGetInt64(NEXT_FIELD);
		job->moved = DatumGetInt64(NEXT_FIELD);
		job->left = DatumGetInt64(NEXT_FIELD);
		job->pass = DatumGetInt32(NEXT_FIELD);
		job->begun = (TransactionId) DatumGetInt64(NEXT_FIELD);
#undef NEXT_FIELD
	}
	cg_act_end(&acting);
	return found;
}

static void
store(const CgJob *job)
{
	CgActing	acting;

	cg_act_begin(&acting, cg_audit_owner());
	cg_act_execute("UPDATE cipguard.reencrypt_job SET state = '%s', leaf = %u,"
				   " next_block = %u, end_block = %u,"
				   " blocks_done = " INT64_FORMAT ","
				   " blocks_total = " INT64_FORMAT ", rows = " INT64_FORMAT ","
				   " renewed = " INT64_FORMAT ", skipped = " INT64_FORMAT ","
				   " moved = " INT64_FORMAT ", leftover = " INT64_FORMAT ","
				   " pass = %d, begun = %u,"
				   " failures = 0, updated = clock_timestamp(),"
				   " started = coalesce(started, clock_timestamp()),"
				   " not_before = clock_timestamp() + interval '%d ms',"
				   " finished = CASE WHEN %s THEN clock_timestamp() END"
				   " WHERE relation = %u",
				   job->state, job->leaf, job->next, job->end, job->done,
				   job->total, job->rows, job->values, job->skipped,
				   job->moved, job->left, job->pass, job->begun,
				   job->outcome == WAIT ? NAP : 0,
				   job->outcome == NOTHING ? "true" : "false",
				   job->relation);
	cg_act_end(&acting);
}

/* The tables that have rows, in the order in which they are worked on. */
static List *
leaves(Oid relation)
{
	List	   *all = find_all_inheritors(relation, NoLock, NULL);
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, all)
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_RELATION)
		result = lappend_oid(result, lfirst_oid(lc));
	list_sort(result, list_oid_cmp);
	return result;
}

/* Go on to the next table; false if there is none. */
static bool
begin_leaf(CgJob *job)
{
	ListCell   *lc;

	foreach(lc, leaves(job->relation))
	{
		if (lfirst_oid(lc) <= job->leaf)
			continue;
		job->leaf = lfirst_oid(lc);
		job->next = 0;
		job->end = InvalidBlockNumber;	/* as many as it has then */
		return true;
	}
	return false;
}

static CgOutcome
take_batch(CgJob *job)
{
	Relation	rel;
	CgBatch		batch;
	bool		few;

	if (job->pass == 0)
	{
		ListCell   *lc;

		job->pass = 1;
		job->begun = XidFromFullTransactionId(ReadNextFullTransactionId());
		job->total = 0;
		foreach(lc, leaves(job->relation))
		{
			if (!ConditionalLockRelationOid(lfirst_oid(lc), AccessShareLock))
				continue;
			rel = try_relation_open(lfirst_oid(lc), NoLock);
			if (rel == NULL)
				continue;
			job->total += RelationGetNumberOfBlocks(rel);
			relation_close(rel, AccessShareLock);
		}
	}
	if ((!OidIsValid(job->leaf) || job->next >= job->end) && !begin_leaf(job))
		return finish_pass(job) ? NOTHING : WAIT;

	/* The worker has more to do than to wait. */
	if (!ConditionalLockRelationOid(job->leaf, RowExclusiveLock))
		return WAIT;
	rel = try_relation_open(job->leaf, NoLock);
	if (rel == NULL)
	{
		UnlockRelationOid(job->leaf, RowExclusiveLock);
		job->next = job->end = 0;
		return MORE;
	}
	if (job->end == InvalidBlockNumber)
		job->end = RelationGetNumberOfBlocks(rel);


	/*
	 * A few that are left are perhaps such as everybody updates all the time:
	 * one at a time, so that no other is locked meanwhile.
	 */
	few = job->pass > 1 && job->left <= FEW;
	cg_reencrypt_batch(rel, job->next, job->end, few ? 1 : job->batch,
					   few ? LATE_PATIENCE : PATIENCE, &batch);
	relation_close(rel, NoLock);
	job->done += batch.next - job->next;
	job->next = batch.next;
	job->rows += batch.rows;
	job->moved += batch.rows;
	job->values += batch.values;
	job->skipped += batch.skipped;
	return MORE;
}

/* Is there nothing left to do?  Else begin another pass, if it makes sense. */
static bool
finish_pass(CgJob *job)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	int64		left = 0;
	bool		settled;
	ListCell   *lc;

	settled = TransactionIdFollowsOrEquals(snapshot->xmin, job->begun);
	if (settled || job->skipped > 0 || job->moved > 0)
	{
		foreach(lc, leaves(job->relation))
		{
			Relation	rel;

			if (!ConditionalLockRelationOid(lfirst_oid(lc), AccessShareLock))
			{
				settled = false;
				break;
			}
			rel = try_relation_open(lfirst_oid(lc), NoLock);
			if (rel == NULL)
				continue;
			left += cg_reencrypt_left(rel, snapshot);
			relation_close(rel, AccessShareLock);
		}
	}
	UnregisterSnapshot(snapshot);
	if (left == 0 && settled)
	{
		finish(job);
		return true;
	}
	job->moved = job->skipped = 0;
	job->left = left;
	if (left > 0)
	{
		job->pass++;
		job->leaf = InvalidOid;
		job->next = job->end = 0;
		job->done = 0;
	}
	return false;
}

static void
finish(CgJob *job)
{
	cg_event_done("reencryption", job->relation, NULL,
				  psprintf(INT64_FORMAT " values in " INT64_FORMAT
						   " rows encrypted anew, asked for by %s",
						   job->values, job->rows, job->role));
}

/* One batch, in the transaction of the caller. */
static CgOutcome
step(CgJob *job)
{
	if (get_rel_name(job->relation) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s\" does not exist any more", job->name)));
	job->outcome = take_batch(job);
	job->state = job->outcome == NOTHING ? "done" :
		job->outcome == WAIT ? "waiting" : "running";
	store(job);
	return job->outcome;
}

/*
 * reencrypt_step(relation regclass) RETURNS int4: milliseconds to wait for
 * the next one, NULL if there is none.
 */
PG_FUNCTION_INFO_V1(cipguard_reencrypt_step);
Datum
cipguard_reencrypt_step(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	CgActing	acting;
	CgJob		job;
	CgOutcome	outcome;

	require_rights(relid);
	if (load(relid, false, &job))
		outcome = step(&job);
	else
	{
		cg_act_begin(&acting, cg_audit_owner());
		cg_act_execute("SELECT FROM cipguard.reencrypt_job"
					   " WHERE relation = %u"
					   " AND state IN ('queued', 'running', 'waiting')",
					   relid);
		outcome = SPI_processed > 0 ? WAIT : NOTHING;
		cg_act_end(&acting);
	}
	if (outcome == NOTHING)
		PG_RETURN_NULL();
	PG_RETURN_INT32(outcome == WAIT ? NAP : 0);
}

int64
cg_reencrypt_work(void)
{
	CgJob		job;

	working = InvalidOid;
	if (!load(InvalidOid, true, &job))
		return -1;
	working = job.relation;
	return step(&job) == WAIT ? NAP : 0;
}

int64
cg_reencrypt_failed(const char *message)
{
	CgActing	acting;

	if (!OidIsValid(working))
		return -1;
	cg_act_begin(&acting, cg_audit_owner());
	cg_act_execute("UPDATE cipguard.reencrypt_job SET last_error = %s,"
				   " failures = failures + 1, updated = clock_timestamp(),"
				   " not_before = clock_timestamp() + failures * interval '2 s',"
				   " state = CASE WHEN failures + 1 >= %d THEN 'failed'"
				   " ELSE 'waiting' END,"
				   " finished = CASE WHEN failures + 1 >= %d"
				   " THEN clock_timestamp() END"
				   " WHERE relation = %u",
				   quote_literal_cstr(message), MAX_FAILURES, MAX_FAILURES,
				   working);
	cg_act_end(&acting);
	return 0;
}

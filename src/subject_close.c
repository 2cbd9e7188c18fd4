/*
 * subject_close.c
 *		SQL functions that close epochs of keys of subjects.
 *
 * What is to be done in which order: subject_epoch.c.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"

#include "acting.h"
#include "audit_store.h"
#include "cipguard.h"
#include "event.h"
#include "subject_epoch.h"
#include "subject_key.h"
#include "subject_sql.h"
#include "wipe.h"

static int64 rewrap(int32 epoch);
static int	finish(void);

/* Wrap every key that is left under this epoch; returns how many. */
static int64
rewrap(int32 epoch)
{
	Relation	rel = cg_subject_table(AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0,
										  NULL);
	MemoryContext per_row = AllocSetContextCreate(CurrentMemoryContext,
												  "cipguard row",
												  ALLOCSET_DEFAULT_SIZES);
	CatalogIndexState indexes = CatalogOpenIndexes(rel);
	HeapTuple	tuple;
	int64		n = 0;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		MemoryContext old = MemoryContextSwitchTo(per_row);
		Datum		values[CG_SK_NUM];
		bool		nulls[CG_SK_NUM];
		bool		replaces[CG_SK_NUM] = {false};
		uint8		key[CG_KEY_LEN];
		bytea	   *wrapped;
		uint64		id;

		CHECK_FOR_INTERRUPTS();
		heap_deform_tuple(tuple, desc, values, nulls);
		if (!nulls[CG_SK_WRAPPED - 1] &&
			DatumGetInt32(values[CG_SK_EPOCH - 1]) != epoch)
		{
			wrapped = DatumGetByteaPP(values[CG_SK_WRAPPED - 1]);
			id = (uint64) DatumGetInt64(values[CG_SK_KEY_ID - 1]);
			if (!cg_epochs_unwrap(DatumGetInt32(values[CG_SK_EPOCH - 1]), id,
								  (const uint8 *) VARDATA_ANY(wrapped),
								  VARSIZE_ANY_EXHDR(wrapped), key))
				ereport(ERROR,
						(errcode(CG_ERRCODE_KEK_MISSING),
						 errmsg("the key of epoch %d was destroyed",
								DatumGetInt32(values[CG_SK_EPOCH - 1])),
						 errdetail("This copy of the database is older than the end of the epoch."),
						 errhint("Bring the keys of the database that closed it with %s.",
								 "cipguard.import_subject_keys()")));
			wrapped = palloc(VARHDRSZ + CG_SUBJECT_WRAPPED_LEN);
			SET_VARSIZE(wrapped, VARHDRSZ + CG_SUBJECT_WRAPPED_LEN);
			cg_epochs_wrap(epoch, id, key, (uint8 *) VARDATA(wrapped));
			cg_wipe(key, sizeof(key));
			values[CG_SK_WRAPPED - 1] = PointerGetDatum(wrapped);
			replaces[CG_SK_WRAPPED - 1] = true;
			values[CG_SK_EPOCH - 1] = Int32GetDatum(epoch);
			replaces[CG_SK_EPOCH - 1] = true;
			CatalogTupleUpdateWithInfo(rel, &tuple->t_self,
									   heap_modify_tuple(tuple, desc, values,
														 nulls, replaces),
									   indexes);
			n++;
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(per_row);
	}
	systable_endscan(scan);
	CatalogCloseIndexes(indexes);
	MemoryContextDelete(per_row);
	CacheInvalidateRelcache(rel);
	table_close(rel, NoLock);
	CommandCounterIncrement();
	return n;
}

/* Destroy the keys of closed epochs, and say so in the certificates. */
static int
finish(void)
{
	Relation	rel = cg_subject_table(ShareRowExclusiveLock);
	CgActing	acting;
	int			n = cg_epochs_finish();

	table_close(rel, NoLock);
	cg_act_begin(&acting, cg_audit_owner());
	cg_act_execute("UPDATE cipguard.destruction_certificate c"
				   " SET unrecoverable_since = e.destroyed"
				   " FROM cipguard.subject_epoch e"
				   " WHERE c.unrecoverable_since IS NULL"
				   " AND e.epoch OPERATOR(pg_catalog.=) c.epoch"
				   " AND e.state OPERATOR(pg_catalog.=) 'destroyed'");
	cg_act_end(&acting);
	if (n > 0)
		cg_event_done("epoch", InvalidOid, NULL,
					  psprintf("%d epoch keys destroyed", n));
	return n;
}

/* finish_epochs() RETURNS int4 */
PG_FUNCTION_INFO_V1(cipguard_finish_epochs);
Datum
cipguard_finish_epochs(PG_FUNCTION_ARGS)
{
	cg_subject_require_officer("closing of an epoch", InvalidOid);
	PreventCommandIfReadOnly("cipguard.finish_epochs()");
	PG_RETURN_INT32(finish());
}

/*
 * close_epoch(INOUT epoch int4, INOUT kept int8, INOUT destroyed int8)
 *
 * A procedure, since it commits in between.
 */
PG_FUNCTION_INFO_V1(cipguard_close_epoch);
Datum
cipguard_close_epoch(PG_FUNCTION_ARGS)
{
	CallContext *call = fcinfo->context != NULL &&
	IsA(fcinfo->context, CallContext) ?
	castNode(CallContext, fcinfo->context) : NULL;
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {false};
	Relation	rel;
	int32		epoch;
	int64		kept;
	CgActing	acting;
	bool		isnull;

	cg_subject_require_officer("closing of an epoch", InvalidOid);
	PreventCommandIfReadOnly("cipguard.close_epoch()");
	if (call == NULL || call->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot run in a transaction block",
						"cipguard.close_epoch()"),
				 errdetail("It commits before it destroys a key."),
				 errhint("Use %s by itself.", "CALL cipguard.close_epoch()")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	/* What an earlier closing left to do. */
	(void) finish();

	rel = cg_subject_table(ShareRowExclusiveLock);
	cg_epochs_refresh();
	if (cg_epochs_current() == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no epoch of keys of subjects"),
				 errhint("Call %s for a table.",
						 "cipguard.use_subject_keys()")));
	epoch = cg_epochs_begin();
	kept = rewrap(epoch);
	cg_epochs_close_before(epoch);
	table_close(rel, NoLock);
	cg_event_done("epoch", InvalidOid, NULL,
				  psprintf("%d began with " INT64_FORMAT " keys", epoch,
						   kept));

	/* On disk, whatever synchronous_commit says. */
	ForceSyncCommit();
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	SPI_commit();
	SPI_finish();

	PushActiveSnapshot(GetTransactionSnapshot());
	cg_act_begin(&acting, cg_audit_owner());
	cg_act_execute("SELECT pg_catalog.count(*)"
				   " FROM cipguard.destruction_certificate c"
				   " WHERE c.unrecoverable_since IS NULL"
				   " AND c.epoch OPERATOR(pg_catalog.<) %d", epoch);
	values[2] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
							  &isnull);
	values[2] = Int64GetDatum(DatumGetInt64(values[2]));
	cg_act_end(&acting);
	(void) finish();
	PopActiveSnapshot();

	values[0] = Int32GetDatum(epoch);
	values[1] = Int64GetDatum(kept);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

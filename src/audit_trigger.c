/*
 * audit_trigger.c
 *		Triggers that record changes of audited tables.
 *
 * The row trigger writes one event for each row, after the row was changed:
 * whatever BEFORE triggers did to it is in the image.  INSERT keeps the new
 * row, DELETE the old one.  UPDATE keeps the old and new values of the changed
 * columns, and the old values of the primary key (else the replica identity,
 * else of all columns), so that the row can be found.  An UPDATE that changes
 * nothing is an event, too.
 *
 * An UPDATE that moves a row to another partition is a DELETE there and an
 * INSERT here.  Both have an empty list of changed columns, which other
 * deletions and insertions do not have; they belong together if they have one
 * command number and no other such event of that lies between.  (The applying side
 * of a replication deletes and inserts; nothing says that this was a move.)
 *
 * "Changed" means that the stored bytes differ once decompressed.  A value
 * stored out of line that was not touched has the same pointer and is not
 * fetched.  A value of an encrypted type is new whenever it was encrypted
 * anew, whatever it says inside.
 *
 * An error while writing fails the change: there are no silent gaps.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/tupdesc.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "utils/datum.h"
#include "utils/rel.h"

#include "compat.h"

#include "audit_relation.h"
#include "audit_store.h"
#include "audit_trigger.h"
#include "cipguard.h"

static void require_trigger(FunctionCallInfo fcinfo, bool row);
static void row_event(CgAuditRelation *table, TriggerData *trigdata,
					  CgAuditEvent *event);
static void row_event_pinned(CgAuditRelation *table, TriggerData *trigdata,
							 CgAuditEvent *event);
static void moved_row(CgAuditRelation *table, TriggerData *trigdata,
					  CgAuditEvent *event);
static Oid	root_of(Oid relid);
static bytea *whole_row(CgAuditRelation *table, TupleTableSlot *slot);
static void updated_row(CgAuditRelation *table, TupleTableSlot *old,
						TupleTableSlot *new, CgAuditEvent *event);
static bool changed(const CgImageColumn *column, Datum a, bool a_null,
					Datum b, bool b_null);
static bool varlena_changed(struct varlena *a, struct varlena *b);
static void in_context(void *arg);

/* A row that left its partition, and has not been seen to arrive. */
static struct
{
	bool		waits;
	FullTransactionId xid;
	CommandId	cmd;
	Oid			root;
}			moved;

void
cg_audit_init(void)
{
	cg_audit_store_init();
	cg_audit_relation_init();
}

/*
 * Whoever adds a partition to an audited table needs EXECUTE on audit_row(),
 * so a table's owner can make its trigger by hand, too.  What that could get
 * wrong is refused; a second trigger means a second event of his own table.
 */
static void
require_trigger(FunctionCallInfo fcinfo, bool row)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_AFTER(trigdata->tg_event) ||
		(TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) != 0) != row ||
		TRIGGER_FIRED_BY_TRUNCATE(trigdata->tg_event) == row ||
		trigdata->tg_trigger->tgdeferrable ||
		trigdata->tg_trigger->tgqual != NULL ||
		trigdata->tg_trigger->tgnattr != 0 ||
		trigdata->tg_trigger->tgnargs != 0)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called as a trigger that %s made",
						"cipguard.audit_table()")));
}

/* audit_row() RETURNS trigger */
PG_FUNCTION_INFO_V1(cipguard_audit_row);
Datum
cipguard_audit_row(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	CgAuditRelation *table;
	CgAuditEvent event;
	ErrorContextCallback callback;

	require_trigger(fcinfo, true);

	callback.callback = in_context;
	callback.arg = trigdata->tg_relation;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	cg_audit_begin(&event, '\0');
	table = cg_audit_relation(trigdata->tg_relation);
	if (table->delicate || cg_image_foreign_encoding())
		row_event_pinned(table, trigdata, &event);
	else
		row_event(table, trigdata, &event);

	cg_audit_relation_record(table);
	cg_audit_write(&event);

	error_context_stack = callback.previous;
	return PointerGetDatum(NULL);
}

/* audit_truncate() RETURNS trigger */
PG_FUNCTION_INFO_V1(cipguard_audit_truncate);
Datum
cipguard_audit_truncate(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	CgAuditRelation *table;
	CgAuditEvent event;

	require_trigger(fcinfo, false);

	cg_audit_begin(&event, CG_EVENT_TRUNCATE);
	table = cg_audit_relation(trigdata->tg_relation);
	event.relid = table->relid;
	event.relname = table->relname;
	cg_audit_write(&event);
	return PointerGetDatum(NULL);
}

/* audit_protect() RETURNS trigger */
PG_FUNCTION_INFO_V1(cipguard_audit_protect);
Datum
cipguard_audit_protect(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called as a trigger")));
	ereport(ERROR,
			(errcode(CG_ERRCODE_AUDIT),
			 errmsg("table \"%s\" of the audit log cannot be changed by SQL",
					RelationGetRelationName(trigdata->tg_relation)),
			 errdetail("Only the audit triggers write to it."),
			 errhint("Correct an entry by changing the audited table again.")));
	return PointerGetDatum(NULL);
}

static void
in_context(void *arg)
{
	errcontext("audit event of table \"%s\"",
			   RelationGetRelationName((Relation) arg));
}

/* The same under settings of our own, see audit_image.h. */
static pg_noinline void
row_event_pinned(CgAuditRelation *table, TriggerData *trigdata,
				 CgAuditEvent *event)
{
	CgImageSettings saved;

	cg_image_settings_push(&saved, table->delicate);
	PG_TRY();
	{
		row_event(table, trigdata, event);
	}
	PG_FINALLY();
	{
		cg_image_settings_pop(&saved);
	}
	PG_END_TRY();
}

static void
row_event(CgAuditRelation *table, TriggerData *trigdata, CgAuditEvent *event)
{
	TupleTableSlot *old = trigdata->tg_trigslot;
	TupleTableSlot *new = trigdata->tg_newslot;
	TupleTableSlot *about = old;
	int			i = table->subject - 1;

	event->relid = table->relid;
	event->relname = table->relname;
	slot_getallattrs(old);
	if (TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
	{
		event->kind = CG_EVENT_INSERT;
		event->after = whole_row(table, old);
	}
	else if (TRIGGER_FIRED_BY_DELETE(trigdata->tg_event))
	{
		event->kind = CG_EVENT_DELETE;
		event->before = whole_row(table, old);
	}
	else
	{
		event->kind = CG_EVENT_UPDATE;
		slot_getallattrs(new);
		updated_row(table, old, new, event);
		/* The person it was about; if nobody, the one it is about now. */
		if (i >= 0 && old->tts_isnull[i])
			about = new;
	}
	if (trigdata->tg_relation->rd_rel->relkind == RELKIND_RELATION)
		moved_row(table, trigdata, event);
	if (i >= 0)
		event->has_subject = cg_audit_subject(table, about->tts_values[i],
											  about->tts_isnull[i],
											  &event->subject);
}

/*
 * Take the number of the statement's command from the row: other triggers may
 * have executed commands since.
 */
static void
moved_row(CgAuditRelation *table, TriggerData *trigdata, CgAuditEvent *event)
{
	HeapTupleHeader row = trigdata->tg_trigtuple->t_data;

	if (event->kind == CG_EVENT_DELETE)
	{
		event->cmd = HeapTupleHeaderGetCmax(row);
		if (!trigdata->tg_relation->rd_rel->relispartition ||
			!HeapTupleHeaderIndicatesMovedPartitions(row))
			return;
		moved.waits = true;
		moved.xid = GetTopFullTransactionId();
		moved.cmd = event->cmd;
		moved.root = root_of(table->relid);
		event->cols = construct_empty_array(INT2OID);
	}
	else if (event->kind == CG_EVENT_INSERT)
	{
		event->cmd = HeapTupleHeaderGetCmin(row);
		if (moved.waits && moved.cmd == event->cmd &&
			FullTransactionIdEquals(moved.xid, GetTopFullTransactionId()) &&
			moved.root == root_of(table->relid))
		{
			moved.waits = false;
			event->cols = construct_empty_array(INT2OID);
		}
	}
	else
		event->cmd = HeapTupleHeaderGetCmin(trigdata->tg_newtuple->t_data);
}

static Oid
root_of(Oid relid)
{
	List	   *ancestors = get_partition_ancestors(relid);

	return ancestors == NIL ? relid : llast_oid(ancestors);
}

static bytea *
whole_row(CgAuditRelation *table, TupleTableSlot *slot)
{
	StringInfoData buf;
	int			i;

	cg_image_begin(&buf, table->schema_id);
	for (i = 0; i < table->ncolumns; i++)
	{
		CgImageColumn *column = &table->columns[i];

		cg_image_add(&buf, column, slot->tts_values[column->attnum - 1],
					 slot->tts_isnull[column->attnum - 1]);
	}
	return cg_image_finish(&buf);
}

static void
updated_row(CgAuditRelation *table, TupleTableSlot *old, TupleTableSlot *new,
			CgAuditEvent *event)
{
	StringInfoData before;
	StringInfoData after;
	ArrayType  *cols;
	int16	   *attnums;
	int			n = 0;
	int			i;

	cols = palloc0(ARR_OVERHEAD_NONULLS(1) + sizeof(int16) * table->ncolumns);
	attnums = (int16 *) ((char *) cols + ARR_OVERHEAD_NONULLS(1));

	cg_image_begin(&before, table->schema_id);
	cg_image_begin(&after, table->schema_id);
	for (i = 0; i < table->ncolumns; i++)
	{
		CgImageColumn *column = &table->columns[i];
		int			k = column->attnum - 1;
		bool		differs = changed(column,
									  old->tts_values[k], old->tts_isnull[k],
									  new->tts_values[k], new->tts_isnull[k]);

		if (differs || column->key)
			cg_image_add(&before, column, old->tts_values[k],
						 old->tts_isnull[k]);
		if (differs)
		{
			cg_image_add(&after, column, new->tts_values[k],
						 new->tts_isnull[k]);
			attnums[n++] = column->attnum;
		}
	}
	if ((Size) before.len + after.len > CG_IMAGE_MAX)
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("row is too large for the audit log"),
				 errdetail("The images of one change must not exceed %zu bytes.",
						   CG_IMAGE_MAX),
				 errhint("Change less at once, or move large values into a table that is not audited.")));
	event->before = cg_image_finish(&before);
	event->after = cg_image_finish(&after);

	SET_VARSIZE(cols, ARR_OVERHEAD_NONULLS(1) + sizeof(int16) * n);
	cols->ndim = 1;
	cols->dataoffset = 0;
	cols->elemtype = INT2OID;
	ARR_DIMS(cols)[0] = n;
	ARR_LBOUND(cols)[0] = 1;
	event->cols = n > 0 ? cols : construct_empty_array(INT2OID);
}

static bool
changed(const CgImageColumn *column, Datum a, bool a_null, Datum b,
		bool b_null)
{
	if (a_null || b_null)
		return a_null != b_null;
	if (column->typlen == -1)
		return varlena_changed((struct varlena *) DatumGetPointer(a),
							   (struct varlena *) DatumGetPointer(b));
	return !datumIsEqual(a, b, column->typbyval, column->typlen);
}

static bool
varlena_changed(struct varlena *a, struct varlena *b)
{
	if (VARSIZE_ANY(a) == VARSIZE_ANY(b) && memcmp(a, b, VARSIZE_ANY(a)) == 0)
		return false;
	if (toast_raw_datum_size(PointerGetDatum(a)) !=
		toast_raw_datum_size(PointerGetDatum(b)))
		return true;
	a = PG_DETOAST_DATUM_PACKED(PointerGetDatum(a));
	b = PG_DETOAST_DATUM_PACKED(PointerGetDatum(b));
	return memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) != 0;
}

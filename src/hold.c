/*
 * hold.c
 *		Legal holds: data of a person that must not be destroyed.
 *
 * While a person is under hold, rows about her cannot be deleted, nor can they
 * be made rows of somebody else, nor can protected values of hers be set to
 * null; tables and partitions with such rows cannot be dropped, emptied or
 * taken out of their tree; and her key cannot be destroyed.
 *
 * A row trigger after UPDATE and DELETE sees to rows, so MERGE, foreign keys
 * that cascade, partitions, undo() and the applying side of a replication are
 * all covered: it is ENABLE ALWAYS, and being last sees what other triggers
 * made of the row.  The first hold puts it on every table with a subject
 * column; tables that get one later are given it then.  It stays, and costs a
 * look at an empty set while nobody is under hold.  Moving a row to another
 * partition deletes it in the first, and is refused as that.
 *
 * Whole tables are looked at by hooks, by reading them.  Without these, and
 * without the guard that keeps the trigger in place, a hold would hold
 * nothing: hence the library must be preloaded.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_seclabel.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"

#include "access.h"
#include "acting.h"
#include "audit_relation.h"
#include "audit_setup.h"
#include "audit_store.h"
#include "cipguard.h"
#include "crypt.h"
#include "event.h"
#include "hold.h"
#include "label.h"
#include "listen.h"
#include "protect.h"
#include "subject_key.h"
#include "subject_set.h"

static bool row_is_held(Relation rel, CgAuditRelation *table,
						HeapTuple tuple, TupleTableSlot *slot, char **subject);
static char *subject_text(CgAuditRelation *table, Datum value);
static bool nulls_protected(Relation rel, HeapTuple old, HeapTuple new);
pg_noreturn static void refuse(Oid relid, const char *what);
static bool holds_rows(Oid relid);
static void check_tree(Oid relid, const char *what);
static void note_object(ObjectAccessType access, Oid class_id, Oid object_id,
						int sub_id, void *arg);
static void utility(PlannedStmt *pstmt, const char *query_string,
					bool read_only_tree, ProcessUtilityContext context,
					ParamListInfo params, QueryEnvironment *env,
					DestReceiver *dest, QueryCompletion *qc);
static void cover_labelled(SecLabelStmt *stmt);
static void check_command(Oid relid, AlterTableCmd *cmd);
static List *tables_of_subjects(void);

static CgSubjectSet held = {
	.watch = {.relname = "legal_hold",.natts = CG_LISTED_NUM}
};
static object_access_hook_type prev_object = NULL;
static ProcessUtility_hook_type prev_utility = NULL;

void
cg_hold_init(void)
{
	cg_watch(&held.watch);
	if (!cg_preloaded)
		return;
	prev_object = object_access_hook;
	object_access_hook = note_object;
	prev_utility = ProcessUtility_hook;
	ProcessUtility_hook = utility;
}

static void
refuse(Oid relid, const char *what)
{
	cg_event_refused("destruction under legal hold", relid);
	ereport(ERROR,
			(errcode(CG_ERRCODE_LEGAL_HOLD),
			 errmsg("cannot %s: data of a person under legal hold",
					what),
			 errhint("Wait until an officer releases it: %s.",
					 "cipguard.release_hold()")));
}

void
cg_hold_check(const char *subject, Size len, Oid relid)
{
	CgSubject	about;

	cg_listen_now();
	cg_listed_subject(&about, subject, len);
	if (cg_set_has(&held, &about))
		refuse(relid, "destroy a key");
}

void
cg_hold_check_key(int64 persons, uint64 id)
{
	CgActing	acting;
	bool		found = false;
	uint64		i;

	cg_act_begin(&acting, cg_audit_owner());
	cg_act_execute("SELECT subject FROM cipguard.legal_hold"
				   " WHERE ended_at IS NULL");
	for (i = 0; i < SPI_processed && !found; i++)
	{
		char	   *subject = SPI_getvalue(SPI_tuptable->vals[i],
										   SPI_tuptable->tupdesc, 1);
		CgPerson	person;

		cg_person(persons, subject, strlen(subject), &person);
		found = cg_subject_find(&person) == id;
	}
	cg_act_end(&acting);
	if (found)
		refuse(InvalidOid, "destroy a key");
}

void
cg_hold_check_label(Oid relid)
{
	cg_listen_now();
	check_tree(relid, "change the subject column of a table");
}

/* ---------- rows ---------- */

/* hold_row() RETURNS trigger, after UPDATE or DELETE */
PG_FUNCTION_INFO_V1(cipguard_hold_row);
Datum
cipguard_hold_row(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	Relation	rel;
	CgAuditRelation *table;
	char	   *subject;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) ||
		!TRIGGER_FIRED_AFTER(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called as a row trigger after UPDATE or DELETE")));
	cg_listen_now();
	if (!cg_set_any(&held))
		return PointerGetDatum(NULL);
	rel = trigdata->tg_relation;
	table = cg_audit_relation(rel);
	if (!row_is_held(rel, table, trigdata->tg_trigtuple, NULL, &subject))
		return PointerGetDatum(NULL);
	if (!TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
		refuse(RelationGetRelid(rel), "delete a row");
	else
	{
		bool		isnull;
		Datum		value = heap_getattr(trigdata->tg_newtuple, table->subject,
										 RelationGetDescr(rel), &isnull);
		char	   *now = isnull ? NULL : subject_text(table, value);

		if (now == NULL || strcmp(now, subject) != 0)
			refuse(RelationGetRelid(rel), "change whom a row is about");
		if (nulls_protected(rel, trigdata->tg_trigtuple,
							trigdata->tg_newtuple))
			refuse(RelationGetRelid(rel), "set a value to null");
	}
	return PointerGetDatum(NULL);
}

/* Either a tuple or a slot. */
static bool
row_is_held(Relation rel, CgAuditRelation *table, HeapTuple tuple,
			TupleTableSlot *slot, char **subject)
{
	bool		isnull;
	Datum		value;
	CgSubject	about;

	if (table->subject == InvalidAttrNumber)
		return false;
	value = slot != NULL ? slot_getattr(slot, table->subject, &isnull) :
		heap_getattr(tuple, table->subject, RelationGetDescr(rel), &isnull);
	if (isnull)
		return false;
	*subject = subject_text(table, value);
	if (*subject == NULL)
		return false;
	cg_listed_subject(&about, *subject, strlen(*subject));
	return cg_set_has(&held, &about);
}

/* NULL if its key is destroyed. */
static char *
subject_text(CgAuditRelation *table, Datum value)
{
	CgEnvelope	env;
	Size		len;

	if (!table->subject_encrypted)
		return OutputFunctionCall(&table->subject_output, value);
	cg_parse(PG_DETOAST_DATUM_PACKED(value), &env);
	return cg_is_destroyed(&env) ? NULL : cg_open(&env, &len);
}

static bool
nulls_protected(Relation rel, HeapTuple old, HeapTuple new)
{
	const CgProtection *p = cg_protection(RelationGetRelid(rel));
	int			i;

	for (i = 1; p != NULL && i <= p->natts; i++)
		if (cg_protected_column(p, i) != NULL &&
			!heap_attisnull(old, i, RelationGetDescr(rel)) &&
			heap_attisnull(new, i, RelationGetDescr(rel)))
			return true;
	return false;
}

/* ---------- tables ---------- */

/* Does a table itself have a row of a person under hold? */
static bool
holds_rows(Oid relid)
{
	char		relkind = get_rel_relkind(relid);
	Relation	rel;
	CgAuditRelation *table;
	bool		found = false;

	if (relkind != RELKIND_RELATION || !OidIsValid(cg_schema_oid()) ||
		get_rel_namespace(relid) == cg_schema_oid() ||
		cg_subject_column(relid) == InvalidAttrNumber)
		return false;
	rel = table_open(relid, AccessShareLock);
	table = cg_audit_relation(rel);
	if (!RELATION_IS_OTHER_TEMP(rel))
	{
		TupleTableSlot *slot = table_slot_create(rel, NULL);
		Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
		TableScanDesc scan = CG_BEGINSCAN(rel, snapshot);
		MemoryContext row = AllocSetContextCreate(CurrentMemoryContext,
												  "cipguard row",
												  ALLOCSET_SMALL_SIZES);
		MemoryContext old = MemoryContextSwitchTo(row);

		while (!found && table_scan_getnextslot(scan, ForwardScanDirection,
												slot))
		{
			char	   *subject;

			CHECK_FOR_INTERRUPTS();
			found = row_is_held(rel, table, NULL, slot, &subject);
			MemoryContextReset(row);
		}
		MemoryContextSwitchTo(old);
		MemoryContextDelete(row);
		table_endscan(scan);
		UnregisterSnapshot(snapshot);
		ExecDropSingleTupleTableSlot(slot);
	}
	table_close(rel, AccessShareLock);
	return found;
}

static void
check_tree(Oid relid, const char *what)
{
	ListCell   *lc;

	if (cg_set_any(&held))
		foreach(lc, find_all_inheritors(relid, AccessShareLock, NULL))
			if (holds_rows(lfirst_oid(lc)))
			refuse(lfirst_oid(lc), what);
}

/* Tables are dropped and emptied one by one, whatever the command is. */
static void
note_object(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id,
			void *arg)
{
	if (prev_object)
		prev_object(access, class_id, object_id, sub_id, arg);
	if (class_id != RelationRelationId || object_id < FirstNormalObjectId ||
		(access != OAT_DROP && access != OAT_TRUNCATE) ||
		!IsTransactionState() || !OidIsValid(cg_schema_oid()))
		return;
	if (access == OAT_DROP &&
		(((ObjectAccessDrop *) arg)->dropflags &
		 PERFORM_DELETION_INTERNAL) != 0 && sub_id == 0)
		return;
	cg_listen_now();
	if (!cg_set_any(&held) ||
		(sub_id != 0 && sub_id != cg_subject_column(object_id) &&
		 (cg_protection(object_id) == NULL ||
		  cg_protected_column(cg_protection(object_id), sub_id) == NULL)))
		return;
	if (holds_rows(object_id))
		refuse(object_id, access == OAT_TRUNCATE ? "empty a table" :
			   sub_id == 0 ? "drop a table" : "drop a column");
}

/* A partition that is taken out loses the trigger, and its label. */
static void
utility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree,
		ProcessUtilityContext context, ParamListInfo params,
		QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc)
{
	AlterTableStmt *stmt = (AlterTableStmt *) pstmt->utilityStmt;
	ListCell   *lc;

	if (IsA(stmt, AlterTableStmt) && OidIsValid(cg_schema_oid()) &&
		cg_set_any(&held))
	{
		Oid			relid = RangeVarGetRelid(stmt->relation, NoLock, true);

		foreach(lc, OidIsValid(relid) ? stmt->cmds : NIL)
			check_command(relid, lfirst_node(AlterTableCmd, lc));
	}
	if (prev_utility)
		prev_utility(pstmt, query_string, read_only_tree, context, params,
					 env, dest, qc);
	else
		standard_ProcessUtility(pstmt, query_string, read_only_tree, context,
								params, env, dest, qc);
	if (IsA(stmt, SecLabelStmt))
		cover_labelled((SecLabelStmt *) stmt);
}

/* A restored dump makes the triggers itself. */
static void
cover_labelled(SecLabelStmt *stmt)
{
	List	   *names = stmt->objtype == OBJECT_COLUMN ?
	list_copy((List *) stmt->object) : NIL;
	Oid			relid;
	ListCell   *lc;

	if (list_length(names) < 2 || !check_function_bodies ||
		!OidIsValid(cg_schema_oid()) || !cg_set_any(&held))
		return;
	relid = RangeVarGetRelid(makeRangeVarFromNameList(list_truncate(names,
																	list_length(names) - 1)),
							 NoLock, true);
	if (OidIsValid(relid) && cg_subject_column(relid) != InvalidAttrNumber)
		foreach(lc, find_all_inheritors(relid, ShareRowExclusiveLock, NULL))
			(void) cg_hold_cover(lfirst_oid(lc));
}

static void
check_command(Oid relid, AlterTableCmd *cmd)
{
	Oid			other;

	switch (cmd->subtype)
	{
		case AT_DetachPartition:
			other = RangeVarGetRelid(((PartitionCmd *) cmd->def)->name,
									 NoLock, true);
			if (OidIsValid(other))
				check_tree(other, "take a partition away");
			break;
		case AT_DropInherit:
			check_tree(relid, "take a child away");
			break;
		case AT_AlterColumnType:
			if (get_attnum(relid, cmd->name) == cg_subject_column(relid))
				check_tree(relid, "give another type to the subject column");
			break;
		default:
			break;
	}
}

/* ---------- the trigger, and who is under hold ---------- */

bool
cg_hold_cover(Oid relid)
{
	static const CgTriggerKind kind = {
		CG_HOLD_TRIGGER, CG_HOLD_FUNCTION,
		TRIGGER_TYPE_ROW | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE,
		"UPDATE OR DELETE", "ROW"
	};
	char		relkind = get_rel_relkind(relid);

	if ((relkind != RELKIND_RELATION &&
		 relkind != RELKIND_PARTITIONED_TABLE) || !cg_set_any(&held))
		return false;
	LockRelationOid(relid, ShareRowExclusiveLock);
	return get_rel_relkind(relid) != '\0' && cg_ensure_trigger(relid, &kind);
}

/* Tables with a subject column of their own, and those below them. */
static List *
tables_of_subjects(void)
{
	Relation	labels = table_open(SecLabelRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(labels, InvalidOid, false, NULL, 0,
										  NULL);
	List	   *labelled = NIL;
	List	   *result = NIL;
	ListCell   *lc;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		FormData_pg_seclabel *label =
		(FormData_pg_seclabel *) GETSTRUCT(tuple);

		if (label->classoid == RelationRelationId && label->objsubid > 0)
			labelled = list_append_unique_oid(labelled, label->objoid);
	}
	systable_endscan(scan);
	table_close(labels, AccessShareLock);
	list_sort(labelled, list_oid_cmp);
	foreach(lc, labelled)
		if (cg_subject_column(lfirst_oid(lc)) != InvalidAttrNumber)
		result = list_concat_unique_oid(result,
										find_all_inheritors(lfirst_oid(lc),
															ShareRowExclusiveLock,
															NULL));
	return result;
}

/* place_hold(subject text, reason text) RETURNS bigint */
PG_FUNCTION_INFO_V1(cipguard_place_hold);
Datum
cipguard_place_hold(PG_FUNCTION_ARGS)
{
	CgActing	acting;
	char	   *subject;
	char	   *reason;
	int64		id;
	bool		isnull;
	ListCell   *lc;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("subject and reason of a legal hold must not be null"),
				 errhint("Write the subject as the subject column prints it.")));
	PreventCommandIfReadOnly("cipguard.place_hold()");
	if (!cg_preloaded)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a legal hold could not be enforced on this server"),
				 errhint("Add \"%s\" to %s and restart.", CG_SCHEMA,
						 "shared_preload_libraries")));
	subject = text_to_cstring(PG_GETARG_TEXT_PP(0));
	reason = text_to_cstring(PG_GETARG_TEXT_PP(1));
	cg_act_begin(&acting, cg_audit_owner());
	cg_act_execute("INSERT INTO cipguard.legal_hold (subject, reason)"
				   " VALUES (%s, %s) RETURNING id",
				   quote_literal_cstr(subject), quote_literal_cstr(reason));
	id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
									 SPI_tuptable->tupdesc, 1, &isnull));
	cg_act_end(&acting);
	CommandCounterIncrement();
	foreach(lc, tables_of_subjects())
		(void) cg_hold_cover(lfirst_oid(lc));
	PG_RETURN_INT64(id);
}

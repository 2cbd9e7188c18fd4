/*
 * subject_sql.c
 *		SQL functions about keys of subjects: to use them, to destroy one.
 *
 * Destroying a key takes it away from the table, and what would help to guess
 * a value from the rows: each value under it becomes noise of the same header
 * (subject_row.c).  Tables that use keys of the same persons are locked
 * against writing first, so that nobody writes under the key meanwhile; who
 * comes later finds it destroyed.  Rows are replaced below the executor, as
 * nothing of them shall go into the audit log once more, and triggers of the
 * user have nothing to say.
 *
 * The key is destroyed first, and then what is under it.  So an index that
 * decrypts (of an order, of parts of text) meets values that it knows to be
 * destroyed, and is built anew, for it found them elsewhere before.
 *
 * Copies of values in tables that do not use these keys stay; their indexes
 * that decrypt are built anew as well.
 *
 * Locks: tables by OID, then cipguard.subject_key; whoever writes rows takes
 * them in this order, too.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/seclabel.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/uuid.h"

#include "compat.h"

#include "access.h"
#include "acting.h"
#include "audit_relation.h"
#include "audit_store.h"
#include "catalog.h"
#include "cipguard.h"
#include "crypt.h"
#include "event.h"
#include "keyring.h"
#include "hold.h"
#include "label.h"
#include "row_batch.h"
#include "subject_epoch.h"
#include "subject_key.h"
#include "subject_sql.h"
#include "wipe.h"

#define LABEL_OF	CG_LABEL_SUBJECT " of "

/* A destruction at work. */
typedef struct CgScrub
{
	uint64		id;
	const char *subject;		/* NULL: only what is under the key counts */
	CgToken    *noise;
	int64		rows;
	int64		values;
} CgScrub;

static void require_relation(Oid relid);
static char *sql_name(Oid relid);
static void check_table(Oid relid);
static char *subject_label(Oid relid);
static int64 persons_for(Oid relid);
static bool has_trigger(Relation rel, bool *always, char **name);
static bool ensure_trigger(Oid relid, int64 persons);
static List *tables_of_persons(int64 persons);
static bool decrypts(Oid indexid);
static void rebuild(List *indexes);
static void rebuild_elsewhere(List *tables, uint64 id);
static bool holds(Relation rel, Oid indexid, uint64 id);
static void scrub_table(Oid relid, CgScrub *scrub);
static void scrub_row(Relation rel, ResultRelInfo *table, EState *estate,
					  TupleTableSlot *old, TupleTableSlot *new,
					  Snapshot snapshot, CgScrub *scrub);
static Datum destroy(int64 persons, uint64 id, const char *subject,
					 Oid relid, const char *reason);

void
cg_subject_require_officer(const char *what, Oid relid)
{
	Oid			officer = get_role_oid(CG_ROLE_OFFICER, true);

	if (superuser() ||
		(OidIsValid(officer) && cg_has_privs_of(GetUserId(), officer)))
		return;
	cg_event_refused(what, relid);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for keys of subjects"),
			 errhint("Only members of %s can.", CG_ROLE_OFFICER)));
}

static char *
sql_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

/* ---------- to use them ---------- */

static void
check_table(Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	TupleDesc	desc = RelationGetDescr(rel);
	int			i;

	if (rel->rd_rel->relkind != RELKIND_RELATION &&
		rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table", RelationGetRelationName(rel)),
				 errhint("Name the table that holds the rows.")));
	if (RelationGetNamespace(rel) == cg_schema_oid() || IsSystemRelation(rel))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table \"%s\" cannot use keys of subjects",
						RelationGetRelationName(rel)),
				 errhint("Name a table of your own.")));
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a temporary table",
						RelationGetRelationName(rel)),
				 errhint("Name a table that stays.")));
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Oid			type = getBaseType(att->atttypid);

		if (att->attisdropped || !cg_holds_encrypted(type) ||
			cg_is_encrypted_type(type) ||
			cg_is_encrypted_type(get_element_type(type)))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column \"%s\" of table \"%s\" holds encrypted values in type %s",
						NameStr(att->attname), RelationGetRelationName(rel),
						format_type_be(att->atttypid)),
				 errdetail("They cannot be under keys of subjects."),
				 errhint("Store them in columns of their own, or in an array.")));
	}
	table_close(rel, NoLock);
}

/* The label of the subject column, which may be that of an ancestor. */
static char *
subject_label(Oid relid)
{
	AttrNumber	attnum = cg_subject_column(relid);
	List	   *tables = lcons_oid(relid, cg_ancestors(relid));
	ListCell   *lc;

	if (attnum == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" has no subject column",
						get_rel_name(relid)),
				 errdetail("Nothing says whom a row is about."),
				 errhint("Use %s.",
						 "SECURITY LABEL FOR cipguard ON COLUMN table.column IS 'subject'")));
	foreach(lc, tables)
	{
		ObjectAddress object;
		char	   *label;

		ObjectAddressSubSet(object, RelationRelationId, lfirst_oid(lc),
							get_attnum(lfirst_oid(lc),
									   get_attname(relid, attnum, false)));
		if (object.objectSubId == InvalidAttrNumber)
			continue;
		label = GetSecurityLabel(&object, CG_SCHEMA);
		if (label != NULL && strncmp(label, CG_LABEL_SUBJECT,
									 strlen(CG_LABEL_SUBJECT)) == 0)
			return label;
	}
	return pstrdup(CG_LABEL_SUBJECT);
}

/* Number of the table of persons that a table's subjects are of. */
static int64
persons_for(Oid relid)
{
	char	   *label = subject_label(relid);
	int64		persons;
	Oid			other;
	Relation	rel;

	if (strncmp(label, LABEL_OF, strlen(LABEL_OF)) != 0)
	{
		do
		{
			if (!pg_strong_random(&persons, sizeof(persons)))
				ereport(ERROR,
						(errcode(ERRCODE_INTERNAL_ERROR),
						 errmsg("could not get random bytes")));
			persons &= PG_INT64_MAX;
		} while (persons == 0);
		return persons;
	}
	other = RangeVarGetRelid(cg_range_var(label + strlen(LABEL_OF)),
							 AccessShareLock, true);
	rel = OidIsValid(other) ? table_open(other, NoLock) : NULL;
	persons = rel == NULL ? 0 : cg_subject_persons(rel);
	if (rel != NULL)
		table_close(rel, NoLock);
	if (persons == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\", whose subjects table \"%s\" refers to, does not use keys of subjects",
						label + strlen(LABEL_OF), get_rel_name(relid)),
				 errhint("Call %s for it first.",
						 "cipguard.use_subject_keys()")));
	return persons;
}

static bool
has_trigger(Relation rel, bool *always, char **name)
{
	int			i;

	for (i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *trigger = &rel->trigdesc->triggers[i];

		if (trigger->tgfoid != cg_subject_function())
			continue;
		*always = trigger->tgenabled == TRIGGER_FIRES_ALWAYS;
		*name = pstrdup(trigger->tgname);
		return true;
	}
	return false;
}

/* True if something had to be done. */
static bool
ensure_trigger(Oid relid, int64 persons)
{
	Relation	rel = table_open(relid, NoLock);
	char	   *name = pstrdup(CG_SUBJECT_TRIGGER);
	bool		always = false;
	bool		found = has_trigger(rel, &always, &name);
	CgActing	acting;

	table_close(rel, NoLock);
	if (found && always)
		return false;
	cg_act_begin(&acting, cg_audit_owner());
	if (!found)
		cg_act_execute("CREATE TRIGGER %s BEFORE INSERT OR UPDATE ON %s"
					   " FOR EACH ROW EXECUTE FUNCTION cipguard.seal_subject('"
					   INT64_FORMAT "')", quote_identifier(name),
					   sql_name(relid), persons);
	cg_act_execute("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s", sql_name(relid),
				   quote_identifier(name));
	cg_act_end(&acting);
	CommandCounterIncrement();
	return true;
}

static void
require_relation(Oid relid)
{
	if (get_rel_name(relid) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
}

/* use_subject_keys(relation regclass) RETURNS void */
PG_FUNCTION_INFO_V1(cipguard_use_subject_keys);
Datum
cipguard_use_subject_keys(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	List	   *tree;
	ListCell   *lc;
	Relation	rel;
	int64		persons;
	bool		any = false;

	require_relation(relid);
	cg_subject_require_officer("keys of subjects", relid);
	PreventCommandIfReadOnly("cipguard.use_subject_keys()");
	cg_epoch_require();

	tree = find_all_inheritors(relid, ShareRowExclusiveLock, NULL);
	foreach(lc, tree)
		check_table(lfirst_oid(lc));
	rel = table_open(relid, NoLock);
	persons = cg_subject_persons(rel);
	table_close(rel, NoLock);
	if (persons == 0)
		persons = persons_for(relid);
	else
		(void) subject_label(relid);

	if (cg_keyring_newest(CG_KEY_KIND_TOKEN,
						  cg_name_hash(CG_DOMAIN_SUBJECT_KEY)) == 0)
		(void) cg_keyring_create_missing();
	rel = cg_subject_table(ShareRowExclusiveLock);
	cg_epochs_refresh();
	if (cg_epochs_current() == 0)
		(void) cg_epochs_begin();
	table_close(rel, NoLock);

	foreach(lc, tree)
		any |= ensure_trigger(lfirst_oid(lc), persons);
	if (!any)
		ereport(NOTICE,
				(errmsg("table \"%s\" uses keys of subjects already",
						get_rel_name(relid))));
	else
	{
		cg_event_done("subject keys", relid, NULL, "are used");
		ereport(NOTICE,
				(errmsg("values that are there keep the keys of their categories for now"),
				 errhint("Move them with %s.",
						 "CALL cipguard.reencrypt(relation)")));
	}
	PG_RETURN_VOID();
}

bool
cg_subject_cover(Oid relid, List *above)
{
	ListCell   *lc;

	foreach(lc, above)
	{
		Relation	rel = table_open(lfirst_oid(lc), AccessShareLock);
		int64		persons = cg_subject_persons(rel);

		table_close(rel, NoLock);
		if (persons == 0)
			continue;
		check_table(relid);
		return ensure_trigger(relid, persons);
	}
	return false;
}

/* ---------- to destroy one ---------- */

static List *
tables_of_persons(int64 persons)
{
	Relation	catalog = table_open(TriggerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0,
										  NULL);
	Oid			function = cg_subject_function();
	List	   *candidates = NIL;
	List	   *result = NIL;
	ListCell   *lc;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);

		if (trigger->tgfoid == function)
			candidates = list_append_unique_oid(candidates,
												trigger->tgrelid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);

	list_sort(candidates, list_oid_cmp);
	foreach(lc, candidates)
	{
		Relation	rel = try_relation_open(lfirst_oid(lc), AccessShareLock);

		if (rel == NULL)
			continue;
		if (rel->rd_rel->relkind == RELKIND_RELATION &&
			cg_subject_persons(rel) == persons)
			result = lappend_oid(result, lfirst_oid(lc));
		relation_close(rel, AccessShareLock);
	}
	foreach(lc, result)
		LockRelationOid(lfirst_oid(lc), ShareRowExclusiveLock);
	return result;
}

/* Does an index look at more of encrypted values than their tokens? */
static bool
decrypts(Oid indexid)
{
	Relation	index = index_open(indexid, AccessShareLock);
	Oid			am = index->rd_rel->relam;
	oidvector  *classes;
	bool		isnull;
	bool		result = false;
	int			i;

	classes = (oidvector *)
		DatumGetPointer(SysCacheGetAttr(INDEXRELID, index->rd_indextuple,
										Anum_pg_index_indclass, &isnull));
	for (i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); i++)
	{
		HeapTuple	tuple;
		bool		by_token;

		if (!cg_is_encrypted_type(index->rd_opcintype[i]))
			continue;
		tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(classes->values[i]));
		by_token = HeapTupleIsValid(tuple) &&
			((Form_pg_opclass) GETSTRUCT(tuple))->opcdefault &&
			(am == BTREE_AM_OID || am == HASH_AM_OID);
		if (HeapTupleIsValid(tuple))
			ReleaseSysCache(tuple);
		result |= !by_token;
	}
	index_close(index, AccessShareLock);
	return result;
}

static void
scrub_table(Oid relid, CgScrub *scrub)
{
	Relation	rel = try_relation_open(relid, NoLock);
	CgRowWriter writer;
	Snapshot	snapshot;
	TableScanDesc scan;
	TupleTableSlot *slot;
	TupleTableSlot *new;
	MemoryContext per_row;
	List	   *indexes = NIL;
	ListCell   *lc;
	int64		before = scrub->rows;

	if (rel == NULL)
		return;
	foreach(lc, RelationGetIndexList(rel))
		if (decrypts(lfirst_oid(lc)))
		indexes = lappend_oid(indexes, lfirst_oid(lc));
	CheckCmdReplicaIdentity(rel, CMD_UPDATE);

	cg_row_writer_begin(&writer, rel);
	slot = table_slot_create(rel, NULL);
	new = table_slot_create(rel, NULL);
	per_row = AllocSetContextCreate(CurrentMemoryContext,
									"cipguard row", ALLOCSET_DEFAULT_SIZES);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	PushActiveSnapshot(snapshot);
	scan = CG_BEGINSCAN(rel, snapshot);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		MemoryContext old = MemoryContextSwitchTo(per_row);

		CHECK_FOR_INTERRUPTS();
		scrub_row(rel, writer.table, writer.estate, slot, new, snapshot, scrub);
		MemoryContextSwitchTo(old);
		MemoryContextReset(per_row);
		ResetPerTupleExprContext(writer.estate);
	}
	table_endscan(scan);
	PopActiveSnapshot();
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(slot);
	ExecDropSingleTupleTableSlot(new);
	MemoryContextDelete(per_row);
	cg_row_writer_end(&writer);
	relation_close(rel, NoLock);

	if (scrub->rows > before)
		rebuild(indexes);
}

static void
rebuild(List *indexes)
{
	CgActing	acting;
	ListCell   *lc;

	if (indexes == NIL)
		return;
	CommandCounterIncrement();
	cg_act_begin(&acting, cg_audit_owner());
	foreach(lc, indexes)
		cg_act_execute("REINDEX INDEX %s", sql_name(lfirst_oid(lc)));
	cg_act_end(&acting);
}

/*
 * Values that were copied into other tables stay there as they are, and cannot
 * be read.  An index that decrypts keeps them where they were, among others,
 * and would lead searches astray.
 */
static void
rebuild_elsewhere(List *tables, uint64 id)
{
	Relation	catalog = table_open(IndexRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0,
										  NULL);
	List	   *candidates = NIL;
	List	   *found = NIL;
	ListCell   *lc;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_index index = (Form_pg_index) GETSTRUCT(tuple);

		if (index->indexrelid >= FirstNormalObjectId &&
			!list_member_oid(tables, index->indrelid))
			candidates = lappend_oid(candidates, index->indexrelid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);

	foreach(lc, candidates)
	{
		Oid			indexid = lfirst_oid(lc);
		Relation	rel = try_relation_open(IndexGetRelation(indexid, true),
											AccessShareLock);

		if (rel == NULL)
			continue;
		if ((rel->rd_rel->relkind == RELKIND_RELATION ||
			 rel->rd_rel->relkind == RELKIND_MATVIEW) &&
			!RELATION_IS_OTHER_TEMP(rel) &&
			SearchSysCacheExists1(INDEXRELID, ObjectIdGetDatum(indexid)) &&
			decrypts(indexid) && holds(rel, indexid, id))
			found = lappend_oid(found, indexid);
		relation_close(rel, AccessShareLock);
	}
	rebuild(found);
}

/* Is a value in a column of the index under the key? */
static bool
holds(Relation rel, Oid indexid, uint64 id)
{
	Relation	index = index_open(indexid, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = CG_BEGINSCAN(rel, snapshot);
	bool		found = false;

	while (!found && table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		int			i;

		CHECK_FOR_INTERRUPTS();
		for (i = 0; i < index->rd_index->indnkeyatts && !found; i++)
		{
			AttrNumber	column = index->rd_index->indkey.values[i];
			struct varlena *value;
			CgEnvelope	env;
			Datum		datum;
			bool		isnull;

			if (column <= 0 ||
				!cg_is_encrypted_type(TupleDescAttr(RelationGetDescr(rel),
													column - 1)->atttypid))
				continue;
			datum = slot_getattr(slot, column, &isnull);
			if (isnull)
				continue;
			value = PG_DETOAST_DATUM_PACKED(datum);
			cg_parse(value, &env);
			found = env.subject == id;
			if ((Pointer) value != DatumGetPointer(datum))
				pfree(value);
		}
	}
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	return found;
}

static void
scrub_row(Relation rel, ResultRelInfo *table, EState *estate,
		  TupleTableSlot *old, TupleTableSlot *new, Snapshot snapshot,
		  CgScrub *scrub)
{
	TupleDesc	desc = RelationGetDescr(rel);
	const AttrNumber *columns;
	int			n = cg_subject_columns(rel, &columns);
	Datum	   *values = palloc(sizeof(Datum) * n);
	int64		count = 0;
	int64		unsealed = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		Oid			type = TupleDescAttr(desc, columns[i] - 1)->atttypid;
		bool		isnull;

		values[i] = slot_getattr(old, columns[i], &isnull);
		if (isnull)
			continue;
		values[i] = cg_subject_scrub(type, values[i], scrub->id, scrub->noise,
									 &count);
		unsealed += cg_subject_unsealed(type, values[i]);
	}
	if (unsealed > 0 && scrub->subject != NULL)
	{
		char	   *subject = cg_subject_text(rel, old);

		if (subject != NULL && strcmp(subject, scrub->subject) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("table \"%s\" holds values of the subject that are not under the subject's key",
							RelationGetRelationName(rel)),
					 errdetail("They would stay readable."),
					 errhint("Move them first, with %s.",
							 "CALL cipguard.reencrypt(relation)")));
	}
	if (count == 0)
		return;

	slot_getallattrs(old);
	ExecClearTuple(new);
	for (i = 0; i < desc->natts; i++)
	{
		new->tts_values[i] = old->tts_values[i];
		new->tts_isnull[i] = old->tts_isnull[i] ||
			TupleDescAttr(desc, i)->attisdropped;
	}
	for (i = 0; i < n; i++)
		new->tts_values[columns[i] - 1] = values[i];
	ExecStoreVirtualTuple(new);
	cg_replace_row(table, estate, &old->tts_tid, new, snapshot);
	ExecClearTuple(new);
	scrub->rows++;
	scrub->values += count;
}

/* Returns the id of the certificate. */
static Datum
destroy(int64 persons, uint64 id, const char *subject, Oid relid,
		const char *reason)
{
	CgScrub		scrub = {.id = id,.subject = subject};
	List	   *tables = tables_of_persons(persons);
	uint8		key[CG_KEY_LEN];
	ListCell   *lc;
	Relation	rel;
	HeapTuple	tuple;
	CgActing	acting;
	Datum		values[6];
	Oid			types[6] = {INT8OID, TEXTOID, INT8OID, TEXTOID, TEXTOID, INT8OID};
	char		nulls[7] = "      ";
	Datum		result;
	int32		epoch;
	int64		tag;
	bool		isnull;
	char	   *user = GetUserNameFromId(GetUserId(), false);

	/* Others may make keys meanwhile, but no epoch begins. */
	rel = cg_subject_table(RowExclusiveLock);
	tuple = cg_subject_row(rel, id, &epoch);
	if (!HeapTupleIsValid(tuple) ||
		heap_attisnull(tuple, CG_SK_WRAPPED, RelationGetDescr(rel)))
		ereport(ERROR,
				(errcode(CG_ERRCODE_SUBJECT_DESTROYED),
				 errmsg("the key of the subject was destroyed already"),
				 errhint("%s says when and by whom.",
						 "cipguard.destruction_certificate")));
	tag = DatumGetInt64(heap_getattr(tuple, CG_SK_SUBJECT,
									 RelationGetDescr(rel), &isnull));
	table_close(rel, NoLock);

	cg_act_begin(&acting, cg_audit_owner());
	cg_act_execute("UPDATE cipguard.subject_key"
				   " SET state = 'destroyed', wrapped = NULL,"
				   " destroyed_at = pg_catalog.clock_timestamp()"
				   " WHERE state OPERATOR(pg_catalog.=) 'active' AND"
				   " key_id OPERATOR(pg_catalog.=) '" INT64_FORMAT
				   "'::pg_catalog.int8", (int64) id);
	if (SPI_processed != 1)
		elog(ERROR, "could not destroy the key of a subject");
	cg_act_end(&acting);
	CommandCounterIncrement();

	if (!pg_strong_random(key, sizeof(key)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not get random bytes for a key")));
	scrub.noise = cg_token_new(CG_SUITE_AES_SEARCHABLE, key);
	cg_wipe(key, sizeof(key));
	if (scrub.noise == NULL)
		elog(ERROR, "could not set up cipher suite %d",
			 CG_SUITE_AES_SEARCHABLE);
	PG_TRY();
	{
		foreach(lc, tables)
			scrub_table(lfirst_oid(lc), &scrub);
		rebuild_elsewhere(tables, id);
	}
	PG_FINALLY();
	{
		cg_token_free(scrub.noise);
	}
	PG_END_TRY();

	values[0] = Int64GetDatum((int64) id);
	values[1] = CStringGetTextDatum(reason == NULL ? "" : reason);
	values[2] = Int64GetDatum(scrub.values);
	values[3] = CStringGetTextDatum(user);
	values[4] = OidIsValid(relid) ? CStringGetTextDatum(sql_name(relid)) : 0;
	nulls[4] = OidIsValid(relid) ? ' ' : 'n';
	values[5] = Int64GetDatum(scrub.rows);
	cg_act_begin(&acting, cg_audit_owner());
	if (SPI_execute_with_args("INSERT INTO cipguard.destruction_certificate"
							  " (key_id, subject, epoch, reason, destroyed_values,"
							  " destroyed_by, relation, destroyed_rows)"
							  " SELECT key_id, subject, epoch, $2, $3, $4, $5, $6"
							  " FROM cipguard.subject_key"
							  " WHERE key_id OPERATOR(pg_catalog.=) $1 RETURNING id",
							  lengthof(types), types, values, nulls, false,
							  1) != SPI_OK_INSERT_RETURNING ||
		SPI_processed != 1)
		elog(ERROR, "could not destroy the key of a subject");
	result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						   &isnull);
	result = SPI_datumTransfer(result, false, UUID_LEN);
	cg_act_end(&acting);
	CommandCounterIncrement();
	cg_event_done("destruction", relid, NULL,
				  psprintf("key of subject " INT64_FORMAT ", " INT64_FORMAT " values",
						   tag, scrub.values));
	return result;
}

/* destroy_subject_key(subject text, relation regclass, reason text) RETURNS uuid */
PG_FUNCTION_INFO_V1(cipguard_destroy_subject_key);
Datum
cipguard_destroy_subject_key(PG_FUNCTION_ARGS)
{
	char	   *subject;
	Oid			relid;
	char	   *reason;
	CgPerson	person;
	Relation	rel;
	int64		persons;
	uint64		id;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("subject and relation must not be null")));
	subject = text_to_cstring(PG_GETARG_TEXT_PP(0));
	relid = PG_GETARG_OID(1);
	reason = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	require_relation(relid);
	cg_subject_require_officer("destruction of a key", relid);
	PreventCommandIfReadOnly("cipguard.destroy_subject_key()");
	cg_hold_check(subject, strlen(subject), relid);

	rel = table_open(relid, AccessShareLock);
	persons = cg_subject_persons(rel);
	table_close(rel, NoLock);
	if (persons == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" does not use keys of subjects",
						get_rel_name(relid)),
				 errhint("Call %s for it.", "cipguard.use_subject_keys()")));
	cg_person(persons, subject, strlen(subject), &person);
	id = cg_subject_find(&person);
	if (id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("that subject has no key"),
				 errdetail("No value was ever sealed for it in table \"%s\" or those that refer to it.",
						   get_rel_name(relid)),
				 errhint("Write the subject as the subject column prints it. Values from before the table used keys of subjects come under them with %s.",
						 "CALL cipguard.reencrypt(relation)")));
	return destroy(persons, id, subject, relid, reason);
}

/* destroy_key_of(key_id int8, reason text) RETURNS uuid */
PG_FUNCTION_INFO_V1(cipguard_destroy_key_of);
Datum
cipguard_destroy_key_of(PG_FUNCTION_ARGS)
{
	uint64		id = (uint64) PG_GETARG_INT64(0);
	char	   *reason = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Relation	rel;
	HeapTuple	tuple;
	int32		epoch;
	bool		isnull;
	int64		persons;

	cg_subject_require_officer("destruction of a key", InvalidOid);
	rel = cg_subject_table(AccessShareLock);
	tuple = cg_subject_row(rel, id, &epoch);
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no such key of a subject")));
	persons = DatumGetInt64(heap_getattr(tuple, CG_SK_PERSON,
										 RelationGetDescr(rel), &isnull));
	table_close(rel, AccessShareLock);
	cg_hold_check_key(persons, id);
	return destroy(persons, id, NULL, InvalidOid, reason);
}

/* protect_certificate() RETURNS trigger */
PG_FUNCTION_INFO_V1(cipguard_protect_certificate);
Datum
cipguard_protect_certificate(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called as a trigger")));
	if (cg_acting_depth >= 0 && cg_utility_depth == cg_acting_depth)
		return PointerGetDatum(NULL);
	ereport(ERROR,
			(errcode(CG_ERRCODE_AUDIT),
			 errmsg("certificates of destruction cannot be changed"),
			 errhint("%s completes them.", "CALL cipguard.close_epoch()")));
	return PointerGetDatum(NULL);
}

/*
 * guard_object.c
 *		Objects that the audit stands on, as they are made, changed, dropped.
 *
 * The object access hook (guard.c) brings addresses.  Before the next command
 * the catalog snapshot shows a changed row as it was, and SnapshotSelf as it
 * will be; so a trigger that is changed can be compared with itself.  What is
 * made can be seen when the statement has done its work.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_seclabel.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "rewrite/rewriteDefine.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"

#include "audit_relation.h"
#include "audit_setup.h"
#include "catalog.h"
#include "cipguard.h"
#include "guard.h"
#include "hold.h"
#include "label.h"
#include "subject_key.h"

static HeapTuple fetch(Oid class_id, Oid object_id, Snapshot snapshot);
static Oid	relation_of(Oid class_id, Oid object_id, Snapshot snapshot);
static Oid	table_of(Oid relid);
static bool is_member(Oid class_id, Oid object_id);
static bool has_our_trigger(Oid relid);
static bool is_labelled(Oid relid);
static bool is_encrypted(Oid type);
static bool has_encrypted(Oid relid);
static bool is_harmless_index(Oid relid);
static bool is_sound_trigger(Form_pg_trigger trigger, HeapTuple tuple);
static void look_at_trigger(ObjectAccessType access, Oid object_id);
static void look_at_relation(ObjectAccessType access, Oid object_id, int column);
static void look_at_member(ObjectAccessType access, Oid class_id,
						   Oid object_id);
static void record(Oid relid);
static bool any_row(Oid catalog, Oid index, AttrNumber column, Oid value);

/* Catalogs of objects that belong to a table. */
static const struct
{
	Oid			class_id;
	Oid			index;
	AttrNumber	oid_column;
}			sources[] = {
	{TriggerRelationId, TriggerOidIndexId, Anum_pg_trigger_oid},
	{PolicyRelationId, PolicyOidIndexId, Anum_pg_policy_oid},
	{RewriteRelationId, RewriteOidIndexId, Anum_pg_rewrite_oid},
	{ConstraintRelationId, ConstraintOidIndexId, Anum_pg_constraint_oid},
	{AttrDefaultRelationId, AttrDefaultOidIndexId, Anum_pg_attrdef_oid},
	{StatisticExtRelationId, StatisticExtOidIndexId,
	Anum_pg_statistic_ext_oid},
};

/* A row of one of these, copied; NULL if there is none, or no such catalog. */
static HeapTuple
fetch(Oid class_id, Oid object_id, Snapshot snapshot)
{
	Relation	catalog;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	int			i;

	for (i = 0; i < (int) lengthof(sources); i++)
		if (sources[i].class_id == class_id)
			break;
	if (i == (int) lengthof(sources))
		return NULL;
	catalog = table_open(class_id, AccessShareLock);
	ScanKeyInit(&key, sources[i].oid_column, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(object_id));
	scan = systable_beginscan(catalog, sources[i].index, true, snapshot, 1,
							  &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return tuple;
}

/* The table that an object belongs to, or InvalidOid. */
static Oid
relation_of(Oid class_id, Oid object_id, Snapshot snapshot)
{
	HeapTuple	tuple;
	void	   *form;

	if (class_id == RelationRelationId || class_id == InheritsRelationId)
		return table_of(object_id);
	tuple = fetch(class_id, object_id, snapshot);
	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	form = GETSTRUCT(tuple);
	switch (class_id)
	{
		case TriggerRelationId:
			return ((Form_pg_trigger) form)->tgrelid;
		case PolicyRelationId:
			return ((Form_pg_policy) form)->polrelid;
		case RewriteRelationId:
			return ((Form_pg_rewrite) form)->ev_class;
		case ConstraintRelationId:
			return ((Form_pg_constraint) form)->conrelid;
		case AttrDefaultRelationId:
			return ((Form_pg_attrdef) form)->adrelid;
		default:
			return ((Form_pg_statistic_ext) form)->stxrelid;
	}
}

/* Of an index, its table. */
static Oid
table_of(Oid relid)
{
	char		relkind = get_rel_relkind(relid);

	if (relkind == RELKIND_INDEX || relkind == RELKIND_PARTITIONED_INDEX)
		return IndexGetRelation(relid, true);
	return relid;
}

static bool
is_member(Oid class_id, Oid object_id)
{
	Oid			extension = getExtensionOfObject(class_id, object_id);

	return OidIsValid(extension) &&
		extension == get_extension_oid(CG_SCHEMA, true);
}

bool
cg_guard_is_trigger_function(Oid func)
{
	char	   *name;

	if (func < FirstNormalObjectId ||
		get_func_namespace(func) != cg_schema_oid())
		return false;
	name = get_func_name(func);
	return name != NULL && (strcmp(name, "audit_row") == 0 ||
							strcmp(name, "audit_truncate") == 0 ||
							strcmp(name, "audit_protect") == 0 ||
							strcmp(name, "seal_subject") == 0 ||
							strcmp(name, CG_HOLD_FUNCTION) == 0);
}

static bool
has_our_trigger(Oid relid)
{
	Relation	catalog = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(catalog, TriggerRelidNameIndexId, true, NULL, 1,
							  &key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);

		/* That of holds says nothing about audit. */
		found = cg_guard_is_trigger_function(trigger->tgfoid) &&
			strcmp(get_func_name(trigger->tgfoid), CG_HOLD_FUNCTION) != 0;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}

/* Has a column of the table a label of ours? */
static bool
is_labelled(Oid relid)
{
	Relation	catalog = table_open(SecLabelRelationId, AccessShareLock);
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&key[0], Anum_pg_seclabel_objoid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&key[1], Anum_pg_seclabel_classoid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	scan = systable_beginscan(catalog, SecLabelObjectIndexId, true, NULL, 2,
							  key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		provider = heap_getattr(tuple, Anum_pg_seclabel_provider,
											RelationGetDescr(catalog),
											&isnull);

		found = strcmp(TextDatumGetCString(provider), CG_SCHEMA) == 0;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}

/*
 * Is it one of our types, or an array or a domain of such?  Some may be gone
 * already, when the extension is dropped.
 */
static bool
is_encrypted(Oid type)
{
	Oid			nspoid = cg_schema_oid();

	while (OidIsValid(type) && type >= FirstNormalObjectId)
	{
		HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
		Form_pg_type form;
		bool		ours;

		if (!HeapTupleIsValid(tuple))
			return false;
		form = (Form_pg_type) GETSTRUCT(tuple);
		ours = form->typnamespace == nspoid;
		type = form->typtype == TYPTYPE_DOMAIN ? form->typbasetype :
			form->typelem;
		ReleaseSysCache(tuple);
		if (ours)
			return true;
	}
	return false;
}

static bool
has_encrypted(Oid relid)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	bool		found = false;
	int			i;

	if (rel == NULL)
		return false;
	for (i = 0; i < rel->rd_att->natts && !found; i++)
		found = !TupleDescAttr(rel->rd_att, i)->attisdropped &&
			is_encrypted(TupleDescAttr(rel->rd_att, i)->atttypid);
	relation_close(rel, AccessShareLock);
	return found;
}

int
cg_guard_kind(Oid relid)
{
	Oid			nspoid = cg_schema_oid();
	char		relkind = get_rel_relkind(relid);
	ListCell   *lc;
	int			kind = 0;

	if (relid < FirstNormalObjectId || !OidIsValid(nspoid) || relkind == '\0')
		return 0;
	if (get_rel_namespace(relid) == nspoid)
	{
		char	   *name = get_rel_name(relid);

		kind = CG_GUARD_OURS;
		if (strncmp(name, "audit_", 6) == 0 ||
			strncmp(name, "maintenance", 11) == 0)
			kind |= CG_GUARD_LOG;
		return kind;
	}
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE &&
		relkind != RELKIND_FOREIGN_TABLE && relkind != RELKIND_MATVIEW)
		return 0;
	if (has_our_trigger(relid))
		kind |= CG_GUARD_AUDITED;
	if (is_labelled(relid) || has_encrypted(relid))
		kind |= CG_GUARD_PROTECTED;
	else
		foreach(lc, cg_ancestors(relid))
		if (is_labelled(lfirst_oid(lc)))
		kind |= CG_GUARD_PROTECTED;
	return kind;
}

int
cg_guard_kind_of_tree(Oid relid)
{
	List	   *tree = find_all_inheritors(relid, NoLock, NULL);
	ListCell   *lc;
	int			kind = 0;

	foreach(lc, tree)
		kind |= cg_guard_kind(lfirst_oid(lc));
	return kind;
}

static bool
any_row(Oid catalog_id, Oid index, AttrNumber column, Oid value)
{
	Relation	catalog = table_open(catalog_id, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	bool		found;

	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(value));
	scan = systable_beginscan(catalog, index, OidIsValid(index), NULL, 1,
							  &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}

bool
cg_guard_any(void)
{
	static const char *const functions[] = {"audit_row", "audit_truncate",
	"seal_subject"};
	Oid			nspoid = cg_schema_oid();
	oidvector  *no_args = buildoidvector(NULL, 0);
	Relation	catalog;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;
	int			i;

	if (!OidIsValid(nspoid))
		return false;
	for (i = 0; i < (int) lengthof(functions); i++)
		if (any_row(TriggerRelationId, InvalidOid, Anum_pg_trigger_tgfoid,
					GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
									CStringGetDatum(functions[i]),
									PointerGetDatum(no_args),
									ObjectIdGetDatum(nspoid))))
			return true;

	catalog = table_open(SecLabelRelationId, AccessShareLock);
	scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;

		found = strcmp(TextDatumGetCString(heap_getattr(tuple,
														Anum_pg_seclabel_provider,
														RelationGetDescr(catalog),
														&isnull)),
					   CG_SCHEMA) == 0;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}

/* ---------- what is touched ---------- */

void
cg_guard_object(ObjectAccessType access, Oid class_id, Oid object_id,
				int sub_id)
{
	switch (class_id)
	{
		case TriggerRelationId:
			look_at_trigger(access, object_id);
			break;
		case RelationRelationId:
			if (access == OAT_POST_CREATE)
				cg_guard_made(class_id, object_id);
			else
				look_at_relation(access, object_id, sub_id);
			break;
		case InheritsRelationId:
			/* Joined, or left: guard_statement.c saw to the latter. */
			cg_guard_made(class_id, object_id);
			break;
		case PolicyRelationId:
		case RewriteRelationId:
		case ConstraintRelationId:
		case AttrDefaultRelationId:
		case StatisticExtRelationId:
			if (access == OAT_POST_CREATE)
				cg_guard_made(class_id, object_id);
			else
			{
				Oid			relid = relation_of(class_id, object_id, NULL);

				if ((cg_guard_kind(relid) & CG_GUARD_OURS) != 0)
					look_at_relation(access, relid, 0);
				else if (class_id == RewriteRelationId &&
						 access == OAT_POST_ALTER)
					cg_guard_made(class_id, object_id);
				else
					record(relid);
			}
			break;
		default:
			if (access == OAT_POST_CREATE && class_id == ProcedureRelationId)
				cg_guard_made(class_id, object_id);
			if (access != OAT_POST_CREATE || class_id == ProcedureRelationId)
				look_at_member(access, class_id, object_id);
			break;
	}
}

/*
 * A month that is closed gets indexes (cipguard.index_closed_months()).  One
 * of plain columns of fixed length, that takes any rows, cannot stop events.
 */
static bool
is_harmless_index(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(relid));
	Form_pg_index index;
	bool		harmless;
	int			i;

	if (!HeapTupleIsValid(tuple))
		return false;
	index = (Form_pg_index) GETSTRUCT(tuple);
	harmless = !index->indisunique && !index->indisexclusion &&
		heap_attisnull(tuple, Anum_pg_index_indpred, NULL);
	for (i = 0; i < index->indnatts && harmless; i++)
		harmless = index->indkey.values[i] > 0 &&
			get_typlen(get_atttype(index->indrelid,
								   index->indkey.values[i])) > 0;
	ReleaseSysCache(tuple);
	return harmless;
}

/*
 * One with a function of ours is as audit_table() makes it, which a dump that
 * is restored does by hand.  Any other would fail, or tell an event twice, and
 * the owner of the table could not drop it.
 */
static bool
is_sound_trigger(Form_pg_trigger trigger, HeapTuple tuple)
{
	bool		row = strcmp(NameStr(trigger->tgname), CG_ROW_TRIGGER) == 0;

	if (trigger->tgfoid == cg_subject_function())
		return OidIsValid(trigger->tgparentid) ||
			(strcmp(NameStr(trigger->tgname), CG_SUBJECT_TRIGGER) == 0 &&
			 trigger->tgtype == (TRIGGER_TYPE_ROW | TRIGGER_TYPE_BEFORE |
								 TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE) &&
			 trigger->tgnargs == 1 && trigger->tgattr.dim1 == 0 &&
			 heap_attisnull(tuple, Anum_pg_trigger_tgqual, NULL) &&
			 superuser());
	if (!cg_guard_is_trigger_function(trigger->tgfoid) ||
		OidIsValid(trigger->tgparentid))
		return true;
	if (strcmp(get_func_name(trigger->tgfoid), CG_HOLD_FUNCTION) == 0)
		return strcmp(NameStr(trigger->tgname), CG_HOLD_TRIGGER) == 0 &&
			trigger->tgtype == (TRIGGER_TYPE_ROW | TRIGGER_TYPE_UPDATE |
								TRIGGER_TYPE_DELETE) &&
			!trigger->tgdeferrable && trigger->tgnargs == 0 &&
			trigger->tgattr.dim1 == 0 &&
			heap_attisnull(tuple, Anum_pg_trigger_tgqual, NULL) &&
			superuser();
	return (row || strcmp(NameStr(trigger->tgname), CG_TRUNCATE_TRIGGER) == 0) &&
		strcmp(get_func_name(trigger->tgfoid),
			   row ? "audit_row" : "audit_truncate") == 0 &&
		trigger->tgtype == (row ? TRIGGER_TYPE_ROW | TRIGGER_TYPE_INSERT |
							TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE :
							TRIGGER_TYPE_TRUNCATE) &&
		!trigger->tgdeferrable && trigger->tgnargs == 0 &&
		trigger->tgattr.dim1 == 0 &&
		heap_attisnull(tuple, Anum_pg_trigger_tgqual, NULL) &&
		cg_owns_relation(trigger->tgrelid, GetUserId());
}

/* What can be seen of an object only now that the statement has ended. */
void
cg_guard_look_at_made(Oid class_id, Oid object_id)
{
	Oid			relid = relation_of(class_id, object_id, NULL);
	int			kind = OidIsValid(relid) ? cg_guard_kind(relid) : 0;

	if (class_id == TriggerRelationId)
	{
		HeapTuple	tuple = fetch(class_id, object_id, NULL);
		Form_pg_trigger trigger = HeapTupleIsValid(tuple) ?
		(Form_pg_trigger) GETSTRUCT(tuple) : NULL;

		/* Under the name of ours there is none else on an audited table. */
		if (trigger != NULL && (kind & CG_GUARD_AUDITED) != 0 &&
			(strcmp(NameStr(trigger->tgname), CG_ROW_TRIGGER) == 0 ||
			 strcmp(NameStr(trigger->tgname), CG_TRUNCATE_TRIGGER) == 0) &&
			!cg_guard_is_trigger_function(trigger->tgfoid))
			cg_guard_offend(relid, psprintf("replace trigger \"%s\" of table \"%s\"",
											NameStr(trigger->tgname),
											get_rel_name(relid)));
		else if ((kind & CG_GUARD_OURS) != 0)
			cg_guard_offend(relid, psprintf("add to \"%s\", which belongs to cipguard",
											get_rel_name(relid)));
		else if (trigger != NULL && !is_sound_trigger(trigger, tuple))
			cg_guard_offend(relid, psprintf("make trigger \"%s\" of table \"%s\" with a function of cipguard",
											NameStr(trigger->tgname),
											get_rel_name(relid)));
		else
			record(relid);
	}
	else if (class_id == ProcedureRelationId)
	{
		/* It could be taken for one of ours by its name. */
		if (get_func_namespace(object_id) == cg_schema_oid() &&
			!is_member(class_id, object_id))
			cg_guard_offend(InvalidOid,
							"make a function in schema \"" CG_SCHEMA "\"");
	}
	else if (class_id == RelationRelationId && (kind & CG_GUARD_LOG) != 0 &&
			 is_harmless_index(object_id))
		cg_guard_fact("definition", relid, NULL, cg_guard_command());
	else if ((kind & CG_GUARD_OURS) != 0)
		cg_guard_offend(relid, psprintf("add to \"%s\", which belongs to cipguard",
										get_rel_name(relid)));
	else if (class_id == RewriteRelationId)
	{
		HeapTuple	tuple = fetch(class_id, object_id, NULL);

		if (HeapTupleIsValid(tuple) && (kind & CG_GUARD_AUDITED) != 0 &&
			((Form_pg_rewrite) GETSTRUCT(tuple))->ev_enabled != RULE_DISABLED)
			cg_guard_offend(relid, psprintf("put a rule on audited table \"%s\"",
											get_rel_name(relid)));
		else
			record(relid);
	}
	else
		record(relid);
}

/*
 * Ours may be switched to ENABLE ALWAYS, as restoring a dump does, and may be
 * made, but not be anything else afterwards.
 */
static void
look_at_trigger(ObjectAccessType access, Oid object_id)
{
	HeapTuple	tuple = fetch(TriggerRelationId, object_id, NULL);
	HeapTuple	new_tuple = access == OAT_DROP ? NULL :
	fetch(TriggerRelationId, object_id, SnapshotSelf);
	Form_pg_trigger old;
	Form_pg_trigger new;
	const char *verb = NULL;

	if (access == OAT_POST_CREATE)
		cg_guard_made(TriggerRelationId, object_id);
	if (!HeapTupleIsValid(tuple))
		return;
	old = (Form_pg_trigger) GETSTRUCT(tuple);
	new = HeapTupleIsValid(new_tuple) ?
		(Form_pg_trigger) GETSTRUCT(new_tuple) : NULL;
	if (cg_guard_is_trigger_function(old->tgfoid))
	{
		if (access == OAT_DROP)
			verb = "drop";
		else if (access == OAT_POST_CREATE)
		{
			/* A new one can be seen already when it is a clone. */
			if (new != NULL &&
				!ItemPointerEquals(&tuple->t_self, &new_tuple->t_self))
				verb = "replace";
		}
		else if (new != NULL &&
				 strcmp(NameStr(old->tgname), NameStr(new->tgname)) != 0)
			verb = "rename";
		else if (new != NULL && old->tgenabled != new->tgenabled &&
				 new->tgenabled != TRIGGER_FIRES_ALWAYS)
			verb = "switch off";
	}
	else if ((cg_guard_kind(old->tgrelid) & CG_GUARD_OURS) != 0)
		verb = "change";
	if (verb != NULL)
		cg_guard_offend(old->tgrelid,
						psprintf("%s trigger \"%s\" of table \"%s\"", verb,
								 NameStr(old->tgname),
								 get_rel_name(old->tgrelid)));
	else
		record(old->tgrelid);
}

static void
look_at_relation(ObjectAccessType access, Oid object_id, int column)
{
	Oid			relid = table_of(object_id);
	int			kind = cg_guard_kind(relid);
	bool		audited;
	const char *verb = access == OAT_DROP ? "drop" :
	access == OAT_TRUNCATE ? "truncate" : "alter";

	/* Its triggers are gone by now, but are among the offences. */
	audited = (kind & CG_GUARD_AUDITED) != 0;
	if (access == OAT_DROP && relid == object_id && column == 0)
		audited = cg_guard_forget(relid) || audited;

	if (access == OAT_DROP)
		cg_guard_note_any((kind & CG_GUARD_PROTECTED) != 0);

	if (kind == 0 && !audited)
	{
		if (is_member(RelationRelationId, relid))
			look_at_member(access, RelationRelationId, relid);
		return;
	}
	if ((kind & CG_GUARD_OURS) != 0)
		cg_guard_offend(relid, psprintf("%s \"%s\", which belongs to cipguard",
										verb, get_rel_name(object_id)));
	else if (access == OAT_DROP && relid == object_id && audited && column > 0)
		cg_guard_offend(relid, psprintf("drop column \"%s\" of audited table \"%s\"",
										get_attname(relid, column, false),
										get_rel_name(relid)));
	else if (access == OAT_DROP && relid == object_id && audited)
		cg_guard_offend(relid, psprintf("drop audited table \"%s\"",
										get_rel_name(relid)));
	else if (access != OAT_TRUNCATE)
		record(relid);
}

/* Functions, types, event triggers, the schema: what came with us. */
static void
look_at_member(ObjectAccessType access, Oid class_id, Oid object_id)
{
	ObjectAddress object;
	char	   *name;

	if (class_id == ExtensionRelationId)
	{
		if (access == OAT_DROP &&
			object_id == get_extension_oid(CG_SCHEMA, true))
			cg_guard_drops_extension();
		return;
	}
	/* It goes only with the extension. */
	if (access == OAT_DROP || object_id < FirstNormalObjectId ||
		!is_member(class_id, object_id))
		return;
	ObjectAddressSet(object, class_id, object_id);
	name = getObjectDescription(&object, true);
	cg_guard_offend(InvalidOid, psprintf("%s %s of cipguard",
										 access == OAT_POST_CREATE ?
										 "replace" : "alter",
										 name == NULL ? "an object" : name));
}

/* A definition on an audited or protected table. */
static void
record(Oid relid)
{
	const char *command = cg_guard_command();

	if (command == NULL || !OidIsValid(relid) ||
		(cg_guard_kind(relid) & (CG_GUARD_AUDITED | CG_GUARD_PROTECTED)) == 0)
		return;
	cg_guard_fact("definition", relid, NULL, command);
}

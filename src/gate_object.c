/*
 * gate_object.c
 *		Objects that run code on protected tables, as they are made.
 *
 * The object access hook (gate.c) brings every object that was made or
 * altered, by whatever statement, as its address; its row may be too new for
 * the caches.  A function, operator or domain that runs on a protected table
 * already may not be replaced by whoever may not read the table:
 * dependencies are followed back to the tables.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/seclabel.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"

#include "category.h"
#include "cipguard.h"
#include "event.h"
#include "gate_ddl.h"
#include "label.h"
#include "plan.h"
#include "protect.h"

static void label_references(Oid constraint_id);
static HeapTuple fetch(Relation catalog, Oid index, AttrNumber oid_column,
					   Oid oid);
static Oid	relation_of(Oid class_id, Oid object_id);
static void refuse_unique_order(Oid object_id);

void
cg_gate_object(Oid class_id, Oid object_id)
{
	const char *what = NULL;
	const CgProtection *p;
	List	   *seen = NIL;

	CG_STRESS_RETURN();
	if (!cg_search_ready())
		return;
	if (class_id == ConstraintRelationId)
		label_references(object_id);
	if (superuser())
		return;
	switch (class_id)
	{
		case ProcedureRelationId:
			p = cg_gate_used_by(class_id, object_id, &seen);
			if (p != NULL)
			{
				cg_event_refused("change of a function that runs on the table",
								 p->relid);
				ereport(ERROR,
						(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						 errmsg("permission denied to change a function that runs on protected table \"%s\"",
								get_rel_name(p->relid)),
						 errdetail("It is called with values that you may not read."),
						 errhint("Ask somebody who may read all protected columns of the table.")));
			}
			return;
		case TriggerRelationId:
			what = "a trigger";
			break;
		case PolicyRelationId:
			what = "a policy";
			break;
		case RewriteRelationId:
			what = "a rule";
			break;
		case ConstraintRelationId:
			what = "a check";
			break;
		case AttrDefaultRelationId:
			what = "a generated column";
			break;
		case StatisticExtRelationId:
			what = "statistics of an expression";
			break;
		case RelationRelationId:
			what = "a partial or expression index";
			break;
		default:
			return;
	}
	p = cg_gate_forbidden(relation_of(class_id, object_id));
	if (p != NULL)
		cg_gate_refuse(p, what);
	if (class_id == RelationRelationId)
		refuse_unique_order(object_id);
}

/*
 * Whether another row has the same value, a unique index tells of whatever
 * one writes.  One that compares tokens tells no more than these.
 */
static void
refuse_unique_order(Oid object_id)
{
	Relation	catalog = table_open(IndexRelationId, AccessShareLock);
	HeapTuple	tuple = fetch(catalog, IndexRelidIndexId,
							  Anum_pg_index_indexrelid, object_id);
	const CgProtection *p = NULL;

	if (HeapTupleIsValid(tuple) && !has_superclass(object_id))
	{
		Form_pg_index index = (Form_pg_index) GETSTRUCT(tuple);

		if (index->indisunique || index->indisexclusion)
		{
			bool		isnull;
			oidvector  *classes = (oidvector *)
			DatumGetPointer(heap_getattr(tuple, Anum_pg_index_indclass,
										 RelationGetDescr(catalog),
										 &isnull));
			int			n = index->indnkeyatts;
			Oid		   *families = palloc(sizeof(Oid) * n);
			int			i;

			for (i = 0; i < n; i++)
				families[i] = get_opclass_family(classes->values[i]);
			p = cg_gate_forbidden_order(index->indrelid, n, families,
										index->indkey.values);
		}
	}
	table_close(catalog, AccessShareLock);
	if (p != NULL)
		cg_gate_refuse(p, "a unique index in the order of values");
}

/*
 * What refers to a labelled column holds the same values, and ON UPDATE
 * CASCADE will bring new ones: it gets the label, unless it has one.
 */
static void
label_references(Oid constraint_id)
{
	Relation	catalog = table_open(ConstraintRelationId, AccessShareLock);
	HeapTuple	tuple = fetch(catalog, ConstraintOidIndexId,
							  Anum_pg_constraint_oid, constraint_id);
	Form_pg_constraint constraint;
	Datum		keys[2];
	bool		nulls[2];
	bool		labelled = false;
	int			i;

	if (HeapTupleIsValid(tuple) &&
		((Form_pg_constraint) GETSTRUCT(tuple))->contype == CONSTRAINT_FOREIGN)
	{
		constraint = (Form_pg_constraint) GETSTRUCT(tuple);
		keys[0] = heap_getattr(tuple, Anum_pg_constraint_conkey,
							   RelationGetDescr(catalog), &nulls[0]);
		keys[1] = heap_getattr(tuple, Anum_pg_constraint_confkey,
							   RelationGetDescr(catalog), &nulls[1]);
		if (!nulls[0] && !nulls[1])
		{
			ArrayType  *from = DatumGetArrayTypeP(keys[0]);
			ArrayType  *to = DatumGetArrayTypeP(keys[1]);
			int16	   *from_columns = (int16 *) ARR_DATA_PTR(from);
			int16	   *to_columns = (int16 *) ARR_DATA_PTR(to);

			for (i = 0; i < ArrayGetNItems(ARR_NDIM(from), ARR_DIMS(from)); i++)
			{
				const CgCategory *c = cg_column_category(constraint->confrelid,
														 to_columns[i]);
				ObjectAddress object;

				if (c == NULL ||
					cg_column_category(constraint->conrelid,
									   from_columns[i]) != NULL)
					continue;
				ObjectAddressSubSet(object, RelationRelationId,
									constraint->conrelid, from_columns[i]);
				SetSecurityLabel(&object, CG_SCHEMA, NameStr(c->name));
				labelled = true;
			}
		}
		if (labelled)
			cg_invalidate_family(constraint->conrelid);
	}
	table_close(catalog, AccessShareLock);
}

/* A row of a catalog, perhaps too new for the caches; a copy, or NULL. */
static HeapTuple
fetch(Relation catalog, Oid index, AttrNumber oid_column, Oid oid)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, oid_column, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(oid));
	scan = systable_beginscan(catalog, index, true, SnapshotSelf, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	systable_endscan(scan);
	return tuple;
}

/*
 * The table that an object runs code on; InvalidOid if it runs none, or none
 * that the parent of its table did not run before.
 */
static Oid
relation_of(Oid class_id, Oid object_id)
{
	static const struct
	{
		Oid			class_id;
		Oid			catalog;
		Oid			index;
		AttrNumber	oid_column;
	}			sources[] = {
		{TriggerRelationId, TriggerRelationId, TriggerOidIndexId,
		Anum_pg_trigger_oid},
		{PolicyRelationId, PolicyRelationId, PolicyOidIndexId,
		Anum_pg_policy_oid},
		{RewriteRelationId, RewriteRelationId, RewriteOidIndexId,
		Anum_pg_rewrite_oid},
		{ConstraintRelationId, ConstraintRelationId, ConstraintOidIndexId,
		Anum_pg_constraint_oid},
		{AttrDefaultRelationId, AttrDefaultRelationId, AttrDefaultOidIndexId,
		Anum_pg_attrdef_oid},
		{StatisticExtRelationId, StatisticExtRelationId,
		StatisticExtOidIndexId, Anum_pg_statistic_ext_oid},
		{RelationRelationId, IndexRelationId, IndexRelidIndexId,
		Anum_pg_index_indexrelid}
	};
	Relation	catalog;
	HeapTuple	tuple;
	void	   *form;
	Oid			result = InvalidOid;
	int			i = 0;

	while (sources[i].class_id != class_id)
		i++;
	catalog = table_open(sources[i].catalog, AccessShareLock);
	tuple = fetch(catalog, sources[i].index, sources[i].oid_column, object_id);
	if (!HeapTupleIsValid(tuple))
	{
		table_close(catalog, AccessShareLock);
		return InvalidOid;
	}
	form = GETSTRUCT(tuple);
	switch (class_id)
	{
		case TriggerRelationId:
			{
				Form_pg_trigger trigger = form;
				const CgProtection *p;

				/* Foreign keys, and clones for partitions. */
				if (trigger->tgisinternal || OidIsValid(trigger->tgparentid))
					break;
				p = cg_protection(trigger->tgrelid);
				if (p != NULL &&
					(!heap_attisnull(tuple, Anum_pg_trigger_tgqual,
									 RelationGetDescr(catalog)) ||
					 !cg_gate_function_is_readers(trigger->tgfoid, p)))
					result = trigger->tgrelid;
				break;
			}
		case PolicyRelationId:
			result = ((Form_pg_policy) form)->polrelid;
			break;
		case RewriteRelationId:
			result = ((Form_pg_rewrite) form)->ev_class;
			if (get_rel_relkind(result) == RELKIND_VIEW ||
				get_rel_relkind(result) == RELKIND_MATVIEW)
				result = InvalidOid;
			break;
		case ConstraintRelationId:
			if (((Form_pg_constraint) form)->contype == CONSTRAINT_CHECK &&
				((Form_pg_constraint) form)->conislocal)
				result = ((Form_pg_constraint) form)->conrelid;
			break;
		case AttrDefaultRelationId:
			{
				Form_pg_attrdef def = form;

				if (get_attgenerated(def->adrelid, def->adnum) != '\0' &&
					!has_superclass(def->adrelid))
					result = def->adrelid;
				break;
			}
		case StatisticExtRelationId:
			if (!heap_attisnull(tuple, Anum_pg_statistic_ext_stxexprs,
								RelationGetDescr(catalog)))
				result = ((Form_pg_statistic_ext) form)->stxrelid;
			break;
		case RelationRelationId:
			if ((!heap_attisnull(tuple, Anum_pg_index_indexprs,
								 RelationGetDescr(catalog)) ||
				 !heap_attisnull(tuple, Anum_pg_index_indpred,
								 RelationGetDescr(catalog))) &&
				!has_superclass(object_id))
				result = ((Form_pg_index) form)->indrelid;
			break;
	}
	table_close(catalog, AccessShareLock);
	return result;
}

/*
 * A protected table, not readable to the current user, on which an object is
 * used: by what depends on it, by what depends on that, and so on.
 */
const CgProtection *
cg_gate_used_by(Oid class_id, Oid object_id, List **seen)
{
	Relation	depend;
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	const CgProtection *found = NULL;

	check_stack_depth();
	if (list_member_oid(*seen, object_id))
		return NULL;
	*seen = lappend_oid(*seen, object_id);

	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(class_id));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(object_id));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2,
							  key);
	while (found == NULL && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend d = (Form_pg_depend) GETSTRUCT(tuple);
		Oid			relid = InvalidOid;

		switch (d->classid)
		{
			case RelationRelationId:
				relid = d->objid;
				if (get_rel_relkind(relid) == RELKIND_INDEX ||
					get_rel_relkind(relid) == RELKIND_PARTITIONED_INDEX)
					relid = IndexGetRelation(relid, true);
				break;
			case TriggerRelationId:
				{
					Relation	catalog = table_open(TriggerRelationId,
													 AccessShareLock);
					HeapTuple	row = fetch(catalog, TriggerOidIndexId,
											Anum_pg_trigger_oid, d->objid);

					if (HeapTupleIsValid(row))
						relid = ((Form_pg_trigger) GETSTRUCT(row))->tgrelid;
					table_close(catalog, AccessShareLock);
					break;
				}
			case PolicyRelationId:
			case RewriteRelationId:
			case AttrDefaultRelationId:
			case StatisticExtRelationId:
				relid = relation_of(d->classid, d->objid);
				break;
			case ConstraintRelationId:
				relid = relation_of(d->classid, d->objid);
				if (!OidIsValid(relid))
				{
					HeapTuple	row = SearchSysCache1(CONSTROID,
													  ObjectIdGetDatum(d->objid));

					if (HeapTupleIsValid(row))
					{
						Oid			type = ((Form_pg_constraint)
											GETSTRUCT(row))->contypid;

						ReleaseSysCache(row);
						if (OidIsValid(type))
							found = cg_gate_used_by(TypeRelationId, type, seen);
					}
				}
				break;
			default:
				found = cg_gate_used_by(d->classid, d->objid, seen);
				break;
		}
		if (found == NULL)
			found = cg_gate_forbidden(relid);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return found;
}

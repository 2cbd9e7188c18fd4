/*
 * guard_type.c
 *		Types whose definition holds a part of what rows say.
 *
 * A value of an enum is the name that the type gives it, and an attribute that
 * a composite type loses is gone from all values.  So whoever owns such a type
 * could change rows of audited tables without touching them.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"

#include "catalog.h"
#include "guard.h"

static Oid	audited_user(Oid class_id, Oid object_id, List **seen);

/*
 * An audited table that has a column of the type, of an array, a domain or a
 * range over it, or of a composite type that has; InvalidOid if there is none.
 */
Oid
cg_guard_user_of_type(Oid type)
{
	List	   *seen = NIL;

	if (type < FirstNormalObjectId || !OidIsValid(cg_schema_oid()))
		return InvalidOid;
	return audited_user(TypeRelationId, type, &seen);
}

static Oid
audited_user(Oid class_id, Oid object_id, List **seen)
{
	Relation	depend;
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			found = InvalidOid;

	check_stack_depth();
	if (list_member_oid(*seen, object_id))
		return InvalidOid;
	*seen = lappend_oid(*seen, object_id);

	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(class_id));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(object_id));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2,
							  key);
	while (!OidIsValid(found) &&
		   HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend d = (Form_pg_depend) GETSTRUCT(tuple);

		if (d->classid == TypeRelationId)
			found = audited_user(TypeRelationId, d->objid, seen);
		else if (d->classid == RelationRelationId && d->objsubid > 0)
		{
			if ((cg_guard_kind(d->objid) & CG_GUARD_AUDITED) != 0)
				found = d->objid;
			else if (OidIsValid(get_rel_type_id(d->objid)))
				found = audited_user(TypeRelationId,
									 get_rel_type_id(d->objid), seen);
		}
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return found;
}

/* ALTER TYPE ... RENAME VALUE */
void
cg_guard_alter_enum(AlterEnumStmt *stmt)
{
	Oid			relid;

	if (stmt->oldVal == NULL)
		return;					/* a value more is none of a row */
	relid = cg_guard_user_of_type(LookupTypeNameOid(NULL,
													makeTypeNameFromNameList(stmt->typeName),
													true));
	if (OidIsValid(relid))
		cg_guard_offend(relid, psprintf("rename a value in rows of audited table \"%s\"",
										get_rel_name(relid)));
}

/* ALTER TYPE ... DROP ATTRIBUTE, and the same of a table that serves as type */
void
cg_guard_alter_row_type(Oid rowtype, AlterTableCmd *cmd)
{
	Oid			relid;

	if (cmd->subtype != AT_DropColumn)
		return;
	relid = cg_guard_user_of_type(rowtype);
	if (OidIsValid(relid))
		cg_guard_offend(relid, psprintf("take attribute \"%s\" from rows of audited table \"%s\"",
										cmd->name, get_rel_name(relid)));
}

/* ALTER TYPE ... RENAME ATTRIBUTE is like a new name of a column. */
void
cg_guard_rename_attribute(RenameStmt *stmt)
{
	Oid			rowtype = RangeVarGetRelid(stmt->relation, NoLock, true);
	Oid			relid = OidIsValid(rowtype) ?
		cg_guard_user_of_type(get_rel_type_id(rowtype)) : InvalidOid;

	if (OidIsValid(relid))
		cg_guard_fact("definition", relid, NULL,
					  psprintf("ALTER TYPE %s RENAME ATTRIBUTE %s TO %s",
							   get_rel_name(rowtype), stmt->subname,
							   stmt->newname));
}

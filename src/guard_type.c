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
#include "label.h"

static Oid	audited_user(Oid class_id, Oid object_id, List **seen);
static int	time_digits(int32 typmod);

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

/*
 * Does each value stay as it is when a column gets another type?  Casts that
 * round or cut are as good as an UPDATE; one that fails instead is not.
 */
bool
cg_guard_keeps_values(Oid from, int32 from_mod, Oid to, int32 to_mod)
{
	if (to == from && (to_mod == from_mod || to_mod < 0))
		return true;
	if (cg_holds_encrypted(from))
		return true;			/* only who may read it can do that */
	/* Somebody's type can have somebody's cast. */
	if (from >= FirstNormalObjectId)
		return false;
	switch (to)
	{
		case TEXTOID:
			/* How many digits of these are shown is a setting. */
			return from != FLOAT4OID && from != FLOAT8OID &&
				from != CASHOID;
		case VARCHAROID:
		case BPCHAROID:
			/* Nothing but blanks is cut off silently. */
			return from == TEXTOID || from == VARCHAROID ||
				from == BPCHAROID;
		case BITOID:
		case VARBITOID:
			return from == to;
		case INT4OID:
			return from == INT2OID;
		case INT8OID:
			return from == INT2OID || from == INT4OID || from == OIDOID;
		case FLOAT8OID:
			return from == INT2OID || from == INT4OID || from == FLOAT4OID;
		case NUMERICOID:
			if (from == INT2OID || from == INT4OID || from == INT8OID)
				return true;
			/* Scale is in the lower 11 bits, with a sign. */
			return from == NUMERICOID && from_mod >= 0 &&
				((((to_mod - VARHDRSZ) & 0x7ff) ^ 1024) >=
				 (((from_mod - VARHDRSZ) & 0x7ff) ^ 1024));
		case TIMESTAMPOID:
			return (from == DATEOID && to_mod < 0) ||
				(from == to && time_digits(to_mod) >= time_digits(from_mod));
		case TIMESTAMPTZOID:
		case TIMEOID:
		case TIMETZOID:
			return from == to && time_digits(to_mod) >= time_digits(from_mod);
		case JSONOID:
			return from == JSONBOID;
		default:
			return false;
	}
}

/*
 * Is each value spelled as it was, too, and one that is written the same way
 * later on?  Of integers, and of types that only get longer.
 */
bool
cg_guard_keeps_spelling(Oid from, int32 from_mod, Oid to, int32 to_mod)
{
	if (to == from)
		return to_mod == from_mod || to_mod < 0 ||
			(to == VARCHAROID && from_mod >= 0 && to_mod >= from_mod);
	return (from == INT2OID && (to == INT4OID || to == INT8OID)) ||
		(from == INT4OID && to == INT8OID);
}

static int
time_digits(int32 typmod)
{
	return typmod < 0 ? 6 : typmod;
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

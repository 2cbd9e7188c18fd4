/*
 * label.c
 *		Security labels of columns.
 *
 * The label provider checks that the category exists, except while a dump is
 * restored: rows of cipguard.category arrive after the tables.  Until then the
 * column counts as "unclassified", which nobody may read.
 *
 * Labels of a partitioned table or inheritance parent count for its children,
 * by column name: a value must not go unprotected because it is reached
 * through a partition.
 *
 * SECURITY LABEL sends no relcache invalidation of its own, so it is sent here,
 * for the whole family: plans and cached policies are then made anew.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/indexing.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_range.h"
#include "catalog/pg_seclabel.h"
#include "catalog/pg_type.h"
#include "commands/seclabel.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"

#include "access.h"
#include "catalog.h"
#include "cipguard.h"
#include "enc_type.h"
#include "event.h"
#include "guc.h"
#include "hold.h"
#include "label.h"
#include "row_gate.h"

static void check_label(const ObjectAddress *object, const char *label);
static void check_change(const ObjectAddress *object, const char *label);
static void check_subject(const ObjectAddress *object, const char *old,
						  const char *label);
static void refuse_own_range(Oid type);
static void tell_owner(Oid relid, int32 category);
static bool is_subject_label(const char *label);
static void add_ancestors(Oid relid, List **ancestors);
static const CgCategory *own_category(Oid relid, AttrNumber attnum);
static AttrNumber own_subject_column(Oid relid);

void
cg_label_init(void)
{
	register_label_provider(CG_SCHEMA, check_label);
}

static void
check_label(const ObjectAddress *object, const char *label)
{
	char		relkind;
	char	   *old;

	if (object->classId != RelationRelationId || object->objectSubId <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cipguard labels columns only"),
				 errhint("Use %s.",
						 "SECURITY LABEL FOR cipguard ON COLUMN table.column IS 'category'")));
	cg_invalidate_family(object->objectId);
	old = GetSecurityLabel(object, CG_SCHEMA);
	cg_event_done("label", object->objectId, NULL,
				  psprintf("%s: %s to %s",
						   get_attname(object->objectId, object->objectSubId,
									   false),
						   old ? old : "none", label ? label : "none"));

	/* Restoring a dump repeats what was labelled elsewhere. */
	if (!check_function_bodies && superuser())
		return;
	check_change(object, label);
	check_subject(object, old, label);
	if (label == NULL || is_subject_label(label) || !check_function_bodies)
		return;
	relkind = get_rel_relkind(object->objectId);
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE &&
		relkind != RELKIND_FOREIGN_TABLE && relkind != RELKIND_MATVIEW)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("columns of views are protected where they come from"),
				 errhint("Label the columns of the tables.")));
	(void) cg_category_by_name(label, false);
	if (cg_is_encrypted_type(get_atttype(object->objectId,
										 object->objectSubId)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("column is encrypted and has its category by its type"),
				 errhint("Labels with a category are for plain columns.")));
	if (!cg_masks())
		ereport(NOTICE,
				(errmsg("the table itself shows the column to all who may select"),
				 errdetail("Only masking views mask it on this server."),
				 errhint("Add \"%s\" to %s and restart.", CG_SCHEMA,
						 "shared_preload_libraries")));
	refuse_own_range(get_atttype(object->objectId, object->objectSubId));
	tell_owner(object->objectId, cg_category_by_name(label, false)->id);
}

/* ANALYZE and indexes call what the maker of a range type chose. */
static void
refuse_own_range(Oid type)
{
	HeapTuple	tuple;
	Form_pg_range range;
	bool		own;

	type = getBaseType(type);
	if (OidIsValid(get_element_type(type)))
		type = getBaseType(get_element_type(type));
	if (get_typtype(type) == TYPTYPE_MULTIRANGE)
		type = get_multirange_range(type);
	if (get_typtype(type) != TYPTYPE_RANGE)
		return;
	tuple = SearchSysCache1(RANGETYPE, ObjectIdGetDatum(type));
	if (!HeapTupleIsValid(tuple))
		return;
	range = (Form_pg_range) GETSTRUCT(tuple);
	own = range->rngsubdiff >= FirstNormalObjectId ||
		range->rngcanonical >= FirstNormalObjectId;
	ReleaseSysCache(tuple);
	if (own)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("range types with functions of their own cannot be protected"),
				 errdetail("ANALYZE calls the functions with stored values."),
				 errhint("Store the bounds in columns of their own.")));
}

/*
 * Whoever owns a table may protect its columns, but not take the protection
 * away from what he may not read.
 */
static void
check_change(const ObjectAddress *object, const char *label)
{
	char	   *old = GetSecurityLabel(object, CG_SCHEMA);
	const CgCategory *c;

	if (old == NULL || is_subject_label(old) || superuser() ||
		(label != NULL && strcmp(old, label) == 0) ||
		cg_has_privs_of(GetUserId(), get_role_oid(CG_ROLE_OFFICER, false)))
		return;
	c = cg_category_by_name(old, true);
	if (c != NULL && cg_reads_category_freely(c->id, object->objectId))
		return;
	cg_event_refused("change of a label", object->objectId);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to change the label of column \"%s\"",
					get_attname(object->objectId, object->objectSubId,
								false)),
			 errdetail("It protects values that you may not read, or not of everybody, or not as many as there are."),
			 errhint("Ask a member of %s.", CG_ROLE_OFFICER)));
}

/*
 * Whom an event is about is for officers and superusers to say: an owner could
 * let rows of his own making name anybody, or nobody.
 */
static void
check_subject(const ObjectAddress *object, const char *old, const char *label)
{
	bool		names = label != NULL && is_subject_label(label);
	const char *table;

	if (!names && (old == NULL || !is_subject_label(old)))
		return;
	if (!superuser() &&
		!cg_has_privs_of(GetUserId(), get_role_oid(CG_ROLE_OFFICER, false)))
	{
		cg_event_refused("label of a subject", object->objectId);
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to label the subject of table \"%s\"",
						get_rel_name(object->objectId)),
				 errdetail("It tells whom events are about."),
				 errhint("Ask a superuser, or let the owner become a member of %s.",
						 CG_ROLE_OFFICER)));
	}
	cg_hold_check_label(object->objectId);
	if (!names || label[strlen(CG_LABEL_SUBJECT)] == '\0')
		return;
	table = label + strlen(CG_LABEL_SUBJECT " of ");
	if (!OidIsValid(RangeVarGetRelid(cg_range_var(table), NoLock, true)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s\" of label \"%s\" does not exist", table,
						label),
				 errhint("Name the table whose subject column the column refers to.")));
}

/* Owners are not exempt, which they may not expect. */
static void
tell_owner(Oid relid, int32 category)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;
	Oid			user;
	int			context;
	bool		reads;

	if (!HeapTupleIsValid(tuple))
		return;
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	if (!cg_masks() || !cg_mask_owner)
		return;
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(owner, context);
	reads = cg_access_level(category, relid) == CG_LEVEL_READ;
	SetUserIdAndSecContext(user, context);
	if (!reads)
		ereport(NOTICE,
				(errmsg("the owner of the table, \"%s\", will see masks, too",
						GetUserNameFromId(owner, false)),
				 errhint("An officer can allow more with %s.",
						 "cipguard.grant_access(..., 'read')")));
}

void
cg_invalidate_family(Oid relid)
{
	List	   *above = lappend_oid(cg_ancestors(relid), relid);
	ListCell   *lc;
	ListCell   *child;

	foreach(lc, above)
		foreach(child, find_all_inheritors(lfirst_oid(lc), NoLock, NULL))
		CacheInvalidateRelcacheByRelid(lfirst_oid(child));
}

static bool
is_subject_label(const char *label)
{
	size_t		len = strlen(CG_LABEL_SUBJECT);

	return strncmp(label, CG_LABEL_SUBJECT, len) == 0 &&
		(label[len] == '\0' || strncmp(label + len, " of ", 4) == 0);
}

bool
cg_is_encrypted_type(Oid typid)
{
	/* PostgreSQL's own types, of OIDs given by hand, are asked for most. */
	return typid >= FirstGenbkiObjectId &&
		cg_enc_type_of(getBaseType(typid)) != NULL;
}

int32
cg_expr_category(Node *expr)
{
	Oid			typid;
	int32		typmod;

	while (IsA(expr, RelabelType) && exprTypmod(expr) < 0)
		expr = (Node *) ((RelabelType *) expr)->arg;
	typid = exprType(expr);
	typmod = exprTypmod(expr);
	typid = getBaseTypeAndTypmod(typid, &typmod);
	return typmod >= 0 && cg_is_encrypted_type(typid) ? typmod : -1;
}

bool
cg_holds_encrypted(Oid typid)
{
	TupleDesc	desc;
	bool		result = false;
	int			i;

	check_stack_depth();
	if (typid < FirstGenbkiObjectId)
		return false;
	typid = getBaseType(typid);
	if (cg_is_encrypted_type(typid) ||
		cg_holds_encrypted(get_element_type(typid)))
		return true;
	if (get_typtype(typid) == TYPTYPE_RANGE)
		return cg_holds_encrypted(get_range_subtype(typid));
	if (get_typtype(typid) == TYPTYPE_MULTIRANGE)
		return cg_holds_encrypted(get_multirange_range(typid));
	if (get_typtype(typid) != TYPTYPE_COMPOSITE)
		return false;
	desc = lookup_rowtype_tupdesc(typid, -1);
	for (i = 0; i < desc->natts && !result; i++)
		if (!TupleDescAttr(desc, i)->attisdropped)
			result = cg_holds_encrypted(TupleDescAttr(desc, i)->atttypid);
	ReleaseTupleDesc(desc);
	return result;
}

/* holds_encrypted(type oid) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_holds_encrypted);
Datum
cipguard_holds_encrypted(PG_FUNCTION_ARGS)
{
	Oid			type = PG_GETARG_OID(0);

	PG_RETURN_BOOL(SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(type)) &&
				   cg_holds_encrypted(type));
}

List *
cg_ancestors(Oid relid)
{
	List	   *result = NIL;

	if (has_superclass(relid))
		add_ancestors(relid, &result);
	return result;
}

static void
add_ancestors(Oid relid, List **ancestors)
{
	Relation	inherits = table_open(InheritsRelationId, AccessShareLock);
	List	   *parents = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	ListCell   *lc;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true, NULL,
							  1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		parents = lappend_oid(parents, ((Form_pg_inherits)
										GETSTRUCT(tuple))->inhparent);
	systable_endscan(scan);
	table_close(inherits, AccessShareLock);

	foreach(lc, parents)
	{
		if (list_member_oid(*ancestors, lfirst_oid(lc)))
			continue;
		*ancestors = lappend_oid(*ancestors, lfirst_oid(lc));
		add_ancestors(lfirst_oid(lc), ancestors);
	}
}

const CgCategory *
cg_column_category(Oid relid, AttrNumber attnum)
{
	const CgCategory *c = own_category(relid, attnum);
	char	   *name;
	ListCell   *lc;

	if (c != NULL || !has_superclass(relid))
		return c;
	name = get_attname(relid, attnum, false);
	foreach(lc, cg_ancestors(relid))
	{
		AttrNumber	n = get_attnum(lfirst_oid(lc), name);

		if (n != InvalidAttrNumber &&
			(c = own_category(lfirst_oid(lc), n)) != NULL)
			break;
	}
	return c;
}

static const CgCategory *
own_category(Oid relid, AttrNumber attnum)
{
	ObjectAddress object;
	const CgCategory *c;
	char	   *label;
	Oid			typid;
	Oid			elemtype;
	Oid			collid;
	int32		typmod;

	/* The table of categories is empty while pg_upgrade fills the catalogs. */
	if (IsBinaryUpgrade)
		return NULL;

	get_atttypetypmodcoll(relid, attnum, &typid, &typmod, &collid);
	typid = getBaseTypeAndTypmod(typid, &typmod);
	elemtype = get_element_type(typid);

	/* The elements may be of a domain, which names the category. */
	if (OidIsValid(elemtype) && typmod < 0)
		elemtype = getBaseTypeAndTypmod(elemtype, &typmod);
	if (cg_is_encrypted_type(OidIsValid(elemtype) ? elemtype : typid))
		return cg_category_by_id(typmod < 0 ? cg_category_unclassified() :
								 typmod, false);

	ObjectAddressSubSet(object, RelationRelationId, relid, attnum);
	label = GetSecurityLabel(&object, CG_SCHEMA);
	if (label == NULL || is_subject_label(label))
		return NULL;
	c = cg_category_by_name(label, !check_function_bodies);
	return c != NULL ? c : cg_category_by_id(cg_category_unclassified(),
											 false);
}

const char *
cg_subject_label(Oid relid)
{
	List	   *relids = lcons_oid(relid, cg_ancestors(relid));
	ListCell   *lc;

	foreach(lc, relids)
	{
		AttrNumber	attnum = own_subject_column(lfirst_oid(lc));
		ObjectAddress object;

		ObjectAddressSubSet(object, RelationRelationId, lfirst_oid(lc),
							attnum);
		if (attnum != InvalidAttrNumber)
			return GetSecurityLabel(&object, CG_SCHEMA);
	}
	return NULL;
}

AttrNumber
cg_subject_column(Oid relid)
{
	AttrNumber	attnum = own_subject_column(relid);
	ListCell   *lc;

	if (attnum != InvalidAttrNumber || !has_superclass(relid))
		return attnum;
	foreach(lc, cg_ancestors(relid))
	{
		attnum = own_subject_column(lfirst_oid(lc));
		if (attnum != InvalidAttrNumber)
			return get_attnum(relid,
							  get_attname(lfirst_oid(lc), attnum, false));
	}
	return InvalidAttrNumber;
}

static AttrNumber
own_subject_column(Oid relid)
{
	AttrNumber	result = InvalidAttrNumber;
	ScanKeyData key[2];
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;

	rel = table_open(SecLabelRelationId, AccessShareLock);
	ScanKeyInit(&key[0], Anum_pg_seclabel_objoid,
				BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&key[1], Anum_pg_seclabel_classoid,
				BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationRelationId));
	scan = systable_beginscan(rel, SecLabelObjectIndexId, true, NULL, 2, key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		TupleDesc	desc = RelationGetDescr(rel);
		bool		isnull;
		Datum		provider = heap_getattr(tuple, Anum_pg_seclabel_provider,
											desc, &isnull);
		Datum		label = heap_getattr(tuple, Anum_pg_seclabel_label, desc,
										 &isnull);

		if (strcmp(TextDatumGetCString(provider), CG_SCHEMA) == 0 &&
			is_subject_label(TextDatumGetCString(label)))
			result = (AttrNumber) DatumGetInt32(heap_getattr(tuple,
															 Anum_pg_seclabel_objsubid,
															 desc, &isnull));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

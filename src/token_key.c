/*
 * token_key.c
 *		Token domains: which tables hold their values, and rotation of their
 *		keys.
 *
 * Values with tokens of two versions would not be equal, so a token key is
 * rotated in one transaction that has all tables of the domain for itself:
 * it makes the next version, writes the tables anew (heap_copy.c) with their
 * indexes, and changes the suite of the categories if it is asked to.
 *
 * Locks: partitioned tables first, then the others, each in the order of their
 * OIDs, so that two rotations do not wait for each other; then the keys.  What
 * else changes while it waits for locks is found by looking once more.  A
 * table that appears in the last moment has old tokens: those compare as if
 * they were new (type_ops.c).  What transactions have encrypted that wait for
 * one of the tables is the matter of token_guard.c.
 *
 * Constants in catalogs are left alone.  Those of encrypted types are of no
 * category, unless they were given as armor; wherever one is compared or
 * stored its token is judged anew.  Only the bounds of partitions are read by
 * nobody who could, and rows of partitions by hash belong elsewhere under
 * another key: tables that are partitioned by such columns are refused.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "commands/tablecmds.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "compat.h"

#include "access.h"
#include "acting.h"
#include "audit_store.h"
#include "category.h"
#include "cipguard.h"
#include "crypt.h"
#include "event.h"
#include "heap_copy.h"
#include "keyring.h"
#include "label.h"
#include "renew.h"
#include "token_guard.h"
#include "token_key.h"

/* Whether values of a type hold encrypted ones. */
typedef struct CgTypeHolds
{
	Oid			typid;			/* hash key */
	bool		holds;
} CgTypeHolds;

/* A table at work. */
typedef struct CgRotation
{
	int32		domain;
	CgHolder  **holders;		/* by column; NULL: holds none */
	int64		values;
} CgRotation;

static bool may_hold(Form_pg_attribute att, int32 domain);
static List *lock_tables(int32 domain, List **locked);
static void refuse_tables(List *tables, int32 domain);
static char *problem_of(Oid relid, int32 domain);
static bool is_partitioned_by(Relation rel, int32 domain);
static int64 rewrite_table(Oid relid, int32 domain);
static bool has_old_tokens(Relation rel, CgRotation *rotation);
static void change_row(TupleDesc desc, Datum *values, bool *nulls, void *arg);
static void set_suite(const char *domain, const CgSuite *suite);
static void require_officer(void);

List *
cg_token_domain_tables(int32 domain)
{
	Relation	attributes = table_open(AttributeRelationId, AccessShareLock);
	List	   *result = NIL;
	HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(CgTypeHolds)};
	HTAB	   *types;
	SysScanDesc scan;
	HeapTuple	tuple;

	ctl.hcxt = CurrentMemoryContext;
	types = hash_create("cipguard types of columns", 64, &ctl,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	scan = systable_beginscan(attributes, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_attribute att = (Form_pg_attribute) GETSTRUCT(tuple);
		CgTypeHolds *type;
		bool		found;
		char		relkind;

		if (att->attnum <= 0 || att->attisdropped)
			continue;
		type = hash_search(types, &att->atttypid, HASH_ENTER, &found);
		if (!found)
			type->holds = cg_holder(att->atttypid,
									CurrentMemoryContext) != NULL;
		if (!type->holds || !may_hold(att, domain))
			continue;
		relkind = get_rel_relkind(att->attrelid);
		if (relkind == RELKIND_RELATION || relkind == RELKIND_MATVIEW ||
			relkind == RELKIND_PARTITIONED_TABLE)
			result = lappend_oid(result, att->attrelid);
	}
	systable_endscan(scan);
	table_close(attributes, AccessShareLock);
	hash_destroy(types);
	list_sort(result, list_oid_cmp);
	list_deduplicate_oid(result);
	return result;
}

/*
 * A column of an encrypted type, or of arrays of them, holds values of its
 * category.  One without a category and one of composite types can hold any.
 */
static bool
may_hold(Form_pg_attribute att, int32 domain)
{
	int32		typmod = att->atttypmod;
	Oid			typid = getBaseTypeAndTypmod(att->atttypid, &typmod);
	Oid			element = get_element_type(typid);
	const CgCategory *c;

	if (OidIsValid(element))
	{
		int32		inner = -1;

		typid = getBaseTypeAndTypmod(element, &inner);
		if (typid != element)
			typmod = inner;
	}
	if (!cg_is_encrypted_type(typid) || typmod < 0)
		return true;
	c = cg_category_by_id(typmod, true);
	return c != NULL && c->searchable && c->domain == domain;
}

/* All tables there are now; those not in *locked are locked and added. */
static List *
lock_tables(int32 domain, List **locked)
{
	for (;;)
	{
		List	   *tables = cg_token_domain_tables(domain);
		bool		more = false;
		ListCell   *lc;
		int			pass;

		foreach(lc, tables)
			if (!list_member_oid(*locked, lfirst_oid(lc)) &&
				isOtherTempNamespace(get_rel_namespace(lfirst_oid(lc))))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("a temporary table of another session holds values of this token domain"),
					 errhint("Wait until that session has ended, or end it.")));
		for (pass = 0; pass < 2; pass++)
			foreach(lc, tables)
		{
			Oid			relid = lfirst_oid(lc);
			bool		partitioned;

			partitioned = get_rel_relkind(relid) ==
				RELKIND_PARTITIONED_TABLE;
			if (list_member_oid(*locked, relid) ||
				partitioned != (pass == 0))
				continue;
			LockRelationOid(relid, AccessExclusiveLock);
			*locked = lappend_oid(*locked, relid);
			more = true;
		}
		if (!more)
			return tables;
	}
}

static void
refuse_tables(List *tables, int32 domain)
{
	StringInfoData list;
	ListCell   *lc;

	initStringInfo(&list);
	foreach(lc, tables)
	{
		char	   *problem = problem_of(lfirst_oid(lc), domain);

		if (problem != NULL)
			appendStringInfo(&list, "%s%s", list.len > 0 ? "\n" : "", problem);
	}
	if (list.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the token key cannot be rotated while tables depend on its tokens"),
				 errdetail("%s", list.data),
				 errhint("Copy such a table (CREATE TABLE ... AS), drop it, rotate the key, and make it again from the copy.")));
}

static char *
problem_of(Oid relid, int32 domain)
{
	Relation	rel = relation_open(relid, NoLock);
	const char *name;
	char	   *problem = NULL;

	name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
									  RelationGetRelationName(rel));
	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		if (is_partitioned_by(rel, domain))
			problem = psprintf("%s is partitioned by an encrypted column.",
							   name);
	}
	else if (rel->rd_rel->relam != HEAP_TABLE_AM_OID)
		problem = psprintf("%s is not stored as a heap.", name);
	relation_close(rel, NoLock);
	return problem;
}

static bool
is_partitioned_by(Relation rel, int32 domain)
{
	PartitionKey key = RelationGetPartitionKey(rel);
	int			i;

	for (i = 0; i < key->partnatts; i++)
	{
		if (cg_holder(key->parttypid[i], CurrentMemoryContext) == NULL)
			continue;
		if (key->partattrs[i] == 0 ||
			may_hold(TupleDescAttr(RelationGetDescr(rel),
								   key->partattrs[i] - 1), domain))
			return true;
	}
	return false;
}

/* Returns the number of values that were replaced. */
static int64
rewrite_table(Oid relid, int32 domain)
{
	Relation	rel = relation_open(relid, NoLock);
	TupleDesc	desc = RelationGetDescr(rel);
	CgRotation	rotation = {.domain = domain};
	int			i;

	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		relation_close(rel, NoLock);
		return 0;
	}
	CheckTableNotInUse(rel, "rotate tokens of");
	rotation.holders = palloc0(sizeof(CgHolder *) * (desc->natts + 1));
	for (i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped)
			rotation.holders[i] = cg_holder(TupleDescAttr(desc, i)->atttypid,
											CurrentMemoryContext);
	if (has_old_tokens(rel, &rotation))
		cg_heap_copy(rel, change_row, &rotation);	/* closes it */
	else
		relation_close(rel, NoLock);
	return rotation.values;
}

/* Usually the first row tells. */
static bool
has_old_tokens(Relation rel, CgRotation *rotation)
{
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TableScanDesc scan = CG_BEGINSCAN(rel, SnapshotAny);
	MemoryContext per_row = AllocSetContextCreate(CurrentMemoryContext,
												  "cipguard row",
												  ALLOCSET_DEFAULT_SIZES);
	bool		found = false;

	while (!found && table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		MemoryContext context = MemoryContextSwitchTo(per_row);
		int			i;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		for (i = 0; i < slot->tts_tupleDescriptor->natts && !found; i++)
			found = rotation->holders[i] != NULL && !slot->tts_isnull[i] &&
				cg_holder_old_tokens(rotation->holders[i],
									 slot->tts_values[i],
									 rotation->domain) > 0;
		MemoryContextSwitchTo(context);
		MemoryContextReset(per_row);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(per_row);
	return found;
}

static void
change_row(TupleDesc desc, Datum *values, bool *nulls, void *arg)
{
	CgRotation *rotation = arg;
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		CgHolder   *holder = rotation->holders[i];
		int64		n;

		if (holder == NULL || nulls[i])
			continue;
		n = cg_holder_old_tokens(holder, values[i], rotation->domain);
		if (n == 0)
			continue;
		values[i] = cg_holder_renew_tokens(holder, values[i],
										   rotation->domain);
		rotation->values += n;
	}
}

static void
set_suite(const char *domain, const CgSuite *suite)
{
	cg_act_execute("UPDATE cipguard.category SET suite = %s, suite_changed = true "
				   "WHERE mode OPERATOR(pg_catalog.=) 'searchable' "
				   "AND token_domain OPERATOR(pg_catalog.=) %s "
				   "AND suite OPERATOR(pg_catalog.<>) %s",
				   quote_literal_cstr(suite->name),
				   quote_literal_cstr(domain),
				   quote_literal_cstr(suite->name));
}

static void
require_officer(void)
{
	Oid			officer = get_role_oid(CG_ROLE_OFFICER, true);

	if (superuser() ||
		(OidIsValid(officer) && cg_has_privs_of(GetUserId(), officer)))
		return;
	cg_event_refused("rotation of a token key", InvalidOid);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to rotate a token key"),
			 errhint("Only members of %s can.", CG_ROLE_OFFICER)));
}

/* A searchable category of the domain; raises if there is none. */
static const CgCategory *
category_of_domain(const char *name, int32 domain)
{
	int32	   *ids;
	int			n = cg_category_ids(&ids);
	int			i;

	for (i = 0; i < n; i++)
	{
		const CgCategory *c = cg_category_by_id(ids[i], false);

		if (c->searchable && c->domain == domain)
			return c;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("no searchable category has token domain \"%s\"", name),
			 errhint("The column token_domain of %s lists them.",
					 "cipguard.category")));
	return NULL;				/* keep compiler quiet */
}

/* rotate_token_key(token_domain text, suite text) RETURNS int8 */
PG_FUNCTION_INFO_V1(cipguard_rotate_token_key);
Datum
cipguard_rotate_token_key(PG_FUNCTION_ARGS)
{
	char	   *name = PG_ARGISNULL(0) ? NULL :
	text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *wanted = PG_ARGISNULL(1) ? NULL :
	text_to_cstring(PG_GETARG_TEXT_PP(1));
	const CgSuite *suite = NULL;
	int32		domain;
	uint16		version;
	List	   *locked = NIL;
	List	   *done = NIL;		/* goes with the acting */
	int			num_done = 0;
	int64		values = 0;
	CgActing	acting;
	bool		more = true;

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("token domain must not be null")));
	require_officer();
	PreventCommandIfReadOnly("cipguard.rotate_token_key()");
	domain = cg_name_hash(name);
	(void) category_of_domain(name, domain);
	if (wanted != NULL)
		suite = cg_choose_suite(wanted, true);

	refuse_tables(lock_tables(domain, &locked), domain);
	version = cg_keyring_add(CG_KEY_KIND_TOKEN, domain);
	cg_act_begin(&acting, cg_audit_owner());
	if (suite != NULL)
		set_suite(name, suite);
	CommandCounterIncrement();

	/* A table can appear while the others are written. */
	while (more)
	{
		List	   *tables = lock_tables(domain, &locked);
		ListCell   *lc;

		more = false;
		refuse_tables(tables, domain);
		foreach(lc, tables)
		{
			if (list_member_oid(done, lfirst_oid(lc)))
				continue;
			values += rewrite_table(lfirst_oid(lc), domain);
			done = lappend_oid(done, lfirst_oid(lc));
			num_done++;
			more = true;
		}
	}
	cg_act_end(&acting);
	cg_token_replaced(domain);
	cg_event_done("token_key", InvalidOid, NULL,
				  psprintf("of token domain %s: version %u, suite %s, "
						   INT64_FORMAT " values in %d tables", name, version,
						   cg_suite_by_id(category_of_domain(name,
															 domain)->suite)->name,
						   values, num_done));
	PG_RETURN_INT64(values);
}

/* token_domain_tables(token_domain text) RETURNS SETOF regclass */
PG_FUNCTION_INFO_V1(cipguard_token_domain_tables);
Datum
cipguard_token_domain_tables(PG_FUNCTION_ARGS)
{
	int32		domain = cg_name_hash(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	foreach(lc, cg_token_domain_tables(domain))
	{
		Datum		value = ObjectIdGetDatum(lfirst_oid(lc));
		bool		null = false;

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &value,
							 &null);
	}
	return (Datum) 0;
}

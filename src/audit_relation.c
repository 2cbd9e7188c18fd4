/*
 * audit_relation.c
 *		What the audit triggers know about a table.
 *
 * Descriptions are cached by OID.  A relcache invalidation of the table, or
 * of a table it inherits labels from, makes the next event build a new one;
 * so does any change of a type or of a schema's name.
 *
 * Images hold attribute numbers.  What these mean is written to
 * cipguard.audit_schema once per state of the table: names and types of its
 * columns under an id that is a digest of just that.  Hence images stay
 * readable after columns were renamed, retyped or dropped, and the table too;
 * and no image is read with a type that it was not written with.  Entries
 * repeat when two sessions meet a new state at once; they are equal.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "compat.h"

#include "audit_relation.h"
#include "bytes.h"
#include "category.h"
#include "cipguard.h"
#include "crypt.h"
#include "inval.h"
#include "keyring.h"
#include "label.h"
#include "protect.h"
#include "subject_key.h"

static void relation_changed(Datum arg, Oid relid);
static void syscache_changed(Datum arg, SysCacheIdentifier cacheid,
							 uint32 hash);
static void build(CgAuditRelation *table, Relation rel);
static bool sealing_category(Relation rel, AttrNumber attnum, int32 *category);
static int64 schema_digest(CgAuditRelation *table, Relation rel);
static bool schema_recorded(int64 id, Oid relid);

static HTAB *tables = NULL;

void
cg_audit_relation_init(void)
{
	cg_on_relcache(relation_changed);
	CacheRegisterSyscacheCallback(TYPEOID, syscache_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, syscache_changed, (Datum) 0);
}

static void
relation_changed(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	CgAuditRelation *table;

	if (tables == NULL)
		return;
	hash_seq_init(&status, tables);
	while ((table = hash_seq_search(&status)) != NULL)
		if (!OidIsValid(relid) || table->relid == relid ||
			list_member_oid(table->ancestors, relid))
			table->valid = false;
}

static void
syscache_changed(Datum arg, SysCacheIdentifier cacheid, uint32 hash)
{
	relation_changed(arg, InvalidOid);
}

CgAuditRelation *
cg_audit_relation(Relation rel)
{
	Oid			relid = RelationGetRelid(rel);
	CgAuditRelation *table;
	bool		found;

	if (tables == NULL)
	{
		HASHCTL		ctl;

		ctl.keysize = sizeof(Oid);
		ctl.entrysize = sizeof(CgAuditRelation);
		tables = hash_create("cipguard audited tables", 32, &ctl,
							 HASH_ELEM | HASH_BLOBS);
	}
	table = hash_search(tables, &relid, HASH_ENTER, &found);
	if (!found)
		memset((char *) table + sizeof(Oid), 0,
			   sizeof(CgAuditRelation) - sizeof(Oid));
	if (!table->valid)
		build(table, rel);
	return table;
}

static void
build(CgAuditRelation *table, Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	MemoryContext context;
	MemoryContext old;
	List	   *ancestors;
	Bitmapset  *key;
	char	   *name;
	Oid			function;
	bool		varlena;
	int			i;

	table->ancestors = NIL;
	if (table->context != NULL)
		MemoryContextDelete(table->context);
	table->context = NULL;
	context = AllocSetContextCreate(CacheMemoryContext,
									"cipguard audited table",
									ALLOCSET_SMALL_SIZES);
	table->context = context;

	/*
	 * Invalidations that arrive while we look around make the result stale at
	 * once: valid must be set first, so that they can unset it.
	 */
	table->valid = true;
	PG_TRY();
	{
		ancestors = cg_ancestors(RelationGetRelid(rel));
		name = cg_audit_relation_name(RelationGetRelid(rel));
		old = MemoryContextSwitchTo(context);
		table->ancestors = list_copy(ancestors);
		table->relname = cstring_to_text(name);
		table->columns = palloc0(sizeof(CgImageColumn) * Max(desc->natts, 1));
		MemoryContextSwitchTo(old);

		key = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_PRIMARY_KEY);
		if (bms_is_empty(key))
			key = RelationGetIndexAttrBitmap(rel,
											 INDEX_ATTR_BITMAP_IDENTITY_KEY);
		table->no_key = bms_is_empty(key);
		table->delicate = false;
		table->ncolumns = 0;
		for (i = 0; i < desc->natts; i++)
		{
			Form_pg_attribute att = TupleDescAttr(desc, i);
			CgImageColumn *column = &table->columns[table->ncolumns];
			int32		category;
			bool		sealed;

			if (att->attisdropped ||
				(att->attgenerated != '\0' &&
				 att->attgenerated != ATTRIBUTE_GENERATED_STORED))
				continue;
			column->attnum = att->attnum;
			column->key = table->no_key ||
				bms_is_member(att->attnum - FirstLowInvalidHeapAttributeNumber,
							  key);
			sealed = sealing_category(rel, att->attnum, &category);
			cg_image_describe(column, att->atttypid,
							  sealed ? &category : NULL, context);
			table->delicate |= column->delicate;
			table->ncolumns++;
		}

		table->subject = cg_subject_column(RelationGetRelid(rel));
		if (table->subject != InvalidAttrNumber)
		{
			Oid			type = TupleDescAttr(desc,
											 table->subject - 1)->atttypid;

			table->subject_encrypted = cg_is_encrypted_type(type);
			getTypeOutputInfo(type, &function, &varlena);
			fmgr_info_cxt(function, &table->subject_output, context);
		}
		table->schema_id = schema_digest(table, rel);
	}
	PG_CATCH();
	{
		table->valid = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/*
 * The category under which values of a column are encrypted in images; false
 * if they are not.  What is generated of protected columns and has no label is
 * of no category that anybody may read.
 */
static bool
sealing_category(Relation rel, AttrNumber attnum, int32 *category)
{
	Oid			relid = RelationGetRelid(rel);
	const CgCategory *c = cg_column_category(relid, attnum);
	const CgProtection *p = cg_protection(relid);
	const CgProtectedColumn *column = p == NULL ? NULL :
	cg_protected_column(p, attnum);

	if (c != NULL)
		*category = c->id;
	else if (column != NULL && column->derived)
		*category = cg_category_unclassified();
	else
		return false;
	return true;
}

/* ---------- what attribute numbers mean ---------- */

/* Digest of relation, attribute numbers, names and types. */
static int64
schema_digest(CgAuditRelation *table, Relation rel)
{
	StringInfoData buf;
	uint8		md[CG_SHA256_LEN];
	int			i;

	initStringInfo(&buf);
	appendStringInfo(&buf, "cipguard.audit_schema.1%c%u", 0, table->relid);
	for (i = 0; i < table->ncolumns; i++)
	{
		CgImageColumn *column = &table->columns[i];
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel),
											  column->attnum - 1);

		appendStringInfo(&buf, "%c%d %u ", 0, column->attnum, column->type);
		appendStringInfoString(&buf, quote_identifier(NameStr(att->attname)));
		appendStringInfoChar(&buf, ' ');
		appendStringInfoString(&buf, format_type_be_qualified(column->type));
	}
	if (cg_sha256(buf.data, buf.len, md) != CG_OK)
		elog(ERROR, "could not compute a digest");
	pfree(buf.data);
	return (int64) cg_get_u64(md);
}

/* Did some transaction commit the explanation of this schema already? */
static bool
schema_recorded(int64 id, Oid relid)
{
	Relation	rel = table_open(cg_audit_oid(CG_AUDIT_SCHEMA),
								 AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		isnull;
	bool		found = false;

	ScanKeyInit(&key, CG_SC_ID + 1, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(id));
	scan = systable_beginscan(rel, cg_audit_oid(CG_AUDIT_SCHEMA_INDEX), true,
							  snapshot, 1, &key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
		found = DatumGetObjectId(heap_getattr(tuple, CG_SC_RELID + 1,
											  RelationGetDescr(rel),
											  &isnull)) == relid;
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return found;
}

void
cg_audit_relation_record(CgAuditRelation *table)
{
	Datum		values[CG_SC_COLUMNS];
	bool		nulls[CG_SC_COLUMNS];
	Datum	   *attnums;
	Datum	   *names;
	Datum	   *types;
	Datum	   *type_names;
	int			n = table->ncolumns;
	int			i;

	if (table->once.done && table->written_id == table->schema_id &&
		table->written_table == cg_audit_oid(CG_AUDIT_SCHEMA))
		return;
	cg_once_reset(&table->once);
	table->written_id = table->schema_id;
	table->written_table = cg_audit_oid(CG_AUDIT_SCHEMA);
	if (schema_recorded(table->schema_id, table->relid))
	{
		/* It may be our own, not committed: look again next time. */
		cg_once_mark(&table->once);
		return;
	}

	attnums = palloc(sizeof(Datum) * Max(n, 1));
	names = palloc(sizeof(Datum) * Max(n, 1));
	types = palloc(sizeof(Datum) * Max(n, 1));
	type_names = palloc(sizeof(Datum) * Max(n, 1));
	for (i = 0; i < n; i++)
	{
		CgImageColumn *column = &table->columns[i];

		attnums[i] = Int16GetDatum(column->attnum);
		names[i] = CStringGetTextDatum(get_attname(table->relid,
												   column->attnum, false));
		types[i] = ObjectIdGetDatum(column->type);
		type_names[i] =
			CStringGetTextDatum(format_type_be_qualified(column->type));
	}

	memset(nulls, 0, sizeof(nulls));
	values[CG_SC_ID] = Int64GetDatum(table->schema_id);
	values[CG_SC_SEQ] = Int64GetDatum(cg_audit_next_seq());
	values[CG_SC_XID] = FullTransactionIdGetDatum(GetTopFullTransactionId());
	values[CG_SC_TS] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[CG_SC_RELID] = ObjectIdGetDatum(table->relid);
	values[CG_SC_RELNAME] = PointerGetDatum(table->relname);
	values[CG_SC_ATTNUMS] =
		PointerGetDatum(construct_array(attnums, n, INT2OID, 2, true,
										TYPALIGN_SHORT));
	values[CG_SC_NAMES] =
		PointerGetDatum(construct_array(names, n, TEXTOID, -1, false,
										TYPALIGN_INT));
	values[CG_SC_TYPES] =
		PointerGetDatum(construct_array(types, n, OIDOID, sizeof(Oid), true,
										TYPALIGN_INT));
	values[CG_SC_TYPE_NAMES] =
		PointerGetDatum(construct_array(type_names, n, TEXTOID, -1, false,
										TYPALIGN_INT));
	cg_audit_append(CG_AUDIT_SCHEMA, values, nulls);
	cg_once_mark(&table->once);
}

/* ---------- the person a row is about ---------- */

int64
cg_subject_tag(const char *subject, Size len)
{
	static CgToken *token = NULL;
	static uint64 as_of = 0;
	uint64		now = cg_keyring_refresh();
	uint8		tag[CG_TOKEN_LEN];

	/* Many tags are made in turn, and looking the key up takes longer. */
	if (as_of != now)
	{
		int32		domain = cg_name_hash(CG_DOMAIN_SUBJECT);
		uint16		version = cg_keyring_current(CG_KEY_KIND_TOKEN, domain);

		token = cg_keyring_token(domain, version, CG_SUITE_AES_SEARCHABLE,
								 false);
		as_of = now;
	}
	if (cg_token_make(token, CG_TYPE_TEXT, (const uint8 *) subject, len,
					  tag) != CG_OK)
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("could not compute the subject tag of a row")));
	return (int64) cg_get_u64(tag);
}

bool
cg_subject_tag_known(void)
{
	return cg_keyring_usable(CG_KEY_KIND_TOKEN,
							 cg_name_hash(CG_DOMAIN_SUBJECT));
}

bool
cg_audit_subject(CgAuditRelation *table, Datum value, bool isnull, int64 *tag)
{
	char	   *string;
	Size		len;

	if (isnull)
		return false;
	if (table->subject_encrypted)
	{
		CgEnvelope	env;

		cg_parse(PG_DETOAST_DATUM_PACKED(value), &env);
		if (cg_is_destroyed(&env))
			return false;
		string = cg_open(&env, &len);
	}
	else
	{
		string = OutputFunctionCall(&table->subject_output, value);
		len = strlen(string);
	}
	*tag = cg_subject_tag(string, len);
	if (table->subject_encrypted)
		explicit_bzero(string, len);
	return true;
}

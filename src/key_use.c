/*
 * key_use.c
 *		Which values use which versions of which keys.
 *
 * A key may be destroyed only when nothing needs it any more, so everything
 * that can hold an encrypted value is looked through, and of each value its
 * header is read:
 *
 * - columns of all tables and materialized views, in one snapshot, so that an
 *	 update cannot carry a value past the scan;
 * - constants in the catalogs: defaults, views, rules, checks, policies,
 *	 partition bounds, SQL functions and more;
 * - indexes that decrypt to compare: their inner pages keep values of rows
 *	 that are long gone, until REINDEX;
 * - images of the audit log.
 *
 * Not known: armor in text (function bodies, json, plain columns), and
 * temporary tables of other sessions.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/catalog.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_am.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_opclass.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "compat.h"

#include "acting.h"
#include "armor.h"
#include "audit_image.h"
#include "audit_store.h"
#include "category.h"
#include "keyring.h"
#include "label.h"
#include "renew.h"

#define FETCH_ROWS	1000

typedef struct CgUseKey
{
	char		kind;
	int32		owner;
	int32		version;
	Oid			relation;
	int32		attribute;		/* column, or number of an object's name */
	const char *place;			/* one of the words below */
} CgUseKey;

typedef struct CgUse
{
	CgUseKey	key;
	int64		rows;
} CgUse;

/* Where the values come from that are being counted. */
typedef struct CgCount
{
	HTAB	   *uses;
	List	   *names;			/* of objects: see attribute above */
	MemoryContext context;		/* of all that is kept */
	Oid			relation;
	int32		attribute;
	const char *place;
	Snapshot	snapshot;
} CgCount;

static const char *const in_column = "column";
static const char *const in_constant = "constant";
static const char *const in_index = "index";
static const char *const in_audit = "audit";

/* Expressions in catalogs; pg_node_tree cannot be had otherwise by type. */
static const char *const expressions =
"SELECT 'pg_attrdef'::regclass::oid, oid, adrelid, adbin::text FROM pg_attrdef"
" UNION ALL SELECT 'pg_rewrite'::regclass, oid, ev_class, ev_action::text FROM pg_rewrite"
" UNION ALL SELECT 'pg_rewrite'::regclass, oid, ev_class, ev_qual::text FROM pg_rewrite"
" UNION ALL SELECT 'pg_constraint'::regclass, oid, conrelid, conbin::text FROM pg_constraint"
" UNION ALL SELECT 'pg_class'::regclass, oid, oid, relpartbound::text FROM pg_class"
" UNION ALL SELECT 'pg_class'::regclass, indexrelid, indrelid, indexprs::text FROM pg_index"
" UNION ALL SELECT 'pg_class'::regclass, indexrelid, indrelid, indpred::text FROM pg_index"
" UNION ALL SELECT 'pg_class'::regclass, partrelid, partrelid, partexprs::text FROM pg_partitioned_table"
" UNION ALL SELECT 'pg_policy'::regclass, oid, polrelid, polqual::text FROM pg_policy"
" UNION ALL SELECT 'pg_policy'::regclass, oid, polrelid, polwithcheck::text FROM pg_policy"
" UNION ALL SELECT 'pg_trigger'::regclass, oid, tgrelid, tgqual::text FROM pg_trigger"
" UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, stxrelid, stxexprs::text FROM pg_statistic_ext"
" UNION ALL SELECT 'pg_publication_rel'::regclass, oid, prrelid, prqual::text FROM pg_publication_rel"
" UNION ALL SELECT 'pg_type'::regclass, oid, 0, typdefaultbin::text FROM pg_type"
" UNION ALL SELECT 'pg_proc'::regclass, oid, 0, proargdefaults::text FROM pg_proc"
" UNION ALL SELECT 'pg_proc'::regclass, oid, 0, prosqlbody::text FROM pg_proc";

static void count_value(const CgHead *head, void *arg);
static void add_use(CgCount *count, char kind, int32 owner, int32 version);
static void count_columns(CgCount *count);
static void count_table(CgCount *count, Oid relid);
static void count_constants(CgCount *count);
static bool find_constants(Node *node, void *arg);
static void count_indexes(CgCount *count);
static bool decrypts(Relation index, int column);
static void count_index(CgCount *count, Relation index, bool *columns);
static void count_images(CgCount *count);
static void count_image(CgCount *count, bytea *image);
static void count_armor(CgCount *count, const char *text, Size len);
static void put(CgCount *count, ReturnSetInfo *result);

/* key_use() RETURNS SETOF record */
PG_FUNCTION_INFO_V1(cipguard_key_use);
Datum
cipguard_key_use(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CgCount		count;
	HASHCTL		ctl;

	InitMaterializedSRF(fcinfo, 0);
	memset(&count, 0, sizeof(count));
	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = sizeof(CgUseKey);
	ctl.entrysize = sizeof(CgUse);
	ctl.hcxt = CurrentMemoryContext;
	count.context = CurrentMemoryContext;
	count.uses = hash_create("cipguard key use", 64, &ctl,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	count.snapshot = RegisterSnapshot(GetLatestSnapshot());
	PushActiveSnapshot(count.snapshot);
	count_columns(&count);
	count_constants(&count);
	count_indexes(&count);
	count_images(&count);
	PopActiveSnapshot();
	UnregisterSnapshot(count.snapshot);
	put(&count, result);
	return (Datum) 0;
}

static void
add_use(CgCount *count, char kind, int32 owner, int32 version)
{
	CgUseKey	key;
	CgUse	   *use;
	bool		found;

	memset(&key, 0, sizeof(key));
	key.kind = kind;
	key.owner = owner;
	key.version = version;
	key.relation = count->relation;
	key.attribute = count->attribute;
	key.place = count->place;
	use = hash_search(count->uses, &key, HASH_ENTER, &found);
	if (!found)
		use->rows = 0;
	use->rows++;
}

/* The data key of a person is counted by the person. */
static void
count_value(const CgHead *head, void *arg)
{
	CgCount    *count = arg;
	const CgCategory *c;

	if ((head->flags & CG_FLAG_SUBJECT) == 0)
		add_use(count, CG_KEY_KIND_DATA, (int32) head->category,
				head->dek_version);
	if (head->token_version == 0)
		return;
	c = cg_category_by_id((int32) head->category, true);
	if (c != NULL)
		add_use(count, CG_KEY_KIND_TOKEN, c->domain, head->token_version);
}

/* ---------- columns ---------- */

static void
count_columns(CgCount *count)
{
	Relation	attributes = table_open(AttributeRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(attributes, InvalidOid, false,
										  NULL, 0, NULL);
	HeapTuple	tuple;
	List	   *tables = NIL;
	ListCell   *lc;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_attribute a = (Form_pg_attribute) GETSTRUCT(tuple);

		if (a->attnum > 0 && !a->attisdropped &&
			a->attrelid >= FirstNormalObjectId &&
			cg_holds_encrypted(a->atttypid))
			tables = list_append_unique_oid(tables, a->attrelid);
	}
	systable_endscan(scan);
	table_close(attributes, AccessShareLock);
	count->place = in_column;
	foreach(lc, tables)
		count_table(count, lfirst_oid(lc));
}

static void
count_table(CgCount *count, Oid relid)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	TupleDesc	desc;
	TableScanDesc scan;
	TupleTableSlot *slot;
	CgHolder  **holders;
	MemoryContext per_row;
	int			natts = 0;
	int			i;

	if (rel == NULL)
		return;
	if ((rel->rd_rel->relkind != RELKIND_RELATION &&
		 rel->rd_rel->relkind != RELKIND_MATVIEW) || RELATION_IS_OTHER_TEMP(rel))
	{
		relation_close(rel, AccessShareLock);
		return;
	}
	desc = RelationGetDescr(rel);
	holders = palloc0(sizeof(CgHolder *) * desc->natts);
	for (i = 0; i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		holders[i] = cg_holder(TupleDescAttr(desc, i)->atttypid,
							   CurrentMemoryContext);
		if (holders[i] != NULL)
			natts = i + 1;
	}
	count->relation = relid;
	per_row = AllocSetContextCreate(CurrentMemoryContext,
									"cipguard row", ALLOCSET_DEFAULT_SIZES);
	slot = table_slot_create(rel, NULL);
	scan = CG_BEGINSCAN(rel, count->snapshot);
	while (natts > 0 && table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		MemoryContext old = MemoryContextSwitchTo(per_row);

		CHECK_FOR_INTERRUPTS();
		slot_getsomeattrs(slot, natts);
		for (i = 0; i < natts; i++)
		{
			if (holders[i] == NULL || slot->tts_isnull[i])
				continue;
			count->attribute = i + 1;
			cg_holder_visit(holders[i], slot->tts_values[i], count_value,
							count);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(per_row);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(per_row);
	relation_close(rel, AccessShareLock);
}

/* ---------- constants ---------- */

static void
count_constants(CgCount *count)
{
	CgActing	acting;
	uint64		i;

	count->place = in_constant;
	cg_act_begin(&acting, cg_audit_owner());
	cg_act_execute("SELECT * FROM (%s) e (class, object, relation, tree)"
				   " WHERE tree IS NOT NULL AND object >= %u",
				   expressions, FirstNormalObjectId);
	for (i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		ObjectAddress object;
		char	   *name;
		MemoryContext old;

		object.classId = DatumGetObjectId(SPI_getbinval(row, desc, 1, &isnull));
		object.objectId = DatumGetObjectId(SPI_getbinval(row, desc, 2,
														 &isnull));
		object.objectSubId = 0;
		count->relation = DatumGetObjectId(SPI_getbinval(row, desc, 3,
														 &isnull));
		name = getObjectDescription(&object, true);
		if (name == NULL)
			continue;
		old = MemoryContextSwitchTo(count->context);
		count->names = lappend(count->names, pstrdup(name));
		MemoryContextSwitchTo(old);
		count->attribute = list_length(count->names);
		(void) find_constants(stringToNode(SPI_getvalue(row, desc, 4)), count);
	}
	cg_act_end(&acting);
}

static bool
find_constants(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (IsA(node, Const))
	{
		Const	   *c = (Const *) node;
		CgHolder   *holder;

		if (!c->constisnull && cg_holds_encrypted(c->consttype) &&
			(holder = cg_holder(c->consttype, CurrentMemoryContext)) != NULL)
			cg_holder_visit(holder, c->constvalue, count_value, arg);
		return false;
	}
	if (IsA(node, PartitionBoundSpec))
	{
		PartitionBoundSpec *bound = (PartitionBoundSpec *) node;

		return find_constants((Node *) bound->listdatums, arg) ||
			find_constants((Node *) bound->lowerdatums, arg) ||
			find_constants((Node *) bound->upperdatums, arg);
	}
	if (IsA(node, PartitionRangeDatum))
		return find_constants(((PartitionRangeDatum *) node)->value, arg);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, find_constants, arg, 0);
	return expression_tree_walker(node, find_constants, arg);
}

/* ---------- indexes ---------- */

/* Does this column of a btree have an operator class other than by token? */
static bool
decrypts(Relation index, int column)
{
	HeapTuple	tuple;
	Oid			opclass;
	Datum		classes;
	Form_pg_opclass form;
	bool		isnull;
	bool		result;

	if (column >= IndexRelationGetNumberOfKeyAttributes(index))
		return false;
	classes = SysCacheGetAttr(INDEXRELID, index->rd_indextuple,
							  Anum_pg_index_indclass, &isnull);
	opclass = ((oidvector *) DatumGetPointer(classes))->values[column];
	tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass));
	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_opclass) GETSTRUCT(tuple);
	result = !form->opcdefault && cg_is_encrypted_type(form->opcintype);
	ReleaseSysCache(tuple);
	return result;
}

static void
count_indexes(CgCount *count)
{
	Relation	indexes = table_open(IndexRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(indexes, InvalidOid, false,
										  NULL, 0, NULL);
	HeapTuple	tuple;
	List	   *all = NIL;
	ListCell   *lc;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_index form = (Form_pg_index) GETSTRUCT(tuple);

		if (form->indexrelid >= FirstNormalObjectId)
			all = lappend_oid(all, form->indexrelid);
	}
	systable_endscan(scan);
	table_close(indexes, AccessShareLock);

	count->place = in_index;
	foreach(lc, all)
	{
		Relation	index = try_relation_open(lfirst_oid(lc), AccessShareLock);
		bool	   *columns;
		bool		any = false;
		int			i;

		if (index == NULL)
			continue;
		if (index->rd_rel->relkind == RELKIND_INDEX &&
			index->rd_rel->relam == BTREE_AM_OID &&
			!RELATION_IS_OTHER_TEMP(index))
		{
			columns = palloc0(sizeof(bool) * RelationGetDescr(index)->natts);
			for (i = 0; i < RelationGetDescr(index)->natts; i++)
				any |= columns[i] = decrypts(index, i);
			if (any)
				count_index(count, index, columns);
		}
		relation_close(index, AccessShareLock);
	}
}

/* Entries of all pages, those of rows that are gone, too. */
static void
count_index(CgCount *count, Relation index, bool *columns)
{
	TupleDesc	desc = RelationGetDescr(index);
	BlockNumber blocks = RelationGetNumberOfBlocks(index);
	BlockNumber block;
	CgHolder  **holders = palloc0(sizeof(CgHolder *) * desc->natts);
	Page		page = palloc(BLCKSZ);
	int			i;

	count->relation = RelationGetRelid(index);
	for (i = 0; i < desc->natts; i++)
		if (columns[i])
			holders[i] = cg_holder(TupleDescAttr(desc, i)->atttypid,
								   CurrentMemoryContext);
	for (block = 1; block < blocks; block++)
	{
		Buffer		buffer = ReadBuffer(index, block);
		OffsetNumber offset;
		OffsetNumber last;

		CHECK_FOR_INTERRUPTS();
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		memcpy(page, BufferGetPage(buffer), BLCKSZ);
		UnlockReleaseBuffer(buffer);
		if (PageIsNew(page) || P_IGNORE(BTPageGetOpaque(page)))
			continue;
		last = PageGetMaxOffsetNumber(page);
		for (offset = FirstOffsetNumber; offset <= last;
			 offset = OffsetNumberNext(offset))
		{
			IndexTuple	entry = (IndexTuple)
			PageGetItem(page, PageGetItemId(page, offset));
			int			natts = BTreeTupleGetNAtts(entry, index);

			for (i = 0; i < Min(natts, desc->natts); i++)
			{
				bool		isnull;
				Datum		value;

				if (holders[i] == NULL)
					continue;
				value = index_getattr(entry, i + 1, desc, &isnull);
				count->attribute = i + 1;
				if (!isnull)
					cg_holder_visit(holders[i], value, count_value, count);
			}
		}
	}
}

/* ---------- audit log ---------- */

static void
count_images(CgCount *count)
{
	CgActing	acting;
	Portal		portal;

	count->place = in_audit;
	count->attribute = 0;
	cg_act_begin(&acting, cg_audit_owner());
	portal = SPI_cursor_open_with_args(NULL,
									   "SELECT relid, old, new"
									   " FROM cipguard.audit_event"
									   " WHERE NOT spooled",
									   0, NULL, NULL, NULL, true, 0);
	for (;;)
	{
		uint64		i;

		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		for (i = 0; i < SPI_processed; i++)
		{
			HeapTuple	row = SPI_tuptable->vals[i];
			TupleDesc	desc = SPI_tuptable->tupdesc;
			bool		isnull;
			int			j;

			count->relation = DatumGetObjectId(SPI_getbinval(row, desc, 1,
															 &isnull));
			for (j = 2; j <= 3; j++)
			{
				Datum		image = SPI_getbinval(row, desc, j, &isnull);

				if (!isnull)
					count_image(count, DatumGetByteaPP(image));
			}
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	cg_act_end(&acting);
}

static void
count_image(CgCount *count, bytea *image)
{
	CgImageEntry entry;
	const char *cursor;
	int64		schema;
	CgHead		head;

	if (!cg_image_open(image, &schema, &cursor))
		return;
	while (cg_image_next(image, &cursor, &entry))
	{
		if (entry.isnull)
			continue;
		switch (entry.mode)
		{
			case CG_MODE_DATUM:
			case CG_MODE_SEALED:
				if (cg_head_parse((const uint8 *) entry.data, entry.len,
								  &head))
					count_value(&head, count);
				break;
			case CG_MODE_TEXT:
				count_armor(count, entry.data, entry.len);
				break;
			case CG_MODE_SEND:
				break;
		}
	}
}

/* Values in arrays and composite types: text with armor in it. */
static void
count_armor(CgCount *count, const char *text, Size len)
{
	const Size	prefix_len = strlen(CG_ARMOR_PREFIX);
	const Size	need = CG_ARMOR_LEN(CG_HEADER_LEN);
	Size		i;

	for (i = 0; i + need <= len; i++)
	{
		uint8		bytes[CG_HEADER_LEN];
		size_t		n = 0;
		CgHead		head;

		if (memcmp(text + i, CG_ARMOR_PREFIX, prefix_len) != 0)
			continue;
		if (cg_armor_decode(text + i, need, bytes, sizeof(bytes),
							&n) == CG_OK && cg_head_parse(bytes, n, &head))
			count_value(&head, count);
		i += need - 1;
	}
}

/* ---------- */

static void
put(CgCount *count, ReturnSetInfo *result)
{
	HASH_SEQ_STATUS status;
	CgUse	   *use;

	hash_seq_init(&status, count->uses);
	while ((use = hash_seq_search(&status)) != NULL)
	{
		Datum		values[7];
		bool		nulls[7] = {0};
		char	   *attribute = NULL;

		if (use->key.place == in_constant)
		{
			Assert(count->names != NIL);
			attribute = list_nth(count->names, use->key.attribute - 1);
		}
		else if (use->key.attribute > 0)
			attribute = get_attname(use->key.relation,
									(AttrNumber) use->key.attribute, true);
		values[0] = CharGetDatum(use->key.kind);
		values[1] = Int32GetDatum(use->key.owner);
		values[2] = Int32GetDatum(use->key.version);
		values[3] = ObjectIdGetDatum(use->key.relation);
		nulls[3] = !OidIsValid(use->key.relation);
		nulls[4] = attribute == NULL;
		values[4] = nulls[4] ? (Datum) 0 : CStringGetTextDatum(attribute);
		values[5] = CStringGetTextDatum(use->key.place);
		values[6] = Int64GetDatum(use->rows);
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
}

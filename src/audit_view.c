/*
 * audit_view.c
 *		Reading the audit log: row images as jsonb.
 *
 * All values are JSON strings in the text form of their type, NULL is null.
 * Protected values are armor for everybody: who may read them decrypts the
 * armor.  What cannot be shown as it was meant never fails the query:
 *
 *	"?7": "\\x..."		bytes of attribute 7, its type is gone or another, or
 *						the schema of the image is not in the log
 *	{"bytes": 12345}	too long to show
 *
 * A type is used only if both OID and name are those it was written with.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"

#include "armor.h"
#include "audit_image.h"
#include "audit_relation.h"
#include "cipguard.h"

#define MAX_VALUE_SHOWN		((Size) 1024 * 1024)
#define MAX_IMAGE_SHOWN		((Size) 32 * 1024 * 1024)

typedef struct CgSchemaColumn
{
	AttrNumber	attnum;
	bool		usable;			/* its type is what it was */
	char	   *name;
	Oid			ioparam;
	FmgrInfo	receive;
	FmgrInfo	output;
} CgSchemaColumn;

typedef struct CgSchemaKey
{
	int64		id;
	int64		relid;			/* widened: no padding in a hash key */
} CgSchemaKey;

typedef struct CgSchema
{
	CgSchemaKey key;
	int			ncolumns;
	CgSchemaColumn *columns;
} CgSchema;

static CgSchema *find_schema(FunctionCallInfo fcinfo, int64 id, Oid relid);
static void load_schema(CgSchema *schema, MemoryContext context);
static CgSchemaColumn *schema_column(CgSchema *schema, AttrNumber attnum);
static void show_entry(StringInfo json, CgSchema *schema,
					   const CgImageEntry *entry);
static void show_hex(StringInfo json, const CgImageEntry *entry);

/* audit_image(relid oid, image bytea) RETURNS jsonb */
PG_FUNCTION_INFO_V1(cipguard_audit_image);
Datum
cipguard_audit_image(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	bytea	   *image = PG_GETARG_BYTEA_PP(1);
	CgImageSettings saved;
	CgImageEntry entry;
	StringInfoData json;
	const char *cursor;
	int64		id;
	CgSchema   *schema;
	Datum		result;
	bool		first = true;

	if (!cg_image_open(image, &id, &cursor))
		PG_RETURN_NULL();
	schema = find_schema(fcinfo, id, relid);

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	cg_image_settings_push(&saved, false);
	PG_TRY();
	{
		while (cg_image_next(image, &cursor, &entry))
		{
			if (!first)
				appendStringInfoChar(&json, ',');
			first = false;
			show_entry(&json, schema, &entry);
		}
	}
	PG_FINALLY();
	{
		cg_image_settings_pop(&saved);
	}
	PG_END_TRY();
	appendStringInfoChar(&json, '}');

	result = DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
	PG_RETURN_DATUM(result);
}

/* audit_columns(relid oid, image bytea, cols int2[]) RETURNS text[] */
PG_FUNCTION_INFO_V1(cipguard_audit_columns);
Datum
cipguard_audit_columns(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	bytea	   *image = PG_GETARG_BYTEA_PP(1);
	ArrayType  *cols = PG_GETARG_ARRAYTYPE_P(2);
	CgSchema   *schema;
	const char *cursor;
	int64		id;
	Datum	   *values;
	bool	   *nulls;
	int			n;
	int			i;

	if (!cg_image_open(image, &id, &cursor))
		PG_RETURN_NULL();
	schema = find_schema(fcinfo, id, relid);
	deconstruct_array(cols, INT2OID, 2, true, TYPALIGN_SHORT, &values, &nulls,
					  &n);
	for (i = 0; i < n; i++)
	{
		CgSchemaColumn *column = schema_column(schema, DatumGetInt16(values[i]));

		values[i] = column != NULL ? CStringGetTextDatum(column->name) :
			CStringGetTextDatum(psprintf("?%d", DatumGetInt16(values[i])));
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(values, n, TEXTOID, -1, false,
										  TYPALIGN_INT));
}

/* audit_note(image bytea, part integer) RETURNS text */
PG_FUNCTION_INFO_V1(cipguard_audit_note);
Datum
cipguard_audit_note(PG_FUNCTION_ARGS)
{
	bytea	   *image = PG_GETARG_BYTEA_PP(0);
	int32		part = PG_GETARG_INT32(1);
	const char *p = VARDATA_ANY(image);
	const char *end = p + VARSIZE_ANY_EXHDR(image);
	const char *middle;

	if (p == end || *p++ != CG_IMAGE_NOTE)
		PG_RETURN_NULL();
	middle = memchr(p, '\0', end - p);
	if (middle == NULL)
		middle = end;
	if (part == 1)
		end = middle;
	else if (part == 2 && middle < end)
		p = middle + 1;
	else
		PG_RETURN_NULL();
	pg_verifymbstr(p, (int) (end - p), false);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(p, (int) (end - p)));
}

/* subject_tag(subject text) RETURNS bigint */
PG_FUNCTION_INFO_V1(cipguard_subject_tag);
Datum
cipguard_subject_tag(PG_FUNCTION_ARGS)
{
	text	   *subject = PG_GETARG_TEXT_PP(0);

	PG_RETURN_INT64(cg_subject_tag(VARDATA_ANY(subject),
								   VARSIZE_ANY_EXHDR(subject)));
}

/* Cached for the query; without columns if the log does not know it. */
static CgSchema *
find_schema(FunctionCallInfo fcinfo, int64 id, Oid relid)
{
	HTAB	   *cache = fcinfo->flinfo->fn_extra;
	CgSchemaKey key;
	CgSchema   *schema;
	bool		found;

	if (cache == NULL)
	{
		HASHCTL		ctl;

		ctl.keysize = sizeof(CgSchemaKey);
		ctl.entrysize = sizeof(CgSchema);
		ctl.hcxt = fcinfo->flinfo->fn_mcxt;
		cache = hash_create("cipguard audit schemas", 16, &ctl,
							HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		fcinfo->flinfo->fn_extra = cache;
	}
	key.id = id;
	key.relid = relid;
	schema = hash_search(cache, &key, HASH_FIND, NULL);
	if (schema == NULL)
	{
		CgSchema	fresh;

		fresh.key = key;
		load_schema(&fresh, fcinfo->flinfo->fn_mcxt);
		schema = hash_search(cache, &key, HASH_ENTER, &found);
		*schema = fresh;
	}
	return schema;
}

static void
load_schema(CgSchema *schema, MemoryContext context)
{
	static const struct
	{
		Oid			type;
		int			len;
		bool		byval;
		char		align;
	}			arrays[] = {
		{INT2OID, 2, true, TYPALIGN_SHORT},
		{TEXTOID, -1, false, TYPALIGN_INT},
		{OIDOID, sizeof(Oid), true, TYPALIGN_INT},
		{TEXTOID, -1, false, TYPALIGN_INT}
	};
	Relation	rel = table_open(cg_audit_oid(CG_AUDIT_SCHEMA),
								 AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Datum	   *parts[4];
	bool	   *nulls;
	bool		isnull;
	int			n[4];
	int			i;

	schema->ncolumns = 0;
	schema->columns = NULL;
	ScanKeyInit(&key, CG_SC_ID + 1, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(schema->key.id));

	/* No snapshot of our own: parallel mode forbids to take one. */
	scan = systable_beginscan(rel, cg_audit_oid(CG_AUDIT_SCHEMA_INDEX), true,
							  NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		TupleDesc	desc = RelationGetDescr(rel);

		if (DatumGetObjectId(heap_getattr(tuple, CG_SC_RELID + 1, desc,
										  &isnull)) != schema->key.relid)
			continue;
		for (i = 0; i < 4; i++)
		{
			Datum		value = heap_getattr(tuple, CG_SC_ATTNUMS + 1 + i,
											 desc, &isnull);

			deconstruct_array(DatumGetArrayTypePCopy(value), arrays[i].type,
							  arrays[i].len, arrays[i].byval, arrays[i].align,
							  &parts[i], &nulls, &n[i]);
			if (n[i] != n[0])
				elog(ERROR, "malformed row of cipguard.audit_schema");
		}
		schema->columns = MemoryContextAllocZero(context,
												 sizeof(CgSchemaColumn) *
												 Max(n[0], 1));
		schema->ncolumns = n[0];
		break;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);

	for (i = 0; i < schema->ncolumns; i++)
	{
		CgSchemaColumn *column = &schema->columns[i];
		Oid			type = DatumGetObjectId(parts[2][i]);
		char	   *type_name = TextDatumGetCString(parts[3][i]);
		Oid			function;
		bool		varlena;

		column->attnum = DatumGetInt16(parts[0][i]);
		column->name = MemoryContextStrdup(context,
										   TextDatumGetCString(parts[1][i]));
		column->usable = cg_image_receivable(type) &&
			strcmp(format_type_be_qualified(type), type_name) == 0;
		if (!column->usable)
			continue;
		getTypeBinaryInputInfo(type, &function, &column->ioparam);
		fmgr_info_cxt(function, &column->receive, context);
		getTypeOutputInfo(type, &function, &varlena);
		fmgr_info_cxt(function, &column->output, context);
	}
}

static CgSchemaColumn *
schema_column(CgSchema *schema, AttrNumber attnum)
{
	int			i;

	for (i = 0; i < schema->ncolumns; i++)
		if (schema->columns[i].attnum == attnum)
			return &schema->columns[i];
	return NULL;
}

static void
show_entry(StringInfo json, CgSchema *schema, const CgImageEntry *entry)
{
	CgSchemaColumn *column = schema_column(schema, entry->attnum);
	StringInfoData bytes;
	Datum		value;
	char	   *string;

	if (column == NULL || (entry->mode == CG_MODE_SEND && !entry->isnull &&
						   !column->usable))
	{
		show_hex(json, entry);
		return;
	}
	escape_json(json, column->name);
	appendStringInfoChar(json, ':');
	if (entry->isnull)
	{
		appendStringInfoString(json, "null");
		return;
	}
	if (entry->len > MAX_VALUE_SHOWN ||
		json->len + entry->len > MAX_IMAGE_SHOWN)
	{
		appendStringInfo(json, "{\"bytes\":%zu}", entry->len);
		return;
	}
	switch (entry->mode)
	{
		case CG_MODE_SEND:
			initStringInfo(&bytes);
			appendBinaryStringInfo(&bytes, entry->data, (int) entry->len);
			value = ReceiveFunctionCall(&column->receive, &bytes,
										column->ioparam, -1);
			if (bytes.cursor != bytes.len)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						 errmsg("invalid row image"),
						 errhint("The row of the audit log is damaged; leave it out by \"seq\" to read the others.")));
			string = OutputFunctionCall(&column->output, value);
			break;
		case CG_MODE_TEXT:
			string = pnstrdup(entry->data, entry->len);
			pg_verifymbstr(entry->data, (int) entry->len, false);
			break;
		default:
			string = palloc(CG_ARMOR_LEN(entry->len) + 1);
			string[cg_armor_encode((const uint8 *) entry->data, entry->len,
								   string)] = '\0';
			break;
	}
	escape_json(json, string);
}

static void
show_hex(StringInfo json, const CgImageEntry *entry)
{
	char	   *string;
	uint64		len;

	appendStringInfo(json, "\"?%d\":", entry->attnum);
	if (entry->isnull)
		appendStringInfoString(json, "null");
	else if (entry->len > MAX_VALUE_SHOWN / 2 ||
			 json->len + entry->len * 2 > MAX_IMAGE_SHOWN)
		appendStringInfo(json, "{\"bytes\":%zu}", entry->len);
	else if (entry->mode == CG_MODE_TEXT)
	{
		string = pnstrdup(entry->data, entry->len);
		pg_verifymbstr(entry->data, (int) entry->len, false);
		escape_json(json, string);
	}
	else if (entry->mode != CG_MODE_SEND)
	{
		string = palloc(CG_ARMOR_LEN(entry->len) + 1);
		string[cg_armor_encode((const uint8 *) entry->data, entry->len,
							   string)] = '\0';
		escape_json(json, string);
	}
	else
	{
		string = palloc(entry->len * 2 + 1);
		len = hex_encode(entry->data, entry->len, string);
		string[len] = '\0';
		appendStringInfo(json, "\"\\\\x%s\"", string);
	}
}

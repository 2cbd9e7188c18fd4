/*
 * audit_image.c
 *		Row images of the audit log: how a row becomes bytes.
 *
 * Values are stored in the binary form of their type's send function, which
 * is shorter and quicker than text and does not depend on DateStyle and its
 * kin.  Two traps:
 *
 * - Send functions of textual types convert to the client's encoding, so two
 *   sessions would write one value differently.  While they run, the client
 *   encoding is that of the database.
 *
 * - Receive functions of domains and composite types run code of whoever made
 *   the type (CHECK constraints), and would do so as the auditor who reads the
 *   log.  Domains are replaced by their base type; composite types, and arrays
 *   and ranges with anything but a base type inside, are stored as text, and
 *   text is never parsed again.  Enums too: their labels can be renamed.
 *
 * Protected values: one of an encrypted type is copied as it is stored; one
 * of a labelled plain column is encrypted here.  An encrypted type inside an
 * array or composite type is armored by its output function.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rangetypes.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"

#include "audit_image.h"
#include "bytes.h"
#include "cipguard.h"
#include "crypt.h"
#include "label.h"

static bool is_verbatim(Oid type);
static void add_entry(StringInfo buf, const CgImageColumn *column,
					  const void *data, Size len);
static void malformed(void);

/* Varlena types whose send function copies the bytes in server encoding. */
static bool
is_verbatim(Oid type)
{
	return type == TEXTOID || type == VARCHAROID || type == BPCHAROID ||
		type == BYTEAOID || type == JSONOID;
}

bool
cg_image_receivable(Oid type)
{
	HeapTuple	tuple;
	Form_pg_type form;
	bool		result;
	char		typtype;
	Oid			elem;

	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_type) GETSTRUCT(tuple);
	typtype = form->typtype;
	elem = form->typelem;
	result = form->typisdefined && OidIsValid(form->typreceive) &&
		OidIsValid(form->typsend);
	if (result && typtype == TYPTYPE_BASE && !IsTrueArrayType(form))
		elem = InvalidOid;
	ReleaseSysCache(tuple);

	if (!result || cg_is_encrypted_type(type))
		return false;
	switch (typtype)
	{
		case TYPTYPE_BASE:
			return !OidIsValid(elem) ||
				(get_typtype(elem) == TYPTYPE_BASE &&
				 cg_image_receivable(elem));
		case TYPTYPE_RANGE:
			elem = get_range_subtype(type);
			return get_typtype(elem) == TYPTYPE_BASE &&
				cg_image_receivable(elem);
		case TYPTYPE_MULTIRANGE:
			return cg_image_receivable(get_multirange_range(type));
		default:
			return false;
	}
}

void
cg_image_describe(CgImageColumn *column, Oid type, const int32 *category,
				  MemoryContext context)
{
	Oid			base = getBaseType(type);
	Oid			elem = get_element_type(base);
	Oid			function;
	bool		varlena;
	char		align;

	column->type = base;
	column->verbatim = false;
	column->delicate = false;
	column->category = 0;
	get_typlenbyvalalign(base, &column->typlen, &column->typbyval, &align);

	if (cg_is_encrypted_type(base))
	{
		column->mode = CG_MODE_DATUM;
		return;
	}
	if (category != NULL &&
		!(OidIsValid(elem) && cg_is_encrypted_type(elem)))
	{
		column->mode = CG_MODE_SEALED;
		column->category = *category;
	}
	else if (cg_image_receivable(base))
	{
		column->mode = CG_MODE_SEND;
		column->verbatim = is_verbatim(base);
		getTypeBinaryOutputInfo(base, &function, &varlena);
		fmgr_info_cxt(function, &column->convert, context);
		return;
	}
	else
		column->mode = CG_MODE_TEXT;

	column->delicate = true;
	getTypeOutputInfo(base, &function, &varlena);
	fmgr_info_cxt(function, &column->convert, context);
}

/* Image under construction; the varlena header is set by cg_image_finish. */
void
cg_image_begin(StringInfo buf, int64 schema_id)
{
	uint8	   *head;

	initStringInfo(buf);
	head = (uint8 *) buf->data + VARHDRSZ;
	head[0] = CG_IMAGE_ROW;
	cg_put_u32(head + 1, (uint32) ((uint64) schema_id >> 32));
	cg_put_u32(head + 5, (uint32) schema_id);
	buf->len = VARHDRSZ + CG_IMAGE_HEADER_LEN;
}

static void
add_entry(StringInfo buf, const CgImageColumn *column,
		  const void *data, Size len)
{
	uint8	   *p;

	if (buf->len + len > CG_IMAGE_MAX)
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("row is too large for the audit log"),
				 errdetail("The images of one change must not exceed %zu bytes.",
						   CG_IMAGE_MAX),
				 errhint("Change less at once, or move large values into a table that is not audited.")));
	if (buf->len + (int) len + CG_ENTRY_HEAD_MAX >= buf->maxlen)
		enlargeStringInfo(buf, (int) len + CG_ENTRY_HEAD_MAX);
	p = (uint8 *) buf->data + buf->len;
	p += cg_entry_head(column->mode, column->attnum, data == NULL, len, p);
	if (data != NULL)
		memcpy(p, data, len);
	buf->len = (int) (p - (uint8 *) buf->data + len);
}

/*
 * Append a value.  Memory is left to the caller's context.  The common types
 * are written here, with the bytes that their send function would give.
 */
void
cg_image_add(StringInfo buf, const CgImageColumn *column,
			 Datum value, bool isnull)
{
	FmgrInfo   *convert = unconstify(FmgrInfo *, &column->convert);
	struct varlena *v;
	char	   *string;
	uint8		b[8];

	if (isnull)
	{
		add_entry(buf, column, NULL, 0);
		return;
	}
	switch (column->mode)
	{
		case CG_MODE_SEND:
			if (column->verbatim)
			{
				v = PG_DETOAST_DATUM_PACKED(value);
				add_entry(buf, column, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
				return;
			}
			switch (column->type)
			{
				case BOOLOID:
					b[0] = DatumGetBool(value) ? 1 : 0;
					add_entry(buf, column, b, 1);
					return;
				case INT2OID:
					cg_put_u16(b, (uint16) DatumGetInt16(value));
					add_entry(buf, column, b, 2);
					return;
				case INT4OID:
				case DATEOID:
					cg_put_u32(b, (uint32) DatumGetInt32(value));
					add_entry(buf, column, b, 4);
					return;
				case INT8OID:
				case TIMESTAMPOID:
				case TIMESTAMPTZOID:
					cg_put_u32(b, (uint32) ((uint64) DatumGetInt64(value) >> 32));
					cg_put_u32(b + 4, (uint32) DatumGetInt64(value));
					add_entry(buf, column, b, 8);
					return;
				default:
					v = (struct varlena *) SendFunctionCall(convert, value);
					add_entry(buf, column, VARDATA(v), VARSIZE(v) - VARHDRSZ);
					return;
			}
		case CG_MODE_TEXT:
			string = OutputFunctionCall(convert, value);
			add_entry(buf, column, string, strlen(string));
			return;
		case CG_MODE_DATUM:
			v = PG_DETOAST_DATUM_PACKED(value);
			add_entry(buf, column, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
			return;
		case CG_MODE_SEALED:
			string = OutputFunctionCall(convert, value);
			v = cg_encrypt_text(cg_category_by_id(column->category, false),
								string, strlen(string));
			add_entry(buf, column, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
			explicit_bzero(string, strlen(string));
			return;
	}
	elog(ERROR, "unrecognized image mode: %d", (int) column->mode);
}

bytea *
cg_image_finish(StringInfo buf)
{
	SET_VARSIZE(buf->data, buf->len);
	return (bytea *) buf->data;
}

bytea *
cg_image_note(const char *what, const char *detail)
{
	Size		what_len = strlen(what) + 1;
	Size		detail_len = strlen(detail);
	bytea	   *image = palloc(VARHDRSZ + 1 + what_len + detail_len);

	SET_VARSIZE(image, VARHDRSZ + 1 + what_len + detail_len);
	*(uint8 *) VARDATA(image) = CG_IMAGE_NOTE;
	memcpy(VARDATA(image) + 1, what, what_len);
	memcpy(VARDATA(image) + 1 + what_len, detail, detail_len);
	return image;
}

static void
malformed(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid row image"),
			 errhint("The row of the audit log is damaged; leave it out by \"seq\" to read the others.")));
}

bool
cg_image_open(const bytea *image, int64 *schema_id, const char **cursor)
{
	const uint8 *p = (const uint8 *) VARDATA_ANY(image);

	if (VARSIZE_ANY_EXHDR(image) < CG_IMAGE_HEADER_LEN ||
		p[0] != CG_IMAGE_ROW)
		return false;
	*schema_id = (int64) cg_get_u64(p + 1);
	*cursor = (const char *) p + CG_IMAGE_HEADER_LEN;
	return true;
}

bool
cg_image_next(const bytea *image, const char **cursor, CgImageEntry *entry)
{
	const char *end = VARDATA_ANY(image) + VARSIZE_ANY_EXHDR(image);
	CgStatus	status;

	if (cg_entry_next(cursor, end, entry, &status))
		return true;
	if (status != CG_OK)
		malformed();
	return false;
}

/* Would send and receive functions convert text? */
bool
cg_image_foreign_encoding(void)
{
	return pg_get_client_encoding() != GetDatabaseEncoding();
}

void
cg_image_settings_push(CgImageSettings *saved, bool output)
{
	saved->encoding = pg_get_client_encoding();
	saved->date_style = DateStyle;
	saved->interval_style = IntervalStyle;
	saved->float_digits = extra_float_digits;
	saved->bytea_style = bytea_output;
	saved->output = output;

	(void) SetClientEncoding(GetDatabaseEncoding());
	if (output)
	{
		DateStyle = USE_ISO_DATES;
		IntervalStyle = INTSTYLE_POSTGRES;
		extra_float_digits = 1;
		bytea_output = BYTEA_OUTPUT_HEX;
		cg_armor_depth++;
	}
}

void
cg_image_settings_pop(const CgImageSettings *saved)
{
	(void) SetClientEncoding(saved->encoding);
	if (saved->output)
	{
		DateStyle = saved->date_style;
		IntervalStyle = saved->interval_style;
		extra_float_digits = saved->float_digits;
		bytea_output = saved->bytea_style;
		cg_armor_depth--;
	}
}

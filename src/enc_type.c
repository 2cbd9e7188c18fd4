/*
 * enc_type.c
 *		The encrypted types: which plain type each stands for, and how its
 *		values become the bytes that are encrypted.
 *
 * What differs between the types is in this file; the functions that SQL
 * calls (type_*.c) are shared.  They learn the type from the declaration of
 * the function that was called, never from the bytes of a value, so that a
 * value of another type is refused and not taken for what it is not.
 *
 * No OID is compiled in; they are looked up by name in the schema of the
 * extension and forgotten when types or schemas change.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/inet.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "compat.h"

#include "catalog.h"
#include "cipguard.h"
#include "enc_type.h"
#include "encoding.h"

#define JSONB_FORMAT	1		/* first byte of its binary form */

static void forget_types(Datum arg, int cacheid, uint32 hashvalue);
static void load_types(void);
static Datum receive(uint8 tag, const char *stored, Size len);
pg_noreturn static void damaged(void);
static char *iso_date(DateADT date);
static char *iso_timestamptz(TimestampTz timestamp);

static const CgEncType types[CG_NUM_TYPES] = {
	{CG_TYPE_TEXT, "enc_text", TEXTOID, false, true,
	textin, textout, textrecv, textsend},
	{CG_TYPE_INT8, "enc_int8", INT8OID, true, true,
	int8in, int8out, int8recv, int8send},
	{CG_TYPE_NUMERIC, "enc_numeric", NUMERICOID, false, true,
	numeric_in, numeric_out, numeric_recv, numeric_send},
	{CG_TYPE_BOOL, "enc_bool", BOOLOID, true, false,
	boolin, boolout, boolrecv, boolsend},
	{CG_TYPE_DATE, "enc_date", DATEOID, true, true,
	date_in, date_out, date_recv, date_send},
	{CG_TYPE_TIMESTAMPTZ, "enc_timestamptz", TIMESTAMPTZOID, true, true,
	timestamptz_in, timestamptz_out, timestamptz_recv, timestamptz_send},
	{CG_TYPE_UUID, "enc_uuid", UUIDOID, true, false,
	uuid_in, uuid_out, uuid_recv, uuid_send},
	{CG_TYPE_INET, "enc_inet", INETOID, false, false,
	inet_in, inet_out, inet_recv, inet_send},
	{CG_TYPE_JSONB, "enc_jsonb", JSONBOID, false, false,
	jsonb_in, jsonb_out, jsonb_recv, jsonb_send},
	{CG_TYPE_BYTEA, "enc_bytea", BYTEAOID, false, false,
	byteain, byteaout, bytearecv, byteasend}
};

#define NUM_CALLED		16

/* By tag - 1, in this database. */
static struct
{
	bool		loaded;
	struct
	{
		Oid			func;
		int			argno;
		const CgEncType *type;
	}			called[NUM_CALLED]; /* by function: cg_called_type() */
	Oid			type[CG_NUM_TYPES];
	Oid			array[CG_NUM_TYPES];
}			known;

static uint64 times_loaded = 0;

void
cg_enc_type_init(void)
{
	CacheRegisterSyscacheCallback(TYPEOID, forget_types, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, forget_types, (Datum) 0);
}

static void
forget_types(Datum arg, int cacheid, uint32 hashvalue)
{
	known.loaded = false;
}

uint64
cg_enc_type_epoch(void)
{
	load_types();
	return times_loaded;
}

static void
load_types(void)
{
	Oid			nspoid;
	int			i;

	if (known.loaded)
		return;

	/* An invalidation during the look-ups makes the next call repeat them. */
	memset(&known, 0, sizeof(known));
	known.loaded = true;
	times_loaded++;
	nspoid = cg_schema_oid();
	if (!OidIsValid(nspoid))
		return;
	for (i = 0; i < CG_NUM_TYPES; i++)
	{
		Oid			typid = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
											CStringGetDatum(types[i].name),
											ObjectIdGetDatum(nspoid));

		known.type[i] = typid;
		if (OidIsValid(typid))
			known.array[i] = get_array_type(typid);
	}
}

const CgEncType *
cg_enc_type(uint8 tag)
{
	return tag >= 1 && tag <= CG_NUM_TYPES ? &types[tag - 1] : NULL;
}

const CgEncType *
cg_enc_type_of(Oid typid)
{
	int			i;

	if (typid < FirstGenbkiObjectId)
		return NULL;
	load_types();
	for (i = 0; i < CG_NUM_TYPES; i++)
		if (known.type[i] == typid)
			return &types[i];
	return NULL;
}

Oid
cg_enc_type_oid(uint8 tag)
{
	load_types();
	return cg_enc_type(tag) != NULL ? known.type[tag - 1] : InvalidOid;
}

Oid
cg_enc_array_oid(uint8 tag)
{
	load_types();
	return cg_enc_type(tag) != NULL ? known.array[tag - 1] : InvalidOid;
}

const CgEncType *
cg_called_type(FunctionCallInfo fcinfo, int argno)
{
	const CgEncType *type = fcinfo->flinfo->fn_extra;
	Oid			func = fcinfo->flinfo->fn_oid;
	Oid		   *argtypes;
	Oid			rettype;
	int			nargs;
	int			i = (func + argno) % NUM_CALLED;

	if (type != NULL)
		return type;
	load_types();
	if (known.called[i].func == func && known.called[i].argno == argno)
	{
		type = known.called[i].type;
		fcinfo->flinfo->fn_extra = unconstify(CgEncType *, type);
		return type;
	}
	rettype = get_func_signature(func, &argtypes, &nargs);
	if (argno < nargs)
		type = cg_enc_type_of(argno < 0 ? rettype : argtypes[argno]);
	pfree(argtypes);
	if (type == NULL)
		elog(ERROR, "function %u is not declared with an encrypted type",
			 func);
	fcinfo->flinfo->fn_extra = unconstify(CgEncType *, type);
	known.called[i].func = func;
	known.called[i].argno = argno;
	known.called[i].type = type;
	return type;
}

void
cg_text_store(const char *text, Size len, CgPlain *out)
{
	out->type = CG_TYPE_TEXT;
	out->len = len;
	out->stored = cg_to_utf8(text, &out->len);
}

void
cg_plain_store(uint8 tag, Datum plain, CgPlain *out)
{
	uint8	   *bytes;
	struct varlena *v;

	out->type = tag;
	switch (tag)
	{
		case CG_TYPE_TEXT:
			v = PG_DETOAST_DATUM_PACKED(plain);
			cg_text_store(VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v), out);
			return;
		case CG_TYPE_INT8:
		case CG_TYPE_TIMESTAMPTZ:
			bytes = palloc(out->len = 8);
			cg_stored_put_i64(bytes, DatumGetInt64(plain));
			break;
		case CG_TYPE_BOOL:
			bytes = palloc(out->len = 1);
			bytes[0] = DatumGetBool(plain) ? 1 : 0;
			break;
		case CG_TYPE_DATE:
			bytes = palloc(out->len = 4);
			cg_stored_put_i32(bytes, DatumGetDateADT(plain));
			break;
		case CG_TYPE_UUID:
			bytes = DatumGetUUIDP(plain)->data;
			out->len = UUID_LEN;
			break;
		case CG_TYPE_NUMERIC:
		case CG_TYPE_INET:
			v = (struct varlena *)
				DatumGetPointer(DirectFunctionCall1(tag == CG_TYPE_INET ?
													inet_send : numeric_send,
													plain));
			bytes = (uint8 *) VARDATA(v);
			out->len = VARSIZE(v) - VARHDRSZ;
			break;
		case CG_TYPE_JSONB:
			{
				char	   *text = DatumGetCString(DirectFunctionCall1(jsonb_out,
																	   plain));

				out->len = strlen(text);
				out->stored = cg_to_utf8(text, &out->len);
				return;
			}
		case CG_TYPE_BYTEA:
			v = PG_DETOAST_DATUM_PACKED(plain);
			bytes = (uint8 *) VARDATA_ANY(v);
			out->len = VARSIZE_ANY_EXHDR(v);
			break;
		default:
			elog(ERROR, "unrecognized type of value: %d", tag);
	}
	out->stored = (const char *) bytes;
}

Datum
cg_plain_load(uint8 tag, const char *stored, Size len)
{
	const uint8 *bytes = (const uint8 *) stored;
	Size		text_len = len;
	char	   *text;
	pg_uuid_t  *uuid;

	if (!cg_stored_fits(tag, bytes, len))
		damaged();
	switch (tag)
	{
		case CG_TYPE_TEXT:
			text = cg_from_utf8(unconstify(char *, stored), &text_len);
			return PointerGetDatum(cstring_to_text_with_len(text, text_len));
		case CG_TYPE_INT8:
			return Int64GetDatum(cg_stored_get_i64(bytes));
		case CG_TYPE_TIMESTAMPTZ:
			return TimestampTzGetDatum(cg_stored_get_i64(bytes));
		case CG_TYPE_NUMERIC:
		case CG_TYPE_INET:
			return receive(tag, stored, len);
		case CG_TYPE_BOOL:
			return BoolGetDatum(bytes[0] != 0);
		case CG_TYPE_DATE:
			return DateADTGetDatum(cg_stored_get_i32(bytes));
		case CG_TYPE_UUID:
			uuid = palloc(sizeof(pg_uuid_t));
			memcpy(uuid->data, bytes, UUID_LEN);
			return UUIDPGetDatum(uuid);
		case CG_TYPE_JSONB:
			text = pnstrdup(stored, len);
			return DirectFunctionCall1(jsonb_in,
									   CStringGetDatum(cg_from_utf8(text,
																	&text_len)));
		case CG_TYPE_BYTEA:
			return PointerGetDatum(cstring_to_text_with_len(stored, len));
	}
	elog(ERROR, "unrecognized type of value: %d", tag);
	return (Datum) 0;
}

static Datum
receive(uint8 tag, const char *stored, Size len)
{
	StringInfoData buf;

	buf.data = unconstify(char *, stored);
	buf.len = buf.maxlen = (int) len;
	buf.cursor = 0;
	return cg_plain_receive(tag, &buf);
}

Datum
cg_plain_receive(uint8 tag, StringInfo buf)
{
	/* jsonb_recv() would quote what it refuses. */
	if (tag == CG_TYPE_JSONB && buf->cursor < buf->len &&
		buf->data[buf->cursor] == JSONB_FORMAT)
	{
		int			len;

		buf->cursor++;
		return cg_plain_parse(tag, pq_getmsgtext(buf, buf->len - buf->cursor,
												 &len), -1, NULL);
	}
	return DirectFunctionCall3(cg_enc_type(tag)->receive, PointerGetDatum(buf),
							   ObjectIdGetDatum(InvalidOid),
							   Int32GetDatum(-1));
}

Datum
cg_plain_send(uint8 tag, Datum plain)
{
	return DirectFunctionCall1(cg_enc_type(tag)->send, plain);
}

static void
damaged(void)
{
	ereport(ERROR,
			(errcode(CG_ERRCODE_NOT_AUTHENTIC),
			 errmsg("encrypted value is not of the type that it says"),
			 errhint("Restore the row from a backup.")));
}

/*
 * The input functions of core quote what they refuse.  The code of the error
 * tells enough.
 */
Datum
cg_plain_parse(uint8 tag, const char *text, int32 typmod, Node *escontext)
{
	const CgEncType *type = cg_enc_type(tag);
	Datum		result = (Datum) 0;
	int			code = cg_try_input(type->input, text, typmod, &result);

	if (code == ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE ||
		code == ERRCODE_DATETIME_VALUE_OUT_OF_RANGE)
		ereturn(escontext, (Datum) 0,
				(errcode(code),
				 errmsg("value is out of range for type %s",
						format_type_be(type->plain))));
	if (code != 0)
		ereturn(escontext, (Datum) 0,
				(errcode(code),
				 errmsg("invalid input syntax for type %s",
						format_type_be(type->plain)),
				 errdetail("The value is not shown, because it is about to be encrypted.")));
	return result;
}

char *
cg_plain_print(uint8 tag, Datum plain)
{
	return DatumGetCString(DirectFunctionCall1(cg_enc_type(tag)->output,
											   plain));
}

char *
cg_plain_iso(uint8 tag, Datum plain)
{
	struct varlena *v;
	char	   *hex;

	switch (tag)
	{
		case CG_TYPE_DATE:
			return iso_date(DatumGetDateADT(plain));
		case CG_TYPE_TIMESTAMPTZ:
			return iso_timestamptz(DatumGetTimestampTz(plain));
		case CG_TYPE_BYTEA:
			v = PG_DETOAST_DATUM_PACKED(plain);
			hex = palloc(add_size(mul_size(VARSIZE_ANY_EXHDR(v), 2), 3));
			hex[0] = '\\';
			hex[1] = 'x';
			hex[2 + hex_encode(VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v),
							   hex + 2)] = '\0';
			return hex;
	}
	return cg_plain_print(tag, plain);
}

static char *
iso_date(DateADT date)
{
	char	   *result = palloc(MAXDATELEN + 1);
	struct pg_tm tm;

	if (DATE_NOT_FINITE(date))
		EncodeSpecialDate(date, result);
	else
	{
		j2date(date + POSTGRES_EPOCH_JDATE,
			   &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
		EncodeDateOnly(&tm, USE_ISO_DATES, result);
	}
	return result;
}

static char *
iso_timestamptz(TimestampTz timestamp)
{
	char	   *result = palloc(MAXDATELEN + 1);
	struct pg_tm tm;
	fsec_t		fsec;
	int			tz;
	const char *zone;

	if (TIMESTAMP_NOT_FINITE(timestamp))
		EncodeSpecialTimestamp(timestamp, result);
	else if (timestamp2tm(timestamp, &tz, &tm, &fsec, &zone, NULL) == 0)
		EncodeDateTime(&tm, fsec, true, tz, zone, USE_ISO_DATES, result);
	else
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return result;
}

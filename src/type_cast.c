/*
 * type_cast.c
 *		Casts between plain and encrypted types.
 *
 * Casts from plain types are implicit, since drivers send text and varchar.
 * Casts to plain types are explicit only and raise an error for whoever may
 * not read: an expression that goes on to work with text must not get armor
 * unawares.  There is a pg_cast row for each string type, or else PostgreSQL
 * would allow assignment to it by I/O conversion and store plaintext
 * silently.  The casts to json and jsonb follow the rule of output instead,
 * because row_to_json() and to_jsonb() use them for every column.
 */
#include "postgres.h"

#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "compat.h"

#include "access.h"
#include "cipguard.h"
#include "decision.h"
#include "display.h"
#include "event.h"
#include "subject_key.h"
#include "value.h"

/* How a value becomes one of the plain type; in fn_extra. */
typedef struct CgAssigning
{
	const CgEncType *type;
	CoercionPathType path;
	FmgrInfo	function;		/* the cast, or the output function */
} CgAssigning;

static CgAssigning *prepare_assigning(FunctionCallInfo fcinfo);
static Datum assigned(CgAssigning *a, Datum value);
static bool read_plain(const CgEncType *type, struct varlena *datum,
					   Datum *plain);
static void refuse_reading(int32 category);
static char *printed(const CgEncType *type, Datum plain);
static char *json_of(const CgEncType *type, struct varlena *datum);

/*
 * enc(enc, int4, boolean) RETURNS enc
 *
 * The length-coercion cast.  It is STABLE, not IMMUTABLE: or else a literal
 * would be encrypted once for many rows.
 */
PG_FUNCTION_INFO_V1(cipguard_enc_coerce);
Datum
cipguard_enc_coerce(PG_FUNCTION_ARGS)
{
	const CgEncType *type = cg_called_type(fcinfo, -1);

	struct varlena *datum = PG_GETARG_VARLENA_PP(0);
	CgEnvelope	env;

	if (!cg_is_display(datum))	/* which cg_recode() refuses */
	{
		cg_parse(datum, &env);
		cg_require_type(&env, type->tag);
	}
	PG_RETURN_POINTER(cg_recode(datum, PG_GETARG_INT32(1)));
}

/* enc(plain, int4, boolean) RETURNS enc */
PG_FUNCTION_INFO_V1(cipguard_plain_to_enc);
Datum
cipguard_plain_to_enc(PG_FUNCTION_ARGS)
{
	const CgEncType *type = cg_called_type(fcinfo, -1);

	PG_RETURN_POINTER(cg_take_value(type->tag, PG_GETARG_DATUM(0),
									PG_GETARG_INT32(1), NULL));
}

/* enc_text(text, int4, boolean) RETURNS enc_text; also for varchar */
PG_FUNCTION_INFO_V1(cipguard_text_to_enc);
Datum
cipguard_text_to_enc(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);

	PG_RETURN_POINTER(cg_take_text(CG_TYPE_TEXT, VARDATA_ANY(value),
								   VARSIZE_ANY_EXHDR(value),
								   PG_GETARG_INT32(1), NULL));
}

/* enc_text(bpchar, int4, boolean) RETURNS enc_text; drops the padding */
PG_FUNCTION_INFO_V1(cipguard_bpchar_to_enc);
Datum
cipguard_bpchar_to_enc(PG_FUNCTION_ARGS)
{
	BpChar	   *value = PG_GETARG_BPCHAR_PP(0);
	char	   *text = VARDATA_ANY(value);

	PG_RETURN_POINTER(cg_take_text(CG_TYPE_TEXT, text,
								   bpchartruelen(text,
												 VARSIZE_ANY_EXHDR(value)),
								   PG_GETARG_INT32(1), NULL));
}

/*
 * enc(other, int4, boolean) RETURNS enc
 *
 * Of a type that is assigned to the plain type: int4 to enc_int8.  The
 * assignment is made first.
 */
PG_FUNCTION_INFO_V1(cipguard_other_to_enc);
Datum
cipguard_other_to_enc(PG_FUNCTION_ARGS)
{
	CgAssigning *a = fcinfo->flinfo->fn_extra;

	if (a == NULL)
		a = prepare_assigning(fcinfo);
	PG_RETURN_POINTER(cg_take_value(a->type->tag,
									assigned(a, PG_GETARG_DATUM(0)),
									PG_GETARG_INT32(1), NULL));
}

static CgAssigning *
prepare_assigning(FunctionCallInfo fcinfo)
{
	MemoryContext context = fcinfo->flinfo->fn_mcxt;
	CgAssigning *a = MemoryContextAllocZero(context, sizeof(CgAssigning));
	Oid		   *argtypes;
	int			nargs;
	Oid			function;
	bool		isvarlena;

	a->type = cg_called_type(fcinfo, -1);
	fcinfo->flinfo->fn_extra = NULL;
	(void) get_func_signature(fcinfo->flinfo->fn_oid, &argtypes, &nargs);
	a->path = find_coercion_pathway(a->type->plain, argtypes[0],
									COERCION_ASSIGNMENT, &function);
	if (a->path == COERCION_PATH_COERCEVIAIO)
		getTypeOutputInfo(argtypes[0], &function, &isvarlena);
	else if (a->path != COERCION_PATH_FUNC &&
			 a->path != COERCION_PATH_RELABELTYPE)
		ereport(ERROR,
				(errcode(ERRCODE_CANNOT_COERCE),
				 errmsg("type %s is not assigned to type %s",
						format_type_be(argtypes[0]),
						format_type_be(a->type->plain)),
				 errhint("Somebody dropped a cast of PostgreSQL.")));
	if (a->path != COERCION_PATH_RELABELTYPE)
		fmgr_info_cxt(function, &a->function, context);
	fcinfo->flinfo->fn_extra = a;
	return a;
}

static Datum
assigned(CgAssigning *a, Datum value)
{
	if (a->path == COERCION_PATH_FUNC)
		return FunctionCall1(&a->function, value);
	if (a->path == COERCION_PATH_COERCEVIAIO)
		return cg_plain_parse(a->type->tag,
							  OutputFunctionCall(&a->function, value), -1,
							  NULL);
	return value;
}

/* to_plain(enc) RETURNS plain */
PG_FUNCTION_INFO_V1(cipguard_enc_to_plain);
Datum
cipguard_enc_to_plain(PG_FUNCTION_ARGS)
{
	Datum		plain;

	if (!read_plain(cg_called_type(fcinfo, 0), PG_GETARG_VARLENA_PP(0),
					&plain))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(plain);
}

/* to_text(enc) RETURNS text; also for varchar and bpchar */
PG_FUNCTION_INFO_V1(cipguard_enc_to_text);
Datum
cipguard_enc_to_text(PG_FUNCTION_ARGS)
{
	const CgEncType *type = cg_called_type(fcinfo, 0);
	Datum		plain;

	if (!read_plain(type, PG_GETARG_VARLENA_PP(0), &plain))
		PG_RETURN_NULL();
	if (type->tag == CG_TYPE_TEXT)
		PG_RETURN_DATUM(plain);
	PG_RETURN_TEXT_P(cstring_to_text(printed(type, plain)));
}

/* to_name(enc) RETURNS name */
PG_FUNCTION_INFO_V1(cipguard_enc_to_name);
Datum
cipguard_enc_to_name(PG_FUNCTION_ARGS)
{
	const CgEncType *type = cg_called_type(fcinfo, 0);
	Datum		plain;

	if (!read_plain(type, PG_GETARG_VARLENA_PP(0), &plain))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(DirectFunctionCall1(namein,
										CStringGetDatum(printed(type,
																plain))));
}

/* to_json(enc) RETURNS json */
PG_FUNCTION_INFO_V1(cipguard_enc_to_json);
Datum
cipguard_enc_to_json(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(json_of(cg_called_type(fcinfo, 0),
											 PG_GETARG_VARLENA_PP(0))));
}

/* to_jsonb(enc) RETURNS jsonb */
PG_FUNCTION_INFO_V1(cipguard_enc_to_jsonb);
Datum
cipguard_enc_to_jsonb(PG_FUNCTION_ARGS)
{
	char	   *text = json_of(cg_called_type(fcinfo, 0),
							   PG_GETARG_VARLENA_PP(0));

	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

/* What a cast of the plain type to text gives, which is not always output. */
static char *
printed(const CgEncType *type, Datum plain)
{
	if (type->tag == CG_TYPE_BOOL)
		return pstrdup(DatumGetBool(plain) ? "true" : "false");
	if (type->tag == CG_TYPE_INET)
		return TextDatumGetCString(DirectFunctionCall1(network_show, plain));
	return cg_plain_print(type->tag, plain);
}

/* False if there is nothing left to read: the key was destroyed. */
static bool
read_plain(const CgEncType *type, struct varlena *datum, Datum *plain)
{
	CgEnvelope	env;

	if (cg_is_display(datum))
	{
		if (cg_display_datum(datum, type->tag, plain))
			return true;
		datum = cg_display_value(datum);
	}
	cg_parse(datum, &env);
	cg_require_type(&env, type->tag);
	if (!cg_access_open((int32) env.category, InvalidOid))
		refuse_reading((int32) env.category);
	if (cg_is_destroyed(&env) && !cg_subject_lost(env.subject))
		return false;
	*plain = cg_plain_value(&env);
	return true;
}

/* Text must not get armor unawares, so this is an error. */
static void
refuse_reading(int32 category)
{
	CgReason	missing = cg_access_reason(category, InvalidOid);
	const CgCategory *c;

	if (missing != CG_NO_GRANT)
		cg_raise_refusal(category, InvalidOid,
						 missing == CG_GRANTED ? CG_SUBJECT_UNKNOWN :
						 missing, "reading");
	c = cg_category_by_id(category, true);
	cg_event_refused(psprintf("reading values of category %s",
							  c ? NameStr(c->name) : "?"), InvalidOid);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to read values of category \"%s\"",
					c ? NameStr(c->name) : "?"),
			 errhint("Use %s, or ask an officer for %s.",
					 "cipguard.mask()",
					 "cipguard.grant_access(..., 'read')")));
}

/* What to_json() makes of the plain type, or a string of the armor. */
static char *
json_of(const CgEncType *type, struct varlena *datum)
{
	CgEnvelope	env;
	StringInfoData buf;
	Datum		plain;

	initStringInfo(&buf);
	if (cg_is_display(datum))
	{
		if (!cg_display_datum(datum, type->tag, &plain))
		{
			Size		len;

			escape_json(&buf, cg_display_text(datum, &len));
			return buf.data;
		}
	}
	else
	{
		cg_parse(datum, &env);
		cg_require_type(&env, type->tag);
		if (!cg_shows_value(&env))
		{
			escape_json(&buf, cg_armor(datum));
			return buf.data;
		}
		plain = cg_plain_value(&env);
	}
	switch (type->tag)
	{
		case CG_TYPE_BOOL:
			return printed(type, plain);
		case CG_TYPE_INT8:
		case CG_TYPE_JSONB:
			return cg_plain_print(type->tag, plain);
		case CG_TYPE_NUMERIC:
			if (!numeric_is_nan(DatumGetNumeric(plain)) &&
				!numeric_is_inf(DatumGetNumeric(plain)))
				return cg_plain_print(type->tag, plain);
			break;
		case CG_TYPE_DATE:
		case CG_TYPE_TIMESTAMPTZ:
			appendStringInfoChar(&buf, '"');
			enlargeStringInfo(&buf, MAXDATELEN + 1);
			(void) JsonEncodeDateTime(buf.data + 1, plain, type->plain, NULL);
			buf.len += strlen(buf.data + 1);
			appendStringInfoChar(&buf, '"');
			return buf.data;
	}
	escape_json(&buf, cg_plain_print(type->tag, plain));
	return buf.data;
}

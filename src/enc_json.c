/*
 * enc_json.c
 *		Parts of encrypted JSON: -> ->> #> #>> @> ?
 *
 * They decrypt the whole document, give plaintext, and take the right to
 * read.  In the output of a query they count as a disclosure, as a cast does
 * (plan_output.c).  No index serves them.
 */
#include "postgres.h"

#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "compat.h"

#include "cipguard.h"
#include "display.h"
#include "reading.h"
#include "subject_key.h"
#include "value.h"

#define CONTAINS_SEL	0.001

static Datum call(FunctionCallInfo fcinfo, PGFunction func);
static Datum take_document(FunctionCallInfo fcinfo);

/* The function of jsonb with the first argument decrypted; it may give null. */
static Datum
call(FunctionCallInfo fcinfo, PGFunction func)
{
	LOCAL_FCINFO(inner, 2);
	Datum		document = take_document(fcinfo);
	Datum		result;

	if (fcinfo->isnull)
		return (Datum) 0;
	InitFunctionCallInfoData(*inner, NULL, 2, PG_GET_COLLATION(), NULL, NULL);
	inner->args[0].value = document;
	inner->args[0].isnull = false;
	inner->args[1] = fcinfo->args[1];
	result = func(inner);
	fcinfo->isnull = inner->isnull;
	return result;
}

static Datum
take_document(FunctionCallInfo fcinfo)
{
	struct varlena *datum = PG_GETARG_VARLENA_PP(0);
	CgEnvelope	env;
	bool		shown = false;

	if (cg_is_display(datum))
	{
		struct varlena *real = cg_display_value(datum);

		/* Of a mask, parts of the mask. */
		if (real == NULL)
		{
			Datum		mask;

			(void) cg_display_datum(datum, CG_TYPE_JSONB, &mask);
			return mask;
		}
		datum = real;
		shown = true;
	}
	cg_parse(datum, &env);
	cg_require_type(&env, CG_TYPE_JSONB);
	if (shown)
		cg_require_read_shown((int32) env.category);
	else
		cg_require_read((int32) env.category);
	if (cg_is_destroyed(&env) || cg_is_undecidable(&env))
	{
		fcinfo->isnull = true;
		return (Datum) 0;
	}
	return cg_plain_value(&env);
}

/* enc_jsonb_field(enc_jsonb, text) RETURNS jsonb */
PG_FUNCTION_INFO_V1(cipguard_enc_jsonb_field);
Datum
cipguard_enc_jsonb_field(PG_FUNCTION_ARGS)
{
	return call(fcinfo, jsonb_object_field);
}

/* enc_jsonb_field_text(enc_jsonb, text) RETURNS text */
PG_FUNCTION_INFO_V1(cipguard_enc_jsonb_field_text);
Datum
cipguard_enc_jsonb_field_text(PG_FUNCTION_ARGS)
{
	return call(fcinfo, jsonb_object_field_text);
}

/* enc_jsonb_element(enc_jsonb, int4) RETURNS jsonb */
PG_FUNCTION_INFO_V1(cipguard_enc_jsonb_element);
Datum
cipguard_enc_jsonb_element(PG_FUNCTION_ARGS)
{
	return call(fcinfo, jsonb_array_element);
}

/* enc_jsonb_element_text(enc_jsonb, int4) RETURNS text */
PG_FUNCTION_INFO_V1(cipguard_enc_jsonb_element_text);
Datum
cipguard_enc_jsonb_element_text(PG_FUNCTION_ARGS)
{
	return call(fcinfo, jsonb_array_element_text);
}

/* enc_jsonb_path(enc_jsonb, text[]) RETURNS jsonb */
PG_FUNCTION_INFO_V1(cipguard_enc_jsonb_path);
Datum
cipguard_enc_jsonb_path(PG_FUNCTION_ARGS)
{
	return call(fcinfo, jsonb_extract_path);
}

/* enc_jsonb_path_text(enc_jsonb, text[]) RETURNS text */
PG_FUNCTION_INFO_V1(cipguard_enc_jsonb_path_text);
Datum
cipguard_enc_jsonb_path_text(PG_FUNCTION_ARGS)
{
	return call(fcinfo, jsonb_extract_path_text);
}

/* enc_jsonb_contains(enc_jsonb, jsonb) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_enc_jsonb_contains);
Datum
cipguard_enc_jsonb_contains(PG_FUNCTION_ARGS)
{
	return call(fcinfo, jsonb_contains);
}

/* enc_jsonb_exists(enc_jsonb, text) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_enc_jsonb_exists);
Datum
cipguard_enc_jsonb_exists(PG_FUNCTION_ARGS)
{
	return call(fcinfo, jsonb_exists);
}

/* enc_partsel(internal, oid, internal, int4) RETURNS float8 */
PG_FUNCTION_INFO_V1(cipguard_enc_partsel);
Datum
cipguard_enc_partsel(PG_FUNCTION_ARGS)
{
	cg_require_read_clause((PlannerInfo *) PG_GETARG_POINTER(0),
						   (List *) PG_GETARG_POINTER(2));
	PG_RETURN_FLOAT8(CONTAINS_SEL);
}

/* enc_partjoinsel(internal, oid, internal, int2, internal) RETURNS float8 */
PG_FUNCTION_INFO_V1(cipguard_enc_partjoinsel);
Datum
cipguard_enc_partjoinsel(PG_FUNCTION_ARGS)
{
	cg_require_read_clause((PlannerInfo *) PG_GETARG_POINTER(0),
						   (List *) PG_GETARG_POINTER(2));
	PG_RETURN_FLOAT8(CONTAINS_SEL);
}

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

#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "compat.h"

#include "access.h"
#include "cipguard.h"
#include "display.h"
#include "event.h"
#include "value.h"

static char *read_plain(struct varlena *datum, Size *len);
static char *shown(struct varlena *datum);

/*
 * enc_text(enc_text, int4, boolean) RETURNS enc_text
 *
 * The length-coercion cast.  It is STABLE, not IMMUTABLE: or else a literal
 * would be encrypted once for many rows.
 */
PG_FUNCTION_INFO_V1(cipguard_enc_text_coerce);
Datum
cipguard_enc_text_coerce(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(cg_recode(PG_GETARG_VARLENA_PP(0),
								PG_GETARG_INT32(1)));
}

/* enc_text(text, int4, boolean) RETURNS enc_text; also for varchar */
PG_FUNCTION_INFO_V1(cipguard_text_to_enc_text);
Datum
cipguard_text_to_enc_text(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);

	PG_RETURN_POINTER(cg_take_text(CG_TYPE_TEXT, VARDATA_ANY(value),
								   VARSIZE_ANY_EXHDR(value),
								   PG_GETARG_INT32(1), NULL));
}

/* enc_text(bpchar, int4, boolean) RETURNS enc_text; drops the padding */
PG_FUNCTION_INFO_V1(cipguard_bpchar_to_enc_text);
Datum
cipguard_bpchar_to_enc_text(PG_FUNCTION_ARGS)
{
	BpChar	   *value = PG_GETARG_BPCHAR_PP(0);
	char	   *text = VARDATA_ANY(value);

	PG_RETURN_POINTER(cg_take_text(CG_TYPE_TEXT, text,
								   bpchartruelen(text,
												 VARSIZE_ANY_EXHDR(value)),
								   PG_GETARG_INT32(1), NULL));
}

/* text(enc_text) RETURNS text; also for varchar and bpchar */
PG_FUNCTION_INFO_V1(cipguard_enc_text_to_text);
Datum
cipguard_enc_text_to_text(PG_FUNCTION_ARGS)
{
	Size		len;
	char	   *plain = read_plain(PG_GETARG_VARLENA_PP(0), &len);

	PG_RETURN_TEXT_P(cstring_to_text_with_len(plain, len));
}

/* name(enc_text) RETURNS name */
PG_FUNCTION_INFO_V1(cipguard_enc_text_to_name);
Datum
cipguard_enc_text_to_name(PG_FUNCTION_ARGS)
{
	Size		len;
	char	   *plain = read_plain(PG_GETARG_VARLENA_PP(0), &len);

	PG_RETURN_DATUM(DirectFunctionCall1(namein, CStringGetDatum(plain)));
}

/* json(enc_text) RETURNS json: a string */
PG_FUNCTION_INFO_V1(cipguard_enc_text_to_json);
Datum
cipguard_enc_text_to_json(PG_FUNCTION_ARGS)
{
	StringInfoData buf;

	initStringInfo(&buf);
	escape_json(&buf, shown(PG_GETARG_VARLENA_PP(0)));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(buf.data, buf.len));
}

/* jsonb(enc_text) RETURNS jsonb: a string */
PG_FUNCTION_INFO_V1(cipguard_enc_text_to_jsonb);
Datum
cipguard_enc_text_to_jsonb(PG_FUNCTION_ARGS)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = shown(PG_GETARG_VARLENA_PP(0));
	value.val.string.len = strlen(value.val.string.val);
	PG_RETURN_JSONB_P(JsonbValueToJsonb(&value));
}

static char *
read_plain(struct varlena *datum, Size *len)
{
	CgEnvelope	env;

	if (cg_is_display(datum))
	{
		const char *text = cg_display_text(datum, len);

		return pnstrdup(text, *len);
	}
	cg_parse(datum, &env);
	if (cg_access_level((int32) env.category, InvalidOid) < CG_LEVEL_READ)
	{
		const CgCategory *c = cg_category_by_id((int32) env.category, true);

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
	return cg_open(&env, len);
}

static char *
shown(struct varlena *datum)
{
	CgEnvelope	env;
	Size		len;

	if (cg_is_display(datum))
	{
		const char *text = cg_display_text(datum, &len);

		return pnstrdup(text, len);
	}
	cg_parse(datum, &env);
	return cg_shows_plain((int32) env.category) ? cg_open(&env, &len) :
		cg_armor(datum);
}

/*
 * type_io.c
 *		Input, output, send, receive and type modifier of encrypted types.
 *
 * Output is plaintext for whoever may read and armor for everybody else,
 * never a mask: a mask that reached a dump, a view definition or a trigger
 * would be lost data.  What plans put in place of a value (display.h) prints
 * as it is; that is never stored.  Input takes plaintext, which it encrypts, or armor,
 * which it checks and keeps.
 *
 * The type modifier is a category.  Literals and parameters reach the input
 * function without one and become "unclassified"; PostgreSQL then calls the
 * length-coercion cast (type_cast.c), which brings them under the category of
 * the column.
 */
#include "postgres.h"

#include "access/xact.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "replication/walsender.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rls.h"

#include "compat.h"

#include "cipguard.h"
#include "display.h"
#include "guc.h"
#include "value.h"

static int32 typmod_from_text(const char *text);

/* enc_in(cstring, oid, int4) RETURNS enc */
PG_FUNCTION_INFO_V1(cipguard_enc_in);
Datum
cipguard_enc_in(PG_FUNCTION_ARGS)
{
	const CgEncType *type = cg_called_type(fcinfo, -1);
	char	   *text = PG_GETARG_CSTRING(0);
	int32		typmod = PG_GETARG_INT32(2);
	struct varlena *result;

	result = cg_take_text(type->tag, text, strlen(text), typmod,
						  fcinfo->context);
	if (result == NULL)
		PG_RETURN_NULL();		/* a soft error */
	PG_RETURN_POINTER(result);
}

/* enc_out(enc) RETURNS cstring */
PG_FUNCTION_INFO_V1(cipguard_enc_out);
Datum
cipguard_enc_out(PG_FUNCTION_ARGS)
{
	const CgEncType *type = cg_called_type(fcinfo, 0);
	struct varlena *datum = PG_GETARG_VARLENA_PP(0);
	CgEnvelope	env;
	Size		len;

	if (cg_is_display(datum))
	{
		const char *text;

		/* Nothing makes masks then, so this one was stored. */
		if (!row_security || am_walsender)
			PG_RETURN_CSTRING(cg_armor(datum));
		if (cg_output != CG_OUTPUT_AUTO && cg_display_value(datum) != NULL)
			PG_RETURN_CSTRING(cg_armor(cg_display_value(datum)));
		text = cg_display_text(datum, &len);
		PG_RETURN_CSTRING(pnstrdup(text, len));
	}
	cg_parse(datum, &env);
	cg_require_type(&env, type->tag);
	if (!cg_shows_value(&env))
		PG_RETURN_CSTRING(cg_armor(datum));
	if (type->tag == CG_TYPE_TEXT)
		PG_RETURN_CSTRING(cg_open(&env, &len));
	PG_RETURN_CSTRING(cg_plain_print(type->tag, cg_plain_value(&env)));
}

/*
 * enc_recv(internal, oid, int4) RETURNS enc
 *
 * A raw datum begins with 0xC1, as no binary form of a plain type does that is
 * as long as one: no UTF-8 text has that byte, and a numeric would have more
 * digits than numeric_recv() takes.  A text of another server encoding may,
 * and bytea may: there the rest of the header decides (cg_is_datum()).
 */
PG_FUNCTION_INFO_V1(cipguard_enc_recv);
Datum
cipguard_enc_recv(PG_FUNCTION_ARGS)
{
	const CgEncType *type = cg_called_type(fcinfo, -1);
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int32		typmod = PG_GETARG_INT32(2);
	const uint8 *data = (const uint8 *) buf->data + buf->cursor;
	int			len = buf->len - buf->cursor;
	struct varlena *result;
	char	   *text;
	int			text_len;

	if (cg_is_datum(data, len))
	{
		buf->cursor = buf->len;
		result = cg_take_datum(type->tag, data, len, typmod, fcinfo->context);
	}
	else if (type->tag == CG_TYPE_TEXT)
	{
		text = pq_getmsgtext(buf, len, &text_len);
		result = cg_take_text(CG_TYPE_TEXT, text, text_len, typmod,
							  fcinfo->context);
	}
	else
	{
		/* A report of a refused value is redacted, too. */
		cg_plain_at = GetCurrentTransactionStartTimestamp();
		result = cg_take_value(type->tag, cg_plain_receive(type->tag, buf),
							   typmod, fcinfo->context);
	}
	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(result);
}

/* enc_send(enc) RETURNS bytea */
PG_FUNCTION_INFO_V1(cipguard_enc_send);
Datum
cipguard_enc_send(PG_FUNCTION_ARGS)
{
	const CgEncType *type = cg_called_type(fcinfo, 0);
	struct varlena *datum = PG_GETARG_VARLENA_PP(0);
	CgEnvelope	env;
	StringInfoData buf;
	Size		len;

	if (cg_is_display(datum))
	{
		Datum		plain;

		if ((cg_output == CG_OUTPUT_AUTO || cg_display_value(datum) == NULL) &&
			cg_display_datum(datum, type->tag, &plain))
			PG_RETURN_DATUM(cg_plain_send(type->tag, plain));
		datum = cg_display_value(datum);
	}
	cg_parse(datum, &env);
	cg_require_type(&env, type->tag);
	if (cg_is_display(PG_GETARG_VARLENA_PP(0)) ||
		!cg_shows_value(&env))
	{
		pq_begintypsend(&buf);
		pq_sendbytes(&buf, VARDATA_ANY(datum), VARSIZE_ANY_EXHDR(datum));
		PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
	}
	if (type->tag == CG_TYPE_TEXT)
	{
		char	   *plain = cg_open(&env, &len);

		pq_begintypsend(&buf);
		pq_sendtext(&buf, plain, len);
		PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
	}
	PG_RETURN_DATUM(cg_plain_send(type->tag, cg_plain_value(&env)));
}

/* enc_typmod_in(cstring[]) RETURNS int4 */
PG_FUNCTION_INFO_V1(cipguard_enc_typmod_in);
Datum
cipguard_enc_typmod_in(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	Datum	   *elems;
	int			n;

	deconstruct_array(array, CSTRINGOID, -2, false, TYPALIGN_CHAR,
					  &elems, NULL, &n);
	if (n != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an encrypted type takes one modifier, the category"),
				 errhint("For example: %s", "cipguard.enc_text('mobile')")));
	PG_RETURN_INT32(typmod_from_text(DatumGetCString(elems[0])));
}

/*
 * Dumps name the category; the row that defines it arrives after the tables,
 * so its existence is not checked while check_function_bodies is off.  A
 * category that no longer exists is dumped by its number.
 */
static int32
typmod_from_text(const char *text)
{
	if (text[0] == '#')
	{
		char	   *end;
		long		number;

		errno = 0;
		number = strtol(text + 1, &end, 10);
		if (errno != 0 || *end != '\0' || end == text + 1 ||
			number < 0 || number > PG_INT32_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid category number \"%s\"", text),
					 errhint("Name a category of %s.", "cipguard.category")));
		if (check_function_bodies)
			(void) cg_category_by_id((int32) number, false);
		return (int32) number;
	}
	if (!check_function_bodies)
		return cg_name_hash(text);
	if (strcmp(text, CG_CATEGORY_UNCLASSIFIED) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("category \"%s\" is for values outside of columns",
						text),
				 errhint("Choose a category from %s, or add one with %s.",
						 "cipguard.category", "cipguard.add_category()")));
	return cg_category_by_name(text, false)->id;
}

/* enc_typmod_out(int4) RETURNS cstring */
PG_FUNCTION_INFO_V1(cipguard_enc_typmod_out);
Datum
cipguard_enc_typmod_out(PG_FUNCTION_ARGS)
{
	int32		typmod = PG_GETARG_INT32(0);
	const CgCategory *c = cg_category_by_id(typmod, true);

	if (c != NULL)
		PG_RETURN_CSTRING(psprintf("(%s)",
								   quote_literal_cstr(NameStr(c->name))));
	PG_RETURN_CSTRING(psprintf("('#%d')", typmod));
}

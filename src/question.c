/*
 * question.c
 *		What the SQL of questions about the audit log (sql/parts/57_question.sql)
 *		cannot do itself.
 *
 * A row is looked for by its key, which is inside of row images: they are
 * compared as bytes, entry by entry, without making values of them.  The key
 * is brought into the form that it has there; of that there is one for each
 * description of the table that the log holds, since types change.
 */
#include "postgres.h"

#include "access/tupmacs.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "compat.h"

#include "access.h"
#include "armor.h"
#include "audit_image.h"
#include "audit_store.h"
#include "budget.h"
#include "cipguard.h"
#include "crypt.h"
#include "enc_type.h"
#include "journal.h"
#include "mask_enc.h"
#include "row_gate.h"
#include "subject_key.h"
#include "value.h"

typedef bool (*CgImageTest) (const bytea * image, const bytea * part);

static void add_text(StringInfo buf, CgImageColumn *column, char *text);
static bool holds(const bytea * image, const bytea * part);
static bool has_entry(const bytea * image, const CgImageEntry *wanted);
static bool keyed(const bytea * image, const bytea * part);
static bool may_disclose(FunctionCallInfo fcinfo, int32 category);
static uint8 armored_type(text * armor);
static bool any_part(FunctionCallInfo fcinfo, int argno, CgImageTest matches);

/*
 * audit_key(schema_id bigint, attnums int2[], types oid[], vals text[])
 *		RETURNS bytea
 *
 * The image of a row of these columns alone; NULL if one of the types is gone.
 */
PG_FUNCTION_INFO_V1(cipguard_audit_key);
Datum
cipguard_audit_key(PG_FUNCTION_ARGS)
{
	int64		schema_id = PG_GETARG_INT64(0);
	Datum	   *attnums;
	Datum	   *types;
	Datum	   *texts;
	bool	   *no_text;
	int			n;
	int			n_types;
	int			n_texts;
	StringInfoData buf;
	CgImageSettings saved;
	int			i;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), INT2OID, 2, true,
					  TYPALIGN_SHORT, &attnums, NULL, &n);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), OIDOID, sizeof(Oid), true,
					  TYPALIGN_INT, &types, NULL, &n_types);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), TEXTOID, -1, false,
					  TYPALIGN_INT, &texts, &no_text, &n_texts);
	if (n == 0 || n != n_types || n != n_texts)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a key needs number, type and value of each column"),
				 errhint("Call %s, which finds them.", "cipguard.changes()")));
	for (i = 0; i < n; i++)
		if (get_typtype(DatumGetObjectId(types[i])) == '\0')
			PG_RETURN_NULL();

	cg_image_begin(&buf, schema_id);
	cg_image_settings_push(&saved, true);
	PG_TRY();
	{
		for (i = 0; i < n; i++)
		{
			CgImageColumn column;

			memset(&column, 0, sizeof(column));
			cg_image_describe(&column, DatumGetObjectId(types[i]), NULL,
							  CurrentMemoryContext);
			column.attnum = DatumGetInt16(attnums[i]);
			if (no_text[i])
				cg_image_add(&buf, &column, (Datum) 0, true);
			else
				add_text(&buf, &column, TextDatumGetCString(texts[i]));
		}
	}
	PG_FINALLY();
	{
		cg_image_settings_pop(&saved);
	}
	PG_END_TRY();
	PG_RETURN_BYTEA_P(cg_image_finish(&buf));
}

/* Armor stands for the bytes that it is made of, whatever the column is now. */
static void
add_text(StringInfo buf, CgImageColumn *column, char *text)
{
	Size		len = strlen(text);
	Oid			function;
	Oid			ioparam;
	Datum		value;

	if (cg_is_armor(text, len))
	{
		struct varlena *datum = palloc(VARHDRSZ + len);

		if (cg_armor_decode(text, len, (uint8 *) VARDATA(datum), len,
							&len) != CG_OK)
			ereport(ERROR,
					(errcode(CG_ERRCODE_MALFORMED_ARMOR),
					 errmsg("malformed armor in a key"),
					 errhint("Copy the value as the audit log shows it.")));
		SET_VARSIZE(datum, VARHDRSZ + len);
		column->mode = CG_MODE_DATUM;
		cg_image_add(buf, column, PointerGetDatum(datum), false);
		return;
	}
	if (column->mode == CG_MODE_DATUM)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("an encrypted column of a key must be given as armor"),
				 errhint("Copy the value as the audit log shows it.")));
	getTypeInputInfo(column->type, &function, &ioparam);
	value = OidInputFunctionCall(function, text, ioparam, -1);
	cg_image_add(buf, column, value, false);
}

/*
 * audit_match(old bytea, new bytea, parts bytea[]) RETURNS integer: 1 if the
 * one image has all values of one of the parts, 2 if the other has, or both.
 */
PG_FUNCTION_INFO_V1(cipguard_audit_match);
Datum
cipguard_audit_match(PG_FUNCTION_ARGS)
{
	int			result = 0;

	if (any_part(fcinfo, 0, holds))
		result |= 1;
	if (any_part(fcinfo, 1, holds))
		result |= 2;
	PG_RETURN_INT32(result);
}

/*
 * audit_keyed(old bytea, new bytea, parts bytea[]) RETURNS integer: likewise
 * if they have any of the columns, whatever the values.
 */
PG_FUNCTION_INFO_V1(cipguard_audit_keyed);
Datum
cipguard_audit_keyed(PG_FUNCTION_ARGS)
{
	int			result = 0;

	if (any_part(fcinfo, 0, keyed))
		result |= 1;
	if (any_part(fcinfo, 1, keyed))
		result |= 2;
	PG_RETURN_INT32(result);
}

/* Called for each event: walks the array where it stands. */
static bool
any_part(FunctionCallInfo fcinfo, int argno, CgImageTest matches)
{
	bytea	   *image;
	ArrayType  *parts;
	char	   *p;
	int			n;
	int			i;

	if (PG_ARGISNULL(argno) || PG_ARGISNULL(2))
		return false;
	image = PG_GETARG_BYTEA_PP(argno);
	parts = PG_GETARG_ARRAYTYPE_P(2);
	if (ARR_HASNULL(parts))
		return false;
	n = ArrayGetNItems(ARR_NDIM(parts), ARR_DIMS(parts));
	p = ARR_DATA_PTR(parts);
	for (i = 0; i < n; i++)
	{
		if (VARSIZE_ANY_EXHDR(image) >= CG_IMAGE_HEADER_LEN &&
			VARSIZE_ANY_EXHDR(p) >= CG_IMAGE_HEADER_LEN &&
			memcmp(VARDATA_ANY(image), VARDATA_ANY(p),
				   CG_IMAGE_HEADER_LEN) == 0 &&
			*VARDATA_ANY(image) == CG_IMAGE_ROW &&
			matches(image, (bytea *) p))
			return true;
		p = att_addlength_pointer(p, -1, p);
		p = (char *) att_align_nominal(p, TYPALIGN_INT);
	}
	return false;
}

/* Has an image all entries of another one of the same description? */
static bool
holds(const bytea * image, const bytea * part)
{
	const char *cursor = VARDATA_ANY(part) + CG_IMAGE_HEADER_LEN;
	CgImageEntry wanted;
	bool		any = false;

	while (cg_image_next(part, &cursor, &wanted))
	{
		if (!has_entry(image, &wanted))
			return false;
		any = true;
	}
	return any;
}

/* Has it one of the columns, whatever the value? */
static bool
keyed(const bytea * image, const bytea * part)
{
	const char *cursor = VARDATA_ANY(part) + CG_IMAGE_HEADER_LEN;
	CgImageEntry wanted;

	while (cg_image_next(part, &cursor, &wanted))
	{
		const char *inner = VARDATA_ANY(image) + CG_IMAGE_HEADER_LEN;
		CgImageEntry entry;

		while (cg_image_next(image, &inner, &entry))
			if (entry.attnum == wanted.attnum)
				return true;
	}
	return false;
}

static bool
has_entry(const bytea * image, const CgImageEntry *wanted)
{
	const char *cursor = VARDATA_ANY(image) + CG_IMAGE_HEADER_LEN;
	CgImageEntry entry;

	while (cg_image_next(image, &cursor, &entry))
		if (entry.attnum == wanted->attnum)
			return entry.isnull == wanted->isnull &&
				entry.len == wanted->len &&
				memcmp(entry.data, wanted->data, entry.len) == 0;
	return false;
}

/* audit_schema_id(image bytea) RETURNS bigint */
PG_FUNCTION_INFO_V1(cipguard_audit_schema_id);
Datum
cipguard_audit_schema_id(PG_FUNCTION_ARGS)
{
	int64		id;
	const char *cursor;

	if (!cg_image_open(PG_GETARG_BYTEA_PP(0), &id, &cursor))
		PG_RETURN_NULL();
	PG_RETURN_INT64(id);
}

/*
 * audit_sealed(image bytea) RETURNS int2[]: numbers of columns whose values
 * are ciphertext there.
 */
PG_FUNCTION_INFO_V1(cipguard_audit_sealed);
Datum
cipguard_audit_sealed(PG_FUNCTION_ARGS)
{
	bytea	   *image = PG_GETARG_BYTEA_PP(0);
	Datum	   *attnums = palloc(sizeof(Datum) * MaxAttrNumber);
	CgImageEntry entry;
	const char *cursor;
	int64		id;
	int			n = 0;

	if (!cg_image_open(image, &id, &cursor))
		PG_RETURN_NULL();
	while (n < MaxAttrNumber && cg_image_next(image, &cursor, &entry))
		if (!entry.isnull && (entry.mode == CG_MODE_DATUM ||
							  entry.mode == CG_MODE_SEALED))
			attnums[n++] = Int16GetDatum(entry.attnum);
	PG_RETURN_ARRAYTYPE_P(construct_array(attnums, n, INT2OID, 2, true,
										  TYPALIGN_SHORT));
}

/*
 * audit_disclose(armor text, relid oid, attnum int2, subject text) RETURNS text
 *
 * Plaintext or mask of a value of the log, by the rights of the current user
 * and the person that it is about; plaintext is recorded.  A grant for one table does not count: nothing says
 * that the value is from there.
 */
PG_FUNCTION_INFO_V1(cipguard_audit_disclose);
Datum
cipguard_audit_disclose(PG_FUNCTION_ARGS)
{
	text	   *armor;
	text	   *result;
	struct varlena *datum;
	CgEnvelope	env;
	Datum		plain;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	armor = PG_GETARG_TEXT_PP(0);
	if (!cg_is_armor(VARDATA_ANY(armor), VARSIZE_ANY_EXHDR(armor)))
		ereport(ERROR,
				(errcode(CG_ERRCODE_MALFORMED_ARMOR),
				 errmsg("value is not armor"),
				 errhint("Only protected values of the audit log need to be disclosed.")));
	datum = cg_take_armor(armored_type(armor), VARDATA_ANY(armor),
						  VARSIZE_ANY_EXHDR(armor));
	cg_parse(datum, &env);
	if (cg_is_destroyed(&env))
		PG_RETURN_NULL();
	plain = cg_plain_value(&env);
	if (may_disclose(fcinfo, (int32) env.category))
		result = cstring_to_text(cg_plain_iso(env.type, plain));
	else
	{
		bool		isnull;
		Datum		mask = cg_enc_mask(cg_enc_mask_prepare(env.type,
														   CurrentMemoryContext),
									   &env, &isnull);

		result = isnull ? NULL :
			cstring_to_text(cg_plain_iso(env.type, mask));
	}
	cg_wipe_plain(env.type, plain);
	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(result);
}

/*
 * May the current user read it, of this person?  Then it is charged and
 * recorded.
 */
static bool
may_disclose(FunctionCallInfo fcinfo, int32 category)
{
	Oid			relid = PG_GETARG_OID(1);
	CgRowGate  *gate = cg_row_gate_of(CurrentMemoryContext, relid, category);
	CgSubject	person;
	CgSubject  *subject = NULL;
	CgReason	reason = cg_access_reason(category, InvalidOid);

	if (reason == CG_NO_GRANT)
		return false;
	if (!PG_ARGISNULL(3))
	{
		text	   *name = PG_GETARG_TEXT_PP(3);

		cg_subject_from_text(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name),
							 &person);
		subject = &person;
	}
	if (reason == CG_GRANTED)
		reason = cg_row_gate_decide(gate, cg_row_gate_check(gate), subject,
									0);
	if (reason != CG_GRANTED)
	{
		cg_report_refusal(category, relid, reason);
		return false;
	}
	if (!cg_budget_spend(category, InvalidOid, 1))
		return false;
	if (cg_preloaded)
	{
		CgDisclosed *d = cg_journal_entry(relid);
		bool		recorded;

		cg_journal_column(d, PG_GETARG_INT16(2));
		if (subject == NULL)
			recorded = cg_journal_rows(d);
		else if (subject->is_number)
			recorded = cg_journal_int(d, subject->number);
		else
			recorded = cg_journal_text(d, subject->text, subject->len);
		if (!recorded)
			return false;
	}
	cg_row_gate_given(gate, subject);
	return true;
}

/* The type that the value behind an armor says it is of; else text. */
static uint8
armored_type(text * armor)
{
	Size		len = VARSIZE_ANY_EXHDR(armor);
	uint8	   *data = palloc(len);
	size_t		data_len = 0;

	if (cg_armor_decode(VARDATA_ANY(armor), len, data, len,
						&data_len) != CG_OK ||
		data_len < CG_HEADER_LEN || cg_enc_type(data[3]) == NULL)
		return CG_TYPE_TEXT;	/* which will tell what is wrong */
	return data[3];
}

/*
 * note_question(question text, relid oid) RETURNS void
 *
 * Who asks the log is a matter of the log, too.
 */
PG_FUNCTION_INFO_V1(cipguard_note_question);
Datum
cipguard_note_question(PG_FUNCTION_ARGS)
{
	char	   *question = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Oid			relid = PG_GETARG_OID(1);

	if (cg_preloaded)
		cg_journal_event("asked", relid, question);
	else if (!XactReadOnly && !RecoveryInProgress() && !IsInParallelMode())
		cg_audit_note("asked", relid, NULL, question);
	PG_RETURN_VOID();
}

/*
 * display.c
 *		Display datums: what is shown in place of an encrypted value, as a value
 *		of its type.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "compat.h"

#include "bytes.h"
#include "cipguard.h"
#include "crypt.h"
#include "display.h"
#include "label.h"
#include "subject_key.h"

#define STAMP_LEN	12
#define SHOWN_AT	(CG_HEADER_LEN + STAMP_LEN)

static void put_stamp(uint8 *p);
static bool of_transaction(const struct varlena *datum);

struct varlena *
cg_display_make(uint8 type, int32 category, const char *body, Size len)
{
	Size		size = add_size(VARHDRSZ + CG_HEADER_LEN, len);
	struct varlena *result = palloc0(size);
	uint8	   *p = (uint8 *) VARDATA(result);

	SET_VARSIZE(result, size);
	p[0] = CG_MAGIC;
	p[2] = CG_FLAG_DISPLAY;
	p[3] = type;
	cg_put_u32(p + 4, (uint32) category);
	memcpy(p + CG_HEADER_LEN, body, len);
	return result;
}

struct varlena *
cg_display_plain(const struct varlena *datum)
{
	Size		len = VARSIZE_ANY_EXHDR(datum);
	Size		size = add_size(VARHDRSZ + SHOWN_AT, len);
	struct varlena *result = palloc0(size);
	uint8	   *p = (uint8 *) VARDATA(result);

	SET_VARSIZE(result, size);
	memcpy(p, VARDATA_ANY(datum), CG_HEADER_LEN);
	p[1] = CG_DISPLAY_PLAIN;
	p[2] = CG_FLAG_DISPLAY;
	put_stamp(p + CG_HEADER_LEN);
	memcpy(p + SHOWN_AT, VARDATA_ANY(datum), len);
	return result;
}

/* Of this transaction: workers have that of their leader. */
static void
put_stamp(uint8 *p)
{
	PGPROC	   *leader = MyProc->lockGroupLeader;

	cg_put_u64(p, (uint64) GetCurrentTransactionStartTimestamp());
	cg_put_u32(p + 8, (uint32) (leader != NULL ? leader->pid : MyProcPid));
}

struct varlena *
cg_display_value(const struct varlena *datum)
{
	const uint8 *p = (const uint8 *) VARDATA_ANY(datum);
	Size		len = VARSIZE_ANY_EXHDR(datum);
	struct varlena *result;

	if (p[1] != CG_DISPLAY_PLAIN || len < SHOWN_AT + CG_HEADER_LEN)
		return NULL;
	result = palloc(VARHDRSZ + len - SHOWN_AT);
	SET_VARSIZE(result, VARHDRSZ + len - SHOWN_AT);
	memcpy(VARDATA(result), p + SHOWN_AT, len - SHOWN_AT);
	return result;
}

const char *
cg_display_text(const struct varlena *datum, Size *len)
{
	uint8		type = ((const uint8 *) VARDATA_ANY(datum))[3];
	struct varlena *value = cg_display_value(datum);
	Datum		plain;
	char	   *text;

	if (value == NULL && type == CG_TYPE_TEXT)
	{
		*len = VARSIZE_ANY_EXHDR(datum) - CG_HEADER_LEN;
		return VARDATA_ANY(datum) + CG_HEADER_LEN;
	}
	if (value != NULL && of_transaction(datum))
	{
		CgEnvelope	env;

		cg_parse(value, &env);
		if (cg_is_destroyed(&env))
		{
			text = cg_armor(value);
			*len = strlen(text);
			return text;
		}
		if (type == CG_TYPE_TEXT)
			return cg_open(&env, len);
	}
	if (cg_display_datum(datum, type, &plain))
		text = cg_plain_print(type, plain);
	else
		text = cg_armor(value);
	*len = strlen(text);
	return text;
}

bool
cg_display_datum(const struct varlena *datum, uint8 type, Datum *plain)
{
	const char *p = VARDATA_ANY(datum);
	Size		len = VARSIZE_ANY_EXHDR(datum) - CG_HEADER_LEN;
	struct varlena *value = cg_display_value(datum);
	CgEnvelope	env;

	if ((uint8) p[3] != type)
	{
		env.type = (uint8) p[3];
		cg_require_type(&env, type);
	}
	if (value == NULL)
	{
		if (type == CG_TYPE_TEXT)
			*plain = PointerGetDatum(cstring_to_text_with_len(p + CG_HEADER_LEN,
															  len));
		else
			*plain = cg_plain_load(type, p + CG_HEADER_LEN, len);
		return true;
	}
	if (!of_transaction(datum))
		return false;
	cg_parse(value, &env);
	cg_require_type(&env, type);
	if (cg_is_destroyed(&env) && !cg_subject_lost(env.subject))
		return false;
	*plain = cg_plain_value(&env);
	return true;
}

/* Was one that prints as plaintext made in this transaction? */
static bool
of_transaction(const struct varlena *datum)
{
	uint8		stamp[STAMP_LEN];

	put_stamp(stamp);
	return memcmp(VARDATA_ANY(datum) + CG_HEADER_LEN, stamp, STAMP_LEN) == 0;
}

void
cg_refuse_mask(const struct varlena *datum)
{
	if (cg_is_display(datum))
		ereport(ERROR,
				(errcode(CG_ERRCODE_MASK_STORED),
				 errmsg("the mask of an encrypted value cannot be stored"),
				 errhint("Leave the column out, or use %s, which is text.",
						 "cipguard.mask(column)")));
}

void
cg_refuse_display(Oid type, Datum value)
{
	Oid			elem;

	check_stack_depth();
	type = getBaseType(type);
	elem = get_element_type(type);
	if (cg_is_encrypted_type(type))
		cg_refuse_mask(PG_DETOAST_DATUM_PACKED(value));
	else if (OidIsValid(elem))
	{
		ArrayType  *array;
		int16		len;
		bool		byval;
		char		align;
		Datum	   *elems;
		bool	   *nulls;
		int			n;
		int			i;

		if (!cg_holds_encrypted(elem))
			return;
		array = DatumGetArrayTypeP(value);
		get_typlenbyvalalign(elem, &len, &byval, &align);
		deconstruct_array(array, elem, len, byval, align, &elems, &nulls, &n);
		for (i = 0; i < n; i++)
			if (!nulls[i])
				cg_refuse_display(elem, elems[i]);
	}
	else if (get_typtype(type) == TYPTYPE_RANGE ||
			 get_typtype(type) == TYPTYPE_MULTIRANGE)
	{
		/* Nobody needs ranges of ciphertext. */
		if (cg_holds_encrypted(type))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("ranges of encrypted values cannot be stored"),
					 errhint("Store the bounds in columns of their own.")));
	}
	else if (type_is_rowtype(type))
	{
		HeapTupleHeader row = DatumGetHeapTupleHeader(value);
		TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row),
												  HeapTupleHeaderGetTypMod(row));
		HeapTupleData tuple;
		int			i;

		tuple.t_len = HeapTupleHeaderGetDatumLength(row);
		ItemPointerSetInvalid(&tuple.t_self);
		tuple.t_tableOid = InvalidOid;
		tuple.t_data = row;
		for (i = 0; i < desc->natts; i++)
		{
			bool		isnull;
			Datum		field;

			if (TupleDescAttr(desc, i)->attisdropped ||
				!cg_holds_encrypted(TupleDescAttr(desc, i)->atttypid))
				continue;
			field = heap_getattr(&tuple, i + 1, desc, &isnull);
			if (!isnull)
				cg_refuse_display(TupleDescAttr(desc, i)->atttypid, field);
		}
		ReleaseTupleDesc(desc);
	}
}

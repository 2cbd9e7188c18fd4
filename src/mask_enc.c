/*
 * mask_enc.c
 *		Masks of encrypted values, as values of the plain type.
 *
 * Text has the mask of its category, and what does not parse becomes stars.
 * Other types are masked as plain columns of their type are (mask_datum.c):
 * by options of the category, and where nothing can be shown there is no mask.
 *
 * What a mask takes to make depends on the category, which each value names;
 * those of a column have the same, so the last one is kept.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "compat.h"

#include "cipguard.h"
#include "crypt.h"
#include "display.h"
#include "enc_type.h"
#include "mask_datum.h"
#include "mask_enc.h"
#include "subject_key.h"
#include "value.h"

struct CgEncMask
{
	const CgEncType *type;
	MemoryContext context;		/* of mask, if there is one */
	CgDatumMask *mask;
	int32		category;		/* of mask, */
	uint64		generation;		/* as it was at that time */
};

CgEncMask *
cg_enc_mask_prepare(uint8 tag, MemoryContext context)
{
	CgEncMask  *m = MemoryContextAllocZero(context, sizeof(CgEncMask));

	m->type = cg_enc_type(tag);
	if (m->type == NULL)
		elog(ERROR, "unrecognized encrypted type: %d", tag);
	m->context = AllocSetContextCreate(context, "cipguard mask",
									   ALLOCSET_SMALL_SIZES);
	return m;
}

Datum
cg_enc_mask(CgEncMask *m, const CgEnvelope *env, bool *isnull)
{
	Datum		plain;
	Datum		result;

	cg_require_type(env, m->type->tag);
	if (cg_is_destroyed(env))
	{
		*isnull = true;
		return (Datum) 0;
	}
	plain = cg_plain_value(env);
	result = cg_enc_mask_plain(m, (int32) env->category, plain, isnull);
	cg_wipe_plain(m->type->tag, plain);
	return result;
}

Datum
cg_enc_mask_plain(CgEncMask *m, int32 category, Datum plain, bool *isnull)
{
	const CgCategory *c = cg_category_by_id(category, false);

	*isnull = false;
	if (m->type->tag == CG_TYPE_TEXT)
	{
		text	   *shown = cg_mask_text(c, VARDATA_ANY(DatumGetPointer(plain)),
										 VARSIZE_ANY_EXHDR(DatumGetPointer(plain)));

		*isnull = shown == NULL;
		return PointerGetDatum(shown);
	}
	if (m->mask == NULL || m->category != category ||
		m->generation != cg_category_generation())
	{
		m->mask = NULL;
		MemoryContextReset(m->context);
		m->generation = cg_category_generation();
		m->category = category;
		m->mask = cg_mask_datum_prepare(m->type->plain, -1, c, m->context);
	}
	return cg_mask_datum(m->mask, plain, isnull);
}

Datum
cg_enc_mask_datum(CgEncMask *m, struct varlena *datum, bool *isnull)
{
	CgEnvelope	env;

	if (cg_is_display(datum))
	{
		struct varlena *inner = cg_display_value(datum);

		if (inner == NULL)
		{
			*isnull = false;
			return cg_displayed(m->type->tag, datum);
		}
		datum = inner;
	}
	cg_parse(datum, &env);
	return cg_enc_mask(m, &env, isnull);
}

Datum
cg_displayed(uint8 tag, struct varlena *datum)
{
	Datum		plain;

	if (!cg_display_datum(datum, tag, &plain))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("plaintext is shown in the transaction that read it only"),
				 errhint("Read the value again.")));
	return plain;
}

struct varlena *
cg_enc_display(uint8 tag, int32 category, Datum plain)
{
	CgPlain		stored;

	if (tag == CG_TYPE_TEXT)
		return cg_display_make(tag, category,
							   VARDATA_ANY(DatumGetPointer(plain)),
							   VARSIZE_ANY_EXHDR(DatumGetPointer(plain)));
	cg_plain_store(tag, plain, &stored);
	return cg_display_make(tag, category, stored.stored, stored.len);
}

bool
cg_same_plain(uint8 tag, Datum a, Datum b)
{
	Size		xlen;
	Size		ylen;
	const char *x = cg_plain_canon(tag, a, &xlen);
	const char *y = cg_plain_canon(tag, b, &ylen);

	return xlen == ylen && memcmp(x, y, xlen) == 0;
}

const char *
cg_plain_canon(uint8 tag, Datum plain, Size *len)
{
	CgPlain		stored;
	char	   *canon;

	cg_plain_store(tag, plain, &stored);
	*len = stored.len;
	if (tag == CG_TYPE_TEXT)
		return stored.stored;
	canon = palloc(stored.len + 1);
	*len = cg_stored_canon(tag, (const uint8 *) stored.stored, stored.len,
						   (uint8 *) canon);
	return canon;
}

void
cg_wipe_plain(uint8 tag, Datum plain)
{
	int16		typlen;
	bool		typbyval;

	get_typlenbyval(cg_enc_type(tag)->plain, &typlen, &typbyval);
	if (typbyval)
		return;
	if (typlen > 0)
		explicit_bzero(DatumGetPointer(plain), typlen);
	else
		explicit_bzero(VARDATA_ANY(DatumGetPointer(plain)),
					   VARSIZE_ANY_EXHDR(DatumGetPointer(plain)));
}

/*
 * mask_value.c
 *		The functions that plans call in place of protected columns.
 *
 * mask_value() gives the mask whoever asks: the plan was made for somebody who
 * may not read.  disclose_value() gives the value, records that, and looks
 * at the right to read itself: a cursor opened by a reader may be fetched
 * from by somebody else.  keep_value() decides what an UPDATE stores.
 *
 * The mask of an encrypted value is a display datum (display.h).  A grant
 * that is limited to a table does not open the output function of the type,
 * which knows no table; then the plaintext takes the same way.  Neither is
 * made where the result is stored: what runs for CREATE TABLE AS or a
 * materialised view gets the ciphertext or an error.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_index.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "replication/walsender.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"

#include "access.h"
#include "budget.h"
#include "bytes.h"
#include "cipguard.h"
#include "display.h"
#include "enc_type.h"
#include "event.h"
#include "gate.h"
#include "guc.h"
#include "journal.h"
#include "label.h"
#include "listen.h"
#include "lockdown.h"
#include "mask_datum.h"
#include "mask_enc.h"
#include "plan_mask.h"
#include "protect.h"
#include "row_gate.h"
#include "subject_key.h"
#include "value.h"

/* How to mask values of one type under one category; in fn_extra. */
typedef struct CgMasking
{
	Oid			type;			/* base type */
	int32		category;
	bool		encrypted;		/* an encrypted type, or an array of it */
	Oid			elem;			/* of an array of encrypted values */
	uint8		tag;			/* of the encrypted type */
	CgEncMask  *enc;
	CgDatumMask *plain;			/* of any other type */
	TypeCacheEntry *equality;
	CgReason	reason;			/* why the person is withheld, if that is told */
} CgMasking;

/* The state of one disclose_value() call; in fn_extra. */
typedef struct CgDisclosing
{
	CgMasking  *masking;		/* NULL: masked as NULL */
	bool		encrypted;
	bool		gated;			/* the value has passed gate_value() */
	bool		blind;			/* of gate_value(): may not read anybody */
	CgRowGate  *gate;
	CgRowConditions conditions; /* in force */
	Oid			user;
	TimestampTz statement;
	uint64		epoch;
	bool		row_security;
	bool		bypasses;		/* row security, which is off */
	bool		may_read;
	bool		unlimited;		/* by a grant for every table */
	uint64		generation;		/* of the journal */
	CgDisclosed *disclosed;
} CgDisclosing;

static CgMasking *prepare(FunctionCallInfo fcinfo, int argno, int32 category,
						  MemoryContext context);
static Datum mask(CgMasking *m, Datum value, bool *isnull);
static struct varlena *mask_encrypted(CgMasking *m, Datum value);
static Datum map(CgMasking *m, Datum value,
				 struct varlena *(*map_one) (CgMasking *, Datum));
static Datum map_array(CgMasking *m, Datum value,
					   struct varlena *(*map_one) (CgMasking *, Datum));
static CgDisclosing *disclosing(FunctionCallInfo fcinfo, bool knows_birthday);
static inline void judge_anew(FunctionCallInfo fcinfo, CgDisclosing *d);
static void judge(CgDisclosing *d, Oid relid, AttrNumber attnum);
static bool may_give(FunctionCallInfo fcinfo, CgDisclosing *d, bool *withheld);
static bool record(FunctionCallInfo fcinfo, CgDisclosing *d,
				   const CgSubject *subject);
static bool is_budgeted(const CgProtection *p, AttrNumber attnum);
static Datum give_mask(FunctionCallInfo fcinfo, CgMasking *m, Datum value,
					   bool withheld);
static struct varlena *withhold(CgMasking *m, Datum value);
static struct varlena *show_plain(CgMasking *m, Datum value);
static struct varlena *stored_value(CgMasking *m, Datum value);
static bool is_string(Oid type);
static void refuse_look_alike(text * value);
static void refuse_plain_look_alike(CgMasking *m, struct varlena *datum);
static struct varlena *take(CgMasking *m, Oid type, Datum value,
							int32 category);
static Datum take_array(CgMasking *m, Datum value, int32 category);
static bool same(CgMasking *m, Datum value, Datum shown, Oid collid);
static bool is_mask_of(CgMasking *m, Oid type, Datum value, bool isnull,
					   Datum old);
static bool is_mask_of_array(CgMasking *m, Datum value, Datum old);

/* The state of a call, made at the first. */
static CgMasking *
prepare(FunctionCallInfo fcinfo, int argno, int32 category,
		MemoryContext context)
{
	CgMasking  *m = MemoryContextAllocZero(context, sizeof(CgMasking));
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, argno);
	int32		typmod = -1;
	Node	   *expr = fcinfo->flinfo->fn_expr;

	if (expr != NULL && IsA(expr, FuncExpr))
		typmod = exprTypmod(list_nth(((FuncExpr *) expr)->args, argno));
	m->type = type;
	m->category = category;
	/* PostgreSQL's own types are neither domains nor encrypted. */
	if (type >= FirstGenbkiObjectId)
	{
		m->type = getBaseType(type);
		m->elem = get_element_type(m->type);
		if (OidIsValid(m->elem))
			m->elem = getBaseType(m->elem);
		if (OidIsValid(m->elem) && !cg_is_encrypted_type(m->elem))
			m->elem = InvalidOid;
		m->encrypted = cg_is_encrypted_type(m->type) || OidIsValid(m->elem);
		if (m->encrypted)
		{
			m->tag = cg_enc_type_of(OidIsValid(m->elem) ? m->elem :
									m->type)->tag;
			m->enc = cg_enc_mask_prepare(m->tag, context);
		}
	}
	if (!m->encrypted && category >= 0)
		m->plain = cg_mask_datum_prepare(type, typmod,
										 cg_category_by_id(category, false),
										 context);
	return m;
}

static Datum
mask(CgMasking *m, Datum value, bool *isnull)
{
	*isnull = false;
	if (m->encrypted)
	{
		value = map(m, value, mask_encrypted);
		*isnull = DatumGetPointer(value) == NULL;
		return value;
	}
	if (m->plain == NULL)
	{
		*isnull = true;
		return (Datum) 0;
	}
	return cg_mask_datum(m->plain, value, isnull);
}

/* An encrypted value as a display datum of its mask; NULL if it has none. */
static struct varlena *
mask_encrypted(CgMasking *m, Datum value)
{
	struct varlena *datum = PG_DETOAST_DATUM_PACKED(value);
	struct varlena *result;
	bool		isnull;
	Datum		shown;

	if (cg_is_display(datum) && cg_display_value(datum) == NULL)
		return datum;
	shown = cg_enc_mask_datum(m->enc, datum, &isnull);
	if (isnull)
		return NULL;
	result = cg_enc_display(m->tag,
							(int32) cg_get_u32((const uint8 *)
											   VARDATA_ANY(datum) + 4),
							shown);
	if (cg_result_is_stored())
		cg_refuse_mask(result);
	return result;
}

/* An encrypted value as a display datum that prints as its plaintext. */
static struct varlena *
show_plain(CgMasking *m, Datum value)
{
	struct varlena *datum = PG_DETOAST_DATUM_PACKED(value);

	return cg_is_display(datum) ? datum : cg_display_plain(datum);
}

/* What has passed a gate, as the ciphertext that it is of. */
static struct varlena *
stored_value(CgMasking *m, Datum value)
{
	struct varlena *datum = PG_DETOAST_DATUM_PACKED(value);
	struct varlena *real = cg_is_display(datum) ? cg_display_value(datum) :
	NULL;

	return real != NULL ? real : datum;
}

/* Of a value, or of each element of an array. */
static Datum
map(CgMasking *m, Datum value, struct varlena *(*map_one) (CgMasking *, Datum))
{
	return OidIsValid(m->elem) ? map_array(m, value, map_one) :
		PointerGetDatum(map_one(m, value));
}

static Datum
map_array(CgMasking *m, Datum value,
		  struct varlena *(*map_one) (CgMasking *, Datum))
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	Datum	   *elems;
	bool	   *nulls;
	int			n;
	int			i;

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT,
					  &elems, &nulls, &n);
	for (i = 0; i < n; i++)
		if (!nulls[i])
		{
			elems[i] = PointerGetDatum(map_one(m, elems[i]));
			nulls[i] = DatumGetPointer(elems[i]) == NULL;
		}
	return PointerGetDatum(construct_md_array(elems, nulls, ARR_NDIM(array),
											  ARR_DIMS(array),
											  ARR_LBOUND(array),
											  ARR_ELEMTYPE(array), -1, false,
											  TYPALIGN_INT));
}

/* mask_value(value anyelement, category int4) RETURNS anyelement */
PG_FUNCTION_INFO_V1(cipguard_mask_value);
Datum
cipguard_mask_value(PG_FUNCTION_ARGS)
{
	Datum		value = PG_GETARG_DATUM(0);
	CgMasking  *m = fcinfo->flinfo->fn_extra;
	bool		isnull;
	Datum		result;

	CG_STRESS_RETURN(value);
	if (m == NULL || m->category != PG_GETARG_INT32(1))
		fcinfo->flinfo->fn_extra = m = prepare(fcinfo, 0, PG_GETARG_INT32(1),
											   fcinfo->flinfo->fn_mcxt);
	result = mask(m, value, &isnull);
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}

/*
 * disclose_value(value anyelement, relation oid, attnum int4, subject "any",
 *				  proof checked) RETURNS anyelement
 * disclose_row(value anyelement, relation oid, attnum int4, subject "any",
 *				birthday "any", gated boolean, proof checked)
 *		RETURNS anyelement
 *
 * The second form while conditions of a row are in force.  gated: the value
 * has passed gate_value(), and may be a mask already.
 */
PG_FUNCTION_INFO_V1(cipguard_disclose_value);
Datum
cipguard_disclose_value(PG_FUNCTION_ARGS)
{
	CgDisclosing *d = fcinfo->flinfo->fn_extra;
	Datum		value;
	bool		withheld = false;

	cg_require_plan(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	value = PG_GETARG_DATUM(0);
	if (d == NULL)
		fcinfo->flinfo->fn_extra = d = disclosing(fcinfo, PG_NARGS() == 7);

	cg_listen();
	judge_anew(fcinfo, d);
	if (d->bypasses)
		PG_RETURN_DATUM(value); /* noted when the statement began */
	if (d->encrypted && (!row_security || am_walsender))
		PG_RETURN_DATUM(value); /* prints as armor, never as a mask */
	if (!d->may_read)
		return give_mask(fcinfo, d->masking, value, false);
	if (d->encrypted && cg_output != CG_OUTPUT_AUTO && d->conditions == 0)
		PG_RETURN_DATUM(value); /* prints as armor */
	if (!may_give(fcinfo, d, &withheld))
	{
		if (withheld && d->gated)
			PG_RETURN_DATUM(value);
		return give_mask(fcinfo, d->masking, value, withheld);
	}
	if (d->encrypted && cg_result_is_stored())
		return map(d->masking, value, stored_value);
	if (d->encrypted && (!d->unlimited || d->conditions != 0))
		return map(d->masking, value, show_plain);
	PG_RETURN_DATUM(value);
}

/*
 * gate_value(value anyelement, relation oid, attnum int4, subject "any",
 *			  birthday "any", proof checked) RETURNS anyelement
 *
 * The value as a reader may work with it: itself, or the mask if the person
 * is withheld from him.  The functions of encrypted types do not know the
 * person, and take the value from a display datum only.
 */
PG_FUNCTION_INFO_V1(cipguard_gate_value);
Datum
cipguard_gate_value(PG_FUNCTION_ARGS)
{
	CgDisclosing *d = fcinfo->flinfo->fn_extra;
	CgRowConditions conditions;
	CgReason	reason = CG_GRANTED;
	CgSubject	person;

	cg_require_plan(fcinfo);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	if (d == NULL)
	{
		const CgProtection *p = cg_protection(PG_GETARG_OID(1));

		/* Who may not read is not told who is withheld from readers. */
		fcinfo->flinfo->fn_extra = d = disclosing(fcinfo, true);
		d->blind = p == NULL ||
			cg_column_level(p, (AttrNumber) PG_GETARG_INT32(2)) ==
			CG_LEVEL_NONE;
	}
	cg_listen();
	conditions = cg_row_gate_check(d->gate);
	if (!d->blind && conditions != 0)
		reason = cg_row_gate_ask(d->gate, &fcinfo->args[3], &fcinfo->args[4]);
	if (d->blind || reason != CG_GRANTED)
	{
		if (d->masking != NULL)
			d->masking->reason = reason;
		return give_mask(fcinfo, d->masking, PG_GETARG_DATUM(0), true);
	}
	if (!d->encrypted && cg_holding == NULL)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	judge_anew(fcinfo, d);
	if (cg_holding != NULL && d->may_read && conditions != 0 &&
		cg_row_gate_subject(d->gate, &fcinfo->args[3], &person))
		cg_held_note(d->gate, &person);
	return d->may_read && d->encrypted ?
		map(d->masking, PG_GETARG_DATUM(0), show_plain) :
		PG_GETARG_DATUM(0);
}

static Datum
give_mask(FunctionCallInfo fcinfo, CgMasking *m, Datum value, bool withheld)
{
	bool		isnull;

	if (m == NULL)
		PG_RETURN_NULL();
	if (!withheld || !m->encrypted)
		value = mask(m, value, &isnull);
	else
	{
		value = map(m, value, withhold);
		isnull = DatumGetPointer(value) == NULL;
	}
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(value);
}

/* The mask of an encrypted value, to stand beside values that are shown. */
static struct varlena *
withhold(CgMasking *m, Datum value)
{
	struct varlena *datum = PG_DETOAST_DATUM_PACKED(value);
	struct varlena *result = mask_encrypted(m, value);

	if (result == datum)
		result = (struct varlena *) DatumGetPointer(datumCopy(PointerGetDatum(datum),
															  false, -1));
	if (result != NULL)
		cg_withhold(result, m->reason);
	return result;
}

static CgDisclosing *
disclosing(FunctionCallInfo fcinfo, bool knows_birthday)
{
	MemoryContext context = fcinfo->flinfo->fn_mcxt;
	CgDisclosing *d = MemoryContextAllocZero(context, sizeof(CgDisclosing));
	Oid			relid = PG_GETARG_OID(1);
	AttrNumber	attnum = (AttrNumber) PG_GETARG_INT32(2);
	const CgProtection *p = cg_protection(relid);
	const CgProtectedColumn *column = p == NULL ? NULL :
	cg_protected_column(p, attnum);
	Oid			birthday = InvalidOid;

	if (column != NULL && column->category >= 0)
	{
		d->masking = prepare(fcinfo, 0, column->category, context);
		d->encrypted = d->masking->encrypted;
	}
	if (PG_NARGS() == 7)
		d->gated = !PG_ARGISNULL(5) && PG_GETARG_BOOL(5);
	if (knows_birthday)
		birthday = get_fn_expr_argtype(fcinfo->flinfo, 4);
	d->gate = cg_row_gate(context, relid, attnum);
	cg_row_gate_types(d->gate, get_fn_expr_argtype(fcinfo->flinfo, 3),
					  birthday);
	return d;
}

/* If anything has changed. */
static inline void
judge_anew(FunctionCallInfo fcinfo, CgDisclosing *d)
{
	TimestampTz now = cg_access_now();

	if (likely(d->user == GetUserId() && d->statement == now &&
			   d->epoch == cg_access_epoch() &&
			   d->row_security == row_security))
		return;
	judge(d, PG_GETARG_OID(1), (AttrNumber) PG_GETARG_INT32(2));
	d->user = GetUserId();
	d->statement = now;
	d->epoch = cg_access_epoch();
	d->row_security = row_security;
}

static void
judge(CgDisclosing *d, Oid relid, AttrNumber attnum)
{
	const CgProtection *p = cg_protection(relid);
	const CgProtectedColumn *column;
	int			i;

	d->may_read = d->unlimited = true;
	d->bypasses = p != NULL && !row_security && cg_bypasses_row_security(p);
	d->conditions = cg_row_gate_check(d->gate);
	if (p == NULL)
		return;					/* its label was taken away meanwhile */
	if (attnum <= 0)
	{
		d->may_read = cg_reads_all(p);
		if (!d->may_read)
			cg_stop_locked_down(p, attnum);
		return;
	}
	column = cg_protected_column(p, attnum);
	if (column == NULL)
		return;
	d->may_read = cg_column_level(p, attnum) == CG_LEVEL_READ;
	if (!d->may_read && !d->bypasses)
	{
		int32		category;
		CgReason	missing = cg_column_missing(p, attnum, &category);

		/* Hours may end and grants be revoked while the statement runs. */
		cg_stop_locked_down(p, attnum);
		if (missing != CG_GRANTED && missing != CG_NO_GRANT)
			cg_report_refusal(category, relid, missing);
	}
	for (i = 0; i < column->n_needs; i++)
		if (cg_access_level(column->needs[i], InvalidOid) < CG_LEVEL_READ)
			d->unlimited = false;
	for (i = 0; d->may_read && i < column->n_needs; i++)
		cg_note_given(column->needs[i], relid);
}

/*
 * Is the person of this row open, is there a budget for one more value, and
 * can it be recorded?  *withheld: the person is not.
 *
 * What has passed gate_value() is a mask already if the person is withheld.
 * If it is not known whose it is, it is made of several rows, and each of them
 * was judged; and the birthday is known there only.
 */
static bool
may_give(FunctionCallInfo fcinfo, CgDisclosing *d, bool *withheld)
{
	CgSubject	person;
	CgSubject  *subject = NULL;
	CgReason	reason = CG_GRANTED;

	if (cg_row_gate_subject(d->gate, &fcinfo->args[3], &person))
		subject = &person;
	if (d->conditions != 0 && d->gated)
		reason = subject == NULL ? CG_GRANTED :
			cg_row_gate_decide(d->gate, d->conditions & ~(1 << CG_MINOR),
							   subject, 0);
	else if (d->conditions != 0)
		reason = cg_row_gate_decide(d->gate, d->conditions, subject,
									PG_NARGS() < 7 ? 0 :
									cg_row_gate_birthday(d->gate,
														 &fcinfo->args[4]));
	if (reason != CG_GRANTED)
	{
		*withheld = true;
		cg_row_gate_report(d->gate, reason);
		return false;
	}
	if (!cg_row_gate_spend(d->gate) || !record(fcinfo, d, subject))
		return false;
	/* Of merged rows the gate has noted the persons. */
	if (subject != NULL || !d->gated || d->conditions == 0)
		cg_row_gate_given(d->gate, subject);
	return true;
}

/* False if that cannot be recorded, so that the mask must do. */
static bool
record(FunctionCallInfo fcinfo, CgDisclosing *d, const CgSubject *subject)
{
	if (d->generation != cg_journal_generation)
	{
		d->disclosed = cg_journal_entry(PG_GETARG_OID(1));
		cg_journal_column(d->disclosed, (AttrNumber) PG_GETARG_INT32(2));
		d->generation = cg_journal_generation;
	}
	if (subject == NULL)
		return cg_journal_rows(d->disclosed);
	if (subject->is_number)
		return cg_journal_int(d->disclosed, subject->number);
	return cg_journal_text(d->disclosed, subject->text, subject->len);
}

/*
 * keep_value(new anyelement, old anyelement, category int4)
 *		RETURNS anyelement
 *
 * The old value if the new one equals its mask, else the new one.  Of a
 * category below 0 the mask is NULL.
 */
PG_FUNCTION_INFO_V1(cipguard_keep_value);
Datum
cipguard_keep_value(PG_FUNCTION_ARGS)
{
	CgMasking  *m = fcinfo->flinfo->fn_extra;
	int32		category = PG_GETARG_INT32(2);
	Datum		shown;
	bool		isnull;

#ifdef CG_STRESS
	fcinfo->isnull = PG_ARGISNULL(0);
	return PG_GETARG_DATUM(0);
#endif
	if (m == NULL)
		fcinfo->flinfo->fn_extra = m = prepare(fcinfo, 1, category,
											   fcinfo->flinfo->fn_mcxt);
	if (!PG_ARGISNULL(1))
	{
		bool		keeps;

		if (category < 0)
			keeps = PG_ARGISNULL(0);
		else if (OidIsValid(m->elem))
			keeps = !PG_ARGISNULL(0) &&
				is_mask_of_array(m, PG_GETARG_DATUM(0), PG_GETARG_DATUM(1));
		else if (m->encrypted)
			keeps = is_mask_of(m, m->type,
							   PG_ARGISNULL(0) ? 0 : PG_GETARG_DATUM(0),
							   PG_ARGISNULL(0), PG_GETARG_DATUM(1));
		else
		{
			shown = mask(m, PG_GETARG_DATUM(1), &isnull);
			keeps = isnull == PG_ARGISNULL(0) &&
				(isnull || same(m, PG_GETARG_DATUM(0), shown,
								PG_GET_COLLATION()));
		}
		if (keeps)
			PG_RETURN_DATUM(PG_GETARG_DATUM(1));
	}
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (!m->encrypted)
	{
		if (is_string(m->type))
			refuse_look_alike(DatumGetTextPP(PG_GETARG_DATUM(0)));
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	if (OidIsValid(m->elem))
		PG_RETURN_DATUM(take_array(m, PG_GETARG_DATUM(0), category));
	cg_refuse_display(m->type, PG_GETARG_DATUM(0));
	refuse_plain_look_alike(m, PG_GETARG_VARLENA_PP(0));
	PG_RETURN_POINTER(cg_recode(PG_GETARG_VARLENA_PP(0), category));
}

/*
 * keep_plain(new "any", old anyelement, category int4) RETURNS anyelement:
 * the same of a value of the plain type, or of text, that is still to be
 * encrypted
 */
PG_FUNCTION_INFO_V1(cipguard_keep_plain);
Datum
cipguard_keep_plain(PG_FUNCTION_ARGS)
{
	CgMasking  *m = fcinfo->flinfo->fn_extra;
	int32		category = PG_GETARG_INT32(2);
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);

	if (m == NULL)
		fcinfo->flinfo->fn_extra = m = prepare(fcinfo, 1, category,
											   fcinfo->flinfo->fn_mcxt);
	if (m->tag == 0 || OidIsValid(m->elem) ||
		(type != TEXTOID && type != cg_enc_type(m->tag)->plain))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("only plans call %s", "cipguard.keep_plain()")));
	if (!PG_ARGISNULL(1) &&
		is_mask_of(m, type, PG_ARGISNULL(0) ? 0 : PG_GETARG_DATUM(0),
				   PG_ARGISNULL(0), PG_GETARG_DATUM(1)))
		PG_RETURN_DATUM(PG_GETARG_DATUM(1));
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (m->tag == CG_TYPE_TEXT)
		refuse_look_alike(PG_GETARG_TEXT_PP(0));
	PG_RETURN_POINTER(take(m, type, PG_GETARG_DATUM(0), category));
}

/* Is a new value, of a plain type, the mask? */
static bool
same(CgMasking *m, Datum value, Datum shown, Oid collid)
{
	if (m->equality == NULL)
		m->equality = lookup_type_cache(m->type, TYPECACHE_EQ_OPR_FINFO);
	if (OidIsValid(m->equality->eq_opr_finfo.fn_oid) &&
		!OidIsValid(get_typcollation(m->type)))
		return DatumGetBool(FunctionCall2Coll(&m->equality->eq_opr_finfo,
											  collid, value, shown));
	return datum_image_eq(value, shown, m->equality->typbyval,
						  m->equality->typlen);
}

/*
 * Is a new value the mask of an encrypted one?  It is encrypted itself, of the
 * plain type, or text.
 */
static bool
is_mask_of(CgMasking *m, Oid type, Datum value, bool isnull, Datum old)
{
	bool		no_mask;
	Datum		shown = cg_enc_mask_datum(m->enc,
										  PG_DETOAST_DATUM_PACKED(old),
										  &no_mask);
	struct varlena *datum;
	CgEnvelope	env;
	Datum		plain;
	bool		result;

	if (no_mask || isnull)
		return no_mask && isnull;
	if (type == cg_enc_type(m->tag)->plain)
		return cg_same_plain(m->tag, value, shown);
	datum = PG_DETOAST_DATUM_PACKED(value);
	if (type == TEXTOID)
	{
		char	   *string = cg_plain_print(m->tag, shown);

		return strlen(string) == VARSIZE_ANY_EXHDR(datum) &&
			memcmp(string, VARDATA_ANY(datum), strlen(string)) == 0;
	}
	if (cg_is_display(datum))
		return cg_same_plain(m->tag, cg_displayed(m->tag, datum), shown);
	cg_parse(datum, &env);
	if (env.type != m->tag)
		return false;			/* and not authentic, as will turn out */
	if (cg_is_destroyed(&env))
		return false;
	plain = cg_plain_value(&env);
	result = cg_same_plain(m->tag, plain, shown);
	cg_wipe_plain(m->tag, plain);
	return result;
}

static bool
is_mask_of_array(CgMasking *m, Datum value, Datum old)
{
	ArrayType  *x = DatumGetArrayTypeP(value);
	ArrayType  *y = DatumGetArrayTypeP(old);
	int16		len;
	bool		byval;
	char		align;
	Datum	   *xs;
	Datum	   *ys;
	bool	   *xnulls;
	bool	   *ynulls;
	int			nx;
	int			ny;
	int			i;

	get_typlenbyvalalign(ARR_ELEMTYPE(x), &len, &byval, &align);
	deconstruct_array(x, ARR_ELEMTYPE(x), len, byval, align, &xs, &xnulls,
					  &nx);
	deconstruct_array(y, ARR_ELEMTYPE(y), -1, false, TYPALIGN_INT,
					  &ys, &ynulls, &ny);
	if (nx != ny)
		return false;
	for (i = 0; i < nx; i++)
	{
		if (ynulls[i])
		{
			if (!xnulls[i])
				return false;
		}
		else if (!is_mask_of(m, ARR_ELEMTYPE(x), xs[i], xnulls[i], ys[i]))
			return false;
	}
	return true;
}

static bool
is_string(Oid type)
{
	return type == TEXTOID || type == VARCHAROID || type == BPCHAROID;
}

/*
 * What holds the character that masks are made of, and is not the mask of the
 * value that it replaces, is that of another row or of another time.
 */
static void
refuse_look_alike(text * value)
{
	if (memchr(VARDATA_ANY(value), '*', VARSIZE_ANY_EXHDR(value)) != NULL)
		ereport(ERROR,
				(errcode(CG_ERRCODE_MASK_STORED),
				 errmsg("new value looks like a mask, but not of the value that it replaces"),
				 errhint("Read the row again and leave the column out, or ask an officer for %s.",
						 "cipguard.grant_access(..., 'read')")));
}

/* The same of a value that was just typed in. */
static void
refuse_plain_look_alike(CgMasking *m, struct varlena *datum)
{
	CgEnvelope	env;
	Datum		plain;
	bool		stars;

	if (m->tag != CG_TYPE_TEXT)
		return;
	cg_parse(datum, &env);
	if ((int32) env.category != cg_category_unclassified())
		return;
	plain = cg_plain_value(&env);
	stars = memchr(VARDATA_ANY(DatumGetPointer(plain)), '*',
				   VARSIZE_ANY_EXHDR(DatumGetPointer(plain))) != NULL;
	cg_wipe_plain(m->tag, plain);
	if (stars)
		refuse_look_alike(cstring_to_text("*"));
}

/* A new value, encrypted or of the plain type or text, for the column. */
static struct varlena *
take(CgMasking *m, Oid type, Datum value, int32 category)
{
	if (type == TEXTOID)
	{
		text	   *string = DatumGetTextPP(value);

		return cg_take_text(m->tag, VARDATA_ANY(string),
							VARSIZE_ANY_EXHDR(string), category, NULL);
	}
	if (type == cg_enc_type(m->tag)->plain)
		return cg_take_value(m->tag, value, category, NULL);
	return cg_recode(PG_DETOAST_DATUM_PACKED(value), category);
}

/* New elements as values of the column's category. */
static Datum
take_array(CgMasking *m, Datum value, int32 category)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	int16		len;
	bool		byval;
	char		align;
	Datum	   *elems;
	bool	   *nulls;
	int			n;
	int			i;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &len, &byval, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), len, byval, align, &elems,
					  &nulls, &n);
	for (i = 0; i < n; i++)
		if (!nulls[i])
			elems[i] = PointerGetDatum(take(m, ARR_ELEMTYPE(array), elems[i],
											category));
	return PointerGetDatum(construct_md_array(elems, nulls, ARR_NDIM(array),
											  ARR_DIMS(array),
											  ARR_LBOUND(array),
											  get_element_type(m->type), -1,
											  false, TYPALIGN_INT));
}

/* storable(value anyelement) RETURNS anyelement: refuses display datums */
PG_FUNCTION_INFO_V1(cipguard_storable);
Datum
cipguard_storable(PG_FUNCTION_ARGS)
{
	cg_refuse_display(get_fn_expr_argtype(fcinfo->flinfo, 0),
					  PG_GETARG_DATUM(0));
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/* What statistics show is not counted. */
static bool
is_budgeted(const CgProtection *p, AttrNumber attnum)
{
	const CgProtectedColumn *column = cg_protected_column(p, attnum);
	int			i;

	for (i = 0; column != NULL && i < column->n_needs; i++)
		if (!cg_budget_is_free(column->needs[i], p->relid))
			return true;
	return false;
}

/*
 * visible_statistics(values anyelement, relation oid, attnum int2)
 *		RETURNS anyelement
 *
 * What pg_statistic (or, with attnum 0, pg_statistic_ext_data) holds of a
 * column; NULL if it is protected and the current user may not read it, or not
 * of everybody.  The expressions of an index may use any column of its table.
 */
PG_FUNCTION_INFO_V1(cipguard_visible_statistics);
Datum
cipguard_visible_statistics(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(1);
	AttrNumber	attnum = PG_GETARG_INT16(2);
	const CgProtection *p;
	bool		whole = false;

	CG_STRESS_RETURN(PG_GETARG_DATUM(0));
	if (attnum == 0)
	{
		HeapTuple	tuple = SearchSysCache1(STATEXTOID,
											ObjectIdGetDatum(relid));

		if (!HeapTupleIsValid(tuple))
			PG_RETURN_NULL();
		relid = ((Form_pg_statistic_ext) GETSTRUCT(tuple))->stxrelid;
		ReleaseSysCache(tuple);
		whole = true;
	}
	else if (get_rel_relkind(relid) == RELKIND_INDEX ||
			 get_rel_relkind(relid) == RELKIND_PARTITIONED_INDEX)
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID,
											ObjectIdGetDatum(relid));

		if (!HeapTupleIsValid(tuple))
			PG_RETURN_NULL();
		relid = ((Form_pg_index) GETSTRUCT(tuple))->indrelid;
		ReleaseSysCache(tuple);
		whole = true;
	}
	p = cg_protection(relid);
	if (p != NULL &&
		(whole ? !cg_reads_freely(p, GetUserId()) :
		 cg_column_level(p, attnum) < CG_LEVEL_READ ||
		 cg_column_row_conditions(p, attnum) != 0 ||
		 is_budgeted(p, attnum)))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

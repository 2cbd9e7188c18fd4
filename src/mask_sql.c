/*
 * mask_sql.c
 *		Masks, disclosure and validation as SQL functions.
 *
 * mask() may be called by anybody: what it gives of a value is its mask.
 * disclose() gives plaintext to whoever may read and the mask to others; the
 * masking views are made of it.
 *
 * A grant can be limited to one table.  disclose(value, relation) must not
 * take the caller's word for which table a value is from, or a reader of one
 * table could read another's values through it.  So the planner checks it: a
 * support function looks whether the value is a column of just that table,
 * and only then replaces the call by one that trusts the name.  The trusted
 * form takes an argument of type cipguard.checked, of which no SQL can make a
 * value, but which EXPLAIN can print.
 *
 * The same holds for the person whom a value is about, where that matters
 * (row_gate.h): the subject column of the same row, or nobody.
 *
 * Plaintext given by disclose() is recorded in the disclosure journal when the
 * library is preloaded: which table, by what the call says, and how many
 * values.  Which column it is is not known here, nor the person, unless it is
 * named.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "parser/parse_func.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "compat.h"

#include "access.h"
#include "activity.h"
#include "budget.h"
#include "catalog.h"
#include "cipguard.h"
#include "display.h"
#include "enc_type.h"
#include "journal.h"
#include "label.h"
#include "lockdown.h"
#include "mask_datum.h"
#include "mask_enc.h"
#include "minor.h"
#include "row_gate.h"
#include "subject_key.h"
#include "value.h"

/* What a call site keeps in fn_extra. */
typedef struct CgCall
{
	int32		id;				/* category whose name it was given last */
	Size		len;
	char		name[NAMEDATALEN];
	CgEncMask  *enc;			/* mask(enc_X) and disclose(enc_X) */
	uint8		tag;
	CgDatumMask *mask;			/* mask(anyelement); NULL: none yet */
	int32		mask_id;		/* its category, */
	uint64		mask_generation;	/* as it was at that time */
	MemoryContext mask_context;
	uint64		generation;		/* cg_journal_generation of disclosed */
	Oid			relation;
	CgDisclosed *disclosed;
	CgRowGate  *gate;			/* of the next two */
	int32		gate_category;
	Oid			gate_relation;
} CgCall;

/* Whom the value of a call is about: numbers of arguments, -1 for none. */
typedef struct CgAbout
{
	int			subject;
	int			birthday;
} CgAbout;

static const CgAbout nobody = {-1, -1};

static Datum disclose(FunctionCallInfo fcinfo, Oid relation, Oid stated,
					  CgAbout person);
static bool may_give(FunctionCallInfo fcinfo, int32 category, Oid relation,
					 Oid stated, CgAbout person);
static CgRowGate *call_gate(FunctionCallInfo fcinfo, int32 category,
							Oid relation, CgAbout person);
static const NullableDatum *argument(FunctionCallInfo fcinfo, int argno);
static CgCall *enc_state(FunctionCallInfo fcinfo);
static Datum datum_or_null(FunctionCallInfo fcinfo, Datum result, bool isnull);
static bool record(FunctionCallInfo fcinfo, Oid relation,
				   const CgSubject *subject);
static const CgCategory *named_category(FunctionCallInfo fcinfo, int argno);
static CgCall *call_state(FunctionCallInfo fcinfo);
static Datum text_or_null(FunctionCallInfo fcinfo, text * result);
static Node *trusted_call(PlannerInfo *root, FuncExpr *call);
static bool is_column(Node *node, Var *value, AttrNumber attnum);

/*
 * Record that a value of a relation is disclosed; false if that cannot be, so
 * that the mask must do.
 */
static bool
record(FunctionCallInfo fcinfo, Oid relation, const CgSubject *subject)
{
	CgCall	   *call;

	if (!cg_preloaded)
		return true;
	call = call_state(fcinfo);
	if (call->generation != cg_journal_generation ||
		call->relation != relation)
	{
		call->generation = 0;
		call->disclosed = cg_journal_entry(relation);
		call->relation = relation;
		call->generation = cg_journal_generation;
	}
	if (subject == NULL)
		return cg_journal_rows(call->disclosed);
	if (subject->is_number)
		return cg_journal_int(call->disclosed, subject->number);
	return cg_journal_text(call->disclosed, subject->text, subject->len);
}

static const NullableDatum *
argument(FunctionCallInfo fcinfo, int argno)
{
	return argno < 0 ? NULL : &fcinfo->args[argno];
}

static CgRowGate *
call_gate(FunctionCallInfo fcinfo, int32 category, Oid relation,
		  CgAbout person)
{
	CgCall	   *call = call_state(fcinfo);

	if (call->gate == NULL || call->gate_category != category ||
		call->gate_relation != relation)
	{
		call->gate = cg_row_gate_of(fcinfo->flinfo->fn_mcxt, relation,
									category);
		cg_row_gate_types(call->gate, person.subject < 0 ? InvalidOid :
						  get_fn_expr_argtype(fcinfo->flinfo, person.subject),
						  person.birthday < 0 ? InvalidOid :
						  get_fn_expr_argtype(fcinfo->flinfo,
											  person.birthday));
		call->gate_category = category;
		call->gate_relation = relation;
	}
	return call->gate;
}

/*
 * May a value be given to the current user?  Then it is recorded and charged.
 * Grants limited to a table count if it is relation; stated is the table that
 * the caller says the value is from.
 */
static bool
may_give(FunctionCallInfo fcinfo, int32 category, Oid relation, Oid stated,
		 CgAbout person)
{
	CgRowGate  *gate;
	CgSubject	about;
	CgSubject  *subject = NULL;
	CgReason	reason = CG_GRANTED;

	if (cg_access_level(category, relation) < CG_LEVEL_READ ||
		!cg_activity_opens_category(category, relation))
	{
		cg_stop_given(category, relation);
		reason = cg_access_reason(category, relation);
		if (reason != CG_NO_GRANT)
			cg_report_refusal(category, relation, reason);
		return false;
	}
	gate = call_gate(fcinfo, category, relation, person);
	if (cg_row_gate_check(gate) != 0)
		reason = cg_row_gate_ask(gate, argument(fcinfo, person.subject),
								 argument(fcinfo, person.birthday));
	if (reason != CG_GRANTED)
	{
		cg_row_gate_report(gate, reason);
		return false;
	}
	if (cg_row_gate_subject(gate, argument(fcinfo, person.subject), &about))
		subject = &about;
	if (!cg_budget_spend(category, relation, 1) ||
		!record(fcinfo, stated, subject))
		return false;
	cg_note_given(category, relation);
	cg_row_gate_given(gate, subject);
	return true;
}

static Datum
disclose(FunctionCallInfo fcinfo, Oid relation, Oid stated, CgAbout person)
{
	struct varlena *datum = PG_GETARG_VARLENA_PP(0);
	CgCall	   *call = enc_state(fcinfo);
	CgEnvelope	env;
	bool		isnull = false;
	Datum		result;

	if (cg_is_display(datum))
	{
		struct varlena *real = cg_display_value(datum);

		/* What has passed a gate was asked about. */
		if (real != NULL)
		{
			cg_parse(real, &env);
			if (!cg_budget_spend((int32) env.category, relation, 1) ||
				!record(fcinfo, stated, NULL))
			{
				result = cg_enc_mask(call->enc, &env, &isnull);
				return datum_or_null(fcinfo, result, isnull);
			}
		}
		PG_RETURN_DATUM(cg_displayed(call->tag, datum));
	}
	cg_parse(datum, &env);
	cg_require_type(&env, call->tag);
	if (cg_is_destroyed(&env))
		PG_RETURN_NULL();
	if (may_give(fcinfo, (int32) env.category, relation, stated, person))
		result = cg_plain_value(&env);
	else
		result = cg_enc_mask(call->enc, &env, &isnull);
	return datum_or_null(fcinfo, result, isnull);
}

/* The state of a call whose first argument is of an encrypted type. */
static CgCall *
enc_state(FunctionCallInfo fcinfo)
{
	CgCall	   *call = call_state(fcinfo);

	if (call->enc == NULL)
	{
		Oid		   *types;
		int			n;
		const CgEncType *enc;

		(void) get_func_signature(fcinfo->flinfo->fn_oid, &types, &n);
		enc = cg_enc_type_of(types[0]);
		if (enc == NULL)
			elog(ERROR, "function %u is not declared with an encrypted type",
				 fcinfo->flinfo->fn_oid);
		call->tag = enc->tag;
		call->enc = cg_enc_mask_prepare(enc->tag, fcinfo->flinfo->fn_mcxt);
	}
	return call;
}

static Datum
datum_or_null(FunctionCallInfo fcinfo, Datum result, bool isnull)
{
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}

static CgCall *
call_state(FunctionCallInfo fcinfo)
{
	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra =
			MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(CgCall));
	return fcinfo->flinfo->fn_extra;
}

/* A category by name, remembered while the name stays the same. */
static const CgCategory *
named_category(FunctionCallInfo fcinfo, int argno)
{
	CgCall	   *last = call_state(fcinfo);
	text	   *name = PG_GETARG_TEXT_PP(argno);
	Size		len = VARSIZE_ANY_EXHDR(name);
	const CgCategory *c;

	if (len > 0 && last->len == len &&
		memcmp(last->name, VARDATA_ANY(name), len) == 0)
		return cg_category_by_id(last->id, false);

	c = cg_category_by_name(text_to_cstring(name), false);
	last->id = c->id;
	last->len = len;
	memcpy(last->name, VARDATA_ANY(name), len);
	return c;
}

/* Text may have no mask: the category's may be to suppress. */
static Datum
text_or_null(FunctionCallInfo fcinfo, text * result)
{
	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(result);
}

/* mask(value text, category text) RETURNS text */
PG_FUNCTION_INFO_V1(cipguard_mask_text);
Datum
cipguard_mask_text(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);

	return text_or_null(fcinfo, cg_mask_text(named_category(fcinfo, 1),
											 VARDATA_ANY(value),
											 VARSIZE_ANY_EXHDR(value)));
}

/* mask(value anyelement, category text) RETURNS anyelement */
PG_FUNCTION_INFO_V1(cipguard_mask_any);
Datum
cipguard_mask_any(PG_FUNCTION_ARGS)
{
	const CgCategory *c = named_category(fcinfo, 1);
	CgCall	   *call = call_state(fcinfo);
	Datum		result;
	bool		isnull = false;

	if (call->mask == NULL || call->mask_id != c->id ||
		call->mask_generation != cg_category_generation())
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);
		int32		id = c->id;
		uint64		generation = cg_category_generation();

		if (!OidIsValid(type))
			elog(ERROR, "could not determine the type of a value to mask");
		if (cg_is_encrypted_type(type))
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("an encrypted value has its category with it"),
					 errhint("Use %s with the value alone.",
							 "cipguard.mask()")));
		call->mask = NULL;
		if (call->mask_context == NULL)
			call->mask_context =
				AllocSetContextCreate(fcinfo->flinfo->fn_mcxt,
									  "cipguard mask",
									  ALLOCSET_SMALL_SIZES);
		MemoryContextReset(call->mask_context);
		call->mask = cg_mask_datum_prepare(type, -1, c, call->mask_context);
		call->mask_id = id;
		call->mask_generation = generation;
	}
	result = cg_mask_datum(call->mask, PG_GETARG_DATUM(0), &isnull);
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}

/* mask(value enc_X) RETURNS its plain type */
PG_FUNCTION_INFO_V1(cipguard_mask_enc);
Datum
cipguard_mask_enc(PG_FUNCTION_ARGS)
{
	struct varlena *datum = PG_GETARG_VARLENA_PP(0);
	CgCall	   *call = enc_state(fcinfo);
	bool		isnull;
	Datum		result = cg_enc_mask_datum(call->enc, datum, &isnull);

	return datum_or_null(fcinfo, result, isnull);
}

/*
 * disclose(value text, category text, relation regclass) RETURNS text
 * disclose(value text, category text, relation regclass, subject "any",
 *			birthday "any") RETURNS text
 */
PG_FUNCTION_INFO_V1(cipguard_disclose_text);
Datum
cipguard_disclose_text(PG_FUNCTION_ARGS)
{
	CgAbout		person = {3, 4};
	text	   *value;
	int32		id;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	value = PG_GETARG_TEXT_PP(0);
	id = named_category(fcinfo, 1)->id;

	/* The caller has the plaintext at hand: nothing to learn from a lie. */
	if (may_give(fcinfo, id, PG_GETARG_OID(2), PG_GETARG_OID(2),
				 PG_NARGS() == 5 ? person : nobody))
		PG_RETURN_TEXT_P(value);
	return text_or_null(fcinfo, cg_mask_text(cg_category_by_id(id, false),
											 VARDATA_ANY(value),
											 VARSIZE_ANY_EXHDR(value)));
}

/*
 * opens_row(category text, relation regclass, subject "any", birthday "any")
 *		RETURNS boolean
 *
 * Of masking views, for what has no disclose() of its own.
 */
PG_FUNCTION_INFO_V1(cipguard_opens_row);
Datum
cipguard_opens_row(PG_FUNCTION_ARGS)
{
	CgAbout		person = {2, 3};
	CgRowGate  *gate;
	int32		id;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	id = named_category(fcinfo, 0)->id;
	if (cg_access_level(id, PG_GETARG_OID(1)) < CG_LEVEL_READ ||
		!cg_activity_opens_category(id, PG_GETARG_OID(1)))
		PG_RETURN_BOOL(false);
	gate = call_gate(fcinfo, id, PG_GETARG_OID(1), person);
	PG_RETURN_BOOL(cg_row_gate_check(gate) == 0 ||
				   cg_row_gate_ask(gate, &fcinfo->args[2],
								   &fcinfo->args[3]) == CG_GRANTED);
}

/*
 * disclose(value enc_X, relation regclass) RETURNS its plain type
 * disclose(value enc_X, relation regclass, subject "any", birthday "any")
 *
 * Anybody can say whom a value is about; here nobody has looked.
 */
PG_FUNCTION_INFO_V1(cipguard_disclose_enc);
Datum
cipguard_disclose_enc(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	return disclose(fcinfo, InvalidOid, PG_GETARG_OID(1), nobody);
}

/*
 * disclose(value enc_X, relation regclass, checked) RETURNS the same
 * disclose(value enc_X, relation regclass, subject "any", birthday "any",
 *			checked)
 */
PG_FUNCTION_INFO_V1(cipguard_disclose_trusted);
Datum
cipguard_disclose_trusted(PG_FUNCTION_ARGS)
{
	CgAbout		person = {2, 3};

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(PG_NARGS() - 1))
		PG_RETURN_NULL();
	return disclose(fcinfo, PG_GETARG_OID(1), PG_GETARG_OID(1),
					PG_NARGS() == 5 ? person : nobody);
}

/* checked_in(cstring) RETURNS checked: never */
PG_FUNCTION_INFO_V1(cipguard_checked_in);
Datum
cipguard_checked_in(PG_FUNCTION_ARGS)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("only the planner makes values of type \"%s\"",
					"cipguard.checked")));
	PG_RETURN_NULL();
}

/* checked_out(checked) RETURNS cstring */
PG_FUNCTION_INFO_V1(cipguard_checked_out);
Datum
cipguard_checked_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(pstrdup("checked"));
}

/* disclose_support(internal) RETURNS internal */
PG_FUNCTION_INFO_V1(cipguard_disclose_support);
Datum
cipguard_disclose_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	Node	   *result = NULL;

	if (IsA(request, SupportRequestSimplify))
	{
		SupportRequestSimplify *simplify = (SupportRequestSimplify *) request;

		if (simplify->root != NULL)
			result = trusted_call(simplify->root, simplify->fcall);
	}
	PG_RETURN_POINTER(result);
}

static Node *
trusted_call(PlannerInfo *root, FuncExpr *call)
{
	Var		   *value = (Var *) strip_implicit_coercions(linitial(call->args));
	Const	   *relation = lsecond(call->args);
	int			n = list_length(call->args);
	List	   *args = list_copy(call->args);
	RangeTblEntry *rte;
	Oid			types[5] = {exprType(linitial(call->args)), REGCLASSOID, ANYOID, ANYOID};
	Oid			checked;
	Oid			func;

	if ((n != 2 && n != 4) || !IsA(value, Var) ||
		!IsA(relation, Const) || relation->constisnull ||
		value->varlevelsup != 0 || value->varattno <= 0)
		return NULL;
	rte = rt_fetch(value->varno, root->parse->rtable);
	if (rte->rtekind != RTE_RELATION ||
		rte->relid != DatumGetObjectId(relation->constvalue))
		return NULL;

	checked = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
							  CStringGetDatum("checked"),
							  ObjectIdGetDatum(cg_schema_oid()));
	if (!OidIsValid(checked))
		return NULL;
	if (n == 4)
	{
		/* Another person's name would open this one's value. */
		if (!is_column(lthird(args), value, cg_subject_column(rte->relid)))
			lthird(args) = makeNullConst(TEXTOID, -1, InvalidOid);
		if (!is_column(lfourth(args), value, cg_birthday_column(rte->relid)))
			lfourth(args) = makeNullConst(TEXTOID, -1, InvalidOid);
	}
	types[n] = checked;
	func = LookupFuncName(list_make2(makeString(CG_SCHEMA),
									 makeString("disclose")), n + 1, types,
						  true);
	if (!OidIsValid(func))
		return NULL;
	args = lappend(args, makeConst(checked, -1, InvalidOid, sizeof(bool),
								   BoolGetDatum(true), false, true));
	return (Node *) makeFuncExpr(func, call->funcresulttype, args,
								 call->funccollid, call->inputcollid,
								 COERCE_EXPLICIT_CALL);
}

/* Is it that column of the row that the value is from? */
static bool
is_column(Node *node, Var *value, AttrNumber attnum)
{
	Var		   *var = (Var *) strip_implicit_coercions(node);

	return attnum != InvalidAttrNumber && IsA(var, Var) &&
		var->varno == value->varno && var->varlevelsup == 0 &&
		var->varattno == attnum;
}

/* validate(value text, category text) RETURNS text */
PG_FUNCTION_INFO_V1(cipguard_validate);
Datum
cipguard_validate(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	CgVerdict	verdict = cg_judge_text(named_category(fcinfo, 1),
										VARDATA_ANY(value),
										VARSIZE_ANY_EXHDR(value));

	PG_RETURN_TEXT_P(cstring_to_text(cg_verdict_word(verdict)));
}

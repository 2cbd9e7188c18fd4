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
 * Plaintext given by disclose() is recorded in the disclosure journal when the
 * library is preloaded: which table, by what the call says, and how many
 * values.  Which column and which person it is about is not known here.
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
#include "utils/syscache.h"

#include "compat.h"

#include "access.h"
#include "catalog.h"
#include "cipguard.h"
#include "encoding.h"
#include "journal.h"
#include "value.h"

/* What a call site keeps from one row to the next, in fn_extra. */
typedef struct CgCallSite
{
	int32		category;
	Size		name_len;		/* 0: no category yet */
	char		name[NAMEDATALEN];
	uint64		generation;		/* cg_journal_generation of disclosed */
	Oid			relation;
	CgDisclosed *disclosed;
} CgCallSite;

static text * mask_text(const CgCategory *category, const char *plain,
						Size len);
static text * disclose(FunctionCallInfo fcinfo, Oid relation, Oid stated);
static CgCallSite *call_site(FunctionCallInfo fcinfo);
static void record(FunctionCallInfo fcinfo, Oid relation);
static const CgCategory *named_category(FunctionCallInfo fcinfo, int argno);
static Node *trusted_call(PlannerInfo *root, FuncExpr *call);

static text *
mask_text(const CgCategory *category, const char *plain, Size len)
{
	const char *utf8 = cg_to_utf8(plain, &len);
	char	   *out;
	char	   *server;
	Size		out_len;
	text	   *result;

	result = palloc(VARHDRSZ + CG_MASK_BOUND(len));
	out = VARDATA(result);
	out_len = cg_mask(category->mask, category->style, utf8, len, out);
	server = cg_from_utf8(out, &out_len);
	if (server != out)
		return cstring_to_text_with_len(server, out_len);
	SET_VARSIZE(result, VARHDRSZ + out_len);
	return result;
}

static CgCallSite *
call_site(FunctionCallInfo fcinfo)
{
	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra =
			MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt,
								   sizeof(CgCallSite));
	return fcinfo->flinfo->fn_extra;
}

/* Record that a value of a relation is disclosed. */
static void
record(FunctionCallInfo fcinfo, Oid relation)
{
	CgCallSite *site = call_site(fcinfo);

	if (site->generation != cg_journal_generation ||
		site->relation != relation)
	{
		site->generation = 0;
		site->disclosed = cg_journal_entry(relation);
		site->relation = relation;
		site->generation = cg_journal_generation;
	}
	cg_journal_rows(site->disclosed);
}

/*
 * Grants limited to a table count if it is relation; stated is the table that
 * the caller says the value is from.
 */
static text *
disclose(FunctionCallInfo fcinfo, Oid relation, Oid stated)
{
	struct varlena *datum = PG_GETARG_VARLENA_PP(0);
	CgEnvelope	env;
	char	   *plain;
	Size		len;
	text	   *result;

	cg_parse(datum, &env);
	plain = cg_open(&env, &len);
	if (cg_access_level((int32) env.category, relation) == CG_LEVEL_READ)
	{
		if (cg_preloaded)
			record(fcinfo, stated);
		result = cstring_to_text_with_len(plain, len);
	}
	else
	{
		result = mask_text(cg_category_by_id((int32) env.category, false),
						   plain, len);
		explicit_bzero(plain, len);
	}
	pfree(plain);
	return result;
}

/* A category by name, kept in fn_extra while the name stays the same. */
static const CgCategory *
named_category(FunctionCallInfo fcinfo, int argno)
{
	CgCallSite *site = call_site(fcinfo);
	text	   *name = PG_GETARG_TEXT_PP(argno);
	Size		len = VARSIZE_ANY_EXHDR(name);
	const CgCategory *c;

	if (site->name_len == len && len > 0 &&
		memcmp(site->name, VARDATA_ANY(name), len) == 0)
		return cg_category_by_id(site->category, false);

	c = cg_category_by_name(text_to_cstring(name), false);
	site->category = c->id;
	site->name_len = len;
	memcpy(site->name, VARDATA_ANY(name), len);
	return c;
}

/* mask(value text, category text) RETURNS text */
PG_FUNCTION_INFO_V1(cipguard_mask_text);
Datum
cipguard_mask_text(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);

	PG_RETURN_TEXT_P(mask_text(named_category(fcinfo, 1), VARDATA_ANY(value),
							   VARSIZE_ANY_EXHDR(value)));
}

/* mask(value enc_text) RETURNS text */
PG_FUNCTION_INFO_V1(cipguard_mask_enc_text);
Datum
cipguard_mask_enc_text(PG_FUNCTION_ARGS)
{
	struct varlena *datum = PG_GETARG_VARLENA_PP(0);
	CgEnvelope	env;
	char	   *plain;
	Size		len;
	text	   *result;

	cg_parse(datum, &env);
	plain = cg_open(&env, &len);
	result = mask_text(cg_category_by_id((int32) env.category, false), plain,
					   len);
	explicit_bzero(plain, len);
	pfree(plain);
	PG_RETURN_TEXT_P(result);
}

/* disclose(value text, category text, relation regclass) RETURNS text */
PG_FUNCTION_INFO_V1(cipguard_disclose_text);
Datum
cipguard_disclose_text(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const CgCategory *c = named_category(fcinfo, 1);

	/* The caller has the plaintext at hand: nothing to learn from a lie. */
	if (cg_access_level(c->id, PG_GETARG_OID(2)) == CG_LEVEL_READ)
	{
		if (cg_preloaded)
			record(fcinfo, PG_GETARG_OID(2));
		PG_RETURN_TEXT_P(value);
	}
	PG_RETURN_TEXT_P(mask_text(c, VARDATA_ANY(value),
							   VARSIZE_ANY_EXHDR(value)));
}

/* disclose(value enc_text, relation regclass) RETURNS text */
PG_FUNCTION_INFO_V1(cipguard_disclose_enc_text);
Datum
cipguard_disclose_enc_text(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(disclose(fcinfo, InvalidOid, PG_GETARG_OID(1)));
}

/* disclose(value enc_text, relation regclass, checked) RETURNS text */
PG_FUNCTION_INFO_V1(cipguard_disclose_trusted);
Datum
cipguard_disclose_trusted(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(disclose(fcinfo, PG_GETARG_OID(1), PG_GETARG_OID(1)));
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
	RangeTblEntry *rte;
	Oid			types[3] = {exprType(linitial(call->args)), REGCLASSOID, InvalidOid};
	Oid			func;

	if (list_length(call->args) != 2 || !IsA(value, Var) ||
		!IsA(relation, Const) || relation->constisnull ||
		value->varlevelsup != 0 || value->varattno <= 0)
		return NULL;
	rte = rt_fetch(value->varno, root->parse->rtable);
	if (rte->rtekind != RTE_RELATION ||
		rte->relid != DatumGetObjectId(relation->constvalue))
		return NULL;

	types[2] = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
							   CStringGetDatum("checked"),
							   ObjectIdGetDatum(cg_schema_oid()));
	if (!OidIsValid(types[2]))
		return NULL;
	func = LookupFuncName(list_make2(makeString(CG_SCHEMA),
									 makeString("disclose")), 3, types, true);
	if (!OidIsValid(func))
		return NULL;
	return (Node *) makeFuncExpr(func, TEXTOID,
								 list_make3(linitial(call->args), relation,
											makeConst(types[2], -1,
													  InvalidOid,
													  sizeof(bool),
													  BoolGetDatum(true),
													  false, true)),
								 call->funccollid, call->inputcollid,
								 COERCE_EXPLICIT_CALL);
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

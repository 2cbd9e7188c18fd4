/*
 * verify.c
 *		Whether a value is what somebody says it is.
 *
 * The only use of values that are never disclosed, and of those of a random
 * category, whose ciphertext does not compare: the server opens the value and
 * tells yes or no.  A few million guesses would tell a mobile number all the
 * same, so each answer is one value of the budget and is recorded, and takes
 * what comparing with = takes.
 *
 * Where it must be known whom a value is about, a gate has asked
 * (plan_gate.c): it gives the mask of a person who is withheld, which is
 * refused whatever the candidate.  A value that passed none does not say whom
 * it is about, and is refused, too.
 */
#include "postgres.h"

#include "compat.h"

#include "access.h"
#include "budget.h"
#include "bytes.h"
#include "category.h"
#include "cipguard.h"
#include "crypt.h"
#include "decision.h"
#include "display.h"
#include "event.h"
#include "guc.h"
#include "journal.h"
#include "plan_mask.h"
#include "subject_key.h"

static bool passed_gate(FunctionCallInfo fcinfo);
static void require_match(int32 category, bool asked);
static bool matches(const CgEnvelope *env, Datum candidate);

/* verify_match(value enc_X, candidate plain) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_verify_match);
Datum
cipguard_verify_match(PG_FUNCTION_ARGS)
{
	uint8		tag = cg_called_type(fcinfo, 0)->tag;
	struct varlena *datum = PG_GETARG_VARLENA_PP(0);
	Datum		candidate = PG_GETARG_DATUM(1);
	bool		asked = passed_gate(fcinfo);
	struct varlena *inner;
	int32		category;
	CgEnvelope	env;

	/* The candidate may stand in the statement. */
	cg_plain_at = GetCurrentTransactionStartTimestamp();
	if (cg_is_display(datum))
	{
		/* What prints as plaintext holds the value; a mask holds none. */
		inner = cg_display_value(datum);
		if (inner == NULL)
		{
			category =
				(int32) cg_get_u32((const uint8 *) VARDATA_ANY(datum) + 4);
			asked = asked && cg_is_withheld(datum) &&
				cg_withheld_reason(datum) != CG_GRANTED;
			require_match(category, asked);
			if (asked)
				cg_raise_refusal(category, InvalidOid,
								 cg_withheld_reason(datum), "comparing");
			PG_RETURN_NULL();
		}
		datum = inner;
	}
	cg_parse(datum, &env);
	cg_require_type(&env, tag);
	category = (int32) env.category;
	require_match(category, asked);
	if (cg_is_destroyed(&env))
		PG_RETURN_NULL();

	/* Before the answer, whatever it is. */
	if (!cg_budget_spend(category, InvalidOid, 1))
		cg_raise_refusal(category, InvalidOid, CG_BUDGET_SPENT, "comparing");
	if (!cg_journal_value())
		PG_RETURN_NULL();
	PG_RETURN_BOOL(matches(&env, candidate));
}

/* Only plans make such calls. */
static bool
passed_gate(FunctionCallInfo fcinfo)
{
	Node	   *expr = fcinfo->flinfo->fn_expr;

	if (expr == NULL || !IsA(expr, FuncExpr) || !cg_masks() ||
		!cg_load_functions())
		return false;
	expr = linitial(((FuncExpr *) expr)->args);
	while (IsA(expr, RelabelType))
		expr = (Node *) ((RelabelType *) expr)->arg;
	return cg_is_gate(expr);
}

/* asked: about the person, by a gate. */
static void
require_match(int32 category, bool asked)
{
	CgReason	missing = cg_access_missing(category, InvalidOid,
											CG_LEVEL_SEARCH);
	const CgCategory *c;
	char	   *name;

	if (missing == CG_GRANTED && !asked &&
		cg_access_row_conditions(category, InvalidOid) != 0)
		missing = CG_SUBJECT_UNKNOWN;
	if (missing == CG_GRANTED)
		return;
	if (missing != CG_NO_GRANT)
		cg_raise_refusal(category, InvalidOid, missing, "comparing");
	c = cg_category_by_id(category, true);
	name = pstrdup(c != NULL ? NameStr(c->name) : "?");
	cg_event_refused(psprintf("comparing values of category %s", name),
					 InvalidOid);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to compare values of category \"%s\"",
					name),
			 errhint("An officer can allow it with %s.",
					 "cipguard.grant_access()")));
}

static bool
matches(const CgEnvelope *env, Datum candidate)
{
	const CgCategory *c = cg_category_by_id((int32) env->category, false);
	CgNormalizer normalizer = c->normalizer;
	CgPlain		guess;
	CgPlain		value;
	char	   *stored;
	bool		result;

	cg_plain_store(env->type, candidate, &guess);
	stored = cg_open_stored(env, &value.len);
	value.type = env->type;
	value.stored = stored;
	result = cg_same_value(normalizer, &value, &guess);
	explicit_bzero(stored, value.len);
	pfree(stored);
	return result;
}

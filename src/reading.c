/*
 * reading.c
 *		The right to read, asked for by operators that look inside values.
 *
 * Range operators, LIKE and access to JSON tell what a value is as well as
 * printing it would, if more slowly.  Hence they take the right to read, which
 * is asked for twice: by the selectivity estimator, when a plan is made, and
 * by the function of the operator for each value.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/guc.h"

#include "compat.h"

#include "access.h"
#include "category.h"
#include "cipguard.h"
#include "crypt.h"
#include "decision.h"
#include "event.h"
#include "guc.h"
#include "keyring.h"
#include "key_provider.h"
#include "label.h"
#include "reading.h"
#include "subject_key.h"

static void require_read(int32 category, bool disclosed);
static bool check_node(Node *node, void *context);

void
cg_require_read(int32 category)
{
	require_read(category, !cg_rows_gated(category, InvalidOid));
}

void
cg_require_read_shown(int32 category)
{
	require_read(category, true);
}

/* disclosed: whoever it is about was asked already. */
static void
require_read(int32 category, bool disclosed)
{
	CgReason	missing = cg_access_reason(category, InvalidOid);
	const CgCategory *c;
	const char *name;

	if (missing == CG_GRANTED && !disclosed)
		missing = CG_SUBJECT_UNKNOWN;
	if (missing == CG_GRANTED || category == cg_category_unclassified())
		return;

	/* CHECK constraints must hold while a dump is restored, too. */
	if (!check_function_bodies && superuser())
		return;

	/* What was compared with may stand in the statement. */
	cg_plain_at = GetCurrentTransactionStartTimestamp();
	if (missing != CG_NO_GRANT)
		cg_raise_refusal(category, InvalidOid, missing, "looking into");
	c = cg_category_by_id(category, true);
	name = pstrdup(c ? NameStr(c->name) : "?");
	cg_event_refused(psprintf("looking into values of category %s", name),
					 InvalidOid);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to look into values of category \"%s\"",
					name),
			 errdetail("Ranges, order, patterns and parts of values take the right to read."),
			 errhint("An officer can allow it with %s.",
					 "cipguard.grant_access(..., 'read')")));
}

void
cg_require_read_clause(PlannerInfo *root, List *args)
{
	if (root == NULL)
		return;
	root->glob->dependsOnRole = true;
	(void) check_node((Node *) args, NULL);
}

/*
 * Every encrypted expression below has its category in its type modifier.
 * Where tables are masked, columns pass a gate that asks about the person.
 */
static bool
check_node(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (!IsA(node, List))
	{
		int32		category = cg_expr_category(node);

		if (category >= 0 && cg_masks())
			cg_require_read_shown(category);
		else if (category >= 0)
			cg_require_read(category);
	}
	return expression_tree_walker(node, check_node, context);
}

bool
cg_is_spelled_out(FunctionCallInfo fcinfo)
{
	Node	   *expr = fcinfo->flinfo == NULL ? NULL : fcinfo->flinfo->fn_expr;

	/* Support functions of an index have its options there. */
	return fcinfo->flinfo == NULL || (expr != NULL && !IsA(expr, Const));
}

bool
cg_is_undecidable(const CgEnvelope *env)
{
	if (check_function_bodies || !superuser())
		return false;
	if (!cg_kek_reachable())
		return true;
	cg_keyring_refresh();
	if (env->subject != 0)
		return !cg_subject_usable(env->subject);
	return cg_keyring_cipher((int32) env->category, env->dek_version,
							 env->suite, true) == NULL;
}

/*
 * plan_report.c
 *		Telling readers what a plan shows masks of, and why.
 *
 * What a query names is what its permission checks are about.  A view names
 * all of its columns, whichever are asked of it, and the planner leaves away
 * the others; a column that may be searched is perhaps only compared.  There a
 * column counts only if the plan has a mask of its category.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "nodes/nodeFuncs.h"

#include "compat.h"

#include "decision.h"
#include "plan_functions.h"
#include "plan_report.h"

static bool names_all(PlannedStmt *stmt);
static bool shows_mask(PlannedStmt *stmt, int32 category);
static bool plan_shows(Plan *plan, int32 *category);
static bool plans_show(List *plans, int32 *category);
static bool is_mask(Node *node, void *context);

void
cg_report_masked(PlannedStmt *stmt, RangeTblEntry *rte,
				 const CgProtection *p)
{
	Bitmapset  *selected = cg_selected_columns(stmt, rte);
	int			n = -1;

	while ((n = bms_next_member(selected, n)) >= 0)
	{
		AttrNumber	attnum = n + FirstLowInvalidHeapAttributeNumber;
		int			first = attnum == InvalidAttrNumber ? 1 : attnum;
		int			last = attnum == InvalidAttrNumber ? p->natts : attnum;

		for (; first <= last; first++)
		{
			int32		category;
			CgReason	missing = cg_column_missing(p, first, &category);

			if (missing != CG_GRANTED && missing != CG_NO_GRANT &&
				((cg_column_level(p, first) == CG_LEVEL_NONE &&
				  names_all(stmt)) ||
				 shows_mask(stmt, cg_protected_column(p, first)->category)))
				cg_report_refusal(category, p->relid, missing);
		}
	}
}

/* Does the query itself name all columns that it is checked for? */
static bool
names_all(PlannedStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->rtable)
	{
		RTEKind		kind = lfirst_node(RangeTblEntry, lc)->rtekind;

		if (kind == RTE_SUBQUERY || kind == RTE_CTE)
			return false;
	}
	return true;
}

static bool
shows_mask(PlannedStmt *stmt, int32 category)
{
	return plan_shows(stmt->planTree, &category) ||
		plans_show(stmt->subplans, &category);
}

static bool
plan_shows(Plan *plan, int32 *category)
{
	List	   *more = NIL;
	List	   *plans = NIL;

	if (plan == NULL)
		return false;
	check_stack_depth();
	switch (nodeTag(plan))
	{
		case T_Append:
			plans = ((Append *) plan)->appendplans;
			break;
		case T_MergeAppend:
			plans = ((MergeAppend *) plan)->mergeplans;
			break;
		case T_SubqueryScan:
			plans = list_make1(((SubqueryScan *) plan)->subplan);
			break;
		case T_CustomScan:
			plans = ((CustomScan *) plan)->custom_plans;
			break;
		case T_ModifyTable:
			more = ((ModifyTable *) plan)->returningLists;
			break;
		case T_NestLoop:
		case T_MergeJoin:
		case T_HashJoin:
			more = ((Join *) plan)->joinqual;
			break;
		case T_Result:
			more = (List *) ((Result *) plan)->resconstantqual;
			break;
		case T_FunctionScan:
			more = ((FunctionScan *) plan)->functions;
			break;
		default:
			break;
	}
	return is_mask((Node *) plan->targetlist, category) ||
		is_mask((Node *) plan->qual, category) ||
		is_mask((Node *) more, category) ||
		plans_show(plans, category) ||
		plan_shows(plan->lefttree, category) ||
		plan_shows(plan->righttree, category);
}

static bool
plans_show(List *plans, int32 *category)
{
	ListCell   *lc;

	foreach(lc, plans)
		if (plan_shows(lfirst(lc), category))
		return true;
	return false;
}

/* Those of masking views do not tell in the plan what category they are of. */
static bool
is_mask(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr))
	{
		FuncExpr   *call = (FuncExpr *) node;
		Node	   *category;

		if (call->funcid == cg_plan_functions->mask_value ||
			call->funcid == cg_plan_functions->mask_value_serial)
		{
			category = lsecond(call->args);
			if (!IsA(category, Const) ||
				DatumGetInt32(((Const *) category)->constvalue) ==
				*(int32 *) context)
				return true;
		}
		else if (call->funcid != cg_plan_functions->disclose_value &&
				 call->funcid != cg_plan_functions->disclose_row &&
				 cg_shows_by_itself(call->funcid))
			return true;
	}
	return expression_tree_walker(node, is_mask, context);
}

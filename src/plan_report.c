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
#include "plan.h"
#include "plan_functions.h"
#include "plan_report.h"

/* A column whose mask is looked for. */
typedef struct CgMasked
{
	Oid			relid;
	AttrNumber	attnum;
	int32		category;
} CgMasked;

static bool names_all(PlannedStmt *stmt);
static bool shows_mask(PlannedStmt *stmt, CgMasked *column);
static bool plan_shows(Plan *plan, CgMasked *column);
static bool plans_show(List *plans, CgMasked *column);
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
			CgMasked	column = {p->relid, first, CG_NO_CATEGORY};
			int32		category;
			CgReason	missing = cg_column_missing(p, first, &category);

			if (missing == CG_GRANTED || missing == CG_NO_GRANT)
				continue;
			column.category = cg_protected_column(p, first)->category;
			if ((cg_column_level(p, first) == CG_LEVEL_NONE &&
				 names_all(stmt)) || shows_mask(stmt, &column))
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
shows_mask(PlannedStmt *stmt, CgMasked *column)
{
	return plan_shows(stmt->planTree, column) ||
		plans_show(stmt->subplans, column);
}

static bool
plan_shows(Plan *plan, CgMasked *column)
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
	return is_mask((Node *) plan->targetlist, column) ||
		is_mask((Node *) plan->qual, column) ||
		is_mask((Node *) more, column) ||
		plans_show(plans, column) ||
		plan_shows(plan->lefttree, column) ||
		plan_shows(plan->righttree, column);
}

static bool
plans_show(List *plans, CgMasked *column)
{
	ListCell   *lc;

	foreach(lc, plans)
		if (plan_shows(lfirst(lc), column))
		return true;
	return false;
}

/*
 * Those of masking views do not tell in the plan what category they are of.
 * An encrypted column that may be searched is masked where it is disclosed.
 */
static bool
is_mask(Node *node, void *context)
{
	CgMasked   *column = context;

	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr))
	{
		FuncExpr   *call = (FuncExpr *) node;

		if (call->funcid == cg_plan_functions->mask_value ||
			call->funcid == cg_plan_functions->mask_value_serial)
		{
			Node	   *category = lsecond(call->args);

			if (!IsA(category, Const) ||
				DatumGetInt32(((Const *) category)->constvalue) ==
				column->category)
				return true;
		}
		else if (call->funcid == cg_plan_functions->disclose_value ||
				 call->funcid == cg_plan_functions->disclose_row)
		{
			Node	   *relid = lsecond(call->args);
			Node	   *attnum = lthird(call->args);

			if (IsA(relid, Const) && IsA(attnum, Const) &&
				DatumGetObjectId(((Const *) relid)->constvalue) ==
				column->relid &&
				(DatumGetInt32(((Const *) attnum)->constvalue) ==
				 column->attnum ||
				 DatumGetInt32(((Const *) attnum)->constvalue) == 0))
				return true;
		}
		else if (cg_shows_by_itself(call->funcid))
			return true;
	}
	return expression_tree_walker(node, is_mask, context);
}

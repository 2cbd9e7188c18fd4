/*
 * plan_compare.c
 *		What a reader's query compares without giving it out.
 *
 * Conditions, joins, order, grouping, and aggregates that count: who may read
 * can ask with them about values that he is not shown.  So a statement that
 * does costs one value of the budget of each category, and none can begin when
 * that is spent (budget.h).
 *
 * The planner is where it is known what a query compares, and the executor
 * where a plan begins, maybe one from a cache.  So the mark of each relation
 * (plan.h) has the numbers of the columns that are compared.  A reference to a
 * protected column is a comparison unless it is an output column by itself,
 * of this query or of one inside, or stands in a call that discloses or masks
 * it, or only asks whether it is null.  Policies, constraints and foreign keys
 * are not the reader's.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"

#include "compat.h"

#include "budget.h"
#include "plan.h"
#include "plan_mask.h"
#include "plan_origin.h"

static void note_query(Query *query, CgScope *parent);
static void note_outputs(Query *query, CgScope *parent);
static bool compares_rows(Node *node, void *context);
static void note_targets(List *targets, CgScope *scope);
static bool note_compared(Node *node, void *context);
static void mark_column(RangeTblEntry *rte, AttrNumber attnum);
static void charge_relation(RangeTblEntry *rte, const char *list,
							List **charged);

void
cg_plan_compared(Query *query)
{
	note_query(query, NULL);
}

static void
note_query(Query *query, CgScope *parent)
{
	CgScope		scope = {query, parent, false, false};
	Node	  **condition = cg_merge_condition(query);
	ListCell   *lc;
	Index		varno = 0;

	check_stack_depth();
	if (query->commandType == CMD_UTILITY)
		return;
	if (compares_rows(query->setOperations, NULL))
		note_outputs(query, parent);
	note_targets(query->targetList, &scope);
	note_targets(query->returningList, &scope);
	(void) note_compared((Node *) query->jointree, &scope);
	(void) note_compared(query->havingQual, &scope);
	(void) note_compared(query->limitOffset, &scope);
	(void) note_compared(query->limitCount, &scope);
	if (condition != NULL)
		(void) note_compared(*condition, &scope);
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
		int			policies;
		ListCell   *qual;

		varno++;
		if (rte->rtekind == RTE_SUBQUERY)
			note_query(rte->subquery, &scope);
		else if (rte->rtekind == RTE_FUNCTION)
			(void) note_compared((Node *) rte->functions, &scope);
		else if (rte->rtekind == RTE_TABLEFUNC)
			(void) note_compared((Node *) rte->tablefunc, &scope);
		else if (rte->rtekind == RTE_VALUES)
			(void) note_compared((Node *) rte->values_lists, &scope);
		policies = rte->securityQuals == NIL ? 0 :
			cg_count_policies(query, varno);
		foreach(qual, rte->securityQuals)
			if (foreach_current_index(qual) >= policies)
			(void) note_compared(lfirst(qual), &scope);
	}
	foreach(lc, query->cteList)
		note_query((Query *) lfirst_node(CommonTableExpr, lc)->ctequery,
				   &scope);
	if (query->onConflict != NULL)
	{
		note_targets(query->onConflict->onConflictSet, &scope);
		(void) note_compared(query->onConflict->onConflictWhere, &scope);
	}
	foreach(lc, query->mergeActionList)
	{
		MergeAction *action = lfirst_node(MergeAction, lc);

		(void) note_compared(action->qual, &scope);
		note_targets(action->targetList, &scope);
	}
}

/* What a query gives to whoever compares it. */
static void
note_outputs(Query *query, CgScope *parent)
{
	CgScope		scope = {query, parent, false, false};
	ListCell   *lc;

	if (query->setOperations != NULL)
	{
		foreach(lc, query->rtable)
			if (lfirst_node(RangeTblEntry, lc)->rtekind == RTE_SUBQUERY)
			note_outputs(lfirst_node(RangeTblEntry, lc)->subquery, &scope);
		return;
	}
	foreach(lc, query->targetList)
		if (!lfirst_node(TargetEntry, lc)->resjunk)
		cg_find_origins((Node *) lfirst_node(TargetEntry, lc)->expr, &scope,
						mark_column);
}

/* INTERSECT, EXCEPT and UNION compare whole rows. */
static bool
compares_rows(Node *node, void *context)
{
	if (node == NULL || !IsA(node, SetOperationStmt))
		return false;
	if (((SetOperationStmt *) node)->op != SETOP_UNION ||
		!((SetOperationStmt *) node)->all)
		return true;
	return expression_tree_walker(node, compares_rows, context);
}

/* A column by itself is compared if rows are sorted or grouped by it. */
static void
note_targets(List *targets, CgScope *scope)
{
	ListCell   *lc;

	foreach(lc, targets)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Node	   *node = (Node *) tle->expr;

		while (node != NULL && (IsA(node, RelabelType) || cg_is_gate(node)))
			node = IsA(node, RelabelType) ?
				(Node *) ((RelabelType *) node)->arg :
				linitial(((FuncExpr *) node)->args);
		if (node != NULL && (!IsA(node, Var) || tle->ressortgroupref != 0))
			(void) note_compared(node, scope);
	}
}

static bool
note_compared(Node *node, void *context)
{
	CgScope    *scope = context;

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
			cg_find_origins(node, scope, mark_column);
			return false;
		case T_Query:
			note_query((Query *) node, scope);
			return false;
		case T_SubLink:
			{
				SubLink    *link = (SubLink *) node;

				if (link->subLinkType != EXISTS_SUBLINK &&
					link->subLinkType != MULTIEXPR_SUBLINK)
					note_outputs((Query *) link->subselect, scope);
				break;
			}
		case T_NullTest:
			if (IsA(((NullTest *) node)->arg, Var))
				return false;
			break;
		case T_FuncExpr:
			if (cg_shows_by_itself(((FuncExpr *) node)->funcid) ||
				((FuncExpr *) node)->funcid ==
				cg_plan_functions->disclose_value ||
				((FuncExpr *) node)->funcid ==
				cg_plan_functions->disclose_row)
				return false;
			if (cg_is_gate(node))
				return note_compared(linitial(((FuncExpr *) node)->args),
									 context);
			break;
		default:
			break;
	}
	return expression_tree_walker(node, note_compared, context);
}

static void
mark_column(RangeTblEntry *rte, AttrNumber attnum)
{
	const char *list;
	char	   *number = psprintf("%d,", attnum);

	if (rte->enrname == NULL || strlen(rte->enrname) <= strlen(CG_RTE_MARK))
		return;
	list = strchr(rte->enrname, CG_RTE_COMPARED);
	if (list == NULL)
		rte->enrname = psprintf("%s%c,%s", rte->enrname, CG_RTE_COMPARED,
								number);
	else if (strstr(list, psprintf(",%s", number)) == NULL)
		rte->enrname = psprintf("%s%s", rte->enrname, number);
}

void
cg_charge_compared(PlannedStmt *stmt)
{
	List	   *charged = NIL;
	ListCell   *lc;

	foreach(lc, stmt->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
		const char *list = rte->rtekind != RTE_RELATION ||
		rte->enrname == NULL ? NULL :
		strchr(rte->enrname, CG_RTE_COMPARED);

		/* The entries of children repeat the mark of the parent. */
		if (list != NULL &&
			strtoul(rte->enrname + strlen(CG_RTE_MARK), NULL, 10) ==
			rte->relid)
			charge_relation(rte, list + 2, &charged);
	}
}

static void
charge_relation(RangeTblEntry *rte, const char *list, List **charged)
{
	const CgProtection *p = cg_protection(rte->relid);
	char	   *end;

	for (; p != NULL && *list >= '0' && *list <= '9'; list = end + 1)
	{
		AttrNumber	attnum = (AttrNumber) strtol(list, &end, 10);
		int			first = attnum > 0 ? attnum : 1;
		int			last = attnum > 0 ? attnum : p->natts;
		int			i;
		int			k;

		for (i = first; i <= last; i++)
		{
			const CgProtectedColumn *column = cg_protected_column(p, i);

			for (k = 0; column != NULL && k < column->n_needs; k++)
			{
				int32		category = column->needs[k];

				if (list_member_int(*charged, category) ||
					cg_access_level(category, p->relid) < CG_LEVEL_READ)
					continue;
				*charged = lappend_int(*charged, category);
				cg_budget_compare(category, p->relid);
			}
		}
	}
}

/*
 * plan_sort.c
 *		What a reader sorts by: plaintext.
 *
 * ORDER BY takes the order of the default operator class of a type, and of
 * encrypted types that is the order of tokens: it tells nothing, and means
 * nothing.  For whoever may read, and for types whose values have an order,
 * the operator of ORDER BY is replaced by the one that compares plaintext.
 * An index with an operator class of that order then serves.
 *
 * The clauses of ORDER BY, DISTINCT, GROUP BY and of windows may share an
 * output column, and PostgreSQL looks for equal ones among them.  So all that
 * belong to a column that is sorted by are changed together; equality is that
 * of tokens in either case.  What is only grouped stays as it is, which is
 * cheaper.
 *
 * The functions of the order look at the rights of the current user by
 * themselves, and know of no grant that is limited to a table; those do not
 * count here.  Whoever sees a mask in what is sorted by keeps the order of
 * masks.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"

#include "compat.h"

#include "access.h"
#include "label.h"
#include "plan.h"
#include "plan_mask.h"

static bool sort_walker(Node *node, void *context);
static void sort_query(Query *query, CgScope *parent);
static void sort_clauses(List *clauses, List *targets, CgScope *scope,
						 Bitmapset **changed);
static bool has_one_category(Node *expr);
static void change_clauses(List *clauses, Bitmapset *changed);
static void change_clause(SortGroupClause *clause);
static void sort_aggregate(Aggref *agg, CgScope *scope);

void
cg_plan_sort(Query *query)
{
	sort_query(query, NULL);
}

static void
sort_query(Query *query, CgScope *parent)
{
	CgScope		scope = {query, parent, false, false};
	Bitmapset  *changed = NULL;
	ListCell   *lc;

	check_stack_depth();
	if (query->commandType == CMD_UTILITY)
		return;
	sort_clauses(query->sortClause, query->targetList, &scope, &changed);
	if (query->hasDistinctOn)
		sort_clauses(query->distinctClause, query->targetList, &scope,
					 &changed);
	foreach(lc, query->windowClause)
		sort_clauses(lfirst_node(WindowClause, lc)->orderClause,
					 query->targetList, &scope, &changed);
	if (changed != NULL)
	{
		change_clauses(query->sortClause, changed);
		change_clauses(query->distinctClause, changed);
		change_clauses(query->groupClause, changed);
		foreach(lc, query->windowClause)
		{
			change_clauses(lfirst_node(WindowClause, lc)->orderClause,
						   changed);
			change_clauses(lfirst_node(WindowClause, lc)->partitionClause,
						   changed);
		}
	}
	(void) query_tree_walker(query, sort_walker, &scope, 0);
}

static bool
sort_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		sort_query((Query *) node, context);
		return false;
	}
	if (IsA(node, Aggref))
		sort_aggregate((Aggref *) node, context);
	return expression_tree_walker(node, sort_walker, context);
}

/* Which columns of the output are sorted by plaintext? */
static void
sort_clauses(List *clauses, List *targets, CgScope *scope,
			 Bitmapset **changed)
{
	ListCell   *lc;

	foreach(lc, clauses)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		Node	   *expr;

		if (!OidIsValid(cg_order_operator(clause->sortop)) ||
			bms_is_member(clause->tleSortGroupRef, *changed))
			continue;
		expr = get_sortgroupclause_expr(clause, targets);
		if (has_one_category(expr) && cg_reads_origins(expr, scope))
			*changed = bms_add_member(*changed, clause->tleSortGroupRef);
	}
}

/*
 * Among others there could be a value that was just typed in, of which nobody
 * may know the order.
 */
static bool
has_one_category(Node *expr)
{
	List	   *args = NIL;

	if (IsA(expr, Aggref) && list_length(((Aggref *) expr)->args) == 1)
		expr = (Node *) linitial_node(TargetEntry,
									  ((Aggref *) expr)->args)->expr;
	else if (IsA(expr, WindowFunc))
		args = ((WindowFunc *) expr)->args;
	if (list_length(args) == 1)
		expr = linitial(args);
	return cg_expr_category(expr) >= 0;
}

static void
change_clauses(List *clauses, Bitmapset *changed)
{
	ListCell   *lc;

	foreach(lc, clauses)
		if (bms_is_member(lfirst_node(SortGroupClause, lc)->tleSortGroupRef,
						  changed))
		change_clause(lfirst_node(SortGroupClause, lc));
}

static void
change_clause(SortGroupClause *clause)
{
	Oid			order = cg_order_operator(clause->sortop);

	if (OidIsValid(order))
		clause->sortop = order;
}

/* array_agg(v ORDER BY v) */
static void
sort_aggregate(Aggref *agg, CgScope *scope)
{
	CgScope    *at = cg_scope_up(scope, agg->agglevelsup);
	Bitmapset  *changed = NULL;

	if (at == NULL || agg->aggorder == NIL)
		return;
	/* Arguments count levels from where the call stands. */
	sort_clauses(agg->aggorder, agg->args, scope, &changed);
	change_clauses(agg->aggorder, changed);
	change_clauses(agg->aggdistinct, changed);
}

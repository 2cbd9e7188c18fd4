/*
 * plan_origin.c
 *		The protected columns that a value is made of.
 *
 * A value is followed through joins, sub-queries, views and CTEs to the
 * columns that it is from, as far as the current user sees them in clear.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"

#include "compat.h"

#include "cipguard.h"
#include "plan.h"
#include "plan_mask.h"
#include "plan_origin.h"

static void add_origin(CgOriginSearch *search, const CgProtection *p,
					   RangeTblEntry *rte, AttrNumber attnum);

void
cg_find_origins(Node *node, CgScope *scope,
				void (*add) (RangeTblEntry *rte, AttrNumber attnum))
{
	CgOriginSearch search = {scope, NIL, true};
	ListCell   *lc;

	(void) cg_origins_of(node, &search);
	foreach(lc, search.origins)
	{
		CgOrigin   *origin = lfirst(lc);

		add(origin->rte, origin->attnum);
	}
}

/* Collect the protected columns, seen in clear, that an expression uses. */
bool
cg_origins_of(Node *node, void *context)
{
	CgOriginSearch *search = context;

	if (node == NULL || IsA(node, Query) || IsA(node, NullTest))
		return false;
	if (IsA(node, Var))
	{
		cg_origins_of_var((Var *) node, search);
		return false;
	}
	if (cg_is_gate(node))
		return cg_origins_of(linitial(((FuncExpr *) node)->args), context);
	if (IsA(node, FuncExpr) && cg_shows_by_itself(((FuncExpr *) node)->funcid))
	{
		search->masks = true;
		return false;
	}
	if (IsA(node, SubLink))
	{
		SubLink    *link = (SubLink *) node;

		if (link->subLinkType == EXPR_SUBLINK ||
			link->subLinkType == ARRAY_SUBLINK)
			cg_origins_of_column((Query *) link->subselect, search->scope, 1,
								 search);
		return false;
	}
	return expression_tree_walker(node, cg_origins_of, context);
}

void
cg_origins_of_var(Var *var, CgOriginSearch *search)
{
	CgScope    *saved = search->scope;
	CgScope    *at = cg_scope_up(saved, var->varlevelsup);
	RangeTblEntry *rte = cg_scope_rte(saved, var);
	uint32		path = search->path;
	ListCell   *lc;

	if (rte == NULL || var->varattno < 0)
		return;
	check_stack_depth();
	search->scope = at;
	search->path = hash_combine(path, murmurhash32(var->varno));
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			{
				const CgProtection *p = cg_rte_protection(at, var->varno);

				if (p != NULL)
					add_origin(search, p, rte, var->varattno);
				break;
			}
		case RTE_SUBQUERY:
			cg_origins_of_column(rte->subquery, at, var->varattno, search);
			break;
		case RTE_CTE:
			{
				CgScope    *home;
				Query	   *query = cg_cte_query(rte, at, &home);

				if (query == NULL || list_member_ptr(search->recursive, query))
					break;
				search->recursive = lappend(search->recursive, query);
				cg_origins_of_column(query, home, var->varattno, search);
				search->recursive = list_delete_ptr(search->recursive, query);
				break;
			}
		case RTE_JOIN:
			(void) cg_origins_of(var->varattno <= 0 ?
								 (Node *) rte->joinaliasvars :
								 list_nth(rte->joinaliasvars,
										  var->varattno - 1), search);
			break;
		case RTE_VALUES:
			foreach(lc, rte->values_lists)
				(void) cg_origins_of(var->varattno <= 0 ? lfirst(lc) :
									 list_nth(lfirst(lc), var->varattno - 1),
									 search);
			break;
		case RTE_FUNCTION:
			(void) cg_origins_of((Node *) rte->functions, search);
			break;
		case RTE_TABLEFUNC:
			(void) cg_origins_of((Node *) rte->tablefunc, search);
			break;
		default:
			if (cg_group_exprs(rte) != NIL && var->varattno > 0)
				(void) cg_origins_of(list_nth(cg_group_exprs(rte),
											  var->varattno - 1), search);
			break;
	}
	search->scope = saved;
	search->path = path;
}

/*
 * A value that is made of the same column of two rows, as by a self-join, has
 * two origins: two values are given.
 */
static void
add_origin(CgOriginSearch *search, const CgProtection *p, RangeTblEntry *rte,
		   AttrNumber attnum)
{
	CgOrigin   *origin;
	ListCell   *lc;
	int32		category = CG_NO_CATEGORY;
	bool		counts = false;
	int			i;

	for (i = attnum > 0 ? attnum : 1; i <= (attnum > 0 ? attnum : p->natts);
		 i++)
	{
		const CgProtectedColumn *column = cg_protected_column(p, i);
		CgLevel		level;

		if (column == NULL)
			continue;
		level = cg_scope_level(p, i);
		if (level == CG_LEVEL_READ ||
			(level == CG_LEVEL_SEARCH && column->encrypted &&
			 !search->plain))
			counts = true;
		category = cg_combine_categories(category, column->n_needs == 1 ?
										 column->needs[0] : CG_MANY_CATEGORIES);
	}
	if (!counts)
		return;
	foreach(lc, search->origins)
	{
		origin = lfirst(lc);
		if (origin->relid == p->relid && origin->attnum == attnum &&
			origin->path == search->path)
			return;
	}
	origin = palloc0(sizeof(CgOrigin));
	origin->relid = p->relid;
	origin->attnum = attnum;
	origin->rte = rte;
	origin->category = category;
	origin->path = search->path;
	search->origins = lappend(search->origins, origin);
}

/* Of a column of a sub-query's result; attnum 0: all of them. */
void
cg_origins_of_column(Query *query, CgScope *parent, AttrNumber attnum,
					 CgOriginSearch *search)
{
	CgScope		scope = {query, parent, false};
	CgScope    *saved = search->scope;
	ListCell   *lc;

	search->scope = &scope;
	if (query->setOperations != NULL)
	{
		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->rtekind == RTE_SUBQUERY)
				cg_origins_of_column(rte->subquery, &scope, attnum, search);
		}
	}
	else
		foreach(lc, query->commandType == CMD_SELECT ? query->targetList :
				query->returningList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (attnum <= 0 ? !tle->resjunk : tle->resno == attnum)
			(void) cg_origins_of((Node *) tle->expr, search);
	}
	search->scope = saved;
}

int32
cg_combine_categories(int32 a, int32 b)
{
	if (a == CG_NO_CATEGORY || a == b)
		return b;
	return b == CG_NO_CATEGORY ? a : CG_MANY_CATEGORIES;
}

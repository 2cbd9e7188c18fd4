/*
 * plan_subject.c
 *		The subject of the row that a value is from.
 *
 * A value that is disclosed is followed down to the column that it is from
 * (plan_output.c); the subject column of that table travels the way back up:
 * each sub-query exports it as one more result column, unless its row is used
 * as a whole.  Where rows were merged (GROUP BY, DISTINCT, UNION) there is no
 * subject.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "compat.h"

#include "plan_mask.h"

#define SUBJECT_NAME	"cipguard_subject"

/* The search for whole rows of a range table entry. */
typedef struct CgWholeRow
{
	CgScope    *scope;
	RangeTblEntry *rte;
} CgWholeRow;

/* The search for a subject in an expression. */
typedef struct CgSubjectSearch
{
	CgScope    *scope;
	Var		   *subject;
} CgSubjectSearch;

static bool find_subject(Node *node, void *context);
static Var *subject_through(Var *var, RangeTblEntry *rte, Query *query,
							CgScope *parent);
static TargetEntry *add_column(Query *query, Expr *expr);
static void add_column_types(RangeTblEntry *rte, Query *query,
							 AttrNumber attnum);
static bool uses_whole_row(Node *node, void *context);

Var *
cg_subject_of(Var *var, CgScope *scope)
{
	CgScope    *at = cg_scope_up(scope, var->varlevelsup);
	RangeTblEntry *rte = cg_scope_rte(scope, var);

	if (rte == NULL)
		return NULL;
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			{
				const CgProtection *p = cg_rte_protection(at, var->varno);
				Var		   *subject;

				if (p == NULL || p->subject == InvalidAttrNumber)
					return NULL;
				subject = copyObject(var);
				subject->varattno = p->subject;
				get_atttypetypmodcoll(p->relid, p->subject,
									  &subject->vartype, &subject->vartypmod,
									  &subject->varcollid);
				return subject;
			}
		case RTE_SUBQUERY:
			return subject_through(var, rte, rte->subquery, at);
		case RTE_CTE:
			{
				CgScope    *home;
				Query	   *query = cg_cte_query(rte, at, &home);

				if (query == NULL || home->query->hasRecursive)
					return NULL;
				return subject_through(var, rte, query, home);
			}
		case RTE_JOIN:
			{
				Var		   *alias = var->varattno <= 0 ? NULL :
				list_nth(rte->joinaliasvars, var->varattno - 1);
				Var		   *subject;

				if (alias == NULL || !IsA(alias, Var))
					return NULL;
				subject = cg_subject_of(alias, at);
				if (subject == NULL)
					return NULL;
				subject = copyObject(subject);
				subject->varlevelsup += var->varlevelsup;
				cg_add_nulling(subject, var);
				return subject;
			}
		default:
			return NULL;
	}
}

/* The subject of the first column in an expression that has one. */
static bool
find_subject(Node *node, void *context)
{
	CgSubjectSearch *search = context;

	if (node == NULL || IsA(node, Query))
		return false;
	if (IsA(node, Var))
	{
		search->subject = cg_subject_of((Var *) node, search->scope);
		return search->subject != NULL;
	}
	if (cg_is_gate(node))
		return find_subject(linitial(((FuncExpr *) node)->args), context);
	return expression_tree_walker(node, find_subject, context);
}

/* Let a sub-query export its subject, and refer to that. */
static Var *
subject_through(Var *var, RangeTblEntry *rte, Query *query, CgScope *parent)
{
	CgScope		scope = {query, parent, false};
	TargetEntry *tle;
	TargetEntry *exported = NULL;
	CgSubjectSearch search = {NULL, NULL};
	Var		   *subject;
	Var		   *result;
	ListCell   *lc;

	if (query->commandType != CMD_SELECT || query->setOperations != NULL ||
		cg_merges_rows(query) || var->varattno <= 0)
		return NULL;
	tle = get_tle_by_resno(query->targetList, var->varattno);
	if (tle == NULL)
		return NULL;
	search.scope = &scope;
	(void) find_subject((Node *) tle->expr, &search);
	subject = search.subject;
	if (subject == NULL)
		return NULL;

	foreach(lc, query->targetList)
	{
		tle = lfirst_node(TargetEntry, lc);
		if (!tle->resjunk && equal(tle->expr, subject))
			exported = tle;
	}
	if (exported == NULL)
	{
		CgWholeRow	whole = {parent, rte};

		if (query_tree_walker(parent->query, uses_whole_row, &whole, 0))
			return NULL;
		exported = add_column(query, (Expr *) subject);
	}
	add_column_types(rte, query, exported->resno);
	result = copyObject(var);
	result->varattno = exported->resno;
	result->vartype = exprType((Node *) exported->expr);
	result->vartypmod = exprTypmod((Node *) exported->expr);
	result->varcollid = exprCollation((Node *) exported->expr);
	return result;
}

/*
 * One more result column, before the junk.  As junk itself it could not be
 * referred to: since PostgreSQL 18 not even by a query that the sub-query is
 * pulled up into.
 */
static TargetEntry *
add_column(Query *query, Expr *expr)
{
	TargetEntry *result = makeTargetEntry(expr, 1, SUBJECT_NAME, false);
	int			at = 0;
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		if (lfirst_node(TargetEntry, lc)->resjunk)
			lfirst_node(TargetEntry, lc)->resno++;
		else
			at = foreach_current_index(lc) + 1;
	}
	result->resno = at + 1;
	query->targetList = list_insert_nth(query->targetList, at, result);
	return result;
}

/* Let a range table entry know of them. */
static void
add_column_types(RangeTblEntry *rte, Query *query, AttrNumber attnum)
{
	int			n;

	while ((n = list_length(rte->eref->colnames)) < attnum)
	{
		Node	   *expr = (Node *) get_tle_by_resno(query->targetList,
													 n + 1)->expr;

		rte->eref->colnames = lappend(rte->eref->colnames,
									  makeString(SUBJECT_NAME));
		if (rte->rtekind != RTE_CTE)
			continue;
		rte->coltypes = lappend_oid(rte->coltypes, exprType(expr));
		rte->coltypmods = lappend_int(rte->coltypmods, exprTypmod(expr));
		rte->colcollations = lappend_oid(rte->colcollations,
										 exprCollation(expr));
	}
}

/* Does anything use the row of a sub-query, or of a CTE, as a whole? */
static bool
uses_whole_row(Node *node, void *context)
{
	CgWholeRow *search = context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		CgScope		scope = {(Query *) node, search->scope, false};
		CgWholeRow	inner = {&scope, search->rte};

		return query_tree_walker((Query *) node, uses_whole_row, &inner, 0);
	}
	if (IsA(node, Var))
	{
		RangeTblEntry *rte = ((Var *) node)->varattno != 0 ? NULL :
		cg_scope_rte(search->scope, (Var *) node);

		return rte != NULL &&
			(rte == search->rte ||
			 (rte->rtekind == RTE_CTE && search->rte->rtekind == RTE_CTE &&
			  strcmp(rte->ctename, search->rte->ctename) == 0));
	}
	return expression_tree_walker(node, uses_whole_row, context);
}

bool
cg_merges_rows(Query *query)
{
	return query->groupClause != NIL || query->groupingSets != NIL ||
		query->hasAggs || query->havingQual != NULL ||
		query->distinctClause != NIL || query->setOperations != NULL;
}

Query *
cg_cte_query(RangeTblEntry *rte, CgScope *at, CgScope **home)
{
	ListCell   *lc;

	*home = cg_scope_up(at, rte->ctelevelsup);
	if (*home != NULL)
		foreach(lc, (*home)->query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

		if (strcmp(cte->ctename, rte->ctename) == 0)
			return (Query *) cte->ctequery;
	}
	return NULL;
}

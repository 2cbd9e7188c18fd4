/*
 * plan_output.c
 *		What a reader's query gives out.
 *
 * Whoever may read a column works with its real values everywhere in the
 * query, indexes included.  Only where a value leaves, in the output list of
 * the query that was given to the planner, is it wrapped in
 *
 *		cipguard.disclose_value(value, relation, column, subject, proof)
 *
 * which records the disclosure and looks once more, when the query runs,
 * whether the current user may read.  While that depends on the person it is
 * disclose_row(), with the birthday of the person if that counts, and with
 * whether the value has passed a gate below (plan_gate.c).  Encrypted columns of somebody who may
 * only search take the same way, and show their mask there.
 *
 * A value is followed from the output through joins, sub-queries, views and
 * CTEs to the column that it is from.  The subject of the row comes along
 * (plan_subject.c).
 *
 * An output column that is sorted or grouped by is split: the raw value, no
 * longer shown, keeps the place in the order, so that an index still serves.
 * An expression that rows are grouped by is wrapped as a whole.
 * Aggregates are wrapped from outside for the same reason.
 *
 * What is written into a column without protection, of another category, or
 * of a table without a subject column leaves, too: whoever reads there is not
 * asked, or asked something else.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "compat.h"

#include "cipguard.h"
#include "label.h"
#include "plan.h"
#include "plan_mask.h"
#include "plan_origin.h"

typedef struct CgOutput
{
	CgScope    *scope;
	bool		changed;
	int32		category;		/* of the origins, or CG_NO_CATEGORY and kin */
	List	   *keys;			/* what the query groups by */
	bool		plain;			/* masks are left to their own rules */
} CgOutput;

static void note_categories(Query *query, List *categories);
static void output_query(CgScope *scope, List **categories);
static void output_list(List **targets, CgScope *scope, List **categories);
static void output_stored(CgScope *scope);
static void output_assigned(List *targets, CgScope *scope);
static bool loses_rules(TargetEntry *tle, List *targets,
						const CgProtection *p, CgScope *scope);
static bool is_multiexpr(TargetEntry *tle, Bitmapset *wanted);
static bool has_ref(List *clauses, Index ref);
static void change_ref(List *clauses, Index from, Index to);
static Node *output_key(Node *node, CgOutput *out);
static Node *output_mutator(Node *node, void *context);
static Node *output_var(Var *var, CgOutput *out);
static Node *output_gate(FuncExpr *gate, CgOutput *out);
static Node *wrap(Node *value, List *origins, Node *subject, Var *direct,
				  CgOutput *out);
static Node *disclose_call(Node *value, CgOrigin *origin, Node *subject,
						   Var *direct);
static Node *row_shown_inside(Var *var, CgScope *scope);

void
cg_plan_output(Query *query)
{
	CgScope		scope = {query, NULL, false};
	List	   *categories = NIL;
	ListCell   *lc;

	output_query(&scope, &categories);
	output_stored(&scope);
	foreach(lc, query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);
		CgScope		inner = {(Query *) cte->ctequery, &scope, false};

		output_stored(&inner);
	}
	cg_plan_compared(query);
	note_categories(query, categories);
	cg_plan_carriers(query);
}

void
cg_output_query(Query *query, CgScope *parent)
{
	CgScope		scope = {query, parent, false};
	List	   *ignored = NIL;

	output_query(&scope, &ignored);
}

Node *
cg_output_expr(Node *node, CgScope *scope, List *keys)
{
	CgOutput	out = {scope, false, CG_NO_CATEGORY, keys, true};

	return output_mutator(node, &out);
}

Node *
cg_output_inside(Node *node, CgScope *scope, List *keys)
{
	CgOutput	out = {scope, false, CG_NO_CATEGORY, keys, true};

	return expression_tree_mutator((Node *) copyObject(node), output_mutator,
								   &out);
}

/*
 * A copy of what a reader is shown gets labels (gate.c).  When it is made, the
 * plan may come from the cache, so the plan itself carries the categories of
 * its labelled output columns: behind the mark of the first relation.
 */
static void
note_categories(Query *query, List *categories)
{
	RangeTblEntry *first;
	StringInfoData buf;
	ListCell   *lc;
	bool		any = false;

	foreach(lc, categories)
		any = any || lfirst_int(lc) != CG_NO_CATEGORY;
	if (!any)
		return;
	if (query->rtable == NIL)
	{
		/* Its values come from sub-selects; nobody refers to this entry. */
		RangeTblEntry *none = makeNode(RangeTblEntry);

		none->rtekind = RTE_RESULT;
		none->eref = makeAlias("*RESULT*", NIL);
		query->rtable = list_make1(none);
	}
	first = linitial_node(RangeTblEntry, query->rtable);
	initStringInfo(&buf);
	appendStringInfoString(&buf, first->enrname ? first->enrname :
						   CG_RTE_MARK);
	foreach(lc, categories)
		appendStringInfo(&buf, "%c%d", lc == list_head(categories) ?
						 CG_RTE_CATEGORIES : ',', lfirst_int(lc));
	first->enrname = buf.data;
}

static void
output_query(CgScope *scope, List **categories)
{
	Query	   *query = scope->query;
	ListCell   *lc;

	check_stack_depth();
	if (query->commandType == CMD_UTILITY)
		return;
	scope->grouped = cg_merges_rows(query);
	if (query->commandType != CMD_SELECT)
		output_list(&query->returningList, scope, categories);
	else if (query->setOperations == NULL)
		output_list(&query->targetList, scope, categories);
	else
		foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		/* Beside the arms there is nothing in such a query. */
		if (rte->rtekind == RTE_SUBQUERY)
		{
			CgScope		arm = {rte->subquery, scope, false};

			output_query(&arm, categories);
		}
	}
}

static void
output_list(List **targets, CgScope *scope, List **categories)
{
	Query	   *query = scope->query;
	List	   *hidden = NIL;
	List	   *keys = NIL;
	ListCell   *lc;
	int			n = list_length(*targets);
	int			column = 0;
	Index		last = 0;

	foreach(lc, *targets)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		last = Max(last, tle->ressortgroupref);
		if (has_ref(query->groupClause, tle->ressortgroupref))
			keys = lappend(keys, copyObject(tle->expr));
	}
	foreach(lc, *targets)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		CgOutput	out = {scope, false, CG_NO_CATEGORY, keys};
		Node	   *shown;

		if (tle->resjunk)
			continue;
		shown = output_mutator((Node *) copyObject(tle->expr), &out);
		if (out.changed && tle->ressortgroupref != 0 &&
			(query->distinctClause == NIL ||
			 has_ref(query->groupClause, tle->ressortgroupref)))
		{
			TargetEntry *sorted = makeTargetEntry(tle->expr,
												  ++n, NULL, true);

			sorted->ressortgroupref = tle->ressortgroupref;
			hidden = lappend(hidden, sorted);
			tle->ressortgroupref = 0;
			if (query->distinctClause != NIL)
			{
				/* What is distinct has to be shown, and sorted as it is. */
				tle->ressortgroupref = ++last;
				change_ref(query->distinctClause, sorted->ressortgroupref,
						   last);
				change_ref(query->sortClause, sorted->ressortgroupref, last);
			}
		}
		if (out.changed)
			tle->expr = (Expr *) shown;

		/* An encrypted column protects itself. */
		if (cg_holds_encrypted(exprType((Node *) tle->expr)))
			out.category = CG_NO_CATEGORY;
		/* Of a set operation, the arms together. */
		if (column >= list_length(*categories))
			*categories = lappend_int(*categories, out.category);
		else
			lfirst_int(list_nth_cell(*categories, column)) =
				cg_combine_categories(list_nth_int(*categories, column), out.category);
		column++;
	}
	*targets = list_concat(*targets, hidden);
}

/* What a query writes into columns that nobody is kept from. */
static void
output_stored(CgScope *scope)
{
	Query	   *query = scope->query;
	ListCell   *lc;

	if (query->commandType == CMD_INSERT || query->commandType == CMD_UPDATE)
		output_assigned(query->targetList, scope);
	if (query->onConflict != NULL)
		output_assigned(query->onConflict->onConflictSet, scope);
	foreach(lc, query->mergeActionList)
	{
		MergeAction *action = lfirst_node(MergeAction, lc);

		if (action->commandType != CMD_DELETE)
			output_assigned(action->targetList, scope);
	}
}

static void
output_assigned(List *targets, CgScope *scope)
{
	RangeTblEntry *rte = rt_fetch(scope->query->resultRelation,
								  scope->query->rtable);
	const CgProtection *p = rte->rtekind == RTE_RELATION ?
	cg_rte_protection(scope, scope->query->resultRelation) : NULL;
	Bitmapset  *multi = NULL;	/* of sub-selects that give several values */
	CgOutput	out = {scope, false, CG_NO_CATEGORY, NIL};
	ListCell   *lc;

	foreach(lc, targets)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk ||
			(p != NULL && cg_protected_column(p, tle->resno) != NULL &&
			 !loses_rules(tle, targets, p, scope)))
			continue;
		if (IsA(tle->expr, Param) &&
			((Param *) tle->expr)->paramkind == PARAM_MULTIEXPR)
			multi = bms_add_member(multi,
								   ((Param *) tle->expr)->paramid >> 16);
		tle->expr = (Expr *) output_mutator((Node *) tle->expr, &out);
	}
	foreach(lc, targets)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (is_multiexpr(tle, multi))
			cg_output_query((Query *) ((SubLink *) tle->expr)->subselect,
							scope);
	}
}

/*
 * Does a labelled value go into a column of another category, or to where
 * nobody knows whom it is about?  There other rules hold.  An encrypted one is
 * charged by the functions of its type.
 */
static bool
loses_rules(TargetEntry *tle, List *targets, const CgProtection *p,
			CgScope *scope)
{
	const CgProtectedColumn *column = cg_protected_column(p, tle->resno);
	CgOriginSearch search = {scope, NIL, true};
	Param	   *param = (Param *) tle->expr;
	ListCell   *lc;

	(void) cg_origins_of((Node *) tle->expr, &search);
	foreach(lc, IsA(param, Param) &&
			param->paramkind == PARAM_MULTIEXPR ? targets : NIL)
	{
		SubLink    *link = (SubLink *) lfirst_node(TargetEntry, lc)->expr;

		if (IsA(link, SubLink) && link->subLinkType == MULTIEXPR_SUBLINK &&
			link->subLinkId == param->paramid >> 16)
			cg_origins_of_column((Query *) link->subselect, scope,
								 param->paramid & 0xFFFF, &search);
	}
	foreach(lc, search.origins)
	{
		CgOrigin   *origin = lfirst(lc);
		const CgProtection *from = cg_protection(origin->relid);
		const CgProtectedColumn *source = cg_protected_column(from,
															  origin->attnum);

		if (source != NULL && !source->encrypted &&
			(origin->category != column->category ||
			 (from->subject != InvalidAttrNumber &&
			  p->subject == InvalidAttrNumber)))
			return true;
	}
	return false;
}

static bool
is_multiexpr(TargetEntry *tle, Bitmapset *wanted)
{
	return IsA(tle->expr, SubLink) &&
		((SubLink *) tle->expr)->subLinkType == MULTIEXPR_SUBLINK &&
		bms_is_member(((SubLink *) tle->expr)->subLinkId, wanted);
}

static bool
has_ref(List *clauses, Index ref)
{
	ListCell   *lc;

	foreach(lc, clauses)
		if (lfirst_node(SortGroupClause, lc)->tleSortGroupRef == ref)
		return true;
	return false;
}

/* The clauses of several lists may be the same. */
static void
change_ref(List *clauses, Index from, Index to)
{
	ListCell   *lc;

	foreach(lc, clauses)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);

		if (clause->tleSortGroupRef == from)
		{
			lfirst(lc) = clause = copyObject(clause);
			clause->tleSortGroupRef = to;
		}
	}
}

/*
 * An expression that rows are grouped by is wrapped as a whole: with grouping
 * sets it is NULL in some rows, and what it is made of is not.
 */
static Node *
output_key(Node *node, CgOutput *out)
{
	CgOutput	probe = {out->scope, false, CG_NO_CATEGORY, NIL, out->plain};
	CgOriginSearch search = {out->scope, NIL, out->plain};

	(void) output_mutator((Node *) copyObject(node), &probe);
	if (!probe.changed)
		return node;
	(void) cg_origins_of(node, &search);
	return wrap(node, search.origins, NULL, NULL, out);
}

static Node *
output_mutator(Node *node, void *context)
{
	CgOutput   *out = context;

	if (node == NULL)
		return NULL;
	if (out->keys != NIL && !IsA(node, Var) && list_member(out->keys, node))
		return output_key(node, out);
	switch (nodeTag(node))
	{
		case T_Var:
			return output_var((Var *) node, out);
		case T_Aggref:
		case T_WindowFunc:
			{
				CgOriginSearch search = {out->scope, NIL, out->plain};
				Oid			func = IsA(node, Aggref) ?
				((Aggref *) node)->aggfnoid :
				((WindowFunc *) node)->winfnoid;

				if (func == F_COUNT_ANY || func == F_COUNT_)
					return node;
				(void) cg_origins_of(node, &search);
				return wrap(node, search.origins, NULL, NULL, out);
			}
		case T_SubLink:
			{
				SubLink    *link = (SubLink *) node;
				CgScope		scope = {(Query *) link->subselect, out->scope,
				false};
				List	   *ignored = NIL;

				if (link->subLinkType == EXPR_SUBLINK ||
					link->subLinkType == ARRAY_SUBLINK)
				{
					CgOriginSearch search = {out->scope, NIL, out->plain};

					cg_origins_of_column(scope.query, out->scope, 1, &search);
					if (search.origins != NIL)
					{
						out->changed = true;
						output_query(&scope, &ignored);
						if (ignored != NIL)
							out->category = cg_combine_categories(out->category,
																  linitial_int(ignored));
					}
				}
				return node;
			}
		case T_NullTest:
		case T_GroupingFunc:
		case T_Query:
			return node;
		case T_OpExpr:
		case T_DistinctExpr:
			if (cg_is_comparison(((OpExpr *) node)->opno))
				return node;
			break;
		case T_ScalarArrayOpExpr:
			if (cg_is_comparison(((ScalarArrayOpExpr *) node)->opno))
				return node;
			break;
		case T_FuncExpr:
			if (cg_shows_by_itself(((FuncExpr *) node)->funcid) ||
				cg_node_call(node) == CG_CALL_VERIFY)
				return node;
			if (cg_is_gate(node))
				return output_gate((FuncExpr *) node, out);
			break;
		case T_CaseExpr:
			{
				CaseExpr   *expr = (CaseExpr *) node;
				ListCell   *lc;

				/* Conditions only choose. */
				foreach(lc, expr->args)
				{
					CaseWhen   *when = lfirst_node(CaseWhen, lc);

					when->result = (Expr *)
						output_mutator((Node *) when->result, context);
				}
				expr->defresult = (Expr *)
					output_mutator((Node *) expr->defresult, context);
				return node;
			}
		default:
			break;
	}
	return expression_tree_mutator(node, output_mutator, context);
}

static Node *
output_var(Var *var, CgOutput *out)
{
	CgOriginSearch search = {out->scope, NIL, out->plain};
	Var		   *subject = NULL;

	cg_origins_of_var(var, &search);
	if (search.origins == NIL)
		return (Node *) var;
	if (!cg_scope_up(out->scope, var->varlevelsup)->grouped)
		subject = cg_subject_of(var, out->scope);
	return wrap((Node *) var, search.origins, (Node *) subject,
				cg_scope_rte(out->scope, var)->rtekind == RTE_RELATION ?
				var : NULL, out);
}

/* The call that discloses asks the same as the gate, and takes its place. */
static Node *
output_gate(FuncExpr *gate, CgOutput *out)
{
	Var		   *var = linitial(gate->args);
	CgOriginSearch search = {out->scope, NIL, out->plain};

	if (IsA(var, Var) && gate->funcid == cg_plan_functions->gate_value &&
		!cg_scope_up(out->scope, var->varlevelsup)->grouped)
		return output_var(var, out);
	(void) cg_origins_of((Node *) var, &search);
	return wrap((Node *) gate, search.origins, NULL, NULL, out);
}

/*
 * One call for each origin; usually there is one.  direct: the value is this
 * column of a table, and has passed no gate.
 */
static Node *
wrap(Node *value, List *origins, Node *subject, Var *direct, CgOutput *out)
{
	Oid			type = exprType(value);
	int32		typmod = exprTypmod(value);
	Oid			collid = exprCollation(value);
	ListCell   *lc;

	foreach(lc, origins)
	{
		CgOrigin   *origin = lfirst(lc);

		out->changed = true;
		out->category = cg_combine_categories(out->category, origin->category);
		value = disclose_call(value, origin, subject, direct);
		if (typmod != -1)
			value = (Node *) makeRelabelType((Expr *) value, type, typmod,
											 collid, COERCE_IMPLICIT_CAST);
	}
	return value;
}

static Node *
disclose_call(Node *value, CgOrigin *origin, Node *subject, Var *direct)
{
	const CgProtection *p = cg_protection(origin->relid);
	Oid			type = exprType(value);
	Oid			collid = exprCollation(value);
	Const	   *checked = makeConst(cg_plan_functions->checked, -1,
									InvalidOid, sizeof(bool),
									BoolGetDatum(true), false, true);
	List	   *args;
	Node	   *birthday;

	if (subject == NULL)
		subject = (Node *) makeNullConst(TEXTOID, -1, InvalidOid);
	args = list_make4(value,
					  makeConst(OIDOID, -1, InvalidOid, sizeof(Oid),
								ObjectIdGetDatum(origin->relid), false, true),
					  makeConst(INT4OID, -1, InvalidOid, sizeof(int32),
								Int32GetDatum(origin->attnum), false, true),
					  subject);
	if (origin->attnum > 0 ? !cg_is_gated(p, origin->attnum) :
		!cg_is_row_gated(p))
		return (Node *) makeFuncExpr(cg_plan_functions->disclose_value, type,
									 lappend(args, checked), collid, collid,
									 COERCE_EXPLICIT_CALL);
	birthday = direct == NULL ? NULL :
		(Node *) cg_birthday_of_var(direct, p);
	args = lappend(args, birthday != NULL ? birthday :
				   (Node *) makeNullConst(TEXTOID, -1, InvalidOid));
	args = lappend(args, makeBoolConst(direct == NULL, false));
	return (Node *) makeFuncExpr(cg_plan_functions->disclose_row, type,
								 lappend(args, checked), collid, collid,
								 COERCE_EXPLICIT_CALL);
}

Node *
cg_shown_inside(Var *var, CgScope *scope)
{
	CgOriginSearch search = {scope, NIL};
	CgOutput	out = {scope, false, CG_NO_CATEGORY};
	Oid			elem;
	ListCell   *lc;

	if (var->varattno == InvalidAttrNumber)
		return row_shown_inside(var, scope);
	elem = get_base_element_type(var->vartype);
	if (!cg_is_encrypted_type(OidIsValid(elem) ? elem : var->vartype))
		return NULL;
	cg_origins_of_var(var, &search);
	foreach(lc, search.origins)
	{
		CgOrigin   *origin = lfirst(lc);
		const CgProtection *p = cg_protection(origin->relid);
		CgLevel		level = cg_scope_level(p, origin->attnum);

		if (level == CG_LEVEL_SEARCH)
			return cg_mask_call((Node *) copyObject(var),
								origin->category);
		if (level == CG_LEVEL_READ && cg_is_gated(p, origin->attnum))
			return NULL;
		if (level == CG_LEVEL_READ && origin->category >= 0 &&
			cg_access_level(origin->category, InvalidOid) < CG_LEVEL_READ)
			return wrap((Node *) copyObject(var), list_make1(origin), NULL,
						NULL, &out);
	}
	return NULL;
}

/* A whole row that has such a column. */
static Node *
row_shown_inside(Var *var, CgScope *scope)
{
	RangeTblEntry *rte = cg_scope_rte(scope, var);
	List	   *names;
	List	   *fields;
	ListCell   *lc;
	bool		changed = false;

	if (rte->rtekind != RTE_RELATION && rte->rtekind != RTE_SUBQUERY &&
		rte->rtekind != RTE_CTE && rte->rtekind != RTE_JOIN)
		return NULL;
	cg_expand_rte(rte, var, &names, &fields);
	foreach(lc, fields)
	{
		Node	   *shown;

		if (!IsA(lfirst(lc), Var))
			continue;
		cg_add_nulling(lfirst(lc), var);
		shown = cg_shown_inside(lfirst(lc), scope);
		if (shown != NULL)
		{
			lfirst(lc) = shown;
			changed = true;
		}
	}
	return changed ? cg_make_row(var, fields, names) : NULL;
}

bool
cg_reads_origins(Node *node, CgScope *scope)
{
	CgOriginSearch search = {scope, NIL, false, false, NIL};
	ListCell   *lc;

	/* A column of a set operation is that of each arm. */
	if (scope->query->setOperations != NULL && IsA(node, Var))
		cg_origins_of_column(scope->query, scope->parent, ((Var *) node)->varattno,
							 &search);
	else
		(void) cg_origins_of(node, &search);
	if (search.masks || search.origins == NIL || !row_security)
		return false;
	foreach(lc, search.origins)
	{
		CgOrigin   *origin = lfirst(lc);
		const CgProtectedColumn *column =
		cg_protected_column(cg_protection(origin->relid), origin->attnum);

		if (column == NULL || !column->encrypted || column->category < 0 ||
			cg_access_level(column->category, InvalidOid) < CG_LEVEL_READ)
			return false;
	}
	return true;
}

/*
 * plan_mask.c
 *		Masks in place of protected columns, in a query about to be planned.
 *
 * At this point views and rules are expanded, so whatever was written, a
 * value comes from a column reference (Var) to a table.  Each reference to a
 * column that the current user may not read is replaced by a call of
 * cipguard.mask_value() on it, in every position: predicates, joins,
 * grouping and output see the mask.  The join tree stays as it was, so
 * indexes on other columns are used as before.
 *
 * What is more than replacing a Var:
 *
 * - The mask has the type, the type modifier and the collation of the column;
 *   a function has no modifier, so a RelabelType gives it.
 * - A whole row becomes a ROW() of its columns, under a CASE that keeps the
 *   NULL row of an outer join NULL.
 * - The quals of row-security policies see real values of the row that they
 *   judge; those that views added beside them do not.  The rewriter puts the
 *   policies first.
 * - The arbiter of ON CONFLICT must match an index and stays as it is.
 * - Encrypted columns stay as they are for whoever may search, as far as
 *   they are compared or passed on; expressions that look inside get the
 *   mask, and so does the output (plan_output.c).  Labelled ones stay where
 *   they are compared by "=".
 * - pg_statistic holds values of all columns; what belongs to protected ones
 *   reads as NULL.
 *
 * Nodes are changed in place or replaced; the planner may scribble on its
 * input.  A relation that was looked at is marked in its range table entry,
 * in a field that PostgreSQL uses for another kind of entry only and that
 * every copy keeps.  plan.c stops a plan with an unmarked one.
 */
#include "postgres.h"

#include "access/attnum.h"
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_statistic_ext_data.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rowsecurity.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"

#include "cipguard.h"
#include "label.h"
#include "mask_datum.h"
#include "plan.h"
#include "plan_mask.h"
#include "view_write.h"

/* The quals of one range table entry, set aside while others are replaced. */
typedef struct CgAside
{
	List	  **quals;
	FromExpr   *jointree;
	List	   *targets;
	List	   *check_options;
	OnConflictExpr *on_conflict;
	List	   *merge_actions;
} CgAside;

/* The row that a policy judges, while its expression is looked at. */
typedef struct CgPolicy
{
	CgScope    *scope;			/* NULL: no policy */
	Index		varno;
} CgPolicy;

static CgPolicy policy;

static bool mark_relations(CgScope *scope);
static Node *mask_policy(Node *node, CgScope *scope, Index varno);
static void mark(RangeTblEntry *rte, const CgProtection *p);
static void mask_apart(CgScope *scope, CgAside *aside);
static List *mask_security_quals(CgScope *scope, Index varno, List *quals);
static Node *mask_mutator(Node *node, void *context);
static bool is_equality(Node *node);
static Node *mask_equality(Node *node, CgScope *scope);
static bool may_search(Node *node, CgScope *scope);
static Node *mask_argument(Node *node, CgScope *scope);
static Node *mask_inside(Node *node, CgScope *scope);
static Node *mask_var(Var *var, CgScope *scope);
static Node *mask_column(Var *var, const CgProtection *p, CgScope *scope,
						 bool look);
static Node *mask_row(Var *var, const CgProtection *p, CgScope *scope);
static Node *gate_argument(Node *node, CgScope *scope);
static Node *mask_statistic(Var *var, Oid relid);
static Node *mask_own_call(FuncExpr *call, CgScope *scope);
static bool masks_row(const CgProtection *p);
static bool looks_inside(Node *node);

bool
cg_mask_query(Query *query, CgScope *parent)
{
	CgScope		scope = {query, parent, false};
	bool		found;
	CgAside		aside;
	int			n = list_length(query->rtable);
	ListCell   *lc;
	int			i = 0;

	check_stack_depth();
	if (query->commandType == CMD_UTILITY)
		return false;
	if (parent == NULL)
		policy.scope = NULL;	/* an error may have left it */
	found = mark_relations(&scope);

	/* What needs a hand of its own is kept from the mutator. */
	aside.quals = palloc0(sizeof(List *) * (n + 1));
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		aside.quals[i++] = rte->securityQuals;
		rte->securityQuals = NIL;
	}
	aside.targets = NIL;
	if (query->commandType != CMD_SELECT &&
		query->commandType != CMD_DELETE)
	{
		aside.targets = query->targetList;
		query->targetList = NIL;
	}
	aside.check_options = query->withCheckOptions;
	query->withCheckOptions = NIL;
	aside.on_conflict = query->onConflict;
	query->onConflict = NULL;
	aside.merge_actions = query->mergeActionList;
	query->mergeActionList = NIL;

	/* WHERE sees rows; what is behind it may see groups. */
	aside.jointree = query->jointree;
	query->jointree = NULL;
	scope.grouped = query->groupClause != NIL ||
		query->groupingSets != NIL || query->distinctClause != NIL;
	(void) query_tree_mutator(query, mask_mutator, &scope,
							  QTW_DONT_COPY_QUERY);
	scope.grouped = false;
	query->jointree = (FromExpr *) mask_mutator((Node *) aside.jointree,
												&scope);

	mask_apart(&scope, &aside);
	cg_repeat_quals(query);
	return found;
}

Node *
cg_mask_expr(Node *node, CgScope *scope)
{
	return mask_mutator(node, scope);
}

/* Mark what is looked at here.  Does anything need it? */
static bool
mark_relations(CgScope *scope)
{
	bool		found = false;
	ListCell   *lc;
	Index		varno = 0;

	foreach(lc, scope->query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
		const CgProtection *p;

		varno++;
		if (rte->rtekind != RTE_RELATION)
			continue;
		p = cg_rte_protection(scope, varno);
		if (p == NULL)
			continue;
		mark(rte, p);
		cg_plan_touches = found = true;
	}
	return found;
}

static void
mark(RangeTblEntry *rte, const CgProtection *p)
{
	char	   *levels = palloc(p->natts + 2);
	bool		masked = false;
	int			i;

	/* Levels are those of the current user, which he is not in a policy. */
	if (policy.scope != NULL)
	{
		rte->enrname = CG_RTE_MARK;
		return;
	}
	for (i = 0; i < p->natts; i++)
	{
		levels[i] = p->columns[i] == NULL ? '-' :
			'0' + cg_column_level(p, i + 1);
		masked = masked || levels[i] == '0' || levels[i] == '1';
		if (levels[i] != '-' && cg_is_gated(p, i + 1))
		{
			levels[i] += CG_RTE_GATED - '0';
			masked = true;
		}
	}
	if (masked && p->runs_code)
		levels[i++] = CG_RTE_RUNS_CODE;
	levels[i] = '\0';
	rte->enrname = psprintf("%s%u%c%s", CG_RTE_MARK, p->relid,
							row_security ? '+' : '-', levels);
}

/*
 * The expression of a row-security policy sees real values in the row that it
 * judges, if the table is protected: then it was made by somebody who may
 * read them, or before they were protected.  What it selects from elsewhere
 * is what the owner of the table may read.
 */
static Node *
mask_policy(Node *node, CgScope *scope, Index varno)
{
	const CgProtection *p = cg_rte_protection(scope, varno);
	CgPolicy	saved = policy;
	Oid			user;
	int			context;

	if (p == NULL)
		return mask_mutator(node, scope);
	GetUserIdAndSecContext(&user, &context);
	policy.scope = scope;
	policy.varno = varno;
	SetUserIdAndSecContext(p->owner, context);
	node = mask_mutator(node, scope);
	SetUserIdAndSecContext(user, context);
	policy = saved;
	return node;
}

/* What was set aside: replaced by its own rules, and put back. */
static void
mask_apart(CgScope *scope, CgAside *aside)
{
	Query	   *query = scope->query;
	ListCell   *lc;
	int			i = 0;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		rte->securityQuals = mask_security_quals(scope, i + 1,
												 aside->quals[i]);
		i++;
	}
	query->onConflict = aside->on_conflict;
	if (aside->targets != NIL)
	{
		query->targetList = cg_take_hidden(aside->targets, query);
		cg_assign_targets(query->targetList, query->commandType,
						  query->resultRelation, scope);
	}
	foreach(lc, aside->check_options)
	{
		WithCheckOption *option = lfirst_node(WithCheckOption, lc);

		option->qual = option->kind == WCO_VIEW_CHECK ?
			mask_mutator(option->qual, scope) :
			mask_policy(option->qual, scope, query->resultRelation);
	}
	query->withCheckOptions = aside->check_options;
	if (query->onConflict != NULL)
	{
		OnConflictExpr *conflict = query->onConflict;

		conflict->onConflictSet = cg_take_hidden(conflict->onConflictSet,
												 query);
		cg_assign_targets(conflict->onConflictSet, CMD_UPDATE,
						  query->resultRelation, scope);
		conflict->onConflictWhere = mask_mutator(conflict->onConflictWhere,
												 scope);
	}
	foreach(lc, aside->merge_actions)
	{
		MergeAction *action = lfirst_node(MergeAction, lc);

		action->qual = mask_mutator(action->qual, scope);
		action->targetList = cg_take_hidden(action->targetList, query);
		cg_assign_targets(action->targetList, action->commandType,
						  query->resultRelation, scope);
	}
	query->mergeActionList = aside->merge_actions;
}

/*
 * The policies come first in the list; ask the rewriter again how many there
 * are.  It answers alike while this transaction has the table locked.
 */
int
cg_count_policies(Query *query, Index varno)
{
	RangeTblEntry *rte = rt_fetch(varno, query->rtable);
	List	   *policies = NIL;
	List	   *options = NIL;
	bool		has_security;
	bool		has_sublinks;

	if (rte->rtekind == RTE_RELATION)
		get_row_security_policies(query, rte, varno, &policies, &options,
								  &has_security, &has_sublinks);
	return list_length(policies);
}

static List *
mask_security_quals(CgScope *scope, Index varno, List *quals)
{
	ListCell   *lc;
	int			policies;
	int			n = 0;

	if (quals == NIL)
		return NIL;
	policies = cg_count_policies(scope->query, varno);
	foreach(lc, quals)
	{
		lfirst(lc) = n++ < policies ?
			mask_policy(lfirst(lc), scope, varno) :
			mask_mutator(lfirst(lc), scope);
	}
	return quals;
}

static Node *
mask_mutator(Node *node, void *context)
{
	CgScope    *scope = context;

	if (node == NULL)
		return NULL;
	switch (nodeTag(node))
	{
		case T_Query:
			(void) cg_mask_query((Query *) node, scope);
			return node;
		case T_Var:
			return mask_var((Var *) node, scope);
		case T_FieldSelect:
			{
				FieldSelect *select = (FieldSelect *) node;
				Var		   *row = (Var *) select->arg;

				/* A column by way of the row: t.c, c(t) */
				if (IsA(row, Var) && row->varattno == InvalidAttrNumber)
				{
					CgScope    *at = cg_scope_up(scope, row->varlevelsup);
					const CgProtection *p = at == NULL ? NULL :
					cg_rte_protection(at, row->varno);

					if (p != NULL && select->fieldnum > 0)
					{
						Var		   *var = copyObject(row);

						var->varattno = select->fieldnum;
						var->vartype = select->resulttype;
						var->vartypmod = select->resulttypmod;
						var->varcollid = select->resultcollid;
						return mask_var(var, scope);
					}
				}
				break;
			}
		case T_FuncExpr:
			{
				Node	   *result = mask_own_call((FuncExpr *) node, scope);

				if (result != NULL)
					return result;
				break;
			}
		default:
			break;
	}
	if (is_equality(node))
		return mask_equality(node, scope);
	if (looks_inside(node))
		return mask_inside(node, scope);
	if (IsA(node, OpExpr) || IsA(node, DistinctExpr) ||
		IsA(node, NullIfExpr) || IsA(node, ScalarArrayOpExpr) ||
		cg_node_call(node) == CG_CALL_PSEUDONYM ||
		cg_node_call(node) == CG_CALL_VERIFY)
	{
		/* One of our comparisons, or what allows as much. */
		bool		saved = scope->inside;
		bool		compared = scope->compared;
		Node	   *result;

		scope->inside = false;
		scope->compared = true;
		result = expression_tree_mutator(node, mask_mutator, context);
		scope->inside = saved;
		scope->compared = compared;
		return result;
	}
	return expression_tree_mutator(node, mask_mutator, context);
}

/* Expressions that make something else of the values that they are given. */
static bool
looks_inside(Node *node)
{
	switch (nodeTag(node))
	{
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			return !cg_is_comparison(((OpExpr *) node)->opno);
		case T_ScalarArrayOpExpr:
			return !cg_is_comparison(((ScalarArrayOpExpr *) node)->opno);
		case T_FuncExpr:
			return cg_node_call(node) != CG_CALL_COERCE &&
				cg_node_call(node) != CG_CALL_PSEUDONYM &&
				cg_node_call(node) != CG_CALL_VERIFY;
		case T_Aggref:
		case T_WindowFunc:
		case T_CoerceViaIO:
		case T_ArrayExpr:
		case T_RowExpr:
		case T_RowCompareExpr:
		case T_MinMaxExpr:
		case T_XmlExpr:
			return true;
		default:
			return false;
	}
}

/* An equality of PostgreSQL's own, which tells nobody what it compares. */
static bool
is_equality(Node *node)
{
	Oid			opno;
	Node	   *left;

	if (IsA(node, OpExpr))
		opno = ((OpExpr *) node)->opno;
	else if (IsA(node, ScalarArrayOpExpr) &&
			 ((ScalarArrayOpExpr *) node)->useOr)
		opno = ((ScalarArrayOpExpr *) node)->opno;
	else
		return false;
	left = linitial(IsA(node, OpExpr) ? ((OpExpr *) node)->args :
					((ScalarArrayOpExpr *) node)->args);
	return opno < FirstGenbkiObjectId && op_mergejoinable(opno,
														  exprType(left));
}

/*
 * Whoever may search a category may compare its labelled columns, too, with
 * what is given; an index serves.  Not with columns: rows that an outer merge
 * join leaves unmatched would come in the order of the values.
 */
static Node *
mask_equality(Node *node, CgScope *scope)
{
	List	   *args = IsA(node, OpExpr) ? ((OpExpr *) node)->args :
	((ScalarArrayOpExpr *) node)->args;
	List	   *result = NIL;
	ListCell   *lc;
	Node	   *left = linitial(args);
	Node	   *right = lsecond(args);

	foreach(lc, args)
	{
		Node	   *other = lfirst(lc) == left ? right : left;

		result = lappend(result,
						 may_search(lfirst(lc), scope) &&
						 !contain_vars_of_level(other, 0) ?
						 gate_argument(lfirst(lc), scope) :
						 mask_argument(lfirst(lc), scope));
	}
	node = copyObject(node);
	if (IsA(node, OpExpr))
		((OpExpr *) node)->args = result;
	else
		((ScalarArrayOpExpr *) node)->args = result;
	return node;
}

/* Is it a labelled column that the current user may search? */
static bool
may_search(Node *node, CgScope *scope)
{
	Var		   *var;
	RangeTblEntry *rte;
	const CgProtection *p;
	const CgProtectedColumn *column;

	while (IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	var = (Var *) node;
	if (!IsA(var, Var) || var->varattno <= 0)
		return false;
	rte = cg_scope_rte(scope, var);
	if (rte == NULL || rte->rtekind != RTE_RELATION ||
		cg_scope_up(scope, var->varlevelsup)->grouped)
		return false;
	p = cg_rte_protection(cg_scope_up(scope, var->varlevelsup), var->varno);
	column = p == NULL ? NULL : cg_protected_column(p, var->varattno);
	return column != NULL && !column->encrypted && !column->derived &&
		cg_scope_level(p, var->varattno) == CG_LEVEL_SEARCH;
}

/* A labelled column that may be searched: not that of everybody, perhaps. */
static Node *
gate_argument(Node *node, CgScope *scope)
{
	Var		   *var = (Var *) node;
	Node	   *gated;

	if (IsA(node, RelabelType))
	{
		RelabelType *result = copyObject((RelabelType *) node);

		result->arg = (Expr *) gate_argument((Node *) result->arg, scope);
		return (Node *) result;
	}
	gated = cg_gate_var(var, cg_rte_protection(cg_scope_up(scope,
														   var->varlevelsup),
											   var->varno), scope);
	return gated != NULL ? gated : node;
}

static Node *
mask_argument(Node *node, CgScope *scope)
{
	bool		saved = scope->inside;

	scope->inside = true;
	node = mask_mutator(node, scope);
	scope->inside = saved;
	return node;
}

static Node *
mask_inside(Node *node, CgScope *scope)
{
	bool		saved = scope->inside;
	Node	   *result;

	scope->inside = true;
	result = expression_tree_mutator(node, mask_mutator, scope);
	scope->inside = saved;
	return result;
}

static Node *
mask_var(Var *var, CgScope *scope)
{
	RangeTblEntry *rte = cg_scope_rte(scope, var);
	CgScope    *scope_of;
	const CgProtection *p;

	if (rte == NULL || var->varattno < 0)
		return (Node *) var;
	if (rte->rtekind != RTE_RELATION)
	{
		Node	   *shown = scope->inside || var->varattno == 0 ?
		cg_shown_inside(var, scope) : NULL;

		return shown != NULL ? shown : (Node *) var;
	}
	if (rte->relid == StatisticRelationId ||
		rte->relid == StatisticExtDataRelationId)
		return mask_statistic(var, rte->relid);
	scope_of = cg_scope_up(scope, var->varlevelsup);
	p = cg_rte_protection(scope_of, var->varno);
	if (p == NULL ||
		(policy.scope == scope_of && policy.varno == var->varno))
		return (Node *) var;
	if (var->varattno == InvalidAttrNumber)
	{
		Node	   *shown = masks_row(p) ? mask_row(var, p, scope) :
		cg_shown_inside(var, scope);

		return shown != NULL ? shown : (Node *) var;
	}
	if (cg_protected_column(p, var->varattno) == NULL)
		return (Node *) var;
	if (scope->inside && !cg_is_gated(p, var->varattno) &&
		cg_scope_level(p, var->varattno) == CG_LEVEL_READ)
	{
		Node	   *shown = cg_shown_inside(var, scope);

		return shown != NULL ? shown : (Node *) var;
	}
	return mask_column(var, p, scope, scope->inside);
}

/* look: somebody will look inside, so ciphertext will not do. */
static Node *
mask_column(Var *var, const CgProtection *p, CgScope *scope, bool look)
{
	const CgProtectedColumn *column = cg_protected_column(p, var->varattno);
	CgLevel		level = cg_scope_level(p, var->varattno);

	if (level == CG_LEVEL_READ ||
		(level == CG_LEVEL_SEARCH && column->encrypted && !look))
	{
		bool		saved = scope->inside;
		Node	   *gated;

		scope->inside = look;
		gated = cg_gate_var(var, p, scope);
		scope->inside = saved;
		return gated != NULL ? gated : (Node *) var;
	}
	if (column->category < 0)
		return (Node *) makeNullConst(var->vartype, var->vartypmod,
									  var->varcollid);

	return cg_mask_call((Node *) copyObject(var), column->category);
}

Node *
cg_mask_call(Node *value, int32 category)
{
	Oid			type = exprType(value);
	int32		typmod = exprTypmod(value);
	Oid			collid = exprCollation(value);
	Oid			func = cg_mask_needs_subtransaction(cg_category_by_id(category,
																	  false)) ?
	cg_plan_functions->mask_value_serial : cg_plan_functions->mask_value;
	Node	   *result;

	result = (Node *)
		makeFuncExpr(func, type,
					 list_make2(value, makeConst(INT4OID, -1, InvalidOid,
												 sizeof(int32),
												 Int32GetDatum(category),
												 false, true)),
					 collid, collid, COERCE_EXPLICIT_CALL);
	if (typmod != -1)
		result = (Node *) makeRelabelType((Expr *) result, type, typmod,
										  collid, COERCE_IMPLICIT_CAST);
	return result;
}

/* Does a whole row of it show masks? */
static bool
masks_row(const CgProtection *p)
{
	int			i;

	for (i = 1; i <= p->natts; i++)
		if (cg_protected_column(p, i) != NULL &&
			(cg_scope_level(p, i) < CG_LEVEL_READ || cg_is_gated(p, i)))
			return true;
	return false;
}

static Node *
mask_row(Var *var, const CgProtection *p, CgScope *scope)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(get_rel_type_id(p->relid), -1);
	List	   *fields = NIL;
	List	   *names = NIL;
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Var		   *field;

		names = lappend(names, makeString(pstrdup(NameStr(att->attname))));
		if (att->attisdropped)
		{
			fields = lappend(fields, makeNullConst(INT4OID, -1, InvalidOid));
			continue;
		}
		field = copyObject(var);
		field->varattno = att->attnum;
		field->vartype = att->atttypid;
		field->vartypmod = att->atttypmod;
		field->varcollid = att->attcollation;
		fields = lappend(fields,
						 cg_protected_column(p, att->attnum) == NULL ?
						 (Node *) field :
						 mask_column(field, p, scope, true));
	}
	ReleaseTupleDesc(desc);
	return cg_make_row(var, fields, names);
}

Node *
cg_make_row(Var *var, List *fields, List *names)
{
	RowExpr    *row = makeNode(RowExpr);
	NullTest   *test = makeNode(NullTest);
	CaseWhen   *when = makeNode(CaseWhen);
	CaseExpr   *result = makeNode(CaseExpr);

	row->args = fields;
	row->colnames = names;
	row->row_typeid = var->vartype;
	row->row_format = COERCE_EXPLICIT_CAST;
	row->location = -1;
	test->arg = (Expr *) copyObject(var);
	test->nulltesttype = IS_NOT_NULL;
	test->argisrow = false;
	test->location = -1;
	when->expr = (Expr *) test;
	when->result = (Expr *) row;
	when->location = -1;
	result->casetype = var->vartype;
	result->casecollid = InvalidOid;
	result->args = list_make1(when);
	result->defresult = (Expr *) makeNullConst(var->vartype, -1, InvalidOid);
	result->location = -1;
	return (Node *) result;
}

/*
 * Values in pg_statistic and pg_statistic_ext_data: through a function that
 * knows whether they are of a protected column.  A whole row, in which they
 * would hide, is shown to nobody.
 */
static Node *
mask_statistic(Var *var, Oid relid)
{
	bool		basic = relid == StatisticRelationId;
	Var		   *first;
	Node	   *second;

	if (var->varattno == InvalidAttrNumber)
		return (Node *) makeNullConst(var->vartype, var->vartypmod,
									  var->varcollid);
	if (basic ? (var->varattno < Anum_pg_statistic_stanumbers1 ||
				 var->varattno > Anum_pg_statistic_stavalues5) :
		(var->varattno != Anum_pg_statistic_ext_data_stxdmcv &&
		 var->varattno != Anum_pg_statistic_ext_data_stxdexpr))
		return (Node *) var;

	first = copyObject(var);
	first->varattno = basic ? Anum_pg_statistic_starelid :
		Anum_pg_statistic_ext_data_stxoid;
	first->vartype = OIDOID;
	first->vartypmod = -1;
	first->varcollid = InvalidOid;
	if (basic)
	{
		Var		   *attnum = copyObject(first);

		attnum->varattno = Anum_pg_statistic_staattnum;
		attnum->vartype = INT2OID;
		second = (Node *) attnum;
	}
	else
		second = (Node *) makeConst(INT2OID, -1, InvalidOid, sizeof(int16),
									Int16GetDatum(0), false, true);
	cg_plan_touches = true;
	return (Node *) makeFuncExpr(cg_plan_functions->visible_statistics,
								 var->vartype,
								 list_make3(copyObject(var), first, second),
								 var->varcollid, InvalidOid,
								 COERCE_EXPLICIT_CALL);
}

/*
 * mask() and disclose() of a column, which masking views are made of: they
 * mask by themselves, and a mask of a mask would be stars.  Only if they are
 * asked for what the column is; anything else is a function like any other.
 * Returns NULL then.
 */
static Node *
mask_own_call(FuncExpr *call, CgScope *scope)
{
	const CgPlanFunctions *f = cg_plan_functions;
	bool		discloses_text = call->funcid == f->disclose_text ||
	call->funcid == f->disclose_text_row;
	bool		is_text = discloses_text || call->funcid == f->mask_text ||
	call->funcid == f->mask_any;
	uint8		tag;
	CgTypeCall	type_call = cg_type_call(call->funcid, &tag);
	Node	   *arg;
	Var		   *var;
	RangeTblEntry *rte;
	const CgProtection *p;
	const CgProtectedColumn *column;

	if (!is_text && type_call != CG_CALL_DISCLOSE &&
		type_call != CG_CALL_MASK)
		return NULL;
	arg = linitial(call->args);
	while (IsA(arg, RelabelType))
		arg = (Node *) ((RelabelType *) arg)->arg;
	if (IsA(arg, FuncExpr) && (((FuncExpr *) arg)->funcid == F_TEXT_BPCHAR ||
							   ((FuncExpr *) arg)->funcid == F_TEXT_NAME))
		arg = linitial(((FuncExpr *) arg)->args);
	var = (Var *) arg;
	if (!IsA(var, Var) || var->varattno <= 0)
		return NULL;
	rte = cg_scope_rte(scope, var);
	if (rte == NULL || rte->rtekind != RTE_RELATION)
		return NULL;
	p = cg_rte_protection(cg_scope_up(scope, var->varlevelsup), var->varno);
	column = p == NULL ? NULL : cg_protected_column(p, var->varattno);
	if (column == NULL || column->category < 0)
		return NULL;
	if (discloses_text || type_call == CG_CALL_DISCLOSE)
	{
		Const	   *relation = discloses_text ? lthird(call->args) :
		lsecond(call->args);

		/* A grant limited to a table must not count for another. */
		if (!IsA(relation, Const) || relation->constisnull ||
			DatumGetObjectId(relation->constvalue) != rte->relid)
			return NULL;
	}
	if (is_text)
	{
		Const	   *name = lsecond(call->args);

		if (column->encrypted || !IsA(name, Const) || name->constisnull ||
			strcmp(TextDatumGetCString(name->constvalue),
				   NameStr(cg_category_by_id(column->category,
											 false)->name)) != 0)
			return NULL;
	}
	else if (!column->encrypted)
		return NULL;

	/*
	 * A reader's index serves through a masking view, too, and what he is
	 * shown is recorded by column and subject.
	 */
	if (discloses_text &&
		cg_scope_level(p, var->varattno) == CG_LEVEL_READ)
		return mask_argument(linitial(call->args), scope);
	if (type_call == CG_CALL_DISCLOSE && row_security &&
		(cg_access_level(column->category, InvalidOid) == CG_LEVEL_READ ||
		 cg_is_gated(p, var->varattno)) &&
		cg_scope_level(p, var->varattno) == CG_LEVEL_READ)
		return (Node *) makeFuncExpr(cg_decrypt_function(tag),
									 call->funcresulttype,
									 list_make1(mask_argument(linitial(call->args),
															  scope)),
									 call->funccollid, call->inputcollid,
									 COERCE_EXPLICIT_CALL);
	return (Node *) call;
}

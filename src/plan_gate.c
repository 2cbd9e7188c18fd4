/*
 * plan_gate.c
 *		What a reader's query works with while it depends on the person whether
 *		he may read: the value, or the mask.
 *
 * While conditions of a row (row_gate.h) are in force for a column that the
 * current user may read or search, each reference to it is wrapped in
 *
 *		cipguard.gate_value(value, relation, column, subject, birthday, proof)
 *
 * which gives the mask of persons who are withheld from him; so predicates,
 * joins, grouping and order see what the output shows.  Where rows leave, the
 * output (plan_output.c) takes the place of the gate.
 *
 * A search by value shall use its index nevertheless.  Conditions of WHERE and
 * of inner joins that say that such a column equals something that is not of
 * the row are repeated without the gate, among the security quals of the table
 * together with the gated one: whatever else the query does with a row it
 * does after both.  A condition on a column of a view that shows rows one by
 * one goes down to the table in the same way.
 *
 * If no such condition is in force nothing is done here.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "replication/walsender.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "compat.h"

#include "cipguard.h"
#include "event.h"
#include "label.h"
#include "mask_datum.h"
#include "minor.h"
#include "plan.h"
#include "plan_mask.h"
#include "row_gate.h"

/* The search for what can be repeated without the gate. */
typedef struct CgGateStrip
{
	Index		varno;			/* of the column found, 0: none yet */
	bool		several;
} CgGateStrip;

static void repeat_quals(Node *node, Query *query);
static void repeat_qual(Node *qual, Query *query);
static void repeat_below(Node *qual, int side, Query *query);
static bool is_row_by_row(Query *query);
static bool is_searched(Node *node, Query *query);
static bool is_equality(Node *node);
static Node *gated_side(Node *node);
static Node *strip_mutator(Node *node, void *context);
static Node *at_table_mutator(Node *node, void *context);

bool
cg_is_gated(const CgProtection *p, AttrNumber attnum)
{
	CG_STRESS_RETURN(false);
	return !am_walsender && cg_protected_column(p, attnum) != NULL &&
		cg_column_row_conditions(p, attnum) != 0 &&
		cg_column_level(p, attnum) > CG_LEVEL_NONE &&
		(row_security || !cg_bypasses_row_security(p));
}

bool
cg_is_row_gated(const CgProtection *p)
{
	int			i;

	for (i = 1; i <= p->natts; i++)
		if (cg_is_gated(p, i))
			return true;
	return false;
}

Node *
cg_gate_var(Var *var, const CgProtection *p, CgScope *scope)
{
	const CgProtectedColumn *column = cg_protected_column(p, var->varattno);
	Node	   *subject;
	Node	   *birthday;
	List	   *args;
	Node	   *result;
	Oid			func;

	if (!cg_is_gated(p, var->varattno))
		return NULL;

	/*
	 * Stored values or an error.  Armor is no mask: it can be compared with
	 * encrypted guesses.
	 */
	if (!row_security)
	{
		cg_event_refused("reading without masks", p->relid);
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("query would be affected by masking of table \"%s\"",
						get_rel_name(p->relid)),
				 errdetail("Some persons in it are withheld from you."),
				 errhint("Set %s to on to see masks.", "row_security")));
	}
	func = column->category >= 0 &&
		cg_mask_needs_subtransaction(cg_category_by_id(column->category,
													   false)) ?
		cg_plan_functions->gate_value_serial : cg_plan_functions->gate_value;
	subject = (Node *) cg_subject_of(var, scope);
	birthday = (Node *) cg_birthday_of_var(var, p);
	args = list_make5(copyObject(var),
					  makeConst(OIDOID, -1, InvalidOid, sizeof(Oid),
								ObjectIdGetDatum(p->relid), false, true),
					  makeConst(INT4OID, -1, InvalidOid, sizeof(int32),
								Int32GetDatum(var->varattno), false, true),
					  subject != NULL ? subject :
					  (Node *) makeNullConst(TEXTOID, -1, InvalidOid),
					  birthday != NULL ? birthday :
					  (Node *) makeNullConst(TEXTOID, -1, InvalidOid));
	args = lappend(args, makeConst(cg_plan_functions->checked, -1, InvalidOid,
								   sizeof(bool), BoolGetDatum(true), false,
								   true));
	result = (Node *) makeFuncExpr(func, var->vartype, args, var->varcollid,
								   var->varcollid, COERCE_EXPLICIT_CALL);
	if (var->vartypmod != -1)
		result = (Node *) makeRelabelType((Expr *) result, var->vartype,
										  var->vartypmod, var->varcollid,
										  COERCE_IMPLICIT_CAST);
	return result;
}

Var *
cg_birthday_of_var(Var *var, const CgProtection *p)
{
	AttrNumber	attnum = InvalidAttrNumber;
	CgRowConditions conditions = 0;
	Var		   *result;
	int			i;

	if (var->varattno > 0)
		conditions = cg_column_row_conditions(p, var->varattno);
	else
		for (i = 1; i <= p->natts; i++)
			conditions |= cg_column_row_conditions(p, i);
	if ((conditions & CG_ASKS_BIRTHDAY) != 0)
		attnum = cg_birthday_column(p->relid);
	if (attnum == InvalidAttrNumber)
		return NULL;
	result = copyObject(var);
	result->varattno = attnum;
	get_atttypetypmodcoll(p->relid, attnum, &result->vartype,
						  &result->vartypmod, &result->varcollid);
	return result;
}

bool
cg_is_gate(Node *node)
{
	return node != NULL && IsA(node, FuncExpr) &&
		(((FuncExpr *) node)->funcid == cg_plan_functions->gate_value ||
		 ((FuncExpr *) node)->funcid == cg_plan_functions->gate_value_serial);
}

void
cg_repeat_quals(Query *query)
{
	/* The target of MERGE is matched, not filtered. */
	if (query->commandType != CMD_MERGE && query->jointree != NULL)
		repeat_quals((Node *) query->jointree, query);
}

static void
repeat_quals(Node *node, Query *query)
{
	ListCell   *lc;

	if (IsA(node, FromExpr))
	{
		foreach(lc, ((FromExpr *) node)->fromlist)
			repeat_quals(lfirst(lc), query);
		repeat_qual(((FromExpr *) node)->quals, query);
	}
	else if (IsA(node, JoinExpr) && ((JoinExpr *) node)->jointype == JOIN_INNER)
	{
		repeat_quals(((JoinExpr *) node)->larg, query);
		repeat_quals(((JoinExpr *) node)->rarg, query);
		repeat_qual(((JoinExpr *) node)->quals, query);
	}
}

static void
repeat_qual(Node *qual, Query *query)
{
	CgGateStrip strip = {0, false};
	List	   *args;
	Node	   *side[2];
	Node	   *raw;
	RangeTblEntry *rte;
	ListCell   *lc;
	int			i;

	if (qual == NULL)
		return;
	if (IsA(qual, List) ||
		(IsA(qual, BoolExpr) && ((BoolExpr *) qual)->boolop == AND_EXPR))
	{
		foreach(lc, IsA(qual, List) ? (List *) qual :
				((BoolExpr *) qual)->args)
			repeat_qual(lfirst(lc), query);
		return;
	}
	if (!is_equality(qual))
		return;
	args = IsA(qual, OpExpr) ? ((OpExpr *) qual)->args :
		((ScalarArrayOpExpr *) qual)->args;
	side[0] = linitial(args);
	side[1] = lsecond(args);
	for (i = 0; i < (IsA(qual, OpExpr) ? 2 : 1); i++)
		if (is_searched(side[i], query) &&
			!contain_vars_of_level(side[1 - i], 0) &&
			!contain_subplans(side[1 - i]) &&
			!contain_volatile_functions(side[1 - i]))
			break;
	if (i == (IsA(qual, OpExpr) ? 2 : 1))
		return;
	if (gated_side(side[i]) == NULL)
	{
		repeat_below(qual, i, query);
		return;
	}
	raw = strip_mutator(qual, &strip);
	if (strip.varno == 0 || strip.several)
		return;
	rte = rt_fetch(strip.varno, query->rtable);
	rte->securityQuals = lappend(rte->securityQuals,
								 at_table_mutator((Node *)
												  makeBoolExpr(AND_EXPR,
															   list_make2(raw,
																		  qual),
															   -1), NULL));
}

/*
 * A condition on the column of a view, as one on what the view has there.
 * Only where the view is its rows one by one, and only against what is no
 * column of any query.
 */
static void
repeat_below(Node *qual, int side, Query *query)
{
	List	   *args = IsA(qual, OpExpr) ? ((OpExpr *) qual)->args :
	((ScalarArrayOpExpr *) qual)->args;
	Node	   *node = list_nth(args, side);
	Var		   *var;
	RangeTblEntry *rte;
	Query	   *below;
	TargetEntry *tle;
	List	   *relabels = NIL;
	Node	   *inner;
	ListCell   *lc;

	while (IsA(node, RelabelType))
	{
		relabels = lcons(node, relabels);
		node = (Node *) ((RelabelType *) node)->arg;
	}
	var = (Var *) node;
	rte = rt_fetch(var->varno, query->rtable);
	below = rte->subquery;
	if (rte->rtekind != RTE_SUBQUERY || !is_row_by_row(below) ||
		contain_var_clause(list_nth(args, 1 - side)))
		return;
	tle = get_tle_by_resno(below->targetList, var->varattno);
	if (tle == NULL)
		return;
	inner = copyObject((Node *) tle->expr);
	foreach(lc, relabels)
	{
		RelabelType *relabel = copyObject(lfirst_node(RelabelType, lc));

		relabel->arg = (Expr *) inner;
		inner = (Node *) relabel;
	}
	qual = copyObject(qual);
	lfirst(list_nth_cell(IsA(qual, OpExpr) ? ((OpExpr *) qual)->args :
						 ((ScalarArrayOpExpr *) qual)->args, side)) = inner;
	repeat_qual(qual, below);
}

static bool
is_row_by_row(Query *query)
{
	return query->commandType == CMD_SELECT && !cg_merges_rows(query) &&
		!query->hasWindowFuncs && !query->hasTargetSRFs &&
		query->limitCount == NULL && query->limitOffset == NULL &&
		query->rowMarks == NIL && query->cteList == NIL;
}

/* The gate of a column, or the column of a sub-query, which may be one. */
static bool
is_searched(Node *node, Query *query)
{
	Var		   *var;

	if (gated_side(node) != NULL)
		return true;
	while (IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	var = (Var *) node;
	return IsA(var, Var) && var->varlevelsup == 0 && var->varattno > 0 &&
		rt_fetch(var->varno, query->rtable)->rtekind == RTE_SUBQUERY;
}

/* Of PostgreSQL's own or ours: they do nothing but compare. */
static bool
is_equality(Node *node)
{
	Oid			opno;
	Oid			type;
	char	   *name;

	if (IsA(node, OpExpr) && list_length(((OpExpr *) node)->args) == 2)
	{
		opno = ((OpExpr *) node)->opno;
		type = exprType(linitial(((OpExpr *) node)->args));
	}
	else if (IsA(node, ScalarArrayOpExpr) &&
			 ((ScalarArrayOpExpr *) node)->useOr)
	{
		opno = ((ScalarArrayOpExpr *) node)->opno;
		type = exprType(linitial(((ScalarArrayOpExpr *) node)->args));
	}
	else
		return false;
	if (opno < FirstGenbkiObjectId)
		return op_mergejoinable(opno, type) || op_hashjoinable(opno, type);
	if (!cg_is_comparison(opno))
		return false;
	name = get_opname(opno);
	return name != NULL && strcmp(name, "=") == 0;
}

/* The gate of a column of this query that a side is; NULL: it is not that. */
static Node *
gated_side(Node *node)
{
	Node	   *arg;

	while (IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	if (!cg_is_gate(node))
		return NULL;
	arg = linitial(((FuncExpr *) node)->args);
	return IsA(arg, Var) && ((Var *) arg)->varlevelsup == 0 ? node : NULL;
}

static Node *
strip_mutator(Node *node, void *context)
{
	CgGateStrip *strip = context;

	if (node == NULL)
		return NULL;
	if (cg_is_gate(node) && gated_side(node) != NULL)
	{
		Var		   *var = linitial(((FuncExpr *) node)->args);

		strip->several = strip->several || strip->varno != 0;
		strip->varno = var->varno;
		return (Node *) copyObject(var);
	}
	return expression_tree_mutator(node, strip_mutator, context);
}

/* A copy for the table itself, below the outer joins that its columns are above. */
static Node *
at_table_mutator(Node *node, void *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var) && ((Var *) node)->varlevelsup == 0)
	{
		node = (Node *) copyObject(node);
		cg_drop_nulling((Var *) node);
		return node;
	}
	return expression_tree_mutator(node, at_table_mutator, context);
}

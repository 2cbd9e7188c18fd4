/*
 * plan_assign.c
 *		What is assigned to protected columns.
 *
 * Who sees masks must not destroy data with them:
 *
 * - A column assigned to itself keeps its value, also as one possible result
 *   of COALESCE or CASE, as the base of "SET tags[2] = ...", and so on.
 * - Anything else that comes from a mask is refused.  Where a value comes
 *   from is followed through sub-queries, CTEs, joins, set operations and
 *   sub-selects; conditions do not count, since they only choose.
 * - Where it depends on the person whether the user may read, he counts as
 *   one who sees masks.
 * - A value from elsewhere, which may be a mask that an application read
 *   before and now writes back, goes through cipguard.keep_value(): if it
 *   equals the mask of the old value, the old value stays.
 *
 * What cannot be followed (a variable of a function, say) could bring the
 * display datum of an encrypted column along; cipguard.storable() refuses it
 * when the statement runs.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "compat.h"

#include "cipguard.h"
#include "enc_type.h"
#include "plan.h"
#include "plan_mask.h"

Oid			cg_plan_restores = InvalidOid;

/* One assignment. */
typedef struct CgAssignment
{
	CgScope    *scope;
	const CgProtection *p;
	Index		varno;			/* of the table assigned to */
	AttrNumber	attnum;
	CmdType		command;
} CgAssignment;

static Node *assign(Node *node, CgAssignment *a);
static Node *assign_other(Node *node, CgAssignment *a);
static Node *keep(Node *node, CgAssignment *a);
static Node *plain_value(FuncExpr *call);
static Node *storable(Node *node);
static Var *old_value(CgAssignment *a);
static Node *through_view(Node *node);
static bool is_view_case(CaseExpr *expr);
static bool is_view_array(CaseExpr *expr);
static bool is_excluded_value(Node *node, CgAssignment *a);
static bool is_old_value(Node *node, CgAssignment *a);
static bool from_mask(Node *node, void *context);
static bool var_from_mask(Var *var, CgScope *scope);
static bool column_from_mask(Query *query, CgScope *parent, AttrNumber attnum);
static bool multiexpr_from_mask(Param *param, CgScope *scope);
static void refuse(CgAssignment *a);

void
cg_assign_targets(List *targets, CmdType command, Index result_relation,
				  CgScope *scope)
{
	RangeTblEntry *rte = rt_fetch(result_relation, scope->query->rtable);
	const CgProtection *p = rte->rtekind == RTE_RELATION ?
	cg_rte_protection(scope, result_relation) : NULL;
	bool		restores = rte->rtekind == RTE_RELATION &&
	OidIsValid(cg_plan_restores) && rte->relid == cg_plan_restores;
	ListCell   *lc;

	cg_plan_restores = InvalidOid;
	foreach(lc, targets)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		CgAssignment a = {scope, p, result_relation, tle->resno, command};
		const CgProtectedColumn *column = p == NULL || tle->resjunk ? NULL :
		cg_protected_column(p, tle->resno);
		Node	   *node = (Node *) tle->expr;

		if (column == NULL || column->derived)
		{
			tle->expr = (Expr *) cg_mask_expr(node, scope);
			continue;
		}
		if (command == CMD_UPDATE &&
			(cg_scope_level(p, tle->resno) < CG_LEVEL_READ ||
			 cg_is_gated(p, tle->resno)))
		{
			node = assign(node, &a);
			if (!restores && !is_old_value(node, &a))
				node = keep(node, &a);
		}
		else
		{
			node = assign_other(node, &a);
			/* An upsert of masks finds the row that they are of. */
			if (!restores &&
				command == CMD_INSERT && column->category >= 0 &&
				scope->query->onConflict == NULL &&
				!(IsA(node, Const) && ((Const *) node)->constisnull) &&
				!IsA(node, SetToDefault) &&
				cg_scope_level(p, tle->resno) < CG_LEVEL_READ)
				node = keep(node, &a);
		}
		if (column->encrypted && !is_old_value(node, &a))
			node = storable(node);
		tle->expr = (Expr *) node;
	}
}

/* An expression that may have the old value of the column as its result. */
static Node *
assign(Node *node, CgAssignment *a)
{
	ListCell   *lc;

	if (node == NULL)
		return node;
	node = through_view(node);
	if (is_old_value(node, a) || is_excluded_value(node, a))
		return node;
	switch (nodeTag(node))
	{
		case T_RelabelType:
			{
				RelabelType *relabel = (RelabelType *) node;

				relabel->arg = (Expr *) assign((Node *) relabel->arg, a);
				return node;
			}
		case T_FuncExpr:
			{
				/* The length of the column, or its category. */
				FuncExpr   *call = (FuncExpr *) node;

				if (call->funcformat != COERCE_IMPLICIT_CAST ||
					exprType(linitial(call->args)) != call->funcresulttype ||
					(call->funcid >= FirstGenbkiObjectId &&
					 cg_node_call(node) != CG_CALL_COERCE))
					break;
				linitial(call->args) = assign(linitial(call->args), a);
				return node;
			}
		case T_ArrayCoerceExpr:
			{
				ArrayCoerceExpr *coerce = (ArrayCoerceExpr *) node;

				if (coerce->coerceformat != COERCE_IMPLICIT_CAST ||
					exprType((Node *) coerce->arg) != coerce->resulttype)
					break;
				coerce->arg = (Expr *) assign((Node *) coerce->arg, a);
				return node;
			}
		case T_CoerceToDomain:
			{
				CoerceToDomain *coerce = (CoerceToDomain *) node;

				/* A CHECK of another domain would see the old value. */
				if (coerce->resulttype != old_value(a)->vartype)
					break;
				coerce->arg = (Expr *) assign((Node *) coerce->arg, a);
				return is_old_value((Node *) coerce->arg, a) ?
					(Node *) coerce->arg : node;
			}
		case T_CoalesceExpr:
			foreach(lc, ((CoalesceExpr *) node)->args)
				lfirst(lc) = assign(lfirst(lc), a);
			return node;
		case T_CaseExpr:
			{
				CaseExpr   *expr = (CaseExpr *) node;

				expr->arg = (Expr *) cg_mask_expr((Node *) expr->arg,
												  a->scope);
				foreach(lc, expr->args)
				{
					CaseWhen   *when = lfirst_node(CaseWhen, lc);

					when->expr = (Expr *) cg_mask_expr((Node *) when->expr,
													   a->scope);
					when->result = (Expr *) assign((Node *) when->result, a);
				}
				expr->defresult = (Expr *) assign((Node *) expr->defresult,
												  a);
				return node;
			}
		case T_FieldStore:
			{
				FieldStore *store = (FieldStore *) node;

				store->arg = (Expr *) assign((Node *) store->arg, a);
				foreach(lc, store->newvals)
					lfirst(lc) = assign_other(lfirst(lc), a);
				return node;
			}
		case T_SubscriptingRef:
			{
				SubscriptingRef *ref = (SubscriptingRef *) node;

				if (ref->refassgnexpr == NULL)
					break;
				ref->refexpr = (Expr *) assign((Node *) ref->refexpr, a);
				ref->refupperindexpr = (List *)
					cg_mask_expr((Node *) ref->refupperindexpr, a->scope);
				ref->reflowerindexpr = (List *)
					cg_mask_expr((Node *) ref->reflowerindexpr, a->scope);
				ref->refassgnexpr = (Expr *)
					assign_other((Node *) ref->refassgnexpr, a);
				return node;
			}
		default:
			break;
	}
	return assign_other(node, a);
}

/* One that may not come from a mask. */
static Node *
assign_other(Node *node, CgAssignment *a)
{
	/* Before, too: what is masked as NULL leaves no trace. */
	if (from_mask(node, a->scope))
		refuse(a);
	node = cg_mask_expr(node, a->scope);
	if (from_mask(node, a->scope))
		refuse(a);
	return node;
}

static void
refuse(CgAssignment *a)
{
	ereport(ERROR,
			(errcode(CG_ERRCODE_MASK_STORED),
			 errmsg("cannot store a mask in protected column \"%s\"",
					get_attname(a->p->relid, a->attnum, false)),
			 errdetail("The new value is derived from a column that you see masked."),
			 errhint("Leave the column out, assign it to itself, or ask an officer for %s.",
					 "cipguard.grant_access(..., 'read')")));
}

static Var *
old_value(CgAssignment *a)
{
	Oid			type;
	int32		typmod;
	Oid			collid;

	get_atttypetypmodcoll(a->p->relid, a->attnum, &type, &typmod, &collid);
	return makeVar(a->varno, a->attnum, type, typmod, collid, 0);
}

/* The column behind what a masking view shows of it, if it is that. */
static Node *
through_view(Node *node)
{
	const CgPlanFunctions *f = cg_plan_functions;
	Node	   *inner = node;
	bool		shown = false;

	for (;;)
	{
		FuncExpr   *call = (FuncExpr *) inner;

		if (IsA(inner, RelabelType))
			inner = (Node *) ((RelabelType *) inner)->arg;
		else if (IsA(inner, CaseExpr) && is_view_case((CaseExpr *) inner))
		{
			shown = true;
			inner = (Node *) linitial_node(CaseWhen,
										   ((CaseExpr *) inner)->args)->result;
		}
		else if (IsA(inner, CaseExpr) && is_view_array((CaseExpr *) inner))
		{
			shown = true;
			inner = (Node *) ((NullTest *)
							  linitial_node(CaseWhen,
											((CaseExpr *) inner)->args)->expr)->arg;
		}
		else if (IsA(inner, FuncExpr) &&
				 (call->funcid == f->disclose_text ||
				  call->funcid == f->disclose_text_row ||
				  cg_node_call(inner) == CG_CALL_DISCLOSE))
		{
			shown = true;
			inner = linitial(call->args);
		}
		else if (IsA(inner, FuncExpr) &&
				 (call->funcid < FirstGenbkiObjectId ||
				  cg_node_call(inner) == CG_CALL_ENCRYPT) &&
				 call->funcformat != COERCE_EXPLICIT_CALL)
			inner = linitial(call->args);
		else if (IsA(inner, ArrayCoerceExpr) &&
				 ((ArrayCoerceExpr *) inner)->coerceformat !=
				 COERCE_EXPLICIT_CALL)
			inner = (Node *) ((ArrayCoerceExpr *) inner)->arg;
		else
			return shown && IsA(inner, Var) ? inner : node;
	}
}

/* CASE WHEN (SELECT can_access(...)) THEN t.c ELSE mask(t.c, ...) END */
static bool
is_view_case(CaseExpr *expr)
{
	FuncExpr   *mask = (FuncExpr *) expr->defresult;

	while (mask != NULL && IsA(mask, RelabelType))
		mask = (FuncExpr *) ((RelabelType *) mask)->arg;
	return list_length(expr->args) == 1 && mask != NULL &&
		IsA(mask, FuncExpr) && mask->funcid == cg_plan_functions->mask_any;
}

/* CASE WHEN t.c IS NOT NULL THEN ARRAY(SELECT disclose(...) ...) END */
static bool
is_view_array(CaseExpr *expr)
{
	CaseWhen   *when = linitial_node(CaseWhen, expr->args);
	SubLink    *link = (SubLink *) when->result;
	TargetEntry *tle;

	if (list_length(expr->args) != 1 || !IsA(when->expr, NullTest) ||
		!IsA(((NullTest *) when->expr)->arg, Var) ||
		!IsA(link, SubLink) || link->subLinkType != ARRAY_SUBLINK)
		return false;
	tle = linitial_node(TargetEntry, ((Query *) link->subselect)->targetList);
	return cg_node_call((Node *) tle->expr) == CG_CALL_DISCLOSE;
}

/*
 * The value of the same column in the "excluded" row: what the statement
 * brings.  Elsewhere it is masked, since a trigger may have changed it.
 */
static bool
is_excluded_value(Node *node, CgAssignment *a)
{
	OnConflictExpr *conflict = a->scope->query->onConflict;
	Var		   *var = (Var *) node;

	return IsA(node, Var) && conflict != NULL && var->varlevelsup == 0 &&
		var->varno == conflict->exclRelIndex && var->varattno == a->attnum;
}

static bool
is_old_value(Node *node, CgAssignment *a)
{
	Var		   *var = (Var *) node;

	return IsA(node, Var) && var->varlevelsup == 0 &&
		var->varno == a->varno && var->varattno == a->attnum;
}

/*
 * Keep the old value where the new one equals its mask.  A plain value on its
 * way into an encrypted column is looked at before it is encrypted, or else
 * it would have to be valid.
 */
static Node *
keep(Node *node, CgAssignment *a)
{
	const CgProtectedColumn *column = cg_protected_column(a->p, a->attnum);
	Var		   *old = old_value(a);
	Oid			func = cg_plan_functions->keep_value;
	CoerceToDomain *domain = NULL;
	Oid			type = old->vartype;
	Node	   *result;

	/* What is kept has passed the domain's CHECK; a mask would not. */
	if (IsA(node, CoerceToDomain) &&
		((CoerceToDomain *) node)->resulttype == old->vartype)
	{
		domain = (CoerceToDomain *) node;
		node = (Node *) domain->arg;
		type = exprType(node);
	}
	if (column->encrypted && cg_node_call(node) == CG_CALL_COERCE)
		node = linitial(((FuncExpr *) node)->args);
	else if (column->encrypted && cg_node_call(node) == CG_CALL_ENCRYPT)
	{
		node = plain_value((FuncExpr *) node);
		func = cg_plan_functions->keep_plain;
	}
	else if (column->encrypted && IsA(node, ArrayCoerceExpr))
	{
		Node	   *arg = (Node *) ((ArrayCoerceExpr *) node)->arg;
		const CgEncType *enc =
		cg_enc_type_of(get_element_type(exprType(node)));

		if (exprType(arg) == exprType(node) ||
			(enc != NULL && get_element_type(exprType(arg)) == enc->plain))
			node = arg;
	}

	result = (Node *)
		makeFuncExpr(func, type,
					 list_make3(node, a->command == CMD_INSERT ?
								(Node *) makeNullConst(old->vartype,
													   old->vartypmod,
													   old->varcollid) :
								(Node *) old,
								makeConst(INT4OID, -1, InvalidOid,
										  sizeof(int32),
										  Int32GetDatum(column->category),
										  false, true)),
					 old->varcollid, old->varcollid, COERCE_EXPLICIT_CALL);
	if (domain != NULL)
	{
		domain->arg = (Expr *) result;
		return (Node *) domain;
	}
	if (old->vartypmod != -1)
		result = (Node *) makeRelabelType((Expr *) result, type,
										  old->vartypmod, old->varcollid,
										  COERCE_IMPLICIT_CAST);
	return result;
}

/*
 * What is given to a cast that encrypts: of the plain type, or text that may
 * be armor.
 */
static Node *
plain_value(FuncExpr *call)
{
	Node	   *node = linitial(call->args);
	Oid			type = getBaseType(exprType(node));
	Oid			plain = TEXTOID;
	Node	   *result;
	uint8		tag;

	(void) cg_type_call(call->funcid, &tag);
	if (type != TEXTOID && type != VARCHAROID && type != BPCHAROID)
		plain = cg_enc_type(tag)->plain;
	result = coerce_to_target_type(NULL, node, exprType(node), plain, -1,
								   COERCION_EXPLICIT, COERCE_IMPLICIT_CAST,
								   -1);
	if (result == NULL)
		elog(ERROR, "could not make a value of type %u of one of type %u",
			 plain, type);
	return result;
}

static Node *
storable(Node *node)
{
	Node	   *bare = node;
	CgTypeCall	call;

	while (IsA(bare, RelabelType))
		bare = (Node *) ((RelabelType *) bare)->arg;
	call = cg_node_call(bare);
	if (IsA(bare, Const) ||
		call == CG_CALL_COERCE || call == CG_CALL_ENCRYPT ||
		(IsA(bare, FuncExpr) &&
		 (((FuncExpr *) bare)->funcid == cg_plan_functions->keep_value ||
		  ((FuncExpr *) bare)->funcid == cg_plan_functions->keep_plain)))
		return node;			/* these refuse masks themselves */
	return (Node *) makeFuncExpr(cg_plan_functions->storable, exprType(node),
								 list_make1(node), exprCollation(node),
								 exprCollation(node), COERCE_EXPLICIT_CALL);
}

/* Does a value come from a mask?  context is the CgScope it stands in. */
static bool
from_mask(Node *node, void *context)
{
	CgScope    *scope = context;
	ListCell   *lc;

	if (node == NULL)
		return false;
	CG_STRESS_RETURN(false);
	check_stack_depth();
	switch (nodeTag(node))
	{
		case T_FuncExpr:
			if (((FuncExpr *) node)->funcid == cg_plan_functions->mask_value ||
				((FuncExpr *) node)->funcid ==
				cg_plan_functions->mask_value_serial)
				return true;
			break;
		case T_Var:
			return var_from_mask((Var *) node, scope);
		case T_Param:
			return ((Param *) node)->paramkind == PARAM_MULTIEXPR &&
				multiexpr_from_mask((Param *) node, scope);
		case T_SubLink:
			{
				SubLink    *link = (SubLink *) node;

				return (link->subLinkType == EXPR_SUBLINK ||
						link->subLinkType == ARRAY_SUBLINK) &&
					column_from_mask((Query *) link->subselect, scope, 1);
			}
		case T_CaseExpr:
			foreach(lc, ((CaseExpr *) node)->args)
				if (from_mask((Node *) lfirst_node(CaseWhen, lc)->result,
							  context))
				return true;
			return from_mask((Node *) ((CaseExpr *) node)->defresult,
							 context);
		case T_Query:
			return false;
		default:
			break;
	}
	return expression_tree_walker(node, from_mask, context);
}

static bool
var_from_mask(Var *var, CgScope *scope)
{
	CgScope    *at = cg_scope_up(scope, var->varlevelsup);
	RangeTblEntry *rte = cg_scope_rte(scope, var);
	ListCell   *lc;

	if (rte == NULL)
		return false;
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			{
				const CgProtection *p = cg_rte_protection(at, var->varno);
				AttrNumber	first = var->varattno > 0 ? var->varattno : 1;
				AttrNumber	last;
				AttrNumber	i;

				if (p == NULL || var->varattno < 0)
					return false;
				last = var->varattno > 0 ? var->varattno : p->natts;
				for (i = first; i <= last; i++)
				{
					const CgProtectedColumn *column = cg_protected_column(p, i);
					CgLevel		level;

					if (column == NULL)
						continue;
					level = cg_scope_level(p, i);
					if (level == CG_LEVEL_NONE ||
						(level == CG_LEVEL_SEARCH && !column->encrypted) ||
						cg_is_gated(p, i))
						return true;
				}
				return false;
			}
		case RTE_SUBQUERY:
			return column_from_mask(rte->subquery, at, var->varattno);
		case RTE_CTE:
			{
				CgScope    *home = cg_scope_up(at, rte->ctelevelsup);

				if (rte->self_reference || home == NULL)
					return false;
				foreach(lc, home->query->cteList)
				{
					CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

					if (strcmp(cte->ctename, rte->ctename) == 0)
						return column_from_mask((Query *) cte->ctequery, home,
												var->varattno);
				}
				return false;
			}
		case RTE_JOIN:
			{
				Node	   *alias;

				if (var->varattno <= 0)
					return from_mask((Node *) rte->joinaliasvars, at);
				alias = list_nth(rte->joinaliasvars, var->varattno - 1);
				return from_mask(alias, at);
			}
		case RTE_VALUES:
			foreach(lc, rte->values_lists)
				if (var->varattno <= 0 ?
					from_mask(lfirst(lc), at) :
					from_mask(list_nth(lfirst(lc), var->varattno - 1), at))
				return true;
			return false;
		case RTE_FUNCTION:
			return from_mask((Node *) rte->functions, at);
		case RTE_TABLEFUNC:
			return from_mask((Node *) rte->tablefunc, at);
		default:
			return cg_group_exprs(rte) != NIL && var->varattno > 0 &&
				from_mask(list_nth(cg_group_exprs(rte), var->varattno - 1),
						  at);
	}
}

/* A column of a sub-query's result; attnum 0: any. */
static bool
column_from_mask(Query *query, CgScope *parent, AttrNumber attnum)
{
	CgScope		scope = {query, parent, false};
	List	   *targets = query->commandType == CMD_SELECT ?
	query->targetList : query->returningList;
	ListCell   *lc;

	if (!IsA(query, Query))
		return false;
	if (query->setOperations != NULL)
	{
		/* The arms of the set operation, by position. */
		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->rtekind == RTE_SUBQUERY &&
				column_from_mask(rte->subquery, &scope, attnum))
				return true;
		}
		return false;
	}
	foreach(lc, targets)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if ((attnum <= 0 ? !tle->resjunk : tle->resno == attnum) &&
			from_mask((Node *) tle->expr, &scope))
			return true;
	}
	return false;
}

/* (a, b) = (SELECT ...): which sub-select, and which of its columns? */
static bool
multiexpr_from_mask(Param *param, CgScope *scope)
{
	int			link_id = param->paramid >> 16;
	AttrNumber	attnum = param->paramid & 0xFFFF;
	ListCell   *lc;

	foreach(lc, scope->query->targetList)
	{
		SubLink    *link = (SubLink *) lfirst_node(TargetEntry, lc)->expr;

		if (IsA(link, SubLink) && link->subLinkType == MULTIEXPR_SUBLINK &&
			link->subLinkId == link_id)
			return column_from_mask((Query *) link->subselect, scope, attnum);
	}
	return true;
}

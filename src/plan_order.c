/*
 * plan_order.c
 *		What a query compares an encrypted column with by order.
 *
 * A literal is of no category before it meets a column, and its text not yet
 * in the form that the category compares by.  Beside a column that is seen
 * to (type_order.c); but a btree scan also compares what it searches for with
 * each other: the elements of an array, or the bounds of two conditions on one
 * column.  So such values become search keys of the column's category, as for
 * equality (plan_search.c): texts, and arrays of any type, for which a btree
 * wants operators of the elements' type on both sides.
 *
 * And an index keeps what nobody can read any more after all other values, so
 * that a range without an end holds it, while the operator says null.  Scans
 * by an index test their conditions once more, of all tables once there are
 * keys of subjects: values are copied.  No plan from before holds what is gone,
 * since destroying a key builds the indexes anew in which it was used.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "parser/parse_func.h"
#include "utils/lsyscache.h"

#include "compat.h"

#include "catalog.h"
#include "cipguard.h"
#include "enc_type.h"
#include "label.h"
#include "plan_order.h"
#include "subject_key.h"

static bool order_walker(Node *node, void *context);
static void wrap_scalar(OpExpr *op);
static void wrap_array(ScalarArrayOpExpr *op);
static bool is_order_operator(Oid opno);
static const CgEncType *column_type(Node *node);
static Oid	twin_of(Oid opno, Oid type);
static Node *key_of(char *func, Oid result, Node *arg, int32 category);
static void recheck(Plan *plan);
static void recheck_all(List *plans);
static void recheck_scan(Scan *scan, List *quals);
static bool has_order_operator(Node *node, void *context);

bool
cg_plan_order(Query *query)
{
	bool		ordered = false;

	(void) order_walker((Node *) query, &ordered);
	return ordered;
}

void
cg_plan_recheck(PlannedStmt *stmt)
{
	if (!cg_subject_any())
		return;
	recheck(stmt->planTree);
	recheck_all(stmt->subplans);
}

/* The planner may scribble on its input, so nodes are changed in place. */
static bool
order_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, order_walker, context, 0);
	if (IsA(node, OpExpr))
	{
		*(bool *) context |= is_order_operator(((OpExpr *) node)->opno);
		wrap_scalar((OpExpr *) node);
	}
	else if (IsA(node, ScalarArrayOpExpr))
	{
		*(bool *) context |=
			is_order_operator(((ScalarArrayOpExpr *) node)->opno);
		wrap_array((ScalarArrayOpExpr *) node);
	}
	return expression_tree_walker(node, order_walker, context);
}

static void
wrap_scalar(OpExpr *op)
{
	const CgEncType *types[2];
	Node	   *sides[2];
	int			column;
	Node	   *key;
	Oid			type;
	Oid			twin;

	if (!is_order_operator(op->opno) || list_length(op->args) != 2)
		return;
	sides[0] = linitial(op->args);
	sides[1] = lsecond(op->args);
	types[0] = column_type(sides[0]);
	types[1] = column_type(sides[1]);
	if ((types[0] == NULL) == (types[1] == NULL))
		return;
	column = types[0] != NULL ? 0 : 1;
	if (types[column]->tag != CG_TYPE_TEXT)
		return;
	type = cg_enc_type_oid(CG_TYPE_TEXT);
	twin = twin_of(op->opno, type);
	key = key_of("search_key", type, sides[1 - column],
				 cg_expr_category(sides[column]));
	if (!OidIsValid(twin) || key == NULL)
		return;
	sides[1 - column] = key;
	op->args = list_make2(sides[0], sides[1]);
	op->opno = twin;
	op->opfuncid = get_opcode(twin);
	op->inputcollid = InvalidOid;
}

static void
wrap_array(ScalarArrayOpExpr *op)
{
	const CgEncType *type;
	Node	   *key;
	Oid			twin;

	if (!is_order_operator(op->opno) || list_length(op->args) != 2)
		return;
	type = column_type(linitial(op->args));
	if (type == NULL)
		return;
	twin = twin_of(op->opno, cg_enc_type_oid(type->tag));
	key = key_of("search_keys", cg_enc_array_oid(type->tag),
				 lsecond(op->args), cg_expr_category(linitial(op->args)));
	if (!OidIsValid(twin) || key == NULL)
		return;
	op->args = list_make2(linitial(op->args), key);
	op->opno = twin;
	op->opfuncid = get_opcode(twin);
	op->inputcollid = InvalidOid;
}

static bool
is_order_operator(Oid opno)
{
	Oid			func;
	char	   *name;

	if (opno < FirstNormalObjectId)
		return false;
	func = get_opcode(opno);
	if (!OidIsValid(func) || get_func_namespace(func) != cg_schema_oid())
		return false;
	name = get_func_name(func);
	return name != NULL && (strncmp(name, "enc_order_", 10) == 0 ||
							strncmp(name, "enc_collate_", 12) == 0);
}

/* Of an encrypted expression that has a category. */
static const CgEncType *
column_type(Node *node)
{
	return cg_expr_category(node) < 0 ? NULL :
		cg_enc_type_of(getBaseType(exprType(node)));
}

/* The operator of that name for two encrypted values. */
static Oid
twin_of(Oid opno, Oid type)
{
	char	   *name = get_opname(opno);
	Oid			result;

	if (name == NULL || !OidIsValid(type))
		return InvalidOid;
	result = OpernameGetOprid(list_make2(makeString(CG_SCHEMA),
										 makeString(name)), type, type);
	return OidIsValid(result) && is_order_operator(result) ? result :
		OpernameGetOprid(list_make2(makeString("pg_catalog"),
									makeString(name)), type, type);
}

/* NULL if there is no such function for the type of the value. */
static Node *
key_of(char *func, Oid result, Node *arg, int32 category)
{
	Oid			types[2] = {getBaseType(exprType(arg)), INT4OID};
	Oid			funcid;

	funcid = LookupFuncName(list_make2(makeString(CG_SCHEMA),
									   makeString(func)), 2, types, true);
	if (!OidIsValid(funcid))
		return NULL;
	return (Node *) makeFuncExpr(funcid, result,
								 list_make2(arg,
											makeConst(INT4OID, -1, InvalidOid,
													  sizeof(int32),
													  Int32GetDatum(category),
													  false, true)),
								 InvalidOid, InvalidOid,
								 COERCE_EXPLICIT_CALL);
}

static void
recheck(Plan *plan)
{
	if (plan == NULL)
		return;
	check_stack_depth();
	switch (nodeTag(plan))
	{
		case T_IndexScan:
			recheck_scan((Scan *) plan, ((IndexScan *) plan)->indexqualorig);
			break;
		case T_IndexOnlyScan:
			recheck_scan((Scan *) plan, ((IndexOnlyScan *) plan)->recheckqual);
			break;
		case T_BitmapHeapScan:
			recheck_scan((Scan *) plan,
						 ((BitmapHeapScan *) plan)->bitmapqualorig);
			break;
		case T_Append:
			recheck_all(((Append *) plan)->appendplans);
			break;
		case T_MergeAppend:
			recheck_all(((MergeAppend *) plan)->mergeplans);
			break;
		case T_SubqueryScan:
			recheck(((SubqueryScan *) plan)->subplan);
			break;
		case T_CustomScan:
			recheck_all(((CustomScan *) plan)->custom_plans);
			break;
		default:
			break;
	}
	recheck(plan->lefttree);
	recheck(plan->righttree);
}

static void
recheck_all(List *plans)
{
	ListCell   *lc;

	foreach(lc, plans)
		recheck(lfirst(lc));
}

/* The conditions of the index, as conditions on the rows that it finds. */
static void
recheck_scan(Scan *scan, List *quals)
{
	List	   *more = NIL;
	ListCell   *lc;

	foreach(lc, quals)
		if (has_order_operator(lfirst(lc), NULL) &&
			!contain_subplans(lfirst(lc)))
		more = lappend(more, copyObject(lfirst(lc)));
	scan->plan.qual = list_concat(scan->plan.qual, more);
}

static bool
has_order_operator(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, OpExpr) && is_order_operator(((OpExpr *) node)->opno))
		return true;
	if (IsA(node, ScalarArrayOpExpr) &&
		is_order_operator(((ScalarArrayOpExpr *) node)->opno))
		return true;
	return expression_tree_walker(node, has_order_operator, context);
}

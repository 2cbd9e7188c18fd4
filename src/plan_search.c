/*
 * plan_search.c
 *		What a query compares an encrypted column with.
 *
 * In "phone = '13800138000'" the literal is an unclassified value: it has no
 * token, and none can be made before the column's category is known.  Before
 * a query is planned, the other side of each such comparison is wrapped in
 *
 *		cipguard.search_key(other side, category)
 *
 * which asks for the right to search and gives a value with a token.  It is
 * STABLE, so an index scan or a hash join computes it once.  Comparisons with
 * text become comparisons of encrypted values in the same way, and gain
 * hashing and merging.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "compat.h"

#include "access.h"
#include "catalog.h"
#include "cipguard.h"
#include "crypt.h"
#include "label.h"
#include "plan.h"
#include "plan_search.h"

/* An encrypted type, its operators and functions; all by OID. */
typedef struct CgComparable
{
	bool		loaded;
	Oid			type;			/* InvalidOid: no such type here */
	Oid			array;
	Oid			eq[3];			/* (enc, enc), (enc, text), (text, enc) */
	Oid			ne[3];
	Oid			key_enc;		/* search_key(enc_text, int4) */
	Oid			key_text;		/* search_key(text, int4) */
	Oid			keys_enc;		/* search_keys(enc_text[], int4) */
	Oid			keys_text;		/* search_keys(text[], int4) */
} CgComparable;

static bool has_comparable_column(Oid relid);
static void forget_comparable(Datum arg, int cacheid, uint32 hashvalue);
static bool wrap_walker(Node *node, void *context);
static bool check_sublink(Node *node, void *context);
static bool is_column_like(Node *node);
static void wrap_operator(OpExpr *op);
static void wrap_array(ScalarArrayOpExpr *op);
static Oid	same_type_operator(Oid opno);
static Node *key_of(Oid func, Oid result, Node *arg, int32 typmod);

static CgComparable comparable;

void
cg_plan_search_init(void)
{
	CacheRegisterSyscacheCallback(TYPEOID, forget_comparable, (Datum) 0);
	CacheRegisterSyscacheCallback(OPEROID, forget_comparable, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, forget_comparable, (Datum) 0);
}

/* Whether one of the tables has a column that takes the right to search. */
bool
cg_search_forbids_join(List *range_table)
{
	ListCell   *lc;

	foreach(lc, range_table)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_RELATION &&
			has_comparable_column(rte->relid))
			return true;
	}
	return false;
}

static bool
has_comparable_column(Oid relid)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	bool		found = false;
	int			i;

	for (i = 0; i < desc->natts && !found; i++)
		found = !TupleDescAttr(desc, i)->attisdropped &&
			getBaseType(TupleDescAttr(desc, i)->atttypid) == comparable.type;
	relation_close(rel, AccessShareLock);
	return found;
}

/*
 * Wrap what encrypted columns are compared with.  True if rights were judged.
 * The queries of foreign keys compare values that are of the column's
 * category already, and run as owners who may lack the right to search; they
 * do not come here.
 */
bool
cg_plan_search(Query *query)
{
	bool		judged = false;

	(void) wrap_walker((Node *) query, &judged);
	return judged;
}

bool
cg_is_comparison(Oid opno)
{
	return OidIsValid(same_type_operator(opno));
}

static void
forget_comparable(Datum arg, int cacheid, uint32 hashvalue)
{
	comparable.loaded = false;
}

static Oid
our_operator(char *name, Oid left, Oid right)
{
	return OpernameGetOprid(list_make2(makeString("pg_catalog"),
									   makeString(name)), left, right);
}

static Oid
our_function(char *name, Oid type)
{
	Oid			types[2] = {type, INT4OID};

	return LookupFuncName(list_make2(makeString(CG_SCHEMA),
									 makeString(name)), 2, types, true);
}

/* False in a database without the extension. */
bool
cg_search_ready(void)
{
	CgComparable c = {0};
	Oid			nspoid;

	if (comparable.loaded)
		return OidIsValid(comparable.type);

	/* An invalidation during the look-ups makes the next call repeat them. */
	comparable.loaded = true;
	nspoid = cg_schema_oid();
	if (OidIsValid(nspoid))
		c.type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
								 CStringGetDatum("enc_text"),
								 ObjectIdGetDatum(nspoid));
	if (OidIsValid(c.type))
	{
		c.array = get_array_type(c.type);
		c.eq[0] = our_operator("=", c.type, c.type);
		c.eq[1] = our_operator("=", c.type, TEXTOID);
		c.eq[2] = our_operator("=", TEXTOID, c.type);
		c.ne[0] = our_operator("<>", c.type, c.type);
		c.ne[1] = our_operator("<>", c.type, TEXTOID);
		c.ne[2] = our_operator("<>", TEXTOID, c.type);
		c.key_enc = our_function("search_key", c.type);
		c.key_text = our_function("search_key", TEXTOID);
		c.keys_enc = our_function("search_keys", c.array);
		c.keys_text = our_function("search_keys", TEXTARRAYOID);

		/* Half an extension (it is being created) is none. */
		if (!OidIsValid(c.eq[0]) || !OidIsValid(c.eq[1]) ||
			!OidIsValid(c.eq[2]) || !OidIsValid(c.ne[0]) ||
			!OidIsValid(c.ne[1]) || !OidIsValid(c.ne[2]) ||
			!OidIsValid(c.key_enc) || !OidIsValid(c.key_text) ||
			!OidIsValid(c.keys_enc) || !OidIsValid(c.keys_text))
			c.type = InvalidOid;
	}
	c.loaded = comparable.loaded;
	comparable = c;
	return OidIsValid(c.type);
}

/* The planner may scribble on its input, so nodes are changed in place. */
static bool
wrap_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, wrap_walker, context, 0);
	if (IsA(node, OpExpr) || IsA(node, DistinctExpr) || IsA(node, NullIfExpr))
		wrap_operator((OpExpr *) node);
	else if (IsA(node, ScalarArrayOpExpr))
		wrap_array((ScalarArrayOpExpr *) node);
	else if (IsA(node, SubLink))
		(void) check_sublink(((SubLink *) node)->testexpr, context);
	return expression_tree_walker(node, wrap_walker, context);
}

/*
 * A hashed NOT IN asks no selectivity estimator, and calls the operator only
 * for values that collide.  So the right to search is asked for here.
 */
static bool
check_sublink(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, OpExpr) &&
		OidIsValid(same_type_operator(((OpExpr *) node)->opno)))
	{
		ListCell   *lc;

		foreach(lc, ((OpExpr *) node)->args)
			if (is_column_like(lfirst(lc)))
		{
			*(bool *) context = true;
			cg_require_search(exprTypmod(lfirst(lc)));
		}
	}
	return expression_tree_walker(node, check_sublink, context);
}

/* The (enc, enc) operator that does what opno does; InvalidOid: not ours. */
static Oid
same_type_operator(Oid opno)
{
	int			i;

	for (i = 0; i < lengthof(comparable.eq); i++)
	{
		if (comparable.eq[i] == opno)
			return comparable.eq[0];
		if (comparable.ne[i] == opno)
			return comparable.ne[0];
	}
	return InvalidOid;
}

static bool
is_column_like(Node *node)
{
	return exprType(node) == comparable.type && cg_expr_category(node) >= 0;
}

static void
wrap_operator(OpExpr *op)
{
	Oid			opno = same_type_operator(op->opno);
	Node	   *left;
	Node	   *right;
	Node	  **other;
	int32		typmod;

	if (!OidIsValid(opno) || list_length(op->args) != 2)
		return;
	left = linitial(op->args);
	right = lsecond(op->args);
	if (is_column_like(left) == is_column_like(right))
		return;
	other = is_column_like(left) ? &right : &left;
	if (IsA(op, NullIfExpr) && other == &left)
		return;					/* its value is the left side */
	typmod = cg_expr_category(is_column_like(left) ? left : right);

	if (exprType(*other) == comparable.type)
		*other = key_of(comparable.key_enc, comparable.type, *other, typmod);
	else
		*other = key_of(comparable.key_text, comparable.type, *other, typmod);
	op->args = list_make2(left, right);
	op->opno = opno;
	op->opfuncid = get_opcode(opno);
	op->inputcollid = InvalidOid;
}

static void
wrap_array(ScalarArrayOpExpr *op)
{
	Oid			opno = same_type_operator(op->opno);
	Node	   *scalar;
	Node	   *array;

	if (!OidIsValid(opno) || list_length(op->args) != 2)
		return;
	scalar = linitial(op->args);
	array = lsecond(op->args);
	if (is_column_like(scalar))
	{
		int32		typmod = cg_expr_category(scalar);

		if (exprType(array) == comparable.array)
		{
			if (exprTypmod(array) >= 0)
				return;
			array = key_of(comparable.keys_enc, comparable.array, array,
						   typmod);
		}
		else if (exprType(array) == TEXTARRAYOID)
			array = key_of(comparable.keys_text, comparable.array, array,
						   typmod);
		else
			return;
	}
	else if (exprType(array) == comparable.array && exprTypmod(array) >= 0)
		scalar = key_of(exprType(scalar) == comparable.type ?
						comparable.key_enc : comparable.key_text,
						comparable.type, scalar, exprTypmod(array));
	else
		return;

	op->args = list_make2(scalar, array);
	op->opno = opno;
	op->opfuncid = get_opcode(opno);
	op->inputcollid = InvalidOid;
}

static Node *
key_of(Oid func, Oid result, Node *arg, int32 typmod)
{
	Const	   *category = makeConst(INT4OID, -1, InvalidOid, sizeof(int32),
									 Int32GetDatum(typmod), false, true);

	/* What is compared with may stand in the statement. */
	cg_plain_at = GetCurrentTransactionStartTimestamp();

	return (Node *) makeFuncExpr(func, result, list_make2(arg, category),
								 InvalidOid, InvalidOid,
								 COERCE_EXPLICIT_CALL);
}

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
#include "access/stratnum.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
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
#include "enc_type.h"
#include "label.h"
#include "plan.h"
#include "plan_search.h"

/* An encrypted type, its operators and functions; all by OID. */
typedef struct CgComparable
{
	Oid			type;
	uint32		hash;			/* in the cache of types */
	Oid			array;
	Oid			plain_array;
	Oid			eq[3];			/* (enc, enc), (enc, plain), (plain, enc) */
	Oid			ne[3];
	Oid			key_enc;		/* search_key(enc, int4) */
	Oid			key_plain;		/* search_key(plain, int4) */
	Oid			keys_enc;		/* search_keys(enc[], int4) */
	Oid			keys_plain;		/* search_keys(plain[], int4) */
	Oid			token_order[2]; /* what ORDER BY takes: up, down */
	Oid			order[2];		/* by plaintext; InvalidOid: has none */
} CgComparable;

/* One of the operators that compare. */
typedef struct CgOperator
{
	Oid			opno;
	uint8		tag;
	bool		negated;		/* <> */
} CgOperator;

static bool has_comparable_column(Oid relid);
static bool load_comparable(const CgEncType *type, CgComparable *c);
static void load_operators(void);
static int	compare_operators(const void *a, const void *b);
static const CgComparable *compared_by(Oid opno, bool *negated);
static int32 element_category(Node *array);
static void forget_comparable(Datum arg, int cacheid, uint32 hashvalue);
static void forget_type(Datum arg, int cacheid, uint32 hashvalue);
static bool wrap_walker(Node *node, void *context);
static bool check_sublink(Node *node, void *context);
static void wrap_operator(OpExpr *op);
static void wrap_array(ScalarArrayOpExpr *op);
static void set_operator(Oid *opno, Oid *opfuncid, const CgComparable *c,
						 bool negated);
static Node *key_of(Oid func, Oid result, Node *arg, int32 typmod);

static CgComparable comparable[CG_NUM_TYPES + 1];	/* by tag */
static CgOperator operators[CG_NUM_TYPES * 6];	/* sorted by opno */
static int	num_operators = 0;
static bool loaded = false;

void
cg_plan_search_init(void)
{
	CacheRegisterSyscacheCallback(TYPEOID, forget_type, (Datum) 0);
	CacheRegisterSyscacheCallback(OPEROID, forget_comparable, (Datum) 0);
	CacheRegisterSyscacheCallback(CLAOID, forget_comparable, (Datum) 0);
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
			cg_is_encrypted_type(TupleDescAttr(desc, i)->atttypid);
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
	bool		negated;

	return compared_by(opno, &negated) != NULL;
}

static void
forget_comparable(Datum arg, int cacheid, uint32 hashvalue)
{
	loaded = false;
}

/* Each temporary table makes types; only ours count. */
static void
forget_type(Datum arg, int cacheid, uint32 hashvalue)
{
	bool		ours = num_operators == 0 || hashvalue == 0;
	int			tag;

	for (tag = 1; tag <= CG_NUM_TYPES && !ours; tag++)
		ours = comparable[tag].hash == hashvalue;
	if (ours)
		loaded = false;
}

static Oid
our_operator(const char *name, Oid left, Oid right)
{
	return GetSysCacheOid4(OPERNAMENSP, Anum_pg_operator_oid,
						   CStringGetDatum(name), ObjectIdGetDatum(left),
						   ObjectIdGetDatum(right),
						   ObjectIdGetDatum(PG_CATALOG_NAMESPACE));
}

/* Of several types may have that argument, and only one that result. */
static Oid
our_function(const char *name, Oid type, Oid result)
{
	Oid			types[2] = {type, INT4OID};
	oidvector  *vector = buildoidvector(types, 2);
	Oid			func = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
									   CStringGetDatum(name),
									   PointerGetDatum(vector),
									   ObjectIdGetDatum(cg_schema_oid()));

	return OidIsValid(func) && get_func_rettype(func) == result ? func :
		InvalidOid;
}

/* False in a database without the extension. */
bool
cg_search_ready(void)
{
	CgComparable c[CG_NUM_TYPES + 1];
	bool		ready = OidIsValid(cg_schema_oid());
	int			tag;

	if (loaded)
		return num_operators > 0;

	/* An invalidation during the look-ups makes the next call repeat them. */
	loaded = true;
	memset(c, 0, sizeof(c));

	/* Half an extension (it is being created) is none. */
	for (tag = 1; tag <= CG_NUM_TYPES && ready; tag++)
		ready = load_comparable(cg_enc_type(tag), &c[tag]);
	num_operators = 0;
	memcpy(comparable, c, sizeof(c));
	if (ready)
		load_operators();
	return ready;
}

/* False if something that the type must have is not there. */
static bool
load_comparable(const CgEncType *type, CgComparable *c)
{
	Oid			family;
	Oid			opclass;
	int			i;

	c->type = cg_enc_type_oid(type->tag);
	if (!OidIsValid(c->type))
		return false;
	c->hash = GetSysCacheHashValue1(TYPEOID, ObjectIdGetDatum(c->type));
	c->array = get_array_type(c->type);
	c->plain_array = get_array_type(type->plain);
	c->eq[0] = our_operator("=", c->type, c->type);
	c->eq[1] = our_operator("=", c->type, type->plain);
	c->eq[2] = our_operator("=", type->plain, c->type);
	c->ne[0] = our_operator("<>", c->type, c->type);
	c->ne[1] = our_operator("<>", c->type, type->plain);
	c->ne[2] = our_operator("<>", type->plain, c->type);
	c->key_enc = our_function("search_key", c->type, c->type);
	c->key_plain = our_function("search_key", type->plain, c->type);
	c->keys_enc = our_function("search_keys", c->array, c->array);
	c->keys_plain = our_function("search_keys", c->plain_array, c->array);
	opclass = GetDefaultOpClass(c->type, BTREE_AM_OID);
	if (!OidIsValid(opclass))
		return false;
	family = get_opclass_family(opclass);
	c->token_order[0] = get_opfamily_member(family, c->type, c->type,
											BTLessStrategyNumber);
	c->token_order[1] = get_opfamily_member(family, c->type, c->type,
											BTGreaterStrategyNumber);
	for (i = 0; i < 2 && type->ordered; i++)
	{
		Oid			opno = our_operator(i == 0 ? "<" : ">", c->type, c->type);

		/* Before its operator class is there, nothing can be sorted by it. */
		if (OidIsValid(opno) &&
			OidIsValid(get_equality_op_for_ordering_op(opno, NULL)))
			c->order[i] = opno;
	}
	for (i = 0; i < 3; i++)
		if (!OidIsValid(c->eq[i]) || !OidIsValid(c->ne[i]))
			return false;
	return OidIsValid(c->key_enc) && OidIsValid(c->key_plain) &&
		OidIsValid(c->keys_enc) && OidIsValid(c->keys_plain) &&
		OidIsValid(c->token_order[0]) && OidIsValid(c->token_order[1]);
}

static void
load_operators(void)
{
	int			n = 0;
	int			tag;
	int			i;

	for (tag = 1; tag <= CG_NUM_TYPES; tag++)
		for (i = 0; i < 3; i++)
		{
			operators[n++] = (CgOperator)
			{
				comparable[tag].eq[i], tag, false
			};
			operators[n++] = (CgOperator)
			{
				comparable[tag].ne[i], tag, true
			};
		}
	qsort(operators, n, sizeof(CgOperator), compare_operators);
	num_operators = n;
}

static int
compare_operators(const void *a, const void *b)
{
	Oid			x = ((const CgOperator *) a)->opno;
	Oid			y = ((const CgOperator *) b)->opno;

	return x < y ? -1 : x > y ? 1 : 0;
}

/* The type whose values an operator compares; NULL: not one of ours. */
static const CgComparable *
compared_by(Oid opno, bool *negated)
{
	CgOperator	key = {opno};
	CgOperator *found;

	if (opno < FirstNormalObjectId)
		return NULL;
	found = bsearch(&key, operators, num_operators, sizeof(CgOperator),
					compare_operators);
	if (found == NULL)
		return NULL;
	*negated = found->negated;
	return &comparable[found->tag];
}

Oid
cg_order_operator(Oid sortop)
{
	int			tag;
	int			i;

	if (sortop < FirstNormalObjectId)
		return InvalidOid;
	for (tag = 1; tag <= CG_NUM_TYPES; tag++)
		for (i = 0; i < 2; i++)
			if (comparable[tag].token_order[i] == sortop)
				return comparable[tag].order[i];
	return InvalidOid;
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
	if (IsA(node, OpExpr) && cg_is_comparison(((OpExpr *) node)->opno))
	{
		ListCell   *lc;

		foreach(lc, ((OpExpr *) node)->args)
		{
			int32		category = cg_expr_category(lfirst(lc));

			if (category >= 0)
			{
				*(bool *) context = true;
				cg_require_search(category);
			}
		}
	}
	return expression_tree_walker(node, check_sublink, context);
}

static void
wrap_operator(OpExpr *op)
{
	bool		negated;
	const CgComparable *c = compared_by(op->opno, &negated);
	Node	   *left;
	Node	   *right;
	Node	  **other;
	int32		lcat;
	int32		rcat;

	if (c == NULL || list_length(op->args) != 2)
		return;
	left = linitial(op->args);
	right = lsecond(op->args);
	lcat = cg_expr_category(left);
	rcat = cg_expr_category(right);
	if ((lcat >= 0) == (rcat >= 0))
		return;
	other = lcat >= 0 ? &right : &left;
	if (IsA(op, NullIfExpr) && other == &left)
		return;					/* its value is the left side */

	*other = key_of(cg_is_encrypted_type(exprType(*other)) ? c->key_enc :
					c->key_plain, c->type, *other, lcat >= 0 ? lcat : rcat);
	op->args = list_make2(left, right);
	set_operator(&op->opno, &op->opfuncid, c, negated);
	op->inputcollid = InvalidOid;
}

static void
wrap_array(ScalarArrayOpExpr *op)
{
	bool		negated;
	const CgComparable *c = compared_by(op->opno, &negated);
	Node	   *scalar;
	Node	   *array;
	int32		category;

	if (c == NULL || list_length(op->args) != 2)
		return;
	scalar = linitial(op->args);
	array = lsecond(op->args);
	category = cg_expr_category(scalar);
	if (category >= 0)
	{
		if (exprType(array) == c->array)
		{
			if (element_category(array) >= 0)
				return;
			array = key_of(c->keys_enc, c->array, array, category);
		}
		else if (exprType(array) == c->plain_array)
			array = key_of(c->keys_plain, c->array, array, category);
		else
			return;
	}
	else if (exprType(array) == c->array &&
			 (category = element_category(array)) >= 0)
		scalar = key_of(exprType(scalar) == c->type ? c->key_enc :
						c->key_plain, c->type, scalar, category);
	else
		return;

	op->args = list_make2(scalar, array);
	set_operator(&op->opno, &op->opfuncid, c, negated);
	op->inputcollid = InvalidOid;
}

static void
set_operator(Oid *opno, Oid *opfuncid, const CgComparable *c, bool negated)
{
	*opno = negated ? c->ne[0] : c->eq[0];
	*opfuncid = get_opcode(*opno);
}

/* The category of the elements, which a domain may name; -1 if it is open. */
static int32
element_category(Node *array)
{
	Oid			type;
	int32		typmod;

	while ((IsA(array, RelabelType) || IsA(array, ArrayCoerceExpr)) &&
		   exprTypmod(array) < 0)
		array = IsA(array, RelabelType) ?
			(Node *) ((RelabelType *) array)->arg :
			(Node *) ((ArrayCoerceExpr *) array)->arg;
	typmod = exprTypmod(array);
	type = get_element_type(getBaseTypeAndTypmod(exprType(array), &typmod));
	if (!OidIsValid(type) || !cg_is_encrypted_type(type))
		return -1;
	if (typmod < 0)
		(void) getBaseTypeAndTypmod(type, &typmod);
	return typmod;
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

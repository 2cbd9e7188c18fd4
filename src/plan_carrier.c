/*
 * plan_carrier.c
 *		Values that leave a reader's query by another way than its output.
 *
 * Conditions, orders, joins and assignments give nothing away as long as they
 * only compare.  A function that somebody wrote may send what it is given
 * anywhere, set_config() keeps it, and a cast that fails names it in the error.
 * Such an expression is a carrier: wherever it stands, at any level of the
 * query, the protected values in its arguments count as disclosed, and are
 * wrapped as they would be in the output list (plan_output.c).  Everything
 * else stays as it is, so that conditions still match indexes.
 *
 * Functions of PostgreSQL that are immutable are no carriers, but for those
 * listed here, whose errors repeat an argument; nor are some that are stable.
 * An aggregate that gathers what it is given into one value is a carrier: what
 * it gives is one value for the output list, and as many as there were rows.
 * Operators that a superuser made, those of extensions among them, are none
 * either if they are immutable and written in C: indexes are made for them.
 *
 * Policies see values that the table's owner lets them see, on behalf of
 * somebody else; they stay as they are.  So do what a table runs over its own
 * rows, and the arbiter of ON CONFLICT, which must match an index.
 *
 * With grouping, equal expressions have to stay equal: a wrapped value has no
 * subject there, and a grouping expression is wrapped as a whole.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_language.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"

#include "catalog.h"
#include "enc_type.h"
#include "plan.h"
#include "plan_mask.h"

#define ALL_ARGS	(~(uint32) 0)
#define ARG(n)		((uint32) 1 << (n))
#define FROM_ARG(n) (~(ARG(n) - 1))

/* How a function is called. */
typedef enum CgCall
{
	CG_CALL_FUNCTION,
	CG_CALL_OPERATOR,			/* of a superuser */
	CG_CALL_AGGREGATE			/* or window function */
} CgCall;

/* The arguments of a function that may come out of it elsewhere. */
typedef struct CgCarried
{
	const char *name;
	uint32		args;
} CgCarried;

typedef struct CgCarrierSearch
{
	CgScope    *scope;
	List	   *keys;			/* what the query groups by */
} CgCarrierSearch;

/* Functions of PostgreSQL whose errors repeat what they are given. */
static const CgCarried echoing[] = {
	{"array_fill", ALL_ARGS},
	{"chr", ALL_ARGS},
	{"convert", ALL_ARGS},
	{"convert_from", ALL_ARGS},
	{"convert_to", ALL_ARGS},
	{"date_part", ARG(0)},
	{"date_trunc", ARG(0) | ARG(2)},
	{"decode", ALL_ARGS},
	{"encode", ARG(1)},
	{"extract", ARG(0)},
	{"get_bit", ARG(1)},
	{"get_byte", ARG(1)},
	{"is_normalized", ARG(1)},
	{"json_to_tsvector", FROM_ARG(1)},
	{"jsonb_delete_path", ARG(1)},
	{"jsonb_insert", ARG(1)},
	{"jsonb_path_exists", ALL_ARGS},
	{"jsonb_path_match", ALL_ARGS},
	{"jsonb_path_query", ALL_ARGS},
	{"jsonb_path_query_array", ALL_ARGS},
	{"jsonb_path_query_first", ALL_ARGS},
	{"jsonb_set", ARG(1)},
	{"jsonb_set_lax", FROM_ARG(1)},
	{"jsonb_to_tsvector", FROM_ARG(1)},
	{"make_date", ALL_ARGS},
	{"make_time", ALL_ARGS},
	{"make_timestamp", ALL_ARGS},
	{"makeaclitem", ALL_ARGS},
	{"normalize", ARG(1)},
	{"parse_ident", ALL_ARGS},
	{"percentile_cont", ALL_ARGS},
	{"percentile_disc", ALL_ARGS},
	{"pg_size_bytes", ALL_ARGS},
	{"postgresql_fdw_validator", ALL_ARGS},
	{"regexp_count", FROM_ARG(2)},
	{"regexp_instr", FROM_ARG(2)},
	{"regexp_like", FROM_ARG(2)},
	{"regexp_match", FROM_ARG(2)},
	{"regexp_matches", FROM_ARG(2)},
	{"regexp_replace", FROM_ARG(3)},
	{"regexp_split_to_array", FROM_ARG(2)},
	{"regexp_split_to_table", FROM_ARG(2)},
	{"regexp_substr", FROM_ARG(2)},
	{"set_bit", FROM_ARG(1)},
	{"set_byte", FROM_ARG(1)},
	{"set_masklen", ARG(1)},
	{"setweight", FROM_ARG(1)},
	{"timezone", ARG(0)},
	{"to_ascii", FROM_ARG(1)},
	{"to_char", ARG(1)},
	{"to_tsquery", ALL_ARGS},
	{"ts_filter", ALL_ARGS},
	{"ts_headline", ALL_ARGS},
	{"ts_lexize", ALL_ARGS},
	{"ts_parse", ALL_ARGS},
	{"unistr", ALL_ARGS},
	{"xmlcomment", ALL_ARGS},
	{"xmlexists", ALL_ARGS},
	{"xmlvalidate", ALL_ARGS},
	{"xpath", ALL_ARGS},
	{"xpath_exists", ALL_ARGS},
};

/* Aggregates of PostgreSQL whose result has all that they were given. */
static const char *const gathering[] = {
	"array_agg", "json_agg", "json_agg_strict", "json_object_agg",
	"json_object_agg_strict", "json_object_agg_unique",
	"json_object_agg_unique_strict", "jsonb_agg", "jsonb_agg_strict",
	"jsonb_object_agg", "jsonb_object_agg_strict", "jsonb_object_agg_unique",
	"jsonb_object_agg_unique_strict", "range_agg", "string_agg", "xmlagg",
};

/* Stable functions of PostgreSQL that keep what they are given. */
static const char *const harmless[] = {
	"age", "anytextcat", "array_to_json", "array_to_string", "concat",
	"concat_ws", "date", "date_part", "date_trunc", "extract",
	"json_build_array", "json_build_object", "jsonb_build_array",
	"jsonb_build_object", "money", "numeric", "overlaps", "phraseto_tsquery",
	"plainto_tsquery", "quote_literal", "quote_nullable", "row_to_json",
	"textanycat", "time", "timestamp", "timestamptz", "timetz", "timezone",
	"to_char", "to_json", "to_jsonb", "to_tsvector", "websearch_to_tsquery",
};

/* Functions of ours that people call, and their names of categories. */
static const CgCarried ours[] = {
	{"disclose", FROM_ARG(1)},
	{"mask", FROM_ARG(1)},
	{"opens_row", 0},
	{"pseudonym", FROM_ARG(1)},
	{"search_key", 0},
	{"search_keys", 0},
	{"subject_tag", 0},
	{"validate", FROM_ARG(1)},
};

static void record_query(Query *query, CgScope *parent);
static void hand_over_arms(Query *query, CgScope *parent);
static void record_entry(RangeTblEntry *rte, Index varno, bool merges,
						 CgCarrierSearch *search);
static List *grouping_keys(Query *query);
static Node *record_mutator(Node *node, void *context);
static Node *record_aggregate(Aggref *agg, CgCarrierSearch *search);
static Node *hand_over(Node *value, CgCarrierSearch *search);
static void hand_over_args(List *args, uint32 carried,
						   CgCarrierSearch *search);
static bool has_carrier(Node *node, void *context);
static uint32 operator_carries(Oid opno);
static uint32 function_carries(Oid func, CgCall call);
static bool is_our_aggregate(Form_pg_proc proc);
static uint32 builtin_carries(Form_pg_proc proc, CgCall call);
static uint32 our_function_carries(Oid func, Form_pg_proc proc);
static bool is_of_type(Form_pg_proc proc);
static bool takes_internals(Form_pg_proc proc);

void
cg_plan_carriers(Query *query)
{
	record_query(query, NULL);
}

static void
record_query(Query *query, CgScope *parent)
{
	CgScope		scope = {query, parent, false, false};
	CgCarrierSearch search = {&scope, NIL};
	bool		merges = cg_merges_rows(query);
	Node	  **condition = cg_merge_condition(query);
	ListCell   *lc;
	Index		varno = 0;

	check_stack_depth();
	if (query->commandType == CMD_UTILITY)
		return;

	/* Behind the grouping, if there is one. */
	search.keys = grouping_keys(query);
	scope.grouped = merges;
	query->targetList = (List *) record_mutator((Node *) query->targetList,
												&search);
	query->returningList = (List *)
		record_mutator((Node *) query->returningList, &search);
	query->havingQual = record_mutator(query->havingQual, &search);
	query->limitOffset = record_mutator(query->limitOffset, &search);
	query->limitCount = record_mutator(query->limitCount, &search);
	foreach(lc, query->windowClause)
	{
		WindowClause *window = lfirst_node(WindowClause, lc);

		window->startOffset = record_mutator(window->startOffset, &search);
		window->endOffset = record_mutator(window->endOffset, &search);
	}

	/* Before it. */
	search.keys = NIL;
	scope.grouped = false;
	query->jointree = (FromExpr *) record_mutator((Node *) query->jointree,
												  &search);
	if (condition != NULL)
		*condition = record_mutator(*condition, &search);
	foreach(lc, query->rtable)
		record_entry(lfirst_node(RangeTblEntry, lc), ++varno, merges,
					 &search);
	foreach(lc, query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

		if (cte->cterecursive)
			hand_over_arms((Query *) cte->ctequery, &scope);
		record_query((Query *) cte->ctequery, &scope);
	}
	foreach(lc, query->withCheckOptions)
	{
		WithCheckOption *option = lfirst_node(WithCheckOption, lc);

		if (option->kind == WCO_VIEW_CHECK)
			option->qual = record_mutator(option->qual, &search);
	}
	if (query->onConflict != NULL)
	{
		OnConflictExpr *conflict = query->onConflict;

		conflict->onConflictSet = (List *)
			record_mutator((Node *) conflict->onConflictSet, &search);
		conflict->onConflictWhere = record_mutator(conflict->onConflictWhere,
												   &search);
	}
	foreach(lc, query->mergeActionList)
	{
		MergeAction *action = lfirst_node(MergeAction, lc);

		action->qual = record_mutator(action->qual, &search);
		action->targetList = (List *)
			record_mutator((Node *) action->targetList, &search);
	}
}

/*
 * A recursive query can gather, too: what it makes of a value and of the row
 * before.  A column that it only passes on is one value a row.
 */
static void
hand_over_arms(Query *query, CgScope *parent)
{
	CgScope		scope = {query, parent, false, false};
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		Query	   *arm = lfirst_node(RangeTblEntry, lc)->subquery;
		CgScope		inner = {arm, &scope, false, false};
		CgCarrierSearch search = {&inner, NIL};
		ListCell   *target;

		if (arm == NULL || cg_merges_rows(arm))
			continue;
		foreach(target, arm->targetList)
		{
			TargetEntry *tle = lfirst_node(TargetEntry, target);

			if (!IsA(tle->expr, Var) && tle->ressortgroupref == 0)
				tle->expr = (Expr *) hand_over((Node *) tle->expr, &search);
		}
	}
}

static void
record_entry(RangeTblEntry *rte, Index varno, bool merges,
			 CgCarrierSearch *search)
{
	CgScope    *scope = search->scope;
	ListCell   *lc;
	int			policies;

	switch (rte->rtekind)
	{
		case RTE_SUBQUERY:
			record_query(rte->subquery, scope);
			break;
		case RTE_FUNCTION:
			rte->functions = (List *)
				record_mutator((Node *) rte->functions, search);
			break;
		case RTE_TABLEFUNC:
			rte->tablefunc = (TableFunc *)
				record_mutator((Node *) rte->tablefunc, search);
			break;
		case RTE_VALUES:
			rte->values_lists = (List *)
				record_mutator((Node *) rte->values_lists, search);
			break;
		case RTE_JOIN:
			/* They take the place of columns in what is grouped. */
			scope->grouped = merges;
			rte->joinaliasvars = (List *)
				record_mutator((Node *) rte->joinaliasvars, search);
			scope->grouped = false;
			break;
		default:
			foreach(lc, cg_group_exprs(rte))
				lfirst(lc) = record_mutator(lfirst(lc), search);
			break;
	}
	if (rte->securityQuals == NIL)
		return;
	policies = cg_count_policies(scope->query, varno);
	foreach(lc, rte->securityQuals)
		if (foreach_current_index(lc) >= policies)
		lfirst(lc) = record_mutator(lfirst(lc), search);
}

/* As they are before anything in them is wrapped. */
static List *
grouping_keys(Query *query)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		ListCell   *group;

		foreach(group, query->groupClause)
			if (lfirst_node(SortGroupClause, group)->tleSortGroupRef ==
				tle->ressortgroupref)
		{
			result = lappend(result, copyObject(tle->expr));
			break;
		}
	}
	return result;
}

/*
 * From the outside in: what is wrapped for the outer carrier is not wrapped
 * again for one inside.
 */
static Node *
record_mutator(Node *node, void *context)
{
	CgCarrierSearch *search = context;

	if (node == NULL)
		return NULL;
	if (cg_is_json_expr(node))
		node = cg_output_inside(node, search->scope, search->keys);
	switch (nodeTag(node))
	{
		case T_Query:
			record_query((Query *) node, search->scope);
			return node;
		case T_Var:
		case T_Const:
		case T_GroupingFunc:
			return node;
		case T_FuncExpr:
			{
				FuncExpr   *call = (FuncExpr *) node;

				hand_over_args(call->args, function_carries(call->funcid,
															CG_CALL_FUNCTION),
							   search);
				break;
			}
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			hand_over_args(((OpExpr *) node)->args,
						   operator_carries(((OpExpr *) node)->opno), search);
			break;
		case T_ScalarArrayOpExpr:
			hand_over_args(((ScalarArrayOpExpr *) node)->args,
						   operator_carries(((ScalarArrayOpExpr *) node)->opno),
						   search);
			break;
		case T_WindowFunc:
			{
				WindowFunc *call = (WindowFunc *) node;

				hand_over_args(call->args, function_carries(call->winfnoid,
															CG_CALL_AGGREGATE),
							   search);
				break;
			}
		case T_Aggref:
			return record_aggregate((Aggref *) node, search);
		case T_CoerceViaIO:
			{
				CoerceViaIO *cast = (CoerceViaIO *) node;

				if (has_carrier(node, cast->arg))
					cast->arg = (Expr *) hand_over((Node *) cast->arg,
												   search);
				break;
			}
		case T_CoerceToDomain:
			{
				CoerceToDomain *cast = (CoerceToDomain *) node;

				if (has_carrier(node, cast->arg))
					cast->arg = (Expr *) hand_over((Node *) cast->arg,
												   search);
				break;
			}
		case T_ArrayCoerceExpr:
			{
				ArrayCoerceExpr *cast = (ArrayCoerceExpr *) node;

				if (has_carrier((Node *) cast->elemexpr, NULL))
					cast->arg = (Expr *) hand_over((Node *) cast->arg,
												   search);
				break;
			}
		case T_CaseExpr:
			{
				CaseExpr   *expr = (CaseExpr *) node;
				ListCell   *lc;

				/* CASE value WHEN ...: each condition compares it */
				foreach(lc, expr->arg == NULL ? NIL : expr->args)
					if (has_carrier((Node *)
									lfirst_node(CaseWhen, lc)->expr, NULL))
				{
					expr->arg = (Expr *) hand_over((Node *) expr->arg,
												   search);
					break;
				}
				break;
			}
		case T_RowCompareExpr:
			if (has_carrier(node, ((RowCompareExpr *) node)->largs))
			{
				hand_over_args(((RowCompareExpr *) node)->largs, ALL_ARGS,
							   search);
				hand_over_args(((RowCompareExpr *) node)->rargs, ALL_ARGS,
							   search);
			}
			break;
		case T_XmlExpr:
		case T_TableFunc:
			/* Errors of the XML library repeat the line. */
			node = cg_output_inside(node, search->scope, search->keys);
			break;
		case T_SubLink:
			/* value <operator> ANY (SELECT ...) */
			if (has_carrier(((SubLink *) node)->testexpr, NULL))
				cg_output_query((Query *) ((SubLink *) node)->subselect,
								search->scope);
			break;
		default:
			break;
	}
	return expression_tree_mutator(node, record_mutator, context);
}

/* What goes into an aggregate are rows before the grouping. */
static Node *
record_aggregate(Aggref *agg, CgCarrierSearch *search)
{
	CgScope    *at = cg_scope_up(search->scope, agg->agglevelsup);
	CgCarrierSearch inner = {search->scope, NIL};
	uint32		carried = function_carries(agg->aggfnoid, CG_CALL_AGGREGATE);
	bool		grouped = at->grouped;
	ListCell   *lc;

	hand_over_args(agg->aggdirectargs, carried, search);
	agg->aggdirectargs = (List *) record_mutator((Node *) agg->aggdirectargs,
												 search);
	at->grouped = false;
	foreach(lc, agg->args)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (carried != 0)
			tle->expr = (Expr *) hand_over((Node *) tle->expr, &inner);
		tle->expr = (Expr *) record_mutator((Node *) tle->expr, &inner);
	}
	agg->aggfilter = (Expr *) record_mutator((Node *) agg->aggfilter, &inner);
	at->grouped = grouped;
	return (Node *) agg;
}

/* Protected values that it is made of are recorded before it is used. */
static Node *
hand_over(Node *value, CgCarrierSearch *search)
{
	return cg_output_expr((Node *) copyObject(value), search->scope,
						  search->keys);
}

static void
hand_over_args(List *args, uint32 carried, CgCarrierSearch *search)
{
	ListCell   *lc;

	if (carried == 0)
		return;
	foreach(lc, args)
		if (carried & ARG(Min(foreach_current_index(lc), 31)))
		lfirst(lc) = hand_over(lfirst(lc), search);
}

/*
 * Is there a carrier in an expression?  With a context, of the node alone;
 * what is below it does not count.
 */
static bool
has_carrier(Node *node, void *context)
{
	ListCell   *lc;
	bool		found = false;

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_FuncExpr:
			found = function_carries(((FuncExpr *) node)->funcid,
									 CG_CALL_FUNCTION) != 0;
			break;
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			found = operator_carries(((OpExpr *) node)->opno) != 0;
			break;
		case T_ScalarArrayOpExpr:
			found = operator_carries(((ScalarArrayOpExpr *) node)->opno) != 0;
			break;
		case T_RowCompareExpr:
			foreach(lc, ((RowCompareExpr *) node)->opnos)
				found = found || operator_carries(lfirst_oid(lc)) != 0;
			break;
		case T_CoerceViaIO:
			{
				Oid			type = ((CoerceViaIO *) node)->resulttype;

				/* These take any string. */
				found = type != TEXTOID && type != VARCHAROID &&
					type != BPCHAROID && type != NAMEOID;
				break;
			}
		case T_CoerceToDomain:
			/* May have constraints of its own. */
			found = ((CoerceToDomain *) node)->resulttype >=
				FirstGenbkiObjectId;
			break;
		default:
			break;
	}
	if (found || context != NULL)
		return found;
	return expression_tree_walker(node, has_carrier, NULL);
}

/* Everybody can make an operator of any function. */
static uint32
operator_carries(Oid opno)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(opno));
	Form_pg_operator op;
	uint32		result;

	if (!HeapTupleIsValid(tuple))
		return ALL_ARGS;
	op = (Form_pg_operator) GETSTRUCT(tuple);
	result = function_carries(op->oprcode, opno < FirstGenbkiObjectId ||
							  superuser_arg(op->oprowner) ?
							  CG_CALL_OPERATOR : CG_CALL_FUNCTION);
	ReleaseSysCache(tuple);
	return result;
}

/* The arguments of a function that it may carry elsewhere. */
static uint32
function_carries(Oid func, CgCall call)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(func));
	Form_pg_proc proc;
	uint32		result = ALL_ARGS;

	if (!HeapTupleIsValid(tuple))
		return ALL_ARGS;
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	if (proc->oid < FirstGenbkiObjectId)
		result = builtin_carries(proc, call);
	else if (proc->pronamespace == cg_schema_oid())
		result = call == CG_CALL_OPERATOR ? 0 :
			our_function_carries(func, proc);
	else if (call == CG_CALL_AGGREGATE && is_our_aggregate(proc))
		result = 0;
	else if (call == CG_CALL_OPERATOR &&
			 proc->provolatile == PROVOLATILE_IMMUTABLE &&
			 (proc->prolang == ClanguageId ||
			  proc->prolang == INTERNALlanguageId))
		result = 0;
	ReleaseSysCache(tuple);
	return result;
}

/* min and max of encrypted values, which are not in our schema. */
static bool
is_our_aggregate(Form_pg_proc proc)
{
	HeapTuple	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(proc->oid));
	Form_pg_aggregate agg;
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	agg = (Form_pg_aggregate) GETSTRUCT(tuple);
	result = superuser_arg(proc->proowner) && !OidIsValid(agg->aggfinalfn) &&
		get_func_namespace(agg->aggtransfn) == cg_schema_oid();
	ReleaseSysCache(tuple);
	return result;
}

static uint32
builtin_carries(Form_pg_proc proc, CgCall call)
{
	const char *name = NameStr(proc->proname);
	bool		keeps = call == CG_CALL_AGGREGATE;
	int			i;

	/* Input functions and the like can be called by name, too. */
	if (proc->provolatile == PROVOLATILE_VOLATILE ||
		(!keeps && takes_internals(proc)))
		return ALL_ARGS;
	for (i = 0; keeps && i < (int) lengthof(gathering); i++)
		if (strcmp(gathering[i], name) == 0)
			return ALL_ARGS;
	keeps = keeps || call == CG_CALL_OPERATOR ||
		proc->provolatile == PROVOLATILE_IMMUTABLE;
	for (i = 0; !keeps && i < (int) lengthof(harmless); i++)
		keeps = strcmp(harmless[i], name) == 0;
	if (!keeps)
		return ALL_ARGS;
	for (i = 0; i < (int) lengthof(echoing); i++)
		if (strcmp(echoing[i].name, name) == 0)
			return echoing[i].args;
	return 0;
}

static uint32
our_function_carries(Oid func, Form_pg_proc proc)
{
	const Oid  *own = (const Oid *) cg_plan_functions;
	int			i;

	for (i = 0; i < (int) lengthof(ours); i++)
		if (strcmp(ours[i].name, NameStr(proc->proname)) == 0)
			return ours[i].args;
	for (i = 0; i < (int) (sizeof(CgPlanFunctions) / sizeof(Oid)); i++)
		if (own[i] == func)
			return 0;
	return cg_type_call(func, NULL) != CG_CALL_NONE ||
		is_of_type(proc) ? 0 : ALL_ARGS;
}

/* Casts of the encrypted types and what is behind their operators. */
static bool
is_of_type(Form_pg_proc proc)
{
	const char *name = NameStr(proc->proname);
	int			i;

	if ((strncmp(name, "enc_", 4) != 0 && strncmp(name, "to_", 3) != 0) ||
		takes_internals(proc))
		return false;
	for (i = 0; i < proc->pronargs; i++)
		if (cg_enc_type_of(proc->proargtypes.values[i]) != NULL)
			return true;
	return false;
}

static bool
takes_internals(Form_pg_proc proc)
{
	int			i;

	for (i = 0; i < proc->pronargs; i++)
		if (proc->proargtypes.values[i] == CSTRINGOID ||
			proc->proargtypes.values[i] == INTERNALOID)
			return true;
	return false;
}

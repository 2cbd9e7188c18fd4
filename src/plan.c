/*
 * plan.c
 *		Our part in planning.
 *
 * A query comes here after views and rules were expanded.  In order:
 *
 * 1. SQL functions in FROM are put in line, as the planner would do later,
 *    when it would be too late for us.
 * 2. Masks take the place of protected columns (plan_mask.c), if the library
 *    is preloaded: hooks that only some sessions have protect nothing, since
 *    autovacuum and other workers evaluate expressions too.
 * 3. What readers are shown is recorded (plan_output.c).
 * 4. What encrypted columns are compared with gets a token (plan_search.c).
 *
 * A plan that touches protected relations depends on the role.  What its
 * user could read is noted in the marks of the relations, and looked at again
 * when it is run: a grant may have ended, or row_security been changed, since
 * the plan was cached.
 *
 * The tripwire looks at every relation that the planner opens.  A protected
 * one without mark came in behind our back, and the query is refused.
 *
 * The queries of foreign keys see real values, or else they would compare
 * masks.  They are known by their security context, but so are those of a
 * trigger function that such a query fires; hence they must have the shape
 * that ri_triggers.c gives them, on a table of the user that they run as.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_statistic_ext_data.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/plancat.h"
#include "optimizer/planner.h"
#include "parser/analyze.h"
#include "parser/parsetree.h"
#include "utils/array.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "compat.h"

#include "catalog.h"
#include "cipguard.h"
#include "event.h"
#include "guc.h"
#include "journal.h"
#include "keep_person.h"
#include "plan.h"
#include "plan_mask.h"
#include "plan_order.h"
#include "plan_report.h"
#include "type_order.h"

static void note_dependency(ParseState *pstate, Query *query,
							CG_JUMBLE_STATE * jstate);
static PlannedStmt *plan(CG_PLANNER_PARAMS);
static bool is_protected(Node *node, void *context);
static bool inline_functions(Node *node, void *context);
static bool is_foreign_key_query(Query *query);
static bool is_plain_comparison(Node *node, Bitmapset *columns);
static Node *bare_value(Node *node);
static Bitmapset *foreign_key_columns(Oid relid);
static Bitmapset *add_columns(Bitmapset *columns, Datum keys);
static void check_relation(CG_RELATION_HOOK_PARAMS);
static void hide_order(RelOptInfo *rel, const CgProtection *p);
static bool is_in_order(IndexOptInfo *index, const CgProtection *p);
static bool shows_no_protected(AppendRelInfo *info, const CgProtection *p);
static AppendRelInfo *child_info(PlannedStmt *stmt, Index child);
static bool check_permissions(CG_CHECK_PERMS_PARAMS);
static void check_marks(QueryDesc *queryDesc, int eflags);
static void hear_news(QueryDesc *queryDesc);

static planner_hook_type prev_planner = NULL;
static CG_RELATION_HOOK_TYPE prev_relation = NULL;
static ExecutorCheckPerms_hook_type prev_check_perms = NULL;
static ExecutorStart_hook_type prev_start = NULL;
static ExecutorEnd_hook_type prev_end = NULL;
static post_parse_analyze_hook_type prev_analyze = NULL;

bool		cg_plan_touches = false;

void
cg_plan_init(void)
{
	prev_planner = planner_hook;
	planner_hook = plan;
	prev_check_perms = ExecutorCheckPerms_hook;
	ExecutorCheckPerms_hook = check_permissions;
	cg_plan_functions_init();
	if (!cg_masks())
		return;
	prev_relation = CG_RELATION_HOOK;
	CG_RELATION_HOOK = check_relation;
	prev_start = ExecutorStart_hook;
	ExecutorStart_hook = check_marks;
	prev_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = note_dependency;
	prev_end = ExecutorEnd_hook;
	ExecutorEnd_hook = hear_news;
}

/*
 * What a query on protected tables gives depends on the role and on
 * row_security, as if it had policies.  Told so, the plan cache looks at both
 * before it uses a plan again.
 */
static void
note_dependency(ParseState *pstate, Query *query, CG_JUMBLE_STATE * jstate)
{
	ListCell   *lc;

	if (prev_analyze)
		prev_analyze(pstate, query, jstate);
	if (query->commandType == CMD_UTILITY || !cg_search_ready())
		return;
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_RELATION &&
			(rte->relkind == RELKIND_VIEW ||
			 cg_protection(rte->relid) != NULL))
			query->hasRowSecurity = true;
	}
}

static PlannedStmt *
plan(CG_PLANNER_PARAMS)
{
	bool		outer_touches = cg_plan_touches;
	bool		depends = false;
	bool		compares = false;
	bool		ordered = false;
	PlannedStmt *result;
	PlannerGlobal *inlined = NULL;

	cg_plan_touches = false;
	cg_access_tick();
	if (cg_search_ready() &&
		(is_protected((Node *) parse, &compares) || compares))
	{
		bool		foreign_key = InNoForceRLSOperation();

		if (!cg_masks() || !cg_load_functions())
			 /* nothing is masked */ ;
		else if (foreign_key && is_foreign_key_query(parse))
			linitial_node(RangeTblEntry, parse->rtable)->enrname = CG_RTE_MARK;
		else
		{
			inlined = makeNode(PlannerGlobal);
			inlined->boundParams = boundParams;
			(void) inline_functions((Node *) parse, inlined);
			if (cg_mask_query(parse, NULL))
				cg_plan_touches = true;
			if (cg_plan_touches)
			{
				cg_plan_sort(parse);
				cg_plan_output(parse);
			}
		}
		if (cg_load_functions())
			cg_keep_persons(parse);
		if (!foreign_key)
		{
			depends = cg_plan_search(parse);
			ordered = cg_plan_order(parse);
		}
	}
	depends = depends || cg_plan_touches;

	if (prev_planner)
		result = prev_planner(CG_PLANNER_ARGS);
	else
		result = standard_planner(CG_PLANNER_ARGS);

	if (ordered)
		cg_plan_recheck(result);
	if (inlined != NULL)
	{
		depends = depends || inlined->dependsOnRole;
		result->invalItems = list_concat(result->invalItems,
										 inlined->invalItems);
		result->relationOids = list_concat(result->relationOids,
										   inlined->relationOids);
	}
	if (depends)
		result->dependsOnRole = true;
	cg_plan_touches = outer_touches;
	return result;
}

void
cg_mark_query(Query *query)
{
	bool		compares = false;

	if (cg_search_ready() && cg_load_functions() &&
		is_protected((Node *) query, &compares) &&
		cg_mask_query(query, NULL))
		cg_plan_output(query);
}

/*
 * Is there anything in it that is masked: a protected relation, statistics,
 * or a function that may lead to one?  If not, context (a bool) tells whether
 * something of ours is compared.  Most statements have neither, and all pay
 * for this walk.
 */
static bool
is_protected(Node *node, void *context)
{
	ListCell   *lc;
	Oid			opno;

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
		case T_Const:
		case T_Param:
			return false;
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
		case T_ScalarArrayOpExpr:
			opno = IsA(node, ScalarArrayOpExpr) ?
				((ScalarArrayOpExpr *) node)->opno : ((OpExpr *) node)->opno;
			if (opno >= FirstNormalObjectId && cg_is_comparison(opno))
				*(bool *) context = true;
			break;
		case T_Query:
			foreach(lc, ((Query *) node)->rtable)
			{
				RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

				if ((rte->rtekind == RTE_RELATION &&
					 (rte->relid == StatisticRelationId ||
					  rte->relid == StatisticExtDataRelationId ||
					  cg_protection(rte->relid) != NULL)) ||
					rte->rtekind == RTE_FUNCTION)
					return true;
			}
			return query_tree_walker((Query *) node, is_protected, context,
									 0);
		default:
			break;
	}
	return expression_tree_walker(node, is_protected, context);
}

/*
 * Put SQL functions in FROM in line, as preprocess_function_rtes() does.
 * context is the PlannerGlobal that collects what the plan depends on.
 */
static bool
inline_functions(Node *node, void *context)
{
	Query	   *query = (Query *) node;
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, inline_functions, context);
	check_stack_depth();
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
		PlannerInfo *root;
		Query	   *body;

		if (rte->rtekind != RTE_FUNCTION || list_length(rte->functions) != 1)
			continue;
		root = makeNode(PlannerInfo);
		root->parse = query;
		root->glob = context;
		root->query_level = 1;
		root->planner_cxt = CurrentMemoryContext;
		root->wt_param_id = -1;
		rte->functions = (List *)
			eval_const_expressions(root, (Node *) rte->functions);
		body = inline_function_in_from(root, rte);
		if (body != NULL)
		{
			/* The functions stay: a whole row needs to know its type. */
			rte->rtekind = RTE_SUBQUERY;
			rte->subquery = body;
			rte->security_barrier = false;
		}
	}
	return query_tree_walker(query, inline_functions, context, 0);
}

/*
 * A query of ri_triggers.c: on one table of the current user's, whose foreign
 * key columns are compared with parameters; nothing of a row is shown, and
 * only parameters are assigned.
 */
static bool
is_foreign_key_query(Query *query)
{
	RangeTblEntry *rte;
	Bitmapset  *columns;
	ListCell   *lc;

	if (query->hasAggs || query->hasWindowFuncs || query->hasTargetSRFs ||
		query->hasSubLinks || query->cteList != NIL ||
		query->returningList != NIL || query->onConflict != NULL ||
		query->setOperations != NULL || query->groupClause != NIL ||
		query->sortClause != NIL || query->distinctClause != NIL ||
		query->havingQual != NULL || list_length(query->rtable) != 1 ||
		query->commandType == CMD_INSERT || query->commandType == CMD_MERGE)
		return false;
	rte = linitial_node(RangeTblEntry, query->rtable);
	if (rte->rtekind != RTE_RELATION ||
		!cg_owns_relation(rte->relid, GetUserId()))
		return false;
	foreach(lc, query->targetList)
	{
		/* NULL and defaults come with the coercion of the column. */
		if (contain_var_clause((Node *) lfirst_node(TargetEntry, lc)->expr))
			return false;
	}
	columns = foreign_key_columns(rte->relid);
	return columns != NULL &&
		is_plain_comparison(query->jointree->quals, columns);
}

/* column = $1 AND ..., with operators of an operator class */
static bool
is_plain_comparison(Node *node, Bitmapset *columns)
{
	ListCell   *lc;

	if (node == NULL)
		return true;
	if (IsA(node, BoolExpr) && ((BoolExpr *) node)->boolop == AND_EXPR)
	{
		foreach(lc, ((BoolExpr *) node)->args)
			if (!is_plain_comparison(lfirst(lc), columns))
			return false;
		return true;
	}
	if (!IsA(node, OpExpr) || list_length(((OpExpr *) node)->args) != 2 ||
		get_mergejoin_opfamilies(((OpExpr *) node)->opno) == NIL)
		return false;
	foreach(lc, ((OpExpr *) node)->args)
	{
		Node	   *side = bare_value(lfirst(lc));

		if (!IsA(side, Param) &&
			!(IsA(side, Var) && ((Var *) side)->varattno > 0 &&
			  bms_is_member(((Var *) side)->varattno, columns)))
			return false;
	}
	return true;
}

/* Without casts of PostgreSQL's own, and ours. */
static Node *
bare_value(Node *node)
{
	while (IsA(node, RelabelType) || IsA(node, CollateExpr))
		node = IsA(node, RelabelType) ? (Node *) ((RelabelType *) node)->arg :
			(Node *) ((CollateExpr *) node)->arg;
	if (IsA(node, FuncExpr) &&
		((FuncExpr *) node)->funcformat == COERCE_IMPLICIT_CAST &&
		(((FuncExpr *) node)->funcid < FirstGenbkiObjectId ||
		 cg_node_call(node) == CG_CALL_COERCE))
		node = linitial(((FuncExpr *) node)->args);
	return node;
}

/* The columns of a table that are in a foreign key, on either side of it. */
static Bitmapset *
foreign_key_columns(Oid relid)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	TriggerDesc *triggers = rel->trigdesc;
	Bitmapset  *result = NULL;
	int			i;

	for (i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		HeapTuple	tuple;
		Form_pg_constraint constraint;
		bool		isnull;
		Datum		keys;

		if (RI_FKey_trigger_type(triggers->triggers[i].tgfoid) ==
			RI_TRIGGER_NONE)
			continue;
		tuple = SearchSysCache1(CONSTROID,
								ObjectIdGetDatum(triggers->triggers[i].tgconstraint));
		if (!HeapTupleIsValid(tuple))
			continue;
		constraint = (Form_pg_constraint) GETSTRUCT(tuple);
		keys = SysCacheGetAttr(CONSTROID, tuple,
							   constraint->conrelid == relid ?
							   Anum_pg_constraint_conkey :
							   Anum_pg_constraint_confkey, &isnull);
		if (!isnull)
			result = add_columns(result, keys);
		if (constraint->conrelid == relid && constraint->confrelid == relid)
		{
			keys = SysCacheGetAttr(CONSTROID, tuple,
								   Anum_pg_constraint_confkey, &isnull);
			if (!isnull)
				result = add_columns(result, keys);
		}
		ReleaseSysCache(tuple);
	}
	relation_close(rel, AccessShareLock);
	return result;
}

static Bitmapset *
add_columns(Bitmapset *columns, Datum keys)
{
	ArrayType  *array = DatumGetArrayTypeP(keys);
	int16	   *attnums = (int16 *) ARR_DATA_PTR(array);
	int			i;

	for (i = 0; i < ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)); i++)
		columns = bms_add_member(columns, attnums[i]);
	return columns;
}

static void
check_relation(CG_RELATION_HOOK_PARAMS)
{
	RangeTblEntry *rte = CG_RELATION_HOOK_RTE;
	const CgProtection *p;

	if (prev_relation)
		prev_relation(CG_RELATION_HOOK_ARGS);

	/* CREATE INDEX and CLUSTER make a plan of a query without FROM. */
	if (root->parse->jointree == NULL || rte == NULL ||
		rte->rtekind != RTE_RELATION || !cg_search_ready())
		return;
	p = cg_protection(rte->relid);
	if (p == NULL || (cg_reads_all(p) && !cg_is_row_gated(p)))
		return;
	if (rte->enrname != NULL)
	{
		if (strlen(rte->enrname) > strlen(CG_RTE_MARK))
			hide_order(rel, p);
		return;
	}
	if (root->append_rel_array != NULL &&
		shows_no_protected(root->append_rel_array[rel->relid], p))
		return;
	cg_event_refused("reading without masks", rte->relid);
	ereport(ERROR,
			(errcode(CG_ERRCODE_EXPOSURE),
			 errmsg("table \"%s\" would be read without masks",
					get_rel_name(rte->relid)),
			 errdetail("Something put the table into the query after cipguard had looked at it."),
			 errhint("Write the query without the function or extension that does so.")));
}

/*
 * A scan of an index on a masked column would give rows in the order of the
 * values behind the masks, whatever it was made for.  A bitmap of it does not.
 * Equality is for whoever may search.
 */
static void
hide_order(RelOptInfo *rel, const CgProtection *p)
{
	ListCell   *lc;

	foreach(lc, rel->indexlist)
	{
		IndexOptInfo *index = lfirst_node(IndexOptInfo, lc);
		Bitmapset  *used = NULL;
		CgLevel		level = CG_LEVEL_READ;
		int			n = -1;
		int			i;

		/* Where the order is that of values, a bitmap tells it, too. */
		if (is_in_order(index, p))
		{
			rel->indexlist = foreach_delete_current(rel->indexlist, lc);
			continue;
		}

		/* Searching matches no expression. */
		pull_varattnos((Node *) index->indexprs, rel->relid, &used);
		while ((n = bms_next_member(used, n)) >= 0)
		{
			AttrNumber	attnum = n + FirstLowInvalidHeapAttributeNumber;

			if (attnum == InvalidAttrNumber ||
				cg_column_level(p, attnum) < CG_LEVEL_READ ||
				cg_is_gated(p, attnum))
				level = CG_LEVEL_NONE;
		}
		for (i = 0; i < index->ncolumns; i++)
		{
			const CgProtectedColumn *column =
			cg_protected_column(p, index->indexkeys[i]);

			/* The order of tokens tells nothing. */
			if (column == NULL || column->encrypted)
				continue;
			level = Min(level, cg_column_level(p, index->indexkeys[i]));
			if (cg_is_gated(p, index->indexkeys[i]))
				level = CG_LEVEL_NONE;
		}
		if (level == CG_LEVEL_READ)
			continue;
		index->sortopfamily = NULL;
		for (i = 0; i < index->ncolumns; i++)
			index->canreturn[i] = false;
		if (level == CG_LEVEL_NONE)
			index->amhasgettuple = false;
	}
}

/* Does it hold encrypted values in their order, which one may not read? */
static bool
is_in_order(IndexOptInfo *index, const CgProtection *p)
{
	int			i;

	for (i = 0; i < index->nkeycolumns; i++)
		if (cg_is_order_family(index->opfamily[i]) &&
			(cg_column_level(p, index->indexkeys[i]) < CG_LEVEL_READ ||
			 cg_is_gated(p, index->indexkeys[i])))
			return true;
	return false;
}

/*
 * A child whose parent has no protected columns: the query names columns of
 * the parent only.
 */
static bool
shows_no_protected(AppendRelInfo *info, const CgProtection *p)
{
	ListCell   *lc;

	if (info == NULL)
		return false;
	foreach(lc, info->translated_vars)
	{
		Var		   *var = lfirst(lc);

		if (var != NULL && IsA(var, Var) &&
			cg_protected_column(p, var->varattno) != NULL)
			return false;
	}
	return true;
}

/*
 * A new foreign key is first checked by one join, with the rights of whoever
 * adds it; PostgreSQL asks here, without an error, whether those suffice.
 * They do not suffice to compare what one may not read or search.  Answering
 * no makes it check row by row, as the owner of the table.
 */
static bool
check_permissions(CG_CHECK_PERMS_PARAMS)
{
	ListCell   *lc;

	if (!ereport_on_violation && cg_search_ready())
	{
		if (cg_search_forbids_join(rangeTable))
			return false;
		if (cg_masks())
			foreach(lc, rangeTable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
			const CgProtection *p = rte->rtekind != RTE_RELATION ? NULL :
			cg_protection(rte->relid);

			if (p != NULL && (!cg_reads_all(p) || cg_is_row_gated(p)))
				return false;
		}
	}
	return prev_check_perms == NULL ||
		prev_check_perms(CG_CHECK_PERMS_ARGS);
}

/* What a mark says of a column: a level, or that it was not protected. */
static inline bool
is_level(char c)
{
	return c == '-' || (c >= '0' && c <= '2') ||
		(c >= CG_RTE_GATED && c <= CG_RTE_GATED + 2);
}

/* Does what it says suffice for the current user? */
static bool
still_holds(char c, const CgProtection *p, AttrNumber attnum)
{
	if (c == '-')
		return cg_protected_column(p, attnum) == NULL ||
			(cg_column_level(p, attnum) == CG_LEVEL_READ &&
			 !cg_is_gated(p, attnum));
	if (c >= CG_RTE_GATED)
		return cg_column_level(p, attnum) >= (CgLevel) (c - CG_RTE_GATED);
	return cg_column_level(p, attnum) >= (CgLevel) (c - '0') &&
		(c == '0' || !cg_is_gated(p, attnum));
}

/* Is what the plan's user could read still what the current user can? */
static void
check_marks(QueryDesc *queryDesc, int eflags)
{
	const size_t len = strlen(CG_RTE_MARK);
	ListCell   *lc;

	cg_access_tick();
	if (cg_search_ready() && !IsParallelWorker())
		foreach(lc, queryDesc->plannedstmt->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
		const char *levels;
		const CgProtection *p;
		int			i;

		if (rte->rtekind != RTE_RELATION || rte->relkind == RELKIND_VIEW ||
			rte->relkind == RELKIND_COMPOSITE_TYPE)
			continue;
		p = cg_protection(rte->relid);
		if (p == NULL)
			continue;
		if (rte->enrname == NULL)
		{
			/* Planned before it was protected? */
			if (cg_reads_all(p) ||
				shows_no_protected(child_info(queryDesc->plannedstmt,
											  foreach_current_index(lc) + 1),
								   p))
				continue;
		}
		else
		{
			/* Others are of a policy, a foreign key or a parent. */
			Oid			marked = 0;

			for (levels = rte->enrname + len; *levels >= '0' &&
				 *levels <= '9'; levels++)
				marked = marked * 10 + (*levels - '0');
			if (marked != rte->relid)
				continue;
			if ((*levels++ == '+') == row_security)
			{
				for (i = 0; i < p->natts && is_level(levels[i]); i++)
					if (!still_holds(levels[i], p, i + 1))
						break;
				if (i >= p->natts || !is_level(levels[i]))
				{
					if (!(eflags & EXEC_FLAG_EXPLAIN_ONLY) && row_security)
						cg_report_masked(queryDesc->plannedstmt, rte, p);
					/* Who bypasses row security was given stored values. */
					if (!row_security && !(eflags & EXEC_FLAG_EXPLAIN_ONLY) &&
						!cg_reads_all(p))
						cg_journal_note("dump", p->relid);
					continue;
				}
			}
		}
		ResetPlanCache();
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the right to read table \"%s\" has changed since the statement was planned",
						get_rel_name(rte->relid)),
				 errhint("Execute the statement again; it will be planned anew.")));
	}
	if (!(eflags & EXEC_FLAG_EXPLAIN_ONLY) && cg_search_ready() &&
		!IsParallelWorker())
		cg_charge_compared(queryDesc->plannedstmt);
	if (prev_start)
		prev_start(queryDesc, eflags);
	else
		standard_ExecutorStart(queryDesc, eflags);
}

/* How a relation of a plan is a child there; NULL if it is none. */
static AppendRelInfo *
child_info(PlannedStmt *stmt, Index child)
{
	ListCell   *lc;

	foreach(lc, stmt->appendRelations)
		if (lfirst_node(AppendRelInfo, lc)->child_relid == child)
		return lfirst_node(AppendRelInfo, lc);
	return NULL;
}

/* So that the next statement of a function is planned by what is true now. */
static void
hear_news(QueryDesc *queryDesc)
{
	if (prev_end)
		prev_end(queryDesc);
	else
		standard_ExecutorEnd(queryDesc);
	AcceptInvalidationMessages();
}

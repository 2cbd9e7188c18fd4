/*
 * view_write.c
 *		Writing protected columns through masking views.
 *
 * A masking view shows protected columns as expressions, and PostgreSQL lets
 * nobody assign to those.  So assignments to them are hidden from the
 * rewriter: right after parsing they become entries that are "junk", which it
 * carries along and adapts as it does all expressions, and when the query, by
 * then one on the table, is planned, they become assignments to the columns
 * of the table (plan_assign.c goes on from there).  Everything else is as for
 * any automatically updatable view: the statement runs as the user, and the
 * owner of the view must have rights on the table.
 *
 * The right of the user on the column of the view, which the executor no
 * longer hears of, is asked for when the plan is made; such a plan depends on
 * the role.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parse_coerce.h"
#include "parser/parsetree.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"

#include "cipguard.h"
#include "guc.h"
#include "plan.h"
#include "view_write.h"

#define HIDDEN_NAME		"cipguard column %u %d"

static void hide_assignments(ParseState *pstate, Query *query,
							 CG_JUMBLE_STATE * jstate);
static void hide_in_query(Query *query);
static List *hide(List *targets, Query *query);
static void refuse_default(Query *query, TargetEntry *tle);
static bool is_plain_column(Relation view, AttrNumber attnum);
static void require_update(Oid view, AttrNumber attnum, CmdType command);
static int	compare_targets(const ListCell *a, const ListCell *b);

static post_parse_analyze_hook_type prev_analyze = NULL;

void
cg_view_write_init(void)
{
	if (!cg_masks())
		return;
	prev_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = hide_assignments;
}

static void
hide_assignments(ParseState *pstate, Query *query, CG_JUMBLE_STATE * jstate)
{
	ListCell   *lc;

	if (prev_analyze)
		prev_analyze(pstate, query, jstate);
	/* ROLLBACK comes here too, when the catalogs cannot be read any more. */
	if (query->commandType == CMD_UTILITY || !cg_search_ready())
		return;
	hide_in_query(query);
	foreach(lc, query->cteList)
		hide_in_query((Query *) lfirst_node(CommonTableExpr, lc)->ctequery);
}

static void
hide_in_query(Query *query)
{
	RangeTblEntry *rte;
	ListCell   *lc;

	if (query->commandType != CMD_INSERT && query->commandType != CMD_UPDATE &&
		query->commandType != CMD_MERGE)
		return;
	rte = rt_fetch(query->resultRelation, query->rtable);
	if (rte->relkind != RELKIND_VIEW)
		return;
	if (query->commandType != CMD_MERGE)
		query->targetList = hide(query->targetList, query);
	if (query->onConflict != NULL)
		query->onConflict->onConflictSet =
			hide(query->onConflict->onConflictSet, query);
	foreach(lc, query->mergeActionList)
	{
		MergeAction *action = lfirst_node(MergeAction, lc);

		action->targetList = hide(action->targetList, query);
	}
}

/* A default is the table's, which it has without being told. */
static List *
hide(List *targets, Query *query)
{
	RangeTblEntry *rte = rt_fetch(query->resultRelation, query->rtable);
	Relation	view = relation_open(rte->relid, AccessShareLock);
	ListCell   *lc;

	if (view->rd_rel->relowner == get_role_oid(CG_ROLE_MASKER, true) &&
		view->trigdesc == NULL &&
		view->rd_rules != NULL && view->rd_rules->numLocks == 1)
		foreach(lc, targets)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk || tle->resno > view->rd_att->natts ||
			is_plain_column(view, tle->resno))
			continue;
		if (IsA(tle->expr, SetToDefault))
		{
			if (query->commandType == CMD_INSERT)
				targets = foreach_delete_current(targets, lc);
			continue;
		}
		refuse_default(query, tle);
		cg_forget_modified(query, rte,
						   tle->resno - FirstLowInvalidHeapAttributeNumber);
		tle->resname = psprintf(HIDDEN_NAME, rte->relid, tle->resno);
		tle->resjunk = true;
	}
	relation_close(view, AccessShareLock);
	return targets;
}

/* Among several rows of VALUES, the rewriter would have to put it in. */
static void
refuse_default(Query *query, TargetEntry *tle)
{
	Var		   *var = (Var *) strip_implicit_coercions((Node *) tle->expr);
	RangeTblEntry *rte;
	ListCell   *lc;

	if (!IsA(var, Var) || var->varattno <= 0)
		return;
	rte = rt_fetch(var->varno, query->rtable);
	if (rte->rtekind != RTE_VALUES)
		return;
	foreach(lc, rte->values_lists)
		if (IsA(list_nth(lfirst(lc), var->varattno - 1), SetToDefault))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("DEFAULT among several rows cannot be inserted into a protected column through a masking view"),
				 errhint("Insert these rows with a statement that leaves the column out.")));
}

/* Does a column of a view show a column of a table as it is? */
static bool
is_plain_column(Relation view, AttrNumber attnum)
{
	Query	   *query;
	ListCell   *lc;

	if (view->rd_rules == NULL || view->rd_rules->numLocks != 1)
		return true;
	query = linitial_node(Query, view->rd_rules->rules[0]->actions);
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resno == attnum)
			return IsA(tle->expr, Var);
	}
	return true;
}

List *
cg_take_hidden(List *targets, Query *query)
{
	RangeTblEntry *rte = rt_fetch(query->resultRelation, query->rtable);
	List	   *result = NIL;
	List	   *junk = NIL;
	List	   *taken = NIL;
	ListCell   *lc;
	AttrNumber	next = 1;

	foreach(lc, targets)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Oid			view;
		int			column;
		AttrNumber	attnum;
		Oid			type;
		int32		typmod;
		Oid			collid;
		Node	   *value;

		if (!tle->resjunk || tle->resname == NULL ||
			sscanf(tle->resname, HIDDEN_NAME, &view, &column) != 2)
			continue;
		attnum = get_attnum(rte->relid, get_attname(view, column, false));
		require_update(view, column, query->commandType);
		get_atttypetypmodcoll(rte->relid, attnum, &type, &typmod, &collid);
		value = coerce_to_target_type(NULL, (Node *) tle->expr,
									  exprType((Node *) tle->expr), type,
									  typmod, COERCION_ASSIGNMENT,
									  COERCE_IMPLICIT_CAST, -1);
		if (value == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of the table is of another type than that of its masking view",
							get_attname(rte->relid, attnum, false)),
					 errhint("Write the column through the table.")));
		cg_note_modified(query, rte,
						 attnum - FirstLowInvalidHeapAttributeNumber);
		taken = lappend(taken, makeTargetEntry((Expr *) value, attnum,
											   get_attname(rte->relid, attnum,
														   false), false));
	}
	if (taken == NIL)
		return targets;

	/* In the order of the columns, without the defaults they replace. */
	foreach(lc, targets)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		bool		replaced = tle->resjunk;
		ListCell   *other;

		foreach(other, taken)
			if (lfirst_node(TargetEntry, other)->resno == tle->resno)
			replaced = true;
		if (!replaced)
			result = lappend(result, tle);
		else if (tle->resjunk &&
				 (tle->resname == NULL ||
				  strncmp(tle->resname, HIDDEN_NAME,
						  strlen("cipguard column ")) != 0))
			junk = lappend(junk, tle);
	}
	result = list_concat(result, taken);
	list_sort(result, compare_targets);
	foreach(lc, result)
		next = Max(next, lfirst_node(TargetEntry, lc)->resno + 1);
	foreach(lc, junk)
		lfirst_node(TargetEntry, lc)->resno = next++;
	return list_concat(result, junk);
}

static void
require_update(Oid view, AttrNumber attnum, CmdType command)
{
	AclMode		mode = command == CMD_INSERT ? ACL_INSERT : ACL_UPDATE;

	if (pg_class_aclcheck(view, GetUserId(), mode) != ACLCHECK_OK &&
		pg_attribute_aclcheck(view, attnum, GetUserId(), mode) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_VIEW, get_rel_name(view));
}

static int
compare_targets(const ListCell *a, const ListCell *b)
{
	return lfirst_node(TargetEntry, a)->resno -
		lfirst_node(TargetEntry, b)->resno;
}

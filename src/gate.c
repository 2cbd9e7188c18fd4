/*
 * gate.c
 *		Utility statements that show or copy stored values.
 *
 * The planner never sees most utility statements.  COPY table TO becomes COPY
 * (SELECT ...) TO, which does see it.  What a reader copies with CREATE TABLE
 * AS or a materialised view keeps its labels: the plan tells the categories
 * of its columns.  What only readers may do is in gate_ddl.c.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "commands/seclabel.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/utility.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "compat.h"

#include "category.h"
#include "cipguard.h"
#include "gate.h"
#include "gate_ddl.h"
#include "guc.h"
#include "journal.h"
#include "label.h"
#include "plan.h"
#include "plan_mask.h"

static void gate_utility(PlannedStmt *pstmt, const char *query_string,
						 bool read_only_tree, ProcessUtilityContext context,
						 ParamListInfo params, QueryEnvironment *env,
						 DestReceiver *dest, QueryCompletion *qc);
static void gate_run(CG_EXECUTOR_RUN_PARAMS);
static CopyStmt *copy_to_query(CopyStmt *stmt);
static void note_copy(List *range_table);
static void label_copy(void);
static void note_table(ObjectAccessType access, Oid classId, Oid objectId,
					   int subId, void *arg);
static void tell_family(AlterTableStmt *stmt);
static void mark_unfilled(CreateTableAsStmt *stmt);
static bool stores_encrypted(QueryDesc *queryDesc);

static ProcessUtility_hook_type prev_utility = NULL;
static ExecutorRun_hook_type prev_run = NULL;
static object_access_hook_type prev_object = NULL;
static bool result_is_stored = false;

/* The copy that the utility statement at work makes. */
typedef struct CgCopy
{
	Oid			relid;			/* of the table or materialised view */
	char	   *categories;		/* of its columns, as the plan tells */
} CgCopy;

static CgCopy copy;

/* Who gave the utility statement at work. */
static Oid	judged_user = InvalidOid;

void
cg_gate_init(void)
{
	if (!cg_masks())
		return;
	prev_utility = ProcessUtility_hook;
	ProcessUtility_hook = gate_utility;
	prev_run = ExecutorRun_hook;
	ExecutorRun_hook = gate_run;
	prev_object = object_access_hook;
	object_access_hook = note_table;
}

bool
cg_result_is_stored(void)
{
	return result_is_stored;
}

/*
 * Does a statement store its result, and could that hold masks of encrypted
 * columns as such?
 */
static bool
stores_encrypted(QueryDesc *queryDesc)
{
	int			i;

	for (i = 0; queryDesc->tupDesc != NULL && i < queryDesc->tupDesc->natts;
		 i++)
		if (cg_holds_encrypted(TupleDescAttr(queryDesc->tupDesc, i)->atttypid))
			return true;
	return false;
}

/* Keep the categories that the plan carries until the copy is there. */
static void
note_copy(List *range_table)
{
	ListCell   *lc;

	foreach(lc, range_table)
	{
		const char *mark = lfirst_node(RangeTblEntry, lc)->enrname;
		const char *list = mark == NULL ||
		strncmp(mark, CG_RTE_MARK, strlen(CG_RTE_MARK)) != 0 ? NULL :
		strchr(mark, CG_RTE_CATEGORIES);

		if (list != NULL)
		{
			copy.categories = MemoryContextStrdup(TopTransactionContext,
												  list + 1);
			return;
		}
	}
}

static void
gate_run(CG_EXECUTOR_RUN_PARAMS)
{
	ExecutorRun_hook_type next = prev_run ? prev_run : standard_ExecutorRun;
	bool		saved = result_is_stored;
	bool		stores = saved;

	if (queryDesc->dest->mydest == DestIntoRel ||
		queryDesc->dest->mydest == DestTransientRel)
	{
		note_copy(queryDesc->plannedstmt->rtable);
		stores = saved || stores_encrypted(queryDesc);
	}
	if (stores == saved)
	{
		next(CG_EXECUTOR_RUN_ARGS);
		return;
	}

	/* Workers would not know. */
	queryDesc->plannedstmt->parallelModeNeeded = false;
	result_is_stored = true;
	PG_TRY();
	{
		next(CG_EXECUTOR_RUN_ARGS);
	}
	PG_FINALLY();
	{
		result_is_stored = saved;
	}
	PG_END_TRY();
}

static void
gate_utility(PlannedStmt *pstmt, const char *query_string,
			 bool read_only_tree, ProcessUtilityContext context,
			 ParamListInfo params, QueryEnvironment *env,
			 DestReceiver *dest, QueryCompletion *qc)
{
	ProcessUtility_hook_type next = prev_utility ? prev_utility :
	standard_ProcessUtility;
	Node	   *stmt = pstmt->utilityStmt;
	CgCopy		outer = copy;
	Oid			outer_user = judged_user;

	/* In this order: ROLLBACK comes here too. */
	if (IsTransactionState() && cg_search_ready())
	{
		if (IsA(stmt, CopyStmt))
		{
			CopyStmt   *query = copy_to_query((CopyStmt *) stmt);

			if (query != (CopyStmt *) stmt)
			{
				pstmt = copyObject(pstmt);
				pstmt->utilityStmt = (Node *) query;
			}
		}
		else
			cg_gate_ddl(stmt);
	}

	judged_user = GetUserId();
	memset(&copy, 0, sizeof(copy));
	if (IsA(stmt, RefreshMatViewStmt))
		copy.relid = cg_gate_resolve(((RefreshMatViewStmt *) stmt)->relation);
	PG_TRY();
	{
		next(pstmt, query_string, read_only_tree, context, params, env, dest,
			 qc);
		if (IsA(stmt, CreateTableAsStmt) && OidIsValid(copy.relid))
			mark_unfilled((CreateTableAsStmt *) stmt);
		if (copy.categories != NULL && OidIsValid(copy.relid))
			label_copy();
	}
	PG_FINALLY();
	{
		copy = outer;
		judged_user = outer_user;
	}
	PG_END_TRY();
	if (IsA(stmt, AlterTableStmt))
		tell_family((AlterTableStmt *) stmt);
}

/* A table that is made without data gets its labels all the same. */
static void
mark_unfilled(CreateTableAsStmt *stmt)
{
	List	   *queries;

	if (!stmt->into->skipData || stmt->objtype != OBJECT_TABLE ||
		!IsA(stmt->query, Query) ||
		((Query *) stmt->query)->commandType != CMD_SELECT)
		return;
	queries = QueryRewrite(copyObject((Query *) stmt->query));
	if (list_length(queries) == 1)
	{
		cg_mark_query(linitial_node(Query, queries));
		note_copy(linitial_node(Query, queries)->rtable);
	}
}

/* What is inherited has changed for all below. */
static void
tell_family(AlterTableStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);
		Oid			relid = InvalidOid;

		if (cmd->subtype == AT_AttachPartition ||
			cmd->subtype == AT_DetachPartition)
			relid = RangeVarGetRelid(((PartitionCmd *) cmd->def)->name,
									 NoLock, true);
		else if (cmd->subtype == AT_AddInherit ||
				 cmd->subtype == AT_DropInherit)
			relid = RangeVarGetRelid(stmt->relation, NoLock, true);
		if (OidIsValid(relid))
			cg_invalidate_family(relid);
	}
}

/*
 * COPY table TO as a query, so that it is planned.  Whoever bypasses row
 * security, and has switched it off, gets what is stored.
 */
static CopyStmt *
copy_to_query(CopyStmt *stmt)
{
	Oid			relid;
	const CgProtection *p;
	SelectStmt *select;
	CopyStmt   *result;
	List	   *columns = NIL;
	ListCell   *lc;
	char		relkind;

	if (stmt->relation == NULL)
		return stmt;
	if (stmt->is_from)
	{
		(void) cg_gate_resolve(stmt->relation);
		return stmt;
	}
	/* Locked, so that a label that is just being set is not missed. */
	relid = RangeVarGetRelid(stmt->relation, AccessShareLock, true);
	if (!OidIsValid(relid))
		return stmt;
	p = cg_protection(relid);
	relkind = get_rel_relkind(relid);
	if (p == NULL || (relkind != RELKIND_RELATION &&
					  relkind != RELKIND_MATVIEW &&
					  (relkind != RELKIND_PARTITIONED_TABLE ||
					   !CG_COPIES_PARTITIONED)))
		return stmt;
	if (!row_security && cg_bypasses_row_security(p))
	{
		cg_journal_note("dump", relid);
		return stmt;
	}
	select = makeNode(SelectStmt);
	if (stmt->attlist == NIL)
	{
		Relation	rel = relation_open(relid, AccessShareLock);
		int			i;

		for (i = 0; i < rel->rd_att->natts; i++)
		{
			Form_pg_attribute att = TupleDescAttr(rel->rd_att, i);

			if (!att->attisdropped && att->attgenerated == '\0')
				columns = lappend(columns,
								  makeString(pstrdup(NameStr(att->attname))));
		}
		relation_close(rel, AccessShareLock);
	}
	else
	{
		columns = stmt->attlist;
		/* For its own message about what cannot be copied. */
		foreach(lc, columns)
		{
			AttrNumber	attnum = get_attnum(relid, strVal(lfirst(lc)));

			if (attnum <= 0 || get_attgenerated(relid, attnum) != '\0')
				return stmt;
		}
	}
	foreach(lc, columns)
	{
		ColumnRef  *column = makeNode(ColumnRef);
		ResTarget  *target = makeNode(ResTarget);

		column->fields = list_make1(lfirst(lc));
		column->location = -1;
		target->val = (Node *) column;
		target->location = -1;
		select->targetList = lappend(select->targetList, target);
	}
	select->fromClause = list_make1(copyObject(stmt->relation));
	linitial_node(RangeVar, select->fromClause)->inh =
		relkind == RELKIND_PARTITIONED_TABLE;

	result = copyObject(stmt);
	result->relation = NULL;
	result->attlist = NIL;
	result->query = (Node *) select;
	return result;
}

/* The copy of a labelled column is labelled, too. */
static void
label_copy(void)
{
	char	   *list = copy.categories;
	int			column;

	for (column = 1; *list != '\0'; column++)
	{
		int32		id = (int32) strtol(list, &list, 10);
		ObjectAddress object;

		if (*list == ',')
			list++;
		if (id == CG_NO_CATEGORY)
			continue;
		if (id == CG_MANY_CATEGORIES)
			ereport(ERROR,
					(errcode(CG_ERRCODE_EXPOSURE),
					 errmsg("column \"%s\" would hold values of several categories",
							get_attname(copy.relid, column, false)),
					 errdetail("A column can have the protection of one category."),
					 errhint("Copy the protected columns one by one.")));
		ObjectAddressSubSet(object, RelationRelationId, copy.relid, column);
		if (GetSecurityLabel(&object, CG_SCHEMA) == NULL)
			SetSecurityLabel(&object, CG_SCHEMA,
							 NameStr(cg_category_by_id(id, false)->name));
	}
	CommandCounterIncrement();
	CacheInvalidateRelcacheByRelid(copy.relid);
}

/* The first table that a copying statement makes is the copy. */
static void
note_table(ObjectAccessType access, Oid classId, Oid objectId, int subId,
		   void *arg)
{
	if (prev_object)
		prev_object(access, classId, objectId, subId, arg);
	if (access == OAT_POST_CREATE && classId == RelationRelationId &&
		subId == 0 && !OidIsValid(copy.relid))
		copy.relid = objectId;
	if (access == OAT_POST_CREATE || access == OAT_POST_ALTER)
	{
		Oid			user;
		int			context;

		/* CREATE INDEX acts as the table's owner, whoever asked for it. */
		GetUserIdAndSecContext(&user, &context);
		if (OidIsValid(judged_user) &&
			(context & SECURITY_RESTRICTED_OPERATION) != 0)
			SetUserIdAndSecContext(judged_user, context);
		cg_gate_object(classId, objectId);
		SetUserIdAndSecContext(user, context);
	}
}

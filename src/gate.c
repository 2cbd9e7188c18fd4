/*
 * gate.c
 *		Utility statements on protected tables.
 *
 * The planner never sees most utility statements, but some of them show or
 * copy stored values, or let code of the caller's choice run over them:
 *
 * - COPY table TO becomes COPY (SELECT ...) TO, which does see the planner.
 * - What a reader copies with CREATE TABLE AS or a materialised view keeps
 *   its labels: the plan tells the categories of its columns.
 * - Triggers, rules, policies, checks, generated columns, partial and
 *   expression indexes, expression statistics, ALTER TYPE and publications
 *   on a protected table are refused to whoever may not read it, as is what
 *   would take a child out of the reach of its parent's labels.  So is
 *   replacing a function that such an object calls.
 *
 * The statement is looked at first, which gives the better message; the
 * object access hook looks again at what was made, by whatever statement.
 *
 * Superusers pass: they could grant themselves the right, and the audit log
 * tells.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_trigger.h"
#include "commands/seclabel.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "replication/walsender.h"
#include "tcop/utility.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"

#include "catalog.h"
#include "cipguard.h"
#include "gate.h"
#include "guc.h"
#include "journal.h"
#include "label.h"
#include "plan.h"
#include "plan_mask.h"

static void gate_utility(PlannedStmt *pstmt, const char *query_string,
						 bool read_only_tree, ProcessUtilityContext context,
						 ParamListInfo params, QueryEnvironment *env,
						 DestReceiver *dest, QueryCompletion *qc);
static void gate_start(QueryDesc *queryDesc, int eflags);
static void gate_run(CG_EXECUTOR_RUN_PARAMS);
static void gate_object(ObjectAccessType access, Oid classId, Oid objectId,
						int subId, void *arg);
static void look_at(Node *stmt);
static void look_at_alter_table(AlterTableStmt *stmt);
static void look_at_create(CreateStmt *stmt);
static void look_at_pair(Oid parent, Oid child);
static bool runs_code(Oid relid);
static void look_at_publication(List *objects);
static bool has_check(List *constraints);
static CopyStmt *copy_to_query(CopyStmt *stmt);
static void note_copy(PlannedStmt *stmt);
static void label_copy(void);
static void tell_family(AlterTableStmt *stmt);
static Oid	resolve(RangeVar *relation);
static const CgProtection *forbidden(Oid relid);
static void refuse(const CgProtection *p, const char *what);
static void refuse_if_forbidden(RangeVar *relation, const char *what);
static bool function_is_readers(Oid func, const CgProtection *p);
static Oid	relation_of(Oid class_id, Oid object_id);
static Oid	trigger_relation(Oid trigger);
static char constraint_type(Oid constraint);
static void look_at_function(Oid func);

static ProcessUtility_hook_type prev_utility = NULL;
static ExecutorStart_hook_type prev_start = NULL;
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

void
cg_gate_init(void)
{
	if (!cg_masks())
		return;
	prev_utility = ProcessUtility_hook;
	ProcessUtility_hook = gate_utility;
	prev_start = ExecutorStart_hook;
	ExecutorStart_hook = gate_start;
	prev_run = ExecutorRun_hook;
	ExecutorRun_hook = gate_run;
	prev_object = object_access_hook;
	object_access_hook = gate_object;
}

bool
cg_result_is_stored(void)
{
	return result_is_stored;
}

static bool
stores(DestReceiver *dest)
{
	return dest->mydest == DestIntoRel || dest->mydest == DestTransientRel;
}

/*
 * Workers do not know where the result goes, so what might bring a mask of
 * an encrypted column there runs without them.
 */
static void
gate_start(QueryDesc *queryDesc, int eflags)
{
	if (prev_start)
		prev_start(queryDesc, eflags);
	else
		standard_ExecutorStart(queryDesc, eflags);
	if (stores(queryDesc->dest) && queryDesc->tupDesc != NULL)
	{
		int			i;

		note_copy(queryDesc->plannedstmt);
		for (i = 0; i < queryDesc->tupDesc->natts; i++)
			if (cg_holds_encrypted(TupleDescAttr(queryDesc->tupDesc,
												 i)->atttypid))
				queryDesc->plannedstmt->parallelModeNeeded = false;
	}
}

/* Keep the categories that the plan carries until the copy is there. */
static void
note_copy(PlannedStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->rtable)
	{
		const char *mark = lfirst_node(RangeTblEntry, lc)->enrname;
		const char *list = mark == NULL ||
		strncmp(mark, CG_RTE_MARK, strlen(CG_RTE_MARK)) != 0 ? NULL :
		strchr(mark, CG_RTE_CATEGORIES);

		if (list != NULL)
		{
			copy.categories = pstrdup(list + 1);
			return;
		}
	}
}

static void
gate_run(CG_EXECUTOR_RUN_PARAMS)
{
	ExecutorRun_hook_type next = prev_run ? prev_run : standard_ExecutorRun;
	bool		saved = result_is_stored;

	if (stores(queryDesc->dest) == saved)
	{
		next(CG_EXECUTOR_RUN_ARGS);
		return;
	}
	result_is_stored = !saved;
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

	if (cg_search_ready() && IsTransactionState())
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
			look_at(stmt);
	}

	memset(&copy, 0, sizeof(copy));
	if (IsA(stmt, RefreshMatViewStmt))
		copy.relid = resolve(((RefreshMatViewStmt *) stmt)->relation);
	PG_TRY();
	{
		next(pstmt, query_string, read_only_tree, context, params, env, dest,
			 qc);
		if (copy.categories != NULL && OidIsValid(copy.relid))
			label_copy();
	}
	PG_FINALLY();
	{
		copy = outer;
	}
	PG_END_TRY();
	if (IsA(stmt, AlterTableStmt))
		tell_family((AlterTableStmt *) stmt);
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

/* Refuse what only readers may do. */
static void
look_at(Node *stmt)
{
	ListCell   *lc;

	switch (nodeTag(stmt))
	{
		case T_AlterTableStmt:
			look_at_alter_table((AlterTableStmt *) stmt);
			break;
		case T_CreateStmt:
			look_at_create((CreateStmt *) stmt);
			break;
		case T_IndexStmt:
			{
				IndexStmt  *index = (IndexStmt *) stmt;
				bool		expression = index->whereClause != NULL;

				foreach(lc, index->indexParams)
					if (lfirst_node(IndexElem, lc)->expr != NULL)
					expression = true;
				if (expression)
					refuse_if_forbidden(index->relation,
										"a partial or expression index");
				else
					(void) resolve(index->relation);
				break;
			}
		case T_CreateStatsStmt:
			foreach(lc, ((CreateStatsStmt *) stmt)->exprs)
				if (lfirst_node(StatsElem, lc)->expr != NULL)
				refuse_if_forbidden(linitial(((CreateStatsStmt *) stmt)->relations),
									"statistics of an expression");
			break;
		case T_CreateTrigStmt:
			{
				CreateTrigStmt *trigger = (CreateTrigStmt *) stmt;
				const CgProtection *p = forbidden(resolve(trigger->relation));

				if (p != NULL &&
					!function_is_readers(LookupFuncName(trigger->funcname, 0,
														NULL, true), p))
					refuse(p, "a trigger");
				break;
			}
		case T_RuleStmt:
			refuse_if_forbidden(((RuleStmt *) stmt)->relation, "a rule");
			break;
		case T_CreatePolicyStmt:
			refuse_if_forbidden(((CreatePolicyStmt *) stmt)->table,
								"a policy");
			break;
		case T_AlterPolicyStmt:
			refuse_if_forbidden(((AlterPolicyStmt *) stmt)->table,
								"a policy");
			break;
		case T_CreatePublicationStmt:
			look_at_publication(((CreatePublicationStmt *) stmt)->pubobjects);
			break;
		case T_AlterPublicationStmt:
			look_at_publication(((AlterPublicationStmt *) stmt)->pubobjects);
			break;
		case T_RefreshMatViewStmt:
			(void) resolve(((RefreshMatViewStmt *) stmt)->relation);
			break;
		case T_ReindexStmt:
			(void) resolve(((ReindexStmt *) stmt)->relation);
			break;
		default:
			break;
	}
}

static void
look_at_alter_table(AlterTableStmt *stmt)
{
	Oid			relid = resolve(stmt->relation);
	const CgProtection *p = forbidden(relid);
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_AttachPartition)
			look_at_pair(relid, resolve(((PartitionCmd *) cmd->def)->name));
		else if (cmd->subtype == AT_AddInherit)
			look_at_pair(resolve((RangeVar *) cmd->def), relid);
		if (p == NULL)
			continue;
		switch (cmd->subtype)
		{
			case AT_AlterColumnType:
				if (((ColumnDef *) cmd->def)->raw_default != NULL ||
					cg_protected_column(p, get_attnum(relid,
													  cmd->name)) != NULL)
					refuse(p, "another type of a column");
				break;
			case AT_AddColumn:
				if (has_check(((ColumnDef *) cmd->def)->constraints))
					refuse(p, "a check or generated column");
				break;
			case AT_AddConstraint:
				if (has_check(list_make1(cmd->def)))
					refuse(p, "a check or exclusion constraint");
				break;
			case AT_ValidateConstraint:
				{
					Oid			oid = get_relation_constraint_oid(relid,
																  cmd->name,
																  true);

					if (OidIsValid(oid) &&
						constraint_type(oid) == CONSTRAINT_CHECK)
						refuse(p, "validation of a check");
					break;
				}
			case AT_DetachPartition:
			case AT_DropInherit:
				refuse(p, "detaching from its parent or partition");
				break;
			default:
				break;
		}
	}
}

/* A partition or child that is made with code of its own. */
static void
look_at_create(CreateStmt *stmt)
{
	bool		check = has_check(stmt->constraints);
	ListCell   *lc;

	foreach(lc, stmt->tableElts)
	{
		Node	   *element = lfirst(lc);

		if (IsA(element, ColumnDef))
			check = check || has_check(((ColumnDef *) element)->constraints);
		else if (IsA(element, Constraint))
			check = check || has_check(list_make1(element));
	}
	if (check)
		foreach(lc, stmt->inhRelations)
			refuse_if_forbidden(lfirst_node(RangeVar, lc),
								"a child with a check or generated column");
}

/*
 * Parent and child to be: the code of one would come to see the rows of the
 * other.
 */
static void
look_at_pair(Oid parent, Oid child)
{
	if (!OidIsValid(parent) || !OidIsValid(child) ||
		(forbidden(parent) == NULL && forbidden(child) == NULL))
		return;
	if (runs_code(parent) || runs_code(child))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to make \"%s\" a child of \"%s\"",
						get_rel_name(child), get_rel_name(parent)),
				 errdetail("One of them is protected, and there are triggers, rules, checks, generated columns or expression indexes, which would see values that you may not read."),
				 errhint("Attach it first, or ask somebody who may read.")));
}

static bool
runs_code(Oid relid)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	bool		result;
	ListCell   *lc;

	result = rel->trigdesc != NULL || rel->rd_rules != NULL ||
		(rel->rd_att->constr != NULL &&
		 (rel->rd_att->constr->num_check > 0 ||
		  cg_has_generated(rel->rd_att)));
	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index = relation_open(lfirst_oid(lc), AccessShareLock);

		result = result || !heap_attisnull(index->rd_indextuple,
										   Anum_pg_index_indexprs, NULL) ||
			!heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred,
							NULL);
		relation_close(index, AccessShareLock);
	}
	relation_close(rel, AccessShareLock);
	return result;
}

static void
look_at_publication(List *objects)
{
	ListCell   *lc;

	foreach(lc, objects)
	{
		PublicationObjSpec *object = lfirst_node(PublicationObjSpec, lc);

		if (object->pubobjtype == PUBLICATIONOBJ_TABLE &&
			object->pubtable != NULL)
			refuse_if_forbidden(object->pubtable->relation, "a publication");
	}
}

static bool
has_check(List *constraints)
{
	ListCell   *lc;

	foreach(lc, constraints)
	{
		Constraint *constraint = lfirst(lc);
		ListCell   *elem;

		if (!IsA(constraint, Constraint))
			continue;
		if (constraint->contype == CONSTR_CHECK ||
			constraint->contype == CONSTR_GENERATED)
			return true;
		if (constraint->contype != CONSTR_EXCLUSION)
			continue;
		if (constraint->where_clause != NULL)
			return true;
		foreach(elem, constraint->exclusions)
			if (linitial_node(IndexElem, lfirst(elem))->expr != NULL)
			return true;
	}
	return false;
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
	relid = resolve(stmt->relation);
	if (stmt->is_from || !OidIsValid(relid))
		return stmt;
	p = cg_protection(relid);
	relkind = get_rel_relkind(relid);
	if (p == NULL || (relkind != RELKIND_RELATION &&
					  relkind != RELKIND_MATVIEW))
		return stmt;
	if (!row_security && cg_bypasses_row_security(p))
	{
		cg_journal_note("dump", relid);
		return stmt;
	}
	if (am_walsender && !cg_reads_plain(p))
		ereport(ERROR,
				(errcode(CG_ERRCODE_EXPOSURE),
				 errmsg("table \"%s\" cannot be replicated by a role that sees masks of it",
						get_rel_name(relid)),
				 errdetail("The copy would hold masks, and the changes that follow real values."),
				 errhint("Let the subscription connect as a role that may read, or leave the table out of the publication.")));

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
	((RangeVar *) linitial(select->fromClause))->inh = false;

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

/*
 * The table that a statement names.  Its protection is looked up, so that an
 * error about it can be told from one about a plain table.
 */
static Oid
resolve(RangeVar *relation)
{
	Oid			relid;

	if (relation == NULL)
		return InvalidOid;
	relid = RangeVarGetRelid(relation, NoLock, true);
	if (OidIsValid(relid))
		(void) cg_protection(relid);
	return relid;
}

/*
 * Its protection, if the current user may not read all of it.  In a table
 * that this transaction made, and that has no children yet, are no values but
 * its own.
 */
static const CgProtection *
forbidden(Oid relid)
{
	const CgProtection *p = OidIsValid(relid) ? cg_protection(relid) : NULL;
	Relation	rel;
	bool		fresh;

	if (p == NULL || superuser() || cg_reads_all(p))
		return NULL;
	rel = try_relation_open(relid, AccessShareLock);
	if (rel == NULL)
		return NULL;
	fresh = rel->rd_createSubid != InvalidSubTransactionId &&
		!rel->rd_rel->relhassubclass;
	relation_close(rel, AccessShareLock);
	return fresh ? NULL : p;
}

static void
refuse(const CgProtection *p, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for %s: table \"%s\" is protected",
					what, get_rel_name(p->relid)),
			 errdetail("It could show or copy values that you may not read."),
			 errhint("Ask somebody who may read all its protected columns, or an officer for %s.",
					 "cipguard.grant_access(..., 'read')")));
}

static void
refuse_if_forbidden(RangeVar *relation, const char *what)
{
	const CgProtection *p = forbidden(resolve(relation));

	if (p != NULL)
		refuse(p, what);
}

/* Is a function the work of somebody who may read the table, or ours? */
static bool
function_is_readers(Oid func, const CgProtection *p)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(func));
	Form_pg_proc proc;
	Oid			user;
	int			context;
	Oid			owner;
	bool		ours;
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return true;			/* the statement will say so */
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	owner = proc->proowner;
	ours = proc->pronamespace == cg_schema_oid();
	ReleaseSysCache(tuple);
	if (ours)
		return true;
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(owner, context);
	result = cg_reads_all(p);
	SetUserIdAndSecContext(user, context);
	return result;
}

static void
gate_object(ObjectAccessType access, Oid classId, Oid objectId, int subId,
			void *arg)
{
	const char *what = NULL;
	const CgProtection *p;

	if (prev_object)
		prev_object(access, classId, objectId, subId, arg);
	/* The first table that a copying statement makes is the copy. */
	if (access == OAT_POST_CREATE && classId == RelationRelationId &&
		subId == 0 && !OidIsValid(copy.relid))
		copy.relid = objectId;
	if ((access != OAT_POST_CREATE && access != OAT_POST_ALTER) ||
		superuser() || !cg_search_ready())
		return;
	switch (classId)
	{
		case ProcedureRelationId:
			look_at_function(objectId);
			return;
		case TriggerRelationId:
			what = "a trigger";
			break;
		case PolicyRelationId:
			what = "a policy";
			break;
		case RewriteRelationId:
			what = "a rule";
			break;
		case ConstraintRelationId:
			what = "a check";
			break;
		case AttrDefaultRelationId:
			what = "a generated column";
			break;
		case StatisticExtRelationId:
			what = "statistics of an expression";
			break;
		default:
			return;
	}
	p = forbidden(relation_of(classId, objectId));
	if (p != NULL)
		refuse(p, what);
}

/*
 * The table that a new object runs code on; InvalidOid if it runs none, or
 * none that its table's parent did not run before.  The row may be too new
 * for the caches.
 */
static Oid
relation_of(Oid class_id, Oid object_id)
{
	static const struct
	{
		Oid			class_id;
		Oid			index;
		AttrNumber	oid_column;
	}			sources[] = {
		{TriggerRelationId, TriggerOidIndexId, Anum_pg_trigger_oid},
		{PolicyRelationId, PolicyOidIndexId, Anum_pg_policy_oid},
		{RewriteRelationId, RewriteOidIndexId, Anum_pg_rewrite_oid},
		{ConstraintRelationId, ConstraintOidIndexId, Anum_pg_constraint_oid},
		{AttrDefaultRelationId, AttrDefaultOidIndexId, Anum_pg_attrdef_oid},
		{StatisticExtRelationId, StatisticExtOidIndexId,
		Anum_pg_statistic_ext_oid}
	};
	Relation	rel;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			result = InvalidOid;
	int			i = 0;

	while (sources[i].class_id != class_id)
		i++;
	rel = table_open(class_id, AccessShareLock);
	ScanKeyInit(&key, sources[i].oid_column, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(object_id));
	scan = systable_beginscan(rel, sources[i].index, true, SnapshotSelf, 1,
							  &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		void	   *form = GETSTRUCT(tuple);

		switch (class_id)
		{
			case TriggerRelationId:
				{
					Form_pg_trigger trigger = form;
					const CgProtection *p;

					/* Foreign keys, and clones for partitions. */
					if (trigger->tgisinternal ||
						OidIsValid(trigger->tgparentid))
						break;
					p = cg_protection(trigger->tgrelid);
					if (p != NULL && !function_is_readers(trigger->tgfoid, p))
						result = trigger->tgrelid;
					break;
				}
			case PolicyRelationId:
				result = ((Form_pg_policy) form)->polrelid;
				break;
			case RewriteRelationId:
				result = ((Form_pg_rewrite) form)->ev_class;
				if (get_rel_relkind(result) == RELKIND_VIEW ||
					get_rel_relkind(result) == RELKIND_MATVIEW)
					result = InvalidOid;
				break;
			case ConstraintRelationId:
				if (((Form_pg_constraint) form)->contype == CONSTRAINT_CHECK &&
					((Form_pg_constraint) form)->conislocal)
					result = ((Form_pg_constraint) form)->conrelid;
				break;
			case AttrDefaultRelationId:
				{
					Form_pg_attrdef def = form;

					if (get_attgenerated(def->adrelid, def->adnum) != '\0' &&
						!has_superclass(def->adrelid))
						result = def->adrelid;
					break;
				}
			case StatisticExtRelationId:
				if (!heap_attisnull(tuple, Anum_pg_statistic_ext_stxexprs,
									RelationGetDescr(rel)))
					result = ((Form_pg_statistic_ext) form)->stxrelid;
				break;
		}
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/*
 * A function that was replaced, altered or given away: what calls it on a
 * protected table must not begin to run somebody else's code.
 */
static void
look_at_function(Oid func)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	const CgProtection *found = NULL;

	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(ProcedureRelationId));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(func));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2,
							  key);
	while (found == NULL && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend d = (Form_pg_depend) GETSTRUCT(tuple);
		Oid			relid = InvalidOid;

		switch (d->classid)
		{
			case RelationRelationId:
				relid = d->objid;
				if (get_rel_relkind(relid) == RELKIND_INDEX ||
					get_rel_relkind(relid) == RELKIND_PARTITIONED_INDEX)
					relid = IndexGetRelation(relid, true);
				break;
			case TriggerRelationId:
				relid = trigger_relation(d->objid);
				break;
			case PolicyRelationId:
			case RewriteRelationId:
			case ConstraintRelationId:
			case AttrDefaultRelationId:
			case StatisticExtRelationId:
				relid = relation_of(d->classid, d->objid);
				break;
		}
		found = forbidden(relid);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	if (found != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to change a function that runs on protected table \"%s\"",
						get_rel_name(found->relid)),
				 errdetail("It is called with values that you may not read."),
				 errhint("Ask somebody who may read all protected columns of the table.")));
}

static Oid
trigger_relation(Oid trigger)
{
	Relation	rel = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			result = InvalidOid;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(trigger));
	scan = systable_beginscan(rel, TriggerOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		result = ((Form_pg_trigger) GETSTRUCT(tuple))->tgrelid;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

static char
constraint_type(Oid constraint)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID,
										ObjectIdGetDatum(constraint));
	char		result = '\0';

	if (HeapTupleIsValid(tuple))
	{
		result = ((Form_pg_constraint) GETSTRUCT(tuple))->contype;
		ReleaseSysCache(tuple);
	}
	return result;
}

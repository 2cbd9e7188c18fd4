/*
 * compat.h
 *		The only file that knows PG_VERSION_NUM.
 *
 * The rest of the code is written against the newest API; this file gives
 * older servers that API.  Supported: PostgreSQL 15 to 19.
 */
#ifndef CG_COMPAT_H
#define CG_COMPAT_H

#include "access/tableam.h"
#include "access/tupdesc.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "commands/defrem.h"
#include "commands/vacuum.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rangetypes.h"
#include "utils/backend_status.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#if PG_VERSION_NUM < 150000
#error "cipguard needs PostgreSQL 15 or later"
#endif

/* 18 put the mark of functions that do not return before them. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* 16 moved the varlena macros out of postgres.h, and brought soft errors. */
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#include "varatt.h"
#else
#define ereturn(context, dummy_value, ...) \
	do { \
		(void) (context); \
		ereport(ERROR, __VA_ARGS__); \
		return dummy_value; \
	} while (0)
#endif

/* 16 made the memory of a setting's extra data the server's own. */
#if PG_VERSION_NUM < 160000
#define guc_malloc(elevel, size)	malloc(size)
#endif

/* True if the caller of an input function asked for soft errors (16). */
static inline bool
cg_soft_errors(Node *escontext)
{
#if PG_VERSION_NUM >= 160000
	return escontext != NULL && IsA(escontext, ErrorSaveContext);
#else
	(void) escontext;
	return false;
#endif
}

static inline bool
cg_soft_error_occurred(Node *escontext)
{
#if PG_VERSION_NUM >= 160000
	return SOFT_ERROR_OCCURRED(escontext);
#else
	(void) escontext;
	return false;
#endif
}

/*
 * Call an input function of core: 0 or the error code.  Before 16, which
 * brought soft errors, only errors of the value itself are caught, by an
 * input function that holds nothing; the caller raises another in their place.
 */
static inline int
cg_try_input(PGFunction function, const char *text, int32 typmod,
			 Datum *result)
{
#if PG_VERSION_NUM >= 160000
	ErrorSaveContext escontext = {T_ErrorSaveContext};

	escontext.details_wanted = true;
	if (DirectInputFunctionCallSafe(function, unconstify(char *, text),
									InvalidOid, typmod, (Node *) &escontext,
									result))
		return 0;
	return escontext.error_data->sqlerrcode;
#else
	MemoryContext context = CurrentMemoryContext;
	volatile int code = 0;

	PG_TRY();
	{
		*result = DirectFunctionCall3(function, CStringGetDatum(text),
									  ObjectIdGetDatum(InvalidOid),
									  Int32GetDatum(typmod));
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		FlushErrorState();
		code = error->sqlerrcode;
		FreeErrorData(error);
	}
	PG_END_TRY();
	return code;
#endif
}

/*
 * 16 replaced pg_class_ownercheck and its kin by object_ownercheck, to which a
 * relation that does not exist is an internal error from 18 on.
 */
static inline bool
cg_owns_relation(Oid relid, Oid roleid)
{
#if PG_VERSION_NUM >= 160000
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)) &&
		!superuser_arg(roleid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	return object_ownercheck(RelationRelationId, relid, roleid);
#else
	return pg_class_ownercheck(relid, roleid);
#endif
}

static inline bool
cg_owns_database(Oid database, Oid roleid)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(DatabaseRelationId, database, roleid);
#else
	return pg_database_ownercheck(database, roleid);
#endif
}

/*
 * Connect to another server as a client.  Before 17 a logical replication
 * connection is the only kind that can run queries.
 */
#if PG_VERSION_NUM >= 170000
#define CG_WALRCV_CONNECT(conninfo, appname, err) \
	walrcv_connect(conninfo, false, false, false, appname, err)
#elif PG_VERSION_NUM >= 160000
#define CG_WALRCV_CONNECT(conninfo, appname, err) \
	walrcv_connect(conninfo, true, false, appname, err)
#else
#define CG_WALRCV_CONNECT(conninfo, appname, err) \
	walrcv_connect(conninfo, true, appname, err)
#endif

/* Raise unless the current user may create objects in a schema. */
static inline void
cg_require_create(Oid nspid)
{
	AclResult	result;

#if PG_VERSION_NUM >= 160000
	result = object_aclcheck(NamespaceRelationId, nspid, GetUserId(),
							 ACL_CREATE);
#else
	result = pg_namespace_aclcheck(nspid, GetUserId(), ACL_CREATE);
#endif
	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_SCHEMA, get_namespace_name(nspid));
}

/* May a role execute a function?  16 replaced pg_proc_aclcheck. */
static inline bool
cg_may_execute(Oid procid, Oid roleid)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ProcedureRelationId, procid, roleid,
						   ACL_EXECUTE) == ACLCHECK_OK;
#else
	return pg_proc_aclcheck(procid, roleid, ACL_EXECUTE) == ACLCHECK_OK;
#endif
}

/* A table by its name as in SQL text; 16 brought soft errors to that. */
static inline RangeVar *
cg_range_var(const char *name)
{
#if PG_VERSION_NUM >= 160000
	return makeRangeVarFromNameList(stringToQualifiedNameList(name, NULL));
#else
	return makeRangeVarFromNameList(stringToQualifiedNameList(name));
#endif
}

/* Does GRANT of a role give its admin option?  16 made a list of options. */
static inline bool
cg_grants_admin(GrantRoleStmt *stmt)
{
#if PG_VERSION_NUM >= 160000
	ListCell   *lc;

	foreach(lc, stmt->opt)
		if (strcmp(lfirst_node(DefElem, lc)->defname, "admin") == 0)
		return defGetBoolean(lfirst_node(DefElem, lc));
	return false;
#else
	return stmt->admin_opt;
#endif
}

/* 17 moved the statistics target out of VacAttrStats.attr. */
static inline int
cg_stats_target(VacAttrStats *stats)
{
#if PG_VERSION_NUM >= 170000
	return stats->attstattarget;
#else
	return stats->attr->attstattarget;
#endif
}

/* 16 brought GetSystemUser: the identity that authentication established. */
static inline const char *
cg_system_user(void)
{
#if PG_VERSION_NUM >= 160000
	return GetSystemUser();
#else
	return NULL;
#endif
}

/* 17 declared MyBEEntry; it was exported before. */
#if PG_VERSION_NUM < 170000
extern PGDLLIMPORT PgBackendStatus *MyBEEntry;
#endif

/* 17 lets index access methods keep state between insertions. */
#if PG_VERSION_NUM < 170000
#define index_insert_cleanup(rel, info) ((void) 0)
#endif

/* 19 gave the numbers of system caches a type of their own. */
#if PG_VERSION_NUM < 190000
typedef int SysCacheIdentifier;
#endif

/*
 * Show another text of the statement in pg_stat_activity.  The server takes it
 * for a new one and drops the identifiers: that of the query, and from 18 on
 * that of its plan.
 */
static inline void
cg_report_text(BackendState state, const char *text)
{
	uint64		query_id = pgstat_get_my_query_id();
#if PG_VERSION_NUM >= 180000
	int64		plan_id = pgstat_get_my_plan_id();
#endif

	pgstat_report_activity(state, text);
	pgstat_report_query_id(query_id, true);
#if PG_VERSION_NUM >= 180000
	pgstat_report_plan_id(plan_id, true);
#endif
}

/* 18 tells ANALYZE from VACUUM at a delay point. */
static inline void
cg_vacuum_delay_point(void)
{
#if PG_VERSION_NUM >= 180000
	vacuum_delay_point(true);
#else
	vacuum_delay_point();
#endif
}

/* 18 dropped execute_once. */
#if PG_VERSION_NUM >= 180000
#define CG_EXECUTOR_RUN_PARAMS \
	QueryDesc *queryDesc, ScanDirection direction, uint64 count
#define CG_EXECUTOR_RUN_ARGS queryDesc, direction, count
#else
#define CG_EXECUTOR_RUN_PARAMS \
	QueryDesc *queryDesc, ScanDirection direction, uint64 count, \
	bool execute_once
#define CG_EXECUTOR_RUN_ARGS queryDesc, direction, count, execute_once
#endif

/* 16 moved permissions out of range table entries. */
#if PG_VERSION_NUM >= 160000
#define CG_CHECK_PERMS_PARAMS \
	List *rangeTable, List *rtePermInfos, bool ereport_on_violation
#define CG_CHECK_PERMS_ARGS rangeTable, rtePermInfos, ereport_on_violation
#else
#define CG_CHECK_PERMS_PARAMS \
	List *rangeTable, bool ereport_on_violation
#define CG_CHECK_PERMS_ARGS rangeTable, ereport_on_violation
#endif

/* What is asked for there: a list of these. */
#if PG_VERSION_NUM >= 160000
typedef RTEPermissionInfo CgPermission;
#define CG_PERMISSIONS rtePermInfos
#define CG_PERMISSION_IS_OF_RELATION(permission) true
#else
typedef RangeTblEntry CgPermission;
#define CG_PERMISSIONS rangeTable
#define CG_PERMISSION_IS_OF_RELATION(permission) \
	((permission)->rtekind == RTE_RELATION)
#endif

/* 18 brought virtual generated columns. */
static inline bool
cg_has_generated(TupleDesc desc)
{
#if PG_VERSION_NUM >= 180000
	return desc->constr->has_generated_stored ||
		desc->constr->has_generated_virtual;
#else
	return desc->constr->has_generated_stored;
#endif
}

/* 19 made CLUSTER a form of REPACK. */
#if PG_VERSION_NUM >= 190000
#define CG_CLUSTER_STMT	T_RepackStmt
#define CG_CLUSTER_INDEX(stmt)	(((RepackStmt *) (stmt))->indexname)
#define CG_CLUSTERS(stmt)	(((RepackStmt *) (stmt))->usingindex)
#define CG_CLUSTER_RELATION(stmt) \
	(((RepackStmt *) (stmt))->relation ? \
	 ((RepackStmt *) (stmt))->relation->relation : NULL)
#else
#define CG_CLUSTER_STMT	T_ClusterStmt
#define CG_CLUSTER_INDEX(stmt)	(((ClusterStmt *) (stmt))->indexname)
#define CG_CLUSTERS(stmt)	true
#define CG_CLUSTER_RELATION(stmt)	(((ClusterStmt *) (stmt))->relation)
#endif

/* 19 gave the kinds of ALTER DOMAIN names. */
static inline bool
cg_is_domain_check(const AlterDomainStmt *stmt)
{
#if PG_VERSION_NUM >= 190000
	return stmt->subtype == AD_AddConstraint ||
		stmt->subtype == AD_ValidateConstraint;
#else
	return stmt->subtype == 'C' || stmt->subtype == 'V';
#endif
}

/* 16 moved the columns that are written out of range table entries. */
static inline void
cg_note_modified(Query *query, RangeTblEntry *rte, int column)
{
#if PG_VERSION_NUM >= 160000
	RTEPermissionInfo *info = getRTEPermissionInfo(query->rteperminfos, rte);

	info->updatedCols = bms_add_member(info->updatedCols, column);
#else
	(void) query;
	rte->updatedCols = bms_add_member(rte->updatedCols, column);
#endif
}

/* The columns of a relation of a plan that it reads. */
static inline Bitmapset *
cg_selected_columns(PlannedStmt *stmt, RangeTblEntry *rte)
{
#if PG_VERSION_NUM >= 160000
	return rte->perminfoindex == 0 ? NULL :
		getRTEPermissionInfo(stmt->permInfos, rte)->selectedCols;
#else
	(void) stmt;
	return rte->selectedCols;
#endif
}

static inline void
cg_forget_modified(Query *query, RangeTblEntry *rte, int column)
{
#if PG_VERSION_NUM >= 160000
	RTEPermissionInfo *info = getRTEPermissionInfo(query->rteperminfos, rte);

	info->updatedCols = bms_del_member(info->updatedCols, column);
	info->insertedCols = bms_del_member(info->insertedCols, column);
#else
	(void) query;
	rte->updatedCols = bms_del_member(rte->updatedCols, column);
	rte->insertedCols = bms_del_member(rte->insertedCols, column);
#endif
}

/* 18 asks which of OLD and NEW a row is. */
static inline void
cg_expand_rte(RangeTblEntry *rte, const Var *row, List **names, List **fields)
{
#if PG_VERSION_NUM >= 180000
	expandRTE(rte, row->varno, row->varlevelsup, row->varreturningtype, -1,
			  true, names, fields);
#else
	expandRTE(rte, row->varno, row->varlevelsup, -1, true, names, fields);
#endif
}

/* 16 notes which outer joins may make a column null. */
static inline void
cg_add_nulling(Var *var, const Var *from)
{
#if PG_VERSION_NUM >= 160000
	var->varnullingrels = bms_union(var->varnullingrels, from->varnullingrels);
#else
	(void) var;
	(void) from;
#endif
}

/* Of a condition that stands above such joins, at the table itself. */
static inline void
cg_drop_nulling(Var *var)
{
#if PG_VERSION_NUM >= 160000
	var->varnullingrels = NULL;
#else
	(void) var;
#endif
}

/* 18 keeps grouping expressions in a range table entry of their own. */
static inline List *
cg_group_exprs(RangeTblEntry *rte)
{
#if PG_VERSION_NUM >= 180000
	return rte->rtekind == RTE_GROUP ? rte->groupexprs : NIL;
#else
	(void) rte;
	return NIL;
#endif
}

/* 17 keeps what MERGE joins on apart. */
static inline Node **
cg_merge_condition(Query *query)
{
#if PG_VERSION_NUM >= 170000
	return &query->mergeJoinCondition;
#else
	(void) query;
	return NULL;
#endif
}

/* 16 has JSON_OBJECT() and its like, 17 JSON_VALUE() and its like. */
static inline bool
cg_is_json_expr(Node *node)
{
#if PG_VERSION_NUM >= 170000
	if (IsA(node, JsonExpr))
		return true;
#endif
#if PG_VERSION_NUM >= 160000
	return IsA(node, JsonConstructorExpr) &&
		((JsonConstructorExpr *) node)->func == NULL;
#else
	(void) node;
	return false;
#endif
}

/* 19 renamed it. */
#if PG_VERSION_NUM < 190000
#define inline_function_in_from inline_set_returning_function
#endif

/* 19 replaced the hook that sees each relation of a plan. */
#if PG_VERSION_NUM >= 190000
#define CG_RELATION_HOOK		build_simple_rel_hook
#define CG_RELATION_HOOK_TYPE	build_simple_rel_hook_type
#define CG_RELATION_HOOK_PARAMS \
	PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte_seen
#define CG_RELATION_HOOK_ARGS	root, rel, rte_seen
#define CG_RELATION_HOOK_RTE	rte_seen
#else
#define CG_RELATION_HOOK		get_relation_info_hook
#define CG_RELATION_HOOK_TYPE	get_relation_info_hook_type
#define CG_RELATION_HOOK_PARAMS \
	PlannerInfo *root, Oid relationObjectId, bool inhparent, \
	RelOptInfo *rel
#define CG_RELATION_HOOK_ARGS	root, relationObjectId, inhparent, rel
#define CG_RELATION_HOOK_RTE	root->simple_rte_array[rel->relid]
#endif

/* 19 made what it shows of a statement constant. */
#if PG_VERSION_NUM >= 190000
#define CG_JUMBLE_STATE const JumbleState
#else
#define CG_JUMBLE_STATE JumbleState
#endif

/* 19 keeps the relations that a plan writes as a set. */
static inline List *
cg_result_relations(const PlannedStmt *plan)
{
#if PG_VERSION_NUM >= 190000
	List	   *result = NIL;
	int			i = -1;

	while ((i = bms_next_member(plan->resultRelationRelids, i)) >= 0)
		result = lappend_int(result, i);
	return result;
#else
	return plan->resultRelations;
#endif
}

/* 19 has no backslashes in plain strings any more. */
#if PG_VERSION_NUM >= 190000
#define CG_STANDARD_STRINGS		true
#else
#define CG_STANDARD_STRINGS		standard_conforming_strings
#endif

/* 19 brought COPY TO of partitioned tables. */
#define CG_COPIES_PARTITIONED	(PG_VERSION_NUM >= 190000)

/* 19 hands the planner the state of an EXPLAIN. */
#if PG_VERSION_NUM >= 190000
#define CG_PLANNER_PARAMS \
	Query *parse, const char *query_string, int cursorOptions, \
	ParamListInfo boundParams, ExplainState *es
#define CG_PLANNER_ARGS \
	parse, query_string, cursorOptions, boundParams, es
#else
#define CG_PLANNER_PARAMS \
	Query *parse, const char *query_string, int cursorOptions, \
	ParamListInfo boundParams
#define CG_PLANNER_ARGS \
	parse, query_string, cursorOptions, boundParams
#endif

/* 17 made the number of a process a type, and 18 its field private. */
static inline int
cg_proc_number(const PGPROC *proc)
{
#if PG_VERSION_NUM >= 170000
	return (int) GetNumberFromPGProc(proc);
#else
	return proc->pgprocno;
#endif
}

/* 16 renamed what reads the status of another process, by an index from 1. */
static inline const LocalPgBackendStatus *
cg_backend_status(int index)
{
#if PG_VERSION_NUM >= 160000
	return pgstat_get_local_beentry_by_index(index);
#else
	return pgstat_fetch_stat_local_beentry(index);
#endif
}

/* 17 lets the expression of a generated column be another. */
#if PG_VERSION_NUM >= 170000
#define CG_SETS_EXPRESSION(subtype) ((subtype) == AT_SetExpression)
#else
#define CG_SETS_EXPRESSION(subtype) false
#endif

/* 16 lets making a range fail softly. */
#if PG_VERSION_NUM >= 160000
#define cg_range_serialize(type, lower, upper, empty) \
	range_serialize(type, lower, upper, empty, NULL)
#else
#define cg_range_serialize(type, lower, upper, empty) \
	range_serialize(type, lower, upper, empty)
#endif

/* 19 gave scans flags. */
#if PG_VERSION_NUM >= 190000
#define CG_BEGINSCAN(rel, snapshot) table_beginscan(rel, snapshot, 0, NULL, 0)
#define CG_BEGINSCAN_TIDRANGE(rel, snapshot, mintid, maxtid) \
	table_beginscan_tidrange(rel, snapshot, mintid, maxtid, 0)
#else
#define CG_BEGINSCAN(rel, snapshot) table_beginscan(rel, snapshot, 0, NULL)
#define CG_BEGINSCAN_TIDRANGE(rel, snapshot, mintid, maxtid) \
	table_beginscan_tidrange(rel, snapshot, mintid, maxtid)
#endif

/*
 * Replace a row that the transaction has locked, in the indexes too.  16
 * tells which of these need that, 19 put what it is told into flags.
 */
static inline void
cg_replace_row(ResultRelInfo *table, EState *estate, ItemPointer tid,
			   TupleTableSlot *slot, Snapshot snapshot)
{
	Relation	rel = table->ri_RelationDesc;
#if PG_VERSION_NUM >= 160000
	TU_UpdateIndexes update = TU_None;

	simple_table_tuple_update(rel, tid, slot, snapshot, &update);
	if (table->ri_NumIndices == 0 || update == TU_None)
		return;
#if PG_VERSION_NUM >= 190000
	(void) ExecInsertIndexTuples(table, estate, EIIT_IS_UPDATE |
								 (update == TU_Summarizing ?
								  EIIT_ONLY_SUMMARIZING : 0),
								 slot, NIL, NULL);
#else
	(void) ExecInsertIndexTuples(table, slot, estate, true, false, NULL, NIL,
								 update == TU_Summarizing);
#endif
#else
	bool		update = false;

	simple_table_tuple_update(rel, tid, slot, snapshot, &update);
	if (table->ri_NumIndices > 0 && update)
		(void) ExecInsertIndexTuples(table, slot, estate, true, false, NULL,
									 NIL);
#endif
}

/* 19 moved the making of a new heap, and lets the caller rebuild indexes. */
#if PG_VERSION_NUM >= 190000
#include "commands/repack.h"
#define CG_FINISH_HEAP_SWAP(relid, newid, frozen, multi, persistence) \
	finish_heap_swap(relid, newid, false, false, false, true, true, frozen, \
					 multi, persistence)
#else
#include "commands/cluster.h"
#define CG_FINISH_HEAP_SWAP(relid, newid, frozen, multi, persistence) \
	finish_heap_swap(relid, newid, false, false, false, true, frozen, multi, \
					 persistence)
#endif

#endif							/* CG_COMPAT_H */

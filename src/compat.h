/*
 * compat.h
 *		The only file that knows PG_VERSION_NUM.
 *
 * The rest of the code is written against the newest API; this file gives
 * older servers that API.  Supported: PostgreSQL 15 to 19.
 */
#ifndef CG_COMPAT_H
#define CG_COMPAT_H

#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "commands/vacuum.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/backend_status.h"

#if PG_VERSION_NUM < 150000
#error "cipguard needs PostgreSQL 15 or later"
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

/* 16 replaced pg_class_ownercheck and its kin by object_ownercheck. */
static inline bool
cg_owns_relation(Oid relid, Oid roleid)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(RelationRelationId, relid, roleid);
#else
	return pg_class_ownercheck(relid, roleid);
#endif
}

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

#endif							/* CG_COMPAT_H */

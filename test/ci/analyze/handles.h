/*
 * handles.h
 *		What is opened has to be closed, told to clang's static analyzer.
 *
 * Included before each source file by `make analyze`.  The analyzer follows
 * what fopen() gives until it is given to fclose(), along each path through
 * the functions of a file: so here everything that has to be closed is opened
 * and closed by these two.  Which of them it is said to be is not looked at,
 * only that it is closed once.  A handle that is stored somewhere, or handed
 * to a function of another of our files, is not followed any further; a path
 * that ends in an error of the server closes all.
 */
#ifndef CG_ANALYZE_HANDLES_H
#define CG_ANALYZE_HANDLES_H

#ifdef CG_ANALYZE_SERVER
#include "postgres.h"
#else
#include <stdio.h>
#include <stdlib.h>
#endif

#include <openssl/evp.h>

/* Arguments are used, though for nothing. */
#define OPENED_OR_NULL(type, ...) ((void) (__VA_ARGS__), (type) fopen("", ""))
#define OPENED(type, ...) \
	__extension__ ({ \
		FILE	   *opened_ = fopen("", ""); \
\
		(void) (__VA_ARGS__); \
		if (opened_ == NULL) \
			abort(); \
		(type) opened_; \
	})
#define CLOSED(handle) ((void) fclose((FILE *) (handle)))
/* Of what may be closed although it was never opened. */
#define CLOSED_OR_NULL(handle) \
	do { \
		if ((handle) != NULL) \
			CLOSED(handle); \
	} while (0)

#define EVP_CIPHER_CTX_new() OPENED_OR_NULL(EVP_CIPHER_CTX *, 0)
#define EVP_CIPHER_CTX_free(ctx) CLOSED_OR_NULL(ctx)
#define EVP_MD_CTX_new() OPENED_OR_NULL(EVP_MD_CTX *, 0)
#define EVP_MD_CTX_free(ctx) CLOSED_OR_NULL(ctx)
#define EVP_CIPHER_fetch(...) OPENED_OR_NULL(EVP_CIPHER *, __VA_ARGS__)
#define EVP_CIPHER_free(cipher) CLOSED_OR_NULL(cipher)
#define EVP_MD_fetch(...) OPENED_OR_NULL(EVP_MD *, __VA_ARGS__)
#define EVP_MD_free(md) CLOSED_OR_NULL(md)
#define EVP_PKEY_new_raw_private_key(...) OPENED_OR_NULL(EVP_PKEY *, __VA_ARGS__)
#define EVP_PKEY_new_raw_public_key(...) OPENED_OR_NULL(EVP_PKEY *, __VA_ARGS__)
#define EVP_PKEY_free(key) CLOSED_OR_NULL(key)

#ifdef CG_ANALYZE_SERVER

#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "storage/fd.h"
#include "utils/catcache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#define table_open(relid, mode) OPENED(Relation, relid, mode)
#define table_openrv(relation, mode) OPENED(Relation, relation, mode)
#define try_table_open(relid, mode) OPENED_OR_NULL(Relation, relid, mode)
#define table_close(rel, mode) CLOSED(rel)
#define relation_open(relid, mode) OPENED(Relation, relid, mode)
#define relation_openrv(relation, mode) OPENED(Relation, relation, mode)
#define try_relation_open(relid, mode) OPENED_OR_NULL(Relation, relid, mode)
#define relation_close(rel, mode) CLOSED(rel)
#define index_open(relid, mode) OPENED(Relation, relid, mode)
#define index_close(rel, mode) CLOSED(rel)

#define systable_beginscan(...) OPENED(SysScanDesc, __VA_ARGS__)
#define systable_endscan(scan) CLOSED(scan)
#define systable_beginscan_ordered(...) OPENED(SysScanDesc, __VA_ARGS__)
#define systable_endscan_ordered(scan) CLOSED(scan)
#define table_beginscan(...) OPENED(TableScanDesc, __VA_ARGS__)
#define table_beginscan_catalog(...) OPENED(TableScanDesc, __VA_ARGS__)
#define table_beginscan_strat(...) OPENED(TableScanDesc, __VA_ARGS__)
#define table_beginscan_tidrange(...) OPENED(TableScanDesc, __VA_ARGS__)
#define table_endscan(scan) CLOSED(scan)

#define SearchSysCache1(...) OPENED_OR_NULL(HeapTuple, __VA_ARGS__)
#define SearchSysCache2(...) OPENED_OR_NULL(HeapTuple, __VA_ARGS__)
#define SearchSysCache3(...) OPENED_OR_NULL(HeapTuple, __VA_ARGS__)
#define SearchSysCache4(...) OPENED_OR_NULL(HeapTuple, __VA_ARGS__)
#define ReleaseSysCache(tuple) CLOSED(tuple)
#undef SearchSysCacheList1
#define SearchSysCacheList1(id, key) OPENED(struct catclist *, id, key)
#define ReleaseCatCacheList(list) CLOSED(list)
#define lookup_rowtype_tupdesc(type, typmod) OPENED(TupleDesc, type, typmod)
#undef ReleaseTupleDesc
#define ReleaseTupleDesc(desc) CLOSED(desc)

#define MakeSingleTupleTableSlot(desc, ops) OPENED(TupleTableSlot *, desc, ops)
#define table_slot_create(rel, list) OPENED(TupleTableSlot *, rel, list)
#define ExecDropSingleTupleTableSlot(slot) CLOSED(slot)
#define CreateExecutorState() OPENED(EState *, 0)
#define FreeExecutorState(state) CLOSED(state)
#define RegisterSnapshot(snapshot) OPENED(Snapshot, snapshot)
#define UnregisterSnapshot(snapshot) CLOSED(snapshot)
#define AllocateDir(path) OPENED_OR_NULL(DIR *, path)
#define FreeDir(dir) CLOSED(dir)
#define AllocateFile(path, mode) OPENED_OR_NULL(FILE *, path, mode)
#define FreeFile(file) CLOSED(file)

#endif							/* CG_ANALYZE_SERVER */

#endif							/* CG_ANALYZE_HANDLES_H */

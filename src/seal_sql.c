/*
 * seal_sql.c
 *		What checkers outside of the server need of blocks, as SQL functions.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"
#include "utils/xid8.h"

#include "compat.h"

#include "acting.h"
#include "audit_store.h"
#include "seal.h"

static bytea *copy_bytes(MemoryContext context, const void *data, Size len);

/* audit_block_preimage(block bigint) RETURNS bytea */
PG_FUNCTION_INFO_V1(cipguard_audit_block_preimage);
Datum
cipguard_audit_block_preimage(PG_FUNCTION_ARGS)
{
	int64		number = PG_GETARG_INT64(0);
	MemoryContext context = CurrentMemoryContext;
	CgActing	acting;
	CgBlock		block;
	bytea	   *result = NULL;

	cg_act_begin(&acting, cg_audit_owner());
	if (cg_block_read(number, &block))
	{
		StringInfoData bytes;

		initStringInfo(&bytes);
		cg_block_encode(&block, &bytes);
		result = copy_bytes(context, bytes.data, bytes.len);
	}
	cg_act_end(&acting);
	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(result);
}

/* audit_canonical(event bigint) RETURNS bytea */
PG_FUNCTION_INFO_V1(cipguard_audit_canonical);
Datum
cipguard_audit_canonical(PG_FUNCTION_ARGS)
{
	int64		seq = PG_GETARG_INT64(0);
	MemoryContext context = CurrentMemoryContext;
	CgActing	acting;
	CgBlock		block;
	StringInfoData bytes;
	bytea	   *result = NULL;

	cg_act_begin(&acting, cg_audit_owner());
	initStringInfo(&bytes);
	if (cg_event_find(seq, &block, NULL, NULL, &bytes))
		result = copy_bytes(context, bytes.data, bytes.len);
	cg_act_end(&acting);
	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(result);
}

/* audit_block_leaves(block bigint) RETURNS TABLE (...) */
PG_FUNCTION_INFO_V1(cipguard_audit_block_leaves);
Datum
cipguard_audit_block_leaves(PG_FUNCTION_ARGS)
{
	int64		number = PG_GETARG_INT64(0);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CgActing	acting;
	CgBlock		block;
	CgTree		tree;
	int64		i;

	InitMaterializedSRF(fcinfo, 0);
	cg_act_begin(&acting, cg_audit_owner());
	if (cg_block_read(number, &block))
	{
		Datum		values[5];
		bool		nulls[5] = {false, false, false, false, false};

		cg_tree_read(&block, &tree);
		for (i = 0; i < tree.nleaves; i++)
		{
			const CgLeaf *leaf = &tree.leaves[i];

			values[0] = Int64GetDatum(tree.places ? tree.places[i] : i);
			values[1] = Int32GetDatum(0);
			values[2] = Int64GetDatum(leaf->seq);
			values[3] = FullTransactionIdGetDatum(FullTransactionIdFromU64(leaf->xid));
			values[4] = PointerGetDatum(copy_bytes(CurrentMemoryContext,
												   leaf->hash,
												   CG_SHA256_LEN));
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values,
								 nulls);
			pfree(DatumGetPointer(values[4]));
		}
		nulls[2] = nulls[3] = true;
		for (i = 0; i < tree.nnodes; i++)
		{
			const CgNode *node = &tree.nodes[i];

			values[0] = Int64GetDatum(node->index << node->level);
			values[1] = Int32GetDatum(node->level);
			values[4] = PointerGetDatum(copy_bytes(CurrentMemoryContext,
												   node->hash,
												   CG_SHA256_LEN));
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values,
								 nulls);
		}
	}
	cg_act_end(&acting);
	return (Datum) 0;
}

static bytea *
copy_bytes(MemoryContext context, const void *data, Size len)
{
	bytea	   *result = MemoryContextAlloc(context, VARHDRSZ + len);

	SET_VARSIZE(result, VARHDRSZ + len);
	memcpy(VARDATA(result), data, len);
	return result;
}

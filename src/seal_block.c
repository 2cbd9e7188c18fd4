/*
 * seal_block.c
 *		Blocks as they are stored, and the trees over their events.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "compat.h"

#include "bytes.h"
#include "cipguard.h"
#include "seal.h"

#define BLOCK_TAG	"cipguard.block.v1"

/* Which pages of the tables have events of a block, as far as is known. */
typedef struct CgExtent
{
	int			n;
	Datum	   *tables;
	Datum	   *files;
	Datum	   *first;
	Datum	   *last;
} CgExtent;

/* Rows of one block, while they are being read. */
typedef struct CgBlockReader
{
	CgSnapshot	now;
	CgSnapshot	before;
	bool		has_before;
	int64		room;
	CgTree	   *tree;
} CgBlockReader;

static bool copy_digest(HeapTuple row, TupleDesc desc, int column,
						uint8 *digest);
static void read_extent(int64 number, CgExtent *extent);
static void read_row(void *arg, CgLogTable *table, HeapTuple tuple);
static void read_nodes(int64 number, CgTree *tree);
static void find_places(CgTree *tree);
static bool read_event(Oid relid, ItemPointer tid, const pg_uuid_t *log_id,
					   CgLeaf *leaf, StringInfo canonical);
static void find_block(uint64 xid, CgBlock *block);
static void read_block(int64 number, CgBlock *block);

bool
cg_block_from_row(HeapTuple row, TupleDesc desc, CgBlock *block)
{
	bool		isnull;
	bool		good;

	memset(block, 0, sizeof(*block));
	block->block = DatumGetInt64(SPI_getbinval(row, desc, 1, &isnull));
	memcpy(&block->log_id, DatumGetUUIDP(SPI_getbinval(row, desc, 2, &isnull)),
		   sizeof(pg_uuid_t));
	block->snapshot = SPI_getvalue(row, desc, 3);
	block->events = DatumGetInt64(SPI_getbinval(row, desc, 4, &isnull));
	good = copy_digest(row, desc, 5, block->root);
	good &= copy_digest(row, desc, 6, block->policy);
	good &= copy_digest(row, desc, 7, block->prev_head);
	good &= copy_digest(row, desc, 8, block->head);
	block->timeline = DatumGetInt32(SPI_getbinval(row, desc, 9, &isnull));
	block->system_id = DatumGetInt64(SPI_getbinval(row, desc, 10, &isnull));
	block->sealed_at = DatumGetTimestampTz(SPI_getbinval(row, desc, 11,
														 &isnull));
	return good;
}

static bool
copy_digest(HeapTuple row, TupleDesc desc, int column, uint8 *digest)
{
	bool		isnull;
	bytea	   *value = DatumGetByteaPP(SPI_getbinval(row, desc, column,
													  &isnull));

	if (VARSIZE_ANY_EXHDR(value) != CG_SHA256_LEN)
		return false;
	memcpy(digest, VARDATA_ANY(value), CG_SHA256_LEN);
	return true;
}

void
cg_block_encode(const CgBlock *block, StringInfo out)
{
	uint8		bytes[8];
	size_t		len = strlen(block->snapshot);

#define PUT_64(v) \
	(cg_put_u64(bytes, (uint64) (v)), appendBinaryStringInfo(out, (char *) bytes, 8))
#define PUT_32(v) \
	(cg_put_u32(bytes, (uint32) (v)), appendBinaryStringInfo(out, (char *) bytes, 4))
#define PUT(p, n) appendBinaryStringInfo(out, (const char *) (p), (n))

	PUT(BLOCK_TAG, strlen(BLOCK_TAG));
	PUT(block->log_id.data, UUID_LEN);
	PUT_64(block->block);
	PUT(block->prev_head, CG_SHA256_LEN);
	PUT_32(len);
	PUT(block->snapshot, len);
	PUT_64(block->events);
	PUT(block->root, CG_SHA256_LEN);
	PUT(block->policy, CG_SHA256_LEN);
	PUT_32(block->timeline);
	PUT_64(block->system_id);
	PUT_64(block->sealed_at);
#undef PUT_64
#undef PUT_32
#undef PUT
}

void
cg_block_head(const CgBlock *block, uint8 head[CG_SHA256_LEN])
{
	StringInfoData bytes;

	initStringInfo(&bytes);
	cg_block_encode(block, &bytes);
	if (cg_sha256(bytes.data, bytes.len, head) != CG_OK)
		elog(ERROR, "SHA-256 is not available");
	pfree(bytes.data);
}

bool
cg_block_read(int64 number, CgBlock *block)
{
	Oid			type = INT8OID;
	Datum		arg = Int64GetDatum(number);

	if (SPI_execute_with_args("SELECT " CG_BLOCK_COLUMNS
							  " FROM cipguard.audit_block"
							  " WHERE block OPERATOR(pg_catalog.=) $1",
							  1, &type, &arg, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the blocks of the audit log");
	if (SPI_processed == 0)
		return false;
	(void) cg_block_from_row(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
							 block);
	SPI_freetuptable(SPI_tuptable);
	return true;
}

bool
cg_block_last(CgBlock *block)
{
	if (SPI_execute("SELECT " CG_BLOCK_COLUMNS " FROM cipguard.audit_block"
					" ORDER BY block DESC LIMIT 1", true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the blocks of the audit log");
	if (SPI_processed == 0)
		return false;
	(void) cg_block_from_row(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
							 block);
	SPI_freetuptable(SPI_tuptable);
	return true;
}

/* ---------- the tree of a block ---------- */

void
cg_tree_read(const CgBlock *block, CgTree *tree)
{
	CgBlockReader reader;
	CgBlock		before;
	CgExtent	extent;
	List	   *tables;
	int64		purged = 0;
	ListCell   *lc;
	int			pass;
	int			i;

	memset(tree, 0, sizeof(*tree));
	tree->size = block->events;
	read_nodes(block->block, tree);
	for (i = 0; i < tree->nnodes; i++)
		purged += INT64CONST(1) << tree->nodes[i].level;

	memset(&reader, 0, sizeof(reader));
	reader.tree = tree;
	cg_snapshot_parse(&reader.now, block->snapshot);
	if (block->block > 1 && cg_block_read(block->block - 1, &before))
	{
		reader.has_before = true;
		cg_snapshot_parse(&reader.before, before.snapshot);
	}
	read_extent(block->block, &extent);
	tables = cg_log_open(&block->log_id);

	/* Where they were when the block was closed; if need be, everywhere. */
	for (pass = 0; pass < 2; pass++)
	{
		tree->nleaves = 0;
		foreach(lc, tables)
		{
			CgLogTable *table = lfirst(lc);
			BlockNumber first = 0;
			BlockNumber end = pass == 0 ? 0 : table->nblocks;

			for (i = 0; i < extent.n && pass == 0; i++)
			{
				if (DatumGetObjectId(extent.tables[i]) !=
					RelationGetRelid(table->rel))
					continue;
				end = table->nblocks;
				if (DatumGetObjectId(extent.files[i]) ==
					table->rel->rd_rel->relfilenode)
				{
					first = (BlockNumber) DatumGetInt64(extent.first[i]);
					end = Min(end, DatumGetInt64(extent.last[i]) + 1);
				}
			}
			cg_log_scan(table, GetActiveSnapshot(), first, end, read_row,
						NULL, &reader);
		}
		if (tree->nleaves + purged == tree->size)
			break;
	}
	cg_log_close(tables);
	if (tree->nleaves > 0)
		qsort(tree->leaves, tree->nleaves, sizeof(CgLeaf), cg_leaf_compare);
	if (tree->nleaves + purged != tree->size)
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("block " INT64_FORMAT " of the audit log has " INT64_FORMAT " events instead of " INT64_FORMAT,
						block->block, tree->nleaves + purged, tree->size),
				 errhint("%s tells which.", "cipguard.audit_verify()")));
	if (tree->nnodes > 0)
		find_places(tree);
}

void
cg_tree_of(int64 number, int64 events, CgLeaf *leaves, int64 nleaves,
		   CgTree *tree)
{
	memset(tree, 0, sizeof(*tree));
	tree->size = events;
	tree->leaves = leaves;
	tree->nleaves = nleaves;
	read_nodes(number, tree);
	if (tree->nnodes > 0)
		find_places(tree);
}

static void
read_extent(int64 number, CgExtent *extent)
{
	Oid			type = INT8OID;
	Datum		arg = Int64GetDatum(number);
	Datum	  **columns[4];
	int			i;

	columns[0] = &extent->tables;
	columns[1] = &extent->files;
	columns[2] = &extent->first;
	columns[3] = &extent->last;
	extent->n = 0;
	if (SPI_execute_with_args("SELECT tables, files, first_pages, last_pages"
							  " FROM cipguard.audit_block"
							  " WHERE block OPERATOR(pg_catalog.=) $1",
							  1, &type, &arg, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the blocks of the audit log");
	if (SPI_processed == 0)
		return;
	extent->n = INT_MAX;
	for (i = 0; i < 4; i++)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[0],
										  SPI_tuptable->tupdesc, i + 1,
										  &isnull);
		int			n;

		if (i < 2)
			deconstruct_array(DatumGetArrayTypeP(value), OIDOID, sizeof(Oid),
							  true, TYPALIGN_INT, columns[i], NULL, &n);
		else
			deconstruct_array(DatumGetArrayTypeP(value), INT8OID,
							  sizeof(int64), FLOAT8PASSBYVAL,
							  TYPALIGN_DOUBLE, columns[i], NULL, &n);
		extent->n = Min(extent->n, n);
	}
}

static void
read_row(void *arg, CgLogTable *table, HeapTuple tuple)
{
	CgBlockReader *reader = arg;
	CgTree	   *tree = reader->tree;
	CgLeaf		leaf;

	if (!cg_leaf_position(&table->coder, tuple, &leaf) ||
		!cg_snapshot_shows(&reader->now, leaf.xid) ||
		(reader->has_before && cg_snapshot_shows(&reader->before, leaf.xid)) ||
		!cg_leaf_hash(&table->coder, tuple, leaf.hash))
		return;
	cg_leaf_push(&tree->leaves, &tree->nleaves, &reader->room, &leaf);
}

static void
read_nodes(int64 number, CgTree *tree)
{
	Oid			type = INT8OID;
	Datum		arg = Int64GetDatum(number);
	uint64		i;

	if (SPI_execute_with_args("SELECT level, index, hash"
							  " FROM cipguard.audit_kept_node"
							  " WHERE block OPERATOR(pg_catalog.=) $1"
							  " ORDER BY level, index",
							  1, &type, &arg, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the nodes of purged events");
	tree->nnodes = (int) SPI_processed;
	tree->nodes = palloc(Max(tree->nnodes, 1) * sizeof(CgNode));
	for (i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		CgNode	   *node = &tree->nodes[i];

		node->level = DatumGetInt32(SPI_getbinval(row, desc, 1, &isnull));
		node->index = DatumGetInt64(SPI_getbinval(row, desc, 2, &isnull));
		if (node->level < 0 || node->level > 62 || node->index < 0 ||
			!copy_digest(row, desc, 3, node->hash))
			elog(ERROR, "invalid node in cipguard.audit_kept_node");
	}
	SPI_freetuptable(SPI_tuptable);
}

/* The leaves at hand are at the places that no purged node covers. */
static void
find_places(CgTree *tree)
{
	int64	   *covered;
	int64		place = 0;
	int64		i = 0;
	int			k;

	/* Length of the purged range that begins at each place. */
	covered = MemoryContextAllocHuge(CurrentMemoryContext,
									 (tree->size + 1) * sizeof(int64));
	memset(covered, 0, (tree->size + 1) * sizeof(int64));
	for (k = 0; k < tree->nnodes; k++)
	{
		int64		first = tree->nodes[k].index << tree->nodes[k].level;

		if (first < tree->size)
			covered[first] = INT64CONST(1) << tree->nodes[k].level;
	}
	tree->places = MemoryContextAllocHuge(CurrentMemoryContext,
										  (tree->nleaves + 1) * sizeof(int64));
	while (place < tree->size && i < tree->nleaves)
	{
		if (covered[place] > 0)
			place += covered[place];
		else
			tree->places[i++] = place++;
	}
	pfree(covered);
	if (i < tree->nleaves)
		elog(ERROR, "nodes in cipguard.audit_kept_node overlap");
}

CgStatus
cg_tree_fetch(void *arg, unsigned level, uint64_t index,
			  uint8_t out[CG_MERKLE_LEN])
{
	CgTree	   *tree = arg;
	int			low = 0;
	int			high = tree->nnodes;

	if (level == 0 && tree->places == NULL)
	{
		if (index >= (uint64) tree->nleaves)
			return CG_E_LIMIT;
		memcpy(out, tree->leaves[index].hash, CG_MERKLE_LEN);
		return CG_OK;
	}
	if (level == 0)
	{
		int64		first = 0;
		int64		end = tree->nleaves;

		while (first < end)
		{
			int64		middle = first + (end - first) / 2;

			if (tree->places[middle] < (int64) index)
				first = middle + 1;
			else
				end = middle;
		}
		if (first < tree->nleaves && tree->places[first] == (int64) index)
		{
			memcpy(out, tree->leaves[first].hash, CG_MERKLE_LEN);
			return CG_OK;
		}
	}
	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		const CgNode *node = &tree->nodes[middle];

		if (node->level == (int32) level && node->index == (int64) index)
		{
			memcpy(out, node->hash, CG_MERKLE_LEN);
			return CG_OK;
		}
		if (node->level < (int32) level ||
			(node->level == (int32) level && node->index < (int64) index))
			low = middle + 1;
		else
			high = middle;
	}
	return CG_E_LIMIT;
}

/* ---------- one event ---------- */

bool
cg_event_find(int64 seq, CgBlock *block, CgTree *tree, uint64 *place,
			  StringInfo canonical)
{
	Oid			type = INT8OID;
	Datum		arg = Int64GetDatum(seq);
	bool		isnull;
	Oid			relid;
	ItemPointerData tid;
	pg_uuid_t	log_id;
	CgLeaf		leaf;
	int64		i;

	if (SPI_execute_with_args("SELECT tableoid, ctid FROM cipguard.audit_event"
							  " WHERE seq OPERATOR(pg_catalog.=) $1"
							  " UNION ALL SELECT tableoid, ctid"
							  " FROM cipguard.audit_session"
							  " WHERE seq OPERATOR(pg_catalog.=) $1"
							  " UNION ALL SELECT tableoid, ctid"
							  " FROM cipguard.audit_schema"
							  " WHERE seq OPERATOR(pg_catalog.=) $1"
							  " UNION ALL SELECT tableoid, ctid"
							  " FROM cipguard.audit_purge"
							  " WHERE seq OPERATOR(pg_catalog.=) $1"
							  " UNION ALL SELECT tableoid, ctid"
							  " FROM cipguard.audit_query"
							  " WHERE seq OPERATOR(pg_catalog.=) $1",
							  1, &type, &arg, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the audit log");
	if (SPI_processed == 0)
		return false;
	if (SPI_processed > 1)
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("the audit log has several events of number " INT64_FORMAT,
						seq),
				 errhint("%s tells more.", "cipguard.audit_verify()")));
	relid = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0],
										   SPI_tuptable->tupdesc, 1,
										   &isnull));
	tid = *(ItemPointer) DatumGetPointer(SPI_getbinval(SPI_tuptable->vals[0],
													   SPI_tuptable->tupdesc,
													   2, &isnull));
	SPI_freetuptable(SPI_tuptable);

	cg_log_id(&log_id);
	if (!read_event(relid, &tid, &log_id, &leaf, canonical))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("event " INT64_FORMAT " of the audit log is malformed",
						seq),
				 errhint("%s tells more.", "cipguard.audit_verify()")));
	find_block(leaf.xid, block);
	if (block->block == 0 || tree == NULL)
		return true;

	cg_tree_read(block, tree);
	for (i = 0; i < tree->nleaves; i++)
	{
		if (cg_leaf_compare(&tree->leaves[i], &leaf) != 0)
			continue;
		*place = (uint64) (tree->places != NULL ? tree->places[i] : i);
		return true;
	}
	elog(ERROR, "event " INT64_FORMAT " is not in block " INT64_FORMAT,
		 seq, block->block);
}

/* Read one row of the log; false if it is malformed, or there is none. */
static bool
read_event(Oid relid, ItemPointer tid, const pg_uuid_t *log_id, CgLeaf *leaf,
		   StringInfo canonical)
{
	List	   *tables = cg_log_open(log_id);
	HeapTupleData tuple;
	Buffer		buffer;
	ListCell   *lc;
	bool		good = false;

	foreach(lc, tables)
	{
		CgLogTable *table = lfirst(lc);

		tuple.t_self = *tid;
		if (RelationGetRelid(table->rel) != relid ||
			!heap_fetch(table->rel, GetActiveSnapshot(), &tuple, &buffer,
						false))
			continue;
		good = cg_leaf_position(&table->coder, &tuple, leaf) &&
			cg_leaf_hash(&table->coder, &tuple, leaf->hash) &&
			(canonical == NULL ||
			 cg_leaf_encode(&table->coder, &tuple, canonical));
		ReleaseBuffer(buffer);
	}
	cg_log_close(tables);
	return good;
}

/*
 * The first block whose snapshot shows a transaction; number 0 if there is
 * none.  Once shown, it is shown by all later ones.
 */
static void
find_block(uint64 xid, CgBlock *block)
{
	CgSnapshot	snapshot;
	CgBlock		middle;
	int64		first = 1;
	int64		end;
	int64		last;

	memset(block, 0, sizeof(*block));
	if (!cg_block_last(&middle))
		return;
	last = middle.block;
	end = last + 1;
	while (first < end)
	{
		int64		number = first + (end - first) / 2;

		read_block(number, &middle);
		cg_snapshot_parse(&snapshot, middle.snapshot);
		if (cg_snapshot_shows(&snapshot, xid))
			end = number;
		else
			first = number + 1;
	}
	if (first <= last)
		read_block(first, block);
}

static void
read_block(int64 number, CgBlock *block)
{
	if (!cg_block_read(number, block))
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("block " INT64_FORMAT " of the audit log is missing",
						number),
				 errhint("%s tells more.", "cipguard.audit_verify()")));
}

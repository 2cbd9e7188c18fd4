/*
 * seal_tree.c
 *		The tree over the heads of all blocks of the audit log.
 *
 * Nothing of the tree is stored.  The root of a complete subtree is made by
 * reading its heads in order, and remembered in the session if it has
 * KEPT_LEVEL levels or more, so a worker that makes one checkpoint after the
 * other reads at most 1 << KEPT_LEVEL heads for each.  What is remembered
 * belongs to one log, and was committed: a block that this transaction has
 * written can still be rolled back.
 *
 * A comparison with an anchor uses nothing remembered.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "compat.h"

#include "cipguard.h"
#include "seal_tree.h"

#define KEPT_LEVEL	10
#define BATCH		5000		/* rows fetched at once */

typedef struct CgNodeKey
{
	uint64		index;
	uint64		level;
} CgNodeKey;

typedef struct CgKeptNode
{
	CgNodeKey	key;
	uint8		hash[CG_MERKLE_LEN];
} CgKeptNode;

/* Heads in the order of their blocks, read by a cursor. */
typedef struct CgHeadReader
{
	Portal		portal;
	SPITupleTable *batch;
	uint64		rows;			/* in the batch */
	uint64		next;			/* row of the batch */
	int64		index;			/* of the last head: that of block 1 is 0 */
} CgHeadReader;

static CgStatus fetch_node(void *arg, unsigned level, uint64_t index,
						   uint8_t *out);
static void read_subtree(int64 first, int64 n, uint8 *out);
static void open_heads(CgHeadReader *reader, int64 first, int64 end);
static bool next_head(CgHeadReader *reader, bytea **head);
static bool same_log(void);
pg_noreturn static void missing_block(int64 block);

static HTAB *kept = NULL;
static char kept_log[64];		/* log and its first head */

int64
cg_heads_size(void)
{
	bool		isnull;
	Datum		size;

	if (SPI_execute("SELECT pg_catalog.max(block) FROM cipguard.audit_block",
					true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not count the blocks of the audit log");
	size = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						 &isnull);
	SPI_freetuptable(SPI_tuptable);
	return isnull ? 0 : DatumGetInt64(size);
}

void
cg_heads_root(int64 size, uint8 root[CG_MERKLE_LEN])
{
	bool		keep = same_log();

	if (cg_merkle_fetch_root(fetch_node, &keep, (uint64) size,
							 root) != CG_OK)
		elog(ERROR, "could not compute the root of the audit log");
}

size_t
cg_heads_inclusion(int64 block, int64 size, uint8 path[][CG_MERKLE_LEN])
{
	bool		keep = same_log();
	size_t		len;

	if (cg_merkle_inclusion(fetch_node, &keep, (uint64) block - 1, (uint64) size,
							path, &len) != CG_OK)
		elog(ERROR, "could not compute a path of the audit log");
	return len;
}

size_t
cg_heads_consistency(int64 first, int64 second,
					 uint8 path[][CG_MERKLE_LEN])
{
	bool		keep = same_log();
	size_t		len;

	if (cg_merkle_consistency(fetch_node, &keep, (uint64) first,
							  (uint64) second, path, &len) != CG_OK)
		elog(ERROR, "could not compute a path of the audit log");
	return len;
}

bool
cg_heads_match(int64 size, const uint8 root[CG_MERKLE_LEN], int64 *matches)
{
	CgHeadReader reader;
	CgMerkle	tree;
	uint8		hash[CG_MERKLE_LEN];
	SPITupleTable *anchors;
	uint64		nanchors;
	uint64		a = 0;
	bytea	   *head;
	bool		more;

	*matches = 0;
	if (SPI_execute("SELECT DISTINCT tree_size, root FROM cipguard.audit_anchor"
					" WHERE tree_size > 0 ORDER BY tree_size",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the anchors of the audit log");
	anchors = SPI_tuptable;
	nanchors = SPI_processed;

	cg_merkle_init(&tree);
	open_heads(&reader, 0, size);
	more = next_head(&reader, &head);
	while (tree.size < (uint64) size)
	{
		bool		there = more && reader.index == (int64) tree.size &&
		head != NULL;
		CgStatus	status;

		CHECK_FOR_INTERRUPTS();
		status = cg_merkle_leaf(there ? VARDATA_ANY(head) : "",
								there ? VARSIZE_ANY_EXHDR(head) : 0, hash);
		if (status == CG_OK)
			status = cg_merkle_add(&tree, hash);
		if (status != CG_OK)
			elog(ERROR, "could not compute the root of the audit log");
		if (more && reader.index < (int64) tree.size)
			more = next_head(&reader, &head);

		for (; a < nanchors; a++)
		{
			bool		isnull;
			int64		at = DatumGetInt64(SPI_getbinval(anchors->vals[a],
														 anchors->tupdesc, 1,
														 &isnull));
			bytea	   *want;

			if (at > (int64) tree.size)
				break;
			want = DatumGetByteaPP(SPI_getbinval(anchors->vals[a],
												 anchors->tupdesc, 2,
												 &isnull));
			if (cg_merkle_root(&tree, hash) != CG_OK)
				elog(ERROR, "could not compute the root of the audit log");
			if (VARSIZE_ANY_EXHDR(want) == sizeof(hash) &&
				memcmp(VARDATA_ANY(want), hash, sizeof(hash)) == 0)
				*matches = at;
		}
		/* Beyond the last block there is nothing to be compared. */
		if (!more && tree.size < (uint64) size)
			break;
	}
	SPI_cursor_close(reader.portal);
	SPI_freetuptable(anchors);
	if (tree.size < (uint64) size)
		return false;
	if (cg_merkle_root(&tree, hash) != CG_OK)
		elog(ERROR, "could not compute the root of the audit log");
	return memcmp(hash, root, sizeof(hash)) == 0;
}

static CgStatus
fetch_node(void *arg, unsigned level, uint64_t index, uint8_t *out)
{
	bool		keep = *(bool *) arg && level >= KEPT_LEVEL;
	CgNodeKey	key = {index, level};
	CgKeptNode *node;
	bool		found;

	if (level > KEPT_LEVEL && !keep)
		return CG_E_LIMIT;
	if (keep)
	{
		node = hash_search(kept, &key, HASH_FIND, NULL);
		if (node != NULL)
		{
			memcpy(out, node->hash, CG_MERKLE_LEN);
			return CG_OK;
		}
	}
	/* A wider one is put together of those that are kept. */
	if (level > KEPT_LEVEL)
	{
		uint8		left[CG_MERKLE_LEN];
		CgStatus	status;

		status = fetch_node(arg, level - 1, 2 * index, left);
		if (status == CG_OK)
			status = fetch_node(arg, level - 1, 2 * index + 1, out);
		if (status == CG_OK)
			status = cg_merkle_node(left, out, out);
		if (status != CG_OK)
			return status;
	}
	else
		read_subtree((int64) (index << level), (int64) 1 << level, out);
	if (keep)
	{
		node = hash_search(kept, &key, HASH_ENTER, &found);
		memcpy(node->hash, out, CG_MERKLE_LEN);
	}
	return CG_OK;
}

/* Root over n heads, from that of index first on. */
static void
read_subtree(int64 first, int64 n, uint8 *out)
{
	CgHeadReader reader;
	CgMerkle	tree;
	bytea	   *head;
	uint8		leaf[CG_MERKLE_LEN];

	cg_merkle_init(&tree);
	open_heads(&reader, first, first + n);
	while (next_head(&reader, &head))
	{
		if (reader.index != first + (int64) tree.size || head == NULL ||
			VARSIZE_ANY_EXHDR(head) != CG_MERKLE_LEN)
			missing_block(first + (int64) tree.size + 1);
		if (cg_merkle_leaf(VARDATA_ANY(head), CG_MERKLE_LEN, leaf) != CG_OK ||
			cg_merkle_add(&tree, leaf) != CG_OK)
			elog(ERROR, "could not compute the root of the audit log");
	}
	SPI_cursor_close(reader.portal);
	if (tree.size != (uint64) n)
		missing_block(first + (int64) tree.size + 1);
	if (cg_merkle_root(&tree, out) != CG_OK)
		elog(ERROR, "could not compute the root of the audit log");
}

static void
open_heads(CgHeadReader *reader, int64 first, int64 end)
{
	static Oid	types[2] = {INT8OID, INT8OID};
	Datum		values[2];

	values[0] = Int64GetDatum(first);
	values[1] = Int64GetDatum(end);
	reader->portal =
		SPI_cursor_open_with_args(NULL,
								  "SELECT block - 1, head FROM cipguard.audit_block"
								  " WHERE block > $1 AND block <= $2"
								  " ORDER BY block",
								  2, types, values, NULL, true, 0);
	reader->batch = NULL;
	reader->rows = reader->next = 0;
}

/* The head is valid until the next call. */
static bool
next_head(CgHeadReader *reader, bytea **head)
{
	bool		isnull;
	Datum		value;

	if (reader->next == reader->rows)
	{
		SPI_freetuptable(reader->batch);
		SPI_cursor_fetch(reader->portal, true, BATCH);
		reader->batch = SPI_tuptable;
		reader->rows = SPI_processed;
		reader->next = 0;
		if (reader->rows == 0)
			return false;
		CHECK_FOR_INTERRUPTS();
	}
	value = SPI_getbinval(reader->batch->vals[reader->next],
						  reader->batch->tupdesc, 1, &isnull);
	reader->index = DatumGetInt64(value);
	value = SPI_getbinval(reader->batch->vals[reader->next],
						  reader->batch->tupdesc, 2, &isnull);
	*head = isnull ? NULL : DatumGetByteaPP(value);
	reader->next++;
	return true;
}

/*
 * Make what is remembered that of the present log; false if nothing may be
 * remembered.
 */
static bool
same_log(void)
{
	HASHCTL		info;
	char	   *log;

	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return false;
	if (SPI_execute("SELECT log_id::text || pg_catalog.left(pg_catalog.encode(head, 'hex'), 16)"
					" FROM cipguard.audit_block WHERE block = 1",
					true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the audit log");
	if (SPI_processed == 0)
		return false;
	log = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (log == NULL)
		return false;
	if (kept != NULL && strcmp(kept_log, log) == 0)
		return true;
	if (kept != NULL)
		hash_destroy(kept);
	kept = NULL;
	info.keysize = sizeof(CgNodeKey);
	info.entrysize = sizeof(CgKeptNode);
	kept = hash_create("cipguard tree of heads", 64, &info,
					   HASH_ELEM | HASH_BLOBS);
	strlcpy(kept_log, log, sizeof(kept_log));
	return true;
}

static void
missing_block(int64 block)
{
	ereport(ERROR,
			(errcode(CG_ERRCODE_AUDIT),
			 errmsg("block " INT64_FORMAT " of the audit log is missing or damaged",
					block),
			 errhint("Call %s to see what else is.",
					 "cipguard.audit_verify()")));
}

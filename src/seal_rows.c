/*
 * seal_rows.c
 *		Checking the audit log: reading its rows and folding blocks.
 *
 * The pages are read in steps.  After a step some blocks should be complete,
 * those whose window (seal_verify.c) ends with it, and what comes out right is
 * done and forgotten.  Steps can be read by several processes
 * (seal_parallel.c), each of which keeps what it could not complete.
 */
#include "postgres.h"

#include "utils/rel.h"

#include "seal_check.h"

static void add_step(CgCheck *check, const BlockNumber *start,
					 const BlockNumber *last, int64 part, int64 parts,
					 int block, int end_block);
static void visit_row(void *arg, CgLogTable *table, HeapTuple tuple);
static void bad_page(void *arg, CgLogTable *table, BlockNumber page,
					 const char *message);
static bool comes_out_right(CgCheckBlock *block);

/* ---------- steps ---------- */

/* With at most so many pages in each, unless that is 0. */
void
cg_check_plan(CgCheck *check, int64 pages)
{
	Size		size = check->ntables * sizeof(BlockNumber);
	BlockNumber *start = palloc0(size);
	BlockNumber *last = palloc0(size);
	int			block = 0;
	int			w;
	int			k;

	check->nsteps = 0;
	for (w = 0; w <= check->nwindows; w++)
	{
		bool		tail = w == check->nwindows;
		int			end_block = tail ? block : check->windows[w].end;
		int64		total = 0;
		int64		parts = 1;
		int64		i;

		for (k = 0; k < check->ntables; k++)
		{
			last[k] = Max(start[k], tail ? check->tables[k]->nblocks :
						  check->windows[w].last[k]);
			total += last[k] - start[k];
		}

		/* A window that is cut is completed by nobody until the end. */
		if (pages > 0 && total > pages)
			parts = (total + pages - 1) / pages;
		for (i = 1; i <= parts; i++)
			add_step(check, start, last, i, parts,
					 parts == 1 ? block : end_block, end_block);
		memcpy(start, last, size);
		block = end_block;
	}
	pfree(start);
	pfree(last);
}

static void
add_step(CgCheck *check, const BlockNumber *start, const BlockNumber *last,
		 int64 part, int64 parts, int block, int end_block)
{
	CgCheckStep *step;
	int			k;

	if (check->nsteps == check->steps_room)
	{
		check->steps_room = Max(check->steps_room * 2, 64);
		if (check->steps == NULL)
			check->steps = palloc(check->steps_room * sizeof(CgCheckStep));
		else
			check->steps = repalloc(check->steps, check->steps_room *
									sizeof(CgCheckStep));
	}
	step = &check->steps[check->nsteps++];
	step->block = block;
	step->end_block = end_block;
	step->ends = palloc(check->ntables * sizeof(BlockNumber));
	for (k = 0; k < check->ntables; k++)
		step->ends[k] = start[k] + (BlockNumber)
			((int64) (last[k] - start[k]) * part / parts);
}

int64
cg_check_pages(const CgCheck *check, int steps)
{
	int64		total = 0;
	int			k;

	for (k = 0; steps > 0 && k < check->ntables; k++)
		total += check->steps[steps - 1].ends[k];
	return total;
}

/* ---------- rows ---------- */

/* What cannot be read is a finding if guarded, else an error. */
void
cg_check_steps(CgCheck *check, int first, int end, bool guarded)
{
	int			s;
	int			k;
	int			i;

	for (s = first; s < end; s++)
	{
		CgCheckStep *step = &check->steps[s];

		for (k = 0; k < check->ntables; k++)
			cg_log_scan(check->tables[k], check->snapshot,
						s > 0 ? check->steps[s - 1].ends[k] : 0,
						step->ends[k], visit_row,
						guarded ? bad_page : NULL, check);
		for (i = step->block; i < step->end_block; i++)
			if (comes_out_right(&check->blocks[i]))
				cg_check_finish(&check->blocks[i]);
	}
}

void
cg_check_rows(CgCheck *check)
{
	int			i;

	if (!cg_check_parallel(check))
	{
		cg_check_plan(check, 0);
		cg_check_steps(check, 0, check->nsteps, true);
	}
	for (i = 0; i < check->nblocks; i++)
		if (!check->blocks[i].done && comes_out_right(&check->blocks[i]))
			cg_check_finish(&check->blocks[i]);
}

static void
visit_row(void *arg, CgLogTable *table, HeapTuple tuple)
{
	CgCheck    *check = arg;
	CgCheckBlock *block;
	CgLeaf		leaf;
	int			i;

	if (!cg_leaf_position(&table->coder, tuple, &leaf))
	{
		cg_check_error(check, -1, -1, "unreadable",
					   "row %u on page %u of %s is malformed",
					   ItemPointerGetOffsetNumber(&tuple->t_self),
					   ItemPointerGetBlockNumber(&tuple->t_self),
					   RelationGetRelationName(table->rel));
		return;
	}
	if (check->has_lower && cg_snapshot_shows(&check->lower, leaf.xid))
		return;
	i = cg_check_find(check, leaf.xid);
	if (i == check->nblocks)
	{
		if (leaf.xid >= check->next_xid)
			cg_check_error(check, -1, leaf.seq, "event inserted",
						   "transaction " UINT64_FORMAT " is yet to come",
						   leaf.xid);
		else if (check->whole && (check->nblocks > 0 || check->from == 1))
			check->unsealed++;
		return;
	}
	block = &check->blocks[i];
	check->events++;
	if (block->done)
	{
		cg_check_error(check, block->number, leaf.seq, "event inserted",
					   "in %s, after the block was closed",
					   RelationGetRelationName(table->rel));
		return;
	}
	if (!cg_leaf_hash(&table->coder, tuple, leaf.hash))
		memset(leaf.hash, 0, CG_SHA256_LEN);
	cg_leaf_push(&block->leaves, &block->n, &block->room, &leaf);
}

static void
bad_page(void *arg, CgLogTable *table, BlockNumber page, const char *message)
{
	cg_check_error(arg, -1, -1, "unreadable", "page %u of %s: %s", page,
				   RelationGetRelationName(table->rel), message);
}

/* A later block shows whatever an earlier one does. */
int
cg_check_find(CgCheck *check, uint64 xid)
{
	int			first = 0;
	int			end = check->nblocks;
	int			near = check->found;

	if (xid == check->found_xid)
		return check->found;

	/* Most rows belong to the block of the row before. */
	if (near < end && cg_snapshot_shows(&check->blocks[near].snapshot, xid))
	{
		if (near == 0 ||
			!cg_snapshot_shows(&check->blocks[near - 1].snapshot, xid))
			first = near;
		end = near;
	}
	else if (near < end)
		first = near + 1;
	while (first < end)
	{
		int			middle = first + (end - first) / 2;

		if (cg_snapshot_shows(&check->blocks[middle].snapshot, xid))
			end = middle;
		else
			first = middle + 1;
	}
	check->found_xid = xid;
	check->found = first;
	return first;
}

/* Sorts the rows of a block. */
static bool
comes_out_right(CgCheckBlock *block)
{
	uint8		root[CG_SHA256_LEN];
	CgStatus	status = CG_OK;
	int64		i;

	if (block->ambiguous || block->n != block->expected)
		return false;
	if (block->expected == 0 && block->events > 0)
		return true;
	if (block->n > 1)
		qsort(block->leaves, block->n, sizeof(CgLeaf), cg_leaf_compare);
	if (block->expected < block->events)
	{
		CgTree		tree;

		cg_tree_of(block->number, block->events, block->leaves, block->n,
				   &tree);
		status = cg_merkle_fetch_root(cg_tree_fetch, &tree,
									  (uint64) block->events, root);
	}
	else
	{
		CgMerkle	tree;

		cg_merkle_init(&tree);
		for (i = 0; i < block->n && status == CG_OK; i++)
			status = cg_merkle_add(&tree, block->leaves[i].hash);
		if (status == CG_OK)
			status = cg_merkle_root(&tree, root);
	}
	return status == CG_OK && memcmp(root, block->root, CG_SHA256_LEN) == 0;
}

void
cg_check_finish(CgCheckBlock *block)
{
	block->done = true;
	if (block->leaves != NULL)
		pfree(block->leaves);
	block->leaves = NULL;
	block->n = block->room = 0;
}

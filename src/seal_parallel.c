/*
 * seal_parallel.c
 *		Checking the audit log with several processes.
 *
 * The steps (seal_rows.c) are dealt out in segments of about as many pages.
 * Each process, the first one included, takes the next segment until there is
 * none, and completes the blocks of those windows that it has read.  What it
 * could not complete, because rows are in segments of others, or are where
 * they should not be, it hands over in the end, and the first process puts
 * that together.  So all rows are compared with all blocks, as by one process.
 * A block is only completed by the process that read the end of its window.
 *
 * In parallel mode errors cannot be caught page by page, or value by value.
 * So one ends all of it, as a lack of shared memory does, and one process
 * reads all once more, which can name what is damaged.
 *
 * As for plans: max_parallel_workers_per_gather, min_parallel_table_scan_size
 * and parallel_leader_participation say how many processes there are.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "port/atomics.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "storage/shm_toc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "compat.h"

#include "cipguard.h"
#include "seal_check.h"

#define SEGMENTS		2		/* for each process */
#define QUEUE_SIZE		65536
#define SENT_TOGETHER	10000	/* leaves, or numbers of blocks */

/* Pieces of the shared memory. */
enum
{
	PIECE_SHARED = 1,
	PIECE_TABLES,
	PIECE_BLOCKS,				/* and, last, the block before them */
	PIECE_XIDS,
	PIECE_STEPS,
	PIECE_ENDS,
	PIECE_SEGMENTS,
	PIECE_QUEUES
};

typedef struct CgShared
{
	pg_uuid_t	log_id;
	bool		whole;
	bool		has_lower;
	int64		from;
	uint64		next_xid;
	int			ntables;
	int			nblocks;
	int			nsteps;
	int			nsegments;
	pg_atomic_uint32 segment;	/* the next one to be taken */
} CgShared;

typedef struct CgSharedTable
{
	Oid			relid;
	CgLeafTag	tag;
	BlockNumber nblocks;
} CgSharedTable;

typedef struct CgSharedBlock
{
	int64		number;
	int64		events;
	int64		expected;
	bool		ambiguous;
	uint8		root[CG_SHA256_LEN];
	uint64		xmin;			/* of the snapshot */
	uint64		xmax;
	Size		xids;			/* index of the first of the xip */
	uint32		nxip;
} CgSharedBlock;

typedef struct CgSharedStep
{
	int			block;
	int			end_block;
} CgSharedStep;

/* What a worker has to tell: a message has this and what belongs to it. */
typedef enum CgMessageType
{
	MESSAGE_FINDING,			/* finding and detail */
	MESSAGE_LEAVES,				/* of one block */
	MESSAGE_DONE,				/* indexes of blocks that came out right */
	MESSAGE_END
} CgMessageType;

typedef struct CgMessage
{
	CgMessageType type;
	int			block;			/* index */
	int64		n;				/* how many follow */
	int64		number;			/* of the block of a finding */
	int64		event;
	int64		events;
	int64		unsealed;
	int64		errors;
} CgMessage;

static int	wanted_workers(const CgCheck *check);
static void check_together(CgCheck *check, int workers);
static int *make_segments(CgCheck *check, int64 pages, int *n);
static void estimate(ParallelContext *pcxt, const CgCheck *check,
					 int nsegments);
static void share(ParallelContext *pcxt, const CgCheck *check,
				  const int *segments, int nsegments);
static void *add_piece(ParallelContext *pcxt, int key, Size n, Size size);
static void share_block(CgSharedBlock *shared, const CgCheckBlock *block,
						uint64 *xids, Size *nxids);
static void take_segments(CgCheck *check, shm_toc *toc);
static void receive_all(CgCheck *check, ParallelContext *pcxt,
						shm_mq_handle *queue);
static bool take_message(CgCheck *check, const char *data, Size len);
static void put_together(CgCheck *check, int64 errors_before);
static void forget(CgCheck *check);
static void set_tolerant(CgCheck *check, bool tolerant);
static void join_check(CgCheck *check, shm_toc *toc);
static void join_block(CgCheckBlock *block, const CgSharedBlock *shared,
					   uint64 *xids);
static void send_all(CgCheck *check, shm_mq_handle *queue);
static void send_message(shm_mq_handle *queue, const CgMessage *message,
						 const void *data, Size len);

PGDLLEXPORT void cipguard_verify_worker(dsm_segment *seg, shm_toc *toc);

/* ---------- the first process ---------- */

bool
cg_check_parallel(CgCheck *check)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	int			workers = wanted_workers(check);
	int64		errors_before = check->errors;
	volatile bool good = true;

	if (workers == 0)
		return false;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		check->errors = 0;
		check->later = true;
		set_tolerant(check, false);
		check_together(check, workers);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;
		int			category;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		category = ERRCODE_TO_CATEGORY(error->sqlerrcode);
		if (category == ERRCODE_OPERATOR_INTERVENTION ||
			category == ERRCODE_TRANSACTION_ROLLBACK)
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		FreeErrorData(error);
		good = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	check->later = false;
	set_tolerant(check, true);
	if (good)
		put_together(check, errors_before);
	else
	{
		forget(check);
		check->errors = errors_before;
	}
	return good;
}

static int
wanted_workers(const CgCheck *check)
{
	int64		pages = 0;
	int			k;

	if (!IsUnderPostmaster || IsInParallelMode())
		return 0;
	for (k = 0; k < check->ntables; k++)
		pages += check->tables[k]->nblocks;
	return Min(max_parallel_workers_per_gather,
			   pages / Max(min_parallel_table_scan_size, 1));
}

static void
check_together(CgCheck *check, int workers)
{
	ParallelContext *pcxt;
	shm_mq_handle **queues;
	char	   *space;
	int64		pages = 0;
	int		   *segments;
	int			nsegments;
	int			i;

	for (i = 0; i < check->ntables; i++)
		pages += check->tables[i]->nblocks;
	pages = Max(pages / ((workers + 1) * SEGMENTS), 1);
	cg_check_plan(check, 2 * pages);
	segments = make_segments(check, pages, &nsegments);

	EnterParallelMode();
	pcxt = CreateParallelContext(CG_SCHEMA, "cipguard_verify_worker",
								 workers);
	estimate(pcxt, check, nsegments);
	InitializeParallelDSM(pcxt);
	share(pcxt, check, segments, nsegments);
	space = shm_toc_lookup(pcxt->toc, PIECE_QUEUES, false);
	for (i = 0; i < pcxt->nworkers; i++)
		shm_mq_set_receiver(shm_mq_create(space + i * QUEUE_SIZE, QUEUE_SIZE),
							MyProc);
	LaunchParallelWorkers(pcxt);
	queues = palloc((pcxt->nworkers_launched + 1) * sizeof(shm_mq_handle *));
	for (i = 0; i < pcxt->nworkers_launched; i++)
		queues[i] = shm_mq_attach((shm_mq *) (space + i * QUEUE_SIZE),
								  pcxt->seg, pcxt->worker[i].bgwhandle);

	if (parallel_leader_participation || pcxt->nworkers_launched == 0)
		take_segments(check, pcxt->toc);
	for (i = 0; i < pcxt->nworkers_launched; i++)
		receive_all(check, pcxt, queues[i]);
	WaitForParallelWorkersToFinish(pcxt);
	DestroyParallelContext(pcxt);
	ExitParallelMode();
	pfree(queues);
	pfree(segments);
}

/* First steps of segments of at least so many pages, and the end. */
static int *
make_segments(CgCheck *check, int64 pages, int *n)
{
	int		   *segments = palloc((check->nsteps + 1) * sizeof(int));
	int64		begun = 0;
	int			s;

	*n = 0;
	segments[0] = 0;
	for (s = 1; s <= check->nsteps; s++)
	{
		int64		sum = cg_check_pages(check, s);

		if (sum - begun < pages && s < check->nsteps)
			continue;
		segments[++*n] = s;
		begun = sum;
	}
	return segments;
}

static void
estimate(ParallelContext *pcxt, const CgCheck *check, int nsegments)
{
	shm_toc_estimator *estimator = &pcxt->estimator;
	Size		xids = check->has_lower ? check->lower.nxip : 0;
	int			i;

	for (i = 0; i < check->nblocks; i++)
		xids += check->blocks[i].snapshot.nxip;
	shm_toc_estimate_chunk(estimator, sizeof(CgShared));
	shm_toc_estimate_chunk(estimator,
						   mul_size(check->ntables, sizeof(CgSharedTable)));
	shm_toc_estimate_chunk(estimator, mul_size(check->nblocks + 1,
											   sizeof(CgSharedBlock)));
	shm_toc_estimate_chunk(estimator, mul_size(xids + 1, sizeof(uint64)));
	shm_toc_estimate_chunk(estimator,
						   mul_size(check->nsteps, sizeof(CgSharedStep)));
	shm_toc_estimate_chunk(estimator, mul_size(check->nsteps, mul_size(check->ntables,
																	   sizeof(BlockNumber))));
	shm_toc_estimate_chunk(estimator, mul_size(nsegments + 1, sizeof(int)));
	shm_toc_estimate_chunk(estimator,
						   mul_size(pcxt->nworkers + 1, QUEUE_SIZE));
	shm_toc_estimate_keys(estimator, PIECE_QUEUES);
}

static void
share(ParallelContext *pcxt, const CgCheck *check, const int *segments,
	  int nsegments)
{
	CgShared   *shared = add_piece(pcxt, PIECE_SHARED, 1, sizeof(CgShared));
	CgSharedTable *tables;
	CgSharedBlock *blocks;
	CgSharedStep *steps;
	BlockNumber *ends;
	uint64	   *xids;
	Size		nxids = check->has_lower ? check->lower.nxip : 0;
	int			i;

	shared->log_id = check->log_id;
	shared->whole = check->whole;
	shared->has_lower = check->has_lower;
	shared->from = check->from;
	shared->next_xid = check->next_xid;
	shared->ntables = check->ntables;
	shared->nblocks = check->nblocks;
	shared->nsteps = check->nsteps;
	shared->nsegments = nsegments;
	pg_atomic_init_u32(&shared->segment, 0);

	tables = add_piece(pcxt, PIECE_TABLES, check->ntables,
					   sizeof(CgSharedTable));
	for (i = 0; i < check->ntables; i++)
	{
		tables[i].relid = RelationGetRelid(check->tables[i]->rel);
		tables[i].tag = check->tables[i]->coder.tag;
		tables[i].nblocks = check->tables[i]->nblocks;
	}

	for (i = 0; i < check->nblocks; i++)
		nxids += check->blocks[i].snapshot.nxip;
	blocks = add_piece(pcxt, PIECE_BLOCKS, check->nblocks + 1,
					   sizeof(CgSharedBlock));
	xids = add_piece(pcxt, PIECE_XIDS, nxids + 1, sizeof(uint64));
	nxids = 0;
	for (i = 0; i < check->nblocks; i++)
		share_block(&blocks[i], &check->blocks[i], xids, &nxids);
	if (check->has_lower)
	{
		CgCheckBlock lower = {.snapshot = check->lower};

		share_block(&blocks[check->nblocks], &lower, xids, &nxids);
	}

	steps = add_piece(pcxt, PIECE_STEPS, check->nsteps, sizeof(CgSharedStep));
	ends = add_piece(pcxt, PIECE_ENDS, check->nsteps,
					 check->ntables * sizeof(BlockNumber));
	for (i = 0; i < check->nsteps; i++)
	{
		steps[i].block = check->steps[i].block;
		steps[i].end_block = check->steps[i].end_block;
		memcpy(ends + (Size) i * check->ntables, check->steps[i].ends,
			   check->ntables * sizeof(BlockNumber));
	}
	memcpy(add_piece(pcxt, PIECE_SEGMENTS, nsegments + 1, sizeof(int)),
		   segments, (nsegments + 1) * sizeof(int));
	(void) add_piece(pcxt, PIECE_QUEUES, pcxt->nworkers + 1, QUEUE_SIZE);
}

static void *
add_piece(ParallelContext *pcxt, int key, Size n, Size size)
{
	void	   *piece = shm_toc_allocate(pcxt->toc, mul_size(n, size));

	shm_toc_insert(pcxt->toc, key, piece);
	return piece;
}

static void
share_block(CgSharedBlock *shared, const CgCheckBlock *block, uint64 *xids,
			Size *nxids)
{
	const CgSnapshot *snapshot = &block->snapshot;

	shared->number = block->number;
	shared->events = block->events;
	shared->expected = block->expected;
	shared->ambiguous = block->ambiguous;
	memcpy(shared->root, block->root, CG_SHA256_LEN);
	shared->xmin = snapshot->xmin;
	shared->xmax = snapshot->xmax;
	shared->xids = *nxids;
	shared->nxip = snapshot->nxip;
	memcpy(xids + *nxids, snapshot->xip, snapshot->nxip * sizeof(uint64));
	*nxids += snapshot->nxip;
}

/* Any process. */
static void
take_segments(CgCheck *check, shm_toc *toc)
{
	CgShared   *shared = shm_toc_lookup(toc, PIECE_SHARED, false);
	const int  *segments = shm_toc_lookup(toc, PIECE_SEGMENTS, false);

	for (;;)
	{
		uint32		i = pg_atomic_fetch_add_u32(&shared->segment, 1);

		if (i >= (uint32) shared->nsegments)
			break;
		cg_check_steps(check, segments[i], segments[i + 1], false);
	}
}

/* ---------- what workers found ---------- */

static void
receive_all(CgCheck *check, ParallelContext *pcxt, shm_mq_handle *queue)
{
	for (;;)
	{
		Size		len;
		void	   *data;

		/* A worker that ends without its last message has an error. */
		if (shm_mq_receive(queue, &len, &data, false) != SHM_MQ_SUCCESS)
		{
			WaitForParallelWorkersToFinish(pcxt);
			elog(ERROR, "a process that checks the audit log has ended early");
		}
		if (!take_message(check, data, len))
			break;
	}
}

/* False if it is the last one. */
static bool
take_message(CgCheck *check, const char *data, Size len)
{
	CgMessage	message;
	int64		i;

	memcpy(&message, data, sizeof(CgMessage));
	data += sizeof(CgMessage);
	switch (message.type)
	{
		case MESSAGE_FINDING:
			cg_check_error(check, message.number, message.event, data, "%s",
						   data + strlen(data) + 1);
			check->errors--;
			return true;
		case MESSAGE_LEAVES:
			for (i = 0; i < message.n; i++)
			{
				CgCheckBlock *block = &check->blocks[message.block];
				CgLeaf		leaf;

				memcpy(&leaf, data + i * sizeof(CgLeaf), sizeof(CgLeaf));
				cg_leaf_push(&block->leaves, &block->n, &block->room, &leaf);
			}
			return true;
		case MESSAGE_DONE:
			for (i = 0; i < message.n; i++)
			{
				int			index;

				memcpy(&index, data + i * sizeof(int), sizeof(int));
				check->blocks[index].done = true;
			}
			return true;
		case MESSAGE_END:
			check->events += message.events;
			check->unsealed += message.unsealed;
			check->errors += message.errors;
			return false;
	}
	return true;
}

/* Report what all have found, and rows that a block has too many. */
static void
put_together(CgCheck *check, int64 errors_before)
{
	int64		unnamed = check->errors - list_length(check->findings);
	ListCell   *lc;
	int			i;
	int64		k;

	check->errors = errors_before;
	foreach(lc, check->findings)
	{
		CgFinding  *kept = lfirst(lc);

		cg_check_error(check, kept->block, kept->event, kept->finding, "%s",
					   kept->detail);
	}
	check->errors += unnamed;
	check->findings = NIL;
	for (i = 0; i < check->nblocks; i++)
	{
		CgCheckBlock *block = &check->blocks[i];

		if (!block->done || block->n == 0)
			continue;
		for (k = 0; k < block->n; k++)
			cg_check_error(check, block->number, block->leaves[k].seq,
						   "event inserted",
						   "it was not there when the block was closed");
		cg_check_finish(block);
	}
}

static void
forget(CgCheck *check)
{
	int			i;

	for (i = 0; i < check->nblocks; i++)
	{
		cg_check_finish(&check->blocks[i]);
		check->blocks[i].done = false;
	}
	check->findings = NIL;
	check->events = check->unsealed = 0;
}

static void
set_tolerant(CgCheck *check, bool tolerant)
{
	int			k;

	for (k = 0; k < check->ntables; k++)
		check->tables[k]->coder.tolerant = tolerant;
}

/* ---------- the others ---------- */

/*
 * A parallel worker: checks its part and sends what it finds to the first
 * process, errors included.
 */
void
cipguard_verify_worker(dsm_segment *seg, shm_toc *toc)
{
	char	   *space = shm_toc_lookup(toc, PIECE_QUEUES, false);
	shm_mq	   *mq = (shm_mq *) (space + ParallelWorkerNumber * QUEUE_SIZE);
	shm_mq_handle *queue;
	CgCheck		check;
	int			k;

	shm_mq_set_sender(mq, MyProc);
	queue = shm_mq_attach(mq, seg, NULL);

	/* The rights and the snapshot are those of the first process. */
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	join_check(&check, toc);
	take_segments(&check, toc);
	send_all(&check, queue);
	for (k = 0; k < check.ntables; k++)
		table_close(check.tables[k]->rel, AccessShareLock);
	SPI_finish();
	shm_mq_detach(queue);
}

static void
join_check(CgCheck *check, shm_toc *toc)
{
	const CgShared *shared = shm_toc_lookup(toc, PIECE_SHARED, false);
	const CgSharedTable *tables = shm_toc_lookup(toc, PIECE_TABLES, false);
	const CgSharedBlock *blocks = shm_toc_lookup(toc, PIECE_BLOCKS, false);
	const CgSharedStep *steps = shm_toc_lookup(toc, PIECE_STEPS, false);
	BlockNumber *ends = shm_toc_lookup(toc, PIECE_ENDS, false);
	uint64	   *xids = shm_toc_lookup(toc, PIECE_XIDS, false);
	int			i;

	memset(check, 0, sizeof(*check));
	check->later = true;
	check->log_id = shared->log_id;
	check->whole = shared->whole;
	check->from = shared->from;
	check->next_xid = shared->next_xid;
	check->snapshot = GetActiveSnapshot();

	check->ntables = shared->ntables;
	check->tables = palloc(check->ntables * sizeof(CgLogTable *));
	for (i = 0; i < check->ntables; i++)
	{
		check->tables[i] = cg_log_table(tables[i].relid, tables[i].tag,
										&check->log_id);
		check->tables[i]->nblocks = tables[i].nblocks;
	}

	check->nblocks = shared->nblocks;
	check->blocks = MemoryContextAllocHuge(CurrentMemoryContext,
										   Max(check->nblocks, 1) *
										   sizeof(CgCheckBlock));
	for (i = 0; i < check->nblocks; i++)
		join_block(&check->blocks[i], &blocks[i], xids);
	check->has_lower = shared->has_lower;
	if (check->has_lower)
	{
		CgCheckBlock lower;

		join_block(&lower, &blocks[check->nblocks], xids);
		check->lower = lower.snapshot;
	}

	check->nsteps = shared->nsteps;
	check->steps = palloc(check->nsteps * sizeof(CgCheckStep));
	for (i = 0; i < check->nsteps; i++)
	{
		check->steps[i].block = steps[i].block;
		check->steps[i].end_block = steps[i].end_block;
		check->steps[i].ends = ends + (Size) i * check->ntables;
	}
}

static void
join_block(CgCheckBlock *block, const CgSharedBlock *shared, uint64 *xids)
{
	memset(block, 0, sizeof(*block));
	block->number = shared->number;
	block->events = shared->events;
	block->expected = shared->expected;
	block->ambiguous = shared->ambiguous;
	memcpy(block->root, shared->root, CG_SHA256_LEN);
	block->snapshot.xmin = shared->xmin;
	block->snapshot.xmax = shared->xmax;
	block->snapshot.nxip = shared->nxip;
	block->snapshot.xip = xids + shared->xids;
}

static void
send_all(CgCheck *check, shm_mq_handle *queue)
{
	CgMessage	message;
	int		   *done = palloc(SENT_TOGETHER * sizeof(int));
	ListCell   *lc;
	int			i;
	int64		k;

	memset(&message, 0, sizeof(message));
	message.type = MESSAGE_FINDING;
	foreach(lc, check->findings)
	{
		CgFinding  *kept = lfirst(lc);
		StringInfoData text;

		initStringInfo(&text);
		appendBinaryStringInfo(&text, kept->finding,
							   strlen(kept->finding) + 1);
		appendBinaryStringInfo(&text, kept->detail, strlen(kept->detail) + 1);
		message.number = kept->block;
		message.event = kept->event;
		send_message(queue, &message, text.data, text.len);
		pfree(text.data);
	}

	message.type = MESSAGE_DONE;
	for (i = 0; i < check->nblocks; i++)
	{
		if (check->blocks[i].done)
			done[message.n++] = i;
		if (message.n == SENT_TOGETHER ||
			(message.n > 0 && i == check->nblocks - 1))
		{
			send_message(queue, &message, done, message.n * sizeof(int));
			message.n = 0;
		}
	}

	message.type = MESSAGE_LEAVES;
	for (i = 0; i < check->nblocks; i++)
	{
		CgCheckBlock *block = &check->blocks[i];

		message.block = i;
		for (k = 0; k < block->n; k += message.n)
		{
			message.n = Min(block->n - k, SENT_TOGETHER);
			send_message(queue, &message, block->leaves + k,
						 message.n * sizeof(CgLeaf));
		}
		cg_check_finish(block);
	}

	message.type = MESSAGE_END;
	message.n = 0;
	message.events = check->events;
	message.unsealed = check->unsealed;
	message.errors = check->errors;
	send_message(queue, &message, NULL, 0);
}

static void
send_message(shm_mq_handle *queue, const CgMessage *message, const void *data,
			 Size len)
{
	shm_mq_iovec parts[2];

	parts[0].data = (const char *) message;
	parts[0].len = sizeof(CgMessage);
	parts[1].data = data;
	parts[1].len = len;

	/* Nobody receives it any more if the first process has an error. */
	(void) shm_mq_sendv(queue, parts, len > 0 ? 2 : 1, false, true);
}

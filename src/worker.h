/*
 * worker.h
 *		Background workers that keep the audit log up to date.
 */
#ifndef CG_WORKER_H
#define CG_WORKER_H

#include "datatype/timestamp.h"

#define CG_WORKER_SLOTS		128
#define CG_WORKER_ERROR_LEN 256

typedef enum CgWorkerState
{
	CG_WORKER_IDLE,				/* to be started when it is time */
	CG_WORKER_WANTED,			/* to be started now */
	CG_WORKER_STARTING,
	CG_WORKER_RUNNING,
	CG_WORKER_ABSENT			/* there is no extension in the database */
} CgWorkerState;

/* What is known of the worker of a database; in shared memory. */
typedef struct CgWorkerSlot
{
	Oid			database;		/* InvalidOid: the slot is free */
	CgWorkerState state;
	int			pid;			/* 0 unless it runs */
	TimestampTz held_until;		/* not to run before: see cg_worker_hold() */
	TimestampTz started;
	TimestampTz cycle;			/* end of the last one, 0 before the first */
	TimestampTz took_in;		/* when it took in or forwarded events last */
	int64		cycles;
	int64		events;			/* taken in or forwarded since it started */
	int64		pending;		/* bytes of the spool that are left */
	TimestampTz failed;			/* 0: the last cycle met no error */
	int			error_code;
	char		error[CG_WORKER_ERROR_LEN];
} CgWorkerSlot;

/* A copy of the slots that are in use; returns how many. */
extern int	cg_worker_slots(CgWorkerSlot *slots);

/*
 * As the worker of a database: take its slot, give it back when the process
 * ends.  False if it shall not run.
 */
extern bool cg_worker_enter(Oid database);

/* May it go on? */
extern bool cg_worker_continues(void);

/* Tell that there is no extension, or what a cycle did; error can be NULL. */
extern void cg_worker_absent(void);
extern void cg_worker_report(int64 events, int64 pending, int error_code,
							 const char *error);

/*
 * At load: when preloaded, register the launcher and request the shared
 * memory.
 */
extern void cg_worker_init(void);

#endif							/* CG_WORKER_H */

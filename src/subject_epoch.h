/*
 * subject_epoch.h
 *		Epochs of keys of subjects: cached rows of cipguard.subject_epoch, and
 *		what wraps a subject's key.
 */
#ifndef CG_SUBJECT_EPOCH_H
#define CG_SUBJECT_EPOCH_H

#include "utils/relcache.h"

#include "epoch.h"
#include "suite.h"

/* What is wrapped: the id of the key, and the key. */
#define CG_SUBJECT_WRAPPED_LEN	CG_WRAPPED_LEN(8 + CG_KEY_LEN)

/* Columns of cipguard.subject_epoch, in the order of 39_subject_key.sql. */
enum
{
	CG_EP_EPOCH = 1,
	CG_EP_NAME,
	CG_EP_ROOT_VERSION,
	CG_EP_STATE,
	CG_EP_CREATED,
	CG_EP_CLOSED,
	CG_EP_DESTROYED
};
#define CG_EP_NUM	CG_EP_DESTROYED

/*
 * Take note of changes; call before a group of the below.  Returns a number
 * that grows whenever what was unwrapped before may be out of date.
 */
extern uint64 cg_epochs_refresh(void);

/* The epoch under which new keys are wrapped; 0 if there is none yet. */
extern int32 cg_epochs_current(void);

/* Is its key known to be destroyed?  Does not raise. */
extern bool cg_epochs_destroyed(int32 epoch);

/* Can its key be had?  Does not raise. */
extern bool cg_epochs_usable(int32 epoch);

/* wrapped holds CG_SUBJECT_WRAPPED_LEN bytes.  Errors: CG_ERRCODE_KEK_*. */
extern void cg_epochs_wrap(int32 epoch, uint64 id,
						   const uint8 key[CG_KEY_LEN], uint8 *wrapped);

/*
 * False if the epoch's key was destroyed; the caller wipes key.  Errors:
 * CG_ERRCODE_KEK_*, CG_ERRCODE_NOT_AUTHENTIC.
 */
extern bool cg_epochs_unwrap(int32 epoch, uint64 id, const uint8 *wrapped,
							 Size len, uint8 key[CG_KEY_LEN]);

/*
 * Begin the next epoch, in the transaction at work: its key, which goes again
 * should the transaction fail, and its row.  The caller has locked keys of
 * subjects against writers.
 */
extern int32 cg_epochs_begin(void);

/* Epochs before this one are closed from now on. */
extern void cg_epochs_close_before(int32 epoch);

/*
 * Destroy the keys of closed epochs.  Their closing must have been committed.
 * Returns how many were destroyed.
 */
extern int	cg_epochs_finish(void);

/* At load: watch the table of epochs. */
extern void cg_epochs_init(void);

#endif							/* CG_SUBJECT_EPOCH_H */

/*
 * epoch.h
 *		Where epoch keys are: outside of the database and of its backups.
 */
#ifndef CG_EPOCH_H
#define CG_EPOCH_H

#include "keywrap.h"

/* Letters of the name that tells epochs of equal number apart. */
#define CG_EPOCH_NAME_LEN	16

typedef enum CgEpochStatus
{
	CG_EPOCH_FOUND,
	CG_EPOCH_DESTROYED,			/* its keeper says that it was */
	CG_EPOCH_ABSENT				/* nobody knows, or nobody can be asked */
} CgEpochStatus;

/* Is there a keeper of epoch keys?  Never raises. */
extern bool cg_epoch_configured(void);

/* Raises, with a hint, if there is none or it is not to be trusted. */
extern void cg_epoch_require(void);

/* Make and keep a key.  Errors: CG_ERRCODE_KEK_*. */
extern void cg_epoch_create(int32 epoch, const char *name,
							uint8 key[CG_KEK_LEN]);

/*
 * Get a key, into a buffer that the caller wipes.  With raise anything but
 * CG_EPOCH_FOUND and CG_EPOCH_DESTROYED is an error, CG_ERRCODE_KEK_*.
 */
extern CgEpochStatus cg_epoch_get(int32 epoch, const char *name,
								  uint8 key[CG_KEK_LEN], bool raise);

/* Destroy a key, which may be gone already.  Errors: CG_ERRCODE_KEK_*. */
extern void cg_epoch_destroy(int32 epoch, const char *name);

#endif							/* CG_EPOCH_H */

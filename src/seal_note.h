/*
 * seal_note.h
 *		Checkpoints of the audit log.
 *
 * Its further lines are "log" and the uuid of the log, "timeline" and that of
 * the last block, "sealed" and when that was closed.
 *
 * All functions need SPI connected with the rights of cg_audit_owner(), and
 * an active snapshot.  Text is in UTF-8.
 */
#ifndef CG_SEAL_NOTE_H
#define CG_SEAL_NOTE_H

#include "checkpoint.h"

/* The number of the log, a uuid, as text. */
extern char *cg_seal_log(void);

/* Name of the log, and of the key that signs for it. */
extern char *cg_seal_origin(void);

/*
 * The signed checkpoint of the first size blocks, which must be there, and at
 * least one.  Errors: CG_ERRCODE_AUDIT, CG_ERRCODE_KEY_MISSING,
 * CG_ERRCODE_KEK_*.
 */
extern char *cg_seal_checkpoint(int64 size, uint8 root[CG_MERKLE_LEN]);

/* Has any version of the key of this database signed it, under any name? */
extern bool cg_seal_signed(const char *text, const CgCheckpoint *checkpoint);

#endif							/* CG_SEAL_NOTE_H */

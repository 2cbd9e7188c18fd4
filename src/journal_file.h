/*
 * journal_file.h
 *		Files of the disclosure journal: appending and finding them.
 */
#ifndef CG_JOURNAL_FILE_H
#define CG_JOURNAL_FILE_H

#include "journal_frame.h"

/* Relative to the data directory, which is where a server process is. */
#define CG_JOURNAL_PARENT	"cipguard"
#define CG_JOURNAL_DIR		CG_JOURNAL_PARENT "/journal"
#define CG_JOURNAL_PREFIX	"%08x." /* database OID; then YYYYMM */

/* The key of MACs is derived from that of CG_DOMAIN_JOURNAL for this. */
#define CG_JOURNAL_KEY_INFO "cipguard/v1/journal/frame"

/* Bytes that lists of subjects may have before they are sealed. */
#define CG_JOURNAL_LIST_MAX (384 * 1024)

/*
 * In a live transaction, get at hand whatever cg_journal_append() needs: file,
 * buffers, key.  Returns the buffer for lists of subjects, of
 * CG_JOURNAL_LIST_MAX bytes.  Errors: CG_ERRCODE_AUDIT.
 */
extern uint8 *cg_journal_prepare(void);

/*
 * Append a record with a list of subjects (len 0: none).  Sets ts, and in
 * flags CG_FRAME_NO_KEY.  Touches no catalog and throws nothing if elevel is
 * below ERROR; false if the record was not written.
 */
extern bool cg_journal_append(CgFrame *frame, const uint8 *list, Size len,
							  int elevel);

#endif							/* CG_JOURNAL_FILE_H */

/*
 * journal_file.h
 *		Appending to the disclosure journal.
 */
#ifndef CG_JOURNAL_FILE_H
#define CG_JOURNAL_FILE_H

#include "journal_frame.h"
#include "journal_set.h"

/*
 * Get at hand whatever cg_journal_append() needs: buffers, and in a live
 * transaction keys.  Returns the buffer for lists of subjects, of
 * CG_SET_LIST_MAX bytes.
 */
extern uint8 *cg_journal_prepare(void);

/*
 * Append a record with a list of subjects (len 0: none).  Sets all that tells
 * where it belongs in the journal (ts, node, database, writer, number, key
 * version and so on), and CG_FRAME_NO_KEY in flags.  Touches no catalog,
 * allocates nothing, and throws nothing if elevel is below ERROR; false if the
 * record was not written.  Errors: CG_ERRCODE_AUDIT.
 */
extern bool cg_journal_append(CgFrame *frame, const uint8 *list, Size len,
							  int elevel);

/* Have what was appended on disk; the same. */
extern bool cg_journal_sync(int elevel);

#endif							/* CG_JOURNAL_FILE_H */

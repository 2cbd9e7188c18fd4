/*
 * journal_key.h
 *		Keys of the disclosure journal.
 */
#ifndef CG_JOURNAL_KEY_H
#define CG_JOURNAL_KEY_H

#include "journal_frame.h"
#include "journal_stream.h"

/* Made of one key; NULL and 0 where it cannot be had. */
typedef struct CgJournalKeys
{
	uint16		version;
	CgHmac	   *hmac;
	CgStream   *stream;
} CgJournalKeys;

/* What new frames are written with, as of the last cg_journal_get_keys(). */
extern CgJournalKeys cg_journal_keys;

/* In a live transaction: hear of new keys, and ask again for missing ones. */
extern void cg_journal_get_keys(void);

/*
 * The list of subjects of a frame (journal_frame.h), palloc'd; NULL if it
 * cannot be decrypted.
 */
extern uint8 *cg_journal_list(const CgFrame *frame, Size *len);

typedef enum CgProof
{
	CG_PROOF_GOOD,
	CG_PROOF_BAD,
	CG_PROOF_UNKNOWN			/* no MAC, or no key to check it with */
} CgProof;

/* Is the MAC of this whole frame, which can be decoded, the right one? */
extern CgProof cg_journal_verify(const uint8 *data, Size len);

#endif							/* CG_JOURNAL_KEY_H */

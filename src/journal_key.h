/*
 * journal_key.h
 *		Keys of the disclosure journal.
 */
#ifndef CG_JOURNAL_KEY_H
#define CG_JOURNAL_KEY_H

#include "journal_frame.h"
#include "suite.h"

/* Suite and padding of lists of subjects. */
#define CG_JOURNAL_SUITE	CG_SUITE_AES_RANDOM
#define CG_JOURNAL_PAD		16

/* What new frames are written with; NULL and 0 where no key can be had. */
typedef struct CgJournalKeys
{
	CgCipher   *cipher;
	uint16		cipher_version;
	CgHmac	   *hmac;
	uint16		hmac_version;
} CgJournalKeys;

/* Always valid; of this database, as of the last cg_journal_get_keys(). */
extern CgJournalKeys cg_journal_keys;

/* In a live transaction: hear of new keys, and ask again for missing ones. */
extern void cg_journal_get_keys(void);

/* The cipher of a list of subjects; NULL if it cannot be had. */
extern CgCipher *cg_journal_cipher(uint16 version);

typedef enum CgProof
{
	CG_PROOF_GOOD,
	CG_PROOF_BAD,
	CG_PROOF_UNKNOWN			/* no MAC, or no key to check it with */
} CgProof;

/* Is the MAC of this whole frame, which can be decoded, the right one? */
extern CgProof cg_journal_verify(const uint8 *data, Size len);

#endif							/* CG_JOURNAL_KEY_H */

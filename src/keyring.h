/*
 * keyring.h
 *		Data keys and token keys, ready for use.
 */
#ifndef CG_KEYRING_H
#define CG_KEYRING_H

#include "digest.h"
#include "suite.h"

/* Kinds of rows in cipguard.data_key. */
#define CG_KEY_KIND_DATA	'd' /* owner: category id */
#define CG_KEY_KIND_TOKEN	't' /* owner: token domain id */
#define CG_KEY_KIND_SEAL	's' /* owner: hash of CG_SEAL_KEY_NAME */

/* The token domain whose key makes subject tags of the audit log. */
#define CG_DOMAIN_SUBJECT	"cipguard.subject"

/* That whose key, with an epoch key, wraps the keys of subjects. */
#define CG_DOMAIN_SUBJECT_KEY	"cipguard.subject_key"

/* The key that signs seals of the audit log. */
#define CG_SEAL_KEY_NAME	"cipguard.seal"

/* That whose key authenticates frames of the disclosure journal. */
#define CG_DOMAIN_JOURNAL	"cipguard.journal"

/* That whose key makes the keys of substring indexes. */
#define CG_DOMAIN_NGRAM		"cipguard.ngram"

/*
 * The version with which new values are written.  Errors:
 * CG_ERRCODE_KEY_MISSING.
 */
extern uint16 cg_keyring_current(char kind, int32 owner);

/* Is there one, and can its key be had?  Does not raise if not. */
extern bool cg_keyring_usable(char kind, int32 owner);

/*
 * Take note of changed keys; call before a group of look-ups.  Returns a
 * number that grows whenever the contexts handed out before became invalid.
 */
extern uint64 cg_keyring_refresh(void);

/* Grows whenever cipguard.data_key may have changed; never 0. */
extern uint64 cg_keyring_generation(void);

/*
 * Cached contexts, valid while cg_keyring_refresh() returns the same.  NULL if there is no such key and missing_ok.
 * Errors: CG_ERRCODE_KEY_MISSING, CG_ERRCODE_KEK_*.
 */
extern CgCipher *cg_keyring_cipher(int32 category, uint16 version, int suite,
								   bool missing_ok);
extern CgToken *cg_keyring_token(int32 domain, uint16 version, int suite,
								 bool missing_ok);

/*
 * CG_SHA256_LEN bytes derived from the key of a token domain for the use that
 * info names; the caller wipes them.  *version selects the key; 0 takes the
 * one for new values and sets it.  False if that key cannot be had, whatever
 * the reason.
 */
extern bool cg_keyring_derive(int32 domain, uint16 *version,
							  const char *info, uint8 *derived);

/*
 * The bare key of a row, in a buffer of the caller, who wipes it.  *version
 * selects it; 0 takes the current one and sets it.  False if there is no such
 * version.  Errors: CG_ERRCODE_KEY_MISSING if there is no current one,
 * CG_ERRCODE_KEK_*.
 */
extern bool cg_keyring_secret(char kind, int32 owner, uint16 *version,
							  uint8 key[CG_KEY_LEN]);

/* The newest version there ever was, 0 if there is none. */
extern uint16 cg_keyring_newest(char kind, int32 owner);

/*
 * Create what keys are missing for the rows of cipguard.category; returns how
 * many were made.  Verifies first that the KEK opens every key there is.
 */
extern int	cg_keyring_create_missing(void);

/*
 * Make the next version of a key, with which new values are written from now
 * on; older ones still decrypt.  Returns the version.  Errors:
 * CG_ERRCODE_KEY_MISSING if there is no key to follow, CG_ERRCODE_KEK_*,
 * ERRCODE_PROGRAM_LIMIT_EXCEEDED after version 65535.
 */
extern uint16 cg_keyring_add(char kind, int32 owner);

/* Does the KEK at hand open every key of this database?  Raises if not. */
extern void cg_keyring_verify(void);

/*
 * Wrap by the current KEK every key that another one wraps; returns how many
 * there were.  Verifies first that every key opens.
 */
extern int	cg_keyring_rewrap(void);

typedef enum CgKeyState
{
	CG_KEY_ACTIVE,				/* encrypts new values, decrypts */
	CG_KEY_RETIRING,			/* decrypts */
	CG_KEY_DESTROYED
} CgKeyState;

typedef struct CgKeyInfo
{
	char		kind;
	int32		owner;
	uint16		version;
	CgKeyState	state;
	char	   *owner_name;		/* or NULL */
} CgKeyInfo;

/* All keys there are or were, palloc'd; returns their number. */
extern int	cg_keyring_list(CgKeyInfo **keys);

/* One of them; false if there never was such a version. */
extern bool cg_keyring_info(char kind, int32 owner, uint16 version,
							CgKeyInfo *info);

/* Is this the version of a data key that new values take? */
extern bool cg_keyring_is_current(int32 category, uint16 version);

/* Add a key as it is; there must be none of that version. */
extern void cg_keyring_insert(const CgKeyInfo *info,
							  const uint8 key[CG_KEY_LEN]);

/* Destroy a version for ever. */
extern void cg_keyring_destroy(char kind, int32 owner, uint16 version);

/* Keep others from changing keys until the transaction ends. */
extern void cg_keyring_lock(void);

/* At load: have the ring read again when the table of keys changes. */
extern void cg_keyring_init(void);

#endif							/* CG_KEYRING_H */

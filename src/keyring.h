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

/*
 * Take note of changed keys; call before a group of look-ups.  Returns a
 * number that grows whenever the contexts handed out before became invalid.
 */
extern uint64 cg_keyring_refresh(void);

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

extern void cg_keyring_init(void);

#endif							/* CG_KEYRING_H */

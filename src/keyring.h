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

/* The token domain whose key makes subject tags of the audit log. */
#define CG_DOMAIN_SUBJECT	"cipguard.subject"

/* That whose key authenticates frames of the disclosure journal. */
#define CG_DOMAIN_JOURNAL	"cipguard.journal"

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
 * A context that belongs to the caller (cg_cipher_free) and stays valid when
 * keys change, for use where the catalogs cannot be read.  *version selects
 * the key; 0 takes the one for new values and sets it.  NULL if that key
 * cannot be had, whatever the reason.
 */
extern CgCipher *cg_keyring_own_cipher(int32 category, uint16 *version,
									   int suite);

/*
 * In the same way, an HMAC under a key derived from that of a token domain
 * for the use that info names (cg_hmac_free).
 */
extern CgHmac *cg_keyring_own_hmac(int32 domain, uint16 *version,
								   const char *info);

/*
 * Create what keys are missing for the rows of cipguard.category; returns how
 * many were made.  Verifies first that the KEK opens every key there is.
 */
extern int	cg_keyring_create_missing(void);

extern void cg_keyring_init(void);

#endif							/* CG_KEYRING_H */

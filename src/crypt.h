/*
 * crypt.h
 *		Values to ciphertext and back, with the keys of their category.
 *
 * No check of rights is made here: whoever calls decides who may see.
 */
#ifndef CG_CRYPT_H
#define CG_CRYPT_H

#include "datatype/timestamp.h"

#include "category.h"
#include "envelope.h"

/*
 * Encrypt text under a category: normalise for the token, pad, seal.  The
 * value is not validated.  Returns a palloc'd varlena.
 */
extern struct varlena *cg_encrypt(const CgCategory *category, uint8 type,
								  const char *plain, Size len);

/*
 * Decrypt a detoasted datum.  Returns palloc'd memory of *len bytes and a
 * terminating zero.  Errors: CG_ERRCODE_NOT_AUTHENTIC, CG_ERRCODE_KEY_MISSING.
 */
extern char *cg_decrypt(struct varlena *datum, Size *len);

/* The same of a datum whose header is parsed already. */
extern char *cg_open(const CgEnvelope *env, Size *len);

/* Parse the header of a detoasted datum; raises if it is none. */
extern void cg_parse(struct varlena *datum, CgEnvelope *env);

/* Does this datum decrypt and authenticate?  Raises if its key is missing. */
extern bool cg_authentic(const CgEnvelope *env);

/* Armor of a detoasted datum: palloc'd, zero-terminated. */
extern char *cg_armor(struct varlena *datum);

/*
 * Equality token of text under a version of the token key of the category's
 * domain; CG_TOKEN_LEN bytes.
 */
extern void cg_text_token(const CgCategory *category, uint16 version,
						  const char *plain, Size len, uint8 *token);

/*
 * While the depth is above zero, output functions give armor whatever the
 * rights of the user: EXPLAIN and the audit writer raise it.
 */
extern int	cg_armor_depth;

/*
 * Start of the last transaction that encrypted or decrypted a value: error
 * reports of that transaction are redacted.
 */
extern TimestampTz cg_plain_at;

#endif							/* CG_CRYPT_H */

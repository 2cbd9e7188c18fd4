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
#include "enc_type.h"

/*
 * Encrypt a value under a category: canonical form for the token, pad, seal.
 * The value is not validated.  Returns a palloc'd varlena.
 */
extern struct varlena *cg_encrypt(const CgCategory *category,
								  const CgPlain *plain);

/* The same of text in the encoding of the server. */
extern struct varlena *cg_encrypt_text(const CgCategory *category,
									   const char *text, Size len);

/*
 * The same of bytes in their stored form.  subject is that of a per-subject
 * key, 0 if there is none.
 */
extern struct varlena *cg_seal_stored(const CgCategory *category, uint8 type,
									  const char *stored, Size len,
									  uint64 subject);

/*
 * Decrypt a datum whose header is parsed already, to its stored form.
 * Returns palloc'd memory of *len bytes and a terminating zero.  Errors:
 * CG_ERRCODE_NOT_AUTHENTIC, CG_ERRCODE_KEY_MISSING.
 */
extern char *cg_open_stored(const CgEnvelope *env, Size *len);

/*
 * The same as text in the encoding of the server, whatever the type: what is
 * masked, and names a subject.
 */
extern char *cg_open(const CgEnvelope *env, Size *len);

/* The same of a detoasted datum. */
extern char *cg_decrypt(struct varlena *datum, Size *len);

/* Decrypt to a datum of the plain type. */
extern Datum cg_plain_value(const CgEnvelope *env);

/*
 * Raise unless the header says that type: a value that got into a column of
 * another is not taken for what it is not.
 */
extern void cg_require_type(const CgEnvelope *env, uint8 type);

/* Parse the header of a detoasted datum; raises if it is none. */
extern void cg_parse(struct varlena *datum, CgEnvelope *env);

/* Does this datum decrypt and authenticate?  Raises if its key is missing. */
extern bool cg_authentic(const CgEnvelope *env);

/* Armor of a detoasted datum: palloc'd, zero-terminated. */
extern char *cg_armor(struct varlena *datum);

/*
 * Equality token of a value under a version of the token key of the category's
 * domain; CG_TOKEN_LEN bytes.
 */
extern void cg_plain_token(const CgCategory *category, uint16 version,
						   const CgPlain *plain, uint8 *token);

/*
 * Are two values of one type equal, as their tokens would be?  The time it
 * takes tells their lengths at most.
 */
extern bool cg_same_value(CgNormalizer normalizer, const CgPlain *a,
						  const CgPlain *b);

/*
 * Is a token of this suite and version one that values written now would not
 * have?  The token key of its domain was rotated since.  No key is needed.
 */
extern bool cg_token_is_old(int32 category, int suite, uint16 version);

/*
 * The token that a value with an old one would have now.  False if a key that
 * opens it is gone.  Errors: CG_ERRCODE_NOT_AUTHENTIC, CG_ERRCODE_KEK_*.
 */
extern bool cg_fresh_token(const CgEnvelope *env, uint16 *version,
						   uint8 *token);

/* The datum of env, encrypted anew if its token is old and keys are here. */
extern struct varlena *cg_with_fresh_token(struct varlena *datum,
										   const CgEnvelope *env);

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

/*
 * app_claim.h
 *		Text in which an application server says for whom it acts, signed.
 *
 *		base64url(payload) "." base64url(signature)
 *
 * The payload is "v1|user|expiry|database|binding": the application's user,
 * in UTF-8 and without "|"; the second of Unix time at which the claim ends;
 * the name of the database; and either "pid=" and the process id of one
 * backend, or anything else that tells two claims apart, or nothing.  The
 * signature is Ed25519 over the bytes of the payload.
 */
#ifndef CG_APP_CLAIM_H
#define CG_APP_CLAIM_H

#include "ed25519.h"

#define CG_APP_CLAIM_MAX	1024	/* bytes of the text */
#define CG_APP_USER_MAX		200
#define CG_APP_DATABASE_MAX 63
#define CG_APP_BINDING_MAX	64

typedef struct CgAppClaim
{
	uint8_t		payload[CG_APP_CLAIM_MAX];
	size_t		payload_len;
	uint8_t		signature[CG_ED25519_SIG_LEN];
	int64_t		expiry;			/* Unix time */
	int32_t		pid;			/* 0: any backend */
	char		user[CG_APP_USER_MAX + 1];
	char		database[CG_APP_DATABASE_MAX + 1];
} CgAppClaim;

/*
 * CG_E_FORMAT if the text is no claim, CG_E_LIMIT if it is too long.  Says
 * nothing about its signature.
 */
extern CgStatus cg_app_claim_parse(const char *text, size_t len,
								   CgAppClaim *out);

#endif							/* CG_APP_CLAIM_H */

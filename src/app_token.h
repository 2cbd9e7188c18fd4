/*
 * app_token.h
 *		For whom an application acts: what it claims, and what it proves.
 */
#ifndef CG_APP_TOKEN_H
#define CG_APP_TOKEN_H

/*
 * The user of the application and whether a token proves that: else it is what
 * cipguard.app_user claims, which may be NULL or empty.  Never raises, and may
 * be called while a transaction is being aborted: what is not known then is
 * not verified.  Valid until the next call or change of a setting.
 */
extern const char *cg_app_identity(bool *verified);

/*
 * Raise CG_ERRCODE_APP_TOKEN if there is a token that proves nothing, for
 * example one that has expired: call it where a statement begins to read or
 * change what is recorded.
 */
extern void cg_app_token_require(void);

/* At load: have verified tokens forgotten when keys of applications change. */
extern void cg_app_token_init(void);

#endif							/* CG_APP_TOKEN_H */

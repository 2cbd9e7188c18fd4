/*
 * status.h
 *		Result codes of the pure layer.
 *
 * Pure modules (digest, suite, keywrap, envelope, armor, normal, ident_cn,
 * mask) know nothing of the server: no ereport, no palloc, no globals that
 * change.  They return a CgStatus and write into buffers of the caller, so
 * that unit tests and fuzzers can link them alone.
 */
#ifndef CG_STATUS_H
#define CG_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum CgStatus
{
	CG_OK = 0,
	CG_E_FORMAT,				/* bytes are no datum, armor or key blob */
	CG_E_SUITE,					/* a cipher suite this build does not know */
	CG_E_AUTH,					/* bytes do not authenticate under this key */
	CG_E_SPACE,					/* the caller's buffer is too small */
	CG_E_LIMIT,					/* over a documented limit */
	CG_E_CRYPTO					/* libcrypto refused or ran out of memory */
} CgStatus;

#endif							/* CG_STATUS_H */

/*
 * renew.h
 *		Encrypted values wherever a type holds them: as themselves, in domains,
 *		arrays, ranges and composite types.
 */
#ifndef CG_RENEW_H
#define CG_RENEW_H

#include "utils/palloc.h"

#include "envelope.h"

/* How a type holds encrypted values. */
typedef struct CgHolder CgHolder;

/* What the first bytes of an encrypted value say. */
typedef struct CgHead
{
	uint8		suite;
	uint8		flags;
	uint32		category;
	uint16		dek_version;
	uint16		token_version;	/* 0: the value has no token */
	uint64		subject;		/* 0: under the key of its category */
} CgHead;

/* False if it is a mask, or nothing that was encrypted. */
extern bool cg_head_parse(const uint8 *data, Size len, CgHead *head);

typedef void (*CgVisitor) (const CgHead *head, void *arg);

/*
 * NULL if no value of the type holds an encrypted one.  Lives in context, and
 * as long as the type stays as it is.
 */
extern CgHolder *cg_holder(Oid typid, MemoryContext context);

/*
 * Call visitor for each encrypted value in a value that is not null.  No more
 * is read of a large one than its first bytes.
 */
extern void cg_holder_visit(const CgHolder *holder, Datum value,
							CgVisitor visitor, void *arg);

/*
 * How many are in it that were written under an older version of their data
 * key than the current one, or, without a token, in another suite than their
 * category has?  Values with a token keep token and suite until their token
 * key is rotated.  Of a category that does not exist nothing is known.
 */
extern int64 cg_holder_stale(const CgHolder *holder, Datum value);

/*
 * The same value with what is stale in it encrypted anew.  Errors:
 * CG_ERRCODE_NOT_AUTHENTIC, CG_ERRCODE_KEY_MISSING, CG_ERRCODE_KEK_*.
 */
extern Datum cg_holder_renew(const CgHolder *holder, Datum value);

/*
 * The same of values whose tokens are not what they would be now, of the
 * categories of one token domain: its token key was rotated.
 */
extern int64 cg_holder_old_tokens(const CgHolder *holder, Datum value,
								  int32 domain);
extern Datum cg_holder_renew_tokens(const CgHolder *holder, Datum value,
									int32 domain);

#endif							/* CG_RENEW_H */

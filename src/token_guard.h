/*
 * token_guard.h
 *		No transaction commits tokens of a token key that was rotated while it
 *		ran.
 */
#ifndef CG_TOKEN_GUARD_H
#define CG_TOKEN_GUARD_H

/* Another one for each transaction of the process. */
extern uint64 cg_token_transaction;

/* This transaction made a value with a token of that version. */
extern void cg_token_used(int32 domain, uint16 version);

/* It has rotated the key itself, and replaced what it made. */
extern void cg_token_replaced(int32 domain);

#endif							/* CG_TOKEN_GUARD_H */

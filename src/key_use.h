/*
 * key_use.h
 *		Which values use which versions of which keys.
 */
#ifndef CG_KEY_USE_H
#define CG_KEY_USE_H

/*
 * Wait for all transactions that run in this database: those that begin
 * later see the keys as they are now.  Raises if there are prepared ones,
 * which can be waited for no end.
 */
extern void cg_key_use_settle(void);

#endif							/* CG_KEY_USE_H */

/*
 * utility.h
 *		Plaintext kept out of what PostgreSQL prints about statements.
 */
#ifndef CG_UTILITY_H
#define CG_UTILITY_H

extern void cg_utility_init(void);

#endif							/* CG_UTILITY_H */

/*
 * secret.h
 *		Memory for key-encryption keys: locked, left out of core dumps, wiped
 *		when the process ends.
 */
#ifndef CG_SECRET_H
#define CG_SECRET_H

/*
 * Zeroed memory that lives as long as the process and is inherited by its
 * children.  There is one page; asking for more than is left is an error.
 */
extern void *cg_secret_alloc(Size size);

#endif							/* CG_SECRET_H */

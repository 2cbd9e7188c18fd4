/*
 * secret.h
 *		Memory for keys: locked against swapping where the limits allow, left
 *		out of core dumps, wiped when it is given back.
 */
#ifndef CG_SECRET_H
#define CG_SECRET_H

/*
 * Zeroed memory that lives as long as the process.  There is one page; asking
 * for more than is left is an error.
 */
extern void *cg_secret_alloc(Size size);

/*
 * The same, shared with the children that this process will have; wiped when
 * this process ends.
 */
extern void *cg_secret_share(Size size);

/* The same, until the current memory context is reset. */
extern void *cg_secret_buffer(Size size);

#endif							/* CG_SECRET_H */

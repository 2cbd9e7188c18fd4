/*
 * network.h
 *		Networks that clients come from.
 */
#ifndef CG_NETWORK_H
#define CG_NETWORK_H

#include "session.h"

typedef struct CgNetwork
{
	int			size;			/* of its addresses in bits: 32 or 128; 0:
								 * local sockets */
	int			bits;			/* that count */
	uint8		address[16];
} CgNetwork;

/*
 * Parse a list such as '10.0.0.0/8, fd00::/8, local'.  Returns the number of
 * networks, palloc'd in the current context, or -1 with what is wrong.
 */
extern int	cg_networks_parse(const char *text, CgNetwork **networks,
							  const char **problem);

/* Is the client in one of them? */
extern bool cg_networks_match(const CgNetwork *networks, int n,
							  const CgSession *session);

#endif							/* CG_NETWORK_H */

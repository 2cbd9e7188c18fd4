/*
 * session.h
 *		How the client of this session is connected.
 */
#ifndef CG_SESSION_H
#define CG_SESSION_H

typedef struct CgSession
{
	bool		client;			/* false: a process of the server itself */
	bool		local;			/* over a local socket */
	bool		encrypted;		/* by TLS or GSSAPI */
	int			bits;			/* of address: 32, 128, or 0 if there is none */
	uint8		address[16];	/* of the client, in network order */
} CgSession;

/*
 * The session of this process; of a parallel worker, that of the process for
 * which it works.  NULL if that is not to be found, which opens nothing.
 */
extern const CgSession *cg_session(void);

#endif							/* CG_SESSION_H */

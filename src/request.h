/*
 * request.h
 *		Requests that somebody else approves.
 */
#ifndef CG_REQUEST_H
#define CG_REQUEST_H

/* What stands behind a grant that names a request. */
typedef enum CgRequestBehind
{
	CG_REQUEST_NONE,			/* nothing: there is none that is to be
								 * carried out */
	CG_REQUEST_APPROVED,		/* others approved it */
	CG_REQUEST_BREAKS_GLASS		/* this login breaks the glass just now */
} CgRequestBehind;

extern CgRequestBehind cg_request_behind(int64 id);

#endif							/* CG_REQUEST_H */

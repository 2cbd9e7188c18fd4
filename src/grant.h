/*
 * grant.h
 *		Grants of access, as they stand in cipguard.access_grant.
 */
#ifndef CG_GRANT_H
#define CG_GRANT_H

#include "datatype/timestamp.h"

#include "access.h"

typedef struct CgGrant
{
	int64		id;
	Oid			grantee;
	int32		category;
	CgLevel		level;
	Oid			relation;		/* InvalidOid: every table */
	char	   *purpose;		/* NULL: whatever the purpose */
	TimestampTz valid_from;
	TimestampTz valid_until;
	int64		row_limit;		/* values that it may show; 0: any number */
	bool		minors;			/* opens data of minors, too */
	bool		suspended;
} CgGrant;

/*
 * All that were not revoked.  They stay where they are until the next call.
 */
extern const CgGrant *cg_grants(int *n);

/* Does any of them begin or end at some time? */
extern bool cg_grants_have_limits(void);

/* CG_LEVEL_NONE if there is no level of that name. */
extern CgLevel cg_level_by_name(const char *name);

/* At load: watch the table of grants. */
extern void cg_grant_init(void);

#endif							/* CG_GRANT_H */

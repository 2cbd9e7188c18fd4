/*
 * catalog.h
 *		Access to the extension's own tables, and news of their changes.
 */
#ifndef CG_CATALOG_H
#define CG_CATALOG_H

#include "utils/relcache.h"

/*
 * One of our tables that a module caches.  The module sets relname, natts,
 * the number of columns it knows, and rows_only, and zeroes the rest;
 * generation grows whenever the table's contents may have changed.
 */
typedef struct CgWatch
{
	const char *relname;
	int			natts;
	bool		rows_only;		/* no plan depends on it */
	Oid			relid;			/* InvalidOid until found */
	uint64		generation;
	bool		access;			/* do rights depend on it? */
	struct CgWatch *next;
} CgWatch;

/* Grows when anything may have changed on which rights depend. */
extern uint64 cg_access_generation;

extern void cg_watch(CgWatch *watch);

/*
 * Open the watched table for reading; NULL when the extension is not in this
 * database.  Close with table_close(rel, AccessShareLock).
 */
extern Relation cg_watch_open(CgWatch *watch);

/*
 * The schema of the extension, InvalidOid when it is not in this database.  A
 * schema of that name that somebody else made is not it: what is in there
 * would be trusted.
 */
extern Oid	cg_schema_oid(void);

/* At load: have the OIDs found so far forgotten when a relation changes. */
extern void cg_catalog_init(void);

#endif							/* CG_CATALOG_H */

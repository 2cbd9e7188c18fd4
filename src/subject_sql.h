/*
 * subject_sql.h
 *		What the SQL functions about keys of subjects share, and tables that
 *		come below one that uses them.
 */
#ifndef CG_SUBJECT_SQL_H
#define CG_SUBJECT_SQL_H

#include "nodes/pg_list.h"

/*
 * Give a table the trigger that a table above has, and it has not; all are
 * locked.  True if that was done.
 */
extern bool cg_subject_cover(Oid relid, List *above);

/* Raise 42501, recorded as what, unless an officer or a superuser calls. */
extern void cg_subject_require_officer(const char *what, Oid relid);

#endif							/* CG_SUBJECT_SQL_H */

/*
 * subject_sql.h
 *		Tables that come below one that uses keys of subjects.
 */
#ifndef CG_SUBJECT_SQL_H
#define CG_SUBJECT_SQL_H

#include "nodes/pg_list.h"

/*
 * Give a table the trigger that a table above has, and it has not; all are
 * locked.  True if that was done.
 */
extern bool cg_subject_cover(Oid relid, List *above);

#endif							/* CG_SUBJECT_SQL_H */

/*
 * subject_set.h
 *		Persons who are listed in one of our tables, to be asked for per row.
 *
 * The tables have the same columns (sql/parts/46_person.sql): id, subject,
 * and when the entry ended; only those that did not end count.
 */
#ifndef CG_SUBJECT_SET_H
#define CG_SUBJECT_SET_H

#include "catalog.h"
#include "decision.h"

enum
{
	CG_LISTED_ID = 1,
	CG_LISTED_SUBJECT,
	CG_LISTED_REASON,
	CG_LISTED_SET_BY,
	CG_LISTED_SET_AT,
	CG_LISTED_ENDED_BY,
	CG_LISTED_ENDED_AT,
	CG_LISTED_END_REASON
};
#define CG_LISTED_NUM	CG_LISTED_END_REASON

typedef struct CgListed CgListed;

/* The module sets watch.relname and watch.natts, and calls cg_watch(). */
typedef struct CgSubjectSet
{
	CgWatch		watch;
	uint64		loaded;			/* generation of what follows */
	MemoryContext context;
	int			count;
	uint32		mask;			/* of entries, a power of two, minus one */
	CgListed   *entries;
} CgSubjectSet;

extern void cg_set_load(CgSubjectSet *set);

/* Is the subject in the set?  Loads the set if it is not up to date. */
extern bool cg_set_has(CgSubjectSet *set, const CgSubject *subject);

/* Is anybody listed?  Cheap. */
static inline bool
cg_set_any(CgSubjectSet *set)
{
	if (unlikely(set->loaded != set->watch.generation))
		cg_set_load(set);
	return set->count > 0;
}

/* A subject in its text form, in the server's encoding; text is not copied. */
extern void cg_listed_subject(CgSubject *subject, const char *text,
							  Size len);

#endif							/* CG_SUBJECT_SET_H */

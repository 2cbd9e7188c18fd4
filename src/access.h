/*
 * access.h
 *		Who may compare or read values of which category.
 */
#ifndef CG_ACCESS_H
#define CG_ACCESS_H

#include "datatype/timestamp.h"

typedef enum CgLevel
{
	CG_LEVEL_NONE,
	CG_LEVEL_SEARCH,			/* may compare with = */
	CG_LEVEL_READ				/* plaintext; includes search */
} CgLevel;

/*
 * Highest level the current user has on a category now, under the current
 * purpose.  relation may be InvalidOid; a grant limited to one table counts
 * only when that table is named.  Cached; cheap enough for every value.
 */
extern CgLevel cg_access_level(int32 category, Oid relation);

/*
 * A statement begins, perhaps one inside a function: hear of revocations, and
 * look at the clock if a grant has a limit.
 */
extern void cg_access_tick(void);

/*
 * Hear of what was committed elsewhere since, a lockdown above all.  Whoever
 * gives plaintext does so before each value, since a statement takes long;
 * cg_access_level() does, so that is for those who remember its answer.  What
 * is cached of catalogs may be made anew meanwhile.
 */
extern void cg_access_listen(void);

/* The time that grants are judged by. */
extern TimestampTz cg_access_now(void);

/*
 * Changes whenever verdicts of the current statement may.  Ask for a level
 * after the statement began, and again when this is another.
 */
extern uint64 cg_access_epoch(void);

/*
 * Tables of conditions count like those of grants: a change of one makes
 * another epoch, and plans are made anew.
 */
struct CgWatch;
extern void cg_watch_access(struct CgWatch *watch);

/* Raise 42501 unless the current user has at least search on the category. */
extern void cg_require_search(int32 category);

/*
 * Membership as the privilege system counts it (INHERIT), but a superuser is
 * a member only of what was granted to him: rank opens nothing here.
 */
extern bool cg_has_privs_of(Oid member, Oid role);

extern void cg_access_init(void);

#endif							/* CG_ACCESS_H */

/*
 * access.h
 *		Who may compare or read values of which category.
 */
#ifndef CG_ACCESS_H
#define CG_ACCESS_H

#include "access/xact.h"
#include "datatype/timestamp.h"

#include "catalog.h"
#include "reason.h"

typedef enum CgLevel
{
	CG_LEVEL_NONE,
	CG_LEVEL_SEARCH,			/* may compare with = */
	CG_LEVEL_READ				/* plaintext; includes search */
} CgLevel;

/* A grant that opens so many values in all. */
typedef struct CgRowLimit
{
	int64		grant;
	int64		limit;
} CgRowLimit;

/* What a user may do with a category, and why no more. */
typedef struct CgAccess
{
	CgLevel		granted;		/* by grants alone */
	CgLevel		level;			/* what the conditions leave of it */
	CgReason	no_search;		/* why it is below search */
	CgReason	no_read;		/* why it is below read */
	bool		locked;			/* locked down, even for who needs no grant */
	bool		minors;			/* does a grant open minors, too? */
	CgRowConditions rows;		/* what is to be asked of a row */
	int			n_limits;		/* none if a grant has no limit */
	CgRowLimit *limits;
	TimestampTz from;			/* true of statements that start in */
	TimestampTz until;			/* [from, until) */
} CgAccess;

/*
 * Highest level the current user has on a category now, under the current
 * purpose and circumstances.  relation may be InvalidOid; a grant limited to
 * one table counts only when that table is named.  Cached, as are the
 * functions below; cheap enough for every value.  It listens for news before.
 */
extern CgLevel cg_access_level(int32 category, Oid relation);

/*
 * Is it `read`, whomever a value is about?  No if conditions of a row are in
 * force: those who know the subject go on to ask cg_decide_row().
 */
extern bool cg_access_open(int32 category, Oid relation);

/*
 * Why the level is below the wanted one: a condition that is not met although
 * there is a grant, or CG_NO_GRANT; CG_GRANTED if it is not below.
 */
extern CgReason cg_access_missing(int32 category, Oid relation,
								  CgLevel wanted);

/* The same of `read`. */
extern CgReason cg_access_reason(int32 category, Oid relation);

/* The level of who needs no grant: `read`, unless there is a lockdown. */
extern CgLevel cg_access_exempt_level(int32 category, Oid relation);

/*
 * Which conditions of a row are in force?  Of who needs no grant, too.  The
 * second: are there any?
 */
extern CgRowConditions cg_access_row_conditions(int32 category, Oid relation);
extern bool cg_rows_gated(int32 category, Oid relation);

/* Does a grant of the current user open data of minors? */
extern bool cg_access_minors(int32 category, Oid relation);

/*
 * The limits of the grants that give `read`; none if one without a limit
 * does.  They stay until the next question.
 */
extern int	cg_access_row_limits(int32 category, Oid relation,
								 const CgRowLimit **limits);

/* Work it out anew, of anybody; limits are palloc'd. */
extern void cg_access_judge(Oid user, int32 category, Oid relation,
							TimestampTz now, CgAccess *result);

/*
 * A statement begins, perhaps one inside a function: hear of revocations, and
 * look at the clock if something has a limit.
 */
extern void cg_access_tick(void);
extern TimestampTz cg_access_ticked_at; /* 0: without limits so far */

/* The time that grants are judged by. */
static inline TimestampTz
cg_access_now(void)
{
	return Max(cg_access_ticked_at, GetCurrentStatementStartTimestamp());
}

/*
 * Changes whenever verdicts of the current statement may.  Ask for a level
 * after the statement began, and again when this is another.
 */
extern uint64 cg_guc_generation;	/* guc.h */

static inline uint64
cg_access_epoch(void)
{
	return cg_access_generation + cg_guc_generation;
}

/*
 * Tables of conditions count like those of grants: a change of one makes
 * another epoch, and plans are made anew.
 */
extern void cg_watch_access(CgWatch *of);

/*
 * Raise an error unless the current user has at least search on the category:
 * 42501 without a grant, else that of the condition that is not met.
 */
extern void cg_require_search(int32 category);

/*
 * Membership as the privilege system counts it (INHERIT), but a superuser is
 * a member only of what was granted to him: rank opens nothing here.
 */
extern bool cg_has_privs_of(Oid member, Oid role);

/*
 * At load: have what is kept of roles and grants forgotten when they change.
 */
extern void cg_access_init(void);

#endif							/* CG_ACCESS_H */

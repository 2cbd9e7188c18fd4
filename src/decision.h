/*
 * decision.h
 *		Whether plaintext is given: all conditions, in one place.
 *
 * A grant opens a category only as long as every condition that is in force
 * for it is met.  Conditions of a statement are about the session, its user
 * and the category; access.c caches what they give.  Conditions of a row are
 * about the person whom it is about; row_gate.c asks them.  The budget, which
 * is spent, not met, is the last: budget.c.
 *
 * Every door goes through here: cg_access_level() for the first kind,
 * cg_decide_row() for the second.
 */
#ifndef CG_DECISION_H
#define CG_DECISION_H

#include "datatype/timestamp.h"

#include "access.h"
#include "reason.h"

/* Whom a row is about. */
typedef struct CgSubject
{
	bool		is_number;		/* its text form is the decimal number */
	int64		number;
	const char *text;			/* else, in the server's encoding */
	Size		len;
} CgSubject;

/* What is asked. */
typedef struct CgAsk
{
	Oid			user;			/* who wants to read */
	int32		category;
	Oid			relation;		/* InvalidOid: not known */
	TimestampTz now;
	const CgSubject *subject;	/* NULL: not known */
	int			birthday;		/* of the subject: year * 10000 + month * 100
								 * + day; 0: not known */
	bool		minors;			/* does the grant open minors? */
	bool		explain;		/* say why in CgAnswer.detail */
} CgAsk;

/*
 * Narrowed by who answers: the answer holds of statements that begin in
 * [from, until), as long as cg_access_epoch() is the same.
 */
typedef struct CgAnswer
{
	TimestampTz from;
	TimestampTz until;
	char	   *detail;			/* palloc'd; no value, no other person */
} CgAnswer;

/*
 * A condition is in force for a question, or not; then it is met, or not.
 * Both are called often and must be cheap; what they read is cached (CgWatch)
 * and its generation added to cg_access_epoch() by cg_watch_access().
 */
typedef struct CgCondition
{
	CgReason	reason;
	const char *word;			/* what SQL calls it */
	int			sqlstate;
	const char *law;			/* where it comes from */
	CgLevel		left;			/* level that remains when it is not met */
	bool		(*applies) (const CgAsk *ask);
	bool		(*met) (const CgAsk *ask, CgAnswer *answer);
	const char *message;		/* "... is locked down": after the category */
	const char *remedy;			/* what to do */
} CgCondition;

/* What is known of the condition whose lack the reason tells. */
extern const CgCondition *cg_condition(CgReason reason);

/* Is it met, or not even in force?  Only of conditions that can be asked. */
extern bool cg_condition_met(CgReason reason, const CgAsk *ask,
							 CgAnswer *answer);

/*
 * The first condition of a statement that is not met and leaves less than the
 * wanted level, or CG_GRANTED.
 */
extern CgReason cg_decide_statement(const CgAsk *ask, CgLevel wanted,
									CgAnswer *answer);

/*
 * Which conditions of a row are in force for such a question?  Cached by
 * access.c: cg_access_row_conditions().
 */
extern CgRowConditions cg_row_conditions(const CgAsk *ask);

/* The first of them that is not met, or CG_GRANTED. */
extern CgReason cg_decide_row(CgRowConditions conditions, const CgAsk *ask);

/*
 * The current user, who has a grant, misses a condition: an audit event, and
 * by cipguard.on_refusal a warning (one for each statement, category and
 * reason) or an error, with the SQLSTATE of the reason.  relation may be
 * InvalidOid.  Cheap when it comes again in the same statement.
 */
extern void cg_report_refusal(int32 category, Oid relation, CgReason reason);

/*
 * The same where there is no mask to give instead: always an error.  doing is
 * what was tried: "comparing", "reading", "looking into".
 */
pg_noreturn extern void cg_raise_refusal(int32 category, Oid relation,
										 CgReason reason, const char *doing);

#endif							/* CG_DECISION_H */

/*
 * row_gate.h
 *		Conditions of a row: may this value of this person be given?
 *
 * A door keeps a CgRowGate where it is called from, and asks it for each row:
 *
 *		g = cg_row_gate(context, relid, attnum);
 *		cg_row_gate_types(g, type of subject, type of birthday);
 *		...
 *		if (cg_row_gate_check(g) != 0 &&
 *			cg_row_gate_ask(g, subject, birthday) != CG_GRANTED)
 *			... give the mask
 *
 * A door that knows no subject passes NULL: closed while any condition is in
 * force.
 */
#ifndef CG_ROW_GATE_H
#define CG_ROW_GATE_H

#include "access/attnum.h"
#include "fmgr.h"

#include "access.h"
#include "decision.h"
#include "held.h"
#include "person.h"
#include "protect.h"

/* Conditions that look at the age of the person. */
#define CG_ASKS_BIRTHDAY	((1 << CG_MINOR) | (1 << CG_NO_CONSENT))

/* For the functions below alone. */
typedef struct CgRowGate
{
	Oid			relid;
	int			n;
	int32	   *categories;
	CgRowConditions *conditions;	/* of each */
	bool	   *minors;			/* does a grant open them? */
	CgRowConditions all;		/* of any */
	Oid			subject_type;	/* base type, or InvalidOid */
	FmgrInfo	subject_out;
	bool		subject_encrypted;
	Oid			birthday_type;	/* InvalidOid: none */
	int32		birthday_category;
	Oid			user;			/* conditions are of this user, */
	TimestampTz now;			/* of this statement, */
	uint64		epoch;			/* of this state of the registers */
	uint32		reported;		/* reasons, by bit */
	uint64		free_epoch;		/* in which no budget limits it; 0: none */
	uint64		limited_epoch;	/* in which one does */
	struct CgPurse *purse;		/* of a single category, or NULL */
	uint64		purse_serial;
} CgRowGate;

/* For a column of a relation (0: all protected ones), in its categories. */
extern CgRowGate *cg_row_gate(MemoryContext context, Oid relid,
							  AttrNumber attnum);

/* For values of one category; relid may be InvalidOid. */
extern CgRowGate *cg_row_gate_of(MemoryContext context, Oid relid,
								 int32 category);

/* Types of what cg_row_gate_ask() will be given; InvalidOid: nothing. */
extern void cg_row_gate_types(CgRowGate *g, Oid subject, Oid birthday);

/*
 * Which conditions are in force for the current user and statement?  Cheap;
 * ask before each row.
 */
extern CgRowConditions cg_row_gate_check(CgRowGate *g);

/*
 * Which of them is not met?  NULL: there is no such value.  The birthday is
 * that of the birthday column of the relation.
 */
extern CgReason cg_row_gate_ask(CgRowGate *g, const NullableDatum *subject,
								const NullableDatum *birthday);

/* The same of a subject that is at hand, of a subset of the conditions. */
extern CgReason cg_row_gate_decide(CgRowGate *g, CgRowConditions conditions,
								   const CgSubject *subject, int birthday);

/* The birthday, as in CgAsk, if a condition in force asks for it. */
extern int	cg_row_gate_birthday(CgRowGate *g, const NullableDatum *birthday);

/* The subject by a value of the type that the gate was told; false: null. */
extern bool cg_row_gate_subject(CgRowGate *g, const NullableDatum *value,
								CgSubject *subject);

/* A subject by its text form. */
extern void cg_subject_from_text(const char *text, Size len,
								 CgSubject *subject);

/* cg_report_refusal(), once for each statement, for that door. */
extern void cg_row_gate_report(CgRowGate *g, CgReason reason);

extern bool cg_row_gate_charge(CgRowGate *g);
extern void cg_row_gate_canary(CgRowGate *g, const CgSubject *subject);

/*
 * Spend one value, just before it is given; false if the budget is spent.
 * After cg_row_gate_check() of the current user and statement.
 */
static inline bool
cg_row_gate_spend(CgRowGate *g)
{
	return likely(g->free_epoch == cg_access_epoch()) ||
		cg_row_gate_charge(g);
}

/*
 * It is given: is the person a canary, and may a cursor hold it?  subject may
 * be NULL.
 */
static inline void
cg_row_gate_given(CgRowGate *g, const CgSubject *subject)
{
	if (unlikely(cg_any_canary()))
		cg_row_gate_canary(g, subject);
	if (unlikely(cg_holding != NULL))
		cg_held_note(g, subject);
}

/*
 * For plans: the conditions in force for a column and the current user, where
 * the current user is not one who gets stored values.
 */
extern CgRowConditions cg_column_row_conditions(const CgProtection *p,
												AttrNumber attnum);

/* Of any protected column of it. */
extern bool cg_has_row_conditions(const CgProtection *p);

/*
 * May a user read every protected column of the relation, of everybody, as
 * often as he likes?  Only then may code of his run over stored values.  Of
 * the current user, the budgets of the role that logged in count, too.
 */
extern bool cg_reads_freely(const CgProtection *p, Oid user);

/* The same of the current user and one category. */
extern bool cg_reads_category_freely(int32 category, Oid relation);

#endif							/* CG_ROW_GATE_H */

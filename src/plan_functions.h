/*
 * plan_functions.h
 *		Our functions that plans call, by OID.
 */
#ifndef CG_PLAN_FUNCTIONS_H
#define CG_PLAN_FUNCTIONS_H

#include "fmgr.h"
#include "nodes/primnodes.h"

/* Those that are there once; all OIDs. */
typedef struct CgPlanFunctions
{
	Oid			mask_value;
	Oid			mask_value_serial;
	Oid			disclose_value;
	Oid			disclose_row;
	Oid			gate_value;
	Oid			gate_value_serial;
	Oid			keep_value;
	Oid			keep_plain;
	Oid			keep_person;
	Oid			storable;
	Oid			visible_statistics;
	Oid			checked;		/* type */
	Oid			disclose_text;	/* disclose(text, text, regclass) */
	Oid			disclose_text_row;	/* the same with subject and birthday */
	Oid			mask_text;		/* mask(text, text) */
	Oid			mask_any;		/* mask(anyelement, text) */
} CgPlanFunctions;

extern const CgPlanFunctions *cg_plan_functions;

/* Those that each encrypted type has; X is the name of the type. */
typedef enum CgTypeCall
{
	CG_CALL_NONE,				/* another function */
	CG_CALL_COERCE,				/* X(X, int4, bool) */
	CG_CALL_ENCRYPT,			/* X(plain, int4, bool), of any plain type */
	CG_CALL_DECRYPT,			/* cast to the plain type */
	CG_CALL_DISCLOSE,			/* disclose(X, regclass [, person]) */
	CG_CALL_MASK,				/* mask(X) */
	CG_CALL_PSEUDONYM,			/* pseudonym(X), which asks for the right */
	CG_CALL_VERIFY				/* verify_match(X, plain), which does too */
} CgTypeCall;

/* Which of these is a function?  tag may be NULL. */
extern CgTypeCall cg_type_call(Oid func, uint8 *tag);

/* The same of a node; CG_CALL_NONE if it is no function call. */
extern CgTypeCall cg_node_call(Node *node);

/* The cast of an encrypted type to its plain type. */
extern Oid	cg_decrypt_function(uint8 tag);

/* Does it give a mask, or look at the right to read and record by itself? */
extern bool cg_shows_by_itself(Oid func);

/*
 * An error unless a plan made the call of a function whose last argument is
 * the proof of it.
 */
extern void cg_require_plan(FunctionCallInfo fcinfo);

/* Look them up; false while the extension is being created. */
extern bool cg_load_functions(void);

/* At load: have the functions forgotten when a schema changes. */
extern void cg_plan_functions_init(void);

#endif							/* CG_PLAN_FUNCTIONS_H */

/*
 * gate_ddl.h
 *		Definitions on protected tables that only readers may make.
 */
#ifndef CG_GATE_DDL_H
#define CG_GATE_DDL_H

#include "nodes/parsenodes.h"

/*
 * Raise 42501 if a utility statement would let code of the current user's
 * choice run over stored values that he may not read; superusers pass.  What
 * takes a child out of reach of its parent's labels copies them first.
 */
extern void cg_gate_ddl(Node *stmt);

/* The same of an object that was just made or altered, by its address. */
extern void cg_gate_object(Oid class_id, Oid object_id);

/*
 * The table that a statement names, or InvalidOid.  Its protection is looked
 * up, so that an error about it can be told from one about a plain table.
 */
extern Oid	cg_gate_resolve(RangeVar *relation);

#endif							/* CG_GATE_DDL_H */

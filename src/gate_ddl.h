/*
 * gate_ddl.h
 *		Definitions on protected tables that only readers may make.
 */
#ifndef CG_GATE_DDL_H
#define CG_GATE_DDL_H

#include "nodes/parsenodes.h"

#include "protect.h"

/*
 * Raise 42501 if a utility statement would let code of the current user's
 * choice run over stored values that he may not read; superusers pass.  What
 * takes a child out of reach of its parent's labels copies them first.
 */
extern void cg_gate_ddl(Node *stmt);

/*
 * The protection of a table, if the current user may not read all of it and
 * does not pass as superuser or as who made the table just now; else NULL.
 */
extern const CgProtection *cg_gate_forbidden(Oid relid);

/*
 * The protection of a table, if one of these columns (0: an expression) is
 * there in the order of values that the current user may not read, by the
 * operator family; superusers pass.
 */
extern const CgProtection *cg_gate_forbidden_order(Oid relid, int n,
												   const Oid *families,
												   const AttrNumber *columns);

/* Raise 42501 for a definition on it. */
extern void cg_gate_refuse(const CgProtection *p, const char *what);

/*
 * Is a function the work of somebody who may read the table?  One that comes
 * with PostgreSQL is nobody's: its arguments say what it does.
 */
extern bool cg_gate_function_is_readers(Oid func, const CgProtection *p);

/*
 * gate_object.c: a protected table, not readable to the current user, on which
 * an object is used: by what depends on it, by what depends on that, and so
 * on.  seen begins as NIL.
 */
extern const CgProtection *cg_gate_used_by(Oid class_id, Oid object_id,
										   List **seen);

/* The same of an object that was just made or altered, by its address. */
extern void cg_gate_object(Oid class_id, Oid object_id);

/*
 * The table that a statement names, or InvalidOid.  Its protection is looked
 * up, so that an error about it can be told from one about a plain table.
 */
extern Oid	cg_gate_resolve(RangeVar *relation);

#endif							/* CG_GATE_DDL_H */

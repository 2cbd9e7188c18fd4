/*
 * guard.h
 *		What would switch the audit off, or change its log, is refused.
 */
#ifndef CG_GUARD_H
#define CG_GUARD_H

#include "catalog/objectaccess.h"
#include "nodes/parsenodes.h"

#include "cipguard.h"

/* At load: hooks that see every command, object and query. */
extern void cg_guard_init(void);

/* What a relation is to the guard. */
#define CG_GUARD_OURS		1	/* it belongs to the extension */
#define CG_GUARD_LOG		2	/* and to the log */
#define CG_GUARD_AUDITED	4	/* one of our triggers is on it */
#define CG_GUARD_PROTECTED	8	/* a label or an encrypted type is on it */

/* Which of these a relation is; 0 if none, or if there is no such relation. */
extern int	cg_guard_kind(Oid relid);

/* The same of a table or any below it. */
extern int	cg_guard_kind_of_tree(Oid relid);

/* Is there a table in the database that is audited or protected? */
extern bool cg_guard_any(void);

/* Is a trigger function ours? */
extern bool cg_guard_is_trigger_function(Oid func);

/*
 * An offence: phrase says what it does ("drop audited table \"client\"").
 * Judged when the statement has done its work, and may be refused by others,
 * or at once if that would be too late.
 */
extern void cg_guard_offend(Oid relid, const char *phrase);
extern void cg_guard_offend_now(Oid relid, const char *phrase);

/* Refuse to write a register for who has no privilege on it by its own ACL. */
extern void cg_guard_register(Oid relid);

/*
 * What the statement at work does to a table comes with what was judged of
 * another, and allowed.
 */
extern void cg_guard_cover(Oid relid);

/* Forget the offences against a table: a greater one tells more. */
extern bool cg_guard_forget(Oid relid);

/* The extension is dropped: nothing that goes with it counts. */
#define CG_GUARD_DROPS_EXTENSION \
	"drop extension \"" CG_SCHEMA "\" while tables are audited or protected"
extern void cg_guard_drops_extension(void);
extern void cg_guard_note_any(bool any);

/* Something to record when the statement has done its work. */
extern void cg_guard_fact(const char *what, Oid relid, const char *relname,
						  const char *detail);

/* An object that was made, to look at when the statement has. */
extern void cg_guard_made(Oid class_id, Oid object_id);

/* Name of the statement at work, or NULL. */
extern const char *cg_guard_command(void);

/* guard_object.c: an object is touched; it was made, and can be seen now. */
extern void cg_guard_object(ObjectAccessType access, Oid class_id,
							Oid object_id, int sub_id);
extern void cg_guard_look_at_made(Oid class_id, Oid object_id);

/* guard_statement.c: what a utility statement is about to do. */
extern void cg_guard_statement(Node *stmt);

/* guard_type.c: what a statement does to types of columns. */
extern Oid	cg_guard_user_of_type(Oid type);
extern bool cg_guard_keeps_values(Oid from, int32 from_mod, Oid to,
								  int32 to_mod);
extern bool cg_guard_keeps_spelling(Oid from, int32 from_mod, Oid to,
									int32 to_mod);
extern void cg_guard_alter_enum(AlterEnumStmt *stmt);
extern void cg_guard_alter_row_type(Oid rowtype, AlterTableCmd *cmd);
extern void cg_guard_rename_attribute(RenameStmt *stmt);

#endif							/* CG_GUARD_H */

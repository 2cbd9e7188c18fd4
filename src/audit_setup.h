/*
 * audit_setup.h
 *		Triggers of audited tables.
 */
#ifndef CG_AUDIT_SETUP_H
#define CG_AUDIT_SETUP_H

/* Names of the triggers that audit_table() makes. */
#define CG_ROW_TRIGGER		"cipguard_audit_row"
#define CG_TRUNCATE_TRIGGER "cipguard_audit_truncate"

/*
 * A table, and what is below it, has joined an audited one as its child: give
 * them the triggers that they lack.  The statement that did it holds the locks.
 */
extern void cg_audit_new_child(Oid relid);

#endif							/* CG_AUDIT_SETUP_H */

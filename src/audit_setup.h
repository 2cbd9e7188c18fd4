/*
 * audit_setup.h
 *		Triggers of audited tables.
 */
#ifndef CG_AUDIT_SETUP_H
#define CG_AUDIT_SETUP_H

/* Names of the triggers that audit_table() makes. */
#define CG_ROW_TRIGGER		"cipguard_audit_row"
#define CG_TRUNCATE_TRIGGER "cipguard_audit_truncate"

#endif							/* CG_AUDIT_SETUP_H */

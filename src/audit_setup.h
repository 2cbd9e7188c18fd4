/*
 * audit_setup.h
 *		Triggers of audited tables.
 */
#ifndef CG_AUDIT_SETUP_H
#define CG_AUDIT_SETUP_H

/* Names of the triggers that audit_table() makes. */
#define CG_ROW_TRIGGER		"cipguard_audit_row"
#define CG_TRUNCATE_TRIGGER "cipguard_audit_truncate"

/* One of our triggers AFTER something. */
typedef struct CgTriggerKind
{
	const char *name;
	const char *function;
	int16		type;			/* pg_trigger.tgtype */
	const char *events;
	const char *level;
} CgTriggerKind;

/*
 * Make it, and ENABLE ALWAYS, on a table that is locked; true if something had
 * to be done.  Partitions have it from their parent.
 */
extern bool cg_ensure_trigger(Oid relid, const CgTriggerKind *kind);

#endif							/* CG_AUDIT_SETUP_H */

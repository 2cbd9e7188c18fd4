/*
 * audit_trigger.h
 *		Start of the audit modules.
 */
#ifndef CG_AUDIT_TRIGGER_H
#define CG_AUDIT_TRIGGER_H

/* Registers callbacks; called once by _PG_init. */
extern void cg_audit_init(void);

#endif							/* CG_AUDIT_TRIGGER_H */

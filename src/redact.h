/*
 * redact.h
 *		Values of encrypted columns kept out of what PostgreSQL prints.
 */
#ifndef CG_REDACT_H
#define CG_REDACT_H

/* At load: hooks into the server log and into execution. */
extern void cg_redact_init(void);

#endif							/* CG_REDACT_H */

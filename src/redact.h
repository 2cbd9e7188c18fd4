/*
 * redact.h
 *		Values of encrypted columns kept out of error reports.
 */
#ifndef CG_REDACT_H
#define CG_REDACT_H

extern void cg_redact_init(void);

#endif							/* CG_REDACT_H */

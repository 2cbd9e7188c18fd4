/*
 * lockdown.h
 *		Lockdowns: nobody reads, whatever the grants.
 */
#ifndef CG_LOCKDOWN_H
#define CG_LOCKDOWN_H

#include "decision.h"

extern bool cg_lockdown_applies(const CgAsk *ask);
extern bool cg_lockdown_met(const CgAsk *ask, CgAnswer *answer);

extern void cg_lockdown_init(void);

#endif							/* CG_LOCKDOWN_H */

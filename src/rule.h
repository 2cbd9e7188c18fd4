/*
 * rule.h
 *		Conditions of a session that were switched on for a category.
 */
#ifndef CG_RULE_H
#define CG_RULE_H

#include "decision.h"

extern bool cg_level_applies(const CgAsk *ask);
extern bool cg_level_met(const CgAsk *ask, CgAnswer *answer);
extern bool cg_tls_applies(const CgAsk *ask);
extern bool cg_tls_met(const CgAsk *ask, CgAnswer *answer);
extern bool cg_network_applies(const CgAsk *ask);
extern bool cg_network_met(const CgAsk *ask, CgAnswer *answer);
extern bool cg_hours_applies(const CgAsk *ask);
extern bool cg_hours_met(const CgAsk *ask, CgAnswer *answer);

extern void cg_rule_init(void);

#endif							/* CG_RULE_H */

/*
 * rule.h
 *		Conditions of a session that were switched on for a category.
 */
#ifndef CG_RULE_H
#define CG_RULE_H

#include "decision.h"
#include "hours.h"
#include "network.h"

#define CG_EVERY_CATEGORY	(-1)

/* What is set for a category, or for every category. */
typedef struct CgRule
{
	int32		category;
	CgReason	reason;
	bool		on;
	bool		valid;			/* could the setting be understood? */
	char	   *setting;
	int			n;				/* of what follows */
	char	  **names;			/* courses, policies */
	CgNetwork  *networks;
	CgHours    *hours;
} CgRule;

/*
 * The rule that holds for a category: its own goes before that of every
 * category.  NULL: the condition is not in force.  Valid until the next call.
 */
extern const CgRule *cg_rule_for(CgReason reason, int32 category);

/* The condition of that name that can be switched; CG_GRANTED: none. */
extern CgReason cg_rule_reason(const char *condition);

/*
 * Understand the setting of rule->reason, in the current context.  Returns
 * what is wrong with it, or NULL.
 */
extern const char *cg_rule_parse(const char *setting, CgRule *rule);

/* Words of a list that commas separate, without the blanks around them. */
extern int	cg_rule_words(const char *text, char ***words);

/*
 * Conditions that rules set (see CgCondition): that the category is not of
 * the level that is never disclosed, ...
 */
extern bool cg_level_applies(const CgAsk *ask);
extern bool cg_level_met(const CgAsk *ask, CgAnswer *answer);

/* ... that the connection is encrypted or local, ... */
extern bool cg_tls_applies(const CgAsk *ask);
extern bool cg_tls_met(const CgAsk *ask, CgAnswer *answer);

/* ... that it comes from one of the networks, ... */
extern bool cg_network_applies(const CgAsk *ask);
extern bool cg_network_met(const CgAsk *ask, CgAnswer *answer);

/* ... and that it is one of the hours; the answer holds until they change. */
extern bool cg_hours_applies(const CgAsk *ask);
extern bool cg_hours_met(const CgAsk *ask, CgAnswer *answer);

/* At load: watch the table of rules. */
extern void cg_rule_init(void);

#endif							/* CG_RULE_H */

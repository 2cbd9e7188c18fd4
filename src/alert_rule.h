/*
 * alert_rule.h
 *		What raises an alert, and what an alert does.
 */
#ifndef CG_ALERT_RULE_H
#define CG_ALERT_RULE_H

#include "datatype/timestamp.h"

/* Kinds of alerts that follow from other records. */
#define CG_ALERT_BULK			"bulk"
#define CG_ALERT_NEW_ADDRESS	"new-address"
#define CG_ALERT_OFF_HOURS		"off-hours"
#define CG_ALERT_REFUSALS		"refusals"
#define CG_ALERT_SUPERUSER		"superuser"

typedef struct CgAlertRule
{
	char		kind[32];
	bool		enabled;
	int64		threshold;		/* 0: none */
	int64		period;			/* microseconds; 0: none */
	bool		suspend;
	char	   *setting;		/* NULL: none */
} CgAlertRule;

/*
 * Rules of all kinds, palloc'd.  A kind that is not there has a rule that
 * raises the alert and does nothing else.
 */
typedef struct CgAlertRules CgAlertRules;

/* Read all rules.  The result is in the current memory context. */
extern CgAlertRules *cg_alert_rules_load(void);

/* The rule of a kind, which belongs to rules; a default if there is none. */
extern const CgAlertRule *cg_alert_rule(const CgAlertRules *rules,
										const char *kind);

#endif							/* CG_ALERT_RULE_H */

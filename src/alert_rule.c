/*
 * alert_rule.c
 *		What raises an alert, and what an alert does.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "alert_rule.h"
#include "ingest_state.h"

#define RULE_TABLE		"alert_rule"

/* Columns of cipguard.alert_rule, in the order of sql/parts/48_alert.sql. */
enum
{
	RU_KIND,
	RU_ENABLED,
	RU_THRESHOLD,
	RU_PERIOD,
	RU_SUSPEND,
	RU_SETTING,
	RU_CHANGED,
	RU_COLUMNS
};

struct CgAlertRules
{
	List	   *rules;
};

static const CgAlertRule any_kind = {.enabled = true};

CgAlertRules *
cg_alert_rules_load(void)
{
	CgAlertRules *result = palloc0(sizeof(CgAlertRules));
	Relation	rel = cg_state_table(RULE_TABLE, RU_COLUMNS, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0,
										  NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		CgAlertRule *rule = palloc0(sizeof(CgAlertRule));
		Datum		values[RU_COLUMNS];
		bool		nulls[RU_COLUMNS];

		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		strlcpy(rule->kind, TextDatumGetCString(values[RU_KIND]),
				sizeof(rule->kind));
		rule->enabled = DatumGetBool(values[RU_ENABLED]);
		if (!nulls[RU_THRESHOLD])
			rule->threshold = DatumGetInt64(values[RU_THRESHOLD]);
		if (!nulls[RU_PERIOD])
		{
			const Interval *period = DatumGetIntervalP(values[RU_PERIOD]);

			rule->period = period->time + period->day * USECS_PER_DAY +
				period->month * (DAYS_PER_MONTH * USECS_PER_DAY);
		}
		rule->suspend = DatumGetBool(values[RU_SUSPEND]);
		if (!nulls[RU_SETTING])
			rule->setting = TextDatumGetCString(values[RU_SETTING]);
		result->rules = lappend(result->rules, rule);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

const CgAlertRule *
cg_alert_rule(const CgAlertRules *rules, const char *kind)
{
	ListCell   *lc;

	foreach(lc, rules->rules)
	{
		const CgAlertRule *rule = lfirst(lc);

		if (strcmp(rule->kind, kind) == 0)
			return rule;
	}
	return &any_kind;
}

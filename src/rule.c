/*
 * rule.c
 *		Conditions of a session that were switched on for a category.
 *
 * TLS is in force unless it was switched off; all others, only if they were
 * switched on.  A setting that cannot be understood, since it came with a
 * dump from a server with other time zones, say, is a condition that is not
 * met.
 */
#include "postgres.h"

#include <ctype.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"

#include "catalog.h"
#include "category.h"
#include "rule.h"
#include "session.h"

/* Columns of cipguard.category_rule, in the order of 45_condition.sql. */
enum
{
	COL_CATEGORY = 1,
	COL_CONDITION,
	COL_SETTING
};
#define NUM_COLS COL_SETTING

static void load_rules(void);
static void add_rule(const Datum *values, const bool *nulls);

static CgWatch watch = {.relname = "category_rule",.natts = NUM_COLS};
static uint64 loaded_generation = 0;	/* of rules[] */
static MemoryContext rule_context = NULL;
static CgRule *rules = NULL;
static int	num_rules = 0;

void
cg_rule_init(void)
{
	cg_watch_access(&watch);
}

const CgRule *
cg_rule_for(CgReason reason, int32 category)
{
	static const CgRule tls = {
		.category = CG_EVERY_CATEGORY,.reason = CG_NO_TLS,
		.on = true,.valid = true
	};
	const CgRule *found = reason == CG_NO_TLS ? &tls : NULL;
	int			i;

	if (loaded_generation != watch.generation)
		load_rules();
	for (i = 0; i < num_rules; i++)
	{
		const CgRule *rule = &rules[i];

		if (rule->reason != reason)
			continue;
		if (rule->category == category)
		{
			found = rule;
			break;
		}
		if (rule->category == CG_EVERY_CATEGORY)
			found = rule;
	}
	return found != NULL && found->on ? found : NULL;
}

/* An error leaves nothing loaded. */
static void
load_rules(void)
{
	uint64		generation = watch.generation;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;

	loaded_generation = 0;
	num_rules = 0;
	rules = NULL;
	if (rule_context == NULL)
		rule_context = AllocSetContextCreate(CacheMemoryContext,
											 "cipguard rules",
											 ALLOCSET_SMALL_SIZES);
	MemoryContextReset(rule_context);
	rel = cg_watch_open(&watch);
	if (rel != NULL)
	{
		scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			Datum		values[NUM_COLS];
			bool		nulls[NUM_COLS];

			heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
			add_rule(values, nulls);
		}
		systable_endscan(scan);
		table_close(rel, AccessShareLock);
	}
	loaded_generation = generation;
}

static void
add_rule(const Datum *values, const bool *nulls)
{
	MemoryContext old = MemoryContextSwitchTo(rule_context);
	CgRule	   *rule;

	rules = rules == NULL ? palloc(sizeof(CgRule)) :
		repalloc(rules, (num_rules + 1) * sizeof(CgRule));
	rule = &rules[num_rules];
	memset(rule, 0, sizeof(*rule));
	rule->category = nulls[COL_CATEGORY - 1] ? CG_EVERY_CATEGORY :
		cg_name_hash(TextDatumGetCString(values[COL_CATEGORY - 1]));
	rule->reason =
		cg_rule_reason(TextDatumGetCString(values[COL_CONDITION - 1]));
	rule->valid = cg_rule_parse(TextDatumGetCString(values[COL_SETTING - 1]),
								rule) == NULL;
	rule->on = rule->on || !rule->valid;
	if (rule->reason != CG_GRANTED)
		num_rules++;
	MemoryContextSwitchTo(old);
}

CgReason
cg_rule_reason(const char *condition)
{
	static const CgReason switched[] = {
		CG_NO_TLS, CG_OUTSIDE_NETWORK, CG_OUTSIDE_HOURS, CG_NOT_TRAINED,
		CG_NOT_ACKNOWLEDGED, CG_MINOR, CG_NEVER_DISCLOSED
	};
	int			i;

	for (i = 0; i < (int) lengthof(switched); i++)
		if (strcmp(condition, cg_condition(switched[i])->word) == 0)
			return switched[i];
	return CG_GRANTED;
}

const char *
cg_rule_parse(const char *setting, CgRule *rule)
{
	const char *problem = NULL;

	rule->setting = pstrdup(setting);
	rule->on = strcmp(setting, "off") != 0;
	if (!rule->on)
		return NULL;
	switch (rule->reason)
	{
		case CG_OUTSIDE_NETWORK:
			rule->n = cg_networks_parse(setting, &rule->networks, &problem);
			break;
		case CG_OUTSIDE_HOURS:
			rule->n = cg_hours_parse(setting, &rule->hours, &problem);
			break;
		case CG_NOT_TRAINED:
		case CG_NOT_ACKNOWLEDGED:
			rule->n = cg_rule_words(setting, &rule->names);
			if (rule->n == 0 || strcmp(setting, "on") == 0)
				problem = "it names none";
			break;
		default:
			if (strcmp(setting, "on") != 0)
				problem = psprintf("\"%s\" is neither on nor off", setting);
			break;
	}
	return problem;
}

int
cg_rule_words(const char *text, char ***words)
{
	int			n = 0;
	int			commas = 0;
	const char *p;

	for (p = text; *p != '\0'; p++)
		commas += *p == ',';
	*words = palloc((commas + 1) * sizeof(char *));
	for (p = text;; p++)
	{
		const char *end = p + strcspn(p, ",");
		const char *next = end;

		while (p < end && isspace((unsigned char) *p))
			p++;
		while (p < end && isspace((unsigned char) end[-1]))
			end--;
		if (p < end)
			(*words)[n++] = pnstrdup(p, end - p);
		if (*next == '\0')
			break;
		p = next;
	}
	return n;
}

/* ---------- conditions ---------- */

bool
cg_level_applies(const CgAsk *ask)
{
	const CgCategory *category;

	if (cg_rule_for(CG_NEVER_DISCLOSED, ask->category) == NULL)
		return false;
	category = cg_category_by_id(ask->category, true);
	return category != NULL && category->level == 4;
}

bool
cg_level_met(const CgAsk *ask, CgAnswer *answer)
{
	return false;
}

bool
cg_tls_applies(const CgAsk *ask)
{
	return cg_rule_for(CG_NO_TLS, ask->category) != NULL;
}

bool
cg_tls_met(const CgAsk *ask, CgAnswer *answer)
{
	const CgSession *session = cg_session();

	if (session != NULL &&
		(!session->client || session->local || session->encrypted))
		return true;
	if (ask->explain)
		answer->detail = pstrdup("The connection is not encrypted.");
	return false;
}

bool
cg_network_applies(const CgAsk *ask)
{
	return cg_rule_for(CG_OUTSIDE_NETWORK, ask->category) != NULL;
}

/* The setting is no secret to who must keep to it, and helps him to. */
bool
cg_network_met(const CgAsk *ask, CgAnswer *answer)
{
	const CgRule *rule = cg_rule_for(CG_OUTSIDE_NETWORK, ask->category);
	const CgSession *session = cg_session();

	if (rule == NULL)
		return true;
	if (rule->valid && session != NULL &&
		(!session->client ||
		 cg_networks_match(rule->networks, rule->n, session)))
		return true;
	if (ask->explain)
		answer->detail = psprintf("The client is not in %s.", rule->setting);
	return false;
}

bool
cg_hours_applies(const CgAsk *ask)
{
	return cg_rule_for(CG_OUTSIDE_HOURS, ask->category) != NULL;
}

bool
cg_hours_met(const CgAsk *ask, CgAnswer *answer)
{
	const CgRule *rule = cg_rule_for(CG_OUTSIDE_HOURS, ask->category);
	TimestampTz from;
	TimestampTz until;
	bool		met = false;

	if (rule == NULL)
		return true;
	if (rule->valid)
	{
		met = cg_hours_match(rule->hours, rule->n, ask->now, &from, &until);
		answer->from = Max(answer->from, from);
		answer->until = Min(answer->until, until);
	}
	if (!met && ask->explain)
		answer->detail = psprintf("It is not %s.", rule->setting);
	return met;
}

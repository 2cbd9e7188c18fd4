/*
 * decision.c
 *		Whether plaintext is given: all conditions, in one place.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "replication/walsender.h"

#include "compat.h"

#include "activity.h"
#include "category.h"
#include "cipguard.h"
#include "consent.h"
#include "decision.h"
#include "event.h"
#include "guc.h"
#include "lockdown.h"
#include "minor.h"
#include "person.h"
#include "rule.h"
#include "training.h"

/* A refusal that the current statement reported. */
typedef struct CgReported
{
	Oid			user;
	int32		category;
	Oid			relation;
	CgReason	reason;
} CgReported;

#define MAX_REPORTED	64

static bool no_subject_applies(const CgAsk *ask);
static bool no_subject_met(const CgAsk *ask, CgAnswer *answer);
static bool is_news(int32 category, Oid relation, CgReason reason,
					bool *told);
static void note_refusal(int32 category, Oid relation, CgReason reason,
						 const char *doing);
static void tell(int elevel, int32 category, Oid relation, CgReason reason);
static char *category_name(int32 category);
static char *explain(int32 category, Oid relation, CgReason reason);

/* Indexed by reason. */
static const CgCondition conditions[CG_NUM_REASONS] = {
	[CG_GRANTED] = {CG_GRANTED, "granted", 0, NULL, CG_LEVEL_READ},
	[CG_NO_GRANT] = {CG_NO_GRANT, "grant", ERRCODE_INSUFFICIENT_PRIVILEGE,
		"PIPL 51 (2)", CG_LEVEL_NONE, NULL, NULL, "is not granted",
	"Ask an officer for cipguard.grant_access()."},
	[CG_LOCKED_DOWN] = {CG_LOCKED_DOWN, "lockdown", CG_ERRCODE_LOCKDOWN,
		"PIPL 57", CG_LEVEL_NONE, cg_lockdown_applies, cg_lockdown_met,
		"is locked down",
	"Two officers can lift the lockdown: cipguard.lift_lockdown()."},
	[CG_NEVER_DISCLOSED] = {CG_NEVER_DISCLOSED, "level", CG_ERRCODE_LEVEL,
		"PIPL 28", CG_LEVEL_SEARCH, cg_level_applies, cg_level_met,
		"is never disclosed",
	"Compare it with cipguard.verify_match()."},
	[CG_NO_TLS] = {CG_NO_TLS, "tls", CG_ERRCODE_TLS,
		"PIPL 51 (3)", CG_LEVEL_NONE, cg_tls_applies, cg_tls_met,
		"is given over TLS or a local socket only",
	"Connect with sslmode=require."},
	[CG_OUTSIDE_NETWORK] = {CG_OUTSIDE_NETWORK, "network", CG_ERRCODE_NETWORK,
		"PIPL 51 (3)", CG_LEVEL_NONE, cg_network_applies, cg_network_met,
		"is given in certain networks only",
	"Connect from one of the networks of cipguard.category_rule."},
	[CG_OUTSIDE_HOURS] = {CG_OUTSIDE_HOURS, "hours", CG_ERRCODE_HOURS,
		"PIPL 51 (4)", CG_LEVEL_NONE, cg_hours_applies, cg_hours_met,
		"is given in business hours only",
	"Come back in the hours of cipguard.category_rule."},
	[CG_NO_PURPOSE] = {CG_NO_PURPOSE, "purpose", CG_ERRCODE_PURPOSE,
		"PIPL 6", CG_LEVEL_NONE, cg_purpose_applies, cg_purpose_met,
		"is given for a purpose only",
	"SET LOCAL cipguard.purpose to a live activity that may use the category."},
	[CG_NOT_TRAINED] = {CG_NOT_TRAINED, "training", CG_ERRCODE_TRAINING,
		"PIPL 51 (4)", CG_LEVEL_NONE, cg_training_applies, cg_training_met,
		"is given to trained staff only",
	"Take the training, and have it recorded: cipguard.record_training()."},
	[CG_NOT_ACKNOWLEDGED] = {CG_NOT_ACKNOWLEDGED, "policy", CG_ERRCODE_POLICY,
		"PIPL 51 (1)", CG_LEVEL_NONE, cg_policy_applies, cg_policy_met,
		"is given to whoever acknowledged the policy only",
	"Call cipguard.acknowledge() with the policy."},
	[CG_SUBJECT_UNKNOWN] = {CG_SUBJECT_UNKNOWN, "subject",
		CG_ERRCODE_SUBJECT_UNKNOWN, "PIPL 13", CG_LEVEL_NONE,
		no_subject_applies, no_subject_met,
		"is given only where it is known whom it is about",
	"Select the column itself from a table with a subject column."},
	[CG_RESTRICTED] = {CG_RESTRICTED, "restriction", CG_ERRCODE_RESTRICTED,
		"PIPL 47", CG_LEVEL_NONE, cg_restriction_applies, cg_restriction_met,
		"is not given of persons whose processing is restricted",
	"An officer can lift the restriction: cipguard.lift_restriction()."},
	[CG_NO_CONSENT] = {CG_NO_CONSENT, "consent", CG_ERRCODE_CONSENT,
		"PIPL 13 (1), 14, 15", CG_LEVEL_NONE, cg_consent_applies,
		cg_consent_met,
		"is given of persons only who consent",
	"Ask the person, and record the answer: cipguard.record_consent()."},
	[CG_MINOR] = {CG_MINOR, "minor", CG_ERRCODE_MINOR,
		"未成年人网络保护条例 36", CG_LEVEL_NONE, cg_minor_applies,
		cg_minor_met,
		"is given of minors only with a second approval",
	"Ask with cipguard.request_access(..., minors => true)."},
	[CG_BUDGET_SPENT] = {CG_BUDGET_SPENT, "budget", CG_ERRCODE_BUDGET,
		"法释〔2017〕10号 5", CG_LEVEL_NONE, NULL, NULL,
		"is given no more: the budget of the hour or day is spent",
	"Wait, or ask an officer for cipguard.set_budget()."},
};

const CgCondition *
cg_condition(CgReason reason)
{
	return &conditions[reason];
}

bool
cg_condition_met(CgReason reason, const CgAsk *ask, CgAnswer *answer)
{
	return !conditions[reason].applies(ask) ||
		conditions[reason].met(ask, answer);
}

CgReason
cg_decide_statement(const CgAsk *ask, CgLevel wanted, CgAnswer *answer)
{
	int			i;

	for (i = CG_LOCKED_DOWN; i < CG_SUBJECT_UNKNOWN; i++)
		if (conditions[i].left < wanted && !cg_condition_met(i, ask, answer))
			return i;
	return CG_GRANTED;
}

CgRowConditions
cg_row_conditions(const CgAsk *ask)
{
	CgRowConditions result = 0;
	int			i;

	for (i = CG_RESTRICTED; i < CG_BUDGET_SPENT; i++)
		if (conditions[i].applies(ask))
			result |= 1 << i;
	if (result != 0)
		result |= 1 << CG_SUBJECT_UNKNOWN;
	return result;
}

CgReason
cg_decide_row(CgRowConditions row_conditions, const CgAsk *ask)
{
	CgAnswer	answer = {DT_NOBEGIN, DT_NOEND, NULL};
	int			i;

	for (i = CG_SUBJECT_UNKNOWN; i < CG_BUDGET_SPENT; i++)
		if ((row_conditions & (1 << i)) != 0 &&
			!conditions[i].met(ask, &answer))
			return i;
	return CG_GRANTED;
}

static bool
no_subject_applies(const CgAsk *ask)
{
	return cg_row_conditions(ask) != 0;
}

static bool
no_subject_met(const CgAsk *ask, CgAnswer *answer)
{
	return ask->subject != NULL;
}

void
cg_report_refusal(int32 category, Oid relation, CgReason reason)
{
	bool		told = false;

	if (am_walsender || MyBackendType == B_AUTOVAC_WORKER)
		return;					/* which get no plaintext in any case */
	if (cg_on_refusal == CG_REFUSING_ERROR)
		cg_raise_refusal(category, relation, reason, "reading");
	if (!is_news(category, relation, reason, &told))
		return;
	note_refusal(category, relation, reason, "reading");
	if (!told && MyBackendType == B_BACKEND)
		tell(WARNING, category, relation, reason);
}

void
cg_raise_refusal(int32 category, Oid relation, CgReason reason,
				 const char *doing)
{
	note_refusal(category, relation, reason, doing);
	tell(ERROR, category, relation, reason);
	pg_unreachable();
}

/*
 * Was it not reported in this statement?  *told: but for another table, which
 * is another event, and no other warning.
 */
static bool
is_news(int32 category, Oid relation, CgReason reason, bool *told)
{
	static TimestampTz statement = 0;
	static CgReported reported[MAX_REPORTED];
	static int	n = 0;
	CgReported *r;

	if (statement != GetCurrentStatementStartTimestamp())
	{
		statement = GetCurrentStatementStartTimestamp();
		n = 0;
	}
	for (r = reported; r < reported + n; r++)
	{
		if (r->category != category || r->reason != reason)
			continue;
		if (r->relation == relation && r->user == GetUserId())
			return false;
		*told = true;
	}
	if (n == MAX_REPORTED)
		return false;
	r->user = GetUserId();
	r->category = category;
	r->relation = relation;
	r->reason = reason;
	n++;
	return true;
}

static void
note_refusal(int32 category, Oid relation, CgReason reason, const char *doing)
{
	cg_event_refused(psprintf("%s %s: %s", doing, category_name(category),
							  conditions[reason].word), relation);
}

static void
tell(int elevel, int32 category, Oid relation, CgReason reason)
{
	const CgCondition *c = &conditions[reason];
	char	   *name = category_name(category);
	char	   *detail = explain(category, relation, reason);

	ereport(elevel,
			(errcode(c->sqlstate),
			 errmsg("personal data of category \"%s\" %s", name, c->message),
			 detail == NULL ? 0 : errdetail_internal("%s", detail),
			 errhint("%s", c->remedy)));
}

static char *
category_name(int32 category)
{
	const CgCategory *c = cg_category_by_id(category, true);

	return pstrdup(c != NULL ? NameStr(c->name) : "?");
}

/* What exactly is missing, or NULL; of a row that would be about somebody. */
static char *
explain(int32 category, Oid relation, CgReason reason)
{
	CgAsk		ask = {.user = GetUserId(),.category = category,
	.relation = relation,.now = cg_access_now(),.explain = true};
	CgAnswer	answer = {DT_NOBEGIN, DT_NOEND, NULL};

	if (reason <= CG_NO_GRANT || reason >= CG_SUBJECT_UNKNOWN)
		return NULL;
	(void) cg_condition_met(reason, &ask, &answer);
	return answer.detail;
}

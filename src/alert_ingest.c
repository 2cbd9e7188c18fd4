/*
 * alert_ingest.c
 *		Alerts that records of the journal ask for, as they are taken in.
 *
 * It looks at each record once, when that becomes an event of the log, and
 * writes in the same transaction: no position has to be kept, and nothing of
 * the log is read again.  What a standby sends comes here as well.
 *
 * Some alerts are events themselves (alert.c); others follow from what was
 * disclosed and refused.  The latter depend on nothing that could be changed
 * before the record is taken in: whether a role was a superuser stands in the
 * record.
 *
 * A record that is not authentic can raise an alert, which is what somebody
 * who forges it does not want, but take nobody's access away, and it counts
 * for nothing.
 */
#include "postgres.h"

#include <ctype.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"

#include "alert.h"
#include "alert_address.h"
#include "alert_ingest.h"
#include "alert_row.h"
#include "alert_rule.h"
#include "alert_tally.h"
#include "hours.h"
#include "ingest_event.h"

struct CgAlerts
{
	MemoryContext context;
	CgAlertRules *rules;		/* NULL until there is something to judge */
	CgAlertRows *rows;
	CgTallies  *tallies;
	CgAddresses *addresses;
	CgHours    *hours;			/* of rule off-hours */
	int			num_hours;
};

static void begin_rules(CgAlerts *alerts);
static void add_alert(CgAlerts *alerts, CgAlert *alert, CgProof proof);
static void derive(CgAlerts *alerts, const CgAlert *about, const char *kind,
				   const char *relation, const char *detail);
static void see_alert(CgAlerts *alerts, const CgFrame *frame, CgProof proof,
					  int64 event);
static void see_reading(CgAlerts *alerts, const CgFrame *frame, int64 event);
static void see_refusal(CgAlerts *alerts, const CgFrame *frame, int64 event);
static bool is_off_hours(const CgAlerts *alerts, TimestampTz at);
static void describe(CgAlert *alert, const CgFrame *frame, CgProof proof,
					 int64 event);
static uint64 take_times(char *detail);

CgAlerts *
cg_alerts_begin(void)
{
	CgAlerts   *alerts = palloc0(sizeof(CgAlerts));

	alerts->context = CurrentMemoryContext;
	return alerts;
}

static void
begin_rules(CgAlerts *alerts)
{
	MemoryContext old;
	const CgAlertRule *rule;
	const char *problem;

	if (alerts->rules != NULL)
		return;
	old = MemoryContextSwitchTo(alerts->context);
	alerts->rows = cg_alert_rows_begin();
	alerts->tallies = cg_tallies_begin();
	alerts->addresses = cg_addresses_begin();
	alerts->rules = cg_alert_rules_load();
	rule = cg_alert_rule(alerts->rules, CG_ALERT_OFF_HOURS);
	if (rule->enabled && rule->setting != NULL)
	{
		alerts->num_hours = cg_hours_parse(rule->setting, &alerts->hours,
										   &problem);
		if (alerts->num_hours < 0)
			ereport(WARNING,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("hours of alert rule \"%s\" are invalid: %s",
							CG_ALERT_OFF_HOURS, problem),
					 errhint("Set them with %s.",
							 "cipguard.set_alert_rule()")));
	}
	MemoryContextSwitchTo(old);
}

void
cg_alerts_end(CgAlerts *alerts)
{
	if (alerts->rules == NULL)
		return;
	cg_addresses_write(alerts->addresses);
	cg_tallies_write(alerts->tallies);
	cg_alert_rows_write(alerts->rows);
}

void
cg_alerts_see(CgAlerts *alerts, const CgFrame *frame, CgProof proof,
			  int64 event)
{
	if (cg_record_is_kind(frame, CG_ALERT_EVENT))
	{
		begin_rules(alerts);
		see_alert(alerts, frame, proof, event);
	}
	else if (proof == CG_PROOF_BAD || !OidIsValid(frame->login))
		return;
	else if (cg_record_is_kind(frame, CG_FRAME_READ) ||
			 cg_record_is_kind(frame, "dump"))
	{
		begin_rules(alerts);
		see_reading(alerts, frame, event);
	}
	else if (cg_record_is_kind(frame, "refused"))
	{
		begin_rules(alerts);
		see_refusal(alerts, frame, event);
	}
}

static void
add_alert(CgAlerts *alerts, CgAlert *alert, CgProof proof)
{
	const CgAlertRule *rule = cg_alert_rule(alerts->rules, alert->kind);

	if (!rule->enabled)
		return;
	alert->suspend = rule->suspend && proof != CG_PROOF_BAD &&
		OidIsValid(alert->login);
	cg_alert_rows_add(alerts->rows, alert);
}

/* What all records tell of an alert. */
static void
describe(CgAlert *alert, const CgFrame *frame, CgProof proof, int64 event)
{
	memset(alert, 0, sizeof(*alert));
	alert->at = cg_record_time(frame, proof);
	memcpy(alert->node, frame->node, CG_FRAME_NODE_LEN);
	alert->login = frame->login;
	alert->login_role = cg_record_text(&frame->text[CG_FRAME_LOGIN]);
	alert->role = cg_record_text(&frame->text[CG_FRAME_USER]);
	alert->address = cg_record_text(&frame->text[CG_FRAME_ADDRESS]);
	alert->relation = cg_record_text(&frame->text[CG_FRAME_RELATION]);
	alert->event = event;
	alert->times = 1;
}

/* What cg_alert() has recorded: "KIND[ of CATEGORY]: DETAIL". */
static void
see_alert(CgAlerts *alerts, const CgFrame *frame, CgProof proof, int64 event)
{
	char	   *text = cg_record_text(&frame->text[CG_FRAME_DETAIL]);
	char	   *end;
	char	   *category;
	CgAlert		alert;

	describe(&alert, frame, proof, event);
	alert.times += take_times(text);
	alert.kind = text;
	alert.detail = "";
	end = strstr(text, ": ");
	if (end != NULL)
	{
		*end = '\0';
		alert.detail = end + strlen(": ");
	}
	category = strstr(text, " of ");
	if (category != NULL)
	{
		*category = '\0';
		alert.category = category + strlen(" of ");
	}
	if (strlen(text) >= NAMEDATALEN)
		text[NAMEDATALEN - 1] = '\0';
	add_alert(alerts, &alert, proof);
}

/* ---------- what follows from other records ---------- */

/* The category is left open: a table has columns of several. */
static void
derive(CgAlerts *alerts, const CgAlert *about, const char *kind,
	   const char *relation, const char *detail)
{
	CgAlert		alert = *about;

	alert.kind = kind;
	alert.relation = relation;
	alert.detail = detail;
	alert.derived = true;
	add_alert(alerts, &alert, CG_PROOF_GOOD);
}

static void
see_reading(CgAlerts *alerts, const CgFrame *frame, int64 event)
{
	CgAlert		about;

	describe(&about, frame, CG_PROOF_GOOD, event);
	if (frame->flags & CG_FRAME_SUPERUSER)
		derive(alerts, &about, CG_ALERT_SUPERUSER, about.relation,
			   "personal data was disclosed to a superuser");
	if (is_off_hours(alerts, about.at))
		derive(alerts, &about, CG_ALERT_OFF_HOURS, about.relation,
			   "personal data was disclosed outside of business hours");
	if (cg_address_is_new(alerts->addresses,
						  cg_alert_rule(alerts->rules, CG_ALERT_NEW_ADDRESS),
						  about.login, about.address, about.at))
		derive(alerts, &about, CG_ALERT_NEW_ADDRESS, about.relation,
			   "personal data was disclosed to an address that the login is not known to use");
	if (cg_tally_add(alerts->tallies,
					 cg_alert_rule(alerts->rules, CG_ALERT_BULK),
					 about.login, about.at, frame->values))
		derive(alerts, &about, CG_ALERT_BULK, "",
			   "many values were disclosed in a short time");
}

static void
see_refusal(CgAlerts *alerts, const CgFrame *frame, int64 event)
{
	char	   *detail = cg_record_text(&frame->text[CG_FRAME_DETAIL]);
	CgAlert		about;

	describe(&about, frame, CG_PROOF_GOOD, event);
	if (cg_tally_add(alerts->tallies,
					 cg_alert_rule(alerts->rules, CG_ALERT_REFUSALS),
					 about.login, about.at, 1 + take_times(detail)))
		derive(alerts, &about, CG_ALERT_REFUSALS, "",
			   "refused again and again");
}

static bool
is_off_hours(const CgAlerts *alerts, TimestampTz at)
{
	TimestampTz from;
	TimestampTz until;

	return alerts->num_hours > 0 &&
		!cg_hours_match(alerts->hours, alerts->num_hours, at, &from, &until);
}

/* Cut "(and N times before)" off the end of a detail; N. */
static uint64
take_times(char *detail)
{
	static const char before[] = " (and ";
	static const char after[] = " times before)";
	Size		len = strlen(detail);
	char	   *p;
	uint64		n;

	if (len < sizeof(after) - 1 ||
		strcmp(detail + len - (sizeof(after) - 1), after) != 0)
		return 0;
	for (p = detail + len - (sizeof(after) - 1);
		 p > detail && isdigit((unsigned char) p[-1]); p--)
		;
	if (p - detail < (ptrdiff_t) sizeof(before) - 1 ||
		strncmp(p - (sizeof(before) - 1), before, sizeof(before) - 1) != 0)
		return 0;
	n = strtou64(p, NULL, 10);
	p[-(ptrdiff_t) (sizeof(before) - 1)] = '\0';
	return Min(n, PG_INT32_MAX);
}

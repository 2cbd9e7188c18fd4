/*
 * alert_ingest.c
 *		Alerts that records of the journal ask for, as they are taken in.
 *
 * It looks at each record once, when that becomes an event of the log, and
 * writes in the same transaction: no position has to be kept, and nothing of
 * the log is read again.  What a standby sends comes here as well.
 *
 * A record that is not authentic can raise an alert, which is what somebody
 * who forges it does not want, but take nobody's access away.
 */
#include "postgres.h"

#include <ctype.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"

#include "alert.h"
#include "alert_ingest.h"
#include "alert_row.h"
#include "alert_rule.h"
#include "ingest_event.h"

struct CgAlerts
{
	MemoryContext context;
	CgAlertRules *rules;		/* NULL until there is something to judge */
	CgAlertRows *rows;
};

static void begin_rules(CgAlerts *alerts);
static void add_alert(CgAlerts *alerts, CgAlert *alert, CgProof proof);
static void see_alert(CgAlerts *alerts, const CgFrame *frame, CgProof proof,
					  int64 event);
static void describe(CgAlert *alert, const CgFrame *frame, int64 event);
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
	MemoryContext old = MemoryContextSwitchTo(alerts->context);

	if (alerts->rules == NULL)
	{
		alerts->rows = cg_alert_rows_begin();
		alerts->rules = cg_alert_rules_load();
	}
	MemoryContextSwitchTo(old);
}

void
cg_alerts_end(CgAlerts *alerts)
{
	if (alerts->rules == NULL)
		return;
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
}

static void
add_alert(CgAlerts *alerts, CgAlert *alert, CgProof proof)
{
	const CgAlertRule *rule = cg_alert_rule(alerts->rules, alert->kind);

	if (!rule->enabled)
		return;
	alert->suspend = rule->suspend && proof != CG_PROOF_BAD;
	cg_alert_rows_add(alerts->rows, alert);
}

/* What all records tell of an alert. */
static void
describe(CgAlert *alert, const CgFrame *frame, int64 event)
{
	memset(alert, 0, sizeof(*alert));
	alert->at = frame->ts;
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
	char	   *end = strstr(text, ": ");
	char	   *category;
	CgAlert		alert;

	describe(&alert, frame, event);
	alert.times += take_times(text);
	alert.kind = text;
	alert.detail = "";
	if (end != NULL)
	{
		*end = '\0';
		alert.detail = end + 2;
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

/* Cut "(and N times before)" off the end of a detail; N. */
static uint64
take_times(char *detail)
{
	static const char before[] = " (and ";
	static const char after[] = " times before)";
	Size		len = strlen(detail);
	char	   *p;
	char	   *end;
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
	n = strtou64(p, &end, 10);
	p[-(ptrdiff_t) (sizeof(before) - 1)] = '\0';
	return Min(n, PG_INT32_MAX);
}

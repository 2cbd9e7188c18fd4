/*
 * event.c
 *		Facts for the audit log that are no row changes.
 *
 * What was done is an event of its transaction: if that rolls back, it was
 * not done.  A refusal stays one whatever becomes of the transaction, and
 * whoever is refused could catch the error, so it goes to the journal, before
 * the error is raised.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "audit_relation.h"
#include "audit_store.h"
#include "catalog.h"
#include "cipguard.h"
#include "event.h"
#include "journal.h"

#define NUM_RECENT		16
#define QUIET_MS		1000
#define MAX_NOTED		200		/* bytes of a text in a note */

/* A refusal that was written, and how often it came again since. */
typedef struct CgRefusal
{
	char		what[NAMEDATALEN + 64];
	Oid			relid;
	Oid			user;
	TimestampTz at;
	uint64		repeated;
} CgRefusal;

static void append_time(StringInfo buf, TimestampTz ts);
static void append_value(StringInfo buf, const char *column, char *text);

static CgRefusal recent[NUM_RECENT];

void
cg_event_done(const char *what, Oid relid, const char *relname,
			  const char *detail)
{
	if (IsInParallelMode() || IsParallelWorker())
		return;					/* nothing can be done there */
	if (creating_extension &&
		CurrentExtensionObject == get_extension_oid(CG_SCHEMA, true))
		return;					/* the log begins when that has ended */
	if (IsBinaryUpgrade)
		return;					/* it brings the log of the old server */
	if (!RecoveryInProgress() && !XactReadOnly &&
		OidIsValid(cg_schema_oid()))
		cg_audit_note(what, relid, relname, detail);
	else if (cg_preloaded)
		cg_journal_event(what, relid, detail);
}

void
cg_event_refused(const char *what, Oid relid)
{
	TimestampTz now = GetCurrentTimestamp();
	CgRefusal  *refusal = &recent[0];
	const char *detail = what;
	Oid			nspoid = cg_schema_oid();
	int			i;

	/* Nothing can be recorded in a database that loses its log just now. */
	if (!cg_preloaded || (OidIsValid(nspoid) &&
						  !OidIsValid(get_relname_relid("audit_session",
														nspoid))))
		return;
	for (i = 0; i < NUM_RECENT; i++)
	{
		if (recent[i].relid == relid && recent[i].user == GetUserId() &&
			strncmp(recent[i].what, what, sizeof(recent[i].what) - 1) == 0)
		{
			refusal = &recent[i];
			break;
		}
		if (recent[i].at < refusal->at)
			refusal = &recent[i];
	}
	if (i < NUM_RECENT)
	{
		if (!TimestampDifferenceExceeds(refusal->at, now, QUIET_MS))
		{
			refusal->repeated++;
			return;
		}
		if (refusal->repeated > 0)
			detail = psprintf("%s (and " UINT64_FORMAT " times before)", what,
							  refusal->repeated);
	}
	cg_journal_event("refused", relid, detail);
	strlcpy(refusal->what, what, sizeof(refusal->what));
	refusal->relid = relid;
	refusal->user = GetUserId();
	refusal->at = now;
	refusal->repeated = 0;
}

/* The same whatever the settings of the session. */
static void
append_time(StringInfo buf, TimestampTz ts)
{
	struct pg_tm tm;
	fsec_t		fsec;
	char		text[MAXDATELEN + 1];

	if (TIMESTAMP_NOT_FINITE(ts) ||
		timestamp2tm(ts, NULL, &tm, &fsec, NULL, NULL) != 0)
	{
		appendStringInfoString(buf, ts > 0 ? "infinity" : "-infinity");
		return;
	}
	EncodeDateTime(&tm, fsec, false, 0, NULL, USE_ISO_DATES, text);
	appendStringInfo(buf, "%s UTC", text);
}

/*
 * Persons are named by their tags, as everywhere in the log.  Long texts are
 * cut: they stand in the register.
 */
static void
append_value(StringInfo buf, const char *column, char *text)
{
	int			len = strlen(text);
	int			kept = pg_mbcliplen(text, len, MAX_NOTED);

	if (strcmp(column, "subject") == 0)
	{
		if (cg_subject_tag_known())
			appendStringInfo(buf, INT64_FORMAT, cg_subject_tag(text, len));
		else
			appendStringInfoChar(buf, '?');
		return;
	}
	appendBinaryStringInfo(buf, text, kept);
	if (kept < len)
		appendStringInfoString(buf, "...");
}

/* note_change() RETURNS trigger */
PG_FUNCTION_INFO_V1(cipguard_note_change);
Datum
cipguard_note_change(PG_FUNCTION_ARGS)
{
	static const char *const omitted[] = {
		"wrapped", "kek_id", "mask_options", "mask_digest", "mask_changed",
		"suite_changed", "description", "granted_at", "revoked_at", "created",
		"suspended_at"
	};
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	HeapTuple	tuple;
	StringInfoData buf;
	int			i;
	int			k;

	cg_require_our_trigger(fcinfo);
	if (!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called as a row trigger")));
	desc = RelationGetDescr(trigdata->tg_relation);
	tuple = TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event) ?
		trigdata->tg_newtuple : trigdata->tg_trigtuple;
	initStringInfo(&buf);
	appendStringInfoString(&buf,
						   TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) ?
						   "INSERT" :
						   TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event) ?
						   "UPDATE" : "DELETE");
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		bool		isnull;
		Datum		value = heap_getattr(tuple, i + 1, desc, &isnull);
		Oid			output;
		bool		varlena;

		for (k = 0; k < (int) lengthof(omitted); k++)
			if (strcmp(NameStr(att->attname), omitted[k]) == 0)
				break;
		if (att->attisdropped || isnull || k < (int) lengthof(omitted))
			continue;
		appendStringInfo(&buf, " %s=", NameStr(att->attname));
		if (att->atttypid == TIMESTAMPTZOID)
			append_time(&buf, DatumGetTimestampTz(value));
		else
		{
			getTypeOutputInfo(att->atttypid, &output, &varlena);
			append_value(&buf, NameStr(att->attname),
						 OidOutputFunctionCall(output, value));
		}
	}
	cg_event_done(RelationGetRelationName(trigdata->tg_relation),
				  RelationGetRelid(trigdata->tg_relation), NULL, buf.data);
	return PointerGetDatum(NULL);
}

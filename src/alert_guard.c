/*
 * alert_guard.c
 *		What SQL may do to alerts, their rules and suspensions.
 *
 * C code writes these tables past their triggers.  By SQL an alert can be
 * acknowledged and a suspension ended, not by whom it is about; rules can be
 * changed by officers.  Rank is not enough: a superuser has to be one, too.
 * Who did it and when is set here, so that no function can forget it.
 *
 * Whom an alert is about is the role that logged in, whatever role it acted
 * in.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_collation.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "access.h"
#include "alert.h"
#include "alert_rule.h"
#include "catalog.h"
#include "cipguard.h"
#include "event.h"
#include "hours.h"
#include "ingest_state.h"

#define MAX_NOTE		1000

/* A table, and what an update of it may set. */
typedef struct CgGuarded
{
	const char *login;			/* column: whom it is about */
	const char *why;			/* column that the caller gives */
	const char *by;				/* columns that are set here */
	const char *at;
	bool		auditors;		/* may they do it, too? */
	const char *doing;
} CgGuarded;

static const CgGuarded alerts = {
	"login", "note", "acknowledged_by", "acknowledged_at", true,
	"acknowledge an alert"
};
static const CgGuarded suspensions = {
	"login", "reason", "lifted_by", "lifted_at", false, "end a suspension"
};

static bool is_restored(void);
static void require_member(bool auditors, const char *doing);
static void require_other(Oid login, const char *doing);
static void refuse(TriggerData *trigdata, const char *hint);
static HeapTuple settle(TriggerData *trigdata, const CgGuarded *guarded);
static int	column(TupleDesc desc, const char *name);
static void replace_shipped(Relation rel, Datum kind);

/* Rows of a dump are taken as they are. */
static bool
is_restored(void)
{
	return superuser() && !check_function_bodies;
}

static void
require_member(bool auditors, const char *doing)
{
	if (cg_has_privs_of(GetUserId(), get_role_oid(CG_ROLE_OFFICER, false)) ||
		(auditors && cg_has_privs_of(GetUserId(),
									 get_role_oid(CG_ROLE_AUDITOR, false))))
		return;
	cg_event_refused(psprintf("attempt to %s", doing), InvalidOid);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to %s", doing),
			 errhint("Ask a member of %s.", CG_ROLE_OFFICER)));
}

static void
require_other(Oid login, const char *doing)
{
	if (login != GetAuthenticatedUserId() && login != GetSessionUserId() &&
		login != GetUserId())
		return;
	cg_event_refused(psprintf("attempt to %s about oneself", doing),
					 InvalidOid);
	cg_alert("self-grant", InvalidOid, -1,
			 psprintf("attempt to %s about oneself", doing));
	ereport(ERROR,
			(errcode(CG_ERRCODE_FOUR_EYES),
			 errmsg("cannot %s that is about yourself", doing),
			 errdetail("The role that logged in decides, whatever role it acts in."),
			 errhint("Ask another member of %s.", CG_ROLE_OFFICER)));
}

static void
refuse(TriggerData *trigdata, const char *hint)
{
	ereport(ERROR,
			(errcode(CG_ERRCODE_AUDIT),
			 errmsg("table \"%s\" cannot be changed like that",
					RelationGetRelationName(trigdata->tg_relation)),
			 errdetail("Its rows are written when records are taken into the audit log."),
			 errhint("%s", hint)));
}

static int
column(TupleDesc desc, const char *name)
{
	int			i;

	for (i = 0; i < desc->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return i + 1;
	elog(ERROR, "column \"%s\" is missing", name);
	return 0;
}

/* The row as it may become: nothing but the end of it changes, and once. */
static HeapTuple
settle(TriggerData *trigdata, const CgGuarded *guarded)
{
	TupleDesc	desc = RelationGetDescr(trigdata->tg_relation);
	HeapTuple	old = trigdata->tg_trigtuple;
	HeapTuple	tuple = trigdata->tg_newtuple;
	int			why = column(desc, guarded->why);
	int			cols[2];
	Datum		values[2];
	bool		nulls[2] = {false, false};
	bool		isnull;
	Datum		value;
	char	   *note;
	int			i;

	cols[0] = column(desc, guarded->by);
	cols[1] = column(desc, guarded->at);
	require_member(guarded->auditors, guarded->doing);
	require_other(DatumGetObjectId(heap_getattr(old,
												column(desc, guarded->login),
												desc, &isnull)),
				  guarded->doing);
	for (i = 1; i <= desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i - 1);
		bool		old_null;
		bool		new_null;
		Datum		before = heap_getattr(old, i, desc, &old_null);
		Datum		after = heap_getattr(tuple, i, desc, &new_null);

		if (i == why || i == cols[0] || i == cols[1])
			continue;
		if (old_null != new_null ||
			(!old_null && !datumIsEqual(before, after, att->attbyval,
										att->attlen)))
			refuse(trigdata, "Set nothing but what says why.");
	}
	(void) heap_getattr(old, cols[1], desc, &isnull);
	if (!isnull)
		refuse(trigdata, "That was done before; it stays as it is.");
	value = heap_getattr(tuple, why, desc, &isnull);
	note = isnull ? "" : TextDatumGetCString(value);
	if (note[strspn(note, " ")] == '\0' || strlen(note) > MAX_NOTE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("to %s takes 1 to %d bytes that say why",
						guarded->doing, MAX_NOTE),
				 errhint("Say what was found, without data of persons.")));
	values[0] =
		CStringGetTextDatum(GetUserNameFromId(GetAuthenticatedUserId(), false));
	values[1] = TimestampTzGetDatum(GetCurrentTimestamp());
	return heap_modify_tuple_by_cols(tuple, desc, 2, cols, values, nulls);
}

/* guard_alert() RETURNS trigger: of alert and what alerts are counted by */
PG_FUNCTION_INFO_V1(cipguard_guard_alert);
Datum
cipguard_guard_alert(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	cg_require_our_trigger(fcinfo);
	if (!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) ||
		!TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
		refuse(trigdata, "Acknowledge an alert with cipguard.acknowledge_alert().");
	return PointerGetDatum(settle(trigdata, &alerts));
}

/* guard_suspension() RETURNS trigger */
PG_FUNCTION_INFO_V1(cipguard_guard_suspension);
Datum
cipguard_guard_suspension(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	cg_require_our_trigger(fcinfo);
	if (TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) &&
		TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) && is_restored())
		return PointerGetDatum(trigdata->tg_trigtuple);
	if (!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) ||
		!TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
		refuse(trigdata, "End a suspension with cipguard.resume_access().");
	return PointerGetDatum(settle(trigdata, &suspensions));
}

/*
 * A dump holds rules that were changed, and the database that it is restored
 * into has them as they were shipped.
 */
static void
replace_shipped(Relation rel, Datum kind)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_TEXTEQ, kind);
	key.sk_collation = C_COLLATION_OID;
	scan = systable_beginscan(rel, cg_state_relation("alert_rule_pkey"), true,
							  NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		CatalogTupleDelete(rel, &tuple->t_self);
	systable_endscan(scan);
}

/* guard_alert_rule() RETURNS trigger */
PG_FUNCTION_INFO_V1(cipguard_guard_alert_rule);
Datum
cipguard_guard_alert_rule(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	HeapTuple	tuple;
	int			kind;
	int			setting;
	int			changed;
	Datum		value;
	Datum		yes = BoolGetDatum(true);
	bool		isnull;
	bool		no_null = false;
	char	   *name;

	cg_require_our_trigger(fcinfo);
	desc = RelationGetDescr(trigdata->tg_relation);
	kind = column(desc, "kind");
	if (TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) &&
		TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) && is_restored())
	{
		tuple = trigdata->tg_trigtuple;
		replace_shipped(trigdata->tg_relation,
						heap_getattr(tuple, kind, desc, &isnull));
		return PointerGetDatum(tuple);
	}
	if (!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) ||
		!TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("rules of alerts are neither added nor removed"),
				 errhint("Switch one off with %s.",
						 "cipguard.set_alert_rule()")));
	require_member(false, "change a rule of alerts");

	tuple = trigdata->tg_newtuple;
	name = TextDatumGetCString(heap_getattr(tuple, kind, desc, &isnull));
	if (strcmp(name,
			   TextDatumGetCString(heap_getattr(trigdata->tg_trigtuple, kind,
												desc, &isnull))) != 0)
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("the kind of a rule of alerts cannot be changed"),
				 errhint("Change the rule of the other kind.")));
	setting = column(desc, "setting");
	value = heap_getattr(tuple, setting, desc, &isnull);
	if (!isnull)
	{
		CgHours    *hours;
		const char *problem;

		if (strcmp(name, CG_ALERT_OFF_HOURS) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("alerts of kind \"%s\" have no setting", name),
					 errhint("Leave it out.")));
		if (cg_hours_parse(TextDatumGetCString(value), &hours, &problem) < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("hours of alert rule \"%s\" are invalid: %s", name,
							problem),
					 errhint("Write them like \"%s\".",
							 "Mon-Fri 08:00-18:00 Asia/Shanghai")));
	}
	changed = column(desc, "changed");
	return PointerGetDatum(heap_modify_tuple_by_cols(tuple, desc, 1, &changed,
													 &yes, &no_null));
}

/* Who may be told that what somebody read is a canary? */
void
cg_alert_guard_listen(const char *channel)
{
	if (strcmp(channel, CG_ALERT_CHANNEL) == 0 && OidIsValid(cg_schema_oid()))
		require_member(true, "listen to alerts");
}

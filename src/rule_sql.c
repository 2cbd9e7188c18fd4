/*
 * rule_sql.c
 *		What is checked when a condition is switched.
 *
 * Rules are kept with the table, so that no function that writes it can
 * forget them.  Weakening a condition (switching it off, or putting another
 * setting in the place of one in force) is refused to whoever holds a grant
 * that it binds, as granting to oneself is: another officer has to do it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"

#include "catalog.h"
#include "category.h"
#include "cipguard.h"
#include "event.h"
#include "maintenance.h"
#include "rule.h"

/* A row of cipguard.category_rule; NULL category: every category. */
typedef struct CgRuleRow
{
	char	   *category;
	char	   *condition;
	char	   *setting;
} CgRuleRow;

static void read_row(HeapTuple tuple, TupleDesc desc, CgRuleRow *row);
static void check_row(const CgRuleRow *row);
static bool weakens(const CgRuleRow *row, bool removed);
static bool binds_me(const char *category);
pg_noreturn static void invalid_setting(const char *setting,
										const char *condition,
										CgReason reason,
										const char *problem);
static const char *advice(CgReason reason);

/* guard_rule() RETURNS trigger */
PG_FUNCTION_INFO_V1(cipguard_guard_rule);
Datum
cipguard_guard_rule(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	CgRuleRow	row;
	CgRuleRow	old;
	bool		removed;

	cg_require_our_trigger(fcinfo);
	desc = RelationGetDescr(trigdata->tg_relation);
	if (!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event))
	{
		if (cg_maintenance_open(RelationGetRelid(trigdata->tg_relation)))
			return PointerGetDatum(NULL);
		ereport(ERROR,
				(errcode(CG_ERRCODE_REGISTER),
				 errmsg("conditions cannot be truncated"),
				 errhint("Switch each with %s.", "cipguard.set_condition()")));
	}
	removed = TRIGGER_FIRED_BY_DELETE(trigdata->tg_event);
	read_row(trigdata->tg_trigtuple, desc, &row);
	if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
	{
		old = row;
		read_row(trigdata->tg_newtuple, desc, &row);
		if (strcmp(old.condition, row.condition) != 0 ||
			(old.category == NULL) != (row.category == NULL) ||
			(old.category != NULL && strcmp(old.category, row.category) != 0))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("only the setting of a condition can change"),
					 errhint("Switch each with %s.",
							 "cipguard.set_condition()")));
	}

	/* Restoring a dump repeats what was set elsewhere. */
	if (!(superuser() && !check_function_bodies))
	{
		if (!removed)
			check_row(&row);
		if (weakens(&row, removed) && binds_me(row.category))
		{
			cg_event_refused("weakening of a condition of one's own grant",
							 RelationGetRelid(trigdata->tg_relation));
			ereport(ERROR,
					(errcode(CG_ERRCODE_FOUR_EYES),
					 errmsg("cannot weaken condition \"%s\", which binds a grant of your own",
							row.condition),
					 errhint("Ask another member of %s.", CG_ROLE_OFFICER)));
		}
	}
	return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event) ?
						   trigdata->tg_newtuple : trigdata->tg_trigtuple);
}

static void
read_row(HeapTuple tuple, TupleDesc desc, CgRuleRow *row)
{
	row->category = SPI_getvalue(tuple, desc, 1);
	row->condition = SPI_getvalue(tuple, desc, 2);
	row->setting = SPI_getvalue(tuple, desc, 3);
}

static void
check_row(const CgRuleRow *row)
{
	CgRule		rule = {0};
	const char *problem;

	if (row->category != NULL)
		(void) cg_category_by_name(row->category, false);
	if (row->condition == NULL || row->setting == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("condition and setting must not be null"),
				 errhint("Name the condition: %s.",
						 "tls, network, hours, training, policy, minor or level")));
	rule.reason = cg_rule_reason(row->condition);
	if (rule.reason == CG_GRANTED)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized condition \"%s\"", row->condition),
				 errhint("Conditions are %s.",
						 "tls, network, hours, training, policy, minor and level")));
	problem = cg_rule_parse(row->setting, &rule);
	if (problem != NULL)
		invalid_setting(row->setting, row->condition, rule.reason, problem);
}

static void
invalid_setting(const char *setting, const char *condition, CgReason reason,
				const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid setting \"%s\" of condition \"%s\": %s",
					setting, condition, problem),
			 errhint("Give off, or %s.", advice(reason))));
}

static const char *
advice(CgReason reason)
{
	switch (reason)
	{
		case CG_OUTSIDE_NETWORK:
			return "a list of networks such as '10.0.0.0/8, fd00::/8, local', of which the last is for local sockets";
		case CG_OUTSIDE_HOURS:
			return "ranges such as 'Mon-Fri 08:00-18:00, Sat,Sun 10:00-12:00 Asia/Shanghai', with a name of pg_timezone_names";
		case CG_NOT_TRAINED:
			return "the name of a course, as it stands in cipguard.training_record, or a list of them";
		case CG_NOT_ACKNOWLEDGED:
			return "the name of a policy, as it stands in cipguard.policy_version, or a list of them";
		default:
			return "on";
	}
}

/*
 * Does the row take the place of a condition in force, and ask for something
 * else?  What holds now is what held before the statement.
 */
static bool
weakens(const CgRuleRow *row, bool removed)
{
	int32		category = row->category == NULL ? CG_EVERY_CATEGORY :
	cg_name_hash(row->category);
	CgReason	reason = cg_rule_reason(row->condition);
	const CgRule *before;

	if (reason == CG_GRANTED)
		return false;
	before = cg_rule_for(reason, category);
	if (before == NULL)
		return false;
	if (!removed)
		return before->setting == NULL ? strcmp(row->setting, "on") != 0 :
			strcmp(before->setting, row->setting) != 0;

	/* What holds for every category comes back. */
	if (category != CG_EVERY_CATEGORY)
	{
		char	   *setting = before->setting == NULL ? NULL :
		pstrdup(before->setting);
		const CgRule *after = cg_rule_for(reason, CG_EVERY_CATEGORY);

		return after == NULL ||
			(setting != NULL && after->setting != NULL &&
			 strcmp(setting, after->setting) != 0);
	}
	return reason != CG_NO_TLS;
}

/*
 * Has whoever acts, by one of the roles that he acts as, a grant of the
 * category, or of any?
 */
static bool
binds_me(const char *category)
{
	Oid			relid = get_relname_relid("access_grant", cg_schema_oid());
	AttrNumber	grantee_col = get_attnum(relid, "grantee");
	AttrNumber	category_col = get_attnum(relid, "category");
	AttrNumber	revoked_col = get_attnum(relid, "revoked_at");
	Relation	rel = table_open(relid, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0,
										  NULL);
	HeapTuple	tuple;
	bool		result = false;

	while (!result && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Oid			grantee;
		Datum		of;

		if (!heap_attisnull(tuple, revoked_col, desc))
			continue;
		of = heap_getattr(tuple, category_col, desc, &isnull);
		if (category != NULL &&
			strcmp(TextDatumGetCString(of), category) != 0)
			continue;
		grantee = DatumGetObjectId(heap_getattr(tuple, grantee_col, desc,
												&isnull));
		result = is_member_of_role_nosuper(GetUserId(), grantee) ||
			is_member_of_role_nosuper(GetSessionUserId(), grantee) ||
			is_member_of_role_nosuper(GetAuthenticatedUserId(), grantee);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/*
 * in_hours(setting text, at timestamptz, OUT met boolean,
 *			OUT since timestamptz, OUT until timestamptz) RETURNS record
 */
PG_FUNCTION_INFO_V1(cipguard_in_hours);
Datum
cipguard_in_hours(PG_FUNCTION_ARGS)
{
	char	   *setting = text_to_cstring(PG_GETARG_TEXT_PP(0));
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(1);
	TimestampTz from;
	TimestampTz until;
	CgRule		rule = {.reason = CG_OUTSIDE_HOURS};
	const char *problem = cg_rule_parse(setting, &rule);
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	if (problem != NULL)
		invalid_setting(setting, "hours", CG_OUTSIDE_HOURS, problem);
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time must be finite"),
				 errhint("Give a time such as %s.", "now()")));
	values[0] = BoolGetDatum(!rule.on ||
							 cg_hours_match(rule.hours, rule.n, at, &from,
											&until));
	values[1] = TimestampTzGetDatum(rule.on ? from : DT_NOBEGIN);
	values[2] = TimestampTzGetDatum(rule.on ? until : DT_NOEND);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}

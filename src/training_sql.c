/*
 * training_sql.c
 *		Records of trainings, policies and who acknowledged them.
 *
 * The tables are append-only: a wrong record is put right by another one.
 * Who recorded is who did it, nobody records for himself, and nobody but the
 * person acknowledges.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "acting.h"
#include "audit_store.h"
#include "catalog.h"
#include "cipguard.h"
#include "event.h"
#include "maintenance.h"
#include "training.h"

static HeapTuple stamp(HeapTuple tuple, TupleDesc desc, const char *who,
					   const char *when);
static void check_training(HeapTuple tuple, TupleDesc desc);
static bool can_login(Oid role);
static void refuse_acknowledgement(const char *why);

/* Set while acknowledge() writes its row. */
static bool acknowledging = false;

/* guard_training() RETURNS trigger */
PG_FUNCTION_INFO_V1(cipguard_guard_training);
Datum
cipguard_guard_training(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	HeapTuple	tuple;
	const char *name;

	cg_require_our_trigger(fcinfo);
	desc = RelationGetDescr(trigdata->tg_relation);
	name = RelationGetRelationName(trigdata->tg_relation);
	if (!TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
	{
		if (!cg_maintenance_open(RelationGetRelid(trigdata->tg_relation)))
		{
			cg_event_refused("change of a register",
							 RelationGetRelid(trigdata->tg_relation));
			ereport(ERROR,
					(errcode(CG_ERRCODE_REGISTER),
					 errmsg("rows of register \"%s\" cannot be changed or deleted",
							name),
					 errhint("Put it right with another record, or open a window with %s.",
							 "cipguard.open_maintenance()")));
		}
		if (!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event))
			return PointerGetDatum(NULL);
		return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event) ?
							   trigdata->tg_newtuple : trigdata->tg_trigtuple);
	}
	tuple = trigdata->tg_trigtuple;

	/* Restoring a dump repeats what was recorded elsewhere. */
	if (superuser() && !check_function_bodies)
		return PointerGetDatum(tuple);
	if (strcmp(name, "training_record") == 0)
	{
		check_training(tuple, desc);
		return PointerGetDatum(stamp(tuple, desc, "recorded_by",
									 "recorded_at"));
	}
	if (strcmp(name, "policy_version") == 0)
		return PointerGetDatum(stamp(tuple, desc, "published_by",
									 "published_at"));
	if (!acknowledging)
		refuse_acknowledgement("Only who logged in acknowledges, and for himself.");
	return PointerGetDatum(tuple);
}

static HeapTuple
stamp(HeapTuple tuple, TupleDesc desc, const char *who, const char *when)
{
	int			cols[2];
	Datum		values[2];
	bool		nulls[2] = {false, false};

	cols[0] = SPI_fnumber(desc, who);
	cols[1] = SPI_fnumber(desc, when);
	values[0] = CStringGetTextDatum(GetUserNameFromId(GetAuthenticatedUserId(),
													  false));
	values[1] = TimestampTzGetDatum(GetCurrentTimestamp());
	return heap_modify_tuple_by_cols(tuple, desc, 2, cols, values, nulls);
}

static void
check_training(HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, SPI_fnumber(desc, "person"), desc,
									 &isnull);
	Oid			person = DatumGetObjectId(value);

	if (!isnull && !can_login(person))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("role \"%s\" is not a person: it cannot log in",
						GetUserNameFromId(person, false)),
				 errhint("Name the role that the person logs in as.")));
	if (!isnull &&
		(is_member_of_role_nosuper(GetUserId(), person) ||
		 is_member_of_role_nosuper(GetSessionUserId(), person) ||
		 is_member_of_role_nosuper(GetAuthenticatedUserId(), person)))
	{
		cg_event_refused("record of a training of oneself", InvalidOid);
		ereport(ERROR,
				(errcode(CG_ERRCODE_FOUR_EYES),
				 errmsg("cannot record a training of your own"),
				 errhint("Ask another member of %s or %s.",
						 "cipguard_registrar", CG_ROLE_OFFICER)));
	}
	value = heap_getattr(tuple, SPI_fnumber(desc, "taken"), desc, &isnull);
	if (!isnull && DatumGetTimestampTz(value) > GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("training lies in the future"),
				 errhint("Record it when it was taken.")));
}

static bool
can_login(Oid role)
{
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin;
	ReleaseSysCache(tuple);
	return result;
}

static void
refuse_acknowledgement(const char *why)
{
	cg_event_refused("acknowledgement for somebody else", InvalidOid);
	ereport(ERROR,
			(errcode(CG_ERRCODE_FOUR_EYES),
			 errmsg("cannot acknowledge a policy for somebody else"),
			 errdetail("%s", why),
			 errhint("The person logs in and calls %s.",
					 "cipguard.acknowledge()")));
}

/* acknowledge(policy text, version integer DEFAULT NULL) RETURNS integer */
PG_FUNCTION_INFO_V1(cipguard_acknowledge);
Datum
cipguard_acknowledge(PG_FUNCTION_ARGS)
{
	char	   *policy;
	int32		newest;
	CgActing	acting;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name of the policy must not be null"),
				 errhint("%s lists the policies.",
						 "cipguard.policy_version")));
	policy = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (GetUserId() != GetAuthenticatedUserId() ||
		GetSessionUserId() != GetAuthenticatedUserId())
		refuse_acknowledgement("The current user is not who logged in.");
	newest = cg_policy_version(policy);
	if (newest == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("policy \"%s\" does not exist", policy),
				 errhint("%s lists the policies.",
						 "cipguard.policy_version")));
	if (!PG_ARGISNULL(1) && PG_GETARG_INT32(1) != newest)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("version %d is not the newest of policy \"%s\"",
						PG_GETARG_INT32(1), policy),
				 errhint("Read version %d, and acknowledge that.", newest)));
	if (cg_policy_acknowledged(policy, newest))
		PG_RETURN_INT32(newest);

	cg_act_begin(&acting, cg_audit_owner());
	acknowledging = true;
	PG_TRY();
	{
		cg_act_execute("INSERT INTO cipguard.acknowledgement (policy, version, person, acknowledged_at) "
					   "VALUES (%s, %d, %u::pg_catalog.oid::pg_catalog.regrole, pg_catalog.clock_timestamp())",
					   quote_literal_cstr(policy), newest,
					   GetAuthenticatedUserId());
	}
	PG_FINALLY();
	{
		acknowledging = false;
	}
	PG_END_TRY();
	cg_act_end(&acting);
	PG_RETURN_INT32(newest);
}

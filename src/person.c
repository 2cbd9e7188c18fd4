/*
 * person.c
 *		Persons whose processing is restricted, and canaries.
 *
 * Who asks that the processing of his data stops (PIPL 44, 47) is masked for
 * everybody, whatever the grants, until that is lifted.
 *
 * A canary is a person who does not exist, or whose data nobody needs to see:
 * who is given it has looked where he should not.  That somebody is one is
 * known to officers and auditors alone: no plan, mask, warning or error tells,
 * and rows of canaries take the same path as others until they are given.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "access.h"
#include "alert.h"
#include "catalog.h"
#include "cipguard.h"
#include "event.h"
#include "hold.h"
#include "inval.h"
#include "person.h"
#include "protect.h"
#include "subject_set.h"

static void relation_changed(Datum arg, Oid relid);

static CgSubjectSet restricted = {
	.watch = {.relname = "restriction",.natts = CG_LISTED_NUM}
};
static CgSubjectSet canaries = {
	.watch = {.relname = "canary",.natts = CG_LISTED_NUM}
};

void
cg_person_init(void)
{
	cg_watch_access(&restricted.watch);
	cg_watch(&canaries.watch);
	cg_on_relcache(relation_changed);
	cg_hold_init();
}

/* A table may have got a subject column, or lost it. */
static void
relation_changed(Datum arg, Oid relid)
{
	if (restricted.count > 0 &&
		restricted.loaded == restricted.watch.generation &&
		(!OidIsValid(relid) || relid >= FirstNormalObjectId))
	{
		restricted.watch.generation++;
		cg_access_generation++;
	}
}

/* Who is not known to have a subject column is not known not to. */
bool
cg_restriction_applies(const CgAsk *ask)
{
	const CgProtection *p;

	if (!cg_set_any(&restricted))
		return false;
	if (!OidIsValid(ask->relation))
		return true;
	p = cg_protection(ask->relation);
	return p != NULL && p->subject != InvalidAttrNumber;
}

bool
cg_restriction_met(const CgAsk *ask, CgAnswer *answer)
{
	return ask->subject == NULL || !cg_set_has(&restricted, ask->subject);
}

bool
cg_any_restricted(void)
{
	return cg_set_any(&restricted);
}

bool
cg_is_restricted(const CgSubject *subject)
{
	return cg_set_has(&restricted, subject);
}

bool
cg_any_canary(void)
{
	return cg_set_any(&canaries);
}

/* Once for each statement, category and table. */
void
cg_canary_disclosed(int32 category, Oid relation, const CgSubject *subject)
{
	static TimestampTz told_at = 0;
	static int32 told_category = 0;
	static Oid	told_relation = InvalidOid;

	if (subject == NULL || !cg_set_has(&canaries, subject))
		return;
	if (told_at == GetCurrentStatementStartTimestamp() &&
		told_category == category && told_relation == relation)
		return;
	cg_alert("canary", relation, category, "data of a canary was disclosed");
	told_at = GetCurrentStatementStartTimestamp();
	told_category = category;
	told_relation = relation;
}

/*
 * guard_listed() RETURNS trigger
 *
 * The rules of cipguard.restriction, legal_hold and canary: an entry is made,
 * ended once, and otherwise stays as it was; who and when is who did it.
 */
PG_FUNCTION_INFO_V1(cipguard_guard_listed);
Datum
cipguard_guard_listed(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	HeapTuple	tuple;
	bool		insert;
	int			cols[2];
	Datum		values[2];
	bool		nulls[2] = {false, false};
	int			i;

	cg_require_our_trigger(fcinfo);
	insert = TRIGGER_FIRED_BY_INSERT(trigdata->tg_event);
	if (!insert && !TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
	{
		cg_event_refused("deletion from a register",
						 RelationGetRelid(trigdata->tg_relation));
		ereport(ERROR,
				(errcode(CG_ERRCODE_REGISTER),
				 errmsg("entries of \"%s\" are never deleted",
						RelationGetRelationName(trigdata->tg_relation)),
				 errhint("End the entry with the function that is for it, such as %s.",
						 "cipguard.lift_restriction()")));
	}
	desc = RelationGetDescr(trigdata->tg_relation);
	tuple = insert ? trigdata->tg_trigtuple : trigdata->tg_newtuple;

	/* Restoring a dump repeats what was noted elsewhere. */
	if (superuser() && !check_function_bodies)
		return PointerGetDatum(tuple);

	if (!insert)
	{
		HeapTuple	old = trigdata->tg_trigtuple;
		bool		ended = !heap_attisnull(old, CG_LISTED_ENDED_AT, desc);

		for (i = CG_LISTED_ID; i < CG_LISTED_ENDED_BY || (ended && i <= desc->natts); i++)
		{
			bool		old_null;
			bool		new_null;
			Datum		old_value = heap_getattr(old, i, desc, &old_null);
			Datum		new_value = heap_getattr(tuple, i, desc, &new_null);
			Form_pg_attribute att = TupleDescAttr(desc, i - 1);

			if (old_null != new_null ||
				(!old_null && !datumIsEqual(old_value, new_value,
											att->attbyval, att->attlen)))
				ereport(ERROR,
						(errcode(CG_ERRCODE_REGISTER),
						 errmsg("entries of \"%s\" are ended, never changed",
								RelationGetRelationName(trigdata->tg_relation)),
						 errhint("End the entry, and make a new one.")));
		}
		if (ended || heap_attisnull(tuple, CG_LISTED_ENDED_AT, desc))
			return PointerGetDatum(NULL);
	}
	cols[0] = insert ? CG_LISTED_SET_BY : CG_LISTED_ENDED_BY;
	cols[1] = insert ? CG_LISTED_SET_AT : CG_LISTED_ENDED_AT;
	values[0] = CStringGetTextDatum(GetUserNameFromId(GetAuthenticatedUserId(),
													  false));
	values[1] = TimestampTzGetDatum(GetCurrentTimestamp());
	return PointerGetDatum(heap_modify_tuple_by_cols(tuple, desc, 2, cols,
													 values, nulls));
}

/*
 * training.c
 *		Trainings and policies that readers must have taken note of.
 *
 * A person is trained, not a role that he acts as: who is asked for is the
 * role that logged in, whatever SET ROLE, SET SESSION AUTHORIZATION or a
 * SECURITY DEFINER function say.
 *
 * Of each course the last record of a person counts, so one that was failed
 * ends what an earlier one gave.  Of each policy the newest version must have
 * been acknowledged.
 *
 * Rows of one person are read by index; access.c caches what comes of it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "catalog.h"
#include "cipguard.h"
#include "rule.h"
#include "training.h"

/* Columns of the tables, in the order of 45_condition.sql. */
enum
{
	TR_ID = 1,
	TR_PERSON,
	TR_COURSE,
	TR_VERSION,
	TR_SCORE,
	TR_PASSED,
	TR_TAKEN,
	TR_VALID_UNTIL,
	TR_EVIDENCE_HASH,
	TR_RECORDED_BY,
	TR_RECORDED_AT
};
#define TR_COLUMNS TR_RECORDED_AT

enum
{
	PV_POLICY = 1,
	PV_VERSION,
	PV_TEXT_HASH,
	PV_LOCATION,
	PV_PUBLISHED_BY,
	PV_PUBLISHED_AT
};
#define PV_COLUMNS PV_PUBLISHED_AT

enum
{
	AK_POLICY = 1,
	AK_VERSION,
	AK_PERSON,
	AK_ACKNOWLEDGED_AT
};
#define AK_COLUMNS AK_ACKNOWLEDGED_AT

static Oid	person_of(const CgAsk *ask);
static SysScanDesc scan_person(Relation rel, const char *index,
							   AttrNumber column, Oid person);
static bool is_trained(Oid person, const char *course, TimestampTz now,
					   CgAnswer *answer);
static bool has_acknowledged(Oid person, const char *policy, int32 version);

static CgWatch trainings = {.relname = "training_record",.natts = TR_COLUMNS};
static CgWatch policies = {.relname = "policy_version",.natts = PV_COLUMNS};
static CgWatch acknowledgements = {
	.relname = "acknowledgement",.natts = AK_COLUMNS
};

void
cg_training_init(void)
{
	cg_watch_access(&trainings);
	cg_watch_access(&policies);
	cg_watch_access(&acknowledgements);
}

/* Somebody else's decision is about the role that was named. */
static Oid
person_of(const CgAsk *ask)
{
	return ask->user == GetUserId() ? GetAuthenticatedUserId() : ask->user;
}

static SysScanDesc
scan_person(Relation rel, const char *index, AttrNumber column, Oid person)
{
	Oid			indexid = get_relname_relid(index,
											RelationGetNamespace(rel));
	ScanKeyData key;

	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(person));
	return systable_beginscan(rel, indexid, OidIsValid(indexid), NULL, 1,
							  &key);
}

/* ---------- training ---------- */

bool
cg_training_applies(const CgAsk *ask)
{
	return cg_rule_for(CG_NOT_TRAINED, ask->category) != NULL;
}

bool
cg_training_met(const CgAsk *ask, CgAnswer *answer)
{
	const CgRule *rule = cg_rule_for(CG_NOT_TRAINED, ask->category);
	char	  **courses;
	int			n;
	int			i;

	if (rule == NULL)
		return true;
	if (!rule->valid)
		return false;
	n = cg_rule_words(rule->setting, &courses); /* rules may be reloaded */
	for (i = 0; i < n; i++)
	{
		if (is_trained(person_of(ask), courses[i], ask->now, answer))
			continue;
		if (ask->explain)
			answer->detail =
				psprintf("Course \"%s\" was not passed, or has expired.",
						 courses[i]);
		return false;
	}
	return true;
}

static bool
is_trained(Oid person, const char *course, TimestampTz now, CgAnswer *answer)
{
	Relation	rel = cg_watch_open(&trainings);
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		passed = false;
	int64		last_id = 0;
	TimestampTz last_taken = DT_NOBEGIN;
	TimestampTz valid_until = DT_NOEND;

	if (rel == NULL)
		return false;
	scan = scan_person(rel, "training_record_person", TR_PERSON, person);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Datum		values[TR_COLUMNS];
		bool		nulls[TR_COLUMNS];
		int64		id;
		TimestampTz taken;

		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		if (strcmp(TextDatumGetCString(values[TR_COURSE - 1]), course) != 0)
			continue;
		id = DatumGetInt64(values[TR_ID - 1]);
		taken = DatumGetTimestampTz(values[TR_TAKEN - 1]);
		if (taken < last_taken || (taken == last_taken && id < last_id))
			continue;
		last_id = id;
		last_taken = taken;
		passed = DatumGetBool(values[TR_PASSED - 1]);
		valid_until = nulls[TR_VALID_UNTIL - 1] ? DT_NOEND :
			DatumGetTimestampTz(values[TR_VALID_UNTIL - 1]);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);

	if (!passed)
		return false;
	if (now >= valid_until)
	{
		answer->from = Max(answer->from, valid_until);
		return false;
	}
	answer->until = Min(answer->until, valid_until);
	return true;
}

/* ---------- policies ---------- */

int32
cg_policy_version(const char *policy)
{
	Relation	rel = cg_watch_open(&policies);
	SysScanDesc scan;
	HeapTuple	tuple;
	int32		newest = 0;

	if (rel == NULL)
		return 0;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		name = heap_getattr(tuple, PV_POLICY,
										RelationGetDescr(rel), &isnull);

		if (strcmp(TextDatumGetCString(name), policy) == 0)
			newest = Max(newest, DatumGetInt32(heap_getattr(tuple, PV_VERSION,
															RelationGetDescr(rel),
															&isnull)));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return newest;
}

bool
cg_policy_applies(const CgAsk *ask)
{
	return cg_rule_for(CG_NOT_ACKNOWLEDGED, ask->category) != NULL;
}

bool
cg_policy_met(const CgAsk *ask, CgAnswer *answer)
{
	const CgRule *rule = cg_rule_for(CG_NOT_ACKNOWLEDGED, ask->category);
	char	  **names;
	int			n;
	int			i;

	if (rule == NULL)
		return true;
	if (!rule->valid)
		return false;
	n = cg_rule_words(rule->setting, &names);	/* rules may be reloaded */
	for (i = 0; i < n; i++)
	{
		int32		version = cg_policy_version(names[i]);

		if (version > 0 && has_acknowledged(person_of(ask), names[i],
											version))
			continue;
		if (ask->explain)
			answer->detail = version == 0 ?
				psprintf("Policy \"%s\" was never published.", names[i]) :
				psprintf("Version %d of policy \"%s\" was not acknowledged.",
						 version, names[i]);
		return false;
	}
	return true;
}

static bool
has_acknowledged(Oid person, const char *policy, int32 version)
{
	Relation	rel = cg_watch_open(&acknowledgements);
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		result = false;

	if (rel == NULL)
		return false;
	scan = scan_person(rel, "acknowledgement_person", AK_PERSON, person);
	while (!result && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Datum		values[AK_COLUMNS];
		bool		nulls[AK_COLUMNS];

		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		result = DatumGetInt32(values[AK_VERSION - 1]) == version &&
			strcmp(TextDatumGetCString(values[AK_POLICY - 1]), policy) == 0;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

bool
cg_policy_acknowledged(const char *policy, int32 version)
{
	return has_acknowledged(GetAuthenticatedUserId(), policy, version);
}

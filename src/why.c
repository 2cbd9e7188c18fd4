/*
 * why.c
 *		The decision as SQL shows it: what it is, and what it is made of.
 *
 * Conditions of the session are those of this session, whoever is asked
 * about.  What is known of a person (restricted, consent) is told only to who
 * has a grant to read: to others it would be news.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "compat.h"

#include "access.h"
#include "budget.h"
#include "category.h"
#include "cipguard.h"
#include "decision.h"
#include "event.h"
#include "grant.h"
#include "guc.h"
#include "suspension.h"

/* A question with everything that it points to. */
typedef struct CgQuestion
{
	CgAsk		ask;
	CgSubject	subject;
	CgAccess	access;
} CgQuestion;

/* One line of why(). */
typedef struct CgLine
{
	bool		in_force;
	bool		unknown;		/* not told whether it is met */
	bool		met;
	char	   *detail;
} CgLine;

static void put_question(CgQuestion *q, Oid user, text * category,
						 Oid relation, text * subject);
static CgReason decide(const CgQuestion *q);
static bool budget_spent(const CgQuestion *q, char **detail);
static void explain(const CgQuestion *q, CgReason reason, CgLine *line);
static char *explain_grant(const CgQuestion *q);
static char *explain_limits(const CgAccess *access);

static void
put_question(CgQuestion *q, Oid user, text * category, Oid relation,
			 text * subject)
{
	memset(q, 0, sizeof(CgQuestion));
	cg_access_tick();
	q->ask.user = user;
	q->ask.category = cg_category_by_name(text_to_cstring(category),
										  false)->id;
	q->ask.relation = relation;
	q->ask.now = cg_access_now();
	if (subject != NULL)
	{
		q->subject.text = VARDATA_ANY(subject);
		q->subject.len = VARSIZE_ANY_EXHDR(subject);
		q->ask.subject = &q->subject;
	}
	cg_access_judge(user, q->ask.category, relation, q->ask.now, &q->access);
	q->ask.minors = q->access.minors;
}

static CgReason
decide(const CgQuestion *q)
{
	CgReason	reason = q->access.no_read;
	char	   *detail;

	if (reason == CG_GRANTED)
		reason = cg_decide_row(q->access.rows, &q->ask);
	if (reason == CG_GRANTED && budget_spent(q, &detail))
		reason = CG_BUDGET_SPENT;
	return reason;
}

static bool
budget_spent(const CgQuestion *q, char **detail)
{
	uint64		hour;
	uint64		day;

	*detail = NULL;
	cg_budget_left(q->ask.category, q->ask.user, &hour, &day);
	if (hour == PG_UINT64_MAX && day == PG_UINT64_MAX)
		return false;
	*detail = day == PG_UINT64_MAX ?
		psprintf(UINT64_FORMAT " values left this hour", hour) :
		hour == PG_UINT64_MAX ?
		psprintf(UINT64_FORMAT " values left today", day) :
		psprintf(UINT64_FORMAT " values left this hour, " UINT64_FORMAT
				 " today", hour, day);
	return hour == 0 || day == 0;
}

/*
 * access_decision(role regrole, category text, relation regclass,
 *				   subject text) RETURNS record
 */
PG_FUNCTION_INFO_V1(cipguard_access_decision);
Datum
cipguard_access_decision(PG_FUNCTION_ARGS)
{
	Oid			user;
	CgQuestion	q;
	CgReason	reason;
	const CgCondition *condition;
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	user = PG_GETARG_OID(0);
	if (!superuser() && !cg_has_privs_of(GetUserId(), user) &&
		!cg_has_privs_of(GetUserId(), get_role_oid(CG_ROLE_OFFICER, false)) &&
		!cg_has_privs_of(GetUserId(), get_role_oid(CG_ROLE_AUDITOR, false)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to ask about another role"),
				 errhint("Ask about yourself, or ask a member of %s or %s.",
						 CG_ROLE_OFFICER, CG_ROLE_AUDITOR)));
	put_question(&q, user, PG_GETARG_TEXT_PP(1),
				 PG_ARGISNULL(2) ? InvalidOid : PG_GETARG_OID(2),
				 PG_ARGISNULL(3) ? NULL : PG_GETARG_TEXT_PP(3));
	reason = decide(&q);
	condition = cg_condition(reason);
	values[0] = BoolGetDatum(reason == CG_GRANTED);
	values[1] = CStringGetTextDatum(condition->word);
	values[2] = CStringGetTextDatum(unpack_sql_state(condition->sqlstate));
	nulls[2] = reason == CG_GRANTED;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}

/*
 * why(category text, relation regclass, subject text) RETURNS SETOF record
 *
 * One row for each condition, in the order in which they are asked.
 */
PG_FUNCTION_INFO_V1(cipguard_why);
Datum
cipguard_why(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CgQuestion	q;
	int			reason;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	put_question(&q, GetUserId(), PG_GETARG_TEXT_PP(0),
				 PG_ARGISNULL(1) ? InvalidOid : PG_GETARG_OID(1),
				 PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2));
	q.ask.explain = true;
	for (reason = CG_NO_GRANT; reason < CG_NUM_REASONS; reason++)
	{
		const CgCondition *condition = cg_condition(reason);
		CgLine		line = {0};
		Datum		values[6];
		bool		nulls[6];

		explain(&q, reason, &line);
		memset(nulls, 0, sizeof(nulls));
		values[0] = CStringGetTextDatum(condition->word);
		values[1] = BoolGetDatum(line.in_force);
		values[2] = BoolGetDatum(line.met);
		nulls[2] = line.unknown;
		if (line.detail != NULL)
			values[3] = CStringGetTextDatum(line.detail);
		nulls[3] = line.detail == NULL;
		values[4] = CStringGetTextDatum(condition->law);
		nulls[5] = line.met || line.unknown;
		if (!nulls[5])
			values[5] = CStringGetTextDatum(condition->remedy);
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
	return (Datum) 0;
}

static void
explain(const CgQuestion *q, CgReason reason, CgLine *line)
{
	const CgCondition *condition = cg_condition(reason);
	CgAnswer	answer = {DT_NOBEGIN, DT_NOEND, NULL};

	line->met = true;
	if (reason == CG_NO_GRANT)
	{
		line->in_force = true;
		line->met = q->access.granted == CG_LEVEL_READ;
		line->detail = explain_grant(q);
		return;
	}
	if (reason == CG_BUDGET_SPENT)
	{
		line->met = !budget_spent(q, &line->detail);
		line->in_force = line->detail != NULL || q->access.n_limits > 0;
		if (q->access.n_limits > 0)
			line->detail = psprintf("%s%s%s", line->detail ? line->detail : "",
									line->detail ? "; " : "",
									explain_limits(&q->access));
		return;
	}
	line->in_force = condition->applies(&q->ask);
	if (!line->in_force)
		return;
	if (reason >= CG_SUBJECT_UNKNOWN && q->access.granted < CG_LEVEL_READ)
	{
		line->unknown = true;
		line->detail = pstrdup("told to who has a grant to read");
		return;
	}
	if (reason > CG_SUBJECT_UNKNOWN && q->ask.subject == NULL)
	{
		line->unknown = true;
		line->detail = pstrdup("name a subject to be told");
		return;
	}
	line->met = condition->met(&q->ask, &answer);
	line->detail = answer.detail;
}

/* Which of the user's grants count, and why others do not. */
static char *
explain_grant(const CgQuestion *q)
{
	StringInfoData buf;
	int			n;
	const CgGrant *grants = cg_grants(&n);
	int			i;

	initStringInfo(&buf);
	for (i = 0; i < n; i++)
	{
		const CgGrant *g = &grants[i];

		if (g->category != q->ask.category ||
			!cg_has_privs_of(q->ask.user, g->grantee))
			continue;
		appendStringInfo(&buf, "%sgrant " INT64_FORMAT, buf.len > 0 ? ", " : "",
						 g->id);
		if (g->suspended ||
			cg_is_suspended(q->ask.user, q->ask.category))
			appendStringInfoString(&buf, " is suspended");
		else if (q->ask.now < g->valid_from)
			appendStringInfoString(&buf, " has not begun");
		else if (q->ask.now >= g->valid_until)
			appendStringInfoString(&buf, " has ended");
		else if (OidIsValid(g->relation) && g->relation != q->ask.relation)
			appendStringInfoString(&buf, " is for one table");
		else if (g->purpose != NULL &&
				 strcmp(g->purpose, cg_purpose ? cg_purpose : "") != 0)
			appendStringInfo(&buf, " is for purpose \"%s\"", g->purpose);
		else
			appendStringInfo(&buf, " to %s",
							 g->level == CG_LEVEL_READ ? "read" : "search");
	}
	return buf.len > 0 ? buf.data : NULL;
}

static char *
explain_limits(const CgAccess *access)
{
	StringInfoData buf;
	int			i;

	initStringInfo(&buf);
	for (i = 0; i < access->n_limits; i++)
		appendStringInfo(&buf, "%sgrant " INT64_FORMAT " shows " INT64_FORMAT
						 " values in all", i > 0 ? ", " : "",
						 access->limits[i].grant, access->limits[i].limit);
	return buf.data;
}

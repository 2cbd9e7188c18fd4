/*
 * keep_person.c
 *		Whom a row is about, and how old, is not changed to open it.
 *
 * Conditions of a row (row_gate.h) go by the subject column and by the column
 * that tells the birthday.  Who may write these could make a row that is
 * withheld from him one of somebody else, and read it.  So an assignment to
 * one of them goes through
 *
 *		cipguard.keep_person(new, relation, column, subject, birthday, proof)
 *
 * with the subject and birthday that the row has had: an error if the value
 * changes, and
 *
 * - the person is restricted, whoever asks;
 * - or somebody asks who could read: in his role, or in one that the role
 *   that logged in is a member of, now or for another purpose; and the row is
 *   closed to him by a condition that the new value could meet.  Of consents
 *   those to every activity count, whatever the session states, since it may
 *   state another one a statement later.
 *
 * What foreign keys cascade goes the same way.  Subscribers of a replication,
 * and triggers that change a row on its way, are not looked at.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/acl.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "compat.h"

#include "activity.h"
#include "cipguard.h"
#include "consent.h"
#include "event.h"
#include "grant.h"
#include "keep_person.h"
#include "listen.h"
#include "minor.h"
#include "person.h"
#include "plan_functions.h"
#include "protect.h"
#include "row_gate.h"
#include "rule.h"

#define SOMEBODY_OLD	19000101	/* a birthday */

static void keep_targets(List *targets, Index varno, Query *query);
static bool may_matter(const CgProtection *p);
static Node *column_or_null(Index varno, Oid relid, AttrNumber attnum);
static CgReason closed_by(const CgProtection *p, AttrNumber attnum,
						  const CgSubject *subject, int birthday);
static bool could_read(const CgProtection *p, int32 category);
static CgReason closed_in(int32 category, Oid relid,
						  const CgSubject *subject, int birthday);

void
cg_keep_persons(Query *query)
{
	ListCell   *lc;

	if (query->commandType == CMD_UPDATE)
		keep_targets(query->targetList, query->resultRelation, query);
	if (query->onConflict != NULL)
		keep_targets(query->onConflict->onConflictSet, query->resultRelation,
					 query);
	foreach(lc, query->mergeActionList)
	{
		MergeAction *action = lfirst_node(MergeAction, lc);

		if (action->commandType == CMD_UPDATE)
			keep_targets(action->targetList, query->resultRelation, query);
	}
	foreach(lc, query->cteList)
		cg_keep_persons((Query *) lfirst_node(CommonTableExpr, lc)->ctequery);
}

static void
keep_targets(List *targets, Index varno, Query *query)
{
	RangeTblEntry *rte = rt_fetch(varno, query->rtable);
	const CgProtection *p = rte->rtekind == RTE_RELATION ?
	cg_protection(rte->relid) : NULL;
	AttrNumber	birthday;
	ListCell   *lc;

	if (p == NULL || !may_matter(p))
		return;
	birthday = cg_birthday_column(p->relid);
	foreach(lc, targets)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Var		   *var = (Var *) tle->expr;
		Node	   *value = (Node *) tle->expr;

		if (tle->resjunk || tle->resno == InvalidAttrNumber ||
			(tle->resno != p->subject && tle->resno != birthday) ||
			(IsA(var, Var) && var->varno == varno &&
			 var->varattno == tle->resno && var->varlevelsup == 0))
			continue;
		tle->expr = (Expr *)
			makeFuncExpr(cg_plan_functions->keep_person, exprType(value),
						 lappend(list_make5(value,
											makeConst(OIDOID, -1, InvalidOid,
													  sizeof(Oid),
													  ObjectIdGetDatum(p->relid),
													  false, true),
											makeConst(INT4OID, -1, InvalidOid,
													  sizeof(int32),
													  Int32GetDatum(tle->resno),
													  false, true),
											column_or_null(varno, p->relid,
														   p->subject),
											column_or_null(varno, p->relid,
														   birthday)),
								 makeConst(cg_plan_functions->checked, -1,
										   InvalidOid, sizeof(bool),
										   BoolGetDatum(true), false, true)),
						 exprCollation(value), exprCollation(value),
						 COERCE_EXPLICIT_CALL);
	}
}

/* Plans are made anew when this may be another. */
static bool
may_matter(const CgProtection *p)
{
	int			i;
	int			k;

	if (cg_any_restricted())
		return true;
	for (i = 1; i <= p->natts; i++)
	{
		const CgProtectedColumn *column = cg_protected_column(p, i);

		for (k = 0; column != NULL && k < column->n_needs; k++)
			if (cg_rule_for(CG_MINOR, column->needs[k]) != NULL ||
				cg_activity_with_consent(column->needs[k], 0) != 0)
				return true;
	}
	return false;
}

static Node *
column_or_null(Index varno, Oid relid, AttrNumber attnum)
{
	Oid			type;
	int32		typmod;
	Oid			collation;

	if (attnum == InvalidAttrNumber)
		return (Node *) makeNullConst(TEXTOID, -1, InvalidOid);
	get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
	return (Node *) makeVar(varno, attnum, type, typmod, collation, 0);
}

/*
 * keep_person(value anyelement, relation oid, attnum integer, subject "any",
 *			   birthday "any", proof checked) RETURNS anyelement
 */
PG_FUNCTION_INFO_V1(cipguard_keep_person);
Datum
cipguard_keep_person(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_ARGISNULL(1) ? InvalidOid : PG_GETARG_OID(1);
	AttrNumber	attnum = PG_ARGISNULL(2) ? InvalidAttrNumber :
	(AttrNumber) PG_GETARG_INT32(2);
	const CgProtection *p = OidIsValid(relid) ? cg_protection(relid) : NULL;
	CgRowGate  *gate = fcinfo->flinfo->fn_extra;
	const NullableDatum *old;
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	CgSubject	subject;
	bool		known;
	int			birthday;
	CgReason	reason;
	int16		len;
	bool		by_value;

	if (p != NULL && !(superuser() && !check_function_bodies))
	{
		old = &fcinfo->args[attnum == p->subject ? 3 : 4];
		get_typlenbyval(type, &len, &by_value);
		if (old->isnull != PG_ARGISNULL(0) ||
			(!old->isnull && !datum_image_eq(old->value, PG_GETARG_DATUM(0),
											 by_value, len)))
		{
			if (gate == NULL)
			{
				fcinfo->flinfo->fn_extra = gate =
					cg_row_gate(fcinfo->flinfo->fn_mcxt, relid, 0);
				cg_row_gate_types(gate,
								  get_fn_expr_argtype(fcinfo->flinfo, 3),
								  get_fn_expr_argtype(fcinfo->flinfo, 4));
			}
			cg_listen_now();
			gate->all |= CG_ASKS_BIRTHDAY;
			known = cg_row_gate_subject(gate, &fcinfo->args[3], &subject);
			birthday = cg_row_gate_birthday(gate, &fcinfo->args[4]);
			reason = closed_by(p, attnum, known ? &subject : NULL, birthday);
			if (reason != CG_GRANTED)
			{
				const CgCondition *c = cg_condition(reason);

				cg_event_refused(psprintf("changing whom a row is about: %s",
										  c->word), relid);
				ereport(ERROR,
						(errcode(c->sqlstate),
						 errmsg("cannot change column \"%s\" of a row that is withheld",
								get_attname(relid, attnum, false)),
						 errdetail("Personal data %s.", c->message),
						 reason == CG_RESTRICTED ? errhint("%s", c->remedy) :
						 errhint("Let somebody do so who cannot read the table.")));
			}
		}
	}
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

static CgReason
closed_by(const CgProtection *p, AttrNumber attnum, const CgSubject *subject,
		  int birthday)
{
	bool		restricts = attnum == p->subject && cg_any_restricted();
	int			i;
	int			k;

	if (restricts && subject != NULL && cg_is_restricted(subject))
		return CG_RESTRICTED;
	for (i = 1; i <= p->natts; i++)
	{
		const CgProtectedColumn *column = cg_protected_column(p, i);

		for (k = 0; column != NULL && k < column->n_needs; k++)
		{
			int32		category = column->needs[k];
			CgReason	reason;

			if (!could_read(p, category))
				continue;
			if (restricts && subject == NULL)
				return CG_SUBJECT_UNKNOWN;
			reason = closed_in(category, p->relid, subject, birthday);

			/* Another age opens only what an age closes. */
			if (reason != CG_GRANTED &&
				(attnum == p->subject ? reason != CG_MINOR :
				 closed_in(category, p->relid, subject,
						   SOMEBODY_OLD) == CG_GRANTED))
				return reason;
		}
	}
	return CG_GRANTED;
}

/* By a grant that has not ended, of any of his roles, for any purpose. */
static bool
could_read(const CgProtection *p, int32 category)
{
	int			n;
	const CgGrant *grants = cg_grants(&n);
	Oid			login = GetAuthenticatedUserId();
	int			i;

	for (i = 0; i < n; i++)
		if (grants[i].category == category &&
			grants[i].level == CG_LEVEL_READ &&
			(!OidIsValid(grants[i].relation) ||
			 grants[i].relation == p->relid) &&
			cg_access_now() < grants[i].valid_until &&
			(is_member_of_role_nosuper(GetUserId(), grants[i].grantee) ||
			 (OidIsValid(login) &&
			  is_member_of_role_nosuper(login, grants[i].grantee))))
			return true;
	return false;
}

static CgReason
closed_in(int32 category, Oid relid, const CgSubject *subject, int birthday)
{
	CgAsk		ask = {.user = GetUserId(),.category = category,
		.relation = relid,.now = cg_access_now(),.subject = subject,
	.birthday = birthday,.minors = cg_access_minors(category, relid)};
	CgAnswer	answer = {DT_NOBEGIN, DT_NOEND, NULL};
	int64		activity = 0;

	if (!cg_condition_met(CG_MINOR, &ask, &answer))
		return CG_MINOR;
	while ((activity = cg_activity_with_consent(category, activity)) != 0)
		if (!cg_consent_covers(activity, &ask, &answer))
			return CG_NO_CONSENT;
	return CG_GRANTED;
}

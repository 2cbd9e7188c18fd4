/*
 * row_gate.c
 *		Conditions of a row: may this value of this person be given?
 *
 * A column may need several categories (generated columns, composites); then
 * each is asked, and the first reason counts.  The last verdict of each
 * category is remembered, not by call site but by question, so that the
 * second column of a row, and what a predicate has asked before, cost a
 * comparison.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "compat.h"

#include "access.h"
#include "budget.h"
#include "budget_slot.h"
#include "crypt.h"
#include "display.h"
#include "enc_type.h"
#include "minor.h"
#include "person.h"
#include "row_gate.h"
#include "subject_key.h"

#define MAX_TEXT	64			/* longer subjects are asked again */
#define NUM_RECENT	16

/* A question about a person, and its answer. */
typedef struct CgRowVerdict
{
	Oid			user;
	Oid			relid;
	int32		category;
	TimestampTz now;
	uint64		epoch;
	CgRowConditions conditions;
	bool		known;
	bool		is_number;
	int64		number;
	Size		len;
	char		text[MAX_TEXT];
	int			birthday;
	CgReason	reason;
} CgRowVerdict;

static bool open_subject(Datum value, CgSubject *subject);
static void judge(CgRowGate *g);
static CgReason decide(const CgRowGate *g, int need, CgRowConditions conditions,
					   const CgSubject *subject, int birthday);
static bool asks_nothing(int32 category, Oid relation, Oid user);
static bool is_about(const CgRowVerdict *v, const CgSubject *subject);

static CgRowVerdict recent[NUM_RECENT];

static CgRowGate *
new_gate(MemoryContext context, Oid relid, int n)
{
	CgRowGate  *g = MemoryContextAllocZero(context, sizeof(CgRowGate));

	g->relid = relid;
	g->n = n;
	g->categories = MemoryContextAllocZero(context, sizeof(int32) * (n + 1));
	g->conditions = MemoryContextAllocZero(context,
										   sizeof(CgRowConditions) * (n + 1));
	g->minors = MemoryContextAllocZero(context, n + 1);
	return g;
}

CgRowGate *
cg_row_gate(MemoryContext context, Oid relid, AttrNumber attnum)
{
	const CgProtection *p = cg_protection(relid);
	CgRowGate  *g;
	int			first = attnum > 0 ? attnum : 1;
	int			last;
	int			n = 0;
	int			i;

	if (p == NULL)
		return new_gate(context, relid, 0);
	last = attnum > 0 ? attnum : p->natts;
	for (i = first; i <= last; i++)
		if (cg_protected_column(p, i) != NULL)
			n += cg_protected_column(p, i)->n_needs;
	g = new_gate(context, relid, n);
	g->n = 0;
	for (i = first; i <= last; i++)
	{
		const CgProtectedColumn *column = cg_protected_column(p, i);
		int			k;

		for (k = 0; column != NULL && k < column->n_needs; k++)
		{
			int			j;

			for (j = 0; j < g->n; j++)
				if (g->categories[j] == column->needs[k])
					break;
			if (j == g->n)
				g->categories[g->n++] = column->needs[k];
		}
	}
	return g;
}

CgRowGate *
cg_row_gate_of(MemoryContext context, Oid relid, int32 category)
{
	CgRowGate  *g = new_gate(context, relid, 1);

	g->categories[0] = category;
	return g;
}

void
cg_row_gate_types(CgRowGate *g, Oid subject, Oid birthday)
{
	Oid			out;
	bool		varlena;

	g->subject_type = g->birthday_type = InvalidOid;
	if (OidIsValid(birthday) && birthday != UNKNOWNOID)
	{
		AttrNumber	attnum = cg_birthday_column(g->relid);
		const CgProtection *p = cg_protection(g->relid);
		const CgProtectedColumn *column = p == NULL ? NULL :
		cg_protected_column(p, attnum);

		g->birthday_category = column == NULL ? -1 : column->category;
		g->birthday_type = getBaseType(birthday);
	}
	if (!OidIsValid(subject))
		return;
	subject = getBaseType(subject);
	g->subject_encrypted = cg_enc_type_of(subject) != NULL;
	if (subject != INT2OID && subject != INT4OID && subject != INT8OID &&
		subject != TEXTOID && subject != VARCHAROID)
	{
		getTypeOutputInfo(subject, &out, &varlena);
		fmgr_info_cxt(out, &g->subject_out, GetMemoryChunkContext(g));
	}
	g->subject_type = subject;
}

CgRowConditions
cg_row_gate_check(CgRowGate *g)
{
	if (unlikely(g->user != GetUserId() || g->now != cg_access_now() ||
				 g->epoch != cg_access_epoch()))
		judge(g);
	return g->all;
}

static void
judge(CgRowGate *g)
{
	int			i;

	g->all = 0;
	g->reported = 0;
	for (i = 0; i < g->n; i++)
	{
		g->conditions[i] = cg_access_row_conditions(g->categories[i],
													g->relid);
		g->minors[i] = cg_access_minors(g->categories[i], g->relid);
		g->all |= g->conditions[i];
	}
	g->free_epoch = g->limited_epoch = 0;
	g->purse = NULL;
	g->user = GetUserId();
	g->now = cg_access_now();
	g->epoch = cg_access_epoch();
}

bool
cg_row_gate_subject(CgRowGate *g, const NullableDatum *value,
					CgSubject *subject)
{
	text	   *string;
	char	   *out;

	if (value == NULL || value->isnull || !OidIsValid(g->subject_type))
		return false;
	subject->is_number = true;
	switch (g->subject_type)
	{
		case INT8OID:
			subject->number = DatumGetInt64(value->value);
			return true;
		case INT4OID:
			subject->number = DatumGetInt32(value->value);
			return true;
		case INT2OID:
			subject->number = DatumGetInt16(value->value);
			return true;
		case TEXTOID:
		case VARCHAROID:
			string = DatumGetTextPP(value->value);
			cg_subject_from_text(VARDATA_ANY(string),
								 VARSIZE_ANY_EXHDR(string), subject);
			return true;
		default:
			if (g->subject_encrypted)
				return open_subject(value->value, subject);
			out = OutputFunctionCall(&g->subject_out, value->value);
			cg_subject_from_text(out, strlen(out), subject);
			return true;
	}
}

/* Its output would be armor.  Of whom a mask or noise is, nobody knows. */
static bool
open_subject(Datum value, CgSubject *subject)
{
	struct varlena *datum = PG_DETOAST_DATUM_PACKED(value);
	CgEnvelope	env;
	char	   *plain;
	Size		len;

	if (cg_is_display(datum))
		return false;
	cg_parse(datum, &env);
	if (cg_is_destroyed(&env))
		return false;
	plain = cg_open(&env, &len);
	cg_subject_from_text(plain, len, subject);
	return true;
}

/* A text that is how a number is printed is that number. */
void
cg_subject_from_text(const char *text, Size len, CgSubject *subject)
{
	Size		i = len > 0 && text[0] == '-' ? 1 : 0;
	Size		first = i;
	int64		number = 0;

	subject->is_number = false;
	subject->number = 0;
	subject->text = text;
	subject->len = len;
	if (i == len || (text[i] == '0' && len > 1))
		return;
	for (; i < len; i++)
		if (text[i] < '0' || text[i] > '9' ||
			pg_mul_s64_overflow(number, 10, &number) ||
			(first == 0 ?
			 pg_add_s64_overflow(number, text[i] - '0', &number) :
			 pg_sub_s64_overflow(number, text[i] - '0', &number)))
			return;
	subject->is_number = true;
	subject->number = number;
}

CgReason
cg_row_gate_ask(CgRowGate *g, const NullableDatum *subject,
				const NullableDatum *birthday)
{
	CgSubject	person;

	if (!cg_row_gate_subject(g, subject, &person))
		return cg_row_gate_decide(g, g->all, NULL, 0);
	return cg_row_gate_decide(g, g->all, &person,
							  cg_row_gate_birthday(g, birthday));
}

int
cg_row_gate_birthday(CgRowGate *g, const NullableDatum *birthday)
{
	if ((g->all & CG_ASKS_BIRTHDAY) == 0 || birthday == NULL ||
		birthday->isnull || !OidIsValid(g->birthday_type))
		return 0;
	return cg_birthday_of(g->birthday_category, g->birthday_type,
						  birthday->value);
}

CgReason
cg_row_gate_decide(CgRowGate *g, CgRowConditions conditions,
				   const CgSubject *subject, int birthday)
{
	int			i;

	for (i = 0; i < g->n; i++)
	{
		CgRowConditions asked = g->conditions[i] & conditions;
		CgReason	reason;

		if (asked == 0)
			continue;
		reason = decide(g, i, asked, subject, birthday);
		if (reason != CG_GRANTED)
			return reason;
	}
	return CG_GRANTED;
}

static CgReason
decide(const CgRowGate *g, int need, CgRowConditions conditions,
	   const CgSubject *subject, int birthday)
{
	int32		category = g->categories[need];
	CgRowVerdict *v = &recent[(uint32) category % NUM_RECENT];
	CgAsk		ask;
	CgReason	reason;

	if (v->category == category && v->relid == g->relid &&
		v->user == g->user && v->now == g->now && v->epoch == g->epoch &&
		v->conditions == conditions && v->birthday == birthday &&
		is_about(v, subject))
		return v->reason;

	memset(&ask, 0, sizeof(ask));
	ask.user = g->user;
	ask.category = category;
	ask.relation = g->relid;
	ask.now = g->now;
	ask.subject = subject;
	ask.birthday = birthday;
	ask.minors = g->minors[need];
	reason = cg_decide_row(conditions, &ask);

	v->epoch = 0;
	if (subject != NULL && !subject->is_number && subject->len > MAX_TEXT)
		return reason;
	v->user = g->user;
	v->relid = g->relid;
	v->category = category;
	v->now = g->now;
	v->conditions = conditions;
	v->birthday = birthday;
	v->known = subject != NULL;
	v->is_number = subject != NULL && subject->is_number;
	v->number = v->is_number ? subject->number : 0;
	v->len = 0;
	if (subject != NULL && !subject->is_number)
	{
		v->len = subject->len;
		memcpy(v->text, subject->text, subject->len);
	}
	v->reason = reason;
	v->epoch = g->epoch;
	return reason;
}

static bool
is_about(const CgRowVerdict *v, const CgSubject *subject)
{
	if (subject == NULL || !v->known)
		return subject == NULL && !v->known;
	if (v->is_number || subject->is_number)
		return v->is_number && subject->is_number &&
			v->number == subject->number;
	return v->len == subject->len &&
		memcmp(v->text, subject->text, v->len) == 0;
}

void
cg_row_gate_report(CgRowGate *g, CgReason reason)
{
	int			i;

	if ((g->reported & (1 << reason)) != 0)
		return;
	g->reported |= 1 << reason;
	for (i = 0; i < g->n; i++)
		if ((g->conditions[i] & (1 << reason)) != 0)
		{
			cg_report_refusal(g->categories[i], g->relid, reason);
			return;
		}
}

bool
cg_row_gate_charge(CgRowGate *g)
{
	uint64		epoch = cg_access_epoch();
	int			i;

	if (g->limited_epoch == epoch && g->purse != NULL &&
		g->purse->serial == g->purse_serial && cg_budget_pay(g->purse, 1))
		return true;
	if (g->limited_epoch != epoch)
	{
		for (i = 0; i < g->n; i++)
			if (!cg_budget_is_free(g->categories[i], g->relid))
				break;
		if (i == g->n)
		{
			g->free_epoch = epoch;
			return true;
		}
		g->limited_epoch = epoch;
	}
	for (i = 0; i < g->n; i++)
		if (!cg_budget_spend(g->categories[i], g->relid, 1))
			return false;
	if (g->n == 1)
	{
		g->purse = cg_budget_purse(g->categories[0], g->relid);
		g->purse_serial = g->purse == NULL ? 0 : g->purse->serial;
	}
	return true;
}

void
cg_row_gate_canary(CgRowGate *g, const CgSubject *subject)
{
	int			i;

	for (i = 0; subject != NULL && i < g->n; i++)
		cg_canary_disclosed(g->categories[i], g->relid, subject);
}

CgRowConditions
cg_column_row_conditions(const CgProtection *p, AttrNumber attnum)
{
	const CgProtectedColumn *column = cg_protected_column(p, attnum);
	CgRowConditions result = 0;
	int			i;

	for (i = 0; column != NULL && i < column->n_needs; i++)
		result |= cg_access_row_conditions(column->needs[i], p->relid);
	return result;
}

bool
cg_has_row_conditions(const CgProtection *p)
{
	int			i;

	for (i = 1; i <= p->natts; i++)
		if (cg_column_row_conditions(p, i) != 0)
			return true;
	return false;
}

bool
cg_reads_freely(const CgProtection *p, Oid user)
{
	Oid			current;
	int			context;
	bool		result;
	int			i;
	int			k;

	GetUserIdAndSecContext(&current, &context);
	SetUserIdAndSecContext(user, context);
	result = cg_reads_all(p);
	SetUserIdAndSecContext(current, context);
	for (i = 1; result && i <= p->natts; i++)
	{
		const CgProtectedColumn *column = cg_protected_column(p, i);

		for (k = 0; result && column != NULL && k < column->n_needs; k++)
			result = asks_nothing(column->needs[k], p->relid, user);
	}
	return result;
}

bool
cg_reads_category_freely(int32 category, Oid relation)
{
	return cg_access_open(category, relation) &&
		asks_nothing(category, relation, GetUserId());
}

/* No conditions of a row, no budget, no row limit. */
static bool
asks_nothing(int32 category, Oid relation, Oid user)
{
	CgAccess	access;

	cg_access_judge(user, category, relation, cg_access_now(), &access);
	return access.rows == 0 && access.n_limits == 0 &&
		cg_budget_is_unlimited(category, user);
}

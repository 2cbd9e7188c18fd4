/*
 * held.c
 *		What cursors hold: values that were given before they are fetched.
 *
 * A value is asked for when its door gives it.  But a plan that sorts, groups
 * or hashes what a door gave, and a cursor WITH HOLD, has many of them before
 * the first is fetched; and by the next FETCH a grant may be revoked, consent
 * be withdrawn, or another user act.  So it is noted of such cursors what was
 * given while they ran, of whom; and before each FETCH it is asked for again:
 * the conditions of a statement always, those of persons if any register or
 * the user has changed.  Under the purpose that was stated then, since that of
 * a transaction ends with it.  The answer is an error, not a mask.
 *
 * Doors whose rows leave the plan one by one need none of this.  Where a door
 * does not know the person, since rows are merged below it, a gate does that
 * they have passed (plan_gate.c); without one the cursor is stopped when any
 * condition of persons comes into force.
 */
#include "postgres.h"

#include "access/transam.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"
#include "tcop/pquery.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "compat.h"

#include "access.h"
#include "catalog.h"
#include "category.h"
#include "event.h"
#include "guc.h"
#include "held.h"
#include "plan_functions.h"
#include "row_gate.h"

#define MAX_DOORS	64
#define MAX_PERSONS	65536		/* then it is not known whose values they are */

/* For what and as whom values were given. */
typedef struct CgHeldDoor
{
	Oid			user;
	int32		category;
	Oid			relation;
	char	   *purpose;
	bool		adults;			/* only, by the age that the row told */
} CgHeldDoor;

typedef struct CgHeldPerson
{
	int			door;
	bool		known;
	CgSubject	subject;
} CgHeldPerson;

struct CgHeld
{
	Portal		portal;
	MemoryContext context;		/* the portal's */
	bool		scrolls;		/* holds only what was fetched already */
	Oid			user;			/* who ran it first */
	Oid			asked_for;		/* the last who was asked about, */
	uint64		asked_at;		/* and the state of rights then */
	CgHeldDoor	doors[MAX_DOORS];
	int			n_doors;
	CgHeldPerson *persons;
	int			n_persons;
	int			max_persons;
	bool		many;			/* more than are noted */
};

static bool gives_again(MaterialState *top, ScanDirection direction);
static CgHeld *held_of(Portal portal);
static CgHeld *hold(Portal portal);
static void forget(void *arg);
static bool holds_values(PlanState *node, void *below);
static bool is_blocking(PlanState *node);
static bool has_door(Node *node, void *context);
static int	door_of(CgHeld *held, const CgRowGate *gate, int need);
static CgReason ask(CgHeld *held, Oid user, const CgHeldDoor **at);
static CgReason ask_under_purpose(CgHeld *held, int door, Oid user,
								  bool changed);
static CgReason ask_door(CgHeld *held, int number, Oid user, bool changed);
pg_noreturn static void refuse(const CgHeldDoor *door, CgReason reason);

CgHeld	   *cg_holding = NULL;

static List *cursors = NIL;		/* CgHeld, in the contexts of their portals */

void
cg_held_run(QueryDesc *queryDesc, ScanDirection direction, uint64 count)
{
	Portal		portal = ActivePortal;
	PlanState  *top = queryDesc->planstate;
	bool		below = false;
	CgHeld	   *held;

	/* What a function in it runs gives values to the same cursor. */
	if (portal == NULL || portal->queryDesc != queryDesc)
		return;
	cg_holding = NULL;
	held = held_of(portal);
	if (held != NULL && portal->holdStore == NULL)
	{
		if (!held->scrolls || gives_again((MaterialState *) top, direction))
			cg_held_check(portal);
	}
	else if (held == NULL && (portal->name[0] != '\0' || count != 0) &&
			 (portal->holdStore != NULL || holds_values(top, &below)))
	{
		held = hold(portal);
		held->scrolls = portal->holdStore == NULL &&
			IsA(top, MaterialState) &&
			!holds_values(outerPlanState(top), &below);
	}
	cg_holding = held;
}

/*
 * What stands on top for a cursor to go back keeps what it gave, and asks for
 * a row at a time when it is at the end of that.
 */
static bool
gives_again(MaterialState *top, ScanDirection direction)
{
	return top->tuplestorestate != NULL &&
		(ScanDirectionIsBackward(direction) ||
		 !tuplestore_ateof(top->tuplestorestate));
}

static CgHeld *
held_of(Portal portal)
{
	ListCell   *lc;

	foreach(lc, cursors)
		if (((CgHeld *) lfirst(lc))->portal == portal)
		return lfirst(lc);
	return NULL;
}

static CgHeld *
hold(Portal portal)
{
	MemoryContext context = portal->portalContext;
	MemoryContextCallback *callback;
	MemoryContext old;
	CgHeld	   *held;

	held = MemoryContextAllocZero(context, sizeof(CgHeld));
	held->portal = portal;
	held->context = context;
	held->user = held->asked_for = GetUserId();
	held->asked_at = cg_access_generation;
	callback = MemoryContextAlloc(context, sizeof(MemoryContextCallback));
	callback->func = forget;
	callback->arg = held;
	old = MemoryContextSwitchTo(TopMemoryContext);
	cursors = lappend(cursors, held);
	MemoryContextSwitchTo(old);
	MemoryContextRegisterResetCallback(context, callback);
	return held;
}

static void
forget(void *arg)
{
	cursors = list_delete_ptr(cursors, arg);
	if (cg_holding == arg)
		cg_holding = NULL;
}

/* Does a door stand below a node that reads ahead?  *below: is this below? */
static bool
holds_values(PlanState *node, void *below)
{
	bool		inside = *(bool *) below;

	if (node == NULL)
		return false;
	if (inside && (has_door((Node *) node->plan->targetlist, NULL) ||
				   has_door((Node *) node->plan->qual, NULL)))
		return true;
	if (IsA(node, FunctionScanState) &&
		has_door((Node *) ((FunctionScan *) node->plan)->functions, NULL))
		return true;
	inside = inside || is_blocking(node);
	return planstate_tree_walker(node, holds_values, &inside);
}

static bool
is_blocking(PlanState *node)
{
	switch (nodeTag(node))
	{
		case T_SortState:
		case T_IncrementalSortState:
		case T_AggState:
		case T_WindowAggState:
		case T_SetOpState:
		case T_HashState:
		case T_MaterialState:
		case T_MemoizeState:
		case T_RecursiveUnionState:
		case T_CteScanState:
		case T_GatherState:
		case T_GatherMergeState:
		case T_ModifyTableState:
			return true;
		default:
			return node->initPlan != NIL || node->subPlan != NIL;
	}
}

/* Functions of others may have doors inside; of ours, two have. */
static bool
has_door(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr))
	{
		Oid			func = ((FuncExpr *) node)->funcid;

		if (func >= FirstNormalObjectId &&
			(get_func_namespace(func) != cg_schema_oid() ||
			 func == cg_plan_functions->disclose_value ||
			 func == cg_plan_functions->disclose_row ||
			 func == cg_plan_functions->disclose_text ||
			 func == cg_plan_functions->disclose_text_row ||
			 cg_type_call(func, NULL) == CG_CALL_DISCLOSE))
			return true;
	}
	return expression_tree_walker(node, has_door, context);
}

void
cg_held_note(const struct CgRowGate *gate, const CgSubject *subject)
{
	CgHeld	   *held = cg_holding;
	int			i;

	for (i = 0; i < gate->n; i++)
	{
		int			door = door_of(held, gate, i);
		CgHeldPerson *person;

		if (door < 0 || held->n_persons == MAX_PERSONS)
		{
			held->many = true;
			return;
		}
		if (held->n_persons == held->max_persons)
		{
			held->max_persons = Max(64, held->max_persons * 2);
			held->persons = held->persons == NULL ?
				MemoryContextAlloc(held->context, held->max_persons *
								   sizeof(CgHeldPerson)) :
				repalloc(held->persons, held->max_persons *
						 sizeof(CgHeldPerson));
		}
		person = &held->persons[held->n_persons++];
		memset(person, 0, sizeof(CgHeldPerson));
		person->door = door;
		person->known = subject != NULL;
		if (subject == NULL)
			continue;
		person->subject = *subject;
		if (subject->is_number)
			person->subject.text = NULL;
		else
			person->subject.text =
				memcpy(MemoryContextAlloc(held->context, subject->len + 1),
					   subject->text, subject->len);
	}
}

/* -1: there are too many. */
static int
door_of(CgHeld *held, const CgRowGate *gate, int need)
{
	const char *purpose = cg_purpose == NULL ? "" : cg_purpose;
	bool		adults = (gate->conditions[need] & (1 << CG_MINOR)) != 0 &&
	!gate->minors[need];
	CgHeldDoor *door;
	int			i;

	for (i = 0; i < held->n_doors; i++)
	{
		door = &held->doors[i];
		if (door->user == GetUserId() && door->relation == gate->relid &&
			door->category == gate->categories[need] &&
			door->adults == adults && strcmp(door->purpose, purpose) == 0)
			return i;
	}
	if (held->n_doors == MAX_DOORS)
		return -1;
	door = &held->doors[held->n_doors];
	door->user = GetUserId();
	door->category = gate->categories[need];
	door->relation = gate->relid;
	door->purpose = MemoryContextStrdup(held->context, purpose);
	door->adults = adults;
	return held->n_doors++;
}

void
cg_held_check(Portal portal)
{
	CgHeld	   *held = held_of(portal);
	const CgHeldDoor *door;
	CgReason	reason;

	if (held == NULL)
		return;
	cg_access_tick();
	reason = ask(held, GetUserId(), &door);
	if (reason != CG_GRANTED)
		refuse(door, reason);
}

bool
cg_held_is_lost(Portal portal)
{
	CgHeld	   *held = held_of(portal);
	const CgHeldDoor *door;

	return held != NULL && ask(held, held->user, &door) != CG_GRANTED;
}

/* Which condition does a user not meet, and at which door? */
static CgReason
ask(CgHeld *held, Oid user, const CgHeldDoor **at)
{
	bool		changed = held->asked_for != user ||
	held->asked_at != cg_access_generation;
	uint64		now = cg_access_generation;
	int			i;

	for (i = 0; i < held->n_doors; i++)
	{
		CgReason	reason = ask_under_purpose(held, i, user, changed);

		*at = &held->doors[i];
		if (reason != CG_GRANTED)
			return reason;
	}
	held->asked_for = user;
	held->asked_at = now;
	return CG_GRANTED;
}

static CgReason
ask_under_purpose(CgHeld *held, int door, Oid user, bool changed)
{
	char	   *stated = cg_purpose;
	CgReason	reason = CG_GRANTED;

	if (strcmp(stated == NULL ? "" : stated, held->doors[door].purpose) == 0)
		return ask_door(held, door, user, changed);
	cg_purpose = held->doors[door].purpose;
	cg_guc_generation++;
	PG_TRY();
	{
		reason = ask_door(held, door, user, changed);
	}
	PG_FINALLY();
	{
		cg_purpose = stated;
		cg_guc_generation++;
	}
	PG_END_TRY();
	return reason;
}

static CgReason
ask_door(CgHeld *held, int number, Oid user, bool changed)
{
	const CgHeldDoor *door = &held->doors[number];
	CgReason	reason = CG_GRANTED;
	CgAccess	access;
	CgAsk		ask = {0};
	int			i;

	/* What functions of others gave is theirs to give. */
	ask.user = door->user == held->user ? user : door->user;
	ask.category = door->category;
	ask.relation = door->relation;
	ask.now = cg_access_now();
	cg_access_judge(ask.user, ask.category, ask.relation, ask.now, &access);
	if (access.no_read != CG_GRANTED)
		return access.no_read;
	ask.minors = access.minors;

	/* Who was of age still is. */
	if (door->adults)
		access.rows &= ~(1 << CG_MINOR);
	if (!changed || access.rows == 0)
		return CG_GRANTED;
	for (i = 0; reason == CG_GRANTED && i < held->n_persons; i++)
	{
		const CgHeldPerson *person = &held->persons[i];

		CHECK_FOR_INTERRUPTS();
		ask.subject = person->known ? &person->subject : NULL;
		if (person->door == number)
			reason = cg_decide_row(access.rows, &ask);
	}
	return reason == CG_GRANTED && held->many ? CG_SUBJECT_UNKNOWN : reason;
}

static void
refuse(const CgHeldDoor *door, CgReason reason)
{
	const CgCategory *c = cg_category_by_id(door->category, true);

	if (reason != CG_NO_GRANT)
		cg_raise_refusal(door->category, door->relation, reason, "fetching");
	cg_event_refused("fetching what a cursor holds", door->relation);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to fetch values of category \"%s\"",
					c ? NameStr(c->name) : "?"),
			 errdetail("The cursor holds what was read before.")));
}

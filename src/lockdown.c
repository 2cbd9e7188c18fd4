/*
 * lockdown.c
 *		Lockdowns: nobody reads, whatever the grants.
 *
 * A lockdown is a row of cipguard.lockdown.  It is in force from the commit of
 * its transaction on, in every session and on every standby, and survives a
 * restart, since it is a row like any other.  The news of the commit comes as
 * an invalidation; whoever gives plaintext listens for it before each value
 * (cg_listen()).
 *
 * It binds everybody: officers, owners, superusers, and whoever was granted
 * access in an emergency.  A lockdown of a role binds those who are members
 * of it by any path, also when they act as somebody else.
 *
 * A lockdown of a table closes it together with the tables below, whose rows
 * it shows, and the tables above, which show its own.  Which were below is
 * kept with it, so that detaching a partition opens nothing.  Where it is not
 * known what table a value is from, as in the output functions of the types,
 * all categories of the table are closed.
 *
 * What is not closed is ciphertext: dumps, replication, rotation of keys and
 * backups go on.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/scansup.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "compat.h"

#include "access.h"
#include "acting.h"
#include "alert.h"
#include "audit_store.h"
#include "catalog.h"
#include "category.h"
#include "cipguard.h"
#include "event.h"
#include "inval.h"
#include "label.h"
#include "listen.h"
#include "lockdown.h"
#include "protect.h"

/* Columns of cipguard.lockdown, in the order of sql/parts/47_lockdown.sql. */
enum
{
	COL_ID = 1,
	COL_SCOPE,
	COL_CATEGORY,
	COL_RELATIONS,
	COL_ROLE,
	COL_REASON,
	COL_LOCKED_BY,
	COL_LOCKED_AT,
	COL_LIFT_REQUEST,
	COL_LIFTED_AT
};
#define NUM_COLS COL_LIFTED_AT

typedef struct CgLockdown
{
	int64		id;
	bool		all;
	Oid			role;			/* InvalidOid: not of a role */
	List	   *relations;		/* the table, those below, those above */
	List	   *categories;		/* (int32) of the scope, or of the tables */
} CgLockdown;

static void load(void);
static void read_row(Relation rel, HeapTuple tuple);
static void add_tree(CgLockdown *l, Oid relid);
static void add_categories(CgLockdown *l, Oid relid);
static void relation_changed(Datum arg, Oid relid);
static bool binds(const CgLockdown *l, Oid user);
static const CgLockdown *find(Oid user, int32 category, Oid relation);
static char *scope_word(char **rest);
static Oid	named_relation(char *name);
static char *relation_list(Oid relid);
static Oid	named_role(char *name);

static CgWatch watch = {.relname = "lockdown",.natts = NUM_COLS};
static uint64 loaded_generation = 0;
static MemoryContext lockdown_context = NULL;
static List *lockdowns = NIL;	/* in force */
static bool any_relation = false;	/* is one of them of a table? */

void
cg_lockdown_init(void)
{
	cg_watch_access(&watch);
	cg_on_relcache(relation_changed);
	cg_lockdown_run_init();
}

/* ---------- what is in force ---------- */

/*
 * What belongs to a table that is locked down may have changed: labels,
 * types, partitions.
 */
static void
relation_changed(Datum arg, Oid relid)
{
	if (any_relation && (!OidIsValid(relid) || relid >= FirstNormalObjectId) &&
		loaded_generation == watch.generation)
	{
		watch.generation++;
		cg_access_generation++;
	}
}

static inline void
refresh(void)
{
	if (unlikely(loaded_generation != watch.generation))
		load();
}

static void
load(void)
{
	uint64		generation = watch.generation;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	MemoryContext old;

	if (lockdown_context == NULL)
		lockdown_context = AllocSetContextCreate(CacheMemoryContext,
												 "cipguard lockdowns",
												 ALLOCSET_SMALL_SIZES);
	loaded_generation = 0;
	lockdowns = NIL;
	any_relation = false;
	MemoryContextReset(lockdown_context);
	rel = cg_watch_open(&watch);
	if (rel != NULL)
	{
		scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
		old = MemoryContextSwitchTo(lockdown_context);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
			read_row(rel, tuple);
		MemoryContextSwitchTo(old);
		systable_endscan(scan);
		table_close(rel, AccessShareLock);
	}
	loaded_generation = generation;
}

static void
read_row(Relation rel, HeapTuple tuple)
{
	Datum		values[NUM_COLS];
	bool		nulls[NUM_COLS];
	CgLockdown *l;

	heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
	if (!nulls[COL_LIFTED_AT - 1])
		return;
	l = palloc0(sizeof(CgLockdown));
	l->id = DatumGetInt64(values[COL_ID - 1]);
	l->all = strcmp(TextDatumGetCString(values[COL_SCOPE - 1]), "all") == 0;
	if (!nulls[COL_ROLE - 1])
		l->role = DatumGetObjectId(values[COL_ROLE - 1]);
	if (!nulls[COL_CATEGORY - 1])
		l->categories =
			list_make1_int(cg_name_hash(TextDatumGetCString(values[COL_CATEGORY - 1])));
	if (!nulls[COL_RELATIONS - 1])
	{
		Datum	   *relids;
		int			n;
		int			i;

		deconstruct_array(DatumGetArrayTypeP(values[COL_RELATIONS - 1]),
						  REGCLASSOID, sizeof(Oid), true, TYPALIGN_INT,
						  &relids, NULL, &n);
		/* From now on changes count that are made while this reads. */
		any_relation = true;
		for (i = 0; i < n; i++)
			add_tree(l, DatumGetObjectId(relids[i]));
	}
	lockdowns = lappend(lockdowns, l);
}

static void
add_tree(CgLockdown *l, Oid relid)
{
	List	   *below;
	ListCell   *lc;

	if (get_rel_relkind(relid) == '\0')
		return;					/* dropped since */
	below = find_all_inheritors(relid, NoLock, NULL);
	foreach(lc, below)
		add_categories(l, lfirst_oid(lc));
	l->relations = list_concat_unique_oid(l->relations, below);
	l->relations = list_concat_unique_oid(l->relations, cg_ancestors(relid));
}

static void
add_categories(CgLockdown *l, Oid relid)
{
	const CgProtection *p = cg_protection(relid);
	int			i;
	int			k;

	for (i = 1; p != NULL && i <= p->natts; i++)
	{
		const CgProtectedColumn *column = cg_protected_column(p, i);

		for (k = 0; column != NULL && k < column->n_needs; k++)
			l->categories = list_append_unique_int(l->categories,
												   column->needs[k]);
	}
}

/* Whoever logged in is bound whatever role he acts as. */
static bool
binds(const CgLockdown *l, Oid user)
{
	return !OidIsValid(l->role) ||
		is_member_of_role_nosuper(user, l->role) ||
		(user == GetUserId() &&
		 is_member_of_role_nosuper(GetAuthenticatedUserId(), l->role));
}

static const CgLockdown *
find(Oid user, int32 category, Oid relation)
{
	ListCell   *lc;

	foreach(lc, lockdowns)
	{
		const CgLockdown *l = lfirst(lc);

		if (l->all)
			return l;
		if (OidIsValid(l->role))
		{
			if (binds(l, user))
				return l;
		}
		else if (l->relations == NIL || !OidIsValid(relation) ?
				 list_member_int(l->categories, category) :
				 list_member_oid(l->relations, relation))
			return l;
	}
	return NULL;
}

bool
cg_lockdown_applies(const CgAsk *ask)
{
	refresh();
	return lockdowns != NIL;
}

bool
cg_lockdown_met(const CgAsk *ask, CgAnswer *answer)
{
	const CgLockdown *l = find(ask->user, ask->category, ask->relation);

	if (l != NULL && ask->explain)
		answer->detail = psprintf("Lockdown " INT64_FORMAT " is in force.",
								  l->id);
	return l == NULL;
}

bool
cg_is_locked_down(int32 category, Oid relation)
{
	refresh();
	return lockdowns != NIL && find(GetUserId(), category, relation) != NULL;
}

bool
cg_any_lockdown(void)
{
	refresh();
	return lockdowns != NIL;
}

bool
cg_stored_locked_down(const CgProtection *p)
{
	ListCell   *lc;
	int			i;
	int			k;

	refresh();
	if (lockdowns == NIL)
		return false;
	foreach(lc, lockdowns)
	{
		const CgLockdown *l = lfirst(lc);

		if (OidIsValid(l->role) && binds(l, GetUserId()))
			return true;
	}
	if (has_bypassrls_privilege(GetUserId()))
		return false;			/* superusers have it */
	for (i = 0; i < p->natts; i++)
		for (k = 0; p->columns[i] != NULL && k < p->columns[i]->n_needs; k++)
			if (cg_is_locked_down(p->columns[i]->needs[k], p->relid))
				return true;
	return false;
}

uint64
cg_lockdown_generation(void)
{
	cg_listen();
	return watch.generation;
}

/* ---------- locking down ---------- */

/* The first word; *rest is moved to what follows it and a blank or colon. */
static char *
scope_word(char **rest)
{
	char	   *word = *rest;
	char	   *end;

	while (scanner_isspace(*word))
		word++;
	for (end = word; *end != '\0' && *end != ':' && !scanner_isspace(*end);)
		end++;
	*rest = end;
	while (scanner_isspace(**rest))
		(*rest)++;
	if (**rest == ':')
		(*rest)++;
	while (scanner_isspace(**rest))
		(*rest)++;
	return downcase_identifier(word, end - word, false, false);
}

static Oid
named_relation(char *name)
{
	Oid			relid =
	RangeVarGetRelid(makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(name))),
					 AccessShareLock, false);
	char		relkind = get_rel_relkind(relid);
	CgLockdown	would = {0};

	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE &&
		relkind != RELKIND_FOREIGN_TABLE && relkind != RELKIND_MATVIEW)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table", get_rel_name(relid)),
				 errhint("Lock down the tables that it reads.")));
	add_tree(&would, relid);
	if (would.categories == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" has no protected columns",
						get_rel_name(relid)),
				 errhint("Lock down the category, or protect the columns first: %s.",
						 "SECURITY LABEL FOR cipguard ON COLUMN table.column IS 'category'")));
	return relid;
}

/* The table and those below it, as an array of regclass. */
static char *
relation_list(Oid relid)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, find_all_inheritors(relid, AccessShareLock, NULL))
		appendStringInfo(&buf, "%s%u", buf.len == 0 ? "{" : ",",
						 lfirst_oid(lc));
	appendStringInfoChar(&buf, '}');
	return buf.data;
}

/* As it is in the catalog, or as SQL writes names. */
static Oid
named_role(char *name)
{
	Oid			role = get_role_oid(name, true);
	List	   *names;

	if (OidIsValid(role))
		return role;
	if (!SplitIdentifierString(pstrdup(name), '.', &names) ||
		list_length(names) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid name of a role: %s", name),
				 errhint("Write it as in \"%s\".", "role alice")));
	role = get_role_oid(linitial(names), true);
	if (!OidIsValid(role))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" does not exist",
						(char *) linitial(names)),
				 errhint("%s lists the roles.", "pg_roles")));
	return role;
}

/* lockdown(scope text, reason text) RETURNS bigint */
PG_FUNCTION_INFO_V1(cipguard_lockdown);
Datum
cipguard_lockdown(PG_FUNCTION_ARGS)
{
	char	   *rest;
	char	   *word;
	char	   *reason;
	const char *category = "NULL";
	const char *relations = "NULL";
	const char *role = "NULL";
	Oid			relid = InvalidOid;
	int32		category_id = -1;
	Datum		id;
	bool		isnull;
	CgActing	acting;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("scope and reason of a lockdown must not be null"),
				 errhint("For example: %s",
						 "SELECT cipguard.lockdown('all', 'stolen laptop')")));
	PreventCommandDuringRecovery("cipguard.lockdown()");
	PreventCommandIfReadOnly("cipguard.lockdown()");
	rest = text_to_cstring(PG_GETARG_TEXT_PP(0));
	word = scope_word(&rest);
	reason = text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (strspn(reason, " \t\r\n") == strlen(reason))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a lockdown needs a reason"),
				 errhint("Say why, in a few words.")));

	if (strcmp(word, "all") == 0 && *rest == '\0')
		 /* nothing else is needed */ ;
	else if (strcmp(word, "category") == 0 && *rest != '\0')
	{
		const CgCategory *c = cg_category_by_name(rest, false);

		category_id = c->id;
		category = quote_literal_cstr(NameStr(c->name));
	}
	else if (strcmp(word, "relation") == 0 && *rest != '\0')
	{
		relid = named_relation(rest);
		relations = psprintf("'%s'", relation_list(relid));
	}
	else if (strcmp(word, "role") == 0 && *rest != '\0')
		role = psprintf("%u", named_role(rest));
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized scope of a lockdown"),
				 errhint("Use \"%s\", \"%s\", \"%s\" or \"%s\".", "all",
						 "category mobile", "relation client",
						 "role alice")));

	cg_act_begin(&acting, cg_audit_owner());
	cg_act_execute("INSERT INTO cipguard.lockdown"
				   " (scope, category, relations, role, reason)"
				   " VALUES (%s, %s, %s, %s, %s) RETURNING id",
				   quote_literal_cstr(word), category, relations, role,
				   quote_literal_cstr(reason));
	id = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
					   &isnull);
	id = Int64GetDatum(DatumGetInt64(id));
	cg_act_end(&acting);
	cg_alert("lockdown", relid, category_id,
			 psprintf("lockdown " INT64_FORMAT " of %s", DatumGetInt64(id),
					  word));
	PG_RETURN_DATUM(id);
}

/*
 * guard_lockdown() RETURNS trigger
 *
 * The rules of cipguard.lockdown, kept with the table: who locked is who did
 * it, and a row is never changed but to be lifted, by a request that somebody
 * else approved.
 */
PG_FUNCTION_INFO_V1(cipguard_guard_lockdown);
Datum
cipguard_guard_lockdown(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	int			cols[] = {COL_LOCKED_BY, COL_LOCKED_AT};
	Datum		values[2];
	bool		nulls[] = {false, false};

	cg_require_our_trigger(fcinfo);
	/* Restoring a dump repeats what was done elsewhere. */
	if (TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) && superuser() &&
		!check_function_bodies)
		return PointerGetDatum(trigdata->tg_trigtuple);
	if (!TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
	{
		cg_event_refused("change of a lockdown", InvalidOid);
		ereport(ERROR,
				(errcode(CG_ERRCODE_FOUR_EYES),
				 errmsg("a lockdown is lifted by two persons, and never deleted"),
				 errhint("Ask with %s; another officer approves.",
						 "cipguard.lift_lockdown()")));
	}
	desc = RelationGetDescr(trigdata->tg_relation);
	values[0] = CStringGetTextDatum(GetUserNameFromId(GetAuthenticatedUserId(),
													  false));
	values[1] = TimestampTzGetDatum(GetCurrentTimestamp());
	return PointerGetDatum(heap_modify_tuple_by_cols(trigdata->tg_trigtuple,
													 desc, 2, cols, values,
													 nulls));
}

/*
 * protect.c
 *		Which columns of a relation are protected: the cached answer.
 *
 * A column is protected if it has an encrypted type or a label with a
 * category, or if a column of its name has such a label in a table above or
 * below it in the inheritance tree: a value must not go unprotected because
 * it is reached through a parent or a partition.  A generated column that
 * uses a protected one is protected with it; it shows NULL unless it has a
 * label of its own.
 *
 * Entries are made at first use and live in a memory context each.  An
 * invalidation may come at any time, between two look-ups of one planning
 * too, so it only marks the entry; the next look-up makes a new one, and the
 * old memory is freed when the transaction ends.  An entry whose relation has
 * ancestors or descendants may be changed by theirs: if one of those is
 * invalidated, all are.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "compat.h"

#include "activity.h"
#include "catalog.h"
#include "category.h"
#include "guc.h"
#include "inval.h"
#include "label.h"
#include "protect.h"

/* Each statement asks several times for each relation. */
#define NUM_RECENT	64

typedef struct CgEntry
{
	Oid			relid;			/* hash key */
	bool		stale;
	bool		filling;		/* or an error ended that */
	bool		family;			/* has ancestors or descendants */
	NameData	name;
	MemoryContext context;		/* of protection; NULL: not protected */
	CgProtection *protection;
} CgEntry;

static void relation_changed(Datum arg, Oid relid);
static void free_old(XactEvent event, void *arg);
static void begin_entry(CgEntry *entry);
static void note_relative(Oid relid);
static bool is_exempt(const CgProtection *p, const CgProtectedColumn *column);
static CgEntry *fill(Oid relid);
static void add_needs(CgProtectedColumn *column, Oid typid, int32 typmod);
static void add_need(CgProtectedColumn *column, int32 category);
static bool runs_code(Relation rel);
static CgProtectedColumn *make_column(CgProtection *p, AttrNumber attnum);
static void find_derived(CgProtection *p, Relation rel);
static void load_descendant(CgProtection *p, Relation rel, Oid child);

static HTAB *entries = NULL;
static CgEntry *recent[NUM_RECENT]; /* in entries, which loses none */
static List *old_contexts = NIL;
static int	num_protected = 0;

void
cg_protect_init(void)
{
	cg_on_relcache(relation_changed);
	RegisterXactCallback(free_old, NULL);
}

static void
relation_changed(Datum arg, Oid relid)
{
	CgEntry    *entry;
	HASH_SEQ_STATUS status;

	if (entries == NULL)
		return;
	if (OidIsValid(relid))
	{
		entry = hash_search(entries, &relid, HASH_FIND, NULL);
		if (entry == NULL)
			return;
		/* Whether a stale one has relatives by now is not known. */
		if (!entry->family && !entry->stale)
		{
			entry->stale = true;
			return;
		}
	}
	hash_seq_init(&status, entries);
	while ((entry = hash_seq_search(&status)) != NULL)
		entry->stale = true;
}

static void
free_old(XactEvent event, void *arg)
{
	ListCell   *lc;

	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE ||
		event == XACT_EVENT_PARALLEL_PRE_COMMIT)
		return;
	foreach(lc, old_contexts)
		MemoryContextDelete(lfirst(lc));
	list_free(old_contexts);
	old_contexts = NIL;
}

static void
begin_entry(CgEntry *entry)
{
	Oid			relid = entry->relid;

	memset(entry, 0, sizeof(CgEntry));
	entry->relid = relid;
	entry->stale = true;
}

const CgProtection *
cg_protection(Oid relid)
{
	CgEntry    *entry;
	CgEntry   **slot = &recent[relid % NUM_RECENT];
	bool		found;

	/* pg_upgrade makes definitions again, before categories are there. */
	if (relid < FirstNormalObjectId || IsBinaryUpgrade)
		return NULL;
	entry = *slot;
	if (entry != NULL && entry->relid == relid && !entry->stale &&
		!entry->filling)
		return entry->protection;
	if (entries == NULL)
	{
		HASHCTL		ctl;

		ctl.keysize = sizeof(Oid);
		ctl.entrysize = sizeof(CgEntry);
		ctl.hcxt = CacheMemoryContext;
		entries = hash_create("cipguard protected relations", 128, &ctl,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	entry = hash_search(entries, &relid, HASH_ENTER, &found);
	if (!found)
		begin_entry(entry);
	if (entry->stale || entry->filling)
		entry = fill(relid);
	*slot = entry;
	return entry->protection;
}

const CgProtectedColumn *
cg_protected_column(const CgProtection *p, AttrNumber attnum)
{
	if (attnum <= 0 || attnum > p->natts)
		return NULL;
	return p->columns[attnum - 1];
}

CgLevel
cg_column_level(const CgProtection *p, AttrNumber attnum)
{
	const CgProtectedColumn *column = cg_protected_column(p, attnum);
	CgLevel		level = CG_LEVEL_READ;
	bool		exempt;
	int			i;

	if (column == NULL)
		return level;
	CG_STRESS_RETURN(CG_STRESS);
	exempt = is_exempt(p, column);
	for (i = 0; i < column->n_needs; i++)
		level = Min(level, exempt ?
					cg_access_exempt_level(column->needs[i], p->relid) :
					cg_access_level(column->needs[i], p->relid));
	if (!exempt && level > CG_LEVEL_NONE &&
		!cg_activity_opens_column(p->relid, attnum))
		level = CG_LEVEL_NONE;
	return level;
}

/* Does the current user need no grant? */
static bool
is_exempt(const CgProtection *p, const CgProtectedColumn *column)
{
	return !column->encrypted &&
		((!cg_mask_superuser && superuser()) ||
		 (!cg_mask_owner && cg_has_privs_of(GetUserId(), p->owner)));
}

CgReason
cg_column_missing(const CgProtection *p, AttrNumber attnum, int32 *category)
{
	const CgProtectedColumn *column = cg_protected_column(p, attnum);
	CgReason	missing = CG_GRANTED;
	bool		exempt;
	int			i;

	if (column == NULL)
		return CG_GRANTED;
	CG_STRESS_RETURN(CG_NO_GRANT);
	exempt = is_exempt(p, column);
	for (i = 0; i < column->n_needs; i++)
	{
		int32		need = column->needs[i];
		CgReason	reason = cg_access_reason(need, p->relid);

		if (exempt)
			reason = cg_access_exempt_level(need, p->relid) < CG_LEVEL_READ ?
				CG_LOCKED_DOWN : CG_GRANTED;
		if (reason == CG_NO_GRANT)
			return reason;
		if (missing == CG_GRANTED && reason != CG_GRANTED)
		{
			missing = reason;
			*category = need;
		}
	}
	if (missing == CG_GRANTED && !exempt &&
		!cg_activity_opens_column(p->relid, attnum))
	{
		missing = CG_NO_PURPOSE;
		*category = column->needs[0];
	}
	return missing;
}

bool
cg_reads_all(const CgProtection *p)
{
	int			i;

	for (i = 1; i <= p->natts; i++)
		if (cg_column_level(p, i) < CG_LEVEL_READ)
			return false;
	return true;
}

/*
 * The schema does not count: it may have been renamed since.  An entry that
 * is stale may have another name by now.
 */
bool
cg_may_be_protected(const char *relation)
{
	HASH_SEQ_STATUS status;
	CgEntry    *entry;
	bool		plain = false;

	CG_STRESS_RETURN(false);
	if (entries == NULL)
		return false;
	hash_seq_init(&status, entries);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if (strcmp(NameStr(entry->name), relation) != 0)
			continue;
		if (entry->protection != NULL)
		{
			hash_seq_term(&status);
			return true;
		}
		plain = plain || !entry->stale;
	}
	return !plain;
}

bool
cg_knows_protected(void)
{
	CG_STRESS_RETURN(false);
	return num_protected > 0;
}

/*
 * Make an entry anew.  The stale mark is taken away first, so that what
 * changes meanwhile makes the next look-up do it again; so does an error.
 */
static CgEntry *
fill(Oid relid)
{
	CgEntry    *entry = hash_search(entries, &relid, HASH_ENTER, NULL);
	MemoryContext old = CurrentMemoryContext;
	MemoryContext context;
	Relation	rel;
	TupleDesc	desc;
	CgProtection *p;
	List	   *below = NIL;
	ListCell   *lc;
	bool		any = false;
	bool		family;
	int			i;

	entry->stale = false;
	entry->filling = true;
	rel = try_relation_open(relid, AccessShareLock);
	if (rel == NULL)
	{
		entry->filling = false;
		return entry;
	}
	desc = RelationGetDescr(rel);
	context = AllocSetContextCreate(TopTransactionContext,
									"cipguard protection",
									ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(context);
	p = palloc0(sizeof(CgProtection));
	p->relid = relid;
	p->owner = rel->rd_rel->relowner;
	p->natts = desc->natts;
	p->columns = palloc0(sizeof(CgProtectedColumn *) * desc->natts);

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		const CgCategory *c;

		if (att->attisdropped)
			continue;
#ifdef CG_STRESS
		if (rel->rd_rel->relnamespace != cg_schema_oid() &&
			!IsToastNamespace(rel->rd_rel->relnamespace))
		{
			CgProtectedColumn *column = make_column(p, att->attnum);

			column->category = cg_category_unclassified();
			add_need(column, column->category);
			if (p->subject == InvalidAttrNumber)
				p->subject = att->attnum;
		}
		continue;
#endif
		if (cg_holds_encrypted(att->atttypid))
		{
			CgProtectedColumn *column = make_column(p, att->attnum);
			Oid			elem = get_base_element_type(att->atttypid);

			add_needs(column, att->atttypid, att->atttypmod);
			column->encrypted = true;
			if (column->n_needs == 1 &&
				cg_is_encrypted_type(OidIsValid(elem) ? elem : att->atttypid))
				column->category = column->needs[0];
		}
		else if ((c = cg_column_category(relid, att->attnum)) != NULL)
		{
			CgProtectedColumn *column = make_column(p, att->attnum);

			column->category = c->id;
			add_need(column, c->id);
		}
	}

	/* Labels below count here, too: an index or a filter would tell. */
	family = has_superclass(relid);
	if (rel->rd_rel->relhassubclass)
	{
		family = true;
		below = find_all_inheritors(relid, NoLock, NULL);
		foreach(lc, below)
			if (lfirst_oid(lc) != relid)
			load_descendant(p, rel, lfirst_oid(lc));
	}
	foreach(lc, family ? list_concat(below, cg_ancestors(relid)) : NIL)
		note_relative(lfirst_oid(lc));
	p->runs_code = runs_code(rel);
#ifndef CG_STRESS
	p->subject = cg_subject_column(relid);
#endif
	find_derived(p, rel);
	for (i = 0; i < p->natts; i++)
		any = any || p->columns[i] != NULL;
	MemoryContextSwitchTo(old);

	entry->family = family;
	if (entry->context != NULL)
	{
		MemoryContext top = MemoryContextSwitchTo(TopMemoryContext);

		old_contexts = lappend(old_contexts, entry->context);
		MemoryContextSwitchTo(top);
		num_protected--;
	}
	entry->context = NULL;
	entry->protection = NULL;
	namestrcpy(&entry->name, RelationGetRelationName(rel));
	if (any)
	{
		MemoryContextSetParent(context, CacheMemoryContext);
		entry->context = context;
		entry->protection = p;
		num_protected++;
	}
	else
		MemoryContextDelete(context);
	relation_close(rel, AccessShareLock);

	/* While a dump is restored, the categories may not be there yet. */
	if (!check_function_bodies)
		entry->stale = true;
	entry->filling = false;
	return entry;
}

/* An entry that nobody has asked for yet, so that its changes are heard. */
static void
note_relative(Oid relid)
{
	bool		found;
	CgEntry    *entry = hash_search(entries, &relid, HASH_ENTER, &found);

	if (!found)
		begin_entry(entry);
	entry->family = true;
}

/* Do expressions of the table's own run over its rows? */
static bool
runs_code(Relation rel)
{
	bool		result = rel->rd_rel->relrowsecurity ||
	(rel->rd_att->constr != NULL &&
	 (rel->rd_att->constr->num_check > 0 ||
	  cg_has_generated(rel->rd_att)));
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index = relation_open(lfirst_oid(lc), AccessShareLock);

		result = result || !heap_attisnull(index->rd_indextuple,
										   Anum_pg_index_indexprs, NULL) ||
			!heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred,
							NULL);
		relation_close(index, AccessShareLock);
	}
	return result;
}

static CgProtectedColumn *
make_column(CgProtection *p, AttrNumber attnum)
{
	CgProtectedColumn *column = palloc0(sizeof(CgProtectedColumn));

	column->category = -1;
	p->columns[attnum - 1] = column;
	return column;
}

static void
add_need(CgProtectedColumn *column, int32 category)
{
	int			i;

	for (i = 0; i < column->n_needs; i++)
		if (column->needs[i] == category)
			return;
	column->needs = column->needs == NULL ? palloc(sizeof(int32)) :
		repalloc(column->needs, sizeof(int32) * (column->n_needs + 1));
	column->needs[column->n_needs++] = category;
}

/* The categories of encrypted values inside a type. */
static void
add_needs(CgProtectedColumn *column, Oid typid, int32 typmod)
{
	Oid			elem;

	check_stack_depth();
	typid = getBaseTypeAndTypmod(typid, &typmod);
	elem = get_element_type(typid);
	if (OidIsValid(elem))
		add_needs(column, elem, typmod);
	else if (cg_is_encrypted_type(typid))
		add_need(column, typmod < 0 ? cg_category_unclassified() : typmod);
	else if (get_typtype(typid) == TYPTYPE_COMPOSITE)
	{
		TupleDesc	desc = lookup_rowtype_tupdesc(typid, -1);
		int			i;

		for (i = 0; i < desc->natts; i++)
		{
			Form_pg_attribute att = TupleDescAttr(desc, i);

			if (!att->attisdropped && cg_holds_encrypted(att->atttypid))
				add_needs(column, att->atttypid, att->atttypmod);
		}
		ReleaseTupleDesc(desc);
	}
}

static void
load_descendant(CgProtection *p, Relation rel, Oid child)
{
	TupleDesc	desc = RelationGetDescr(rel);
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		AttrNumber	attnum;
		const CgCategory *c;

		if (att->attisdropped || p->columns[i] != NULL)
			continue;
		attnum = get_attnum(child, NameStr(att->attname));
		if (attnum == InvalidAttrNumber)
			continue;
		c = cg_column_category(child, attnum);
		if (c != NULL)
		{
			CgProtectedColumn *column = make_column(p, att->attnum);

			column->category = c->id;
			add_need(column, c->id);
		}
	}
}

/* Generated columns that use protected ones. */
static void
find_derived(CgProtection *p, Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	int			i;

	if (desc->constr == NULL || !cg_has_generated(desc))
		return;
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Bitmapset  *used = NULL;
		CgProtectedColumn *column = NULL;
		int			n = -1;

		if (att->attisdropped || att->attgenerated == '\0' ||
			p->columns[i] != NULL)
			continue;
		pull_varattnos(build_column_default(rel, att->attnum), 1, &used);
		while ((n = bms_next_member(used, n)) >= 0)
		{
			AttrNumber	attnum = n + FirstLowInvalidHeapAttributeNumber;
			int			first = attnum > 0 ? attnum : 1;
			int			last = attnum > 0 ? attnum :
			attnum == 0 ? desc->natts : 0;
			int			source;

			for (source = first; source <= last; source++)
			{
				CgProtectedColumn *from = p->columns[source - 1];
				int			k;

				if (from == NULL || source == att->attnum)
					continue;
				if (column == NULL)
				{
					column = make_column(p, att->attnum);
					column->derived = true;
				}
				for (k = 0; k < from->n_needs; k++)
					add_need(column, from->needs[k]);
			}
		}
	}
}

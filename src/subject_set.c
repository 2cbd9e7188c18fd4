/*
 * subject_set.c
 *		Persons who are listed in one of our tables, to be asked for per row.
 *
 * An open-addressing hash table, loaded whole when the table has changed.  A
 * subject whose text is that of a number is kept as the number, since most
 * tables have those.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "common/hashfn.h"
#include "port/pg_bitutils.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"

#include "subject_set.h"

struct CgListed
{
	bool		used;
	CgSubject	subject;
};

static uint32 hash_of(const CgSubject *subject);
static bool same(const CgSubject *a, const CgSubject *b);
static void insert(CgSubjectSet *set, const CgSubject *subject);

/* Only the form that the output function gives is a number. */
void
cg_listed_subject(CgSubject *subject, const char *text, Size len)
{
	const char *p = text;
	const char *end = text + len;
	bool		negative = p < end && *p == '-';
	uint64		magnitude = 0;

	memset(subject, 0, sizeof(CgSubject));
	subject->text = text;
	subject->len = len;
	if (negative)
		p++;
	if (p == end || end - p > 19 || (*p == '0' && (negative || end - p > 1)))
		return;
	for (; p < end; p++)
	{
		if (*p < '0' || *p > '9')
			return;
		magnitude = magnitude * 10 + (*p - '0');
	}
	if (magnitude > (uint64) PG_INT64_MAX + (negative ? 1 : 0))
		return;
	subject->is_number = true;
	subject->number = (int64) (negative ? -magnitude : magnitude);
}

bool
cg_set_has(CgSubjectSet *set, const CgSubject *subject)
{
	CgSubject	number;
	uint32		i;

	if (!cg_set_any(set))
		return false;
	if (!subject->is_number)
	{
		cg_listed_subject(&number, subject->text, subject->len);
		subject = &number;
	}
	for (i = hash_of(subject) & set->mask; set->entries[i].used;
		 i = (i + 1) & set->mask)
		if (same(&set->entries[i].subject, subject))
			return true;
	return false;
}

static uint32
hash_of(const CgSubject *subject)
{
	return subject->is_number ? murmurhash32((uint32) subject->number ^
											 (uint32) (subject->number >> 32)) :
		hash_bytes((const unsigned char *) subject->text, (int) subject->len);
}

static bool
same(const CgSubject *a, const CgSubject *b)
{
	if (a->is_number != b->is_number)
		return false;
	return a->is_number ? a->number == b->number :
		a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static void
insert(CgSubjectSet *set, const CgSubject *subject)
{
	uint32		i;

	for (i = hash_of(subject) & set->mask; set->entries[i].used;
		 i = (i + 1) & set->mask)
		;
	set->entries[i].used = true;
	set->entries[i].subject = *subject;
}

void
cg_set_load(CgSubjectSet *set)
{
	uint64		generation = set->watch.generation;
	List	   *found = NIL;
	ListCell   *lc;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	MemoryContext old;
	uint32		size;

	set->loaded = 0;
	set->count = 0;
	if (set->context == NULL)
		set->context = AllocSetContextCreate(CacheMemoryContext,
											 "cipguard persons",
											 ALLOCSET_SMALL_SIZES);
	MemoryContextReset(set->context);
	rel = cg_watch_open(&set->watch);
	if (rel == NULL)
	{
		set->loaded = generation;
		return;
	}
	old = MemoryContextSwitchTo(set->context);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		subject = heap_getattr(tuple, CG_LISTED_SUBJECT,
										   RelationGetDescr(rel), &isnull);

		if (heap_attisnull(tuple, CG_LISTED_ENDED_AT, RelationGetDescr(rel)))
			found = lappend(found, TextDatumGetCString(subject));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);

	size = pg_nextpower2_32(Max(16, list_length(found) * 2));
	set->entries = palloc0(sizeof(CgListed) * size);
	set->mask = size - 1;
	foreach(lc, found)
	{
		CgSubject	subject;

		cg_listed_subject(&subject, lfirst(lc), strlen(lfirst(lc)));
		insert(set, &subject);
	}
	MemoryContextSwitchTo(old);
	set->count = list_length(found);
	set->loaded = generation;
}

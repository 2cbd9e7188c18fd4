/*
 * journal_set.c
 *		Persons whose data a statement discloses: each is listed once.
 *
 * A hash table remembers those that are listed already, up to MAX_KNOWN of
 * them or MAX_BYTES of text; then all are forgotten, and whoever comes again
 * is listed again.  The table is emptied by raising its epoch.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "compat.h"

#include "journal_frame.h"
#include "journal_set.h"

#define FIRST_SLOTS		128
#define MAX_KNOWN		4096
#define MAX_BYTES		(256 * 1024)
#define HASH_SEED		UINT64CONST(0x9E3779B97F4A7C15)

static CgSlot *make_slot(CgSubjectSet *set, uint64 key);
static void grow_slots(CgSubjectSet *set);
static uint64 text_key(const char *s, Size len);

static inline int
compare_integers(const int64 *a, const int64 *b)
{
	return *a < *b ? -1 : *a > *b;
}

static inline uint32
first_slot(const CgSubjectSet *set, uint64 key)
{
	return (uint32) ((key * HASH_SEED) >> 32) & (set->max_slots - 1);
}

/* Where it is, or would go; NULL if there are no slots.  Integers: no s. */
static pg_attribute_always_inline CgSlot *
seek(const CgSubjectSet *set, uint64 key, const char *s, Size len)
{
	uint32		i;

	if (set->max_slots == 0)
		return NULL;
	for (i = first_slot(set, key); set->slots[i].epoch == set->epoch;
		 i = (i + 1) & (set->max_slots - 1))
	{
		CgSlot	   *slot = &set->slots[i];
		CgSubjectText *t;

		if (slot->key != key || (slot->text == CG_SET_INTEGER) != (s == NULL))
			continue;
		if (s == NULL)
			return slot;
		t = &set->texts[slot->text];
		if (t->len == len && memcmp(set->bytes + t->offset, s, len) == 0)
			return slot;
	}
	return &set->slots[i];
}

static inline bool
is_taken(const CgSubjectSet *set, const CgSlot *slot)
{
	return slot != NULL && slot->epoch == set->epoch;
}

/* Take a slot for what is not known: the one found, unless there is none. */
static inline void
take_slot(CgSubjectSet *set, CgSlot *slot, uint64 key, bool text)
{
	if (unlikely(slot == NULL || set->known >= MAX_KNOWN ||
				 2 * set->known >= set->max_slots))
		slot = make_slot(set, key);
	slot->key = key;
	slot->epoch = set->epoch;
	slot->text = text ? (uint32) set->num_texts : CG_SET_INTEGER;
	set->known++;
}

#define ST_SORT sort_integers
#define ST_ELEMENT_TYPE int64
#define ST_COMPARE(a, b) compare_integers(a, b)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

void
cg_set_put_integer(CgSubjectSet *set, int64 value)
{
	CgSlot	   *slot;

	if (set->any && set->last == value)
		return;
	slot = seek(set, (uint64) value, NULL, 0);
	if (is_taken(set, slot))
		return;
	Assert(!cg_set_full(set));
	take_slot(set, slot, (uint64) value, false);
	set->integers[set->num_integers++] = value;
	set->any = true;
	set->last = value;
}

void
cg_set_put_text(CgSubjectSet *set, const char *s, Size len)
{
	CgSubjectText *t;
	CgSlot	   *slot;
	uint64		key;

	if (set->num_texts > 0)
	{
		t = &set->texts[set->num_texts - 1];
		if (t->len == len && memcmp(set->bytes + t->offset, s, len) == 0)
			return;
	}
	key = text_key(s, len);
	slot = seek(set, key, s, len);
	if (is_taken(set, slot))
		return;
	Assert(!cg_set_full(set) && len <= CG_SET_SUBJECT_LEN);
	if (set->num_bytes + len > MAX_BYTES)
	{
		cg_set_forget(set);
		slot = NULL;
	}
	if (set->num_texts == set->max_texts)
	{
		int			max = Max(2 * set->max_texts, CG_SET_PENDING);

		if (set->texts == NULL)
			set->texts = MemoryContextAlloc(set->context,
											max * sizeof(CgSubjectText));
		else
			set->texts = repalloc(set->texts, max * sizeof(CgSubjectText));
		set->max_texts = max;
	}
	if (set->max_bytes - set->num_bytes < len)
	{
		uint32		max = 2 * set->max_bytes + CG_SET_SUBJECT_LEN;

		if (set->bytes == NULL)
			set->bytes = MemoryContextAlloc(set->context, max);
		else
			set->bytes = repalloc(set->bytes, max);
		set->max_bytes = max;
	}
	take_slot(set, slot, key, true);
	t = &set->texts[set->num_texts++];
	t->offset = set->num_bytes;
	t->len = (uint32) len;
	memcpy(set->bytes + set->num_bytes, s, len);
	set->num_bytes += len;
	set->pending_bytes += len;
}

Size
cg_set_pack(CgSubjectSet *set, uint8 *out)
{
	Size		len;
	int			n = 0;
	int			i;

	if (!cg_set_pending(set))
		return 0;
	sort_integers(set->integers, set->num_integers);
	for (i = 0; i < set->num_integers; i++)
		if (n == 0 || set->integers[n - 1] != set->integers[i])
			set->integers[n++] = set->integers[i];
	set->num_integers = n;

	len = cg_put_integers(out, set->integers, n);
	len += cg_put_varint(out + len, set->num_texts - set->first_text);
	for (i = set->first_text; i < set->num_texts; i++)
	{
		const CgSubjectText *t = &set->texts[i];

		len += cg_put_varint(out + len, t->len);
		memcpy(out + len, set->bytes + t->offset, t->len);
		len += t->len;
	}
	Assert(len <= CG_SET_LIST_MAX);
	return len;
}

void
cg_set_packed(CgSubjectSet *set)
{
	set->num_integers = 0;
	set->first_text = set->num_texts;
	set->pending_bytes = 0;
}

/* What is pending is forgotten, too, but stays pending. */
void
cg_set_forget(CgSubjectSet *set)
{
	int			pending = set->num_texts - set->first_text;

	if (set->first_text > 0)
	{
		uint32		start = pending > 0 ?
		set->texts[set->first_text].offset : set->num_bytes;
		int			i;

		memmove(set->bytes, set->bytes + start, set->num_bytes - start);
		for (i = 0; i < pending; i++)
		{
			set->texts[i] = set->texts[set->first_text + i];
			set->texts[i].offset -= start;
		}
		set->num_bytes -= start;
		set->num_texts = pending;
		set->first_text = 0;
	}
	set->known = 0;
	set->any = false;
	if (++set->epoch == 0)
	{
		memset(set->slots, 0, set->max_slots * sizeof(CgSlot));
		set->epoch = 1;
	}
}

void
cg_set_clear(CgSubjectSet *set)
{
	cg_set_packed(set);
	cg_set_forget(set);
}

/* ---------- the table ---------- */

/* A free slot, whatever must give way. */
static CgSlot *
make_slot(CgSubjectSet *set, uint64 key)
{
	uint32		i;

	if (set->known >= MAX_KNOWN)
		cg_set_forget(set);
	if (2 * set->known >= set->max_slots)
		grow_slots(set);
	for (i = first_slot(set, key); set->slots[i].epoch == set->epoch;)
		i = (i + 1) & (set->max_slots - 1);
	return &set->slots[i];
}

static void
grow_slots(CgSubjectSet *set)
{
	CgSlot	   *old = set->slots;
	uint32		max_old = set->max_slots;
	uint32		max = Max(4 * max_old, FIRST_SLOTS);
	uint32		i;

	set->slots = MemoryContextAllocZero(set->context, max * sizeof(CgSlot));
	set->max_slots = max;
	for (i = 0; i < max_old; i++)
		if (old[i].epoch == set->epoch)
		{
			uint32		k = first_slot(set, old[i].key);

			while (set->slots[k].epoch == set->epoch)
				k = (k + 1) & (max - 1);
			set->slots[k] = old[i];
		}
	if (old != NULL)
		pfree(old);
}

static uint64
text_key(const char *s, Size len)
{
	return hash_bytes_extended((const unsigned char *) s, (int) len, 0);
}

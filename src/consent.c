/*
 * consent.c
 *		Consents of persons to activities.
 *
 * When the activity that the session has stated rests on consent, a row is
 * shown only if the person whom it is about has consented: the last answer to
 * that version of the activity, by id, must be "give".  A category of
 * sensitive personal information takes a separate consent (PIPL article 29),
 * a person known to be under 14 one by a guardian (PIPL article 31).
 *
 * A few persons are looked up one by one, by index, which takes as long as to
 * read a page or two of the ledger.  Who asks for many, compared with its
 * pages, asks for more, mostly: then the answers of the activity are loaded,
 * into tables with open addressing, one of numbers and one of other texts.
 * Both know what was found until the ledger changes, the activity is another,
 * or they would grow beyond a limit.  The ledger is read with the catalog
 * snapshot: a withdrawal counts for the next statement, whatever the
 * isolation level.
 *
 * A person is the text form of an id.  The decimal form of a number, without
 * leading zeros, goes the way of numbers, whatever type it came from.
 *
 * Events of one person must not overtake each other: a "give" that has the
 * higher number, and is committed first, would undo a withdrawal.  So whoever
 * writes takes a lock that stands for the person until the transaction ends,
 * and a number after that.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tupmacs.h"
#include "catalog/pg_collation.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "activity.h"
#include "catalog.h"
#include "category.h"
#include "cipguard.h"
#include "consent.h"

/* Columns of cipguard.consent_event, as in sql/parts/42_consent.sql. */
enum
{
	COL_ID = 1,
	COL_ACTIVITY,
	COL_AT,
	COL_ACTION,
	COL_SUBJECT,
	COL_SEPARATE,
	COL_WRITTEN,
	COL_CHANNEL,
	COL_NOTICE_VERSION,
	COL_EVIDENCE_HASH,
	COL_GUARDIAN,
	COL_RECORDED_BY
};
#define NUM_COLS COL_RECORDED_BY

/* How a tuple begins. */
typedef struct CgEventStart
{
	int64		id;
	int64		activity;
	TimestampTz at;
	char		rest[FLEXIBLE_ARRAY_MEMBER];	/* action, subject, separate */
} CgEventStart;

/* What is read of one. */
typedef struct CgEvent
{
	int64		id;
	int64		activity;
	const struct varlena *action;
	const struct varlena *subject;
	bool		separate;
	bool		guardian;
} CgEvent;

/* What is known of a person: the number of the event, shifted, and these. */
#define GIVEN		1
#define SEPARATE	2
#define BY_GUARDIAN	4
#define KNOWN		8			/* always, so that no entry is 0 */
#define ID_SHIFT	4

typedef struct CgNumberEntry
{
	int64		number;
	uint64		state;			/* 0: free */
} CgNumberEntry;

typedef struct CgTextEntry
{
	uint64		hash;
	uint64		state;			/* 0: free */
	const char *text;
	Size		len;
} CgTextEntry;

#define MIN_ENTRIES		1024	/* powers of two */
#define BLOCK			64		/* of entries */
#define MAX_LOOKED_UP	65536
#define MAX_BYTES		(256 * 1024 * 1024)
#define MIN_MISSES		1000	/* before the ledger is loaded */
#define NUM_LOCKS		256		/* that stand for persons */
#define LOCK_CLASS		0xC196	/* apart from pg_advisory_lock() */

/* The answers to one activity. */
typedef struct CgLedger
{
	uint64		generation;		/* 0: what is there is of no use */
	int64		activity;
	bool		complete;		/* who is not in there has not answered */
	bool		too_large;
	uint64		misses;
	uint64		expected;		/* persons, while it is loaded; 0: unknown */
	uint64		n_numbers;
	uint64		numbers_size;
	CgNumberEntry *numbers;
	uint64		n_texts;
	uint64		texts_size;
	Size		text_bytes;
	CgTextEntry *texts;
} CgLedger;

static uint64 answer_of(int64 activity, const CgSubject *given);
static void begin_ledger(int64 activity, uint64 generation);
static uint64 *entry_of_number(int64 number);
static uint64 *entry_of_text(const char *text, Size len);
static void make_room(void);
static void grow_numbers(void);
static void grow_texts(void);
static uint64 *enter(const CgSubject *subject);
static uint64 look_up(Relation rel, int64 activity, const CgSubject *subject);
static bool load_ledger(Relation rel, int64 activity);
static void open_event(HeapTuple tuple, CgEvent *event);
static uint64 state_of(const CgEvent *event);
static bool is_decimal(const char *text, Size len, int64 *number);
static bool is_sensitive(int32 category);
static bool is_under_14(const CgAsk *ask);
static uint64 mix(uint64 x);

static CgWatch watch = {.relname = "consent_event",.natts = NUM_COLS,
.rows_only = true};
static MemoryContext context = NULL;
static uint64 seed = 0;
static CgLedger ledger;

void
cg_consent_init(void)
{
	cg_watch_access(&watch);
}

bool
cg_consent_applies(const CgAsk *ask)
{
	bool		needs_consent;

	(void) cg_activity_stated(&needs_consent);
	return needs_consent;
}

bool
cg_consent_met(const CgAsk *ask, CgAnswer *answer)
{
	bool		needs_consent;
	int64		activity = cg_activity_stated(&needs_consent);

	return !needs_consent || cg_consent_covers(activity, ask, answer);
}

bool
cg_consent_covers(int64 activity, const CgAsk *ask, CgAnswer *answer)
{
	uint64		state;
	const char *lacks = NULL;

	state = ask->subject == NULL ? 0 : answer_of(activity, ask->subject);
	if ((state & GIVEN) == 0)
		lacks = "The person has not consented to the activity, or not to this version, or does no longer.";
	else if ((state & SEPARATE) == 0 && is_sensitive(ask->category))
		lacks = "The category is sensitive, and the consent is not a separate one.";
	else if ((state & BY_GUARDIAN) == 0 && is_under_14(ask))
		lacks = "The person is under 14, and no guardian has consented.";
	if (lacks != NULL && ask->explain)
		answer->detail = pstrdup(lacks);
	return lacks == NULL;
}

static bool
is_sensitive(int32 category)
{
	static int32 last = -1;
	static uint64 last_generation = 0;
	static bool result;

	if (last != category || last_generation != cg_category_generation())
	{
		const CgCategory *c = cg_category_by_id(category, true);

		result = c == NULL || c->sensitive;
		last = category;
		last_generation = cg_category_generation();
	}
	return result;
}

static bool
is_under_14(const CgAsk *ask)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			tz;

	if (ask->birthday == 0 ||
		timestamp2tm(ask->now, &tz, &tm, &fsec, NULL, NULL) != 0)
		return false;
	return tm.tm_year * 10000 + tm.tm_mon * 100 + tm.tm_mday - ask->birthday <
		140000;
}

/* What the person has answered to the activity; 0: nothing. */
static uint64
answer_of(int64 activity, const CgSubject *given)
{
	CgSubject	subject = *given;
	uint64		generation = watch.generation;
	uint64	   *state;
	Relation	rel;
	uint64		found;

	if (unlikely(ledger.generation != generation ||
				 ledger.activity != activity))
		begin_ledger(activity, generation);
	if (!subject.is_number)
		subject.is_number = is_decimal(subject.text, subject.len,
									   &subject.number);
	state = subject.is_number ? entry_of_number(subject.number) :
		entry_of_text(subject.text, subject.len);
	if (likely(*state != 0))
		return *state;
	if (ledger.complete)
		return 0;

	rel = cg_watch_open(&watch);
	if (rel == NULL)
		return 0;
	ledger.misses++;
	if (!ledger.too_large && ledger.misses > MIN_MISSES &&
		ledger.misses > RelationGetNumberOfBlocks(rel) / 8 &&
		load_ledger(rel, activity))
	{
		state = subject.is_number ? entry_of_number(subject.number) :
			entry_of_text(subject.text, subject.len);
		found = *state;
	}
	else
	{
		found = look_up(rel, activity, &subject);
		if (ledger.n_numbers + ledger.n_texts >= MAX_LOOKED_UP)
			make_room();
		*enter(&subject) = found;
	}
	table_close(rel, AccessShareLock);

	/* What was read while news came may be old. */
	if (watch.generation != generation)
		ledger.generation = 0;
	return found;
}

/* ---------- what is known ---------- */

static void
begin_ledger(int64 activity, uint64 generation)
{
	memset(&ledger, 0, sizeof(ledger));
	if (context == NULL)
		context = AllocSetContextCreate(CacheMemoryContext,
										"cipguard consents",
										ALLOCSET_SMALL_SIZES);
	MemoryContextReset(context);
	if (seed == 0 && !pg_strong_random(&seed, sizeof(seed)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not get random numbers"),
				 errhint("Look into the state of the operating system.")));
	ledger.numbers_size = ledger.texts_size = MIN_ENTRIES;
	ledger.numbers = MemoryContextAllocZero(context, MIN_ENTRIES *
											sizeof(CgNumberEntry));
	ledger.texts = MemoryContextAllocZero(context, MIN_ENTRIES *
										  sizeof(CgTextEntry));
	ledger.activity = activity;
	ledger.generation = generation;
}

/* Forget those who were looked up, and how many that were not. */
static void
make_room(void)
{
	bool		too_large = ledger.too_large;
	uint64		misses = ledger.misses;

	begin_ledger(ledger.activity, ledger.generation);
	ledger.too_large = too_large;
	ledger.misses = misses;
}

/* Finaliser of MurmurHash3. */
static uint64
mix(uint64 x)
{
	x ^= x >> 33;
	x *= UINT64CONST(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64CONST(0xc4ceb9fe1a85ec53);
	x ^= x >> 33;
	return x;
}

/*
 * The state of a person's entry, or of the free one that it would get.
 *
 * Numbers that follow each other stand in one block of entries, as they mostly
 * do in the pages of the tables that are read, and move to the next together
 * if it is taken: else nearly each would be a cache miss.  Where in the block
 * they begin depends on the block's hash, so that numbers far apart use all
 * entries alike.
 */
static uint64 *
entry_of_number(int64 number)
{
	uint64		mask = ledger.numbers_size - 1;
	uint64		hash = mix(((uint64) number / BLOCK) ^ seed);
	uint64		place = ((uint64) number + (hash >> 32)) % BLOCK;
	uint64		i = (hash * BLOCK + place) & mask;
	uint64		first = i;

	while (ledger.numbers[i].state != 0 && ledger.numbers[i].number != number)
	{
		i = (i + BLOCK) & mask;
		if (unlikely(i == first))
		{
			i -= place;
			place = (place + 1) % BLOCK;
			first = i = i + place;
		}
	}
	return &ledger.numbers[i].state;
}

static uint64 *
entry_of_text(const char *text, Size len)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) text, len,
										   seed);
	uint64		mask = ledger.texts_size - 1;
	uint64		i = hash & mask;

	while (ledger.texts[i].state != 0 &&
		   (ledger.texts[i].hash != hash || ledger.texts[i].len != len ||
			memcmp(ledger.texts[i].text, text, len) != 0))
		i = (i + 1) & mask;
	return &ledger.texts[i].state;
}

/* The state of a person's entry, which is made if there is none. */
static uint64 *
enter(const CgSubject *subject)
{
	uint64	   *state;

	if (subject->is_number)
	{
		if (ledger.n_numbers >= ledger.numbers_size / 2)
			grow_numbers();
		state = entry_of_number(subject->number);
		if (*state == 0)
		{
			CgNumberEntry *e = (CgNumberEntry *)
			((char *) state - offsetof(CgNumberEntry, state));

			e->number = subject->number;
			ledger.n_numbers++;
		}
	}
	else
	{
		if (ledger.n_texts >= ledger.texts_size / 2)
			grow_texts();
		state = entry_of_text(subject->text, subject->len);
		if (*state == 0)
		{
			CgTextEntry *e = (CgTextEntry *)
			((char *) state - offsetof(CgTextEntry, state));
			char	   *copy = MemoryContextAlloc(context, subject->len + 1);

			memcpy(copy, subject->text, subject->len);
			e->text = copy;
			e->len = subject->len;
			e->hash = hash_bytes_extended((const unsigned char *) copy,
										  subject->len, seed);
			ledger.n_texts++;
			ledger.text_bytes += subject->len + sizeof(void *) * 2;
		}
	}
	if (*state == 0)
		*state = KNOWN;
	return state;
}

static void
grow_numbers(void)
{
	CgNumberEntry *old = ledger.numbers;
	uint64		n = ledger.numbers_size;
	uint64		size = 2 * n;
	uint64		i;

	while (size < 2 * ledger.expected &&
		   2 * size * sizeof(CgNumberEntry) <= MAX_BYTES / 2)
		size *= 2;
	ledger.numbers =
		MemoryContextAllocExtended(context, size * sizeof(CgNumberEntry),
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	ledger.numbers_size = size;
	for (i = 0; i < n; i++)
		if (old[i].state != 0)
		{
			uint64	   *state = entry_of_number(old[i].number);

			*(CgNumberEntry *) ((char *) state -
								offsetof(CgNumberEntry, state)) = old[i];
		}
	pfree(old);
}

static void
grow_texts(void)
{
	CgTextEntry *old = ledger.texts;
	uint64		n = ledger.texts_size;
	uint64		i;

	ledger.texts =
		MemoryContextAllocExtended(context, 2 * n * sizeof(CgTextEntry),
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	ledger.texts_size = 2 * n;
	for (i = 0; i < n; i++)
		if (old[i].state != 0)
		{
			uint64	   *state = entry_of_text(old[i].text, old[i].len);

			*(CgTextEntry *) ((char *) state -
							  offsetof(CgTextEntry, state)) = old[i];
		}
	pfree(old);
}

/* ---------- reading the ledger ---------- */

/*
 * The columns that are read, none of which is null but the guardian.  Taking
 * tuples apart column by column would be most of what loading costs.
 */
static void
open_event(HeapTuple tuple, CgEvent *event)
{
	const CgEventStart *start = (const CgEventStart *) GETSTRUCT(tuple);
	const char *at = start->rest;

	event->id = start->id;
	event->activity = start->activity;
	event->action = (const struct varlena *) at;
	at += VARSIZE_ANY(at);
	at = (const char *) att_align_pointer((uintptr_t) at, TYPALIGN_INT, -1,
										  at);
	event->subject = (const struct varlena *) at;
	event->separate = *(const bool *) (at + VARSIZE_ANY(at));
	event->guardian = !heap_attisnull(tuple, COL_GUARDIAN, NULL);
}

/* What an event says of the person; 0: it is no answer. */
static uint64
state_of(const CgEvent *event)
{
	uint64		state = (uint64) event->id << ID_SHIFT | KNOWN;

	if (VARSIZE_ANY_EXHDR(event->action) == 3)	/* ask */
		return 0;
	if (VARSIZE_ANY_EXHDR(event->action) != 4)	/* refuse, withdraw */
		return state;
	state |= GIVEN;
	if (event->separate)
		state |= SEPARATE;
	if (event->guardian)
		state |= BY_GUARDIAN;
	return state;
}

/* The last answer of one person: the last one by the index. */
static uint64
look_up(Relation rel, int64 activity, const CgSubject *subject)
{
	Oid			index_oid = get_relname_relid("consent_event_subject",
											  RelationGetNamespace(rel));
	Relation	index;
	SysScanDesc scan;
	ScanKeyData keys[2];
	HeapTuple	tuple;
	uint64		state = KNOWN;
	text	   *key;

	if (!OidIsValid(index_oid))
		elog(ERROR, "index of the ledger of consents is missing");
	key = subject->is_number ?
		cstring_to_text(psprintf(INT64_FORMAT, subject->number)) :
		cstring_to_text_with_len(subject->text, subject->len);
	ScanKeyInit(&keys[0], COL_ACTIVITY, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(activity));
	ScanKeyInit(&keys[1], COL_SUBJECT, BTEqualStrategyNumber, F_TEXTEQ,
				PointerGetDatum(key));
	keys[1].sk_collation = C_COLLATION_OID;
	index = index_open(index_oid, AccessShareLock);
	scan = systable_beginscan_ordered(rel, index, NULL, 2, keys);
	while ((tuple = systable_getnext_ordered(scan,
											 BackwardScanDirection)) != NULL)
	{
		CgEvent		event;
		uint64		found;

		open_event(tuple, &event);
		found = state_of(&event);
		if (found != 0)
		{
			state = found;
			break;
		}
	}
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	pfree(key);
	return state;
}

/*
 * All answers to the activity.  False if that are too many; then those that
 * are asked for are looked up.
 */
static bool
load_ledger(Relation rel, int64 activity)
{
	uint64		generation = ledger.generation;
	double		events = rel->rd_rel->reltuples;	/* -1: unknown */
	uint64		seen = 0;
	uint64		answers = 0;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		fits = true;

	begin_ledger(activity, 0);	/* of no use until all is there */
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (fits && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		CgEvent		event;
		CgSubject	subject;
		text	   *name;
		uint64		state;
		uint64	   *entry;

		CHECK_FOR_INTERRUPTS();
		seen++;
		open_event(tuple, &event);
		if (event.activity != activity)
			continue;
		state = state_of(&event);
		if (state == 0)
			continue;
		/* At most one person for each answer that is still to come. */
		if (++answers == MIN_ENTRIES / 2 && events > seen)
			ledger.expected = (uint64) (events * answers / seen);
		name = DatumGetTextPP(PointerGetDatum(event.subject));
		subject.text = VARDATA_ANY(name);
		subject.len = VARSIZE_ANY_EXHDR(name);
		subject.is_number = is_decimal(subject.text, subject.len,
									   &subject.number);
		entry = enter(&subject);
		/* Pages are not in the order of events. */
		*entry = Max(*entry, state);
		fits = ledger.numbers_size * sizeof(CgNumberEntry) +
			ledger.texts_size * sizeof(CgTextEntry) + ledger.text_bytes <=
			MAX_BYTES;
	}
	systable_endscan(scan);
	if (!fits)
	{
		begin_ledger(activity, generation);
		ledger.too_large = true;
		return false;
	}
	ledger.complete = true;
	ledger.generation = generation;
	return true;
}

/* Is it the decimal form of an int8? */
static bool
is_decimal(const char *text, Size len, int64 *number)
{
	bool		negative = len > 0 && text[0] == '-';
	Size		i = negative ? 1 : 0;
	uint64		value = 0;
	uint64		limit = negative ? (uint64) PG_INT64_MAX + 1 : PG_INT64_MAX;

	if (len == i || len - i > 19 || (text[i] == '0' && len > 1))
		return false;
	for (; i < len; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (text[i] - '0');
	}
	if (value > limit)
		return false;
	*number = negative ? (int64) (~value + 1) : (int64) value;
	return true;
}

/*
 * guard_consent() RETURNS trigger
 *
 * Who wrote it, when, and after what is not for whoever writes to say.
 */
PG_FUNCTION_INFO_V1(cipguard_guard_consent);
Datum
cipguard_guard_consent(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	HeapTuple	tuple;
	char	   *action;
	text	   *subject;
	int64		activity;
	Oid			sequence;
	LOCKTAG		tag;
	bool		isnull;
	int			cols[3] = {COL_ID, COL_AT, COL_RECORDED_BY};
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	cg_require_our_trigger(fcinfo);
	if (!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called as a row trigger")));
	desc = RelationGetDescr(trigdata->tg_relation);
	tuple = trigdata->tg_trigtuple;

	/* Restoring a dump repeats what was recorded elsewhere. */
	if (superuser() && !check_function_bodies)
		return PointerGetDatum(tuple);

	/* Those that must not be null are looked at by their constraints. */
	if (heap_attisnull(tuple, COL_ACTIVITY, desc) ||
		heap_attisnull(tuple, COL_ACTION, desc) ||
		heap_attisnull(tuple, COL_SUBJECT, desc))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("subject, activity and action of a consent must not be null"),
				 errhint("Record it with %s.", "cipguard.record_consent()")));
	activity = DatumGetInt64(heap_getattr(tuple, COL_ACTIVITY, desc,
										  &isnull));
	action = TextDatumGetCString(heap_getattr(tuple, COL_ACTION, desc,
											  &isnull));
	subject = DatumGetTextPP(heap_getattr(tuple, COL_SUBJECT, desc, &isnull));
	if (strcmp(action, "withdraw") == 0 || strcmp(action, "refuse") == 0)
	{
		if (!cg_activity_exists(activity))
			ereport(ERROR,
					(errcode(CG_ERRCODE_REGISTER),
					 errmsg("activity " INT64_FORMAT " does not exist",
							activity),
					 errhint("%s lists the activities.",
							 "cipguard.activity")));
	}
	else if (!cg_activity_asks_consent(activity))
		ereport(ERROR,
				(errcode(CG_ERRCODE_REGISTER),
				 errmsg("consent is asked for, and given to, live activities whose legal basis it is"),
				 errhint("%s lists those that are live.",
						 "cipguard.activities")));

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, RelationGetRelid(trigdata->tg_relation),
						 hash_bytes((unsigned char *) VARDATA_ANY(subject),
									VARSIZE_ANY_EXHDR(subject)) % NUM_LOCKS,
						 LOCK_CLASS);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);

	sequence = get_relname_relid("consent_event_id_seq",
								 RelationGetNamespace(trigdata->tg_relation));
	if (!OidIsValid(sequence))
		elog(ERROR, "sequence of the ledger of consents is missing");
	values[0] = Int64GetDatum(nextval_internal(sequence, false));
	values[1] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[2] = CStringGetTextDatum(GetUserNameFromId(GetAuthenticatedUserId(),
													  false));
	return PointerGetDatum(heap_modify_tuple_by_cols(tuple, desc, 3, cols,
													 values, nulls));
}

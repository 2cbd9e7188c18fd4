/*
 * subject_key.c
 *		Data keys of persons, ready for use.
 *
 * cipguard.subject_key holds a wrapped key (subject_epoch.c) for each person,
 * under a random id: no sequence, which a restored backup would replay.  The
 * row tells the person by a MAC of her text form, under a key of its own, and
 * by the subject tag of the audit log.
 *
 * There may be millions, so rows are looked up one by one, by index and
 * without SPI, for type input and output need them.  A backend keeps
 * cipguard.subject_key_cache of them ready (a clock decides who goes), and as
 * many ids by person.  Only what was found is kept.  Making a key tells
 * nobody; whatever else changes the table sends a relcache invalidation,
 * which empties the cache of every backend, those of hot standbys too.
 *
 * Two sessions that meet a person for the first time must not make two keys:
 * the row is inserted with ON CONFLICT DO NOTHING, which waits for the other,
 * and then looked up.  A key made in a transaction that fails is forgotten.
 *
 * A row of a destroyed key stays, without the key, so that nobody makes
 * another for the person.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"

#include "acting.h"
#include "audit_relation.h"
#include "audit_store.h"
#include "bytes.h"
#include "catalog.h"
#include "category.h"
#include "cipguard.h"
#include "guc.h"
#include "keyring.h"
#include "subject_epoch.h"
#include "subject_key.h"
#include "wipe.h"

#define NUM_SUITES	(CG_MAX_SUITE + 1)

typedef struct CgSubjectKey
{
	uint64		id;				/* hash key */
	int32		epoch;
	bool		destroyed;
	bool		lost;			/* it is, by the end of its epoch */
	bool		used;			/* since the clock came by */
	uint8		wrapped[CG_SUBJECT_WRAPPED_LEN];
	CgCipher   *ciphers[NUM_SUITES];
} CgSubjectKey;

typedef struct CgPersonId
{
	CgPerson	person;			/* hash key */
	uint64		id;
} CgPersonId;

static void refresh(void);
static void forget(void);
static CgSubjectKey *find_key(uint64 id);
static CgSubjectKey *load_key(uint64 id);
static CgSubjectKey *add_key(uint64 id);
static void free_ciphers(CgSubjectKey *key);
static HeapTuple find_row(Relation rel, const char *index_name,
						  ScanKey keys, int nkeys);
static void insert_row(const CgPerson *person, uint64 id, int64 subject,
					   int32 epoch, const uint8 *wrapped);
static void remember(const CgPerson *person, uint64 id);
static void transaction_ended(XactEvent event, void *arg);
static void part_ended(SubXactEvent event, SubTransactionId subid,
					   SubTransactionId parent, void *arg);

static CgWatch watch = {.relname = "subject_key",.natts = CG_SK_NUM};
static uint64 seen_keys = 0;
static uint64 seen_epochs = 0;
static MemoryContext cache_context = NULL;
static HTAB *cache = NULL;
static HTAB *persons = NULL;
static uint64 *clock_ids = NULL;	/* ids of the cache, in a ring */
static int	clock_size = 0;
static int	clock_used = 0;
static int	clock_hand = 0;
static CgSubjectKey *last = NULL;
static bool made_some = false;	/* keys, in the transaction at work */

void
cg_subject_init(void)
{
	cg_watch(&watch);
	cg_epochs_init();
	cg_subject_row_init();
	RegisterXactCallback(transaction_ended, NULL);
	RegisterSubXactCallback(part_ended, NULL);
}

/* ---------- the cache ---------- */

static void
refresh(void)
{
	uint64		now = cg_epochs_refresh();

	if (seen_keys == watch.generation && seen_epochs == now)
		return;
	forget();
	seen_keys = watch.generation;
	seen_epochs = now;
}

static void
forget(void)
{
	last = NULL;
	clock_used = 0;
	clock_hand = 0;
	if (cache != NULL)
	{
		HASH_SEQ_STATUS seq;
		CgSubjectKey *key;

		hash_seq_init(&seq, cache);
		while ((key = hash_seq_search(&seq)) != NULL)
			free_ciphers(key);
		cache = NULL;
		persons = NULL;
		clock_ids = NULL;
		MemoryContextReset(cache_context);
	}
	seen_keys = 0;
}

static void
free_ciphers(CgSubjectKey *key)
{
	int			i;

	for (i = 0; i < NUM_SUITES; i++)
		if (key->ciphers[i] != NULL)
			cg_cipher_free(key->ciphers[i]);
	cg_wipe(key, sizeof(CgSubjectKey));
}

static void
transaction_ended(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT)
		made_some = false;
	else if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
	{
		if (made_some)
			seen_keys = 0;
		made_some = false;
	}
}

static void
part_ended(SubXactEvent event, SubTransactionId subid,
		   SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && made_some)
		seen_keys = 0;
}

/* The key, in the cache from now on; NULL if there is no such row. */
static CgSubjectKey *
find_key(uint64 id)
{
	CgSubjectKey *key;

	refresh();
	if (last != NULL && last->id == id)
		return last;
	key = cache == NULL ? NULL : hash_search(cache, &id, HASH_FIND, NULL);
	if (key == NULL)
		key = load_key(id);
	if (key != NULL)
	{
		key->used = true;
		last = key;
	}
	return key;
}

static CgSubjectKey *
load_key(uint64 id)
{
	Relation	rel = cg_watch_open(&watch);
	CgSubjectKey *key = NULL;
	HeapTuple	tuple;
	int32		epoch;

	if (rel == NULL)
		return NULL;
	tuple = cg_subject_row(rel, id, &epoch);
	if (tuple != NULL)
	{
		bool		isnull;
		Datum		wrapped = heap_getattr(tuple, CG_SK_WRAPPED,
										   RelationGetDescr(rel), &isnull);
		bytea	   *bytes = isnull ? NULL : DatumGetByteaPP(wrapped);
		bool		lost = !isnull && cg_epochs_destroyed(epoch);

		if (!isnull && VARSIZE_ANY_EXHDR(bytes) != CG_SUBJECT_WRAPPED_LEN)
			ereport(ERROR,
					(errcode(CG_ERRCODE_NOT_AUTHENTIC),
					 errmsg("the key of a subject is damaged"),
					 errhint("Restore the rows of %s.",
							 "cipguard.subject_key")));
		key = add_key(id);
		key->epoch = epoch;
		key->destroyed = isnull || lost;
		key->lost = lost;
		if (!isnull)
			memcpy(key->wrapped, VARDATA_ANY(bytes), CG_SUBJECT_WRAPPED_LEN);
	}
	table_close(rel, AccessShareLock);
	return key;
}

static CgSubjectKey *
add_key(uint64 id)
{
	CgSubjectKey *key;
	bool		found;

	if (cache == NULL)
	{
		HASHCTL		ctl;

		if (cache_context == NULL)
			cache_context = AllocSetContextCreate(CacheMemoryContext,
												  "cipguard subject keys",
												  ALLOCSET_SMALL_SIZES);
		clock_size = cg_subject_key_cache;
		clock_ids = MemoryContextAllocHuge(cache_context,
										   clock_size * sizeof(uint64));
		ctl.keysize = sizeof(uint64);
		ctl.entrysize = sizeof(CgSubjectKey);
		ctl.hcxt = cache_context;
		cache = hash_create("cipguard subject keys", Min(clock_size, 1024),
							&ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	if (clock_used < clock_size)
		clock_ids[clock_used++] = id;
	else
	{
		/* Who was not used since the hand came by makes room. */
		for (;;)
		{
			key = hash_search(cache, &clock_ids[clock_hand], HASH_FIND, NULL);
			if (key == NULL || !key->used)
				break;
			key->used = false;
			clock_hand = (clock_hand + 1) % clock_size;
		}
		if (key != NULL)
		{
			uint64		old = key->id;

			if (key == last)
				last = NULL;
			free_ciphers(key);
			key->id = old;
			hash_search(cache, &old, HASH_REMOVE, NULL);
		}
		clock_ids[clock_hand] = id;
		clock_hand = (clock_hand + 1) % clock_size;
	}
	key = hash_search(cache, &id, HASH_ENTER, &found);
	memset((char *) key + sizeof(uint64), 0,
		   sizeof(CgSubjectKey) - sizeof(uint64));
	return key;
}

CgCipher *
cg_subject_cipher(uint64 id, int suite, bool missing_ok)
{
	CgSubjectKey *key = find_key(id);
	uint8		dek[CG_KEY_LEN];

	if (key == NULL)
	{
		if (missing_ok)
			return NULL;
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEY_MISSING),
				 errmsg("the key of the person whom the value is about is not in this database"),
				 errdetail("The value comes from another database, or the key was lost."),
				 errhint("Restore the rows of %s from a backup of the database that wrote the value.",
						 "cipguard.subject_key")));
	}
	if (suite < 0 || suite >= NUM_SUITES)
		elog(ERROR, "unrecognized cipher suite %d", suite);
	if (key->ciphers[suite] == NULL && !key->destroyed)
	{
		if (!cg_epochs_unwrap(key->epoch, id, key->wrapped,
							  sizeof(key->wrapped), dek))
			key->destroyed = key->lost = true;
		else
		{
			key->ciphers[suite] = cg_cipher_new(suite, dek);
			cg_wipe(dek, sizeof(dek));
			if (key->ciphers[suite] == NULL)
				elog(ERROR, "could not set up cipher suite %d", suite);
		}
	}
	if (!key->destroyed)
		return key->ciphers[suite];
	if (!missing_ok && key->lost)
		ereport(ERROR,
				(errcode(CG_ERRCODE_SUBJECT_DESTROYED),
				 errmsg("the key of the person whom the value is about ended with its epoch"),
				 errdetail("This copy of the database is older than the end of epoch %d.",
						   key->epoch),
				 errhint("Bring the keys of those who were left from the database that closed it, with %s.",
						 "cipguard.import_subject_keys()")));
	if (!missing_ok)
		ereport(ERROR,
				(errcode(CG_ERRCODE_SUBJECT_DESTROYED),
				 errmsg("the key of the person whom the value is about was destroyed"),
				 errdetail("What was sealed under it cannot be read any more, and nothing new is."),
				 errhint("%s says when and by whom.",
						 "cipguard.destruction_certificate")));
	return NULL;
}

bool
cg_subject_destroyed(uint64 id)
{
	CgSubjectKey *key = id == 0 ? NULL : find_key(id);

	return key != NULL && key->destroyed;
}

bool
cg_subject_lost(uint64 id)
{
	CgSubjectKey *key = id == 0 ? NULL : find_key(id);

	return key != NULL && key->lost;
}

bool
cg_subject_usable(uint64 id)
{
	CgSubjectKey *key = find_key(id);

	return key != NULL && !key->destroyed && cg_epochs_usable(key->epoch);
}

/* ---------- rows ---------- */

Relation
cg_subject_table(LOCKMODE lock)
{
	Relation	rel = cg_watch_open(&watch);

	if (rel == NULL)
		elog(ERROR, "table cipguard.subject_key is missing");
	if (lock != AccessShareLock)
		LockRelation(rel, lock);
	return rel;
}

bool
cg_subject_any(void)
{
	Relation	rel = cg_watch_open(&watch);
	bool		result;

	if (rel == NULL)
		return false;
	result = RelationGetNumberOfBlocks(rel) > 0;
	table_close(rel, AccessShareLock);
	return result;
}

static HeapTuple
find_row(Relation rel, const char *index_name, ScanKey keys, int nkeys)
{
	Oid			index = get_relname_relid(index_name,
										  RelationGetNamespace(rel));
	SysScanDesc scan;
	HeapTuple	tuple;

	scan = systable_beginscan(rel, index, OidIsValid(index), NULL, nkeys,
							  keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	systable_endscan(scan);
	return tuple;
}

HeapTuple
cg_subject_row(Relation rel, uint64 id, int32 *epoch)
{
	ScanKeyData key;
	HeapTuple	tuple;
	bool		isnull;

	ScanKeyInit(&key, CG_SK_KEY_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum((int64) id));
	tuple = find_row(rel, "subject_key_pkey", &key, 1);
	if (HeapTupleIsValid(tuple))
		*epoch = DatumGetInt32(heap_getattr(tuple, CG_SK_EPOCH,
											RelationGetDescr(rel), &isnull));
	return tuple;
}

/* ---------- persons ---------- */

void
cg_person(int64 table, const char *subject, Size len, CgPerson *person)
{
	static CgToken *token = NULL;
	static uint64 as_of = 0;
	uint64		now = cg_keyring_refresh();
	uint8		stack[256];
	uint8	   *text = len + 8 <= sizeof(stack) ? stack : palloc(len + 8);

	if (as_of != now)
	{
		int32		domain = cg_name_hash(CG_DOMAIN_SUBJECT_KEY);

		if (cg_keyring_newest(CG_KEY_KIND_TOKEN, domain) == 0)
			(void) cg_keyring_create_missing();
		token = cg_keyring_token(domain, 1, CG_SUITE_AES_SEARCHABLE, false);
		as_of = cg_keyring_refresh();
	}
	memset(person, 0, sizeof(CgPerson));
	person->table = table;
	cg_put_u64(text, (uint64) table);
	memcpy(text + 8, subject, len);
	if (cg_token_make(token, CG_TYPE_TEXT, text, len + 8,
					  person->tag) != CG_OK)
		elog(ERROR, "could not compute the tag of a subject");
	cg_wipe(text, len + 8);
	if (text != stack)
		pfree(text);
}

static void
remember(const CgPerson *person, uint64 id)
{
	CgPersonId *entry;
	bool		found;

	/* The context is that of the cache of keys. */
	if (find_key(id) == NULL)
		return;
	if (persons != NULL && hash_get_num_entries(persons) >= clock_size)
	{
		hash_destroy(persons);
		persons = NULL;
	}
	if (persons == NULL)
	{
		HASHCTL		ctl;

		ctl.keysize = sizeof(CgPerson);
		ctl.entrysize = sizeof(CgPersonId);
		ctl.hcxt = cache_context;
		persons = hash_create("cipguard subjects", Min(clock_size, 1024),
							  &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	entry = hash_search(persons, person, HASH_ENTER, &found);
	entry->id = id;
}

uint64
cg_subject_find(const CgPerson *person)
{
	CgPersonId *entry;
	ScanKeyData keys[2];
	char		tag[VARHDRSZ + CG_TOKEN_LEN];
	Relation	rel;
	HeapTuple	tuple;
	uint64		id = 0;

	refresh();
	entry = persons == NULL ? NULL :
		hash_search(persons, person, HASH_FIND, NULL);
	if (entry != NULL)
		return entry->id;

	rel = cg_subject_table(AccessShareLock);
	SET_VARSIZE(tag, sizeof(tag));
	memcpy(VARDATA(tag), person->tag, CG_TOKEN_LEN);
	ScanKeyInit(&keys[0], CG_SK_PERSON, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(person->table));
	ScanKeyInit(&keys[1], CG_SK_TAG, BTEqualStrategyNumber, F_BYTEAEQ,
				PointerGetDatum(tag));
	tuple = find_row(rel, "subject_key_person", keys, 2);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;

		id = (uint64) DatumGetInt64(heap_getattr(tuple, CG_SK_KEY_ID,
												 RelationGetDescr(rel),
												 &isnull));
		heap_freetuple(tuple);
	}
	table_close(rel, AccessShareLock);
	if (id != 0)
		remember(person, id);
	return id;
}

uint64
cg_subject_make(const CgPerson *person, const char *subject, Size len)
{
	uint64		id = cg_subject_find(person);
	uint8		key[CG_KEY_LEN];
	uint8		wrapped[CG_SUBJECT_WRAPPED_LEN];
	int32		epoch;
	Relation	rel;

	if (id != 0)
		return id;
	PreventCommandIfReadOnly("making a key of a subject");

	/* No epoch begins while this lock is held. */
	rel = cg_subject_table(RowExclusiveLock);
	refresh();
	epoch = cg_epochs_current();
	if (epoch == 0)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEY_MISSING),
				 errmsg("there is no epoch of keys of subjects"),
				 errhint("Call %s for the table.",
						 "cipguard.use_subject_keys()")));
	do
	{
		if (!pg_strong_random(&id, sizeof(id)) ||
			!pg_strong_random(key, sizeof(key)))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not get random bytes for a key")));
	} while (id == 0);
	cg_epochs_wrap(epoch, id, key, wrapped);
	cg_wipe(key, sizeof(key));

	made_some = true;
	insert_row(person, id, cg_subject_tag(subject, len), epoch, wrapped);
	table_close(rel, NoLock);
	CommandCounterIncrement();

	id = cg_subject_find(person);
	if (id == 0)
		elog(ERROR, "the key of a subject was not made");
	return id;
}

/* Does nothing, after waiting, if somebody else makes a key of the person. */
static void
insert_row(const CgPerson *person, uint64 id, int64 subject, int32 epoch,
		   const uint8 *wrapped)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[6] = {INT8OID, INT8OID, BYTEAOID, INT8OID, INT4OID,
	BYTEAOID};
	Datum		values[6];
	bytea	   *tag = palloc(VARHDRSZ + CG_TOKEN_LEN);
	bytea	   *blob = palloc(VARHDRSZ + CG_SUBJECT_WRAPPED_LEN);
	CgActing	acting;

	SET_VARSIZE(tag, VARHDRSZ + CG_TOKEN_LEN);
	memcpy(VARDATA(tag), person->tag, CG_TOKEN_LEN);
	SET_VARSIZE(blob, VARHDRSZ + CG_SUBJECT_WRAPPED_LEN);
	memcpy(VARDATA(blob), wrapped, CG_SUBJECT_WRAPPED_LEN);
	values[0] = Int64GetDatum((int64) id);
	values[1] = Int64GetDatum(person->table);
	values[2] = PointerGetDatum(tag);
	values[3] = Int64GetDatum(subject);
	values[4] = Int32GetDatum(epoch);
	values[5] = PointerGetDatum(blob);

	cg_act_begin(&acting, cg_audit_owner());
	if (plan == NULL)
	{
		SPIPlanPtr	prepared;

		prepared = SPI_prepare("INSERT INTO cipguard.subject_key"
							   " (key_id, person, tag, subject, epoch, wrapped)"
							   " VALUES ($1, $2, $3, $4, $5, $6)"
							   " ON CONFLICT (person, tag) DO NOTHING",
							   lengthof(types), types);
		if (prepared == NULL || SPI_keepplan(prepared) != 0)
			elog(ERROR, "could not prepare the making of keys: %s",
				 SPI_result_code_string(SPI_result));
		plan = prepared;
	}
	if (SPI_execute_plan(plan, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not make the key of a subject");
	cg_act_end(&acting);
}

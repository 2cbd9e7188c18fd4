/*
 * subject_epoch.c
 *		Epochs of keys of subjects.
 *
 * A subject's key is wrapped (AES-256-KWP, together with its id) by a key
 * that HKDF-SHA-256 makes of two others: one of cipguard.data_key, which the
 * KEK wraps, and the epoch key, which is outside of the database (epoch.c).
 * Without either nothing opens.  A new KEK wraps the former anew and leaves
 * the keys of subjects as they are.
 *
 * Closing an epoch takes three steps, and may be broken off after each:
 *
 *	1. the next epoch is made and the keys that are left are wrapped under it,
 *	   in one transaction, which also marks the old one as closed;
 *	2. that is committed, and on disk;
 *	3. the old epoch key is destroyed, and its row says so.
 *
 * After 1 nothing has happened.  After 2 the old epoch stays marked, and the
 * next closing, or cipguard.finish_epochs(), takes step 3.  Destroying a key
 * that is gone does nothing.
 */
#include "postgres.h"

#include <unistd.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "bytes.h"
#include "catalog.h"
#include "category.h"
#include "cipguard.h"
#include "digest.h"
#include "guc.h"
#include "keyring.h"
#include "secret.h"
#include "subject_epoch.h"
#include "wipe.h"

/* Never change it: it is part of the format. */
#define INFO_WRAP	"cipguard/v1/subject-key/wrap"

#define NUM_WRAPS	4

typedef struct CgEpoch
{
	int32		epoch;
	char		name[CG_EPOCH_NAME_LEN + 1];
	uint16		root_version;
	bool		open;
	bool		destroyed;
} CgEpoch;

static CgEpoch *find_epoch(int32 epoch);
static CgEpochStatus status_of(int32 epoch);
static void load_epochs(void);
static const uint8 *wrap_key(CgEpoch *e);
static void set_state(Relation rel, HeapTuple tuple, const char *state,
					  AttrNumber stamp);
static char *state_of(Relation rel, HeapTuple tuple);
static void transaction_ended(XactEvent event, void *arg);

static CgWatch watch = {.relname = "subject_epoch",.natts = CG_EP_NUM};
static uint64 loaded_generation = 0;
static uint64 loaded_places = 0;
static uint64 loaded_keys = 0;
static uint64 times_loaded = 0;
static MemoryContext epoch_context = NULL;
static CgEpoch *epochs = NULL;
static int	num_epochs = 0;

/* Keys that wrap, in secret memory. */
static struct
{
	int32		epoch;			/* 0: free */
	uint8	   *key;
}			wraps[NUM_WRAPS];
static int	next_wrap = 0;

/* An epoch key that was made in the transaction at work. */
static int32 made_epoch = 0;
static char made_name[CG_EPOCH_NAME_LEN + 1];

void
cg_epochs_init(void)
{
	cg_watch(&watch);
	RegisterXactCallback(transaction_ended, NULL);
}

uint64
cg_epochs_refresh(void)
{
	uint64		keys = cg_keyring_refresh();

	if (loaded_generation != watch.generation ||
		loaded_places != cg_epoch_generation || loaded_keys != keys)
		load_epochs();
	return times_loaded;
}

static void
load_epochs(void)
{
	uint64		generation = watch.generation;
	uint64		places = cg_epoch_generation;
	uint64		keys = cg_keyring_refresh();
	Relation	rel;
	int			allocated = 16;
	int			i;

	times_loaded++;
	for (i = 0; i < NUM_WRAPS; i++)
	{
		wraps[i].epoch = 0;
		if (wraps[i].key != NULL)
			cg_wipe(wraps[i].key, CG_KEK_LEN);
	}
	num_epochs = 0;
	loaded_generation = 0;
	if (epoch_context == NULL)
		epoch_context = AllocSetContextCreate(CacheMemoryContext,
											  "cipguard epochs",
											  ALLOCSET_SMALL_SIZES);
	MemoryContextReset(epoch_context);
	epochs = MemoryContextAllocZero(epoch_context,
									allocated * sizeof(CgEpoch));
	rel = cg_watch_open(&watch);
	if (rel != NULL)
	{
		TupleDesc	desc = RelationGetDescr(rel);
		SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0,
											  NULL);
		HeapTuple	tuple;

		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			CgEpoch    *e;
			Datum		values[CG_EP_NUM];
			bool		nulls[CG_EP_NUM];
			char	   *state;

			if (num_epochs == allocated)
			{
				allocated *= 2;
				epochs = repalloc(epochs, allocated * sizeof(CgEpoch));
			}
			heap_deform_tuple(tuple, desc, values, nulls);
			e = &epochs[num_epochs];
			memset(e, 0, sizeof(CgEpoch));
			e->epoch = DatumGetInt32(values[CG_EP_EPOCH - 1]);
			strlcpy(e->name, TextDatumGetCString(values[CG_EP_NAME - 1]),
					sizeof(e->name));
			e->root_version =
				(uint16) DatumGetInt32(values[CG_EP_ROOT_VERSION - 1]);
			state = TextDatumGetCString(values[CG_EP_STATE - 1]);
			e->open = strcmp(state, "open") == 0;
			e->destroyed = strcmp(state, "destroyed") == 0;
			num_epochs++;
		}
		systable_endscan(scan);
		table_close(rel, AccessShareLock);
	}
	loaded_generation = generation;
	loaded_places = places;
	loaded_keys = keys;
}

static CgEpoch *
find_epoch(int32 epoch)
{
	int			i;

	for (i = 0; i < num_epochs; i++)
		if (epochs[i].epoch == epoch)
			return &epochs[i];
	return NULL;
}

int32
cg_epochs_current(void)
{
	int32		newest = 0;
	int			i;

	for (i = 0; i < num_epochs; i++)
		if (epochs[i].open)
			newest = Max(newest, epochs[i].epoch);
	return newest;
}

static CgEpochStatus
status_of(int32 epoch)
{
	CgEpoch    *e = find_epoch(epoch);
	CgEpochStatus status;
	uint8		key[CG_KEK_LEN];
	int			i;

	if (e == NULL)
		return CG_EPOCH_ABSENT;
	if (e->destroyed)
		return CG_EPOCH_DESTROYED;
	for (i = 0; i < NUM_WRAPS; i++)
		if (wraps[i].epoch == epoch)
			return CG_EPOCH_FOUND;
	status = cg_epoch_get(epoch, e->name, key, false);
	cg_wipe(key, sizeof(key));
	e->destroyed = status == CG_EPOCH_DESTROYED;
	return status;
}

bool
cg_epochs_destroyed(int32 epoch)
{
	return status_of(epoch) == CG_EPOCH_DESTROYED;
}

bool
cg_epochs_usable(int32 epoch)
{
	return status_of(epoch) == CG_EPOCH_FOUND;
}

/* NULL if the epoch's key was destroyed. */
static const uint8 *
wrap_key(CgEpoch *e)
{
	uint8		secret[CG_KEY_LEN + CG_KEK_LEN];
	uint16		version = e->root_version;
	int			i;
	bool		good;

	for (i = 0; i < NUM_WRAPS; i++)
		if (wraps[i].epoch == e->epoch)
			return wraps[i].key;
	if (e->destroyed)
		return NULL;

	if (!cg_keyring_secret(CG_KEY_KIND_TOKEN,
						   cg_name_hash(CG_DOMAIN_SUBJECT_KEY), &version,
						   secret))
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEY_MISSING),
				 errmsg("the key that protects keys of subjects is not in this database"),
				 errhint("Restore the rows of %s from a backup of the database that wrote the value.",
						 "cipguard.data_key")));
	i = next_wrap;
	if (wraps[i].key == NULL)
		wraps[i].key = cg_secret_alloc(CG_KEK_LEN);
	wraps[i].epoch = 0;
	good = false;
	PG_TRY();
	{
		if (cg_epoch_get(e->epoch, e->name, secret + CG_KEY_LEN,
						 true) == CG_EPOCH_FOUND)
		{
			if (cg_hkdf(secret, sizeof(secret), NULL, 0, INFO_WRAP,
						sizeof(INFO_WRAP) - 1, wraps[i].key,
						CG_KEK_LEN) != CG_OK)
				elog(ERROR, "could not derive a key");
			good = true;
		}
	}
	PG_FINALLY();
	{
		cg_wipe(secret, sizeof(secret));
	}
	PG_END_TRY();
	if (!good)
	{
		e->destroyed = true;
		return NULL;
	}
	wraps[i].epoch = e->epoch;
	next_wrap = (next_wrap + 1) % NUM_WRAPS;
	return wraps[i].key;
}

void
cg_epochs_wrap(int32 epoch, uint64 id, const uint8 key[CG_KEY_LEN],
			   uint8 *wrapped)
{
	CgEpoch    *e = find_epoch(epoch);
	const uint8 *wrap = e == NULL ? NULL : wrap_key(e);
	uint8		blob[8 + CG_KEY_LEN];
	size_t		len = 0;
	CgStatus	status;

	if (wrap == NULL)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("the key of epoch %d was destroyed", epoch),
				 errdetail("This copy of the database is older than the end of the epoch."),
				 errhint("Bring the keys of the database that closed it with %s.",
						 "cipguard.import_subject_keys()")));
	cg_put_u64(blob, id);
	memcpy(blob + 8, key, CG_KEY_LEN);
	status = cg_key_wrap(wrap, blob, sizeof(blob), wrapped,
						 CG_SUBJECT_WRAPPED_LEN, &len);
	cg_wipe(blob, sizeof(blob));
	if (status != CG_OK || len != CG_SUBJECT_WRAPPED_LEN)
		elog(ERROR, "could not wrap a key");
}

bool
cg_epochs_unwrap(int32 epoch, uint64 id, const uint8 *wrapped, Size len,
				 uint8 key[CG_KEY_LEN])
{
	CgEpoch    *e = find_epoch(epoch);
	const uint8 *wrap;
	uint8		blob[CG_SUBJECT_WRAPPED_LEN];
	size_t		blob_len = 0;
	bool		good;

	if (e == NULL)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEY_MISSING),
				 errmsg("epoch %d of keys of subjects is not in this database",
						epoch),
				 errhint("Restore the rows of %s.",
						 "cipguard.subject_epoch")));
	wrap = wrap_key(e);
	if (wrap == NULL)
		return false;
	good = len == CG_SUBJECT_WRAPPED_LEN &&
		cg_key_unwrap(wrap, wrapped, len, blob, sizeof(blob),
					  &blob_len) == CG_OK &&
		blob_len == 8 + CG_KEY_LEN && cg_get_u64(blob) == id;
	if (good)
		memcpy(key, blob + 8, CG_KEY_LEN);
	cg_wipe(blob, sizeof(blob));
	if (!good)
		ereport(ERROR,
				(errcode(CG_ERRCODE_NOT_AUTHENTIC),
				 errmsg("the key of a subject is damaged, or was wrapped by another epoch key"),
				 errdetail("It belongs to epoch %d.", epoch),
				 errhint("Put the right epoch key back, or restore the row of %s.",
						 "cipguard.subject_key")));
	return true;
}

/* ---------- beginning and end ---------- */

int32
cg_epochs_begin(void)
{
	Relation	rel = cg_watch_open(&watch);
	Datum		values[CG_EP_NUM] = {0};
	bool		nulls[CG_EP_NUM] = {false};
	uint8		key[CG_KEK_LEN];
	uint8		random[CG_EPOCH_NAME_LEN / 2];
	int32		epoch = 1;
	int			i;

	if (rel == NULL)
		elog(ERROR, "table cipguard.subject_epoch is missing");
	cg_epochs_refresh();
	for (i = 0; i < num_epochs; i++)
		epoch = Max(epoch, epochs[i].epoch + 1);
	if (!pg_strong_random(random, sizeof(random)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not get random bytes for a key")));
	for (i = 0; i < (int) sizeof(random); i++)
		snprintf(made_name + 2 * i, 3, "%02x", random[i]);

	made_epoch = epoch;
	cg_epoch_create(epoch, made_name, key);
	cg_wipe(key, sizeof(key));

	values[CG_EP_EPOCH - 1] = Int32GetDatum(epoch);
	values[CG_EP_NAME - 1] = CStringGetTextDatum(made_name);
	values[CG_EP_ROOT_VERSION - 1] =
		Int32GetDatum(cg_keyring_current(CG_KEY_KIND_TOKEN,
										 cg_name_hash(CG_DOMAIN_SUBJECT_KEY)));
	values[CG_EP_STATE - 1] = CStringGetTextDatum("open");
	values[CG_EP_CREATED - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
	nulls[CG_EP_CLOSED - 1] = true;
	nulls[CG_EP_DESTROYED - 1] = true;
	CatalogTupleInsert(rel, heap_form_tuple(RelationGetDescr(rel), values,
											nulls));
	CacheInvalidateRelcache(rel);
	table_close(rel, NoLock);
	CommandCounterIncrement();
	cg_epochs_refresh();
	return epoch;
}

/* The key of an epoch that there will not be. */
static void
transaction_ended(XactEvent event, void *arg)
{
	int32		epoch = made_epoch;

	if (event != XACT_EVENT_ABORT && event != XACT_EVENT_COMMIT &&
		event != XACT_EVENT_PREPARE)
		return;
	made_epoch = 0;
	if (epoch == 0 || event != XACT_EVENT_ABORT ||
		cg_epoch_directory == NULL || cg_epoch_directory[0] == '\0')
		return;

	/* Nothing was wrapped by it that is left.  No error is possible here. */
	{
		char		path[MAXPGPATH];

		snprintf(path, sizeof(path), "%s/epoch_%d_%s.key",
				 cg_epoch_directory, epoch, made_name);
		(void) unlink(path);
	}
}

static char *
state_of(Relation rel, HeapTuple tuple)
{
	bool		isnull;

	return TextDatumGetCString(heap_getattr(tuple, CG_EP_STATE,
											RelationGetDescr(rel), &isnull));
}

static void
set_state(Relation rel, HeapTuple tuple, const char *state, AttrNumber stamp)
{
	Datum		values[CG_EP_NUM] = {0};
	bool		nulls[CG_EP_NUM] = {false};
	bool		replaces[CG_EP_NUM] = {false};
	HeapTuple	changed;

	values[CG_EP_STATE - 1] = CStringGetTextDatum(state);
	replaces[CG_EP_STATE - 1] = true;
	values[stamp - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
	replaces[stamp - 1] = true;
	changed = heap_modify_tuple(tuple, RelationGetDescr(rel), values, nulls,
								replaces);
	CatalogTupleUpdate(rel, &tuple->t_self, changed);
	CacheInvalidateRelcache(rel);
}

void
cg_epochs_close_before(int32 epoch)
{
	Relation	rel = cg_watch_open(&watch);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0,
										  NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;

		if (DatumGetInt32(heap_getattr(tuple, CG_EP_EPOCH,
									   RelationGetDescr(rel),
									   &isnull)) < epoch &&
			strcmp(state_of(rel, tuple), "open") == 0)
			set_state(rel, tuple, "closed", CG_EP_CLOSED);
	}
	systable_endscan(scan);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

int
cg_epochs_finish(void)
{
	Relation	rel = cg_watch_open(&watch);
	SysScanDesc scan;
	HeapTuple	tuple;
	int			n = 0;

	if (rel == NULL)
		elog(ERROR, "table cipguard.subject_epoch is missing");
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Datum		values[CG_EP_NUM];
		bool		nulls[CG_EP_NUM];

		if (strcmp(state_of(rel, tuple), "closed") != 0)
			continue;

		/* What may still roll back would need the key again. */
		if (TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)))
			ereport(ERROR,
					(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
					 errmsg("an epoch key cannot be destroyed in the transaction that closes the epoch"),
					 errhint("Use %s outside of a transaction.",
							 "CALL cipguard.close_epoch()")));
		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		cg_epoch_destroy(DatumGetInt32(values[CG_EP_EPOCH - 1]),
						 TextDatumGetCString(values[CG_EP_NAME - 1]));
		set_state(rel, tuple, "destroyed", CG_EP_DESTROYED);
		n++;
	}
	systable_endscan(scan);
	table_close(rel, NoLock);
	CommandCounterIncrement();
	return n;
}

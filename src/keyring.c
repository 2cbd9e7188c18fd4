/*
 * keyring.c
 *		Data keys, token keys and the signing key of seals, ready for use.
 *
 * cipguard.data_key holds keys wrapped by the KEK (AES-256-KWP).  What is
 * wrapped is not the bare key but
 *
 *		kind (1 byte) || owner (4) || version (2) || key (32)
 *
 * so that a row cannot pass for another: moving a wrapped key to a different
 * category or version makes it fail to open.
 *
 * The rows are cached as they are; a key is unwrapped when first used, made
 * into a cipher context, and wiped.  Contexts live in libcrypto's memory for
 * as long as the rows do not change.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "storage/lmgr.h"
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
#include "guc.h"
#include "keyring.h"
#include "keywrap.h"
#include "key_provider.h"
#include "wipe.h"

/* Columns of cipguard.data_key, in the order of sql/parts/10_key.sql. */
enum
{
	COL_KIND = 1,
	COL_OWNER,
	COL_OWNER_NAME,
	COL_VERSION,
	COL_STATE,
	COL_KEK_ID,
	COL_WRAPPED,
	COL_CREATED,
	COL_RETIRED
};
#define NUM_COLS COL_RETIRED

#define BLOB_LEN	(1 + 4 + 2 + CG_KEY_LEN)
#define WRAPPED_LEN CG_WRAPPED_LEN(BLOB_LEN)

typedef struct CgKeyRow
{
	char		kind;
	int32		owner;
	uint16		version;
	char	   *owner_name;		/* in key_context, or NULL */
	CgKeyState	state;
	bool		active;			/* may encrypt new values */
	bool		usable;			/* not destroyed */
	uint8		kek_id[CG_KEK_ID_LEN];
	uint8		wrapped[WRAPPED_LEN];
	CgCipher   *ciphers[CG_MAX_SUITE + 1];	/* by suite */
	CgToken    *tokens[CG_MAX_SUITE + 1];	/* by suite */
} CgKeyRow;

static CgKeyRow *find_row(char kind, int32 owner, uint16 version);
static CgKeyRow *current_row(char kind, int32 owner);
static void get_info(const CgKeyRow *row, CgKeyInfo *info);
static void load_rows(void);
static void drop_rows(void);
static CgStatus try_unwrap(const CgKeyRow *row, uint8 *key);
static void unwrap(const CgKeyRow *row, uint8 *key);
static Relation lock_keys(void);
static void verify_rows(void);
static bytea *make_bytea(const void *data, Size len);
static void wrap(char kind, int32 owner, uint16 version, const uint8 *key,
				 uint8 *wrapped, uint8 *kek_id);
static void insert_key(Relation rel, char kind, int32 owner,
					   const char *owner_name, uint16 version,
					   CgKeyState state, const uint8 *key);
static void changed(Relation rel);
static void set_retiring(Relation rel, char kind, int32 owner);
static uint16 create_key(Relation rel, char kind, int32 owner,
						 const char *owner_name);
pg_noreturn static void missing_key(char kind, int32 owner, int version);

/* Token keys that are not of categories. */
static const char *const domains[] = {
	CG_DOMAIN_SUBJECT, CG_DOMAIN_JOURNAL, CG_DOMAIN_NGRAM, CG_DOMAIN_SUBJECT_KEY
};

static CgWatch watch = {.relname = "data_key",.natts = NUM_COLS};
static uint64 loaded_generation = 0;
static uint64 loaded_kek_epoch = 0;
static uint64 times_loaded = 0;
static MemoryContext key_context = NULL;
static CgKeyRow *rows = NULL;
static int	num_rows = 0;

void
cg_keyring_init(void)
{
	cg_watch(&watch);
}

uint64
cg_keyring_generation(void)
{
	return watch.generation;
}

uint64
cg_keyring_refresh(void)
{
	if (loaded_generation != watch.generation ||
		loaded_kek_epoch != cg_kek_epoch())
		load_rows();
	return times_loaded;
}

uint16
cg_keyring_current(char kind, int32 owner)
{
	CgKeyRow   *row;

	cg_keyring_refresh();
	row = current_row(kind, owner);
	if (row == NULL)
		missing_key(kind, owner, 0);
	return row->version;
}

bool
cg_keyring_usable(char kind, int32 owner)
{
	cg_keyring_refresh();
	return current_row(kind, owner) != NULL && cg_kek_reachable();
}

CgCipher *
cg_keyring_cipher(int32 category, uint16 version, int suite, bool missing_ok)
{
	CgKeyRow   *row = find_row(CG_KEY_KIND_DATA, category, version);
	uint8		key[CG_KEY_LEN];

	if (row == NULL || cg_suite_by_id(suite) == NULL)
	{
		if (!missing_ok)
			missing_key(CG_KEY_KIND_DATA, category, version);
		return NULL;
	}
	if (row->ciphers[suite] == NULL)
	{
		unwrap(row, key);
		row->ciphers[suite] = cg_cipher_new(suite, key);
		cg_wipe(key, sizeof(key));
		if (row->ciphers[suite] == NULL)
			cg_suite_unavailable(suite);
	}
	return row->ciphers[suite];
}

bool
cg_keyring_derive(int32 domain, uint16 *version, const char *info,
				  uint8 *derived)
{
	CgKeyRow   *row;
	uint8		key[CG_KEY_LEN];
	bool		good;

	cg_keyring_refresh();
	row = *version == 0 ? current_row(CG_KEY_KIND_TOKEN, domain) :
		find_row(CG_KEY_KIND_TOKEN, domain, *version);
	if (row == NULL || !cg_kek_reachable())
		return false;
	good = try_unwrap(row, key) == CG_OK &&
		cg_hkdf(key, sizeof(key), NULL, 0, info, strlen(info),
				derived, CG_SHA256_LEN) == CG_OK;
	cg_wipe(key, sizeof(key));
	if (good)
		*version = row->version;
	return good;
}

CgToken *
cg_keyring_token(int32 domain, uint16 version, int suite, bool missing_ok)
{
	CgKeyRow   *row = find_row(CG_KEY_KIND_TOKEN, domain, version);
	uint8		key[CG_KEY_LEN];

	if (row == NULL || cg_suite_by_id(suite) == NULL)
	{
		if (!missing_ok)
			missing_key(CG_KEY_KIND_TOKEN, domain, version);
		return NULL;
	}
	if (row->tokens[suite] == NULL)
	{
		unwrap(row, key);
		row->tokens[suite] = cg_token_new(suite, key);
		cg_wipe(key, sizeof(key));
		if (row->tokens[suite] == NULL)
			cg_suite_unavailable(suite);
	}
	return row->tokens[suite];
}

bool
cg_keyring_secret(char kind, int32 owner, uint16 *version,
				  uint8 key[CG_KEY_LEN])
{
	CgKeyRow   *row;

	cg_keyring_refresh();
	row = *version == 0 ? current_row(kind, owner) :
		find_row(kind, owner, *version);
	if (row == NULL && *version != 0)
		return false;
	if (row == NULL)
		missing_key(kind, owner, 0);
	unwrap(row, key);
	*version = row->version;
	return true;
}

uint16
cg_keyring_newest(char kind, int32 owner)
{
	uint16		newest = 0;
	int			i;

	cg_keyring_refresh();
	for (i = 0; i < num_rows; i++)
		if (rows[i].kind == kind && rows[i].owner == owner)
			newest = Max(newest, rows[i].version);
	return newest;
}

/*
 * A wrong KEK must never make a second set of keys: the lock keeps two
 * sessions from both finding a key missing, and every key there is must open
 * before one is added.
 */
static Relation
lock_keys(void)
{
	Relation	rel = cg_watch_open(&watch);

	if (rel == NULL)
		elog(ERROR, "table cipguard.data_key is missing");
	LockRelation(rel, ShareRowExclusiveLock);
	AcceptInvalidationMessages();
	cg_keyring_refresh();
	verify_rows();
	return rel;
}

static void
verify_rows(void)
{
	uint8		key[CG_KEY_LEN];
	int			i;

	for (i = 0; i < num_rows; i++)
	{
		if (!rows[i].usable)
			continue;
		unwrap(&rows[i], key);
		cg_wipe(key, sizeof(key));
	}
	cg_kek_current(key, NULL);	/* raises if there is none */
	cg_wipe(key, sizeof(key));
}

void
cg_keyring_verify(void)
{
	cg_keyring_refresh();
	verify_rows();
}

int
cg_keyring_create_missing(void)
{
	Relation	rel = lock_keys();
	int32	   *ids;
	int			n;
	int			i;
	int			made = 0;

	n = cg_category_ids(&ids);
	for (i = 0; i < n; i++)
	{
		CgCategory	c = *cg_category_by_id(ids[i], false);

		if (current_row(CG_KEY_KIND_DATA, c.id) == NULL)
		{
			create_key(rel, CG_KEY_KIND_DATA, c.id, NameStr(c.name));
			made++;
		}
		if (c.searchable && current_row(CG_KEY_KIND_TOKEN, c.domain) == NULL)
		{
			create_key(rel, CG_KEY_KIND_TOKEN, c.domain, NULL);
			made++;
		}
	}
	if (current_row(CG_KEY_KIND_SEAL, cg_name_hash(CG_SEAL_KEY_NAME)) == NULL)
	{
		create_key(rel, CG_KEY_KIND_SEAL, cg_name_hash(CG_SEAL_KEY_NAME),
				   CG_SEAL_KEY_NAME);
		made++;
	}
	for (i = 0; i < lengthof(domains); i++)
		if (current_row(CG_KEY_KIND_TOKEN, cg_name_hash(domains[i])) == NULL)
		{
			create_key(rel, CG_KEY_KIND_TOKEN, cg_name_hash(domains[i]),
					   domains[i]);
			made++;
		}
	table_close(rel, NoLock);
	return made;
}

uint16
cg_keyring_add(char kind, int32 owner)
{
	Relation	rel = lock_keys();
	CgKeyRow   *row = current_row(kind, owner);
	char	   *name;
	uint16		version;

	if (row == NULL)
		missing_key(kind, owner, 0);
	name = row->owner_name == NULL ? NULL : pstrdup(row->owner_name);
	set_retiring(rel, kind, owner);
	version = create_key(rel, kind, owner, name);
	table_close(rel, NoLock);
	return version;
}

int
cg_keyring_rewrap(void)
{
	Relation	rel = lock_keys();
	TupleDesc	desc = RelationGetDescr(rel);
	SysScanDesc scan;
	HeapTuple	tuple;
	uint8		key[CG_KEY_LEN];
	uint8		kek_id[CG_KEK_ID_LEN];
	int			count = 0;

	cg_kek_current(key, kek_id);
	cg_wipe(key, sizeof(key));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Datum		values[NUM_COLS];
		bool		nulls[NUM_COLS];
		bool		replace[NUM_COLS] = {false};
		uint8		wrapped[WRAPPED_LEN];
		CgKeyRow   *row;

		heap_deform_tuple(tuple, desc, values, nulls);
		row = find_row(DatumGetChar(values[COL_KIND - 1]),
					   DatumGetInt32(values[COL_OWNER - 1]),
					   (uint16) DatumGetInt32(values[COL_VERSION - 1]));
		if (row == NULL || memcmp(row->kek_id, kek_id, CG_KEK_ID_LEN) == 0)
			continue;
		unwrap(row, key);
		wrap(row->kind, row->owner, row->version, key, wrapped, kek_id);
		cg_wipe(key, sizeof(key));
		values[COL_KEK_ID - 1] =
			PointerGetDatum(make_bytea(kek_id, CG_KEK_ID_LEN));
		values[COL_WRAPPED - 1] =
			PointerGetDatum(make_bytea(wrapped, WRAPPED_LEN));
		replace[COL_KEK_ID - 1] = replace[COL_WRAPPED - 1] = true;
		CatalogTupleUpdate(rel, &tuple->t_self,
						   heap_modify_tuple(tuple, desc, values, nulls,
											 replace));
		count++;
	}
	systable_endscan(scan);
	if (count > 0)
	{
		changed(rel);
		verify_rows();			/* as they are now */
	}
	table_close(rel, NoLock);
	return count;
}

int
cg_keyring_list(CgKeyInfo **keys)
{
	int			i;

	cg_keyring_refresh();
	*keys = palloc(Max(num_rows, 1) * sizeof(CgKeyInfo));
	for (i = 0; i < num_rows; i++)
		get_info(&rows[i], &(*keys)[i]);
	return num_rows;
}

bool
cg_keyring_info(char kind, int32 owner, uint16 version, CgKeyInfo *info)
{
	int			i;

	cg_keyring_refresh();
	for (i = 0; i < num_rows; i++)
		if (rows[i].kind == kind && rows[i].owner == owner &&
			rows[i].version == version)
		{
			get_info(&rows[i], info);
			return true;
		}
	return false;
}

static void
get_info(const CgKeyRow *row, CgKeyInfo *info)
{
	info->kind = row->kind;
	info->owner = row->owner;
	info->version = row->version;
	info->state = row->state;
	info->owner_name = row->owner_name == NULL ? NULL :
		pstrdup(row->owner_name);
}

bool
cg_keyring_is_current(int32 category, uint16 version)
{
	CgKeyRow   *row = current_row(CG_KEY_KIND_DATA, category);

	return row == NULL || row->version == version;
}

void
cg_keyring_lock(void)
{
	table_close(lock_keys(), NoLock);
}

void
cg_keyring_insert(const CgKeyInfo *info, const uint8 key[CG_KEY_LEN])
{
	Relation	rel = lock_keys();

	insert_key(rel, info->kind, info->owner, info->owner_name, info->version,
			   info->state, key);
	table_close(rel, NoLock);
}

void
cg_keyring_destroy(char kind, int32 owner, uint16 version)
{
	Relation	rel = lock_keys();
	TupleDesc	desc = RelationGetDescr(rel);
	SysScanDesc scan;
	HeapTuple	tuple;

	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Datum		values[NUM_COLS];
		bool		nulls[NUM_COLS];
		bool		replace[NUM_COLS] = {false};

		heap_deform_tuple(tuple, desc, values, nulls);
		if (DatumGetChar(values[COL_KIND - 1]) != kind ||
			DatumGetInt32(values[COL_OWNER - 1]) != owner ||
			DatumGetInt32(values[COL_VERSION - 1]) != version)
			continue;
		values[COL_STATE - 1] = CStringGetTextDatum("destroyed");
		nulls[COL_KEK_ID - 1] = nulls[COL_WRAPPED - 1] = true;
		values[COL_RETIRED - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
		nulls[COL_RETIRED - 1] = false;
		replace[COL_STATE - 1] = replace[COL_KEK_ID - 1] =
			replace[COL_WRAPPED - 1] = replace[COL_RETIRED - 1] = true;
		CatalogTupleUpdate(rel, &tuple->t_self,
						   heap_modify_tuple(tuple, desc, values, nulls,
											 replace));
	}
	systable_endscan(scan);
	changed(rel);
	table_close(rel, NoLock);
}

static CgKeyRow *
find_row(char kind, int32 owner, uint16 version)
{
	int			i;

	for (i = 0; i < num_rows; i++)
		if (rows[i].owner == owner && rows[i].version == version &&
			rows[i].kind == kind && rows[i].usable)
			return &rows[i];
	return NULL;
}

/* The newest version that may encrypt. */
static CgKeyRow *
current_row(char kind, int32 owner)
{
	CgKeyRow   *best = NULL;
	int			i;

	for (i = 0; i < num_rows; i++)
		if (rows[i].owner == owner && rows[i].kind == kind &&
			rows[i].active && rows[i].usable &&
			(best == NULL || rows[i].version > best->version))
			best = &rows[i];
	return best;
}

static void
load_rows(void)
{
	uint64		generation = watch.generation;
	uint64		kek_epoch = cg_kek_epoch();
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	int			allocated = 32;

	drop_rows();
	if (key_context == NULL)
		key_context = AllocSetContextCreate(CacheMemoryContext,
											"cipguard keys",
											ALLOCSET_SMALL_SIZES);
	rel = cg_watch_open(&watch);
	if (rel != NULL)
	{
		TupleDesc	desc = RelationGetDescr(rel);

		rows = MemoryContextAllocZero(key_context,
									  allocated * sizeof(CgKeyRow));
		scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			CgKeyRow   *row;
			Datum		values[NUM_COLS];
			bool		nulls[NUM_COLS];
			char	   *state;

			if (num_rows == allocated)
			{
				rows = repalloc(rows, 2 * allocated * sizeof(CgKeyRow));
				memset(rows + allocated, 0, allocated * sizeof(CgKeyRow));
				allocated *= 2;
			}
			row = &rows[num_rows++];
			heap_deform_tuple(tuple, desc, values, nulls);
			row->kind = DatumGetChar(values[COL_KIND - 1]);
			row->owner = DatumGetInt32(values[COL_OWNER - 1]);
			row->version = (uint16) DatumGetInt32(values[COL_VERSION - 1]);
			row->owner_name = nulls[COL_OWNER_NAME - 1] ? NULL :
				MemoryContextStrdup(key_context,
									TextDatumGetCString(values[COL_OWNER_NAME - 1]));
			state = TextDatumGetCString(values[COL_STATE - 1]);
			row->active = strcmp(state, "active") == 0;
			row->state = row->active ? CG_KEY_ACTIVE :
				strcmp(state, "retiring") == 0 ? CG_KEY_RETIRING :
				CG_KEY_DESTROYED;
			if (!nulls[COL_KEK_ID - 1] && !nulls[COL_WRAPPED - 1])
			{
				bytea	   *id = DatumGetByteaPP(values[COL_KEK_ID - 1]);
				bytea	   *blob = DatumGetByteaPP(values[COL_WRAPPED - 1]);

				if (VARSIZE_ANY_EXHDR(id) == CG_KEK_ID_LEN &&
					VARSIZE_ANY_EXHDR(blob) == WRAPPED_LEN)
				{
					memcpy(row->kek_id, VARDATA_ANY(id), CG_KEK_ID_LEN);
					memcpy(row->wrapped, VARDATA_ANY(blob), WRAPPED_LEN);
					row->usable = true;
				}
			}
			pfree(state);
		}
		systable_endscan(scan);
		table_close(rel, AccessShareLock);
	}
	loaded_generation = generation;
	loaded_kek_epoch = kek_epoch;
}

static void
drop_rows(void)
{
	int			i;
	int			suite;

	for (i = 0; i < num_rows; i++)
		for (suite = 0; suite <= CG_MAX_SUITE; suite++)
		{
			if (rows[i].ciphers[suite] != NULL)
				cg_cipher_free(rows[i].ciphers[suite]);
			if (rows[i].tokens[suite] != NULL)
				cg_token_free(rows[i].tokens[suite]);
		}
	num_rows = 0;
	rows = NULL;
	loaded_generation = 0;
	times_loaded++;
	if (key_context != NULL)
		MemoryContextReset(key_context);
}

static void
fill_blob(uint8 *blob, char kind, int32 owner, uint16 version)
{
	blob[0] = (uint8) kind;
	cg_put_u32(blob + 1, (uint32) owner);
	cg_put_u16(blob + 5, version);
}

/*
 * Takes a KEK that is at hand, or raises for want of one.  CG_E_FORMAT: it is
 * another KEK that wraps the key.
 */
static CgStatus
try_unwrap(const CgKeyRow *row, uint8 *key)
{
	uint8		kek[CG_KEK_LEN];
	uint8		blob[WRAPPED_LEN];
	uint8		want[BLOB_LEN];
	size_t		len = 0;
	CgStatus	status;

	if (!cg_kek_named(row->kek_id, kek))
		return CG_E_FORMAT;
	status = cg_key_unwrap(kek, row->wrapped, WRAPPED_LEN,
						   blob, sizeof(blob), &len);
	cg_wipe(kek, sizeof(kek));
	fill_blob(want, row->kind, row->owner, row->version);
	if (status == CG_OK &&
		(len != BLOB_LEN || memcmp(blob, want, BLOB_LEN - CG_KEY_LEN) != 0))
		status = CG_E_AUTH;
	if (status == CG_OK)
		memcpy(key, blob + BLOB_LEN - CG_KEY_LEN, CG_KEY_LEN);
	cg_wipe(blob, sizeof(blob));
	return status;
}

static void
unwrap(const CgKeyRow *row, uint8 *key)
{
	CgStatus	status = try_unwrap(row, key);
	uint8		kek[CG_KEK_LEN];
	uint8		kek_id[CG_KEK_ID_LEN];

	if (status == CG_OK)
		return;
	cg_kek_current(kek, kek_id);
	cg_wipe(kek, sizeof(kek));
	if (status == CG_E_FORMAT)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_WRONG),
				 errmsg("the key-encryption key is not the one that protects the keys of this database"),
				 errdetail("The configured key is named %02x%02x%02x%02x, the keys are wrapped by %02x%02x%02x%02x.",
						   kek_id[0], kek_id[1], kek_id[2], kek_id[3],
						   row->kek_id[0], row->kek_id[1],
						   row->kek_id[2], row->kek_id[3]),
				 errhint("Point %s or %s at the right key, or if the key was changed, %s or %s at the one before. No key was created or changed.",
						 "cipguard.kek_command", "cipguard.kek_file",
						 "cipguard.previous_kek_command",
						 "cipguard.previous_kek_file")));
	ereport(ERROR,
			(errcode(CG_ERRCODE_NOT_AUTHENTIC),
			 errmsg("key version %u of kind \"%c\" is damaged", row->version,
					row->kind),
			 errdetail("Its owner is %d.", row->owner),
			 errhint("Restore its row of %s from a backup.",
					 "cipguard.data_key")));
}

/* Versions that encrypted new values decrypt only. */
static void
set_retiring(Relation rel, char kind, int32 owner)
{
	SysScanDesc scan;
	HeapTuple	tuple;
	TupleDesc	desc = RelationGetDescr(rel);

	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Datum		values[NUM_COLS];
		bool		nulls[NUM_COLS];
		bool		replace[NUM_COLS] = {false};
		HeapTuple	changed;

		heap_deform_tuple(tuple, desc, values, nulls);
		if (DatumGetChar(values[COL_KIND - 1]) != kind ||
			DatumGetInt32(values[COL_OWNER - 1]) != owner ||
			strcmp(TextDatumGetCString(values[COL_STATE - 1]), "active") != 0)
			continue;
		values[COL_STATE - 1] = CStringGetTextDatum("retiring");
		replace[COL_STATE - 1] = true;
		changed = heap_modify_tuple(tuple, desc, values, nulls, replace);
		CatalogTupleUpdate(rel, &tuple->t_self, changed);
	}
	systable_endscan(scan);
}

static uint16
create_key(Relation rel, char kind, int32 owner, const char *owner_name)
{
	uint8		key[CG_KEY_LEN];
	int			version = 1;
	int			i;

	for (i = 0; i < num_rows; i++)
		if (rows[i].kind == kind && rows[i].owner == owner)
			version = Max(version, rows[i].version + 1);
	if (version > PG_UINT16_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a key cannot have more than %d versions",
						PG_UINT16_MAX)));
	if (!pg_strong_random(key, CG_KEY_LEN))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not get random bytes for a key")));
	insert_key(rel, kind, owner, owner_name, (uint16) version, CG_KEY_ACTIVE,
			   key);
	cg_wipe(key, sizeof(key));
	return (uint16) version;
}

static void
insert_key(Relation rel, char kind, int32 owner, const char *owner_name,
		   uint16 version, CgKeyState state, const uint8 *key)
{
	uint8		wrapped[WRAPPED_LEN];
	uint8		kek_id[CG_KEK_ID_LEN];
	Datum		values[NUM_COLS] = {0};
	bool		nulls[NUM_COLS] = {false};

	wrap(kind, owner, version, key, wrapped, kek_id);
	values[COL_KIND - 1] = CharGetDatum(kind);
	values[COL_OWNER - 1] = Int32GetDatum(owner);
	nulls[COL_OWNER_NAME - 1] = owner_name == NULL;
	if (owner_name != NULL)
		values[COL_OWNER_NAME - 1] = CStringGetTextDatum(owner_name);
	values[COL_VERSION - 1] = Int32GetDatum(version);
	values[COL_STATE - 1] = CStringGetTextDatum(state == CG_KEY_ACTIVE ?
												"active" : "retiring");
	values[COL_KEK_ID - 1] =
		PointerGetDatum(make_bytea(kek_id, CG_KEK_ID_LEN));
	values[COL_WRAPPED - 1] =
		PointerGetDatum(make_bytea(wrapped, WRAPPED_LEN));
	values[COL_CREATED - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
	nulls[COL_RETIRED - 1] = true;
	CatalogTupleInsert(rel, heap_form_tuple(RelationGetDescr(rel), values,
											nulls));
	changed(rel);
}

static bytea *
make_bytea(const void *data, Size len)
{
	bytea	   *value = palloc(VARHDRSZ + len);

	SET_VARSIZE(value, VARHDRSZ + len);
	memcpy(VARDATA(value), data, len);
	return value;
}

/* By the current KEK, whose name kek_id receives. */
static void
wrap(char kind, int32 owner, uint16 version, const uint8 *key,
	 uint8 *wrapped, uint8 *kek_id)
{
	uint8		kek[CG_KEK_LEN];
	uint8		blob[BLOB_LEN];
	size_t		len = 0;
	CgStatus	status;

	cg_kek_current(kek, kek_id);
	fill_blob(blob, kind, owner, version);
	memcpy(blob + BLOB_LEN - CG_KEY_LEN, key, CG_KEY_LEN);
	status = cg_key_wrap(kek, blob, BLOB_LEN, wrapped, WRAPPED_LEN, &len);
	cg_wipe(blob, sizeof(blob));
	cg_wipe(kek, sizeof(kek));
	if (status != CG_OK || len != WRAPPED_LEN)
		elog(ERROR, "could not wrap a key");
}

/* Every session hears of it when the transaction commits, this one now. */
static void
changed(Relation rel)
{
	CacheInvalidateRelcache(rel);
	CommandCounterIncrement();
	cg_keyring_refresh();
}

static void
missing_key(char kind, int32 owner, int version)
{
	const CgCategory *c = cg_category_by_id(owner, true);
	char		what[NAMEDATALEN + 64];

	if (kind == CG_KEY_KIND_TOKEN)
		snprintf(what, sizeof(what), "token key");
	else if (kind == CG_KEY_KIND_SEAL)
		snprintf(what, sizeof(what), "signing key of seals");
	else if (c != NULL)
		snprintf(what, sizeof(what), "data key of category \"%s\"",
				 NameStr(c->name));
	else
		snprintf(what, sizeof(what), "data key of category number %d", owner);

	if (num_rows == 0)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEY_MISSING),
				 errmsg("this database has no keys yet"),
				 errhint("Configure a key-encryption key and call %s.",
						 "cipguard.init()")));
	if (version == 0)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEY_MISSING),
				 errmsg("there is no %s", what),
				 errhint("Configure a key-encryption key and call %s.",
						 "cipguard.init()")));
	ereport(ERROR,
			(errcode(CG_ERRCODE_KEY_MISSING),
			 errmsg("version %d of the %s is not in this database", version,
					what),
			 errdetail("It was destroyed, or the value comes from another database."),
			 errhint("Restore the rows of %s from a backup of the database that wrote the value.",
					 "cipguard.data_key")));
}

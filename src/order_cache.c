/*
 * order_cache.c
 *		Values made ready for comparison by what they mean.
 *
 * To sort n values takes some n log n comparisons, and to find one in an index
 * passes the same few values at its top each time.  So the last values that
 * were decrypted are kept, found by their token (equal tokens have equal
 * canonical forms) or nonce (never used twice).  The table is direct-mapped
 * and of fixed size; values that are longer than an entry are decrypted anew.
 *
 * An index insertion has its own FmgrInfo for each row, in memory that lasts
 * as long as the statement; hence operators keep nothing in fn_extra but share
 * one cache, which is wiped at the end of the transaction.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "compat.h"

#include "bytes.h"
#include "category.h"
#include "crypt.h"
#include "enc_type.h"
#include "keyring.h"
#include "order_cache.h"

#define KEPT_LEN		64		/* longer forms are not kept */
#define NUM_OF_TRANSACTION	256
#define ID_LEN			CG_MAX_NONCE_LEN

typedef struct CgSlot
{
	uint8		id[ID_LEN];		/* token or nonce */
	int32		of;				/* category of the value */
	int32		category;		/* whose canonical form */
	uint16		token_version;
	uint8		type;			/* 0: empty */
	uint8		len;
	char		bytes[KEPT_LEN];
} CgSlot;

/* The last plain value, which is the key of a scan. */
typedef struct CgLastPlain
{
	uint8		type;			/* 0: none */
	int32		category;
	Size		source_len;
	char		source[KEPT_LEN];
	Size		len;
	char		bytes[KEPT_LEN];
} CgLastPlain;

struct CgOrderCache
{
	MemoryContext temp;
	MemoryContextCallback callback;
	uint64		categories;
	uint64		keyring;
	CgLastPlain plain;
	int			mask;
	CgSlot		slots[FLEXIBLE_ARRAY_MEMBER];
};

static void wipe_cache(void *arg);
static void forget_stale(CgOrderCache *cache);
static void identify(const CgEnvelope *env, CgSlot *key);
static uint32 slot_of(const CgSlot *key);
static void canonical(uint8 type, int32 category, const char **bytes,
					  Size *len);
static CgOrderForm form_of(uint8 type);
static Size plain_source(uint8 tag, Datum *plain, const char **source);
static void own(CgOrdered *out, const char *bytes, Size len,
				MemoryContext context);

static CgOrderCache *of_transaction = NULL;

CgOrderCache *
cg_order_cache(MemoryContext context, int entries)
{
	CgOrderCache *cache;

	cache = MemoryContextAllocZero(context,
								   offsetof(CgOrderCache, slots) +
								   entries * sizeof(CgSlot));
	cache->mask = entries - 1;
	cache->temp = AllocSetContextCreate(context, "cipguard order",
										ALLOCSET_SMALL_SIZES);
	cache->callback.func = wipe_cache;
	cache->callback.arg = cache;
	MemoryContextRegisterResetCallback(context, &cache->callback);
	return cache;
}

CgOrderCache *
cg_order_cache_of_transaction(void)
{
	if (of_transaction == NULL)
		of_transaction = cg_order_cache(TopTransactionContext,
										NUM_OF_TRANSACTION);
	return of_transaction;
}

static void
wipe_cache(void *arg)
{
	CgOrderCache *cache = arg;

	explicit_bzero(&cache->plain, sizeof(cache->plain));
	explicit_bzero(cache->slots, (cache->mask + 1) * sizeof(CgSlot));
	if (cache == of_transaction)
		of_transaction = NULL;
}

/* A category may have got another normal form, a key may be gone. */
static void
forget_stale(CgOrderCache *cache)
{
	uint64		keyring = cg_keyring_refresh();
	uint64		categories = cg_category_generation();

	if (cache->keyring == keyring && cache->categories == categories)
		return;
	cache->plain.type = 0;
	explicit_bzero(cache->slots, (cache->mask + 1) * sizeof(CgSlot));
	cache->keyring = keyring;
	cache->categories = categories;
}

void
cg_order_encrypted(CgOrderCache *cache, const CgEnvelope *env, int32 category,
				   const CgOrdered *beside, CgOrdered *out)
{
	CgSlot		key;
	CgSlot	   *slot;
	MemoryContext caller;
	char	   *stored;
	Size		stored_len;
	const char *bytes;
	Size		len;

	forget_stale(cache);
	identify(env, &key);
	key.category = category;
	slot = &cache->slots[slot_of(&key) & cache->mask];
	out->form = form_of(env->type);
	out->owned = NULL;
	out->slot = slot;
	if (slot->type == key.type && slot->of == key.of &&
		slot->category == category &&
		slot->token_version == key.token_version &&
		memcmp(slot->id, key.id, ID_LEN) == 0)
	{
		out->bytes = slot->bytes;
		out->len = slot->len;
		return;
	}

	caller = MemoryContextSwitchTo(cache->temp);
	stored = cg_open_stored(env, &stored_len);
	bytes = stored;
	len = stored_len;
	canonical(env->type, category, &bytes, &len);
	if (len > KEPT_LEN || (beside != NULL && beside->slot == slot))
		own(out, bytes, len, caller);
	else
	{
		key.len = (uint8) len;
		memcpy(key.bytes, bytes, len);
		*slot = key;
		out->bytes = slot->bytes;
		out->len = len;
	}
	explicit_bzero(stored, stored_len);
	explicit_bzero(&key, sizeof(key));
	MemoryContextSwitchTo(caller);
	MemoryContextReset(cache->temp);
}

void
cg_order_plain(CgOrderCache *cache, uint8 tag, Datum plain, int32 category,
			   CgOrdered *out)
{
	CgLastPlain *last = &cache->plain;
	const char *source;
	Size		source_len;
	MemoryContext caller;
	CgPlain		p;
	const char *bytes;
	Size		len;

	forget_stale(cache);
	out->form = form_of(tag);
	out->owned = NULL;
	out->slot = NULL;
	caller = MemoryContextSwitchTo(cache->temp);
	source_len = plain_source(tag, &plain, &source);
	if (last->type == tag && last->category == category &&
		last->source_len == source_len &&
		memcmp(last->source, source, source_len) == 0)
	{
		out->bytes = last->bytes;
		out->len = last->len;
	}
	else
	{
		cg_plain_store(tag, plain, &p);
		bytes = p.stored;
		len = p.len;
		canonical(tag, category, &bytes, &len);
		if (len > KEPT_LEN || source_len > KEPT_LEN)
			own(out, bytes, len, caller);
		else
		{
			last->type = tag;
			last->category = category;
			last->source_len = source_len;
			memcpy(last->source, source, source_len);
			last->len = len;
			memcpy(last->bytes, bytes, len);
			out->bytes = last->bytes;
			out->len = len;
		}
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(cache->temp);
}

void
cg_order_release(CgOrdered *value)
{
	if (value->owned == NULL)
		return;
	explicit_bzero(value->owned, value->len);
	pfree(value->owned);
	value->owned = NULL;
}

static void
identify(const CgEnvelope *env, CgSlot *key)
{
	memset(key, 0, offsetof(CgSlot, bytes));
	key->of = (int32) env->category;
	key->type = env->type;
	key->token_version = env->token_version;
	if (env->token != NULL)
		memcpy(key->id, env->token, CG_TOKEN_LEN);
	else
		memcpy(key->id, env->nonce, cg_suite_by_id(env->suite)->nonce_len);
}

/* Tokens and nonces are random, but a nonce not in its first half. */
static uint32
slot_of(const CgSlot *key)
{
	return cg_get_u32(key->id) ^ cg_get_u32(key->id + ID_LEN / 2);
}

/*
 * Numbers that are equal compare as equal in their stored form, too; only text
 * has a form of its own.
 */
static void
canonical(uint8 type, int32 category, const char **bytes, Size *len)
{
	const CgCategory *c;
	char	   *canon;

	if (type != CG_TYPE_TEXT)
		return;
	c = cg_category_by_id(category, false);
	if (c->normalizer == CG_NORM_NONE)
		return;
	canon = palloc(*len + 1);
	*len = cg_normalize(c->normalizer, *bytes, *len, canon);
	*bytes = canon;
}

static CgOrderForm
form_of(uint8 type)
{
	return type == CG_TYPE_NUMERIC ? CG_ORDER_NUMERIC : CG_ORDER_BYTES;
}

/* The bytes of a plain datum, by which the last one is known again. */
static Size
plain_source(uint8 tag, Datum *plain, const char **source)
{
	struct varlena *value;

	if (tag != CG_TYPE_TEXT && tag != CG_TYPE_NUMERIC)
	{
		*source = (const char *) plain;
		return sizeof(Datum);
	}
	value = PG_DETOAST_DATUM_PACKED(*plain);
	*plain = PointerGetDatum(value);
	*source = VARDATA_ANY(value);
	return VARSIZE_ANY_EXHDR(value);
}

static void
own(CgOrdered *out, const char *bytes, Size len, MemoryContext context)
{
	out->owned = MemoryContextAlloc(context, len + 1);
	memcpy(out->owned, bytes, len);
	out->bytes = out->owned;
	out->len = len;
	out->slot = NULL;
}

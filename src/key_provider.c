/*
 * key_provider.c
 *		The key-encryption keys (KEK) at hand.
 *
 * The KEK lives outside the database.  A preloaded server fetches it in the
 * postmaster, into memory that all its children share, so that fetching it
 * again (cipguard.unseal()) or forgetting it (cipguard.seal_keys()) reaches
 * sessions that have begun long before.  Reading the configuration again does
 * not fetch: where the key came from at start may be out of reach by now.
 *
 * Without preloading, and where a superuser has set another source for a
 * session, a role or a database, each backend fetches on first use, and again
 * when the settings change.
 *
 * The shared memory is a ring of slots and a number that grows: the slot in
 * force is number modulo NUM_SLOTS.  Who publishes fills the next slot first,
 * then writes the number; who reads copies a slot and looks whether the number
 * is still the same.  No lock is held while bytes are copied, so a process that
 * is killed leaves nothing behind that others wait for.  Publishers exclude
 * each other by a lock of the lock manager.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/lock.h"

#include "cipguard.h"
#include "digest.h"
#include "guc.h"
#include "kek_source.h"
#include "key_provider.h"
#include "secret.h"
#include "selftest.h"
#include "wipe.h"

#define NUM_SLOTS	8

/* Our lock among those of advisory locks: users cannot name database 0. */
#define LOCK_FIELD	0x63697067	/* "cipg" */

typedef struct CgKek
{
	bool		set;
	uint8		id[CG_KEK_ID_LEN];
	uint8		key[CG_KEK_LEN];
} CgKek;

typedef struct CgKeks
{
	CgKek		current;
	CgKek		previous;
} CgKeks;

typedef struct CgSharedKeks
{
	pg_atomic_uint64 number;
	CgKeks		slot[NUM_SLOTS];
} CgSharedKeks;

static void get_keks(CgKeks *keks, bool previous);
static void read_shared(CgKeks *keks);
static void publish(const CgKeks *keks);
static void fetch_current(CgKek *kek);
static void fetch_previous(CgKek *kek);
static void try_previous(CgKek *kek);
static void warn_of_error(const char *what);
static bool passes_selftest(void);
static void require_selftest(void);

pg_atomic_uint64 *cg_kek_number = NULL;

static CgSharedKeks *shared = NULL; /* NULL unless preloaded */
static CgKeks *own = NULL;		/* in secret memory, of this process */
static uint64 own_generation = 0;	/* cg_kek_generation when fetched */
static bool own_previous_tried = false;
static const CgKeks *trial = NULL;	/* while unseal() verifies */
static bool selftest_made = false;
static const char *failed_selftest = NULL;

static CgKekSource
current_source(void)
{
	CgKekSource source = {cg_kek_command, "cipguard.kek_command",
	cg_kek_file, "cipguard.kek_file"};

	return source;
}

static CgKekSource
previous_source(void)
{
	CgKekSource source = {cg_previous_kek_command,
		"cipguard.previous_kek_command",
	cg_previous_kek_file, "cipguard.previous_kek_file"};

	return source;
}

bool
cg_kek_configured(void)
{
	CgKekSource source = current_source();

	return cg_kek_source_set(&source);
}

bool
cg_kek_sealed(void)
{
	CgKeks		keks;
	bool		sealed;

	if (!cg_kek_shared())
		return false;
	read_shared(&keks);
	sealed = !keks.current.set;
	cg_wipe(&keks, sizeof(keks));
	return sealed;
}

void
cg_kek_current(uint8 key[CG_KEK_LEN], uint8 id[CG_KEK_ID_LEN])
{
	CgKeks		keks;

	get_keks(&keks, false);
	memcpy(key, keks.current.key, CG_KEK_LEN);
	if (id != NULL)
		memcpy(id, keks.current.id, CG_KEK_ID_LEN);
	cg_wipe(&keks, sizeof(keks));
}

bool
cg_kek_named(const uint8 id[CG_KEK_ID_LEN], uint8 key[CG_KEK_LEN])
{
	CgKeks		keks;
	const CgKek *kek = &keks.current;
	bool		found;

	get_keks(&keks, false);
	if (memcmp(kek->id, id, CG_KEK_ID_LEN) != 0)
	{
		get_keks(&keks, true);
		kek = &keks.previous;
	}
	found = kek->set && memcmp(kek->id, id, CG_KEK_ID_LEN) == 0;
	if (found)
		memcpy(key, kek->key, CG_KEK_LEN);
	cg_wipe(&keks, sizeof(keks));
	return found;
}

bool
cg_kek_reachable(void)
{
	static TimestampTz failed_at = 0;
	MemoryContext context = CurrentMemoryContext;
	volatile bool reachable = true;

	if (cg_kek_shared())
		return !cg_kek_sealed() && passes_selftest();
	if (own_generation == cg_kek_generation)
		return true;
	if (failed_at == GetCurrentTransactionStartTimestamp())
		return false;
	PG_TRY();
	{
		CgKeks		keks;

		get_keks(&keks, false);
		cg_wipe(&keks, sizeof(keks));
	}
	PG_CATCH();
	{
		/* Fetching leaves nothing behind that a rollback would have to undo. */
		MemoryContextSwitchTo(context);
		if (ERRCODE_TO_CATEGORY(geterrcode()) !=
			ERRCODE_TO_CATEGORY(CG_ERRCODE_KEK_MISSING))
			PG_RE_THROW();
		FlushErrorState();
		failed_at = GetCurrentTransactionStartTimestamp();
		reachable = false;
	}
	PG_END_TRY();
	return reachable;
}

void
cg_kek_id(const uint8 *key, uint8 id[CG_KEK_ID_LEN])
{
	static const char info[] = "cipguard/v1/kek-id";

	if (cg_hkdf(key, CG_KEK_LEN, NULL, 0, info, sizeof(info) - 1,
				id, CG_KEK_ID_LEN) != CG_OK)
		elog(ERROR, "could not derive the name of a key");
}

/*
 * A server that cannot reach its KEK starts all the same: tables without
 * protected columns work, and cipguard.unseal() tries again.
 */
void
cg_kek_fetch_at_start(void)
{
	MemoryContext context = CurrentMemoryContext;
	CgKeks		keks;

	memset(&keks, 0, sizeof(keks));
	shared = cg_secret_share(sizeof(CgSharedKeks));
	cg_kek_number = &shared->number;
	pg_atomic_init_u64(&shared->number, 0);
	if (!passes_selftest())
	{
		ereport(WARNING,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("server starts without key-encryption key: self-test \"%s\" failed",
						failed_selftest),
				 errhint("The cryptographic library does not compute what it should, or refuses to: see its configuration, and %s.",
						 "cipguard.selftest()")));
		return;
	}
	if (!cg_kek_configured())
		return;
	PG_TRY();
	{
		fetch_current(&keks.current);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		warn_of_error("server starts without key-encryption key");
	}
	PG_END_TRY();
	try_previous(&keks.previous);
	publish(&keks);
	cg_wipe(&keks, sizeof(keks));
}

bool
cg_kek_unseal(void (*verify) (void))
{
	LOCKTAG		tag;
	CgKeks	   *fetched = cg_secret_buffer(sizeof(CgKeks));
	bool		everywhere = cg_kek_shared();

	require_selftest();
	fetch_current(&fetched->current);
	fetch_previous(&fetched->previous);

	trial = fetched;
	PG_TRY();
	{
		verify();
	}
	PG_FINALLY();
	{
		trial = NULL;
	}
	PG_END_TRY();

	if (everywhere)
	{
		SET_LOCKTAG_ADVISORY(tag, InvalidOid, LOCK_FIELD, 0, 1);
		(void) LockAcquire(&tag, ExclusiveLock, false, false);
		publish(fetched);
		(void) LockRelease(&tag, ExclusiveLock, false);
	}
	else
	{
		if (own == NULL)
			own = cg_secret_alloc(sizeof(CgKeks));
		*own = *fetched;
		own_generation = ++cg_kek_generation;
		own_previous_tried = true;
	}
	return everywhere;
}

bool
cg_kek_seal(void)
{
	LOCKTAG		tag;
	CgKeks		none;

	if (!cg_kek_shared())
		return false;
	memset(&none, 0, sizeof(none));
	SET_LOCKTAG_ADVISORY(tag, InvalidOid, LOCK_FIELD, 0, 1);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	publish(&none);
	(void) LockRelease(&tag, ExclusiveLock, false);
	return true;
}

/* What is in force for this session; raises if there is no current KEK. */
static void
get_keks(CgKeks *keks, bool previous)
{
	require_selftest();
	if (trial != NULL)
	{
		*keks = *trial;
		return;
	}
	if (cg_kek_shared())
	{
		read_shared(keks);
		if (keks->current.set)
			return;
		cg_wipe(keks, sizeof(*keks));
		if (!cg_kek_configured())
			ereport(ERROR,
					(errcode(CG_ERRCODE_KEK_MISSING),
					 errmsg("no key-encryption key is configured"),
					 errhint("Set %s or %s in postgresql.conf and reload; then call %s, or if the database has no keys yet, %s.",
							 "cipguard.kek_command", "cipguard.kek_file",
							 "cipguard.unseal()", "cipguard.init()")));
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("the server is sealed: it holds no key-encryption key"),
				 errhint("An officer or a superuser can call %s, which fetches the key and says what is wrong if it cannot.",
						 "cipguard.unseal()")));
	}

	if (own_generation != cg_kek_generation)
	{
		if (own == NULL)
			own = cg_secret_alloc(sizeof(CgKeks));
		own_generation = 0;
		cg_wipe(own, sizeof(CgKeks));
		own_previous_tried = false;
		fetch_current(&own->current);
		own_generation = cg_kek_generation;
	}
	if (previous && !own_previous_tried)
	{
		own_previous_tried = true;
		try_previous(&own->previous);
	}
	*keks = *own;
}

static void
read_shared(CgKeks *keks)
{
	uint64		number = pg_atomic_read_u64(&shared->number);

	for (;;)
	{
		uint64		now;

		pg_read_barrier();
		*keks = shared->slot[number % NUM_SLOTS];
		pg_read_barrier();
		now = pg_atomic_read_u64(&shared->number);
		if (now == number)
			break;
		number = now;
	}
}

/* Called with the lock, or in the postmaster before it has children. */
static void
publish(const CgKeks *keks)
{
	uint64		number = pg_atomic_read_u64(&shared->number);

	shared->slot[(number + 1) % NUM_SLOTS] = *keks;
	pg_write_barrier();
	pg_atomic_write_u64(&shared->number, number + 1);
	pg_memory_barrier();
	cg_wipe(&shared->slot[number % NUM_SLOTS], sizeof(CgKeks));
}

static void
fetch_current(CgKek *kek)
{
	CgKekSource source = current_source();

	cg_kek_fetch(&source, kek->key);
	cg_kek_id(kek->key, kek->id);
	kek->set = true;
}

/* If there is one. */
static void
fetch_previous(CgKek *kek)
{
	CgKekSource source = previous_source();

	if (!cg_kek_source_set(&source))
		return;
	cg_kek_fetch(&source, kek->key);
	cg_kek_id(kek->key, kek->id);
	kek->set = true;
}

/* Those whose keys it does not wrap need it not. */
static void
try_previous(CgKek *kek)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		fetch_previous(kek);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		if (ERRCODE_TO_CATEGORY(geterrcode()) !=
			ERRCODE_TO_CATEGORY(CG_ERRCODE_KEK_MISSING))
			PG_RE_THROW();
		warn_of_error("there is no previous key-encryption key");
	}
	PG_END_TRY();
}

/* In PG_CATCH: tell of the error, and go on without it. */
static void
warn_of_error(const char *what)
{
	ErrorData  *edata = CopyErrorData();

	FlushErrorState();
	ereport(WARNING,
			(errcode(edata->sqlerrcode),
			 errmsg("%s: %s", what, edata->message),
			 edata->detail ? errdetail_internal("%s", edata->detail) : 0,
			 edata->hint ? errhint("%s", edata->hint) : 0));
	FreeErrorData(edata);
}

void
cg_kek_distrust(const char *selftest)
{
	selftest_made = true;
	failed_selftest = selftest;
}

static bool
passes_selftest(void)
{
	int			i;

	for (i = 0; !selftest_made && i < cg_selftest_count(); i++)
		if (!cg_selftest_absent(i) && !cg_selftest_run(i, false))
			cg_kek_distrust(cg_selftest_name(i));
	selftest_made = true;
	return failed_selftest == NULL;
}

static void
require_selftest(void)
{
	if (!passes_selftest())
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEK_MISSING),
				 errmsg("no key is used: self-test \"%s\" failed",
						failed_selftest),
				 errhint("The cryptographic library does not compute what it should, or refuses to: see its configuration, and %s.",
						 "cipguard.selftest()")));
}

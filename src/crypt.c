/*
 * crypt.c
 *		Values to ciphertext and back, with the keys of their category.
 *
 * What is encrypted is the stored form of a value (enc_stored.h): UTF-8 for
 * text whatever the encoding of the database, so that a dump may be restored
 * into a database of another encoding.
 *
 * Nonces are random bytes, which a process draws in advance.  XAES-256-GCM
 * takes 24 of them and derives a key from the first 12.  A process draws those 12 afresh every NONCE_BATCH values and the other
 * 12 for each value, so that the derived key can be reused: see suite_aes.c
 * for why that is as safe.  Nothing of it survives a fork.
 */
#include "postgres.h"

#include <openssl/crypto.h>

#include "access/xact.h"
#include "miscadmin.h"

#include "compat.h"

#include "armor.h"
#include "cipguard.h"
#include "crypt.h"
#include "encoding.h"
#include "keyring.h"
#include "subject_key.h"
#include "token_guard.h"

#define NONCE_BATCH		256
#define NONCE_PREFIX	12
#define STACK_TEXT		256		/* normal forms up to here need no palloc */

/*
 * What it takes to encrypt or decrypt values of one category.  The category
 * itself may be reloaded by any look-up, and is large to copy.
 */
typedef struct CgHot
{
	uint64		keyring;		/* cg_keyring_refresh() when this was filled */
	uint64		categories;		/* cg_category_generation() then; 0: empty */
	int32		category;
	uint16		dek_version;
	uint16		token_version;
	int			suite;
	CgCipher   *cipher;			/* NULL with a subject's key */
	CgToken    *token;			/* NULL: random suite */
	uint64		noted;			/* cg_token_transaction when last noted */
	uint8		pad;			/* of the category; sealing only, and the */
	uint8		nonce_len;		/* next two */
	CgNormalizer normalizer;
} CgHot;

/* Whether tokens of one kind are of a version or suite that was left. */
typedef struct CgAge
{
	uint64		keys;			/* cg_keyring_generation() then */
	uint64		categories;		/* 0: empty */
	int32		category;
	int			suite;
	uint16		version;
	bool		old;
} CgAge;

#define NUM_HOT		16

static void hot_keys(CgHot *hot, int32 category, uint16 dek_version,
					 uint16 token_version, int suite);
static const CgHot *hot_for_open(const CgEnvelope *env, CgCipher **cipher);
static CgHot *hot_for_seal(const CgCategory *c);
static const char *canonical(CgNormalizer normalizer, uint8 type,
							 const char *stored, Size len, char *stack,
							 size_t *canon_len);
static void next_nonce(uint8 *nonce, int len);
static void no_random(void);
static void not_authentic(void);

int			cg_armor_depth = 0;
TimestampTz cg_plain_at = 0;

/*
 * Direct-mapped by category, apart for sealing and opening, since values of
 * an older version may be read while new ones are written.
 */
static CgHot sealing[NUM_HOT];
static CgHot opening[NUM_HOT];
static CgHot opening_subjects[NUM_HOT];

static bool
is_hot(const CgHot *hot, int32 category, uint64 keyring)
{
	return hot->category == category && hot->keyring == keyring &&
		hot->categories == cg_category_generation();
}

static void
hot_keys(CgHot *hot, int32 category, uint16 dek_version,
		 uint16 token_version, int suite)
{
	CgHot		filled = {0};

	filled.keyring = cg_keyring_refresh();
	filled.categories = cg_category_generation();
	filled.category = category;
	filled.dek_version = dek_version;
	filled.token_version = token_version;
	filled.suite = suite;
	if (token_version != 0)
		filled.token = cg_keyring_token(cg_category_domain(category),
										token_version, suite, false);
	if (dek_version != 0)
		filled.cipher = cg_keyring_cipher(category, dek_version, suite,
										  false);
	*hot = filled;
}

/*
 * The key of a subject is looked up first, as that may take a while in which
 * the others change; the version of the category's data key is then none.
 */
static const CgHot *
hot_for_open(const CgEnvelope *env, CgCipher **cipher)
{
	int32		category = (int32) env->category;
	CgHot	   *hot = &opening[env->category % NUM_HOT];	/* not trusted */
	uint16		dek_version = env->dek_version;

	if (env->subject != 0)
	{
		*cipher = cg_subject_cipher(env->subject, env->suite, false);
		hot = &opening_subjects[env->category % NUM_HOT];
		dek_version = 0;
	}
	if (!is_hot(hot, category, cg_keyring_refresh()) ||
		hot->dek_version != dek_version ||
		hot->token_version != env->token_version || hot->suite != env->suite)
		hot_keys(hot, category, dek_version, env->token_version, env->suite);
	if (env->subject == 0)
		*cipher = hot->cipher;
	return hot;
}

static CgHot *
hot_for_seal(const CgCategory *c)
{
	CgHot	   *hot = &sealing[(uint32) c->id % NUM_HOT];

	if (!is_hot(hot, c->id, cg_keyring_refresh()))
	{
		CgCategory	copy = *c;	/* look-ups below may reload the cache */

		hot_keys(hot, copy.id,
				 cg_keyring_current(CG_KEY_KIND_DATA, copy.id),
				 copy.searchable ?
				 cg_keyring_current(CG_KEY_KIND_TOKEN, copy.domain) : 0,
				 copy.suite);
		hot->pad = copy.pad;
		hot->nonce_len = cg_suite_by_id(copy.suite)->nonce_len;
		hot->normalizer = copy.normalizer;
	}
	return hot;
}

struct varlena *
cg_encrypt(const CgCategory *category, const CgPlain *plain)
{
	return cg_seal_stored(category, plain->type, plain->stored, plain->len, 0);
}

struct varlena *
cg_encrypt_text(const CgCategory *category, const char *text, Size len)
{
	const char *utf8 = cg_to_utf8(text, &len);

	return cg_seal_stored(category, CG_TYPE_TEXT, utf8, len, 0);
}

/*
 * Canonical form of a stored value, in the buffer of the caller or palloc'd,
 * or the stored bytes themselves if they are canonical for their type.
 */
static const char *
canonical(CgNormalizer normalizer, uint8 type, const char *stored, Size len,
		  char *stack, size_t *canon_len)
{
	char	   *canon;

	*canon_len = len;
	if (type != CG_TYPE_TEXT && type != CG_TYPE_NUMERIC &&
		type != CG_TYPE_JSONB)
		return stored;
	canon = len <= STACK_TEXT ? stack : palloc(len);
	if (type == CG_TYPE_TEXT)
		*canon_len = cg_normalize(normalizer, stored, len, canon);
	else
		*canon_len = cg_stored_canon(type, (const uint8 *) stored, len,
									 (uint8 *) canon);
	return canon;
}

struct varlena *
cg_seal_stored(const CgCategory *category, uint8 type, const char *stored,
			   Size len, uint64 subject)
{
	CgHot	   *hot;
	CgCategory	copy;
	CgCipher   *cipher = NULL;
	char		stack[STACK_TEXT];
	const char *canon = NULL;
	size_t		canon_len = 0;
	uint8		nonce[CG_MAX_NONCE_LEN];
	CgSealSpec	spec;
	struct varlena *result;
	Size		bound;
	size_t		out_len = 0;
	CgStatus	status;

	cg_plain_at = GetCurrentTransactionStartTimestamp();
	if (len > CG_MAX_PLAIN_LEN)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("value is too long to encrypt"),
				 errdetail("The limit is %zu bytes.", CG_MAX_PLAIN_LEN),
				 errhint("Store it in pieces.")));

	if (subject != 0)
	{
		copy = *category;		/* looking the key up may reload the cache */
		category = &copy;
		cipher = cg_subject_cipher(subject, copy.suite, false);
	}
	hot = hot_for_seal(category);
	if (hot->token != NULL)
		canon = canonical(hot->normalizer, type, stored, len, stack,
						  &canon_len);
	else
		next_nonce(nonce, hot->nonce_len);

	if (hot->token_version != 0 && hot->noted != cg_token_transaction)
	{
		cg_token_used(cg_category_domain(hot->category), hot->token_version);
		hot->noted = cg_token_transaction;
	}
	if (subject == 0)
		cipher = hot->cipher;
	spec.type = type;
	spec.category = (uint32) hot->category;
	spec.dek_version = subject == 0 ? hot->dek_version :
		CG_SUBJECT_DEK_VERSION;
	spec.token_version = hot->token_version;
	spec.pad = cg_enc_type(type)->fixed ? 1 : hot->pad;
	spec.subject = subject;
	bound = cg_envelope_bound(hot->suite, len, spec.pad);
	result = palloc(VARHDRSZ + bound);
	status = cg_envelope_seal(cipher, hot->token, &spec,
							  (const uint8 *) stored, len,
							  (const uint8 *) canon, canon_len, nonce,
							  (uint8 *) VARDATA(result), bound, &out_len);
	if (status != CG_OK)
		elog(ERROR, "could not encrypt a value: status %d", status);
	SET_VARSIZE(result, VARHDRSZ + out_len);
	return result;
}

char *
cg_open_stored(const CgEnvelope *env, Size *len)
{
	CgCipher   *cipher;
	const CgHot *hot = hot_for_open(env, &cipher);
	char	   *result = palloc(env->body_len + 1);
	size_t		out_len = 0;

	cg_plain_at = GetCurrentTransactionStartTimestamp();
	if (cg_envelope_open(cipher, hot->token, env, (uint8 *) result,
						 env->body_len, &out_len) != CG_OK)
		not_authentic();
	result[out_len] = '\0';
	*len = out_len;
	return result;
}

char *
cg_open(const CgEnvelope *env, Size *len)
{
	char	   *stored = cg_open_stored(env, len);
	char	   *text;

	if (env->type == CG_TYPE_TEXT)
		return cg_from_utf8(stored, len);
	text = cg_plain_iso(env->type, cg_plain_load(env->type, stored, *len));
	*len = strlen(text);
	return text;
}

char *
cg_decrypt(struct varlena *datum, Size *len)
{
	CgEnvelope	env;

	cg_parse(datum, &env);
	return cg_open(&env, len);
}

Datum
cg_plain_value(const CgEnvelope *env)
{
	Size		len;
	char	   *stored = cg_open_stored(env, &len);

	return cg_plain_load(env->type, stored, len);
}

void
cg_require_type(const CgEnvelope *env, uint8 type)
{
	if (env->type != type)
		ereport(ERROR,
				(errcode(CG_ERRCODE_NOT_AUTHENTIC),
				 errmsg("encrypted value is not of the type of its column"),
				 errhint("Restore the row from a backup.")));
}

void
cg_parse(struct varlena *datum, CgEnvelope *env)
{
	if (cg_envelope_parse((const uint8 *) VARDATA_ANY(datum),
						  VARSIZE_ANY_EXHDR(datum), env) != CG_OK)
		not_authentic();
}

bool
cg_authentic(const CgEnvelope *env)
{
	const CgCategory *c = cg_category_by_id((int32) env->category, true);
	CgCipher   *cipher;
	const CgHot *hot;
	uint8	   *plain;
	size_t		len = 0;
	bool		authentic;

	if (env->token != NULL && (c == NULL || !c->searchable))
		return false;
	hot = hot_for_open(env, &cipher);
	plain = palloc(env->body_len + 1);
	authentic = cg_envelope_open(cipher, hot->token, env, plain,
								 env->body_len, &len) == CG_OK;
	explicit_bzero(plain, len);
	pfree(plain);
	return authentic;
}

char *
cg_armor(struct varlena *datum)
{
	Size		len = VARSIZE_ANY_EXHDR(datum);
	char	   *result = palloc(CG_ARMOR_LEN(len) + 1);

	result[cg_armor_encode((const uint8 *) VARDATA_ANY(datum), len,
						   result)] = '\0';
	return result;
}

void
cg_plain_token(const CgCategory *category, uint16 version,
			   const CgPlain *plain, uint8 *token)
{
	int32		domain = category->domain;	/* the cache may be reloaded */
	int			suite = category->suite;
	CgNormalizer normalizer = category->normalizer;
	char		stack[STACK_TEXT];
	const char *canon;
	size_t		canon_len;

	cg_plain_at = GetCurrentTransactionStartTimestamp();
	cg_keyring_refresh();
	canon = canonical(normalizer, plain->type, plain->stored, plain->len,
					  stack, &canon_len);
	if (cg_token_make(cg_keyring_token(domain, version, suite, false),
					  plain->type, (const uint8 *) canon, canon_len,
					  token) != CG_OK)
		elog(ERROR, "could not make an equality token");
}

bool
cg_same_value(CgNormalizer normalizer, const CgPlain *a, const CgPlain *b)
{
	char		stack_a[STACK_TEXT];
	char		stack_b[STACK_TEXT];
	size_t		len_a;
	size_t		len_b;
	const char *canon_a = canonical(normalizer, a->type, a->stored, a->len,
									stack_a, &len_a);
	const char *canon_b = canonical(normalizer, b->type, b->stored, b->len,
									stack_b, &len_b);
	bool		result = len_a == len_b &&
	CRYPTO_memcmp(canon_a, canon_b, len_a) == 0;

	if (canon_a != a->stored)
		explicit_bzero(unconstify(char *, canon_a), len_a);
	if (canon_b != b->stored)
		explicit_bzero(unconstify(char *, canon_b), len_b);
	return result;
}

bool
cg_token_is_old(int32 category, int suite, uint16 version)
{
	static CgAge ages[NUM_HOT];
	CgAge	   *age = &ages[(uint32) category % NUM_HOT];
	uint64		keys = cg_keyring_generation();
	uint64		categories = cg_category_generation();

	if (age->categories != categories || age->keys != keys ||
		age->category != category || age->suite != suite ||
		age->version != version)
	{
		const CgCategory *c = cg_category_by_id(category, true);
		CgAge		filled = {0};

		if (c != NULL && c->searchable)
		{
			uint16		newest = cg_keyring_newest(CG_KEY_KIND_TOKEN,
												   c->domain);

			filled.old = version < newest ||
				(version == newest && suite != c->suite);
		}
		/* What changed while we looked makes the next call look again. */
		filled.keys = keys;
		filled.categories = categories;
		filled.category = category;
		filled.suite = suite;
		filled.version = version;
		*age = filled;
	}
	return age->old;
}

/* Is everything here that opens a value with a token? */
static bool
can_open(const CgEnvelope *env)
{
	const CgCategory *c = cg_category_by_id((int32) env->category, true);

	if (c == NULL || cg_is_destroyed(env))
		return false;
	cg_keyring_refresh();
	return cg_keyring_token(c->domain, env->token_version, env->suite,
							true) != NULL &&
		(env->subject != 0 ||
		 cg_keyring_cipher((int32) env->category, env->dek_version,
						   env->suite, true) != NULL);
}

bool
cg_fresh_token(const CgEnvelope *env, uint16 *version, uint8 *token)
{
	CgPlain		plain = {.type = env->type};
	const CgCategory *c;
	char	   *stored;

	if (!can_open(env))
		return false;
	stored = cg_open_stored(env, &plain.len);
	plain.stored = stored;
	c = cg_category_by_id((int32) env->category, false);
	*version = cg_keyring_current(CG_KEY_KIND_TOKEN, c->domain);
	cg_plain_token(c, *version, &plain, token);
	explicit_bzero(stored, plain.len);
	pfree(stored);
	return true;
}

struct varlena *
cg_with_fresh_token(struct varlena *datum, const CgEnvelope *env)
{
	struct varlena *result;
	char	   *stored;
	Size		len;

	if (env->token == NULL ||
		!cg_token_is_old((int32) env->category, env->suite,
						 env->token_version) || !can_open(env))
		return datum;
	stored = cg_open_stored(env, &len);
	result = cg_seal_stored(cg_category_by_id((int32) env->category, false),
							env->type, stored, len, env->subject);
	explicit_bzero(stored, len);
	pfree(stored);
	return result;
}

/* Random bytes that no value had, of this process alone. */
static void
next_nonce(uint8 *nonce, int len)
{
	static uint8 pool[NONCE_BATCH * CG_MAX_NONCE_LEN];
	static uint8 prefix[NONCE_PREFIX];
	static int	left = 0;		/* bytes of the pool */
	static int	values = 0;		/* for which the prefix is good */
	static int	owner = 0;
	bool		with_prefix = len == 2 * NONCE_PREFIX;
	int			fresh = with_prefix ? NONCE_PREFIX : len;

	if (owner != MyProcPid)
	{
		left = 0;
		values = 0;
		owner = MyProcPid;
	}
	if (left < fresh)
	{
		if (!pg_strong_random(pool, sizeof(pool)))
			no_random();
		left = sizeof(pool);
	}
	if (with_prefix && values == 0)
	{
		if (!pg_strong_random(prefix, sizeof(prefix)))
			no_random();
		values = NONCE_BATCH;
	}
	left -= fresh;
	if (with_prefix)
	{
		values--;
		memcpy(nonce, prefix, NONCE_PREFIX);
		nonce += NONCE_PREFIX;
	}
	memcpy(nonce, pool + left, fresh);
	explicit_bzero(pool + left, fresh);
}

static void
no_random(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INTERNAL_ERROR),
			 errmsg("could not get random bytes for a nonce")));
}

static void
not_authentic(void)
{
	ereport(ERROR,
			(errcode(CG_ERRCODE_NOT_AUTHENTIC),
			 errmsg("encrypted value is damaged or was not written by this key"),
			 errhint("Restore the row from a backup; %s lists the keys of this database.",
					 "cipguard.key_status")));
}

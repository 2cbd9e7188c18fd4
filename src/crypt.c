/*
 * crypt.c
 *		Values to ciphertext and back, with the keys of their category.
 *
 * Text is encrypted as UTF-8 whatever the encoding of the database, so that a
 * dump may be restored into a database of another encoding.
 *
 * Nonces: XAES-256-GCM takes 24 random bytes and derives a key from the first
 * 12.  A process draws those 12 afresh every NONCE_BATCH values and the other
 * 12 for each value, so that the derived key can be reused: see suite_aes.c
 * for why that is as safe.  Nothing of it survives a fork.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "compat.h"

#include "armor.h"
#include "cipguard.h"
#include "crypt.h"
#include "keyring.h"

#define NONCE_BATCH		256
#define NONCE_PREFIX	12
#define STACK_TEXT		256		/* normal forms up to here need no palloc */

static void next_nonce(uint8 *nonce, int len);
static void not_authentic(void);

int			cg_armor_depth = 0;

struct varlena *
cg_encrypt(const CgCategory *category, uint8 type, const char *plain,
		   Size len)
{
	CgCategory	c = *category;	/* look-ups below may reload the cache */
	char	   *utf8;
	char		stack[STACK_TEXT];
	char	   *canon = NULL;
	size_t		canon_len = 0;
	uint8		nonce[CG_MAX_NONCE_LEN];
	CgSealSpec	spec;
	CgCipher   *cipher;
	CgToken    *token = NULL;
	struct varlena *result;
	Size		bound;
	size_t		out_len = 0;
	CgStatus	status;

	if (type == CG_TYPE_TEXT)
	{
		utf8 = pg_server_to_any(plain, len, PG_UTF8);
		if (utf8 != plain)
		{
			plain = utf8;
			len = strlen(utf8);
		}
	}
	if (len > CG_MAX_PLAIN_LEN)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("value is too long to encrypt"),
				 errdetail("The limit is %zu bytes.", CG_MAX_PLAIN_LEN)));

	spec.type = type;
	spec.category = (uint32) c.id;
	spec.pad = c.pad;
	spec.dek_version = cg_keyring_current(CG_KEY_KIND_DATA, c.id);
	spec.token_version = 0;
	if (c.searchable)
	{
		spec.token_version = cg_keyring_current(CG_KEY_KIND_TOKEN, c.domain);
		token = cg_keyring_token(c.domain, spec.token_version, c.suite,
								 false);
		canon = len <= STACK_TEXT ? stack : palloc(len);
		canon_len = cg_normalize(c.normalizer, plain, len, canon);
	}
	else
		next_nonce(nonce, cg_suite_by_id(c.suite)->nonce_len);
	cipher = cg_keyring_cipher(c.id, spec.dek_version, c.suite, false);

	bound = cg_envelope_bound(c.suite, len, c.pad);
	result = palloc(VARHDRSZ + bound);
	status = cg_envelope_seal(cipher, token, &spec,
							  (const uint8 *) plain, len,
							  (const uint8 *) canon, canon_len, nonce,
							  (uint8 *) VARDATA(result), bound, &out_len);
	if (status != CG_OK)
		elog(ERROR, "could not encrypt a value: status %d", status);
	SET_VARSIZE(result, VARHDRSZ + out_len);
	return result;
}

char *
cg_decrypt(struct varlena *datum, Size *len)
{
	CgEnvelope	env;
	CgCipher   *cipher;
	CgToken    *token = NULL;
	char	   *result;
	char	   *server;
	size_t		out_len = 0;

	cg_parse(datum, &env);
	cg_keyring_refresh();
	if (env.token != NULL)
	{
		const CgCategory *c = cg_category_by_id((int32) env.category, false);

		token = cg_keyring_token(c->domain, env.token_version, env.suite,
								 false);
	}
	cipher = cg_keyring_cipher((int32) env.category, env.dek_version,
							   env.suite, false);
	result = palloc(env.body_len + 1);
	if (cg_envelope_open(cipher, token, &env, (uint8 *) result, env.body_len,
						 &out_len) != CG_OK)
		not_authentic();
	result[out_len] = '\0';
	*len = out_len;
	if (env.type == CG_TYPE_TEXT)
	{
		server = pg_any_to_server(result, out_len, PG_UTF8);
		if (server != result)
		{
			result = server;
			*len = strlen(server);
		}
	}
	return result;
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
	CgCipher   *cipher;
	CgToken    *token = NULL;
	uint8	   *plain;
	size_t		len = 0;
	bool		authentic;

	cg_keyring_refresh();
	if (env->token != NULL)
	{
		const CgCategory *c = cg_category_by_id((int32) env->category, true);

		if (c == NULL || !c->searchable)
			return false;
		token = cg_keyring_token(c->domain, env->token_version, env->suite,
								 false);
	}
	cipher = cg_keyring_cipher((int32) env->category, env->dek_version,
							   env->suite, false);
	plain = palloc(env->body_len + 1);
	authentic = cg_envelope_open(cipher, token, env, plain, env->body_len,
								 &len) == CG_OK;
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
cg_text_token(const CgCategory *category, uint16 version, const char *plain,
			  Size len, uint8 *token)
{
	CgCategory	c = *category;
	char	   *utf8 = pg_server_to_any(plain, len, PG_UTF8);
	char		stack[STACK_TEXT];
	char	   *canon;
	size_t		canon_len;

	if (utf8 != plain)
		len = strlen(utf8);
	cg_keyring_refresh();
	canon = len <= STACK_TEXT ? stack : palloc(len);
	canon_len = cg_normalize(c.normalizer, utf8, len, canon);
	if (cg_token_make(cg_keyring_token(c.domain, version, c.suite, false),
					  CG_TYPE_TEXT, (const uint8 *) canon, canon_len,
					  token) != CG_OK)
		elog(ERROR, "could not make an equality token");
}

static void
next_nonce(uint8 *nonce, int len)
{
	static uint8 pool[NONCE_BATCH * NONCE_PREFIX];
	static uint8 prefix[NONCE_PREFIX];
	static int	left = 0;
	static int	owner = 0;

	Assert(len == 2 * NONCE_PREFIX);
	if (left == 0 || owner != MyProcPid)
	{
		if (!pg_strong_random(pool, sizeof(pool)) ||
			!pg_strong_random(prefix, sizeof(prefix)))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not get random bytes for a nonce")));
		left = NONCE_BATCH;
		owner = MyProcPid;
	}
	left--;
	memcpy(nonce, prefix, NONCE_PREFIX);
	memcpy(nonce + NONCE_PREFIX, pool + left * NONCE_PREFIX, NONCE_PREFIX);
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

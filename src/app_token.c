/*
 * app_token.c
 *		For whom an application acts: what it claims, and what it proves.
 *
 * cipguard.app_user is a claim that anybody can make.  A token in
 * cipguard.app_token is signed by an application server whose public key an
 * officer has registered (cipguard.app_key), for one user, one database, and
 * a short time.  Rights do not depend on it; the log says who was verified.
 *
 * A token that is malformed cannot be set.  Whether it is right is found when
 * it is first used, because keys cannot be read whenever a setting is made.
 * A wrong one is an error there and not merely not verified: an application
 * that believes to act for somebody must not go on for nobody.  Nobody is
 * locked out by that: setting it to the empty string always works, and events
 * that tell of errors are recorded all the same.
 *
 * A signature is verified once for a token and a state of the keys; whether
 * the token has expired is looked at in each statement, so one that runs for
 * long is not stopped in the middle.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/dbcommands.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "app_claim.h"
#include "app_token.h"
#include "catalog.h"
#include "cipguard.h"
#include "guc.h"

/* Columns of cipguard.app_key, in the order of sql/parts/53_proof.sql. */
enum
{
	COL_NAME = 1,
	COL_KEY,
	COL_ADDED_BY,
	COL_ADDED_AT,
	COL_REVOKED_BY,
	COL_REVOKED_AT
};
#define NUM_COLS COL_REVOKED_AT

typedef enum CgTokenState
{
	TOKEN_UNKNOWN,				/* keys cannot be read now */
	TOKEN_GOOD,
	TOKEN_WRONG,				/* no key that is in force has signed it */
	TOKEN_FOREIGN,				/* of another database or backend */
	TOKEN_ENCODING,				/* a name this database cannot hold */
	TOKEN_EXPIRED
} CgTokenState;

static CgTokenState token_state(void);
static CgTokenState verify(void);
static bool signed_by_application(const CgAppClaim *claim);
static bool to_server(const char *utf8, char *out, Size cap);

static CgWatch watch = {.relname = "app_key",.natts = NUM_COLS};

/* What was found of the last token. */
static struct
{
	char		token[CG_APP_CLAIM_MAX + 1];
	uint64		claims;			/* cg_claim_generation when it was compared */
	uint64		keys;			/* watch.generation */
	CgTokenState state;
	TimestampTz expiry;
	char		user[CG_APP_USER_MAX * MAX_MULTIBYTE_CHAR_LEN + 1];
}			known;

void
cg_app_token_init(void)
{
	cg_watch(&watch);
}

const char *
cg_app_identity(bool *verified)
{
	*verified = false;
	if (likely(cg_app_token == NULL || cg_app_token[0] == '\0'))
		return cg_app_user;
	if (token_state() != TOKEN_GOOD)
		return cg_app_user;
	*verified = true;
	return known.user;
}

void
cg_app_token_require(void)
{
	const char *fault;

	if (likely(cg_app_token == NULL || cg_app_token[0] == '\0'))
		return;
	switch (token_state())
	{
		case TOKEN_GOOD:
			return;
		case TOKEN_UNKNOWN:
		case TOKEN_WRONG:
			fault = "No key of a registered application that is in force has signed it.";
			break;
		case TOKEN_FOREIGN:
			fault = "It is for another database or another backend.";
			break;
		case TOKEN_ENCODING:
			fault = "Its user has a name that the encoding of this database cannot hold.";
			break;
		default:
			fault = "It has expired.";
			break;
	}
	ereport(ERROR,
			(errcode(CG_ERRCODE_APP_TOKEN),
			 errmsg("the token in \"%s\" is not valid", "cipguard.app_token"),
			 errdetail_internal("%s", fault),
			 errhint("Set a new one, or set it to the empty string to go on with %s, which is recorded as a claim.",
					 "cipguard.app_user")));
}

static CgTokenState
token_state(void)
{
	if (known.keys != watch.generation || known.state == TOKEN_UNKNOWN ||
		(known.claims != cg_claim_generation &&
		 strcmp(known.token, cg_app_token) != 0))
	{
		/* The table of keys can be read in a live transaction only. */
		if (!IsTransactionState())
			return TOKEN_UNKNOWN;
		known.state = verify();
	}
	known.claims = cg_claim_generation;
	if (known.state == TOKEN_GOOD &&
		GetCurrentStatementStartTimestamp() >= known.expiry)
		return TOKEN_EXPIRED;
	return known.state;
}

static CgTokenState
verify(void)
{
	CgAppClaim	claim;
	char	   *database;
	int			pid;

	strlcpy(known.token, cg_app_token, sizeof(known.token));
	known.keys = watch.generation;
	known.state = TOKEN_WRONG;
	if (cg_app_claim_parse(cg_app_token, strlen(cg_app_token),
						   &claim) != CG_OK ||
		!signed_by_application(&claim))
		return TOKEN_WRONG;
	/* Reading them can have told of a change. */
	known.keys = watch.generation;

	/* A parallel worker acts for the process that started it. */
	pid = MyProc->lockGroupLeader != NULL ?
		MyProc->lockGroupLeader->pid : MyProcPid;
	database = get_database_name(MyDatabaseId);
	if (database == NULL || (claim.pid != 0 && claim.pid != pid))
		return TOKEN_FOREIGN;
	if (!to_server(claim.database, known.user, sizeof(known.user)) ||
		strcmp(known.user, database) != 0)
		return TOKEN_FOREIGN;
	if (!to_server(claim.user, known.user, sizeof(known.user)) ||
		strlen(known.user) > CG_MAX_CLAIM)
		return TOKEN_ENCODING;

	/* The year 30000 is later than any statement. */
	known.expiry = claim.expiry > INT64CONST(884541340800) ? DT_NOEND :
		time_t_to_timestamptz((pg_time_t) claim.expiry);
	return TOKEN_GOOD;
}

static bool
signed_by_application(const CgAppClaim *claim)
{
	Relation	rel = cg_watch_open(&watch);
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	if (rel == NULL)
		return false;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		bytea	   *key;

		(void) heap_getattr(tuple, COL_REVOKED_AT, RelationGetDescr(rel),
							&isnull);
		if (!isnull)
			continue;
		key = DatumGetByteaPP(heap_getattr(tuple, COL_KEY,
										   RelationGetDescr(rel), &isnull));
		found = !isnull && VARSIZE_ANY_EXHDR(key) == CG_ED25519_KEY_LEN &&
			cg_ed25519_verify((const uint8 *) VARDATA_ANY(key),
							  claim->payload, claim->payload_len,
							  claim->signature) == CG_OK;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* Into the encoding of the database; false if that cannot be. */
static bool
to_server(const char *utf8, char *out, Size cap)
{
	int			len = strlen(utf8);
	int			encoding = GetDatabaseEncoding();
	Oid			proc;

	if (!pg_verify_mbstr(PG_UTF8, utf8, len, true))
		return false;
	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
	{
		strlcpy(out, utf8, cap);
		return true;
	}
	proc = FindDefaultConversionProc(PG_UTF8, encoding);
	return OidIsValid(proc) &&
		pg_do_encoding_conversion_buf(proc, PG_UTF8, encoding,
									  (unsigned char *) utf8, len,
									  (unsigned char *) out, cap,
									  true) == len;
}

/* app_identity() RETURNS record (app_user text, verified boolean) */
PG_FUNCTION_INFO_V1(cipguard_app_identity);
Datum
cipguard_app_identity(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	const char *user;
	bool		verified;
	Datum		values[2];
	bool		nulls[2] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != 2)
		elog(ERROR, "unexpected result type");
	cg_app_token_require();
	user = cg_app_identity(&verified);
	nulls[0] = user == NULL || user[0] == '\0';
	values[0] = nulls[0] ? (Datum) 0 : CStringGetTextDatum(user);
	values[1] = BoolGetDatum(verified);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}

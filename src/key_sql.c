/*
 * key_sql.c
 *		SQL functions about keys.
 *
 * All are for officers and superusers: they make keys or decide whether there
 * are any, but give none away.  (What gives some away is in key_escrow.c.)
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "compat.h"

#include "access.h"
#include "category.h"
#include "cipguard.h"
#include "event.h"
#include "journal.h"
#include "keyring.h"
#include "key_provider.h"
#include "selftest.h"
#include "wipe.h"

static void require_officer(const char *what);
static char *unseal(void);
static void note_now(const char *what, const char *detail);

/* init() RETURNS int4 */
PG_FUNCTION_INFO_V1(cipguard_init);
Datum
cipguard_init(PG_FUNCTION_ARGS)
{
	int			made;

	require_officer("create keys");
	PreventCommandIfReadOnly("cipguard.init()");
	if (cg_kek_sealed())
		(void) unseal();
	made = cg_keyring_create_missing();
	if (made > 0)
		cg_event_done("data_key", InvalidOid, NULL,
					  psprintf("%d keys made", made));
	PG_RETURN_INT32(made);
}

/* kek_configured() RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_kek_configured);
Datum
cipguard_kek_configured(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(cg_kek_configured());
}

/* rotate_key(text) RETURNS int4 */
PG_FUNCTION_INFO_V1(cipguard_rotate_key);
Datum
cipguard_rotate_key(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const CgCategory *category;
	uint16		version;

	require_officer("rotate keys");
	PreventCommandIfReadOnly("cipguard.rotate_key()");
	category = cg_category_by_name(name, false);
	version = cg_keyring_add(CG_KEY_KIND_DATA, category->id);
	cg_event_done("rotate_key", InvalidOid, NULL,
				  psprintf("category %s: version %u", name, version));
	PG_RETURN_INT32(version);
}

/* rotate_kek() RETURNS int4 */
PG_FUNCTION_INFO_V1(cipguard_rotate_kek);
Datum
cipguard_rotate_kek(PG_FUNCTION_ARGS)
{
	int			count;

	require_officer("rotate the key-encryption key");
	PreventCommandIfReadOnly("cipguard.rotate_kek()");
	count = cg_keyring_rewrap();
	if (count > 0)
		cg_event_done("rotate_kek", InvalidOid, NULL,
					  psprintf("%d keys wrapped anew", count));
	PG_RETURN_INT32(count);
}

/*
 * unseal() RETURNS text
 *
 * What it does is no matter of the transaction, so neither is the record.
 */
PG_FUNCTION_INFO_V1(cipguard_unseal);
Datum
cipguard_unseal(PG_FUNCTION_ARGS)
{
	require_officer("unseal the server");
	PG_RETURN_TEXT_P(cstring_to_text(unseal()));
}

/* seal_keys() RETURNS void */
PG_FUNCTION_INFO_V1(cipguard_seal_keys);
Datum
cipguard_seal_keys(PG_FUNCTION_ARGS)
{
	require_officer("seal the server");
	note_now("seal_keys", "key-encryption key forgotten");
	if (!cg_kek_seal())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this session fetches the key-encryption key itself, and would fetch it again"),
				 errhint("Load the library by %s, and set %s or %s in postgresql.conf only.",
						 "shared_preload_libraries",
						 "cipguard.kek_command", "cipguard.kek_file")));
	ereport(LOG,
			(errmsg("server is sealed: the key-encryption key was forgotten"),
			 errhidestmt(true)));
	PG_RETURN_VOID();
}

/* selftest() RETURNS SETOF record */
PG_FUNCTION_INFO_V1(cipguard_selftest);
Datum
cipguard_selftest(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	for (i = 0; i < cg_selftest_count(); i++)
	{
		Datum		values[2];
		bool		nulls[2] = {false, false};
		bool		good = cg_selftest_run(i, false);

		if (!good)
		{
			cg_kek_distrust(cg_selftest_name(i));
			ereport(LOG,
					(errmsg("self-test \"%s\" failed", cg_selftest_name(i)),
					 errhidestmt(true)));
		}
		values[0] = CStringGetTextDatum(cg_selftest_name(i));
		values[1] = BoolGetDatum(good);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values,
							 nulls);
	}
	return (Datum) 0;
}

static void
require_officer(const char *what)
{
	Oid			officer = get_role_oid(CG_ROLE_OFFICER, true);

	if (superuser() ||
		(OidIsValid(officer) && cg_has_privs_of(GetUserId(), officer)))
		return;
	cg_event_refused(what, InvalidOid);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to %s", what),
			 errhint("Only members of %s can.", CG_ROLE_OFFICER)));
}

/* Fetch the KEK; returns its name. */
static char *
unseal(void)
{
	uint8		kek[CG_KEK_LEN];
	uint8		id[CG_KEK_ID_LEN];
	char	   *name;

	if (!cg_kek_unseal(cg_keyring_verify))
		ereport(NOTICE,
				(errmsg("the key-encryption key was fetched for this session only"),
				 errhint("Sessions share one when the library is loaded by %s, and %s and %s are set in postgresql.conf only.",
						 "shared_preload_libraries",
						 "cipguard.kek_command", "cipguard.kek_file")));
	cg_kek_current(kek, id);
	cg_wipe(kek, sizeof(kek));
	name = psprintf("%02x%02x%02x%02x", id[0], id[1], id[2], id[3]);
	ereport(LOG,
			(errmsg("key-encryption key %s was fetched", name),
			 errhidestmt(true)));
	note_now("unseal", psprintf("key-encryption key %s", name));
	return name;
}

/* Recorded whatever becomes of the transaction, if that is possible. */
static void
note_now(const char *what, const char *detail)
{
	if (cg_preloaded)
		cg_journal_event(what, InvalidOid, detail);
	else
		cg_event_done(what, InvalidOid, NULL, detail);
}

/*
 * key_retire.c
 *		cipguard.retire_key(): destroys a version of a data key that no value
 *		uses any more.
 *
 * New values have not taken the version since it was followed by another, but
 * a transaction that began before could still be about to store one, and one
 * that began before the last value was encrypted anew can still copy the old
 * one.  So: count; wait for every transaction of this database that runs now;
 * count again; destroy.  Transactions that begin in the meantime find nothing
 * to copy, and armor of the version that a client kept is encrypted anew when
 * it comes back (value.c).  A prepared transaction cannot be waited for.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "compat.h"

#include "access.h"
#include "acting.h"
#include "audit_store.h"
#include "category.h"
#include "cipguard.h"
#include "event.h"
#include "keyring.h"

#define MAX_LISTED	20			/* uses that are named */

/* What to do about uses, by the places that cipguard.key_use() names. */
static const struct
{
	const char *place;
	const char *remedy;
}			remedies[] =

{
	{"column", "Encrypt values anew with CALL cipguard.reencrypt(relation)."},
	{"index", "Build indexes anew with REINDEX."},
	{"constant", "Define anew what holds a constant."},
	{"audit", "Images in the log stay until cipguard.purge_audit()."},
};

static void require_unused(const char *category, int32 id, int version);
static void require_none_prepared(void);
static void wait_for_others(void);
static void require_retiring(const char *category, int32 id, int version);

/* retire_key(text, int4) RETURNS void */
PG_FUNCTION_INFO_V1(cipguard_retire_key);
Datum
cipguard_retire_key(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			version = PG_GETARG_INT32(1);
	Oid			officer = get_role_oid(CG_ROLE_OFFICER, true);
	CgActing	acting;
	int32		id;

	if (!superuser() &&
		!(OidIsValid(officer) && cg_has_privs_of(GetUserId(), officer)))
	{
		cg_event_refused("destruction of a key", InvalidOid);
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to retire keys"),
				 errhint("Only members of %s can.", CG_ROLE_OFFICER)));
	}
	PreventCommandIfReadOnly("cipguard.retire_key()");
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a key cannot be retired by a transaction that sees the past"),
				 errhint("Use isolation level READ COMMITTED.")));
	id = cg_category_by_name(name, false)->id;
	require_retiring(name, id, version);

	cg_act_begin(&acting, cg_audit_owner());
	require_unused(name, id, version);
	require_none_prepared();
	wait_for_others();
	require_none_prepared();
	cg_keyring_lock();
	require_retiring(name, id, version);
	require_unused(name, id, version);
	cg_keyring_destroy(CG_KEY_KIND_DATA, id, (uint16) version);
	cg_act_end(&acting);

	cg_event_done("retire_key", InvalidOid, NULL,
				  psprintf("category %s: version %d destroyed", name,
						   version));
	PG_RETURN_VOID();
}

static void
require_retiring(const char *category, int32 id, int version)
{
	CgKeyInfo	info;

	if (version < 1 || version > PG_UINT16_MAX ||
		!cg_keyring_info(CG_KEY_KIND_DATA, id, (uint16) version, &info))
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEY_MISSING),
				 errmsg("there is no version %d of the data key of category \"%s\"",
						version, category),
				 errhint("The view %s lists all versions.",
						 "cipguard.key_status")));
	if (info.state == CG_KEY_ACTIVE)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEY_IN_USE),
				 errmsg("version %d of the data key of category \"%s\" encrypts new values",
						version, category),
				 errhint("Make another version with %s first.",
						 "cipguard.rotate_key(category)")));
	if (info.state == CG_KEY_DESTROYED)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEY_MISSING),
				 errmsg("version %d of the data key of category \"%s\" is destroyed already",
						version, category)));
}

/* SPI is connected.  Each call sees what is committed by then. */
static void
require_unused(const char *category, int32 id, int version)
{
	Oid			types[2] = {INT4OID, INT4OID};
	Datum		values[2];
	StringInfoData detail;
	StringInfoData hint;
	bool		mentioned[lengthof(remedies)] = {false};
	uint64		i;
	int			j;

	values[0] = Int32GetDatum(id);
	values[1] = Int32GetDatum(version);
	if (SPI_execute_with_args("SELECT u.rows || ' in ' || coalesce(u.relation::pg_catalog.text, '?')"
							  " || coalesce('.' || u.attribute, '') || ' (' || u.place || ')', u.place"
							  " FROM cipguard.key_use() u"
							  " WHERE u.kind = 'd' AND u.owner = $1 AND u.version = $2 AND u.rows > 0"
							  " ORDER BY u.rows DESC, 1",
							  2, types, values, NULL, false,
							  0) != SPI_OK_SELECT)
		elog(ERROR, "could not count the uses of a key");
	if (SPI_processed == 0)
		return;

	initStringInfo(&detail);
	for (i = 0; i < SPI_processed && i < MAX_LISTED; i++)
		appendStringInfo(&detail, "%s%s", i == 0 ? "" : ", ",
						 SPI_getvalue(SPI_tuptable->vals[i],
									  SPI_tuptable->tupdesc, 1));
	if (i < SPI_processed)
		appendStringInfo(&detail, ", and " UINT64_FORMAT " more places",
						 SPI_processed - i);

	initStringInfo(&hint);
	for (i = 0; i < SPI_processed; i++)
		for (j = 0; j < lengthof(remedies); j++)
			mentioned[j] |= strcmp(SPI_getvalue(SPI_tuptable->vals[i],
												SPI_tuptable->tupdesc, 2),
								   remedies[j].place) == 0;
	for (j = 0; j < lengthof(remedies); j++)
		if (mentioned[j])
			appendStringInfo(&hint, "%s ", remedies[j].remedy);
	ereport(ERROR,
			(errcode(CG_ERRCODE_KEY_IN_USE),
			 errmsg("version %d of the data key of category \"%s\" is in use",
					version, category),
			 errdetail("Values: %s.", detail.data),
			 errhint("%s%s lists all.", hint.data, "cipguard.key_use()")));
}

static void
require_none_prepared(void)
{
	if (SPI_execute("SELECT x.gid FROM pg_catalog.pg_prepared_xacts x"
					" WHERE x.database = pg_catalog.current_database()",
					false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the prepared transactions");
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEY_IN_USE),
				 errmsg("a prepared transaction could hold values under the key"),
				 errdetail("It is \"%s\".",
						   SPI_getvalue(SPI_tuptable->vals[0],
										SPI_tuptable->tupdesc, 1)),
				 errhint("Commit it or roll it back first.")));
}

/*
 * Until every transaction of this database that runs now has ended.  Vacuum
 * copies nothing.
 */
static void
wait_for_others(void)
{
	VirtualTransactionId *others;
	int			n;
	int			i;

	others = GetCurrentVirtualXIDs(InvalidTransactionId, false, false,
								   PROC_IS_AUTOVACUUM | PROC_IN_VACUUM, &n);
	for (i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		(void) VirtualXactLock(others[i], true);
	}
	pfree(others);
}

/*
 * key_sql.c
 *		SQL functions about keys.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "compat.h"

#include "access.h"
#include "cipguard.h"
#include "event.h"
#include "keyring.h"
#include "key_provider.h"

/*
 * init() RETURNS int4
 *
 * Keys are made with the rights of the extension, for an officer or a
 * superuser.
 */
PG_FUNCTION_INFO_V1(cipguard_init);
Datum
cipguard_init(PG_FUNCTION_ARGS)
{
	Oid			officer = get_role_oid(CG_ROLE_OFFICER, true);
	int			made;

	if (!superuser() &&
		!(OidIsValid(officer) && cg_has_privs_of(GetUserId(), officer)))
	{
		cg_event_refused("creation of keys", InvalidOid);
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to create keys"),
				 errhint("Only members of %s can.", CG_ROLE_OFFICER)));
	}
	PreventCommandIfReadOnly("cipguard.init()");
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

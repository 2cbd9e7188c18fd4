/*
 * app_key.c
 *		SQL functions about applications whose tokens verify for whom they act.
 *
 * Which key is in force decides what the audit log calls verified, so each
 * change of the table is an event of the log itself.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "compat.h"

#include "audit_store.h"
#include "catalog.h"
#include "ed25519.h"

/* app_public_key(text) RETURNS bytea */
PG_FUNCTION_INFO_V1(cipguard_app_public_key);
Datum
cipguard_app_public_key(PG_FUNCTION_ARGS)
{
	text	   *arg = PG_GETARG_TEXT_PP(0);
	bytea	   *result = palloc(VARHDRSZ + CG_ED25519_KEY_LEN);

	SET_VARSIZE(result, VARHDRSZ + CG_ED25519_KEY_LEN);
	if (cg_ed25519_read_public(VARDATA_ANY(arg), VARSIZE_ANY_EXHDR(arg),
							   (uint8 *) VARDATA(result)) != CG_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("not an Ed25519 public key"),
				 errdetail("It must be PEM (\"BEGIN PUBLIC KEY\"), or base64 or hexadecimal digits of 32 bytes."),
				 errhint("Make it with: %s",
						 "openssl genpkey -algorithm ed25519 -out app.key; openssl pkey -in app.key -pubout")));
	PG_RETURN_BYTEA_P(result);
}

/* note_app_key() RETURNS trigger */
PG_FUNCTION_INFO_V1(cipguard_note_app_key);
Datum
cipguard_note_app_key(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	HeapTuple	row;
	const char *what;
	char	   *name;
	char	   *key;

	cg_require_our_trigger(fcinfo);
	if (!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) ||
		!TRIGGER_FIRED_AFTER(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called as a trigger after each row")));
	if (TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
		what = "add application key";
	else if (TRIGGER_FIRED_BY_DELETE(trigdata->tg_event))
		what = "delete application key";
	else
		what = "change application key";
	desc = RelationGetDescr(trigdata->tg_relation);
	row = TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event) ?
		trigdata->tg_newtuple : trigdata->tg_trigtuple;
	if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
	{
		int			revoked = SPI_fnumber(desc, "revoked_at");
		bool		is_null;

		(void) SPI_getbinval(row, desc, revoked, &is_null);
		if (!is_null)
			what = "revoke application key";
	}
	name = SPI_getvalue(row, desc, SPI_fnumber(desc, "name"));
	key = SPI_getvalue(row, desc, SPI_fnumber(desc, "public_key"));
	cg_audit_note(what, RelationGetRelid(trigdata->tg_relation), NULL,
				  psprintf("%s %s", name == NULL ? "" : name,
						   key == NULL ? "" : key));
	return PointerGetDatum(NULL);
}

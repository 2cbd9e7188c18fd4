/*
 * request.c
 *		Requests that somebody else approves: who is who.
 *
 * The rules of requests are in SQL, kept with their tables
 * (sql/parts/43_request.sql).  Here is what SQL cannot ask: which role logged
 * in, which SET SESSION AUTHORIZATION does not change, and which one it acts
 * in, whatever function of somebody else runs just now.
 *
 * Rank opens nothing: a superuser belongs to the roles that were granted to
 * him, and to no others.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"

#include "access.h"
#include "alert.h"
#include "catalog.h"
#include "category.h"
#include "cipguard.h"
#include "event.h"
#include "request.h"

/*
 * Columns of cipguard.request, in the order of sql/parts/43_request.sql, as
 * far as they are of interest here.
 */
enum
{
	COL_ID = 1,
	COL_KIND,
	COL_STATE,
	COL_LOGIN_ID,
	COL_CARRIED_OUT_AT,
	COL_REVIEWED_AT
};

static bool belongs_to_one(Oid role);

/* Does whoever is at work here belong to the role, in any guise? */
static bool
belongs_to_one(Oid role)
{
	return is_member_of_role_nosuper(GetAuthenticatedUserId(), role) ||
		is_member_of_role_nosuper(GetSessionUserId(), role) ||
		is_member_of_role_nosuper(GetOuterUserId(), role);
}

/* login_role() RETURNS regrole */
PG_FUNCTION_INFO_V1(cipguard_login_role);
Datum
cipguard_login_role(PG_FUNCTION_ARGS)
{
	PG_RETURN_OID(GetAuthenticatedUserId());
}

/* acting_role() RETURNS regrole */
PG_FUNCTION_INFO_V1(cipguard_acting_role);
Datum
cipguard_acting_role(PG_FUNCTION_ARGS)
{
	PG_RETURN_OID(GetOuterUserId());
}

/* belongs_to(member regrole, role regrole) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_belongs_to);
Datum
cipguard_belongs_to(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(is_member_of_role_nosuper(PG_GETARG_OID(0),
											 PG_GETARG_OID(1)));
}

/*
 * acts_for(role name) RETURNS boolean
 *
 * The login has to belong to the role, and the role that it acts in must have
 * its rights.
 */
PG_FUNCTION_INFO_V1(cipguard_acts_for);
Datum
cipguard_acts_for(PG_FUNCTION_ARGS)
{
	Oid			role = get_role_oid(NameStr(*PG_GETARG_NAME(0)), false);

	PG_RETURN_BOOL(is_member_of_role_nosuper(GetAuthenticatedUserId(), role) &&
				   cg_has_privs_of(GetOuterUserId(), role));
}

/*
 * restores_register() RETURNS boolean
 *
 * Settings alone do not make a restore: anybody may choose them.
 */
PG_FUNCTION_INFO_V1(cipguard_restores_register);
Datum
cipguard_restores_register(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!check_function_bodies && superuser() &&
				   superuser_arg(GetAuthenticatedUserId()));
}

/* refuse_request(what text, message text, hint text) RETURNS void */
PG_FUNCTION_INFO_V1(cipguard_refuse_request);
Datum
cipguard_refuse_request(PG_FUNCTION_ARGS)
{
	cg_event_refused(text_to_cstring(PG_GETARG_TEXT_PP(0)), InvalidOid);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%s", text_to_cstring(PG_GETARG_TEXT_PP(1))),
			 errhint("%s", text_to_cstring(PG_GETARG_TEXT_PP(2)))));
	PG_RETURN_VOID();
}

/*
 * require_other_eyes(what text, login regrole, role regrole) RETURNS void
 *
 * Raise ZC035 if whoever is at work here is the login that asked, or belongs
 * to the role that it asked in.  what is what he tries: "approve".
 */
PG_FUNCTION_INFO_V1(cipguard_require_other_eyes);
Datum
cipguard_require_other_eyes(PG_FUNCTION_ARGS)
{
	char	   *what = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool		own = belongs_to_one(PG_GETARG_OID(1));

	if (!own && !belongs_to_one(PG_GETARG_OID(2)))
		PG_RETURN_VOID();
	cg_event_refused(psprintf("attempt to %s a request of one's own", what),
					 InvalidOid);
	cg_alert("self-grant", InvalidOid, -1,
			 psprintf("attempt to %s a request of one's own", what));
	ereport(ERROR,
			(errcode(CG_ERRCODE_FOUR_EYES),
			 own ?
			 errmsg("cannot %s a request of your own", what) :
			 errmsg("cannot %s a request of a role that you are a member of",
					what),
			 errdetail("The role that logged in decides, whatever role it acts in."),
			 errhint("Ask another member of %s.", CG_ROLE_OFFICER)));
}

/* note_break_glass(category text, relation regclass) RETURNS void */
PG_FUNCTION_INFO_V1(cipguard_note_break_glass);
Datum
cipguard_note_break_glass(PG_FUNCTION_ARGS)
{
	const CgCategory *c;

	if (PG_ARGISNULL(0))
		PG_RETURN_VOID();
	c = cg_category_by_name(text_to_cstring(PG_GETARG_TEXT_PP(0)), false);
	cg_alert("break-glass", PG_ARGISNULL(1) ? InvalidOid : PG_GETARG_OID(1),
			 c->id, "access without approval");
	PG_RETURN_VOID();
}

/*
 * Requests are few, and a grant for one is rare: the table is read as it is,
 * with a snapshot of this moment.
 */
CgRequestBehind
cg_request_behind(int64 id)
{
	CgRequestBehind behind = CG_REQUEST_NONE;
	Oid			nspoid = cg_schema_oid();
	Oid			relid = OidIsValid(nspoid) ?
	get_relname_relid("request", nspoid) : InvalidOid;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (!OidIsValid(relid))
		return CG_REQUEST_NONE;
	rel = table_open(relid, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		TupleDesc	desc = RelationGetDescr(rel);
		bool		isnull;
		char	   *kind;
		char	   *state;

		if (DatumGetInt64(heap_getattr(tuple, COL_ID, desc, &isnull)) != id)
			continue;
		kind = TextDatumGetCString(heap_getattr(tuple, COL_KIND, desc,
												&isnull));
		state = TextDatumGetCString(heap_getattr(tuple, COL_STATE, desc,
												 &isnull));
		if (strcmp(state, "approved") != 0 ||
			!heap_attisnull(tuple, COL_CARRIED_OUT_AT, desc) ||
			!heap_attisnull(tuple, COL_REVIEWED_AT, desc))
			break;
		if (strcmp(kind, "access") == 0)
			behind = CG_REQUEST_APPROVED;
		else if (strcmp(kind, "break_glass") == 0 &&
				 TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)) &&
				 DatumGetObjectId(heap_getattr(tuple, COL_LOGIN_ID, desc,
											   &isnull)) ==
				 GetAuthenticatedUserId())
			behind = CG_REQUEST_BREAKS_GLASS;
		break;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return behind;
}

/*
 * alert.c
 *		What somebody should look at soon.
 *
 * Whoever is the reason of an alert could roll back, kill his backend or turn
 * messages off.  So an alert goes to the server log, which he does not see,
 * and as an event to the journal, at once; the rest (alert_ingest.c) is made
 * of that event when it is taken into the audit log.
 *
 * The detail of the event is
 *
 *		KIND[ of CATEGORY]: DETAIL[ (and N times before)]
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "alert.h"
#include "audit_store.h"
#include "catalog.h"
#include "category.h"
#include "cipguard.h"
#include "journal.h"
#include "suspension.h"

#define NUM_RECENT		16
#define QUIET_MS		1000
#define MAX_DETAIL		500

/* An alert that was raised, and how often it came again since. */
typedef struct CgRaised
{
	char		kind[32];
	Oid			relid;
	int32		category;
	Oid			user;
	uint32		detail;			/* its hash */
	TimestampTz at;
	uint64		repeated;
} CgRaised;

static bool is_quiet(const char *kind, Oid relid, int32 category,
					 const char *detail, uint64 *repeated);
static void write_line(const char *kind, Oid relid, const char *category,
					   const char *detail);

static CgRaised raised[NUM_RECENT];

void
cg_alert_init(void)
{
	cg_suspension_init();
}

void
cg_alert(const char *kind, Oid relid, int32 category, const char *detail)
{
	char	   *name = NULL;
	uint64		repeated;
	StringInfoData text;

	if (is_quiet(kind, relid, category, detail, &repeated))
		return;
	if (category >= 0 && IsTransactionState())
	{
		const CgCategory *c = cg_category_by_id(category, true);

		if (c != NULL)
			name = pstrdup(NameStr(c->name));
	}
	initStringInfo(&text);
	appendStringInfoString(&text, kind);
	if (name != NULL)
		appendStringInfo(&text, " of %s", name);
	appendStringInfo(&text, ": %.*s",
					 pg_mbcliplen(detail, (int) strlen(detail), MAX_DETAIL),
					 detail);
	if (repeated > 0)
		appendStringInfo(&text, " (and " UINT64_FORMAT " times before)",
						 repeated);
	write_line(kind, relid, name, detail);
	cg_journal_event(CG_ALERT_EVENT, relid, text.data);
	pfree(text.data);
}

/* Was it raised just now?  Else how often since it was raised last. */
static bool
is_quiet(const char *kind, Oid relid, int32 category, const char *detail,
		 uint64 *repeated)
{
	uint32		hash = hash_bytes((const unsigned char *) detail,
								  (int) strlen(detail));
	TimestampTz now = GetCurrentTimestamp();
	CgRaised   *slot = &raised[0];
	int			i;

	*repeated = 0;
	for (i = 0; i < NUM_RECENT; i++)
	{
		if (raised[i].at != 0 && raised[i].relid == relid &&
			raised[i].category == category && raised[i].detail == hash &&
			raised[i].user == GetUserId() &&
			strncmp(raised[i].kind, kind, sizeof(raised[i].kind) - 1) == 0)
		{
			slot = &raised[i];
			if (!TimestampDifferenceExceeds(slot->at, now, QUIET_MS))
			{
				slot->repeated++;
				return true;
			}
			*repeated = slot->repeated;
			break;
		}
		if (raised[i].at < slot->at)
			slot = &raised[i];
	}
	strlcpy(slot->kind, kind, sizeof(slot->kind));
	slot->relid = relid;
	slot->category = category;
	slot->detail = hash;
	slot->user = GetUserId();
	slot->at = now;
	slot->repeated = 0;
	return false;
}

/*
 * To the server log only: a client that asks for messages of level LOG must
 * not be told that what it read is a canary.
 */
static void
write_line(const char *kind, Oid relid, const char *category,
		   const char *detail)
{
	StringInfoData about;

	initStringInfo(&about);
	if (IsTransactionState() && OidIsValid(MyDatabaseId))
	{
		char	   *user = GetUserNameFromId(GetUserId(), true);
		char	   *login = GetUserNameFromId(GetAuthenticatedUserId(), true);

		appendStringInfo(&about, "Role \"%s\", logged in as \"%s\"",
						 user == NULL ? "" : user, login == NULL ? "" : login);
		if (category != NULL)
			appendStringInfo(&about, ", category \"%s\"", category);
		if (OidIsValid(relid))
			appendStringInfo(&about, ", table %s",
							 cg_audit_relation_name(relid));
		appendStringInfoChar(&about, '.');
	}
	ereport(LOG_SERVER_ONLY,
			(errmsg("alert \"%s\": %s", kind, detail),
			 about.len == 0 ? 0 : errdetail_internal("%s", about.data),
			 errhidestmt(true),
			 errhidecontext(true)));
	pfree(about.data);
}

/*
 * raise_alert(kind text, detail text, category text DEFAULT NULL,
 *			   relation regclass DEFAULT NULL) RETURNS void
 *
 * For functions in SQL that act for their callers.
 */
PG_FUNCTION_INFO_V1(cipguard_raise_alert);
Datum
cipguard_raise_alert(PG_FUNCTION_ARGS)
{
	int32		category = -1;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("kind and detail of an alert must not be null"),
				 errhint("Name both.")));
	if (!PG_ARGISNULL(2))
		category =
			cg_category_by_name(text_to_cstring(PG_GETARG_TEXT_PP(2)),
								false)->id;
	cg_alert(text_to_cstring(PG_GETARG_TEXT_PP(0)),
			 PG_ARGISNULL(3) ? InvalidOid : PG_GETARG_OID(3), category,
			 text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

/*
 * acting.c
 *		Acting with the rights of somebody else, out of the user's reach.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "acting.h"

#define MAX_NESTED	16

static void acting_ended(SubXactEvent event, SubTransactionId subid,
						 SubTransactionId parent, void *arg);
static void all_acting_ended(XactEvent event, void *arg);

int			cg_utility_depth = 0;
int			cg_acting_depth = -1;

/* Acts that have begun and not ended, each in its subtransaction. */
static struct
{
	int			outer;			/* cg_acting_depth before it */
	int			level;			/* nesting of transactions */
}			acts[MAX_NESTED];
static int	num_acts = 0;

/* An error leaves acts without their end. */
static void
acting_ended(SubXactEvent event, SubTransactionId subid,
			 SubTransactionId parent, void *arg)
{
	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	while (num_acts > 0 &&
		   acts[num_acts - 1].level >= GetCurrentTransactionNestLevel())
		cg_acting_depth = acts[--num_acts].outer;
}

static void
all_acting_ended(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_ABORT && event != XACT_EVENT_COMMIT &&
		event != XACT_EVENT_PREPARE)
		return;
	num_acts = 0;
	cg_acting_depth = -1;
}

void
cg_act_begin(CgActing *acting, Oid as)
{
	static const char *const pinned[][2] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"default_tablespace", ""},
		{"default_table_access_method", "heap"},
		{"client_min_messages", "warning"}
	};
	static bool registered = false;
	int			i;

	GetUserIdAndSecContext(&acting->user, &acting->context);
	SetUserIdAndSecContext(as, acting->context |
						   SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	acting->guc_level = NewGUCNestLevel();
	for (i = 0; i < (int) lengthof(pinned); i++)
		(void) set_config_option(pinned[i][0], pinned[i][1], PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
								 false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");

	if (!registered)
	{
		RegisterSubXactCallback(acting_ended, NULL);
		RegisterXactCallback(all_acting_ended, NULL);
		registered = true;
	}
	if (num_acts == MAX_NESTED)
		elog(ERROR, "too many acts in one another");
	acts[num_acts].outer = cg_acting_depth;
	acts[num_acts++].level = GetCurrentTransactionNestLevel();
	cg_acting_depth = cg_utility_depth;
}

void
cg_act_end(const CgActing *acting)
{
	cg_acting_depth = acts[--num_acts].outer;
	SPI_finish();
	AtEOXact_GUC(false, acting->guc_level);
	SetUserIdAndSecContext(acting->user, acting->context);
}

void
cg_act_execute(const char *format,...)
{
	StringInfoData sql;
	int			rc;

	initStringInfo(&sql);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, format);
		needed = appendStringInfoVA(&sql, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&sql, needed);
	}
	rc = SPI_execute(sql.data, false, 0);
	if (rc < 0)
		elog(ERROR, "could not execute \"%s\": %s", sql.data,
			 SPI_result_code_string(rc));
	pfree(sql.data);
}

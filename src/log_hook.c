/*
 * log_hook.c
 *		Values of encrypted columns kept out of error reports.
 *
 * PostgreSQL prints values where a constraint is violated ("Failing row
 * contains ..."), and statements and lines of COPY with every error.  Once a
 * transaction has encrypted or decrypted anything, its reports are redacted:
 * the detail of constraint violations is replaced, for the client too, since
 * a function of a definer may be at work for somebody who may not read; and
 * the log gets neither statement nor context.
 *
 * The hook sees what is on its way to the log, before it goes to the client.
 * log_min_messages above ERROR would bypass it; only a superuser can set
 * that.  What users have logged on purpose (log_statement, log_duration,
 * auto_explain) is not changed.
 *
 * The hook runs while an error is pending: no catalog, and strings have to
 * live in the memory of the error.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/elog.h"
#include "utils/memutils.h"

#include "crypt.h"
#include "log_hook.h"

static void redact(ErrorData *edata);

static emit_log_hook_type prev_emit_log = NULL;

void
cg_log_hook_init(void)
{
	prev_emit_log = emit_log_hook;
	emit_log_hook = redact;
}

static void
redact(ErrorData *edata)
{
	if (cg_plain_at != 0 &&
		cg_plain_at == GetCurrentTransactionStartTimestamp() &&
		edata->elevel >= WARNING)
	{
		if (edata->detail != NULL && edata->assoc_context != NULL &&
			ERRCODE_TO_CATEGORY(edata->sqlerrcode) ==
			ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
			edata->detail = edata->detail_log =
				MemoryContextStrdup(edata->assoc_context,
									"Values are not shown, since encrypted columns are involved.");
		edata->hide_stmt = true;
		edata->hide_ctx = true;
		edata->internalquery = NULL;
		edata->internalpos = 0;
	}
	if (prev_emit_log)
		prev_emit_log(edata);
}

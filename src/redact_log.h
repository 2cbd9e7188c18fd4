/*
 * redact_log.h
 *		Statements that reach the server log without the values in them.
 */
#ifndef CG_REDACT_LOG_H
#define CG_REDACT_LOG_H

#include "executor/execdesc.h"
#include "utils/elog.h"

/* Set in the log instead of what may hold values. */
extern const char cg_redact_hidden[];

/*
 * Redacts a report on its way to the log, and leaves alone what the client
 * gets.  True if it was sent to the log, which is then done.
 */
extern bool cg_redact_report(ErrorData *edata, emit_log_hook_type next);

/* Redacts statements of other processes in a report, which only the log has. */
extern void cg_redact_others(ErrorData *edata);

/* What plan will be logged, if any is; may it be shown? */
extern void cg_redact_plan_of(QueryDesc *queryDesc, bool spared);

#endif							/* CG_REDACT_LOG_H */

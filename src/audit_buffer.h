/*
 * audit_buffer.h
 *		Events on their way into the audit log.
 */
#ifndef CG_AUDIT_BUFFER_H
#define CG_AUDIT_BUFFER_H

#include "datatype/timestamp.h"
#include "fmgr.h"

#include "audit_store.h"

/* Columns of cipguard.audit_event, in the order of sql/parts/50_audit.sql. */
enum
{
	CG_EV_SEQ,
	CG_EV_XID,
	CG_EV_TS,
	CG_EV_SESSION,
	CG_EV_SUBJECT,
	CG_EV_RELID,
	CG_EV_CMD,
	CG_EV_KIND,
	CG_EV_APP_VERIFIED,
	CG_EV_SPOOLED,
	CG_EV_RELNAME,
	CG_EV_ROLE,
	CG_EV_APP_USER,
	CG_EV_PURPOSE,
	CG_EV_COLS,
	CG_EV_OLD,
	CG_EV_NEW,
	CG_EV_SUBJECTS,
	CG_EV_COLUMNS
};

/*
 * Make sure that there is a partition for an event of this time.  That can
 * run SQL and a subtransaction.
 */
extern void cg_buffer_prepare(CgAuditObject branch, TimestampTz ts);

/*
 * Take a row of cipguard.audit_event; values are copied.  It is written when
 * the statement ends, at the latest.
 */
extern void cg_buffer_add(CgAuditObject branch, const Datum *values,
						  const bool *nulls);

/*
 * At load: hooks and callbacks by which the buffer is written at the end of
 * statements and discarded with transactions.
 */
extern void cg_buffer_init(void);

#endif							/* CG_AUDIT_BUFFER_H */

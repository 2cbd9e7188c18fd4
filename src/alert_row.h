/*
 * alert_row.h
 *		Rows of cipguard.alert, and who is told of them.
 */
#ifndef CG_ALERT_ROW_H
#define CG_ALERT_ROW_H

#include "datatype/timestamp.h"

#include "journal_frame.h"

typedef struct CgAlert
{
	const char *kind;
	TimestampTz at;
	uint8		node[CG_FRAME_NODE_LEN];	/* server where it happened */
	Oid			login;			/* role that logged in */
	const char *login_role;
	const char *role;
	const char *address;
	const char *category;		/* NULL: none */
	const char *relation;		/* "" if there is none */
	const char *detail;
	int64		event;			/* of the audit log */
	uint64		times;
	bool		suspend;		/* take the login's access away */
	bool		derived;		/* the server log has no line of it */
} CgAlert;

/*
 * Collect alerts of one call of ingest(), then write them.  The same alert
 * that comes again within ten minutes, and was not acknowledged meanwhile,
 * only counts.  All is palloc'd in the context that was current at the begin.
 */
typedef struct CgAlertRows CgAlertRows;

/* No alerts yet.  Lives in the current memory context. */
extern CgAlertRows *cg_alert_rows_begin(void);

/*
 * Add an alert, which is copied; the same one shortly before or after is
 * counted only.
 */
extern void cg_alert_rows_add(CgAlertRows *rows, const CgAlert *alert);

/* Store what was added, notify, and suspend whom an alert says. */
extern void cg_alert_rows_write(CgAlertRows *rows);

#endif							/* CG_ALERT_ROW_H */

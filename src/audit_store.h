/*
 * audit_store.h
 *		Writing to the audit log: events, sessions, side tables.
 */
#ifndef CG_AUDIT_STORE_H
#define CG_AUDIT_STORE_H

#include "fmgr.h"
#include "utils/array.h"

/* cipguard.audit_event.kind */
#define CG_EVENT_INSERT		'I'
#define CG_EVENT_UPDATE		'U'
#define CG_EVENT_DELETE		'D'
#define CG_EVENT_TRUNCATE	'T'
#define CG_EVENT_POLICY		'G' /* what is audited; "new" is a note */

typedef struct CgAuditEvent
{
	char		kind;
	Oid			relid;
	text	   *relname;		/* schema-qualified */
	bool		has_subject;
	int64		subject;
	ArrayType  *cols;			/* int2[], or NULL */
	bytea	   *before;			/* or NULL */
	bytea	   *after;			/* or NULL */
} CgAuditEvent;

/* Append an event to the log; raises when that cannot be done. */
extern void cg_audit_write(const CgAuditEvent *event);

/*
 * Number of the session in which we are.  It writes no row, so it serves where
 * nothing can be written; a row of cipguard.audit_session tells more of the
 * session if it has changed anything audited.
 */
extern int64 cg_audit_session(void);

/* The extension's objects that audit code touches. */
typedef enum CgAuditObject
{
	CG_AUDIT_EVENT,
	CG_AUDIT_SEQUENCE,
	CG_AUDIT_SESSION,
	CG_AUDIT_SCHEMA,
	CG_AUDIT_SCHEMA_INDEX,
	CG_AUDIT_OBJECTS
} CgAuditObject;

/* OID by cached name look-up; raises when it is missing. */
extern Oid	cg_audit_oid(CgAuditObject object);

/* Owner of the log; its objects, and its triggers, are made as that role. */
extern Oid	cg_audit_owner(void);

/* Next number of the log's sequence. */
extern int64 cg_audit_next_seq(void);

/* Append a row to a side table (session, schema), past all privileges. */
extern void cg_audit_append(CgAuditObject object, Datum *values, bool *nulls);

/*
 * A row that this backend writes once, such as that of its session: is it in
 * the table, or will it be when the present transaction commits?  A rollback
 * (to a savepoint, too) forgets it.  Must stay allocated for ever.
 */
typedef struct CgOnce
{
	bool		done;
	bool		pending;		/* not committed yet */
	SubTransactionId subid;		/* where it was written */
	struct CgOnce *next;
} CgOnce;

extern void cg_once_mark(CgOnce *once);
extern void cg_once_reset(CgOnce *once);

extern void cg_audit_store_init(void);

#endif							/* CG_AUDIT_STORE_H */

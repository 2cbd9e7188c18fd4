/*
 * audit_store.h
 *		Writing to the audit log: events, sessions, side tables.
 */
#ifndef CG_AUDIT_STORE_H
#define CG_AUDIT_STORE_H

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/relcache.h"

/* cipguard.audit_event.kind */
#define CG_EVENT_INSERT		'I'
#define CG_EVENT_UPDATE		'U'
#define CG_EVENT_DELETE		'D'
#define CG_EVENT_TRUNCATE	'T'
#define CG_EVENT_NOTE		'G' /* anything else that was committed */
#define CG_EVENT_DISCLOSURE	'R'
#define CG_EVENT_REFUSAL	'X'
#define CG_EVENT_LOGIN		'L'
#define CG_EVENT_OTHER		'E' /* any other that came through the spool */

/* A change; columns that are not here are found by cg_audit_write(). */
typedef struct CgAuditEvent
{
	char		kind;
	TimestampTz ts;
	CommandId	cmd;
	int64		session;
	Oid			relid;
	text	   *relname;		/* schema-qualified */
	bool		has_subject;
	int64		subject;
	ArrayType  *cols;			/* int2[], or NULL */
	bytea	   *before;			/* or NULL */
	bytea	   *after;			/* or NULL */
} CgAuditEvent;

/*
 * Begin an event that happens now.  That can run SQL: what is cached of
 * tables must be looked up afterwards.
 */
extern void cg_audit_begin(CgAuditEvent *event, char kind);

/*
 * Append it to the log; raises when that cannot be done.  All that it points
 * to is copied.
 */
extern void cg_audit_write(const CgAuditEvent *event);

/*
 * Append a note: what happened, to which relation if any (relname NULL: look
 * it up), and details, which can be empty.
 */
extern void cg_audit_note(const char *what, Oid relid, const char *relname,
						  const char *detail);

/*
 * An event that came through the spool.  It is appended to the partition of
 * the month of its clock, whichever that is.
 */
typedef struct CgAuditRecord
{
	char		kind;
	TimestampTz ts;
	int64		session;
	int32		cmd;
	Oid			relid;
	const char *relname;		/* "" if it is about none */
	const char *role;
	const char *app_user;		/* or NULL */
	bool		app_verified;
	const char *purpose;		/* or NULL */
	bool		has_subject;
	int64		subject;
	const bytea *frame;			/* as it was in the spool */
	const ArrayType *subjects;	/* int8[], or NULL */
} CgAuditRecord;

/* Returns its number. */
extern int64 cg_audit_write_record(const CgAuditRecord *record);

/* Schema-qualified, quoted name as the log spells it. */
extern char *cg_audit_relation_name(Oid relid);

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
	CG_AUDIT_CHANGE,			/* its partition for changes */
	CG_AUDIT_RECORD,			/* and that for what was spooled */
	CG_AUDIT_SEQUENCE,
	CG_AUDIT_SESSION,
	CG_AUDIT_SCHEMA,
	CG_AUDIT_SCHEMA_INDEX,
	CG_AUDIT_OBJECTS
} CgAuditObject;

/* OID by cached name look-up; raises when it is missing. */
extern Oid	cg_audit_oid(CgAuditObject object);

/* What it is called. */
extern const char *cg_audit_name(CgAuditObject object);

/* Owner of the log; its objects, and its triggers, are made as that role. */
extern Oid	cg_audit_owner(void);

/* Next number of the log's sequence. */
extern int64 cg_audit_next_seq(void);

/*
 * For writing a row: makes a snapshot active unless one is, and says whether
 * it did; the caller pops it.  A value that goes out of line takes one, and
 * commands like SET, and the end of a transaction, have none.
 */
extern bool cg_audit_snapshot(void);

/* Append a row to a side table (session, schema), past all privileges. */
extern void cg_audit_append(CgAuditObject object, Datum *values, bool *nulls);
extern void cg_audit_append_to(Relation rel, Datum *values, bool *nulls);

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

/* It is done: for good if this (sub)transaction commits. */
extern void cg_once_mark(CgOnce *once);

/* It is not done any more, however the transaction ends. */
extern void cg_once_reset(CgOnce *once);

/* At load: callbacks of the store and of its buffer. */
extern void cg_audit_store_init(void);

#endif							/* CG_AUDIT_STORE_H */

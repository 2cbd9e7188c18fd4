/*
 * audit_relation.h
 *		What the audit triggers know about a table.
 */
#ifndef CG_AUDIT_RELATION_H
#define CG_AUDIT_RELATION_H

#include "nodes/pg_list.h"
#include "utils/relcache.h"

#include "audit_image.h"
#include "audit_store.h"

typedef struct CgAuditRelation
{
	Oid			relid;			/* hash key */
	bool		valid;
	MemoryContext context;		/* of all that hangs below */
	text	   *relname;		/* schema-qualified */
	int			ncolumns;		/* without dropped and virtual ones */
	CgImageColumn *columns;
	bool		delicate;		/* some column's output depends on settings */
	bool		no_key;			/* nothing identifies a row: keep all of it */
	List	   *ancestors;		/* relations whose labels apply here, too */
	AttrNumber	subject;		/* InvalidAttrNumber if there is none */
	bool		subject_encrypted;
	FmgrInfo	subject_output;
	int64		schema_id;
	int64		written_id;		/* schema that "once" is about */
	Oid			written_table;
	CgOnce		once;
} CgAuditRelation;

/* The description of a table: cached, follows DDL and labels. */
extern CgAuditRelation *cg_audit_relation(Relation rel);

/* Make sure that the log explains the table's images. */
extern void cg_audit_relation_record(CgAuditRelation *table);

/* Subject tag of the text form of a subject: what audit_event.subject holds. */
extern int64 cg_subject_tag(const char *subject, Size len);

/* Is there a key for it?  Not while a dump is restored or the server sealed. */
extern bool cg_subject_tag_known(void);

/* Tag of a row's subject; false if it is NULL. */
extern bool cg_audit_subject(CgAuditRelation *table, Datum value, bool isnull,
							 int64 *tag);

/*
 * At load: have descriptions of relations forgotten when they, their types or
 * schemas change.
 */
extern void cg_audit_relation_init(void);

/* Columns of cipguard.audit_schema, in the order of sql/parts/50_audit.sql. */
enum
{
	CG_SC_ID,
	CG_SC_SEQ,
	CG_SC_XID,
	CG_SC_TS,
	CG_SC_RELID,
	CG_SC_RELNAME,
	CG_SC_ATTNUMS,
	CG_SC_NAMES,
	CG_SC_TYPES,
	CG_SC_TYPE_NAMES,
	CG_SC_COLUMNS
};

#endif							/* CG_AUDIT_RELATION_H */

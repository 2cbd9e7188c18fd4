/*
 * ingest_event.h
 *		A record of the spool as an event of the audit log.
 */
#ifndef CG_INGEST_EVENT_H
#define CG_INGEST_EVENT_H

#include "datatype/timestamp.h"

#include "journal_frame.h"
#include "journal_key.h"

/* The kind of event that a record is. */
extern char cg_record_kind(const CgFrame *frame, CgProof proof);

/* Its clock, or that of today if that is not believed. */
extern TimestampTz cg_record_time(const CgFrame *frame, CgProof proof);

/* Is that its kind, as text? */
extern bool cg_record_is_kind(const CgFrame *frame, const char *kind);

/*
 * Is it for the log of this database?  A record of what happened outside of
 * any, such as a login, names the database in its detail; if it names none, or
 * none that exists, it is for the log of each.
 */
extern bool cg_record_is_ours(const CgFrame *frame);

/*
 * Append a record, which is that many bytes, to the log.  Returns the number
 * of the event.
 */
extern int64 cg_record_write(const CgFrame *frame, CgProof proof,
							 const uint8 *data, Size len);

/*
 * Append a record that a statement, of which this was the first record, can
 * have disclosed more than its records tell.
 */
extern void cg_record_unfinished(const CgFrame *intent);

/*
 * Append a record that says something of the spool of a node, such as that a
 * part of it is damaged.
 */
extern void cg_record_note(const uint8 *node, const char *what,
						   const char *detail);

/* Text of a frame: what is none in this encoding was not written by us: "?". */
extern char *cg_record_text(const CgFrameText *text);

#endif							/* CG_INGEST_EVENT_H */

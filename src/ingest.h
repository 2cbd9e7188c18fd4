/*
 * ingest.h
 *		Taking what is in the spool into the audit log, exactly once.
 */
#ifndef CG_INGEST_H
#define CG_INGEST_H

/* Did the last call of ingest() in this process leave something to read? */
extern bool cg_ingest_behind;

/* Bytes of the spool of this database that are not in the log. */
extern int64 cg_ingest_pending(void);

#endif							/* CG_INGEST_H */

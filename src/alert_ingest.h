/*
 * alert_ingest.h
 *		Alerts that records of the journal ask for, as they are taken in.
 */
#ifndef CG_ALERT_INGEST_H
#define CG_ALERT_INGEST_H

#include "journal_frame.h"
#include "journal_key.h"

typedef struct CgAlerts CgAlerts;

/*
 * Look at the records that one call of ingest() takes in: begin, each record
 * with its event's number, end.  Memory is of the context of the begin.
 */
extern CgAlerts *cg_alerts_begin(void);
extern void cg_alerts_see(CgAlerts *alerts, const CgFrame *frame,
						  CgProof proof, int64 event);
extern void cg_alerts_end(CgAlerts *alerts);

#endif							/* CG_ALERT_INGEST_H */

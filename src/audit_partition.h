/*
 * audit_partition.h
 *		Monthly partitions of the audit log.
 */
#ifndef CG_AUDIT_PARTITION_H
#define CG_AUDIT_PARTITION_H

#include "datatype/timestamp.h"

#include "audit_store.h"

/* A calendar month, UTC. */
typedef struct CgMonth
{
	int			year;
	int			month;			/* 1 to 12 */
	TimestampTz lower;
	TimestampTz upper;			/* exclusive */
} CgMonth;

/* The month that lies `ahead` months after the one of ts. */
extern void cg_month_of(TimestampTz ts, int ahead, CgMonth *month);

/*
 * The partition of a month; made when missing.  The branch is CG_AUDIT_CHANGE
 * or CG_AUDIT_RECORD.
 */
extern Oid	cg_audit_partition(CgAuditObject branch, const CgMonth *month);

/*
 * Make the partition of a month ahead of need.  Gives up at once when another
 * transaction is making partitions; only warns when it fails.
 */
extern void cg_audit_partition_ahead(CgAuditObject branch,
									 const CgMonth *month);

#endif							/* CG_AUDIT_PARTITION_H */

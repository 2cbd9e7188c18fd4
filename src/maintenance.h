/*
 * maintenance.h
 *		Windows of time in which what is guarded may be changed.
 */
#ifndef CG_MAINTENANCE_H
#define CG_MAINTENANCE_H

/*
 * Is a window open that covers a table, or any table below or above it;
 * InvalidOid: one that is not limited to a table?
 */
extern bool cg_maintenance_open(Oid relid);

#endif							/* CG_MAINTENANCE_H */

/*
 * plan_report.h
 *		Telling readers what a plan shows masks of, and why.
 */
#ifndef CG_PLAN_REPORT_H
#define CG_PLAN_REPORT_H

#include "nodes/plannodes.h"

#include "protect.h"

/*
 * A plan is about to run that masks columns of a relation: report those for
 * which its user has a grant but misses a condition.
 */
extern void cg_report_masked(PlannedStmt *stmt, RangeTblEntry *rte,
							 const CgProtection *p);

#endif							/* CG_PLAN_REPORT_H */

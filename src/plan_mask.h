/*
 * plan_mask.h
 *		Masks in place of protected columns, in a query about to be planned.
 *
 * plan_mask.c puts masks for columns that the current user may not read,
 * plan_assign.c looks after what is assigned to protected columns, and
 * plan_output.c and plan_carrier.c after what a reader's query gives out.
 */
#ifndef CG_PLAN_MASK_H
#define CG_PLAN_MASK_H

#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"

#include "plan_functions.h"
#include "protect.h"

/* A query, and the queries around it. */
typedef struct CgScope
{
	Query	   *query;
	struct CgScope *parent;
	bool		inside;			/* inside an expression that looks at values */
	bool		grouped;		/* where groups may be seen, not rows */
	bool		compared;		/* in one of our comparisons */
} CgScope;

/*
 * Substitute in a query; parent is NULL for the one that was given to the
 * planner.  Returns true if it touches a protected relation.
 */
extern bool cg_mask_query(Query *query, CgScope *parent);

/* The same of an expression in the scope of a query. */
extern Node *cg_mask_expr(Node *node, CgScope *scope);

/* plan_scope.c: the scope that many levels up. */
extern CgScope *cg_scope_up(CgScope *scope, Index levels);

/* The range table entry that a column reference is to. */
extern RangeTblEntry *cg_scope_rte(CgScope *scope, Var *var);

/* Protection of a range table entry; NULL if it has none. */
extern const CgProtection *cg_rte_protection(CgScope *scope, Index varno);

/*
 * What may the current user do with a column here?  Like cg_column_level(),
 * but under row_security = off whoever bypasses row security reads; everybody
 * else gets an error if he may not.
 */
extern CgLevel cg_scope_level(const CgProtection *p, AttrNumber attnum);

/* Superusers, BYPASSRLS and owners, as PostgreSQL counts them. */
extern bool cg_bypasses_row_security(const CgProtection *p);

/*
 * How many of the quals of a range table entry are of policies; they are the
 * first ones.
 */
extern int	cg_count_policies(Query *query, Index varno);

/*
 * plan_gate.c: does it depend on the person whether the current user may read
 * or search a column?  Any column of the relation?
 */
extern bool cg_is_gated(const CgProtection *p, AttrNumber attnum);
extern bool cg_is_row_gated(const CgProtection *p);

/* A column, or its mask, by person; NULL if it does not depend on that. */
extern Node *cg_gate_var(Var *var, const CgProtection *p, CgScope *scope);

/* Is a node such a call? */
extern bool cg_is_gate(Node *node);

/* The birthday of the person that a row of a relation is about, or NULL. */
extern Var *cg_birthday_of_var(Var *var, const CgProtection *p);

/* Let searches by value use indexes. */
extern void cg_repeat_quals(Query *query);

/* plan_assign.c */
extern void cg_assign_targets(List *targets, CmdType command,
							  Index result_relation, CgScope *scope);

/* plan_output.c */
extern void cg_plan_output(Query *query);

/*
 * The same of the output list of a query inside another; of an expression,
 * which is changed; and of what a node is made of.  The keys are what the
 * query groups by.
 */
extern void cg_output_query(Query *query, CgScope *parent);
extern Node *cg_output_expr(Node *node, CgScope *scope, List *keys);
extern Node *cg_output_inside(Node *node, CgScope *scope, List *keys);

/*
 * Is an expression made of encrypted columns whose categories the current
 * user may read wherever they stand, and of no mask?
 */
extern bool cg_reads_origins(Node *node, CgScope *scope);

/* plan_compare.c: mark the relations of a query with what it compares. */
extern void cg_plan_compared(Query *query);

/* Charge a plan that is about to run for that. */
extern void cg_charge_compared(PlannedStmt *stmt);

/* plan_sort.c: what readers sort by. */
extern void cg_plan_sort(Query *query);

/* plan_carrier.c: what leaves by another way than the output list. */
extern void cg_plan_carriers(Query *query);

/*
 * What an expression that looks inside must see in place of an encrypted
 * column, or of a row with such: its mask for whoever may only search, and
 * for readers of one table alone the plaintext, which the type's functions
 * would not give them.  NULL if the column will do.
 */
extern Node *cg_shown_inside(Var *var, CgScope *scope);

/* A call that gives the mask of a value. */
extern Node *cg_mask_call(Node *value, int32 category);

/* CASE WHEN row IS NOT NULL THEN ROW(fields) END */
extern Node *cg_make_row(Var *var, List *fields, List *names);

/*
 * plan_subject.c: the subject of the row that a value is from, as a column
 * beside it; NULL if there is none.
 */
extern Var *cg_subject_of(Var *var, CgScope *scope);

/* Does a query give one row for several? */
extern bool cg_merges_rows(Query *query);

/* The query of a CTE, and the scope that it is in; NULL if not found. */
extern Query *cg_cte_query(RangeTblEntry *rte, CgScope *at, CgScope **home);

#endif							/* CG_PLAN_MASK_H */

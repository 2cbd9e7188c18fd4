/*
 * plan_scope.c
 *		Queries inside each other, and what their user may do in them.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "parser/parsetree.h"
#include "replication/walsender.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "compat.h"

#include "cipguard.h"
#include "event.h"
#include "lockdown.h"
#include "plan_mask.h"

CgScope *
cg_scope_up(CgScope *scope, Index levels)
{
	for (; levels > 0 && scope != NULL; levels--)
		scope = scope->parent;
	return scope;
}

RangeTblEntry *
cg_scope_rte(CgScope *scope, Var *var)
{
	scope = cg_scope_up(scope, var->varlevelsup);
	if (scope == NULL || IS_SPECIAL_VARNO(var->varno) ||
		var->varno > list_length(scope->query->rtable))
		return NULL;
	return rt_fetch(var->varno, scope->query->rtable);
}

const CgProtection *
cg_rte_protection(CgScope *scope, Index varno)
{
	RangeTblEntry *rte = rt_fetch(varno, scope->query->rtable);

	if (rte->rtekind != RTE_RELATION || rte->relkind == RELKIND_VIEW)
		return NULL;
	return cg_protection(rte->relid);
}

CgLevel
cg_scope_level(const CgProtection *p, AttrNumber attnum)
{
	CgLevel		level = cg_column_level(p, attnum);
	const CgProtectedColumn *column = cg_protected_column(p, attnum);

	/* Ciphertext prints as armor there, and is stored as it is. */
	if (am_walsender && column != NULL && column->encrypted)
		return CG_LEVEL_READ;
	if (am_walsender && column != NULL && level < CG_LEVEL_READ)
		ereport(ERROR,
				(errcode(CG_ERRCODE_EXPOSURE),
				 errmsg("table \"%s\" cannot be replicated by a role that sees masks of it",
						get_rel_name(p->relid)),
				 errdetail("The copy would hold masks, and the changes that follow real values."),
				 errhint("Let the subscription connect as a role that may read, or leave the table out of the publication.")));
	if (row_security || column == NULL)
		return level;
	if (cg_bypasses_row_security(p))
		return CG_LEVEL_READ;
	if (level < CG_LEVEL_READ &&
		!(column->encrypted && level == CG_LEVEL_SEARCH))
	{
		cg_event_refused("reading without masks", p->relid);
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("query would be affected by masking of table \"%s\"",
						get_rel_name(p->relid)),
				 errhint("Set %s to on to see masks, or ask an officer for %s.",
						 "row_security",
						 "cipguard.grant_access(..., 'read')")));
	}
	return level;
}

bool
cg_bypasses_row_security(const CgProtection *p)
{
	return (superuser() || has_bypassrls_privilege(GetUserId()) ||
			cg_owns_relation(p->relid, GetUserId())) &&
		!cg_stored_locked_down(p);
}

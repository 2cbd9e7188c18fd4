/*
 * catalog.c
 *		Access to the extension's own tables, and news of their changes.
 *
 * Categories, grants and keys are read by type input and output functions.
 * Those run where SPI cannot (in a walsender, inside a parallel worker, while
 * a plan is being made), so the tables are scanned directly, with a catalog
 * snapshot, and cached in the backend.
 *
 * A statement trigger on each table, cipguard.invalidate_cache(), sends a
 * relcache invalidation for the table.  It is transactional, reaches every
 * backend of the database and hot standbys, and needs no shared memory, so
 * the library works without being preloaded.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"

#include "compat.h"

#include "catalog.h"
#include "cipguard.h"

static void relation_changed(Datum arg, Oid relid);

static CgWatch *watches = NULL;

void
cg_watch(CgWatch *watch)
{
	watch->relid = InvalidOid;
	watch->generation = 1;
	watch->next = watches;
	watches = watch;
}

Oid
cg_schema_oid(void)
{
	return get_namespace_oid(CG_SCHEMA, true);
}

Relation
cg_watch_open(CgWatch *watch)
{
	if (!OidIsValid(watch->relid))
	{
		Oid			nspoid = cg_schema_oid();

		if (!OidIsValid(nspoid))
			return NULL;
		watch->relid = get_relname_relid(watch->relname, nspoid);
		if (!OidIsValid(watch->relid))
			return NULL;
	}
	return table_open(watch->relid, AccessShareLock);
}

/*
 * Plans hold verdicts on rights and constants encrypted under a key, so a
 * change of any of these tables discards them too.
 */
static void
relation_changed(Datum arg, Oid relid)
{
	CgWatch    *watch;
	bool		ours = false;

	for (watch = watches; watch != NULL; watch = watch->next)
	{
		if (OidIsValid(relid) && relid != watch->relid)
			continue;
		watch->generation++;
		watch->relid = InvalidOid;
		ours = OidIsValid(relid);
	}
	if (ours)
		ResetPlanCache();
}

void
cg_catalog_init(void)
{
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
}

/* invalidate_cache() RETURNS trigger */
PG_FUNCTION_INFO_V1(cipguard_invalidate_cache);
Datum
cipguard_invalidate_cache(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called as a trigger")));

	CacheInvalidateRelcache(trigdata->tg_relation);
	return PointerGetDatum(NULL);
}

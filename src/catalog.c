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
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"

#include "compat.h"

#include "catalog.h"
#include "cipguard.h"
#include "inval.h"

static void news_of(CgWatch *watch);
static bool find_table(CgWatch *watch);
static void relation_changed(Datum arg, Oid relid);

static CgWatch *watches = NULL;

uint64		cg_access_generation = 1;

void
cg_watch(CgWatch *watch)
{
	watch->relid = InvalidOid;
	watch->generation = 1;
	watch->next = watches;
	watches = watch;
}

static void
news_of(CgWatch *watch)
{
	watch->generation++;
	if (watch->access)
		cg_access_generation++;
}

Oid
cg_schema_oid(void)
{
	static Oid	ours = InvalidOid;
	Oid			nspoid = get_namespace_oid(CG_SCHEMA, true);
	Oid			extension;

	if (!OidIsValid(nspoid) || nspoid == ours)
		return nspoid;
	extension = get_extension_oid(CG_SCHEMA, true);
	if (!OidIsValid(extension) ||
		getExtensionOfObject(NamespaceRelationId, nspoid) != extension)
		return InvalidOid;
	ours = nspoid;
	return nspoid;
}

/*
 * What is concluded from a table that is not there is stale at once: no
 * message tells of a table whose OID we do not know.
 */
static bool
find_table(CgWatch *watch)
{
	Oid			nspoid = cg_schema_oid();

	if (OidIsValid(nspoid))
		watch->relid = get_relname_relid(watch->relname, nspoid);
	if (OidIsValid(watch->relid))
		return true;
	news_of(watch);
	return false;
}

Relation
cg_watch_open(CgWatch *watch)
{
	Relation	rel;

	if (!OidIsValid(watch->relid) && !find_table(watch))
		return NULL;
	rel = table_open(watch->relid, AccessShareLock);
	if (RelationGetNumberOfAttributes(rel) != watch->natts)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s.%s\" is not as this version of the library knows it",
						CG_SCHEMA, watch->relname),
				 errhint("Install the library of the extension's version and restart, or call ALTER EXTENSION cipguard UPDATE.")));
	return rel;
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
		news_of(watch);
		watch->relid = InvalidOid;
		ours = ours || (OidIsValid(relid) && !watch->rows_only);
	}
	if (ours)
		ResetPlanCache();
}

void
cg_catalog_init(void)
{
	cg_on_relcache(relation_changed);
}

void
cg_require_our_trigger(FunctionCallInfo fcinfo)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	char	   *schema = CALLED_AS_TRIGGER(fcinfo) ?
	get_namespace_name(RelationGetNamespace(trigdata->tg_relation)) : NULL;

	if (schema == NULL || strcmp(schema, CG_SCHEMA) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called by a trigger of a table in schema \"%s\"",
						CG_SCHEMA)));
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

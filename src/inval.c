/*
 * inval.c
 *		News of changed relations.
 *
 * PostgreSQL has room for ten listeners in a process, and raises FATAL for
 * one more.  Half of them it needs itself, some only later: a walsender that
 * decodes for a subscription, for one.  So all of ours are a single one.
 */
#include "postgres.h"

#include "inval.h"

#define MAX_LISTENERS	16

static void relation_changed(Datum arg, Oid relid);

static RelcacheCallbackFunction listeners[MAX_LISTENERS];
static int	count = 0;

void
cg_on_relcache(RelcacheCallbackFunction function)
{
	if (count == MAX_LISTENERS)
		elog(FATAL, "too many listeners to changes of relations");
	if (count == 0)
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	listeners[count++] = function;
}

static void
relation_changed(Datum arg, Oid relid)
{
	int			i;

	for (i = 0; i < count; i++)
		listeners[i] ((Datum) 0, relid);
}

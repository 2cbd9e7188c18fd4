/*
 * audit_partition.c
 *		Monthly partitions of the audit log.
 *
 * Each branch of the log, audit_change and audit_record, has partitions that
 * are named after it and their month in UTC: audit_change_YYYYMM.
 *
 * Locks: makers of partitions exclude one another by ShareUpdateExclusiveLock
 * on the branch, which is what ATTACH PARTITION takes anyway, until
 * their transaction ends.  Writers do not lock the parent at all, they insert
 * into the partition, so only who needs a missing partition can wait.  That
 * is rare: audit_table() makes three months, and the first event of a backend
 * in a month makes the next one, if it gets the lock without waiting.
 *
 * VACUUM must not make a partition shorter: the sealer looks for new rows after
 * the end that it has seen (seal.c).
 *
 * A partition is made as a plain table and attached, since CREATE TABLE ...
 * PARTITION OF takes AccessExclusiveLock on the parent and would stop readers
 * of the log.  It becomes a member of the extension, so that pg_dump leaves
 * it out and DROP EXTENSION removes it.  What ALTER DEFAULT PRIVILEGES gave
 * to others is taken away again.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "executor/spi.h"
#include "pgtime.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "acting.h"
#include "audit_partition.h"
#include "audit_store.h"
#include "catalog.h"
#include "cipguard.h"

static TimestampTz month_start(int year, int month);
static void partition_name(CgAuditObject branch, const CgMonth *month,
						   char *name);
static Oid	find_partition(CgAuditObject branch, const CgMonth *month);
static Oid	make_partition(CgAuditObject branch, const CgMonth *month);
static void revoke_defaults(Oid relid, const char *name);

static TimestampTz
month_start(int year, int month)
{
	struct pg_tm tm;
	Timestamp	result;

	memset(&tm, 0, sizeof(tm));
	tm.tm_year = year;
	tm.tm_mon = month;
	tm.tm_mday = 1;
	if (tm2timestamp(&tm, 0, NULL, &result) != 0)
		elog(ERROR, "month %d-%d is out of range", year, month);
	return result;
}

void
cg_month_of(TimestampTz ts, int ahead, CgMonth *month)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			n;

	/* Without a time zone to convert to, the fields are those of UTC. */
	if (timestamp2tm(ts, NULL, &tm, &fsec, NULL, NULL) != 0)
		elog(ERROR, "timestamp out of range");
	n = tm.tm_year * 12 + tm.tm_mon - 1 + ahead;
	month->year = n / 12;
	month->month = n % 12 + 1;
	month->lower = month_start(month->year, month->month);
	month->upper = month_start((n + 1) / 12, (n + 1) % 12 + 1);
}

static void
partition_name(CgAuditObject branch, const CgMonth *month, char *name)
{
	snprintf(name, NAMEDATALEN, "%s_%04d%02d", cg_audit_name(branch),
			 month->year, month->month);
}

/*
 * InvalidOid when there is none.  A table of that name which is no partition
 * (detached, or put there by a superuser) must not swallow events.
 */
static Oid
find_partition(CgAuditObject branch, const CgMonth *month)
{
	char		name[NAMEDATALEN];
	Oid			parent = cg_audit_oid(branch);
	Oid			relid;

	partition_name(branch, month, name);
	relid = get_relname_relid(name, get_rel_namespace(parent));
	if (OidIsValid(relid) &&
		(!get_rel_relispartition(relid) ||
		 get_partition_parent(relid, true) != parent))
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("table \"%s.%s\" is not a partition of the audit log",
						CG_SCHEMA, name),
				 errhint("Attach it to %s.%s again, or rename it.",
						 CG_SCHEMA, cg_audit_name(branch))));
	return relid;
}

Oid
cg_audit_partition(CgAuditObject branch, const CgMonth *month)
{
	Oid			relid = find_partition(branch, month);

	if (OidIsValid(relid))
		return relid;

	LockRelationOid(cg_audit_oid(branch), ShareUpdateExclusiveLock);
	relid = find_partition(branch, month);
	if (OidIsValid(relid))
		return relid;
	return make_partition(branch, month);
}

void
cg_audit_partition_ahead(CgAuditObject branch, const CgMonth *month)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *error;

	if (OidIsValid(find_partition(branch, month)) ||
		!ConditionalLockRelationOid(cg_audit_oid(branch),
									ShareUpdateExclusiveLock) ||
		OidIsValid(find_partition(branch, month)))
		return;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		(void) make_partition(branch, month);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;

		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(error);
		ereport(WARNING,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("could not prepare the audit log for month %04d-%02d: %s",
						month->year, month->month, error->message)));
	}
	PG_END_TRY();
}

static Oid
make_partition(CgAuditObject branch, const CgMonth *month)
{
	char		name[NAMEDATALEN];
	CgMonth		next;
	CgActing	acting;
	Oid			relid;

	partition_name(branch, month, name);
	cg_month_of(month->lower, 1, &next);

	cg_act_begin(&acting, cg_audit_owner());

	/*
	 * No event triggers: one that writes to an audited table would want the
	 * partition that is being made.
	 */
	(void) set_config_option("session_replication_role", "replica",
							 PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
							 0, false);
	cg_act_execute("CREATE TABLE cipguard.%s (LIKE cipguard.audit_event"
				   " INCLUDING DEFAULTS INCLUDING CONSTRAINTS"
				   " INCLUDING STORAGE)"
				   " WITH (vacuum_truncate = off)", name);
	relid = get_relname_relid(name, cg_schema_oid());
	revoke_defaults(relid, name);
	cg_act_execute("COMMENT ON TABLE cipguard.%s IS"
				   " 'audit events of one month (UTC)'", name);
	cg_act_execute("CREATE TRIGGER audit_protect_statement"
				   " BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE"
				   " ON cipguard.%s FOR EACH STATEMENT"
				   " EXECUTE FUNCTION cipguard.audit_protect()", name);
	cg_act_execute("ALTER TABLE cipguard.%s ENABLE ALWAYS TRIGGER"
				   " audit_protect_statement", name);
	cg_act_execute("ALTER EXTENSION cipguard ADD TABLE cipguard.%s", name);
	cg_act_execute("ALTER TABLE cipguard.%s ATTACH PARTITION"
				   " cipguard.%s FOR VALUES FROM"
				   " ('%04d-%02d-01 00:00:00+00') TO"
				   " ('%04d-%02d-01 00:00:00+00')",
				   cg_audit_name(branch), name,
				   month->year, month->month, next.year, next.month);
	cg_act_end(&acting);
	CommandCounterIncrement();
	return relid;
}

/* Take away what default privileges granted on the new table. */
static void
revoke_defaults(Oid relid, const char *name)
{
	Oid			argtype = OIDOID;
	Datum		arg = ObjectIdGetDatum(relid);
	SPITupleTable *grantees;
	uint64		n;
	uint64		i;

	/* Not read-only: that would not see the new table. */
	if (SPI_execute_with_args("SELECT DISTINCT CASE"
							  " WHEN a.grantee OPERATOR(pg_catalog.=) 0"
							  " THEN 'PUBLIC' ELSE pg_catalog.quote_ident("
							  "pg_catalog.pg_get_userbyid(a.grantee)) END"
							  " FROM pg_catalog.pg_class c,"
							  " pg_catalog.aclexplode(c.relacl) a"
							  " WHERE c.oid OPERATOR(pg_catalog.=) $1 AND"
							  " a.grantee OPERATOR(pg_catalog.<>) c.relowner",
							  1, &argtype, &arg, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read privileges of table \"%s\"", name);
	grantees = SPI_tuptable;
	n = SPI_processed;
	for (i = 0; i < n; i++)
		cg_act_execute("REVOKE ALL ON TABLE cipguard.%s FROM %s CASCADE",
					   name, SPI_getvalue(grantees->vals[i],
										  grantees->tupdesc, 1));
}

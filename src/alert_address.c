/*
 * alert_address.c
 *		From where a login reads.
 *
 * Rows of cipguard.alert_address are written in the transaction of ingest(),
 * whose lock the caller holds.  When an address was used last is known to the
 * hour, so that a busy login does not cost a row version a second.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "alert_address.h"
#include "ingest_state.h"

#define ADDRESS_TABLE	"alert_address"
#define ADDRESS_INDEX	"alert_address_pkey"

/* Columns of cipguard.alert_address, in the order of sql/parts/48_alert.sql. */
enum
{
	AD_LOGIN,
	AD_ADDRESS,
	AD_FIRST,
	AD_LAST,
	AD_COLUMNS
};

typedef struct CgAddress
{
	char	   *address;
	TimestampTz first;
	TimestampTz last;
	TimestampTz stored;			/* last that the row has; 0: there is none */
	ItemPointerData tid;
} CgAddress;

typedef struct CgAddressLogin
{
	Oid			login;			/* hash key */
	List	   *addresses;		/* of CgAddress */
} CgAddressLogin;

struct CgAddresses
{
	MemoryContext context;
	HTAB	   *logins;
};

static void load(CgAddressLogin *login);
static void write_one(Relation rel, Oid login, CgAddress *a);

CgAddresses *
cg_addresses_begin(void)
{
	CgAddresses *addresses = palloc(sizeof(CgAddresses));
	HASHCTL		ctl;

	addresses->context = CurrentMemoryContext;
	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(CgAddressLogin);
	ctl.hcxt = CurrentMemoryContext;
	addresses->logins = hash_create("cipguard addresses", 16, &ctl,
									HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return addresses;
}

bool
cg_address_is_new(CgAddresses *addresses, const CgAlertRule *rule, Oid login,
				  const char *address, TimestampTz at)
{
	MemoryContext old = MemoryContextSwitchTo(addresses->context);
	CgAddressLogin *entry;
	CgAddress  *a = NULL;
	ListCell   *lc;
	bool		found;
	bool		is_new;

	entry = hash_search(addresses->logins, &login, HASH_ENTER, &found);
	if (!found)
		load(entry);
	foreach(lc, entry->addresses)
	{
		a = lfirst(lc);
		if (strcmp(a->address, address) == 0)
			break;
		a = NULL;
	}
	if (a != NULL)
	{
		is_new = rule->period > 0 && at - a->last > rule->period;
		a->last = Max(a->last, at);
	}
	else
	{
		is_new = entry->addresses != NIL;
		a = palloc0(sizeof(CgAddress));
		a->address = pstrdup(address);
		a->first = a->last = at;
		entry->addresses = lappend(entry->addresses, a);
	}
	MemoryContextSwitchTo(old);
	return is_new;
}

static void
load(CgAddressLogin *login)
{
	Relation	rel = cg_state_table(ADDRESS_TABLE, AD_COLUMNS,
									 AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	login->addresses = NIL;
	ScanKeyInit(&key, AD_LOGIN + 1, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(login->login));
	scan = systable_beginscan(rel, cg_state_relation(ADDRESS_INDEX), true, NULL,
							  1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		CgAddress  *a = palloc(sizeof(CgAddress));
		Datum		values[AD_COLUMNS];
		bool		nulls[AD_COLUMNS];

		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		a->address = TextDatumGetCString(values[AD_ADDRESS]);
		a->first = DatumGetTimestampTz(values[AD_FIRST]);
		a->last = a->stored = DatumGetTimestampTz(values[AD_LAST]);
		a->tid = tuple->t_self;
		login->addresses = lappend(login->addresses, a);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

void
cg_addresses_write(CgAddresses *addresses)
{
	Relation	rel = cg_state_table(ADDRESS_TABLE, AD_COLUMNS,
									 RowExclusiveLock);
	HASH_SEQ_STATUS seq;
	CgAddressLogin *login;
	ListCell   *lc;

	hash_seq_init(&seq, addresses->logins);
	while ((login = hash_seq_search(&seq)) != NULL)
		foreach(lc, login->addresses)
			write_one(rel, login->login, lfirst(lc));
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

static void
write_one(Relation rel, Oid login, CgAddress *a)
{
	Datum		values[AD_COLUMNS];
	bool		nulls[AD_COLUMNS] = {false};
	HeapTuple	tuple;

	if (a->stored != 0 && a->last - a->stored < USECS_PER_HOUR)
		return;
	values[AD_LOGIN] = ObjectIdGetDatum(login);
	values[AD_ADDRESS] = CStringGetTextDatum(a->address);
	values[AD_FIRST] = TimestampTzGetDatum(a->first);
	values[AD_LAST] = TimestampTzGetDatum(a->last);
	tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);
	if (a->stored != 0)
		CatalogTupleUpdate(rel, &a->tid, tuple);
	else
		CatalogTupleInsert(rel, tuple);
}

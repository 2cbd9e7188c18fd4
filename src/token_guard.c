/*
 * token_guard.c
 *		No transaction commits tokens of a token key that was rotated while it
 *		ran.
 *
 * Whoever rotates a token key locks all tables that hold values of its domain,
 * so what a transaction has written before is replaced too.  But it can have
 * encrypted a value (in a variable, an argument) and then wait for the lock of
 * the table that it writes it to.  A lock on the key itself, taken when
 * something is encrypted, would close that and open deadlocks: it is taken
 * before some tables and after others.  So each transaction notes what it has
 * made tokens with, once per key, and looks before it commits whether that is
 * still the key.  To write into one of those tables after the rotation, it had
 * to lock the table after the commit of that, and taking a lock brings news of
 * changed keys: so it knows.
 *
 * What survives transactions (variables of procedures that commit, cursors
 * WITH HOLD) is not noticed here.  A value with an old token that gets into a
 * table all the same compares as if it had the new one (type_ops.c), slower.
 */
#include "postgres.h"

#include "access/xact.h"

#include "compat.h"

#include "keyring.h"
#include "token_guard.h"

#define MAX_USED	64

typedef struct CgUsed
{
	int32		domain;
	uint16		version;
} CgUsed;

static void transaction_ends(XactEvent event, void *arg);
static void check_used(void);

uint64		cg_token_transaction = 1;

/* The last ones, if there are more domains than anybody has. */
static CgUsed used[MAX_USED];
static int	num_used = 0;

void
cg_token_used(int32 domain, uint16 version)
{
	static bool registered = false;
	int			i;

	for (i = 0; i < Min(num_used, MAX_USED); i++)
		if (used[i].domain == domain && used[i].version == version)
			return;
	if (!registered)
	{
		RegisterXactCallback(transaction_ends, NULL);
		registered = true;
	}
	used[num_used % MAX_USED].domain = domain;
	used[num_used % MAX_USED].version = version;
	num_used++;
}

void
cg_token_replaced(int32 domain)
{
	int			kept = 0;
	int			i;

	for (i = 0; i < Min(num_used, MAX_USED); i++)
		if (used[i].domain != domain)
			used[kept++] = used[i];
	num_used = kept;
	cg_token_transaction++;
}

static void
transaction_ends(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			if (num_used > 0 &&
				TransactionIdIsValid(GetTopTransactionIdIfAny()))
				check_used();
			break;
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
			break;
		default:
			num_used = 0;
			cg_token_transaction++;
			break;
	}
}

/* A version that is too new was made in a subtransaction that failed. */
static void
check_used(void)
{
	int			i;

	for (i = 0; i < Min(num_used, MAX_USED); i++)
		if (used[i].version < cg_keyring_newest(CG_KEY_KIND_TOKEN,
												used[i].domain))
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("a token key was rotated while this transaction ran"),
					 errdetail("It may have written values that could not be found by =."),
					 errhint("Run the transaction again.")));
}

/*
 * seal_anchor.c
 *		cipguard.anchor(): gives the newest checkpoint of the audit log away.
 *
 * What left the server must be of blocks that the server cannot lose any
 * more, or a crash would look like a cut log: everything written so far is
 * flushed first, and has reached the synchronous standbys if there are any.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "access/xloginsert.h"
#include "catalog/pg_control.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "replication/syncrep.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "acting.h"
#include "anchor.h"
#include "audit_store.h"
#include "base64.h"
#include "cipguard.h"
#include "guc.h"
#include "seal.h"
#include "seal_note.h"
#include "seal_tree.h"

/* Columns of cipguard.audit_anchor, in the order of sql/parts/53_proof.sql. */
enum
{
	AN_TREE_SIZE,
	AN_ROOT,
	AN_TARGET,
	AN_SUCCEEDED,
	AN_RECEIPT,
	AN_AT,
	AN_COLUMNS
};

static bool is_due(int64 size);
static void make_durable(void);
static void keep_anchor(int64 size, const uint8 *root, const char *target,
						bool succeeded, const char *receipt);

/* anchor(at_once boolean) RETURNS int8 */
PG_FUNCTION_INFO_V1(cipguard_anchor);
Datum
cipguard_anchor(PG_FUNCTION_ARGS)
{
	bool		at_once = PG_GETARG_BOOL(0);
	bool		command = cg_anchor_command != NULL &&
	cg_anchor_command[0] != '\0';
	CgActing	acting;
	uint8		root[CG_MERKLE_LEN];
	char		receipt[CG_RECEIPT_MAX + 1];
	int64		size;
	char	   *note;
	bool		succeeded = true;

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to give away a checkpoint"),
				 errhint("The worker does so after it has sealed; %s returns the checkpoint.",
						 "cipguard.audit_checkpoint()")));
	PreventCommandIfReadOnly("cipguard.anchor()");
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("a checkpoint cannot be given away by a transaction that has written"),
				 errdetail("What it gave away could still be rolled back."),
				 errhint("Commit first.")));
	if (!command && !cg_anchor_log)
	{
		if (!at_once)
			PG_RETURN_NULL();
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is nowhere to give checkpoints to"),
				 errhint("Set %s or %s in postgresql.conf and reload.",
						 "cipguard.anchor_command", "cipguard.anchor_log")));
	}

	cg_act_begin(&acting, cg_audit_owner());
	size = cg_heads_size();
	if (size == 0 || (!at_once && !is_due(size)))
	{
		cg_act_end(&acting);
		PG_RETURN_NULL();
	}
	note = cg_seal_checkpoint(size, root);
	make_durable();

	if (cg_anchor_log)
	{
		char		text[CG_BASE64_LEN(CG_MERKLE_LEN) + 1];

		text[cg_base64_encode(CG_BASE64_STD, root, sizeof(root), text)] = '\0';
		ereport(LOG,
				(errmsg("audit log %s of database \"%s\" has " INT64_FORMAT " blocks with root %s",
						cg_seal_log(), get_database_name(MyDatabaseId), size,
						text),
				 errhidestmt(true)));
		keep_anchor(size, root, "log", true, NULL);
	}
	if (command)
	{
		succeeded = cg_run_anchor(cg_anchor_command, note, strlen(note),
								  cg_anchor_timeout, receipt);
		keep_anchor(size, root, "command", succeeded, receipt);
		if (!succeeded)
			ereport(WARNING,
					(errcode(CG_ERRCODE_AUDIT),
					 errmsg("the command in \"%s\" did not take the checkpoint: %s",
							"cipguard.anchor_command", receipt),
					 errhint("Run it as the operating-system user of the server to see what it says.")));
	}
	cg_act_end(&acting);
	if (!succeeded)
		PG_RETURN_NULL();
	PG_RETURN_INT64(size);
}

/* Is there anything new, and has the last attempt been long enough ago? */
static bool
is_due(int64 size)
{
	Oid			types[2] = {INT8OID, INT4OID};
	Datum		values[2];
	bool		isnull;
	bool		due;

	values[0] = Int64GetDatum(size);
	values[1] = Int32GetDatum(cg_anchor_interval);
	if (SPI_execute_with_args("SELECT NOT EXISTS (SELECT FROM cipguard.audit_anchor a"
							  " WHERE a.at > pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $2)"
							  " OR (a.tree_size >= $1 AND a.succeeded))",
							  2, types, values, NULL, true,
							  1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read the anchors of the audit log");
	due = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0],
									 SPI_tuptable->tupdesc, 1, &isnull));
	return due;
}

/*
 * A record that does nothing comes after every commit that we see, one with
 * synchronous_commit = off, too.
 */
static void
make_durable(void)
{
	int			nothing = 0;
	XLogRecPtr	end;

	XLogBeginInsert();
	XLogRegisterData((char *) &nothing, sizeof(nothing));
	end = XLogInsert(RM_XLOG_ID, XLOG_NOOP);
	XLogFlush(end);
	HOLD_INTERRUPTS();
	SyncRepWaitForLSN(end, false);
	RESUME_INTERRUPTS();
	CHECK_FOR_INTERRUPTS();
}

static void
keep_anchor(int64 size, const uint8 *root, const char *target,
			bool succeeded, const char *receipt)
{
	Datum		values[AN_COLUMNS];
	bool		nulls[AN_COLUMNS] = {false};
	bytea	   *bytes = palloc(VARHDRSZ + CG_MERKLE_LEN);

	SET_VARSIZE(bytes, VARHDRSZ + CG_MERKLE_LEN);
	memcpy(VARDATA(bytes), root, CG_MERKLE_LEN);
	values[AN_TREE_SIZE] = Int64GetDatum(size);
	values[AN_ROOT] = PointerGetDatum(bytes);
	values[AN_TARGET] = CStringGetTextDatum(target);
	values[AN_SUCCEEDED] = BoolGetDatum(succeeded);
	nulls[AN_RECEIPT] = receipt == NULL || receipt[0] == '\0';
	values[AN_RECEIPT] = nulls[AN_RECEIPT] ? (Datum) 0 :
		CStringGetTextDatum(receipt);
	values[AN_AT] = TimestampTzGetDatum(GetCurrentTimestamp());
	cg_seal_append("audit_anchor", values, nulls);
}

/*
 * seal_check.c
 *		Checking the chain of blocks, and reporting what was found.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"

#include "compat.h"

#include "guc.h"
#include "seal_check.h"

static void report(CgCheck *check, const char *status, int64 block,
				   int64 event, const char *finding, const char *detail);
static void check_policy(CgCheck *check, const CgBlock *block,
						 const CgBlock *before);
static char *policy_text(const uint8 *digest);
static char *policy_changes(const char *before, const char *after);
static bool has_line(const char *text, const char *line, Size len);
static void append_lines(StringInfo out, const char *text, const char *other,
						 char sign);

static void
report(CgCheck *check, const char *status, int64 block, int64 event,
	   const char *finding, const char *detail)
{
	Datum		values[5];
	bool		nulls[5] = {false, false, false, false, false};

	if (check->result == NULL)
		return;
	values[0] = CStringGetTextDatum(status);
	values[1] = Int64GetDatum(block);
	nulls[1] = block < 0;
	values[2] = Int64GetDatum(event);
	nulls[2] = event < 0;
	values[3] = CStringGetTextDatum(finding);
	values[4] = CStringGetTextDatum(detail);
	tuplestore_putvalues(check->result->setResult, check->result->setDesc,
						 values, nulls);
}

void
cg_check_error(CgCheck *check, int64 block, int64 event, const char *finding,
			   const char *format,...)
{
	va_list		args;
	char		detail[512];

	if (check->errors++ >= CG_CHECK_ERRORS)
		return;
	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	if (check->later)
	{
		CgFinding  *kept = palloc(sizeof(CgFinding));

		kept->block = block;
		kept->event = event;
		kept->finding = pstrdup(finding);
		kept->detail = pstrdup(detail);
		check->findings = lappend(check->findings, kept);
		return;
	}
	report(check, "error", block, event, finding, detail);
}

void
cg_check_note(CgCheck *check, int64 block, const char *finding,
			  const char *format,...)
{
	StringInfoData detail;

	initStringInfo(&detail);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, format);
		needed = appendStringInfoVA(&detail, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&detail, needed);
	}
	report(check, "note", block, -1, finding, detail.data);
	pfree(detail.data);
}

void
cg_check_summary(CgCheck *check)
{
	StringInfoData detail;

	initStringInfo(&detail);
	if (check->nblocks > 0)
		appendStringInfo(&detail, "blocks " INT64_FORMAT " to " INT64_FORMAT,
						 check->blocks[0].number,
						 check->blocks[check->nblocks - 1].number);
	else
		appendStringInfoString(&detail, "no blocks");
	appendStringInfo(&detail, ", " INT64_FORMAT " events", check->events);
	if (check->unsealed > 0)
		appendStringInfo(&detail, ", " INT64_FORMAT " in no block yet",
						 check->unsealed);
	if (check->errors > 0)
		appendStringInfo(&detail, ", " INT64_FORMAT " errors",
						 check->errors);
	report(check, check->errors == 0 ? "ok" : "failed", -1, -1, "summary",
		   detail.data);
}

/* ---------- the chain ---------- */

void
cg_check_link(CgCheck *check, const CgBlock *block, const CgBlock *before,
			  bool good)
{
	uint8		head[CG_SHA256_LEN];
	static const uint8 zero[CG_SHA256_LEN];
	int64		number = block->block;
	CgSnapshot	now;
	CgSnapshot	earlier;

	cg_block_head(block, head);
	if (!good || memcmp(head, block->head, CG_SHA256_LEN) != 0)
		cg_check_error(check, number, -1, "block changed",
					   "the head is not that of the other columns");
	if (memcmp(&block->log_id, &check->log_id, UUID_LEN) != 0)
		cg_check_error(check, number, -1, "other log",
					   "the block, or cipguard.audit_identity, is from another log");
	if (before == NULL)
	{
		if (number == 1 &&
			memcmp(block->prev_head, zero, CG_SHA256_LEN) != 0)
			cg_check_error(check, number, -1, "chain broken",
						   "the first block refers to one before");
		check_policy(check, block, NULL);
		return;
	}

	if (memcmp(block->prev_head, before->head, CG_SHA256_LEN) != 0)
		cg_check_error(check, number, -1, "chain broken",
					   "it does not follow block " INT64_FORMAT
					   " as that is now", before->block);
	cg_snapshot_parse(&now, block->snapshot);
	cg_snapshot_parse(&earlier, before->snapshot);
	if (now.xmax < earlier.xmax || now.xmin < earlier.xmin)
		cg_check_error(check, number, -1, "block changed",
					   "its snapshot is older than that of the block before");
	pfree(now.xip);
	pfree(earlier.xip);

	if (block->timeline != before->timeline)
		cg_check_note(check, number, "fork",
					  "from here on timeline %d, before %d: the server was restored or has failed over",
					  block->timeline, before->timeline);
	if (block->system_id != before->system_id)
		cg_check_note(check, number, "other server",
					  "from here on another database cluster");
	if (block->sealed_at < before->sealed_at)
		cg_check_note(check, number, "clock",
					  "closed %s, before block " INT64_FORMAT,
					  timestamptz_to_str(block->sealed_at), before->block);
	else if (cg_seal_heartbeat > 0 &&
			 TimestampDifferenceExceeds(before->sealed_at, block->sealed_at,
										2 * cg_seal_heartbeat * 60 * 1000))
	{
		char	   *since = pstrdup(timestamptz_to_str(before->sealed_at));

		cg_check_note(check, number, "gap",
					  "nothing was sealed between %s and %s", since,
					  timestamptz_to_str(block->sealed_at));
	}
	check_policy(check, block, before);
}

static void
check_policy(CgCheck *check, const CgBlock *block, const CgBlock *before)
{
	uint8		digest[CG_SHA256_LEN];
	char	   *text;
	char	   *old = NULL;

	if (before != NULL &&
		memcmp(block->policy, before->policy, CG_SHA256_LEN) == 0)
		return;
	text = policy_text(block->policy);
	if (text == NULL ||
		cg_sha256(text, strlen(text), digest) != CG_OK ||
		memcmp(digest, block->policy, CG_SHA256_LEN) != 0)
	{
		cg_check_error(check, block->block, -1, "policy changed",
					   "its text in cipguard.audit_policy is missing or changed");
		return;
	}
	if (before != NULL)
		old = policy_text(before->policy);
	if (old != NULL)
		cg_check_note(check, block->block, "policy", "%s",
					  policy_changes(old, text));
}

static char *
policy_text(const uint8 *digest)
{
	Oid			type = BYTEAOID;
	bytea	   *key = palloc(VARHDRSZ + CG_SHA256_LEN);
	Datum		arg = PointerGetDatum(key);
	char	   *result = NULL;

	SET_VARSIZE(key, VARHDRSZ + CG_SHA256_LEN);
	memcpy(VARDATA(key), digest, CG_SHA256_LEN);
	if (SPI_execute_with_args("SELECT statement FROM cipguard.audit_policy"
							  " WHERE digest OPERATOR(pg_catalog.=) $1",
							  1, &type, &arg, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the audit policies");
	if (SPI_processed > 0)
		result = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
							  1);
	SPI_freetuptable(SPI_tuptable);
	return result;
}

/* Lines that went, with a minus, and that came, with a plus. */
static char *
policy_changes(const char *before, const char *after)
{
	StringInfoData out;

	initStringInfo(&out);
	append_lines(&out, before, after, '-');
	append_lines(&out, after, before, '+');
	return out.data;
}

static void
append_lines(StringInfo out, const char *text, const char *other, char sign)
{
	while (*text != '\0')
	{
		Size		len = strcspn(text, "\n");

		if (!has_line(other, text, len))
			appendStringInfo(out, "%s%c %.*s", out->len > 0 ? "\n" : "", sign,
							 (int) len, text);
		text += len;
		if (*text == '\n')
			text++;
	}
}

static bool
has_line(const char *text, const char *line, Size len)
{
	while (*text != '\0')
	{
		Size		n = strcspn(text, "\n");

		if (n == len && memcmp(text, line, len) == 0)
			return true;
		text += n;
		if (*text == '\n')
			text++;
	}
	return false;
}

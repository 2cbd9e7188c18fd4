/*
 * seal_proof.c
 *		SQL functions with which the audit log is proved to somebody who does
 *		not trust the server, and compared with what was kept elsewhere.
 *
 * A proof is JSON that test/tools/verify_proof.pl checks with nothing but
 * SHA-256 and, for the signature, openssl.  Hashes and bytes are base64 in it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "compat.h"

#include "acting.h"
#include "audit_store.h"
#include "base64.h"
#include "cipguard.h"
#include "encoding.h"
#include "seal.h"
#include "seal_key.h"
#include "seal_note.h"
#include "seal_tree.h"

#define MATCH_COLUMNS	3		/* of check_anchor() */

/* What check_anchor() says. */
typedef struct CgVerdict
{
	const char *verdict;
	int64		block;			/* 0: none */
	char	   *explanation;
} CgVerdict;

static void compare(const char *text, size_t len, CgVerdict *v);
static void differs(const CgCheckpoint *checkpoint, int64 size,
					int64 matches, CgVerdict *v);
static int64 fork_block(const CgCheckpoint *checkpoint, int64 size);
static bool line_number(const CgCheckpoint *checkpoint, const char *name,
						int64 *number);
static void event_proof(StringInfo json, int64 event);
static void check_size(int64 size, const char *what);
static void put_key(StringInfo json, const char *key);
static void put_bytes(StringInfo json, const char *key, const void *data,
					  Size len);
static void put_text(StringInfo json, const char *key, const char *utf8);
static void put_number(StringInfo json, const char *key, int64 number);
static void put_path(StringInfo json, const char *key,
					 uint8 path[][CG_MERKLE_LEN], size_t len);
static text * text_of(const char *utf8);

/* seal_public_key() RETURNS text */
PG_FUNCTION_INFO_V1(cipguard_seal_public_key);
Datum
cipguard_seal_public_key(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	CgActing	acting;
	char	   *origin;
	char		line[CG_NOTE_LINE_MAX + 1];
	uint8		key[CG_ED25519_KEY_LEN];
	size_t		len;

	cg_act_begin(&acting, cg_audit_owner());
	origin = MemoryContextStrdup(context, cg_seal_origin());
	cg_act_end(&acting);
	(void) cg_seal_public(0, key);
	len = cg_note_verifier(origin, strlen(origin), key, line);
	line[len] = '\0';
	PG_RETURN_TEXT_P(text_of(line));
}

/* audit_checkpoint() RETURNS text */
PG_FUNCTION_INFO_V1(cipguard_audit_checkpoint);
Datum
cipguard_audit_checkpoint(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	CgActing	acting;
	uint8		root[CG_MERKLE_LEN];
	int64		size;
	char	   *note = NULL;

	cg_act_begin(&acting, cg_audit_owner());
	size = cg_heads_size();
	if (size > 0)
		note = MemoryContextStrdup(context, cg_seal_checkpoint(size, root));
	cg_act_end(&acting);
	if (note == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(text_of(note));
}

/* check_anchor(text) RETURNS record (verdict text, block int8, explanation text) */
PG_FUNCTION_INFO_V1(cipguard_check_anchor);
Datum
cipguard_check_anchor(PG_FUNCTION_ARGS)
{
	text	   *arg = PG_GETARG_TEXT_PP(0);
	Size		len = VARSIZE_ANY_EXHDR(arg);
	const char *utf8 = cg_to_utf8(VARDATA_ANY(arg), &len);
	char	   *note = palloc(len + 2);
	CgVerdict	v;
	CgActing	acting;
	TupleDesc	desc;
	Datum		values[MATCH_COLUMNS];
	bool		nulls[MATCH_COLUMNS] = {false};
	MemoryContext context = CurrentMemoryContext;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != MATCH_COLUMNS)
		elog(ERROR, "unexpected result type");
	/* Shells and psql take line ends away, or add one. */
	memcpy(note, utf8, len);
	while (len > 0 && note[len - 1] == '\n')
		len--;
	note[len++] = '\n';
	cg_act_begin(&acting, cg_audit_owner());
	compare(note, len, &v);
	v.explanation = MemoryContextStrdup(context, v.explanation);
	cg_act_end(&acting);

	values[0] = CStringGetTextDatum(v.verdict);
	values[1] = Int64GetDatum(v.block);
	nulls[1] = v.block == 0;
	values[2] = CStringGetTextDatum(v.explanation);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}

/* audit_consistency(size1 int8, size2 int8) RETURNS json */
PG_FUNCTION_INFO_V1(cipguard_audit_consistency);
Datum
cipguard_audit_consistency(PG_FUNCTION_ARGS)
{
	int64		first = PG_GETARG_INT64(0);
	int64		second = PG_GETARG_INT64(1);
	StringInfoData json;
	CgActing	acting;
	uint8		path[CG_MERKLE_MAX_PATH][CG_MERKLE_LEN];
	uint8		root[CG_MERKLE_LEN];
	size_t		len;
	char	   *note;

	initStringInfo(&json);
	cg_act_begin(&acting, cg_audit_owner());
	check_size(first, "first");
	check_size(second, "second");
	if (first > second)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the first size must not be greater than the second"),
				 errhint("A log grows from the first size to the second.")));
	len = cg_heads_consistency(first, second, path);
	appendStringInfo(&json, "{\"format\": \"cipguard.consistency.v1\"");
	put_path(&json, "path", path, len);
	note = cg_seal_checkpoint(first, root);
	put_text(&json, "first_checkpoint", note);
	note = cg_seal_checkpoint(second, root);
	put_text(&json, "checkpoint", note);
	appendStringInfoChar(&json, '}');
	cg_act_end(&acting);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(json.data, json.len));
}

/* audit_proof(event_id int8) RETURNS json */
PG_FUNCTION_INFO_V1(cipguard_audit_proof);
Datum
cipguard_audit_proof(PG_FUNCTION_ARGS)
{
	int64		event = PG_GETARG_INT64(0);
	StringInfoData json;
	CgActing	acting;

	initStringInfo(&json);
	cg_act_begin(&acting, cg_audit_owner());
	event_proof(&json, event);
	cg_act_end(&acting);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(json.data, json.len));
}

/* ---------- comparison with a checkpoint that was kept ---------- */

static void
compare(const char *text, size_t len, CgVerdict *v)
{
	CgCheckpoint checkpoint;
	const char *line;
	size_t		line_len;
	int64		size;
	int64		matches;

	v->block = 0;
	if (cg_checkpoint_parse(text, len, &checkpoint) != CG_OK)
	{
		v->verdict = "no checkpoint";
		v->explanation = "The text is not a signed checkpoint; a character or the last line end may be missing.";
		return;
	}
	if (!cg_seal_signed(text, &checkpoint))
	{
		v->verdict = "bad signature";
		v->explanation = "No key of this database has signed this text.";
		return;
	}
	size = cg_heads_size();
	line = cg_checkpoint_line(&checkpoint, "log", &line_len);
	if (line != NULL && (line_len != strlen(cg_seal_log()) ||
						 memcmp(line, cg_seal_log(), line_len) != 0))
	{
		v->verdict = "another log";
		v->explanation = "The checkpoint is of a log with another number; this one was begun anew, by a restored dump for example.";
		return;
	}
	if (cg_heads_match(Min((int64) checkpoint.size, size), checkpoint.root,
					   &matches) && (int64) checkpoint.size <= size)
	{
		v->verdict = "ok";
		v->explanation = psprintf("The log begins with the " UINT64_FORMAT " blocks of the checkpoint, and has " INT64_FORMAT " more.",
								  (uint64) checkpoint.size,
								  size - (int64) checkpoint.size);
		return;
	}
	differs(&checkpoint, size, matches, v);
}

/*
 * A server that was recovered to an earlier time, or a standby that was
 * promoted before it had received everything, goes on from a block in the
 * middle on a timeline of its own.
 */
static void
differs(const CgCheckpoint *checkpoint, int64 size, int64 matches,
		CgVerdict *v)
{
	int64		fork = fork_block(checkpoint, size);

	if (fork > matches)
	{
		v->verdict = "fork";
		v->block = fork;
		v->explanation = psprintf("From block " INT64_FORMAT " on, the log was written on a later timeline than the checkpoint: the server was recovered to an earlier time, or another one was promoted. Keep both histories, and look at what the checkpoint's had in addition.",
								  fork);
	}
	else if ((int64) checkpoint->size > size)
	{
		v->verdict = "truncated";
		v->block = size + 1;
		v->explanation = psprintf("The checkpoint has " UINT64_FORMAT " blocks, the log has " INT64_FORMAT ".",
								  (uint64) checkpoint->size, size);
	}
	else
	{
		v->verdict = "rewritten";
		v->block = matches + 1;
		v->explanation = psprintf("The first " INT64_FORMAT " blocks match an anchor that was kept; one of those after them, up to block " INT64_FORMAT ", is not what it was.",
								  matches, (int64) checkpoint->size);
	}
}

/* The first block of a later timeline than the checkpoint's, 0 if none. */
static int64
fork_block(const CgCheckpoint *checkpoint, int64 size)
{
	int64		timeline;
	TimeLineID	now;
	Datum		arg;
	Oid			type = INT4OID;
	bool		isnull;

	if (!line_number(checkpoint, "timeline", &timeline))
		return 0;
	arg = Int32GetDatum((int32) timeline);
	if (SPI_execute_with_args("SELECT pg_catalog.min(block) FROM cipguard.audit_block WHERE timeline > $1",
							  1, &type, &arg, NULL, true,
							  1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read the audit log");
	arg = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						&isnull);
	if (!isnull && DatumGetInt64(arg) <= (int64) checkpoint->size)
		return DatumGetInt64(arg);
	if (size >= (int64) checkpoint->size)
		return 0;
	if (RecoveryInProgress())
		(void) GetXLogReplayRecPtr(&now);
	else
		now = GetWALInsertionTimeLine();
	return (int64) now > timeline ? size + 1 : 0;
}

static bool
line_number(const CgCheckpoint *checkpoint, const char *name, int64 *number)
{
	size_t		len;
	const char *line = cg_checkpoint_line(checkpoint, name, &len);
	size_t		i;

	if (line == NULL || len == 0 || len > 9)
		return false;
	*number = 0;
	for (i = 0; i < len; i++)
	{
		if (line[i] < '0' || line[i] > '9')
			return false;
		*number = *number * 10 + (line[i] - '0');
	}
	return true;
}

/* ---------- proofs ---------- */

static void
event_proof(StringInfo json, int64 event)
{
	CgBlock		block;
	CgTree		tree;
	StringInfoData bytes;
	uint8		leaf[CG_MERKLE_LEN];
	uint8		path[CG_MERKLE_MAX_PATH][CG_MERKLE_LEN];
	uint8		root[CG_MERKLE_LEN];
	size_t		len;
	uint64		place;
	int64		size = cg_heads_size();

	initStringInfo(&bytes);
	if (!cg_event_find(event, &block, &tree, &place, &bytes))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the audit log has no event " INT64_FORMAT, event),
				 errhint("Event numbers are in column \"%s\" of %s.", "seq",
						 "cipguard.audit_log")));
	if (block.block < 1 || block.block > size)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("event " INT64_FORMAT " of the audit log is not sealed yet",
						event),
				 errhint("Call %s, or wait until the worker does.",
						 "cipguard.seal()")));
	/* Of a block that was changed nothing can be proved. */
	if (cg_merkle_leaf(bytes.data, bytes.len, leaf) != CG_OK ||
		cg_merkle_inclusion(cg_tree_fetch, &tree, place, (uint64) tree.size,
							path, &len) != CG_OK ||
		cg_merkle_check_inclusion(leaf, place, (uint64) block.events,
								  (const uint8 (*)[CG_MERKLE_LEN]) path, len,
								  block.root) != CG_OK)
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("block " INT64_FORMAT " of the audit log is not as it was sealed",
						block.block),
				 errhint("Call %s to see which event differs.",
						 "cipguard.audit_verify()")));

	appendStringInfo(json, "{\"format\": \"cipguard.proof.v1\"");
	put_number(json, "event_id", event);
	put_bytes(json, "event", bytes.data, bytes.len);
	put_bytes(json, "leaf", leaf, sizeof(leaf));
	put_number(json, "index", (int64) place);
	put_path(json, "path", path, len);

	resetStringInfo(&bytes);
	cg_block_encode(&block, &bytes);
	put_number(json, "block", block.block);
	put_bytes(json, "block_bytes", bytes.data, bytes.len);
	put_bytes(json, "head", block.head, sizeof(block.head));
	len = cg_heads_inclusion(block.block, size, path);
	put_path(json, "block_path", path, len);
	put_text(json, "checkpoint", cg_seal_checkpoint(size, root));
	appendStringInfoChar(json, '}');
}

static void
check_size(int64 size, const char *what)
{
	int64		most = cg_heads_size();

	if (size < 1 || size > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the %s size must be from 1 to the number of blocks, " INT64_FORMAT,
						what, most),
				 errhint("Blocks are closed by %s.", "cipguard.seal()")));
}

/* ---------- JSON, in ASCII ---------- */

static void
put_key(StringInfo json, const char *key)
{
	appendStringInfo(json, ", \"%s\": ", key);
}

static void
put_bytes(StringInfo json, const char *key, const void *data, Size len)
{
	if (key != NULL)
		put_key(json, key);
	enlargeStringInfo(json, CG_BASE64_LEN(len) + 3);
	json->data[json->len++] = '"';
	json->len += cg_base64_encode(CG_BASE64_STD, data, len,
								  json->data + json->len);
	json->data[json->len++] = '"';
	json->data[json->len] = '\0';
}

/* A checkpoint is ASCII but for the dashes of its signature lines. */
static void
put_text(StringInfo json, const char *key, const char *utf8)
{
	put_key(json, key);
	appendStringInfoChar(json, '"');
	for (; *utf8 != '\0'; utf8++)
	{
		if (*utf8 == '\n')
			appendStringInfoString(json, "\\n");
		else if (*utf8 == '"' || *utf8 == '\\')
			appendStringInfo(json, "\\%c", *utf8);
		else if (strncmp(utf8, "\xe2\x80\x94", 3) == 0)
		{
			appendStringInfoString(json, "\\u2014");
			utf8 += 2;
		}
		else
			appendStringInfoChar(json, *utf8);
	}
	appendStringInfoChar(json, '"');
}

static void
put_number(StringInfo json, const char *key, int64 number)
{
	put_key(json, key);
	appendStringInfo(json, INT64_FORMAT, number);
}

static void
put_path(StringInfo json, const char *key, uint8 path[][CG_MERKLE_LEN],
		 size_t len)
{
	size_t		i;

	put_key(json, key);
	appendStringInfoChar(json, '[');
	for (i = 0; i < len; i++)
	{
		if (i > 0)
			appendStringInfoString(json, ", ");
		put_bytes(json, NULL, path[i], CG_MERKLE_LEN);
	}
	appendStringInfoChar(json, ']');
}

static text *
text_of(const char *utf8)
{
	Size		len = strlen(utf8);
	const char *server = cg_from_utf8(unconstify(char *, utf8), &len);

	return cstring_to_text_with_len(server, len);
}

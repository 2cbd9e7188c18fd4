/*
 * journal_view.c
 *		Showing records of the disclosure journal, in the spool or in the log.
 *
 * Whoever may call these functions sees subjects as their text form: these are
 * names of persons in tables (numbers of clients), not what is known of them,
 * and an auditor must be able to say of whom data was read.
 *
 * journal() shows what is in the spool of this server and not in the log, as
 * the snapshot of the calling query sees that; so what a view adds up from
 * both is complete, and has nothing twice.  Nothing in a file fails the query:
 * bytes that are no record are skipped, and if others follow, a warning tells
 * of it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"

#include "compat.h"

#include "cipguard.h"
#include "ingest_event.h"
#include "ingest_state.h"
#include "intent.h"
#include "journal_key.h"
#include "journal_read.h"

/* Columns of a record, in the order of sql/parts/56_worker.sql. */
enum
{
	OUT_TS,
	OUT_KIND,
	OUT_LOGIN_ROLE,
	OUT_ROLE,
	OUT_APP_USER,
	OUT_PURPOSE,
	OUT_RELATION,
	OUT_COLUMNS,
	OUT_VALUES,
	OUT_SUBJECTS,
	OUT_REMARK,
	OUT_SESSION,
	OUT_PID,
	OUT_ADDRESS,
	OUT_APPLICATION,
	OUT_AUTHENTIC,
	OUT_APP_VERIFIED,
	OUT_DETAIL,
	OUT_QUERY_ID,
	OUT_QUERY,
	OUT_STATEMENT,
	OUT_NODE,
	OUT_WRITER,
	OUT_STARTED,
	OUT_NUMBER,
	OUT_COUNT
};

/* What a call of journal() has to do with. */
typedef struct CgView
{
	ReturnSetInfo *result;
	List	   *states;
	HTAB	   *writers;
	HTAB	   *queries;
	MemoryContext context;		/* of the call */
	MemoryContext record;		/* reset after each record */
} CgView;

/* Text of a query that is pending itself. */
typedef struct CgPendingQuery
{
	uint64		id;				/* key */
	char	   *text;
} CgPendingQuery;

static void show_file(CgView *view, const CgSpoolFile *file);
static void show(CgView *view, const uint8 *data, Size len);
static void show_lost_intents(CgView *view);
static void put(CgView *view, const CgFrame *frame, CgProof proof);
static void fill(const CgFrame *frame, CgProof proof, Datum *values,
				 bool *nulls);
static const char *fill_subjects(const CgFrame *frame, Datum *values,
								 bool *nulls);
static Datum columns_of(const CgFrame *frame);
static bool subjects_of(const CgFrame *frame, Datum *subjects);

/* journal() RETURNS SETOF record */
PG_FUNCTION_INFO_V1(cipguard_journal);
Datum
cipguard_journal(PG_FUNCTION_ARGS)
{
	CgView		view;
	HASHCTL		ctl;
	List	   *files;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	memset(&view, 0, sizeof(view));
	view.result = (ReturnSetInfo *) fcinfo->resultinfo;
	if (view.result->setDesc->natts != OUT_COUNT)
		elog(ERROR, "result of journal() has %d columns",
			 view.result->setDesc->natts);
	view.context = CurrentMemoryContext;
	view.record = AllocSetContextCreate(CurrentMemoryContext,
										"cipguard journal",
										ALLOCSET_DEFAULT_SIZES);
	view.writers = cg_intents_make();
	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = sizeof(uint64);
	ctl.entrysize = sizeof(CgPendingQuery);
	ctl.hcxt = CurrentMemoryContext;
	view.queries = hash_create("cipguard queries", 64, &ctl,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	view.states = cg_spool_states(GetActiveSnapshot());
	files = list_concat(cg_spool_files(InvalidOid),
						cg_spool_files(MyDatabaseId));
	foreach(lc, files)
		show_file(&view, lfirst(lc));
	show_lost_intents(&view);
	MemoryContextDelete(view.record);
	return (Datum) 0;
}

static void
show_file(CgView *view, const CgSpoolFile *file)
{
	CgSpoolState *state = cg_spool_state(view->states, file);
	CgSpoolReader reader;
	const uint8 *data;
	Size		len;

	if (!cg_spool_open(&reader, file, state == NULL ? 0 : state->ingested))
		return;
	while ((data = cg_spool_next(&reader, &len)) != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(view->record);

		show(view, data, len);
		MemoryContextSwitchTo(old);
		MemoryContextReset(view->record);
		CHECK_FOR_INTERRUPTS();
	}
	cg_spool_close(&reader);
	if (reader.skipped > 0)
		ereport(WARNING,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("%lld bytes of the disclosure journal \"%s\" are no record",
						(long long) reader.skipped, file->path),
				 errdetail("A server that crashes or runs out of space can leave a part of a record; other records were read.")));
}

static void
show(CgView *view, const uint8 *data, Size len)
{
	CgFrame		frame;
	bool		found;

	if (cg_frame_decode(data, len, &frame) != CG_OK ||
		!cg_record_is_ours(&frame))
		return;
	cg_intents_see(view->writers, &frame, data, len, false);
	if (cg_record_is_kind(&frame, CG_FRAME_END))
		return;
	if (cg_record_is_kind(&frame, CG_FRAME_QUERY))
	{
		CgPendingQuery *query = hash_search(view->queries, &frame.query,
											HASH_ENTER, &found);

		if (!found)
			query->text =
				MemoryContextStrdup(view->context,
									cg_record_text(&frame.text[CG_FRAME_DETAIL]));
		return;
	}
	put(view, &frame, cg_journal_verify(data, len));
}

/* Those that are still open although their process is gone. */
static void
show_lost_intents(CgView *view)
{
	HASH_SEQ_STATUS seq;
	CgWriter   *writer;
	ListCell   *lc;

	hash_seq_init(&seq, view->writers);
	while ((writer = hash_seq_search(&seq)) != NULL)
	{
		foreach(lc, writer->intents)
		{
			CgFrame		frame = ((CgIntent *) lfirst(lc))->decoded;

			if (!cg_writer_gone(&writer->key))
				break;
			frame.values = 0;
			frame.sealed_len = 0;
			put(view, &frame, CG_PROOF_GOOD);
		}
	}
}

static void
put(CgView *view, const CgFrame *frame, CgProof proof)
{
	Datum		values[OUT_COUNT];
	bool		nulls[OUT_COUNT];
	CgPendingQuery *query;

	fill(frame, proof, values, nulls);
	query = hash_search(view->queries, &frame->query, HASH_FIND, NULL);
	if (query != NULL)
	{
		values[OUT_QUERY] = CStringGetTextDatum(query->text);
		nulls[OUT_QUERY] = false;
	}
	tuplestore_putvalues(view->result->setResult, view->result->setDesc,
						 values, nulls);
}

/* audit_record(bytea) RETURNS record */
PG_FUNCTION_INFO_V1(cipguard_audit_record);
Datum
cipguard_audit_record(PG_FUNCTION_ARGS)
{
	bytea	   *record = PG_GETARG_BYTEA_PP(0);
	const uint8 *data = (const uint8 *) VARDATA_ANY(record);
	Size		len = VARSIZE_ANY_EXHDR(record);
	TupleDesc	desc = fcinfo->flinfo->fn_extra;
	Datum		values[OUT_COUNT];
	bool		nulls[OUT_COUNT];
	CgFrame		frame;

	if (desc == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
			desc->natts != OUT_COUNT)
			elog(ERROR, "result of audit_record() is not as the library knows it");
		desc = BlessTupleDesc(desc);
		MemoryContextSwitchTo(old);
		fcinfo->flinfo->fn_extra = desc;
	}
	if (len >= CG_FRAME_MIN && cg_frame_length(data) == len &&
		cg_frame_decode(data, len, &frame) == CG_OK)
		fill(&frame, cg_journal_verify(data, len), values, nulls);
	else
	{
		memset(nulls, true, sizeof(nulls));
		nulls[OUT_REMARK] = false;
		values[OUT_REMARK] = CStringGetTextDatum("no record");
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/* ---------- columns of a record ---------- */

static void
fill(const CgFrame *frame, CgProof proof, Datum *values, bool *nulls)
{
	static const struct
	{
		int			from;
		int			to;
	}			texts[] = {
		{CG_FRAME_KIND, OUT_KIND},
		{CG_FRAME_LOGIN, OUT_LOGIN_ROLE},
		{CG_FRAME_USER, OUT_ROLE},
		{CG_FRAME_APP_USER, OUT_APP_USER},
		{CG_FRAME_PURPOSE, OUT_PURPOSE},
		{CG_FRAME_RELATION, OUT_RELATION},
		{CG_FRAME_ADDRESS, OUT_ADDRESS},
		{CG_FRAME_APPLICATION, OUT_APPLICATION},
		{CG_FRAME_DETAIL, OUT_DETAIL}
	};
	const char *remark;
	char	   *query;
	int			i;

	memset(nulls, 0, sizeof(bool) * OUT_COUNT);
	for (i = 0; i < lengthof(texts); i++)
	{
		const CgFrameText *t = &frame->text[texts[i].from];

		nulls[texts[i].to] = t->len == 0;
		values[texts[i].to] = CStringGetTextDatum(cg_record_text(t));
	}
	values[OUT_TS] = TimestampTzGetDatum(frame->ts);
	values[OUT_COLUMNS] = columns_of(frame);
	values[OUT_VALUES] = Int64GetDatum((int64) frame->values);
	values[OUT_SESSION] = Int64GetDatum(frame->session);
	nulls[OUT_SESSION] = frame->session == 0;
	values[OUT_PID] = Int32GetDatum((int32) frame->pid);
	values[OUT_AUTHENTIC] = BoolGetDatum(proof == CG_PROOF_GOOD);
	nulls[OUT_AUTHENTIC] = proof == CG_PROOF_UNKNOWN;
	values[OUT_APP_VERIFIED] = BoolGetDatum(proof == CG_PROOF_GOOD &&
											(frame->flags & CG_FRAME_VERIFIED) != 0);
	values[OUT_QUERY_ID] = Int64GetDatum((int64) frame->query);
	nulls[OUT_QUERY_ID] = frame->query == 0;
	query = frame->query == 0 ? NULL : cg_query_text(frame->query);
	values[OUT_QUERY] = query == NULL ? (Datum) 0 :
		CStringGetTextDatum(query);
	nulls[OUT_QUERY] = query == NULL;
	values[OUT_STATEMENT] = Int64GetDatum((int64) frame->statement);
	nulls[OUT_STATEMENT] = frame->statement == 0;
	values[OUT_NODE] = UUIDPGetDatum((pg_uuid_t *) memcpy(palloc(UUID_LEN),
														  frame->node,
														  UUID_LEN));
	values[OUT_WRITER] = Int32GetDatum((int32) frame->writer);
	values[OUT_STARTED] = TimestampTzGetDatum(frame->started);
	values[OUT_NUMBER] = Int64GetDatum((int64) frame->number);

	remark = fill_subjects(frame, values, nulls);
	if (proof == CG_PROOF_BAD)
		remark = "this record is not authentic";
	nulls[OUT_REMARK] = remark == NULL;
	if (remark != NULL)
		values[OUT_REMARK] = CStringGetTextDatum(remark);
}

/* Returns why there are none, or not all. */
static const char *
fill_subjects(const CgFrame *frame, Datum *values, bool *nulls)
{
	nulls[OUT_SUBJECTS] = true;
	if ((frame->flags & CG_FRAME_INTENT) && frame->values == 0)
		return "intent without its last batch: more can have been given away";
	if (frame->sealed_len > 0)
	{
		nulls[OUT_SUBJECTS] = !subjects_of(frame, &values[OUT_SUBJECTS]);
		if (nulls[OUT_SUBJECTS])
			return "subjects cannot be decrypted";
		if (frame->flags & CG_FRAME_CUT)
			return "a long subject was cut";
	}
	else if (frame->flags & CG_FRAME_NO_KEY)
		return "subjects left out: no key";
	return NULL;
}

static Datum
array_of(Datum *elems, int n)
{
	return PointerGetDatum(construct_array(elems, n, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

static Datum
columns_of(const CgFrame *frame)
{
	Datum	   *elems = palloc(sizeof(Datum) * (frame->columns + 1));
	size_t		cursor = 0;
	int16_t		number;
	CgFrameText name;
	int			n = 0;

	while (n < frame->columns &&
		   cg_frame_column(frame, &cursor, &number, &name))
		elems[n++] = CStringGetTextDatum(name.len > 0 ?
										 cg_record_text(&name) :
										 psprintf("?%d", number));
	return array_of(elems, n);
}

/* False if the list cannot be decrypted, whatever the reason. */
static bool
subjects_of(const CgFrame *frame, Datum *subjects)
{
	CgSubjects	list;
	CgListedSubject subject;
	CgStatus	status;
	Size		len;
	uint8	   *plain = cg_journal_list(frame, &len);
	Datum	   *elems;
	int			max = 64;
	int			n = 0;

	if (plain == NULL)
		return false;
	cg_subjects_begin(&list, plain, len);
	elems = palloc(max * sizeof(Datum));
	while (cg_subjects_next(&list, &subject, &status))
	{
		CgFrameText text = {subject.text, (uint16) subject.len};

		if (n == max)
		{
			max *= 2;
			elems = repalloc(elems, max * sizeof(Datum));
		}
		elems[n++] = CStringGetTextDatum(subject.text != NULL ?
										 cg_record_text(&text) :
										 psprintf("%lld",
												  (long long) subject.value));
	}
	if (status != CG_OK)
		return false;
	*subjects = array_of(elems, n);
	return true;
}

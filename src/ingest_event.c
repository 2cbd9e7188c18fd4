/*
 * ingest_event.c
 *		A record of the spool as an event of the audit log.
 *
 * The event holds the record as it is, its MAC included, so that it can be
 * checked for ever.  Columns of the log repeat what one looks for.  Persons
 * are there as tags; who they are is in the record, encrypted.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_database.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "audit_relation.h"
#include "audit_store.h"
#include "bytes.h"
#include "cipguard.h"
#include "event.h"
#include "ingest_event.h"

/* Clocks of records that are further away are not believed. */
#define MAX_AHEAD		USECS_PER_DAY
#define MAX_BEHIND		(3660 * USECS_PER_DAY)

#define ST_SORT sort_tags
#define ST_ELEMENT_TYPE int64
#define ST_COMPARE(a, b) (*(a) < *(b) ? -1 : *(a) > *(b))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

static bool names_database(const char *detail, const char *name);
static ArrayType *tags_of(const CgFrame *frame);
static void write_own(CgFrame *frame);
static void set_text(CgFrame *frame, int which, const char *s);

char *
cg_record_text(const CgFrameText *text)
{
	if (!pg_verifymbstr(text->s, text->len, true))
		return pstrdup("?");
	return pnstrdup(text->s, text->len);
}

bool
cg_record_is_kind(const CgFrame *frame, const char *kind)
{
	const CgFrameText *text = &frame->text[CG_FRAME_KIND];

	return text->len == strlen(kind) && memcmp(text->s, kind, text->len) == 0;
}

char
cg_record_kind(const CgFrame *frame, CgProof proof)
{
	if (proof == CG_PROOF_BAD)
		return CG_EVENT_OTHER;
	if (cg_record_is_kind(frame, CG_FRAME_READ))
		return CG_EVENT_DISCLOSURE;
	if (cg_record_is_kind(frame, "refused"))
		return CG_EVENT_REFUSAL;
	if (cg_record_is_kind(frame, "login") || cg_record_is_kind(frame, "login failed"))
		return CG_EVENT_LOGIN;
	return CG_EVENT_OTHER;
}

TimestampTz
cg_record_time(const CgFrame *frame, CgProof proof)
{
	TimestampTz now = GetCurrentTimestamp();

	if (proof == CG_PROOF_BAD || frame->ts > now + MAX_AHEAD ||
		frame->ts < now - MAX_BEHIND)
		return now;
	return frame->ts;
}

static bool
names_database(const char *detail, const char *name)
{
	char	   *start = psprintf("database %s", cg_login_quoted(name));
	Size		len = strlen(start);

	return strncmp(detail, start, len) == 0 &&
		(detail[len] == '\0' || detail[len] == ':');
}

bool
cg_record_is_ours(const CgFrame *frame)
{
	char	   *detail;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		ours = true;

	if (frame->database != InvalidOid)
		return frame->database == MyDatabaseId;
	detail = cg_record_text(&frame->text[CG_FRAME_DETAIL]);
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while ((tuple = systable_getnext(scan)) != NULL)
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);

		if (names_database(detail, NameStr(form->datname)))
		{
			ours = form->oid == MyDatabaseId;
			break;
		}
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return ours;
}

/*
 * Tags of the persons in a record, ascending; none if they are not known.
 */
static ArrayType *
tags_of(const CgFrame *frame)
{
	CgSubjects	list;
	CgListedSubject subject;
	CgStatus	status;
	Size		plain_len;
	uint8	   *plain = cg_journal_list(frame, &plain_len);
	ArrayType  *array;
	int64	   *tags;
	int			max = 64;
	int			n = 0;
	int			unique = 0;
	int			i;

	if (plain == NULL)
		return construct_empty_array(INT8OID);
	tags = palloc(sizeof(int64) * max);
	cg_subjects_begin(&list, plain, plain_len);
	while (cg_subjects_next(&list, &subject, &status))
	{
		char		number[24];
		const char *s = subject.text;
		Size		len = subject.len;

		if (s == NULL)
		{
			len = pg_lltoa(subject.value, number);
			s = number;
		}
		if (n == max)
		{
			max *= 2;
			tags = repalloc(tags, sizeof(int64) * max);
		}
		tags[n++] = cg_subject_tag(s, len);
	}
	if (n == 0)
		return construct_empty_array(INT8OID);
	sort_tags(tags, n);
	for (i = 0; i < n; i++)
		if (unique == 0 || tags[unique - 1] != tags[i])
			tags[unique++] = tags[i];

	array = palloc0(ARR_OVERHEAD_NONULLS(1) + sizeof(int64) * unique);
	SET_VARSIZE(array, ARR_OVERHEAD_NONULLS(1) + sizeof(int64) * unique);
	array->ndim = 1;
	array->elemtype = INT8OID;
	ARR_DIMS(array)[0] = unique;
	ARR_LBOUND(array)[0] = 1;
	memcpy(ARR_DATA_PTR(array), tags, sizeof(int64) * unique);
	pfree(tags);
	return array;
}

int64
cg_record_write(const CgFrame *frame, CgProof proof, const uint8 *data,
				Size len)
{
	CgAuditRecord record;
	bytea	   *copy = palloc(VARHDRSZ + len);

	SET_VARSIZE(copy, VARHDRSZ + len);
	memcpy(VARDATA(copy), data, len);
	memset(&record, 0, sizeof(record));
	record.kind = cg_record_kind(frame, proof);
	record.ts = cg_record_time(frame, proof);
	record.session = frame->session;
	record.relid = frame->relation;
	record.relname = cg_record_text(&frame->text[CG_FRAME_RELATION]);
	record.role = cg_record_text(&frame->text[CG_FRAME_USER]);
	if (frame->text[CG_FRAME_APP_USER].len > 0)
		record.app_user = cg_record_text(&frame->text[CG_FRAME_APP_USER]);
	if (frame->text[CG_FRAME_PURPOSE].len > 0)
		record.purpose = cg_record_text(&frame->text[CG_FRAME_PURPOSE]);
	record.app_verified = proof == CG_PROOF_GOOD &&
		(frame->flags & CG_FRAME_VERIFIED) != 0;
	record.frame = copy;
	if (record.kind == CG_EVENT_DISCLOSURE)
		record.subjects = tags_of(frame);
	return cg_audit_write_record(&record);
}

static void
set_text(CgFrame *frame, int which, const char *s)
{
	frame->text[which].s = s;
	frame->text[which].len = (uint16) strlen(s);
}

/* Give a frame that we make its MAC and CRC, and append it. */
static void
write_own(CgFrame *frame)
{
	Size		cap = CG_FRAME_MIN + frame->column_len;
	CgProof		proof = CG_PROOF_UNKNOWN;
	uint8	   *data;
	pg_crc32c	crc;
	Size		len;
	int			i;

	for (i = 0; i < CG_FRAME_TEXTS; i++)
		cap += frame->text[i].len;
	data = palloc(cap);
	frame->key_version = cg_journal_keys.version;
	len = cg_frame_begin(frame, 0, data, cap);
	if (len == 0)
		elog(ERROR, "record is too long");
	len = cg_frame_end(data, len, 0);
	if (cg_journal_keys.hmac != NULL &&
		cg_frame_mac(cg_journal_keys.hmac, data, len,
					 data + len - CG_SHA256_LEN) == CG_OK)
		proof = CG_PROOF_GOOD;
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, data + CG_FRAME_CRC_START, len - CG_FRAME_CRC_START);
	FIN_CRC32C(crc);
	cg_put_u32(data + CG_FRAME_CRC_START - 4, crc);
	if (cg_frame_decode(data, len, frame) != CG_OK)
		elog(ERROR, "record cannot be read");
	(void) cg_record_write(frame, proof, data, len);
}

void
cg_record_unfinished(const CgFrame *intent)
{
	CgFrame		frame = *intent;

	frame.number = 0;
	frame.previous = NULL;
	frame.flags = CG_FRAME_INTENT | (intent->flags & CG_FRAME_VERIFIED);
	frame.values = 0;
	write_own(&frame);
}

void
cg_record_note(const uint8 *node, const char *what, const char *detail)
{
	CgFrame		frame;

	memset(&frame, 0, sizeof(frame));
	frame.ts = GetCurrentTimestamp();
	frame.node = node;
	frame.database = MyDatabaseId;
	frame.pid = frame.writer = (uint32) MyProcPid;
	frame.started = MyStartTimestamp;
	frame.user = GetUserId();
	frame.login = GetAuthenticatedUserId();
	set_text(&frame, CG_FRAME_KIND, what);
	set_text(&frame, CG_FRAME_USER, GetUserNameFromId(frame.user, false));
	set_text(&frame, CG_FRAME_DETAIL, detail);
	write_own(&frame);
}

/*
 * journal_query.c
 *		Queries that disclose: their text without constants, and its number.
 *
 * The number of a query is the first eight bytes of the SHA-256 of its text
 * without constants, so it is the same on every node and in every session.
 * The last texts that a process has seen are kept with their numbers; they
 * are compared byte by byte, since a caller who could make two texts look
 * alike could pass one off as the other.  Of a text without constants the
 * first TEXT_LEN bytes count.
 *
 * The journal has each text once for each process, or more often where a
 * process uses more queries than it can remember.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "parser/parser.h"

#include "compat.h"

#include "bytes.h"
#include "digest.h"
#include "journal_query.h"
#include "redact_text.h"

#define SEEN			16		/* texts that are kept */
#define SEEN_LEN		2048	/* if they are no longer than this */
#define TEXT_LEN		8192	/* of a text without constants */
#define RECORDED		1024

typedef struct CgSeen
{
	int			len;
	bool		standard_strings;
	uint64		id;
	char		source[SEEN_LEN];
} CgSeen;

static bool is(const CgSeen *s, const char *source);
static const CgQuery *take(const CgSeen *s);
static void number(const char *source, int len);
static uint64 *recorded_slot(uint64 id);

static CgSeen seen[SEEN];
static const CgSeen *last = NULL;	/* of seen, used last */
static uint64 recorded[RECORDED];
static int	owner = 0;			/* process of the above */
static char normalized[TEXT_LEN];
static CgQuery query;

const CgQuery *
cg_query(const char *source, int location, int len)
{
	CgSeen	   *s;

	memset(&query, 0, sizeof(query));
	if (source == NULL)
		return &query;
	if (owner != MyProcPid)
	{
		memset(seen, 0, sizeof(seen));
		memset(recorded, 0, sizeof(recorded));
		last = NULL;
		owner = MyProcPid;
	}
	if (location > 0)
		source += strnlen(source, location);
	if (last != NULL && location <= 0 && len <= 0 && is(last, source) &&
		take(last)->id != 0)
		return &query;
	len = location >= 0 && len > 0 ? (int) strnlen(source, len) :
		(int) strlen(source);

	s = &seen[hash_bytes((const unsigned char *) source, len) % SEEN];
	if (s->len == len && memcmp(s->source, source, len) == 0 &&
		take(s)->id != 0)
	{
		last = s;
		return &query;
	}

	number(source, len);
	if (len <= SEEN_LEN)
	{
		s->id = query.id;
		s->len = len;
		s->standard_strings = CG_STANDARD_STRINGS;
		memcpy(s->source, source, len);
	}
	query.recorded = *recorded_slot(query.id) == query.id;
	return &query;
}

/* Is that whole string its source? */
static bool
is(const CgSeen *s, const char *source)
{
	return strncmp(s->source, source, s->len) == 0 && source[s->len] == '\0';
}

/* The query that was seen; of no number if it must be looked at again. */
static const CgQuery *
take(const CgSeen *s)
{
	if (s->standard_strings == CG_STANDARD_STRINGS &&
		*recorded_slot(s->id) == s->id)
	{
		query.id = s->id;
		query.recorded = true;
	}
	return &query;
}

static void
number(const char *source, int len)
{
	uint8		digest[CG_SHA256_LEN];
	size_t		n = cg_redact_sql(source, len, CG_STANDARD_STRINGS,
								  normalized, sizeof(normalized));

	query.text = normalized;
	query.len = (uint16) n;
	if (cg_sha256(normalized, n, digest) == CG_OK)
		query.id = cg_get_u64(digest);
}

static uint64 *
recorded_slot(uint64 id)
{
	return &recorded[id % RECORDED];
}

void
cg_query_recorded(const CgQuery *q)
{
	*recorded_slot(q->id) = q->id;
}

/*
 * redact_state.c
 *		What is known about the statement at work: may its text be shown?
 *
 * Its text is out before anybody can know what it touches: the server reports
 * it to pg_stat_activity and, with log_statement, to the log, and then begins
 * to analyze it.  So in a database that has the extension a text is redacted
 * unless there is a proof that it is harmless, and there are two:
 *
 * - After analysis: it is the only statement of its message, a SELECT, reads
 *   only plain tables that are not protected and have no row security, and
 *   calls only functions of the server, so that no other code can run.
 * - After execution: it is a simple query whose statements call only functions
 *   of the server, too; and whatever ran since it came, at any depth, touched
 *   no protected relation and was no utility statement but some that have no
 *   constants.  What a plan made earlier calls nobody can tell, since calls
 *   may have been replaced by their results; so neither those of the extended
 *   protocol nor EXECUTE have this proof.
 *
 * A message of the client is told by the time when it came, which the server
 * notes for each.
 *
 * Whether the database has the extension is found out at the end of the
 * transaction in which a backend starts, before any statement comes, and again
 * when a schema of our name comes or goes.  Where it is not known it has.
 *
 * Reports to pg_stat_activity are redacted where they are, in shared memory.
 * That needs no text that might be gone, so it can be done at the end of any
 * transaction, too; doing it twice changes nothing.
 *
 * pg_stat_statements replaces constants itself, but not those of utility
 * statements.  It leaves out what has no query identifier; so do we give none
 * to a utility statement with constants.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "compat.h"

#include "catalog.h"
#include "cipguard.h"
#include "crypt.h"
#include "guc.h"
#include "protect.h"
#include "redact_state.h"
#include "redact_text.h"

/* A message of the client, which may hold several statements. */
typedef struct Message
{
	TimestampTz began;
	const char *text;			/* what was judged */
	bool		judged;
	bool		analyzed;		/* by this message, not by an earlier one */
	bool		harmless;
	bool		ran;
	bool		touched;
	bool		reported;		/* redacted in pg_stat_activity */
	bool		declares;		/* a cursor; 18 analyzes its query by itself */
	const QueryDesc *last;		/* what ran last */
}			Message;

/*
 * A report to pg_stat_activity and what became of it: prepared statements
 * come again, and in turns.
 */
typedef struct Kept
{
	char	   *text;			/* as reported, and then the redacted one */
	size_t		len;			/* of the former */
	size_t		room;			/* for both */
	bool		standard_strings;
}			Kept;

#define KEPT			16
#define KEPT_LEN		2048	/* longer ones share one more place */

typedef enum Database
{
	DATABASE_UNKNOWN,
	DATABASE_PLAIN,				/* does not have the extension */
	DATABASE_PROTECTED
}			Database;

static Message * this_message(void);
static bool is_kept(const Kept * kept, const char *text, size_t len);
static const char *redacted_report(const char *text, size_t len);
static void learn_database(void);
static void schema_changed(Datum arg, SysCacheIdentifier cacheid, uint32 hash);
static void transaction_ends(XactEvent event, void *arg);
static void judge(ParseState *pstate, Query *query, CG_JUMBLE_STATE * jstate);
static bool is_whole(const char *text, int location, int len);
static bool is_suspect(Node *node, void *context);
static bool is_suspect_relation(Oid relid);
static bool calls_users(Node *node, void *context);
static bool calls_users_here(Node *node);
static bool is_user_function(Oid funcid, void *context);
static char *redacted_copy(MemoryContext context, const char *text);
static bool has_constants(const char *text);
static bool spares(const Node *utility);

static post_parse_analyze_hook_type prev_analyze = NULL;
static Message message;
static Database database = DATABASE_UNKNOWN;
static uint32 schema_hash = 0;	/* 0: not known */

void
cg_redact_state_init(void)
{
	prev_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = judge;
	CacheRegisterSyscacheCallback(NAMESPACENAME, schema_changed, (Datum) 0);
	RegisterXactCallback(transaction_ends, NULL);
}

bool
cg_redacts(void)
{
	return cg_redact_log && OidIsValid(MyDatabaseId) &&
		database != DATABASE_PLAIN;
}

static void
learn_database(void)
{
	schema_hash = GetSysCacheHashValue1(NAMESPACENAME,
										CStringGetDatum(CG_SCHEMA));
	database = OidIsValid(cg_schema_oid()) ? DATABASE_PROTECTED :
		DATABASE_PLAIN;
}

static void
schema_changed(Datum arg, SysCacheIdentifier cacheid, uint32 hash)
{
	if (hash == 0 || schema_hash == 0 || hash == schema_hash)
		database = DATABASE_UNKNOWN;
}

static void
transaction_ends(XactEvent event, void *arg)
{
	if (!cg_redact_log ||
		(event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_ABORT))
		return;
	if (event == XACT_EVENT_PRE_COMMIT && database == DATABASE_UNKNOWN &&
		OidIsValid(MyDatabaseId))
		learn_database();
	if (event == XACT_EVENT_PRE_COMMIT || cg_statement_parsed())
		cg_redact_activity();
	else if (event == XACT_EVENT_ABORT)
		cg_replace_activity("?");
}

static Message *
this_message(void)
{
	TimestampTz now = GetCurrentStatementStartTimestamp();

	if (message.began != now)
	{
		memset(&message, 0, sizeof(message));
		message.began = now;
	}
	return &message;
}

/* Has it run something that touches, or may touch, what is protected? */
static bool
statement_touched(void)
{
	return this_message()->touched ||
		(cg_plain_at != 0 &&
		 cg_plain_at == GetCurrentTransactionStartTimestamp());
}

bool
cg_statement_harmless(void)
{
	const		Message *m = this_message();

	return m->harmless && m->text == debug_query_string &&
		!statement_touched();
}

bool
cg_statement_parsed(void)
{
	return this_message()->judged;
}

bool
cg_statement_spared(void)
{
	const		Message *m = this_message();

	return m->analyzed && m->ran && m->text == debug_query_string &&
		!statement_touched();
}

/* Is that what was redacted? */
static bool
is_kept(const Kept * kept, const char *text, size_t len)
{
	return kept->text != NULL && kept->len == len &&
		kept->standard_strings == CG_STANDARD_STRINGS &&
		memcmp(kept->text, text, len) == 0;
}

/* The text of the server's report, redacted; NULL if there is no memory. */
static const char *
redacted_report(const char *text, size_t len)
{
	static Kept all[KEPT + 1];
	Kept	   *kept = &all[KEPT];
	size_t		room = CG_REDACT_BOUND(len);

	if (len <= KEPT_LEN)
		kept = &all[hash_bytes((const unsigned char *) text, (int) len) % KEPT];
	if (is_kept(kept, text, len))
		return kept->text + len;
	if (kept->room < len + room)
	{
		if (kept->text != NULL)
			pfree(kept->text);
		kept->text = MemoryContextAllocExtended(TopMemoryContext, len + room,
												MCXT_ALLOC_NO_OOM);
		kept->room = kept->text == NULL ? 0 : len + room;
		if (kept->text == NULL)
			return NULL;
	}
	memcpy(kept->text, text, len);
	kept->len = len;
	kept->standard_strings = CG_STANDARD_STRINGS;
	(void) cg_redact_sql(text, len, kept->standard_strings, kept->text + len,
						 room);
	return kept->text + len;
}

void
cg_redact_activity(void)
{
	Message    *m = this_message();
	volatile PgBackendStatus *entry = MyBEEntry;
	const char *text;
	const char *redacted;
	size_t		len;

	if (!cg_redacts() || m->reported || (m->harmless && !m->touched) ||
		!pgstat_track_activities || entry == NULL ||
		entry->st_activity_raw == NULL)
		return;
	m->reported = true;
	text = entry->st_activity_raw;
	len = strnlen(text, pgstat_track_activity_query_size - 1);
	redacted = redacted_report(text, len);
	if (redacted == NULL)
		redacted = "?";
	if (strncmp(text, redacted, len + 1) != 0)
		cg_report_text(entry->st_state, redacted);
}

void
cg_replace_activity(const char *text)
{
	Message    *m = this_message();

	if (!cg_redacts() || m->reported || !pgstat_track_activities ||
		MyBEEntry == NULL || MyBEEntry->st_activity_raw == NULL ||
		MyBEEntry->st_activity_raw[0] == '\0')
		return;
	m->reported = true;
	cg_report_text(MyBEEntry->st_state, text);
}

static void
judge(ParseState *pstate, Query *query, CG_JUMBLE_STATE * jstate)
{
	const char *text = pstate->p_sourcetext;
	Message    *m;

	if (prev_analyze)
		prev_analyze(pstate, query, jstate);
	if (!cg_redact_log)
		return;
	if (database == DATABASE_UNKNOWN)
		learn_database();
	if (database == DATABASE_PLAIN)
		return;
	m = this_message();
	if (query->queryId != 0 &&
		(query->utilityStmt != NULL || m->declares) && has_constants(text))
		query->queryId = 0;
	if (!m->judged && MyBackendType == B_BACKEND && text != NULL &&
		text == debug_query_string)
	{
		m->analyzed = true;
		m->text = text;
		m->harmless = is_whole(text, query->stmt_location, query->stmt_len) &&
			!is_suspect((Node *) query, NULL);
	}
	m->judged = true;
	if (!m->harmless && !m->touched)
		m->touched = calls_users((Node *) query, NULL);
	cg_redact_activity();
}

/* Is the statement all of the text? */
static bool
is_whole(const char *text, int location, int len)
{
	if (location > 0)
		return false;
	if (len <= 0)
		return true;
	text += len;
	return text[strspn(text, "; \t\r\n\f")] == '\0';
}

/* Could the query run code of users, or touch what is protected? */
static bool
is_suspect(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		return query->commandType != CMD_SELECT ||
			query_tree_walker(query, is_suspect, context,
							  QTW_EXAMINE_RTES_BEFORE);
	}
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		return rte->rtekind == RTE_RELATION &&
			is_suspect_relation(rte->relid);
	}
	return calls_users_here(node) ||
		expression_tree_walker(node, is_suspect, context);
}

static bool
is_suspect_relation(Oid relid)
{
	HeapTuple	tuple;
	Form_pg_class form;
	bool		plain;

	if (relid < FirstNormalObjectId)
		return false;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
		return true;
	form = (Form_pg_class) GETSTRUCT(tuple);
	plain = !form->relrowsecurity &&
		(form->relkind == RELKIND_RELATION ||
		 form->relkind == RELKIND_PARTITIONED_TABLE ||
		 form->relkind == RELKIND_MATVIEW);
	ReleaseSysCache(tuple);
	return !plain || cg_protection(relid) != NULL;
}

/* Does it call any but functions of the server? */
static bool
calls_users(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, calls_users, context, 0);
	return calls_users_here(node) ||
		expression_tree_walker(node, calls_users, context);
}

/* Domains have checks, and types of users input functions. */
static bool
calls_users_here(Node *node)
{
	return IsA(node, CoerceToDomain) ||
		(IsA(node, Const) &&
		 ((Const *) node)->consttype >= FirstNormalObjectId) ||
		check_functions_in_node(node, is_user_function, NULL);
}

static bool
is_user_function(Oid funcid, void *context)
{
	return funcid >= FirstNormalObjectId;
}

static char *
redacted_copy(MemoryContext context, const char *text)
{
	size_t		len = strlen(text);
	size_t		room = Min(CG_REDACT_BOUND(len), CG_REDACT_MAX);
	char	   *copy = MemoryContextAlloc(context, room);

	cg_redact_sql(text, len, CG_STANDARD_STRINGS, copy, room);
	return copy;
}

/* What is cut counts as one. */
static bool
has_constants(const char *text)
{
	char	   *copy;
	bool		found;

	if (text == NULL)
		return false;
	if (strlen(text) >= CG_REDACT_MAX / 2)
		return true;
	copy = redacted_copy(CurrentMemoryContext, text);
	found = strchr(copy, '?') != NULL;
	pfree(copy);
	return found;
}

void
cg_state_run(QueryDesc *queryDesc)
{
	Message    *m;
	ListCell   *lc;

	if (!cg_redacts())
		return;
	m = this_message();
	m->ran = true;
	m->judged = true;
	foreach(lc, queryDesc->plannedstmt->invalItems)
	{
		if (lfirst_node(PlanInvalItem, lc)->cacheId == PROCOID)
			m->touched = true;
	}
	foreach(lc, queryDesc->plannedstmt->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (m->touched)
			break;
		m->touched = rte->rtekind == RTE_RELATION &&
			cg_protection(rte->relid) != NULL;
	}
	cg_redact_activity();

	/* Parallel workers report the text that they are given. */
	if (queryDesc->plannedstmt->parallelModeNeeded &&
		queryDesc->sourceText != NULL && !cg_statement_harmless())
		queryDesc->estate->es_sourceText =
			redacted_copy(queryDesc->estate->es_query_cxt,
						  queryDesc->sourceText);
}

/* Those that it ran itself came in between. */
void
cg_state_ran(QueryDesc *queryDesc)
{
	this_message()->last = queryDesc;
}

bool
cg_state_whole(QueryDesc *queryDesc)
{
	Assert(queryDesc != NULL);
	return this_message()->last == queryDesc &&
		queryDesc->sourceText != NULL &&
		is_whole(queryDesc->sourceText,
				 queryDesc->plannedstmt->stmt_location,
				 queryDesc->plannedstmt->stmt_len);
}

/* Utility statements that have no constants, or run no code of users. */
static bool
spares(const Node *utility)
{
	switch (nodeTag(utility))
	{
		case T_CheckPointStmt:
		case T_ClosePortalStmt:
		case T_ConstraintsSetStmt:
		case T_DeallocateStmt:
		case T_DiscardStmt:
		case T_FetchStmt:
		case T_ListenStmt:
		case T_LockStmt:
		case T_TransactionStmt:
		case T_UnlistenStmt:
		case T_VacuumStmt:
		case T_VariableShowStmt:
			return true;
		default:
			return false;
	}
}

char *
cg_worker_text(PlannedStmt *pstmt)
{
	if (!cg_redacts() || debug_query_string == NULL ||
		(!IsA(pstmt->utilityStmt, IndexStmt) &&
		 !IsA(pstmt->utilityStmt, AlterTableStmt)))
		return NULL;
	return redacted_copy(CurrentMemoryContext, debug_query_string);
}

void
cg_state_utility(PlannedStmt *pstmt)
{
	Message    *m;

	if (!cg_redacts())
		return;
	m = this_message();
	m->ran = true;
	m->judged = true;
	m->declares = IsA(pstmt->utilityStmt, DeclareCursorStmt);
	if (!spares(pstmt->utilityStmt))
		m->touched = true;
	cg_redact_activity();
}

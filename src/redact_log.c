/*
 * redact_log.c
 *		Statements that reach the server log without the values in them.
 *
 * What may be shown whole redact_state.c knows.  The kind of a report is told
 * by its untranslated format.  Reports that give statements (log_statement,
 * log_duration and its kin) have constants replaced; auto_explain's have them
 * replaced in the plan, too.  Errors that quote data or the text of the
 * statement have their format instead of their message; those that quote names
 * of the statement keep it.  Of the context only lines without values stay.
 *
 * The log gets a changed report and the client the one that was raised: the
 * hook sends a copy to the log itself, and tells the server not to.  The text
 * of STATEMENT lines, and of the field "query" of csvlog and jsonlog, is where
 * debug_query_string points, so that one is changed meanwhile.
 *
 * Some reports quote statements of other processes, which may not have come to
 * where they redact what they report: those in a deadlock, and one that died.
 *
 * No catalog here, and strings live in the memory of the error; where there is
 * no memory, less is shown.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"

#include "compat.h"

#include "guc.h"
#include "redact_log.h"
#include "redact_plan.h"
#include "redact_state.h"
#include "redact_text.h"

/* Kinds of reports. */
typedef enum Kind
{
	KIND_OTHER,
	KIND_STATEMENT,				/* gives a statement that is not done */
	KIND_DONE,					/* gives one that is done */
	KIND_PLAN,
	KIND_TREE					/* debug_print_parse and its kin */
}			Kind;

static const struct
{
	const char *format;
	Kind		kind;
}			kinds[] =

{
	{"statement: %s", KIND_STATEMENT},
	{"%s %s%s%s: %s", KIND_STATEMENT},	/* execute */
	{"parse %s: %s", KIND_STATEMENT},
	{"duration: %s ms  parse %s: %s", KIND_STATEMENT},
	{"duration: %s ms  bind %s%s%s: %s", KIND_STATEMENT},
	{"duration: %s ms  statement: %s", KIND_DONE},
	{"duration: %s ms  %s %s%s%s: %s", KIND_DONE},
	{"duration: %.3f ms  plan:\n%s", KIND_PLAN},
	{"%s:", KIND_TREE}
};

static Kind kind_of(const ErrorData *edata);
static char *room_for(const ErrorData *edata, size_t size);
static char *redacted_sql(const ErrorData *edata, const char *text,
						  bool standard_strings, bool strict);
static char *redacted_statement(const ErrorData *edata);
static const char *redacted_foreign(const ErrorData *edata, const char *text);
static char *redacted_plan(const ErrorData *edata);
static char *redacted_error(const ErrorData *edata);
static bool stops_parser(const ErrorData *edata);
static char *understood(const ErrorData *edata);
static bool names_only(const ErrorData *edata, const char *statement);
static char *redacted_context(const ErrorData *edata);
static bool shows_no_value(const char *line);
static void send_copy(ErrorData *edata, const ErrorData *copy,
					  const char *statement);

const char	cg_redact_hidden[] =
"Values are not shown, since protected columns are involved.";

static bool sending = false;
static const char *plan_query = NULL;
static bool plan_spared = false;

void
cg_redact_plan_of(QueryDesc *queryDesc, bool spared)
{
	plan_query = queryDesc == NULL ? NULL : queryDesc->sourceText;
	plan_spared = spared;
}

static Kind
kind_of(const ErrorData *edata)
{
	int			i;

	if (edata->message_id != NULL && edata->elevel <= LOG)
		for (i = 0; i < lengthof(kinds); i++)
			if (strcmp(edata->message_id, kinds[i].format) == 0)
				return kinds[i].kind;
	return KIND_OTHER;
}

/* NULL if there is no memory. */
static char *
room_for(const ErrorData *edata, size_t size)
{
	if (edata->assoc_context == NULL)
		return NULL;
	return MemoryContextAllocExtended(edata->assoc_context, size,
									  MCXT_ALLOC_NO_OOM);
}

static char *
redacted_sql(const ErrorData *edata, const char *text, bool standard_strings,
			 bool strict)
{
	size_t		len = strlen(text);
	size_t		room = Min(CG_REDACT_BOUND(len), CG_REDACT_MAX);
	char	   *out = room_for(edata, room);

	if (out == NULL)
		return NULL;
	if (strict)
		cg_redact_sql_strictly(text, len, standard_strings, out, room);
	else
		cg_redact_sql(text, len, standard_strings, out, room);
	return out;
}

/*
 * Text with statements of other processes.  Whether backslashes escape there
 * is not known; if it matters, nothing is shown.
 */
static const char *
redacted_foreign(const ErrorData *edata, const char *text)
{
	char	   *standard = redacted_sql(edata, text, true, false);
	char	   *old = redacted_sql(edata, text, false, false);

	return standard != NULL && old != NULL && strcmp(standard, old) == 0 ?
		standard : "?";
}

void
cg_redact_others(ErrorData *edata)
{
	if (!cg_redact_log || edata->assoc_context == NULL)
		return;
	/* The client gets the detail, which is followed by statements here. */
	if (edata->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED &&
		edata->detail_log != NULL && cg_redacts())
	{
		size_t		n = edata->detail == NULL ? 0 : strlen(edata->detail);
		const char *sql;
		size_t		room;

		if (n > 0 && strncmp(edata->detail, edata->detail_log, n) != 0)
			n = 0;
		sql = redacted_foreign(edata, edata->detail_log + n);
		room = n + strlen(sql) + 2;
		edata->detail_log = MemoryContextAlloc(edata->assoc_context, room);
		snprintf(edata->detail_log, room, "%s%s%s",
				 n > 0 ? edata->detail : "", n > 0 ? "\n" : "", sql);
	}
	/* The postmaster tells of the end of a process what that was running. */
	if (!IsUnderPostmaster && edata->detail != NULL &&
		edata->message_id != NULL &&
		strncmp(edata->message_id, "%s (PID %d) ", 12) == 0)
		edata->detail = (char *) redacted_foreign(edata, edata->detail);
}

/* A report that begins with words, perhaps a duration, and a colon. */
static char *
redacted_statement(const ErrorData *edata)
{
	const char *text = edata->message;
	size_t		begin = 0;
	char	   *sql;
	char	   *out;

	/* The figure is the first thing that is no word; its unit follows. */
	if (strncmp(edata->message_id, "duration: ", 10) == 0)
	{
		begin = strcspn(text, "0123456789'\"$");
		begin += strspn(text + begin, "0123456789.");
		begin += strspn(text + begin, " ");
		begin += strcspn(text + begin, " 0123456789'\"$");
		begin += strspn(text + begin, " ");
	}
	sql = redacted_sql(edata, text + begin, CG_STANDARD_STRINGS,
					   false);
	out = sql == NULL ? NULL : room_for(edata, begin + strlen(sql) + 1);
	if (out != NULL)
	{
		memcpy(out, text, begin);
		memcpy(out + begin, sql, strlen(sql) + 1);
	}
	return out;
}

static char *
redacted_plan(const ErrorData *edata)
{
	size_t		len = strlen(edata->message);
	size_t		room = 2 * len + 1024;
	char	   *out = room_for(edata, room);

	if (out != NULL)
		cg_redact_plan(edata->message, len, plan_query,
					   CG_STANDARD_STRINGS, out, room);
	return out;
}

/* The format of an error without what was put into it. */
static char *
redacted_error(const ErrorData *edata)
{
	const char *format = edata->message_id ? edata->message_id : "%s";
	size_t		room = strlen(format) + 1;
	char	   *out = room_for(edata, room);

	if (out != NULL)
		cg_redact_format(format, out, room);
	return out;
}

/* May it come from the parser, so that nobody knows what the rest is? */
static bool
stops_parser(const ErrorData *edata)
{
	return edata->elevel >= ERROR && !cg_statement_parsed() &&
		(edata->sqlerrcode == ERRCODE_SYNTAX_ERROR ||
		 edata->sqlerrcode == ERRCODE_FEATURE_NOT_SUPPORTED ||
		 edata->sqlerrcode == ERRCODE_INVALID_ESCAPE_SEQUENCE ||
		 edata->sqlerrcode == ERRCODE_NONSTANDARD_USE_OF_ESCAPE_CHARACTER ||
		 edata->sqlerrcode == ERRCODE_CHARACTER_NOT_IN_REPERTOIRE);
}

/*
 * The redacted statement, up to where the parser stumbled: an earlier quote
 * may be missing, and what was in quotes is not any more.
 */
static char *
understood(const ErrorData *edata)
{
	const char *text = debug_query_string;
	size_t		len = edata->cursorpos <= 0 ? 0 :
	pg_mbcharcliplen(text, strlen(text), edata->cursorpos - 1);
	size_t		room = Min(CG_REDACT_BOUND(len) + 3, CG_REDACT_MAX);
	char	   *out = room_for(edata, room);
	size_t		n;

	if (out == NULL)
		return NULL;
	n = cg_redact_sql_strictly(text, len, CG_STANDARD_STRINGS, out,
							   room - 3);
	if (n > 0)
		out[n++] = ' ';
	memcpy(out + n, "?", 2);
	return out;
}

/*
 * Does an error quote nothing but words that are in the statement even when
 * it is redacted, or no words of it at all?
 */
static bool
names_only(const ErrorData *edata, const char *statement)
{
	const char *at = edata->message;
	int			found = 0;

	if (edata->message_id == NULL || statement == NULL)
		return false;
	if (strchr(edata->message_id, '%') == NULL ||
		edata->sqlerrcode == ERRCODE_AMBIGUOUS_FUNCTION ||
		edata->sqlerrcode == ERRCODE_CANNOT_COERCE ||
		edata->sqlerrcode == ERRCODE_DATATYPE_MISMATCH ||
		edata->sqlerrcode == ERRCODE_UNDEFINED_FUNCTION)
		return true;
	while ((at = strchr(at, '"')) != NULL)
	{
		size_t		n = strcspn(++at, "\"");
		const char *in = statement;

		if (n == 0 || at[n] == '\0')
			return false;
		while (*in != '\0' && pg_strncasecmp(in, at, n) != 0)
			in++;
		if (*in == '\0')
			return false;
		at += n + 1;
		found++;
	}
	return found > 0;
}

/*
 * The outermost lines of a context that show where it happened.  What lies
 * within, behind a line that may quote a value, may be a part of that value.
 */
static char *
redacted_context(const ErrorData *edata)
{
	const char *end = edata->context + strlen(edata->context);
	const char *keep = end;
	const char *line = end;

	while (line > edata->context)
	{
		line--;
		while (line > edata->context && line[-1] != '\n')
			line--;
		if (!shows_no_value(line))
			break;
		keep = line;
		if (line > edata->context)
			line--;
	}
	if (*keep == '\0' || edata->assoc_context == NULL)
		return NULL;
	return MemoryContextStrdup(edata->assoc_context, keep);
}

/* A line that quotes a statement or a value ends with a quote. */
static bool
shows_no_value(const char *line)
{
	static const char *const begins[] = {
		"PL/pgSQL function ", "SQL function ", "parallel worker",
		"processing remote data for replication origin "
	};
	size_t		n = strcspn(line, "\n");
	int			i;

	if (n == 0 || line[n - 1] == '"' || line[n - 1] == '\'')
		return false;
	for (i = 0; i < lengthof(begins); i++)
		if (strncmp(line, begins[i], strlen(begins[i])) == 0)
			return true;
	return false;
}

static void
send_copy(ErrorData *edata, const ErrorData *copy, const char *statement)
{
	ErrorData	raised = *edata;
	const char *query = debug_query_string;

	*edata = *copy;
	edata->output_to_client = false;
	sending = true;
	debug_query_string = statement;
	PG_TRY();
	{
		EmitErrorReport();
	}
	PG_FINALLY();
	{
		sending = false;
		debug_query_string = query;
	}
	PG_END_TRY();
	*edata = raised;
	edata->output_to_server = false;
}

bool
cg_redact_report(ErrorData *edata, emit_log_hook_type next)
{
	ErrorData	copy = *edata;
	Kind		kind = kind_of(edata);
	int			category = ERRCODE_TO_CATEGORY(edata->sqlerrcode);
	bool		data = category == ERRCODE_DATA_EXCEPTION;
	bool		names = edata->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE &&
	(category == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION ||
	 edata->sqlerrcode == ERRCODE_UNDEFINED_SCHEMA);
	char	   *statement = NULL;

	if (sending || !cg_redacts())
		return false;
	if (kind == KIND_DONE || kind == KIND_PLAN ?
		cg_statement_spared() && (kind == KIND_DONE || plan_spared) :
		cg_statement_harmless())
		return false;

	if (debug_query_string != NULL)
		statement = stops_parser(edata) ? understood(edata) :
			redacted_sql(edata, debug_query_string,
						 CG_STANDARD_STRINGS, names);
	if (stops_parser(edata))
		cg_replace_activity(statement ? statement : "?");
	else if (edata->elevel >= ERROR)
		cg_redact_activity();

	if (kind == KIND_STATEMENT || kind == KIND_DONE)
		copy.message = redacted_statement(edata);
	else if (kind == KIND_PLAN)
		copy.message = redacted_plan(edata);
	else if (data || (names && !names_only(edata, statement)))
		copy.message = redacted_error(edata);
	if (copy.message == NULL)
		copy.message = "?";

	/* Parameters are quoted like standard strings. */
	if (edata->detail != NULL && edata->detail_log == NULL &&
		(kind == KIND_STATEMENT || kind == KIND_DONE))
		copy.detail_log = redacted_sql(edata, edata->detail, true, false);
	else if (edata->detail != NULL && (data || kind == KIND_TREE))
		copy.detail_log = (char *) cg_redact_hidden;

	if (edata->context != NULL &&
		(MyBackendType == B_BACKEND || MyBackendType == B_WAL_SENDER ||
		 MyBackendType == B_BG_WORKER))
		copy.context = redacted_context(edata);
	copy.internalquery = NULL;
	copy.internalpos = 0;
	if (statement == NULL)
		copy.hide_stmt = true;
	if (edata->output_to_client || !copy.hide_stmt)
	{
		send_copy(edata, &copy, statement);
		return true;
	}
	*edata = copy;
	if (next)
		next(edata);
	return true;
}

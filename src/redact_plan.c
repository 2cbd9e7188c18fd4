/*
 * redact_plan.c
 *		Plans, as EXPLAIN prints them, without the values in them.
 *
 * Behind its first line the message holds the text of the query and then the
 * plan.  In a plan all strings are in single quotes, which are doubled within,
 * whatever the format.  Numbers are taken for constants unless they are where
 * a format prints figures: behind the label of a property that has no quotes
 * (JSON, YAML), alone in an element (XML), in the line of a node or behind one
 * of the labels that text knows.
 */
#include <string.h>

#include "redact_plan.h"
#include "redact_text.h"

typedef enum Format
{
	FORMAT_TEXT,
	FORMAT_XML,
	FORMAT_JSON,
	FORMAT_YAML
}			Format;

typedef struct Plan
{
	const char *at;
	const char *end;
	Format		format;
	char	   *out;
	size_t		cap;
	size_t		used;
} Plan;

static bool starts(const Plan *p, const char *word);
static void put(Plan *p, const char *text, size_t len);
static void put_escaped(Plan *p, const char *text, size_t len);
static bool take_query(Plan *p, const char *query, bool standard_strings);
static void take_body(Plan *p);
static bool line_has_figures(const Plan *p);
static bool is_figure(const Plan *p, const char *number, bool figures);
static void take_identifier(Plan *p);
static void skip_string(Plan *p);
static bool is_name(unsigned char c);

/* Labels of lines without expressions. */
static const char *const figure_labels[] = {
	"Batches:", "Buckets:", "Buffers:", "Cache", "Disk Usage:",
	"Estimates:", "Execution", "Full-sort Groups:", "Functions:",
	"Heap ", "Hits:", "I/O Timings:", "Index Searches:", "InitPlan ",
	"JIT:", "Memory",
	"Peak Memory", "Planning", "Pre-sorted Groups:", "Query Identifier:",
	"Rows Removed", "Sort Method:", "Storage:", "SubPlan ",
	"Subplans Removed:",
	"Timing:", "Trigger ", "WAL:", "Worker ", "Workers ", NULL
};

size_t
cg_redact_plan(const char *message, size_t len, const char *query,
			   bool standard_strings, char *out, size_t cap)
{
	Plan		p;
	const char *line = memchr(message, '\n', len);

	p.at = line == NULL ? message + len : line + 1;
	p.end = message + len;
	p.out = out;
	p.cap = cap;
	p.used = 0;
	put(&p, message, p.at - message);
	p.format = starts(&p, "{") ? FORMAT_JSON : starts(&p, "<") ? FORMAT_XML :
		starts(&p, "Query Text: \"") ? FORMAT_YAML : FORMAT_TEXT;
	if (take_query(&p, query, standard_strings))
		take_body(&p);
	out[p.used] = '\0';
	return p.used;
}

static bool
starts(const Plan *p, const char *word)
{
	size_t		n = strlen(word);

	return (size_t) (p->end - p->at) >= n && memcmp(p->at, word, n) == 0;
}

/* All of it, or nothing of it and of what would follow. */
static void
put(Plan *p, const char *text, size_t len)
{
	if (len >= p->cap - p->used)
	{
		p->cap = p->used + 1;
		return;
	}
	memcpy(p->out + p->used, text, len);
	p->used += len;
}

static void
put_escaped(Plan *p, const char *text, size_t len)
{
	size_t		i;

	for (i = 0; i < len; i++)
	{
		char		c = text[i];

		if (p->format == FORMAT_XML && (c == '<' || c == '>' || c == '&'))
		{
			const char *escape = c == '<' ? "&lt;" : c == '>' ? "&gt;" :
			"&amp;";

			put(p, escape, strlen(escape));
			continue;
		}
		if ((p->format == FORMAT_JSON || p->format == FORMAT_YAML) &&
			(c == '"' || c == '\\'))
			put(p, "\\", 1);
		put(p, &c, 1);
	}
}

/* The text of the query, redacted; false if its end is not found. */
static bool
take_query(Plan *p, const char *query, bool standard_strings)
{
	static const char *const labels[] = {
		[FORMAT_TEXT] = "Query Text: ",
		[FORMAT_XML] = "<Query-Text>",
		[FORMAT_JSON] = "\"Query Text\": \"",
		[FORMAT_YAML] = "Query Text: \""
	};
	const char *label = labels[p->format];
	const char *begin;
	size_t		limit = 200;

	/* What stands before it in XML and JSON is short. */
	begin = p->at;
	while (!starts(p, label))
	{
		if (p->at == p->end || limit-- == 0 || p->format == FORMAT_TEXT)
		{
			put(p, "?", 1);
			return false;
		}
		p->at++;
	}
	p->at += strlen(label);
	put(p, begin, p->at - begin);
	if (p->format == FORMAT_TEXT)
	{
		if (query == NULL || !starts(p, query))
		{
			put(p, "?", 1);
			return false;
		}
		p->at += strlen(query);
	}
	else if (p->format == FORMAT_XML)
		while (p->at < p->end && *p->at != '<')
			p->at++;
	else
		while (p->at < p->end && *p->at != '"')
			p->at += *p->at == '\\' && p->end - p->at > 1 ? 2 : 1;
	if (query == NULL)
		put(p, "?", 1);
	else
	{
		char		room[1024];
		size_t		len = cg_redact_sql(query, strlen(query), standard_strings,
										room, sizeof(room));

		put_escaped(p, room, len);
	}
	return true;
}

static bool
is_name(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '_' || c == '$' || c >= 0x80;
}

static void
take_body(Plan *p)
{
	bool		figures = false;

	while (p->at < p->end)
	{
		const char *begin = p->at;

		if (p->format == FORMAT_TEXT && begin[-1] == '\n')
			figures = line_has_figures(p);
		if (*begin == '\'')
		{
			skip_string(p);
			put(p, "?", 1);
		}
		else if (*begin == '"' && (p->format == FORMAT_TEXT ||
								   p->format == FORMAT_XML))
			take_identifier(p);
		else if (starts(p, "\\\"") && p->format != FORMAT_XML)
			take_identifier(p);
		else if (*begin >= '0' && *begin <= '9' && !is_name(begin[-1]))
		{
			while (p->at < p->end && (is_name(*p->at) || *p->at == '.'))
				p->at++;
			if (is_figure(p, begin, figures))
				put(p, begin, p->at - begin);
			else
				put(p, "?", 1);
		}
		else
			put(p, p->at++, 1);
	}
}

/* At the begin of a line of text. */
static bool
line_has_figures(const Plan *p)
{
	const char *at = p->at;
	int			i;

	while (at < p->end && *at == ' ')
		at++;
	for (i = 0; figure_labels[i] != NULL; i++)
	{
		size_t		n = strlen(figure_labels[i]);

		if ((size_t) (p->end - at) >= n &&
			memcmp(at, figure_labels[i], n) == 0)
			return true;
	}
	/* A node has its costs before any constant. */
	for (; at < p->end && *at != '\n' && *at != '\'' && *at != ':'; at++)
		if (p->end - at > 6 && memcmp(at, "(cost=", 6) == 0)
			return true;
	return false;
}

/* A number that ends where the plan is now. */
static bool
is_figure(const Plan *p, const char *number, bool figures)
{
	switch (p->format)
	{
		case FORMAT_XML:
			return number[-1] == '>' && p->at < p->end && *p->at == '<' &&
				memcmp(number - 6, "<Item>", 6) != 0;
		case FORMAT_JSON:
			return memcmp(number - 3, "\": ", 3) == 0;
		case FORMAT_YAML:
			return memcmp(number - 2, ": ", 2) == 0 &&
				(p->at == p->end || *p->at == '\n');
		default:
			return figures;
	}
}

/* A quoted identifier, or what XML and JSON put in double quotes. */
static void
take_identifier(Plan *p)
{
	const char *begin = p->at;
	size_t		quote = *begin == '\\' ? 2 : 1;

	p->at += quote;
	while (p->at < p->end && *p->at != '\n')
	{
		if ((size_t) (p->end - p->at) >= quote &&
			memcmp(p->at, begin, quote) == 0)
		{
			p->at += quote;
			break;
		}
		p->at++;
	}
	put(p, begin, p->at - begin);
}

static void
skip_string(Plan *p)
{
	p->at++;
	while (p->at < p->end)
	{
		if (*p->at++ != '\'')
			continue;
		if (p->at == p->end || *p->at != '\'')
			return;
		p->at++;
	}
}

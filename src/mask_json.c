/*
 * mask_json.c
 *		Masks of JSON documents, part by part.
 *
 * Keys and structure stay, and so do nulls.  A scalar is masked by the rule of
 * its own path or else that of the nearest part around it; without any it
 * becomes null.  Elements of an array have the path of the array.
 *
 * One walk over the text serves json and jsonb.  The server's parsers are not
 * used, since they raise errors: a json value may hold what jsonb cannot, such
 * as \u0000 or 1e999999, and may be nested deeper than the stack allows.  Text
 * of either type is known to be JSON; where it is not after all, there is no
 * mask.
 */
#include "postgres.h"

#include <ctype.h>

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/numeric.h"

#include "compat.h"

#include "mask_json.h"

#define MAX_DEPTH	64			/* what is deeper becomes null */
#define MAX_NUMBER	64			/* characters of a number that is masked */

typedef struct CgJsonWalk
{
	const CgJsonRule *rules;
	int			nrules;
	const char *p;
	const char *end;
	StringInfo	out;
	int			depth;
	int			nkeys;
	const char *keys[MAX_DEPTH];	/* of the path */
} CgJsonWalk;

static bool walk_value(CgJsonWalk *walk, const CgJsonRule *around);
static bool walk_object(CgJsonWalk *walk, const CgJsonRule *rule);
static bool walk_array(CgJsonWalk *walk, const CgJsonRule *rule);
static bool walk_string(CgJsonWalk *walk, const CgJsonRule *rule);
static bool walk_literal(CgJsonWalk *walk, const CgJsonRule *rule);
static const CgJsonRule *find_rule(const CgJsonWalk *walk);
static bool skip_value(CgJsonWalk *walk);
static bool skip_string(CgJsonWalk *walk);
static void skip_space(CgJsonWalk *walk);
static char *unescape(const char *p, const char *end);
static int	hex4(const char *p, const char *end);
static bool is_number(const char *p, Size len);

bool
cg_mask_json(const CgJsonRule *rules, int nrules, const char *json, Size len,
			 StringInfo out)
{
	CgJsonWalk	walk;

	walk.rules = rules;
	walk.nrules = nrules;
	walk.p = json;
	walk.end = json + len;
	walk.out = out;
	walk.depth = 0;
	walk.nkeys = 0;
	if (!walk_value(&walk, NULL))
		return false;
	skip_space(&walk);
	return walk.p == walk.end;
}

static bool
walk_value(CgJsonWalk *walk, const CgJsonRule *around)
{
	const CgJsonRule *rule = find_rule(walk);
	bool		done;

	CHECK_FOR_INTERRUPTS();
	if (rule == NULL)
		rule = around;
	skip_space(walk);
	if (walk->p == walk->end)
		return false;
	if (walk->depth == MAX_DEPTH ||
		(rule != NULL && rule->path->action == CG_PATH_SUPPRESS))
	{
		appendStringInfoString(walk->out, "null");
		return skip_value(walk);
	}

	walk->depth++;
	if (*walk->p == '{')
		done = walk_object(walk, rule);
	else if (*walk->p == '[')
		done = walk_array(walk, rule);
	else if (*walk->p == '"')
		done = walk_string(walk, rule);
	else
		done = walk_literal(walk, rule);
	walk->depth--;
	return done;
}

static bool
walk_object(CgJsonWalk *walk, const CgJsonRule *rule)
{
	bool		first = true;

	appendStringInfoChar(walk->out, *walk->p++);
	for (;;)
	{
		const char *key;
		char	   *name;

		skip_space(walk);
		if (first && walk->p < walk->end && *walk->p == '}')
			break;
		key = walk->p;
		if (!skip_string(walk))
			return false;
		appendBinaryStringInfo(walk->out, key, walk->p - key);
		name = unescape(key + 1, walk->p - 1);

		skip_space(walk);
		if (walk->p == walk->end || *walk->p++ != ':')
			return false;
		appendStringInfoString(walk->out, ": ");
		if (name == NULL)
		{
			/* There might be a rule for it. */
			appendStringInfoString(walk->out, "null");
			if (!skip_value(walk))
				return false;
		}
		else
		{
			walk->keys[walk->nkeys++] = name;
			if (!walk_value(walk, rule))
				return false;
			walk->nkeys--;
			pfree(name);
		}

		skip_space(walk);
		if (walk->p < walk->end && *walk->p == '}')
			break;
		if (walk->p == walk->end || *walk->p++ != ',')
			return false;
		appendStringInfoString(walk->out, ", ");
		first = false;
	}
	appendStringInfoChar(walk->out, *walk->p++);
	return true;
}

static bool
walk_array(CgJsonWalk *walk, const CgJsonRule *rule)
{
	bool		first = true;

	appendStringInfoChar(walk->out, *walk->p++);
	for (;;)
	{
		skip_space(walk);
		if (first && walk->p < walk->end && *walk->p == ']')
			break;
		if (!walk_value(walk, rule))
			return false;
		skip_space(walk);
		if (walk->p < walk->end && *walk->p == ']')
			break;
		if (walk->p == walk->end || *walk->p++ != ',')
			return false;
		appendStringInfoString(walk->out, ", ");
		first = false;
	}
	appendStringInfoChar(walk->out, *walk->p++);
	return true;
}

static bool
walk_string(CgJsonWalk *walk, const CgJsonRule *rule)
{
	const char *start = walk->p;
	char	   *string;
	bool		isnull = false;
	Datum		mask;

	if (!skip_string(walk))
		return false;
	if (rule != NULL && rule->path->action == CG_PATH_KEEP)
	{
		appendBinaryStringInfo(walk->out, start, walk->p - start);
		return true;
	}
	string = rule == NULL ? NULL : unescape(start + 1, walk->p - 1);
	if (string == NULL)
	{
		appendStringInfoString(walk->out, "null");
		return true;
	}
	mask = cg_mask_datum(rule->string, CStringGetTextDatum(string), &isnull);
	if (isnull)
		appendStringInfoString(walk->out, "null");
	else
		escape_json(walk->out, TextDatumGetCString(mask));
	pfree(string);
	return true;
}

/* A number, true, false or null. */
static bool
walk_literal(CgJsonWalk *walk, const CgJsonRule *rule)
{
	const char *start = walk->p;
	Size		len;
	bool		isnull = false;

	if (!skip_value(walk))
		return false;
	len = walk->p - start;
	if (rule != NULL && rule->path->action == CG_PATH_KEEP)
		appendBinaryStringInfo(walk->out, start, len);
	else if (rule != NULL && is_number(start, len))
	{
		Datum		mask;

		mask = DirectFunctionCall3(numeric_in,
								   CStringGetDatum(pnstrdup(start, len)),
								   ObjectIdGetDatum(InvalidOid),
								   Int32GetDatum(-1));
		mask = cg_mask_datum(rule->number, mask, &isnull);
		appendStringInfoString(walk->out, isnull ? "null" :
							   DatumGetCString(DirectFunctionCall1(numeric_out,
																   mask)));
	}
	else
		appendStringInfoString(walk->out, "null");
	return true;
}

/* The rule for the part whose path is the current one. */
static const CgJsonRule *
find_rule(const CgJsonWalk *walk)
{
	int			i;

	for (i = 0; i < walk->nrules; i++)
	{
		const CgPathRule *path = walk->rules[i].path;
		int			k;

		if (path->nkeys != walk->nkeys)
			continue;
		for (k = 0; k < path->nkeys; k++)
			if (path->keys[k] != NULL &&
				strcmp(path->keys[k], walk->keys[k]) != 0)
				break;
		if (k == path->nkeys)
			return &walk->rules[i];
	}
	return NULL;
}

/* Go past a value, however deep it is. */
static bool
skip_value(CgJsonWalk *walk)
{
	int			open = 0;

	for (;;)
	{
		skip_space(walk);
		if (walk->p == walk->end)
			return false;
		if (*walk->p == '"')
		{
			if (!skip_string(walk))
				return false;
		}
		else if (strchr("{[", *walk->p) != NULL)
		{
			walk->p++;
			open++;
			continue;
		}
		else if (strchr("}]", *walk->p) != NULL)
		{
			walk->p++;
			open--;
		}
		else if (strchr(",:", *walk->p) != NULL)
		{
			walk->p++;
			continue;
		}
		else
		{
			const char *start = walk->p;

			while (walk->p < walk->end && (isalnum((unsigned char) *walk->p) ||
										   strchr("+-.", *walk->p) != NULL))
				walk->p++;
			if (walk->p == start)
				return false;
		}
		if (open <= 0)
			return open == 0;
	}
}

static bool
skip_string(CgJsonWalk *walk)
{
	if (walk->p == walk->end || *walk->p != '"')
		return false;
	for (walk->p++; walk->p < walk->end; walk->p++)
	{
		if (*walk->p == '"')
		{
			walk->p++;
			return true;
		}
		if (*walk->p == '\\')
		{
			walk->p++;
			if (walk->p == walk->end)
				return false;
		}
	}
	return false;
}

static void
skip_space(CgJsonWalk *walk)
{
	while (walk->p < walk->end && (*walk->p == ' ' || *walk->p == '\t' ||
								   *walk->p == '\n' || *walk->p == '\r'))
		walk->p++;
}

/*
 * What a string says that is written between p and end, palloc'd and
 * zero-terminated; NULL if the database cannot hold it.
 */
static char *
unescape(const char *p, const char *end)
{
	char	   *result = palloc(end - p + 1);	/* escapes are longer */
	char	   *out = result;

	while (p < end)
	{
		int			c;

		if (*p != '\\')
		{
			*out++ = *p++;
			continue;
		}
		if (++p == end)
			return NULL;
		switch (*p++)
		{
			case '"':
			case '\\':
			case '/':
				*out++ = p[-1];
				break;
			case 'b':
				*out++ = '\b';
				break;
			case 'f':
				*out++ = '\f';
				break;
			case 'n':
				*out++ = '\n';
				break;
			case 'r':
				*out++ = '\r';
				break;
			case 't':
				*out++ = '\t';
				break;
			case 'u':
				c = hex4(p, end);
				p += 4;
				if (c <= 0)
					return NULL;
				if (c >= 0xD800 && c < 0xDC00)
				{
					int			low;

					if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
						return NULL;
					low = hex4(p + 2, end);
					p += 6;
					if (low < 0xDC00 || low > 0xDFFF)
						return NULL;
					c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
				}
				else if (c >= 0xDC00 && c < 0xE000)
					return NULL;
				if (c < 0x80)
					*out++ = (char) c;
				else if (GetDatabaseEncoding() == PG_UTF8)
				{
					unicode_to_utf8((pg_wchar) c, (unsigned char *) out);
					out += pg_utf_mblen((unsigned char *) out);
				}
				else
					return NULL;
				break;
			default:
				return NULL;
		}
	}
	*out = '\0';
	return result;
}

/* Four hexadecimal digits; -1 if they are none. */
static int
hex4(const char *p, const char *end)
{
	int			result = 0;
	int			i;

	if (end - p < 4)
		return -1;
	for (i = 0; i < 4; i++)
	{
		unsigned char c = (unsigned char) p[i];

		if (!isxdigit(c))
			return -1;
		result = result * 16 +
			(isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return result;
}

/*
 * A number whose mask is worth computing: neither absurdly long nor with more
 * than two digits of exponent.
 */
static bool
is_number(const char *p, Size len)
{
	Size		i;

	if (len > MAX_NUMBER || (*p != '-' && !isdigit((unsigned char) *p)))
		return false;
	for (i = 0; i < len; i++)
	{
		if (p[i] == 'e' || p[i] == 'E')
			return len - i <= 4;	/* e, sign, two digits */
	}
	return true;
}

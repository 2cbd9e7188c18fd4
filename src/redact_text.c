/*
 * redact_text.c
 *		SQL text without the values in it.
 *
 * The tokens are those of the server's scanner, and where that one would
 * report an error, more is removed rather than less.  What matters most is
 * where strings end: a backslash counts in E'' and, with
 * standard_conforming_strings off, in '' (and in N'', which the scanner takes
 * for a name and a string); a string goes on behind white space with a line
 * break in it; comments nest; a dollar quote ends with its own tag only.
 *
 * Lists are shortened in what was written, not in what is read: whenever a
 * constant or a closing parenthesis was written, its end is looked at.
 */
#include <string.h>

#include "redact_text.h"

typedef struct Scan
{
	const char *sql;
	size_t		len;
	size_t		at;
	bool		standard_strings;
	bool		strict;			/* quoted identifiers are constants */
	bool		space;			/* white space before the next token */
	bool		full;
	char	   *out;
	size_t		cap;
	size_t		used;
} Scan;

static size_t redact(const char *sql, size_t len, bool standard_strings,
					 bool strict, char *out, size_t cap);
static unsigned char peek(const Scan *s, size_t offset);
static bool is_space(unsigned char c);
static bool is_digit(unsigned char c);
static bool starts_name(unsigned char c);
static bool is_operator(unsigned char c);
static void put(Scan *s, const char *text, size_t len);
static void put_constant(Scan *s);
static void put_close(Scan *s);
static bool ends_with(const Scan *s, const char *tail);
static void skip_white(Scan *s);
static bool skip_comment(Scan *s);
static bool continues(Scan *s);
static bool skip_string(Scan *s, bool backslash, bool doubled);
static bool skip_dollar(Scan *s, bool *found);
static bool skip_number(Scan *s);
static void take_name(Scan *s);
static bool take_quoted_name(Scan *s);
static bool is_like_value(const char *name, size_t len);
static void take_operator(Scan *s);
static bool take_token(Scan *s);
static bool is_word(const char *text, size_t len, const char *word);

size_t
cg_redact_sql(const char *sql, size_t len, bool standard_strings,
			  char *out, size_t cap)
{
	return redact(sql, len, standard_strings, false, out, cap);
}

size_t
cg_redact_sql_strictly(const char *sql, size_t len, bool standard_strings,
					   char *out, size_t cap)
{
	return redact(sql, len, standard_strings, true, out, cap);
}

static size_t
redact(const char *sql, size_t len, bool standard_strings, bool strict,
	   char *out, size_t cap)
{
	Scan		s;

	memset(&s, 0, sizeof(s));
	s.sql = sql;
	s.len = len;
	s.standard_strings = standard_strings;
	s.strict = strict;
	s.out = out;
	s.cap = cap;
	while (!s.full && s.at < s.len)
	{
		skip_white(&s);
		if (s.at < s.len && !take_token(&s))
			s.at = s.len;		/* the rest is gone */
	}
	out[s.used] = '\0';
	return s.used;
}

/* The byte at some distance; zero behind the end. */
static unsigned char
peek(const Scan *s, size_t offset)
{
	return offset < s->len - s->at ?
		(unsigned char) s->sql[s->at + offset] : 0;
}

/* Control characters count, too: they would forge lines of the log. */
static bool
is_space(unsigned char c)
{
	return c <= ' ' || c == 0x7f;
}

static bool
is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static bool
starts_name(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
		c >= 0x80;
}

static bool
is_operator(unsigned char c)
{
	return c != 0 && strchr("~!@#^&|`?+-*/%<>=", c) != NULL;
}

/* A token, whole or not at all, with the white space before it. */
static void
put(Scan *s, const char *text, size_t len)
{
	size_t		space = s->space && s->used > 0 && !ends_with(s, "(") &&
	text[0] != ',' && text[0] != ')';

	s->space = false;
	if (s->full || len + space >= s->cap - s->used)
	{
		s->full = true;
		return;
	}
	if (space)
		s->out[s->used++] = ' ';
	memcpy(s->out + s->used, text, len);
	s->used += len;
}

static bool
ends_with(const Scan *s, const char *tail)
{
	size_t		n = strlen(tail);

	return s->used >= n && memcmp(s->out + s->used - n, tail, n) == 0;
}

/*
 * A constant.  A sign that can only be its own goes; one that may be an
 * operator between two operands stays.  Behind a constant and a comma it is
 * the next one of a list.
 */
static void
put_constant(Scan *s)
{
	size_t		n = s->used;

	if (n > 0 && (s->out[n - 1] == '-' || s->out[n - 1] == '+'))
	{
		bool		space = false;

		n--;
		if (n > 0 && s->out[n - 1] == ' ')
		{
			space = true;
			n--;
		}
		if (n > 0 && strchr("(,=", s->out[n - 1]) != NULL)
		{
			s->used = n;
			s->space = space;
		}
	}
	if (ends_with(s, "?,") || ends_with(s, ", ...,"))
	{
		const char *list = s->out[s->used - 2] == '?' ? " ..." : NULL;

		/* The '?' may be the end of an operator. */
		if (list != NULL && s->used > 2 && is_operator(s->out[s->used - 3]))
			put(s, "?", 1);
		else if (list != NULL)
		{
			s->space = false;
			put(s, list, 4);
		}
		else
		{
			s->space = false;
			s->used--;			/* the comma */
		}
	}
	else
		put(s, "?", 1);
}

/* A closing parenthesis; with it the row of a list may end. */
static void
put_close(Scan *s)
{
	static const char *const rows[] = {"(?)", "(?, ...)"};
	size_t		i;

	put(s, ")", 1);
	if (s->full)
		return;
	for (i = 0; i < 2; i++)
	{
		size_t		n = strlen(rows[i]);
		size_t		end;

		if (!ends_with(s, rows[i]))
			continue;
		end = s->used;
		s->used -= n;
		if (ends_with(s, " "))
			s->used--;
		if (ends_with(s, "), ...,"))
			s->used--;			/* one of many more */
		else if (ends_with(s, ","))
		{
			s->used--;
			if (ends_with(s, rows[i]) && s->cap - s->used > 5)
			{
				memcpy(s->out + s->used, ", ...", 5);
				s->used += 5;
			}
			else
				s->used = end;
		}
		else
			s->used = end;
		return;
	}
}

/* White space and comments; one that does not end is a constant. */
static void
skip_white(Scan *s)
{
	while (s->at < s->len)
	{
		if (is_space(peek(s, 0)))
			s->at++;
		else if (peek(s, 0) == '-' && peek(s, 1) == '-')
		{
			while (s->at < s->len && peek(s, 0) != '\n' && peek(s, 0) != '\r')
				s->at++;
		}
		else if (peek(s, 0) == '/' && peek(s, 1) == '*')
		{
			if (!skip_comment(s))
			{
				put_constant(s);
				s->at = s->len;
			}
		}
		else
			break;
		s->space = true;
	}
}

static bool
skip_comment(Scan *s)
{
	int			depth = 0;

	while (s->at < s->len)
	{
		if (peek(s, 0) == '/' && peek(s, 1) == '*')
		{
			depth++;
			s->at += 2;
		}
		else if (peek(s, 0) == '*' && peek(s, 1) == '/')
		{
			s->at += 2;
			if (--depth == 0)
				return true;
		}
		else
			s->at++;
	}
	return false;
}

/*
 * Behind a closing quote: does the string go on after white space with a line
 * break?  If so, moves behind the next quote.
 */
static bool
continues(Scan *s)
{
	size_t		begin = s->at;
	bool		line = false;

	while (s->at < s->len)
	{
		unsigned char c = peek(s, 0);

		if (c == '-' && peek(s, 1) == '-')
		{
			while (s->at < s->len && peek(s, 0) != '\n' && peek(s, 0) != '\r')
				s->at++;
		}
		else if (is_space(c))
		{
			if (c == '\n' || c == '\r')
				line = true;
			s->at++;
		}
		else
			break;
	}
	if (line && peek(s, 0) == '\'')
	{
		s->at++;
		return true;
	}
	s->at = begin;
	return false;
}

/* From the opening quote to behind the last one; false if there is none. */
static bool
skip_string(Scan *s, bool backslash, bool doubled)
{
	s->at++;
	while (s->at < s->len)
	{
		unsigned char c = peek(s, 0);

		if (c == '\\' && backslash && s->len - s->at >= 2)
			s->at += 2;
		else if (c == '\'' && doubled && peek(s, 1) == '\'')
			s->at += 2;
		else if (c == '\'')
		{
			s->at++;
			if (!continues(s))
				return true;
		}
		else
			s->at++;
	}
	return false;
}

/* At a dollar: is it a dollar quote?  If so, does it end? */
static bool
skip_dollar(Scan *s, bool *found)
{
	size_t		tag = 1;
	size_t		i;

	*found = false;
	if (starts_name(peek(s, 1)))
		while (starts_name(peek(s, tag)) || is_digit(peek(s, tag)))
			tag++;
	if (peek(s, tag) != '$')
		return true;
	tag++;
	*found = true;
	for (i = s->at + tag; i + tag <= s->len; i++)
		if (s->sql[i] == '$' && memcmp(s->sql + i, s->sql + s->at, tag) == 0)
		{
			s->at = i + tag;
			return true;
		}
	return false;
}

/* A number; false if something is stuck to it, which the server refuses. */
static bool
skip_number(Scan *s)
{
	unsigned char base = peek(s, 0) == '0' ? peek(s, 1) | 0x20 : 0;
	bool		exponent = base == 'x' || base == 'o' || base == 'b';

	if (exponent)
		s->at += 2;
	for (;;)
	{
		unsigned char c = peek(s, 0);
		unsigned char lower = c | 0x20;

		if (is_digit(c) || c == '_' || c == '.' ||
			(base == 'x' && lower >= 'a' && lower <= 'f'))
			s->at++;
		else if (lower == 'e' && !exponent)
		{
			exponent = true;
			s->at++;
			if ((peek(s, 0) == '+' || peek(s, 0) == '-') &&
				is_digit(peek(s, 1)))
				s->at++;
		}
		else
			return !starts_name(c) && c != '\'';
	}
}

static bool
is_word(const char *text, size_t len, const char *word)
{
	size_t		i;

	if (strlen(word) != len)
		return false;
	for (i = 0; i < len; i++)
		if ((text[i] | 0x20) != word[i])
			return false;
	return true;
}

static void
take_name(Scan *s)
{
	size_t		begin = s->at;
	size_t		end = begin;
	size_t		n;

	while (end < s->len && (starts_name((unsigned char) s->sql[end]) ||
							is_digit((unsigned char) s->sql[end]) ||
							s->sql[end] == '$'))
		end++;
	s->at = end;
	n = end - begin;
	if (is_word(s->sql + begin, n, "true") ||
		is_word(s->sql + begin, n, "false"))
		put_constant(s);
	else
		put(s, s->sql + begin, n);
}

/* From the opening quote, or from U&; false if there is no closing one. */
static bool
take_quoted_name(Scan *s)
{
	size_t		begin = s->at;

	while (peek(s, 0) != '"')
		s->at++;
	s->at++;
	while (s->at < s->len)
	{
		if (peek(s, 0) == '"' && peek(s, 1) == '"')
			s->at += 2;
		else if (peek(s, 0) == '"')
		{
			s->at++;
			if (s->strict || is_like_value(s->sql + begin, s->at - begin))
				put_constant(s);
			else
				put(s, s->sql + begin, s->at - begin);
			return true;
		}
		else
			s->at++;
	}
	return false;
}

/* A value in the wrong quotes is told from most names. */
static bool
is_like_value(const char *name, size_t len)
{
	const char *first = (const char *) memchr(name, '"', len) + 1;

	return is_digit(*first) || *first == '+' || memchr(name, '@', len) != NULL;
}

/* A run of operator characters; a lone question mark is a constant. */
static void
take_operator(Scan *s)
{
	size_t		begin = s->at;

	while (is_operator(peek(s, 0)) &&
		   !(peek(s, 0) == '-' && peek(s, 1) == '-') &&
		   !(peek(s, 0) == '/' && peek(s, 1) == '*'))
		s->at++;
	if (s->at - begin == 1 && s->sql[begin] == '?')
		put_constant(s);
	else
		put(s, s->sql + begin, s->at - begin);
}

/* One token; false if it has no end. */
static bool
take_token(Scan *s)
{
	unsigned char c = peek(s, 0);
	unsigned char lower = c | 0x20;
	unsigned char next = peek(s, 1);
	bool		found;
	bool		ended = true;

	if (lower == 'u' && next == '&' && peek(s, 2) == '\'')
	{
		/* With backslashes in plain strings there is no such thing. */
		s->at += 2;
		ended = s->standard_strings && skip_string(s, false, true);
		put_constant(s);
	}
	else if (c == '"' || (lower == 'u' && next == '&' && peek(s, 2) == '"'))
	{
		ended = take_quoted_name(s);
		if (!ended)
			put_constant(s);
	}
	else if (next == '\'' && (lower == 'b' || lower == 'x'))
	{
		s->at++;
		ended = skip_string(s, false, false);
		put_constant(s);
	}
	else if (next == '\'' && (lower == 'e' || lower == 'n'))
	{
		s->at++;
		ended = skip_string(s, lower == 'e' || !s->standard_strings, true);
		put_constant(s);
	}
	else if (c == '\'')
	{
		ended = skip_string(s, !s->standard_strings, true);
		put_constant(s);
	}
	else if (is_digit(c) || (c == '.' && is_digit(next)))
	{
		ended = skip_number(s);
		put_constant(s);
	}
	else if (starts_name(c))
		take_name(s);
	else if (c == '$' && is_digit(next))
	{
		size_t		begin = s->at++;

		while (is_digit(peek(s, 0)))
			s->at++;
		ended = !starts_name(peek(s, 0)) && peek(s, 0) != '\'';
		if (ended)
			put(s, s->sql + begin, s->at - begin);
		else
			put_constant(s);
	}
	else if (c == '$')
	{
		ended = skip_dollar(s, &found);
		if (found)
			put_constant(s);
		else
			put(s, s->sql + s->at++, 1);
	}
	else if (is_operator(c))
		take_operator(s);
	else if (c == ')')
	{
		s->at++;
		put_close(s);
	}
	else
		put(s, s->sql + s->at++, 1);
	return ended;
}

size_t
cg_redact_format(const char *format, char *out, size_t cap)
{
	size_t		used = 0;
	const char *p = format;

	while (*p != '\0' && used + 1 < cap)
	{
		bool		quoted;

		if (*p != '%')
		{
			out[used++] = *p++;
			continue;
		}
		p++;
		p += strspn(p, "0123456789.*$-+ #hlqjzt");
		if (*p == '%')
		{
			out[used++] = *p++;
			continue;
		}
		if (*p != '\0')
			p++;
		quoted = used > 0 && (*p == '"' || *p == '\'') &&
			out[used - 1] == *p;
		if (quoted)
		{
			used--;
			p++;
		}
		out[used++] = '?';
	}
	out[used] = '\0';
	return used;
}

/*
 * test_redact_text.c
 *		SQL text without the values in it.
 */
#include <stdlib.h>
#include <string.h>

#include "redact_text.h"
#include "tap.h"

typedef size_t (*Redact) (const char *sql, size_t len, bool standard_strings,
						  char *out, size_t cap);

static void
check(Redact redact, const char *sql, bool standard, const char *want)
{
	size_t		len = strlen(sql);
	char	   *once = malloc(CG_REDACT_BOUND(len));
	size_t		n = redact(sql, len, standard, once, CG_REDACT_BOUND(len));
	char	   *twice = malloc(CG_REDACT_BOUND(n));

	is_bytes(once, n, want, strlen(want), want);
	if (n != strlen(want) || strcmp(once, want) != 0)
		printf("# of   %s\n# got  %s\n", sql, once);
	redact(once, n, standard, twice, CG_REDACT_BOUND(n));
	if (strcmp(once, twice) != 0)
		ok(false, "again: %s", twice);
	free(twice);
	free(once);
}

static void
is_text(const char *sql, const char *want)
{
	check(cg_redact_sql, sql, true, want);
}

static void
strings(void)
{
	is_text("SELECT 'a''b', x", "SELECT ?, x");
	is_text("SELECT E'a\\'b'||'c\\'||d", "SELECT ?||?||d");
	is_text("SELECT e'\\\\', x", "SELECT ?, x");
	is_text("SELECT U&'d\\0061t''a' UESCAPE '!', x", "SELECT ? UESCAPE ?, x");
	is_text("SELECT B'01', X'1f', n'abc', b, x", "SELECT ?, ..., b, x");
	is_text("SELECT 'a'\n'b\\' , x", "SELECT ?, x");
	is_text("SELECT 'a' -- it's\n  'b', x", "SELECT ?, x");
	is_text("SELECT E'a'\n'b\\'c', x", "SELECT ?, x");
	is_text("SELECT E'a' 'b\\', x", "SELECT ? ?, x");
	is_text("SELECT name'x', date '2020-01-01'", "SELECT name?, date ?");
	is_text("x = 'abc", "x = ?");
	is_text("x = 'abc\\'secret", "x = ?secret");
	check(cg_redact_sql, "x = 'a\\'b' AND y = N'c\\'d' AND z", false, "x = ? AND y = ? AND z");
	check(cg_redact_sql, "x = E'a' AND U&'c\\'secret", false, "x = ? AND ?");
	check(cg_redact_sql, "x = B'1\\' AND y", false, "x = ? AND y");
}

static void
dollars(void)
{
	is_text("DO $$ BEGIN 'x' $a$ END $$;", "DO ?;");
	is_text("SELECT $a$ $b$ x $b$ $$ y $a$, $1, $23", "SELECT ?, $1, $23");
	is_text("SELECT $\xe5\x90\x8d$ x $\xe5\x90\x8d$, z", "SELECT ?, z");
	is_text("SELECT a$b$c, x$", "SELECT a$b$c, x$");
	is_text("SELECT $a$ x $A$", "SELECT ?");
	is_text("SELECT 1$$x$$", "SELECT ??");
	is_text("SELECT $1a 'x'", "SELECT ?");
	is_text("SELECT $ x", "SELECT $ x");
}

static void
numbers(void)
{
	is_text("SELECT 1, x, 1.5, y, .5, z, 1e-5, u, 1.e+5, v", "SELECT ?, x, ?, y, ?, z, ?, u, ?, v");
	is_text("SELECT 0x1F, a, 0o17, b, 0b11, c, 1_000, t1.c2, 0xe+1", "SELECT ?, a, ?, b, ?, c, ?, t1.c2, ?+?");
	is_text("x = -5 AND y IN (-1) AND z - 1 < + 2", "x = ? AND y IN (?) AND z - ? < + ?");
	is_text("a = 1::int", "a = ?::int");
	is_text("x = 138\xe5\x8f\xb7 secret", "x = ?");
	is_text("x = 1e'a\\'secret'", "x = ?");
	is_text("x IS TRUE OR y = false OR truest IS NULL", "x IS ? OR y = ? OR truest IS NULL");
}

static void
names_and_comments(void)
{
	is_text("SELECT  \"a\"\"'b\"\t,\n U&\"x\\0061\" FROM s.\xe5\xae\xa2\xe6\x88\xb7", "SELECT \"a\"\"'b\", U&\"x\\0061\" FROM s.\xe5\xae\xa2\xe6\x88\xb7");
	is_text("SELECT x -- 138\nFROM/* a /* b */ c */t/**/", "SELECT x FROM t");
	is_text("SELECT x /* a /* b */ 138", "SELECT x ?");
	is_text("SELECT x+/*1*/y-- 2", "SELECT x+ y");
	is_text("SELECT \"a 138", "SELECT ?");
	is_text("x = \"138\" OR \"a@b\" OR \"+86\" OR \"ab1\"", "x = ? OR ? OR ? OR \"ab1\"");
	is_text("x\x01\x7fy;", "x y;");
	is_text("a ? 'x' AND b ?| c", "a ? ? AND b ?| c");
	is_text("", "");
	is_text("  -- only a comment", "");
	check(cg_redact_sql_strictly, "x = \"Zhang San\" AND U&\"y\" = z", true, "x = ? AND ? = z");
}

static void
lists(void)
{
	is_text("x IN (1,2,3)", "x IN (?, ...)");
	is_text("x IN ( 1 , - 2 , 'c' , $1, 4)", "x IN (?, ..., $1, ?)");
	is_text("ARRAY[1,2,3] || y", "ARRAY[?, ...] || y");
	is_text("VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4)", "VALUES (?, ...), ...");
	is_text("VALUES (1),(2) RETURNING x", "VALUES (?), ... RETURNING x");
	is_text("VALUES (1, now()), (2, now())", "VALUES (?, now()), (?, now())");
	is_text("f(x=5,6)", "f(x=?,?)");
	is_text("f(x,(5)) = (6)", "f(x,(?)) = (?)");
}

/* Whatever room there is: no byte too many, no token cut. */
static void
room(void)
{
	static const char sql[] = "SELECT \xe5\x90\x8d, 'x' FROM t WHERE (1,2),(3,4) = 'a'";
	char		whole[128];
	size_t		n = cg_redact_sql(sql, strlen(sql), true, whole, sizeof(whole));
	bool		good = true;
	size_t		cap;

	for (cap = 1; cap <= n + 1; cap++)
	{
		char	   *out = malloc(cap);
		size_t		used = cg_redact_sql(sql, strlen(sql), true, out, cap);

		good = good && used < cap && out[used] == '\0' && strstr(out, "\xe5") == strstr(out, "\xe5\x90\x8d");
		if (cap == n + 1)
			good = good && strcmp(out, whole) == 0;
		free(out);
	}
	ok(good, "a small buffer gets whole tokens");
}

static void
formats(void)
{
	char		out[128];

	cg_redact_format("invalid input syntax for type %s: \"%s\"", out, sizeof(out));
	ok(strcmp(out, "invalid input syntax for type ?: ?") == 0, "%s", out);
	cg_redact_format("100%% of %-10.3lld and %m", out, sizeof(out));
	ok(strcmp(out, "100% of ? and ?") == 0, "%s", out);
	cg_redact_format("%s", out, sizeof(out));
	ok(strcmp(out, "?") == 0, "%s", out);
	cg_redact_format("x %", out, sizeof(out));
	ok(strcmp(out, "x ?") == 0, "%s", out);
	ok(cg_redact_format("abcdef", out, 4) == 3 && strcmp(out, "abc") == 0, "a small buffer");
}

int
main(void)
{
	strings();
	dollars();
	numbers();
	names_and_comments();
	lists();
	room();
	formats();
	return tap_done();
}

/*
 * test_redact_plan.c
 *		Plans without the values in them.
 */
#include <stdlib.h>
#include <string.h>

#include "redact_plan.h"
#include "tap.h"

static void
check(const char *name, const char *message, const char *query, const char *want)
{
	size_t		len = strlen(message);
	size_t		room = 2 * len + 1024;
	char	   *out = malloc(room);
	size_t		n = cg_redact_plan(message, len, query, true, out, room);

	if (!ok(n == strlen(want) && strcmp(out, want) == 0, "%s", name))
		printf("# got\n%s\n# want\n%s\n", out, want);
	free(out);
}

int
main(void)
{
	static const char query[] = "SELECT 'a\n->  b (cost=' FROM t -- 138\nWHERE n = 138";
	char		message[2048];
	char		small[60];
	size_t		n;

	snprintf(message, sizeof(message),
			 "duration: 1.5 ms  plan:\nQuery Text: %s\n"
			 "Query Parameters: $1 = '138', $2 = NULL\n"
			 "Index Scan using t_1 on t t_2  (cost=0.14..8.16 rows=1 width=4) (actual time=0.01..0.02 rows=0 loops=1)\n"
			 "  Output: id, 138, 'x''138', 1.5e5, \"o'138\", t_2.c3\n"
			 "  Index Cond: (n = 138)\n"
			 "  Filter: ((s = 'multi\nRows Removed by 138') AND (n = '(cost='::text) AND (m = 138::numeric(10,2)))\n"
			 "  Rows Removed by Filter: 138\n"
			 "  Buffers: shared hit=2\n"
			 "  ->  Seq Scan on u  (cost=0.00..1.00 rows=1 width=4) (never executed)", query);
	check("text", message, query,
		  "duration: 1.5 ms  plan:\nQuery Text: SELECT ? FROM t WHERE n = ?\n"
		  "Query Parameters: $1 = ?, $2 = NULL\n"
		  "Index Scan using t_1 on t t_2  (cost=0.14..8.16 rows=1 width=4) (actual time=0.01..0.02 rows=0 loops=1)\n"
		  "  Output: id, ?, ?, ?, \"o'138\", t_2.c3\n"
		  "  Index Cond: (n = ?)\n"
		  "  Filter: ((s = ?) AND (n = ?::text) AND (m = ?::numeric(?,?)))\n"
		  "  Rows Removed by Filter: 138\n"
		  "  Buffers: shared hit=2\n"
		  "  ->  Seq Scan on u  (cost=0.00..1.00 rows=1 width=4) (never executed)");
	check("text of another query", message, "SELECT 2", "duration: 1.5 ms  plan:\nQuery Text: ?");
	check("text of no query", message, NULL, "duration: 1.5 ms  plan:\nQuery Text: ?");
	n = cg_redact_plan(message, strlen(message), query, true, small, sizeof(small));
	ok(n < sizeof(small) && small[n] == '\0' && strstr(small, "138") == NULL, "a small buffer");

	check("json",
		  "duration: 1.5 ms  plan:\n{\n  \"Query Text\": \"SELECT \\\"a\\\", '\\\\\\\"138'\",\n  \"Plan\": {\n    \"Plan Rows\": 138,\n    \"Filter\": \"((\\\"a'b\\\" = 'x\\\\y\\\"138') AND (n = 138))\",\n    \"Output\": [\"138\", \"t.c1\"]\n  }\n}",
		  "SELECT \"a\", '\\\"138'",
		  "duration: 1.5 ms  plan:\n{\n  \"Query Text\": \"SELECT \\\"a\\\", ?\",\n  \"Plan\": {\n    \"Plan Rows\": 138,\n    \"Filter\": \"((\\\"a'b\\\" = ?) AND (n = ?))\",\n    \"Output\": [\"?\", \"t.c1\"]\n  }\n}");
	check("xml",
		  "duration: 1.5 ms  plan:\n<explain xmlns=\"http://www.postgresql.org/2009/explain\">\n  <Query-Text>SELECT 138 &lt; \"a\"</Query-Text>\n  <Plan-Rows>138</Plan-Rows>\n  <Filter>(s &lt; 'a&lt;138' AND n = 138)</Filter>\n  <Item>138</Item>\n",
		  "SELECT 138 < \"a\"",
		  "duration: 1.5 ms  plan:\n<explain xmlns=\"http://www.postgresql.org/2009/explain\">\n  <Query-Text>SELECT ? &lt; \"a\"</Query-Text>\n  <Plan-Rows>138</Plan-Rows>\n  <Filter>(s &lt; ? AND n = ?)</Filter>\n  <Item>?</Item>\n");
	check("yaml",
		  "duration: 1.5 ms  plan:\nQuery Text: \"SELECT 138\"\nPlan: \n  Plan Rows: 138\n  Filter: \"(n = 138)\"\n  Output: \n    - \"138\"\n",
		  "SELECT 138",
		  "duration: 1.5 ms  plan:\nQuery Text: \"SELECT ?\"\nPlan: \n  Plan Rows: 138\n  Filter: \"(n = ?)\"\n  Output: \n    - \"?\"\n");
	check("json without a query",
		  "duration: 1.5 ms  plan:\n{\n  \"Plan\": {\n    \"Filter\": \"(n = 138)\"\n  }\n}", NULL,
		  "duration: 1.5 ms  plan:\n?");
	check("json of another query",
		  "duration: 1.5 ms  plan:\n{\n  \"Query Text\": \"SELECT 138\",\n  \"Plan\": {\n    \"Filter\": \"(n = 138)\"\n  }\n}", NULL,
		  "duration: 1.5 ms  plan:\n{\n  \"Query Text\": \"?\",\n  \"Plan\": {\n    \"Filter\": \"(n = ?)\"\n  }\n}");
	check("no plan", "nothing 138", NULL, "nothing 138?");
	return tap_done();
}

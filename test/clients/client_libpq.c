/*
 * client_libpq.c
 *		libpq as it comes: client_libpq ROLE MODE (see test/tools/check_clients.sh)
 *
 * Every statement goes to the plain and to the encrypted table of each type,
 * with parameters of no stated type and of the plain type, as text and as
 * binary, in the simple, extended, prepared, pipelined and COPY protocols.
 * What comes back must be the same bytes.
 */
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int	count,
			failures;

static void
ok(bool good, const char *fmt, const char *a, const char *b, const char *c)
{
	printf("%sok %d - libpq: ", good ? "" : "not ", ++count);
	printf(fmt, a, b, c);
	putchar('\n');
	failures += !good;
}

static PGconn *
open_as(const char *user)
{
	const char *keys[] = {"user", NULL};
	const char *values[] = {user, NULL};
	PGconn	   *conn = PQconnectdbParams(keys, values, 0);

	if (PQstatus(conn) != CONNECTION_OK)
	{
		fprintf(stderr, "%s", PQerrorMessage(conn));
		exit(2);
	}
	return conn;
}

/* Must succeed. */
static PGresult *
must(PGconn * conn, const char *sql)
{
	PGresult   *res = PQexec(conn, sql);

	if (PQresultStatus(res) != PGRES_TUPLES_OK && PQresultStatus(res) != PGRES_COMMAND_OK)
	{
		fprintf(stderr, "%s\n%s", sql, PQerrorMessage(conn));
		exit(2);
	}
	return res;
}

/* What a statement gave, in comparable form: bytes in hexadecimal. */
static void
note(char *to, size_t size, PGresult * res)
{
	size_t		n = 0;
	int			i,
				j,
				k;

	if (PQresultStatus(res) != PGRES_TUPLES_OK)
	{
		const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

		snprintf(to, size, "%s %s", state ? state : PQresStatus(PQresultStatus(res)), PQresultErrorMessage(res));
		return;
	}
	to[0] = '\0';
	for (i = 0; i < PQntuples(res); i++)
		for (j = 0; j < PQnfields(res); j++)
		{
			if (PQgetisnull(res, i, j))
				n += snprintf(to + n, size - n, "NULL");
			for (k = 0; k < PQgetlength(res, i, j) && n + 4 < size; k++)
				n += snprintf(to + n, size - n, "%02x", (unsigned char) PQgetvalue(res, i, j)[k]);
			if (n + 4 < size)
				n += snprintf(to + n, size - n, "|");
		}
}

typedef struct Value
{
	const char *text;
	char		binary[256];
	int			len;
}			Value;

typedef struct Try
{
	PGconn	   *conn;
	const char *type;
	Oid			oid;			/* of parameters; 0 is unknown */
	Oid			array_oid;
	int			in;				/* 1: binary parameters */
	int			out;			/* 1: binary results */
	Value	   *v;
	char		array[1024];
}			Try;

#define STEPS 14
static const char *const step_name[STEPS] = {
	"insert", "select", "NULL", "returning", "array", "array back", "prepared", "where =", "where <>",
	"where = ANY", "update", "pipeline", "copy", "simple query"
};

static PGresult *
params(Try * t, const char *sql, const Value * v, const char *array, const char *prepared)
{
	Oid			types[1];
	const char *values[1];
	int			lengths[1],
				formats[1];

	types[0] = array ? t->array_oid : t->oid;
	values[0] = array ? array : !v ? NULL : t->in ? v->binary : v->text;
	lengths[0] = v ? v->len : 0;
	formats[0] = array ? 0 : t->in;
	if (prepared)
		return PQexecPrepared(t->conn, prepared, 1, values, lengths, formats, t->out);
	return PQexecParams(t->conn, sql, 1, types, values, lengths, formats, t->out);
}

static PGresult *
step(Try * t, int number, const char *table)
{
	char		sql[2048],
			   *quoted;
	PGresult   *res = NULL;
	int			i;

#define SQL(...) (snprintf(sql, sizeof(sql), __VA_ARGS__), sql)
	switch (number)
	{
		case 0:
			return params(t, SQL("INSERT INTO %s%s (id, v) VALUES (1, $1)", table, t->type), &t->v[0], NULL, NULL);
		case 1:
			return PQexecParams(t->conn, SQL("SELECT v FROM %s%s WHERE id = 1", table, t->type), 0, NULL, NULL, NULL, NULL, t->out);
		case 2:
			return params(t, SQL("INSERT INTO %s%s (id, v) VALUES (2, $1) RETURNING v", table, t->type), NULL, NULL, NULL);
		case 3:
			return params(t, SQL("INSERT INTO %s%s (id, v) VALUES (3, $1) RETURNING v", table, t->type), &t->v[1], NULL, NULL);
		case 4:
			return params(t, SQL("INSERT INTO %s%s (id, vs) VALUES (4, $1)", table, t->type), NULL, t->array, NULL);
		case 5:
			return PQexecParams(t->conn, SQL("SELECT vs FROM %s%s WHERE id = 4", table, t->type), 0, NULL, NULL, NULL, NULL, 0);
		case 6:
			{
				Oid			types[1];

				types[0] = t->oid;
				PQclear(PQexec(t->conn, "DEALLOCATE ALL"));
				res = PQprepare(t->conn, "p", SQL("UPDATE %s%s SET v = $1 WHERE id = 1 RETURNING v", table, t->type), 1, types);
				if (PQresultStatus(res) != PGRES_COMMAND_OK)
					return res;
				for (i = 0; i < 8; i++)
				{
					PQclear(res);
					res = params(t, NULL, &t->v[i % 3], NULL, "p");
				}
				return res;
			}
		case 7:
			return params(t, SQL("SELECT id FROM %s%s WHERE v = $1 ORDER BY id", table, t->type), &t->v[1], NULL, NULL);
		case 8:
			return params(t, SQL("SELECT id FROM %s%s WHERE v <> $1 ORDER BY id", table, t->type), &t->v[2], NULL, NULL);
		case 9:
			return params(t, SQL("SELECT id FROM %s%s WHERE v = ANY($1) ORDER BY id", table, t->type), NULL, t->array, NULL);
		case 10:
			return params(t, SQL("UPDATE %s%s SET v = $1 WHERE id IN (1, 2)", table, t->type), &t->v[0], NULL, NULL);
		case 11:
			PQenterPipelineMode(t->conn);
			for (i = 0; i < 3; i++)
			{
				const char *values[1];
				int			lengths[1],
							formats[1];
				Oid			types[1];

				types[0] = t->oid;
				values[0] = t->in ? t->v[i].binary : t->v[i].text;
				lengths[0] = t->v[i].len;
				formats[0] = t->in;
				PQsendQueryParams(t->conn, SQL("INSERT INTO %s%s (id, v) VALUES (%d, $1) RETURNING v", table, t->type, 10 + i), 1,
								  types, values, lengths, formats, t->out);
			}
			PQpipelineSync(t->conn);
			for (i = 0; i < 3; i++)
			{
				PGresult   *one = PQgetResult(t->conn);

				PQclear(res);
				res = one;
				while ((one = PQgetResult(t->conn)))
					PQclear(one);
			}
			PQclear(PQgetResult(t->conn));	/* the synchronization */
			PQexitPipelineMode(t->conn);
			return res;
		case 12:
			res = PQexec(t->conn, SQL("COPY %s%s (id, v) FROM STDIN (FORMAT csv)", table, t->type));
			if (PQresultStatus(res) != PGRES_COPY_IN)
				return res;
			PQclear(res);
			for (i = 0; i < 3; i++)
			{
				const char *s;
				char		line[1024];
				size_t		n = snprintf(line, sizeof(line), "%d,\"", 20 + i);

				for (s = t->v[i].text; *s; s++)
				{
					if (*s == '"')
						line[n++] = '"';
					line[n++] = *s;
				}
				line[n++] = '"';
				line[n++] = '\n';
				PQputCopyData(t->conn, line, n);
			}
			PQputCopyEnd(t->conn, NULL);
			while ((res = PQgetResult(t->conn)))
				PQclear(res);
			return PQexecParams(t->conn, SQL("SELECT v FROM %s%s WHERE id >= 20 ORDER BY id", table, t->type), 0, NULL, NULL, NULL, NULL, t->out);
		default:
			quoted = PQescapeLiteral(t->conn, t->v[2].text, strlen(t->v[2].text));
			res = PQexec(t->conn, SQL("INSERT INTO %s%s (id, v) VALUES (30, %s) RETURNING v", table, t->type, quoted));
			PQfreemem(quoted);
			return res;
	}
}

static void
reader(PGconn * conn, const char *type, Try * t)
{
	static char want[65536],
				got[65536];
	int			i;
	char		sql[256],
				how[64];
	PGresult   *res;

	snprintf(how, sizeof(how), "%s, %s parameters %s, results %s", type, t->oid ? "typed" : "untyped", t->in ? "binary" : "text", t->out ? "binary" : "text");
	snprintf(sql, sizeof(sql), "DELETE FROM plain_%s; DELETE FROM enc_%s", type, type);
	PQclear(must(conn, sql));
	for (i = 0; i < STEPS; i++)
	{
		bool		both;

		res = step(t, i, "plain_");
		note(want, sizeof(want), res);
		PQclear(res);
		res = step(t, i, "enc_");
		both = strstr(want, "ERROR") != NULL;
		note(got, sizeof(got), res);
		PQclear(res);
		/* What the plain type refuses is no measure. */
		ok(both || strcmp(want, got) == 0, "%s: %s%s", how, step_name[i], both ? " (refused by the plain type)" : "");
		if (!both && strcmp(want, got) != 0)
			printf("# plain: %s\n# encrypted: %s\n", want, got);
	}
}

static void
clerk(PGconn * conn, const char *type, Try * t, const char *mode)
{
	char		sql[512];
	PGresult   *res,
			   *real;
	PGconn	   *other = open_as("client_reader");
	bool		shown;

	snprintf(sql, sizeof(sql), "DELETE FROM enc_%s", type);
	PQclear(must(other, sql));
	t->conn = other;
	PQclear(step(t, 0, "enc_"));
	t->conn = conn;
	snprintf(sql, sizeof(sql), "SELECT v FROM enc_%s WHERE id = 1", type);
	real = PQexecParams(other, sql, 0, NULL, NULL, NULL, NULL, t->out);
	res = PQexecParams(conn, sql, 0, NULL, NULL, NULL, NULL, t->out);
	shown = PQntuples(res) != 1 || (PQgetlength(res, 0, 0) == PQgetlength(real, 0, 0) && !PQgetisnull(res, 0, 0) &&
									memcmp(PQgetvalue(res, 0, 0), PQgetvalue(real, 0, 0), PQgetlength(res, 0, 0)) == 0);
	ok(!shown, "%s, %s: a clerk does not see the value%s", type, t->out ? "binary" : "text", "");
	if (strcmp(mode, "plain") == 0)
		ok(t->out ? PQgetvalue(res, 0, 0)[0] == (char) 0xC1 : strncmp(PQgetvalue(res, 0, 0), "cip1:", 5) == 0,
		   "%s, %s: but ciphertext%s", type, t->out ? "binary" : "text", "");
	if (strcmp(mode, "plain") == 0)
	{
		/* What he got, in either format, is written back as it was. */
		const char *values[1] = {PQgetvalue(res, 0, 0)};
		int			lengths[1] = {PQgetlength(res, 0, 0)};
		int			formats[1] = {t->out};
		PGresult   *back;

		snprintf(sql, sizeof(sql), "UPDATE enc_%s SET v = $1 WHERE id = 1", type);
		back = PQexecParams(conn, sql, 1, NULL, values, lengths, formats, 0);
		ok(PQresultStatus(back) == PGRES_COMMAND_OK, "%s, %s: takes it back%s", type, t->out ? "binary" : "text", "");
		PQclear(back);
		snprintf(sql, sizeof(sql), "SELECT v FROM enc_%s WHERE id = 1", type);
		back = PQexecParams(other, sql, 0, NULL, NULL, NULL, NULL, t->out);
		ok(PQgetlength(back, 0, 0) == PQgetlength(real, 0, 0) && memcmp(PQgetvalue(back, 0, 0), PQgetvalue(real, 0, 0), PQgetlength(back, 0, 0)) == 0,
		   "%s, %s: the value is what it was%s", type, t->out ? "binary" : "text", "");
		PQclear(back);
	}
	PQclear(res);
	res = step(t, 7, "enc_");
	ok(PQntuples(res) == 0, "%s, %s: finds nothing by value%s", type, t->out ? "binary" : "text", "");
	PQclear(res);
	res = step(t, 3, "enc_");
	ok(PQresultStatus(res) == PGRES_TUPLES_OK, "%s, %s: inserts%s", type, t->out ? "binary" : "text", "");
	PQclear(res);
	PQclear(real);
	PQfinish(other);
}

int
main(int argc, char **argv)
{
	PGconn	   *admin = open_as("postgres"),
			   *conn;
	PGresult   *types;
	int			i,
				j,
				k;

	if (argc != 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	conn = open_as(argv[1]);
	PQclear(must(admin, "SET client_min_messages = warning"));
	types = must(admin, "SELECT name, plain, plain::regtype::oid, typarray, v1, v2, v3 FROM client_type, pg_type t "
				 "WHERE t.oid = plain::regtype ORDER BY name");
	for (i = 0; i < PQntuples(types); i++)
	{
		Value		v[3];
		Try			t = {.conn = conn,.v = v,.type = PQgetvalue(types, i, 0)};
		size_t		n;

		n = snprintf(t.array, sizeof(t.array), "{NULL");
		for (j = 0; j < 3; j++)
		{
			char		sql[256];
			PGresult   *res;
			const char *values[1];
			const char *s;

			v[j].text = values[0] = PQgetvalue(types, i, 4 + j);
			snprintf(sql, sizeof(sql), "SELECT $1::%s", PQgetvalue(types, i, 1));
			res = PQexecParams(admin, sql, 1, NULL, values, NULL, NULL, 1);
			v[j].len = PQgetlength(res, 0, 0);
			memcpy(v[j].binary, PQgetvalue(res, 0, 0), v[j].len);
			PQclear(res);
			if (j == 2)
				break;
			t.array[n++] = ',';
			t.array[n++] = '"';
			for (s = v[j].text; *s; s++)
			{
				if (*s == '"' || *s == '\\')
					t.array[n++] = '\\';
				t.array[n++] = *s;
			}
			t.array[n++] = '"';
		}
		strcpy(t.array + n, "}");
		for (k = 0; k < 8; k++)
		{
			t.out = k & 1;
			t.in = (k >> 1) & 1;
			t.oid = k & 4 ? (Oid) atol(PQgetvalue(types, i, 2)) : 0;
			t.array_oid = k & 4 ? (Oid) atol(PQgetvalue(types, i, 3)) : 0;
			if (strcmp(argv[1], "client_reader") == 0)
				reader(conn, t.type, &t);
			else if (k < 2)
				clerk(conn, t.type, &t, argv[2]);
		}
	}
	printf("1..%d\n", count);
	return failures ? 1 : 0;
}

/*
 * drive.c
 *		What one short statement costs the server process.
 *
 *	gcc -std=gnu99 -O2 -I$(pg_config --includedir) test/bench/drive.c \
 *		-L$(pg_config --libdir) -lpq -o /tmp/drive
 *	drive VARIANTS ROUNDS PASSES
 *
 * VARIANTS has lines of tab-separated fields:
 *
 *	series, variant		names
 *	conninfo			of libpq
 *	role				for SET ROLE, or -
 *	protocol			simple: one string each; prepared: planned once, as
 *						pgbench -M prepared does; planned: prepared, but
 *						planned each time; unit: a string with a loop of its
 *						own, for which unit values are counted
 *	batch				statements of a pass
 *	keys				statements get a number from 1 to that
 *	statement			with KEY where the number goes
 *
 * Prints round, series, variant, statements, CPU ns and wall ns of each pass.
 *
 * All variants of a series, of one server or of two, have a connection each,
 * and take turns with batches of some milliseconds, so that whatever else the
 * machine does falls on all of them.  Each round has new connections, since
 * processes differ for as long as they live.  CPU time is read from the
 * kernel, which brings it up to date when the process waits; hence the short
 * sleep.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

#define MAX_VARIANTS	64
#define MAX_LINE		8192
#define UNIT			1000	/* turns of the loop in a statement */

typedef struct CgVariant
{
	char	   *field[8];
	const char *mode;
	int			batch;
	int			keys;
	char	   *text;			/* statement, its KEY replaced by $1 or by %d */
	PGconn	   *conn;
	FILE	   *stat;
} CgVariant;

static CgVariant variants[MAX_VARIANTS];
static int	num_variants = 0;

static void read_variants(const char *file);
static void measure(int round, int passes, int first, int end);
static void begin(CgVariant *v);
static void end_variant(CgVariant *v);
static void batch(CgVariant *v, unsigned seed);
static void command(CgVariant *v, const char *sql);
static void check(CgVariant *v, PGresult * res);
static long long cpu_of(CgVariant *v);
static long long wall(void);
static void die(const char *what, const char *detail);

int
main(int argc, char **argv)
{
	int			rounds;
	int			round;

	if (argc != 4)
		die("usage", "drive VARIANTS ROUNDS PASSES");
	read_variants(argv[1]);
	rounds = atoi(argv[2]);
	for (round = 1; round <= rounds; round++)
	{
		int			first = 0;
		int			i;

		for (i = 1; i <= num_variants; i++)
		{
			if (i < num_variants && strcmp(variants[i].field[0],
										   variants[first].field[0]) == 0)
				continue;
			measure(round, atoi(argv[3]), first, i);
			first = i;
		}
		fprintf(stderr, "         round %d of %d\n", round, rounds);
	}
	return 0;
}

static void
read_variants(const char *file)
{
	static char line[MAX_LINE];
	FILE	   *in = fopen(file, "r");

	if (in == NULL)
		die("cannot open", file);
	while (fgets(line, sizeof(line), in) != NULL)
	{
		CgVariant  *v = &variants[num_variants++];
		char	   *p = strdup(line);
		char	   *key;
		int			i;

		if (num_variants > MAX_VARIANTS)
			die("too many variants", file);
		for (i = 0; i < 8; i++)
		{
			v->field[i] = strsep(&p, "\t\n");
			if (v->field[i] == NULL)
				die("too few fields", line);
		}
		v->mode = v->field[4];
		v->batch = atoi(v->field[5]);
		v->keys = atoi(v->field[6]);
		key = strstr(v->field[7], "KEY");
		v->text = malloc(strlen(v->field[7]) + 8);
		if (key == NULL || strcmp(v->mode, "unit") == 0)
			strcpy(v->text, v->field[7]);
		else
			sprintf(v->text, "%.*s%s%s", (int) (key - v->field[7]),
					v->field[7], strcmp(v->mode, "simple") == 0 ? "%d" : "$1",
					key + 3);
	}
	fclose(in);
}

/* One round of a series. */
static void
measure(int round, int passes, int first, int end)
{
	int			n = end - first;
	int			pass;
	int			i;

	for (i = first; i < end; i++)
		begin(&variants[i]);
	for (pass = 0; pass < passes; pass++)
		for (i = 0; i < n; i++)
		{
			CgVariant  *v = &variants[first + (i + pass) % n];
			long long	cpu = cpu_of(v);
			long long	from = wall();

			batch(v, (unsigned) (round * 1000 + pass));
			from = wall() - from;
			printf("%d\t%s\t%s\t%d\t%lld\t%lld\n", round, v->field[0],
				   v->field[1], strcmp(v->mode, "unit") == 0 ?
				   v->batch * UNIT : v->batch, cpu_of(v) - cpu, from);
		}
	for (i = first; i < end; i++)
		end_variant(&variants[i]);
	fflush(stdout);
}

static void
begin(CgVariant *v)
{
	char		buf[MAX_LINE];

	v->conn = PQconnectdb(v->field[2]);
	if (PQstatus(v->conn) != CONNECTION_OK)
		die(v->field[2], PQerrorMessage(v->conn));
	snprintf(buf, sizeof(buf), "/proc/%d/schedstat", PQbackendPID(v->conn));
	v->stat = fopen(buf, "r");
	if (v->stat == NULL)
		die("cannot open", buf);
	setvbuf(v->stat, NULL, _IONBF, 0);
	command(v, "SET jit = off");
	command(v, "SET max_parallel_workers_per_gather = 0");
	if (strcmp(v->mode, "planned") == 0)
		command(v, "SET plan_cache_mode = force_custom_plan");
	if (strcmp(v->field[3], "-") != 0)
	{
		snprintf(buf, sizeof(buf), "SET ROLE %s", v->field[3]);
		command(v, buf);
	}
	if (strcmp(v->mode, "prepared") == 0 || strcmp(v->mode, "planned") == 0)
		check(v, PQprepare(v->conn, "s", v->text, 0, NULL));
	/* The first calls pay for loading and caching. */
	batch(v, 1);
}

static void
end_variant(CgVariant *v)
{
	PQfinish(v->conn);
	fclose(v->stat);
}

static void
batch(CgVariant *v, unsigned seed)
{
	char		sql[MAX_LINE];
	char		key[16];
	const char *keys[1] = {key};
	int			i;

	for (i = 0; i < v->batch; i++)
	{
		int			number = rand_r(&seed) % v->keys + 1;

		if (strcmp(v->mode, "simple") == 0)
		{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(sql, sizeof(sql), v->text, number);
#pragma GCC diagnostic pop
			check(v, PQexec(v->conn, sql));
		}
		else if (strcmp(v->mode, "unit") == 0)
			check(v, PQexec(v->conn, v->text));
		else
		{
			snprintf(key, sizeof(key), "%d", number);
			check(v, PQexecPrepared(v->conn, "s", 1, keys, NULL, NULL, 0));
		}
	}
}

static void
command(CgVariant *v, const char *sql)
{
	check(v, PQexec(v->conn, sql));
}

static void
check(CgVariant *v, PGresult * res)
{
	if (PQresultStatus(res) != PGRES_COMMAND_OK &&
		PQresultStatus(res) != PGRES_TUPLES_OK)
		die(v->field[7], PQerrorMessage(v->conn));
	PQclear(res);
}

static long long
cpu_of(CgVariant *v)
{
	long long	cpu;

	usleep(1000);
	rewind(v->stat);
	if (fscanf(v->stat, "%lld", &cpu) != 1)
		die("cannot read", "schedstat");
	return cpu;
}

static long long
wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void
die(const char *what, const char *detail)
{
	fprintf(stderr, "drive: %s: %s\n", what, detail);
	exit(1);
}

#!/bin/bash
#
# audit.sh
#		What auditing costs: the part of run.sh that can also be run alone.
#
#	audit.sh [quick]
#
# Runs against the server that PGHOST, PGPORT and PGUSER (a superuser) name;
# run.sh calls it.  Prints two tables in Markdown: ratios with what they compare, and
# the limits that must hold.  Fails if a limit is not met, and says which.
#
#	CIPGUARD_BENCH_ROUNDS	5
#	CIPGUARD_BENCH_OUT		directory to keep the raw results in
#	CIPGUARD_BENCH_PGAUDIT_PORT	of a server of the same host that preloads
#							pgaudit; unset: it is not compared with
#
# "quick" means 20000 rows and 1 round: to see that it runs, not to measure.
#
# Method: bulk statements of 200000 rows, the variants one after another, each
# round beginning with another one; the measure is the CPU time of the server
# process, and the figure of a ratio the median of the rounds, in each of which
# both were measured.  Single rows are updated by pgbench with two clients and
# prepared statements, synchronous_commit off; there the measure is
# transactions by the clock, since that is what a user waits for.  A server
# with pgaudit has its own baseline: the same statements, not logged.
#
# Peers: a row trigger in PL/pgSQL that writes jsonb, table_log (a tenth of the
# rows, being slow), pgaudit.  What is not installed is left out.
#
# Makes the database cipguard_bench_audit in both servers and drops it again.

set -eu -o pipefail
cd "$(dirname "$0")"
: "${PGHOST:?}" "${PGPORT:?}" "${PGUSER:?}"

case ${1:-} in
	quick) rows=20000 rounds=1 seconds=1 ;;
	'') rows=200000 rounds=${CIPGUARD_BENCH_ROUNDS:-5} seconds=8 ;;
	*) echo 'usage: audit.sh [quick]' >&2; exit 2 ;;
esac
pgaudit=${CIPGUARD_BENCH_PGAUDIT_PORT:-}
export PGDATABASE=cipguard_bench_audit PGCLIENTENCODING=UTF8
tmp=$(mktemp -d)

drop()
{
	PGDATABASE=postgres psql -Xq -c 'DROP DATABASE IF EXISTS cipguard_bench_audit WITH (FORCE)' 2>&1 |
		grep -v 'does not exist, skipping' >&2 || true
}

clean_up()
{
	rm -rf "$tmp"
	drop
	[ -z "$pgaudit" ] || PGPORT=$pgaudit drop
}

progress()
{
	printf '%s %s\n' "$(date +%T)" "$*" >&2
}

# make_tables OURS: a database with all tables; peers as far as installed.
make_tables()
{
	local peer

	drop
	psql -Xq -d postgres -c "CREATE DATABASE cipguard_bench_audit TEMPLATE template0 ENCODING 'UTF8'"
	peer=$(psql -XqAt -c "SELECT count(*) > 0 FROM pg_available_extensions WHERE name = 'table_log'")
	[ "$1" = true ] || peer=false
	psql -Xq -v rows="$rows" -v ours="$1" -v peer="$peer" -f audit.sql >"$tmp/setup.out"
}

# at VARIANT COMMAND...: with the server and the settings of a variant.
at()
{
	local port=$PGPORT options='-c synchronous_commit=off'

	case $1 in
		pgaudit) port=$pgaudit options+=' -c pgaudit.log=write -c pgaudit.log_relation=on -c pgaudit.log_rows=on -c pgaudit.log_parameter=on' ;;
		unlogged) port=$pgaudit options+=' -c pgaudit.log=none' ;;
	esac
	PGPORT=$port PGOPTIONS=$options "${@:2}"
}

table_of()
{
	case $1 in
		pgaudit | unlogged) echo plain ;;
		*) echo "$1" ;;
	esac
}

# bulk ROUND VARIANT: all rows in, then all rows changed.
bulk()
{
	local t n=$rows

	t=$(table_of "$2")
	[ "$2" != tablelog ] || n=$((rows / 10))
	at "$2" psql -Xq <<-END
		\\set ON_ERROR_STOP on
		\\o /dev/null
		SET jit = off;
		SET max_parallel_workers_per_gather = 0;
		TRUNCATE bench.$t;
		INSERT INTO bench.$t SELECT * FROM bench.source LIMIT 1;
		TRUNCATE bench.$t;
		CHECKPOINT;
		SELECT cpu, wall FROM bench.clock() \\gset
		INSERT INTO bench.$t SELECT * FROM bench.source LIMIT $n;
		CALL bench.note($1, 'insert', '$2', $n, :cpu, :wall);
		VACUUM bench.$t;
		CHECKPOINT;
		SELECT cpu, wall FROM bench.clock() \\gset
		UPDATE bench.$t SET amount = amount + 1, remark = 'round $1';
		CALL bench.note($1, 'update', '$2', $n, :cpu, :wall);
		VACUUM bench.$t;
	END
}

# hot ROUND VARIANT: change rows of a table whose pages have room for it.
hot()
{
	at "$2" psql -Xq <<-END
		\\set ON_ERROR_STOP on
		\\o /dev/null
		SET jit = off;
		INSERT INTO bench.$2 SELECT * FROM bench.source ON CONFLICT DO NOTHING;
		VACUUM bench.$2;
		CHECKPOINT;
		SELECT cpu, wall FROM bench.clock() \\gset
		UPDATE bench.$2 SET amount = amount + 1, remark = 'round $1';
		CALL bench.note($1, 'hot', '$2', $rows, :cpu, :wall);
	END
}

# single ROUND VARIANT: what pgbench counts, as time per transaction.
single()
{
	local t n

	t=$(table_of "$2")
	printf '\\set id random(0, %d)\nUPDATE bench.%s SET amount = amount + 1 WHERE id = :id;\n' "$((rows - 1))" "$t" >"$tmp/single.sql"
	at "$2" psql -Xqc CHECKPOINT
	n=$(at "$2" pgbench -n -M prepared -c 2 -j 2 -T "$seconds" -f "$tmp/single.sql" 2>"$tmp/pgbench.err" |
		sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p')
	[ -n "$n" ] || { cat "$tmp/pgbench.err" >&2; return 1; }
	printf '%s\tsingle\t%s\t%s\t%s\t%s\n' "$1" "$2" "$n" "${seconds}000000000" "${seconds}000000000" >>"$tmp/results.tsv"
}

# of_round ROUND FUNCTION VARIANT...: each round begins with another one.
of_round()
{
	local i

	for ((i = 0; i < $# - 2; i++)); do
		"$2" "$1" "${@:3 + (i + $1) % ($# - 2):1}"
	done
}

results_of()
{
	psql -XqAt -F $'\t' -c 'SELECT round, series, variant, n, cpu, wall FROM bench.result' >>"$tmp/results.tsv"
}

trap clean_up EXIT
: >"$tmp/results.tsv"
progress "audit: $rows rows, $rounds rounds"
make_tables true
variants=(plain audit subject jsonb)
[ "$(psql -XqAt -c "SELECT to_regclass('bench.tablelog') IS NOT NULL")" = f ] || variants+=(tablelog)
if [ -n "$pgaudit" ]; then
	PGPORT=$pgaudit make_tables false
	PGPORT=$pgaudit psql -Xqc 'CREATE EXTENSION pgaudit'
	variants+=(unlogged pgaudit)
fi
for ((round = 1; round <= rounds; round++)); do
	progress "         round $round of $rounds"
	of_round "$round" bulk "${variants[@]}"
	of_round "$round" hot hot_plain hot_audit
	of_round "$round" single "${variants[@]}"
done
results_of
[ -z "$pgaudit" ] || PGPORT=$pgaudit results_of
psql -XqAt -F $'\t' >"$tmp/facts.tsv" <<'END'
SELECT 'bytes_' || kind::text, round(avg(pg_column_size(e.*))) FROM cipguard.audit_event e WHERE relname = 'bench.audit' AND kind IN ('I', 'U') GROUP BY kind;
SELECT 'bytes_jsonb_' || left(op, 1), round(avg(pg_column_size(l.*))) FROM bench.jsonb_log l GROUP BY op;
SELECT 'bytes_row', round(avg(pg_column_size(s.*))) FROM bench.source s;
SELECT 'events', count(*) FROM cipguard.audit_event;
SELECT 'bytes_stored', round(sum(pg_total_relation_size(c.oid)) / (SELECT count(*) FROM cipguard.audit_event))
	FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'cipguard.audit_change'::regclass;
END
if [ -n "${CIPGUARD_BENCH_OUT:-}" ]; then
	mkdir -p "$CIPGUARD_BENCH_OUT"
	for f in results facts; do cp "$tmp/$f.tsv" "$CIPGUARD_BENCH_OUT/audit_$f.tsv"; done
fi
perl audit.pl "$tmp/facts.tsv" "$tmp/results.tsv"
